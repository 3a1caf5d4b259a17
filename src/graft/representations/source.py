"""A pretrained source: weights that somebody pinned, how content becomes their input, and what makes vectors of it.

Decisions: what a source is falls in parts that change for different reasons. ``Weights`` say what is loaded and whether
it still is that; a ``Reading`` says how content becomes model input, and so of which kind it is; the rest says how the
states of the model become one vector. What a card says of a licence is not read here but by governance, under the
reference and the digest of the weights, so there is one reading of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from graft.representations.pooling import Pooling
from graft.representations.reading import Reading, Role
from graft.representations.weights.unchanged import require_unchanged


@dataclass(frozen=True)
class Weights:
    """What is loaded, and by which it is known to be that.

    reference: as a user names it. directory: where its files lie. revision: of the Hub, empty elsewhere. digest:
    SHA-256 of the weights (of the list of digests when they are in several files), or of the recipe when the weights
    are random. files: names of the files of weights. architecture: digest of the configuration, because the same
    weights with another number of heads say something else. model_type: what transformers calls it. hidden: numbers in
    a token vector. layers: transformer layers. parameters: numbers in all. vocabulary: how many tokens it has vectors
    for, none where it reads no tokens. side_files: that go wherever the source
    goes, besides what every model has. random_seed: what random weights are drawn from, None for pretrained ones.
    """

    reference: str
    directory: Path
    revision: str
    digest: str
    files: tuple[str, ...]
    architecture: str
    model_type: str
    hidden: int
    layers: int
    parameters: int
    vocabulary: int = 0
    side_files: tuple[str, ...] = ()
    random_seed: int | None = None

    @property
    def pretrained(self) -> bool:
        """Whether the weights were learnt by somebody, rather than drawn."""
        return self.random_seed is None

    @property
    def learnable(self) -> bool:
        """Whether weights like these can be tuned, or drawn and trained; an ONNX network is run as it is.

        What has no layers is looked up.
        """
        return self.layers > 0 and not any(name.endswith(".onnx") for name in self.files)

    def require_unchanged(self) -> None:
        """Raise WeightsMismatch unless the files of the weights still are those that ``digest`` was taken of."""
        if self.pretrained:
            require_unchanged([self.directory / name for name in self.files], self.digest, self.reference)


@dataclass(frozen=True)
class Source:
    """A verified source.

    weights: what is loaded. reading: how content becomes model input. pooling, normalise: how token vectors become one.
    includes_prompt: whether the tokens of a prompt are pooled. truncated: numbers a pooled vector is cut to, as the
    source states. similarity: what its vectors were trained to be compared by. beside: layers, counted from 1, whose
    mean stands beside the pooled vector. parts: the sources whose vectors stand side by side (``joined_source``); ()
    for a source that is one.
    """

    weights: Weights
    reading: Reading
    pooling: Pooling
    normalise: bool
    includes_prompt: bool = True
    truncated: int | None = None
    similarity: str = "cosine"
    beside: tuple[int, ...] = ()
    parts: "tuple[Source, ...]" = ()

    @property
    def origins(self) -> "tuple[Source, ...]":
        """What somebody published of it: its parts, or itself."""
        return self.parts or (self,)

    @property
    def dimension(self) -> int:
        """Numbers in one vector."""
        if self.parts:
            return sum(part.dimension + 1 for part in self.parts)
        return (self.truncated or self.weights.hidden) + self.weights.hidden * len(self.beside)

    @property
    def plain_similarity(self) -> bool:
        """Whether ranking by the angle between vectors is ranking as the source was trained for."""
        unit = self.normalise and self.truncated is None
        return self.similarity == "cosine" or (unit and self.similarity in ("dot", "euclidean"))

    def read_as(self, role: Role) -> "Source":
        """The same source with its contents read in a role."""
        return replace(self, reading=self.reading.read_as(role))

    def with_prompts(self, given: Mapping[Role, str | None]) -> "Source":
        """The same source with the caller's prompts for these roles; None leaves what the source states."""
        return replace(self, reading=self.reading.with_prompts(given))

    @property
    def plain(self) -> "Source":
        """The same source without what stands beside its vectors."""
        return replace(self, beside=(), parts=tuple(part.plain for part in self.parts))

    def with_beside(self, *layers: int) -> "Source":
        """The same source with the means of ``layers`` beside its vectors."""
        return replace(self, beside=layers)
