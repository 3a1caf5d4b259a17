"""Sixty short sounds of our own: three ways a tone can be played, made by code, the same everywhere.

Decisions: what tells the classes apart is how a sound begins and ends and which overtones it has, never its height, its
loudness or its length, which are drawn from the same range for each; every sound has noise of its own.
"""

import wave
from pathlib import Path

import numpy as np

RATE, SOUNDS_A_CLASS = 16_000, 20
CLASSES = ("bowed", "plucked", "struck")


def write_tones(folder: Path, *, seed: int = 0) -> Path:
    """Write the sounds, and ``tones.csv`` with the columns path, sound and player; the path of that file.

    folder: made when it is not there. player: one of six, each with a range of heights of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rows = ["path,sound,player"]
    for number in range(SOUNDS_A_CLASS):
        for name in CLASSES:
            player = number % 6
            path = folder / f"{name}-{number:02}.wav"
            _write(path, tone(name, height=150 + 50 * player + rng.uniform(0, 50), rng=rng))
            rows.append(f"{path.name},{name},player {player + 1}")
    table = folder / "tones.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table


def tone(name: str, *, height: float, rng: np.random.Generator) -> np.ndarray:
    """One sound, float64 (samples,), at 16,000 a second. name: one of ``CLASSES``. height: in Hz."""
    seconds = rng.uniform(0.5, 0.9)
    time = np.arange(int(seconds * RATE)) / RATE
    overtones = np.arange(1, 13)
    phases = rng.uniform(0, 2 * np.pi, (12, 1))
    stretched = overtones * (1 + (0.012 * overtones if name == "struck" else 0))
    strength = overtones ** -rng.uniform(0.8, 1.2) if name != "struck" else overtones ** -rng.uniform(0.4, 0.8)
    fading = {"bowed": 0.3, "plucked": 5.0, "struck": 9.0}[name] * rng.uniform(0.7, 1.4)
    waves = np.sin(2 * np.pi * height * stretched[:, None] * time + phases)
    sound = (strength[:, None] * waves * np.exp(-fading * time * overtones[:, None] ** 0.5)).sum(0)
    sound *= np.minimum(1, time / (0.12 if name == "bowed" else 0.004)) * np.minimum(1, (time[-1] - time) / 0.05)
    made: np.ndarray = sound / np.abs(sound).max() * rng.uniform(0.2, 0.8)
    return made + rng.uniform(0.005, 0.05) * rng.standard_normal(len(time))


def _write(path: Path, sound: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
