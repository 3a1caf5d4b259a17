"""What an ONNX file says, read before any runtime sees it.

Decisions: the file is a protocol buffer (onnx.proto3), whose fields are walked here, so nothing foreign runs and no
other package is needed. Refused are operators from outside the standard set (they are code beside the file), functions
of the file's own, tensors that lie in other files, and loops, which may never end; also whatever is nested without end
or larger than a bound. Sessions are made from the bytes that were looked at, never from a path.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graft.core import foreign
from graft.core.errors import InputError, SourceError
from graft.representations.weights.onnx_writing import Field, message, port

_LIMIT = 1 << 30
_DEPTH = 8
_FIELDS = 4_000_000
_STANDARD = ("", "ai.onnx", "ai.onnx.ml")
_ENDLESS = ("Loop", "Scan", "SequenceMap")
# Numbers of the fields of onnx.proto3.
_MODEL_GRAPH, _MODEL_OPSETS, _MODEL_FUNCTIONS = 7, 8, 25
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_SPARSE = 1, 5, 11, 12, 15
_NODE_INPUT, _NODE_OUTPUT, _NODE_TYPE, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_RAW, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 1, 2, 9, 13, 14
_FLOAT = 1


@dataclass(frozen=True)
class OnnxFacts:
    """What was found. parameters: numbers in its tensors. operators: their names, sorted."""

    parameters: int
    operators: tuple[str, ...]


def read_onnx(path: Path, reference: str) -> tuple[bytes, OnnxFacts]:
    """The bytes of an ONNX file and what it says. Raises SourceError for one that must not be run."""
    try:
        raw = foreign.read_bytes(path, limit=_LIMIT)
        model = list(fields(raw))
        graph, *more = [value for number, wire, value in model if number == _MODEL_GRAPH and wire == 2]
        if more:
            raise _Refused("it holds more than one graph, which a runtime would run as one")
        for number, _, value in model:
            if number == _MODEL_FUNCTIONS:
                raise _Refused("it brings functions of its own")
            if number == _MODEL_OPSETS:
                _domain(_last_text(value, 1))
        operators: set[str] = set()
        parameters = _graph(graph, operators, 0)
    except _Refused as error:
        raise SourceError(
            f"{reference}: {path.name} cannot be run safely: {error}",
            needed="a plain ONNX file: standard operators, and all of its tensors inside it",
            fix="export it again without custom operators, into one file, or choose another source",
        ) from error
    except (ValueError, IndexError, StopIteration, TypeError, InputError) as error:
        why = error.given if isinstance(error, InputError) else "it is no ONNX file, or a damaged one"
        raise SourceError(
            f"{reference}: {path.name}: {why}", needed="an undamaged ONNX file", fix="copy it again"
        ) from error
    return raw, OnnxFacts(parameters, tuple(sorted(operators)))


class _Refused(Exception):
    """Why a file is not run."""


def fields(raw: bytes) -> Iterator[Field]:
    """The fields of a message: number, wire type, and an integer or bytes. Raises ValueError for what is none.

    >>> list(fields(bytes([8, 150, 1, 18, 2, 104, 105])))
    [(1, 0, 150), (2, 2, b'hi')]
    """
    place, end, count = 0, len(raw), 0
    while place < end:
        count += 1
        if count > _FIELDS:
            raise ValueError("fields without end")
        tag, place = _varint(raw, place)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise ValueError("a field that no reader knows alike")
        if wire == 0:
            value, place = _varint(raw, place)
            yield number, wire, value
            continue
        size, place = (8, place) if wire == 1 else (4, place) if wire == 5 else _varint(raw, place)
        if wire not in (1, 2, 5) or place + size > end:
            raise ValueError("no message")
        yield number, wire, raw[place : place + size]
        place += size


def _varint(raw: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = raw[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
    raise ValueError("a number without end")


def _text(message: bytes, wanted: int) -> str:
    return next((value.decode() for number, wire, value in fields(message) if number == wanted and wire == 2), "")


def _last_text(message: bytes, wanted: int) -> str:
    """Of a field that is there once: said twice, the last counts, as it does for every reader of such files."""
    said = [value for number, wire, value in fields(message) if number == wanted and wire == 2]
    return str(said[-1].decode()) if said else ""


def _domain(name: str) -> None:
    if name not in _STANDARD:
        raise _Refused(f"it needs operators of {ascii(name)[:100]}, which are code beside it")


def _graph(message: bytes, operators: set[str], depth: int) -> int:
    """Numbers in the tensors of a graph, everything in it looked at."""
    if depth > _DEPTH:
        raise _Refused("its graphs are nested without end")
    parameters = 0
    for number, _, value in fields(message):
        if number == _GRAPH_NODE:
            parameters += _node(value, operators, depth)
        elif number == _GRAPH_TENSOR:
            parameters += _tensor(value)
        elif number == _GRAPH_SPARSE:
            for inner, _, tensor in fields(value):
                parameters += _tensor(tensor) if inner in (1, 2) else 0
    return parameters


def _node(message: bytes, operators: set[str], depth: int) -> int:
    _domain(_last_text(message, _NODE_DOMAIN))
    name = _last_text(message, _NODE_TYPE)
    operators.add(name)
    if name in _ENDLESS:
        raise _Refused(f"it holds a loop ({name}), which may never end")
    parameters = 0
    for number, _, attribute in fields(message):
        if number == _NODE_ATTRIBUTE:
            for inner, wire, value in fields(attribute):
                if inner in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS) and wire == 2:
                    parameters += _tensor(value)
                elif inner in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS) and wire == 2:
                    parameters += _graph(value, operators, depth + 1)
    return parameters


def _tensor(message: bytes) -> int:
    dims: list[int] = []
    for number, wire, value in fields(message):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value):
            raise _Refused("some of its tensors lie in other files")
        if number == _TENSOR_DIMS:
            dims += [value] if wire == 0 else _packed(value)
    return math.prod(dims)


def _packed(raw: bytes) -> list[int]:
    found, place = [], 0
    while place < len(raw):
        value, place = _varint(raw, place)
        found.append(value)
    return found


def float_tensors(raw: bytes) -> list[np.ndarray]:
    """The float32 tensors of a graph that was looked at, in their order."""
    found = []
    for number, _, value in fields(next(value for number, _, value in fields(raw) if number == _MODEL_GRAPH)):
        if number != _GRAPH_TENSOR:
            continue
        said = list(fields(value))
        dims = [
            side
            for inner, wire, one in said
            if inner == _TENSOR_DIMS
            for side in ([one] if wire == 0 else _packed(one))
        ]
        numbers = next((one for inner, _, one in said if inner == _TENSOR_RAW), b"")
        if (_TENSOR_TYPE, 0, _FLOAT) in said and len(numbers) == 4 * math.prod(dims):
            found.append(np.frombuffer(numbers, "<f4").reshape(dims))
    return found


def without_edges(raw: bytes, width: int) -> bytes | None:
    """The same network between its first and its last node, which only reshape, open to inputs of any length.

    width: of its input. It then takes float32 (rows, 1, length, width) and gives (rows, numbers, length, 1). None where
    the file is not built so; whether it says the same is for the caller to see.
    """
    model = list(fields(raw))
    graph = list(fields(next(value for number, _, value in model if number == _MODEL_GRAPH)))
    nodes = [value for number, _, value in graph if number == _GRAPH_NODE]
    if len(nodes) < 3 or any(_text(node, _NODE_TYPE) != "Reshape" for node in (nodes[0], nodes[-1])):
        return None
    given, made = _text(nodes[0], _NODE_OUTPUT), _text(nodes[-1], _NODE_INPUT)
    kept = [
        one for one in graph if one[0] not in (_GRAPH_INPUT, _GRAPH_OUTPUT, 13) and one[2] not in (nodes[0], nodes[-1])
    ]
    kept.append((_GRAPH_INPUT, 2, port(given, ("rows", 1, "length", width))))
    kept.append((_GRAPH_OUTPUT, 2, port(made, ("rows", "numbers", "windows", "one"))))
    inner = message(kept)
    return message([(number, wire, inner if number == _MODEL_GRAPH else value) for number, wire, value in model])
