"""The map that vectors of an erased table went through, and that questions to it must go through.

Decision: the file is checked against the space of the rows, which is known by the very numbers in it: an eraser of
another table maps nothing here.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from graft.core.digests import array_digest, key
from graft.core.errors import SpaceMismatch, TableError
from graft.core.files import whole_file
from graft.core.vectors import unit_rows
from graft.representations.spaces import Space, fitted_space, read_space
from graft.tables.pointer import Generation

METHOD = "leace"
_TENSORS = ("mean", "right", "left")


@dataclass(frozen=True, eq=False)
class ErasingMap:
    """``x - (x - mean) @ right @ left``, and where it leads. attributes: what it takes away. origin: the space it was
    fitted in. encoder: how the source of that space is called (``source``, ``precision``, ``prompt_query``,
    ``prompt_document``). unit: whether vectors are scaled to length one first. mean: float32, shape (dimension,);
    right, left: shapes (dimension, rank) and (rank, dimension)."""

    attributes: tuple[str, ...]
    origin: Space
    encoder: dict[str, Any]
    unit: bool
    mean: np.ndarray
    right: np.ndarray
    left: np.ndarray

    @property
    def space(self) -> Space:
        """The space it leads to."""
        learnt = array_digest([self.mean, self.right, self.left])
        settings = key({"of": self.origin.fingerprint, "attributes": list(self.attributes), "unit": self.unit})
        made = fitted_space(METHOD, learnt, self.origin.dimension, settings=settings)
        return replace(made, kind=self.origin.kind)

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors of the origin, shape (rows, dimension), in the new space, float32.

        Raises SpaceMismatch for another dimension.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.origin.dimension:
            raise SpaceMismatch(
                f"vectors of shape {vectors.shape}",
                needed=f"vectors of the space before erasure, of dimension {self.origin.dimension}",
                fix="embed them with the source of the first table",
            )
        given = (unit_rows(vectors) if self.unit else vectors).astype(np.float64)
        return np.asarray(given - ((given - self.mean) @ self.right) @ self.left, np.float32)

    def generation(self, here: Generation) -> Generation:
        """The generation that the vectors were made in, as far as encoding needs it."""
        return replace(here, space=self.origin, **self.encoder)

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        told = {
            "attributes": list(self.attributes),
            "origin": self.origin.stated(),
            "encoder": self.encoder,
            "unit": self.unit,
        }
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in _TENSORS}
        with whole_file(path) as temporary:
            save_file(tensors, temporary, metadata={"eraser": json.dumps(told)})

    @classmethod
    def load(cls, path: Path) -> "ErasingMap":
        """Read one. Raises TableError when the file is none, or damaged."""
        try:
            with safe_open(path, "np") as opened:
                told = json.loads((opened.metadata() or {})["eraser"])
                mean, right, left = (opened.get_tensor(name) for name in _TENSORS)
            origin = read_space(told["origin"])
            if set(told["encoder"]) != {"source", "precision", "prompt_query", "prompt_document"}:
                raise ValueError("it names no encoder")
            if mean.shape != (origin.dimension,) or right.T.shape != left.shape or right.shape[:1] != mean.shape:
                raise ValueError("its parts do not fit one another")
            if not all(np.isfinite(one).all() for one in (mean, right, left)):
                raise ValueError("it holds numbers that are not finite")
            attributes = tuple(map(str, told["attributes"]))
            return cls(attributes, origin, dict(told["encoder"]), bool(told["unit"]), mean, right, left)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise TableError(
                f"{path} is not an eraser that can be read",
                needed="the file that was written with the erased table",
                fix="restore it from a copy of the table, or erase the first table again",
            ) from error


def eraser_path(path: Path, generation: str) -> Path:
    """Where the map to the vectors of a generation lies."""
    return path / f"{generation}.eraser.safetensors"


def eraser_of(path: Path, generation: Generation) -> ErasingMap | None:
    """The map that the vectors of a generation went through; None for those that went through none.

    Raises TableError where it is missing or damaged, or leads to another space.
    """
    if generation.space.architecture != METHOD:
        return None
    found = ErasingMap.load(eraser_path(path, generation.name))
    if found.space.fingerprint != generation.space.fingerprint:
        raise TableError(
            f"{eraser_path(path, generation.name)} leads to another space than that of the rows",
            needed="the file that was written with them",
            fix="restore it from a copy of the table, or erase the first table again",
        )
    return found
