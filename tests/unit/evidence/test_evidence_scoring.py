"""Scored, metrics and intervals: what they refuse, and the edges."""

import numpy as np
import pytest

from graft.core.errors import InputError
from graft.core.intervals import Interval, wilson
from graft.evidence.calibration_error import calibration_error
from graft.evidence.calibration_quality import coverage, reliability_bins
from graft.evidence.comparison import compare, score_interval
from graft.evidence.label_noise import suspects, suspicion
from graft.evidence.metrics import default_metric, evaluate, metric, oriented_score
from graft.evidence.optimism import optimism_interval
from graft.evidence.pooled import Pooled, jackknife
from graft.evidence.predictions import Scored
from graft.evidence.slices import per_class, slice_differences
from graft.evidence.transferability import logme, neighbour_agreement

HALVES = np.full((4, 2), 0.5)


@pytest.mark.parametrize(
    ("task", "targets", "scores", "says"),
    [
        ("ranking", [0, 1], HALVES[:2], "the task 'ranking'"),
        ("binary", [], np.zeros((0, 2)), "no rows"),
        ("binary", [0, 1, 0], HALVES, "as many rows"),
        ("binary", [0, 1, 0, 2], HALVES, "targets from 0 to 2"),
        ("binary", [0, 1, 0, -1], HALVES, "targets from -1"),
        ("binary", [0, 1, 0, 1], np.full((4, 3), 1 / 3), "two columns"),
        ("binary", [0, 1, 0, 1], np.full((4, 2), 0.4), "miss a sum of one by 0.2"),
        ("binary", [0, 1, 0, 1], HALVES * 3, "scores from 1.5"),
        ("binary", ["a", "b", "a", "b"], HALVES, "class indices"),
        ("binary", [0, 0.5, 1, 1], HALVES, "class indices"),
        ("multiclass", [0, 1, 0, 1], np.ones((4, 1)), "two or more classes"),
        ("multilabel", [0, 1, 0, 1], HALVES, "(rows, labels)"),
        ("multilabel", np.full((4, 2), 2), HALVES, "targets from 2"),
        ("regression", [0, 1, 0, 1], HALVES, "(rows,)"),
        ("regression", [0.0, np.nan], np.zeros(2), "not finite"),
    ],
)
def test_what_does_not_fit_is_refused(task: str, targets: object, scores: np.ndarray, says: str) -> None:
    with pytest.raises(InputError) as caught:
        Scored(task, np.array(targets), scores)
    assert says in str(caught.value)


def test_take_by_mask_keeps_the_order() -> None:
    scored = Scored("regression", np.arange(5.0), np.arange(5.0) * 2)
    assert scored.take(np.array([True, False, True, False, False])).scores.tolist() == [0, 4]


def test_metric_of_another_task_is_refused() -> None:
    with pytest.raises(InputError, match="one of r2, rmse, mae, spearman"):
        metric("accuracy", "regression")
    with pytest.raises(InputError, match="accurracy"):
        metric("accurracy")
    with pytest.raises(InputError, match="ranking"):
        default_metric("ranking")


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_the_default_metric_fits_its_task(task: str) -> None:
    assert metric(default_metric(task), task).higher_is_better


def test_oriented_scores_rise_with_quality() -> None:
    targets = np.array([1.0, 2.0, 3.0])
    good, bad = Scored("regression", targets, targets + 0.1), Scored("regression", targets, targets + 1)
    assert evaluate(good, "rmse") == pytest.approx(0.1)
    assert oriented_score(good, "rmse") > oriented_score(bad, "rmse")
    pair = {name: [(1.0, Pooled(one, np.arange(3)))] for name, one in (("good", good), ("bad", bad))}
    assert compare(jackknife(pair, "rmse"), "good", "bad").estimate == pytest.approx(0.9)


