"""Exact nearest neighbours.

Decisions: rows are scored in blocks by one matrix product each, and only what may still be among the nearest is kept,
so memory is bounded by the block and nothing is partitioned twice. A matrix product rounds one pair of vectors
differently in blocks of different shapes: what comes within that rounding of the k-th is scored once more in double
precision, so the answer depends on the vectors alone, and equal distances are ordered by position. Fewer neighbours
than ``k`` are padded with position -1 and an infinite distance, so that every answer has one shape.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError

_SCORES = 1 << 22  # scores held at a time: 16 MiB
_QUERIES = 256
_ROWS = 1 << 15
_PAIRS = 1 << 9  # pairs of vectors scored again at a time: they stay in the cache
_IMPOSSIBLE = np.float32(-3)  # below every cosine; rows a mask leaves out score minus infinity


@dataclass(frozen=True)
class Neighbours:
    """The nearest rows of each query, nearest first.

    positions: int64, shape (queries, k), -1 where there is none. distances: cosine distances in [0, 2], float32, shape
    (queries, k), infinite where there is none.
    """

    positions: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True)
class Pairs:
    """Candidates as flat pairs: ``who[i]`` (a query) may have ``where[i]`` (a row) among its nearest."""

    who: np.ndarray
    where: np.ndarray


def exact_search(queries: np.ndarray, vectors: np.ndarray, k: int, *, mask: np.ndarray | None = None) -> Neighbours:
    """The ``k`` nearest rows of each query by cosine distance; equal distances in the order of the rows.

    queries: shape (queries, dimension); vectors: shape (rows, dimension), float32; both of length one. mask: bool,
    shape (rows,), the rows that may be found; None for all. Raises InputError for shapes that do not fit, and for
    queries that are not finite.

    >>> square = np.array([[1, 0], [0, 1], [-1, 0], [1, 0]], np.float32)
    >>> exact_search(square[:1], square, 3).positions
    array([[0, 3, 1]])
    """
    queries = checked_queries(queries, vectors.shape[1])
    if k < 1:
        raise InputError(f"{k} neighbours asked for", needed="at least one", fix="ask for k=10, say")
    if mask is not None and mask.shape != (len(vectors),):
        raise InputError(
            f"a mask of shape {mask.shape}",
            needed=f"one truth value a row: ({len(vectors)},)",
            fix="give one for each row",
        )
    positions = np.full((len(queries), k), -1, np.int64)
    distances = np.full((len(queries), k), np.inf, np.float32)
    most = max(1, min(_QUERIES, _SCORES // max(1, min(k, len(vectors)))))
    for start in range(0, len(queries), most):
        few = slice(start, start + most)
        found = nearest(queries[few], vectors, _candidates(queries[few], vectors, k, mask), k)
        positions[few], distances[few] = found.positions, found.distances
    return Neighbours(positions, distances)


def checked_queries(queries: np.ndarray, dimension: int) -> np.ndarray:
    """Queries as float32, shape (queries, dimension). Raises InputError for another shape or numbers not finite."""
    queries = np.ascontiguousarray(queries, np.float32)
    if queries.ndim != 2 or queries.shape[1] != dimension:
        raise InputError(
            f"queries of shape {queries.shape}",
            needed=f"shape (queries, {dimension})",
            fix="embed them with the source of the table",
        )
    if not np.isfinite(queries).all():
        row = int(np.flatnonzero(~np.isfinite(queries).all(1))[0])
        raise InputError(
            f"query {row} holds NaN or infinity", needed="finite numbers", fix="embed it again, or drop it"
        )
    return queries


def nearest(queries: np.ndarray, vectors: np.ndarray, pairs: Pairs, k: int) -> Neighbours:
    """The ``k`` nearest of the candidate pairs, their distances computed in double precision.

    queries: shape (queries, dimension); vectors: shape (rows, dimension); both float32 of length one.
    """
    distances = np.empty(len(pairs.who), np.float32)
    for start in range(0, len(distances), _PAIRS):
        few = slice(start, start + _PAIRS)
        distances[few] = _distances(queries[pairs.who[few]], vectors[pairs.where[few]])
    order = np.lexsort((pairs.where, distances, pairs.who))
    rank = _ranks(pairs.who[order], len(queries))
    order, rank = order[rank < k], rank[rank < k]
    found = Neighbours(np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), np.inf, np.float32))
    found.positions[pairs.who[order], rank] = pairs.where[order]
    found.distances[pairs.who[order], rank] = distances[order]
    return found


def nearest_among(queries: np.ndarray, vectors: np.ndarray, places: np.ndarray, k: int) -> Neighbours:
    """As ``nearest``, where every query has as many candidates. places: rows, int64, shape (queries, at least k)."""
    few = max(1, _PAIRS // max(1, places.shape[1]))
    if len(queries) > few:
        parts = [
            nearest_among(queries[start : start + few], vectors, places[start : start + few], k)
            for start in range(0, len(queries), few)
        ]
        positions = np.concatenate([part.positions for part in parts])
        return Neighbours(positions, np.concatenate([part.distances for part in parts]))
    distances = _distances(queries[:, None], vectors.take(places, axis=0))
    order = np.lexsort((places, distances))[:, :k]
    order = (
        order if len(order) == 1 else order + np.arange(0, places.size, places.shape[1])[:, None]
    )  # as places in the flat arrays
    return Neighbours(places.take(order), distances.take(order))


def _distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Cosine distances of vectors of length one; each is of its pair alone, whatever stands beside it."""
    distances: np.ndarray = 1 - np.vecdot(left.astype(np.float64), right.astype(np.float64))
    np.maximum(distances, 0, out=distances)
    np.minimum(distances, 2, out=distances)
    return distances.astype(np.float32)


