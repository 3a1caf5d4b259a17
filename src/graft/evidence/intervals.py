"""Intervals: the record, and the one of a share.

Decision: scores and differences get theirs from ``comparison``, by taking clusters of rows out. Percentiles of
resampled rows are not used for them: with 77 classes of 8 rows the 95 % interval of macro-F1 covered 58 % of the time
(a class of few rows is biased, and its draws doubly so), moved back by twice that bias 92 %; with halves of rows taken
out it is 95 %.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Interval:
    """An estimate with its uncertainty, in the unit of the score; ends are infinite where there can be none."""

    mean: float
    low: float
    high: float


def wilson(hits: float, rows: float, *, level: float = 0.95) -> Interval:
    """Interval of a share, honest for few rows and for shares near 0 and 1; (nan, 0, 1) without rows.

    >>> share = wilson(9, 10)
    >>> round(share.mean, 2), round(share.low, 3), round(share.high, 3)
    (0.9, 0.596, 0.982)

    Wilson (1927).
    """
    if rows == 0:
        return Interval(float("nan"), 0.0, 1.0)
    z, share = float(special.ndtri((1 + level) / 2)), hits / rows
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    reach = z / (1 + z**2 / rows) * float(np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)))
    return Interval(share, max(0.0, centre - reach), min(1.0, centre + reach))
