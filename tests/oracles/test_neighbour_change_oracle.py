"""Changed neighbours: values of the authors' program, sums to infinity, scipy, and spaces that differ by chance."""

from string import ascii_lowercase

import numpy as np
import pytest
from scipy import linalg

from graft.core.errors import InputError
from graft.evidence.neighbour_change import aligned, jaccard, nearest, neighbour_change, rank_biased_overlap


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def places(*words: str) -> np.ndarray:
    longest = max(map(len, words))
    return np.array([[ord(letter) - 97 for letter in word] + [-1] * (longest - len(word)) for word in words])


@pytest.mark.parametrize(
    ("other", "persistence", "expected"),
    [
        ("jtnxyzovchmfldbksguqewari", 0.9, 0.256365),
        ("jtnxyzovchmfldbksguqewari", 0.99, 0.868989),
        ("erqalcnuhjvoxgiybskzdtmwf", 0.5, 0.042585),
        ("erqalcnuhjvoxgiybskzdtmwf", 0.9, 0.408634),
        ("agmtrsyhfidnjobwzkxvucqel", 0.1, 0.948245),
        ("agmtrsyhfidnjobwzkxvucqel", 0.9, 0.548749),
    ],
)
def test_a_shuffled_alphabet_as_webbers_program_has_it(other, persistence, expected):
    found = rank_biased_overlap(places("".join(sorted(other))), places(other), persistence=persistence)
    assert found[0] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("other", "persistence", "expected"),
    [
        ("karfvodcjmwgzlypebunq", 0.9, 0.468431),
        ("f", 0.9, 0.053090),
        ("zclx", 0.9, 0.233312),
        ("nxqyk", 0.9, 0.049050),
        ("av", 0.2, 0.900000),
        ("b", 0.4, 0.166238),
        ("aptkn", 0.2, 0.892587),
    ],
)
def test_lists_of_uneven_lengths_as_webbers_program_has_them(other, persistence, expected):
    for one, two in ((ascii_lowercase, other), (other, ascii_lowercase)):
        found = rank_biased_overlap(places(one), places(two), persistence=persistence)
        assert found[0] == pytest.approx(expected, abs=2e-6)


def test_agreement_at_each_depth_of_the_papers_example():
    """Lists abcdefg and zcavwxy: overlaps 0, 0, 2, 2, 2, 2, 2; the sum to infinity with the last agreement kept."""
    agreements = [0, 0, 2 / 3, 2 / 4, 2 / 5, 2 / 6, *[2 / 7] * 4000]
    expected = 0.2 * sum(share * 0.8**depth for depth, share in enumerate(agreements))
    assert rank_biased_overlap(places("abcdefg"), places("zcavwxy"), persistence=0.8)[0] == pytest.approx(expected)
    assert jaccard(places("abcdefg"), places("zcavwxy"))[0] == pytest.approx(2 / 12)


def test_the_same_other_and_empty_lists():
    assert rank_biased_overlap(places("abc", "abc", "ab"), places("abc", "xyz", "ab")).tolist() == [1.0, 0.0, 1.0]
    assert rank_biased_overlap(-np.ones((2, 3), int), np.array([[-1] * 3, [1, 2, -1]])).tolist() == [1.0, 0.0]
    assert jaccard(np.zeros((1, 0), int), np.zeros((1, 0), int)).tolist() == [1.0]
    assert rank_biased_overlap(np.zeros((0, 3), int), np.zeros((0, 3), int)).shape == (0,)


def test_nearest_is_the_sorted_list_of_cosines(rng):
    vectors = rng.normal(size=(80, 5))
    units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    found = nearest(vectors, np.array([3, 70]), k=7)
    for row, entity in zip(found, (3, 70), strict=True):
        order = np.argsort(-units @ units[entity])
        assert row.tolist() == order[order != entity][:7].tolist()


def test_alignment_is_scipys_procrustes_on_the_rows_that_stayed(rng):
    space = rng.normal(size=(100, 6))
    space /= np.linalg.norm(space, axis=1)[:, None]
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    other = space @ turn
    other[:10] = -other[:10]  # ten rows moved as far as they can
    found = aligned(other, space)
    assert found.moved[10:].max() < 1e-5
    assert found.moved[:10].min() > 1.9
    rotation, _ = linalg.orthogonal_procrustes(other[10:], space[10:])
    assert found.vectors == pytest.approx(other @ rotation, abs=1e-5)


