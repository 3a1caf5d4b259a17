"""Few labels of a batch against enumeration, sampling theory, prediction-powered formulas and simulated studies."""

import itertools

import numpy as np
import pytest
from scipy import special, stats

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.labels_on_budget import DrawnRows, draw_rows, estimate_from_labels, running_interval
from graft.evidence.unlabelled import RowExpectation


def expecting(mean: np.ndarray) -> RowExpectation:
    rows = len(mean)
    return RowExpectation(mean, np.sqrt(mean * (1 - mean)), np.zeros(rows), np.ones(rows))


def test_rows_are_drawn_with_the_probabilities_that_are_told() -> None:
    rng, deviation = np.random.default_rng(0), np.array([0.0, 0.1, 0.2, 0.5])
    sizes = 0.4 + 0.6 * deviation / deviation.mean()
    seen = dict.fromkeys(itertools.permutations(range(4), 2), 0)
    for _ in range(3000):
        drawn = draw_rows(deviation, 2, rng=rng)
        first, second = drawn.rows.tolist()
        seen[first, second] += 1
        np.testing.assert_allclose(drawn.chances, [sizes[first] / 4, sizes[second] / (4 - sizes[first])])
        np.testing.assert_allclose(drawn.left, [1, 1 - sizes[first] / 4])
    chance = [sizes[i] / 4 * sizes[j] / (4 - sizes[i]) for i, j in seen]
    assert stats.chisquare(list(seen.values()), 3000 * np.array(chance)).pvalue > 0.001


def test_what_labels_say_after_each_draw_is_right_on_average() -> None:
    """Every order there can be, with its probability: the difference estimator is unbiased, whatever the proxy."""
    rng = np.random.default_rng(1)
    values, proxy, sizes = rng.random(5), rng.random(5), rng.random(5) + 0.2
    mean = 0.0
    for order in itertools.permutations(range(5), 3):
        left = sizes.sum() - np.concatenate([[0], np.cumsum(sizes[list(order)])[:-1]])
        chances = sizes[list(order)] / left
        # Even weights of the draws, for which the average is known.
        drawn = DrawnRows(np.array(order), np.arange(3), chances, np.ones(3), 5)
        found = estimate_from_labels(drawn, values[list(order)], expecting(proxy))
        after = [
            proxy.mean() + ((values - proxy)[list(order[:k])].sum() + (values - proxy)[order[k]] / chances[k]) / 5
            for k in range(3)
        ]
        assert found.estimate.mean == pytest.approx(np.clip(np.mean(after), 0, 1))
        mean += chances.prod() * np.mean(after)
    assert mean == pytest.approx(values.mean())


def test_even_draws_without_a_proxy_are_a_plain_mean() -> None:
    rng = np.random.default_rng(2)
    values = rng.random(100_000)
    drawn = draw_rows(np.zeros(100_000), 200, rng=rng)
    nothing = RowExpectation(np.zeros(100_000), np.zeros(100_000), np.zeros(100_000), np.ones(100_000))
    found = estimate_from_labels(drawn, values[drawn.rows], nothing)
    seen = values[drawn.rows]
    assert found.alone.mean == pytest.approx(seen.mean(), abs=1e-3)
    plain = stats.t.interval(0.95, 199, seen.mean(), stats.sem(seen))
    assert found.alone.ends == pytest.approx(plain, abs=0.004)


def test_even_draws_with_a_proxy_are_prediction_powered() -> None:
    """Point and width of PPI++ (Angelopoulos, Duchi & Zrnic 2023): lambda = cov(f, m) / var(m) for many proxies."""
    rng = np.random.default_rng(3)
    proxy = rng.beta(2, 2, 200_000)
    values = np.clip(proxy + rng.normal(0, 0.1, len(proxy)), 0, 1) * 0.7
    drawn = draw_rows(np.zeros(len(proxy)), 500, rng=rng)
    near = RowExpectation(proxy, np.zeros(len(proxy)), values - 0.1, values + 0.1)
    found = estimate_from_labels(drawn, values[drawn.rows], near)
    f, m = values[drawn.rows], proxy[drawn.rows]
    weight = np.cov(f, m)[0, 1] / m.var(ddof=1)
    assert found.weight == pytest.approx(weight, abs=0.01)
    point = weight * proxy.mean() + (f - weight * m).mean()
    assert found.estimate.mean == pytest.approx(point, abs=1e-3)
    reach = 1.96 * (f - weight * m).std(ddof=1) / np.sqrt(500)
    assert found.estimate.high - found.estimate.low == pytest.approx(2 * reach, rel=0.04)


