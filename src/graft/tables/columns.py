"""The columns of an embedding table: five of ours, the rest the user's.

Decisions: a user's column keeps its type as Delta Lake has it (text, numbers, truth values, bytes, dates, times,
lists and records of these); what Delta has no type for is refused by name rather than turned into something else. A
column that appears later is null in older rows; one of another type than before is refused, except where every value
fits the wider type; whole numbers fit a double as long as none of them is changed by it. A column of nothing but
nulls has no type and waits until it has one. The cells of a file are read by the type its column has in the table: a
blank or ``NA`` is a missing number, ``10`` is a double where doubles are kept and a text where texts are; a cell that
cannot be read so is the fault of its row and of no other.
"""

import re
from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from graft.core.errors import TableError
from graft.rows.columns import is_missing_number
from graft.rows.table import Table

ELEMENT = pa.list_(pa.field("element", pa.float32(), nullable=False))
OURS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("vector", ELEMENT, nullable=False),
        pa.field("space", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("updated_at", pa.timestamp("us", "UTC"), nullable=False),
    ]
)
_EXACT = 1 << 53  # above it, not every whole number is a double
_DIGEST = re.compile(r"[0-9a-f]{32}")
_WIDER = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.int64()}
_AS_THEY_ARE = {*map(pa.type_for_alias, ("bool", "int8", "int16", "int32", "int64", "float", "double", "date32"))}


def vector_column(vectors: np.ndarray) -> pa.FixedSizeListArray:
    """Vectors, shape (rows, dimension), as a column to hand to ``upsert``; float32 is not copied.

    >>> vector_column(np.ones((2, 3), np.float32)).to_pylist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def is_digest(text: str) -> bool:
    """Whether ``text`` is a digest as tables keep it: 32 hexadecimal digits in lower case."""
    return _DIGEST.fullmatch(text) is not None


def users(schema: pa.Schema) -> list[str]:
    """The user's columns."""
    return [name for name in schema.names if name not in OURS.names]


def user_columns(rows: pa.Table, *, besides: Sequence[str] = ()) -> pa.Table:
    """The user's columns of incoming rows, in the types tables keep. besides: further columns to leave out.

    Raises TableError for a column Delta Lake cannot keep, and for two of one name.
    """
    names = [name for name in rows.column_names if name not in OURS.names and name not in besides]
    lower = [name.lower() for name in [*names, *OURS.names]]
    twice = sorted({name for name in names if lower.count(name.lower()) > 1})
    if twice or "" in names:
        raise TableError(
            f"columns that cannot be told apart: {', '.join(map(repr, twice or ['']))}",
            needed=f"a name for each column, different in more than case, and none of {', '.join(OURS.names)}",
            fix="rename the column",
        )
    kinds = {name: _stored(rows.schema.field(name).type, name) for name in names}
    kept = [name for name in names if kinds[name] is not None]
    return pa.table({name: cast(rows[name], kinds[name], name) for name in kept}) if kept else _none(rows.num_rows)


def grown(schema: pa.Schema, columns: pa.Schema) -> pa.Schema:
    """``schema`` with the user's ``columns`` it lacks. Raises TableError for a column of another type than before."""
    known = {name.lower(): name for name in schema.names}
    for field in columns:
        name = known.get(field.name.lower())
        if name is None:
            schema = schema.append(pa.field(field.name, field.type))
        elif name != field.name:
            raise TableError(
                f"a column {field.name!r} beside the table's {name!r}",
                needed="names that differ in more than case",
                fix=f"rename it to {name!r} or to something else",
            )
        elif not _fits(field.type, schema.field(name).type):
            raise TableError(
                f"column {name!r} holds {field.type} here and {schema.field(name).type} in the table",
                needed="the type it had before",
                fix="convert the column, or give it another name",
            )
    return schema


