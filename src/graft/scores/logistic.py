"""Logistic regression solved to its optimum, with a proof: SciPy's L-BFGS on the exact objective.

Decisions: the objective is convex, so a solution can be certified. With the penalty lambda on the weights it is at most
``|gradient|^2 / (2 lambda)`` above the least value (strong convexity along the weights; along the biases, which no
penalty touches, the gradient is made to vanish by the optimiser and weighed by the share of the rarest class). Every
solution is checked against that bound after it was found; one that misses it is followed further in double precision,
and one that still misses raises NotConverged, because a head that stopped short in silence once shipped with half its
score. Everything runs in NumPy's threads alone: two thread pools that take turns every millisecond make each other
slow.

Our own Newton-CG solver stood here before. It was no faster than this one (900 rows, 150 classes, one core: 0.6 s
against 0.5 s at a penalty of 0.01) and broke off on 7 of 24 cold starts with 150 classes.

Liu & Nocedal (1989), On the limited memory BFGS method; Boyd & Vandenberghe (2004), section 9.1.2, for the bound.
"""

import copy
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from graft.core.errors import Diverged

_ROUNDS = 4


@dataclass(frozen=True)
class Precision:
    """How far a solution is followed.

    gap: most it may lie above the least objective, in nats a row. evaluations: most. corrections: steps the optimiser
    looks back on; few are quicker and stop a little earlier.
    """

    gap: float
    evaluations: int
    corrections: int = 10


EXACT = Precision(gap=2e-6, evaluations=3000)
LOOSE = Precision(gap=3e-3, evaluations=400, corrections=5)


class NotConverged(Diverged):
    """A solver that could not prove its solution."""


