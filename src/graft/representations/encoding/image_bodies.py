"""A body of images, run over batches of pictures that are decoded while the one before is run.

Decisions: pictures are decoded batch by batch, never all of a chunk at once, so a hundred thousand of them take the
memory of two batches. All batches of many pictures have one shape, the last one filled up, because a processor picks
its kernels, and so the order of its sums, by the shape. Numbers are float32: in bfloat16 a convolution gains little on
a processor and the vectors of depthwise networks move too far.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from graft.core.errors import SourceError
from graft.representations.backbone import device
from graft.representations.cache import Ragged
from graft.representations.encoding.bodies import Precision
from graft.representations.encoding.streaming import ahead
from graft.representations.image_reading import ImageReading, image_reading, squares
from graft.representations.source import Source
from graft.representations.towers.tower import Tower, fused, load_tower
from graft.rows.content.media import Medium

IMAGES_PER_BATCH = 16


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


class ImageBody:
    """A tower, whole or up to a layer."""

    def __init__(self, tower: Tower, source: Source, layer: int | None) -> None:
        self._tower, self._source, self._layer = tower, source, layer

    def run(self, rows: ImageRows, *, pooled: bool) -> Iterator[tuple[np.ndarray, Ragged]]:
        """Row numbers, and their vectors or the activations after the layer, batch after batch."""
        where = device()
        for batch, arrays in ahead(
            lambda some: squares([rows.contents[row] for row in some], rows.reading), _batches(len(rows.contents))
        ):
            given = torch.from_numpy(rows.reading.numbers(arrays))
            if len(rows.contents) > IMAGES_PER_BATCH > len(given):
                given = torch.cat([given, given[:1].expand(IMAGES_PER_BATCH - len(given), -1, -1, -1)])
            with torch.inference_mode():
                given = given.to(where).contiguous(memory_format=torch.channels_last)
                if pooled:
                    vectors = self._tower(given)
                    unit = self._source.normalise
                    made = (torch.nn.functional.normalize(vectors, dim=-1) if unit else vectors)[:, None]
                else:
                    assert self._layer is not None
                    made = self._tower.below(given, self._layer)
                values = made[: len(batch)].float().cpu().numpy()
            offsets = np.arange(len(batch) + 1, dtype=np.int64) * values.shape[1]
            yield batch, Ragged(np.ascontiguousarray(values.reshape(-1, values.shape[2])), offsets)


def _batches(rows: int) -> Iterator[np.ndarray]:
    for start in range(0, rows, IMAGES_PER_BATCH):
        yield np.arange(start, min(start + IMAGES_PER_BATCH, rows))


def load_image_body(source: Source, layer: int | None, precision: Precision) -> ImageBody:
    """The body of an image source, cut after ``layer`` layers unless that is None. Raises SourceError."""
    if precision == "int8":
        raise SourceError(
            f"{source.weights.reference} in eight bits",
            needed="native or float32: eight-bit numbers are for sources of texts",
            fix="leave the precision out",
        )
    tower = fused(load_tower(source)).to(device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ImageBody(tower, source, layer)


def nothing_cut(source: Source, contents: Sequence[Medium]) -> np.ndarray:
    """No picture is larger than a source reads."""
    return np.zeros(len(contents), bool)
