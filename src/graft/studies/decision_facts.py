"""From scores to decisions, and what they cost: calibration, policy, confusion, the errors worth looking at.

Decision: everything is fitted on out-of-fold scores of the candidate that ships and measured on the locked holdout, so
nothing here has seen the rows it is judged by. Rows of one cluster (a customer, near-duplicates) vary together in every
number here, as they do in the score.
"""

import numpy as np

from graft.core.seeds import generator
from graft.decisions.costs import CostTable
from graft.decisions.policy import Decisions, Policy
from graft.decisions.policy_costs import compare_policies, realised_cost
from graft.evidence.calibration_error import calibration_error
from graft.evidence.calibration_quality import brier, coverage, log_loss, reliability_bins
from graft.evidence.predictions import Scored
from graft.facts.study import (
    CalibrationFacts,
    ConfusionFact,
    DecisionFacts,
    ErrorFact,
)
from graft.inputs.dataset import Dataset
from graft.rows.content import picture_of
from graft.studies.out_of_fold import DecisionParts

_ERRORS, _EXCERPT = 30, 600


def decision_facts(
    parts: DecisionParts,
    held: Dataset,
    raw: np.ndarray,
    reference: np.ndarray,
    *,
    clusters: np.ndarray,
    seed: int,
    level: float,
    far: np.ndarray | None = None,
) -> tuple[DecisionFacts, tuple[ErrorFact, ...]]:
    """What the decisions are worth on the holdout.

    held: the holdout rows. raw: scores of the shipped model. reference: targets the policy was fitted on. clusters: of
    the holdout rows, shape (rows,). far: which of them the shipped model would call unlike its training rows, bool
    (rows,).
    """
    assert held.targets is not None
    rng = generator(seed, "decisions")
    if parts.policy is None or parts.calibration is None:
        return _regression(parts, held, raw, clusters, level)
    task = str(held.contract.task)
    calibrated = parts.calibration.calibrator.apply(raw)
    before, after = Scored(task, held.targets, raw), Scored(task, held.targets, calibrated)
    bins = max(2, min(15, len(held) // 15))
    decided = parts.policy.decide(calibrated, far)
    groups = clusters if len(np.unique(clusters)) < len(clusters) else None
    error_before = calibration_error(before, rng=rng, bins=bins, level=level, groups=groups)
    error = calibration_error(after, rng=rng, bins=bins, level=level, groups=groups)
    calibration = CalibrationFacts(
        method=parts.calibration.method,
        losses=tuple((one.method, one.log_loss) for one in parts.calibration.table),
        ece_before=error_before.shown,
        ece=error.shown,
        ece_if_perfect=error.expected_if_perfect,
        ece_debiased=error.debiased,
        brier=brier(after, level=level, groups=groups),
        log_loss=log_loss(after, level=level, groups=groups),
        bins=reliability_bins(after, bins=bins, level=level, groups=groups),
        interval_level=None,
        interval_half_width=None,
        interval_coverage=None,
    )
    policies = compare_policies(
        parts.policy, calibrated, held.targets, reference=reference, groups=groups, level=level, far=far
    )
    facts = DecisionFacts(
        unit=parts.policy.table.unit,
        calibration=calibration,
        policies=policies,
        thresholds=_thresholds(parts.policy, held.contract.labels),
        abstained=float(decided.abstained.mean()) if decided.decided.ndim == 1 else 0.0,
        confusion=_confusion(decided, held, parts.policy.table) if decided.decided.ndim == 1 else None,
    )
    return facts, _errors(decided, calibrated, held, parts.policy.table)


def _thresholds(policy: Policy, labels: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    if policy.thresholds is not None:
        return tuple(zip(labels, policy.thresholds, strict=True))
    if policy.task == "binary":
        cut = policy.threshold
        return tuple(
            (name, value) for name, value in ((labels[1], cut.upper), (labels[0], 1 - cut.lower)) if np.isfinite(value)
        )
    return ()


def _confusion(decided: Decisions, held: Dataset, table: CostTable) -> ConfusionFact:
    labels = held.contract.labels
    columns = len(labels) + (table.abstain is not None)
    counts = np.zeros((len(labels), columns), np.int64)
    place = np.where(decided.abstained, columns - 1, decided.decided)
    assert held.targets is not None
    np.add.at(counts, (held.targets, place), 1)
    costs = counts * table.actions[:, :columns] * 1000 / max(1, len(held))
    names = (*labels, "abstain") if table.abstain is not None else labels
    return ConfusionFact(
        decisions=names,
        counts=tuple(tuple(int(value) for value in row) for row in counts),
        costs=tuple(tuple(float(value) for value in row) for row in costs),
    )


def _errors(decided: Decisions, calibrated: np.ndarray, held: Dataset, table: CostTable) -> tuple[ErrorFact, ...]:
    assert held.targets is not None
    costs = realised_cost(decided, held.targets, table)
    labels = held.contract.labels
    if decided.decided.ndim == 2:
        wrong = np.flatnonzero((decided.decided != held.targets).any(1))
        sure = np.where(calibrated >= 0.5, calibrated, 1 - calibrated).max(1)
    else:
        wrong = np.flatnonzero((decided.decided != held.targets) & ~decided.abstained)
        sure = calibrated.max(1)
    order = wrong[np.lexsort((-sure[wrong], -costs[wrong]))][:_ERRORS]
    found = []
    for row in order:
        if decided.decided.ndim == 2:
            given = "; ".join(labels[k] for k in np.flatnonzero(held.targets[row])) or "none"
            said = "; ".join(labels[k] for k in np.flatnonzero(decided.decided[row])) or "none"
        else:
            given, said = labels[held.targets[row]], labels[decided.decided[row]]
        found.append(_error(held, int(row), given, said, float(sure[row]), float(costs[row])))
    return tuple(found)


def _error(held: Dataset, row: int, given: str, decided: str, probability: float, cost: float) -> ErrorFact:
    return ErrorFact(
        row=int(held.rows[row]),
        id=held.ids[row],
        text=held.shown(row, _EXCERPT),
        given=given,
        decided=decided,
        probability=probability,
        cost=cost,
        picture=picture_of(held.kind, held.contents[row]),
    )


def _regression(
    parts: DecisionParts, held: Dataset, raw: np.ndarray, clusters: np.ndarray, level: float
) -> tuple[DecisionFacts, tuple[ErrorFact, ...]]:
    assert held.targets is not None
    assert parts.interval is not None
    low, high = parts.interval.apply(raw)
    calibration = CalibrationFacts(
        method="split conformal",
        losses=(),
        ece_before=None,
        ece=None,
        brier=None,
        log_loss=None,
        bins=(),
        interval_level=parts.interval.level,
        interval_half_width=parts.interval.half_width,
        interval_coverage=coverage(held.targets, low, high, level=level, groups=clusters),
    )
    facts = DecisionFacts(unit="", calibration=calibration, policies=(), thresholds=(), abstained=0.0, confusion=None)
    gaps = np.abs(held.targets - raw)
    errors = tuple(
        _error(held, int(row), f"{held.targets[row]:.4g}", f"{raw[row]:.4g}", 0.0, float(gaps[row]))
        for row in np.argsort(-gaps)[:_ERRORS]
    )
    return facts, errors
