"""One way in for rows: files and frames to a table.

Decisions: everything becomes a Polars frame in memory, since the sets Graft is for are small; what was changed on the
way in is written down as notes; what cannot be read without guessing is refused. A column typed from a text file keeps
the text it was written as, so a message that reads ``1.50`` is still ``1.50`` to the encoder.
"""

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from graft.core.errors import InputError
from graft.inputs.columns import from_values, typed
from graft.inputs.delimited import parse_delimited, too_long
from graft.inputs.encoding import decode

if TYPE_CHECKING:
    import pandas as pd

    Source = str | Path | pl.DataFrame | pl.LazyFrame | pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, Any]]

MAX_CELL_CHARS = 1_000_000
_EXTENSIONS = ".csv, .tsv, .jsonl, .ndjson (each also .gz) or .parquet"


@dataclass(frozen=True, eq=False)
class Table:
    """Rows as they were given.

    frame: the typed columns. notes: what was changed in reading. name: how errors call it.
    written: for columns typed from a text file, the text they were typed from.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    name: str = "the table"
    written: pl.DataFrame = field(default_factory=pl.DataFrame)

    def __len__(self) -> int:
        """Number of rows."""
        return self.frame.height

    def as_written(self, name: str) -> pl.Series:
        """A column as it was written in the file, before it was typed."""
        return self.written[name] if name in self.written.columns else self.frame[name]


def read_frame(source: "Source", *, max_cell_chars: int = MAX_CELL_CHARS) -> Table:
    """Rows from a file or a frame.

    source: path of a .csv, .tsv, .jsonl, .ndjson (each also .gz) or .parquet file; a Polars or pandas frame; a mapping
    of columns; or a sequence of mappings, one per row. max_cell_chars: longest text accepted in one cell, in characters.
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
        table = _from_pandas(source)
    elif isinstance(source, Mapping):
        table = _from_columns({str(name): _values(column) for name, column in source.items()}, "the table")
    elif isinstance(source, Sequence) and not isinstance(source, bytes | bytearray):
        table = _from_records(list(source), "the rows")
    else:
        raise InputError(
            f"rows given as {type(source).__name__}",
            needed="a path, a Polars or pandas frame, a mapping of columns or a sequence of mappings",
            fix="convert it to one of these",
        )
    return _checked(table, max_cell_chars)


def _read_path(path: Path, max_cell_chars: int) -> Table:
    if path.is_dir():
        raise InputError(f"{path} is a directory", needed=f"one file: {_EXTENSIONS}", fix="name the file inside it")
    if not path.exists():
        raise InputError(f"{path} does not exist", needed="a file to read", fix="check the path and the working directory")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes or [""])[-1]
    packed = bool(suffixes) and suffixes[-1] == ".gz"
    if kind == ".parquet" and not packed:
        return _read_parquet(path)
    if kind not in (".csv", ".tsv", ".jsonl", ".ndjson"):
        raise InputError(
            f"{path.name} has the extension {path.suffix or '(none)'}", needed=_EXTENSIONS, fix="export it as one of these"
        )
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if packed else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{path.name} is not a whole gzip file ({error})", needed="a complete .gz file", fix="download it again"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error})", needed="a readable file", fix="check its permissions"
        ) from error
    text, notes = decode(raw, name=path.name)
    if kind in (".jsonl", ".ndjson"):
        table = _read_json_lines(text, path.name)
        return Table(table.frame, notes + table.notes, path.name)
    parsed = parse_delimited(text, name=path.name, max_cell_chars=max_cell_chars, tabs=kind == ".tsv")
    columns = [typed(column) for column in parsed.frame]
    written = [column for column, new in zip(parsed.frame, columns, strict=True) if new.dtype != pl.String]
    return Table(pl.DataFrame(columns), notes + parsed.notes, path.name, pl.DataFrame(written))


