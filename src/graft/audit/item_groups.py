"""Items (or rows, or users) by the values of one attribute.

Decisions: an item of several values, written ``a|b`` or as a list, counts in equal parts for each of them, so that
shares of all groups add up to one. What has no value is a group of its own that is told and never judged. Numbers of
many values are cut into five parts of as many items, because a group for each would be judged for none.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from scipy import sparse

from graft.core.errors import InputError
from graft.core.escapes import visible
from graft.rows import values
from graft.rows.lists import in_brackets

UNKNOWN = "(unknown)"
SEPARATOR = "|"
_MOST_NUMBERS, _PARTS, _LONGEST = 12, 5, 80


@dataclass(frozen=True, eq=False)
class ItemGroups:
    """Groups of items. names: in order, the unknown one last where there is one. parts: how much of each item is of
    each group, shape (items, groups), rows that add up to 1. several: items of several values. note: what was done to
    the values, "" for nothing."""

    attribute: str
    names: tuple[str, ...]
    parts: sparse.csr_array
    several: int = 0
    note: str = ""

    @cached_property
    def unknown(self) -> int:
        """How many items have no value."""
        return round(float(self.parts[:, [len(self.names) - 1]].sum())) if UNKNOWN in self.names[-1:] else 0

    @cached_property
    def members(self) -> np.ndarray:
        """Items with any part in each group, (groups,)."""
        return np.bincount(self.parts.indices, minlength=len(self.names))

    def take(self, items: Sequence[int]) -> "ItemGroups":
        """Of these items, in this order."""
        return replace(self, parts=sparse.csr_array(self.parts[list(items)]))

    def parts_of(self, cells: pl.Series) -> sparse.csr_array:
        """Parts of other things by the same names, shape (cells, groups); nothing for values that are no group here."""
        place = {name: at for at, name in enumerate(self.names) if name != UNKNOWN}
        listed = [[place[one] for one in map(_shown, _values(cell)) if one in place] for cell in _cells(cells)]
        counts = np.array([len(cell) for cell in listed], np.int64)
        data = np.repeat(1 / np.maximum(counts, 1), counts)
        columns = np.array([one for cell in listed for one in cell], np.int64)
        return sparse.csr_array((data, columns, np.append(0, np.cumsum(counts))), shape=(len(listed), len(self.names)))

    @cached_property
    def only(self) -> np.ndarray:
        """The group of each item, (items,): that of its first value; -1 where it is unknown."""
        first = np.array([self.parts.indices[start] for start in self.parts.indptr[:-1].tolist()], np.int64)
        return np.where(first == len(self.names) - 1, -1, first) if UNKNOWN in self.names[-1:] else first


def item_groups(cells: pl.Series | Sequence[str | None], *, attribute: str, what: str) -> ItemGroups:
    """The groups that a column makes of items, one cell each.

    what: what the items are, for messages. Raises InputError where all are of one group, or of none.

    >>> found = item_groups(["a|b", "b", None], attribute="genre", what="items")
    >>> found.names, found.parts.toarray().tolist()
    (('a', 'b', '(unknown)'), [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    """
    column = cells if isinstance(cells, pl.Series) else pl.Series(attribute, list(cells), dtype=pl.String)
    listed, note = _numbers(column)
    if listed is None:
        listed = [_values(cell) for cell in _cells(column)]
    names = sorted({one for cell in listed for one in cell})
    if note:
        names = list(dict.fromkeys(one for cell in sorted(listed, key=_first_number) for one in cell))
    if len(names) < 2:
        only = f"all have {names[0]!r}" if names else "none has a value"
        raise InputError(
            f"{attribute!r} does not tell the {what} apart: {only}",
            needed="two groups or more",
            fix="name another attribute",
        )
    return _made(attribute, listed, names, note)


def nearest(name: str, there: Sequence[str]) -> str:
    """A question after the name that was probably meant, or nothing."""
    plain = {one.casefold(): one for one in there}
    found = difflib.get_close_matches(name.casefold()[:100], list(plain)[:5_000], n=1, cutoff=0.6)
    return f"did you mean {plain[found[0]]!r}? " if found else ""


def _made(attribute: str, listed: list[tuple[str, ...]], names: list[str], note: str) -> ItemGroups:
    place = {name: at for at, name in enumerate(names)}
    none = len(names)
    columns = [place[one] for cell in listed for one in cell] if all(listed) else [
        at for cell in listed for at in ([place[one] for one in cell] or [none])
    ]  # fmt: skip
    counts = np.array([max(1, len(cell)) for cell in listed], np.int64)
    data = np.repeat(1 / np.maximum(counts, 1), counts)
    missing = any(not cell for cell in listed)
    shown = [_shown(name) for name in names] + ([UNKNOWN] if missing else [])
    parts = sparse.csr_array(
        (data, np.array(columns, np.int64), np.append(0, np.cumsum(counts))), shape=(len(listed), len(shown))
    )
    return ItemGroups(attribute, tuple(shown), parts, int((counts > 1).sum()), note)


def _cells(column: pl.Series) -> list[object]:
    if isinstance(column.dtype, pl.List | pl.Array):
        return column.to_list()
    if isinstance(column.dtype, pl.Date | pl.Datetime):
        return column.cast(pl.String).to_list()
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum, pl.Null)):
        raise InputError(f"column {column.name!r} holds {column.dtype}", needed="text, numbers or lists of text")
    return values.written_names(column).to_list()


def _values(cell: object) -> tuple[str, ...]:
    if cell is None:
        return ()
    if isinstance(cell, str):
        inside = in_brackets(cell)
        found = [one or "" for one in inside] if inside is not None else cell.split(SEPARATOR)
    else:
        found = [str(one) for one in cell if one is not None] if isinstance(cell, list | tuple) else [str(cell)]
    return tuple(dict.fromkeys(one.strip() for one in found if one.strip() not in ("", UNKNOWN)))


def _numbers(column: pl.Series) -> tuple[list[tuple[str, ...]] | None, str]:
    """Values cut into parts, where a column holds nothing but numbers, and many."""
    if not (column.dtype.is_numeric() or column.dtype == pl.String):
        return None, ""
    found, bad = values.numbers(column)
    there = np.isfinite(found)
    if bad.any() or len(np.unique(found[there])) <= _MOST_NUMBERS:
        return None, ""
    ends = np.unique(np.quantile(found[there], np.linspace(0, 1, _PARTS + 1)[1:-1]))
    part = np.searchsorted(ends, found, side="left")
    names = []
    for one in range(len(ends) + 1):
        mine = found[there & (part == one)]
        names.append(f"{mine.min():g} to {mine.max():g}" if len(mine) else "")
    cells: list[tuple[str, ...]] = [
        (names[at],) if known else () for at, known in zip(part.tolist(), there.tolist(), strict=True)
    ]
    return cells, f"{column.name!r} holds numbers: they are cut into {len(set(names) - {''})} parts of as many"


def _first_number(cell: tuple[str, ...]) -> float:
    return float(cell[0].split(" ")[0]) if cell else float("inf")


def _shown(name: str) -> str:
    plain = " ".join(visible(name).split())
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
