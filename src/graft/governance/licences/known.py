"""What a licence of the table means at a reach.

Decisions, one per reach: a derivative and a stored table of a data set carry everything; models trained on outputs
carry what the licence says about outputs (bound, refused, or asks that name them); models trained on data carry
attribution, and where the data is non-commercial, share-alike or not to be adapted, a question nobody has answered:
unsettled. Where only the outputs of a model were used, its being non-commercial still matters, because somebody ran
it for the purpose.
"""

from collections.abc import Iterable, Iterator

from graft.governance.licences.bars import Asked, Barred, Effects
from graft.governance.licences.reach import Reach
from graft.governance.licences.table import Ask, Duty, Licence, Limit
from graft.governance.records import Outcome, Use

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
        unsettled = limit.outcome is Outcome.UNSETTLED
        for use in uses:
            if use in limit.uses:
                yield Barred(limit.outcome, use, record.id, limit.clause, limit.text, limit.unblock, unsettled)


def _refused(record: Licence, reach: Reach, uses: tuple[Use, ...]) -> Iterator[Barred]:
    """Outputs that must not be used to train. Graft cannot tell what the student is, so a person may answer that."""
    told = record.students
    if told is not None and told.kind == "refused":
        outcome = Outcome.BLOCKED if reach is Reach.DISTILLED else Outcome.UNSETTLED
        for use in uses:
            yield Barred(outcome, use, record.id, told.clause, told.text, told.unblock, True)


def _used(record: Licence, reach: Reach, uses: tuple[Use, ...]) -> Iterator[Barred]:
    """Non-commercial terms of something that was learned from, or whose outputs were used."""
    told = _USED.get(reach, "it was run to make this, and whether that was non-commercial is for you to know")
    for limit in record.limits:
        stated = Use.COMMERCIAL in limit.uses and limit.outcome is Outcome.BLOCKED and not limit.adapted
        if Use.COMMERCIAL in uses and stated:
            text = f"{limit.text.rstrip('.')}; {told}."
            yield Barred(Outcome.UNSETTLED, Use.COMMERCIAL, record.id, limit.clause, text, DECIDE, True)


def _adapted(record: Licence, uses: tuple[Use, ...]) -> Iterator[Barred]:
    """Share-alike and no-derivatives terms of data: are weights that learned from it adapted material?"""
    alike = [(ask.clause, ask.text) for ask in record.asks if ask.code is Duty.SHARE_ALIKE]
    kept = [(limit.clause, limit.text) for limit in record.limits if limit.adapted]
    if Use.REDISTRIBUTE in uses:
        for clause, told in (*alike, *kept):
            text = f"{told.rstrip('.')}; whether weights that learned from it are adapted material is not settled."
            yield Barred(Outcome.UNSETTLED, Use.REDISTRIBUTE, record.id, clause, text, DECIDE, True)
