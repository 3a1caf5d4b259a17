"""From probabilities to decisions: the one that is expected to cost least.

Decisions: for classes nothing is fitted, the Bayes decision follows from calibrated probabilities and the table; with
two classes it is a threshold, which is reported. For labels each threshold is fitted on out-of-fold probabilities (by
cost, or by F1 when no costs are given) and shrunk towards a prior worth 20 positives: the Bayes threshold of the
table, or the F1 threshold of all labels together. A label seen three times cannot set its own threshold.
A decision is preferred to abstaining at equal cost, and the earlier class to the later.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from graft.core.errors import InputError
from graft.core.tasks import CLASSES, LABELS, LabelTask
from graft.decisions.costs import CostTable
from graft.decisions.units import as_units

PRIOR = 20.0  # positives (or negatives, if fewer) a prior threshold is worth
ABSTAINED = -1
MOST = 20.0  # a class a hundred times rarer is not worth a hundred false alarms
EVEN = 1.2  # classes whose sizes differ by less are equally common
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
BALANCE, PULL = 0.75, 0.3


@dataclass(frozen=True, eq=False)
class Decisions:
    """What was decided.

    decided: class index (rows,), -1 where abstained; for labels 0/1, shape (rows, labels). expected_cost: in the
    unit of the table, shape (rows,).
    """

    decided: np.ndarray
    expected_cost: np.ndarray

    @property
    def abstained(self) -> np.ndarray:
        """True where no decision was taken, shape (rows,)."""
        if self.decided.ndim == 2:
            return np.zeros(len(self.decided), dtype=bool)
        return np.asarray(self.decided == ABSTAINED)


@dataclass(frozen=True)
class BinaryThreshold:
    """The policy for two classes in words: the second from ``upper``, the first up to ``lower``, abstain between.

    lower, upper: probabilities of the second class, equal without abstention; upper is inf when the second class is
    never decided, lower -inf when the first never is.
    """

    lower: float
    upper: float


class Policy(BaseModel):
    """A decision rule that can be written down: a task, a cost table and, for labels, a threshold each.

    balance: weights of the classes; when given, the largest weighted probability decides, whatever the table says.

    >>> table = CostTable(unit="EUR", labels=("ham", "phishing"), cost=((0, 1), (9, 0)))
    >>> policy = Policy(task="binary", table=table)
    >>> policy.decide(np.array([[0.8, 0.2], [0.95, 0.05]])).decided.tolist(), round(policy.threshold.upper, 3)
    ([1, 0], 0.1)

    Elkan (2001), The Foundations of Cost-Sensitive Learning; Chow (1970) for abstention.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    task: LabelTask
    table: CostTable
    thresholds: tuple[float, ...] | None = None
    fitted_by: Literal["bayes", "cost", "f1", "balance"] = "bayes"
    balance: tuple[float, ...] | None = None

    @property
    def abstains(self) -> bool:
        """Whether it may say nothing: it decides for one class, and abstaining has a cost."""
        return self.task != "multilabel" and self.table.abstain is not None

    def decide(self, probabilities: np.ndarray, far: np.ndarray | None = None) -> Decisions:
        """Decisions for calibrated probabilities, shape (rows, classes) or (rows, labels).

        far: rows unlike those that were learnt from, bool (rows,). A policy that may abstain says nothing about them:
        probabilities are of rows like those they were fitted on.
        """
        given = np.asarray(probabilities, dtype=np.float64)
        columns = len(self.table.labels) - (self.task == "multilabel")
        if given.ndim != 2 or given.shape[1] != columns:
            raise InputError(f"probabilities of shape {given.shape}", needed=f"(rows, {columns})")
        if self.task == "multilabel":
            return self._label(given)
        if self.balance is not None:
            chosen = (given * np.array(self.balance)).argmax(axis=1)
            return Decisions(chosen, (given @ self.table.matrix)[np.arange(len(given)), chosen])
        expected = given @ self.table.actions
        decided = expected.argmin(axis=1)
        if far is not None and self.abstains:
            decided = np.where(far, columns, decided)
        cost = expected[np.arange(len(given)), decided]
        return Decisions(np.where(decided == columns, ABSTAINED, decided), cost)

    def _label(self, given: np.ndarray) -> Decisions:
        silent, alarm, miss, found = label_costs(self.table)
        thresholds = bayes_thresholds(self.table) if self.thresholds is None else np.array(self.thresholds)
        decided = (given >= thresholds).astype(np.int64)
        cost = np.where(decided == 1, (1 - given) * alarm + given * found, (1 - given) * silent + given * miss)
        return Decisions(decided, cost.sum(axis=1))

    @property
    def threshold(self) -> BinaryThreshold:
        """The rule for two classes as thresholds on the probability of the second class."""
        if self.task != "binary":
            raise InputError(f"the threshold of a {self.task} policy", needed="a binary task")
        if self.balance is not None:
            cut = self.balance[0] / sum(self.balance)
            return BinaryThreshold(cut, cut)
        actions = self.table.actions
        rivals = range(2, actions.shape[1])
        first = [_crossing(actions[:, 0] - actions[:, other]) for other in (1, *rivals)]
        second = [_crossing(actions[:, other] - actions[:, 1]) for other in (0, *rivals)]
        return BinaryThreshold(min(first), max(second))


