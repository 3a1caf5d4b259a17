"""Weights are what their digest says when they are loaded, not only when they were found.

Decisions: a file is hashed when it is found and again before it is loaded, but once in a process as long as it is the
same file (its place on the disk, its size and the time of its last change): 90 MB cost 60 ms, and a worker that is sent
a source pays them once.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from graft.core.digests import file_sha256
from graft.core.errors import WeightsMismatch

_Mark = tuple[int, int, int, int]
_HASHED: dict[Path, tuple[_Mark, str]] = {}


def weights_digest(files: Iterable[Path]) -> str:
    """SHA-256 of a file of weights; of the list of digests where there are several."""
    digests = [_sha256(file) for file in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def require_unchanged(files: Iterable[Path], digest: str, reference: str) -> None:
    """Raise WeightsMismatch unless the files of a source still are those its ``digest`` was taken of."""
    try:
        found = weights_digest(files)
    except OSError as error:
        raise WeightsMismatch(
            f"the weights of {reference} cannot be read any more: {error}",
            needed="the files as they were when the source was found",
            fix="download or export the source again",
        ) from error
    if found != digest:
        raise WeightsMismatch(
            f"the weights of {reference} were changed since the source was found: their SHA-256 is {found}",
            needed=digest,
            fix="run the command again to use the new weights, or restore the file",
        )


def _sha256(path: Path) -> str:
    facts = path.stat()
    mark = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
    known = _HASHED.get(path)
    if known is None or known[0] != mark:
        known = _HASHED[path] = mark, file_sha256(path)
    return known[1]
