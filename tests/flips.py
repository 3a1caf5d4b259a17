"""Single flipped bits, drawn at random over the files of a store, each put right again afterwards."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


def draw_flips(files: Iterable[Path], count: int, *, seed: int = 0) -> list[tuple[Path, int]]:
    """``count`` files with the number of a bit in them; each file is drawn as often as its size deserves."""
    sizes = {path: 8 * path.stat().st_size for path in sorted(files)}
    rng = np.random.default_rng(seed)
    starts = np.cumsum([0, *sizes.values()])
    bits = rng.integers(starts[-1], size=count)
    places = np.searchsorted(starts, bits, side="right") - 1
    paths = list(sizes)
    return [(paths[place], int(bit - starts[place])) for place, bit in zip(places, bits, strict=True)]


@contextmanager
def flipped(path: Path, bit: int) -> Iterator[None]:
    """A file with one bit the other way, as it was again afterwards."""
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[bit // 8] ^= 1 << bit % 8
    path.unlink()  # another file, as a copy or a repaired disk would make it
    path.write_bytes(damaged)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(whole)
