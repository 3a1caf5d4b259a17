"""The log of a Delta table remembers values: smallest and largest ones of each file, and the conditions of deletes.

Decisions: Graft writes neither, other programs write both. Statistics are thinned for every file that is no longer on
the disk (nobody can skip or read it any more), whichever row they came from, because a shortened or a rounded-up value
cannot be traced to a row with certainty; conditions that name an erased id are replaced. A log entry is rewritten
whole or not at all and keeps its time, by which older versions are found.

Delta protocol, "Add File", "Per-file Statistics", "Checkpoints".
"""

import json
import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from graft.core import foreign
from graft.core.errors import TableError
from graft.core.files import whole_file, write_text
from graft.tables.delta.parquet import read_parquet
from graft.tables.delta.snapshots import (
    LOG,
    entry_text,
    read_entry,
    read_snapshot,
    require_sealed,
    seal_checkpoint,
    seal_of,
    versions,
)

_ERASED = "(erased)"
_LAST = "_last_checkpoint"


def scrub(root: Path, ids: Collection[str]) -> tuple[Path, ...]:
    """Thin the log of the table in ``root``; the files rewritten. Safe to run again after a kill."""
    named = _pattern(ids)
    present = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}

    def gone(name: str) -> bool:
        return unquote(name) not in present

    log = root / LOG
    entries = [log / f"{version:020d}.json" for version in versions(root)]
    changed = [path for path in entries if _scrub_entry(path, gone, named)]
    changed += [path for path in sorted(log.rglob("*.parquet")) if _scrub_checkpoint(path, gone)]
    _state_size(log)
    return tuple(changed)


def versions_with(root: Path, files: Collection[Path]) -> tuple[int, ...]:
    """The versions in the log of ``root`` that list one of ``files``, ascending."""
    named = {path.relative_to(root).as_posix() for path in files}
    listed: set[str] = set()
    found = []
    for place, version in enumerate(versions(root)):
        if place == 0 and version > 0:
            # What came before is summed up; without that, nobody can read the version either.
            with suppress(TableError):
                listed = {unquote(file.add["path"]) for file in read_snapshot(root, version).files}
        actions = read_entry(root, version)
        listed -= {unquote(action["remove"]["path"]) for action in actions if action.get("remove")}
        listed |= {unquote(action["add"]["path"]) for action in actions if action.get("add")}
        if not named.isdisjoint(listed):
            found.append(version)
    return tuple(found)


def _scrub_entry(path: Path, gone: Callable[[str], bool], named: re.Pattern[str]) -> bool:
    try:
        actions = read_entry(path.parent.parent, int(path.stem))
    except TableError as error:
        raise _damaged(path, error.given) from error
    changed = False
    for action in actions:
        for kind in ("add", "remove", "cdc"):
            if isinstance(action.get(kind), dict) and gone(action[kind].get("path", "")):
                changed |= _thin(action[kind])
        if isinstance(action.get("commitInfo"), dict):
            changed |= _unname(action["commitInfo"], named)
    if changed:
        with _same_time(path) as temporary:
            temporary.write_text(entry_text(actions), encoding="utf-8")
    return changed


def _scrub_checkpoint(path: Path, gone: Callable[[str], bool]) -> bool:
    try:
        require_sealed(path)
        table = read_parquet(path, root=path.parent)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(path, error) from error
    columns = {name: table[name].to_pylist() for name in ("add", "remove") if name in table.column_names}
    changed = False
    for rows in columns.values():
        for action in rows:
            if action is not None and gone(action["path"]):
                changed |= _thin(action)
    if changed:
        for name, rows in columns.items():
            place = table.schema.get_field_index(name)
            table = table.set_column(place, table.schema.field(name), pa.array(rows, table.schema.field(name).type))
        seal_of(path).unlink(missing_ok=True)
        with _same_time(path) as temporary:
            pq.write_table(table, temporary)
        seal_checkpoint(path)
    return changed


def _thin(action: dict[str, Any]) -> bool:
    """Take the values out of a file's statistics; whether there were any."""
    changed = False
    if action.get("stats"):
        stated = json.loads(action["stats"])
        kept = {name: value for name, value in stated.items() if name not in ("minValues", "maxValues")}
        changed = kept != stated
        action["stats"] = json.dumps(kept, separators=(",", ":")) if changed else action["stats"]
    parsed = action.get("stats_parsed")
    for name in ("minValues", "maxValues"):
        if parsed and parsed.get(name) is not None:
            parsed[name], changed = None, True
    return changed


def _unname(said: dict[str, Any], named: re.Pattern[str]) -> bool:
    """Replace parameters that name an erased id; whether there were any."""
    parameters = said.get("operationParameters") or {}
    found = [name for name, value in parameters.items() if isinstance(value, str) and named.search(value)]
    for name in found:
        parameters[name] = _ERASED
    return bool(found)


def _pattern(ids: Collection[str]) -> re.Pattern[str]:
    """Matches any of the ids as SQL or JSON would quote it, or alone."""
    spelled = {spelling for one in ids for spelling in (one, one.replace("'", "''"), json.dumps(one)[1:-1])}
    if not spelled:
        return re.compile(r"(?!)")
    return re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, sorted(spelled))) + r")(?![\w-])")


def _state_size(log: Path) -> None:
    """Let the hint to the last checkpoint state its size as it is now."""
    place = log / _LAST
    with suppress(OSError, ValueError, KeyError, TypeError):
        said = foreign.read_json(place, limit=foreign.SETTINGS_LIMIT)
        checkpoint = log / f"{said['version']:020d}.checkpoint.parquet"
        if said.get("sizeInBytes", checkpoint.stat().st_size) != checkpoint.stat().st_size:
            said["sizeInBytes"] = checkpoint.stat().st_size
            said.pop("checksum", None)
            write_text(place, json.dumps(said, separators=(",", ":")))


@contextmanager
def _same_time(path: Path) -> Iterator[Path]:
    """``whole_file`` for a file that keeps the time it was last changed."""
    facts = path.stat()
    with whole_file(path) as temporary:
        yield temporary
        os.utime(temporary, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _damaged(path: Path, error: Exception | str) -> TableError:
    return TableError(
        f"{path} cannot be read, so it cannot be said what it remembers ({error})",
        needed="a whole log",
        fix="restore that file from a copy, or remove the table",
    )
