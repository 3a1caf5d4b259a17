"""What the Hub and a reader are told of each kind of content: one record a kind.

Decision: the Hub has no task for rows of several kinds, nor for a number read from a text, a picture or a recording; it
gets ``other`` for the first, and the nearest task with a tag of our own for the second.

The Hub's tasks: https://huggingface.co/docs/hub/models-tasks
"""

from collections.abc import Sequence
from dataclasses import dataclass

from graft.core.errors import InputError


@dataclass(frozen=True)
class KindWords:
    """One kind. labels, numbers: the Hub's task for a model that says the one or the other. tag: of a model that says
    numbers, where the Hub has no task for it. inside: what of a training row lies in a bundle beside its label."""

    kind: str
    labels: str
    numbers: str
    tag: str
    inside: str


_KINDS = (
    KindWords("text", "text-classification", "text-classification", "text-regression", "texts"),
    KindWords(
        "image", "image-classification", "image-classification", "image-regression", "file names and tiny pictures"
    ),
    KindWords(
        "audio", "audio-classification", "audio-classification", "audio-regression", "file names and outlines of sound"
    ),
    KindWords("row", "tabular-classification", "tabular-regression", "", "cells"),
)
OTHER = "other"


def words_of(kinds: Sequence[str]) -> tuple[KindWords, ...]:
    """The records of the kinds that stand in a row. Raises InputError for a name that no kind has."""
    known = {one.kind: one for one in _KINDS}
    if strange := [kind for kind in kinds if kind not in known]:
        raise InputError(f"content of the kind {strange[0]!r}", needed=f"one of {', '.join(known)}")
    return tuple(known[kind] for kind in kinds)


def pipeline(kinds: Sequence[str], *, numbers: bool = False) -> str:
    """The Hub's name for what a model of such rows does. numbers: whether it says numbers.

    >>> pipeline(("row",), numbers=True), pipeline(("image",)), pipeline(("text", "image"))
    ('tabular-regression', 'image-classification', 'other')
    """
    words = words_of(kinds)
    if len(words) != 1:
        return OTHER
    return words[0].numbers if numbers else words[0].labels
