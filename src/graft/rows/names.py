"""Known names, and the one that a word means.

Decisions: the word itself first; else a boolean in another case, a whole number written another way (``1.0``, ``1e3``),
or the same moment, where that leaves one known name. ``1.10`` is not ``1.1``: versions are written so. A number of a
frame, of which nobody knows how it was written, finds the one name of its value. Other rows never matter.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from graft.rows.columns import instant

_WHOLE = re.compile(r"^-?(0|[1-9]\d{0,14})(\.0*)?([eE][+-]?\d{1,2})?$|^-?\d(\.\d*)?[eE]\+?\d{1,2}$")
_NUMBER = re.compile(r"^-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$")
_BOOLEANS = ("true", "false")


class Names:
    """Known names with their positions.

    >>> Names(("0", "1")).find("1.0"), Names(("0.0", "1.0")).find("1"), Names(("false", "true")).find("TRUE")
    (1, 1, 1)
    >>> Names(("1.1",)).find("1.10"), Names(("2", "2.0")).find("2.00"), Names(("1.10",)).find("1.1", measured=True)
    (None, None, 0)
    """

    def __init__(self, known: Iterable[str]) -> None:
        """Known: the names, each once, in their order."""
        self._index = {name: place for place, name in enumerate(known)}

    def find(self, word: str, *, measured: bool = False) -> int | None:
        """Position of the name that a word means; None when there is none. measured: the word is the shortest form of a
        number that was never written."""
        if word in self._index:
            return self._index[word]
        for key in _meanings(word, measured=measured):
            if len(found := self._by_meaning[key]) == 1:
                return found[0]
        return None

    @cached_property
    def _by_meaning(self) -> defaultdict[tuple[str, object], list[int]]:
        meant: defaultdict[tuple[str, object], list[int]] = defaultdict(list)
        for name, place in self._index.items():
            for key in _meanings(name, measured=True):
                meant[key].append(place)
        return meant


def _meanings(word: str, *, measured: bool) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    if word.lower() in _BOOLEANS:
        found.append(("boolean", word.lower()))
    if _WHOLE.match(word) and float(word).is_integer():
        found.append(("whole", float(word)))
    if measured and _NUMBER.match(word):
        found.append(("number", float(word)))
    if len(word) >= len("2024-01-01") and "-" in word and (moment := instant(word)) is not None:
        found.append(("moment", moment))
    return found
