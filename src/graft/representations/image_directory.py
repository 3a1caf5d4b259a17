"""The directory of an image source, verified and described.

Decisions: what a network is given is part of what it is, so a directory without ``preprocessor_config.json`` is refused
rather than guessed at; only square inputs are read. The width of the vectors is what the weights say, not only what the
configuration claims.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.core.digests import key
from graft.core.errors import SourceError
from graft.core.files import read_json, write_json
from graft.representations.image_reading import INTERPOLATIONS, ImageReading
from graft.representations.implied import check_implied
from graft.representations.pooling import Pooling
from graft.representations.reading import Reading
from graft.representations.source import Source, Weights
from graft.representations.text_directory import architecture_of
from graft.representations.weights.safetensors_file import TensorEntry
from graft.representations.weights.unchanged import weights_digest
from graft.representations.weights.weight_files import read_tensors, require_floats, weight_files_of

_LARGEST_SIDE = 1024
SETTINGS = "preprocessor_config.json"
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class ImageForm:
    """How the directories of one architecture are described.

    name: its ``model_type``. shape: of its configuration and the shapes of its tensors, how wide its vectors are and
    how many layers it has; raises KeyError, TypeError or ValueError for what is none. fixed: whether it reads pictures
    of one size alone, that of its configuration. own: whether it is built here, not by transformers. head: the linear
    layer over its vectors that told the labels it was trained on, by its name; "" where there is no such layer.
    """

    name: str
    shape: Callable[[Mapping[str, Any], Shapes], tuple[int, int]]
    fixed: bool = False
    own: bool = False
    head: str = ""


def _ending(shapes: Shapes, name: str) -> tuple[int, ...]:
    return next(shape for known, shape in shapes.items() if known == name or known.endswith(f".{name}"))


def _clip(config: Mapping[str, Any], shapes: Shapes) -> tuple[int, int]:
    vision = config.get("vision_config", config)
    return _ending(shapes, "visual_projection.weight")[0], vision["num_hidden_layers"]


def _fields(config: Mapping[str, Any], shapes: Shapes) -> tuple[int, int]:
    width, grid = shapes["linear.weight"][1], config.get("grid", 1)
    if type(grid) is not int or not 0 < grid <= width or width % grid**2:
        raise ValueError(f"a grid of {grid!r}, and vectors of {width} numbers")
    return width, 3 * config["blocks"]


FORMS: tuple[ImageForm, ...] = (
    ImageForm("efficientnet-lite0", lambda config, shapes: (shapes["_conv_head.weight"][0], 16), own=True, head="_fc"),
    ImageForm("cifar-resnet", _fields, own=True, head="linear"),
    ImageForm(
        "mobilenet_v2",
        lambda config, shapes: (_ending(shapes, "conv_1x1.convolution.weight")[0], 16),
        head="classifier",
    ),
    ImageForm(
        "resnet", lambda config, shapes: (config["hidden_sizes"][-1], len(config["depths"])), head="classifier.1"
    ),
    ImageForm(
        "convnext", lambda config, shapes: (config["hidden_sizes"][-1], len(config["depths"])), head="classifier"
    ),
    ImageForm(
        "vit",
        lambda config, shapes: (config["hidden_size"], config["num_hidden_layers"]),
        fixed=True,
        head="classifier",
    ),
    ImageForm("dinov2", lambda config, shapes: (config["hidden_size"], config["num_hidden_layers"])),
    ImageForm("clip", _clip, fixed=True),
    ImageForm("clip_vision_model", _clip, fixed=True),
)


def is_image_directory(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is of a model that reads images."""
    return any(form.name == config.get("model_type") for form in FORMS)


def read_image_directory(directory: Path, reference: str, revision: str) -> Source:
    """Describe the directory of an image source, which was checked. Raises SourceError with what is wrong."""
    config: dict[str, Any] = read_json(directory / "config.json")
    form = next(one for one in FORMS if one.name == config["model_type"])
    files = weight_files_of(directory, reference)
    tensors = read_tensors(files, reference)
    parameters = sum(math.prod(entry.shape) for entry in tensors)
    if not form.own:
        check_implied(directory, config, reference, held=parameters, tensors=len(tensors))
    width, layers = _shape(form, config, tensors, reference)
    weights = Weights(
        reference=reference,
        directory=directory,
        revision=revision,
        digest=weights_digest(files),
        files=tuple(file.name for file in files),
        architecture=key(architecture_of(directory)),
        model_type=form.name,
        hidden=width,
        layers=layers,
        parameters=parameters,
        side_files=(SETTINGS,),
    )
    # Its position embeddings may be for so many patches and no others.
    fixed = config.get("vision_config", config).get("image_size") if form.fixed else None
    return Source(weights, image_settings(directory, reference, fixed=fixed), Pooling.MEAN, normalise=True)


def drawn_image_source(directory: Path, reference: str, *, shapes: Shapes, seed: int) -> Source:
    """A network of our own whose weights are drawn, from its configuration. shapes: of the tensors it is told by."""
    config: dict[str, Any] = read_json(directory / "config.json")
    form = next(one for one in FORMS if one.own and one.name == config["model_type"])
    width, layers = form.shape(config, shapes)
    weights = Weights(
        reference=reference,
        directory=directory,
        revision="",
        digest=f"random-{key([architecture_of(directory), seed])}",
        files=(),
        architecture=key(architecture_of(directory)),
        model_type=form.name,
        hidden=width,
        layers=layers,
        parameters=0,
        side_files=(SETTINGS,),
        random_seed=seed,
    )
    return Source(weights, image_settings(directory, reference), Pooling.MEAN, normalise=True)