def _read_parquet(path: Path) -> Table:
    try:
        return Table(pl.read_parquet(path), (), path.name)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path.name} cannot be read as Parquet ({first})", needed="a complete Parquet file", fix="write it again"
        ) from error


def _read_json_lines(text: str, name: str) -> Table:
    records: list[Mapping[str, Any]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line, object_pairs_hook=_unrepeated)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{name}: line {number} is not one JSON object ({error})",
                needed='one object per line, such as {"text": "...", "label": "..."}',
                fix="repair that line; a JSON array must be written one object per line",
            ) from error
        if not isinstance(record, dict):
            raise InputError(
                f"{name}: line {number} is a JSON {type(record).__name__}, not an object",
                needed='one object per line, such as {"text": "...", "label": "..."}',
                fix="write every row as an object with the column names as keys",
            )
        records.append(record)
    return _from_records(records, name)


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} appears twice")
    return dict(pairs)


def _from_records(records: Sequence[Any], name: str) -> Table:
    for row, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise InputError(
                f"{name}: item {row} is a {type(record).__name__}",
                needed="a mapping of column name to value for every row",
                fix='write rows as {"text": "...", "label": "..."}',
            )
    columns = dict.fromkeys(key for record in records for key in record)
    return _from_columns({str(key): [record.get(key) for record in records] for key in columns}, name)


def _values(column: Any) -> list[Any]:
    if isinstance(column, pl.Series):
        return column.to_list()
    if isinstance(column, str | bytes) or not hasattr(column, "__iter__"):
        raise InputError(
            f"a column given as {type(column).__name__}", needed="a list or array of values", fix="one value per row"
        )
    return list(column.tolist() if hasattr(column, "tolist") else column)


def _from_columns(columns: Mapping[str, Sequence[Any]], name: str) -> Table:
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        sizes = ", ".join(f"{column!r} has {len(values)}" for column, values in columns.items())
        raise InputError(f"{name}: columns differ in length: {sizes}", needed="as many values in each", fix="align them")
    built = [from_values(column, values) for column, values in columns.items()]
    notes = tuple(note for _, column_notes in built for note in column_notes)
    return Table(pl.DataFrame([series for series, _ in built]), notes, name)


def _from_pandas(frame: Any) -> Table:
    names = [str(column) for column in frame.columns]
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        raise InputError(
            f"the pandas frame names {', '.join(map(repr, repeated))} more than once",
            needed="every column name once",
            fix="rename or drop the repeated columns",
        )
    series: list[pl.Series] = []
    notes: list[str] = []
    for position, name in enumerate(names):
        column = frame.iloc[:, position]
        if str(column.dtype) in ("object", "str", "string"):
            values = [value if hasattr(value, "__len__") or value == value else None for value in column.tolist()]
            built, column_notes = from_values(name, [None if type(v).__name__ == "NAType" else v for v in values])
            notes.extend(column_notes)
        else:
            built = pl.from_pandas(column).alias(name)
        series.append(built)
    return Table(pl.DataFrame(series), tuple(notes), "the pandas frame")


def _checked(table: Table, max_cell_chars: int) -> Table:
    frame = table.frame
    if frame.height == 0 or frame.width == 0:
        raise InputError(f"{table.name} has no rows", needed="at least one row", fix="check the export or the filter")
    changed: list[pl.Series] = []
    for column in frame:
        if isinstance(column.dtype, pl.Categorical | pl.Enum):
            column = column.cast(pl.String)
        elif isinstance(column.dtype, pl.Decimal):
            column = column.cast(pl.Float64)
        if column.dtype == pl.String:
            lengths = column.str.len_chars()
            longest = lengths.max()
            if isinstance(longest, int) and longest > max_cell_chars:
                row = lengths.arg_max() or 0
                raise too_long(table.name, row=row, column=column.name, chars=longest, limit=max_cell_chars)
        changed.append(column)
    return Table(pl.DataFrame(changed), table.notes, table.name, table.written)
