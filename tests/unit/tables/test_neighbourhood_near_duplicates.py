import tracemalloc

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from graft.core.errors import InputError
from graft.tables.neighbourhood.near_duplicates import Threshold, find_near_duplicates, suggested_threshold
from graft.tables.neighbourhood.neighbours import neighbours
from unit.tables.clouds import cloud, unit


def suggested(vectors: np.ndarray) -> Threshold:
    return suggested_threshold(vectors, neighbours(vectors, 10).distances, rng=np.random.default_rng(0))


def with_copies(rows: int, copies: int, *, dimension: int = 48, seed: int = 0) -> np.ndarray:
    """Rows of which the last ``copies`` are slight changes of the first ones."""
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(rows - copies, dimension)))
    near = unit(vectors[:copies] + 0.01 * rng.normal(size=(copies, dimension)))
    return np.concatenate([vectors, near])


@pytest.mark.parametrize("rows", [40, 1500, 2600])
def test_groups_and_pairs_are_those_of_comparing_all(rows: int) -> None:
    rng = np.random.default_rng(rows)
    vectors = unit(rng.normal(size=(rows, 5)))
    similarity = np.triu(vectors.astype(float) @ vectors.T.astype(float), 1)
    order = np.sort(similarity[similarity > 0])
    gaps = np.diff(order[-rows:])
    threshold = float(order[-rows:][int(np.argmax(gaps[: rows // 2]))] + gaps[: rows // 2].max() / 2)
    near = similarity >= threshold
    _, labels = connected_components(near, directed=False)
    wanted = {tuple(np.flatnonzero(labels == one)) for one in np.flatnonzero(np.bincount(labels) > 1)}
    found = find_near_duplicates(vectors, threshold)
    assert found.pairs == near.sum() > 0
    assert {tuple(sorted(group.rows)) for group in found.groups} == wanted
    assert found.rows == sum(map(len, wanted))


def test_the_suggested_threshold_finds_the_copies_alone() -> None:
    vectors = with_copies(500, 60)
    found = find_near_duplicates(vectors, suggested(vectors))
    assert {tuple(sorted(group.rows)) for group in found.groups} == {(row, 440 + row) for row in range(60)}


@pytest.mark.parametrize("dimension", [3, 5, 12, 64])
def test_rows_that_are_merely_dense_are_not_near_duplicates(dimension: int) -> None:
    vectors = cloud(dimension)(2000, np.random.default_rng(dimension))
    assert find_near_duplicates(vectors, suggested(vectors)).rows <= 0.15 * len(vectors)


def test_the_threshold_follows_the_space() -> None:
    rng = np.random.default_rng(4)
    wide = unit(rng.normal(size=(400, 32)))
    narrow = unit(rng.normal(size=(400, 32)) + 12)
    assert suggested(narrow).similarity > suggested(wide).similarity > 0.9
    assert "random" in suggested(wide).reason


def test_all_equal_rows_are_one_group_in_bounded_memory() -> None:
    vectors = np.tile(unit(np.ones((1, 8))), (3000, 1))
    tracemalloc.start()
    found = find_near_duplicates(vectors, 0.99)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(group.rows) for group in found.groups] == [3000]
    assert found.pairs == 3000 * 2999 // 2
    assert peak < 50e6  # of a quarter of a million pairs at a time; the positions of all would take 72 MB
    assert suggested(vectors[:50]).similarity < 1


def test_a_chain_says_how_unlike_its_ends_are() -> None:
    angles = np.arange(9) * 0.1
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    (group,) = find_near_duplicates(vectors, float(np.cos(0.11))).groups
    assert group.rows[0] == 4
    assert group.similarity[0] == 1
    assert min(group.similarity) == pytest.approx(np.cos(0.4), abs=1e-5)
    assert list(group.similarity) == sorted(group.similarity, reverse=True)


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_few_rows(rows: int) -> None:
    vectors = np.eye(4, dtype=np.float32)[:rows]
    assert find_near_duplicates(vectors, suggested(vectors)).groups == ()


@pytest.mark.parametrize("threshold", [0.0, 1.2, float("nan")])
def test_a_threshold_that_is_none_is_refused(threshold: float) -> None:
    with pytest.raises(InputError, match="threshold"):
        find_near_duplicates(np.eye(4, dtype=np.float32), threshold)
