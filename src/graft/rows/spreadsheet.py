"""Cells that a spreadsheet would run as a formula.

Decisions: a CSV that people open is safe to open: a text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line
end gets an apostrophe before it, which spreadsheets take as "this is text". Numbers are never touched, neither as
numbers nor as the text of one (``-5``, ``+49151``): they compute nothing, and an id made of one still joins. A text
that begins with apostrophes before such a mark gets one more, so what was written can be had back exactly:
``unguarded(guarded(x)) == x``. Who joins by such a text asks for the cells as they are.
"""

import polars as pl

_FORMULA = r"^'*[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"
_NUMBER = r"^[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$"


def guarded(texts: pl.Series) -> pl.Series:
    """A column of text with an apostrophe before every cell that would be a formula; other columns as they are.

    >>> guarded(pl.Series(["=1+1", "-5", "'=1", "plain", None])).to_list()
    ["'=1+1", '-5', "''=1", 'plain', None]
    """
    if texts.dtype != pl.String:
        return texts
    return _where(texts, pl.lit("'") + pl.col("text"))


def unguarded(texts: pl.Series) -> pl.Series:
    """The column that ``guarded`` was given.

    >>> unguarded(pl.Series(["'=1+1", "-5", "''=1", "'tis", None])).to_list()
    ['=1+1', '-5', "'=1", "'tis", None]
    """
    if texts.dtype != pl.String:
        return texts
    return _where(texts, pl.col("text").str.strip_prefix("'"))


def _where(texts: pl.Series, change: pl.Expr) -> pl.Series:
    formula = pl.col("text").str.contains(_FORMULA) & ~pl.col("text").str.contains(_NUMBER)
    found = pl.DataFrame({"text": texts}).select(pl.when(formula).then(change).otherwise("text"))
    return found.to_series().alias(texts.name)


def guarded_frame(frame: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """A table whose names and cells no spreadsheet runs, and how many of them were changed."""
    columns = [guarded(column) for column in frame]
    changed = sum(int((new != old).fill_null(False).sum()) for new, old in zip(columns, frame, strict=True))
    names = guarded(pl.Series(frame.columns, dtype=pl.String)).to_list()
    changed += sum(new != old for new, old in zip(names, frame.columns, strict=True))
    return pl.DataFrame([column.alias(name) for column, name in zip(columns, names, strict=True)]), changed
