"""Linear layers whose weights are laid out once as the processor's matrix units want them.

Decision: a plain product lays its weight out anew at every call, which for batches of a thousand tokens costs as much
as the product. oneDNN keeps the layout when it is asked to; the call is one that torch uses inside, so it is tried
on each layer first, and a layer where it is missing or says something else stays as it was.
"""

from typing import Any

import torch
from torch import nn

_ROWS = 64


class PackedLinear(nn.Module):
    """A linear layer with its weight in oneDNN's own layout; the processor only."""

    def __init__(self, layer: nn.Linear, rows: int) -> None:
        super().__init__()
        operations: Any = torch.ops.mkldnn
        self._weight = operations._reorder_linear_weight(layer.weight.data, rows)
        self._bias = layer.bias.data
        self._multiply = operations._linear_pointwise

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Shape (rows, inputs) to (rows, outputs)."""
        made: torch.Tensor = self._multiply(given, self._weight, self._bias, "none", [], "")
        return made


def pack(model: nn.Module, rows: int) -> int:
    """Replace the linear layers below ``model`` in place where that works; how many. rows: of the usual product."""
    count = 0
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            packed = _packed(child, rows) if type(child) is nn.Linear else None
            if packed is not None:
                setattr(module, name, packed)
                count += 1
    return count


def _packed(layer: nn.Linear, rows: int) -> PackedLinear | None:
    if layer.weight.device.type != "cpu" or layer.weight.dtype != torch.bfloat16 or layer.bias is None:
        return None
    drawn = torch.randn(_ROWS, layer.in_features, generator=torch.Generator().manual_seed(0)).to(layer.weight.dtype)
    try:
        with torch.inference_mode():
            packed = PackedLinear(layer, rows)
            found, expected = packed(drawn).float(), layer(drawn).float()
    except (RuntimeError, AttributeError, NotImplementedError, TypeError):
        return None
    # Both round once, at the end; the sums before it may be taken in another order.
    return packed if torch.allclose(found, expected, rtol=2**-6, atol=1e-2 * float(expected.abs().max())) else None
