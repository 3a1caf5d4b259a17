"""Label columns to targets, the same way for the contract and for every later table.

Decisions: a class is what is written, so ``1.1`` and ``1.10`` in a file are two, and it finds the whole number it means
where only one class does; a number to predict is what is meant.
Classes are sorted names, so a class has the same index whatever the order of rows; a row that lacks the flag
of one of several label columns has no label, since absent and unknown are different things.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from graft.core.errors import ContractError
from graft.core.tasks import Task
from graft.inputs.roles import Roles
from graft.rows.table import Table
from graft.rows.values import flags, numbers, words

_WHOLE_FLOAT = re.compile(r"^-?\d{1,15}(\.0*)?$")
_WHOLE_ENDINGS = ("", ".", ".0", ".00", ".000")
_SEPARATORS = ("|", ";", ",")


@dataclass(frozen=True, eq=False)
class Labels:
    """Targets of all rows of a table, usable where neither missing nor bad.

    values: int64 (rows,) class index, float64 (rows,), or uint8 (rows, classes). missing, bad: bool (rows,); bad cells
    hold something that is no known class or no finite number. classes: sorted names, () for regression.
    given: what each bad row holds. columns_missing: for several label columns, the rows each one lacks.
    """

    values: np.ndarray
    missing: np.ndarray
    bad: np.ndarray
    classes: tuple[str, ...]
    given: Mapping[int, str]
    columns_missing: Mapping[str, np.ndarray] = field(default_factory=dict)

    def shown(self, row: int) -> str:
        """What a bad row holds."""
        return self.given.get(row, "")


def read_labels(table: Table, roles: Roles, task: Task, *, separator: str, classes: tuple[str, ...] | None) -> Labels:
    """Targets of every row.

    classes: the known class names; None to take them from the table. separator: between labels in one column of text.
    Raises ContractError when a label column has a type that cannot hold labels of this task.
    """
    if task is Task.MULTILABEL:
        if len(roles.label) > 1:
            return _flag_columns(table, roles.label, classes)
        return _sets(table.as_names(roles.label[0]), separator, classes)
    if task is Task.REGRESSION:
        return _quantities(table.frame[roles.label[0]])
    return _classes(table.as_names(roles.label[0]), classes)


def _quantities(column: pl.Series) -> Labels:
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean)):
        raise ContractError(
            f"label column {column.name!r} holds {column.dtype}",
            needed="numbers to predict for task='regression'",
            fix="name a column of numbers, or choose another task",
        )
    values, bad = numbers(column)
    given = {int(row): str(column[int(row)]) for row in np.flatnonzero(bad)}
    return Labels(values, np.isnan(values) & ~bad, bad, (), given)


def _classes(column: pl.Series, classes: tuple[str, ...] | None) -> Labels:
    if isinstance(column.dtype, pl.List | pl.Array):
        raise ContractError(
            f"label column {column.name!r} holds lists", needed="one class per row", fix="use task='multilabel'"
        )
    named = words(column)
    known = tuple(sorted(named.drop_nulls().unique().to_list())) if classes is None else classes
    index = {name: position for position, name in enumerate(known)}
    cells = named.to_list()
    places = {word: lookup(word, index) for word in set(cells) - {None}}
    given = {row: word for row, word in enumerate(cells) if word is not None and places[word] is None}
    values = np.array([-1 if word is None else _or(places[word], -1) for word in cells], dtype=np.int64)
    bad = np.zeros(len(cells), dtype=bool)
    bad[list(given)] = True
    return Labels(values, named.is_null().to_numpy(), bad, known, given)


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _sets(column: pl.Series, separator: str, classes: tuple[str, ...] | None) -> Labels:
    cells = label_sets(column, separator)
    known = tuple(sorted({name for cell in cells for name in cell or ()})) if classes is None else classes
    index = {name: position for position, name in enumerate(known)}
    values = np.zeros((len(cells), len(known)), dtype=np.uint8)
    given: dict[int, str] = {}
    for row, cell in enumerate(cells):
        for name in cell or ():
            place = lookup(name, index)
            if place is None:
                given[row] = name
            else:
                values[row, place] = 1
    missing = np.array([cell is None for cell in cells], dtype=bool)
    bad = np.zeros(len(cells), dtype=bool)
    bad[list(given)] = True
    return Labels(values, missing, bad, known, given)


def _flag_columns(table: Table, names: tuple[str, ...], classes: tuple[str, ...] | None) -> Labels:
    known = tuple(sorted(names)) if classes is None else classes
    values = np.zeros((len(table), len(known)), dtype=np.uint8)
    bad = np.zeros(len(table), dtype=bool)
    given: dict[int, str] = {}
    lacking: dict[str, np.ndarray] = {}
    for place, name in enumerate(known):
        values[:, place], lacking[name], wrong = flags(table.frame[name])
        bad |= wrong
        given |= {int(row): f"{name}={table.frame[name][int(row)]}" for row in np.flatnonzero(wrong)}
    missing = np.logical_or.reduce(list(lacking.values())) & ~bad
    return Labels(values, missing, bad, known, given, lacking)


def lookup(word: str, index: Mapping[str, int]) -> int | None:
    """Position of a class name, forgiving how a boolean or a whole number was written where that leaves one class.

    >>> lookup("1.0", {"0": 0, "1": 1}), lookup("1", {"0.0": 0, "1.0": 1}), lookup("True", {"false": 0, "true": 1})
    (1, 1, 1)
    >>> lookup("1.10", {"1.1": 0}), lookup("2.00", {"2": 0, "2.0": 1})
    (None, None)
    """
    if word in index:
        return index[word]
    if word.lower() in ("true", "false"):
        return index.get(word.lower())
    if not _WHOLE_FLOAT.match(word):
        return None
    found = [index[name] for name in (word.partition(".")[0] + ending for ending in _WHOLE_ENDINGS) if name in index]
    return found[0] if len(found) == 1 else None


def separator_of(column: pl.Series) -> str:
    """The character that separates labels in a column of text: ``|``, ``;`` or ``,``, the first that occurs."""
    if column.dtype != pl.String:
        return ""
    plain = [cell for cell in column.drop_nulls().to_list() if not cell.lstrip().startswith("[")]
    return next((mark for mark in _SEPARATORS if any(mark in cell for cell in plain)), _SEPARATORS[0])


def label_sets(column: pl.Series, separator: str) -> list[tuple[str, ...] | None]:
    """The labels of every row, sorted and without repeats; None where nothing was given, () where none apply.

    column: a List column, or text that is a JSON list or has labels between separators.

    >>> label_sets(pl.Series(["b|a", '["c"]', "[]", None]), "|")
    [('a', 'b'), ('c',), (), None]
    """
    if isinstance(column.dtype, pl.List | pl.Array):
        return [
            None if cell is None else _label_set([str(item) for item in cell if item is not None]) for cell in column
        ]
    return [None if cell is None else _label_set(_split(cell, separator or "|")) for cell in words(column).to_list()]


def _split(cell: str, separator: str) -> list[str]:
    if cell.startswith("["):
        try:
            items = json.loads(cell)
        except ValueError:
            items = None
        if isinstance(items, list):
            return [str(item) for item in items if item is not None]
    return cell.split(separator)


def _label_set(names: list[str]) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in names} - {""}))
