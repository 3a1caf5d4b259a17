"""Deletion vectors: which rows of a data file are no longer in the table.

Decisions: inline in the log (storage type ``i``), because ours stay small (two bytes a row, at most 8 kB for 65,536
rows) and a file more would be a file more to lose. The encoding is the portable serialisation of 64-bit Roaring bitmaps
with Delta's magic number in front, in Z85; arrays and bitmaps are written, runs are read too. A table in
which another program keeps some in files of their own is refused, with the way out.

Delta protocol, "Deletion Vectors" and "Deletion Vector Format"; Roaring format specification; ZeroMQ RFC 32 (Z85).
"""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from graft.core.errors import TableError

_MAGIC = 1681511377
_COOKIE, _RUN_COOKIE = 12346, 12347
_ARRAY_MOST = 4096
_ALPHABET = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_DIGITS = np.frombuffer(_ALPHABET, np.uint8)
_VALUES = np.full(256, 85, np.uint64)
_VALUES[_DIGITS] = np.arange(85)
_POWERS = np.array([85**4, 85**3, 85**2, 85, 1], np.uint64)


def describe(positions: np.ndarray) -> dict[str, Any]:
    """The descriptor of a deletion vector, as it stands in the log.

    positions: of the rows to hide, counted from 0 in the data file, shape (hidden,), below 2**32, at least one.

    >>> describe(np.array([3, 4, 7, 11, 18, 29]))["cardinality"]
    6
    """
    ordered = np.unique(positions)
    raw = _serialise(ordered)
    return {
        "storageType": "i",
        "pathOrInlineDv": _z85_encode(raw),
        "sizeInBytes": len(raw),
        "cardinality": len(ordered),
    }


def positions_of(descriptor: Mapping[str, Any]) -> np.ndarray:
    """The hidden positions of an inline deletion vector, ascending, int64. Raises TableError for a damaged one.

    >>> positions_of(describe(np.array([70000, 3]))).tolist()
    [3, 70000]
    """
    if descriptor.get("storageType", "i") != "i":
        raise TableError(
            "another program keeps a deletion vector of this table in a file of its own",
            needed="deletion vectors inside the log, as Graft writes them, or none",
            fix="let that program rewrite the files with deleted rows (REORG ... APPLY (PURGE) in Spark), then open it",
        )
    try:
        raw = _z85_decode(descriptor["pathOrInlineDv"])
        found = _deserialise(memoryview(raw))
    except (struct.error, ValueError, KeyError) as error:
        raise _damaged(str(error)) from error
    if len(found) != descriptor["cardinality"]:
        raise _damaged(f"{len(found)} rows where {descriptor['cardinality']} are stated")
    return found


def unique_id(descriptor: Mapping[str, Any] | None) -> str | None:
    """What tells two deletion vectors of one file apart in the log."""
    if descriptor is None:
        return None
    name = f"{descriptor['storageType']}{descriptor['pathOrInlineDv']}"
    offset = descriptor.get("offset")
    return name if offset is None else f"{name}@{offset}"


def _damaged(why: str) -> TableError:
    return TableError(
        f"a deletion vector in the log is damaged: {why}",
        needed="the log as it was written",
        fix="restore the table's _delta_log folder from a copy",
    )


def _serialise(ordered: np.ndarray) -> bytes:
    keys, starts = np.unique(ordered >> 16, return_index=True)
    containers = [_container(low) for low in np.split((ordered & 0xFFFF).astype("<u2"), starts[1:])]
    sizes = np.diff(np.append(starts, len(ordered)))
    heads = np.stack([keys, sizes - 1], axis=1).astype("<u2")
    first = 8 + 8 * len(keys)
    offsets = first + np.cumsum([0, *map(len, containers[:-1])])
    return b"".join(
        [
            # One 64-bit bucket, the one whose upper half is 0: a data file has fewer than 2**32 rows.
            struct.pack("<IQI", _MAGIC, 1, 0),
            struct.pack("<II", _COOKIE, len(keys)),
            heads.tobytes(),
            offsets.astype("<u4").tobytes(),
            *containers,
        ]
    )


def _container(low: np.ndarray) -> bytes:
    if len(low) <= _ARRAY_MOST:
        return low.tobytes()
    bits = np.zeros(1 << 16, bool)
    bits[low] = True
    return np.packbits(bits, bitorder="little").tobytes()


def _deserialise(raw: memoryview) -> np.ndarray:
    magic, buckets = struct.unpack_from("<IQ", raw)
    if magic != _MAGIC:
        raise ValueError(f"it begins with {magic}")
    place, found = 12, [np.empty(0, np.int64)]
    for _ in range(buckets):
        (upper,) = struct.unpack_from("<I", raw, place)
        place, lows = _bitmap(raw, place + 4)
        found += [low + (upper << 32) for low in lows]
    return np.concatenate(found)


def _bitmap(raw: memoryview, place: int) -> tuple[int, list[np.ndarray]]:
    (cookie,) = struct.unpack_from("<I", raw, place)
    runs = cookie & 0xFFFF == _RUN_COOKIE
    if runs:
        count = (cookie >> 16) + 1
        marks = np.frombuffer(raw, np.uint8, (count + 7) // 8, place + 4)
        is_run = np.unpackbits(marks, bitorder="little")[:count].astype(bool)
        place += 4 + len(marks)
    else:
        if cookie != _COOKIE:
            raise ValueError(f"a bitmap begins with {cookie}")
        (count,) = struct.unpack_from("<I", raw, place + 4)
        is_run = np.zeros(count, bool)
        place += 8
    heads = np.frombuffer(raw, "<u2", 2 * count, place).reshape(-1, 2).astype(np.int64)
    # Offsets are left out when there are runs and fewer than four containers; containers follow one another anyway.
    place += 4 * count + (0 if runs and count < 4 else 4 * count)
    found = []
    for (key, size), run in zip(heads.tolist(), is_run.tolist(), strict=True):
        place, low = _read_container(raw, place, size + 1, run)
        found.append(low + (key << 16))
    return place, found


def _read_container(raw: memoryview, place: int, size: int, run: bool) -> tuple[int, np.ndarray]:
    if run:
        (count,) = struct.unpack_from("<H", raw, place)
        pairs = np.frombuffer(raw, "<u2", 2 * count, place + 2).reshape(-1, 2).astype(np.int64)
        spans = [np.arange(start, start + length + 1) for start, length in pairs.tolist()]
        return place + 2 + 4 * count, np.concatenate(spans)
    if size <= _ARRAY_MOST:
        return place + 2 * size, np.frombuffer(raw, "<u2", size, place).astype(np.int64)
    bits = np.unpackbits(np.frombuffer(raw, np.uint8, 1 << 13, place), bitorder="little")
    return place + (1 << 13), np.flatnonzero(bits).astype(np.int64)


def _z85_encode(raw: bytes) -> str:
    words = np.frombuffer(raw + bytes(-len(raw) % 4), ">u4").astype(np.uint64)
    digits: np.ndarray = _DIGITS[(words[:, None] // _POWERS) % np.uint64(85)]
    return digits.tobytes().decode("ascii")


def _z85_decode(text: str) -> bytes:
    values = _VALUES[np.frombuffer(text.encode("utf-8"), np.uint8)]
    if len(values) % 5 or (values == 85).any():
        raise ValueError("its text is not Z85")
    return (values.reshape(-1, 5) @ _POWERS).astype(">u4").tobytes()
