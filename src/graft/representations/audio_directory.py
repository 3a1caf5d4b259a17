"""The directory of an audio source, verified and described: two ONNX networks, one from samples to frames, one from a
window of frames to a vector, as wake-word models share them.

Decisions: what the networks are given (rate, range, window, step) stands in ``config.json``, and a directory that does
not say it is refused rather than guessed at. A recording is the mean and the maximum of the vectors of its windows.
One shorter than a second stands in the middle of silence, what it lacks of it on each side: digits of
speakers nobody learnt from are then told apart in 98 of 100 cases, with silence behind them alone in 48.
Such a source stays as it is: ONNX is for running, not for learning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from graft.core.digests import key
from graft.core.errors import InputError, SourceError
from graft.core.files import read_json
from graft.representations.pooling import Pooling
from graft.representations.reading import PlainReading
from graft.representations.source import Source, Weights
from graft.representations.text_directory import architecture_of
from graft.representations.weights.onnx_file import read_onnx
from graft.representations.weights.unchanged import weights_digest
from graft.rows.content.sounds import SECONDS_READ

MODEL_TYPE = "onnx-windows"
_NUMBERS = {
    "sampling_rate": (1_000, 192_000),
    "amplitude": (1, 1 << 31),
    "samples_a_frame": (1, 1 << 16),
    "samples_a_step": (1, 1 << 16),
    "numbers_a_frame": (1, 1 << 12),
    "window": (1, 1 << 12),
    "step": (1, 1 << 12),
    "vector": (1, 1 << 14),
}
_FILES = ("frames", "vectors")


@dataclass(frozen=True)
class AudioReading(PlainReading):
    """How recordings become windows of frames.

    rate: samples a second. amplitude: what full scale is. samples: of one frame, and from one frame to the next.
    width: numbers in a frame. scale, offset: what a frame is multiplied by, and what is then added. window, step:
    frames in a window, and from one to the next.
    """

    kind: ClassVar[str] = "audio"
    unit: ClassVar[str] = "seconds"
    limit: ClassVar[int] = SECONDS_READ
    rate: int
    amplitude: float
    samples: tuple[int, int]
    width: int
    scale: float
    offset: float
    window: int
    step: int

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: of readings whose vectors may be compared."""
        said = [self.rate, self.amplitude, list(self.samples), self.width, self.scale, self.offset]
        return key([*said, self.window, self.step, self.limit, "mean and maximum", "in silence"])

    @property
    def shortest(self) -> int:
        """Samples of one window."""
        return self.samples[0] + (self.window - 1) * self.samples[1]

    def told(self) -> Mapping[str, str]:
        """Its rate and its windows."""
        seconds, apart = (frames * self.samples[1] / self.rate for frames in (self.window, self.step))
        return {
            "samples": f"{self.rate:,} a second, one channel, the first {self.limit} seconds",
            "windows": f"{seconds:.2f} seconds, one every {apart:.2f}; their mean and their maximum",
        }


def is_audio_directory(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is of a model that reads recordings."""
    return config.get("model_type") == MODEL_TYPE


def read_audio_directory(directory: Path, reference: str, revision: str) -> Source:
    """Describe the directory of an audio source, which was checked. Raises SourceError with what is wrong."""
    config: dict[str, Any] = read_json(directory / "config.json")
    names = tuple(config.get(name) for name in _FILES)
    for name in (*_NUMBERS, "scale", "offset"):
        value: Any = config.get(name)
        low, high = _NUMBERS.get(name, (-1e6, 1e6))
        whole = type(value) is int or (name not in _NUMBERS and type(value) is float)
        if not whole or not low <= value <= high:
            raise _undescribed(reference, f"{ascii(value)[:100]} as {name}")
    for file in names:
        if not isinstance(file, str) or Path(file).name != file or not (directory / file).is_file():
            raise _undescribed(reference, f"{ascii(file)[:100]} as a file of weights")
    files = tuple(directory / str(name) for name in names)
    facts = [read_onnx(file, reference)[1] for file in files]
    weights = Weights(
        reference=reference,
        directory=directory,
        revision=revision,
        digest=weights_digest(files),
        files=tuple(file.name for file in files),
        architecture=key(architecture_of(directory)),
        model_type=MODEL_TYPE,
        hidden=2 * config["vector"],
        layers=1,
        parameters=sum(one.parameters for one in facts),
    )
    reading = AudioReading(
        config["sampling_rate"],
        float(config["amplitude"]),
        (config["samples_a_frame"], config["samples_a_step"]),
        config["numbers_a_frame"],
        float(config["scale"]),
        float(config["offset"]),
        config["window"],
        config["step"],
    )
    return Source(weights, reading, Pooling.MEAN, normalise=True)


def audio_reading(source: Source) -> AudioReading:
    """The reading of a source of recordings. Raises InputError for another source."""
    if not isinstance(source.reading, AudioReading):
        raise InputError(
            f"{source.weights.reference} reads content of the kind {source.reading.kind!r}, and the rows are audio",
            needed="a source that reads recordings",
            fix="choose one, for example speech",
        )
    return source.reading


def _undescribed(reference: str, what: str) -> SourceError:
    return SourceError(
        f"{reference}: its config.json gives {what}",
        needed=f"the names of two ONNX files ({', '.join(_FILES)}), and numbers: {', '.join(_NUMBERS)}, scale, offset",
        fix="copy the directory again, or choose speech",
    )