class Logistic:
    """Multinomial or per-label logistic regression; keeps its solution as the start of the next one.

    vectors: (rows, dimension). targets: class numbers int64 (rows,), or a 0/1 matrix (rows, outputs).
    weights: per class, or per label for its positives; (outputs,). parts: which rows each of several heads learns from,
    bool, (heads, rows); one head of all rows when None. Heads on small parts of the same rows are solved together in
    half of the time or less: what takes long is not arithmetic but the way to it.
    """

    def __init__(
        self,
        vectors: np.ndarray,
        targets: np.ndarray,
        *,
        outputs: int,
        weights: np.ndarray,
        parts: np.ndarray | None = None,
    ) -> None:
        self._x = np.ascontiguousarray(vectors, np.float32)
        self._targets = np.asarray(targets)
        inside = np.ones((1, len(self._x)), bool) if parts is None else np.asarray(parts)
        each = (inside / inside.sum(axis=1, keepdims=True)).T  # a row's part of the mean, (rows, heads)
        if self._targets.ndim == 1:
            self._share = np.asarray(weights, np.float64)[self._targets][:, None] * each
        else:
            cells = 1 + (np.asarray(weights, np.float64) - 1) * self._targets.astype(np.float64)
            self._share = cells[:, None, :] * each[:, :, None] / outputs
        self._rarest = min(_rarest(self._targets[rows]) for rows in inside)
        self._weight = np.zeros((len(inside), outputs, self._x.shape[1] + 1))
        self.evaluations = 0
        self.gap = float("inf")

    @property
    def weight(self) -> np.ndarray:
        """float32, shape (outputs, dimension); of the first head."""
        return self._weight[0, :, :-1].astype(np.float32)

    @property
    def bias(self) -> np.ndarray:
        """float32, shape (outputs,); of the first head."""
        return self._weight[0, :, -1].astype(np.float32)

    def logits(self, vectors: np.ndarray, head: int) -> np.ndarray:
        """Raw scores by one of the heads, float32, shape (rows, outputs)."""
        own = self._weight[head].astype(np.float32)
        return np.asarray(vectors @ own[:, :-1].T + own[:, -1], np.float32)

    def copy(self) -> "Logistic":
        """The same problem and solution; solving one leaves the other."""
        return copy.copy(self)

    def start_from(self, other: "Logistic") -> None:
        """Begin at another problem's solution; at that of its first head where this has one."""
        self._weight = other._weight[: len(self._weight)].copy()

    def solve(self, penalty: float, *, precision: Precision = EXACT) -> None:
        """Minimise the mean loss plus half the penalty times the squared weights.

        Raises NotConverged when the solution cannot be shown to lie within ``precision.gap`` of the least objective.
        """
        tolerance = float(np.sqrt(2 * min(penalty, self._rarest) * precision.gap))
        vectors = self._x
        for round_ in range(_ROUNDS):
            start = self._weight if np.isfinite(self._weight).all() and round_ < _ROUNDS - 1 else 0 * self._weight
            found = optimize.minimize(
                self._objective,
                np.nan_to_num(start).ravel(),
                args=(vectors, penalty),
                jac=True,
                method="L-BFGS-B",
                options={
                    "maxcor": precision.corrections * (1 + round_),
                    "maxfun": precision.evaluations * (1 + 9 * round_),
                    "maxiter": precision.evaluations * (1 + 9 * round_),
                    # The largest entry of a gradient of length t is at least t / sqrt(entries), usually far above.
                    "gtol": tolerance / min(20.0 * 4**round_, np.sqrt(self._weight.size)),
                    "ftol": 0.0,
                },
            )
            self._weight = found.x.reshape(self._weight.shape)
            slope = np.square(found.jac.reshape(self._weight.shape))
            gaps = slope[..., :-1].sum(axis=(1, 2)) / penalty + slope[..., -1].sum(axis=1) / min(penalty, self._rarest)
            self.gap = float(gaps.max()) / 2
            if np.isfinite(found.fun) and self.gap <= precision.gap:
                return
            if round_:
                vectors = self._x.astype(np.float64)  # rounding in single precision may have stopped it
        raise NotConverged(
            f"a head of {self._weight.shape[1]} outputs, {len(self._x)} rows: {self.gap:.2g} nats above its optimum",
            needed=f"at most {precision.gap:g}",
            fix="this is a fault of Graft: please report it with the source and the number of rows and classes",
        )

    def _objective(self, flat: np.ndarray, vectors: np.ndarray, penalty: float) -> tuple[float, np.ndarray]:
        """The objective and its gradient, float64."""
        self.evaluations += 1
        weight = flat.reshape(self._weight.shape)
        heads, outputs, width = weight.shape
        rows = weight.reshape(heads * outputs, width)
        logits = vectors @ rows[:, :-1].T.astype(vectors.dtype) + rows[:, -1].astype(vectors.dtype)
        loss, residual = self._loss(logits.reshape(-1, heads, outputs))
        residual = residual.reshape(len(vectors), -1)
        gradient = np.empty_like(rows)
        gradient[:, :-1] = residual.T @ vectors
        gradient[:, :-1] += penalty * rows[:, :-1]
        gradient[:, -1] = residual.sum(axis=0, dtype=np.float64)
        return loss + 0.5 * penalty * float(np.square(rows[:, :-1]).sum()), gradient.ravel()

    def _loss(self, logits: np.ndarray) -> tuple[float, np.ndarray]:
        """The sum over heads of the mean loss, and its derivative along the logits, of the logits' type and shape."""
        if self._targets.ndim == 1:
            rows = np.arange(len(logits))
            logits -= logits.max(axis=2, keepdims=True)
            own = logits[rows, :, self._targets].astype(np.float64)
            p = np.exp(logits, out=logits)
            total = p.sum(axis=2, dtype=np.float64)
            loss = float((self._share * (np.log(total) - own)).sum())
            p *= (self._share / total)[:, :, None].astype(p.dtype)
            p[rows, :, self._targets] -= self._share.astype(p.dtype)
            return loss, p
        targets = self._targets[:, None, :]
        loss = float((self._share * (np.logaddexp(0, logits) - targets * logits)).sum(dtype=np.float64))
        return loss, ((special.expit(logits) - targets) * self._share).astype(logits.dtype)


def _rarest(targets: np.ndarray) -> float:
    """The share of the rarest class, or of the rarest label, among those that are there."""
    counts = np.bincount(targets) if targets.ndim == 1 else targets.sum(axis=0)
    return float(counts[counts > 0].min(initial=len(targets)) / len(targets))
