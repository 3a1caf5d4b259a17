"""The graph of an index: vectors under row labels, in usearch.

Decisions: vectors have length one and the metric is the inner product, so a distance is the cosine distance. Rows go in
in a shuffled order, because a graph grown in the order of a sorted table leaves whole groups of rows hard to reach
(recall@10 .965 sorted, .975 shuffled, at 200,000 x 384). What recall needs most is a wide search while inserting: 256
candidates reach .995 where 128 reach .986, for about twice the time, and no search afterwards is wide enough to make up
for it. Nothing is taken out of a graph and no label is given twice: usearch would give the place of a removed row to
the next one, whose neighbours it was not (recall@10 .988, and .925 after replacing a fifth of 100,000 rows so); a label
without a row is passed over by whoever reads the answer, which costs nothing but asking for a few more. Several threads
insert at once: two builds from the same seed differ a little in their edges. One search of a graph runs at a time (it
uses every core itself), and a mapped graph is never changed: usearch crashes when it is. pyarrow is imported before
usearch, because usearch brings a C++ runtime of its own: where that one is loaded first, pyarrow crashes at the first
time with a time zone.
"""

import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow  # noqa: F401  before usearch, see above
from usearch.index import Index, Matches

from graft.core.errors import InputError, OutputError, TableError
from graft.core.progress import SILENT, Progress

NumberType = Literal["bf16", "f16", "f32", "i8"]
_BLOCK = 8192
NO_LABEL = -1
_MOST, _WIDEST = 1024, 1 << 20


@dataclass(frozen=True)
class GraphSettings:
    """How a graph is built and searched.

    number_type: how vectors are stored. connectivity: edges of a row, twice as many in the lowest layer. expansion_add,
    expansion_search: candidates kept while inserting and while searching. threads: 0 for all cores. seed: of the order
    in which rows are inserted. Raises InputError for numbers that no graph can have.
    """

    number_type: NumberType = "bf16"
    connectivity: int = 32
    expansion_add: int = 256
    expansion_search: int = 64
    threads: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the numbers: a record of somebody else's may say anything."""
        edges = 2 <= self.connectivity <= _MOST
        if not edges or not 0 <= self.threads <= _MOST or not 0 <= self.seed < 1 << 63:
            raise InputError(f"{self}", needed=f"2 to {_MOST} edges, at most {_MOST} threads, a seed from 0", fix="")
        if not all(1 <= one <= _WIDEST for one in (self.expansion_add, self.expansion_search)):
            raise InputError(f"{self}", needed=f"from 1 to {_WIDEST:,} candidates", fix="")


class Graph:
    """A usearch index of unit vectors. Made by ``build``, ``load`` (to be changed) and ``view`` (mapped from its
    file).
    """

    def __init__(self, dimension: int, settings: GraphSettings) -> None:
        self.settings = settings
        self._mapped = False
        self._one_at_a_time = threading.Lock()
        self._index = Index(
            ndim=dimension,
            metric="ip",
            dtype=settings.number_type,
            connectivity=settings.connectivity,
            expansion_add=settings.expansion_add,
            expansion_search=settings.expansion_search,
        )

    @classmethod
    def build(
        cls, vectors: np.ndarray, labels: np.ndarray, *, settings: GraphSettings, progress: Progress = SILENT
    ) -> "Graph":
        """A graph of ``vectors``, float32 of length one, shape (rows, dimension), under ``labels``, uint64, (rows,)."""
        graph = cls(vectors.shape[1], settings)
        graph.add(vectors, labels, progress=progress)
        return graph

    @classmethod
    def load(cls, path: Path, dimension: int, *, settings: GraphSettings) -> "Graph":
        """A copy in memory, which can be changed. Raises TableError for a damaged file, FileNotFoundError for none."""
        return cls._read(path, dimension, settings, lambda index: index.load(path))

    @classmethod
    def view(cls, path: Path, dimension: int, *, settings: GraphSettings) -> "Graph":
        """The graph mapped from its file, which stays valid when the file is replaced. Raises TableError as
        ``load``.
        """
        graph = cls._read(path, dimension, settings, lambda index: index.view(path))
        graph._mapped = True
        return graph

    @classmethod
    def _read(cls, path: Path, dimension: int, settings: GraphSettings, read: Callable[[Index], None]) -> "Graph":
        graph = cls(dimension, settings)
        try:
            read(graph._index)
        except (RuntimeError, OSError, ValueError) as error:
            if not path.exists():
                raise FileNotFoundError(errno.ENOENT, "no such file", str(path)) from error
            raise _damaged(path, str(error)) from error
        if graph._index.ndim != dimension:
            raise _damaged(path, f"it holds vectors of dimension {graph._index.ndim}, not {dimension}")
        graph._index.expansion_add = settings.expansion_add  # type: ignore[misc]
        return graph

    def __len__(self) -> int:
        return len(self._index)

    def add(self, vectors: np.ndarray, labels: np.ndarray, *, progress: Progress = SILENT) -> None:
        """Insert rows under labels that were never used before, in an order shuffled by the seed."""
        self._require_own()
        order = np.random.default_rng(self.settings.seed).permutation(len(labels))
        with progress.stage("Indexing", len(labels), "rows") as stage:
            for start in range(0, len(order), _BLOCK):
                few = order[start : start + _BLOCK]
                self._index.add(labels[few], vectors[few], threads=self.settings.threads)
                stage.advance(len(few))

    def search(self, queries: np.ndarray, k: int, *, expansion: int | None = None) -> np.ndarray:
        """Labels of about the ``k`` nearest rows of each query, int64, shape (queries, k), -1 where there are fewer.

        queries: float32 of length one, shape (queries, dimension). expansion: candidates kept, at least ``k``.
        """
        threads = 1 if len(queries) == 1 else self.settings.threads  # a query is one thread's work
        with self._one_at_a_time:
            self._index.expansion_search = max(k, expansion or self.settings.expansion_search)  # type: ignore[misc]
            found = self._index.search(queries, k, threads=threads)
        if isinstance(found, Matches) and len(found.keys) == k:
            return found.keys.view(np.int64)[None]
        labels = np.full((len(queries), k), NO_LABEL, np.int64)
        if isinstance(found, Matches):
            labels[0, : len(found.keys)] = found.keys
        else:
            there = np.arange(k) < np.asarray(found.counts)[:, None]
            labels[there] = found.keys[there]
        return labels

    def _require_own(self) -> None:
        if self._mapped:
            raise TableError("a mapped index", needed="a copy in memory", fix="open it with Graph.load to change it")

    def save(self, path: Path) -> None:
        """Write it to ``path``. Raises OutputError when that fails."""
        try:
            self._index.save(path)
        except RuntimeError as error:
            raise OutputError(
                f"cannot write {path}: {error}",
                needed="free space, and a folder this user may write",
                fix="free some space",
            ) from error


def _damaged(path: Path, why: str) -> TableError:
    return TableError(
        f"{path} cannot be read as an index: {why}",
        needed="the file that was written",
        fix="build the index again with graft tables index",
    )
