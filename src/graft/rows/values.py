"""Columns to the words, numbers and times they mean, whatever type they arrived in.

Decisions: a value of a frame has one name, ``1`` for 1 and 1.0; what is written in a file is its name; spaces around a
word do not make another word; a blank word is missing. What cannot be understood is marked, never guessed.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from graft.core.errors import ContractError
from graft.rows.columns import MISSING_NUMBER, instant, number_name

_WHOLE = r"^(-?\d{1,15})\.0+$"
_BOOLEAN = r"^(true|false|True|False|TRUE|FALSE)$"
_FLAGS = {word: digit for digit in "01" for word in (("false", "False", "FALSE"), ("true", "True", "TRUE"))[int(digit)]}
_DECIMAL_COMMA = re.compile(r"^[+-]?\d+(\.\d{3})*,\d+$|^[+-]?\d{1,3}(\.\d{3}){2,}$")
_THOUSANDS = re.compile(r"^[+-]?\d{1,3}([,' \u00a0\u202f]\d{3})+(\.\d+)?$")
_CURRENCY = r"(?:[$€£¥₹]|[A-Z]{2,3}\$?)"
_MARKED = re.compile(
    rf"^(?P<bracket>\()?\s*[+-]?\s*(?P<currency>{_CURRENCY})?\s*[+-]?"
    rf"\d[\d.,' \u00a0\u202f]*(?P<sign>%|{_CURRENCY})?\s*\)?$"
)
_PLAIN_NUMBERS = (pl.Float32, pl.Float64, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)
# What may be a number of seconds or a date without marks; 12.05 may be the twelfth of May and is neither.
_COUNTED = r"^(\d+(\.0*)?|[+-]?\d{9,}(\.\d*)?|\d(\.\d+)?[eE]\+\d+)$"
# Numbers that are written-out dates: what each count of digits spells, and the years it is believed for.
_COMPACT = ((14, "%Y%m%d%H%M%S"), (12, "%Y%m%d%H%M%S"), (8, "%Y%m%d"), (6, "%Y%m%d"))
# The forms most times are written in, which a million of are read at once; the others are read one by one.
_PLAIN_TIMES = (
    (r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}$", "%Y-%m-%d"),
    (r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}$", "%Y-%m-%dT%H:%M"),
    (r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,6})?$", "%Y-%m-%dT%H:%M:%S%.f"),
)
# 250,000 years in the units of dates; nanoseconds cannot reach so far.
_FURTHEST = {"day": 91_000_000, "ms": 7_800_000_000_000_000, "us": 7_800_000_000_000_000_000}
_FIRST_YEAR, _LAST_YEAR = 1900, 2100


def words(column: pl.Series) -> pl.Series:
    """Each value as a name without surrounding spaces; null where there is none.

    >>> words(pl.Series([1.0, 2.5, None])).to_list()
    ['1', '2.5', None]
    """
    _require_calendar(column)
    if column.dtype.is_float():
        named = pl.Series(column.name, [_float_name(value) for value in column.to_numpy()], pl.String)
    elif isinstance(column.dtype, pl.Datetime):
        named = column.cast(pl.String).str.replace(r"\.0+($|[^\d])", "$1")
    else:
        named = _printed(column)
    stripped = named.str.strip_chars()
    return stripped.set(stripped == "", None) if (stripped == "").any() else stripped


def _float_name(value: np.floating[Any]) -> str | None:
    """The shortest number that is this one: a float32 of 0.1 is ``0.1``, as in a file."""
    return None if np.isnan(value) else number_name(float(str(value)))


def _printed(column: pl.Series) -> pl.Series:
    nested = isinstance(column.dtype, pl.List | pl.Array | pl.Struct | pl.Duration)
    if not nested and column.dtype != pl.Object:
        try:
            return column.cast(pl.String)
        except pl.exceptions.PolarsError:
            pass
    raise ContractError(
        f"column {column.name!r} holds {column.dtype}",
        needed="text, numbers, booleans or dates",
        fix="flatten it into plain columns; write a duration in seconds",
    )


def _require_calendar(column: pl.Series) -> None:
    """Raise ContractError for a date so far away that Polars would end the process rather than write it down."""
    most = _FURTHEST.get(str(getattr(column.dtype, "time_unit", "day")))
    if most is None or not isinstance(column.dtype, pl.Date | pl.Datetime):
        return
    if not column.to_physical().is_between(-most, most).fill_null(value=True).all():
        raise ContractError(
            f"column {column.name!r} holds a date more than 250,000 years away",
            needed="dates as a calendar has them",
            fix="look at how the column was made: numbers of another unit were probably taken for dates",
        )


def written_names(column: pl.Series) -> pl.Series:
    """Each value as the name of a class, group or category: as ``words``, and ``True`` and ``TRUE`` are ``true``.

    What a cell means depends on that cell alone.

    >>> written_names(pl.Series(["1.10 ", "True", "NA", "Truth"])).to_list()
    ['1.10', 'true', 'NA', 'Truth']
    """
    named = words(column)
    flags_written = named.str.contains(_BOOLEAN).fill_null(value=False)
    return named.zip_with(~flags_written, named.str.to_lowercase()) if flags_written.any() else named


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
    if column.dtype in _PLAIN_NUMBERS:
        # A table may have ten thousand such columns, and each question to Polars costs a millisecond.
        found = np.array(column.to_numpy(), np.float64)
        bad = np.isinf(found)
        found[bad] = np.nan
        return found, bad
    missing = column.is_null().to_numpy()
    if column.dtype == pl.String:
        stripped = column.str.strip_chars()
        missing |= stripped.str.contains(MISSING_NUMBER).fill_null(value=False).to_numpy()
        # As in a column of nothing but booleans: what a cell means depends on that cell alone.
        column = stripped.replace(_FLAGS)
    elif not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        return np.full(len(column), np.nan), ~missing
    found = column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().copy()
    if column.dtype.is_numeric():
        missing |= np.isnan(found)
    bad = ~missing & ~np.isfinite(found)
    found[bad | missing] = np.nan
    return found, bad


def how_written(cell: str) -> str:
    """What makes a cell no number though a person sees one; "" when nothing does.

    >>> how_written("1.234,5"), how_written("12,345"), how_written("abc")
    ('with a decimal comma', 'with a decimal comma', '')
    >>> how_written("12.5%"), how_written("$ 1,250.00"), how_written("(3.5)")
    ('with a percent sign', 'with a currency', 'in brackets')
    """
    plain = cell.strip()
    if _DECIMAL_COMMA.match(plain):
        return "with a decimal comma"
    if _THOUSANDS.match(plain):
        return "with marks between thousands"
    marked = _MARKED.match(plain)
    if marked and any(marked.groups()):
        sign = marked["sign"] or marked["currency"]
        return "in brackets" if not sign else "with a percent sign" if sign == "%" else "with a currency"
    return ""


def flags(column: pl.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A 0/1 column as uint8, a mask of missing cells and a mask of cells that are neither; each of shape (rows,)."""
    # As in a column of nothing but numbers: what a cell means depends on that cell alone.
    named = ids(column).str.to_lowercase()
    missing = (named.is_null() | named.str.contains(MISSING_NUMBER).fill_null(value=False)).to_numpy()
    on = named.is_in(["1", "true"]).fill_null(value=False).to_numpy()
    off = named.is_in(["0", "false"]).fill_null(value=False).to_numpy()
    return on.astype(np.uint8), missing, ~(missing | on | off)


