"""Columns of whatever table is at hand, as the ids, texts, times and weights they mean.

Decisions: pandas and Polars frames, Arrow tables and mappings of columns are all read into Polars, and only the columns
named; the same id has the same name whether it came as ``1``, ``1.0`` or ``"1"``; what cannot be understood is refused
with the row it stands in, never guessed. A plain number as a time counts seconds since 1970, as logs do.
"""

import sys
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from graft.core.errors import InputError

_DAY = 86_400_000_000


def read_columns(rows: object, names: Sequence[str], *, what: str, optional: Sequence[str] = ()) -> pl.DataFrame:
    """The columns ``names`` of a table, and those of ``optional`` that it has.

    rows: a Polars or pandas frame, an Arrow table, or a mapping of names to columns of one length.
    what: what the rows are, for messages ("baskets"). Raises InputError when it is no table or lacks a column.
    """
    frame = _frame(rows, [*names, *optional], what)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise InputError(
            f"the {what} have no column {', '.join(map(repr, missing))}",
            needed=f"the columns {', '.join(map(repr, names))}; there are {', '.join(map(repr, _given_names(rows)))}",
            fix="rename the columns, or name yours in the settings of the embedder",
        )
    kept = [name for name in dict.fromkeys([*names, *optional]) if name in frame.columns]
    return frame.select(kept)


def _given_names(rows: object) -> list[str]:
    if isinstance(rows, pl.LazyFrame):
        return rows.collect_schema().names()
    names = (
        list(rows) if isinstance(rows, Mapping) else list(getattr(rows, "column_names", getattr(rows, "columns", [])))
    )
    return [str(name) for name in names][:20]


def _frame(rows: object, wanted: Sequence[str], what: str) -> pl.DataFrame:
    try:
        if isinstance(rows, pl.DataFrame):
            return rows
        if isinstance(rows, pl.LazyFrame):
            return rows.select([name for name in dict.fromkeys(wanted) if name in _given_names(rows)]).collect()
        if isinstance(rows, Mapping):
            return pl.DataFrame({name: _series(name, rows[name]) for name in dict.fromkeys(wanted) if name in rows})
        if _is(rows, "pandas", "DataFrame"):
            return pl.DataFrame({n: _series(n, rows[n]) for n in dict.fromkeys(wanted) if n in rows.columns})  # type: ignore[index, attr-defined]
        if _is(rows, "pyarrow", "Table"):
            kept = [name for name in dict.fromkeys(wanted) if name in rows.column_names]  # type: ignore[attr-defined]
            found = pl.from_arrow(rows.select(kept))  # type: ignore[attr-defined]
            assert isinstance(found, pl.DataFrame)
            return found
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = str(error).splitlines()[0][:200]
        raise InputError(
            f"the {what} cannot be read as a table: {reason}",
            needed="columns of one length, each of one type",
            fix="make every column text, numbers or dates",
        ) from error
    raise InputError(
        f"the {what} are given as {type(rows).__name__}",
        needed="a Polars or pandas frame, an Arrow table, or a mapping of column names to columns",
        fix='for example {"basket": [1, 1, 2], "item": ["a", "b", "a"]}',
    )


