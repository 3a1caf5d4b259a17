"""ONNX files (onnx.proto3) written field by field, for networks that are made or changed here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Field = tuple[int, int, Any]
_OPSET, _FORMAT = 17, 8
_FLOAT, _INTEGER_ATTRIBUTE, _TEXT_ATTRIBUTE, _INTEGERS_ATTRIBUTE = 1, 2, 3, 7


def message(several: Sequence[Field]) -> bytes:
    """A message of fields: number, wire type (0 or 2 here), and an integer or bytes.

    >>> message([(1, 0, 150), (2, 2, b"hi")]).hex()
    '08960112026869'
    """
    parts = []
    for number, wire, value in several:
        parts.append(_written(number << 3 | wire))
        if wire == 0:
            parts.append(_written(value))
        else:
            parts.append((_written(len(value)) if wire == 2 else b"") + value)
    return b"".join(parts)


def _written(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def port(name: str, shape: Sequence[int | str]) -> bytes:
    """A named float32 tensor of a shape, whose unknown sides have names."""
    sides = [
        (1, 2, message([(1, 0, side) if isinstance(side, int) else (2, 2, side.encode())])) for side in shape
    ]  # fmt: skip
    tensor = message([(1, 0, _FLOAT), (2, 2, message(sides))])
    return message([(1, 2, name.encode()), (2, 2, message([(1, 2, tensor)]))])


def tensor(name: str, values: np.ndarray) -> bytes:
    """A float32 tensor with its numbers."""
    whole = np.ascontiguousarray(values, "<f4")
    return message(
        [*((1, 0, side) for side in values.shape), (2, 0, _FLOAT), (8, 2, name.encode()), (9, 2, whole.tobytes())]
    )


def node(
    kind: str, given: Sequence[str], made: str, attributes: Mapping[str, int | str | Sequence[int]] | None = None
) -> bytes:
    """One operator with its inputs, its output and its attributes."""
    said = [(5, 2, _attribute(name, value)) for name, value in (attributes or {}).items()]
    return message([*((1, 2, one.encode()) for one in given), (2, 2, made.encode()), (4, 2, kind.encode()), *said])


def _attribute(name: str, value: int | str | Sequence[int]) -> bytes:
    start: list[Field] = [(1, 2, name.encode())]
    if isinstance(value, int):
        return message([*start, (3, 0, value), (20, 0, _INTEGER_ATTRIBUTE)])
    if isinstance(value, str):
        return message([*start, (4, 2, value.encode()), (20, 0, _TEXT_ATTRIBUTE)])
    return message([*start, *((8, 0, one) for one in value), (20, 0, _INTEGERS_ATTRIBUTE)])


def network(nodes: Sequence[bytes], tensors: Sequence[bytes], given: bytes, made: bytes) -> bytes:
    """A whole file: operators in the order they run, tensors with their numbers, the input and the output."""
    graph = message(
        [
            *((1, 2, one) for one in nodes),
            (2, 2, b"graft"),
            *((5, 2, one) for one in tensors),
            (11, 2, given),
            (12, 2, made),
        ]
    )
    return message([(1, 0, _FORMAT), (7, 2, graph), (8, 2, message([(2, 0, _OPSET)]))])
