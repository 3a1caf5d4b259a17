"""One way in for rows: files and frames to a table.

Decisions: everything becomes a Polars frame in memory, since the sets Graft is for are small; what was changed on the
way in is written down as notes; what cannot be read without guessing is refused. A column typed from a text file keeps
the text it was written as, so a message that reads ``1.50`` is still ``1.50`` to the encoder, and the classes ``1.1``
and ``1.10`` are two. A column of a frame that Graft cannot read is no error until somebody names it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from graft.core import foreign
from graft.core.errors import InputError
from graft.core.places import ROWS, next_step
from graft.rows.columns import from_values, typed
from graft.rows.delimited import parse_delimited, too_long
from graft.rows.encoding import decode
from graft.rows.folders import is_named_as_medium, read_folder
from graft.rows.records import (
    Columns,
    from_arrow,
    from_columns,
    from_json_lines,
    from_pandas,
    from_readable_json_lines,
    from_records,
)
from graft.rows.skipped import UNDECODABLE, Skipped, decode_what_can_be, is_decoded, without_long
from graft.rows.values import ids, written_names

if TYPE_CHECKING:
    import pandas as pd
    from pyarrow.parquet import FileMetaData

    Frame: TypeAlias = pl.DataFrame | pl.LazyFrame | pd.DataFrame
    Source: TypeAlias = str | Path | Frame | Mapping[str, object] | Sequence[Mapping[str, object]]

MAX_CELL_CHARS = 1_000_000
MAX_FILE_BYTES = 4 << 30
MAX_CELLS = 1 << 28
# What stands for the bytes of a file, as base64 and as a data URI.
_ENCODED = r"^(data:[^,]{0,100};base64,|[A-Za-z0-9+/_-]{1000})"
_TEXT_FILES = (".csv", ".tsv", ".jsonl", ".ndjson")
_ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst")
_EXTENSIONS = ".csv, .tsv, .jsonl, .ndjson (each also .gz) or .parquet"


@dataclass(frozen=True, eq=False)
class Table:
    """Rows as they were given.

    frame: the typed columns. notes: what was changed in reading. name: how errors call it.
    written: for columns typed from a text file, and for decimals, the text they were typed from. skipped: rows that
    were passed over. unread: columns that cannot be read, with what is wrong. doubt: why the first line of the file
    looks like data, "" when it does not. folder: of the file they were in, which the names of files in them are
    relative to; None for rows in memory. files: the column of their names, of a folder of files; "" otherwise.
    decimals: columns of decimal numbers as they were given; the frame holds them as floats.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    name: str = "the table"
    written: pl.DataFrame = field(default_factory=pl.DataFrame)
    skipped: tuple[Skipped, ...] = ()
    unread: Mapping[str, InputError] = field(default_factory=dict)
    doubt: str = ""
    decimals: pl.DataFrame = field(default_factory=pl.DataFrame)
    folder: Path | None = None
    files: str = ""
    _names: dict[str, pl.Series] = field(init=False, repr=False, default_factory=dict)

    def __len__(self) -> int:
        """Number of rows."""
        return self.frame.height

    def as_written(self, name: str) -> pl.Series:
        """A column as it was written in the file, before it was typed."""
        return self.written[name] if name in self.written.columns else self.frame[name]

    def as_names(self, name: str) -> pl.Series:
        """A column of classes, groups or categories as the words it holds, String: those written, since 1.1 and 1.10
        are two names and NA is one. A frame holds no written numbers: there 1.0 is ``1``. Raises ContractError for a
        column of lists."""
        # Asked for by the contract, the targets and the groups in turn: read once.
        if name not in self._names:
            self._names[name] = written_names(self.as_written(name))
        return self._names[name]

    def measured(self, name: str) -> bool:
        """Whether a column holds numbers of which nobody knows how they were written."""
        return name not in self.written.columns and self.frame[name].dtype.is_float()

    def names_rows(self, name: str | None) -> bool:
        """Whether a column is there that can name rows: pictures and sounds in memory have no names."""
        if name is None or name not in self.frame.columns or self.frame[name].dtype == pl.Binary:
            return False
        column = self.frame[name]
        return column.dtype != pl.String or not column.str.contains(_ENCODED).any()

    def as_ids(self, name: str) -> pl.Series:
        """A column of ids, String: as written, except that ``1.0`` and ``1`` name one thing."""
        return ids(self.as_written(name))


