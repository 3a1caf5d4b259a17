"""The findings of a study as its record: nothing is computed here that decides anything."""

import platform
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
import polars as pl
import torch

from graft.core.intervals import Interval
from graft.core.tasks import Task
from graft.core.version import __version__
from graft.evidence.comparison import score_interval
from graft.evidence.slices import ClassScore, per_class
from graft.evidence.training_curve import Remark
from graft.evidence.verdict import Outcome
from graft.facts.study import (
    CacheFacts,
    CandidateFacts,
    CandidateName,
    DataFacts,
    EnvironmentFacts,
    FreezeFacts,
    HoldoutFacts,
    PlanFacts,
    RowNote,
    SourceFacts,
    SplitFacts,
    StudyRecord,
    TermsFacts,
    VerdictFacts,
)
from graft.governance.registry import HoldoutOpenings
from graft.representations.backbone import native_precision
from graft.representations.encoding.encoder import Encoder
from graft.representations.source import Source
from graft.scores.fitting import Candidate, Fit
from graft.scores.tuning import KEPT_SOLVED
from graft.scores.workbench import Workbench
from graft.studies.adapted_rows import can_be_adapted
from graft.studies.judgement import Judgement, sentence
from graft.studies.negative_transfer import harm_reasons, objective_of
from graft.studies.next_steps import advice, changed
from graft.studies.plan import EFFORTS
from graft.studies.prepared import Prepared
from graft.studies.settings import StudySettings
from graft.studies.side_results import Suspects, slice_scores, suspects_of
from graft.studies.stages import Concluded, GatheredTrials, MeasuredDecisions, Shipped, Stages

_NOTES = 200


@dataclass(frozen=True, eq=False)
class StudyParts:
    """Everything a study found. licences: of sources, by reference. shipped: the model of the bundle."""

    prepared: Prepared
    settings: StudySettings
    stages: Stages
    plan: PlanFacts
    candidates: list[Candidate]
    gathered: GatheredTrials
    concluded: Concluded
    decided: MeasuredDecisions
    shipped: Shipped
    openings: HoldoutOpenings
    licences: Mapping[str, str]
    terms: TermsFacts
    optimism: Interval | None
    earlier: StudyRecord | None
    test_file: str
    seconds: float

    @property
    def bench(self) -> Workbench:
        """The rows and their representations."""
        return self.stages.bench

    @property
    def judgement(self) -> Judgement:
        """What all rows together say."""
        return self.concluded.judgement

    def candidate(self, name: str) -> Candidate:
        """A candidate by name."""
        return next(one for one in self.candidates if one.name == name)

    def done(self) -> str:
        """What was done to the source that ships, in words."""
        shipped = self.candidate(self.concluded.shipped)
        if KEPT_SOLVED in self.concluded.finals[shipped.name].notes:
            return "a head was solved on the source's vectors; tuning did not improve on it"
        return shipped.strategy.words(shipped.strategy.done)


def choice_of(candidate: Candidate) -> CandidateName:
    """A candidate as the record names it."""
    return CandidateName(
        source=candidate.source.weights.reference if candidate.source else "", strategy=str(candidate.strategy)
    )


def compose(found: StudyParts) -> StudyRecord:
    """The record of a study."""
    verdict = _verdict(found)
    choice, judged = found.judgement.choice, found.gathered.judged
    suspects = suspects_of(found.bench, judged[found.concluded.shipped])
    slices = slice_scores(
        found.prepared, judged[choice.chosen], judged[choice.control], found.prepared.metric, found.settings
    )
    candidates = tuple(_candidate(found, one) for one in found.candidates)
    objectives = {one.weights.reference: objective_of(one) for one in found.prepared.origins}
    joined = {
        one.weights.reference: tuple(origin.weights.reference for origin in one.origins)
        for one in found.prepared.sources
        if len(one.origins) > 1
    }
    adaptable = {one.weights.reference for one in found.prepared.origins if can_be_adapted(one)}
    harm = harm_reasons(verdict, candidates, found.plan.cues, objectives, adaptable=adaptable, joined=joined)
    return StudyRecord(
        key=found.prepared.identity,
        task=str(found.bench.task),
        rows=len(found.prepared.rows),
        metric=found.prepared.metric,
        margin=found.prepared.margin,
        settings=found.settings.identity(),
        verdict=verdict,
        candidates=candidates,
        holdout=_holdout(found),
        learning_curve=found.concluded.curves,
        decision=found.decided.facts,
        classes=_classes(found),
        slices=slices,
        errors=found.decided.errors,
        splits=_splits(found),
        plan=found.plan,
        data=_data(found.prepared, suspects),
        sources=tuple(_source(found, source) for source in found.prepared.origins),
        freeze=_freeze(found),
        next_steps=advice(
            found.settings,
            verdict,
            candidates,
            found.concluded.curves,
            suspects,
            slices,
            found.plan,
            harm,
            joined,
            found.prepared.margin,
        ),
        after=None
        if found.earlier is None
        else changed(found.earlier, verdict, candidates, len(found.prepared.rows), _reused(found)),
        environment=_environment(found.settings),
        cache=CacheFacts(requested=found.bench.requested, computed=found.bench.computed),
        harm=harm,
        terms=found.terms,
        refit=found.shipped.facts,
        seconds=found.seconds,
    )


