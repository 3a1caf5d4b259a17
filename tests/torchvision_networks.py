"""torchvision's ResNet and MobileNetV2 written out by hand over their state dicts: random weights, and what they say.

What is computed follows torchvision/models/resnet.py and mobilenetv2.py line by line, by the names of the tensors
alone, and shares nothing with the networks that are tested against it.
"""

import torch
from torch.nn.functional import adaptive_avg_pool2d, batch_norm, conv2d, max_pool2d, relu, relu6

State = dict[str, torch.Tensor]
_BASIC = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
_BOTTLENECK = {26: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
# Of each kind of block: expansion, channels, how many, stride of the first.
_INVERTED = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def _norm(state: State, name: str, channels: int, rng: torch.Generator) -> None:
    state[f"{name}.weight"] = 0.5 + torch.rand(channels, generator=rng)
    state[f"{name}.bias"] = torch.randn(channels, generator=rng) / 4
    state[f"{name}.running_mean"] = torch.randn(channels, generator=rng) / 4
    state[f"{name}.running_var"] = 0.5 + torch.rand(channels, generator=rng)
    state[f"{name}.num_batches_tracked"] = torch.tensor(7)


def _convolution(state: State, name: str, norm: str, shape: tuple[int, ...], rng: torch.Generator) -> None:
    inputs = shape[1] * shape[2] * shape[3]
    state[f"{name}.weight"] = torch.randn(shape, generator=rng) * (2 / inputs) ** 0.5
    _norm(state, norm, shape[0], rng)


def resnet_state(depth: int = 18, *, base: int = 8, classes: int = 5, seed: int = 0) -> State:
    """Random weights with torchvision's names. base: channels of the first stage (64 in the published ones)."""
    rng, state = torch.Generator().manual_seed(seed), {}
    bottleneck = depth in _BOTTLENECK
    _convolution(state, "conv1", "bn1", (base, 3, 7, 7), rng)
    inside = base
    for stage, count in enumerate((_BOTTLENECK if bottleneck else _BASIC)[depth]):
        narrow = base * 2**stage
        outside = 4 * narrow if bottleneck else narrow
        for block in range(count):
            name = f"layer{stage + 1}.{block}."
            shapes = (
                [(narrow, inside, 1, 1), (narrow, narrow, 3, 3), (outside, narrow, 1, 1)]
                if bottleneck
                else [(narrow, inside, 3, 3), (narrow, narrow, 3, 3)]
            )
            for place, shape in enumerate(shapes, start=1):
                _convolution(state, f"{name}conv{place}", f"{name}bn{place}", shape, rng)
            if block == 0 and (stage or inside != outside):
                _convolution(state, f"{name}downsample.0", f"{name}downsample.1", (outside, inside, 1, 1), rng)
            inside = outside
    state["fc.weight"] = torch.randn(classes, inside, generator=rng)
    state["fc.bias"] = torch.randn(classes, generator=rng)
    return state


def mobilenet_state(width: float = 0.5, *, classes: int = 5, seed: int = 0) -> State:
    """Random weights with torchvision's names."""
    rng, state = torch.Generator().manual_seed(seed), {}
    inside = _divisible(32 * width)
    _convolution(state, "features.0.0", "features.0.1", (inside, 3, 3, 3), rng)
    number = 0
    for expansion, channels, count, _ in _INVERTED:
        outside = _divisible(channels * width)
        for _ in range(count):
            number += 1
            name, wide, place = f"features.{number}.conv", inside * expansion, 0
            if expansion != 1:
                _convolution(state, f"{name}.0.0", f"{name}.0.1", (wide, inside, 1, 1), rng)
                place = 1
            _convolution(state, f"{name}.{place}.0", f"{name}.{place}.1", (wide, 1, 3, 3), rng)
            _convolution(state, f"{name}.{place + 1}", f"{name}.{place + 2}", (outside, wide, 1, 1), rng)
            inside = outside
    top = _divisible(1280 * max(1.0, width))
    _convolution(state, "features.18.0", "features.18.1", (top, inside, 1, 1), rng)
    state["classifier.1.weight"] = torch.randn(classes, top, generator=rng)
    state["classifier.1.bias"] = torch.randn(classes, generator=rng)
    return state


def _divisible(value: float) -> int:
    made = max(8, int(value + 4) // 8 * 8)
    return made + 8 if made < 0.9 * value else made


def _convolved(
    state: State, name: str, norm: str, given: torch.Tensor, stride: int = 1, groups: int = 1
) -> torch.Tensor:
    weight = state[f"{name}.weight"]
    made = conv2d(given, weight, None, stride, weight.shape[-1] // 2, 1, groups)
    parts = [state[f"{norm}.{one}"] for one in ("running_mean", "running_var", "weight", "bias")]
    return batch_norm(made, *parts, training=False, eps=1e-5)


def resnet_vectors(state: State, pixels: torch.Tensor) -> torch.Tensor:
    """What its last layer is given, shape (rows, width)."""
    hidden = relu(_convolved(state, "conv1", "bn1", pixels, 2))
    hidden = max_pool2d(hidden, 3, 2, 1)
    for stage in (1, 2, 3, 4):
        block = 0
        while f"layer{stage}.{block}.conv1.weight" in state:
            name, stride = f"layer{stage}.{block}.", 2 if stage > 1 and block == 0 else 1
            if f"{name}conv3.weight" in state:  # the stride is in the middle, as torchvision has it
                inner = relu(_convolved(state, f"{name}conv1", f"{name}bn1", hidden))
                inner = relu(_convolved(state, f"{name}conv2", f"{name}bn2", inner, stride))
                inner = _convolved(state, f"{name}conv3", f"{name}bn3", inner)
            else:
                inner = relu(_convolved(state, f"{name}conv1", f"{name}bn1", hidden, stride))
                inner = _convolved(state, f"{name}conv2", f"{name}bn2", inner)
            if f"{name}downsample.0.weight" in state:
                hidden = _convolved(state, f"{name}downsample.0", f"{name}downsample.1", hidden, stride)
            hidden = relu(inner + hidden)
            block += 1
    return adaptive_avg_pool2d(hidden, 1).flatten(1)


def mobilenet_vectors(state: State, pixels: torch.Tensor) -> torch.Tensor:
    """What its last layer is given, shape (rows, width)."""
    hidden = relu6(_convolved(state, "features.0.0", "features.0.1", pixels, 2))
    number = 0
    for expansion, _, count, first in _INVERTED:
        for repeat in range(count):
            number += 1
            name, inner, place, stride = f"features.{number}.conv", hidden, 0, first if repeat == 0 else 1
            if expansion != 1:
                inner, place = relu6(_convolved(state, f"{name}.0.0", f"{name}.0.1", inner)), 1
            deep = f"{name}.{place}"
            inner = relu6(_convolved(state, f"{deep}.0", f"{deep}.1", inner, stride, inner.shape[1]))
            inner = _convolved(state, f"{name}.{place + 1}", f"{name}.{place + 2}", inner)
            hidden = hidden + inner if stride == 1 and hidden.shape[1] == inner.shape[1] else inner
    hidden = relu6(_convolved(state, "features.18.0", "features.18.1", hidden))
    return adaptive_avg_pool2d(hidden, 1).flatten(1)
