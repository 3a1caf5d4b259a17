"""Looking every day: fair odds by enumeration, published formulas by loops, and years in which nothing changes."""

from itertools import product

import numpy as np
import pytest
from scipy import integrate, stats

from graft.core.errors import InputError
from graft.evidence.looks import Looks
from graft.evidence.wealth import POWERS, Wealth, e_value, p_gains

YEAR = 365


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("draws", [1, 19, 999])
def test_odds_on_steps_are_exactly_fair(draws):
    steps = np.arange(1, draws + 2) / (draws + 1)
    paid = np.array([p_gains(p, draws=draws) for p in steps])
    assert paid.mean(axis=0) == pytest.approx(np.ones(len(POWERS)))
    assert (np.diff(paid, axis=0) <= 1e-12).all()  # a larger p-value never pays more, so larger ones are fair too


def test_odds_on_any_p_value_are_fair():
    for place in range(4):
        paid, _ = integrate.quad(lambda p, place=place: p_gains(p)[place], 0, 1)
        assert paid == pytest.approx(1, rel=1e-6)
    assert e_value(np.array(0.01)) == pytest.approx(p_gains(0.01) @ [0.5, 0.125, 0.125, 0.125, 0.125])


def test_the_capital_is_a_martingale():
    """All 4^4 ways four days of p-values in quarters can go."""
    found = []
    for days in product((0.25, 0.5, 0.75, 1.0), repeat=4):
        capital = Wealth()
        for p in days:
            capital = capital.after_p(p, draws=3)
        found.append(capital.capital)
    assert np.mean(found) == pytest.approx(1)
    assert max(found) > 3


def test_capital_by_hand():
    """Half is not bet, an eighth each on four powers; then a hundredth is laid out as at first."""
    start, powers = np.array([0.5, 0.125, 0.125, 0.125, 0.125]), np.array(POWERS)
    parts = start.copy()
    capital = Wealth()
    for p in (0.2, 0.01, 0.7):
        parts = parts * powers * p ** (powers - 1)
        assert capital.after_p(p).peak >= np.log(parts.sum()) - 1e-12
        parts = 0.99 * parts + 0.01 * parts.sum() * start
        capital = capital.after_p(p)
        assert capital.capital == pytest.approx(parts.sum())


def test_e_values_are_bet_on_by_shares():
    assert Wealth().after_e(0).capital == pytest.approx(0.5 + 0.125 * (0.9 + 0.75 + 0.5))
    assert Wealth().after_e(1).capital == pytest.approx(1)
    assert Wealth().after_e(100).alarm()


def test_nothing_is_lost_for_good():
    capital = Wealth()
    for _ in range(2000):
        capital = capital.after_p(1.0, draws=999)
    days = 0
    while not capital.alarm():
        days += 1
        capital = capital.after_p(0.001, draws=999)
    assert days <= 6
    assert (capital.again().starts, capital.again().capital) == (2, pytest.approx(1.0))
    assert not capital.again().alarm()


def alarms(years: int, p_values: np.ndarray) -> float:
    """Share of years that alarm; shape (years, days)."""
    found = 0
    for year in range(years):
        capital = Wealth()
        for p in p_values[year]:
            capital = capital.after_p(float(p), draws=99)
        found += capital.alarm(0.05)
    return found / years


def against_all_before(years: int, days: int, rng: np.random.Generator, rows: int = 5, first: int = 50) -> np.ndarray:
    """Permutation p-values of each day's mean against the baseline and all days before, shape (years, days)."""
    pool = rng.standard_t(3, size=(years, first + rows * days))
    found = np.empty((years, days))
    for day in range(days):
        size = first + rows * (day + 1)
        here, middle = pool[:, :size], pool[:, :size].mean(axis=1)
        drawn = rng.integers(size, size=(years, 99, rows))
        while len(again := np.argwhere(np.diff(np.sort(drawn, axis=2), axis=2).min(axis=2) == 0)):
            drawn[again[:, 0], again[:, 1]] = rng.integers(size, size=(len(again), rows))
        means = np.take_along_axis(here, drawn.reshape(years, -1), axis=1).reshape(years, 99, rows).mean(axis=2)
        seen = np.abs(here[:, -rows:].mean(axis=1) - middle)
        found[:, day] = (1 + (np.abs(means - middle[:, None]) >= seen[:, None] - 1e-12).sum(axis=1)) / 100
    return found


