"""Searching the rows of a table.

Decisions: a query says which space it is of, and one of another space is refused even at equal dimension; distances are
exact whichever way the rows were found; an index of another version of the table is not asked, because it does not know
what changed since, and the search is exact until it is updated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError, SpaceMismatch, TableError
from graft.core.vectors import unit_rows
from graft.representations.spaces import Space
from graft.tables.exact import Neighbours, checked_queries, exact_search
from graft.tables.index.files import IndexFile
from graft.tables.index.rescoring import EXACT_BELOW, most, search_graph


@dataclass(frozen=True)
class Hits:
    """The nearest rows of each query, nearest first.

    ids: object, shape (queries, k), None where there are fewer. distances: cosine distances in [0, 2], float32, shape
    (queries, k), infinite where there are fewer. positions: among the rows searched, int64, shape (queries, k), -1
    where there are fewer.
    """

    ids: np.ndarray
    distances: np.ndarray
    positions: np.ndarray


class Searcher:
    """Rows to be searched, held in memory.

    ids: shape (rows,). vectors: float32, shape (rows, dimension), kept as they are when of length one and copied
    otherwise. space: theirs. index: of the same rows; None, or one that is stale, for exact search. Raises
    SpaceMismatch for an index of another space, TableError for one of other rows, InputError for vectors that are not
    finite or of another dimension.

    >>> from graft.representations.spaces import given_space
    >>> ours = given_space("ours v1", 2)
    >>> Searcher(["a", "b"], np.eye(2, dtype=np.float32), ours).search(np.array([[3.0, 0.1]]), k=1, space=ours).ids
    array([['a']], dtype=object)
    """

    def __init__(
        self, ids: Sequence[str], vectors: np.ndarray, space: Space, *, index: IndexFile | None = None
    ) -> None:
        if np.shape(vectors) != (len(ids), space.dimension):
            raise TableError(
                f"{len(ids)} ids with vectors of shape {np.shape(vectors)}",
                needed=f"shape ({len(ids)}, {space.dimension})",
                fix="read ids and vectors from one version of the table",
            )
        self.space = space
        self.vectors = unit_rows(vectors)
        self.ids = np.array([*ids, None], object)  # position -1 is nobody
        self.index = index
        if index is not None and index.record.space != space.fingerprint:
            raise _other_space(space.fingerprint, index.record.space)
        self._rows = None if index is None or index.stale else index.rows(ids, self.vectors)

    @property
    def how(self) -> str:
        """``graph``, ``exact``, or ``exact, the index is stale``."""
        if self._rows is not None:
            return "graph"
        return "exact" if self.index is None else "exact, the index is stale"

    def search(self, queries: np.ndarray, *, k: int, space: Space | str, mask: np.ndarray | None = None) -> Hits:
        """The ``k`` nearest rows of each query.

        queries: shape (queries, dimension). space: theirs, or its fingerprint. mask: bool, shape (rows,), the rows that
        may be found; None for all. Raises SpaceMismatch for queries of another space and InputError for queries of
        another shape, not finite or zero.
        """
        self._require_space(space)
        queries = _directions(queries, self.space.dimension)
        found = self._find(queries, k, None if mask is None else np.asarray(mask, bool))
        return Hits(self.ids[found.positions], found.distances, found.positions)

    def _find(self, queries: np.ndarray, k: int, mask: np.ndarray | None) -> Neighbours:
        few = mask is not None and (mask.shape != (len(self.vectors),) or int(mask.sum()) < EXACT_BELOW)
        if self._rows is None or self.index is None or few or not 1 <= k <= most(len(self.vectors)):
            return exact_search(queries, self.vectors, k, mask=mask)
        return search_graph(self.index.graph, self._rows, queries, k, mask=mask)

    def _require_space(self, space: Space | str) -> None:
        if isinstance(space, Space):
            if space != self.space:  # often it is the very same, and this is quicker
                self.space.require_same(space)
        elif space != self.space.fingerprint:
            raise _other_space(self.space.fingerprint, space)


def _directions(queries: np.ndarray, dimension: int) -> np.ndarray:
    """Queries of length one, float32. Raises InputError for another shape, and for what has no direction."""
    wide = np.asarray(queries, np.float64)
    if wide.ndim != 2 or wide.shape[1] != dimension:
        checked_queries(queries, dimension)
    squares = np.vecdot(wide, wide)
    if not all(0 < square < np.inf for square in squares.tolist()):
        checked_queries(queries, dimension)
        raise InputError(
            f"query {int(np.flatnonzero(~(squares > 0))[0])} is all zeros",
            needed="a vector with a direction",
            fix="drop it: nothing is nearer to it than anything else",
        )
    unit: np.ndarray = (wide / np.sqrt(squares)[:, None]).astype(np.float32)
    return unit


def _other_space(mine: str, theirs: str) -> SpaceMismatch:
    return SpaceMismatch(
        f"vectors of two embedding spaces: {theirs} against {mine}",
        needed="vectors of one space",
        fix="embed both sides with the same source",
    )
