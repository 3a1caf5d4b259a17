"""The identity of an embedding space.

Decision: two vectors may be compared only when everything that shaped them is the same, and equal dimension is not
enough; the fingerprint is therefore of the weights, the architecture, the layer, the pooling, the preprocessing, the
dimension and the normalisation.
"""

from dataclasses import asdict, dataclass

from graft.core.digests import key
from graft.core.errors import SpaceMismatch
from graft.representations.sources import Source


@dataclass(frozen=True)
class Space:
    """What shaped the vectors of a space."""

    weights: str
    architecture: str
    layer: int
    pooling: str
    preprocessing: str
    dimension: int
    normalise: bool
    precision: str

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that name the space."""
        return key(asdict(self))

    def require_same(self, other: "Space") -> None:
        """Raise SpaceMismatch unless ``other`` is this space."""
        if self.fingerprint != other.fingerprint:
            mine, theirs = asdict(self), asdict(other)
            differing = [name for name in mine if mine[name] != theirs[name]]
            raise SpaceMismatch(
                f"vectors of two embedding spaces: they differ in {', '.join(differing)}",
                needed="vectors of one space",
                fix="embed both sides with the same source",
            )


def pooled_space(source: Source, precision: str) -> Space:
    """The space of a source's sentence vectors, computed in ``precision`` (``float32`` or ``bfloat16``)."""
    return Space(
        source.digest,
        source.architecture,
        source.layers,
        source.pooling.value,
        source.preprocessing,
        source.dimension,
        source.normalise,
        precision,
    )
