"""Calibrators, conformal intervals, thresholds and costs against scikit-learn, scipy and hand-made examples."""

import numpy as np
import pytest
from scipy import optimize, special, stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from graft.decisions.calibration import fit_calibrator, fit_method
from graft.decisions.conformal import fit_conformal
from graft.decisions.costs import CostTable
from graft.decisions.policy import Policy, fit_policy
from graft.decisions.policy_costs import compare_policies, cost_per_thousand


def overconfident(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Positive scores that claim twice the log-odds they should, shifted by 0.5, and the labels."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.2, rows)
    return special.expit(2 * odds + 0.5), (rng.random(rows) < special.expit(odds)).astype(int)


def two_class(positive: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - positive, positive])


class Logits(ClassifierMixin, BaseEstimator):
    """A model whose decision function is its input."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Logits":
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, 0] > 0).astype(int)


def test_platt_against_sklearn() -> None:
    scores, targets = overconfident(400)
    odds = special.logit(scores)[:, None]
    oracle = CalibratedClassifierCV(FrozenEstimator(Logits().fit(odds, targets)), method="sigmoid").fit(odds, targets)
    fitted = fit_method("platt", two_class(scores), targets, task="binary")
    told = oracle.predict_proba(odds)[:, 1] * 400 / 402 + 1 / 402  # one pseudo-row on either side
    assert fitted.apply(two_class(scores))[:, 1] == pytest.approx(told, abs=2e-4)


def test_platt_against_logistic_regression() -> None:
    """With many rows Platt's smoothing vanishes and plain logistic regression remains."""
    scores, targets = overconfident(50_000)
    oracle = LogisticRegression(C=np.inf).fit(special.logit(scores)[:, None], targets)
    fitted = fit_method("platt", two_class(scores), targets, task="binary")
    assert (fitted.slopes[0], fitted.biases[1]) == pytest.approx((oracle.coef_[0, 0], oracle.intercept_[0]), abs=2e-3)


def drawn_classes(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores of four classes that are 2.5 times too sure, and the truth."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, 4))
    targets = np.array([rng.choice(4, p=p) for p in special.softmax(logits, axis=1)])
    return special.softmax(2.5 * logits, axis=1), targets


def test_temperature_against_scipy() -> None:
    """The most probable temperature, written out: likelihood of the spread map times a log-normal density."""
    scores, targets = drawn_classes(80, 1)

    def loss(log_temperature: np.ndarray) -> float:
        powered = scores ** np.exp(-log_temperature[0])
        told = powered[np.arange(80), targets] / powered.sum(axis=1)
        spread = 4 / 3 / 82  # leaves 81/82 for certainty
        return -np.log(told * (1 - spread) + spread / 4).sum() - stats.norm(0, 0.5).logpdf(log_temperature[0])

    oracle = np.exp(optimize.minimize(loss, [0.0], method="Nelder-Mead", options={"xatol": 1e-9}).x[0])
    fitted = fit_method("temperature", scores, targets, task="multiclass")
    assert fitted.temperature == pytest.approx(oracle, rel=1e-4)


def test_temperature_is_the_likelihood_s_with_many_rows() -> None:
    scores, targets = drawn_classes(20_000, 2)

    def loss(temperature: np.ndarray) -> float:
        return -special.log_softmax(np.log(scores) / temperature[0], axis=1)[np.arange(20_000), targets].mean()

    oracle = optimize.minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-8}).x[0]
    fitted = fit_method("temperature", scores, targets, task="multiclass")
    assert fitted.temperature == pytest.approx(oracle, rel=3e-3)
    assert fitted.temperature == pytest.approx(2.5, rel=0.03)


