"""Counts about columns, for the contract, and the refusals that need nothing but one column.

Decision: what a column of content may hold is judged by the kind of content (``rows/content``), not here.
"""

import numpy as np
import polars as pl

from graft.core.errors import ContractError
from graft.inputs.schema import CATEGORY_CAP, CategoryCount, ColumnFacts, LengthFacts, NumberFacts
from graft.rows.content import ColumnMeasure
from graft.rows.table import Table
from graft.rows.values import how_written, numbers, texts, times, words

_SHOWN = 5
_SQUARABLE = 1e100


def content_facts(table: Table, name: str, kind: str, measured: ColumnMeasure) -> ColumnFacts:
    """Facts of a column of content, given what its kind measured."""
    length = None
    if len(measured.sizes):
        median, p95 = np.quantile(measured.sizes, [0.5, 0.95])
        low, high = int(measured.sizes.min()), int(measured.sizes.max())
        length = LengthFacts(min=low, median=float(median), p95=float(p95), max=high)
    return ColumnFacts(
        name=name,
        role=kind,
        kind=kind,
        missing=len(table) - int(measured.stated.sum()),
        distinct=measured.distinct,
        length=length,
    )


def number_facts(table: Table, name: str) -> ColumnFacts:
    """Facts of a numeric column. Raises ContractError when most of its cells are no numbers."""
    column = table.frame[name]
    found, bad = numbers(column)
    present = found[np.isfinite(found)]
    if bad.sum() > len(present) or not len(present):
        shown = f"{int(bad.sum())} cells that are no number" if bad.any() else "no number at all"
        how, example = _written_otherwise(column, bad)
        raise ContractError(
            f"numeric column {name!r} holds {shown}" + (f", written {how} ({example!r})" if how else ""),
            needed="numbers such as 1234.5",
            fix="write them with a decimal point, and nothing between thousands or around the digits"
            if how
            else f"list {name!r} as text or categorical, or drop it",
        )
    return ColumnFacts(
        name=name,
        role="numeric",
        kind="number",
        missing=len(found) - len(present) - int(bad.sum()),
        distinct=len(np.unique(present)),
        number=number_summary(present),
    )


def _written_otherwise(column: pl.Series, bad: np.ndarray) -> tuple[str, str]:
    """How the first bad cell that a person would call a number is written, and that cell; "" when none is."""
    if column.dtype != pl.String:
        return "", ""
    cells = (str(column[row]) for row in np.flatnonzero(bad).tolist())
    return next(((how, cell) for cell in cells if (how := how_written(cell))), ("", ""))


def number_summary(present: np.ndarray) -> NumberFacts:
    """Minimum, maximum, mean and standard deviation of finite numbers, shape (rows,)."""
    # Squares of numbers near the largest there is are infinite, which the contract's JSON could not hold.
    unit = float(np.abs(present).max()) if np.abs(present).max() > _SQUARABLE else 1.0
    small = present / unit
    std = float(small.std(ddof=1)) * unit if len(present) > 1 else 0.0
    least, most = float(present.min()), float(present.max())
    return NumberFacts(min=least, max=most, mean=float(small.mean()) * unit, std=min(std, np.finfo(np.float64).max))


def category_facts(table: Table, name: str) -> ColumnFacts:
    """Facts of a categorical column, with its most frequent values."""
    named = table.as_names(name)
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
    kind = "id" if role == "id" else "group" if role == "group" else "time"
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
    named = words(table.as_written(name)) if role == "id" else table.as_names(name)
    return ColumnFacts(
        name=name, role=role, kind=kind, missing=named.null_count(), distinct=named.drop_nulls().n_unique()
    )
