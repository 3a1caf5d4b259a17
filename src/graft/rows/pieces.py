"""Rows of any number as tables of a few thousand, one after the other: more than memory holds can be read so.

Decisions: a piece is what the one reader (``table``) would have made of these rows, with the text that they were typed
from; only types are found piece by piece, and what a cell means depends on that cell alone. What is small is read at
once and cut up, so it is read and refused as everywhere; large files are read a part at a time (``parts``). A folder
whose files are all files of rows is read as one table; any other folder is one of pictures or recordings. A line that
repeats the header inside a large file is refused there too: files were put one after the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from graft.core.errors import InputError
from graft.rows.columns import typed
from graft.rows.parts import files_of_rows, large_part, parquet_tables
from graft.rows.table import Table, read_frame, require_rows_file

PIECE = 8_192


def pieces(source: Any, *, columns: Sequence[str] = (), rows: int = PIECE) -> Iterator[Table]:
    """Tables of at most so many rows, in the order of the rows; one without rows where there are none.

    source: whatever ``read_frame`` takes, a folder of files of rows, a sequence or an iterator of such sources, an
    Arrow data set or reader of batches, or a Polars LazyFrame, which is collected a piece at a time. columns: the only
    ones that are needed: of a large Parquet file others are left unread, if it has all of these. Raises InputError as
    ``read_frame``, also in the middle.

    >>> [len(one) for one in pieces({"text": list("abcde")}, rows=2)]
    [2, 2, 1]
    >>> [one.frame["text"].to_list() for one in pieces(iter([{"text": ["a"]}, {"text": ["b"]}]))]
    [['a'], ['b']]
    """
    if rows < 1:
        raise InputError(f"pieces of {rows} rows", needed="1 or more")
    begun = False
    for one in _sources(source, tuple(dict.fromkeys(columns)), rows):
        begun = True
        yield from _cut(one, rows)
    if not begun:
        raise InputError("no table at all", needed="at least one table of rows", fix="check what the iterator gives")


def _sources(source: Any, columns: tuple[str, ...], rows: int) -> Iterator[Table]:
    if isinstance(source, Table):
        yield source
    elif isinstance(source, str | Path):
        path = Path(source)
        for file in files_of_rows(path) or [path]:
            yield from _of_file(file, columns, rows)
    elif isinstance(source, pl.LazyFrame):
        yield from _of_lazy(source, rows)
    elif type(source).__module__.partition(".")[0] == "pyarrow" and hasattr(source, "to_batches"):
        # A table gives its batches too; a data set reads them one after the other.
        if hasattr(source, "column_names"):
            yield read_frame(source, empty=True)
        else:
            yield from _each(iter(source.to_batches(batch_size=rows)), columns, rows)
    elif _holds_several(source):
        yield from _each(iter(source), columns, rows)
    else:
        yield read_frame(source, empty=True)


def _holds_several(source: Any) -> bool:
    if isinstance(source, list | tuple):
        return bool(source) and not isinstance(source[0], Mapping)
    return isinstance(source, Iterator) or hasattr(source, "read_next_batch")


def _each(several: Iterator[Any], columns: tuple[str, ...], rows: int) -> Iterator[Table]:
    for place, one in enumerate(several):
        if isinstance(one, list | tuple) or hasattr(one, "__next__"):
            one = list(one)
        elif type(one).__module__.partition(".")[0] == "pyarrow" and not hasattr(one, "read_next_batch"):
            one = _as_table(one)
        if isinstance(one, Mapping) and not all(isinstance(held, list | tuple) or hasattr(held, "dtype")
                                                for held in one.values()):  # fmt: skip
            raise InputError(
                f"item {place} of an iterator is a single row",
                needed="a table of rows in every item",
                fix="give lists of a few thousand rows, or list(rows) where memory holds them all",
            )
        yield from _sources(one, columns, rows)


def _as_table(batch: Any) -> Any:
    from pyarrow import Table as ArrowTable

    return ArrowTable.from_batches([batch]) if not isinstance(batch, ArrowTable) else batch


def _of_lazy(source: pl.LazyFrame, rows: int) -> Iterator[Table]:
    begun = False
    for frame in source.collect_batches(chunk_size=rows, maintain_order=True):
        begun = True
        yield read_frame(frame, empty=True)
    if not begun:
        yield read_frame(source.head(0), empty=True)


def _of_file(path: Path, columns: tuple[str, ...], rows: int) -> Iterator[Table]:
    part = large_part(path, what="rows") if path.is_file() else None
    if part is None:
        yield read_frame(path, empty=True)
        return
    names = columns if columns and set(columns) <= set(part.columns) else part.columns
    folder = path.absolute().parent
    if require_rows_file(path)[0] == ".parquet":
        for arrow in parquet_tables(path, names, rows=rows):
            yield replace(read_frame(arrow, empty=True), name=path.name, folder=folder)
        return
    before = 0
    for frame in part.read(names):
        _refuse_header(frame, path.name, before)
        before += frame.height
        told = [typed(column) if column.dtype == pl.String else column for column in frame]
        written = [one for one, new in zip(frame, told, strict=True) if new.dtype != pl.String]
        yield replace(read_frame(pl.DataFrame(told), empty=True), name=path.name, folder=folder,
                      written=pl.DataFrame(written))  # fmt: skip


def _refuse_header(frame: pl.DataFrame, name: str, before: int) -> None:
    again = frame.select(
        pl.all_horizontal(pl.col(one).cast(pl.String).str.strip_chars() == one for one in frame.columns).alias("again")
    )["again"].fill_null(value=False)
    if frame.width > 1 and again.any():
        raise InputError(
            f"{name}: row {before + int(again.arg_true()[0]) + 1:,} is the header again",
            needed="one header line, at the top",
            fix="were files put one after the other? Remove their header lines but the first",
        )


def _cut(table: Table, rows: int) -> Iterator[Table]:
    if len(table) <= rows:
        yield table
        return
    for start in range(0, len(table), rows):
        yield replace(
            table, frame=table.frame.slice(start, rows), written=table.written.slice(start, rows),
            decimals=table.decimals.slice(start, rows), notes=table.notes if not start else (),
        )  # fmt: skip
