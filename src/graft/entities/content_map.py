"""From what is known about rows to their vectors: a weighted ridge regression, and what each feature has part in.

Decisions: solved exactly in the smaller of features and rows, and by conjugate gradients where both are many, since
words are wide and sparse; what is solved in one round starts the next. The constant is a feature like the others, so
large that its penalty does not count: rows of which nothing is known then have the mean of all, and shares of features
sum to the prediction. ViewWeights are precisions: a row that rests on much counts much.

Golub & Van Loan (2013), Matrix Computations, 11.3, for conjugate gradients with a diagonal preconditioner.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

CONSTANT = 100.0
_DIRECT = 5_000
_STEPS, _CLOSE = 200, 1e-8


@dataclass(frozen=True, eq=False)
class ContentMap:
    """weights: float64, shape (features + 1, dimension); the last row belongs to the constant."""

    weights: np.ndarray

    def __call__(self, features: sparse.csr_array) -> np.ndarray:
        """Vectors of rows with these features, float64, shape (rows, dimension)."""
        found: np.ndarray = features @ self.weights[:-1] + CONSTANT * self.weights[-1]
        return found

    def shares(self, features: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
        """The places of the features of one row, and what each adds to its vector, shape (features there, dimension);
        the last is the constant's, whose place is -1."""
        places = np.append(features.indices, -1).astype(np.int64)
        values = np.append(features.data, CONSTANT)
        return places, values[:, None] * self.weights[places]


class ContentRidge:
    """A content map that is learnt again and again for other vectors of the same rows.

    features: of all rows, shape (rows, features). penalty: μ of Σ w ‖y - f W‖² + μ ‖W‖², with weights of mean one.
    """

    def __init__(self, features: sparse.csr_array, penalty: float) -> None:
        constant = sparse.csr_array(np.full((features.shape[0], 1), CONSTANT))
        self._features = sparse.csr_array(sparse.hstack([features, constant], format="csr"))
        self._penalty = penalty
        self._known: np.ndarray | None = None
        self.map: ContentMap | None = None

    def predicted(self, vectors: np.ndarray, precisions: np.ndarray) -> np.ndarray:
        """The vectors of all rows as their features say, learnt from the rows with ``precisions`` above 0."""
        if self._known is None or not np.array_equal(self._known, precisions):
            self._prepare(precisions)
        wanted = self._root[:, None] * vectors[self._rows]
        start = np.zeros((self._features.shape[1], vectors.shape[1])) if self.map is None else self.map.weights
        self.map = ContentMap(self._solved(wanted, start))
        return np.asarray(self._features @ self.map.weights)

    def _prepare(self, precisions: np.ndarray) -> None:
        self._known = precisions.copy()
        self._rows = np.flatnonzero(precisions > 0)
        mean = float(precisions[self._rows].mean()) if len(self._rows) else 1.0
        self._root = np.sqrt(precisions[self._rows] / mean)
        # Weighted rows of the features, so that the normal equations are those of an unweighted ridge.
        self._scaled = sparse.csr_array(sparse.diags_array(self._root) @ self._features[self._rows])
        rows, width = self._scaled.shape
        self._factor = None
        self._primal = width <= max(rows, 1)
        if min(rows, width) <= _DIRECT:
            gram = (self._scaled.T @ self._scaled if self._primal else self._scaled @ self._scaled.T).toarray()
            gram[np.diag_indices_from(gram)] += self._penalty
            self._factor = linalg.cho_factor(gram, lower=True) if len(gram) else None

    def _solved(self, wanted: np.ndarray, start: np.ndarray) -> np.ndarray:
        if not len(wanted):
            return np.zeros_like(start)
        if self._factor is None:
            return self._by_gradients(np.asarray(self._scaled.T @ wanted), start)
        if self._primal:
            return np.asarray(linalg.cho_solve(self._factor, np.asarray(self._scaled.T @ wanted)))
        return np.asarray(self._scaled.T @ linalg.cho_solve(self._factor, wanted))

    def _by_gradients(self, right: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Every column by conjugate gradients at once, each with steps of its own."""
        scaled, penalty = self._scaled, self._penalty
        inverse = 1 / (np.asarray(scaled.power(2).sum(axis=0)).ravel() + penalty)[:, None]
        found = start.copy()
        left = right - (scaled.T @ (scaled @ found) + penalty * found)
        direction = inverse * left
        size = (left * direction).sum(axis=0)
        enough = _CLOSE**2 * np.maximum((right * inverse * right).sum(axis=0), 1e-300)
        for _ in range(_STEPS):
            if (size <= enough).all():
                break
            moved = scaled.T @ (scaled @ direction) + penalty * direction
            step = np.divide(size, (direction * moved).sum(axis=0), out=np.zeros_like(size), where=size > enough)
            found += step * direction
            left -= step * moved
            next_direction = inverse * left
            next_size = (left * next_direction).sum(axis=0)
            direction = next_direction + np.divide(next_size, size, out=np.zeros_like(size), where=size > 0) * direction
            size = next_size
        return found
