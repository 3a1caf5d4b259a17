"""What a Delta table holds at one version, from its log.

Decisions: the log is read here and not by ``deltalake`` because its file list leaves out the deletion vectors, which
must be repeated to the letter when a file is listed anew. Files stand in the order of their names, which begin with the
version that wrote them, so the rows of a version always come in the same order, whichever checkpoint was read. Versions
do not change, so what was read of the log is remembered for as long as its files are the same.

Delta protocol, "Action Reconciliation".
"""

import json
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import Schema
from deltalake.exceptions import DeltaError

from graft.core import foreign
from graft.core.digests import file_sha256, key
from graft.core.errors import InputError, TableError
from graft.core.files import write_text
from graft.tables.delta.deletion_vectors import positions_of, unique_id
from graft.tables.delta.parquet import fits, read_footer, read_parquet
from graft.tables.inside import place_inside, require_plain

LOG = "_delta_log"
SEAL = ".sha256"
ENTRY_LIMIT = 64 << 20
CHECKPOINT_LIMIT = 512 << 20
_DIGEST = "graftDigest"
Mark = tuple[str, int, int, int]  # name, inode, time of the last change, bytes
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.\d{10}\.\d{10})?\.parquet")


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a version. root: the table's folder. add: how the log lists it.

    rows: in the file, hidden ones included.
    """

    root: Path
    path: Path
    add: Mapping[str, Any]
    rows: int

    @property
    def descriptor(self) -> Mapping[str, Any] | None:
        """The deletion vector in force, if any."""
        return self.add.get("deletionVector")

    @property
    def kept(self) -> int:
        """Rows that are in the table."""
        return self.rows - (self.descriptor["cardinality"] if self.descriptor else 0)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return int(self.add["size"])

    def hidden(self) -> np.ndarray:
        """Positions that are no longer in the table, ascending."""
        return np.empty(0, np.int64) if self.descriptor is None else positions_of(self.descriptor, rows=self.rows)

    def mask(self) -> np.ndarray:
        """Which rows of the file are in the table, shape (rows,).

        Raises TableError when it is gone, or too small for so many.
        """
        try:
            size = require_plain(self.root, self.path).st_size
        except OSError as error:
            raise lost_file(self.path, error) from error
        if not fits(self.rows, size):
            raise lost_file(self.path, f"{self.rows:,} rows in {size:,} bytes")
        kept = np.ones(self.rows, bool)
        kept[self.hidden()] = False
        return kept


@dataclass(frozen=True)
class Snapshot:
    """One version of a table."""

    version: int
    protocol: Mapping[str, Any]
    metadata: Mapping[str, Any]
    files: tuple[DataFile, ...]

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns."""
        return pa.schema(Schema.from_json(self.metadata["schemaString"]).to_arrow())

    @property
    def rows(self) -> int:
        """Rows in the table."""
        return sum(file.kept for file in self.files)


def lost_file(path: Path, why: object) -> TableError:
    """The error for a data file that is listed and cannot be read."""
    return TableError(
        f"a data file of the table is gone or damaged: {path} ({why})",
        needed="every file its log lists",
        fix="read a newer version if this one was vacuumed away, or restore the file from a copy",
    )


def versions(root: Path) -> list[int]:
    """The versions whose log entry is still there, ascending."""
    return sorted(_numbers(_log(root), _COMMIT))


def read_entry(root: Path, version: int) -> list[dict[str, Any]]:
    """The actions of one log entry. Raises TableError for a damaged one."""
    path = root / LOG / f"{version:020d}.json"
    try:
        # At the ends of lines alone: a string in a line may hold what str.splitlines takes for another end.
        text = foreign.read_text(path, limit=ENTRY_LIMIT)
        actions = [json.loads(line) for line in text.split("\n") if line.strip()]
        if not actions or not all(isinstance(action, dict) for action in actions):
            raise ValueError("it lists no actions")
        told = [action["commitInfo"] for action in actions if isinstance(action.get("commitInfo"), dict)]
        stated = told[0].pop(_DIGEST, None) if told else None
        if stated is not None and stated != key(actions):
            raise ValueError("it was changed after it was written")
        for action in actions:
            _require_form(action)
    except (OSError, ValueError, RecursionError) as error:
        why = error.given if isinstance(error, InputError) else error
        raise TableError(
            f"version {version} of the table cannot be read: its log entry {path} is damaged ({why})",
            needed="one JSON object a line",
            fix=f"restore that file, or remove it to return to version {version - 1} (later entries must go too)",
        ) from error
    return actions


def entry_text(actions: Sequence[Mapping[str, Any]]) -> str:
    """A log entry as it stands in its file: an action a line, and in what it says of itself the digest of them all."""
    digest = key(actions)
    sealed = (
        {"commitInfo": {**action["commitInfo"], _DIGEST: digest}} if "commitInfo" in action else action
        for action in actions
    )
    lines = (json.dumps(action, ensure_ascii=False, separators=(",", ":")) for action in sealed)
    return "\n".join([*lines, ""])


