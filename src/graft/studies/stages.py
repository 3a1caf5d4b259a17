"""The stages of a study: the machinery they share, and what each hands to the next."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from graft.bundle.reference import read_reference, why_far, write_reference
from graft.core.intervals import Interval
from graft.core.progress import Progress, Stage
from graft.core.seeds import derive
from graft.core.tasks import CLASSES, Task
from graft.decisions.calibrators import logits
from graft.decisions.costs import CostTable
from graft.engine.engines import Engine, Here
from graft.engine.store import ResultStore
from graft.evidence.comparison import compare
from graft.evidence.metrics import metric, oriented_score
from graft.evidence.pooled import Jackknife
from graft.evidence.predictions import Scored
from graft.evidence.selection import plausible
from graft.evidence.verdict import Outcome, Verdict
from graft.facts.study import (
    DecisionFacts,
    ErrorFact,
    LearningCurveFacts,
    PlanFacts,
    PlannedCandidate,
    RefitFacts,
)
from graft.inputs.dataset import Dataset
from graft.inputs.splits import Fold
from graft.representations.cache import ActivationCache
from graft.scores.bodies import is_trained
from graft.scores.fitting import Candidate, Fit, Weighing
from graft.scores.losses import loss_named
from graft.scores.models import Model
from graft.scores.probe import cores, estimate, seconds_per_step, side_by_side, starting
from graft.scores.training import judged_loss
from graft.scores.workbench import Workbench
from graft.studies.cues import cues_of
from graft.studies.curves import curve_plan, half_trials, learning_curves, with_advice
from graft.studies.decision_facts import decision_facts
from graft.studies.judgement import Judged, Judgement, Judges, make_judgement, verdict_of
from graft.studies.out_of_fold import DecisionParts, OutOfFold, Rule, fit_decisions
from graft.studies.plan import EFFORTS, PlanEntry, budget_of, plan_candidates
from graft.studies.prepared import Prepared
from graft.studies.prior import usual
from graft.studies.settings import StudySettings
from graft.studies.trial_specs import ShortTry, Workplace, rows_file
from graft.studies.trials import TrialRunner

_RULED_OUT, _RULED_OUT_AT_ONCE = 3.0, 5.0
_PAYS = 0.01
_BROKEN = 4.0


@dataclass(frozen=True)
class GatheredTrials:
    """What the folds showed: every trial, every candidate judged, those that were dropped and why, the learning
    curves."""

    trials: dict[str, list[Fit]]
    judged: Mapping[str, Judged]
    dropped: Mapping[str, str]
    curves: LearningCurveFacts | None
    judgement: Judgement


@dataclass(frozen=True, eq=False)
class Concluded:
    """What all rows together said, and the name of the candidate that ships.

    finals: fits on all development rows, of those that scored the holdout. held: these scores, calibrated and decided.
    alone: the holdout alone. warning: what is wrong with a final model, if anything. grown: what the extrapolation to
    all labels added to the difference.
    """

    judgement: Judgement
    verdict: Verdict
    shipped: str
    finals: Mapping[str, Fit]
    held: Mapping[str, Scored]
    alone: Jackknife
    difference: Interval
    curves: LearningCurveFacts
    warning: str
    grown: float


@dataclass(frozen=True, eq=False)
class MeasuredDecisions:
    """How the shipped model's scores become decisions. raw: its scores of the holdout; speed: rows a second."""

    parts: DecisionParts
    raw: np.ndarray
    facts: DecisionFacts
    errors: tuple[ErrorFact, ...]
    speed: float


@dataclass(frozen=True, eq=False)
class Shipped:
    """What the bundle holds: the model, how it decides, and the rows it learnt from (positions)."""

    model: Model
    parts: DecisionParts
    learnt: np.ndarray
    facts: RefitFacts


