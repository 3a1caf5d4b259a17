"""Which calibrator to use, chosen on rows it was not fitted on.

Decisions: every method is fitted on all folds but one and judged on that one; the final map is refitted on all rows.
The simplest method within one standard error of the lowest out-of-fold log-loss wins (identity, then temperature,
Platt, isotonic): scores that are calibrated already stay as they are, and a flexible map must earn its place. Platt
uses Platt's smoothed targets, so a perfectly separated fold does not run to infinity; isotonic steps are kept away
from 0 and 1 by one pseudo-row on each side, because a probability of exactly 0 is a promise no sample supports.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special
from sklearn.isotonic import IsotonicRegression

from graft.core.errors import InputError
from graft.decisions.calibrators import Identity, Isotonic, Platt, Task, Temperature, logits, squash

AnyCalibrator = Identity | Temperature | Platt | Isotonic
METHODS = ("identity", "temperature", "platt", "isotonic")  # from simple to flexible
FEW = 10  # positives or negatives below which a column is left out of isotonic
SLOPES = (1e-3, 1e3)  # bounds: a calibrator never reverses an order


@dataclass(frozen=True)
class MethodLoss:
    """One method judged out of fold.

    log_loss: nats per row. behind, standard_error: how far behind the best method, in nats per row.
    """

    method: str
    log_loss: float
    behind: float
    standard_error: float


@dataclass(frozen=True)
class CalibrationChoice:
    """The calibrator, and what it was chosen over (from simple to flexible)."""

    calibrator: AnyCalibrator
    method: str
    table: tuple[MethodLoss, ...]


def fit_calibrator(
    scores: np.ndarray,
    targets: np.ndarray,
    *,
    task: str,
    folds: np.ndarray | None = None,
    rng: np.random.Generator,
) -> CalibrationChoice:
    """Choose and fit a calibrator on out-of-fold scores.

    scores: probabilities from models that did not see the row, shape (rows, classes) or (rows, labels). targets:
    class indices (rows,), or 0/1 (rows, labels). folds: the fold of each row, shape (rows,); five random ones from
    ``rng`` when None or all the same.

    >>> rng = np.random.default_rng(0)
    >>> true = rng.beta(2, 2, 2000)
    >>> targets = (rng.random(2000) < true).astype(int)
    >>> sure = special.expit(3 * special.logit(true))  # three times too sure
    >>> choice = fit_calibrator(np.column_stack([1 - sure, sure]), targets, task="binary", rng=rng)
    >>> choice.method, 2.5 < choice.calibrator.temperature < 3.5
    ('temperature', True)
    """
    kind, given, truth = _checked(scores, targets, task)
    place = rng.integers(5, size=len(given)) if folds is None or len(np.unique(folds)) < 2 else np.asarray(folds)
    if len(place) != len(given):
        raise InputError(f"{len(place)} fold ids for {len(given)} rows", needed="the fold of every row")
    losses = np.zeros((len(METHODS), len(given)))
    for fold in np.unique(place):
        held = place == fold
        for index, method in enumerate(METHODS):
            fitted = fit_method(method, given[~held], truth[~held], task=kind)
            losses[index, held] = _row_loss(fitted.apply(given[held]), truth[held], kind)
    means = losses.mean(axis=1)
    lead = losses - losses[means.argmin()]
    errors = lead.std(axis=1, ddof=1) / np.sqrt(len(given))
    table = tuple(
        MethodLoss(method, float(means[k]), float(lead[k].mean()), float(errors[k])) for k, method in enumerate(METHODS)
    )
    method = next(one.method for one in table if one.behind <= one.standard_error)
    return CalibrationChoice(fit_method(method, given, truth, task=kind), method, table)


def fit_method(method: str, scores: np.ndarray, targets: np.ndarray, *, task: str) -> AnyCalibrator:
    """Fit one method on all rows given; shapes as in fit_calibrator.

    >>> fit_method("identity", np.array([[0.5, 0.5], [0.4, 0.6]]), np.array([0, 1]), task="binary").method
    'identity'
    """
    kind, given, truth = _checked(scores, targets, task)
    if method == "temperature":
        return _temperature(given, truth, kind)
    if method == "platt":
        return _biased(given, truth, kind) if kind == "multiclass" else _platt(given, truth, kind)
    if method == "isotonic":
        return _isotonic(given, truth, kind)
    if method != "identity":
        raise InputError(f"the calibration method {method!r}", needed=f"one of {', '.join(METHODS)}")
    return Identity(task=kind, columns=given.shape[1])


def _checked(scores: np.ndarray, targets: np.ndarray, task: str) -> tuple[Task, np.ndarray, np.ndarray]:
    given, truth = np.asarray(scores, dtype=np.float64), np.asarray(targets).astype(np.int64)
    fits = truth.shape == (given.shape if task == "multilabel" else given.shape[:1])
    if given.ndim != 2 or not fits or len(given) < 2:
        raise InputError(
            f"scores of shape {given.shape} and targets of shape {truth.shape} for {task}",
            needed="two rows or more, with (rows, classes) and (rows,), or both (rows, labels)",
        )
    if not np.all(np.isfinite(given)) or given.min() < 0 or given.max() > 1:
        raise InputError("scores that are not probabilities", needed="finite numbers from 0 to 1")
    if task == "binary":
        return "binary", given, truth
    if task == "multiclass":
        return "multiclass", given, truth
    if task == "multilabel":
        return "multilabel", given, truth
    raise InputError(f"calibration of a {task} task", needed="classes or labels", fix="use fit_conformal for values")


def _row_loss(probabilities: np.ndarray, targets: np.ndarray, task: Task) -> np.ndarray:
    """-log of the probability of the truth per row, nats; the mean over labels for labels."""
    inside = np.clip(probabilities, 1e-15, 1 - 1e-15)
    if task == "multilabel":
        return np.asarray(-np.where(targets == 1, np.log(inside), np.log1p(-inside)).mean(axis=1))
    return np.asarray(-np.log(inside[np.arange(len(targets)), targets]))


def _temperature(scores: np.ndarray, targets: np.ndarray, task: Task) -> Temperature:
    values = logits(scores, task)

    def loss(log_temperature: float) -> float:
        return float(_row_loss(squash(values / np.exp(log_temperature), task), targets, task).mean())

    found = optimize.minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-6})
    return Temperature(task=task, columns=scores.shape[1], temperature=float(np.exp(found.x)))


def _platt(scores: np.ndarray, targets: np.ndarray, task: Task) -> Platt:
    """Platt's sigmoid on the log-odds, with his smoothed targets; one per label."""
    if task == "binary":
        slope, bias = _sigmoid(logits(scores[:, 1], "multilabel"), targets == 1)
        return Platt(task=task, columns=2, slopes=(slope,), biases=(0.0, bias))
    fitted = [_sigmoid(logits(scores[:, k], task), targets[:, k] == 1) for k in range(scores.shape[1])]
    slopes, biases = tuple(one[0] for one in fitted), tuple(one[1] for one in fitted)
    return Platt(task=task, columns=scores.shape[1], slopes=slopes, biases=biases)


