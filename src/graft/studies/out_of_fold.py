"""What a candidate said of rows it had not seen, in the form in which it would ship: calibrated, and decided.

Decisions: what is measured is the whole procedure: model, calibration, decision rule. The rule and the calibration of a
fold's rows are fitted on the other folds, those of the holdout on all out-of-fold rows, so nothing here is judged by
rows it was fitted on. Repeats are kept as rows of weight 1/R: an average over repeats is the score of a committee that
never ships.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.decisions.calibration import CalibrationChoice, fit_calibrator, fit_method
from graft.decisions.conformal import ConformalInterval, fit_conformal
from graft.decisions.costs import CostTable
from graft.decisions.policy import Policy, fit_policy
from graft.evidence.pooled import Pooled
from graft.evidence.predictions import Scored
from graft.inputs.splits import Fold
from graft.scores.fitting import Fit
from graft.scores.workbench import Workbench


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Scores of rows by models that had not seen them, a row of each repeat for itself.

    rows: positions, (scored,). scores: (scored, outputs) or (scored,). folds: the fold in which the row was first
    tested. repeats: of each. weights: 1 / (times the row was scored).
    """

    rows: np.ndarray
    scores: np.ndarray
    folds: np.ndarray
    repeats: np.ndarray
    weights: np.ndarray

    def only(self, mask: np.ndarray) -> "OutOfFold":
        """The rows of a mask, shape (scored,)."""
        return OutOfFold(self.rows[mask], self.scores[mask], self.folds[mask], self.repeats[mask], self.weights[mask])


def out_of_fold(fits: Sequence[Fit], folds: Sequence[Fold]) -> OutOfFold:
    """Collect the scores of a candidate's trials on these folds."""
    rows = np.concatenate([fold.test for fold in folds])
    scores = np.concatenate([fitted.scores for fitted in fits])
    index = np.concatenate([np.full(len(fold.test), fold.index) for fold in folds])
    repeats = np.concatenate([np.full(len(fold.test), fold.repeat) for fold in folds])
    _, first, place, counts = np.unique(rows, return_index=True, return_inverse=True, return_counts=True)
    return OutOfFold(rows, scores, index[first][place], repeats, 1.0 / counts[place])


@dataclass(frozen=True)
class DecisionParts:
    """What a bundle needs to decide: one of policy and interval is None."""

    calibration: CalibrationChoice | None
    policy: Policy | None
    interval: ConformalInterval | None


@dataclass(frozen=True)
class Rule:
    """How decisions are made from scores, for all candidates alike.

    costs: the user's table, or None. balanced: without a table, every class counts as much as any other.
    """

    costs: CostTable | None
    balanced: bool
    seed: int


def fit_decisions(bench: Workbench, seen: OutOfFold, rule: Rule) -> DecisionParts:
    """Calibrator and policy, or for regression the prediction interval, from out-of-fold scores."""
    targets = bench.targets[seen.rows]
    if bench.task is Task.REGRESSION:
        level = 0.9 if len(np.unique(seen.rows)) >= 20 else 0.5
        interval = fit_conformal(targets, seen.scores, level=level, weights=seen.weights, units=seen.rows)
        return DecisionParts(None, None, interval)
    choice = fit_calibrator(
        seen.scores,
        targets,
        task=str(bench.task),
        folds=seen.folds,
        rng=generator(rule.seed, "calibration"),
        weights=seen.weights,
        units=seen.rows,
    )
    return DecisionParts(choice, _policy(bench, choice.calibrator.apply(seen.scores), seen, rule), None)


def _policy(bench: Workbench, probabilities: np.ndarray, seen: OutOfFold, rule: Rule) -> Policy:
    return fit_policy(
        probabilities,
        bench.targets[seen.rows],
        task=str(bench.task),
        labels=bench.rows.contract.labels,
        table=rule.costs,
        weights=seen.weights,
        units=seen.rows,
        balanced=rule.balanced,
    )


def decided(parts: DecisionParts, bench: Workbench, rows: np.ndarray, scores: np.ndarray) -> Scored:
    """Scores beside the truth, calibrated and decided as the parts say."""
    targets = bench.targets[rows]
    if parts.calibration is None or parts.policy is None:
        return Scored(str(bench.task), targets, scores)
    calibrated = parts.calibration.calibrator.apply(scores)
    return Scored(str(bench.task), targets, calibrated, parts.policy.decide(calibrated).decided)


def crossfitted(parts: DecisionParts, bench: Workbench, seen: OutOfFold, rule: Rule) -> Scored:
    """The out-of-fold rows, each fold calibrated and decided by what the other folds say."""
    targets = bench.targets[seen.rows]
    if parts.calibration is None:
        return Scored(str(bench.task), targets, seen.scores)
    probabilities, choices = np.zeros(seen.scores.shape), np.zeros(targets.shape, np.int64)
    places = np.unique(seen.folds)
    for fold in places:
        mask = seen.folds == fold
        rest = seen.only(~mask) if len(places) > 1 else seen
        calibrator = fit_method(
            parts.calibration.method,
            rest.scores,
            bench.targets[rest.rows],
            task=str(bench.task),
            weights=rest.weights,
            units=rest.rows,
        )
        policy = _policy(bench, calibrator.apply(rest.scores), rest, rule)
        probabilities[mask] = calibrator.apply(seen.scores[mask])
        choices[mask] = policy.decide(probabilities[mask]).decided
    return Scored(str(bench.task), targets, probabilities, choices)


def pooled(parts: Sequence[tuple[np.ndarray, Scored, np.ndarray]], clusters: np.ndarray) -> Pooled:
    """Several sets of scored rows as one. parts: positions, scores, weights. clusters: of all rows of the study."""
    rows = np.concatenate([one[0] for one in parts])
    first = parts[0][1]
    choices = None
    if first.choices is not None:
        choices = np.concatenate([np.asarray(one[1].choices) for one in parts])
    scored = Scored(
        first.task,
        np.concatenate([one[1].targets for one in parts]),
        np.concatenate([one[1].scores for one in parts]),
        choices,
    )
    return Pooled(scored, clusters[rows], np.concatenate([one[2] for one in parts]))
