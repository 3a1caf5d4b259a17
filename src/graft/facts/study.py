"""The study as a document: ``study.json``.

Decisions: one versioned schema of plain facts, from which the report, the summary and other programs all read; a name
may be added within a version, never changed or removed; a number that does not exist is null, never a made-up zero;
scores are always "higher is better" here, so an error such as RMSE is stored with its sign turned.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from graft.core.errors import InputError
from graft.inputs.schema import Contract

SCHEMA = "graft/study/1"


class _Fact(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


class Span(_Fact):
    """An estimate with its interval; null ends mean that no interval exists."""

    mean: float
    low: float | None
    high: float | None


class Choice(_Fact):
    """A candidate by source and strategy; ``source`` is empty for controls without a backbone."""

    source: str
    strategy: str


class VerdictFacts(_Fact):
    """The answer. difference: chosen minus control, over all rows that were unseen, at ``labels`` labels.

    probability: 1 minus the p-value of the claim, the choice paid for; null when nothing is claimed. undecided: nothing
    is claimed, and what ships is what is expected to score best, by ``expected_lead``.
    """

    outcome: Literal["helps", "no practical difference", "harms", "inconclusive"]
    chosen: Choice
    control: str
    difference: Span
    probability: float | None
    sentence: str
    reason: str
    shipped: Choice
    tied: tuple[Choice, ...]
    undecided: bool = False
    expected_lead: float | None = None
    labels: int | None = None
    grown: float | None = None


class CurveFact(_Fact):
    """Losses after a number of optimiser steps; ``train`` is null at the start."""

    step: int
    train: float | None
    held: float | None


class RemarkFact(_Fact):
    """Something about how a candidate learnt. code: stable; text: for a reader; trials: in how many it was seen."""

    code: str
    text: str
    trials: int


class CandidateFacts(_Fact):
    """One candidate over all folds.

    folds: its score on each fold. seconds: of all its trials. peak_mb: peak memory of the process while it ran.
    configurations: how many were tried. steps: optimiser steps of its trials. curves: of each trial of the first
    repeat.
    frozen_parameters, freeze_verified: what provably did not change.
    """

    source: str
    strategy: str
    kind: Literal["transfer", "control"]
    score: Span
    folds: tuple[float, ...]
    seconds: float
    peak_mb: float
    trainable_parameters: int
    under_trained: bool
    configurations: int
    chosen_configurations: tuple[str, ...]
    steps: int
    frozen_parameters: int
    freeze_verified: bool
    curves: tuple[tuple[CurveFact, ...], ...]
    notes: tuple[str, ...]
    predict_rows_per_second: float | None
    remarks: tuple[RemarkFact, ...] = ()
    megabytes: float | None = None
    explained_by: str = ""


class SplitFacts(_Fact):
    """How rows were split. optimism: score under a random split minus the score here, when grouped or in time."""

    kind: str
    folds: int
    repeats: int
    holdout_rows: int
    development_rows: int
    notes: tuple[str, ...]
    optimism: Span | None


class HoldoutFacts(_Fact):
    """The locked holdout.

    score: of the model that ships; chosen_score, control_score: of the two that were compared. openings: how many
    studies have scored it, this one included, and ``opened_by`` their keys.
    """

    rows: int
    score: Span
    chosen_score: Span | None = None
    control_score: Span | None
    difference: Span | None
    openings: int
    opened_by: tuple[str, ...] = ()
    test_file: str = ""
    warning: str = ""


class LearningPoint(_Fact):
    """Score of one candidate on the same test rows, learnt from fewer labels."""

    source: str
    strategy: str
    labels: int
    scores: tuple[float, ...]


class LearningCurveFacts(_Fact):
    """Learning curves and what they say. crossing: when fine-tuning would overtake freezing."""

    points: tuple[LearningPoint, ...]
    crossing: str
    crossing_labels: float | None
    more_labels: str
    more_labels_rows: int | None
    more_labels_low: int | None = None
    more_labels_high: int | None = None


class CueFact(_Fact):
    """One sign that a source suits the rows, or does not."""

    source: str
    name: str
    value: float
    meaning: str
    warning: bool


class PlannedCandidate(_Fact):
    """A candidate the plan chose, or left out, and why."""

    source: str
    strategy: str
    run: bool
    reason: str
    seconds: float


class PlanFacts(_Fact):
    """What was decided before anything was trained."""

    effort: str
    candidates: tuple[PlannedCandidate, ...]
    cues: tuple[CueFact, ...]
    seconds: float
    budget: str


class RowNote(_Fact):
    """Something about one row of the given file (0-based)."""

    row: int
    id: str
    column: str
    code: str
    message: str


class ContradictionFact(_Fact):
    """Rows with the same text and different labels."""

    rows: tuple[int, ...]
    labels: tuple[str, ...]
    text: str


class SuspectFact(_Fact):
    """A row whose label the model, which had not seen it, disagrees with."""

    row: int
    id: str
    text: str
    given: str
    suggested: str
    margin: float


class DataFacts(_Fact):
    """What was found in the rows before anything was trained."""

    name: str
    notes: tuple[str, ...]
    fingerprint: str
    given_rows: int
    used_rows: int
    set_aside: tuple[RowNote, ...]
    exact_duplicates: int
    near_duplicates: int
    contradictions: tuple[ContradictionFact, ...]
    suspects: tuple[SuspectFact, ...]
    contract: Contract
    suspects_listed: int = 0
    suspects_if_clean: float | None = None


class ClassFacts(_Fact):
    """One class or label on the holdout. note: why a figure or its interval is missing."""

    name: str
    rows: int
    precision: Span | None
    recall: Span | None
    f1: Span | None
    note: str = ""


class SliceFacts(_Fact):
    """The chosen candidate against the control on a part of the rows, out of fold. note: why there is no interval."""

    column: str
    value: str
    rows: int
    candidate: float
    control: float
    difference: Span
    hidden_harm: bool
    note: str = ""


class BinFact(_Fact):
    """One bar of the reliability diagram."""

    low: float
    high: float
    confidence: float
    accuracy: float
    rows: int
    accuracy_low: float
    accuracy_high: float


class CalibrationFacts(_Fact):
    """How honest the probabilities are, on the holdout."""

    method: str
    losses: tuple[tuple[str, float], ...]
    ece_before: Span | None
    ece: Span | None
    brier: Span | None
    log_loss: Span | None
    bins: tuple[BinFact, ...]
    interval_level: float | None
    interval_half_width: float | None
    interval_coverage: Span | None
    ece_if_perfect: float | None = None
    ece_debiased: float | None = None


class PolicyFact(_Fact):
    """What a way of deciding costs on the holdout, per 1,000 rows."""

    name: str
    cost: Span
    abstained: float


class ConfusionFact(_Fact):
    """Truth against decision on the holdout. The last column is abstention when the policy may abstain.

    counts, costs: rows of true classes, columns of decisions. costs is in the unit, per 1,000 rows.
    """

    decisions: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    costs: tuple[tuple[float, ...], ...]


class DecisionFacts(_Fact):
    """Calibration, costs and thresholds."""

    unit: str
    calibration: CalibrationFacts
    policies: tuple[PolicyFact, ...]
    thresholds: tuple[tuple[str, float], ...]
    abstained: float
    confusion: ConfusionFact | None


class ErrorFact(_Fact):
    """A holdout row that was decided wrongly and is worth a look."""

    row: int
    id: str
    text: str
    given: str
    decided: str
    probability: float
    cost: float


class ChangeFacts(_Fact):
    """What changed since the study this one comes after."""

    before_rows: int
    rows: int
    before: VerdictFacts
    statement: str
    reused_rows: int


class RefitFacts(_Fact):
    """The last refit, after everything was measured. rows: learnt from. agreement: share of rows decided as before."""

    done: bool
    rows: int
    agreement: float | None
    statement: str


class FreezeFacts(_Fact):
    """What was frozen in the model that ships."""

    frozen_parameters: int
    trained_parameters: int
    digest: str
    statement: str


class SourceFacts(_Fact):
    """A pretrained source that took part."""

    reference: str
    digest: str
    revision: str
    model_type: str
    parameters: int
    dimension: int
    layers: int
    licence: str
    space: str


class EnvironmentFacts(_Fact):
    """Where it ran."""

    graft: str
    python: str
    torch: str
    transformers: str
    platform: str
    processor: str
    threads: int
    precision: str
    seed: int


class CacheFacts(_Fact):
    """What the activation cache saved. computed: rows the backbones ran for, of ``requested``."""

    requested: int
    computed: int


class UseFacts(_Fact):
    """May the shipped model be put to a use? outcome: ``allowed``, ``blocked`` or ``unsettled``.

    asked: whether the study was asked to make sure. reasons: why not, or why it is open. unblock: what would settle it.
    """

    use: str
    asked: bool
    outcome: str
    reasons: tuple[str, ...] = ()
    unblock: tuple[str, ...] = ()


class AssetFacts(_Fact):
    """Something the shipped model was made from. licences: what was stated, and where. relation: how it was used."""

    kind: str
    name: str
    digest: str
    relation: str
    licences: tuple[str, ...] = ()


class TermsFacts(_Fact):
    """What the terms of everything the shipped model was made from ask for. Not legal advice.

    obligations: what has to be done when it is used or passed on. findings: what a person should know.
    """

    made_from: tuple[AssetFacts, ...] = ()
    uses: tuple[UseFacts, ...] = ()
    obligations: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


class StudyRecord(_Fact):
    """A whole study. ``seconds`` and everything named seconds differ from run to run; nothing else does.

    settings: all that decided the results, as it was asked for.
    """

    schema_: Literal["graft/study/1"] = Field(default="graft/study/1", alias="schema")
    key: str
    task: str
    rows: int
    metric: str
    margin: float
    verdict: VerdictFacts
    candidates: tuple[CandidateFacts, ...]
    holdout: HoldoutFacts
    learning_curve: LearningCurveFacts | None
    decision: DecisionFacts
    classes: tuple[ClassFacts, ...]
    slices: tuple[SliceFacts, ...]
    errors: tuple[ErrorFact, ...]
    splits: SplitFacts
    plan: PlanFacts
    data: DataFacts
    sources: tuple[SourceFacts, ...]
    freeze: FreezeFacts
    next_steps: tuple[str, ...]
    after: ChangeFacts | None
    environment: EnvironmentFacts
    cache: CacheFacts
    terms: TermsFacts = TermsFacts()
    refit: RefitFacts | None = None
    settings: dict[str, Any] = {}
    seconds: float


def read_study(path: Path) -> StudyRecord:
    """The record of a study, from its folder or its ``study.json``. Raises InputError when there is none."""
    file = path / "study.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"there is no study in {path}", needed="a folder that `graft study` has finished", fix="check the path"
        )
    document = json.loads(file.read_text(encoding="utf-8"))
    if document.get("schema") != SCHEMA:
        raise InputError(
            f"{file} has the schema {document.get('schema')!r}",
            needed=SCHEMA,
            fix="run the study again with this version",
        )
    return StudyRecord.model_validate(document)