def test_isotonic_against_sklearn() -> None:
    scores, targets = overconfident(600)
    oracle = IsotonicRegression(y_min=1 / 602, y_max=601 / 602, out_of_bounds="clip").fit(scores, targets)
    both = np.column_stack([scores, scores])
    fitted = fit_method("isotonic", both, np.column_stack([targets, targets]), task="multilabel")
    new = np.linspace(0, 1, 57)
    assert fitted.apply(np.column_stack([new, new]))[:, 1] == pytest.approx(oracle.predict(new))


def test_platt_recovers_planted_class_biases() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1.5, size=(20_000, 3))
    targets = np.array([rng.choice(3, p=p) for p in special.softmax(logits, axis=1)])
    fitted = fit_method("platt", special.softmax(2 * logits + [1, 0, -1], axis=1), targets, task="multiclass")
    assert fitted.slopes[0] == pytest.approx(0.5, abs=0.02)
    assert fitted.biases[0] - fitted.biases[2] == pytest.approx(-1.0, abs=0.08)


@pytest.mark.parametrize(
    ("distort", "method"),
    [
        (lambda odds: odds, "identity"),
        (lambda odds: 3 * odds, "temperature"),
        (lambda odds: 2 * odds + 1.5, "platt"),
        (lambda odds: np.where(odds > 0, 6.0, 0.4) * odds, "isotonic"),
    ],
)
def test_the_simplest_sufficient_method_is_chosen(distort, method: str) -> None:
    rng = np.random.default_rng(3)
    odds = rng.normal(0, 1.5, 6000)
    targets = (rng.random(6000) < special.expit(odds)).astype(int)
    scores = two_class(special.expit(distort(odds)))
    choice = fit_calibrator(scores, targets, task="binary", folds=np.arange(6000) % 5, rng=rng)
    assert choice.method == method
    assert [one.method for one in choice.table] == ["identity", "temperature", "platt", "isotonic"]


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_conformal_coverage(level: float) -> None:
    """Skewed errors, 60 residuals: new values are covered at the level, whatever the distribution."""
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(400):
        errors = rng.exponential(size=60) - 1
        low, high = fit_conformal(errors, np.zeros(60), level=level).apply(np.zeros(50))
        new = rng.exponential(size=50) - 1
        covered.append(np.mean((low <= new) & (new <= high)))
    assert np.mean(covered) == pytest.approx(np.ceil(61 * level) / 61, abs=0.01)  # the exact finite-sample value


def test_normalised_conformal_widens_where_it_is_hard() -> None:
    rng = np.random.default_rng(5)
    scale = np.where(rng.random(4000) < 0.5, 1.0, 5.0)
    errors = scale * rng.normal(size=4000)
    interval = fit_conformal(errors[:2000], np.zeros(2000), level=0.9, scale=scale[:2000])
    low, high = interval.apply(np.zeros(2000), scale[2000:])
    inside = (low <= errors[2000:]) & (errors[2000:] <= high)
    for width in (1.0, 5.0):
        assert inside[scale[2000:] == width].mean() == pytest.approx(0.9, abs=0.03)


def test_bayes_decisions_by_hand() -> None:
    """Elkan (2001): act when p >= (c10 - c00) / (c10 - c00 + c01 - c11); here 1 / (1 + 9). Chow: abstain between."""
    table = CostTable(unit="EUR", labels=("ok", "fraud"), cost=((0, 1), (9, 0)), abstain=(0.5, 0.5))
    policy = Policy(task="binary", table=table)
    assert (policy.threshold.lower, policy.threshold.upper) == (pytest.approx(0.5 / 9), pytest.approx(0.5))
    decided = policy.decide(two_class(np.array([0.04, 0.07, 0.45, 0.55])))
    assert decided.decided.tolist() == [0, -1, -1, 1]
    assert decided.expected_cost == pytest.approx([0.36, 0.5, 0.5, 0.45])


