"""Where copies of a row can be, as one protocol.

Decisions: a place finds by id or by content digest (a cache knows no ids, a table knows both) and erases both alike;
what it did is not taken from its word but from its files before and after. Recommender statistics and whatever else
keeps rows join by being such a place.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from graft.core.digests import file_sha256
from graft.core.errors import OutputError
from graft.representations.cache import ActivationCache

RECEIPTS = "receipts"
"""The folder of receipts, in that of a table or a shop."""


@dataclass(frozen=True)
class Wanted:
    """What is to be erased. ids: of rows. digests: 16 bytes each, of what those rows embedded, in any version."""

    ids: frozenset[str]
    digests: frozenset[bytes] = frozenset()


@dataclass(frozen=True)
class Held:
    """What a place holds of it. rows: stored rows. ids, digests: which. files: that hold them, or cannot be read.

    versions: of a table, that need one of those files.
    """

    rows: int = 0
    ids: frozenset[str] = frozenset()
    digests: frozenset[bytes] = frozenset()
    files: tuple[Path, ...] = ()
    versions: tuple[int, ...] = ()


class Place(Protocol):
    """Somewhere that rows, or what was computed from them, are kept as files."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        ...

    @property
    def root(self) -> Path:
        """The folder of all its files."""
        ...

    def find(self, wanted: Wanted) -> Held:
        """What it holds now. Changes nothing."""
        ...

    def erase(self, wanted: Wanted) -> tuple[str, ...]:
        """Remove it from every file, and the files that held it; notes for the receipt.

        Must do no harm when there is nothing, and finish what an earlier, killed call began.
        """
        ...


@dataclass(frozen=True)
class CachePlace:
    """The activation cache: token activations and vectors of texts, in every space, whoever computed them.

    A text is forgotten here even when another row has the same one: that costs one computation, and nothing is left to
    be decided about whose it was.
    """

    cache: ActivationCache

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "activation cache"

    @property
    def root(self) -> Path:
        """The folder of all its files."""
        return self.cache.root

    def find(self, wanted: Wanted) -> Held:
        """The shards that hold the digests; it knows no ids."""
        shards = self.cache.holding(wanted.digests)
        return Held(rows=len(shards), digests=frozenset(wanted.digests if shards else ()), files=shards)

    def erase(self, wanted: Wanted) -> tuple[str, ...]:
        """Forget the digests."""
        self.cache.forget(wanted.digests)
        return ()


def marks(root: Path) -> dict[str, str]:
    """Every file below ``root``, by its path from there, with its SHA-256; locks and receipts are left out."""
    found = {}
    for path in sorted(root.rglob("*")) if root.is_dir() else ():
        name = path.relative_to(root)
        try:
            if path.is_file() and not path.name.endswith(".lock") and name.parts[0] != RECEIPTS:
                found[name.as_posix()] = file_sha256(path)
        except FileNotFoundError:
            # Another process removed it meanwhile: it is not there.
            continue
    return found


def whole_digest(found: dict[str, str]) -> str:
    """SHA-256 of a place: of the lines ``digest  path`` in the order of the paths, as ``sha256sum`` would print
    them."""
    lines = "".join(f"{found[path]}  {path}\n" for path in sorted(found))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def remove_files(paths: Iterable[Path]) -> None:
    """Remove files that may be gone already. Raises OutputError when one cannot be removed."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot remove {path}: {error.strerror}",
                needed="a folder this user may write",
                fix="run the erasure as the owner of the table; what was done is kept, and the rest is still to do",
            ) from error
