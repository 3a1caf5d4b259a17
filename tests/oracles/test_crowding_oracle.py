"""Crowds against loops, against the ranks and the index of Hill by hand, and against a tail that is known."""

import numpy as np
import pytest
from scipy import stats

from graft.evidence.crowding import heavy_units, risen_value
from graft.evidence.shuffles import shuffles


def test_the_largest_rise_is_found_by_a_loop_in_every_draw() -> None:
    rng = np.random.default_rng(0)
    before, now = rng.integers(6, size=40), rng.integers(6, size=25)
    users = (np.arange(40) // 4, 100 + np.arange(25) // 5)
    draws = shuffles(40, 25, rng=rng, groups=users, draws=30)
    rows = np.concatenate([before, now])[draws.kept]
    seen = risen_value(before, now, draws)
    for draw in range(31):
        side = draws.drawn[draws.cell, draw]
        rises = [(rows[side] == one).mean() - (rows[~side] == one).mean() for one in range(6)]
        assert seen.values[draw] == pytest.approx(max(rises), abs=1e-6)


def test_up_to_the_largest_of_the_reference_ranks_are_counted() -> None:
    usual = np.arange(1, 101)
    for size, above in ((1, 100), (50, 51), (100, 1)):
        assert heavy_units(usual, np.array([size])).p_value == pytest.approx((above + 1) / 101)
    both = heavy_units(usual, np.array([100, 50]))  # adjusted for two
    assert both.p_values == pytest.approx([2 * 2 / 101, 52 / 101])


def test_beyond_it_the_index_of_hill_is_drawn_out() -> None:
    usual = np.arange(1, 101)
    tail = np.arange(91, 101)  # the tenth of the sizes above the 11th largest
    index = np.mean([np.log((one + 1) / 91) for one in tail]) * 91 / 90
    cautious = max(0.2, index * (1 + 1.645 / np.sqrt(10)))
    found = heavy_units(usual, np.array([500])).p_value
    assert found == pytest.approx((500 / 91) ** (-1 / cautious) * 11 / 101)


@pytest.mark.parametrize("index", [1.5, 2.5])
def test_of_many_units_with_a_known_tail_none_is_called_heavy_too_often(index: float) -> None:
    """Counts of Pareto tails; where ones added to small counts hid the tail, 12 % of 2,000 and 2,000 units alarmed."""
    rng = np.random.default_rng(1)
    sizes = np.ceil(rng.pareto(index, size=(150, 2, 2000)) + 1)
    alarms = sum(heavy_units(one, other).p_value <= 0.05 for one, other in sizes)
    assert alarms <= stats.binom.ppf(0.999, 150, 0.05)
