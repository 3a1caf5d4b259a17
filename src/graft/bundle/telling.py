"""What a study record says about the model it shipped, as facts for documents.

Decisions: a bundle tolerates a record it does not know, so nothing here requires a key, and what has another shape is
left out; losses and errors, which the record stores with their sign turned, are told as people know them.
"""

from collections.abc import Iterator
from typing import Any

from graft.bundle.evidence import at
from graft.core.errors import InputError
from graft.evidence.metrics import metric
from graft.governance.emit import Considerations, Fairness, Metric
from graft.inputs.schema import Contract

_OPENED_OFTEN = 3
_DIGITS = 6


def metrics_of(record: Any) -> tuple[Metric, ...]:
    """Scores of the shipped model: on the holdout, class by class, and on the slices the study looked at."""
    name = str(at(record, "metric") or "")
    if not name:
        return ()
    return tuple(one for one in (*_holdout(record, name), *_classes(record), *_slices(record, name)) if one is not None)


def _holdout(record: Any, name: str) -> Iterator[Metric | None]:
    rows, data = _count(at(record, "holdout", "rows")), _data(record)
    yield _metric(name, at(record, "holdout", "score"), rows=rows, data=data)
    for measure in ("brier", "log_loss", "ece"):
        yield _metric(measure, at(record, "decision", "calibration", measure), rows=rows, data=data, turned=False)


def _classes(record: Any) -> Iterator[Metric | None]:
    """F1 of each class, and what it is made of where F1 does not exist."""
    for one in _items(at(record, "classes")):
        rows, part = _count(at(one, "rows")), f"class {at(one, 'name')}"
        measures = ("f1",) if isinstance(at(one, "f1"), dict) else ("precision", "recall")
        for measure in measures:
            yield _metric(measure, at(one, measure), rows=rows, part=part, data=_data(record), turned=False)


def _slices(record: Any, name: str) -> Iterator[Metric | None]:
    """The shipped model on each slice: the study compared two candidates there, and only one of them shipped."""
    role = _role(record)
    for one in _items(at(record, "slices")) if role else ():
        part, rows = f"{at(one, 'column')} = {at(one, 'value')}", _count(at(one, "rows"))
        yield _metric(name, {"mean": at(one, role)}, rows=rows, part=part, data=_data(record))
        if role == "candidate":
            yield _metric(
                f"{name} (difference to the control, higher is better)",
                at(one, "difference"),
                rows=rows,
                part=part,
                data=_data(record),
                turned=False,
            )


def _role(record: Any) -> str:
    """Which of the two that were compared ships: ``candidate``, ``control``, or neither (empty)."""
    shipped, chosen = at(record, "verdict", "shipped"), at(record, "verdict", "chosen")
    if shipped is not None and shipped == chosen:
        return "candidate"
    named = f"{at(shipped, 'source') or ''} {at(shipped, 'strategy') or ''}".strip()
    return "control" if named and at(record, "verdict", "control") in (named, at(shipped, "strategy")) else ""


def _metric(name: str, span: Any, *, rows: int, part: str = "", data: str = "", turned: bool = True) -> Metric | None:
    """A metric from an estimate with an interval; None when there is no estimate."""
    mean, low, high = (_number(at(span, end)) for end in ("mean", "low", "high"))
    if mean is None:
        return None
    if low is None or high is None:
        low = high = None
    if turned and _is_a_loss(name):
        mean, low, high = -mean, (None if high is None else -high), (None if low is None else -low)
    return Metric(name=name, value=mean, low=low, high=high, rows=rows, slice=part, data=data)


def _is_a_loss(name: str) -> bool:
    try:
        return not metric(name).higher_is_better
    except InputError:
        return False


def considerations_of(record: Any, contract: Contract) -> Considerations:
    """What to think of before the model is used, as the study found it."""
    into = f"one of {len(contract.labels)} labels" if contract.labels else "a number"
    made_for = f"Rows like the training rows: {', '.join(contract.roles.inputs)}, into {into} ({contract.task})."
    return Considerations(
        use_cases=(made_for,),
        limitations=tuple(_limitations(record)),
        fairness=tuple(_groups(record)),
    )


def _limitations(record: Any) -> Iterator[str]:
    yield "Scores hold for rows that come from where the holdout came from; other rows were not looked at."
    if warning := at(record, "holdout", "warning"):
        yield str(warning)
    if at(record, "verdict", "undecided") is True:
        yield (
            "Undecided: it is not shown whether reuse helps. This model was saved because it is expected to score "
            "best, or as the control when that was asked for."
        )
    if at(record, "refit", "done") is True:
        yield (
            f"The scores were measured before the last refit, in which the model learnt once more from all "
            f"{_count(at(record, 'refit', 'rows')):,} rows, those of the holdout too."
        )
    error, perfect = (
        _number(at(record, "decision", "calibration", *path)) for path in (("ece", "mean"), ("ece_if_perfect",))
    )
    if error is not None and perfect is not None:
        seen = f"The calibration error (ECE) is {error:.3f}"
        yield f"{seen}; a perfect model would show about {perfect:.3f} on so few rows."
    openings = _count(at(record, "holdout", "openings"))
    if openings >= _OPENED_OFTEN:
        yield f"The holdout was opened by {openings} studies: its score is optimistic by now."
    if suspects := len(_items(at(record, "data", "suspects"))):
        yield f"{suspects} training or test labels may be wrong: {_disagrees(record)}."
    if contradictions := len(_items(at(record, "data", "contradictions"))):
        yield f"{contradictions} texts stand in the rows with different labels."


def _disagrees(record: Any) -> str:
    listed, clean = _count(at(record, "data", "suspects_listed")), _number(at(record, "data", "suspects_if_clean"))
    if not listed or clean is None:
        return "the model, which had not seen them, disagrees"
    return f"the model, which had not seen them, disagrees with {listed}, and would with about {clean:.0f} if none were"


def _groups(record: Any) -> Iterator[Fairness]:
    for one in _items(at(record, "slices")):
        if _role(record) == "candidate" and at(one, "hidden_harm") is True:
            yield Fairness(
                group=f"{at(one, 'column')} = {at(one, 'value')}",
                harms="worse here than the control, although it is not worse on the average",
            )


def _data(record: Any) -> str:
    return str(at(record, "data", "name") or "")


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    return round(float(value), _DIGITS) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
