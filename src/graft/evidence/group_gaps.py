"""How differently groups are treated: the mean of a figure in each group, and the gap between those that differ most.

Decisions: the largest of several noisy gaps is too large, and a bootstrap of it repeats that, so its interval comes
from intervals of the groups. The upper end is the largest that any single pair allows (the pair that truly differs most
is one of them), the lower end the largest that all pairs allow at once (Tukey's range). A pair's ends come from those
of its two groups (MOVER), which are exact for shares: with no hit in twenty rows there is still a width. Equalized odds
are the larger of two gaps, and the same rule holds with the pairs of both. Whether there is a gap at all is a test of
its own: exact for few rows, by permuted groups where rows come in clusters or a mean is of few, else by its limit.
Groups of fewer than ten rows are told and not judged.

Zou & Donner (2008), Construction of confidence limits about effect measures: a general approach; Newcombe (1998) for
shares; Hardt, Price & Srebro (2016), Equality of opportunity in supervised learning; Welch (1951), On the comparison of
several mean values; Besag & Clifford (1991), Sequential Monte Carlo p-values; Chung & Romano (2013), Exact and
asymptotically robust permutation tests.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special, stats

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import mean_interval
from graft.evidence.slices import exact_share

LEAST = 10
_ENOUGH, _MOST_MOVED, _DRAWS, _HITS, _AT_ONCE = 50, 2_000, 9_999, 20, 250

Ends = Callable[[float], Interval]


@dataclass(frozen=True)
class GroupMean:
    """The mean of one group. rows: that count. judged: whether there are enough of them to compare it."""

    group: int
    rows: int
    mean: Interval
    judged: bool


@dataclass(frozen=True)
class GroupGap:
    """A figure in several groups.

    groups: every group that has a row, in their order. gap: between the two judged groups that differ most, 0 or more;
    highest, lowest: which. p_value: how often groups that are treated alike differ as much. why: why there is neither;
    then all of these are None.
    """

    groups: tuple[GroupMean, ...]
    gap: Interval | None = None
    highest: int | None = None
    lowest: int | None = None
    p_value: float | None = None
    why: str = ""


@dataclass(frozen=True, eq=False)
class GroupFigure:
    """A number of each row that counts, and its group.

    values: shape (rows,). groups: from 0, -1 where it is not known, shape (rows,). share: whether values are 0 and 1.
    possible: the least and the most that a row could be; None where that has no limits. clusters: what each row belongs
    to, a number, shape (rows,), where rows go together.
    """

    values: np.ndarray
    groups: np.ndarray
    share: bool = True
    possible: tuple[float, float] | None = None
    clusters: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", np.asarray(self.values, np.float64))
        if self.values.shape != self.groups.shape or self.values.ndim != 1:
            raise InputError(
                f"values of shape {self.values.shape} and groups of shape {self.groups.shape}",
                needed="one of each for every row",
            )
        if not np.isfinite(self.values).all():
            raise InputError("values that are not finite", needed="a number for every row that counts")

    def of(self, group: int) -> "GroupFigure":
        """The rows of one group."""
        mine = self.groups == group
        clusters = None if self.clusters is None else self.clusters[mine]
        return GroupFigure(self.values[mine], self.groups[mine], self.share, self.possible, clusters)

    def ends(self, level: float) -> Interval:
        """The mean of all these rows with its interval."""
        if self.share:
            found = exact_share(self.values > 0.5, np.ones(len(self.values), bool), self.clusters, level)
            return found if found is not None else Interval(float("nan"))
        return mean_interval(self.values, possible=self.possible, groups=self.clusters, level=level)


def group_gap(figure: GroupFigure, *, rng: np.random.Generator, level: float = 0.95, least: int = LEAST) -> GroupGap:
    """The gap of a figure between groups. least: rows that a group needs to be judged.

    >>> groups = np.repeat([0, 1], 100)
    >>> treated = GroupFigure(np.r_[np.ones(60), np.zeros(40), np.ones(35), np.zeros(65)], groups)
    >>> found = group_gap(treated, rng=np.random.default_rng(0))
    >>> round(found.gap.mean, 2), round(found.gap.low, 2), round(found.gap.high, 2), found.p_value < 0.001
    (0.25, 0.11, 0.38, True)
    """
    parts = {int(one): figure.of(int(one)) for one in np.unique(figure.groups) if one >= 0}
    told = []
    for group, part in parts.items():
        mean = part.ends(level)
        judged = len(part.values) >= least and mean.ends is not None
        told.append(GroupMean(group, len(part.values), mean, judged))
    judged_ones = [one.group for one in told if one.judged]
    if len(judged_ones) < 2:
        many = "1 group has" if len(judged_ones) == 1 else "no group has"
        return GroupGap(tuple(told), why=f"{many} {least} rows or more that count, and two are needed")
    means = {one.group: one.mean.mean for one in told if one.judged}
    highest, lowest = max(means, key=lambda one: (means[one], -one)), min(means, key=lambda one: (means[one], one))
    gap = largest_gap([[parts[one].ends for one in judged_ones]], level=level)
    kept = np.isin(figure.groups, judged_ones)
    clusters = None if figure.clusters is None else figure.clusters[kept]
    asked = GroupFigure(figure.values[kept], figure.groups[kept], figure.share, figure.possible, clusters)
    return GroupGap(tuple(told), gap, highest, lowest, _p_value(asked, rng))


def largest_gap(families: Sequence[Sequence[Ends]], *, level: float = 0.95) -> Interval:
    """The largest gap between two groups in any of several figures, with its interval.

    families: for each figure the groups, each as a function from a level to its mean with an interval. One figure gives
    its gap, the shares of hits among true and among false rows equalized odds. Raises InputError for a figure of fewer
    than two groups.
    """
    if not families or any(len(one) < 2 for one in families):
        raise InputError("a gap of fewer than two groups", needed="two groups or more for each figure")
    alpha = 1 - level
    mean, low, high = 0.0, 0.0, 0.0
    for groups in families:
        tail = alpha / 2 / len(families)
        # Of two groups both ends come from one interval of the difference, sign and all.
        sure = float(special.ndtri(1 - tail)) if len(groups) == 2 else _range(1 - tail, len(groups))
        single = [one(level) for one in groups]
        together = [one(float(2 * special.ndtr(sure) - 1)) for one in groups]
        for i in range(len(groups)):
            for j in range(len(groups)):
                if i != j:
                    mean = max(mean, single[i].mean - single[j].mean)
                    low = max(low, _ends(together[i], together[j])[0])
                    high = max(high, _ends(single[i], single[j])[1])
    return Interval(mean, min(low, mean), max(high, mean))


@cache
def _range(share: float, groups: int) -> float:
    """By how many standard deviations of a difference no two of so many means lie apart."""
    return float(stats.studentized_range.ppf(share, groups, np.inf) / np.sqrt(2))


def difference(one: Interval, other: Interval) -> Interval:
    """One mean minus another of rows of its own, from their intervals. Zou & Donner (2008)."""
    low, high = _ends(one, other)
    return Interval.within(one.mean - other.mean, low, high)


def _ends(one: Interval, other: Interval) -> tuple[float, float]:
    if one.ends is None or other.ends is None:
        return -np.inf, np.inf
    gap = one.mean - other.mean
    down = np.hypot(one.mean - one.ends[0], other.ends[1] - other.mean)
    up = np.hypot(one.ends[1] - one.mean, other.mean - other.ends[0])
    return float(gap - down), float(gap + up)


def _p_value(figure: GroupFigure, rng: np.random.Generator) -> float:
    """How often groups that are treated alike differ as much, over all of them."""
    place = np.unique(figure.groups, return_inverse=True)[1]
    if np.ptp(figure.values) == 0:
        return 1.0
    if figure.share and figure.clusters is None:
        return _p_of_shares(figure.values > 0.5, place, rng)
    # What a cluster says in one group is one unit; of rows alone each is one.
    cluster = np.arange(len(place)) if figure.clusters is None else figure.clusters
    _, cell = np.unique(np.stack([cluster, place]), axis=1, return_inverse=True)
    cell = cell.ravel()
    sums, sizes = np.bincount(cell, weights=figure.values), np.bincount(cell).astype(np.float64)
    groups = np.zeros(len(sizes), np.int64)
    groups[cell] = place
    units = np.bincount(groups)
    if units.min() < 2:
        return 1.0
    if units.min() >= _ENOUGH or len(sizes) > _MOST_MOVED:
        return _p_by_welch(sums, sizes, groups)
    return _p_by_permuting(sums, sizes, groups, rng)


def _p_of_shares(hit: np.ndarray, place: np.ndarray, rng: np.random.Generator) -> float:
    sizes, hits = np.bincount(place), np.bincount(place, weights=hit).astype(np.int64)
    table = np.stack([hits, sizes - hits])
    expected = stats.contingency.expected_freq(table)
    if expected.min() >= LEAST:
        return float(stats.chi2_contingency(table, correction=False).pvalue)
    if len(sizes) == 2:
        return float(stats.fisher_exact(table).pvalue)
    found = _spread(hits[None], sizes)[0]
    beyond, drawn = 0, 0
    while drawn < _DRAWS and beyond < _HITS:
        moved = rng.multivariate_hypergeometric(sizes, int(hits.sum()), size=999, method="marginals")
        beyond += int((_spread(moved, sizes) >= found - 1e-12).sum())
        drawn += 999
    return (1 + beyond) / (1 + drawn)


def _spread(hits: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """How far shares of groups lie apart, (draws,), in the order of chi-square. hits: (draws, groups)."""
    return np.asarray((np.square(hits - sizes * (hits.sum(axis=1, keepdims=True) / sizes.sum())) / sizes).sum(axis=1))


def _p_by_welch(sums: np.ndarray, sizes: np.ndarray, groups: np.ndarray) -> float:
    """Welch's test of several means, units (clusters or rows) being what varies."""
    units = np.bincount(groups)
    found, weights = _apart(sums[None], sizes[None], groups[None], len(units))
    shares = weights[0] / weights[0].sum()
    less = float((np.square(1 - shares) / (units - 1)).sum())
    count = len(units)
    statistic = found[0] / (count - 1) / (1 + 2 * (count - 2) / (count**2 - 1) * less)
    return float(special.fdtrc(count - 1, (count**2 - 1) / (3 * less), statistic))


