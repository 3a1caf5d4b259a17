"""Which rows of a table are likes, which are dislikes, and which say neither.

Decision: ratings are opinions, so which of them are likes is for a person to say; without thresholds the sign of the
number decides, as for weights that are negative where somebody sent a thing back, and 0 says nothing.
"""

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.rows.events import Opinions
from graft.rows.named import numbers_of


def require_opinion(opinion: str, at_least: float | None, dislike_below: float | None) -> None:
    """Raise InputError for thresholds that are no ratings, are exchanged, or have no column they are about."""
    if Opinions(at_least, dislike_below).given and not opinion:
        raise InputError(
            "at_least or dislike_below is given and no column of opinions is named",
            needed="the column of ratings",
            fix='name it: opinion="rating"',
        )


def signs_of(
    frame: pl.DataFrame, opinion: str, *, at_least: float | None, dislike_below: float | None, what: str
) -> np.ndarray:
    """1 for a like, -1 for a dislike and 0 for neither, int8, shape (rows,); all 1 without a column.

    Raises InputError for a cell that is no finite number.

    >>> rated = pl.DataFrame({"rating": [5.0, 3.0, 1.0]})
    >>> signs_of(rated, "rating", at_least=4, dislike_below=2, what="ratings").tolist()
    [1, 0, -1]
    """
    if not opinion:
        return np.ones(frame.height, np.int8)
    numbers = numbers_of(frame, opinion, what=what)
    opinions = Opinions(at_least, dislike_below)
    if not opinions.given:
        return np.asarray(np.sign(numbers), np.int8)
    disliked, neither = opinions.read(numbers)
    signs: np.ndarray = np.where(neither, 0, np.where(disliked, -1, 1)).astype(np.int8)
    return signs