def _sigmoid(odds: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Slope and bias of one sigmoid."""
    yes, no = int(positive.sum()), int((~positive).sum())
    smoothed = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        value = parameters[0] * odds + parameters[1]
        gap = (special.expit(value) - smoothed) / len(odds)
        total = float((np.logaddexp(0, value) - smoothed * value).mean())
        return total, np.array([gap @ odds, gap.sum()])

    start = np.array([1.0, 0.0])
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[SLOPES, (-50.0, 50.0)])
    return float(found.x[0]), float(found.x[1])


def _biased(scores: np.ndarray, targets: np.ndarray, task: Task) -> Platt:
    """One slope and a bias per class; a unit-normal prior on the biases holds classes with few rows."""
    values, rows = logits(scores, task), len(targets)
    truth = np.eye(scores.shape[1])[targets]

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope, biases = parameters[0], parameters[1:]
        log_p = special.log_softmax(slope * values + biases, axis=1)
        gap = (np.exp(log_p) - truth) / rows
        total = -float((truth * log_p).sum()) / rows + float(biases @ biases) / (2 * rows)
        return total, np.concatenate([[float((gap * values).sum())], gap.sum(axis=0) + biases / rows])

    start = np.concatenate([[1.0], np.zeros(scores.shape[1])])
    bounds = [SLOPES, *[(-50.0, 50.0)] * scores.shape[1]]
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return Platt(task=task, columns=scores.shape[1], slopes=(float(found.x[0]),), biases=tuple(map(float, found.x[1:])))


def _isotonic(scores: np.ndarray, targets: np.ndarray, task: Task) -> Isotonic:
    """One rising map per column; a column with few positives or negatives keeps its scores."""
    truth = targets if task == "multilabel" else np.eye(scores.shape[1], dtype=np.int64)[targets]
    columns = [_steps(scores[:, k], truth[:, k]) for k in range(scores.shape[1])]
    return Isotonic(task=task, columns=scores.shape[1], knots=tuple(columns))


def _steps(scores: np.ndarray, positive: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    rows, yes = len(scores), int(positive.sum())
    if min(yes, rows - yes) < FEW or scores.min() == scores.max():
        return (0.0, 1.0), (0.0, 1.0)
    fitted = IsotonicRegression(y_min=1 / (rows + 2), y_max=1 - 1 / (rows + 2)).fit(scores, positive)
    return tuple(map(float, fitted.X_thresholds_)), tuple(map(float, fitted.y_thresholds_))
