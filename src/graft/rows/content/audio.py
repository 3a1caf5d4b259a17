"""Audio: recordings of speech, music and noises, one a row.

Decisions: an explanation silences one stretch of time after another.
"""

import base64
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from graft.rows.content.alike import near_sounds
from graft.rows.content.kind import Piece
from graft.rows.content.media import Box, MediaForm, Medium, take
from graft.rows.content.media_kind import media_kind
from graft.rows.content.sounds import BYTES_AT_MOST, SECONDS_READ, Sound, heard, look
from graft.rows.encoded import is_sound

_STEPS = 10
_BARS = 64
_FORM = MediaForm(
    kind="audio",
    single="recording",
    plural="recordings",
    handed="the name of a file, its bytes, or samples with their rate: (16000, samples)",
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
        mono = heard(one)
    except Exception:  # a page is written all the same
        return ""
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


AUDIO = media_kind(
    _FORM,
    unit="milliseconds",
    size=lambda found: max(1, round(1000 * found.seconds)),
    told=lambda found: _length(found.seconds),
    given=is_sound,
    near=near_sounds,
    pieces=_pieces,
    pieces_at_most=_STEPS,
    made_up=made_up_sounds,
    pictured=_pictured,
)