class Stages:
    """The stages of one study, over the same rows, representations and stored results."""

    def __init__(
        self,
        prepared: Prepared,
        settings: StudySettings,
        out: Path,
        costs: CostTable | None,
        progress: Progress,
        *,
        seal: str = "",
        engine: Engine | None = None,
    ) -> None:
        """out: the folder of the study. seal: of its stored results, as ``seal_of`` gives it; the
        identity of the study when left out. engine: where candidates learn; here when None.
        """
        self.prepared, self.settings, self.out, self.progress = prepared, settings, out, progress
        cache = ActivationCache(limit=settings.cache_limit)
        self.bench = Workbench(prepared.rows, cache, progress)
        self.rule = Rule(costs, _balanced(settings, prepared, costs), settings.seed)
        self.judges = Judges(self.bench, prepared, self.rule)
        self.weights: Weighing = settings.weights
        if settings.weights == "auto" and not self.rule.balanced:
            self.weights = "none"
        self.loss = loss_named(settings.loss, self.bench.task)
        if self.loss.by_costs is not None:
            assert costs is not None, "prepare refuses a loss by costs without costs"
            self.weights = self.loss.by_costs(costs, self.bench.task)
        training = int(np.mean([len(fold.train) for fold in prepared.splits.folds]))
        self.training_rows = training
        self.runner = TrialRunner(
            bench=self.bench,
            place=Workplace(rows_file(out), settings.cache_limit, self.bench),
            store=ResultStore(out / "trials", owner=seal or prepared.identity, tell=progress.say),
            identity=prepared.identity,
            budget=budget_of(settings, training, [*prepared.sources, *filter(None, [prepared.architecture])]),
            weights=self.weights,
            loss=self.loss,
            seed=settings.seed,
            engine=engine or Here(),
        )

    def plan(self) -> tuple[PlanFacts, list[Candidate]]:
        """The plan as facts, and the candidates that run."""
        prepared, settings = self.prepared, self.settings
        development = prepared.splits.development
        cues = tuple(
            cue for source in prepared.sources for cue in cues_of(self.bench, source, development, seed=settings.seed)
        )
        targets = self.bench.targets[prepared.splits.folds[0].train]
        planned = plan_candidates(
            settings, prepared.sources, cues, targets, self.bench.task, drawn=prepared.architecture
        )
        if EFFORTS[settings.effort].tried_first and settings.strategies == ("auto",):
            planned = self._that_pays(planned)
        workers = settings.workers
        # Where some sources are only ever run, one that is trained has the pace that counts.
        timed = next(filter(is_trained, prepared.sources), next(iter(prepared.sources), prepared.architecture))
        batch = self.runner.budget.batch
        running = [one.candidate for one in planned if one.run]
        step = seconds_per_step(
            self.bench, timed, development, [one.strategy for one in running], batch=batch, one_thread=workers > 0
        )
        tried = self.runner.budget.configurations

        folds, further = len(prepared.splits.folds) + 1, len(prepared.splits.further)

        def trial(candidate: Candidate) -> float:
            return estimate(
                candidate, self.runner.budget, rows=self.training_rows, outputs=self.bench.outputs, step=step
            )

        def seconds(candidate: Candidate) -> float:
            return trial(candidate) * (folds if candidate.strategy.trains_backbone else folds + further)

        cheap = [trial(one) for one in running if not one.strategy.trains_backbone]
        total = sum(seconds(one) for one in running)
        if workers:
            # A fold's candidates learn side by side, and the next fold waits for them.
            at_once = min(workers, cores())
            total = (
                starting(workers, cores())
                + folds * side_by_side([trial(one) for one in running], at_once)
                + further * side_by_side(cheap, at_once)
            )
        facts = PlanFacts(
            effort=settings.effort,
            candidates=tuple(
                PlannedCandidate(
                    source=one.candidate.source.weights.reference if one.candidate.source else "",
                    strategy=str(one.candidate.strategy),
                    run=one.run,
                    reason=one.reason,
                    seconds=seconds(one.candidate) if one.run else 0.0,
                )
                for one in planned
            ),
            cues=cues,
            seconds=total * (1.3 if EFFORTS[settings.effort].curve else 1.1),
            budget=(
                f"{tried} configuration{'' if tried == 1 else 's'}, "
                f"each of {self.runner.budget.steps} optimiser steps at most"
            ),
        )
        return facts, running

    def _that_pays(self, planned: tuple[PlanEntry, ...]) -> tuple[PlanEntry, ...]:
        """Of the candidates that tune, only the one that gains most in a short try on one fold, if one gains at all."""
        fold, steps = self.prepared.splits.folds[0], max(1, self.runner.budget.steps // 2)
        tuned = [one for one in planned if one.run and one.candidate.strategy.tunes]
        with self.progress.stage("short tries", len(tuned), "tries") as stage:
            found = self.runner.learn([self._short_try(one.candidate, fold, steps) for one in tuned], stage)
        gains = {one.candidate.name: gain for one, gain in zip(tuned, found, strict=True)}
        best = max(gains, key=lambda name: (gains[name].mean, name), default="")
        decided = []
        for one in planned:
            gain = gains.get(one.candidate.name)
            if gain is None:
                decided.append(one)
                continue
            pays = gain.mean > max(_PAYS, gain.error)
            runs = one.candidate.name == best and pays
            way = "lowered" if gain.mean > 0 else "raised"
            what = f"{steps} steps on one fold {way} the loss of its other rows by {abs(gain.mean):.3f} a row"
            if 0 < gain.mean <= gain.error:
                what += f", no more than chance ({gain.error:.3f})"
            why = what if runs else f"left out at quick effort: {what}" + (f", {best} by more" if pays else "")
            decided.append(replace(one, run=runs, reason=why))
        return tuple(decided)

    def _short_try(self, candidate: Candidate, fold: Fold, steps: int) -> ShortTry:
        return ShortTry(
            title="short try",
            rows=self.prepared.rows.fingerprint,
            source=candidate.source,
            strategy=str(candidate.strategy),
            label=candidate.label,
            train=fold.train,
            test=fold.test,
            budget=replace(self.runner.budget, steps=steps),
            seed=self.settings.seed,
            weights=self.weights,
            loss=self.loss.name,
        )

    def gather(self, candidates: list[Candidate]) -> GatheredTrials:
        """Every candidate on every fold, judged, and the learning curves that belong to it."""
        folds, settings = self.prepared.splits.folds, self.settings
        by_name = {one.name: one for one in candidates}

        def ruled_out(found: dict[str, list[Fit]], done: Sequence[Fold]) -> dict[str, str]:
            going = {name: by_name[name] for name in found}
            outrun = self._outrun(going, found, done)
            left = {name: one for name, one in going.items() if name not in outrun}
            return outrun | self._ruled_out(left, {name: found[name] for name in left}, done)

        trials, dropped = self.runner.run_all(candidates, folds, ruled_out=ruled_out, progress=self.progress)
        cheap = [one for one in candidates if not one.strategy.trains_backbone]
        more = self.prepared.splits.further
        further, _ = self.runner.run_all(cheap, more, progress=self.progress) if more else ({}, {})
        halves = half_trials(self.runner, candidates, self.prepared.splits)
        judged = {
            one.name: self.judges.judge(one, [*trials[one.name], *further.get(one.name, ())], halves.get(one.name, ()))
            for one in candidates
        }
        going = {name: one for name, one in judged.items() if name not in dropped}
        judgement = self._judgement(going, trials, {})
        asked = curve_plan(candidates, judgement, self.prepared.splits, tuned=EFFORTS[settings.effort].curve)
        curves = learning_curves(self.runner, asked, trials, judgement, settings, progress=self.progress)
        return GatheredTrials(trials, judged, dropped, curves, judgement)

    def conclude(self, candidates: list[Candidate], gathered: GatheredTrials) -> Concluded:
        """The holdout opened: the verdict over all rows, and the model that ships."""
        settings, first = self.settings, gathered.judgement
        going = {name: one for name, one in gathered.judged.items() if name not in gathered.dropped}
        names = self._contenders(first)
        finals = self._finals([one for one in candidates if one.name in names])
        held = {name: self.judges.holdout(gathered.judged[name], final.scores) for name, final in finals.items()}
        judgement = self._judgement(going, gathered.trials, held)
        choice = judgement.choice
        rows = self.prepared.splits.holdout
        alone = self.judges.alone(held, rows)
        difference = compare(alone, choice.chosen, choice.control, drift=0.0).interval(settings.level)
        verdict = verdict_of(
            judgement,
            difference,
            margin=self.prepared.margin,
            level=settings.level,
            under_trained=any(fitted.under_trained for fitted in gathered.trials[choice.chosen]),
        )
        shipped = self._shipped(choice.chosen, choice.control, choice.expected, verdict.outcome)
        shipped, warning = self._sound(shipped, judgement, alone)
        grown = judgement.comparison.estimate - _measured(self.judges, going, held, choice.chosen, choice.control)
        curves = gathered.curves or LearningCurveFacts(points=())
        if verdict.outcome is not Outcome.NOT_ASKED:
            curves = with_advice(
                curves,
                judgement.comparison,
                len(self.prepared.rows),
                settings,
                margin=self.prepared.margin,
                settled=verdict.outcome is not Outcome.INCONCLUSIVE,
            )
        return Concluded(judgement, verdict, shipped, finals, held, alone, difference, curves, warning, grown)

    def decide(self, gathered: GatheredTrials, concluded: Concluded) -> MeasuredDecisions:
        """Calibration, thresholds and intervals of the measured model, and what they are worth on the holdout."""
        judged = gathered.judged[concluded.shipped]
        rows = self.prepared.splits.holdout
        holdout = self.prepared.rows.take(rows)
        model = concluded.finals[concluded.shipped].model
        assert model is not None
        began = time.perf_counter()
        raw = model.scores(holdout, progress=self.progress)
        speed = len(holdout) / max(1e-9, time.perf_counter() - began)
        facts, errors = decision_facts(
            judged.parts,
            holdout,
            raw,
            self.bench.targets[judged.seen.rows],
            clusters=self.prepared.clusters[rows],
            seed=self.settings.seed,
            level=self.settings.level,
            far=self._far(model, judged.parts, holdout),
        )
        return MeasuredDecisions(judged.parts, raw, facts, errors, speed)

    def _far(self, model: Model, parts: DecisionParts, holdout: Dataset) -> np.ndarray | None:
        """Rows of the holdout that the measured model would abstain on as unlike what it learnt; None if it never does.

        The reference is made as a bundle makes it, so that costs are measured of what ships.
        """
        if parts.policy is None or not parts.policy.abstains:
            return None
        learnt = self.prepared.rows.take(self.prepared.splits.development)
        with TemporaryDirectory() as place:
            folder = Path(place)
            write_reference(
                folder, model, learnt, keep_rows=self.settings.keep_rows, cache=self.bench.cache, progress=self.progress
            )
            reference = read_reference(folder, model, learnt.kind)
        vectors = model.seen(holdout, cache=self.bench.cache)
        return np.array([why is not None for why in why_far(reference, holdout.contents, vectors)], bool)

    def ship(self, candidates: list[Candidate], gathered: GatheredTrials, concluded: Concluded) -> Shipped:
        """The model of the bundle: the measured one, learnt once more from all rows unless something forbids it."""
        splits, name = self.prepared.splits, concluded.shipped
        measured = concluded.finals[name].model
        assert measured is not None
        judged = gathered.judged[name]
        kept = Shipped(
            measured,
            judged.parts,
            splits.development,
            RefitFacts(done=False, rows=len(splits.development), agreement=None, statement=""),
        )
        if self.prepared.tested:
            return _said(kept, "the test file's rows are never learnt from: this is the very model that was measured")
        if not self.settings.refit:
            return _said(kept, "not asked for: this is the very model that was measured")
        everything = np.sort(np.concatenate([splits.development, splits.holdout]))
        candidate = next(one for one in candidates if one.name == name)
        with self.progress.stage("last refit", 1, "models") as stage:
            again = self._fit([candidate], everything, self.out / "models" / "refit", stage)[name]
        assert again.model is not None
        parts = fit_decisions(self.bench, self._all_unseen(judged.seen, concluded.finals[name]), self.rule)
        new = self.judges.bench
        before, after = concluded.held[name], Judged(candidate, judged.seen, parts, judged.scored)
        now = self.judges.holdout(after, again.scores)
        if new.task is Task.REGRESSION:
            spread = float(np.std(before.targets)) or 1.0
            agreement = float(max(0.0, 1 - np.sqrt(np.mean((before.scores - now.scores) ** 2)) / spread))
        else:
            agreement = float((before.decided == now.decided).mean())
        found = self.judges.alone({"measured": before, "again": now}, splits.holdout)
        worse = compare(found, "measured", "again", drift=0.0)
        if worse.distance(0.0) > _RULED_OUT and worse.estimate > 2 * self.prepared.margin:
            return _said(
                kept,
                f"learning from all rows gave a worse model ({-worse.estimate:+.3f}, on rows it had seen): not used",
            )
        rows = len(everything)
        statement = (
            f"learnt once more from all {rows:,} rows after it was measured; it decides {agreement:.0%} of the "
            "holdout's rows as the measured model did. All figures here were measured before that."
        )
        facts = RefitFacts(done=True, rows=rows, agreement=agreement, statement=statement)
        return Shipped(again.model, parts, everything, facts)

    def _all_unseen(self, seen: OutOfFold, final: Fit) -> OutOfFold:
        """Out-of-fold rows and the holdout, all scored by models that had not seen them."""
        rows = self.prepared.splits.holdout
        folds = (np.arange(len(rows)) % max(1, int(seen.folds.max()) + 1)).astype(seen.folds.dtype)
        return OutOfFold(
            np.concatenate([seen.rows, rows]),
            np.concatenate([seen.scores, final.scores]),
            np.concatenate([seen.folds, folds]),
            np.concatenate([seen.repeats, np.full(len(rows), int(seen.repeats.min()))]),
            np.concatenate([seen.weights, np.ones(len(rows))]),
        )

    def _judgement(
        self, judged: Mapping[str, Judged], trials: Mapping[str, list[Fit]], held: Mapping[str, Scored]
    ) -> Judgement:
        prior = usual([one.candidate for one in judged.values()], self.bench, self.prepared, self.settings)
        return make_judgement(self.judges, judged, trials, held, margin=self.prepared.margin, prior=prior)

    def _ruled_out(
        self, candidates: dict[str, Candidate], found: dict[str, list[Fit]], done: Sequence[Fold]
    ) -> dict[str, str]:
        """Candidates that cost a lot and are clearly behind on the folds so far; the best is never among them."""
        sure = _RULED_OUT if len(done) > 1 else _RULED_OUT_AT_ONCE
        dear = [name for name, one in candidates.items() if one.strategy.trains_backbone]
        # A rule of decision is fitted on two rows or more beside those of a fold; rows of one class may have no score.
        sizes = [len(fold.test) for fold in done]
        if not dear or (sum(sizes) - max(sizes) if len(sizes) > 1 else sizes[0]) < 2:
            return {}
        judged = {name: self.judges.judge(one, found[name]) for name, one in candidates.items()}
        if any(np.isnan(oriented_score(one.scored, self.prepared.metric)) for one in judged.values()):
            return {}
        seen = self.judges.compared(judged, {})
        out = {}
        for name in dear:
            # Only another that transfers rules out one that does: even far behind a control, the best reuse counts.
            rivals = [one for one in seen.names if candidates[name].kind in ("control", candidates[one].kind)]
            best = max(rivals, key=lambda one: (seen.estimate(one), one))
            lead = compare(seen, best, name)
            if name != best and lead.distance(self.prepared.margin) > sure:
                after = "1 fold" if len(done) == 1 else f"{len(done)} folds"
                out[name] = f"stopped after {after}: {lead.estimate:.3f} behind {best}, more than chance can make up"
        return out

    def _outrun(
        self, candidates: dict[str, Candidate], found: dict[str, list[Fit]], done: Sequence[Fold]
    ) -> dict[str, str]:
        """Of the tuned candidates, those whose loss on the first fold is not among the lowest: they go no further.

        They are not shown to be worse, only less promising. With two of four or of eight going on after a fifth of the
        rows, simulated verdicts are false as rarely as without (``bench verdicts``, "4 to 2").
        """
        kept = EFFORTS[self.settings.effort].kept
        tuned = [name for name, one in candidates.items() if one.strategy.tunes]
        # Whoever names strategies wants each of them measured.
        if self.settings.strategies != ("auto",) or len(done) != 1 or len(tuned) <= kept:
            return {}
        rows, task = done[0].test, self.bench.task

        def loss(name: str) -> float:
            scores = found[name][0].scores
            values = scores[:, None] if task is Task.REGRESSION else logits(scores, str(task))
            even = np.ones(self.bench.outputs, np.float32)
            targets = self.bench.targets[rows]
            targets = targets.astype(np.float32) if task in (Task.REGRESSION, Task.MULTILABEL) else targets
            return judged_loss(values.astype(np.float32), targets, task, even, self.loss)

        order = sorted(tuned, key=lambda name: (loss(name), name))
        best = " and ".join(order[:kept]) if kept < 3 else f"{kept} others"
        return dict.fromkeys(order[kept:], f"stopped after 1 fold: its loss there was higher than that of {best}")

    def _contenders(self, judgement: Judgement) -> set[str]:
        """Who scores the holdout: the chosen, the best control, and whoever may yet turn out best."""
        choice = judgement.choice
        names = {choice.chosen, choice.control, choice.expected, choice.best}
        names |= set(plausible(judgement.found, choice.transfers)) | set(plausible(judgement.found, choice.controls))
        return names

    def _finals(self, candidates: Sequence[Candidate]) -> dict[str, Fit]:
        """Models learnt from all development rows, that score the holdout."""
        place = self.out / "models" / "final"
        with self.progress.stage("final models", len(candidates), "models") as stage:
            return self._fit(candidates, self.prepared.splits.development, place, stage)

    def _fit(self, candidates: Sequence[Candidate], rows: np.ndarray, keep: Path, stage: Stage) -> dict[str, Fit]:
        """Models learnt from ``rows`` that score the holdout, by name; what they need on disk is in ``keep``."""
        shutil.rmtree(keep, ignore_errors=True)
        whole = Fold(-1, -1, rows, self.prepared.splits.holdout)
        specs = [
            replace(
                self.runner.spec(one, whole, title="final model"),
                seed=derive(self.settings.seed, "final"),
                keep=keep / str(number),
            )
            for number, one in enumerate(candidates)
        ]
        fits = self.runner.learn(specs, stage)
        return {one.name: fitted for one, fitted in zip(candidates, fits, strict=True)}

    def _shipped(self, chosen: str, control: str, expected: str, outcome: Outcome) -> str:
        """The model to ship: what was shown to be better, the simpler of two that do not differ, else what is
        expected."""
        if outcome in (Outcome.HELPS, Outcome.NOT_ASKED):
            return chosen
        if outcome in (Outcome.HARMS, Outcome.TIED) or self.settings.cautious:
            return control
        return expected

    def _sound(self, shipped: str, judgement: Judgement, alone: Jackknife) -> tuple[str, str]:
        """The name to ship, and a warning when its final model is far below what its folds promised.

        A shift between folds and holdout moves all models; a broken final model falls alone, and is replaced by the one
        that scored the holdout best.
        """
        warnings = []
        for _ in alone.names:
            folds = judgement.judged[shipped].scored
            promised = self.judges.alone({shipped: folds}, judgement.judged[shipped].seen.rows)
            gap = promised.estimate(shipped) - alone.estimate(shipped)
            error = float(
                np.hypot(*(np.sqrt(np.square(one.moves(shipped)).sum()) + one.grain for one in (promised, alone)))
            )
            if alone.withheld or gap <= max(_BROKEN * error, 5 * self.prepared.margin):
                break
            others = [
                name
                for name in alone.names
                if name != shipped and alone.estimate(name) > alone.estimate(shipped) + self.prepared.margin
            ]
            said = (
                f"the final model of {shipped} scored {alone.estimate(shipped):.3f} on the holdout where its folds had "
                f"{promised.estimate(shipped):.3f}: far more than chance"
            )
            if not others:
                warnings.append(
                    f"{said}. Every model fell, so the holdout's rows differ from the others: find out how."
                )
                break
            better = max(others, key=lambda name: (alone.estimate(name), name))
            warnings.append(f"{said}, so {better} ships instead.")
            shipped = better
        return shipped, " ".join(warnings)


def _measured(
    judges: Judges, judged: Mapping[str, Judged], held: Mapping[str, Scored], chosen: str, control: str
) -> float:
    """The difference as it was measured, before it is carried on to all labels."""
    bare = {name: replace(judged[name], half=None) for name in (chosen, control)}
    found = judges.compared(bare, held)
    return found.estimate(chosen) - found.estimate(control)


def _said(kept: Shipped, statement: str) -> Shipped:
    return replace(kept, facts=kept.facts.model_copy(update={"statement": statement}))


def _balanced(settings: StudySettings, prepared: Prepared, costs: CostTable | None) -> bool:
    """Whether all classes are to count alike: the metric averages over them and no costs say otherwise."""
    if prepared.rows.contract.task not in CLASSES or costs is not None:
        return False
    if settings.weights == "none":
        return False
    return settings.weights == "balanced" or metric(prepared.metric).steps == "classes"
