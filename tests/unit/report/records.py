"""Realistic study records with known content, built without training anything."""

import math
from dataclasses import replace

import numpy as np

from graft.core.intervals import Interval
from graft.core.tasks import Task
from graft.decisions.policy_costs import PolicyCost
from graft.evidence.calibration_quality import Bin
from graft.evidence.learning_curve import Crossing
from graft.evidence.more_labels import MoreLabels
from graft.evidence.slices import ClassScore, SliceScore
from graft.evidence.training_curve import CurvePoint, Remark
from graft.facts.study import (
    AssetFacts,
    CacheFacts,
    CalibrationFacts,
    CandidateFacts,
    CandidateName,
    ChangeFacts,
    ConfusionFact,
    CueFact,
    DataFacts,
    DecisionFacts,
    EnvironmentFacts,
    ErrorFact,
    FreezeFacts,
    HoldoutFacts,
    LearningCurveFacts,
    LearningPoint,
    PlanFacts,
    PlannedCandidate,
    RefitFacts,
    RowNote,
    SourceFacts,
    SplitFacts,
    StudyRecord,
    SuspectFact,
    TermsFacts,
    UseFacts,
    VerdictFacts,
)
from graft.inputs.duplicates import Contradiction
from graft.inputs.roles import Roles
from graft.inputs.schema import CategoryCount, ColumnFacts, Contract, LengthFacts, NumberFacts

TICKETS = ("billing", "delivery", "login", "refund", "other")
HOSTILE = "<script>alert('x')</script>"


def span(mean: float, half: float) -> Interval:
    return Interval(mean, mean - half, mean + half)


def curve(rng: np.random.Generator, start: float, end: float) -> tuple[CurvePoint, ...]:
    steps = np.arange(0, 201, 20)
    losses = end + (start - end) * np.exp(-steps / 45) + rng.normal(0, 0.008, len(steps))
    return tuple(
        CurvePoint(step=int(step), train=math.nan if step == 0 else float(loss * 0.9), held=float(loss))
        for step, loss in zip(steps, losses, strict=True)
    )


def candidate(
    source: str,
    strategy: str,
    score: float,
    *,
    seconds: float,
    kind: str = "transfer",
    spread: float = 0.012,
    under_trained: bool = False,
    trainable: int = 1925,
    seed: int = 0,
    trained: bool = True,
    notes: tuple[str, ...] = (),
    remarks: tuple[Remark, ...] = (),
) -> CandidateFacts:
    rng = np.random.default_rng(seed)
    folds = score + rng.normal(0, spread, 5)
    curves = tuple(curve(rng, 1.6, 1.6 - score * 1.2 + rng.normal(0, 0.03)) for _ in range(5)) if trained else ()
    return CandidateFacts(
        source=source,
        strategy=strategy,
        kind="control" if kind == "control" else "transfer",
        score=span(score, spread * 1.6),
        folds=tuple(float(one) for one in folds),
        seconds=seconds,
        peak_mb=400 + seconds * 4,
        trainable_parameters=trainable,
        under_trained=under_trained,
        configurations=3,
        chosen_configurations=("lr=0.001, decay=0.01", "lr=0.003, decay=0.01"),
        steps=3000 if trained else 0,
        frozen_parameters=22_713_216 if strategy in ("frozen", "lora") else 0,
        freeze_verified=strategy in ("frozen", "lora"),
        curves=curves,
        notes=notes,
        predict_rows_per_second=850.0 if source else 42_000.0,
        megabytes=90.9 if source else 1.24 if trainable else 0.0,
        explained_by="words left out, and the nearest training rows" if source else "a weight per word",
        meaning="only a new output layer learns" if source else "control: no neural network",
        kept=0.74 if kind != "control" and strategy in ("full", "lora") else None,
        remarks=remarks,
    )


