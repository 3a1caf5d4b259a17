"""The body of an image source as a stem, a list of layers and a top, whichever library wrote it.

Decisions: one record an architecture says where the three parts are, so cutting, caching and training are written once.
Activations between layers are maps (rows, channels, height, width) or tokens (rows, tokens, width); both are kept as
rows of vectors, and maps are square because what is read is. Batch normalisation of pretrained weights always uses the
statistics it came with: in training mode the features of MobileNetV2 have a cosine of .58 with those in eval mode, and
weights whose normalisation was folded away have none to use. Weights that were drawn have learnt no statistics yet, so
they take those of their batches; and so do those that were pretrained here, which says that theirs are real, where
every weight may change: a network that is told other things apart soon gives its layers other numbers.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from graft.core.errors import SourceError
from graft.core.files import read_json
from graft.representations.backbone import load_encoder
from graft.representations.source import Source
from graft.representations.torch_process import torch_stream
from graft.representations.towers.cifar_resnet import CifarResNet
from graft.representations.towers.efficientnet_lite import EfficientNetLite0
from graft.representations.towers.state import read_state

LEARNT = "learnt"
"""What a configuration says of ``statistics`` that were not folded away or made up."""


@dataclass(frozen=True)
class Architecture:
    """Where the parts of a model are.

    name: its ``model_type``. load: the model of a source. layers: its layers from the lowest, with the names of their
    parameters. stem: pixels (rows, 3, side, side) to what the first layer is given. top: what the last layer gives to
    vectors (rows, width). step: how a layer is called. maps: whether layers hand on maps rather than tokens.
    """

    name: str
    load: Callable[[Source], Any]
    layers: Callable[[Any], Sequence[tuple[str, nn.Module]]]
    stem: Callable[[Any, torch.Tensor], torch.Tensor]
    top: Callable[[Any, torch.Tensor], torch.Tensor]
    step: Callable[[Any, torch.Tensor], torch.Tensor] = lambda layer, hidden: layer(hidden)
    maps: bool = True


class Tower(nn.Module):
    """A model to be run from pixels, or from the activations after some layers.

    model: as its library wrote it. start, stop: the layers that are run.
    """

    def __init__(self, model: Any, parts: Architecture, *, pretrained: bool, learnt: bool = False) -> None:
        super().__init__()
        self.model = model
        self.parts = parts
        self.pretrained = pretrained
        self.layers = [layer for _, layer in parts.layers(model)]
        self.names = tuple(f"model.{name}." for name, _ in parts.layers(model))
        self.start, self.stop = 0, len(self.layers)
        self.moving: frozenset[str] = frozenset()
        self._learnt = learnt
        if not pretrained:
            self._move()

    def free(self) -> None:
        """Let the statistics of normalisation move, where those it came with are real: every weight may change."""
        if self._learnt:
            self._move()

    def _move(self) -> None:
        norms = [(name, one) for name, one in self.named_modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
        for _, norm in norms:
            # Of a few hundred steps a hundredth each would leave the statistics where they were drawn.
            norm.momentum = 0.1
        self.moving = frozenset(f"{name}.{buffer}" for name, norm in norms for buffer, _ in norm.named_buffers())

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Vectors (rows, width) of pixels (rows, 3, side, side), or of activations (rows, places, channels)."""
        made: torch.Tensor = self.parts.top(self.model, self._through(given, self.stop))
        return made

    def below(self, pixels: torch.Tensor, boundary: int) -> torch.Tensor:
        """Activations after ``boundary`` layers, shape (rows, places, channels)."""
        hidden = self._through(pixels, boundary)
        return hidden.flatten(2).transpose(1, 2) if hidden.ndim == 4 else hidden

    def _through(self, given: torch.Tensor, stop: int) -> torch.Tensor:
        hidden = self._unfolded(given) if self.start else self.parts.stem(self.model, given)
        for layer in self.layers[self.start : stop]:
            hidden = self.parts.step(layer, hidden)
        return hidden

    def _unfolded(self, given: torch.Tensor) -> torch.Tensor:
        if not self.parts.maps:
            return given
        side = math.isqrt(given.shape[1])
        return given.transpose(1, 2).reshape(len(given), -1, side, side)

    @property
    def adaptable(self) -> list[str]:
        """Names of the modules small matrices can stand beside: linear layers, and convolutions of all channels."""
        return [name for name, one in self.named_modules() if isinstance(one, nn.Linear) or _is_dense(one)]

    def train(self, mode: bool = True) -> "Tower":
        """In training mode, except for normalisation whose statistics stay."""
        super().train(mode)
        for module in self.modules() if not self.moving else ():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self


def _is_dense(one: nn.Module) -> bool:
    """Whether a convolution mixes all channels, and pads as its class says."""
    return isinstance(one, nn.Conv2d) and one.groups == 1 and (type(one) is nn.Conv2d or one.kernel_size == (1, 1))


