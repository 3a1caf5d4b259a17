"""Rows whose cells are what is embedded, as one column of rows written down.

Decision: a source of rows knows its columns by name and type, so ``*`` is every column it reads. A table keeps what was
embedded of a row as one column, ``cells``, beside the row's own columns: what is read back are the very cells, whatever
becomes of the other columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from graft.core.errors import InputError, TableError
from graft.core.tasks import Task
from graft.inputs.assembly import read_inputs
from graft.inputs.contract import require_columns
from graft.inputs.roles import EVERY, Roles
from graft.inputs.schema import Contract
from graft.representations.row_source import require_shared, row_reading
from graft.representations.source import Source
from graft.rows.content import ROW, Cells
from graft.rows.table import Table
from graft.tables.table import EmbeddingTable

CELLS = "cells"


@dataclass(frozen=True, eq=False)
class CellRows:
    """table: with the column ``cells`` of rows written down. rows: these cells, in order. Both are None for a row
    without any, and for those that cannot be read. unread: why these cannot, by their positions."""

    table: Table
    rows: tuple[Cells | None, ...]
    unread: dict[int, str]


def embedded_kind(
    kind: str, content: Sequence[str], numeric: Sequence[str], categorical: Sequence[str], *, source: bool
) -> str:
    """The kind that is embedded: that of the columns of content, or rows alone. source: whether one is named.

    Raises InputError where nothing is named, where both are, and for rows alone without a source.
    """
    beside = (*numeric, *categorical)
    if content and beside:
        raise InputError(
            f"columns of {kind} and of numbers or categories",
            needed="one of them: the vectors of a table are of one source, which reads one kind",
            fix=f"leave out {', '.join(beside[:3])}; the table keeps these columns anyway",
        )
    if not content and not beside:
        raise InputError(
            "no column is named to be embedded",
            needed="a column of text, of images or of audio, or columns of numbers and categories",
            fix="name it: --text message; or --numeric '*' --categorical '*' with a source of rows",
        )
    if beside and not source:
        raise InputError(
            "rows alone without a source",
            needed="a source of rows: none comes with Graft",
            fix="make one of a labelled table, graft sources pretrain, and name it: --source path:DIR",
        )
    return ROW.name if beside else kind


def cell_rows(table: Table, source: Source, *, numeric: Sequence[str], categorical: Sequence[str]) -> CellRows:
    """The rows of a table for a source of rows. Either may hold ``*``: every such column that the source reads.

    Raises SourceError for a source that reads another kind or none of the columns, InputError for columns that are not
    there.
    """
    own, have = row_reading(source).columns, table.frame.columns
    numbers = _named(numeric, [name for name in own.numeric if name in have])
    names = _named(categorical, [name for name in own.categorical if name in have])
    require_columns(table, [*numbers, *names])
    require_shared(source, numbers, names)
    if CELLS in have:
        raise InputError(
            f"{table.name} has a column {CELLS!r}",
            needed="another name: what is embedded of each row is kept in a column called so",
            fix="rename it",
        )
    roles = Roles(content=(), label=(), kind=ROW.name, numeric=numbers, categorical=names)
    read = read_inputs(table, Contract(task=Task.BINARY, roles=roles, columns=(), rows=len(table)))
    unread = {
        one.row: f"column {one.column!r}: {one.message}" for one in read.problems if one.fatal and one.column in have
    }
    rows = tuple(None if row in unread else one for row, one in enumerate(read.contents))
    written = pl.Series(CELLS, [None if one is None else ROW.cell(one) for one in rows], pl.String)
    return CellRows(replace(table, frame=table.frame.with_columns(written)), rows, unread)


def _named(given: Sequence[str], every: Sequence[str]) -> tuple[str, ...]:
    """The names with ``*`` replaced by all there are, each once."""
    return tuple(dict.fromkeys(name for one in given for name in (every if one == EVERY else [one])))


def require_cells(table: EmbeddingTable, source: Source) -> None:
    """Raise unless what ``table`` keeps of its rows is all that a source of rows would read of the table they were in.

    A source reads the columns it knows, and a table keeps what was embedded: a column that only the new source knows
    stands beside the kept cells, and vectors without it would not be those that embedding the rows makes. Raises
    SourceError for a source that reads another kind, or none of the cells, and TableError for such columns.
    """
    own = row_reading(source).columns
    rows = ROW.read([pl.Series(CELLS, table.read([CELLS])[CELLS].to_pylist(), ROW.column)], None)
    kept = {name for one in rows if one is not None for name in one.names}
    known = (*own.numeric, *own.categorical)
    if lost := [name for name in known if name in table.schema.names and name not in kept]:
        raise TableError(
            f"{source.weights.reference} reads {', '.join(map(repr, lost[:5]))} too, and of the rows of {table.name} "
            f"only {', '.join(map(repr, sorted(kept)[:8]))}{' …' if len(kept) > 8 else ''} were embedded",
            needed="a source that reads no other columns of the table",
            fix="embed the file anew into another table, with this source; rows alone take seconds",
        )
    if kept:
        require_shared(
            source,
            [name for name in own.numeric if name in kept],
            [name for name in own.categorical if name in kept],
        )
