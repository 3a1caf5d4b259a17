"""Which rows of a batch to label, and how good the model is on the whole batch from those labels.

Decisions: rows are drawn in an order, with probabilities that are known, more often where a label tells more; the draw
follows from the batch, the number and a seed, so nothing has to be kept between drawing and answering. All labels that
were asked for give a fixed interval; where some are still missing, the rows up to the first one without a label count,
and the interval is one that holds whenever somebody looks.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from graft.bundle.answers import read_truth
from graft.bundle.bundle import Bundle
from graft.core.errors import InputError
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.evidence import weighted
from graft.evidence.labels_on_budget import (
    BudgetEstimate,
    DrawnRows,
    draw_rows,
    estimate_from_labels,
    running_interval,
)
from graft.evidence.unlabelled import Answers, RowExpectation, expected_rows, row_cost
from graft.facts.watch import LabelledEstimate, SampledQuality
from graft.rows import values
from graft.rows.table import Table, read_frame
from graft.watch.batch import Batch, choices_of, read_batch

ROW, CHANCE = "row", "chance"


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of a batch to label. batch: as the model sees it. drawn: which rows, in their order. table: what was
    given. labels: the columns to fill in."""

    batch: Batch
    drawn: DrawnRows
    table: Table
    labels: tuple[str, ...]

    def frame(self) -> pl.DataFrame:
        """The rows to label in their order: ``row`` (from 1, in the table given), ``chance`` of being drawn next, the
        columns of the table, and empty columns for labels that are not there."""
        places = self.batch.rows_given[self.drawn.rows]
        frame = self.table.frame[places.tolist()]
        beside = {ROW: pl.Series(places + 1), CHANCE: pl.Series(self.drawn.chances[self.drawn.units])}
        taken = [name for name in (ROW, CHANCE) if name in frame.columns]
        if taken:
            raise InputError(
                f"the rows have a column {taken[0]!r}, which the sample needs", needed="another name", fix="rename it"
            )
        found: pl.DataFrame = frame.with_columns(**beside).select(ROW, CHANCE, *frame.columns)
        return found.with_columns(
            pl.lit(None, pl.String).alias(name) for name in self.labels if name not in found.columns
        )


def draw_sample(
    bundle: Bundle, rows: Any, count: int, *, group: str = "", seed: int = 0, progress: Progress = SILENT
) -> Sample:
    """Draw rows to label. group: a column whose equal cells are to be labelled together. Raises InputError for a batch
    without usable rows."""
    table = rows if isinstance(rows, Table) else read_frame(rows, empty=True)
    batch = read_batch(bundle, table, group=group, progress=progress)
    if not len(batch):
        raise InputError(f"no usable row of {batch.rows}", needed="rows that the model can read")
    if not isinstance(count, int) or count < 1:
        raise InputError(f"{count} rows to label", needed="1 or more", fix="for example --n 50")
    rng = generator(seed, "watch", "sample", batch.key, str(count))
    deviation = _expected(bundle, batch, "accuracy").deviation
    drawn = draw_rows(deviation, count, rng=rng, groups=batch.groups if group else None)
    return Sample(batch, drawn, table, bundle.contract.roles.label)


def estimate_sample(bundle: Bundle, sample: Sample, labels: Any) -> LabelledEstimate:
    """How good the model is on the whole batch, from labels of the rows drawn.

    labels: the table of the sample with its label column filled in. Raises InputError where it has other rows, or the
    first row has no label yet.
    """
    table = read_frame(labels)
    for name in (ROW, *bundle.contract.roles.label):
        if name not in table.frame.columns:
            raise InputError(
                f"the labels have no column {name!r}",
                needed="the table that graft watch sample wrote, with its label column filled in",
            )
    numbers = values.numbers(table.frame[ROW])[0]
    found = read_truth(bundle.contract, table)
    told = _by_row(numbers, found.values)
    wanted = sample.batch.rows_given[sample.drawn.rows].tolist()
    strange = sorted(set(told) - set(wanted))
    if strange:
        raise InputError(
            f"a label for row {strange[0] + 1}, which was not drawn",
            needed="labels of the rows that were drawn, with the same rows, --n and --seed",
            fix="draw again, or give the table of this sample",
        )
    if found.unknown:
        at, word = next(iter(found.unknown.items()))
        many = f"{len(found.unknown):,} labels that the model does not know"
        raise InputError(
            f"{many}, the first is {word!r} for row {numbers[at]:.0f}",
            needed=f"one of {', '.join(bundle.contract.labels[:20])}" if bundle.contract.labels else "numbers",
            fix="correct the spelling; where it is a new class, the model has to learn it: study the rows anew",
        )
    nothing = np.full(found.values.shape[1:], np.nan)
    truth = np.array([told.get(row, nothing) for row in wanted])
    missing = np.flatnonzero(~np.isfinite(truth.reshape(len(truth), -1)).all(axis=1))
    count = int(missing[0]) if len(missing) else len(wanted)
    # Whole blocks only.
    if count < len(wanted):
        count = int(np.searchsorted(sample.drawn.units, sample.drawn.units[count]))
    if not count:
        raise InputError(
            "the first row drawn has no label that the model knows",
            needed="labels in the order of the rows drawn",
            fix="label from the top; a row may not be passed over",
        )
    told_of = [_one(bundle, sample, truth[:count], name, whole=count == len(wanted)) for name in _names(bundle)]
    return LabelledEstimate(
        batch=sample.batch.key, rows=len(sample.batch), drawn=len(wanted), labelled=count, qualities=tuple(told_of)
    )


