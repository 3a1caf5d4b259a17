"""Licence statements as people write them, read into terms: one licence, all of several, or any of several.

Decisions: a name of the table is looked up as a whole first, so "GNU Lesser General Public License v3 or later" is a
name and not a choice; else SPDX expressions are parsed (``license-expression``) and each part is looked up; an
exception of the SPDX list (``WITH``) keeps the licence's terms, since exceptions only ever permit more; anything else
after ``WITH`` is terms beside the licence that nobody has read; half an expression (a bracket left open) means nothing,
and so does a name under a mark of doubt or denial; a word nobody knows stays unknown and is never guessed, and it makes
the whole statement prose: "MIT or GPL depending on the file" is no choice.
"""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import cache, lru_cache

import license_expression as spdx  # type: ignore[import-untyped]

from graft.core.errors import InputError
from graft.governance.licences.table import Family, Licence, by_name, normalise, table


class Unknown(StrEnum):
    """Why a statement names no licence of the table."""

    WORD = "nobody knows this word"
    UNRECORDED = "SPDX knows it, the table does not"
    ELSEWHERE = "a licence without a name"
    BESIDES = "terms beside a licence"
    ADDED = "terms after WITH that are no exception"
    SILENT = "nothing is stated"
    MISSING = "no statement at all"
    ABSENT = "the asset is not in the ledger"


@dataclass(frozen=True)
class Leaf:
    """One licence as stated. Exactly one of licence (its identifier), family (its name) and unknown is set.

    exception: of the SPDX list, after ``WITH``. common: the licence whose terms a family shares, if it does.
    """

    stated: str
    licence: str = ""
    family: str = ""
    unknown: Unknown | None = None
    common: str = ""
    exception: str = ""

    def __str__(self) -> str:
        name = self.licence or self.stated or "no licence"
        return f"{name} WITH {self.exception}" if self.exception else name


@dataclass(frozen=True)
class AllOf:
    """Every part applies."""

    parts: "tuple[Terms, ...]"

    def __str__(self) -> str:
        return " AND ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


@dataclass(frozen=True)
class AnyOf:
    """The user may choose one part."""

    parts: "tuple[Terms, ...]"

    def __str__(self) -> str:
        return " OR ".join(f"({part})" if isinstance(part, AllOf) else str(part) for part in self.parts)


Terms = Leaf | AllOf | AnyOf
_LONGEST = 2000  # characters of an expression; what is longer is a text
_DOUBT = re.compile(r"^\s*[!~]|\?\s*$")
_REFERENCE = re.compile(r"(DocumentRef-[\w.-]+:)?LicenseRef-[\w.-]+$")


@lru_cache(maxsize=4096)
def read_terms(stated: str, *, decided: bool = False) -> Terms:
    """The terms a statement means. decided: a person said it, so "own" may be meant.

    >>> str(read_terms("mit OR Apache License 2.0"))
    'MIT OR Apache-2.0'
    >>> read_terms("bsl-1.0").licence, read_terms("gpl").family
    ('BSL-1.0', 'GNU General Public Licenses')
    """
    whole = _leaf(stated, decided=decided)
    if whole.unknown is not Unknown.WORD or len(stated) > _LONGEST:
        return whole
    try:
        parsed = spdx.Licensing().parse(stated, validate=False)
    except (spdx.ExpressionError, spdx.ParseError):
        return whole
    if parsed is None:
        return whole
    terms = _terms(parsed, decided)
    prose = any(leaf.unknown is Unknown.WORD and not _REFERENCE.match(leaf.stated) for leaf in leaves(terms))
    return whole if prose else terms


CLEARED = "cleared"
"""A person read the terms and found nothing in the way."""
_DECISIONS = ("own", "permission", CLEARED)


def refuse_unknown(licence: str, *, decided: bool = True) -> None:
    """Raise InputError for a licence nobody can decide on: a word that nobody knows, or one that names no licence.

    decided: a person decides, so "own", "permission" and "cleared" may be meant; else a licence is only stated.

    >>> refuse_unknown("Apache-2.0 OR MIT"), refuse_unknown("permission"), refuse_unknown("cleared")
    (None, None, None)
    """
    word = licence.strip().casefold()
    if word in _DECISIONS:
        if decided:
            return
        raise InputError(
            f"{licence.strip()!r} is no licence, but a decision about one",
            needed="the licence as it is written somewhere",
            fix=f'leave it out, then: graft assets decide NAME --licence {word} --because "..."',
        )
    wrong = [leaf.stated for leaf in leaves(read_terms(licence, decided=decided)) if _undecided(leaf)]
    if wrong:
        near = dict.fromkeys(one for word in wrong for one in _near(word, decided))
        also = f", or one of {', '.join(_DECISIONS)}" if decided else ""
        raise InputError(
            f"{wrong[0]!r} is no licence Graft knows",
            needed=f"an SPDX expression, a name of a known licence, LicenseRef-NAME for terms of your own{also}",
            fix=f"did you mean {', '.join(near)}?" if near else "check how it is written",
        )


