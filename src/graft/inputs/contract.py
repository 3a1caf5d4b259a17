"""The contract of a table: find out what the task is, and refuse what cannot work before anything is trained.

Decisions: a number with more than 20 different values is a quantity, otherwise a class, and so are whole numbers that
count 0 or 1 up to the last without a gap, each in several rows: that is how published sets number their classes. Broken
numbers of which most are different are a quantity in few rows as well; whole ones that are may number the rows. A class
of one row is refused rather than dropped, because it can be trained on or tested on but never both; two rows per fold
are the least.
"""

import difflib

import numpy as np
import polars as pl

from graft.core.errors import ContractError, InputError
from graft.core.tasks import Task
from graft.inputs.classes import count_classes, refuse_bad_numbers, refuse_few_rows, used_classes
from graft.inputs.facts import category_facts, content_facts, key_facts, number_facts, number_summary
from graft.inputs.roles import Roles
from graft.inputs.schema import ColumnFacts, Contract
from graft.inputs.targets import Labels, holds_lists, read_labels, separator_of, vector_length
from graft.rows.content import ColumnMeasure, kind_named
from graft.rows.table import Table
from graft.rows.values import flags, numbers, times, words

__all__ = ["Contract", "infer_contract", "require_columns"]

_CLASSES_AT_MOST = 20
_ROWS_OF_A_NUMBER = 5
_HEADER_WORDS = 5


def infer_contract(table: Table, roles: Roles, *, task: str = "auto", folds: int = 5) -> Contract:
    """The contract of a labelled table.

    task: "auto" or one of binary, multiclass, multilabel, regression. folds: how many the rows must be enough for.
    Raises ContractError or InputError with what was given, what was needed and how to fix it.

    >>> from graft.rows.table import read_frame
    >>> rows = read_frame({"text": [f"message {i}" for i in range(12)], "kind": ["a", "b"] * 6})
    >>> infer_contract(rows, Roles(content=("text",), label=("kind",))).task
    <Task.BINARY: 'binary'>
    """
    wanted = _task(task)
    kind = kind_named(roles.kind)
    if kind.cells and not roles.inputs:
        raise InputError(
            "no column is named to learn from",
            needed="a column of text, numbers or categories",
            fix="name it, or --numeric '*' --categorical '*' for every column that fits",
        )
    if not roles.content and not kind.cells:
        raise InputError(
            f"no {kind.name} column is named",
            needed=f"at least one column of {kind.name}",
            fix=f"name it: {kind.name}=('message',)",
        )
    if not roles.label:
        raise InputError(
            "no label column is named", needed="what is to be predicted", fix="name it: label=('category',)"
        )
    require_columns(table, [name for name, _ in roles.columns])
    measured = _measured(table, roles)
    columns = [content_facts(table, name, part, one) for (part, name), one in measured.items()]
    contents = {part for part, _ in roles.parts}
    columns += [_facts(table, name, role) for name, role in roles.columns if role not in ("label", *contents)]
    task_found = wanted or _infer_task(table, roles)
    separator = _separator(table, roles, task_found)
    positions = vector_length(table, roles, task_found, separator)
    labels = read_labels(table, roles, task_found, separator=separator, positions=positions, classes=None)
    stated = _stated(table, roles) if kind.cells else np.any([one.stated for one in measured.values()], axis=0)
    usable = _usable(table, roles, labels, stated)
    if task_found is Task.REGRESSION:
        refuse_bad_numbers(labels, roles)
    refuse_few_rows(int(usable.sum()), folds)
    if task_found is Task.REGRESSION:
        counts: tuple[int, ...] = ()
        targets = labels.values[usable]
        if len(np.unique(targets)) < 2:
            raise ContractError(
                f"every row has the value {targets[0]:g} in {roles.label[0]!r}",
                needed="different values",
                fix="add rows",
            )
    else:
        if len(roles.label) == 1:
            classes = used_classes(labels, usable)
            if classes != labels.classes:
                labels = read_labels(
                    table, roles, task_found, separator=separator, positions=positions, classes=classes
                )
        counts = count_classes(labels, usable, task_found, roles)
    label_columns = [_label_facts(table, name, task_found, labels) for name in roles.label]
    return Contract(
        task=task_found,
        roles=roles,
        columns=(*columns, *label_columns),
        labels=labels.classes,
        label_counts=counts,
        rows=len(table),
        separator=separator,
        positions=positions,
    )


