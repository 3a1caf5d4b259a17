"""Heads on real sentence vectors, where Gaussian ones are too kind: the solver against SciPy in double precision."""

from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, special

from graft.scores.logistic import EXACT, LOOSE, Logistic, NotConverged, Precision

CASE = Path(__file__).resolve().parents[3] / "shared" / "cases" / "28-head-solver" / "vectors.npz"
pytestmark = [pytest.mark.realdata, pytest.mark.skipif(not CASE.is_file(), reason="the real vectors are not there")]


def rows_of(classes: int, per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """Some rows of the first classes, their targets counted from 0."""
    with np.load(CASE) as stored:
        vectors, targets = stored["X"], stored["y"].astype(np.int64)
    chosen = np.concatenate([np.flatnonzero(targets == label)[:per_class] for label in np.unique(targets)[:classes]])
    return vectors[chosen], np.unique(targets[chosen], return_inverse=True)[1]


def objective(flat, vectors, targets, penalty, classes):
    weight = flat.reshape(classes, -1)
    logits = vectors @ weight[:, :-1].T + weight[:, -1]
    log_p = special.log_softmax(logits, axis=1)
    gap = (np.exp(log_p) - np.eye(classes)[targets]) / len(vectors)
    slope = np.column_stack([gap.T @ vectors + penalty * weight[:, :-1], gap.sum(axis=0)])
    loss = -log_p[np.arange(len(vectors)), targets].mean() + penalty / 2 * np.square(weight[:, :-1]).sum()
    return float(loss), slope.ravel()


def least(vectors, targets, penalty, classes) -> float:
    start = np.zeros(classes * (vectors.shape[1] + 1))
    found = optimize.minimize(
        objective,
        start,
        args=(vectors.astype(np.float64), targets, penalty, classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 20_000, "maxfun": 20_000, "ftol": 0.0, "gtol": 1e-7, "maxcor": 30},
    )
    return float(found.fun)


def reached(problem: Logistic, vectors, targets, penalty, classes) -> float:
    flat = np.column_stack([problem.weight, problem.bias]).astype(np.float64).ravel()
    return objective(flat, vectors.astype(np.float64), targets, penalty, classes)[0]


@pytest.mark.parametrize("per_class", [3, 6])
@pytest.mark.parametrize("classes", [2, 5, 20, *(pytest.param(many, marks=pytest.mark.slow) for many in (64, 77, 150))])
def test_every_head_reaches_the_least_objective_cold_and_warm(classes, per_class):
    vectors, targets = rows_of(classes, per_class)
    warm = Logistic(vectors, targets, outputs=classes, weights=np.ones(classes))
    for penalty in (3.0, 0.03, 0.003, 3e-4):
        best = least(vectors, targets, penalty, classes)
        cold = Logistic(vectors, targets, outputs=classes, weights=np.ones(classes))
        for problem in (warm, cold):
            problem.solve(penalty, precision=EXACT)
            above = reached(problem, vectors, targets, penalty, classes) - best
            assert above < 1e-5
            assert above <= problem.gap + 1e-5  # the certificate holds, up to the rounding of float32 weights


def test_a_loose_solution_is_as_near_as_it_says():
    vectors, targets = rows_of(64, 6)
    for penalty in (0.1, 0.001):
        problem = Logistic(vectors, targets, outputs=64, weights=np.ones(64))
        problem.solve(penalty, precision=LOOSE)
        assert reached(problem, vectors, targets, penalty, 64) - least(vectors, targets, penalty, 64) < LOOSE.gap


def test_a_solution_that_cannot_be_proven_is_an_error():
    vectors, targets = rows_of(20, 6)
    problem = Logistic(vectors, targets, outputs=20, weights=np.ones(20))
    with pytest.raises(NotConverged, match="nats above its optimum"):
        problem.solve(3e-4, precision=Precision(gap=1e-12, evaluations=2))
