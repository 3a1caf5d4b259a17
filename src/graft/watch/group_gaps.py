"""Groups of a batch against those of the baseline: is one of them treated more differently than it was?

Decisions: the groups are the segments of the baseline, so who is watched was said once; a gap is compared between the
same two groups then and now; all of them together spend a tenth of the level, on top of what a check alarms for
anything else, and a wider gap asks somebody to look, since only people can say whether it is wanted.
"""

from collections.abc import Iterator

import numpy as np

from graft.bundle.bundle import Bundle
from graft.core.tasks import CLASSES, Task
from graft.evidence.discoveries import holm
from graft.evidence.group_gaps import GroupFigure, gap_shift
from graft.facts.watch import GroupGapFact
from graft.watch.batch import Batch, choices_of

SHARE = 0.1
_LABELS, _KEPT = 20, 20


def group_gaps(
    bundle: Bundle, reference: Batch, current: Batch, *, level: float, grouped: bool
) -> tuple[GroupGapFact, ...]:
    """What changed between the groups of each segment column, what changed most surely first.

    grouped: whether rows belong together by the group of the baseline.
    """
    contract = bundle.contract
    if contract.task not in CLASSES or not len(reference) or not len(current):
        return ()
    labels = contract.labels
    asked = range(1, 2) if contract.task is Task.BINARY else range(min(len(labels), _LABELS))
    both = (current, reference)
    chosen = [choices_of(bundle, one) for one in both]
    told: list[GroupGapFact] = []
    for column in sorted(set(reference.segments) & set(current.segments)):
        names = sorted({*current.segments[column].tolist(), *reference.segments[column].tolist()} - {""})
        places = {name: place for place, name in enumerate(names)}
        groups = [np.array([places.get(name, -1) for name in one.segments[column].tolist()], np.int64) for one in both]
        clusters = [_clusters(one) if grouped else None for one in both]
        for figure, label, values, counts in _figures(both, chosen, labels, asked):
            shift = gap_shift(
                *(
                    GroupFigure(
                        value[count], group[count], clusters=None if cluster is None else cluster[count]
                    )
                    for value, count, group, cluster in zip(values, counts, groups, clusters, strict=True)
                )
            )  # fmt: skip
            if shift is not None:
                told.append(
                    GroupGapFact(
                        column=column,
                        figure=figure,
                        label=label,
                        highest=names[shift.highest],
                        lowest=names[shift.lowest],
                        now=shift.now,
                        before=shift.before,
                        change=shift.change,
                        adjusted=shift.p_value,
                        wider=False,
                    )
                )
    adjusted = holm(np.array([one.adjusted for one in told], np.float64)).tolist()
    made = [
        one.model_copy(update={"adjusted": p, "wider": p <= SHARE * level and one.now > one.before})
        for one, p in zip(told, adjusted, strict=True)
    ]
    # A history of ten thousand checks keeps them all.
    return tuple(sorted(made, key=lambda one: (one.adjusted, one.column, one.figure, one.label))[:_KEPT])


def _clusters(batch: Batch) -> np.ndarray | None:
    return None if batch.groups is None else np.asarray(np.unique(batch.groups, return_inverse=True)[1])


def _figures(
    both: tuple[Batch, Batch], chosen: list[np.ndarray], labels: tuple[str, ...], asked: range
) -> Iterator[tuple[str, str, list[np.ndarray], list[np.ndarray]]]:
    """Name and label of each figure, its values of all rows, and which of them count, now and then."""
    every = [np.ones(len(one), bool) for one in both]
    for place in asked:
        yield "selection rate", labels[place], [(one == place) * 1.0 for one in chosen], every
    truths = [one.truth for one in both if one.truth is not None and one.truth.ndim == 1]
    if len(truths) < len(both):
        return
    known = [np.isfinite(truth) for truth in truths]
    yield "accuracy", "", [(said == truth) * 1.0 for said, truth in zip(chosen, truths, strict=True)], known
    for place in asked:
        said = [(one == place) * 1.0 for one in chosen]
        is_so = [there & (truth == place) for there, truth in zip(known, truths, strict=True)]
        yield "true positive rate", labels[place], said, is_so
        if len(labels) == 2:
            is_not = [there & (truth != place) for there, truth in zip(known, truths, strict=True)]
            yield "false positive rate", labels[place], said, is_not
