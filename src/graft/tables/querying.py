"""Questions to a table: texts or vectors in, its nearest rows out.

Decisions: a table that was opened to be asked follows the pointer, so a migration's swap is seen by the next question
and no question ever mixes spaces; rows, the columns that were asked for and where the last conditions hold are kept in
memory between questions and read again when the version changed. Questions are not kept in the activation cache: they
are other people's words, and a file for each would soon be many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from graft.core.errors import InputError, SpaceMismatch
from graft.representations.spaces import Space
from graft.tables.conditions import read_condition
from graft.tables.encoders import encoder_of
from graft.tables.indexing import usable_index
from graft.tables.opened import OpenTable
from graft.tables.searching import Hits, Searcher

if TYPE_CHECKING:
    from graft.representations.encoding.encoder import Encoder

_MASKS = 16
Queries = str | Sequence[str] | np.ndarray


@dataclass
class Asking:
    """What is kept between questions to one version of a table: its rows in memory, and its encoder.

    columns: as they were read. masks: of conditions by what they mean, bool, shape (rows,).
    """

    state: tuple[str, int] | None = None
    searcher: Searcher | None = None
    columns: dict[str, pl.Series] = field(default_factory=dict)
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    encoders: dict[str, "Encoder"] = field(default_factory=dict)

    def rows_of(self, table: OpenTable) -> Searcher:
        """The rows of the table's version, read when they are not the ones held."""
        state = (table.generation.name, table.version)
        if self.state != state or self.searcher is None:
            ids, vectors = table.as_of(state[1]).vectors()
            self.searcher = Searcher(ids.tolist(), vectors, table.space, index=usable_index(table))
            self.columns, self.masks, self.state = {}, {}, state
        return self.searcher

    def columns_of(self, table: OpenTable, names: Sequence[str], positions: np.ndarray) -> pl.DataFrame:
        """These columns of the rows at ``positions``, in that order."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            read = pl.DataFrame(self._held(table).read(missing))
            self.columns |= {name: read[name] for name in missing}
        return pl.DataFrame([self.columns[name].gather(positions) for name in names])

    def mask_of(self, table: OpenTable, where: str) -> np.ndarray:
        """At which of the rows held a condition holds."""
        meaning = read_condition(where, table.schema.names).meaning
        if not meaning:
            return self._held(table).matching(where)
        if meaning not in self.masks:
            while len(self.masks) >= _MASKS:
                del self.masks[next(iter(self.masks))]
            self.masks[meaning] = self._held(table).matching(where)
        return self.masks[meaning]

    def _held(self, table: OpenTable) -> OpenTable:
        """The version held, also when somebody has written another one since."""
        return table if self.state is None else table.as_of(self.state[1])

    def vectors_of(self, table: OpenTable, texts: Sequence[str]) -> np.ndarray:
        """Texts as vectors of the table's space."""
        name = table.generation.name
        if name not in self.encoders:
            self.encoders[name] = encoder_of(table.generation, cached=False)
        return self.encoders[name].vectors(texts)[0]


def ask(
    asking: Asking,
    table: OpenTable,
    queries: Queries,
    *,
    k: int,
    where: str | None = None,
    space: Space | str | None = None,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """The ``k`` nearest rows of each query, nearest first: ``query``, ``rank``, ``id``, ``distance`` and columns.

    queries: a text, several, or vectors of shape (queries, dimension), whose space must be said. where: an SQL
    condition the rows must meet. columns: of the table, all the user's own when None; one that is called ``query``,
    ``rank`` or ``distance`` is there as ``distance_in_table`` and so on. distance: cosine, in [0, 2].
    Raises SpaceMismatch for vectors of another space, InputError for queries that cannot be asked.
    """
    if k < 1:
        raise InputError(f"the {k} nearest rows", needed="at least 1", fix="ask for more")
    vectors, space = _vectors(asking, table, queries, space)
    searcher = asking.rows_of(table)
    mask = None if where is None else asking.mask_of(table, where)
    hits = searcher.search(vectors, k=min(k, max(1, len(searcher.vectors))), space=space, mask=mask)
    return _frame(asking, table, hits, columns)


def _vectors(
    asking: Asking, table: OpenTable, queries: Queries, space: Space | str | None
) -> tuple[np.ndarray, Space | str]:
    if isinstance(queries, str):
        queries = [queries]
    if not isinstance(queries, np.ndarray) and all(isinstance(one, str) for one in queries):
        if not queries or not all(one.strip() for one in queries):
            raise InputError("an empty query", needed="a text", fix="write what is looked for")
        return asking.vectors_of(table, list(queries)), table.space
    if space is None:
        raise SpaceMismatch(
            "query vectors without their space",
            needed="space=, the space they were made in",
            fix="pass space=encoder.space, or table.space when they come from this table",
        )
    vectors = np.asarray(queries, np.float32)
    return (vectors[None] if vectors.ndim == 1 else vectors), space


def _frame(asking: Asking, table: OpenTable, hits: Hits, columns: Sequence[str] | None) -> pl.DataFrame:
    count, k = hits.ids.shape
    found = pl.DataFrame(
        {
            "query": np.repeat(np.arange(count), k),
            "rank": np.tile(np.arange(1, k + 1), count),
            "id": pl.Series(hits.ids.reshape(-1).tolist(), dtype=pl.String),
            "distance": hits.distances.reshape(-1),
        }
    ).filter(pl.col("id").is_not_null())
    names = [name for name in table.schema.names if name not in _HIDDEN] if columns is None else list(columns)
    names = [name for name in names if name != "id"]
    if not names:
        return found
    positions = hits.positions.reshape(-1)
    own = asking.columns_of(table, names, positions[positions >= 0])
    taken = [*found.columns, *names]
    # A column of the table that is called as one of ours is in the answer under another name.
    return found.hstack(own.rename({name: _free(name, taken) for name in names if name in found.columns}))


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_in_table"
    return name


_HIDDEN = ("id", "vector", "space", "digest", "updated_at")
