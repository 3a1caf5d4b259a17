"""The score below which a row is unlike the rows a model learnt from, at a stated rate of false flags.

Decisions: the threshold is conformal: the score of a new row is ranked among the scores that the training rows get when
each is left out, so the rate holds without any distribution. Rows that belong together (near copies, one customer) are
one draw, not many: every unit has the same weight however many rows it has, so the rate is that of a row of a new
unit. A rate that so few units cannot promise gives no threshold: with fewer than 1 / rate - 1 units even a row below
all others may be an ordinary one.
"""

import numpy as np

from graft.core.errors import InputError

FALSE_FLAGS = 0.05


def units_needed(rate: float) -> int:
    """The fewest units for which a threshold at this rate of false flags exists.

    >>> units_needed(0.05)
    19
    """
    return int(np.ceil(1 / rate - 1 - 1e-9))


def far_below(scores: np.ndarray, units: np.ndarray, *, rate: float = FALSE_FLAGS) -> float | None:
    """The threshold below which a new row is flagged; None when there are too few units to promise the rate.

    scores: how familiar each training row is to the others, higher is more, shape (rows,); each must be what a new row
    would get from the other units alone. units: the unit of each row, (rows,). rate: the share of rows of new units
    that may be flagged although they come from where the training rows come from.

    >>> far_below(np.arange(40.0), np.arange(40))
    1.0
    >>> far_below(np.arange(18.0), np.arange(18)) is None
    True

    Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World; Bates et al. (2023), Testing for outliers
    with conformal p-values; Lee, Barber & Willett (2023), Distribution-free inference with hierarchical data.
    """
    if not 0 < rate < 1:
        raise InputError(f"a rate of {rate}", needed="a share between 0 and 1", fix="use 0.05")
    if scores.ndim != 1 or units.shape != scores.shape or not np.isfinite(scores).all():
        raise InputError(f"scores {scores.shape} and units {units.shape}", needed="finite, both of shape (rows,)")
    _, members, sizes = np.unique(units, return_inverse=True, return_counts=True)
    # A new row is flagged while (1 + weight of the scores up to its own) / (units + 1) is at most the rate.
    allowed = rate * (len(sizes) + 1) - 1
    if allowed < -1e-9:
        return None
    order = np.argsort(scores, kind="stable")
    below = np.cumsum(1 / sizes[members[order]])
    first = int(np.searchsorted(below, allowed + 1e-9, side="right"))
    return float(scores[order[min(first, len(order) - 1)]])
