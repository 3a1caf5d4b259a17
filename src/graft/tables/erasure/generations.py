"""One generation of a table: its rows now, its older versions, and its log.

Decisions: a deletion vector or a tombstone leaves the bytes where they are, so every file that ever held the row is
found by reading the ids in all Parquet files of the folder, listed in the log or not. Files of the present version are
written again without the row, in a version of its own; then the files that held it are removed, while Graft's writers
wait. Versions that need such a file cannot be read any more, other versions can. The last step is the log. A kill
between two steps leaves files that the next call finds again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graft.core.errors import TableError
from graft.core.files import locked
from graft.rows.content import TEXT, ContentKind
from graft.tables.delta.parquet import read_footer
from graft.tables.delta.snapshots import LOG, Snapshot
from graft.tables.delta.store import Change, DeltaStore
from graft.tables.erasure.log import scrub, versions_with
from graft.tables.erasure.places import Held, Wanted, remove_files
from graft.tables.migration.contents import row_contents

_ROUNDS = 10
# What a killed writer leaves: ours, that of the object store beneath deltalake, that of a commit.
_LEFT_OVER = re.compile(r".*\.partial|.*#\d+|_commit_.*\.tmp|.*\.crc")


@dataclass(frozen=True)
class GenerationPlace:
    """A generation. folder: its Delta table. content: the columns that were embedded. kind: what they hold."""

    folder: Path
    content: tuple[str, ...] = ()
    kind: ContentKind = TEXT

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"rows and history of {self.folder.name}"

    @property
    def root(self) -> Path:
        """The folder of all its files."""
        return self.folder

    @cached_property
    def _store(self) -> DeltaStore:
        return DeltaStore(self.folder)

    def find(self, wanted: Wanted) -> Held:
        """The rows with these ids, in every file that is there."""
        found = [self._look(path, wanted.ids) for path in self._data_files()] if wanted.ids else []
        files = tuple(path for one in found for path in one.files)
        return Held(
            sum(one.rows for one in found),
            frozenset().union(*(one.ids for one in found)),
            frozenset().union(*(one.digests for one in found)),
            files,
            versions_with(self.folder, files) if files else (),
        )

    def erase(self, wanted: Wanted) -> tuple[str, ...]:
        """Remove the ids from the present version, from history and from the log."""
        if not wanted.ids:
            return ()
        for _ in range(_ROUNDS):
            if self.find(wanted).files:
                self._store.apply(lambda snapshot: self._without(snapshot, wanted))
            with locked(self.folder / ".writing.lock"):
                held = set(self.find(wanted).files)
                if held.isdisjoint(file.path for file in self._store.snapshot().files):
                    remove_files([*held, *self._left_over()])
                    scrub(self.folder, wanted.ids)
                    return ()
        raise TableError(
            f"another program keeps writing the rows that are being erased into {self.folder}",
            needed="rows that nobody brings back",
            fix="stop that writer and run the same erasure again",
        )

    def _without(self, snapshot: Snapshot, wanted: Wanted) -> Change | None:
        held = set(self.find(wanted).files)
        rewrite = [file for file in snapshot.files if file.path in held]
        if not rewrite:
            return None
        gone = self._store.find(snapshot, pa.array(sorted(wanted.ids), pa.string()))
        metrics = {"inserted": 0, "updated": 0, "deleted": len(gone.once().wanted)}
        return Change("ERASE", snapshot.schema, gone=gone, rewrite=rewrite, metrics=metrics)

    def _look(self, path: Path, ids: Iterable[str]) -> Held:
        """What one file holds; one that cannot be read may hold anything."""
        try:
            footer = read_footer(path, root=self.folder)
            with pq.ParquetFile(path, metadata=footer.metadata, page_checksum_verification=True) as opened:
                names = opened.schema_arrow.names
                if "id" not in names:
                    return Held()
                wanted = pa.array(sorted(ids), pa.string())
                columns = [name for name in ("id", "digest", *self.content) if name in names]
                places = np.flatnonzero(pc.is_in(_as_text(opened.read(columns=["id"]))["id"], value_set=wanted))
                if not len(places):
                    return Held()
                rows = _as_text(opened.read(columns=columns)).take(pa.array(places))
        except FileNotFoundError:
            return Held()
        except (OSError, TableError, pa.ArrowException):
            return Held(files=(path,))
        return Held(len(places), frozenset(rows["id"].to_pylist()), self._digests(rows), (path,))

    def _digests(self, rows: pa.Table) -> frozenset[bytes]:
        """What the activation cache may know the rows by: the digest stated, and that of their content."""
        stated = rows["digest"].to_pylist() if "digest" in rows.column_names else []
        found = {bytes.fromhex(one) for one in stated if one}
        if self.content and set(self.content) <= set(rows.column_names):
            found |= {self.kind.digest(one) for one in row_contents(rows, self.content, self.kind)}
        return frozenset(found)

    def _data_files(self) -> list[Path]:
        found = sorted(self.folder.rglob("*.parquet"))
        return [path for path in found if LOG not in path.relative_to(self.folder).parts]

    def _left_over(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if _LEFT_OVER.fullmatch(path.name) and path.is_file()]


def _as_text(rows: pa.Table) -> pa.Table:
    """All columns as plain strings: some programs write views of strings, which Arrow can do little with."""
    return rows.cast(pa.schema([pa.field(name, pa.string()) for name in rows.column_names]))
