"""Which rows of a batch to label, and how good the model is on the whole batch from those few labels.

Decisions: rows are drawn one after the other from those left, each with a probability that is known and never 0: partly
even, partly in proportion to how far its outcome may lie from what is expected of it, where a label tells the most. So
the rows may be labelled in that order and one may stop at any of them. After each, what was seen of the rows so far
plus the row divided by its probability is an unbiased estimate of the whole batch, whatever the labels mean by now (Des
Raj's ordered estimates); they differ from the truth by steps that nobody can foresee, which is what a fixed interval
and a running one both need. Ones from late in a batch, with little left, weigh more.

The estimate without labels is a second value that is known of every row. It is subtracted where labels are, and its
mean over the batch, which is known, is added: prediction-powered inference. How much of it is taken is fitted on the
labels (between none and all), so a proxy that says nothing costs nothing but a degree of freedom; how uneven the draws
happened to be is corrected in the same regression. What is estimated is the quality on these rows, which is why it does
not matter whether they belong together. Groups are for labelling whole documents or customers at once.

No error seen is not no error: as in ``core/means.py`` a pseudo-row whose worst came out is part of each end, here six
tenths of one (with a whole one 30 labels of a model that is right in 8 of 9 rows covered .98, with none .88 to .93).
Coverage and widths stand in bench/measured.md (``python -m bench labels``).

Horvitz & Thompson (1952); Des Raj (1956), Some estimators in sampling with varying probabilities without replacement;
Angelopoulos, Bates, Fannjiang, Jordan & Zrnic (2023), Prediction-powered inference; Angelopoulos, Duchi & Zrnic (2023),
PPI++; Zrnic & Candès (2024), Active statistical inference; Shekhar, Xu, Lipton, Liang & Ramdas (2023), Risk-limiting
financial audits via weighted sampling without replacement.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import group_places
from graft.evidence.unlabelled import RowExpectation

EVEN = 0.4  # the share of the probabilities that is the same for every row
FITTED = 10  # units labelled from which the proxy's weight is fitted; before it is 1
PSEUDO = 0.6
GRID = 1001  # values of the batch that a running interval tells apart
BOLD = 0.9  # of the largest stake that cannot be lost whole
LEAST_LEFT = 0.02  # share of a batch below which the rest is weighed as if it were that much


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """Rows to label, in this order.

    rows: their places in the batch, shape (drawn,). units: the block that each belongs to, in the order drawn from 0,
    shape (drawn,); every row its own without groups. chances: the probability of each block when it was drawn, among
    those left, shape (blocks,). left: the share of the batch's probabilities that was left when it was drawn, shape
    (blocks,). total: rows of the batch. even: the share of the probabilities that is the same for all rows.
    """

    rows: np.ndarray
    units: np.ndarray
    chances: np.ndarray
    left: np.ndarray
    total: int
    even: float = EVEN


@dataclass(frozen=True)
class BudgetEstimate:
    """The quality of a whole batch from a few labels.

    estimate: with what was expected. alone: the same labels without it. expected: of the batch without labels. weight:
    how much of it was taken, 0 to 1. labels: rows labelled. rows: of the batch.
    """

    estimate: Interval
    alone: Interval
    expected: float
    weight: float
    labels: int
    rows: int

    def contradicts(self, expected: Interval) -> bool:
        """Whether no value lies in both intervals: that of the labels, and that of what was expected without them.

        expected: ``ExpectedQuality.estimate`` of the same rows. Where calibration holds this is said of one or two
        batches in a hundred, as both intervals have to miss.
        """
        found, told = self.estimate.ends, expected.ends
        return found is not None and told is not None and (found[1] < told[0] or told[1] < found[0])


@dataclass(frozen=True, eq=False)
class RunningInterval:
    """Intervals after each block labelled, all of which hold at once; low, high, labels: shape (blocks,)."""

    low: np.ndarray
    high: np.ndarray
    labels: np.ndarray


def draw_rows(
    deviation: np.ndarray,
    budget: int,
    *,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    even: float = EVEN,
) -> DrawnRows:
    """Rows of a batch to label.

    deviation: how far each row may lie from what is expected of it (``RowExpectation.deviation``), shape (rows,); rows
    of which more is unknown are drawn more often. budget: rows to label; all of a smaller batch. groups: of each row,
    shape (rows,), where a document or customer is to be labelled at once; the last is taken whole. even: the share of
    the probabilities that is the same for all rows, above 0.

    >>> drawn = draw_rows(np.array([0.1, 0.1, 0.5, 0.1]), 2, rng=np.random.default_rng(0))
    >>> drawn.rows.tolist(), drawn.chances.round(2).tolist()
    ([0, 2], [0.18, 0.58])

    Efraimidis & Spirakis (2006), Weighted random sampling with a reservoir, for how the order is drawn.
    """
    given = np.asarray(deviation, dtype=np.float64)
    if given.ndim != 1 or len(given) == 0 or not np.all(np.isfinite(given)) or given.min() < 0:
        raise InputError(
            f"deviations of shape {given.shape}", needed="a finite number, 0 or more, for each of the rows"
        )
    if budget < 1 or not 0 < even <= 1:
        raise InputError(f"{budget} rows, {even} of the chances even", needed="one row or more, and a share above 0")
    mean = float(given.mean())
    sizes = np.ones(len(given)) if mean == 0 else even + (1 - even) * given / mean
    place = group_places(len(given), groups)
    blocks, counts = np.bincount(place, weights=sizes), np.bincount(place)
    order = np.argsort(-np.log(rng.random(len(blocks))) / blocks, kind="stable")
    order = order[: int(np.searchsorted(np.cumsum(counts[order]), min(budget, len(given)))) + 1]
    left = np.cumsum(np.append(blocks[order], blocks.sum() - blocks[order].sum())[::-1])[::-1][:-1]
    rows = np.argsort(place, kind="stable")
    begin = np.cumsum(counts) - counts
    taken = np.concatenate([rows[begin[one] : begin[one] + counts[one]] for one in order])
    units = np.repeat(np.arange(len(order)), counts[order])
    return DrawnRows(
        taken, units, np.minimum(1.0, blocks[order] / left), left / blocks.sum(), len(given), 1.0 if mean == 0 else even
    )


def estimate_from_labels(
    drawn: DrawnRows, observed: np.ndarray, expected: RowExpectation, *, level: float = 0.95
) -> BudgetEstimate:
    """The mean over the whole batch of a value that is known where labels are.

    observed: the value (1 for a right decision, or a cost) of the rows labelled, in the order drawn, shape (labelled,);
    the first of ``drawn.rows``, as many as a plan said before labels were seen (else ``running_interval``). expected:
    of every row of the batch; of one whose means are all 0 nothing is taken.

    >>> rng = np.random.default_rng(0)
    >>> chance = rng.beta(3, 1, 1000)
    >>> right = (rng.random(1000) < chance).astype(float)
    >>> expected = RowExpectation(chance, np.sqrt(chance * (1 - chance)), np.zeros(1000), np.ones(1000))
    >>> drawn = draw_rows(expected.deviation, 100, rng=rng)
    >>> found = estimate_from_labels(drawn, right[drawn.rows], expected)
    >>> bool(found.estimate.low < right.mean() < found.estimate.high), found.labels
    (True, 100)
    """
    seen = _Seen.of(drawn, observed, expected)
    if not 0 < level < 1:
        raise InputError(f"a level of {level}", needed="a share between 0 and 1", fix="use 0.95")
    told, labels = float(expected.mean.mean()), len(seen.observed)
    if labels == drawn.total:
        found = float(seen.observed.mean())
        exact = Interval(found, found, found)
        return BudgetEstimate(exact, exact, told, 1.0, labels, drawn.total)
    estimate, weight = _interval(seen, level, powered=True)
    alone, _ = _interval(seen, level, powered=False)
    return BudgetEstimate(estimate, alone, told, weight, labels, drawn.total)


def running_interval(
    drawn: DrawnRows, observed: np.ndarray, expected: RowExpectation, *, level: float = 0.95
) -> RunningInterval:
    """Intervals after each block labelled, of which all hold at once with at least ``level``: stop when one will do.

    Arguments as in ``estimate_from_labels``. Wider than an interval for a number of labels said before, and exact: it
    needs no normal approximation, only that no value lies outside what its row can have.

    >>> rng = np.random.default_rng(0)
    >>> chance = rng.beta(3, 1, 1000)
    >>> right = (rng.random(1000) < chance).astype(float)
    >>> expected = RowExpectation(chance, np.sqrt(chance * (1 - chance)), np.zeros(1000), np.ones(1000))
    >>> drawn = draw_rows(expected.deviation, 300, rng=rng)
    >>> found = running_interval(drawn, right[drawn.rows], expected)
    >>> bool((found.low < right.mean()).all() and (found.high > right.mean()).all())
    True
    >>> [round(float(found.high[k] - found.low[k]), 2) for k in (9, 99, 299)]
    [1.0, 0.24, 0.12]

    Waudby-Smith & Ramdas (2024), Estimating means of bounded random variables by betting; Shekhar et al. (2023).
    """
    seen = _Seen.of(drawn, observed, expected)
    if not 0 < level < 1:
        raise InputError(f"a level of {level}", needed="a share between 0 and 1", fix="use 0.95")
    blocks = len(seen.value)
    values, means, rows = seen.parts
    weight, typical = _before(seen)
    rest = values - weight * means - (1 - weight) * typical * rows
    # What is known of the batch before each draw (of the rows labelled and of the proxy), and what the draw adds.
    past = _shifted(np.cumsum(values)) - weight * _shifted(np.cumsum(means))
    known = weight * seen.told + (1 - weight) * typical * (1 - _shifted(np.cumsum(rows)) / drawn.total)
    known = known + past / drawn.total
    added = rest / drawn.chances[:blocks] / drawn.total
    reach = float(expected.most.max() - expected.least.min()) * drawn.left[:blocks] / drawn.even
    low, high = _betting(added, known, reach, np.linspace(seen.least, seen.most, GRID), level)
    return RunningInterval(low, high, np.cumsum(rows).astype(int))


@dataclass(frozen=True, eq=False)
class _Seen:
    """Estimates of the batch after each block: of the value, of the proxy and of 1; all of shape (blocks,).

    parts: sums over each block of the value, the proxy and 1, shape (3, blocks). told: the mean of the proxy over the
    batch. weights: of the blocks. observed: values of the rows in whole blocks. least, most: what the batch would be if
    every row were at its least or most.
    """

    value: np.ndarray
    expected: np.ndarray
    one: np.ndarray
    parts: np.ndarray
    told: float
    weights: np.ndarray
    observed: np.ndarray
    least: float
    most: float

    @classmethod
    def of(cls, drawn: DrawnRows, observed: np.ndarray, expected: RowExpectation) -> "_Seen":
        values, known = np.asarray(observed, dtype=np.float64), expected.mean
        if values.ndim != 1 or not 0 < len(values) <= len(drawn.rows):
            raise InputError(
                f"values of shape {values.shape} for {len(drawn.rows)} rows drawn",
                needed="one of each row labelled, at least one, in the order drawn",
            )
        if known.shape != (drawn.total,):
            raise InputError(f"expectations of {len(known)} rows", needed=f"those of the {drawn.total} rows drawn from")
        if not (np.all(np.isfinite(values)) and np.all(np.isfinite(known))):
            raise InputError(
                "values or expectations that are not finite",
                needed="a number for each row",
                fix="label every row up to the last one given: rows left out would have to be like the others",
            )
        rows = drawn.rows[: len(values)]
        wrong = (values < expected.least[rows] - 1e-9) | (values > expected.most[rows] + 1e-9)
        if wrong.any():
            place = int(wrong.argmax())
            low, high = expected.least[rows[place]], expected.most[rows[place]]
            raise InputError(
                f"{values[place]:g} for row {rows[place]}",
                needed=f"a value that it can have, from {low:g} to {high:g}",
                fix="give the values in the order of the rows drawn",
            )
        units = drawn.units[: len(values)]
        if len(values) < len(drawn.rows) and drawn.units[len(values)] == units[-1]:
            values, units = values[units < units[-1]], units[units < units[-1]]
        if len(values) == 0:
            raise InputError("labels of a part of one block", needed="at least one block labelled whole")
        blocks = int(units[-1]) + 1
        left = np.maximum(drawn.left[:blocks], LEAST_LEFT)
        rows = rows[: len(values)]
        parts = [np.bincount(units, weights=part) for part in (values, known[rows], np.ones(len(rows)))]
        before = [np.concatenate([[0.0], np.cumsum(part)[:-1]]) for part in parts]
        value, proxy, one = (
            (past + part / drawn.chances[:blocks]) / drawn.total for past, part in zip(before, parts, strict=True)
        )
        return cls(
            value,
            proxy,
            one,
            np.stack(parts),
            float(known.mean()),
            1 / left**2,
            values,
            float(expected.least.mean()),
            float(expected.most.mean()),
        )


def _interval(seen: _Seen, level: float, *, powered: bool) -> tuple[Interval, float]:
    """The regression of the estimates on what is known to be off in them; and the weight of the proxy."""
    blocks, wrong = len(seen.value), seen.expected - seen.told
    if blocks == 1:
        only = float(np.clip(seen.value[0] - powered * wrong[0], seen.least, seen.most))
        return Interval(only, seen.least, seen.most), float(powered)
    off = [seen.one - 1] if blocks >= FITTED and np.ptp(seen.one) > 1e-12 else []
    weight, shift = float(powered), 0.0
    if blocks >= FITTED:
        first = [wrong] if powered and np.ptp(wrong) > 1e-12 else []
        weight = float(np.clip(_regress(seen.value, [*first, *off], seen.weights)[1], 0, 1)) if first else 0.0
        shift = float(_regress(seen.value - weight * wrong, off, seen.weights)[1]) if off else 0.0
    freedom = max(1, blocks - 1 - (blocks >= FITTED) * (bool(off) + powered))
    rest = seen.value - weight * wrong - shift * (seen.one - 1)
    share = seen.weights / seen.weights.mean()
    mean = float(share @ rest) / blocks
    spread = float(share @ (rest - mean) ** 2) * blocks / freedom
    quantile = float(special.stdtrit(freedom, (1 + level) / 2))

    def end(pseudo: float, sign: int) -> float:
        # One more draw by the same chances, of which the worst came out.
        centre = (blocks * mean + PSEUDO * pseudo) / (blocks + PSEUDO)
        reach = quantile * float(np.sqrt(spread + (PSEUDO * (pseudo - centre)) ** 2)) / (blocks + PSEUDO)
        return float(np.clip(centre + sign * reach, seen.least, seen.most))

    mean = float(np.clip(mean, seen.least, seen.most))
    return Interval(mean, min(mean, end(seen.least, -1)), max(mean, end(seen.most, 1))), weight


def _shifted(sums: np.ndarray) -> np.ndarray:
    """Sums before each block."""
    return np.concatenate([[0.0], sums[:-1]])


def _before(seen: _Seen) -> tuple[np.ndarray, np.ndarray]:
    """The weight of the proxy and the usual value, from the blocks before each; both of shape (blocks,)."""
    share = seen.weights

    def sums(values: np.ndarray) -> np.ndarray:
        return _shifted(np.cumsum(share * values))

    total = np.maximum(sums(np.ones(len(share))), 1e-12)
    value, proxy = sums(seen.value) / total, sums(seen.expected) / total
    spread = sums(seen.expected**2) / total - proxy**2
    both = sums(seen.value * seen.expected) / total - value * proxy
    fitted = (np.arange(len(share)) >= FITTED) & (spread > 1e-12)
    weight = np.where(fitted, np.clip(both / np.where(fitted, spread, 1.0), 0, 1), 1.0)
    usual = np.clip(value, seen.least, seen.most)
    usual[0] = np.clip(seen.told, seen.least, seen.most)
    return weight, usual


def _betting(
    added: np.ndarray, known: np.ndarray, reach: np.ndarray, grid: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ends after each draw of the values on a grid that no gambler has refuted.

    added: of each draw, whose expectation is the truth less ``known`` and which lies within ``reach`` of 0; (draws,).
    """
    bound, step = float(np.log(2 / (1 - level))), float(grid[1] - grid[0])
    up, down = np.zeros(len(grid)), np.zeros(len(grid))
    low, high = np.full(len(added), grid[0]), np.full(len(added), grid[-1])
    centre, squares = 0.5, 0.25
    for draw in range(len(added)):
        if reach[draw] > 0:
            value = 0.5 + 0.5 * added[draw] / reach[draw]
            mean = 0.5 + 0.5 * (grid - known[draw]) / reach[draw]
            stake = np.sqrt(2 * bound / (squares * np.log(draw + 2)))  # squares is the variance times draws so far
            safe = np.clip(mean, 1e-9, 1 - 1e-9)
            up += np.log1p(np.minimum(stake, BOLD / safe) * (value - safe))
            down += np.log1p(-np.minimum(stake, BOLD / (1 - safe)) * (value - safe))
            impossible = (mean < -1e-9) | (mean > 1 + 1e-9)
            up[impossible] = down[impossible] = np.inf
            squares += (value - (centre := centre + (value - centre) / (draw + 2))) ** 2
        left = np.flatnonzero(np.maximum(up, down) < bound)
        if draw:
            low[draw], high[draw] = low[draw - 1], high[draw - 1]
        if len(left):
            low[draw] = max(low[draw], grid[left[0]] - step)
            high[draw] = min(high[draw], grid[left[-1]] + step)
    return low, np.maximum(low, high)


def _regress(values: np.ndarray, columns: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Coefficients of a weighted least-squares fit, the intercept first."""
    root = np.sqrt(weights / weights.mean())[:, None]
    table = np.column_stack([np.ones(len(values)), *columns])
    return np.asarray(np.linalg.lstsq(root * table, root[:, 0] * values, rcond=None)[0])
