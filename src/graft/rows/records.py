"""Rows that are already values (JSON lines, mappings, pandas) to columns.

Decisions: every column has one type, found from its values; a key that a row lacks is a missing value. pandas is never
imported here: a frame is asked for its columns, so it stays optional.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.rows.columns import MISSING_TYPES, from_values, is_whole
from graft.rows.headers import repeated, require_width
from graft.rows.skipped import Skipped


class Columns(NamedTuple):
    """Columns that were read, notes about them, and why others cannot be: their names with what is wrong."""

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    unread: Mapping[str, InputError] = MappingProxyType({})


_LINE = 'one object per line, such as {"text": "...", "label": "..."}'


# A line of sixty of the longest cells; as Python values it takes ten times as much memory.
_LINE_CHARS = 1 << 26


def from_json_lines(text: str, *, name: str, first: int = 1) -> Columns:
    """The columns of JSON lines, and notes. Raises InputError with the number of the first line that is no object.

    first: the number of the first line.
    """
    records = [_json_record(line, number + first - 1, name) for number, line in _numbered(text)]
    return from_records(records, name=name)


def from_readable_json_lines(text: str, *, name: str) -> tuple[Columns, tuple[Skipped, ...]]:
    """The same, passing over lines that are no object; which those were."""
    records: list[Mapping[str, Any]] = []
    skipped: list[Skipped] = []
    for number, line in _numbered(text):
        try:
            records.append(_json_record(line, number, name))
        except InputError as error:
            skipped.append(Skipped(number, error.given))
    return from_records(records, name=name), tuple(skipped)


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, numbered from 1."""
    return ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def _json_record(line: str, number: int, name: str) -> Mapping[str, Any]:
    if len(line) > _LINE_CHARS:
        raise InputError(
            f"{name}: line {number} has {len(line):,} characters",
            needed=f"at most {_LINE_CHARS:,} characters in a line: {_LINE}",
            fix="write one object per line; a JSON array over the whole file is one line",
        )
    try:
        record = json.loads(line, object_pairs_hook=_unrepeated)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{name}: line {number} is not one JSON object ({error})",
            needed=_LINE,
            fix="repair that line; a JSON array must be written one object per line",
        ) from error
    if not isinstance(record, dict):
        raise InputError(
            f"{name}: line {number} is a JSON {type(record).__name__}, not an object",
            needed=_LINE,
            fix="write every row as an object with the column names as keys",
        )
    return record


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError(f"the key {repeated(name for name, _ in pairs)[0]!r} appears twice")
    return record


def from_records(records: Sequence[object], *, name: str) -> Columns:
    """The columns of a sequence of mappings, in order of first appearance, and notes."""
    rows: list[Mapping[Any, Any]] = []
    for row, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise InputError(
                f"{name}: item {row} is a {type(record).__name__}",
                needed="a mapping of column name to value for every row",
                fix='write rows as {"text": "...", "label": "..."}',
            )
        rows.append(record)
    keys = dict.fromkeys(key for record in rows for key in record)
    require_width(len(keys), len(rows), name)
    return from_columns({str(key): [record.get(key) for record in rows] for key in keys}, name=name)


def from_columns(columns: Mapping[str, object], *, name: str) -> Columns:
    """The columns of a mapping of name to values, all of one length, and notes."""
    values = {str(column): _values(str(column), cells) for column, cells in columns.items()}
    if len({len(cells) for cells in values.values()}) > 1:
        sizes = ", ".join(f"{column!r} has {len(cells)}" for column, cells in values.items())
        raise InputError(
            f"{name}: columns differ in length: {sizes}", needed="one value per row in each", fix="align them"
        )
    return _built({column: partial(from_values, column, cells) for column, cells in values.items()})


def _built(columns: Mapping[str, Callable[[], tuple[pl.Series, tuple[str, ...]]]]) -> Columns:
    """The columns that can be read; what is wrong with the others matters only to somebody who names one."""
    for name in columns:
        if not is_whole(name):
            raise InputError(
                f"the column {name!a} has half a character (a lone surrogate) in its name",
                needed="names that can be written as text",
                fix="rename it where the rows were written",
            )
    series: list[pl.Series] = []
    notes: list[str] = []
    unread: dict[str, InputError] = {}
    for name, build in columns.items():
        try:
            column, more = build()
        except InputError as error:
            unread[name] = error
            notes.append(f"{error.given}: the column is left aside")
            continue
        series.append(column)
        notes.extend(more)
    return Columns(pl.DataFrame(series), tuple(notes), unread)


def _values(name: str, cells: object) -> list[Any]:
    if isinstance(cells, pl.Series):
        return cells.to_list()
    if isinstance(cells, np.ndarray) and cells.ndim == 1:
        return list(cells)
    if getattr(cells, "ndim", 0) > 2 and isinstance(cells, Iterable):
        return list(cells)  # a stack of pictures, of NumPy or of torch: one picture a row, and no lists of lists
    if isinstance(cells, str | bytes | Mapping) or not isinstance(cells, Iterable):
        raise InputError(
            f"column {name!r} given as {type(cells).__name__}",
            needed="a list or array of values",
            fix="one value per row",
        )
    return list(cells.tolist() if hasattr(cells, "tolist") else cells)


def from_pandas(frame: Any) -> Columns:
    """The columns of a pandas frame, its index left aside, and notes. Raises InputError for a Series."""
    if not hasattr(frame, "columns"):
        raise InputError(
            f"rows given as a pandas {type(frame).__name__}",
            needed="a frame with named columns",
            fix="use .to_frame('text'), and name the other columns beside it",
        )
    names = [str(column) for column in frame.columns]
    if twice := repeated(names):
        raise InputError(
            f"the pandas frame names {', '.join(map(repr, twice))} more than once",
            needed="every column name once",
            fix="rename or drop the repeated columns",
        )
    return _built({name: partial(_pandas_column, name, frame.iloc[:, place]) for place, name in enumerate(names)})


def _pandas_column(name: str, column: Any) -> tuple[pl.Series, tuple[str, ...]]:
    kind = str(column.dtype).partition("[")[0].lower()
    if kind == "sparse":
        column = column.sparse.to_dense()
    if kind in ("object", "str", "string", "category", "interval", "period", "complex64", "complex128", "timedelta64"):
        return from_values(name, [None if _missing(value) else value for value in column.tolist()])
    try:
        return pl.from_pandas(column).alias(name), ()
    except Exception as error:  # each library below raises its own
        raise InputError(
            f"column {name!r} holds {column.dtype}",
            needed="text, numbers, booleans, dates or lists of words",
            fix="convert it with .astype(str), or drop the column",
        ) from error


def from_arrow(table: Any) -> Columns:
    """The columns of an Arrow table or record batch, and notes."""
    names = list(table.schema.names)
    if twice := repeated(names):
        raise InputError(
            f"the Arrow table names {', '.join(map(repr, twice))} more than once",
            needed="every column name once",
            fix="rename or drop the repeated columns",
        )
    return _built({name: partial(_arrow_column, name, table.column(name)) for name in names})


def _arrow_column(name: str, column: Any) -> tuple[pl.Series, tuple[str, ...]]:
    try:
        found = pl.from_arrow(column)
    except (pl.exceptions.PolarsError, TypeError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"column {name!r} holds values of the Arrow type {column.type}",
            needed="columns of text, numbers, booleans, times or lists of words",
            fix="cast the column to one of these, or drop it",
        ) from error
    assert isinstance(found, pl.Series)
    return found.alias(name), ()


def _missing(value: object) -> bool:
    return value is None or type(value).__name__ in MISSING_TYPES or (isinstance(value, float) and value != value)
