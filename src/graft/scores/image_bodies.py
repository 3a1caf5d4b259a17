"""How a source of pictures is fed while it is trained.

Decisions: pictures are turned and cut a little differently at every step of training and never otherwise. They are
mirrored only where the rows that are learnt from have no left and right: a mirrored letter is none, and a network that
is shown one learns to tell fewer things apart; a mirrored bottle is a bottle. Starting from random weights a network of
maps reads smaller pictures, because it is compared at equal steps and not at equal patience: what it learns in a few
hundred steps at a fifth of the cost, it does not learn at the whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from graft.core.seeds import generator
from graft.representations.image_reading import ImageReading, squares
from graft.representations.source import Source
from graft.representations.towers.tower import Tower
from graft.rows.content import Content
from graft.scores.feed import Feed

_SCRATCH_SIDE = 96
_CUT = 0.08
_MAPS = ("efficientnet-lite0", "cifar-resnet", "mobilenet_v2", "resnet", "convnext")
_LOOKED, _COARSE, _TOLD = 200, 16, 0.65


class PixelFeed:
    """Pictures as pixels. kept: all of them as the source reads them, where they were decoded once for every fold.
    mirrored: whether half of those that are learnt from are mirrored."""

    def __init__(
        self,
        contents: Sequence[Content],
        reading: ImageReading,
        seed: int,
        kept: np.ndarray | None = None,
        *,
        mirrored: bool = True,
    ) -> None:
        self._contents, self._reading, self._kept, self._mirrored = contents, reading, kept, mirrored
        self._rng = generator(seed, "pixels")

    @property
    def lengths(self) -> np.ndarray:
        """All are of one size."""
        return np.ones(len(self._contents), np.int64)

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """What a source reads of these pictures, float32 (rows, 3, side, side)."""
        return {"pixels": torch.from_numpy(self._reading.numbers(self._arrays(rows)))}

    def lesson(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """The same, each moved by up to a twelfth of its side, and mirrored or not."""
        arrays = self._arrays(rows)
        side = self._reading.side
        most = max(1, round(side * _CUT))
        changed = np.empty_like(arrays)
        for place, one in enumerate(arrays):
            down, across = self._rng.integers(0, 2 * most + 1, 2)
            wide = np.pad(one, ((most, most), (most, most), (0, 0)), mode="edge")
            moved = wide[down : down + side, across : across + side]
            changed[place] = moved[:, ::-1] if self._mirrored and self._rng.random() < 0.5 else moved
        return {"pixels": torch.from_numpy(self._reading.numbers(changed))}

    def _arrays(self, rows: np.ndarray) -> np.ndarray:
        if self._kept is None:
            return squares([self._contents[row] for row in rows], self._reading)
        chosen: np.ndarray = self._kept[rows]
        return chosen


TURNS = 4


class TurnedFeed:
    """Every picture of a feed four times: as it is, and turned by one, two and three quarters. Row r of the feed is
    row r + n·t when turned t times, for n pictures."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    @property
    def lengths(self) -> np.ndarray:
        """All are of one size."""
        return np.tile(self._feed.lengths, TURNS)

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """What a source reads of these pictures, float32 (rows, 3, side, side)."""
        return self._turned(self._feed.batch, rows)

    def lesson(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """The same, each changed a little before it is turned."""
        return self._turned(self._feed.lesson, rows)

    def _turned(
        self, read: Callable[[np.ndarray], dict[str, torch.Tensor]], rows: np.ndarray
    ) -> dict[str, torch.Tensor]:
        turns, base = np.divmod(rows, len(self._feed.lengths))
        pixels = read(base)["pixels"].clone()
        for turn in range(1, TURNS):
            mine = torch.from_numpy(turns == turn)
            pixels[mine] = torch.rot90(pixels[mine], turn, (2, 3))
        return {"pixels": pixels}


def handed(pictures: np.ndarray) -> bool:
    """Whether pictures tell left from right: whether their nearest neighbours show which of them are mirrored.

    pictures: uint8 (pictures, side, side, 3).

    >>> ramp = np.broadcast_to(np.arange(32, dtype=np.uint8)[None, None, :, None] * 8, (40, 32, 32, 3))
    >>> handed(ramp), handed(np.random.default_rng(0).integers(0, 255, (40, 32, 32, 3), dtype=np.uint8))
    (True, False)
    """
    side = pictures.shape[1]
    edges = np.linspace(0, side, min(_COARSE, side) + 1).astype(int)[:-1]
    grey = pictures.mean(3, dtype=np.float32)
    small = np.add.reduceat(np.add.reduceat(grey, edges, 1), edges, 2) / (side / len(edges)) ** 2
    both = np.concatenate([small, small[:, :, ::-1]]).reshape(2 * len(small), -1)
    apart = ((both**2).sum(1)[:, None] + (both**2).sum(1)) - 2 * both @ both.T
    own = np.arange(len(both)) % len(small)
    apart[own[:, None] == own] = np.inf  # neither itself nor its mirror
    mirror = np.arange(len(both)) >= len(small)
    return bool((mirror[apart.argmin(1)] == mirror).mean() > _TOLD) if len(small) > 1 else False


def looked_at(rows: np.ndarray) -> np.ndarray:
    """Some of the rows, evenly, to see whether pictures are handed."""
    return rows[:: -(-len(rows) // _LOOKED)]


def pooled_pixels(body: Any, source: Source, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Vectors, float32 (rows, width), of what a feed gives."""
    if "pixels" in inputs:
        given = inputs["pixels"]
    else:
        # All pictures have as many places; a feed fills rows up to a width that suits texts.
        given = inputs["inputs_embeds"][:, : int(inputs["attention_mask"][0].sum())]
    vectors = body(given).float()
    return torch.nn.functional.normalize(vectors, dim=-1) if source.normalise else vectors


def tower_names(body: Any, source: Source, count: int) -> tuple[str, ...]:
    """The starts of the names of the parameters of the last so many layers, from the lowest.

    The tower may stand in a body that adapters were put around.
    """
    prefix, tower = next((name, part) for name, part in body.named_modules() if isinstance(part, Tower))
    start = f"{prefix}." if prefix else ""
    return tuple(start + name for name in tower.names[len(tower.names) - count :])


def upper_tower(body: Tower, source: Source, boundary: int) -> Tower:
    """The tower from a layer on, in place."""
    body.start = boundary
    return body


def smaller(source: Source) -> Source:
    """A source of maps that reads smaller pictures where they are large; another one as it is."""
    reading = source.reading
    if not isinstance(reading, ImageReading) or reading.side <= _SCRATCH_SIDE or source.weights.model_type not in _MAPS:
        return source
    shorter = round(reading.shorter * _SCRATCH_SIDE / reading.side)
    return replace(source, reading=replace(reading, side=_SCRATCH_SIDE, shorter=shorter))


def share_when_smaller(source: Source) -> float:
    """What a step of the smaller source costs, as a share of one of the source."""
    before, after = source.reading, smaller(source).reading
    assert isinstance(before, ImageReading)
    assert isinstance(after, ImageReading)
    return (after.side / before.side) ** 2
