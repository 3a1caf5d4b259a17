"""Classes, slices, suspects, crossings and optimism: ends in order and in bounds, for any input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.evidence.label_noise import suspects, suspicion
from graft.evidence.learning_curve import crossing, fit_curve
from graft.evidence.optimism import optimism_interval
from graft.evidence.predictions import Scored
from graft.evidence.slices import per_class, slice_differences

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=30, deadline=None)


def drawn(seed: int, task: str, rows: int = 40) -> Scored:
    rng = np.random.default_rng(seed)
    if task == "multilabel":
        return Scored(task, rng.integers(2, size=(rows, 3)), rng.random((rows, 3)).round(1))
    classes = 2 if task == "binary" else 4
    return Scored(task, rng.integers(classes, size=rows), rng.dirichlet(np.full(classes, 0.7), rows))


tasks = st.sampled_from(["binary", "multiclass", "multilabel"])


@few
@given(seed=seeds, task=tasks, groups=st.integers(1, 40))
def test_a_class_score_lies_within_its_interval(seed: int, task: str, groups: int) -> None:
    scored = drawn(seed, task)
    group = np.random.default_rng(seed).integers(groups, size=scored.rows)
    names = tuple("abcd"[: scored.classes])
    for one in per_class(scored, names, groups=group):
        for part in (one.precision, one.recall, one.f1):
            if part.ends is None:
                assert one.note or part is one.f1
            else:
                assert 0 <= part.low <= part.mean <= part.high <= 1
                assert part.high - part.low > 0.01  # 40 rows are never certain
    alone, plain = per_class(scored, names, groups=np.arange(scored.rows)), per_class(scored, names)
    assert [one.note for one in alone] == [one.note for one in plain]
    for name in ("precision", "recall", "f1"):
        ends = [[(part.low, part.high) for part in (getattr(one, name) for one in told)] for told in (alone, plain)]
        assert np.array(ends[0]) == pytest.approx(np.array(ends[1]), nan_ok=True)


@few
@given(seed=seeds, task=tasks, groups=st.integers(0, 12), name=st.sampled_from(["accuracy", "macro_f1", "log_loss"]))
def test_a_slice_holds_its_difference(seed: int, task: str, groups: int, name: str) -> None:
    one, rng = drawn(seed, task, 80), np.random.default_rng(seed)
    other = Scored(task, one.targets, drawn(seed + 1, task, 80).scores)
    group = rng.integers(groups, size=80) if groups else None
    columns = {"k": np.repeat(["a", "b"], 40)}
    found = slice_differences(one, other, columns, name, groups=group)
    assert [part.difference.mean for part in found] == sorted(part.difference.mean for part in found)
    for part in found:
        assert 0 <= part.p_harm <= 1
        if not part.note:
            low, mean, high = part.difference.low, part.difference.mean, part.difference.high
            assert low < mean or mean <= -1  # no interval begins or ends with its own estimate
            assert mean < high or mean >= 1
        if name != "log_loss" and not part.note:
            assert part.difference.low >= -1
            assert part.difference.high <= 1


@few
@given(seed=seeds, task=st.sampled_from(["binary", "multiclass"]))
def test_no_more_are_wrong_than_listed(seed: int, task: str) -> None:
    scored = drawn(seed, task)
    found = suspicion(scored, rng=np.random.default_rng(seed), draws=20, limit=3)
    assert found.rows == suspects(scored, limit=3)
    assert found.listed == len(suspects(scored))
    assert 0 <= found.likely_wrong.low <= found.likely_wrong.high <= found.listed
    assert 0 <= found.expected_if_clean <= scored.rows


@settings(max_examples=15, deadline=None)
@given(seed=seeds, folds=st.integers(1, 5))
def test_a_crossing_lies_within_reach(seed: int, folds: int) -> None:
    rng, labels = np.random.default_rng(seed), np.array([50, 100, 200])
    tables = rng.uniform(0.3, 0.9, (2, 3, folds))
    curves = [fit_curve(labels, one, rng=np.random.default_rng(0), draws=50) for one in tables]
    found = crossing(curves[0], curves[1], level=0.6)
    if found.labels is not None:
        assert 50 <= found.labels <= 2000
        assert (found.low or 0) <= found.labels <= (found.high or np.inf)
    else:
        assert found.low is None
        assert found.high is None
    with_itself = crossing(curves[0], curves[0], level=0.6)
    assert with_itself.labels is None


@few
@given(seed=seeds, folds=st.integers(2, 10), shift=st.floats(-1, 1))
def test_optimism_moves_with_its_scores_and_mirrors(seed: int, folds: int, shift: float) -> None:
    random, grouped = np.random.default_rng(seed).random((2, folds))
    there = optimism_interval(random, grouped, random_fraction=0.2, grouped_fraction=0.2)
    back = optimism_interval(grouped, random, random_fraction=0.2, grouped_fraction=0.2)
    moved = optimism_interval(random + shift, grouped, random_fraction=0.2, grouped_fraction=0.2)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert moved.low - there.low == pytest.approx(shift)
