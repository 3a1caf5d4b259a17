"""Rows of a file that cannot be read, passed over when somebody asked for that.

Decision: a study refuses a file with unreadable rows, because a row that is left out silently is a decision about the
evidence; a table of a hundred thousand rows should not stop for one of them, so there it is listed instead.
"""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Skipped:
    """A row that was not read. line: of the file, from 1 (of the rows, when the file has no lines)."""

    line: int
    why: str


UNDECODABLE = "it holds bytes that are not UTF-8"


def decode_what_can_be(raw: bytes) -> str:
    """Text in which bytes that are no UTF-8 became lone surrogates."""
    return raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def is_decoded(text: str) -> bool:
    """Whether a text holds none of those.

    >>> is_decoded("caf\u00e9"), is_decoded(decode_what_can_be(b"caf\\xe9"))
    (True, False)
    """
    return text.isascii() or not any("\udc80" <= character <= "\udcff" for character in text)


def without_long(frame: pl.DataFrame, limit: int) -> tuple[pl.DataFrame, tuple[int, ...]]:
    """The rows in which every text has at most ``limit`` characters, and the positions of the others."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    if not texts or not frame.height:
        return frame, ()
    long = frame.select(pl.any_horizontal(pl.col(texts).str.len_chars() > limit).fill_null(False)).to_series()
    return frame.filter(~long), tuple(long.arg_true().to_list())
