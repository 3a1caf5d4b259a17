"""Sections and tables of a card, as far as facts are read from them.

Decisions: a small reader of ATX and underlined headings and of pipe tables, because nothing else is needed; code
fences are kept apart; a cell keeps the words a person sees, without links, emphasis and HTML.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"\s{0,3}#{1,6}[ \t]")
_HTML_HEADING = re.compile(r"\s*<(h[1-6])\b[^<>]{0,200}>(?P<title>.{0,200}?)</\1\s*>", re.IGNORECASE)
_BOLD_HEADING = re.compile(
    r"\s{0,3}(\*\*|__)(?P<title>[^*_\n]{0,40}\blicen[cs](?:e|es|ing)\b[^*_\n]{0,40})\1\s*$", re.IGNORECASE
)
_STRUCK = re.compile(r"~~[^~\n]{1,500}~~|<(del|s|strike)>[^<>\n]{0,500}</\1>", re.IGNORECASE)
_UNDERLINE = re.compile(r"\s{0,3}(=+|-{3,})\s*$")
_LOWEST = 7
_RULE = frozenset("|:- \t")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()]*\))*(?:\s+\"[^\"]*\")?\)")
_MARKS = re.compile(r"<[^<>]{0,200}>|[*`]+|\\(?=[^\w\s])")


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, up to the next heading.

    level: of the heading, 1 for the highest; a bold line that is one counts as the lowest. lines: of its text, without
    code. code: lines of code.
    """

    title: str
    level: int = 1
    lines: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


def sections(markdown: str) -> tuple[Section, ...]:
    """The sections of a text in order; the first has no title.

    >>> [(one.title, one.text) for one in sections("hello\\n## Use\\nas is\\nLicence\\n=======\\nMIT")]
    [('', 'hello'), ('Use', 'as is'), ('Licence', 'MIT')]
    """
    found = [Section("")]
    fence = ""
    for line in markdown.splitlines():
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence):
                fence = ""
            else:
                found[-1].code.append(line)
        elif mark:
            fence = mark[1]
        elif heading := _HEADING.match(line):
            found.append(Section(plain(line.strip().strip("#")), heading[0].count("#")))
        elif html := _HTML_HEADING.match(line):
            found.append(Section(plain(html["title"]), int(html[1][1]), [line[html.end() :]]))
        elif bold := _BOLD_HEADING.match(line):
            found.append(Section(plain(bold["title"]), _LOWEST))
        elif (under := _UNDERLINE.match(line)) and found[-1].lines and _is_title(found[-1].lines[-1]):
            found.append(Section(plain(found[-1].lines.pop()), 1 if under[1].startswith("=") else 2))
        else:
            found[-1].lines.append(line)
    return tuple(found)


def visible(markdown: str) -> str:
    """A text without what a reader does not see, or sees struck out: HTML comments and struck words.

    >>> visible("a <!-- MIT -->b ~~GPL~~")
    'a b '
    """
    shown, rest = [], markdown
    while rest:
        before, mark, after = rest.partition("<!--")
        shown.append(before)
        # A comment that is never closed hides nothing: who reads the text sees it.
        hidden, close, rest = after.partition("-->") if mark else ("", "", "")
        if mark and not close:
            shown.append(hidden)
    return _STRUCK.sub("", "".join(shown))


def tables(section: Section) -> Iterator[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """The pipe tables of a section: the cells of the head, and of every row.

    >>> list(tables(Section("", 1, ["| Set | Rows |", "|---|---|", "| [SNLI](x) pairs | 5 |"])))
    [(('Set', 'Rows'), [('SNLI pairs', '5')])]
    """
    lines = iter(section.lines)
    before = ""
    for line in lines:
        if "-" in line and "|" in before and _RULE.issuperset(line):
            rows = []
            for row in lines:
                if "|" not in row:
                    break
                rows.append(_cells(row))
            yield _cells(before), rows
            before = ""
        else:
            before = line


def plain(text: str) -> str:
    """The words of a piece of Markdown.

    >>> plain("**Total** of [S2ORC](https://x.org/a_(b)) Citation pairs")
    'Total of S2ORC Citation pairs'
    """
    while (shorter := _LINK.sub(r"\1", text)) != text:
        text = shorter
    return " ".join(_MARKS.sub("", text).split())


def _cells(row: str) -> tuple[str, ...]:
    inner = re.sub(r"^\s*\||(?<!\\)\|\s*$", "", row)
    return tuple(plain(cell) for cell in re.split(r"(?<!\\)\|", inner))


def _is_title(line: str) -> bool:
    """Whether a line with an underline below it can be a heading: no row of a table, no item of a list."""
    return bool(line.strip()) and "|" not in line and not line.lstrip().startswith(("-", "*", ">"))
