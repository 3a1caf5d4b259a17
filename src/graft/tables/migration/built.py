"""One generation follows another: what building, swapping and rolling back have in common.

Decisions: ids and digests of the two generations are compared and the difference is written, so that following may be
repeated as often as one likes, and goes on where a kill ended it. A content is encoded once, whichever rows share it,
and all its rows are written together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graft.core.progress import SILENT, Progress
from graft.representations.spaces import content_kind
from graft.rows.content import Content, ContentKind
from graft.tables.columns import users, vector_column
from graft.tables.migration.contents import Encode, encoded, row_contents
from graft.tables.migration.order import Hot, columns_needed, hottest_first
from graft.tables.pointer import none_erased
from graft.tables.rows import Problem
from graft.tables.table import EmbeddingTable

CHUNK = 4096
_ROUNDS = 20


@dataclass(frozen=True)
class Built:
    """What building, or catching up, did.

    generation: the new one. version: of the old generation that it now equals. encoded: texts. written: rows with a new
    vector. updated: rows whose other columns changed. removed: rows. refused: rows that could not be embedded.
    """

    generation: str
    version: int
    encoded: int = 0
    written: int = 0
    updated: int = 0
    removed: int = 0
    refused: tuple[Problem, ...] = ()

    def __add__(self, later: "Built") -> "Built":
        counts = [
            getattr(self, name) + getattr(later, name)
            for name in ("encoded", "written", "updated", "removed", "refused")
        ]
        return Built(later.generation, later.version, *counts)


def catch_up(
    old: EmbeddingTable,
    new: EmbeddingTable,
    encode: Encode,
    *,
    hot: Hot = None,
    chunk: int = CHUNK,
    progress: Progress = SILENT,
) -> Built:
    """Make ``new`` hold the rows of ``old``, with vectors of its own space, until ``old`` stands still for one
    round."""
    done = Built(new.generation.name, -1)
    for _ in range(_ROUNDS):
        if old.version == done.version:
            break
        done += _follow(old, new, encode, hot, chunk, progress)
    return done


def _follow(
    old: EmbeddingTable, new: EmbeddingTable, encode: Encode, hot: Hot, chunk: int, progress: Progress
) -> Built:
    """One round: make ``new`` what ``old`` is now."""
    with none_erased(old.path):
        version, columns = old.version, users(old.schema)
        rows = old.as_of(version).read(list(dict.fromkeys(["id", "digest", *columns, *columns_needed(hot)])))
        removed = _remove_others(new, rows["id"].combine_chunks())
        stale = new.changed(rows["id"], rows["digest"])
        updated = _update(new, rows.filter(pa.array(~stale)), columns)
    waiting = rows.filter(pa.array(stale))
    waiting = waiting.take(pa.array(hottest_first(waiting, hot)))
    done = Built(new.generation.name, version, updated=updated, removed=removed)
    kind = content_kind(new.space)
    with progress.stage(f"embed into {new.generation.name}", waiting.num_rows, "rows") as stage:
        for batch in _by_content(waiting, _digests(row_contents(waiting, new.generation.content, kind), kind), chunk):
            with none_erased(old.path):
                done += _embed(batch.filter(_still_there(old, batch)), new, encode, columns, version)
            stage.advance(batch.num_rows)
    return done


def _embed(rows: pa.Table, new: EmbeddingTable, encode: Encode, columns: list[str], version: int) -> Built:
    kind = content_kind(new.space)
    contents = row_contents(rows, new.generation.content, kind)
    if not contents:
        return Built(new.generation.name, version)
    digests = _digests(contents, kind)
    distinct = dict(zip(digests, contents, strict=True))
    places = {digest: place for place, digest in enumerate(distinct)}
    vectors = encoded(encode, list(distinct.values()), new.space)[[places[digest] for digest in digests]]
    done = new.upsert(rows.select(["id", "digest", *columns]).append_column("vector", vector_column(vectors)))
    return Built(new.generation.name, version, len(places), done.inserted + done.updated, refused=done.refused)


def _still_there(old: EmbeddingTable, rows: pa.Table) -> pa.ChunkedArray:
    """Which rows have not been deleted or erased since they were read."""
    return pc.is_in(rows["id"], value_set=old.read(["id"])["id"].combine_chunks())


def _remove_others(new: EmbeddingTable, ids: pa.Array) -> int:
    present = new.read(["id"])["id"]
    return new.delete(present.filter(pc.invert(pc.is_in(present, value_set=ids))).to_pylist())


def _update(new: EmbeddingTable, rows: pa.Table, columns: list[str]) -> int:
    """Bring the other columns of rows whose vector is right up to date."""
    if not columns or not rows.num_rows:
        return 0
    return new.upsert(rows.select(["id", "digest", *columns])).updated


def _digests(contents: list[Content], kind: ContentKind) -> list[bytes]:
    return [kind.digest(one) for one in contents]


def _by_content(rows: pa.Table, digests: list[bytes], chunk: int) -> Iterator[pa.Table]:
    """The rows in chunks of ``chunk`` different contents, in the order of the first row of each."""
    numbers: dict[bytes, int] = {}
    number = np.fromiter((numbers.setdefault(one, len(numbers)) for one in digests), np.int64, len(digests))
    order = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[order], np.arange(0, len(numbers) + chunk, chunk))
    for start, stop in pairwise(bounds.tolist()):
        yield rows.take(pa.array(order[start:stop]))
