"""Which identities a text mentions, and the text that mentions others instead.

Decisions: whole words only (*sheriff* holds no *she*), the longest first, in whatever case and encoding of accents they
are written; in scripts without blanks between words, wherever they stand. Two identities are exchanged both ways at
once, so that a text about both stays about both. A text in which one word cannot be exchanged is not exchanged by half:
it is listed, with the word and the reason. Addresses of the web and of mail are left alone.
"""

import re
import unicodedata
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from graft.audit.english_grammar import (
    before_people,
    in_case_of,
    noun_or_adjective,
    other_pronoun,
    possessive,
    pronoun_of,
    with_article,
)
from graft.audit.identity_terms import IdentityTerms, TermGroup, folded

_TOKEN = re.compile(r"\w+")
# Each run of letters is looked at once: a text of a million letters is no address.
_ADDRESS = re.compile(r"https?://\S+|www\.\S+|(?<![\w.+-])[\w.+-]+@[\w-]+\.\S+")
_NEAR = 64
_FORMS = ("he", "she", "him", "her", "his", "hers", "himself", "herself")
# Han, kana, Thai, Lao, Myanmar and Khmer: words stand without blanks between them.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True)
class Mention:
    """A word in a text that stands for an identity of a group. sets: where the word stands among the sets, none for a
    form of he or she."""

    start: int
    end: int
    group: int
    identity: int
    sets: tuple[int, ...]


@dataclass(frozen=True)
class Mentions:
    """What a text says of identities. left: words that are no mention here, as they mean people only before a word for
    people."""

    found: tuple[Mention, ...]
    left: tuple[str, ...] = ()

    def of(self, group: int) -> tuple[Mention, ...]:
        """Those of one group."""
        return tuple(one for one in self.found if one.group == group)

    def identities(self, group: int) -> frozenset[int]:
        """The identities of a group that are mentioned."""
        return frozenset(one.identity for one in self.found if one.group == group)


@dataclass(frozen=True)
class Exchanged:
    """A text with identities exchanged; None where it could not be, with the word and the reason."""

    text: str | None
    word: str = ""
    reason: str = ""


@dataclass(frozen=True)
class _Entry:
    group: int
    set: int
    identity: int
    listed: str


