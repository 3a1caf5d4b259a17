"""Whether vectors tell what they should not: a cross-fitted probe against the same probe on permuted labels.

Decisions: the probe is a ridge towards the classes, because its folds are solved once for all permutations, so what it
finds by chance is measured on these very rows and not looked up; it is linear, as a head on the vectors would be (that
it finds nothing is no proof that nothing is there); the answer is an area under the curve, mean over classes, which
knows no threshold and is .5 for vectors that say nothing, however unequal the classes are; its interval also counts
what the probe learnt from. Whether the vectors leak and whether they leak enough to matter are two answers.

DeLong, DeLong & Clarke-Pearson (1988) for the variance of the area; Phipson & Smyth (2010) for p = (k + 1) / (B + 1);
Alain & Bengio (2017), Understanding intermediate layers using linear classifier probes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, sparse, special, stats

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.areas import area_interval, areas_of

LEAST_ROWS, LEAST_OF_A_CLASS = 20, 5
MOST_ROWS, _MOST_DUAL = 10_000, 2_500
_HALVES, _LEAST_PAIRS = 20, 10
# Dense or sparse: the two have no common type.
_Matrix = Any
# Of the mean eigenvalue of the Gram matrix: enough to keep 20 rows in 64 dimensions from interpolating.
_PENALTY = 0.3


@dataclass(frozen=True)
class Leakage:
    """What a probe found.

    area: of the held-out rows, mean over the classes, .5 for chance and 1 for known to the last row; its interval is
    for these vectors and further rows like these. chance: the mean of the same probe on permuted labels. chance_high:
    what only ``1 - level`` of them exceed. p_value: how often permuted labels do as well. rows: probed. classes: told
    apart. left_out: rows of unknown or rare classes.
    """

    area: Interval
    chance: float
    chance_high: float
    p_value: float
    rows: int
    classes: int
    left_out: int

    @property
    def leaks(self) -> bool:
        """Whether chance is ruled out, at a level of .05."""
        return self.p_value <= 0.05


def probe_leakage(
    vectors: np.ndarray | sparse.csr_array,
    classes: np.ndarray,
    *,
    rng: np.random.Generator,
    folds: int = 5,
    permutations: int = 199,
    level: float = 0.95,
) -> Leakage:
    """How well the class of a row can be told from its vector, by rows that the probe did not see.

    vectors: shape (rows, dimension), dense or sparse. classes: a whole number for each row, -1 where it is unknown.
    Classes of fewer than 5 rows are left out; of more than 10,000 rows (2,500 when the vectors are wider than that) as
    many are drawn.
    Raises InputError with fewer than 20 rows or 2 classes, or for vectors that are not finite.

    >>> rng = np.random.default_rng(0)
    >>> known = np.repeat([0, 1], 50)
    >>> found = probe_leakage(known[:, None] + rng.normal(0, .1, (100, 3)), known, rng=rng)
    >>> found.area.mean, found.leaks
    (1.0, True)
    """
    given = np.asarray(classes)
    if given.shape != (vectors.shape[0],) or not np.issubdtype(given.dtype, np.integer):
        raise InputError(
            f"classes of shape {given.shape} and type {given.dtype} for {vectors.shape[0]} vectors",
            needed="a whole number for each vector, -1 where it is unknown",
        )
    usual = [one for one in np.unique(given) if one >= 0 and (given == one).sum() >= LEAST_OF_A_CLASS]
    chosen = np.flatnonzero(np.isin(given, usual))
    left_out = len(given) - len(chosen)
    most = _MOST_DUAL if vectors.shape[1] > _MOST_DUAL else MOST_ROWS
    if len(chosen) > most:
        chosen = np.sort(rng.permutation(chosen)[:most])
        # The draw may leave too few rows of a rare class for a probe to learn it from.
        usual = [one for one in usual if (given[chosen] == one).sum() >= LEAST_OF_A_CLASS]
        chosen = chosen[np.isin(given[chosen], usual)]
    if len(usual) < 2 or len(chosen) < LEAST_ROWS:
        raise InputError(
            f"{len(chosen)} rows of {len(usual)} classes with {LEAST_OF_A_CLASS} rows or more",
            needed=f"{LEAST_ROWS} rows and 2 classes",
            fix="give more rows whose class is known, or join rare classes",
        )
    rows = standardised(vectors[chosen])
    mine = np.searchsorted(usual, given[chosen])
    fold = even_folds(mine, min(folds, int(np.bincount(mine).min())), rng)
    solved = [SolvedRidge.of(rows, fold == one) for one in range(fold.max() + 1)]
    found = _predicted(solved, mine, len(usual))
    areas = areas_of(found, mine)
    drawn = np.empty(permutations)
    for one in range(permutations):
        # Within folds, so that every class keeps its rows in each of them, as the real labels do.
        moved = _moved(mine, fold, rng)
        drawn[one] = areas_of(_predicted(solved, moved, len(usual)), moved).mean
    p_value = float((1 + (drawn >= areas.mean - 1e-12).sum()) / (1 + permutations))
    spread = float(np.hypot(areas.part.std() / np.sqrt(len(mine)), _learning_spread(rows, mine, fold, rng)))
    return Leakage(
        area_interval(areas.mean, spread, len(mine), level), float(drawn.mean()), float(np.quantile(drawn, level)),
        p_value, len(mine), len(usual), left_out,
    )  # fmt: skip


def follows(numbers: np.ndarray, counts: np.ndarray, *, level: float = 0.95) -> Interval | None:
    """Rank correlation of numbers with counts and its interval, by Fisher's transformation; None for fewer than 10
    rows, or where one of the two does not vary.

    >>> follows(np.arange(50), np.arange(50) ** 2)
    Interval(mean=1.0, low=1.0, high=1.0)

    Bonett & Wright (2000), for the variance of a rank correlation.
    """
    if len(numbers) < _LEAST_PAIRS or not np.ptp(numbers) or not np.ptp(counts):
        return None
    found = float(stats.spearmanr(numbers, counts).statistic)
    if abs(found) > 1 - 1e-9:
        return Interval(float(np.sign(found)), float(np.sign(found)), float(np.sign(found)))
    wide = float(special.ndtri((1 + level) / 2)) * np.sqrt((1 + found**2 / 2) / (len(numbers) - 3))
    middle = np.arctanh(found)
    return Interval(found, float(np.tanh(middle - wide)), float(np.tanh(middle + wide)))


def standardised(vectors: _Matrix) -> _Matrix:
    """Centred and of one spread; sparse ones only scaled, so that they stay sparse."""
    values = vectors.data if isinstance(vectors, sparse.csr_array) else vectors
    if not np.all(np.isfinite(values)):
        raise InputError("vectors that are not finite", needed="finite numbers", fix="look at how they were made")
    if isinstance(vectors, sparse.csr_array):
        return vectors.astype(np.float64)
    dense = np.asarray(vectors, np.float64)
    spread = dense.std(axis=0)
    return np.asarray((dense - dense.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0))


def even_folds(classes: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """The fold of each row: every class is spread evenly."""
    found = np.empty(len(classes), np.int64)
    start = 0
    for one in range(classes.max() + 1):
        mine = rng.permutation(np.flatnonzero(classes == one))
        found[mine] = (start + np.arange(len(mine))) % folds
        start += len(mine)
    return found


@dataclass(frozen=True, eq=False)
class SolvedRidge:
    """A ridge of one fold, for any targets. held: rows that are predicted. learnt: rows it learns from. left, right:
    predictions are left @ right @ targets of the learnt rows, whose mean is taken off."""

    held: np.ndarray
    learnt: np.ndarray
    left: _Matrix
    right: np.ndarray

    @classmethod
    def of(cls, rows: _Matrix, held: np.ndarray, among: np.ndarray | None = None) -> "SolvedRidge":
        """The ridge that predicts rows where ``held`` from the others, of which ``among`` chooses some."""
        learnt = np.flatnonzero(~held if among is None else ~held & among)
        return cls.between(rows, np.flatnonzero(held), learnt)

    @classmethod
    def between(cls, rows: _Matrix, held: np.ndarray, learnt: np.ndarray) -> "SolvedRidge":
        """The ridge that predicts the rows ``held`` from the rows ``learnt`` (positions)."""
        inside, outside = rows[learnt], rows[held]
        count, width = inside.shape
        if width <= count:
            gram = _dense(inside.T @ inside)
            gram[np.diag_indices_from(gram)] += _PENALTY * max(np.trace(gram) / width, 1e-12)
            right = linalg.cho_solve(linalg.cho_factor(gram), _dense(inside.T))
            return cls(held, learnt, outside, right)
        kernel = _dense(inside @ inside.T)
        kernel[np.diag_indices_from(kernel)] += _PENALTY * max(np.trace(kernel) / count, 1e-12)
        right = linalg.cho_solve(linalg.cho_factor(kernel), np.eye(count))
        return cls(held, learnt, _dense(outside @ inside.T), right)

    def predict(self, targets: np.ndarray) -> np.ndarray:
        """Predictions of the held rows, for targets of shape (rows, targets)."""
        mine = targets[self.learnt]
        return np.asarray(self.left @ (self.right @ (mine - mine.mean(axis=0))))


def ridge_predictions(rows: np.ndarray, held: np.ndarray, learnt: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """What ``SolvedRidge.between(rows, held, learnt).predict(targets)`` says, without being ready for other targets."""
    inside, mine = rows[learnt], targets[learnt]
    if inside.shape[1] > len(inside):
        kernel = inside @ inside.T
        kernel[np.diag_indices_from(kernel)] += _PENALTY * max(np.trace(kernel) / len(kernel), 1e-12)
        parts = linalg.cho_solve(linalg.cho_factor(kernel), mine - mine.mean(axis=0))
        return np.asarray(rows[held] @ (inside.T @ parts))
    gram = inside.T @ inside
    gram[np.diag_indices_from(gram)] += _PENALTY * max(np.trace(gram) / len(gram), 1e-12)
    weights = linalg.cho_solve(linalg.cho_factor(gram), inside.T @ (mine - mine.mean(axis=0)))
    return np.asarray(rows[held] @ weights)


def _dense(matrix: _Matrix) -> np.ndarray:
    return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray(), np.float64)


def _predicted(solved: list[SolvedRidge], classes: np.ndarray, count: int) -> np.ndarray:
    """Scores of every row by the fold that did not see it, shape (rows, classes)."""
    targets = np.eye(count)[classes]
    found = np.empty((len(classes), count))
    for one in solved:
        found[one.held] = one.predict(targets)
    return found


def _moved(classes: np.ndarray, fold: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    moved = classes.copy()
    for one in range(fold.max() + 1):
        mine = np.flatnonzero(fold == one)
        moved[mine] = classes[rng.permutation(mine)]
    return moved


def _learning_spread(rows: _Matrix, classes: np.ndarray, fold: np.ndarray, rng: np.random.Generator) -> float:
    """How far the area moves with the rows that the probes learn from: its standard deviation over halves of them.

    Half of the rows without replacement vary about as much as all of them do from one sample to the next.
    """
    count = int(classes.max()) + 1
    drawn = np.empty(_HALVES)
    for one in range(_HALVES):
        half = rng.permuted(np.arange(len(classes)) % 2).astype(bool)
        solved = [SolvedRidge.of(rows, fold == held, half) for held in range(fold.max() + 1)]
        drawn[one] = areas_of(_predicted(solved, classes, count), classes).mean
    return float(drawn.std(ddof=1))
