"""Texts as the tokens of a source without layers.

Decisions: a table of words is asked for what is written there first, and for its parts only if it does not know it: the
same text is ``don't`` for a table that has that word, and ``do`` and ``n't`` for one made the way of the Penn Treebank,
as GloVe is. A table that tells upper from lower case is asked for the word as written, then in lower case. Signs that
are no words and that a table does not hold are nothing it could have known, so they do not count as unknown.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from graft.core.errors import SourceError
from graft.representations.source import Source
from graft.representations.static_directory import static_reading
from graft.representations.tokens import TokenRows, encoded, require_known, tokenizer_in
from graft.representations.word_tables import VOCABULARY

_WRITTEN = re.compile(r"\w+(?:[-'.,/&@]\w+)*\.?|[^\w\s]")
_PARTS = re.compile(r"[^\W_]+?(?=n't\b)|n't\b|'(?:s|re|ve|ll|d|m)\b|[^\W_]+|[^\w\s]")
_UNKNOWN = -1


def static_tokens(source: Source, texts: Sequence[str]) -> TokenRows:
    """Token rows of texts, those nobody knows left out, but counted in ``unknown``.

    Raises SourceError for a tokenizer that cannot be used, or that gives numbers the source has no vectors for.
    """
    reading = static_reading(source)
    rows, words, truncated = (_by_words if reading.words else _by_tokenizer)(source, texts)
    lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
    flat = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    require_known(flat, source)
    known = flat != _UNKNOWN
    before = np.concatenate([[0], np.cumsum(known)]).astype(np.int64)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    offsets = before[ends]
    unknown = ((lengths - np.diff(offsets)) / np.maximum(lengths, 1)).astype(np.float32)
    return TokenRows(flat[known].astype(np.int32), offsets, truncated, unknown, words)


def cut_static(source: Source, texts: Sequence[str]) -> np.ndarray:
    """Which texts are longer than the source reads, bool, shape (texts,)."""
    if not static_reading(source).max_tokens:
        return np.zeros(len(texts), bool)
    return static_tokens(source, texts).truncated


_Rows = tuple[list[np.ndarray], np.ndarray, np.ndarray]


def _by_tokenizer(source: Source, texts: Sequence[str]) -> _Rows:
    reading = static_reading(source)
    directory = (source.weights.directory / reading.files[0][0]).parent
    tokenizer, _ = tokenizer_in(directory, reading.max_tokens, reading.digest)
    unknown = _unknown(directory, reading.max_tokens, reading.digest)
    short = list(texts)
    if reading.max_tokens and not reading.averages_unknown:
        most = reading.max_tokens * _typical_length(directory, reading.max_tokens, reading.digest)
        short = [text[:most] for text in texts]
    found = encoded(tokenizer, short, directory, special=False)
    rows = [np.asarray(one.ids, np.int64) for one in found]
    if unknown is not None and not reading.averages_unknown:
        rows = [np.where(row == unknown, _UNKNOWN, row) for row in rows]
    words = np.array([len(set(one.word_ids) - {None}) for one in found], np.int32)
    cut = [bool(one.overflowing) or len(part) < len(text) for one, part, text in zip(found, short, texts, strict=True)]
    return rows, words, np.array(cut, bool)


@lru_cache(maxsize=8)
def _typical_length(directory: Path, max_tokens: int, preprocessing: str) -> int:
    """Characters of a token: model2vec cuts a text after so many for each token it reads, before it is tokens."""
    tokenizer, _ = tokenizer_in(directory, max_tokens, preprocessing)
    return max(1, int(np.median([len(token) for token in tokenizer.get_vocab()])))


@lru_cache(maxsize=8)
def _unknown(directory: Path, max_tokens: int, preprocessing: str) -> int | None:
    """The token that stands for what the model of a tokenizer does not know; as model2vec finds it."""
    tokenizer, _ = tokenizer_in(directory, max_tokens, preprocessing)
    if hasattr(tokenizer.model, "unk_token"):
        named = tokenizer.model.unk_token
        return None if named is None else tokenizer.token_to_id(named)
    stated = json.loads(tokenizer.to_str())["model"].get("unk_id")
    return stated if type(stated) is int else None


def _by_words(source: Source, texts: Sequence[str]) -> _Rows:
    reading = static_reading(source)
    places = _vocabulary(source.weights.directory, reading.files, source.weights.vocabulary)
    found = [np.fromiter(_places(_as_written(text, reading.lowercase), places), np.int64) for text in texts]
    words = np.array([len(_as_written(text, reading.lowercase).split()) for text in texts], np.int32)
    return found, words, np.zeros(len(texts), bool)


def _as_written(text: str, lowercase: bool) -> str:
    plain = unicodedata.normalize("NFC", text).replace("\u2019", "'")
    return plain.lower() if lowercase else plain


def _places(text: str, places: Mapping[str, int]) -> Iterator[int]:
    for written in _WRITTEN.findall(text):
        place = _place(written, places)
        if place is not None:
            yield place
            continue
        for part in _PARTS.findall(written):
            place = _place(part, places)
            if place is not None:
                yield place
            elif part[0].isalnum():
                yield _UNKNOWN


def _place(word: str, places: Mapping[str, int]) -> int | None:
    place = places.get(word)
    return places.get(word.lower()) if place is None else place


@lru_cache(maxsize=4)
def _vocabulary(directory: Path, files: tuple[tuple[str, str], ...], vectors: int) -> Mapping[str, int]:
    # ``files`` holds the digest: with another one the list is read again.
    try:
        words = (directory / VOCABULARY).read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _misfit(directory, "it is no text in UTF-8") from error
    places = dict(zip(words, range(len(words)), strict=True))
    if len(words) != vectors:
        raise _misfit(directory, f"it has {len(words):,} words, and there are {vectors:,} vectors")
    if len(places) != len(words):
        raise _misfit(directory, f"{len(words) - len(places):,} of its words stand there twice")
    return places


def _misfit(directory: Path, why: str) -> SourceError:
    return SourceError(
        f"{directory / VOCABULARY} does not fit its table: {why}",
        needed="a word a line, each once, in the order of the vectors",
        fix="make the directory again with graft convert",
    )
