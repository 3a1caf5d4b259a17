"""The kinds of content there are."""

from graft.core.errors import InputError
from graft.rows.content.kind import ContentKind
from graft.rows.content.text import TEXT

KINDS: tuple[ContentKind, ...] = (TEXT,)


def kind_named(name: str) -> ContentKind:
    """The record of a kind. Raises InputError for a name that no kind has.

    >>> kind_named("text").plural
    'texts'
    """
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise InputError(f"content of the kind {name!r}", needed=f"one of {', '.join(kind.name for kind in KINDS)}")
