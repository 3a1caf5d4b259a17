"""Which candidates run, and why, decided before anything is trained.

Decisions: the plan depends on the rows and the effort alone, never on how fast the machine happens to be, so a study
can be repeated; times are estimated beside it. The fewer the labels, the fewer parameters may change. With several
sources, the ones that suit the labels less (LogME) are only tried frozen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from graft.core.errors import InputError
from graft.core.tasks import CLASSES, Task
from graft.facts.study import CueFact
from graft.representations.source import Source
from graft.scores.bodies import is_trained, steps_of, trainable, untrained_words
from graft.scores.fitting import Budget, Candidate
from graft.scores.losses import Loss, loss_named
from graft.scores.strategies import STRATEGIES, Strategy, parse_strategy
from graft.studies.settings import StudySettings

FEW_PER_CLASS, FEW_ROWS = 4, 60
_MOST_STEPS = 4000


@dataclass(frozen=True)
class EffortLevel:
    """What an effort allows.

    epochs, least, most: passes over the rows, and the bounds of the optimiser steps that makes. Strategies say at which
    efforts they are tried; those that tune, on the best ``tuned_sources`` sources. curve: learning curves of tuned
    candidates too.
    tried_first: of the tuned ones only the one runs that pays best in a short try on one fold, if any does. kept: how
    many of the tuned ones go on after the first fold, those with the lowest loss there.
    """

    epochs: int
    least: int
    most: int
    configurations: int
    tuned_sources: int
    curve: bool
    refit: bool = True
    tried_first: bool = False
    kept: int = 2


EFFORTS = {
    "quick": EffortLevel(2, 40, 40, 1, 1, False, False, True),
    "standard": EffortLevel(5, 60, 400, 1, 1, True),
    "thorough": EffortLevel(10, 150, 2000, 3, 2, True, kept=4),
}

_NEXT = dict(pairwise(EFFORTS))


@dataclass(frozen=True)
class PlanEntry:
    """A candidate, whether it runs, and why."""

    candidate: Candidate
    run: bool
    reason: str


def budget_of(settings: StudySettings, training_rows: int, sources: Sequence[Source]) -> Budget:
    """The budget every candidate gets, from the rows of one training fold. sources: all whose weights may be trained,
    the architecture that starts from random ones too."""
    effort, worth = EFFORTS[settings.effort], steps_of(sources)
    batch = int(np.clip(training_rows // 40, 16, worth.batch))
    passes = worth.passes * effort.epochs * -(-training_rows // batch)
    steps = int(np.clip(passes, worth.least * effort.least, worth.most * effort.most))
    return Budget(effort.configurations, min(steps, _MOST_STEPS), batch, refit=effort.refit)


def plan_candidates(
    settings: StudySettings,
    sources: tuple[Source, ...],
    cues: tuple[CueFact, ...],
    targets: np.ndarray,
    task: Task,
    *,
    drawn: Source | None = None,
) -> tuple[PlanEntry, ...]:
    """Candidates and controls, in the order they run, each with the reason why, or why not.

    drawn: the architecture that starts from random weights; that of the best source that can be trained when None.
    Raises InputError for a strategy that was asked for and cannot learn the task, and for a loss by which nothing that
    was asked for would learn.
    """
    best = _ranked(sources, cues)
    whole = _whole_first(best)
    # Where rows are of several kinds, one source alone does not read them.
    begun = drawn or next((one for one in whole if is_trained(one) or one.parts), next(iter(whole), None))
    controls = [
        _controlled(Candidate(one, begun if one.reads_source else None))
        for one in STRATEGIES
        if one.control and (begun is not None or not one.reads_source)
    ]
    asked = settings.strategies != ("auto",)
    planned = (
        *controls,
        *(_asked(settings, sources, task) if asked else _chosen(settings, best, targets, task)),
    )
    loss = loss_named(settings.loss, task)
    return tuple(replace(one, reason=_with_loss(one, loss)) for one in planned)


def _controlled(control: Candidate) -> PlanEntry:
    """A control, and whether what it needs can be trained."""
    strategy, source = control.strategy, control.source
    if source is not None and strategy.trains_backbone and not is_trained(source):
        return PlanEntry(control, False, untrained_words(source))
    return PlanEntry(control, True, strategy.why)


def _asked(settings: StudySettings, sources: tuple[Source, ...], task: Task) -> list[PlanEntry]:
    named = [one for one in (parse_strategy(name) for name in settings.strategies) if not one.control]
    for one in named:
        one.require_task(task)
    loss = loss_named(settings.loss, task)
    if named and all(loss.untouched(one) for one in named):
        learns = [text for one in STRATEGIES if one.tunes and not loss.untouched(one) for text in one.notations]
        raise InputError(
            f"the loss {loss.name}, and {', '.join(map(str, named))}, which does not learn by it",
            needed=f"a strategy that does: {', '.join(learns)}",
            fix="ask for one of those too, or leave out the loss",
        )
    for strategy in named:
        for source in sources:
            if strategy.trains_backbone:
                trainable(source)
    return [
        PlanEntry(Candidate(_fitting(strategy, source), source), True, "asked for")
        for source in sources
        for strategy in named
    ]


def _chosen(settings: StudySettings, best: tuple[Source, ...], targets: np.ndarray, task: Task) -> list[PlanEntry]:
    """What is tried without being asked for: heads on every source, tuning of the best ones."""
    if not best:
        return []
    effort, tried = EFFORTS[settings.effort], [one for one in STRATEGIES if one.tried_at(settings.effort)]
    chosen = [PlanEntry(Candidate(one, source), True, one.why) for source in best for one in tried if not one.tunes]
    whole = _whole_first(best)
    shortlist = [one for one in whole if is_trained(one)][: effort.tuned_sources]
    for place, source in enumerate(whole):
        if place and source.parts:
            continue  # that nothing is tuned here is told once
        for one in (each for family in tried if family.tunes for each in family.tried_at(settings.effort)):
            candidate = Candidate(_fitting(one, source), source)
            chosen.append(_judged(candidate, source in shortlist, targets, task))
    if (more := _NEXT.get(settings.effort)) is not None:
        left = (one for family in STRATEGIES if family not in tried for one in family.tried_at(more))
        why = f"left out at {settings.effort} effort; use --effort {more}"
        trained = [source for source in best[:1] if not source.parts and is_trained(source)]
        chosen += [PlanEntry(Candidate(one, source), False, why) for one in left for source in trained]
    unique: dict[str, PlanEntry] = {}
    for plan in chosen:
        unique.setdefault(plan.candidate.name, plan)
    return list(unique.values())


def _whole_first(best: tuple[Source, ...]) -> tuple[Source, ...]:
    """Sources of all kinds side by side before those of fewer; the same order where each is one."""
    return tuple(sorted(best, key=lambda source: -len(source.parts)))


def _judged(candidate: Candidate, shortlisted: bool, targets: np.ndarray, task: Task) -> PlanEntry:
    """Whether a strategy that tunes suits these rows."""
    strategy = candidate.strategy
    few = _few_labels(targets, task) if strategy.cautious else ""
    if candidate.source is not None and not is_trained(candidate.source):
        return PlanEntry(candidate, False, untrained_words(candidate.source))
    if task not in strategy.tasks:
        return PlanEntry(candidate, False, strategy.untaught)
    if not shortlisted:
        return PlanEntry(candidate, False, "another source suits the labels better before training (LogME)")
    if few:
        return PlanEntry(candidate, False, f"too few labels to change so much: {few}")
    against = "" if strategy.suits is None else strategy.suits(targets, task)
    return PlanEntry(candidate, not against, against or strategy.words(strategy.why))


def _with_loss(planned: PlanEntry, loss: Loss) -> str:
    """The reason, and that the loss does not touch a candidate, where it does not."""
    told = loss.untouched(planned.candidate.strategy) if planned.run else ""
    return f"{planned.reason}; {told}" if told else planned.reason


def _few_labels(targets: np.ndarray, task: Task) -> str:
    if len(targets) < FEW_ROWS:
        return f"{len(targets)} rows, and {FEW_ROWS} are needed"
    if task in CLASSES:
        median = float(np.median(np.bincount(targets)))
        if median < FEW_PER_CLASS:
            return f"{median:g} rows in a typical class, and {FEW_PER_CLASS} are needed"
    return ""


def _fitting(strategy: Strategy, source: Source) -> Strategy:
    """A strategy of upper layers with no more of them than the source has above its first."""
    if not strategy.layers:
        return strategy
    return strategy.of(max(1, min(strategy.layers, source.weights.layers - 1)))


def _ranked(sources: tuple[Source, ...], cues: tuple[CueFact, ...]) -> tuple[Source, ...]:
    suits = {cue.source: cue.value for cue in cues if cue.name == "LogME"}
    return tuple(sorted(sources, key=lambda source: (-suits[source.weights.reference], source.weights.reference)))
