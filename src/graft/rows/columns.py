"""Cells to typed columns: written text is typed conservatively, Python values are typed by what they are.

Decisions: a column of text becomes numbers, booleans or dates only when every cell is one and nothing is lost by it,
so ``007``, ``+49 151``, ``1,5`` and numbers too long for a float stay text. ``NA`` is a missing number inside a column
of numbers and a word anywhere else, names included. A column with nothing in it stays text. Bytes are text in UTF-8;
values that print as a word (intervals, periods) are that word; complex numbers and durations are nothing Graft reads.
"""

import datetime
import decimal
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.rows.encoded import data_uri, encoded, is_medium

_INTEGER = r"^\s*-?(0|[1-9]\d{0,17})\s*$"
_PLAIN = r"(0|[1-9]\d*)"
_NUMBER = (
    rf"^\s*-?({_PLAIN}(\.\d*)?|\.\d+|{_PLAIN}(\.\d*)?[eE][+-]\d{{1,3}}|{_PLAIN}\.\d*[eE]\d{{1,3}}|inf(inity)?)\s*$"
)
_LONG_NUMBER = r"^\s*-?\d{16}"
# What tables, spreadsheets and their exports leave where a number is missing.
MISSING_NUMBER = r"(?i)^\s*(na|n/a|nan|null|none|#n/a|<na>)?\s*$"
# The types of what pandas puts where a value is missing.
MISSING_TYPES = ("NAType", "NaTType")
_BOOLEAN = r"^(true|false|True|False|TRUE|FALSE)$"
# What most columns hold, and no picture or sound is.
_NO_MEDIA = (str, int, float, complex, np.generic, decimal.Decimal, datetime.date, datetime.timedelta, type(None))
_ZONE_APART = re.compile(r"^(.*\d:\d{2}[\d:.]*) ((?P<greenwich>UTC|GMT|Z)|[+-]\d{2}:?\d{2})$")
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_DATETIME = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$"


def is_missing_number(written: pl.Series) -> pl.Series:
    """Which cells of a column of text hold no number where numbers are meant: blank, ``NA``, ``null`` and the like.

    >>> is_missing_number(pl.Series(["1", " ", "N/A", None, "x"])).to_list()
    [False, True, True, True, False]
    """
    return written.str.contains(MISSING_NUMBER).fill_null(True)


def typed(written: pl.Series) -> pl.Series:
    """A column of text as the narrowest type that every cell has; itself when that is text.

    written: String column, null where nothing was written.

    >>> typed(pl.Series("n", ["1", "2.5", "NA", None])).to_list()
    [1.0, 2.5, None, None]
    >>> typed(pl.Series("code", ["007", "12"])).to_list()
    ['007', '12']
    """
    present = written.drop_nulls()
    numbers = present.filter(~present.str.contains(MISSING_NUMBER))
    if not len(numbers):
        return written
    if numbers.str.contains(_INTEGER).all():
        return written.str.strip_chars().cast(pl.Int64, strict=False)
    if numbers.str.contains(_NUMBER).all() and not numbers.str.contains(_LONG_NUMBER).any():
        return written.str.strip_chars().cast(pl.Float64, strict=False).fill_nan(None)
    if present.str.contains(_BOOLEAN).all():
        return written.str.to_lowercase() == "true"
    for pattern, convert in ((_DATE, _dates), (_DATETIME, _datetimes)):
        if present.str.contains(pattern).all():
            converted = convert(written)
            return converted if converted.null_count() == written.null_count() else written
    return written


def _dates(written: pl.Series) -> pl.Series:
    return written.str.to_date("%Y-%m-%d", strict=False)


def _datetimes(written: pl.Series) -> pl.Series:
    cells = [None if cell is None else instant(cell) for cell in written.to_list()]
    return pl.Series(written.name, cells, dtype=pl.Datetime("us"))


