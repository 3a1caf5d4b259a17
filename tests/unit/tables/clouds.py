"""Rows without outliers, in many shapes, and the numbers a test needs to plant something in them."""

from collections.abc import Callable

import numpy as np

Shape = Callable[[int, np.random.Generator], np.ndarray]


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def cloud(dimension: int, away: float = 6.0) -> Shape:
    def make(rows: int, rng: np.random.Generator) -> np.ndarray:
        return unit(rng.normal(size=(rows, dimension)) + away * np.eye(dimension)[0])

    return make


def sphere(rows: int, rng: np.random.Generator) -> np.ndarray:
    return unit(rng.normal(size=(rows, 32)))


def groups(rows: int, rng: np.random.Generator, *, spread: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    centres, own = rng.normal(size=(12, 128)), rng.uniform(*spread, size=12)
    of = rng.choice(12, rows, p=rng.dirichlet(np.full(12, 4.0)))
    return unit(centres[of] + own[of, None] * rng.normal(size=(rows, 128)))


def sheet(rows: int, rng: np.random.Generator) -> np.ndarray:
    return unit(rng.normal(size=(rows, 10)) @ rng.normal(size=(10, 128)) + 0.05 * rng.normal(size=(rows, 128)))


def heavy(rows: int, rng: np.random.Generator) -> np.ndarray:
    return unit(rng.standard_t(5, size=(rows, 64)) + 6 * np.eye(64)[0])


CLEAN: dict[str, Shape] = {
    "one cloud, 4 dimensions": cloud(4),
    "one cloud, 16 dimensions": cloud(16),
    "one cloud, 256 dimensions": cloud(256, away=12.0),
    "the whole sphere": sphere,
    "groups of unequal size": groups,
    "groups of unequal density": lambda rows, rng: groups(rows, rng, spread=(0.6, 1.1)),
    "a sheet of 10 dimensions": sheet,
    "heavy tails": heavy,
}


def apart(sizes: tuple[int, ...], rng: np.random.Generator, *, dimension: int = 24, noise: float = 0.25) -> np.ndarray:
    """Groups of the given sizes around directions at right angles, in order."""
    centres = np.repeat(np.eye(dimension)[: len(sizes)], sizes, axis=0)
    return unit(centres + noise / np.sqrt(dimension) * rng.normal(size=(sum(sizes), dimension)))
