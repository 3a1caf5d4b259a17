"""A table as the record that its page shows."""

import numpy as np

from graft.core.errors import SpaceMismatch, TableError
from graft.core.progress import SILENT, Progress
from graft.facts.table import IndexFact, TableFacts, TableOverview, VersionFact
from graft.representations.spaces import content_kind
from graft.rows.content import TEXT
from graft.tables.columns import users
from graft.tables.delta.commits import Version
from graft.tables.indexing import index_of
from graft.tables.migration.contents import row_contents
from graft.tables.neighbourhood.overview import overview
from graft.tables.table import EmbeddingTable

_VERSIONS = 12


def table_facts(
    table: EmbeddingTable, *, rng: np.random.Generator, umap: bool | None = None, progress: Progress = SILENT
) -> TableFacts:
    """What is to be told about a table: where it comes from, and groups, outliers, near-duplicates, a map of its rows.

    umap: that map too; None when it is installed. Raises InputError for a table without rows.
    """
    generation = table.generation
    return TableFacts(
        name=table.name,
        space=table.space.fingerprint,
        overview=_overview(table, rng, umap, progress),
        source=generation.source,
        precision=generation.precision,
        version=table.version,
        versions=tuple(map(_version, table.history()[:_VERSIONS])),
        index=_index(table),
        id_column=generation.id,
        content=generation.content,
    )


def _overview(table: EmbeddingTable, rng: np.random.Generator, umap: bool | None, progress: Progress) -> TableOverview:
    still = table.as_of(table.version)
    names = users(still.schema)
    rows = still.read(["id", *names])
    ids, vectors = still.vectors()
    written = [name for name in still.generation.content if name in names]
    # What a group is about is told in its words, and only texts have words.
    worded = written and content_kind(still.space) is TEXT
    texts = row_contents(rows, written, TEXT) if worded else None
    columns = {name: rows[name].to_pylist() for name in names if name not in written}
    return overview(ids.tolist(), vectors, texts, columns, rng=rng, umap=umap, progress=progress)


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
