"""A table acts only inside its own folder, whoever wrote it.

Decisions: a table may come from anybody, and its log and its pointer name places: only plain names below the table are
followed. A link would lead out of it unseen (files behind a linked folder are listed, read and vacuumed as its own), so
a table that holds one is refused whole, wherever the link leads; the folder itself may be reached through one.
"""

import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from graft.core.errors import TableError


def place_inside(root: Path, name: str) -> Path:
    """Where the file lies that a log calls ``name``, percent-encoded and relative to ``root``.

    Raises TableError for a name that leads out of ``root``.
    """
    plain = unquote(name)
    parts = PurePosixPath(plain).parts
    strange = "\0" in plain or "\\" in plain or "://" in plain
    if not parts or strange or parts[0].startswith("/") or ".." in parts:
        raise TableError(
            f"the log of {root} names a file outside the table: {ascii(name)[:200]}",
            needed="files below the table's own folder",
            fix="do not use this table; ask whoever made it for one that holds its own files",
        )
    return root.joinpath(*parts)


def require_own(table: Path) -> None:
    """Raise TableError when a table's folder, or a folder in it, holds a link. What lies deeper is only read."""
    folders = [table]
    with os.scandir(table) as entries:
        folders += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    for folder in folders:
        _require_own(folder, folder.stat().st_mtime_ns)


def require_own_throughout(table: Path) -> None:
    """As ``require_own``, at any depth: before something is removed from the table."""
    for folder, folders, files in os.walk(table):
        for name in (*folders, *files):
            if Path(folder, name).is_symlink():
                raise _linked(Path(folder, name))


@lru_cache(maxsize=256)
def _require_own(folder: Path, changed: int) -> None:
    # Names come and go with the time of the folder's last change: until then it need not be looked through again.
    for path in _links(folder):
        raise _linked(path)


def require_plain(root: Path, path: Path) -> os.stat_result:
    """What the system says of a file below ``root``. Raises TableError when a link leads to it or it is no plain file,
    and FileNotFoundError when it is not there.
    """
    place = root
    for part in path.relative_to(root).parts:
        place = place / part
        facts = place.lstat()
        if stat.S_ISLNK(facts.st_mode):
            raise _linked(place)
    if not stat.S_ISREG(facts.st_mode):
        raise TableError(
            f"{path} is no plain file",
            needed="a table of plain files: a folder, a pipe or a device in the place of one is not read",
            fix="do not use this table; ask whoever made it for one that holds its own files",
        )
    return facts


def _links(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        yield from (Path(entry.path) for entry in entries if entry.is_symlink())


def _linked(path: Path) -> TableError:
    return TableError(
        f"{path} is a link",
        needed="a table that lies whole in its folder: what a link leads to is not the table's to change",
        fix="put what it leads to in its place, or copy the table with cp -rL when you know who made it",
    )