def read_frame(
    source: "Source", *, max_cell_chars: int = MAX_CELL_CHARS, empty: bool = False, encoding: str | None = None
) -> Table:
    """Rows from a file or a frame.

    source: a folder with a folder of pictures or recordings for each class; path of a .csv, .tsv, .jsonl, .ndjson (each
    also .gz) or .parquet file; a Polars or pandas frame; an Arrow table; a mapping of columns; or a sequence of
    mappings, one per row. max_cell_chars: longest text accepted in a cell, in characters. empty: a table without rows
    is an answer. encoding: what a text file is written in, where that is known; recognised otherwise. Raises InputError
    with what was found, where, and how to fix it.

    >>> read_frame({"text": ["hi", "bye"], "label": [1, 0]}).frame.shape
    (2, 2)
    """
    if isinstance(source, str | Path):
        path = Path(source)
        table = replace(_read_path(path, max_cell_chars, empty=empty, encoding=encoding), folder=_folder_of(path))
    elif isinstance(source, pl.LazyFrame):
        table = Table(source.collect())
    elif isinstance(source, pl.DataFrame):
        table = Table(source)
    elif type(source).__module__.partition(".")[0] == "pandas":
        table = _of(from_pandas(source), "the pandas frame")
    elif type(source).__module__.partition(".")[0] == "pyarrow" and hasattr(source, "schema"):
        table = _of(from_arrow(source), "the Arrow table")
    elif isinstance(source, Mapping):
        table = _of(from_columns(source, name="the table"), "the table")
    elif isinstance(source, list | tuple):
        table = _of(from_records(source, name="the list of rows"), "the list of rows")
    else:
        raise InputError(
            f"rows given as {type(source).__name__}",
            needed="a path, a Polars or pandas frame, an Arrow table, a mapping of columns or a list of mappings",
            fix="convert it to one of these; one column needs a name, as in {'text': values}",
        )
    return _checked(table, max_cell_chars, empty=empty)


def _of(columns: Columns, name: str, notes: tuple[str, ...] = (), skipped: tuple[Skipped, ...] = ()) -> Table:
    return Table(columns.frame, (*notes, *columns.notes), name, skipped=skipped, unread=columns.unread)


def read_rows(path: Path, *, max_cell_chars: int = MAX_CELL_CHARS, encoding: str | None = None) -> Table:
    """The rows of a file that can be read; the others are listed in ``skipped`` and passed over.

    Raises InputError for a file that cannot be read at all.
    """
    table = _read_path(path, max_cell_chars, lenient=True, encoding=encoding)
    frame, long = without_long(table.frame, max_cell_chars)
    skipped = (*table.skipped, *(Skipped(row + 1, "it holds a cell that is too long") for row in long))
    return _checked(replace(table, frame=frame, skipped=skipped, folder=_folder_of(path)), max_cell_chars)


def _folder_of(path: Path) -> Path:
    """What the names of files in a file of rows are relative to; in a folder of files, the folder."""
    whole = path.absolute()
    return whole if whole.is_dir() else whole.parent


def _read_path(
    path: Path, max_cell_chars: int, *, lenient: bool = False, empty: bool = False, encoding: str | None = None
) -> Table:
    if path.is_dir():
        frame, notes = read_folder(path)
        return Table(frame, notes, path.absolute().name, files=frame.columns[0])
    if not path.exists():
        fix = next_step(path, ROWS) or "check the path and the working directory"
        raise InputError(f"{path} does not exist", needed="a file to read", fix=fix)
    kind, packed = require_rows_file(path)
    if kind == ".parquet":
        return _read_parquet(path)
    text, notes = _text(_bytes(path, packed=packed), path.name, lenient=lenient, encoding=encoding)
    if kind in (".jsonl", ".ndjson"):
        return _json_table(text, notes, path.name, lenient=lenient)
    parsed = parse_delimited(
        text, name=path.name, max_cell_chars=max_cell_chars, tabs=kind == ".tsv", lenient=lenient, empty=empty
    )
    columns = [typed(column) for column in parsed.frame]
    written = [column for column, new in zip(parsed.frame, columns, strict=True) if new.dtype != pl.String]
    return Table(
        pl.DataFrame(columns),
        notes + parsed.notes,
        path.name,
        pl.DataFrame(written),
        parsed.skipped,
        doubt=parsed.doubt,
    )


