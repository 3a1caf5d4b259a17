"""Columns to the words, numbers and times they mean, whatever type they arrived in.

Decisions: a value of a frame has one name, ``1`` for 1 and 1.0; what is written in a file is its name; spaces around a
word do not make another word; a blank word is missing. What cannot be understood is marked, never guessed.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from graft.core.errors import ContractError
from graft.rows.columns import instant, number_name

_WHOLE = r"^(-?\d{1,15})\.0+$"
_MISSING_NUMBER = r"(?i)^(na|n/a|nan|null|none)?$"


def words(column: pl.Series) -> pl.Series:
    """Each value as a name without surrounding spaces; null where there is none.

    >>> words(pl.Series([1.0, 2.5, None])).to_list()
    ['1', '2.5', None]
    """
    if isinstance(column.dtype, pl.List | pl.Array | pl.Struct) or column.dtype in (pl.Binary, pl.Object):
        raise ContractError(
            f"column {column.name!r} holds {column.dtype}",
            needed="text, numbers, booleans or dates",
            fix="flatten it into plain columns",
        )
    if column.dtype.is_float():
        named = pl.Series(
            column.name, [None if v is None or v != v else number_name(v) for v in column.to_list()], pl.String
        )
    else:
        named = column.cast(pl.String)
    stripped = named.str.strip_chars()
    return stripped.set(stripped == "", None) if (stripped == "").any() else stripped


def texts(column: pl.Series) -> list[str | None]:
    """Each value exactly as text, spaces included; None where there is none."""
    exact = column if column.dtype == pl.String else words(column)
    found: list[str | None] = exact.to_list()
    return found


def ids(column: pl.Series) -> pl.Series:
    """Each value as the name of a thing: as ``words``, and 1, ``1.0`` and ``1`` are one thing.

    >>> ids(pl.Series(["1.0", " 2", "2.50", "a.0", None])).to_list()
    ['1', '2', '2.50', 'a.0', None]
    """
    return words(column).str.replace(_WHOLE, "$1")


def joined(columns: Sequence[pl.Series]) -> list[str | None]:
    """The cells of each row that say something as one text, joined by line ends; None where no cell is there.

    >>> joined([pl.Series(["a", "", None, None]), pl.Series(["b", "c", " ", None])])
    ['a\\nb', 'c', '', None]
    """
    return [
        None if all(cell is None for cell in cells) else "\n".join(cell for cell in cells if cell and cell.strip())
        for cells in zip(*(texts(column) for column in columns), strict=True)
    ]


def numbers(column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Values as float64 with NaN for missing, shape (rows,), and a mask of cells that are no finite number."""
    missing = column.is_null().to_numpy()
    if column.dtype == pl.String:
        stripped = column.str.strip_chars()
        missing |= stripped.str.contains(_MISSING_NUMBER).fill_null(value=False).to_numpy()
        column = stripped
    elif not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        return np.full(len(column), np.nan), ~missing
    found = column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().copy()
    if column.dtype.is_numeric():
        missing |= np.isnan(found)
    bad = ~missing & ~np.isfinite(found)
    found[bad | missing] = np.nan
    return found, bad


def flags(column: pl.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A 0/1 column as uint8, a mask of missing cells and a mask of cells that are neither; each of shape (rows,)."""
    named = words(column).str.to_lowercase()
    missing = named.is_null().to_numpy()
    on = named.is_in(["1", "true"]).fill_null(value=False).to_numpy()
    off = named.is_in(["0", "false"]).fill_null(value=False).to_numpy()
    return on.astype(np.uint8), missing, ~(missing | on | off)


def times(column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Values as datetime64[us] in UTC with NaT for missing, shape (rows,), and a mask of cells that are no time.

    Numbers are years when all lie in 1000..3000, else seconds, milliseconds or microseconds since 1970 by their size.
    """
    missing = column.is_null().to_numpy()
    if column.dtype.is_numeric():
        return _numeric_times(column)
    if column.dtype == pl.String:
        cells = [None if cell is None or not cell.strip() else cell for cell in column.to_list()]
        missing = np.array([cell is None for cell in cells], dtype=bool)
        column = pl.Series(column.name, [None if cell is None else instant(cell) for cell in cells], pl.Datetime("us"))
    elif not isinstance(column.dtype, pl.Date | pl.Datetime):
        return np.full(len(column), np.datetime64("NaT"), dtype="datetime64[us]"), ~missing
    elif isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    found = column.cast(pl.Datetime("us")).to_numpy().astype("datetime64[us]")
    return found, ~missing & np.isnat(found)


def _numeric_times(column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    found, bad = numbers(column)
    known = found[np.isfinite(found)]
    result = np.full(len(found), np.datetime64("NaT"), dtype="datetime64[us]")
    if not len(known):
        return result, bad
    present = np.isfinite(found)
    if known.min() >= 1000 and known.max() <= 3000 and (known == np.floor(known)).all():
        years = known.astype(np.int64) - 1970
        result[present] = years.astype("datetime64[Y]").astype("datetime64[us]")
        return result, bad
    size = float(np.median(np.abs(known)))
    scale = 1e6 if size < 1e11 else 1e3 if size < 1e14 else 1.0
    inside = present & (np.abs(found * scale) < 9e18)
    result[inside] = (found[inside] * scale).astype(np.int64).astype("datetime64[us]")
    return result, bad | (present & ~inside)
