"""What every kind of content says about itself: one frozen record a kind.

Decisions: a content is a plain value (a ``str`` for text), so it travels through tuples, caches and processes as it is;
whatever must be known about it is a field of its kind's record, and nobody above asks what type it has. Equal meaning
has an equal digest. Whatever is shown of a content is one line of bounded length.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl

# What a row says. Its type is the business of its kind alone: a text is a str.
Content: TypeAlias = Any


@dataclass(frozen=True)
class ContentProblem:
    """What is wrong with one content. fatal: its row cannot be used."""

    code: str
    message: str
    fatal: bool


def _never(forms: Sequence[Hashable]) -> bool:
    return False


def _itself(content: Content) -> Content:
    return content


def never_unclear(given: Any) -> str:
    """One content is never taken for several."""
    return ""


@dataclass(frozen=True, eq=False)
class ColumnMeasure:
    """What a column of content holds.

    stated: bool (rows,), cells that say something. distinct: how many different ones. sizes: of the stated ones, int64,
    in the unit of the kind.
    """

    stated: np.ndarray
    distinct: int
    sizes: np.ndarray


@dataclass(frozen=True)
class Piece:
    """Something that can be left out of a content: what it is called, and the content without it.

    whole: all there is of one kind, in a content of several.
    """

    name: str
    rest: Content
    whole: bool = False


@dataclass(frozen=True)
class ContentKind:
    """One kind of content.

    name: the word for it, which is also the role of its columns and the option that names them. plural: for counting.
    unit: of sizes.
    column: the type of the columns a table keeps contents in; what they hold reads as the same contents again.
    blank: what a row that says nothing is embedded as, None where it cannot be.
    travels: whether a content that is written down is all there is of it; otherwise it names a file that stays where it
    is, and what must be read elsewhere is made up.
    fits: whether a value is a content of this kind, or something that ``taken`` makes one of.
    taken: what a caller handed over, as a content; raises InputError where it cannot be read.
    measure: what a column holds; raises ContractError for one that cannot be of this kind.
    read: the columns of a table to one content a row, None where no cell is there. Both are given the folder of the
    file the rows were in, which file names are relative to; None for rows in memory.
    cell: a content as a cell of such a column, which reads as the same content wherever it stands.
    problem: what is wrong with a content that was read, None when nothing is.
    size: how large a content is, in ``unit``.
    digest: 16 bytes; the same for whatever means the same to a model.
    loose: the form under which two contents repeat one another. strict: the form under which they claim the same; equal
    strict forms have equal loose forms.
    near: given different loose forms, the strict forms of each, a threshold in (0, 1] and a seed: pairs of nearly equal
    ones, int64 (pairs, 2), smaller index first, and how similar each pair is, (pairs,).
    shown: a line of at most so many characters for a person to recognise it by. pictured: how it looks, small enough
    for a page, as a data URI, "" when that cannot be had; None for a kind whose line says it all.
    pieces: what can be left out of it, at most ``pieces_at_most``, to see what carries a score.
    made_up: contents that come from no data, given words to use.
    written, restored: a content as a string for files, and back. kept: what a saved model keeps of a content, to name
    it as one that it learnt from.
    cells: whether its content is what the numeric and categorical columns hold, so that it has no columns of its own.
    handed: what a caller may hand over, in words, "" where the name of the kind says it.
    unclear: why a value that was handed over may be one content or several, "" where that is plain.
    by_chance: given the loose forms of all contents, whether equal ones are to be expected without any being a copy.
    parts: the kinds that stand together in one content of this kind; () where it is one alone.
    """

    name: str
    plural: str
    unit: str
    pieces_at_most: int
    column: pl.DataType
    blank: Content | None
    fits: Callable[[Any], bool]
    taken: Callable[[Any], Content]
    measure: Callable[[pl.Series, Path | None], ColumnMeasure]
    read: Callable[[Sequence[pl.Series], Path | None], list[Content]]
    cell: Callable[[Content], Any]
    problem: Callable[[Content], ContentProblem | None]
    size: Callable[[Content], int]
    digest: Callable[[Content], bytes]
    loose: Callable[[Content], Hashable]
    strict: Callable[[Content], Hashable]
    near: Callable[[Sequence[Any], Sequence[Collection[Any]], float, int], tuple[np.ndarray, np.ndarray]]
    shown: Callable[[Content, int], str]
    pieces: Callable[[Content], tuple[Piece, ...]]
    made_up: Callable[[Sequence[str]], tuple[Content, ...]]
    written: Callable[[Content], str]
    restored: Callable[[str], Content]
    pictured: Callable[[Content], str] | None = None
    travels: bool = True
    cells: bool = False
    kept: Callable[[Content], Content] = _itself
    handed: str = ""
    unclear: Callable[[Any], str] = never_unclear
    by_chance: Callable[[Sequence[Hashable]], bool] = _never
    parts: "tuple[ContentKind, ...]" = ()
