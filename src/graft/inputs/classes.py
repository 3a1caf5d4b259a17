"""What the labels of a table must have before anything is trained.

Decisions: a class of one row is refused rather than dropped, because it can be learned or tested but never both; two
rows per fold are the least; an infinite or unreadable number to predict is refused rather than left out.
"""

from collections.abc import Sequence

import numpy as np

from graft.core.errors import ContractError
from graft.core.tasks import Task
from graft.inputs.roles import Roles
from graft.inputs.targets import Labels
from graft.rows.values import how_written

_ROWS_PER_FOLD = 2
_SHOWN, _LONG = 5, 40


def refuse_few_rows(rows: int, folds: int) -> None:
    """Raise ContractError when ``rows`` usable rows are too few for the folds."""
    if rows < _ROWS_PER_FOLD * folds:
        raise ContractError(
            f"{rows} usable rows (with something to read, a label, and what the other roles need)",
            needed=f"at least {_ROWS_PER_FOLD * folds} for {folds} folds",
            fix="add labelled rows, or use fewer folds",
        )


def refuse_bad_numbers(labels: Labels, roles: Roles) -> None:
    """Raise ContractError when a number to predict is infinite or cannot be read, naming rows and cells."""
    bad = np.flatnonzero(labels.bad)
    if len(bad):
        shown = ", ".join(f"{labels.shown(row)!r} in row {row}" for row in bad[:_SHOWN].tolist())
        how = how_written(labels.shown(int(bad[0])))
        raise ContractError(
            f"{len(bad)} values of {roles.label[0]!r} are no finite number{how and f' (written {how})'}: {shown}",
            needed="finite numbers to predict, such as 1234.5 (empty cells are set aside)",
            fix="correct or empty these cells; if they are names of classes, use task='multiclass'",
        )


def used_classes(labels: Labels, usable: np.ndarray) -> tuple[str, ...]:
    """The classes that occur in usable rows, sorted: one that occurs only in rows set aside is no class."""
    values = labels.values[usable]
    places = np.flatnonzero(values.any(axis=0)) if values.ndim == 2 else np.unique(values)
    return tuple(labels.classes[place] for place in places.tolist())


def count_classes(labels: Labels, usable: np.ndarray, task: Task, roles: Roles) -> tuple[int, ...]:
    """Usable rows of each class. Raises ContractError for one class, a class of one row, or too many for the task."""
    named = ", ".join(map(repr, roles.label))
    values = labels.values[usable]
    size = len(labels.classes)
    counts = values.sum(axis=0, dtype=np.int64) if task is Task.MULTILABEL else np.bincount(values, minlength=size)
    if size < 2 and (task is not Task.MULTILABEL or size == 0):
        raise ContractError(
            f"every labelled row of {named} has the class {labels.classes[0]!r}" if size else f"{named} names no label",
            needed="at least two classes",
            fix="add rows of another class, or check that this is the label column",
        )
    if task is Task.BINARY and size > 2:
        raise ContractError(
            f"{named} has {size} classes: {', '.join(labels.classes[:_SHOWN])}…",
            needed="two classes for task='binary'",
            fix="use task='multiclass', or merge classes",
        )
    rows = np.flatnonzero(usable)
    rare = np.flatnonzero(counts < 2)
    if len(rare):
        on = (values[:, rare] == 1).any(axis=1) if task is Task.MULTILABEL else np.isin(values, rare)
        names = ", ".join(repr(_excerpt(labels.classes[c])) for c in rare[:_SHOWN].tolist())
        at = ", ".join(map(str, rows[on][:_SHOWN].tolist()))
        more = f" and {len(rare) - _SHOWN} more" if len(rare) > _SHOWN else ""
        where = f"row {at}" if on.sum() == 1 else f"rows {at}" if on.any() else "no usable row"
        raise ContractError(
            f"{len(rare)} of {size} classes of {named} have fewer than two usable rows: {names}{more} ({where})",
            needed="two rows of every class, one to learn from and one to test on",
            fix=numbers_in_words(labels.classes) or _check_columns(roles)
            if len(rare) == size
            else "merge the class into another, drop it, or add rows (for a number to predict: task='regression')",
        )
    if task is Task.MULTILABEL and (counts == len(values)).any():
        always = labels.classes[int(np.flatnonzero(counts == len(values))[0])]
        raise ContractError(
            f"every labelled row has the label {always!r}", needed="rows with and without it", fix=f"drop {always!r}"
        )
    return tuple(counts.tolist())


def numbers_in_words(classes: Sequence[str]) -> str:
    """What to do about classes that are numbers as a sheet shows them; "" where they are not.

    >>> numbers_in_words(["5 %", "12.5 %", "7 %"])
    'they are numbers with a percent sign, such as 5 %: write plain ones (1234.5) to predict them as numbers'
    >>> numbers_in_words(["5 %", "high", "low"])
    ''
    """
    ways = [how_written(name) for name in classes]
    first = next((name for name, how in zip(classes, ways, strict=True) if how), "")
    if not first or sum(map(bool, ways)) * 10 < 9 * len(ways):
        return ""
    how = how_written(first)
    return f"they are numbers {how}, such as {_excerpt(first)}: write plain ones (1234.5) to predict them as numbers"


def _check_columns(roles: Roles) -> str:
    """What to do about a label column in which no two rows agree."""
    named = ", ".join(map(repr, roles.label))
    others = ", ".join(map(repr, roles.content))
    return (
        f"every row of {named} is different: check that it is the label column, and that {others} is not (for a number "
        "to predict: task='regression')"
    )


def _excerpt(name: str) -> str:
    """The start of a long name: of texts that were taken for classes, all would be shown."""
    return name if len(name) <= _LONG else name[: _LONG - 1] + "…"
