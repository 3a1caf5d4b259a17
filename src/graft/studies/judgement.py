"""From trials to a verdict: what every candidate said of rows it had not seen, the choice, the locked holdout.

Decisions: a candidate is judged as it would ship (``unseen``); all comparisons come from one jackknife over the same
rows. The models that were judged saw fewer rows than the one that ships. How a score grows between half and all of a
fold's rows is measured for the cheap candidates and carried on to all labels (an inverse square root, the usual decay
of what a learner lacks), since otherwise the pooled estimate flatters reuse, which needs fewer labels than its
controls; a candidate that was too dear for its own curve is given the one of the frozen source it starts from. Where a
half holds fewer than five rows of a typical class nothing is carried on: with ten rows a class (sixteen studies of
pictures, frozen against classical) differences lay .143 from the truth with it and .118 without, to mend .01. What a
candidate costs, for "the cheapest of equals", is counted in arithmetic and not in seconds, so that the same study
always chooses the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from graft.core.intervals import Interval
from graft.core.tasks import Task
from graft.evidence.choice import Choice, Entry, Prior, choose
from graft.evidence.comparison import Comparison, compare, score_interval
from graft.evidence.metrics import metric, oriented_score
from graft.evidence.pooled import Jackknife, Lessons, Pooled, Terms, jackknife
from graft.evidence.predictions import Scored
from graft.evidence.verdict import Outcome, Verdict, decide_verdict
from graft.inputs.splits import Fold, Splits
from graft.scores.fitting import Candidate, Fit
from graft.scores.strategies import Trains
from graft.scores.workbench import Workbench
from graft.studies.out_of_fold import (
    DecisionParts,
    OutOfFold,
    Rule,
    crossfitted,
    decided,
    fit_decisions,
    out_of_fold,
    pooled,
)
from graft.studies.prepared import Prepared

_ROWS_ASSUMED = 1_000_000
DECAY = 0.5
LEAST_OF_A_HALF = 5.0


@dataclass(frozen=True, eq=False)
class Judged:
    """One candidate on the rows it had not seen.

    seen: its raw out-of-fold scores. parts: how they become decisions. scored: the same rows calibrated and decided.
    half: the same from half of each fold's training rows, and ``whole`` its counterpart on the same rows; None without
    a curve.
    """

    candidate: Candidate
    seen: OutOfFold
    parts: DecisionParts
    scored: Scored
    half: tuple[OutOfFold, Scored] | None = None


class Judges:
    """What all judgements of a study share: rows, folds, clusters, the metric and the rule of decision."""

    def __init__(self, bench: Workbench, prepared: Prepared, rule: Rule) -> None:
        self.bench, self.prepared, self.rule = bench, prepared, rule
        self.metric = prepared.metric
        self.clusters = prepared.clusters
        self._names = prepared.rows.contract.labels

    def judge(self, candidate: Candidate, fits: Sequence[Fit], halves: Sequence[Fit] = ()) -> Judged:
        """A candidate from its trials: on the folds, and on the further ones if it ran them. halves: trials on one half
        of the training rows of all these folds, then on the other halves, if any."""
        folds = (*self.prepared.splits.folds, *self.prepared.splits.further)
        seen = out_of_fold(fits, folds[: len(fits)])
        # What says the same of every row has nothing to weigh: it says the most common class.
        shares = candidate.strategy.trains is Trains.SHARES
        rule = replace(self.rule, balanced=False) if shares else self.rule
        parts = fit_decisions(self.bench, seen, rule)
        half = None
        if halves:
            twice = [*folds, *(replace(fold, repeat=fold.repeat + self._repeated) for fold in folds)]
            less = out_of_fold(halves, twice)
            half = (less, crossfitted(fit_decisions(self.bench, less, self.rule), self.bench, less, self.rule))
        return Judged(candidate, seen, parts, crossfitted(parts, self.bench, seen, rule), half)

    def holdout(self, judged: Judged, scores: np.ndarray) -> Scored:
        """A final model's scores of the holdout, calibrated and decided as its out-of-fold rows say."""
        return decided(judged.parts, self.bench, self.prepared.splits.holdout, scores)

    def compared(self, judged: Mapping[str, Judged], held: Mapping[str, Scored]) -> Jackknife:
        """All candidates over all rows they had not seen. held: of those whose final model scored the holdout."""
        terms = {name: self._terms(one, judged, held.get(name)) for name, one in judged.items()}
        lessons = {name: found for name, one in judged.items() if (found := self._lessons(one, judged, name in held))}
        return jackknife(terms, self.metric, labels=self._names, lessons=lessons)

    def _lessons(self, one: Judged, judged: Mapping[str, Judged], held: bool) -> Lessons | None:
        """How far a candidate hangs on its training rows: as the frozen source does that it starts from, where it was
        too dear to learn from halves; not at all where it says the same of every row."""
        shares = one.candidate.strategy.trains is Trains.SHARES
        told = one if one.half is not None or shares else self._frozen_of(one, judged)
        if told is None or (told.half is None and not shares):
            return None
        numbers = np.unique(told.seen.repeats)
        repeats = {number: self._of(told.seen, told.scored, number) for number in numbers}
        if told.half is None:
            halves = tuple((repeats[number], repeats[number]) for number in numbers)
        else:
            less, scored = told.half
            second = {number: number + self._repeated for number in numbers}
            both = [number for number in numbers if np.isin([number, second[number]], less.repeats).all()]
            halves = tuple((self._of(less, scored, number), self._of(less, scored, second[number])) for number in both)
        # A holdout of the same rows varies as the folds do, though its rows taught nothing: 60 pictures, a fifth of
        # them held out, 150 studies: 1.91 times what rows show, and 1.87 with all in folds. Another file does not.
        rows = len(np.unique(told.seen.rows))
        share = rows / (rows + (len(self.prepared.splits.holdout) if held and self.prepared.tested else 0))
        return Lessons(tuple(repeats.values()), halves, share) if halves else None

    def _of(self, seen: OutOfFold, scored: Scored, repeat: int) -> Pooled:
        mask = seen.repeats == repeat
        return Pooled(scored.take(np.flatnonzero(mask)), self.clusters[seen.rows[mask]])

    @cached_property
    def _carries(self) -> bool:
        """Whether what halves of the training rows give says how scores grow: forward in time it does not, and with a
        few rows a class it says more of these rows than of growth."""
        splits = self.prepared.splits
        if splits.kind == "time":
            return False
        targets = self.bench.targets[splits.development]
        if self.bench.task is Task.REGRESSION:
            return True
        every = targets.sum(axis=0) if targets.ndim == 2 else np.bincount(targets)
        there = every[every > 0] / len(splits.development)
        half = float(np.mean([len(fold.train) for fold in splits.folds])) / 2
        return half * len(there) / float((1 / there).sum()) >= LEAST_OF_A_HALF

    @property
    def _repeated(self) -> int:
        """What tells the repeat of one half from that of the other."""
        splits = self.prepared.splits
        return len(splits.folds) + len(splits.further)

    def growth(self) -> float:
        """What is still to come beyond the rows a fold learnt from, in parts of what the last doubling brought."""
        folds = self.prepared.splits.folds
        rows = float(np.mean([len(fold.train) for fold in folds]))
        whole = float(self.labels)
        return float((rows**-DECAY - whole**-DECAY) / ((rows / 2) ** -DECAY - rows**-DECAY))

    @property
    def labels(self) -> int:
        """Labels the model that ships learns from, and so the number at which a verdict holds."""
        splits = self.prepared.splits
        return len(splits.development) + (0 if self.prepared.tested else len(splits.holdout))

    def _terms(self, one: Judged, judged: Mapping[str, Judged], held: Scored | None) -> Terms:
        whole = [(one.seen.rows, one.scored, one.seen.weights)]
        if held is not None:
            rows = self.prepared.splits.holdout
            whole.append((rows, held, np.ones(len(rows))))
        terms: list[tuple[float, Pooled]] = [(1.0, pooled(whole, self.clusters))]
        curve = one if one.half is not None else self._frozen_of(one, judged)
        if curve is not None and curve.half is not None and self._carries:
            less, scored = curve.half
            more = curve.seen
            factor = self._within_reach(terms[0][1].scored, curve.scored, scored)
            terms.append((factor, pooled([(more.rows, curve.scored, more.weights)], self.clusters)))
            terms.append((-factor, pooled([(less.rows, scored, less.weights)], self.clusters)))
        return terms

    def _within_reach(self, whole: Scored, more: Scored, less: Scored) -> float:
        """The factor of growth, so that a score never comes nearer than half way to the best score there is."""
        record, factor = metric(self.metric), self.growth()
        gained = oriented_score(more, self.metric) - oriented_score(less, self.metric)
        missing = record.oriented_bounds[1] - oriented_score(whole, self.metric)
        if not np.isfinite(gained) or not np.isfinite(missing) or gained * factor <= missing / 2:
            return factor
        return float(max(0.0, missing / 2 / gained))

    def _frozen_of(self, one: Judged, judged: Mapping[str, Judged]) -> Judged | None:
        if one.candidate.kind == "control":
            return None
        same = [
            other
            for other in judged.values()
            if other.candidate.strategy.trains is Trains.HEAD and other.candidate.source == one.candidate.source
        ]
        return same[0] if same else None

    def alone(self, scored: Mapping[str, Scored], rows: np.ndarray) -> Jackknife:
        """Some candidates on the same rows, for instance the holdout alone."""
        terms = {name: [(1.0, Pooled(one, self.clusters[rows]))] for name, one in scored.items()}
        return jackknife(terms, self.metric, labels=self._names)

    def fold_scores(self, one: Judged) -> np.ndarray:
        """The oriented score of each fold, for show; nan where a fold cannot have one."""
        found = []
        for fold in self.prepared.splits.folds:
            mask = (one.seen.repeats == fold.repeat) & np.isin(one.seen.rows, fold.test)
            found.append(
                oriented_score(one.scored.take(np.flatnonzero(mask)), self.metric) if mask.any() else float("nan")
            )
        return np.array(found)


