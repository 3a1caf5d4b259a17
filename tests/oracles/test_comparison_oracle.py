"""Comparisons, what a choice costs and intervals of scores: published formulas, enumeration, and independent draws."""

import numpy as np
import pytest
from scipy import stats

from graft.core.intervals import wilson
from graft.evidence.comparison import Comparison, compare, score_interval
from graft.evidence.pooled import Jackknife, Pooled, jackknife
from graft.evidence.predictions import Scored
from graft.evidence.selection import paid_doubt
from graft.evidence.verdict import one_sided


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def answers(right: np.ndarray) -> Scored:
    return Scored("binary", np.zeros(len(right), int), np.eye(2)[np.where(right, 0, 1)])


def of_rows(metric: str = "accuracy", clusters: np.ndarray | None = None, **right: np.ndarray) -> Jackknife:
    rows = next(iter(right.values()))
    place = np.arange(len(rows)) if clusters is None else clusters
    return jackknife({name: [(1.0, Pooled(answers(one), place))] for name, one in right.items()}, metric)


def disagreeing(rows: int, ahead: int, behind: int) -> Jackknife:
    first, second = np.ones(rows, bool), np.ones(rows, bool)
    second[:ahead], first[ahead : ahead + behind] = False, False
    return of_rows(a=first, b=second)


@pytest.mark.parametrize(("rows", "ahead", "behind"), [(40, 8, 2), (50, 0, 5), (100, 12, 12), (300, 40, 10)])
def test_of_paired_shares_it_is_the_adjusted_wald_interval(rows: int, ahead: int, behind: int) -> None:
    """Bonett & Price (2012): (b + 1)/(n + 2) and (c + 1)/(n + 2), up to terms of 1/n; with Student's t."""
    p, q = (ahead + 1) / (rows + 2), (behind + 1) / (rows + 2)
    centre, error = p - q, np.sqrt((p + q - (p - q) ** 2) / (rows + 2))
    found = compare(disagreeing(rows, ahead, behind), "a", "b", drift=0.0)
    assert found.centre == pytest.approx(centre, rel=1e-9, abs=1e-12)
    assert found.error == pytest.approx(error, rel=2.5 / rows)
    assert found.interval().low == pytest.approx(centre - stats.t.ppf(0.975, found.freedom) * found.error)


def enumerated(rows: int, ahead: float, behind: float, margin: float) -> tuple[float, float]:
    """(chance that "beyond the margin" is said, chance that an oracle with the true variance says it at 1.96)."""
    said = oracle = 0.0
    deviation = np.sqrt((ahead + behind - (ahead - behind) ** 2) / rows)
    for b in range(rows + 1):
        for c in range(rows + 1 - b):
            chance = stats.multinomial.pmf([b, c, rows - b - c], rows, [ahead, behind, 1 - ahead - behind])
            if chance > 1e-9:
                gap = compare(disagreeing(rows, b, c), "a", "b", apart=True)
                said += chance * (gap.doubt(margin) <= one_sided(margin, gap.error, 0.95))
                oracle += chance * ((b - c) / rows - margin > 1.96 * deviation)
    return said, oracle


@pytest.mark.parametrize(("rows", "disagree", "margin"), [(20, 0.4, 0.0), (20, 0.1, 0.0), (30, 0.4, 0.05)])
def test_a_difference_is_claimed_falsely_at_most_as_often_as_promised(
    rows: int, disagree: float, margin: float
) -> None:
    """All outcomes enumerated; the difference is exactly the margin."""
    said, _ = enumerated(rows, (disagree + margin) / 2, (disagree - margin) / 2, margin)
    assert said <= (0.025 if margin == 0 else 0.05)


def test_with_few_rows_a_difference_is_found_nearly_as_often_as_by_an_oracle() -> None:
    said, oracle = enumerated(40, 0.20, 0.05, 0.01)
    print(f"\n40 rows, 0.15 better: found {said:.3f}, by the oracle {oracle:.3f}", end="")
    assert oracle > 0.4
    assert said >= 0.8 * oracle


def test_drift_widens_and_the_mirror_image_is_the_same() -> None:
    found = disagreeing(100, 15, 5)
    plain, wide = (compare(found, "a", "b", drift=drift) for drift in (0.0, 0.21))
    assert wide.error == pytest.approx(1.1 * plain.error)
    assert compare(found, "b", "a", drift=0.0) == plain.reversed
    assert plain.doubt(0.0) == pytest.approx(stats.t.sf(plain.centre / plain.error, plain.freedom))


