"""Reading and changing one generation.

Decisions: rows are found by reading two narrow columns (id and digest) of every file, which for 200,000 rows takes
about 20 ms and needs no index that could go stale. Writers of Graft wait for one another (a file lock, given back
when a process dies), so that nobody plans a change in vain; other programs are met by the commit itself, which fails
when they were first and is then planned anew. Many small files are folded into one as they come, not left to the
user.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from graft.core.errors import InputError, OutputError, TableError
from graft.core.files import locked
from graft.core.forking import require_threads
from graft.tables.delta import commits
from graft.tables.delta.data_files import FILE_BYTES, FileWriter, OpenFile, read_rows
from graft.tables.delta.leaving import FoundRows, leave
from graft.tables.delta.snapshots import DataFile, Snapshot, read_snapshot
from graft.tables.inside import place_inside, require_own_throughout

_ATTEMPTS = 100
_SMALL_BYTES = 16 << 20
_SMALL_FILES = 16
_FOLD_EVERY = 8
_READERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Change:
    """What a new version does.

    rows: pieces of at most a row group, of exactly ``schema``. gone: rows that leave. rewrite: files written again.
    moves: no row comes or goes. metrics: numbers for the history.
    """

    operation: str
    schema: pa.Schema
    rows: Iterable[pa.Table] = ()
    gone: FoundRows | None = None
    rewrite: Sequence[DataFile] = ()
    moves: bool = False
    metrics: Mapping[str, int] = field(default_factory=dict)


class DeltaStore:
    """One Delta table on a local disk. root: its folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @staticmethod
    def create(root: Path, schema: pa.Schema) -> "DeltaStore":
        """A new, empty table. Raises OutputError when there is one."""
        try:
            commits.commit(root, 0, commits.first_actions(schema))
        except commits.Conflict as error:
            raise OutputError(f"{root} is a table already", needed="a new place", fix="choose another") from error
        return DeltaStore(root)

    def snapshot(self, version: int | None = None) -> Snapshot:
        """The table at a version, or as it is now. Raises EngineError in a process that lost its threads in a fork."""
        require_threads()
        return read_snapshot(self.root, version)

    def apply(self, plan: Callable[[Snapshot], Change | None]) -> int:
        """Make a new version of what ``plan`` decides about the newest one; None changes nothing. The version after.

        ``plan`` runs again when another program writes in between.
        """
        with self._writing():
            version = self._apply(plan)
            # The change is made: folding may fail (a full disk) without taking it back.
            if version % _FOLD_EVERY == 0:
                with suppress(InputError):
                    version = self._apply(_folding)
        return version

    def compact(self) -> int:
        """Write small files and files with hidden rows again, as full ones: then every program reads the table."""
        with self._writing():
            return self._apply(lambda snapshot: _compaction(snapshot, below=FILE_BYTES // 2, unhide=True))

    def vacuum(self, hours: float) -> list[str]:
        """Remove the files no version of the last ``hours`` needs; their names. Older versions are then lost."""
        with self._writing():
            # Nothing is removed on the word of a damaged log, nor anywhere else than here.
            self.snapshot()
            require_own_throughout(self.root)
            commits.sweep(self.root, hours)
            try:
                table = DeltaTable(self.root)
                for name in table.vacuum(math.ceil(hours), enforce_retention_duration=False, full=True):
                    place_inside(self.root, name)
                return table.vacuum(math.ceil(hours), dry_run=False, enforce_retention_duration=False, full=True)
            except DeltaError as error:
                raise TableError(
                    f"the log of {self.root} cannot be read, so nothing is removed ({str(error).splitlines()[0]})",
                    needed="an undamaged log, its checkpoints too",
                    fix="remove the damaged checkpoint when the log entries before it are there, or restore it",
                ) from error

    def find(self, snapshot: Snapshot, ids: pa.Array) -> FoundRows:
        """The rows that hold these ids. ids: string, each once."""
        with ThreadPoolExecutor(_READERS) as readers:
            tasks = enumerate(snapshot.files)
            parts = list(readers.map(lambda task: _find_in(task[1], task[0], ids, snapshot.schema), tasks))
        if not parts:
            nothing = np.empty(0, np.int64)
            return FoundRows(nothing, nothing, nothing, pa.array([], pa.string()))
        wanted, files, positions = (np.concatenate([part[which] for part in parts]) for which in range(3))
        return FoundRows(wanted, files, positions, pa.concat_arrays([part[3] for part in parts]))

    def take(self, snapshot: Snapshot, found: FoundRows, columns: Sequence[str]) -> pa.Table:
        """The rows ``found``, in that order. columns: one at least."""
        pieces: list[pa.Table] = []
        places: list[np.ndarray] = []
        for number in np.unique(found.file).tolist():
            chosen = np.flatnonzero(found.file == number)
            file, order = snapshot.files[number], np.argsort(found.position[chosen], kind="stable")
            mask = np.zeros(file.rows, bool)
            mask[found.position[chosen]] = True
            pieces += read_rows(file, columns, schema=snapshot.schema, mask=mask)
            places.append(chosen[order])
        if not pieces:
            return pa.schema([snapshot.schema.field(name) for name in columns]).empty_table()
        return pa.concat_tables(pieces).take(pa.array(np.argsort(np.concatenate(places))))

    def _writing(self) -> AbstractContextManager[None]:
        return locked(self.root / ".writing.lock")

    def _apply(self, plan: Callable[[Snapshot], Change | None]) -> int:
        for _ in range(_ATTEMPTS):
            snapshot = self.snapshot()
            commits.require_known(snapshot)
            change = plan(snapshot)
            if change is None:
                return snapshot.version
            with suppress(commits.Conflict):
                return self._write(snapshot, change)
        raise TableError(
            f"other programs changed {self.root} {_ATTEMPTS} times while one change was being written",
            needed="a moment without another writer",
            fix="run the same command again: nothing is lost",
        )

    def _write(self, snapshot: Snapshot, change: Change) -> int:
        version = snapshot.version + 1
        writer = FileWriter(self.root, change.schema, version, changes=not change.moves)
        try:
            for piece in change.rows:
                writer.write(piece)
            leaving = leave(snapshot, change.gone, rewrite=change.rewrite, moves=change.moves)
            for file, mask in leaving.moved:
                for piece in read_rows(file, change.schema.names, schema=change.schema, mask=mask):
                    writer.write(piece)
            described = commits.description_actions(snapshot, change.schema, hides=leaving.hides)
            written = [{"add": add} for add in writer.close()]
            said = commits.information(change.operation, metrics=change.metrics)
            commits.commit(self.root, version, [said, *described, *leaving.actions, *written])
        except BaseException:
            writer.discard()
            raise
        commits.checkpoint(self.root, version, always=bool(described))
        return version


def _find_in(file: DataFile, number: int, ids: pa.Array, schema: pa.Schema) -> tuple[np.ndarray, ...]:
    opened = OpenFile(file)
    empty = pa.schema([schema.field("id"), schema.field("digest")]).empty_table()
    groups = [opened.read(group, empty.column_names, schema=schema) for group in range(len(opened.groups))]
    rows = pa.concat_tables([empty, *groups])
    wanted = pc.index_in(rows["id"], value_set=ids).fill_null(-1).to_numpy().astype(np.int64)
    positions = np.flatnonzero((wanted >= 0) & file.mask())
    digests = rows["digest"].take(pa.array(positions)).combine_chunks()
    return wanted[positions], np.full(len(positions), number), positions, digests


def _folding(snapshot: Snapshot) -> Change | None:
    """Small files into one, when there are many: what a long series of small upserts leaves."""
    small = sum(file.size < _SMALL_BYTES for file in snapshot.files)
    return _compaction(snapshot, below=_SMALL_BYTES, unhide=False) if small >= _SMALL_FILES else None


def _compaction(snapshot: Snapshot, *, below: int, unhide: bool) -> Change | None:
    chosen = [file for file in snapshot.files if file.size < below or (unhide and file.descriptor)]
    hidden = any(file.descriptor for file in chosen)
    needless = "deletionVectors" in snapshot.protocol.get("readerFeatures", ()) and unhide
    if not (hidden or len(chosen) > 1 or needless):
        return None
    rewrite = chosen if hidden or len(chosen) > 1 else []
    return Change("OPTIMIZE", snapshot.schema, rewrite=rewrite, moves=True)
