"""Crowding against oracles: exact tests of scipy, a worked Gini, and simulated false alarms."""

import numpy as np
import pytest
from scipy import stats

from graft.core.errors import InputError
from graft.evidence.crowding import fallen_quiet, gini, heavy_units, risen_value
from graft.evidence.shuffles import shuffles


def test_gone_quiet_is_fishers_exact_test():
    before, now, whole = [80, 12, 7], [1, 3, 2], (200, 60)
    told = [
        stats.fisher_exact([[n, whole[1] - n], [b, whole[0] - b]], alternative="less").pvalue
        for b, n in zip(before, now, strict=True)
    ]
    found = fallen_quiet(np.array(before), np.array(now), of_before=200, of_now=60)
    np.testing.assert_allclose(found, stats.false_discovery_control(told), rtol=1e-9)
    with pytest.raises(InputError):
        fallen_quiet(np.array([3]), np.array([9]), of_before=2, of_now=10)


def test_gini_is_the_mean_difference_over_twice_the_mean():
    counts = np.array([1, 4, 4, 20, 3])
    oracle = np.abs(counts[:, None] - counts).mean() / (2 * counts.mean())
    assert gini(counts) == pytest.approx(oracle)
    assert np.isnan(gini(np.zeros(3)))
    assert np.isnan(gini(np.zeros(0)))


def test_a_risen_value_is_found_whatever_the_number_of_values():
    rng = np.random.default_rng(0)
    before, now = rng.integers(9000, size=400), rng.integers(9000, size=200)
    draws = shuffles(400, 200, rng=rng, draws=199)
    assert risen_value(before, now, draws).p_value > 0.05
    now[:20] = 8999
    seen = risen_value(before, now, draws)
    assert seen.p_value == 1 / 200
    assert seen.statistic == pytest.approx((now == 8999).mean() - (before == 8999).mean())
    assert seen.effect.low <= seen.effect.mean <= seen.effect.high
    with pytest.raises(InputError):
        risen_value(before[:9], now, draws)


def test_users_who_take_one_thing_often_are_no_crowd():
    """Everybody takes one thing five times: exchanged event by event that alarms, user by user it does not."""
    rng = np.random.default_rng(1)
    alarms = {"users": 0, "events": 0}
    for _ in range(100):
        before, now = np.repeat(rng.integers(30, size=60), 5), np.repeat(rng.integers(30, size=20), 5)
        users = (np.repeat(np.arange(60), 5), np.repeat(100 + np.arange(20), 5))
        for name, groups in (("users", users), ("events", None)):
            draws = shuffles(300, 100, rng=rng, groups=groups, draws=99)
            alarms[name] += risen_value(before, now, draws).p_value <= 0.05
    assert stats.beta.ppf(0.001, alarms["users"], 101 - alarms["users"]) <= 0.05 if alarms["users"] else True
    assert alarms["events"] > 50


@pytest.mark.parametrize("make", ["geometric", "lognormal", "pareto", "ones"])
@pytest.mark.parametrize("count", [40, 400])
def test_heavy_units_are_rare_without_any(make, count):
    """At most 5 % by the lower 99.9 % limit, for light and heavy tails."""
    rng = np.random.default_rng(2)
    draw = {
        "geometric": lambda n: rng.geometric(0.3, n),
        "lognormal": lambda n: np.ceil(rng.lognormal(1, 1, n)),
        "pareto": lambda n: np.ceil(rng.pareto(1.5, n) + 1),
        "ones": lambda n: np.ones(n),
    }[make]
    alarms = sum(heavy_units(draw(count), draw(count // 5)).p_value <= 0.05 for _ in range(300))
    assert (stats.beta.ppf(0.001, alarms, 301 - alarms) if alarms else 0) <= 0.05


def test_a_flood_is_seen():
    rng = np.random.default_rng(3)
    found = heavy_units(rng.geometric(0.3, 500), np.append(rng.geometric(0.3, 60), [300, 400]))
    assert found.p_value < 0.001
    assert (found.p_values <= 0.05).sum() == 2
    assert found.share == pytest.approx(0.78, abs=0.05)
    assert heavy_units(np.array([1]), np.array([1])).p_value == 1.0
    with pytest.raises(InputError):
        heavy_units(np.zeros(0), np.array([1]))
