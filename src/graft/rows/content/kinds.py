"""The kinds of content there are."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from graft.core.errors import InputError
from graft.rows.content.audio import AUDIO
from graft.rows.content.image import IMAGE
from graft.rows.content.joined import JOINED_BY, joined_kind
from graft.rows.content.kind import Content, ContentKind
from graft.rows.content.row import ROW
from graft.rows.content.text import TEXT

# Text comes first: a value that several kinds take, a bare string, is a text unless a kind is named.
KINDS: tuple[ContentKind, ...] = (TEXT, IMAGE, AUDIO, ROW)
# The kinds that may stand together in one row; cells stand beside contents of any kind anyway.
JOINABLE: tuple[ContentKind, ...] = tuple(kind for kind in KINDS if not kind.cells)


def kind_named(name: str) -> ContentKind:
    """The record of a kind, or of several that stand together. Raises InputError for a name that no kind has.

    >>> kind_named("text").plural, kind_named("text+image").plural
    ('texts', 'rows of text and image')
    """
    for kind in KINDS:
        if kind.name == name:
            return kind
    if JOINED_BY in name and (found := _joined(name)) is not None:
        return found
    raise InputError(f"content of the kind {name!r}", needed=f"one of {', '.join(kind.name for kind in KINDS)}")


@lru_cache(maxsize=16)
def _joined(name: str) -> ContentKind | None:
    names = name.split(JOINED_BY)
    parts = tuple(kind for kind in JOINABLE if kind.name in names)
    return joined_kind(parts) if [part.name for part in parts] == names else None


def joined_name(names: Iterable[str]) -> str:
    """The name of the kind of rows that hold contents of these kinds.

    >>> joined_name(["image", "text"]), joined_name(["image"])
    ('text+image', 'image')
    """
    given = set(names)
    return JOINED_BY.join(kind.name for kind in KINDS if kind.name in given)


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
