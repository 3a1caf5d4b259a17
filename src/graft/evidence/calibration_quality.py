"""Are the probabilities worth their name?

Decisions: the calibration error and what a perfect model would show stand in ``calibration_error``. Losses and coverage
are means of rows, so their intervals are those of ``core/means.py``: whole groups vary together, and one row more is
allowed for in which the model's runner-up was right where it is surest, because a model that was never surprised in 50
rows has not shown that it never will be. For regression the question is whether the intervals cover.

Coverage of the 95 % intervals (400 studies a cell, two classes, probabilities uniform to nearly always above .9, right
and twice too sure): log-loss and Brier .97 to 1.00 at 50 and 100 rows, .96 to .99 at 400; 1.05 to 1.4 times as wide as
an oracle's, for log-loss up to 2.0 times while a model that is sure was hardly ever wrong.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.core.intervals import Interval, wilson
from graft.core.means import mean_interval
from graft.evidence.calibration_error import claims
from graft.evidence.predictions import Scored
from graft.evidence.weighted import row_brier, row_log_loss


@dataclass(frozen=True)
class Bin:
    """One bar of a reliability diagram.

    low, high: the probabilities it holds. confidence: their mean. accuracy: how often it was so. rows: how many
    probabilities.
    """

    low: float
    high: float
    confidence: float
    accuracy: Interval
    rows: int


def reliability_bins(
    scored: Scored, *, bins: int = 15, by: str = "mass", level: float = 0.95, groups: np.ndarray | None = None
) -> tuple[Bin, ...]:
    """The reliability diagram: what was claimed against what happened, empty bins left out.

    groups: of each row, shape (rows,); the intervals of the bins are Wilson's without them.

    >>> scored = Scored("binary", np.array([0, 0, 0, 1, 1]), np.array([[0.75, 0.25]] * 4 + [[0.0, 1.0]]))
    >>> [(one.confidence, one.accuracy.mean, one.rows) for one in reliability_bins(scored, bins=2, by="width")]
    [(0.25, 0.25, 4), (1.0, 1.0, 1)]
    """
    said = claims(scored, bins=bins, by=by)
    found = []
    for k in np.unique(said.bins):
        inside = said.bins == k
        low, high = (0.0, *said.edges)[k], (*said.edges, 1.0)[k]
        share = _share(said.happened[inside], None if groups is None else groups[said.rows[inside]], level)
        confidence = float(said.claimed[inside].mean())
        found.append(Bin(float(low), float(high), confidence, share, int(inside.sum())))
    return tuple(found)


def brier(
    scored: Scored,
    *,
    level: float = 0.95,
    groups: np.ndarray | None = None,
) -> Interval:
    """Mean squared error of the probabilities; groups: of each row, shape (rows,).

    >>> scored = Scored("binary", np.array([0, 1] * 50), np.tile([[0.9, 0.1], [0.2, 0.8]], (50, 1)))
    >>> error = brier(scored)
    >>> round(error.mean, 3), round(error.low, 3), round(error.high, 3)
    (0.025, 0.022, 0.048)
    """
    worst = float(row_brier(_surprised(scored)).max())
    return mean_interval(row_brier(scored), possible=(0.0, worst), groups=groups, level=level)


def log_loss(
    scored: Scored,
    *,
    level: float = 0.95,
    groups: np.ndarray | None = None,
) -> Interval:
    """Mean of -log of the probability of the truth, nats; groups: of each row, shape (rows,).

    >>> scored = Scored("binary", np.array([0, 1] * 50), np.tile([[0.9, 0.1], [0.2, 0.8]], (50, 1)))
    >>> round(log_loss(scored).mean, 3)
    0.164
    """
    worst = float(row_log_loss(_surprised(scored)).max())
    return mean_interval(row_log_loss(scored), possible=(0.0, worst), groups=groups, level=level)


def _surprised(scored: Scored) -> Scored:
    """The same scores, had the second most probable class been true in every row (for labels: the least sure one)."""
    row = np.arange(scored.rows)
    if scored.task == "multilabel":
        targets = scored.decided.copy()
        targets[row, np.abs(scored.scores - 0.5).argmin(axis=1)] ^= 1
        return Scored(scored.task, targets, scored.scores)
    if scored.task == "regression":
        raise InputError("probabilities of a regression task", needed="classes or labels", fix="use coverage()")
    return Scored(scored.task, np.argsort(scored.scores, axis=1)[:, -2], scored.scores)


def coverage(
    targets: np.ndarray, low: np.ndarray, high: np.ndarray, *, level: float = 0.95, groups: np.ndarray | None = None
) -> Interval:
    """Share of the values inside their prediction interval.

    targets, low, high: shape (rows,), in the unit of the target. level: of the interval of the share, which is
    Wilson's, or one for groups of rows, shape (rows,), that vary together.

    >>> coverage(np.array([1.0, 2.0, 9.0, 4.0]), np.zeros(4), np.full(4, 5.0)).mean
    0.75
    """
    if not targets.shape == low.shape == high.shape or targets.ndim != 1:
        raise InputError(f"{targets.shape} targets, {low.shape} and {high.shape} ends", needed="all of shape (rows,)")
    return _share((targets >= low) & (targets <= high), groups, level)


def _share(hits: np.ndarray, groups: np.ndarray | None, level: float) -> Interval:
    """A share of rows with its interval."""
    if groups is None:
        return wilson(float(hits.sum()), len(hits), level=level)
    return mean_interval(hits, possible=(0.0, 1.0), groups=groups, level=level)
