"""EfficientNet-lite0 as an ONNX network in memory, for reading alone.

Decision: the same numbers in another runtime, which keeps each convolution with its ReLU6 in one pass over memory:
twice as many pictures a second as torch gives on one core. It is made from the loaded weights each time, so nothing is
kept that could go stale, and whoever uses it compares it with the tower first.
"""

import numpy as np
from torch import nn

from graft.representations.towers.efficientnet_lite import WIDTH, EfficientNetLite0, InvertedBottleneck
from graft.representations.weights.onnx_writing import network, node, port, tensor


def lite_onnx(model: EfficientNetLite0) -> bytes:
    """An ONNX file from pixels (rows, 3, height, width) to vectors (rows, 1280).

    model: with its normalisation folded into its convolutions.
    """
    made = _Making()
    hidden = made.convolution("pixels", model._conv_stem, clipped=True)
    for block in model._blocks:
        assert isinstance(block, InvertedBottleneck)
        inner = made.convolution(hidden, block._expand_conv, clipped=True) if block._widens else hidden
        inner = made.convolution(inner, block._depthwise_conv, clipped=True)
        inner = made.convolution(inner, block._project_conv)
        hidden = made.add("Add", [inner, hidden]) if block._past else inner
    hidden = made.convolution(hidden, model._conv_head, clipped=True)
    hidden = made.add("GlobalAveragePool", [hidden])
    made.nodes.append(node("Flatten", [hidden], "vectors", {"axis": 1}))
    pixels, vectors = port("pixels", ("rows", 3, "height", "width")), port("vectors", ("rows", WIDTH))
    return network(made.nodes, made.tensors, pixels, vectors)


class _Making:
    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.tensors = [tensor("none", np.array(0)), tensor("six", np.array(6))]

    def add(self, kind: str, given: list[str], **attributes: int | str | list[int]) -> str:
        """The name of what an operator makes."""
        made = f"made{len(self.nodes)}"
        self.nodes.append(node(kind, given, made, attributes))
        return made

    def convolution(self, given: str, one: nn.Module, *, clipped: bool = False) -> str:
        """The name of what a convolution makes, with ReLU6 behind it where that is wanted."""
        assert isinstance(one, nn.Conv2d)
        assert one.bias is not None
        names = [f"weight{len(self.nodes)}", f"bias{len(self.nodes)}"]
        for name, values in zip(names, (one.weight, one.bias), strict=True):
            self.tensors.append(tensor(name, values.detach().numpy()))
        made = self.add(
            "Conv",
            [given, *names],
            auto_pad="SAME_UPPER",
            group=one.groups,
            kernel_shape=list(one.kernel_size),
            strides=[*one.stride],
        )
        return self.add("Clip", [made, "none", "six"]) if clipped else made
