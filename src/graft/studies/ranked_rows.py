"""The rows that sources are ranked for, and the sources; everything that can be refused before a model is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.inputs.contract import infer_contract
from graft.inputs.dataset import Dataset, build_dataset
from graft.inputs.duplicates import find_duplicates
from graft.inputs.roles import Roles
from graft.representations.row_source import require_shared
from graft.representations.source import Source
from graft.representations.sources import require_may_read, require_reads, resolve_source
from graft.rows.content import ROW
from graft.rows.table import Table

_SAMPLE = 4000


@dataclass(frozen=True, eq=False)
class RankedRows:
    """every: the usable rows. rows: those that are looked at. groups: of near-duplicates among these, (rows,)."""

    name: str
    every: Dataset
    rows: Dataset
    groups: np.ndarray
    sources: tuple[Source, ...]

    @property
    def strata(self) -> np.ndarray:
        """The class of each row, its set of labels, or nothing where numbers are predicted; (rows,)."""
        targets = self.rows.targets
        assert targets is not None, "ranked rows are labelled"
        if self.rows.contract.task is Task.REGRESSION:
            return np.zeros(len(self.rows), np.int64)
        if targets.ndim > 1:
            return np.asarray(np.unique(targets, axis=0, return_inverse=True)[1].ravel())
        return targets


def ranked_rows(
    table: Table, roles: Roles, references: Sequence[str], *, task: str = "auto", seed: int = 0
) -> RankedRows:
    """Rows and sources, ready to be looked at.

    Raises InputError for rows that hold nothing to tell apart, SourceError for a source that does not exist or reads
    another kind of content.
    """
    if not references:
        raise InputError("no source to rank", needed="one or more", fix="add --source minilm --source path:DIR")
    if len(set(references)) < len(references):
        raise InputError("the same source twice", needed="each source once", fix="drop one")
    contract = infer_contract(table, roles, task=task, folds=2)
    every, _ = build_dataset(table, contract, labelled=True)
    for one in references:
        require_may_read(one, every.kind)
    sources = tuple(resolve_source(one) for one in references)
    for source in sources:
        require_reads(source, every.kind)
        if every.kind is ROW:
            require_shared(source, roles.numeric, roles.categorical)
    rows = every.take(sample_of(np.arange(len(every)), seed))
    classes = rows.targets if contract.task is not Task.REGRESSION else None
    duplicates = find_duplicates(rows.contents, classes, kind=rows.kind, label_names=contract.labels, seed=seed)
    return RankedRows(table.name, every, rows, duplicates.groups, sources)


def sample_of(rows: np.ndarray, seed: int) -> np.ndarray:
    """At most 4,000 of the rows, in their order: a file's first rows are often of one class or one month."""
    if len(rows) <= _SAMPLE:
        return rows
    chosen: np.ndarray = rows[np.sort(generator(seed, "cues").choice(len(rows), _SAMPLE, replace=False))]
    return chosen
