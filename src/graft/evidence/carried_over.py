"""Whether what the reference showed carries over to rows that lie elsewhere, which no score tells.

Where inputs move, rows of one score are right a little more or less often than before. How much that may be is read
off the reference: what its rows lie from what was expected of them is held against where they lie. A ridge along the
leading directions of the inputs says what that comes to at the middle of the batch, and how sure that is: nothing where
the batch lies as the reference does, more the further it moved.

Decisions: how much residuals vary by place is not known either, so their share is given a grid from none up, and each
draw takes one by how likely it makes the residuals (Bayesian ridge). A single best share would be none in many a
reference, and its intervals too narrow.

Robins, Rotnitzky & Zhao (1994); Särndal, Swensson & Wretman (1992) for the regression estimator; MacKay (1992),
Bayesian Interpolation.
"""

from dataclasses import dataclass

import numpy as np

DIRECTIONS, _SOME = 16, 5_000
# The variance along one direction, in parts of that of a residual.
SHARES = np.array([0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1])


@dataclass(frozen=True, eq=False)
class Places:
    """Where rows lie. reference: along the leading directions, each of deviation 1 and middle 0, (rows, directions).
    moved: the middle of the batch, (directions,)."""

    reference: np.ndarray
    moved: np.ndarray


@dataclass(frozen=True, eq=False)
class Carried:
    """What is to be added to a mean. mean: expected. draws: of it, shape (draws,)."""

    mean: float
    draws: np.ndarray


def places(reference: np.ndarray, current: np.ndarray, *, rng: np.random.Generator) -> Places | None:
    """Where rows of both lie; None where they do not vary, or the reference is too small to tell.

    reference, current: what the model sees of each row, shapes (rows, columns).
    """
    if reference.ndim != 2 or not reference.shape[1] or reference.shape[1:] != current.shape[1:]:
        return None
    if len(reference) < 4 * DIRECTIONS or not len(current):
        return None
    before = np.asarray(reference, np.float64)
    middle, spread = before.mean(axis=0), before.std(axis=0)
    varied = spread > 1e-9 * (1 + np.abs(middle))
    if not varied.any():
        return None
    scaled = (before[:, varied] - middle[varied]) / spread[varied]
    now = (np.asarray(current, np.float64).mean(axis=0)[varied] - middle[varied]) / spread[varied]
    some = scaled if len(scaled) <= _SOME else scaled[rng.permutation(len(scaled))[:_SOME]]
    sizes, turned = np.linalg.eigh(some.T @ some / len(some))
    kept = np.flatnonzero(sizes > 1e-6 * sizes[-1])[::-1][:DIRECTIONS]
    turned = turned[:, kept] / np.sqrt(sizes[kept])
    return Places(scaled @ turned, now @ turned)


def carried(rest: np.ndarray, lies: Places, *, effect: float, draws: int, rng: np.random.Generator) -> Carried:
    """What residuals of the reference come to at the middle of the batch, beyond their mean.

    rest: of the reference rows, shape (rows,). effect: how many times the variance of a mean grows since rows belong
    together.

    >>> rng = np.random.default_rng(0)
    >>> before, now = rng.normal(size=(2000, 2)), rng.normal(size=(500, 2)) + [1.0, 0.0]
    >>> lies = places(np.tile(before, 1), now, rng=rng)
    >>> found = carried(0.2 * before[:, 0] + rng.normal(size=2000), lies, effect=1.0, draws=400, rng=rng)
    >>> round(found.mean, 1), bool(0.02 < found.draws.std() < 0.06)
    (0.2, True)
    """
    centred = np.asarray(rest, np.float64) - float(np.mean(rest))
    rows = len(centred)
    total = float(centred @ centred)
    if total <= 0:
        return Carried(0.0, np.zeros(draws))
    sizes, turned = np.linalg.eigh(lies.reference.T @ lies.reference)
    sizes = np.maximum(sizes, 0.0)
    along = turned.T @ (lies.reference.T @ centred)
    way = turned.T @ lies.moved
    shrunk = SHARES[:, None] / (1 + SHARES[:, None] * sizes)
    left = np.maximum(total - shrunk @ along**2, 1e-12 * total)
    likely = -0.5 * (np.log1p(SHARES[:, None] * sizes).sum(axis=1) + rows / effect * np.log(left))
    weights = np.exp(likely - likely.max())
    weights /= weights.sum()
    means = shrunk @ (along * way)
    deviations = np.sqrt(effect * left / rows * (shrunk @ way**2))
    taken = rng.choice(len(SHARES), size=draws, p=weights)
    return Carried(float(weights @ means), means[taken] + deviations[taken] * rng.normal(size=draws))
