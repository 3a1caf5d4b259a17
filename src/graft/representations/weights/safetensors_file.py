"""A safetensors file, checked before anything reads a tensor from it.

Decisions: the header is read and verified by us first, so that a damaged or hostile file ends in a sentence and not in
a traceback or a huge allocation: its size is bounded, every tensor lies inside the file, none overlap, none are
missing bytes.

The format: https://github.com/huggingface/safetensors#format
"""

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graft.core import foreign
from graft.core.errors import SourceError

_HEADER_LIMIT = 32 << 20
_MOST_TENSORS = 100_000
_NUMBER_LIMIT = 1 << 63
_SIDES_LIMIT = 64
_OTHERS = {b"PK\x03\x04": "zip archive", **{b"\x80" + bytes([version]): "pickle" for version in range(2, 6)}}
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 8),
}

_MAPPED = {
    **{f"F{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    **{f"{sign}{bits}": f"<{sign.lower()}{bits // 8}" for sign in "IU" for bits in (8, 16, 32, 64)},
}


@dataclass(frozen=True)
class TensorEntry:
    """Where one tensor lies: its type, shape and byte range behind the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def check_safetensors(path: Path) -> tuple[TensorEntry, ...]:
    """The tensors of a safetensors file, in the order of their bytes.

    Raises SourceError when the file is truncated, oversized or inconsistent.
    """
    if not path.is_file():
        # Opening a pipe would wait for ever.
        raise _damaged(path, "it is no plain file")
    size = path.stat().st_size
    with path.open("rb") as stream:
        prefix = stream.read(8)
        if foreign.is_pointer(prefix + stream.read(64)):
            found = foreign.pointer(path)
            raise SourceError(found.given, needed=found.needed, fix=found.fix)
        stream.seek(8)
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or length < 2 or length > min(_HEADER_LIMIT, size - 8):
            kind = next((kind for mark, kind in _OTHERS.items() if prefix.startswith(mark)), "")
            claim = f"its header claims {length:,} bytes in a file of {size:,}"
            raise _damaged(path, f"it starts as a {kind} does, whatever its name says" if kind else claim)
        try:
            # As text: from bytes, json would take UTF-16 too, which other readers refuse.
            header = json.loads(stream.read(length).decode("utf-8"), object_pairs_hook=_table)
        except (ValueError, RecursionError) as error:
            raise _damaged(path, "its header is not JSON, or names something twice") from error
    if not isinstance(header, dict):
        raise _damaged(path, "its header is not a table of tensors")
    if len(header) > _MOST_TENSORS:
        raise _damaged(path, f"its header names {len(header):,} tensors")
    notes = header.pop("__metadata__", {})
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise _damaged(path, "its metadata is not a table of texts")
    entries = sorted((_entry(path, name, facts) for name, facts in header.items()), key=lambda e: (e.start, e.end))
    position = 0
    for entry in entries:
        if entry.start != position:
            problem = "overlaps another" if entry.start < position else "leaves a gap before it"
            raise _damaged(path, f"tensor {entry.name!r} {problem}")
        position = entry.end
    if position != size - 8 - length:
        raise _damaged(path, f"its tensors need {position:,} bytes and it holds {size - 8 - length:,}")
    return tuple(entries)


def rename_tensors(path: Path, names: Mapping[str, str]) -> None:
    """Give tensors of a checked file other names, in place; not a byte of them changes.

    names: the new one of each that gets one. Raises ValueError when two would have the same.
    """
    beside = path.with_name(f"{path.name}.renamed")
    with path.open("rb") as stream, beside.open("wb") as made:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        renamed = _table([(names.get(name, name), facts) for name, facts in header.items()])
        text = json.dumps(renamed, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        made.write(len(text).to_bytes(8, "little") + text)
        shutil.copyfileobj(stream, made)
    beside.replace(path)


def mapped(path: Path, entry: TensorEntry) -> np.ndarray:
    """A tensor of a file that was checked, on the disk. Raises SourceError for a number type NumPy has not."""
    if entry.dtype not in _MAPPED:
        raise _damaged(path, f"tensor {entry.name!r} is of type {entry.dtype}, which is not read here")
    with path.open("rb") as stream:
        start = 8 + int.from_bytes(stream.read(8), "little") + entry.start
    return np.memmap(path, _MAPPED[entry.dtype], "r", start, entry.shape)


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name given twice")
    return table


def _entry(path: Path, name: str, facts: Any) -> TensorEntry:
    try:
        dtype, shape, (start, end) = facts["dtype"], tuple(facts["shape"]), facts["data_offsets"]
        bits = _BITS[dtype]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"tensor {name!r} is described wrongly") from error
    whole = all(type(number) is int and 0 <= number < _NUMBER_LIMIT for number in (*shape, start, end))
    # A side of zero makes every product zero; the others are still multiplied by whoever lays the tensor out.
    whole = whole and len(shape) <= _SIDES_LIMIT and math.prod(side or 1 for side in shape) < _NUMBER_LIMIT
    if not whole or (end - start) * 8 != bits * math.prod(shape):
        raise _damaged(path, f"tensor {name!r} of shape {shape} does not fit its byte range")
    return TensorEntry(name, dtype, shape, start, end)


def _damaged(path: Path, problem: str) -> SourceError:
    return SourceError(
        f"{path} is not a sound safetensors file: {problem[:300]}",
        needed="an undamaged file",
        fix="copy or download it again, and compare its SHA-256 with the publisher's",
    )
