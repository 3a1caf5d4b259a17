"""Tests of two samples: naive loops, scipy and scikit-learn, enumeration, and how often they alarm without drift."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from graft.evidence import two_samples
from graft.evidence.discoveries import benjamini_hochberg, e_benjamini_hochberg
from graft.evidence.score_shift import average_shift, label_shift, number_shift, stability_index
from graft.evidence.shuffles import Shuffles, p_value, shuffles, together
from graft.evidence.two_samples import (
    VECTOR_TESTS,
    TwoSamples,
    classifier_shift,
    covariance_shift,
    mean_shift,
    mmd,
    neighbour_shift,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def given(rng: np.random.Generator, one: int = 12, other: int = 9, columns: int = 3, draws: int = 19) -> TwoSamples:
    made = shuffles(one, other, rng=rng, draws=draws)
    return TwoSamples(rng.normal(size=(one, columns)), rng.normal(0.4, 1.2, size=(other, columns)), made)


def split(samples: TwoSamples, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of a draw, as a permute-and-copy loop would have them."""
    rows = np.concatenate([samples.reference, samples.current])[samples.shuffles.kept]
    side = samples.shuffles.drawn[samples.shuffles.cell, draw]
    return rows[~side], rows[side]


def kernel_mean(one: np.ndarray, other: np.ndarray, width: float) -> float:
    return float(np.mean([[np.exp(-((x - y) @ (x - y)) / (2 * width**2)) for y in other] for x in one]))


def test_mmd_is_the_naive_sum_over_pairs_in_every_draw(rng):
    samples = given(rng)
    seen = mmd(samples, rng=rng, bandwidth=1.3)
    for draw in range(20):
        x, y = split(samples, draw)
        square = kernel_mean(x, x, 1.3) + kernel_mean(y, y, 1.3) - 2 * kernel_mean(x, y, 1.3)
        assert seen.values[draw] == pytest.approx(square * len(x) * len(y) / (len(x) + len(y)), rel=1e-4)


def test_mmd_of_whole_groups_is_the_naive_sum_too(rng):
    groups = np.repeat(np.arange(5), [2, 3, 1, 4, 2]), np.repeat(np.arange(4, 8), [2, 3, 1, 2])
    samples = TwoSamples(
        rng.normal(size=(12, 3)), rng.normal(size=(8, 3)), shuffles(12, 8, rng=rng, draws=19, groups=groups)
    )
    seen = mmd(samples, rng=rng, bandwidth=0.9)
    for draw in range(20):
        x, y = split(samples, draw)
        square = kernel_mean(x, x, 0.9) + kernel_mean(y, y, 0.9) - 2 * kernel_mean(x, y, 0.9)
        assert seen.values[draw] == pytest.approx(square * len(x) * len(y) / (len(x) + len(y)), rel=1e-4)


def test_random_features_agree_with_the_kernel(rng, monkeypatch):
    samples = given(rng, 150, 100, 4, draws=199)
    exact = mmd(samples, rng=rng, bandwidth=2.0)
    monkeypatch.setattr(two_samples, "EXACT", 10)
    monkeypatch.setattr(two_samples, "FREQUENCIES", 8192)
    near = mmd(samples, rng=rng, bandwidth=2.0)
    assert near.values == pytest.approx(exact.values, rel=0.05)
    assert near.effect.mean == pytest.approx(exact.effect.mean, rel=0.05)


def test_the_bandwidth_is_the_median_distance(rng):
    rows = rng.normal(size=(200, 6)).astype(np.float32)
    assert two_samples._median(rows) == pytest.approx(np.median(_pairs(rows)))


def _pairs(rows: np.ndarray) -> list[float]:
    return [float(np.linalg.norm(x - y)) for x, y in combinations(rows, 2)]


def test_the_mean_shift_is_the_scaled_distance_of_means(rng):
    samples = given(rng)
    rows = np.concatenate([samples.reference, samples.current])
    seen = mean_shift(samples, rng=rng)
    for draw in range(20):
        x, y = split(samples, draw)
        gap = (y.mean(axis=0) - x.mean(axis=0)) / rows.std(axis=0)
        assert seen.values[draw] == pytest.approx(gap @ gap * 12 * 9 / 21, rel=1e-4)