def _measured(table: Table, roles: Roles) -> dict[tuple[str, str], ColumnMeasure]:
    """What each column of content holds, by its kind and name. Raises ContractError where a kind among several says
    nothing."""
    found = {
        (part, name): kind_named(part).measure(table.frame[name], table.folder)
        for part, names in roles.parts
        for name in names
    }
    for part, names in roles.parts if roles.kinds else ():
        if not any(found[part, name].stated.any() for name in names):
            raise ContractError(
                f"every row lacks {part} in {', '.join(map(repr, names))}",
                needed=f"rows with {part}, or a study without",
                fix=f"check the column name and the export, or leave out {part}",
            )
    return found


def stated_labels(table: Table, label: tuple[str, ...], *, task: str = "auto") -> tuple[Task, tuple[str, ...]]:
    """The task of the label columns of a table, and the classes or labels in them; () for numbers.

    Nothing else of the table is looked at. Raises ContractError for a column that is missing or holds no labels.
    """
    roles = Roles(content=(), label=label)
    require_columns(table, list(label))
    found = _task(task) or _infer_task(table, roles)
    separator = _separator(table, roles, found)
    positions = vector_length(table, roles, found, separator)
    return found, read_labels(table, roles, found, separator=separator, positions=positions, classes=None).classes


def require_columns(table: Table, names: list[str]) -> None:
    """Raise ContractError when a column is missing, with the names that come close, or cannot be read."""
    for name in names:
        if name in table.unread:
            raise table.unread[name]
    have = table.frame.columns
    there = set(have)
    missing = [name for name in names if name not in there]
    if not missing:
        return
    by_case = {name.casefold(): name for name in have}
    close = [by_case[c] for c in difflib.get_close_matches(missing[0].casefold(), by_case, n=3, cutoff=0.6)]
    fix = f"did you mean {' or '.join(map(repr, close))}?" if close else "check the spelling, or export the column"
    sentence = next((name for name in have if len(name.split()) >= _HEADER_WORDS), "")
    doubt = table.doubt or (sentence and f"{sentence!r} reads like a row of data")
    if doubt and not close:
        fix = f"the first line looks like data: {doubt}: put a line with the column names above it"
    raise ContractError(
        f"{table.name} has no column {', '.join(map(repr, missing))}",
        needed=f"the column among: {', '.join(have[:20])}{' …' if len(have) > 20 else ''}",
        fix=fix,
    )


def _task(task: str) -> Task | None:
    if task == "auto":
        return None
    try:
        return Task(task)
    except ValueError:
        names = ", ".join(Task)
        raise InputError(f"task={task!r}", needed=f"auto, {names}", fix="choose one of these") from None


def _facts(table: Table, name: str, role: str) -> ColumnFacts:
    if role == "numeric":
        return number_facts(table, name)
    return category_facts(table, name) if role == "categorical" else key_facts(table, name, role)


def _infer_task(table: Table, roles: Roles) -> Task:
    if len(roles.label) > 1:
        return Task.MULTILABEL
    column = table.frame[roles.label[0]]
    if isinstance(column.dtype, pl.List | pl.Array):
        return Task.MULTILABEL
    if holds_lists(column):
        return Task.MULTILABEL
    many = column.dtype.is_numeric() and _many_numbers(column) and not numbered_classes(column)
    if many or _quantity(column):
        return Task.REGRESSION
    return Task.BINARY if table.as_names(column.name).drop_nulls().n_unique() <= 2 else Task.MULTICLASS


def _many_numbers(column: pl.Series) -> bool:
    present = column.drop_nulls()
    return (present.drop_nans() if column.dtype.is_float() else present).n_unique() > _CLASSES_AT_MOST