@dataclass(frozen=True, eq=False)
class Judgement:
    """What the rows say of all candidates.

    found: their joint jackknife. choice: who was chosen. comparison: chosen less the best control.
    """

    metric: str
    judged: Mapping[str, Judged]
    found: Jackknife
    choice: Choice
    comparison: Comparison

    def score(self, name: str, level: float) -> Interval:
        """A candidate's pooled score, oriented."""
        return score_interval(self.found, name, level=level)


def make_judgement(
    judges: Judges,
    judged: Mapping[str, Judged],
    trials: Mapping[str, Sequence[Fit]],
    held: Mapping[str, Scored],
    *,
    margin: float,
    prior: Prior | None,
) -> Judgement:
    """Compare all candidates and choose. held: scores of the holdout, of those that have a final model."""
    found = judges.compared(judged, held)
    entries = [Entry(name, arithmetic(one.candidate, trials[name]), one.candidate.kind) for name, one in judged.items()]
    choice = choose(found, entries, margin=margin, prior=prior)
    return Judgement(judges.metric, judged, found, choice, compare(found, choice.chosen, choice.control))


def verdict_of(
    judgement: Judgement, holdout: Interval | None, *, margin: float, level: float, under_trained: bool
) -> Verdict:
    """The verdict on the chosen candidate."""
    choice = judgement.choice
    return decide_verdict(
        judgement.found,
        choice.chosen,
        transfers=choice.transfers,
        controls=choice.controls,
        margin=margin,
        level=level,
        holdout=holdout,
        under_trained=under_trained,
    )