def test_the_covariance_shift_is_the_distance_of_covariances(rng):
    samples = given(rng, 40, 30)
    rows = np.concatenate([samples.reference, samples.current])
    values, vectors = np.linalg.eigh(np.corrcoef(rows.T))
    white = vectors / np.sqrt(values) / rows.std(axis=0)[:, None]
    seen = covariance_shift(samples, rng=rng)
    for draw in range(20):
        x, y = split(samples, draw)
        gap = np.cov((y @ white).T) - np.cov((x @ white).T)
        assert seen.values[draw] == pytest.approx(np.square(gap).sum() * 40 * 30 / 70, rel=1e-3)


def test_neighbours_are_counted_as_by_hand(rng):
    samples = given(rng)
    seen = neighbour_shift(samples, rng=rng, k=3)
    rows = np.concatenate([samples.reference, samples.current])
    for draw in range(20):
        side = samples.shuffles.drawn[samples.shuffles.cell, draw]
        shares: list[list[float]] = [[], []]
        for place, row in enumerate(rows):
            order = np.argsort(np.linalg.norm(rows - row, axis=1))
            near = order[order != place][:3]
            shares[int(side[place])].append(float(np.mean(side[near] == side[place])))
        assert seen.values[draw] == pytest.approx(np.mean(shares[0]) + np.mean(shares[1]) - 1)


def test_rows_of_ones_own_group_are_no_neighbours(rng):
    """Three copies of each row in a group: neighbours among them would say that samples lie apart."""
    one, other = (np.repeat(rng.normal(size=(30, 2)), 3, axis=0) for _ in range(2))
    groups = np.repeat(np.arange(30), 3), np.repeat(np.arange(30, 60), 3)
    seen = neighbour_shift(TwoSamples(one, other, shuffles(90, 90, rng=rng, groups=groups)), rng=rng, k=2)
    assert abs(seen.statistic) < 0.35


def test_the_classifier_is_scikit_learns_ridge(rng):
    samples = given(rng, 60, 50)
    draws = samples.shuffles
    rows = np.concatenate([rows for _, rows in samples.scaled()])
    learn = np.arange(draws.cells) % 3 > 0
    found = two_samples._ridge(rows, samples.sums(samples.scaled()), draws, learn)
    for draw in range(5):
        label = draws.drawn[learn, draw].astype(float)
        theirs = Ridge(alpha=3, fit_intercept=False).fit(rows[learn].astype(float), label - label.mean())
        assert found[:, draw] == pytest.approx(theirs.coef_, rel=1e-3, abs=1e-5)


def test_auc_is_scikit_learns_and_its_error_delongs(rng):
    draws = shuffles(40, 30, rng=rng, draws=1)
    scores = np.round(np.concatenate([rng.normal(size=40), rng.normal(0.8, size=30)]), 1)
    area, error = two_samples._area(scores, draws, 0, np.zeros(70, int))
    assert area == pytest.approx(roc_auc_score(draws.current, scores))
    one, other = scores[:40], scores[40:]
    wins = (other[:, None] > one) + 0.5 * (other[:, None] == one)
    delong = wins.mean(axis=1).var(ddof=1) / 30 + wins.mean(axis=0).var(ddof=1) / 40
    assert error == pytest.approx(np.sqrt(delong), rel=0.02)
    won, pairs = two_samples._wins(rng.normal(size=(70, 2)), draws.drawn)
    assert pairs.tolist() == [1200, 1200]
    assert 0 <= won.min() <= won.max() <= 1200


def test_ks_is_scipys(rng):
    one, other = rng.normal(size=80), np.round(rng.normal(0.3, size=50), 1)
    seen = number_shift(one, other, shuffles(80, 50, rng=rng, draws=1999))
    theirs = stats.ks_2samp(one, other)
    assert seen.statistic == pytest.approx(theirs.statistic)
    assert seen.p_value == pytest.approx(theirs.pvalue, abs=0.03)


def test_many_values_are_counted_in_bins(rng):
    one, other = rng.normal(size=6000), rng.normal(0.05, size=5000)
    seen = number_shift(one, other, shuffles(6000, 5000, rng=rng, draws=99))
    assert seen.statistic == pytest.approx(stats.ks_2samp(one, other).statistic, abs=2e-3)


