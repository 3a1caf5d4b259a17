"""Text: the words of one row, exactly as they were written.

Decisions: several columns are one text, joined by line ends; a column of text is judged by its cells, not its type: one
that is nearly all numbers was meant as a number, one that is mostly names of pictures or recordings is of another kind.
Texts repeat one another when their loose forms are equal (``sameness``) or nearly equal: long ones by the n-grams they
share (``shingles``), short ones when they are one slip of the keyboard apart (``edits``). A short text with another
number in it is another text (CLINC150 asks for many square roots); a long one is the same message sent again (spam is,
from another telephone). A word is left out wherever it occurs in its text, so a repeated word does not hide behind its
repeats; texts of more than 60 words are taken apart by sentences, or by runs of words where they have too few or too
many.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl

from graft.core.digests import content_digest
from graft.core.errors import ContractError
from graft.rows.content.edits import name_apart, one_slip_pairs, reach
from graft.rows.content.kind import ColumnMeasure, ContentKind, ContentProblem, Piece
from graft.rows.content.sameness import normalise, strict_form
from graft.rows.content.shingles import near_pairs
from graft.rows.values import joined

LONG_TEXT = 100_000
_IMAGE = r"(?i)^\S*\.(png|jpe?g|gif|bmp|tiff?|webp|heic|svg)(\?\S*)?$|^data:image/"
_AUDIO = r"(?i)^\S*\.(wav|mp3|flac|ogg|oga|opus|m4a|aac)(\?\S*)?$|^data:audio/"
_NUMERIC_SHARE = 0.95
_FILE_SHARE = 0.5
_CJK = "\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+(?:['\u2019-][^\W{_CJK}]+)*")
_SENTENCE = re.compile(r"\S.*?(?:[.!?…](?=\s)|\n|$)", re.DOTALL)
_WORDS_AT_MOST, _PIECES_AT_MOST, _RUNS = 60, 60, 30
_CAPTION = 40
_SENTENCES = (
    "This is a sentence that nobody wrote.",
    "Please check the attached file and answer by Friday.",
    "Thank you, everything works again.",
    "When does the next train leave?",
    "I have a question about my account.",
    "0 1 2 3 4 5 6 7 8 9",
    "?",
    "The quick brown fox jumps over the lazy dog. " * 8,
)
Span: TypeAlias = tuple[int, int]


def _measure(column: pl.Series, folder: Path | None) -> ColumnMeasure:
    """Raises ContractError for a column that holds numbers, dates, or names of media files."""
    if column.dtype == pl.Binary:
        raise ContractError(
            f"text column {column.name!r} holds bytes that are not UTF-8 text",
            needed="text",
            fix="decode them first; if they are encoded pictures, name the column as image",
        )
    if column.dtype != pl.String:
        raise _not_text(column.name, str(column.dtype), column.dtype.is_numeric())
    stated = (column.str.strip_chars() != "").fill_null(value=False)
    present = column.filter(stated)
    if len(present):
        _refuse_other_kinds(column.name, present)
    return ColumnMeasure(stated.to_numpy(), present.n_unique(), present.str.len_chars().to_numpy().astype(np.int64))


def _refuse_other_kinds(name: str, present: pl.Series) -> None:
    for what, pattern in (("image", _IMAGE), ("audio", _AUDIO)):
        share = present.str.contains(pattern).mean()
        if isinstance(share, float) and share > _FILE_SHARE:
            raise ContractError(
                f"text column {name!r} holds names of {what} files, such as {present[0]!r}",
                needed=f"the text itself in every cell; {what} files are another modality",
                fix=f"name a column of text, or name this one as {what} ({what}={name!r}) with a source of that kind",
            )
    share = present.str.strip_chars().str.contains(r"^[+-]?\d+([.,]\d+)?$").mean()
    if isinstance(share, float) and share > _NUMERIC_SHARE:
        raise _not_text(name, "numbers written as text", numeric=True)


def _not_text(name: str, holds: str, numeric: bool) -> ContractError:
    fix = f"list {name!r} as numeric or categorical, and name a column of text" if numeric else "name a column of text"
    return ContractError(f"text column {name!r} holds {holds}", needed="a column of text", fix=fix)


def _problem(text: str | None) -> ContentProblem | None:
    if text is None:
        return ContentProblem("missing-text", "the row has no text", fatal=True)
    if not text.strip():
        return ContentProblem("empty-text", "the text is blank", fatal=True)
    if len(text) > LONG_TEXT:
        message = f"the text has {len(text):,} characters: most sources read only its beginning"
        return ContentProblem("too-long", message, fatal=False)
    return None


def _read(columns: Sequence[pl.Series], folder: Path | None) -> list[str | None]:
    return joined(columns)


def _digest(text: str) -> bytes:
    return content_digest(text)


def _near(
    texts: Sequence[str], strict: Sequence[Collection[str]], threshold: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Similarity is the share of n-grams in common, or of letters without a slip."""
    sizes = np.array([max(map(len, forms)) for forms in strict], dtype=np.int64)
    pairs, similarity = near_pairs(texts, threshold=threshold, seed=seed)
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    short = np.flatnonzero(lengths[pairs].max(axis=1, initial=0) < reach(threshold))
    differs = [name_apart(texts[one], texts[other]) for one, other in pairs[short].tolist()]
    same = np.ones(len(pairs), dtype=bool)
    same[short[np.array(differs, dtype=bool)]] = False
    slips = one_slip_pairs(texts, sizes, high=reach(threshold))
    unchanged = 1 - 1 / np.maximum(lengths[slips].max(axis=1, initial=1), 1)
    return np.concatenate([pairs[same], slips]), np.concatenate([similarity[same], unchanged])


