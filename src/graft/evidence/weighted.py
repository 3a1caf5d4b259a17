"""Every metric once, for many weightings of the rows at a time.

Decisions: a bootstrap draw is a count per row, so each metric is written for a matrix of row weights, shape
(draws, rows), and the plain value is the draw with weight one everywhere: one implementation, no drift between
the number and its interval. Sums over rows are matrix products (sparse where the classes are one-hot); rank
metrics sort the rows once and accumulate weights in that order. A draw in which a metric is undefined is nan.
"""

import numpy as np
from scipy import sparse

from graft.evidence.predictions import Scored

EPS = float(np.finfo(np.float64).eps)


def ratio(top: np.ndarray, bottom: np.ndarray, empty: float) -> np.ndarray:
    """top / bottom, and ``empty`` where the bottom is zero."""
    shape = np.broadcast(top, bottom).shape
    return np.asarray(np.divide(top, bottom, out=np.full(shape, empty), where=bottom != 0))


def _by_class(weights: np.ndarray, indices: np.ndarray, classes: int, keep: np.ndarray | None = None) -> np.ndarray:
    """Weight of the rows of each class (of those in the mask ``keep``), shape (draws, classes)."""
    rows = np.arange(len(indices)) if keep is None else np.flatnonzero(keep)
    table = sparse.csr_array((np.ones(len(rows)), (indices[rows], rows)), shape=(classes, len(indices)))
    return np.asarray((table @ weights.T).T)