def test_all_labels_are_the_truth() -> None:
    values = np.array([1.0, 0.0, 1.0, 1.0])
    drawn = draw_rows(np.array([0.1, 0.2, 0.3, 0.4]), 99, rng=np.random.default_rng(0))
    found = estimate_from_labels(drawn, values[drawn.rows], expecting(np.full(4, 0.5)))
    assert found.estimate == found.alone == Interval(0.75, 0.75, 0.75)
    assert found.labels == found.rows == 4


def test_blocks_are_labelled_whole() -> None:
    groups = np.repeat(np.arange(10), 3)
    drawn = draw_rows(np.full(30, 0.5), 10, rng=np.random.default_rng(0), groups=groups)
    assert drawn.units.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert len(np.unique(groups[drawn.rows])) == 4
    right = np.ones(30)
    whole = estimate_from_labels(drawn, right[drawn.rows], expecting(np.full(30, 0.5)))
    part = estimate_from_labels(drawn, right[drawn.rows][:11], expecting(np.full(30, 0.5)))
    assert (whole.labels, part.labels) == (12, 9)
    with pytest.raises(InputError, match="part of one block"):
        estimate_from_labels(drawn, np.ones(2), expecting(np.full(30, 0.5)))


@pytest.mark.parametrize("labels", [1, 2, 3, 9, 10, 16])
def test_few_labels_leave_much_open(labels: int) -> None:
    chance = np.linspace(0.6, 1.0, 200)
    drawn = draw_rows(expecting(chance).deviation, labels, rng=np.random.default_rng(labels))
    found = estimate_from_labels(drawn, np.ones(labels), expecting(chance))
    assert found.estimate.high == pytest.approx(1.0)
    assert found.estimate.low < 1 - 1 / labels or found.estimate.low == 0.0
    if labels == 1:
        assert found.estimate.ends == (0.0, 1.0)


def test_equal_proxies_and_equal_rows_change_nothing() -> None:
    drawn = draw_rows(np.zeros(100), 40, rng=np.random.default_rng(0))
    right = np.arange(100) % 4 != 0
    same = estimate_from_labels(drawn, right[drawn.rows], expecting(np.full(100, 0.9)))
    assert same.weight == 0.0
    assert same.estimate.mean == pytest.approx(same.alone.mean)


def test_a_contradiction_needs_both_intervals_to_miss() -> None:
    drawn = draw_rows(np.zeros(100), 40, rng=np.random.default_rng(0))
    found = estimate_from_labels(drawn, np.zeros(40), expecting(np.full(100, 0.9)))
    assert found.contradicts(Interval(0.9, 0.85, 0.95))
    assert not found.contradicts(Interval(0.5, 0.01, 0.95))
    assert not found.contradicts(Interval(0.5))


def test_what_cannot_be_is_told() -> None:
    rng = np.random.default_rng(0)
    drawn = draw_rows(np.full(10, 0.5), 4, rng=rng)
    half = expecting(np.full(10, 0.5))
    for wrong, message in (
        (np.array([1.0, np.nan]), "not finite"),
        (np.zeros(0), "at least one"),
        (np.zeros(5), "4 rows drawn"),
        (np.array([1.0, 2.0]), "from 0 to 1"),
    ):
        with pytest.raises(InputError, match=message):
            estimate_from_labels(drawn, wrong, half)
    with pytest.raises(InputError, match="the 10 rows drawn from"):
        estimate_from_labels(drawn, np.zeros(4), expecting(np.full(9, 0.5)))
    with pytest.raises(InputError, match="level of 2"):
        estimate_from_labels(drawn, np.zeros(4), half, level=2)
    for deviation, budget, even in ((np.zeros(0), 1, 0.5), (np.array([np.nan]), 1, 0.5), (np.zeros(3), 0, 0.5)):
        with pytest.raises(InputError):
            draw_rows(deviation, budget, rng=rng, even=even)
    with pytest.raises(InputError, match="above 0"):
        draw_rows(np.zeros(3), 1, rng=rng, even=0.0)


def test_a_running_interval_narrows_and_ends_at_the_truth() -> None:
    rng = np.random.default_rng(4)
    chance = rng.beta(3, 1, 400)
    right = (rng.random(400) < chance).astype(float)
    drawn = draw_rows(expecting(chance).deviation, 400, rng=rng)
    found = running_interval(drawn, right[drawn.rows], expecting(chance))
    assert (np.diff(found.low) >= 0).all()
    assert (np.diff(found.high) <= 0).all()
    assert found.labels.tolist() == list(range(1, 401))
    assert found.low[-1] <= right.mean() <= found.high[-1]
    assert found.high[-1] - found.low[-1] < 0.02
    assert found.high[0] - found.low[0] > 0.9
    fixed = estimate_from_labels(drawn, right[drawn.rows][:100], expecting(chance)).estimate
    assert found.high[99] - found.low[99] < 2.2 * (fixed.high - fixed.low)
    fewer = running_interval(drawn, right[drawn.rows][:50], expecting(chance))
    assert fewer.low.tolist() == found.low[:50].tolist()  # what comes later changes nothing before


