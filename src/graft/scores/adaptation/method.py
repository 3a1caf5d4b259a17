"""What a way to adapt a source is: what it asks of a body and of a head that is thrown away afterwards.

Decision: the record is read by the command line too, so nothing here imports torch; an objective is made when a
training begins. One record a method and kind of content, found in one tuple.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch

    from graft.representations.source import Source
    from graft.representations.tokens import TokenRows
    from graft.scores.network import Vocabulary


@dataclass(frozen=True, eq=False)
class Material:
    """What is learnt from. tokens: of all rows. vocabulary: of a body that keeps only these tokens' embeddings, None
    where it keeps all. pad, mask: token numbers. special: those that are no part of a text, such as its beginning."""

    source: "Source"
    tokens: "TokenRows"
    vocabulary: "Vocabulary | None"
    pad: int
    mask: int | None
    special: frozenset[int]

    def places(self, ids: "np.ndarray") -> "np.ndarray":
        """Token numbers as the body's embeddings count them."""
        return ids if self.vocabulary is None else self.vocabulary.compact(ids)


class Objective(Protocol):
    """A loss of contents, with whatever has to learn beside the body to compute it."""

    @property
    def head(self) -> "torch.nn.Module":
        """What learns beside the body, and is thrown away."""
        ...

    def loss(self, body: Any, rows: "np.ndarray", rng: "np.random.Generator") -> "tuple[torch.Tensor, int]":
        """The summed loss of some rows, and how many tokens it is of; ``rng`` draws what is hidden."""
        ...


@dataclass(frozen=True)
class AdaptationMethod:
    """A way to adapt a source. kind: of content. title, meaning: in words. share: of the tokens, that it hides. make:
    an objective for a body and a material, from a seed; raises InputError for a source it cannot be used with."""

    name: str
    kind: str
    title: str
    meaning: str
    share: float
    make: Callable[[Any, Material, int], Objective]
