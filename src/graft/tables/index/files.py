"""An index saved beside a table, tied to one version of it.

Decisions: the graph knows rows by number, and a Parquet file beside it says which id each number stands for, so that an
index serves a table read in any order. An update adds the changed rows to a copy and forgets the old ones; when more
than ``REBUILD_SHARE`` of the graph is forgotten rows, it is built anew, because they cost memory and every search
passes over them. One build runs at a time, under a file lock that a killed process releases.
"""

import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graft.core.errors import InputError, OutputError, SpaceMismatch, TableError
from graft.core.files import locked, whole_file
from graft.core.progress import SILENT, Progress
from graft.core.vectors import unit_rows
from graft.representations.spaces import Space
from graft.tables.delta.parquet import read_parquet
from graft.tables.index.graph import Graph, GraphSettings
from graft.tables.index.pointer import (
    GRAPH,
    REBUILD,
    ROWS,
    IndexRecord,
    facts_of,
    read_record,
    remove_others,
    verify_files,
    write_record,
)
from graft.tables.index.recall import Recall
from graft.tables.index.rescoring import GraphRows, tune

REBUILD_SHARE = 0.2
WANTED_RECALL = 0.99
Everything = Callable[[], tuple[Sequence[str], np.ndarray]]


class IndexFile:
    """An index in its folder. Made by ``build``, ``open`` and ``update``.

    record: what it was made from. stale: it belongs to another version of the table than the one asked for.
    ids: string array, ids[i] is the row of labels[i].
    """

    def __init__(self, folder: Path, record: IndexRecord, graph: Graph, ids: pa.Array, labels: np.ndarray) -> None:
        self.folder, self.record, self.graph, self.ids, self.labels = folder, record, graph, ids, labels
        self.stale = False

    @classmethod
    def build(
        cls,
        folder: Path,
        ids: Sequence[str],
        vectors: np.ndarray,
        *,
        space: Space,
        generation: str,
        version: int,
        rng: np.random.Generator,
        settings: GraphSettings | None = None,
        wanted: float = WANTED_RECALL,
        progress: Progress = SILENT,
    ) -> "IndexFile":
        """Index all rows, measure recall, save, and swap the new index in.

        ids: shape (rows,), unique. vectors: shape (rows, dimension). rng: draws the queries that recall is measured
        with. wanted: searching is widened until recall@10 reaches this; ``record.recall`` says what was reached. Raises
        InputError for ids or vectors that cannot be indexed and OutputError when the folder cannot be written.
        """
        settings = settings or GraphSettings()
        names, vectors = _checked_rows(ids, vectors, space)
        with _building(folder):
            labels = np.arange(len(names), dtype=np.uint64)
            graph = Graph.build(vectors, labels, settings=settings, progress=progress)
            recall = tune(graph, vectors, wanted=wanted, rng=rng)
            record = _record(generation, version, space, rows=len(names), gone=0, graph=graph, recall=recall)
            return cls._publish(folder, record, graph, names, labels)

    @classmethod
    def open(cls, folder: Path, *, space: Space, generation: str, version: int) -> "IndexFile":
        """The index in ``folder``, mapped from its file once every digest is verified; ``stale`` when of another
        version.

        Raises TableError when there is none, or it is damaged, of another generation or of a newer Graft, and
        SpaceMismatch when it holds vectors of another space.
        """
        while True:
            record = read_record(folder)
            _require_same(folder, record, space, generation)
            try:
                verify_files(folder, record)
                index = cls._mapped(folder, record)
            except FileNotFoundError as error:
                if read_record(folder).folder != record.folder:
                    continue  # replaced, and the old files removed, while they were being opened
                raise TableError(
                    f"{error.filename} is missing",
                    needed="the file as built",
                    fix="build it again with graft tables index",
                ) from error
            index.stale = record.version != version
            return index

    def update(
        self,
        ids: Sequence[str],
        vectors: np.ndarray,
        removed: Sequence[str],
        *,
        version: int,
        everything: Everything,
        space: Space,
        rng: np.random.Generator,
        progress: Progress = SILENT,
    ) -> "IndexFile":
        """The index of a later ``version`` of the table; readers that have this one open keep it.

        ids, vectors: rows that are new or changed, shapes (changed,) and (changed, dimension). removed: ids of rows
        that are gone. everything: called for all ids and vectors of the table when the index has to be built anew.
        Raises TableError when the index was replaced since it was opened, and otherwise as ``build``.
        """
        names, vectors = _checked_rows(ids, vectors, space)
        _require_same(self.folder, self.record, space, self.record.generation)
        outdated = pc.is_in(self.ids, value_set=pa.concat_arrays([names, pa.array(list(removed), pa.string())]))
        kept = ~np.asarray(outdated, dtype=bool)
        gone = self.record.gone + int((~kept).sum())
        if gone > REBUILD_SHARE * (len(self.labels) + self.record.gone + len(names)):
            everyone, all_vectors = everything()
            return IndexFile.build(
                self.folder,
                everyone,
                all_vectors,
                space=space,
                generation=self.record.generation,
                version=version,
                rng=rng,
                settings=self.record.settings,
                progress=progress,
            )
        with _building(self.folder):
            if read_record(self.folder) != self.record:
                raise TableError(
                    "the index was replaced after it was opened",
                    needed="the newest one",
                    fix="open it again and repeat",
                )
            graph = Graph.load(self._path(GRAPH), self.record.dimension, settings=self.record.settings)
            first = self.record.rows + self.record.gone
            fresh = np.arange(first, first + len(names), dtype=np.uint64)
            graph.add(vectors, fresh, progress=progress)
            names = pa.concat_arrays([self.ids.filter(pa.array(kept)), names])
            labels = np.concatenate([self.labels[kept], fresh])
            record = _record(
                self.record.generation,
                version,
                space,
                rows=len(names),
                gone=gone,
                graph=graph,
                recall=self.record.recall,
            )
            return self._publish(self.folder, record, graph, names, labels)

    def rows(self, ids: Sequence[str], vectors: np.ndarray) -> GraphRows:
        """The table's rows as the graph knows them. ids: (rows,), in the order of ``vectors``, unit, (rows, dimension).

        Raises TableError unless the index knows exactly these ids.
        """
        found = pc.index_in(self.ids, value_set=pa.array(ids, pa.string()))
        if len(ids) != len(self.ids) or found.null_count:
            raise TableError(
                f"an index of {len(self.ids)} rows for a table of {len(ids)}, {found.null_count} of them not in it",
                needed="an index of the same rows",
                fix="build it again with graft tables index",
            )
        places = np.full(self.record.rows + self.record.gone + 1, -1, np.int64)
        places[self.labels] = found.to_numpy(zero_copy_only=False)
        return GraphRows(places, vectors)

    def _path(self, name: str) -> Path:
        return self.folder / self.record.folder / name

    @classmethod
    def _mapped(cls, folder: Path, record: IndexRecord) -> "IndexFile":
        place = folder / record.folder
        try:
            table = read_parquet(place / ROWS, root=folder, columns=["id", "label"])
            ids, labels = table["id"].combine_chunks().cast(pa.string()), table["label"].to_numpy()
            if len(ids) != record.rows or ids.null_count or record.gone < 0 or labels.dtype != np.uint64:
                raise ValueError(f"{len(ids)} rows where {record.rows} are stated")
            if len(labels) and labels.max() >= record.rows + record.gone:
                raise ValueError(f"a row under number {labels.max()}, of {record.rows + record.gone}")
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise TableError(f"{place / ROWS} is damaged: {error}", needed="the file as built", fix=REBUILD) from error
        graph = Graph.view(place / GRAPH, record.dimension, settings=record.settings)
        if len(graph) != record.rows + record.gone:
            raise TableError(
                f"{place / GRAPH} holds {len(graph):,} rows where {record.rows + record.gone:,} are stated",
                needed="the files of one build",
                fix=REBUILD,
            )
        return cls(folder, record, graph, ids, labels)

    @classmethod
    def _publish(
        cls, folder: Path, record: IndexRecord, graph: Graph, ids: pa.Array, labels: np.ndarray
    ) -> "IndexFile":
        """Write the files into a new folder, swap, and open what was written."""
        place = folder / record.folder
        try:
            with whole_file(place / GRAPH) as temporary:
                graph.save(temporary)
            with whole_file(place / ROWS) as temporary:
                pq.write_table(pa.table({"label": pa.array(labels, pa.uint64()), "id": ids}), temporary)
            record = IndexRecord.model_validate({**record.model_dump(), "files": facts_of(place)})
            write_record(folder, record)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        remove_others(folder, record.folder)
        return cls._mapped(folder, record)