def test_freedom_of_normal_rows_is_that_of_their_variance(rng: np.random.Generator) -> None:
    """2 V^2 / Var(V) over many studies, rows normal: about n - 1."""
    found = []
    for _ in range(200):
        targets = rng.normal(size=30)
        scored = [Scored("regression", targets, targets + np.abs(rng.normal(3, 1, 30))) for _ in range(2)]
        pair = {name: [(1.0, Pooled(one, np.arange(30)))] for name, one in zip("ab", scored, strict=True)}
        found.append(compare(jackknife(pair, "mae"), "a", "b", drift=0.0).freedom)
    assert 24 <= np.median(found) <= 29


def test_skewness_is_half_corrected(rng: np.random.Generator) -> None:
    """Hall (1992), T + g T^2 / 3 + g^2 T^3 / 27 + g / 6 with g the skewness of the mean, by SciPy."""
    errors = rng.exponential(size=50), rng.normal(1.2, 0.1, 50)
    pair = {
        name: [(1.0, Pooled(Scored("regression", np.zeros(50), one), np.arange(50)))]
        for name, one in zip("ab", errors, strict=True)
    }
    found = compare(jackknife(pair, "mae"), "a", "b", drift=0.0)
    lead = np.abs(errors[1]) - np.abs(errors[0])
    plain = lead.mean() / (lead.std(ddof=1) / np.sqrt(50))
    skew = stats.skew(lead) / np.sqrt(50)
    full = plain + skew * plain**2 / 3 + skew**2 * plain**3 / 27 + skew / 6
    assert skew < -0.1
    assert found.distance(0.0) == pytest.approx((plain + full) / 2, rel=0.02)
    assert found.reversed.distance(0.0) == pytest.approx(-found.distance(0.0))


@pytest.mark.parametrize(("right", "rows"), [(20, 20), (18, 20), (40, 50), (3, 50), (333, 400)])
def test_the_interval_of_independent_rows_is_wilsons(right: int, rows: int) -> None:
    found, expected = score_interval(of_rows(a=np.arange(rows) < right), "a"), wilson(right, rows)
    assert (found.low, found.high) == (pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high, abs=1e-9))


@pytest.mark.slow
@pytest.mark.parametrize(("count", "size"), [(20, 10), (40, 5), (100, 5)])
@pytest.mark.parametrize("wrong", [0.03, 0.1])
@pytest.mark.parametrize("as_one", [0.0, 0.3, 1.0])
def test_rare_errors_of_clusters_are_covered(count: int, size: int, wrong: float, as_one: float) -> None:
    """Rows of a cluster answer for themselves, alike, or as one; .41 to .92 of the latter were covered by row."""
    rng = np.random.default_rng([count, size])
    clusters, runs = np.repeat(np.arange(count), size), 150
    covered = 0
    for _ in range(runs):
        if as_one in (0.0, 1.0):
            alike = (rng.random(count) < wrong)[clusters] if as_one else rng.random(count * size) < wrong
        else:
            mass = 1 / as_one - 1
            alike = rng.random(count * size) < rng.beta(wrong * mass, (1 - wrong) * mass, count)[clusters]
        found = score_interval(of_rows(a=~alike, clusters=clusters), "a")
        covered += found.low <= 1 - wrong + 1e-9 and found.high >= 1 - wrong - 1e-9
    assert covered / runs >= 0.93 - 2.5 * np.sqrt(0.93 * 0.07 / runs)


def test_clusters_that_are_all_right_show_no_more_than_clusters() -> None:
    clusters = np.repeat(np.arange(40), 5)
    together = score_interval(of_rows(a=np.ones(200, bool), clusters=clusters), "a")
    alone = score_interval(of_rows(a=np.ones(40, bool)), "a")
    assert together.low == pytest.approx(alone.low, abs=0.01)
    assert score_interval(of_rows(a=np.ones(200, bool)), "a").low > 0.98
    same = compare(of_rows(a=np.ones(200, bool), b=np.ones(200, bool), clusters=clusters), "a", "b")
    assert (
        same.interval().high
        > 2 * compare(of_rows(a=np.ones(200, bool), b=np.ones(200, bool)), "a", "b").interval().high
    )


