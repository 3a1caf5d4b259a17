"""Rows that lie in groups, as embeddings do, and an index of them."""

from pathlib import Path

import numpy as np

from graft.representations.spaces import given_space
from graft.tables.index import GraphSettings, IndexFile

DIMENSION = 16
SPACE = given_space("ours v1", DIMENSION, normalise=True)
SETTINGS = GraphSettings(connectivity=16, expansion_add=64, expansion_search=64, threads=1)


def grouped(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, DIMENSION), dtype=np.float32)
    drawn = centres[rng.integers(40, size=count)] + 0.5 * rng.standard_normal((count, DIMENSION), dtype=np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def names(count: int, start: int = 0) -> list[str]:
    return [f"row-{number:05d}" for number in range(start, start + count)]


def build(folder: Path, ids: list[str], vectors: np.ndarray, *, version: int = 3, **settings: object) -> IndexFile:
    return IndexFile.build(
        folder, ids, vectors, space=SPACE, generation="g1", version=version, rng=np.random.default_rng(0),
        settings=GraphSettings(**{**vars(SETTINGS), **settings}),
    )  # fmt: skip


def reopen(folder: Path, version: int = 3) -> IndexFile:
    return IndexFile.open(folder, space=SPACE, generation="g1", version=version)
