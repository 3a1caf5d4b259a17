"""What a detector of drift promises, whichever it is: silence without drift, and a voice where everything moved.

Every detector of a bundle's and of a shop's check is found in its tuple and tried through the protocol, as a check asks
it: new ones are under test at once. Where one of them finds nothing to look at in these batches, give them what it
looks at.
"""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from graft.watch.batch import Batch
from graft.watch.comparison import compare
from graft.watch.detectors import DETECTORS, Detector
from graft.watch.shop import SHOP_DETECTORS

KINDS = {"bundle": DETECTORS, "shop": SHOP_DETECTORS}
CHECKS, ALIKE = 100, 0.5
# Of rows, and of a group. A detector that keeps to its level fails in one of them in less than one of 10,000 runs.
CELLS = ((50, 1), (100, 1), (200, 1), (500, 1), (200, 20), (500, 20))
MOST = int(stats.binom.ppf(1 - 1e-4 / len(CELLS), CHECKS, 0.05))


def batch(rng: np.random.Generator, rows: int, group: int = 1, *, moved: bool = False) -> Batch:
    """Rows of which all that is looked at varies; those of a group agree in everything with a chance of a half."""
    place = np.arange(rows) // group
    first = np.unique(place, return_index=True)[1][place]
    same = rng.random(rows) < np.sqrt(ALIKE) if group > 1 else np.zeros(rows, bool)

    def told(values: np.ndarray) -> np.ndarray:
        return np.where(same.reshape(-1, *[1] * (values.ndim - 1)), values[first], values)

    def words(*names: str) -> np.ndarray:
        shares = np.arange(len(names), 0, -1.0) ** 2
        return told(rng.choice(names, rows, p=(shares[::-1] if moved else shares) / shares.sum()))

    spectrum = np.arange(1, 25) ** (0.5 if moved else -0.5)
    templates = np.random.default_rng(0).integers(256, size=(60 if moved else 4000, 32), dtype=np.uint8)
    rare = rng.random(rows) < (0.6 if moved else 0.1)
    hours = rng.integers(20 if moved else 24, size=rows) * np.timedelta64(1800, "s")
    return Batch(
        ids=np.arange(rows).astype(str),
        names=words(*(f"item {one}" for one in range(12))),
        vectors=told((rng.standard_t(5, size=(rows, 24)) * spectrum + moved).astype(np.float32)),
        scores=told(rng.normal(2.0 * moved, size=(rows, 1))),
        certainty=told(rng.beta(2 if moved else 6, 2, rows)),
        decided=words("a", "b", "c", "left to a person"),
        length=told(np.round(rng.lognormal(4 if moved else 3, 1, rows))),
        unknown=told(rng.beta(2 if moved else 1, 9, rows)),
        pieces=told(1 + rng.gamma(2, 0.4 if moved else 0.1, rows)),
        rare=told(rng.beta(2 if moved else 1, 9, rows)),
        alphabet=words("Latin", "Greek", "Cyrillic"),
        disguise=words("", "", "", "lookalikes", "nobody sees"),
        sketch=told(templates[rng.integers(len(templates), size=rows)]),
        terms=np.array([()] * rows, dtype=object),
        cut=told(rare),
        far=told(rng.random(rows) < (0.6 if moved else 0.2)),
        learnt=np.zeros(rows, bool),
        groups=np.array([f"{rng.integers(2**40)} {one}" for one in range(place[-1] + 1)])[place],
        times=np.datetime64("2026-03-01", "us") + told(rng.integers(9, size=rows) * np.timedelta64(86400, "s") + hours),
        truth=None,
        segments={"region": words("north", "east", "south", "west")},
        rows_given=np.arange(rows),
        rows=rows,
        problems={},
        columns={"age": told(rng.normal(2.0 * moved, size=rows)), "land": words("de", "fr", "at", "")},
    )  # fmt: skip


def alarms(
    detectors: tuple[Detector, ...], rows: int, group: int, checks: int, *, grouped: bool = True
) -> dict[str, int]:
    """How many checks each detector, and the whole check, alarms at 5 % where nothing moved."""
    found: Counter[str] = Counter()
    for seed in range(checks):
        rng = np.random.default_rng([seed, rows, group])
        before, now = batch(rng, rows, group), batch(rng, rows, group)
        told = compare(before, now, detectors, rng=rng, draws=99, grouped=grouped and group > 1)
        found.update(one.name for one, shift, _ in told if shift.p_value <= 0.05)
        found["whole check"] += min(p for _, _, p in told) <= 0.05
    return dict(found)


@pytest.mark.parametrize("kind", KINDS)
def test_every_detector_has_something_to_look_at_and_sees_that_everything_moved(kind: str) -> None:
    rng, detectors = np.random.default_rng(0), KINDS[kind]
    before, now = batch(rng, 200), batch(rng, 200, moved=True)
    assert [one.name for one in detectors if not one.there(before)] == []
    told = compare(before, now, detectors, rng=rng, draws=99, grouped=False)
    assert [one.name for one, shift, _ in told if shift.p_value > 0.05] == []
    assert all(-1e-9 <= shift.effect.low <= shift.effect.mean <= shift.effect.high for _, shift, _ in told)


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "group"), CELLS)
@pytest.mark.parametrize("kind", KINDS)
def test_without_drift_a_detector_alarms_no_more_often_than_it_says(kind: str, rows: int, group: int) -> None:
    """A tenth of the checks that ``python -m bench detectors`` makes, of every detector and of whole checks."""
    found = alarms(KINDS[kind], rows, group, CHECKS)
    assert {name: hits for name, hits in found.items() if hits > MOST} == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_groups_exchanged_one_by_one_would_be_seen_here(kind: str) -> None:
    found = alarms(KINDS[kind], 200, 20, 20, grouped=False)
    assert found["whole check"] > MOST * 20 / CHECKS + 8
