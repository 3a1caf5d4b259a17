"""From labelled rows to a source of one's own: what is learnt, what it is worth beside controls, what is written.

Decisions: a sixth of the rows is never learnt from and says what was learnt, beside the controls of every study on the
same rows; rows that repeat one another, or are of one group, stay on one side; a folder is made beside its place and
gets its name when everything in it was written and read back, so whoever kills it leaves nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graft.core.errors import InputError
from graft.core.files import write_json, write_text
from graft.core.progress import SILENT, Progress
from graft.core.tasks import CLASSES, Task
from graft.evidence.comparison import compare, score_interval
from graft.evidence.metrics import default_metric
from graft.evidence.pooled import Pooled, jackknife
from graft.evidence.predictions import Scored
from graft.facts.pretraining import FILE, LearntClass, LearntScore, PretrainingRecord, TakenFor
from graft.governance.emit.pretrained_card import pretrained_card
from graft.governance.licences.statements import stated_licences
from graft.governance.named_assets import read_source
from graft.governance.reading import LINEAGE
from graft.governance.records import Asset, Edge, Relation
from graft.governance.registry import Registry
from graft.inputs.assembly import RowProblem
from graft.inputs.blocks import group_blocks
from graft.inputs.dataset import Dataset
from graft.inputs.duplicates import find_duplicates
from graft.inputs.splits import make_splits
from graft.representations.new_folder import publish, workplace
from graft.representations.weights.sums import write_sums
from graft.rows.table import Table
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.output import output_of
from graft.scores.pretraining import Form, Taught, Teaching, teach, write_taught
from graft.scores.strategies import CLASSICAL, MAJORITY
from graft.scores.workbench import Workbench
from graft.studies.cues import own_signs
from graft.studies.terms import rows_asset

_HELD_SHARE, _STOPPING_FOLDS = 1 / 6, 8
_FEWEST, _FEWEST_UNITS = 48, 3
_CONFUSED = 10


@dataclass(frozen=True)
class PretrainedSource:
    """A finished pretraining. folder: of the new source, which ``path:`` names."""

    record: PretrainingRecord
    folder: Path

    @property
    def reference(self) -> str:
        """How every command takes it."""
        return f"path:{self.folder}"


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows to be learnt. table: they were built from. given: what it was read from. problems: what is odd about rows,
    those that were set aside among them."""

    rows: Dataset
    table: Table
    given: Any
    problems: Sequence[RowProblem] = ()


@dataclass(frozen=True, eq=False)
class _Sides:
    """Positions of rows to learn from, those that say when to stop, and those that say what was learnt. units: what
    each row is counted as, (rows,): groups and copies are one. notes: what could not be had."""

    learnt: np.ndarray
    stopping: np.ndarray
    held: np.ndarray
    units: np.ndarray
    notes: tuple[str, ...]


def pretrain(
    labelled: LabelledRows, form: Form, *, out: Path, teaching: Teaching, progress: Progress = SILENT
) -> PretrainedSource:
    """Teach a network its label from rows and write it as a source.

    out: its folder, which is free. Raises InputError for rows that are too few, or that nothing is learnt from; nothing
    is written then.
    """
    rows = labelled.rows
    sides = _sides(rows, teaching.seed)
    with Registry() as registry:
        asset = registry.add_asset(rows_asset(labelled.given, labelled.table.name, rows))
    bench = Workbench(rows, progress=progress)
    labels = rows.contract.labels if rows.contract.task in CLASSES else ()
    with workplace(out) as place:
        taught = teach(bench, form, sides.learnt, sides.stopping, teaching=teaching, place=place, progress=progress)
        made = write_taught(taught, place, labels, f"path:{out}")
        record = _record(labelled, asset, taught, sides, _said(bench, taught, sides, teaching.seed))
        reads = tuple(f"{name}: {told}" for name, told in made.reading.told().items())
        signs = own_signs(bench, made, sides.learnt, seed=teaching.seed)
        record = record.model_copy(
            update={
                "name": out.name,
                "digest": made.weights.digest,
                "reads": reads,
                "signs": signs,
                "seed": teaching.seed,
            }
        )
        edge = Edge(relation=Relation.TRAINED_ON_DATA, parent=asset.identity, where=f"{LINEAGE}: pretrained by Graft")
        write_text(place / FILE, record.to_json())
        write_json(place / LINEAGE, {"edges": [edge.model_dump(mode="json", exclude_defaults=True)]})
        write_text(place / "README.md", pretrained_card(record))
        write_sums(place)
        publish(place, out)
    with Registry() as registry:
        registry.add_asset(read_source(f"path:{out}"))
    return PretrainedSource(record, out)