def _is(rows: object, module: str, name: str) -> bool:
    """Whether ``rows`` is of a library that is loaded: whoever holds a frame has imported it."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(rows, getattr(loaded, name))


def _series(name: str, values: object) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.alias(name)
    if _is(values, "pandas", "Series") or _is(values, "pandas", "Index"):
        if str(values.dtype) == "object":  # type: ignore[attr-defined]
            # Through Arrow a column of mixed words and numbers would be refused.
            return _series(name, values.tolist())  # type: ignore[attr-defined]
        return pl.from_pandas(values).alias(name)  # type: ignore[call-overload, no-any-return]
    if isinstance(values, np.ndarray):
        values = values.tolist() if values.dtype == object else values
        return pl.Series(name, values)
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise InputError(f"column {name!r} is {type(values).__name__}", needed="a list of values", fix="make it one")
    kinds = {type(value) for value in values if value is not None}
    if str in kinds and len(kinds) > 1:
        return pl.Series(name, [_word(value) for value in values], pl.String)
    return pl.Series(name, values, strict=False) if kinds <= {int, float} else pl.Series(name, values)


def ids_of(frame: pl.DataFrame, name: str, *, what: str) -> pl.Series:
    """A column of ids as text, without nulls. Raises InputError for a missing id or a type that names nothing."""
    named = words_of(frame, name, what=what)
    if named.null_count():
        row = int(named.is_null().arg_true()[0])
        raise InputError(
            f"row {row} of the {what} has no {name!r} ({named.null_count():,} rows are so)",
            needed="an id in every row",
            fix="drop those rows, or fill them in",
        )
    return named


def words_of(frame: pl.DataFrame, name: str, *, what: str) -> pl.Series:
    """A column of words as text, spaces around them removed; null where there is none.

    >>> words_of(pl.DataFrame({"id": [1.0, 2.5, None]}), "id", what="rows").to_list()
    ['1', '2.5', None]
    """
    column = frame[name]
    plain = column.dtype.is_integer() or column.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Null)
    if column.dtype.is_float():
        column = pl.Series(name, [_word(value) for value in column.to_list()], pl.String)
    elif not plain:
        raise InputError(
            f"column {name!r} of the {what} holds {column.dtype}", needed="text or whole numbers", fix="make it text"
        )
    stripped = column.cast(pl.String).str.strip_chars()
    return stripped.replace("", None) if bool((stripped == "").any()) else stripped


def _word(value: object) -> str | None:
    """One value as a name; None where there is none."""
    if value is None or value != value:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)


def texts_of(frame: pl.DataFrame, names: Sequence[str], *, what: str) -> list[str]:
    """The columns ``names`` of each row as one text, joined by line ends; "" where nothing is written."""
    columns = []
    for name in names:
        exact = frame[name] if frame[name].dtype == pl.String else words_of(frame, name, what=what)
        columns.append(exact.fill_null("").to_list())
    joined = ("\n".join(cell for cell in cells if cell) for cells in zip(*columns, strict=True))
    return [text if text.strip() else "" for text in joined]


def days_of(frame: pl.DataFrame, name: str, *, what: str) -> np.ndarray:
    """A column of times as days since 1970 (UTC), float64. Raises InputError for a row that has none."""
    column = frame[name]
    if column.dtype == pl.String:
        days = column.str.to_datetime(strict=False, time_zone="UTC").dt.epoch("us") / _DAY
    elif column.dtype == pl.Date or column.dtype == pl.Datetime:
        days = column.cast(pl.Datetime("us", getattr(column.dtype, "time_zone", None))).dt.epoch("us") / _DAY
    elif column.dtype.is_numeric():
        days = column.cast(pl.Float64) / 86_400
    else:
        raise InputError(
            f"column {name!r} of the {what} holds {column.dtype}", needed="times", fix="dates, or seconds since 1970"
        )
    found: np.ndarray = days.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(found))
    if len(bad):
        raise InputError(
            f"row {bad[0]} of the {what} has no time in {name!r}: {column[int(bad[0])]!r} ({len(bad):,} rows are so)",
            needed="a time in every row: a date, an ISO 8601 text, or seconds since 1970",
            fix="drop those rows, or fill them in",
        )
    return found


def weights_of(frame: pl.DataFrame, name: str, *, what: str) -> np.ndarray:
    """A column of weights, float64, finite and not negative; all 1 when ``name`` is empty."""
    if not name:
        return np.ones(frame.height)
    column = frame[name]
    if not column.dtype.is_numeric():
        raise InputError(f"column {name!r} of the {what} holds {column.dtype}", needed="numbers", fix="make it numbers")
    found: np.ndarray = column.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(bad):
        raise InputError(
            f"row {bad[0]} of the {what} weighs {found[bad[0]]} in {name!r}",
            needed="finite weights of 0 or more",
            fix="drop or correct those rows; a dislike is no interaction with a negative weight",
        )
    return found


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


def entity_ids(entities: object, name: str, *, what: str) -> pl.Series:
    """Ids from a sequence of them, or from the column ``name`` of a table; each may occur once."""
    plain = isinstance(entities, list | tuple | np.ndarray | pl.Series) or _is(entities, "pandas", "Series")
    frame = read_columns({name: entities} if plain else entities, [name], what=what)
    ids = ids_of(frame, name, what=what)
    require_once(ids, what=what)
    return ids
