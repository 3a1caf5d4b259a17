"""Label columns to targets, the same way for the contract and for every later table.

Decisions: a class is what is written, so ``1.1`` and ``1.10`` in a file are two, and it finds the whole number it means
where only one class does; a number to predict is what is meant.
Classes are sorted names, so a class has the same index whatever the order of rows; a row that lacks the flag
of one of several label columns has no label, since absent and unknown are different things.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from graft.core.errors import ContractError
from graft.core.tasks import Task
from graft.inputs.roles import Roles
from graft.rows.columns import number_name
from graft.rows.lists import Items, flags_of, in_brackets, indicator_length, is_cut_short
from graft.rows.names import Names
from graft.rows.table import Table
from graft.rows.values import flags, numbers, words

SEPARATORS = ("|", ";", ",")


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


def read_labels(
    table: Table, roles: Roles, task: Task, *, separator: str, positions: int = 0, classes: tuple[str, ...] | None
) -> Labels:
    """Targets of every row.

    classes: the known class names; None to take them from the table. separator: between labels in one column of text.
    positions: length of the indicator vectors that state the labels, or 0 where labels are given by name. Raises
    ContractError when a label column has a type that cannot hold labels of this task.
    """
    if task is Task.MULTILABEL:
        if len(roles.label) > 1:
            return _flag_columns(table, roles.label, classes)
        cells = label_lists(table.as_written(roles.label[0]), separator)
        return _indicated(cells, positions, classes) if positions else _sets(cells, classes)
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
    _refuse_cut_lists(column)
    found = {word: names.find(word, measured=measured) for word in column.drop_nulls().unique().to_list()}
    places = {word: -1 if place is None else place for word, place in found.items()}
    values = column.replace_strict(places, default=-1, return_dtype=pl.Int64).to_numpy()
    missing = column.is_null().to_numpy()
    bad = (values < 0) & ~missing
    given = {int(row): str(column[int(row)]) for row in np.flatnonzero(bad)}
    return Labels(values, missing, bad, known, given)


def _sets(lists: list[Items | None], classes: tuple[str, ...] | None) -> Labels:
    cells = [None if cell is None else tuple(item for item in cell if item) for cell in lists]
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


def _indicated(lists: list[Items | None], positions: int, classes: tuple[str, ...] | None) -> Labels:
    """Targets of indicator vectors, whose labels are their positions; a vector that lacks a flag is no label."""
    known = tuple(sorted(map(str, range(positions)))) if classes is None else classes
    places = {name: place for place, name in enumerate(known)}
    values = np.zeros((len(lists), len(known)), dtype=np.uint8)
    missing = np.array([cell is None for cell in lists], dtype=bool)
    given: dict[int, str] = {}
    for row, cell in enumerate(lists):
        if cell is None:
            continue
        on = flags_of(cell)
        if on is None or len(on) != positions:
            given[row] = f"a list of {len(cell)} where {positions} times 0 or 1 are needed"
            continue
        missing[row] = None in on
        named = [str(position) for position, flag in enumerate(on) if flag]
        values[row, [places[name] for name in named if name in places]] = 1
        if unknown := [name for name in named if name not in places]:
            given[row] = unknown[0]
    bad = np.zeros(len(lists), dtype=bool)
    bad[list(given)] = True
    return Labels(values, missing & ~bad, bad, known, given)


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
    plain = [cell for cell in column.drop_nulls().to_list() if in_brackets(cell) is None]
    return next((mark for mark in SEPARATORS if any(mark in cell for cell in plain)), SEPARATORS[0])


def holds_lists(column: pl.Series) -> bool:
    """Whether every cell of a column of text is a list written as JSON or Python writes it, and one has two items."""
    if column.dtype != pl.String:
        return False
    cells = column.drop_nulls()
    if not len(cells) or not cells.str.contains(r"[\])}]\s*$").all():
        return False
    lists = [in_brackets(cell) for cell in cells.to_list()]
    return all(one is not None for one in lists) and any(len(one or ()) > 1 for one in lists)


def label_lists(column: pl.Series, separator: str) -> list[Items | None]:
    """The labels of every row as they are given, in order; None where nothing was given, () where none apply.

    column: a List column, or text that is a list (as JSON, Python or NumPy writes it) or has labels between separators.
    A cell is read by itself. Raises ContractError for a list that was cut short when it was written.

    >>> label_lists(pl.Series(["b|a", '["c"]', "['d' 'e']", "[]", None]), "|")
    [('b', 'a'), ('c',), ('d', 'e'), (), None]
    """
    if isinstance(column.dtype, pl.List | pl.Array):
        return [None if cell is None else tuple(map(_item, cell)) for cell in column]
    written = words(column)
    _refuse_cut_lists(written)
    return [None if cell is None else _labels(cell, separator) for cell in written.to_list()]


def _refuse_cut_lists(column: pl.Series) -> None:
    cut = [cell for cell in column.filter(column.str.contains(r"^\s*\[")).unique().to_list() if is_cut_short(cell)]
    if cut:
        row = int(column.is_in(cut).arg_max() or 0)
        raise ContractError(
            f"label column {column.name!r} holds a list that was cut short when it was written, in row {row}",
            needed="every label of every row",
            fix="write the lists as JSON (json.dumps), or the rows as Parquet",
        )


def vector_length(table: Table, roles: Roles, task: Task, separator: str) -> int:
    """The length of the indicator vectors that state the labels of a table; 0 where labels are given by name."""
    if task is not Task.MULTILABEL or len(roles.label) > 1:
        return 0
    return indicator_length(label_lists(table.as_written(roles.label[0]), separator))


def _labels(cell: str, separator: str) -> Items:
    listed = in_brackets(cell)
    items = cell.split(separator or "|") if listed is None else listed
    stripped = [None if item is None else item.strip() or None for item in items]
    return tuple(stripped if listed is not None else filter(None, stripped))


def _item(item: object) -> str | None:
    if item is None or (isinstance(item, float) and item != item):
        return None
    if isinstance(item, float):
        return number_name(item)
    return str(item).lower() if isinstance(item, bool) else str(item).strip() or None
