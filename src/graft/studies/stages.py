"""The stages of a study: the machinery they share, and what each hands to the next."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graft.core.progress import Progress
from graft.core.seeds import derive
from graft.decisions.costs import CostTable
from graft.engine.store import ResultStore
from graft.evidence.verdict import Verdict
from graft.representations.cache import ActivationCache
from graft.scores.fitting import Candidate, Fit, fit
from graft.scores.models import Model
from graft.scores.probe import estimate, seconds_per_step
from graft.scores.workbench import Workbench
from graft.studies.cues import cues_of
from graft.studies.curves import curve_plan, learning_curves
from graft.studies.deciding import DecisionParts, decision_facts, fit_decisions, out_of_fold
from graft.studies.judging import HoldoutScores, Judgement, judge, score_holdout, scored, verdict_of
from graft.studies.plan import EFFORTS, budget_of, plan_candidates
from graft.studies.preparing import Prepared
from graft.studies.record import DecisionFacts, ErrorFact, LearningCurveFacts, PlanFacts, PlannedCandidate
from graft.studies.settings import StudySettings
from graft.studies.trials import TrialRunner
from graft.studies.writing import Final


@dataclass(frozen=True)
class Gathered:
    """What the folds showed: every trial, the comparison, the learning curves."""

    trials: dict[str, list[Fit]]
    judgement: Judgement
    curves: LearningCurveFacts | None


@dataclass(frozen=True)
class Concluded:
    """What the holdout said, and the name of the candidate that ships."""

    final: Final
    holdout: HoldoutScores
    verdict: Verdict
    shipped: str

    @property
    def model(self) -> Model:
        """The model that ships."""
        model = self.final.fit_of(self.shipped).model
        assert model is not None
        return model


@dataclass(frozen=True)
class Decided:
    """How the shipped model's scores become decisions. raw: its scores of the holdout; speed: rows a second."""

    parts: DecisionParts
    raw: np.ndarray
    facts: DecisionFacts
    errors: tuple[ErrorFact, ...]
    speed: float


