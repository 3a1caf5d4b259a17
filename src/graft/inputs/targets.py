"""Label columns to targets, the same way for the contract and for every later table.

Decisions: a class is what is written, so ``1.1`` and ``1.10`` in a file are two, and it finds the whole number it means
where only one class does; a number to predict is what is meant.
Classes are sorted names, so a class has the same index whatever the order of rows; a row that lacks the flag
of one of several label columns has no label, since absent and unknown are different things.
"""

import ast
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from graft.core.errors import ContractError
from graft.core.tasks import Task
from graft.inputs.roles import Roles
from graft.rows.columns import number_name
from graft.rows.names import Names
from graft.rows.table import Table
from graft.rows.values import flags, numbers, words

_INDICATORS = {"0": "", "0.0": "", "1": "1", "1.0": "1", "false": "", "False": "", "true": "1", "True": "1"}
_FEWEST_INDICATORS = 2
_ARRAY = re.compile(r"^\[[^\[\],]*\]$")
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
        return _sets(table.as_written(roles.label[0]), separator, classes)
    if task is Task.REGRESSION:
        return _quantities(table.frame[roles.label[0]])
    name = roles.label[0]
    if isinstance(table.frame[name].dtype, pl.List | pl.Array):
        raise ContractError(
            f"label column {name!r} holds lists", needed="one class per row", fix="use task='multilabel'"
        )
    return _classes(table.as_names(name), classes, measured=table.measured(name))


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


def _classes(column: pl.Series, classes: tuple[str, ...] | None, *, measured: bool) -> Labels:
    known = tuple(sorted(column.drop_nulls().unique().to_list())) if classes is None else classes
    names = Names(known)
    cells = column.to_list()
    places = {word: names.find(word, measured=measured) for word in set(cells) - {None}}
    given = {row: word for row, word in enumerate(cells) if word is not None and places[word] is None}
    values = np.array([-1 if word is None else _or(places[word], -1) for word in cells], dtype=np.int64)
    bad = np.zeros(len(cells), dtype=bool)
    bad[list(given)] = True
    return Labels(values, column.is_null().to_numpy(), bad, known, given)


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _sets(column: pl.Series, separator: str, classes: tuple[str, ...] | None) -> Labels:
    cells = label_sets(column, separator)
    known = tuple(sorted({name for cell in cells for name in cell or ()})) if classes is None else classes
    names = Names(known)
    values = np.zeros((len(cells), len(known)), dtype=np.uint8)
    given: dict[int, str] = {}
    for row, cell in enumerate(cells):
        for name in cell or ():
            place = names.find(name)
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


def separator_of(column: pl.Series) -> str:
    """The character that separates labels in a column of text: ``|``, ``;`` or ``,``, the first that occurs."""
    if column.dtype != pl.String:
        return ""
    plain = [cell for cell in column.drop_nulls().to_list() if _listed(cell) is None]
    return next((mark for mark in _SEPARATORS if any(mark in cell for cell in plain)), _SEPARATORS[0])


def holds_lists(column: pl.Series) -> bool:
    """Whether every cell of a column of text is a list written as JSON or Python writes it, and one has two items."""
    if column.dtype != pl.String:
        return False
    cells = column.drop_nulls()
    if not len(cells) or not cells.str.contains(r"^\s*[\[({]").all():
        return False
    lists = [_listed(cell) for cell in cells.to_list()]
    return all(one is not None for one in lists) and any(len(one or ()) > 1 for one in lists)


def label_sets(column: pl.Series, separator: str) -> list[tuple[str, ...] | None]:
    """The labels of every row, sorted and without repeats; None where nothing was given, () where none apply.

    column: a List column, or text that is a list (as JSON, Python or NumPy writes it) or has labels between separators.
    Lists of one length that hold nothing but 0 and 1 are indicators: their labels are the positions, from 0.

    >>> label_sets(pl.Series(["b|a", '["c"]', "['d', 'e']", "[]", None]), "|")
    [('a', 'b'), ('c',), ('d', 'e'), (), None]
    >>> label_sets(pl.Series([[1, 0, 0], [0, 1, 1]]), "")
    [('0',), ('1', '2')]
    """
    if isinstance(column.dtype, pl.List | pl.Array):
        cells = [None if cell is None else [_item(item) for item in cell if item is not None] for cell in column]
        return [None if one is None else _label_set(one) for one in _positions(cells)]
    written: list[str | None] = words(column).to_list()
    lists = [None if cell is None else _listed(cell) for cell in written]
    if all(one is not None for cell, one in zip(written, lists, strict=True) if cell is not None):
        lists = _positions(lists)
    return [
        None if cell is None else _label_set(cell.split(separator or "|") if items is None else items)
        for cell, items in zip(written, lists, strict=True)
    ]


def _item(item: object) -> str:
    return number_name(item) if isinstance(item, float) else str(item).lower() if isinstance(item, bool) else str(item)


def _positions(cells: list[list[str] | None]) -> list[list[str] | None]:
    """Lists of nothing but 0 and 1, all of one length, as the positions of the ones; other lists as they are."""
    given = [cell for cell in cells if cell is not None]
    if (
        len({len(cell) for cell in given}) != 1
        or len(given[0]) < _FEWEST_INDICATORS
        or not {item for cell in given for item in cell} <= set(_INDICATORS)
    ):
        return cells
    return [
        None if cell is None else [str(place) for place, item in enumerate(cell) if _INDICATORS[item]] for cell in cells
    ]


def _listed(cell: str) -> list[str] | None:
    """The items of a list as JSON, Python or NumPy writes it; None when the cell is no list."""
    plain = cell.strip()
    if not plain.startswith(("[", "(", "{")):
        return None
    if plain == "set()":
        return []
    items: object = None
    try:
        items = json.loads(plain)
    except (ValueError, RecursionError):
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            items = ast.literal_eval(plain)
    # NumPy prints no commas, so Python reads the words as one.
    if _ARRAY.match(plain) and not (isinstance(items, list) and len(items) < 2 and "' '" not in plain):
        items = _printed(plain[1:-1])
    if not isinstance(items, list | tuple | set):
        return None
    if any(isinstance(item, list | tuple | set | dict) for item in items):
        return None
    return sorted(map(_item, _there(items))) if isinstance(items, set) else [_item(item) for item in _there(items)]


def _there(items: Iterable[object]) -> list[object]:
    return [item for item in items if item is not None]


def _printed(inside: str) -> list[str] | None:
    quoted = re.findall(r"'([^']*)'|\"([^\"]*)\"", inside)
    if quoted:
        return [one or other for one, other in quoted]
    numbers_written = inside.split()
    return numbers_written if all(re.match(r"^-?\d+\.?\d*$|^(True|False)$", one) for one in numbers_written) else None


def _label_set(names: list[str]) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in names} - {""}))
