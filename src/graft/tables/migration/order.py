"""Which rows are re-embedded first: the ones that are asked for most.

Decisions: nobody but the user knows what is asked for: a column of the table (a counter, a date, a priority; larger
first) or counts by id from elsewhere say it. Without either, what changed last comes first. Rows without a value come
last.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa

from graft.core.errors import TableError

Hot = str | Mapping[str, float] | None
"""A column, or a count for each id, or nothing: the rows changed last."""

_DEFAULT = "updated_at"


def require_order(schema: pa.Schema, hot: Hot) -> None:
    """Raise TableError when ``hot`` names a column that is not there or has no order."""
    if not isinstance(hot, str):
        return
    kind = schema.field(hot).type if hot in schema.names else None
    if kind is None or pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise TableError(
            f"no order by {hot!r}: " + ("there is no such column" if kind is None else f"it holds {kind}"),
            needed=f"a column with numbers, dates or texts, among {', '.join(schema.names)}",
            fix="name another one, or leave it out to begin with the rows changed last",
        )


def columns_needed(hot: Hot) -> list[str]:
    """The columns to read for ``hottest_first``."""
    return [hot] if isinstance(hot, str) else [_DEFAULT]


def hottest_first(rows: pa.Table, hot: Hot) -> np.ndarray:
    """Positions of the rows, hottest first, shape (rows,); rows equally hot stay in their order.

    >>> hottest_first(pa.table({"id": ["a", "b", "c"], "views": [5, None, 9]}), "views").tolist()
    [2, 0, 1]
    """
    if isinstance(hot, Mapping):
        values = pl.Series([hot.get(one) for one in rows["id"].to_pylist()], dtype=pl.Float64)
    else:
        values = pl.Series(rows[columns_needed(hot)[0]])
    frame = pl.DataFrame({"heat": values})
    if frame["heat"].dtype.is_float():
        frame = frame.with_columns(pl.col("heat").fill_nan(None))
    ordered = frame.with_row_index("row").sort("heat", descending=True, nulls_last=True, maintain_order=True)
    return ordered["row"].to_numpy().astype(np.int64)


def order_in_words(hot: Hot) -> str:
    """The order as a person reads it."""
    if hot is None:
        return "the rows changed last come first"
    return f"largest {hot!r} first" if isinstance(hot, str) else f"the most asked for first ({len(hot):,} ids counted)"
