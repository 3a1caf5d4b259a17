"""How much a statistic of rows would vary with other rows: repeated half-samples.

Decisions: half of the clusters are drawn without replacement, time after time, and the spread of the statistic over
these halves is its standard error. Drawing with replacement, as the usual bootstrap does, puts copies of a row beside
it, and whatever looks at pairs of rows (neighbours, covariances, evidence) takes a copy for knowledge. A half is drawn
within each class, so that every class stays; of a class in one cluster nothing can be left out, and its part of the
error is missing. A half says less than the whole, so only the spread is taken from it, never the level.
"""

from collections.abc import Iterator

import numpy as np
from scipy import special

from graft.core.intervals import Interval


def halves(clusters: np.ndarray, strata: np.ndarray, *, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Rows of one half after another, sorted positions.

    clusters: whichever rows stay together, (rows,). strata: the class of each row, (rows,); a cluster is of the class
    of its first row. Of a stratum with an odd number of clusters, half of the draws take one more.

    >>> rng = np.random.default_rng(0)
    >>> [half.tolist() for half in halves(np.array([0, 0, 1, 2, 3]), np.array([0, 0, 0, 1, 1]), draws=1, rng=rng)]
    [[2, 4]]
    """
    _, first, cluster = np.unique(clusters, return_index=True, return_inverse=True)
    stratum = np.unique(np.asarray(strata)[first], return_inverse=True)[1]
    sizes = np.bincount(stratum)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    for _ in range(draws):
        order = np.lexsort((rng.random(len(stratum)), stratum))
        place = np.arange(len(order)) - starts[stratum[order]]
        odd = (sizes % 2 == 1) & (rng.random(len(sizes)) < 0.5)
        wanted = np.maximum(1, sizes // 2 + odd)
        taken = np.zeros(len(stratum), dtype=bool)
        taken[order] = place < wanted[stratum[order]]
        yield np.flatnonzero(taken[cluster])


def half_sample_interval(
    estimate: float,
    drawn: np.ndarray,
    *,
    level: float = 0.95,
    low: float = -np.inf,
    high: float = np.inf,
    freedom: float | None = None,
) -> Interval:
    """The interval of a statistic from its values on half-samples.

    estimate: of all rows. drawn: its values, (draws,). low, high: what it cannot leave.
    freedom: degrees of freedom of Student's t, clusters less one where they are few; the normal when None.

    >>> half_sample_interval(0.9, np.array([0.8, 0.9, 0.85, 0.85]), high=1.0)
    Interval(mean=0.9, low=0.819..., high=0.980...)

    McCarthy (1969), Pseudo-replication: half samples; for any statistic Shao & Wu (1989), A general theory for
    jackknife variance estimation, whose factor (rows - half) / half is one.
    """
    side = (1 + level) / 2
    quantile = special.ndtri(side) if freedom is None else special.stdtrit(freedom, side)
    reach = float(quantile) * float(np.std(drawn, ddof=1))
    return Interval(estimate, max(low, estimate - reach), min(high, estimate + reach))
