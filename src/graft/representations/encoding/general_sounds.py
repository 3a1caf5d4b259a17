"""Sounds of our own, the same for everybody: noises, voices, tones and strokes, to see how far apart sounds can lie.

Decision: made by code and not recorded, so they belong to nobody; they differ in pitch, breadth, course and attack, as
recordings of many things do.
"""

from functools import cache

import numpy as np

from graft.rows.content import AUDIO, Content

RATE, _SECONDS = 16_000, 2.0


@cache
def general_sounds() -> tuple[Content, ...]:
    """Sixteen recordings of two seconds, at 16,000 samples a second. Raises MissingExtra without soundfile."""
    rng = np.random.default_rng(0)
    time = np.arange(int(RATE * _SECONDS)) / RATE
    stroke, beat = np.exp(-20 * (time % 0.25)), 0.55 + 0.45 * np.sin(2 * np.pi * 4 * time)
    made = (
        *(_noise(rng, time, *span) for span in ((60, 7600), (60, 800), (2000, 7600))),
        beat * _noise(rng, time, 300, 3000),
        (0.55 + 0.45 * np.sin(2 * np.pi * 9 * time)) * _noise(rng, time, 3000, 7600),
        *(
            beat * _voice(time, height, formants)
            for height, formants in (
                (110, (700, 1200, 2600)),
                (220, (300, 2300, 3000)),
                (160, (500, 900, 2500)),
                (260, (350, 800, 2800)),
            )
        ),
        np.sin(2 * np.pi * 440 * time),
        np.sign(np.sin(2 * np.pi * 220 * time)),
        np.sin(2 * np.pi * (200 * time + 900 * time**2)),
        np.sin(2 * np.pi * 880 * time) * np.exp(-3 * (time % 0.5)),
        stroke * _noise(rng, time, 60, 7600),
        0.2 * _noise(rng, time, 60, 4000) + np.sin(2 * np.pi * 1000 * time) * (time % 1 < 0.2),
        np.sin(2 * np.pi * 60 * time),
    )
    return tuple(AUDIO.taken((RATE, (0.3 * sound / np.abs(sound).max()).astype(np.float32))) for sound in made)


def _noise(rng: np.random.Generator, time: np.ndarray, low: float, high: float) -> np.ndarray:
    """Noise between two pitches, its largest sample 1."""
    spectrum = np.fft.rfft(rng.standard_normal(len(time)))
    pitches = np.fft.rfftfreq(len(time), 1 / RATE)
    spectrum[(pitches < low) | (pitches > high)] = 0
    sound = np.fft.irfft(spectrum, len(time))
    made: np.ndarray = sound / np.abs(sound).max()
    return made


def _voice(time: np.ndarray, height: float, formants: tuple[int, ...]) -> np.ndarray:
    """Overtones of a height, strong where a vowel has its formants."""
    overtones = np.arange(1, int(7000 / height))[:, None]
    strength = sum(np.exp(-(((overtones * height - one) / 120) ** 2)) for one in formants) + 0.02
    swaying = 1 + 0.01 * np.sin(2 * np.pi * 3 * time)
    made: np.ndarray = (strength * np.sin(2 * np.pi * overtones * height * time * swaying)).sum(axis=0)
    return made
