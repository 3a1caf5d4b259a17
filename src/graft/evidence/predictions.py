"""Predictions beside the truth: the one input of everything in this folder.

Decisions: probabilities for classes and labels, values for regression, so that every metric, interval and
comparison reads the same record; validated once, here; rows keep their order, because pairing two candidates
means the same row at the same place.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.core.tasks import Task


@dataclass(frozen=True, eq=False)
class Scored:
    """What a candidate said about rows whose answer is known.

    task: the name of a Task.
    targets: class index of each row, shape (rows,); for multilabel 0/1, shape (rows, labels); for regression
        the value, shape (rows,).
    scores: class probabilities, shape (rows, classes), two columns for binary; for multilabel one independent
        probability per label, shape (rows, labels); for regression the predicted value, shape (rows,).
    choices: what was decided, where a decision rule says something else than the most probable class or labels at 0.5;
        class indices (rows,), or 0/1 (rows, labels); -1 for a row left undecided, which counts as wrong.
    Raises InputError when they do not fit together.

    >>> scored = Scored("binary", np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]))
    >>> scored.rows, scored.decided.tolist(), scored.take(np.array([2])).targets.tolist()
    (3, [0, 0, 1], [1])
    """

    task: str
    targets: np.ndarray
    scores: np.ndarray
    choices: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.task not in tuple(Task):
            raise InputError(f"the task {self.task!r}", needed=f"one of {', '.join(Task)}")
        object.__setattr__(self, "targets", _whole(np.asarray(self.targets), self.task))
        object.__setattr__(self, "scores", np.asarray(self.scores, dtype=np.float64))
        if len(self.targets) == 0:
            raise InputError("no rows to score", needed="at least one row with a target and a score")
        _check_shapes(self)
        _check_values(self)
        if self.choices is not None:
            choices = np.asarray(self.choices, dtype=np.int64)
            object.__setattr__(self, "choices", choices)
            if self.task == "regression" or choices.shape != self.targets.shape:
                raise InputError(
                    f"decisions of shape {choices.shape} for {self.task} targets of shape {self.targets.shape}",
                    needed="one decision per target, for classes or labels",
                )

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.targets)

    @property
    def classes(self) -> int:
        """How many classes or labels; 1 for regression."""
        return int(self.scores.shape[1]) if self.scores.ndim == 2 else 1

    @property
    def decided(self) -> np.ndarray:
        """What was decided: class (rows,), labels 0/1 (rows, labels), or the value (rows,)."""
        if self.choices is not None:
            return self.choices
        if self.task == "multilabel":
            return (self.scores >= 0.5).astype(np.int64)
        return self.scores if self.task == "regression" else self.scores.argmax(axis=1)

    def take(self, rows: np.ndarray) -> "Scored":
        """The same record for some rows: indices or a mask, shape (taken,) or (rows,)."""
        choices = None if self.choices is None else self.choices[rows]
        return Scored(self.task, self.targets[rows], self.scores[rows], choices)


def _whole(targets: np.ndarray, task: str) -> np.ndarray:
    """Targets as integers, or as floats for regression."""
    if task == "regression":
        return targets.astype(np.float64)
    if targets.dtype.kind not in "biuf" or not np.all(targets == np.floor(targets)):
        raise InputError(
            f"{task} targets of type {targets.dtype}",
            needed="class indices 0, 1, 2, ... (or 0/1 per label)",
            fix="encode the labels with the contract first",
        )
    return targets.astype(np.int64)


def _check_shapes(scored: Scored) -> None:
    targets, scores = scored.targets, scored.scores
    given = f"targets of shape {targets.shape} and scores of shape {scores.shape} for {scored.task}"
    if len(targets) != len(scores):
        raise InputError(given, needed="as many rows of scores as of targets", fix="score the same rows, in order")
    if scored.task == "multilabel":
        if targets.ndim != 2 or targets.shape != scores.shape:
            raise InputError(given, needed="both of shape (rows, labels)")
    elif scored.task == "regression":
        if targets.ndim != 1 or scores.ndim != 1:
            raise InputError(given, needed="both of shape (rows,)")
    elif targets.ndim != 1 or scores.ndim != 2 or scores.shape[1] < 2:
        raise InputError(given, needed="targets (rows,) and probabilities (rows, classes), two or more classes")
    elif scored.task == "binary" and scores.shape[1] != 2:
        raise InputError(given, needed="two columns of probabilities for binary", fix="use the task 'multiclass'")


def _check_values(scored: Scored) -> None:
    targets, scores = scored.targets, scored.scores
    if not (np.all(np.isfinite(scores)) and np.all(np.isfinite(targets))):
        raise InputError("scores or targets that are not finite", needed="finite numbers", fix="drop or impute them")
    if scored.task == "regression":
        return
    if scores.min() < 0 or scores.max() > 1:
        raise InputError(f"scores from {scores.min():.3g} to {scores.max():.3g}", needed="probabilities from 0 to 1")
    top = 1 if scored.task == "multilabel" else scores.shape[1] - 1
    if targets.min() < 0 or targets.max() > top:
        raise InputError(f"targets from {targets.min()} to {targets.max()}", needed=f"class indices from 0 to {top}")
    if scored.task != "multilabel" and (off := float(np.abs(scores.sum(axis=1) - 1).max())) > 1e-3:
        raise InputError(f"class probabilities that miss a sum of one by {off:.3g}", needed="rows that sum to one")
