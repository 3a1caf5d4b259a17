"""Two samples of scores or labels: Kolmogorov-Smirnov, means, chi-square and the stability index, by permutation.

Decisions: a table of counts, values by draws, is one sparse product, and each statistic is read off it for all draws,
so whole groups move here as they do for vectors, which the published tables of these statistics do not know. More than
4,096 distinct numbers are counted in as many bins of equal share of both samples together.

Effects are debiased lengths with a band: what was seen cannot lie further from the truth than noise is long, so the
ends are the observed distance less and plus the length that 95 % of draws stay below. That is never too narrow.

The population stability index is a number beside what it is without drift, and has no p-value and no fixed limit on
purpose: with 10 bins and 100 + 100 rows its median without drift is 0.16, so "above 0.1 is drift" alarms on noise.

Kolmogorov (1933); Smirnov (1939); Pearson (1900); Yurdakul & Naranjo (2020), Statistical properties of the population
stability index, for its distribution without drift.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from graft.core.blas import product
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.shuffles import Shuffles, p_value
from graft.evidence.two_samples import Shift

VALUES = 4096
BINS = 10


@dataclass(frozen=True)
class StabilityIndex:
    """The population stability index. value: as observed. usual: 95 % of draws without drift stay below. bins: used."""

    value: float
    usual: float
    bins: int


def number_shift(reference: np.ndarray, current: np.ndarray, shuffles: Shuffles) -> Shift:
    """Kolmogorov-Smirnov: the largest difference of the shares below a value.

    reference, current: numbers, shapes (rows,). shuffles: draws for so many rows. The effect is that difference, 0 to
    1. Raises InputError for what is not finite.

    >>> from graft.evidence.shuffles import shuffles
    >>> draws = shuffles(40, 30, rng=np.random.default_rng(0))
    >>> seen = number_shift(np.arange(40.0), np.arange(30.0) + 15, draws)
    >>> round(seen.statistic, 3), seen.p_value <= 0.05
    (0.375, True)
    """
    pooled = _numbers(reference, current, shuffles)
    edges = np.unique(pooled)
    if len(edges) > VALUES:
        edges = np.unique(np.quantile(pooled, np.arange(1, VALUES) / VALUES, method="lower"))
        edges = np.append(edges, pooled.max()) if edges[-1] < pooled.max() else edges
    before, after = _counts(np.searchsorted(edges, pooled), len(edges), shuffles)
    gaps = np.abs(_shares(np.cumsum(after, axis=0), shuffles, 1) - _shares(np.cumsum(before, axis=0), shuffles, 0))
    distances = gaps.max(axis=0)
    return _told("ks", distances, distances, "largest difference of shares below a value", shuffles)


def label_shift(reference: np.ndarray, current: np.ndarray, shuffles: Shuffles) -> Shift:
    """Chi-square of labels by sample.

    reference, current: labels, shapes (rows,), of one kind. The effect is the share of rows that would have to change
    their label (total variation), 0 to 1.

    >>> from graft.evidence.shuffles import shuffles
    >>> draws = shuffles(100, 50, rng=np.random.default_rng(0))
    >>> seen = label_shift(np.repeat(["a", "b"], 50), np.repeat(["a", "b"], [10, 40]), draws)
    >>> round(seen.statistic, 2), seen.p_value <= 0.01
    (12.5, True)
    """
    places, names = _labels(reference, current, shuffles)
    before, after = _counts(places, names, shuffles)
    total = (before + after)[:, :1]
    rows = len(shuffles.kept)
    statistic = np.zeros(before.shape[1])
    for seen, count in zip((before, after), shuffles.counts, strict=True):
        expected = total * (count / rows)
        statistic += (np.square(seen - expected) / expected).sum(axis=0)
    distances = np.abs(_shares(after, shuffles, 1) - _shares(before, shuffles, 0)).sum(axis=0) / 2
    return _told("chi2", statistic, distances, "share of rows with another label", shuffles)


def average_shift(
    reference: np.ndarray, current: np.ndarray, shuffles: Shuffles, *, unit: str = "difference of the means"
) -> Shift:
    """How far apart two means are: for shares and rates of rows, where the mean itself is what anybody asks for.

    reference, current: numbers, shapes (rows,); rows that are nan are not asked. shuffles: draws for so many rows. The
    effect is the difference without its sign, in the unit of the numbers. Draws that ask other numbers of rows are
    compared by what means of so many rows vary. Where no row of a sample is asked nothing is found. Raises InputError
    for what is infinite.

    >>> from graft.evidence.shuffles import shuffles
    >>> draws = shuffles(40, 30, rng=np.random.default_rng(0))
    >>> seen = average_shift(np.arange(40.0), np.arange(30.0) + 15, draws)
    >>> round(seen.statistic, 3), seen.p_value <= 0.05
    (10.0, True)

    Pitman (1937), Significance tests which may be applied to samples from any populations.
    """
    _fit(reference, current, shuffles)
    pooled = np.concatenate([np.asarray(reference, np.float64), np.asarray(current, np.float64)])[shuffles.kept]
    there, infinite = ~np.isnan(pooled), int(np.isinf(pooled).sum())
    if infinite:
        raise InputError(f"{infinite} of {len(pooled)} numbers are infinite", needed="finite numbers, or nan")
    if not (there & shuffles.current).any() or not (there & ~shuffles.current).any():
        nothing = np.zeros(shuffles.draws + 1)
        return _told("means", nothing, nothing, unit, shuffles, most=np.inf)
    # From the middle, so that numbers with a common large part lose no digits.
    pooled = np.where(there, pooled - pooled[there].mean(), 0.0)
    drawn = shuffles.drawn.astype(np.float64)
    after, now = (
        np.bincount(shuffles.cell, weights=held, minlength=shuffles.cells) @ drawn for held in (pooled, there * 1.0)
    )
    before = there.sum() - now
    both = (now > 0) & (before > 0)
    now, before = np.where(both, now, 1.0), np.where(both, before, 1.0)
    gaps = np.where(both, np.abs(after / now - (pooled.sum() - after) / before), 0.0)
    distances = gaps * np.sqrt((1 / now[0] + 1 / before[0]) / (1 / now + 1 / before))
    return _told("means", distances, distances, unit, shuffles, most=np.inf)


def stability_index(
    reference: np.ndarray, current: np.ndarray, shuffles: Shuffles, *, bins: int = BINS
) -> StabilityIndex:
    """Sum over bins of (share now - share before) * log(share now / share before).

    reference, current: numbers, shapes (rows,). bins: of equal share of both samples together, so that the same bins
    serve every draw; half a row is added to each. Fewer where numbers repeat.
    """
    pooled = _numbers(reference, current, shuffles)
    if bins < 2:
        raise InputError(f"{bins} bins", needed="two or more", fix="use 10")
    edges = np.unique(np.quantile(pooled, np.arange(1, bins) / bins, method="lower"))
    places = np.unique(np.searchsorted(edges, pooled), return_inverse=True)[1]
    count = int(places.max()) + 1
    before, after = (
        (seen + 0.5) / (rows + 0.5 * count)
        for seen, rows in zip(_counts(places, count, shuffles), shuffles.counts, strict=True)
    )
    values = ((after - before) * np.log(after / before)).sum(axis=0)
    return StabilityIndex(float(values[0]), float(np.quantile(values[1:], 0.95)), count)


def _counts(places: np.ndarray, values: int, draws: Shuffles) -> tuple[np.ndarray, np.ndarray]:
    """How often each value is in the reference and in the current sample, each of shape (values, 1 + draws)."""
    ones = np.ones(len(places), np.float32)
    table = sparse.csr_array((ones, (places, draws.cell)), shape=(values, draws.cells))
    after = product(table, draws.weights).astype(np.float64)
    return np.asarray(table.sum(axis=1), dtype=np.float64)[:, None] - after, after


def _shares(counts: np.ndarray, draws: Shuffles, side: int) -> np.ndarray:
    return np.asarray(counts / draws.counts[side])


def _told(
    test: str, values: np.ndarray, distances: np.ndarray, unit: str, draws: Shuffles, *, most: float = 1.0
) -> Shift:
    """values: of the statistic. distances: of the effect; each of shape (1 + draws,). most: that a distance can be."""
    seen, noise = float(distances[0]), float(np.quantile(distances[1:], 0.95))
    effect = float(np.sqrt(max(0.0, seen**2 - float(np.square(distances[1:]).mean()))))
    ends = (max(0.0, seen - noise), min(most, seen + noise)) if draws.least_p <= 0.05 else (None, None)
    rows = int(draws.counts[0][0]), int(draws.counts[1][0])
    return Shift(
        test, float(values[0]), p_value(values), Interval(effect, *ends), unit, rows, draws.least_p, values, draws.notes
    )


def _numbers(reference: np.ndarray, current: np.ndarray, draws: Shuffles) -> np.ndarray:
    _fit(reference, current, draws)
    pooled = np.concatenate([np.asarray(reference, np.float64), np.asarray(current, np.float64)])[draws.kept]
    wrong = int((~np.isfinite(pooled)).sum())
    if wrong:
        raise InputError(
            f"{wrong} of {len(pooled)} numbers are NaN or infinite",
            needed="finite numbers",
            fix="leave those rows out, and count them by themselves",
        )
    return np.asarray(pooled)


def _labels(reference: np.ndarray, current: np.ndarray, draws: Shuffles) -> tuple[np.ndarray, int]:
    """The label of each kept row as a number from 0, and how many there are."""
    _fit(reference, current, draws)
    code: dict[object, int] = {}
    given = [*np.asarray(reference).tolist(), *np.asarray(current).tolist()]
    missing = sum(one is None or one != one for one in given)
    if missing:
        raise InputError(
            f"{missing} of {len(given)} labels are missing", needed="a label for every row", fix="leave those rows out"
        )
    places = np.array([code.setdefault(given[row], len(code)) for row in draws.kept.tolist()])
    return places, len(code)


def _fit(reference: np.ndarray, current: np.ndarray, draws: Shuffles) -> None:
    if (np.shape(reference), np.shape(current)) != ((draws.rows[0],), (draws.rows[1],)):
        raise InputError(
            f"values of shapes {np.shape(reference)} and {np.shape(current)} for draws of {draws.rows} rows",
            needed="one value per row, and draws made for these samples",
        )
