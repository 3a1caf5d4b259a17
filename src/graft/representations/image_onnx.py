"""A picture network as ONNX, verified and described: a source that is run as it is, whoever exported it.

Decisions: what its square is and which numbers it takes stands in ``preprocessor_config.json`` beside it, as for every
image source, and a file without one is refused rather than guessed at. One input of pictures, channels first or last;
what it gives is vectors, or maps whose mean is taken. Of several outputs the one is taken whose name says what it is. A
network that can only be run is never tuned, and never drawn anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.core.digests import key
from graft.core.errors import SourceError
from graft.core.files import read_json
from graft.representations.image_directory import SETTINGS, image_settings, is_image_directory
from graft.representations.pooling import Pooling
from graft.representations.source import Source, Weights
from graft.representations.weights.onnx_file import read_onnx
from graft.representations.weights.onnx_signature import Port, Ports, signature_of
from graft.representations.weights.unchanged import weights_digest

MODEL_TYPE = "onnx-image"
_SUFFIX = ".onnx"
_REALS = ("float32", "float16", "float64")
_TELLING = ("image_embeds", "pooler_output", "embedding", "embeddings", "features", "vectors")
_MOST_NUMBERS = 1 << 16


@dataclass(frozen=True)
class PictureNetwork:
    """How a network is called. given, made: names of its input and its output. type: of the numbers it takes.

    channels_last: whether pictures are (rows, side, side, 3). rows: how many it takes at once, None for any number.
    side: of the square, None for any. width: numbers of a vector. maps: whether it gives maps and not vectors.
    """

    given: str
    made: str
    type: str
    channels_last: bool
    rows: int | None
    side: int | None
    width: int
    maps: bool


def is_onnx_image_directory(directory: Path, config: Mapping[str, Any]) -> bool:
    """Whether a directory holds a network of pictures as ONNX, and no weights in another form."""
    known = not config or config.get("model_type") == MODEL_TYPE or is_image_directory(config)
    return known and not list(directory.glob("model.safetensors*")) and bool(_networks(directory))


def read_onnx_image(directory: Path, reference: str, revision: str) -> Source:
    """Describe a directory with one network of pictures, which was checked. Raises SourceError with what is wrong."""
    found = _networks(directory)
    if len(found) > 1:
        raise SourceError(
            f"{reference} holds {len(found)} ONNX files: {', '.join(ascii(one.name)[:100] for one in found[:6])}",
            needed="the one that is meant",
            fix=f"name it: path:{directory / found[0].name}",
        )
    return read_onnx_picture_file(found[0], reference, revision)


def read_onnx_picture_file(file: Path, reference: str, revision: str = "") -> Source:
    """Describe one file and what lies beside it. Raises SourceError with what is wrong."""
    raw, facts = read_onnx(file, reference)
    network = picture_network(raw, reference)
    said: Any = read_json(file.parent / SETTINGS)
    stated = isinstance(said, dict) and ("size" in said or "crop_size" in said)
    if isinstance(said, dict) and said and not stated and network.side is None:
        raise SourceError(
            f"{reference} takes pictures of any size, and its {SETTINGS} does not say of which",
            needed="the side it was trained with",
            fix=f'add it to {SETTINGS}: "size": {{"height": 224, "width": 224}}',
        )
    reading = image_settings(file.parent, reference, usual=network.side or 224)
    if network.side is not None and reading.side != network.side:
        raise SourceError(
            f"{reference} takes pictures of {network.side} x {network.side} pixels, and its {SETTINGS} makes them "
            f"{reading.side} x {reading.side}",
            needed="one side",
            fix=f"export it again for {reading.side} pixels, or correct {SETTINGS}",
        )
    weights = Weights(
        reference=reference,
        directory=file.parent,
        revision=revision,
        digest=weights_digest([file]),
        files=(file.name,),
        architecture=key({"model_type": MODEL_TYPE, "output": network.made}),
        model_type=MODEL_TYPE,
        hidden=network.width,
        layers=1,
        parameters=facts.parameters,
        side_files=(SETTINGS,),
    )
    return Source(weights, reading, Pooling.MEAN, normalise=True)


def picture_network(raw: bytes, reference: str) -> PictureNetwork:
    """How the network in the bytes of a file that was looked at is called. Raises SourceError where it reads no
    pictures, or gives no vectors."""
    try:
        signature = signature_of(raw)
    except (ValueError, IndexError) as error:
        raise _unfit(reference, "its inputs and outputs cannot be read") from error
    given, last = _pictures(signature, reference)
    made = _vectors(signature, reference)
    sides = given.shape[1:3] if last else given.shape[2:4]  # type: ignore[index]
    if sides[0] != sides[1]:
        raise _unfit(reference, f"it takes {given}, which is no square")
    assert made.shape is not None
    maps = len(made.shape) == 4
    width = made.shape[-1] if last or not maps else made.shape[1]
    if width is None or not 0 < width <= _MOST_NUMBERS:
        raise _unfit(reference, f"it does not say how many numbers its output {made} has")
    assert given.shape is not None
    return PictureNetwork(given.name, made.name, given.type, last, given.shape[0], sides[0], width, maps)


def _networks(directory: Path) -> list[Path]:
    return sorted(path for path in directory.glob(f"*{_SUFFIX}") if path.is_file())


def _pictures(signature: Ports, reference: str) -> tuple[Port, bool]:
    """The input, and whether channels come last in it."""
    if len(signature.inputs) != 1:
        several = ", ".join(map(str, signature.inputs[:4])) or "none"
        raise _unfit(reference, f"it has {len(signature.inputs)} inputs: {several}")
    given = signature.inputs[0]
    if given.type not in _REALS or given.shape is None or len(given.shape) != 4:
        raise _unfit(reference, f"its input is {given}")
    first, last = given.shape[1] == 3, given.shape[3] == 3
    if first == last:
        raise _unfit(reference, f"its input is {given}, and either the second or the last side must be 3 (the colours)")
    return given, last


def _vectors(signature: Ports, reference: str) -> Port:
    outputs = signature.outputs
    told = [one for name in _TELLING for one in outputs if one.name == name]
    if len(outputs) != 1 and not told:
        raise _unfit(reference, f"it has {len(outputs)} outputs: {', '.join(map(str, outputs[:4]))}")
    made = outputs[0] if len(outputs) == 1 else told[0]
    if made.shape is None or len(made.shape) not in (2, 4):
        raise _unfit(reference, f"its output is {made}")
    return made


def _unfit(reference: str, why: str) -> SourceError:
    return SourceError(
        f"{reference} is no network that turns a picture into a vector: {why}",
        needed="one input of real numbers (rows, 3, side, side) or (rows, side, side, 3); "
        f"one output (rows, numbers) or maps, or one of several called {', '.join(_TELLING[:3])}",
        fix="export it again so, without its classifier, or choose another source",
    )
