"""The metrics, one record each: everything that is asked about a metric anywhere is a field of its record.

Decisions: ``evaluate`` speaks in the metric's own unit (an RMSE is positive); everything that compares calls
``oriented``, where higher is always better, so no comparison ever asks in which direction a metric runs. The
defaults are macro-F1 for classes and labels (a rare class counts as much as a common one) and R² for values.
Conventions are those of scikit-learn, which is the oracle in the tests; where it refuses (a ranking metric for a
class that is always or never there) the class is left out of the mean, and nan means that none was left. Macro-F1
averages over the classes in targets or decisions (over all labels for multilabel); Brier is of class 1 for two
classes, summed over the classes (0 to 2) for more, and the mean over labels for multilabel.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np

from graft.core.errors import InputError
from graft.core.tasks import CLASSES, LABELS, VALUES, Task
from graft.evidence import sums, weighted
from graft.evidence.predictions import Scored

Value = TypeVar("Value", float, np.ndarray)

TARGET = "target"  # the unit of the target: its scale is that of the rows


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One way to score predictions.

    name: how it is asked for. title: what a reader sees. meaning: the rest of a sentence that begins with the title.
    tasks: what it can score. unit: in words; TARGET where it is that of the target. bounds: the lowest and the highest
    value there is, as the metric itself counts.
    rows: of a metric that is a mean over rows (linear in them), the value of each row, shape (rows,). drawn: of any
    other, the metric for row weights of shape (draws, rows), shape (draws,); exactly one of the two is given. by_sums:
    how another than a mean is had from sums over rows, where it can be; None costs time and nothing else.
    steps: what one more right decision moves: nothing ("", the metric sees scores), a row among all ("rows"), or a row
    of its class ("classes", the metric averages over classes). spread: whether it is undefined where all rows have the
    same answer. default_for: tasks that use it when nobody asks for another.
    Raises InputError for a record that contradicts itself.
    """

    name: str
    title: str
    meaning: str
    tasks: tuple[str, ...]
    higher_is_better: bool
    unit: str
    bounds: tuple[float, float]
    rows: Callable[[Scored], np.ndarray] | None = field(default=None, repr=False)
    drawn: Callable[[Scored, np.ndarray], np.ndarray] | None = field(default=None, repr=False)
    by_sums: Callable[[Scored], sums.Summed] | None = field(default=None, repr=False)
    steps: Literal["", "rows", "classes"] = ""
    spread: bool = False
    default_for: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.rows is None) == (self.drawn is None):
            raise InputError(
                f"the metric {self.name!r} with {'neither' if self.rows is None else 'both'} of rows and drawn",
                needed="one of them",
                fix="a metric that is a mean over rows gives rows, any other gives drawn",
            )

    @property
    def linear(self) -> bool:
        """Whether it is a mean over rows."""
        return self.rows is not None

    @property
    def better(self) -> str:
        """``higher`` or ``lower``: the way of a better score."""
        return "higher" if self.higher_is_better else "lower"

    @property
    def worse(self) -> str:
        """``lower`` or ``higher``: the way of a worse score."""
        return "lower" if self.higher_is_better else "higher"

    @property
    def oriented_bounds(self) -> tuple[float, float]:
        """The worst and the best value there is, so that higher is better.

        >>> metric("rmse").oriented_bounds
        (-inf, 0.0)
        """
        low, high = self.bounds
        return (low, high) if self.higher_is_better else (-high, 0.0 - low)

    def oriented(self, value: Value) -> Value:
        """The value, or values, so that higher is better: -value for losses and errors. Twice is as it was."""
        return value if self.higher_is_better else -value

    def per_draw(self, scored: Scored, weights: np.ndarray) -> np.ndarray:
        """The metric for row weights of shape (draws, rows), in its own unit, shape (draws,); nan where undefined."""
        if self.rows is not None:
            return weighted.row_mean(weights, self.rows(scored))
        assert self.drawn is not None
        return self.drawn(scored, weights)

    def summed(self, scored: Scored) -> sums.Summed | None:
        """The metric by sums over rows, or None for one that has none.

        >>> scored = Scored("binary", np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]))
        >>> metric("accuracy").summed(scored).without(np.arange(3), np.ones(3), 3).tolist()
        [0.5, 1.0, 0.5]
        """
        if self.rows is not None:
            return sums.mean(self.rows(scored))
        return None if self.by_sums is None else self.by_sums(scored)


