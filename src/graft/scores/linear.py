"""Heads that are solved, not trained: logistic and ridge regression on fixed vectors.

Decisions: a path of penalties is solved from the middle to weak, each start being the previous solution, until the
held-in loss has risen twice (stronger ones are tried when the first is best); the penalty with the lowest is refitted
on all rows; the objective is convex, so there is no seed, no learning rate and nothing to be under-trained. Vectors are
centred and scaled by one number, which keeps the penalty's meaning the same for every source without changing the
geometry. Class weights that make rare classes count as much as common ones make a better head of the same rows, and
tilt its probabilities; how far the tilt is taken back (not, half, wholly) is chosen with the penalty, by the plain log-
loss of held-in rows (``untilt``). With 800 rows of natural shares: log-loss 0.58 -> 0.42 on a set with one class in
five, while 50 classes with a long tail keep it. The grid is wide, because both of its ends are wanted: with 8 clear
rows a class the weakest penalties win, with hard texts or few rows the strongest.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from graft.core.blas import one_blas_thread, product
from graft.core.errors import Diverged, InputError
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.scores.logistic import LOOSE, Logistic

PENALTIES = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 3e-4, 1e-4)
RIDGE_PENALTIES = tuple(float(f"{value:.3g}") for value in np.geomspace(3e3, 1e-3, 14))
WEIGHT_MODES = ("auto", "balanced", "none")
_FIRST = 5  # where the path begins; stronger ones are tried when it is the best
_TAKEN_BACK = (1.0, 0.5, 0.0)
_ROUNDING = 1e-6
_ROWS_FOR_ONE_SPLIT = 4000
_INNER_FOLDS, _MANY_INNER_FOLDS = 3, 5
_ROWS_FOR_MANY = 400
_FEW_ROWS = 0.75
_CELLS_TOGETHER = 80_000


@dataclass(frozen=True)
class LinearHead:
    """Scores are ``vectors @ weight.T + bias``.

    weight: float32, shape (outputs, dimension). bias: float32, shape (outputs,). penalty: the one chosen, and
    ``held_loss`` the mean held-in loss that chose it (NaN when there was nothing to choose).
    """

    weight: np.ndarray
    bias: np.ndarray
    penalty: float
    iterations: int
    held_loss: float = float("nan")

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """Raw scores, float32, shape (rows, outputs)."""
        return np.asarray(vectors @ self.weight.T + self.bias, np.float32)


def class_weights(
    targets: np.ndarray, task: Task, outputs: int, *, mode: str | tuple[float, ...] = "auto"
) -> np.ndarray:
    """Weights that make up for imbalance, float32: per class, or per label for the positives of multi-label.

    mode: ``none``, ``balanced`` (inverse frequency), or ``auto`` (the square root of it once the largest class is
    three times the smallest, a compromise between rare classes and calibration); or a number for each class or label.
    The mean weight of a row is one.
    Raises InputError for another mode.
    """
    if isinstance(mode, str) and mode not in WEIGHT_MODES:
        raise InputError(
            f"class weights {mode!r}", needed=f"one of {', '.join(WEIGHT_MODES)}", fix="for example weights='auto'"
        )
    if task is Task.REGRESSION or mode == "none":
        return np.ones(outputs, np.float32)
    if task is Task.MULTILABEL and not isinstance(mode, str):
        return np.array(mode, np.float32)
    if task is Task.MULTILABEL:
        positive = np.clip(targets.mean(0), 1 / (len(targets) + 1), 1)
        ratio = (1 - positive) / positive
        return np.asarray(np.clip(ratio if mode == "balanced" else np.sqrt(ratio), 1, 20), np.float32)
    counts = np.maximum(np.bincount(targets, minlength=outputs), 1)
    weights = len(targets) / (outputs * counts) if isinstance(mode, str) else np.array(mode)
    if mode == "auto":
        present = counts[np.bincount(targets, minlength=outputs) > 0]
        weights = np.sqrt(weights) if present.max() > 3 * present.min() else np.ones(outputs)
    return np.asarray(weights * len(targets) / (weights[targets].sum()), np.float32)


def plain_loss(logits: np.ndarray, targets: np.ndarray, task: Task) -> float:
    """The usual loss of a task without weights, in NumPy: cross-entropy, binary cross-entropy over labels, or half the
    squared error."""
    if task is Task.REGRESSION:
        return float(0.5 * np.square(logits[:, 0] - targets).mean())
    if task is Task.MULTILABEL:
        return float((np.logaddexp(0, logits) - targets * logits).mean())
    highest = logits.max(axis=1, keepdims=True)
    total = np.exp(logits - highest).sum(axis=1, dtype=np.float64)
    own = logits[np.arange(len(targets)), targets]
    return float((np.log(total) + highest[:, 0] - own).mean())


def solve_head(
    vectors: np.ndarray,
    targets: np.ndarray,
    *,
    task: Task,
    outputs: int,
    weights: np.ndarray,
    seed: int,
    penalties: tuple[float, ...] | None = None,
    untilt: bool = False,
) -> LinearHead:
    """The head with the lowest held-in loss.

    vectors: float32 (rows, dimension). targets: class numbers int64, 0/1 matrix, or standardised values.
    outputs: columns of the result. penalties: from strong to weak; the wide grids above when None.
    untilt: take back what the weights did to the probabilities, as far as held-in rows say.
    Raises NotConverged when a solution cannot be proven, Diverged for vectors that are no numbers.
    """
    if penalties is None:
        penalties = RIDGE_PENALTIES if task is Task.REGRESSION else PENALTIES
    mean = vectors.mean(0)
    scale = float(np.sqrt(np.square(vectors - mean).mean()))
    if scale <= _ROUNDING * float(np.abs(mean).max()):
        # The vectors are all the same: what is left of them is rounding, and must not be blown up.
        scale = 1.0
    scaled, span = (vectors - mean) / scale, None
    with one_blas_thread():
        # NumPy's threads beside torch's, which still spin, took fourteen times as long; one is enough.
        if len(vectors) < _FEW_ROWS * vectors.shape[1]:
            # The best weights lie in the span of the rows (the representer theorem): fewer numbers, the same solution.
            left, values, span = np.linalg.svd(scaled, full_matrices=False)
            kept = values > values[0] * _ROUNDING
            scaled, span = left[:, kept] * values[kept], span[kept]
        solved = (_ridge if task is Task.REGRESSION else _logistic)(
            scaled, targets, task, outputs, weights, penalties, seed, untilt
        )
    weight = np.asarray((solved.weight if span is None else solved.weight @ span) / scale, np.float32)
    if not np.isfinite(weight).all():
        raise Diverged("solving the head gave infinite weights", needed="finite vectors", fix="check the source")
    return replace(solved, weight=weight, bias=np.asarray(solved.bias - product(weight, mean), np.float32))


def _logistic(
    vectors: np.ndarray,
    targets: np.ndarray,
    task: Task,
    outputs: int,
    weights: np.ndarray,
    penalties: tuple[float, ...],
    seed: int,
    untilt: bool,
) -> LinearHead:
    splits = inner_splits(targets, task, seed) if len(penalties) > 1 else []
    inside = _problems(vectors, targets, splits, outputs, weights)
    starts: dict[float, Logistic] = {}
    tilt = np.log(np.maximum(np.asarray(weights, np.float32), 1e-6))
    tilted = untilt and bool(np.ptp(tilt) > 0 if task is not Task.MULTILABEL else np.any(tilt != 0))
    taken = _TAKEN_BACK if tilted and splits else (0.0,)
    best: dict[float, float] = {}

    def held_loss(penalty: float) -> float:
        losses = []
        for problem, helds in inside:
            problem.solve(penalty, precision=LOOSE)
            for head, held in enumerate(helds):
                logits = problem.logits(vectors[held], head)
                # By plain log-loss: weights help the fit, not the judgement.
                losses.append([plain_loss(logits - np.float32(back) * tilt, targets[held], task) for back in taken])
        starts[penalty] = inside[0][0].copy()
        means = np.mean(losses, axis=0)
        best[penalty] = taken[int(means.argmin())]
        return float(means.min())

    penalty, held = (
        _lowest(penalties, held_loss, first=_FIRST if len(penalties) > 6 else 0) if splits else (penalties[0], math.nan)
    )
    final = Logistic(vectors, targets, outputs=outputs, weights=weights)
    if penalty in starts:
        final.start_from(starts[penalty])
    final.solve(penalty)
    bias = final.bias - np.float32(best.get(penalty, 0.0)) * tilt
    return LinearHead(final.weight, bias, penalty, final.evaluations, held)


def _problems(
    vectors: np.ndarray,
    targets: np.ndarray,
    splits: list[tuple[np.ndarray, np.ndarray]],
    outputs: int,
    weights: np.ndarray,
) -> list[tuple[Logistic, list[np.ndarray]]]:
    """The splits' problems, each with the rows its heads are judged on: small ones all in one, large ones apart."""
    if len(splits) > 1 and len(vectors) * outputs * len(splits) <= _CELLS_TOGETHER:
        parts = np.zeros((len(splits), len(vectors)), bool)
        for part, (train, _) in zip(parts, splits, strict=True):
            part[train] = True
        together = Logistic(vectors, targets, outputs=outputs, weights=weights, parts=parts)
        return [(together, [held for _, held in splits])]
    return [
        (Logistic(vectors[train], targets[train], outputs=outputs, weights=weights), [held]) for train, held in splits
    ]


