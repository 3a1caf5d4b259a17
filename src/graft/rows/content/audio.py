"""Audio: recordings of speech, music and noises, one a row.

Decisions: a recording is looked at once, when its row is read: its length, whether it decodes to its end, whether there
is anything in it, and a small form of it. Only formats that hold sound and say so in their first bytes are opened. Its
first minute is all that is ever decoded, so five hours cost what a minute costs, and a file of gigabytes is read to its
first 64 MB. Channels are averaged, unless they cancel. Samples that are no numbers count as silence. Rates are changed
by scipy's polyphase filter. An explanation silences one stretch of time after another.
"""

import base64
import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from graft.core.digests import content_digest
from graft.core.errors import MissingExtra
from graft.core.extras import require
from graft.rows.content.alike import near_sounds, sound_form
from graft.rows.content.kind import ColumnMeasure, ContentKind, ContentProblem, Piece
from graft.rows.content.media import (
    Box,
    MediaForm,
    Medium,
    address,
    measure_media,
    media_digest,
    media_problem,
    read_media,
    restore_medium,
    take,
    write_medium,
)
from graft.rows.encoded import is_sound

BYTES_AT_MOST = 64 << 20
SECONDS_READ = 60
_RATES = (1_000, 768_000)
_CHANNELS_AT_MOST = 64
_BLOCK = 1 << 16
_SMALL_BLOCK = 256
_SILENT = 1e-4
# A share of samples at the very top, several in a row, that a recording reaches only where it was cut there.
_CLIPPED = 0.001
_INTEGERS = 64.0
_STEPS = 10
_BARS = 64
_FORM_RATE = 4_000
_RATIO_AT_MOST = 2_000
_MARKS = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM", b".snd", b"dns.", b"caff", b"ID3", b"NIST_1A", b"riff")
# What a file that cannot be read as a recording most often is, by its first bytes.
_OTHERS = (
    (b"%PDF", "it is a PDF document"),
    (b"PK\x03\x04", "it is a zip archive, or an office document"),
    (b"\x1f\x8b", "it is a gzip file"),
    (b"\x89PNG", "it is a picture"),
    (b"\xff\xd8\xff", "it is a picture"),
    (b"\x1aE\xdf\xa3", "it is a WebM or Matroska file: save its sound as WAV, FLAC or OGG"),
    (b"0&\xb2u", "it is a WMA file: save it as WAV, FLAC or OGG"),
    (b"#!AMR", "it is an AMR recording: save it as WAV, FLAC or OGG"),
    (b"<!DOC", "it is a web page"),
    (b"<html", "it is a web page"),
    (b"version https://git-lfs", "it stands for a file that Git LFS keeps elsewhere: run git lfs pull"),
)


@dataclass(frozen=True)
class Sound:
    """What was found in a recording.

    rate: samples a second. channels: of them at once. frames: how many moments, as its header says or as are there.
    alike: its small form, by which near copies are found; b"" for one without anything in it. strict: digest of what is
    heard.
    """

    rate: int
    channels: int
    frames: int
    alike: bytes
    strict: bytes

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.rate


def look(raw: bytes) -> tuple[Sound | None, ContentProblem | None]:
    """What is found in the bytes of a recording, and what is wrong with it. Raises MissingExtra without soundfile."""
    try:
        found = _decoded(raw)
    except MissingExtra:
        raise
    except _NotARecording as error:
        return None, ContentProblem("not-audio", str(error), fatal=True)
    except MemoryError:
        return None, ContentProblem("damaged-audio", "there is no memory to decode it", fatal=True)
    except Exception as error:  # every format's reader has errors of its own
        why = (str(error) or type(error).__name__).splitlines()[0][:200]
        return None, ContentProblem("damaged-audio", f"it cannot be decoded: {why}", fatal=True)
    if not len(found.samples):
        return None, ContentProblem("no-samples", "there is not one sample in it", fatal=True)
    finite = np.isfinite(found.samples)
    if not finite.any():
        return None, ContentProblem("no-samples", "not one of its samples is a number", fatal=True)
    mono = _mono(found.samples)
    strict = content_digest(f"{found.rate} {found.frames}", np.ascontiguousarray(found.samples).tobytes())
    form = b"" if _peak(mono) < _SILENT else sound_form(_at(mono, found.rate, _FORM_RATE), _FORM_RATE)
    sound = Sound(found.rate, found.samples.shape[1], found.frames, form, strict)
    return sound, _remark(found, finite, mono)


