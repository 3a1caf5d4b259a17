"""From a file to rows that are ready: the contract, duplicates, splits, sources. Nothing is trained here."""

from dataclasses import dataclass

import numpy as np

from graft.core.digests import key
from graft.core.seeds import derive
from graft.core.version import __version__
from graft.evidence.metrics import default_metric, metric
from graft.inputs.assembly import RowProblem
from graft.inputs.contract import infer_contract
from graft.inputs.dataset import Dataset, build_dataset
from graft.inputs.duplicates import Duplicates, find_duplicates
from graft.inputs.reading import Table
from graft.inputs.roles import Task
from graft.inputs.splits import Splits, make_splits
from graft.representations.sources import Source, resolve_source
from graft.studies.settings import StudySettings


@dataclass(frozen=True)
class Prepared:
    """Rows, splits and sources of a study.

    identity: the key of the study: the same rows, settings, sources and version give the same.
    problems: rows that were set aside, or that something is odd about.
    """

    table: Table
    rows: Dataset
    problems: tuple[RowProblem, ...]
    duplicates: Duplicates
    splits: Splits
    sources: tuple[Source, ...]
    metric: str
    identity: str
    holdout: str


def prepare(
    table: Table, settings: StudySettings, *, held_texts: frozenset[bytes] | None = None, costs: str = ""
) -> Prepared:
    """Everything that comes before the plan.

    held_texts: digests of the texts an earlier study held out; they are held out again. costs: digest of the cost
    table. Raises InputError for rows or sources that cannot work.
    """
    contract = infer_contract(table, settings.roles, task=settings.task, folds=settings.folds)
    rows, problems = build_dataset(table, contract, labelled=True)
    assert rows.targets is not None
    name = default_metric(str(contract.task)) if settings.metric == "auto" else settings.metric
    metric(name, str(contract.task))
    sources = tuple(resolve_source(reference) for reference in settings.sources)
    classes = rows.targets if contract.task is not Task.REGRESSION else None
    duplicates = find_duplicates(rows.texts, classes, label_names=contract.labels, seed=settings.seed)
    held = None
    if held_texts is not None:
        held = np.fromiter((digest in held_texts for digest in rows.text_digests), bool, len(rows))
    splits = make_splits(
        rows.targets,
        task=contract.task,
        units=duplicates.groups,
        kind=settings.split,
        groups=rows.groups,
        times=rows.times,
        folds=settings.folds,
        repeats=settings.repeats,
        holdout=settings.holdout,
        seed=derive(settings.seed, "splits"),
        held=held,
        label_names=contract.labels,
    )
    held_out = rows.take(splits.holdout)
    identity = key(
        {
            "rows": rows.fingerprint,
            "settings": settings.identity(),
            "sources": [source.digest + source.preprocessing for source in sources],
            "held": held_out.fingerprint,
            "costs": costs,
            "version": __version__,
        }
    )
    return Prepared(
        table,
        rows,
        problems,
        duplicates,
        splits,
        sources,
        name,
        identity,
        key(sorted(d.hex() for d in held_out.text_digests)),
    )
