"""How often audits of rankings find what is not there, how often they find a gap, and how often intervals hold it.

A simulated shop: every item has an appeal (normal, standard deviation ``spread`` in logarithms: at 1.5 a few items get
most), users add tastes of their own, may like groups as a whole (``clustered``), and take eight items by all of these.
Lists have twenty places, by the same appeal and a noise of their own. A gap takes something off the score of one group
of items, and not off what is taken. Whole audits: population, merit, concentration, quality and what two groups of
users are shown; a false finding is any. ``python -m bench audit-exposure draws=200``.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from bench.draws import Found
from graft.audit.item_groups import item_groups
from graft.audit.recommender import audit_lists
from graft.audit.search import SearchResults, audit_found
from graft.evidence.exposure import AuditedLists
from graft.facts.audit import AuditFinding, RecommenderAudit, ShareTest

USERS, PLACES, TAKEN, DRAWS = 200, 20, 8, 1_999
FIVE, FIFTY = (10, 30, 60, 100, 300), (10,) * 20 + (20,) * 20 + (50,) * 10
ALIKE: dict[str, dict[str, Any]] = {
    "5 groups": {"sizes": FIVE},
    "5 groups, few items get most": {"sizes": FIVE, "spread": 1.5},
    "5 groups, users like groups": {"sizes": (100,) * 5, "clustered": 1.0},
    "50 providers": {"sizes": FIFTY},
    "50 providers, few items get most": {"sizes": FIFTY, "spread": 1.5},
}
TREATED: dict[str, dict[str, Any]] = {
    "alike": {"sizes": FIVE},
    "few items get most": {"sizes": FIVE, "spread": 2.0},
    "users like groups": {"sizes": (100,) * 5, "spread": 0.3, "clustered": 2.0},
    "gaps": {"sizes": FIVE, "lifts": (-1.0, -1.0, 0.0, 0.0, 1.0)},
}


PARTS = ("false", "merit", "power", "intervals", "search")


def audit_exposure(draws: int = 200, parts: tuple[str, ...] = PARTS) -> Found:
    """Everything, or some parts."""
    found: Found = {"draws": draws}
    if "false" in parts:
        found["false findings"] = {name: _share(map(_any, _audits(draws, **how))) for name, how in ALIKE.items()}
    if "merit" in parts:
        found["false findings against merit, which groups differ in"] = _proportional(draws)
    for gap in (0.25, 0.5, 1.0, 2.0) if "power" in parts else ():
        audits = _audits(max(1, draws // 2), sizes=(200,) * 5, gap=gap)
        found[f"gap of {gap}, 200 of 1,000 items"] = {
            "ratio to merit": round(float(np.mean([_group(one, "g0") for one in audits])), 2),
            "found": _share(_found(one, "A402", "g0") for one in audits),
        }
    if "intervals" in parts:
        found["intervals"] = {name: _coverage(draws, **how) for name, how in TREATED.items()}
    if "search" in parts:
        found["search"] = {
            "false findings": _share(
                any(one.outcome == "found" for one in _searched(seed, 0.0)) for seed in range(draws)
            ),
            "own group found, a shift of half a deviation": _share(
                any(one.code == "A406" and one.outcome == "found" for one in _searched(seed, 0.5))
                for seed in range(draws)
            ),
        }
    return found


def world(
    seed: int, sizes: Sequence[int], *, spread: float = 1.0, clustered: float = 0.0, gap: float = 0.0,
    lifts: Sequence[float] = (), taken: int = TAKEN,
) -> tuple[AuditedLists, list[str]]:  # fmt: skip
    """Lists and merits, and the group of each item. gap: taken off the scores of the first group. lifts: added to the
    appeal of each, in lists and in what is taken."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    items = len(group)
    appeal = spread * rng.normal(size=items) + (np.asarray(lifts)[group] if len(lifts) else 0.0)
    wanted = appeal + clustered * rng.normal(size=(USERS, len(sizes)))[:, group]
    scores = wanted - gap * (group == 0) + rng.gumbel(size=wanted.shape)
    took = np.argsort(-(wanted + rng.gumbel(size=wanted.shape)), axis=1)[:, :taken]
    lists = np.argsort(-scores, axis=1)[:, :PLACES]
    merit = sparse.csr_array(
        (np.ones(took.size), (np.repeat(np.arange(USERS), taken), took.ravel())), shape=wanted.shape
    )
    shown = AuditedLists(
        tuple(f"u{one}" for one in range(USERS)), lists, merit, np.arange(USERS), lists, merit, True, "what was taken",
        USERS, np.ones(items, bool),
    )  # fmt: skip
    return shown, [f"g{one}" for one in group.tolist()]


