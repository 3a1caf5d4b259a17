"""Exact search or the graph.

Decision: tables below ``EXACT_BELOW`` rows are searched exactly. Up to there the graph saves little more than a
millisecond a query, and costs a build, a file and a little recall. Measured on two cores, 384 dimensions, one query,
milliseconds exactly and through the graph: 2,000 rows 0.3 and 0.2, 5,000 rows 0.6 and 0.5, 10,000 rows 1.1 and 0.6,
20,000 rows 1.8 and 0.5, 50,000 rows 5.9 and 0.8 (``python -m bench crossover`` measures them again).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.tables.exact import exact_search
from graft.tables.index.graph import Graph, GraphSettings
from graft.tables.index.rescoring import GraphRows, search_graph

EXACT_BELOW = 20_000


@dataclass(frozen=True)
class QueryTimes:
    """Milliseconds of one query at a number of rows, the best of several."""

    rows: int
    exact_ms: float
    graph_ms: float
    build_seconds: float


def graph_pays(rows: int) -> bool:
    """Whether a table of so many rows is worth a graph."""
    return rows >= EXACT_BELOW


def measure_crossover(
    vectors: np.ndarray, sizes: Sequence[int], *, rng: np.random.Generator, queries: int = 50, k: int = 10
) -> list[QueryTimes]:
    """Time both ways on the first so many rows of ``vectors`` (float32 of length one, shape (rows, dimension))."""
    measured = []
    for size in sizes:
        some = vectors[:size]
        asked = some[rng.choice(size, min(size, queries), replace=False)]
        started = time.perf_counter()
        graph = Graph.build(some, np.arange(size, dtype=np.uint64), settings=GraphSettings())
        built = time.perf_counter() - started
        rows = GraphRows(np.append(np.arange(size), -1), some)
        exact, nearby = [], []
        for query in asked[:, None]:
            started = time.perf_counter()
            exact_search(query, some, k)
            middle = time.perf_counter()
            search_graph(graph, rows, query, k)
            exact.append(middle - started)
            nearby.append(time.perf_counter() - middle)
        measured.append(QueryTimes(size, 1e3 * float(np.median(exact)), 1e3 * float(np.median(nearby)), built))
    return measured
