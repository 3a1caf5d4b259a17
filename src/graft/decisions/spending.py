"""What decisions really cost, per thousand rows, beside what simpler ones would have.

Decisions: costs are added up per row, so their mean bootstraps like any score; two policies nobody needs a model for
(always the cheapest single decision; the most probable class) stand beside the tuned one, because a policy that does
not beat them has not earned its complexity.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.decisions.costs import ABSTAIN, CostTable
from graft.decisions.policy import ABSTAINED, Decisions, Policy, label_costs


@dataclass(frozen=True)
class CostEstimate:
    """Cost per 1,000 rows with its interval, in ``unit``."""

    mean: float
    low: float
    high: float
    unit: str


@dataclass(frozen=True)
class PolicyCost:
    """What a policy costs per 1,000 rows, and what it would save there against the most probable class.

    name: "tuned", "most probable" or "always ...". abstained: share of rows without a decision.
    """

    name: str
    cost: CostEstimate
    saved: CostEstimate
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
    per_row: np.ndarray, *, rng: np.random.Generator, unit: str = "errors", draws: int = 2000, level: float = 0.95
) -> CostEstimate:
    """Cost per 1,000 rows with a bootstrap percentile interval.

    per_row: cost of each row, shape (rows,). An error that never occurred in these rows is not in the interval
    either: with n rows and no error, expect fewer than about 3,000 / n errors per 1,000 rows.

    >>> cost_per_thousand(np.full(100, 0.5), rng=np.random.default_rng(0), unit="EUR")
    CostEstimate(mean=500.0, low=500.0, high=500.0, unit='EUR')
    """
    values = np.asarray(per_row, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.all(np.isfinite(values)):
        raise InputError(f"costs of shape {values.shape}", needed="one finite cost per row")
    kinds, counts = np.unique(values, return_counts=True)  # few distinct costs: draw their counts, not the rows
    drawn = rng.multinomial(len(values), counts / len(values), size=draws) @ kinds / len(values)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return CostEstimate(1000 * float(values.mean()), 1000 * float(low), 1000 * float(high), unit)


def most_probable(probabilities: np.ndarray, table: CostTable, *, task: str) -> Decisions:
    """The most probable class, or every label at 0.5 or more; never abstains."""
    given = np.asarray(probabilities, dtype=np.float64)
    if task == "multilabel":
        return Policy(task="multilabel", table=table, thresholds=(0.5,) * given.shape[1]).decide(given)
    decided = given.argmax(axis=1)
    return Decisions(decided, (given @ table.matrix)[np.arange(len(given)), decided])


def cheapest_single(targets: np.ndarray, table: CostTable) -> int:
    """The one decision that costs least when always taken; -1 is abstaining.

    targets: class indices of the rows the policy was fitted on, shape (rows,).

    >>> cheapest_single(np.array([0, 0, 1]), CostTable(unit="EUR", labels=("a", "b"), cost=((0, 1), (9, 0))))
    1
    """
    share = np.bincount(np.asarray(targets), minlength=len(table.labels)) / len(targets)
    action = int((share @ table.actions).argmin())
    return ABSTAINED if action == len(table.labels) else action


def compare_policies(
    policy: Policy,
    probabilities: np.ndarray,
    targets: np.ndarray,
    *,
    rng: np.random.Generator,
    reference: np.ndarray | None = None,
) -> tuple[PolicyCost, ...]:
    """The tuned policy beside the most probable class and the cheapest single decision, on the same rows.

    probabilities, targets: held-out rows. reference: targets of the rows the policy was fitted on, to pick the single
    decision from (the held-out ones when None).

    >>> table = CostTable(unit="EUR", labels=("ham", "phishing"), cost=((0, 1), (9, 0)))
    >>> p, y = np.array([[0.8, 0.2], [0.99, 0.01]] * 50), np.array([1, 0] * 50)
    >>> [(one.name, one.cost.mean) for one in compare_policies(
    ...     Policy(task="binary", table=table), p, y, rng=np.random.default_rng(0))]
    [('tuned', 0.0), ('most probable', 4500.0), ('always phishing', 500.0)]
    """
    table, truth = policy.table, np.asarray(targets)
    plain = most_probable(probabilities, table, task=policy.task)
    options = [("tuned", policy.decide(probabilities)), ("most probable", plain)]
    past = truth if reference is None else np.asarray(reference)
    if policy.task == "multilabel":
        silent, alarm, miss, found = label_costs(table)
        share = (past == 1).mean(axis=0)
        say = (1 - share) * alarm + share * found < (1 - share) * silent + share * miss
        fixed = np.tile(say.astype(np.int64), (len(truth), 1))
        name = "always the same labels" if say.any() else "always none"
    else:
        single = cheapest_single(past, table)
        fixed = np.full(len(truth), single)
        name = f"always {ABSTAIN if single == ABSTAINED else table.labels[single]}"
    options.append((name, Decisions(fixed, np.zeros(len(truth)))))
    baseline = realised_cost(plain, truth, table)
    found_costs = []
    for name, decisions in options:
        spent = realised_cost(decisions, truth, table)
        estimate = cost_per_thousand(spent, rng=rng, unit=table.unit)
        saved = cost_per_thousand(baseline - spent, rng=rng, unit=table.unit)
        found_costs.append(PolicyCost(name, estimate, saved, float(decisions.abstained.mean())))
    return tuple(found_costs)
