"""The study as a document: ``study.json``.

Decisions: one versioned schema of plain facts, from which the report, the summary, a bundle's documents and other
programs all read; what evidence found is kept in evidence's own records; scores are always "higher is better" here, so
an error such as RMSE is stored with its sign turned.
"""

import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from graft.core import foreign
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.places import STUDY, next_step
from graft.decisions.policy_costs import PolicyCost
from graft.evidence.calibration_quality import Bin
from graft.evidence.learning_curve import Crossing
from graft.evidence.more_labels import MoreLabels
from graft.evidence.slices import ClassScore, SliceScore
from graft.evidence.training_curve import CurvePoint, Remark
from graft.evidence.verdict import Outcome
from graft.facts.schema import Document, Fact, Step
from graft.inputs.duplicates import Contradiction
from graft.inputs.schema import Contract


def _losses(point: Any) -> Any:
    """A loss that is null in JSON is not a number."""
    return (
        {name: math.nan if value is None else value for name, value in point.items()}
        if isinstance(point, dict)
        else point
    )


LossPoint = Annotated[CurvePoint, BeforeValidator(_losses)]


class CandidateName(Fact):
    """A candidate by source and strategy; ``source`` is empty for controls without a backbone."""

    source: str
    strategy: str


class VerdictFacts(Fact):
    """The answer. difference: chosen minus control, over all rows that were unseen, at ``labels`` labels.

    doubt: p-value of the claim, the choice paid for; None when nothing is claimed. undecided: nothing is claimed, and
    what ships is what is expected to score best, by ``expected_lead``. grown: what carrying the difference on to all
    labels added to it.
    """

    outcome: Outcome
    chosen: CandidateName
    control: str
    difference: Interval
    doubt: float | None
    sentence: str
    reason: str
    shipped: CandidateName
    tied: tuple[CandidateName, ...]
    undecided: bool = False
    expected_lead: float | None = None
    labels: int | None = None
    grown: float | None = None


class CandidateFacts(Fact):
    """One candidate over all folds.

    folds: its score on each fold. seconds: of all its trials. peak_mb: peak memory of the process while it ran.
    configurations: how many were tried. steps: optimiser steps of its trials. curves: of each trial of the first
    repeat.
    frozen_parameters, freeze_verified: what provably did not change. meaning: what its strategy does, in one line.
    kept: of a tuned source, the share of rows' neighbours among its vectors that are neighbours still.
    """

    source: str
    strategy: str
    kind: Literal["transfer", "control"]
    score: Interval
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
    curves: tuple[tuple[LossPoint, ...], ...]
    notes: tuple[str, ...]
    predict_rows_per_second: float | None
    remarks: tuple[Remark, ...] = ()
    megabytes: float | None = None
    explained_by: str = ""
    meaning: str = ""
    kept: float | None = None


class SplitFacts(Fact):
    """How rows were split. optimism: score under a random split minus the score here, when grouped or in time.
    further: repeats beyond ``repeats`` of what costs seconds."""

    kind: str
    folds: int
    repeats: int
    holdout_rows: int
    development_rows: int
    notes: tuple[str, ...]
    optimism: Interval | None
    further: int = 0


class HoldoutFacts(Fact):
    """The locked holdout.

    score: of the model that ships; chosen_score, control_score: of the two that were compared. openings: how many
    studies have scored it, this one included, and ``opened_by`` their keys.
    """

    rows: int
    score: Interval
    chosen_score: Interval | None = None
    control_score: Interval | None
    difference: Interval | None
    openings: int
    opened_by: tuple[str, ...] = ()
    test_file: str = ""
    warning: str = ""


class LearningPoint(Fact):
    """Score of one candidate on the same test rows, learnt from fewer labels."""

    source: str
    strategy: str
    labels: int
    scores: tuple[float, ...]


class LearningCurveFacts(Fact):
    """Learning curves and what they say.

    crossing: when fine-tuning would overtake freezing. more_labels: how many would settle the verdict. Either is None
    where there was nothing to ask.
    """

    points: tuple[LearningPoint, ...]
    crossing: Crossing | None = None
    more_labels: MoreLabels | None = None