def candidates() -> tuple[CandidateFacts, ...]:
    return (
        candidate("minilm", "frozen", 0.871, seconds=14.2, seed=1),
        candidate("minilm", "partial:2", 0.876, seconds=92.0, trainable=3_550_000, seed=2),
        candidate("minilm", "lora", 0.868, seconds=160.0, trainable=295_000, seed=3, under_trained=True),
        candidate("minilm", "full", 0.879, seconds=410.0, trainable=22_715_000, seed=4),
        candidate(
            "minilm",
            "scratch",
            0.702,
            seconds=388.0,
            trainable=22_715_000,
            seed=5,
            kind="control",
            spread=0.02,
            remarks=(
                Remark(code="overfits", text="After step 90 the held-in loss rose from 0.9 to 1.3.", trials=2),
                Remark(code="overfits", text="After step 80 the held-in loss rose from 0.9 to 1.2.", trials=3),
            ),
        ),
        candidate("", "classical", 0.815, seconds=2.6, trainable=48_000, seed=6, kind="control", trained=False),
        candidate(
            "", "majority", 0.094, seconds=0.01, trainable=0, seed=7, kind="control", spread=0.001, trained=False
        ),
    )


def verdict(outcome: str = "helps") -> VerdictFacts:
    return VerdictFacts.model_validate(
        {
            "outcome": outcome,
            "chosen": {"source": "minilm", "strategy": "frozen"},
            "control": "classical",
            "difference": {"mean": 0.056, "low": 0.031, "high": 0.081},
            "doubt": 0.012,
            "sentence": "Pretraining helps: minilm frozen beats the best model without it (classical) by macro-f1 "
            "+0.056 (+0.031 to +0.081).",
            "reason": "The folds say that it helps (difference +0.056, from +0.031 to +0.081), and the holdout agrees: "
            "+0.049, from +0.018 to +0.080. That the candidate was chosen among 4 is paid for.",
            "shipped": {"source": "minilm", "strategy": "frozen"},
            "tied": [{"source": "minilm", "strategy": "full"}, {"source": "minilm", "strategy": "partial:2"}],
            "expected_lead": 0.048,
            "labels": 1248,
            "grown": -0.004,
        }
    )


def calibration() -> CalibrationFacts:
    bins = tuple(
        Bin(
            low=i / 8,
            high=(i + 1) / 8,
            confidence=(i + 0.55) / 8,
            accuracy=Interval(
                min(0.99, max(0.01, (i + 0.55) / 8 + shift)),
                max(0.0, (i + 0.55) / 8 + shift - 0.16 + i * 0.014),
                min(1.0, (i + 0.55) / 8 + shift + 0.16 - i * 0.014),
            ),
            rows=12 + i * 9,
        )
        for i, shift in enumerate((0.02, -0.03, 0.05, -0.04, 0.02, -0.02, 0.01, -0.01))
    )
    return CalibrationFacts(
        method="temperature",
        losses=(("identity", 0.431), ("temperature", 0.398), ("platt", 0.401), ("isotonic", 0.42)),
        ece_before=span(0.061, 0.015),
        ece=span(0.021, 0.009),
        brier=span(0.184, 0.02),
        log_loss=span(0.398, 0.05),
        bins=bins,
        interval_level=None,
        interval_half_width=None,
        interval_coverage=None,
        ece_if_perfect=0.018,
        ece_debiased=0.006,
    )


def confusion(names: tuple[str, ...], abstain: bool = True, seed: int = 0) -> ConfusionFact:
    rng = np.random.default_rng(seed)
    size = len(names)
    counts = rng.poisson(6.0 / size, (size, size + abstain))
    counts[np.arange(size), np.arange(size)] += 30
    prices = rng.integers(1, 9, (size, size + abstain)).astype(float)
    prices[np.arange(size), np.arange(size)] = 0.0
    costs = counts * prices * 1000 / counts.sum()
    return ConfusionFact(
        decisions=(*names, "abstain") if abstain else names,
        counts=tuple(tuple(int(one) for one in row) for row in counts),
        costs=tuple(tuple(float(one) for one in row) for row in costs),
    )


