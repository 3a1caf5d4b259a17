"""Who is kept of more rows than are kept: by chance alone, whole groups, whatever the pieces."""

import numpy as np
import pytest

from graft.watch.reservoir import KINDS, OTHERS, Lengths, Tally, group_ranks, kept


def streamed(group: np.ndarray | None, own: np.ndarray, most: int, piece: int) -> np.ndarray:
    """Places that are kept when the rows come in pieces."""
    places, below = np.zeros(0, np.int64), np.inf
    rank = own if group is None else group
    for start in range(0, len(own), piece):
        new = np.arange(start, min(start + piece, len(own)))
        places = np.concatenate([places, new[rank[new] < below]])
        found = kept(None if group is None else group[places], own[places], most)
        places, below = places[found.places], min(below, found.below)
    return places


@pytest.mark.parametrize("piece", [1, 17, 400])
@pytest.mark.parametrize("grouped", [False, True])
def test_pieces_of_any_size_keep_the_same_rows(piece, grouped):
    rng = np.random.default_rng(3)
    own = rng.random(400)
    # Of many sizes, one of them with a third of all rows.
    names = np.where(rng.random(400) < 0.3, 0, rng.integers(0, 60, 400)).astype(str)
    group = group_ranks(names, b"key") if grouped else None
    whole = kept(group, own, 50)
    assert np.array_equal(streamed(group, own, 50, piece), whole.places)
    assert len(whole.places) <= 50


def test_groups_are_kept_whole_and_a_huge_one_in_part():
    rng = np.random.default_rng(0)
    names = np.repeat(np.arange(300), 5).astype(str)
    group = group_ranks(names, b"k")
    found = kept(group, rng.random(1500), 200)
    sizes = np.unique(names[found.places], return_counts=True)[1]
    assert set(sizes.tolist()) == {5}
    assert len(found.places) == 200
    assert not len(found.cut)
    one = kept(np.full(1500, 0.5), rng.random(1500), 200)
    assert len(one.places) == 20
    assert one.cut.tolist() == [0.5]


def test_every_row_is_kept_as_often_whatever_its_group_is_called():
    """Of 2,000 draws: rows by themselves within three standard errors of 1/4, and groups of three rows too."""
    rng = np.random.default_rng(1)
    rows, draws = 40, 2_000
    alone, together = np.zeros(rows), np.zeros(rows)
    names = np.array([f"customer {row // 2}" for row in range(rows)])
    for draw in range(draws):
        alone[kept(None, rng.random(rows), rows // 4).places] += 1
        together[kept(group_ranks(names, str(draw).encode()), rng.random(rows), rows // 4).places] += 1
    reach = 4 * np.sqrt(0.25 * 0.75 / draws)
    assert np.abs(alone / draws - 0.25).max() < reach
    assert np.abs(together / draws - 0.25).max() < reach


def test_counts_of_many_values_are_bounded_and_add_up():
    tally, lengths = Tally(), Lengths()
    for start in range(0, 30_000, 7_000):
        tally.add(np.arange(start, min(start + 7_000, 30_000)).astype(str))
        lengths.add(np.array([float(start), np.nan]))
    assert len(tally.counts) == KINDS + 1
    assert tally.counts.total() == 30_000
    assert tally.counts[OTHERS] == 30_000 - KINDS
    assert (lengths.count, lengths.least, lengths.most, lengths.total) == (5, 0.0, 28_000.0, 70_000.0)
