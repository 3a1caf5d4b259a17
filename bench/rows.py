"""Banking77 as every measurement reads it."""

from pathlib import Path

import numpy as np
import polars as pl

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "banking77"


def banking(part: str) -> tuple[list[str], np.ndarray, list[str]]:
    """Texts, class numbers and class names of ``train`` or ``test``."""
    names = sorted(pl.read_csv(DATA / "train.csv")["category"].unique())
    frame = pl.read_csv(DATA / f"{part}.csv")
    place = {name: number for number, name in enumerate(names)}
    return frame["text"].to_list(), np.array([place[name] for name in frame["category"]]), names


def eight_per_class(targets: np.ndarray, seed: int = 0) -> np.ndarray:
    """Positions of eight rows of every class."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(targets == label))[:8] for label in np.unique(targets)])
