"""Layers of a lean BERT in eight-bit integers, with scales fixed beforehand.

Decisions: the ranges of the activations are taken once from sentences of our own, so the same text has the same vector
on every run. A weight has one scale per output channel. The inputs of query, key, value and of the first feed-forward
product differ by channel; half of that difference moves into the weight (SmoothQuant: Xiao et al. 2023, section 4.2,
alpha 0.5), which left less error than a scale measured per token (MiniLM: a cosine of .9998 against .9987 when only
query, key and value are rounded). The other two inputs have one scale each, so the feed-forward product can round its
own output in the same pass as its GELU. The residual stream, the norms and the attention stay in floating point. The
integer products are oneDNN's where it is at hand and says what whole numbers say, else torch's; both add up in 32 bits.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from graft.representations.encoding.lean_bert import Layout, LeanBert, attend

_STEPS = 255
_SMALLEST = 1e-6
_SMOOTHED = ("qkv", "up")
_LINEAR = ("qkv", "out", "up", "down")


@dataclass
class Range:
    """What a linear layer was given while calibrating. low, high: shape (inputs,)."""

    low: torch.Tensor
    high: torch.Tensor

    def widen(self, rows: torch.Tensor) -> None:
        """Take in activations, shape (tokens, inputs)."""
        self.low = torch.minimum(self.low, rows.amin(0))
        self.high = torch.maximum(self.high, rows.amax(0))


def quantise_lean(
    model: LeanBert, run: Callable[[], Iterator[int]], *, dtype: torch.dtype, where: torch.device
) -> None:
    """Replace the layers of a float32 ``model`` in place.

    run: runs the model over the sentences to calibrate on; after each batch it yields how many of its tokens count.
    dtype: the number type of the attention.
    """
    with _watched(model.layer) as (seen, ranges), torch.inference_mode():
        for tokens in run():
            for key, rows in seen.items():
                if key in ranges:
                    ranges[key].widen(rows[:tokens])
                else:
                    ranges[key] = Range(rows[:tokens].amin(0), rows[:tokens].amax(0))
    for number, layer in enumerate(list(model.layer)):
        own = {name: ranges[number, name] for name in _LINEAR}
        model.layer[number] = Int8Layer(layer, own, dtype=dtype, where=where)


@contextmanager
def _watched(
    layers: nn.ModuleList,
) -> Iterator[tuple[dict[tuple[int, str], torch.Tensor], dict[tuple[int, str], Range]]]:
    """What each linear layer was given last, by layer number and name, and an empty place for its ranges."""
    seen: dict[tuple[int, str], torch.Tensor] = {}

    def watch(key: tuple[int, str]) -> Callable[[nn.Module, tuple[torch.Tensor]], None]:
        return lambda _, given: seen.__setitem__(key, given[0])

    hooks = [
        getattr(layer, name).register_forward_pre_hook(watch((number, name)))
        for number, layer in enumerate(layers)
        for name in _LINEAR
    ]
    try:
        yield seen, {}
    finally:
        for hook in hooks:
            hook.remove()


class _Rounding:
    """Floating-point rows to whole numbers between 0 and 255: value / step + zero, each channel with its own step.

    step: what one whole number is worth after the channels were made alike by ``smooth``, shape (inputs,).
    """

    def __init__(self, seen: Range, smooth: torch.Tensor, where: torch.device) -> None:
        # Zero itself must be a whole number, so it lies between the ends.
        low = min(0.0, float((seen.low / smooth).min()))
        high = max(0.0, float((seen.high / smooth).max()))
        self.step = max(high - low, _SMALLEST) / _STEPS
        self.zero = round(-low / self.step)
        self._times = (1 / (smooth * self.step)).to(where)
        # Half a step more, because turning into a whole number cuts off.
        self._plus = torch.full_like(self._times, self.zero + 0.5)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """uint8, of the shape of ``rows`` (tokens, inputs), which are in float32."""
        made = torch.addcmul(self._plus, rows, self._times).clamp_(0, _STEPS)
        # By way of 16 bits: that is three times as fast as straight to 8.
        return made.to(torch.int16).to(torch.uint8)


class _Product:
    """A linear layer over whole numbers. given: how its inputs are rounded."""

    def __init__(self, layer: nn.Linear, seen: Range, where: torch.device, *, smoothed: bool) -> None:
        weight = layer.weight.data.float()
        smooth = torch.ones(weight.shape[1])
        if smoothed:
            largest = torch.maximum(seen.high, -seen.low).clamp(min=_SMALLEST)
            smooth = (largest / weight.abs().amax(0).clamp(min=_SMALLEST)).sqrt()
        weight = weight * smooth
        scale = weight.abs().amax(1).clamp(min=_SMALLEST) / 127
        whole = (weight / scale[:, None]).round().to(torch.int8).to(where)
        self.given = _Rounding(seen, smooth, where)
        self._bias = layer.bias.data.float().to(where)
        self._scale = scale.to(where)
        self._fused = where.type == "cpu" and onednn_is_right()
        self._weight = torch.ops.onednn.qlinear_prepack(whole, None) if self._fused else whole
        self._zeros = torch.zeros(len(weight), dtype=torch.int32)

    def plain(self, rows: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Floating-point outputs of whole-number ``rows``."""
        if self._fused:
            return self._onednn(rows, 1.0, 0, dtype, "none")
        return self._summed(rows).to(dtype)

    def added(self, rows: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Outputs plus ``other``, float32, which is overwritten."""
        if not self._fused:
            return other.add_(self._summed(rows))
        made: torch.Tensor = torch.ops.onednn.qlinear_pointwise.binary(
            rows, self.given.step, self.given.zero, self._weight, self._scale, self._zeros, other, self._bias,
            1.0, 0, torch.float32, 1.0, 0, "sum", 1.0, "none", [], "",
        )  # fmt: skip
        return made

    def gelu(self, rows: torch.Tensor, into: _Rounding) -> torch.Tensor:
        """GELU of the outputs, rounded as the next product wants them."""
        if self._fused:
            return self._onednn(rows, into.step, into.zero, torch.uint8, "gelu")
        return into(functional.gelu(self._summed(rows)))

    def _summed(self, rows: torch.Tensor) -> torch.Tensor:
        # torch multiplies signed numbers only: 128 less, and what that takes away given back.
        signed = (rows.to(torch.int16) - 128).to(torch.int8)
        moved = self._weight.sum(1, dtype=torch.int32) * (128 - self.given.zero)
        return (torch._int_mm(signed, self._weight.t()) + moved) * (self._scale * self.given.step) + self._bias

    def _onednn(self, rows: torch.Tensor, step: float, zero: int, dtype: torch.dtype, then: str) -> torch.Tensor:
        made: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            rows, self.given.step, self.given.zero, self._weight, self._scale, self._zeros, self._bias,
            step, zero, dtype, then, [], "none",
        )  # fmt: skip
        return made


class Int8Layer(nn.Module):
    """One layer, as ``LeanLayer``, its products in whole numbers."""

    def __init__(self, layer: Any, ranges: dict[str, Range], *, dtype: torch.dtype, where: torch.device) -> None:
        super().__init__()
        self.heads, self._dtype = layer.heads, dtype
        # Plain attributes: converting the model around it must not touch them.
        self._products = {
            name: _Product(getattr(layer, name), ranges[name], where, smoothed=name in _SMOOTHED) for name in _LINEAR
        }
        self._norms = [
            (norm.normalized_shape, norm.weight.data.to(where), norm.bias.data.to(where), norm.eps)
            for norm in (layer.attention_norm, layer.norm)
        ]

    def forward(self, hidden: torch.Tensor, layout: Layout) -> torch.Tensor:
        """Token vectors, float32, shape (tokens, dimension)."""
        qkv, out, up, down = (self._products[name] for name in _LINEAR)
        hidden = hidden.float()
        seen = attend(qkv.plain(qkv.given(hidden), self._dtype), layout, self.heads)
        hidden = functional.layer_norm(out.added(out.given(seen.float()), hidden), *self._norms[0])
        inner = up.gelu(up.given(hidden), down.given)
        return functional.layer_norm(down.added(inner, hidden), *self._norms[1])


@cache
def onednn_is_right() -> bool:
    """Whether this build of torch has oneDNN's fused integer products and they are exact here.

    Processors without the instructions for it add pairs in 16 bits, which overflow for the largest numbers.
    """
    drawn = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 256, (17, 96), generator=drawn, dtype=torch.uint8)
    weight = torch.randint(-127, 128, (32, 96), generator=drawn, dtype=torch.int8)
    rows[0], weight[0] = 255, 127
    other, ones, zeros = torch.randn(17, 32, generator=drawn), torch.ones(32), torch.zeros(32, dtype=torch.int32)
    expected = ((rows.long() - 7) @ weight.long().t()).float()
    multiply = torch.ops.onednn.qlinear_pointwise
    try:
        packed = torch.ops.onednn.qlinear_prepack(weight, None)
        plain = multiply(rows, 1.0, 7, packed, ones, zeros, None, 1.0, 0, torch.float32, "none", [], "none")
        added = multiply.binary(
            rows, 1.0, 7, packed, ones, zeros, other.clone(), None, 1.0, 0, torch.float32, 1.0, 0, "sum", 1.0,
            "none", [], "",
        )  # fmt: skip
        gelu = multiply(rows, 1e-4, 7, packed, ones, zeros, None, 0.1, 3, torch.uint8, "gelu", [], "none")
    except (RuntimeError, AttributeError, NotImplementedError, TypeError):
        return False
    rounded = (functional.gelu(expected * 1e-4) / 0.1).round().clamp(-3, 252) + 3
    return (
        torch.equal(plain, expected)
        and torch.allclose(added, expected + other, rtol=1e-6)
        and bool((gelu.float() - rounded).abs().max() <= 1)
    )
