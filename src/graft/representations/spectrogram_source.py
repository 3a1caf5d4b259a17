"""Sources of recordings that can be tuned: a small network over log-mel frames, how it reads, and its directory.

Decisions: what is heard becomes frames in one way, that of ``log_mel``, so a source has no settings of its own to be
misread by; a configuration that states other frames is refused. A directory is ``config.json`` and safetensors.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from graft.core.digests import key
from graft.core.errors import InputError, SourceError
from graft.core.files import read_json, write_json
from graft.representations.log_mel import BANDS, FRAME, RATE, STEP, audible, log_mel
from graft.representations.pooling import Pooling
from graft.representations.reading import PlainReading
from graft.representations.source import Source, Weights
from graft.representations.text_directory import architecture_of
from graft.representations.weights.unchanged import weights_digest
from graft.representations.weights.weight_files import read_tensors, require_floats, weight_files_of
from graft.rows.content.media import Medium
from graft.rows.content.sounds import SECONDS_READ, samples

MODEL_TYPE = "graft-spectrogram"
_FRAMES = {"rate": RATE, "step": STEP, "bands": BANDS, "kind": "log-mel, audible part, centred"}
_LARGEST, _MOST_STAGES = 1024, 5


@dataclass(frozen=True)
class SpectrogramShape:
    """How large a network is. channels: of each stage, each of which halves time and pitch. gathered: numbers that all
    pitches of a moment become; a vector has twice as many. outputs: classes of the head in its weights, 0 without."""

    channels: tuple[int, ...] = (24, 48, 96)
    gathered: int = 128
    outputs: int = 0

    @property
    def layers(self) -> int:
        """Stages, and the one that gathers the pitches."""
        return len(self.channels) + 1

    @property
    def bands(self) -> tuple[int, ...]:
        """Pitches that are left in each stage."""
        return tuple(-(-BANDS // (1 << place)) for place in range(1, len(self.channels) + 1))


@dataclass(frozen=True)
class SpectrogramReading(PlainReading):
    """How recordings become frames: 40 bands of the mel scale, a hundred times a second.

    rate: samples a second. shortest: samples of one frame.
    """

    kind: ClassVar[str] = "audio"
    unit: ClassVar[str] = "seconds"
    limit: ClassVar[int] = SECONDS_READ
    rate: ClassVar[int] = RATE
    shortest: ClassVar[int] = FRAME

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: of readings whose vectors may be compared."""
        return key([_FRAMES, self.limit])

    def told(self) -> Mapping[str, str]:
        """Its frames."""
        return {
            "samples": f"{RATE:,} a second, one channel, the first {self.limit} seconds",
            "frames": f"{BANDS} bands of the mel scale every {1000 * STEP // RATE} ms, silence around them cut off",
        }

    def frames(self, one: Medium) -> np.ndarray:
        """What is read of a recording, float32 (frames, 40)."""
        return audible(log_mel(samples(one, RATE)))


def spectrogram_reading(source: Source) -> SpectrogramReading:
    """The reading of such a source. Raises InputError for another one."""
    if not isinstance(source.reading, SpectrogramReading):
        raise InputError(
            f"{source.weights.reference} reads content of the kind {source.reading.kind!r} in another way",
            needed="a source that reads log-mel frames",
            fix="make one: graft sources pretrain",
        )
    return source.reading