def _reused(found: StudyParts) -> int:
    return found.bench.requested - found.bench.computed


def _verdict(found: StudyParts) -> VerdictFacts:
    choice, verdict = found.judgement.choice, found.concluded.verdict
    undecided = verdict.outcome is Outcome.INCONCLUSIVE
    told = (verdict.reason, choice.reason, choice.expectation if undecided else "")
    reason = " ".join(filter(None, told))
    return VerdictFacts(
        outcome=verdict.outcome,
        chosen=choice_of(found.candidate(choice.chosen)),
        control=choice.control,
        difference=verdict.difference,
        doubt=verdict.doubt,
        sentence=sentence(verdict, choice, found.prepared.metric),
        reason=reason,
        shipped=choice_of(found.candidate(found.concluded.shipped)),
        tied=tuple(choice_of(found.candidate(name)) for name in choice.tied),
        undecided=undecided,
        expected_lead=choice.lead,
        labels=found.stages.judges.labels,
        grown=found.concluded.grown,
    )


def _candidate(found: StudyParts, candidate: Candidate) -> CandidateFacts:
    name = candidate.name
    trials, judged = found.gathered.trials[name], found.gathered.judged[name]
    judges, folds = found.stages.judges, judged.seen.repeats == judged.seen.repeats.min()
    notes = dict.fromkeys(note for one in trials for note in one.notes)
    if name in found.gathered.dropped:
        notes[found.gathered.dropped[name]] = None
    first = trials[: found.settings.folds]
    remarks = Counter((one.code, one.text) for trial in trials for one in trial.remarks)
    if name in found.judgement.found.names:
        score = found.judgement.score(name, found.settings.level)
    else:
        seen = judged.scored.take(np.flatnonzero(folds))
        score = score_interval(judges.alone({name: seen}, judged.seen.rows[folds]), name, level=found.settings.level)
    final = found.concluded.finals.get(name)
    kind = found.prepared.rows.kind
    kinds = [part.name for part in kind.parts] or [kind.name]
    return CandidateFacts(
        source=candidate.source.weights.reference if candidate.source else "",
        strategy=str(candidate.strategy),
        kind="control" if candidate.strategy.control else "transfer",
        score=score,
        folds=tuple(float(value) for value in judges.fold_scores(judged) if np.isfinite(value)),
        seconds=sum(one.seconds for one in trials),
        peak_mb=max(one.peak_mb for one in trials),
        trainable_parameters=max(one.trainable for one in trials),
        under_trained=any(one.under_trained for one in trials),
        configurations=EFFORTS[found.settings.effort].configurations,
        chosen_configurations=tuple(dict.fromkeys(one.configuration for one in trials if one.configuration)),
        steps=sum(one.steps for one in trials),
        frozen_parameters=max(one.freeze.frozen for one in trials),
        freeze_verified=all(bool(one.freeze.digest) for one in trials) and trials[0].freeze.frozen > 0,
        curves=tuple(one.curve for one in first if one.curve),
        notes=tuple(notes),
        predict_rows_per_second=found.decided.speed if name == found.concluded.shipped else None,
        remarks=tuple(Remark(code, text, count) for (code, text), count in remarks.items()),
        megabytes=None if final is None or final.model is None else _megabytes(final),
        explained_by=candidate.strategy.words(candidate.strategy.explained, kinds),
        meaning=candidate.strategy.words(candidate.strategy.meaning, kinds),
        kept=_mean_kept(trials),
    )