def scored(bench: Workbench, rows: np.ndarray, scores: np.ndarray) -> Scored:
    """Raw scores beside the truth."""
    return Scored(str(bench.task), bench.targets[rows], scores)


def test_fraction(splits: Splits) -> float:
    """Share of the rows of a fold that it tests."""
    shares = [len(fold.test) / (len(fold.test) + len(fold.train)) for fold in splits.folds]
    return float(np.mean(shares))


def raw_fold_scores(bench: Workbench, fits: Sequence[Fit], folds: Sequence[Fold], metric_name: str) -> np.ndarray:
    """The oriented score of each fold from raw scores, shape (folds,)."""
    return np.array(
        [
            oriented_score(scored(bench, fold.test, one.scores), metric_name)
            for fold, one in zip(folds, fits, strict=True)
        ]
    )


def arithmetic(candidate: Candidate, fits: Sequence[Fit]) -> float:
    """A deterministic measure of what a candidate costs to train and to run, in parameter passes.

    What a step costs the strategy says. Embeddings are looked up, not multiplied.
    """
    source = candidate.source
    steps = float(np.mean([one.steps for one in fits]))
    trained = float(np.mean([one.trainable for one in fits]))
    if source is None:
        return trained
    weights = [origin.weights for origin in source.origins]
    # What shares vectors among its tokens has fewer numbers than tokens times their width.
    layers = float(sum(max(0, one.parameters - one.vocabulary * one.hidden) for one in weights))
    return layers * _ROWS_ASSUMED + trained + steps * candidate.strategy.passes(layers, trained)


def sentence(verdict: Verdict, choice: Choice, metric_name: str) -> str:
    """The verdict in one sentence for a manager."""
    gap = verdict.difference
    record = metric(metric_name)
    if verdict.outcome is Outcome.NOT_ASKED:
        amount = f"{gap.mean:+.3f} {record.title}{_ends(gap, '+.3f')}"
        amount += "" if record.better == "higher" else ", where + is better"
        # One that costs less is chosen although another scored higher by luck: it is not called the best.
        which = f"The best model is {choice.chosen}"
        if gap.mean <= 0:
            which = f"{choice.chosen} is chosen as the cheapest of equals"
        return f"Nothing pretrained was tried. {which}: {amount} against {verdict.control}."
    shown, best, control = record.title, choice.chosen, choice.control
    if verdict.outcome is Outcome.HELPS:
        amount = f"{gap.mean:.3f} {record.better} {shown}{_ends(gap, '.3f')}"
        return f"Pretraining helps: {best} reaches {amount} than the best model without it, {control}."
    if verdict.outcome is Outcome.HARMS:
        amount = f"{-gap.mean:.3f} {record.worse} {shown}{_ends(gap.reversed, '.3f')}"
        return f"Pretraining harms here: {best} has {amount} than {control}, which needs none."
    amount = f"the difference is {gap.mean:+.3f} {shown}{_ends(gap, '+.3f')}"
    amount += "" if record.better == "higher" else ", where + is better"
    if verdict.outcome is Outcome.TIED:
        return f"Pretraining makes no practical difference: between {best} and {control} {amount}."
    return f"It is not settled whether pretraining helps: between {best} and {control} {amount}."


def _ends(gap: Interval, form: str) -> str:
    return "" if gap.ends is None else f" ({gap.ends[0]:{form}} to {gap.ends[1]:{form}})"
