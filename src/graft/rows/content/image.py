"""Images: photographs and drawings made of pixels, one a row.

Decisions: a picture is looked at once, when its row is read: its size, whether it decodes to its end, and two small
forms of it. Only formats that are pixels are opened (no PostScript, which runs a program); the number of pixels is
judged before any is decoded. What a person would see is what a model is given: turned as the camera says, on white
where it is transparent, its first frame, 8 bits a channel. JPEG is decoded at a fraction of its size where less is
needed (libjpeg does it while it decodes). An explanation greys one patch of a grid after another.
"""

import base64
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import polars as pl

from graft.core.digests import content_digest
from graft.core.errors import MissingExtra
from graft.core.extras import require
from graft.rows.content.alike import SIDE, form_of, near_forms
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
from graft.rows.encoded import is_array, is_pillow

BYTES_AT_MOST = 256 << 20
PIXELS_AT_MOST = 100_000_000
_FORMATS = ("JPEG", "PNG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000", "ICO", "HEIF")
_GRID = 4
_THUMBNAIL = 112
_LOOKED_AT = 64
_OPENING = Lock()
_ORIENTATION = 0x0112
# Of EXIF's orientations, what puts the picture upright (pillow's Transpose); the last four lay on a side.
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
_SIDEWAYS = (5, 6, 7, 8)
# What a file that is no picture most often is, by its first bytes.
_OTHERS = (
    (b"%PDF", "it is a PDF document"),
    (b"PK\x03\x04", "it is a zip archive, or an office document"),
    (b"\x1f\x8b", "it is a gzip file"),
    (b"RIFF", "it is a recording or a film"),
    (b"%!PS", "it is PostScript"),
    (b"<svg", "it is a drawing (SVG), which has no pixels: save it as PNG"),
    (b"<?xml", "it is XML; a drawing (SVG) has no pixels: save it as PNG"),
    (b"<!DOC", "it is a web page"),
    (b"<html", "it is a web page"),
    (b"version https://git-lfs", "it stands for a file that Git LFS keeps elsewhere: run git lfs pull"),
)
_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis")


@dataclass(frozen=True)
class Picture:
    """What was found in a picture.

    width, height: in pixels, as it is seen. alike: its small form, by which near copies are found; b"" for a picture
    without anything in it. strict: digest of what it shows.
    """

    width: int
    height: int
    alike: bytes
    strict: bytes


def look(raw: bytes) -> tuple[Picture | None, ContentProblem | None]:
    """What is found in the bytes of a picture, and what is wrong with it. Raises MissingExtra without pillow."""
    try:
        image, frames, turn = _opened(raw)
        width, height = image.size
        if width * height > PIXELS_AT_MOST:
            size = f"it has {width:,} x {height:,} pixels, and {PIXELS_AT_MOST:,} are the most"
            return None, ContentProblem("too-many-pixels", size, fatal=True)
        if min(width, height) < 1:
            return None, ContentProblem("no-pixels", "it has no pixels", fatal=True)
        shown = _upright(image, turn, _LOOKED_AT)
    except MissingExtra:
        raise
    except _NotAPicture as error:
        return None, ContentProblem("not-an-image", str(error), fatal=True)
    except MemoryError:
        return None, ContentProblem("too-many-pixels", "there is no memory to decode it", fatal=True)
    except Exception as error:  # every format's reader has errors of its own
        why = (str(error) or type(error).__name__).splitlines()[0][:200]
        return None, ContentProblem("damaged-image", f"it cannot be decoded to its end: {why}", fatal=True)
    if turn in _SIDEWAYS:
        width, height = height, width
    picture = Picture(width, height, *_forms(shown, (width, height)))
    if frames > 1:
        return picture, ContentProblem("animated-image", f"it has {frames:,} frames: the first is read", fatal=False)
    if not picture.alike:
        return picture, ContentProblem("blank-image", "nothing but one colour is in it", fatal=False)
    return picture, None


