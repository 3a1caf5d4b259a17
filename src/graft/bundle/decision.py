"""From raw scores to what is said about a row: calibration, policy and interval, as one record.

Decisions: rows are judged in blocks of one size, the last filled up with repeats, because a matrix product of another
shape may differ in its last bits; what is said about a row then never depends on the rows beside it. The
probability of a set of labels is that of its least certain label. Where abstaining is allowed, nothing is decided about
a row far from the training rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from graft.core.errors import BundleError
from graft.core.tasks import Task
from graft.decisions.calibrators import Calibrator
from graft.decisions.conformal import ConformalInterval
from graft.decisions.policy import Policy
from graft.inputs.schema import Contract

_BLOCK = 64


@dataclass(frozen=True, eq=False)
class RowDecisions:
    """What is said about n rows.

    probabilities: (n, outputs), or for regression the values (n, 1). decided: class index (n,), -1 where abstained;
    0/1 (n, labels); for regression the values (n,). certainty: probability of what was decided, (n,), NaN for
    regression. low, high: (n,), NaN without an interval.
    """

    probabilities: np.ndarray
    decided: np.ndarray
    certainty: np.ndarray
    abstained: np.ndarray
    low: np.ndarray
    high: np.ndarray


class DecisionRule(BaseModel):
    """How raw scores are judged. calibrator, policy: None for regression. interval: None but for regression."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calibrator: Calibrator | None
    policy: Policy | None
    interval: ConformalInterval | None

    def require_fit(self, contract: Contract) -> None:
        """Raise BundleError unless the parts suit the task and the labels of the contract."""
        problem = self._problem(contract)
        if problem:
            raise BundleError(
                f"a {contract.task} model {problem}",
                needed="a calibrator and a policy over its labels; for regression neither, and a plain interval",
                fix="fit them on the out-of-fold scores of this study",
            )

    def _problem(self, contract: Contract) -> str:
        if contract.task is Task.REGRESSION:
            if self.calibrator is not None or self.policy is not None:
                return "with a calibrator or a policy"
            return "with an interval that needs a scale per row" if self.interval and self.interval.normalised else ""
        if self.calibrator is None or self.policy is None:
            return "without a calibrator or a policy"
        names = ("none", *contract.labels) if contract.task is Task.MULTILABEL else contract.labels
        if self.interval is not None:
            return "with a prediction interval"
        if self.calibrator.columns != len(contract.labels) or self.policy.table.labels != names:
            return f"whose calibrator or policy is not over the {len(contract.labels)} labels of its contract"
        return ""

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (rows, outputs); for regression the values, (rows, 1)."""
        calibrator = self.calibrator
        if calibrator is None:
            return scores.reshape(-1, 1)
        return blockwise(lambda rows: calibrator.apply(scores[rows]), len(scores))

    @property
    def abstains(self) -> bool:
        """Whether the policy may say nothing: it decides for one class, and abstaining has a cost."""
        return self.policy is not None and self.policy.abstains

    def judge(self, scores: np.ndarray, far: np.ndarray | None = None) -> RowDecisions:
        """What is said about rows with these raw scores. far: rows unlike the training rows, bool (rows,)."""
        count, policy = len(scores), self.policy
        probabilities, nothing = self.probabilities(scores), np.full(len(scores), np.nan)
        if policy is None:
            values = probabilities[:, 0]
            low, high = self.interval.apply(values) if self.interval else (nothing, nothing)
            return RowDecisions(probabilities, values, nothing, np.zeros(count, bool), low, high)
        unlike = np.zeros(count, bool) if far is None else far
        decided = blockwise(lambda rows: policy.decide(probabilities[rows], unlike[rows]).decided, count)
        if decided.ndim == 2:
            certainty = np.where(decided == 1, probabilities, 1 - probabilities).min(axis=1)
            return RowDecisions(probabilities, decided, certainty, np.zeros(count, bool), nothing, nothing)
        abstained = decided < 0
        certainty = np.where(abstained, probabilities.max(axis=1), probabilities[np.arange(count), decided])
        return RowDecisions(probabilities, decided, certainty, abstained, nothing, nothing)


def blocks(count: int) -> Iterator[tuple[np.ndarray, int]]:
    """Row numbers 0..count-1 in blocks of one size, and how many of each block count; the rest are repeats."""
    for start in range(0, count, _BLOCK):
        numbers = np.arange(start, start + _BLOCK)
        yield np.where(numbers < count, numbers, start), min(_BLOCK, count - start)


def blockwise(function: Callable[[np.ndarray], np.ndarray], count: int) -> np.ndarray:
    """``function(row numbers)`` for rows 0..count-1, asked block by block; the first axis is rows.

    >>> blockwise(lambda rows: rows * 2, 3).tolist()
    [0, 2, 4]
    """
    pieces = [function(numbers)[:kept] for numbers, kept in blocks(count)]
    return np.concatenate(pieces) if pieces else function(np.zeros(0, np.int64))