def seal_checkpoint(path: Path) -> None:
    """Write the digest of a checkpoint beside it."""
    write_text(seal_of(path), file_sha256(path) + "\n")


def seal_of(checkpoint: Path) -> Path:
    """The file with the digest of a checkpoint; to be removed before the checkpoint is written anew."""
    return checkpoint.with_name(f".{checkpoint.name}{SEAL}")


def require_sealed(checkpoint: Path) -> None:
    """Raise ValueError when a checkpoint is not what the digest beside it says. One without a digest is believed."""
    seal = seal_of(checkpoint)
    if seal.exists() and foreign.read_text(seal, limit=1 << 10).strip() != file_sha256(checkpoint):
        raise ValueError("it was changed after it was written")


def read_snapshot(root: Path, version: int | None = None) -> Snapshot:
    """The table in folder ``root`` at a version, or as it is now.

    A damaged checkpoint is passed over when the entries before it are still there. Raises TableError when there is no
    such version, or the log has a gap or a damaged entry.
    """
    listed = _log(root)
    commits = sorted(_numbers(listed, _COMMIT))
    checkpoints = _numbers(listed, _CHECKPOINT)
    newest = max([*commits, *checkpoints], default=-1)
    wanted = newest if version is None else version
    damage: TableError | None = None
    for base in (*sorted((number for number in checkpoints if number <= wanted), reverse=True), -1):
        replayed = [number for number in commits if base < number <= wanted]
        if max(base, wanted) < 0 or replayed != list(range(base + 1, wanted + 1)):
            break
        used = {f"{number:020d}" for number in (base, *replayed)}
        marks = tuple(mark for mark in listed if mark[0].partition(".")[0] in used)
        try:
            return _replayed(root, base, tuple(replayed), marks)
        except TableError as error:
            damage = damage or error
    raise damage or _no_version(root, wanted, commits, newest)


@lru_cache(maxsize=32)
def _replayed(root: Path, base: int, replayed: tuple[int, ...], marks: tuple[Mark, ...]) -> Snapshot:
    """The version that a checkpoint and the entries after it make. marks: of their files, so that a table that was
    removed and made anew in the same place, or whose history was erased, is read again.
    """
    state = _State()
    if base >= 0:
        state.apply(_checkpoint_actions(root, base))
    for number in replayed:
        state.apply(read_entry(root, number))
    return state.snapshot(root, replayed[-1] if replayed else base)


class _State:
    def __init__(self) -> None:
        self.latest: dict[str, Mapping[str, Any]] = {}
        self.adds: dict[str, Mapping[str, Any]] = {}

    def apply(self, actions: Iterable[Mapping[str, Any]]) -> None:
        """Replay the actions of one version: what it removes first, because it may list the same file anew."""
        listed = list(actions)
        for action in listed:
            gone = action.get("remove")
            if gone is not None:
                found = self.adds.get(gone["path"])
                if found is not None and unique_id(found.get("deletionVector")) == unique_id(
                    gone.get("deletionVector")
                ):
                    del self.adds[gone["path"]]
        for action in listed:
            for name in ("protocol", "metaData"):
                if action.get(name) is not None:
                    self.latest[name] = action[name]
            if action.get("add") is not None:
                self.adds[action["add"]["path"]] = action["add"]

    def snapshot(self, root: Path, version: int) -> Snapshot:
        if len(self.latest) < 2:
            raise TableError(
                f"the log of {root} says nothing about the table's columns",
                needed="a whole Delta table",
                fix="restore its _delta_log folder from a copy",
            )
        files = tuple(_data_file(root, self.adds[name]) for name in sorted(self.adds))
        found = Snapshot(version, self.latest["protocol"], self.latest["metaData"], files)
        try:
            # Read here already: a log that says nothing usable of its columns is refused before they are asked for.
            _ = found.schema
        except (ValueError, TypeError, DeltaError, pa.ArrowException) as error:
            raise _damaged(root, f"its columns cannot be read: {error}") from error
        return found


def _data_file(root: Path, add: Mapping[str, Any]) -> DataFile:
    path = place_inside(root, add["path"])
    rows = _stats(add).get("numRecords")
    if rows is None:
        try:
            rows = read_footer(path, root=root).metadata.num_rows
        except (OSError, pa.ArrowException) as error:
            raise lost_file(path, error) from error
    return DataFile(root, path, add, rows)


def _stats(add: Mapping[str, Any]) -> dict[str, Any]:
    """What an ``add`` says of its rows. Raises ValueError for what is no such thing."""
    said = json.loads(add["stats"]) if add.get("stats") else {}
    if not isinstance(said, dict) or not isinstance(said.get("numRecords", 0), int) or said.get("numRecords", 0) < 0:
        raise ValueError("the statistics of a file are none")
    return said


