"""How near a row lies to the rows a model learnt from.

Decisions: nearness is the cosine in the model's own vectors; a row is far when it is farther from every training row
than 99 % of the training rows are from all the others, so about one familiar row in a hundred is flagged too. Without
training rows, it is the distance to the nearest class centroid.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.preprocessing import normalize

from graft.bundle.decision import blockwise
from graft.bundle.scoring import Matrix

_SHARE = 0.99
_NEAREST = 3


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Rows, or centroids of rows, to compare with.

    vectors: of unit length, shape (n, dimension). threshold: cosine distance beyond which a row is far.
    captions: what each is called. excerpts: of their texts, (n,), or () for centroids.
    """

    vectors: Matrix
    threshold: float
    captions: tuple[str, ...]
    excerpts: tuple[str, ...] = ()

    def far(self, queries: Matrix) -> list[str | None]:
        """For each query why it is far, in words, or None."""
        best = blockwise(lambda rows: _cosines(queries[rows], self.vectors).max(axis=1), _count(queries))
        # A query without a single known term has no direction, and is near to nothing.
        far = (1 - best > self.threshold) | (best <= 0)
        words = "far from the training rows: its nearest similarity is"
        return [f"{words} {value:.2f}" if is_far else None for value, is_far in zip(best, far, strict=True)]

    def nearest(self, queries: Matrix) -> list[str]:
        """For each query its nearest, with similarities."""
        found = []
        for row in range(_count(queries)):
            cosines = _cosines(queries[np.array([row])], self.vectors)[0]
            places = np.argsort(-cosines, kind="stable")[:_NEAREST].tolist()
            found.append("; ".join(self._said(place, float(cosines[place])) for place in places))
        return found

    def _said(self, place: int, cosine: float) -> str:
        said = f"{self.captions[place]} {cosine:.2f}"
        return f"{said}: {self.excerpts[place]}" if self.excerpts else said


def unit(matrix: Matrix) -> Any:
    """Rows scaled to unit length; a row of zeros stays."""
    return normalize(matrix)


def _count(matrix: Matrix) -> int:
    return int(matrix.shape[0])  # len() of a sparse matrix is ambiguous


def _cosines(queries: Matrix, reference: Matrix) -> np.ndarray:
    """Cosines, shape (queries, reference rows); the reference has unit length already."""
    product = unit(queries) @ reference.T
    return product if isinstance(product, np.ndarray) else np.asarray(product.toarray())


def row_threshold(vectors: Matrix) -> float:
    """The leave-one-out 99th percentile of the distance of rows of unit length to their nearest; 2 for one row."""
    count = _count(vectors)
    if count < 2:
        return 2.0

    def nearest_other(rows: np.ndarray) -> np.ndarray:
        cosines = _cosines(vectors[rows], vectors)
        cosines[np.arange(len(rows)), rows] = -np.inf
        return np.asarray(cosines.max(axis=1))

    return float(np.quantile(1 - blockwise(nearest_other, count), _SHARE, method="higher"))


def centroid_threshold(vectors: Matrix, centroids: Matrix) -> float:
    """The 99th percentile of the distance of training rows of unit length to their nearest centroid."""
    best = blockwise(lambda rows: _cosines(vectors[rows], centroids).max(axis=1), _count(vectors))
    return float(np.quantile(1 - best, _SHARE, method="higher"))
