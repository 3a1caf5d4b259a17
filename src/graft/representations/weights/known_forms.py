"""Weights that were published without a configuration, and are known by the names and shapes of their tensors.

Decision: only what says itself beyond doubt which network it is; its configuration, and how it reads, is then written
beside the converted weights, so every command takes the folder.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class KnownForm:
    """One network. name: in words. files: what stands beside its weights, of their shapes; None for other weights."""

    name: str
    files: Callable[[Shapes], Mapping[str, Any] | None]


def _cifar_resnet(shapes: Shapes) -> Mapping[str, Any] | None:
    if shapes.get("conv1.weight") != (16, 3, 3, 3) or shapes.get("linear.weight", (0, 0))[1:] != (64,):
        return None
    blocks = sum(f"layer1.{number}.conv1.weight" in shapes for number in range(64))
    wanted = {f"layer{stage}.{number}.conv2.weight" for stage in (1, 2, 3) for number in range(blocks)}
    found = {name for name in shapes if name.endswith(".conv2.weight")}
    if not blocks or found != wanted or any(".downsample." in name or ".shortcut." in name for name in shapes):
        return None
    return {
        "config.json": {"model_type": "cifar-resnet", "blocks": blocks, "classes": shapes["linear.weight"][0]},
        "preprocessor_config.json": {
            "do_resize": True,
            "size": {"shortest_edge": 32},
            "resample": 2,
            "do_center_crop": True,
            "crop_size": {"height": 32, "width": 32},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [0.485, 0.456, 0.406],
            "image_std": [0.229, 0.224, 0.225],
        },
    }


KNOWN_FORMS: tuple[KnownForm, ...] = (KnownForm("a residual network for pictures of 32 pixels", _cifar_resnet),)
