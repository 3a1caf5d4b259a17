"""How much of the truth an index finds.

Decisions: half the sample are rows of the table and half are rows moved a little, because people ask for what is not
there yet; a row counts as found when it is as near as the k-th nearest, so that equal rows may stand for one another.
The interval is Wilson's with one trial a query, not one a row: misses come together, a query in a badly linked part of
the graph loses all of its rows, and the interval must not pretend otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graft.core.intervals import wilson
from graft.tables.exact import Neighbours

_SAME = 1e-6
_MOVED = 0.3  # length of the noise added to a vector of length one: a cosine of about .96
QUERIES = 400
WIDER = (96, 128, 192, 256, 384)


@dataclass(frozen=True)
class Recall:
    """Share of the ``k`` rows that should be found and were, with a 95 % interval, over ``queries`` queries."""

    mean: float
    low: float
    high: float
    queries: int
    k: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f}, {self.queries} queries)"


def sample_queries(vectors: np.ndarray, *, rng: np.random.Generator, count: int = QUERIES) -> np.ndarray:
    """Rows and moved rows, float32 of length one, shape (count, dimension); fewer when there are fewer rows."""
    half = min(len(vectors), (count + 1) // 2)
    real = vectors[np.sort(rng.choice(len(vectors), half, replace=False))]
    near = vectors[np.sort(rng.choice(len(vectors), half, replace=False))]
    noise = rng.standard_normal(near.shape, dtype=np.float32)
    moved = near + _MOVED * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return np.concatenate([real, moved / np.linalg.norm(moved, axis=1, keepdims=True)]).astype(np.float32)


def recall_of(found: Neighbours, truth: Neighbours) -> Recall:
    """Recall of what was found for the same queries and ``k`` as an exact search.

    >>> truth = Neighbours(np.array([[0, 1]]), np.array([[0.1, 0.2]]))
    >>> recall_of(Neighbours(np.array([[0, 7]]), np.array([[0.1, 0.3]])), truth).mean
    0.5

    Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    queries, k = truth.distances.shape
    there = np.isfinite(truth.distances)
    furthest = np.where(there, truth.distances, -np.inf).max(axis=1, initial=-np.inf)
    hits = np.minimum((found.distances <= furthest[:, None] + _SAME).sum(1), there.sum(1))
    mean = float((hits / np.maximum(there.sum(1), 1))[there.any(1)].mean()) if there.any() else 1.0
    low, high = wilson(mean * queries, queries).ends or (0.0, 1.0)
    return Recall(mean, low, high, queries, k)


def widen(search: Callable[[int], Neighbours], truth: Neighbours, *, wanted: float, start: int) -> tuple[int, Recall]:
    """The narrowest search that reaches recall ``wanted``, or the best one tried, with its recall.

    search: answers for a number of candidates kept. start: the first number tried.
    """
    best, best_recall = start, recall_of(search(start), truth)
    for expansion in (one for one in WIDER if one > start):
        if best_recall.mean >= wanted:
            break
        recall = recall_of(search(expansion), truth)
        if recall.mean > best_recall.mean:
            best, best_recall = expansion, recall
    return best, best_recall
