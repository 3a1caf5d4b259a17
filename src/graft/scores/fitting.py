"""One trial: a candidate learns from some rows and scores others.

Decision: one entry for every candidate and control, with the same rows, the same number of configurations and the same
steps; what differs between strategies lives in their own files.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from graft.core.errors import InputError
from graft.core.memory import peak_memory
from graft.core.seeds import derive
from graft.core.tasks import CLASSES
from graft.evidence.forgetting import neighbour_overlap
from graft.evidence.training_curve import CurvePoint, Remark
from graft.representations.row_columns import CellTable, RowColumns, cell_table, fit_row_columns
from graft.representations.row_source import DRAWN, row_reading
from graft.representations.source import Source
from graft.representations.sources import randomised
from graft.scores.bodies import trainable
from graft.scores.classical.features import features_of
from graft.scores.classical.ngrams import RECIPES, beside, count_terms, solve_sparse, terms_kept
from graft.scores.columns import ColumnEncoder, fit_columns
from graft.scores.freezing import FreezeRecord
from graft.scores.joined_control import fit_joined
from graft.scores.linear import LinearHead, class_weights, solve_head
from graft.scores.losses import Loss
from graft.scores.models import (
    ClassicalModel,
    FeatureModel,
    MajorityModel,
    Model,
    RowModel,
    VectorModel,
    save_tuned_body,
)
from graft.scores.output import Output, output_of
from graft.scores.row_control import fit_control
from graft.scores.strategies import FULL, STRATEGIES, Strategy, Trains
from graft.scores.training import vectors_of
from graft.scores.tuning import Gain, Job, Tuned, assemble, gain_over_solved, predict_logits, solve_views, tune
from graft.scores.workbench import Workbench

Weighing = str | tuple[float, ...]

_COMPARED, _FEWEST_COMPARED = 500, 10
_COUNTED = 5_000  # texts up to which n-grams are counted once for all trials


@dataclass(frozen=True)
class Candidate:
    """A source with a strategy, or a control. source: None for controls without a backbone.

    label: an extra word that tells apart two candidates that are otherwise the same.
    """

    strategy: Strategy
    source: Source | None = None
    label: str = ""

    @classmethod
    def full(cls, source: Source) -> "Candidate":
        """Full fine-tuning of a source."""
        return cls(FULL, source)

    @property
    def name(self) -> str:
        """Its name in tables: ``minilm frozen``, ``classical``."""
        return " ".join(
            filter(None, (self.source.weights.reference if self.source else "", str(self.strategy), self.label))
        )

    @property
    def kind(self) -> str:
        """``transfer`` or ``control``."""
        return "control" if self.strategy.control else "transfer"


@dataclass(frozen=True)
class Budget:
    """What every candidate may use.

    configurations: tried, each with so many optimiser ``steps`` of ``batch`` rows. refit: whether the best one is
    trained once more on all rows when labels are few.
    """

    configurations: int = 1
    steps: int = 200
    batch: int = 16
    refit: bool = True


@dataclass(frozen=True)
class Fit:
    """What a trial gave.

    scores: probabilities (rows, outputs) or values (rows,) of the evaluation rows. model: when it was asked for.
    remarks: on how the training went. kept: of a tuned source, the share of the evaluation rows' neighbours among its
    vectors that are neighbours still. seconds, peak_mb: what it took, in MB of the process's peak memory.
    """

    scores: np.ndarray
    trainable: int
    freeze: FreezeRecord
    configuration: str
    model: Model | None = None
    steps: int = 0
    under_trained: bool = False
    curve: tuple[CurvePoint, ...] = ()
    notes: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    seconds: float = 0.0
    peak_mb: float = 0.0
    kept: float | None = None


@dataclass(frozen=True)
class _Problem:
    bench: Workbench
    candidate: Candidate
    rows: np.ndarray
    evaluate: np.ndarray
    output: Output
    targets: np.ndarray
    columns: ColumnEncoder | RowColumns
    weights: np.ndarray
    head_weights: np.ndarray
    untilt: bool
    loss: Loss | None
    budget: Budget
    seed: int
    shared_seed: int
    keep: Path | None
    on_step: Callable[[int], None]

    @cached_property
    def extra(self) -> np.ndarray:
        return self.columns.encode(self.bench.rows)


def fit(
    bench: Workbench,
    candidate: Candidate,
    rows: np.ndarray,
    evaluate: np.ndarray,
    *,
    budget: Budget,
    seed: int,
    weights: Weighing = "auto",
    loss: Loss | None = None,
    keep: Path | None = None,
    on_step: Callable[[int], None] = lambda step: None,
) -> Fit:
    """Learn from ``rows`` of the workbench and score the rows ``evaluate``.

    weights: how class imbalance is handled (``auto``, ``balanced``, ``none``), or a number for each class. loss: what
    networks learn by; the usual one of the task when None. keep: a folder; when given, the fitted
    model is returned and whatever it needs on disk is written there. on_step: called with optimiser steps done.
    """
    problem = _problem(
        bench,
        candidate,
        rows,
        evaluate,
        budget=budget,
        seed=seed,
        weights=weights,
        loss=loss,
        keep=keep,
        on_step=on_step,
    )
    started = time.perf_counter()
    with peak_memory() as peak:
        found = _WAYS[candidate.strategy.trains](problem)
    notes = (*found.notes, *_untouched(candidate, loss))
    return replace(found, seconds=time.perf_counter() - started, peak_mb=peak.megabytes, notes=notes)


def _untouched(candidate: Candidate, loss: Loss | None) -> tuple[str, ...]:
    told = "" if loss is None else loss.untouched(candidate.strategy)
    return (told,) if told else ()


def _problem(
    bench: Workbench,
    candidate: Candidate,
    rows: np.ndarray,
    evaluate: np.ndarray,
    *,
    budget: Budget,
    seed: int,
    weights: Weighing,
    loss: Loss | None = None,
    keep: Path | None = None,
    on_step: Callable[[int], None] = lambda step: None,
) -> _Problem:
    output = output_of(bench.task, bench.targets[rows])
    return _Problem(
        bench=bench,
        candidate=candidate,
        rows=rows,
        evaluate=evaluate,
        output=output,
        targets=output.standardise(bench.targets),
        columns=_beside(bench, candidate, rows),
        weights=class_weights(bench.targets[rows], bench.task, bench.outputs, mode=weights),
        # Solved heads learn with balanced classes, and their probabilities are set right again.
        head_weights=class_weights(
            bench.targets[rows], bench.task, bench.outputs, mode="balanced" if weights == "auto" else weights
        ),
        # Numbers that weigh costs tilt a head as balancing does.
        untilt=weights == "auto" or not isinstance(weights, str),
        loss=loss,
        budget=budget,
        seed=derive(seed, candidate.name),
        shared_seed=derive(seed, "shared"),
        keep=keep,
        on_step=on_step,
    )


def _beside(bench: Workbench, candidate: Candidate, rows: np.ndarray) -> ColumnEncoder | RowColumns:
    """What stands beside the vectors: the extra columns; where cells are the content, those its source cannot read."""
    if not bench.rows.kind.cells:
        return fit_columns(bench.rows.take(rows))
    names = bench.rows.contract.roles.numeric, bench.rows.contract.roles.categorical
    source = candidate.source
    read = (*names[0], *names[1]) if source is None else row_reading(source).shared(*names)
    return fit_row_columns(_cells(bench).take(rows), *names).without(read)


def _cells(bench: Workbench) -> CellTable:
    roles = bench.rows.contract.roles
    return bench.remembered(("cells",), lambda: cell_table(bench.rows.contents, roles.numeric, roles.categorical))


def _majority(problem: _Problem) -> Fit:
    targets = problem.bench.targets[problem.rows]
    task = problem.bench.task
    if task in CLASSES:
        level = np.bincount(targets, minlength=problem.bench.outputs) / len(targets)
    else:
        level = np.atleast_1d(targets.mean(0))
    model = MajorityModel(problem.output, level.astype(np.float32))
    scores = model.scores(problem.bench.rows.take(problem.evaluate))
    return Fit(scores, len(level), FreezeRecord(0, len(level), ""), "", model)


def _classical(problem: _Problem) -> Fit:
    """What no neural network scores, in the way of the kind of content."""
    if problem.bench.rows.kind.cells:
        return _on_rows(problem)
    if problem.bench.rows.kind.parts:
        return _on_parts(problem)
    return (_on_features if features_of(problem.bench.rows.kind.name) else _on_texts)(problem)


def _on_rows(problem: _Problem) -> Fit:
    bench, rows = problem.bench, problem.rows
    roles = bench.rows.contract.roles
    names = roles.numeric, roles.categorical
    table = _cells(bench)
    columns = fit_row_columns(table.take(rows), *names)
    control = fit_control(
        columns,
        columns.parted(table.take(rows)),
        problem.targets[rows],
        task=bench.task,
        outputs=bench.outputs,
        # Probabilities are set right later; only what was asked for tilts them.
        weights=np.ones_like(problem.weights) if problem.untilt else problem.weights,
        head_weights=problem.head_weights,
        untilt=problem.untilt,
        configurations=problem.budget.configurations,
        seed=problem.seed,
    )
    model = RowModel(problem.output, columns, control.scorer)
    scores = model.of_parted(columns.parted(table.take(problem.evaluate)))
    return Fit(scores, control.size, FreezeRecord(0, control.size, ""), control.name, model)


def _on_parts(problem: _Problem) -> Fit:
    """What is computed of each kind of content, side by side."""
    assert isinstance(problem.columns, ColumnEncoder)
    control = fit_joined(
        problem.bench,
        problem.rows,
        problem.evaluate,
        problem.targets,
        output=problem.output,
        columns=problem.columns,
        extra=problem.extra,
        weights=problem.head_weights,
        untilt=problem.untilt,
        configurations=problem.budget.configurations,
        seed=problem.seed,
    )
    if control is None:
        return _majority(problem)
    size = control.model.weight.size + control.model.bias.size
    return Fit(control.scores, size, FreezeRecord(0, size, ""), control.name, control.model)


def _on_features(problem: _Problem) -> Fit:
    """A head on numbers that are computed of contents; of the recipes allowed, the one with the lowest held-in loss."""
    bench, rows = problem.bench, problem.rows
    best: tuple[str, np.ndarray, LinearHead] | None = None
    for recipe in features_of(bench.rows.kind.name)[: problem.budget.configurations]:
        seen = bench.remembered(("features", recipe.name), partial(recipe.compute, bench.rows.contents))
        inputs = np.concatenate([seen, problem.extra], 1)
        head = solve_head(
            inputs[rows],
            problem.targets[rows],
            task=bench.task,
            outputs=bench.outputs,
            weights=problem.head_weights,
            seed=problem.seed,
            untilt=problem.untilt,
        )
        if best is None or head.held_loss < best[2].held_loss:
            best = recipe.name, inputs, head
    assert best is not None
    name, inputs, head = best
    assert isinstance(problem.columns, ColumnEncoder)
    model = FeatureModel(problem.output, name, problem.columns, head.weight, head.bias)
    scores = problem.output.finish(head.logits(inputs[problem.evaluate]))
    size = head.weight.size + head.bias.size
    return Fit(scores, size, FreezeRecord(0, size, ""), f"{name}, penalty {head.penalty:g}", model)


def _on_texts(problem: _Problem) -> Fit:
    bench = problem.bench
    texts, rows, evaluate = bench.rows.contents, problem.rows, problem.evaluate
    if shared := len(texts) <= _COUNTED:
        learn, judge = rows, evaluate
    else:
        texts = tuple(texts[row] for row in (*rows, *evaluate))
        learn, judge = np.arange(len(rows)), np.arange(len(rows), len(texts))
    most, best = terms_kept(len(rows), bench.outputs), None
    for recipe in RECIPES[: problem.budget.configurations]:
        count = partial(count_terms, texts, recipe)
        counted = bench.remembered(("terms", recipe.name), count) if shared else count()
        fitted = [(one, *found) for one in counted if (found := one.fit(learn, most=most)) is not None]
        matrix = beside([one.encode(encoder, places, learn) for one, encoder, places in fitted], problem.extra[rows])
        if not matrix.shape[1]:
            continue
        head = solve_sparse(
            matrix,
            problem.targets[rows],
            task=bench.task,
            outputs=bench.outputs,
            weights=problem.head_weights,
            seed=problem.seed,
            untilt=problem.untilt,
        )
        if best is None or head.held_loss < best[2].held_loss:
            best = (recipe, fitted, head)
    if best is None:
        # No recipe found a single term in the texts: all that is left is the share of each class.
        return _majority(problem)
    recipe, fitted, head = best
    encoders = tuple(encoder for _, encoder, _ in fitted)
    assert isinstance(problem.columns, ColumnEncoder)
    model = ClassicalModel(problem.output, encoders, problem.columns, head.weight, head.bias)
    blocks = [one.encode(encoder, places, judge) for one, encoder, places in fitted]
    scores = model.finished(beside(blocks, problem.extra[evaluate]))
    size = head.weight.size + head.bias.size
    return Fit(scores, size, FreezeRecord(0, size, ""), recipe.name, model)


def _frozen(problem: _Problem) -> Fit:
    bench, source = problem.bench, problem.candidate.source
    assert source is not None
    job = _job(problem, source)
    source, head = solve_views(job, problem.rows)
    inputs = np.concatenate([bench.vectors(source)[problem.evaluate], problem.extra[problem.evaluate]], 1)
    scores = problem.output.finish(head.logits(inputs))
    size = head.weight.size + head.bias.size
    freeze = FreezeRecord(source.weights.parameters, size, source.weights.digest)
    beside = "".join(f", layer {layer} beside the last" for layer in source.beside)
    return Fit(scores, size, freeze, f"penalty {head.penalty:g}{beside}", _vector_model(problem, source, head))


def _vector_model(problem: _Problem, source: Source, head: LinearHead) -> VectorModel:
    return VectorModel(problem.output, source, problem.columns, head.weight, head.bias)


def warm(bench: Workbench, candidate: Candidate) -> None:
    """Put what the candidate reads of its backbone into the workbench's cache, for whoever shares that cache."""
    source, layers = candidate.source, candidate.strategy.layers
    if source is None or not source.weights.pretrained or candidate.strategy.control:
        return
    if bench.cache is not None and bench.cache.limit > 0:
        bench.vectors(source.plain)
        if 0 < layers <= source.weights.layers:
            bench.boundary(source.plain, source.weights.layers - layers)


