"""Exposure against worked examples, an older function of the house, exact counts of arrangements, and simulation."""

import itertools

import numpy as np
import pytest
from scipy import sparse

from graft.evidence.exposure import (
    Due,
    attention,
    judge_concentration,
    judge_own_group,
    judge_shares,
    largest_of_each,
)
from graft.evidence.ranked_lists import gini, judge_exposure


def parts_of(groups: np.ndarray) -> sparse.csr_array:
    return sparse.csr_array((np.ones(len(groups)), (np.arange(len(groups)), groups)))


def test_ten_men_and_ten_women_ranked_by_a_hair_of_merit():
    """The example of Singh & Joachims (2018): six candidates, merits .82, .81, .80 (men) and .79, .78, .77 (women). A
    ranking by merit gives men 1 + .631 + .5 of the attention and women .431 + .387 + .356."""
    lists = np.array([[0, 1, 2, 3, 4, 5]])
    given = attention(lists, 6)
    men = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    women = 1 / np.log2(5) + 1 / np.log2(6) + 1 / np.log2(7)
    parts = parts_of(np.repeat([0, 1], 3))
    merit = np.array([0.82, 0.81, 0.80, 0.79, 0.78, 0.77])
    judged = np.zeros(2, bool)
    by_share = judge_shares(given, parts, Due.of_population(6), judged=judged, rng=np.random.default_rng(0))
    by_merit = judge_shares(given, parts, Due(merit / merit.sum()), judged=judged, rng=np.random.default_rng(0))
    assert by_share[0].share == pytest.approx(men / (men + women))
    assert by_share[0].ratio is not None
    assert by_share[0].ratio.mean == pytest.approx(2 * men / (men + women))
    assert by_merit[1].ratio is not None
    # The published ratio of exposure to merit between the groups is that of ours.
    published = (men / merit[:3].sum()) / (women / merit[3:].sum())
    assert by_merit[0].ratio is not None
    assert by_merit[0].ratio.mean / by_merit[1].ratio.mean == pytest.approx(published)
    assert by_share[0].p_value is None


def test_discounts_by_hand():
    lists = np.array([[2, 0, 1]])
    assert attention(lists, 3, discount="even").toarray()[0] == pytest.approx([1 / 3] * 3)
    total = 1 + 0.8 + 0.64
    assert attention(lists, 3, discount="geometric").toarray()[0] == pytest.approx(
        [0.8 / total, 0.64 / total, 1 / total]
    )
    total = 1 + 1 / 2 + 1 / 3
    assert attention(lists, 3, discount="reciprocal").toarray()[0, 2] == pytest.approx(1 / total)


def test_shares_are_those_of_judge_exposure():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 4, 50)
    lists = np.array([rng.permutation(50)[:10] for _ in range(30)])
    ours = judge_shares(
        attention(lists, 50), parts_of(groups), Due.of_population(50), judged=np.zeros(4, bool), rng=rng
    )
    theirs = judge_exposure(lists, groups)
    assert [one.share for one in ours] == pytest.approx([one.exposure.mean for one in theirs])
    assert [one.due for one in ours] == pytest.approx([one.catalogue for one in theirs])


def test_merit_counts_every_user_alike():
    """One user took ten of the first group, another one of the second: half of the merit is each group's."""
    merit = sparse.csr_array(np.array([[1.0] * 10 + [0.0], [0.0] * 10 + [1.0]]))
    due = Due.of_merit(merit)
    assert due.items @ parts_of(np.array([0] * 10 + [1])) == pytest.approx([0.5, 0.5])


def test_the_p_value_of_one_group_is_the_share_of_all_arrangements():
    """Ten of twelve items in one group: 66 ways to deal them out, of which the two most shown left out is one."""
    got = np.array([0.3, 0.2, *[0.05] * 10])
    group = np.array([1, 1, *[0] * 10])
    given = sparse.csr_array(np.tile(got, (40, 1)))
    (judged, _) = judge_shares(
        given, parts_of(group), Due.of_population(12), judged=np.array([True, False]), rng=np.random.default_rng(0)
    )
    sums = np.round([got.sum() - got[list(two)].sum() for two in itertools.combinations(range(12), 2)], 9)
    tails = np.array([min(np.mean(sums <= one), np.mean(sums >= one)) for one in sums])
    seen = sums == round(float(got[group == 0].sum()), 9)
    exact = np.mean(tails <= tails[seen][0])
    assert exact == pytest.approx(1 / 66)
    assert judged.p_value == pytest.approx(exact, abs=0.005)


def test_two_p_values_that_agree_cost_nothing_and_two_that_do_not_cost_double():
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=9_999)
    alone = largest_of_each(np.array([2.5]), drawn[None])[0]
    both = largest_of_each(np.array([2.5, 25.0]), np.stack([drawn, 10 * drawn]))
    apart = largest_of_each(np.array([2.5, 0.0]), np.stack([drawn, rng.normal(size=9_999)]))
    assert alone == pytest.approx(0.0124, abs=0.003)
    assert both[0] == pytest.approx(alone)
    assert apart[0] == pytest.approx(2 * alone, rel=0.15)


def test_concentration_by_hand():
    """Two of four providers get everything: the Gini of (.5, .5, 0, 0) is a half."""
    lists = np.tile(np.array([[0, 1]]), (50, 1))
    parts = parts_of(np.repeat(np.arange(4), 10))
    lists[:, 1] = 10
    found = judge_concentration(attention(lists, 40, discount="even"), parts, lists, rng=np.random.default_rng(0))
    assert found.gini == pytest.approx(gini(np.array([0.5, 0.5, 0.0, 0.0]))) == pytest.approx(0.5)
    assert found.largest == pytest.approx(0.5)
    assert found.random < 0.2
    assert found.p_random == pytest.approx(1 / 1_000)
    # Two items that get half each belong to two providers, or to one: it is never less than this.
    assert found.dealt > 0.5
    assert found.p_dealt == 1.0


def test_own_group_by_hand():
    """Everybody finds their own: the share is 1, by chance it is that of the others in the group."""
    group = np.repeat([0, 1], 20)
    lists = np.array([[one for one in range(40) if group[one] == group[row] and one != row][:5] for row in range(40)])
    parts = parts_of(group)
    found = judge_own_group(
        attention(lists, 40, discount="even"), parts, parts, rows=np.arange(40), judged=np.ones(2, bool),
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert [one.own.mean for one in found] == [1.0, 1.0]
    assert [one.by_chance for one in found] == pytest.approx([19 / 39] * 2, abs=0.02)
    assert all(one.p_value is not None and one.p_value < 0.01 for one in found)


@pytest.mark.slow
def test_alike_is_rarely_found_and_intervals_hold():
    """Items of which few get most, groups of ten to a hundred: at most 5 % of draws find anything (binomial margin)."""
    sizes, hits, held, draws = (10, 30, 60, 100), 0, [], 120
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(4), sizes)
        appeal = 1.5 * rng.normal(size=200)
        lists = np.argsort(-(appeal + rng.gumbel(size=(100, 200))), axis=1)[:, :10]
        found = judge_shares(
            attention(lists, 200), parts_of(group), Due.of_population(200), judged=np.ones(4, bool), rng=rng, draws=999
        )
        hits += any(one.p_value is not None and one.p_value <= 0.05 for one in found)
        held += [one.ratio.low <= 1 <= one.ratio.high for one in found]
    assert hits <= 12  # of 120, 6 expected: 1 in 100 by chance
    assert np.mean(held) >= 0.93
