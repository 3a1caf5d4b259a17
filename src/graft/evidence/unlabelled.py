"""How good a model is on rows whose labels are not known, from calibrated probabilities.

Decisions: a calibrated probability is a statement about the label that will come, so what a metric will show can be
worked out before it does (confidence-based performance estimation, CBPE). What is estimated is what the labels of
these very rows would show, so its uncertainty has two parts, and both are drawn: the calibrator, refitted on reference
rows weighted anew (whole groups together), and the labels, drawn from each of these calibrators. Reference rows
without an error do not show that there are none: each draw gives a share away evenly whose upper 95 % end is three
over the rows, the rule of three. How alike the rows of a group turn out is measured on the reference; in the batch,
rows of a group then share their luck as much, with each row's probability as it was. What the calibrator leaves on the
reference is learnt from these rows as well, as a tilt of its probabilities (``evidence/tilted.py``), and drawn with
their weights in the place of the calibrator; where it is known where rows lie, what the tilt leaves is carried over by
place (``evidence/carried_over.py``).

A mean over rows has a closed form; of other metrics the estimate is the mean over labels drawn. The reference tells two
things beside: what the metric is there, and between what ends it lies in samples of that many rows, because a batch of
fifty rows differs from the reference without anything having changed.

What no estimate without labels can see is a change of the labels given the scores. ``evidence/label_arrival.py``
tests that as labels come, ``evidence/labels_on_budget.py`` estimates with few labels and is valid all the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import design_effect, group_places
from graft.evidence import weighted
from graft.evidence.carried_over import Places, carried
from graft.evidence.metrics import metric
from graft.evidence.predictions import Scored
from graft.evidence.tilted import LEAST_ROWS, tilts

RowValues = Callable[[Scored], np.ndarray]  # a value of each row, shape (rows,)
Probabilities = Callable[[np.ndarray], np.ndarray]  # scores to calibrated probabilities, of the same shape
Fit = Callable[[np.ndarray, np.ndarray, np.ndarray], Probabilities]  # scores, targets, weights of rows
USUAL_DRAWS = 400
_COUNTS = 400_000  # rows of samples whose metric is computed at once
CELLS = 500_000_000  # probabilities looked at in all draws together: a few seconds
ASSUMED = (
    "the labels given the scores are as in the reference rows: a change of what the labels mean cannot be seen",
    "the scores of these rows lie among those of the reference rows, on which the probabilities were calibrated",
)


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model said about rows whose truth is not known.

    task: binary, multiclass or multilabel. scores: probabilities as the model gives them, shape (rows, classes) or
    (rows, labels). choices: what was decided, as in ``Scored``; -1 where the model abstained.
    Raises InputError without rows, for numbers that are not finite, and for what is no probability.

    >>> Answers("binary", np.array([[0.9, 0.1], [0.4, 0.6]])).rows
    2
    """

    task: str
    scores: np.ndarray
    choices: np.ndarray | None = None

    def __post_init__(self) -> None:
        scores = np.asarray(self.scores, dtype=np.float64)
        if scores.ndim != 2 or len(scores) == 0 or self.task not in ("binary", "multiclass", "multilabel"):
            raise InputError(
                f"scores of shape {scores.shape} for {self.task}",
                needed="probabilities (rows, classes) or (rows, labels) of at least one row",
                fix="for values, estimate the loss with fit_loss" if self.task == "regression" else "",
            )
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "choices", self.if_true(self.nothing()).choices)

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.scores)

    def if_true(self, targets: np.ndarray) -> Scored:
        """The same rows with a truth: class indices (rows,), or 0/1 (rows, labels)."""
        return Scored(self.task, targets, self.scores, self.choices)

    def nothing(self) -> np.ndarray:
        """A truth to stand in: class 0, or no label."""
        return np.zeros(self.scores.shape if self.task == "multilabel" else self.rows, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class RowExpectation:
    """What each row is expected to show, how far it may lie from that, and between what; all of shape (rows,)."""

    mean: np.ndarray
    deviation: np.ndarray
    least: np.ndarray
    most: np.ndarray


@dataclass(frozen=True, eq=False)
class RowOutcomes:
    """The value of each row for each truth there could be.

    values: of rows with a truth. table: for each class, shape (rows, classes); for labels the value without any and
    what each adds, shape (rows, 1 + labels); None where a row counts as right only with all labels right.
    """

    answers: Answers
    values: RowValues
    table: np.ndarray | None

    def of(self, targets: np.ndarray) -> np.ndarray:
        """The values for a truth, shape (rows,)."""
        return self.values(self.answers.if_true(targets))

    def expectation(self, probabilities: np.ndarray) -> RowExpectation:
        """What each row is expected to be under calibrated probabilities."""
        told, table = _checked(self.answers, probabilities), self.table
        if table is None:
            mean = self._all_right(told)
            return RowExpectation(mean, np.sqrt(mean * (1 - mean)), np.zeros(len(mean)), np.ones(len(mean)))
        if self.answers.task != "multilabel":
            mean = (told * table).sum(axis=1)
            deviation = np.sqrt((told * (table - mean[:, None]) ** 2).sum(axis=1))
            return RowExpectation(mean, deviation, table.min(axis=1), table.max(axis=1))
        base, steps = table[:, 0], table[:, 1:]
        return RowExpectation(
            base + (told * steps).sum(axis=1),
            np.sqrt((told * (1 - told) * steps**2).sum(axis=1)),
            base + np.minimum(steps, 0).sum(axis=1),
            base + np.maximum(steps, 0).sum(axis=1),
        )

    def log_moments(self, probabilities: np.ndarray, tilts: np.ndarray) -> np.ndarray:
        """log E exp(tilt * value) of each row under calibrated probabilities, shape (rows, tilts)."""
        told, table = _checked(self.answers, probabilities), self.table
        found = np.empty((len(told), len(tilts)))
        for place, tilt in enumerate(tilts):
            if table is None:
                found[:, place] = np.log1p(self._all_right(told) * np.expm1(tilt))
            elif self.answers.task == "multilabel":
                each = np.log1p(told * np.expm1(tilt * table[:, 1:])).sum(axis=1)
                found[:, place] = tilt * table[:, 0] + each
            else:
                top = (tilt * table).max(axis=1)
                found[:, place] = top + np.log((told * np.exp(tilt * table - top[:, None])).sum(axis=1))
        return found

    def _all_right(self, told: np.ndarray) -> np.ndarray:
        decided = self.answers.if_true(self.answers.nothing()).decided
        return np.asarray(np.where(decided == 1, told, 1 - told).prod(axis=1))


@dataclass(frozen=True, eq=False)
class Recalibration:
    """Probabilities that reference rows support, and others that they support nearly as well.

    reference: the rows, whose scores are those of a model that had not learnt them. fitted: from scores to
    probabilities. drawn: the same refitted on the rows weighted anew. place: the group of each row, from 0. alike: the
    correlation, within groups, of being decided rightly beyond what the probabilities say, 0 to 1.
    """

    reference: Scored
    fitted: Probabilities
    drawn: tuple[Probabilities, ...]
    place: np.ndarray
    alike: float

    @property
    def effective(self) -> float:
        """How many independent rows the reference is worth."""
        return self.reference.rows / _effect(self.alike, self.place)


@dataclass(frozen=True)
class ExpectedQuality:
    """What the labels of a batch are expected to show.

    quality: the metric's name, or "cost". estimate: in its unit, with the interval in which the labels of these rows
    will put it if the assumptions hold. usual: what the reference rows show, and the ends between which samples of as
    many of them lie. rows: of the batch. assumptions: in words, of which the first cannot be checked without labels.
    """

    quality: str
    estimate: Interval
    usual: Interval
    rows: int
    assumptions: tuple[str, ...]

    @property
    def unusual(self) -> bool:
        """Whether the estimate lies where samples of the reference do not."""
        low, high = self.usual.ends or (-np.inf, np.inf)
        return not low <= self.estimate.mean <= high


def row_cost(scored: Scored, actions: np.ndarray) -> np.ndarray:
    """What each decision cost, in the unit of the table, shape (rows,): a ``RowValues`` by ``partial``.

    actions: cost[true, decided], shape (classes, classes), with one column more where abstaining (-1) is allowed; for
    multilabel (1 + labels, 1 + labels), whose first name is "none".

    >>> scored = Scored("binary", np.array([1, 0]), np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0, -1]))
    >>> row_cost(scored, np.array([[0.0, 1.0, 2.0], [50.0, 0.0, 2.0]])).tolist()
    [50.0, 2.0]
    """
    costs, decided, classes = np.asarray(actions, dtype=np.float64), scored.decided, scored.classes
    size = 1 + classes if scored.task == "multilabel" else classes
    abstains = scored.task != "multilabel" and bool((decided < 0).any())
    if costs.ndim != 2 or len(costs) != size or costs.shape[1] not in (size + abstains, size + 1):
        raise InputError(
            f"costs of shape {costs.shape} for {size} {'names' if scored.task == 'multilabel' else 'classes'}",
            needed=f"({size}, {size + abstains}): cost[true, decided]{', the last column abstaining' * abstains}",
        )
    if not np.all(np.isfinite(costs)):
        raise InputError("costs that are not finite", needed="a number for each truth and decision")
    if scored.task == "multilabel":
        silent, alarm, miss, found = costs[0, 0], costs[0, 1:], costs[1:, 0], np.diag(costs)[1:]
        right, wrong = np.where(decided == 1, found, silent), np.where(decided == 1, alarm, miss)
        return np.asarray(np.where(scored.targets == decided, right, wrong).sum(axis=1))
    return np.asarray(costs[scored.targets, np.where(decided < 0, classes, decided)])


def expected_rows(answers: Answers, probabilities: np.ndarray, of: str | RowValues) -> RowExpectation:
    """What each row is expected to show under calibrated probabilities, for a metric that is a mean over rows.

    probabilities: of shape (rows, classes) or (rows, labels). of: a metric's name, or a value of each row, such as
    ``partial(row_cost, actions=...)``; for multilabel a value that is a sum over labels.
    Raises InputError for a metric that is no mean over rows.

    >>> answers = Answers("binary", np.array([[0.9, 0.1], [0.4, 0.6]]))
    >>> expected_rows(answers, answers.scores, "accuracy").mean.tolist()
    [0.9, 0.6]
    """
    return row_outcomes(answers, of).expectation(probabilities)


def row_outcomes(answers: Answers, of: str | RowValues) -> RowOutcomes:
    """The value of each row for each truth there could be; arguments as in ``expected_rows``."""
    values = _row_values(of, answers.task)
    if values is None:
        raise InputError(f"{of} of each row", needed="a metric that is a mean over rows, such as accuracy or log_loss")
    if answers.task != "multilabel":
        return RowOutcomes(answers, values, _if_each(answers, values))
    nothing = answers.nothing()
    if values is weighted.right:
        return RowOutcomes(answers, values, None)
    base = values(answers.if_true(nothing))
    steps = []
    for label in range(nothing.shape[1]):
        one = nothing.copy()
        one[:, label] = 1
        steps.append(values(answers.if_true(one)) - base)
    return RowOutcomes(answers, values, np.column_stack([base, *steps]))


def recalibrate(
    reference: Scored,
    fit: Fit,
    *,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    draws: int = 100,
    anchored: bool = True,
) -> Recalibration:
    """Calibrated probabilities from reference rows, with how well these rows determine them.

    reference: rows with their truth, scored by a model that had not learnt them. fit: from scores, targets and positive
    weights (rows,) to a map, such as ``lambda s, t, w: fit_method("platt", s, t, task=task, weights=w).apply``.
    groups: of each row, shape (rows,), where rows share customers or documents. draws: refits, once per baseline.
    anchored: whether what the map leaves on these rows is added to it, from forty rows (or groups) of classes on.

    >>> from scipy import special
    >>> rng = np.random.default_rng(0)
    >>> scores = rng.random((200, 1)) @ [[-1.0, 1.0]] + [1.0, 0.0]
    >>> reference = Scored("binary", (rng.random(200) < scores[:, 1]).astype(int), scores)
    >>> found = recalibrate(reference, lambda scores, targets, weights: lambda other: other, rng=rng, draws=5)
    >>> len(found.drawn), found.alike
    (5, 0.0)

    Rubin (1981), The Bayesian Bootstrap.
    """
    if reference.task == "regression":
        raise InputError("calibrated probabilities of values", needed="classes or labels", fix="use fit_loss")
    place = group_places(reference.rows, groups)
    units = int(place.max()) + 1
    if units < 2:
        raise InputError(
            f"{reference.rows} reference rows in {units} group",
            needed="at least two groups, better twenty",
            fix="take reference rows of more customers or documents",
        )
    shape = max(0.5, 1 - 2 / units)  # by which a mean varies as much as its variance estimate says
    luck = rng.standard_gamma(shape, (draws, units)) + 1e-9
    fitted = fit(reference.scores, reference.targets, np.ones(reference.rows))
    if anchored and reference.task != "multilabel" and units >= LEAST_ROWS:
        answers = Answers(reference.task, reference.scores)
        told = _checked(answers, fitted(reference.scores))
        tilt, others = tilts(told, reference.targets, place, luck=luck, rng=rng)
        maps = tuple(_Tilted(fitted, one) for one in others)
        whole = _Tilted(fitted, tilt)
        return Recalibration(reference, whole, maps, place, _alike(reference, whole, place))
    drawn = []
    for one in luck:
        weights = one[place]
        drawn.append(fit(reference.scores, reference.targets, weights * len(weights) / weights.sum()))
    return Recalibration(reference, fitted, tuple(drawn), place, _alike(reference, fitted, place))


@dataclass(frozen=True, eq=False)
class _Tilted:
    """What a calibrator says, tilted by what it leaves on the reference."""

    fitted: Probabilities
    tilt: Probabilities

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        told = np.asarray(self.fitted(scores), np.float64)
        return self.tilt(told / told.sum(axis=1, keepdims=True))


def expected_quality(
    answers: Answers,
    calibration: Recalibration,
    of: str | RowValues,
    *,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    lies: Places | None = None,
    level: float = 0.95,
    draws: int = 1000,
) -> ExpectedQuality:
    """What a metric or a cost will be found to be when the labels of these rows come, if calibration still holds.

    of: the name of any metric of classes or labels, or a value of each row (see ``expected_rows``), whose mean is
    estimated. groups: of each row of the batch, shape (rows,). lies: where the reference's rows and the batch lie, by
    which what the scores leave is carried over; of a metric that is a mean over rows. draws: of labels, spread over
    the calibrators drawn; fewer where rows are so many that only the calibrators matter.

    >>> rng = np.random.default_rng(0)
    >>> scores = rng.random((2000, 1)) @ [[-1.0, 1.0]] + [1.0, 0.0]
    >>> reference = Scored("binary", (rng.random(2000) < scores[:, 1]).astype(int), scores)
    >>> fit = lambda scores, targets, weights: lambda other: other
    >>> as_said = recalibrate(reference, fit, rng=rng, anchored=False)
    >>> found = expected_quality(Answers("binary", np.tile([0.8, 0.2], (400, 1))), as_said, "accuracy", rng=rng)
    >>> round(found.estimate.mean, 3), round(found.estimate.low, 2), round(found.estimate.high, 2), found.unusual
    (0.8, 0.76, 0.84, True)

    Garg et al. (2022), Leveraging Unlabeled Data to Predict Out-of-Distribution Performance; NannyML (2022) for CBPE.
    """
    if not 0 < level < 1 or draws < 1:
        raise InputError(f"a level of {level} and {draws} draws", needed="a level between 0 and 1, a draw or more")
    reference = calibration.reference
    if (answers.task, answers.scores.shape[1]) != (reference.task, reference.classes):
        raise InputError(
            f"{answers.task} scores with {answers.scores.shape[1]} columns",
            needed=f"{reference.task} scores with {reference.classes} columns, as in the reference rows",
        )
    values = _row_values(of, answers.task)
    place = group_places(answers.rows, groups)
    value = _shown(answers, of)
    maps = calibration.drawn or (calibration.fitted,)
    each = max(1, min(-(-draws // len(maps)), CELLS // (answers.scores.size * len(maps))))
    found = []
    for one in maps:
        found += _values(one, answers, calibration, value, place, each, rng, spread=True)
    told = _checked(answers, calibration.fitted(answers.scores))
    if values is not None:
        mean = float(expected_rows(answers, told, of).mean.mean())
    else:
        plain = _values(calibration.fitted, answers, calibration, value, place, draws, rng, spread=False)
        mean = _mean(np.array(plain))
    if values is not None and lies is not None:
        outcomes = row_outcomes(Answers(reference.task, reference.scores, reference.choices), of)
        rest = outcomes.of(reference.targets) - outcomes.expectation(calibration.fitted(reference.scores)).mean
        effect = _effect(calibration.alike, calibration.place)
        beyond = carried(rest, lies, effect=effect, draws=len(found), rng=rng)
        # Not beyond what rows can be.
        could = expected_rows(answers, told, of)
        least, most = float(could.least.mean()), float(could.most.mean())
        mean = float(np.clip(mean + beyond.mean, least, most))
        found = np.clip(np.array(found) + beyond.draws, least, most).tolist()
    known = np.array(found)[np.isfinite(found)]
    sides = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(known, sides) if len(known) else (np.nan, np.nan)
    return ExpectedQuality(
        of if isinstance(of, str) else "cost",
        Interval.within(mean, min(mean, float(low)), max(mean, float(high))),
        usual_range(reference, of, rows=answers.rows, rng=rng, groups=calibration.place, level=level),
        answers.rows,
        ASSUMED + (() if groups is not None or calibration.alike == 0 else (_ALONE,)),
    )


_ALONE = "rows of this batch do not belong together, though those of the reference do"


def usual_range(
    reference: Scored,
    of: str | RowValues,
    *,
    rows: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    level: float = 0.95,
) -> Interval:
    """What the reference shows, and the ends between which samples of ``rows`` of its rows lie.

    groups: drawn as a whole, shape (rows of the reference,); the last is cut where the sample is full.
    """
    values = _row_values(of, reference.task)
    place = group_places(reference.rows, groups)
    if values is not None:
        return usual_mean(values(reference), rows=rows, rng=rng, place=place, level=level)
    every = np.ones((1, reference.rows))
    samples, found, at_once = _samples(place, rows, rng), [], max(1, _COUNTS // reference.rows)
    while some := [np.bincount(taken, minlength=reference.rows) for taken in islice(samples, at_once)]:
        found.append(metric(str(of)).per_draw(reference, np.array(some, dtype=np.float64)))
    return _between(float(metric(str(of)).per_draw(reference, every)[0]), np.concatenate(found), level)


def usual_mean(
    values: np.ndarray, *, rows: int, rng: np.random.Generator, place: np.ndarray, level: float = 0.95
) -> Interval:
    """The mean of values, and the ends between which means of samples of ``rows`` of them lie.

    values: shape (reference,). place: the group of each, from 0; drawn as a whole.
    """
    found = np.array([values[taken].mean() for taken in _samples(place, rows, rng)])
    return _between(float(values.mean()), found, level)


def _samples(place: np.ndarray, rows: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Places of rows drawn with their groups, as many as asked."""
    sizes, starts = np.bincount(place), np.argsort(place, kind="stable")
    begin = np.cumsum(sizes) - sizes
    for _ in range(USUAL_DRAWS):
        if len(sizes) == len(place):
            yield rng.integers(len(place), size=rows)
        else:
            order = rng.integers(len(sizes), size=rows)
            order = order[: int(np.searchsorted(np.cumsum(sizes[order]), rows)) + 1]
            yield np.concatenate([starts[begin[one] : begin[one] + sizes[one]] for one in order])[:rows]


def _between(whole: float, found: np.ndarray, level: float) -> Interval:
    known = found[np.isfinite(found)]
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if len(known) else (np.nan, np.nan)
    return Interval.within(whole, float(low), float(high))


def _row_values(of: str | RowValues, task: str) -> RowValues | None:
    """The value of each row, or None for a metric that is no mean over rows."""
    return metric(of, task).rows if isinstance(of, str) else of


def _if_each(answers: Answers, values: RowValues) -> np.ndarray:
    """The value of each row if its truth were each class, shape (rows, classes)."""
    columns = range(answers.scores.shape[1])
    return np.column_stack([values(answers.if_true(np.full(answers.rows, one))) for one in columns])


def _shown(answers: Answers, of: str | RowValues) -> Callable[[np.ndarray], float]:
    """What the metric is for a truth, fast for many truths of the same answers."""
    values, rows = _row_values(of, answers.task), np.arange(answers.rows)
    if answers.task == "multilabel" or (values is None and of not in _COUNTED):
        every = np.ones((1, answers.rows))

        def shown(targets: np.ndarray) -> float:
            scored = answers.if_true(targets)
            return float(metric(of).per_draw(scored, every)[0] if isinstance(of, str) else of(scored).mean())

    elif values is not None:
        table = _if_each(answers, values)

        def shown(targets: np.ndarray) -> float:
            return float(table[rows, targets].mean())

    else:
        counted, classes = _COUNTED[str(of)], answers.scores.shape[1]
        decided = answers.if_true(answers.nothing()).decided
        said = np.bincount(decided[decided >= 0], minlength=classes)[None]

        def shown(targets: np.ndarray) -> float:
            hit = np.bincount(targets[targets == decided], minlength=classes)[None]
            return float(counted(hit, np.bincount(targets, minlength=classes)[None], said)[0])

    return shown


_COUNTED: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "macro_f1": lambda hit, true, said: weighted.macro_f1_of(hit, true, said, labels=False),
    "micro_f1": weighted.micro_f1_of,
    "balanced_accuracy": lambda hit, true, said: weighted.balanced_accuracy_of(hit, true),
}


def _checked(answers: Answers, probabilities: np.ndarray) -> np.ndarray:
    """Probabilities that fit the answers, made to sum to one for classes."""
    told = np.asarray(probabilities, dtype=np.float64)
    if told.shape != answers.scores.shape:
        raise InputError(f"probabilities of shape {told.shape}", needed=f"{answers.scores.shape}, as the scores")
    if not np.all(np.isfinite(told)) or told.min() < 0 or told.max() > 1 + 1e-9:
        raise InputError("calibrated numbers that are no probabilities", needed="finite numbers from 0 to 1")
    if answers.task == "multilabel":
        return told
    if told.sum(axis=1).min() <= 0:
        raise InputError("calibrated probabilities of a row that are all 0", needed="rows that sum to one")
    return np.asarray(told / told.sum(axis=1, keepdims=True))


def _values(
    fitted: Probabilities,
    answers: Answers,
    calibration: Recalibration,
    value: Callable[[np.ndarray], float],
    place: np.ndarray,
    draws: int,
    rng: np.random.Generator,
    *,
    spread: bool,
) -> list[float]:
    """What labels drawn from these probabilities show."""
    told = _checked(answers, fitted(answers.scores))
    ways = 2 if answers.task == "multilabel" else told.shape[1]
    if spread:
        share = min(1.0, rng.exponential() * ways / (ways - 1) / calibration.effective)
        told = (1 - share) * told + share / ways
    decided = answers.if_true(answers.nothing()).decided
    groups = int(place.max()) + 1
    shared = float(np.sqrt(calibration.alike)) if groups < len(place) else 0.0
    labels = answers.task == "multilabel"
    cumulative = None if labels else _cumulative(told, decided)
    found = []
    for _ in range(draws):
        luck = rng.random(told.shape) if labels else rng.random(len(told))
        if shared > 0:
            same = rng.random(len(told)) < shared
            own = rng.random((groups, *luck.shape[1:]))[place]
            luck = np.where(same[:, None] if labels else same, own, luck)
        if cumulative is None:  # a label decided for turns out so where luck is low, another where it is high
            drawn = np.where(decided == 1, luck < told, luck >= 1 - told).astype(np.int64)
        else:
            drawn = (luck[:, None] >= cumulative).sum(axis=1)
            drawn = _unfold(drawn, decided)
        found.append(value(drawn))
    return found


def _cumulative(told: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Cumulative probabilities of all classes but one, what was decided first, shape (rows, classes - 1)."""
    rows, first = np.arange(len(told)), np.maximum(decided, 0)
    moved = told.copy()
    moved[rows, first], moved[:, 0] = told[:, 0], told[rows, first]
    return np.asarray(np.cumsum(moved, axis=1)[:, :-1])


def _unfold(drawn: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Classes from places in the order of ``_cumulative``."""
    first = np.maximum(decided, 0)
    return np.where(drawn == 0, first, np.where(drawn == first, 0, drawn))


def _alike(reference: Scored, fitted: Probabilities, place: np.ndarray) -> float:
    """Correlation within groups of being right, beyond the probabilities; 0 without groups."""
    sizes = np.bincount(place)
    if len(sizes) == len(place):
        return 0.0
    told = _checked(Answers(reference.task, reference.scores), fitted(reference.scores))
    decided = np.maximum(reference.decided, 0)
    if reference.task == "multilabel":
        chance = np.where(decided == 1, told, 1 - told).mean(axis=1)
        right = (reference.decided == reference.targets).mean(axis=1)
    else:
        chance = told[np.arange(len(told)), decided]
        right = (decided == reference.targets).astype(np.float64)
    size = float(sizes @ sizes) / len(place)
    return float(np.clip((design_effect(right - chance, place, least=0.0) - 1) / (size - 1), 0.0, 1.0))


def _effect(alike: float, place: np.ndarray) -> float:
    """How many times a variance grows in groups whose rows are that alike."""
    sizes = np.bincount(place)
    return 1 + alike * (float(sizes @ sizes) / len(place) - 1)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
