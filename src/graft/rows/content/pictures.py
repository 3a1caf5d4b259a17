"""Pictures from the bytes of their files: what is found in one, and its pixels.

Decisions: a picture is looked at once, when its row is read: its size, whether it decodes to its end, and two small
forms of it. Only formats that are pixels are opened (no PostScript, which runs a program); the number of pixels is
judged before any is decoded. What a person would see is what a model is given: turned as the camera says, on white
where it is transparent (on black, when all that is seen of it is white), its first frame, 8 bits a channel. Numbers
of 16 bits go from 0 to 65,535 in every picture, whatever one of them uses, so that two stay comparable; colour
profiles are not applied. JPEG is decoded at a fraction of its size where less is needed (libjpeg does it while it
decodes).
"""

import io
import re
import warnings
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from graft.core.digests import content_digest
from graft.core.errors import MissingExtra
from graft.core.extras import require
from graft.rows.content.alike import SIDE, form_of
from graft.rows.content.kind import ContentProblem
from graft.rows.content.media import OTHER_FILES, Medium

BYTES_AT_MOST = 256 << 20
PIXELS_AT_MOST = 100_000_000
_FORMATS = ("JPEG", "PNG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000", "ICO", "HEIF")
_LOOKED_AT = 64
_OPENING = Lock()
_ORIENTATION = 0x0112
# Of EXIF's orientations, what puts the picture upright (pillow's Transpose); the last four lay on a side.
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
_SIDEWAYS = (5, 6, 7, 8)
# Tags of TIFF: what an image is for, a bit of 1 standing for a small form of another; and the version of a raw file.
_SUBFILE, _DNG = 254, 50706
_WHITE = 250
_ONE_COLOUR = 8  # levels: a lens cap is not quite even, and what is fine enough to vanish when made small is a picture
_OTHERS = (
    (b"RIFF", "it is a recording or a film"),
    (b"%!PS", "it is PostScript"),
    (b"<?xml", "it is XML"),
    *OTHER_FILES,
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
        shown, odd = _upright(image, turn, _LOOKED_AT)
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
    if odd:
        return picture, ContentProblem("odd-numbers", odd, fatal=False)
    if not picture.alike and all(high - low <= _ONE_COLOUR for low, high in shown.getextrema()):
        return picture, ContentProblem("blank-image", "nothing but one colour is in it", fatal=False)
    return picture, None


def pixels(one: Medium, least: int) -> Any:
    """The picture as a pillow image in RGB, upright, what was left out of it in its mean colour.

    least: pixels of a side that are needed: a JPEG may be decoded to fewer than it has, and never to fewer than these.
    Raises InputError when the file is gone or has changed.
    """
    opened, _, turn = _opened(one.read(BYTES_AT_MOST))
    image, _ = _upright(opened, turn, least)
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
        known = [name for name in _FORMATS if name in pillow.OPEN]
        try:
            image = pillow.open(io.BytesIO(raw), formats=known)
        except pillow.DecompressionBombError as error:
            raise _NotAPicture(f"it has far more pixels than the {PIXELS_AT_MOST:,} that are read") from error
        except MemoryError:
            raise
        except Exception as error:  # every format's reader has errors of its own
            start = raw[:16].ljust(16, b"\0")
            begun = next((name for name in known if (accept := pillow.OPEN[name][1]) and accept(start) is True), "")
            if begun:
                raise ValueError(f"it begins as {begun} and goes on as nothing") from error
            raise _NotAPicture(_instead(raw)) from error
        if image.format == "TIFF" and (_DNG in image.tag_v2 or image.tag_v2.get(_SUBFILE) == 1):
            raise _NotAPicture("it is a raw photograph, of which only a small preview is a picture: develop it first")
        moving = getattr(image, "is_animated", False) and image.format not in ("MPO", "ICO")
        try:
            # A TIFF is turned by its reader.
            turn = 1 if image.format == "TIFF" else int(image.getexif().get(_ORIENTATION, 1))
        except Exception:  # what the camera wrote beside the picture is damaged: it is read as it lies
            turn = 1
        return image, int(image.n_frames) if moving else 1, turn


def _instead(raw: bytes) -> str:
    start = raw[:512].removeprefix(b"\xef\xbb\xbf").lstrip()
    if raw[4:8] == b"ftyp" and raw[8:12] in _BRANDS:
        return "it is a HEIC picture, which needs a plugin: install pillow-heif and register it, or save it as JPEG"
    if re.search(rb"(?i)<(!doctype\s+)?svg\b", start):
        return "it is a drawing (SVG), which has no pixels: save it as PNG"
    for mark, what in _OTHERS:
        if start.startswith(mark):
            return what
    return "its bytes are those of no picture format that is read (JPEG, PNG, GIF, BMP, TIFF, WebP, AVIF)"


def _upright(image: Any, turn: int, least: int) -> tuple[Any, str]:
    """The decoded picture in RGB, as a person sees it, and what is odd about its numbers; a JPEG may be smaller than it
    is."""
    if image.format in ("JPEG", "MPO"):
        # Twice what is needed, so that what is then made smaller is still smooth.
        image.draft(None, (2 * least, 2 * least))
    image.load()
    seen, odd = _rgb(image)
    return (seen.transpose(_TURNS[turn]) if turn in _TURNS else seen), odd


def _rgb(image: Any) -> tuple[Any, str]:
    pillow = require("PIL.Image", extra="images", what="reading pictures")
    if image.mode == "RGB":
        return image, ""
    if image.mode.startswith("I") or image.mode == "F":
        levels, odd = _levels(np.asarray(image), image.mode, image.format)
        return pillow.fromarray(levels).convert("RGB"), odd
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        clear = image.convert("RGBA")
        seen = _on(255, clear)
        if min(low for low, _ in seen.getextrema()) >= _WHITE and clear.getextrema()[3][1] > 0:
            seen = _on(0, clear)
        return seen, ""
    return image.convert("RGB"), ""


def _on(level: int, clear: Any) -> Any:
    """A picture that is transparent, on a ground of one grey."""
    pillow = require("PIL.Image", extra="images", what="reading pictures")
    ground = pillow.new("RGBA", clear.size, (level, level, level, 255))
    return pillow.alpha_composite(ground, clear).convert("RGB")


def _levels(values: np.ndarray, mode: str, form: str) -> tuple[np.ndarray, str]:
    """Numbers of more than 8 bits as 8 bits, and what is odd about them."""
    if mode.startswith("I;16") or (mode == "I" and form == "PPM"):
        return (values // 257).astype(np.uint8), _dim(float(values.max(initial=0)), 65535.0)
    sound = np.isfinite(values)
    values = np.where(sound, values, 0).astype(np.float64)
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    # Whoever stores pictures as wide or broken numbers uses one of these scales; broken ones may overshoot a little.
    scales = (255.0, 65535.0) if mode == "I" else (1.0, 255.0, 65535.0)
    top = next((top for top in scales if high <= (top if mode == "I" else 1.5 * top)), high)
    levels = np.clip(values * (255 / top), 0, 255).astype(np.uint8)
    if not sound.all():
        return levels, f"{1 - sound.mean():.1%} of its pixels are no numbers: they are read as black"
    if low < -0.01 * top:
        return levels, f"its numbers go from {low:g} to {high:g}: what is below 0 is read as black"
    return levels, _dim(high, top)


def _dim(high: float, top: float) -> str:
    """What is odd about a picture that uses a small part of its numbers."""
    if not 0 < high <= top / 16:
        return ""
    return f"its numbers go to {high:,g} of {top:,g}, so it is read as dark as that: spread them before"


def _forms(shown: Any, size: tuple[int, int]) -> tuple[bytes, bytes]:
    """The small form of a decoded picture, and the digest of what it shows."""
    pillow = require("PIL.Image", extra="images", what="reading pictures")
    small = shown.resize((64, 64), pillow.Resampling.BOX if min(shown.size) >= 64 else pillow.Resampling.BICUBIC)
    form = form_of(np.asarray(small.resize((SIDE, SIDE), pillow.Resampling.BOX)))
    return form, content_digest(f"{size[0]}x{size[1]}", shown.tobytes())
