"""How far two estimates of different rows are surely apart, from their intervals alone.

Decision: what a reference shows is an estimate too, of as many rows as it has, so what a batch shows is not held
against its value but against its interval. Ends are combined, not errors: those of few rows and of rare errors are
uneven, and that is what they say.

Measured, shares of .8 to .98 that did not change, 300 batches a cell, one-sided at .025 (a batch below the 2.5 %
quantile of samples of the reference, by .01 or more, in brackets):

    rows of a batch         60            300           2,000         20,000
    reference of   200      .02 (.04)     .03 (.12)     .03 (.26)     .03 (.37)
                 1,200      .01 (.04)     .01 (.04)     .03 (.13)     .04 (.24)
                 5,000      .01 (.04)     .01 (.02)     .03 (.05)     .01 (.05)

Zou & Donner (2008), Construction of confidence limits about effect measures: a general approach.
"""

import numpy as np

from graft.core.intervals import Interval


def least_gap(above: Interval, below: Interval) -> float:
    """The least by which one estimate lies above another, at the level of their ends, each one-sided.

    above, below: of rows that have nothing to do with one another. Minus infinity where an end is not known.

    >>> round(least_gap(Interval(0.9, 0.87, 0.92), Interval(0.8, 0.75, 0.84)), 3)
    0.05
    >>> least_gap(Interval(0.9), Interval(0.8, 0.75, 0.84))
    -inf
    """
    if above.low is None or below.high is None:
        return -np.inf
    return float(above.mean - below.mean - np.hypot(above.mean - above.low, below.high - below.mean))