def test_undefined_is_nan_and_has_no_interval() -> None:
    one_class = Scored("binary", np.ones(4, dtype=int), HALVES)
    assert np.isnan(evaluate(one_class, "roc_auc"))
    assert np.isnan(evaluate(Scored("regression", np.ones(3), np.arange(3.0)), "r2"))
    with pytest.raises(InputError, match="'roc_auc' of a is undefined"):
        jackknife({"a": [(1.0, Pooled(one_class, np.arange(4)))]}, "roc_auc")


def test_r2_far_from_zero_does_not_cancel() -> None:
    targets = 1e8 + np.arange(10.0)
    assert evaluate(Scored("regression", targets, targets + 0.5), "r2") == pytest.approx(1 - 2.5 / 82.5)


def test_groups_widen_the_interval() -> None:
    """20 customers with 30 rows each, all of a customer right or wrong together."""
    groups = np.repeat(np.arange(20), 30)
    right = np.random.default_rng(0).random(20)[groups] < 0.7
    scored = Scored("binary", np.ones(600, dtype=int), np.where(right[:, None], [[0.1, 0.9]], [[0.9, 0.1]]))
    rows, whole = (
        score_interval(jackknife({"a": [(1.0, Pooled(scored, place))]}, "accuracy"), "a")
        for place in (np.arange(600), groups)
    )
    assert 4 < (whole.high - whole.low) / (rows.high - rows.low) < 7  # about the root of 30
    with pytest.raises(InputError, match="3 clusters for 600 rows"):
        Pooled(scored, groups[:3])


def test_intervals_stay_within_the_bounds_of_the_metric() -> None:
    rng = np.random.default_rng(2)
    targets = rng.integers(15, size=60)
    scores = np.eye(15)[np.where(rng.random(60) < 0.95, targets, 0)]
    found = jackknife({"a": [(1.0, Pooled(Scored("multiclass", targets, scores), np.arange(60)))]}, "macro_f1")
    interval = score_interval(found, "a")
    assert 0 <= interval.low <= interval.mean <= interval.high <= 1


@pytest.mark.parametrize("name", ["macro_f1", "log_loss", "roc_auc", "r2", "spearman", "mae"])
def test_a_perfect_model_is_not_beyond_perfection(name: str) -> None:
    targets = np.arange(40) % 2
    scored = Scored("binary", targets, np.eye(2)[targets])
    if name in ("r2", "spearman", "mae"):
        scored = Scored("regression", np.arange(40.0), np.arange(40.0))
    interval = score_interval(jackknife({"a": [(1.0, Pooled(scored, np.arange(40)))]}, name), "a")
    low, high = metric(name).oriented_bounds
    assert low <= interval.low <= interval.mean <= interval.high <= high + 1e-12
    assert name not in ("macro_f1", "roc_auc") or interval.low < 0.95


def test_wilson_edges() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    assert wilson(5, 5).high == pytest.approx(1.0)
    assert wilson(5, 5).low > 0.5


def test_per_class_of_a_class_nobody_decided() -> None:
    scored = Scored("multiclass", np.array([0, 0, 1, 2]), np.eye(3)[[0, 0, 1, 1]])
    third = per_class(scored, ("a", "b", "c"))[2]
    assert (third.rows, third.decided, third.f1.mean, third.recall.mean) == (1, 0, 0.0, 0.0)
    assert third.precision is None
    assert third.note == "class c was never decided: no precision"
    with pytest.raises(InputError, match="2 names for 3 classes"):
        per_class(scored, ("a", "b"))


def test_a_class_within_one_group_has_no_interval() -> None:
    scored = Scored("multiclass", np.array([0, 0, 0, 1, 1, 1]), np.eye(3)[[0, 0, 0, 1, 1, 1]])
    first, second, third = per_class(scored, ("a", "b", "c"), groups=np.array(["x", "x", "x", "y", "z", "x"]))
    assert (first.recall, first.f1.high) == (Interval(1.0), None)
    assert "3 rows of class a, all of one group: no interval of recall" in first.note
    assert second.note == ""
    assert second.recall.low < second.recall.high
    assert third.note == "no rows of class c, and none was decided to be: no scores"
    with pytest.raises(InputError, match="2 groups for 6 rows"):
        per_class(scored, ("a", "b", "c"), groups=np.arange(2))
    with pytest.raises(InputError, match="level of 95"):
        per_class(scored, ("a", "b", "c"), level=95)


