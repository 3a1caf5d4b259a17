"""Rows ready to be split and encoded: a table held against its contract.

Decisions: a row that cannot be used is reported with its position and a code, and the others go on; a column that is
missing altogether is an error, since every row would be wrong. Missing numbers stay NaN and missing categories "",
for the candidate to handle. A content that cannot be used in training does not become usable in prediction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from graft.core.digests import array_digest, content_digest, key
from graft.core.errors import ContractError
from graft.core.tasks import Task
from graft.inputs.assembly import RowProblem, read_inputs, read_keys
from graft.inputs.contract import require_columns
from graft.inputs.schema import Contract
from graft.inputs.targets import read_labels
from graft.rows.content import Content, ContentKind, kind_named
from graft.rows.content.joined import having
from graft.rows.content.row import cell_name
from graft.rows.content.text import excerpt
from graft.rows.table import Table

__all__ = ["Dataset", "RowProblem", "build_dataset"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """n rows that satisfy a contract.

    ids: name of each row (its position when no id column is given). contents: what each row says, of ``kind``.
    rows: int64 (n,), position in the given table. numeric: float32 (n, k), NaN when missing.
    categorical: object array of str (n, c), "" when missing. targets: int64 (n,) class index, float64 (n,), uint8
    (n, labels), or None. groups: str (n,) or None. times: datetime64[us] (n,) in UTC or None.
    """

    contract: Contract
    ids: tuple[str, ...]
    contents: tuple[Content, ...]
    rows: np.ndarray
    numeric: np.ndarray
    categorical: np.ndarray
    targets: np.ndarray | None = None
    groups: np.ndarray | None = None
    times: np.ndarray | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.contents)

    def take(self, indices: Sequence[int] | np.ndarray) -> "Dataset":
        """The rows at these positions, in this order; a boolean mask of shape (n,) works too."""
        chosen = np.asarray(indices)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        picked = chosen.tolist()
        return Dataset(
            contract=self.contract,
            ids=tuple(self.ids[i] for i in picked),
            contents=tuple(self.contents[i] for i in picked),
            rows=self.rows[chosen],
            numeric=self.numeric[chosen],
            categorical=self.categorical[chosen],
            targets=None if self.targets is None else self.targets[chosen],
            groups=None if self.groups is None else self.groups[chosen],
            times=None if self.times is None else self.times[chosen],
        )

    @property
    def kind(self) -> ContentKind:
        """What kind of content the rows hold."""
        return kind_named(self.contract.roles.kind)

    def shown(self, place: int, limit: int) -> str:
        """A row on a line of at most so many characters: what it says, and the cells of the columns beside it."""
        roles = self.contract.roles
        numbers = (None if np.isnan(number) else float(number) for number in self.numeric[place])
        cells = (
            *zip(roles.numeric, numbers, strict=False),
            *zip(roles.categorical, self.categorical[place], strict=False),
        )
        beside = ", ".join(f"{name}={cell_name(cell)}" for name, cell in cells if cell not in (None, ""))
        told = excerpt(beside, limit // 3) if beside else ""
        line = self.kind.shown(self.contents[place], limit - (len(told) + 3 if told else 0))
        return f"{line} \u00b7 {told}" if told else line

    def alone(self, kind: str) -> "tuple[np.ndarray, Dataset]":
        """The rows that have something of a kind among several, with nothing but that beside the columns.

        Their positions here, int64, and they.
        """
        places, contents = having(self.contents, kind)
        contract = self.contract.model_copy(update={"roles": self.contract.roles.alone(kind)})
        return places, replace(self.take(places), contract=contract, contents=tuple(contents))

    @cached_property
    def digests(self) -> tuple[bytes, ...]:
        """The digest of each content, 16 bytes."""
        return tuple(map(self.kind.digest, self.contents))

    @cached_property
    def labelled(self) -> str:
        """Digest of what is told from which contents, whatever the order and the names of rows and other columns."""
        assert self.targets is not None, "rows to learn from"
        pairs = sorted(content + target.tobytes() for content, target in zip(self.digests, self.targets, strict=True))
        return content_digest(str(self.contract.task), *self.contract.labels, *pairs).hex()

    @cached_property
    def fingerprint(self) -> str:
        """Digest of what a model sees, predicts and is split by, in this order; not of where rows were read from."""
        meaning = {"task": str(self.contract.task), "labels": self.contract.labels}
        named = [name for name, _ in self.contract.roles.columns]
        missing_parts = [part is None for part in (self.targets, self.groups, self.times)]
        targets = np.empty(0) if self.targets is None else self.targets
        times = np.empty(0) if self.times is None else self.times.astype(np.int64)
        groups = () if self.groups is None else tuple(self.groups.tolist())
        return content_digest(
            key([meaning, named, missing_parts, self.numeric.shape, self.categorical.shape]),
            array_digest([self.numeric, targets, times]),
            content_digest(*self.digests),
            content_digest(*self.ids),
            content_digest(*(str(cell) for cell in self.categorical.ravel())),
            content_digest(*groups),
        ).hex()


def build_dataset(table: Table, contract: Contract, *, labelled: bool) -> tuple[Dataset, tuple[RowProblem, ...]]:
    """The usable rows of a table under a contract, and what is wrong with the others.

    labelled: True to learn or to score, when every row needs its label, group and time; False to predict, when those
    columns need not exist and are not read as targets. Problems are in the order of rows. Raises ContractError when a
    column is missing altogether or no row is usable for learning.
    """
    roles = contract.roles
    if not labelled and not table.frame.width and not table.unread:
        # Nothing to predict, given as nothing at all.
        table = replace(table, frame=pl.DataFrame(schema=dict.fromkeys(roles.inputs, pl.String)))
    needed = [*roles.inputs, *(name for name, role in roles.columns if labelled and role not in ("id",))]
    require_columns(table, list(dict.fromkeys(needed)))
    inputs = read_inputs(table, contract)
    keys = read_keys(table, contract, required=labelled)
    problems = [*inputs.problems, *keys.problems]
    targets = None
    if labelled:
        labels = read_labels(
            table,
            roles,
            contract.task,
            separator=contract.separator,
            positions=contract.positions,
            classes=contract.labels,
        )
        targets = labels.values
        name = ", ".join(roles.label)
        regression = contract.task is Task.REGRESSION
        code, what = ("bad-number", "no finite number") if regression else ("unknown-label", "no known class")
        for row in np.flatnonzero(labels.missing).tolist():
            problems.append(RowProblem(row, name, "missing-label", "the row has no label", fatal=True))
        for row in np.flatnonzero(labels.bad).tolist():
            problems.append(RowProblem(row, name, code, f"{labels.shown(row)!r} is {what}", fatal=True))
    problems.sort(key=lambda problem: problem.row)
    good = np.ones(len(table), dtype=bool)
    good[[problem.row for problem in problems if problem.fatal]] = False
    if labelled and not good.any():
        first = problems[0]
        raise ContractError(
            f"no row of {table.name} is usable; row {first.row}, column {first.column!r}: {first.message}",
            needed="at least one row that satisfies the contract",
            fix="check that the columns hold what the contract says",
        )
    whole = Dataset(
        contract=contract,
        ids=keys.ids,
        contents=inputs.contents,
        rows=np.arange(len(table), dtype=np.int64),
        numeric=inputs.numeric,
        categorical=inputs.categorical,
        targets=targets,
        groups=keys.groups,
        times=keys.times,
    )
    return whole.take(good), tuple(problems)
