"""Answers of the graph, scored again with the vectors themselves.

Decisions: stored numbers are rounded, so the graph is asked for a few rows more than wanted and these are ranked by
their exact distances: recall@10 in bf16 at 200,000 rows goes from .992 to .997 (``python -m bench search``). Labels
whose row is gone, and rows that a mask leaves out, are passed over, and more are asked for until ``k`` rows remain;
where as many as exact search would take the time of do not suffice, the search is exact. What is gone can therefore
never come back, and the answer is never short. How widely a graph is searched is settled when it is built, on that
table's own vectors: the number of candidates is raised until recall@10 is what was wanted, and the recall reached is
recorded whatever it is. Tables below ``EXACT_BELOW`` rows are searched exactly: up to there the
graph saves little more than a millisecond a query, and costs a build, a file and a little recall. Measured on two
cores, 384 dimensions, one query, milliseconds exactly and through the graph: 2,000 rows 0.3 and 0.2, 5,000 rows 0.6 and
0.5, 10,000 rows 1.1 and 0.6, 20,000 rows 1.8 and 0.5, 50,000 rows 5.9 and 0.8 (``python -m bench crossover``).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from graft.tables.exact import Neighbours, Pairs, exact_search, nearest, nearest_among
from graft.tables.index.graph import Graph, NumberType
from graft.tables.index.recall import Recall, sample_queries, widen

EXACT_BELOW = 20_000
_CELLS = 1 << 20
_TUNED = 10
_MORE: dict[NumberType, float] = {"f32": 1.0, "f16": 1.2, "bf16": 1.2, "i8": 2.0}


def most(rows: int) -> int:
    """How many of ``rows`` the graph may be asked for; with more, exact search is as quick and misses nothing.

    One row asked for costs as much as twenty-five compared: of 50,000 rows 2,048 took 6.1 ms through the graph and 6.2
    exactly, of 200,000 rows 4,096 took 11 ms and 26 ms, 20,000 took 74 ms.

    >>> most(50_000)
    2000
    """
    return rows // 25


@dataclass(frozen=True)
class GraphRows:
    """The rows that a graph knows.

    places: int64, the position among ``vectors`` of each label, -1 where its row is gone; one more entry, -1, stands
    for no label. vectors: float32 of length one, shape (rows, dimension).
    """

    places: np.ndarray
    vectors: np.ndarray

    @cached_property
    def live(self) -> float:
        """The share of labels that still have a row."""
        return max(1, int((self.places >= 0).sum())) / max(1, len(self.places) - 1)


def search_graph(
    graph: Graph,
    rows: GraphRows,
    queries: np.ndarray,
    k: int,
    *,
    mask: np.ndarray | None = None,
    expansion: int | None = None,
) -> Neighbours:
    """About the ``k`` nearest rows of each query (float32 of length one, shape (queries, dimension)).

    mask: bool, shape (rows,), the rows that may be found; None for all. expansion: candidates kept while searching, the
    graph's own setting when None.
    """
    wanted = k * _MORE[graph.settings.number_type] / rows.live
    if mask is None:
        places = rows.places.take(graph.search(queries, int(wanted) + 1, expansion=expansion))
        if places.size and places.min() >= 0:
            return nearest_among(queries, rows.vectors, places, k)
        there = places >= 0
        if (there.sum(1) >= k).all():
            who, column = np.nonzero(there)
            return nearest(queries, rows.vectors, Pairs(who, places[who, column]), k)
        mask = np.ones(len(rows.vectors), bool)
    return _insist(graph, rows, queries, k, mask=mask, ask=int(1.5 * wanted * len(mask) / max(1, mask.sum())) + 3)


def tune(graph: Graph, vectors: np.ndarray, *, wanted: float, rng: np.random.Generator) -> Recall:
    """Have ``graph`` (of exactly these rows, labelled by position) search as widely as recall ``wanted`` needs.

    vectors: float32 of length one, shape (rows, dimension). Returns the recall reached.
    """
    queries = sample_queries(vectors, rng=rng)
    truth = exact_search(queries, vectors, _TUNED)
    rows = GraphRows(np.append(np.arange(len(vectors)), -1), vectors)
    expansion, recall = widen(
        lambda expansion: search_graph(graph, rows, queries, _TUNED, expansion=expansion),
        truth,
        wanted=wanted,
        start=graph.settings.expansion_search,
    )
    graph.settings = replace(graph.settings, expansion_search=expansion)
    return recall


def _insist(graph: Graph, rows: GraphRows, queries: np.ndarray, k: int, *, mask: np.ndarray, ask: int) -> Neighbours:
    """Ask for ``ask`` rows and, where fewer than ``k`` of them pass the mask, for more."""
    found = Neighbours(np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), np.inf, np.float32))
    waiting = np.arange(len(queries))
    while len(waiting) and ask <= most(len(mask)):
        short = []
        for start in range(0, len(waiting), max(1, _CELLS // ask)):
            few = waiting[start : start + max(1, _CELLS // ask)]
            places = rows.places[graph.search(queries[few], ask)]
            there = (places >= 0) & mask[places]
            enough = there.sum(1) >= k
            short.append(few[~enough])
            who, column = np.nonzero(there & enough[:, None])
            answers = nearest(queries[few], rows.vectors, Pairs(who, places[who, column]), k)
            _put(found, few[enough], answers, enough)
        waiting = np.concatenate(short)
        ask *= 4
    if len(waiting):
        answers = exact_search(queries[waiting], rows.vectors, k, mask=mask)
        _put(found, waiting, answers, np.ones(len(waiting), bool))
    return found


def _put(found: Neighbours, who: np.ndarray, answers: Neighbours, which: np.ndarray) -> None:
    found.positions[who], found.distances[who] = answers.positions[which], answers.distances[which]
