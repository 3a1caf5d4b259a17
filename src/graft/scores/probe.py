"""How long trials take here, measured before they run; for the plan's estimate and nothing else.

Decisions: what can be had at its real price is bought once (the classical control and a solved head on the rows of a
fold, a few steps of full tuning and of LoRA, reading rows with the network as it stands) and everything else is
arithmetic on these. How many of its steps a candidate uses before it stops is what no measurement of speed can say: the
shares below are what studies used.
"""

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from graft.representations.source import Source
from graft.scores.bodies import is_trained, trainable
from graft.scores.fitting import Budget, Candidate, fit, training_job
from graft.scores.strategies import CLASSICAL, FROZEN, FULL, Strategy, Trains
from graft.scores.tuning import HELD_SHARE, REFIT_BELOW, one_step, reader
from graft.scores.workbench import Workbench

_ROWS = 600
STARTING = 10.0
_READ, _TRIES, _LONG = 48, 3, 1.0
# Measurements of the held-in loss in a budget, at least.
_MEASURED = 4


@dataclass(frozen=True)
class Pace:
    """Seconds on this machine.

    steps: one step of each strategy whose pace is its own, by name. read: a row, forward. head, classical: one fit of
    each on ``rows`` rows.
    """

    steps: Mapping[str, float]
    read: float
    head: float
    classical: float
    rows: int

    def step(self, strategy: Strategy, layers: int) -> float:
        """Seconds of a step of a strategy, for a source of so many layers."""
        if strategy.own_pace:
            return self.steps[strategy.name]
        if strategy.layers:
            return self.whole * (0.1 + 0.9 * strategy.layers / max(1, layers))
        return self.whole

    @property
    def whole(self) -> float:
        """Seconds of a step that trains everything."""
        return self.steps[FULL.name]


def seconds_per_step(
    bench: Workbench,
    source: Source | None,
    rows: np.ndarray,
    strategies: Collection[Strategy],
    *,
    batch: int = 16,
    one_thread: bool = False,
) -> Pace:
    """Measure the pace of a source on rows of the workbench; its vectors of them are computed where no cache has them.
    Without a source, that of the control alone.

    strategies: those that will run; what none of them needs is not measured. A step is of rows of middling length.
    one_thread: as in a worker, which has one thread.
    """
    if source is None:
        some = rows[:: -(-len(rows) // _ROWS)]
        spent = _seconds(partial(fit, bench, Candidate(CLASSICAL), some, some[:1], budget=Budget(), seed=0))
        return Pace(steps={}, read=0.0, head=0.0, classical=spent, rows=len(some))
    bench.vectors(source)  # a study pays this once, not once a trial
    if not one_thread:
        return _pace(bench, source, rows, strategies, batch)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            return _pace(bench, source, rows, strategies, batch)
    finally:
        torch.set_num_threads(threads)


def side_by_side(seconds: Sequence[float], processes: int) -> float:
    """Seconds until the last of some pieces of work is done, the longest first, each where it can begin soonest.

    >>> side_by_side([4, 3, 2, 1], 2), side_by_side([4, 3, 2, 1], 1), side_by_side([4, 1], 8), side_by_side([], 2)
    (5.0, 10.0, 4.0, 0.0)
    """
    free = [0.0] * max(1, processes)
    for one in sorted(seconds, reverse=True):
        place = free.index(min(free))
        free[place] += one
    return max(free)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def starting(workers: int, cores: int) -> float:
    """Seconds until so many workers have begun: each reads its libraries for about ten seconds of processor time.

    >>> starting(2, 4), starting(8, 4)
    (10.0, 20.0)
    """
    return STARTING * workers / max(1, min(workers, cores))


def _pace(bench: Workbench, source: Source, rows: np.ndarray, strategies: Collection[Strategy], batch: int) -> Pace:
    some = rows[:: -(-len(rows) // _ROWS)]
    trained = [one for one in strategies if one.trains_backbone] if is_trained(source) else []
    timed = {one.name: one for one in (FULL, *trained) if one.own_pace} if trained else {}
    steps, read = _steps(bench, source, rows, list(timed.values()), batch) if timed else ({}, 0.0)
    fits = {
        one: _seconds(partial(fit, bench, Candidate(one, of), some, some[:1], budget=Budget(), seed=0))
        for one, of in ((FROZEN, source), (CLASSICAL, None))
    }
    return Pace(steps=steps, read=read, head=fits[FROZEN], classical=fits[CLASSICAL], rows=len(some))


def _steps(
    bench: Workbench, source: Source, rows: np.ndarray, strategies: Sequence[Strategy], batch: int
) -> tuple[dict[str, float], float]:
    """Seconds of a step of each of these strategies, and of reading a row again."""
    sizes = np.array([bench.rows.kind.size(bench.contents[row]) for row in rows])
    middling = rows[np.argsort(sizes, kind="stable")][len(rows) // 2 :][:batch]
    steps: dict[str, float] = {}
    for strategy in strategies:
        job = training_job(bench, Candidate(strategy, source), middling, budget=Budget(steps=2, batch=batch), seed=0)
        step = one_step(job)
        first = _seconds(step)  # the first prepares kernels, which is little of a step that takes seconds
        tries = [first] if first > _LONG else [_seconds(step) for _ in range(_TRIES)]
        steps[strategy.name] = float(np.median(tries))
    reading = rows[:: max(1, len(rows) // _READ)][:_READ]
    return steps, _seconds(reader(job, reading)) / len(reading)


def estimate(candidate: Candidate, budget: Budget, *, rows: int, outputs: int, step: Pace) -> float:
    """Seconds one trial will take, about.

    rows: training rows. outputs: columns of the scores. step: what ``seconds_per_step`` measured.
    """
    strategy, source = candidate.strategy, candidate.source
    share = rows / max(1, step.rows)
    if strategy.trains is Trains.SHARES:
        return 0.01
    if strategy.trains is Trains.TERMS:
        return budget.configurations * step.classical * share
    head = step.head * share
    if strategy.trains is Trains.HEAD or source is None:
        return head
    one = step.step(strategy, source.weights.layers) * (1.0 if strategy.pretrained else trainable(source).share(source))
    part = one / step.whole  # of the layers that run
    tried, again = strategy.used
    refit = budget.refit and rows < REFIT_BELOW
    steps = budget.steps * (budget.configurations * tried + (again if refit else 0))
    measured = rows if strategy.measures_all else rows / HELD_SHARE
    read = (budget.configurations * _MEASURED * measured + rows / 4) * step.read * part
    heads = 1.5 * head if strategy.pretrained else 0
    return steps * one + read + heads


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
