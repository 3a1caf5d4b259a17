"""Maps from one embedding space to another, learnt from texts that were embedded in both.

Decisions: both sides are scaled to length one first, because search goes by angle. Two maps, both linear and both
solved in closed form: a rotation (orthogonal Procrustes), which cannot overfit and is right when a model was only
turned or retrained lightly, and a ridge map of a chosen rank, which can also stretch and shift. Whether to centre,
which penalty and which rank is chosen by ``choosing`` on pairs that were not fitted on.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy.linalg import orthogonal_procrustes

from graft.core.errors import SpaceMismatch, TableError
from graft.core.files import whole_file
from graft.core.vectors import unit_rows
from graft.tables.pointer import read_pointer

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_TENSORS = ("matrix", "before", "after")


@dataclass(frozen=True)
class Adapter:
    """A map from one space into another.

    kind: what it is, in words. source, target: fingerprints of the spaces. matrix: float32, shape (source dimension,
    target dimension). before, after: what is taken off first, shape (source dimension,), and added last, shape
    (target dimension,).
    """

    kind: str
    source: str
    target: str
    matrix: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def apply(self, vectors: np.ndarray, *, space: str) -> np.ndarray:
        """Vectors (rows, source dimension) of ``space`` (a fingerprint) in the target space, of length one, float32.

        Raises SpaceMismatch when they are of another space than the one this adapter takes.
        """
        if space != self.source or vectors.ndim != 2 or vectors.shape[1] != len(self.before):
            raise SpaceMismatch(
                f"vectors of space {space}, shape {vectors.shape}",
                needed=f"vectors of space {self.source}, of dimension {len(self.before)}",
                fix="embed them with the source the adapter was fitted for",
            )
        return unit_rows((unit_rows(vectors) - self.before) @ self.matrix + self.after)

    @property
    def is_finite(self) -> bool:
        """Whether every number of the map is one."""
        return all(bool(np.isfinite(getattr(self, name)).all()) for name in _TENSORS)

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        words = {"kind": self.kind, "source": self.source, "target": self.target}
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in _TENSORS}
        with whole_file(path) as temporary:
            save_file(tensors, temporary, metadata={"adapter": json.dumps(words)})

    @classmethod
    def load(cls, path: Path) -> "Adapter":
        """Read one. Raises TableError when the file is none, or damaged."""
        try:
            with safe_open(path, "np") as opened:
                words = json.loads((opened.metadata() or {})["adapter"])
                adapter = cls(**words, **{name: opened.get_tensor(name) for name in _TENSORS})
            if adapter.matrix.shape != (*adapter.before.shape, *adapter.after.shape) or not adapter.is_finite:
                raise ValueError("its parts do not fit one another")
            return adapter
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise TableError(
                f"{path} is not an adapter that can be read",
                needed="the file a migration wrote",
                fix="remove it and plan the migration again",
            ) from error


def adapter_path(path: Path, generation: str) -> Path:
    """Where the adapter for queries lies while ``generation`` of the table at ``path`` is built."""
    return path / f"{generation}.adapter.safetensors"


def adapter_between(path: Path, source: str, target: str) -> Adapter | None:
    """The adapter that a migration under way has left, from one space into another (fingerprints); None without one.

    Raises TableError when its file is damaged.
    """
    for one in read_pointer(path).generations:
        place = adapter_path(path, one.name)
        if one.state == "building" and one.space.fingerprint == source and place.is_file():
            adapter = Adapter.load(place)
            if (adapter.source, adapter.target) == (source, target):
                return adapter
    return None


@dataclass(frozen=True)
class Linear:
    """A fitted map without its spaces: ``(x - before) @ matrix + after``. name: what it is, in words."""

    name: str
    matrix: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (rows, source dimension) mapped, of length one."""
        return unit_rows((vectors - self.before) @ self.matrix + self.after)


def fit_rotation(given: np.ndarray, wanted: np.ndarray, *, centre: bool) -> Linear:
    """The rotation that brings ``given`` (pairs, a) closest to ``wanted`` (pairs, b), both of length one.

    Different dimensions: the narrower side is filled up with zeros and the result is cut, so that the map keeps
    lengths (a <= b) or keeps the directions that matter most to the pairs (a > b). centre: take the means off first.

    Schönemann (1966), A generalized solution of the orthogonal Procrustes problem, Psychometrika 31.
    """
    before, after = _means(given, wanted) if centre else (np.zeros(given.shape[1]), np.zeros(wanted.shape[1]))
    width = max(given.shape[1], wanted.shape[1])
    turned, _ = orthogonal_procrustes(_widened(given - before, width), _widened(wanted - after, width))
    name = "rotation about the mean" if centre else "rotation"
    return _linear(name, turned[: given.shape[1], : wanted.shape[1]], before, after)


def affine_maps(given: np.ndarray, wanted: np.ndarray) -> Iterator[Linear]:
    """Ridge maps from ``given`` (pairs, a) to ``wanted`` (pairs, b), for several penalties and ranks.

    Penalties are in units of the mean variance of a direction. A rank below the full one keeps the directions that
    the fitted values need most: reduced-rank ridge regression.

    Mukherjee & Zhu (2011), Reduced rank ridge regression and its kernel extensions, Statistical Analysis and Data
    Mining 4.
    """
    before, after = _means(given, wanted)
    left, sizes, right = np.linalg.svd(given - before, full_matrices=False)
    shared = left.T @ (wanted - after)
    for penalty in PENALTIES:
        added = penalty * float(np.mean(sizes**2))
        full = right.T @ ((sizes / (sizes**2 + added))[:, None] * shared)
        # The Gram matrix of the fitted values and of the penalty's share of them.
        _, directions = np.linalg.eigh(shared.T @ ((sizes**2 / (sizes**2 + added))[:, None] * shared))
        largest = min(given.shape[1], wanted.shape[1], len(sizes))
        for rank in sorted({largest, largest // 2, largest // 4, largest // 8} - {0}, reverse=True):
            kept = directions[:, -rank:]
            yield _linear(f"ridge map of rank {rank}, penalty {penalty:g}", full @ kept @ kept.T, before, after)


def _means(given: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return given.mean(0, dtype=np.float64), wanted.mean(0, dtype=np.float64)


def _widened(vectors: np.ndarray, width: int) -> np.ndarray:
    return np.pad(vectors, ((0, 0), (0, width - vectors.shape[1])))


def _linear(name: str, matrix: np.ndarray, before: np.ndarray, after: np.ndarray) -> Linear:
    return Linear(name, matrix.astype(np.float32), before.astype(np.float32), after.astype(np.float32))
