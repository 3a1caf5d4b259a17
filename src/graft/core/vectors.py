"""Vectors of length one.

Decisions: one function scales the vectors of tables and entities, so that what one finds near the other does. It
measures in float32, which is what vectors are kept in, and in float64 where a square would leave float32's range.
"""

import numpy as np

from graft.core.errors import InputError

_ROWS = 1 << 15
_SHORT, _LONG = 1e-15, 1e15


def unit_rows(vectors: np.ndarray, *, tolerance: float = 1e-4) -> np.ndarray:
    """Rows of length one: ``vectors`` itself when they are already, and a copy otherwise; rows of zeros stay zeros.

    vectors: shape (rows, dimension). Raises InputError for rows that are not finite.
    """
    vectors = np.asarray(vectors, np.float32)
    lengths = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _ROWS):
        block = vectors[start : start + _ROWS]
        lengths[start : start + _ROWS] = np.sqrt(np.einsum("rd,rd->r", block, block))
    # The square of a number beyond these leaves what float32 holds, at either end: such rows are measured in float64.
    odd = np.flatnonzero(~((lengths > _SHORT) & (lengths < _LONG)))
    exact = np.linalg.norm(vectors[odd].astype(np.float64), axis=1)
    if not np.isfinite(exact).all():
        wrong = odd[~np.isfinite(exact)]
        raise InputError(
            f"{len(wrong)} vectors hold NaN or infinity; the first is row {wrong[0]}",
            needed="finite numbers",
            fix="embed those rows again, or delete them",
        )
    if (np.abs(lengths - 1) <= tolerance).all():
        return vectors
    lengths[odd] = 1
    copy: np.ndarray = vectors / lengths[:, None]
    copy[odd] = vectors[odd] / np.where(exact > 0, exact, 1)[:, None]
    return copy
