"""A table whose vectors have been through concept erasure: a space of its own, and queries that go the same way.

Decisions: erased vectors are of another space, known by the map and the space it was fitted in, so nobody compares
them with the old ones by mistake. The map lies beside the rows: a question in words is read by the source of the first
table and mapped, and vectors of the old space are mapped too; what is of any other space is refused as everywhere. The
columns that were erased are not copied, and neither is what rows were embedded from: to embed new rows here would put
back what was taken away. The first table stays as it is, and the ledger knows the one as descended from the other.
"""

from pathlib import Path

import numpy as np

from graft.governance.records import Edge, Relation
from graft.governance.registry import Registry
from graft.representations.new_folder import publish, require_free, workplace
from graft.tables.columns import users, vector_column
from graft.tables.erasing_map import ErasingMap, eraser_path
from graft.tables.recording import record_living, record_table
from graft.tables.table import EmbeddingTable

_CHUNK = 20_000
_UNIT = 1e-3


def is_unit(vectors: np.ndarray) -> bool:
    """Whether all vectors are of length one."""
    return bool(len(vectors)) and bool((np.abs(np.linalg.norm(vectors, axis=1) - 1) < _UNIT).all())


def write_erased(table: EmbeddingTable, path: Path, erasing: ErasingMap) -> EmbeddingTable:
    """Write the rows of ``table`` with erased vectors into a new table, and record that it descends from it.

    Raises OutputError when there is something at ``path``.
    """
    still = table.as_of(table.version)
    require_free(path)
    columns = [name for name in users(still.schema) if name not in erasing.attributes]
    rows = still.read(["id", *columns])
    _, vectors = still.vectors()
    with workplace(path) as folder:
        made = EmbeddingTable.create(folder / path.name, erasing.space, id_column=table.generation.id)
        erasing.save(eraser_path(made.path, made.generation.name))
        made.upsert(
            (
                rows.slice(start, _CHUNK).append_column(
                    "vector", vector_column(erasing.apply(vectors[start : start + _CHUNK]))
                )
                for start in range(0, rows.num_rows, _CHUNK)
            ),
            strict=True,
        )
        publish(made.path, path)
    opened = EmbeddingTable.open(path)
    with Registry() as registry:
        parent = record_table(registry, table)
        record_living(registry, opened, [Edge(relation=Relation.STORED_VECTORS, parent=parent.identity)])
    return opened
