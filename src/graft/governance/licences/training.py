"""What is known of the data sets a model was trained on, and what they mean for some uses.

Decisions: a set is found by one of its names in ``training_sets.yaml``, after the owner, brackets and what follows the
name are left away ("[S2ORC](...) Citation pairs (Abstracts)" is S2ORC); what the model's own card states and what the
publisher states count together; a set without readable terms is *unchecked*, which is told but bars nothing; a set
may be *open* for a use although no licence forbids it, with the reason. Sets under one licence make one bar or one
obligation that names them all, so that a card with twenty data sets stays readable.
"""

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from graft.governance.licences.effects import DECIDE, Asked, Barred, effects
from graft.governance.licences.expressions import AllOf, Terms, canonical, leaves, read_terms
from graft.governance.licences.reach import Reach
from graft.governance.licences.table import PUBLISHERS_WORDS, Duty, normalise, shipped
from graft.governance.records import Permission, Record, TrainingData, Use

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)?")


class TrainingSet(Record):
    """A well-known data set. states: licences its publisher states, all of them. where: the place, or what was read.

    open: uses that stay unsettled although no licence forbids them. why: the reason, or what else to know.
    """

    name: str
    names: tuple[str, ...]
    states: tuple[str, ...]
    where: str
    why: str = ""
    open: tuple[Use, ...] = ()


@dataclass(frozen=True)
class Learned:
    """One data set a model was trained on. terms: all that are readable. checked: there are some, none is unread."""

    name: str
    terms: Terms
    where: str
    checked: bool
    why: str = ""
    open: tuple[Use, ...] = ()


@cache
def training_sets() -> tuple[TrainingSet, ...]:
    """Every well-known data set."""
    return tuple(TrainingSet.model_validate(one) for one in _listed(shipped("training_sets.yaml")))


def find_training_set(name: str) -> TrainingSet | None:
    """The well-known set that goes by a name.

    >>> [find_training_set(name).name for name in ("ms_marco", "[S2ORC](https://x) Citation pairs (Titles)")]
    ['MS MARCO', 'S2ORC']
    >>> find_training_set("our tickets") is None
    True
    """
    plain = normalise(_LINK.sub(r"\1", name).partition(" (")[0]) or normalise(name)
    known = _by_name()
    for candidate in (plain, plain.rpartition("/")[2].strip()):
        if candidate in known:
            return known[candidate]
        words = candidate.split()
        for length in range(len(words) - 1, 0, -1):
            if " ".join(words[:length]) in known:
                return known[" ".join(words[:length])]
    return None


@lru_cache(maxsize=4096)
def learned_from(entries: tuple[TrainingData, ...]) -> tuple[Learned, ...]:
    """The data sets behind training data entries, each once, in the order of first mention."""
    grouped: dict[str, list[TrainingData]] = {}
    for entry in entries:
        known = find_training_set(entry.name)
        grouped.setdefault(known.name if known else " ".join(entry.name.split()), []).append(entry)
    return tuple(_learned(name, same) for name, same in grouped.items())


def _learned(name: str, entries: list[TrainingData]) -> Learned:
    """One data set: what its publisher and the entries state."""
    known = find_training_set(name)
    words = [*(known.states if known else ()), *(one.stated for entry in entries for one in entry.licences)]
    stated = {canonical(terms): terms for terms in map(read_terms, words)}
    readable = tuple(terms for terms in stated.values() if all(leaf.licence or leaf.common for leaf in leaves(terms)))
    where = known.where if known else "; ".join(dict.fromkeys(entry.where for entry in entries))
    checked = bool(readable) and len(readable) == len(stated)
    return Learned(name, AllOf(readable), where, checked, known.why if known else "", known.open if known else ())


@cache
def _by_name() -> dict[str, TrainingSet]:
    """Every well-known set under each of its names. Raises ValueError when a name means two sets."""
    found: dict[str, TrainingSet] = {}
    for known in training_sets():
        for name in {normalise(name) for name in (known.name, *known.names)}:
            if name in found:
                raise ValueError(f"{name!r} names both {found[name].name} and {known.name}")
            found[name] = known
    return found


def _listed(values: object) -> list[object]:
    """The records of a file, which must be a list."""
    if not isinstance(values, list):
        raise ValueError("training_sets.yaml holds no list of data sets")
    return values


@dataclass(frozen=True)
class Trained:
    """A bar or an obligation, with the names of the data sets it comes from."""

    sets: tuple[str, ...]
    what: Barred | Asked


@lru_cache(maxsize=4096)
def trained_effects(
    entries: tuple[TrainingData, ...],
    reach: Reach,
    uses: tuple[Use, ...],
    *,
    decided: tuple[tuple[str, str], ...] = (),
    cleared: frozenset[str] = frozenset(),
) -> tuple[Trained, ...]:
    """What training data bars and asks. reach: to the data, LEARNED or BEHIND.

    decided: (data set, licence) as a person decided. cleared: data sets whose open questions a person has answered.
    """
    licences = dict(decided)
    grouped: dict[Barred | Asked, list[str]] = {}
    unchecked: list[str] = []
    for one in learned_from(entries):
        one = _decided(one, licences[one.name]) if one.name in licences else one
        clear = one.name in cleared
        found = effects(one.terms, reach, uses, cleared=clear)
        for what in (*found.every, *(() if clear else _open(one, uses))):
            grouped.setdefault(_cited(what, one), []).append(one.name)
        if not one.checked and not one.open and not clear:
            unchecked.append(one.name)
    if unchecked and reach is Reach.LEARNED and set(uses) - {Use.INTERNAL}:
        text = "look up the terms of the data nobody has checked, or decide that they do not matter here."
        grouped[Asked(Duty.CHECK_TRAINING_DATA, "terms not known", "terms not known", text)] = unchecked
    return tuple(Trained(tuple(names), what) for what, names in grouped.items())


def _decided(one: Learned, licence: str) -> Learned:
    """A data set under the licence a person decided on."""
    terms = read_terms(licence, decided=True)
    known = all(leaf.licence or leaf.common for leaf in leaves(terms))
    return replace(one, terms=terms, checked=True, open=()) if known else one


def _cited(what: Barred | Asked, one: Learned) -> Barred | Asked:
    """Where a publisher used words of its own, the clause is the place of those words."""
    return replace(what, clause=one.where) if what.licence == PUBLISHERS_WORDS else what


def _open(one: Learned, uses: tuple[Use, ...]) -> tuple[Barred, ...]:
    """Uses that stay open although no licence forbids them."""
    return tuple(
        Barred(Permission.UNSETTLED, use, "no licence", one.where, f"{one.why}.", DECIDE, True)
        for use in uses
        if use in one.open
    )
