"""The gap between a random and a grouped split: Welch's interval by hand, and coverage behind real neighbours."""

import numpy as np
import pytest
from scipy import stats

from graft.evidence.optimism import optimism_interval


def test_against_welch_in_scipy() -> None:
    rng = np.random.default_rng(0)
    random, grouped = rng.normal(0.9, 0.02, 5), rng.normal(0.8, 0.05, 8)
    found = optimism_interval(random, grouped, random_fraction=0.2, grouped_fraction=0.125, level=0.9)
    oracle = stats.ttest_ind(random, grouped, equal_var=False).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))


def test_repeats_do_not_make_surer_than_one_pass_over_the_rows() -> None:
    rng = np.random.default_rng(0)
    random, grouped = rng.normal(0.9, 0.02, 5), rng.normal(0.8, 0.05, 5)
    once = optimism_interval(random, grouped, random_fraction=0.2, grouped_fraction=0.2)
    again = optimism_interval(random, np.tile(grouped, 10), random_fraction=0.2, grouped_fraction=0.2)
    assert 0.85 < (again.high - again.low) / (once.high - once.low) < 1.01


@pytest.mark.parametrize(
    ("groups", "rows"),
    [(20, 10), pytest.param(40, 5, marks=pytest.mark.slow), pytest.param(12, 20, marks=pytest.mark.slow)],
)
def test_covers(groups: int, rows: int) -> None:
    """Five nearest neighbours on rows whose features and labels go by group; the truth is the mean of all data sets."""
    rng, found = np.random.default_rng(0), []
    group = np.arange(groups).repeat(rows)
    for _ in range(120):
        centres = rng.normal(size=(groups, 6))
        labels = (centres[:, 0] + 0.8 * rng.normal(size=groups) > 0).repeat(rows) ^ (rng.random(groups * rows) < 0.1)
        features = 0.84 * centres.repeat(rows, 0) + 0.55 * rng.normal(size=(groups * rows, 6))
        distances = ((features[:, None] - features[None]) ** 2).sum(axis=2)
        scores = []
        for units in (np.arange(len(group)), group):
            fold, right = (rng.permutation(units.max() + 1) % 4)[units], []
            for k in range(4):
                near = np.argpartition(distances[np.ix_(fold == k, fold != k)], 5, axis=1)[:, :5]
                right.append(((labels[fold != k][near].mean(axis=1) > 0.5) == labels[fold == k]).mean())
            scores.append(np.array(right))
        found.append(optimism_interval(scores[0], scores[1], random_fraction=0.25, grouped_fraction=0.25))
    truth = np.mean([one.mean for one in found])
    assert truth > 0.05
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.9  # 0.93 less Monte-Carlo error
    assert np.mean([one.high - one.low for one in found]) < 2 * 3.92 * np.std([one.mean for one in found])
