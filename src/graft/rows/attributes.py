"""Columns that say which group a row is of: a trait of people, a provider, a region.

Decisions: a cell that says that nothing is known (empty, ``?``, ``unknown``, ``prefer not to say``) puts its row into
no group, which is not a group of its own; numbers of more than a dozen values are four groups of about as many rows
each, named by what they hold; several columns taken together make the groups where all of them are known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.rows.columns import number_name
from graft.rows.table import Table
from graft.rows.values import numbers

UNKNOWN = frozenset(
    ("", "?", "-", "n/a", "nan", "null", "unknown", "not known", "not stated", "undisclosed", "prefer not to say")
)
BETWEEN = " \u00d7 "
_VALUES_AT_MOST = 12


@dataclass(frozen=True, eq=False)
class AttributeColumn:
    """The group of each row. name: of the column. groups: from 0, -1 where it is not known, shape (rows,). names: of
    the groups. traits: of each group what it is in each column it was made from."""

    name: str
    groups: np.ndarray
    names: tuple[str, ...]
    traits: tuple[tuple[str, ...], ...]

    @property
    def unknown(self) -> int:
        """How many rows have no group."""
        return int((self.groups < 0).sum())

    def take(self, rows: np.ndarray) -> "AttributeColumn":
        """The same for some rows."""
        return AttributeColumn(self.name, self.groups[rows], self.names, self.traits)


def read_attribute(table: Table, name: str) -> AttributeColumn:
    """A column as groups. Raises ContractError for lists, InputError for pictures and sounds.

    >>> from graft.rows.table import read_frame
    >>> found = read_attribute(read_frame({"sex": ["Female", " male", "?", "Female"]}), "sex")
    >>> found.names, found.groups.tolist()
    (('Female', 'male'), [0, 1, -1, 0])
    """
    column = table.frame[name]
    if column.dtype.is_numeric():
        found, _ = numbers(column)
        distinct = np.unique(found[np.isfinite(found)])
        if len(distinct) > _VALUES_AT_MOST:
            return _quarters(name, found)
    written = table.as_names(name).to_list()
    known = [one if one is not None and one.casefold() not in UNKNOWN else None for one in written]
    names = tuple(sorted({one for one in known if one is not None}))
    places: dict[str | None, int] = {one: place for place, one in enumerate(names)}
    groups = np.array([places.get(one, -1) for one in known], np.int64)
    return AttributeColumn(name, groups, names, tuple((one,) for one in names))


def _quarters(name: str, found: np.ndarray) -> AttributeColumn:
    there = np.isfinite(found)
    cuts = np.unique(np.quantile(found[there], [0.25, 0.5, 0.75], method="lower"))
    place = np.searchsorted(cuts, found[there], side="left")
    groups = np.full(len(found), -1, np.int64)
    used, groups[there] = np.unique(place, return_inverse=True)
    names = []
    for one in range(len(used)):
        mine = found[groups == one]
        names.append(f"{number_name(float(mine.min()))} to {number_name(float(mine.max()))}")
    return AttributeColumn(name, groups, tuple(names), tuple((one,) for one in names))


def together(columns: Sequence[AttributeColumn]) -> AttributeColumn:
    """Where several columns meet: a group for each combination that occurs.

    >>> sex = AttributeColumn("sex", np.array([0, 1, 0]), ("f", "m"), (("f",), ("m",)))
    >>> age = AttributeColumn("age", np.array([0, 0, -1]), ("old",), (("old",),))
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
    return AttributeColumn(name, groups, tuple(BETWEEN.join(one) for one in traits), traits)
