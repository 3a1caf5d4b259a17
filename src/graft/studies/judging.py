"""From trials to a verdict: scores on folds, the choice, the comparison, the locked holdout.

Decision: what a candidate costs, for "the cheapest of the practically tied", is counted in arithmetic and not in
seconds, so that the same study on the same rows always chooses the same candidate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.core.seeds import generator
from graft.evidence.choice import CandidateScore, Choice, choose
from graft.evidence.comparison import Comparison, compare_folds
from graft.evidence.intervals import Interval, bootstrap_metric, fold_interval, paired_bootstrap_metric
from graft.evidence.metrics import metric, oriented_score
from graft.evidence.predictions import Scored
from graft.evidence.verdict import Outcome, Verdict, decide_verdict
from graft.inputs.splits import Splits
from graft.scores.fitting import Candidate, Fit
from graft.scores.strategies import Kind
from graft.scores.workbench import Workbench
from graft.studies.settings import StudySettings

_ROWS_ASSUMED = 1_000_000


@dataclass(frozen=True)
class Judgement:
    """What the folds say.

    scores: name to oriented score of each fold. comparison: chosen against the best control.
    """

    metric: str
    scores: dict[str, np.ndarray]
    intervals: dict[str, Interval]
    choice: Choice
    comparison: Comparison
    test_fraction: float


def test_fraction(splits: Splits) -> float:
    """Share of the rows of a fold that it tests: what correlates its differences with the others'."""
    shares = [len(fold.test) / (len(fold.test) + len(fold.train)) for fold in splits.folds]
    return float(np.mean(shares))


def judge(
    bench: Workbench,
    candidates: Sequence[Candidate],
    trials: dict[str, list[Fit]],
    splits: Splits,
    settings: StudySettings,
    metric_name: str,
) -> Judgement:
    """Score every trial, choose, and compare the choice with the best control."""
    scores = {name: fold_scores(bench, fits, splits, metric_name) for name, fits in trials.items()}
    fraction = test_fraction(splits)
    entered = [
        CandidateScore(
            one.name,
            scores[one.name],
            arithmetic(one, trials[one.name]),
            kind=one.kind,
            under_trained=any(fitted.under_trained for fitted in trials[one.name]),
        )
        for one in candidates
    ]
    choice = choose(entered, margin=settings.margin, test_fraction=fraction, level=settings.level)
    assert choice.control is not None, "the controls always run"
    comparison = compare_folds(
        scores[choice.chosen],
        scores[choice.control],
        margin=settings.margin,
        test_fraction=fraction,
        level=settings.level,
    )
    intervals = {
        name: _bounded(fold_interval(values, test_fraction=fraction, level=settings.level), metric_name)
        for name, values in scores.items()
    }
    return Judgement(metric_name, scores, intervals, choice, comparison, fraction)


def _bounded(interval: Interval, metric_name: str) -> Interval:
    """An interval cut at what the metric can reach; the t interval of few folds does not know of any limit."""
    record = metric(metric_name)
    low, high = record.bounds if record.higher_is_better else (-record.bounds[1], -record.bounds[0])
    return Interval(interval.mean, max(interval.low, low), min(interval.high, high))


def fold_scores(bench: Workbench, fits: Sequence[Fit], splits: Splits, metric_name: str) -> np.ndarray:
    """The oriented score of each fold, shape (folds,)."""
    folds = splits.folds[: len(fits)]
    return np.array(
        [
            oriented_score(scored(bench, fold.test, one.scores), metric_name)
            for fold, one in zip(folds, fits, strict=True)
        ]
    )


def scored(bench: Workbench, rows: np.ndarray, scores: np.ndarray) -> Scored:
    """Scores beside the truth."""
    return Scored(str(bench.task), bench.targets[rows], scores)


def arithmetic(candidate: Candidate, fits: Sequence[Fit]) -> float:
    """A deterministic measure of what a candidate costs to train and to run, in parameter passes.

    A step goes forward and back through what it trains (three passes), and LoRA through everything besides; ``partial``
    reads what lies below it from the cache. Embeddings are looked up, not multiplied.
    """
    kind, source = candidate.strategy.kind, candidate.source
    steps = float(np.mean([one.steps for one in fits]))
    trained = float(np.mean([one.trainable for one in fits]))
    if source is None:
        return trained
    layers = float(source.parameters - source.vocabulary * source.dimension)
    step = {Kind.FROZEN: 0.0, Kind.PARTIAL: 3 * trained, Kind.LORA: 2 * layers + 3 * trained}.get(kind, 3 * layers)
    return layers * _ROWS_ASSUMED + trained + steps * step


def verdict_of(
    judgement: Judgement, trials: dict[str, list[Fit]], holdout: Interval | None, settings: StudySettings
) -> Verdict:
    """The verdict from folds and holdout."""
    return decide_verdict(
        judgement.comparison,
        holdout,
        margin=settings.margin,
        level=settings.level,
        under_trained=any(fitted.under_trained for fitted in trials[judgement.choice.chosen]),
        selection=judgement.choice.transfers,
        controls=judgement.choice.controls,
    )


@dataclass(frozen=True)
class HoldoutScores:
    """The locked holdout, scored once. None for the control when it ships itself and nothing else was scored."""

    chosen: Interval
    control: Interval
    difference: Interval


def score_holdout(
    chosen: Scored, control: Scored, metric_name: str, *, seed: int, level: float, groups: np.ndarray | None
) -> HoldoutScores:
    """Oriented scores of both on the same rows, with the interval of their difference; groups are drawn whole."""

    def oriented(interval: Interval) -> Interval:
        if metric(metric_name).higher_is_better:
            return interval
        return Interval(-interval.mean, -interval.high, -interval.low)

    rng = generator(seed, "holdout")
    return HoldoutScores(
        oriented(bootstrap_metric(chosen, metric_name, rng=rng, level=level, groups=groups)),
        oriented(bootstrap_metric(control, metric_name, rng=rng, level=level, groups=groups)),
        paired_bootstrap_metric(chosen, control, metric_name, rng=rng, level=level, groups=groups),
    )


def sentence(verdict: Verdict, judgement: Judgement) -> str:
    """The verdict in one sentence for a manager."""
    choice, gap = judgement.choice, verdict.difference
    record = metric(judgement.metric)
    shown = record.name.replace("_", "-").replace("-f1", "-F1")
    best, control = choice.chosen, choice.control
    if verdict.outcome is Outcome.HELPS:
        way = "higher" if record.higher_is_better else "lower"
        amount = f"{gap.mean:.3f} {way} {shown} ({gap.low:.3f} to {gap.high:.3f})"
        return f"Pretraining helps: {best} reaches {amount} than the best model without it, {control}."
    if verdict.outcome is Outcome.HARMS:
        way = "lower" if record.higher_is_better else "higher"
        amount = f"{-gap.mean:.3f} {way} {shown} ({-gap.high:.3f} to {-gap.low:.3f})"
        return f"Pretraining harms here: {best} has {amount} than {control}, which needs none."
    amount = f"the difference is {gap.mean:+.3f} {shown} ({gap.low:+.3f} to {gap.high:+.3f})"
    amount += "" if record.higher_is_better else ", where + is better"
    if verdict.outcome is Outcome.TIED:
        return f"Pretraining makes no practical difference: between {best} and {control} {amount}."
    return f"It is not settled whether pretraining helps: between {best} and {control} {amount}."
