"""The state dicts of torchvision's ResNet and MobileNetV2, as the same networks of transformers.

Decisions: a state dict is taken where every one of its tensors has the name and the shape the network needs and none is
left over; then names alone change, and every command takes the folder. Weights that only look like such a network (a
grouped or wide ResNet, statistics that are missing, a head of several layers) are not bent to fit; what is in the way
is said instead. How many pictures each normalisation has seen may be missing: nothing is computed from it.

torchvision/models/resnet.py and mobilenetv2.py; He et al. (2016), Sandler et al. (2018).
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from graft.representations.weights.known_form import IMAGENET, Described, Shapes, reads_middle

_COUNTER = "num_batches_tracked"
_STATISTICS = ("running_mean", "running_var")
_NORM = ("weight", "bias", *_STATISTICS)
# What its stem and its sixteen blocks hand on, at width 1.
_STEM, _CHANNELS, _TOP = 32, (16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320), 1280
_WIDTHS = tuple(step / 20 for step in range(1, 61))
_STAGES = (1, 2, 3, 4)
Wanted = dict[str, tuple[str, tuple[int, ...]]]
"""Of each tensor, what it is called in transformers, and its shape."""
_Tensor = tuple[str, tuple[str, tuple[int, ...]]]


def torchvision_resnet(shapes: Shapes) -> Described | None:
    """A ResNet of basic or bottleneck blocks; None for other weights."""
    if not {"conv1.weight", "layer1.0.conv1.weight", "layer4.0.conv1.weight"} <= shapes.keys():
        return None
    depths = [sum(f"layer{stage}.{block}.conv1.weight" in shapes for block in range(100)) for stage in _STAGES]
    bottleneck = "layer1.0.conv3.weight" in shapes
    last = f"conv{3 if bottleneck else 2}.weight"
    widths = [_first(shapes, f"layer{stage}.0.{last}") for stage in _STAGES]
    stem, classes = _first(shapes, "conv1.weight"), _first(shapes, "fc.weight")
    prefix = "resnet." if classes else ""
    config = {
        "model_type": "resnet",
        "architectures": ["ResNetForImageClassification" if classes else "ResNetModel"],
        "num_channels": 3,
        "embedding_size": stem,
        "hidden_sizes": widths,
        "depths": depths,
        "layer_type": "bottleneck" if bottleneck else "basic",
        "hidden_act": "relu",
        "downsample_in_first_stage": False,
        "downsample_in_bottleneck": False,
        **({"num_labels": classes} if classes else {}),
    }
    wanted = dict(_resnet_tensors(prefix, stem, widths, depths, bottleneck))
    wanted |= _head("fc", "classifier.1", classes, widths[-1])
    kind = f"ResNet-{2 + sum(depths) * (3 if bottleneck else 2)}"
    return _described(f"torchvision's {kind}", config, wanted, shapes)


def _resnet_tensors(
    prefix: str, stem: int, widths: list[int], depths: list[int], bottleneck: bool
) -> Iterator[_Tensor]:
    embedder = f"{prefix}embedder.embedder"
    yield from _convolved("conv1", "bn1", embedder, (stem, 3, 7, 7))
    inside = stem
    for stage, width, depth in zip(_STAGES, widths, depths, strict=True):
        narrow = width // 4
        for block in range(depth):
            own, theirs = f"layer{stage}.{block}.", f"{prefix}encoder.stages.{stage - 1}.layers.{block}."
            sides = (
                [(narrow, inside, 1, 1), (narrow, narrow, 3, 3), (width, narrow, 1, 1)]
                if bottleneck
                else [(width, inside, 3, 3), (width, width, 3, 3)]
            )
            for place, shape in enumerate(sides):
                yield from _convolved(f"{own}conv{place + 1}", f"{own}bn{place + 1}", f"{theirs}layer.{place}", shape)
            if block == 0 and (stage > 1 or inside != width):
                shortcut = (width, inside, 1, 1)
                yield from _convolved(f"{own}downsample.0", f"{own}downsample.1", f"{theirs}shortcut", shortcut)
            inside = width


def torchvision_mobilenet(shapes: Shapes) -> Described | None:
    """A MobileNetV2 of any width; None for other weights."""
    if not {"features.0.0.weight", "features.1.conv.0.0.weight", "features.18.0.weight"} <= shapes.keys():
        return None
    classes = _first(shapes, "classifier.1.weight")
    named = [(width, _mobilenet_tensors(width, classes)) for width in _WIDTHS]
    # The nearest where none fits, so that what is in the way can be named.
    width, wanted = min(named, key=lambda one: sum(shapes.get(name) != shape for name, (_, shape) in one[1].items()))
    config = {
        "model_type": "mobilenet_v2",
        "architectures": ["MobileNetV2ForImageClassification" if classes else "MobileNetV2Model"],
        "num_channels": 3,
        "image_size": 224,
        "depth_multiplier": width,
        "depth_divisible_by": 8,
        "min_depth": 8,
        "expand_ratio": 6.0,
        "output_stride": 32,
        "first_layer_is_expansion": True,
        "finegrained_output": True,
        "hidden_act": "relu6",
        "tf_padding": False,
        "classifier_dropout_prob": 0.2,
        "layer_norm_eps": 1e-5,
        **({"num_labels": classes} if classes else {}),
    }
    return _described(f"torchvision's MobileNetV2 of width {width:g}", config, wanted, shapes)


def _mobilenet_tensors(width: float, classes: int) -> Wanted:
    prefix = "mobilenet_v2." if classes else ""
    stem, top = _rounded(_STEM * width), _rounded(_TOP * max(1.0, width))
    channels = [_rounded(one * width) for one in _CHANNELS]
    wanted = dict(_layer("features.0", f"{prefix}conv_stem.first_conv", (stem, 3, 3, 3)))
    wanted |= _layer("features.1.conv.0", f"{prefix}conv_stem.conv_3x3", (stem, 1, 3, 3))
    wanted |= _convolved(
        "features.1.conv.1",
        "features.1.conv.2",
        f"{prefix}conv_stem.reduce_1x1",
        (channels[0], stem, 1, 1),
    )
    for block, (inside, outside) in enumerate(itertools.pairwise(channels)):
        own, theirs, wide = f"features.{block + 2}.conv", f"{prefix}layer.{block}", 6 * inside
        wanted |= _layer(f"{own}.0", f"{theirs}.expand_1x1", (wide, inside, 1, 1))
        wanted |= _layer(f"{own}.1", f"{theirs}.conv_3x3", (wide, 1, 3, 3))
        wanted |= _convolved(f"{own}.2", f"{own}.3", f"{theirs}.reduce_1x1", (outside, wide, 1, 1))
    wanted |= _layer("features.18", f"{prefix}conv_1x1", (top, channels[-1], 1, 1))
    return wanted | _head("classifier.1", "classifier", classes, top)


def _rounded(channels: float) -> int:
    """A multiple of eight that is not more than a tenth smaller."""
    made = max(8, int(channels + 4) // 8 * 8)
    return made + 8 if made < 0.9 * channels else made


def _layer(own: str, theirs: str, shape: tuple[int, ...]) -> Wanted:
    return dict(_convolved(f"{own}.0", f"{own}.1", theirs, shape))


def _convolved(convolution: str, norm: str, theirs: str, shape: tuple[int, ...]) -> Iterator[_Tensor]:
    """A convolution and the normalisation behind it."""
    yield f"{convolution}.weight", (f"{theirs}.convolution.weight", shape)
    for name in _NORM:
        yield f"{norm}.{name}", (f"{theirs}.normalization.{name}", shape[:1])
    yield f"{norm}.{_COUNTER}", (f"{theirs}.normalization.{_COUNTER}", ())


def _head(own: str, theirs: str, classes: int, width: int) -> Wanted:
    if not classes:
        return {}
    return {f"{own}.weight": (f"{theirs}.weight", (classes, width)), f"{own}.bias": (f"{theirs}.bias", (classes,))}


def _first(shapes: Shapes, name: str) -> int:
    return (shapes.get(name) or (0,))[0]


def _described(name: str, config: Mapping[str, Any], wanted: Wanted, shapes: Shapes) -> Described:
    unlike = _unlike(wanted, shapes)
    if unlike:
        return Described(name, unlike=unlike)
    return Described(
        name,
        files={"config.json": config, "preprocessor_config.json": reads_middle(224, 256, **IMAGENET)},
        names={own: theirs for own, (theirs, _) in wanted.items() if own in shapes},
        notes=(
            "pictures are read as torchvision's first ImageNet weights read them (shorter side 256, the middle 224, "
            "bilinear); if these were trained otherwise, say so in preprocessor_config.json",
        ),
    )


def _unlike(wanted: Wanted, shapes: Shapes) -> str:
    """What keeps weights from being these; empty when nothing does."""
    lacking = [name for name in wanted if name not in shapes and not name.endswith(_COUNTER)]
    statistics = [name for name in lacking if name.endswith(_STATISTICS)]
    if statistics:
        return f"its normalisation has no running statistics ({statistics[0]} is missing)"
    if lacking:
        return f"{lacking[0]} is missing"
    other = [name for name, (_, shape) in wanted.items() if name in shapes and tuple(shapes[name]) != shape]
    if other:
        found = " x ".join(map(str, shapes[other[0]]))
        return f"{other[0]} is {found}, and {' x '.join(map(str, wanted[other[0]][1]))} was needed"
    more = [name for name in shapes if name not in wanted]
    return f"it also holds {more[0]}" if more else ""
