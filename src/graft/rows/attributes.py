"""Columns that say which group a row is of: a trait of people, a provider, a region.

Decisions: a cell that says that nothing is known (empty, ``?``, ``unknown``, ``prefer not to say``) puts its row into
no group, which is not a group of its own; numbers of more than ten values are four groups of about as many rows
each, named by what they hold; several columns taken together make the groups where all of them are known.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.rows.columns import is_missing_number, number_name
from graft.rows.table import Table
from graft.rows.values import numbers, written_names

UNKNOWN = frozenset(
    ("", "?", "-", "n/a", "nan", "null", "unknown", "not known", "not stated", "undisclosed", "prefer not to say")
)
BETWEEN = " \u00d7 "
FEW_NUMBERS = 10


@dataclass(frozen=True, eq=False)
class Attribute:
    """The group of each row. groups: from 0, -1 where it is not known, shape (rows,). names: of the groups. name: of
    the column. quarters: whether they are quarters of numbers. traits: of each group what it is in each column that it
    was made from."""

    groups: np.ndarray
    names: tuple[str, ...]
    name: str = ""
    quarters: bool = False
    traits: tuple[tuple[str, ...], ...] = ()

    @property
    def unknown(self) -> int:
        """How many rows have no group."""
        return int((self.groups < 0).sum())

    def take(self, rows: np.ndarray) -> "Attribute":
        """The same for some rows."""
        return replace(self, groups=self.groups[rows])


def attribute_of(column: pl.Series, *, written: pl.Series | None = None) -> Attribute:
    """A column of words, numbers or truth values as groups. written: its cells as words, where these are known.

    Raises ContractError for lists and the like.

    >>> attribute_of(pl.Series(["b", "a", None, "?", "b"])).names
    ('a', 'b')
    >>> attribute_of(pl.Series(range(1, 13))).names
    ('1 to 3', '4 to 6', '7 to 9', '10 to 12')
    """
    words = written_names(column) if written is None else written
    counted = numbers_of_attribute(column, words)
    if counted is not None:
        found = in_quarters(counted)
        usual = np.unique(found[found >= 0])
        ends = [(float(counted[found == one].min()), float(counted[found == one].max())) for one in usual]
        names = tuple(f"{number_name(low)} to {number_name(high)}" for low, high in ends)
        # Where many numbers are the same, a quarter may be empty.
        groups = np.where(found < 0, -1, np.searchsorted(usual, found))
        return Attribute(groups, names, column.name, quarters=True, traits=tuple((one,) for one in names))
    known = [one if one is not None and one.casefold() not in UNKNOWN else None for one in words.to_list()]
    names = tuple(sorted({one for one in known if one is not None}))
    places: dict[str | None, int] = {one: place for place, one in enumerate(names)}
    groups = np.array([places.get(one, -1) for one in known], np.int64)
    return Attribute(groups, names, column.name, traits=tuple((one,) for one in names))


def read_attribute(table: Table, name: str) -> Attribute:
    """A column of a table as groups. Raises ContractError for lists, pictures and sounds.

    >>> from graft.rows.table import read_frame
    >>> found = read_attribute(read_frame({"sex": ["Female", " male", "?", "Female"]}), "sex")
    >>> found.names, found.groups.tolist()
    (('Female', 'male'), [0, 1, -1, 0])
    """
    return attribute_of(table.frame[name], written=table.as_names(name))


def numbers_of_attribute(column: pl.Series, words: pl.Series | None = None) -> np.ndarray | None:
    """The numbers of a column with more than ten distinct ones, nan where one is missing; None for other columns."""
    found = numbers(column)[0]
    named = written_names(column) if words is None else words
    there = ~named.is_null().to_numpy()
    if column.dtype == pl.String:  # NA and the like are missing numbers
        there &= ~(np.isnan(found) & is_missing_number(named).to_numpy())
    if there.any() and np.isfinite(found[there]).all() and len(np.unique(found[there])) > FEW_NUMBERS:
        return found
    return None


def in_quarters(numbers: np.ndarray) -> np.ndarray:
    """Numbers as classes for a probe: the quarter of the rows each lies in, 0 to 3; -1 where it is not finite.

    Few distinct numbers are classes themselves.

    >>> in_quarters(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, np.nan])).tolist()
    [0, 0, 0, 1, 1, 2, 2, 3, 3, -1]
    """
    given = np.asarray(numbers, np.float64)
    there = np.isfinite(given)
    found = np.full(len(given), -1, np.int64)
    distinct = np.unique(given[there])
    if len(distinct) <= 4:
        found[there] = np.searchsorted(distinct, given[there])
    else:
        found[there] = np.searchsorted(np.quantile(given[there], [0.25, 0.5, 0.75]), given[there], side="left")
    return found


def together(columns: Sequence[Attribute]) -> Attribute:
    """Where several columns meet: a group for each combination that occurs.

    >>> sex = attribute_of(pl.Series(["f", "m", "f"]))
    >>> age = attribute_of(pl.Series(["old", "old", None]))
    >>> together([sex, age]).traits, together([sex, age]).groups.tolist()
    ((('f', 'old'), ('m', 'old')), [0, 1, -1])
    """
    if not columns:
        raise InputError("no columns to take together", needed="one or more")
    stacked = np.stack([one.groups for one in columns])
    known = (stacked >= 0).all(axis=0)
    groups = np.full(stacked.shape[1], -1, np.int64)
    traits: tuple[tuple[str, ...], ...] = ()
    if known.any():
        cells, place = np.unique(stacked[:, known], axis=1, return_inverse=True)
        groups[known] = place.ravel()
        traits = tuple(
            tuple(part for one, code in zip(columns, cell, strict=True) for part in one.traits[code])
            for cell in cells.T.tolist()
        )
    name = BETWEEN.join(one.name for one in columns)
    return Attribute(groups, tuple(BETWEEN.join(one) for one in traits), name, traits=traits)
