"""Rows that are alike: the analysis of variance, correlation by loops, and rows that are not."""

import numpy as np
import pytest
from scipy import stats

from graft.core.errors import InputError
from graft.evidence.likeness import group_likeness, order_likeness


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_correlation_is_that_of_the_analysis_of_variance(rng):
    groups = np.arange(60).repeat(8)
    values = rng.normal(size=60)[groups] * 0.6 + rng.normal(size=480)
    means = values.reshape(60, 8).mean(axis=1)
    between = 8 * means.var(ddof=1)
    within = np.square(values - means[groups]).sum() / (60 * 7)
    classical = (between - within) / (between + 7 * within)
    found = group_likeness(values[:, None], groups, rng=rng)
    assert found.correlation == pytest.approx(classical, abs=0.01)
    assert found.effect == pytest.approx(1 + 7 * found.correlation)
    assert found.size == 8


def test_the_order_is_the_correlation_with_the_next_row(rng):
    values = np.cumsum(rng.normal(size=200)) * 0.1 + rng.normal(size=200)
    found = order_likeness(values[:, None], rng=rng)
    assert found.correlation == pytest.approx(np.corrcoef(values[1:], values[:-1])[0, 1], abs=0.03)
    assert found.effect is None


def test_rows_that_are_not_alike_are_seldom_taken_for_it(rng):
    low = np.zeros(2)
    for _ in range(100):
        rows = rng.standard_t(4, size=(120, 5))
        found = group_likeness(rows, rng.integers(30, size=120), rng=rng), order_likeness(rows, rng=rng)
        low += [one.p_value <= 0.05 for one in found]
    assert (low <= stats.binom.ppf(0.999, 100, 0.05)).all()


def test_the_mean_over_draws_is_about_nothing(rng):
    found = [group_likeness(rng.normal(size=(40, 3)), np.arange(10).repeat(4), rng=rng).correlation for _ in range(100)]
    assert abs(np.mean(found)) < 0.02


def test_large_tables_are_looked_at_in_part(rng):
    groups = np.arange(3000).repeat(4)
    level = rng.normal(size=(3000, 4))[groups]
    found = group_likeness((level + rng.normal(size=(12000, 4))).astype(np.float32), groups, rng=rng)
    assert found.correlation == pytest.approx(0.5, abs=0.05)
    assert found.matters
    assert order_likeness(level, rng=rng).matters


def test_rows_nobody_expects(rng):
    rows = rng.normal(size=(6, 2))
    for groups in (np.arange(6), np.zeros(6)):
        found = group_likeness(rows, groups, rng=rng)
        assert (found.correlation, found.p_value, found.matters) == (0.0, 1.0, False)
    alike = group_likeness(np.ones((6, 2)), np.array([0, 0, 1, 1, 2, 2]), rng=rng)
    assert (alike.correlation, alike.p_value) == (0.0, 1.0)
    assert order_likeness(rows[:2], rng=rng).p_value == 1.0
    assert order_likeness(np.ones((6, 2)), rng=rng).p_value == 1.0
    copies = group_likeness(np.repeat(rows, 2, axis=0), np.arange(6).repeat(2), rng=rng)
    assert copies.correlation == pytest.approx(1.0)
    for wrong in (np.array([[np.nan, 1.0]]), np.zeros((0, 2)), np.zeros(3), np.array([[1e200, 1.0]])):
        with pytest.raises(InputError, match="finite numbers"):
            order_likeness(wrong, rng=rng)
    with pytest.raises(InputError, match="group"):
        group_likeness(rows, np.zeros(5), rng=rng)