def test_chi_square_is_scipys(rng):
    one, other = rng.choice(4, 200, p=[0.4, 0.3, 0.2, 0.1]), rng.choice(4, 90, p=[0.3, 0.3, 0.2, 0.2])
    table = np.array([np.bincount(one), np.bincount(other)])
    theirs = stats.chi2_contingency(table, correction=False)
    seen = label_shift(one, other, shuffles(200, 90, rng=rng, draws=1999))
    assert seen.statistic == pytest.approx(theirs.statistic)
    assert seen.p_value == pytest.approx(theirs.pvalue, abs=0.03)
    gap = np.abs(table[0] / 200 - table[1] / 90).sum() / 2
    assert seen.effect.low <= gap <= seen.effect.high


def test_means_have_the_p_value_of_scipy(rng):
    one, other = rng.normal(size=12), rng.normal(0.8, size=8)
    seen = average_shift(one, other, shuffles(12, 8, rng=rng, draws=19_999))

    def apart(x, y, axis=-1):
        return np.abs(x.mean(axis=axis) - y.mean(axis=axis))

    truth = stats.permutation_test(
        (one, other), apart, vectorized=True, n_resamples=19_999, alternative="greater", rng=0
    )
    assert seen.statistic == pytest.approx(truth.statistic)
    assert seen.p_value == pytest.approx(truth.pvalue, abs=0.01)
    # The unit does not matter, and a common large part costs no digits.
    far = average_shift(1e9 + one, 1e9 + other, shuffles(12, 8, rng=np.random.default_rng(1), draws=99))
    near = average_shift(one, other, shuffles(12, 8, rng=np.random.default_rng(1), draws=99))
    assert far.p_value == near.p_value


def test_the_stability_index_by_hand(rng):
    one, other = np.arange(10.0), np.array([8.0, 9, 9, 9])
    found = stability_index(one, other, shuffles(10, 4, rng=rng), bins=2)
    before, after = np.array([7.5, 3.5]) / 11, np.array([0.5, 4.5]) / 5  # 7 is the lower median of all
    assert found.bins == 2
    assert found.value == pytest.approx(((after - before) * np.log(after / before)).sum(), rel=0.2)
    assert found.usual > 0


@pytest.mark.parametrize(("before", "now"), [(100, 100), (2000, 500)])
def test_the_usual_stability_index_is_that_of_yurdakul_and_naranjo(before, now, rng):
    """Without drift the index of ten bins is chi-square of nine degrees of freedom times 1 / before + 1 / now."""
    draws = shuffles(before, now, rng=rng, draws=1999)
    found = stability_index(rng.normal(size=before), rng.normal(size=now), draws)
    assert found.usual == pytest.approx(stats.chi2.ppf(0.95, 9) * (1 / before + 1 / now), rel=0.1)


def test_effects_of_scores_and_labels_cover(rng):
    """True distances: of normal distributions half a deviation apart, and of two sets of shares."""
    truth = {"ks": 2 * stats.norm.cdf(0.25) - 1, "chi2": 0.2}
    covered = dict.fromkeys(truth, 0)
    for _ in range(100):
        draws = shuffles(100, 80, rng=rng, draws=99)
        for seen in (
            number_shift(rng.normal(size=100), rng.normal(0.5, size=80), draws),
            label_shift(rng.choice(3, 100, p=[0.5, 0.3, 0.2]), rng.choice(3, 80, p=[0.3, 0.3, 0.4]), draws),
        ):
            covered[seen.test] += seen.effect.low <= truth[seen.test] <= seen.effect.high
    assert min(covered.values()) >= stats.binom.ppf(0.0005, 100, 0.95)


def test_benjamini_hochberg_on_the_example_of_1995():
    """Fifteen p-values of the paper's section 3.3: at 0.05 the first four are rejected; Bonferroni rejects three."""
    ps = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    ps += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    adjusted = benjamini_hochberg(np.array(ps))
    assert (adjusted <= 0.05).sum() == 4
    assert adjusted[3] == pytest.approx(0.0095 * 15 / 4)
    assert benjamini_hochberg(np.array([])).tolist() == []


def test_e_values_are_discoveries_whatever_they_share():
    assert e_benjamini_hochberg(np.array([39.0, 1.0])).tolist() == [False, False]
    assert e_benjamini_hochberg(np.array([40.0, 1.0])).tolist() == [True, False]
    assert e_benjamini_hochberg(np.array([20.0, 20.0, 1.0]), level=0.15).tolist() == [True, True, False]
    assert e_benjamini_hochberg(np.array([])).tolist() == []


