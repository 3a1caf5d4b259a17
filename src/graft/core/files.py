"""Files that are whole or absent.

Decision: everything Graft writes goes to a temporary name in the same folder, is flushed to the disk and then
renamed, so that a kill or a full disk leaves the previous version and never half a file.
"""

import errno
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from graft.core import foreign
from graft.core.errors import OutputError

STALE_SECONDS = 3600
"""The age at which what lies under a temporary name is no writer's any more."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path that becomes ``path`` when the block ends well, and vanishes when it does not.

    Raises OutputError when the place is full or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    except OSError as error:
        _explain(error, path)
        raise
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        _explain(error, path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path, pattern: str = ".*.partial") -> None:
    """Remove the temporary files that killed writers left in a folder an hour ago or earlier.

    A younger one may belong to a writer that is at work.
    """
    for left in folder.glob(pattern):
        with suppress(OSError):
            if left.is_file() and time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink(missing_ok=True)


_FULL = (errno.ENOSPC, errno.EDQUOT)
_BARRED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG)


def _explain(error: OSError, path: Path) -> None:
    """Raise OutputError when ``error`` is one of the usual reasons why a place cannot be written."""
    if error.errno in _FULL:
        raise OutputError(
            f"the disk is full while writing {path}",
            needed="free space",
            fix="free some space and run the same command again: finished work is kept",
        ) from error
    if error.errno in _BARRED:
        raise OutputError(
            f"cannot write {path}: {error.strerror}", needed="a folder this user may write", fix="choose another --out"
        ) from error


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Held by one process at a time, given back when that process dies. path: the file of the lock, made when needed.

    wait: for another process that holds it; without, filelock.Timeout is raised at once. Raises OutputError where it
    cannot be made.
    """
    lock = FileLock(path, timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout:  # an OSError too
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}",
            needed="a folder this user may write, and a plain file in it to hold",
            fix="change its permissions, or remove what has this name",
        ) from error
    try:
        yield
    finally:
        lock.release()


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` as readable JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file, or an empty table when there is none.

    Raises InputError for a file that cannot be read, is too large, not JSON or nested without end: what a damaged file
    would have said is never taken for nothing.
    """
    return foreign.read_json(path, limit=foreign.SETTINGS_LIMIT) if path.is_file() else {}