def test_the_interval_of_clusters_covers(rng: np.random.Generator) -> None:
    """12 customers of 10 rows, each of its own accuracy; rows alone would cover 0.7."""
    covered, alone = [], []
    for _ in range(400):
        clusters = np.repeat(np.arange(12), 10)
        right = rng.random(120) < rng.beta(4, 1, 12)[clusters]
        found = score_interval(of_rows(a=right, clusters=clusters), "a")
        rows = score_interval(of_rows(a=right), "a")
        covered.append(found.low <= 0.8 <= found.high)
        alone.append(rows.low <= 0.8 <= rows.high)
    print(f"\n12 customers: clusters cover {np.mean(covered):.3f}, rows {np.mean(alone):.3f}", end="")
    assert np.mean(covered) >= 0.93 - 3 * np.sqrt(0.05 * 0.95 / 400)
    assert np.mean(alone) < 0.85


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "withheld"), [(20, 0.9), (50, 0.45), (100, 0.1)])
def test_macro_f1_with_a_rare_class_is_covered_or_withheld(
    rng: np.random.Generator, rows: int, withheld: float
) -> None:
    """20 : 1. Percentiles of resampled rows cover 0.07, 0.25 and 0.61 of paired differences here."""
    share, found, given = 1 / 21, 70 / 100, 97 / 100
    right, wrong = share * found, (1 - share) * (1 - given)
    rest = (1 - share) - wrong
    truth = (2 * right / (share + right + wrong) + 2 * rest / (1 - share + rest + share - right)) / 2
    score, gap = [], []
    for _ in range(500):
        targets = (rng.random(rows) < share).astype(int)
        limit = stats.norm.ppf(np.where(targets == 1, found, given))
        hard, terms = rng.normal(size=rows), {}
        for name in "ab":
            good = np.sqrt(0.6) * hard + np.sqrt(0.4) * rng.normal(size=rows) < limit
            said = np.where(good, targets, 1 - targets)
            terms[name] = [(1.0, Pooled(Scored("binary", targets, np.eye(2)[said]), np.arange(rows)))]
        pair = jackknife(terms, "macro_f1")
        if not pair.withheld:
            own, lead = score_interval(pair, "a"), compare(pair, "a", "b").interval()
            score.append(own.low <= truth <= own.high)
            gap.append(lead.low <= 0 <= lead.high)
    print(
        f"\n{rows} rows: {1 - len(score) / 500:.2f} withheld, score {np.mean(score):.3f}, gap {np.mean(gap):.3f}",
        end="",
    )
    slack = 3 * np.sqrt(0.05 * 0.95 / len(score))
    assert 1 - len(score) / 500 <= withheld
    assert np.mean(score) >= 0.93 - slack
    assert np.mean(gap) >= 0.93 - slack


@pytest.mark.parametrize(("metric", "truth"), [("r2", 0.5), ("mae", -np.sqrt(1 / np.pi))])
def test_intervals_of_values_cover(rng: np.random.Generator, metric: str, truth: float) -> None:
    covered = []
    for _ in range(600):
        targets = rng.normal(size=60)
        scored = Scored("regression", targets, targets + rng.normal(0, np.sqrt(0.5), 60))
        found = score_interval(jackknife({"a": [(1.0, Pooled(scored, np.arange(60)))]}, metric), "a")
        covered.append(found.low <= truth <= found.high)
    assert np.mean(covered) >= 0.93 - 3 * np.sqrt(0.05 * 0.95 / 600)


def test_the_interval_of_many_rows_is_that_of_all_of_them(rng: np.random.Generator) -> None:
    """ROC AUC of 6,000 rows, in 500 blocks, against the variance of DeLong, DeLong & Clarke-Pearson (1988)."""
    rows = 6_000
    targets = (rng.random(rows) < 0.3).astype(np.int64)
    score = stats.norm.cdf(rng.normal(size=rows) + 1.8 * targets)
    scored = Scored("binary", targets, np.stack([1 - score, score], axis=1))
    found = score_interval(jackknife({"a": [(1.0, Pooled(scored, np.arange(rows)))]}, "roc_auc"), "a")
    high, low = score[targets == 1], score[targets == 0]
    of_high = np.searchsorted(np.sort(low), high) / len(low)
    of_low = 1 - np.searchsorted(np.sort(high), low) / len(high)
    error = np.sqrt(of_high.var(ddof=1) / len(high) + of_low.var(ddof=1) / len(low))
    assert found.mean == pytest.approx(of_high.mean())
    # 500 blocks know the variance to about 6 %, the width to 3 %.
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.12)
    assert stats.norm.cdf(1.8 / np.sqrt(2)) == pytest.approx((found.low + found.high) / 2, abs=3 * error)


