"""Words of others, made safe to stand in Markdown.

Decisions: text from a card, a column or a file is escaped, so it can be neither a heading, a link, a table border nor
HTML; one-line places get one line; control characters are dropped. What a person reads stays the same words.
"""

import re

_SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<!\w)_|_(?!\w)")
_LEADING = re.compile(r"^(?:(#{1,6}(?=\s|$)|[-+=])|(\d{1,9})([.)]))")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")


def line(text: str) -> str:
    """A text on one line, escaped.

    >>> print(line("a|b\\n# <b>*x*</b>"))
    a\\|b # \\<b\\>\\*x\\*\\</b\\>
    """
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", " ".join(_CONTROL.sub(" ", text).split()))


def paragraphs(text: str) -> str:
    """A text with its paragraphs, escaped.

    >>> print(paragraphs("One.\\n\\n# Two\\n- three"))
    One.
    <BLANKLINE>
    \\# Two
    \\- three
    """
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_at_start(line(one)) for one in text.splitlines())).strip()


def code(text: str) -> str:
    """A fenced block of Python, with a fence longer than any in it."""
    text = _CONTROL.sub(" ", text.replace("\r\n", "\n")).strip("\n")
    runs = (len(run) for run in re.findall(r"`{3,}", text))
    fence = "`" * max(3, 1 + max(runs, default=0))
    return f"{fence}python\n{text}\n{fence}"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of cells that are escaped already."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def items(texts: list[str]) -> str:
    """A list of texts that are escaped already."""
    return "\n".join(f"- {_at_start(text)}" for text in texts)


def _at_start(text: str) -> str:
    """A line that begins a paragraph or an item, and neither a heading nor another list."""
    return _LEADING.sub(lambda match: f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}", text)