def is_spectrogram_directory(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is of a network over log-mel frames."""
    return config.get("model_type") == MODEL_TYPE


def write_spectrogram_config(folder: Path, shape: SpectrogramShape) -> None:
    """Write the ``config.json`` of such a source."""
    write_json(folder / "config.json", {"model_type": MODEL_TYPE, **asdict(shape), "frames": _FRAMES})


def read_spectrogram_config(directory: Path, reference: str) -> SpectrogramShape:
    """The shape a directory states. Raises SourceError with what is wrong."""
    config = read_json(directory / "config.json")
    try:
        shape = SpectrogramShape(tuple(config["channels"]), config["gathered"], config.get("outputs", 0))
        sizes = (*shape.channels, shape.gathered)
        if not 0 < len(shape.channels) <= _MOST_STAGES or not all(_is_size(one) for one in sizes):
            raise ValueError(f"a network of {shape}")
        if type(shape.outputs) is not int or not 0 <= shape.outputs < 1 << 16:
            raise ValueError(f"{shape.outputs!r} outputs")
        if config["frames"] != _FRAMES:
            raise ValueError(f"frames that are not made here: {ascii(config['frames'])[:100]}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(
            f"{reference}: its config.json does not describe a network over spectrograms "
            f"({type(error).__name__}: {error})",
            needed="the file as graft sources pretrain wrote it",
            fix="copy the directory again",
        ) from error
    return shape


def _is_size(one: object) -> bool:
    return type(one) is int and 0 < one <= _LARGEST and one % 8 == 0


def read_spectrogram_directory(directory: Path, reference: str, revision: str) -> Source:
    """Describe the directory of such a source, which was checked. Raises SourceError with what is wrong."""
    shape = read_spectrogram_config(directory, reference)
    files = weight_files_of(directory, reference)
    entries = read_tensors(files, reference)
    require_floats(entries, reference)
    tensors = {entry.name: entry.shape for entry in entries}
    expected = shapes_of(shape)
    if tensors != expected:
        odd = sorted(name for name in {*tensors, *expected} if tensors.get(name) != expected.get(name))
        raise SourceError(
            f"{reference}: its weights do not fit its config.json ({odd[0]})",
            needed="the weights of this network",
            fix="copy the directory again",
        )
    names = tuple(file.name for file in files)
    return _source(directory, shape, reference, revision=revision, digest=weights_digest(files), files=names)


def drawn_spectrogram_source(shape: SpectrogramShape, folder: Path, *, seed: int) -> Source:
    """A network whose weights are drawn: it transfers nothing. folder: where its configuration is written."""
    write_spectrogram_config(folder, shape)
    return _source(folder, shape, MODEL_TYPE, digest=f"random-{key({**asdict(shape), 'seed': seed})}", seed=seed)


def _source(
    directory: Path,
    shape: SpectrogramShape,
    reference: str,
    *,
    digest: str,
    revision: str = "",
    files: Sequence[str] = (),
    seed: int | None = None,
) -> Source:
    weights = Weights(
        reference=reference,
        directory=directory,
        revision=revision,
        digest=digest,
        files=tuple(files),
        architecture=key(architecture_of(directory)),
        model_type=MODEL_TYPE,
        hidden=2 * shape.gathered,
        layers=shape.layers,
        parameters=sum(math.prod(one) for one in shapes_of(shape).values()),
        random_seed=seed,
    )
    return Source(weights, SpectrogramReading(), Pooling.MEAN, normalise=True)


def shapes_of(shape: SpectrogramShape) -> dict[str, tuple[int, ...]]:
    """The tensors of a network, by name."""
    first, last = shape.channels[0], shape.channels[-1]
    found: dict[str, tuple[int, ...]] = {"embed.weight": (first, 1, 3, 3), **_norm("embed_norm", first)}
    inside = first
    for place, outside in enumerate(shape.channels):
        name = f"layers.{place}."
        found |= {f"{name}first.weight": (outside, inside, 3, 3), **_norm(f"{name}first_norm", outside)}
        found |= {f"{name}second.weight": (outside, outside, 3, 3), **_norm(f"{name}second_norm", outside)}
        if inside != outside:
            found[f"{name}past.weight"] = (outside, inside, 1, 1)
        inside = outside
    name = f"layers.{len(shape.channels)}."
    found |= {
        f"{name}gather.weight": (shape.gathered, last, 1, shape.bands[-1]),
        **_norm(f"{name}norm", shape.gathered),
    }
    if shape.outputs:
        found |= {"head.weight": (shape.outputs, 2 * shape.gathered), "head.bias": (shape.outputs,)}
    return found


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