def require_rows_file(path: Path) -> tuple[str, bool]:
    """How a file of rows ends, and whether it is packed. Raises InputError for a file that is called like none."""
    packed = path.suffix.lower() == ".gz"
    kind = Path(path.stem if packed else path.name).suffix.lower()
    if kind in _TEXT_FILES or (kind == ".parquet" and not packed):
        return kind, packed
    found = "".join(path.suffixes[-2:]) if packed else path.suffix
    raise InputError(
        f"{path.name} has the extension {found or '(none)'}",
        needed=f"{_EXTENSIONS}, or a folder of pictures or recordings",
        fix=_instead_of(path),
    )


def _instead_of(path: Path) -> str:
    """What to do with a file that holds no rows."""
    if is_named_as_medium(path):
        return f"name the folder it lies in ({path.absolute().parent}), or a table with a column of such files"
    if any(ending.lower() in _ARCHIVES for ending in path.suffixes[-2:]):
        return "unpack it, and name the file or the folder inside it"
    return "export it as one of these"


def _text(raw: bytes, name: str, *, lenient: bool, encoding: str | None) -> tuple[str, tuple[str, ...]]:
    try:
        return decode(raw, name=name, encoding=encoding)
    except InputError:
        if not lenient or encoding is not None:
            raise
        return decode_what_can_be(raw), (f"{name} is not UTF-8 throughout: rows with other bytes are left out",)


def _json_table(text: str, notes: tuple[str, ...], name: str, *, lenient: bool) -> Table:
    if not lenient:
        return _of(from_json_lines(text, name=name), name, notes)
    kept = "\n".join(line if is_decoded(line) else UNDECODABLE for line in text.split("\n"))
    columns, skipped = from_readable_json_lines(kept, name=name)
    return _of(columns, name, notes, skipped)


def _bytes(path: Path, *, packed: bool) -> bytes:
    return (foreign.read_gzip if packed else foreign.read_bytes)(path, limit=MAX_FILE_BYTES)


def _read_parquet(path: Path) -> Table:
    """Arrow's reader, which checks pages and values and says what is wrong; the one in Polars stops with a panic."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with (
            foreign.opened(path, limit=MAX_FILE_BYTES) as stream,
            ParquetFile(stream, page_checksum_verification=True) as file,
        ):
            _require_bounded(file.metadata, path.name)
            table = file.read()
        table.validate(full=True)
    except InputError:
        raise
    except (ArrowException, OSError, ValueError, NotImplementedError) as error:
        first = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise InputError(
            f"{path.name} cannot be read as Parquet ({first})", needed="a complete Parquet file", fix="write it again"
        ) from error
    return _of(from_arrow(table), path.name)


def _require_bounded(facts: "FileMetaData", name: str) -> None:
    """Refuse a small file that says it holds more than memory does. facts: of its footer."""
    groups = [facts.row_group(place) for place in range(facts.num_row_groups)]
    chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
    cells, values = facts.num_rows * max(facts.num_columns, 1), sum(chunk.num_values for chunk in chunks)
    size = sum(chunk.total_uncompressed_size for chunk in chunks)
    if cells > MAX_CELLS or values > 4 * MAX_CELLS or size > 2 * MAX_FILE_BYTES:
        raise InputError(
            f"{name} says it holds {cells:,} cells, {size:,} bytes when unpacked",
            needed=f"at most {MAX_CELLS:,} cells and {2 * MAX_FILE_BYTES:,} bytes",
            fix="keep the columns that are needed, or divide the file",
        )


def _checked(table: Table, max_cell_chars: int, *, empty: bool = False) -> Table:
    """The same table with categories and decimals as plain text and numbers, if it has rows and no cell is too long."""
    frame = table.frame
    if not empty and (frame.height == 0 or frame.width == 0) and not table.unread:
        raise InputError(f"{table.name} holds no rows", needed="at least one row", fix="check the export or the filter")
    columns: list[pl.Series] = []
    written = table.written
    for column in frame:
        plain = column
        if isinstance(column.dtype, pl.Categorical | pl.Enum):
            plain = column.cast(pl.String)
        elif isinstance(column.dtype, pl.Decimal):
            plain = column.cast(pl.Float64)
            written = pl.DataFrame([*written, column.cast(pl.String)])
        elif isinstance(column.dtype, pl.BaseExtension):
            plain = _without_extension(column)
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
    return replace(table, frame=pl.DataFrame(columns), written=written, decimals=decimals)


def _without_extension(column: pl.Series) -> pl.Series:
    """A column of a type that another library defined, as the words it prints where that library is at hand."""
    try:
        return from_values(column.name, column.to_arrow().to_pandas().tolist())[0]
    except Exception:  # pandas is not there, or does not know the type
        return column.ext.storage()
