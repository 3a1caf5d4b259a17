"""Solved heads against scikit-learn's optimum of the same objective.

The objective is mean weighted loss + penalty / 2 * ||W'||^2 with W' on vectors that were centred and divided by one
number, so scikit-learn is given those vectors, with C = 1 / (rows * penalty), or alpha = rows * penalty.
"""

import numpy as np
import pytest
from scipy.special import expit, log_softmax
from sklearn.linear_model import LogisticRegression, Ridge

from graft.inputs import Task
from graft.scores.linear import PENALTIES, RIDGE_PENALTIES, class_weights, solve_head

SHAPES = [(400, 12), (60, 150)]
# Of the objective, and of the coefficients relative to their length: the weaker the penalty, the flatter the optimum,
# and the solver works in float32.
WITHIN = {0.03: (1e-6, 3e-3), 0.001: (1e-5, 2e-2)}


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Distance relative to the length of ``theirs``."""
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def vectors_of(rows: int, dimension: int, seed: int = 0) -> np.ndarray:
    """Off-centre, with directions of very different size, as real vectors are."""
    rng = np.random.default_rng(seed)
    spread = (
        rng.normal(size=(rows, dimension))
        * np.geomspace(3, 0.1, dimension)
        @ np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    )
    return (0.05 * (spread + rng.normal(size=dimension))).astype(np.float32)


def scaled_of(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    wide = vectors.astype(np.float64)
    mean = wide.mean(0)
    scale = np.sqrt(np.square(wide - mean).mean())
    return (wide - mean) / scale, mean, scale


def classes_of(vectors: np.ndarray, classes: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scaled, _, _ = scaled_of(vectors)
    logits = scaled @ rng.normal(size=(vectors.shape[1], classes)) + np.linspace(0, 1.5, classes)
    return (logits + rng.gumbel(size=logits.shape) * 2).argmax(1)


def objective(weight: np.ndarray, bias: np.ndarray, scaled: np.ndarray, y: np.ndarray, weights: np.ndarray, penalty):
    log_p = log_softmax(scaled @ weight.T + bias, axis=1)
    loss = -(log_p[np.arange(len(y)), y] * weights[y]).mean()
    return loss + penalty / 2 * np.square(weight).sum()


def theirs_of(scaled, y, classes: int, weights, penalty) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's weight and bias, one row per class."""
    rows = len(y)
    # Two classes are one row in scikit-learn: w = W1 - W0 and W1 = -W0, so ||W||^2 is half of ||w||^2.
    strength = 1 / (rows * penalty / 2) if classes == 2 else 1 / (rows * penalty)
    model = LogisticRegression(C=strength, tol=1e-10, max_iter=20_000)
    model.fit(scaled, y, sample_weight=weights[y].astype(np.float64))
    if classes == 2:
        return np.vstack([-model.coef_, model.coef_]) / 2, np.array([-model.intercept_[0], model.intercept_[0]]) / 2
    return model.coef_, model.intercept_ - model.intercept_.mean()


def ours_of(head, mean, scale) -> tuple[np.ndarray, np.ndarray]:
    weight = head.weight.astype(np.float64)
    bias = head.bias + weight @ mean
    return weight * scale, bias - (bias.mean() if len(bias) > 1 else 0)


@pytest.mark.parametrize("mode", ["none", "balanced"])
@pytest.mark.parametrize("penalty", WITHIN)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("shape", SHAPES, ids=["tall", "wide"])
def test_logistic_is_scikit_learns_optimum(shape, classes, penalty, mode):
    vectors = vectors_of(*shape)
    y = classes_of(vectors, classes)
    task = Task.BINARY if classes == 2 else Task.MULTICLASS
    weights = class_weights(y, task, classes, mode=mode)
    head = solve_head(vectors, y, task=task, outputs=classes, weights=weights, seed=0, penalties=(penalty,))
    scaled, mean, scale = scaled_of(vectors)
    ours, theirs = ours_of(head, mean, scale), theirs_of(scaled, y, classes, weights, penalty)
    best = objective(*theirs, scaled, y, weights, penalty)
    assert objective(*ours, scaled, y, weights, penalty) == pytest.approx(best, abs=WITHIN[penalty][0])
    assert apart(ours[0], theirs[0]) < WITHIN[penalty][1]
    assert head.penalty == penalty
    assert np.isnan(head.held_loss)


