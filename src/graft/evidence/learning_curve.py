"""How the score grows with labels, and where two curves cross.

Decisions: an inverse power law, score(n) = a - b * n^-c, with b at least 0 (labels never hurt on average), a at
most the ceiling and c in [0.05, 2]: three parameters is what five sizes can carry. For a fixed c the best a and b
are a bounded linear regression, so c is scanned (for all bootstrap draws at once) and the point estimate polished
with scipy's least squares. Uncertainty comes from resampling the repetitions, jointly over sizes, because one fold
is one sample of rows. Beyond 10 times the data nothing is extrapolated: the statement says so.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from graft.core.errors import InputError

EXPONENTS = np.geomspace(0.05, 2.0, 80)
TRUSTED, LOOKED = 10.0, 20.0  # times the data: how far a crossing is reported, how far it is looked for


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
    labels: np.ndarray, scores: np.ndarray, *, rng: np.random.Generator, ceiling: float = 1.0, draws: int = 400
) -> Curve:
    """Fit the inverse power law.

    labels: number of labels, shape (sizes,), three or more different ones. scores: higher is better, shape (sizes,)
    or (sizes, repetitions); repetition r is the same fold or sample at every size. ceiling: the best score there is
    (1 for shares and R², 0 for a negated loss). With one repetition the residuals are resampled instead.

    >>> labels = np.array([50, 100, 200, 400, 800])
    >>> curve = fit_curve(labels, 0.9 - 2.0 * labels**-0.5, rng=np.random.default_rng(0))
    >>> round(curve.a, 3), round(curve.b, 2), round(curve.c, 2)
    (0.9, 2.0, 0.5)

    Cortes et al. (1993); Figueroa et al. (2012), Predicting sample size required for classification performance.
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
    repeats = table.shape[1]
    if repeats > 1:
        drawn = table[:, rng.integers(repeats, size=(draws, repeats))].mean(axis=2).T
    else:
        residuals = (mean - fitted) * np.sqrt(len(sizes) / max(1, len(sizes) - 3))
        drawn = fitted + residuals[rng.integers(len(sizes), size=(draws, len(sizes)))]
    residual = float(np.sqrt(np.mean((mean - fitted) ** 2)))
    return Curve(a, b, c, _scan(sizes, drawn, ceiling, c), tuple(float(size) for size in sizes), residual)


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

    labels: how many labels; None when it does not happen within reach. low, high: the interval; high is None when
    too many draws do not cross within reach. statement: plain English.
    """

    labels: float | None
    low: float | None
    high: float | None
    statement: str


def crossing(behind: Curve, ahead: Curve, *, level: float = 0.95) -> Crossing:
    """At how many labels ``behind`` (say, fine-tuning) overtakes ``ahead`` (say, a frozen backbone).

    Looked for from the smallest size both curves saw up to 20 times the largest; reported up to 10 times.

    >>> labels, rng = np.array([50, 100, 200, 400, 800]), np.random.default_rng(0)
    >>> frozen = fit_curve(labels, 0.80 - 1.0 * labels**-0.6, rng=rng)
    >>> tuned = fit_curve(labels, 0.90 - 3.0 * labels**-0.5, rng=rng)
    >>> crossing(tuned, frozen).statement
    'overtakes at about 620 labels'
    """
    first, last = max(behind.labels[0], ahead.labels[0]), min(behind.labels[-1], ahead.labels[-1])
    grid = np.geomspace(first, last * LOOKED, 600)
    labels = float(_last_crossing((behind.at(grid) - ahead.at(grid))[None, :], grid)[0])
    if np.isinf(labels):
        return Crossing(None, None, None, f"does not overtake within {LOOKED:.0f} times the {last:.0f} labels at hand")
    if labels > last * TRUSTED:
        return Crossing(
            None, None, None, f"would overtake only beyond {TRUSTED:.0f} times the {last:.0f} labels: not extrapolated"
        )
    if labels <= first:
        return Crossing(first, None, None, f"is ahead from the smallest size measured, {first:.0f} labels")
    count = min(len(behind.draws), len(ahead.draws))
    gaps = behind._drawn(grid)[:count] - ahead._drawn(grid)[:count]
    drawn = _last_crossing(gaps, grid)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    reach = last * TRUSTED
    start, end = float(min(low, labels)), float(max(high, labels)) if high <= reach else None
    return Crossing(labels, start, end, f"overtakes at about {_rounded(labels)} labels{_range(labels, start, end)}")


def _last_crossing(gaps: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Where each row of gaps (draws, grid) becomes and stays positive; inf where it ends negative."""
    behind = gaps <= 0
    last = gaps.shape[1] - 1 - behind[:, ::-1].argmax(axis=1)
    found = np.where(behind.any(axis=1), grid[np.minimum(last + 1, len(grid) - 1)], grid[0])
    return np.where(behind[:, -1], np.inf, found)


def _range(labels: float, low: float, high: float | None) -> str:
    if high is None:
        return f" (from {_rounded(low)}, perhaps not within reach)"
    if _rounded(low) == _rounded(labels) == _rounded(high):
        return ""
    return f" (from {_rounded(low)} to {_rounded(high)})"


def _rounded(labels: float) -> int:
    """Two significant digits: more would be a promise."""
    return int(float(f"{labels:.2g}"))
