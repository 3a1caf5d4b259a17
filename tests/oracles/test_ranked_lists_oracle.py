"""Lists of items against hand-worked cases, scikit-learn, irspack's figures, and simulated coverage."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import average_precision_score, ndcg_score

from graft.evidence.ranked_lists import gini, judge_exposure, judge_lists, judge_reach


def top(scores: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def drawn(rng: np.random.Generator, users: int, items: int, chance: float) -> sparse.csr_array:
    return sparse.csr_array((rng.random((users, items)) < chance).astype(float))


def test_by_hand() -> None:
    """Items 4 and 7 are relevant; the list is 3, 4, 5, 7: hits at the places 2 and 4."""
    relevant = sparse.csr_array(np.eye(1, 9, 4) + np.eye(1, 9, 7))
    found = judge_lists(np.array([[3, 4, 5, 7]]), relevant).values
    ideal = 1 + 1 / np.log2(3)
    expected = {
        "recall": 1.0,
        "capped_recall": 1.0,
        "ndcg": (1 / np.log2(3) + 1 / np.log2(5)) / ideal,
        "hit_rate": 1.0,
        "reciprocal_rank": 0.5,
        "average_precision": (1 / 2 + 2 / 4) / 2,
    }
    assert {name: values[0] for name, values in found.items()} == pytest.approx(expected)


def test_more_relevant_items_than_places() -> None:
    found = judge_lists(np.array([[0, 1]]), sparse.csr_array(np.ones((1, 8)))).values
    assert (found["recall"][0], found["capped_recall"][0], found["ndcg"][0]) == (0.25, 1.0, 1.0)


@pytest.mark.parametrize("k", [1, 5, 30])
def test_ndcg_of_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(0)
    scores, relevant = rng.random((60, 30)), drawn(rng, 60, 30, 0.2)
    found = judge_lists(top(scores, k), relevant)
    dense = relevant.toarray()[found.scored]
    expected = [ndcg_score(truth[None], row[None], k=k) for truth, row in zip(dense, scores[found.scored], strict=True)]
    assert found.values["ndcg"] == pytest.approx(np.array(expected))
    if k == 30:
        whole = [average_precision_score(truth, row) for truth, row in zip(dense, scores[found.scored], strict=True)]
        assert found.values["average_precision"] == pytest.approx(np.array(whole))


def test_figures_of_irspack() -> None:
    """Evaluator of irspack 0.5.2, cutoff 5, on scores and relevance from a formula."""
    user, item = np.meshgrid(np.arange(40), np.arange(30), indexing="ij")
    scores = ((user * 37 + item * 101 + (user * item) % 13 * 7) % 997) / 997 + item * 1e-6
    relevant = sparse.csr_array(((user * 5 + item * 11) % 17 < (user % 9)).astype(float))
    lists = top(scores, 5)
    found = judge_lists(lists, relevant)
    assert (len(found.scored), found.left_out) == (35, 5)
    means = {name: values.mean() for name, values in found.values.items()}
    assert means["recall"] == pytest.approx(0.18250265607408467)
    assert means["capped_recall"] == pytest.approx(0.3023809523809524)
    assert means["ndcg"] == pytest.approx(0.28264841089686094)
    assert means["hit_rate"] == pytest.approx(0.7714285714285715)
    assert gini(np.bincount(lists[found.scored].ravel(), minlength=30)) == pytest.approx(0.2241904761904762)


def test_reach_by_hand() -> None:
    """Four items that 8, 4, 4 and 0 of 8 users consumed: percentiles .875, .5, .5, .125 and 0, 1, 1, 3 bits."""
    consumed = sparse.csr_array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
    found = judge_reach(
        np.array([[0, 1], [3, -1], [0, 2]]),
        np.array([8, 4, 4, 0]),
        users=8,
        consumed=consumed,
        head=0.5,
        rng=np.random.default_rng(0),
    )
    assert found.novelty.mean == pytest.approx((0.5 + 3 + 0.5) / 3)
    assert found.popularity.mean == pytest.approx((0.6875 + 0.125 + 0.6875) / 3)
    assert found.popularity_shift is not None
    assert found.popularity_shift.mean == pytest.approx(((0.6875 - 0.875) + (0.125 - 0.5)) / 2)
    assert found.compared == 2
    assert found.coverage.mean == 1.0
    assert found.head.mean == pytest.approx((0.75 + 0 + 0.75) / 3)  # items 1 and 2 are tied: half of each is head
    assert found.head_consumed == pytest.approx((8 + 2 + 2) / 16)
    assert found.gini.mean == pytest.approx(gini(np.array([2, 1, 1, 1])))


def test_gini_is_half_the_mean_difference() -> None:
    amounts = np.random.default_rng(0).integers(0, 50, 200)
    expected = np.abs(amounts[:, None] - amounts[None, :]).mean() / (2 * amounts.mean())
    assert gini(amounts) == pytest.approx(expected)


def test_exposure_by_hand() -> None:
    """The second place is worth .6309: a list of two gives its first item 1 / 1.6309 of the attention."""
    found = judge_exposure(np.array([[0, 2], [2, -1]]), np.array([0, 0, 2]))
    first = 1 / (1 + 1 / np.log2(3))
    assert [one.exposure.mean for one in found] == pytest.approx([first / 2, (1 - first + 1) / 2])
    assert [(one.group, one.items) for one in found] == [(0, 2), (2, 1)]


@pytest.mark.parametrize("users", [10, 40, pytest.param(400, marks=pytest.mark.slow)])
def test_differences_are_covered(users: int) -> None:
    """Two recommenders of different strength over the same users, who differ in how easy they are."""
    rng = np.random.default_rng(users)

    def study(count: int) -> np.ndarray:
        ease = rng.beta(1, 3, count)
        relevant = sparse.csr_array((np.ones(count), (np.arange(count), np.zeros(count, int))), shape=(count, 21))
        lists = []
        for strength in (1.0, 0.6):
            place = np.where(rng.random(count) < ease * strength, rng.integers(0, 10, count), 20)
            order = np.arange(1, 21)[None, :].repeat(count, axis=0)
            inside = np.flatnonzero(place < 20)
            order[inside, place[inside]] = 0
            lists.append(judge_lists(order[:, :10], relevant))
        return lists

    better, worse = study(200_000)
    truth = (better.values["ndcg"] - worse.values["ndcg"]).mean()
    covered = []
    for _ in range(300):
        one, other = study(users)
        gap = one.less(other, "ndcg")
        covered.append(gap.low <= truth <= gap.high)
    assert np.mean(covered) >= 0.93


@pytest.mark.parametrize("users", [30, pytest.param(300, marks=pytest.mark.slow)])
def test_reach_is_covered(users: int) -> None:
    """Coverage and inequality of as many users: items drawn by popularity, 60 of them, ten a list."""
    rng = np.random.default_rng(1)
    popularity = np.round(1000 / np.arange(1, 61)).astype(int)

    def lists() -> np.ndarray:
        return top(np.log(popularity) + rng.gumbel(size=(users, 60)) * (1 + rng.random((users, 1))), 5)

    means = [judge_reach(lists(), popularity, users=1000, rng=rng, draws=2) for _ in range(400)]
    truth = [np.mean([getattr(one, name).mean for one in means]) for name in ("coverage", "gini")]
    covered = []
    for _ in range(200):
        one = judge_reach(lists(), popularity, users=1000, rng=rng)
        covered.append([part.low <= t <= part.high for part, t in zip((one.coverage, one.gini), truth, strict=True)])
    assert np.mean(covered, axis=0).min() >= 0.9
