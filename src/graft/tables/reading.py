"""Rows and vectors of one version.

Decisions: vectors are read row group by row group, by two threads or more, straight into one array that is as large as
the answer; nothing passes through Python lists. A condition is read first, on the columns it names alone, and the other
columns only where it holds. Rows always come in the order of the files of a version, so positions in two answers agree.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from graft.core.errors import SpaceMismatch, TableError
from graft.representations.spaces import Space
from graft.tables.conditions import read_condition
from graft.tables.delta.data_files import OpenFile, read_rows
from graft.tables.delta.snapshots import DataFile, Snapshot

_READERS = min(4, os.cpu_count() or 1)


def read_columns(snapshot: Snapshot, columns: Sequence[str] | None, *, where: str | None = None) -> pa.Table:
    """The rows of a version at which ``where`` holds. columns: all when None.

    Raises TableError for a column there is not, and for a condition that cannot be read.
    """
    schema = snapshot.schema
    names = list(schema.names if columns is None else columns)
    unknown = [name for name in names if name not in schema.names]
    if unknown:
        raise TableError(
            f"no column {', '.join(map(repr, unknown))} in the table",
            needed=f"some of {', '.join(schema.names)}",
            fix="look at the table's columns with graft tables show",
        )
    masks = {file.path: file.mask() for file in snapshot.files}
    if where is not None:
        _narrow(snapshot, masks, where)
    wanted = names or ["id"]
    pieces = [
        piece for file in snapshot.files for piece in read_rows(file, wanted, schema=schema, mask=masks[file.path])
    ]
    fields = pa.schema([schema.field(name) for name in wanted])
    return (pa.concat_tables(pieces) if pieces else fields.empty_table()).select(names)


def read_mask(snapshot: Snapshot, where: str) -> np.ndarray:
    """At which rows of a version ``where`` holds, bool, shape (rows,), in the order of ``read_vectors``.

    Raises TableError for a condition that cannot be read.
    """
    before = {file.path: file.mask() for file in snapshot.files}
    after = {path: mask.copy() for path, mask in before.items()}
    _narrow(snapshot, after, where)
    pieces = [after[file.path][before[file.path]] for file in snapshot.files]
    return np.concatenate(pieces) if pieces else np.zeros(0, bool)


def read_vectors(snapshot: Snapshot, space: Space) -> tuple[np.ndarray, np.ndarray]:
    """Ids, objects of shape (rows,), and vectors, float32 of shape (rows, dimension), in the same order.

    Raises SpaceMismatch when a row is of another space, TableError when a vector has another dimension.
    """
    ids = np.empty(snapshot.rows, object)
    vectors = np.empty((snapshot.rows, space.dimension), np.float32)
    schema, fingerprint = snapshot.schema, space.fingerprint

    def fill(task: tuple[OpenFile, int, np.ndarray, int]) -> None:
        opened, group, kept, start = task
        file, rows = opened.file, opened.read(group, ["id", "vector", "space"], schema=schema)
        others = set(rows["space"].unique().to_pylist()) - {fingerprint}
        if others:
            raise SpaceMismatch(
                f"{file.path} holds rows of the embedding space {others.pop()}",
                needed=f"rows of the table's space {fingerprint}",
                fix="remove what another program wrote there by returning to an earlier version",
            )
        found = _matrix(rows["vector"], space.dimension, file)
        names = rows["id"].to_numpy(zero_copy_only=False)
        stop = start + int(kept.sum())
        vectors[start:stop], ids[start:stop] = (found, names) if kept.all() else (found[kept], names[kept])

    with ThreadPoolExecutor(_READERS) as readers:
        # A list, so that the error of a reader is raised here.
        list(readers.map(fill, _groups(snapshot)))
    return ids, vectors


def _groups(snapshot: Snapshot) -> Iterator[tuple[OpenFile, int, np.ndarray, int]]:
    """Every row group that holds rows of the version: file, number, which rows are kept, where they go."""
    place = 0
    for file in snapshot.files:
        mask, start, opened = file.mask(), 0, OpenFile(file)
        for group, count in enumerate(opened.groups):
            kept = mask[start : start + count]
            if kept.any():
                yield opened, group, kept, place
            place += int(kept.sum())
            start += len(kept)


def _matrix(lists: pa.ChunkedArray, dimension: int, file: DataFile) -> np.ndarray:
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in lists.chunks]
    flat = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if lists.null_count or len(flat) != len(lists) * dimension:
        raise TableError(
            f"{file.path} holds vectors of another dimension than the table's",
            needed=f"{dimension} numbers in each vector",
            fix="remove what another program wrote there by returning to an earlier version",
        )
    return flat.reshape(-1, dimension)


def _narrow(snapshot: Snapshot, masks: dict[Path, np.ndarray], where: str) -> None:
    """Clear the masks where the condition does not hold."""
    named = list(read_condition(where, snapshot.schema.names).columns)
    # First without a row, so that a condition that cannot be read is refused whatever the table holds.
    _holds(snapshot.schema.empty_table(), where)
    for file in snapshot.files:
        mask = masks[file.path]
        pieces = list(read_rows(file, named or ["id"], schema=snapshot.schema, mask=mask))
        if pieces:
            mask[np.flatnonzero(mask)] = _holds(pa.concat_tables(pieces), where)


def _holds(rows: pa.Table, where: str) -> np.ndarray:
    frame = pl.DataFrame(rows).with_row_index("\0row")
    try:
        found = frame.sql(f'SELECT "\0row" FROM self WHERE ({where})')
    except pl.exceptions.PolarsError as error:
        raise TableError(
            f"the condition {where!r} cannot be read: {str(error).splitlines()[0]}",
            needed=f"SQL over the columns {', '.join(rows.column_names)}",
            fix="for example: region = 'EU' AND opened_at > '2026-01-01'",
        ) from error
    holds = np.zeros(rows.num_rows, bool)
    holds[found["\0row"].to_numpy()] = True
    return holds
