"""The digest of every file of an artefact, and of all of them together.

Decisions: files are streamed and hashed side by side (hashing releases the interpreter lock); the digest of an asset
is the SHA-256 of its lines as ``sha256sum`` prints them, in the order of their paths, so anybody can recompute it; a
link counts as what it points to, and one that leaves the folder is refused, except inside a snapshot of the Hub's
cache, whose files are links into that cache's own ``blobs``. What tools leave behind (``_LEFTOVERS``) is not part of an
artefact. The files of an asset as they were recorded are compared with what lies there now.
"""

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from graft.core.errors import InputError
from graft.governance.records import Asset, FileDigest, Record

_LEFTOVERS = frozenset([".git", ".cache", ".ipynb_checkpoints", "__pycache__", ".DS_Store"])
_DEEPEST = 64
_THREADS = 8


def digest_files(artefact: Path) -> tuple[FileDigest, ...]:
    """The digest of every file of a folder, or of one file, in the order of their paths.

    artefact: a folder or a file. Paths are relative to the folder; a single file is called by its name. Raises
    InputError for what is missing, empty, unreadable, no plain file, changed while it was read, or a link that leaves
    the folder.
    """
    if artefact.is_dir():
        found = sorted(_walk(artefact, "", (artefact.resolve(),), _allowed(artefact)))
    elif artefact.exists() or artefact.is_symlink():
        found = [(_checked_name(artefact.name), artefact)]
    else:
        raise InputError(f"{artefact} does not exist", needed="a file or a folder", fix="check the path")
    if not found:
        raise InputError(f"the folder {artefact} holds no file", needed="at least one file", fix="check the path")
    with ThreadPoolExecutor(max_workers=min(_THREADS, len(found))) as pool:
        return tuple(pool.map(_digest, found))


def asset_digest(files: Sequence[FileDigest]) -> str:
    """SHA-256 over the lines ``sha256  path``, in the order of the paths.

    >>> asset_digest([FileDigest(path="a", sha256="0" * 64, size=1)])[:8]
    '53d743f3'
    """
    lines = (f"{file.sha256}  {file.path}\n" for file in sorted(files, key=lambda file: file.path))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _allowed(folder: Path) -> tuple[Path, ...]:
    """Where links of a folder may point: into it, or from a snapshot of the Hub's cache into that cache's blobs."""
    whole = folder.resolve()
    return (whole, whole.parents[1] / "blobs") if whole.parent.name == "snapshots" else (whole,)


def _walk(folder: Path, prefix: str, above: tuple[Path, ...], allowed: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    """Every file below a folder with its relative path. above: the real paths of the folders it lies in."""
    if len(above) > _DEEPEST:
        raise InputError(f"{folder} lies {_DEEPEST} folders deep", needed="a shallower folder", fix="check for a loop")
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise _unreadable(folder, error) from error
    for entry in entries:
        if entry.name in _LEFTOVERS:
            continue
        path, name = Path(entry.path), prefix + _checked_name(entry.name)
        if entry.is_symlink():
            _check_link(path, above, allowed)
        if path.is_dir():
            yield from _walk(path, f"{name}/", (*above, path.resolve()), allowed)
        else:
            yield name, path


def _check_link(path: Path, above: tuple[Path, ...], allowed: tuple[Path, ...]) -> None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{path} is a link that leads nowhere", needed="links to files of the folder", fix="remove it or mend it"
        ) from error
    if not any(target.is_relative_to(place) for place in allowed):
        raise InputError(
            f"{path} is a link to {target}, outside the folder",
            needed="links that stay inside the folder",
            fix="copy the file into the folder",
        )
    if target in above:
        raise InputError(f"{path} is a link to a folder it lies in", needed="no loop of links", fix="remove the link")


def _checked_name(name: str) -> str:
    """A name that can stand in a line of the digest. Raises InputError for others."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise InputError(
            f"the file name {name!r} holds control characters or is no UTF-8",
            needed="a name that can be printed",
            fix="rename the file",
        )
    return name


def _digest(found: tuple[str, Path]) -> FileDigest:
    name, path = found
    try:
        # A pipe or a device would block or never end: it is looked at before it is opened.
        before = path.stat()
        if not stat.S_ISREG(before.st_mode):
            raise InputError(f"{path} is no plain file", needed="plain files", fix="remove it from the folder")
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            after = os.fstat(stream.fileno())
    except OSError as error:
        raise _unreadable(path, error) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputError(f"{path} changed while it was read", needed="files that stand still", fix="try again")
    return FileDigest(path=str(PurePosixPath(name)), sha256=digest, size=after.st_size)


def _unreadable(path: Path, error: OSError) -> InputError:
    reason = error.strerror or type(error).__name__
    return InputError(f"{path} cannot be read: {reason}", needed="a file this user may read", fix="check its rights")


class FileChanges(Record):
    """How a place differs from an asset. Paths are relative, with forward slashes, sorted."""

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the place holds the asset's files, unchanged, and no other."""
        return not (self.changed or self.missing or self.new)

    def __str__(self) -> str:
        """As a person reads it: ``changed: a, b; missing: c``."""
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in self if names)


def file_changes(asset: Asset, place: Path) -> FileChanges:
    """Which files of ``asset`` changed or are missing at ``place``, and which are there and not in the asset.

    place: the folder, or the file when the asset is one. It is read as it was for the record (``digest_files``), so
    what does not count there does not count here. Raises InputError when it is not there or cannot be read.
    """
    if not place.exists():
        raise InputError(
            f"there is nothing at {place}", needed=f"the files of {asset.name!r}", fix="name the place they lie in"
        )
    there = {file.path: file.sha256 for file in digest_files(place)}
    recorded = {file.path: file.sha256 for file in asset.files}
    return FileChanges(
        changed=tuple(sorted(path for path in recorded.keys() & there.keys() if recorded[path] != there[path])),
        missing=tuple(sorted(recorded.keys() - there.keys())),
        new=tuple(sorted(there.keys() - recorded.keys())),
    )
