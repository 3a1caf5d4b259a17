"""From labelled rows to a source of one's own: what is learnt, what it is worth beside controls, what is written.

Decisions: a sixth of the rows is never learnt from and says what was learnt, beside the controls of every study on the
same rows; rows that repeat one another, or are of one group, stay on one side; a folder is made beside its place and
gets its name when everything in it was written and read back, so whoever kills it leaves nothing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from graft.core.files import whole_file, write_json, write_text
from graft.core.progress import SILENT, Progress
from graft.core.tasks import Task
from graft.evidence.comparison import compare, score_interval
from graft.evidence.metrics import default_metric
from graft.evidence.pooled import Pooled, jackknife
from graft.evidence.predictions import Scored
from graft.facts.pretraining import FILE, LearntScore, PretrainingRecord
from graft.governance.emit.pretrained_card import pretrained_card
from graft.governance.licences.statements import stated_licences
from graft.governance.named_assets import read_source
from graft.governance.reading import LINEAGE, read_data
from graft.governance.records import Asset, AssetKind, Edge, Relation
from graft.governance.registry import Registry
from graft.inputs.blocks import group_blocks
from graft.inputs.dataset import Dataset
from graft.inputs.duplicates import find_duplicates
from graft.inputs.splits import make_splits
from graft.representations.new_folder import publish, workplace
from graft.representations.row_columns import cell_table, fit_row_columns
from graft.representations.row_source import DRAWN, RowShape, write_row_config
from graft.representations.sources import read_directory
from graft.rows.table import Table
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.output import output_of
from graft.scores.row_pretraining import RATE, TaughtRows, teach_rows
from graft.scores.strategies import CLASSICAL, MAJORITY
from graft.scores.workbench import Workbench

_HELD_SHARE, _STOPPING_FOLDS = 1 / 6, 8


@dataclass(frozen=True)
class PretrainedSource:
    """A finished pretraining. folder: of the new source, which ``path:`` names."""

    record: PretrainingRecord
    folder: Path

    @property
    def reference(self) -> str:
        """How every command takes it."""
        return f"path:{self.folder}"


def pretrain_rows(
    rows: Dataset,
    table: Table,
    *,
    given: Any,
    out: Path,
    passes: int,
    seed: int = 0,
    progress: Progress = SILENT,
) -> PretrainedSource:
    """Teach a network of rows their label and write it as a source.

    table: the rows were built from. given: what it was read from. out: its folder, which is free. passes: over the
    rows, at most. Raises InputError for rows that are too few.
    """
    assert rows.targets is not None
    with Registry() as registry:
        asset = registry.add_asset(_rows_asset(given, rows, table.name))
    learnt, stopping, held = _sides(rows, seed)
    roles, task = rows.contract.roles, rows.contract.task
    cells = cell_table(rows.contents, roles.numeric, roles.categorical)
    columns = fit_row_columns(cells.take(learnt), roles.numeric, roles.categorical)
    output, outputs = output_of(task, rows.targets[learnt]), max(1, len(rows.contract.labels))
    taught = teach_rows(
        rows.contents,
        output.standardise(rows.targets),
        columns=columns,
        shape=RowShape(),
        task=task,
        outputs=outputs,
        learnt=learnt,
        stopping=stopping,
        passes=passes,
        seed=seed,
        progress=progress,
    )
    said = {"the source": output.finish(taught.logits([rows.contents[row] for row in held.tolist()]))}
    bench, development = Workbench(rows), np.sort(np.concatenate([learnt, stopping]))
    for strategy in (MAJORITY, CLASSICAL):
        said[strategy.name] = fit(
            bench, Candidate(strategy), development, held, budget=Budget(), seed=seed, weights="none"
        ).scores
    with workplace(out) as place:
        digest = _write_weights(place, taught, f"path:{out}")
        record = _record(rows, table, asset, taught, (learnt, stopping, held), said, digest, seed)
        record = record.model_copy(update={"name": out.name})
        edge = Edge(relation=Relation.TRAINED_ON_DATA, parent=asset.identity, where=f"{LINEAGE}: pretrained by Graft")
        write_text(place / FILE, record.to_json())
        write_json(place / LINEAGE, {"edges": [edge.model_dump(mode="json", exclude_defaults=True)]})
        write_text(place / "README.md", pretrained_card(record))
        publish(place, out)
    with Registry() as registry:
        registry.add_asset(read_source(f"path:{out}"))
    return PretrainedSource(record, out)


def _sides(rows: Dataset, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows to learn from, those that say when to stop, and those that say what was learnt."""
    assert rows.targets is not None
    repeated = find_duplicates(rows.contents, kind=rows.kind, seed=seed).groups
    units = repeated if rows.groups is None else group_blocks(repeated, rows.groups, largest=0.5, notes=[]).of_row
    splits = make_splits(
        rows.targets,
        task=rows.contract.task,
        units=units,
        folds=_STOPPING_FOLDS,
        holdout=_HELD_SHARE,
        seed=seed,
        label_names=rows.contract.labels,
    )
    first = splits.folds[0]
    return first.train, first.test, splits.holdout


def _rows_asset(given: Any, rows: Dataset, name: str) -> Asset:
    if isinstance(given, str | Path) and Path(given).is_file():
        return read_data(Path(given))
    return Asset(kind=AssetKind.DATA, name=name, digest=rows.fingerprint, reference="rows given in Python")


def _write_weights(place: Path, taught: TaughtRows, reference: str) -> str:
    """Write configuration and weights, and read them back; the digest of the weights."""
    write_row_config(place, taught.columns, RowShape())
    state = {name: value.detach().cpu().contiguous() for name, value in taught.body.state_dict().items()}
    with whole_file(place / "model.safetensors") as temporary:
        save_file(state, temporary, metadata={"format": "pt"})
    return read_directory(place, reference=reference).weights.digest


def _record(
    rows: Dataset,
    table: Table,
    asset: Asset,
    taught: TaughtRows,
    sides: tuple[np.ndarray, np.ndarray, np.ndarray],
    said: dict[str, np.ndarray],
    digest: str,
    seed: int,
) -> PretrainingRecord:
    assert rows.targets is not None
    learnt, _, held = sides
    task, targets = rows.contract.task, rows.targets[held]
    metric = default_metric(str(task))
    terms = {
        name: [(1.0, Pooled(Scored(str(task), targets, scores), np.arange(len(held))))] for name, scores in said.items()
    }
    found = jackknife(terms, metric, labels=rows.contract.labels)
    own, *controls = said
    best = max(controls, key=lambda name: (found.estimate(name), name))
    return PretrainingRecord(
        name="",
        kind=rows.kind.name,
        arch=DRAWN,
        digest=digest,
        parameters=sum(value.numel() for value in taught.body.parameters()),
        task=str(task),
        label=rows.contract.roles.label,
        labels=() if task is Task.REGRESSION else rows.contract.labels,
        columns=rows.contract.roles.inputs,
        left_out=table.notes,
        rows=len(rows),
        learnt=len(learnt),
        held=len(held),
        data=asset.name,
        data_digest=asset.digest,
        data_licences=stated_licences(asset),
        metric=metric,
        scores=tuple(LearntScore(name=name, score=score_interval(found, name, level=0.95)) for name in said),
        ahead=compare(found, own, best, drift=0.0).interval(0.95),
        curve=taught.curve,
        steps=taught.steps,
        best_step=taught.best_step,
        batch=taught.batch,
        rate=RATE,
        seed=seed,
    )
