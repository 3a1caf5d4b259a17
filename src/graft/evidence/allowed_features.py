"""What features that may be known tell about a class, so that what vectors tell beyond it can be asked.

Decisions: where the features have few joint values, rows with the same ones are alike: classes are exchanged among
them, which is exact. Elsewhere (a number of many values, many columns) the chance of each class given the features is
estimated, by rows that are not asked (logistic regression on splines, categories and random features of all of them),
and classes are drawn from these chances. An estimate may be wrong, so vectors are also taken around what the features
tell of *them* (ridge on the same columns, its penalty by generalised cross-validation): what is left of a wrong
estimate of one side has to meet an error of the other to be taken for a leak. Areas compare rows of like chances: of
rows that are as likely to be of a class by their features, the features tell no more (Rosenbaum & Rubin 1983).

Candès et al. (2018), Panning for gold, for drawing from conditional chances; Berrett et al. (2020), The conditional
permutation test for independence while controlling for confounders; Shah & Peters (2020), The hardness of conditional
independence testing and the generalised covariance measure; Golub, Heath & Wahba (1979).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import SplineTransformer

FEW_NUMBERS = 10
_ROWS_A_CELL, _IN_CELLS = 8, 0.9
_RARE, _KNOTS, _WAVES = 5, 6, 100
_PENALTIES = np.logspace(-5, 2, 15)
_STRENGTHS, _MANY_CLASSES = (0.01, 0.1, 1.0, 10.0), 20
_ROWS_A_STRATUM, _MOST_STRATA = 25, 50


@dataclass(frozen=True, eq=False)
class AllowedFeatures:
    """Features that may be known. cells: rows of one number have the same features, shape (rows,); None where they are
    too many for that. basis: what the features are as columns, shape (rows, columns)."""

    cells: np.ndarray | None
    basis: np.ndarray

    @classmethod
    def of(cls, columns: Sequence[np.ndarray], rng: np.random.Generator) -> "AllowedFeatures":
        """Features from columns of shape (rows,): whole numbers are categories, -1 where one is missing; floating-point
        ones are numbers, nan where one is missing."""
        coded = [_codes(one) for one in columns]
        if all(one is not None for one in coded):
            joint = np.stack([one for one in coded if one is not None], axis=1)
            cells = np.unique(joint, axis=0, return_inverse=True)[1].ravel()
            sizes = np.bincount(cells)
            if sizes[sizes >= _ROWS_A_CELL].sum() >= _IN_CELLS * len(cells):
                return cls(cells, np.zeros((len(cells), 0)))
        return cls(None, _basis(columns, rng))

    def rest(self, values: np.ndarray) -> np.ndarray:
        """What the features do not tell of values, shape (rows, columns)."""
        if self.cells is not None:
            return np.asarray(values - self.cell_means(values)[self.cells])
        centred = values - values.mean(axis=0)
        if not self.basis.shape[1]:
            return np.asarray(centred)
        left, sizes, _ = np.linalg.svd(self.basis, full_matrices=False)
        shared = left.T @ centred
        every = float((centred**2).sum())
        best = (np.inf, np.zeros_like(sizes))
        for penalty in _PENALTIES * float((sizes**2).mean()):
            kept = sizes**2 / (sizes**2 + penalty)
            missed = every - float(((1 - (1 - kept) ** 2)[:, None] * shared**2).sum())
            best = min(best, (missed / (len(values) - 1 - kept.sum()) ** 2, kept), key=lambda one: one[0])
        return np.asarray(centred - left @ (best[1][:, None] * shared))

    def cell_means(self, values: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
        """Means of values within cells, shape (cells, columns), of rows ``among``; of all where these have none."""
        assert self.cells is not None
        rows = np.arange(len(values)) if among is None else np.flatnonzero(among)
        count = int(self.cells.max()) + 1
        sums = np.zeros((count, values.shape[1]))
        np.add.at(sums, self.cells[rows], values[rows])
        sizes = np.bincount(self.cells[rows], minlength=count)[:, None]
        return np.where(sizes > 0, sums / np.maximum(sizes, 1), values[rows].mean(axis=0))

    def chances(self, classes: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """The chance of each class given the features, shape (rows, classes), by the rows of other folds; within cells,
        the shares."""
        count = int(classes.max()) + 1
        known = np.eye(count)[classes]
        if self.cells is not None:
            return np.asarray(self.cell_means(known)[self.cells])
        if not self.basis.shape[1]:  # nothing but values of a row or two each, which tell nothing of other rows
            return np.tile(known.mean(axis=0), (len(classes), 1))
        strengths = _STRENGTHS if count <= _MANY_CLASSES else _STRENGTHS[1:2]  # the more classes, the longer each takes
        tried = [_logistic(self.basis, classes, fold, strength, count) for strength in strengths]
        losses = [-np.log(one[np.arange(len(classes)), classes]).mean() for one in tried]
        return tried[int(np.argmin(losses))]

    def strata(self, chances: np.ndarray) -> np.ndarray:
        """Rows of one stratum are as likely of a class, by their features: shape (rows, classes)."""
        if self.cells is not None:
            return np.repeat(self.cells[:, None], chances.shape[1], axis=1)
        parts = int(np.clip(len(chances) // _ROWS_A_STRATUM, 1, _MOST_STRATA))
        ranks = np.argsort(np.argsort(chances, axis=0, kind="stable"), axis=0, kind="stable")
        return np.asarray(ranks * parts // len(chances))


def _codes(column: np.ndarray) -> np.ndarray | None:
    """A column as the numbers of its values; None where it has too many to be exchanged within."""
    if np.issubdtype(column.dtype, np.integer):
        return column
    there = np.isfinite(column)
    distinct, place = np.unique(column[there], return_inverse=True)
    if len(distinct) > FEW_NUMBERS:
        return None
    found = np.full(len(column), -1, np.int64)
    found[there] = place.ravel()
    return found


def _basis(columns: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    rows = len(columns[0])
    flat, parts = [], []
    for column in columns:
        if np.issubdtype(column.dtype, np.integer):
            values, sizes = np.unique(column, return_counts=True)
            usual = values[sizes >= _RARE]
            one = (column[:, None] == usual).astype(np.float64)
            flat.append(one)
            parts.append(one)
            continue
        there = np.isfinite(column)
        filled = np.where(there, column, np.median(column[there]) if there.any() else 0.0)
        plain = [filled] if there.all() else [filled, ~there]
        flat.append(np.stack(plain, axis=1).astype(np.float64))
        if len(np.unique(filled)) > _KNOTS:
            curve = SplineTransformer(n_knots=_KNOTS, knots="quantile", extrapolation="constant")
            parts.append(_curves(curve, filled))
        parts.append(flat[-1])
    whole = _scaled(np.concatenate(flat, axis=1))
    waves = min(_WAVES, rows // 8) if len(columns) > 1 else 0
    if waves:
        reach = np.sqrt(max(whole.shape[1], 1))
        turns = whole @ rng.normal(size=(whole.shape[1], waves)) / reach + rng.uniform(0, 2 * np.pi, waves)
        parts.append(np.cos(turns))
    return _scaled(np.concatenate(parts, axis=1))


def _curves(curve: SplineTransformer, numbers: np.ndarray) -> np.ndarray:
    distinct = np.unique(np.quantile(numbers, np.linspace(0, 1, _KNOTS)))
    if len(distinct) < _KNOTS:  # a value that many rows have: knots may not meet
        curve.set_params(knots=distinct[:, None])
    return np.asarray(curve.fit_transform(numbers[:, None]))


def _scaled(columns: np.ndarray) -> np.ndarray:
    spread = columns.std(axis=0)
    moving = spread > 1e-9
    return np.asarray((columns[:, moving] - columns[:, moving].mean(axis=0)) / spread[moving])


def _logistic(basis: np.ndarray, classes: np.ndarray, fold: np.ndarray, strength: float, count: int) -> np.ndarray:
    rows = len(classes)
    found = np.zeros((rows, count))
    for one in range(int(fold.max()) + 1):
        held = fold == one
        model = LogisticRegression(C=strength, max_iter=300)
        with warnings.catch_warnings():
            # Chances a little short of the optimum are as good an estimate.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(basis[~held], classes[~held])
        found[np.ix_(held, model.classes_)] = model.predict_proba(basis[held])
    # No class is impossible to the last row: an estimate does not know that.
    floor = 0.5 / rows
    found = np.maximum(found, floor)
    return np.asarray(found / found.sum(axis=1, keepdims=True))
