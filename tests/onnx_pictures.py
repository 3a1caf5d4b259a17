"""Small picture networks as ONNX, and the same in torch: one convolution, ReLU, the mean over the picture."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from graft.representations.weights.onnx_writing import message, network, node, port, tensor

WIDTH = 8
SETTINGS = {
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
}


def weights(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((WIDTH, 3, 3, 3)).astype(np.float32), rng.standard_normal(WIDTH).astype(np.float32)


def typed_port(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    """A port of another type of numbers, by its number in onnx.proto3."""
    sides = [(1, 2, message([(1, 0, one) if isinstance(one, int) else (2, 2, one.encode())])) for one in shape]
    said = message([(1, 0, kind), (2, 2, message(sides))])
    return message([(1, 2, name.encode()), (2, 2, message([(1, 2, said)]))])


def picture_onnx(
    *, side: int | str = 32, rows: int | str = "rows", last: bool = False, maps: bool = False, seed: int = 0
) -> bytes:
    """The file. last: whether colours are the last side. maps: whether it gives maps, whose mean is the vector."""
    kernel, bias = weights(seed)
    nodes = [node("Transpose", ["pixels"], "turned", {"perm": [0, 3, 1, 2]})] if last else []
    nodes += [
        node(
            "Conv",
            ["turned" if last else "pixels", "kernel", "bias"],
            "wide",
            {"pads": [1, 1, 1, 1], "strides": [2, 2], "kernel_shape": [3, 3]},
        ),
        node("Relu", ["wide"], "made" if maps and not last else "clipped"),
    ]
    if maps and last:
        nodes.append(node("Transpose", ["clipped"], "made", {"perm": [0, 2, 3, 1]}))
    elif not maps:
        nodes += [node("GlobalAveragePool", ["clipped"], "mean"), node("Flatten", ["mean"], "made", {"axis": 1})]
    shape = (rows, side, side, 3) if last else (rows, 3, side, side)
    made = ((rows, "down", "across", WIDTH) if last else (rows, WIDTH, "down", "across")) if maps else (rows, WIDTH)
    return network(nodes, [tensor("kernel", kernel), tensor("bias", bias)], port("pixels", shape), port("made", made))


def picture_vectors(pixels: np.ndarray, seed: int = 0) -> np.ndarray:
    """What torch makes of pixels (rows, 3, side, side), of length one."""
    kernel, bias = map(torch.from_numpy, weights(seed))
    hidden = torch.nn.functional.conv2d(torch.from_numpy(pixels), kernel, bias, 2, 1).relu().mean((2, 3))
    return torch.nn.functional.normalize(hidden, dim=-1).numpy()


def write_source(folder: Path, raw: bytes, *, name: str = "model.onnx", **settings: object) -> Path:
    """A folder with one network, and how it reads; None takes a setting out."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(raw)
    said = {key: value for key, value in {**SETTINGS, **settings}.items() if value is not None}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    return folder