_FORM: dict[str, dict[str, type | tuple[type, ...]]] = {
    "add": {"path": str, "size": int},
    "remove": {"path": str},
    "protocol": {"minReaderVersion": int, "minWriterVersion": int},
    "metaData": {"schemaString": str},
    "commitInfo": {},
}
_OPTIONAL: dict[str, dict[str, type | tuple[type, ...]]] = {
    "add": {"stats": str, "deletionVector": dict, "tags": dict},
    "remove": {"deletionVector": dict},
    "protocol": {"readerFeatures": list, "writerFeatures": list},
    "metaData": {"configuration": dict, "partitionColumns": list},
    "commitInfo": {"timestamp": int, "operation": str, "operationMetrics": dict, "operationParameters": dict},
}
_VECTOR = {"storageType": str, "pathOrInlineDv": str, "cardinality": int}


def _require_form(action: Mapping[str, Any]) -> None:
    """Raise ValueError when an action does not say what every reader of it relies on, as the protocol has it."""
    for kind in _FORM:
        said = action.get(kind)
        if said is None:
            continue
        if not isinstance(said, dict):
            raise ValueError(f"its {kind} is a {type(said).__name__}")
        for name, form in _FORM[kind].items():
            if not isinstance(said.get(name), form):
                raise ValueError(f"its {kind} says nothing usable of {name!r}")
        for name, form in _OPTIONAL[kind].items():
            given = said.get(name)
            words = [*given] if isinstance(given, list) else []
            if given is not None and not (isinstance(given, form) and all(isinstance(one, str) for one in words)):
                raise ValueError(f"its {kind} says nothing usable of {name!r}")
        for name, form in _VECTOR.items() if said.get("deletionVector") is not None else ():
            if not isinstance(said["deletionVector"].get(name), form):
                raise ValueError(f"a deletion vector says nothing usable of {name!r}")
        if kind == "add":
            _stats(said)


def _damaged(root: Path, why: str) -> TableError:
    return TableError(
        f"the log of {root} is damaged: {why}",
        needed="a whole Delta table",
        fix="restore its _delta_log folder from a copy",
    )


def _log(root: Path) -> list[Mark]:
    """The files of the log, by name. Raises TableError when one is no plain file, or far larger than entries are."""
    try:
        with os.scandir(root / LOG) as entries:
            return sorted(mark for mark in map(_mark, entries) if mark is not None)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _mark(entry: os.DirEntry[str]) -> Mark | None:
    try:
        fact = entry.stat()
    except FileNotFoundError:
        # A writer's temporary file, or an entry that was just cleaned up.
        return None
    if stat.S_ISDIR(fact.st_mode):
        return None
    if not stat.S_ISREG(fact.st_mode):
        raise _strange(entry, "is no plain file")
    if fact.st_size > (CHECKPOINT_LIMIT if entry.name.endswith(".parquet") else ENTRY_LIMIT):
        raise _strange(entry, f"has {fact.st_size:,} bytes")
    return entry.name, fact.st_ino, fact.st_mtime_ns, fact.st_size


def _strange(entry: os.DirEntry[str], why: str) -> TableError:
    return TableError(
        f"{entry.path} {why}",
        needed=f"a log of plain files of at most {ENTRY_LIMIT:,} bytes, its checkpoints of {CHECKPOINT_LIMIT:,}",
        fix="do not use this table; ask whoever made it for an undamaged one",
    )


def _numbers(listed: Iterable[Mark], pattern: re.Pattern[str]) -> set[int]:
    matches = (pattern.fullmatch(mark[0]) for mark in listed)
    return {int(match.group(1)) for match in matches if match}


def _checkpoint_actions(root: Path, version: int) -> list[dict[str, Any]]:
    parts = sorted((root / LOG).glob(f"{version:020d}.checkpoint*.parquet"))
    names = ["protocol", "metaData", "add"]
    actions = []
    for part in parts:
        try:
            require_sealed(part)
            rows = read_parquet(part, root=root, columns=names).to_pylist(maps_as_pydicts="strict")
            found = [{name: _without_nulls(row[name])} for row in rows for name in names if row[name] is not None]
            for action in found:
                _require_form(action)
        except (OSError, ValueError, KeyError, AttributeError, pa.ArrowException) as error:
            raise TableError(
                f"the checkpoint {part} is damaged ({error.given if isinstance(error, InputError) else error})",
                needed="a whole checkpoint",
                fix="restore it, or remove it when the log entries before it are still there",
            ) from error
        actions += found
    return actions


def _without_nulls(action: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in action.items() if value is not None}


def _no_version(root: Path, wanted: int, commits: list[int], newest: int) -> TableError:
    if newest < 0:
        return TableError(
            f"{root} is no Delta table: its log is empty or missing",
            needed="a folder with _delta_log",
            fix="restore it from a copy, or remove the folder and create the table anew",
        )
    if 0 <= wanted <= newest:
        return TableError(
            f"version {wanted} of {root} cannot be put together: log entries before it are missing",
            needed="the log entries since the last checkpoint",
            fix=f"read a version that is still there: {commits[-1] if commits else newest} is the newest",
        )
    return TableError(
        f"{root} has no version {wanted}",
        needed=f"a version from 0 to {newest}",
        fix="look at the table's history",
    )