def leads(columns: np.ndarray) -> Jackknife:
    """A jackknife whose moves are these (blocks, candidates); no steps, so nothing is added."""
    blocks = len(columns)
    moved = columns - columns.mean(axis=0)
    estimates = np.array([0.30, 0.28, 0.25, 0.27, 0.0])[: columns.shape[1]]
    taken = estimates + moved * 0.5 * np.sqrt(blocks * (blocks - 1)) / (blocks - 0.5)
    return Jackknife("mae", tuple("pqrsc")[: columns.shape[1]], estimates, taken, 0.0, np.inf, (-np.inf, 0.0))


@pytest.mark.parametrize("blocks", [12, 60])
def test_what_a_choice_costs_is_the_tail_of_a_multivariate_t(blocks: int) -> None:
    """Four candidates against one control: SciPy's own integration and draws that share no line with ours."""
    rng = np.random.default_rng(blocks)
    columns = rng.normal(size=(blocks, 5)) * 0.1 / np.sqrt(blocks) + rng.normal(size=(blocks, 1)) * 0.05
    found = leads(columns)
    pairs = [(name, "c") for name in "pqrs"]
    moves = np.stack([found.moves(a) - found.moves(b) for a, b in pairs], axis=1)
    covariance = moves.T @ moves
    scale = np.sqrt(np.diag(covariance))
    shape = covariance / np.outer(scale, scale)
    for bound in (0.1, 0.2, 0.25):
        paid = paid_doubt(found, ("p", "c"), pairs, bound, drift=0.0)
        distance = (0.30 - bound) / scale[0]
        inside = stats.multivariate_t(shape=shape, df=blocks - 1, seed=0).cdf(np.full(4, distance), maxpts=100_000)
        normal = rng.multivariate_normal(np.zeros(4), shape, size=200_000)
        drawn = normal / np.sqrt(rng.chisquare(blocks - 1, size=(200_000, 1)) / (blocks - 1))
        assert paid == pytest.approx(1 - inside, abs=0.011)
        assert paid == pytest.approx((drawn.max(axis=1) >= distance).mean(), abs=0.011)
        assert paid >= compare(found, "p", "c", drift=0.0, apart=True).doubt(bound)


def test_a_choice_among_one_or_among_copies_costs_nothing() -> None:
    columns = np.random.default_rng(3).normal(size=(50, 1)) * [1.0, 1.0, 1.0, 1.0, -1.0]
    found = leads(columns / 50)
    plain = compare(found, "p", "c", drift=0.0, apart=True).doubt(0.0)
    assert paid_doubt(found, ("p", "c"), [("p", "c")], 0.0, drift=0.0) == plain
    paid = paid_doubt(found, ("p", "c"), [(name, "c") for name in "pqrs"], 0.0, drift=0.0)
    assert paid == pytest.approx(plain, abs=0.005)
    assert paid_doubt(found, ("p", "c"), [("q", "c")], 0.29, enough=0.2) > 0.2


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0, 3.0, 20.0])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_opposite_claims_together_keep_the_level(ratio: float, level: float) -> None:
    """A difference exactly at the margin: above it, and below minus it, are said falsely together in 1 - level."""
    each = one_sided(ratio, 1.0, level)
    needed = stats.norm.isf(each)
    assert stats.norm.sf(needed) + stats.norm.cdf(-2 * ratio - needed) == pytest.approx(1 - level, abs=1e-6)


def test_withheld_means_no_ends_and_no_claim() -> None:
    gap = Comparison(0.5, 0.5, 0.01, 30, 5, (0.0, 1.0), "the rarest class has 1 row")
    assert (gap.interval().low, gap.interval().high, gap.doubt(0.0)) == (None, None, 1.0)
    assert gap.reversed.withheld == gap.withheld


def test_wilson_of_the_textbook() -> None:
    """Newcombe (1998), table I, 81 of 263 and 0 of 20."""
    share = wilson(81, 263)
    assert (share.low, share.high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    assert wilson(0, 20).high == pytest.approx(0.1611, abs=5e-5)
