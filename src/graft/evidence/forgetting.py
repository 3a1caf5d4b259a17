"""How much of a representation is left after it was changed.

Decision: three questions, because a changed space can keep one answer and lose another: are a row's neighbours still
its neighbours (what search and nearest rows live by), can the old vectors be told from the new ones by a linear map
(whether anything was lost, or only turned), and do pairs still lie as near as people said they should.
"""

import numpy as np
from scipy.stats import spearmanr

from graft.core.errors import InputError

_FOLDS = 5
_RIDGE = 1e-3


def neighbour_overlap(before: np.ndarray, after: np.ndarray, *, k: int = 10, block: int = 1024) -> float:
    """Share of each row's k nearest rows (cosine) that it keeps, 0 to 1; 1 for an unchanged or only turned space.

    before, after: the same rows in both spaces, (rows, dimension). k: at most a third of the rows is used, because of
    few rows most are neighbours in any space.

    >>> vectors = np.random.default_rng(0).normal(size=(60, 5))
    >>> neighbour_overlap(vectors, -2 * vectors), neighbour_overlap(vectors, vectors[::-1]) < 0.4
    (1.0, True)
    """
    _require_same(before, after)
    near = max(1, min(k, len(before) // 3))
    one, other = _unit(before), _unit(after)
    kept = 0
    for start in range(0, len(one), block):
        rows = np.arange(start, min(start + block, len(one)))
        found = []
        for unit in (one, other):
            likeness = unit[rows] @ unit.T
            likeness[np.arange(len(rows)), rows] = -np.inf
            mask = np.zeros(likeness.shape, dtype=bool)
            np.put_along_axis(mask, np.argpartition(-likeness, near - 1, axis=1)[:, :near], True, axis=1)
            found.append(mask)
        kept += int((found[0] & found[1]).sum())
    return kept / (near * len(one))


def read_back(before: np.ndarray, after: np.ndarray, *, rng: np.random.Generator) -> float:
    """How much of the old vectors a linear probe reads from the new ones: R squared on rows it did not learn from.

    before, after: the same rows in both spaces, (rows, dimension). Compare it with ``read_back(before, before)``, which
    is less than 1 where rows are few. Five folds, ridge regression.

    >>> vectors = np.random.default_rng(0).normal(size=(200, 4))
    >>> turn = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    >>> round(read_back(vectors, vectors @ turn, rng=np.random.default_rng(2)), 3)
    1.0

    Alain & Bengio (2017), Understanding intermediate layers using linear classifier probes, for the probe.
    """
    _require_same(before, after)
    fold = rng.permutation(len(before)) % _FOLDS
    wanted, given = np.asarray(before, np.float64), np.asarray(after, np.float64)
    error = spread = 0.0
    for number in range(_FOLDS):
        held = fold == number
        if not held.any() or held.all():
            continue
        middle, start = wanted[~held].mean(axis=0), given[~held].mean(axis=0)
        known, told = given[~held] - start, wanted[~held] - middle
        gram = known.T @ known
        gram[np.diag_indices(len(gram))] += max(_RIDGE * float(np.trace(gram)) / len(gram), 1e-12)
        guess = (given[held] - start) @ np.linalg.solve(gram, known.T @ told)
        error += float(((wanted[held] - middle - guess) ** 2).sum())
        spread += float(((wanted[held] - middle) ** 2).sum())
    return 1 - error / spread if spread > 0 else 0.0


def pair_correlation(one: np.ndarray, other: np.ndarray, scores: np.ndarray) -> float:
    """Spearman's correlation of the cosine of pairs with what people said of them, -1 to 1; 0 where either is constant.

    one, other: vectors of both sides, (pairs, dimension). scores: higher is nearer, (pairs,).

    >>> pair_correlation(np.eye(3), np.array([[1.0, 0, 0], [1, 1, 0], [1, 0, 0]]), np.array([5, 3, 0]))
    1.0

    As the STS benchmark is scored: Reimers, Beyer & Gurevych (2016).
    """
    likeness = (_unit(one) * _unit(other)).sum(axis=1)
    if len(likeness) < 2 or np.ptp(likeness) == 0 or np.ptp(scores) == 0:
        return 0.0
    return float(spearmanr(likeness, scores).statistic)


def _unit(vectors: np.ndarray) -> np.ndarray:
    given = np.asarray(vectors, np.float64)
    length = np.linalg.norm(given, axis=1, keepdims=True)
    return np.asarray(np.divide(given, length, out=np.zeros_like(given), where=length > 0))


def _require_same(before: np.ndarray, after: np.ndarray) -> None:
    if before.ndim != 2 or after.ndim != 2 or len(before) != len(after) or len(before) < 2:
        raise InputError(
            f"vectors of shape {before.shape} and {after.shape}",
            needed="the same rows in both spaces, two or more",
        )
