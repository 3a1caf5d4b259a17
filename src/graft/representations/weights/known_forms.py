"""Weights that were published without a configuration, and are known by the names and shapes of their tensors.

Decision: only what says itself beyond doubt which network it is; its configuration, and how it reads, is then written
beside the converted weights, so every command takes the folder.
"""

from collections.abc import Sequence

from graft.representations.weights.known_form import IMAGENET, Described, KnownForm, Shapes, reads_middle
from graft.representations.weights.safetensors_file import TensorEntry
from graft.representations.weights.torchvision_forms import torchvision_mobilenet, torchvision_resnet

_REALS = ("F64", "F32", "F16", "BF16")
_COUNTER = "num_batches_tracked"


def _cifar_resnet(shapes: Shapes) -> Described | None:
    if shapes.get("conv1.weight") != (16, 3, 3, 3) or shapes.get("linear.weight", (0, 0))[1:] != (64,):
        return None
    blocks = sum(f"layer1.{number}.conv1.weight" in shapes for number in range(64))
    wanted = {f"layer{stage}.{number}.conv2.weight" for stage in (1, 2, 3) for number in range(blocks)}
    found = {name for name in shapes if name.endswith(".conv2.weight")}
    if not blocks or found != wanted or any(".downsample." in name or ".shortcut." in name for name in shapes):
        return None
    return Described(
        f"a residual network of {6 * blocks + 2} layers for pictures of 32 pixels",
        files={
            "config.json": {"model_type": "cifar-resnet", "blocks": blocks, "classes": shapes["linear.weight"][0]},
            "preprocessor_config.json": reads_middle(32, 32, **IMAGENET),
        },
    )


KNOWN_FORMS: tuple[KnownForm, ...] = (
    KnownForm("residual networks for pictures of 32 pixels", _cifar_resnet),
    KnownForm("torchvision's ResNet", torchvision_resnet),
    KnownForm("torchvision's MobileNetV2", torchvision_mobilenet),
)


def described(entries: Sequence[TensorEntry]) -> Described | None:
    """The network that the tensors of a file are, or look like; None when they look like none that is known."""
    shapes = {entry.name: entry.shape for entry in entries}
    found = next(filter(None, (form.describe(shapes) for form in KNOWN_FORMS)), None)
    whole = [entry for entry in entries if entry.dtype not in _REALS and not entry.name.endswith(_COUNTER)]
    if found is not None and not found.unlike and whole:
        return Described(found.network, unlike=f"{whole[0].name} holds numbers of the type {whole[0].dtype}, no reals")
    return found