def decision(names: tuple[str, ...]) -> DecisionFacts:
    return DecisionFacts(
        unit="minutes",
        calibration=calibration(),
        policies=(
            PolicyCost(name="tuned", cost=span(412.0, 60), saved=span(86.0, 41), abstained=0.062),
            PolicyCost(name="most probable", cost=span(498.0, 71), saved=Interval(0.0, 0.0, 0.0), abstained=0.0),
            PolicyCost(name="always abstain", cost=Interval(3000.0), saved=Interval(-2502.0), abstained=1.0),
        ),
        thresholds=(),
        abstained=0.062,
        confusion=confusion(names) if names else None,
    )


def class_facts(names: tuple[str, ...], seed: int = 0) -> tuple[ClassScore, ...]:
    rng = np.random.default_rng(seed)

    def share() -> Interval:
        mean = float(rng.uniform(0.55, 0.98))
        return Interval(mean, max(0.0, mean - 0.11), min(1.0, mean + 0.07))

    return tuple(
        ClassScore(
            name=name,
            rows=int(rng.integers(8, 60)),
            decided=int(rng.integers(8, 60)),
            precision=share(),
            recall=share(),
            f1=share(),
        )
        for name in names
    )


def data_facts(names: tuple[str, ...], task: Task = Task.MULTICLASS) -> DataFacts:
    return DataFacts(
        name="tickets.csv",
        notes=("The file is in Windows-1252, read as such.",),
        fingerprint="b3f1c9d27ab04e51",
        given_rows=1260,
        used_rows=1248,
        set_aside=(
            RowNote(row=17, id="T-17", column="category", code="missing_label", message="the label is empty"),
            RowNote(row=905, id="T-905", column="message", code="missing_text", message="the text is empty"),
        ),
        exact_duplicates=31,
        near_duplicates=58,
        contradictions=(
            Contradiction(rows=(12, 611), labels=("refund", "billing"), text="I was charged twice, please fix it."),
        ),
        suspects=(
            SuspectFact(
                row=77,
                id="T-77",
                text="My parcel is three days late and nobody answers.",
                given="billing",
                suggested="delivery",
                margin=-0.94,
            ),
        ),
        contract=Contract(
            task=task,
            roles=Roles(content=("message",), label=("category",), id="ticket"),
            columns=(
                ColumnFacts(
                    name="message",
                    role="text",
                    kind="text",
                    missing=1,
                    distinct=1201,
                    length=LengthFacts(min=4, median=112, p95=410, max=2310),
                ),
                ColumnFacts(name="category", role="label", kind="label", missing=11, distinct=max(2, len(names))),
                ColumnFacts(name="ticket", role="id", kind="id", missing=0, distinct=1260),
            ),
            labels=names,
            label_counts=tuple(200 + 7 * i for i in range(len(names))),
            rows=1260,
        ),
        suspects_listed=14,
        suspects_if_clean=12.6,
    )


def plan_facts() -> PlanFacts:
    def planned(source: str, strategy: str, run: bool, reason: str, seconds: float) -> PlannedCandidate:
        return PlannedCandidate(source=source, strategy=strategy, run=run, reason=reason, seconds=seconds)

    return PlanFacts(
        effort="standard",
        candidates=(
            planned("minilm", "frozen", True, "always run: the cheapest way to reuse", 15),
            planned("minilm", "partial:2", True, "250 labels per class are enough for two layers", 95),
            planned("minilm", "lora", True, "enough labels per class", 170),
            planned("minilm", "full", True, "enough labels per class", 400),
            planned("minilm", "scratch", True, "control: always run", 400),
            planned("", "classical", True, "control: always run", 3),
            planned("", "majority", True, "control: always run", 0.1),
            planned(
                "hf:org/bert-large-uncased@9f2c", "full", False, "its licence is unknown: a person must decide", 4100
            ),
        ),
        cues=(
            CueFact(
                source="minilm",
                name="truncated rows",
                value=0.074,
                meaning="share of rows cut off",
                warning=True,
            ),
            CueFact(source="minilm", name="subword fertility", value=1.31, meaning="words are known", warning=False),
            CueFact(source="minilm", name="LogME", value=0.412, meaning="promising", warning=False),
        ),
        seconds=1083,
        budget="3 configurations and 200 steps for each candidate on each fold",
    )