def samples(one: Medium, rate: int) -> np.ndarray:
    """What is heard of a recording, float32, shape (samples,), at ``rate`` a second: at most its first minute.

    One channel; what was left out of it is silent. Full scale is 1. Raises InputError when the file is gone or has
    changed, and MissingExtra without soundfile.
    """
    found = _decoded(one.read(BYTES_AT_MOST, start=True))
    mono = _mono(found.samples)
    for start, _, end, _ in one.without:
        mono[round(start * len(mono)) : round(end * len(mono))] = 0
    return _at(mono, found.rate, rate)


@dataclass(frozen=True, eq=False)
class _Decoded:
    """samples: float32, shape (moments, channels), the first minute. frames: moments in all. missing: how many more its
    header promised than are there."""

    samples: np.ndarray
    rate: int
    frames: int
    missing: int


class _NotARecording(Exception):
    """What the bytes are instead."""


def _decoded(raw: bytes) -> _Decoded:
    library = require("soundfile", extra="audio", what="reading recordings")
    if not _is_sound(raw):
        raise _NotARecording(_instead(raw))
    try:
        blocks, rate, frames = _blocks(library, raw, _BLOCK)
    except library.LibsndfileError:
        # A block with damage in it is lost whole: small ones come nearer to where it begins.
        blocks, rate, frames = _blocks(library, raw, _SMALL_BLOCK, patient=True)
    got = sum(map(len, blocks))
    most = SECONDS_READ * rate
    promised = max(frames, _promised(raw))
    whole = len(raw) < BYTES_AT_MOST
    missing = min(frames, most) - got if got < min(frames, most) else promised - max(frames, got) if whole else 0
    return _Decoded(
        np.concatenate(blocks), rate, max(frames, got) if whole and missing else max(promised, got), missing
    )


def _blocks(library: Any, raw: bytes, size: int, *, patient: bool = False) -> tuple[list[np.ndarray], int, int]:
    """The first minute in blocks, samples a second, and moments in all as the header says.

    patient: what comes before damage is kept. Raises _NotARecording and the errors of the library.
    """
    with library.SoundFile(io.BytesIO(raw)) as file:
        rate, channels, frames = int(file.samplerate), int(file.channels), max(0, int(file.frames))
        if not _RATES[0] <= rate <= _RATES[1]:
            raise _NotARecording(f"its header says {rate:,} samples a second; {_RATES[0]:,} to {_RATES[1]:,} are read")
        if not 0 < channels <= _CHANNELS_AT_MOST:
            raise _NotARecording(f"its header says it has {channels:,} channels; up to {_CHANNELS_AT_MOST} are read")
        blocks, left = [np.empty((0, channels), np.float32)], SECONDS_READ * rate
        while left > 0:
            try:
                block = file.read(min(size, left), dtype="float32", always_2d=True)
            except library.LibsndfileError:
                if patient and len(blocks) > 1:
                    break
                raise
            if not len(block):
                break
            blocks.append(block)
            left -= len(block)
    return blocks, rate, frames


def _is_sound(raw: bytes) -> bool:
    if raw.startswith((b"RIFF", b"RIFX")):
        return raw[8:12] == b"WAVE"
    if raw.startswith(b"FORM"):
        return raw[8:12] in (b"AIFF", b"AIFC", b"8SVX")
    return raw.startswith(_MARKS) or _is_mp3(raw)


def _is_mp3(raw: bytes) -> bool:
    """Whether the bytes begin as a frame of MPEG sound does: eleven ones, then what MPEG defines."""
    if len(raw) < 4 or raw[0] != 0xFF or raw[1] & 0xE0 != 0xE0:
        return False
    return raw[1] & 0x18 != 0x08 and raw[1] & 0x06 != 0 and raw[2] >> 4 != 15 and raw[2] & 0x0C != 0x0C


def _promised(raw: bytes) -> int:
    """Moments that the header of a WAV says it holds, 0 where it does not say.

    Recorders that are killed, and programs that write to a pipe, leave nothing or everything as the length.
    """
    place, width = 12, 0
    while raw.startswith(b"RIFF") and place + 8 <= len(raw):
        name, size = struct.unpack_from("<4sI", raw, place)
        if name == b"fmt " and place + 22 <= len(raw):
            width = struct.unpack_from("<H", raw, place + 20)[0]
        if name == b"data":
            return size // width if width and 0 < size < 0x7FFF0000 else 0
        place += 8 + size + size % 2
    return 0


def _instead(raw: bytes) -> str:
    start = raw[:32].lstrip()
    if raw[4:8] == b"ftyp":
        return "it is an MP4 or M4A file: save its sound as WAV, FLAC or OGG"
    if raw[:4] == b"RIFF":
        return "it is a film or a picture, not a WAV file"
    for mark, what in _OTHERS:
        if start.startswith(mark):
            return what
    return "its bytes are those of no recording that is read (WAV, FLAC, OGG, MP3, AIFF, AU, CAF)"


