"""What of a model's answers is compared between groups: a number for each row that counts, as records.

Decisions: the figures are those of the field (selection rate, true and false positive rate, precision, calibration,
expected cost), each for the rows on which it means something; with two classes they are of one class, the favourable
one, because those of the other say the same; with several classes, and with several labels, they are of each. A row
that was left to a person is selected for nothing, and counts against no error rate of a class but that one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from graft.bundle.answers import AnsweredRows
from graft.core.tasks import Task
from graft.decisions.costs import CostTable
from graft.decisions.policy import ABSTAINED, Decisions
from graft.decisions.policy_costs import realised_cost
from graft.inputs.schema import Contract

Code = Literal["A301", "A302", "A303", "A304"]
SELECTION: Code = "A301"
ERRORS: Code = "A302"
MEANING: Code = "A303"
COST: Code = "A304"
LARGE = 0.05
_OF_DEVIATION, _OF_COST = 0.1, 0.1


@dataclass(frozen=True, eq=False)
class RowFigure:
    """A number of each row that counts.

    words: of what it is the share or the mean, for a reader. values: shape (rows,), truth values for a share. counts:
    which of all rows they are, bool (all rows,). share: whether values are 0 and 1. possible: the least and the most of
    a row. matters: from where on a gap is large. unit: ``share``, or what the mean is in. true: what is so indeed, for
    what is decided, shape (rows,); None where it is not known of every row.
    """

    code: Code
    name: str
    label: str
    words: str
    values: np.ndarray
    counts: np.ndarray
    share: bool = True
    possible: tuple[float, float] | None = None
    matters: float = LARGE
    unit: str = "share"
    true: np.ndarray | None = None


def row_figures(
    rows: AnsweredRows, contract: Contract, costs: CostTable | None, *, favourable: str, large: float = LARGE
) -> Iterator[RowFigure]:
    """Everything that can be compared for these rows, one figure at a time: there may be hundreds. costs: None where
    nobody said what errors cost. favourable: the label of two classes that the figures are of. large: from where on a
    gap of shares matters."""
    if contract.task is Task.REGRESSION:
        yield from _of_numbers(rows, contract)
        return
    if contract.task is Task.MULTILABEL:
        yield from _of_labels(rows, contract, large)
    else:
        yield from _of_classes(rows, contract, favourable, large)
    yield from _of_costs(rows, contract, costs)


def _of_classes(rows: AnsweredRows, contract: Contract, favourable: str, large: float) -> Iterator[RowFigure]:
    labels, decided, truth = contract.labels, rows.answers.decided, rows.truth
    asked = [labels.index(favourable)] if contract.task is Task.BINARY else range(len(labels))
    every = np.ones(len(rows), bool)
    for place in asked:
        yield from _of_one(
            labels[place], decided == place, None if truth is None else truth == place,
            every if truth is None else np.isfinite(truth), rows.answers.probabilities[:, place], large,
            calibrated=contract.task is Task.BINARY,
        )  # fmt: skip
    left = decided == ABSTAINED
    if left.any():
        yield RowFigure(SELECTION, "abstention rate", "", "left to a person", left, every, matters=large)
    if truth is None:
        return
    known = np.isfinite(truth)
    judged = known & ~left
    right = (decided == truth)[judged]
    yield RowFigure(ERRORS, "accuracy", "", "decided rightly", right, judged, matters=large)
    if contract.task is Task.MULTICLASS:
        sure = rows.answers.probabilities[np.arange(len(rows)), np.maximum(decided, 0)]
        yield RowFigure(
            MEANING, "calibration", "", "how much more often decisions are right than their probability says",
            right.astype(np.float64) - sure[judged], judged, share=False, possible=(-1.0, 1.0), matters=large,
            unit="points",
        )  # fmt: skip


def _of_labels(rows: AnsweredRows, contract: Contract, large: float) -> Iterator[RowFigure]:
    decided, truth = rows.answers.decided, rows.truth
    every = np.ones(len(rows), bool)
    for place, label in enumerate(contract.labels):
        known = every if truth is None else np.isfinite(truth[:, place])
        true = None if truth is None else truth[:, place] == 1
        yield from _of_one(label, decided[:, place] == 1, true, known, rows.answers.probabilities[:, place], large)
    if truth is not None:
        known = np.isfinite(truth).all(axis=1)
        right = (decided == truth).all(axis=1)[known]
        yield RowFigure(ERRORS, "exact match", "", "given exactly the right labels", right, known, matters=large)


def _of_one(
    label: str, said: np.ndarray, true: np.ndarray | None, known: np.ndarray, probability: np.ndarray, large: float,
    *, calibrated: bool = True,
) -> Iterator[RowFigure]:  # fmt: skip
    """The figures of one class or label."""
    every = np.ones(len(said), bool)
    so = true if true is not None and known.all() else None
    yield RowFigure(SELECTION, "selection rate", label, f"decided to be {label}", said, every, matters=large, true=so)
    if true is None:
        return
    is_so, is_not = known & true, known & ~true
    for name, among, words in (
        ("true positive rate", is_so, f"of those that are {label}, decided to be"),
        ("false positive rate", is_not, f"of those that are not {label}, decided to be"),
    ):
        yield RowFigure(ERRORS, name, label, words, said[among], among, matters=large)
    chosen = known & said
    words = f"of those decided to be {label}, rightly so"
    yield RowFigure(MEANING, "precision", label, words, true[chosen], chosen, matters=large)
    if calibrated:
        yield RowFigure(
            MEANING, "calibration", label, f"how much more often {label} is true than its probability says",
            true[known].astype(np.float64) - probability[known], known, share=False, possible=(-1.0, 1.0),
            matters=large, unit="points",
        )  # fmt: skip


def _of_costs(rows: AnsweredRows, contract: Contract, costs: CostTable | None) -> Iterator[RowFigure]:
    truth, decided = rows.truth, rows.answers.decided
    if costs is None or truth is None:
        return
    known = np.isfinite(truth) if truth.ndim == 1 else np.isfinite(truth).all(axis=1)
    if truth.ndim == 1 and costs.abstain is None:
        known &= decided != ABSTAINED
    said = Decisions(decided[known], np.zeros(int(known.sum())))
    each = realised_cost(said, truth[known].astype(np.int64), costs)
    most = float(costs.actions.max()) * (1 if truth.ndim == 1 else truth.shape[1])
    mean = float(each.mean()) if len(each) else 0.0
    yield RowFigure(
        COST, "cost", "", "what errors cost per row", each, known, share=False, possible=(0.0, most),
        matters=_OF_COST * mean, unit=costs.unit,
    )  # fmt: skip


def _of_numbers(rows: AnsweredRows, contract: Contract) -> Iterator[RowFigure]:
    said, truth = rows.answers.decided.astype(np.float64), rows.truth
    every = np.ones(len(rows), bool)
    target = contract.roles.label[0]
    of = said if truth is None or not np.isfinite(truth).any() else truth[np.isfinite(truth)]
    matters = _OF_DEVIATION * float(np.std(of)) if len(of) else 0.0

    def figure(code: Code, name: str, words: str, values: np.ndarray, counts: np.ndarray) -> RowFigure:
        return RowFigure(code, name, "", words, values, counts, share=False, matters=matters, unit=target)

    yield figure(SELECTION, "mean prediction", "predicted on average", said, every)
    if truth is None:
        return
    known = np.isfinite(truth)
    off = said[known] - truth[known]
    yield figure(ERRORS, "mean error", "predicted too high on average", off, known)
    yield figure(ERRORS, "mean absolute error", "off on average", np.abs(off), known)
