"""Which candidates run, and why, decided before anything is trained.

Decisions: the plan depends on the rows and the effort alone, never on how fast the machine happens to be, so a study
can be repeated; times are estimated beside it. The fewer the labels, the fewer parameters may change. With several
sources, the ones that suit the labels less (LogME) are only tried frozen.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.tasks import CLASSES, Task
from graft.facts.study import CueFact
from graft.representations.sources import Source
from graft.scores.fitting import Budget, Candidate
from graft.scores.strategies import Kind, Strategy, parse_strategy
from graft.studies.settings import StudySettings

FEW_PER_CLASS, FEW_ROWS = 4, 60
MANY_PER_CLASS, FEWEST_PER_CLASS = 64, 2


@dataclass(frozen=True)
class EffortLevel:
    """What an effort allows.

    epochs, least, most: passes over the rows, and the bounds of the optimiser steps that makes. tuned: strategies
    besides ``frozen``, on the best ``tuned_sources`` sources. curve: learning curves of tuned candidates too.
    tried_first: of the tuned ones only the one runs that pays best in a short try on one fold, if any does. kept: how
    many of the tuned ones go on after the first fold, those with the lowest loss there.
    """

    epochs: int
    least: int
    most: int
    configurations: int
    tuned: tuple[str, ...]
    tuned_sources: int
    curve: bool
    refit: bool = True
    tried_first: bool = False
    kept: int = 2


EFFORTS = {
    "quick": EffortLevel(2, 40, 40, 1, ("full", "contrastive:3"), 1, False, False, True),
    "standard": EffortLevel(5, 60, 400, 1, ("partial:2", "contrastive:3", "lora", "full"), 1, True),
    "thorough": EffortLevel(
        10, 150, 2000, 3, ("partial:1", "partial:2", "contrastive:3", "lora", "full"), 2, True, kept=4
    ),
}


@dataclass(frozen=True)
class PlanEntry:
    """A candidate, whether it runs, and why."""

    candidate: Candidate
    run: bool
    reason: str


def budget_of(settings: StudySettings, training_rows: int) -> Budget:
    """The budget every candidate gets, from the rows of one training fold."""
    effort = EFFORTS[settings.effort]
    steps = effort.epochs * -(-training_rows // 16)
    return Budget(effort.configurations, int(np.clip(steps, effort.least, effort.most)), refit=effort.refit)


def plan_candidates(
    settings: StudySettings, sources: tuple[Source, ...], cues: tuple[CueFact, ...], targets: np.ndarray, task: Task
) -> tuple[PlanEntry, ...]:
    """Candidates and controls, in the order they run."""
    controls = [
        PlanEntry(Candidate(Strategy(Kind.MAJORITY)), True, "control: what saying the same of every row scores"),
        PlanEntry(Candidate(Strategy(Kind.CLASSICAL)), True, "control: what no neural network at all scores"),
    ]
    best = _ranked(sources, cues)
    controls.append(
        PlanEntry(
            Candidate(Strategy(Kind.SCRATCH), best[0]), True, "control: the same architecture without its pretraining"
        )
    )
    if settings.strategies != ("auto",):
        named = [parse_strategy(name) for name in settings.strategies]
        named = [strategy for strategy in named if not strategy.is_control]
        asked = [
            PlanEntry(Candidate(_fitting(strategy, source), source), True, "asked for")
            for source in sources
            for strategy in named
        ]
        return (*controls, *asked)
    chosen = [
        PlanEntry(Candidate(Strategy(Kind.FROZEN), source), True, "cheapest, and safe with few labels")
        for source in best
    ]
    effort = EFFORTS[settings.effort]
    for source in best:
        for name in effort.tuned:
            strategy = _fitting(parse_strategy(name), source)
            chosen.append(
                _judged(Candidate(strategy, source), best.index(source) < effort.tuned_sources, targets, task)
            )
    if settings.effort == "quick":
        for name in ("partial:2", "lora"):
            skipped = Candidate(parse_strategy(name), best[0])
            chosen.append(PlanEntry(skipped, False, "left out at quick effort; use --effort standard"))
    unique = {plan.candidate.name: plan for plan in reversed(chosen)}
    return (*controls, *(plan for plan in chosen if unique[plan.candidate.name] is plan))


def _judged(candidate: Candidate, shortlisted: bool, targets: np.ndarray, task: Task) -> PlanEntry:
    few = _few_labels(targets, task)
    strategy = candidate.strategy
    if strategy.kind is Kind.CONTRASTIVE:
        return _judged_pairs(candidate, shortlisted, targets, task)
    if not shortlisted:
        return PlanEntry(candidate, False, "another source suits the labels better before training (LogME)")
    if few and strategy.kind in (Kind.FULL, Kind.LORA):
        return PlanEntry(candidate, False, f"too few labels to change so much: {few}")
    if strategy.kind is Kind.PARTIAL:
        return PlanEntry(candidate, True, "adapts the upper layers; the lower ones are run once and cached")
    if strategy.kind is Kind.LORA:
        return PlanEntry(candidate, True, "adapts every layer through few parameters")
    return PlanEntry(candidate, True, "adapts everything, from the solved head")


def _judged_pairs(candidate: Candidate, shortlisted: bool, targets: np.ndarray, task: Task) -> PlanEntry:
    """Pairs are many where rows are few; where rows are many, the rows say it themselves."""
    if task is Task.REGRESSION:
        return PlanEntry(candidate, False, "a number has no label that two rows share")
    if not shortlisted:
        return PlanEntry(candidate, False, "another source suits the labels better before training (LogME)")
    counts = targets.sum(0) if task is Task.MULTILABEL else np.bincount(targets)
    typical = float(np.median(counts[counts > 0]))
    if typical < FEWEST_PER_CLASS:
        return PlanEntry(candidate, False, "a typical class has a single row, so no two rows share a label")
    if typical > MANY_PER_CLASS:
        return PlanEntry(candidate, False, f"{typical:g} rows in a typical class: pairs are for few labels")
    return PlanEntry(candidate, True, "few labels make many pairs, which adapt the upper layers")


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
    return Strategy(strategy.kind, max(1, min(strategy.layers, source.layers - 1)))


def _ranked(sources: tuple[Source, ...], cues: tuple[CueFact, ...]) -> tuple[Source, ...]:
    suits = {cue.source: cue.value for cue in cues if cue.name == "LogME"}
    return tuple(sorted(sources, key=lambda source: (-suits[source.reference], source.reference)))
