"""One way in for rows: files and frames to a table.

Decisions: everything becomes a Polars frame in memory, since the sets Graft is for are small; what was changed on the
way in is written down as notes; what cannot be read without guessing is refused. A column typed from a text file keeps
the text it was written as, so a message that reads ``1.50`` is still ``1.50`` to the encoder, and the classes ``1.1``
and ``1.10`` are two. Booleans stay typed: ``True`` and ``TRUE`` are one class.
"""

import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from graft.core.errors import InputError
from graft.rows.columns import typed
from graft.rows.delimited import parse_delimited, too_long
from graft.rows.encoding import decode
from graft.rows.records import (
    from_arrow,
    from_columns,
    from_json_lines,
    from_pandas,
    from_readable_json_lines,
    from_records,
)
from graft.rows.skipped import UNDECODABLE, Skipped, decode_what_can_be, is_decoded, without_long
from graft.rows.values import ids

if TYPE_CHECKING:
    import pandas as pd

    Frame: TypeAlias = pl.DataFrame | pl.LazyFrame | pd.DataFrame
    Source: TypeAlias = str | Path | Frame | Mapping[str, object] | Sequence[Mapping[str, object]]

MAX_CELL_CHARS = 1_000_000
_TEXT_FILES = (".csv", ".tsv", ".jsonl", ".ndjson")
_EXTENSIONS = ".csv, .tsv, .jsonl, .ndjson (each also .gz) or .parquet"


