"""Rows that are the same row: how much each counts, and which belong together.

Decision: repeated cross-validation scores every row several times. Averaging those scores would describe an ensemble
nobody ships, and its errors are smaller than a single model's; so the repeats stay rows, and weights say that R of
them are one original row.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError


@dataclass(frozen=True, eq=False)
class Units:
    """weights: in original rows, shape (rows,). place: the original row of each row, from 0, shape (rows,)."""

    weights: np.ndarray
    place: np.ndarray

    @property
    def count(self) -> int:
        """How many original rows there are."""
        return int(self.place.max()) + 1

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Values (rows,) averaged within each original row, shape (count,)."""
        total = np.bincount(self.place, weights=self.weights * values, minlength=self.count)
        return np.asarray(total / np.bincount(self.place, weights=self.weights, minlength=self.count))


def as_units(rows: int, weights: np.ndarray | None, units: np.ndarray | None) -> Units:
    """Weights and original rows, checked.

    weights: positive, shape (rows,); 1 each when None. units: the id of the original row, shape (rows,); every row its
    own when None. With units, the weights of an original row are shares of it: they are made to sum to one.

    >>> found = as_units(3, None, np.array(["a", "b", "a"]))
    >>> found.weights.tolist(), found.place.tolist(), found.count
    ([0.5, 1.0, 0.5], [0, 1, 0], 2)
    """
    given = np.ones(rows) if weights is None else np.asarray(weights, dtype=np.float64)
    if given.shape != (rows,) or not np.all(np.isfinite(given)) or not np.all(given > 0):
        raise InputError(f"weights of shape {given.shape} for {rows} rows", needed="one positive number per row")
    if units is None:
        return Units(given, np.arange(rows))
    if np.shape(units) != (rows,):
        raise InputError(f"units of shape {np.shape(units)} for {rows} rows", needed="the original row of every row")
    place = np.unique(np.asarray(units), return_inverse=True)[1]
    return Units(given / np.bincount(place, weights=given)[place], place)