class Ridge:
    """Ridge regression in closed form: half the mean squared error plus half the penalty times the squared weights.

    One eigendecomposition serves every penalty.

    vectors: (rows, dimension). targets: (rows,), standardised.
    """

    def __init__(self, vectors: np.ndarray, targets: np.ndarray) -> None:
        x, y = np.asarray(vectors, np.float64), np.asarray(targets, np.float64).reshape(len(targets), -1)
        self._mean_x, self._mean_y = x.mean(0), y.mean(0)
        x, y = x - self._mean_x, y - self._mean_y
        self._values, self._basis = np.linalg.eigh(x.T @ x / len(x))
        self._target = self._basis.T @ (x.T @ y / len(x))
        self.weight = np.zeros((1, x.shape[1]), np.float32)
        self.bias = np.zeros(1, np.float32)

    def solve(self, penalty: float) -> None:
        """Set ``weight`` (1, dimension) and ``bias`` (1,) to the optimum."""
        weight = (self._basis @ (self._target / (np.maximum(self._values, 0)[:, None] + penalty))).T
        self.weight = weight.astype(np.float32)
        self.bias = (self._mean_y - weight @ self._mean_x).astype(np.float32)


def _ridge(
    vectors: np.ndarray,
    targets: np.ndarray,
    task: Task,
    outputs: int,
    weights: np.ndarray,
    penalties: tuple[float, ...],
    seed: int,
    untilt: bool,
) -> LinearHead:
    splits = inner_splits(targets, task, seed) if len(penalties) > 1 else []
    inside = [Ridge(vectors[train], targets[train]) for train, _ in splits]

    def held_loss(penalty: float) -> float:
        losses = []
        for part, (_, held) in zip(inside, splits, strict=True):
            part.solve(penalty)
            predicted = (vectors[held] @ part.weight.T + part.bias)[:, 0]
            losses.append(0.5 * np.square(predicted - targets[held]).mean())
        return float(np.mean(losses))

    penalty, held = _lowest(penalties, held_loss) if splits else (penalties[0], math.nan)
    final = Ridge(vectors, targets)
    final.solve(penalty)
    return LinearHead(final.weight, final.bias, penalty, 1, held)