def test_spaces_of_two_dimensions_are_aligned(rng):
    space = rng.normal(size=(60, 4))
    wider = np.hstack([space, np.zeros((60, 3))]) @ np.linalg.qr(rng.normal(size=(7, 7)))[0]
    assert aligned(wider, space).moved.max() < 1e-5
    assert aligned(space, wider).moved.max() < 1e-5


def spaces(rng: np.random.Generator, count: int, rows: int = 120) -> list[np.ndarray]:
    """Spaces that differ by chance, by more for some entities than for others, each turned in its own way."""
    centres = rng.normal(size=(rows, 8))
    noise = np.geomspace(0.05, 0.3, rows)[:, None]
    made = []
    for _ in range(count):
        turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
        made.append((centres + noise * rng.normal(size=(rows, 8))) @ turn)
    return made


@pytest.mark.parametrize("replicates", [2, 5, 19])
def test_chance_and_a_rotation_are_no_change(replicates, rng):
    low = any_found = 0
    for _ in range(15):
        before, after, *null = spaces(rng, 2 + replicates)
        found = neighbour_change(before, after, null)
        low += (found.p_values <= 0.05).mean() / 15
        any_found += (found.adjusted <= 0.05).any()
    assert low <= 0.075
    assert any_found <= 3


@pytest.mark.parametrize("replicates", [3, 19])
def test_entities_that_moved_are_found(replicates, rng):
    before, after, *null = spaces(rng, 2 + replicates)
    moved = np.array([0, 10, 20, 30])
    after[moved] = after[[100, 101, 102, 103]]
    found = neighbour_change(before, after, null, entities=np.arange(60))
    assert found.p_values[moved].max() <= 0.05
    assert set(np.argsort(found.overlap)[:4].tolist()) == {*moved.tolist()}
    assert (found.usual[moved] > found.overlap[moved] + 0.3).all()
    # The figures of all entities are ranked together, so the p-values can be small enough.
    assert found.adjusted[moved].max() <= 0.05


@pytest.mark.parametrize("asked", [1, 2, 20])
def test_one_entity_alone_that_moved_is_found(asked, rng):
    """Of so few that its own replicates say it, and of more, ranked among the figures of all."""
    before, after, *null = spaces(rng, 2 + 24)
    after[0] = after[100]
    found = neighbour_change(before, after, null, entities=np.arange(asked))
    assert found.adjusted[0] <= 0.05


def test_a_space_that_changed_as_a_whole(rng):
    before, _, *null = spaces(rng, 7)
    assert neighbour_change(before, rng.normal(size=before.shape), null).p_value == 1 / 6
    same = neighbour_change(before, before, null)
    assert same.p_value == 1.0
    assert same.p_values.min() > 0.2
    assert (same.overlap == 1).all()


def test_what_cannot_be_compared_is_refused(rng):
    space = rng.normal(size=(20, 3))
    broken = space.copy()
    broken[4, 1] = np.nan
    with pytest.raises(InputError, match="1 rows of a space hold NaN"):
        neighbour_change(space, broken, [space, space])
    with pytest.raises(InputError, match="two replicates or more"):
        neighbour_change(space, space, [space])
    with pytest.raises(InputError, match="the same rows in all spaces"):
        neighbour_change(space, space[:19], [space, space])
    with pytest.raises(InputError, match="two rows"):
        nearest(space[:1], np.array([0]))
    with pytest.raises(InputError, match="rows from 0 to 19"):
        nearest(space, np.array([20]))
    with pytest.raises(InputError, match="repeat an item"):
        rank_biased_overlap(np.array([[1, 1]]), np.array([[1, 2]]))
    with pytest.raises(InputError, match="repeat an item or have gaps"):
        jaccard(np.array([[-1, 1]]), np.array([[1, 2]]))
    with pytest.raises(InputError, match="persistence"):
        rank_biased_overlap(np.array([[1]]), np.array([[1]]), persistence=1.0)
    with pytest.raises(InputError, match="the same rows"):
        aligned(space, space[:5])


def test_few_and_equal_rows(rng):
    for rows in (2, 3):
        space = rng.normal(size=(rows, 4)).astype(np.float32)
        found = neighbour_change(space, space, [space, space])
        assert (found.p_values == 1).all()
    alike = np.ones((30, 4))
    found = neighbour_change(alike, alike, [alike, alike])
    assert (found.overlap == 1).all()
    assert (found.p_values == 1).all()
    zeros = np.zeros((5, 2))
    assert np.isfinite(aligned(zeros, zeros).moved).all()
