"""How a source reads images: which part of a picture, at which size, in which numbers.

Decisions: a source reads a square; either the middle of the picture, whose shorter side is first made so many pixels
long (as most were trained), or all of it pressed into the square. The part is cut before it is resized, so a picture of
one pixel by a million asks for no memory. Colours are what torchvision and transformers mean by mean and standard
deviation of channels from 0 to 1. Pillow's filters look at every pixel (antialiasing), as the usual preprocessing does.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from graft.core.digests import key
from graft.core.errors import InputError
from graft.core.extras import require
from graft.representations.reading import PlainReading
from graft.rows.content.media import Medium
from graft.rows.content.pictures import pixels

INTERPOLATIONS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
"""By the numbers that configurations give them (those of pillow)."""
_DECODERS = 4


@dataclass(frozen=True)
class ImageReading(PlainReading):
    """How pictures become numbers.

    side: of the square that is read, in pixels. shorter: what the shorter side is made before the middle is cut out; 0
    where the whole picture is pressed into the square. mean, std: of the channels red, green and blue, from 0 to 1.
    interpolation: one of ``INTERPOLATIONS``.
    """

    kind: ClassVar[str] = "image"
    unit: ClassVar[str] = "pixels"
    limit: ClassVar[int] = 0
    side: int
    shorter: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: of readings whose vectors may be compared."""
        return key([self.side, self.shorter, list(self.mean), list(self.std), self.interpolation])

    def told(self) -> Mapping[str, str]:
        """Its square and its colours."""
        whole = f"{self.side} x {self.side} pixels"
        part = f"{whole} from the middle, the shorter side made {self.shorter}" if self.shorter else f"all, in {whole}"
        colours = f"mean {_numbers(self.mean)}, deviation {_numbers(self.std)}"
        return {"pixels": f"{part} ({self.interpolation})", "colours": colours}

    def array(self, one: Medium) -> np.ndarray:
        """The square that is read, uint8, shape (side, side, 3)."""
        shorter = self.shorter or self.side
        image = pixels(one, shorter)
        width, height = image.size
        box = None
        if self.shorter:
            part = min(width, height) * self.side / self.shorter
            left, top = (width - part) / 2, (height - part) / 2
            box = (max(0.0, left), max(0.0, top), min(width, left + part), min(height, top + part))
        pillow = require("PIL.Image", extra="images", what="reading pictures")
        method = pillow.Resampling[self.interpolation.upper()]
        return np.asarray(image.resize((self.side, self.side), method, box=box))

    def numbers(self, arrays: np.ndarray) -> np.ndarray:
        """Squares as a network takes them: uint8 (rows, side, side, 3) to float32 (rows, 3, side, side)."""
        scale = np.float32(1) / (np.float32(255) * np.asarray(self.std, np.float32))
        offset = np.asarray(self.mean, np.float32) / np.asarray(self.std, np.float32)
        made = arrays.astype(np.float32) * scale - offset
        return np.ascontiguousarray(made.transpose(0, 3, 1, 2))


def squares(contents: Sequence[Medium], reading: ImageReading) -> np.ndarray:
    """What a source reads of pictures, uint8 (contents, side, side, 3); decoded by a few threads at once."""
    if not contents:
        return np.zeros((0, reading.side, reading.side, 3), np.uint8)
    if len(contents) == 1:
        return reading.array(contents[0])[None]
    with ThreadPoolExecutor(_DECODERS, thread_name_prefix="graft-pixels") as pool:
        return np.stack(list(pool.map(reading.array, contents)))


def image_reading(source: Any) -> ImageReading:
    """The reading of a source of images. Raises InputError for another source."""
    if not isinstance(source.reading, ImageReading):
        raise InputError(
            f"{source.weights.reference} reads content of the kind {source.reading.kind!r}, and the rows are images",
            needed="a source that reads images",
            fix="choose one, for example lite0",
        )
    return source.reading


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)
