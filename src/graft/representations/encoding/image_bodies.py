"""A body of images, run over batches of pictures that are decoded while the one before is run.

Decisions: pictures are decoded batch by batch, never all of a chunk at once, so a hundred thousand of them take the
memory of two batches. All batches of many pictures have one shape, the last one filled up, because a processor picks
its kernels, and so the order of its sums, by the shape. Numbers are float32: in bfloat16 a convolution gains little on
a processor and the vectors of depthwise networks move too far.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Protocol

import numpy as np
import torch

from graft.core.errors import SourceError
from graft.representations.backbone import device
from graft.representations.cache import Ragged
from graft.representations.encoding.bodies import Precision
from graft.representations.encoding.onnx_session import OnnxSession, frozen_only, no_eight_bits, require_runs
from graft.representations.encoding.streaming import ahead
from graft.representations.image_onnx import picture_network
from graft.representations.image_reading import ImageReading, image_reading, squares
from graft.representations.source import Source
from graft.representations.towers.efficientnet_lite import EfficientNetLite0
from graft.representations.towers.lite_onnx import lite_onnx
from graft.representations.towers.tower import Tower, fused, load_tower
from graft.representations.weights.onnx_file import read_onnx
from graft.rows.content.media import Medium

IMAGES_PER_BATCH = 16
# What torch makes of few pictures stays near the processor: MobileNetV2 is half as fast again as with sixteen.
_ON_A_PROCESSOR = 4
_TRIED_SIDE, _SAME = 96, 1e-4


@dataclass(frozen=True)
class ImageRows:
    """Pictures that will be read."""

    contents: tuple[Medium, ...]
    reading: ImageReading

    @property
    def truncated(self) -> np.ndarray:
        """None is cut: what a source reads of a picture is the same part of each."""
        return np.zeros(len(self.contents), bool)


def image_rows(source: Source, contents: Sequence[Medium]) -> ImageRows:
    """Pictures for a source. Raises InputError for a source that reads anything else."""
    return ImageRows(tuple(contents), image_reading(source))


class ImageNetwork(Protocol):
    """What turns pixels, float32 (rows, 3, side, side), into vectors, float32 (rows, width).

    rows: how many pictures it takes at once. always: whether it takes no other number.
    """

    rows: int
    always: bool

    def vectors(self, pixels: np.ndarray) -> np.ndarray:
        """Vectors of pixels."""
        ...

    def below(self, pixels: np.ndarray) -> np.ndarray:
        """Activations after the layer it was loaded for, float32 (rows, places, channels)."""
        ...


class TowerNetwork:
    """A tower, whole or up to a layer."""

    always = False

    def __init__(self, tower: Tower, layer: int | None) -> None:
        self._tower, self._layer = tower, layer
        self.rows = _ON_A_PROCESSOR if device().type == "cpu" else IMAGES_PER_BATCH

    def vectors(self, pixels: np.ndarray) -> np.ndarray:
        """As the protocol says."""
        with torch.inference_mode():
            made: np.ndarray = self._tower(_placed(pixels)).float().cpu().numpy()
        return made

    def below(self, pixels: np.ndarray) -> np.ndarray:
        """As the protocol says."""
        assert self._layer is not None
        with torch.inference_mode():
            made: np.ndarray = self._tower.below(_placed(pixels), self._layer).float().cpu().numpy()
        return made


def _placed(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).to(device()).contiguous(memory_format=torch.channels_last)


class SessionNetwork:
    """A tower written as ONNX."""

    rows, always = IMAGES_PER_BATCH, False

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    def vectors(self, pixels: np.ndarray) -> np.ndarray:
        """As the protocol says."""
        return self._session(pixels)

    def below(self, pixels: np.ndarray) -> np.ndarray:
        """It is whole."""
        raise NotImplementedError


def of_length_one(made: np.ndarray) -> np.ndarray:
    """Vectors divided by their lengths; those of no length stay as they are."""
    with np.errstate(over="ignore"):
        length = np.linalg.norm(made, axis=1, keepdims=True)
    # Of a length beyond float32 all that is left would be zeros, which look like a vector.
    length[np.isinf(length)] = np.nan
    unit: np.ndarray = made / np.maximum(length, np.float32(1e-12))
    return unit


def unfit_network(source: Source, why: str) -> SourceError:
    """The error for a network that does not do what it was described as."""
    return SourceError(
        f"{source.weights.reference} does not run as it says: {why}",
        needed="an ONNX network that takes pictures",
        fix="export it again, or choose lite0",
    )


class OnnxNetwork:
    """A network of pictures as ONNX. Raises SourceError where it is not what it was described as."""

    def __init__(self, source: Source) -> None:
        source.weights.require_unchanged()
        self._source = source
        raw, _ = read_onnx(source.weights.directory / source.weights.files[0], source.weights.reference)
        source.weights.require_unchanged()
        self._called = picture_network(raw, source.weights.reference)
        self._session = OnnxSession(raw, partial(unfit_network, source), extra="images", output=self._called.made)
        self.rows, self.always = self._called.rows or IMAGES_PER_BATCH, self._called.rows is not None

    def vectors(self, pixels: np.ndarray) -> np.ndarray:
        """As the protocol says."""
        called = self._called
        given = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)) if called.channels_last else pixels
        made = self._session(given.astype(called.type, copy=False))
        if called.maps and made.ndim == 4:
            made = made.mean((1, 2) if called.channels_last else (2, 3))
        if made.shape != (len(pixels), called.width) or not np.isfinite(made).all():
            why = f"it gives {made.shape} for {len(pixels)} pictures, or what are no numbers"
            raise unfit_network(self._source, why)
        return made

    def below(self, pixels: np.ndarray) -> np.ndarray:
        """It has no layers. Raises SourceError."""
        raise frozen_only(self._source)


class ImageBody:
    """A network, fed with pictures batch by batch. unit: whether its vectors are made of length one."""

    def __init__(self, network: ImageNetwork, *, unit: bool) -> None:
        self._network, self._unit = network, unit

    def run(self, rows: ImageRows, *, pooled: bool) -> Iterator[tuple[np.ndarray, Ragged]]:
        """Row numbers, and their vectors or the activations after the layer, batch after batch."""
        network, count = self._network, len(rows.contents)
        for batch, arrays in ahead(
            lambda some: squares([rows.contents[row] for row in some], rows.reading), _batches(count, network.rows)
        ):
            given = rows.reading.numbers(arrays)
            if len(given) < network.rows and (network.always or count > network.rows):
                given = np.concatenate([given, np.repeat(given[:1], network.rows - len(given), axis=0)])
            values = (self._vectors(given) if pooled else network.below(given))[: len(batch)]
            offsets = np.arange(len(batch) + 1, dtype=np.int64) * values.shape[1]
            yield batch, Ragged(np.ascontiguousarray(values.reshape(-1, values.shape[2])), offsets)

    def _vectors(self, given: np.ndarray) -> np.ndarray:
        made = self._network.vectors(given)
        return (of_length_one(made) if self._unit else made)[:, None]


def _batches(rows: int, together: int) -> Iterator[np.ndarray]:
    for start in range(0, rows, together):
        yield np.arange(start, min(start + together, rows))


def load_image_body(source: Source, layer: int | None, precision: Precision) -> ImageBody:
    """The body of an image source, cut after ``layer`` layers unless that is None. Raises SourceError."""
    if not source.weights.learnable:
        require_runs(source, layer, eight_bits=precision == "int8")
        return ImageBody(OnnxNetwork(source), unit=source.normalise)
    if precision == "int8":
        raise no_eight_bits(source)
    tower = fused(load_tower(source)).to(device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    network = TowerNetwork(tower, layer)
    quicker = _quicker(network, tower, source) if layer is None else None
    return ImageBody(quicker or network, unit=source.normalise)


def _quicker(network: TowerNetwork, tower: Tower, source: Source) -> "SessionNetwork | None":
    """The same network in ONNX Runtime, where that runs here, has been written and gives the same vectors."""
    if not isinstance(tower.model, EfficientNetLite0) or device().type != "cpu" or not find_spec("onnxruntime"):
        return None
    made = SessionNetwork(OnnxSession(lite_onnx(tower.model), lambda why: unfit_network(source, why), extra="images"))
    drawn = np.random.default_rng(0).standard_normal((2, 3, _TRIED_SIDE, _TRIED_SIDE)).astype(np.float32)
    try:
        both = of_length_one(made.vectors(drawn)), of_length_one(network.vectors(drawn))
    except SourceError:
        return None
    return made if np.abs(both[0] - both[1]).max() <= _SAME else None


def nothing_cut(source: Source, contents: Sequence[Medium]) -> np.ndarray:
    """No picture is larger than a source reads."""
    return np.zeros(len(contents), bool)
