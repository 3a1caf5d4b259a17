"""Learning curves: what fewer labels would have given, and what more may give.

Decisions: smaller training sets are nested in larger ones and tested on the same folds, so a curve's shape is not the
luck of the draw; the steps shrink with the rows, as they would in a study that had only those. Tuned candidates are
drawn on a few folds, because their curve would cost more than the rest of the study.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graft.core.errors import InputError
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.tasks import CLASSES, Task
from graft.evidence.comparison import Comparison
from graft.evidence.learning_curve import Crossing, Curve, crossing, fit_curve
from graft.evidence.metrics import metric, oriented_score
from graft.evidence.more_labels import more_labels
from graft.facts.study import LearningCurveFacts, LearningPoint
from graft.inputs.splits import Fold, Splits
from graft.scores.fitting import Candidate, Fit
from graft.scores.strategies import Strategy, Trains
from graft.studies.judgement import Judgement, scored
from graft.studies.settings import StudySettings
from graft.studies.trial_specs import TrialSpec
from graft.studies.trials import TrialRunner

SHARES = (0.25, 0.5)
_LEAST_ROWS = 10
_FOLDS = 3


@dataclass(frozen=True)
class CurvePlan:
    """Whose curves are drawn, and on which folds of the first repeat."""

    candidates: tuple[Candidate, ...]
    folds: tuple[Fold, ...]

    @property
    def test_fraction(self) -> float:
        """Share of the rows of a fold that it tests."""
        return float(np.mean([len(fold.test) / (len(fold.test) + len(fold.train)) for fold in self.folds]))


def half_trials(runner: TrialRunner, candidates: Sequence[Candidate], splits: Splits) -> dict[str, list[Fit]]:
    """Trials on halves of the training rows, of candidates that cost seconds: one of every fold, then the other ones.
    None when rows are few, or in time.
    """
    folds = [*splits.folds, *splits.further]
    halves = [(fold, False) for fold in folds] + [(fold, True) for fold in folds]
    cheap = [one for one in candidates if one.strategy.trains in (Trains.HEAD, Trains.TERMS)]
    if splits.kind == "time" or not _enough(runner, folds, 0.5):
        return {}
    specs = [_half(runner, one, fold, other) for one in cheap for fold, other in halves]
    fits, each = runner.run(specs), len(halves)
    return {one.name: fits[place * each : (place + 1) * each] for place, one in enumerate(cheap)}


def _half(runner: TrialRunner, candidate: Candidate, fold: Fold, other: bool) -> TrialSpec:
    if not other:
        return _trial(runner, candidate, fold, 0.5)
    first = subset(fold.train, runner.bench.targets, runner.bench.task, 0.5, runner.seed)
    rest = np.setdiff1d(fold.train, first)
    budget = replace(runner.budget, steps=max(10, round(runner.budget.steps * 0.5)))
    return runner.spec(candidate, fold, rows=rest, budget=budget, title="the other half of the labels")


def _enough(runner: TrialRunner, folds: Sequence[Fold], share: float) -> bool:
    return min(len(fold.train) for fold in folds) * share >= max(_LEAST_ROWS, runner.bench.outputs)


def _trial(runner: TrialRunner, candidate: Candidate, fold: Fold, share: float) -> TrialSpec:
    rows = subset(fold.train, runner.bench.targets, runner.bench.task, share, runner.seed)
    budget = replace(runner.budget, steps=max(10, round(runner.budget.steps * share)))
    return runner.spec(candidate, fold, rows=rows, budget=budget, title=f"{share:.0%} of the labels")


def curve_plan(candidates: Sequence[Candidate], judgement: Judgement, splits: Splits, *, tuned: bool) -> CurvePlan:
    """The best frozen candidate, the best tuned one when ``tuned``, and the classical control."""
    folds = tuple(fold for fold in splits.folds if fold.repeat == 0)[: _FOLDS if tuned else None]
    mean = {name: judgement.found.estimate(name) for name in judgement.found.names}
    candidates = [one for one in candidates if one.name in mean]

    def best(asked: Callable[[Strategy], bool]) -> list[Candidate]:
        found = [one for one in candidates if asked(one.strategy)]
        return sorted(found, key=lambda one: (-mean[one.name], one.name))[:1]

    chosen = (
        best(lambda one: one.trains is Trains.HEAD)
        + (best(lambda one: one.tunes) if tuned else [])
        + best(lambda one: one.trains is Trains.TERMS)
    )
    return CurvePlan(tuple(chosen), folds)


def subset(rows: np.ndarray, targets: np.ndarray, task: Task, share: float, seed: int) -> np.ndarray:
    """A share of rows, nested for growing shares; every class keeps a row of its own as long as it can."""
    rng = generator(seed, "learning curve")
    order = rng.permutation(rows)
    if task in CLASSES:
        # Deal the classes out in turn: the k-th row of each class before the k+1-th of any.
        seen = np.zeros(int(targets.max()) + 1, np.int64)
        rank = np.empty(len(order), np.float64)
        sizes = np.maximum(np.bincount(targets[order], minlength=len(seen)), 1)
        for place, row in enumerate(order):
            label = targets[row]
            rank[place] = -1 if seen[label] == 0 else seen[label] / sizes[label]
            seen[label] += 1
        order = order[np.argsort(rank, kind="stable")]
    return np.sort(order[: max(1, round(share * len(rows)))])


def learning_curves(
    runner: TrialRunner,
    plan: CurvePlan,
    trials: dict[str, list[Fit]],
    judgement: Judgement,
    settings: StudySettings,
    *,
    progress: Progress = SILENT,
) -> LearningCurveFacts | None:
    """The curves of the plan; None when there are too few rows to draw any."""
    if not _enough(runner, plan.folds, SHARES[0]):
        return None
    points: list[LearningPoint] = []
    drawn = [(candidate, share) for candidate in plan.candidates for share in SHARES]
    specs = [_trial(runner, candidate, fold, share) for candidate, share in drawn for fold in plan.folds]
    with progress.stage("learning curves", len(specs), "trials") as stage:
        fits = iter(runner.run(specs, stage))
    for candidate in plan.candidates:
        for share in SHARES:
            scores = [_score(runner, next(fits), fold, judgement.metric) for fold in plan.folds]
            points.append(_point(candidate, round(share * _mean_rows(plan)), scores))
        whole = [
            _score(runner, fitted, fold, judgement.metric)
            for fitted, fold in zip(trials[candidate.name], plan.folds, strict=False)
        ]
        points.append(_point(candidate, round(_mean_rows(plan)), whole))
    return _facts(points, plan, judgement, settings)


def _score(runner: TrialRunner, fitted: Fit, fold: Fold, metric_name: str) -> float:
    return oriented_score(scored(runner.bench, fold.test, fitted.scores), metric_name)


def _mean_rows(plan: CurvePlan) -> float:
    return float(np.mean([len(fold.train) for fold in plan.folds]))


def _point(candidate: Candidate, labels: int, scores: Sequence[float]) -> LearningPoint:
    return LearningPoint(
        source=candidate.source.weights.reference if candidate.source else "",
        strategy=str(candidate.strategy),
        labels=labels,
        scores=tuple(float(score) for score in scores),
    )


def _facts(
    points: list[LearningPoint], plan: CurvePlan, judgement: Judgement, settings: StudySettings
) -> LearningCurveFacts:
    found = None
    frozen = next((one for one in plan.candidates if one.strategy.trains is Trains.HEAD), None)
    tuned = next((one for one in plan.candidates if one.strategy.tunes), None)
    if frozen is not None and tuned is not None:
        ceiling = metric(judgement.metric).oriented_bounds[1]
        try:
            fitted = [_curve(points, one, ceiling, plan.test_fraction, settings.seed) for one in (tuned, frozen)]
            found = crossing(fitted[0], fitted[1], level=settings.level)
            found = replace(found, statement=f"{tuned.name}: {found.statement} (against {frozen.name})")
        except InputError:
            unclear = "the curves do not follow a power law closely enough to say where they cross"
            found = Crossing(None, None, None, unclear)
    return LearningCurveFacts(points=tuple(points), crossing=found)


def with_advice(
    curves: LearningCurveFacts,
    gap: Comparison,
    rows: int,
    settings: StudySettings,
    *,
    margin: float,
    settled: bool,
) -> LearningCurveFacts:
    """The curves with how many more labels would settle the verdict. gap: chosen less control. rows: of the whole
    file."""
    more = more_labels(gap, rows, margin=margin, level=settings.level, settled=settled)
    return curves.model_copy(update={"more_labels": more})


def _curve(points: list[LearningPoint], candidate: Candidate, ceiling: float, test_fraction: float, seed: int) -> Curve:
    reference = candidate.source.weights.reference if candidate.source else ""
    mine = [point for point in points if (point.source, point.strategy) == (reference, str(candidate.strategy))]
    labels = np.array([point.labels for point in mine], np.float64)
    scores = np.array([point.scores for point in mine])
    # One stream for all candidates: a draw moves the same folds of each, so that differences between curves are paired.
    return fit_curve(labels, scores, rng=generator(seed, "curve"), ceiling=ceiling, test_fraction=test_fraction)
