"""What changes in a model when a word of its rows is exchanged: paired rows, in clusters.

Decisions: the unit is the row that was given, and rows of one template or of one group are one cluster, since a
thousand fillings of one sentence are one sentence. The test is Student's of cluster sums with as many degrees of
freedom as there are effective clusters less one, and never smaller than what signs alone can show: with up to 16
clusters that differ all their signs are tried and the larger p counts, beyond p is at least that of all signs alike.
Rows whose every difference is the same are no surer than that. Several outputs are paid for by their number. What is
asked of a share (more than a twentieth changes, more than of other rows) is a binomial or a hypergeometric tail with as
many rows as the clusters are worth.

Measured, `python -m bench audit-swaps`: false findings of a whole audit and coverage of the intervals.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import special, stats

from graft.core.errors import InputError
from graft.core.intervals import Interval, wilson
from graft.core.means import design_effect, group_places, mean_interval

_ALL_SIGNS, _ENOUGH = 16, 30


@dataclass(frozen=True)
class PairedShift:
    """A mean difference of paired rows. output: the one with the strongest evidence. p_value: two-sided, of any
    output."""

    mean: Interval
    output: int
    p_value: float


def paired_shift(
    differences: np.ndarray,
    clusters: np.ndarray | None = None,
    *,
    possible: tuple[float, float] | None = None,
    level: float = 0.95,
) -> PairedShift:
    """The mean difference of rows, its interval, and whether it is more than chance.

    differences: after less before, shape (rows,) or (rows, outputs), in the unit of the scores. clusters: of each row,
    shape (rows,); each row its own when None. possible: the least and the most a difference can be; what was seen, and
    0, when None. Raises InputError without rows or for what is no number.

    >>> found = paired_shift(np.array([0.2, 0.1, 0.3, 0.2, 0.1, 0.3]))
    >>> round(found.mean.mean, 2), round(found.p_value, 3)
    (0.2, 0.031)

    Fisher (1935), The Design of Experiments, chapter 3.
    """
    rows = np.asarray(differences, dtype=np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or not rows.size or not np.isfinite(rows).all():
        raise InputError(f"differences of shape {np.shape(differences)}", needed="one finite number or more per row")
    place = group_places(len(rows), clusters)
    p_values = np.array([_p_value(rows[:, output], place) for output in range(rows.shape[1])])
    output = int(p_values.argmin())
    chosen = rows[:, output]
    ends = (min(0.0, float(chosen.min())), max(0.0, float(chosen.max()))) if possible is None else possible
    groups = None if clusters is None else place
    mean = mean_interval(chosen, possible=ends, groups=groups, level=level)
    return PairedShift(mean, output, min(1.0, float(p_values[output]) * rows.shape[1]))


def _p_value(differences: np.ndarray, place: np.ndarray) -> float:
    sums = np.bincount(place, weights=differences)
    moved = sums[sums != 0]
    if not len(moved) or len(sums) < 2:
        return 1.0
    sizes = np.bincount(place)
    freedom = max(1.0, len(differences) ** 2 / float(sizes @ sizes) - 1)
    centred = sums - sizes * differences.mean()
    variance = float(centred @ centred) * len(sums) / (len(sums) - 1)
    tail = 0.0
    if variance > 1e-24 * float(sums @ sums):
        tail = 2 * float(special.stdtr(freedom, -abs(float(sums.sum())) / np.sqrt(variance)))
    if len(moved) > _ALL_SIGNS:
        return max(tail, 2.0 ** (1 - min(len(moved), 1000)))
    signs = np.array(list(product((1.0, -1.0), repeat=len(moved) - 1)))
    flipped = np.abs(signs @ moved[1:] + moved[0])
    return max(tail, float((flipped >= abs(float(moved.sum())) - 1e-12).mean()))


def share_interval(hits: np.ndarray, clusters: np.ndarray | None = None, *, level: float = 0.95) -> Interval:
    """The share of rows that changed, and its interval. hits: from 0 to 1, shape (rows,). clusters: of each row.

    >>> share = share_interval(np.array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
    >>> round(share.mean, 2), share.low, round(share.high, 2)
    (0.1, 0.0, 0.45)
    """
    values = np.asarray(hits, np.float64)
    found = mean_interval(values, possible=(0.0, 1.0), groups=clusters, level=level)
    if clusters is None or found.low is None or found.high is None:
        return found
    sizes = np.bincount(group_places(len(values), clusters))
    worth = len(values) ** 2 / float(sizes @ sizes)
    if worth >= _ENOUGH or len(sizes) == len(values):
        return found
    # An exchange often turns all texts of a template or none: few templates are as many rows.
    few = wilson(found.mean * worth, worth, level=level)
    assert few.low is not None
    assert few.high is not None
    return Interval(found.mean, min(found.low, few.low), max(found.high, few.high))


def more_than(hits: np.ndarray, bar: float, clusters: np.ndarray | None = None) -> float:
    """The p-value of a share of rows that is above a bar: small where more than that changed.

    hits: from 0 to 1, shape (rows,). bar: a share. clusters: of each row.

    >>> round(more_than(np.array([1] * 6 + [0] * 14), 0.05), 5)
    0.00033
    """
    share, worth = _worth(hits, clusters)
    return float(stats.binom.sf(np.floor(share * worth + 1e-9) - 1, worth, bar)) if share > bar else 1.0


def more_than_others(
    hits: np.ndarray, others: np.ndarray, clusters: np.ndarray | None = None, of_others: np.ndarray | None = None
) -> float:
    """The p-value of a share of rows that is above that of other rows, few of which tell little.

    hits, others: from 0 to 1, shape (rows,) and (others,). clusters, of_others: of each row.

    >>> most = np.array([1] * 30 + [0] * 70)
    >>> round(more_than_others(most, np.zeros(100)), 6), round(more_than_others(most, np.zeros(5)), 2)
    (0.0, 0.18)

    Fisher (1935), The Logic of Inductive Inference.
    """
    (share, worth), (other, of_other) = _worth(hits, clusters), _worth(others, of_others)
    if share <= other:
        return 1.0
    found, beside = int(np.floor(share * worth + 1e-9)), int(np.ceil(other * of_other - 1e-9))
    return float(stats.hypergeom.sf(found - 1, worth + of_other, found + beside, worth))


def _worth(hits: np.ndarray, clusters: np.ndarray | None) -> tuple[float, int]:
    """A share, and how many independent rows its rows are worth."""
    values = np.asarray(hits, np.float64)
    if clusters is None:
        return float(values.mean()), len(values)
    place = group_places(len(values), clusters)
    worth = min(len(values) / design_effect(values, place), float(place.max()) + 1)
    return float(values.mean()), max(1, int(worth))
