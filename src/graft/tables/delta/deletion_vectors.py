"""Deletion vectors: which rows of a data file are no longer in the table.

Decisions: inline in the log (storage type ``i``), because ours stay small (two bytes a row, at most 8 kB for 65,536
rows) and a file more would be a file more to lose. The encoding is the portable serialisation of 64-bit Roaring bitmaps
with Delta's magic number in front, in Z85; CRoaring writes and reads the bitmaps, the way through numpy took 4 to 15
times as long. A few bytes can stand for billions of rows, so what one hides is counted before it is spread out. A table
in which another program keeps some in files of their own is refused, with the way out.

Delta protocol, "Deletion Vectors" and "Deletion Vector Format"; Roaring format specification; ZeroMQ RFC 32 (Z85).
"""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from pyroaring import BitMap64

from graft.core.errors import TableError

_MAGIC = 1681511377
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
    raw = struct.pack("<I", _MAGIC) + BitMap64(ordered.astype(np.uint64)).serialize()
    return {
        "storageType": "i",
        "pathOrInlineDv": _z85_encode(raw),
        "sizeInBytes": len(raw),
        "cardinality": len(ordered),
    }


def positions_of(descriptor: Mapping[str, Any], *, rows: int) -> np.ndarray:
    """The hidden positions of an inline deletion vector, ascending, int64.

    rows: in the data file. Raises TableError for a damaged one, and for one that hides what the file does not hold.

    >>> positions_of(describe(np.array([70000, 3])), rows=80000).tolist()
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
        if raw[:4] != struct.pack("<I", _MAGIC):
            raise ValueError(f"it begins with {raw[:4].hex()}")
        hidden = BitMap64.deserialize(raw[4:])
        if len(hidden) != descriptor["cardinality"]:
            raise ValueError(f"{len(hidden)} rows where {descriptor['cardinality']} are stated")
        if len(hidden) and hidden.max() >= rows:
            raise ValueError(f"it hides row {hidden.max()} of a file of {rows}")
    except (AttributeError, IndexError, KeyError, ValueError) as error:
        raise _damaged(str(error)) from error
    return np.asarray(hidden.to_array(), np.int64)


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


def _z85_encode(raw: bytes) -> str:
    words = np.frombuffer(raw + bytes(-len(raw) % 4), ">u4").astype(np.uint64)
    digits: np.ndarray = _DIGITS[(words[:, None] // _POWERS) % np.uint64(85)]
    return digits.tobytes().decode("ascii")


def _z85_decode(text: str) -> bytes:
    values = _VALUES[np.frombuffer(text.encode("utf-8"), np.uint8)]
    if len(values) % 5 or (values == 85).any():
        raise ValueError("its text is not Z85")
    return (values.reshape(-1, 5) @ _POWERS).astype(">u4").tobytes()
