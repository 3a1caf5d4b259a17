"""Probabilities that agree with what the reference showed, where the calibrator alone does not.

A calibrator of one number (a temperature) may fit the reference on the whole and yet be off by its own residual there:
of 4,000 rows whose labels are wrong one time in fifteen it said .910 where .93 were right, and 20,000 labels of rows of
which nothing had changed contradicted it. So what it leaves is learnt from the same rows, as a tilt of its
probabilities, p' ~ p exp(t): per class, per decided class, by how sure the most probable class is, and by the scores of
all classes. It is the doubly robust correction (what is foretold, plus what the reference's rows lie from it, by where
in the scores they lie) brought from the mean of one metric to the probabilities, so every metric, each class and the
bets on labels share it, and a probability stays one.

Decisions: a tilt has a normal prior around none, and how wide is chosen by rows it was not fitted on, from none at all
on; a calibrator that fits keeps what it said. Every draw weighs the reference's rows anew (whole groups), chooses by
those weights, and pulls towards a tilt drawn from that prior instead of towards none (randomised maximum a posteriori):
directions that the reference says little about stay as wide as the prior, which matters where the batch lies there.

Robins, Rotnitzky & Zhao (1994); Angelopoulos et al. (2023), Prediction-powered inference; Kull et al. (2019), Beyond
temperature scaling; Yao, Vehtari, Simpson & Gelman (2018) for choosing by weighted held-out losses.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

LEAST_ROWS, FOLDS, KNOTS, MOST_CLASSES = 40, 5, 5, 20
# Precisions of the prior of what the whole reference shows (classes, sureness), and of what differs by place, which
# may be left out.
PRIORS = ((30.0, np.inf), (3.0, np.inf), (3.0, 100.0), (3.0, 20.0), (3.0, 4.0))
_TOLD_FROM = 5_000  # rows from which the prior is chosen on some
_ONE_STEP_FROM, _CURVED = 1_000, 5_000
_INSIDE = 1e-9


@dataclass(frozen=True, eq=False)
class Tilt:
    """What is added to log-probabilities. by_place: shape (features, classes). by_sureness: shape (knots,)."""

    design: "_Design"
    by_place: np.ndarray
    by_sureness: np.ndarray

    def __call__(self, told: np.ndarray) -> np.ndarray:
        """Probabilities of classes, shape (rows, classes), tilted."""
        logs, place, sure, top = self.design.of(told)
        return _softmax(logs + place @ self.by_place, sure @ self.by_sureness, top)


@dataclass(frozen=True, eq=False)
class _Design:
    """How probabilities become features: middle and spread of log-probabilities, knots of sureness."""

    middle: np.ndarray
    spread: float
    knots: np.ndarray

    @classmethod
    def from_rows(cls, told: np.ndarray) -> "_Design":
        logs, _, sure = _logs(told)
        middle = logs.mean(axis=0)
        spread = float(np.sqrt(np.square(logs - middle).mean())) or 1.0
        return cls(middle, spread, np.unique(np.quantile(sure, np.linspace(0, 1, KNOTS))))

    def of(self, told: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Log-probabilities (rows, classes), features (rows, features), sureness by knots (rows, knots), and the most
        probable class (rows,). Beyond the ends sureness counts as at the ends: nothing was seen there."""
        logs, top, sure = _logs(told)
        rows, classes = logs.shape
        place = np.clip((logs - self.middle) / self.spread, -4, 4)
        decided = np.zeros((rows, classes))
        decided[np.arange(rows), top] = 1.0
        features = np.concatenate([np.ones((rows, 1)), place, decided], axis=1)
        if len(self.knots) < 2:
            return logs, features, np.ones((rows, 1)), top
        inside = np.clip(sure, self.knots[0], self.knots[-1])
        hats = np.eye(len(self.knots))
        return logs, features, np.column_stack([np.interp(inside, self.knots, hat) for hat in hats]), top


