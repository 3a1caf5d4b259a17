"""From a file to rows that are ready: the contract, duplicates, splits, sources. Nothing is trained here."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from graft.core import foreign
from graft.core.digests import file_sha256, key
from graft.core.errors import InputError
from graft.core.places import STUDY, next_step
from graft.core.seeds import derive
from graft.core.settings import cache_directory
from graft.core.tasks import CLASSES, Task
from graft.core.version import __version__
from graft.decisions.costs import CostTable, load_costs
from graft.decisions.policy import Policy
from graft.evidence.metrics import TARGET, default_metric, metric
from graft.inputs.assembly import RowProblem
from graft.inputs.blocks import group_blocks, unit_blocks
from graft.inputs.contract import infer_contract
from graft.inputs.dataset import Dataset, build_dataset
from graft.inputs.duplicates import Duplicates, find_duplicates
from graft.inputs.remarks import remarks, shared_parts
from graft.inputs.schema import Contract
from graft.inputs.splits import Splits, make_splits
from graft.representations.row_columns import MOST_CATEGORIES, RowColumns
from graft.representations.row_source import drawn_row_source, require_shared, row_reading
from graft.representations.source import Source
from graft.representations.sources import require_reads
from graft.rows.content import kind_named
from graft.rows.names import Names
from graft.rows.table import Table
from graft.scores.losses import loss_named
from graft.studies.named_sources import named_sources
from graft.studies.settings import StudySettings, require_margin

MARGIN = 0.01
_NAMED_CLASSES = 5
# Heads on cached vectors and the classical control cost seconds, so few rows are cut into folds several times for them.
# 20 intents x 8 rows of Banking77, 25 draws: with three repeats the error of the difference is .044 for .052, estimates
# of the draws vary by .036 for .045, and 18 studies are settled for 13; four repeats gave nothing more.
FURTHER, ROWS_REPEATED = 3, 800


@dataclass(frozen=True)
class Prepared:
    """Rows, splits and sources of a study.

    identity: the key of the study: the same rows, settings, sources and version give the same.
    problems: rows that were set aside, or that something is odd about. tested: rows came from a test file of the user's
    own, which are the holdout then and are never learnt from. costs: what errors cost, if that was said. architecture:
    what starts from random weights where that is not the architecture of a source.
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
    tested: bool = False
    margin: float = 0.01
    costs: CostTable | None = None
    architecture: Source | None = None

    @property
    def origins(self) -> tuple[Source, ...]:
        """The sources somebody published, each once: those that stand side by side apart."""
        every = (origin for source in self.sources for origin in source.origins)
        return tuple({origin.weights.reference: origin for origin in every}.values())

    @property
    def clusters(self) -> np.ndarray:
        """The cluster of each row, int64 (rows,): groups and near-duplicates, joined where they share a row."""
        units = self.duplicates.groups
        groups = self.rows.groups
        return (
            unit_blocks(units).of_row if groups is None else group_blocks(units, groups, largest=0.5, notes=[]).of_row
        )


