"""A folder that is whole or absent: made beside its place, and given its name when it is finished.

Decision: whoever makes one holds a lock on it, which ends with the process however it ends; so the next one that works
in the same folder knows what a kill left there, and takes it away. Where there are no such locks it stays.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graft.core.errors import OutputError
from graft.core.places import place_of, require_unsealed

_NAME = ".graft-convert."
_PARTIAL = ".partial"
# Between making a folder and holding it, in seconds, and a good deal more.
_YOUNG = 60.0


def require_free(out: Path) -> None:
    """Raise OutputError unless a folder may be made at ``out``: new or empty, in one that exists and may be written.

    What it is for may take hours, so it is tried now.
    """
    require_unsealed(out)
    occupied = out.is_symlink() or (out.exists() and not (out.is_dir() and not any(out.iterdir())))
    if occupied or not out.parent.is_dir():
        found = place_of(out) if occupied else None
        there = f"{out} exists and is not empty" + (f": it is {found.named}" if found else "")
        raise OutputError(
            there if occupied else f"there is no folder {out.parent}",
            needed="a new or empty folder, in one that exists",
            fix="choose another place",
        )
    with workplace(out):
        pass


@contextmanager
def workplace(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` that vanishes with everything in it. Raises OutputError when it cannot be written."""
    _sweep(out.parent)
    try:
        place = Path(tempfile.mkdtemp(prefix=_NAME, suffix=_PARTIAL, dir=out.parent)).resolve()
    except OSError as error:
        raise _unwritable(out, error) from error
    held = _held(place)
    try:
        yield place
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if held is not None:
            os.close(held)


def _held(place: Path) -> int | None:
    """An open descriptor that holds a folder until it is closed; None where somebody else does, or nobody can."""
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _sweep(parent: Path) -> None:
    """Take away what killed processes left of folders they were making here."""
    for left in parent.glob(f"{_NAME}*{_PARTIAL}"):
        try:
            if left.is_symlink() or not left.is_dir() or time.time() - left.stat().st_mtime < _YOUNG:
                continue
            held = _held(left)
        except OSError:
            # It is gone already, or somebody else's.
            continue
        if held is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(held)


def _unwritable(out: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {out}: {error.strerror or error}",
        needed="space, and a folder this user may write",
        fix="choose another",
    )


def publish(new: Path, out: Path) -> None:
    """Give the finished folder its name, with the usual permissions, once it is on the disk."""
    umask = os.umask(0)
    os.umask(umask)
    for path in [new, *new.rglob("*")]:
        path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    new.rename(out)