def _quantity(column: pl.Series) -> bool:
    """Whether they are broken numbers of which most are different: as classes they could only be refused."""
    if not column.dtype.is_float():
        return False
    present = column.drop_nulls().drop_nans()
    broken = bool((present.is_finite() & (present != present.round())).any())
    return broken and 2 * present.n_unique() > len(present)


def numbered_classes(column: pl.Series) -> bool:
    """Whether more whole numbers than a few are numbers of classes: 0 or 1 up to the last, none left out or rare."""
    if not column.dtype.is_numeric() or not _many_numbers(column):
        return False
    found, _ = numbers(column)
    values, counts = np.unique(found[np.isfinite(found)], return_counts=True)
    counted = np.array_equal(values, values[0] + np.arange(len(values))) and values[0] in (0, 1)
    return bool(counted and counts.min() > 1 and counts.sum() >= _ROWS_OF_A_NUMBER * len(values))


def _separator(table: Table, roles: Roles, task: Task) -> str:
    if task is not Task.MULTILABEL:
        if len(roles.label) > 1:
            raise InputError(
                f"{len(roles.label)} label columns for {task}",
                needed="one label column",
                fix="name one, or use multilabel",
            )
        return ""
    if len(roles.label) == 1:
        return separator_of(table.frame[roles.label[0]])
    for name in roles.label:
        bad = np.flatnonzero(flags(table.frame[name])[2])
        if len(bad):
            raise ContractError(
                f"label column {name!r} holds {words(table.frame[name])[int(bad[0])]!r} in row {bad[0]}",
                needed="0, 1, true or false in every one of several label columns",
                fix="recode it, or name a single label column",
            )
    return ""


def _stated(table: Table, roles: Roles) -> np.ndarray:
    """Mask of the rows with a number or a category; (rows,)."""
    cells = [np.isfinite(numbers(table.frame[name])[0]) for name in roles.numeric]
    cells += [table.as_names(name).is_not_null().to_numpy() for name in roles.categorical]
    return np.asarray(np.any(cells, axis=0))


def _usable(table: Table, roles: Roles, labels: Labels, stated: np.ndarray) -> np.ndarray:
    """Mask of the rows with a label, some content, readable numbers, group and time as far as asked for; (rows,)."""
    labelled = ~(labels.missing | labels.bad)
    if not labelled.any() and not labels.bad.any():
        raise ContractError(
            f"every row lacks a label in {', '.join(map(repr, roles.label))}",
            needed="labelled rows",
            fix="check the column name and the export",
        )
    if not stated.any():
        raise ContractError(
            f"every row lacks {roles.kind} in {', '.join(map(repr, roles.inputs))}",
            needed=f"rows with {roles.kind}",
            fix="check the column name and the export",
        )
    usable = labelled & stated
    for name in roles.numeric:
        usable &= ~numbers(table.frame[name])[1]
    if roles.group is not None:
        usable &= table.as_names(roles.group).is_not_null().to_numpy()
    if roles.time is not None:
        usable &= ~np.isnat(times(table.frame[roles.time])[0])
    return np.asarray(usable)


def _label_facts(table: Table, name: str, task: Task, labels: Labels) -> ColumnFacts:
    missing = int(labels.missing.sum())
    if task is Task.REGRESSION:
        found, _ = numbers(table.frame[name])
        present = found[np.isfinite(found)]
        return ColumnFacts(
            name=name,
            role="label",
            kind="label",
            missing=missing,
            distinct=len(np.unique(present)),
            number=number_summary(present),
        )
    single = isinstance(table.frame[name].dtype, pl.List | pl.Array) or len(labels.columns_missing) < 2
    if not single:
        missing = int(labels.columns_missing[name].sum())
    distinct = len(labels.classes) if single else words(table.frame[name]).drop_nulls().n_unique()
    return ColumnFacts(name=name, role="label", kind="label", missing=missing, distinct=distinct)
