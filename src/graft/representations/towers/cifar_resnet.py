"""The residual networks for pictures of 32 pixels: 6n + 2 layers in three stages of 16, 32 and 64 channels.

Decision: names of modules are those of the published PyTorch weights; where the shape changes the way past takes every
second pixel and fills the new channels with zeros, which needs no weights (option A of the paper).

He et al. (2016), Deep residual learning for image recognition, section 4.2.
"""

import torch
from torch import nn
from torch.nn import functional

WIDTH = 64


class BasicBlock(nn.Module):
    """Two convolutions, and a way past them."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self._new = outside - inside

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Shape (rows, inside, height, width) to (rows, outside, …)."""
        inner = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(given)))))
        past = (
            functional.pad(given[:, :, ::2, ::2], (0, 0, 0, 0, self._new // 2, self._new // 2)) if self._new else given
        )
        return functional.relu(inner + past)


class CifarResNet(nn.Module):
    """The network, its classifier too. blocks: in each of the three stages. grid: the last maps are averaged in so many
    by so many fields; more than one keeps where something was seen."""

    def __init__(self, blocks: int, classes: int = 10, grid: int = 1) -> None:
        super().__init__()
        self._grid = grid
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        inside = 16
        for stage, (outside, stride) in enumerate(((16, 1), (32, 2), (64, 2)), start=1):
            made = [
                BasicBlock(inside if place == 0 else outside, outside, stride if place == 0 else 1)
                for place in range(blocks)
            ]
            setattr(self, f"layer{stage}", nn.Sequential(*made))
            inside = outside
        self.linear = nn.Linear(WIDTH * grid**2, classes)

    def stem(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the first block is given."""
        return functional.relu(self.bn1(self.conv1(pixels)))

    def top(self, hidden: torch.Tensor) -> torch.Tensor:
        """What the last block gives, as vectors (rows, 64 · fields)."""
        return functional.adaptive_avg_pool2d(hidden, self._grid).flatten(1)
