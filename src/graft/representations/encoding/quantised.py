"""Linear layers in eight-bit integers, for models that run as transformers wrote them.

Decisions: a weight has one scale per output channel, an activation one scale per token, measured as the token comes
(vector-wise quantisation: Dettmers et al. 2022, LLM.int8(), section 2). A scale per batch would make a row's vector
depend on the rows beside it. Everything between the products stays in floating point. The integer product is oneDNN's
where it is at hand and says what whole numbers say, else torch's; both add up in 32 bits, so they are exact.

A scale per token needs no calibration and suits any architecture, but costs several passes over the activations; lean
models have scales fixed beforehand instead (``calibrated_int8``).
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import nn

# A step less than 127: the scale is itself rounded to the activations' type, and 127 must not become 128.
_STEPS = 126
_SMALLEST = 1e-12
Product = Callable[[torch.Tensor], torch.Tensor]


class Int8Linear(nn.Module):
    """A linear layer whose weight is held in int8; activations are quantised row by row.

    >>> layer = nn.Linear(8, 4)
    >>> given = torch.ones(3, 8)
    >>> bool((Int8Linear(layer, torch.float32)(given) - layer(given)).abs().max() < 0.05)
    True
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        weight = layer.weight.data.float()
        scale = weight.abs().amax(1).clamp(min=_SMALLEST) / 127
        bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias.data.float()
        self.register_buffer("weight", (weight / scale[:, None]).round().to(torch.int8), persistent=False)
        self.register_buffer("bias", bias.to(dtype), persistent=False)
        # No buffer, so that it stays in float32 when the model around it is converted.
        self._scale = scale
        self._dtype = dtype
        self._product: Product | None = None

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Shape (..., inputs) to (..., outputs)."""
        rows = given.reshape(-1, given.shape[-1])
        step = rows.abs().amax(1, keepdim=True).clamp_(min=_SMALLEST).div_(_STEPS)
        whole = rows.mul(step.reciprocal()).round_().to(torch.int8)
        if self._product is None:
            self._product = _product(self.weight, self._scale.to(self.weight.device), self._dtype)
        made = torch.addcmul(self.bias, self._product(whole), step)
        return made.view(*given.shape[:-1], -1)


def quantise(model: nn.Module, dtype: torch.dtype) -> int:
    """Replace every linear layer below ``model`` in place; how many. dtype: the number type between the products."""
    count = 0
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, Int8Linear(child, dtype))
                count += 1
    return count


def _product(weight: torch.Tensor, scale: torch.Tensor, dtype: torch.dtype) -> Product:
    """int8 rows (rows, inputs) times the weight, in ``dtype``, each channel already multiplied by its scale."""
    if weight.device.type == "cpu" and _onednn_is_right():
        return _onednn(weight, scale, dtype)
    transposed = weight.t()
    return lambda rows: (torch._int_mm(rows, transposed) * scale).to(dtype)


def _onednn(weight: torch.Tensor, scale: torch.Tensor, dtype: torch.dtype) -> Product:
    multiply = torch.ops.onednn.qlinear_pointwise
    packed = torch.ops.onednn.qlinear_prepack(weight, None)
    zeros = torch.zeros(len(weight), dtype=torch.int32)
    return lambda rows: multiply(rows, 1.0, 0, packed, scale, zeros, None, 1.0, 0, dtype, "none", [], "")


@cache
def _onednn_is_right() -> bool:
    """Whether this build of torch has oneDNN's integer product and it is exact here."""
    drawn = torch.Generator().manual_seed(0)
    rows, weight = (torch.randint(-127, 128, (size, 96), generator=drawn, dtype=torch.int8) for size in (17, 32))
    try:
        found = _onednn(weight, torch.ones(32), torch.float32)(rows)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False
    return torch.equal(found.long(), rows.long() @ weight.long().t())
