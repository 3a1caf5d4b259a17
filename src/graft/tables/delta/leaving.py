"""How rows leave a version: with their file, by writing its other rows again, or behind a deletion vector.

Decisions: a file is written again when that is cheap (small files, up to 16 MB in one change), when more than half of
it is gone, or when its deletion vector would outgrow the log; such files stay readable for every program. The rest,
the large files of large tables, is hidden in place.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from graft.tables.delta.commits import now
from graft.tables.delta.deletion_vectors import describe
from graft.tables.delta.snapshots import DataFile, Snapshot

_MOVED_BYTES = 16 << 20
_MOVED_SHARE = 0.5
_VECTOR_BYTES = 64 << 10


@dataclass(frozen=True)
class FoundRows:
    """Rows of a version that hold ids asked for; an id another program wrote twice is there twice.

    wanted: position in the list asked for. file: number in the version. position: in the file. All int64, shape
    (found,). digests: of those rows.
    """

    wanted: np.ndarray
    file: np.ndarray
    position: np.ndarray
    digests: pa.Array

    def take(self, rows: np.ndarray) -> "FoundRows":
        """The ones at ``rows``, int64."""
        digests = self.digests.take(pa.array(rows))
        return FoundRows(self.wanted[rows], self.file[rows], self.position[rows], digests)

    def once(self) -> "FoundRows":
        """One row for each id, ordered by ``wanted``."""
        return self.take(np.unique(self.wanted, return_index=True)[1])

    def of(self, wanted: np.ndarray) -> "FoundRows":
        """The rows of these positions in the list asked for."""
        return self.take(np.flatnonzero(np.isin(self.wanted, wanted)))


@dataclass(frozen=True)
class Leaving:
    """actions: for the log. moved: files to write again, with the rows that stay. hides: is any vector in force."""

    actions: tuple[dict[str, Any], ...]
    moved: tuple[tuple[DataFile, np.ndarray], ...]
    hides: bool


def leave(
    snapshot: Snapshot, gone: FoundRows | None, *, rewrite: Sequence[DataFile] = (), moves: bool = False
) -> Leaving:
    """Plan how the rows ``gone`` leave. rewrite: files to write again anyway. moves: no row leaves, they only move."""
    masks = {file.path: (file, file.mask()) for file in rewrite}
    if gone is not None:
        for number in np.unique(gone.file).tolist():
            file = snapshot.files[number]
            _, mask = masks.setdefault(file.path, (file, file.mask()))
            mask[gone.position[gone.file == number]] = False
    actions, moved, budget = [], [], _MOVED_BYTES
    forced = {file.path for file in rewrite}
    for file, mask in sorted(masks.values(), key=lambda pair: pair[0].size):
        actions.append({"remove": _removed(file, changes=not moves)})
        again = file.path in forced or file.size <= budget or mask.sum() < _MOVED_SHARE * file.rows
        vector = None if again or not mask.any() else describe(np.flatnonzero(~mask))
        if vector is not None and vector["sizeInBytes"] <= _VECTOR_BYTES:
            actions.append({"add": _hidden(file, vector)})
        elif mask.any():
            moved.append((file, mask))
            budget -= 0 if file.path in forced else file.size
    untouched = any(file.descriptor for file in snapshot.files if file.path not in masks)
    return Leaving(tuple(actions), tuple(moved), untouched or any("add" in action for action in actions))


def _removed(file: DataFile, *, changes: bool) -> dict[str, Any]:
    action = {
        "path": file.add["path"],
        "deletionTimestamp": now(),
        "dataChange": changes,
        "extendedFileMetadata": True,
        "partitionValues": {},
        "size": file.size,
    }
    # The same file may be there with different vectors: the log tells them apart by this.
    return {**action, "deletionVector": dict(file.descriptor)} if file.descriptor else action


def _hidden(file: DataFile, vector: dict[str, Any]) -> dict[str, Any]:
    stated = json.loads(file.add.get("stats") or "{}")
    stats = json.dumps({**stated, "numRecords": file.rows, "tightBounds": False})
    return {**file.add, "dataChange": True, "stats": stats, "deletionVector": vector}