def _building(folder: Path) -> AbstractContextManager[None]:
    """The lock of whoever builds in ``folder``. Raises OutputError when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make {folder}: {error.strerror}", needed="a folder this user may write", fix="choose another place"
        ) from error
    return locked(folder / ".lock")


def _checked_rows(ids: Sequence[str], vectors: np.ndarray, space: Space) -> tuple[pa.Array, np.ndarray]:
    """Ids as strings, and vectors of length one. Raises InputError unless they fit one another and the space."""
    names = pa.array(ids, pa.string())
    vectors = np.asarray(vectors, np.float32)
    if vectors.ndim != 2 or vectors.shape != (len(names), space.dimension):
        raise InputError(
            f"{len(names)} ids with vectors of shape {vectors.shape}",
            needed=f"shape ({len(names)}, {space.dimension})",
            fix="give one vector of the space for each id",
        )
    if names.null_count or pc.count_distinct(names).as_py() != len(names):
        raise InputError("an id that is missing or stands twice", needed="unique ids", fix="keep one row an id")
    return names, unit_rows(vectors)


def _record(
    generation: str, version: int, space: Space, *, rows: int, gone: int, graph: Graph, recall: Recall
) -> IndexRecord:
    return IndexRecord(
        generation=generation,
        version=version,
        space=space.fingerprint,
        dimension=space.dimension,
        rows=rows,
        gone=gone,
        settings=graph.settings,
        recall=recall,
        folder=f"v{version}-{secrets.token_hex(4)}",
        files={},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _require_same(folder: Path, record: IndexRecord, space: Space, generation: str) -> None:
    if record.space != space.fingerprint:
        raise SpaceMismatch(
            f"the index in {folder} holds vectors of another embedding space, {record.space}",
            needed=f"space {space.fingerprint}",
            fix="build the index again with graft tables index",
        )
    if record.generation != generation:
        raise TableError(
            f"the index in {folder} belongs to generation {record.generation!r}",
            needed=f"generation {generation!r}",
            fix="build the index again with graft tables index",
        )
