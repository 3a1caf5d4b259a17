"""How strong each pitch of a recording is, moment by moment: what a network and the classical control both hear.

Decisions: 40 bands of the mel scale from 60 to 7,600 Hz, every 10 milliseconds, as logarithms; what is heard is cut out
of the silence around it; the mean over all bands is taken off, so loudness does not count. All of it is NumPy.

Davis & Mermelstein (1980), Comparison of parametric representations for monosyllabic word recognition.
"""

from functools import lru_cache

import numpy as np

RATE, BANDS, STEP = 16_000, 40, 160
FRAME, _TRANSFORM = 400, 512
_LOWEST, _HIGHEST = 60.0, 7_600.0
_FLOOR = 1e-8
_AUDIBLE = 3.0  # tens of decibels below the loudest moment


def log_mel(heard: np.ndarray) -> np.ndarray:
    """Logarithms (base 10) of the power in 40 bands, float32 (moments, 40), one moment at least.

    heard: 16,000 samples a second.

    >>> log_mel(np.zeros(16_000, np.float32)).shape
    (98, 40)
    """
    short = FRAME - len(heard)
    sound = np.pad(heard, (0, short)) if short > 0 else heard
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::STEP]
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32), _TRANSFORM)) ** 2
    made: np.ndarray = np.log10(power @ _filters() / _TRANSFORM + _FLOOR).astype(np.float32)
    return made


def audible(table: np.ndarray) -> np.ndarray:
    """From the first to the last moment that is not far below the loudest, and less the mean over all bands.

    table: what ``log_mel`` gave, (moments, 40). One moment at least stays.
    """
    loud = table.max(1)
    places = np.flatnonzero(loud >= loud.max() - _AUDIBLE)
    part = table[places[0] : places[-1] + 1]
    centred: np.ndarray = part - part.mean()
    return centred


@lru_cache(maxsize=1)
def _filters() -> np.ndarray:
    """Triangles on the mel scale, (257, 40)."""
    ends = 2595 * np.log10(1 + np.array([_LOWEST, _HIGHEST]) / 700)
    edges = 700 * (10 ** (np.linspace(float(ends[0]), float(ends[1]), BANDS + 2) / 2595) - 1)
    pitch = np.fft.rfftfreq(_TRANSFORM, 1 / RATE)[:, None]
    rising = (pitch - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - pitch) / (edges[2:] - edges[1:-1])
    made: np.ndarray = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return made
