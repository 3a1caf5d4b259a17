"""A lean forward of BERT-like encoders over packed rows.

Decisions: the linear layers see the tokens of many rows one after the other, without padding and always in the same
number; query, key and value are one product; attention runs over blocks of slots (``batching``), a row to a slot, so
short rows share one call and a row's sums are always taken in the same order. Slots start at multiples of 16 places,
the width of a vector register, which is what keeps a row's sums independent of the slot it got. The weights are taken
from the model that transformers loaded, and the result is compared with that model's before it is used: where they
differ, or where the architecture is another, the caller keeps the model it has.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from graft.representations.batching import BLOCK, Packed, packed_batches
from graft.representations.tokens import TokenRows

# Families whose layers are BERT's, with how many positions they keep for padding.
_FIRST_POSITION = {"bert": 0, "roberta": 2, "xlm-roberta": 2, "camembert": 2}
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Layout:
    """Where tokens stand in the attention of one batch.

    slots: the token shown in each place, shape (places,); an unused place shows token 0 and is masked. places: where
    each token stands, shape (tokens,). bias: 0 or minus infinity, shape (blocks, 1, block, block). valid: which places
    hold a token, shape (rows, slot).
    """

    slots: torch.Tensor
    places: torch.Tensor
    bias: torch.Tensor
    valid: torch.Tensor


def layout_of(batch: Packed, *, dtype: torch.dtype, where: torch.device) -> Layout:
    """The attention layout of a packed batch, for numbers of ``dtype`` on ``where``."""
    block, count = max(BLOCK, batch.slot), len(batch.rows)
    blocks = -(-count * batch.slot // block)
    valid = np.arange(batch.slot) < batch.lengths[:, None]
    places = np.zeros(len(batch.ids), np.int64)
    places[: batch.tokens] = np.flatnonzero(valid.ravel())
    slots = np.zeros(blocks * block, np.int64)
    slots[places[: batch.tokens]] = np.arange(batch.tokens)
    # A place sees the tokens of its own slot; in a slot without a row it sees everything there, to stay finite.
    seen = np.ones((blocks * block // batch.slot, batch.slot), bool)
    seen[:count] = valid
    own = np.arange(block) // batch.slot
    bias = (own[:, None] == own) & seen.reshape(blocks, 1, 1, block)
    bias = torch.from_numpy(np.where(bias, np.float32(0), np.float32(-np.inf)))
    return Layout(
        torch.from_numpy(slots).to(where),
        torch.from_numpy(places).to(where),
        bias.to(where, dtype),
        torch.from_numpy(valid).to(where),
    )


def attend(made: torch.Tensor, layout: Layout, heads: int) -> torch.Tensor:
    """Attention of the rows of a batch. made: query, key and value of each token, shape (tokens, 3 x dimension)."""
    blocks, _, block, _ = layout.bias.shape
    spread = made.index_select(0, layout.slots).view(blocks, block, 3, heads, -1)
    query, key, value = (spread[:, :, part].transpose(1, 2) for part in range(3))
    seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=layout.bias)
    return seen.transpose(1, 2).reshape(blocks * block, -1).index_select(0, layout.places)


class LeanLayer(nn.Module):
    """One layer: attention and feed-forward, each with its residual and its norm."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        own, output = layer.attention.self, layer.attention.output
        self.heads = own.num_attention_heads
        parts = (own.query, own.key, own.value)
        self.qkv = nn.Linear(own.query.in_features, 3 * own.query.out_features)
        self.qkv.weight.data = torch.cat([part.weight.data for part in parts])
        self.qkv.bias.data = torch.cat([part.bias.data for part in parts])
        self.out, self.attention_norm = output.dense, output.LayerNorm
        self.up, self.down, self.norm = layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm

    def forward(self, hidden: torch.Tensor, layout: Layout) -> torch.Tensor:
        """Token vectors, shape (tokens, dimension)."""
        seen = attend(self.qkv(hidden), layout, self.heads)
        hidden = self.attention_norm(self.out(seen).add_(hidden))
        return self.norm(self.down(functional.gelu(self.up(hidden))).add_(hidden))  # type: ignore[no-any-return]


class LeanBert(nn.Module):
    """The packed forward of a BERT-like model that transformers loaded; it shares that model's weights."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        embeddings = model.embeddings
        first = _FIRST_POSITION[model.config.model_type]
        self.words, self.norm = embeddings.word_embeddings, embeddings.LayerNorm
        places = embeddings.position_embeddings.weight.data[first:] + embeddings.token_type_embeddings.weight.data[0]
        self.places = nn.Embedding(places.shape[0], places.shape[1], _weight=places, _freeze=True)
        self.layer = nn.ModuleList(LeanLayer(layer) for layer in model.encoder.layer)

    def forward(self, ids: torch.Tensor, positions: torch.Tensor, layout: Layout) -> torch.Tensor:
        """Token vectors after the last layer, shape (tokens, dimension)."""
        hidden = self.norm(self.words(ids) + self.places(positions))
        for layer in self.layer:
            hidden = layer(hidden, layout)
        return hidden.to(self.words.weight.dtype)  # type: ignore[no-any-return]


def lean(model: Any, *, vocabulary: int, pad: int) -> LeanBert | None:
    """The lean form of a float32 model; None where the architecture is another or the two forwards differ."""
    config = model.config
    if config.model_type not in _FIRST_POSITION or getattr(config, "hidden_act", "") != "gelu":
        return None
    try:
        made = LeanBert(model).eval()
        agree = _agree(model, made, vocabulary, pad)
    except (AttributeError, RuntimeError, IndexError, TypeError):
        return None
    return made if agree else None


def _agree(model: Any, made: LeanBert, vocabulary: int, pad: int) -> bool:
    """Whether both forwards say the same of a few rows of drawn tokens."""
    rng = np.random.default_rng(0)
    lengths = np.array([3, 7, 16, 18])
    ids = rng.choice(np.setdiff1d(np.arange(min(vocabulary, 1000)), [pad]), int(lengths.sum()))
    nothing = np.zeros(len(lengths))
    tokens = TokenRows(ids, np.concatenate([[0], np.cumsum(lengths)]), nothing, nothing, nothing)
    with torch.inference_mode():
        for batch in packed_batches(tokens, pad, size=BLOCK):
            layout = layout_of(batch, dtype=torch.float32, where=torch.device("cpu"))
            found = made(torch.from_numpy(batch.ids), torch.from_numpy(batch.positions), layout)
            starts = np.cumsum(batch.lengths) - batch.lengths
            for row, start, length in zip(batch.rows, starts, batch.lengths, strict=True):
                one = torch.from_numpy(tokens.row(int(row)))[None]
                whole = model(input_ids=one, attention_mask=torch.ones_like(one)).last_hidden_state[0]
                if not torch.allclose(found[start : start + length], whole, atol=_TOLERANCE):
                    return False
    return True
