"""The one contract of every entity embedder, and how what it learnt is kept.

An embedder is a frozen record of settings with ``fit(rows, ...)``, which returns a fitted embedder: ``space``,
``transform(entities)``, ``save(folder)``.

Decisions: what was learnt is arrays and lists of names, nothing else, so that it is digested, saved as safetensors and
verified on load without running anything; the fingerprint of the space comes from that digest, so vectors of two fits
are never compared by accident. A saved folder is whole or absent.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from graft.core import foreign
from graft.core.digests import array_digest, file_sha256, key
from graft.core.errors import BundleError, GraftError, InputError
from graft.core.files import write_json
from graft.entities.embedded import Embedded
from graft.representations.new_folder import publish, require_free, workplace
from graft.representations.spaces import Space, fitted_space
from graft.representations.weights.safetensors_file import check_safetensors

SCHEMA = 1
RECORD = "embedder.json"
ARRAYS = "learnt.safetensors"


@dataclass(frozen=True, eq=False)
class LearntState:
    """What an embedder learnt. settings: JSON values. arrays: by name. names: lists of ids, by name."""

    settings: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    names: Mapping[str, tuple[str, ...]]

    @property
    def digest(self) -> str:
        """32 hexadecimal digits of everything learnt; the settings do not count."""
        packed = self.tensors()
        return key([[name, array_digest([packed[name]])] for name in sorted(packed)])

    def tensors(self) -> dict[str, np.ndarray]:
        """Everything learnt as arrays: a list of names becomes its UTF-8 bytes and where each name ends."""
        packed = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        for name, words in self.names.items():
            raw = [word.encode() for word in words]
            packed[f"names.{name}"] = np.frombuffer(b"".join(raw), np.uint8)
            packed[f"ends.{name}"] = np.cumsum([len(word) for word in raw], dtype=np.int64)
        return packed

    @classmethod
    def unpack(cls, settings: Mapping[str, Any], packed: Mapping[str, np.ndarray]) -> "LearntState":
        """The state whose ``tensors()`` are ``packed``."""
        names = {}
        for name in sorted(packed):
            if name.startswith("names."):
                raw, ends = packed[name].tobytes(), packed[name.replace("names.", "ends.", 1)].tolist()
                starts = [0, *ends[:-1]] if ends else []
                names[name[6:]] = tuple(raw[a:b].decode() for a, b in zip(starts, ends, strict=True))
        arrays = {name: array for name, array in packed.items() if not name.startswith(("names.", "ends."))}
        return cls(settings, arrays, names)


class FittedEmbedder(ABC):
    """Entities to vectors of one space."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def space(self) -> Space:
        """The space of the vectors. It changes with the data learnt from and with the settings."""

    @abstractmethod
    def transform(self, entities: object) -> Embedded:
        """Entities (what they are given as, the embedder says) to vectors; unknown ones are said to be so."""

    @abstractmethod
    def state(self) -> LearntState:
        """Everything needed to make this embedder again."""

    @classmethod
    @abstractmethod
    def restore(cls, state: LearntState) -> Self:
        """The embedder with this state."""

    def save(self, folder: str | Path) -> Path:
        """Write a folder ``load_embedder`` reads; the folder. Raises OutputError when it is not new or empty."""
        out = Path(folder).absolute()
        require_free(out)
        state = self.state()
        with workplace(out) as place:
            save_file(state.tensors(), place / ARRAYS)
            record = {
                "schema": SCHEMA,
                "kind": self.kind,
                "settings": dict(state.settings),
                "space": self.space.stated(),
                "learnt": state.digest,
                "sha256": file_sha256(place / ARRAYS),
            }
            write_json(place / RECORD, record | {"digest": key(record)})
            publish(place, out)
        return out


@dataclass(frozen=True, eq=False)
class Saved:
    """A saved embedder that verified: its kind, its state, and the space it had."""

    kind: str
    state: LearntState
    space: Mapping[str, Any]


def read_saved(folder: Path) -> Saved:
    """Read and verify a saved embedder. Raises BundleError when it is none, is damaged, or is of a newer schema."""
    try:
        record = foreign.read_json(folder / RECORD)
        stated = record.pop("digest")
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise damaged(folder, f"{RECORD} is missing or not what was written") from error
    if record.get("schema") != SCHEMA:
        raise BundleError(
            f"{folder} is of schema {record.get('schema')!r}",
            needed=f"schema {SCHEMA}",
            fix="update Graft, or fit anew",
        )
    if stated != key(record):
        raise damaged(folder, f"{RECORD} was changed after it was written")
    try:
        if file_sha256(folder / ARRAYS) != record["sha256"]:
            raise damaged(folder, f"{ARRAYS} is not the file that was written")
        check_safetensors(folder / ARRAYS)
        state = LearntState.unpack(record["settings"], load_file(folder / ARRAYS))
        if state.digest != record["learnt"]:
            raise damaged(folder, "what was learnt has another digest")
        return Saved(str(record["kind"]), state, dict(record["space"]))
    except BundleError:
        raise
    except (OSError, ValueError, KeyError, TypeError, GraftError) as error:
        raise damaged(folder, f"{ARRAYS} is missing or not what was written") from error


def damaged(folder: Path, problem: str) -> BundleError:
    """The error for a folder that does not verify."""
    return BundleError(
        f"{folder} is no sound saved embedder: {problem}",
        needed="a folder that save() wrote",
        fix="copy it again, or fit",
    )


def learnt_space(
    kind: str, state: LearntState, dimension: int, *, shaping: Mapping[str, Any], normalise: bool
) -> Space:
    """The space of what was learnt. shaping: the settings that change vectors; the names of columns do not."""
    return fitted_space(kind, state.digest, dimension, settings=key(dict(shaping)), normalise=normalise)


def require_positive(name: str, value: float, *, whole: bool = False, least: float = 0.0) -> None:
    """Raise InputError unless a setting is a finite number above (``whole``: a whole number of at least) ``least``."""
    sound = isinstance(value, int | float | np.number) and not isinstance(value, bool) and np.isfinite(value)
    sound = sound and (value >= least and value == int(value) if whole else value > least)
    if not sound:
        needed = f"a whole number of at least {least:g}" if whole else f"a number above {least:g}"
        raise InputError(f"{name} is {value!r}", needed=needed, fix=f"choose another {name}")
