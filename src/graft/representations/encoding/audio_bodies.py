"""A body of recordings: ONNX networks over windows of frames, many recordings at once.

Decisions: frames are made one recording at a time, because the loudest frame of what is run together sets the floor of
the others; by a Fourier transform where that is seen to give what the network gives, which takes a quarter of the time.
The network over windows only slides along them, so it is run once over all frames of a recording where that is seen to
give the same vectors, which takes half the time; otherwise window by window. Recordings of one length are run together,
so a vector does not depend on what stands beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.fft import rfft

from graft.core.errors import SourceError
from graft.representations.audio_directory import AudioReading, audio_reading
from graft.representations.cache import Ragged
from graft.representations.encoding.bodies import Precision
from graft.representations.encoding.onnx_session import OnnxSession, frozen_only, require_runs
from graft.representations.encoding.streaming import ahead
from graft.representations.reading import Reading
from graft.representations.source import Source
from graft.representations.weights.onnx_file import float_tensors, read_onnx, without_edges
from graft.rows.content.media import Medium
from graft.rows.content.sounds import samples

_TOGETHER = 16
_FRAMES_TOGETHER = 2_048
_READ_TOGETHER = 256
_SAME = 1e-3
_LEAST, _BELOW = 1e-10, 80.0


@dataclass(frozen=True)
class AudioRows:
    """Recordings that will be read."""

    contents: tuple[Medium, ...]
    reading: AudioReading

    @property
    def truncated(self) -> np.ndarray:
        """Those that are longer than what is read."""
        return longer_than_read(self.reading, self.contents)


def longer_than_read(reading: Reading, contents: Sequence[Medium]) -> np.ndarray:
    """Which recordings are longer than what is read of each, bool, shape (contents,)."""
    return np.array([one.found is not None and one.found.seconds > reading.limit for one in contents], bool)


def cut_recordings(source: Source, contents: Sequence[Medium]) -> np.ndarray:
    """Which recordings are longer than what the source reads of each, bool, shape (contents,)."""
    return longer_than_read(source.reading, contents)


def audio_rows(source: Source, contents: Sequence[Medium]) -> AudioRows:
    """Recordings for a source. Raises InputError for a source that reads anything else."""
    return AudioRows(tuple(contents), audio_reading(source))


@dataclass(frozen=True, eq=False)
class _Decibels:
    """Power in bands, in decibels, at most 80 below the loudest: what a front end computes that multiplies each frame
    by the sines and cosines of a windowed transform. window: (samples,). bands: (pitches, width)."""

    window: np.ndarray
    bands: np.ndarray
    step: int

    @classmethod
    def of(cls, tensors: Sequence[np.ndarray], reading: AudioReading) -> "_Decibels | None":
        """From the tensors of such a network: a window is what multiplies the cosine of no pitch at all."""
        size = reading.samples[0]
        waves = [one for one in tensors if one.shape == (size // 2 + 1, 1, size)]
        bands = [one for one in tensors if one.shape == (size // 2 + 1, reading.width)]
        if len(waves) != 2 or len(bands) != 1:
            return None
        window = max((one[0, 0] for one in waves), key=lambda one: float(np.abs(one).sum()))
        return cls(window, bands[0], reading.samples[1])

    def __call__(self, sound: np.ndarray) -> np.ndarray:
        """Frames, float32 (frames, width)."""
        frames = np.lib.stride_tricks.sliding_window_view(sound, len(self.window))[:: self.step]
        # In single precision, as the network itself; scipy's transform has one, NumPy's has not.
        turned = rfft(frames * self.window)
        power = (turned.real**2 + turned.imag**2) @ self.bands
        made: np.ndarray = 10 * np.log10(np.maximum(power, np.float32(_LEAST)))
        return np.asarray(np.maximum(made, made.max() - np.float32(_BELOW)), np.float32)


class AudioBody:
    """The two networks of a source. Raises SourceError where they do not take what its directory says."""

    def __init__(self, source: Source) -> None:
        source.weights.require_unchanged()
        self._source, self._reading = source, audio_reading(source)
        names = source.weights.files
        looked = [read_onnx(source.weights.directory / name, source.weights.reference)[0] for name in names]
        source.weights.require_unchanged()
        self._frames, self._vectors = (self._session(raw) for raw in looked)
        self._looked = looked

    def run(self, rows: AudioRows, *, pooled: bool) -> Iterator[tuple[np.ndarray, Ragged]]:
        """Row numbers and their vectors, batch after batch."""
        if not pooled:
            raise frozen_only(self._source)
        starts = range(0, len(rows.contents), _READ_TOGETHER)
        several = (np.arange(start, min(start + _READ_TOGETHER, len(rows.contents))) for start in starts)
        for places, heard in ahead(
            lambda some: [samples(rows.contents[row], self._reading.rate) for row in some], several
        ):
            frames = [self.frames(one) for one in heard]
            made = np.stack(self._pooled(frames))
            yield places, Ragged(made, np.arange(len(places) + 1, dtype=np.int64))

    def frames(self, heard: np.ndarray) -> np.ndarray:
        """Frames of a recording, float32 (frames, width), as many as whole windows take."""
        reading = self._reading
        # A short word in the middle of silence is seen by several windows, at several places of each.
        silence = max(0, reading.rate - len(heard))
        short = max(0, reading.shortest - len(heard) - 2 * silence)
        sound = np.pad(heard, (silence, silence + short))
        sound = (sound * np.float32(reading.amplitude)).astype(np.float32)
        made = self._frames(sound[None]) if self._spectrum is None else self._spectrum(sound)
        try:
            table = made.reshape(-1, reading.width) * np.float32(reading.scale) + np.float32(reading.offset)
        except ValueError as error:
            raise self._unfit("frames of another width") from error
        whole = (len(table) - reading.window) // reading.step * reading.step + reading.window
        if whole < reading.window:
            raise self._unfit("too few frames")
        return table[:whole]

    def _pooled(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The vector of each recording: mean and maximum of its windows, of length one."""
        made: list[np.ndarray] = [np.empty(0)] * len(frames)
        lengths = np.array([len(one) for one in frames])
        for length in np.unique(lengths):
            alike = np.flatnonzero(lengths == length)
            step = max(1, min(_TOGETHER, _FRAMES_TOGETHER // int(length)))
            for start in range(0, len(alike), step):
                some = alike[start : start + step]
                windows = self._windows(np.stack([frames[row] for row in some]))
                both = np.concatenate([windows.mean(1), windows.max(1)], axis=1)
                if both.shape[1] != self._source.weights.hidden or not np.isfinite(both).all():
                    raise self._unfit("other vectors")
                both /= np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-12)
                for row, vector in zip(some, both.astype(np.float32), strict=True):
                    made[row] = vector
        return made

    def _windows(self, frames: np.ndarray) -> np.ndarray:
        """Vectors of all windows of recordings of one length, float32 (recordings, windows, numbers)."""
        if self._sliding is None:
            return self._apart(frames)
        slid = self._sliding(frames[:, None])
        return np.ascontiguousarray(slid[..., 0].transpose(0, 2, 1))

    def _apart(self, frames: np.ndarray) -> np.ndarray:
        reading = self._reading
        cut = np.lib.stride_tricks.sliding_window_view(frames, reading.window, 1)[:, :: reading.step]
        windows = np.ascontiguousarray(cut.transpose(0, 1, 3, 2)).reshape(-1, reading.window, reading.width, 1)
        parts = [self._vectors(windows[at : at + 64]) for at in range(0, len(windows), 64)]
        return np.concatenate(parts).reshape(*cut.shape[:2], -1)

    @cached_property
    def _sliding(self) -> OnnxSession | None:
        """A session that slides over any number of frames; None where it does not give what windows give."""
        reading = self._reading
        opened = without_edges(self._looked[1], reading.width)
        if opened is None:
            return None
        length = reading.window + 2 * reading.step
        drawn = np.random.default_rng(0).uniform(1, 9, (2, length, reading.width)).astype(np.float32)
        expected = self._apart(drawn)
        try:
            session = self._session(opened)
            slid = session(drawn[:, None])[..., 0].transpose(0, 2, 1)
        except SourceError:
            return None
        same = slid.shape == expected.shape and np.abs(slid - expected).max() <= _SAME * np.abs(expected).max()
        return session if same else None

    @cached_property
    def _spectrum(self) -> "_Decibels | None":
        """The first network as a Fourier transform; None where that does not give the same frames."""
        made = _Decibels.of(float_tensors(self._looked[0]), self._reading)
        if made is None:
            return None
        rng = np.random.default_rng(0)
        time = np.arange(self._reading.shortest) / self._reading.rate
        for loudness in (0.0, 1e-4, 0.5):
            drawn = loudness * (np.sin(2 * np.pi * 300 * time * (1 + time)) + rng.standard_normal(len(time)) * time)
            sound = (drawn * self._reading.amplitude).astype(np.float32)
            expected = self._frames(sound[None]).reshape(-1)
            found = made(sound).reshape(-1)
            if found.shape != expected.shape or np.abs(found - expected).max() > _SAME * np.abs(expected).max():
                return None
        return made

    def _session(self, raw: bytes) -> OnnxSession:
        return OnnxSession(raw, self._unfit, extra="audio")

    def _unfit(self, why: str) -> SourceError:
        return SourceError(
            f"{self._source.weights.reference} does not run as its config.json says: {why}",
            needed="ONNX networks that take samples, and windows of frames",
            fix="copy the directory again, or choose speech",
        )


def load_audio_body(source: Source, layer: int | None, precision: Precision) -> AudioBody:
    """The body of an audio source. Raises SourceError, and for a layer, eight bits or random weights."""
    require_runs(source, layer, eight_bits=precision == "int8")
    return AudioBody(source)
