"""Rows that may be more than memory holds as text, a part at a time and only the columns that are asked for.

Decisions: what is small is read by the one reader (``table``), with all it understands. Parquet is read in pieces; a
text file from ``LARGE`` bytes on, or an eighth of that when it is packed, by Arrow's reader, which is strict too and
keeps a piece in memory; JSON lines as large by the one reader, so many at once. A file that does not begin plainly goes
to the one reader whole, which says more about it. A folder is its files in the order of their names; a
Delta table is not read so, because it keeps files of rows that were deleted.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from graft.core import foreign
from graft.core.errors import InputError
from graft.core.places import ROWS, next_step
from graft.rows.delimited import parse_delimited
from graft.rows.named import names_of, read_columns, read_whole
from graft.rows.records import from_json_lines
from graft.rows.table import MAX_CELL_CHARS, require_rows_file

PIECE = 1 << 20
LARGE = 16 << 20
_BLOCK, _MOST_BYTES = 8 << 20, 1 << 40
_START = 1 << 18
_BUFFER = 1 << 20
_LONGEST_LINE = 1 << 26
_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")
_ROW = re.compile(r"Row #(\d+)")


@dataclass(frozen=True)
class Part:
    """Some of the rows. name: how messages call them. columns: that are there.

    read: the named columns, as ``read_columns`` gives them, in pieces of about ``PIECE`` rows.
    """

    name: str
    columns: tuple[str, ...]
    read: Callable[[Sequence[str]], Iterator[pl.DataFrame]]


def parts(rows: Any, *, what: str) -> Iterator[Part]:
    """The parts of a table, of a file, of a folder of files, or of a sequence of files or tables.

    what: what the rows are, for messages ("interactions"). Raises InputError for what is none of these.
    """
    if isinstance(rows, str | Path):
        for file in _files(Path(rows)):
            yield _of_file(file, what)
    elif isinstance(rows, list | tuple) and rows and not isinstance(rows[0], Mapping):
        if _is_bare(rows[0]):
            raise InputError(
                f"the {what} are a list of rows without names, the first {rows[0]!r}"[:200],
                needed="columns with names",
                fix='for example polars.DataFrame(rows, schema=["user", "item"], orient="row")',
            )
        for one in rows:
            yield from parts(one, what=what)
    else:
        yield _of_table(rows, what)


def _is_bare(row: Any) -> bool:
    """Whether this is the cells of a row, as other libraries take them, and no sequence of files or tables."""
    cells = list(row) if isinstance(row, list | tuple) or getattr(row, "ndim", 0) == 1 else []
    plain = all(cell is None or isinstance(cell, str | int | float | np.generic | date) for cell in cells)
    return bool(cells) and plain and not all(isinstance(cell, str) and _is_there(Path(cell)) for cell in cells)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long to be one
        return False


def _files(path: Path) -> list[Path]:
    if not _is_there(path):
        fix = next_step(path, ROWS) or "check the path and the working directory"
        raise InputError(f"{str(path)[:200]} does not exist", needed="a file or a folder to read", fix=fix)
    if not path.is_dir():
        return [path]
    if (path / "_delta_log").is_dir():
        raise InputError(
            f"{path} is a Delta table, whose files hold deleted rows too",
            needed="rows as they are now",
            fix="read it with its library and give the frame: polars.scan_delta(...)",
        )
    inside = (file.relative_to(path) for file in path.rglob("*") if file.is_file())
    # What starts so is a mark that the writer of the parts left, such as _SUCCESS.
    found = sorted(file for file in inside if not any(part.startswith(("_", ".")) for part in file.parts))
    if not found:
        raise InputError(f"{path} holds no files", needed="files of rows", fix="check the export")
    for file in found:
        require_rows_file(path / file)
    if any("=" in folder for file in found for folder in file.parts[:-1]):
        raise InputError(
            f"{path} keeps a column in the names of its folders, as in {found[0]}",
            needed="every column inside the files",
            fix="give a frame: polars.scan_parquet(..., hive_partitioning=True)",
        )
    return [path / file for file in found]


def files_of_rows(path: Path) -> list[Path]:
    """The files of a folder that holds files of rows and nothing else, in the order of their names; none of a folder
    of other files, nor of a file. Raises InputError for a Delta table, and for columns in the names of folders."""
    if not path.is_dir():
        return []
    inside = [one for one in path.rglob("*") if one.is_file() and not one.name.startswith(("_", "."))]
    delta = (path / "_delta_log").is_dir()
    return _files(path) if delta or (inside and all(map(_holds_rows, inside))) else []


def _holds_rows(path: Path) -> bool:
    try:
        require_rows_file(path)
    except InputError:
        return False
    return True


def large_part(path: Path, *, what: str) -> Part | None:
    """A file that is read a piece at a time, because it is large; None for one that is read at once."""
    kind, packed = require_rows_file(path)
    if kind == ".parquet":
        return _of_parquet(path, what) if path.stat().st_size >= LARGE // 8 else None
    return _large_text(path, what, kind, packed=packed)


def _of_file(path: Path, what: str) -> Part:
    kind, packed = require_rows_file(path)
    if kind == ".parquet":
        return _of_parquet(path, what)
    return _large_text(path, what, kind, packed=packed) or _of_table(path, what)


def _large_text(path: Path, what: str, kind: str, *, packed: bool) -> Part | None:
    if path.stat().st_size >= (LARGE // 8 if packed else LARGE):
        open_it = foreign.opened_gzip if packed else foreign.opened
        text = LargeText(path, partial(open_it, path, limit=_MOST_BYTES))
        return text.delimited(what, tabs=kind == ".tsv") if kind in (".csv", ".tsv") else text.json_lines(what)
    return None


def _of_table(rows: Any, what: str) -> Part:
    """What is read at once. Of a file or a list, whose columns are seen by reading, all are kept meanwhile."""
    names = names_of(rows)
    if not names and not isinstance(rows, Mapping):
        table = read_whole(rows, what=what)
        names, rows = table.columns, table
    label = f"{what} in {rows}" if isinstance(rows, str | Path) else what
    return Part(label, tuple(names), partial(_sliced, rows, what))


def _sliced(rows: Any, what: str, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    if isinstance(rows, pl.LazyFrame):
        rows = rows.select(names).collect(engine="streaming")
    frame = read_columns(rows, names, what=what)
    for start in range(0, frame.height, PIECE):
        yield frame.slice(start, PIECE)


def _of_parquet(path: Path, what: str) -> Part:
    from pyarrow.parquet import ParquetFile

    with _told(path, "Parquet"), foreign.opened(path, limit=_MOST_BYTES) as stream, ParquetFile(stream) as file:
        names = tuple(file.schema_arrow.names)
    return Part(path.name, names, partial(_parquet_pieces, path, what))


def _parquet_pieces(path: Path, what: str, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    for table in parquet_tables(path, names):
        yield read_columns(table, names, what=what)


def parquet_tables(path: Path, names: Sequence[str], *, rows: int = PIECE) -> Iterator[Any]:
    """The named columns of a Parquet file as Arrow tables of at most so many rows."""
    from pyarrow import Table
    from pyarrow.parquet import ParquetFile

    with ExitStack() as stack:
        stack.enter_context(_told(path, "Parquet"))
        stream = stack.enter_context(foreign.opened(path, limit=_MOST_BYTES))
        # Pages are read as they are needed: a file may be one group of rows as large as memory.
        file = stack.enter_context(ParquetFile(stream, page_checksum_verification=True, buffer_size=_BUFFER))
        for batch in file.iter_batches(batch_size=rows, columns=list(names)):
            batch.validate(full=True)
            yield Table.from_batches([batch])


@dataclass(frozen=True)
class LargeText:
    """A text file that is read a piece at a time. opened: it, packed or not, as a context that gives bytes."""

    path: Path
    opened: Callable[[], AbstractContextManager[Any]]

    def delimited(self, what: str, *, tabs: bool) -> Part | None:
        """Delimited text; None when it is not plainly that, and the one reader should say more."""
        raw = self._start()
        try:
            start = raw.removeprefix(b"\xef\xbb\xbf")[: raw.rfind(b"\n") + 1].decode("utf-8")
            parsed = parse_delimited(start, name=self.path.name, max_cell_chars=MAX_CELL_CHARS, tabs=tabs)
        except (UnicodeDecodeError, InputError):
            return None
        if parsed.notes or start[:4].lower() in ("sep=", '"sep'):
            return None
        names = tuple(parsed.frame.columns)
        return Part(self.path.name, names, partial(self._delimited_pieces, what, parsed.delimiter))

    def json_lines(self, what: str) -> Part:
        """JSON lines, whose columns are those of the first piece. Raises InputError for what is no such line."""
        first = next(self._lines(), (1, ""))[1]
        names = tuple(from_json_lines(first, name=self.path.name).frame.columns)
        return Part(self.path.name, names, partial(self._json_pieces, what, names))

    def _start(self) -> bytes:
        with _told(self.path, "a table of text"), self.opened() as stream:
            return bytes(stream.read(_START))

    def _delimited_pieces(self, what: str, delimiter: str, names: Sequence[str]) -> Iterator[pl.DataFrame]:
        import pyarrow as pa
        from pyarrow import csv

        text = csv.ConvertOptions(
            include_columns=list(names),
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        )
        with ExitStack() as stack:
            stack.enter_context(_told(self.path, "a table of text"))
            stream = stack.enter_context(self.opened())
            reader = stack.enter_context(
                csv.open_csv(
                    stream,
                    read_options=csv.ReadOptions(block_size=_BLOCK),
                    parse_options=csv.ParseOptions(
                        delimiter=delimiter, ignore_empty_lines=True, newlines_in_values=True
                    ),
                    convert_options=text,
                )
            )
            before = 0
            while True:
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
                except pa.ArrowInvalid as error:
                    raise _broken(self.path.name, str(error), before) from error
                before += batch.num_rows
                yield read_columns(pa.Table.from_batches([batch]), names, what=what)

    def _json_pieces(self, what: str, known: Sequence[str], names: Sequence[str]) -> Iterator[pl.DataFrame]:
        for number, text in self._lines():
            found = from_json_lines(text, name=self.path.name, first=number)
            frame = found.frame
            for name in names:
                if name in found.unread:
                    raise found.unread[name]
            if new := [name for name in frame.columns if name not in known]:
                raise InputError(
                    f"{self.path.name}: after line {number} there is the key {new[0]!r}, which the first lines lack",
                    needed="the same keys throughout in a file that is read in pieces",
                    fix="write the key in every line, or write the rows as Parquet",
                )
            lacking = [pl.lit(None, pl.String).alias(name) for name in names if name not in frame.columns]
            yield read_columns(frame.with_columns(lacking), names, what=what)

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Whole lines, about ``_BLOCK`` bytes at once, with the number of the first of them, from 1."""
        with _told(self.path, "JSON lines"), self.opened() as stream:
            rest, number = b"", 1
            while True:
                piece = bytes(stream.read(_BLOCK))
                whole = rest + piece
                end = len(whole) if not piece else whole.rfind(b"\n") + 1
                if end:
                    text = (whole[:end].removeprefix(b"\xef\xbb\xbf") if number == 1 else whole[:end]).decode("utf-8")
                    yield number, text
                    number += text.count("\n")
                elif len(whole) > _LONGEST_LINE:
                    raise InputError(
                        f"{self.path.name}: line {number} has more than {_LONGEST_LINE:,} bytes",
                        needed="one object per line",
                        fix="write every row on a line of its own; a JSON array over the whole file is one line",
                    )
                rest = whole[end:]
                if not piece:
                    return


