"""Leakage of an attribute: false findings, coverage and power of the probes, in worlds whose truth is known.

``python -m bench audit-leakage worlds=200``: for each world the share of audits that find something (5 % or less where
there is nothing to find), and how often the interval of the linear probe holds what such probes find on average. The
worlds: ``nothing``; ``allowed`` (vectors carry a region, or an age and a region in curved ways, and so does the
attribute: nothing beyond them); ``beyond`` (something more); ``erased`` (classes that differ by their mean
alone, after erasure); ``curved`` (classes of one mean and another spread); ``people`` (ten rows of each person, and
nothing to find).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from graft.audit.leakage import LeakageQuestion
from graft.audit.leakage import audit_leakage as audited
from graft.audit.table_columns import TableColumns
from graft.evidence.attribute_probes import AskedRows, asked_rows, erased_columns, probe_columns, probed

World = tuple[np.ndarray, np.ndarray, list[np.ndarray], np.ndarray | None]
_WIDTH = 16


def nothing(rng: np.random.Generator, rows: int) -> World:
    return rng.standard_t(5, size=(rows, _WIDTH)), _classes(rng, np.full(rows, 0.3)), [], None


def shifted(rng: np.random.Generator, rows: int, lean: float = 0.7) -> World:
    vectors, known, _, _ = nothing(rng, rows)
    return vectors + lean * np.eye(_WIDTH)[0] * known[:, None], known, [], None


def curved(rng: np.random.Generator, rows: int) -> World:
    vectors, known, _, _ = nothing(rng, rows)
    return np.where(np.arange(_WIDTH) < 3, vectors * (1 + known[:, None]), vectors), known, [], None


def region(rng: np.random.Generator, rows: int, beyond: float = 0.0) -> World:
    """Eight regions which differ in their share of the attribute, and in their vectors."""
    where = rng.integers(8, size=rows)
    known = _classes(rng, np.linspace(0.1, 0.9, 8)[where])
    vectors = rng.normal(size=(rows, _WIDTH)) + 1.5 * rng.normal(size=(8, _WIDTH))[where]
    return vectors + beyond * np.eye(_WIDTH)[0] * known[:, None], known, [where], None


def age_and_region(rng: np.random.Generator, rows: int, beyond: float = 0.0) -> World:
    """An attribute that turns with age, otherwise in each region, and vectors that turn with age too."""
    age, where = rng.gamma(4, 10, rows), rng.integers(4, size=rows)
    known = _classes(rng, special.expit(3 * np.sin(age / 12 + where)))
    waves = np.stack([np.sin(age / 10), np.cos(age / 10), np.sin(age / 12 + where), np.log(age), where == 2], axis=1)
    vectors = rng.normal(size=(rows, _WIDTH)) + 1.5 * waves @ rng.normal(size=(5, _WIDTH)) / 2
    return vectors + beyond * np.eye(_WIDTH)[0] * known[:, None], known, [age, where], None


def people(rng: np.random.Generator, rows: int) -> World:
    who = np.arange(rows) // 10
    own = rng.normal(size=(who.max() + 1, _WIDTH))
    known = _classes(rng, np.full(who.max() + 1, 0.4))
    return own[who] + 0.5 * rng.normal(size=(rows, _WIDTH)), known[who], [], who


def _classes(rng: np.random.Generator, chance: np.ndarray) -> np.ndarray:
    known = (rng.random(len(chance)) < chance).astype(np.int64)
    known[:10] = np.arange(10) % 2  # a class of too few rows is another question
    return known


WORLDS: dict[str, tuple[Callable[[np.random.Generator, int], World], tuple[int, ...]]] = {
    "nothing": (nothing, (24, 60, 300, 2000)),
    "allowed: a region": (region, (120, 500, 2000)),
    "allowed: age and region": (age_and_region, (120, 500, 2000)),
    "people, nothing": (people, (400, 2000)),
    "erased: shifted": (shifted, (100, 500, 2000)),
    "shifted": (shifted, (40, 100, 500, 2000)),
    "curved": (curved, (100, 500, 2000)),
    "erased: curved": (curved, (500, 2000)),
    "beyond: a region": (lambda rng, rows: region(rng, rows, 0.7), (120, 500, 2000)),
    "beyond: age and region": (lambda rng, rows: age_and_region(rng, rows, 0.7), (120, 500, 2000)),
}


def one_audit(world: World, rng: np.random.Generator, *, erased: bool, draws: int = 199) -> tuple[bool, Any]:
    """Whether anything is found, and the interval of the linear probe."""
    vectors, known, given, groups = world
    asked: AskedRows = asked_rows(known, rng=rng, given=given, groups=groups, draws=draws)
    columns = erased_columns(vectors, np.eye(2)[known], asked, rng) if erased else probe_columns(vectors, asked, rng)
    found = probed(columns, asked, rng=rng)
    return min(one.p_value for one in found.values()) <= 0.05, found["linear"].area


def audit_leakage(worlds: int = 200, names: tuple[str, ...] = (), seed: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, (make, sizes) in WORLDS.items():
        if names and not any(name.startswith(one) for one in names):
            continue
        for rows in sizes:
            hits, areas = 0, []
            for place in range(worlds):
                rng = np.random.default_rng([seed, rows, place])
                hit, area = one_audit(make(rng, rows), rng, erased=name.startswith("erased"))
                hits += hit
                areas.append(area)
            truth = float(np.mean([one.mean for one in areas]))
            held = float(np.mean([one.low <= truth <= one.high for one in areas]))
            told[f"{name}, {rows} rows"] = {"found": hits / worlds, "area": round(truth, 3), "covered": held}
            print(name, rows, told[f"{name}, {rows} rows"], flush=True)
    return told


def whole_audits(draws: int = 200, rows: int = 200) -> dict[str, Any]:
    """Whole audits of three attributes, with clusters of rows, where vectors tell nothing: how many find anything."""
    found = [_whole(seed, rows) for seed in range(draws)]
    return {"draws": draws, "rows": rows, "found": float(np.mean(found))}


def _whole(seed: int, rows: int) -> bool:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(5, _WIDTH)) * 1.5
    vectors = rng.normal(size=(rows, _WIDTH)) + centres[rng.integers(5, size=rows)]
    columns = {
        "sex": pl.Series(rng.choice(["a", "b"], rows, p=[0.3, 0.7])),
        "region": pl.Series(rng.choice(list("vwxyz"), rows)),
        "age": pl.Series(rng.normal(40, 10, rows)),
    }
    given = TableColumns("simulated", np.arange(rows).astype(str), vectors.astype(np.float32), columns)
    told = audited(given, LeakageQuestion(tuple(columns)), seed=seed)
    return any(one.outcome == "found" for one in told.findings)
