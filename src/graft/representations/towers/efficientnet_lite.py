"""EfficientNet-lite0: mobile inverted bottlenecks without squeeze-and-excitation, as its weights were trained.

Decisions: names of modules are those of the published PyTorch weights, so a state dict fits as it is. Convolutions pad
as TensorFlow does (SAME): what is odd is put behind. ReLU6 everywhere; batch normalisation with an epsilon of 1e-3. The
lite variants keep the stem and the head at 32 and 1,280 channels.

Tan & Le (2019), EfficientNet; the lite variants: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import torch
from torch import nn
from torch.nn import functional

# Of each stage: blocks, size of the window, stride, expansion, channels in and out.
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
WIDTH = 1280
BLOCKS = sum(stage[0] for stage in _STAGES)


class SameConv(nn.Conv2d):
    """A convolution whose output is its input divided by the stride, rounded up.

    It is made as torch's own is, because adapters make one like it; the padding that is asked for says nothing.
    """

    def __init__(
        self,
        inside: int,
        outside: int,
        window: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        *,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__(inside, outside, window, stride, groups=groups, bias=bias)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - the name is torch's
        """Shapes (rows, inside, height, width) to (rows, outside, …)."""
        window, stride = self.kernel_size[0], self.stride[0]
        pads = []
        for side in (input.shape[-1], input.shape[-2]):
            whole = max((-(-side // stride) - 1) * stride + window - side, 0)
            pads += [whole // 2, whole - whole // 2]
        before, even = (pads[2], pads[0]), pads[::2] == pads[1::2]
        given = input if even else functional.pad(input, pads)
        inside = before if even else (0, 0)
        return functional.conv2d(given, self.weight, self.bias, self.stride, inside, 1, self.groups)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedBottleneck(nn.Module):
    """Widen, look around, narrow; with a way past where the shape stays."""

    def __init__(self, inside: int, outside: int, window: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inside * expansion
        if expansion != 1:
            self._expand_conv = SameConv(inside, wide, 1)
            self._bn0 = _norm(wide)
        self._depthwise_conv = SameConv(wide, wide, window, stride=stride, groups=wide)
        self._bn1 = _norm(wide)
        self._project_conv = SameConv(wide, outside, 1)
        self._bn2 = _norm(outside)
        self._widens, self._past = expansion != 1, stride == 1 and inside == outside

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Shape (rows, inside, height, width) to (rows, outside, …)."""
        inner = functional.relu6(self._bn0(self._expand_conv(given))) if self._widens else given
        inner = self._bn2(self._project_conv(functional.relu6(self._bn1(self._depthwise_conv(inner)))))
        made: torch.Tensor = inner + given if self._past else inner
        return made


class EfficientNetLite0(nn.Module):
    """The network, its classifier too, which says what its weights were trained to tell apart."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, stride=2)
        self._bn0 = _norm(32)
        blocks = []
        for count, window, stride, expansion, inside, outside in _STAGES:
            for number in range(count):
                first = number == 0
                blocks.append(
                    InvertedBottleneck(inside if first else outside, outside, window, stride if first else 1, expansion)
                )
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv(320, WIDTH, 1)
        self._bn1 = _norm(WIDTH)
        self._fc = nn.Linear(WIDTH, classes)

    def stem(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the first block is given."""
        return functional.relu6(self._bn0(self._conv_stem(pixels)))

    def top(self, hidden: torch.Tensor) -> torch.Tensor:
        """What the last block gives, as vectors (rows, 1280)."""
        return functional.relu6(self._bn1(self._conv_head(hidden))).mean((2, 3))