def test_a_class_of_one_row_is_no_worse_off_with_groups() -> None:
    scored = Scored("binary", np.array([0, 0, 0, 1]), np.eye(2)[[0, 0, 0, 1]])
    one = per_class(scored, ("a", "b"), groups=np.array([0, 1, 2, 3]))[1]
    assert (one.note, one.recall) == ("", per_class(scored, ("a", "b"))[1].recall)
    assert one.recall.low < 0.03


def test_per_class_of_labels() -> None:
    targets = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
    one, other = per_class(Scored("multilabel", targets, targets * 0.8), ("x", "y"))
    assert (one.rows, one.decided, one.f1.mean) == (2, 2, 1.0)
    assert one.f1 == other.f1
    assert one.f1.low < 0.6


def test_slices_without_an_interval_say_why() -> None:
    targets = np.arange(60) % 2
    scored, column = Scored("binary", targets, np.eye(2)[targets] * 0.8 + 0.1), {"k": np.array(["x"] * 60)}
    alone = slice_differences(scored, scored, column, "accuracy", groups=np.zeros(60))[0]
    assert (alone.p_harm, alone.note) == (1.0, "60 rows, all of one group: no interval")
    same = slice_differences(scored, scored, column, "log_loss")[0]
    assert same.difference.ends is None
    assert same.note == "no row differs from another: no interval"
    labels = Scored("multilabel", np.stack([targets, 1 - targets], axis=1), np.full((60, 2), 0.7))
    found = slice_differences(labels, labels, column, "macro_f1")[0]
    assert found.difference.low < 0 < found.difference.high
    with pytest.raises(InputError, match="do not pair up"):
        slice_differences(scored, scored.take(np.arange(30)), column, "accuracy")


def test_suspicion_at_its_edges() -> None:
    rng = np.random.default_rng(0)
    calm = suspicion(Scored("binary", np.arange(40) % 2, np.eye(2)[np.arange(40) % 2]), rng=rng)
    assert (calm.listed, calm.rows, calm.shown, calm.statement) == (0, (), False, "the model disputes no label")
    sure = 1 / (1 + np.exp(-rng.normal(0, 5, 400)))
    given = (rng.random(400) < sure).astype(int)
    given[::10] = 1 - given[::10]
    loud = suspicion(Scored("binary", given, np.column_stack([1 - sure, sure])), rng=rng, limit=5)
    assert (len(loud.rows), loud.shown) == (5, True)
    assert loud.likely_wrong.low <= loud.likely_wrong.mean <= loud.likely_wrong.high <= loud.listed
    assert "are wrong (" in loud.statement
    flat = suspicion(Scored("binary", given, np.where(sure[:, None] > 0.5, [[0.1, 0.9]], [[0.9, 0.1]])), rng=rng)
    assert not flat.shown  # one confidence for all rows: wrong labels and doubt look the same
    assert flat.statement.endswith("wrong labels are not shown")
    with pytest.raises(InputError, match="0 draws"):
        suspicion(Scored("binary", given, np.full((400, 2), 0.5)), rng=rng, draws=0)
    with pytest.raises(InputError, match="regression"):
        suspicion(Scored("regression", np.ones(2), np.ones(2)), rng=rng)


