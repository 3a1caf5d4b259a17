"""Counts about columns, for the contract, and the refusals that need nothing but one column.

Decisions: a column of text is judged by its cells, not its type: one that is nearly all numbers was meant as a number,
one that is mostly names of pictures or recordings belongs to another modality.
"""

import numpy as np
import polars as pl

from graft.core.errors import ContractError
from graft.inputs.schema import CATEGORY_CAP, CategoryCount, ColumnFacts, Kind, LengthFacts, NumberFacts
from graft.rows.table import Table
from graft.rows.values import numbers, texts, times, words

_IMAGE = r"(?i)^\S*\.(png|jpe?g|gif|bmp|tiff?|webp|heic|svg)(\?\S*)?$|^data:image/"
_AUDIO = r"(?i)^\S*\.(wav|mp3|flac|ogg|oga|opus|m4a|aac)(\?\S*)?$|^data:audio/"
_NUMERIC_SHARE = 0.95
_FILE_SHARE = 0.5
_SHOWN = 5


def text_facts(table: Table, name: str) -> ColumnFacts:
    """Facts of a text column. Raises ContractError when it holds numbers, dates, or names of media files."""
    column = table.frame[name]
    if column.dtype != pl.String:
        raise _not_text(name, str(column.dtype), column.dtype.is_numeric())
    present = column.drop_nulls()
    present = present.filter(present.str.strip_chars() != "")
    if len(present):
        _refuse_other_kinds(name, present)
    lengths = present.str.len_chars().to_numpy()
    length = None
    if len(lengths):
        median, p95 = np.quantile(lengths, [0.5, 0.95])
        length = LengthFacts(min=int(lengths.min()), median=float(median), p95=float(p95), max=int(lengths.max()))
    return ColumnFacts(
        name=name,
        role="text",
        kind="text",
        missing=len(column) - len(present),
        distinct=present.n_unique(),
        length=length,
    )


def _refuse_other_kinds(name: str, present: pl.Series) -> None:
    for what, pattern in (("image", _IMAGE), ("audio", _AUDIO)):
        share = present.str.contains(pattern).mean()
        if isinstance(share, float) and share > _FILE_SHARE:
            raise ContractError(
                f"text column {name!r} holds names of {what} files, such as {present[0]!r}",
                needed=f"the text itself in every cell; {what} files are another modality",
                fix=f"name a column of text, or study these files as {what} data with a {what} source",
            )
    share = present.str.strip_chars().str.contains(r"^[+-]?\d+([.,]\d+)?$").mean()
    if isinstance(share, float) and share > _NUMERIC_SHARE:
        raise _not_text(name, "numbers written as text", numeric=True)


def _not_text(name: str, holds: str, numeric: bool) -> ContractError:
    fix = f"list {name!r} as numeric or categorical, and name a column of text" if numeric else "name a column of text"
    return ContractError(f"text column {name!r} holds {holds}", needed="a column of text", fix=fix)


def number_facts(table: Table, name: str) -> ColumnFacts:
    """Facts of a numeric column. Raises ContractError when most of its cells are no numbers."""
    column = table.frame[name]
    found, bad = numbers(column)
    present = found[np.isfinite(found)]
    if bad.sum() > len(present) or not len(present):
        shown = f"{int(bad.sum())} cells that are no number" if bad.any() else "no number at all"
        raise ContractError(
            f"numeric column {name!r} holds {shown}",
            needed="numbers",
            fix=f"list {name!r} as text or categorical, or drop it",
        )
    return ColumnFacts(
        name=name,
        role="numeric",
        kind="number",
        missing=len(found) - len(present) - int(bad.sum()),
        distinct=len(np.unique(present)),
        number=number_summary(present),
    )


def number_summary(present: np.ndarray) -> NumberFacts:
    """Minimum, maximum, mean and standard deviation of finite numbers, shape (rows,)."""
    std = float(present.std(ddof=1)) if len(present) > 1 else 0.0
    return NumberFacts(min=float(present.min()), max=float(present.max()), mean=float(present.mean()), std=std)


def category_facts(table: Table, name: str) -> ColumnFacts:
    """Facts of a categorical column, with its most frequent values."""
    named = words(table.frame[name])
    counts = named.drop_nulls().value_counts(name="rows").sort(["rows", named.name], descending=[True, False])
    known = tuple(CategoryCount(value=value, rows=rows) for value, rows in counts.head(CATEGORY_CAP).iter_rows())
    return ColumnFacts(
        name=name,
        role="categorical",
        kind="category",
        missing=named.null_count(),
        distinct=counts.height,
        categories=known,
    )


def key_facts(table: Table, name: str, role: str) -> ColumnFacts:
    """Facts of an id, group or time column. Raises ContractError when a time column has cells that are no times."""
    column = table.frame[name]
    kind: Kind = "id" if role == "id" else "group" if role == "group" else "time"
    if role == "time":
        found, bad = times(column)
        if bad.any():
            rows = np.flatnonzero(bad)
            shown = ", ".join(f"{texts(column)[row]!r} in row {row}" for row in rows[:_SHOWN].tolist())
            raise ContractError(
                f"time column {name!r} holds {len(rows)} cells that are no time: {shown}",
                needed="ISO 8601 dates or times (2024-05-31, 2024-05-31T10:00:00Z), years, or seconds since 1970",
                fix="rewrite them that way or leave them empty",
            )
        known = found[~np.isnat(found)]
        return ColumnFacts(
            name=name, role=role, kind=kind, missing=len(found) - len(known), distinct=len(np.unique(known))
        )
    named = words(table.as_names(name))
    return ColumnFacts(
        name=name, role=role, kind=kind, missing=named.null_count(), distinct=named.drop_nulls().n_unique()
    )
