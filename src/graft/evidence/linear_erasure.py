"""Least-squares concept erasure: the smallest change of vectors after which no linear model can tell a class (LEACE).

Decisions: the covariance of the vectors is shrunk towards a ball as much as is optimal for this many rows, as the
authors' package does, so that fewer rows than dimensions do no harm; on the rows it was fitted on, every class then
has the same mean whatever the shrinkage. Their bound on the trace is left out: it mixes in another projection where an
oblique one would lengthen vectors. What no linear model can tell, another may.

Belrose et al. (2023), LEACE: Perfect linear concept erasure in closed form, theorem 4.2; Bodnar, Gupta & Parolya
(2014), On the strong convergence of the optimal linear shrinkage estimator for large dimensional covariance matrix;
Gonen & Goldberg (2019), Lipstick on a pig, for what is left.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError

# Directions of the cross-covariance below this part of the largest one are rounding.
_LEAST = 1e-8


@dataclass(frozen=True, eq=False)
class Eraser:
    """``x - (x - mean) @ right @ left``. mean: shape (dimension,). right: shape (dimension, rank); left: shape (rank,
    dimension). The rank is at most that of what is erased: one less than the classes."""

    mean: np.ndarray
    right: np.ndarray
    left: np.ndarray

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors, shape (rows, dimension), after erasure, float64."""
        given = np.asarray(vectors, np.float64)
        return np.asarray(given - ((given - self.mean) @ self.right) @ self.left)

    @property
    def matrix(self) -> np.ndarray:
        """The same as ``(x - mean) @ matrix + mean``, shape (dimension, dimension)."""
        return np.asarray(np.eye(len(self.mean)) - self.right @ self.left)


def fit_eraser(vectors: np.ndarray, targets: np.ndarray, *, shrink: bool = True) -> Eraser:
    """The eraser of what ``targets`` say.

    vectors: shape (rows, dimension). targets: a column for each class (0 or 1) or number, shape (rows, targets).
    shrink: the covariance. Raises InputError for fewer than two rows, other shapes and numbers that are not finite.

    >>> rng = np.random.default_rng(0)
    >>> known = np.repeat([0.0, 1.0], 50)[:, None]
    >>> vectors = rng.normal(size=(100, 3)) + known
    >>> erased = fit_eraser(vectors, known)(vectors)
    >>> np.abs(erased[:50].mean(axis=0) - erased[50:].mean(axis=0)).max() < 1e-9
    np.True_
    """
    rows, wanted = np.asarray(vectors, np.float64), np.asarray(targets, np.float64)
    if rows.ndim != 2 or wanted.ndim != 2 or len(rows) != len(wanted) or len(rows) < 2:
        raise InputError(
            f"vectors of shape {rows.shape} and targets of shape {wanted.shape}", needed="two rows or more of both"
        )
    if not (np.isfinite(rows).all() and np.isfinite(wanted).all()):
        raise InputError("numbers that are not finite", needed="finite numbers", fix="look at how they were made")
    return Whitened.of(rows, shrink=shrink).eraser(wanted)


@dataclass(frozen=True, eq=False)
class Whitened:
    """What of an eraser depends on the vectors alone, for erasing many things from the same rows.

    rows: less their mean, shape (rows, dimension). whiten, colour: towards a covariance of one and back, (dimension,
    dimension).
    """

    rows: np.ndarray
    mean: np.ndarray
    whiten: np.ndarray
    colour: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray, *, shrink: bool = True) -> "Whitened":
        """From vectors, shape (rows, dimension), two rows or more, all finite."""
        rows = np.asarray(vectors, np.float64)
        mean = rows.mean(axis=0)
        centred = rows - mean
        covariance = centred.T @ centred
        spread = shrunk(covariance / len(rows), len(rows)) if shrink else covariance / (len(rows) - 1)
        sizes, directions = np.linalg.eigh(spread)
        kept = sizes > max(float(sizes[-1]), 0.0) * len(sizes) * np.finfo(np.float64).eps
        roots = np.sqrt(np.where(kept, sizes, 1.0))
        whiten = (directions * np.where(kept, 1 / roots, 0.0)) @ directions.T
        colour = (directions * np.where(kept, roots, 0.0)) @ directions.T
        return cls(centred, mean, whiten, colour)

    def eraser(self, targets: np.ndarray) -> Eraser:
        """The eraser of what ``targets``, shape (rows, targets), say of these rows."""
        told = self.whiten @ (self.rows.T @ (targets - targets.mean(axis=0)) / (len(self.rows) - 1))
        towards, amounts, _ = np.linalg.svd(told, full_matrices=False)
        towards = towards[:, amounts > _LEAST * max(float(amounts.max(initial=0.0)), 1e-300)]
        return Eraser(self.mean, self.whiten @ towards, towards.T @ self.colour)


def shrunk(covariance: np.ndarray, rows: int) -> np.ndarray:
    """A sample covariance (of ``rows`` rows, divided by their number), shrunk towards a ball of the same trace.

    >>> shrunk(np.diag([3.0, 1.0]), 4).diagonal().round(2).tolist()
    [2.0, 2.0]
    """
    width = len(covariance)
    trace, square = float(np.trace(covariance)), float((covariance**2).sum())
    ball = trace**2 / width  # the squared norm of the ball
    bottom = square - ball
    kept = 1 - ball * width / rows / bottom if bottom > 1e-12 * square else 0.0
    kept = min(max(kept, 0.0), 1.0)
    return np.asarray(kept * covariance + (1 - kept) * trace / width * np.eye(width))
