"""Logistic regression solved to its optimum: Newton's method with conjugate gradients.

Decisions: the problem is solved in the eigenbasis of the vectors' covariance, where dividing by about the curvature
along each axis and output makes the conjugate gradients short; nothing larger than the weights is ever stored, and a
product with the second derivatives costs as much as a gradient. It stops when the Newton decrement, the distance of the
objective from its minimum, is small, and not when steps become short, which they also do in a narrow valley. Everything
runs in one library's threads, because two thread pools that take turns every millisecond make each other slow.

Nocedal & Wright (2006), Numerical Optimization, algorithm 7.1 (line search Newton-CG).
"""

import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from graft.representations.backbone import native_precision

_SUFFICIENT = 1e-4
_SHORTEST = 1e-4
_ROUNDING = 2e-7


@dataclass(frozen=True)
class Precision:
    """How far a solution is followed.

    gap: distance from the least objective. newton, products: most Newton steps, and most products with the second
    derivatives in each.
    """

    gap: float
    newton: int
    products: int


EXACT = Precision(gap=1e-5, newton=40, products=100)
LOOSE = Precision(gap=1e-2, newton=10, products=15)


class _Loss(Protocol):
    """A mean loss of logits with its first two derivatives along them."""

    def value(self, logits: torch.Tensor) -> float: ...

    def slope(self, logits: torch.Tensor) -> "tuple[torch.Tensor, _Bend]":
        """The first derivative, shape of the logits, and what the second one is made of."""
        ...


class _Bend(Protocol):
    """The second derivative of a loss along its logits."""

    def times(self, moved: torch.Tensor) -> torch.Tensor:
        """Product with a change of the logits; may overwrite it."""
        ...

    def mean(self) -> torch.Tensor:
        """Its mean diagonal, one number per output."""
        ...


@dataclass(frozen=True)
class _SoftmaxBend:
    p: torch.Tensor
    share: torch.Tensor

    def times(self, moved: torch.Tensor) -> torch.Tensor:
        moved.mul_(self.p)
        return moved.addcmul_(self.p, moved.sum(1, keepdim=True), value=-1).mul_(self.share)

    def mean(self) -> torch.Tensor:
        return (self.p * (1 - self.p) * self.share).sum(0)


@dataclass(frozen=True)
class _Softmax:
    """Cross-entropy. targets: class numbers, shape (rows,). share: weight of each row, shape (rows, 1)."""

    targets: torch.Tensor
    share: torch.Tensor

    def value(self, logits: torch.Tensor) -> float:
        rows = functional.cross_entropy(logits, self.targets, reduction="none")
        return float((rows.double() * self.share[:, 0]).sum())

    def slope(self, logits: torch.Tensor) -> tuple[torch.Tensor, _SoftmaxBend]:
        p = torch.softmax(logits, 1)
        slope = p.clone()
        slope[torch.arange(len(p)), self.targets] -= 1
        return slope.mul_(self.share), _SoftmaxBend(p, self.share)


@dataclass(frozen=True)
class _SigmoidBend:
    diagonal: torch.Tensor

    def times(self, moved: torch.Tensor) -> torch.Tensor:
        return moved.mul_(self.diagonal)

    def mean(self) -> torch.Tensor:
        return self.diagonal.sum(0)


@dataclass(frozen=True)
class _Sigmoid:
    """Binary cross-entropy of every cell. targets: 0 or 1, and share: weight of each cell; both (rows, outputs)."""

    targets: torch.Tensor
    share: torch.Tensor

    def value(self, logits: torch.Tensor) -> float:
        cells = functional.binary_cross_entropy_with_logits(logits, self.targets, reduction="none")
        return float((cells.double() * self.share).sum())

    def slope(self, logits: torch.Tensor) -> tuple[torch.Tensor, _SigmoidBend]:
        p = torch.sigmoid(logits)
        return (p - self.targets).mul_(self.share), _SigmoidBend(p * (1 - p) * self.share)