def learning() -> LearningCurveFacts:
    rng = np.random.default_rng(3)
    shapes = (("minilm", "frozen", 0.91, 1.9), ("minilm", "full", 0.95, 3.8), ("", "classical", 0.9, 3.6))
    points = tuple(
        LearningPoint(
            source=source,
            strategy=strategy,
            labels=labels,
            scores=tuple(float(one) for one in ceiling - slope * labels**-0.5 + rng.normal(0, 0.012, 5)),
        )
        for source, strategy, ceiling, slope in shapes
        for labels in (62, 125, 250, 500, 998)
    )
    return LearningCurveFacts(
        points=points,
        crossing=Crossing(
            700.0,
            500.0,
            900.0,
            "Fine-tuning all layers would overtake freezing at about 700 labels (500 to 900).",
        ),
        more_labels=MoreLabels(None, None, None, "Doubling the labels would add about 0.015 macro-F1."),
    )


def errors(names: tuple[str, ...]) -> tuple[ErrorFact, ...]:
    texts = (
        "The courier left the parcel with a neighbour I do not know and I want my money back.",
        "Ich kann mich nicht anmelden, das Passwort wird nicht angenommen. Grüße, Zoë",
        "請問我的訂單什麼時候會到",
    )
    return tuple(
        ErrorFact(
            row=40 + i,
            id=f"T-{40 + i}",
            text=text,
            given=names[i % len(names)],
            decided=names[(i + 1) % len(names)],
            probability=0.97 - i * 0.04,
            cost=8.0 - i,
        )
        for i, text in enumerate(texts)
    )


def slices() -> tuple[SliceScore, ...]:
    def one(column: str, value: str, rows: int, gain: float, harm: bool) -> SliceScore:
        return SliceScore(
            column=column,
            value=value,
            rows=rows,
            candidate=0.815 + gain,
            control=0.815,
            difference=span(gain, 0.04),
            p_harm=0.0021 if harm else 0.98,
            hidden_harm=harm,
        )

    return (one("channel", "e-mail", 801, 0.07, False), one("channel", "chat", 447, -0.06, True))


def multiclass_helps() -> StudyRecord:
    return StudyRecord(
        key="5f0c7ad1e2b94c3d",
        task="multiclass",
        rows=1248,
        metric="macro_f1",
        margin=0.01,
        verdict=verdict(),
        candidates=candidates(),
        holdout=HoldoutFacts(
            rows=250,
            score=span(0.864, 0.03),
            chosen_score=span(0.864, 0.03),
            control_score=span(0.815, 0.034),
            difference=span(0.049, 0.031),
            openings=1,
        ),
        learning_curve=learning(),
        decision=decision(TICKETS),
        classes=class_facts(TICKETS),
        slices=slices(),
        errors=errors(TICKETS),
        splits=SplitFacts(
            kind="grouped",
            folds=5,
            repeats=1,
            holdout_rows=250,
            development_rows=998,
            notes=("rows of one customer stay together",),
            optimism=span(0.018, 0.012),
        ),
        plan=plan_facts(),
        data=data_facts(TICKETS),
        sources=(
            SourceFacts(
                reference="minilm",
                digest="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
                model_type="bert",
                parameters=22_713_216,
                dimension=384,
                layers=6,
                licence="Apache-2.0",
                space="minilm/6/mean/384",
            ),
        ),
        freeze=FreezeFacts(
            frozen_parameters=22_713_216,
            trained_parameters=1925,
            digest="a91b33c0d4e5f60718293a4b5c6d7e8f",
            statement="22,713,216 parameters and 2 buffers hash the same before and after training.",
        ),
        next_steps=(
            "Look at the 1 suspected label and the 1 contradiction, correct them and run the same command again.",
            "Check the slice channel = chat before shipping: the new model is worse there.",
            "Deploy the bundle: graft predict study/bundle new.csv",
        ),
        after=None,
        environment=EnvironmentFacts(
            graft="0.1.0",
            python="3.11.9",
            torch="2.13.0",
            transformers="5.20.1",
            platform="Linux-6.1-x86_64",
            processor="AMD EPYC 7B13",
            threads=2,
            precision="float32",
            seed=0,
        ),
        cache=CacheFacts(requested=12_480, computed=1_201),
        refit=RefitFacts(
            done=True,
            rows=1248,
            agreement=0.976,
            statement="learnt once more from all 1,248 rows after it was measured; it decides 98% of the holdout's "
            "rows as the measured model did. All figures here were measured before that.",
        ),
        seconds=1102.0,
    )


