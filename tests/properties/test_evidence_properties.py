"""What must hold for every input: order of rows, identity, sums to one, and the arithmetic of costs."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graft.core.intervals import Interval
from graft.decisions.calibration import fit_calibrator
from graft.decisions.conformal import fit_conformal
from graft.decisions.costs import CostTable
from graft.decisions.policy import Policy
from graft.evidence.calibration_error import calibration_error
from graft.evidence.comparison import compare, score_interval
from graft.evidence.label_noise import suspects
from graft.evidence.metrics import METRICS, evaluate
from graft.evidence.pooled import Jackknife, Pooled, jackknife
from graft.evidence.predictions import Scored
from graft.evidence.selection import paid_doubt
from graft.evidence.transferability import logme, neighbour_agreement
from graft.evidence.verdict import Outcome, decide_verdict

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


def joint(seed: int, name: str, task: str, candidates: int = 2, groups: int = 40) -> Jackknife:
    """Candidates that agree with the first on about half of the rows; undefined or one cluster: assumed away."""
    rng, first = np.random.default_rng(seed), drawn(seed, task)
    clusters, terms = rng.integers(groups, size=first.rows), {"t0": first}
    for place in range(1, candidates):
        other = drawn(seed + place, task)
        keep = (rng.random(first.rows) < 0.5).reshape(-1, *[1] * (first.scores.ndim - 1))
        terms[f"t{place}"] = Scored(task, first.targets, np.where(keep, first.scores, other.scores))
    assume(len(np.unique(clusters)) > 1)
    assume(not any(np.isnan(evaluate(one, name)) for one in terms.values()))
    return jackknife({key: [(1.0, Pooled(one, clusters))] for key, one in terms.items()}, name)


records = st.sampled_from([(record.name, task) for record in METRICS for task in record.tasks])


@few
@given(seed=seeds, of=records, groups=st.integers(2, 40))
def test_a_candidate_against_itself_differs_by_nothing(seed: int, of: tuple[str, str], groups: int) -> None:
    gap = compare(joint(seed, *of, groups=groups), "t0", "t0")
    assert (gap.estimate, gap.centre) == (0, 0)
    assert gap.doubt(0.0) >= 0.5
    assert gap.interval().low <= 0 <= gap.interval().high


@few
@given(seed=seeds, of=records, groups=st.integers(2, 40), level=st.floats(0.5, 0.999))
def test_intervals_never_leave_the_range(seed: int, of: tuple[str, str], groups: int, level: float) -> None:
    found = joint(seed, *of, groups=groups)
    low, high = found.bounds
    own, gap = score_interval(found, "t0", level=level), compare(found, "t0", "t1").interval(level)
    if found.withheld:
        assert (own.low, own.high, gap.low, gap.high) == (None,) * 4
        return
    assert low - 1e-9 <= own.low <= own.mean <= own.high <= high + 1e-9
    assert low - high <= gap.low <= gap.mean <= gap.high <= high - low


@few
@given(seed=seeds, of=records, bound=st.floats(-0.3, 0.3))
def test_a_comparison_mirrors(seed: int, of: tuple[str, str], bound: float) -> None:
    found = joint(seed, *of)
    there, back = compare(found, "t0", "t1"), compare(found, "t1", "t0")
    assert back.estimate == pytest.approx(there.reversed.estimate)
    assert back.doubt(bound) == pytest.approx(there.reversed.doubt(bound), abs=1e-9)
    assert there.doubt(bound) <= there.doubt(bound + 0.1) + 1e-12
    assert there.error <= compare(found, "t0", "t1", drift=0.5).error
    if not there.withheld and there.error:
        assert there.doubt(bound) + there.reversed.doubt(-bound) == pytest.approx(1)


@few
@given(seed=seeds, bound=st.floats(-0.2, 0.2), among=st.integers(2, 4))
def test_more_candidates_never_make_surer(seed: int, bound: float, among: int) -> None:
    found = joint(seed, "accuracy", "multiclass", candidates=5)
    pairs = [(f"t{place}", "t4") for place in range(4)]
    alone = paid_doubt(found, pairs[0], pairs[:1], bound)
    paid = paid_doubt(found, pairs[0], pairs[:among], bound)
    assert alone <= paid <= 1
    assert paid <= among * alone + 0.02  # never dearer than Bonferroni


@few
@given(seed=seeds, margin=st.floats(0, 0.1), held=st.floats(-0.2, 0.2), under=st.booleans())
def test_verdicts_mirror_and_never_contradict_the_holdout(seed: int, margin: float, held: float, under: bool) -> None:
    found, holdout = joint(seed, "accuracy", "binary"), Interval(held, held - 0.02, held + 0.02)

    def said(first: str, second: str, holdout: Interval | None = None, under: bool = False) -> Outcome:
        return decide_verdict(
            found, first, transfers=[first], controls=[second], margin=margin, holdout=holdout, under_trained=under
        ).outcome

    swap = {Outcome.HELPS: Outcome.HARMS, Outcome.HARMS: Outcome.HELPS}
    there = said("t0", "t1")
    assert said("t1", "t0") is swap.get(there, there)
    outcome = said("t0", "t1", holdout, under)
    assert outcome in (there, Outcome.INCONCLUSIVE)
    assert outcome is not Outcome.HELPS or held + 0.02 >= margin
    assert outcome is not Outcome.HARMS or (held - 0.02 <= -margin and not under)


@few
@given(seed=seeds, task=st.sampled_from(["binary", "multiclass"]))
def test_suspects_and_calibration_follow_the_rows(seed: int, task: str) -> None:
    one = drawn(seed, task)
    order = np.random.default_rng(seed + 1).permutation(one.rows)
    there = {(s.row, s.given, s.suggested) for s in suspects(one)}
    back = {(int(order[s.row]), s.given, s.suggested) for s in suspects(one.take(order))}
    assert there == back
    errors = [
        calibration_error(part, rng=np.random.default_rng(0), draws=10).shown.mean for part in (one, one.take(order))
    ]
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
