"""The loss of rows whose truth is not known, by a regression of known losses (direct loss estimation).

Decisions: for values there are no probabilities to read a loss from, so it is learnt from reference rows with a truth:
from the prediction, and whatever else is known of a row before its truth is. Three regressions compete on folds they
did not see (whole groups together): a mean, a ridge and small boosted trees; the simplest within one standard error of
the best is used, since a flexible one that is not better there is worse where rows have moved. The interval of a batch
has the parts that one by calibrated probabilities has: the regression refitted on reference rows weighted anew, and the
losses themselves. A row's loss is drawn as that of a reference row of which nearly the same was expected, moved by the
difference, so losses keep their skewness and are as noisy as the reference is there.

Direct loss estimation is NannyML's name (2022). It assumes that the loss given the features is as in the reference.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import design_effect, group_places
from graft.evidence.unlabelled import ExpectedQuality, RowExpectation, usual_mean

FOLDS = 5
NEAR = 20  # reference rows among which a loss is drawn
TREES = 100  # reference rows from which boosted trees are tried
ASSUMED = (
    "the loss given the features is as in the reference rows: a change of what the truth means cannot be seen",
    "the features of these rows lie among those of the reference rows",
)


class _Regression(Protocol):
    def predict(self, features: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class LossModel:
    """What loss is to be expected of a row.

    kind: ``mean``, ``ridge`` or ``trees``. losses, foretold: of the reference rows, as they were and as models that had
    not seen them expected, shape (reference,). place: their groups, from 0. features: how many there are of a row.
    """

    kind: str
    fitted: _Regression
    drawn: tuple[_Regression, ...]
    losses: np.ndarray
    foretold: np.ndarray
    place: np.ndarray
    features: int

    @property
    def explained(self) -> float:
        """The share of the variation of losses that is foretold on unseen rows; 0 where none is."""
        spread = float(((self.losses - self.losses.mean()) ** 2).sum())
        left = float(((self.losses - self.foretold) ** 2).sum())
        return max(0.0, 1 - left / spread) if spread > 0 else 0.0

    def expectation(self, features: np.ndarray) -> RowExpectation:
        """What each row is expected to lose, how far it may lie from that, and the least and most there was.

        features: shape (rows, features).
        """
        mean = self._bounded(self.fitted, _checked(features, self.features))
        order = np.argsort(self.foretold, kind="stable")
        rest = (self.losses - self.foretold)[order]
        start = self._near(mean, order)
        window = np.minimum(NEAR, len(rest))
        squares = np.concatenate([[0.0], np.cumsum(rest**2)])
        deviation = np.sqrt(np.maximum(0.0, squares[start + window] - squares[start]) / window)
        ends = float(self.losses.min()), float(self.losses.max())
        return RowExpectation(mean, deviation, np.full(len(mean), ends[0]), np.full(len(mean), ends[1]))

    def _bounded(self, one: _Regression, features: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(one.predict(features), self.losses.min(), self.losses.max()))

    def _near(self, mean: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Where the window of reference rows of which nearly the same was expected begins, in their order."""
        middle = np.searchsorted(self.foretold[order], mean) - NEAR // 2
        return np.asarray(np.clip(middle, 0, max(0, len(order) - NEAR)))


def fit_loss(
    features: np.ndarray,
    losses: np.ndarray,
    *,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    draws: int = 30,
) -> LossModel:
    """A model of losses from reference rows that the predicting model had not learnt.

    features: known before the truth is, such as the prediction, its spread, or scores, shape (rows, features). losses:
    of each row, such as the absolute error or a cost, shape (rows,). groups: of each row, shape (rows,). draws: refits
    on rows weighted anew.

    >>> rng = np.random.default_rng(0)
    >>> said = rng.uniform(1, 10, 500)
    >>> found = fit_loss(said[:, None], np.abs(said * 0.3 * rng.normal(size=500)), rng=rng, draws=3)
    >>> found.kind, found.expectation(np.array([[2.0], [8.0]])).mean.round(1).tolist()
    ('ridge', [0.4, 1.8])
    """
    given, lost = _checked(features, None), np.asarray(losses, dtype=np.float64)
    if lost.shape != (len(given),) or not np.all(np.isfinite(lost)):
        raise InputError(f"losses of shape {lost.shape} for {len(given)} rows", needed="one finite loss per row")
    place = group_places(len(given), groups)
    units = int(place.max()) + 1
    if units < 2 * FOLDS:
        raise InputError(
            f"{len(given)} reference rows in {units} groups",
            needed=f"{2 * FOLDS} or more",
            fix="take reference rows of more customers, or of more time",
        )
    fold = (rng.permutation(units) % FOLDS)[place]
    even = np.ones(len(given))
    foretold = {}
    for kind in ("mean", "ridge", "trees")[: 3 if len(given) >= TREES else 2]:
        foretold[kind] = np.empty(len(given))
        for part in range(FOLDS):
            learnt = fold != part
            one = _fit(kind, given[learnt], lost[learnt], even[learnt])
            foretold[kind][~learnt] = one.predict(given[~learnt])
    errors = {kind: (lost - said) ** 2 for kind, said in foretold.items()}
    best = min(errors, key=lambda kind: float(errors[kind].mean()))
    kind = next(
        kind
        for kind, error in errors.items()
        if (error - errors[best]).mean() <= _standard_error(error - errors[best], place)
    )
    drawn = []
    for _ in range(draws):
        weights = (rng.standard_gamma(1 - 2 / units, units) + 1e-9)[place]
        drawn.append(_fit(kind, given, lost, weights * len(weights) / weights.sum()))
    fitted = _fit(kind, given, lost, even)
    return LossModel(kind, fitted, tuple(drawn), lost, foretold[kind], place, given.shape[1])


