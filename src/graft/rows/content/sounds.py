"""Sounds from the bytes of their files: what is found in a recording, and its samples.

Decisions: a recording is looked at once, when its row is read: its length, whether it decodes to its end, whether there
is anything in it, and a small form of it. Only formats that hold sound and say so in their first bytes are opened. Its
first minute is all that is ever decoded, so five hours cost what a minute costs, and a file of gigabytes is read to its
first 64 MB. Channels are averaged, unless they cancel. Samples that are no numbers count as silence. Rates are changed
by scipy's polyphase filter.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from graft.core.digests import content_digest
from graft.core.errors import MissingExtra
from graft.core.extras import require
from graft.rows.content.alike import sound_form
from graft.rows.content.kind import ContentProblem
from graft.rows.content.media import OTHER_FILES, Medium

BYTES_AT_MOST = 64 << 20
SECONDS_READ = 60
_RATES = (1_000, 768_000)
_CHANNELS_AT_MOST = 64
_BLOCK = 1 << 16
_SMALL_BLOCK = 256
_SILENT = 1e-4
# A share of samples at the very top, several in a row, and so many times as many as lie just below it, as a recording
# has only where it was cut there: a tone rounds its tops too, and 8 bits or A-law put them on one level.
_CLIPPED, _PILED_UP = 0.001, 1.5
_INTEGERS = 64.0
_FORM_RATE = 4_000
_RATIO_AT_MOST = 2_000
_TOGETHER = 1 << 18
_MARKS = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM", b".snd", b"dns.", b"caff", b"ID3", b"NIST_1A", b"riff")
# What a file that cannot be read as a recording most often is, by its first bytes.
_OTHERS = (
    (b"\x89PNG", "it is a picture"),
    (b"\xff\xd8\xff", "it is a picture"),
    (b"\x1aE\xdf\xa3", "it is a WebM or Matroska file: save its sound as WAV, FLAC or OGG"),
    (b"0&\xb2u", "it is a WMA file: save it as WAV, FLAC or OGG"),
    (b"#!AMR", "it is an AMR recording: save it as WAV, FLAC or OGG"),
    (b"\xff\xf1", "it is an AAC recording: save it as WAV, FLAC or OGG"),
    (b"\xff\xf9", "it is an AAC recording: save it as WAV, FLAC or OGG"),
    (b"MThd", "it is a MIDI file, which holds notes and no sound: play it into a WAV file"),
    *OTHER_FILES,
)
# libsndfile opens frames of MPEG in memory only behind a tag: without one it guesses, and is often wrong.
_TAG = b"ID3\x04\0\0\0\0\0\x36" + bytes(54)


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
        return None, ContentProblem("damaged-audio", f"it cannot be decoded: {_why(error)}", fatal=True)
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


def heard(one: Medium) -> np.ndarray:
    """The same at its own rate, with nothing left out."""
    return _mono(_decoded(one.read(BYTES_AT_MOST, start=True)).samples)


@dataclass(frozen=True, eq=False)
class _Decoded:
    """samples: float32, shape (moments, channels), the first minute. frames: moments in all. missing: how many more its
    header promised than are there. unsaid: whether its header says nothing of its length."""

    samples: np.ndarray
    rate: int
    frames: int
    missing: int
    unsaid: bool


class _NotARecording(Exception):
    """What the bytes are instead."""


def _decoded(raw: bytes) -> _Decoded:
    library = require("soundfile", extra="audio", what="reading recordings")
    if raw.startswith(b"\0") and _is_mp3(raw.lstrip(b"\0")):
        raw = raw.lstrip(b"\0")
    if not _is_sound(raw):
        raise _NotARecording(_instead(raw))
    unsaid = _says_nothing(raw)
    readable = _TAG + raw if _is_mp3(raw) else _with_length(raw) if unsaid else raw
    try:
        blocks, rate, frames = _blocks(library, readable, _BLOCK)
    except library.LibsndfileError:
        # A block with damage in it is lost whole: small ones come nearer to where it begins.
        blocks, rate, frames = _blocks(library, readable, _SMALL_BLOCK, patient=True)
    got, most = sum(map(len, blocks)), SECONDS_READ * rate
    there, promised = max(frames, got), max(frames, _promised(raw))
    if got < min(frames, most):
        there, missing = got, promised - got
    elif len(raw) < BYTES_AT_MOST:
        missing = promised - there
    else:
        # Only the start of it was read: its header knows how long it is.
        there, missing = max(promised, got), 0
    return _Decoded(np.concatenate(blocks), rate, there, missing, unsaid)


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


def _chunks(raw: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The parts of a WAV: the name of each, where its content begins, and the size its header says."""
    place = 12
    while raw.startswith(b"RIFF") and place + 8 <= len(raw):
        name, size = struct.unpack_from("<4sI", raw, place)
        yield name, place + 8, size
        place += 8 + size + size % 2


