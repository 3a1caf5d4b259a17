"""How far probabilities are off, beside how far a perfect model would seem to be.

Decisions: what is checked is the probability that is acted on: of class 1 for binary, of the decided class for
multiclass, of every label for multilabel (flattened; the labels of a row stay together). Bins hold equal numbers of
rows by default ("mass"), because equal widths leave most bins empty; "width" is there for comparison with papers.

The error shown by a finite sample is too large, even for a perfect model. So three more numbers stand beside it. What a
perfect model would show on these rows: outcomes are redrawn from its own probabilities, which also gives a p-value.
The debiased error: the true one whose sample value would lie below and above what is shown equally often. And the
interval: the true errors under which what is shown is not extreme, found by scaling the gaps of the bins and adding
their noise back; it reaches 0 where a perfect model could have shown as much. Groups are redrawn and resampled as a
whole; how alike outcomes are within a group is estimated, and shared draws keep each row's probability exact.

Measured, 95 % asked, 150 to 300 studies a cell, 4 to 15 bins, uniform probabilities; "off" is a log-odds twice too
sure, .1 too high throughout, or .3 too high above .8 (true errors .06 to .10):

    rows (or groups x rows)             50     100     400    1,500   5 x 40  20 x 20  100 x 5
    perfect: shown on average         .078    .080    .061     .031     .097     .069     .057
             expected if perfect      .079    .078    .061     .031     .100     .068     .056
             debiased                 .035    .028    .016     .009     .038     .026     .019
             covered                   .97     .96     .97      .98     1.00      .99      .99
             p at most .05             .07     .05     .07      .05      .09      .08      .02
    off:     covered (worst of 3)      .97     .95     .96      .98     1.00      .99      .98

(the groups' outcomes correlate by .2). The p-value of few groups is not to be trusted, so there is none: perfect models
are below .05 in .13 of studies of 5 groups, .07 to .11 of 8 and 10, .07 to .08 of 15, and .04 to .06 of 20 (300 studies
each, correlations of .2, .5 and .8).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import design_effect, group_places
from graft.evidence.predictions import Scored
from graft.evidence.row_weights import chunks

SMALLEST = 1e-9  # an error below which there is none
GROUPS = 20  # with fewer there is no p-value
CLEAR = 2.5  # standard deviations from which a bin's gap is taken as real


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error, 0 to 1.

    shown: the error of these rows, with the interval of the true one (not of what other rows would show).
    expected_if_perfect: what a perfectly calibrated model would show on average. debiased: the estimate of the true
    error. p_value: of a perfect model showing as much or more; None where rows come in fewer than 20 groups.
    """

    shown: Interval
    expected_if_perfect: float
    debiased: float
    p_value: float | None


@dataclass(frozen=True, eq=False)
class Claims:
    """Probabilities claimed, 1 where it was so, the row and the bin of each: all of shape (claims,)."""

    claimed: np.ndarray
    happened: np.ndarray
    rows: np.ndarray
    bins: np.ndarray
    edges: np.ndarray

    @property
    def count(self) -> int:
        """How many bins there are."""
        return int(self.bins.max()) + 1


def claims(scored: Scored, *, bins: int, by: str) -> Claims:
    """What a model claims, sorted into bins."""
    rows = np.arange(scored.rows)
    if scored.task == "binary":
        claimed, happened = scored.scores[:, 1], (scored.targets == 1).astype(np.float64)
    elif scored.task == "multiclass":
        claimed, happened = scored.scores.max(axis=1), (scored.decided == scored.targets).astype(np.float64)
    elif scored.task == "multilabel":
        claimed, happened = scored.scores.ravel(), scored.targets.ravel().astype(np.float64)
        rows = np.repeat(rows, scored.classes)
    else:
        raise InputError("probabilities of a regression task", needed="classes or labels", fix="use coverage()")
    if bins < 1 or by not in ("mass", "width"):
        raise InputError(f"{bins} bins by {by!r}", needed="one bin or more, by 'mass' or 'width'")
    shares = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.unique(np.quantile(claimed, shares)) if by == "mass" else shares
    return Claims(claimed, happened, rows, np.searchsorted(edges, claimed, side="right"), edges)


