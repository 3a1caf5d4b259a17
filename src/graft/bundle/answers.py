"""What a model says of rows whose truth may be known, and what its study said of those it has learnt.

Decisions: a model remembers what it learnt, so its answers to those rows flatter it. Where the study's folder still
lies beside the bundle, such rows are recognised by what they say and get the answer that the same procedure gave while
it had not learnt them; otherwise they are marked, and whoever measures must leave them out or say so. The study keeps
the same answers of its best control and of its best reuse, which is how the two are compared on equal terms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from graft.bundle.bundle import Bundle
from graft.bundle.raw_scores import score
from graft.bundle.reference import why_far
from graft.core import foreign
from graft.core.progress import SILENT, Progress
from graft.core.tasks import Task
from graft.inputs.dataset import Dataset, build_dataset
from graft.inputs.schema import Contract
from graft.inputs.targets import read_labels
from graft.rows.table import Table

Role = Literal["shipped", "control", "reused"]
KEPT, LEARNT = "predictions.parquet", "learnt.json"


@dataclass(frozen=True, eq=False)
class Answered:
    """What was said of n rows. probabilities: calibrated, (n, outputs); for regression the values, (n, 1). decided:
    class index (n,), -1 where it was left to a person; 0/1 (n, labels); for regression the value, (n,)."""

    probabilities: np.ndarray
    decided: np.ndarray

    def __len__(self) -> int:
        """How many rows."""
        return len(self.decided)

    def take(self, rows: np.ndarray) -> "Answered":
        """The rows at these places, or where a mask is true."""
        return Answered(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})


@dataclass(frozen=True, eq=False)
class AnsweredRows:
    """n usable rows of a table.

    data: the rows as the model reads them. truth: class or value of each, (n,), nan where it is not known, or 0/1
    (n, labels); None without a label column. answers: of the model; of learnt rows those of its study where these are
    kept. learnt: bool (n,). flattered: of them, those whose answer is of a model that had learnt them. unknown: what is
    written where no label of the model is, by row of the table. problems: rows that cannot be read, by the code.
    """

    data: Dataset
    truth: np.ndarray | None
    answers: Answered
    learnt: np.ndarray
    flattered: np.ndarray
    unknown: Mapping[int, str]
    problems: Mapping[str, int]

    def __len__(self) -> int:
        """How many usable rows."""
        return len(self.answers)


def answer_rows(bundle: Bundle, table: Table, *, progress: Progress = SILENT) -> AnsweredRows:
    """What a bundle says of the rows of a table. Raises ContractError where a column of its contract is missing."""
    data, found = build_dataset(table, bundle.contract, labelled=False)
    scored = score(bundle.model, data, progress=progress)
    far = np.array([why is not None for why in why_far(bundle.reference, data.contents, scored.vectors)], bool)
    judged = bundle.decision.judge(scored.scores, far)
    answers = Answered(np.asarray(judged.probabilities, np.float64), np.asarray(judged.decided))
    study = StudyAnswers(bundle.folder.parent, bundle.contract)
    learnt = study.learnt(data)
    flattered = learnt.copy()
    if learnt.any():
        kept, known = study.of("shipped", data)
        known &= learnt
        answers = _where(known, kept, answers)
        flattered &= ~known
    told: dict[int, str] = {}
    for one in found:
        told.setdefault(one.row, one.code)
    codes = list(told.values())
    truth = read_truth(bundle.contract, table) if _has_labels(table, bundle.contract) else None
    return AnsweredRows(
        data=data,
        truth=None if truth is None else truth.values[data.rows],
        answers=answers,
        learnt=learnt,
        flattered=flattered,
        unknown={} if truth is None else truth.unknown,
        problems={code: codes.count(code) for code in sorted(set(codes))},
    )


def _has_labels(table: Table, contract: Contract) -> bool:
    return all(name in table.frame.columns for name in contract.roles.label)


def _where(mask: np.ndarray, one: Answered, other: Answered) -> Answered:
    wide = mask[:, None]
    decided = np.where(wide if one.decided.ndim == 2 else mask, one.decided, other.decided)
    return Answered(np.where(wide, one.probabilities, other.probabilities), decided)


@dataclass(frozen=True, eq=False)
class StudyAnswers:
    """What a study keeps beside its bundle. folder: of the study; that nothing lies there is no fault."""

    folder: Path
    contract: Contract

    @cached_property
    def digests(self) -> frozenset[bytes]:
        """Of what the rows say that the bundle learnt from, 16 bytes each."""
        path = self.folder / LEARNT
        if not path.is_file():
            return frozenset()
        told = foreign.read_json(path)
        return frozenset(bytes.fromhex(str(one))[:16] for one in told) if isinstance(told, list) else frozenset()

    def learnt(self, data: Dataset) -> np.ndarray:
        """Whether the bundle has learnt each row, bool (n,)."""
        return np.array([name in self.digests for name in data.digests], bool)

    def of(self, role: Role, data: Dataset) -> tuple[Answered, np.ndarray]:
        """What the model in a role said of each row while it had not learnt it, and whether that is known, bool (n,).

        Where it is not, answers are zeros. Of a row that was told several times the first counts.
        """
        told = self._told.filter(pl.col("role") == role).unique("digest", keep="first", maintain_order=True)
        if role == "reused" and not told.height:
            told = self._told.filter(pl.col("role") == "shipped").unique("digest", keep="first", maintain_order=True)
        at = dict(zip(told["digest"].to_list(), range(told.height), strict=True))
        places = np.array([at.get(name.hex(), -1) for name in data.digests], np.int64)
        known = places >= 0
        outputs = 1 if self.contract.task is Task.REGRESSION else len(self.contract.labels)
        probabilities = np.zeros((len(data), outputs))
        decided = self._decided(told)
        said = np.zeros((len(data), *decided.shape[1:]), decided.dtype)
        if known.any():
            scores = np.array(told["scores"].to_list(), np.float64)
            probabilities[known], said[known] = scores[places[known]], decided[places[known]]
        return Answered(probabilities, said), known

    def name(self, role: Role) -> str:
        """The candidate in a role, ``frozen of minilm``; "" where nothing is kept of it."""
        told = self._told.filter(pl.col("role") == role)["candidate"]
        if role == "reused" and not len(told):
            return self.name("shipped")
        return str(told[0]) if len(told) else ""

    @cached_property
    def _told(self) -> pl.DataFrame:
        path = self.folder / KEPT
        names = {"digest": pl.String, "role": pl.String, "candidate": pl.String, "decided": pl.String}
        nothing = pl.DataFrame(schema={**names, "scores": pl.List(pl.Float64)})
        if not path.is_file():
            return nothing
        told = pl.read_parquet(path)
        return told.select(nothing.columns) if {*nothing.columns} <= {*told.columns} else nothing

    def _decided(self, told: pl.DataFrame) -> np.ndarray:
        contract, written = self.contract, told["decided"].to_list()
        if contract.task is Task.REGRESSION:
            return np.array([float(one) for one in written], np.float64)
        places = {label: place for place, label in enumerate(contract.labels)}
        if contract.task is not Task.MULTILABEL:
            return np.array([places.get(one, -1) for one in written], np.int64)
        found = np.zeros((len(written), len(places)), np.int64)
        for row, one in enumerate(written):
            for label in (one or "").split("; "):
                if label in places:
                    found[row, places[label]] = 1
        return found


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels of all rows of a table. values: class or value, (rows,), or 0/1 (rows, labels); nan where it is not known.
    unknown: what is written where no label of the model is, with its row from 0."""

    values: np.ndarray
    unknown: Mapping[int, str]


def read_truth(contract: Contract, table: Table) -> Truth:
    """Labels as the contract reads them, whichever type a later table has. Raises ContractError for a column that
    cannot hold them."""
    frame = table.frame
    if any(frame[name].dtype == pl.Null for name in contract.roles.label if name in frame.columns):
        # No cell is filled in, so the column has no type yet.
        shape = (frame.height, len(contract.labels)) if contract.task is Task.MULTILABEL else (frame.height,)
        return Truth(np.full(shape, np.nan), {})
    found = read_labels(
        table, contract.roles, contract.task, separator=contract.separator, positions=contract.positions,
        classes=contract.labels,
    )  # fmt: skip
    values = found.values.astype(np.float64)
    values[found.missing | found.bad] = np.nan
    return Truth(values, dict(found.given))