def pixels(one: Medium, least: int) -> Any:
    """The picture as a pillow image in RGB, upright, what was left out of it in its mean colour.

    least: pixels of a side that are needed: a JPEG may be decoded to fewer than it has, and never to fewer than these.
    Raises InputError when the file is gone or has changed.
    """
    opened, _, turn = _opened(one.read(BYTES_AT_MOST))
    image = _upright(opened, turn, least)
    if not one.without:
        return image
    seen = np.array(image)
    grey = seen.reshape(-1, 3).mean(0).round().astype(np.uint8)
    height, width = seen.shape[:2]
    for left, top, right, bottom in one.without:
        seen[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = grey
    return require("PIL.Image", extra="images", what="reading pictures").fromarray(seen)


class _NotAPicture(Exception):
    """What the bytes are instead."""


def _opened(raw: bytes) -> tuple[Any, int, int]:
    """The picture before it is decoded, how many frames it has, and how the camera was held, 1 to 8 as EXIF says."""
    pillow = require("PIL.Image", extra="images", what="reading pictures")
    with _OPENING, warnings.catch_warnings():
        # Size and damage are judged here, in words; what pillow warns of beside that nobody can act upon.
        warnings.simplefilter("ignore")
        pillow.init()
        try:
            image = pillow.open(io.BytesIO(raw), formats=[name for name in _FORMATS if name in pillow.OPEN])
        except pillow.DecompressionBombError as error:
            raise _NotAPicture(f"it has far more pixels than the {PIXELS_AT_MOST:,} that are read") from error
        except pillow.UnidentifiedImageError as error:
            raise _NotAPicture(_instead(raw)) from error
        moving = getattr(image, "is_animated", False) and image.format not in ("MPO", "ICO")
        try:
            turn = int(image.getexif().get(_ORIENTATION, 1))
        except Exception:  # what the camera wrote beside the picture is damaged: it is read as it lies
            turn = 1
        return image, int(image.n_frames) if moving else 1, turn


def _instead(raw: bytes) -> str:
    start = raw[:32].lstrip()
    if raw[4:8] == b"ftyp" and raw[8:12] in _BRANDS:
        return "it is a HEIC picture, which needs a plugin: install pillow-heif and register it, or save it as JPEG"
    for mark, what in _OTHERS:
        if start.startswith(mark):
            return what
    return "its bytes are those of no picture format that is read (JPEG, PNG, GIF, BMP, TIFF, WebP, AVIF)"


def _upright(image: Any, turn: int, least: int) -> Any:
    """The decoded picture in RGB, as a person sees it; a JPEG may be smaller than it is."""
    if image.format in ("JPEG", "MPO"):
        # Twice what is needed, so that what is then made smaller is still smooth.
        image.draft(None, (2 * least, 2 * least))
    image.load()
    seen = _rgb(image)
    return seen.transpose(_TURNS[turn]) if turn in _TURNS else seen


def _rgb(image: Any) -> Any:
    pillow = require("PIL.Image", extra="images", what="reading pictures")
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float64)
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        high = float(values.max(initial=0))
        scale = 255.0 if high <= 1 else 1.0 if high <= 255 else 255.0 / max(65535.0, high)
        return pillow.fromarray(np.clip(values * scale, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        clear = image.convert("RGBA")
        white = pillow.new("RGBA", clear.size, (255, 255, 255, 255))
        return pillow.alpha_composite(white, clear).convert("RGB")
    return image.convert("RGB")


def _forms(shown: Any, size: tuple[int, int]) -> tuple[bytes, bytes]:
    """The small form of a decoded picture, and the digest of what it shows."""
    pillow = require("PIL.Image", extra="images", what="reading pictures")
    small = shown.resize((64, 64), pillow.Resampling.BOX if min(shown.size) >= 64 else pillow.Resampling.BICUBIC)
    form = form_of(np.asarray(small.resize((SIDE, SIDE), pillow.Resampling.BOX)))
    return form, content_digest(f"{size[0]}x{size[1]}", shown.tobytes())


def _loose(one: Medium) -> Any:
    if one.found is None or one.without or not one.found.alike:
        return ("as it is", *_strict(one))
    return one.found.alike


def _strict(one: Medium) -> tuple[Any, ...]:
    return (one.digest or one.path or one.name if one.found is None else one.found.strict, one.without)


def _size(one: Medium) -> int:
    return 0 if one.found is None else int(one.found.width * one.found.height)


def _shown(one: Medium, limit: int) -> str:
    """The name of its file and its size in pixels.

    >>> _shown(made_up_images(())[0], 40)
    'a picture in memory (32 x 32)'
    """
    size = "" if one.found is None else f" ({one.found.width} x {one.found.height})"
    name = " ".join((one.name or "a picture in memory").split())
    room = limit - len(size)
    if len(name) <= room:
        return name + size
    # The end of a path says more than its beginning.
    return f"…{name[-(limit - 1) :]}" if room < _NAME else f"…{name[-(room - 1) :]}{size}"


def _pieces(one: Medium) -> tuple[Piece, ...]:
    """The patches of a grid; each is greyed in turn.

    >>> [piece.name for piece in _pieces(made_up_images(())[0])][:5]
    ['top left', 'top, left of the middle', 'top, right of the middle', 'top right', 'above the middle, left']
    """
    pieces = []
    for row, down in enumerate(_ROWS):
        for column, across in enumerate(_COLUMNS):
            box: Box = (column / _GRID, row / _GRID, (column + 1) / _GRID, (row + 1) / _GRID)
            name = f"{down} {across}" if {row, column} <= {0, _GRID - 1} else f"{down}, {across}"
            pieces.append(Piece(name, replace(one, without=(*one.without, box))))
    return tuple(pieces)


def _pictured(one: Medium) -> str:
    """A small JPEG of it as a data URI; "" when its file is gone."""
    try:
        image = pixels(one, _THUMBNAIL)
    except Exception:  # a page is written all the same
        return ""
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=70)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def made_up_images(words: Sequence[str]) -> tuple[Medium, ...]:
    """Pictures that nobody took: gradients, stripes, checks and drawn noise, always the same."""
    side = np.arange(32)
    across, down = np.meshgrid(side, side)
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3))
    planes = (
        (across * 8, down * 8, 255 - across * 8),
        ((across // 4 % 2) * 255, (across // 4 % 2) * 255, across * 4),
        (((across + down) // 4 % 2) * 255, down * 8, 128 + across),
        ((((across - 16) ** 2 + (down - 16) ** 2) < 100) * 255, across * 2, down * 2),
        (noise[..., 0], noise[..., 1], noise[..., 2]),
        (down * 7, 200 - down * 5, ((down // 8) % 2) * 255),
    )
    arrays = [np.stack(plane, 2).astype(np.uint8) for plane in planes]
    return tuple(take(_FORM, array) for array in arrays)


_NAME = 8
_ROWS = ("top", "above the middle", "below the middle", "bottom")
_COLUMNS = ("left", "left of the middle", "right of the middle", "right")
_FORM = MediaForm(
    kind="image",
    plural="images",
    limit=BYTES_AT_MOST,
    look=look,
    listed=lambda found: [found.width, found.height, base64.b64encode(found.alike).decode(), found.strict.hex()],
    restored=lambda said: Picture(int(said[0]), int(said[1]), base64.b64decode(said[2]), bytes.fromhex(said[3])),
)


def _fits(given: Any) -> bool:
    if isinstance(given, Medium):
        return given.kind == _FORM.kind
    if isinstance(given, str | Path | bytes | bytearray):
        return True
    return is_array(given) or is_pillow(given)


def _read(columns: Sequence[pl.Series], folder: Path | None) -> list[Medium | None]:
    return read_media(_FORM, columns, folder)


def _measure(column: pl.Series, folder: Path | None) -> ColumnMeasure:
    return measure_media(_FORM, _size, column, folder)


IMAGE = ContentKind(
    name="image",
    plural="images",
    unit="pixels",
    pieces_at_most=_GRID * _GRID,
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
    near=near_forms,
    shown=_shown,
    pieces=_pieces,
    made_up=made_up_images,
    written=partial(write_medium, _FORM),
    restored=partial(restore_medium, _FORM),
    pictured=_pictured,
    travels=False,
)
