"""The best few of many columns, against sorting everything."""

import numpy as np
import pytest

from graft.entities.top_lists import top_lists


@pytest.mark.parametrize("columns", [1, 7, 2047, 2048, 20_011])
@pytest.mark.parametrize("count", [1, 10, 300])
def test_lists_are_those_of_a_stable_sort(columns, count):
    rng = np.random.default_rng(columns + count)
    # Few levels, so that there are ties; some columns are shut out.
    scores = rng.integers(0, 50, (9, columns)).astype(np.float32)
    scores[rng.random((9, columns)) < 0.1] = -np.inf
    scores[3], scores[4, 1:] = -np.inf, -np.inf
    places, values = top_lists(scores, count)
    for row in range(9):
        order = [place for place in np.argsort(-scores[row], kind="stable") if scores[row, place] > -np.inf][:count]
        assert places[row].tolist() == order + [-1] * (count - len(order))
        assert values[row, : len(order)].tolist() == scores[row, order].tolist()
        assert np.isneginf(values[row, len(order) :]).all()


def test_a_row_does_not_depend_on_what_else_is_asked():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20, 5000)).round(2)
    whole = top_lists(scores, 12)[0]
    assert all((top_lists(scores[row : row + 1], 12)[0][0] == whole[row]).all() for row in range(20))


def test_equal_scores_are_drawn_where_they_are_asked_to_be():
    scores = np.zeros((4000, 8))
    scores[:, 3], scores[:, 5] = 1, -np.inf
    places, _ = top_lists(scores, 4, rng=np.random.default_rng(0))
    assert (places[:, 0] == 3).all()
    drawn = np.bincount(places[:, 1:].ravel(), minlength=8)
    assert drawn[[3, 5]].tolist() == [0, 0]
    # Each of six has three of six places: half of the lists, with a standard deviation of 32.
    assert np.abs(np.delete(drawn, [3, 5]) - 2000).max() < 160
    assert (top_lists(scores, 8, rng=np.random.default_rng(0))[0][:, 7] == -1).all()