def test_some_years_without_a_change(rng):
    assert alarms(60, rng.integers(1, 101, size=(60, YEAR)) / 100) <= 0.1


@pytest.mark.slow
def test_500_years_without_a_change_each_day_against_all_before(rng):
    """Rows with heavy tails, 5 a day, a baseline of 50: real permutation tests on every day."""
    ps = against_all_before(500, YEAR, rng)
    assert np.abs(np.corrcoef(ps[:, 100], ps[:, 101])[0, 1]) < 0.15
    assert alarms(500, ps) <= 0.05


@pytest.mark.slow
def test_one_small_baseline_for_all_days_is_no_fair_game(rng):
    """As the module says: with a baseline of one day a fifth of the years alarm, with 20 days it is within 5 %."""
    found = []
    for size in (20, 400):
        base = rng.normal(size=(200, 1)) / np.sqrt(size)
        days = rng.normal(size=(200, YEAR)) / np.sqrt(20)
        ps = 2 * stats.norm.sf(np.abs(days - base) / np.sqrt(1 / 20 + 1 / size))
        found.append(alarms(200, np.ceil(ps * 100) / 100))
    assert found[0] > 0.12
    assert found[1] <= 0.08


def slow_poison(years: int, step: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """p-values of single days and of all days so far against a baseline of 2,000 rows, 16 dimensions, 50 rows a day.

    step: what the mean moves a day, in standard deviations a dimension. Each of shape (years, days).
    """
    base = rng.normal(size=(years, 1, 16)) / np.sqrt(2000)
    days = rng.normal(size=(years, YEAR, 16)) / np.sqrt(50) + step * np.arange(YEAR)[:, None]
    so_far = np.cumsum(days, axis=1) / np.arange(1, YEAR + 1)[:, None]
    rows = 50 * np.arange(1, YEAR + 1)
    single = stats.chi2.sf(np.square(days - base).sum(axis=2) / (1 / 50 + 1 / 2000), 16)
    return single, stats.chi2.sf(np.square(so_far - base).sum(axis=2) / (1 / rows + 1 / 2000), 16)


def test_looks_at_all_days_together_see_what_no_day_shows(rng):
    looks = Looks.over(YEAR, level=0.05)
    places = np.array(looks.days) - 1
    _, quiet = slow_poison(500, 0.0, rng)
    assert (quiet[:, places] <= looks.level).any(axis=1).mean() <= 0.05
    single, together = slow_poison(200, 0.0004, rng)
    seen = together[:, places] <= looks.level
    assert seen.any(axis=1).mean() >= 0.95
    first = np.array(looks.days)[seen.argmax(axis=1)]
    assert np.median(first) <= 195
    # Each day alone, paid for as 365 looks: the drift is hidden from most of the years until then.
    assert (single[:, :195] <= 0.05 / YEAR).any(axis=1).mean() <= 0.6


def test_looks_are_spent_once():
    looks = Looks.over(YEAR, level=0.05)
    assert looks.days[0] == 1
    assert looks.days[-1] == YEAR
    assert looks.level * len(looks.days) == pytest.approx(0.05)
    assert sum(looks.due(day, last=day - 1) for day in range(1, 1000)) == len(looks.days)
    assert not looks.due(400, last=365)
    assert 1 / (looks.draws + 1) < looks.level
    assert Looks.over(1) == Looks((1,), 0.05)


def test_what_cannot_be_is_refused():
    for p in (0.0, -0.1, 1.2, float("nan")):
        with pytest.raises(InputError, match="p-value"):
            Wealth().after_p(p)
    for e in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="e-value"):
            Wealth().after_e(e)
    with pytest.raises(InputError, match="level"):
        Wealth().alarm(0)
    with pytest.raises(InputError, match="above 0"):
        e_value(np.array([0.0, 0.5]))
    for horizon, growth, level in ((0, 1.5, 0.05), (9, 1.0, 0.05), (9, 1.5, 1.0)):
        with pytest.raises(InputError, match="looks over"):
            Looks.over(horizon, growth=growth, level=level)
