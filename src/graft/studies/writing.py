"""The findings of a study as its record: nothing is computed here that decides anything."""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import torch

from graft.core.version import __version__
from graft.evidence.intervals import Interval
from graft.evidence.slices import per_class
from graft.evidence.verdict import Verdict
from graft.governance.registry import HoldoutOpenings
from graft.inputs.roles import Task
from graft.representations.backbone import native_precision
from graft.representations.encoding.encoder import Encoder
from graft.scores.fitting import Candidate, Fit
from graft.scores.strategies import Kind
from graft.scores.workbench import Workbench
from graft.studies.advising import advice, changed
from graft.studies.deciding import out_of_fold, span
from graft.studies.findings import independent_groups, slice_facts, suspect_facts
from graft.studies.judging import HoldoutScores, Judgement, scored, sentence
from graft.studies.plan import EFFORTS
from graft.studies.preparing import Prepared
from graft.studies.record import (
    CacheFacts,
    CandidateFacts,
    Choice,
    ClassFacts,
    ContradictionFact,
    CurveFact,
    DataFacts,
    DecisionFacts,
    EnvironmentFacts,
    ErrorFact,
    FreezeFacts,
    HoldoutFacts,
    LearningCurveFacts,
    PlanFacts,
    RowNote,
    SourceFacts,
    Span,
    SplitFacts,
    StudyRecord,
    SuspectFact,
    TermsFacts,
    VerdictFacts,
)
from graft.studies.settings import StudySettings

_NOTES = 200


@dataclass(frozen=True)
class Final:
    """The chosen candidate and the control, learnt from all development rows and scored on the holdout."""

    chosen_name: str
    control_name: str
    chosen: Fit
    control: Fit

    def fit_of(self, name: str) -> Fit:
        """The fit of one of the two."""
        return self.chosen if name == self.chosen_name else self.control


@dataclass(frozen=True)
class Findings:
    """Everything a study found. raw: the shipped model's scores of the holdout. licences: of sources, by reference."""

    prepared: Prepared
    settings: StudySettings
    bench: Workbench
    plan: PlanFacts
    candidates: list[Candidate]
    trials: dict[str, list[Fit]]
    judgement: Judgement
    verdict: Verdict
    shipped: str
    final: Final
    holdout: HoldoutScores
    raw: np.ndarray
    openings: HoldoutOpenings
    licences: Mapping[str, str]
    terms: TermsFacts
    curves: LearningCurveFacts | None
    decisions: DecisionFacts
    errors: tuple[ErrorFact, ...]
    optimism: Span | None
    earlier: StudyRecord | None
    predict_speed: float
    seconds: float

    def candidate(self, name: str) -> Candidate:
        """A candidate by name."""
        return next(one for one in self.candidates if one.name == name)

    def done(self) -> str:
        """What was done to the source that ships, in words."""
        shipped = self.candidate(self.shipped)
        kind = shipped.strategy.kind
        if self.final.fit_of(self.shipped).freeze.trained and kind in (Kind.PARTIAL, Kind.LORA, Kind.FULL):
            kept = any("solved head" in note for note in self.final.fit_of(self.shipped).notes)
            if kept:
                return "a head was solved on the source's vectors; tuning did not improve on it"
        return {
            Kind.MAJORITY: "no source was used",
            Kind.CLASSICAL: "no source was used",
            Kind.SCRATCH: "the architecture was trained from random weights",
            Kind.FROZEN: "a head was solved on the source's vectors; the source was not changed",
            Kind.PARTIAL: f"the {shipped.strategy.layers} upper layers and a head were tuned",
            Kind.LORA: "low-rank updates of every layer and a head were tuned, and merged into the weights",
            Kind.FULL: "all weights and a head were tuned",
        }[kind]


def choice_of(candidate: Candidate) -> Choice:
    """A candidate as the record names it."""
    return Choice(source=candidate.source.reference if candidate.source else "", strategy=str(candidate.strategy))


def compose(found: Findings) -> StudyRecord:
    """The record of a study."""
    verdict = _verdict(found)
    seen = out_of_fold(found.trials[found.judgement.choice.chosen], found.prepared.splits)
    assert found.judgement.choice.control is not None
    control = out_of_fold(found.trials[found.judgement.choice.control], found.prepared.splits)
    shipped = out_of_fold(found.trials[found.shipped], found.prepared.splits)
    suspects = suspect_facts(found.bench, shipped)
    slices = slice_facts(found.bench, found.prepared, seen, control, found.prepared.metric, found.settings)
    candidates = tuple(_candidate(found, one) for one in found.candidates)
    return StudyRecord(
        key=found.prepared.identity,
        task=str(found.bench.task),
        rows=len(found.prepared.rows),
        metric=found.prepared.metric,
        margin=found.settings.margin,
        verdict=verdict,
        candidates=candidates,
        holdout=_holdout(found),
        learning_curve=found.curves,
        decision=found.decisions,
        classes=_classes(found),
        slices=slices,
        errors=found.errors,
        splits=_splits(found),
        plan=found.plan,
        data=_data(found.prepared, suspects),
        sources=tuple(_source(found, number) for number in range(len(found.prepared.sources))),
        freeze=_freeze(found),
        next_steps=advice(found.settings, verdict, candidates, found.curves, suspects, slices, found.plan),
        after=None
        if found.earlier is None
        else changed(found.earlier, verdict, candidates, len(found.prepared.rows), _reused(found)),
        environment=_environment(found.settings),
        cache=CacheFacts(requested=found.bench.requested, computed=found.bench.computed),
        terms=found.terms,
        seconds=found.seconds,
    )


