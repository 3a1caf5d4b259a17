"""What may change and what must not: by name, and verified.

Decision: the proof that a frozen part stayed frozen is a digest of its parameters and buffers before and after
training, because buffers (batch statistics, for example) drift without a gradient.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from graft.core.digests import array_digest
from graft.core.errors import GraftError


@dataclass(frozen=True)
class FreezeRecord:
    """The verified freeze of one training run.

    frozen, trained: numbers of values. digest: of everything frozen, the same before and after.
    """

    frozen: int
    trained: int
    digest: str


def frozen_digest(modules: Iterable[nn.Module]) -> tuple[str, int]:
    """Digest and number of values of every frozen parameter and every buffer, in order of name."""
    arrays: list[np.ndarray] = []
    count = 0
    for module in modules:
        for _, tensor in sorted(_frozen(module), key=lambda pair: pair[0]):
            raw = tensor.detach().cpu().contiguous()
            arrays.append(raw.view(torch.uint8).numpy() if raw.dtype == torch.bfloat16 else raw.numpy())
            count += raw.numel()
    return array_digest(arrays), count


def _frozen(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    parameters = [(name, value) for name, value in module.named_parameters() if not value.requires_grad]
    moving = moving_buffers(module)
    return [*parameters, *((name, value) for name, value in module.named_buffers() if name not in moving)]


def moving_buffers(module: nn.Module) -> frozenset[str]:
    """The buffers that a module says training changes: statistics of batches, where its weights were drawn."""
    moving: frozenset[str] = getattr(module, "moving", frozenset())
    return moving


def verify_frozen(before: str, after: str, what: str) -> None:
    """Raise GraftError when what was frozen changed."""
    if before != after:
        raise GraftError(
            f"the frozen part of {what} changed while training ({before} before, {after} after)",
            needed="the same digest before and after",
            fix="this is a fault of Graft: please report it with the source and the strategy",
        )


def parameter_groups(
    body: nn.Module,
    head: nn.Module,
    layer_names: tuple[str, ...],
    *,
    rate: float,
    head_rate: float,
    decay: float,
    weight_decay: float,
    head_decay: float = 0.0,
) -> list[dict[str, object]]:
    """AdamW groups with a lower rate the deeper a layer lies, and no weight decay on norms, biases and embeddings.

    layer_names: prefixes of the layers, from the lowest to the highest; what lies below them (the embeddings) comes
    last.
    rate: of the highest layer. decay: factor from one layer to the next below. head_decay: weight decay of the head's
    matrices. Each group says how many layers lie ``above`` it; -1 for the head.
    """
    groups: dict[tuple[int, float], list[nn.Parameter]] = {}
    reached = not any(name.startswith(layer_names) for name, _ in body.named_parameters())
    for name, parameter in body.named_parameters():
        if not parameter.requires_grad:
            continue
        depth = next((number for number, prefix in enumerate(layer_names) if name.startswith(prefix)), -1)
        above = len(layer_names) - 1 - depth if depth >= 0 else len(layer_names)
        reached = reached or depth >= 0
        if depth < 0 and reached and "embeddings" not in name and "embed" not in name:
            above = 0
        plain = parameter.ndim < 2 or "embed" in name
        groups.setdefault((above, 0.0 if plain else weight_decay), []).append(parameter)
    for parameter in head.parameters():
        groups.setdefault((-1, 0.0 if parameter.ndim < 2 else head_decay), []).append(parameter)
    return [
        {
            "params": members,
            "lr": head_rate if above < 0 else rate * decay**above,
            "weight_decay": wd,
            "above": above,
        }
        for (above, wd), members in groups.items()
    ]
