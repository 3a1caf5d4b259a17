"""The YAML between the two ``---`` lines at the beginning of a card.

Decisions: only events of the parser are read, up to a depth, so nesting and aliases of a hostile card cost nothing
and no object is ever built; every value stays the text it was written as (``no`` is Norwegian, not false); a key
written twice gives both its values.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from graft.core.errors import InputError

_FENCED = re.compile(r"\A\s*---[ \t]*\r?\n(?P<yaml>.*?)(?:\r?\n)?^---[ \t]*\r?$(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 64
_EMPTY = frozenset(["", "~", "null", "Null", "NULL"])


@dataclass(frozen=True)
class FrontMatter:
    """Top-level keys with the texts they hold, in the order of the card: one, or the items of a list."""

    entries: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def texts(self, key: str) -> tuple[str, ...]:
        """Everything a key holds; a key with nested values holds no text."""
        return tuple(text for name, texts in self.entries if name == key for text in texts)

    def text(self, key: str) -> str:
        """The first text of a key, or nothing."""
        return next(iter(self.texts(key)), "")


def split_card(card: str) -> tuple[str, str]:
    """The front matter of a card and the rest.

    >>> split_card("---\\nlicense: mit\\n---\\n# Title\\n")
    ('license: mit', '# Title\\n')
    """
    match = _FENCED.match(card)
    return (match["yaml"], card[match.end() :]) if match else ("", card)


def read_front_matter(text: str) -> FrontMatter:
    """The top-level texts of front matter. Raises InputError when it is not a YAML mapping.

    >>> read_front_matter("license: mit\\ndatasets: [snli, multi_nli]\\nmodel-index:\\n- name: x").entries
    (('license', ('mit',)), ('datasets', ('snli', 'multi_nli')), ('model-index', ()))
    """
    try:
        return FrontMatter(tuple(_entries(text)))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"the front matter cannot be read: {reason}", needed="a YAML mapping", fix="correct the card"
        ) from error


def _entries(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Keys of the top mapping (depth 1) with the scalars at depth 1, or at depth 2 of a list."""
    depth, key, in_list = 0, None, False
    held: list[str] = []
    anchors: dict[str, tuple[str, ...]] = {}
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            _check(event, depth, key)
            in_list = in_list or (depth == 2 and isinstance(event, yaml.SequenceStartEvent))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            if depth == 1 and key is not None:
                yield key, tuple(held)
                key, held, in_list = None, [], False
        elif isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            texts = _texts(event, anchors)
            if depth == 0:
                raise ValueError("its top is no mapping")
            if depth == 1 and key is None:
                key = "".join(texts)
            elif depth == 1 and key is not None:
                yield key, texts
                key = None
            elif depth == 2 and in_list:
                held.extend(texts)


def _check(event: yaml.CollectionStartEvent, depth: int, key: str | None) -> None:
    """Raise ValueError for a structure no card has."""
    if depth > _DEEPEST:
        raise ValueError(f"it is nested more than {_DEEPEST} deep")
    if depth == 1 and not isinstance(event, yaml.MappingStartEvent):
        raise ValueError("its top is no mapping")
    if depth == 2 and key is None:
        raise ValueError("a key is no text")


def _texts(event: yaml.ScalarEvent | yaml.AliasEvent, anchors: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The text of a scalar or of the scalar an alias names; nothing for null."""
    if isinstance(event, yaml.AliasEvent):
        return anchors.get(str(event.anchor), ())
    empty = event.implicit[0] and event.value in _EMPTY
    texts = () if empty else (event.value.strip(),)
    if event.anchor:
        anchors[event.anchor] = texts
    return texts
