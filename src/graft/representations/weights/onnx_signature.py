"""What an ONNX network takes and gives, by name, type and shape, read from a file that was looked at."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from graft.representations.weights.onnx_file import fields

_GRAPH, _TENSOR, _INPUT, _OUTPUT = 7, 5, 11, 12
_TYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64"}
_SHOWN = 100


@dataclass(frozen=True)
class Port:
    """One input or output. name: of it. type: a NumPy type, or a number that has none. shape: sides; None for a side
    that is open; None as a whole where nothing is said."""

    name: str
    type: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        """It as a message shows it."""
        sides = (
            "of any shape" if self.shape is None else " x ".join("?" if one is None else str(one) for one in self.shape)
        )
        return f"{ascii(self.name)[:_SHOWN]} ({self.type}, {sides})"


@dataclass(frozen=True)
class Ports:
    """The inputs of a network beside its own weights, and its outputs."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def signature_of(raw: bytes) -> Ports:
    """The signature of the bytes of a file that was looked at. Raises ValueError for a damaged one."""
    graph = list(fields(_first(fields(raw), _GRAPH)))
    # Files of the first kind list their weights among their inputs.
    weights = {_text(value, 8) for number, wire, value in graph if number == _TENSOR and wire == 2}
    inputs, outputs = (
        tuple(_port(value) for number, wire, value in graph if number == wanted and wire == 2)
        for wanted in (_INPUT, _OUTPUT)
    )
    return Ports(tuple(one for one in inputs if one.name not in weights), outputs)


def _port(message: bytes) -> Port:
    said = list(fields(message))
    tensor = list(fields(_first(fields(_first(said, 2)), 1)))
    kind = next((value for number, wire, value in tensor if number == 1 and wire == 0), 0)
    shape = next((value for number, wire, value in tensor if number == 2 and wire == 2), None)
    sides = None if shape is None else tuple(_side(value) for number, _, value in fields(shape) if number == 1)
    return Port(_text(message, 1), _TYPES.get(kind, f"type {kind}"), sides)


def _side(message: bytes) -> int | None:
    """The length of a side; None where it is open or has a name."""
    stated = next((value for number, wire, value in fields(message) if number == 1 and wire == 0), None)
    return stated if isinstance(stated, int) and 0 < stated < 1 << 31 else None


def _first(several: Iterable[tuple[int, int, Any]], wanted: int) -> bytes:
    return next((value for number, wire, value in several if number == wanted and wire == 2), b"")


def _text(message: bytes, wanted: int) -> str:
    return _first(fields(message), wanted).decode("utf-8", "replace")
