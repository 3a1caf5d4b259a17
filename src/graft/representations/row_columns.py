"""The cells of rows as arrays a model can use: numbers and codes for trees, one matrix for everything else.

Decisions: a cell is found by the name of its column, so rows whose columns stand in another order, or lack one, read
the same; categories are coded in the order of how frequent they are in the training rows, and beyond the first 254,
which is what boosted trees can tell apart, a category is read as missing. In the matrix numbers are standardised with
the training rows' mean and deviation and cut at eight deviations, because one cell of 1e30 must not be all a linear
model sees; a missing number is the mean and says so in a column of its own where any was missing in training; a
category that is unknown is all zeros.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from graft.rows.content import Cells

MOST_CATEGORIES = 254
_CUT = 8.0
_DENSE = 20_000_000  # cells of a matrix that is kept whole


class HasContents(Protocol):
    """Rows that say something."""

    @property
    def contents(self) -> Sequence[Cells]:
        """What each says."""
        ...


@dataclass(frozen=True, eq=False)
class CellTable:
    """The cells of rows, column by column.

    numbers: float64 (rows, numeric columns), NaN where missing. codes: int32 (rows, categorical columns), places in
    ``words``, -1 where missing.
    """

    numbers: np.ndarray
    codes: np.ndarray
    words: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.numbers)

    def take(self, rows: np.ndarray) -> "CellTable":
        """Some of the rows."""
        return CellTable(self.numbers[rows], self.codes[rows], self.words)


def cell_table(rows: Sequence[Cells], numeric: Sequence[str], categorical: Sequence[str]) -> CellTable:
    """The cells of these columns; a cell of another type than its column says nothing."""
    numbers = np.full((len(rows), len(numeric)), np.nan)
    codes = np.full((len(rows), len(categorical)), -1, np.int32)
    words: list[dict[str, int]] = [{} for _ in categorical]
    for places, some in _by_names(rows):
        column_of = {name: place for place, name in enumerate(some[0].names)}
        for at, name in enumerate(numeric):
            if name in column_of:
                column = column_of[name]
                cells = [row.values[column] for row in some]
                numbers[places, at] = [cell if isinstance(cell, float) else math.nan for cell in cells]
        for at, name in enumerate(categorical):
            if name in column_of:
                column, known = column_of[name], words[at]
                cells = [row.values[column] for row in some]
                codes[places, at] = [known.setdefault(c, len(known)) if isinstance(c, str) else -1 for c in cells]
    return CellTable(numbers, codes, tuple(map(tuple, words)))


@dataclass(frozen=True)
class RowColumns:
    """What training rows say of their columns.

    numeric: names. means, scales, lacking: of the numbers of each, and whether any was missing. categorical: names.
    categories: the known values of each, the most frequent first, at most 254.
    """

    numeric: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    lacking: tuple[bool, ...]
    categorical: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return len(self.numeric) + sum(self.lacking) + sum(map(len, self.categories))

    def read(self, rows: Sequence[Cells]) -> np.ndarray:
        """``parted`` of rows."""
        return self.parted(cell_table(rows, self.numeric, self.categorical))

    def parted(self, table: CellTable) -> np.ndarray:
        """Codes of categories, then numbers, float64 (rows, columns); NaN for what is missing or unknown."""
        codes = np.full(table.codes.shape, np.nan)
        for column, (own, words) in enumerate(zip(self._codes, table.words, strict=True)):
            # The last place is where -1, nothing, leads.
            meant = np.array([*(own.get(word, math.nan) for word in words), math.nan])
            codes[:, column] = meant[table.codes[:, column]]
        return np.concatenate([codes, table.numbers], axis=1)

    def standardised(self, parted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers and then whether they are missing, float32 (rows, 2 * numeric); codes, float64 (rows, categorical).

        A number is cut at eight deviations and is 0 where it is missing; a code is NaN where it is unknown.
        """
        named = len(self.categorical)
        numbers = parted[:, named:]
        missing = np.isnan(numbers)
        with np.errstate(over="ignore"):
            scaled = (numbers - np.array(self.means)) / np.array(self.scales)
        scaled = np.where(missing, 0.0, np.clip(scaled, -_CUT, _CUT))
        return np.concatenate([scaled, missing], axis=1, dtype=np.float32), parted[:, :named]

    def encode(self, rows: HasContents) -> np.ndarray:
        """The matrix of rows, whole, float32 (rows, width): what stands beside a vector."""
        if not self.width:
            return np.zeros((len(rows.contents), 0), np.float32)
        matrix = self.matrix(self.read(rows.contents))
        return matrix.toarray() if isinstance(matrix, sparse.csr_matrix) else matrix

    def without(self, names: Collection[str]) -> "RowColumns":
        """The same without some columns."""
        numeric = [place for place, name in enumerate(self.numeric) if name not in names]
        named = [place for place, name in enumerate(self.categorical) if name not in names]
        return RowColumns(
            tuple(self.numeric[place] for place in numeric),
            tuple(self.means[place] for place in numeric),
            tuple(self.scales[place] for place in numeric),
            tuple(self.lacking[place] for place in numeric),
            tuple(self.categorical[place] for place in named),
            tuple(self.categories[place] for place in named),
        )

    @cached_property
    def _codes(self) -> tuple[dict[str, float], ...]:
        return tuple({word: float(place) for place, word in enumerate(known)} for known in self.categories)

    def matrix(self, parted: np.ndarray) -> np.ndarray | sparse.csr_matrix:
        """Standardised numbers, whether they are missing, and categories as 0 and 1, float32 (rows, width).

        parted: what ``parted`` gave. Sparse where it would be very large.
        """
        count, width = len(parted), len(self.numeric)
        numbers, _ = self.standardised(parted)
        dense = [numbers[:, :width], numbers[:, width:][:, np.array(self.lacking, bool)]]
        ones = []
        for column, known in enumerate(self.categories):
            code = parted[:, column]
            rows = np.flatnonzero(~np.isnan(code))
            places = rows, code[rows].astype(np.int64)
            ones.append(sparse.csr_matrix((np.ones(len(rows), np.float32), places), shape=(count, len(known))))
        if count * self.width <= _DENSE:
            return np.concatenate([*dense, *(one.toarray() for one in ones)], axis=1)
        return sparse.csr_matrix(sparse.hstack([*map(sparse.csr_matrix, dense), *ones], format="csr", dtype=np.float32))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_codes"}


