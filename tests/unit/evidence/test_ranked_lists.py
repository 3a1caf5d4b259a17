"""Borders of judging lists: what is refused, left out and counted."""

import numpy as np
import pytest
from scipy import sparse

from graft.core.errors import InputError
from graft.evidence.ranked_lists import judge_exposure, judge_lists, judge_reach

RELEVANT = sparse.csr_array(np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]]))


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (np.array([[0, 0], [1, 2], [1, 2]]), "an item twice in the list of user 0"),
        (np.array([[0, 1], [-1, 2], [1, 2]]), "a gap in the list of user 1"),
        (np.array([[0, 1], [1, 2], [1, 4]]), "item 4 in a list"),
        (np.array([[0, 1], [1, 2], [1, -2]]), "item -2 in a list"),
        (np.array([[0.0, 1.0]] * 3), "lists of shape"),
        (np.zeros((3, 0), dtype=int), "lists of shape"),
        (np.array([0, 1, 2]), "lists of shape"),
        (np.array([[0, 1]]), "1 lists and relevant items of 3 users"),
    ],
)
def test_refused(lists: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        judge_lists(lists, RELEVANT)


def test_users_without_relevant_items_are_counted_and_empty_lists_score_nought() -> None:
    found = judge_lists(np.array([[-1, -1], [0, 1], [1, -1]]), RELEVANT)
    assert found.scored.tolist() == [0, 2]
    assert found.left_out == 1
    assert all(values.tolist() == [0.0, 1.0] for values in found.values.values())


def test_stored_zeros_are_not_relevant_and_dislikes_are_refused() -> None:
    stored = sparse.csr_array((np.array([0.0, 2.0]), (np.array([0, 1]), np.array([0, 1]))), shape=(2, 2))
    assert judge_lists(np.array([[0], [1]]), stored).left_out == 1
    with pytest.raises(InputError, match="negative or missing"):
        judge_lists(np.array([[0], [1]]), -stored)


def test_nobody_to_score() -> None:
    found = judge_lists(np.array([[0, 1]]), sparse.csr_array((1, 4)))
    assert found.left_out == 1
    with pytest.raises(InputError, match="no user with a relevant item"):
        found.interval("ndcg")


def test_one_user_has_no_interval_and_few_have_a_wide_one() -> None:
    one = judge_lists(np.array([[0, 2]]), RELEVANT[[0]])
    assert (one.interval("ndcg").mean, one.interval("ndcg").ends) == (1.0, None)
    four = judge_lists(np.array([[0, 2]] * 4), sparse.csr_array(np.array([[1, 0, 1, 0]] * 4)))
    assert four.interval("ndcg").high == 1.0
    assert four.interval("ndcg").low < 0.5  # all four agree, which is not certainty
    assert four.less(four, "ndcg").low < -0.3


def test_rows_of_one_person_count_together() -> None:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(20), 10)
    hit = rng.random(20)[who] < 0.5
    relevant = sparse.csr_array(np.column_stack([np.ones(200), np.zeros(200)]))
    lists = np.where(hit, 0, 1)[:, None]
    alone = judge_lists(lists, relevant).interval("recall")
    together = judge_lists(lists, relevant, persons=who).interval("recall")
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_another_set_of_users_is_no_pair() -> None:
    one = judge_lists(np.array([[0], [1], [1]]), RELEVANT)
    with pytest.raises(InputError, match="lists of 1 against"):
        one.less(judge_lists(np.array([[0, 1], [1, 2], [1, 2]]), RELEVANT), "ndcg")
    with pytest.raises(InputError, match="the list metric 'map'"):
        one.interval("map")


def test_reach_refuses_what_cannot_be() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="an item that 9 of them consumed"):
        judge_reach(np.array([[0]]), np.array([9, 1]), users=5, rng=rng)
    with pytest.raises(InputError, match="lists that are all empty"):
        judge_reach(np.array([[-1]]), np.array([2, 1]), users=5, rng=rng)
    with pytest.raises(InputError, match="a head of 1"):
        judge_reach(np.array([[0]]), np.array([2, 1]), users=5, rng=rng, head=1.0)
    with pytest.raises(InputError, match="consumption of shape"):
        judge_reach(np.array([[0]]), np.array([2, 1]), users=5, rng=rng, consumed=sparse.csr_array((2, 2)))


def test_reach_of_one_user_and_of_nothing_consumed() -> None:
    found = judge_reach(np.array([[0, 1]]), np.zeros(4), users=3, rng=np.random.default_rng(0))
    assert (found.coverage.mean, found.coverage.ends, found.compared) == (0.5, None, 0)
    assert np.isnan(found.head_consumed)


def test_exposure_refuses_groups_that_are_no_codes() -> None:
    with pytest.raises(InputError, match="groups of shape"):
        judge_exposure(np.array([[0]]), np.array(["a", "b"]))


def test_exposures_add_up() -> None:
    rng = np.random.default_rng(0)
    lists = np.argsort(rng.random((50, 20)), axis=1)[:, :7]
    found = judge_exposure(lists, rng.integers(4, size=20))
    assert sum(one.exposure.mean for one in found) == pytest.approx(1)
    assert sum(one.catalogue for one in found) == pytest.approx(1)