def _p_by_permuting(sums: np.ndarray, sizes: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> float:
    count = int(groups.max()) + 1
    found = _apart(sums[None], sizes[None], groups[None], count)[0][0]
    beyond, drawn = 0, 0
    while drawn < _DRAWS and beyond < _HITS:
        moved = groups[rng.permuted(np.tile(np.arange(len(groups)), (_AT_ONCE, 1)), axis=1)]
        beyond += int((_apart(sums[None], sizes[None], moved, count)[0] >= found * (1 - 1e-9)).sum())
        drawn += _AT_ONCE
    return (1 + beyond) / (1 + drawn)


def _apart(sums: np.ndarray, sizes: np.ndarray, groups: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Welch's statistic before its correction, (draws,), and the weights of the groups, (draws, groups).

    sums, sizes: of each unit, (1, units). groups: of each, (draws, units).
    """
    means, weights = np.empty((len(groups), count)), np.empty((len(groups), count))
    # Equal units have no variance: what one row in all of them would add keeps the weight finite.
    floor = max(float(np.square(sums - sizes * (sums.sum() / sizes.sum())).sum()) / sums.size / sums.size, 1e-300)
    for one in range(count):
        mine = (groups == one).astype(np.float64)
        units, total = mine.sum(axis=1), (mine * sizes).sum(axis=1)
        means[:, one] = (mine * sums).sum(axis=1) / total
        rest = mine * (sums - sizes * means[:, one, None])
        variance = np.square(rest).sum(axis=1) / total**2 * units / np.maximum(units - 1, 1)
        weights[:, one] = 1 / np.maximum(variance, floor / units)
    middle = (weights * means).sum(axis=1) / weights.sum(axis=1)
    return (weights * np.square(means - middle[:, None])).sum(axis=1), weights


def bounds_if_known(figure: GroupFigure, groups: Sequence[int]) -> Interval:
    """What the largest gap between groups could be, whatever the groups of rows whose group is not known.

    The figure's ``mean`` is the gap of the rows whose group is known; only shares have such bounds. Each group's share
    lies between what it is if the unknown rows without a hit were all its, and if those with one were. Manski (2003),
    Partial identification of probability distributions.

    >>> known = GroupFigure(np.array([1, 1, 0, 0, 1, 0.0]), np.array([0, 0, 1, 1, -1, -1]))
    >>> bounds_if_known(known, [0, 1])
    Interval(mean=1.0, low=0.3333333333333333, high=1.0)
    """
    unknown = figure.values[figure.groups < 0]
    hits, misses = float((unknown > 0.5).sum()), float((unknown <= 0.5).sum())
    shares, least, most = [], [], []
    for group in groups:
        mine = figure.values[figure.groups == group]
        shares.append(float(mine.mean()))
        least.append(float(mine.sum()) / (len(mine) + misses))
        most.append((float(mine.sum()) + hits) / (len(mine) + hits))
    pairs = [(i, j) for i in range(len(shares)) for j in range(len(shares)) if i != j]
    low = max(0.0, max(least[i] - most[j] for i, j in pairs))
    return Interval(max(shares) - min(shares), low, max(most[i] - least[j] for i, j in pairs))


@dataclass(frozen=True)
class GapChange:
    """The gap under one model against that under another, on the same rows.

    one, other: gaps between the two groups, 0 or more. change: one minus other; above 0 the first widens it. p_value:
    two-sided. highest, lowest: the groups, as the first has them.
    """

    one: float
    other: float
    change: Interval
    p_value: float
    highest: int
    lowest: int


def gap_change(one: GroupFigure, other: GroupFigure, groups: Sequence[int], *, level: float = 0.95) -> GapChange | None:
    """Whether one model treats two groups more differently than another does.

    one, other: the same rows, in the same order. groups: those that may be compared; the two are taken that differ most
    under both models together, so that the choice favours neither. None for fewer than two. One row more in each group,
    on which the models disagree, is counted in the error: that they agreed on all is no certainty.

    >>> groups = np.repeat([0, 1], 100)
    >>> even, uneven = np.tile([1.0, 0.0], 100), np.r_[np.tile([1.0, 0.0], 50), np.ones(100)]
    >>> found = gap_change(GroupFigure(uneven, groups), GroupFigure(even, groups), [0, 1])
    >>> found.one, found.other, round(found.change.low, 2)
    (0.5, 0.0, 0.28)
    """
    if len(groups) < 2:
        return None
    means = [{group: float(each.values[each.groups == group].mean()) for group in groups} for each in (one, other)]
    pairs = [(i, j) for i in groups for j in groups if i < j]
    i, j = max(pairs, key=lambda pair: sum(abs(each[pair[0]] - each[pair[1]]) for each in means))
    gaps = [each[i] - each[j] for each in means]
    if gaps[0] < 0 or (gaps[0] == 0 and gaps[1] < 0):
        i, j, gaps = j, i, [-gap for gap in gaps]
    sign = 1.0 if gaps[1] >= 0 else -1.0
    parts, worth, freedom = np.zeros((2, len(one.values))), 0.0, np.inf
    for group, way in ((i, 1.0), (j, -1.0)):
        mine = one.groups == group
        rows = int(mine.sum())
        parts[0, mine] = way * (one.values[mine] - means[0][group]) / rows
        parts[1, mine] = way * sign * (other.values[mine] - means[1][group]) / rows
        reach = 1.0 if one.share else max(float(np.ptp(np.r_[one.values[mine], other.values[mine]])), 1e-12)
        own = np.arange(rows) if one.clusters is None else one.clusters[mine]
        sizes = np.unique(own, return_counts=True)[1]
        worth += (reach / rows) ** 2 * float(sizes @ sizes) / rows
        freedom = min(freedom, max(1.0, rows**2 / float(sizes @ sizes) - 1))
    clusters = np.arange(len(one.values)) if one.clusters is None else np.unique(one.clusters, return_inverse=True)[1]
    told = []
    # That one gap is wider is two claims, of difference and sum, since nobody knows the sign of the other gap.
    for way in (-1.0, 1.0):
        sums = np.bincount(clusters, weights=parts[0] + way * parts[1])
        told.append((gaps[0] + way * abs(gaps[1]), float(np.sqrt(sums @ sums + worth))))
    times = float(special.stdtrit(freedom, (1 + level) / 2))
    low, high = (min(found + way * times * error for found, error in told) for way in (-1, 1))
    p_value = max(
        float(2 * special.stdtr(freedom, -abs(told[0][0]) / told[0][1])),
        min(1.0, float(2 * special.stdtr(freedom, -told[1][0] / told[1][1]))),
    )
    change = told[0][0]
    return GapChange(gaps[0], abs(gaps[1]), Interval(change, min(low, change), max(high, change)), p_value, i, j)


@dataclass(frozen=True)
class GapShift:
    """A gap now against the gap before, between the same two groups, on other rows.

    now, before: 0 or more for the group that is ahead now. change: now minus before; above 0 it widened. p_value:
    two-sided. highest, lowest: the groups.
    """

    now: float
    before: float
    change: Interval
    p_value: float
    highest: int
    lowest: int


def gap_shift(now: GroupFigure, before: GroupFigure, *, level: float = 0.95, least: int = LEAST) -> GapShift | None:
    """Whether two groups are treated more differently in some rows than they were in others.

    Of all pairs of groups with ``least`` rows on both sides the one is taken that lies furthest apart in both together;
    the p-value pays for all of them. None without such a pair. For the test two rows more, one a hit, are added to
    every group, so that shares of few rows are not certain (Agresti & Caffo, 2000).

    >>> groups = np.repeat([0, 1], 100)
    >>> even, uneven = np.tile([1.0, 0.0], 100), np.r_[np.tile([1.0, 0.0], 50), np.ones(100)]
    >>> found = gap_shift(GroupFigure(uneven, groups), GroupFigure(even, groups))
    >>> found.now, found.before, found.p_value < 0.001
    (0.5, 0.0, True)
    """
    both = (now, before)
    found = [np.unique(each.groups[each.groups >= 0], return_counts=True) for each in both]
    counts = [dict(zip(names.tolist(), many.tolist(), strict=True)) for names, many in found]
    groups = [one for one in counts[0] if min(count.get(one, 0) for count in counts) >= least]
    if len(groups) < 2:
        return None
    means = [{one: float(each.values[each.groups == one].mean()) for one in groups} for each in both]
    pairs = [(i, j) for i in groups for j in groups if i < j]
    i, j = max(pairs, key=lambda pair: sum(abs(each[pair[0]] - each[pair[1]]) for each in means))
    if means[0][i] < means[0][j] or (means[0][i] == means[0][j] and means[1][i] < means[1][j]):
        i, j = j, i
    spans = [difference(each.of(i).ends(level), each.of(j).ends(level)) for each in both]
    variance = 0.0
    for each in both:
        for group in (i, j):
            part = each.of(group)
            rows = len(part.values)
            own = np.arange(rows) if part.clusters is None else part.clusters
            sizes = np.unique(own, return_counts=True)[1]
            share = (float(part.values.sum()) + 1) / (rows + 2)
            variance += share * (1 - share) / (rows + 2) * float(np.square(sizes).sum()) / rows
    gaps = [one.mean for one in spans]
    # Turning about is no widening: what counts is how far apart they are.
    sign = 1.0 if gaps[1] >= 0 else -1.0
    told = [(gaps[0] - gaps[1]), (gaps[0] + gaps[1])]
    error = float(np.sqrt(variance))
    p_value = min(1.0, len(pairs) * max(float(2 * special.ndtr(-abs(one) / error)) for one in told))
    change = difference(spans[0], spans[1] if sign > 0 else spans[1].reversed)
    return GapShift(gaps[0], abs(gaps[1]), change, p_value, i, j)
