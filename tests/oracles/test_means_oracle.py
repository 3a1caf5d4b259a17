"""Intervals of row means against scipy, a jackknife of groups, and simulated studies whose true mean is known."""

import numpy as np
import pytest
from scipy import stats

from graft.core.means import design_effect, mean_interval
from graft.decisions.costs import CostTable
from graft.decisions.policy import Policy
from graft.decisions.policy_costs import cheapest_single, compare_policies, cost_per_thousand


def test_many_rows_are_students_interval() -> None:
    values = np.random.default_rng(0).normal(3, 2, 20_000)
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 19_999, loc=values.mean(), scale=stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((values.mean(), low, high), abs=2e-3)


def test_many_groups_are_a_jackknife_over_groups() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(40_000), rng.integers(1, 9, 40_000))
    values = rng.normal(size=40_000)[groups] + rng.normal(size=len(groups))
    total, size = np.bincount(groups, weights=values), np.bincount(groups)
    left = (values.sum() - total) / (len(values) - size)
    error = np.sqrt(39_999 / 40_000 * ((left - left.mean()) ** 2).sum())
    found = mean_interval(values, groups=groups)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.02)


def test_the_rule_of_three() -> None:
    """No error in n rows: exact binomial limits are 3 / n one-sided and 3.7 / n two-sided."""
    for rows in (20, 100, 1000):
        high = mean_interval(np.zeros(rows), possible=(0, 1)).high
        assert stats.binomtest(0, rows).proportion_ci(0.9).high < high * 1.05
        assert high < stats.binomtest(0, rows).proportion_ci(0.95).high


def test_design_effect_of_planted_correlation() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(4000), 5)
    values = np.sqrt(0.4) * rng.normal(size=4000)[groups] + np.sqrt(0.6) * rng.normal(size=20_000)
    assert design_effect(values, groups) == pytest.approx(1 + 4 * 0.4, abs=0.06)


@pytest.mark.parametrize("dear", [1.0, 50.0])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("rows", [20, 50, 100, 400])
def test_costs_are_covered(rows: int, rate: float, dear: float) -> None:
    """Errors of cost 1, half of them of cost ``dear``: rarely outside, and at 400 rows not much wider than needed."""
    rng = np.random.default_rng(3)
    draws = rng.random((1000, rows))
    costs = np.where(draws < rate / 2, dear, np.where(draws < rate, 1.0, 0.0))
    truth = 1000 * rate * (dear + 1) / 2
    found = [cost_per_thousand(one, possible=(0, dear)) for one in costs]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.93
    if rows == 400:
        ideal = 2 * 1.96 * 1000 * np.sqrt((rate / 2 * (dear**2 + 1) - (truth / 1000) ** 2) / rows)
        assert np.mean([one.high - one.low for one in found]) <= 1.3 * ideal


@pytest.mark.parametrize(
    ("groups", "size"), [(5, 40), *(pytest.param(*one, marks=pytest.mark.slow) for one in ((20, 20), (100, 5)))]
)
@pytest.mark.parametrize("alike", [0.05, 0.2])
@pytest.mark.parametrize("dear", [1.0, 50.0])
def test_costs_of_customers_are_covered(groups: int, size: int, alike: float, dear: float) -> None:
    """Each customer has an error rate of its own (beta, mean .2); a fifth of the errors cost ``dear``."""
    rng = np.random.default_rng(4)
    place = np.repeat(np.arange(groups), size)
    covered, naive = [], []
    truth = 1000 * 0.2 * (0.2 * dear + 0.8)
    for _ in range(600):
        rates = rng.beta(0.2 * (1 / alike - 1), 0.8 * (1 / alike - 1), groups)[place]
        wrong, kind = rng.random(len(place)) < rates, rng.random(len(place)) < 0.2
        costs = wrong * np.where(kind, dear, 1.0)
        found = cost_per_thousand(costs, groups=place, possible=(0, dear))
        covered.append(found.low <= truth <= found.high)
        alone = cost_per_thousand(costs, possible=(0, dear))
        naive.append(alone.low <= truth <= alone.high)
    assert np.mean(covered) >= 0.93
    if (groups, dear, alike) == (5, 1.0, 0.2):
        assert np.mean(naive) < 0.6  # what forgetting the customers would do


@pytest.mark.parametrize("rows", [20, *(pytest.param(one, marks=pytest.mark.slow) for one in (100, 400))])
def test_savings_are_covered(rows: int) -> None:
    """Calibrated probabilities, a miss 50 times as dear as an alarm: what the tuned policy saves, and what it costs."""
    rng = np.random.default_rng(5)
    table = CostTable(unit="EUR", labels=("ham", "phishing"), cost=((0, 1), (50, 0)))
    policy = Policy(task="binary", table=table)

    def study(count: int) -> tuple[np.ndarray, np.ndarray]:
        positive = rng.beta(0.2, 4, count)
        return np.column_stack([1 - positive, positive]), (rng.random(count) < positive).astype(int)

    truth = [(one.cost.mean, one.saved.mean) for one in compare_policies(policy, *study(400_000))[:2]]
    spent, saved = [], []
    for _ in range(500):
        tuned, plain, fixed = compare_policies(policy, *study(rows))
        spent += [one.cost.low <= cost <= one.cost.high for one, (cost, _) in zip((tuned, plain), truth, strict=True)]
        saved.append(tuned.saved.low <= truth[0][1] <= tuned.saved.high)
        assert fixed.cost.high > 0
    assert np.mean(spent) >= 0.93
    assert np.mean(saved) >= 0.93


def test_cheapest_single_by_enumeration() -> None:
    rng = np.random.default_rng(6)
    for _ in range(50):
        costs, abstain = rng.random((4, 4)) * 9, rng.random(4) * 9
        table = CostTable(unit="EUR", labels=tuple("abcd"), cost=costs.tolist(), abstain=abstain.tolist())
        targets, weights = rng.integers(4, size=30), rng.integers(1, 4, 30)
        bills = [sum(costs[true, said] for true in targets) for said in range(4)] + [abstain[targets].sum()]
        assert cheapest_single(targets, table) == (*range(4), -1)[int(np.argmin(bills))]
        repeated = np.repeat(targets, weights)
        assert cheapest_single(targets, table, weights) == cheapest_single(repeated, table)
