"""Which calibrator to use, chosen on rows it was not fitted on.

Decisions: every method is fitted on all folds but one and judged on that one; the final map is refitted on all rows.
The simplest method within one standard error of the lowest out-of-fold log-loss wins (identity, then temperature,
Platt, isotonic): scores that are calibrated already stay as they are but for certainty, and a flexible map must earn
its place. How a few rows are kept from promising too much is told in ``calibration_fits``.

A temperature never changes which class is the most probable. Biases and steps do, and with few rows they spoil more
decisions than they mend, so they are not even tried below ROWS rows of the rarest class. Measured (2, 4, 20 classes):
Platt where only a temperature was needed lost up to 36 points of accuracy with 10 rows a class and at most 3 from 20
on, and where classes were biased it began to pay at 20; isotonic was behind the better of the two up to 160.

Log-loss on new rows against the raw scores, true probabilities known (2, 4, 20 classes, signals weak and strong, 180
studies of 16 rows to 10 of 2,000); mean change in nats, and the share of studies made worse by more than 0.03:

    rows                          16           40          100          400        2,000
    raw right                 +.017  3 %   +.008  5 %   +.001  0 %   +.000  0 %   +.000  0 %
    raw 2 to 2.5 times too sure -.233  0 %   -.254  0 %   -.286  0 %   -.292  0 %   -.296  0 %
    raw 0.3 to 0.4 times      -.162  2 %   -.214  0 %   -.232  0 %   -.237  0 %   -.238  0 %
    2 % wrong labels: right   +.001  3 %   -.007  0 %   -.005  0 %   -.003  0 %   -.003  0 %
    2 % wrong labels: too sure -.300  0 %   -.337  0 %   -.359  0 %   -.366  0 %   -.368  0 %
    2 % wrong labels: 0.3-0.4 -.132  4 %   -.186  0 %   -.201  0 %   -.206  0 %   -.206  0 %

The first line is the price of never passing certainty on: half a pseudo-row, where the raw scores deserved none.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.core.tasks import LabelTask
from graft.decisions.calibration_fits import fit_isotonic, fit_platt, fit_temperature, pseudo_share, row_loss
from graft.decisions.calibrators import Identity, Isotonic, Platt, Temperature
from graft.decisions.units import Units, as_units

AnyCalibrator = Identity | Temperature | Platt | Isotonic
METHODS = ("identity", "temperature", "platt", "isotonic")  # from simple to flexible
ROWS = (0, 0, 20, 100)  # of the rarest class (label, or its absence) that a method needs


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
    weights: np.ndarray | None = None,
    units: np.ndarray | None = None,
) -> CalibrationChoice:
    """Choose and fit a calibrator on out-of-fold scores.

    scores: probabilities from models that did not see the row, shape (rows, classes) or (rows, labels). targets:
    class indices (rows,), or 0/1 (rows, labels). folds: the fold of each row, shape (rows,); five random ones from
    ``rng`` when None or all the same. weights, units: how much each row counts and the original row it repeats, both
    (rows,), see ``as_units``; all repeats of a row lie in one fold (that of its first).

    >>> from scipy import special
    >>> rng = np.random.default_rng(0)
    >>> true = rng.beta(2, 2, 2000)
    >>> targets = (rng.random(2000) < true).astype(int)
    >>> sure = special.expit(3 * special.logit(true))  # three times too sure
    >>> choice = fit_calibrator(np.column_stack([1 - sure, sure]), targets, task="binary", rng=rng)
    >>> choice.method, 2.5 < choice.calibrator.temperature < 3.5
    ('temperature', True)
    """
    kind, given, truth = _checked(scores, targets, task)
    counted = as_units(len(given), weights, units)
    place = _places(counted, folds, rng)
    methods = _allowed(truth, counted.weights, kind, given.shape[1])
    losses = np.zeros((len(methods), counted.count))
    for fold in np.unique(place):
        held = place == fold
        for index, method in enumerate(methods):
            fitted = _fit(method, given[~held], truth[~held], counted.weights[~held], kind)
            lost = np.zeros(len(given))
            lost[held] = row_loss(fitted.apply(given[held]), truth[held], kind)
            losses[index] += counted.mean(lost)
    sizes = np.bincount(counted.place, weights=counted.weights)
    means = losses @ sizes / sizes.sum()
    lead = losses - losses[means.argmin()]
    errors = lead.std(axis=1, ddof=1) / np.sqrt(counted.count)
    table = tuple(
        MethodLoss(method, float(means[k]), float(means[k] - means.min()), float(errors[k]))
        for k, method in enumerate(methods)
    )
    method = next(one.method for one in table if one.behind <= one.standard_error)
    return CalibrationChoice(_fit(method, given, truth, counted.weights, kind), method, table)


def fit_method(
    method: str,
    scores: np.ndarray,
    targets: np.ndarray,
    *,
    task: str,
    weights: np.ndarray | None = None,
    units: np.ndarray | None = None,
) -> AnyCalibrator:
    """Fit one method on all rows given, however few; shapes as in fit_calibrator.

    >>> fit_method("identity", np.array([[0.5, 0.5], [0.4, 0.6]]), np.array([0, 1]), task="binary").method
    'identity'
    """
    kind, given, truth = _checked(scores, targets, task)
    if method not in METHODS:
        raise InputError(f"the calibration method {method!r}", needed=f"one of {', '.join(METHODS)}")
    return _fit(method, given, truth, as_units(len(given), weights, units).weights, kind)


def _fit(method: str, given: np.ndarray, truth: np.ndarray, weights: np.ndarray, task: LabelTask) -> AnyCalibrator:
    if method == "temperature":
        return fit_temperature(given, truth, weights, task)
    if method == "platt":
        return fit_platt(given, truth, weights, task)
    if method == "isotonic":
        return fit_isotonic(given, truth, weights, task)
    return Identity(task=task, columns=given.shape[1], spread=pseudo_share(given, weights, task))


def _places(counted: Units, folds: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """The fold of each row, shape (rows,), the same for all repeats of an original row."""
    rows = len(counted.place)
    if folds is not None and len(folds) != rows:
        raise InputError(f"{len(folds)} fold ids for {rows} rows", needed="the fold of every row")
    first = np.unique(counted.place, return_index=True)[1]
    if folds is None or len(np.unique(np.asarray(folds)[first])) < 2:
        turn = rng.permutation(counted.count) % 5  # of even size: with few rows no fold may swallow them all
        return np.asarray(turn[counted.place])
    return np.asarray(np.asarray(folds)[first][counted.place])


def _allowed(truth: np.ndarray, weights: np.ndarray, task: LabelTask, columns: int) -> tuple[str, ...]:
    """The methods that rows enough exist for, from simple to flexible."""
    counts = weights @ truth if task == "multilabel" else np.bincount(truth, weights=weights, minlength=columns)
    if task == "multilabel":
        counts = np.minimum(counts, weights.sum() - counts)
    least = float(np.min(counts)) + 1e-9
    return tuple(name for name, rows in zip(METHODS, ROWS, strict=True) if least >= rows)


def _checked(scores: np.ndarray, targets: np.ndarray, task: str) -> tuple[LabelTask, np.ndarray, np.ndarray]:
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