def test_draws_come_near_the_exact_p_value(rng):
    """All 126 ways to choose 4 of 9 rows."""
    one, other = np.array([0.1, 0.5, 0.9, 1.1, 1.4]), np.array([1.0, 1.5, 1.9, 2.5])
    rows = np.concatenate([one, other])
    distance = [abs(rows[list(some)].mean() - np.delete(rows, list(some)).mean()) for some in combinations(range(9), 4)]
    exact = np.mean(np.array(distance) >= distance[-1] - 1e-12)
    draws = shuffles(5, 4, rng=rng, draws=3999)
    seen = mean_shift(TwoSamples(one[:, None], other[:, None], draws), rng=rng)
    assert seen.p_value == pytest.approx(exact, abs=0.012)
    assert draws.least_p == pytest.approx(1 / 126)


def test_groups_in_both_samples_are_swapped_with_themselves(rng):
    groups = np.array([0, 0, 1, 2, 3, 3]), np.array([2, 3, 3, 4, 5])
    made = shuffles(6, 5, rng=rng, groups=groups, draws=500)
    rows = made.drawn[made.cell]
    group = np.concatenate(groups)[made.kept]
    assert (rows[:, 0] == made.current).all()
    for shared in (2, 3):
        before, after = rows[(group == shared) & ~made.current], rows[(group == shared) & made.current]
        assert (before == before[0]).all()
        assert (after == ~before[0]).all()
        assert 0.4 < before[0, 1:].mean() < 0.6
    alone = [rows[group == one][0] for one in (0, 1, 4, 5)]
    assert (np.sum(alone, axis=0) == 2).all()
    assert made.shared == 2


def test_bundles_keep_to_their_sample_and_leave_the_rest_where_it_is(rng):
    made = shuffles(5003, 9001, rng=rng, draws=20)
    assert made.cells <= 4096
    rows = made.drawn[made.cell]
    assert (rows[:, 0] == made.current).all()
    moved = (rows != rows[:, :1]).any(axis=1)
    assert np.unique(made.sizes[np.unique(made.cell[moved])]).tolist() == [4]
    assert (made.counts[1] == 9001).all()


def test_one_sample_far_larger_is_thinned(rng):
    made = shuffles(50, 100_000, rng=rng, draws=20)
    assert made.cells <= 4096
    assert (~made.current).sum() == 50
    assert "current sample were compared" in made.notes[0]


@pytest.mark.slow
def test_corrected_together_at_most_one_in_twenty_alarms(rng):
    hits = 0
    for _ in range(100):
        samples = given(rng, 20, 20, 2, draws=99)
        samples = TwoSamples(rng.normal(size=(20, 2)), rng.normal(size=(20, 2)), samples.shuffles)
        values = [test(samples, rng=rng).values for test in VECTOR_TESTS]
        hits += min(together(values)) <= 0.05
    assert hits <= stats.binom.ppf(0.999, 100, 0.05)


Sizes = tuple[int, int, int]


