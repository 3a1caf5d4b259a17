"""Queries while a table moves: always in the space of the rows that answer, however they get there.

Decision: the encoder of the rows' own space comes first; the adapter is for the day when only the new encoder is at
hand. What a query may never do is reach rows of another space as it is: then SpaceMismatch is raised.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from graft.core.errors import SpaceMismatch
from graft.tables.migration.adapters import Adapter
from graft.tables.migration.building import adapter_path
from graft.tables.migration.texts import Encode, encoded
from graft.tables.table import EmbeddingTable


def adapter_for(table: EmbeddingTable) -> Adapter | None:
    """The adapter into the space of ``table`` that a migration under way has left, if it was good enough."""
    for one in table.pointer.generations:
        place = adapter_path(table.path, one.name)
        if one.state == "building" and place.is_file():
            adapter = Adapter.load(place)
            if adapter.target == table.space.fingerprint:
                return adapter
    return None


def query_vectors(
    table: EmbeddingTable, texts: Sequence[str], encoders: Mapping[str, Encode], *, adapter: Adapter | None = None
) -> tuple[np.ndarray, str]:
    """Queries as vectors of the table's space, float32, shape (texts, dimension), and how: ``direct`` or ``adapted``.

    encoders: what is at hand, by fingerprint of its space. adapter: see ``adapter_for``.
    Raises SpaceMismatch when neither an encoder nor the adapter leads into the table's space.
    """
    direct = encoders.get(table.space.fingerprint)
    if direct is not None:
        return encoded(direct, texts, table.space), "direct"
    if adapter is not None and adapter.target == table.space.fingerprint and adapter.source in encoders:
        vectors = np.asarray(encoders[adapter.source](texts), np.float32)
        return adapter.apply(vectors, space=adapter.source), "adapted"
    raise SpaceMismatch(
        f"no encoder of the space of table {table.name!r}",
        needed=f"the source {table.generation.source or table.space.fingerprint}",
        fix="load it, or finish the migration to the source at hand",
    )
