"""How long trials take here, measured before they run; for the plan's estimate and nothing else.

Decisions: what can be had at its real price is bought once (the classical control and a solved head on the rows of a
fold, a few steps of full tuning and of LoRA, reading rows with the network as it stands) and everything else is
arithmetic on these. How many of its steps a candidate uses before it stops is what no measurement of speed can say: the
shares below are what studies used.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from graft.representations.sources import Source
from graft.scores.fitting import Budget, Candidate, fit, training_job
from graft.scores.strategies import Kind, Strategy
from graft.scores.tuning import HELD_SHARE, REFIT_BELOW, one_step, reader
from graft.scores.workbench import Workbench

_ROWS = 600
_READ, _TRIES = 48, 3
# Of its budget a configuration uses so much before the held-in loss stops it, and the repeat on all rows so much more.
_USED = {Kind.SCRATCH: (0.45, 0.2), Kind.CONTRASTIVE: (1.0, 1.0)}
_USED_BY_OTHERS = (0.9, 0.9)
# Measurements of the held-in loss in a budget, at least.
_MEASURED = 4


@dataclass(frozen=True)
class Pace:
    """Seconds on this machine.

    full, lora: one step of each. read: a row, forward. head, classical: one fit of each on ``rows`` rows.
    """

    full: float
    lora: float
    read: float
    head: float
    classical: float
    rows: int

    def step(self, strategy: Strategy, layers: int) -> float:
        """Seconds of a step of a strategy, for a source of so many layers."""
        if strategy.kind is Kind.LORA:
            return self.lora
        if strategy.layers:
            return self.full * (0.1 + 0.9 * strategy.layers / max(1, layers))
        return self.full


def seconds_per_step(bench: Workbench, source: Source, rows: np.ndarray, *, batch: int = 16) -> Pace:
    """Measure the pace of a source on rows of the workbench; its vectors of them are computed where no cache has them.

    A step is of rows of middling length.
    """
    some = rows[:: -(-len(rows) // _ROWS)]
    bench.vectors(source)  # a study pays this once, not once a trial
    lengths = bench.tokens(source).lengths[rows]
    middling = rows[np.argsort(lengths, kind="stable")][len(rows) // 2 :][:batch]
    steps: dict[Kind, float] = {}
    for kind in (Kind.FULL, Kind.LORA):
        job = training_job(
            bench, Candidate(Strategy(kind), source), middling, budget=Budget(steps=2, batch=batch), seed=0
        )
        step = one_step(job)
        step()  # the first prepares kernels
        steps[kind] = float(np.median([_seconds(step) for _ in range(_TRIES)]))
    reading = rows[:: max(1, len(rows) // _READ)][:_READ]
    read = reader(job, reading)
    fits = {
        kind: _seconds(partial(fit, bench, Candidate(Strategy(kind), of), some, some[:1], budget=Budget(), seed=0))
        for kind, of in ((Kind.FROZEN, source), (Kind.CLASSICAL, None))
    }
    return Pace(
        full=steps[Kind.FULL],
        lora=steps[Kind.LORA],
        read=_seconds(read) / len(reading),
        head=fits[Kind.FROZEN],
        classical=fits[Kind.CLASSICAL],
        rows=len(some),
    )


def estimate(candidate: Candidate, budget: Budget, *, rows: int, outputs: int, step: Pace) -> float:
    """Seconds one trial will take, about.

    rows: training rows. outputs: columns of the scores. step: what ``seconds_per_step`` measured.
    """
    kind, source = candidate.strategy.kind, candidate.source
    share = rows / max(1, step.rows)
    if kind is Kind.MAJORITY:
        return 0.01
    if kind is Kind.CLASSICAL:
        return budget.configurations * step.classical * share
    head = step.head * share
    if kind is Kind.FROZEN or source is None:
        return head
    one = step.step(candidate.strategy, source.layers)
    part = one / step.full  # of the layers that run
    tried, again = _USED.get(kind, _USED_BY_OTHERS)
    refit = budget.refit and rows < REFIT_BELOW
    steps = budget.steps * (budget.configurations * tried + (again if refit else 0))
    measured = rows if kind is Kind.CONTRASTIVE else rows / HELD_SHARE
    read = (budget.configurations * _MEASURED * measured + rows / 4) * step.read * part
    heads = 0 if kind is Kind.SCRATCH else 1.5 * head
    return steps * one + read + heads


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
