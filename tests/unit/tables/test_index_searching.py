"""The searcher: what it finds through the graph, through filters, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from graft.core.errors import InputError, SpaceMismatch, TableError
from graft.core.intervals import wilson
from graft.representations.spaces import given_space
from graft.tables.exact import Neighbours, exact_search
from graft.tables.index.graph import Graph, GraphSettings
from graft.tables.index.recall import recall_of, sample_queries, widen
from graft.tables.index.rescoring import GraphRows, search_graph
from graft.tables.searching import Searcher
from unit.tables.index_data import DIMENSION, SPACE, build, grouped, names, reopen

ROWS = 4000


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return grouped(ROWS)


@pytest.fixture(scope="module")
def queries(vectors: np.ndarray) -> np.ndarray:
    return sample_queries(vectors, rng=np.random.default_rng(5), count=60)


@pytest.fixture(scope="module")
def graph(vectors: np.ndarray) -> Graph:
    return Graph.build(vectors, np.arange(ROWS, dtype=np.uint64), settings=GraphSettings(expansion_add=64, threads=1))


def everyone(vectors: np.ndarray) -> GraphRows:
    return GraphRows(np.append(np.arange(len(vectors)), -1), vectors)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.001, 0.01, 0.1, 0.5, 1.0])
def test_a_filter_of_any_size_finds_what_exact_search_finds(
    share: float, graph: Graph, vectors: np.ndarray, queries: np.ndarray
) -> None:
    mask = np.zeros(ROWS, bool)
    mask[np.random.default_rng(1).choice(ROWS, int(np.ceil(share * ROWS)), replace=False)] = True
    found = search_graph(graph, everyone(vectors), queries, 10, mask=mask)
    truth = exact_search(queries, vectors, 10, mask=mask)
    assert mask[found.positions[found.positions >= 0]].all()
    np.testing.assert_array_equal((found.positions >= 0).sum(1), (truth.positions >= 0).sum(1))
    assert recall_of(found, truth).mean >= 0.99


def test_a_filter_against_the_query_is_followed(graph: Graph, vectors: np.ndarray) -> None:
    """The rows a filter keeps may all be far from the query: more must be asked for until they are found."""
    query = vectors[:1]
    far = np.argsort(vectors @ query[0])[: ROWS // 2]
    mask = np.zeros(ROWS, bool)
    mask[far] = True
    found = search_graph(graph, everyone(vectors), query, 10, mask=mask)
    np.testing.assert_array_equal(found.positions, exact_search(query, vectors, 10, mask=mask).positions)


@pytest.mark.parametrize("number_type", ["bf16", "f16", "f32", "i8"])
def test_stored_numbers_are_rounded_and_distances_are_not(
    number_type: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    built = Graph.build(
        vectors,
        np.arange(ROWS, dtype=np.uint64),
        settings=GraphSettings(number_type=number_type, expansion_add=64, threads=1),
    )
    found, truth = search_graph(built, everyone(vectors), queries, 10), exact_search(queries, vectors, 10)
    assert recall_of(found, truth).mean >= (0.95 if number_type == "i8" else 0.99)
    same = found.positions == truth.positions
    np.testing.assert_array_equal(found.distances[same], truth.distances[same])


def test_labels_without_a_row_are_passed_over(graph: Graph, vectors: np.ndarray, queries: np.ndarray) -> None:
    """Half the labels have lost their row, among them every true neighbour of the first query."""
    lost = np.zeros(ROWS, bool)
    lost[np.random.default_rng(2).choice(ROWS, ROWS // 2, replace=False)] = True
    lost[exact_search(queries[:1], vectors, 40).positions[0]] = True
    rows = GraphRows(np.append(np.where(lost, -1, np.cumsum(~lost) - 1), -1), vectors[~lost])
    found, truth = search_graph(graph, rows, queries, 10), exact_search(queries, vectors[~lost], 10)
    assert (found.positions >= 0).all()
    assert recall_of(found, truth).mean >= 0.99


@pytest.mark.parametrize("count", [1, 7])
def test_a_searcher_answers_with_ids_through_the_graph(tmp_path: Path, count: int, vectors: np.ndarray) -> None:
    """The table is read in another order than the index was built in."""
    build(tmp_path, names(ROWS), vectors)
    order = np.random.default_rng(4).permutation(ROWS)
    ids = np.array(names(ROWS), object)[order]
    searcher = Searcher(ids, vectors[order], SPACE, index=reopen(tmp_path))
    hits = searcher.search(5 * vectors[:count], k=3, space=SPACE)
    assert searcher.how == "graph"
    assert hits.ids[:, 0].tolist() == names(count)
    assert (hits.ids.shape, hits.ids.dtype, hits.distances.dtype) == ((count, 3), object, np.float32)
    np.testing.assert_allclose(hits.distances[:, 0], 0, atol=1e-6)


def test_more_neighbours_than_rows_are_padded(vectors: np.ndarray, tmp_path: Path) -> None:
    index = build(tmp_path, names(4), vectors[:4])
    for searcher in (
        Searcher(names(4), vectors[:4], SPACE),
        Searcher(names(4), vectors[:4], SPACE, index=index),
    ):
        hits = searcher.search(vectors[:2], k=6, space=SPACE.fingerprint)
        assert hits.ids[:, 4:].tolist() == [[None, None]] * 2
        assert sorted(hits.ids[0, :4]) == names(4)
        assert np.isinf(hits.distances[:, 4:]).all()


def test_rows_of_any_length_are_compared_by_direction() -> None:
    space = given_space("long", 2)
    searcher = Searcher(["far", "near"], np.array([[0, 1], [100, 1]], np.float32), space)
    hits = searcher.search(np.array([[0.001, 0]]), k=2, space=space)
    assert hits.ids.tolist() == [["near", "far"]]
    np.testing.assert_allclose(hits.distances, [[1 - 100 / np.hypot(100, 1), 1]], atol=1e-6)


@pytest.mark.parametrize("other", [given_space("ours v2", DIMENSION, normalise=True), "0" * 32], ids=["space", "name"])
def test_a_query_of_another_space_is_refused_at_equal_dimension(other: object, vectors: np.ndarray) -> None:
    searcher = Searcher(names(ROWS), vectors, SPACE)
    with pytest.raises(SpaceMismatch, match="two embedding spaces"):
        searcher.search(vectors[:1], k=1, space=other)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (np.full((1, DIMENSION), np.nan), "query 0 holds NaN"),
        (np.ones((1, DIMENSION + 1)), r"needed: shape \(queries, 16\)"),
        (np.zeros((1, DIMENSION)), "query 0 is all zeros"),
    ],
    ids=["nan", "dimension", "zeros"],
)
def test_a_query_that_cannot_be_compared_is_refused(query: np.ndarray, told: str, vectors: np.ndarray) -> None:
    with pytest.raises(InputError, match=told):
        Searcher(names(ROWS), vectors, SPACE).search(query, k=1, space=SPACE)


def test_a_mask_of_another_length_is_refused(vectors: np.ndarray, tmp_path: Path) -> None:
    searcher = Searcher(names(ROWS), vectors, SPACE, index=build(tmp_path, names(ROWS), vectors))
    with pytest.raises(InputError, match=r"a mask of shape \(3,\)"):
        searcher.search(vectors[:1], k=1, space=SPACE, mask=np.ones(3, bool))


def test_a_searcher_refuses_rows_that_do_not_fit(vectors: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="3 ids with vectors of shape"):
        Searcher(names(3), vectors, SPACE)
    index = build(tmp_path, names(ROWS), vectors)
    with pytest.raises(TableError, match="an index of 4000 rows for a table of 3999"):
        Searcher(names(ROWS - 1), vectors[1:], SPACE, index=index)
    with pytest.raises(TableError, match="1 of them not in it"):
        Searcher([*names(ROWS - 1), "stranger"], vectors, SPACE, index=index)
    with pytest.raises(SpaceMismatch, match="two embedding spaces"):
        Searcher(names(ROWS), vectors, given_space("ours v2", DIMENSION), index=index)


def test_recall_counts_a_row_as_near_as_the_last_true_one() -> None:
    truth = Neighbours(np.array([[0, 1], [2, -1]]), np.array([[0.1, 0.2], [0.3, np.inf]], np.float32))
    same = Neighbours(np.array([[0, 9], [2, -1]]), np.array([[0.1, 0.2], [0.3, np.inf]], np.float32))
    worse = Neighbours(np.array([[9, 8], [2, -1]]), np.array([[0.3, 0.4], [0.3, np.inf]], np.float32))
    assert recall_of(same, truth).mean == 1
    assert recall_of(worse, truth).mean == 0.5
    assert recall_of(worse, truth).queries == 2


def test_the_interval_is_wilsons() -> None:
    """Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3."""
    assert wilson(81, 263).ends == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148).ends == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20).ends == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson(0, 0).ends == (0, 1)


def test_a_search_is_widened_until_recall_suffices(vectors: np.ndarray, queries: np.ndarray) -> None:
    """A poor graph: few edges, inserted with a narrow search."""
    poor = Graph.build(
        vectors, np.arange(ROWS, dtype=np.uint64), settings=GraphSettings(connectivity=3, expansion_add=4, threads=1)
    )
    truth = exact_search(queries, vectors, 10)

    def search(expansion: int) -> Neighbours:
        return search_graph(poor, everyone(vectors), queries, 10, expansion=expansion)

    narrow = recall_of(search(12), truth)
    expansion, recall = widen(search, truth, wanted=0.999, start=12)
    assert narrow.mean < 0.99
    assert recall.mean > narrow.mean
    assert expansion > 12
    assert widen(search, truth, wanted=narrow.mean, start=12)[0] == 12
