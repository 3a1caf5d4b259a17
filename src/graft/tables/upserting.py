"""What an upsert changes.

Decisions: a row counts as changed when its content digest is another one, or when a column that was given differs;
nothing else is written. A column that was not given keeps its values, a vector too: a row without one changes its
other columns alone. A null that was given is a value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pyarrow as pa

from graft.tables.columns import ELEMENT, cast, grown, users
from graft.tables.delta.leaving import FoundRows
from graft.tables.delta.snapshots import Snapshot
from graft.tables.delta.store import Change, DeltaStore
from graft.tables.rows import Problem, Rows, refusal

_PIECE = 1 << 14


@dataclass(frozen=True)
class Decided:
    """What becomes of each row: counts, and the rows that only the table could show to be wrong."""

    inserted: int
    updated: int
    unchanged: int
    refused: tuple[Problem, ...]


class UpsertPlan:
    """Decides an upsert against whichever version is the newest. decided: after it was called."""

    def __init__(self, store: DeltaStore, rows: Rows, fingerprint: str, *, strict: bool) -> None:
        self.store, self.rows, self.fingerprint, self.strict = store, rows, fingerprint, strict
        self.decided = Decided(0, 0, 0, ())

    def __call__(self, snapshot: Snapshot) -> Change | None:
        """The change to make, or None when nothing changes."""
        rows, schema = self.rows, grown(snapshot.schema, self.rows.columns.schema)
        found = self.store.find(snapshot, rows.ids)
        once = found.once()
        known = np.zeros(len(rows), bool)
        known[once.wanted] = True
        same = np.zeros(len(rows), bool)
        same[once.wanted] = _same(rows.digests.take(pa.array(once.wanted)), once.digests)
        refused = _without_vector(rows, known, same)
        changed = known & ~same
        changed[once.wanted] |= self._differ(snapshot, once, schema)
        # An id another program wrote twice: one row takes the place of all.
        changed |= np.bincount(found.wanted, minlength=len(rows)) > 1
        stays = np.ones(len(rows), bool)
        stays[[row for row, _ in refused]] = False
        write = np.flatnonzero((changed | ~known) & stays)
        inserted, updated = int((~known & stays).sum()), int((changed & stays).sum())
        problems = tuple(Problem(int(rows.numbers[row]), rows.ids[row].as_py(), why) for row, why in refused)
        if self.strict and problems:
            raise refusal(problems)
        self.decided = Decided(inserted, updated, int((known & ~changed & stays).sum()), problems)
        if not len(write) and schema == snapshot.schema:
            return None
        return Change(
            "MERGE",
            schema,
            rows=self._pieces(snapshot, schema, write, once.of(write)),
            gone=found.of(write),
            metrics={"inserted": inserted, "updated": updated, "deleted": 0},
        )

    def _differ(self, snapshot: Snapshot, once: FoundRows, schema: pa.Schema) -> np.ndarray:
        """Whether the known rows' given columns differ from what the table holds, shape (known,)."""
        differ = np.zeros(len(once.wanted), bool)
        given = self.rows.columns.take(pa.array(once.wanted))
        before = [name for name in given.column_names if name in snapshot.schema.names]
        for name in set(given.column_names) - set(before):
            differ |= given[name].is_valid().to_numpy()
        if before and len(differ):
            old = self.store.take(snapshot, once, before)
            for name in before:
                new = pl.Series(cast(given[name], schema.field(name).type, name))
                differ |= pl.Series(old[name]).ne_missing(new).to_numpy()
        return differ

    def _pieces(self, snapshot: Snapshot, schema: pa.Schema, write: np.ndarray, once: FoundRows) -> Iterator[pa.Table]:
        """The rows at ``write`` as they will stand, a piece at a time. once: their old versions."""
        rows = self.rows.take(write)
        older = np.searchsorted(write, once.wanted)
        kept = [name for name in users(snapshot.schema) if name not in rows.columns.column_names]
        columns = {name: self._old(snapshot, once, older, len(rows), name) for name in kept} if len(older) else {}
        bare = older[~rows.given[older]]
        vectors, digests = rows.vectors, rows.digests
        if len(bare):
            old = self.store.take(snapshot, once.take(np.flatnonzero(~rows.given[older])), ["vector", "digest"])
            vectors = np.array(vectors)
            vectors[bare] = old["vector"].combine_chunks().flatten().to_numpy().reshape(len(bare), -1)
            texts = digests.to_pylist()
            for place, text in zip(bare.tolist(), old["digest"].to_pylist(), strict=True):
                texts[place] = text
            digests = pa.array(texts, pa.string())
        columns |= {name: rows.columns[name] for name in rows.columns.column_names}
        moment = pa.scalar(datetime.now(UTC), pa.timestamp("us", "UTC"))
        for start in range(0, len(rows), _PIECE):
            count = min(_PIECE, len(rows) - start)
            arrays = {
                "id": rows.ids.slice(start, count),
                "vector": _lists(vectors[start : start + count]),
                "space": pa.repeat(self.fingerprint, count),
                "digest": digests.slice(start, count),
                "updated_at": pa.repeat(moment, count),
            }
            for name in users(schema):
                kind = schema.field(name).type
                arrays[name] = (
                    cast(columns[name].slice(start, count), kind, name) if name in columns else pa.nulls(count, kind)
                )
            yield pa.table([arrays[name] for name in schema.names], schema=schema)

    def _old(self, snapshot: Snapshot, once: FoundRows, older: np.ndarray, count: int, name: str) -> pa.ChunkedArray:
        """A column as it was, null for new rows, shape (rows to write,)."""
        place = np.full(count, -1)
        place[older] = np.arange(len(older))
        index = pa.array(place, mask=place < 0)
        return self.store.take(snapshot, once, [name])[name].take(index)


def _same(new: pa.Array, old: pa.Array) -> np.ndarray:
    """Whether digests are equal; a digest not given is taken to be."""
    same = pl.Series(new).eq(pl.Series(old)).fill_null(True)
    return same.to_numpy()


def _without_vector(rows: Rows, known: np.ndarray, same: np.ndarray) -> list[tuple[int, str]]:
    new = np.flatnonzero(~rows.given & ~known).tolist()
    stale = np.flatnonzero(~rows.given & known & ~same).tolist()
    return [
        *((row, "it is new and has no vector") for row in new),
        *((row, "its content changed, but its vector is not given") for row in stale),
    ]


def _lists(vectors: np.ndarray) -> pa.ListArray:
    rows, dimension = vectors.shape
    offsets = pa.array(np.arange(0, (rows + 1) * dimension, dimension, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(vectors).reshape(-1)), type=ELEMENT)
