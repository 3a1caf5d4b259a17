"""From a table on disk to its page."""

from dataclasses import dataclass
from pathlib import Path

from graft.core.errors import SpaceMismatch, TableError
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.report.table_facts import IndexFact, TableFacts, VersionFact
from graft.report.table_page import write_table_page
from graft.tables.delta.commits import Version
from graft.tables.indexing import index_of
from graft.tables.overseeing import look_over
from graft.tables.table import EmbeddingTable

_VERSIONS = 12


@dataclass(frozen=True)
class Seen:
    """What the page shows, counted. outliers: rows. duplicates: groups of rows."""

    rows: int
    groups: int
    outliers: int
    duplicates: int


def report_table(path: Path, out: Path, *, umap: bool | None = None, progress: Progress = SILENT) -> Seen:
    """Write the page of the table at ``path`` to ``out``. umap: that map too; None when it is installed.

    Raises TableError when there is no table, InputError when it has no rows.
    """
    table = EmbeddingTable.open(path)
    found = look_over(table, rng=generator(0, "table", "overview"), umap=umap, progress=progress)
    write_table_page(found, facts_of(table), out)
    return Seen(found.rows, len(found.clustering.clusters), found.outliers.found, found.duplicates.groups)


def facts_of(table: EmbeddingTable) -> TableFacts:
    """What the page tells besides the rows."""
    generation = table.generation
    return TableFacts(
        name=table.name,
        rows=table.count(),
        dimension=table.space.dimension,
        space=table.space.fingerprint,
        source=generation.source,
        precision=generation.precision,
        version=table.version,
        versions=tuple(map(_version, table.history()[:_VERSIONS])),
        index=_index(table),
        id_column=generation.id,
        text=generation.text,
    )


def _version(one: Version) -> VersionFact:
    known = [count for count in (one.inserted, one.updated, one.deleted) if count is not None]
    return VersionFact(one.number, f"{one.time:%Y-%m-%d %H:%M}", one.operation, sum(known) if known else None)


def _index(table: EmbeddingTable) -> IndexFact:
    try:
        index = index_of(table)
    except (TableError, SpaceMismatch):
        return IndexFact("exact", "its index is damaged and not used")
    if index is None:
        return IndexFact("exact", "no index")
    recall = index.record.recall
    state = f"of version {index.record.version}, so search is exact" if index.stale else "of the current version"
    return IndexFact("usearch", state, recall.mean, recall.queries)
