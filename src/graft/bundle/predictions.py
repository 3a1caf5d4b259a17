"""Predictions as a table: every given row once, in order, and what was wrong with it.

Decisions: a bad row keeps its place with nulls and a reason, so a table can be joined back line by line; a class that
has the name of another column gets the prefix ``class: `` rather than an error after the fact.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from graft.bundle.decision import RowDecisions
from graft.core.files import whole_file
from graft.core.tasks import Task
from graft.inputs.schema import Contract
from graft.rows.spreadsheet import guarded_frame
from graft.rows.table import Table

EXPLANATIONS = ("words", "nearest")
_OWN = ("prediction", "probability", "abstained", "problem", *EXPLANATIONS)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for a table.

    frame: the id (or ``row``, its position), prediction, probability, one column per class (for regression ``low``
    and ``high``), abstained and problem; with explanations also words and nearest. Where nothing could be predicted
    all but problem is null; where the model abstained, prediction alone is.
    probability: of what was predicted; of the most probable class where the model abstained; of the least certain
    label where several may apply; null for regression.
    problems: rows with each kind of problem, by code. notes: what was changed in reading the table.
    """

    frame: pl.DataFrame
    problems: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of rows, good and bad."""
        return self.frame.height

    def write_csv(self, path: Path | str, *, exact: bool = False) -> int:
        """Write the table as CSV, whole or not at all; how many cells were written with an apostrophe before them.

        exact: cells as they are. Otherwise ids, classes and messages that a spreadsheet would run as a formula
        (``=1+1``, ``@SUM(A1)``) get an apostrophe, see ``rows.spreadsheet``; numbers never do.
        """
        frame, changed = (self.frame, 0) if exact else guarded_frame(self.frame)
        with whole_file(Path(path)) as temporary:
            frame.write_csv(temporary)
        return changed


class Problems:
    """Collects what is wrong with the rows of a table."""

    def __init__(self, rows: int) -> None:
        self._said: list[list[str]] = [[] for _ in range(rows)]
        self._codes: list[set[str]] = [set() for _ in range(rows)]

    def add(self, row: int, code: str, message: str) -> None:
        """Say something about the row at this position."""
        self._said[row].append(message)
        self._codes[row].add(code)

    def column(self) -> pl.Series:
        """One text per row, null where there is nothing to say."""
        return pl.Series("problem", ["; ".join(said) or None for said in self._said], pl.String)

    def counts(self) -> Mapping[str, int]:
        """Rows with each kind of problem, the most frequent first."""
        counted = Counter(code for codes in self._codes for code in sorted(codes))
        return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


def in_words_of(table: Table, contract: Contract) -> Table:
    """A folder of files, its column called as the one that the model read its files from; any other table as it is."""
    roles = contract.roles
    known = roles.kind != table.files or len(roles.content) != 1 or roles.content[0] in table.frame.columns
    if not table.files or known:
        return table
    name = roles.content[0]
    return replace(table, frame=table.frame.rename({table.files: name}), files=name)


def identifiers(table: Table, contract: Contract) -> pl.Series:
    """The first column: the id as it was written, the file of a folder, or the position of the row."""
    name = contract.roles.id
    if name is None or not table.names_rows(name):
        name = table.files
    if not name or not table.names_rows(name):
        return pl.Series("row", np.arange(len(table)))
    taken = name in _OWN or (contract.task is Task.REGRESSION and name in ("low", "high"))
    return table.as_written(name).alias(f"id: {name}" if taken else name)


def class_columns(labels: Sequence[str], taken: str) -> list[str]:
    """The columns of the classes, given the name of the id column.

    >>> class_columns(("ham", "row", "problem"), "row")
    ['ham', 'class: row', 'class: problem']
    """
    used = {taken, *_OWN}
    names: list[str] = []
    for label in labels:
        name = label
        while name in used or (name != label and name in labels):
            name = f"class: {name}"
        used.add(name)
        names.append(name)
    return names


def spoken(judgement: RowDecisions, contract: Contract) -> list[str | None] | list[float]:
    """What was decided about each row: a class or None where abstained, or a value.

    Several labels are joined as in the rows that were learnt from, else with ``; ``.
    """
    labels, decided = contract.labels, judgement.decided
    if contract.task is Task.REGRESSION:
        values: list[float] = decided.tolist()
        return values
    if contract.task is Task.MULTILABEL:
        between = contract.separator or "; "
        sets: list[str | None] = [between.join(labels[place] for place in np.flatnonzero(row)) for row in decided]
        return sets
    return [None if place < 0 else labels[place] for place in decided.tolist()]


def assemble(
    first: pl.Series,
    judgement: RowDecisions,
    rows: np.ndarray,
    contract: Contract,
    *,
    problem: pl.Series,
    explained: Mapping[str, Sequence[str | None]],
) -> pl.DataFrame:
    """The table of predictions. rows: the place of each judged row in the table; explained: further columns, judged
    rows."""
    kind = pl.Float64 if contract.task is Task.REGRESSION else pl.String
    said = {
        "prediction": pl.Series(spoken(judgement, contract), dtype=kind),
        "probability": pl.Series(judgement.certainty).fill_nan(None),
    }
    if contract.task is Task.REGRESSION:
        said |= {"low": pl.Series(judgement.low).fill_nan(None), "high": pl.Series(judgement.high).fill_nan(None)}
    else:
        names = class_columns(contract.labels, first.name)
        said |= {name: pl.Series(judgement.probabilities[:, place]) for place, name in enumerate(names)}
    said["abstained"] = pl.Series(judgement.abstained)
    reasons = {name: pl.Series(column, dtype=pl.String) for name, column in explained.items()}
    places: list[int | None] = [None] * len(first)
    for place, row in enumerate(rows.tolist()):
        places[row] = place
    where = pl.Series(places, dtype=pl.UInt32)
    before, after = (
        [column.gather(where).alias(name) for name, column in columns.items()] for columns in (said, reasons)
    )
    return pl.DataFrame([first, *before, problem, *after])
