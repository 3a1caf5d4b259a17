"""Per class and per slice, because an average gain can hide harm.

Decisions: precision and recall of a class carry Wilson intervals, being shares of few rows, F1 a bootstrap one. A
slice is compared by the paired bootstrap of its own rows. Harm in a slice is called hidden when the average shows
none (its own one-sided p-value is above 1 - level) while the slice's survives Benjamini-Hochberg over all slices
looked at; p-values count the observed statistic, (k + 1) / (draws + 1). Slices below the minimum number of rows are
left out: too few rows to say anything, and every look would be paid for by the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from graft.core.errors import InputError
from graft.evidence.intervals import Interval, debiased, paired_draws, percentile_interval, wilson
from graft.evidence.metrics import evaluate, metric
from graft.evidence.predictions import Scored
from graft.evidence.resampling import row_weights
from graft.evidence.weighted import class_counts


@dataclass(frozen=True)
class ClassScore:
    """How well one class or label is found.

    rows: rows that truly carry it. decided: rows on which it was decided. precision, recall: Wilson intervals
    (mean nan without rows). f1: bootstrap interval.
    """

    name: str
    rows: int
    decided: int
    precision: Interval
    recall: Interval
    f1: Interval


def per_class(
    scored: Scored,
    class_names: Sequence[str],
    *,
    rng: np.random.Generator | None = None,
    draws: int = 1000,
    level: float = 0.95,
) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of every class or label, each with its interval, in the order of the classes.

    rng: for the bootstrap of F1; a fixed stream when not given, because this is a display, not a decision.

    >>> scored = Scored("binary", np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]]))
    >>> [(one.name, one.rows, round(one.precision.mean, 2)) for one in per_class(scored, ("no", "yes"))]
    [('no', 2, 1.0), ('yes', 2, 0.67)]
    """
    if scored.task == "regression" or len(class_names) != scored.classes:
        raise InputError(
            f"{len(class_names)} names for {scored.classes} classes of a {scored.task} task",
            needed="one name per class or label",
        )
    stream = np.random.default_rng(0) if rng is None else rng
    weights = np.vstack([np.ones((1, scored.rows)), row_weights(scored.rows, draws, rng=stream)])
    hit, true, said = class_counts(scored, weights)
    f1 = np.divide(2 * hit, true + said, out=np.zeros_like(hit), where=true + said > 0)
    low, high = np.quantile(f1[1:], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return tuple(
        ClassScore(
            str(name),
            int(true[0, k]),
            int(said[0, k]),
            wilson(float(hit[0, k]), float(said[0, k]), level=level),
            wilson(float(hit[0, k]), float(true[0, k]), level=level),
            Interval(float(f1[0, k]), float(low[k]), float(high[k])),
        )
        for k, name in enumerate(class_names)
    )


@dataclass(frozen=True)
class SliceScore:
    """The candidate against the control on the rows of one slice.

    candidate, control: in the metric's own unit. difference: candidate minus control, positive is better whatever
    the metric. p_harm: one-sided p-value of harm, adjusted for all slices looked at. hidden_harm: the slice is
    harmed while the average is not.
    """

    slice_column: str
    value: str
    rows: int
    candidate: float
    control: float
    difference: Interval
    p_harm: float
    hidden_harm: bool


def slice_differences(
    candidate: Scored,
    control: Scored,
    slices: Mapping[str, np.ndarray],
    name: str,
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    level: float = 0.95,
    minimum_rows: int = 30,
) -> tuple[SliceScore, ...]:
    """The paired difference in every slice, the most harmed first.

    slices: column name to the value of each row, shape (rows,). name: the metric. Slices with fewer than
    ``minimum_rows`` rows, or on which the metric is undefined, are left out.

    >>> targets, column = np.array([0, 1] * 100), np.array(["old"] * 120 + ["new"] * 80)
    >>> right, wrong = np.array([[0.9, 0.1], [0.1, 0.9]])[targets], np.array([[0.1, 0.9], [0.9, 0.1]])[targets]
    >>> control = Scored("binary", targets, np.where(np.arange(200)[:, None] < 100, wrong, right))
    >>> candidate = Scored("binary", targets, np.where(np.arange(200)[:, None] < 150, right, wrong))
    >>> found = slice_differences(candidate, control, {"age": column}, "accuracy", rng=np.random.default_rng(0))
    >>> [(one.value, one.rows, round(one.difference.mean, 3), one.hidden_harm) for one in found]
    [('new', 80, -0.625, True), ('old', 120, 0.833, False)]

    Benjamini & Hochberg (1995).
    """
    record = metric(name, candidate.task)
    overall = record.oriented(evaluate(candidate, name)) - record.oriented(evaluate(control, name))
    average = _p_harm(overall, paired_draws(candidate, control, name, rng=rng, draws=draws))
    found: list[SliceScore] = []
    for column, values in slices.items():
        if len(values) != candidate.rows:
            raise InputError(f"{len(values)} values of {column!r} for {candidate.rows} rows", needed="one per row")
        for value in np.unique(values):
            rows = np.flatnonzero(values == value)
            if len(rows) < minimum_rows:
                continue
            part, other = candidate.take(rows), control.take(rows)
            scores = evaluate(part, name), evaluate(other, name)
            if np.isnan(scores).any():
                continue
            drawn = paired_draws(part, other, name, rng=rng, draws=draws)
            gap = record.oriented(scores[0]) - record.oriented(scores[1])
            difference = percentile_interval(gap, drawn, level=level, what=f"{name!r} where {column} is {value}")
            found.append(SliceScore(column, str(value), len(rows), *scores, difference, _p_harm(gap, drawn), False))
    if not found:
        return ()
    adjusted = stats.false_discovery_control(np.array([one.p_harm for one in found]), method="bh")
    flagged = [
        replace(one, p_harm=float(p), hidden_harm=bool(p <= 1 - level < average))
        for one, p in zip(found, adjusted, strict=True)
    ]
    return tuple(sorted(flagged, key=lambda one: (one.difference.mean, one.slice_column, one.value)))


def _p_harm(difference: float, drawn: np.ndarray) -> float:
    """One-sided p-value of "no worse than the control" from bootstrap draws of the difference, shape (draws,)."""
    moved = debiased(difference, drawn)
    return (int((moved >= 0).sum()) + 1) / (len(moved) + 1)
