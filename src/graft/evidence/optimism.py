"""By how much a random split flatters where rows belong together.

Decisions: the two splits have folds of their own, so their scores do not pair up; the variance of each mean is that of
its folds over the number of folds, repeats not counted, and the degrees of freedom are Welch's. Both splits see the
same rows and learn from shared ones, so their means rise and fall together, which this leaves out and which makes the
interval wide rather than narrow: Nadeau & Bengio's larger variance is not needed. Where the folds of one split are all
equal, the other's deviation stands for both; where both are, or one has a single fold, no interval is given: equal
folds are no proof.

Simulated (five nearest neighbours, labels that go by group, 10 % flipped, 400 data sets a line; tests/oracles):

| groups x rows | folds | true gap | covered, this | width / oracle | covered, Nadeau & Bengio | width / oracle |
|---|---|---|---|---|---|---|
| 20 x 10 | 5 | 0.193 | 0.963 | 1.33 | 0.993 | 2.00 |
| 40 x 5 | 5 | 0.111 | 0.978 | 1.44 | 0.998 | 2.16 |
| 60 x 5 | 5 | 0.024 | 0.988 | 1.67 | 0.998 | 2.51 |
| 12 x 20 | 4 | 0.244 | 0.935 | 1.23 | 0.983 | 1.88 |
| 40 x 5 | 10 | 0.118 | 0.988 | 1.47 | 0.993 | 2.14 |
"""

import numpy as np
from scipy import special

from graft.core.errors import InputError
from graft.core.intervals import Interval


def optimism_interval(
    random_scores: np.ndarray,
    grouped_scores: np.ndarray,
    *,
    random_fraction: float,
    grouped_fraction: float,
    level: float = 0.95,
) -> Interval:
    """Mean score under a random split minus the mean under a grouped one, with its interval.

    random_scores, grouped_scores: one score per fold, higher is better, shape (folds,). random_fraction,
    grouped_fraction: share of the rows tested in one fold, 1/K for K folds. There are no ends where no interval can
    be given.

    >>> random, grouped = np.array([0.91, 0.93, 0.92, 0.94, 0.90]), np.array([0.80, 0.84, 0.79, 0.85, 0.82])
    >>> gap = optimism_interval(random, grouped, random_fraction=0.2, grouped_fraction=0.2)
    >>> round(gap.mean, 2), round(gap.low, 3), round(gap.high, 3)
    (0.1, 0.068, 0.132)

    Welch (1947); Bates, Hastie & Tibshirani (2021), Cross-validation: what does it estimate and how well does it do it?
    """
    parts = [_checked(random_scores, random_fraction), _checked(grouped_scores, grouped_fraction)]
    if not 0 < level < 1:
        raise InputError(f"a level of {level}", needed="a share between 0 and 1", fix="use 0.95")
    gap = float(parts[0].mean() - parts[1].mean())
    spreads = [float(part.std(ddof=1)) if len(part) > 1 else 0.0 for part in parts]
    if min(len(part) for part in parts) < 2 or max(spreads) <= 1e-12:
        return Interval(gap)
    spreads = [spread if spread > 1e-12 else max(spreads) for spread in spreads]
    counts = [
        max(2, min(len(part), round(1 / fraction)))
        for part, fraction in zip(parts, (random_fraction, grouped_fraction), strict=True)
    ]
    squares = [spread**2 / count for spread, count in zip(spreads, counts, strict=True)]
    freedom = sum(squares) ** 2 / sum(square**2 / (count - 1) for square, count in zip(squares, counts, strict=True))
    reach = float(special.stdtrit(freedom, (1 + level) / 2) * np.sqrt(sum(squares)))
    return Interval(gap, gap - reach, gap + reach)


def _checked(scores: np.ndarray, fraction: float) -> np.ndarray:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.all(np.isfinite(values)):
        raise InputError(f"fold scores of shape {values.shape}", needed="one finite score per fold, shape (folds,)")
    if not 0 < fraction < 1:
        raise InputError(f"a test fraction of {fraction}", needed="a share between 0 and 1, 1/K for K folds")
    return values