def _sides(rows: Dataset, seed: int) -> _Sides:
    """Which rows are learnt from. Raises InputError where they are too few, or too much alike."""
    assert rows.targets is not None
    task, names = rows.contract.task, rows.contract.labels
    repeated = find_duplicates(rows.contents, kind=rows.kind, seed=seed).groups
    notes: list[str] = []
    units = repeated if rows.groups is None else group_blocks(repeated, rows.groups, largest=0.5, notes=notes).of_row
    apart = len(np.unique(units))
    if len(rows) < _FEWEST or apart < _FEWEST_UNITS:
        what = f"{len(rows):,} usable rows" if len(rows) < _FEWEST else f"rows of {apart} groups or near-duplicates"
        raise InputError(
            f"{what} to pretrain on",
            needed=f"{_FEWEST} rows of {_FEWEST_UNITS} groups: to learn from, to say when to stop, to judge by",
            fix="give more rows; so few are better studied with a source that is there already: graft study",
        )
    splits = make_splits(
        rows.targets,
        task=task,
        units=units,
        folds=int(np.clip(apart - round(apart * _HELD_SHARE), 2, _STOPPING_FOLDS)),
        holdout=_HELD_SHARE,
        seed=seed,
        label_names=names,
    )
    first = splits.folds[0]
    if task in CLASSES:
        lost = np.setdiff1d(np.arange(len(names)), rows.targets[first.train])
        if len(lost):
            raise InputError(
                f"no row of {names[lost[0]]!r} is left to learn from, after some were kept apart",
                needed="several rows of each class, of several groups",
                fix="leave such classes out, merge them into others, or give more rows of them",
            )
    return _Sides(first.train, first.test, splits.holdout, units, (*notes, *splits.notes))


def _said(bench: Workbench, taught: Taught, sides: _Sides, seed: int) -> dict[str, np.ndarray]:
    """What the source and the controls say of the rows kept apart: scores by name, the source first."""
    output = output_of(bench.task, bench.targets[sides.learnt])
    said = {"the source": output.finish(taught.logits(sides.held))}
    development = np.sort(np.concatenate([sides.learnt, sides.stopping]))
    for strategy in (MAJORITY, CLASSICAL):
        said[strategy.name] = fit(
            bench, Candidate(strategy), development, sides.held, budget=Budget(), seed=seed, weights="none"
        ).scores
    return said


def _record(
    labelled: LabelledRows, asset: Asset, taught: Taught, sides: _Sides, said: dict[str, np.ndarray]
) -> PretrainingRecord:
    """Everything but what the written folder says."""
    rows = labelled.rows
    assert rows.targets is not None
    task, targets = rows.contract.task, rows.targets[sides.held]
    metric = default_metric(str(task))
    terms = {
        name: [(1.0, Pooled(Scored(str(task), targets, scores), sides.units[sides.held]))]
        for name, scores in said.items()
    }
    found = jackknife(terms, metric, labels=rows.contract.labels)
    own, *controls = said
    best = max(controls, key=lambda name: (found.estimate(name), name))
    classes, confused = _told_apart(said[own], targets, rows.contract.labels) if task in CLASSES else ((), ())
    return PretrainingRecord(
        name="",
        kind=rows.kind.name,
        arch=taught.form.name,
        digest="",
        parameters=taught.parameters,
        task=str(task),
        label=rows.contract.roles.label,
        labels=() if task is Task.REGRESSION else rows.contract.labels,
        columns=rows.contract.roles.inputs,
        group=rows.contract.roles.group or "",
        left_out=(*labelled.table.notes, *_set_aside(labelled.problems), *sides.notes, *_of_one(rows, sides)),
        rows=len(rows),
        learnt=len(sides.learnt),
        held=len(sides.held),
        data=asset.name,
        data_digest=asset.digest,
        data_licences=stated_licences(asset),
        metric=metric,
        scores=tuple(LearntScore(name=name, score=score_interval(found, name, level=0.95)) for name in said),
        ahead=compare(found, own, best, drift=0.0).interval(0.95),
        classes=classes,
        confused=confused,
        curve=taught.log.curve,
        steps=taught.log.steps,
        best_step=taught.log.best_step,
        batch=taught.batch,
        rate=taught.form.rate,
        seed=0,
    )


def _told_apart(
    scores: np.ndarray, targets: np.ndarray, labels: Sequence[str]
) -> tuple[tuple[LearntClass, ...], tuple[TakenFor, ...]]:
    """How many rows of each class were told right, and which classes were taken for which, the most often first."""
    decided = scores.argmax(1)
    rows = np.bincount(targets, minlength=len(labels))
    right = np.bincount(targets[decided == targets], minlength=len(labels))
    each = tuple(
        LearntClass(label=label, rows=int(count), right=int(told))
        for label, count, told in zip(labels, rows, right, strict=True)
    )
    wrong = Counter(zip(targets[decided != targets].tolist(), decided[decided != targets].tolist(), strict=True))
    most = sorted(wrong.items(), key=lambda one: (-one[1], one[0]))[:_CONFUSED]
    return each, tuple(TakenFor(label=labels[truth], taken_for=labels[one], rows=n) for (truth, one), n in most)


def _of_one(rows: Dataset, sides: _Sides) -> list[str]:
    """Why there is no interval, where the rows kept apart count as one."""
    if len(np.unique(sides.units[sides.held])) > 1:
        return []
    group = rows.contract.roles.group
    return [
        f"the {len(sides.held):,} rows kept apart "
        + (f"are of one {group}" if group else "are copies of one another")
        + ": how far the scores would differ for others cannot be said"
    ]


def _set_aside(problems: Sequence[RowProblem]) -> list[str]:
    """Rows that were left out, by reason, with the first of each."""
    fatal = [one for one in problems if one.fatal]
    first = {one.code: one for one in reversed(fatal)}
    counts = Counter(one.code for one in fatal)
    return [
        f"{count:,} {'row was' if count == 1 else 'rows were'} set aside ({code}): row {first[code].row}: "
        f"{first[code].message}"
        for code, count in sorted(counts.items())
    ]
