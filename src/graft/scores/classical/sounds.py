"""What the classical control hears of a recording: how strong each pitch is, how much that changes, and in which order.

Decisions: 40 bands of the mel scale from 60 to 7,600 Hz, every 10 milliseconds, as logarithms; what is heard is cut out
of the silence around it; the mean over all bands is taken off, so loudness does not count. Statistics are the mean and
the deviation of each band and the deviation of its differences; the course is the mean of each band in five parts of
the time, which tells words apart. Each part has unit length. All of it is NumPy, so what is learnt from it is an array.

Accuracy on spoken digits: the digit, by speakers nobody learnt from, .70 from the statistics and .74 with the course;
the speaker, from 10 and 40 recordings of each, .93 and .98.

Davis & Mermelstein (1980), Comparison of parametric representations for monosyllabic word recognition.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from graft.rows.content.media import Medium
from graft.rows.content.sounds import samples

_RATE, _FRAME, _STEP, _TRANSFORM = 16_000, 400, 160, 512
_BANDS, _LOWEST, _HIGHEST = 40, 60.0, 7_600.0
_PARTS = 5
_FLOOR = 1e-8
_AUDIBLE = 3.0  # tens of decibels below the loudest moment


def log_mel(heard: np.ndarray) -> np.ndarray:
    """Logarithms (base 10) of the power in 40 bands, float32 (moments, 40), one moment at least.

    heard: 16,000 samples a second.

    >>> log_mel(np.zeros(16_000, np.float32)).shape
    (98, 40)
    """
    short = _FRAME - len(heard)
    sound = np.pad(heard, (0, short)) if short > 0 else heard
    frames = np.lib.stride_tricks.sliding_window_view(sound, _FRAME)[::_STEP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME).astype(np.float32), _TRANSFORM)) ** 2
    made: np.ndarray = np.log10(power @ _filters() / _TRANSFORM + _FLOOR).astype(np.float32)
    return made


@lru_cache(maxsize=1)
def _filters() -> np.ndarray:
    """Triangles on the mel scale, (257, 40)."""
    ends = 2595 * np.log10(1 + np.array([_LOWEST, _HIGHEST]) / 700)
    edges = 700 * (10 ** (np.linspace(float(ends[0]), float(ends[1]), _BANDS + 2) / 2595) - 1)
    pitch = np.fft.rfftfreq(_TRANSFORM, 1 / _RATE)[:, None]
    rising = (pitch - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - pitch) / (edges[2:] - edges[1:-1])
    made: np.ndarray = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return made


def _heard(table: np.ndarray) -> np.ndarray:
    """From the first to the last moment that is not far below the loudest, and less the mean over all bands."""
    loud = table.max(1)
    places = np.flatnonzero(loud >= loud.max() - _AUDIBLE)
    part = table[places[0] : places[-1] + 1]
    centred: np.ndarray = part - part.mean()
    return centred


def statistics(table: np.ndarray) -> np.ndarray:
    """Mean and deviation of each band, and deviation of its differences, float32 (120,)."""
    changes = np.diff(table, axis=0) if len(table) > 1 else np.zeros_like(table)
    return np.concatenate([_unit(table.mean(0)), _unit(table.std(0)), _unit(changes.std(0))])


def course(table: np.ndarray) -> np.ndarray:
    """The mean of each band in five parts of the time, float32 (200,)."""
    edges = np.linspace(0, len(table), _PARTS + 1)
    parts = [table[int(start) : max(int(start) + 1, int(end))].mean(0) for start, end in pairwise(edges)]
    return _unit(np.concatenate(parts))


def of_sounds(contents: Sequence[Medium], *, parts: Sequence[Callable[[np.ndarray], np.ndarray]]) -> np.ndarray:
    """These parts of recordings side by side, float32 (recordings, width); one is read after another."""
    tables = (_heard(log_mel(samples(one, _RATE))) for one in contents)
    made = [np.concatenate([part(table) for part in parts]) for table in tables]
    return np.stack(made).astype(np.float32) if made else np.zeros((0, 1), np.float32)


def _unit(vector: np.ndarray) -> np.ndarray:
    made: np.ndarray = vector / max(float(np.linalg.norm(vector)), 1e-9)
    return made
