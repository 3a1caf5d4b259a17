"""How promising a representation looks before anything is trained on it.

Decisions: two cheap cues, used to shortlist and never to decide (no such score wins everywhere). LogME is the log
evidence of a Bayesian linear model, per row, maximised over its two precisions; neighbour agreement is model-free and
means something only beside what shuffled labels would agree, which is counted from all pairs, not approximated.
Features are taken as they are: LogME depends on their scale only weakly, neighbours are compared by cosine.
"""

import numpy as np

from graft.core.errors import InputError
from graft.core.tasks import CLASSES, Task


def logme(features: np.ndarray, targets: np.ndarray, task: str, *, iterations: int = 100, tol: float = 1e-5) -> float:
    """Logarithm of the maximum evidence per row; higher promises better transfer.

    features: shape (rows, dimension). targets: class indices (rows,), 0/1 labels (rows, labels) or values (rows,).
    task: the name of a Task; classes are scored one against the rest and averaged.

    >>> rng = np.random.default_rng(0)
    >>> features = rng.standard_normal((200, 5))
    >>> told = logme(features, features @ rng.standard_normal(5), "regression")
    >>> told > logme(features, rng.standard_normal(200), "regression")
    True

    You, Liu, Wang & Long (2021), LogME, ICML; the fixed point is algorithm 3 of You et al. (2022), JMLR 23.
    """
    columns = _columns(features, targets, task)
    matrix = np.asarray(features, dtype=np.float64)
    left, singular, _ = np.linalg.svd(matrix, full_matrices=False)
    rank = int((singular > singular.max(initial=0.0) * max(matrix.shape) * np.finfo(np.float64).eps).sum())
    left, squared = left[:, :rank], singular[:rank] ** 2
    scores = [_evidence(left, squared, matrix.shape, column, iterations, tol) for column in columns.T]
    return float(np.mean(scores))


def _columns(features: np.ndarray, targets: np.ndarray, task: str) -> np.ndarray:
    """The targets as columns to regress on, shape (rows, columns)."""
    features, targets = np.asarray(features), np.asarray(targets)
    if features.ndim != 2 or len(features) != len(targets) or len(features) < 2:
        raise InputError(
            f"features of shape {features.shape} and {len(targets)} targets",
            needed="(rows, dimension), two rows or more",
        )
    if not np.all(np.isfinite(features)):
        raise InputError("features that are not finite", needed="finite numbers")
    if task == "regression":
        return targets.astype(np.float64)[:, None]
    if task == "multilabel":
        return targets.astype(np.float64)
    if task not in CLASSES:
        raise InputError(f"the task {task!r}", needed=f"one of {', '.join(Task)}")
    return np.asarray(targets[:, None] == np.unique(targets)[None, :], dtype=np.float64)


def _evidence(
    left: np.ndarray, squared: np.ndarray, shape: tuple[int, ...], target: np.ndarray, iterations: int, tol: float
) -> float:
    """Maximum log evidence per row of one column: weight precision alpha, noise precision beta."""
    rows, dimension = shape
    projected = (left.T @ target) ** 2
    outside = max(0.0, float(target @ target) - float(projected.sum()))
    floor = 1e-10 * max(float(target @ target), 1e-300)  # a perfect fit has no noise to estimate
    alpha, beta = 1.0, 1.0

    def fit(ratio: float) -> tuple[float, float]:
        """Squared length of the weights and of the residual at alpha / beta."""
        weights = float((squared * projected / (squared + ratio) ** 2).sum())
        residual = float((projected * (ratio / (squared + ratio)) ** 2).sum()) + outside
        return max(weights, 1e-300), max(residual, floor)

    for _ in range(iterations):
        ratio = alpha / beta
        weights, residual = fit(ratio)
        used = float((squared / (squared + ratio)).sum())
        alpha, beta = max(used, 1e-12) / weights, max(rows - used, 1e-12) / residual
        alpha = min(alpha, 1e12 * beta)
        if abs(alpha / beta - ratio) <= tol * ratio:
            break
    weights, residual = fit(alpha / beta)
    spectrum = float(np.log(alpha + beta * squared).sum()) + (dimension - len(squared)) * np.log(alpha)
    total = rows * np.log(beta) + dimension * np.log(alpha) - rows * np.log(2 * np.pi)
    return float(total - beta * residual - alpha * weights - spectrum) / (2 * rows)