def _undecided(leaf: Leaf) -> bool:
    named = leaf.unknown in (None, Unknown.UNRECORDED)
    return not named and _REFERENCE.match(leaf.stated) is None


def _near(word: str, decided: bool) -> list[str]:
    """Licences whose names come near a word, by their identifiers."""
    known = {name: one.id for name, one in by_name().items() if isinstance(one, Licence)}
    known |= _exceptions() | ({name: name for name in _DECISIONS} if decided else {})
    near = get_close_matches(normalise(word), known, n=8, cutoff=0.7)
    return list(dict.fromkeys(known[name] for name in near))[:5]


def leaves(terms: Terms) -> tuple[Leaf, ...]:
    """Every licence that is named in terms, from left to right.

    >>> [leaf.licence for leaf in leaves(read_terms("MIT AND (Apache-2.0 OR GPL-3.0)"))]
    ['MIT', 'Apache-2.0', 'GPL-3.0-only']
    """
    if isinstance(terms, Leaf):
        return (terms,)
    return tuple(leaf for part in terms.parts for leaf in leaves(part))


def canonical(terms: Terms) -> str:
    """A text that is equal for statements that mean the same, whatever their order.

    >>> canonical(read_terms("Apache-2.0 or MIT")) == canonical(read_terms("mit OR apache-2.0"))
    True
    """
    if isinstance(terms, Leaf):
        name = terms.licence or terms.family or f"?{normalise(terms.stated)}"
        return f"{name} WITH {terms.exception.casefold()}" if terms.exception else name
    parts = sorted({canonical(part) for part in terms.parts})
    if len(parts) == 1:
        return parts[0]
    return "(" + (" AND " if isinstance(terms, AllOf) else " OR ").join(parts) + ")"


def _leaf(stated: str, *, decided: bool) -> Leaf:
    """A name of the table; unknown with the reason otherwise."""
    name = normalise(stated)
    found = by_name().get(name) if _balanced(stated) and not _DOUBT.search(stated) else None
    if isinstance(found, Licence) and (decided or not found.decided_only):
        return Leaf(stated, licence=found.id)
    if isinstance(found, Family):
        return Leaf(stated, family=found.name, common=found.common)
    if name in _vague():
        return Leaf(stated, unknown=_vague()[name])
    return Leaf(stated, unknown=Unknown.UNRECORDED if stated.strip().casefold() in _spdx_names() else Unknown.WORD)


def _terms(parsed: spdx.Renderable, decided: bool) -> Terms:
    """A parsed expression as terms, nested as it was written."""
    if isinstance(parsed, spdx.LicenseWithExceptionSymbol):
        base, added = _leaf(parsed.license_symbol.key, decided=decided), parsed.exception_symbol.key
        exception = _exceptions().get(normalise(added))
        # What is no exception may as well forbid something, so it stands beside the licence and nobody has read it.
        return replace(base, exception=exception) if exception else AllOf((base, Leaf(added, unknown=Unknown.ADDED)))
    if isinstance(parsed, spdx.LicenseSymbol):
        return _leaf(parsed.key, decided=decided)
    parts = tuple(_terms(part, decided) for part in parsed.args)
    return AllOf(parts) if isinstance(parsed, spdx.AND) else AnyOf(parts)


@cache
def _vague() -> dict[str, Unknown]:
    """Words that speak of licences without naming one."""
    words = table()
    lists = ((words.silent, Unknown.SILENT), (words.elsewhere, Unknown.ELSEWHERE), (words.besides, Unknown.BESIDES))
    return {normalise(word): meaning for listed, meaning in lists for word in listed}


def _balanced(stated: str) -> bool:
    """Whether every bracket that opens is closed: half an expression means nothing."""
    depth = 0
    for character in stated:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return not depth


@cache
def _exceptions() -> dict[str, str]:
    """The exceptions of the SPDX list as it writes them, by their normalised names."""
    known = spdx.get_spdx_licensing().known_symbols
    names = (name for name, symbol in known.items() if symbol.is_exception and not name.startswith("LicenseRef-"))
    return {normalise(name): name for name in names}


@cache
def _spdx_names() -> frozenset[str]:
    """Every identifier on the SPDX list, in lower case."""
    return frozenset(key.casefold() for key in spdx.get_spdx_licensing().known_symbols)
