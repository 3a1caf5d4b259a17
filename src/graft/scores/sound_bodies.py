"""How a source of recordings is fed while it is trained.

Decisions: for a step a band of pitches and a stretch of time are put out of hearing, which is what a voice or a room
does anyway; of what is longer than eight seconds a step learns from a stretch drawn anew each time, so no batch is
larger than that. Nothing is changed where nothing is learnt.

Park et al. (2019), SpecAugment, arXiv 1904.08779.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from graft.core.seeds import generator
from graft.representations.encoding.spectrogram_bodies import padded_frames
from graft.representations.log_mel import BANDS
from graft.representations.source import Source
from graft.representations.spectrogram_source import SpectrogramReading
from graft.representations.towers.spectrogram_cnn import SpectrogramCnn
from graft.rows.content import Content

_TAUGHT = 800
_PITCHES, _TIME = 8, 0.2


class SpectrogramFeed:
    """Recordings as frames. kept: those of all, where they were computed once for every fold."""

    def __init__(
        self,
        contents: Sequence[Content],
        reading: SpectrogramReading,
        seed: int,
        lengths: np.ndarray,
        kept: Sequence[np.ndarray] | None = None,
    ) -> None:
        self._contents, self._reading, self._lengths, self._kept = contents, reading, lengths, kept
        self._rng = generator(seed, "frames")

    @property
    def lengths(self) -> np.ndarray:
        """Frames per recording."""
        return self._lengths

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Frames, float32 (rows, longest, 40), and which of them are there."""
        return _given([self._frames(row) for row in rows.tolist()])

    def lesson(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """The same with a part of each put out of hearing."""
        return _given([self._changed(self._frames(row)) for row in rows.tolist()])

    def _changed(self, frames: np.ndarray) -> np.ndarray:
        start = int(self._rng.integers(0, max(0, len(frames) - _TAUGHT) + 1))
        changed = frames[start : start + _TAUGHT].copy()
        quiet = float(changed.mean())
        wide, long = int(self._rng.integers(0, _PITCHES + 1)), int(self._rng.integers(0, int(_TIME * len(changed)) + 1))
        low, first = int(self._rng.integers(0, BANDS - wide + 1)), int(self._rng.integers(0, len(changed) - long + 1))
        changed[:, low : low + wide] = quiet
        changed[first : first + long] = quiet
        return changed

    def _frames(self, row: int) -> np.ndarray:
        return self._reading.frames(self._contents[row]) if self._kept is None else self._kept[row]


def _given(tables: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
    frames, mask = padded_frames(tables)
    return {"frames": torch.from_numpy(frames), "attention_mask": torch.from_numpy(mask)}


def pooled_frames(body: Any, source: Source, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Vectors, float32 (rows, width), of what a feed gives."""
    vectors = body(**inputs).float()
    return torch.nn.functional.normalize(vectors, dim=-1) if source.normalise else vectors


def upper_frames(body: SpectrogramCnn, source: Source, boundary: int) -> SpectrogramCnn:
    """The network from a layer on, in place."""
    body.start = boundary
    return body


def stage_names(body: Any, source: Source, count: int) -> tuple[str, ...]:
    """The starts of the names of the parameters of the last so many layers, from the lowest."""
    prefix, network = next((name, part) for name, part in body.named_modules() if isinstance(part, SpectrogramCnn))
    start = f"{prefix}." if prefix else ""
    return tuple(f"{start}layers.{place}." for place in range(len(network.layers) - count, len(network.layers)))