class Logistic:
    """Multinomial or per-label logistic regression; keeps its solution as the start of the next one.

    vectors: float32 (rows, dimension). targets: class numbers int64 (rows,), or a 0/1 matrix (rows, outputs).
    weights: per class, or per label for its positives; float32 (outputs,).
    """

    def __init__(self, vectors: np.ndarray, targets: np.ndarray, *, outputs: int, weights: np.ndarray) -> None:
        x = torch.from_numpy(np.ascontiguousarray(vectors, np.float32))
        values, self._basis = torch.linalg.eigh(x.T @ x / len(x))
        # The bias is the weight of a column of ones that no penalty touches.
        self._x = torch.cat([x @ self._basis, torch.ones(len(x), 1)], 1)
        self._quick_x = self._x.to(native_precision())
        self._spread = torch.cat([values.clamp(min=0), torch.ones(1)])
        self._weight = torch.zeros(outputs, self._x.shape[1])
        self._loss = _loss(targets, torch.from_numpy(np.asarray(weights, np.float32)))
        self.iterations = 0

    @property
    def weight(self) -> np.ndarray:
        """float32, shape (outputs, dimension)."""
        return np.asarray((self._weight[:, :-1] @ self._basis.T).numpy())

    @property
    def bias(self) -> np.ndarray:
        """float32, shape (outputs,)."""
        return np.asarray(self._weight[:, -1].clone().numpy())

    def copy(self) -> "Logistic":
        """The same problem and solution; solving one leaves the other."""
        return copy.copy(self)

    def start_from(self, other: "Logistic") -> None:
        """Begin at another problem's solution, turned into this problem's basis."""
        turned = other._weight[:, :-1] @ other._basis.T @ self._basis
        self._weight = torch.cat([turned, other._weight[:, -1:]], 1)

    def solve(self, penalty: float, *, precision: Precision = EXACT) -> None:
        """Minimise the mean loss plus half the penalty times the squared weights."""
        ridge = torch.full((self._x.shape[1],), penalty)
        ridge[-1] = 0
        value, first = self._objective(self._weight, ridge), 0.0
        for _ in range(precision.newton):
            slope, bend = self._loss.slope(self._x @ self._weight.T)
            gradient = (slope.T @ self._x).addcmul_(self._weight, ridge)
            size = float(gradient.norm())
            first = first or size
            # The closer to the optimum, the more exact the direction must be (the superlinear forcing sequence).
            forcing = min(0.25, max(0.03, (size / first) ** 0.5)) if size else 0.0
            direction = self._direction(gradient, bend, ridge, forcing, precision.products)
            gain = -float((gradient * direction).sum())
            if not gain > 0:
                break
            value, moved = self._line_search(direction, gain, value, ridge)
            if not moved or gain < 2 * precision.gap:
                break

    def _objective(self, weight: torch.Tensor, ridge: torch.Tensor) -> float:
        penalised = 0.5 * float((weight.square() * ridge).sum(dtype=torch.float64))
        return self._loss.value(self._x @ weight.T) + penalised

    def _direction(
        self, gradient: torch.Tensor, bend: _Bend, ridge: torch.Tensor, forcing: float, products: int
    ) -> torch.Tensor:
        """The Newton direction to a relative precision, by preconditioned conjugate gradients."""
        scale = (bend.mean()[:, None] * self._spread + ridge).clamp_(min=1e-12).reciprocal_()
        direction, residual = torch.zeros_like(gradient), -gradient
        scaled = residual * scale
        search = scaled.clone()
        left = float((residual * scaled).sum())
        enough = left * forcing**2
        for _ in range(products):
            moved = bend.times((self._quick_x @ search.T.to(self._quick_x.dtype)).float())
            curved = (moved.to(self._quick_x.dtype).T @ self._quick_x).float().addcmul_(search, ridge)
            self.iterations += 1
            along = float((search * curved).sum())
            if not along > 0:
                break
            direction.add_(search, alpha=left / along)
            residual.add_(curved, alpha=-left / along)
            scaled = residual * scale
            before, left = left, float((residual * scaled).sum())
            if left <= enough:
                break
            search.mul_(left / before).add_(scaled)
        return direction

    def _line_search(
        self, direction: torch.Tensor, gain: float, value: float, ridge: torch.Tensor
    ) -> tuple[float, bool]:
        """Halve the step until the objective falls as it should; the new objective and whether anything moved."""
        step = 1.0
        while step > _SHORTEST:
            there = self._weight.add(direction, alpha=step)
            reached = self._objective(there, ridge)
            if reached <= value - _SUFFICIENT * step * gain + _ROUNDING * abs(value):
                self._weight = there
                return reached, True
            step /= 2
        return value, False


def _loss(targets: np.ndarray, weights: torch.Tensor) -> _Loss:
    if targets.ndim == 1:
        labels = torch.from_numpy(np.asarray(targets, np.int64))
        return _Softmax(labels, weights[labels][:, None] / len(labels))
    cells = torch.from_numpy(np.asarray(targets, np.float32))
    return _Sigmoid(cells, (1 + (weights - 1) * cells) / cells.numel())
