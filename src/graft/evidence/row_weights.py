"""Bootstrap draws as counts per row.

Decisions: a draw is how often each row is in it, so a metric is computed for a whole matrix of draws at once; the
matrix is made in blocks, because 2,000 draws of 100,000 rows would not fit.
"""

import numpy as np

from graft.core.errors import InputError

CELLS = 4_000_000  # weights held at a time: 32 MB


def row_weights(rows: int, draws: int, *, rng: np.random.Generator, groups: np.ndarray | None = None) -> np.ndarray:
    """How often each row is in each bootstrap draw, shape (draws, rows).

    groups: the group of each row, shape (rows,), when whole groups are to be drawn together.
    """
    if groups is None:
        units, place = rows, np.arange(rows)
    else:
        if len(groups) != rows:
            raise InputError(f"{len(groups)} groups for {rows} rows", needed="the group of every row")
        names, place = np.unique(groups, return_inverse=True)
        units = len(names)
    drawn = rng.integers(units, size=(draws, units)) + units * np.arange(draws)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=draws * units).reshape(draws, units)
    return np.asarray(counts.T[place], dtype=np.float64).T  # a row's weights lie together: what sparse sums need


def chunks(rows: int, draws: int) -> list[int]:
    """Sizes of the blocks of draws that keep the weights within memory."""
    if draws < 1:
        raise InputError(f"{draws} bootstrap draws", needed="at least one", fix="use 2000")
    size = max(1, min(draws, CELLS // rows))
    return [min(size, draws - start) for start in range(0, draws, size)]