def _remark(found: _Decoded, finite: np.ndarray, mono: np.ndarray) -> ContentProblem | None:
    """What a person should know of a recording that can be read."""
    there = found.frames / found.rate
    if found.missing:
        more = found.missing / found.rate
        said = f"it ends after {there:.2f} seconds, {more:.2f} before its header says: what is there is read"
        return ContentProblem("cut-off-audio", said, fatal=False)
    if not finite.all():
        said = f"{1 - finite.mean():.1%} of its samples are no numbers: they are read as silence"
        return ContentProblem("broken-samples", said, fatal=False)
    peak = _peak(mono)
    if peak < _SILENT:
        return ContentProblem("silent-audio", "nothing can be heard in it", fatal=False)
    top = np.abs(mono) >= 0.999 * peak
    runs = top[2:] & top[1:-1] & top[:-2]
    if len(runs) and runs.mean() > _CLIPPED and not _few_levels(mono):
        said = f"it was too loud for its recorder: {runs.mean():.1%} of it is cut at one level"
        return ContentProblem("clipped-audio", said, fatal=False)
    return None


def _few_levels(mono: np.ndarray) -> bool:
    """Whether a sound knows a few levels only, as signals made by programs do: those lie at the top uncut."""
    return len(np.unique(mono[: 1 << 16])) <= 16


def _peak(mono: np.ndarray) -> float:
    return float(np.abs(mono).max(initial=0.0))


def _mono(several: np.ndarray) -> np.ndarray:
    """One channel of several, what is no number silent, whole numbers as shares of full scale."""
    sound: np.ndarray = np.nan_to_num(several, nan=0.0, posinf=0.0, neginf=0.0)
    if _peak(sound) > _INTEGERS:
        # Numbers of 16 bits that were written as they are into a file of floating point.
        sound = sound / 32768
    if sound.shape[1] == 1:
        return np.array(sound[:, 0], np.float32)
    mean = sound.mean(1, dtype=np.float32)
    loudest = sound[:, int((sound**2).mean(0).argmax())]
    # Channels with opposite signs cancel, though each of them is heard.
    cancelled = float((mean**2).mean()) < 1e-3 * float((loudest**2).mean())
    return np.array(loudest if cancelled else mean, np.float32)


