"""Rows that a difference rests on: sums by loops, the unbiased MMD, groups, and rows that are planted."""

import numpy as np
import pytest

from graft.evidence.shuffles import shuffles
from graft.evidence.two_samples import TwoSamples, mmd
from graft.evidence.witness import witness


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def kernel(x: np.ndarray, y: np.ndarray, width: float) -> float:
    return float(np.exp(-((x - y) @ (x - y)) / (2 * width**2)))


def test_a_row_by_loops_and_the_unbiased_square(rng):
    one, other = rng.normal(size=(12, 2)), rng.normal(0.5, size=(9, 2))
    samples = TwoSamples(one, other, shuffles(12, 9, rng=rng))
    found = witness(samples, rng=rng, bandwidth=1.1)
    near = [kernel(other[4], row, 1.1) for place, row in enumerate(other) if place != 4]
    far = [kernel(other[4], row, 1.1) for row in one]
    assert found.current[4] == pytest.approx(np.mean(near) - np.mean(far), abs=1e-6)
    within = [
        np.mean([kernel(rows[i], rows[j], 1.1) for i in range(len(rows)) for j in range(len(rows)) if i != j])
        for rows in (one, other)
    ]
    unbiased = sum(within) - 2 * np.mean([kernel(x, y, 1.1) for x in one for y in other])
    assert found.square == pytest.approx(unbiased, abs=1e-6)


def test_its_root_is_the_effect_of_the_test(rng):
    one, other = rng.normal(size=(300, 4)), rng.normal(0.5, size=(200, 4))
    samples = TwoSamples(one, other, shuffles(300, 200, rng=rng))
    found = witness(samples, rng=rng)
    assert np.sqrt(found.square) == pytest.approx(mmd(samples, rng=rng).effect.mean, rel=0.02)


def test_rows_of_ones_own_group_do_not_count(rng):
    """Copies in a group would make each row look at home in its own sample."""
    one, other = (np.repeat(rng.normal(size=(40, 5)), 5, axis=0) for _ in range(2))
    groups = np.arange(40).repeat(5), np.arange(40, 80).repeat(5)
    apart = witness(TwoSamples(one, other, shuffles(200, 200, rng=rng)), rng=rng)
    together = witness(TwoSamples(one, other, shuffles(200, 200, rng=rng, groups=groups)), rng=rng)
    assert apart.square > 0.008
    assert abs(together.square) < 0.008


def test_what_is_new(rng):
    one, other = rng.normal(size=(6000, 3)), rng.normal(size=(3000, 3))
    one[:200] += 5
    other[-20:] -= 5
    found = witness(TwoSamples(one, other, shuffles(6000, 3000, rng=rng)), rng=rng)
    assert len({*found.newest(20).tolist()} & set(range(2980, 3000))) >= 17  # of 3,000; by their plain part none
    assert len(found.newest(10**6)) == 3000
    before, now = found.newness
    assert (now[-20:] > np.quantile(before, 0.95)).sum() >= 19
    assert (before[:200] < 0).sum() >= 195  # what has gone


def test_single_and_equal_rows(rng):
    found = witness(TwoSamples(np.ones((1, 2)), np.zeros((1, 2)), shuffles(1, 1, rng=rng)), rng=rng)
    assert np.isfinite(found.current).all()
    found = witness(TwoSamples(np.ones((9, 2)), np.ones((5, 2)), shuffles(9, 5, rng=rng)), rng=rng)
    assert found.square == pytest.approx(0)
