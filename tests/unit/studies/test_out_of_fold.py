"""The whole procedure on rows it had not seen: calibration, rule, repeats."""

from types import SimpleNamespace

import numpy as np
import pytest

from graft.core.tasks import Task
from graft.inputs.splits import Fold
from graft.studies.out_of_fold import Rule, crossfitted, decided, fit_decisions, out_of_fold, pooled


def bench_of(targets, labels=("a", "b"), task=Task.BINARY):
    rows = SimpleNamespace(contract=SimpleNamespace(labels=labels, task=task))
    return SimpleNamespace(targets=np.asarray(targets), task=task, rows=rows)


def folds_of(rows, count, repeats, rng):
    found = []
    for repeat in range(repeats):
        order = rng.permutation(rows)
        found += [
            Fold(repeat, index, np.sort(np.setdiff1d(order, order[index::count])), np.sort(order[index::count]))
            for index in range(count)
        ]
    return found


def fits_of(folds, scores):
    return [SimpleNamespace(scores=scores[place][fold.test]) for place, fold in enumerate(folds)]


def world(rows=200, repeats=3, seed=0, share=0.5):
    rng = np.random.default_rng(seed)
    targets = (rng.random(rows) < share).astype(int)
    folds = folds_of(np.arange(rows), 5, repeats, rng)
    scores = []
    for _ in folds:
        p = 1 / (1 + np.exp(-(2.0 * (2 * targets - 1) + 1.5 * rng.standard_normal(rows))))
        scores.append(np.column_stack([1 - p, p]))
    return targets, folds, scores


def test_repeats_stay_rows_whose_weights_add_up_to_one():
    targets, folds, scores = world()
    seen = out_of_fold(fits_of(folds, scores), folds)
    assert len(seen.rows) == 3 * len(targets)
    np.testing.assert_allclose(np.bincount(seen.rows, weights=seen.weights), 1.0)
    place = int(np.flatnonzero((seen.rows == 7) & (seen.repeats == 1))[0])
    fold = next(number for number, one in enumerate(folds) if one.repeat == 1 and 7 in one.test)
    np.testing.assert_array_equal(seen.scores[place], scores[fold][7])
    for row in (3, 50):
        assert len(set(seen.folds[seen.rows == row])) == 1  # all repeats of a row lie in one fold of the calibration


def test_a_folds_rows_are_calibrated_by_the_others_alone():
    targets, folds, scores = world(repeats=1)
    bench, rule = bench_of(targets), Rule(None, balanced=True, seed=0)
    seen = out_of_fold(fits_of(folds, scores), folds)
    parts = fit_decisions(bench, seen, rule)
    before = crossfitted(parts, bench, seen, rule)
    changed = targets.copy()
    mine = seen.rows[seen.folds == 2]
    changed[mine] = 1 - changed[mine]
    after = crossfitted(parts, bench_of(changed), seen, rule)
    np.testing.assert_array_equal(before.scores[seen.folds == 2], after.scores[seen.folds == 2])
    np.testing.assert_array_equal(before.decided[seen.folds == 2], after.decided[seen.folds == 2])
    assert not np.array_equal(before.scores[seen.folds != 2], after.scores[seen.folds != 2])


def test_what_is_measured_is_what_ships():
    """The decisions of ``decided`` are the policy's on calibrated scores, not the raw argmax."""
    targets, folds, scores = world(rows=400, repeats=1, share=0.1)
    bench, rule = bench_of(targets), Rule(None, balanced=True, seed=0)
    seen = out_of_fold(fits_of(folds, scores), folds)
    parts = fit_decisions(bench, seen, rule)
    rows = np.arange(400)
    said = decided(parts, bench, rows, scores[0])
    calibrated = parts.calibration.calibrator.apply(scores[0])
    np.testing.assert_array_equal(said.decided, parts.policy.decide(calibrated).decided)
    np.testing.assert_allclose(said.scores, calibrated)
    assert parts.policy.balance is not None
    assert parts.policy.balance[1] > 1


def test_without_a_metric_that_averages_the_most_probable_class_decides():
    targets, folds, scores = world(rows=400, repeats=1, share=0.1)
    seen = out_of_fold(fits_of(folds, scores), folds)
    parts = fit_decisions(bench_of(targets), seen, Rule(None, balanced=False, seed=0))
    assert parts.policy.balance is None
    said = decided(parts, bench_of(targets), np.arange(400), scores[0])
    np.testing.assert_array_equal(said.decided, said.scores.argmax(axis=1))


def test_values_keep_their_scores_and_get_an_interval():
    rng = np.random.default_rng(1)
    targets = rng.normal(size=60)
    bench = bench_of(targets, labels=(), task=Task.REGRESSION)
    folds = folds_of(np.arange(60), 3, 2, rng)
    fits = [SimpleNamespace(scores=targets[fold.test] + 1.0) for fold in folds]
    seen = out_of_fold(fits, folds)
    parts = fit_decisions(bench, seen, Rule(None, balanced=False, seed=0))
    assert parts.interval.half_width == pytest.approx(1.0)
    np.testing.assert_array_equal(crossfitted(parts, bench, seen, Rule(None, False, 0)).scores, seen.scores)


def test_sets_of_rows_are_pooled_with_their_clusters():
    targets, folds, scores = world(rows=40, repeats=1)
    bench, rule = bench_of(targets), Rule(None, balanced=True, seed=0)
    seen = out_of_fold(fits_of(folds, scores), folds)
    parts = fit_decisions(bench, seen, rule)
    scored = crossfitted(parts, bench, seen, rule)
    held = decided(parts, bench, np.arange(5), scores[0][:5])
    both = pooled([(seen.rows, scored, seen.weights), (np.arange(5), held, np.ones(5))], np.arange(40) // 2)
    assert both.scored.rows == 45
    np.testing.assert_array_equal(both.clusters[40:], [0, 0, 1, 1, 2])
