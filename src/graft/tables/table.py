"""Embedding tables: vectors of one space, with versions.

Decisions: a table is a folder with a pointer (``table.json``) and one plain Delta Lake table a generation, so that
other programs read it without Graft (see ``graft.tables.delta`` for which ones, and when) and a change of space never
mixes vectors. Every operation looks at the newest version when it starts; ``as_of`` looks at an older one, and is not
written to.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa

from graft.core.errors import OutputError, TableError
from graft.core.places import require_unsealed
from graft.core.several import several
from graft.representations.new_folder import publish, require_free, workplace
from graft.representations.spaces import Space
from graft.tables.columns import OURS
from graft.tables.delta.commits import Version, history
from graft.tables.delta.snapshots import Snapshot
from graft.tables.delta.store import Change, DeltaStore
from graft.tables.pointer import (
    POINTER,
    Generation,
    Pointer,
    Precision,
    local_folder,
    new_generation,
    read_pointer,
    write_pointer,
)
from graft.tables.querying import Asking, Queries, ask
from graft.tables.reading import read_columns, read_mask, read_vectors
from graft.tables.rows import Problem, arrow, check_rows, refusal
from graft.tables.upserting import UpsertPlan

_BATCH = (pa.Table, pa.RecordBatch, pl.DataFrame)
Batch: TypeAlias = "pa.Table | pa.RecordBatch | pl.DataFrame"
_CHUNK_BYTES = 128 << 20


@dataclass(frozen=True)
class Upsert:
    """What an upsert did. refused: the rows that were left out, and why. version: of the generation afterwards."""

    inserted: int
    updated: int
    unchanged: int
    refused: tuple[Problem, ...]
    version: int

    def then(self, later: "Upsert") -> "Upsert":
        """Both together."""
        return Upsert(
            self.inserted + later.inserted,
            self.updated + later.updated,
            self.unchanged + later.unchanged,
            self.refused + later.refused,
            later.version,
        )


def require_hours(hours: float) -> None:
    """Raise TableError for hours below zero, without end, or that are no number."""
    if not 0 <= hours < math.inf:
        raise TableError(
            f"the versions of the last {hours} hours", needed="a number of hours, 0 or more", fix="for example 168"
        )


class EmbeddingTable:
    """A table of vectors. Made by ``create`` and ``open``.

    >>> import tempfile
    >>> from graft.representations.spaces import given_space
    >>> from graft.tables.columns import vector_column
    >>> place = Path(tempfile.mkdtemp()) / "tickets"
    >>> table = EmbeddingTable.create(place, given_space("ours v1", 2))
    >>> rows = pa.table({"id": ["a", "b"], "vector": vector_column(np.eye(2)), "region": ["EU", "US"]})
    >>> table.upsert(rows).inserted, table.upsert(rows).unchanged
    (2, 2)
    >>> table.read(["id"], where="region = 'EU'")["id"].to_pylist()
    ['a']
    """

    def __init__(self, path: Path, pointer: Pointer, generation: Generation, *, at: int | None = None) -> None:
        self.path, self.pointer, self.generation = path, pointer, generation
        self.store = DeltaStore(path / generation.name)
        self._at = at
        self._answering = generation.name == pointer.current
        self._asking = Asking()

    @classmethod
    def create(
        cls,
        path: str | Path,
        space: Space,
        *,
        source: str = "",
        content: str | Sequence[str] = (),
        id_column: str = "id",
        precision: Precision = "native",
        prompt_query: str | None = None,
        prompt_document: str | None = None,
    ) -> "EmbeddingTable":
        """A new, empty table for vectors of ``space``.

        source: reference of the pretrained source. content: the columns that are embedded. id_column: the column of
        incoming rows that names them; it is kept as ``id``. precision: how the source computes.
        prompt_query, prompt_document: put before queries and texts of rows, instead of what the source states.
        Raises OutputError when there is something at ``path``.
        """
        path = local_folder(path)
        if id_column.lower() in OURS.names and id_column != "id":
            raise TableError(
                f"ids in a column called {id_column!r}",
                needed=f"another name than {', '.join(OURS.names[1:])}, which the table keeps for itself",
                fix="rename the column",
            )
        generation = new_generation(
            "g1", space, source=source, precision=precision, content=several(content), id_column=id_column,
            state="live", prompt_query=prompt_query, prompt_document=prompt_document,
        )  # fmt: skip
        pointer = Pointer(path.name, generation.name, (generation,))
        require_unsealed(path)
        _make_parent(path)
        require_free(path)
        with workplace(path) as folder:
            DeltaStore.create(folder / generation.name, OURS)
            write_pointer(folder, pointer)
            publish(folder, path)
        return cls(path, pointer, generation)

    @classmethod
    def open(cls, path: str | Path, *, generation: str | None = None) -> "EmbeddingTable":
        """The table in folder ``path``. generation: another one than the one that answers.

        Raises TableError when there is none, or it is half-written, damaged or of a newer Graft.
        """
        path = local_folder(path)
        pointer = read_pointer(path)
        chosen = pointer.live if generation is None else pointer.generation(generation)
        table = cls(path, pointer, chosen)
        columns = table.schema.names
        missing = [name for name in OURS.names if name not in columns]
        if missing:
            raise TableError(
                f"{table.store.root} has no column {', '.join(missing)}",
                needed=f"the columns {', '.join(OURS.names)}",
                fix="return to a version before another program changed its columns",
            )
        return table

    @property
    def name(self) -> str:
        """The table's name."""
        return self.pointer.name

    @property
    def space(self) -> Space:
        """The space of its vectors."""
        return self.generation.space

    @property
    def version(self) -> int:
        """The version looked at: the newest one, or the one ``as_of`` chose."""
        return self.snapshot().version

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        return self.snapshot().schema

    def snapshot(self, version: int | None = None) -> Snapshot:
        """The files of a version; the one looked at when None."""
        return self.store.snapshot(self._at if version is None else version)

    def upsert(self, rows: "Batch | Iterable[Batch]", *, strict: bool = False) -> Upsert:
        """Insert rows whose id is new and update those that changed; nothing else is written.

        rows: a table, or batches that are taken one after the other in bounded memory, each chunk a version of its own
        (a kill keeps the finished chunks, and the same call goes on from there). Columns: the ids; ``vector``, lists of
        the space's dimension, null or absent where only other columns change; ``digest``, of what was embedded (of
        the vector itself when absent); ``space``, compared when present; the user's own. ``updated_at`` is set
        here, and refused unless all the table's own columns come back together.
        strict: raise TableError for the first row that cannot be kept, and write nothing of its chunk.
        Raises SpaceMismatch for vectors of another space or dimension, OutputError when the disk is full.
        """
        self._require_newest()
        batches = [rows] if isinstance(rows, _BATCH) else rows
        done, first = None, 0
        for chunk in _chunks(batches, self.space.dimension):
            one = self._upsert(chunk, first, strict)
            first += chunk.num_rows
            done = one if done is None else done.then(one)
        return done or Upsert(0, 0, 0, (), self.version)

    def changed(self, ids: str | Sequence[str], digests: str | Sequence[str]) -> np.ndarray:
        """Which rows would have to be embedded anew, shape (rows,): new ones, and those whose content changed."""
        named = pa.array([ids] if isinstance(ids, str) else ids, pa.string()).dictionary_encode()
        snapshot = self.snapshot()
        found = self.store.find(snapshot, named.dictionary).once()
        kept = np.full(len(named.dictionary), None, object)
        kept[found.wanted] = found.digests.to_numpy(zero_copy_only=False)
        return np.asarray(
            kept[named.indices.to_numpy()] != np.asarray([digests] if isinstance(digests, str) else digests, object),
            bool,
        )

    def delete(self, ids: str | Iterable[str]) -> int:
        """Remove rows; how many there were. ids: one or several; those the table does not have are passed over."""
        self._require_newest()
        named = pa.array(dict.fromkeys(several(ids)), pa.string())
        count = 0

        def plan(snapshot: Snapshot) -> Change | None:
            nonlocal count
            found = self.store.find(snapshot, named)
            count = len(found.once().wanted)
            metrics = {"inserted": 0, "updated": 0, "deleted": count}
            return Change("DELETE", snapshot.schema, gone=found, metrics=metrics) if count else None

        self._apply(plan)
        return count

    def read(
        self, columns: str | Sequence[str] | None = None, *, version: int | None = None, where: str | None = None
    ) -> pa.Table:
        """Rows, in the order of ``vectors``. columns: all when None. where: SQL over the columns, read by Polars.

        Raises TableError for unknown columns and versions and for a condition that cannot be read.
        """
        return read_columns(self.snapshot(version), None if columns is None else several(columns), where=where)

    def matching(self, where: str) -> np.ndarray:
        """At which rows a condition holds, bool, shape (rows,), in the order of ``vectors``.

        Raises TableError for a condition that cannot be read.
        """
        return read_mask(self.snapshot(), where)

    def vectors(self, *, version: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """All ids, objects of shape (rows,), and vectors, float32 of shape (rows, dimension)."""
        return read_vectors(self.snapshot(version), self.space)

    def search(
        self,
        queries: Queries,
        *,
        k: int = 10,
        where: str | None = None,
        space: Space | str | None = None,
        columns: str | Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """The ``k`` nearest rows of each query: ``query``, ``rank``, ``id``, ``distance`` (cosine, 0 to 2), columns.

        queries: a text, several, or vectors of shape (queries, dimension), whose ``space`` must be said. where: an SQL
        condition over the columns. columns: which come along; all the user's own when None (one that is called
        ``distance`` comes as ``distance_in_table``, ``query`` and ``rank`` likewise). A table that was opened as
        the one that answers follows the pointer, so that a swap is seen by the next question.
        Raises SpaceMismatch for vectors of another space, InputError for queries that cannot be asked.
        """
        asked = EmbeddingTable.open(self.path) if self._answering and self._at is None else self
        named = None if columns is None else several(columns)
        return ask(self._asking, asked, queries, k=k, where=where, space=space, columns=named)

    def count(self) -> int:
        """Rows in the version looked at."""
        return self.snapshot().rows

    def history(self) -> list[Version]:
        """The versions that are noted in the log, newest first."""
        return history(self.store.root)

    def as_of(self, when: int | datetime) -> "EmbeddingTable":
        """The table as it was: at a version, or at a time. Raises TableError when that is not kept any more."""
        number = when if isinstance(when, int) else self._version_at(when)
        self.store.snapshot(number)
        return EmbeddingTable(self.path, self.pointer, self.generation, at=number)

    def compact(self) -> int:
        """Write small files and files with deleted rows again as full ones; the version afterwards.

        The rows stay the same (their order may not), and every program that reads Delta Lake reads the result.
        """
        self._require_newest()
        return self.store.compact()

    def vacuum(self, hours: float = 168) -> list[str]:
        """Remove the files that no version of the last ``hours`` needs; their names. hours: part of one counts as one.

        What was deleted or replaced is gone from the disk after ``compact()`` and ``vacuum(0)``. With 0, let nobody
        else read or write meanwhile: files another program is still using go too.
        Raises TableError for hours below zero, without end, or that are no number.
        """
        self._require_newest()
        require_hours(hours)
        return self.store.vacuum(hours)

    def _upsert(self, chunk: pa.Table, first: int, strict: bool) -> Upsert:
        rows, problems = check_rows(chunk, self.space, id_column=self.generation.id, first=first)
        if strict and problems:
            raise refusal(problems)
        plan = UpsertPlan(self.store, rows, self.space.fingerprint, strict=strict)
        version = self._apply(plan)
        decided = plan.decided
        refused = tuple(sorted([*problems, *decided.refused], key=lambda problem: problem.row))
        return Upsert(decided.inserted, decided.updated, decided.unchanged, refused, version)

    def _apply(self, plan: Callable[[Snapshot], Change | None]) -> int:
        """Carry out a plan, unless the generation that answered when the table was opened answers no more.

        A swap holds the lock the plan is made under, so a row is written before it and carried over, or refused.
        """

        def checked(snapshot: Snapshot) -> Change | None:
            if self._answering and read_pointer(self.path).current != self.generation.name:
                raise TableError(
                    f"table {self.name!r} has moved: {self.generation.name} answers no more",
                    needed="the generation that answers",
                    fix="open the table again and repeat",
                )
            return plan(snapshot)

        return self.store.apply(checked)

    def _version_at(self, when: datetime) -> int:
        moment = when if when.tzinfo else when.replace(tzinfo=UTC)
        noted = self.history()
        before = [one.number for one in noted if one.time <= moment]
        if not before:
            raise TableError(
                f"table {self.name!r} is not kept as it was at {moment.isoformat()}",
                needed=f"a time from {noted[-1].time.isoformat()} on" if noted else "a table with a history",
                fix="look at the table's history",
            )
        return before[0]

    def _require_newest(self) -> None:
        if self._at is not None:
            raise TableError(
                f"table {self.name!r} is open as it was at version {self._at}",
                needed="the table as it is now",
                fix="open it again to change it",
            )


def require_place(path: str | Path) -> None:
    """Raise OutputError unless there is a table at ``path``, or nothing: before anything is computed for it."""
    place = local_folder(path)
    if not (place / POINTER).is_file() and (place.exists() or place.is_symlink()):
        require_free(place)


def _make_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {path.parent}: {error.strerror}",
            needed="a folder this user may write",
            fix="choose another place for the table",
        ) from error


def _chunks(batches: "Iterable[Batch]", dimension: int) -> Iterator[pa.Table]:
    """Batches put together until they fill a data file. A batch that is larger stays whole: one version."""
    waiting: list[pa.Table] = []
    enough = max(1, _CHUNK_BYTES // (4 * dimension))
    for batch in batches:
        waiting.append(arrow(batch))
        if sum(one.num_rows for one in waiting) >= enough:
            yield pa.concat_tables(waiting, promote_options="permissive")
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting, promote_options="permissive")
