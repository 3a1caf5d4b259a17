"""What a build of an index does before anything is saved: check the rows, take the lock, measure recall.

Decision: how widely a graph is searched is settled when it is built, on that table's own vectors: the number of
candidates is raised until recall@10 is what was wanted, and the recall reached is recorded whatever it is.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock

from graft.core.errors import InputError, OutputError
from graft.representations.spaces import Space
from graft.tables.exact import exact_search, unit_rows
from graft.tables.index.graph import Graph
from graft.tables.index.recall import Recall, sample_queries, widen
from graft.tables.index.rescoring import GraphRows, search_graph

K = 10


def building(folder: Path) -> FileLock:
    """The lock of whoever builds in ``folder``. Raises OutputError when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make {folder}: {error.strerror}", needed="a folder this user may write", fix="choose another place"
        ) from error
    return FileLock(folder / ".lock")


def checked_rows(ids: Sequence[str], vectors: np.ndarray, space: Space) -> tuple[pa.Array, np.ndarray]:
    """Ids as strings, and vectors of length one. Raises InputError unless they fit one another and the space."""
    names = pa.array(ids, pa.string())
    vectors = np.asarray(vectors, np.float32)
    if vectors.ndim != 2 or vectors.shape != (len(names), space.dimension):
        raise InputError(
            f"{len(names)} ids with vectors of shape {vectors.shape}",
            needed=f"shape ({len(names)}, {space.dimension})",
            fix="give one vector of the space for each id",
        )
    if names.null_count or pc.count_distinct(names).as_py() != len(names):
        raise InputError("an id that is missing or stands twice", needed="unique ids", fix="keep one row an id")
    return names, unit_rows(vectors)


def tune(graph: Graph, vectors: np.ndarray, *, wanted: float, rng: np.random.Generator) -> Recall:
    """Have ``graph`` (of exactly these rows, labelled by position) search as widely as recall ``wanted`` needs.

    vectors: float32 of length one, shape (rows, dimension). Returns the recall reached.
    """
    queries = sample_queries(vectors, rng=rng)
    truth = exact_search(queries, vectors, K)
    rows = GraphRows(np.append(np.arange(len(vectors)), -1), vectors)
    expansion, recall = widen(
        lambda expansion: search_graph(graph, rows, queries, K, expansion=expansion),
        truth,
        wanted=wanted,
        start=graph.settings.expansion_search,
    )
    graph.settings = replace(graph.settings, expansion_search=expansion)
    return recall