def _mean_kept(trials: list[Fit]) -> float | None:
    """What tuning left in place, over the trials that say."""
    kept = [one.kept for one in trials if one.kept is not None]
    return float(np.mean(kept)) if kept else None


def _megabytes(final: Fit) -> float:
    """What a model takes on disk."""
    model = final.model
    assert model is not None
    size = sum(array.nbytes for array in model.arrays().values())
    if model.source is not None:
        folders = [origin.weights.directory for origin in model.source.origins]
        size += sum(path.stat().st_size for folder in folders for path in folder.glob("*.safetensors"))
    return size / 1e6


def _holdout(found: StudyParts) -> HoldoutFacts:
    concluded, choice, level = found.concluded, found.judgement.choice, found.settings.level

    def score(name: str) -> Interval:
        return score_interval(concluded.alone, name, level=level)

    return HoldoutFacts(
        rows=len(found.prepared.splits.holdout),
        score=score(concluded.shipped),
        chosen_score=score(choice.chosen),
        control_score=score(choice.control),
        difference=concluded.difference,
        openings=found.openings.count,
        opened_by=found.openings.studies,
        test_file=found.test_file,
        warning=concluded.warning,
    )


def _classes(found: StudyParts) -> tuple[ClassScore, ...]:
    if found.bench.task is Task.REGRESSION:
        return ()
    held = found.concluded.held[found.concluded.shipped]
    groups = found.prepared.clusters[found.prepared.splits.holdout]
    return per_class(held, found.bench.rows.contract.labels, groups=groups, level=found.settings.level)


def _splits(found: StudyParts) -> SplitFacts:
    splits = found.prepared.splits
    return SplitFacts(
        kind=splits.kind,
        folds=found.settings.folds,
        repeats=len({fold.repeat for fold in splits.folds}),
        further=len({fold.repeat for fold in splits.further}),
        holdout_rows=len(splits.holdout),
        development_rows=len(splits.development),
        notes=splits.notes,
        optimism=found.optimism,
    )


def _data(prepared: Prepared, suspects: Suspects) -> DataFacts:
    rows, duplicates = prepared.rows, prepared.duplicates
    table, named = prepared.table, rows.contract.roles.id
    # Of rows that could not be used, too: those are the ones a person has to find.
    names = table.as_ids(named) if named is not None and table.names_rows(named) else pl.Series([None] * len(table))
    notes = [
        RowNote(row=one.row, id=names[one.row] or str(one.row), column=one.column, code=one.code, message=one.message)
        for one in prepared.problems[:_NOTES]
    ]
    return DataFacts(
        name=prepared.table.name,
        notes=prepared.table.notes,
        fingerprint=rows.fingerprint,
        given_rows=len(prepared.table),
        used_rows=len(rows),
        set_aside=tuple(notes),
        exact_duplicates=duplicates.exact,
        near_duplicates=duplicates.near,
        contradictions=tuple(
            replace(one, rows=tuple(int(rows.rows[row]) for row in one.rows)) for one in duplicates.contradictions
        ),
        suspects=suspects.rows,
        contract=rows.contract,
        suspects_listed=suspects.listed,
        suspects_if_clean=suspects.if_clean,
    )


def _source(found: StudyParts, source: Source) -> SourceFacts:
    return SourceFacts(
        reference=source.weights.reference,
        digest=source.weights.digest,
        revision=source.weights.revision,
        model_type=source.weights.model_type,
        parameters=source.weights.parameters,
        dimension=source.dimension,
        layers=source.weights.layers,
        licence=found.licences.get(source.weights.reference, ""),
        space=Encoder(source).space.fingerprint,
        prompt=source.reading.prompt,
    )


def _freeze(found: StudyParts) -> FreezeFacts:
    freeze = found.concluded.finals[found.concluded.shipped].freeze
    return FreezeFacts(
        frozen_parameters=freeze.frozen,
        trained_parameters=freeze.trained,
        digest=freeze.digest,
        statement=found.done(),
    )


def _environment(settings: StudySettings) -> EnvironmentFacts:
    return EnvironmentFacts(
        graft=__version__,
        python=sys.version.split()[0],
        torch=torch.__version__,
        transformers=version("transformers"),
        platform=platform.platform(),
        processor=_processor(),
        threads=torch.get_num_threads(),
        precision=str(native_precision()).removeprefix("torch."),
        seed=settings.seed,
    )


def _processor() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:  # noqa: PTH123 - a kernel file, not a path of ours
            return next(line.partition(":")[2].strip() for line in stream if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()
