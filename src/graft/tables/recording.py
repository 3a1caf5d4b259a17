"""A table in the ledger: whose vectors it holds, of which rows.

Decision: a living table has one identity however its rows change, that of its generation, because what governs it
(the source, the rows it came from) is that of the generation; its content is versioned by the table itself.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from graft.governance.named_assets import read_source
from graft.governance.reading import read_data
from graft.governance.records import Asset, AssetKind, Edge, Relation
from graft.governance.registry import Registry
from graft.tables.pointer import Generation
from graft.tables.table import EmbeddingTable


def record_table(registry: Registry, table: EmbeddingTable, data: Path | None = None) -> Asset:
    """Record a table with the source of its vectors and the file its rows were read from."""
    generation = table.generation
    edges: list[Edge] = []
    if generation.source and not generation.source.startswith("random:"):
        source = registry.add_asset(_source(generation))
        edges.append(Edge(relation=Relation.STORED_VECTORS, parent=source.identity))
    if data is not None:
        edges.append(Edge(relation=Relation.STORED_VECTORS, parent=registry.add_asset(read_data(data)).identity))
    return record_living(registry, table, edges)


def record_living(registry: Registry, table: EmbeddingTable, edges: Iterable[Edge]) -> Asset:
    """Record a table that descends from what ``edges`` name."""
    return registry.add_asset(
        Asset(
            kind=AssetKind.TABLE,
            name=table.name,
            version=table.generation.name,
            digest=_digest(table),
            reference=f"path:{table.path.absolute()}",
            edges=tuple(edges),
        )
    )


def _source(generation: Generation) -> Asset:
    return read_source(generation.source)


def _digest(table: EmbeddingTable) -> str:
    generation = table.generation
    told = f"{table.path.absolute()}\n{generation.name}\n{generation.created}\n{generation.space.fingerprint}"
    return hashlib.sha256(told.encode()).hexdigest()
