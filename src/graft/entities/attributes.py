"""A column as an attribute: the classes it puts rows in, with their names.

Decision: numbers of many values are told apart by quarters, whose names say from where to where; few distinct numbers
are classes, and so are words. A value of few rows is no class: no probe can learn it.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from graft.evidence.leakage import in_quarters
from graft.rows import values
from graft.rows.columns import is_missing_number

FEW_NUMBERS = 10


@dataclass(frozen=True, eq=False)
class Attribute:
    """The classes of rows. classes: whole numbers from 0, -1 where there is none, shape (rows,). names: of the classes.
    quarters: whether they are quarters of numbers."""

    classes: np.ndarray
    names: tuple[str, ...]
    quarters: bool = False


def attribute_of(column: pl.Series) -> Attribute:
    """A column of words, numbers or truth values as an attribute. Raises ContractError for lists and the like.

    >>> attribute_of(pl.Series(["b", "a", None, "b"])).names
    ('a', 'b')
    >>> attribute_of(pl.Series(range(1, 13))).names
    ('1 to 3', '4 to 6', '7 to 9', '10 to 12')
    """
    words = values.written_names(column)
    numbers = numbers_of_attribute(column, words)
    if numbers is not None:
        found = in_quarters(numbers)
        ends = [(numbers[found == one].min(), numbers[found == one].max()) for one in np.unique(found[found >= 0])]
        names = tuple(f"{low:g} to {high:g}" for low, high in ends)
        return Attribute(_coded(found), names, quarters=True)
    names = tuple(sorted(words.drop_nulls().unique().to_list()))
    at = {name: place for place, name in enumerate(names)}
    return Attribute(np.array([-1 if one is None else at[one] for one in words.to_list()], np.int64), names)


def numbers_of_attribute(column: pl.Series, words: pl.Series | None = None) -> np.ndarray | None:
    """The numbers of a column with more than ten distinct ones, nan where one is missing; None for other columns."""
    numbers = values.numbers(column)[0]
    named = values.written_names(column) if words is None else words
    there = ~named.is_null().to_numpy()
    if column.dtype == pl.String:  # NA and the like are missing numbers
        there &= ~(np.isnan(numbers) & is_missing_number(named).to_numpy())
    if there.any() and np.isfinite(numbers[there]).all() and len(np.unique(numbers[there])) > FEW_NUMBERS:
        return numbers
    return None


def _coded(found: np.ndarray) -> np.ndarray:
    """Classes from 0 without gaps: where many numbers are the same, a quarter may be empty."""
    usual = np.unique(found[found >= 0])
    return np.where(found < 0, -1, np.searchsorted(usual, found))
