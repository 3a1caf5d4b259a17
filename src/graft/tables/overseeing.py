"""A table looked at as a whole: the overview of its rows."""

import numpy as np

from graft.core.progress import SILENT, Progress
from graft.tables.migration.texts import row_texts
from graft.tables.neighbourhood.facts import TableOverview
from graft.tables.neighbourhood.overview import overview
from graft.tables.table import EmbeddingTable

_OURS = ("id", "vector", "space", "digest", "updated_at")


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
