"""Comparison, verdict, choice, curves: the rules and the edges."""

import numpy as np
import pytest

from graft.core.errors import InputError
from graft.evidence import (
    CandidateScore,
    Comparison,
    Interval,
    Outcome,
    choose,
    compare_folds,
    crossing,
    decide_verdict,
    fit_curve,
    more_labels,
    paid_probability,
)

MARGIN = 0.01
BASE = np.array([0.80, 0.82, 0.79, 0.81, 0.80])
NOISE = np.array([0.002, -0.003, 0.001, -0.001, 0.001])


def compared(gain: float, spread: float = 1.0) -> Comparison:
    return compare_folds(BASE + gain + spread * NOISE, BASE, margin=MARGIN, test_fraction=0.2)


def test_equal_folds_leave_a_point() -> None:
    same = compare_folds(BASE, BASE, margin=MARGIN, test_fraction=0.2)
    assert (same.mean, same.low, same.high, same.worse, same.tied, same.better) == (0, 0, 0, 0, 1, 0)
    ahead = compare_folds(BASE + 0.05, BASE, margin=MARGIN, test_fraction=0.2)
    assert (ahead.tied, ahead.better, ahead.scale) == (0, 1, 0)


def test_one_fold_knows_nothing() -> None:
    one = compare_folds(np.array([0.9]), np.array([0.1]), margin=MARGIN, test_fraction=0.2)
    assert (one.worse, one.tied, one.better, one.high) == (0.5, 0.0, 0.5, np.inf)
    verdict = decide_verdict(one, margin=MARGIN)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "at least two folds" in verdict.reason
    assert more_labels(one, 100, margin=MARGIN).rows is None


def test_folds_must_pair_up() -> None:
    with pytest.raises(InputError, match="on the same folds"):
        compare_folds(BASE, BASE[:3], margin=MARGIN, test_fraction=0.2)
    with pytest.raises(InputError, match="margin"):
        compare_folds(BASE, BASE, margin=-1, test_fraction=0.2)


@pytest.mark.parametrize(
    ("gain", "holdout", "outcome", "says"),
    [
        (0.05, Interval(0.04, 0.01, 0.07), Outcome.HELPS, "the holdout agrees"),
        (0.05, None, Outcome.HELPS, "it helps"),
        (0.05, Interval(0.0, -0.03, 0.03), Outcome.INCONCLUSIVE, "does not agree"),
        (0.05, Interval(-0.04, -0.07, -0.01), Outcome.INCONCLUSIVE, "does not agree"),
        (0.05, Interval(0.004, 0.001, 0.008), Outcome.INCONCLUSIVE, "does not agree"),  # excludes the margin
        (-0.05, Interval(-0.04, -0.07, -0.01), Outcome.HARMS, "it harms"),
        (-0.05, Interval(0.01, -0.02, 0.04), Outcome.INCONCLUSIVE, "does not agree"),
        (0.001, Interval(0.0, -0.02, 0.02), Outcome.TIED, "smaller than the margin"),
        (0.001, Interval(0.04, 0.02, 0.06), Outcome.INCONCLUSIVE, "does not agree"),
        (0.011, None, Outcome.INCONCLUSIVE, "is ruled out, a gain is not shown"),
        (-0.011, None, Outcome.INCONCLUSIVE, "is ruled out, harm is not shown"),
    ],
)
def test_the_rules(gain: float, holdout: Interval | None, outcome: Outcome, says: str) -> None:
    verdict = decide_verdict(compared(gain), holdout, margin=MARGIN)
    assert verdict.outcome is outcome
    assert says in verdict.reason
    assert verdict.difference.mean == pytest.approx(gain, abs=1e-9)


def test_noise_is_inconclusive() -> None:
    verdict = decide_verdict(compared(0.01, spread=20), margin=MARGIN)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "vary too much" in verdict.reason


def test_under_trained_is_never_harm() -> None:
    holdout = Interval(-0.04, -0.07, -0.01)
    verdict = decide_verdict(compared(-0.05), holdout, margin=MARGIN, under_trained=True)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "under-trained" in verdict.reason
    helps = decide_verdict(compared(0.05), margin=MARGIN, under_trained=True)
    assert helps.outcome is Outcome.HELPS
    assert "the gain may be larger" in helps.reason


