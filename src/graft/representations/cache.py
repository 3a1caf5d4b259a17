"""The activation cache: what a frozen backbone says about a row, computed once.

Decisions: a folder a space, and in it immutable shards named by their content, each written whole or not at all; two
processes therefore need no lock to share it, and at worst compute a row twice. A shard states checksums of its rows'
names and of their values, and both are compared whenever they are read: one that is damaged is thrown away, told, and
its rows are computed again. (A CRC, because it guards against disks and not against people: 3 GB/s, and whoever may
write a cache may write whatever they like.) When the folder outgrows its limit, the shards that were used longest ago
go first.
To forget a row is to write the rest of its shard anew and to remove the shard, in this order, so that a kill loses
nothing and the next call finishes.
"""

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from graft.core.digests import array_checksum, array_digest, content_digest
from graft.core.errors import OutputError
from graft.core.files import sweep, whole_file
from graft.core.progress import SILENT
from graft.core.settings import DEFAULT_CACHE_LIMIT, cache_directory

_DIGEST = "S16"
# What reading a shard raises when it is damaged, whichever byte was.
_UNREADABLE = (SafetensorError, OSError, ValueError, KeyError, TypeError)


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths.

    values: shape (tokens of all rows, dimension). offsets: int64, shape (rows + 1,).
    """

    values: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: np.ndarray) -> "Ragged":
        """The rows at ``rows``, in that order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        starts = np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return Ragged(self.values[starts + np.arange(offsets[-1])], offsets)


@dataclass(frozen=True)
class CachedRows:
    """Which rows a cache holds: for each digest asked for, the shard and the place in it, or -1."""

    shard: np.ndarray
    place: np.ndarray
    shards: tuple[Path, ...]

    @property
    def missing(self) -> np.ndarray:
        """Positions of the digests that are not there."""
        return np.flatnonzero(self.shard < 0)


@dataclass(frozen=True)
class _Names:
    """The rows of a shard, remembered because shards never change: a table of millions has hundreds of them.

    size: bytes of the file. digests: sorted, shape (rows,). places: where each is in the shard, shape (rows,).
    """

    size: int
    digests: np.ndarray
    places: np.ndarray


