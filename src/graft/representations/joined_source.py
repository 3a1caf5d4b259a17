"""Sources side by side: for rows that hold contents of several kinds, one source for each kind that is read.

Decisions: a vector of a joined source is the vectors of its parts in the order of the kinds, each made of unit length,
so none drowns another when vectors are compared, and after them one number a part: 1 where a row has nothing of that
kind, whose vector is all zeros then. What a row lacks is so a fact of its own, which a head may learn from, and never a
guess. A joined source of one part reads that kind alone of the same rows. Each part keeps its weights, its reading, its
space and its cache; nothing of them is tuned together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from graft.core.digests import key
from graft.representations.pooling import Pooling
from graft.representations.reading import Prompts, Reading, Role
from graft.representations.source import Source, Weights
from graft.rows.content import ContentKind
from graft.rows.content.joined import JOINED_BY

MODEL_TYPE = "joined"


@dataclass(frozen=True)
class JoinedReading:
    """How rows of several kinds are read: by the reading of each part. kind: of the rows, all their kinds."""

    unit: ClassVar[str] = ""
    limit: ClassVar[int] = 0
    kind: str
    readings: tuple[Reading, ...]

    @property
    def prompts(self) -> Prompts:
        """None of its own: each part keeps those it has."""
        return Prompts()

    @property
    def prompt(self) -> str:
        """What is put before each text now."""
        return next((one.prompt for one in self.readings if one.prompt), "")

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: of readings whose vectors may be compared."""
        return key([self.kind, [[one.kind, one.digest] for one in self.readings]])

    def told(self) -> Mapping[str, str]:
        """The settings of each part."""
        return {f"{one.kind}: {name}": said for one in self.readings for name, said in one.told().items()}

    def read_as(self, role: Role) -> "JoinedReading":
        """Every part read in a role."""
        return replace(self, readings=tuple(one.read_as(role) for one in self.readings))

    def with_prompts(self, given: Mapping[Role, str | None]) -> "JoinedReading":
        """With other prompts for texts."""
        changed = (one.with_prompts(given) if one.kind == "text" else one for one in self.readings)
        return replace(self, readings=tuple(changed))


def joined_source(parts: Sequence[Source], kind: ContentKind) -> Source:
    """The sources side by side, in the order of the kinds they read.

    parts: at most one for each part of ``kind``, one at least. Its reference is theirs, joined: ``minilm+lite0``.
    """
    order = [part.name for part in kind.parts]
    given = tuple(sorted(parts, key=lambda part: order.index(part.reading.kind)))
    weights = [part.weights for part in given]
    drawn = all(one.random_seed is not None for one in weights)
    return Source(
        weights=Weights(
            reference=JOINED_BY.join(one.reference for one in weights),
            directory=weights[0].directory if len(weights) == 1 else Path(),
            revision=weights[0].revision if len(weights) == 1 else "",
            digest=key(["joined", kind.name, [one.digest for one in weights], [part.reading.digest for part in given]]),
            files=(),
            architecture=key([one.architecture for one in weights]),
            model_type=MODEL_TYPE,
            hidden=sum(one.hidden for one in weights),
            layers=1,
            parameters=sum(one.parameters for one in weights),
            random_seed=weights[0].random_seed if drawn else None,
        ),
        reading=JoinedReading(kind.name, tuple(part.reading for part in given)),
        pooling=Pooling.MEAN,
        normalise=False,
        beside=tuple(layer for part in given for layer in part.beside),
        parts=given,
    )


def with_parts(source: Source, parts: tuple[Source, ...]) -> Source:
    """The same joined source with its parts seen otherwise, such as with a layer beside their vectors."""
    return replace(source, parts=parts, beside=tuple(layer for part in parts for layer in part.beside))


def side_by_side(source: Source, found: Sequence[tuple[np.ndarray, np.ndarray]], rows: int) -> np.ndarray:
    """Vectors of a joined source, float32, shape (rows, dimension).

    found: for each part the positions of the rows that have something of its kind, and their vectors.
    """
    made = np.zeros((rows, source.dimension), np.float32)
    lacking = made[:, source.dimension - len(source.parts) :]
    lacking[:] = 1
    start = 0
    for place, (part, (have, vectors)) in enumerate(zip(source.parts, found, strict=True)):
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        made[have, start : start + part.dimension] = vectors / np.where(length > 0, length, 1)
        lacking[have, place] = 0
        start += part.dimension
    return made
