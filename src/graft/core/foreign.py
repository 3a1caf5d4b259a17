"""Opening files that somebody else made: plain, of a bounded size, unpacked to a bounded size.

Decisions: a name says nothing about what lies behind it, so every reader of such files comes through here. A pipe or a
device never ends and is refused before it is read; the size is bounded before and while reading, since a file may grow
or lie about it; a packed file is unpacked piece by piece and refused when it is far larger than packed files are. What
Git puts in the place of a large file is told by name, because it is a plain text that every format calls damaged.
"""

import gzip
import io
import json
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graft.core.errors import InputError

SETTINGS_LIMIT = 32 << 20
DOCUMENT_LIMIT = 512 << 20
_POINTER = b"version https://git-lfs.github.com/spec/"
_PIECE = 1 << 20
_ANY = 1 << 62
_FREE = 64 << 20
# Rows of data are seldom packed to less than a fortieth.
_RATIO = 120


@contextmanager
def opened(path: Path, *, limit: int) -> Iterator[io.BufferedReader]:
    """A plain file of at most ``limit`` bytes, for reading.

    Raises InputError for what is no plain file, is larger, is a Git LFS pointer, or cannot be read.
    """
    try:
        # Not to wait for the other end of a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from error
    try:
        _require_plain(path, os.fstat(descriptor), limit)
    except InputError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as stream:
        if is_pointer(stream.peek(len(_POINTER))):
            raise pointer(path)
        try:
            yield stream
        except OSError as error:
            if isinstance(error, InputError):
                raise
            raise _unreadable(path, error.strerror or str(error)) from error


def _require_plain(path: Path, facts: os.stat_result, limit: int) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise InputError(f"{path} is a folder", needed="a file", fix="name the file inside it")
    if not stat.S_ISREG(facts.st_mode):
        raise InputError(
            f"{path} is a pipe, a socket or a device", needed="a plain file", fix="write it to a file first"
        )
    if facts.st_size > limit:
        raise _too_large(path, f"has {facts.st_size:,} bytes", limit)


def read_bytes(path: Path, *, limit: int) -> bytes:
    """The content of a plain file of at most ``limit`` bytes. Raises InputError as ``opened``."""
    with opened(path, limit=limit) as stream:
        raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise _too_large(path, f"has more than {limit:,} bytes", limit)
    return raw


def read_start(path: Path, *, limit: int) -> tuple[bytes, int]:
    """The first ``limit`` bytes of a plain file of any size, and how many it has. Raises InputError as ``opened``."""
    with opened(path, limit=_ANY) as stream:
        return stream.read(limit), os.fstat(stream.fileno()).st_size


def read_text(path: Path, *, limit: int = DOCUMENT_LIMIT) -> str:
    """The text of a UTF-8 file, a byte-order mark left out. Raises InputError as ``opened``, and for other bytes."""
    raw = read_bytes(path, limit=limit)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is damaged: byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8",
            needed="a text file in UTF-8",
            fix="save it as UTF-8, or copy it again from where it was written",
        ) from error


def read_json(path: Path, *, limit: int = DOCUMENT_LIMIT) -> Any:
    """The content of a JSON file. Raises InputError as ``read_text``, and for what is no JSON or is nested too deep."""
    text = read_text(path, limit=limit)
    try:
        return json.loads(text)
    except ValueError as error:
        why = "is empty" if not text.strip() else f"is not JSON ({error})"
        raise InputError(f"{path} {why}", needed="an undamaged file", fix="copy it again") from error
    except RecursionError as error:
        raise InputError(f"{path} is nested without end", needed="an undamaged file", fix="copy it again") from error


def read_gzip(path: Path, *, limit: int) -> bytes:
    """What a gzip file holds, at most ``limit`` bytes of it.

    Raises InputError as ``opened``, for what is no whole gzip file, and for one that unpacks to far more than it packs.
    """
    with opened_gzip(path, limit=limit) as stream:
        pieces = list(iter(lambda: stream.read(_PIECE), b""))
    return b"".join(pieces)


@contextmanager
def opened_gzip(path: Path, *, limit: int) -> Iterator["Unpacked"]:
    """What a gzip file holds, for reading a piece at a time. Raises InputError as ``read_gzip``, also while reading."""
    with opened(path, limit=limit) as stream, gzip.GzipFile(fileobj=stream) as packed:
        yield Unpacked(packed, path, min(limit, max(_FREE, _RATIO * os.fstat(stream.fileno()).st_size)))


class Unpacked(io.RawIOBase):
    """The bytes inside a gzip file, refused when they are more than ``most``."""

    def __init__(self, packed: gzip.GzipFile, path: Path, most: int) -> None:
        super().__init__()
        self._packed, self._path, self._most, self._size = packed, path, most, 0

    def readable(self) -> bool:
        """They can be read, once."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes, none at the end."""
        try:
            piece = self._packed.read(size if size >= 0 else self._most + 1)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(
                f"{self._path.name} is not a whole gzip file ({error})",
                needed="a complete .gz file",
                fix="download it again",
            ) from error
        self._size += len(piece)
        if self._size > self._most:
            raise _too_large(self._path, f"unpacks to more than {self._most:,} bytes", self._most)
        return piece


def is_pointer(start: bytes) -> bool:
    """Whether a file that starts so stands for a large file that Git LFS keeps elsewhere."""
    return start.startswith(_POINTER)


def pointer(path: Path) -> InputError:
    """The error for a Git LFS pointer."""
    return InputError(
        f"{path} is a Git LFS pointer: a few lines that stand for the file, not the file itself",
        needed="the file",
        fix="run git lfs pull in its repository, or download the file from its page",
    )


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(f"{path} cannot be read ({why})", needed="a readable file", fix="check its path and permissions")


def _too_large(path: Path, what: str, limit: int) -> InputError:
    return InputError(
        f"{path} {what}",
        needed=f"at most {limit:,} bytes",
        fix="check that it is the right file; else unpack it yourself, divide it or shorten it",
    )
