"""Cells that are lists, in every form in which lists are written.

Decisions: a cell is read by itself. JSON, Python's lists, tuples and sets, and what NumPy prints are one form, a text
in brackets, because all of them end up in CSV files. Items are names as elsewhere: what is written. Equally long lists
of nothing but 0 and 1 are indicator vectors: what they name is the positions of their ones.
"""

import json
import re
from collections.abc import Sequence

Items = tuple[str | None, ...]
_CALL = re.compile(
    r"^(?:frozenset|set|list|tuple|(?:np\.|numpy\.)?array)\(\s*(.*?)\s*(?:,\s*dtype=[^)\]]*)?\)$", re.DOTALL
)
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_QUOTED = re.compile(
    r"""\s*b?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,'"]+)\s*(?:,|(?=['"]|b['"]|$)|(?<=\s))""", re.DOTALL
)
_DOTS = re.compile(r"\s\.\.\.\s")
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_WORDS = ("true", "false", "none", "null", "nan")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_ON, _OFF = ("1", "1.", "1.0", "true"), ("0", "0.", "0.0", "false")


def is_cut_short(cell: str) -> bool:
    """Whether a cell is a long array as NumPy prints it, with dots for most of its items."""
    text = cell.strip()
    return text.startswith("[") and text.endswith("]") and _DOTS.search(text) is not None


def flags_of(items: Items) -> tuple[int | None, ...] | None:
    """An indicator vector as 0, 1 and None for missing; None when the items are anything else.

    >>> flags_of(("1", "0.0", "True")), flags_of(("1", "2"))
    ((1, 0, 1), None)
    """
    found: list[int | None] = []
    for item in items:
        low = None if item is None else item.lower()
        if low is not None and low not in _ON and low not in _OFF:
            return None
        found.append(None if low is None else int(low in _ON))
    return tuple(found)


def indicator_length(cells: Sequence[Items | None]) -> int:
    """The length of the indicator vectors that the lists are; 0 when they are lists of names.

    >>> indicator_length([("1", "0"), None, ("0", "0")]), indicator_length([("1",), ("0",)])
    (2, 0)
    """
    given = [cell for cell in cells if cell is not None]
    length = len(given[0]) if given else 0
    alike = length > 1 and all(len(cell) == length and flags_of(cell) is not None for cell in given)
    return length if alike else 0


def in_brackets(cell: str) -> Items | None:
    """The items of a cell that is a list as a program writes it, of quoted words or numbers; None when it is none.

    >>> in_brackets("['a' 'b']"), in_brackets("[1.10, None]"), in_brackets("[spam]")
    (('a', 'b'), ('1.10', None), None)
    """
    inside = _inside(cell)
    return None if inside is None else _by_a_program(*inside)


def _inside(cell: str) -> tuple[str, str] | None:
    """The bracket of a cell in brackets, and what stands inside; None for other cells."""
    text = cell.strip()
    called = _CALL.match(text)
    if called:
        text = called[1] or "[]"
    if len(text) < 2 or _BRACKETS.get(text[0]) != text[-1]:
        return None
    return text[0], text[1:-1].strip()


def _by_a_program(bracket: str, inner: str) -> Items | None:
    """The items of a list as a program writes it, quoted words or numbers; None for anything else."""
    if not inner:
        return None if bracket == "{" else ()
    if "'" in inner or '"' in inner:
        return _quoted(inner)
    parts = [part for part in re.split(r"[\s,]+", inner) if part]
    if (bracket == "(" and "," not in inner) or not all(map(_bare, parts)):
        return None
    return tuple(map(_present, parts))


def _bare(word: str) -> bool:
    return bool(_NUMBER.match(word)) or word.lower() in _WORDS


def _present(word: str) -> str | None:
    low = word.lower()
    return None if low in ("none", "null", "nan") else low if low in ("true", "false") else word


def _quoted(inner: str) -> Items | None:
    """Items of which some are in quotes; None when the text between brackets is anything but items."""
    items: list[str | None] = []
    at = 0
    while at < len(inner):
        found = _QUOTED.match(inner, at)
        if found is None or found.end() == at:
            return None
        token, at = found[1], found.end()
        if token[0] in "'\"":
            items.append(_unquoted(token))
        elif _bare(token):
            items.append(_present(token))
        else:
            return None
    return tuple(items)


def _unquoted(token: str) -> str:
    if token[0] == '"':
        try:
            return str(json.loads(token))
        except ValueError:
            pass
    return _ESCAPE.sub(_character, token[1:-1])


def _character(found: re.Match[str]) -> str:
    given = found[1]
    return chr(int(given[1:], 16)) if len(given) > 1 else _ESCAPED.get(given, given)