def _ranks(who: np.ndarray, queries: int) -> np.ndarray:
    """The place of each entry among those of its query; ``who`` is sorted."""
    counts = np.bincount(who, minlength=queries)
    ranks: np.ndarray = np.arange(len(who)) - (np.cumsum(counts) - counts)[who]
    return ranks


def _candidates(queries: np.ndarray, vectors: np.ndarray, k: int, mask: np.ndarray | None) -> Pairs:
    """All rows that may be among the ``k`` nearest, whatever the rounding of the matrix product."""
    margin = np.float32(4 * np.finfo(np.float32).eps * np.sqrt(vectors.shape[1]))
    floor = np.full(len(queries), _IMPOSSIBLE)
    who, where, score = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    size = max(1, min(_ROWS, _SCORES // len(queries))) if len(queries) else _ROWS
    for start in range(0, len(vectors), size):
        scores, places = _scores(
            queries, vectors[start : start + size], None if mask is None else mask[start : start + size]
        )
        if scores.shape[1] == 0:
            continue
        if not len(who):
            floor = np.maximum(_IMPOSSIBLE, _kth(scores[:, : max(2048, 8 * k)], k))
        rows, columns = np.nonzero(scores >= (floor - margin)[:, None])
        if not len(rows):
            continue
        who, score = np.concatenate([who, rows]), np.concatenate([score, scores[rows, columns]])
        where = np.concatenate([where, start + (columns if places is None else places[columns])])
        order = np.lexsort((-score, who))
        who, where, score = who[order], where[order], score[order]
        last = _ranks(who, len(queries)) == k - 1
        floor[who[last]] = score[last]
        kept = score >= (floor - margin)[who]
        who, where, score = who[kept], where[kept], score[kept]
    return Pairs(who, where)


def _scores(queries: np.ndarray, block: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Scores of a block of rows, shape (queries, columns); the row of each column when a mask left few of them."""
    if mask is None or mask.all():
        return queries @ block.T, None
    kept = np.flatnonzero(mask)
    if 2 * len(kept) < len(block):
        return queries @ block[kept].T, kept
    scores = queries @ block.T
    scores[:, ~mask] = -np.inf
    return scores, None


def _kth(scores: np.ndarray, k: int) -> np.ndarray:
    """The ``k``-th largest score of each query; an impossible one when there are fewer."""
    if scores.shape[1] < k:
        return np.full(len(scores), _IMPOSSIBLE)
    largest: np.ndarray = np.partition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k]
    return largest
