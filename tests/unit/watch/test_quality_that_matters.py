"""Of many labels the smallest difference is seen; only one that matters is told as worse or as a contradiction."""

from functools import partial

import numpy as np
import pytest

from graft.evidence.label_arrival import LabelBets
from graft.evidence.predictions import Scored
from graft.evidence.unlabelled import Answers, recalibrate, row_cost
from graft.facts.watch import QualityFact
from graft.watch.check import _Labelled, _one_quality

COSTS = np.array([[0.0, 1.0], [5.0, 0.0]])


def judged(*checks: tuple[int, float], of="accuracy", known: int = 20_000, seed: int = 0) -> list[QualityFact]:
    """Checks of so many rows whose labels are wrong so much more often than the scores say: below 0, where one class is
    said, and as much seldomer where the other is. known: rows of the reference."""
    rng = np.random.default_rng(seed)

    def drawn(count: int, turned: float) -> Scored:
        chance = rng.beta(6, 1, count)
        side = rng.random(count) < 0.5
        less = turned if turned >= 0 else np.where(side, -turned, turned)
        right = rng.random(count) < np.clip(chance - less, 0, 1)
        scores = np.where(side[:, None], np.column_stack([1 - chance, chance]), np.column_stack([chance, 1 - chance]))
        return Scored("binary", np.where(right, side, ~side).astype(int), scores)

    reference = drawn(known, 0.0)
    calibration = recalibrate(reference, lambda scores, targets, weights: lambda other: other, rng=rng, draws=3)
    bets: LabelBets | None = None
    facts = []
    for rows, off in checks:
        now = drawn(rows, off)
        labelled = _Labelled(now, None, 0)
        answers = Answers(now.task, now.scores, now.choices)
        fact, bets = _one_quality(
            "accuracy",
            of,
            answers,
            calibration,
            reference,
            None,
            labelled,
            labelled,
            bets,
            0.05,
            rng,
            share=0.05,
        )
        facts.append(fact)
    return facts


@pytest.mark.slow
def test_a_thousandth_of_many_labels_is_told_and_alarms_nobody():
    """Classes changed places, and the model is as often right as foretold to a few thousandths."""
    (found,) = judged((60_000, -0.06))
    assert found.trusted
    assert not found.unusual
    assert found.why.startswith("labels contradict the estimate by -0.00")
    assert found.why.endswith("a row over 60,000 labelled rows, too little to matter (0.01 does)")


@pytest.mark.slow
def test_a_little_worse_than_usual_alarms_nobody():
    (found,) = judged((100_000, 0.007))
    assert found.measured.mean < found.usual.low
    assert not found.unusual
    assert found.why.endswith("too little to matter (0.01 does)")


@pytest.mark.parametrize(("rows", "off"), [(60_000, 0.03), (2_000, 0.1)])
@pytest.mark.slow
def test_what_matters_is_no_longer_trusted_and_is_worse(rows: int, off: float):
    (found,) = judged((rows, off))
    assert not found.trusted
    assert found.unusual
    assert "too little" not in found.why


@pytest.mark.slow
def test_what_a_small_reference_leaves_open_is_not_worse_than_usual():
    """Two thousand rows lie below what samples of two hundred rows show; that these two hundred are off may be too."""
    (few,) = judged((2_000, 0.0), known=200, seed=10)
    assert few.usual.mean - few.measured.mean > 0.02
    assert few.measured.mean < few.usual.low
    assert (few.unusual, few.doubtful) == (False, True)
    assert few.why.endswith("which chance may do with 2,000 labels here and 200 in the reference")
    (gone,) = judged((2_000, 0.15), known=200)
    assert gone.unusual


@pytest.mark.slow
def test_few_labels_cannot_say_that_a_gap_is_small():
    """Contradicted it is only where they show much; how little it may be they do not know."""
    *_, found = judged((300, 0.12), (300, 0.12), (300, 0.12))
    assert not found.trusted


@pytest.mark.slow
def test_a_change_of_today_is_not_thinned_by_all_that_came_before():
    quiet, changed = judged((100_000, 0.006), (2_000, 0.1))
    assert quiet.trusted
    assert not changed.trusted


@pytest.mark.slow
def test_costs_matter_by_what_rows_vary_by():
    (found,) = judged((60_000, 0.0), of=partial(row_cost, actions=COSTS))
    assert 0 < found.matters < 0.03
    assert found.trusted