def times(column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Values as datetime64[us] in UTC with NaT for missing, shape (rows,), and a mask of cells that are no time.

    Numbers, and text that holds them, are dates written without marks (20240515, 202405, with hours and minutes too)
    or years (1000..3000) when all are; else seconds, milliseconds, microseconds or nanoseconds since 1970 by the size
    of most. One that is then outside 1900..2100 while another unit would put it inside is no time: units are mixed.
    """
    found, counted, bad = uncounted_times(column)
    if (~np.isnan(counted)).any():
        told, wrong = counted_times(counted)
        found = np.where(np.isnan(counted), found, told)
        bad = bad | wrong
    return found, bad


def uncounted_times(column: pl.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The times that say by themselves when they are, the others as numbers, and a mask of cells that are neither.

    The first datetime64[us] with NaT, the second float64 with NaN, each of shape (rows,). ``counted_times`` says what
    the numbers mean: what they count is seen from all of them, so parts of a column are put together first.
    """
    missing = column.is_null().to_numpy()
    none = np.full(len(column), np.datetime64("NaT"), dtype="datetime64[us]")
    if column.dtype.is_numeric():
        counted, bad = numbers(column)
        return none, counted, bad
    if column.dtype == pl.String:
        return _written_times(column)
    if not isinstance(column.dtype, pl.Date | pl.Datetime):
        return none, np.full(len(column), np.nan), ~missing
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    found = column.cast(pl.Datetime("us")).to_numpy().astype("datetime64[us]")
    return found, np.full(len(column), np.nan), ~missing & np.isnat(found)


def _written_times(column: pl.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cells = column.str.strip_chars()
    cells = cells.set(cells == "", None)
    digits = cells.str.contains(_COUNTED).fill_null(value=False)
    counted = np.full(len(cells), np.nan)
    counted[digits.to_numpy()] = _as_floats(cells.filter(digits))
    found = np.full(len(cells), np.datetime64("NaT"), dtype="datetime64[us]")
    left = cells.is_not_null() & ~digits
    for pattern, form in _PLAIN_TIMES:
        plain = left & cells.str.contains(pattern).fill_null(value=False)
        if plain.any():
            told = (
                cells.filter(plain)
                .str.replace(" ", "T", literal=True)
                .str.to_datetime(form, time_unit="us", strict=False)
            )
            found[plain.to_numpy()] = told.to_numpy().astype("datetime64[us]")
    # What Polars does not understand, in the words of the standard library.
    rest = np.flatnonzero(left.to_numpy() & np.isnat(found))
    found[rest] = np.array([instant(cell) for cell in cells.gather(rest).to_list()], dtype="datetime64[us]")
    bad = left.to_numpy() & np.isnat(found)
    # So large that no number of 64 bits holds them.
    bad |= np.isinf(counted)
    counted[np.isinf(counted)] = np.nan
    return found, counted, bad


def _as_floats(cells: pl.Series) -> np.ndarray:
    read = cells.cast(pl.Float64, strict=False)
    if read.null_count():  # such as "12." and digits of other scripts
        read = pl.Series([float(cell) if one is None else one for cell, one in zip(cells, read, strict=True)])
    return read.to_numpy()


def counted_times(counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers that are times as datetime64[us], and a mask of those that are none; NaN is missing. See ``times``."""
    present = ~np.isnan(counted)
    known = counted[present]
    result = np.full(len(counted), np.datetime64("NaT"), dtype="datetime64[us]")
    if not len(known):
        return result, np.zeros(len(counted), bool)
    if (dates := _as_dates(known)) is not None:
        result[present] = dates
        return result, np.zeros(len(counted), bool)
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond all numbers is beyond all times
        scale = _scale(np.array([float(np.median(np.abs(known)))]))[0]
        inside = present & (np.abs(counted * scale) < 9e18)
    result[inside] = (counted[inside] * scale).astype(np.int64).astype("datetime64[us]")
    own = np.zeros(len(counted))
    own[inside] = counted[inside] * _scale(np.abs(counted[inside]))
    mixed = inside & ~_believed(np.where(inside, counted, 0) * scale) & _believed(own)
    result[mixed] = np.datetime64("NaT")
    return result, (present & ~inside) | mixed


def numbers_are_dates(counted: np.ndarray) -> bool:
    """Whether numbers that are times are years or dates written without marks, and no count since 1970.

    >>> numbers_are_dates(np.array([20240515.0, np.nan])), numbers_are_dates(np.array([1715731200.0]))
    (True, False)
    """
    known = counted[~np.isnan(counted)]
    return len(known) > 0 and _as_dates(known) is not None


def _as_dates(known: np.ndarray) -> np.ndarray | None:
    """Years, and dates written without marks, when all of these numbers are of one of the two; else None."""
    if not (known == np.floor(known)).all():
        return None
    if known.min() >= 1000 and known.max() <= 3000:
        return (known.astype(np.int64) - 1970).astype("datetime64[Y]").astype("datetime64[us]")
    return _compact(known)


def _scale(sizes: np.ndarray) -> np.ndarray:
    """Microseconds in the unit that a number of this size is counted in."""
    return np.select([sizes < 1e11, sizes < 1e14, sizes < 1e17], [1e6, 1e3, 1.0], 1e-3)


def _believed(microseconds: np.ndarray) -> np.ndarray:
    years = microseconds / (365.2425 * 86_400e6) + 1970
    return np.asarray((years >= _FIRST_YEAR) & (years < _LAST_YEAR))


def _compact(known: np.ndarray) -> np.ndarray | None:
    """Dates written as numbers, when all are of one form; None when one is not."""
    least, most = float(known.min()), float(known.max())
    for digits, form in _COMPACT:
        year = 10.0 ** (digits - 4)
        if not (_FIRST_YEAR * year <= least and most < _LAST_YEAR * year):
            continue
        written = pl.Series(known.astype(np.int64)).cast(pl.String)
        whole = written + "01" * (digits == 6) + "00" * (digits == 12)
        told = (whole.str.to_date if digits < 12 else whole.str.to_datetime)(form, strict=False)
        found: np.ndarray = told.cast(pl.Datetime("us")).to_numpy().astype("datetime64[us]")
        return None if np.isnat(found).any() else found
    return None