def fit_row_columns(table: CellTable, numeric: Sequence[str], categorical: Sequence[str]) -> RowColumns:
    """What training rows say of their columns, which are called so."""
    missing = np.isnan(table.numbers)
    count = np.maximum((~missing).sum(0), 1)
    means = np.where(missing, 0, table.numbers).sum(0) / count
    apart = np.where(missing, 0, table.numbers - means)
    # By a power of two that makes the largest about 1: squares of very small numbers would be nothing.
    _, sizes = np.frexp(np.abs(apart).max(0, initial=0.0))
    deviations = np.ldexp(np.sqrt((np.ldexp(apart, -sizes) ** 2).sum(0) / count), sizes)
    scales = np.where(deviations > np.abs(means) * 1e-12, deviations, 1.0)
    categories = []
    for column, words in enumerate(table.words):
        often = np.bincount(table.codes[:, column] + 1, minlength=len(words) + 1)[1:]
        # By name among equals: the order in which rows came must decide nothing.
        order = sorted(np.flatnonzero(often).tolist(), key=lambda place: (-often[place], words[place]))
        categories.append(tuple(words[place] for place in order[:MOST_CATEGORIES]))
    return RowColumns(
        tuple(numeric),
        tuple(map(float, means)),
        tuple(map(float, scales)),
        tuple(map(bool, missing.any(0))),
        tuple(categorical),
        tuple(categories),
    )


def row_columns_of(facts: dict[str, Any]) -> RowColumns:
    """The statistics from their JSON. Raises ValueError for what is none: it may come from anywhere."""
    numeric, categorical = tuple(facts["numeric"]), tuple(facts["categorical"])
    means, scales, lacking = tuple(facts["means"]), tuple(facts["scales"]), tuple(facts["lacking"])
    categories = tuple(tuple(known) for known in facts["categories"])
    words = all(isinstance(word, str) for known in ((*numeric, *categorical), *categories) for word in known)
    numbers = all(isinstance(one, int | float) and math.isfinite(one) for one in (*means, *scales))
    lengths = len(numeric) == len(means) == len(scales) == len(lacking) and len(categorical) == len(categories)
    once = len({*numeric, *categorical}) == len(numeric) + len(categorical)
    known_once = all(len(set(known)) == len(known) <= MOST_CATEGORIES for known in categories)
    if not (words and numbers and lengths and once and known_once and all(scales)):
        raise ValueError("statistics of columns that do not fit together")
    return RowColumns(numeric, means, scales, tuple(map(bool, lacking)), categorical, categories)


def _by_names(rows: Sequence[Cells]) -> list[tuple[np.ndarray, list[Cells]]]:
    """The rows that have the same columns in the same order, together: their places and themselves."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(row.names, []).append(place)
    return [(np.array(places, np.int64), [rows[place] for place in places]) for places in groups.values()]
