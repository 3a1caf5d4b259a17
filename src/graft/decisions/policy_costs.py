"""What decisions really cost, per thousand rows, beside what simpler ones would have.

Decisions: two policies nobody needs a model for (always the cheapest single decision; the most probable class) stand
beside the tuned one, because a policy that does not beat them has not earned its complexity. An error that never
occurred in these rows is in the interval all the same: one more row with the dearest outcome that the decisions could
have had is added, and whole groups vary together (``core/means.py``, with the measured coverage). Savings likewise:
only pairs of decisions that the two policies could really take for the same row count. Two policies that can never
differ save exactly nothing.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import mean_interval
from graft.decisions.costs import ABSTAIN, CostTable
from graft.decisions.policy import ABSTAINED, Decisions, Policy, bayes_thresholds, label_costs


@dataclass(frozen=True)
class PolicyCost:
    """What a policy costs per 1,000 rows, and what it would save there against the most probable class.

    name: "tuned", "most probable" or "always ...". cost, saved: in the unit of the cost table; saved is None in a
    record that did not keep it. abstained: share of rows without a decision.
    """

    name: str
    cost: Interval
    saved: Interval | None
    abstained: float


def realised_cost(decisions: Decisions, targets: np.ndarray, table: CostTable) -> np.ndarray:
    """What each decision cost now that the truth is known, in the unit of the table, shape (rows,).

    targets: class indices (rows,), or 0/1 (rows, labels).

    >>> table = CostTable(unit="EUR", labels=("ham", "phishing"), cost=((0, 1), (50, 0)), abstain=(2, 2))
    >>> decisions = Decisions(np.array([0, 1, -1]), np.zeros(3))
    >>> realised_cost(decisions, np.array([1, 1, 0]), table).tolist()
    [50.0, 0.0, 2.0]
    """
    truth = np.asarray(targets)
    if truth.shape != decisions.decided.shape:
        raise InputError(f"decisions {decisions.decided.shape} and targets {truth.shape}", needed="the same shape")
    if truth.ndim == 2:
        silent, alarm, miss, found = label_costs(table)
        said = decisions.decided == 1
        return np.asarray(np.where(truth == 1, np.where(said, found, miss), np.where(said, alarm, silent)).sum(axis=1))
    if decisions.abstained.any() and table.abstain is None:
        raise InputError("decisions that abstain", needed="a table with a cost of abstaining")
    actions = table.actions
    return np.asarray(actions[truth, np.where(decisions.abstained, actions.shape[1] - 1, decisions.decided)])


def cost_per_thousand(
    per_row: np.ndarray,
    *,
    level: float = 0.95,
    groups: np.ndarray | None = None,
    possible: tuple[float, float] | None = None,
) -> Interval:
    """Cost per 1,000 rows, in the unit of ``per_row``, with an interval that allows for one dearest error more.

    per_row: cost of each row, shape (rows,). groups: of each row, shape (rows,), when rows share customers or texts.
    possible: the least and the most a row could have cost; when None the range of the rows, and rows that all cost the
    same then have an interval without ends.

    >>> estimate = cost_per_thousand(np.zeros(100), possible=(0, 50))
    >>> estimate.mean, estimate.low, round(estimate.high)
    (0.0, 0.0, 1473)
    """
    values = np.asarray(per_row, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.all(np.isfinite(values)):
        raise InputError(f"costs of shape {values.shape}", needed="one finite cost per row")
    found = mean_interval(values, possible=possible, groups=groups, level=level)
    ends = found.ends
    return Interval(1000 * found.mean) if ends is None else Interval(1000 * found.mean, *(1000 * end for end in ends))


def most_probable(probabilities: np.ndarray, table: CostTable, *, task: str) -> Decisions:
    """The most probable class, or every label at 0.5 or more; never abstains."""
    given = np.asarray(probabilities, dtype=np.float64)
    if task == "multilabel":
        return Policy(task="multilabel", table=table, thresholds=(0.5,) * given.shape[1]).decide(given)
    decided = given.argmax(axis=1)
    return Decisions(decided, (given @ table.matrix)[np.arange(len(given)), decided])


def cheapest_single(targets: np.ndarray, table: CostTable, weights: np.ndarray | None = None) -> int:
    """The one decision that costs least when always taken; -1 is abstaining.

    targets: class indices of the rows the policy was fitted on, shape (rows,). weights: of the rows, shape (rows,).

    >>> cheapest_single(np.array([0, 0, 1]), CostTable(unit="EUR", labels=("a", "b"), cost=((0, 1), (9, 0))))
    1
    """
    share = np.bincount(np.asarray(targets), weights=weights, minlength=len(table.labels))
    action = int((share @ table.actions).argmin())
    return ABSTAINED if action == len(table.labels) else action


def compare_policies(
    policy: Policy,
    probabilities: np.ndarray,
    targets: np.ndarray,
    *,
    reference: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    far: np.ndarray | None = None,
) -> tuple[PolicyCost, ...]:
    """The tuned policy beside the most probable class and the cheapest single decision, on the same rows.

    probabilities, targets: held-out rows. reference: targets of the rows the policy was fitted on, to pick the single
    decision from (the held-out ones when None). groups: of the held-out rows, shape (rows,). far: held-out rows unlike
    the training rows, about which a policy that may abstain says nothing, bool (rows,).

    >>> table = CostTable(unit="EUR", labels=("ham", "phishing"), cost=((0, 1), (9, 0)))
    >>> p, y = np.array([[0.8, 0.2], [0.99, 0.01]] * 50), np.array([1, 0] * 50)
    >>> [(one.name, one.cost.mean) for one in compare_policies(Policy(task="binary", table=table), p, y)]
    [('tuned', 0.0), ('most probable', 4500.0), ('always phishing', 500.0)]
    """
    table, truth = policy.table, np.asarray(targets)
    plain = most_probable(probabilities, table, task=policy.task)
    past = truth if reference is None else np.asarray(reference)
    name, fixed = _fixed(past, policy, len(truth))
    baseline = realised_cost(plain, truth, table)
    found = []
    for kind, decisions in (("tuned", policy.decide(probabilities, far)), ("most probable", plain), (name, fixed)):
        spent = realised_cost(decisions, truth, table)
        ranges = _label_ranges if policy.task == "multilabel" else _class_ranges
        cost, saved = ranges(policy, kind, decisions)
        found.append(
            PolicyCost(
                kind,
                cost_per_thousand(spent, groups=groups, level=level, possible=cost),
                cost_per_thousand(baseline - spent, groups=groups, level=level, possible=saved),
                float(decisions.abstained.mean()),
            )
        )
    return tuple(found)


def _fixed(past: np.ndarray, policy: Policy, rows: int) -> tuple[str, Decisions]:
    """The cheapest decision that is always the same, and its name."""
    table = policy.table
    if policy.task == "multilabel":
        silent, alarm, miss, found = label_costs(table)
        share = (past == 1).mean(axis=0)
        say = (1 - share) * alarm + share * found < (1 - share) * silent + share * miss
        name = "always the same labels" if say.any() else "always none"
        return name, Decisions(np.tile(say.astype(np.int64), (rows, 1)), np.zeros(rows))
    single = cheapest_single(past, table)
    name = f"always {ABSTAIN if single == ABSTAINED else table.labels[single]}"
    return name, Decisions(np.full(rows, single), np.zeros(rows))


Range = tuple[float, float]


def _class_ranges(policy: Policy, kind: str, decisions: Decisions) -> tuple[Range, Range]:
    """What a row could cost under a policy, and what it could save against the most probable class."""
    actions, classes = policy.table.actions, len(policy.table.labels)
    used = np.unique(np.where(decisions.abstained, classes, decisions.decided))
    if kind == "most probable":
        return _range(policy.table.matrix), (0.0, 0.0)
    if kind != "tuned":
        return _range(actions[:, used]), _range(actions[:, :classes] - actions[:, used])
    columns = np.union1d(used, np.arange(classes))
    low, high = 0.0, 0.0
    for plain in range(classes):
        gaps = actions[:, [plain]] - actions
        if policy.balance is None:
            able = gaps[:, _could_differ(gaps, plain)]
        else:
            able = gaps[:, :classes][:, np.array(policy.balance) > policy.balance[plain]]
        if able.size:
            low, high = min(low, float(able.min())), max(high, float(able.max()))
    return _range(actions[:, columns]), (low, high)


def _could_differ(gaps: np.ndarray, plain: int) -> np.ndarray:
    """Which actions can be expected to cost less than the most probable class ``plain`` for some probabilities.

    gaps: cost of ``plain`` less cost of the action, shape (classes, actions). The expected gap is largest where the
    most probable class shares its probability evenly with those of the largest gaps.
    """
    others = -np.sort(-np.delete(gaps, plain, axis=0), axis=0)
    best = np.cumsum(np.vstack([gaps[[plain]], others]), axis=0) / np.arange(1, len(gaps) + 1)[:, None]
    return np.asarray(best.max(axis=0) > 1e-12)


def _label_ranges(policy: Policy, kind: str, decisions: Decisions) -> tuple[Range, Range]:
    """As _class_ranges; one label's dearest error stands for a row, rows that saw several extend the range."""
    silent, alarm, miss, found = label_costs(policy.table)
    cost = (float(np.minimum(silent, found).sum()), float(max(alarm.max(), miss.max())))
    if kind == "most probable":
        return cost, (0.0, 0.0)
    thresholds = bayes_thresholds(policy.table) if policy.thresholds is None else np.array(policy.thresholds)
    say = thresholds < 0.5 if kind == "tuned" else decisions.decided[0] == 1
    gaps = np.where(say, 1, -1) * np.stack([silent - alarm, miss - found])
    differ = thresholds != 0.5 if kind == "tuned" else np.ones(len(say), dtype=bool)
    return cost, _range(np.column_stack([gaps[:, differ], np.zeros(2)]))


def _range(values: np.ndarray) -> Range:
    return float(values.min()), float(values.max())
