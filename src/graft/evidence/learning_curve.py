"""How the score grows with labels, and where two curves cross.

Decisions: an inverse power law, score(n) = a - b * n^-c, with b at least 0 (labels never hurt on average), a at most
the ceiling and c in [0.05, 2]: three parameters is what five sizes can carry. For a fixed c the best a and b are a
bounded linear regression, so c is scanned (for all bootstrap draws at once) and the point estimate polished with
scipy's least squares. Uncertainty comes from the repetitions, jointly over sizes, because one fold is one sample of
rows: a draw moves all sizes by one random combination of the folds' deviations, scaled so that at every size it has
the t distribution of so few folds (resampling three folds would give 0.82 of their standard error and no tails),
widened for training rows that folds share. Beyond 10 times the data nothing is extrapolated.

A crossing is claimed when it is shown at both ends: behind at the smallest size, and ahead at 10 times the largest,
each in at least ``level`` of the draws. Both must hold, so each may use the whole level. Draws are paired: fit both
curves with generators of the same seed, and a draw moves the same folds of both. Otherwise the statement says that
nothing is shown.

Simulated (tests/oracles/test_learning_curve_oracle.py; noise of a fold 0.02 or 0.04, shared by both candidates and
over sizes as test rows are, folds of five): of 1,440 studies of curves that never cross (equal, parallel, approaching,
diverging; three and five folds) two claimed a crossing, at most 1 of 30 in a cell. Where curves cross within the data
at 250, steeply, this share of 30 studies shows it:

| sizes | folds | noise 0.02 | noise 0.04 |
|---|---|---|---|
| 100, 200, 400 | 3 | 0.30 | 0.07 |
| 100, 200, 400 | 5 | 0.40 | 0.17 |
| 50 to 800 | 3 | 0.77 | 0.43 |

A crossing at 2.5 times the data is claimed in 3 to 10 % of studies. Of 128 true crossings that were claimed, 118
intervals held them (0.92): 10 misses in 720 studies, 4 of them beyond the data. The 90 % band of a fitted curve covers
0.87 (three folds) to 0.90 (ten).
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from graft.core.errors import InputError

EXPONENTS = np.geomspace(0.05, 2.0, 80)
TRUSTED = 10.0  # times the data: how far a crossing is looked for
NOT_SHOWN = "whether and where it overtakes is not shown by these labels"


@dataclass(frozen=True, eq=False)
class Curve:
    """score(n) = a - b * n^-c, higher is better.

    a: the score with endless labels. b, c: how fast it gets there. draws: bootstrap draws of (a, b, c), shape
    (draws, 3). labels: the sizes fitted, ascending. residual: root mean squared misfit, in the unit of the score.
    """

    a: float
    b: float
    c: float
    draws: np.ndarray
    labels: tuple[float, ...]
    residual: float

    def at(self, labels: np.ndarray) -> np.ndarray:
        """Fitted score at each number of labels, shape as given."""
        return np.asarray(self.a - self.b * np.asarray(labels, dtype=np.float64) ** -self.c)

    def band(self, labels: np.ndarray, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end of the fitted score at each number of labels, each of shape (labels,)."""
        low, high = np.quantile(self._drawn(labels), [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high

    def _drawn(self, labels: np.ndarray) -> np.ndarray:
        powers = np.asarray(labels, dtype=np.float64)[None, :] ** -self.draws[:, 2:3]
        return np.asarray(self.draws[:, 0:1] - self.draws[:, 1:2] * powers)


def fit_curve(
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    rng: np.random.Generator,
    ceiling: float = 1.0,
    draws: int = 1000,
    test_fraction: float | None = None,
) -> Curve:
    """Fit the inverse power law.

    labels: number of labels, shape (sizes,), three or more different ones. scores: higher is better, shape (sizes,)
    or (sizes, repetitions); repetition r is the same fold or sample at every size. ceiling: the best score there is
    (1 for shares and R², 0 for a negated loss). test_fraction: share of the rows tested in one fold when repetitions
    are folds that share training rows; None for independent repetitions. With one repetition the misfit is what the
    draws vary by.

    >>> labels = np.array([50, 100, 200, 400, 800])
    >>> curve = fit_curve(labels, 0.9 - 2.0 * labels**-0.5, rng=np.random.default_rng(0))
    >>> round(curve.a, 3), round(curve.b, 2), round(curve.c, 2)
    (0.9, 2.0, 0.5)

    Cortes et al. (1993); Figueroa et al. (2012), Predicting sample size required for classification performance;
    Nadeau & Bengio (2003), for folds that share rows.
    """
    sizes = np.asarray(labels, dtype=np.float64)
    table = np.asarray(scores, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if sizes.ndim != 1 or table.ndim != 2 or len(sizes) != len(table) or len(np.unique(sizes)) < 3:
        raise InputError(
            f"{np.unique(sizes).size} different sizes and scores of shape {np.shape(scores)}",
            needed="three or more numbers of labels, with scores of shape (sizes,) or (sizes, repetitions)",
        )
    if sizes.min() <= 0 or not np.all(np.isfinite(table)):
        raise InputError("sizes or scores that cannot be fitted", needed="positive sizes and finite scores")
    order = np.argsort(sizes)
    sizes, table = sizes[order], table[order]
    mean = table.mean(axis=1)
    start = _scan(sizes, mean[None, :], ceiling)[0]
    a, b, c = _polish(sizes, mean, ceiling, start)
    fitted = a - b * sizes**-c
    drawn = mean + _noise(table, mean - fitted, rng=rng, draws=draws, test_fraction=test_fraction)
    residual = float(np.sqrt(np.mean((mean - fitted) ** 2)))
    return Curve(a, b, c, _scan(sizes, drawn, ceiling, c), tuple(float(size) for size in sizes), residual)


def _noise(
    table: np.ndarray, misfit: np.ndarray, *, rng: np.random.Generator, draws: int, test_fraction: float | None
) -> np.ndarray:
    """How the means over repetitions may be off, shape (draws, sizes): t-distributed at every size.

    table: shape (sizes, repetitions). misfit: mean less fitted score, shape (sizes,), used with one repetition.
    """
    sizes, repeats = table.shape
    if test_fraction is not None and not 0 < test_fraction < 1:
        raise InputError(f"a test fraction of {test_fraction}", needed="a share between 0 and 1, 1/K for K folds")
    if repeats > 1:
        shared = 0.0 if test_fraction is None else test_fraction / (1 - test_fraction)
        freedom, factor = repeats - 1, np.sqrt((1 / repeats + shared) / (repeats - 1))
        moved = rng.standard_normal((draws, repeats)) @ (table - table.mean(axis=1, keepdims=True)).T * factor
    else:
        freedom = max(1, sizes - 3)
        moved = rng.standard_normal((draws, sizes)) * np.sqrt((misfit**2).sum() / freedom)
    return np.asarray(moved * np.sqrt(freedom / rng.chisquare(freedom, size=(draws, 1))))


def _scan(sizes: np.ndarray, scores: np.ndarray, ceiling: float, *also: float) -> np.ndarray:
    """Best (a, b, c) over the grid of exponents (and ``also``) per row of scores (draws, sizes), shape (draws, 3)."""
    best = np.full((len(scores), 4), np.inf)
    for c in (*also, *EXPONENTS):
        x = sizes**-c
        centred = x - x.mean()
        b = np.maximum(0.0, -(scores - scores.mean(axis=1, keepdims=True)) @ centred / (centred @ centred))
        a = scores.mean(axis=1) + b * x.mean()
        capped = a > ceiling
        b = np.where(capped, np.maximum(0.0, (ceiling - scores) @ x / (x @ x)), b)
        a = np.minimum(a, ceiling)
        error = ((scores - (a[:, None] - b[:, None] * x)) ** 2).sum(axis=1)
        better = error < best[:, 3]
        best[better] = np.column_stack([a, b, np.full(len(a), c), error])[better]
    return best[:, :3]


def _polish(sizes: np.ndarray, mean: np.ndarray, ceiling: float, start: np.ndarray) -> tuple[float, float, float]:
    """Least squares from the best point of the grid, within the bounds."""
    low, high = np.array([-np.inf, 0.0, EXPONENTS[0]]), np.array([ceiling, np.inf, EXPONENTS[-1]])
    inside = np.clip(start, low + np.array([0, 1e-12, 1e-9]), high - np.array([1e-12, 0, 1e-9]))

    def misfit(p: np.ndarray) -> np.ndarray:
        return np.asarray(p[0] - p[1] * sizes ** -p[2] - mean)

    found = optimize.least_squares(misfit, inside, bounds=(low, high), x_scale="jac", xtol=1e-12, ftol=1e-12)
    a, b, c = (float(value) for value in found.x)
    return a, b, c


@dataclass(frozen=True)
class Crossing:
    """Where one curve overtakes another.

    labels: how many labels; None when no crossing is shown. low, high: its interval; an end is None when it lies
    outside of what was measured or is trusted. statement: plain English.
    """

    labels: float | None
    low: float | None
    high: float | None
    statement: str


def crossing(behind: Curve, ahead: Curve, *, level: float = 0.95) -> Crossing:
    """At how many labels ``behind`` (say, fine-tuning) overtakes ``ahead`` (say, a frozen backbone).

    Looked for from the smallest size both curves saw up to 10 times the largest. Fit both curves with generators of
    the same seed, so that their draws are paired.

    >>> labels, noise = np.array([50, 100, 200, 400, 800]), np.random.default_rng(1).normal(0, 0.005, (2, 5, 5))
    >>> frozen, tuned = 0.80 - 1.0 * labels**-0.6, 0.90 - 3.0 * labels**-0.5
    >>> tables = tuned[:, None] + noise[0], frozen[:, None] + noise[1]
    >>> curves = [fit_curve(labels, one, rng=np.random.default_rng(0)) for one in tables]
    >>> crossing(*curves).statement
    'overtakes at about 610 labels (from 530 to 750)'
    >>> crossing(fit_curve(labels, tables[0] - 0.2, rng=np.random.default_rng(0)), curves[1]).statement
    'does not overtake within 10 times the 800 labels at hand'
    """
    if not 0 < level < 1:
        raise InputError(f"a level of {level}", needed="a share between 0 and 1", fix="use 0.95")
    first, last = max(behind.labels[0], ahead.labels[0]), min(behind.labels[-1], ahead.labels[-1])
    grid = np.geomspace(first, last * TRUSTED, 600)
    count = min(len(behind.draws), len(ahead.draws))
    gaps = behind._drawn(grid)[:count] - ahead._drawn(grid)[:count]
    below, above = (gaps < 0).mean(axis=0) >= level, (gaps > 0).mean(axis=0) >= level
    varied = gaps[:, [0, -1]].std(axis=0) > 1e-9  # equal folds are no proof
    measured = grid <= last
    if not varied.all():
        return Crossing(None, None, None, NOT_SHOWN)
    if above[measured].all():
        return Crossing(first, None, None, f"is ahead from the smallest size measured, {first:.0f} labels")
    if below[0] and above[-1]:
        return _shown(behind.at(grid) - ahead.at(grid), gaps, grid, level)
    if below[measured].all() and below[-1]:
        return Crossing(None, None, None, f"does not overtake within {TRUSTED:.0f} times the {last:.0f} labels at hand")
    return Crossing(None, None, None, NOT_SHOWN)


def _shown(fitted: np.ndarray, gaps: np.ndarray, grid: np.ndarray, level: float) -> Crossing:
    """The crossing of the fitted gap (grid,) with the interval of the drawn ones (draws, grid)."""
    drawn = _last_crossing(gaps, grid)
    low, high = (float(end) for end in np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf"))
    labels = float(_last_crossing(fitted[None, :], grid)[0])
    labels = labels if grid[0] < labels < np.inf else float(np.median(drawn))
    start = min(low, labels) if low > grid[0] else None
    end = max(high, labels) if high < np.inf else None
    return Crossing(labels, start, end, f"overtakes at about {_rounded(labels)} labels{_range(labels, start, end)}")


def _last_crossing(gaps: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Where each row of gaps (draws, grid) becomes and stays positive; inf where it ends negative."""
    behind = gaps <= 0
    last = gaps.shape[1] - 1 - behind[:, ::-1].argmax(axis=1)
    found = np.where(behind.any(axis=1), grid[np.minimum(last + 1, len(grid) - 1)], grid[0])
    return np.where(behind[:, -1], np.inf, found)


def _range(labels: float, low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f" (from {_rounded(low or 0)}, perhaps not within reach)"
    if low is None:
        return f" (up to {_rounded(high)})"
    if _rounded(low) == _rounded(labels) == _rounded(high):
        return ""
    return f" (from {_rounded(low)} to {_rounded(high)})"


def _rounded(labels: float) -> int:
    """Two significant digits: more would be a promise."""
    return int(float(f"{labels:.2g}"))
