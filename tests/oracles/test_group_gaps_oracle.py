"""Gaps between groups: against fairlearn, and in worlds whose truth is known."""

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    equalized_odds_difference,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from scipy import stats
from sklearn.metrics import precision_score

from graft.core.intervals import Interval
from graft.evidence.group_gaps import (
    GroupFigure,
    bounds_if_known,
    difference,
    gap_change,
    gap_shift,
    group_gap,
    largest_gap,
)
from graft.evidence.shrinkage import shrunk_shares


def world(seed: int, rows: int = 600, groups: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    group = rng.integers(groups, size=rows)
    truth = rng.random(rows) < 0.3 + 0.1 * group
    said = np.where(truth, rng.random(rows) < 0.7 - 0.1 * group, rng.random(rows) < 0.15 + 0.05 * group)
    return truth, said, group


def of(values: np.ndarray, groups: np.ndarray, **more: object) -> GroupFigure:
    return GroupFigure(np.asarray(values, np.float64), np.asarray(groups), **more)


@pytest.mark.parametrize("seed", range(3))
def test_figures_and_gaps_are_those_of_fairlearn(seed):
    truth, said, group = world(seed)
    rng = np.random.default_rng(0)
    selected = group_gap(of(said, group), rng=rng)
    told = {"selection": selection_rate, "tpr": true_positive_rate, "fpr": false_positive_rate, "prec": precision_score}
    frame = MetricFrame(metrics=told, y_true=truth, y_pred=said, sensitive_features=group)
    assert [one.mean.mean for one in selected.groups] == pytest.approx(frame.by_group["selection"].to_list())
    assert selected.gap.mean == pytest.approx(demographic_parity_difference(truth, said, sensitive_features=group))
    hits, alarms = of(said[truth], group[truth]), of(said[~truth], group[~truth])
    found = [group_gap(one, rng=rng) for one in (hits, alarms)]
    assert [one.mean.mean for one in found[0].groups] == pytest.approx(frame.by_group["tpr"].to_list())
    assert [one.mean.mean for one in found[1].groups] == pytest.approx(frame.by_group["fpr"].to_list())
    families = [[one.of(place).ends for place in range(3)] for one in (hits, alarms)]
    odds = largest_gap(families)
    assert odds.mean == pytest.approx(equalized_odds_difference(truth, said, sensitive_features=group))
    assert odds.low < odds.mean < odds.high
    precise = group_gap(of(truth[said], group[said]), rng=rng)
    assert precise.gap.mean == pytest.approx(frame.difference()["prec"])


def test_p_values_are_those_of_the_tests_they_are_named_by():
    rng = np.random.default_rng(1)
    many = of(np.r_[np.ones(60), np.zeros(140), np.ones(90), np.zeros(110)], np.repeat([0, 1], 200))
    table = [[60, 90], [140, 110]]
    assert group_gap(many, rng=rng).p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    few = of(np.r_[np.ones(3), np.zeros(9), np.ones(9), np.zeros(3)], np.repeat([0, 1], 12))
    assert group_gap(few, rng=rng).p_value == pytest.approx(stats.fisher_exact([[3, 9], [9, 3]]).pvalue)
    values = np.concatenate([rng.normal(0, 1, 80), rng.normal(0.3, 2, 120), rng.normal(0, 1, 90)])
    groups = np.repeat([0, 1, 2], [80, 120, 90])
    parts = [values[groups == one] for one in range(3)]
    found = group_gap(of(values, groups, share=False), rng=rng)
    assert found.p_value == pytest.approx(stats.f_oneway(*parts, equal_var=False).pvalue, rel=1e-9)


def test_several_small_groups_are_drawn_and_agree_with_chi_square():
    rng = np.random.default_rng(2)
    values = rng.random(120) < 0.3
    groups = np.repeat(np.arange(6), 20)
    hits = np.array([values[groups == one].sum() for one in range(6)])
    drawn = group_gap(of(values, groups), rng=rng).p_value
    assert drawn == pytest.approx(stats.chi2_contingency([hits, 20 - hits], correction=False).pvalue, abs=0.05)


def test_a_difference_of_shares_is_newcombes():
    # Newcombe (1998), example (a), method 10: 56/70 and 48/80, by score limits 0.0524 to 0.3339.
    from graft.core.intervals import wilson

    found = difference(wilson(56, 70), wilson(48, 80))
    assert (found.mean, found.low, found.high) == (pytest.approx(0.2), pytest.approx(0.0524, abs=1e-4),
                                                    pytest.approx(0.3339, abs=1e-4))  # fmt: skip


def test_bounds_hold_whatever_the_unknown_groups_are():
    rng = np.random.default_rng(3)
    groups, values = rng.integers(2, size=60), rng.random(60) < 0.4
    hidden = np.where(rng.random(60) < 0.2, -1, groups)
    bounds = bounds_if_known(of(values, hidden), [0, 1])
    unknown = np.flatnonzero(hidden < 0)
    for code in range(2 ** min(len(unknown), 10)):
        told = hidden.copy()
        told[unknown] = [(code >> place) & 1 for place in range(len(unknown))]
        shares = [values[told == one].mean() for one in (0, 1)]
        assert bounds.low - 1e-9 <= abs(shares[0] - shares[1]) <= bounds.high + 1e-9


def _coverage(sizes: tuple[int, ...], shares: tuple[float, ...], draws: int, seed: int) -> tuple[float, float, float]:
    """Coverage of the gap, share of p-values up to .05, median width."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    truth = max(shares) - min(shares)
    covered, found, widths = [], [], []
    for _ in range(draws):
        told = group_gap(of(rng.random(len(groups)) < np.array(shares)[groups], groups), rng=rng)
        assert told.gap is not None
        covered.append(told.gap.low <= truth <= told.gap.high)
        found.append(told.p_value <= 0.05)
        widths.append(told.gap.high - told.gap.low)
    return float(np.mean(covered)), float(np.mean(found)), float(np.median(widths))


@pytest.mark.slow
@pytest.mark.parametrize("size", [20, 50, 200, 2000])
@pytest.mark.parametrize("shares", [(0.3, 0.3), (0.2, 0.3), (0.02, 0.02), (0.1,) * 5, (0.3, 0.3, 0.3, 0.5)])
def test_the_interval_of_a_gap_covers_it(size, shares):
    covered, found, _ = _coverage((size,) * len(shares), shares, 600, size)
    # Three standard errors of 600 draws are .027.
    assert covered >= 0.93 - 0.01
    if len(set(shares)) == 1:
        assert found <= 0.05 + 0.027


@pytest.mark.slow
@pytest.mark.parametrize("size", [20, 50, 200])
def test_clusters_and_means_cover_too(size):
    rng = np.random.default_rng(size)
    covered: dict[str, list[bool]] = {"clusters": [], "costs": [], "residuals": []}
    found: dict[str, list[bool]] = {name: [] for name in covered}
    groups = np.repeat([0, 1, 2], size)
    cluster = np.arange(len(groups)) // 5
    for _ in range(300):
        rate = rng.beta(0.7, 1.63, len(groups) // 5 + 1)[cluster]
        chance = rng.beta(1, 3, len(groups))
        worlds = {
            "clusters": of(rng.random(len(groups)) < rate, groups, clusters=cluster),
            "costs": of((rng.random(len(groups)) < 0.3) * rng.choice([1.0, 20.0], len(groups), p=[0.8, 0.2]), groups,
                        share=False, possible=(0.0, 20.0)),
            "residuals": of((rng.random(len(groups)) < chance) - chance, groups, share=False, possible=(-1.0, 1.0)),
        }  # fmt: skip
        for name, figure in worlds.items():
            told = group_gap(figure, rng=rng)
            covered[name].append(told.gap.low <= 0 <= told.gap.high)
            found[name].append(told.p_value <= 0.05)
    for name in covered:
        assert np.mean(covered[name]) >= 0.93 - 0.01, name
        assert np.mean(found[name]) <= 0.05 + 0.038, name


@pytest.mark.slow
@pytest.mark.parametrize("size", [50, 200, 1000])
@pytest.mark.parametrize(
    ("one", "other"),
    [((0.5, 0.5), (0.5, 0.5)), ((0.6, 0.5), (0.6, 0.5)), ((0.6, 0.3), (0.6, 0.5)), ((0.5, 0.6), (0.6, 0.5))],
)
def test_the_interval_of_a_change_covers_it(size, one, other):
    rng = np.random.default_rng(size)
    groups = np.repeat([0, 1], size)
    covered, found = [], []
    for _ in range(500):
        first = rng.random(len(groups))
        second = np.where(rng.random(len(groups)) < 0.7, first, rng.random(len(groups)))
        told = gap_change(
            of(first < np.array(one)[groups], groups), of(second < np.array(other)[groups], groups), [0, 1]
        )
        truth = abs(one[0] - one[1]) - abs(other[0] - other[1])
        covered.append(told.change.low <= truth <= told.change.high)
        found.append(told.p_value <= 0.05)
    assert np.mean(covered) >= 0.92
    if abs(one[0] - one[1]) == pytest.approx(abs(other[0] - other[1])):
        assert np.mean(found) <= 0.05 + 0.03


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.0, 0.05, 0.15])
def test_shrunk_shares_cover_and_err_less(apart):
    rng = np.random.default_rng(4)
    sizes = np.array([20, 200, 50, 400, 12, 30, 100, 15, 60, 1000])
    traits = [(sex, place) for sex in "ab" for place in "vwxyz"]
    covered, shrunk, plain = [], [], []
    for _ in range(300):
        sex, place = (dict(zip(names, rng.normal(0, 0.08, len(names)), strict=True)) for names in ("ab", "vwxyz"))
        truth = np.array([np.clip(0.35 + sex[a] + place[b] + rng.normal(0, apart), 0.02, 0.98) for a, b in traits])
        hits = rng.binomial(sizes, truth)
        told = shrunk_shares(hits, sizes, traits)
        covered += [one.low <= share <= one.high for one, share in zip(told, truth, strict=True)]
        shrunk += [(one.mean - share) ** 2 for one, share in zip(told, truth, strict=True)]
        plain += list((hits / sizes - truth) ** 2)
    assert np.mean(covered) >= 0.93
    assert np.mean(shrunk) < np.mean(plain)


def test_a_group_alone_or_too_small_is_not_judged():
    rng = np.random.default_rng(5)
    lone = group_gap(of(rng.random(30) < 0.5, np.zeros(30, int)), rng=rng)
    assert (lone.gap, lone.p_value) == (None, None)
    assert lone.why.startswith("1 group has 10 rows or more")
    small = group_gap(of(rng.random(33) < 0.5, np.r_[np.zeros(30, int), np.ones(3, int)]), rng=rng)
    assert [one.judged for one in small.groups] == [True, False]
    assert small.gap is None
    nobody = group_gap(of(np.zeros(0), np.zeros(0, int)), rng=rng)
    assert nobody.groups == ()
    same = group_gap(of(np.zeros(40), np.repeat([0, 1], 20)), rng=rng)
    assert same.p_value == 1.0
    assert same.gap == Interval(0.0, 0.0, same.gap.high)
    assert same.gap.high > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(15, 50), (50, 200), (1000, 1000)])
@pytest.mark.parametrize("shares", [(0.3, 0.3), (0.05, 0.05), (0.4, 0.3), (0.3,) * 4])
def test_a_gap_that_is_as_it_was_is_not_called_wider(sizes, shares):
    rng = np.random.default_rng(sizes[0])
    now, before = (np.repeat(np.arange(len(shares)), size) for size in sizes)
    covered, found = [], []
    for _ in range(400):
        told = gap_shift(
            of(rng.random(len(now)) < np.array(shares)[now], now),
            of(rng.random(len(before)) < np.array(shares)[before], before),
        )
        covered.append(told.change.low <= 0 <= told.change.high)
        found.append(told.p_value <= 0.05)
    assert np.mean(covered) >= 0.93
    assert np.mean(found) <= 0.05 + 0.03


def test_a_gap_that_widened_is_found_and_groups_of_few_rows_are_left_out():
    groups = np.repeat([0, 1, 2], [200, 200, 5])
    even = np.r_[np.tile([1.0, 0.0], 200), np.ones(5)]
    uneven = np.r_[np.tile([1.0, 0.0], 100), np.tile([1.0, 1.0, 1.0, 0.0], 50), np.zeros(5)]
    told = gap_shift(of(uneven, groups), of(even, groups))
    assert (told.highest, told.lowest) == (1, 0)
    assert (told.now, told.before) == (pytest.approx(0.25), 0.0)
    assert told.p_value < 0.001
    assert told.change.low > 0.05
    assert gap_shift(of(uneven[-5:], groups[-5:]), of(even, groups)) is None