def _lowest(
    penalties: tuple[float, ...], held_loss: Callable[[float], float], *, first: int = 0
) -> tuple[float, float]:
    """The penalty with the lowest loss on a path that falls and then rises, and that loss.

    first: where the path begins; stronger penalties are tried, one by one, when that is the best from there on.
    """
    losses: dict[int, float] = {}
    for place in range(first, len(penalties)):
        losses[place] = held_loss(penalties[place])
        if place - first > 1 and min(losses[place], losses[place - 1]) > min(losses.values()):
            break
    for place in range(first - 1, -1, -1):
        if min(losses, key=losses.__getitem__) != place + 1:
            break
        losses[place] = held_loss(penalties[place])
    best = min(losses, key=losses.__getitem__)
    return penalties[best], losses[best]


def inner_splits(targets: np.ndarray, task: Task, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions to learn from and to judge by, for what is chosen among training rows; none when they are few."""
    rng = generator(seed, "inner splits")
    order = rng.permutation(len(targets))
    if task not in (Task.REGRESSION, Task.MULTILABEL):
        # Deal the rows of each class out in turn, so that every part has its share of every class.
        order = order[np.argsort(targets[order], kind="stable")]
    parts = _INNER_FOLDS if _ROWS_FOR_MANY <= len(targets) < _ROWS_FOR_ONE_SPLIT else _MANY_INNER_FOLDS
    place = np.empty(len(targets), np.int64)
    place[order] = np.arange(len(targets)) % parts
    used = parts if len(targets) < _ROWS_FOR_ONE_SPLIT else 1
    if len(targets) < 2 * parts:
        return []
    return [(np.flatnonzero(place != part), np.flatnonzero(place == part)) for part in range(used)]