def test_choosing_among_many_is_paid_for() -> None:
    folds, holdout = compared(0.0165, spread=1.5), Interval(0.02, 0.0, 0.04)
    alone = decide_verdict(folds, holdout, margin=MARGIN)
    among = decide_verdict(folds, holdout, margin=MARGIN, selection=8)
    assert alone.outcome is Outcome.HELPS
    assert among.outcome is Outcome.INCONCLUSIVE
    assert among.probability < 0.95 <= alone.probability
    assert "among 4 is paid for" in decide_verdict(compared(0.05), holdout, margin=MARGIN, selection=4).reason


def test_without_a_holdout_more_is_asked() -> None:
    folds = compared(0.0165, spread=1.9)
    assert 0.95 <= folds.better < 0.975
    assert decide_verdict(folds, Interval(0.02, 0.0, 0.04), margin=MARGIN).outcome is Outcome.HELPS
    assert decide_verdict(folds, margin=MARGIN).outcome is Outcome.INCONCLUSIVE


def test_bad_levels_and_selections() -> None:
    with pytest.raises(InputError, match="level"):
        decide_verdict(compared(0.05), margin=MARGIN, level=0.4)
    with pytest.raises(InputError, match="among 0"):
        decide_verdict(compared(0.05), margin=MARGIN, selection=0)
    assert paid_probability(np.inf, folds=5, among=3) == 1.0


def score(name: str, gain: float, seconds: float, kind: str = "transfer") -> CandidateScore:
    return CandidateScore(name, BASE + gain + NOISE * (len(name) % 3), seconds, kind)


def test_the_cheapest_of_the_tied_wins() -> None:
    everyone = [
        score("full", 0.060, 900),
        score("lora", 0.055, 300),
        score("frozen", 0.052, 20),
        score("tiny", 0.020, 1),
        score("classical", 0.0, 2, "control"),
        score("majority", -0.5, 0, "control"),
    ]
    choice = choose(everyone, margin=MARGIN, test_fraction=0.2)
    assert (choice.best, choice.chosen, choice.ship) == ("full", "frozen", "frozen")
    assert choice.tied == ("frozen", "lora")
    assert (choice.control, choice.transfers, choice.controls) == ("classical", 4, 2)
    assert choose(everyone[::-1], margin=MARGIN, test_fraction=0.2) == choice


def test_noise_does_not_let_a_cheap_worse_candidate_in() -> None:
    wild = np.array([0.1, -0.1, 0.08, -0.05, -0.03])
    worse = CandidateScore("cheap", BASE - 0.03 + wild, 1)
    choice = choose([score("good", 0.0, 100), worse], margin=MARGIN, test_fraction=0.2)
    assert (choice.chosen, choice.control, choice.ship) == ("good", None, "good")


def test_the_best_control_ships_when_nothing_beats_it() -> None:
    everyone = [score("full", 0.005, 900), score("classical", 0.0, 2, "control"), score("scratch", -0.1, 90, "control")]
    choice = choose(everyone, margin=MARGIN, test_fraction=0.2)
    assert (choice.chosen, choice.ship) == ("full", "classical")
    assert "does not lead the best control, classical" in choice.reason


def test_cheaper_must_not_cost_the_lead_over_the_control() -> None:
    everyone = [score("full", 0.015, 900), score("frozen", 0.008, 20), score("classical", 0.0, 2, "control")]
    choice = choose(everyone, margin=MARGIN, test_fraction=0.2)
    assert (choice.chosen, choice.ship) == ("full", "full")


def test_a_lead_of_exactly_the_margin_is_a_tie_and_one_fold_works() -> None:
    one, two = CandidateScore("a", np.array([0.91]), 9), CandidateScore("b", np.array([0.90]), 1)
    assert choose([one, two], margin=0.01, test_fraction=0.2).chosen == "b"
    assert choose([one, two], margin=0.005, test_fraction=0.2).chosen == "a"


def test_choices_that_cannot_be_made() -> None:
    with pytest.raises(InputError, match="one name each"):
        choose([score("a", 0, 1), score("a", 0, 1)], margin=MARGIN, test_fraction=0.2)
    with pytest.raises(InputError, match="no transfer candidate"):
        choose([score("a", 0, 1, "control")], margin=MARGIN, test_fraction=0.2)
    with pytest.raises(InputError, match="'magic'"):
        choose([score("a", 0, 1, "magic")], margin=MARGIN, test_fraction=0.2)


