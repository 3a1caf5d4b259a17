"""Pictures and sounds that were handed over as values, as the bytes of a file.

Decisions: what a caller holds (a pillow image, an array, samples with their rate, an open file, the bytes of one, or
the mapping that data sets keep those in) becomes encoded bytes at the door, so everything behind it knows one form;
PNG, because it loses nothing. Numbers of an array mean what the same numbers mean everywhere: whole ones go from 0 to
255, 16-bit ones to 65,535, and broken ones from 0 to 1 unless one is larger. What goes beyond that was made ready for a
network and is no picture any more: it is refused, never guessed at. Channels may be first or last. Pillow is imported
only where a pillow image or an array was given. Samples become a WAV with nothing in its header that changes from one
time to the next, so that equal samples have equal digests.
"""

import base64
import io
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from graft.core.errors import InputError
from graft.core.extras import require

_CHANNELS = (1, 3, 4)
_SOUND = {"array", "sampling_rate"}
# Numbers of samples as WAV keeps them: its code for whole and for broken numbers.
_WAV = {"uint8": 1, "int16": 1, "int32": 1, "float32": 3, "float64": 3}


def is_array(value: Any) -> bool:
    """Whether a value is one picture as an array or a tensor: numbers, shape (height, width), (height, width, channels)
    or (channels, height, width), of one, three or four channels.

    >>> is_array(np.zeros((28, 28))), is_array(np.zeros((3, 32, 32))), is_array(np.zeros((5, 32, 32)))
    (True, True, False)
    """
    array = _array(value)
    if array is None or array.dtype.kind not in "buif" or not array.size:
        return False
    return array.ndim == 2 or (array.ndim == 3 and (array.shape[2] in _CHANNELS or array.shape[0] in _CHANNELS))


def is_several(value: Any) -> bool:
    """Whether a single array may as well be a picture with its channels first as several grey ones.

    >>> is_several(np.zeros((3, 32, 32))), is_several(np.zeros((32, 32, 3))), is_several(np.zeros((9, 32, 32)))
    (True, False, False)
    """
    array = _array(value)
    return array is not None and array.ndim == 3 and array.shape[2] not in _CHANNELS and array.shape[0] in _CHANNELS


def is_pillow(value: Any) -> bool:
    """Whether a value is an image of pillow, which is not imported to tell."""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(value).__mro__)


def is_open_file(value: Any) -> bool:
    """Whether a value is a file that was opened, or bytes that can be read like one."""
    return hasattr(value, "read") and hasattr(value, "seek") and not hasattr(value, "columns")


def is_sound(value: Any) -> bool:
    """Whether a value is samples with their rate: what ``soundfile.read``, ``scipy.io.wavfile.read``, ``librosa.load``
    or ``torchaudio.load`` return, or a mapping with ``array`` and ``sampling_rate``, as data sets keep them. Shape
    (moments,) or (moments, channels), or channels first.

    >>> is_sound((8000, np.zeros(80))), is_sound((np.zeros(80), 8000)), is_sound((1, 2))
    (True, True, False)
    """
    return _samples(value) is not None


def is_medium(value: Any) -> bool:
    """Whether a value is a picture or a sound rather than the name of a file: whatever ``encoded`` takes, or the
    mapping of a data set that names a file.

    >>> is_medium({"bytes": None, "path": "a.png"}), is_medium("a.png"), is_medium({"a": 1})
    (True, False, False)
    """
    if isinstance(value, bytes | bytearray | memoryview) or is_pillow(value) or is_open_file(value):
        return True
    if isinstance(value, Mapping) and value and set(value) <= {"bytes", "path"}:
        return isinstance(value.get("bytes"), bytes) or isinstance(value.get("path"), str)
    return is_sound(value) or is_array(value)


def data_uri(raw: bytes) -> str:
    """Encoded bytes as a string that reads as the same bytes.

    >>> data_uri(b"abc")
    'data:application/octet-stream;base64,YWJj'
    """
    return f"data:application/octet-stream;base64,{base64.b64encode(raw).decode()}"


def _array(value: Any) -> np.ndarray | None:
    """A value that is an array, or a tensor of another library, as an array."""
    if isinstance(value, np.ndarray):
        return value
    if not (hasattr(value, "__array__") and hasattr(value, "shape") and hasattr(value, "dtype")) or is_pillow(value):
        return None
    try:
        found = np.asarray(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError):  # of another device, or of a type NumPy does not know
        return None
    return found if found.ndim else None


