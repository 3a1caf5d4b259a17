"""New versions of a Delta table: whole or not there at all, and never over somebody else's.

Decisions: a log entry is written to a temporary name, flushed, and then linked to its final name, which fails when
another writer was first (optimistic concurrency, the same step ``deltalake`` takes); the loser reads the table anew
and tries again. Entries name no ids and no values: a log must not remember what was erased. An entry states the digest
of all it says, and a file beside a checkpoint that of the checkpoint: both are compared whenever they are read.
Checkpoints every ten versions keep opening fast.

Delta protocol, "Creation of New Log Entries", "Protocol Evolution".
"""

import os
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError

from graft.core.errors import OutputError, TableError
from graft.core.files import write_bytes
from graft.core.version import __version__
from graft.tables.delta.snapshots import LOG, SEAL, Snapshot, entry_text, read_entry, seal_checkpoint, seal_of, versions

_CHECKPOINT_EVERY = 10
_PLAIN = {"minReaderVersion": 1, "minWriterVersion": 2}
_IMPLIED = {"appendOnly", "invariants"}
_READ = {"deletionVectors", "timestampNtz"}
_SWITCH = "delta.enableDeletionVectors"


class Conflict(Exception):
    """Another writer made this version first. Never leaves the package."""


@dataclass(frozen=True)
class Version:
    """One version of a table. time: when it was written. None where another program wrote it and does not say."""

    number: int
    time: datetime
    operation: str
    inserted: int | None = None
    updated: int | None = None
    deleted: int | None = None


def now() -> int:
    """Milliseconds since 1970, as logs count time."""
    return time.time_ns() // 1_000_000


def commit(root: Path, version: int, actions: Sequence[Mapping[str, Any]]) -> None:
    """Write ``actions`` as ``version``. Raises Conflict when it exists already; OutputError when the disk is full."""
    target = root / LOG / f"{version:020d}.json"
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    try:
        write_bytes(temporary, entry_text(actions).encode())
        os.link(temporary, target)
        _flush_folder(target.parent)
    except FileExistsError as error:
        raise Conflict(target.name) from error
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {error.strerror}",
            needed="a folder this user may write, on a file system with hard links",
            fix="keep the table on a local disk",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def first_actions(schema: pa.Schema) -> list[dict[str, Any]]:
    """What the first version of a new table says."""
    metadata = {
        "id": str(uuid.uuid4()),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": Schema.from_arrow(schema).to_json(),
        "partitionColumns": [],
        "createdTime": now(),
        "configuration": {},
    }
    return [{"protocol": _PLAIN}, {"metaData": metadata}, information("CREATE TABLE")]


def information(operation: str, *, metrics: Mapping[str, int] | None = None) -> dict[str, Any]:
    """The action that says what was done."""
    return {
        "commitInfo": {
            "timestamp": now(),
            "operation": operation,
            "operationParameters": {},
            "operationMetrics": {name: str(value) for name, value in (metrics or {}).items()},
            "engineInfo": f"graft/{__version__}",
        }
    }


def description_actions(snapshot: Snapshot, schema: pa.Schema, *, hides: bool) -> list[dict[str, Any]]:
    """The protocol and metadata a new version needs, where they differ from those in force.

    hides: whether deletion vectors are in force afterwards.
    """
    features = {*snapshot.protocol.get("writerFeatures", _IMPLIED)} - {"deletionVectors", "timestampNtz"}
    reading = {*snapshot.protocol.get("readerFeatures", ())} - {"deletionVectors", "timestampNtz"}
    reading |= {"deletionVectors"} if hides else set()
    reading |= {"timestampNtz"} if any(_has_local_time(field.type) for field in schema) else set()
    protocol: dict[str, Any] = dict(_PLAIN)
    if reading or not features <= _IMPLIED:
        protocol = {"minReaderVersion": 3, "minWriterVersion": 7}
        protocol |= {"readerFeatures": sorted(reading), "writerFeatures": sorted(features | reading)}
    configuration = dict(snapshot.metadata.get("configuration", {}))
    configuration.pop(_SWITCH, None)
    metadata = {
        **snapshot.metadata,
        "schemaString": Schema.from_arrow(schema).to_json(),
        "configuration": {**configuration, **({_SWITCH: "true"} if hides else {})},
    }
    actions: list[dict[str, Any]] = []
    if _comparable(protocol) != _comparable(snapshot.protocol):
        actions.append({"protocol": protocol})
    if schema != snapshot.schema or metadata["configuration"] != snapshot.metadata.get("configuration", {}):
        actions.append({"metaData": metadata})
    return actions


def require_known(snapshot: Snapshot) -> None:
    """Raise TableError when another program gave the table features that Graft would break."""
    unknown = {*snapshot.protocol.get("readerFeatures", ()), *snapshot.protocol.get("writerFeatures", ())}
    unknown -= _READ | _IMPLIED
    old = snapshot.protocol["minReaderVersion"] == 2 or 2 < snapshot.protocol["minWriterVersion"] < 7
    if unknown or old or snapshot.metadata.get("partitionColumns"):
        raise TableError(
            f"another program changed this table: it now uses {', '.join(sorted(unknown)) or 'other rules of writing'}",
            needed="a table as Graft wrote it",
            fix="return to a version before that change, or copy the rows into a new table",
        )


def checkpoint(root: Path, version: int, *, always: bool = False) -> None:
    """Sum the log up now and then, so that opening reads few files. Its failure loses nothing: the log is whole."""
    if always or version % _CHECKPOINT_EVERY == 0:
        with suppress(DeltaError, OSError, OutputError):
            path = root / LOG / f"{version:020d}.checkpoint.parquet"
            seal_of(path).unlink(missing_ok=True)
            DeltaTable(root, version=version).create_checkpoint()
            seal_checkpoint(path)


def sweep(root: Path, hours: float) -> None:
    """Remove what killed writers left half-written longer than ``hours`` ago."""
    for path in (*root.glob(".*.partial"), *(root / LOG).glob(".*.partial")):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime >= hours * 3600:
                path.unlink(missing_ok=True)
    # What is beside a checkpoint that another program cleared away.
    for path in (root / LOG).glob(f".*{SEAL}"):
        if not path.with_name(path.name[1:].removesuffix(SEAL)).exists():
            with suppress(OSError):
                path.unlink(missing_ok=True)


def history(root: Path) -> list[Version]:
    """The versions whose log entries are still there, newest first."""
    return [_version(root, number) for number in reversed(versions(root))]


def _version(root: Path, number: int) -> Version:
    said: dict[str, Any] = next((act["commitInfo"] for act in read_entry(root, number) if "commitInfo" in act), {})
    milliseconds = said.get("timestamp")
    if milliseconds is None:
        milliseconds = (root / LOG / f"{number:020d}.json").stat().st_mtime * 1000
    metrics = said.get("operationMetrics") or {}
    try:
        time = datetime.fromtimestamp(milliseconds / 1000, UTC)
        ours = {name: int(metrics[name]) for name in ("inserted", "updated", "deleted") if name in metrics}
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise TableError(
            f"version {number} of {root} says nothing usable of its time or its numbers: {error}",
            needed="milliseconds since 1970, and whole numbers",
            fix="restore that log entry from a copy",
        ) from error
    return Version(number, time, said.get("operation") or "unknown", **ours)


def _comparable(protocol: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sorted(value) if isinstance(value, list) else value for name, value in protocol.items() if value}


def _has_local_time(kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind):
        return kind.tz is None
    return any(_has_local_time(kind.field(number).type) for number in range(kind.num_fields))


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
