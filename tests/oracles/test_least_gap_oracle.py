"""The least gap of two estimates against scipy's two samples, and how often it is said where nothing differs."""

import numpy as np
import pytest
from scipy import stats

from graft.core.intervals import Interval
from graft.core.means import mean_interval
from graft.evidence.least_gap import least_gap


def test_even_ends_are_the_interval_of_a_difference() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(10, 2, 4000), rng.normal(9, 3, 9000)
    found = least_gap(*(mean_interval(values, level=0.9) for values in (one, other)))
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.9).low
    assert found == pytest.approx(expected, abs=4e-3)  # a pseudo-row


def test_an_end_that_is_not_known_leaves_all_open() -> None:
    whole = Interval(0.9, 0.8, 0.95)
    assert least_gap(Interval(1.0), whole) == -np.inf
    assert least_gap(whole, Interval(0.1)) == -np.inf


@pytest.mark.parametrize(("rows", "now"), [(100, 60), (200, 2_000), (1_200, 300)])
@pytest.mark.parametrize("share", [0.8, 0.98])
def test_a_share_that_did_not_change_is_rarely_said_to_have_fallen(rows: int, now: int, share: float) -> None:
    """One-sided at .025: no more often than that in 400 pairs, but for what 400 pairs vary by."""
    rng = np.random.default_rng(rows + now)
    said = 0
    for _ in range(400):
        before, after = (
            mean_interval((rng.random(count) < share).astype(float), possible=(0, 1)) for count in (rows, now)
        )
        said += least_gap(before, after) > 0
    assert said <= stats.binom.ppf(0.999, 400, 0.025)
    assert least_gap(mean_interval(np.ones(400), possible=(0, 1)), mean_interval(np.zeros(40), possible=(0, 1))) > 0.8
