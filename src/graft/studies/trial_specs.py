"""What a study asks of whoever learns for it, as plain values, and the place where it is learnt.

Decisions: a spec names its rows by their fingerprint and its training and test rows by position, its source as it was
verified, and its strategy as a person writes it, so any process can run it; where it runs, a workbench is built once,
from the file of the rows, and serves every spec after that. In the process of the study it is the study's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from graft.core.digests import array_digest
from graft.engine.engines import Engine
from graft.inputs.dataset import Dataset
from graft.inputs.rows_file import read_rows, write_rows
from graft.representations.cache import ActivationCache
from graft.representations.source import Source
from graft.scores.fitting import Budget, Candidate, Fit, Weighing, fit, tuning_gain
from graft.scores.losses import loss_named
from graft.scores.strategies import parse_strategy
from graft.scores.tuning import Gain
from graft.scores.workbench import Workbench

Given_co = TypeVar("Given_co", covariant=True)


@dataclass(frozen=True, eq=False)
class LearnSpec:
    """A candidate learns from some rows.

    title: what a person is told it is, beside the candidate. rows: fingerprint of all rows. train, test: positions
    among them, int64. strategy: as a person writes it. seed: of everything random in it. weights: how class imbalance
    is handled. loss: what networks are trained by, by name.
    """

    title: str
    rows: str
    source: Source | None
    strategy: str
    label: str
    train: np.ndarray
    test: np.ndarray
    budget: Budget
    seed: int
    weights: Weighing
    loss: str

    @property
    def candidate(self) -> Candidate:
        """Who learns."""
        return Candidate(parse_strategy(self.strategy), self.source, self.label)

    def __str__(self) -> str:
        """Who learns what, as a person is told."""
        return f"{self.candidate.name}, {self.title}"


@dataclass(frozen=True, eq=False)
class TrialSpec(LearnSpec):
    """A trial: one candidate on one fold with one seed, which scores the test rows.

    study: the key of the study. repeat, fold: which fold; -1 where it is none of the study's. keep: a folder, when the
    fitted model is wanted.
    """

    study: str
    repeat: int
    fold: int
    keep: Path | None = None

    def asked(self) -> dict[str, str | int]:
        """What its result is stored under: everything that could be another in a study."""
        return {
            "study": self.study,
            "candidate": self.candidate.name,
            "repeat": self.repeat,
            "fold": self.fold,
            "rows": array_digest([np.asarray(self.train, np.int64)]),
            "steps": self.budget.steps,
        }

    def run(self, bench: Workbench) -> Fit:
        """The trial, over rows that are at hand."""
        return fit(
            bench,
            self.candidate,
            self.train,
            self.test,
            budget=self.budget,
            seed=self.seed,
            weights=self.weights,
            loss=loss_named(self.loss, bench.task),
            keep=self.keep,
        )


@dataclass(frozen=True, eq=False)
class ShortTry(LearnSpec):
    """A cheap look at whether tuning pays: the steps of the budget, one configuration, nothing held in."""

    def run(self, bench: Workbench) -> Gain:
        """How much it lowers the loss of the test rows."""
        return tuning_gain(
            bench,
            self.candidate,
            self.train,
            self.test,
            steps=self.budget.steps,
            seed=self.seed,
            weights=self.weights,
            loss=loss_named(self.loss, bench.task),
        )


class Runnable(Protocol[Given_co]):
    """A spec of whatever kind, over rows with a fingerprint."""

    @property
    def rows(self) -> str:
        """The fingerprint of the rows."""
        ...

    @property
    def candidate(self) -> Candidate:
        """Who learns."""
        ...

    def run(self, bench: Workbench) -> Given_co:
        """What it gives, over rows that are at hand."""
        ...


Given = TypeVar("Given")


class Workplace:
    """Runs specs over the workbench of one study, which a process builds from the file of the rows when it has none.

    file: of the rows. cache_limit: bytes of the activation cache.
    """

    def __init__(self, file: Path, cache_limit: int, bench: Workbench | None = None) -> None:
        self.file, self.cache_limit, self._bench = file, cache_limit, bench

    def __reduce__(self) -> tuple[type["Workplace"], tuple[Path, int]]:
        """What travels: where the rows are, and no rows."""
        return Workplace, (self.file.absolute(), self.cache_limit)

    def __call__(self, spec: Runnable[Given]) -> Given:
        """What a spec gives. Raises InputError when the file holds other rows than the spec is about."""
        if self._bench is None:
            self._bench = Workbench(read_rows(self.file, spec.rows), ActivationCache(limit=self.cache_limit))
        return spec.run(self._bench)


def rows_file(out: Path) -> Path:
    """Where the rows of the study in ``out`` are while other processes work on it."""
    return out / "models" / "rows.arrow"


@contextmanager
def rows_within_reach(engine: Engine, rows: Dataset, out: Path) -> Iterator[None]:
    """The file of the rows is there during the block if the engine needs it, and gone afterwards."""
    if engine.apart:
        write_rows(rows_file(out), rows)
    try:
        yield
    finally:
        rows_file(out).unlink(missing_ok=True)