def _by_row(numbers: np.ndarray, values: np.ndarray) -> dict[int, np.ndarray]:
    """Labels by the place of their row, from 0. numbers: of the rows, from 1, (rows,). Raises InputError for a label
    whose row is not known, and for a row with two."""
    said = np.isfinite(values.reshape(len(values), -1)).any(axis=1)
    nowhere = said & ~(np.isfinite(numbers) & (numbers == np.floor(numbers)))
    if nowhere.any():
        raise InputError(
            f"{nowhere.sum():,} labels without the number of their row in {ROW!r}",
            needed="the table that graft watch sample wrote, with its label column filled in",
            fix=f"leave the column {ROW!r} as it was written",
        )
    told: dict[int, np.ndarray] = {}
    for number, value in zip(numbers.tolist(), values, strict=True):
        if not np.isfinite(number):
            continue
        place = int(number) - 1
        if place in told and not np.array_equal(told[place], value, equal_nan=True):
            raise InputError(
                f"row {place + 1} stands in the labels twice, with two labels",
                needed="one label for each row",
                fix="remove one of the two",
            )
        told[place] = value
    return told


def _names(bundle: Bundle) -> list[str]:
    if bundle.contract.task is Task.REGRESSION:
        return ["absolute error"]
    return ["accuracy"] if bundle.decision.policy is None else ["accuracy", "cost"]


def _one(bundle: Bundle, sample: Sample, truth: np.ndarray, name: str, *, whole: bool) -> SampledQuality:
    expected = _expected(bundle, sample.batch, name)
    some = sample.batch.take(sample.drawn.rows[: len(truth)])
    observed = _observed(bundle, some, truth, name)
    if name == "absolute error":
        # Nothing is known of an error that no label showed: the largest seen is taken for the largest there is.
        expected = replace(expected, most=np.full(len(sample.batch), float(observed.max())))
    if whole or name == "absolute error":
        found: BudgetEstimate = estimate_from_labels(sample.drawn, observed, expected)
        return SampledQuality(
            quality=name, estimate=found.estimate, alone=found.alone, expected=found.expected, weight=found.weight,
            running=False,
        )  # fmt: skip
    told = running_interval(sample.drawn, observed, expected)
    plain = estimate_from_labels(sample.drawn, observed, expected)
    low, high = float(told.low[-1]), float(told.high[-1])
    middle = min(max(plain.estimate.mean, low), high)
    return SampledQuality(
        quality=name, estimate=type(plain.estimate)(middle, low, high), alone=None, expected=plain.expected,
        weight=plain.weight, running=True,
    )  # fmt: skip


def _observed(bundle: Bundle, some: Batch, truth: np.ndarray, name: str) -> np.ndarray:
    if name == "absolute error":
        return np.asarray(np.abs(truth - some.scores[:, 0]))
    scored = _answers(bundle, some).if_true(truth.astype(np.int64))
    if name == "accuracy":
        return weighted.right(scored)
    assert bundle.decision.policy is not None
    return np.asarray(row_cost(scored, bundle.decision.policy.table.actions))


def _expected(bundle: Bundle, batch: Batch, name: str) -> RowExpectation:
    """What the calibrated probabilities of the bundle say of each row; nothing about values."""
    if bundle.contract.task is Task.REGRESSION:
        nothing = np.zeros(len(batch))
        return RowExpectation(nothing, nothing, nothing, np.full(len(batch), np.inf))
    answers = _answers(bundle, batch)
    if name == "cost":
        assert bundle.decision.policy is not None
        actions = bundle.decision.policy.table.actions
        return expected_rows(answers, batch.scores, lambda scored: row_cost(scored, actions))
    return expected_rows(answers, batch.scores, "accuracy")


def _answers(bundle: Bundle, batch: Batch) -> Answers:
    """What was decided of each row, with its probabilities."""
    policy = bundle.decision.policy
    if bundle.contract.task is Task.MULTILABEL:
        assert policy is not None
        return Answers(Task.MULTILABEL, batch.scores, policy.decide(batch.scores, batch.far).decided)
    return Answers("binary" if batch.scores.shape[1] == 2 else "multiclass", batch.scores, choices_of(bundle, batch))


def write_sample(sample: Sample, out: Path) -> None:
    """Write the rows to label as CSV, or Parquet by the ending. Raises InputError for columns that CSV cannot hold."""
    frame = sample.frame()
    if out.suffix == ".parquet":
        frame.write_parquet(out)
        return
    nested = [
        name for name in frame.columns if frame[name].dtype.is_nested() or frame[name].dtype in (pl.Binary, pl.Object)
    ]
    if nested:
        raise InputError(
            f"column {nested[0]!r} holds {frame[nested[0]].dtype}, and {out.name} is CSV",
            needed="cells of text, numbers or times",
            fix=f"--out {out.with_suffix('.parquet').name}",
        )
    frame.write_csv(out)
