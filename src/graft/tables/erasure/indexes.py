"""The index of a generation: it keeps vectors too, also of rows that were removed from it.

Decision: an index is derived and its graph cannot be edited without leaving bytes, so it is removed whole when it
knows an erased id, when it keeps forgotten rows (any of them may be the one), when it cannot be read, and when a
killed build left files beside it. Whoever wants one builds it again.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graft.core.errors import TableError
from graft.core.files import locked
from graft.tables.delta.parquet import read_parquet
from graft.tables.erasure.places import Held, Wanted, remove_files
from graft.tables.index import IndexFile
from graft.tables.index.pointer import POINTER, ROWS, read_record, verify_files
from graft.tables.table import EmbeddingTable


@dataclass(frozen=True)
class IndexPlace:
    """The files of an index. folder: theirs, named after the generation."""

    folder: Path

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"index of {self.generation}"

    @property
    def generation(self) -> str:
        """The generation that is indexed."""
        return self.folder.name.removesuffix(".index")

    @property
    def root(self) -> Path:
        """The folder of all its files."""
        return self.folder

    def find(self, wanted: Wanted) -> Held:
        """All its files, when one of them holds, or may hold, an erased row."""
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file() and path.name != ".lock"]
        if not files or not wanted.ids:
            return Held()
        try:
            record = read_record(self.folder)
            verify_files(self.folder, record)
            ids = read_parquet(self.folder / record.folder / ROWS, root=self.folder, columns=["id"])["id"]
        except (TableError, OSError, KeyError, pa.ArrowException):
            return Held(files=tuple(files))
        known = ids.filter(pc.is_in(ids, value_set=pa.array(sorted(wanted.ids), pa.string()))).to_pylist()
        beside = any(path.parent.name != record.folder and path.name != POINTER for path in files)
        if known or record.gone or beside:
            return Held(len(known), frozenset(known), files=tuple(files))
        return Held()

    def erase(self, wanted: Wanted) -> tuple[str, ...]:
        """Remove all its files, if any may hold an erased row."""
        if not self.folder.is_dir():
            return ()
        # Whoever is building finishes first, so that nothing is put back afterwards.
        with locked(self.folder / ".lock"):
            files = self.find(wanted).files
            remove_files(files)
        return ("removed whole; build it again with graft tables index",) if files else ()


def build_again(path: Path, generation: str, *, rng: np.random.Generator) -> None:
    """Index a generation of the table at ``path``, as it is now."""
    table = EmbeddingTable.open(path, generation=generation)
    still = table.as_of(table.version)
    ids, vectors = still.vectors()
    IndexFile.build(
        path / f"{generation}.index",
        ids.tolist(),
        vectors,
        space=table.space,
        generation=generation,
        version=still.version,
        rng=rng,
    )
