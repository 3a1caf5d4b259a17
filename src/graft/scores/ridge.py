"""Ridge regression in closed form: one eigendecomposition serves every penalty."""

import numpy as np


class Ridge:
    """Half the mean squared error plus half the penalty times the squared weights.

    vectors: (rows, dimension). targets: (rows,), standardised.
    """

    def __init__(self, vectors: np.ndarray, targets: np.ndarray) -> None:
        x, y = np.asarray(vectors, np.float64), np.asarray(targets, np.float64).reshape(len(targets), -1)
        self._mean_x, self._mean_y = x.mean(0), y.mean(0)
        x, y = x - self._mean_x, y - self._mean_y
        self._values, self._basis = np.linalg.eigh(x.T @ x / len(x))
        self._target = self._basis.T @ (x.T @ y / len(x))
        self.weight = np.zeros((1, x.shape[1]), np.float32)
        self.bias = np.zeros(1, np.float32)

    def solve(self, penalty: float) -> None:
        """Set ``weight`` (1, dimension) and ``bias`` (1,) to the optimum."""
        weight = (self._basis @ (self._target / (np.maximum(self._values, 0)[:, None] + penalty))).T
        self.weight = weight.astype(np.float32)
        self.bias = (self._mean_y - weight @ self._mean_x).astype(np.float32)