class Stages:
    """The stages of one study, over the same rows, representations and stored results."""

    def __init__(self, prepared: Prepared, settings: StudySettings, out: Path, progress: Progress) -> None:
        self.prepared, self.settings, self.out, self.progress = prepared, settings, out, progress
        cache = ActivationCache(limit=settings.cache_limit)
        self.bench = Workbench(prepared.rows, cache, progress)
        training = int(np.mean([len(fold.train) for fold in prepared.splits.folds]))
        self.training_rows = training
        self.runner = TrialRunner(
            bench=self.bench,
            store=ResultStore(out / "trials"),
            identity=prepared.identity,
            budget=budget_of(settings, training),
            weights=settings.weights,
            seed=settings.seed,
        )

    def plan(self) -> tuple[PlanFacts, list[Candidate]]:
        """The plan as facts, and the candidates that run."""
        prepared, settings = self.prepared, self.settings
        development = prepared.splits.development
        cues = tuple(
            cue for source in prepared.sources for cue in cues_of(self.bench, source, development, seed=settings.seed)
        )
        targets = self.bench.targets[prepared.splits.folds[0].train]
        planned = plan_candidates(settings, prepared.sources, cues, targets, self.bench.task)
        step = seconds_per_step(self.bench, prepared.sources[0], development)
        trials = len(prepared.splits.folds)

        def seconds(candidate: Candidate) -> float:
            one = estimate(
                candidate, self.runner.budget, rows=self.training_rows, outputs=self.bench.outputs, step=step
            )
            return one * (trials + 1)

        facts = PlanFacts(
            effort=settings.effort,
            candidates=tuple(
                PlannedCandidate(
                    source=one.candidate.source.reference if one.candidate.source else "",
                    strategy=str(one.candidate.strategy),
                    run=one.run,
                    reason=one.reason,
                    seconds=seconds(one.candidate) if one.run else 0.0,
                )
                for one in planned
            ),
            cues=cues,
            seconds=sum(seconds(one.candidate) for one in planned if one.run)
            * (1.3 if EFFORTS[settings.effort].curve else 1.1),
            budget=(
                f"{self.runner.budget.configurations} configuration(s), "
                f"each of {self.runner.budget.steps} optimiser steps at most"
            ),
        )
        return facts, [one.candidate for one in planned if one.run]

    def gather(self, candidates: list[Candidate]) -> Gathered:
        """Every candidate on every fold, judged, and the learning curves that belong to it."""
        folds, settings = self.prepared.splits.folds, self.settings
        trials = self.runner.run_all(candidates, folds, progress=self.progress)
        judgement = judge(self.bench, candidates, trials, self.prepared.splits, settings, self.prepared.metric)
        asked = curve_plan(candidates, judgement, self.prepared.splits, tuned=EFFORTS[settings.effort].curve)
        curves = learning_curves(self.runner, asked, trials, judgement, settings, progress=self.progress)
        return Gathered(trials, judgement, curves)

    def conclude(self, candidates: list[Candidate], gathered: Gathered) -> Concluded:
        """The chosen candidate and the best control on the holdout, the verdict, and the model that ships."""
        final = self._finals(candidates, gathered.judgement)
        held = self.prepared.splits.holdout
        groups = self.prepared.rows.groups
        scores = score_holdout(
            scored(self.bench, held, final.chosen.scores),
            scored(self.bench, held, final.control.scores),
            self.prepared.metric,
            seed=self.settings.seed,
            level=self.settings.level,
            groups=None if groups is None else groups[held],
        )
        verdict = verdict_of(gathered.judgement, gathered.trials, scores.difference, self.settings)
        return Concluded(final, scores, verdict, _shipped(gathered.judgement, verdict.outcome.value))

    def decide(self, gathered: Gathered, concluded: Concluded, costs: CostTable | None) -> Decided:
        """Calibration, thresholds and intervals from the out-of-fold scores of the shipped model."""
        seen = out_of_fold(gathered.trials[concluded.shipped], self.prepared.splits)
        parts = fit_decisions(self.bench, seen, costs, self.settings.seed)
        holdout = self.prepared.rows.take(self.prepared.splits.holdout)
        began = time.perf_counter()
        raw = concluded.model.scores(holdout, progress=self.progress)
        speed = len(holdout) / max(1e-9, time.perf_counter() - began)
        targets = self.bench.targets[seen.rows]
        facts, errors = decision_facts(parts, holdout, raw, targets, seed=self.settings.seed, level=self.settings.level)
        return Decided(parts, raw, facts, errors, speed)

    def _finals(self, candidates: list[Candidate], judgement: Judgement) -> Final:
        """The chosen candidate and the best control, learnt from all development rows and scored on the holdout."""
        by_name = {one.name: one for one in candidates}
        assert judgement.choice.control is not None
        names = (judgement.choice.chosen, judgement.choice.control)
        with self.progress.stage("final models", len(names), "models") as stage:
            fits = []
            for place, name in enumerate(names):
                fits.append(self._final(by_name[name], self.out / "models" / str(place)))
                stage.advance(1, name)
        return Final(names[0], names[1], fits[0], fits[1])

    def _final(self, candidate: Candidate, keep: Path) -> Fit:
        shutil.rmtree(keep, ignore_errors=True)
        return fit(
            self.bench,
            candidate,
            self.prepared.splits.development,
            self.prepared.splits.holdout,
            budget=self.runner.budget,
            seed=derive(self.settings.seed, "final"),
            weights=self.settings.weights,
            keep=keep,
        )


def _shipped(judgement: Judgement, outcome: str) -> str:
    """The best honest model: the control when the source harms, or when nothing speaks for the source."""
    choice = judgement.choice
    assert choice.control is not None
    if outcome == "helps":
        return choice.chosen
    return choice.control if outcome in ("harms", "no practical difference") else choice.ship
