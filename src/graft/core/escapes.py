"""Characters that act on a terminal, made visible.

Decisions: what comes from outside (names, labels, messages about files) may hold escape sequences that move the cursor,
recolour or overwrite lines, and marks that reverse the reading direction; shown as they are written in code, they are
seen and do nothing. Line ends and tabs stay. Escape and its like become ``\\x1b``; the others are written as JSON does,
so that JSON stays the JSON it was. Marks that text in Arabic or Hebrew needs (left-to-right, right-to-left) stay.
"""

import re

_ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with every character that acts on a terminal spelt out.

    >>> visible("red \\x1b[31malert\\u202e")
    'red \\\\x1b[31malert\\\\u202e'
    """
    return _ACTING.sub(_spelt, text)


def _spelt(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x20 or code == 0x7F else f"\\u{code:04x}"