def _promised(raw: bytes) -> int:
    """Moments that the header of a WAV says it holds, 0 where it does not say.

    Programs that write to a pipe leave everything as the length.
    """
    width = 0
    for name, place, size in _chunks(raw):
        if name == b"fmt " and place + 14 <= len(raw):
            width = struct.unpack_from("<H", raw, place + 12)[0]
        if name == b"data":
            return size // width if width and size < 0x7FFF0000 else 0
    return 0


def _says_nothing(raw: bytes) -> bool:
    """Whether the header of a WAV says that it holds nothing, though something follows: its recorder was killed."""
    return any(name == b"data" and not size and place < len(raw) for name, place, size in _chunks(raw))


def _with_length(raw: bytes) -> bytes:
    """Such a WAV with its length in its header."""
    place = next(place for name, place, size in _chunks(raw) if name == b"data" and not size)
    return raw[: place - 4] + struct.pack("<I", len(raw) - place) + raw[place:]


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


def _why(error: Exception) -> str:
    """What a reader says is wrong, without the place in memory that it names."""
    said = str(getattr(error, "error_string", "") or error) or type(error).__name__
    if "SF_INFO" in said:
        return "its header says nothing of its rate or its channels"
    return said.splitlines()[0].rstrip(".")[:200]


def _remark(found: _Decoded, finite: np.ndarray, mono: np.ndarray) -> ContentProblem | None:
    """What a person should know of a recording that can be read."""
    there = found.frames / found.rate
    if found.missing:
        more = found.missing / found.rate
        said = f"it ends after {there:.2f} seconds, {more:.2f} before its header says: what is there is read"
        return ContentProblem("cut-off-audio", said, fatal=False)
    if found.unsaid:
        return ContentProblem("no-length", "its header says nothing of its length: it is read to its end", fatal=False)
    if not finite.all():
        said = f"{1 - finite.mean():.1%} of its samples are no numbers: they are read as silence"
        return ContentProblem("broken-samples", said, fatal=False)
    peak = _peak(mono)
    if peak < _SILENT:
        return ContentProblem("silent-audio", "nothing can be heard in it", fatal=False)
    loud = np.abs(mono)
    top = loud >= 0.999 * peak
    runs = top[2:] & top[1:-1] & top[:-2]
    piled_up = top.sum() > _PILED_UP * ((loud >= 0.9 * peak) & ~top).sum()
    if len(runs) and runs.mean() > _CLIPPED and piled_up and not _few_levels(mono):
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
    if (peak := _peak(sound)) > _INTEGERS:
        # Whole numbers of 16, 24 or 32 bits that were written as they are into a file of floating point.
        sound = sound / next(2.0**bits for bits in (15, 23, 31, 127) if peak <= 2.0**bits or bits == 127)
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
    if up == 1:
        return _every(mono, down)
    # The stubs of scipy know no filter that was made before.
    made: Any = resample_poly(mono, up, down, window=_taps(max(up, down)))  # type: ignore[call-overload]
    return np.asarray(made, np.float32)


def _every(mono: np.ndarray, down: int) -> np.ndarray:
    """What ``resample_poly`` gives for one sample out of so many, as products of matrices: a third of its time."""
    taps = _taps(down)
    half, count = len(taps) // 2, -(-len(mono) // down)
    wide = np.pad(mono, (half, half + down))
    places = np.lib.stride_tricks.sliding_window_view(wide, len(taps))[::down][:count]
    step = max(1, _TOGETHER // len(taps))
    # Piece by piece: all at once would take hundreds of times the memory of the sound.
    pieces = [np.ascontiguousarray(places[at : at + step]) @ taps for at in range(0, count, step)]
    return np.concatenate(pieces)


@lru_cache(maxsize=32)
def _taps(steps: int) -> np.ndarray:
    """The filter that ``resample_poly`` would design at every call."""
    from scipy.signal import firwin

    taps: np.ndarray = firwin(20 * steps + 1, 1 / steps, window=("kaiser", 5.0)).astype(np.float32)
    return taps
