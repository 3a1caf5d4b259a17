"""The study, from a table to a verdict, a bundle and ``study.json``.

The order is the argument: the rows are understood before anything is trained, the plan is stated before it is
followed, the controls run beside the candidates, the choice is made on folds, and the holdout is opened once, at the
end.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graft.bundle import Bundle, BundleParts, Lineage, load_bundle, write_bundle
from graft.core.digests import file_sha256
from graft.core.errors import GateNotMet, InputError
from graft.core.files import write_json, write_text
from graft.core.progress import SILENT, Progress
from graft.core.seeds import derive
from graft.core.version import __version__
from graft.engine.store import ResultStore
from graft.inputs.reading import Table, read_frame
from graft.inputs.roles import Roles
from graft.representations.cache import ActivationCache
from graft.scores.fitting import Candidate, Fit, fit
from graft.scores.probe import estimate, seconds_per_step
from graft.scores.workbench import Workbench
from graft.studies.cues import cues_of
from graft.studies.curves import curve_plan, learning_curves
from graft.studies.deciding import decision_facts, fit_decisions, out_of_fold, read_costs
from graft.studies.findings import optimism
from graft.studies.judging import Judgement, judge, score_holdout, scored, verdict_of
from graft.studies.place import claim, count_opening, read_study
from graft.studies.plan import EFFORTS, budget_of, plan_candidates
from graft.studies.preparing import Prepared, prepare
from graft.studies.record import PlanFacts, PlannedCandidate, StudyRecord
from graft.studies.settings import StudySettings
from graft.studies.trials import TrialRunner
from graft.studies.writing import Final, Findings, compose

_SAMPLE_ROWS = 16


@dataclass(frozen=True)
class StudyResult:
    """A finished study. folder: where its bundle, ``study.json`` and results are."""

    record: StudyRecord
    folder: Path

    @property
    def verdict(self) -> str:
        """``helps``, ``no practical difference``, ``harms`` or ``inconclusive``."""
        return self.record.verdict.outcome

    @property
    def bundle(self) -> Bundle:
        """The saved model, verified and loaded."""
        held = self.__dict__.get("_bundle")
        if held is None:
            held = load_bundle(self.folder / "bundle")
            object.__setattr__(self, "_bundle", held)
        return held

    def require(self, outcome: str) -> None:
        """Raise GateNotMet unless the verdict is ``outcome``."""
        if self.record.verdict.outcome != outcome:
            raise GateNotMet(
                f"the verdict is {self.record.verdict.outcome!r}",
                needed=f"{outcome!r}",
                fix=self.record.next_steps[0] if self.record.next_steps else "",
            )


def run_study(
    source: Any,
    settings: StudySettings,
    *,
    out: Path,
    costs: Path | None = None,
    after: Path | None = None,
    progress: Progress = SILENT,
    on_plan: Callable[[PlanFacts], None] = lambda plan: None,
) -> StudyResult:
    """Run a study, or continue one that was interrupted.

    source: whatever ``read_frame`` accepts. out: its folder. costs: a cost table. after: the folder of an earlier
    study on fewer labels; its holdout is kept out again. on_plan: called with the plan before anything is trained.
    """
    started = time.perf_counter()
    table = read_frame(source)
    earlier = None if after is None else read_study(after)
    held = None if after is None else _held_texts(after)
    prepared = prepare(table, settings, held_texts=held, costs="" if costs is None else file_sha256(_there(costs)))
    claim(out, prepared.identity)
    done = _finished(out, prepared.identity)
    if done is not None:
        progress.say(f"this study is finished: its results are in {out}")
        return done
    study = _Study(prepared, settings, out, progress)
    # A cost table that does not fit must stop the study before hours of training, not after.
    costs_table = read_costs(costs, prepared.rows.contract.labels, prepared.rows.contract.task)
    plan, candidates = study.plan()
    on_plan(plan)
    trials = study.runner.run_all(candidates, prepared.splits.folds, progress=progress)
    judgement = judge(study.bench, candidates, trials, prepared.splits, settings, prepared.metric)
    curves = learning_curves(
        study.runner,
        curve_plan(candidates, judgement, prepared.splits, tuned=EFFORTS[settings.effort].curve),
        trials,
        judgement,
        settings,
        progress=progress,
    )
    final = study.finals(candidates, judgement)
    scores = score_holdout(
        scored(study.bench, prepared.splits.holdout, final.chosen.scores),
        scored(study.bench, prepared.splits.holdout, final.control.scores),
        prepared.metric,
        seed=settings.seed,
        level=settings.level,
        groups=_blocks(prepared),
    )
    verdict = verdict_of(judgement, trials, scores.difference, settings)
    shipped = _shipped(judgement, verdict.outcome.value)
    model_fit = final.fit_of(shipped)
    assert model_fit.model is not None
    seen = out_of_fold(trials[shipped], prepared.splits)
    parts = fit_decisions(study.bench, seen, costs_table, settings.seed)
    holdout = prepared.rows.take(prepared.splits.holdout)
    began = time.perf_counter()
    raw = model_fit.model.scores(holdout, progress=progress)
    speed = len(holdout) / max(1e-9, time.perf_counter() - began)
    decisions, errors = decision_facts(
        parts, holdout, raw, study.bench.targets[seen.rows], seed=settings.seed, level=settings.level
    )
    findings = Findings(
        prepared=prepared,
        settings=settings,
        bench=study.bench,
        plan=plan,
        candidates=candidates,
        trials=trials,
        judgement=judgement,
        verdict=verdict,
        shipped=shipped,
        final=final,
        holdout=scores,
        raw=raw,
        openings=count_opening(prepared.holdout, prepared.identity),
        curves=curves,
        decisions=decisions,
        errors=errors,
        optimism=optimism(study.runner, candidates, judgement, prepared, settings),
        earlier=earlier,
        predict_speed=speed,
        seconds=time.perf_counter() - started,
    )
    record = compose(findings)
    bundle = BundleParts(
        model=model_fit.model,
        contract=prepared.rows.contract,
        calibrator=None if parts.calibration is None else parts.calibration.calibrator,
        policy=parts.policy,
        interval=parts.interval,
        training=prepared.rows.take(prepared.splits.development),
        sample=holdout.take(np.arange(min(_SAMPLE_ROWS, len(holdout)))),
        evidence=record.model_dump_json(),
        lineage=_lineage(findings, candidates),
    )
    write_bundle(out / "bundle", bundle, keep_rows=settings.keep_rows, cache=study.bench.cache, progress=progress)
    write_json(out / "holdout.json", sorted(digest.hex() for digest in holdout.text_digests))
    write_text(out / "study.json", record.model_dump_json(indent=2) + "\n")
    shutil.rmtree(out / "models", ignore_errors=True)
    return StudyResult(record, out)


class _Study:
    """The machinery of one study: rows, representations, results."""

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
        cues = tuple(cue for source in prepared.sources for cue in cues_of(self.bench, source, development))
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

    def finals(self, candidates: list[Candidate], judgement: Judgement) -> Final:
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


def _blocks(prepared: Prepared) -> np.ndarray | None:
    groups = prepared.rows.groups
    return groups[prepared.splits.holdout] if groups is not None else None


def _held_texts(after: Path) -> frozenset[bytes]:
    import json

    file = after / "holdout.json"
    if not file.is_file():
        raise InputError(f"{after} does not say which rows it held out", needed="holdout.json", fix="check the path")
    return frozenset(bytes.fromhex(digest) for digest in json.loads(file.read_text(encoding="utf-8")))


def _there(costs: Path) -> Path:
    if not costs.is_file():
        raise InputError(f"there is no cost table {costs}", needed="a CSV or YAML file", fix="check the path")
    return costs


def _finished(out: Path, identity: str) -> StudyResult | None:
    if not (out / "study.json").is_file() or not (out / "bundle" / "manifest.json").is_file():
        return None
    record = read_study(out)
    return StudyResult(record, out) if record.key == identity else None


def _lineage(findings: Findings, candidates: list[Candidate]) -> Lineage:
    shipped = next(one for one in candidates if one.name == findings.shipped)
    source = shipped.source
    return Lineage(
        study=findings.prepared.identity,
        source=source.reference if source is not None else "",
        source_digest=source.digest if source is not None else "",
        revision=source.revision if source is not None else "",
        strategy=str(shipped.strategy),
        licence=source.licence if source is not None else "",
        done=findings.done(),
        data=findings.prepared.rows.fingerprint,
        graft=__version__,
    )


__all__ = ["Roles", "StudyResult", "StudySettings", "Table", "run_study"]
