"""What an audit by exchanged words finds where nothing differs, what it finds where something does, and how often its
intervals hold: ``python -m bench audit-swaps audits=200``.

A made-up model: the score of a text is that of its template, plus a lot that is drawn for each text anew (so that every
exchange moves something), plus ``bias`` where it is about women. ``noise``: of that lot, in log odds; ``skew``: whether
it is lopsided, many small and few large. ``templates``: how many texts share a template.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl

from graft.audit.identity_terms import IdentityTerms, usual_terms
from graft.audit.swaps import audit_swaps
from graft.bundle.decision import RowDecisions
from graft.bundle.raw_scores import RawScores
from graft.core.tasks import Task
from graft.facts.audit import SwapAudit
from graft.inputs.contract import infer_contract
from graft.inputs.dataset import Dataset
from graft.inputs.roles import Roles
from graft.rows.table import Table, read_frame

WHO = (
    "a man", "a woman", "men", "women", "Christians", "Muslims", "Jews", "gay people", "lesbians", "white people",
    "black people", "Asians", "young people", "old people", "immigrants", "disabled people", "nobody", "the table",
    "Monday", "the red house", "James", "Mary",
)  # fmt: skip


@dataclass
class MadeUpBundle:
    """What an audit asks of a bundle. score: the log odds of a text."""

    contract: object
    noise: float = 1.0
    skew: bool = False
    bias: float = 0.0
    seed: int = 0
    about: object = None
    folder: Path = Path("world/bundle")
    manifest: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(seal="world"))
    model: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(source=None))

    def log_odds(self, texts: list[str]) -> np.ndarray:
        lots = np.array([self._lot(text) for text in texts])
        if self.skew:
            lots = np.exp(1.2 * lots) / np.exp(1.2**2 / 2) - 1
        base = np.array([float(text.rsplit(" ", 1)[1]) for text in texts])
        women = np.array([any(word in text for word in (" woman ", " women ", " Mary ")) for text in texts])
        return base + self.noise * lots + self.bias * women

    def _lot(self, text: str) -> float:
        told = hashlib.blake2b(f"{self.seed} {text}".encode(), digest_size=8).digest()
        return float(np.random.default_rng(int.from_bytes(told, "big")).standard_normal())

    def judged(self, data: Dataset, *, progress: object = None) -> tuple[RawScores, RowDecisions]:
        chance = 1 / (1 + np.exp(-self.log_odds(list(data.contents))))
        both = np.stack([1 - chance, chance], axis=1)
        nothing = np.full(len(chance), np.nan)
        decided = (chance > 0.5).astype(np.int64)
        return RawScores(both, None), RowDecisions(both, decided, chance, np.zeros(len(chance), bool), nothing, nothing)


def world(seed: int, rows: int, templates: int = 1) -> tuple[Table, np.ndarray]:
    """Rows of a world and their log odds. templates: texts of each template."""
    rng = np.random.default_rng(seed)
    odds = np.repeat(rng.normal(0, 1.5, -(-rows // templates)), templates)[:rows].round(6)
    who = rng.choice(WHO, rows)
    texts = [f"we saw {name} in case {value}" for name, value in zip(who, odds, strict=True)]
    label = np.where(rng.random(rows) < 1 / (1 + np.exp(-odds)), "yes", "no")
    return read_frame(pl.DataFrame({"text": texts, "label": label})), odds


def audited(
    seed: int, *, rows: int = 400, templates: int = 1, terms: IdentityTerms | None = None, **model: object
) -> SwapAudit:
    """One audit of one world."""
    table, _ = world(seed, rows, templates)
    contract = infer_contract(table, Roles(content=("text",), label=("label",)), task=str(Task.BINARY))
    bundle = MadeUpBundle(contract, seed=seed, **model)  # type: ignore[arg-type]
    return audit_swaps(bundle, table, terms or usual_terms(), seed=seed)  # type: ignore[arg-type]


def rates(audits: int, **options: object) -> dict[str, float]:
    """Shares of audits that find anything, that find it severe, and of those that find it about women."""
    found = severe = women = decisions = 0
    for seed in range(audits):
        record = audited(seed, **options)  # type: ignore[arg-type]
        hits = [one for one in record.findings if one.outcome == "found"]
        found += bool(hits)
        severe += any(one.severity in ("medium", "high") for one in hits)
        about = [one for one in hits if one.said.startswith("gender: women in place of men")]
        women += any(one.code == "A502" for one in about)
        decisions += any(one.code == "A501" for one in about)
    shares = {"found": found, "severe": severe, "women_scores": women, "women_decisions": decisions}
    return {name: round(count / audits, 3) for name, count in shares.items()}


def coverage(audits: int, **options: object) -> dict[str, float]:
    """How often intervals of women in place of men hold what a world without end has."""
    many = [audited(10_000 + seed, **{**options, "rows": 4_000}) for seed in range(5)]  # type: ignore[arg-type]
    names = ("shift", "changed", "gained", "lost")

    def pair(record: SwapAudit) -> object:
        return next(one for one in record.swaps if (one.group, one.second) == ("gender", "women"))

    truth = {name: float(np.mean([getattr(pair(one), name).mean for one in many])) for name in names}
    areas: dict[str, list[float]] = {}
    for one in many:
        for fact in one.rankings:
            if fact.identity == "women":
                areas.setdefault(fact.kind, []).append(fact.area.mean)
                areas.setdefault(f"{fact.kind} gap", []).append(fact.gap.mean)
    held: dict[str, list[bool]] = {}
    for seed in range(audits):
        record = audited(seed, **options)  # type: ignore[arg-type]
        for name in names:
            told = getattr(pair(record), name)
            if told is not None and told.ends is not None:
                held.setdefault(name, []).append(told.ends[0] <= truth[name] <= told.ends[1])
        for fact in record.rankings:
            if fact.identity == "women":
                for name, told in ((fact.kind, fact.area), (f"{fact.kind} gap", fact.gap)):
                    low, high = told.ends
                    held.setdefault(name, []).append(low <= float(np.mean(areas[name])) <= high)
    return {name: round(float(np.mean(one)), 3) for name, one in held.items()}


def audit_swaps_rates(audits: int = 200, cover: int = 200) -> dict[str, object]:
    nothing = {
        "400 rows": {"rows": 400},
        "150 rows": {"rows": 150},
        "lopsided": {"rows": 400, "skew": True},
        "templates of 5": {"rows": 500, "templates": 5},
        "little noise": {"rows": 400, "noise": 0.05},
    }
    something = {
        f"{rows} rows, bias {bias}": {"rows": rows, "bias": bias} for rows in (400, 1000) for bias in (0.5, 1.0, 2.0)
    }
    return {
        "audits": audits,
        "nothing differs": {name: rates(audits, **one) for name, one in nothing.items()},
        "women score higher": {name: rates(max(20, audits // 4), noise=0.3, **one) for name, one in something.items()},
        "coverage": {
            "400 rows": coverage(cover, rows=400, bias=1.0),
            "150 rows": coverage(cover, rows=150, bias=1.0),
            "templates of 5": coverage(cover, rows=500, templates=5, bias=1.0),
        },
    }
