"""Recordings as people have them: silent, clipped, hours long, renamed, cut off; each is read, or refused in words."""

import io
import os
import pickle
import struct
from base64 import b64decode

import numpy as np
import polars as pl
import pytest
import torch
from scipy.signal import resample_poly

from graft.core.errors import ContractError, InputError
from graft.inputs.duplicates import find_duplicates
from graft.rows import read_frame
from graft.rows.content import AUDIO
from graft.rows.content import media as medium
from graft.rows.content.audio import made_up_sounds
from graft.rows.content.sounds import _at, samples

sf = pytest.importorskip("soundfile")


def word(seed=0, seconds=0.6, rate=16_000, height=120.0):
    """Something like a spoken word: harmonics of a voice that glides, swelling and fading, with breath in it."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    pitch = height + rng.normal(0, 4) + rng.normal(0, 30) * time
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(n * phase + rng.uniform(0, 6)) * np.exp(-((n * 120 - 700) ** 2) / 4e5) for n in range(1, 25))
    return (voice + 0.1 * rng.standard_normal(len(time))) * np.sin(np.pi * time / time[-1]) ** 2 / 12


def saved(sound, rate=16_000, form="WAV", kind=None):
    stream = io.BytesIO()
    if kind is None and form in ("WAV", "FLAC"):
        sound = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)
    sf.write(stream, sound, rate, format=form, subtype=kind)
    return stream.getvalue()


def problem_of(given):
    one = AUDIO.read([pl.Series("p", [given])], None)[0]
    found = AUDIO.problem(one)
    return None if found is None else (found.code, found.fatal)


def with_nan(share):
    sound = word().astype(np.float32)
    sound[: int(share * len(sound))] = np.nan
    return saved(sound, kind="FLOAT")


def with_header(place, form, number):
    raw = bytearray(saved(word()))
    struct.pack_into(form, raw, place, number)
    return bytes(raw)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"", ("empty-audio", True)),
        (b"%PDF-1.7 no sound", ("not-audio", True)),
        (b"a plain text of some words", ("not-audio", True)),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", ("not-audio", True)),
        (b"RIFF\x24\0\0\0WEBPVP8 ", ("not-audio", True)),
        (saved(word())[:30], ("damaged-audio", True)),
        (saved(word(), form="FLAC")[:60], ("damaged-audio", True)),
        (saved(word()[:0]), ("no-samples", True)),
        (with_nan(1), ("no-samples", True)),
        (with_nan(0.1), ("broken-samples", False)),
        (with_header(24, "<I", 3), ("not-audio", True)),
        (with_header(24, "<I", 0), ("damaged-audio", True)),
        (with_header(24, "<I", 2_000_000), ("not-audio", True)),
        (with_header(40, "<I", 0xFFFFFFFF), None),
        (with_header(40, "<I", 0), ("no-length", False)),
        (b"\xff\xf1\x50\x80" + bytes(100), ("not-audio", True)),
        (saved(word())[:-4_001], ("cut-off-audio", False)),
        (saved(word(), form="FLAC")[:-3_000], ("cut-off-audio", False)),
        (saved(np.zeros(8_000)), ("silent-audio", False)),
        (saved(np.clip(word() * 20, -1, 1)), ("clipped-audio", False)),
        (saved(np.sign(word())), None),
        (saved(word()[:1] + 0.5), None),
        (saved(word(), 4_000), None),
        (saved(word(), 192_000), None),
        (saved(word(), 11_127), None),
        (saved(word(), form="OGG"), None),
        (saved(word(), form="MP3"), None),
        (saved(word(), form="AIFF"), None),
        ("https://example.org/a.wav", ("remote-audio", True)),
        ("not there.wav", ("no-audio-file", True)),
        ("data:audio/wav;base64,????", ("bad-data", True)),
        (None, ("missing-audio", True)),
        ("  ", ("missing-audio", True)),
    ],
)
def test_what_cannot_be_read_is_told_apart(given, expected):
    assert problem_of(given) == expected


@pytest.mark.parametrize("kind", ["PCM_U8", "ALAW", "ULAW", "PCM_16"])
def test_a_tone_in_few_bits_was_not_too_loud(kind):
    """Its tops lie on one level of A-law all the same."""
    tone = 0.4 * np.sin(2 * np.pi * 300 * np.arange(8_000) / 16_000)
    assert problem_of(saved(tone, kind=kind)) is None
    cut = problem_of(saved(np.clip(1.5 * tone, -0.4, 0.4), kind=kind))
    assert kind == "PCM_U8" or cut == ("clipped-audio", False)


def heard(given, rate=16_000):
    return samples(AUDIO.taken(given), rate)


@pytest.mark.parametrize("kind", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_every_width_of_a_sample_is_the_same_sound(kind):
    gap = heard(saved(word(), kind=kind)) - word().astype(np.float32)
    assert np.abs(gap).max() < (0.02 if kind in ("PCM_U8", "ULAW") else 1e-4)


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 44_100, 44_101, 48_000, 96_000, 192_000])
def test_a_tone_keeps_its_height_whatever_the_rate_was(rate):
    tone = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(rate) / rate)
    made = heard(saved(tone, rate))
    assert abs(len(made) - 16_000) <= 1
    expected = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(len(made)) / 16_000)
    assert np.abs((made - expected)[400:-400]).max() < 0.01


def test_channels_are_averaged_unless_they_cancel():
    sound = word()
    assert np.allclose(heard(saved(np.stack([sound, 0 * sound], 1))), sound / 2, atol=1e-4)
    assert np.allclose(abs(heard(saved(np.stack([sound, -sound], 1)))), abs(sound), atol=1e-4)


def test_whole_numbers_in_a_file_of_floating_point_are_shares_of_full_scale():
    assert np.allclose(heard(saved(word() * 32768, kind="FLOAT")), word(), atol=1e-5)


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_wide_whole_numbers_in_a_file_of_floating_point_are_shares_of_theirs(bits):
    loud = word() / np.abs(word()).max() * 0.9
    assert np.allclose(heard(saved(loud * 2.0 ** (bits - 1), kind="DOUBLE")), loud, atol=1e-5)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("before", [b"", b"ID3\x04\0\0\0\0\0\x0a" + bytes(10), bytes(17)])
def test_an_mp3_is_read_with_and_without_a_tag(rate, before):
    # libsndfile takes frames in memory for a raw file of another kind when no tag is before them.
    for seconds in (0.3, 1.0):
        one = AUDIO.taken(before + saved(word(seconds=seconds, rate=rate), rate, form="MP3"))
        assert (one.found.rate, one.found.frames) == (rate, int(seconds * rate))


def test_a_wav_whose_recorder_was_killed_is_read_to_its_end():
    assert np.array_equal(heard(with_header(40, "<I", 0)), heard(saved(word())))
    one = AUDIO.taken(saved(word(seconds=1.0), form="FLAC")[:-9_000])
    there = one.found.seconds
    assert there < 0.8
    assert len(samples(one, 16_000)) == one.found.frames
    assert f"ends after {there:.2f} seconds, {1 - there:.2f} before its header says" in one.problem.message


def test_what_is_wrong_is_said_the_same_each_time():
    first, second = (AUDIO.read([pl.Series("p", [saved(word())[:30] + end])], None)[0] for end in (b"", b"\0"))
    assert first.problem.message == second.problem.message
    assert "0x" not in first.problem.message


def test_whole_numbers_of_every_width_are_shares_of_their_full_scale():
    sound = word() / np.abs(word()).max() * 0.9
    for scale, kind in ((127, np.int8), (32767, np.int16), (32767, np.int64), (2**31 - 1, np.int32)):
        assert np.abs(samples(AUDIO.taken((16_000, (sound * scale).astype(kind))), 16_000) - sound).max() < max(
            2 / scale, 1e-6
        )
    unsigned = ((sound + 1) * 32767).astype(np.uint16)
    assert np.abs(samples(AUDIO.taken((16_000, unsigned)), 16_000) - sound).max() < 1e-4
    tensor = torch.from_numpy(np.stack([sound, sound]).astype(np.float32))
    assert np.allclose(samples(AUDIO.taken((tensor, 16_000)), 16_000), sound, atol=1e-6)


def test_samples_in_memory_are_given_as_other_libraries_return_them(tmp_path):
    sound, rate = word().astype(np.float32), 16_000
    several = (
        (rate, sound),
        (sound, rate),
        {"array": sound, "sampling_rate": rate, "path": None},
        {"array": sound.tolist(), "sampling_rate": rate},
        (rate, sound.astype(np.float64)),
    )
    for given in several:
        one = AUDIO.taken(given)
        assert (one.found.rate, one.found.channels, one.found.frames) == (rate, 1, len(sound))
        assert np.array_equal(samples(one, rate), sound)
    assert AUDIO.digest(AUDIO.taken((rate, sound))) == AUDIO.digest(AUDIO.taken((sound, rate)))
    stereo = AUDIO.taken((np.stack([sound, sound]), rate))
    assert (stereo.found.channels, stereo.found.frames) == (2, len(sound))
    short = AUDIO.taken((rate, (sound * 32767).astype(np.int16)))
    assert np.allclose(samples(short, rate), sound, atol=1e-4)
    for given in ((rate, 3), (-1, sound), ("x", sound), (True, sound), (rate, sound[None, None]), 5):
        assert not AUDIO.fits(given)
        with pytest.raises(InputError) as raised:
            AUDIO.taken(given)
        assert "samples with their rate" in raised.value.needed


def test_files_are_found_beside_the_rows_and_refused_one_by_one(tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.wav").write_bytes(saved(word()))
    (tmp_path / "clips" / "wrong name.mp3").write_bytes(saved(word(1), form="FLAC"))
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "rows.csv").write_text("path\nclips/a.wav\nclips/wrong name.mp3\nclips\npipe.wav\nclips/c.wav\n")
    table = read_frame(tmp_path / "rows.csv")
    found = AUDIO.read([table.as_written("path")], table.folder)
    problems = [problem and problem.code for problem in map(AUDIO.problem, found)]
    assert problems == [None, None, "unreadable-audio", "unreadable-audio", "no-audio-file"]
    assert AUDIO.measure(table.as_written("path"), table.folder).sizes.tolist() == [600, 600]
    with pytest.raises(ContractError, match="names no audio that can be read: nothing: there is no such file"):
        AUDIO.measure(pl.Series("p", ["nothing"]), table.folder)


def test_of_five_hours_the_first_minute_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(medium, "_MEMORY", medium._Memory())
    path = tmp_path / "long.wav"
    rate, hours = 8_000, 5 * 3_600 * 8_000
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + 2 * hours,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        rate,
        2 * rate,
        2,
        16,
        b"data",
        2 * hours,
    )
    with path.open("wb") as stream:
        stream.write(header + (word(seconds=70, rate=rate) * 3e4).astype("<i2").tobytes())
        stream.truncate(len(header) + 2 * hours)  # the rest takes no room on the disk
    one = AUDIO.taken(path)
    assert (one.problem, one.found.seconds) == (None, 18_000)
    assert AUDIO.shown(one, 80).endswith("long.wav (5:00 h)")
    assert len(samples(one, rate)) == 60 * rate
    assert AUDIO.pieces(one)[-1].name == "54.00 to 60.00 s"
    with path.open("r+b") as stream:
        stream.seek(2 * hours)
        stream.write(b"xx")
    os.utime(path, (1, 1))
    assert len(samples(one, rate)) == 60 * rate  # behind what is read
    with path.open("r+b") as stream:
        stream.seek(4_000)
        stream.write(b"xx")
    with pytest.raises(InputError, match="was changed while it was used"):
        samples(one, rate)


def copies(sound, rate):
    quiet = saved(0.1 * sound, rate)
    silence = np.zeros(rate // 2)
    heard = np.flatnonzero(np.abs(sound) > 0.03 * np.abs(sound).max())
    return {
        "quieter": quiet,
        "flac": saved(sound, rate, "FLAC"),
        "24 bits": saved(sound, rate, kind="PCM_24"),
        "mp3": saved(sound, rate, "MP3"),
        "half the rate": (rate // 2, samples(AUDIO.taken(saved(sound, rate)), rate // 2)),
        "trimmed": saved(sound[heard[0] : heard[-1] + 1], rate),
        "padded": saved(np.concatenate([silence, sound, silence]), rate),
        "stereo": saved(np.stack([sound, sound], 1), rate),
    }


def test_the_same_recording_again_is_found_and_another_take_is_not():
    takes = [saved(word(seed)) for seed in range(12)]
    first = AUDIO.taken(takes[0])
    others = copies(word(0), 16_000)
    found = find_duplicates([*map(AUDIO.taken, takes), *map(AUDIO.taken, others.values())], kind=AUDIO)
    assert found.groups[:12].tolist() == list(range(12))
    assert dict(zip(others, found.groups[12:].tolist(), strict=True)) == dict.fromkeys(others, 0)
    assert AUDIO.strict(AUDIO.taken(others["flac"])) == AUDIO.strict(first)
    silent = [AUDIO.taken(saved(np.zeros(length))) for length in (800, 900)]
    assert find_duplicates(silent, kind=AUDIO).groups.tolist() == [0, 1]


def test_a_stretch_of_time_can_be_silenced():
    one = AUDIO.taken(saved(word()))
    pieces = AUDIO.pieces(one)
    assert [piece.name for piece in pieces][::9] == ["0.00 to 0.06 s", "0.54 to 0.60 s"]
    made = samples(pieces[4].rest, 16_000)
    assert not made[3_840:4_800].any()
    assert np.array_equal(made[:3_840], samples(one, 16_000)[:3_840])
    assert AUDIO.restored(AUDIO.written(pieces[4].rest)) == pieces[4].rest
    assert AUDIO.digest(pieces[4].rest) != AUDIO.digest(one)


def test_a_recording_is_drawn_and_named(tmp_path):
    one = AUDIO.taken(saved(word()))
    drawn = b64decode(AUDIO.pictured(one).partition(",")[2]).decode()
    assert drawn.startswith("<svg ")
    assert drawn.count("M") == 64
    assert AUDIO.pictured(AUDIO.pieces(one)[0].rest).startswith("data:image/svg+xml;base64,")
    assert len(AUDIO.pictured(one)) < 2_500
    assert AUDIO.shown(one, 60) == "a recording in memory (0.60 s)"
    assert AUDIO.pictured(AUDIO.taken(saved(word()[:1]))) != ""
    gone = tmp_path / "a.wav"
    gone.write_bytes(saved(word()))
    one = AUDIO.taken(gone)
    gone.unlink()
    assert AUDIO.pictured(one) == ""


def test_recordings_of_our_own_travel():
    for one in made_up_sounds(()):
        assert pickle.loads(pickle.dumps(one)) == one
        assert AUDIO.problem(one) is None


@pytest.mark.parametrize(("rate", "wanted"), [(16_000, 4_000), (48_000, 16_000), (44_100, 4_410), (192_000, 4_000)])
@pytest.mark.parametrize("length", [1, 7, 160, 16_001])
def test_a_rate_that_divides_gives_what_scipy_gives(rate, wanted, length):
    sound = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    expected = resample_poly(sound, wanted, rate)
    found = _at(sound, rate, wanted)
    assert (found.shape, found.dtype) == (expected.shape, np.float32)
    assert np.abs(found - expected).max() < 1e-5
