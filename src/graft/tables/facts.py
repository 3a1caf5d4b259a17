"""A table as the record that its page shows."""

from pathlib import PurePath

import numpy as np
import polars as pl
import pyarrow as pa

from graft.core.errors import SpaceMismatch, TableError
from graft.core.progress import SILENT, Progress
from graft.facts.table import IndexFact, TableFacts, TableOverview, VersionFact
from graft.representations.spaces import content_kind
from graft.rows.content import TEXT, ContentKind
from graft.rows.content.kinds import picture_of
from graft.tables.columns import users
from graft.tables.delta.commits import Version
from graft.tables.indexing import index_of
from graft.tables.migration.contents import row_contents
from graft.tables.neighbourhood.overview import Pictured, overview
from graft.tables.table import EmbeddingTable

_VERSIONS, _LINE = 12, 240


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
    kind = content_kind(still.space)
    # What a group is about is told in its words, and only texts have words.
    texts = row_contents(rows, written, TEXT) if written and kind is TEXT else None
    lines, pictured = (None, None) if texts is not None or not written else _looks(rows, written, kind)
    columns = {name: rows[name].to_pylist() for name in names if name not in written}
    return overview(
        ids.tolist(), vectors, texts, columns, rng=rng, lines=lines, pictured=pictured, umap=umap, progress=progress
    )


def _looks(rows: pa.Table, written: list[str], kind: ContentKind) -> tuple[list[str], Pictured | None]:
    """A line for each row whose content is no text, and how a row looks; files are opened for the second alone."""
    if kind.travels:
        return [kind.shown(content, _LINE) for content in row_contents(rows, written, kind)], None
    cells = [cell or "" for cell in rows[written[0]].to_pylist()]

    def pictured(row: int) -> str:
        (content,) = kind.read([pl.Series(written[0], [cells[row]], kind.column)], None)
        return "" if content is None else picture_of(kind, content)

    return [_named(cell) for cell in cells], pictured


def _named(cell: str) -> str:
    """The name of a file, with its folder; nothing for what was in memory."""
    return "" if cell.startswith("data:") else "/".join(PurePath(cell).parts[-2:])


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
