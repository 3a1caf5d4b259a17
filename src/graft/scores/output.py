"""What raw scores mean: probabilities of classes or labels, or values."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import sparse

from graft.core.tasks import Task

Matrix: TypeAlias = np.ndarray | sparse.csr_matrix


@dataclass(frozen=True)
class Output:
    """What raw scores mean: the task, and for regression the target's mean and deviation."""

    task: Task
    mean: float = 0.0
    scale: float = 1.0

    def finish(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities, float64 (rows, outputs); values, float64 (rows,), for regression."""
        logits = np.asarray(logits, np.float64)
        if self.task is Task.REGRESSION:
            return np.asarray(logits[:, 0] * self.scale + self.mean)
        if self.task is Task.MULTILABEL:
            return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)))
        exponent = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray(exponent / exponent.sum(1, keepdims=True))

    def standardise(self, targets: np.ndarray) -> np.ndarray:
        """Targets as a head sees them: class numbers, a float32 matrix, or standardised values."""
        if self.task is Task.REGRESSION:
            return np.asarray((targets - self.mean) / self.scale, np.float32)
        return np.asarray(targets, np.float32 if self.task is Task.MULTILABEL else np.int64)


def output_of(task: Task, targets: np.ndarray) -> Output:
    """The output for training targets."""
    if task is not Task.REGRESSION:
        return Output(task)
    return Output(task, float(np.mean(targets)), float(np.std(targets)) or 1.0)
