"""What terms mean for some uses at some reach, and which part of a choice is taken.

Decisions: where all parts apply, their bars and asks add up; where one part may be chosen, the part that bars least
counts, judged over everything the licence is needed for, so that one choice holds for the whole answer.

What a licence of the table means, one decision per reach: a derivative and a stored table of a data set carry
everything; models trained on outputs carry what the licence says about outputs (bound, refused, or asks that name
them); models trained on data carry attribution, and where the data is non-commercial, share-alike or not to be
adapted, a question nobody has answered: unsettled. Where only the outputs of a model were used, its being
non-commercial still matters, because somebody ran it for the purpose.

Terms nobody has read yet: an unknown licence blocks every use but internal evaluation, which it leaves unsettled, until
a person decides; a family, terms beside a known licence, an asset that is not in the ledger, and anything that is only
used or learned from leave every use unsettled.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from graft.governance.licences.expressions import AllOf, AnyOf, Leaf, Terms, Unknown
from graft.governance.licences.reach import Reach
from graft.governance.licences.table import Ask, Duty, Licence, Limit, licence
from graft.governance.records import Permission, Use


@dataclass(frozen=True)
class Barred:
    """A use that is blocked or unsettled. open: it hangs on a question a person may answer, not on a stated refusal."""

    outcome: Permission
    use: Use
    licence: str
    clause: str
    text: str
    unblock: str
    open: bool


@dataclass(frozen=True)
class Asked:
    """Something a licence asks for."""

    code: Duty
    licence: str
    clause: str
    text: str


@dataclass(frozen=True)
class Effects:
    """What terms bar and ask."""

    barred: tuple[Barred, ...] = ()
    asked: tuple[Asked, ...] = ()

    @property
    def every(self) -> tuple[Barred | Asked, ...]:
        """All of it."""
        return (*self.barred, *self.asked)

    def named(self, licence: str) -> "Effects":
        """The same under another name of the licence."""
        barred = tuple(replace(bar, licence=licence) for bar in self.barred)
        return Effects(barred, tuple(replace(ask, licence=licence) for ask in self.asked))

    @property
    def rank(self) -> int:
        """0 allowed, 1 unsettled, 2 blocked."""
        return max((2 if bar.outcome is Permission.BLOCKED else 1 for bar in self.barred), default=0)


WHOLE = (Reach.DERIVED, Reach.STORED)
DECIDE = "read its terms and record what a person decides."
_STUDENTS = (Reach.DISTILLED, Reach.TAUGHT)
_USED = {
    Reach.LEARNED: "whether a model that learned from it may be used commercially is not settled",
    Reach.BEHIND: "a model that learned from it was run for this, and whether that may be commercial is not settled",
}


def known_terms(record: Licence, reach: Reach, uses: tuple[Use, ...]) -> Effects:
    """What one licence bars and asks for uses, at a reach."""
    bound = record.students is not None and record.students.kind == "bound"
    if reach in WHOLE or (reach in _STUDENTS and bound):
        return _effects(record, uses, _limits(record, record.limits, uses), record.asks)
    if reach is Reach.SELF:
        limits = [limit for limit in record.limits if not limit.adapted]
        return _effects(record, uses, _limits(record, limits, uses), [ask for ask in record.asks if not ask.adapted])
    if reach is Reach.LEARNED:
        credit = [ask for ask in record.asks if ask.code is Duty.ATTRIBUTION]
        return _effects(record, uses, (*_used(record, reach, uses), *_adapted(record, uses)), credit)
    if reach is Reach.BEHIND:
        return _effects(record, uses, _used(record, reach, uses), ())
    student = reach in _STUDENTS
    asks = [ask for ask in record.asks if ask.outputs == "any" or (student and ask.outputs == "students")]
    refused = _refused(record, reach, uses) if student else ()
    return _effects(record, uses, (*refused, *_used(record, reach, uses)), asks)


def _effects(record: Licence, uses: tuple[Use, ...], barred: Iterable[Barred], asks: Iterable[Ask]) -> Effects:
    """Bars, and what is asked for any of uses."""
    asked = (Asked(ask.code, record.id, ask.clause, ask.text) for ask in asks if set(ask.when) & set(uses))
    return Effects(tuple(barred), tuple(asked))


def _limits(record: Licence, limits: Iterable[Limit], uses: tuple[Use, ...]) -> Iterator[Barred]:
    """Limits as they stand."""
    for limit in limits:
        unsettled = limit.outcome is Permission.UNSETTLED
        for use in uses:
            if use in limit.uses:
                yield Barred(limit.outcome, use, record.id, limit.clause, limit.text, limit.unblock, unsettled)


def _refused(record: Licence, reach: Reach, uses: tuple[Use, ...]) -> Iterator[Barred]:
    """Outputs that must not be used to train. Graft cannot tell what the student is, so a person may answer that."""
    told = record.students
    if told is not None and told.kind == "refused":
        outcome = Permission.BLOCKED if reach is Reach.DISTILLED else Permission.UNSETTLED
        for use in uses:
            yield Barred(outcome, use, record.id, told.clause, told.text, told.unblock, True)


def _used(record: Licence, reach: Reach, uses: tuple[Use, ...]) -> Iterator[Barred]:
    """Non-commercial terms of something that was learned from, or whose outputs were used."""
    told = _USED.get(reach, "it was run to make this, and whether that was non-commercial is for you to know")
    for limit in record.limits:
        stated = Use.COMMERCIAL in limit.uses and limit.outcome is Permission.BLOCKED and not limit.adapted
        if Use.COMMERCIAL in uses and stated:
            text = f"{limit.text.rstrip('.')}; {told}."
            yield Barred(Permission.UNSETTLED, Use.COMMERCIAL, record.id, limit.clause, text, DECIDE, True)


def _adapted(record: Licence, uses: tuple[Use, ...]) -> Iterator[Barred]:
    """Share-alike and no-derivatives terms of data: are weights that learned from it adapted material?"""
    alike = [(ask.clause, ask.text) for ask in record.asks if ask.code is Duty.SHARE_ALIKE]
    kept = [(limit.clause, limit.text) for limit in record.limits if limit.adapted]
    if Use.REDISTRIBUTE in uses:
        for clause, told in (*alike, *kept):
            text = f"{told.rstrip('.')}; whether weights that learned from it are adapted material is not settled."
            yield Barred(Permission.UNSETTLED, Use.REDISTRIBUTE, record.id, clause, text, DECIDE, True)


_LONGEST = 60
_MILD = (Unknown.ABSENT, Unknown.BESIDES, Unknown.ADDED)


def unread_terms(leaf: Leaf, reach: Reach, uses: tuple[Use, ...]) -> Effects:
    """What terms that are not known bar for uses, at a reach."""
    if reach is Reach.BEHIND:
        return Effects()
    direct = reach is Reach.SELF or reach in WHOLE
    text, unblock = why_unread(leaf)
    barred = []
    for use in uses:
        mild = leaf.family or leaf.unknown in _MILD or not direct or use is Use.INTERNAL
        outcome = Permission.UNSETTLED if mild else Permission.BLOCKED
        barred.append(Barred(outcome, use, quoted(leaf.stated), "terms not known", text, unblock, True))
    return Effects(tuple(barred))


def why_unread(leaf: Leaf) -> tuple[str, str]:
    """Why terms are not known, and what would settle them."""
    stated = repr(quoted(leaf.stated))
    if leaf.family:
        return f"{stated} names a family of licences, not one of them.", "find out which one it is and record it."
    told = {
        Unknown.WORD: f"{stated} is no licence Graft knows.",
        Unknown.UNRECORDED: f"{stated} is on the SPDX list, but Graft holds no record of what it asks.",
        Unknown.ELSEWHERE: f"{stated} says that there are terms, but not which.",
        Unknown.BESIDES: "there are terms beside the licence that nobody has read.",
        Unknown.ADDED: f"{stated} stands after WITH and is no exception of the SPDX list: it may take something back.",
        Unknown.SILENT: f"{stated} states no licence.",
        Unknown.MISSING: "no licence is stated anywhere.",
        Unknown.ABSENT: "it is not in the ledger, so its licence is not known.",
    }[leaf.unknown or Unknown.MISSING]
    return told, f"add it to the ledger, or {DECIDE}" if leaf.unknown is Unknown.ABSENT else DECIDE


def quoted(stated: str) -> str:
    """Words of others, on one line and not too long.

    >>> quoted("MIT\\n\\nCopyright")
    'MIT Copyright'
    """
    line = " ".join(stated.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


@lru_cache(maxsize=8192)
def effects(terms: Terms, reach: Reach, uses: tuple[Use, ...], *, cleared: bool = False) -> Effects:
    """What terms mean for uses at a reach. Of a choice the best part counts.

    cleared: a person has answered the open questions, so only stated refusals bar.

    >>> from graft.governance.licences.expressions import read_terms
    >>> terms = read_terms("cc-by-nc-4.0")
    >>> [effects(terms, reach, (Use.COMMERCIAL,)).barred[0].outcome.value for reach in (Reach.SELF, Reach.LEARNED)]
    ['blocked', 'unsettled']
    """
    if isinstance(terms, AnyOf):
        return effects(chosen(terms, (reach,), uses, cleared=cleared), reach, uses, cleared=cleared)
    if isinstance(terms, AllOf):
        parts = [effects(part, reach, uses, cleared=cleared) for part in terms.parts]
        barred = dict.fromkeys(bar for part in parts for bar in part.barred)
        return Effects(tuple(barred), tuple(dict.fromkeys(ask for part in parts for ask in part.asked)))
    known = terms.licence or terms.common
    found = known_terms(licence(known), reach, uses) if known else unread_terms(terms, reach, uses)
    found = found.named(quoted(terms.stated)) if terms.common else found
    return replace(found, barred=tuple(bar for bar in found.barred if not bar.open)) if cleared else found


def chosen(terms: Terms, reaches: tuple[Reach, ...], uses: tuple[Use, ...], *, cleared: bool = False) -> Terms:
    """Terms with every choice made: the part that bars least, then asks least, then comes first.

    >>> from graft.governance.licences.expressions import read_terms
    >>> str(chosen(read_terms("CC-BY-NC-4.0 OR MIT"), (Reach.SELF,), (Use.COMMERCIAL,)))
    'MIT'
    """
    if isinstance(terms, Leaf):
        return terms
    parts = tuple(chosen(part, reaches, uses, cleared=cleared) for part in terms.parts)
    if isinstance(terms, AllOf):
        return AllOf(parts)

    def burden(part: Terms) -> tuple[int, int, int]:
        found = [effects(part, reach, uses, cleared=cleared) for reach in reaches]
        bars, asks = sum(len(one.barred) for one in found), sum(len(one.asked) for one in found)
        return max((one.rank for one in found), default=0), bars, asks

    return min(parts, key=burden)