def test_optimism_without_an_interval() -> None:
    fractions = {"random_fraction": 0.2, "grouped_fraction": 0.2}
    equal = optimism_interval(np.full(5, 0.9), np.full(5, 0.8), **fractions)
    assert equal.mean == pytest.approx(0.1)
    assert equal.ends is None  # equal folds are no proof
    assert optimism_interval(np.array([0.9, 0.8]), np.array([0.8]), **fractions).low is None
    with pytest.raises(InputError, match="test fraction of 5"):
        optimism_interval(np.ones(5), np.ones(5), random_fraction=5, grouped_fraction=0.2)
    with pytest.raises(InputError, match="shape"):
        optimism_interval(np.array([]), np.ones(5), **fractions)
    with pytest.raises(InputError, match="level"):
        optimism_interval(np.ones(5), np.ones(5), **fractions, level=95)


def test_small_slices_are_left_out() -> None:
    targets = np.array([0, 1] * 40)
    scored = Scored("binary", targets, np.eye(2)[targets])
    column = np.array(["few"] * 10 + ["many"] * 70)
    found = slice_differences(scored, scored, {"k": column}, "accuracy")
    assert [(one.value, one.difference.mean, one.hidden_harm) for one in found] == [("many", 0.0, False)]
    assert slice_differences(scored, scored, {}, "accuracy") == ()
    with pytest.raises(InputError, match="10 values of 'k'"):
        slice_differences(scored, scored, {"k": column[:10]}, "accuracy")


def test_suspects_limit_and_task() -> None:
    positive = np.array([0.1, 0.9, 0.8, 0.9, 0.2])
    scored = Scored("binary", np.array([0, 0, 0, 1, 0]), np.column_stack([1 - positive, positive]))
    assert [one.row for one in suspects(scored, limit=1)] == [1]
    assert suspects(scored, limit=0) == ()
    with pytest.raises(InputError, match="regression"):
        suspects(Scored("regression", np.ones(2), np.ones(2)))


def test_calibration_of_labels_and_classes() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((400, 3))
    labels = Scored("multilabel", (rng.random((400, 3)) < scores).astype(int), scores)
    assert sum(one.rows for one in reliability_bins(labels)) == 1200
    honest = calibration_error(labels, rng=rng).shown
    worse = calibration_error(Scored("multilabel", labels.targets, scores**3), rng=rng).shown
    assert honest.high < worse.low
    assert honest.low <= honest.mean <= honest.high
    with pytest.raises(InputError, match="coverage"):
        calibration_error(Scored("regression", np.ones(2), np.ones(2)), rng=rng)
    with pytest.raises(InputError, match="bins"):
        reliability_bins(labels, bins=0)
    with pytest.raises(InputError, match="ends"):
        coverage(np.ones(3), np.ones(3), np.ones(2))


def test_transferability_edges() -> None:
    features = np.eye(4)
    labels = np.array([[1, 0], [1, 0], [0, 0], [0, 0]])
    assert np.isfinite(logme(features, labels, "multilabel"))
    assert np.isfinite(logme(features, np.ones(4), "regression"))  # a perfect fit
    assert np.isfinite(logme(np.zeros((4, 3)), np.array([0, 1, 0, 1]), "binary"))  # nothing to go by
    near = np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0], [0.01, 1.0]])
    assert neighbour_agreement(near, labels, k=1) == 1.0
    assert neighbour_agreement(near, np.array([0, 1, 0, 1]), k=1) == 0.0
    assert neighbour_agreement(near, np.zeros(4, dtype=int), k=50) == 1.0
    with pytest.raises(InputError):
        neighbour_agreement(near, labels[:2])
    with pytest.raises(InputError, match="ranking"):
        logme(features, labels[:, 0], "ranking")
    with pytest.raises(InputError, match="finite"):
        logme(np.full((4, 2), np.inf), labels[:, 0], "binary")


def test_slices_of_an_error_are_turned_like_every_score() -> None:
    truth = np.arange(60.0)
    near, far = Scored("regression", truth, truth + 1), Scored("regression", truth, truth + 3)
    (found,) = slice_differences(near, far, {"k": np.array(["x"] * 60)}, "mae")
    assert (found.candidate, found.control, found.difference.mean) == (-1.0, -3.0, 2.0)