def test_policy_against_enumeration() -> None:
    rng = np.random.default_rng(6)
    table = CostTable(unit="EUR", labels=("a", "b", "c"), cost=((0, 2, 7), (1, 0, 3), (20, 4, 0)))
    probabilities = rng.dirichlet(np.ones(3), 50)
    decisions = Policy(task="multiclass", table=table).decide(probabilities)
    for row, said, cost in zip(probabilities, decisions.decided, decisions.expected_cost, strict=True):
        prices = [sum(row[true] * table.cost[true][option] for true in range(3)) for option in range(3)]
        assert (said, cost) == (int(np.argmin(prices)), pytest.approx(min(prices)))


def test_tuned_policy_is_cheaper_than_the_most_probable_class() -> None:
    """Calibrated probabilities: the realised saving equals the expected one, and abstaining adds to it."""
    rng = np.random.default_rng(7)
    positive = rng.beta(0.6, 2, 4000)
    targets = (rng.random(4000) < positive).astype(int)
    table = CostTable(unit="EUR", labels=("ham", "phishing"), cost=((0, 1), (20, 0)), abstain=(0.4, 0.4))
    policy = Policy(task="binary", table=table)
    tuned, plain, fixed = compare_policies(policy, two_class(positive), targets)
    assert tuned.cost.high < plain.cost.low
    assert tuned.cost.mean < fixed.cost.mean
    expected = 1000 * policy.decide(two_class(positive)).expected_cost.mean()
    assert tuned.cost.low < expected < tuned.cost.high


def test_label_thresholds_find_the_bayes_threshold() -> None:
    rng = np.random.default_rng(8)
    probabilities = rng.random((20_000, 2))
    targets = (rng.random((20_000, 2)) < probabilities).astype(int)
    table = CostTable(unit="EUR", labels=("none", "x", "y"), cost=((0, 1, 3), (4, 0, 0), (1, 0, 0)))
    policy = fit_policy(probabilities, targets, task="multilabel", labels=("x", "y"), table=table)
    assert policy.thresholds == pytest.approx((1 / 5, 3 / 4), abs=0.05)


def test_f1_threshold_is_half_the_best_f1() -> None:
    """Lipton et al. (2014): for calibrated probabilities the F1-optimal threshold is half of the optimal F1."""
    rng = np.random.default_rng(9)
    probabilities = rng.beta(1, 3, (40_000, 1))
    targets = (rng.random((40_000, 1)) < probabilities).astype(int)
    threshold = fit_policy(probabilities, targets, task="multilabel", labels=("x",)).thresholds[0]
    said = probabilities[:, 0] >= threshold
    f1 = 2 * (said & (targets[:, 0] == 1)).sum() / (said.sum() + targets.sum())
    assert threshold == pytest.approx(f1 / 2, abs=0.03)


def test_cost_interval_is_the_normal_one() -> None:
    rng = np.random.default_rng(10)
    costs = rng.choice([0.0, 1.0, 20.0], size=3000, p=[0.8, 0.15, 0.05])
    estimate = cost_per_thousand(costs)
    error = 1000 * 1.96 * costs.std() / np.sqrt(3000)
    assert estimate.low == pytest.approx(1000 * costs.mean() - error, rel=0.03)
    assert estimate.high == pytest.approx(1000 * costs.mean() + error, rel=0.03)


def separable(rows: int, classes: int, said: float) -> tuple[np.ndarray, np.ndarray]:
    """Every row right, each with the probability ``said``."""
    targets = np.arange(rows) % classes
    scores = np.full((rows, classes), (1 - said) / (classes - 1))
    scores[np.arange(rows), targets] = said
    return scores, targets


@pytest.mark.parametrize("method", ["identity", "temperature", "platt", "isotonic"])
@pytest.mark.parametrize(
    ("rows", "classes", "said"), [(60, 2, 0.7), (40, 4, 0.5), (16, 2, 0.999), (60, 3, 1.0), (2000, 20, 0.3)]
)
def test_no_map_promises_more_than_a_pseudo_row_allows(method: str, rows: int, classes: int, said: float) -> None:
    scores, targets = separable(rows, classes, said)
    task = "binary" if classes == 2 else "multiclass"
    told = fit_method(method, scores, targets, task=task).apply(scores)
    assert method == "isotonic" or told.max() <= (rows + 1) / (rows + 2) + 1e-9
    if method == "isotonic" and rows // classes >= 10:  # its steps are bounded, its sum is made one again
        assert told.max() < 1 - 0.5 / (rows + 2)


