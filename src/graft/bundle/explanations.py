"""Which words carry a score, by leaving them out.

Decisions: a word is left out wherever it occurs in its text, so a repeated word does not hide behind its repeats; texts
of more than 60 words are taken apart by sentences, or by runs of words where they have too few or too many; the change
of the calibrated probability is told, because that is what the user sees; many rows are scored together.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from graft.bundle.reference import excerpt
from graft.core.progress import SILENT, Progress
from graft.inputs.dataset import Dataset

_CJK = "\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+(?:['\u2019-][^\W{_CJK}]+)*")
_SENTENCE = re.compile(r"\S.*?(?:[.!?…](?=\s)|\n|$)", re.DOTALL)
_WORDS_AT_MOST, _PARTS_AT_MOST, _RUNS = 60, 60, 30
_TOLD, _CAPTION = 5, 40
_TEXTS_AT_ONCE, _CHARS_AT_ONCE = 4096, 20_000_000
Span = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """Something that can be left out of a text: its name, and where it stands."""

    name: str
    spans: tuple[Span, ...]

    def without(self, text: str) -> str:
        """The text without it."""
        pieces, position = [], 0
        for start, end in self.spans:
            pieces.append(text[position:start])
            position = end
        return "".join([*pieces, text[position:]])


def parts_of(text: str) -> tuple[Part, ...]:
    """What is left out of a text in turn: its words, or when it is long its sentences or runs of words.

    >>> [part.name for part in parts_of("Reset it, reset it now")]
    ['Reset', 'it', 'now']
    """
    words = [match.span() for match in _WORD.finditer(text)]
    if len(words) <= _WORDS_AT_MOST:
        return _distinct(text, words)
    sentences = [match.span() for match in _SENTENCE.finditer(text)]
    if not _RUNS // 6 <= len(sentences) <= _PARTS_AT_MOST:
        size = -(-len(words) // _RUNS)
        runs = [words[start : start + size] for start in range(0, len(words), size)]
        sentences = [(run[0][0], run[-1][1]) for run in runs]
    return tuple(Part(f'"{excerpt(text[slice(*span)], _CAPTION)}"', (span,)) for span in sentences)


def _distinct(text: str, words: list[Span]) -> tuple[Part, ...]:
    places: dict[str, list[Span]] = {}
    for span in words:
        places.setdefault(text[slice(*span)].casefold(), []).append(span)
    return tuple(Part(text[slice(*spans[0])], tuple(spans)) for spans in places.values())


def explain_words(
    rows: Dataset,
    base: np.ndarray,
    outputs: np.ndarray,
    *,
    probabilities: Callable[[Dataset], np.ndarray],
    digits: str = "+.2f",
    progress: Progress = SILENT,
) -> list[str]:
    """For each row the words that carry the score of one output, such as ``invoice +0.21; password +0.10``.

    base: what is said of the rows, (rows, outputs). outputs: which column of it to explain, (rows,). probabilities:
    says the same of other rows. digits: how a change is written; one that would be written as nothing is left out.
    """
    told: list[str] = []
    with progress.stage("explain", len(rows), "rows") as stage:
        for chunk in _chunks(rows):
            parts = [parts_of(rows.texts[row]) for row in chunk]
            owners = np.repeat(chunk, [len(some) for some in parts])
            texts = [one.without(rows.texts[row]) for row, some in zip(chunk, parts, strict=True) for one in some]
            columns = outputs[owners]
            after = probabilities(replace(rows.take(owners), texts=tuple(texts))) if texts else np.zeros((0, 1))
            changes = base[owners, columns] - after[np.arange(len(owners)), columns]
            told += _told(parts, changes, digits)
            stage.advance(len(chunk))
    return told


def _chunks(rows: Dataset) -> Iterator[list[int]]:
    """Row numbers in chunks whose variants fit into memory together."""
    chunk: list[int] = []
    texts = chars = 0
    for row, text in enumerate(rows.texts):
        more = min(_PARTS_AT_MOST, len(text))
        if chunk and (texts + more > _TEXTS_AT_ONCE or chars + more * len(text) > _CHARS_AT_ONCE):
            yield chunk
            chunk, texts, chars = [], 0, 0
        chunk.append(row)
        texts, chars = texts + more, chars + more * len(text)
    if chunk:
        yield chunk


def _told(parts: list[tuple[Part, ...]], changes: np.ndarray, digits: str) -> list[str]:
    told: list[str] = []
    start = 0
    for some in parts:
        own = changes[start : start + len(some)]
        start += len(some)
        order = np.argsort(-np.abs(own), kind="stable")[:_TOLD].tolist()
        said = [(some[place].name, f"{own[place]:{digits}}") for place in order]
        told.append("; ".join(f"{name} {change}" for name, change in said if float(change) != 0))
    return told
