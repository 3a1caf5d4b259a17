"""How well scores rank rows that mention somebody, alone and against the rest.

Decisions: the three areas under the ROC curve of Borkan et al.: within the subgroup; *BPSN*, positives of the
background against negatives of the subgroup (low where harmless rows about somebody score like harmful ones); *BNSP*,
negatives of the background against positives of the subgroup (low where harmful rows about somebody score like harmless
ones). Each is judged against the area within the background, whose rows mention them not. Variances are DeLong's by
cluster (Obuchowski), with one pseudo-row of either class that is ranked by a coin, since a subgroup ranked without an
error is not ranked so for certain; degrees of freedom are those of the smallest class. Below ten positives or ten
negatives nothing is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import group_places

LEAST_OF_A_CLASS = 10
KINDS = ("subgroup", "bpsn", "bnsp")


@dataclass(frozen=True)
class SubgroupArea:
    """An area under the ROC curve. positives, negatives: rows of which it is. gap: it less that of the background.
    p_value: two-sided, of no gap."""

    area: Interval
    positives: int
    negatives: int
    gap: Interval
    p_value: float


@dataclass(frozen=True, eq=False)
class _Area:
    """An area with what every row moves it by, shape (rows,), and the variance of a pseudo-row of either class."""

    value: float
    moves: np.ndarray
    pseudo: float
    freedom: int
    least: int


def subgroup_areas(
    scores: np.ndarray,
    positive: np.ndarray,
    mentions: np.ndarray,
    clusters: np.ndarray | None = None,
    *,
    level: float = 0.95,
) -> Mapping[str, SubgroupArea]:
    """The areas of one subgroup, by kind; those alone of which both classes have ten rows, and the background too.

    scores: higher for positive, shape (rows,). positive, mentions: bool (rows,), the class and whether a row belongs to
    the subgroup. clusters: of each row. level: of the intervals.

    >>> rng = np.random.default_rng(0)
    >>> positive, mentions = np.arange(200) % 2 == 0, np.arange(200) < 80
    >>> found = subgroup_areas(positive + rng.normal(size=200) + 2 * mentions, positive, mentions)
    >>> {kind: round(one.area.mean, 2) for kind, one in found.items()}
    {'subgroup': 0.73, 'bpsn': 0.16, 'bnsp': 0.99}

    Borkan et al. (2019), Nuanced Metrics for Measuring Unintended Bias; DeLong et al. (1988); Obuchowski (1997).
    """
    values, hit, within = np.asarray(scores, np.float64), np.asarray(positive, bool), np.asarray(mentions, bool)
    if values.ndim != 1 or hit.shape != values.shape or within.shape != values.shape or not np.isfinite(values).all():
        raise InputError(
            f"scores of shape {values.shape} for {hit.shape} classes and {within.shape} mentions",
            needed="a finite score, a class and a mention for every row",
        )
    place = group_places(len(values), clusters)
    rest = ~within
    background = _area(values, hit & rest, ~hit & rest, place)
    sides = {"subgroup": (hit & within, ~hit & within), "bpsn": (hit & rest, ~hit & within)}
    sides["bnsp"] = (hit & within, ~hit & rest)
    found: dict[str, SubgroupArea] = {}
    for kind in KINDS if background is not None else ():
        upper, lower = sides[kind]
        area = _area(values, upper, lower, place)
        if area is None or background is None:
            continue
        gap = area.value - background.value
        error = _error(area.moves - background.moves, place, area.pseudo + background.pseudo)
        freedom = min(area.freedom, background.freedom)
        reach = float(special.stdtrit(freedom, (1 + level) / 2)) * error
        p_value = 2 * float(special.stdtr(freedom, -abs(gap) / error)) if error > 0 else 1.0
        ends = Interval(gap, max(-1.0, gap - reach), min(1.0, gap + reach))
        found[kind] = SubgroupArea(
            _interval(area, place, level), int(upper.sum()), int(lower.sum()), ends, min(1.0, p_value)
        )
    return found


def _area(scores: np.ndarray, upper: np.ndarray, lower: np.ndarray, place: np.ndarray) -> _Area | None:
    above, below = scores[upper], scores[lower]
    if min(len(above), len(below)) < LEAST_OF_A_CLASS:
        return None
    over, under = _placed(above, below), 1 - _placed(below, above)
    value = float(over.mean())
    moves = np.zeros(len(scores))
    moves[upper] = (over - value) / len(above)
    moves[lower] += (under - value) / len(below)
    pseudo = (0.5 - value) ** 2 * (1 / (len(above) + 1) ** 2 + 1 / (len(below) + 1) ** 2)
    groups = min(len(np.unique(place[upper])), len(np.unique(place[lower])))
    return _Area(value, moves, pseudo, max(1, groups - 1), min(len(above), len(below)))


def _placed(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of others that each of some lies above; a tie is a half."""
    ranked = np.sort(others)
    less = np.searchsorted(ranked, some, side="left")
    return np.asarray((less + np.searchsorted(ranked, some, side="right")) / (2 * len(ranked)))


def _error(moves: np.ndarray, place: np.ndarray, pseudo: float) -> float:
    sums = np.bincount(place, weights=moves)
    touched = max(2, int(np.count_nonzero(sums)))
    return float(np.sqrt(float(sums @ sums) * touched / (touched - 1) + pseudo))


def _interval(area: _Area, place: np.ndarray, level: float) -> Interval:
    """On the scale of log odds, so that no end lies beyond 0 or 1: about the area, and about it and half a pair."""
    reach = float(special.stdtrit(area.freedom, (1 + level) / 2)) * _error(area.moves, place, area.pseudo)
    least = 0.5 / (area.least + 1) ** 2
    centres = ((area.value * area.least + 0.5) / (area.least + 1), float(np.clip(area.value, least, 1 - least)))
    ends = []
    # Toward a half from the former, outwards from the latter.
    for centre, sign in zip(centres if area.value > 0.5 else centres[::-1], (-1, 1), strict=True):
        ends.append(float(special.expit(special.logit(centre) + sign * reach / (centre * (1 - centre)))))
    low, high = min(ends[0], area.value), max(ends[1], area.value)
    return Interval(area.value, low, high)