def _audits(draws: int, sizes: Sequence[int], **how: Any) -> list[RecommenderAudit]:
    found = []
    for seed in range(draws):
        shown, groups = world(seed, sizes, **how)
        people = item_groups(["a", "b"] * (USERS // 2), attribute="kind", what="users")
        items = item_groups(groups, attribute="provider", what="items")
        found.append(audit_lists(shown, items, of="simulated", people=people, seed=seed, draws=DRAWS))
    return found


def _proportional(draws: int) -> float:
    """False findings against merit where groups differ in it, and lists show just as much of each as is taken."""
    hits = []
    for seed in range(draws):
        shown, groups = world(seed, FIVE, lifts=(-1.0, -1.0, 0.0, 0.0, 1.0), taken=PLACES)
        items = item_groups(groups, attribute="provider", what="items")
        found = audit_lists(shown, items, of="simulated", discount="even", seed=seed, draws=DRAWS)
        hits.append(any(one.code == "A402" and one.outcome == "found" for one in found.findings))
    return _share(hits)


def _coverage(draws: int, sizes: Sequence[int], **how: Any) -> Found:
    """How often the intervals of both ratios hold what is true, the mean of as many worlds."""
    audits = []
    for seed in range(draws):
        shown, groups = world(seed, sizes, **how)
        items = item_groups(groups, attribute="p", what="items")
        audits.append(audit_lists(shown, items, of="simulated", seed=seed, draws=DRAWS))
    told: Found = {}
    kinds: dict[str, list[ShareTest]] = {
        "population": [one.population for one in audits],
        "merit": [one.merit for one in audits if one.merit is not None],
    }
    for name, kind in kinds.items():
        tests = [{one.name: one for one in test.groups} for test in kind]
        covered = []
        for group in tests[0]:
            mine = [test[group] for test in tests]
            true = np.mean([one.share for one in mine]) / np.mean([one.due for one in mine])
            ends = [one.ratio.ends for one in mine if one.ratio is not None and one.ratio.ends is not None]
            covered.append(np.mean([low <= true <= high for low, high in ends]))
        told[name] = {"least": round(float(min(covered)), 3), "mean": round(float(np.mean(covered)), 3)}
    return told


def _searched(seed: int, shift: float) -> list[AuditFinding]:
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, 400)
    vectors = rng.normal(size=(400, 16)) + shift * np.eye(3, 16)[kind] * 2
    near = vectors @ vectors.T / np.linalg.norm(vectors, axis=1)[:, None] / np.linalg.norm(vectors, axis=1)
    np.fill_diagonal(near, -np.inf)
    groups = item_groups([f"g{one}" for one in kind.tolist()], attribute="kind", what="rows")
    lists = np.argsort(-near, axis=1)[:, :10]
    found = audit_found(
        SearchResults(lists, np.arange(400), groups.parts, "its rows", 400), groups, of="simulated", seed=seed
    )
    return list(found.findings)


def _any(audit: RecommenderAudit) -> bool:
    return any(one.outcome == "found" for one in audit.findings)


def _found(audit: RecommenderAudit, code: str, name: str) -> bool:
    return any(
        one.code == code and one.outcome == "found" and one.said.startswith(f"{name}:") for one in audit.findings
    )


def _group(audit: RecommenderAudit, name: str) -> float:
    assert audit.merit is not None
    return next(one.ratio.mean for one in audit.merit.groups if one.name == name and one.ratio is not None)


def _share(found: Iterable[bool]) -> float:
    return round(float(np.mean(list(found))), 3)
