"""Heads that are solved, not trained: logistic and ridge regression on fixed vectors.

Decisions: the whole path of penalties is solved from strong to weak, each start being the previous solution, and the
penalty with the lowest held-in loss is refitted on all rows; the objective is convex, so there is no seed, no learning
rate and nothing to be under-trained. Vectors are centred and scaled by one number, which keeps the penalty's meaning
the same for every source without changing the geometry.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from graft.core.errors import Diverged, InputError
from graft.core.seeds import generator
from graft.inputs.roles import Task

PENALTIES = (0.1, 0.03, 0.01, 0.003, 0.001, 3e-4)
WEIGHT_MODES = ("auto", "balanced", "none")
_ROUNDING = 1e-6
_ROWS_FOR_ONE_SPLIT = 4000
_INNER_FOLDS = 3


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


def class_weights(targets: np.ndarray, task: Task, outputs: int, *, mode: str = "auto") -> np.ndarray:
    """Weights that make up for imbalance, float32: per class, or per label for the positives of multi-label.

    mode: ``none``, ``balanced`` (inverse frequency), or ``auto`` (the square root of it once the largest class is
    three times the smallest, a compromise between rare classes and calibration). The mean weight of a row is one.
    Raises InputError for another mode.
    """
    if mode not in WEIGHT_MODES:
        raise InputError(
            f"class weights {mode!r}", needed=f"one of {', '.join(WEIGHT_MODES)}", fix="for example weights='auto'"
        )
    if task is Task.REGRESSION or mode == "none":
        return np.ones(outputs, np.float32)
    if task is Task.MULTILABEL:
        positive = np.clip(targets.mean(0), 1 / (len(targets) + 1), 1)
        ratio = (1 - positive) / positive
        return np.asarray(np.clip(ratio if mode == "balanced" else np.sqrt(ratio), 1, 20), np.float32)
    counts = np.maximum(np.bincount(targets, minlength=outputs), 1)
    weights = len(targets) / (outputs * counts)
    if mode == "auto":
        present = counts[np.bincount(targets, minlength=outputs) > 0]
        weights = np.sqrt(weights) if present.max() > 3 * present.min() else np.ones(outputs)
    return np.asarray(weights * len(targets) / (weights[targets].sum()), np.float32)


def loss_of(logits: torch.Tensor, targets: torch.Tensor, task: Task, weights: torch.Tensor) -> torch.Tensor:
    """Mean weighted loss: cross-entropy, binary cross-entropy over labels, or half the squared error."""
    if task is Task.REGRESSION:
        return 0.5 * functional.mse_loss(logits[:, 0], targets)
    if task is Task.MULTILABEL:
        return functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
    rows = functional.cross_entropy(logits, targets, reduction="none")
    return (rows * weights[targets]).mean()


def solve_head(
    vectors: np.ndarray,
    targets: np.ndarray,
    *,
    task: Task,
    outputs: int,
    weights: np.ndarray,
    seed: int,
    penalties: tuple[float, ...] = PENALTIES,
) -> LinearHead:
    """The head with the lowest held-in loss.

    vectors: float32 (rows, dimension). targets: class numbers int64, 0/1 matrix, or standardised values.
    outputs: columns of the result.
    """
    mean = vectors.mean(0)
    scale = float(np.sqrt(np.square(vectors - mean).mean()))
    if scale <= _ROUNDING * float(np.abs(mean).max()):
        # The vectors are all the same: what is left of them is rounding, and must not be blown up.
        scale = 1.0
    scaled = (vectors - mean) / scale
    solver = _Ridge if task is Task.REGRESSION else _Logistic
    penalty, start, held_loss = _best_penalty(solver, scaled, targets, task, outputs, weights, penalties, seed)
    final = solver(scaled, targets, task, outputs, weights)
    final.start_from(start)
    final.solve(penalty, exact=True)
    weight = np.asarray(final.weight / scale, np.float32)
    if not np.isfinite(weight).all():
        raise Diverged("solving the head gave infinite weights", needed="finite vectors", fix="check the source")
    bias = np.asarray(final.bias - weight @ mean, np.float32)
    return LinearHead(weight, bias, penalty, final.iterations, held_loss)


def _best_penalty(
    solver: "type[_Logistic] | type[_Ridge]",
    vectors: np.ndarray,
    targets: np.ndarray,
    task: Task,
    outputs: int,
    weights: np.ndarray,
    penalties: tuple[float, ...],
    seed: int,
) -> "tuple[float, _Logistic | _Ridge | None, float]":
    """The penalty with the lowest held-in loss, and a solution at it; the path is left once it has risen twice."""
    splits = _inner_splits(targets, task, seed) if len(penalties) > 1 else []
    if not splits:
        return penalties[0], None, float("nan")
    inside = [(solver(vectors[train], targets[train], task, outputs, weights), held) for train, held in splits]
    losses: list[float] = []
    starts = []
    for penalty in penalties:
        losses.append(sum(part.solve(penalty).loss(vectors[held], targets[held]) for part, held in inside))
        starts.append(inside[0][0].copy())
        if len(losses) > 2 and losses[-1] > losses[-2] > losses[-3]:
            break
    best = int(np.argmin(losses))
    return penalties[best], starts[best], losses[best] / len(inside)


def _inner_splits(targets: np.ndarray, task: Task, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = generator(seed, "inner splits")
    order = rng.permutation(len(targets))
    if task not in (Task.REGRESSION, Task.MULTILABEL):
        # Deal the rows of each class out in turn, so that every part has its share of every class.
        order = order[np.argsort(targets[order], kind="stable")]
    parts = _INNER_FOLDS if len(targets) < _ROWS_FOR_ONE_SPLIT else 5
    place = np.empty(len(targets), np.int64)
    place[order] = np.arange(len(targets)) % parts
    used = parts if len(targets) < _ROWS_FOR_ONE_SPLIT else 1
    if len(targets) < 2 * parts:
        return []
    return [(np.flatnonzero(place != part), np.flatnonzero(place == part)) for part in range(used)]


class _Logistic:
    """Multinomial or per-label logistic regression by L-BFGS; keeps its solution as the next start.

    The problem is solved in the eigenbasis of the vectors' covariance, each axis scaled by about the curvature along
    it: the same optimum in a fraction of the steps. Everything runs in one library's threads, because two thread
    pools that take turns every millisecond make each other ten times slower.
    """

    def __init__(self, vectors: np.ndarray, targets: np.ndarray, task: Task, outputs: int, weights: np.ndarray) -> None:
        x = torch.from_numpy(np.ascontiguousarray(vectors, np.float32))
        values, self._basis = torch.linalg.eigh(x.T @ x / len(x))
        self._rotated = x @ self._basis
        self._curvature = values.clamp(min=0) / outputs
        self._task = task
        self._y = torch.from_numpy(np.asarray(targets, np.float32 if task is Task.MULTILABEL else np.int64))
        self._weights = torch.from_numpy(weights)
        self._weight = torch.zeros(outputs, x.shape[1])
        self._bias = torch.zeros(outputs)
        self.iterations = 0

    @property
    def weight(self) -> np.ndarray:
        return np.asarray((self._weight @ self._basis.T).numpy())

    @property
    def bias(self) -> np.ndarray:
        return np.asarray(self._bias.numpy())

    def copy(self) -> "_Logistic":
        return copy.copy(self)

    def start_from(self, other: "_Logistic | _Ridge | None") -> None:
        """Begin at another problem's solution, turned into this problem's basis."""
        if isinstance(other, _Logistic):
            self._weight = other._weight @ other._basis.T @ self._basis
            self._bias = other._bias.clone()

    def solve(self, penalty: float, *, exact: bool = False) -> "_Logistic":
        scale = (self._curvature + penalty).rsqrt()
        x = self._rotated * scale
        ridge = penalty * scale.square()
        parameters = torch.cat([(self._weight / scale).ravel(), self._bias]).requires_grad_()
        size, shape = self._weight.numel(), self._weight.shape
        optimiser = torch.optim.LBFGS(
            [parameters],
            max_iter=100 if exact else 25,
            history_size=10,
            tolerance_grad=1e-5,
            tolerance_change=1e-7 if exact else 1e-5,
            line_search_fn="strong_wolfe",
        )

        def objective() -> torch.Tensor:
            with torch.no_grad():
                weight, bias = parameters[:size].view(shape), parameters[size:]
                value, slope = self._loss_and_slope(torch.addmm(bias, x, weight.T))
                gradient = torch.empty_like(parameters)
                torch.mm(slope.T, x, out=gradient[:size].view(shape))
                gradient[:size].view(shape).addcmul_(weight, ridge)
                gradient[size:] = slope.sum(0)
                parameters.grad = gradient
                self.iterations += 1
                total: torch.Tensor = (weight.square() * ridge).sum().mul_(0.5).add_(value)
                return total

        optimiser.step(objective)  # type: ignore[no-untyped-call]
        found = parameters.detach()
        self._weight = found[:size].view(shape) * scale
        self._bias = found[size:].clone()
        return self

    def _loss_and_slope(self, logits: torch.Tensor) -> tuple[float, torch.Tensor]:
        rows = len(logits)
        if self._task is Task.MULTILABEL:
            per_cell = 1 + (self._weights - 1) * self._y
            value = functional.binary_cross_entropy_with_logits(logits, self._y, weight=per_cell)
            return float(value), (torch.sigmoid(logits) - self._y).mul_(per_cell).div_(logits.numel())
        log_p = torch.log_softmax(logits, 1)
        row_weight = self._weights[self._y]
        value = -(log_p.gather(1, self._y[:, None])[:, 0] * row_weight).double().mean()
        slope = log_p.exp_()
        slope[torch.arange(rows), self._y] -= 1
        return float(value), slope.mul_(row_weight[:, None] / rows)

    def loss(self, vectors: np.ndarray, targets: np.ndarray) -> float:
        logits = torch.from_numpy(np.asarray(vectors @ self.weight.T + self.bias, np.float32))
        labels = torch.from_numpy(np.asarray(targets, np.float32 if self._task is Task.MULTILABEL else np.int64))
        return float(loss_of(logits, labels, self._task, self._weights))


class _Ridge:
    """Ridge regression through one eigendecomposition for the whole path."""

    def __init__(self, vectors: np.ndarray, targets: np.ndarray, task: Task, outputs: int, weights: np.ndarray) -> None:
        x, y = np.asarray(vectors, np.float64), np.asarray(targets, np.float64).reshape(len(targets), -1)
        self._mean_x, self._mean_y = x.mean(0), y.mean(0)
        x, y = x - self._mean_x, y - self._mean_y
        self._values, self._basis = np.linalg.eigh(x.T @ x / len(x))
        self._target = self._basis.T @ (x.T @ y / len(x))
        self.iterations = 1
        self.weight = np.zeros((1, x.shape[1]), np.float32)
        self.bias = np.zeros(1, np.float32)

    def copy(self) -> "_Ridge":
        return copy.copy(self)

    def start_from(self, other: "_Logistic | _Ridge | None") -> None:
        """Nothing: the solution is closed."""

    def solve(self, penalty: float, *, exact: bool = False) -> "_Ridge":
        weight = (self._basis @ (self._target / (np.maximum(self._values, 0)[:, None] + penalty))).T
        self.weight = weight.astype(np.float32)
        self.bias = (self._mean_y - weight @ self._mean_x).astype(np.float32)
        return self

    def loss(self, vectors: np.ndarray, targets: np.ndarray) -> float:
        predicted = np.asarray(vectors @ self.weight.T + self.bias)[:, 0]
        return float(0.5 * np.square(predicted - targets).mean())
