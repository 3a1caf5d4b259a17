"""How long an optimiser step takes here: measured on two real batches, for the plan's estimate and nothing else."""

import time

import numpy as np

from graft.representations.sources import Source
from graft.scores.fitting import Budget, Candidate
from graft.scores.linear import class_weights
from graft.scores.models import output_of
from graft.scores.strategies import Kind
from graft.scores.tuning import Job, one_step
from graft.scores.workbench import Workbench

_HEAD = 0.4
_SHARE = {Kind.FULL: 1.0, Kind.SCRATCH: 1.0, Kind.LORA: 0.85}


def seconds_per_step(bench: Workbench, source: Source, rows: np.ndarray, *, batch: int = 16) -> float:
    """Seconds of one full fine-tuning step on rows of middling length."""
    lengths = bench.tokens(source).lengths[rows]
    middling = rows[np.argsort(lengths, kind="stable")][len(rows) // 2 :][:batch]
    output = output_of(bench.task, bench.targets[rows])
    job = Job(
        bench=bench,
        source=source,
        strategy=Candidate.full(source).strategy,
        rows=middling,
        targets=output.standardise(bench.targets),
        extra=np.zeros((len(bench.rows), 0), np.float32),
        weights=class_weights(bench.targets[rows], bench.task, bench.outputs),
        steps=2,
        batch=batch,
        seed=0,
    )
    times = []
    step = one_step(job)
    for _ in range(3):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return min(times)


def estimate(candidate: Candidate, budget: Budget, *, rows: int, outputs: int, step: float) -> float:
    """Seconds one trial will take, about.

    rows: training rows. step: seconds of one full step.
    """
    kind, source = candidate.strategy.kind, candidate.source
    if kind is Kind.MAJORITY:
        return 0.01
    if kind is Kind.CLASSICAL:
        return budget.configurations * (0.5 + rows * outputs * 2e-4)
    if kind is Kind.FROZEN or source is None:
        return _HEAD + rows * outputs * 8e-6
    share = _SHARE.get(kind, 0.1 + 0.9 * candidate.strategy.layers / max(1, source.layers))
    phases = budget.configurations + (1 if budget.refit and rows < 2000 else 0)
    return 1.0 + _HEAD + phases * budget.steps * step * share
