"""The identity of an embedding space.

Decisions: two vectors may be compared only when everything that shaped them is the same, and equal dimension is not
enough; the fingerprint is therefore of the weights, the architecture, the layer, the pooling, the preprocessing, the
dimension and the normalisation. Vectors computed in bfloat16 and in float32 are of one space, because they differ by
rounding alone (cosine above 0.999), and a table must be usable on the next machine; weights rounded to eight bits are
other weights, and make a space of their own.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from graft.core.digests import key
from graft.core.errors import SpaceMismatch
from graft.representations.reading import Prompts
from graft.representations.source import Source
from graft.rows.content import TEXT, ContentKind, kind_named

_WIDEST = 1 << 20
_ROUNDED_ALIKE = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Space:
    """What shaped the vectors of a space.

    precision: the number type they were computed in. kind: of the content they were computed from; empty where nobody
    said.
    """

    weights: str
    architecture: str
    layer: int
    pooling: str
    preprocessing: str
    dimension: int
    normalise: bool
    precision: str
    kind: str = ""

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that name the space, whichever floating-point type was computed in."""
        return key(self._identity())

    @property
    def computation(self) -> str:
        """32 hexadecimal digits that name the numbers to the last bit: the space and the number type."""
        return key(self.stated())

    def require_same(self, other: "Space") -> None:
        """Raise SpaceMismatch unless ``other`` is this space."""
        mine, theirs = self._identity(), other._identity()
        if mine != theirs:
            differing = [name for name in asdict(self) if mine.get(name) != theirs.get(name)]
            raise SpaceMismatch(
                f"vectors of two embedding spaces: they differ in {', '.join(differing)}",
                needed="vectors of one space",
                fix="embed both sides with the same source",
            )

    def stated(self) -> dict[str, Any]:
        """Its fields, as files keep them and ``read_space`` reads them.

        Texts, and contents nobody named, stay unsaid: spaces had their names before there was a second kind.
        """
        stated = asdict(self)
        if self.kind in ("", TEXT.name):
            stated.pop("kind")
        return stated

    def _identity(self) -> dict[str, Any]:
        numbers = "floating point" if self.precision in _ROUNDED_ALIKE else self.precision
        return {**self.stated(), "precision": numbers}


def content_kind(space: Space) -> ContentKind:
    """The kind of content that rows of a space are described by: texts where nobody said otherwise.

    >>> content_kind(given_space("ours", 3)).name
    'text'
    """
    return kind_named(space.kind or TEXT.name)


def pooled_space(source: Source, precision: str) -> Space:
    """The space of a source's sentence vectors, computed in ``precision`` (``float32`` or ``bfloat16``)."""
    return Space(
        source.weights.digest,
        source.weights.architecture,
        source.weights.layers,
        _pooling(source),
        source.reading.digest,
        source.dimension,
        source.normalise,
        precision,
        source.reading.kind,
    )


def _pooling(source: Source) -> str:
    """How token vectors become one, in words that differ whenever the numbers may."""
    without = "" if source.includes_prompt or source.reading.prompts == Prompts() else " without the prompt"
    cut = "" if source.truncated is None else f", {source.truncated} numbers of {source.weights.hidden}"
    return source.pooling.value + without + "".join(f"+mean@{layer}" for layer in source.beside) + cut


def given_space(name: str, dimension: int, *, normalise: bool = False) -> Space:
    """The space of vectors that were made elsewhere. name: what made them, version included, as its owner says.

    >>> given_space("our-ranker v3", 64).fingerprint == given_space("our-ranker v4", 64).fingerprint
    False
    """
    return Space(f"given:{name}", "", 0, "", "", dimension, normalise, "float32")


def fitted_space(method: str, learnt: str, dimension: int, *, settings: str = "", normalise: bool = False) -> Space:
    """The space of vectors learnt here. method: its name. learnt: digest of what was learnt. settings: their digest."""
    return Space(learnt, method, 0, "", settings, dimension, normalise, "float32")


def read_space(stated: Mapping[str, Any]) -> Space:
    """A space from what ``stated`` says of it. Raises SpaceMismatch for anything else."""
    names = {field.name for field in fields(Space)}
    if set(stated) | {"kind"} != names:
        raise SpaceMismatch(
            f"a space described by {', '.join(sorted(map(str, stated))) or 'nothing'}",
            needed=f"a space described by {', '.join(sorted(names))}",
            fix="open it with the version of Graft that wrote it",
        )
    forms: dict[str, type] = {"layer": int, "dimension": int, "normalise": bool}
    strange = [name for name in stated if type(stated[name]) is not forms.get(name, str)]
    if strange or not 0 < stated["dimension"] <= _WIDEST:
        raise SpaceMismatch(
            f"a space whose {', '.join(strange) or 'dimension'} is no such thing",
            needed=f"words, whole numbers, and a dimension from 1 to {_WIDEST:,}",
            fix="restore the file it stands in from a copy",
        )
    # Before kinds were stated there were texts alone; a space without a pooling was made elsewhere, or learnt.
    return Space(**{"kind": TEXT.name if stated["pooling"] else "", **stated})