def rates(sizes: Sizes, runs: int, rng: np.random.Generator, *, within: float = 0.0, group: int = 1) -> dict[str, int]:
    """How often each test alarms at 5 % without drift."""
    one, other, columns = sizes
    places = np.arange(one // group).repeat(group), np.arange(other // group).repeat(group) + one
    hits = dict.fromkeys([test.name for test in VECTOR_TESTS], 0)
    for _ in range(runs):
        rows = []
        for place in places:
            level = rng.normal(size=(place.max() + 1 - place.min(), columns))[place - place.min()]
            rows.append(np.sqrt(within) * level + np.sqrt(1 - within) * rng.normal(size=(len(place), columns)))
        made = shuffles(one, other, rng=rng, draws=99, groups=places if group > 1 else None)
        for test in VECTOR_TESTS:
            hits[test.name] += test(TwoSamples(*rows, made), rng=rng).p_value <= 0.05
    return hits


@pytest.mark.parametrize(
    ("sizes", "runs"),
    [
        ((30, 30, 3), 60),
        *(pytest.param(one, 200, marks=pytest.mark.slow) for one in ((50, 50, 64), (8, 400, 5), (300, 300, 16))),
    ],
)
def test_without_drift_at_most_one_in_twenty_alarms(sizes: Sizes, runs: int, rng: np.random.Generator) -> None:
    most = stats.binom.ppf(0.9995, runs, 0.05)
    assert {name: hits for name, hits in rates(sizes, runs, rng).items() if hits > most} == {}


def test_whole_groups_are_exchanged(rng):
    """Correlation .5 in groups of 20; exchanged row by row the same checks alarm nearly always."""
    found = rates((200, 200, 4), 30, rng, within=0.5, group=20)
    assert {name: hits for name, hits in found.items() if hits > stats.binom.ppf(0.9995, 30, 0.05)} == {}
    one = np.repeat(rng.normal(size=(10, 4)), 20, axis=0) + rng.normal(size=(200, 4))
    other = np.repeat(rng.normal(size=(10, 4)), 20, axis=0) + rng.normal(size=(200, 4))
    assert mean_shift(TwoSamples(one, other, shuffles(200, 200, rng=rng)), rng=rng).p_value == 0.001


@pytest.mark.slow
@pytest.mark.parametrize("within", [0.0, 0.5])
@pytest.mark.parametrize("blocks", [((100, 20), (30, 1)), ((2000, 1), (20, 20)), ((100, 20), (-60, 1))])
def test_groups_of_other_sizes_are_cut(within, blocks, rng):
    """Groups and rows of each in either sample; a negative count: groups that lie in both."""
    (groups, size), (others, other_size) = blocks
    hits = 0
    for _ in range(200):
        level = rng.normal(size=(groups + abs(others), 3))
        one = np.arange(groups).repeat(size)
        other = (np.arange(abs(others)) + (groups if others > 0 else 0)).repeat(other_size)
        rows = [
            np.sqrt(within) * level[place] + np.sqrt(1 - within) * rng.normal(size=(len(place), 3))
            for place in (one, other)
        ]
        made = shuffles(len(one), len(other), rng=rng, draws=99, groups=(one, other))
        hits += mean_shift(TwoSamples(*rows, made), rng=rng).p_value <= 0.05
    assert hits <= stats.binom.ppf(0.9995, 200, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "least"), [(0.04, 0.30), (0.06, 0.75), (0.08, 0.95)])
def test_small_shifts_are_seen(shift, least, rng):
    hits = {mmd: 0, mean_shift: 0}
    for _ in range(200):
        samples = TwoSamples(
            rng.normal(size=(300, 64)), rng.normal(shift, size=(300, 64)), shuffles(300, 300, rng=rng, draws=199)
        )
        for test in hits:
            hits[test] += test(samples, rng=rng).p_value <= 0.05
    assert all(found >= stats.binom.ppf(0.001, 200, least) for found in hits.values())


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5])
def test_intervals_cover(shift, rng):
    """95 % asked; the true MMD of two normal distributions under a Gaussian kernel in closed form."""
    wide = 5.0**2
    square = 2 * (wide / (wide + 2)) ** 8 * (1 - np.exp(-16 * shift**2 / (2 * (wide + 2))))
    truth = {"mean": shift / np.sqrt(1 + shift**2 / 4), "mmd": float(np.sqrt(square)), "covariance": 0.02}
    covered = dict.fromkeys(truth, 0)
    for _ in range(200):
        made = shuffles(200, 200, rng=rng, draws=199)
        samples = TwoSamples(rng.normal(size=(200, 16)), rng.normal(shift, size=(200, 16)), made)
        effects = {
            "mean": mean_shift(samples, rng=rng).effect,
            "mmd": mmd(samples, rng=rng, bandwidth=5.0).effect,
            "covariance": covariance_shift(samples, rng=rng).effect,
        }
        for name, effect in effects.items():
            covered[name] += effect.low <= truth[name] and (name == "covariance" or truth[name] <= effect.high)
    assert min(covered.values()) >= stats.binom.ppf(0.001, 200, 0.93)


def test_the_area_of_a_classifier_is_the_one_on_new_rows(rng):
    """True AUC of the best direction: Phi(|shift| / root 2)."""
    made = shuffles(400, 400, rng=rng, draws=99)
    seen = classifier_shift(TwoSamples(rng.normal(size=(400, 4)), rng.normal(0.5, size=(400, 4)), made), rng=rng)
    assert seen.effect.low <= stats.norm.cdf(1 / np.sqrt(2)) <= seen.effect.high
    assert seen.p_value == 0.01


def test_p_value_counts_what_was_observed():
    assert p_value(np.array([1.0])) == 1.0
    assert p_value(np.array([2.0, 2.0 - 1e-9, 1.0, 0.0])) == 0.5


def test_made_for_other_samples(rng):
    made = shuffles(3, 4, rng=rng)
    assert isinstance(made, Shuffles)
    assert made.draws == 999
