"""What must hold for every input: order of rows, identity, sums to one, and the arithmetic of costs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.decisions import CostTable, Policy, fit_calibrator, fit_conformal
from graft.evidence import (
    METRICS,
    Comparison,
    Interval,
    Outcome,
    Scored,
    compare_folds,
    decide_verdict,
    ece,
    evaluate,
    logme,
    neighbour_agreement,
    paid_probability,
    paired_bootstrap_metric,
    suspects,
)

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)


def drawn(seed: int, task: str, rows: int = 40) -> Scored:
    rng = np.random.default_rng(seed)
    if task == "regression":
        return Scored(task, rng.normal(size=rows).round(1), rng.normal(size=rows).round(1))
    if task == "multilabel":
        return Scored(task, rng.integers(2, size=(rows, 3)), rng.random((rows, 3)).round(1))
    classes = 2 if task == "binary" else 4
    return Scored(task, rng.integers(classes, size=rows), rng.dirichlet(np.full(classes, 0.7), rows))


@few
@given(seed=seeds, record=st.sampled_from(METRICS), data=st.data())
def test_the_order_of_rows_does_not_matter(seed: int, record, data) -> None:
    one = drawn(seed, data.draw(st.sampled_from(record.tasks)))
    order = np.random.default_rng(seed).permutation(one.rows)
    value = evaluate(one, record.name)
    assert evaluate(one.take(order), record.name) == pytest.approx(value, abs=1e-9, nan_ok=True)
    low, high = record.bounds
    assert np.isnan(value) or low - 1e-12 <= value <= high + 1e-12


@few
@given(seed=seeds, record=st.sampled_from(METRICS), data=st.data())
def test_a_candidate_against_itself_differs_by_nothing(seed: int, record, data) -> None:
    one = drawn(seed, data.draw(st.sampled_from(record.tasks)))
    rng = np.random.default_rng(seed)
    assert paired_bootstrap_metric(one, one, record.name, rng=rng, draws=50) == Interval(0.0, 0.0, 0.0)


@few
@given(seed=seeds, folds=st.integers(1, 20), margin=st.floats(0, 0.1), fraction=st.floats(0.05, 0.5))
def test_posterior_is_a_distribution_and_mirrors(seed: int, folds: int, margin: float, fraction: float) -> None:
    first, second = np.random.default_rng(seed).random((2, folds))
    there = compare_folds(first, second, margin=margin, test_fraction=fraction)
    back = compare_folds(second, first, margin=margin, test_fraction=fraction)
    assert there.worse + there.tied + there.better == pytest.approx(1)
    assert (back.worse, back.better) == (pytest.approx(there.better), pytest.approx(there.worse))
    assert there.low <= there.mean <= there.high
    verdict, mirrored = decide_verdict(there, margin=margin), decide_verdict(back, margin=margin)
    swap = {Outcome.HELPS: Outcome.HARMS, Outcome.HARMS: Outcome.HELPS}
    assert mirrored.outcome is swap.get(verdict.outcome, verdict.outcome)
    same = compare_folds(first, first, margin=margin, test_fraction=fraction)
    assert same.mean == 0
    assert folds == 1 or same.tied == 1


@few
@given(distance=st.floats(-20, 20), folds=st.integers(2, 60), among=st.integers(1, 12))
def test_more_candidates_never_make_surer(distance: float, folds: int, among: int) -> None:
    paid = paid_probability(distance, folds=folds, among=among)
    assert 0 <= paid <= 1
    assert paid_probability(distance, folds=folds, among=among + 1) <= paid + 2e-4
    assert paid_probability(distance + 0.5, folds=folds, among=among) >= paid - 1e-9


@few
@given(mean=st.floats(-0.2, 0.2), scale=st.floats(0.001, 0.2), held=st.floats(-0.2, 0.2), under=st.booleans())
def test_no_verdict_against_the_holdout(mean: float, scale: float, held: float, under: bool) -> None:
    folds = Comparison(mean, mean - 2 * scale, mean + 2 * scale, 0.3, 0.4, 0.3, scale, 15)
    holdout = Interval(held, held - 0.02, held + 0.02)
    verdict = decide_verdict(folds, holdout, margin=0.01, under_trained=under)
    assert 0 <= verdict.probability <= 1
    assert verdict.outcome is not Outcome.HELPS or held > 0
    assert verdict.outcome is not Outcome.HARMS or (held < 0 and not under)


@few
@given(seed=seeds, task=st.sampled_from(["binary", "multiclass"]))
def test_suspects_and_calibration_follow_the_rows(seed: int, task: str) -> None:
    one = drawn(seed, task)
    order = np.random.default_rng(seed + 1).permutation(one.rows)
    there = {(s.row, s.given, s.suggested) for s in suspects(one)}
    back = {(int(order[s.row]), s.given, s.suggested) for s in suspects(one.take(order))}
    assert there == back
    errors = [ece(part, rng=np.random.default_rng(0), draws=10).mean for part in (one, one.take(order))]
    assert errors[0] == pytest.approx(errors[1])
    assert 0 <= errors[0] <= 1


@few
@given(seed=seeds)
def test_transferability_ignores_order_and_rotation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, targets = rng.normal(size=(40, 4)), rng.integers(3, size=40)
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    order = rng.permutation(40)
    score, agreement = logme(features, targets, "multiclass"), neighbour_agreement(features, targets)
    assert logme((features @ turn)[order], targets[order], "multiclass") == pytest.approx(score, abs=1e-6)
    assert neighbour_agreement((features @ turn)[order], targets[order]) == pytest.approx(agreement, abs=1e-9)


@settings(max_examples=12, deadline=None)
@given(seed=seeds, task=st.sampled_from(["binary", "multiclass", "multilabel"]))
def test_calibrated_probabilities_are_probabilities(seed: int, task: str) -> None:
    rng = np.random.default_rng(seed)
    one = drawn(seed, task, rows=60)
    calibrator = fit_calibrator(one.scores, one.targets, task=task, rng=rng).calibrator
    mapped = calibrator.apply(one.scores)
    assert mapped.min() >= 0
    assert mapped.max() <= 1
    if task != "multilabel":
        assert mapped.sum(axis=1) == pytest.approx(1)
    if task == "binary":  # a calibrator never reverses an order
        order = np.argsort(one.scores[:, 1])
        assert np.all(np.diff(mapped[order, 1]) >= -1e-9)


@few
@given(seed=seeds, row=st.integers(0, 2), column=st.integers(0, 3), extra=st.floats(0, 10))
def test_adding_cost_never_lowers_the_expected_cost(seed: int, row: int, column: int, extra: float) -> None:
    rng = np.random.default_rng(seed)
    actions = rng.random((3, 4)) * 5
    dearer = actions.copy()
    dearer[row, column] += extra
    probabilities = rng.dirichlet(np.ones(3), 30)
    costs = []
    for table in (actions, dearer):
        made = CostTable(unit="EUR", labels=("a", "b", "c"), cost=table[:, :3].tolist(), abstain=table[:, 3].tolist())
        costs.append(Policy(task="multiclass", table=made).decide(probabilities).expected_cost)
    assert np.all(costs[1] >= costs[0] - 1e-12)


@few
@given(seed=seeds, level=st.floats(0.55, 0.95))
def test_conformal_covers_its_own_residuals(seed: int, level: float) -> None:
    errors = np.random.default_rng(seed).standard_cauchy(50)
    low, high = fit_conformal(errors, np.zeros(50), level=level).apply(np.zeros(50))
    assert np.mean((low <= errors) & (errors <= high)) >= level
