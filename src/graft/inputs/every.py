"""``*`` in place of column names: every column that fits, with those that do not told one by one.

Decisions: what has another role is never read, and neither is a column whose name begins with an underscore. Left out
are columns that say nothing (one value), that name their row (an id, a running number, free text), that are dates
(write what of them matters as numbers), that cannot be read, and that say the label in other words: each of their
values goes with one class and each class with one value. A column that goes with one class a value and is finer than
the label may be what is asked for, or a leak: it is used, and told; so is a column of numbers whose size alone tells
the label. Numbers written as people write them (``1,5``, ``12 %``) are names, and told.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from graft.core.errors import ContractError
from graft.core.tasks import CLASSES, Task
from graft.inputs.contract import stated_labels
from graft.inputs.roles import EVERY, Roles
from graft.rows.columns import instant
from graft.rows.table import Table
from graft.rows.values import how_written, numbers

_BAD_NUMBERS, _ROWS_OF_A_NAME, _DATES_LOOKED_AT = 0.05, 2.0, 200
_MOST, _ROWS_OF_ORDER = 0.9, 20
_SAME = 1 - 1e-9
_NAMES_SHOWN = 12
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})*")
_ZERO_FIRST, _DIGITS = r"^0\d", r"^\d*$"
_ID = re.compile(r"(^|[_\W])(id|uuid|guid|key|index|idx|row|nr|no|number)$|[a-z]I[dD]$", re.IGNORECASE)


@dataclass(frozen=True)
class _Column:
    """One column as it may be used. role: ``numeric``, ``categorical`` or "". why: it is left out. like: why its names
    look like numbers."""

    name: str
    role: str = ""
    why: str = ""
    like: str = ""


def with_every_column(table: Table, roles: Roles, *, task: str = "auto") -> tuple[Roles, tuple[str, ...]]:
    """The roles with ``*`` replaced by names, and what a person should know about it; the same roles without ``*``.

    Raises ContractError when no column is left.
    """
    asked = [role for role in ("numeric", "categorical") if EVERY in getattr(roles, role)]
    if not asked:
        return roles, ()
    named = {name for name, _ in roles.columns} - {EVERY}
    notes: list[str] = []
    found = [_judged(table, name, asked) for name in table.frame.columns if name not in named]
    found += [_Column(name, why="it cannot be read") for name in table.unread if name not in named]
    copies = _Copies(table, roles, task)
    found = [_Column(one.name, why=why) if one.role and (why := copies.why(one.name)) else one for one in found]
    used = [one.name for one in found if one.role]
    telling = [name for name in used if copies.finer(name) or copies.ordered(name)]
    if telling:
        notes.append(
            f"every value of {_listed(telling)} goes with one label: if that is known only after the label is, it is a "
            "leak; name the columns instead of * to leave it out"
        )
    for how in dict.fromkeys(one.like for one in found if one.like):
        notes.append(f"read as names: {_listed([one.name for one in found if one.like == how])}: {how}")
    for why in dict.fromkeys(one.why for one in found if one.why):
        notes.append(f"left out: {_listed([one.name for one in found if one.why == why])}: {why}")
    chosen = {role: tuple(one.name for one in found if one.role == role) for role in asked}
    new = replace(
        roles,
        numeric=_filled(roles.numeric, chosen.get("numeric", ())),
        categorical=_filled(roles.categorical, chosen.get("categorical", ())),
    )
    if not any(chosen.values()) and not new.inputs:
        raise ContractError(
            f"no column of {table.name} fits {' or '.join(asked)}" + (f" ({'; '.join(notes)})" if notes else ""),
            needed="a column of numbers or of names that recur, beside the label",
            fix="name columns instead of *, or check the export",
        )
    return new, tuple(notes)


def _filled(given: tuple[str, ...], found: tuple[str, ...]) -> tuple[str, ...]:
    return (*(name for name in given if name != EVERY), *found)


def _judged(table: Table, name: str, asked: list[str]) -> _Column:
    column = table.frame[name]
    if name.startswith("_"):
        return _Column(name, why="a name that begins with an underscore marks it as not for analysis")
    if isinstance(column.dtype, pl.Date | pl.Datetime | pl.Time | pl.Duration):
        return _Column(name, why=_DATE)
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean)):
        return _Column(name, why=f"it holds {column.dtype}")
    if column.dtype == pl.Boolean and "categorical" in asked:
        return _named(name, table.as_names(name))
    found, bad = numbers(column)
    stated = int(np.isfinite(found).sum())
    if column.dtype == pl.String and _codes(column):
        codes = "they begin with zeros, so they are codes; name the column as --categorical"
        return _named(name, table.as_names(name)) if "categorical" in asked else _Column(name, why=codes)
    is_number = column.dtype.is_numeric() or (stated > 0 and bad.sum() <= _BAD_NUMBERS * (stated + bad.sum()))
    if is_number:
        return _number(name, found, bad) if "numeric" in asked else _Column(name)
    if "categorical" not in asked:
        return _Column(name)
    names = table.as_names(name)
    if _dates(names):
        return _Column(name, why=_DATE)
    named, like = _named(name, names), _like_numbers(names)
    return replace(named, like=like) if named.role or not like else _Column(name, why=like)


_DATE = "it holds dates; write what of them matters as numbers (weekday, days since), or name it as --time"


def _codes(column: pl.Series) -> bool:
    """Whether what looks like numbers are codes: 01234 is no more than 1234.

    >>> _codes(pl.Series(["01234", "98765"])), _codes(pl.Series(["0.5", "0", "12"]))
    (True, False)
    """
    stated = column.drop_nulls().str.strip_chars()
    return bool(stated.str.contains(_ZERO_FIRST).any()) and bool(stated.str.contains(_DIGITS).all())


def _like_numbers(names: pl.Series) -> str:
    """Why names look like numbers that were written as people write them; "" where most do not."""
    some = names.drop_nulls().unique(maintain_order=True).head(_DATES_LOOKED_AT).to_list()
    ways = [how for cell in some if (how := how_written(cell))]
    if some and len(ways) >= _MOST * len(some):
        how = max(set(ways), key=ways.count)
        example = next(cell for cell in some if how_written(cell) == how)
        # One cell alone does not say what its comma is; that three digits follow every one does.
        if all(_THOUSANDS.fullmatch(cell.strip()) for cell in some):
            how = "with a comma between thousands"
        return f"they are numbers {how}, such as {example!r}; write 1234.5"
    bad = numbers(pl.Series(some, dtype=pl.String))[1]
    words = [cell for cell, wrong in zip(some, bad, strict=True) if wrong]
    if words and len(words) < len(some) / 2:
        return f"they are numbers and words, such as {words[0]!r}; leave such cells empty to have them read as numbers"
    return ""


def _number(name: str, found: np.ndarray, bad: np.ndarray) -> _Column:
    present = found[np.isfinite(found)]
    large = int((np.abs(present) > np.finfo(np.float32).max).sum() + bad.sum())
    if large > _BAD_NUMBERS * (len(present) + bad.sum()):
        return _Column(name, why="it holds numbers that are infinite, or of more than 38 digits")
    values = np.unique(present)
    if len(values) < 2:
        return _Column(name, why=_constant(len(values)))
    whole = len(values) == len(present) and bool((values == np.floor(values)).all())
    running = whole and (values[-1] - values[0] == len(values) - 1)
    ordered = whole and len(present) == len(found) and bool((np.diff(present) > 0).all())
    if whole and len(values) > 2 and (running or ordered or _ID.search(name)):
        return _Column(name, why="it numbers the rows")
    return _Column(name, "numeric")


def _named(name: str, names: pl.Series) -> _Column:
    present = names.drop_nulls()
    distinct = present.n_unique()
    if distinct < 2:
        return _Column(name, why=_constant(distinct))
    if distinct * _ROWS_OF_A_NAME > len(present):
        return _Column(name, why="it has another value in nearly every row: an id or free text")
    return _Column(name, "categorical")


def _constant(distinct: int) -> str:
    return "it says the same of every row" if distinct else "it is empty"


def _dates(names: pl.Series) -> bool:
    some = names.drop_nulls().unique(maintain_order=True).head(_DATES_LOOKED_AT).to_list()
    return bool(some) and all(any(mark in cell for mark in "-/:") and instant(cell) is not None for cell in some)


@dataclass(frozen=True)
class _Pairs:
    """The rows that have a value and a label: how many, and how many different values, labels and pairs of them."""

    rows: int
    own: int
    labels: int
    both: int


class _Copies:
    """Whether columns say the label in other words."""

    def __init__(self, table: Table, roles: Roles, task: str) -> None:
        self._table = table
        found, _ = stated_labels(table, roles.label, task=task)
        self._numbers = [numbers(table.frame[name])[0] for name in roles.label] if found is Task.REGRESSION else []
        single = found in CLASSES
        labels = roles.label if single or (found is Task.MULTILABEL and len(roles.label) > 1) else ()
        self._labels = [_coded(table.as_names(name)) for name in labels]
        self._single = single

    def why(self, name: str) -> str:
        """Why a column is left out as a copy of the label, or ""."""
        for label in self._numbers:
            own, _ = numbers(self._table.frame[name])
            both = np.isfinite(own) & np.isfinite(label)
            if both.sum() > 2 and _straight(own[both], label[both]):
                return "it is the label itself, or the label in another unit"
        for found in self._pairs(name):
            if found.both > 1 and found.both == found.own == found.labels:
                return (
                    "it says the label in other words: each of its values goes with one label, and each label with one"
                )
        return ""

    def finer(self, name: str) -> bool:
        """Whether every value of a column, each in several rows, goes with one class."""
        if not self._single:
            return False
        found = self._pairs(name)[0]
        return found.own > 1 and found.both == found.own and found.rows >= 5 * found.own and found.labels > 1

    def ordered(self, name: str) -> bool:
        """Whether the size of a number tells the label by itself: no classes overlap, or both rise together."""
        column = self._table.frame[name]
        own = numbers(column)[0] if column.dtype.is_numeric() else np.zeros(0)
        label = self._numbers[0] if self._numbers else self._labels[0] if self._single else np.zeros(0)
        if len(own) != len(label):
            return False
        both = np.isfinite(own) & np.isfinite(label)
        own, label = own[both], label[both]
        if len(own) < _ROWS_OF_ORDER or len(np.unique(own)) <= 2:
            return False
        places = np.lexsort((label, own))
        steps, runs = np.diff(label[places]), np.diff(own[places])
        if self._numbers:
            strict = runs > 0
            return bool(strict.mean() > _MOST and ((steps[strict] > 0).all() or (steps[strict] < 0).all()))
        # Every class is one run of the sorted numbers, and no number is in two of them.
        changes = steps != 0
        return bool(changes.sum() == len(np.unique(label)) - 1 and (runs[changes] > 0).all())

    def _pairs(self, name: str) -> list[_Pairs]:
        """What a column has in common with each label."""
        column = self._table.frame[name]
        # Numbers need no names to be told apart, which are dear to make.
        own = numbers(column)[0] if column.dtype.is_float() else _coded(self._table.as_names(name))
        found = []
        for label in self._labels:
            there = np.isfinite(own) & np.isfinite(label)
            values, place = np.unique(own[there], return_inverse=True)
            classes, which = np.unique(label[there], return_inverse=True)
            both = np.unique(place * max(1, len(classes)) + which)
            found.append(_Pairs(int(there.sum()), len(values), len(classes), len(both)))
        return found


def _coded(names: pl.Series) -> np.ndarray:
    """Names as numbers, NaN where there is none."""
    return names.cast(pl.Categorical).to_physical().cast(pl.Float64).fill_null(np.nan).to_numpy()


def _straight(own: np.ndarray, label: np.ndarray) -> bool:
    """Whether two columns of numbers lie on one line."""
    if np.ptp(own) == 0 or np.ptp(label) == 0:
        return False
    first, second = ((one - one.mean()) / np.abs(one - one.mean()).max() for one in (own, label))
    cosine = float(first @ second / np.sqrt((first @ first) * (second @ second)))
    return abs(cosine) >= _SAME


def _listed(names: Iterable[str]) -> str:
    given = list(names)
    more = f" and {len(given) - _NAMES_SHOWN} more" if len(given) > _NAMES_SHOWN else ""
    return ", ".join(map(repr, given[:_NAMES_SHOWN])) + more
