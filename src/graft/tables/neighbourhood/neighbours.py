"""The nearest rows of rows.

Decisions: distance is the cosine distance of unit vectors, 1 - cosine, as everywhere in the tables; a row is never its
own neighbour, also where equal rows hide it among them; the search is exact, because what is built on it (outliers,
duplicates, the map) is told to people as fact.
"""

import numpy as np

from graft.core.errors import InputError
from graft.tables.exact import Neighbours, exact_search


def neighbours(vectors: np.ndarray, k: int, *, rows: np.ndarray | None = None) -> Neighbours:
    """The ``k`` nearest other rows of each of ``rows``, nearest first.

    vectors: float32 (rows, dimension) of length one. rows: int (queries,), positions among vectors; all when None.
    Returns positions and cosine distances, both (queries, k), where k is at most the number of other rows.
    """
    if k < 1:
        raise InputError(f"k={k}", needed="at least one neighbour", fix="ask for 1 or more")
    asked = np.arange(len(vectors)) if rows is None else np.asarray(rows, dtype=np.int64)
    k = min(k, len(vectors) - 1)
    if k < 1 or not len(asked):
        return Neighbours(np.zeros((len(asked), max(k, 0)), np.int64), np.zeros((len(asked), max(k, 0)), np.float32))
    found = exact_search(vectors[asked], vectors, k + 1)
    itself = found.positions == asked[:, None]
    itself[~itself.any(axis=1), -1] = True  # hidden behind equal rows: the furthest is the one too many
    keep = ~itself
    shape = (len(asked), k)
    return Neighbours(found.positions[keep].reshape(shape), np.maximum(found.distances[keep].reshape(shape), 0.0))
