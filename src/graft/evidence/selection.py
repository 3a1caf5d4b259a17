"""Paying for having chosen the best of several.

Decisions: the candidate shown to the reader is the best of m, so its lead over the control is flattered (the
winner's curse: among eight candidates that equal the control, the best one reaches "95 % sure" in 20 % of
studies, measured in tests/oracles). A candidate chosen by its mean is exactly the situation of Dunnett (1955):
m treatments against one control share the control, so their differences correlate by one half. The posterior
probability is therefore replaced by the probability that the best of m equal candidates would show *less* lead
than this one; with m = 1 that is the posterior itself. Bonferroni would pay twice to five times too much here.
"""

from functools import lru_cache

import numpy as np
from scipy import special

from graft.core.errors import InputError

SHARED = 0.5  # correlation of two differences that share their control


@lru_cache(maxsize=64)
def _nodes(freedom: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Quadrature nodes and weights: of a standard normal, and of a chi divided by the root of its freedom."""
    z, wz = np.polynomial.hermite_e.hermegauss(40)
    u, wu = np.polynomial.legendre.leggauss(100)
    spread = np.sqrt(special.chdtri(freedom, (1 - u) / 2) / freedom)
    return z, wz / wz.sum(), spread, wu / 2


def paid_probability(distance: float, *, folds: int, among: int) -> float:
    """Probability that the best of ``among`` equal candidates leads the control by less than ``distance``.

    distance: the lead beyond the margin, in posterior scales (the t statistic). folds: folds behind the scale
    (folds - 1 degrees of freedom). Returns the plain Student-t probability for one candidate.

    >>> round(paid_probability(2.015, folds=6, among=1), 3), round(paid_probability(2.848, folds=6, among=4), 3)
    (0.95, 0.95)

    Dunnett (1955), A multiple comparison procedure for comparing several treatments with a control.
    """
    if among < 1:
        raise InputError(f"the best among {among} candidates", needed="a number of at least one")
    if np.isinf(distance):
        return 1.0 if distance > 0 else 0.0
    freedom = max(1, folds - 1)
    if among == 1:
        return float(special.stdtr(freedom, distance))
    z, wz, spread, wu = _nodes(freedom)
    inner = (distance * spread[:, None] + np.sqrt(SHARED) * z[None, :]) / np.sqrt(1 - SHARED)
    return float(np.clip(wu @ (special.ndtr(inner) ** among @ wz), 0.0, 1.0))