def tuning_gain(
    bench: Workbench,
    candidate: Candidate,
    fold_train: np.ndarray,
    fold_test: np.ndarray,
    *,
    steps: int,
    seed: int,
    weights: Weighing = "auto",
    loss: Loss | None = None,
) -> Gain:
    """How much ``steps`` of tuning on one fold lower the loss of its test rows, against the frozen head.

    In the unit of the loss a row (nats for classes and labels), each side at its own best temperature; positive where
    tuning pays. One configuration, nothing held in and nothing repeated: a cheap look, to be had before the money is
    spent, and not evidence. Raises InputError for a candidate that tunes nothing.
    """
    source = candidate.source
    if source is None or not candidate.strategy.tunes:
        raise InputError(
            f"{candidate.name} tunes nothing",
            needed=", ".join(text for one in STRATEGIES if one.tunes for text in one.notations),
            fix="ask about one of those",
        )
    budget = Budget(steps=steps, refit=False)
    problem = _problem(bench, candidate, fold_train, fold_test, budget=budget, seed=seed, weights=weights, loss=loss)
    return gain_over_solved(_job(problem, source), fold_test)


def training_job(
    bench: Workbench, candidate: Candidate, rows: np.ndarray, *, budget: Budget, seed: int, weights: Weighing = "auto"
) -> Job:
    """The training problem of a candidate that has a source, without running it."""
    assert candidate.source is not None
    problem = _problem(bench, candidate, rows, rows, budget=budget, seed=seed, weights=weights)
    return _job(problem, candidate.source)