def _at(mono: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """The same sound at another rate."""
    if rate == wanted or not len(mono):
        return mono
    from scipy.signal import resample_poly

    ratio = Fraction(wanted, rate)
    if max(ratio.numerator, ratio.denominator) > _RATIO_AT_MOST:
        # A filter for 16,000 to 44,101 would have a million taps; a millionth of a tone's height is not heard.
        ratio = ratio.limit_denominator(_RATIO_AT_MOST)
    up, down = ratio.numerator, ratio.denominator
    # The stubs of scipy know no filter that was made before.
    made: Any = resample_poly(mono, up, down, window=_taps(max(up, down)))  # type: ignore[call-overload]
    return np.asarray(made, np.float32)


@lru_cache(maxsize=32)
def _taps(steps: int) -> np.ndarray:
    """The filter that ``resample_poly`` would design at every call."""
    from scipy.signal import firwin

    taps: np.ndarray = firwin(20 * steps + 1, 1 / steps, window=("kaiser", 5.0)).astype(np.float32)
    return taps


def _loose(one: Medium) -> Any:
    if one.found is None or one.without or not one.found.alike:
        return ("as it is", *_strict(one))
    return one.found.alike


def _strict(one: Medium) -> tuple[Any, ...]:
    return (one.digest or one.path or one.name if one.found is None else one.found.strict, one.without)


def _size(one: Medium) -> int:
    """Thousandths of a second."""
    return 0 if one.found is None else max(1, round(1000 * one.found.seconds))


def _shown(one: Medium, limit: int) -> str:
    """The name of its file and its length.

    >>> _shown(made_up_sounds(())[0], 40)
    'a recording in memory (0.80 s)'
    """
    length = "" if one.found is None else f" ({_length(one.found.seconds)})"
    name = " ".join((one.name or "a recording in memory").split())
    room = limit - len(length)
    if len(name) <= room:
        return name + length
    # The end of a path says more than its beginning.
    return f"…{name[-(limit - 1) :]}" if room < _NAME else f"…{name[-(room - 1) :]}{length}"


def _length(seconds: float) -> str:
    """A length in words.

    >>> _length(0.8), _length(75), _length(18_000)
    ('0.80 s', '1:15 min', '5:00 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.2f} s"
    return f"{whole // 60}:{whole % 60:02} min" if whole < 3600 else f"{whole // 3600}:{whole % 3600 // 60:02} h"


def _pieces(one: Medium) -> tuple[Piece, ...]:
    """Ten stretches of the time that is read; each is silenced in turn.

    >>> [piece.name for piece in _pieces(made_up_sounds(())[0])][:2]
    ['0.00 to 0.08 s', '0.08 to 0.16 s']
    """
    seconds = min(SECONDS_READ, one.found.seconds) if one.found else 0.0
    pieces = []
    for step in range(_STEPS):
        box: Box = (step / _STEPS, 0.0, (step + 1) / _STEPS, 1.0)
        name = f"{seconds * box[0]:.2f} to {seconds * box[2]:.2f} s"
        pieces.append(Piece(name, replace(one, without=(*one.without, box))))
    return tuple(pieces)


def _pictured(one: Medium) -> str:
    """Its waveform as a small drawing, a data URI; "" when its file is gone."""
    try:
        found = _decoded(one.read(BYTES_AT_MOST, start=True))
    except Exception:  # a page is written all the same
        return ""
    mono = _mono(found.samples)
    edges = np.linspace(0, len(mono), min(_BARS, len(mono)) + 1).round().astype(int)
    loud = np.maximum.reduceat(np.abs(mono), edges[:-1]) if len(mono) else np.zeros(1)
    half = np.maximum(1, np.round(15 * loud / max(float(loud.max()), 1e-9))).astype(int)
    bars = "".join(f"M{2 * place + 1} {16 - high}v{2 * high}" for place, high in enumerate(half.tolist()))
    width = 2 * len(half)
    shades = "".join(
        f'<rect x="{start * width:.0f}" width="{(end - start) * width:.0f}" height="32" fill="#bbb"/>'
        for start, _, end, _ in one.without
    )
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="32" viewBox="0 0 {width} 32">'
        f'<path d="{bars}" stroke="#4269b0" stroke-width="1.4"/>{shades}</svg>'
    )
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"


def made_up_sounds(words: Sequence[str]) -> tuple[Medium, ...]:
    """Sounds that nobody recorded: tones, a sweep, clicks, a beating pair and drawn noise, always the same."""
    rate, moments = 8_000, 6_400
    time = np.arange(moments) / rate
    swell = np.sin(np.pi * time / time[-1])
    noise = np.random.default_rng(0).standard_normal(moments)
    sounds = (
        swell * np.sin(2 * np.pi * (200 + 900 * time) * time),
        np.sin(2 * np.pi * 440 * time) * np.exp(-3 * time) + 0.2 * np.sin(2 * np.pi * 1320 * time),
        (np.sin(2 * np.pi * 300 * time) + np.sin(2 * np.pi * 330 * time)) / 2,
        noise * swell / 4,
        np.where(np.arange(moments) % 800 < 40, noise / 3, 0),
        swell * np.sign(np.sin(2 * np.pi * 150 * time)) * 0.5 + noise / 50,
    )
    return tuple(take(_FORM, (rate, (sound * 0.7 * 32767).clip(-32767, 32767).astype(np.int16))) for sound in sounds)


_NAME = 8
_FORM = MediaForm(
    kind="audio",
    plural="recordings",
    limit=BYTES_AT_MOST,
    look=look,
    listed=lambda found: [
        found.rate, found.channels, found.frames, base64.b64encode(found.alike).decode(), found.strict.hex()
    ],
    restored=lambda said: Sound(
        int(said[0]), int(said[1]), int(said[2]), base64.b64decode(said[3]), bytes.fromhex(said[4])
    ),
    start=True,
)  # fmt: skip


def _fits(given: Any) -> bool:
    if isinstance(given, Medium):
        return given.kind == _FORM.kind
    return isinstance(given, str | Path | bytes | bytearray) or is_sound(given)


def _read(columns: Sequence[pl.Series], folder: Path | None) -> list[Medium | None]:
    return read_media(_FORM, columns, folder)


def _measure(column: pl.Series, folder: Path | None) -> ColumnMeasure:
    return measure_media(_FORM, _size, column, folder)


AUDIO = ContentKind(
    name="audio",
    plural="recordings",
    unit="milliseconds",
    pieces_at_most=_STEPS,
    column=pl.String(),
    blank=None,
    fits=_fits,
    taken=partial(take, _FORM),
    measure=_measure,
    read=_read,
    cell=address,
    problem=partial(media_problem, _FORM.kind),
    size=_size,
    digest=media_digest,
    loose=_loose,
    strict=_strict,
    near=near_sounds,
    shown=_shown,
    pieces=_pieces,
    made_up=made_up_sounds,
    written=partial(write_medium, _FORM),
    restored=partial(restore_medium, _FORM),
    pictured=_pictured,
    travels=False,
)
