"""Shares of small groups, drawn towards what the traits that define them say: a group of 12 rows is no fact of its own.

Decisions: the groups are where several traits meet (women of 60 and more in the north); each is expected to be the sum
of what its traits do, and lies about that by as much as all groups together show. How much that is is not estimated and
then believed, it is averaged over (a normal hierarchical model with flat priors, on the scale on which a share's
variance depends on its rows alone), which is why the interval of a group of few rows stays wide.

Gelman et al. (2013), Bayesian Data Analysis, section 5.4; Freeman & Tukey (1950) for the scale.
"""

from collections.abc import Sequence

import numpy as np
from scipy import special

from graft.core.errors import InputError
from graft.core.intervals import Interval

_GRID = 200


def shrunk_shares(
    hits: np.ndarray, rows: np.ndarray, traits: Sequence[Sequence[str]], *, level: float = 0.95
) -> tuple[Interval, ...]:
    """The share of each group with its interval, given those of the others.

    hits, rows: of each group, shape (groups,); rows may be effective ones, fewer than there are, where rows come in
    clusters. traits: what each group is, a value for each of the traits that define it.

    >>> met = [("women", "north"), ("women", "south"), ("men", "north"), ("men", "south")]
    >>> told = shrunk_shares(np.array([30, 60, 4, 30]), np.array([100, 200, 4, 100]), met)
    >>> 0.3 < told[2].mean < 0.9, told[2].high - told[2].low > 0.2
    (True, True)
    """
    counted, of = np.asarray(hits, np.float64), np.asarray(rows, np.float64)
    if counted.shape != of.shape or len(traits) != len(of) or (of <= 0).any() or (counted > of).any():
        raise InputError(
            f"hits of shape {counted.shape} and rows of shape {of.shape} for {len(traits)} groups",
            needed="for each group how many of its rows, one or more, are hits",
        )
    # Moved inwards by 3/8 of a row, so that no group of few rows stands at a certain 0 or 1.
    seen = np.arcsin(np.sqrt((counted + 0.375) / (of + 0.75)))
    noise = 1 / (4 * of + 2)
    design = _main_effects(traits)
    widths = np.linspace(0, 2 * max(float(seen.std()), float(np.sqrt(noise.max()))), _GRID)
    weights, means, squares = np.empty(_GRID), np.empty((_GRID, len(of))), np.empty((_GRID, len(of)))
    for place, width in enumerate(widths):
        whole = noise + width**2
        precision = design.T / whole
        spread = np.linalg.pinv(precision @ design)
        line = design @ (spread @ (precision @ seen))
        rest = seen - line
        sign, logdet = np.linalg.slogdet(precision @ design)
        weights[place] = -0.5 * (np.log(whole).sum() + (rest**2 / whole).sum() + (logdet if sign > 0 else 0.0))
        own = width**2 / whole
        means[place] = line + own * rest
        of_line = ((design @ spread) * design).sum(axis=1)
        squares[place] = own * noise + (1 - own) ** 2 * of_line
    weights = np.exp(weights - weights.max())
    weights /= weights.sum()
    mean = weights @ means
    deviation = np.sqrt(weights @ (squares + (means - mean) ** 2))
    z = float(special.ndtri((1 + level) / 2))

    def share(angle: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(np.clip(angle, 0, np.pi / 2)) ** 2)

    return tuple(
        Interval(float(middle), float(low), float(high))
        for middle, low, high in zip(share(mean), share(mean - z * deviation), share(mean + z * deviation), strict=True)
    )


def _main_effects(traits: Sequence[Sequence[str]]) -> np.ndarray:
    """One column for all groups, and one for each value of each trait but its first; independent columns only."""
    columns = [np.ones(len(traits))]
    for place in range(len(traits[0]) if traits else 0):
        values = [one[place] for one in traits]
        columns += [np.array([one == value for one in values], float) for value in sorted(set(values))[1:]]
    kept: list[np.ndarray] = []
    for column in columns:
        if np.linalg.matrix_rank(np.stack([*kept, column], axis=1)) > len(kept):
            kept.append(column)
    # As many effects as groups would leave nothing to learn about how far groups lie from them.
    return np.stack(kept if len(kept) < len(traits) else kept[:1], axis=1)