def _reused(found: Findings) -> int:
    return found.bench.requested - found.bench.computed


def _verdict(found: Findings) -> VerdictFacts:
    choice, verdict = found.judgement.choice, found.verdict
    assert choice.control is not None
    return VerdictFacts(
        outcome=verdict.outcome.value,
        chosen=choice_of(found.candidate(choice.chosen)),
        control=choice.control,
        difference=span(verdict.difference),
        probability=verdict.probability,
        sentence=sentence(verdict, found.judgement),
        reason=f"{verdict.reason} {choice.reason}",
        shipped=choice_of(found.candidate(found.shipped)),
        tied=tuple(choice_of(found.candidate(name)) for name in choice.tied),
    )


def _candidate(found: Findings, candidate: Candidate) -> CandidateFacts:
    trials = found.trials[candidate.name]
    notes = dict.fromkeys(note for one in trials for note in one.notes)
    first = trials[: found.settings.folds]
    return CandidateFacts(
        source=candidate.source.reference if candidate.source else "",
        strategy=str(candidate.strategy),
        kind="control" if candidate.strategy.is_control else "transfer",
        score=span(found.judgement.intervals[candidate.name]),
        folds=tuple(float(value) for value in found.judgement.scores[candidate.name]),
        seconds=sum(one.seconds for one in trials),
        peak_mb=max(one.peak_mb for one in trials),
        trainable_parameters=max(one.trainable for one in trials),
        under_trained=any(one.under_trained for one in trials),
        configurations=EFFORTS[found.settings.effort].configurations,
        chosen_configurations=tuple(dict.fromkeys(one.configuration for one in trials if one.configuration)),
        steps=sum(one.steps for one in trials),
        frozen_parameters=max(one.freeze.frozen for one in trials),
        freeze_verified=all(bool(one.freeze.digest) for one in trials) and trials[0].freeze.frozen > 0,
        curves=tuple(_curve(one) for one in first if one.curve),
        notes=tuple(notes),
        predict_rows_per_second=found.predict_speed if candidate.name == found.shipped else None,
    )


def _curve(fitted: Fit) -> tuple[CurveFact, ...]:
    def plain(value: float) -> float | None:
        return value if np.isfinite(value) else None

    return tuple(CurveFact(step=one.step, train=plain(one.train), held=plain(one.held)) for one in fitted.curve)


def _holdout(found: Findings) -> HoldoutFacts:
    shipped_is_control = found.shipped == found.final.control_name
    own = found.holdout.control if shipped_is_control else found.holdout.chosen
    return HoldoutFacts(
        rows=len(found.prepared.splits.holdout),
        score=span(own),
        chosen_score=span(found.holdout.chosen),
        control_score=span(found.holdout.control),
        difference=span(found.holdout.difference),
        openings=found.openings.count,
        opened_by=found.openings.studies,
    )


def _classes(found: Findings) -> tuple[ClassFacts, ...]:
    if found.bench.task is Task.REGRESSION:
        return ()
    rows = found.prepared.splits.holdout
    held, groups = scored(found.bench, rows, found.raw), independent_groups(found.prepared)[rows]

    def known(interval: Interval) -> Span | None:
        facts = span(interval)
        return facts if np.isfinite(facts.mean) else None

    return tuple(
        ClassFacts(
            name=one.name, rows=one.rows, precision=known(one.precision), recall=known(one.recall), f1=known(one.f1)
        )
        for one in per_class(held, found.bench.rows.contract.labels, groups=groups, level=found.settings.level)
    )


def _splits(found: Findings) -> SplitFacts:
    splits = found.prepared.splits
    return SplitFacts(
        kind=splits.kind,
        folds=found.settings.folds,
        repeats=len({fold.repeat for fold in splits.folds}),
        holdout_rows=len(splits.holdout),
        development_rows=len(splits.development),
        notes=splits.notes,
        optimism=found.optimism,
    )


def _data(prepared: Prepared, suspects: tuple[SuspectFact, ...]) -> DataFacts:
    rows, duplicates = prepared.rows, prepared.duplicates
    names = {int(position): name for position, name in zip(rows.rows, rows.ids, strict=True)}
    notes = [
        RowNote(row=one.row, id=names.get(one.row, str(one.row)), column=one.column, code=one.code, message=one.message)
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
            ContradictionFact(rows=tuple(int(rows.rows[row]) for row in one.rows), labels=one.labels, text=one.text)
            for one in duplicates.contradictions
        ),
        suspects=suspects,
        contract=rows.contract,
    )


def _source(found: Findings, number: int) -> SourceFacts:
    source = found.prepared.sources[number]
    return SourceFacts(
        reference=source.reference,
        digest=source.digest,
        revision=source.revision,
        model_type=source.model_type,
        parameters=source.parameters,
        dimension=source.dimension,
        layers=source.layers,
        licence=found.licences.get(source.reference, ""),
        space=Encoder(source).space.fingerprint,
    )


def _freeze(found: Findings) -> FreezeFacts:
    freeze = found.final.fit_of(found.shipped).freeze
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