def excerpt(text: str, limit: int) -> str:
    """The beginning of a text on one line, at most ``limit`` characters.

    >>> excerpt("please   reset my password", 12)
    'please rese…'
    """
    line = " ".join(text[: limit * 4].split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def pieces_of(text: str) -> tuple[Piece, ...]:
    """What is left out of a text in turn: its words, or when it is long its sentences or runs of words.

    >>> [piece.name for piece in pieces_of("Reset it, reset it now")]
    ['Reset', 'it', 'now']
    """
    words = [match.span() for match in _WORD.finditer(text)]
    if len(words) <= _WORDS_AT_MOST:
        return _distinct(text, words)
    sentences = [match.span() for match in _SENTENCE.finditer(text)]
    if not _RUNS // 6 <= len(sentences) <= _PIECES_AT_MOST:
        size = -(-len(words) // _RUNS)
        runs = [words[start : start + size] for start in range(0, len(words), size)]
        sentences = [(run[0][0], run[-1][1]) for run in runs]
    return tuple(Piece(f'"{excerpt(text[slice(*span)], _CAPTION)}"', _without(text, (span,))) for span in sentences)


def _distinct(text: str, words: list[Span]) -> tuple[Piece, ...]:
    places: dict[str, list[Span]] = {}
    for span in words:
        places.setdefault(text[slice(*span)].casefold(), []).append(span)
    return tuple(Piece(text[slice(*spans[0])], _without(text, spans)) for spans in places.values())


def _without(text: str, spans: Sequence[Span]) -> str:
    kept, position = [], 0
    for start, end in spans:
        kept.append(text[position:start])
        position = end
    return "".join([*kept, text[position:]])


def _made_up(words: Sequence[str]) -> tuple[str, ...]:
    return (*_SENTENCES, *words)


TEXT = ContentKind(
    name="text",
    plural="texts",
    unit="characters",
    pieces_at_most=_PIECES_AT_MOST,
    column=pl.String(),
    blank="",
    fits=lambda given: isinstance(given, str),
    taken=str,
    measure=_measure,
    read=_read,
    cell=str,
    problem=_problem,
    size=len,
    digest=_digest,
    loose=normalise,
    strict=strict_form,
    near=_near,
    shown=excerpt,
    pieces=pieces_of,
    made_up=_made_up,
    written=str,
    restored=str,
)
