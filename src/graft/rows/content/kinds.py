"""The kinds of content there are."""

from collections.abc import Iterable, Sequence
from typing import Any

from graft.core.errors import InputError
from graft.rows.content.audio import AUDIO
from graft.rows.content.image import IMAGE
from graft.rows.content.kind import Content, ContentKind
from graft.rows.content.row import ROW
from graft.rows.content.text import TEXT

# Text comes first: a value that several kinds take, a bare string, is a text unless a kind is named.
KINDS: tuple[ContentKind, ...] = (TEXT, IMAGE, AUDIO, ROW)


def kind_named(name: str) -> ContentKind:
    """The record of a kind. Raises InputError for a name that no kind has.

    >>> kind_named("text").plural
    'texts'
    """
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise InputError(f"content of the kind {name!r}", needed=f"one of {', '.join(kind.name for kind in KINDS)}")


def kind_of(contents: Sequence[Any]) -> ContentKind | None:
    """The kind that all of these values are contents of; None when there are none, or no kind has them all."""
    return next((kind for kind in KINDS if contents and all(map(kind.fits, contents))), None)


def picture_of(kind: ContentKind, content: Content) -> str:
    """How a content looks, as a data URI; "" for a kind whose contents are shown by a line alone.

    >>> picture_of(kind_named("text"), "a text")
    ''
    """
    return "" if kind.pictured is None else kind.pictured(content)


def contents_of(given: Any, kind: ContentKind, *, reader: str) -> list[Content]:
    """Contents of a kind, one alone or several. Raises InputError for anything else.

    reader: what reads them, for the message.

    >>> contents_of("a bare text", kind_named("text"), reader="minilm")
    ['a bare text']
    """
    if why := kind.unclear(given):
        raise InputError(
            why, needed=f"{kind.plural}, one alone or a list of them", fix="give them as a list: [one, other]"
        )
    several = list(given) if isinstance(given, Iterable) and not kind.fits(given) else [given]
    for row, one in enumerate(several):
        if not kind.fits(one):
            other = kind_of([one])
            raise InputError(
                f"row {row} is {type(one).__name__ if other is None else other.name}, and {reader} reads {kind.plural}",
                needed=f"{kind.plural} only" + (f": {kind.handed}" if kind.handed else ""),
                fix="fill or drop that row" if other is None else f"choose a source that reads {other.plural}",
            )
    return list(map(kind.taken, several))