def expected_loss(
    model: LossModel,
    features: np.ndarray,
    *,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    draws: int = 1000,
) -> ExpectedQuality:
    """The mean loss that the truth of these rows will show, if losses are still as the reference says.

    features: of the batch, as in ``fit_loss``, shape (rows, features). groups: of each row, shape (rows,).

    >>> rng = np.random.default_rng(0)
    >>> said = rng.uniform(1, 10, 500)
    >>> model = fit_loss(said[:, None], np.abs(said * 0.3 * rng.normal(size=500)), rng=rng)
    >>> found = expected_loss(model, np.full((200, 1), 9.0), rng=rng)
    >>> bool(found.estimate.low < 9 * 0.3 * (2 / np.pi) ** 0.5 < found.estimate.high), found.unusual
    (True, True)
    """
    if not 0 < level < 1 or draws < 1:
        raise InputError(f"a level of {level} and {draws} draws", needed="a level between 0 and 1, a draw or more")
    given = _checked(features, model.features)
    place = group_places(len(given), groups)
    order = np.argsort(model.foretold, kind="stable")
    rest = (model.losses - model.foretold)[order]
    alike = _alike(model)
    shared = float(np.sqrt(alike)) if place.max() + 1 < len(place) else 0.0
    maps = model.drawn or (model.fitted,)
    found = []
    for one in maps:
        said = model._bounded(one, given)
        start, window = model._near(said, order), min(NEAR, len(rest))
        # The residuals of a window need not average to 0; what is expected is the regression's to say.
        sums = np.concatenate([[0.0], np.cumsum(rest)])
        centre = (sums[start + window] - sums[start]) / window
        for _ in range(-(-draws // len(maps))):
            luck = rng.random(len(given))
            if shared > 0:
                luck = np.where(rng.random(len(given)) < shared, rng.random(int(place.max()) + 1)[place], luck)
                ranked = np.argsort(np.lib.stride_tricks.sliding_window_view(rest, window)[start], axis=1)
                taken = start + ranked[np.arange(len(given)), (luck * window).astype(int)]
            else:
                taken = start + (luck * window).astype(int)
            noise = (rest[taken] - centre) * np.sqrt(window / (window - 1))
            found.append(float((said + noise).mean()))
    mean = float(model._bounded(model.fitted, given).mean())
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    usual = usual_mean(model.losses, rows=len(given), rng=rng, place=model.place, level=level)
    estimate = Interval(mean, min(mean, float(low)), max(mean, float(high)))
    return ExpectedQuality("loss", estimate, usual, len(given), ASSUMED)


def _checked(features: np.ndarray, columns: int | None) -> np.ndarray:
    given = np.asarray(features, dtype=np.float64)
    if given.ndim != 2 or len(given) == 0 or given.shape[1] != (given.shape[1] if columns is None else columns):
        raise InputError(
            f"features of shape {given.shape}",
            needed=f"(rows, {'features' if columns is None else columns}), a row or more",
        )
    if not np.all(np.isfinite(given)):
        raise InputError("features that are not finite", needed="finite numbers", fix="impute them as in the reference")
    return given


def _fit(kind: str, features: np.ndarray, losses: np.ndarray, weights: np.ndarray) -> _Regression:
    if kind == "mean":
        return _Mean(float(np.average(losses, weights=weights)))
    if kind == "ridge":
        ridge = make_pipeline(StandardScaler(), Ridge(1.0))
        return ridge.fit(features, losses, ridge__sample_weight=weights)  # type: ignore[no-any-return]
    trees = HistGradientBoostingRegressor(
        max_iter=60, max_leaf_nodes=8, min_samples_leaf=20, learning_rate=0.08, early_stopping=False, random_state=0
    )
    return trees.fit(features, losses, sample_weight=weights)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Mean:
    value: float

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.full(len(features), self.value)


def _standard_error(values: np.ndarray, place: np.ndarray) -> float:
    """Of the mean of values whose groups vary as a whole."""
    sums = np.bincount(place, weights=values - values.mean())
    return float(np.sqrt(sums @ sums * len(sums) / max(1, len(sums) - 1)) / len(values))


def _alike(model: LossModel) -> float:
    """Correlation within groups of what losses lie from what was expected."""
    sizes = np.bincount(model.place)
    if len(sizes) == len(model.place):
        return 0.0
    size = float(sizes @ sizes) / len(model.place)
    return float(np.clip((design_effect(model.losses - model.foretold, model.place, least=0.0) - 1) / (size - 1), 0, 1))