def changed(record: StudyRecord, **parts: object) -> StudyRecord:
    """The record with some parts replaced, validated again."""
    return StudyRecord.model_validate(record.model_copy(update=parts).model_dump(by_alias=True))


def control_verdict(outcome: str, sentence: str) -> VerdictFacts:
    return verdict(outcome).model_copy(
        update={
            "difference": span(-0.04, 0.02),
            "sentence": sentence,
            "reason": "The folds say that it harms (difference -0.040, from -0.060 to -0.020).",
            "shipped": CandidateName(source="", strategy="classical"),
            "tied": (),
        }
    )


def binary_harms() -> StudyRecord:
    names = ("ham", "phishing")
    return changed(
        multiclass_helps(),
        task="binary",
        metric="roc_auc",
        verdict=control_verdict(
            "harms", "Reusing minilm harms here: the classical control is better by 0.040 ROC AUC."
        ),
        classes=class_facts(names),
        errors=errors(names),
        data=data_facts(names, Task.BINARY),
        decision=decision(names).model_copy(
            update={"unit": "EUR", "thresholds": (("phishing", 0.1),), "confusion": confusion(names, abstain=False)}
        ),
        slices=(),
        learning_curve=None,
    )


def control_shipped() -> StudyRecord:
    before = verdict("inconclusive").model_copy(update={"sentence": "The first 600 rows could not tell."})
    record = multiclass_helps()
    return changed(
        record,
        verdict=control_verdict("no practical difference", "Reuse makes no practical difference: ship the control."),
        holdout=record.holdout.model_copy(
            update={"openings": 4, "opened_by": ("aaaa1111ff", "bbbb2222ff", "cccc3333ff", "dddd4444ff")}
        ),
        after=ChangeFacts(
            before_rows=600, rows=1248, before=before, statement="648 rows more settled the question.", reused_rows=590
        ),
    )


def undecided() -> StudyRecord:
    """Nothing is shown, a third candidate ships, a final model fell, one candidate was stopped early."""
    record = multiclass_helps()
    classes = class_facts(TICKETS)
    rare = ClassScore(name="refund", rows=3, decided=0, precision=None, recall=Interval(1.0), f1=None)
    stopped = candidate(
        "minilm",
        "lora",
        0.74,
        seconds=60.0,
        seed=3,
        notes=("stopped after 2 folds: 0.130 behind minilm frozen, more than chance can make up",),
        remarks=(Remark(code="never-left-start", text="After 24 steps it says no more than the shares.", trials=2),),
    )
    return changed(
        record,
        verdict=verdict("inconclusive").model_copy(
            update={
                "doubt": None,
                "undecided": True,
                "difference": span(0.012, 0.031),
                "sentence": "It is not settled whether pretraining helps.",
                "reason": "The rows leave both a gain and harm open (difference +0.012, from -0.019 to +0.043).",
                "shipped": CandidateName(source="minilm", strategy="full"),
                "expected_lead": 0.007,
                "tied": (),
            }
        ),
        candidates=tuple(stopped if one.strategy == "lora" else one for one in record.candidates),
        holdout=record.holdout.model_copy(
            update={
                "score": span(0.871, 0.03),
                "difference": span(0.004, 0.05),
                "warning": "the final model of minilm partial:2 scored 0.330 on the holdout where its folds had 0.860, "
                "so minilm full ships instead.",
                "test_file": "march.csv",
            }
        ),
        classes=(*classes[:3], rare, *classes[4:]),
        learning_curve=learning().model_copy(
            update={
                "more_labels": MoreLabels(
                    800,
                    240,
                    None,
                    "about 800 more labels (2,000 in all) would settle it with a chance of three in four",
                ),
            }
        ),
        splits=record.splits.model_copy(update={"optimism": span(0.004, 0.012), "repeats": 3}),
        refit=RefitFacts(
            done=False,
            rows=998,
            agreement=None,
            statement="the test file's rows are never learnt from: this is the very model that was measured",
        ),
    )


