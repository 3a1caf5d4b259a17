"""How often the verdict is wrong, and how often it speaks: a few cells of ``python -m bench verdicts`` (-s prints).

The rates held here are those of few runs; the bench has about thirty cells and 2,000 runs of each.
"""

import numpy as np
import pytest
from bench.verdicts import CELLS, Cell, Row, draw, said, simulate, summary, table

from graft.core.seeds import generator
from graft.evidence.verdict import Outcome

FEW = (
    "accuracy, 40",
    "R2, 40",
)
MANY = (
    "accuracy, 500 (named)",
    "macro-F1 20:1, 100",
    "accuracy, 20 x 10 rows",
    "learners, 120",
    # Choosing among several is paid for.
    "accuracy, 100, 4v3",
    "learners, 120, 3 repeats, 4v3",
)


def checked(row: Row) -> None:
    print("\n" + table([row]).splitlines()[1], end="")
    assert row.failures == ()


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("name", [*FEW, *(pytest.param(name, marks=pytest.mark.slow) for name in MANY)])
def test_false_claims_power_and_coverage(name: str) -> None:
    checked(summary(CELLS[name], simulate(CELLS[name], 150, seed=1)))


def outcomes(cell: Cell, gain: float, margin: float, runs: int) -> list[Outcome]:
    rng = generator(3, cell.name)
    return [said(cell, draw(cell, rng, (gain,))[0], margin)[1] for _ in range(runs)]


@pytest.mark.parametrize("rows", [40, *(pytest.param(many, marks=pytest.mark.slow) for many in (60, 100))])
def test_rows_that_agree_are_not_taken_for_proof(rows: int) -> None:
    """True accuracies .97 and .99, margin 0.01: equal folds said "no practical difference" in 43, 21 and 10 %."""
    found = outcomes(CELLS[f"sure, {rows}"], 0.02, 0.01, 200)
    assert np.mean([one is Outcome.TIED for one in found]) <= 0.01


def test_enough_rows_settle_that_nothing_differs() -> None:
    found = outcomes(CELLS["accuracy, 2000"], 0.0, 0.05, 60)
    assert np.mean([one is Outcome.TIED for one in found]) >= 0.9


@pytest.mark.slow
def test_without_paying_for_the_choice_it_would_fail() -> None:
    """The correction is needed: the lead of the best of eight, taken alone, is called real too often."""
    from graft.evidence.comparison import compare

    cell, rng, alarms, paid = CELLS["accuracy, 500, 8v3"], generator(4, "unpaid"), [], []
    for _ in range(200):
        found = draw(cell, rng, (0.0,))[0]
        best = max(cell.names[:8], key=found.estimate)
        alarms.append(compare(found, best, "c0", drift=0.0, apart=True).doubt(0.0) <= 0.025)
        paid.append(said(cell, found, 0.0)[1] in (Outcome.HELPS, Outcome.HARMS))
    print(f"\nbest of eight: alone {np.mean(alarms):.3f}, paid for {np.mean(paid):.3f}", end="")
    assert np.mean(alarms) > 0.08
    assert np.mean(paid) <= 0.05
