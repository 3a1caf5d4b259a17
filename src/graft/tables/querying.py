"""Questions to a table: contents or vectors in, its nearest rows out.

Decisions: a table that was opened to be asked follows the pointer, so a migration's swap is seen by the next question
and no question ever mixes spaces (queries of the space a table is moving to go through the adapter that was
measured, until the swap); rows, the columns that were asked for and where the last conditions hold are kept in
memory between questions and read again when the version changed. A question takes one version and keeps to it, so that
threads may share a table while others write; a new index is seen by the next question too. Questions are not kept in
the activation cache: they are other people's words, and a file for each would soon be many.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from graft.core.errors import InputError, SpaceMismatch
from graft.representations.reading import Role
from graft.representations.row_source import RowReading
from graft.representations.spaces import Space, content_kind
from graft.rows.content import ROW, Cells, Content, ContentKind, contents_of, kind_of
from graft.rows.content.row import row_in_words
from graft.tables.adapters import adapter_between
from graft.tables.conditions import read_condition
from graft.tables.encoders import encoder_of
from graft.tables.erasing_map import ErasingMap, eraser_of
from graft.tables.indexing import index_folder, usable_index
from graft.tables.opened import OpenTable
from graft.tables.searching import Hits, Searcher

if TYPE_CHECKING:
    from graft.representations.encoding.encoder import Encoder

_MASKS = 16
Queries = Content | Sequence[Content] | np.ndarray


@dataclass(frozen=True)
class HeldRows:
    """One version of a table, held in memory. A question is answered from one of these, whatever is written meanwhile.

    table: at that version. names: of its columns. index: which file of an index the searcher knows. columns: as they
    were read. masks: of conditions by what they mean, bool, shape (rows,).
    """

    table: OpenTable
    names: tuple[str, ...]
    searcher: Searcher
    index: tuple[int, int]
    columns: dict[str, pl.Series] = field(default_factory=dict)
    masks: dict[str, np.ndarray] = field(default_factory=dict)

    def columns_of(self, names: Sequence[str], positions: np.ndarray) -> pl.DataFrame:
        """These columns of the rows at ``positions``, in that order."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            read = pl.DataFrame(self.table.read(missing))
            self.columns.update({name: read[name] for name in missing})
        return pl.DataFrame([self.columns[name].gather(positions) for name in names])

    def mask_of(self, where: str) -> np.ndarray:
        """At which of the rows a condition holds."""
        meaning = read_condition(where, self.names).meaning
        mask = self.masks.get(meaning) if meaning else None
        if mask is None:
            mask = self.table.matching(where)
            if meaning:
                while len(self.masks) >= _MASKS:
                    self.masks.pop(next(iter(self.masks), ""), None)
                self.masks[meaning] = mask
        return mask


@dataclass
class Asking:
    """What is kept between questions to a table: the version asked last, and the encoders. Threads may share it; a
    copy of it, in this process or another, begins with nothing.
    """

    held: HeldRows | None = None
    encoders: dict[str, "Encoder"] = field(default_factory=dict)
    erasers: dict[str, ErasingMap | None] = field(default_factory=dict)
    _one: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __reduce__(self) -> tuple[type["Asking"], tuple[()]]:
        return Asking, ()

    def rows_of(self, table: OpenTable) -> HeldRows:
        """The table's version with its rows and its index, read when they are not the ones held."""
        held = self.held
        if held is None or not _current(held, table):
            with self._one:
                # Somebody may have read it while this thread waited, and somebody else may have written since.
                held = self.held
                if held is None or not _current(held, table):
                    held = self.held = _read(table, held)
        return held

    def vectors_of(self, table: OpenTable, contents: Sequence[Content], *, typed: bool = False) -> np.ndarray:
        """Contents as vectors of the table's space. typed: rows were written as words, so each column must be known."""
        name = table.generation.name
        eraser = self.eraser_of(table)
        if name not in self.encoders:
            with self._one:
                if name not in self.encoders:
                    made = table.generation if eraser is None else eraser.generation(table.generation)
                    self.encoders[name] = encoder_of(made, cached=False).reading_as(Role.QUERY)
        encoder = self.encoders[name]
        if isinstance(encoder.source.reading, RowReading):
            contents = [encoder.source.reading.understood(ROW.taken(one), strict=typed) for one in contents]
        vectors, report = encoder.vectors(contents)
        report.warn()
        return vectors if eraser is None else eraser.apply(vectors)

    def eraser_of(self, table: OpenTable) -> ErasingMap | None:
        """What the vectors of the table went through, which those of questions must go through too."""
        name = table.generation.name
        if name not in self.erasers:
            self.erasers[name] = eraser_of(table.path, table.generation)
        return self.erasers[name]


def _current(held: HeldRows, table: OpenTable) -> bool:
    same = held.table.generation.name == table.generation.name and held.table.version == table.version
    return same and held.index == _index_mark(table)