def state_reading(folder: Path, reading: Reading) -> None:
    """Say beside a copy of an image source how it reads, where that is not what its directory says."""
    if isinstance(reading, ImageReading):
        said: dict[str, Any] = {
            "do_resize": True,
            "size": {"shortest_edge": reading.shorter}
            if reading.shorter
            else {"height": reading.side, "width": reading.side},
            "resample": INTERPOLATIONS.index(reading.interpolation),
            "do_center_crop": bool(reading.shorter),
            "crop_size": {"height": reading.side, "width": reading.side},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(reading.mean),
            "image_std": list(reading.std),
        }
        write_json(folder / SETTINGS, said)


def _shape(
    form: ImageForm, config: Mapping[str, Any], tensors: Sequence[TensorEntry], reference: str
) -> tuple[int, int]:
    try:
        shapes = {entry.name: entry.shape for entry in tensors}
        width, layers = form.shape(config, shapes)
        if form.own:
            _require_classes(config.get("classes"), shapes[f"{form.head}.weight"])
            require_floats(tensors, reference)
        if not (type(width) is int and type(layers) is int and 0 < width <= 1 << 16 and 0 < layers <= len(tensors)):
            raise ValueError(f"{width!r} numbers, {layers!r} layers")
    except (KeyError, TypeError, ValueError, IndexError, StopIteration) as error:
        raise SourceError(
            f"{reference}: its config.json does not describe a {form.name} model ({type(error).__name__}: {error})",
            needed="the configuration its weights were saved with",
            fix="copy the directory again",
        ) from error
    return width, layers


def _require_classes(stated: Any, head: tuple[int, ...]) -> None:
    """Raise ValueError where a configuration states other classes than the head in the weights tells apart."""
    if stated is not None and (type(stated) is not int or head[:1] != (stated,)):
        raise ValueError(f"{ascii(stated)[:40]} classes, and a head of {head[0] if head else 0}")


def image_settings(directory: Path, reference: str, *, fixed: Any = None, usual: int = 224) -> ImageReading:
    """How a source reads, by the ``preprocessor_config.json`` beside it. Raises SourceError where it does not say.

    fixed: the one side its network reads, whatever that file says. usual: the side where neither says one.
    """
    said = read_json(directory / SETTINGS)
    if not isinstance(said, dict) or not said:
        raise SourceError(
            f"{reference} does not say how pictures become its input: there is no preprocessor_config.json",
            needed="the size, mean and standard deviation it was trained with",
            fix="save the image processor beside the model: AutoImageProcessor.from_pretrained(…).save_pretrained(DIR)",
        )
    try:
        side, shorter = _sides(said, usual)
        if fixed is not None:
            side, shorter = fixed, round(shorter * fixed / side)
        normal = said.get("do_normalize", True)
        scale = float(said.get("rescale_factor", 1 / 255)) if said.get("do_rescale", True) else 1.0
        mean, std = (
            tuple(float(value) / (scale * 255) for value in said[name]) if normal else given
            for name, given in (("image_mean", (0.0,) * 3), ("image_std", (1 / (scale * 255),) * 3))
        )
        method = INTERPOLATIONS[said.get("resample", 2)]
        whole = len(mean) == len(std) == 3 and all(map(math.isfinite, (*mean, *std))) and min(std) > 0
        if not (whole and type(side) is int and 0 < side <= min(_LARGEST_SIDE, shorter or side)):
            raise ValueError("its numbers make no reading")
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        raise SourceError(
            f"{reference}: its preprocessor_config.json cannot be followed ({type(error).__name__}: {error})",
            needed=f"a square of at most {_LARGEST_SIDE} pixels, and mean and deviation of three channels",
            fix="copy it again from where the model was published",
        ) from error
    return ImageReading(side, shorter, mean, std, method)


def _sides(said: Mapping[str, Any], usual: int) -> tuple[int, int]:
    """The side of the square that is read, and what the shorter side of a picture is made before; 0 for all of it."""
    size = said.get("size", usual)
    crop = said.get("crop_size", size) if said.get("do_center_crop") else None
    if not said.get("do_resize", True):
        raise ValueError("pictures are not resized, and vectors are made of one size")
    if isinstance(size, Mapping) and "shortest_edge" not in size:
        if size["height"] != size["width"]:
            raise ValueError(f"pictures of {size['height']} x {size['width']}")
        shorter, pressed = size["height"], True
    else:
        shorter, pressed = (size["shortest_edge"] if isinstance(size, Mapping) else size), False
    if crop is None and "crop_pct" in said and not pressed:
        # ConvNeXt states the square, and what share of the shorter side it is.
        return shorter, round(shorter / said["crop_pct"]) if said["crop_pct"] and shorter < 384 else 0
    if crop is None:
        return shorter, 0 if pressed else shorter
    square = crop["height"] if isinstance(crop, Mapping) else crop
    if isinstance(crop, Mapping) and crop["height"] != crop["width"]:
        raise ValueError(f"pictures of {crop['height']} x {crop['width']}")
    return square, (0 if pressed and square == shorter else shorter)
