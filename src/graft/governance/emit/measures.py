"""What a study's record says about the model it shipped, as documents tell it.

Decision: losses and errors, which the record stores with their sign turned, are told as people know them.
"""

from collections.abc import Iterator

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.metrics import metric
from graft.facts.study import StudyRecord
from graft.governance.emit.facts import Considerations, Fairness, Measure
from graft.inputs.schema import Contract

_OPENED_OFTEN = 3
_DIGITS = 6


def measures_of(record: StudyRecord) -> tuple[Measure, ...]:
    """Scores of the shipped model: on the holdout, class by class, and on the slices the study looked at."""
    return (*_holdout(record), *_classes(record), *_slices(record))


def _holdout(record: StudyRecord) -> Iterator[Measure]:
    rows, calibration = record.holdout.rows, record.decision.calibration
    yield _measure(record, record.metric, _natural(record, record.holdout.score), rows=rows)
    for name, value in (("brier", calibration.brier), ("log_loss", calibration.log_loss), ("ece", calibration.ece)):
        if value is not None:
            yield _measure(record, name, value, rows=rows)


def _classes(record: StudyRecord) -> Iterator[Measure]:
    """F1 of each class, and what it is made of where F1 does not exist."""
    for one in record.classes:
        measures = (("f1", one.f1),) if one.f1 is not None else (("precision", one.precision), ("recall", one.recall))
        for name, value in measures:
            if value is not None:
                yield _measure(record, name, value, rows=one.rows, part=f"class {one.name}")


def _slices(record: StudyRecord) -> Iterator[Measure]:
    """The shipped model on each slice: the study compared two candidates there, and only one of them shipped."""
    role = _role(record)
    for one in record.slices if role else ():
        part = f"{one.column} = {one.value}"
        own = _natural(record, Interval(one.candidate if role == "candidate" else one.control))
        yield _measure(record, record.metric, own, rows=one.rows, part=part)
        if role == "candidate":
            name = f"{record.metric} (difference to the control, higher is better)"
            yield _measure(record, name, one.difference, rows=one.rows, part=part)


def _role(record: StudyRecord) -> str:
    """Which of the two that were compared ships: ``candidate``, ``control``, or neither (empty)."""
    shipped = record.verdict.shipped
    if shipped == record.verdict.chosen:
        return "candidate"
    named = f"{shipped.source} {shipped.strategy}".strip()
    return "control" if record.verdict.control in (named, shipped.strategy) else ""


def _natural(record: StudyRecord, score: Interval) -> Interval:
    """A stored score in the metric's own direction; as it is stored for a metric that is not known."""
    try:
        return score if metric(record.metric).higher_is_better else score.reversed
    except InputError:
        return score


def _measure(record: StudyRecord, name: str, value: Interval, *, rows: int, part: str = "") -> Measure:
    ends = value.ends
    rounded = Interval(round(value.mean, _DIGITS), *(() if ends is None else (round(end, _DIGITS) for end in ends)))
    return Measure(name=name, value=rounded, rows=rows, slice=part, data=record.data.name)


def considerations_of(record: StudyRecord | None, contract: Contract) -> Considerations:
    """What to think of before the model is used, as the study found it; None where there was no study."""
    into = f"one of {len(contract.labels)} labels" if contract.labels else "a number"
    made_for = f"Rows like the training rows: {', '.join(contract.roles.inputs)}, into {into} ({contract.task})."
    always = "Scores hold for rows that come from where the holdout came from; other rows were not looked at."
    return Considerations(
        use_cases=(made_for,),
        limitations=(always, *(() if record is None else _limitations(record))),
        fairness=() if record is None else tuple(_groups(record)),
    )


def _limitations(record: StudyRecord) -> Iterator[str]:
    if record.holdout.warning:
        yield record.holdout.warning
    if record.verdict.undecided:
        yield (
            "Undecided: it is not shown whether reuse helps. This model was saved because it is expected to score "
            "best, or as the control when that was asked for."
        )
    if record.refit is not None and record.refit.done:
        yield (
            f"The scores were measured before the last refit, in which the model learnt once more from all "
            f"{record.refit.rows:,} rows, those of the holdout too."
        )
    error, perfect = record.decision.calibration.ece, record.decision.calibration.ece_if_perfect
    if error is not None and perfect is not None:
        seen = f"The calibration error (ECE) is {error.mean:.3f}"
        yield f"{seen}; a perfect model would show about {perfect:.3f} on as many rows."
    if record.holdout.openings >= _OPENED_OFTEN:
        yield f"The holdout was opened by {record.holdout.openings} studies: its score is optimistic by now."
    if suspects := len(record.data.suspects):
        yield f"{suspects} training or test labels may be wrong: {_disagrees(record)}."
    if contradictions := len(record.data.contradictions):
        yield f"{contradictions} {'set' if contradictions == 1 else 'sets'} of equal rows have different labels."


def _disagrees(record: StudyRecord) -> str:
    listed, clean = record.data.suspects_listed, record.data.suspects_if_clean
    if not listed or clean is None:
        return "the model, which had not seen them, disagrees"
    return f"the model, which had not seen them, disagrees with {listed}, and would with about {clean:.0f} if none were"


def _groups(record: StudyRecord) -> Iterator[Fairness]:
    for one in record.slices if _role(record) == "candidate" else ():
        if one.hidden_harm:
            yield Fairness(
                group=f"{one.column} = {one.value}",
                harms="worse here than the control, although it is not worse on the average",
            )
