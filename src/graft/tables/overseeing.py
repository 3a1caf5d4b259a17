"""A table looked at as a whole: the state of its index in words, and the overview of its rows."""

import numpy as np

from graft.core.errors import SpaceMismatch, TableError
from graft.core.progress import SILENT, Progress
from graft.tables.indexing import index_of, recall_in_words
from graft.tables.migration.texts import row_texts
from graft.tables.neighbourhood.facts import TableOverview
from graft.tables.neighbourhood.overview import overview
from graft.tables.table import EmbeddingTable

_OURS = ("id", "vector", "space", "digest", "updated_at")


def facts_of_index(table: EmbeddingTable) -> str:
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


def look_over(
    table: EmbeddingTable, *, rng: np.random.Generator, umap: bool | None = None, progress: Progress = SILENT
) -> TableOverview:
    """Groups, outliers, near-duplicates and a map of a table's rows. umap: that map too; None when it is installed.

    Raises InputError for a table without rows.
    """
    still = table.as_of(table.version)
    names = [name for name in still.schema.names if name not in _OURS]
    rows = still.read(["id", *names])
    ids, vectors = still.vectors()
    text = [name for name in still.generation.text if name in names]
    texts = row_texts(rows, text) if text else None
    columns = {name: rows[name].to_pylist() for name in names if name not in text}
    return overview(ids.tolist(), vectors, texts, columns, rng=rng, umap=umap, progress=progress)
