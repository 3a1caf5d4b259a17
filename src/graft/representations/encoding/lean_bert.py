"""A lean forward of BERT-like encoders over packed rows.

Decisions: the linear layers see the tokens of many rows one after the other, without padding and always in the same
number; query, key and value are one product; attention runs over blocks of slots (``batching``), a row to a slot, so
short rows share one call and a row's sums are always taken in the same order. Slots start at multiples of 16 places,
the width of a vector register, which is what keeps a row's sums independent of the slot it got. The result is compared
with that of the model that transformers loads before it is used: where they differ, or where the architecture is
another, the caller keeps that model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from graft.representations.encoding.batching import BLOCK, Packed, packed_batches
from graft.representations.tokens import TokenRows
from graft.representations.torch_process import torch_stream

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


@dataclass(frozen=True)
class Shape:
    """What the weights alone do not say. first: the position of a row's first token."""

    layers: int
    heads: int
    first: int
    epsilon: float


def shape_of(config: Mapping[str, Any]) -> Shape | None:
    """The shape that a model's configuration states; None where its layers are not BERT's."""
    family = config.get("model_type")
    # Left out means what the architecture has always had; decoders, and relative positions, are something else.
    usual = {"hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}
    if family not in _FIRST_POSITION or any(config.get(name, value) != value for name, value in usual.items()):
        return None
    try:
        return Shape(
            int(config["num_hidden_layers"]),
            int(config["num_attention_heads"]),
            _FIRST_POSITION[family],
            float(config["layer_norm_eps"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


class LeanLayer(nn.Module):
    """One layer: attention and feed-forward, each with its residual and its norm."""

    def __init__(self, weights: Mapping[str, torch.Tensor], name: str, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        own = [_linear(weights, f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
        self.qkv = _layer_of(torch.cat([part.weight for part in own]), torch.cat([part.bias for part in own]))
        self.out = _linear(weights, f"{name}.attention.output.dense")
        self.attention_norm = _norm(weights, f"{name}.attention.output.LayerNorm", shape.epsilon)
        self.up, self.down = (_linear(weights, f"{name}.{part}.dense") for part in ("intermediate", "output"))
        self.norm = _norm(weights, f"{name}.output.LayerNorm", shape.epsilon)

    def forward(self, hidden: torch.Tensor, layout: Layout) -> torch.Tensor:
        """Token vectors, shape (tokens, dimension)."""
        seen = attend(self.qkv(hidden), layout, self.heads)
        hidden = self.attention_norm(self.out(seen).add_(hidden))
        return self.norm(self.down(functional.gelu(self.up(hidden))).add_(hidden))  # type: ignore[no-any-return]


class LeanBert(nn.Module):
    """The packed forward of a BERT-like model.

    weights: as transformers names them, without the prefix of the family. Raises KeyError where one is missing,
    RuntimeError where one does not fit.
    """

    def __init__(self, weights: Mapping[str, torch.Tensor], shape: Shape) -> None:
        super().__init__()
        words, places, kinds = (
            weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        self.words = nn.Embedding.from_pretrained(_fixed(words).data)  # type: ignore[no-untyped-call]
        self.places = nn.Embedding.from_pretrained(places[shape.first :].float() + kinds[0].float())  # type: ignore[no-untyped-call]
        self.norm = _norm(weights, "embeddings.LayerNorm", shape.epsilon)
        self.layer = nn.ModuleList(
            LeanLayer(weights, f"encoder.layer.{number}", shape) for number in range(shape.layers)
        )

    def forward(self, ids: torch.Tensor, positions: torch.Tensor, layout: Layout) -> torch.Tensor:
        """Token vectors after the last layer, shape (tokens, dimension)."""
        return self.states(ids, positions, layout, (len(self.layer),))[0]

    def states(
        self, ids: torch.Tensor, positions: torch.Tensor, layout: Layout, after: tuple[int, ...]
    ) -> list[torch.Tensor]:
        """Token vectors after so many layers each, in the order of the layers."""
        hidden, kept = self.norm(self.words(ids) + self.places(positions)), []
        for number in range(len(self.layer) + 1):
            if number:
                hidden = self.layer[number - 1](hidden, layout)
            if number in after:
                kept.append(hidden.to(self.words.weight.dtype))
        return kept


def _linear(weights: Mapping[str, torch.Tensor], name: str) -> nn.Linear:
    return _layer_of(weights[f"{name}.weight"], weights[f"{name}.bias"])


def _layer_of(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    # One unit, because weights would be drawn for all of them: that takes time, and numbers from the caller's stream.
    with torch_stream():
        made = nn.Linear(1, 1)
    made.out_features, made.in_features = weight.shape
    made.weight, made.bias = _fixed(weight), _fixed(bias)
    return made


def _norm(weights: Mapping[str, torch.Tensor], name: str, epsilon: float) -> nn.LayerNorm:
    made = nn.LayerNorm(len(weights[f"{name}.weight"]), eps=epsilon)
    made.weight, made.bias = _fixed(weights[f"{name}.weight"]), _fixed(weights[f"{name}.bias"])
    return made


def _fixed(values: torch.Tensor) -> nn.Parameter:
    # A copy: what was read from a file may still lie there.
    return nn.Parameter(values.detach().to(torch.float32, copy=True), requires_grad=False)


def lean(model: Any, *, vocabulary: int, pad: int) -> LeanBert | None:
    """The lean form of a float32 model; None where the architecture is another or the two forwards differ."""
    shape = shape_of(model.config.to_dict())
    if shape is None:
        return None
    # A model that was cut has fewer layers than its configuration says.
    shape = replace(shape, layers=len(model.encoder.layer))
    return proven(model.state_dict(), shape, model, vocabulary=vocabulary, pad=pad)


def proven(
    weights: Mapping[str, torch.Tensor], shape: Shape, model: Any, *, vocabulary: int, pad: int
) -> LeanBert | None:
    """The lean forward of ``weights``, if it says what the float32 ``model`` says; None otherwise."""
    try:
        made = LeanBert(weights, shape).eval()
        agree = _agree(model, made, vocabulary, pad)
    except (AttributeError, RuntimeError, LookupError, TypeError):
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
