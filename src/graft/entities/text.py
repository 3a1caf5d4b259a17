"""Entities that are described by text, in the space of a pretrained source.

Decisions: nothing is learnt, so the space is the source's own and a text query can be compared with the entities;
torch is loaded with the first text. Several columns are joined by line ends, in the order given, as everywhere in
Graft. A row without text is unknown: the vector of an empty text would be a place nobody meant.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from graft.core.errors import InputError, WeightsMismatch
from graft.entities.embedded import CONTENT, UNKNOWN, Embedded
from graft.entities.fitted import FittedEmbedder, LearntState
from graft.representations.reading import Role
from graft.representations.source import Source
from graft.representations.sources import resolve_source
from graft.representations.spaces import Space
from graft.rows.named import ids_of, read_columns, require_once, texts_of

if TYPE_CHECKING:
    from graft.representations.encoding.encoder import Encoder


@dataclass(frozen=True)
class TextEntities:
    """Settings: columns of text through a source. id: the column of ids. source: a reference."""

    text: tuple[str, ...] = ("text",)
    source: str = "minilm"
    id: str = "id"

    def __post_init__(self) -> None:
        if not self.text or not isinstance(self.text, tuple):
            raise InputError(
                f"text is {self.text!r}", needed="a tuple of column names", fix='for example text=("title",)'
            )

    def fit(self, rows: object) -> "FittedText":
        """Find and verify the source, and check ids and texts; nothing is learnt.

        Raises InputError for a missing column or id, an id twice, or no text at all; SourceError for the source.
        """
        frame = read_columns(rows, [self.id, *self.text], what="entities")
        require_once(ids_of(frame, self.id, what="entities"), what="entities")
        if not frame.height or not any(texts_of(frame, self.text, what="entities")):
            raise InputError(
                f"none of the {frame.height:,} entities has any text", needed="text", fix="check the columns named"
            )
        return FittedText(self, resolve_source(self.source))


@dataclass(frozen=True, eq=False)
class FittedText(FittedEmbedder):
    """Texts through one verified source."""

    kind: ClassVar[str] = "text"
    settings: TextEntities
    source: Source

    @cached_property
    def encoder(self) -> "Encoder":
        """The encoder, made when it is first needed; what it computes is kept, because fitting and using share it."""
        from graft.representations.cache import ActivationCache
        from graft.representations.encoding.encoder import Encoder

        return Encoder(self.source.read_as(Role.DOCUMENT), cache=ActivationCache())

    @property
    def space(self) -> Space:
        """The space of the source: nothing about the rows changes it."""
        return self.encoder.space

    def transform(self, entities: object) -> Embedded:
        """Vectors of a table with the columns of ids and text. Support: 1 where there is text, else 0."""
        frame = read_columns(entities, [self.settings.id, *self.settings.text], what="entities")
        ids = ids_of(frame, self.settings.id, what="entities")
        require_once(ids, what="entities")
        texts = texts_of(frame, self.settings.text, what="entities")
        written = np.array([bool(text) for text in texts], bool)
        basis = tuple(CONTENT if there else UNKNOWN for there in written.tolist())
        none = np.zeros(len(texts), np.int64)
        return Embedded(tuple(ids), self.encode(texts), basis, written.astype(np.float32), none, self.space)

    def encode(self, texts: list[str]) -> np.ndarray:
        """Vectors of texts, float32, shape (rows, dimension); zero for an empty one."""
        vectors = np.zeros((len(texts), self.source.dimension), np.float32)
        written = [place for place, text in enumerate(texts) if text]
        if written:
            vectors[written], report = self.encoder.vectors([texts[place] for place in written])
            report.warn()
        return vectors

    def state(self) -> LearntState:
        """The settings and which weights they meant."""
        pinned = {"text": list(self.settings.text), "source": self.settings.source, "id": self.settings.id}
        return LearntState({"embedder": pinned, "weights": self.source.weights.digest}, {}, {})

    @classmethod
    def restore(cls, state: LearntState) -> Self:
        """The embedder with this state. Raises WeightsMismatch when its source is another one now."""
        given = state.settings["embedder"]
        settings = TextEntities(tuple(given["text"]), given["source"], given["id"])
        source = resolve_source(settings.source)
        if source.weights.digest != state.settings["weights"]:
            raise WeightsMismatch(
                f"{settings.source} now has the weights {source.weights.digest[:12]}…",
                needed=f"the weights {str(state.settings['weights'])[:12]}…, which the embedder was made with",
                fix="name the source by a revision or a folder that does not change, or fit anew",
            )
        return cls(settings, source)