def test_blocks_and_costs_run_too() -> None:
    rng = np.random.default_rng(5)
    dear = np.where(rng.random(300) < 0.2, 10.0, 1.0)
    wrong = dear * (rng.random(300) < 0.3)
    told = RowExpectation(0.3 * dear, 0.45 * dear, np.zeros(300), dear)
    drawn = draw_rows(told.deviation, 200, rng=rng, groups=np.repeat(np.arange(60), 5))
    found = running_interval(drawn, wrong[drawn.rows], told)
    assert found.labels.tolist() == list(range(5, 201, 5))
    assert found.low[-1] < wrong.mean() < found.high[-1]
    with pytest.raises(InputError, match="level of 0"):
        running_interval(drawn, wrong[drawn.rows], told, level=0)


def test_no_stake_grows_on_average_at_the_truth() -> None:
    """Every order of a small batch, by its probability: a true value is refuted with at most 1 - level."""
    values, proxy = np.array([1.0, 0.0, 1.0, 1.0]), np.array([0.9, 0.6, 0.2, 0.7])
    sizes, level = np.array([1.3, 0.7, 1.2, 0.8]), 0.5
    missed = 0.0
    for order in itertools.permutations(range(4)):
        left = sizes.sum() - np.concatenate([[0], np.cumsum(sizes[list(order)])[:-1]])
        chances = sizes[list(order)] / left
        drawn = DrawnRows(np.array(order), np.arange(4), chances, left / 4, 4, even=0.5)
        found = running_interval(drawn, values[list(order)], expecting(proxy), level=level)
        if (found.low > 0.75).any() or (found.high < 0.75).any():
            missed += chances.prod()
    assert missed <= 1 - level


def study(kind: str, rng: np.random.Generator, labels: int) -> tuple[bool, float]:
    """A batch of 1,000 rows whose chances are as expected, or where the labels changed; width against labels alone."""
    chance = rng.beta(3, 1, 1000)
    told = special.expit(2 * special.logit(chance)) if kind == "too sure" else chance
    if kind == "concept":
        chance = np.where(rng.random(1000) < 0.3, 0.3 * chance, chance)
    if kind == "covariates":
        told = chance = rng.beta(1.5, 1, 1000)
    right = (rng.random(1000) < chance).astype(float)
    drawn = draw_rows(expecting(told).deviation, labels, rng=rng)
    low, high = estimate_from_labels(drawn, right[drawn.rows], expecting(told)).estimate.ends or (0, 1)
    nothing = RowExpectation(np.zeros(1000), np.zeros(1000), np.zeros(1000), np.ones(1000))
    evenly = draw_rows(np.zeros(1000), labels, rng=rng)
    least, most = estimate_from_labels(evenly, right[evenly.rows], nothing).estimate.ends or (0, 1)
    return low <= right.mean() <= high, (high - low) / (most - least)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["as expected", "covariates", "too sure", "concept"])
def test_intervals_cover_whatever_changed(kind: str) -> None:
    """Wanted: .95, give or take .02, over 1,000 studies, and narrower than labels alone."""
    rng = np.random.default_rng(7)
    for labels in (50, 100):
        covered, width = np.mean([study(kind, rng, labels) for _ in range(1000)], axis=0)
        print(f"{kind}, {labels} labels: covered {covered:.3f}, width {width:.2f} of labels alone")
        assert 0.93 <= covered <= 0.97
        assert width < 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["as expected", "too sure", "concept"])
def test_running_intervals_all_hold_at_once(kind: str) -> None:
    """Wanted: in at most .05 of studies is the truth ever left, at any of 200 labels."""
    rng, left, width = np.random.default_rng(8), [], []
    for _ in range(300):
        chance = rng.beta(4, 1, 600)
        told = special.expit(2 * special.logit(chance)) if kind == "too sure" else chance
        if kind == "concept":
            chance = np.where(rng.random(600) < 0.3, 0.3 * chance, chance)
        right = (rng.random(600) < chance).astype(float)
        drawn = draw_rows(expecting(told).deviation, 200, rng=rng)
        found = running_interval(drawn, right[drawn.rows], expecting(told))
        left.append(bool(((found.low > right.mean()) | (found.high < right.mean())).any()))
        fixed = estimate_from_labels(drawn, right[drawn.rows][:100], expecting(told)).estimate
        width.append((found.high[99] - found.low[99]) / (fixed.high - fixed.low))
    print(f"{kind}: ever left in {np.mean(left):.3f} of studies, {np.mean(width):.2f} times as wide at 100 labels")
    assert np.mean(left) <= 0.05
    assert np.mean(width) < 2