def tilts(
    told: np.ndarray, targets: np.ndarray, place: np.ndarray, *, luck: np.ndarray, rng: np.random.Generator
) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[Callable[[np.ndarray], np.ndarray], ...]]:
    """The tilt that the rows support, and others that they support nearly as well.

    told: what a calibrator says of reference rows, shape (rows, classes). targets: their classes, (rows,). place: the
    group of each, from 0, (rows,). luck: weights of the groups for each draw, shape (draws, groups).

    >>> rng = np.random.default_rng(0)
    >>> told = np.tile([0.2, 0.8], (1000, 1))
    >>> targets, luck = (rng.random(1000) < 0.9).astype(int), np.ones((2, 1000))
    >>> tilt, others = tilts(told, targets, np.arange(1000), luck=luck, rng=rng)
    >>> tilt(told)[0].round(1).tolist(), len(others)
    ([0.1, 0.9], 2)
    """
    rows, classes = told.shape
    units = int(place.max()) + 1
    design = _Design.from_rows(told)
    logs, features, sure, top = design.of(told)
    allowed = [one for one in PRIORS if not np.isfinite(one[1]) or classes <= MOST_CLASSES]
    some = np.arange(rows) if rows <= _TOLD_FROM else np.sort(rng.permutation(rows)[:_TOLD_FROM])
    fold = (rng.permutation(units) % FOLDS)[place]
    problem = _TiltedRows(logs, features, sure, top, targets)
    losses = np.zeros((len(allowed), rows))
    for number, prior in enumerate(allowed):
        start = None
        for part in range(FOLDS):
            learnt, held = some[fold[some] != part], some[fold[some] == part]
            found = problem.take(learnt).fit(np.ones(len(learnt)), prior, start=start)
            start = found
            losses[number, held] = problem.take(held).losses(found)
    means = losses[:, some].mean(axis=1)
    chosen = int(means.argmin())
    even = np.ones(rows)
    best = {chosen: problem.fit(even, allowed[chosen])}
    steps: dict[int, np.ndarray] = {}
    others: list[Callable[[np.ndarray], np.ndarray]] = []
    for one in luck:
        weights = one[place]
        weights = weights * rows / weights.sum()
        number = int((losses[:, some] @ weights[some]).argmin())
        prior = allowed[number]
        if number not in best:
            best[number] = problem.fit(even, prior)
        if rows <= _ONE_STEP_FROM:
            drawn = problem.fit(weights, prior, start=best[number], rng=rng)
        else:
            # Of many rows one step from where all of them lead is as good as going all the way.
            if number not in steps:
                steps[number] = problem.inverse(best[number], prior, rng)
            slope = problem.slope(best[number], weights, prior, problem.towards(prior, rng))
            drawn = best[number] - steps[number] @ slope
        others.append(_tilt(design, drawn, features.shape[1], classes))
    return _tilt(design, best[chosen], features.shape[1], classes), tuple(others)


def _tilt(design: _Design, flat: np.ndarray, features: int, classes: int) -> Tilt:
    cut = features * classes
    return Tilt(design, flat[:cut].reshape(features, classes), flat[cut:])


