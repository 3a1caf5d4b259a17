"""How much of a text a model has entries for: unknown tokens, and into how many pieces words fall.

Decisions: tokenizers of word pieces know every letter, so what is strange to them (product codes, another language,
typing errors) falls into more pieces and is seldom unknown; both are asked, a row at a time, of the tokenizer that
serves. A table of word vectors leaves out what it does not know; of the control without a network it is the share of a
row's words, or of its letters taken together, that none of its training rows had. Rows it has learnt from are not asked
about: they know their own words. Rows of several kinds are read by what they have of text.
"""

from collections.abc import Sequence

import numpy as np

from graft.inputs.dataset import Dataset
from graft.representations.encoding.backbones import token_rows
from graft.representations.source import Source
from graft.representations.static_directory import StaticReading
from graft.representations.tokens import special_ids
from graft.rows.content import TEXT, Joined
from graft.scores.classical.ngrams import NgramEncoder
from graft.scores.models import Model

_WORD = "word"


def texts_read(data: Dataset) -> list[str] | None:
    """The text of each row, "" for a row without; None for rows of another kind."""
    if TEXT not in (data.kind, *data.kind.parts):
        return None
    # A row without a text has nothing that is unknown.
    return [_text(one) or "" for one in data.contents]


def known_parts(
    model: Model, texts: Sequence[str] | None, rows: np.ndarray, learnt: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Share of each row's tokens (or words) that the model has no entry for, and pieces per word; both (n,), nan where
    the model reads no text, or no pieces, or knows the words of a row from the row itself.

    texts: of all rows, None where they have none. rows: places of those that are asked about, (n,). learnt: which of
    these the model learnt from, bool (n,).
    """
    nothing = np.full(len(rows), np.nan)
    if texts is None or not len(rows):
        return nothing, nothing.copy()
    words = [texts[row] for row in rows.tolist()]
    if model.source is not None:
        reads = [one for one in model.source.origins if one.reading.kind == TEXT.name]
        return _by_tokens(reads[0], words) if reads else (nothing, nothing.copy())
    if model.encoders:
        encoder = next((one for one in model.encoders if one.analyzer == _WORD), model.encoders[0])
        return _by_terms(encoder, words, learnt), nothing
    return nothing, nothing.copy()


def _text(content: object) -> str | None:
    if isinstance(content, Joined):
        content = content.of(TEXT.name) if TEXT.name in content.kinds else None
    return content if isinstance(content, str) else None


def _by_tokens(source: Source, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    tokens = token_rows(source, texts)
    lengths = tokens.lengths.astype(np.float64)
    if isinstance(source.reading, StaticReading):
        # What a table of vectors does not know is not among its tokens.
        held = lengths / np.maximum(1 - tokens.unknown.astype(np.float64), 1e-9)
        whole = np.where(tokens.unknown < 1, held, np.maximum(tokens.words, 1))
        pieces = whole / np.maximum(tokens.words, 1)
        told = np.full(len(texts), np.nan) if source.reading.words else pieces
        return tokens.unknown.astype(np.float64), told
    around = len(special_ids(source))
    own = np.maximum(lengths - around, 0)
    unknown = tokens.unknown * lengths / np.maximum(own, 1)
    return np.minimum(unknown, 1.0), np.where(tokens.words > 0, own / np.maximum(tokens.words, 1), 1.0)


def _by_terms(encoder: NgramEncoder, texts: list[str], learnt: np.ndarray) -> np.ndarray:
    analyse, known = encoder.analyser((1, 1) if encoder.analyzer == _WORD else None), frozenset(encoder.terms)
    held = [set(analyse(text)) for text in texts]
    shares = np.array([len(terms - known) / len(terms) if terms else 0.0 for terms in held])
    return np.where(learnt, np.nan, shares)
