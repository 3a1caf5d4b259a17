"""What stands beside a text encoder while it is adapted: a decoder that tells a text from its vector, and a head that
tells hidden tokens. Both speak in the encoder's own embeddings, and are thrown away afterwards."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from graft.core.seeds import derive
from graft.representations.backbone import device, pool
from graft.representations.tokens import padded_width
from graft.scores.adaptation.method import Material

_IGNORED = -100
_INNER = 4


def padded(rows: Sequence[np.ndarray], pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of token numbers, padded at the end, and their mask; both int64, (rows, longest)."""
    width = padded_width(max(map(len, rows)))
    ids = np.full((len(rows), width), pad, np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    mask = np.arange(width)[None, :] < np.array([len(row) for row in rows])[:, None]
    return ids, mask.astype(np.int64)


class _Words(nn.Module):
    """Hidden vectors (…, hidden) to logits of tokens, by the encoder's embeddings, which are asked for each time."""

    def __init__(self, body: Any, hidden: int) -> None:
        super().__init__()
        embeddings = body.get_input_embeddings().weight
        self.turn = nn.Linear(hidden, embeddings.shape[1])
        self.norm = nn.LayerNorm(embeddings.shape[1])
        self.bias = nn.Parameter(torch.zeros(len(embeddings)))
        with torch.no_grad():
            if hidden == embeddings.shape[1]:
                self.turn.weight.copy_(torch.eye(hidden))

    def forward(self, hidden: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = functional.linear(self.norm(functional.gelu(self.turn(hidden))), embeddings, self.bias)
        return made


class _Teller(nn.Module):
    """One layer of a decoder: token embeddings (rows, places, width) and a vector (rows, hidden) to hidden vectors."""

    def __init__(self, body: Any, hidden: int, longest: int) -> None:
        super().__init__()
        width = body.get_input_embeddings().weight.shape[1]
        self.heads = next(heads for heads in (hidden // 64, 8, 4, 2, 1) if heads and hidden % heads == 0)
        self.widen = nn.Identity() if width == hidden else nn.Linear(width, hidden)
        self.positions = nn.Embedding(longest, hidden)
        self.before, self.between, self.after = (nn.LayerNorm(hidden) for _ in range(3))
        self.ask, self.told, self.heard = (
            nn.Linear(hidden, 3 * hidden),
            nn.Linear(hidden, hidden),
            nn.Linear(hidden, hidden),
        )
        self.inner, self.outer = nn.Linear(hidden, _INNER * hidden), nn.Linear(_INNER * hidden, hidden)
        self.words = _Words(body, hidden)

    def forward(self, given: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        rows, places, _ = given.shape
        state = self.widen(given) + self.positions.weight[:places]
        asked = self.ask(self.before(state)).view(rows, places, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(asked[0], asked[1], asked[2], is_causal=True)
        state = state + self.told(seen.transpose(1, 2).reshape(rows, places, -1))
        # Attention to a single place has the weight 1 whatever is asked: it adds a map of the vector.
        state = state + self.heard(vector)[:, None, :]
        state = state + self.outer(functional.gelu(self.inner(self.between(state))))
        made: torch.Tensor = self.after(state)
        return made


class Retelling:
    """The loss of telling texts again from their vectors. noise: a text's tokens, those that are special, and what
    draws, to the tokens the encoder sees."""

    def __init__(
        self,
        body: Any,
        material: Material,
        seed: int,
        noise: Callable[[np.ndarray, frozenset[int], np.random.Generator], np.ndarray],
    ) -> None:
        self._material, self._noise = material, noise
        source = material.source
        torch.manual_seed(derive(seed, "decoder"))
        self.head: nn.Module = _Teller(body, source.weights.hidden, padded_width(int(material.tokens.lengths.max())))
        self._teller = self.head

    def loss(self, body: Any, rows: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, int]:
        """The summed log-loss of the tokens after the first one, and how many they are."""
        tokens, where = self._material.tokens, device()
        whole = [tokens.row(int(row)) for row in rows]
        seen = [self._noise(row, self._material.special, rng) for row in whole]
        vector = self._vector(body, seen)
        ids, mask = padded(whole, self._material.pad)
        told = torch.from_numpy(self._material.places(ids)).to(where)
        wanted = told[:, 1:].masked_fill(torch.from_numpy(mask[:, 1:] == 0).to(where), _IGNORED)
        embeddings = body.get_input_embeddings().weight
        state = self._teller(functional.embedding(told[:, :-1], embeddings), vector)
        real = wanted != _IGNORED
        logits = self._teller.words(state[real], embeddings)
        return functional.cross_entropy(logits.float(), wanted[real], reduction="sum"), int(real.sum())

    def _vector(self, body: Any, rows: Sequence[np.ndarray]) -> torch.Tensor:
        ids, mask = padded(rows, self._material.pad)
        given = torch.from_numpy(self._material.places(ids)).to(device())
        shown = torch.from_numpy(mask).to(device())
        hidden = body(input_ids=given, attention_mask=shown).last_hidden_state
        skip = self._material.tokens.skip
        if skip:
            shown = torch.cat([torch.zeros_like(shown[:, :skip]), shown[:, skip:]], 1)
        return pool(hidden, shown, self._material.source.pooling, normalise=False)


class Unmasking:
    """The loss of telling hidden tokens. hide: a text's tokens, those that are special, token numbers that may stand in
    for others, and what draws, to the tokens with some hidden and the places of these."""

    def __init__(
        self,
        body: Any,
        material: Material,
        seed: int,
        hide: Callable[[np.ndarray, frozenset[int], np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]],
    ) -> None:
        self._material, self._hide = material, hide
        torch.manual_seed(derive(seed, "decoder"))
        self.head: nn.Module = _Words(body, material.source.weights.hidden)
        self._others = np.setdiff1d(np.unique(material.tokens.ids), list(material.special))

    def loss(self, body: Any, rows: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, int]:
        """The summed log-loss of the hidden tokens, and how many they are."""
        material, where = self._material, device()
        whole = [material.tokens.row(int(row)) for row in rows]
        hidden = [self._hide(row, material.special, self._others, rng) for row in whole]
        ids, mask = padded([row for row, _ in hidden], material.pad)
        one = np.repeat(np.arange(len(rows)), [len(places) for _, places in hidden])
        place = np.concatenate([places for _, places in hidden])
        wanted = np.concatenate([row[places] for row, (_, places) in zip(whole, hidden, strict=True)])
        state = body(
            input_ids=torch.from_numpy(material.places(ids)).to(where),
            attention_mask=torch.from_numpy(mask).to(where),
        ).last_hidden_state[torch.from_numpy(one).to(where), torch.from_numpy(place).to(where)]
        logits = self.head(state, body.get_input_embeddings().weight)
        truth = torch.from_numpy(material.places(wanted.astype(np.int64))).to(where)
        return functional.cross_entropy(logits.float(), truth, reduction="sum"), len(wanted)
