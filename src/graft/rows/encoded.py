"""Pictures and sounds that were handed over as values, as the bytes of a file.

Decisions: what a caller holds (a pillow image, an array of 8-bit numbers, the bytes of a file, or the mapping that data
sets keep those in) becomes encoded bytes at the door, so everything behind it knows one form; PNG, because it loses
nothing. Pillow is imported only where a pillow image or an array was given. Samples become a WAV with nothing in its
header that changes from one time to the next, so that equal samples have equal digests.
"""

import io
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from graft.core.extras import require

_CHANNELS = (1, 3, 4)
_SOUND = {"array", "sampling_rate"}
# Numbers of samples as WAV keeps them: its code for whole and for broken numbers.
_WAV = {"uint8": 1, "int16": 1, "int32": 1, "float32": 3, "float64": 3}


def is_array(value: Any) -> bool:
    """Whether a value is one picture as an array: 8-bit numbers, shape (height, width) or (height, width, channels)."""
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or not value.size:
        return False
    return value.ndim == 2 or (value.ndim == 3 and value.shape[2] in _CHANNELS)


def is_pillow(value: Any) -> bool:
    """Whether a value is an image of pillow, which is not imported to tell."""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(value).__mro__)


def is_sound(value: Any) -> bool:
    """Whether a value is samples with their rate: what ``soundfile.read`` or ``scipy.io.wavfile.read`` return, or a
    mapping with ``array`` and ``sampling_rate``, as data sets keep them. Shape (moments,) or (moments, channels).

    >>> is_sound((8000, np.zeros(80))), is_sound((np.zeros(80), 8000)), is_sound((1, 2))
    (True, True, False)
    """
    return _samples(value) is not None


def _samples(value: Any) -> tuple[int, np.ndarray] | None:
    if isinstance(value, Mapping) and set(value) >= _SOUND:
        rate, samples = value["sampling_rate"], value["array"]
        samples = np.asarray(samples) if isinstance(samples, list) else samples
    elif isinstance(value, tuple) and len(value) == 2:
        rate, samples = value if isinstance(value[1], np.ndarray) else value[::-1]
    else:
        return None
    if not isinstance(samples, np.ndarray) or samples.ndim not in (1, 2) or isinstance(rate, bool):
        return None
    if not isinstance(rate, int | float | np.number) or not 0 < rate < 1 << 31 or int(rate) != rate:
        return None
    if samples.dtype.name not in _WAV:
        samples = samples.astype(np.float64) if samples.dtype.kind in "iuf" else None
    # More channels than moments: the first axis counts channels.
    return None if samples is None else (int(rate), samples.T if samples.ndim == 2 and _flat(samples) else samples)


def _flat(samples: np.ndarray) -> bool:
    return bool(samples.shape[0] < samples.shape[1] and samples.shape[0] <= 8)


def _wav(rate: int, samples: np.ndarray) -> bytes:
    body = np.ascontiguousarray(samples.astype(samples.dtype.newbyteorder("<"))).tobytes()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    width = samples.dtype.itemsize * channels
    code = _WAV[samples.dtype.name]
    header = struct.pack("<HHIIHH", code, channels, rate, rate * width % (1 << 32), width, 8 * samples.dtype.itemsize)
    chunks = b"fmt " + struct.pack("<I", len(header)) + header + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks + b"\0" * (len(body) % 2)


def encoded(value: Any) -> bytes | None:
    """The bytes of the file a value stands for; None where it stands for none.

    value: bytes, a pillow image, an array as ``is_array`` says, what ``is_sound`` says, or a mapping with ``bytes``.

    >>> encoded({"bytes": b"abc", "path": None}), encoded("a word")
    (b'abc', None)
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Mapping) and set(value) <= {"bytes", "path"} and isinstance(value.get("bytes"), bytes):
        return bytes(value["bytes"])
    sound = _samples(value)
    if sound is not None:
        return _wav(*sound)
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