@dataclass(frozen=True, eq=False)
class _TiltedRows:
    """Rows whose classes are to be foretold better than by ``logs`` alone."""

    logs: np.ndarray
    features: np.ndarray
    sure: np.ndarray
    top: np.ndarray
    targets: np.ndarray

    def take(self, rows: np.ndarray) -> "_TiltedRows":
        return _TiltedRows(*(one[rows] for one in (self.logs, self.features, self.sure, self.top, self.targets)))

    @property
    def size(self) -> int:
        """How many numbers a tilt has."""
        return int(self.features.shape[1] * self.logs.shape[1] + self.sure.shape[1])

    def precision(self, prior: tuple[float, float]) -> np.ndarray:
        """Of each number of a tilt; infinite where it has to be 0."""
        classes, count = self.logs.shape[1], self.features.shape[1]
        found = np.full(self.size, prior[0])
        found[classes : count * classes] = prior[1]
        return found

    def towards(self, prior: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
        """A tilt drawn from the prior."""
        precision = self.precision(prior)
        return np.where(np.isfinite(precision), rng.normal(size=self.size) / np.sqrt(precision), 0.0)

    def fit(
        self, weights: np.ndarray, prior: tuple[float, float], *, start: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Flat numbers of a tilt. rng: draws what is pulled towards."""
        towards = np.zeros(self.size) if rng is None else self.towards(prior, rng)
        begin = towards if start is None else start

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            return self._loss(flat, weights, prior, towards)

        found = optimize.minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": 60, "ftol": 1e-7})
        return np.asarray(found.x)

    def slope(
        self, flat: np.ndarray, weights: np.ndarray, prior: tuple[float, float], towards: np.ndarray
    ) -> np.ndarray:
        """Of what ``fit`` makes small, shape (numbers,)."""
        return self._loss(flat, weights, prior, towards)[1]

    def _loss(
        self, flat: np.ndarray, weights: np.ndarray, prior: tuple[float, float], towards: np.ndarray
    ) -> tuple[float, np.ndarray]:
        classes, count = self.logs.shape[1], self.features.shape[1]
        precision = self.precision(prior)
        free = np.isfinite(precision)
        used = count if np.isfinite(prior[1]) else 1
        features, at, cut = self.features[:, :used], np.arange(len(self.logs)), count * classes
        told = _softmax(self.logs + features @ flat[: used * classes].reshape(used, classes), self.sure @ flat[cut:],
                        self.top)  # fmt: skip
        away = np.where(free, flat - towards, 0.0)
        held = np.where(free, precision, 0.0)
        value = -float(weights @ np.log(np.maximum(told[at, self.targets], 1e-300))) + 0.5 * float(held @ away**2)
        rest = told * weights[:, None]
        rest[at, self.targets] -= weights
        slope = np.zeros(self.size)
        slope[: used * classes] = (features.T @ rest).ravel()
        slope[cut:] = self.sure.T @ rest[at, self.top]
        return value, np.where(free, slope + held * away, 0.0)

    def inverse(self, flat: np.ndarray, prior: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
        """Inverse of the curvature at a tilt, shape (numbers, numbers), 0 for numbers that have to be 0; of many rows
        from some."""
        rows = len(self.logs)
        some = self.take(rng.permutation(rows)[:_CURVED]) if rows > _CURVED else self
        classes, count = self.logs.shape[1], self.features.shape[1]
        used, cut = (count if np.isfinite(prior[1]) else 1), count * classes
        features, sure, at = some.features[:, :used], some.sure, np.arange(len(some.logs))
        told = _softmax(some.logs + features @ flat[: used * classes].reshape(used, classes), sure @ flat[cut:],
                        some.top)  # fmt: skip
        free = np.flatnonzero(np.isfinite(self.precision(prior)))
        found = np.zeros((self.size, self.size))
        most = told[at, some.top]
        for one in range(classes):
            mine = np.arange(used) * classes + one
            for other in range(one, classes):
                theirs = np.arange(used) * classes + other
                curve = told[:, one] * ((one == other) - told[:, other])
                block = (features * curve[:, None]).T @ features
                found[np.ix_(mine, theirs)] = block
                found[np.ix_(theirs, mine)] = block.T
            curve = told[:, one] * ((some.top == one) - most)
            block = (features * curve[:, None]).T @ sure
            found[mine, cut:] = block
            found[cut:, mine] = block.T
        found[cut:, cut:] = (sure * (most * (1 - most))[:, None]).T @ sure
        inner = found[np.ix_(free, free)] * rows / len(some.logs) + np.diag(self.precision(prior)[free])
        turned = np.zeros_like(found)
        turned[np.ix_(free, free)] = np.linalg.inv(inner)
        return turned

    def losses(self, flat: np.ndarray) -> np.ndarray:
        """-log of the probability of the truth, shape (rows,)."""
        classes, count = self.logs.shape[1], self.features.shape[1]
        by_place = flat[: count * classes].reshape(count, classes)
        told = _softmax(self.logs + self.features @ by_place, self.sure @ flat[count * classes :], self.top)
        return np.asarray(-np.log(np.maximum(told[np.arange(len(told)), self.targets], 1e-300)))


def _logs(told: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-probabilities, the most probable class, and the log-odds of it."""
    inside = np.clip(told, _INSIDE, 1 - _INSIDE)
    top = inside.argmax(axis=1)
    most = inside[np.arange(len(inside)), top]
    return np.log(inside), top, np.log(most) - np.log1p(-most)


def _softmax(logs: np.ndarray, of_top: np.ndarray, top: np.ndarray) -> np.ndarray:
    raised = logs.copy()
    raised[np.arange(len(logs)), top] += of_top
    raised -= raised.max(axis=1, keepdims=True)
    np.exp(raised, out=raised)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