class CueFact(Fact):
    """One sign that a source suits the rows, or does not."""

    source: str
    name: str
    value: float
    meaning: str
    warning: bool


class HarmReason(Fact):
    """Why a source did not help. code: stable. text: what was seen. step: what to do about it."""

    code: str
    text: str
    step: str


class PlannedCandidate(Fact):
    """A candidate the plan chose, or left out, and why."""

    source: str
    strategy: str
    run: bool
    reason: str
    seconds: float


class PlanFacts(Fact):
    """What was decided before anything was trained."""

    effort: str
    candidates: tuple[PlannedCandidate, ...]
    cues: tuple[CueFact, ...]
    seconds: float
    budget: str


class RowNote(Fact):
    """Something about one row of the given file (0-based)."""

    row: int
    id: str
    column: str
    code: str
    message: str


class SuspectFact(Fact):
    """A row whose label the model, which had not seen it, disagrees with. picture: as of an ``ErrorFact``."""

    row: int
    id: str
    text: str
    given: str
    suggested: str
    margin: float
    picture: str = ""


class DataFacts(Fact):
    """What was found in the rows before anything was trained.

    contradictions: their rows are those of the given file, 0-based.
    """

    name: str
    notes: tuple[str, ...]
    fingerprint: str
    given_rows: int
    used_rows: int
    set_aside: tuple[RowNote, ...]
    exact_duplicates: int
    near_duplicates: int
    contradictions: tuple[Contradiction, ...]
    suspects: tuple[SuspectFact, ...]
    contract: Contract
    suspects_listed: int = 0
    suspects_if_clean: float | None = None


class CalibrationFacts(Fact):
    """How honest the probabilities are, on the holdout."""

    method: str
    losses: tuple[tuple[str, float], ...]
    ece_before: Interval | None
    ece: Interval | None
    brier: Interval | None
    log_loss: Interval | None
    bins: tuple[Bin, ...]
    interval_level: float | None
    interval_half_width: float | None
    interval_coverage: Interval | None
    ece_if_perfect: float | None = None
    ece_debiased: float | None = None


class ConfusionFact(Fact):
    """Truth against decision on the holdout. The last column is abstention when the policy may abstain.

    counts, costs: rows of true classes, columns of decisions. costs is in the unit, per 1,000 rows.
    """

    decisions: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    costs: tuple[tuple[float, ...], ...]


class DecisionFacts(Fact):
    """Calibration, costs and thresholds."""

    unit: str
    calibration: CalibrationFacts
    policies: tuple[PolicyCost, ...]
    thresholds: tuple[tuple[str, float], ...]
    abstained: float
    confusion: ConfusionFact | None


class ErrorFact(Fact):
    """A holdout row that was decided wrongly and is worth a look.

    picture: how its content looks, as a data URI; "" where its line of text says all of it.
    """

    row: int
    id: str
    text: str
    given: str
    decided: str
    probability: float
    cost: float
    picture: str = ""


class ChangeFacts(Fact):
    """What changed since the study this one comes after."""

    before_rows: int
    rows: int
    before: VerdictFacts
    statement: str
    reused_rows: int


class RefitFacts(Fact):
    """The last refit, after everything was measured. rows: learnt from. agreement: share of rows decided as before."""

    done: bool
    rows: int
    agreement: float | None
    statement: str


class FreezeFacts(Fact):
    """What was frozen in the model that ships."""

    frozen_parameters: int
    trained_parameters: int
    digest: str
    statement: str


class SourceFacts(Fact):
    """A pretrained source that took part. prompt: what was put before each text."""

    reference: str
    digest: str
    revision: str
    model_type: str
    parameters: int
    dimension: int
    layers: int
    licence: str
    space: str
    prompt: str = ""


class EnvironmentFacts(Fact):
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


class CacheFacts(Fact):
    """What the activation cache saved. computed: rows the backbones ran for, of ``requested``."""

    requested: int
    computed: int


class UseFacts(Fact):
    """May the shipped model be put to a use? outcome: ``allowed``, ``blocked`` or ``unsettled``.

    asked: whether the study was asked to make sure. reasons: why not, or why it is open. unblock: what would settle it.
    """

    use: str
    asked: bool
    outcome: str
    reasons: tuple[str, ...] = ()
    unblock: tuple[str, ...] = ()


