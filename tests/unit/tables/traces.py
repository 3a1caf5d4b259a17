"""Where a row has left traces: every file read as bytes, and Parquet files unpacked as well."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq


def patterns(name: str, text: str, *vectors: np.ndarray) -> dict[str, bytes]:
    """What a row looks like in a file: its id, its text, and its vectors as floats of 32 and 16 bits and as int8."""
    found = {"id": name.encode(), "text": text.encode()}
    # Indexes keep vectors scaled to length one.
    scaled = {f"{number}, length one": vector / np.linalg.norm(vector) for number, vector in enumerate(vectors)}
    for number, vector in {**dict(enumerate(vectors)), **scaled}.items():
        found[f"float32 {number}"] = vector.astype("<f4").tobytes()
        found[f"float16 {number}"] = vector.astype("<f2").tobytes()
        bits = vector.astype("<f4").view("<u4")
        found[f"bfloat16 {number}"] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
        found[f"bfloat16 {number}, cut"] = (bits >> 16).astype("<u2").tobytes()
        for scale in (127, 100, 127 / np.abs(vector).max()):
            found[f"int8 {number} by {scale:.0f}"] = np.rint(vector * scale).astype(np.int8).tobytes()
            found[f"int8 {number} by {scale:.0f}, cut"] = (vector * scale).astype(np.int8).tobytes()
    return found


def traces(wanted: dict[str, bytes], *folders: Path) -> dict[str, list[str]]:
    """The patterns that are in some file, with the names of these files."""
    found: dict[str, list[str]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                unpacked = _unpacked(path)
                for name, pattern in wanted.items():
                    if pattern in unpacked or pattern in str(path).encode():
                        found.setdefault(name, []).append(path.name)
    return found


def _unpacked(path: Path) -> bytes:
    raw = path.read_bytes()
    if path.suffix == ".parquet" and raw[-4:] == b"PAR1":
        table = pq.read_table(path)
        raw += b"".join(bytes(buffer) for column in table.columns for buffer in _buffers(column))
        raw += repr(pq.read_metadata(path)).encode() + repr(table.to_pylist()).encode()
    return raw


def _buffers(column):
    for chunk in column.chunks:
        yield from (buffer for buffer in chunk.buffers() if buffer is not None)