def calibration_error(
    scored: Scored,
    *,
    rng: np.random.Generator,
    bins: int = 15,
    by: str = "mass",
    draws: int = 1000,
    level: float = 0.95,
    groups: np.ndarray | None = None,
) -> CalibrationError:
    """The expected calibration error with what a perfect model would show.

    by: "mass" for bins of equal numbers of rows, "width" for bins of equal width. groups: of each row, shape (rows,).

    >>> rng = np.random.default_rng(0)
    >>> positive = rng.random(100)
    >>> targets = (rng.random(100) < positive).astype(int)  # a perfect model
    >>> scored = Scored("binary", targets, np.column_stack([1 - positive, positive]))
    >>> error = calibration_error(scored, rng=rng)
    >>> error.shown.mean > 0.08, error.expected_if_perfect > 0.08, error.shown.low, error.p_value > 0.05
    (True, True, 0.0, True)

    Naeini, Cooper & Hauskrecht (2015); Nixon et al. (2019) for bins of equal mass; Vaicenavicius et al. (2019) for
    resampling under a calibrated model; Kumar, Liang & Ma (2019) for the bias.
    """
    said = claims(scored, bins=bins, by=by)
    place = group_places(scored.rows, groups)[said.rows]
    gaps = np.bincount(said.bins, weights=said.happened - said.claimed, minlength=said.count) / len(said.claimed)
    shown = float(np.abs(gaps).sum())
    perfect = _if_perfect(said, place, draws=draws, rng=rng)
    noise, extra = _noise(said, place, draws=draws, rng=rng)
    deviations = noise.std(axis=0) + SMALLEST
    sizes = np.abs(gaps) + SMALLEST
    clear = sizes / deviations
    sparse = np.where(clear >= min(CLEAR, float(clear.max())), sizes, 0.0)
    even = np.hypot(gaps, deviations) + SMALLEST
    low = _true_error(shown, sparse, noise + extra, (1 + level) / 2)
    middle = _true_error(shown, sizes, noise, 0.5)
    high = _true_error(shown, even, noise, (1 - level) / 2)
    one = design_effect(said.happened - said.claimed, place) / len(said.claimed)
    groups_seen = int(place.max()) + 1
    few = groups_seen < min(GROUPS, scored.rows)
    reach = one + float(np.hypot(max(0.0, high - shown), one * special.ndtri((1 + level) / 2)))
    return CalibrationError(
        Interval(shown, min(low, shown), min(1.0, shown + reach)),
        float(perfect.mean()),
        middle,
        None if few else float((1 + (perfect >= shown - SMALLEST).sum()) / (1 + draws)),
    )


def _if_perfect(said: Claims, place: np.ndarray, *, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Errors shown when outcomes are redrawn from the probabilities, shape (draws,)."""
    size, groups = len(said.claimed), int(place.max()) + 1
    shared = np.sqrt(_alike(said, place)) if groups < size else 0.0
    member = np.zeros((size, said.count))
    member[np.arange(size), said.bins] = 1 / size
    found = []
    for some in chunks(size, draws):
        luck = rng.random((some, size))
        if shared > 0:  # a row that shares takes its group's luck; each row's probability stays exact
            luck = np.where(rng.random((some, size)) < shared, rng.random((some, groups))[:, place], luck)
        found.append(np.abs(((luck < said.claimed) - said.claimed) @ member).sum(axis=1))
    return np.concatenate(found)


def _alike(said: Claims, place: np.ndarray) -> float:
    """Correlation of outcomes within groups, 0 to 1, as a share of the highest there can be.

    Products of residuals of pairs within groups, less those of pairs from different groups (so that a model that is
    off everywhere does not seem clustered), over what pairs with one luck would have: min(p, q) - p q.
    """
    rest, sizes = said.happened - said.claimed, np.bincount(place)
    within = float((sizes * (sizes - 1)).sum())
    between = float(len(rest) ** 2 - sizes @ sizes)
    sums = np.bincount(place, weights=rest)
    order = np.lexsort((said.claimed, place))
    rank = np.arange(len(rest)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    above = np.repeat(sizes, sizes) - 1 - rank  # how many of the group claim more
    total = np.bincount(place, weights=said.claimed)
    most = 2 * float(said.claimed[order] @ above) - float(total @ total - said.claimed @ said.claimed)
    if within == 0 or between == 0 or most <= 0:
        return 0.0
    together = float(sums @ sums - rest @ rest) / within
    apart = float(rest.sum() ** 2 - sums @ sums) / between
    return float(np.clip((together - apart) * within / most, 0.0, 1.0))


def _noise(said: Claims, place: np.ndarray, *, draws: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Deviations of the bins' gaps from their true ones, shape (draws, bins), whole groups together.

    Bins whose outcomes were all alike get the variance of a share with one pseudo-row on either side.
    """
    size, groups = len(said.claimed), int(place.max()) + 1
    rows = np.bincount(said.bins, minlength=said.count)
    hits = np.bincount(said.bins, weights=said.happened, minlength=said.count)
    rest = said.happened - said.claimed
    mean = np.bincount(said.bins, weights=rest, minlength=said.count) / np.maximum(1, rows)
    centred = rest - mean[said.bins]
    sums = np.zeros((groups, said.count))
    np.add.at(sums, (place, said.bins), centred)
    seen = np.bincount(said.bins, weights=centred**2, minlength=said.count)
    share = (hits + 1) / (rows + 2)
    missing = np.sqrt(np.maximum(0.0, rows * share * (1 - share) - seen))
    freedom = max(1, groups - 1)
    width = np.sqrt(groups / freedom * freedom / rng.chisquare(freedom, size=(draws, 1)))
    drawn = np.concatenate([rng.standard_normal((some, groups)) @ sums for some in chunks(groups, draws)])
    return drawn * width / size, rng.standard_normal((draws, said.count)) * missing / size


def _true_error(shown: float, shape: np.ndarray, noise: np.ndarray, share: float) -> float:
    """The true error of which a share of samples would show less than ``shown``; 0 when none is that small.

    shape: how the true gaps are taken to be spread over the bins, 0 or more, shape (bins,).
    """
    parts = shape / shape.sum()

    def shows(error: float) -> float:
        return float(np.quantile(np.abs(error * parts + noise).sum(axis=1), share))

    if shows(0.0) >= shown:
        return 0.0
    low, high = 0.0, max(1e-6, shown)
    while shows(high) < shown and high < 2:
        low, high = high, 2 * high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if shows(middle) < shown else (low, middle)
    return high
