"""YAML that somebody else wrote, as it is written.

Decisions: names stay what they are (``yes``, ``007``, ``1.10``), so nothing is guessed to be a number or a truth; each
stands once, since the second of two would win in silence; no alias, which can stand for gigabytes.
"""

from pathlib import Path
from typing import Any

import yaml

from graft.core import foreign
from graft.core.errors import InputError

LIMIT = 4 << 20  # it takes a hundred times as long to read as CSV


def read_yaml(path: Path, *, what: str, fix: str) -> Any:
    """The content of a YAML file, every scalar a string; None when it is empty.

    what: that it should be, for messages: ``"a cost table"``. Raises InputError for files that cannot be read or are no
    such YAML.
    """
    text = foreign.read_text(path, limit=LIMIT)
    try:
        return yaml.load(text, Loader=_AsWritten)
    except (yaml.YAMLError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise InputError(
            f"{path} is not YAML of {what}: {why}", needed="every name once, without anchors", fix=fix
        ) from error


class _AsWritten(yaml.BaseLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        """A node of the document. Raises yaml.YAMLError for an alias."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, f"the alias *{event.anchor}", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping. Raises yaml.YAMLError for a key that stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)