class TermFinder:
    """Looks for the terms of all groups at once. terms: what is looked for.

    >>> from graft.audit.identity_terms import usual_terms
    >>> finder = TermFinder(usual_terms())
    >>> text = "He lost his wife; the sheriff saw him."
    >>> finder.exchanged(text, finder.mentions(text), 0, 0, 1).text
    'She lost her husband; the sheriff saw her.'
    """

    def __init__(self, terms: IdentityTerms) -> None:
        self.terms = terms
        self._entries: dict[str, list[_Entry]] = defaultdict(list)
        patterns: dict[tuple[str, int], set[str]] = defaultdict(set)
        for number, group in enumerate(terms.groups):
            for place, one in enumerate(group.sets):
                for identity, forms in enumerate(one.forms):
                    for word in forms:
                        self._entries[folded(word)].append(_Entry(number, place, identity, word))
                        for written in {unicodedata.normalize(form, word) for form in ("NFC", "NFD")}:
                            token = _TOKEN.match(written)
                            spaced = token is not None and not _UNSPACED.match(written)
                            key = folded(token.group()) if token is not None and spaced else ""
                            patterns[key, number].add(written)
            if group.pronouns:
                for form in _FORMS:
                    patterns[form, number].add(form)
        self._patterns: dict[str, list[re.Pattern[str]]] = defaultdict(list)
        for (key, _), words in patterns.items():
            longest = sorted(words, key=lambda word: (-len(word), word))
            told = "|".join(r"\s+".join(map(re.escape, word.split())) for word in longest)
            self._patterns[key].append(re.compile(told, re.IGNORECASE))

    @cached_property
    def _groups_of(self) -> dict[str, dict[int, list[_Entry]]]:
        by_word: dict[str, dict[int, list[_Entry]]] = {}
        for word, entries in self._entries.items():
            by_word[word] = defaultdict(list)
            for one in entries:
                by_word[word][one.group].append(one)
        return by_word

    def mentions(self, text: str) -> Mentions:
        """Every term in a text."""
        spans: set[tuple[int, int]] = set()
        for token in _TOKEN.finditer(text):
            # A word that is also written with marks apart begins where its letters do.
            for pattern in self._patterns.get(folded(token.group()), ()):
                if match := pattern.match(text, token.start()):
                    spans.add(match.span())
        for pattern in self._patterns.get("", ()):
            spans.update(match.span() for match in pattern.finditer(text))
        if not spans:
            return Mentions(())
        addresses = [match.span() for match in _ADDRESS.finditer(text)]
        begins = [low for low, _ in addresses]
        found: list[Mention] = []
        left: list[str] = []
        done: dict[int, int] = {}
        for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            within = bisect_right(begins, start) - 1
            if not _whole(text, start, end) or (within >= 0 and start < addresses[within][1]):
                continue
            for one in self._at(text, start, end, left):
                if start >= done.get(one.group, 0):
                    found.append(one)
                    done[one.group] = end
        return Mentions(tuple(found), tuple(left))

    def _at(self, text: str, start: int, end: int, left: list[str]) -> list[Mention]:
        word = " ".join(text[start:end].split())
        key, found = folded(word), []
        for number, entries in self._groups_of.get(key, {}).items():
            group = self.terms.groups[number]
            if group.sets[entries[0].set].part == "name" and not word[:1].isupper():
                continue
            if key in group.before_people and not before_people(text, start, end):
                left.append(key)
                continue
            found.append(Mention(start, end, number, entries[0].identity, tuple(one.set for one in entries)))
        if person := pronoun_of(word):
            for number, group in enumerate(self.terms.groups):
                if group.pronouns:
                    found.append(Mention(start, end, number, group.pronouns.index(person), ()))
        return found

    def exchanged(self, text: str, said: Mentions, group: int, one: int, other: int) -> Exchanged:
        """The text with two identities of a group, which are given by their places, exchanged for one another."""
        pieces, place = [], 0
        within = self.terms.groups[group]
        english = self.terms.english
        for mention in said.of(group):
            if mention.identity not in (one, other):
                continue
            old = text[mention.start : mention.end]
            new, reason = self._instead(text, mention, within, other if mention.identity == one else one)
            if reason:
                return Exchanged(None, " ".join(old.split()), reason)
            before = text[place : mention.start]
            pieces.append(with_article(before, new) if english else before)
            ending, place = possessive(text, mention.end, old, new) if english and mention.sets else ("", mention.end)
            pieces += [new, ending]
        return Exchanged("".join([*pieces, text[place:]]))

    def _instead(self, text: str, mention: Mention, group: TermGroup, identity: int) -> tuple[str, str]:
        """What stands in the place of a mention, or why nothing can."""
        found = text[mention.start : mention.end]
        before = text[max(0, mention.start - _NEAR) : mention.start]
        starts = (not before.strip() and mention.start <= _NEAR) or before.rstrip(" \t\"'\u201c\u2018(")[-1:] in (
            *".!?\n",
            "",
        )
        if not mention.sets:
            if not group.pronouns[identity]:
                return "", f"no pronoun for {group.identities[identity]}"
            new = other_pronoun(text, mention.start, mention.end)
            if new is None:
                return "", "the words around it do not tell what stands in its place"
            return in_case_of(new, found, found.lower(), starts=starts), ""
        forms = {place: group.sets[place].forms[identity] for place in mention.sets}
        if len({words[:1] for words in forms.values()}) > 1:
            part = noun_or_adjective(text, mention.start, mention.end) if self.terms.english else None
            if part is None:
                return "", "a noun or an adjective: the words around it do not tell"
            forms = {place: words for place, words in forms.items() if group.sets[place].part == part}
        words = next(iter(forms.values()))
        if not words:
            return "", f"no word for {group.identities[identity]} stands in its set"
        key = folded(" ".join(found.split()))
        listed = next(one.listed for one in self._entries[key] if one.set in forms and one.identity == mention.identity)
        return in_case_of(words[0], found, listed, starts=starts), ""

    def template(self, text: str, said: Mentions) -> str:
        """What texts have in common that differ only in whom they mention."""
        pieces, place = [], 0
        for mention in said.found:
            if mention.start < place:
                continue
            pieces += [
                re.sub(r"(?<![\w'\u2019])an(\s+)$", r"a\1", text[place : mention.start], flags=re.IGNORECASE),
                "\0",
            ]
            place = mention.end
        return " ".join("".join([*pieces, text[place:]]).casefold().split())


def _whole(text: str, start: int, end: int) -> bool:
    """Whether what stands there is no part of a longer word."""
    return not _joined(text, start - 1, start) and not _joined(text, end - 1, end)


def _joined(text: str, before: int, after: int) -> bool:
    """Whether two places beside one another belong to one word."""
    if before < 0 or after >= len(text):
        return False
    first, second = text[before], text[after]
    if unicodedata.category(second)[0] == "M":
        return True
    if _UNSPACED.match(first) and _UNSPACED.match(second):
        return False
    return bool(_TOKEN.match(second)) and bool(_TOKEN.match(first) or unicodedata.category(first)[0] == "M")