def prepare(
    table: Table,
    settings: StudySettings,
    *,
    after: Path | None = None,
    costs: Path | None = None,
    test: Table | None = None,
) -> Prepared:
    """Everything that comes before the plan, and everything that can be refused before it.

    after: the folder of an earlier study; the contents it held out are held out again, and as many new rows beside
    them as the share of the holdout asks for. costs: a cost table. test: rows of the user's own to test on, which
    become the holdout; rows that repeat one of them are left out of learning. Raises InputError for rows, sources,
    costs or splits that cannot work.
    """
    if after is not None and test is not None:
        raise InputError(
            "an earlier study and a test file",
            needed="one of them: each says which rows are tested on",
            fix="leave out --test to keep the earlier holdout, or --after to test on the file",
        )
    held_digests = None if after is None else _held_digests(after)
    given = len(table)
    if test is not None:
        table = _with_test(table, test, settings)
    contract = infer_contract(table, settings.roles, task=settings.task, folds=settings.folds)
    table = replace(table, notes=(*table.notes, *remarks(table, contract)))
    rows, problems = build_dataset(table, contract, labelled=True)
    table = replace(table, notes=(*table.notes, *shared_parts(rows)))
    assert rows.targets is not None
    name = default_metric(str(contract.task)) if settings.metric == "auto" else settings.metric
    require_margin(settings, metric(name, str(contract.task)))
    table_of_costs = None if costs is None else _costs(costs, contract)
    if loss_named(settings.loss, contract.task).by_costs is not None and table_of_costs is None:
        raise InputError(
            f"the loss {settings.loss} without a cost table",
            needed="what each kind of error costs",
            fix="add --costs costs.csv, or use another loss",
        )
    sources = named_sources(settings, rows.kind)
    for source in sources:
        require_reads(source, rows.kind)
    if rows.kind.cells:
        table = replace(table, notes=(*table.notes, *_shared(sources, contract)))
    classes = rows.targets if contract.task is not Task.REGRESSION else None
    duplicates = find_duplicates(
        rows.contents, classes, kind=rows.kind, label_names=contract.labels, seed=settings.seed
    )
    held = None
    if test is not None:
        held = np.asarray(rows.rows >= given)
        if not held.any() or held.all():
            raise InputError(
                f"{int(held.sum())} usable test rows and {int((~held).sum())} to learn from",
                needed="some of both",
                fix=f"check the test file: it needs the same {rows.kind.name} and label columns",
            )
        _require_new(held, duplicates.groups)
        table = replace(table, notes=(*table.notes, *_unlearnt(rows, held, contract)))
    elif held_digests is not None:
        held = np.fromiter((digest in held_digests for digest in rows.digests), bool, len(rows))
    splits = make_splits(
        rows.targets,
        task=contract.task,
        units=duplicates.groups,
        kind=settings.split,
        groups=rows.groups,
        times=rows.times,
        folds=settings.folds,
        repeats=settings.repeats,
        further=further_repeats(len(rows), settings.repeats),
        holdout=settings.holdout,
        seed=derive(settings.seed, "splits"),
        held=held,
        grow=test is None,
        label_names=contract.labels,
    )
    _require_defined(rows.targets, contract.task, splits, name)
    held_out = rows.take(splits.holdout)
    identity = key(
        {
            "rows": rows.fingerprint,
            "settings": settings.identity(),
            "sources": [source.weights.digest + source.reading.digest for source in sources],
            "held": held_out.fingerprint,
            "costs": "" if costs is None else file_sha256(costs),
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
        key(sorted(d.hex() for d in held_out.digests)),
        test is not None,
        _margin(settings, name, rows.targets),
        table_of_costs,
        _drawn(contract) if rows.kind.cells else None,
    )


def _shared(sources: tuple[Source, ...], contract: Contract) -> list[str]:
    """Which columns each source of rows reads. Raises SourceError for one that reads none."""
    roles, told = contract.roles, []
    for source in sources:
        require_shared(source, roles.numeric, roles.categorical)
        reading = row_reading(source)
        shared = reading.shared(roles.numeric, roles.categorical)
        said = f"{source.weights.reference} reads {len(shared)} of the {len(roles.inputs)} columns by name and type"
        fresh = [name for name in roles.inputs if name not in shared]
        said += f"; {_few(fresh)} it does not know, and a head learns them beside its vectors" if fresh else ""
        missing = [name for name in reading.names if name not in shared]
        said += f"; {_few(missing)} of its own the table lacks: they read as empty" if missing else ""
        told.append(f"{said}; numbers are read by the mean and deviation of the table it learnt from")
    return told


def _few(names: list[str]) -> str:
    return ", ".join(map(repr, names[:6])) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _drawn(contract: Contract) -> Source:
    """A network of random weights for the columns of a contract; each trial reads them by the rows it learns from."""
    columns = _columns_of(contract)
    return drawn_row_source(columns, cache_directory() / "drawn" / f"row-resnet-{key(asdict(columns))}")


def _columns_of(contract: Contract) -> RowColumns:
    """The columns of a contract, which says nothing of labels here."""
    roles = contract.roles
    numeric = [contract.column(name, "numeric") for name in roles.numeric]
    named = [contract.column(name, "categorical") for name in roles.categorical]
    stated = [one.number for one in numeric if one is not None and one.number is not None]
    return RowColumns(
        roles.numeric,
        tuple(one.mean for one in stated),
        tuple(one.std or 1.0 for one in stated),
        tuple(one is not None and one.missing > 0 for one in numeric),
        roles.categorical,
        tuple(tuple(count.value for count in one.categories[:MOST_CATEGORIES]) for one in named if one is not None),
    )


def _held_digests(after: Path) -> frozenset[bytes]:
    file = after / "holdout.json"
    if not file.is_file():
        raise InputError(
            f"{after} does not say which rows it held out",
            needed="the folder of an earlier study, with its holdout.json",
            fix=next_step(after, STUDY) or "check the path",
        )
    stated = foreign.read_json(file)
    try:
        return frozenset(bytes.fromhex(digest) for digest in stated)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{file} is damaged: it is no list of digests",
            needed="the file as graft study wrote it",
            fix="copy it again",
        ) from error


