"""The area under the curve of scores that tell classes, over all rows or among rows that are alike otherwise.

Decisions: the area is the share of pairs, one row of the class and one of another, of which the score puts the right
one first (ties count half); the mean over classes is told for more than two. With strata only pairs within one are
counted, a stratum by as much as its pairs can say (van Elteren's weights), so that what the strata tell counts for
nothing. The part of each row in the area gives its variance: DeLong's for one stratum, and more than the truth for
strata of a few rows, where both rows of a pair answer for all of its luck.

DeLong, DeLong & Clarke-Pearson (1988); van Elteren (1960); Janes & Pepe (2009), Adjusting for covariate effects on
classification accuracy using the covariate-adjusted receiver operating characteristic curve.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from graft.core.intervals import Interval


@dataclass(frozen=True, eq=False)
class Areas:
    """Areas of classes. by_class: shape (classes,), nan where no stratum holds a pair. influence: the part of each row,
    shape (rows, classes), whose variance over rows is that of the area times rows."""

    by_class: np.ndarray
    influence: np.ndarray

    @property
    def mean(self) -> float:
        """Over the classes that have pairs; .5 where none has."""
        told = np.isfinite(self.by_class)
        return float(self.by_class[told].mean()) if told.any() else 0.5

    @property
    def part(self) -> np.ndarray:
        """The part of each row in the mean, shape (rows,)."""
        told = np.isfinite(self.by_class)
        return np.asarray(self.influence[:, told].mean(axis=1) if told.any() else self.influence[:, 0] * 0)


def areas_of(scores: np.ndarray, classes: np.ndarray, strata: np.ndarray | None = None) -> Areas:
    """The area of each class.

    scores: shape (rows, classes). classes: whole numbers from 0, shape (rows,). strata: whole numbers, shape (rows,) or
    (rows, classes); none for one.

    >>> areas_of(np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]]), np.array([0, 0, 1, 1])).by_class.tolist()
    [0.75, 0.75]
    """
    rows, count = scores.shape
    by_class, influence = np.full(count, np.nan), np.zeros((rows, count))
    for one in range(count):
        mine = classes == one
        place = _place(strata, one, rows)
        every = np.bincount(place)
        ahead = np.bincount(place[mine], minlength=len(every))
        behind = every - ahead
        weight = float((ahead * behind / every).sum())
        if not weight:
            continue
        ranks = _within(scores[:, [one]], place)[:, 0]
        own = np.empty(rows)
        for side in (mine, ~mine):
            own[side] = _within(scores[side][:, [one]], _coded(place[side]))[:, 0] if side.any() else 0
        # How many of the other side of its stratum a row beats, half of those alike; those ahead should beat.
        beaten = ranks - own
        others = np.where(mine, behind[place], ahead[place])
        right = np.where(mine, beaten, others - beaten)
        wins = np.bincount(place[mine], weights=right[mine], minlength=len(every))
        by_class[one] = float((wins / every).sum() / weight)
        influence[:, one] = rows / weight * (right - others * by_class[one]) / every[place]
    return Areas(by_class, influence)


def areas_drawn(scores: np.ndarray, mine: np.ndarray, strata: np.ndarray | None = None) -> np.ndarray:
    """The area of one class in many draws, shape (draws,); .5 where a draw leaves no pair.

    scores, mine: scores and whether a row is of the class, shape (rows, draws). strata: shape (rows,).
    """
    rows = len(scores)
    if strata is None:
        ahead = mine.sum(axis=0).astype(np.float64)
        sums = (stats.rankdata(scores, axis=0) * mine).sum(axis=0)
        pairs = ahead * (rows - ahead)
        return np.asarray(np.where(pairs > 0, (sums - ahead * (ahead + 1) / 2) / np.maximum(pairs, 1), 0.5))
    order = np.argsort(strata, kind="stable")
    place, mine = strata[order], mine[order]
    ranks = _within(scores[order], place)
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    every = np.diff(np.append(starts, rows))[:, None]
    ahead = np.add.reduceat(mine.astype(np.float64), starts, axis=0)
    wins = np.add.reduceat(ranks * mine, starts, axis=0) - ahead * (ahead + 1) / 2
    weight = (ahead * (every - ahead) / every).sum(axis=0)
    return np.asarray(np.where(weight > 0, (wins / every).sum(axis=0) / np.maximum(weight, 1e-12), 0.5))


def area_interval(area: float, spread: float, rows: int, level: float) -> Interval:
    """An area with its interval. spread: its standard error. On the scale of log odds, so that it stays within 0 and 1;
    half a row is added to an area of 1."""
    spread = max(spread, 0.5 / rows)
    inside = min(max(area, 0.5 / rows), 1 - 0.5 / rows)
    z = float(special.ndtri((1 + level) / 2))
    middle, wide = special.logit(inside), z * spread / (inside * (1 - inside))
    low, high = special.expit(middle - wide), special.expit(middle + wide)
    return Interval(area, float(min(low, area)), float(max(high, area)))


def _place(strata: np.ndarray | None, one: int, rows: int) -> np.ndarray:
    if strata is None:
        return np.zeros(rows, np.int64)
    return _coded(strata if strata.ndim == 1 else strata[:, one])


def _coded(strata: np.ndarray) -> np.ndarray:
    return np.unique(strata, return_inverse=True)[1].ravel()


def _within(scores: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Ranks from 1 within strata, shape (rows, columns)."""
    if not place.any():
        return np.asarray(stats.rankdata(scores, axis=0))
    low = scores.min(axis=0)
    wide = np.maximum(np.ptp(scores, axis=0), 1e-300)
    ranks = stats.rankdata(place[:, None] + 0.5 * (scores - low) / wide, axis=0)
    before = np.cumsum(np.bincount(place)) - np.bincount(place)
    return np.asarray(ranks - before[place][:, None])
