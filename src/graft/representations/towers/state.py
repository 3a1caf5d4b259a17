"""The weights of a network of our own form, as they are loaded into it."""

import torch
from safetensors.torch import load_file

from graft.core.errors import SourceError
from graft.representations.source import Source


def read_state(source: Source) -> dict[str, torch.Tensor]:
    """The tensors of a source by name, in float32 where they are no counts. Raises SourceError for weights that are no
    numbers, and nothing can be computed with."""
    found: dict[str, torch.Tensor] = {}
    for name in source.weights.files:
        found |= load_file(source.weights.directory / name)
    if not all(bool(torch.isfinite(value).all()) for value in found.values()):
        raise SourceError(
            f"{source.weights.reference} holds weights that are no numbers",
            needed="finite weights",
            fix="copy it again",
        )
    return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}
