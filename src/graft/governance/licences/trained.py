"""What the data sets a model was trained on mean for some uses, sets of the same terms taken together.

Decisions: sets under one licence make one bar or one obligation that names them all, so that a card with twenty data
sets stays readable; sets nobody has checked ask to be checked and bar nothing.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from graft.governance.licences.bars import Asked, Barred
from graft.governance.licences.effects import effects
from graft.governance.licences.expressions import leaves, read_terms
from graft.governance.licences.known import DECIDE
from graft.governance.licences.reach import Reach
from graft.governance.licences.table import PUBLISHERS_WORDS, Duty
from graft.governance.licences.training import Learned, learned_from
from graft.governance.records import Outcome, TrainingData, Use


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
        Barred(Outcome.UNSETTLED, use, "no licence", one.where, f"{one.why}.", DECIDE, True)
        for use in uses
        if use in one.open
    )