def multilabel() -> StudyRecord:
    names = ("urgent", "complaint", "praise", "legal")
    return changed(
        multiclass_helps(),
        task="multilabel",
        metric="micro_f1",
        classes=class_facts(names),
        errors=errors(names),
        data=data_facts(names, Task.MULTILABEL),
        decision=decision(()).model_copy(update={"thresholds": tuple((one, 0.31) for one in names)}),
    )


def regression() -> StudyRecord:
    record = multiclass_helps()

    def turned(one: CandidateFacts) -> CandidateFacts:
        score = -(14.0 - one.score.mean * 10)
        return one.model_copy(update={"score": span(score, 0.4), "folds": tuple(-(14.0 - f * 10) for f in one.folds)})

    return changed(
        record,
        task="regression",
        metric="rmse",
        margin=0.2,
        candidates=tuple(turned(one) for one in record.candidates),
        holdout=HoldoutFacts(
            rows=250, score=span(-5.36, 0.4), control_score=span(-5.85, 0.5), difference=span(0.49, 0.3), openings=1
        ),
        classes=(),
        slices=(),
        learning_curve=None,
        errors=(
            ErrorFact(
                row=3, id="", text="flat with a view", given="312.5", decided="268.1", probability=0.0, cost=44.4
            ),
        ),
        data=data_facts((), Task.REGRESSION).model_copy(update={"suspects": (), "contradictions": ()}),
        decision=DecisionFacts(
            unit="EUR",
            calibration=CalibrationFacts(
                method="conformal",
                losses=(),
                ece_before=None,
                ece=None,
                brier=None,
                log_loss=None,
                bins=(),
                interval_level=0.9,
                interval_half_width=9.7,
                interval_coverage=span(0.912, 0.03),
            ),
            policies=(),
            thresholds=(),
            abstained=0.0,
            confusion=None,
        ),
    )


def governed() -> StudyRecord:
    """What the terms ask for, columns of numbers and categories, and labels that settle it within reach."""
    record = multiclass_helps()
    number = NumberFacts(min=1.0, max=980.0, mean=41.5, std=12.25)
    values = (CategoryCount(value="mail", rows=801), CategoryCount(value="chat", rows=447))
    columns = (
        *record.data.contract.columns,
        ColumnFacts(name="size", role="numeric", kind="number", missing=2, distinct=310, number=number),
        ColumnFacts(name="channel", role="categorical", kind="category", missing=0, distinct=2, categories=values),
    )
    contract = record.data.contract.model_copy(update={"columns": columns})
    source = AssetFacts(
        kind="source", name="minilm", digest="53aa", relation="adapter", licences=("Apache-2.0 (README.md)",)
    )
    uses = (
        UseFacts(use="commercial", asked=True, outcome="unsettled", reasons=("no licence",), unblock=("ask them",)),
        UseFacts(use="internal", asked=False, outcome="allowed"),
    )
    return changed(
        record,
        data=record.data.model_copy(update={"contract": contract}),
        terms=TermsFacts(
            made_from=(source,),
            uses=uses,
            obligations=("Keep the copyright notice.",),
            findings=("Two places state different licences.",),
        ),
        learning_curve=learning().model_copy(
            update={"more_labels": MoreLabels(800, 240, 1900, "about 800 more labels would settle it")}
        ),
    )


