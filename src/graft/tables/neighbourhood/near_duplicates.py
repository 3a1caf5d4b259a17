"""Rows that nearly repeat one another.

Decisions: two rows are near-duplicates from a similarity that follows from the table itself, since spaces differ in
how near unrelated rows are: nearer than a twentieth of the usual distance of two rows taken at random, and so near
that at most one row in twenty would have such a neighbour if the rows thinned out towards each other as they do
between the fifth and the tenth neighbour (without it, every row of a dense table of few dimensions would count).
Groups are connected components, found block by block: memory grows with the rows, never with their square. Chains
can join rows that are less alike, so a group states the least similarity to its most central row.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graft.core.errors import InputError

_BLOCK = 512
_CLOSEST = 2e-6  # distance up to which rounding alone moves equal rows apart
_OF_RANDOM_PAIR = 0.05
_BY_CHANCE = 0.05
_RANDOM_PAIRS = 20_000


@dataclass(frozen=True)
class Threshold:
    """From which cosine similarity rows count as near-duplicates, and why."""

    similarity: float
    reason: str


@dataclass(frozen=True)
class Group:
    """Near-duplicates. rows: positions, the most central first, then by falling similarity to it. similarity: those."""

    rows: tuple[int, ...]
    similarity: tuple[float, ...]


@dataclass(frozen=True)
class NearDuplicates:
    """Groups, the largest first. pairs: how many pairs of rows reach the threshold."""

    threshold: Threshold
    groups: tuple[Group, ...]
    pairs: int

    @property
    def rows(self) -> int:
        """Rows that have a near-duplicate."""
        return sum(len(group.rows) for group in self.groups)


def suggested_threshold(vectors: np.ndarray, distances: np.ndarray, *, rng: np.random.Generator) -> Threshold:
    """The threshold that suits a table.

    vectors: float32 (rows, dimension) of length one. distances: (rows, k) to the nearest others, ideally k of 10.
    """
    if len(vectors) < 2:
        return Threshold(1 - _CLOSEST, "there are no pairs of rows")
    left, right = rng.integers(len(vectors), size=(2, _RANDOM_PAIRS))
    apart = left != right
    usual = float(np.median(1 - np.einsum("ij,ij->i", vectors[left[apart]], vectors[right[apart]])))
    by_spread, by_chance = _OF_RANDOM_PAIR * usual, _chance_distance(distances)
    distance = max(_CLOSEST, min(by_spread, by_chance))
    if distance == _CLOSEST:
        reason = "rows are so dense here that only equal ones, up to rounding, can be told from neighbours"
    elif by_spread <= by_chance:
        reason = f"a twentieth of the usual distance of two rows taken at random, which is {usual:.2f}"
    else:
        reason = "at most one row in twenty would have so near a neighbour by the density of the rows alone"
    return Threshold(1 - distance, reason)


def _chance_distance(distances: np.ndarray) -> float:
    """The distance within which one row in twenty has a neighbour by density alone.

    The number of neighbours within a distance grows as a power of it; the power is read off the medians.
    """
    k = distances.shape[1]
    if k < 4:
        return float("inf")
    half = k // 2
    near, far = float(np.median(distances[:, half - 1])), float(np.median(distances[:, k - 1]))
    if near <= 0 or far <= near:
        return 0.0 if near <= 0 else float("inf")
    power = np.log(k / half) / np.log(far / near)
    return far * float((_BY_CHANCE / k) ** (1 / power))


def find_near_duplicates(vectors: np.ndarray, threshold: Threshold | float) -> NearDuplicates:
    """Groups of rows whose cosine similarity reaches the threshold, directly or through others.

    vectors: float32 (rows, dimension) of length one. Every pair is compared, 512 rows against 512 at a time.
    """
    stated = threshold if isinstance(threshold, Threshold) else Threshold(threshold, "given")
    if not 0 < stated.similarity <= 1:
        raise InputError(f"a threshold of {stated.similarity}", needed="a similarity in (0, 1]", fix="use 0.95")
    labels, pairs = np.arange(len(vectors)), 0
    for links, found in _links(vectors, min(stated.similarity, 1 - _CLOSEST / 2)):
        pairs += found
        if len(links):
            labels = _joined(labels, links)
    sizes = np.bincount(labels, minlength=1)
    order = np.argsort(labels, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    members = [order[starts[one] : starts[one + 1]] for one in np.flatnonzero(sizes > 1)]
    groups = [_group(vectors, rows) for rows in sorted(members, key=lambda rows: (-len(rows), rows[0]))]
    return NearDuplicates(stated, tuple(groups), pairs)


def _links(vectors: np.ndarray, similarity: float) -> Iterator[tuple[np.ndarray, int]]:
    """Links between rows, (links, 2), few but joining all that belong together, and the pairs there really are."""
    for top in range(0, len(vectors), _BLOCK):
        rows = vectors[top : top + _BLOCK]
        links, pairs = [], 0
        for left in range(top, len(vectors), _BLOCK):
            near = rows @ vectors[left : left + _BLOCK].T >= similarity
            if left == top:
                near = np.triu(near, 1)
            above, beside = np.nonzero(near)
            pairs += len(above)
            if len(above):
                links.append(_forest(above + top, beside + left))
        yield np.concatenate(links) if links else np.zeros((0, 2), np.int64), pairs


def _forest(above: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """At most one link per row that keeps everything joined: each row with the first of its component."""
    rows, places = np.unique(np.concatenate([above, beside]), return_inverse=True)
    half = len(above)
    component = _components(places[:half], places[half:], len(rows))
    _, first = np.unique(component, return_index=True)
    return np.stack([rows, rows[first[component]]], axis=1)


def _joined(labels: np.ndarray, links: np.ndarray) -> np.ndarray:
    joined: np.ndarray = _components(labels[links[:, 0]], labels[links[:, 1]], int(labels.max()) + 1)[labels]
    return joined


def _components(left: np.ndarray, right: np.ndarray, size: int) -> np.ndarray:
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(size, size))
    found: np.ndarray = connected_components(graph, directed=False)[1]
    return found.astype(np.int64)


def _group(vectors: np.ndarray, rows: np.ndarray) -> Group:
    """The rows of a group around the one most like their mean."""
    own = vectors[rows]
    central = int(np.argmax(own @ own.mean(axis=0)))
    similarity = own @ own[central]
    similarity[central] = np.inf
    order = np.argsort(-similarity, kind="stable")
    similarity[central] = 1.0
    return Group(tuple(rows[order].tolist()), tuple(np.minimum(similarity[order], 1.0).tolist()))
