"""Named columns of whatever table is at hand, as the ids, words, texts, times and weights they mean.

Decisions: read by the one reader (``table``) and understood as everywhere (``values``), but only the columns named;
what cannot be understood is refused with the row it stands in and with what the rows are ("baskets").
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.rows import values
from graft.rows.table import Table, read_frame

_MOST_WEIGHT = 1e100
_DAY = np.timedelta64(86_400_000_000, "us")


def read_columns(rows: Any, names: Sequence[str], *, what: str, optional: Sequence[str] = ()) -> pl.DataFrame:
    """The columns ``names`` of a table, and those of ``optional`` that it has; a table without rows is one too.

    rows: whatever ``read_frame`` takes. Columns of a text file are as they were written: their types say nothing, since
    1.1 and 1.10 are two ids and one number. what: what the rows are, for messages ("baskets"). Raises InputError when
    it is no table or lacks a column.
    """
    wanted = list(dict.fromkeys([*names, *optional]))
    narrow = _narrowed(rows, wanted, what)
    given = list(map(str, narrow)) if isinstance(narrow, Mapping) else None
    table = None if given == [] else _table(narrow, what)
    frame = pl.DataFrame() if table is None else _as_written(table)
    missing = [name for name in names if name not in frame.columns]
    if table is not None and (unread := next((name for name in missing if name in table.unread), None)):
        raise _of(what, table.unread[unread])
    if missing:
        there = names_of(rows) or frame.columns
        raise InputError(
            f"the {what} have no column {', '.join(map(repr, missing))}",
            needed=f"the columns {', '.join(map(repr, names))}; there are {', '.join(map(repr, there[:20]))}",
            fix="rename the columns, or say which of yours are meant",
        )
    return frame.select([name for name in wanted if name in frame.columns])


def read_whole(rows: Any, *, what: str) -> pl.DataFrame:
    """Every column of a table as it was written. Raises InputError when it is none."""
    return _as_written(_table(rows, what))


def _table(rows: Any, what: str) -> Table:
    try:
        return read_frame(rows, empty=True)
    except InputError as error:
        raise _of(what, error) from error


def _as_written(table: Table) -> pl.DataFrame:
    return table.frame.with_columns(table.as_written(name) for name in table.frame.columns)


def _of(what: str, error: InputError) -> InputError:
    return InputError(f"the {what} cannot be read: {error.given}", needed=error.needed or "", fix=error.fix or "")


def names_of(rows: Any) -> list[str]:
    """The columns that are there, where they can be asked without reading."""
    if isinstance(rows, pl.LazyFrame):
        return rows.collect_schema().names()
    names = list(rows) if isinstance(rows, Mapping) else getattr(rows, "column_names", getattr(rows, "columns", []))
    return [str(name) for name in names]


def _narrowed(rows: Any, wanted: Sequence[str], what: str) -> Any:
    """The rows with the wanted columns alone, where others can be left out before anything is read."""
    kept = [name for name in wanted if name in names_of(rows)]
    if isinstance(rows, Mapping):
        return {name: rows[name] for name in kept}
    if isinstance(rows, pl.LazyFrame | pl.DataFrame) or hasattr(rows, "column_names"):
        return rows.select(kept) if kept else {}
    if type(rows).__module__.partition(".")[0] == "pandas":
        return rows[kept] if kept else {}
    if isinstance(rows, list | tuple) and not rows:
        raise InputError(f"the {what} cannot be read: no rows and no columns", needed="a table", fix="name the columns")
    return rows


def ids_of(frame: pl.DataFrame, name: str, *, what: str) -> pl.Series:
    """A column of ids as text, without nulls. Raises InputError for a missing id or a type that names nothing."""
    named = values.ids(nameable(frame, name, what))
    if named.null_count():
        row = int(named.is_null().arg_true()[0])
        raise InputError(
            f"row {row} of the {what} has no {name!r} ({named.null_count():,} rows are so)",
            needed="an id in every row",
            fix="drop those rows, or fill them in",
        )
    return named


def ids_given(given: Any, *, what: str) -> tuple[str, ...]:
    """Ids as somebody gives them in Python, by the names that tables read them by; one alone is one id.

    Raises InputError for a missing id, for a table, and for what names nothing.

    >>> ids_given([7, 7.0, " 7", "a b"], what="items"), ids_given("27", what="users"), ids_given(27.0, what="users")
    (('7', '7', '7', 'a b'), ('27',), ('27',))
    """
    if isinstance(given, Mapping | pl.DataFrame | pl.LazyFrame) or type(given).__name__ == "DataFrame":
        raise InputError(f"the {what} are a table", needed="ids", fix="give its column of ids")
    one = isinstance(given, str | bytes) or not isinstance(given, Iterable) or getattr(given, "ndim", 1) == 0
    listed = [given] if one else list(given)
    if all(isinstance(name, str) for name in listed):
        named = values.ids(pl.Series(what, listed, pl.String))
    else:
        # A column knows which of its cells are missing; as a list it may not.
        frame = read_columns({what: given if hasattr(given, "dtype") and not one else listed}, [what], what=what)
        named = values.ids(nameable(frame, what, what))
    if named.null_count():
        place = int(named.is_null().arg_true()[0])
        raise InputError(
            f"number {place + 1} of {len(listed):,} {what} is missing: {listed[place]!r}",
            needed="an id for each",
            fix="leave it out; who has no id can be answered as a session",
        )
    return tuple(named.to_list())


def words_of(frame: pl.DataFrame, name: str, *, what: str) -> pl.Series:
    """A column of categories as the names a study gives them, ``true`` for ``TRUE`` too; null where there is none.

    >>> words_of(pl.DataFrame({"id": [1.0, 2.5, None]}), "id", what="rows").to_list()
    ['1', '2.5', None]
    """
    return values.written_names(nameable(frame, name, what))


def nameable(frame: pl.DataFrame, name: str, what: str) -> pl.Series:
    """A column of what can be a name. Raises InputError for lists, dates and the like."""
    kind = frame[name].dtype
    if not (kind.is_numeric() or kind in (pl.String, pl.Boolean, pl.Categorical, pl.Enum, pl.Null)):
        raise InputError(f"column {name!r} of the {what} holds {kind}", needed="text or numbers", fix="make it text")
    return frame[name]


def texts_of(frame: pl.DataFrame, names: Sequence[str], *, what: str) -> list[str]:
    """The columns ``names`` of each row as one text, as ``joined`` does it; "" where nothing is written."""
    return [text or "" for text in values.joined([nameable(frame, name, what) for name in names])]


def days_of(frame: pl.DataFrame, name: str, *, what: str) -> np.ndarray:
    """A column of times as days since 1970 (UTC), float64. Raises InputError for a row that has none."""
    column = timelike(frame, name, what=what)
    found, _ = values.times(column)
    require_times(column, ~np.isnat(found), what=what)
    return as_days(found)


def timelike(frame: pl.DataFrame, name: str, *, what: str) -> pl.Series:
    """A column of what can be a time. Raises InputError for any other type."""
    column = frame[name]
    if column.dtype.is_numeric() or isinstance(column.dtype, pl.String | pl.Date | pl.Datetime):
        return column
    raise InputError(
        f"column {name!r} of the {what} holds {column.dtype}",
        needed="times",
        fix="dates, ISO 8601, or numbers since 1970",
    )


def require_times(column: pl.Series, there: np.ndarray, *, what: str, first: int = 0) -> None:
    """Raise InputError for the first row without a time. there: bool, shape (rows,). first: the number of row 0."""
    bad = np.flatnonzero(~there)
    if len(bad):
        raise InputError(
            f"row {bad[0] + first} of the {what} has no time in {column.name!r}: {column[int(bad[0])]!r}"
            f" ({len(bad):,} rows are so)",
            needed="a time in every row: a date, an ISO 8601 text, or a number of seconds, milliseconds or years",
            fix="drop those rows, or fill them in",
        )


def as_days(moments: np.ndarray) -> np.ndarray:
    """Times, datetime64[us], as days since 1970, float64; NaN for none."""
    return np.asarray((moments - np.datetime64(0, "us")) / _DAY, np.float64)


def day_of(moment: datetime | date | str | float) -> float:
    """Days since 1970 of one moment: a date, an ISO 8601 text, or seconds since 1970."""
    return float(days_of(pl.DataFrame({"now": [moment]}), "now", what="settings")[0])


def weights_of(frame: pl.DataFrame, name: str, *, what: str, first: int = 0) -> np.ndarray:
    """A column of weights, float64, not negative and below 1e100, so that sums of them are finite; all 1 when ``name``
    is empty.

    first: the number of row 0.
    """
    if not name:
        return np.ones(frame.height)
    column = _numeric(frame, name, what)
    found, _ = values.numbers(column)
    bad = np.flatnonzero(~((found >= 0) & (found < _MOST_WEIGHT)))
    if len(bad):
        raise InputError(
            f"row {bad[0] + first} of the {what} weighs {_cell(column, int(bad[0]))}",
            needed="finite weights of 0 or more" if not found[bad[0]] >= _MOST_WEIGHT else "weights below 1e100",
            fix="drop or correct those rows; a dislike is no interaction with a negative weight",
        )
    return np.asarray(found, np.float64)


def numbers_of(frame: pl.DataFrame, name: str, *, what: str, first: int = 0) -> np.ndarray:
    """A column of finite numbers, float64, one in every row. first: the number of row 0."""
    column = _numeric(frame, name, what)
    found, _ = values.numbers(column)
    bad = np.flatnonzero(np.isnan(found))
    if len(bad):
        raise InputError(
            f"row {bad[0] + first} of the {what} has no number: {_cell(column, int(bad[0]))}"
            f" ({len(bad):,} rows are so)",
            needed="a finite number in every row",
            fix="drop or correct those rows",
        )
    return np.asarray(found, np.float64)


def _numeric(frame: pl.DataFrame, name: str, what: str) -> pl.Series:
    column = frame[name]
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Null)):
        raise InputError(f"column {name!r} of the {what} holds {column.dtype}", needed="numbers", fix="make it numbers")
    return column


def _cell(column: pl.Series, row: int) -> str:
    """A cell as a message shows it, with the column and what makes it no number."""
    how = values.how_written(str(column[row]))
    return f"{column[row]!r} in {column.name!r}{how and f', written {how}'}"


def require_rows(frame: pl.DataFrame, *, what: str) -> None:
    """Raise InputError for a table without rows."""
    if not frame.height:
        raise InputError(f"the {what} have 0 rows", needed="at least one row", fix="check the export or the filter")


def require_once(ids: pl.Series, *, what: str) -> None:
    """Raise InputError when an id stands in two rows."""
    if ids.n_unique() == len(ids):
        return
    twice = ids.filter(ids.is_duplicated()).unique(maintain_order=True)
    raise InputError(
        f"{ids.name or 'id'} {twice[0]!r} stands in {int((ids == twice[0]).sum())} rows of the {what}"
        f" ({len(twice):,} ids are so)",
        needed="every id once",
        fix="keep the newest row of each",
    )


def entity_ids(entities: Any, name: str, *, what: str) -> pl.Series:
    """Ids from a sequence of them, or from the column ``name`` of a table; each may occur once."""
    listed = isinstance(entities, list | tuple) and not any(isinstance(one, Mapping) for one in entities[:1])
    plain = listed or isinstance(entities, np.ndarray | pl.Series) or type(entities).__name__ == "Series"
    frame = read_columns({name: entities} if plain else entities, [name], what=what)
    ids = ids_of(frame, name, what=what)
    require_once(ids, what=what)
    return ids