def many_classes() -> StudyRecord:
    names = tuple(f"intent_{i:02d}_{word}" for i, word in enumerate(["card arrival", "top up failed"] * 39))[:77]
    return changed(
        multiclass_helps(),
        classes=class_facts(names),
        errors=errors(names),
        data=data_facts(names),
        decision=decision(names),
    )


def bare() -> StudyRecord:
    """Everything optional is missing."""
    record = multiclass_helps()
    lone = Interval(0.8)
    return changed(
        record,
        holdout=HoldoutFacts(rows=250, score=lone, control_score=None, difference=None, openings=1),
        candidates=tuple(
            one.model_copy(
                update={
                    "curves": (),
                    "predict_rows_per_second": None,
                    "score": lone,
                    "folds": (0.8,),
                    "remarks": (),
                    "megabytes": None,
                    "explained_by": "",
                }
            )
            for one in record.candidates
        ),
        verdict=record.verdict.model_copy(
            update={"difference": lone, "tied": (), "expected_lead": None, "labels": None, "grown": None}
        ),
        refit=None,
        learning_curve=None,
        decision=DecisionFacts(
            unit="",
            calibration=calibration().model_copy(
                update={
                    "method": "identity",
                    "losses": (),
                    "bins": (),
                    "ece": None,
                    "ece_before": None,
                    "brier": None,
                    "log_loss": None,
                    "ece_if_perfect": None,
                    "ece_debiased": None,
                }
            ),
            policies=(),
            thresholds=(),
            abstained=0.0,
            confusion=None,
        ),
        classes=(ClassScore(name="billing", rows=0, decided=None, precision=None, recall=None, f1=None),),
        slices=(),
        errors=(),
        sources=(),
        next_steps=(),
        splits=record.splits.model_copy(update={"optimism": None, "notes": ()}),
        plan=record.plan.model_copy(update={"cues": ()}),
        data=record.data.model_copy(
            update={
                "set_aside": (),
                "contradictions": (),
                "suspects": (),
                "notes": (),
                "suspects_listed": 0,
                "suspects_if_clean": None,
            }
        ),
    )


def hostile() -> StudyRecord:
    """Strings from data that try to leave their place."""
    names = (HOSTILE, '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "café ☕ \u202egnp.exe", "a\x00b\x1b[31m")
    record = multiclass_helps()
    return changed(
        record,
        classes=class_facts(names),
        decision=decision(names),
        errors=tuple(one.model_copy(update={"text": f"{HOSTILE} {one.text}\x1b[2J"}) for one in errors(names)),
        slices=tuple(replace(one, value=HOSTILE) for one in slices()),
        data=record.data.model_copy(
            update={
                "name": f"{HOSTILE}.csv",
                "notes": (HOSTILE,),
                "contradictions": (Contradiction(rows=(1, 2), labels=names[:2], text=HOSTILE),),
            }
        ),
        sources=tuple(one.model_copy(update={"reference": HOSTILE, "licence": HOSTILE}) for one in record.sources),
        candidates=tuple(
            one.model_copy(update={"source": HOSTILE if one.source else "", "notes": (HOSTILE,)})
            for one in record.candidates
        ),
        next_steps=(HOSTILE,),
    )


ALL = {
    "multiclass_helps": multiclass_helps,
    "binary_harms": binary_harms,
    "control_shipped": control_shipped,
    "undecided": undecided,
    "multilabel": multilabel,
    "regression": regression,
    "governed": governed,
    "many_classes": many_classes,
    "bare": bare,
    "hostile": hostile,
}