def neighbour_agreement(features: np.ndarray, targets: np.ndarray, *, k: int = 5, block: int = 1024) -> float:
    """How often the k nearest rows (cosine) carry the same label; leave one out, 0 to 1.

    features: shape (rows, dimension). targets: class indices, shape (rows,); for labels 0/1, shape (rows, labels):
    then the mean Jaccard overlap of the label sets (two empty sets agree). k: at most rows - 1 are used.

    >>> features = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> neighbour_agreement(features, np.array([0, 0, 1, 1]), k=1)
    1.0
    """
    vectors = np.asarray(features, dtype=np.float64)
    targets = np.asarray(targets)
    if vectors.ndim != 2 or len(vectors) != len(targets) or len(vectors) < 2 or k < 1:
        raise InputError(
            f"features of shape {vectors.shape}, {len(targets)} targets, k={k}",
            needed="(rows, dimension), two rows or more, k from 1",
        )
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    near = min(k, len(unit) - 1)
    agreement = 0.0
    for start in range(0, len(unit), block):
        rows = np.arange(start, min(start + block, len(unit)))
        likeness = unit[rows] @ unit.T
        likeness[np.arange(len(rows)), rows] = -np.inf
        found = np.argpartition(-likeness, near - 1, axis=1)[:, :near]
        agreement += float(_same(targets[rows][:, None], targets[found]).mean(axis=1).sum())
    return agreement / len(unit)


def chance_agreement(targets: np.ndarray, *, block: int = 1024) -> float:
    """The neighbour agreement to expect when the labels have nothing to do with the features, 0 to 1.

    targets: class indices, shape (rows,), or labels 0/1, shape (rows, labels). It is the mean agreement of all pairs of
    different rows: of their classes, or the Jaccard overlap of their label sets (two empty sets agree). Labels take
    time quadratic in the number of different label sets.

    >>> round(chance_agreement(np.array([0, 0, 1, 1])), 3)
    0.333
    >>> round(chance_agreement(np.array([[1, 0], [1, 1], [0, 0]])), 3)
    0.167
    """
    targets = np.asarray(targets)
    rows = len(targets)
    if rows < 2 or targets.ndim > 2:
        raise InputError(f"targets of shape {targets.shape}", needed="(rows,) or (rows, labels), two rows or more")
    if targets.ndim == 1:
        sizes = np.unique(targets, return_counts=True)[1].astype(np.float64)
        return float((sizes * (sizes - 1)).sum()) / (rows * (rows - 1))
    distinct, counts = np.unique(targets == 1, axis=0, return_counts=True)
    sets, weight = distinct.astype(np.float64), counts.astype(np.float64)
    labels = sets.sum(axis=1)
    agreement = 0.0
    for start in range(0, len(sets), block):
        part = slice(start, start + block)
        both = sets[part] @ sets.T
        either = labels[part, None] + labels - both
        overlap = np.divide(both, either, out=np.ones_like(both), where=either > 0)
        agreement += float(weight[part] @ overlap @ weight)
    return (agreement - rows) / (rows * (rows - 1))  # every row agrees with itself


def _same(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Agreement of each row with its neighbours, shape (rows, k)."""
    if own.ndim == 2:
        return np.asarray(own == others, dtype=np.float64)
    both, either = ((own == 1) & (others == 1)).sum(axis=2), ((own == 1) | (others == 1)).sum(axis=2)
    return np.asarray(np.divide(both, either, out=np.ones(both.shape), where=either > 0))