def row_mean(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weighted mean of a value per row, shape (draws,)."""
    return ratio(weights @ values, weights.sum(axis=1), np.nan)


def right(scored: Scored) -> np.ndarray:
    """1 where the decision is right (every label of a multi-label row), shape (rows,)."""
    hit = scored.decided == scored.targets
    return np.asarray(hit.all(axis=1) if hit.ndim == 2 else hit, dtype=np.float64)


def row_log_loss(scored: Scored) -> np.ndarray:
    """-log of the probability given to the truth, in nats, shape (rows,); the mean over labels for multilabel."""
    scores = np.clip(scored.scores, EPS, 1 - EPS)
    if scored.task == "multilabel":
        return np.asarray(-np.where(scored.targets == 1, np.log(scores), np.log1p(-scores)).mean(axis=1))
    return np.asarray(-np.log(scores[np.arange(scored.rows), scored.targets]))


def row_brier(scored: Scored) -> np.ndarray:
    """Squared error of the probabilities, shape (rows,): of class 1 for binary, summed over classes for
    multiclass, the mean over labels for multilabel.
    """
    if scored.task == "binary":
        return np.asarray((scored.scores[:, 1] - scored.targets) ** 2)
    if scored.task == "multilabel":
        return np.asarray(((scored.scores - scored.targets) ** 2).mean(axis=1))
    return np.asarray(((scored.scores - np.eye(scored.classes)[scored.targets]) ** 2).sum(axis=1))


def balanced_accuracy(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Mean over the classes that occur of the share found."""
    hit = _by_class(weights, scored.targets, scored.classes, scored.decided == scored.targets)
    rows = _by_class(weights, scored.targets, scored.classes)
    return balanced_accuracy_of(hit, rows)


def balanced_accuracy_of(hit: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The same from weights decided rightly and truly there, each of shape (draws, classes)."""
    return ratio(ratio(hit, true, 0.0).sum(axis=1), (true > 0).sum(axis=1), np.nan)


def class_counts(scored: Scored, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight decided rightly, truly there, and decided, per class or label; each of shape (draws, classes)."""
    decided, targets = scored.decided, scored.targets
    if scored.task == "multilabel":
        return weights @ (decided * targets), weights @ targets, weights @ decided
    return (
        _by_class(weights, targets, scored.classes, decided == targets),
        _by_class(weights, targets, scored.classes),
        _by_class(weights, np.maximum(decided, 0), scored.classes, decided >= 0),
    )


def macro_f1(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Mean F1 over the classes that occur in targets or decisions (over all labels)."""
    return macro_f1_of(*class_counts(scored, weights), labels=scored.task == "multilabel")


def macro_f1_of(hit: np.ndarray, true: np.ndarray, said: np.ndarray, *, labels: bool) -> np.ndarray:
    """The same from counts, each of shape (draws, classes); ``labels``: all count, also one that never occurs."""
    f1 = ratio(2 * hit, true + said, 0.0)
    if labels:
        return np.asarray(f1.mean(axis=1))
    return ratio(f1.sum(axis=1), ((true + said) > 0).sum(axis=1), np.nan)


def micro_f1(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """F1 of all decisions together."""
    return micro_f1_of(*class_counts(scored, weights))


def micro_f1_of(hit: np.ndarray, true: np.ndarray, said: np.ndarray) -> np.ndarray:
    """The same from counts, each of shape (draws, classes)."""
    return ratio(2 * hit.sum(axis=1), true.sum(axis=1) + said.sum(axis=1), 0.0)


def _one_against_rest(scored: Scored) -> list[tuple[np.ndarray, np.ndarray]]:
    """(is it the class, probability of the class) for each class or label that has both kinds of rows."""
    if scored.task == "binary":
        return [(scored.targets == 1, scored.scores[:, 1])]
    if scored.task == "multilabel":
        pairs = [(scored.targets[:, k] == 1, scored.scores[:, k]) for k in range(scored.classes)]
    else:
        pairs = [(scored.targets == k, scored.scores[:, k]) for k in range(scored.classes)]
    return [(is_class, score) for is_class, score in pairs if is_class.any() and not is_class.all()]


def _ties(weights: np.ndarray, keys: np.ndarray, is_class: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight of the class and of the rest at and between the distinct keys of the class, highest first.

    Each of shape (draws, 2 * distinct + 1): what lies between two keys of the class needs no order of its own.
    """
    distinct = np.unique(keys[is_class])
    place = 2 * len(distinct) - np.searchsorted(distinct, keys, "left") - np.searchsorted(distinct, keys, "right")
    bins = 2 * len(distinct) + 1
    return _by_class(weights, place, bins, is_class), _by_class(weights, place, bins, ~is_class)


def _mean_over_classes(values: list[np.ndarray], draws: int) -> np.ndarray:
    """The mean over the classes that are defined in a draw, nan where none is."""
    if not values:
        return np.full(draws, np.nan)
    table = np.stack(values)
    known = ~np.isnan(table)
    return ratio(np.where(known, table, 0.0).sum(axis=0), known.sum(axis=0), np.nan)


def roc_auc(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve, mean over the classes that are defined in a draw."""
    values = []
    for is_class, score in _one_against_rest(scored):
        inside, rest = _ties(weights, score, is_class)
        below = rest.sum(axis=1, keepdims=True) - rest.cumsum(axis=1)
        wins = (inside * (below + rest / 2)).sum(axis=1)
        values.append(ratio(wins, inside.sum(axis=1) * rest.sum(axis=1), np.nan))
    return _mean_over_classes(values, len(weights))


def average_precision(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Average precision, mean over the classes that are defined in a draw."""
    values = []
    for is_class, score in _one_against_rest(scored):
        inside, rest = _ties(weights, score, is_class)
        found = inside.cumsum(axis=1)
        precision = ratio(found, found + rest.cumsum(axis=1), 0.0)
        values.append(ratio((inside * precision).sum(axis=1), inside.sum(axis=1), np.nan))
    return _mean_over_classes(values, len(weights))


def r2(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Share of the variance explained; nan without spread."""
    shifted = scored.targets - scored.targets.mean()  # the same r2, without cancellation for far-off targets
    error = weights @ (scored.targets - scored.scores) ** 2
    return r2_of(weights.sum(axis=1), weights @ shifted, weights @ shifted**2, error, float((shifted**2).mean()))


def r2_of(
    total: np.ndarray, shifted: np.ndarray, squares: np.ndarray, error: np.ndarray, mean_square: float
) -> np.ndarray:
    """The same from weight, sums of shifted targets, of their squares and of squared errors, each of shape (draws,).

    mean_square: of the shifted targets of all rows, below whose rounding there is no spread.
    """
    spread = squares - shifted**2 / total
    varied = spread > EPS * total * mean_square
    return 1 - ratio(error, np.where(varied, spread, 0.0), np.nan)


def rmse(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Root of the mean squared error."""
    return np.asarray(np.sqrt(row_mean(weights, (scored.targets - scored.scores) ** 2)))


def row_absolute_error(scored: Scored) -> np.ndarray:
    """How far the value is off, shape (rows,)."""
    return np.asarray(np.abs(scored.targets - scored.scores))


def _ranks(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mid-rank of each row when rows are repeated by weight, shape (draws, rows)."""
    _, place = np.unique(values, return_inverse=True)
    tied = _by_class(weights, place, int(place.max()) + 1)
    return np.asarray((tied.cumsum(axis=1) - tied / 2)[:, place])


def spearman(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Rank correlation, mid-ranks for ties; nan without spread."""
    total = weights.sum(axis=1, keepdims=True)
    true, said = _ranks(weights, scored.targets) - total / 2, _ranks(weights, scored.scores) - total / 2
    both = (weights * true * said).sum(axis=1)
    spread = (weights * true**2).sum(axis=1) * (weights * said**2).sum(axis=1)
    return ratio(both, np.sqrt(spread), np.nan)