def instant(cell: str) -> datetime.datetime | None:
    """An ISO 8601 date or time as UTC without a zone (a time without a zone is taken as UTC); None when it is neither.

    The zone may stand apart, as databases write it.

    >>> instant("2024-05-01T10:00:00+02:00"), instant("2024-05-01 10:00:00 UTC") == instant("2024-05-01 12:00 +0200")
    (datetime.datetime(2024, 5, 1, 8, 0), True)
    """
    try:
        written = cell.strip()
        if apart := _ZONE_APART.match(written):
            written = apart[1] + ("+00:00" if apart["greenwich"] else apart[2])
        read = datetime.datetime.fromisoformat(written)
        return read if read.tzinfo is None else read.astimezone(datetime.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def from_values(name: str, values: Sequence[Any]) -> tuple[pl.Series, tuple[str, ...]]:
    """A column from Python values, and notes about values that had to be written as text.

    values: None, bool, int, float, Decimal, str, bytes, date, datetime, or lists and arrays of them (labels); a mapping
    becomes its JSON, anything else the word it prints; pillow images, arrays of 8-bit numbers in two or three
    dimensions and bytes that are no text are a column of encoded bytes. Raises InputError for complex numbers,
    durations, and bytes that are no text among words.

    >>> from_values("a", [1, None, 2.5])[0].dtype
    Float64
    """
    if (media := _media(values)) is not None:
        return pl.Series(name, media, dtype=pl.String if any(isinstance(one, str) for one in media) else pl.Binary), ()
    plain = [_plain(name, row, value) for row, value in enumerate(values)]
    kinds = {type(value) for value in plain if value is not None}
    if float in kinds and not kinds <= {int, float, bool}:
        # Not a number, among words, is how a table says that nothing is there.
        plain = [None if isinstance(value, float) and value != value else value for value in plain]
        kinds = {type(value) for value in plain if value is not None}
    if not kinds:
        return pl.Series(name, [None] * len(plain), dtype=pl.String), ()
    if kinds == {bool}:
        return pl.Series(name, plain, dtype=pl.Boolean), ()
    if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in plain):
        return pl.Series(name, plain, dtype=pl.Int64), ()
    if float in kinds and kinds <= {int, float}:
        floats = [None if value is None or value != value else float(value) for value in plain]
        return pl.Series(name, floats, dtype=pl.Float64), ()
    if kinds == {decimal.Decimal} and (exact := _decimals(name, plain)) is not None:
        return exact, ()
    if kinds == {datetime.date}:
        return pl.Series(name, plain, dtype=pl.Date), ()
    if all(issubclass(kind, datetime.date) for kind in kinds):
        return pl.Series(
            name, [None if v is None else instant(v.isoformat()) for v in plain], dtype=pl.Datetime("us")
        ), ()
    notes: list[str] = []
    if all(issubclass(kind, list | tuple | set | frozenset) for kind in kinds):
        lists = [None if value is None else [_item(name, item) for item in _ordered(value)] for value in plain]
        halved = [row for row, items in enumerate(lists) for item in items or () if item and not is_whole(item)]
        for row in halved:
            lists[row] = [item and _mended(item) for item in lists[row] or ()]
        return pl.Series(name, lists, dtype=pl.List(pl.String)), _halved_note(name, halved)
    texts = [None if value is None else _written(value) for value in plain]
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    if len(kinds) > 1:
        notes.append(f"column {name!r} mixes {names}: read as text")
    elif kinds not in ({str}, {dict}):
        large = "whole numbers beyond 64 bits" if kinds == {int} else names
        notes.append(f"column {name!r} holds {large}: read as the words they print")
    broken = [row for row, text in enumerate(texts) if text is not None and not is_whole(text)]
    for row in broken:
        texts[row] = _mended(str(texts[row]))
    return pl.Series(name, texts, dtype=pl.String), (*notes, *_halved_note(name, broken))


def _media(values: Sequence[Any]) -> list[bytes | str | None] | None:
    """Values that are pictures, sounds or encoded bytes that are no text, as bytes; with names of files among them all
    as strings, bytes as data URIs. None for a column of anything else.
    """
    if all(issubclass(kind, _NO_MEDIA) for kind in set(map(type, values))):
        return None
    some = [value for value in values if value is not None]
    held = [value for value in some if is_medium(value)]
    names = [value for value in some if isinstance(value, str | Path)]
    if not held or len(held) + len(names) < len(some):
        return None
    if all(isinstance(one, bytes | bytearray | memoryview) for one in held) and (names or all(map(_is_text, held))):
        return None
    made = [None if one is None else str(one) if isinstance(one, str | Path) else encoded(one) for one in values]
    made = [
        value["path"] if made_of is None and value is not None else made_of
        for value, made_of in zip(values, made, strict=True)
    ]
    if any(isinstance(one, str) for one in made):
        return [data_uri(one) if isinstance(one, bytes) else one for one in made]
    return list(made)


def _is_text(raw: bytes) -> bool:
    try:
        bytes(raw).decode()
    except UnicodeDecodeError:
        return False
    return True


def _mended(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _halved_note(name: str, rows: Sequence[int]) -> tuple[str, ...]:
    where = f"column {name!r} has half a character (a lone surrogate) in row "
    return (f"{where}{rows[0]}: replaced by U+FFFD",) if rows else ()


def _plain(name: str, row: int, value: Any) -> Any:
    """The value without the library it came in."""
    if type(value).__name__ in MISSING_TYPES:
        return None
    if isinstance(value, np.datetime64 | np.timedelta64):
        value = None if np.isnat(value) else value.astype(f"{value.dtype.str[1]}8[us]").item()
    elif isinstance(value, np.generic):
        # The shortest number that is this one: a float32 of 0.1 is 0.1, as in a file.
        value = float(str(value)) if isinstance(value, np.float16 | np.float32) else value.item()
    elif hasattr(value, "tolist") and hasattr(value, "__len__"):
        value = value.tolist()
    elif isinstance(value, pl.Series):
        value = value.to_list()
    if isinstance(value, decimal.Decimal) and not value.is_finite():
        # Polars has no such decimals, and stops the process that asks for one.
        value = math.nan if value.is_nan() else float(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _decoded(name, row, bytes(value))
    if isinstance(value, complex | datetime.timedelta) and not isinstance(value, float | int):
        what = "complex numbers" if isinstance(value, complex) else "durations"
        raise InputError(
            f"column {name!r} holds {what}, such as {value} in row {row}",
            needed="text, numbers, booleans, dates or lists of words",
            fix="write it as plain numbers (a duration in seconds), or drop the column",
        )
    return value


def _decoded(name: str, row: int, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"column {name!r} holds bytes that are not UTF-8 text in row {row}",
            needed="text",
            fix="decode them first, or drop the column",
        ) from error


def _decimals(name: str, values: Sequence[Any]) -> pl.Series | None:
    try:
        return pl.Series(name, values, dtype=None)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
        return None


def _item(name: str, value: Any) -> str | None:
    plain = _plain(name, 0, value)
    return None if plain is None or (isinstance(plain, float) and plain != plain) else _written(plain)


def number_name(value: float) -> str:
    """A number as the name of something: 1.0 is ``1``."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _ordered(value: Any) -> list[Any]:
    return sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_name(value)
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def is_whole(text: str) -> bool:
    """Whether a text can be written: it holds no half of a character (a lone surrogate)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
