"""A backbone with a head on it, ready to train.

Decisions: the head sees the pooled vector and the encoded extra columns side by side, so a solved head drops in
without a change; dropout masks come from a byte generator, because drawing them with torch took a third of the
forward pass; a fold trains only the embedding rows its own texts use, which changes nothing in the result (the others
have no gradient) and saves most of the optimiser's work.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from graft.core.seeds import derive
from graft.representations.backbone import layers_of
from graft.representations.source import Source
from graft.scores.linear import LinearHead

_LARGEST_PAD = 16
Pooled: TypeAlias = Callable[[Any, Source, dict[str, torch.Tensor]], torch.Tensor]


class ByteDropout(nn.Dropout):
    """Dropout whose rate is a multiple of 1/256 and whose masks come from one seeded byte stream.

    Attention layers never call their dropout, they read its ``p``, which is zero here: dropping attention
    probabilities cost a quarter of a step. What it would do for the scores has not been measured.
    """

    def __init__(self, p: float, stream: np.random.Generator) -> None:
        super().__init__(0.0)
        self._cut = round(p * 256)
        self._stream = stream

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - the name is torch's
        """Zero a share of the values and scale the rest up."""
        if not self.training or self._cut == 0:
            return input
        drawn = torch.frombuffer(bytearray(self._stream.bytes(input.numel())), dtype=torch.uint8).view(input.shape)
        keep = (drawn >= self._cut).to(input.dtype).mul_(256 / (256 - self._cut))
        return input * keep.to(input.device)


class Network(nn.Module):
    """Body and head.

    body: whole or its upper half. pooled: vectors of a body, for a source, of what a feed gives. head: linear, on
    pooled vector and extra columns.
    """

    def __init__(self, body: Any, source: Source, outputs: int, extra: int, *, pooled: Pooled) -> None:
        super().__init__()
        self._pooled = pooled
        self.body = body
        self.head = nn.Linear(source.dimension + extra, outputs)
        self.dimension = source.dimension
        self._source = source.plain

    def forward(self, inputs: dict[str, torch.Tensor], extra: torch.Tensor) -> torch.Tensor:
        """Logits, float32, shape (rows, outputs), from what the body takes and the extra columns (rows, width)."""
        vectors = self.vectors(inputs)
        with torch.autocast(vectors.device.type, enabled=False):
            logits: torch.Tensor = self.head(torch.cat([vectors, extra], 1))
            return logits

    def vectors(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Pooled vectors, float32, shape (rows, dimension)."""
        return self._pooled(self.body, self._source, inputs)

    def set_head(self, head: LinearHead) -> None:
        """Begin at a solved head."""
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(head.weight))
            self.head.bias.copy_(torch.from_numpy(head.bias))

    def draw_head(self, seed: int) -> None:
        """Begin at a small random head."""
        generator = torch.Generator().manual_seed(derive(seed, "head"))
        with torch.no_grad():
            self.head.weight.normal_(0, 0.02, generator=generator)
            self.head.bias.zero_()


def use_byte_dropout(model: nn.Module, seed: int) -> None:
    """Replace every dropout of ``model`` by one whose masks are drawn from ``seed``."""
    stream = np.random.Generator(np.random.SFC64(derive(seed, "dropout")))
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Dropout:
                setattr(module, name, ByteDropout(child.p, stream))


def layer_names(body: Any, source: Source, count: int) -> tuple[str, ...]:
    """Prefixes of the parameters of each layer, from the lowest to the highest."""
    parent, attribute = layers_of(body, count)
    prefix = next(name for name, module in body.named_modules() if module is parent)
    return tuple(f"{prefix}.{attribute}.{number}.".lstrip(".") for number in range(count))


@dataclass
class Vocabulary:
    """The token numbers in use, and their place in a small embedding matrix."""

    used: np.ndarray
    place: np.ndarray

    def compact(self, ids: np.ndarray) -> np.ndarray:
        """Places of token numbers."""
        return np.asarray(self.place[ids])


def shrink_vocabulary(body: Any, ids: np.ndarray, pad: int) -> Vocabulary | None:
    """Keep only the embedding rows of ``ids`` (and padding) in ``body``; None if the architecture forbids it."""
    embedding = body.get_input_embeddings()
    used = np.unique(np.append(ids, pad))
    if pad > _LARGEST_PAD or len(used) <= pad or not isinstance(embedding, nn.Embedding):
        return None
    # Some architectures recognise padding by its number, so padding keeps its place.
    used = used[used != pad]
    used = np.concatenate([used[:pad], [pad], used[pad:]])
    place = np.full(embedding.num_embeddings, -1, np.int64)
    place[used] = np.arange(len(used))
    rows = embedding.weight.detach()[torch.from_numpy(used)].clone()
    small = nn.Embedding(len(used), embedding.embedding_dim, padding_idx=embedding.padding_idx, _weight=rows)
    small.weight.requires_grad_(embedding.weight.requires_grad)
    body.set_input_embeddings(small)
    return Vocabulary(used, place)


def restore_vocabulary(body: Any, vocabulary: Vocabulary, whole: torch.Tensor) -> None:
    """Put the trained rows back into a copy of the whole embedding matrix."""
    small = body.get_input_embeddings()
    rows = whole.detach().clone()
    rows[torch.from_numpy(vocabulary.used)] = small.weight.detach().to(rows.device)
    embedding = nn.Embedding(len(rows), rows.shape[1], padding_idx=small.padding_idx, _weight=rows)
    body.set_input_embeddings(embedding)
