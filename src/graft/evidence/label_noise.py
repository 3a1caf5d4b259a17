"""Rows whose given label is probably wrong: confident learning, and how many of them truly are.

Decisions: the threshold of a class is the mean confidence in it among the rows that carry it, so a class that is hard
for the model is not accused wholesale; a row is a suspect when another class passes its own threshold and beats the
given one. Suspects are ranked by the normalised margin p(given) - max p(other), the most certain error first. Feed it
out-of-fold probabilities: a model that has seen a label defends it.

The rule lists every confident mistake of the model, also where each label is right, so a list says nothing by its
length. ``suspicion`` therefore fits what labels would look like: a share e of them replaced by any other class, the
rest following the model's probabilities at a temperature T. Calibrating to the labels alone would not do, because
wrong labels flatten the calibrated probabilities until nothing is suspect; a flat share of wrong labels and ambiguity
can be told apart because ambiguity shows in the scores. T and e are not chosen but averaged over a grid by their
likelihood, with even odds that e is 0, so that clean labels are not accused. Labels redrawn at T give the list that
clean labels would; the chance that each listed label is wrong gives how many are.

Simulated (tests/oracles/test_label_noise_oracle.py; logistic regression on Gaussian classes, stratified folds, means
of 8 data sets):

| classes | rows | accuracy | labels flipped | listed | expected if clean | wrong among listed | likely wrong |
|---|---|---|---|---|---|---|---|
| 2 | 400 | 0.80 | none | 37.9 | 35.8 | 0 | 1.6 |
| 2 | 400 | 0.79 | 2 % | 39.8 | 36.0 | 5.2 | 4.4 |
| 2 | 400 | 0.77 | 10 % | 66.4 | 52.8 | 25.4 | 15.0 |
| 2 | 400 | 0.97 | none | 1.5 | 1.7 | 0 | 0.0 |
| 2 | 400 | 0.96 | 5 % | 17.5 | 1.0 | 17.0 | 16.5 |
| 2 | 1,000 | 0.90 | 5 % | 53.2 | 18.2 | 33.0 | 33.1 |
| 10 | 600 | 0.75 | none | 74.0 | 73.8 | 0 | 0.2 |
| 10 | 600 | 0.72 | 2 % | 92.1 | 79.6 | 8.0 | 7.7 |
| 10 | 600 | 0.68 | 10 % | 142.5 | 93.3 | 44.2 | 40.6 |
| 10 | 600 | 0.91 | 5 % | 36.1 | 11.2 | 22.8 | 22.0 |

One temperature does not calibrate a model wholly: on clean labels the list was up to 3 of 21 longer than expected (20
classes), while none of it was said to be wrong.

Where the model itself errs often (binary, accuracy 0.80), half of the wrong labels look like its own mistakes and are
not counted. A model that is confidently wrong on clean rows, more often than any temperature explains, looks like
wrong labels: only looking at the rows can tell.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.tasks import CLASSES
from graft.evidence.predictions import Scored

TEMPERATURES = np.geomspace(0.15, 6.0, 28)
WRONG = np.concatenate([[0.0], np.geomspace(0.003, 0.4, 24)])  # shares of wrong labels; none has even odds
_CELLS = 100_000_000  # probabilities redrawn at most: 10,000 rows of 100 classes get 100 draws


@dataclass(frozen=True)
class Suspect:
    """A row to look at again.

    row: its position. given, suggested: class indices. margin: p(given) - p(the most probable other), -1 to 1; the
    lower the surer.
    """

    row: int
    given: int
    suggested: int
    margin: float


@dataclass(frozen=True)
class Suspicion:
    """The suspects, and how far they are to be believed.

    rows: the surest, as many as were asked for. listed: how many the rule found. expected_if_clean: how many it would
    find if every label were right. likely_wrong: how many of those listed are wrong, with its interval.
    """

    rows: tuple[Suspect, ...]
    listed: int
    expected_if_clean: float
    likely_wrong: Interval

    @property
    def shown(self) -> bool:
        """Whether at least one wrong label is shown: the lower end is 1 or more."""
        return self.likely_wrong.low is not None and self.likely_wrong.low >= 1

    @property
    def statement(self) -> str:
        """What the list says, in plain English."""
        if not self.listed:
            return "the model disputes no label"
        disputed = f"the model disputes {_labels(self.listed)}"
        clean = f"about {self.expected_if_clean:.0f} would be if every label were right"
        ends = self.likely_wrong.ends
        if not self.shown or ends is None:
            return f"{disputed}; {clean}: wrong labels are not shown"
        return f"{disputed}; {clean}; about {self.likely_wrong.mean:.0f} are wrong ({ends[0]:.0f} to {ends[1]:.0f})"


def suspects(scored: Scored, *, limit: int | None = None) -> tuple[Suspect, ...]:
    """Rows whose label the out-of-fold predictions dispute, the surest first.

    scored: binary or multiclass. limit: at most so many; None for all.

    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9], [0.05, 0.95]])
    >>> suspects(Scored("binary", np.array([0, 0, 1, 1, 0]), probabilities))
    (Suspect(row=4, given=0, suggested=1, margin=-0.9),)

    Northcutt, Jiang & Chuang (2021), Confident Learning, JAIR 70.
    """
    _check(scored, limit)
    disputed, suggested, margin = _disputed(scored.scores, scored.targets)
    found = np.flatnonzero(disputed)
    found = found[np.lexsort((found, margin[found]))][:limit]
    return tuple(
        Suspect(int(row), int(scored.targets[row]), int(suggested[row]), round(float(margin[row]), 12)) for row in found
    )


def suspicion(
    scored: Scored,
    *,
    rng: np.random.Generator,
    limit: int | None = None,
    draws: int = 200,
    level: float = 0.95,
) -> Suspicion:
    """The suspects, how many there would be if every label were right, and how many are wrong.

    scored: binary or multiclass, out of fold. limit: at most so many rows in the answer; the counts are of all.

    >>> rng = np.random.default_rng(0)
    >>> sure = rng.random(400) * 0.5 + 0.5
    >>> true = (rng.random(400) < sure).astype(int)
    >>> clean = suspicion(Scored("binary", true, np.column_stack([1 - sure, sure])), rng=rng)
    >>> clean.shown, abs(clean.listed - clean.expected_if_clean) < 10
    (False, True)

    Northcutt, Jiang & Chuang (2021), for the rule; Natarajan et al. (2013), Learning with Noisy Labels, for the
    mixture.
    """
    _check(scored, limit)
    if draws < 1 or not 0 < level < 1:
        raise InputError(f"{draws} draws at a level of {level}", needed="one draw or more, a level between 0 and 1")
    given, classes, rows = scored.targets, scored.classes, np.arange(scored.rows)
    listed = np.flatnonzero(_disputed(scored.scores, given)[0])
    chance = _posterior(scored)
    count = max(20, min(draws, _CELLS // scored.scores.size))
    picked = np.sort(rng.choice(chance.size, size=count, p=chance.ravel()))
    clean, wrong = np.empty(count), np.empty(count)
    before = -1
    for draw, (warmth, share) in enumerate(zip(*np.unravel_index(picked, chance.shape), strict=True)):
        if warmth != before:  # the draws are sorted: equal temperatures follow each other
            tempered = _tempered(scored.scores, float(TEMPERATURES[warmth]))
            sums, before = tempered.cumsum(axis=1), warmth
        redrawn = (sums < rng.random(scored.rows)[:, None] * sums[:, -1:]).sum(axis=1)
        clean[draw] = _disputed(scored.scores, np.minimum(redrawn, classes - 1))[0].sum()
        right = tempered[rows, given][listed]
        replaced = WRONG[share] * (1 - right) / (classes - 1)
        chances = replaced / np.maximum((1 - WRONG[share]) * right + replaced, 1e-300)
        wrong[draw] = (rng.random(len(listed)) < chances).sum()
    low, high = np.quantile(wrong, [(1 - level) / 2, (1 + level) / 2])
    return Suspicion(
        suspects(scored, limit=limit),
        len(listed),
        float(clean.mean()),
        Interval(float(wrong.mean()), float(low), float(high)),
    )


def _check(scored: Scored, limit: int | None) -> None:
    if scored.task not in CLASSES:
        raise InputError(f"label noise for a {scored.task} task", needed="binary or multiclass targets")
    if limit is not None and limit < 0:
        raise InputError(f"a limit of {limit} suspects", needed="0 or more, or None for all")


def _disputed(scores: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether each label is disputed, by which class, and the margin; each of shape (rows,)."""
    rows, classes = np.arange(len(given)), scores.shape[1]
    own = scores[rows, given]
    counts = np.bincount(given, minlength=classes)
    sums = np.bincount(given, weights=own, minlength=classes)
    thresholds = np.divide(sums, counts, out=np.full(classes, np.inf), where=counts > 0)
    confident = np.where(scores >= thresholds, scores, -1.0)
    suggested = confident.argmax(axis=1)
    others = scores.copy()
    others[rows, given] = -1.0
    margin = own - others.max(axis=1)
    return (confident.max(axis=1) >= 0) & (suggested != given) & (margin < 0), suggested, margin


def _tempered(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (rows, classes) at a temperature: above 1 they are flatter."""
    logits = np.log(np.maximum(scores, 1e-12)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _posterior(scored: Scored) -> np.ndarray:
    """Chance of each temperature and share of wrong labels given the labels, shape (temperatures, shares)."""
    rows, others = np.arange(scored.rows), scored.classes - 1
    fit = np.empty((len(TEMPERATURES), len(WRONG)))
    for place, temperature in enumerate(TEMPERATURES):
        right = _tempered(scored.scores, float(temperature))[rows, scored.targets]
        for column, share in enumerate(WRONG):
            chance = (1 - share) * right + share * (1 - right) / others
            fit[place, column] = np.log(np.maximum(chance, 1e-300)).sum()
    prior = np.where(WRONG > 0, 0.5 / (len(WRONG) - 1), 0.5)
    weights = np.exp(fit - fit.max()) * prior
    return np.asarray(weights / weights.sum())


def _labels(number: int) -> str:
    return f"{number} label{'' if number == 1 else 's'}"