def test_sixty_right_of_sixty() -> None:
    """They support about 61/62 for rows like them, and say little about a row at 0.55."""
    scores, targets = separable(60, 2, 0.7)
    choice = fit_calibrator(scores, targets, task="binary", rng=np.random.default_rng(1))
    seen, near = choice.calibrator.apply(two_class(np.array([0.7, 0.55])))[:, 1]
    assert 0.9 < seen <= 61 / 62
    assert near < 0.75


def test_certainty_is_never_passed_on() -> None:
    """60 rows, all right at 0.9999994: the raw scores are as good as any, and still no row is promised more than 61/62.

    For independent labels the evidence is counted in cells.
    """
    scores, targets = separable(60, 2, 0.9999994)
    choice = fit_calibrator(scores, targets, task="binary", rng=np.random.default_rng(1))
    assert 0.97 < choice.calibrator.apply(scores).max() <= 61 / 62
    assert np.array_equal(choice.calibrator.apply(scores).argmax(axis=1), targets)
    labels = np.eye(2, dtype=int)[targets]
    told = fit_calibrator(scores, labels, task="multilabel", rng=np.random.default_rng(1)).calibrator.apply(scores)
    assert 0.97 < told.max() <= 121 / 122


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("rows", [16, 40, 100])
def test_calibrating_few_rows_does_no_harm(rows: int, classes: int) -> None:
    """True probabilities known, 2 % wrong labels: seldom worse than the raw scores, on average better; same classes."""
    rng = np.random.default_rng(rows + classes)
    task = "binary" if classes == 2 else "multiclass"

    def world(count: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
        values = rng.normal(size=(count, classes)) * 2
        values[np.arange(count), rng.integers(classes, size=count)] += 4
        true = special.softmax(values, axis=1)
        return 0.98 * true + 0.02 * (1 - true) / (classes - 1), special.softmax(values * factor, axis=1)

    for factor in (0.3, 1.0, 2.5):
        true, raw = world(3000, factor)
        change = []
        for _ in range(12):
            chance, scores = world(rows, factor)
            targets = np.minimum((rng.random((rows, 1)) > chance.cumsum(axis=1)).sum(axis=1), classes - 1)
            told = fit_calibrator(scores, targets, task=task, rng=rng).calibrator.apply(raw)
            change.append(-(true * np.log(told / raw)).sum(axis=1).mean())
            if rows // classes < 20:
                assert np.array_equal(told.argmax(axis=1), raw.argmax(axis=1))
        assert np.mean(change) <= 0.005
        assert np.mean(np.array(change) > 0.01 + 0.5 / rows) <= 0.2  # what half a pseudo-row may cost


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_weights_are_repetitions(method: str, task: str) -> None:
    rng = np.random.default_rng(11)
    columns = 2 if task == "binary" else 3
    scores, weights = rng.dirichlet(np.ones(columns), 150), rng.integers(1, 4, 150)
    targets = (rng.random((150, columns)) < scores).astype(int) if task == "multilabel" else scores.argmax(axis=1)
    targets[::4] = targets[::-4][: len(targets[::4])]
    weighted = fit_method(method, scores, targets, task=task, weights=weights)
    repeated = fit_method(method, np.repeat(scores, weights, axis=0), np.repeat(targets, weights, axis=0), task=task)
    assert weighted.apply(scores) == pytest.approx(repeated.apply(scores), abs=2e-4)


def test_repeats_of_a_row_count_once() -> None:
    """Every row given three times with the same scores changes nothing: fits, choice, errors, thresholds, intervals."""
    rng = np.random.default_rng(12)
    scores = rng.random((200, 2))
    targets = (rng.random((200, 2)) < scores**2).astype(int)
    folds, units = np.arange(200) % 5, np.tile(np.arange(200), 3)
    once = fit_calibrator(scores, targets, task="multilabel", folds=folds, rng=rng)
    shuffled = np.concatenate([folds, (folds + 1) % 5, (folds + 2) % 5])  # the later repeats had other folds
    many = fit_calibrator(
        np.tile(scores, (3, 1)), np.tile(targets, (3, 1)), task="multilabel", folds=shuffled, units=units, rng=rng
    )
    assert many.method == once.method
    assert [one.log_loss for one in many.table] == pytest.approx([one.log_loss for one in once.table], abs=1e-5)
    assert [one.standard_error for one in many.table] == pytest.approx(
        [one.standard_error for one in once.table], abs=1e-5
    )
    first = fit_policy(scores, targets, task="multilabel", labels=("x", "y"))
    third = fit_policy(
        np.tile(scores, (3, 1)), np.tile(targets, (3, 1)), task="multilabel", labels=("x", "y"), units=units
    )
    assert third.thresholds == pytest.approx(first.thresholds)
    errors = rng.normal(size=200)
    single = fit_conformal(errors, np.zeros(200))
    assert fit_conformal(np.tile(errors, 3), np.zeros(600), units=units) == single
    assert fit_conformal(errors, np.zeros(200), weights=np.ones(200)) == single


def test_conformal_weights_by_enumeration() -> None:
    """The smallest residual at or under which lie (n + 1) * level of n original rows."""
    rng = np.random.default_rng(13)
    errors, units = rng.exponential(size=90), rng.integers(30, size=90)
    share = 1 / np.bincount(units, minlength=30)[units]
    rows = len(np.unique(units))
    reached = next(width for width in np.sort(errors) if share[errors <= width].sum() >= (rows + 1) * 0.8 - 1e-9)
    found = fit_conformal(errors, np.zeros(90), level=0.8, units=units)
    assert (found.half_width, found.rows) == (pytest.approx(reached), rows)


@pytest.mark.slow
@pytest.mark.parametrize("repeats", [1, 3, 20])
def test_conformal_coverage_with_repeats(repeats: int) -> None:
    """Least squares on 60 rows of 40 features: a model of a fold's size is covered; averaged scores would not do."""
    rng = np.random.default_rng(14)
    rows, width = 60, 40

    def learnt(inputs: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.linalg.solve(inputs.T @ inputs + 0.1 * np.eye(width), inputs.T @ values)

    covered, averaged = [], []
    for _ in range(60):
        truth = rng.normal(size=width) / np.sqrt(width)
        inputs, new = rng.normal(size=(rows, width)), rng.normal(size=(400, width))
        values, asked = inputs @ truth + rng.normal(size=rows) / 2, new @ truth + rng.normal(size=400) / 2
        said = np.empty((repeats, rows))
        for repeat in range(repeats):
            folds = rng.permutation(rows) % 5
            for fold in range(5):
                held = folds == fold
                said[repeat, held] = inputs[held] @ learnt(inputs[~held], values[~held])
        some = rng.permutation(rows)[: rows * 4 // 5]
        told = new @ learnt(inputs[some], values[some])
        units = np.tile(np.arange(rows), repeats)
        kept = fit_conformal(np.tile(values, repeats), said.ravel(), level=0.9, units=units).half_width
        covered.append(np.mean(np.abs(asked - told) <= kept))
        averaged.append(np.mean(np.abs(asked - told) <= fit_conformal(values, said.mean(axis=0)).half_width))
    assert np.mean(covered) >= 0.9 - 3 * np.std(covered) / np.sqrt(60)
    if repeats > 1:
        assert np.mean(averaged) < 0.87