def _job(problem: _Problem, source: Source) -> Job:
    return Job(
        bench=problem.bench,
        source=source.plain,
        strategy=problem.candidate.strategy,
        rows=problem.rows,
        targets=problem.targets,
        extra=problem.extra,
        weights=problem.weights,
        steps=problem.budget.steps,
        batch=problem.budget.batch,
        refit=problem.budget.refit,
        head_weights=problem.head_weights,
        untilt=problem.untilt,
        loss=problem.loss,
        seed=problem.seed,
        shared_seed=problem.shared_seed,
        on_step=problem.on_step,
    )


def _tuned(problem: _Problem) -> Fit:
    source = problem.candidate.source
    assert source is not None
    if not problem.candidate.strategy.pretrained and (source.weights.pretrained or source.weights.reference == DRAWN):
        drawn = randomised(source, seed=problem.seed % (1 << 31))
        source = trainable(source).drawn(problem.bench, drawn, problem.rows)
    job = _job(problem, source)
    source = job.source
    tuned = tune(job, configurations=problem.budget.configurations)
    scores = problem.output.finish(predict_logits(tuned, job, problem.evaluate))
    model = None
    if problem.keep is not None:
        if tuned.network is None:
            assert tuned.head is not None
            assert tuned.view is not None
            model = _vector_model(problem, tuned.view, tuned.head)
        else:
            weight = tuned.network.head.weight.detach().cpu().numpy().copy()
            bias = tuned.network.head.bias.detach().cpu().numpy().copy()
            body = assemble(tuned, job)
            name = f"{source.weights.reference} tuned ({problem.candidate.strategy})"
            saved = save_tuned_body(body, source, problem.keep / "source", reference=name)
            model = VectorModel(problem.output, saved, problem.columns, weight, bias)
    return Fit(
        scores,
        tuned.freeze.trained,
        tuned.freeze,
        tuned.configuration,
        model,
        tuned.log.steps,
        tuned.log.under_trained,
        tuned.log.curve,
        tuned.notes,
        tuned.remarks,
        kept=_kept(tuned, job, problem.evaluate),
    )


def _kept(tuned: Tuned, job: Job, rows: np.ndarray) -> float | None:
    """How many of some rows' nearest neighbours tuning left in place; None where nothing of a source was tuned."""
    some = rows[:: -(-len(rows) // _COMPARED)] if len(rows) else rows
    if not job.strategy.pretrained or len(some) < _FEWEST_COMPARED:
        return None
    if tuned.network is None:
        return 1.0
    return neighbour_overlap(job.bench.vectors(job.source)[some], vectors_of(tuned.network, tuned.examples.feed, some))


_WAYS: dict[Trains, Callable[[_Problem], Fit]] = {
    Trains.SHARES: _majority,
    Trains.TERMS: _classical,
    Trains.HEAD: _frozen,
    Trains.NETWORK: _tuned,
}
