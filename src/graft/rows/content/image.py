"""Images: photographs and drawings made of pixels, one a row.

Decisions: an explanation greys one patch of a grid after another.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graft.rows.content.alike import near_forms
from graft.rows.content.kind import Piece
from graft.rows.content.media import Box, MediaForm, Medium, take
from graft.rows.content.media_kind import media_kind
from graft.rows.content.pictures import BYTES_AT_MOST, Picture, look, pixels
from graft.rows.encoded import is_array, is_pillow, is_several

_GRID = 4
_THUMBNAIL = 112
_ROWS = ("top", "above the middle", "below the middle", "bottom")
_COLUMNS = ("left", "left of the middle", "right of the middle", "right")
_FORM = MediaForm(
    kind="image",
    single="picture",
    plural="images",
    handed="the name of a file, its bytes, a pillow image, or an array of numbers from 0 to 255 or from 0 to 1",
    limit=BYTES_AT_MOST,
    look=look,
    listed=lambda found: [found.width, found.height, base64.b64encode(found.alike).decode(), found.strict.hex()],
    restored=lambda said: Picture(int(said[0]), int(said[1]), base64.b64decode(said[2]), bytes.fromhex(said[3])),
)


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


def _unclear(given: Any) -> str:
    if not is_several(given):
        return ""
    shape = tuple(int(size) for size in given.shape)
    return f"an array of shape {shape} may be one picture, its channels first, or {shape[0]} grey ones"


IMAGE = media_kind(
    _FORM,
    unit="pixels",
    size=lambda found: int(found.width * found.height),
    told=lambda found: f"{found.width} x {found.height}",
    given=lambda value: is_array(value) or is_pillow(value),
    near=near_forms,
    pieces=_pieces,
    pieces_at_most=_GRID * _GRID,
    made_up=made_up_images,
    pictured=_pictured,
    unclear=_unclear,
)
