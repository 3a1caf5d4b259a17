"""A small table of tickets and two tiny encoders of different spaces, shared by the tests of migration and erasure."""

import atexit
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pyarrow as pa
import torch

import tiny
from graft.core.digests import content_digest
from graft.representations.encoding.encoder import Encoder
from graft.representations.sources import read_directory
from graft.representations.spaces import Space
from graft.tables.columns import vector_column
from graft.tables.table import EmbeddingTable


@cache
def encoder(which: str) -> Encoder:
    """``old`` and ``new`` differ in weights alone."""
    folder = Path(mkdtemp(prefix="graft-moving-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    seed = {"old": 1, "new": 2}[which]
    source = read_directory(tiny.write_encoder(folder, seed=seed), reference=f"path:{which}")
    # Vectors of random weights lie close together: bfloat16 would make some of them equal.
    return Encoder(source, precision=torch.float32)


@cache
def _vector(which: str, text: str) -> np.ndarray:
    return encoder(which).vectors([text])[0][0]


def encode(which: str) -> Callable[[Sequence[str]], np.ndarray]:
    """The encoder as a function; each text is computed once in a test run (a vector does not depend on its batch)."""
    return lambda texts: np.stack([_vector(which, text) for text in texts])


def space(which: str) -> Space:
    return encoder(which).space


def rows(first: int, count: int, *, changed: str = "", which: str = "old", **columns: list) -> pa.Table:
    """Tickets number ``first`` and on, embedded."""
    numbers = range(first, first + count)
    words = tiny.WORDS
    texts = [f"{words[n % 97]} {words[n // 97]} {words[(7 * n) % 89]} {changed}".strip() for n in numbers]
    return pa.table(
        {
            "id": [f"ticket-{n}" for n in numbers],
            "vector": vector_column(encode(which)(texts)),
            "digest": [content_digest(text).hex() for text in texts],
            "message": texts,
            "views": pa.array([(n * 31) % 100 for n in numbers], pa.int64()),
            **columns,
        }
    )


def table(path: Path, count: int = 100) -> EmbeddingTable:
    made = EmbeddingTable.create(path, space("old"), source="path:old", content=["message"])
    made.upsert(rows(0, count))
    return made


def state(table: EmbeddingTable) -> dict[str, tuple]:
    """What a table says about each id, but for vectors and times."""
    found = table.read(["id", "digest", "message", "views"]).to_pylist()
    return {row["id"]: (row["digest"], row["message"], row["views"]) for row in found}