@dataclass(frozen=True, eq=False)
class Table:
    """Rows as they were given.

    frame: the typed columns. notes: what was changed in reading. name: how errors call it.
    written: for columns typed from a text file, the text they were typed from. skipped: rows that were passed over.
    decimals: columns of decimal numbers as they were given; the frame holds them as floats.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    name: str = "the table"
    written: pl.DataFrame = field(default_factory=pl.DataFrame)
    skipped: tuple[Skipped, ...] = ()
    decimals: pl.DataFrame = field(default_factory=pl.DataFrame)

    def __len__(self) -> int:
        """Number of rows."""
        return self.frame.height

    def as_written(self, name: str) -> pl.Series:
        """A column as it was written in the file, before it was typed."""
        return self.written[name] if name in self.written.columns else self.frame[name]

    def as_names(self, name: str) -> pl.Series:
        """A column of classes or groups: numbers as they were written, since 1.1 and 1.10 are two names; else typed.

        A cell that is missing among numbers (``NA``) is missing among names too. A frame holds no written numbers.
        """
        column = self.frame[name]
        if name not in self.written.columns or not column.dtype.is_numeric():
            return column
        return self.written[name].set(column.is_null(), None)

    def as_ids(self, name: str) -> pl.Series:
        """A column of ids, String: as written, except that ``1.0`` and ``1`` name one thing."""
        return ids(self.as_names(name))


def read_frame(source: "Source", *, max_cell_chars: int = MAX_CELL_CHARS, empty: bool = False) -> Table:
    """Rows from a file or a frame.

    source: path of a .csv, .tsv, .jsonl, .ndjson (each also .gz) or .parquet file; a Polars or pandas frame; an Arrow
    table; a mapping of columns; or a sequence of mappings, one per row. max_cell_chars: longest text accepted in a
    cell, in characters. empty: a table without rows is an answer.
    Raises InputError with what was found, where, and how to fix it.

    >>> read_frame({"text": ["hi", "bye"], "label": [1, 0]}).frame.shape
    (2, 2)
    """
    if isinstance(source, str | Path):
        table = _read_path(Path(source), max_cell_chars)
    elif isinstance(source, pl.LazyFrame):
        table = Table(source.collect())
    elif isinstance(source, pl.DataFrame):
        table = Table(source)
    elif type(source).__module__.partition(".")[0] == "pandas":
        table = Table(*from_pandas(source), "the pandas frame")
    elif type(source).__module__.partition(".")[0] == "pyarrow":
        table = Table(from_arrow(source), (), "the Arrow table")
    elif isinstance(source, Mapping):
        table = Table(*from_columns(source, name="the table"))
    elif isinstance(source, list | tuple):
        table = Table(*from_records(source, name="the rows"), "the rows")
    else:
        raise InputError(
            f"rows given as {type(source).__name__}",
            needed="a path, a Polars or pandas frame, an Arrow table, a mapping of columns or a list of mappings",
            fix="convert it to one of these",
        )
    return _checked(table, max_cell_chars, empty=empty)


def read_rows(path: Path, *, max_cell_chars: int = MAX_CELL_CHARS) -> Table:
    """The rows of a file that can be read; the others are listed in ``skipped`` and passed over.

    Raises InputError for a file that cannot be read at all.
    """
    table = _read_path(path, max_cell_chars, lenient=True)
    frame, long = without_long(table.frame, max_cell_chars)
    skipped = (*table.skipped, *(Skipped(row + 1, "it holds a cell that is too long") for row in long))
    return _checked(replace(table, frame=frame, skipped=skipped), max_cell_chars)


def _read_path(path: Path, max_cell_chars: int, *, lenient: bool = False) -> Table:
    if path.is_dir():
        raise InputError(f"{path} is a directory", needed=f"one file: {_EXTENSIONS}", fix="name the file inside it")
    if not path.exists():
        raise InputError(
            f"{path} does not exist", needed="a file to read", fix="check the path and the working directory"
        )
    packed = path.suffix.lower() == ".gz"
    kind = Path(path.stem if packed else path.name).suffix.lower()
    if kind == ".parquet" and not packed:
        return _read_parquet(path)
    if kind not in _TEXT_FILES:
        found = "".join(path.suffixes[-2:]) if packed else path.suffix
        raise InputError(
            f"{path.name} has the extension {found or '(none)'}", needed=_EXTENSIONS, fix="export it as one of these"
        )
    text, notes = _text(_bytes(path, packed=packed), path.name, lenient=lenient)
    if kind in (".jsonl", ".ndjson"):
        return _json_table(text, notes, path.name, lenient=lenient)
    parsed = parse_delimited(text, name=path.name, max_cell_chars=max_cell_chars, tabs=kind == ".tsv", lenient=lenient)
    columns = [typed(column) for column in parsed.frame]
    written = [column for column, new in zip(parsed.frame, columns, strict=True) if new.dtype != pl.String]
    return Table(pl.DataFrame(columns), notes + parsed.notes, path.name, pl.DataFrame(written), parsed.skipped)


def _text(raw: bytes, name: str, *, lenient: bool) -> tuple[str, tuple[str, ...]]:
    try:
        return decode(raw, name=name)
    except InputError:
        if not lenient:
            raise
        return decode_what_can_be(raw), ()


def _json_table(text: str, notes: tuple[str, ...], name: str, *, lenient: bool) -> Table:
    if not lenient:
        frame, more = from_json_lines(text, name=name)
        return Table(frame, notes + more, name)
    kept = "\n".join(line if is_decoded(line) else UNDECODABLE for line in text.split("\n"))
    (frame, more), skipped = from_readable_json_lines(kept, name=name)
    return Table(frame, notes + more, name, skipped=skipped)


def _bytes(path: Path, *, packed: bool) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if packed else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{path.name} is not a whole gzip file ({error})", needed="a complete .gz file", fix="download it again"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error})", needed="a readable file", fix="check its permissions"
        ) from error


def _read_parquet(path: Path) -> Table:
    try:
        return Table(pl.read_parquet(path), (), path.name)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path.name} cannot be read as Parquet ({first})", needed="a complete Parquet file", fix="write it again"
        ) from error


def _checked(table: Table, max_cell_chars: int, *, empty: bool = False) -> Table:
    """The same table with categories and decimals as plain text and numbers, if it has rows and no cell is too long."""
    frame = table.frame
    if (frame.height == 0 and not empty) or frame.width == 0:
        raise InputError(f"{table.name} has no rows", needed="at least one row", fix="check the export or the filter")
    columns: list[pl.Series] = []
    for column in frame:
        plain = column
        if isinstance(column.dtype, pl.Categorical | pl.Enum):
            plain = column.cast(pl.String)
        elif isinstance(column.dtype, pl.Decimal):
            plain = column.cast(pl.Float64)
        elif column.dtype == pl.Null:
            plain = column.cast(pl.String)
        if plain.dtype == pl.String:
            lengths = plain.str.len_chars()
            longest = lengths.max()
            if isinstance(longest, int) and longest > max_cell_chars:
                row = lengths.arg_max() or 0
                raise too_long(table.name, row=row, column=plain.name, chars=longest, limit=max_cell_chars)
        columns.append(plain)
    decimals = frame.select(column.name for column in frame if isinstance(column.dtype, pl.Decimal))
    return replace(table, frame=pl.DataFrame(columns), decimals=decimals)