def _broken(name: str, error: str, before: int) -> InputError:
    """What is wrong with a table of text of which so many records could be read; Arrow counts the header as one."""
    if ragged := _RAGGED.search(error):
        place, header, cells = map(int, ragged.groups())
        return InputError(
            f"{name}: record {place - 1:,} has {cells} cells and the header {header}",
            needed="as many cells in every record as names in the header",
            fix="put cells that hold the delimiter into double quotes",
        )
    if "straddling" in error:
        return InputError(
            f"{name}: after record {before:,} a double quote is opened and not closed within {_BLOCK:,} bytes",
            needed='cells with quotes written as "she said ""no""", opened and closed',
            fix="look for a lone double quote after that record and double it",
        )
    if "UTF8" in error:
        row = _ROW.search(error)
        where = f"record {int(row[1]) - 1:,}" if row else f"a record after {before:,}"
        return InputError(
            f"{name}: {where} is not UTF-8, and the beginning of the file is",
            needed="UTF-8 throughout in a file that is read in pieces",
            fix="save it again as UTF-8 (a shell: iconv -f cp1252 -t utf-8)",
        )
    return InputError(
        f"{name} cannot be read as a table of text after record {before:,} ({error.splitlines()[0][:300]})",
        needed="a complete file of one form",
        fix="write it again; quotes must pair up",
    )


@contextmanager
def _told(path: Path, form: str) -> Iterator[None]:
    """Errors of a reader in our words."""
    from pyarrow import ArrowException

    try:
        yield
    except InputError:
        raise
    except (ArrowException, OSError, ValueError, NotImplementedError) as error:
        first = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise InputError(
            f"{path.name} cannot be read as {form} ({first})",
            needed="a complete file of one form",
            fix="write it again; in text, quotes must pair up",
        ) from error
