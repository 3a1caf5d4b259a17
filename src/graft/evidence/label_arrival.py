"""Labels that come late: which count, when a batch is ripe for judging, and whether they contradict the estimate.

Decisions: a label counts once, the last said; a row told two labels at the same time has none, and both are told. How
long labels usually take is read from those that came, with rows still waiting taken as waiting (Kaplan & Meier). Rows
are judged once that has passed since their event, not as soon as some have labels, because quick labels are not like
slow ones: a fraud is found sooner than it is ruled out.

Whether labels contradict an estimate made without them is a bet that may be looked at after each of them, for ever. Of
every row the calibrated probabilities say how its value is distributed; a gambler who thinks it will come out higher
(or lower) multiplies a stake by how much more likely what came was under that tilt. If the probabilities hold, the
stake does not grow on average, and the chance that it ever reaches 1 / level is at most the level (Ville). Nothing is
approximated by a normal. The stake is spread over tilts of either sign and several sizes, and over when the labels
changed: half of it is placed at the first batch, a sixth at the second, 1 / (t (t + 1)) at the t-th. Accuracy and costs
may stay as they were while calibration is lost, so half of it is on the shares of the classes: of cisa_kev's later
rows .16 are of the rarer class where .23 were foretold, and right decisions became more; bets on accuracy alone won
nothing in 422 labels, with those on the shares they won 340,000 times the stake.

The calibrator is itself in doubt, so the estimate that is bet against is that of all calibrators drawn together, each
weighed by how well it has foretold the labels so far: the reference's own luck is no contradiction. Against the best of
them alone, false alarms were none and a change was seen later. Fifty calibrators drawn do not hold one that fits many
more labels than the reference has rows in every respect, so labels beyond as many weigh no more together. Rows of a
group are bet on with as much as they are
worth: the bets of a group that turns out alike weigh as one, which holds whatever the dependence (Hölder). How alike
is asked of each bet for itself: a customer's rows may be of one class and yet be decided rightly or not one by one.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from graft.core.errors import InputError
from graft.core.means import design_effect, group_places
from graft.evidence.predictions import Scored
from graft.evidence.unlabelled import Answers, Recalibration, RowValues, row_outcomes

TILTS = tuple(sign * size for sign in (-1, 1) for size in (0.1, 0.2, 0.4, 0.8, 1.6))  # over the usual deviation
MOST_CLASSES = 20  # whose shares are bet on


@dataclass(frozen=True, eq=False)
class SettledLabels:
    """One label per row.

    rows: ids of rows with a label, sorted, shape (rows,). labels, times: the last said of each and when, shape (rows,).
    repeated: labels said again without a change. corrected: ids whose label was changed later. contradicting: ids left
    out, since the last time they were told two labels at once. later: labels from after ``now``, which were left out.
    """

    rows: np.ndarray
    labels: np.ndarray
    times: np.ndarray
    repeated: int
    corrected: np.ndarray
    contradicting: np.ndarray
    later: int


@dataclass(frozen=True)
class UsualDelay:
    """How long labels take.

    delay: by which ``share`` of the labels that will come have come, in the unit of the times; infinite where no label
    came. share: as asked. labelled: of all rows, the share expected to get a label at all within what was seen.
    """

    delay: float
    share: float
    labelled: float


@dataclass(frozen=True, eq=False)
class LabelBets:
    """What betting against an estimate has won.

    logs: logarithm of what the stakes placed on each calibrator and tilt are worth, shape (calibrators, bets): the
    tilts of the value first, then those of each class.
    foretold: logarithm of the probability that each calibrator gave to the labels, shape (calibrators,). batches: bet
    on so far. rows: judged so far. observed, expected: sums over them of what came and of what had been expected.
    """

    logs: np.ndarray
    foretold: np.ndarray
    batches: int
    rows: int
    observed: float
    expected: float

    @classmethod
    def none(cls, calibration: Recalibration) -> "LabelBets":
        """Before any label came."""
        calibrators, kinds = max(1, len(calibration.drawn)), 1 + len(_classes(calibration.reference))
        return cls(np.full((calibrators, kinds * len(TILTS)), -np.inf), np.zeros(calibrators), 0, 0, 0.0, 0.0)

    @property
    def e_value(self) -> float:
        """How many times the stake a gambler against the estimate now has."""
        return float(np.exp(min(700.0, self._log_stake())))

    @property
    def gap(self) -> float:
        """What came less what was expected, per row; nan without rows."""
        return (self.observed - self.expected) / self.rows if self.rows else float("nan")

    def contradicted(self, level: float = 0.05) -> bool:
        """Whether the labels rule the estimate out. However often asked, wrongly so with at most ``level``."""
        if not 0 < level < 1:
            raise InputError(f"a level of {level}", needed="a share between 0 and 1", fix="use 0.05")
        return self._log_stake() >= -float(np.log(level))

    def _log_stake(self) -> float:
        kept = -np.log(self.batches + 1)  # of the stake, not placed yet
        value, shares = self.logs[:, : len(TILTS)], self.logs[:, len(TILTS) :]
        worth = special.logsumexp(value, axis=1) - np.log(value.shape[1])
        if shares.size:
            worth = np.logaddexp(worth, special.logsumexp(shares, axis=1) - np.log(shares.shape[1])) - np.log(2)
        worth = np.logaddexp(worth, kept)
        return float(special.logsumexp(self.foretold + worth) - special.logsumexp(self.foretold))


def settle_labels(rows: np.ndarray, labels: np.ndarray, times: np.ndarray, *, now: float) -> SettledLabels:
    """The label of each row, from all that was ever said about them.

    rows: id of the row that each label is about, shape (told,). labels: shape (told,). times: when each was said, as
    numbers in one unit, shape (told,). now: the time up to which labels are known.

    >>> told = np.array(["a", "b", "a", "c", "c"]), np.array([1, 0, 0, 1, 0]), np.array([1.0, 2.0, 3.0, 4.0, 4.0])
    >>> found = settle_labels(*told, now=10.0)
    >>> found.rows.tolist(), found.labels.tolist(), found.corrected.tolist(), found.contradicting.tolist()
    (['a', 'b'], [0, 0], ['a'], ['c'])
    """
    ids, said, when = np.asarray(rows), np.asarray(labels), np.asarray(times, dtype=np.float64)
    if not ids.shape == said.shape == when.shape or ids.ndim != 1:
        raise InputError(
            f"rows {ids.shape}, labels {said.shape} and times {when.shape}", needed="one of each per label told"
        )
    if not np.all(np.isfinite(when)) or (said.dtype.kind == "f" and not np.all(np.isfinite(said))):
        raise InputError(
            "labels or times that are not finite",
            needed="a label and when it was said",
            fix="drop rows without a label",
        )
    known = when <= now
    later = int((~known).sum())
    ids, said, when = ids[known], said[known], when[known]
    names, place = np.unique(ids, return_inverse=True)
    values, coded = np.unique(said, return_inverse=True)
    order = np.lexsort((coded, when, place))
    place, coded, when = place[order], coded[order], when[order]
    same = (place[1:] == place[:-1]) & (coded[1:] == coded[:-1])
    last = np.flatnonzero(np.append(place[1:] != place[:-1], True)[: len(place)])
    final, at = np.zeros(len(names), dtype=int), np.zeros(len(names))
    final[place[last]], at[place[last]] = coded[last], when[last]
    torn = np.zeros(len(names), dtype=bool)
    torn[place[(when == at[place]) & (coded != final[place])]] = True
    changed = np.zeros(len(names), dtype=bool)
    changed[place[coded != final[place]]] = True
    kept = ~torn
    return SettledLabels(
        names[kept], values[final[kept]], at[kept], int(same.sum()), names[changed & kept], names[torn], later
    )


def usual_delay(event_times: np.ndarray, label_times: np.ndarray, *, now: float, share: float = 0.9) -> UsualDelay:
    """How long it takes until labels have come, from rows with and without one.

    event_times: when each row was decided, shape (rows,). label_times: when its first label came, nan where none has
    yet, shape (rows,). now: in the same unit. share: of the labels that will come.

    >>> events = np.arange(10.0)
    >>> usual_delay(events, np.where(events <= 7, events + 2, np.nan), now=9.0)
    UsualDelay(delay=2.0, share=0.9, labelled=1.0)

    Kaplan & Meier (1958).
    """
    begun, ended = np.asarray(event_times, dtype=np.float64), np.asarray(label_times, dtype=np.float64)
    if begun.shape != ended.shape or begun.ndim != 1 or not np.all(np.isfinite(begun)):
        raise InputError(
            f"events {begun.shape} and labels {ended.shape}", needed="a time of each row, nan for no label"
        )
    if not 0 < share <= 1:
        raise InputError(f"a share of {share}", needed="more than 0, at most 1", fix="use 0.9")
    came = np.isfinite(ended) & (ended <= now)
    inside = begun <= now
    waited = np.where(came, np.maximum(0.0, ended - begun), now - begun)[inside]  # a clock set back is no delay
    came = came[inside]
    if not came.any():
        return UsualDelay(float("inf"), share, 0.0)
    steps = np.unique(waited[came])
    at_risk = len(waited) - np.searchsorted(np.sort(waited), steps, side="left")
    events = np.diff(np.concatenate([[0], np.searchsorted(np.sort(waited[came]), steps, side="right")]))
    told = 1 - np.cumprod(1 - events / at_risk)
    return UsualDelay(float(steps[np.argmax(told >= share * told[-1] - 1e-12)]), share, float(told[-1]))


def matured(event_times: np.ndarray, *, now: float, delay: float) -> np.ndarray:
    """Rows whose labels have had their usual delay to come, bool (rows,).

    >>> matured(np.array([1.0, 5.0, 9.0]), now=10.0, delay=5.0).tolist()
    [True, True, False]
    """
    times = np.asarray(event_times, dtype=np.float64)
    if not np.all(np.isfinite(times)):
        raise InputError("event times that are not finite", needed="when each row was decided")
    return np.asarray(times + delay <= now)


def bet_on_labels(
    before: LabelBets,
    answers: Answers,
    targets: np.ndarray,
    *,
    calibration: Recalibration,
    of: str | RowValues,
    scale: float,
    groups: np.ndarray | None = None,
) -> LabelBets:
    """What betting against the estimate has won when the labels of some more rows have come.

    Half of the stake is on the value, half on the shares of the classes, at most twenty of them.

    before: the bets so far; ``LabelBets.none(calibration)`` at first. answers: of the rows that have labels. targets:
    their labels, as in ``Scored``. of: a metric that is a mean over rows, or a value of each row, as in
    ``expected_quality``. scale: how far a row usually lies from what is expected of it (the root mean square of
    ``RowExpectation.deviation`` in the reference), the same for all batches. groups: of each row, shape (rows,); a
    group whose rows come in several batches is taken as several.

    >>> rng = np.random.default_rng(0)
    >>> scores = rng.random((900, 1)) @ [[-1.0, 1.0]] + [1.0, 0.0]
    >>> answers, holds = Answers("binary", scores), (rng.random(900) < scores[:, 1]).astype(int)
    >>> turned = np.where(rng.random(900) < 0.3, 1 - holds, holds)
    >>> from graft.evidence.predictions import Scored
    >>> from graft.evidence.unlabelled import recalibrate
    >>> reference = Scored("binary", holds, scores)
    >>> as_said = recalibrate(reference, lambda scores, targets, weights: lambda other: other, rng=rng, draws=3)
    >>> bets = LabelBets.none(as_said)
    >>> for labels in (holds, turned):
    ...     bets = bet_on_labels(bets, answers, labels, calibration=as_said, of="accuracy", scale=0.4)
    ...     print(bets.contradicted(), round(bets.gap, 2))
    False 0.0
    True -0.07

    Ville (1939); Shafer (2021), Testing by betting; Ramdas, Grünwald, Vovk & Shafer (2023); Wasserman, Ramdas &
    Balakrishnan (2020), Universal inference.
    """
    if not 0 < scale < np.inf:
        raise InputError(f"a scale of {scale}", needed="a positive number", fix="use that of the reference rows")
    place = group_places(answers.rows, groups)
    classes = _classes(calibration.reference)
    worths = _worths(calibration, of, classes, place)
    if len(calibration.drawn) > 1:
        # What the reference is off by is in all labels alike: of more than it has rows all weigh as many as it has.
        labelled = before.rows + float(worths[0].sum())
        worths = [min(1.0, calibration.effective / labelled) * one for one in worths]
    least = np.min(worths, axis=0)
    tilts = np.array(TILTS) / scale
    maps = calibration.drawn or (calibration.fitted,)
    values = row_outcomes(answers, of)
    came = values.of(targets)
    truth = np.asarray(targets).astype(np.int64)
    logs, foretold = [], []
    for one in maps:
        told = np.clip(one(answers.scores), 1e-12, 1 - 1e-12)
        won = [worths[0] @ (came[:, None] * tilts - values.log_moments(told, tilts))]
        for (column, usual), worth in zip(classes, worths[1:], strict=True):
            each = np.array(TILTS) / usual
            hit = truth[:, column] if truth.ndim == 2 else truth == column
            won.append(worth @ (hit[:, None] * each - np.log1p(told[:, [column]] * np.expm1(each))))
        logs.append(np.concatenate(won))
        if truth.ndim == 2:
            chances = np.where(truth == 1, np.log(told), np.log1p(-told)).sum(axis=1)
        else:
            chances = np.log(told[np.arange(answers.rows), truth])
        foretold.append(float(least @ chances))
    expected = float(values.expectation(calibration.fitted(answers.scores)).mean.sum())
    if before.logs.shape != (len(maps), len(logs[0])):
        raise InputError(
            f"bets of shape {before.logs.shape} before, now {(len(maps), len(logs[0]))}",
            needed="the same baseline",
            fix="begin anew with LabelBets.none where the baseline changed",
        )
    batch = before.batches + 1
    return LabelBets(
        np.stack(logs) + np.logaddexp(before.logs, -np.log(batch * (batch + 1.0))),
        before.foretold + np.array(foretold),
        batch,
        before.rows + answers.rows,
        before.observed + float(came.sum()),
        before.expected + expected,
    )


def _worths(
    calibration: Recalibration, of: str | RowValues, classes: list[tuple[int, float]], place: np.ndarray
) -> list[np.ndarray]:
    """What each row is worth in the bet on the value and in those on the classes, each of shape (rows,).

    A row of a group of n that turns out alike by r is worth 1 / (1 + r (n - 1)); r is that of what the reference's rows
    lie from what is expected of them, and 1 where the reference has no groups to see it in.
    """
    sizes, known = np.bincount(place), np.bincount(calibration.place)
    if len(sizes) == len(place):
        return [np.ones(len(place))] * (1 + len(classes))
    if len(known) == len(calibration.place):
        return [(1 / sizes)[place]] * (1 + len(classes))
    reference = calibration.reference
    answers = Answers(reference.task, reference.scores, reference.choices)
    told, outcomes = calibration.fitted(reference.scores), row_outcomes(answers, of)
    rests = [outcomes.of(reference.targets) - outcomes.expectation(told).mean]
    for column, _ in classes:
        hit = reference.targets[:, column] if reference.targets.ndim == 2 else reference.targets == column
        rests.append(hit - told[:, column])
    size = float(known @ known) / len(calibration.place)
    effects = [design_effect(rest, calibration.place, least=0.0) for rest in rests]
    return [(1 / (1 + np.clip((effect - 1) / (size - 1), 0, 1) * (sizes - 1)))[place] for effect in effects]


def _classes(reference: Scored) -> list[tuple[int, float]]:
    """Classes or labels whose shares are bet on, the most common ones, each with how far a row lies from its share."""
    if reference.task == "multilabel":
        shares = reference.targets.mean(axis=0)
    else:
        shares = np.bincount(reference.targets, minlength=reference.classes) / reference.rows
    places = [1] if reference.task == "binary" else np.argsort(-shares, kind="stable")[:MOST_CLASSES].tolist()
    inside = np.clip(shares, 1 / (reference.rows + 1), 1 - 1 / (reference.rows + 1))
    return [(place, float(np.sqrt(inside[place] * (1 - inside[place])))) for place in places]