class AssetFacts(Fact):
    """Something the shipped model was made from. licences: what was stated, and where. relation: how it was used."""

    kind: str
    name: str
    digest: str
    relation: str
    licences: tuple[str, ...] = ()


class TermsFacts(Fact):
    """What the terms of everything the shipped model was made from ask for. Not legal advice.

    obligations: what has to be done when it is used or passed on. findings: what a person should know.
    """

    made_from: tuple[AssetFacts, ...] = ()
    uses: tuple[UseFacts, ...] = ()
    obligations: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


_LOSSES = ("log_loss", "brier", "rmse", "mae")  # whose slices number 1 did not turn


def _own_records_of_evidence(old: dict[str, Any]) -> dict[str, Any]:
    """From number 1 to 2: the records of evidence as they are, with what number 1 did not keep left empty.

    A doubt instead of 1 less it; intervals as such; what curves say in records of their own.
    """
    new = dict(old)
    new["verdict"] = _doubted(old["verdict"])
    if old.get("after"):
        new["after"] = old["after"] | {"before": _doubted(old["after"]["before"])}
    decision, confusion = old["decision"], old["decision"]["confusion"] or {"counts": ()}
    said = [sum(column) for column in zip(*confusion["counts"], strict=True)]
    new["classes"] = [
        one | {"decided": said[place] if place < len(said) else None} for place, one in enumerate(old["classes"])
    ]
    turned = -1 if old["metric"] in _LOSSES else 1
    new["slices"] = [
        one | {name: turned * one[name] for name in ("candidate", "control")} | {"p_harm": None}
        for one in old["slices"]
    ]
    bins = [
        {name: one[name] for name in ("low", "high", "confidence", "rows")}
        | {"accuracy": {"mean": one["accuracy"], "low": one["accuracy_low"], "high": one["accuracy_high"]}}
        for one in decision["calibration"]["bins"]
    ]
    new["decision"] = decision | {
        "calibration": decision["calibration"] | {"bins": bins},
        "policies": [one | {"saved": None} for one in decision["policies"]],
    }
    if curve := old["learning_curve"]:
        more = {name: curve.get(f"more_labels_{name}") for name in ("rows", "low", "high")}
        crossing = {"labels": curve["crossing_labels"], "low": None, "high": None, "statement": curve["crossing"]}
        new["learning_curve"] = {
            "points": curve["points"],
            "crossing": crossing if curve["crossing"] else None,
            "more_labels": more | {"statement": curve["more_labels"]} if curve["more_labels"] else None,
        }
    return new


def _doubted(verdict: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in verdict.items() if name != "probability"}
    probability = verdict["probability"]
    return kept | {"doubt": None if probability is None else 1 - probability}


class StudyRecord(Document):
    """A whole study. ``seconds`` and everything named seconds differ from run to run; nothing else does.

    settings: all that decided the results, as it was asked for.
    """

    STEPS: ClassVar[tuple[Step, ...]] = (_own_records_of_evidence,)

    schema_: Literal["graft/study/2"] = Field(default="graft/study/2", alias="schema")
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
    classes: tuple[ClassScore, ...]
    slices: tuple[SliceScore, ...]
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
    harm: tuple[HarmReason, ...] = ()
    terms: TermsFacts = TermsFacts()
    refit: RefitFacts | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    seconds: float


def read_study(path: Path) -> StudyRecord:
    """The record of a study, from its folder or its ``study.json``; one of an earlier version of Graft too.

    Raises InputError when there is none, or one that cannot be read.
    """
    file = path / "study.json" if path.is_dir() else path
    if not file.is_file() or file.suffix != ".json":
        raise InputError(
            f"there is no study in {path}",
            needed="a folder that `graft study` has finished",
            fix=_unfinished(path) or next_step(path, STUDY) or "check the path",
        )
    return StudyRecord.from_json(foreign.read_text(file), str(file))


def _unfinished(path: Path) -> str:
    here = path.is_dir() and (path / "study.key").is_file()
    return "this study was not finished: run the same graft study command again to continue it" if here else ""
