"""A body of recordings that can be tuned, run over many at once.

Decisions: recordings are decoded and turned into frames a few hundred at a time, in a thread beside the network; those
of about one length are run together, always as many, so a recording says the same in any company to the last bit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from graft.core.errors import SourceError
from graft.representations.backbone import device
from graft.representations.cache import Ragged
from graft.representations.encoding.audio_bodies import longer_than_read
from graft.representations.encoding.bodies import Precision
from graft.representations.encoding.streaming import ahead
from graft.representations.source import Source
from graft.representations.spectrogram_source import SpectrogramReading, spectrogram_reading
from graft.representations.tokens import padded_width
from graft.representations.towers.spectrogram_cnn import SpectrogramCnn, load_spectrogram_cnn
from graft.rows.content.media import Medium

_READ_TOGETHER, _TOGETHER = 256, 8


@dataclass(frozen=True)
class SpectrogramRows:
    """Recordings that will be read."""

    contents: tuple[Medium, ...]
    reading: SpectrogramReading

    @property
    def truncated(self) -> np.ndarray:
        """Those that are longer than what is read."""
        return longer_than_read(self.reading, self.contents)


def spectrogram_rows(source: Source, contents: Sequence[Medium]) -> SpectrogramRows:
    """Recordings for a source. Raises InputError for a source that reads anything else."""
    return SpectrogramRows(tuple(contents), spectrogram_reading(source))


def padded_frames(tables: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Frames of recordings side by side, float32 (recordings, longest, 40), and which are there, int64."""
    width = padded_width(max(map(len, tables)))
    made = np.zeros((len(tables), width, tables[0].shape[1]), np.float32)
    mask = np.zeros((len(tables), width), np.int64)
    for place, table in enumerate(tables):
        made[place, : len(table)], mask[place, : len(table)] = table, 1
    return made, mask


class SpectrogramBody:
    """The network, whole or up to a layer."""

    def __init__(self, network: SpectrogramCnn, source: Source, layer: int | None) -> None:
        self._network, self._normalise, self._layer = network, source.normalise, layer

    def run(self, rows: SpectrogramRows, *, pooled: bool) -> Iterator[tuple[np.ndarray, Ragged]]:
        """Row numbers, and their vectors or the activations after the layer, batch after batch."""
        starts = range(0, len(rows.contents), _READ_TOGETHER)
        several = (np.arange(start, min(start + _READ_TOGETHER, len(rows.contents))) for start in starts)
        for places, tables in ahead(lambda some: [rows.reading.frames(rows.contents[row]) for row in some], several):
            widths = np.array([padded_width(len(table)) for table in tables])
            for width in np.unique(widths):
                alike = np.flatnonzero(widths == width)
                for start in range(0, len(alike), _TOGETHER):
                    batch = alike[start : start + _TOGETHER]
                    made = self._made([tables[row] for row in np.resize(batch, _TOGETHER)], pooled=pooled)[: len(batch)]
                    offsets = np.concatenate([[0], np.cumsum([len(one) for one in made])]).astype(np.int64)
                    yield places[batch], Ragged(np.concatenate(made), offsets)

    def _made(self, tables: Sequence[np.ndarray], *, pooled: bool) -> list[np.ndarray]:
        frames, mask = (torch.from_numpy(part).to(device()) for part in padded_frames(tables))
        with torch.inference_mode():
            if pooled:
                vectors = self._network(mask, frames)
                vectors = torch.nn.functional.normalize(vectors, dim=-1) if self._normalise else vectors
                return [one[None] for one in vectors.cpu().numpy()]
            assert self._layer is not None
            hidden, left = self._network.below(frames, mask, self._layer)
            return [one[: int(there.sum())].cpu().numpy() for one, there in zip(hidden, left, strict=True)]


def load_spectrogram_body(source: Source, layer: int | None, precision: Precision) -> SpectrogramBody:
    """The body of such a source, cut after ``layer`` layers unless that is None. Raises SourceError."""
    if precision == "int8":
        raise SourceError(
            f"{source.weights.reference} in eight bits",
            needed="native or float32: eight-bit numbers are for sources of texts",
            fix="leave the precision out",
        )
    return SpectrogramBody(load_spectrogram_cnn(source).to(device()), source, layer)
