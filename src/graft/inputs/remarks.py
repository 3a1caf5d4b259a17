"""What a person should know about how names and numbers were understood, said before anything is trained.

Decision: nothing is repaired in silence; spaces around a name do not make another, which is told, while two spellings
that differ in case are two, which is told too.
"""

from collections import defaultdict

import polars as pl

from graft.core.tasks import CLASSES, Task
from graft.inputs.contract import numbered_classes
from graft.inputs.schema import Contract
from graft.inputs.targets import SEPARATORS
from graft.rows.table import Table
from graft.rows.values import written_names

_ABSENT = ("na", "n/a", "nan", "null", "none", "<na>", "nat", "-", "?")
_SHOWN = 3


def remarks(table: Table, contract: Contract) -> tuple[str, ...]:
    """Notes about the columns of names of a table under its contract, and about a label column of numbers."""
    roles = contract.roles
    named = [*roles.categorical, *([roles.group] if roles.group else [])]
    if contract.task in CLASSES:
        named.insert(0, roles.label[0])
    found = [note for name in named for note in _spellings(table, name)]
    if contract.task in CLASSES:
        found += _absent(table.as_names(roles.label[0]))
        found += _listed(table.as_names(roles.label[0]))
        if numbered_classes(table.frame[roles.label[0]]):
            found.append(
                f"column {roles.label[0]!r} holds the numbers of {len(contract.labels)} classes: every whole number "
                f"from {_least(table, roles.label[0])} on, each several times (for a quantity: task regression)"
            )
    if contract.task is Task.REGRESSION and _few_whole(table.frame[roles.label[0]]):
        found.append(
            f"column {roles.label[0]!r} is read as a quantity: if its whole numbers are names of classes, choose the "
            "task multiclass"
        )
    return tuple(found)


def _listed(names: pl.Series) -> list[str]:
    """Whether classes look like several others between separators."""
    classes = set(names.drop_nulls().unique().to_list())
    for mark in SEPARATORS:
        several = sorted(
            name for name in classes if mark in name and {part.strip() for part in name.split(mark)} <= classes
        )
        if several:
            rows, first = int(names.is_in(several).sum()), several[0]
            return [
                f"column {names.name!r}: {first!r} looks like several labels of one row ({rows:,} rows hold such): "
                "read as a class of its own (for several labels a row: task multilabel)"
            ]
    return []


def _least(table: Table, name: str) -> int:
    return int(str(table.frame[name].cast(pl.Float64).fill_nan(None).min()).partition(".")[0])


def _few_whole(column: pl.Series) -> bool:
    """Whether every value of a column is a whole number that occurs in several rows."""
    if not column.dtype.is_integer():
        return False
    counts = column.drop_nulls().value_counts(name="rows")["rows"]
    return bool(len(counts) and int(counts.to_numpy().min()) > 1)


def _spellings(table: Table, name: str) -> list[str]:
    written = table.as_written(name)
    if written.dtype != pl.String:
        return []
    notes: list[str] = []
    meant = written_names(written)
    spaced = written.filter(
        (written.str.strip_chars() != written).fill_null(value=False) & meant.is_in(_exact(written))
    )
    if len(spaced):
        notes.append(
            f"column {name!r}: {len(spaced):,} cells have spaces around a name that stands without them too, such as "
            f"{spaced[0]!r}: both are read as {spaced[0].strip()!r}"
        )
    by_case: defaultdict[str, list[str]] = defaultdict(list)
    for word in sorted(meant.drop_nulls().unique().to_list()):
        by_case[word.casefold()].append(word)
    twins = [words for words in by_case.values() if len(words) > 1]
    if twins:
        shown = "; ".join(" and ".join(map(repr, words)) for words in twins[:_SHOWN])
        notes.append(f"column {name!r}: {shown} differ in upper and lower case only: they are read as different names")
    return notes


def _exact(written: pl.Series) -> list[str]:
    return [cell for cell in written.drop_nulls().unique().to_list() if cell == cell.strip()]


def _absent(names: pl.Series) -> list[str]:
    counts = names.drop_nulls().value_counts(name="rows")
    found = [(str(word), int(rows)) for word, rows in counts.iter_rows() if str(word).lower() in _ABSENT]
    return [
        f"column {names.name!r}: {word!r} is read as a class ({rows:,} rows); if it means that a row has no label, "
        "leave the cell empty"
        for word, rows in sorted(found)
    ]
