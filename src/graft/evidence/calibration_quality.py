"""Are the probabilities worth their name?

Decisions: what is checked is the probability that is acted on: of class 1 for binary, of the decided class for
multiclass, of every label for multilabel (flattened, rows kept together when resampled). Bins hold equal numbers of
rows by default ("mass"), because equal widths leave most bins empty; "width" is there for comparison with papers.
The calibration error of a finite sample is too large even for a perfect model, and a bootstrap doubles that bias,
so its draws are shifted back onto the estimate. For regression the question is whether the intervals cover.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.evidence.intervals import Interval, bootstrap_metric, wilson
from graft.evidence.predictions import Scored
from graft.evidence.resampling import chunks, row_weights


@dataclass(frozen=True)
class Bin:
    """One bar of a reliability diagram.

    low, high: the probabilities it holds. confidence: their mean. accuracy: how often it was so, with its Wilson
    interval. rows: how many probabilities.
    """

    low: float
    high: float
    confidence: float
    accuracy: float
    rows: int
    interval: Interval


def _claims(scored: Scored) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(probability claimed, 1 where it was so, row it belongs to), each of shape (claims,)."""
    rows = np.arange(scored.rows)
    if scored.task == "binary":
        return scored.scores[:, 1], (scored.targets == 1).astype(np.float64), rows
    if scored.task == "multiclass":
        return scored.scores.max(axis=1), (scored.decided == scored.targets).astype(np.float64), rows
    if scored.task == "multilabel":
        return scored.scores.ravel(), scored.targets.ravel().astype(np.float64), np.repeat(rows, scored.classes)
    raise InputError("probabilities of a regression task", needed="classes or labels", fix="use coverage()")


def _edges(claimed: np.ndarray, bins: int, by: str) -> np.ndarray:
    """Inner edges of the bins, ascending and distinct."""
    if bins < 1 or by not in ("mass", "width"):
        raise InputError(f"{bins} bins by {by!r}", needed="one bin or more, by 'mass' or 'width'")
    shares = np.linspace(0, 1, bins + 1)[1:-1]
    return np.unique(np.quantile(claimed, shares)) if by == "mass" else shares


def reliability_bins(scored: Scored, *, bins: int = 15, by: str = "mass", level: float = 0.95) -> tuple[Bin, ...]:
    """The reliability diagram: what was claimed against what happened, empty bins left out.

    >>> scored = Scored("binary", np.array([0, 0, 0, 1, 1]), np.array([[0.75, 0.25]] * 4 + [[0.0, 1.0]]))
    >>> [(one.confidence, one.accuracy, one.rows) for one in reliability_bins(scored, bins=2, by="width")]
    [(0.25, 0.25, 4), (1.0, 1.0, 1)]
    """
    claimed, happened, _ = _claims(scored)
    edges = _edges(claimed, bins, by)
    place = np.searchsorted(edges, claimed, side="right")
    found = []
    for k in np.unique(place):
        inside = place == k
        hits, rows = float(happened[inside].sum()), int(inside.sum())
        low, high = (0.0, *edges)[k], (*edges, 1.0)[k]
        share = wilson(hits, rows, level=level)
        found.append(Bin(float(low), float(high), float(claimed[inside].mean()), share.mean, rows, share))
    return tuple(found)


def ece(
    scored: Scored,
    *,
    rng: np.random.Generator,
    bins: int = 15,
    by: str = "mass",
    draws: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Expected calibration error: mean distance of claimed and observed frequency over the bins, 0 to 1.

    by: "mass" for bins of equal numbers of rows, "width" for bins of equal width.

    >>> scored = Scored("binary", np.array([0, 0, 0, 1]), np.array([[0.75, 0.25]] * 4))
    >>> ece(scored, rng=np.random.default_rng(0)).mean
    0.0

    Naeini, Cooper & Hauskrecht (2015); Nixon et al. (2019) for bins of equal mass.
    """
    claimed, happened, rows = _claims(scored)
    place = np.searchsorted(_edges(claimed, bins, by), claimed, side="right")
    count = int(place.max()) + 1
    gaps = np.zeros((scored.rows, count))
    np.add.at(gaps, (rows, place), happened - claimed)  # additive over rows, so a draw is one matrix product
    per_row = len(claimed) / scored.rows

    def error(weights: np.ndarray) -> np.ndarray:
        return np.asarray(np.abs(weights @ gaps).sum(axis=1) / (weights.sum(axis=1) * per_row))

    estimate = float(error(np.ones((1, scored.rows)))[0])
    drawn = np.concatenate([error(row_weights(scored.rows, size, rng=rng)) for size in chunks(scored.rows, draws)])
    low, high = np.quantile(drawn - drawn.mean() + estimate, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, max(0.0, float(low)), float(high))


def brier(scored: Scored, *, rng: np.random.Generator, draws: int = 2000, level: float = 0.95) -> Interval:
    """Mean squared error of the probabilities with its bootstrap interval."""
    return bootstrap_metric(scored, "brier", rng=rng, draws=draws, level=level)


def log_loss(scored: Scored, *, rng: np.random.Generator, draws: int = 2000, level: float = 0.95) -> Interval:
    """Mean of -log of the probability of the truth, in nats, with its bootstrap interval."""
    return bootstrap_metric(scored, "log_loss", rng=rng, draws=draws, level=level)


def coverage(targets: np.ndarray, low: np.ndarray, high: np.ndarray, *, level: float = 0.95) -> Interval:
    """Share of the values inside their prediction interval, with its Wilson interval.

    targets, low, high: shape (rows,), in the unit of the target. level: of the Wilson interval.

    >>> coverage(np.array([1.0, 2.0, 9.0, 4.0]), np.zeros(4), np.full(4, 5.0)).mean
    0.75
    """
    if not targets.shape == low.shape == high.shape or targets.ndim != 1:
        raise InputError(f"{targets.shape} targets, {low.shape} and {high.shape} ends", needed="all of shape (rows,)")
    return wilson(float(((targets >= low) & (targets <= high)).sum()), len(targets), level=level)