def cast(column: pa.ChunkedArray, kind: pa.DataType, name: str) -> pa.ChunkedArray:
    """``column`` as ``kind``. Raises TableError when a value does not fit."""
    if column.type == kind:
        return column
    try:
        # Only fractions of a microsecond may be lost: Delta has none.
        return column.cast(kind, safe=not pa.types.is_timestamp(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise TableError(
            f"column {name!r} does not fit {kind}: {error}", needed=f"values of {kind}", fix="convert the column"
        ) from error


def _fits(given: pa.DataType, kept: pa.DataType) -> bool:
    if given == kept:
        return True
    if pa.types.is_integer(given) and pa.types.is_float64(kept):
        return True
    integers = pa.types.is_signed_integer(given) and pa.types.is_signed_integer(kept)
    floats = pa.types.is_floating(given) and pa.types.is_floating(kept)
    return (integers or floats) and bool(given.bit_width <= kept.bit_width)


def _stored(kind: pa.DataType, name: str) -> pa.DataType | None:
    """The type a column of ``kind`` is kept in; None when it has no type yet."""
    of = pa.types
    if of.is_null(kind):
        return None
    if kind in _AS_THEY_ARE or (of.is_decimal128(kind)):
        return kind
    if of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind):
        return pa.string()
    if of.is_binary(kind) or of.is_large_binary(kind) or of.is_binary_view(kind) or of.is_fixed_size_binary(kind):
        return pa.binary()
    if of.is_dictionary(kind):
        return _stored(kind.value_type, name)
    if of.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if of.is_list(kind) or of.is_large_list(kind) or of.is_fixed_size_list(kind):
        inner = _stored(kind.value_type, name)
        return None if inner is None else pa.list_(pa.field("element", inner))
    if of.is_struct(kind):
        parts = [(kind.field(place).name, _stored(kind.field(place).type, name)) for place in range(kind.num_fields)]
        return pa.struct([(part, inner) for part, inner in parts if inner is not None]) if parts else None
    simple = {**_WIDER, pa.float16(): pa.float32(), pa.date64(): pa.date32()}
    if kind in simple:
        return simple[kind]
    raise TableError(
        f"column {name!r} holds {kind}, which Delta Lake has no type for",
        needed="text, numbers, truth values, bytes, dates, times with a date, or lists and records of these",
        fix="convert the column, for example to text, or leave it out",
    )


def _none(rows: int) -> pa.Table:
    return pa.table({"": pa.nulls(rows)}).select([])


def fitted(rows: Table, names: list[str], known: pa.Schema) -> tuple[pl.DataFrame, dict[int, str]]:
    """These columns of ``rows`` as a table of the schema ``known`` keeps them, and why rows do not fit."""
    columns, odd = [], dict[int, str]()
    for name in names:
        column = rows.decimals[name] if name in rows.decimals.columns else rows.frame[name]
        written = rows.as_written(name)
        if _is_empty(written):
            kind = known.field(name).type if name in known.names else pa.null()
            columns.append(pl.Series(name, pa.nulls(len(written), kind)))
            continue
        if name in known.names:
            kind = known.field(name).type
            column, wrong = _read_as(column, written, kind)
            for row in wrong.arg_true().to_list():
                odd.setdefault(row, f"its {name!r} is {str(written[row])!r}, and the table keeps {kind} there")
        columns.append(column)
    return pl.DataFrame(columns), odd


def _is_empty(written: pl.Series) -> bool:
    if written.dtype == pl.String:
        return bool((written.str.strip_chars().fill_null("") == "").all())
    return written.null_count() == len(written)


def _read_as(column: pl.Series, written: pl.Series, kind: pa.DataType) -> tuple[pl.Series, pl.Series]:
    """A column as ``kind``, null where it has no such value, and where that is wrong."""
    right = pl.repeat(False, len(column), eager=True)
    if pa.types.is_string(kind):
        return (written if written.dtype == pl.String else column).cast(pl.String).alias(column.name), right
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if not numeric or not (column.dtype.is_integer() or column.dtype.is_float() or column.dtype == pl.String):
        return column, right
    missing = column.is_null()
    if column.dtype == pl.String:
        missing = is_missing_number(column)
        column = column.str.strip_chars()
    elif pa.types.is_floating(kind) and column.dtype.is_float():
        return column, right
    if pa.types.is_floating(kind):
        read = column.cast(pl.Float64, strict=False)
        inexact = (read.abs() > _EXACT).fill_null(False) if column.dtype.is_integer() else right
    else:
        read = column.cast(pl.Int64, strict=False)
        floats = column.cast(pl.Float64, strict=False)
        whole = (floats == floats.floor()) & (floats.abs() <= _EXACT)
        read = read.zip_with(~(whole & read.is_null()), floats.zip_with(whole, read).cast(pl.Int64, strict=False))
        inexact = ~(whole.fill_null(True)) & (floats.abs() <= _EXACT)
    wrong = (read.is_null() & ~missing) | inexact.fill_null(False)
    return read, wrong
