"""What a licence file states.

Decisions: a licence whose whole text is there is stated by name; words around it that are no title, no line of the
holders and no name are a second statement, ``further terms``, in whatever language they are, because a text with an
addition is not that licence; a short file that only names a licence states that name; anything else is ``other``, with
the file and what it calls itself, for a person to read.
"""

import re
from collections.abc import Sequence
from itertools import groupby

from graft.governance.reading.known_texts import Passage, find_passages
from graft.governance.reading.licence_names import named_licences, stated_values, without_values
from graft.governance.reading.words import (
    Words,
    could_be_name,
    is_english,
    is_plain_note,
    legible,
    limits,
    words_of,
)
from graft.governance.records import LicenceStatement

OTHER = "other"
FURTHER = "further terms"
_NAME = 4
_SHORT = 120
_FEW = 8
_HOLDERS = 24
_SHOWN = 12
_HOLDER = re.compile(r"(?im)(?:\bcopyright\b|©|\(c\)).*$")
_LICENCE = re.compile(r"(?i)\blicen[cs]e\b|\bagreement\b")
_POINTERS = re.compile(r"(?i)all rights reserved\.?|SPDX-License-Identifier:.*|\blicen[cs]e (?:file|text)\b")
# Every repetition has a limit: a file made to be slow to match must not be.
_TITLE = re.compile(
    r"(?im)^(?:[^\w\n]|_){0,99}(?:the[ \t]{1,9})?"
    r"(?:(?:[\w.+-]{1,40}[ \t]{1,9}){0,5}?licen[cs]e(?:[ \t]{1,9}agreement)?|expat|creative commons legal code|"
    r"(?:creative commons[ \t]{1,9})?(?:attribution|cc0)[\w -]{0,60}\d\.\d[\w ]{0,40})\b[^\w\n]{0,99}"
    r"(?:\(\w[\w. -]{0,20}\)|version[ \t]{1,9}[\d.]{1,9})?[^\w\n]{0,99}(?:$|(?=copyright|©))"
)
_SENTENCE = re.compile(r"(?<=[.;])\s+|(?<=:)\s*\n|\n\s*\n|\n(?=\w+:)")


def licence_statements(text: str, where: str) -> tuple[LicenceStatement, ...]:
    """What the text of a licence file says. where: the file, as statements call it.

    >>> licence_statements("Licensed under the Apache License, Version 2.0", "LICENSE")
    (LicenceStatement(stated='Apache-2.0', where='LICENSE (names it)'),)
    """
    words = words_of(legible(text))
    passages = find_passages(words)
    licences = list(dict.fromkeys(passage.licence for passage in passages if passage.licence))
    if not licences:
        return _without_text(words, passages, where)
    found = [LicenceStatement(stated=licence, where=f"{where} (its text)") for licence in licences]
    return (*found, *_additions(words, passages, set(licences), where))


def _without_text(words: Words, passages: Sequence[Passage], where: str) -> tuple[LicenceStatement, ...]:
    """What a file says that holds the text of no known licence."""
    if not words:
        return ()
    named = list(dict.fromkeys(one.licence for one in named_licences(words.text)))
    values = () if named else stated_values(words.text)
    if len(words) <= _SHORT and (named or values):
        found = [LicenceStatement(stated=licence, where=f"{where} (names it)") for licence in (*named, *values)]
        rest = words if named else words_of(without_values(words.text))
        return (*found, *_additions(rest, passages if named else (), set(named), where))
    if len(words) <= _NAME:
        return (LicenceStatement(stated=" ".join(words.text.split()), where=f"{where} (its words)"),)
    like = f"; names {', '.join(named[:3])}, but its text is not that one" if named else ""
    return (LicenceStatement(stated=OTHER, where=f"{where} (begins: {_shown(words.text)}{like})"),)


def _additions(
    words: Words, passages: Sequence[Passage], licences: set[str], where: str
) -> tuple[LicenceStatement, ...]:
    """A second statement, when the file says more than its licences do."""
    rest = uncovered(words, passages, licences)
    return (LicenceStatement(stated=FURTHER, where=f"{where} (also says: {_shown(rest)})"),) if rest else ()


def uncovered(words: Words, passages: Sequence[Passage], licences: set[str]) -> str:
    """What known texts do not cover, where it could set a condition; titles and copyright lines left out.

    passages: the known texts found. licences: those that are stated; sentences that only name them are left out.
    """
    covered = bytearray(len(words))
    for passage in passages:
        first, last = passage.runs[0][0], passage.runs[-1][1]
        covered[first:last] = b"\1" * (last - first)
    parts = []
    for own, group in groupby(range(len(words)), key=lambda at: bool(covered[at])):
        if not own:
            run = list(group)
            begin = words.spans[run[0] - 1][1] if run[0] else 0
            end = words.spans[run[-1] + 1][0] if run[-1] + 1 < len(words) else len(words.text)
            parts.append(words.text[begin:end])
    left = [_without_echoes(_strip_titles(part), licences) for part in parts]
    return " … ".join(part for part in left if not _is_harmless(part, beside_text=bool(passages)))


def _is_harmless(part: str, *, beside_text: bool) -> bool:
    """Whether what stands beside a licence is a name, or beside a licence that is only named, a note."""
    return could_be_name(part, longest=_FEW) or (not beside_text and is_plain_note(part))


def _strip_titles(part: str) -> str:
    """A part without titles and copyright lines, where those set no condition."""
    part = _POINTERS.sub("", part)
    part = _TITLE.sub(lambda match: "" if _is_title(match[0]) else match[0], part)
    return _HOLDER.sub(lambda match: "" if could_be_name(match[0], longest=_HOLDERS) else match[0], part).strip()


def _is_title(title: str) -> bool:
    """Whether what looks like the title of a licence holds nothing but its name."""
    return not limits(words_of(title).words) and could_be_name(_LICENCE.sub("", title), longest=_HOLDERS)


def _without_echoes(part: str, licences: set[str]) -> str:
    """A part without sentences that only name a licence that is there ("is under the MIT license, given below")."""
    return " ".join(sentence for sentence in _SENTENCE.split(part) if not _is_echo(sentence, licences)).strip()


def _is_echo(sentence: str, licences: set[str]) -> bool:
    named = {one.licence for one in named_licences(sentence)}
    return bool(named) and named <= licences and not limits(words_of(sentence).words) and is_english(sentence)


def _shown(text: str) -> str:
    """The first words of a text, on one line."""
    words = [word for word in text.split() if any(character.isalnum() for character in word)]
    return " ".join(words[:_SHOWN])[:120] + (" …" if len(words) > _SHOWN else "")