def _crossing(gap: np.ndarray) -> float:
    """The probability of the second class from which (1 - p) * gap[0] + p * gap[1] is above zero."""
    if gap[0] > 0 >= gap[1]:
        raise InputError(
            "a table in which a right decision costs more than a wrong one, or than saying nothing",
            needed="costs by which one probability divides the two decisions",
            fix="lower what the right decisions cost, or what abstaining does",
        )
    if gap[0] > 0 or gap[1] <= 0:
        return float("-inf") if gap[0] > 0 else float("inf")
    return float(-gap[0] / (gap[1] - gap[0]))


def label_costs(table: CostTable) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Costs per label of rightly silent, false alarm, missed and found, each of shape (labels,)."""
    cost = table.matrix
    rest = np.arange(1, len(cost))
    return np.full(len(rest), cost[0, 0]), cost[0, 1:], cost[1:, 0], cost[rest, rest]


def bayes_thresholds(table: CostTable) -> np.ndarray:
    """Probability from which saying a label is expected to cost less, shape (labels,).

    >>> bayes_thresholds(CostTable(unit="EUR", labels=("none", "urgent"), cost=((0, 1), (4, 0)))).tolist()
    [0.2]
    """
    silent, alarm, miss, found = label_costs(table)
    worth = (alarm - silent) + (miss - found)
    return np.asarray(np.divide(alarm - silent, worth, out=np.full(len(worth), 0.5), where=worth > 0).clip(0, 1))


def fit_policy(
    probabilities: np.ndarray,
    targets: np.ndarray,
    *,
    task: str,
    labels: tuple[str, ...],
    table: CostTable | None = None,
    weights: np.ndarray | None = None,
    units: np.ndarray | None = None,
    balanced: bool = False,
) -> Policy:
    """The policy for out-of-fold probabilities: Bayes for classes, fitted thresholds for labels.

    probabilities: calibrated, shape (rows, classes) or (rows, labels). targets: (rows,) or 0/1 (rows, labels). table:
    None for 0/1 costs (classes) and for the best F1 (labels). weights, units: how much each row counts and the
    original row it repeats, both (rows,), see ``as_units``. balanced: for classes without a table, decide as if all
    classes were equally common, which is what scores that average over classes (macro-F1) reward.

    >>> p = np.array([[0.2], [0.3], [0.6], [0.9]] * 50)
    >>> policy = fit_policy(p, np.array([[0], [1], [1], [1]] * 50), task="multilabel", labels=("urgent",))
    >>> policy.fitted_by, 0.2 < policy.thresholds[0] < 0.3
    ('f1', True)
    """
    if task not in LABELS:
        raise InputError(f"a decision policy for a {task} task", needed="classes or labels")
    costs = CostTable.default(labels, task=task) if table is None else table
    expected = ("none", *labels) if task == "multilabel" else tuple(labels)
    if costs.labels != expected:
        raise InputError(f"costs over {', '.join(costs.labels)}", needed=f"costs over {', '.join(expected)}, in order")
    if task in CLASSES:
        kind: LabelTask = "binary" if task == "binary" else "multiclass"
        if not balanced or table is not None:
            return Policy(task=kind, table=costs)
        counted = as_units(len(targets), weights, units).weights
        balance = fit_balance(np.asarray(probabilities, np.float64), np.asarray(targets), counted, len(labels))
        return Policy(task=kind, table=costs, balance=balance, fitted_by="balance")
    given, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(targets)
    if given.shape != truth.shape or given.ndim != 2 or given.shape[1] != len(labels) or len(given) == 0:
        raise InputError(f"probabilities {given.shape} and targets {truth.shape}", needed="both (rows, labels)")
    fitted = fit_thresholds(given, truth, table, as_units(len(given), weights, units).weights)
    thresholds = tuple(float(one) for one in fitted)
    return Policy(task="multilabel", table=costs, thresholds=thresholds, fitted_by="f1" if table is None else "cost")


def fit_balance(probabilities: np.ndarray, targets: np.ndarray, weights: np.ndarray, classes: int) -> tuple[float, ...]:
    """Weights of classes by which decisions reach the best macro-F1; the most common class has 1.

    probabilities: calibrated (rows, classes). targets, weights: (rows,). A class is weighted by how much rarer it is
    than the most common one (at most MOST times), to a power between 0 (the most probable class) and 1 (as if all were
    equally common). The power is the one with the best macro-F1 on these rows, drawn towards BALANCE as far as they are
    few: with 200 rows of natural shares 1 was best on three public sets (+0.02 to +0.09), 0 on the fourth (+0.02).

    >>> rare = np.array([[0.9, 0.1]] * 80 + [[0.7, 0.3]] * 20)
    >>> fit_balance(rare, np.repeat([0, 1], [80, 20]), np.ones(100), 2)[1] > 2
    True
    """
    rows = np.bincount(targets, weights=weights, minlength=classes)
    present = rows > 0
    rarer = np.where(present, np.minimum(rows.max() / np.maximum(rows, 1e-9), MOST), 1.0)
    if rarer.max() < EVEN:
        return (1.0,) * classes
    effective = present.sum() ** 2 / (1 / rows[present]).sum()
    found = []
    for power in POWERS:
        said = (probabilities * rarer**power).argmax(axis=1)
        hit = np.bincount(targets[said == targets], weights=weights[said == targets], minlength=classes)
        total = rows + np.bincount(said, weights=weights, minlength=classes)
        f1 = (2 * hit[total > 0] / total[total > 0]).mean()
        found.append(f1 - PULL * (power - BALANCE) ** 2 / np.sqrt(effective))
    return tuple(float(one) for one in rarer ** POWERS[int(np.argmax(found))])


def fit_thresholds(
    probabilities: np.ndarray, targets: np.ndarray, table: CostTable | None, weights: np.ndarray
) -> np.ndarray:
    """One threshold per label, shape (labels,): least cost, or highest F1 without a table; shrunk as said above."""
    columns, positive = range(probabilities.shape[1]), targets == 1
    if table is None:
        every = np.repeat(weights, probabilities.shape[1])
        pooled = _best(probabilities.ravel(), positive.ravel(), every, None, 0.5)
        prior, costs = np.full(len(columns), pooled), [None] * len(columns)
    else:
        parts = np.stack(label_costs(table), axis=1)
        prior, costs = bayes_thresholds(table), [parts[k] for k in columns]
    own = np.array([_best(probabilities[:, k], positive[:, k], weights, costs[k], float(prior[k])) for k in columns])
    positives = weights @ positive
    rows = np.minimum(positives, weights.sum() - positives)
    return np.asarray((rows * own + PRIOR * prior) / (rows + PRIOR))


def _best(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray, costs: np.ndarray | None, prior: float
) -> float:
    """The threshold of least cost or highest F1; of equals the one nearest to the prior."""
    values, place = np.unique(scores, return_inverse=True)
    cuts = np.concatenate([[values[0] / 2], (values[1:] + values[:-1]) / 2, [(values[-1] + 1) / 2 + 1e-9]])
    yes = np.bincount(place, weights=weights * positive)  # of each value; a cut says yes to all values above it
    no = np.bincount(place, weights=weights * ~positive)
    hits = np.concatenate([np.cumsum(yes[::-1])[::-1], [0.0]])
    alarms = np.concatenate([np.cumsum(no[::-1])[::-1], [0.0]])
    missed, silent = hits[0] - hits, alarms[0] - alarms
    if costs is None:
        goodness = 2 * hits / np.maximum(1e-12, 2 * hits + alarms + missed)
    else:
        goodness = -(np.column_stack([silent, alarms, missed, hits]) @ costs)
    best = np.flatnonzero(goodness >= goodness.max() - 1e-9)
    return float(cuts[best[np.abs(cuts[best] - prior).argmin()]])