@pytest.mark.parametrize("mode", ["none", "balanced"])
@pytest.mark.parametrize("shape", SHAPES, ids=["tall", "wide"])
def test_multilabel_is_one_scikit_learn_model_a_label(shape, mode):
    rows, labels, penalty = shape[0], 3, 0.003
    vectors = vectors_of(*shape)
    targets = np.stack([classes_of(vectors, 2, seed) for seed in (1, 2, 3)], 1).astype(np.float32)
    targets[:, 2] *= np.random.default_rng(0).random(rows) < 0.5
    weights = class_weights(targets, Task.MULTILABEL, labels, mode=mode)
    head = solve_head(
        vectors, targets, task=Task.MULTILABEL, outputs=labels, weights=weights, seed=0, penalties=(penalty,)
    )
    scaled, mean, scale = scaled_of(vectors)
    weight = head.weight.astype(np.float64) * scale
    bias = head.bias + head.weight.astype(np.float64) @ mean
    for label in range(labels):
        y = targets[:, label].astype(int)
        cells = np.where(y == 1, float(weights[label]), 1.0)
        # The mean is over rows and labels.
        model = LogisticRegression(C=1 / (rows * labels * penalty), tol=1e-10, max_iter=20_000)
        model.fit(scaled, y, sample_weight=cells)

        def value(w, b, y=y, cells=cells):
            sign = np.where(y == 1, 1, -1)
            return -(np.log(expit(sign * (scaled @ w + b))) * cells).sum() / rows / labels + penalty / 2 * w @ w

        best = value(model.coef_[0], model.intercept_[0])
        assert value(weight[label], bias[label]) == pytest.approx(best, abs=1e-6)
        assert apart(weight[label], model.coef_[0]) < 5e-3


@pytest.mark.parametrize("penalty", [0.1, 3e-4])
@pytest.mark.parametrize("shape", SHAPES, ids=["tall", "wide"])
def test_ridge_is_scikit_learns(shape, penalty):
    vectors = vectors_of(*shape)
    scaled, _, scale = scaled_of(vectors)
    rng = np.random.default_rng(5)
    y = (scaled @ rng.normal(size=shape[1]) + rng.normal(size=shape[0]) + 2).astype(np.float32)
    one = np.ones(1, np.float32)
    head = solve_head(vectors, y, task=Task.REGRESSION, outputs=1, weights=one, seed=0, penalties=(penalty,))
    theirs = Ridge(alpha=shape[0] * penalty).fit(scaled, y.astype(np.float64))
    np.testing.assert_allclose(head.weight[0] * scale, theirs.coef_, atol=1e-3)
    np.testing.assert_allclose(head.logits(vectors)[:, 0], theirs.predict(scaled), atol=1e-3)


def test_weights_are_the_same_as_repeated_rows():
    """A class weight of three says what writing each of its rows three times says."""
    vectors = vectors_of(200, 8)
    y = classes_of(vectors, 2)
    repeated = np.repeat(np.arange(200), np.where(y == 1, 3, 1))
    given = {"task": Task.BINARY, "outputs": 2, "seed": 0}
    ones = np.ones(2, np.float32)
    _, _, scale = scaled_of(vectors)
    thrice = np.array([1, 3], np.float32) * 200 / len(repeated)
    heavy = solve_head(vectors, y, weights=thrice, penalties=(1e-3,), **given)
    # The repeated rows have another mean and scale, so the penalty is matched.
    _, _, other = scaled_of(vectors[repeated])
    matched = 1e-3 * (scale / other) ** -2
    many = solve_head(vectors[repeated], y[repeated], weights=ones, penalties=(float(matched),), **given)
    np.testing.assert_allclose(heavy.weight * scale, many.weight * scale, atol=2e-3)


