"""Licences that a text names without containing them: by name, by identifier or by address.

Decisions: the longest phrase that fits wins, so "CC BY-NC-SA 4.0" is never read as "CC BY 4.0"; a bare "MIT" in a
sentence is a university until the word "license" follows; what is not in the table is not guessed.
"""

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import unquote

import yaml

from graft.governance.reading.words import limits, words_of

_TOKEN = re.compile(r"[^\W_]+(?:\.\d+)*")
_DROPPED = frozenset(["the", "v", "version"])
_VALUE = re.compile(
    r"^(?:[^\w\n]|_)*(?:spdx-)?licen[cs]e(?:[- ]identifier)?(?:[ \t]*\(s\))?[*_`]*[ \t]*[:|][ \t*_`]*"
    r"(?P<value>\S[^\n]{0,118})$",
    re.IGNORECASE | re.MULTILINE,
)
_IMAGE = re.compile(r"!\[[^\[\]\n]{0,200}\]\([^()\s]{0,500}\)")
_LINK = re.compile(r"\[([^\[\]\n]{0,200})\]\([^()\s]{0,500}\)")
_BADGE_WORDS = re.compile(r"!\[\s*licen[cs]e\s*[:-]\s*(?P<value>[^\[\]\n]{1,80})\]", re.IGNORECASE)
_BADGE_ADDRESS = re.compile(
    r"/badge/(?:\w{1,20}(?:%20|_))?licen[cs]e-(?P<value>(?:[^-\s/?#()\"'<>]|--){1,100})-[^-\s/?#()\"'<>]{1,40}",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\s\(|[.,;] ")
_LONGEST_VALUE = 8
_NOTHING = re.compile(r"(?i)more information needed|^\W*(?:todo|tbd|none|n/?a|see\b.*|unknown)\W*$")


class NamedLicence(NamedTuple):
    """A licence named at characters ``start`` to ``end`` of a text."""

    licence: str
    start: int
    end: int


def named_licences(text: str) -> tuple[NamedLicence, ...]:
    """Licences a text names, in its order.

    >>> [named.licence for named in named_licences("Code: MIT License. Data: CC BY-NC-SA 4.0, see MIT's page.")]
    ['MIT', 'CC-BY-NC-SA-4.0']
    """
    tokens = [(_same(match[0]), match.start(), match.end()) for match in _TOKEN.finditer(text)]
    tokens = [token for token in tokens if token[0] not in _DROPPED]
    table, lengths = _phrases()
    found = []
    at = 0
    while at < len(tokens):
        for count in lengths.get(tokens[at][0], ()):
            run = tokens[at : at + count]
            licence = table.get(" ".join(token[0] for token in run))
            if licence is not None and len(run) == count:
                found.append(NamedLicence(licence, run[0][1], run[-1][2]))
                at += count
                break
        else:
            at += 1
    return tuple(found)


def stated_values(text: str) -> tuple[str, ...]:
    """What stands behind ``License:`` at the beginning of a line, as written.

    >>> stated_values("**License:** MIT\\nlicence: [More Information Needed]\\nSPDX-License-Identifier: Apache-2.0")
    ('MIT', 'Apache-2.0')
    """
    text = _LINK.sub(r"\1", _IMAGE.sub("", text))
    values = (_without_remark(match["value"]).strip(" \t\r*_`|#>-.") for match in _VALUE.finditer(text))
    return tuple(value for value in values if _plain(value))


def _without_remark(value: str) -> str:
    """A value without a remark behind it ("MIT (see the file)"), unless the remark could narrow it."""
    name, remark = _REMARK.split(value, maxsplit=1) if _REMARK.search(value) else (value, "")
    return value if limits(words_of(remark).words) else name


def badges(text: str) -> tuple[str, ...]:
    """What badges about the licence show: their words, or what the address of their picture says.

    >>> badges("[![License: MIT](https://img.shields.io/badge/License-CC%20BY--NC%204.0-red.svg)](LICENSE)")
    ('MIT', 'CC BY-NC 4.0')
    """
    found = [match["value"] for match in _BADGE_WORDS.finditer(text)]
    for match in _BADGE_ADDRESS.finditer(text):
        value = unquote(match["value"]).replace("--", "\0").replace("__", "\1")
        found.append(value.replace("_", " ").replace("\0", "-").replace("\1", "_"))
    values = (" ".join(value.split()).strip(" .") for value in found)
    return tuple(dict.fromkeys(value for value in values if _plain(value)))


def without_values(text: str) -> str:
    """A text without the lines that begin with ``License:``."""
    return _VALUE.sub("", text)


def _plain(value: str) -> bool:
    return bool(value) and len(value.split()) <= _LONGEST_VALUE and not _NOTHING.search(value)


def _same(token: str) -> str:
    """A token as phrases of the table write it: ``V2.0`` and ``2.0`` are the same, and so are both spellings."""
    lower = token.casefold().replace("licence", "license")
    return re.sub(r"^v(?=\d)", "", lower)


@cache
def _phrases() -> tuple[dict[str, str], dict[str, list[int]]]:
    """Every phrase as tokens joined by spaces, with its licence; and by first token the lengths, the longest first."""
    raw = yaml.safe_load((files(__package__) / "licence_names.yaml").read_text(encoding="utf-8"))
    table: dict[str, str] = {}
    lengths: dict[str, set[int]] = {}
    for licence, phrases in raw.items():
        # An identifier of one word ("MIT", "ISC") means other things in a sentence too.
        for name in [*phrases, licence] if "-" in licence else phrases:
            tokens = [_same(token) for token in _TOKEN.findall(str(name))]
            tokens = [token for token in tokens if token not in _DROPPED]
            table[" ".join(tokens)] = licence
            lengths.setdefault(tokens[0], set()).add(len(tokens))
    return table, {first: sorted(counts, reverse=True) for first, counts in lengths.items()}
