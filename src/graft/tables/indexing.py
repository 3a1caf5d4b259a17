"""The index of a table: built, brought up to date, looked at.

Decisions: what changed since the index was made is found by comparing the digests of two versions, so an update costs
what changed; when the old version is not kept any more, the index is built anew. Nothing is erased from the table
meanwhile, or an index could be published that still knows an erased row.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graft.core.errors import SpaceMismatch, TableError
from graft.core.progress import SILENT, Progress
from graft.tables.index import EXACT_BELOW, GraphSettings, IndexFile, Recall
from graft.tables.opened import OpenTable
from graft.tables.pointer import none_erased


@dataclass(frozen=True)
class IndexWork:
    """What was done to an index. changed, removed: rows. rebuilt: whether everything was indexed."""

    index: IndexFile
    changed: int
    removed: int
    rebuilt: bool


def index_folder(table: OpenTable) -> Path:
    """Where the index of the table's generation lies."""
    return table.path / f"{table.generation.name}.index"


def index_of(table: OpenTable) -> IndexFile | None:
    """The index of the table; None when there is none. It may be stale. Raises TableError when it is damaged."""
    if not (index_folder(table) / "index.json").is_file():
        return None
    return IndexFile.open(
        index_folder(table), space=table.space, generation=table.generation.name, version=table.version
    )


def usable_index(table: OpenTable) -> IndexFile | None:
    """The index, when there is a sound one; a damaged index is as good as none, because it can be built again."""
    try:
        return index_of(table)
    except (TableError, SpaceMismatch):
        return None


def remove_index(table: OpenTable) -> None:
    """Remove the index of the table's generation."""
    shutil.rmtree(index_folder(table), ignore_errors=True)


def bring_up_to_date(
    table: OpenTable,
    *,
    rng: np.random.Generator,
    settings: GraphSettings | None = None,
    anew: bool = False,
    progress: Progress = SILENT,
) -> IndexWork:
    """Build the index, or add what changed since it was made. anew: build it whatever there is.

    rng: draws the queries recall is measured with. Raises TableError for a table without rows.
    """
    with none_erased(table.path):
        still = table.as_of(table.version)
        if not still.count():
            raise TableError(f"table {table.name!r} has no rows", needed="rows to index", fix="embed some first")
        known = None if anew else usable_index(table)
        changes = None if known is None or settings is not None else _changes(table, still, known)
        if known is None or changes is None:
            return _built(still, rng, settings, progress)
        fresh, removed = changes
        if not len(fresh) and not len(removed) and not known.stale:
            return IndexWork(known, 0, 0, rebuilt=False)
        ids, vectors = still.vectors()
        places = np.flatnonzero(np.isin(ids.astype(str), fresh)) if len(fresh) else np.zeros(0, np.int64)
        rows_before = known.record.rows
        index = known.update(
            ids[places].tolist(),
            vectors[places],
            removed.tolist(),
            version=still.version,
            everything=lambda: (ids.tolist(), vectors),
            space=table.space,
            rng=rng,
            progress=progress,
        )
        rebuilt = index.record.gone == 0 and (len(removed) > 0 or index.record.rows != rows_before + len(places))
        return IndexWork(index, len(places), len(removed), rebuilt)


def keep_up(table: OpenTable, *, rng: np.random.Generator, progress: Progress = SILENT) -> IndexWork | None:
    """Bring the index up to date when the table has one and rows; None when it has none."""
    if usable_index(table) is None or not table.count():
        return None
    return bring_up_to_date(table, rng=rng, progress=progress)


def recall_in_words(recall: Recall) -> str:
    """How much of what is nearest the index finds.

    >>> recall_in_words(Recall(mean=0.996, low=0.985, high=0.999, queries=400, k=10))
    'recall@10 0.996 (0.985 to 0.999), on 400 held-out queries'
    """
    between = f"{recall.low:.3f} to {recall.high:.3f}"
    return f"recall@{recall.k} {recall.mean:.3f} ({between}), on {recall.queries} held-out queries"


def facts_of_index(table: OpenTable) -> str:
    """The index in one line; empty when there is none."""
    try:
        index = index_of(table)
    except (TableError, SpaceMismatch) as error:
        return f"unusable, search is exact: {error.given}"
    if index is None:
        return ""
    record = index.record
    found = f"{record.rows:,} rows of version {record.version}, {recall_in_words(record.recall)}"
    return f"stale, search is exact until graft tables index: {found}" if index.stale else found


def advice(rows: int) -> str:
    """Whether an index pays for so many rows.

    >>> advice(100)
    'exact search is as fast up to 20,000 rows: no index is needed'
    """
    if rows < EXACT_BELOW:
        return f"exact search is as fast up to {EXACT_BELOW:,} rows: no index is needed"
    return f"above {EXACT_BELOW:,} rows the graph is faster than exact search"


def _built(still: OpenTable, rng: np.random.Generator, settings: GraphSettings | None, progress: Progress) -> IndexWork:
    ids, vectors = still.vectors()
    index = IndexFile.build(
        index_folder(still),
        ids.tolist(),
        vectors,
        space=still.space,
        generation=still.generation.name,
        version=still.version,
        rng=rng,
        settings=settings,
        progress=progress,
    )
    return IndexWork(index, len(ids), 0, rebuilt=True)


def _changes(table: OpenTable, still: OpenTable, known: IndexFile) -> tuple[np.ndarray, np.ndarray] | None:
    """Ids that are new or whose vector changed since the index was made, and those that are gone; None when unknown."""
    if not known.stale:
        return np.zeros(0, str), np.zeros(0, str)
    try:
        then = table.as_of(known.record.version).read(["id", "digest"])
    except TableError:
        return None
    now = still.read(["id", "digest"])
    before = dict(zip(then["id"].to_pylist(), then["digest"].to_pylist(), strict=True))
    after = dict(zip(now["id"].to_pylist(), now["digest"].to_pylist(), strict=True))
    fresh = [name for name, digest in after.items() if before.get(name) != digest]
    return np.array(fresh, str), np.array([name for name in before if name not in after], str)
