"""What the classical control sees of a picture: edges by direction, colours by place, textures.

Decisions: histograms of oriented gradients (HOG), because they were the best there was before networks; colours are
histograms over a coarse grid, and textures by local binary patterns, which tell what edges do not; each part has unit
length, so neither drowns the other, and the square root of a share (the Hellinger kernel) keeps one large bin from
counting for everything. All of it is NumPy, so what is learnt from it is an array.

Accuracy with 10 and 40 a class, edges alone against all three: photographs of waste .33 and .44 against .49 and .61,
signs of hands .69 and .82 against .68 and .83, garments .76 and .83 against .75 and .83.

Dalal & Triggs (2005), Histograms of oriented gradients for human detection; Ojala, Pietikäinen & Mäenpää (2002),
Multiresolution gray-scale and rotation invariant texture classification with local binary patterns.
"""

from collections.abc import Callable, Sequence

import numpy as np

from graft.representations.image_reading import ImageReading, squares
from graft.rows.content.media import Medium

_SIDE, _CELL, _DIRECTIONS, _CLIP = 64, 8, 9, 0.2
_GRID, _LEVELS = 2, 4
_SMALL = 16
_TOGETHER = 256
_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def edges(small: np.ndarray) -> np.ndarray:
    """HOG of pictures, uint8 (pictures, 64, 64, 3), as float32 (pictures, 1764), each of unit length."""
    grey = _grey(small)
    across, down = np.zeros_like(grey), np.zeros_like(grey)
    across[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    strength = np.hypot(across, down)
    turn = np.mod(np.arctan2(down, across), np.pi) / np.pi * _DIRECTIONS - 0.5
    low = np.floor(turn)
    share = turn - low
    cells = _SIDE // _CELL
    histogram = np.zeros((len(small), cells, cells, _DIRECTIONS), np.float32)
    for place, weight in ((low, strength * (1 - share)), (low + 1, strength * share)):
        direction = np.mod(place, _DIRECTIONS).astype(np.int8)
        for one in range(_DIRECTIONS):
            chosen = np.where(direction == one, weight, 0)
            histogram[..., one] += chosen.reshape(-1, cells, _CELL, cells, _CELL).sum((2, 4))
    corners = [histogram[:, i : cells - 1 + i, j : cells - 1 + j] for i in (0, 1) for j in (0, 1)]
    blocks = np.concatenate(corners, axis=3)
    blocks = np.minimum(blocks / (np.linalg.norm(blocks, axis=3, keepdims=True) + 1e-3 * 255), _CLIP)
    return _unit((blocks / (np.linalg.norm(blocks, axis=3, keepdims=True) + 1e-6)).reshape(len(small), -1))


def colours(small: np.ndarray) -> np.ndarray:
    """Shares of 64 colours in each quarter and in all of pictures, float32 (pictures, 320), each of unit length."""
    step = 256 // _LEVELS
    bins = (small // step).astype(np.int64) @ np.array([_LEVELS * _LEVELS, _LEVELS, 1])
    half = _SIDE // _GRID
    parts = [bins.reshape(len(small), -1)]
    parts += [bins[:, i : i + half, j : j + half].reshape(len(small), -1) for i in (0, half) for j in (0, half)]
    offset = np.arange(len(small))[:, None] * _LEVELS**3
    found = [
        np.bincount((part + offset).ravel(), minlength=len(small) * _LEVELS**3).reshape(len(small), -1) / part.shape[1]
        for part in parts
    ]
    return _unit(np.sqrt(np.concatenate(found, 1)).astype(np.float32))


def textures(small: np.ndarray) -> np.ndarray:
    """Shares of the 256 local binary patterns of pictures, float32 (pictures, 256), each of unit length."""
    grey = _grey(small)
    middle = grey[:, 1:-1, 1:-1]
    code = np.zeros(middle.shape, np.int64)
    for place, (down, across) in enumerate(_AROUND):
        code |= (grey[:, 1 + down : _SIDE - 1 + down, 1 + across : _SIDE - 1 + across] >= middle) * (1 << place)
    counts = np.array([np.bincount(one.ravel(), minlength=256) for one in code]).reshape(-1, 256)
    return _unit(np.sqrt(counts).astype(np.float32))


def levels(small: np.ndarray) -> np.ndarray:
    """The pixels of pictures made small, float32 (pictures, 768), from 0 to 1."""
    part = _SIDE // _SMALL
    means = small.reshape(-1, _SMALL, part, _SMALL, part, 3).mean((2, 4))
    made: np.ndarray = (means.reshape(len(small), -1) / 255).astype(np.float32)
    return made


def _grey(small: np.ndarray) -> np.ndarray:
    made: np.ndarray = small.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return made


def _unit(vectors: np.ndarray) -> np.ndarray:
    made: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return made


def of_pictures(contents: Sequence[Medium], *, parts: Sequence[Callable[[np.ndarray], np.ndarray]]) -> np.ndarray:
    """These parts of pictures side by side, float32 (pictures, width); decoded a few hundred at a time."""
    starts = range(0, max(1, len(contents)), _TOGETHER)
    batches = (_decoded(contents[start : start + _TOGETHER]) for start in starts)
    made = [np.concatenate([part(small) for part in parts], 1) for small in batches]
    return np.concatenate(made).astype(np.float32)


def _decoded(contents: Sequence[Medium]) -> np.ndarray:
    """All of each picture pressed into a square, uint8 (pictures, 64, 64, 3)."""
    return squares(contents, _WHOLE)


_WHOLE = ImageReading(_SIDE, 0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