@pytest.mark.parametrize(("noise", "low", "high"), [(0.0, 0.0, 0.003), (30.0, 0.3, np.inf)])
def test_the_path_finds_the_planted_penalty(noise, low, high):
    """Separable classes want hardly any penalty; labels that are noise want a strong one."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 20)).astype(np.float32)
    logits = vectors @ rng.normal(size=20) * 3 + noise * rng.normal(size=300)
    head = solve_head(
        vectors, (logits > 0).astype(int), task=Task.BINARY, outputs=2, weights=np.ones(2, np.float32), seed=0
    )
    assert low <= head.penalty <= high
    assert np.isfinite(head.held_loss)


def test_the_path_of_ridge_finds_the_planted_penalty():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(80, 40)).astype(np.float32)
    exact = (vectors @ rng.normal(size=40)).astype(np.float32)
    noise = rng.normal(size=80).astype(np.float32)
    given = {"task": Task.REGRESSION, "outputs": 1, "weights": np.ones(1, np.float32), "seed": 0}
    assert solve_head(vectors, exact, **given).penalty == RIDGE_PENALTIES[-1]
    assert solve_head(vectors, noise, **given).penalty >= 100


def test_a_tall_problem_of_many_rows_uses_one_split_and_stays_exact():
    vectors = vectors_of(4200, 6)
    y = classes_of(vectors, 3)
    weights = np.ones(3, np.float32)
    head = solve_head(vectors, y, task=Task.MULTICLASS, outputs=3, weights=weights, seed=0)
    scaled, mean, scale = scaled_of(vectors)
    best = objective(*theirs_of(scaled, y, 3, weights, head.penalty), scaled, y, weights, head.penalty)
    assert objective(*ours_of(head, mean, scale), scaled, y, weights, head.penalty) == pytest.approx(best, abs=1e-6)
    assert 0 < head.held_loss < np.log(3)


def test_the_same_seed_gives_the_same_bits_and_the_geometry_alone_matters():
    vectors = vectors_of(90, 10)
    y = classes_of(vectors, 3)
    given = {"task": Task.MULTICLASS, "outputs": 3, "weights": np.ones(3, np.float32), "seed": 4}
    one, two = solve_head(vectors, y, **given), solve_head(vectors, y, **given)
    np.testing.assert_array_equal(one.weight, two.weight)
    moved = (1000 * vectors + 7).astype(np.float32)
    np.testing.assert_allclose(solve_head(moved, y, **given).logits(moved), one.logits(vectors), atol=5e-3)


@pytest.mark.parametrize("present", [0, 2])
def test_a_fold_of_one_class_says_that_class(present):
    vectors = vectors_of(30, 5)
    y = np.full(30, present)
    weights = class_weights(y, Task.MULTICLASS, 3)
    head = solve_head(vectors, y, task=Task.MULTICLASS, outputs=3, weights=weights, seed=0)
    assert np.isfinite(head.weight).all()
    assert (head.logits(vectors).argmax(1) == present).all()


def test_a_label_without_a_positive_row_is_improbable_not_infinite():
    vectors = vectors_of(40, 5)
    targets = np.zeros((40, 2), np.float32)
    targets[::2, 0] = 1
    weights = class_weights(targets, Task.MULTILABEL, 2)
    logits = solve_head(vectors, targets, task=Task.MULTILABEL, outputs=2, weights=weights, seed=0).logits(vectors)
    assert np.isfinite(logits).all()
    assert (logits[:, 1] < -2).all()


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_constant_vectors_say_the_shares_here_and_nearby(level):
    """What is left of equal rows after centring is rounding; blown up, it would decide for new rows."""
    vectors = np.full((73, 8), level, np.float32) + np.arange(8, dtype=np.float32) * np.float32(0.37)
    y = (np.arange(73) % 4 == 0).astype(int)
    head = solve_head(vectors, y, task=Task.BINARY, outputs=2, weights=np.ones(2, np.float32), seed=0)
    for given in (vectors, vectors + np.float32(0.01)):
        p = expit(np.diff(head.logits(given), axis=1))[:, 0]
        np.testing.assert_allclose(p, y.mean(), atol=2e-3)
    values = np.linspace(-1, 2, 73, dtype=np.float32)
    ridge = solve_head(vectors, values, task=Task.REGRESSION, outputs=1, weights=np.ones(1, np.float32), seed=0)
    np.testing.assert_allclose(ridge.logits(vectors + np.float32(0.01))[:, 0], 0.5, atol=1e-3)


def test_two_rows_are_enough_to_solve_and_too_few_to_choose():
    vectors = np.eye(2, dtype=np.float32)
    head = solve_head(vectors, np.array([0, 1]), task=Task.BINARY, outputs=2, weights=np.ones(2, np.float32), seed=0)
    assert head.penalty == PENALTIES[0]
    assert head.logits(vectors).argmax(1).tolist() == [0, 1]
