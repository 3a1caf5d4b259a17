"""What contents of media have in common: a file, or encoded bytes in memory, looked at once.

Decisions: a content of media is a small value, never the picture or the sound itself: where its bytes are, their
digest, and what was found when they were looked at. So a hundred thousand of them travel through tuples, caches and
processes, and whoever needs the pixels reads them when they are needed. A name is resolved against the folder of the
file it was written in, and kept whole, so that it still resolves elsewhere. What was found is remembered for a file
that has not changed since. A file that cannot be read is a problem of its row, in words, and the others go on. The
bytes are compared with their digest whenever they are read again: vectors are never made from another file than was
judged.
"""

import base64
import binascii
import json
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
import polars as pl

from graft.core import foreign
from graft.core.digests import content_digest
from graft.core.errors import ContractError, InputError
from graft.rows.content.kind import ColumnMeasure, ContentProblem
from graft.rows.encoded import data_uri, encoded

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom of what was left out, as shares of the width and the height."""

_REMEMBERED = 1 << 17
_SHOWN_NAME = 200
_REMOTE = re.compile(r"(?i)(?!file:)[a-z][a-z0-9+.-]+://|//[\w.-]+\.[a-z]+/")
_FILE = re.compile(r"(?i)file://(localhost(?=/))?")
_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
# Longer than any digest that serves as a name.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{130,}={0,2}")
# What a file that is not of its kind most often is, by its first bytes.
OTHER_FILES = (
    (b"%PDF", "it is a PDF document"),
    (b"PK\x03\x04", "it is a zip archive, or an office document"),
    (b"\x1f\x8b", "it is a gzip file"),
    (b"<!DOC", "it is a web page"),
    (b"<!doc", "it is a web page"),
    (b"<html", "it is a web page"),
    (b"<HTML", "it is a web page"),
    (b"\0\5\x16\7", "it is what macOS keeps beside a file, and not the file"),
    (b"version https://git-lfs", "it stands for a file that Git LFS keeps elsewhere: run git lfs pull"),
)


@dataclass(frozen=True)
class Medium:
    """One content of media.

    kind: its name. name: as the rows write it, "" in memory. path: of its file, whole; "" in memory. encoded: the bytes
    in memory, b"" for a file. digest: 16 bytes, of the encoded bytes; b"" where none could be read. found: what its
    kind saw in them, None where it could not. problem: what is wrong with it, None when nothing is. without: what was
    left out of it.
    """

    kind: str
    name: str
    path: str
    encoded: bytes = field(repr=False)
    digest: bytes
    found: Any
    problem: ContentProblem | None = None
    without: tuple[Box, ...] = ()

    def read(self, limit: int, *, start: bool = False) -> bytes:
        """The encoded bytes. start: of a file with more than ``limit`` of them, the first.

        Raises InputError when its file is gone or has changed since it was looked at.
        """
        if not self.path:
            return self.encoded
        raw, digest = _bytes(Path(self.path), limit, start)
        if digest != self.digest:
            raise InputError(
                f"{self.path} was changed while it was used",
                needed="the file that was there when the rows were read",
                fix="start again, when nothing writes to these files",
            )
        return raw


@dataclass(frozen=True)
class MediaForm:
    """How one kind of media is read.

    kind, single, plural: its names. handed: what one may be given as, in words. limit: bytes of the largest file. look:
    encoded bytes to what is found in them, None where nothing can be, and what is wrong. restored: what was found, from
    the list of numbers and words it was written as. listed: and to that list. start: of a larger file, its first
    ``limit`` bytes are what is looked at.
    """

    kind: str
    single: str
    plural: str
    handed: str
    limit: int
    look: Callable[[bytes], tuple[Any, ContentProblem | None]]
    listed: Callable[[Any], list[Any]]
    restored: Callable[[list[Any]], Any]
    start: bool = False


class _Memory:
    """What was found in files that have not changed since: the last 131,072 of them."""

    def __init__(self) -> None:
        self._held: OrderedDict[Hashable, tuple[bytes, Any, ContentProblem | None]] = OrderedDict()
        self._lock = Lock()

    def find(self, key: Hashable) -> tuple[bytes, Any, ContentProblem | None] | None:
        with self._lock:
            return self._held.get(key)

    def keep(self, key: Hashable, found: tuple[bytes, Any, ContentProblem | None]) -> None:
        with self._lock:
            self._held[key] = found
            while len(self._held) > _REMEMBERED:
                self._held.popitem(last=False)


_MEMORY = _Memory()


def medium(form: MediaForm, given: Any, folder: Path | None = None) -> Medium | None:
    """A cell, or what a caller handed over, as a content; None where nothing was given.

    given: the name of a file, a data URI, or what ``encoded`` takes. Whatever is wrong is in its ``problem``.
    """
    if given is None or isinstance(given, Medium):
        return given
    raw = encoded(given)
    if raw is None and isinstance(given, dict) and isinstance(given.get("path"), str):
        given = given["path"]
    if raw is not None:
        return _in_memory(form, raw)
    if not isinstance(given, str | os.PathLike):
        said = f"a value of the type {type(given).__name__} is no {form.kind} and names no file"
        return _bad(form, "", "", f"no-{form.kind}", said)
    name = os.fspath(given)
    if not name.strip():
        return None
    if name.startswith("data:") or _BASE64.fullmatch(name):
        try:
            return _in_memory(form, _of_uri(name) if name.startswith("data:") else _of_base64(name))
        except (ValueError, binascii.Error):
            said = "no data URI" if name.startswith("data:") else "no base64"
            return _bad(form, name[:40], "", "bad-data", f"{name[:40]!r}… is {said} that can be read")
    return _of_file(form, name, folder)


def _in_memory(form: MediaForm, raw: bytes) -> Medium:
    if len(raw) > form.limit:
        size = f"it has {len(raw):,} bytes, and {form.limit:,} are the most"
        return _bad(form, "", "", f"too-large-{form.kind}", size)
    digest = content_digest(raw)
    key = (form.kind, digest)
    found = _MEMORY.find(key)
    if found is None:
        found = (digest, *_looked(form, raw))
        _MEMORY.keep(key, found)
    return Medium(form.kind, "", "", raw, *found)


def _of_file(form: MediaForm, name: str, folder: Path | None) -> Medium:
    if _REMOTE.match(name):
        message = f"{name[:_SHOWN_NAME]!r} is an address: download the file, and name it"
        return _bad(form, name, "", f"remote-{form.kind}", message)
    plain = unquote(_FILE.sub("", name, count=1)) if _FILE.match(name) else name
    path, facts, why = _found_at(plain, folder)
    if facts is None:
        return _bad(form, name, path, f"no-{form.kind}-file", f"{name[-_SHOWN_NAME:]}: {why}")
    key = (form.kind, path, facts.st_size, facts.st_mtime_ns, facts.st_ino)
    found = _MEMORY.find(key)
    if found is None:
        try:
            raw, digest = _bytes(Path(path), form.limit, form.start)
        except InputError as error:
            said = error.given.replace(path, name[-_SHOWN_NAME:])
            return _bad(form, name, path, f"unreadable-{form.kind}", f"{said}: {error.fix}")
        found = (digest, *_looked(form, raw))
        _MEMORY.keep(key, found)
    return Medium(form.kind, name, path, b"", *found)


def _found_at(name: str, folder: Path | None) -> tuple[str, os.stat_result | None, str]:
    """The whole path of a file, what is known of it, and why it is not there.

    Blanks around a name, and the strokes of Windows in it, are those of whoever wrote the table, unless a file is
    really called so.
    """
    first, why = "", ""
    for plain in dict.fromkeys((name, name.strip(), name.strip().replace("\\", "/"))):
        path = os.path.abspath(os.path.join(folder or Path.cwd(), os.path.expanduser(plain)))  # noqa: PTH100, PTH111, PTH118 - a name may hold anything
        first = first or path
        try:
            return path, os.stat(path), ""  # noqa: PTH116
        except FileNotFoundError:
            why = why or "there is no such file"
        except (OSError, ValueError) as error:
            why = why or getattr(error, "strerror", None) or str(error)
    if _OF_WINDOWS.match(name) and os.sep == "/":
        why = f"{why}; it is a place on Windows: name files relative to the folder of the table"
    return first, None, why


def _bytes(path: Path, limit: int, start: bool) -> tuple[bytes, bytes]:
    """The bytes of a file, or its first ones, and their digest. Raises InputError."""
    if not start:
        raw = foreign.read_bytes(path, limit=limit)
        return raw, content_digest(raw)
    raw, size = foreign.read_start(path, limit=limit)
    return raw, content_digest(raw) if size <= len(raw) else content_digest(raw, f"the first of {size}")


def _looked(form: MediaForm, raw: bytes) -> tuple[Any, ContentProblem | None]:
    if not raw:
        return None, ContentProblem(f"empty-{form.kind}", "its file is empty", fatal=True)
    return form.look(raw)


def _bad(form: MediaForm, name: str, path: str, code: str, message: str) -> Medium:
    return Medium(form.kind, name, path, b"", b"", None, ContentProblem(code, message, fatal=True))


def _of_uri(uri: str) -> bytes:
    head, comma, body = uri.partition(",")
    if not comma:
        raise ValueError("no comma")
    return base64.b64decode(body, validate=True) if head.endswith(";base64") else unquote_to_bytes(body)


def _of_base64(said: str) -> bytes:
    return base64.b64decode(
        said.rstrip("=") + "=" * (-len(said.rstrip("=")) % 4), altchars=_altchars(said), validate=True
    )


def _altchars(said: str) -> bytes:
    return b"-_" if "-" in said or "_" in said else b"+/"


def read_media(form: MediaForm, columns: Sequence[pl.Series], folder: Path | None) -> list[Medium | None]:
    """The content of each row of one column. Raises ContractError for several columns, and for what names no files."""
    if len(columns) != 1:
        raise ContractError(
            f"{len(columns)} columns of {form.kind}",
            needed=f"one: a row has one {form.kind}",
            fix=f"name the column that matters, or make a row of each {form.kind}",
        )
    cells = _cells(form, columns[0])
    if len(cells) < 2:
        return [medium(form, cell, folder) for cell in cells]
    # Reading waits for the disk, and decoding leaves Python's lock.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="graft-media") as pool:
        return list(pool.map(lambda cell: medium(form, cell, folder), cells))


def _cells(form: MediaForm, column: pl.Series) -> list[Any]:
    if isinstance(column.dtype, pl.List | pl.Array) and isinstance(column.dtype.inner, pl.List | pl.Array):
        return [None if cell is None else _array(cell) for cell in column.to_list()]
    if column.dtype not in (pl.String, pl.Binary) and not isinstance(column.dtype, pl.Struct) and len(column):
        if column.null_count() == len(column):
            return [None] * len(column)
        raise ContractError(
            f"{form.kind} column {column.name!r} holds {column.dtype}",
            needed=f"in each cell {form.handed}",
            fix=f"name the column that says where each {form.kind} is",
        )
    return column.to_list()


def _array(cell: list[Any]) -> Any:
    """Numbers in rows and columns as a frame keeps them, as an array; as they are where rows differ in length."""
    try:
        return np.array(cell)
    except ValueError:
        return cell


def measure_media(form: MediaForm, size: Callable[[Any], int], column: pl.Series, folder: Path | None) -> ColumnMeasure:
    """What a column of media holds. Raises ContractError where not one of its cells can be read."""
    contents = read_media(form, [column], folder)
    stated = np.array([one is not None for one in contents], bool)
    sound = [one for one in contents if one is not None and (one.problem is None or not one.problem.fatal)]
    given = [one for one in contents if one is not None]
    if given and not sound:
        first = given[0]
        why = first.problem.message if first.problem else ""
        such = "" if first.name and first.name[-20:] in why else f", such as {(first.name or 'bytes')[:_SHOWN_NAME]!r}"
        raise ContractError(
            f"{form.kind} column {column.name!r} names no {form.kind} that can be read{such}: {why}",
            needed=f"names of {form.kind} files, whole or relative to {folder or Path.cwd()}",
            fix="check the column and the folder",
        )
    sizes = np.array([size(one) for one in sound], np.int64)
    return ColumnMeasure(stated, len({one.digest or one.name for one in given}), sizes)


def address(one: Medium) -> str:
    """A content as a cell: the whole path of its file, or a data URI of what is in memory."""
    if one.path or not one.encoded:
        return one.path or one.name
    return data_uri(one.encoded)


def media_digest(one: Medium) -> bytes:
    """Of the encoded bytes and what was left out of them."""
    if not one.without:
        return one.digest or content_digest("unread", one.path or one.name)
    return content_digest(one.digest, *(f"{number:.6f}" for box in one.without for number in box))


def write_medium(form: MediaForm, one: Medium) -> str:
    """A content as a string for files; bytes in memory travel in it, a file is named."""
    said: dict[str, Any] = {"name": one.name, "path": one.path, "digest": one.digest.hex()}
    if one.encoded:
        said["encoded"] = base64.b64encode(one.encoded).decode()
    if one.found is not None:
        said["found"] = form.listed(one.found)
    if one.problem is not None:
        said["problem"] = [one.problem.code, one.problem.message, one.problem.fatal]
    if one.without:
        said["without"] = [list(box) for box in one.without]
    return json.dumps(said)


def restore_medium(form: MediaForm, written: str) -> Medium:
    """The content back. Raises ValueError for anything but what ``write_medium`` wrote."""
    said = json.loads(written)
    code = said.get("problem")
    try:
        return Medium(
            form.kind,
            str(said["name"]),
            str(said["path"]),
            base64.b64decode(said.get("encoded", "")),
            bytes.fromhex(said["digest"]),
            form.restored(said["found"]) if "found" in said else None,
            ContentProblem(str(code[0]), str(code[1]), fatal=bool(code[2])) if code else None,
            tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in said.get("without", ())),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no written {form.kind}") from error


def media_problem(kind: str, one: Medium | None) -> ContentProblem | None:
    """What is wrong with a content that was read."""
    if one is None:
        return ContentProblem(f"missing-{kind}", f"the row has no {kind}", fatal=True)
    return one.problem


def take(form: MediaForm, given: Any) -> Medium:
    """What a caller handed over. Raises InputError with what is wrong with it."""
    one = medium(form, given)
    problem = media_problem(form.kind, one)
    if one is None or (problem is not None and problem.fatal):
        raise InputError(
            f"{getattr(one, 'name', '')[:_SHOWN_NAME] or f'the {form.kind}'} cannot be read: "
            f"{problem.message if problem else 'it is blank'}",
            needed=form.handed,
            fix="check what was given",
        )
    return one