class ActivationCache:
    """Activations on disk, by space and row.

    root: its folder. limit: bytes it may hold; 0 keeps nothing.

    >>> import tempfile
    >>> cache = ActivationCache(Path(tempfile.mkdtemp()))
    >>> cache.put("space", [b"0" * 16], Ragged(np.ones((2, 3), np.float32), np.array([0, 2])))
    >>> len(cache.find("space", [b"0" * 16, b"1" * 16]).missing)
    1
    """

    def __init__(self, root: Path | None = None, *, limit: int = DEFAULT_CACHE_LIMIT) -> None:
        self.root = (root or cache_directory()) / "activations"
        self.limit = limit
        self._names: dict[Path, _Names] = {}
        self._damaged: set[Path] = set()

    def find(self, space: str, digests: Sequence[bytes], *, tell: Callable[[str], None] = SILENT.say) -> CachedRows:
        """Where the rows with these 16-byte digests are. tell: told in words of each shard that is damaged."""
        wanted = np.frombuffer(b"".join(digests), _DIGEST)
        order = np.argsort(wanted)
        shard, place = np.full(len(digests), -1), np.full(len(digests), -1)
        used: list[Path] = []
        for path in sorted((self.root / space).glob("*.safetensors")):
            names = self._names_in(path, tell)
            if names is None or not len(names.digests) or not len(wanted):
                continue
            at = np.minimum(np.searchsorted(names.digests, wanted[order]), len(names.digests) - 1)
            hits = np.flatnonzero(names.digests[at] == wanted[order])
            if len(hits):
                shard[order[hits]], place[order[hits]] = len(used), names.places[at[hits]]
                used.append(path)
        return CachedRows(shard, place, tuple(used))

    def _names_in(self, path: Path, tell: Callable[[str], None]) -> "_Names | None":
        """What a shard holds; None, and the shard is removed, when it cannot be read."""
        if path in self._damaged:
            return None
        try:
            size = path.stat().st_size
            known = self._names.get(path)
            if known is None or known.size != size:
                digests = np.ascontiguousarray(_stored_names(path)).view(_DIGEST).ravel()
                places = np.argsort(digests)
                known = self._names[path] = _Names(size, digests[places], places)
        except _UNREADABLE as error:
            self._discard(path, error, tell)
            return None
        return known

    def _discard(self, path: Path, error: Exception, tell: Callable[[str], None]) -> None:
        """Forget a shard that another process may have evicted, or the disk damaged: either way it is not there."""
        self._names.pop(path, None)
        if isinstance(error, FileNotFoundError):
            return
        tell(f"the stored activations {path} are damaged: they are computed again")
        try:
            path.unlink(missing_ok=True)
        except OSError:
            # In a folder that may not be written it stays: it is passed over, and told once.
            self._damaged.add(path)

    def read(self, found: CachedRows, *, tell: Callable[[str], None] = SILENT.say) -> Ragged | None:
        """The rows found, in the order asked for; None when a shard vanished meanwhile or is damaged, which is told:
        look for them again.
        """
        pieces: list[Ragged] = []
        for number, path in enumerate(found.shards):
            try:
                _, whole = _stored_rows(path)
            except _UNREADABLE as error:
                self._discard(path, error, tell)
                return None
            with suppress(OSError):
                os.utime(path)
            pieces.append(whole.take(found.place[found.shard == number]))
        if not pieces:
            return None
        order = np.argsort(np.concatenate([np.flatnonzero(found.shard == n) for n in range(len(pieces))]))
        return concatenate(pieces).take(order)

    def put(self, space: str, digests: Sequence[bytes], rows: Ragged) -> None:
        """Keep rows under their digests. A full disk or a read-only folder loses the cache, not the work."""
        if self.limit <= 0:
            return
        names = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16)
        try:
            self._write(self.root / space, names, rows)
            self.shrink()
        except (OSError, SafetensorError):
            # save_file reports a full disk as the latter.
            return

    def size(self) -> int:
        """Bytes on disk."""
        return sum(size for _, size, _ in self._shards())

    def shrink(self) -> None:
        """Remove the shards used longest ago until the cache fits its limit."""
        if self.size() <= self.limit:
            return
        with FileLock(self.root / ".shrink.lock"):
            shards = sorted(self._shards())
            excess = sum(size for _, size, _ in shards) - self.limit
            for _, size, path in shards:
                if excess <= 0:
                    break
                path.unlink(missing_ok=True)
                excess -= size

    def clear(self) -> int:
        """Remove everything; the bytes freed."""
        shards = self._shards()
        for _, _, path in shards:
            path.unlink(missing_ok=True)
        return sum(size for _, size, _ in shards)

    def holding(self, digests: Collection[bytes]) -> tuple[Path, ...]:
        """The shards, of whichever space, that hold a row with one of these 16-byte digests, or cannot be read."""
        wanted = set(digests)
        found = []
        for path in sorted(self.root.glob("*/*.safetensors")) if wanted else ():
            try:
                names = _stored_names(path)
            except FileNotFoundError:
                continue
            except _UNREADABLE:
                found.append(path)
                continue
            if not wanted.isdisjoint(row.tobytes() for row in names):
                found.append(path)
        return tuple(found)

    def forget(self, digests: Collection[bytes]) -> tuple[Path, ...]:
        """Remove the rows with these 16-byte digests from every space; the shards removed.

        The other rows of a shard are kept in a new one if there is room for it. A shard that cannot be read might hold
        such a row, and so might a temporary file: they go too, and whoever was writing it computes its rows again.
        Raises OutputError when a file cannot be removed; ``holding`` then still finds it.
        """
        wanted = set(digests)
        shards = self.holding(wanted)
        for path in shards:
            self._keep_the_rest(path, wanted)
            _remove(path)
        for partial in self.root.glob("*/.*.partial") if wanted else ():
            _remove(partial)
        return shards

    def _keep_the_rest(self, path: Path, digests: set[bytes]) -> None:
        # Damaged, vanished, or no room for the rest: it is a cache, and what is lost is computed again.
        with suppress(*_UNREADABLE):
            names, whole = _stored_rows(path)
            kept = np.flatnonzero([row.tobytes() not in digests for row in names])
            used = path.stat().st_mtime
            if len(kept):
                os.utime(self._write(path.parent, names[kept], whole.take(kept)), (used, used))

    def _write(self, folder: Path, names: np.ndarray, rows: Ragged) -> Path:
        values = np.ascontiguousarray(rows.values)
        names = np.ascontiguousarray(names)
        offsets = rows.offsets.astype(np.int64)
        tensors = {"digests": names, "offsets": offsets, "values": values}
        stated = {"names": array_checksum([names]), "rows": array_checksum([offsets, values])}
        name = content_digest(array_digest([names]), array_digest([values.view(np.uint8)])).hex()
        path = folder / f"{name}.safetensors"
        with whole_file(path) as temporary:
            save_file(tensors, temporary, metadata=stated)
        return path

    def _shards(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self.root.glob("*/*.safetensors"):
            with suppress(OSError):
                facts = path.stat()
                found.append((facts.st_mtime, facts.st_size, path))
        sweep(self.root, "*/.*.partial")
        return found


def _stored_names(path: Path) -> np.ndarray:
    """The digests of a shard's rows, uint8, shape (rows, 16). Raises one of ``_UNREADABLE`` for a damaged one."""
    with safe_open(path, "np") as opened:
        names = opened.get_tensor("digests")
        return _verified(opened.metadata()["names"], names)


def _stored_rows(path: Path) -> tuple[np.ndarray, Ragged]:
    """The digests and the rows of a shard. Raises one of ``_UNREADABLE`` for a damaged one."""
    with safe_open(path, "np") as opened:
        names = _verified(opened.metadata()["names"], opened.get_tensor("digests"))
        offsets, values = opened.get_tensor("offsets"), opened.get_tensor("values")
        _verified(opened.metadata()["rows"], offsets, values)
    return names, Ragged(values, offsets)


def _verified(stated: str, *arrays: np.ndarray) -> np.ndarray:
    """The first of the arrays. Raises ValueError unless all of them together have the checksum stated."""
    if array_checksum(arrays) != stated:
        raise ValueError("its checksum is another one")
    return arrays[0]


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot remove {path}: {error.strerror}", needed="a cache this user may write", fix="run it as its owner"
        ) from error


def concatenate(pieces: Sequence[Ragged]) -> Ragged:
    """One ragged array from several, in order."""
    lengths = np.concatenate([np.diff(piece.offsets) for piece in pieces])
    return Ragged(np.concatenate([piece.values for piece in pieces]), np.concatenate([[0], np.cumsum(lengths)]))
