"""The metrics, as records.

Decisions: ``evaluate`` speaks in the metric's own unit (an RMSE is positive); everything that compares calls
``oriented``, where higher is always better, so no comparison ever asks in which direction a metric runs. The
defaults are macro-F1 for classes and labels (a rare class counts as much as a common one) and R² for values.
Conventions are those of scikit-learn, which is the oracle in the tests; where it refuses (a ranking metric for a
class that is always or never there) the class is left out of the mean, and nan means that none was left. Macro-F1
averages over the classes in targets or decisions (over all labels for multilabel); Brier is of class 1 for two
classes, summed over the classes (0 to 2) for more, and the mean over labels for multilabel.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from graft.core.errors import InputError
from graft.evidence import weighted
from graft.evidence.predictions import TASKS, Scored

CLASSES = ("binary", "multiclass")
LABELS = (*CLASSES, "multilabel")
VALUES = ("regression",)
BOUNDS = {
    "share": (0.0, 1.0),
    "share of variance": (-np.inf, 1.0),
    "correlation": (-1.0, 1.0),
    "nats": (0.0, np.inf),
    "probability²": (0.0, 2.0),
    "target": (0.0, np.inf),
}


@dataclass(frozen=True)
class Metric:
    """One way to score predictions.

    name: how it is asked for. tasks: what it can score. unit: one of BOUNDS; "target" is the unit of the target.
    description: one sentence for a reader of the report.
    """

    name: str
    tasks: tuple[str, ...]
    higher_is_better: bool
    unit: str
    description: str
    per_draw: Callable[[Scored, np.ndarray], np.ndarray] = field(repr=False, compare=False)

    def oriented(self, value: float) -> float:
        """The value so that higher is better: -value for losses and errors."""
        return value if self.higher_is_better else -value

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value there is."""
        return BOUNDS[self.unit]


METRICS = (
    Metric("accuracy", LABELS, True, "share", "Rows decided rightly (all labels of a row).", weighted.accuracy),
    Metric("balanced_accuracy", CLASSES, True, "share", "Mean share found, by class.", weighted.balanced_accuracy),
    Metric(
        "macro_f1", LABELS, True, "share", "Mean F1 of the classes said or true; all count alike.", weighted.macro_f1
    ),
    Metric("micro_f1", LABELS, True, "share", "F1 of all decisions; accuracy for classes.", weighted.micro_f1),
    Metric("log_loss", LABELS, False, "nats", "Mean -log of the probability of the truth.", weighted.log_loss),
    Metric("brier", LABELS, False, "probability²", "Mean squared error of probabilities.", weighted.brier),
    Metric("roc_auc", LABELS, True, "share", "Chance that a class's row outranks another, by class.", weighted.roc_auc),
    Metric("average_precision", LABELS, True, "share", "Mean precision while finding.", weighted.average_precision),
    Metric("r2", VALUES, True, "share of variance", "Variance explained; below 0 is worse than the mean.", weighted.r2),
    Metric("rmse", VALUES, False, "target", "Root of the mean squared error.", weighted.rmse),
    Metric("mae", VALUES, False, "target", "Mean absolute error.", weighted.mae),
    Metric("spearman", VALUES, True, "correlation", "Rank correlation with the truth.", weighted.spearman),
)


def metric(name: str, task: str | None = None) -> Metric:
    """The record of a metric; InputError when there is none, or none for the task.

    >>> metric("rmse").higher_is_better, metric("rmse").oriented(2.0)
    (False, -2.0)
    """
    found = next((record for record in METRICS if record.name == name), None)
    fitting = ", ".join(record.name for record in METRICS if task is None or task in record.tasks)
    if found is None:
        raise InputError(f"the metric {name!r}", needed=f"one of {fitting}")
    if task is not None and task not in found.tasks:
        raise InputError(f"the metric {name!r} for a {task} task", needed=f"one of {fitting}")
    return found


def default_metric(task: str) -> str:
    """The metric a study uses when none is asked for.

    >>> default_metric("multiclass"), default_metric("regression")
    ('macro_f1', 'r2')
    """
    if task not in TASKS:
        raise InputError(f"the task {task!r}", needed=f"one of {', '.join(TASKS)}")
    return "r2" if task == "regression" else "macro_f1"


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
    return metric(name).oriented(evaluate(scored, name))
