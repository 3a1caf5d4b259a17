"""Pictures that were handed over as values, as the bytes of a file.

Decisions: what a caller holds (a pillow image, an array of 8-bit numbers, the bytes of a file, or the mapping that data
sets keep those in) becomes encoded bytes at the door, so everything behind it knows one form; PNG, because it loses
nothing. Pillow is imported only where a pillow image or an array was given.
"""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from graft.core.extras import require

_CHANNELS = (1, 3, 4)


def is_array(value: Any) -> bool:
    """Whether a value is one picture as an array: 8-bit numbers, shape (height, width) or (height, width, channels)."""
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or not value.size:
        return False
    return value.ndim == 2 or (value.ndim == 3 and value.shape[2] in _CHANNELS)


def is_pillow(value: Any) -> bool:
    """Whether a value is an image of pillow, which is not imported to tell."""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(value).__mro__)


def encoded(value: Any) -> bytes | None:
    """The bytes of the file a value stands for; None where it stands for none.

    value: bytes, a pillow image, an array as ``is_array`` says, or a mapping with ``bytes``.

    >>> encoded({"bytes": b"abc", "path": None}), encoded("a word")
    (b'abc', None)
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Mapping) and set(value) <= {"bytes", "path"} and isinstance(value.get("bytes"), bytes):
        return bytes(value["bytes"])
    if is_array(value):
        image = require("PIL.Image", extra="images", what="reading pictures")
        return _png(image.fromarray(value[..., 0] if value.shape[2:] == (1,) else value))
    return _png(value) if is_pillow(value) else None


def _png(image: Any) -> bytes:
    stream = io.BytesIO()
    upright = require("PIL.ImageOps", extra="images", what="reading pictures").exif_transpose(image)
    if upright.mode in ("I", "F"):
        # More than 16 bits a pixel, which PNG does not have.
        upright.save(stream, "TIFF")
        return stream.getvalue()
    known = upright.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
    (upright if known else upright.convert("RGB")).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
