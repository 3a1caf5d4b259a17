"""Identity terms as records: groups of identities, and the words that stand in one another's place.

Decisions: lists come as YAML, ours too, and are checked whole before anything is scored. A set has a word for each
identity of its group, in their order, or none where a language has none: what has no counterpart is told, and never
bent into one. A word stands once in a group, since it could be exchanged for two things otherwise; only an adjective
may be a noun too (*Christian*), which the words around it tell. English grammar (plurals, a and an, he and she) is used
where a file says that it is English; words of any other language are exchanged as they stand.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from graft.core.errors import InputError
from graft.core.yaml_file import read_yaml

ENGLISH = "en"
MAX_TERMS, MAX_IDENTITIES, MAX_CHARS = 20_000, 30, 100
_EXAMPLE = "language: en, then groups: {jobs: [[nurse, doctor], [maid, butler]]}"
_GROUP = ("identities", "sets", "names", "pronouns", "before_people", "plurals")
_NONE = ("", "~", "null")
_HE_SHE = ("he", "she")
_IRREGULAR = {"child": "children", "person": "people", "wife": "wives", "mr": "", "ms": "", "mrs": "", "sir": ""}
_UNCHANGED = ("ish", "ese", "ness", "hood", "ism", "ine")

Part = Literal["any", "noun", "adjective", "name"]


@dataclass(frozen=True)
class SwapSet:
    """Words in one another's place. forms: for each identity its words, the one that is put in first; () for none.
    part: of speech; ``any`` where a word is only one."""

    forms: tuple[tuple[str, ...], ...]
    part: Part = "any"


@dataclass(frozen=True)
class TermGroup:
    """Identities and their words. pronouns: for each identity ``he``, ``she`` or "", () for a group without.
    before_people: words that count only before a word for people."""

    name: str
    identities: tuple[str, ...]
    sets: tuple[SwapSet, ...]
    pronouns: tuple[str, ...] = ()
    before_people: frozenset[str] = frozenset()


@dataclass(frozen=True)
class IdentityTerms:
    """All groups of a file. of: what errors and records call it."""

    of: str
    language: str
    groups: tuple[TermGroup, ...]

    @property
    def english(self) -> bool:
        """Whether English grammar holds."""
        return self.language.casefold().split("-")[0] == ENGLISH


def folded(word: str) -> str:
    """A word as it is compared: whatever its case and however its accents are encoded.

    >>> folded("Caf\\u00e9") == folded("CAFE\\u0301")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", word).casefold())


