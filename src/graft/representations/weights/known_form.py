"""What is known of weights that came without a configuration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]
IMAGENET: Mapping[str, list[float]] = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


@dataclass(frozen=True)
class Described:
    """A network that weights are, or only look like.

    network: in words. files: what stands beside the weights, by name. names: what their tensors are called from now on,
    where that changes. notes: what a person should know of it. unlike: why they are not that network after all; then
    nothing is written beside them.
    """

    network: str
    files: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unlike: str = ""


@dataclass(frozen=True)
class KnownForm:
    """One family of networks. name: in words. describe: weights by the names and shapes of their tensors; None for
    weights that have nothing to do with it."""

    name: str
    describe: Callable[[Shapes], Described | None]


def reads_middle(side: int, shorter: int, *, mean: list[float], std: list[float]) -> Mapping[str, Any]:
    """The usual preprocessing: the shorter side made ``shorter`` pixels (bilinear), and the middle square read."""
    return {
        "do_resize": True,
        "size": {"shortest_edge": shorter},
        "resample": 2,
        "do_center_crop": True,
        "crop_size": {"height": side, "width": side},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": mean,
        "image_std": std,
    }