METRICS = (
    Metric(
        name="accuracy",
        title="accuracy",
        meaning="the share of rows decided rightly",
        tasks=LABELS,
        higher_is_better=True,
        unit="share",
        bounds=(0.0, 1.0),
        rows=weighted.right,
        steps="rows",
    ),
    Metric(
        name="balanced_accuracy",
        title="balanced accuracy",
        meaning="the share of rows decided rightly, averaged over classes",
        tasks=CLASSES,
        higher_is_better=True,
        unit="share",
        bounds=(0.0, 1.0),
        drawn=weighted.balanced_accuracy,
        by_sums=sums.balanced_accuracy,
        steps="classes",
    ),
    Metric(
        name="macro_f1",
        title="macro-F1",
        meaning="how well classes are found without false alarms; every class counts alike",
        tasks=LABELS,
        higher_is_better=True,
        unit="share",
        bounds=(0.0, 1.0),
        drawn=weighted.macro_f1,
        by_sums=sums.macro_f1,
        steps="classes",
        default_for=LABELS,
    ),
    Metric(
        name="micro_f1",
        title="micro-F1",
        meaning="how well labels are found without false alarms; every decision counts alike",
        tasks=LABELS,
        higher_is_better=True,
        unit="share",
        bounds=(0.0, 1.0),
        drawn=weighted.micro_f1,
        by_sums=sums.micro_f1,
        steps="rows",
    ),
    Metric(
        name="log_loss",
        title="log-loss",
        meaning="how surprised the probabilities are by the truth",
        tasks=LABELS,
        higher_is_better=False,
        unit="nats",
        bounds=(0.0, np.inf),
        rows=weighted.row_log_loss,
    ),
    Metric(
        name="brier",
        title="Brier score",
        meaning="the mean squared error of the probabilities",
        tasks=LABELS,
        higher_is_better=False,
        unit="probability²",
        bounds=(0.0, 2.0),
        rows=weighted.row_brier,
    ),
    Metric(
        name="roc_auc",
        title="ROC AUC",
        meaning="the chance that a row of a class is ranked above a row that is not",
        tasks=LABELS,
        higher_is_better=True,
        unit="share",
        bounds=(0.0, 1.0),
        drawn=weighted.roc_auc,
        spread=True,
    ),
    Metric(
        name="average_precision",
        title="average precision",
        meaning="how few false alarms it takes to find the rows of a class",
        tasks=LABELS,
        higher_is_better=True,
        unit="share",
        bounds=(0.0, 1.0),
        drawn=weighted.average_precision,
        spread=True,
    ),
    Metric(
        name="r2",
        title="R²",
        meaning="the share of the variation explained; 0 is no better than always saying the mean",
        tasks=VALUES,
        higher_is_better=True,
        unit="share of variance",
        bounds=(-np.inf, 1.0),
        drawn=weighted.r2,
        by_sums=sums.r2,
        spread=True,
        default_for=VALUES,
    ),
    Metric(
        name="rmse",
        title="RMSE",
        meaning="the typical size of an error, large errors counting more",
        tasks=VALUES,
        higher_is_better=False,
        unit=TARGET,
        bounds=(0.0, np.inf),
        drawn=weighted.rmse,
        by_sums=sums.rmse,
    ),
    Metric(
        name="mae",
        title="mean absolute error",
        meaning="the average size of an error",
        tasks=VALUES,
        higher_is_better=False,
        unit=TARGET,
        bounds=(0.0, np.inf),
        rows=weighted.row_absolute_error,
    ),
    Metric(
        name="spearman",
        title="rank correlation",
        meaning="how well the order is predicted; 1 is the same order",
        tasks=VALUES,
        higher_is_better=True,
        unit="correlation",
        bounds=(-1.0, 1.0),
        drawn=weighted.spearman,
        spread=True,
    ),
)


def metric(name: str, task: str | None = None) -> Metric:
    """The record of a metric; InputError when there is none, or none for the task.

    >>> metric("rmse").higher_is_better, metric("rmse").oriented(2.0)
    (False, -2.0)
    """
    found = next((record for record in METRICS if record.name == name), None)
    fitting = ", ".join(record.name for record in METRICS if task is None or task in record.tasks)
    if found is None:
        close = difflib.get_close_matches(name, fitting.split(", "), n=1)
        raise InputError(
            f"the metric {name!r}",
            needed=f"one of {fitting}",
            fix=f"did you mean {close[0]!r}?" if close else "leave it out to use the usual one of the task",
        )
    if task is not None and task not in found.tasks:
        raise InputError(
            f"the metric {name!r} for a {task} task",
            needed=f"one of {fitting}",
            fix="choose one of these, or say what is predicted with --task",
        )
    return found


def default_metric(task: str) -> str:
    """The metric a study uses when none is asked for.

    >>> default_metric("multiclass"), default_metric("regression")
    ('macro_f1', 'r2')
    """
    found = next((record for record in METRICS if task in record.default_for), None)
    if found is None:
        raise InputError(f"the task {task!r}", needed=f"one of {', '.join(Task)}")
    return found.name


def evaluate(scored: Scored, name: str) -> float:
    """The metric on these rows, in the metric's own unit; nan where it is undefined (one class only, no spread).

    >>> scored = Scored("binary", np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]))
    >>> round(evaluate(scored, "accuracy"), 3), round(evaluate(scored, "roc_auc"), 3)
    (0.667, 1.0)
    """
    return float(metric(name, scored.task).per_draw(scored, np.ones((1, scored.rows)))[0])


def oriented_score(scored: Scored, name: str) -> float:
    """The metric on these rows so that higher is better: what folds and candidates are compared by.

    >>> oriented_score(Scored("regression", np.array([1.0, 2.0]), np.array([1.0, 4.0])), "mae")
    -1.0
    """
    return float(metric(name).oriented(evaluate(scored, name)))
