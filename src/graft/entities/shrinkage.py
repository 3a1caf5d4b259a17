"""How far to trust one's own evidence: the strength of a prior, estimated from groups.

Decision: one number for all dimensions, from the trace of the variances, because a rotation of the space must not
change who is shrunk how far.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError

MOST = 1e6


@dataclass(frozen=True)
class Strength:
    """λ, the pseudo-count of a prior, and what it was estimated from.

    value: λ = within / between, at most ``MOST`` (groups that do not differ). within: variance of one observation of
    weight 1 about its group. between: variance of group means about their mean; both summed over dimensions.
    """

    value: float
    within: float
    between: float
    groups: int


def fit_strength(sums: np.ndarray, weights: np.ndarray, squares: np.ndarray, counts: np.ndarray) -> Strength:
    """Estimate λ by the method of moments, from groups of observations x with weights w.

    sums: Σ w·x of each group, shape (groups, dimension). weights: Σ w, squares: Σ w·‖x‖², counts: observations, all of
    shape (groups,). An observation of weight w has variance within/w. With W = Σ w of a group and x̄ its mean,

        within  = Σ_g Σ_i w_i ‖x_i - x̄_g‖² / Σ_g (n_g - 1)
        between = (Σ_g W_g ‖x̄_g - x̄‖² - (G - 1) · within) / (ΣW - ΣW²/ΣW)

    Raises InputError with fewer than two groups, or without a group of two observations.

    DerSimonian & Laird (1986), Meta-analysis in clinical trials, for the second; Efron & Morris (1975) for its use.
    """
    use = weights > 0
    sums, weights, squares, counts = sums[use], weights[use], squares[use], counts[use]
    freedom = float((counts - 1).sum()) if len(counts) else 0.0
    if len(counts) < 2 or freedom <= 0:
        raise InputError(
            f"{len(counts):,} histories, {int((counts > 1).sum()):,} of them with two known items or more",
            needed="two histories, one of them with two items, to tell how much users differ",
            fix="give more histories, or say strength=5",
        )
    means = sums / weights[:, None]
    around = squares - np.square(sums).sum(axis=1) / weights
    within = max(float(around.sum()), 0.0) / freedom
    total = float(weights.sum())
    centre = sums.sum(axis=0) / total
    apart = float((weights * np.square(means - centre).sum(axis=1)).sum())
    scale = total - float(np.square(weights).sum()) / total
    between = max((apart - (len(weights) - 1) * within) / scale, 0.0)
    value = MOST if between * MOST <= within else within / between
    return Strength(value, within, between, len(weights))


def usual(
    sums: np.ndarray, weights: np.ndarray, segments: Sequence[str | None], strength: float, *, few: float
) -> tuple[tuple[str, ...], np.ndarray]:
    """What to expect of somebody unknown: names of segments ("" first, for everybody) and means, (segments, dimension).

    sums, weights: Σ w·x and Σ w = W of each group, as ``fit_strength`` takes them. Every group counts W / (W + λ), the
    weight of a random-effects mean: one that is known well says more about what is usual. The mean of a segment is
    shrunk to everybody's as if ``few`` groups more had it.
    """
    share = weights / (weights + strength)
    means = sums / np.where(weights > 0, weights, 1)[:, None]
    everybody = (share[:, None] * means).sum(axis=0) / share.sum()
    names = sorted({name for name in segments if name is not None})
    priors = [everybody]
    for name in names:
        inside = np.array([segment == name for segment in segments])
        own = share[inside]
        priors.append(((own[:, None] * means[inside]).sum(axis=0) + few * everybody) / (own.sum() + few))
    return ("", *names), np.array(priors)
