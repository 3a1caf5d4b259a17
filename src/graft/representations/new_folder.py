"""A folder that is whole or absent: made beside its place, and given its name when it is finished."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graft.core.errors import OutputError
from graft.core.places import place_of


def require_free(out: Path) -> None:
    """Raise OutputError unless a folder may be made at ``out``: new or empty, in one that exists."""
    occupied = out.is_symlink() or (out.exists() and not (out.is_dir() and not any(out.iterdir())))
    if occupied or not out.parent.is_dir():
        found = place_of(out) if occupied else None
        there = f"{out} exists and is not empty" + (f": it is {found.named}" if found else "")
        raise OutputError(
            there if occupied else f"there is no folder {out.parent}",
            needed="a new or empty folder, in one that exists",
            fix="choose another place",
        )


@contextmanager
def workplace(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` that vanishes with everything in it. Raises OutputError when it cannot be written."""
    try:
        place = Path(tempfile.mkdtemp(prefix=".graft-convert.", suffix=".partial", dir=out.parent)).resolve()
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        yield place
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


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