def _samples(value: Any) -> tuple[int, np.ndarray] | None:
    if isinstance(value, Mapping) and set(value) >= _SOUND:
        rate, given = value["sampling_rate"], value["array"]
    elif isinstance(value, tuple) and len(value) == 2:
        rate, given = value if _array(value[1]) is not None else value[::-1]
    else:
        return None
    samples = np.array(given) if isinstance(given, list) and isinstance(value, Mapping) else _array(given)
    if samples is None or samples.ndim not in (1, 2) or samples.dtype.kind not in "uif" or isinstance(rate, bool):
        return None
    if not isinstance(rate, int | float | np.number) or not 0 < rate < 1 << 31 or int(rate) != rate:
        return None
    # More channels than moments: the first axis counts channels.
    return int(rate), _in_range(samples.T if samples.ndim == 2 and _flat(samples) else samples)


def _flat(samples: np.ndarray) -> bool:
    return bool(samples.shape[0] < samples.shape[1] and samples.shape[0] <= 8)


def _in_range(samples: np.ndarray) -> np.ndarray:
    """Samples as WAV keeps them, full scale being that of their type; wide whole numbers are those of the narrowest
    type that holds them, since nobody records in 64 bits."""
    name = samples.dtype.name
    if name == "int8":
        return samples.astype(np.int16) << 8
    if name == "uint16":
        return (samples.astype(np.int32) - 32768).astype(np.int16)
    if samples.dtype.kind in "ui" and name not in _WAV:
        most = int(max(samples.max(initial=0), -int(samples.min(initial=0)) - 1))
        return samples.astype(np.int16 if most < 1 << 15 else np.int32 if most < 1 << 31 else np.float64)
    return samples if name in _WAV else samples.astype(np.float64)


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

    value: bytes, an open file, a pillow image, an array as ``is_array`` says, what ``is_sound`` says, or a mapping with
    ``bytes``. Raises InputError for an array whose numbers are not those of a picture, and for a closed pillow image.

    >>> encoded({"bytes": b"abc", "path": None}), encoded("a word")
    (b'abc', None)
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Mapping) and set(value) <= {"bytes", "path"} and isinstance(value.get("bytes"), bytes):
        return bytes(value["bytes"])
    if is_open_file(value):
        value.seek(0)
        raw = value.read()
        return raw if isinstance(raw, bytes) else None
    sound = _samples(value)
    if sound is not None:
        return _wav(*sound)
    if is_array(value):
        array = _levels(_array(value))
        image = require("PIL.Image", extra="images", what="reading pictures")
        return _png(image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array))
    return _png(value) if is_pillow(value) else None


def _levels(array: np.ndarray | None) -> np.ndarray:
    """An array of a picture in 8 bits a channel, or grey in 16, its channels last."""
    assert array is not None
    if array.ndim == 3 and array.shape[2] not in _CHANNELS:
        array = np.moveaxis(array, 0, 2)
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == bool:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint16:
        grey = array.ndim == 2 or array.shape[2] == 1
        return np.ascontiguousarray(array) if grey else (array >> 8).astype(np.uint8)
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 255):
        raise InputError(
            f"a picture as an array of numbers from {low:g} to {high:g}",
            needed="0 to 255, or 0 to 1",
            fix="give it as it was before it was normalised for a network",
        )
    scale = 255 if array.dtype.kind == "f" and high <= 1 else 1
    return np.round(array.astype(np.float64) * scale).astype(np.uint8)


def _png(image: Any) -> bytes:
    stream = io.BytesIO()
    turn = require("PIL.ImageOps", extra="images", what="reading pictures").exif_transpose
    try:
        upright = turn(image)
        if upright.mode in ("I", "F"):
            # More than 16 bits a pixel, which PNG does not have.
            upright.save(stream, "TIFF")
            return stream.getvalue()
        known = upright.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
        (upright if known else upright.convert("RGB")).save(stream, "PNG", compress_level=1)
    except (ValueError, OSError) as error:
        raise InputError(
            f"a pillow image that cannot be read ({error})",
            needed="an open and whole image",
            fix="open it again, or name its file",
        ) from error
    return stream.getvalue()
