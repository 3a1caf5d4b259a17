"""What stands side by side, made to weigh alike before one penalty holds for all of it.

Decisions: of each part the mean of the training rows that have it is taken off, and what is left is divided by one
number, so that those rows vary by one in all; the geometry inside a part stays as it is. Without that, pictures whose
vectors all point much the same way would hardly be heard beside texts. A row that lacks a part lies where the middle
of the others lies, and what its absence says is left to the flag behind the vectors (``joined_source``). All of it is
one linear map, so it is folded into the head: a saved model scores the vectors as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from graft.representations.source import Source
from graft.scores.linear import LinearHead

_CONSTANT = 1e-6  # of the length of the mean, below which what is left of a part is rounding


@dataclass(frozen=True)
class Block:
    """Columns of one part: from start to end, and the column that says where it is lacking."""

    start: int
    end: int
    flag: int


@dataclass(frozen=True, eq=False)
class Balance:
    """How columns are balanced.

    blocks: of the parts. means: of each, float64. scales: what each is divided by; infinite where all rows say the
    same, which leaves nothing of it.
    """

    blocks: tuple[Block, ...]
    means: tuple[np.ndarray, ...]
    scales: tuple[float, ...]

    def of(self, inputs: np.ndarray) -> np.ndarray:
        """Balanced columns of rows, float32, the same shape."""
        made = np.array(inputs, np.float32)
        for block, mean, scale in zip(self.blocks, self.means, self.scales, strict=True):
            there = 1 - inputs[:, block.flag, None]
            made[:, block.start : block.end] = (inputs[:, block.start : block.end] - there * mean) / scale
        return made

    def folded(self, head: LinearHead) -> LinearHead:
        """A head on balanced columns as one on columns as they are."""
        weight, bias = head.weight.astype(np.float64), head.bias.astype(np.float64)
        for block, mean, scale in zip(self.blocks, self.means, self.scales, strict=True):
            own = weight[:, block.start : block.end] / scale
            moved = own @ mean
            weight[:, block.start : block.end] = own
            weight[:, block.flag] += moved
            bias -= moved
        return replace(head, weight=weight.astype(np.float32), bias=bias.astype(np.float32))


def balance_of(source: Source, inputs: np.ndarray) -> Balance:
    """The balance of a joined source on training rows. inputs: its vectors, and what stands beside them."""
    blocks, start, flags = [], 0, source.dimension - len(source.parts)
    for place, part in enumerate(source.parts):
        blocks.append(Block(start, start + part.dimension, flags + place))
        start += part.dimension
    return fit_balance(blocks, inputs)


def fit_balance(blocks: Sequence[Block], inputs: np.ndarray) -> Balance:
    """The balance of blocks of columns on training rows, float (rows, columns)."""
    means, scales = [], []
    for block in blocks:
        there = inputs[inputs[:, block.flag] == 0, block.start : block.end].astype(np.float64)
        mean = there.mean(0) if len(there) else np.zeros(block.end - block.start)
        spread = float(np.sqrt(np.square(there - mean).sum(1).mean())) if len(there) else 0.0
        means.append(mean)
        scales.append(spread if spread > _CONSTANT * max(1e-12, float(np.linalg.norm(mean))) else np.inf)
    return Balance(tuple(blocks), tuple(means), tuple(scales))
