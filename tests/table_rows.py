"""Rows for embedding tables, each vector made from its id and a number, so that every test knows what to find."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from graft.representations.spaces import given_space
from graft.tables.columns import vector_column
from graft.tables.table import EmbeddingTable

DIMENSION = 8
SPACE = given_space("ours v1", DIMENSION)


def vector(name: str, edition: int = 0) -> np.ndarray:
    seed = [edition, *name.encode()]
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)


def rows(names: Iterable[str], edition: int = 0, **columns: object) -> pa.Table:
    named = list(names)
    vectors = np.array([vector(name, edition) for name in named], np.float32).reshape(-1, DIMENSION)
    return pa.table({"id": pa.array(named, pa.string()), "vector": vector_column(vectors), **columns})


def numbered(count: int, start: int = 0) -> list[str]:
    return [f"row-{number:05d}" for number in range(start, start + count)]


def contents(table: EmbeddingTable, **chosen: object) -> dict[str, bytes]:
    ids, vectors = table.vectors(**chosen)
    assert len(set(ids)) == len(ids)
    return {name: row.tobytes() for name, row in zip(ids, vectors, strict=True)}


def expected(names: Iterable[str], edition: int = 0) -> dict[str, bytes]:
    return {name: vector(name, edition).tobytes() for name in names}
