"""Two candidates on the same folds: worse, practically tied or better.

Decisions: the correlated Bayesian t-test, because it answers the question that is asked (how probable is a
difference that matters?) and can say "tied", which no significance test can. Folds share training rows, so
their correlation is taken as the share of rows tested in a fold (Nadeau & Bengio). Two edges are explicit: one
fold has no variance, so nothing is known (0.5, 0, 0.5, with an interval without ends); equal differences in all
folds leave nothing to doubt, so the posterior is a point.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from graft.core.errors import InputError
from graft.evidence.intervals import corrected_scale


@dataclass(frozen=True)
class Comparison:
    """The posterior of candidate minus control, higher is better.

    mean, low, high: the difference and its credible interval, in the unit of the score.
    worse, tied, better: posterior probabilities of a difference below -margin, within, and above margin.
    scale: scale of the posterior Student-t, in the unit of the score; 0 for equal folds, inf for one fold.
    folds: how many folds (all repetitions); the t has folds - 1 degrees of freedom.
    """

    mean: float
    low: float
    high: float
    worse: float
    tied: float
    better: float
    scale: float
    folds: int

    def beyond(self, bound: float) -> float:
        """Posterior probability of a difference above ``bound``, in the unit of the score."""
        return float(special.stdtr(max(1, self.folds - 1), self.distance(bound)))

    def distance(self, bound: float) -> float:
        """How many scales the mean lies above ``bound``: the t statistic of "more than bound"."""
        gap = self.mean - bound
        if self.scale == 0.0:
            return float("inf") if gap > 0 else float("-inf")
        return gap / self.scale


def compare_folds(
    candidate: np.ndarray, control: np.ndarray, *, margin: float, test_fraction: float, level: float = 0.95
) -> Comparison:
    """The correlated Bayesian t-test of two candidates scored on the same folds.

    candidate, control: score of each fold, higher is better, shape (folds,), the same folds in the same order.
    margin: the smallest difference that matters, 0 or more, in the unit of the score.
    test_fraction: share of the rows tested in one fold, 1/K for K folds however often repeated.
    Raises InputError when the folds do not pair up.

    >>> result = compare_folds(np.array([0.82, 0.85, 0.83, 0.86, 0.84]), np.array([0.80, 0.81, 0.79, 0.83, 0.80]),
    ...                        margin=0.01, test_fraction=0.2)
    >>> round(result.mean, 3), round(result.worse, 3), round(result.tied, 3), round(result.better, 3)
    (0.034, 0.001, 0.007, 0.992)

    Corani & Benavoli (2015); Benavoli, Corani, Demšar & Zaffalon (2017), Time for a Change, JMLR 18.
    """
    first, second = np.asarray(candidate, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise InputError(
            f"candidate folds of shape {first.shape} against control folds of shape {second.shape}",
            needed="one score per fold for both, on the same folds",
        )
    if not margin >= 0:
        raise InputError(f"a margin of {margin}", needed="0 or more: the smallest difference that matters")
    difference = first - second
    scale = corrected_scale(difference, test_fraction=test_fraction)
    mean, folds = float(difference.mean()), len(difference)
    if scale == 0.0:
        worse, better = float(mean < -margin), float(mean > margin)
        return Comparison(mean, mean, mean, worse, 1 - worse - better, better, scale, folds)
    if np.isinf(scale):
        return Comparison(mean, float("-inf"), float("inf"), 0.5, 0.0, 0.5, scale, folds)
    worse = float(special.stdtr(folds - 1, (-margin - mean) / scale))
    better = float(special.stdtr(folds - 1, (mean - margin) / scale))
    reach = float(special.stdtrit(folds - 1, (1 + level) / 2)) * scale
    return Comparison(mean, mean - reach, mean + reach, worse, max(0.0, 1 - worse - better), better, scale, folds)