def test_more_labels() -> None:
    unsure = compared(0.03, spread=10)
    asked = more_labels(unsure, 400, margin=MARGIN)
    assert asked.rows is not None
    times = 1 + asked.rows / 400
    settled = Comparison(unsure.mean, 0, 0, 0, 0, 0, unsure.scale / np.sqrt(times), unsure.folds)
    assert settled.beyond(MARGIN) == pytest.approx(0.95, abs=0.005)
    assert more_labels(unsure, 400, margin=MARGIN, selection=8).rows > asked.rows
    assert more_labels(compared(0.05), 400, margin=MARGIN).rows == 0
    on_the_edge = more_labels(compared(0.01, spread=5), 400, margin=MARGIN)
    assert on_the_edge.statement == "cannot be settled by more rows: the difference lies on the margin"
    assert more_labels(compared(0.016, spread=60), 400, margin=MARGIN).statement == "more than 20 times the rows"
    tied = more_labels(compared(0.0, spread=4), 400, margin=MARGIN)
    assert tied.rows is not None
    assert tied.rows > 0
    with pytest.raises(InputError):
        more_labels(unsure, 0, margin=MARGIN)


def test_curves_that_cannot_be_fitted() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="2 different sizes"):
        fit_curve(np.array([10, 20, 20]), np.ones(3), rng=rng)
    with pytest.raises(InputError, match="positive sizes"):
        fit_curve(np.array([0, 20, 40]), np.ones(3), rng=rng)


def test_a_flat_and_a_perfect_curve() -> None:
    rng, labels = np.random.default_rng(0), np.array([10, 20, 40, 80])
    assert fit_curve(labels, np.full(4, 0.7), rng=rng).at(np.array([1000.0]))[0] == pytest.approx(0.7, abs=1e-6)
    assert fit_curve(labels, np.ones(4), rng=rng).a == pytest.approx(1.0, abs=1e-6)
    falling = fit_curve(labels, np.array([0.8, 0.7, 0.6, 0.5]), rng=rng)  # labels never hurt: the mean remains
    assert falling.at(labels) == pytest.approx(np.full(4, 0.65), abs=1e-3)


def test_a_curve_ahead_from_the_start() -> None:
    rng, labels = np.random.default_rng(0), np.array([10, 20, 40, 80])
    low, high = fit_curve(labels, 0.6 - labels**-0.5, rng=rng), fit_curve(labels, 0.8 - labels**-0.5, rng=rng)
    assert crossing(high, low).statement == "is ahead from the smallest size measured, 10 labels"
    assert crossing(low, high).labels is None


def test_an_uncertain_crossing_says_so() -> None:
    rng, labels = np.random.default_rng(0), np.array([50, 100, 200, 400])
    frozen = fit_curve(labels, (0.8 - 0.8 * labels**-0.6)[:, None] + rng.normal(0, 0.006, (4, 8)), rng=rng)
    tuned = fit_curve(labels, (0.9 - 2.6 * labels**-0.45)[:, None] + rng.normal(0, 0.006, (4, 8)), rng=rng)
    found = crossing(tuned, frozen)
    assert found.labels is not None
    assert found.low is not None
    assert found.low <= found.labels
    assert "(from" in found.statement


def test_a_crossing_that_is_not_shown_is_not_claimed() -> None:
    rng, labels = np.random.default_rng(0), np.array([50, 100, 200, 400])
    frozen = fit_curve(labels, (0.8 - 0.8 * labels**-0.6)[:, None] + rng.normal(0, 0.03, (4, 3)), rng=rng)
    tuned = fit_curve(labels, (0.9 - 2.6 * labels**-0.45)[:, None] + rng.normal(0, 0.03, (4, 3)), rng=rng)
    found = crossing(tuned, frozen)
    assert (found.labels, found.low, found.high) == (None, None, None)
    assert found.statement == "whether and where it overtakes is not shown by these labels"
    with pytest.raises(InputError, match="level of 95"):
        crossing(tuned, frozen, level=95)
    with pytest.raises(InputError, match="test fraction of 5"):
        fit_curve(labels, np.ones((4, 3)), rng=rng, test_fraction=5)