def _costs(file: Path, contract: Contract) -> CostTable:
    if not file.is_file():
        raise InputError(
            f"there is no cost table {file}",
            needed="a CSV or YAML file",
            fix="check the path; graft costs template FILE --label LABEL writes one to fill in",
        )
    if contract.task is Task.REGRESSION:
        raise InputError(
            f"the cost table {file} for numbers",
            needed="classes or labels: a cost table says what deciding the one costs when it is the other",
            fix="leave out --costs; if the numbers are names of classes, add --task multiclass",
        )
    table = load_costs(file, contract.labels, task=str(contract.task))
    if contract.task is Task.BINARY:
        # Reported at the end as thresholds: a table that has none is refused now.
        _ = Policy(task="binary", table=table).threshold
    return table


def further_repeats(rows: int, repeats: int) -> int:
    """How often the folds are repeated for what costs seconds, beyond what was asked: the fewer rows, the more often.

    >>> further_repeats(160, 1), further_repeats(300, 1), further_repeats(2000, 1), further_repeats(160, 3)
    (2, 1, 0, 0)
    """
    return max(0, min(FURTHER, ROWS_REPEATED // max(1, rows)) - repeats)


def _margin(settings: StudySettings, name: str, targets: np.ndarray) -> float:
    """The smallest difference that matters: as asked; else 0.01 of a share, or of the spread of what is predicted."""
    if settings.margin is not None:
        return settings.margin
    return MARGIN * (float(np.std(targets)) if metric(name).unit == TARGET else 1.0)


def _with_test(table: Table, test: Table, settings: StudySettings) -> Table:
    """The rows to learn from, and behind them those to test on, with the columns that have a role."""
    names = [name for name, _ in settings.roles.columns]
    if missing := [name for name in names if name not in test.frame.columns]:
        raise InputError(
            f"the test file {test.name} has no column {missing[0]!r}",
            needed=f"the columns {', '.join(names)}",
            fix="name the columns as in the file to learn from",
        )
    test = _named_from(table.folder, test, settings)
    shared = [name for name in table.frame.columns if name in test.frame.columns]
    try:
        frame = pl.concat([table.frame.select(shared), test.frame.select(shared)], how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"the columns of {test.name} are of other types: {error}",
            needed="the same kind of values in both files",
            fix="write them alike, or convert both to CSV",
        ) from error
    roles, quantity = settings.roles, settings.task == str(Task.REGRESSION)
    named = [name for name in (*(() if quantity else roles.label), *roles.categorical, roles.group) if name in shared]
    alike = {name: _as_named_before(table, test, name) for name in named}
    written = pl.DataFrame(
        {
            name: pl.concat(
                [one.cast(pl.String) for one in (table.as_written(name), alike.get(name, test.as_written(name)))]
            )
            for name in shared
            if name in table.written.columns or name in test.written.columns or frame[name].dtype == pl.String
        }
    )
    return replace(table, frame=frame, written=written, notes=(*table.notes, *test.notes))


def _named_from(folder: Path | None, test: Table, settings: StudySettings) -> Table:
    """The test rows with the files they name found beside them, wherever the rows to learn from lie."""
    if folder == test.folder:
        return test
    frame = test.frame
    for kind, columns in ((kind_named(name), columns) for name, columns in settings.roles.parts):
        for name in columns if not kind.travels else ():
            if frame[name].dtype == pl.String:
                found = kind.read([test.as_written(name)], test.folder)
                cells = pl.Series(name, [None if one is None else kind.cell(one) for one in found], pl.String)
                frame = frame.with_columns(cells)
    moved = [name for name in test.written.columns if not frame[name].equals(test.frame[name])]
    return replace(test, frame=frame, written=test.written.with_columns(frame[name] for name in moved))


def _as_named_before(table: Table, test: Table, name: str) -> pl.Series:
    """A column of names of the test file, each called as among the rows to learn from: ``1.0`` is the class ``1``.

    What means none of their names, or more than one, stays as it is written.
    """
    if any(isinstance(one.as_written(name).dtype, pl.List | pl.Array) for one in (table, test)):
        return test.as_written(name)
    known = table.as_names(name).drop_nulls().unique().sort().to_list()
    names, words, measured = Names(known), test.as_names(name), test.measured(name)
    found = {word: names.find(word, measured=measured) for word in words.drop_nulls().unique().to_list()}
    meant = {word: word if place is None else known[place] for word, place in found.items()}
    return words.replace_strict(meant, default=None, return_dtype=pl.String)


def _unlearnt(rows: Dataset, held: np.ndarray, contract: Contract) -> tuple[str, ...]:
    """A note on the test rows of classes that no row to learn from has: no model can be right about them."""
    if rows.targets is None or contract.task not in CLASSES:
        return ()
    strange = held & ~np.isin(rows.targets, rows.targets[~held])
    if not strange.any():
        return ()
    names = [contract.labels[place] for place in np.unique(rows.targets[strange]).tolist()]
    many = f" and {len(names) - _NAMED_CLASSES} more" if len(names) > _NAMED_CLASSES else ""
    which = ", ".join(map(repr, names[:_NAMED_CLASSES])) + many
    return (
        f"{int(strange.sum()):,} of {int(held.sum()):,} test rows are of classes that no row to learn from has "
        f"({which}): they count as wrong, whatever is said of them",
    )


def _require_new(tested: np.ndarray, units: np.ndarray) -> None:
    """Raise InputError where hardly anything is learnt from that is not tested on: the same file was given twice."""
    if np.isin(units[~tested], units[tested]).all():
        raise InputError(
            f"every one of the {int((~tested).sum()):,} rows to learn from is in the test file too",
            needed="test rows that are not among those to learn from",
            fix="leave out --test, and a share of the rows is locked away; or give a file of other rows",
        )


def _require_defined(targets: np.ndarray, task: Task, splits: Splits, name: str) -> None:
    """Raise InputError for what would be noticed after hours otherwise: nothing to learn, or a score that is
    undefined."""
    tested = {f"fold {fold.index + 1}": fold.test for fold in (*splits.folds, *splits.further)}
    tested["the holdout"] = splits.holdout
    if task in CLASSES:
        for fold in splits.folds:
            if len(np.unique(targets[fold.train])) < 2:
                raise InputError(
                    f"fold {fold.index + 1} would learn from rows of one class only",
                    needed="two classes in every training side",
                    fix="use fewer folds" + (", or rows of both classes early on" if splits.kind == "time" else ""),
                )
    for where, rows in tested.items():
        if metric(name).spread and task is not Task.MULTILABEL and len(np.unique(targets[rows])) < 2:
            usual = default_metric(str(task)) if task in CLASSES else "rmse"
            raise InputError(
                f"the metric {name!r} is undefined in {where}: all {len(rows)} rows there have the same "
                + ("label" if task in CLASSES else "value"),
                needed="rows of two kinds in every fold and in the holdout",
                fix=f"use --metric {usual}, which is defined there, fewer folds, or a larger --holdout",
            )
