"""The columns of a file in the types a table has for them.

Decisions: the type of a column is agreed once, when the table first holds a value of it, and every later cell is read
by it: a blank or ``NA`` is a missing number, ``10`` is a double where doubles are kept and a text where texts are. A
cell that cannot be read so is the fault of its row and of no other. A column with nothing in it has no type yet.
"""

import polars as pl
import pyarrow as pa

from graft.rows.columns import is_missing_number
from graft.rows.table import Table

_EXACT = 1 << 53  # above it, not every whole number is a double


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
