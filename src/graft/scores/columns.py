"""Numeric and categorical columns beside the text, as numbers a head can use.

Decisions: numbers are standardised with the training rows' mean and deviation, a missing one becomes the mean and
says so in a column of its own; a category unseen in training is all zeros, which is the same as "no information".
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from graft.inputs.dataset import Dataset


@dataclass(frozen=True)
class ColumnEncoder:
    """Statistics of the training rows.

    means, scales: per numeric column. categories: the known values of each categorical column.
    """

    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    categories: tuple[tuple[str, ...], ...] = ()

    @property
    def width(self) -> int:
        """Columns of the encoded matrix."""
        return 2 * len(self.means) + sum(map(len, self.categories))

    def encode(self, rows: Dataset) -> np.ndarray:
        """Encoded columns, float32, shape (rows, width)."""
        blocks = [np.zeros((len(rows), 0), np.float32)]
        if self.means:
            missing = np.isnan(rows.numeric)
            scaled = (rows.numeric - np.array(self.means, np.float32)) / np.array(self.scales, np.float32)
            blocks += [np.where(missing, 0, scaled), missing]
        for column, known in enumerate(self.categories):
            values = rows.categorical[:, column].astype(str)
            blocks.append(values[:, None] == np.array(known)[None, :])
        return np.concatenate(blocks, axis=1, dtype=np.float32)


def fit_columns(rows: Dataset) -> ColumnEncoder:
    """Statistics of the extra columns of training rows."""
    if rows.numeric.shape[1]:
        known = ~np.isnan(rows.numeric)
        count = np.maximum(known.sum(0), 1)
        values = np.where(known, rows.numeric, 0).astype(np.float64)
        means = values.sum(0) / count
        variance = (np.where(known, rows.numeric - means, 0) ** 2).sum(0) / count
        scales = np.where(variance > 0, np.sqrt(variance), 1.0)
    else:
        means = scales = np.zeros(0)
    categories = tuple(
        tuple(sorted(set(rows.categorical[:, column].astype(str)))) for column in range(rows.categorical.shape[1])
    )
    return ColumnEncoder(tuple(map(float, means)), tuple(map(float, scales)), categories)


def columns_of(facts: dict[str, Any]) -> ColumnEncoder:
    """The statistics of columns from their facts. Raises ValueError for what is none."""
    means, scales = tuple(facts["means"]), tuple(facts["scales"])
    categories = tuple(tuple(known) for known in facts["categories"])
    numbers = all(isinstance(number, int | float) and math.isfinite(number) for number in (*means, *scales))
    words = all(isinstance(word, str) for known in categories for word in known)
    if not numbers or not words or len(means) != len(scales) or not all(scales):
        raise ValueError("statistics of columns that do not fit together")
    return ColumnEncoder(means, scales, categories)