def _read(table: OpenTable, before: HeldRows | None) -> HeldRows:
    """The newest version. before: held until now; when only the index is another one, its rows are taken over."""
    mark, still = _index_mark(table), table.as_of(table.version)
    if before is not None and (before.table.generation.name, before.table.version) == (
        still.generation.name,
        still.version,
    ):
        ids, vectors = before.searcher.ids[:-1], before.searcher.vectors
        columns, masks = before.columns, before.masks
    else:
        ids, vectors = still.vectors()
        columns, masks = {}, {}
    searcher = Searcher(ids.tolist(), vectors, still.space, index=usable_index(still))
    return HeldRows(still, tuple(still.schema.names), searcher, mark, columns, masks)


def _index_mark(table: OpenTable) -> tuple[int, int]:
    """Which file of an index there is: another one whenever one is published; zeros when there is none."""
    try:
        fact = (index_folder(table) / "index.json").stat()
    except OSError:
        return 0, 0
    return fact.st_ino, fact.st_mtime_ns


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

    queries: a content of the table's kind (a text), several, or vectors of shape (queries, dimension), whose space must
    be said: that of the rows, or the one the table is moving to, when the migration left an adapter. where: an SQL
    condition the rows must meet. columns: of the table, all the user's own when None; one that is called ``query``,
    ``rank`` or ``distance`` is there as ``distance_in_table`` and so on. distance: cosine, in [0, 2]. Raises
    SpaceMismatch for vectors of another space, InputError for queries that cannot be asked.
    """
    if k < 1:
        raise InputError(f"the {k} nearest rows", needed="at least 1", fix="ask for more")
    vectors, space = _vectors(asking, table, queries, space)
    held = asking.rows_of(table)
    mask = None if where is None else held.mask_of(where)
    hits = held.searcher.search(vectors, k=min(k, max(1, len(held.searcher.vectors))), space=space, mask=mask)
    return _frame(held, hits, columns)


def _vectors(
    asking: Asking, table: OpenTable, queries: Queries, space: Space | str | None
) -> tuple[np.ndarray, Space | str]:
    kind = content_kind(table.space)
    contents, typed = None, False
    if kind.cells and not isinstance(queries, np.ndarray):
        asked = [queries] if isinstance(queries, str | Mapping | Cells) else list(queries)
        typed = any(isinstance(one, str) and not one.lstrip().startswith("{") for one in asked)
        contents = _contents([row_in_words(one) if isinstance(one, str) else one for one in asked], kind)
    elif not isinstance(queries, np.ndarray):
        contents = _contents(queries, kind)
    if contents is not None:
        return asking.vectors_of(table, contents, typed=typed), table.space
    if space is None:
        raise SpaceMismatch(
            "query vectors without their space",
            needed="space=, the space they were made in",
            fix="pass space=encoder.space, or table.space when they come from this table",
        )
    vectors = np.asarray(queries, np.float32)
    vectors = vectors[None] if vectors.ndim == 1 else vectors
    given = space.fingerprint if isinstance(space, Space) else space
    eraser = None if given == table.space.fingerprint else asking.eraser_of(table)
    if eraser is not None and given == eraser.origin.fingerprint:
        return eraser.apply(vectors), table.space
    adapter = None if given == table.space.fingerprint else adapter_between(table.path, given, table.space.fingerprint)
    # While the table moves to the space of the queries, they go through the adapter into that of the rows.
    return (vectors, space) if adapter is None else (adapter.apply(vectors, space=given), table.space)


def _contents(queries: Any, kind: ContentKind) -> list[Content] | None:
    """Queries that are contents, as a list; None for what is to be read as vectors.

    Raises InputError for contents of another kind than the table's, and for one that says nothing.
    """
    contents = [queries] if kind_of([queries]) is not None else list(queries)
    if contents and kind_of(contents) is None:
        return None
    for one in contents_of(contents, kind, reader="the source of the table"):
        found = kind.problem(one)
        if found is not None and found.fatal:
            contents = []
    if not contents:
        raise InputError("an empty query", needed=f"a {kind.name}", fix="write what is looked for")
    return contents


def _frame(held: HeldRows, hits: Hits, columns: Sequence[str] | None) -> pl.DataFrame:
    count, k = hits.ids.shape
    found = pl.DataFrame(
        {
            "query": np.repeat(np.arange(count), k),
            "rank": np.tile(np.arange(1, k + 1), count),
            "id": pl.Series(hits.ids.reshape(-1).tolist(), dtype=pl.String),
            "distance": hits.distances.reshape(-1),
        }
    ).filter(pl.col("id").is_not_null())
    names = [name for name in held.names if name not in _HIDDEN] if columns is None else list(dict.fromkeys(columns))
    names = [name for name in names if name != "id"]
    if not names:
        return found
    positions = hits.positions.reshape(-1)
    own = held.columns_of(names, positions[positions >= 0])
    taken = [*found.columns, *names]
    # A column of the table that is called as one of ours is in the answer under another name.
    return found.hstack(own.rename({name: _free(name, taken) for name in names if name in found.columns}))


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_in_table"
    return name


_HIDDEN = ("id", "vector", "space", "digest", "updated_at")