def plural_of(noun: str) -> str:
    """The plural of an English noun; "" for a word that has none.

    >>> [plural_of(word) for word in ("woman", "lady", "church", "boy", "Jewish", "wife")]
    ['women', 'ladies', 'churches', 'boys', '', 'wives']
    """
    lower = noun.casefold()
    for single, many in _IRREGULAR.items():
        if lower == single or lower.endswith(f" {single}"):
            return noun[: len(noun) - len(single)] + many if many else ""
    if lower.endswith("man") and lower not in ("roman", "german", "human", "ottoman"):
        return noun[:-2] + "en"
    if not lower.isascii() or lower.endswith(_UNCHANGED) or not lower[-1:].isalpha():
        return ""
    if lower.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if lower.endswith("y") and lower[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def usual_terms(*, neutral: bool = False) -> IdentityTerms:
    """The terms that come with the package. neutral: those that say nothing of anybody."""
    name = "neutral_terms.yaml" if neutral else "identity_terms.yaml"
    return replace(read_terms(Path(__file__).with_name(name)), of="the terms of Graft")


def read_terms(path: Path) -> IdentityTerms:
    """The terms in a YAML file.

    ``language`` and ``groups``; each group is a list of sets, or ``identities`` with ``sets`` (lists of a word for
    each, or ``nouns:`` or ``adjectives:`` before such a list) and ``names`` (a list for each, all of one length).
    ``pronouns``, ``before_people`` and ``plurals: no`` may be added. Raises InputError for anything else.
    """
    given = read_yaml(path, what="identity terms", fix=_EXAMPLE)
    if not isinstance(given, dict) or set(given) != {"language", "groups"}:
        had = ", ".join(map(str, given)) if isinstance(given, dict) else "no names"
        raise _wrong(f"{path} has {had or 'nothing'}", "language (en, or another) and groups, and nothing else")
    language, groups = given["language"], given["groups"]
    if not isinstance(language, str) or not language.strip():
        raise _wrong(f"{path} says no language", "language: en for English, or the code of another")
    if not isinstance(groups, dict) or not groups:
        raise _wrong(f"{path} has no groups", "a name for each group below groups")
    language = language.strip()
    english = IdentityTerms("", language, ()).english
    found = tuple(_group(str(name), one, path, english) for name, one in groups.items())
    terms = sum(len(forms) for group in found for one in group.sets for forms in one.forms)
    if terms > MAX_TERMS:
        raise _wrong(f"{path} holds {terms:,} words", f"at most {MAX_TERMS:,}")
    return IdentityTerms(str(path), language, found)


def _group(name: str, given: object, path: Path, english: bool) -> TermGroup:
    where = f"the group {name!r} in {path}"
    table = {"sets": given} if isinstance(given, list) else given
    if not isinstance(table, dict):
        raise _wrong(f"{where} is {given!r}"[:200], "a list of sets, or a table with sets")
    if strange := [str(key) for key in table if key not in _GROUP]:
        raise _wrong(f"{where} has the key {strange[0]!r}", f"one of {', '.join(_GROUP)}")
    plurals = str(table.get("plurals", "yes")).casefold()
    if plurals not in ("yes", "true", "no", "false"):
        raise _wrong(f"{where} says plurals: {plurals}", "yes or no")
    sets = [_set(one, where) for one in _list(table.get("sets", []), f"sets of {where}")]
    identities = _identities(table, sets, where)
    sets += _names(table.get("names"), identities, where)
    for one in sets:
        if len(one.forms) != len(identities):
            shown = ", ".join(" / ".join(forms) or "~" for forms in one.forms)[:120]
            raise _wrong(
                f"the set [{shown}] in {where} has {len(one.forms)} words",
                f"{len(identities)}, one for each of {', '.join(identities)}",
                "write ~ where there is no such word",
            )
    pronouns = _pronouns(table.get("pronouns"), identities, where, english)
    if not sets and not pronouns:
        raise _wrong(f"{where} has no words", "sets or names")
    before = frozenset(folded(word) for word in _words(table.get("before_people", []), f"before_people of {where}"))
    _once(sets, where, pronouns)
    if english and plurals in ("yes", "true"):
        sets += _plurals(sets)
    return TermGroup(name, identities, tuple(sets), pronouns, before)


def _identities(table: Mapping[str, object], sets: list[SwapSet], where: str) -> tuple[str, ...]:
    named = table.get("identities")
    if named is None and isinstance(names := table.get("names"), dict) and not sets:
        named = list(names)
    if named is None:
        if not sets:
            raise _wrong(f"{where} has no sets", "two or more words in a set")
        named = [forms[0] if forms else "" for forms in sets[0].forms]
    identities = tuple(_words(named, f"identities of {where}"))
    if not 2 <= len(identities) <= MAX_IDENTITIES or len(set(identities)) < len(identities):
        raise _wrong(
            f"{where} has the identities {', '.join(identities[:8]) or '(none)'}",
            f"from two to {MAX_IDENTITIES}, all different: a word is exchanged for that of another identity",
        )
    return identities


def _set(given: object, where: str) -> SwapSet:
    part: Part = "any"
    if isinstance(given, dict) and len(given) == 1 and (kind := next(iter(given))) in ("nouns", "adjectives"):
        part, given = ("noun" if kind == "nouns" else "adjective"), given[kind]
    cells = _list(given, f"a set of {where}", "a list of words, or nouns: or adjectives: before one")
    forms = []
    for cell in cells:
        words = _words(cell if isinstance(cell, list) else [cell], f"a set of {where}", none=not isinstance(cell, list))
        forms.append(tuple(dict.fromkeys(words)))
    if sum(map(bool, forms)) < 2:
        shown = ", ".join(" / ".join(words) or "~" for words in forms)[:120]
        raise _wrong(f"the set [{shown}] in {where} has fewer than two words", "two or more, to be exchanged")
    return SwapSet(tuple(forms), part)


def _names(given: object, identities: tuple[str, ...], where: str) -> list[SwapSet]:
    if given is None:
        return []
    if not isinstance(given, dict) or set(given) != set(identities):
        raise _wrong(f"the names of {where}", f"a list for each of {', '.join(identities)}")
    lists = [_words(given[one], f"names of {where}") for one in identities]
    if len({len(one) for one in lists}) != 1 or not lists[0]:
        told = ", ".join(f"{len(one)} {name}" for one, name in zip(lists, identities, strict=True))
        raise _wrong(f"{where} has {told}", "lists of one length: a name is exchanged for that in the same place")
    return [SwapSet(tuple((word,) for word in row), "name") for row in zip(*lists, strict=True)]


def _pronouns(given: object, identities: tuple[str, ...], where: str, english: bool) -> tuple[str, ...]:
    if given is None:
        return ()
    if not english:
        raise _wrong(f"{where} has pronouns", "language: en: he and she are exchanged by rules of English")
    said = set(given.values()) if isinstance(given, dict) else set()
    if not isinstance(given, dict) or not set(given) <= set(identities) or said != set(_HE_SHE) or len(given) != 2:
        raise _wrong(f"the pronouns of {where}", f"he for one and she for another of {', '.join(identities)}")
    return tuple(str(given.get(one, "")) for one in identities)


def _once(sets: list[SwapSet], where: str, pronouns: tuple[str, ...]) -> None:
    """Raise InputError for a word that stands twice in a group, but as a noun and as an adjective of one identity."""
    seen: dict[str, set[tuple[int, Part]]] = {}
    for one in sets:
        for identity, forms in enumerate(one.forms):
            for word in forms:
                before = seen.setdefault(folded(word), set())
                parts = {part for _, part in before} | {one.part}
                other = {place for place, _ in before} - {identity}
                if before and (other or len(parts) != 2 or parts != {"noun", "adjective"} or len(before) > 1):
                    raise _wrong(
                        f"{word!r} stands twice in {where}",
                        "a word once in a group: it could be exchanged for two things"
                        + (" (he, she, him, her, his and hers: write pronouns)" if _is_pronoun(word) else ""),
                        "take one out, or say with nouns: and adjectives: that it is both",
                    )
                if pronouns and _is_pronoun(word):
                    raise _wrong(f"{word!r} stands in a set of {where}", "he and she in pronouns alone")
                before.add((identity, one.part))


def _is_pronoun(word: str) -> bool:
    return folded(word) in ("he", "she", "him", "her", "his", "hers", "himself", "herself")


def _plurals(sets: list[SwapSet]) -> list[SwapSet]:
    """The plurals of English nouns, but those that stand among the sets themselves."""
    known = {folded(word) for one in sets for forms in one.forms for word in forms}
    made = []
    for one in sets:
        if one.part not in ("any", "noun"):
            continue
        forms = []
        for words in one.forms:
            many = [plural_of(word) for word in words]
            forms.append(tuple(word for word in dict.fromkeys(many) if word and folded(word) not in known))
        if sum(map(bool, forms)) >= 2:
            made.append(SwapSet(tuple(forms)))
            known |= {folded(word) for words in forms for word in words}
    return made


def _list(given: object, what: str, needed: str = "a list") -> list[object]:
    if not isinstance(given, list):
        raise _wrong(f"{what}: {given!r}"[:200], needed)
    return given


def _words(given: object, what: str, *, none: bool = False) -> list[str]:
    words = []
    for word in _list(given, what):
        if isinstance(word, str) and none and word.strip() in _NONE:
            continue
        if not isinstance(word, str) or not word.strip() or word.strip() in _NONE:
            raise _wrong(f"{what} hold {word!r}"[:200], "words, each of them not empty")
        plain = " ".join(word.split())
        if len(plain) > MAX_CHARS:
            raise _wrong(f"{what} hold a word of {len(plain):,} characters", f"at most {MAX_CHARS}")
        if not any(map(str.isalnum, plain)):
            raise _wrong(f"{what} hold {plain!r}", "words with a letter or a digit")
        words.append(plain)
    return words


def _wrong(what: str, needed: str, fix: str = f"write {_EXAMPLE}") -> InputError:
    return InputError(what, needed=needed, fix=fix)
