"""Remarks on curves: what is said of each kind of training, and what is not."""

import math

import pytest

from graft.evidence.training_curve import CurvePoint, TrainingLog, dynamics


def log_of(*points: tuple[float, float], every: int = 10, **changes: object) -> TrainingLog:
    curve = tuple(CurvePoint(every * place, train, held) for place, (train, held) in enumerate(points))
    best = min(curve, key=lambda point: point.held).step
    given = {"steps": curve[-1].step, "best_step": best, "under_trained": False, "diverged": ""}
    return TrainingLog(curve, **{**given, **changes})


def codes(log: TrainingLog, chance: float = math.log(8)) -> list[str]:
    return [remark.code for remark in dynamics(log, chance)]


NAN = math.nan


def test_a_plain_fall_is_nothing_to_remark_on():
    assert codes(log_of((NAN, 1.9), (1.5, 1.2), (1.0, 0.9), (0.8, 0.85))) == []


def test_a_random_start_that_stays_at_the_level_of_the_shares():
    (remark,) = dynamics(log_of((NAN, 2.09), (2.11, 2.08), (2.09, 2.08)), math.log(8))
    assert remark.code == "never-left-start"
    assert "no more than the class shares" in remark.text
    assert codes(log_of((NAN, 2.09), (2.05, 1.95), (1.9, 1.7))) == []


def test_a_solved_start_that_nothing_improves_on():
    (remark,) = dynamics(log_of((NAN, 0.50), (0.4, 0.52), (0.3, 0.51)), math.log(8))
    assert remark.code == "never-left-start"
    assert "never fell below where it began (0.5)" in remark.text


@pytest.mark.parametrize("chance", [math.nan, math.inf])
def test_an_unknown_level_of_chance_is_left_out(chance):
    assert codes(log_of((NAN, 5.0), (2, 3.0), (1, 2.5)), chance) == []


def test_overfitting_needs_a_rising_held_loss_and_a_gap():
    assert codes(log_of((NAN, 2.0), (1.0, 1.0), (0.3, 1.1), (0.1, 1.3))) == ["overfits"]
    assert codes(log_of((NAN, 2.0), (1.0, 1.0), (0.3, 1.02), (0.1, 1.05))) == []
    assert codes(log_of((NAN, 2.0), (1.0, 1.0), (1.2, 1.3), (1.1, 1.3))) == []
    assert codes(log_of((NAN, 2.0), (1.0, 1.0), (0.3, 1.1), (0.1, 1.3), alike=False)) == []


def test_a_spike_comes_back_and_a_climb_does_not():
    assert codes(log_of((NAN, 2.0), (1.0, 1.0), (2.5, 1.9), (0.9, 0.9))) == ["spike"]
    assert codes(log_of((NAN, 2.0), (1.0, 1.0), (2.5, 1.9), (2.5, 0.9))) == []
    assert codes(log_of((NAN, 2.0), (1.0, 1.0), (0.01, 0.9), (0.02, 0.9), (0.01, 0.9))) == []


def test_what_stopped_early_and_what_broke():
    assert codes(log_of((NAN, 2.0), (1.5, 1.5), (1.2, 1.2), under_trained=True)) == ["under-trained"]
    broken = log_of((NAN, 2.0), (1e9, math.inf), diverged="the loss became nan at step 10 (rate 1)")
    (remark,) = dynamics(broken, math.log(8))
    assert (remark.code, remark.text) == ("diverged", "Training diverged: the loss became nan at step 10 (rate 1).")


def test_nothing_held_in_is_nothing_to_say():
    assert codes(log_of((NAN, math.inf), (1.0, math.inf), (0.5, math.inf))) == []
