"""From scores to decisions, and what they cost: calibration, policy, confusion, the errors worth looking at.

Decision: everything is fitted on out-of-fold scores of the candidate that ships and measured on the locked holdout, so
nothing here has seen the rows it is judged by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graft.core.seeds import generator
from graft.decisions.calibration import CalibrationChoice, fit_calibrator
from graft.decisions.conformal import ConformalInterval, fit_conformal
from graft.decisions.costs import CostTable, load_costs
from graft.decisions.policy import Decisions, Policy, fit_policy
from graft.decisions.spending import compare_policies, realised_cost
from graft.evidence.calibration_quality import brier, coverage, ece, log_loss, reliability_bins
from graft.evidence.intervals import Interval
from graft.evidence.predictions import Scored
from graft.inputs.dataset import Dataset
from graft.inputs.roles import Task
from graft.inputs.splits import Splits
from graft.scores.fitting import Fit
from graft.scores.workbench import Workbench
from graft.studies.record import (
    BinFact,
    CalibrationFacts,
    ConfusionFact,
    DecisionFacts,
    ErrorFact,
    PolicyFact,
    Span,
)

_ERRORS, _EXCERPT = 30, 600


@dataclass(frozen=True)
class OutOfFold:
    """Scores of rows by models that had not seen them, averaged over repeats.

    rows: positions. scores: (rows, outputs) or (rows,). folds: the fold of each row.
    """

    rows: np.ndarray
    scores: np.ndarray
    folds: np.ndarray


def out_of_fold(fits: Sequence[Fit], splits: Splits) -> OutOfFold:
    """Collect the scores of a candidate's trials."""
    total: dict[int, list[np.ndarray]] = {}
    fold_of: dict[int, int] = {}
    for fold, fitted in zip(splits.folds, fits, strict=True):
        for place, row in enumerate(fold.test):
            total.setdefault(int(row), []).append(fitted.scores[place])
            fold_of.setdefault(int(row), fold.index)
    rows = np.array(sorted(total), np.int64)
    scores = np.array([np.mean(total[int(row)], axis=0) for row in rows])
    return OutOfFold(rows, scores, np.array([fold_of[int(row)] for row in rows]))


@dataclass(frozen=True)
class DecisionParts:
    """What a bundle needs to decide: one of policy and interval is None."""

    calibration: CalibrationChoice | None
    policy: Policy | None
    interval: ConformalInterval | None


def read_costs(path: Path | None, labels: tuple[str, ...], task: Task) -> CostTable | None:
    """The cost table of a file, or None."""
    return None if path is None else load_costs(path, labels, task=str(task))


def fit_decisions(bench: Workbench, seen: OutOfFold, costs: CostTable | None, seed: int) -> DecisionParts:
    """Calibrator and policy, or for regression the prediction interval, from out-of-fold scores."""
    targets = bench.targets[seen.rows]
    if bench.task is Task.REGRESSION:
        level = 0.9 if len(targets) >= 20 else 0.5
        return DecisionParts(None, None, fit_conformal(targets, seen.scores, level=level))
    choice = fit_calibrator(
        seen.scores, targets, task=str(bench.task), folds=seen.folds, rng=generator(seed, "calibration")
    )
    policy = fit_policy(
        choice.calibrator.apply(seen.scores),
        targets,
        task=str(bench.task),
        labels=bench.rows.contract.labels,
        table=costs,
    )
    return DecisionParts(choice, policy, None)


def decision_facts(
    parts: DecisionParts, held: Dataset, raw: np.ndarray, reference: np.ndarray, *, seed: int, level: float
) -> tuple[DecisionFacts, tuple[ErrorFact, ...]]:
    """What the decisions are worth on the holdout.

    held: the holdout rows. raw: scores of the shipped model. reference: targets the policy was fitted on.
    """
    assert held.targets is not None
    rng = generator(seed, "decisions")
    if parts.policy is None or parts.calibration is None:
        return _regression(parts, held, raw, level)
    task = str(held.contract.task)
    calibrated = parts.calibration.calibrator.apply(raw)
    before, after = Scored(task, held.targets, raw), Scored(task, held.targets, calibrated)
    bins = max(2, min(15, len(held) // 15))
    decided = parts.policy.decide(calibrated)
    calibration = CalibrationFacts(
        method=parts.calibration.method,
        losses=tuple((one.method, one.log_loss) for one in parts.calibration.table),
        ece_before=span(ece(before, rng=rng, bins=bins, level=level)),
        ece=span(ece(after, rng=rng, bins=bins, level=level)),
        brier=span(brier(after, rng=rng, level=level)),
        log_loss=span(log_loss(after, rng=rng, level=level)),
        bins=tuple(
            BinFact(
                low=one.low,
                high=one.high,
                confidence=one.confidence,
                accuracy=one.accuracy,
                rows=one.rows,
                accuracy_low=one.interval.low,
                accuracy_high=one.interval.high,
            )
            for one in reliability_bins(after, bins=bins, level=level)
        ),
        interval_level=None,
        interval_half_width=None,
        interval_coverage=None,
    )
    policies = compare_policies(parts.policy, calibrated, held.targets, rng=rng, reference=reference)
    facts = DecisionFacts(
        unit=parts.policy.table.unit,
        calibration=calibration,
        policies=tuple(
            PolicyFact(
                name=one.name,
                cost=Span(mean=one.cost.mean, low=one.cost.low, high=one.cost.high),
                abstained=one.abstained,
            )
            for one in policies
        ),
        thresholds=_thresholds(parts.policy, held.contract.labels),
        abstained=float(decided.abstained.mean()) if decided.decided.ndim == 1 else 0.0,
        confusion=_confusion(decided, held, parts.policy.table) if decided.decided.ndim == 1 else None,
    )
    return facts, _errors(decided, calibrated, held, parts.policy.table)


def span(interval: Interval) -> Span:
    """An interval as a fact; infinite ends become null."""
    return Span(
        mean=interval.mean,
        low=interval.low if np.isfinite(interval.low) else None,
        high=interval.high if np.isfinite(interval.high) else None,
    )


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
        text=held.texts[row][:_EXCERPT],
        given=given,
        decided=decided,
        probability=probability,
        cost=cost,
    )


def _regression(
    parts: DecisionParts, held: Dataset, raw: np.ndarray, level: float
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
        interval_coverage=span(coverage(held.targets, low, high, level=level)),
    )
    facts = DecisionFacts(unit="", calibration=calibration, policies=(), thresholds=(), abstained=0.0, confusion=None)
    gaps = np.abs(held.targets - raw)
    errors = tuple(
        _error(held, int(row), f"{held.targets[row]:.4g}", f"{raw[row]:.4g}", 0.0, float(gaps[row]))
        for row in np.argsort(-gaps)[:_ERRORS]
    )
    return facts, errors
