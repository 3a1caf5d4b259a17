"""Columns of a table, or of a file joined to it by id, beside its vectors.

Decisions: a file of rows speaks where it has the column, and the table elsewhere, so an attribute need not lie beside
vectors to be asked about; rows of the table that the file lacks have no value there. Nothing of the file is kept.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.rows.named import require_once
from graft.rows.table import Table, read_frame
from graft.tables.columns import users
from graft.tables.table import EmbeddingTable


@dataclass(frozen=True, eq=False)
class TableColumns:
    """Rows of one version of a table. of: which, for a reader. ids: shape (rows,). vectors: float32, shape (rows,
    dimension). columns: by their names, each of as many rows. unmatched: rows of the file that are not in the table."""

    of: str
    ids: np.ndarray
    vectors: np.ndarray
    columns: dict[str, pl.Series]
    unmatched: int = 0


def read_table_columns(
    table: EmbeddingTable, names: Sequence[str], *, rows: Any = None, id_column: str = "", encoding: str | None = None
) -> TableColumns:
    """The columns ``names`` beside the vectors. rows: a file or frame, whose column ``id_column`` names rows of
    the table.

    Raises InputError for a column that is nowhere, an id that stands in two rows, a file of other ids, a table without
    rows, and vectors that are not finite.
    """
    still = table.as_of(table.version)
    file = None if rows is None else _file(rows, id_column, encoding)
    own = users(still.schema)
    beside = [] if file is None else [name for name in file.frame.columns if name != id_column]
    for name in names:
        if file is not None and name in file.unread:
            raise file.unread[name]
        if name not in (*own, *beside):
            raise _missing(name, [*own, *beside], still.name, file)
    ids, vectors = still.vectors()
    if not len(ids):
        raise InputError(f"table {still.name!r} has no rows", needed="rows to audit", fix="embed some first")
    if not np.isfinite(vectors).all():
        wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        raise InputError(
            f"{len(wrong):,} vectors are not finite; the first is that of {ids[wrong[0]]!r}",
            needed="finite numbers",
            fix="embed those rows again, or delete them",
        )
    place, unmatched = (None, 0) if file is None else _places(file, id_column, ids, still.name)
    read = read_frame(still.read(["id", *(name for name in names if name not in beside)]))
    found: dict[str, pl.Series] = {}
    for name in names:
        if file is not None and place is not None and name in beside:
            found[name] = file.as_written(name).gather(place)
        elif name in read.unread:
            raise read.unread[name]
        else:
            found[name] = read.frame[name]
    return TableColumns(f"table {still.name}, version {still.version}", ids, vectors, found, unmatched)


def _file(rows: Any, id_column: str, encoding: str | None) -> Table:
    if not id_column:
        raise InputError("a file of rows without its column of ids", needed="--id COLUMN", fix="name it")
    file = read_frame(rows, encoding=encoding)
    if id_column not in file.frame.columns:
        raise _missing(id_column, file.frame.columns, "", file)
    return file


def _places(file: Table, id_column: str, ids: np.ndarray, table: str) -> tuple[pl.Series, int]:
    """The row of the file for each row of the table, null where there is none, and how many of the file are over."""
    named = file.as_ids(id_column)
    there = named.drop_nulls()
    require_once(there, what=f"rows of {file.name}")
    at = {name: row for row, name in enumerate(named.to_list()) if name is not None}
    place = [at.get(str(one)) for one in ids]
    matched = sum(one is not None for one in place)
    if not matched:
        raise InputError(
            f"no id of {file.name} is in table {table!r} ({there[0]!r} there, {str(ids[0])!r} here)"
            if len(there)
            else f"{file.name} has no id in {id_column!r}",
            needed="the ids of the table",
            fix="name the column that holds them with --id",
        )
    return pl.Series(place, dtype=pl.Int64), len(named) - matched


def _missing(name: str, have: Sequence[str], table: str, file: Table | None) -> InputError:
    folded = {one.casefold(): one for one in have}
    close = difflib.get_close_matches(name.casefold(), folded, n=2, cutoff=0.6)
    where = " and ".join([*([f"table {table!r}"] if table else []), *([file.name] if file is not None else [])])
    shown = ", ".join(have[:20]) + (" …" if len(have) > 20 else "")
    return InputError(
        f"{where} has no column {name!r}",
        needed=f"one of: {shown}" if have else "a column beside the vectors, or a file of rows with --rows and --id",
        fix=f"did you mean {' or '.join(repr(folded[one]) for one in close)}?"
        if close
        else "check the spelling, or give the file that has it with --rows FILE --id COLUMN",
    )