def fused(tower: Tower) -> Tower:
    """The same tower for reading alone, in place: normalisation that follows a convolution becomes part of it."""
    for module in list(tower.model.modules()):
        children = list(module.named_children())
        for (name, one), (after, norm) in itertools.pairwise(children):
            if (
                isinstance(one, nn.Conv2d)
                and isinstance(norm, nn.BatchNorm2d)
                and norm.num_features == one.out_channels
            ):
                setattr(module, name, fuse_conv_bn_eval(one, norm))
                setattr(module, after, nn.Identity())
    return tower


def _walk(model: Any, path: str) -> list[tuple[str, nn.Module]]:
    found = model.get_submodule(path)
    return [(f"{path}.{name}", layer) for name, layer in found.named_children()]


def _listed(path: str) -> Callable[[Any], list[tuple[str, nn.Module]]]:
    return lambda model: _walk(model, path)


def _cifar_layers(model: CifarResNet) -> list[tuple[str, nn.Module]]:
    return [pair for stage in ("layer1", "layer2", "layer3") for pair in _walk(model, stage)]


def _clip_stem(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    tower = model.vision_model
    made: torch.Tensor = tower.pre_layrnorm(tower.embeddings(pixels))
    return made


def _own(make: Callable[[Mapping[str, Any]], nn.Module]) -> Callable[[Source], nn.Module]:
    """Loads a network of our own form: strictly, from one safetensors file."""

    def load(source: Source) -> nn.Module:
        source.weights.require_unchanged()
        with torch_stream():
            if source.weights.random_seed is not None:
                torch.manual_seed(source.weights.random_seed)
            model = make(read_json(source.weights.directory / "config.json"))
        if source.weights.pretrained:
            state = read_state(source)
            try:
                model.load_state_dict(state)
            except RuntimeError as error:
                first = str(error).splitlines()[0]
                raise SourceError(
                    f"the weights of {source.weights.reference} do not fit its architecture: {first}",
                    needed="a directory whose config.json describes its weights",
                    fix="convert or export the source again",
                ) from error
        return model.eval()

    return load


ARCHITECTURES: tuple[Architecture, ...] = (
    Architecture(
        "efficientnet-lite0",
        _own(lambda config: EfficientNetLite0(int(config.get("classes", 1000)))),
        _listed("_blocks"),
        EfficientNetLite0.stem,
        EfficientNetLite0.top,
    ),
    Architecture(
        "cifar-resnet",
        _own(
            lambda config: CifarResNet(
                int(config["blocks"]), int(config.get("classes", 10)), int(config.get("grid", 1))
            )
        ),
        _cifar_layers,
        CifarResNet.stem,
        CifarResNet.top,
    ),
    Architecture(
        "mobilenet_v2",
        load_encoder,
        _listed("layer"),
        lambda model, pixels: model.conv_stem(pixels),
        lambda model, hidden: model.conv_1x1(hidden).mean((2, 3)),
    ),
    Architecture(
        "resnet",
        load_encoder,
        _listed("encoder.stages"),
        lambda model, pixels: model.embedder(pixels),
        lambda model, hidden: hidden.mean((2, 3)),
    ),
    Architecture(
        "convnext",
        load_encoder,
        _listed("encoder.stages"),
        lambda model, pixels: model.embeddings(pixels),
        lambda model, hidden: model.layernorm(hidden.mean((2, 3))),
    ),
    Architecture(
        "vit",
        load_encoder,
        _listed("layers"),
        lambda model, pixels: model.embeddings(pixels),
        lambda model, hidden: model.layernorm(hidden)[:, 0],
        maps=False,
    ),
    Architecture(
        "dinov2",
        load_encoder,
        _listed("encoder.layer"),
        lambda model, pixels: model.embeddings(pixels),
        lambda model, hidden: model.layernorm(hidden)[:, 0],
        maps=False,
    ),
    *(
        Architecture(
            name,
            lambda source: load_encoder(source, "CLIPVisionModelWithProjection"),
            _listed("vision_model.encoder.layers"),
            _clip_stem,
            lambda model, hidden: model.visual_projection(model.vision_model.post_layernorm(hidden[:, 0])),
            lambda layer, hidden: layer(hidden, None),
            maps=False,
        )
        for name in ("clip", "clip_vision_model")
    ),
)


def load_tower(source: Source) -> Tower:
    """The body of an image source in float32, in eval mode. Raises SourceError."""
    for parts in ARCHITECTURES:
        if parts.name == source.weights.model_type:
            config = read_json(source.weights.directory / "config.json")
            learnt = isinstance(config, dict) and config.get("statistics") == LEARNT
            return Tower(parts.load(source), parts, pretrained=source.weights.pretrained, learnt=learnt).eval()
    raise SourceError(
        f"{source.weights.reference} is a {source.weights.model_type} model",
        needed=f"one of {', '.join(parts.name for parts in ARCHITECTURES)}",
        fix="choose another source, for example lite0",
    )
