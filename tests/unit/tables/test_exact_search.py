"""Exact search: right, deterministic, bounded, and the same for one query and for many."""

import numpy as np
import pytest

from graft.core.errors import InputError
from graft.core.vectors import unit_rows
from graft.tables.exact import exact_search


def unit(count: int, dimension: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((count, dimension), dtype=np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def slow(queries: np.ndarray, vectors: np.ndarray, k: int, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every distance in double precision, every row sorted."""
    positions = np.full((len(queries), k), -1)
    distances = np.full((len(queries), k), np.inf)
    rows = np.flatnonzero(allowed)
    for number, query in enumerate(queries.astype(np.float64)):
        found = np.clip(1 - np.array([row.astype(np.float64) @ query for row in vectors[rows]]), 0, 2).astype(
            np.float32
        )
        best = np.lexsort((rows, found))[:k]
        positions[number, : len(best)], distances[number, : len(best)] = rows[best], found[best]
    return positions, distances


@pytest.mark.parametrize("share", [None, 0.0, 0.001, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("k", [1, 10, 40])
def test_exact_search_finds_what_sorting_every_distance_finds(share: float | None, k: int) -> None:
    vectors, queries = unit(5000, 24, 0), unit(7, 24, 1)
    mask = None if share is None else np.random.default_rng(2).random(5000) < share
    positions, distances = slow(queries, vectors, k, np.ones(5000, bool) if mask is None else mask)
    found = exact_search(queries, vectors, k, mask=mask)
    np.testing.assert_array_equal(found.positions, positions)
    np.testing.assert_allclose(found.distances, distances, atol=2e-7)
    assert (found.positions.dtype, found.distances.dtype) == (np.int64, np.float32)


def test_equal_rows_come_in_the_order_of_their_positions_across_blocks() -> None:
    vectors = np.tile(unit(3, 32, 0), (30_000, 1))
    found = exact_search(vectors[:2], vectors, 40)
    np.testing.assert_array_equal(found.positions, np.arange(40) * 3 + np.arange(2)[:, None])


def test_one_query_is_answered_as_among_many() -> None:
    vectors, queries = unit(70_000, 16, 3), unit(300, 16, 4)
    many = exact_search(queries, vectors, 10)
    for number in (0, 255, 256, 299):
        one = exact_search(queries[number : number + 1], vectors, 10)
        np.testing.assert_array_equal(one.positions[0], many.positions[number])
        np.testing.assert_array_equal(one.distances[0], many.distances[number])


def test_rows_that_come_ever_nearer_are_all_seen() -> None:
    angles = np.linspace(3.0, 0.5, 100_000)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = exact_search(np.array([[1, 0]], np.float32), vectors, 3)
    assert found.positions[0].tolist() == [99_999, 99_998, 99_997]


@pytest.mark.parametrize("rows", [0, 3])
def test_fewer_rows_than_neighbours_are_padded(rows: int) -> None:
    found = exact_search(unit(2, 4, 0), unit(rows, 4, 1), 5)
    assert (found.positions[:, rows:] == -1).all()
    assert np.isinf(found.distances[:, rows:]).all()
    assert sorted(found.positions[0, :rows]) == list(range(rows))


def test_distances_are_of_cosines() -> None:
    square = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    np.testing.assert_allclose(exact_search(square[:1], square, 3).distances, [[0, 1, 2]])


@pytest.mark.parametrize(
    ("queries", "mask", "k", "told"),
    [
        (np.zeros((1, 3), np.float32), None, 1, r"needed: shape \(queries, 4\)"),
        (np.zeros(4, np.float32), None, 1, r"queries of shape \(4,\)"),
        (np.array([[0, 0, 0, 1], [np.nan, 0, 0, 0]], np.float32), None, 1, "query 1 holds NaN"),
        (np.full((1, 4), np.inf, np.float32), None, 1, "query 0 holds NaN or infinity"),
        (np.zeros((1, 4), np.float32), np.ones(3, bool), 1, r"a mask of shape \(3,\)"),
        (np.zeros((1, 4), np.float32), None, 0, "0 neighbours"),
    ],
    ids=["dimension", "flat", "nan", "infinity", "mask", "none"],
)
def test_what_cannot_be_searched_is_refused(queries: np.ndarray, mask: np.ndarray | None, k: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        exact_search(queries, unit(5, 4, 0), k, mask=mask)


def test_rows_of_length_one_are_not_copied_and_others_are() -> None:
    vectors = unit(100, 8, 0)
    assert unit_rows(vectors) is vectors
    longer = vectors * np.arange(100, dtype=np.float32)[:, None]
    np.testing.assert_allclose(unit_rows(longer)[1:], vectors[1:], atol=1e-6)
    assert not unit_rows(longer)[0].any()
    assert np.linalg.norm(longer[50]) == pytest.approx(50, rel=1e-5)


def test_rows_that_are_not_finite_are_named() -> None:
    vectors = unit(40_000, 2, 0)
    vectors[39_000, 1] = np.nan
    with pytest.raises(InputError, match=r"1 vectors hold NaN.* row 39000"):
        unit_rows(vectors)
