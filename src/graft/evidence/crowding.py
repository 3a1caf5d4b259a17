"""Where events crowd: on one value, on a few units, or on nothing where something was usual.

Decisions: that one value (an item) rose is asked over draws in which whole users change sides, so one user who takes it
a thousand times is no crowd. A single unit that floods is what exchanging cannot see: the largest of all lies in the
current sample with the chance that its size gives it, whatever its events are. So beyond what the reference has, its
tail is drawn out as a power law, with the index at the upper end of its interval (heavier than was seen: cautious), and
rounding of counts is given to the reference, also where it makes small sizes look alike. Up to there the share of the
reference's own units is counted. How often that alarms without drift is to be measured where it is used.

Hill (1975), A simple general approach to inference about the tail of a distribution; Gini (1912); Fisher (1934), for
the exact test of a share.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats

from graft.core.blas import product
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.discoveries import benjamini_hochberg
from graft.evidence.shuffles import Shuffles, p_value
from graft.evidence.two_samples import Shift

TAIL, LEAST_OF_TAIL = 0.1, 10
_HEAVY, _LIGHTEST, _PIECE = 1.645, 0.2, 4096


@dataclass(frozen=True, eq=False)
class HeavyUnits:
    """How unusual the sizes of units are. p_values: adjusted for all units, shape (units,). p_value: of all together.
    share: of all events that those at most ``level`` brought."""

    p_values: np.ndarray
    p_value: float
    share: float


def risen_value(reference: np.ndarray, current: np.ndarray, shuffles: Shuffles) -> Shift:
    """The largest rise of the share of one value.

    reference, current: labels, shapes (rows,). The effect is that rise, 0 to 1.

    >>> from graft.evidence.shuffles import shuffles
    >>> draws = shuffles(100, 50, rng=np.random.default_rng(0))
    >>> seen = risen_value(np.arange(100) % 10, np.r_[np.arange(30) % 10, np.zeros(20, int)], draws)
    >>> round(seen.statistic, 2), seen.p_value
    (0.36, 0.001)
    """
    if (np.shape(reference), np.shape(current)) != ((shuffles.rows[0],), (shuffles.rows[1],)):
        raise InputError(
            f"values of shapes {np.shape(reference)} and {np.shape(current)} for draws of {shuffles.rows} rows",
            needed="one value per row, and draws made for these samples",
        )
    given = np.concatenate([np.asarray(reference), np.asarray(current)])[shuffles.kept]
    names, places = np.unique(given, return_inverse=True)
    table = sparse.csr_array(
        (np.ones(len(places), np.float32), (places, shuffles.cell)), shape=(len(names), shuffles.cells)
    )
    totals = np.asarray(table.sum(axis=1), np.float64)
    before, now = shuffles.counts
    rises = np.zeros(shuffles.draws + 1)
    for start in range(0, len(names), _PIECE):
        some = slice(start, start + _PIECE)
        seen = product(table[some], shuffles.weights).astype(np.float64)
        rises = np.maximum(rises, (seen / now - (totals[some][:, None] - seen) / before).max(axis=0))
    noise = float(np.quantile(rises[1:], 0.95))
    seen_rise = float(rises[0])
    # Of many values the largest rise is positive without drift too: what is usual for the largest is taken off.
    effect = max(0.0, seen_rise - float(rises[1:].mean()))
    ends = (max(0.0, seen_rise - noise), min(1.0, seen_rise)) if shuffles.least_p <= 0.05 else (None, None)
    rows = int(before[0]), int(now[0])
    return Shift(
        "risen", seen_rise, p_value(rises), Interval(effect, *ends), "rise of the share of one", rows, shuffles.least_p,
        rises, shuffles.notes,
    )  # fmt: skip


def heavy_units(reference: np.ndarray, current: np.ndarray, *, level: float = 0.05) -> HeavyUnits:
    """Whether any unit of the current sample (a visit) is larger than the reference makes likely.

    reference, current: sizes, counts above 0, shapes (units,). Raises InputError for a sample without units.

    >>> usual = np.random.default_rng(0).geometric(0.3, size=400)
    >>> heavy_units(usual, np.array([1, 3, 8, 2])).p_value > 0.05
    True
    >>> found = heavy_units(usual, np.array([1, 3, 8, 2, 500]))
    >>> found.p_value < 0.01, round(found.share, 2)
    (True, 0.97)
    """
    usual, sizes = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    if not len(usual) or not len(sizes):
        raise InputError(f"{len(usual)} and {len(sizes)} units", needed="at least one in each sample")
    ranked = np.sort(usual)[::-1]
    count = min(len(ranked) - 1, max(LEAST_OF_TAIL, round(TAIL * len(ranked))))
    above = len(ranked) - np.searchsorted(ranked[::-1], sizes, side="left")
    alone = (above + 1) / (len(ranked) + 1)
    if count >= LEAST_OF_TAIL:
        start = ranked[count] + 1
        index = float(np.log((ranked[:count] + 1) / start).mean()) * (1 + _HEAVY / np.sqrt(count))
        # Ones added to small sizes make a tail look lighter than it is further out, by this factor.
        index *= start / max(1.0, start - 1)
        tail = np.maximum(1.0, sizes / start) ** (-1 / max(index, _LIGHTEST)) * (count + 1) / (len(ranked) + 1)
        alone = np.where(sizes > ranked[0], np.minimum(alone, tail), alone)
    adjusted = benjamini_hochberg(np.minimum(alone, 1.0))
    heavy = adjusted <= level
    return HeavyUnits(adjusted, float(adjusted.min()), float(sizes[heavy].sum() / sizes.sum()))


def fallen_quiet(before: np.ndarray, now: np.ndarray, *, of_before: int, of_now: int) -> np.ndarray:
    """For each value, how likely that so few of now or fewer have it by chance, adjusted for all; shape (values,).

    before, now: how many of ``of_before`` and of ``of_now`` people have each value, shapes (values,).

    >>> fallen_quiet(np.array([300, 20]), np.array([0, 3]), of_before=1000, of_now=100).round(3).tolist()
    [0.0, 0.851]
    """
    before, now = np.asarray(before, np.int64), np.asarray(now, np.int64)
    if before.shape != now.shape or (before > of_before).any() or (now > of_now).any():
        raise InputError(
            f"counts of shapes {before.shape} and {now.shape}, of {of_before} and {of_now}",
            needed="two counts for each value, neither above how many there are",
        )
    return benjamini_hochberg(np.clip(stats.hypergeom.cdf(now, of_before + of_now, before + now, of_now), 0, 1))


def gini(counts: np.ndarray) -> float:
    """How unequal counts are: 0 where all are equal, near 1 where one has everything; nan without any.

    >>> gini(np.array([5, 5, 5, 5])), gini(np.array([0, 0, 0, 8]))
    (0.0, 0.75)
    """
    ranked = np.sort(np.asarray(counts, np.float64))
    if not len(ranked) or not ranked.sum():
        return float("nan")
    places = np.arange(1, len(ranked) + 1)
    return float((2 * places - len(ranked) - 1) @ ranked / (len(ranked) * ranked.sum()))
