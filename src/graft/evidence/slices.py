"""Per class and per slice, because an average gain can hide harm.

Decisions for a class: precision and recall are shares of rows; F1 is 2J / (1 + J), where J is the share of hits among
the rows that are of the class or were decided to be, so all three get the exact interval of a share (Clopper &
Pearson), F1 through that monotone map: 20 of 20 right shows 0.83 to 1, 3 of 3 shows 0.29 to 1. With groups the rows
are cut down to the effective number (Korn & Graubard), the design effect being estimated with one group all right and
one all wrong added, so that groups without an error do not look certain; one group alone gives no interval, and
``note`` says so.

Decisions for a slice: the comparison of all rows (``comparison``: clusters are taken out in turn, rows that disagree
are added), without what other training rows would vary, for a slice asks about the two models there are. Rows used to
be resampled and the bias of that taken off: with few rows of a class it moved the whole interval, and one of its ends
was the estimate. Harm in a slice is called hidden when the average shows none (its own p-value is above 1 - level)
while the slice's survives Benjamini-Hochberg over all slices looked at. Slices below the minimum number of rows are
left out: every look is paid for by the others.

Simulated (tests/oracles/test_slices_oracle.py; equal candidates, 40 to 300 studies a line, slices by two columns), the
share of studies with any hidden harm, and coverage of the slices' intervals:

| rows | classes | accuracy | groups | slices | hidden harm, accuracy | covered | hidden harm, macro-F1 | covered |
|---|---|---|---|---|---|---|---|---|
| 60 | 2 | 0.90 | none | 2 + 2 | 0.000 | 0.986 | 0.000 | 0.985 |
| 200 | 10 | 0.80 | none | 3 + 4 | 0.017 | 0.975 | 0.050 | 0.972 |
| 1,000 | 2 | 0.98 | none | 4 + 8 | 0.003 | 0.991 | 0.000 | 0.998 |
| 1,000 | 20 | 0.85 | none | 8 + 20 | 0.000 | 0.972 | 0.000 | 0.973 |
| 200 | 2 | 0.80 | 10 | 3 + 4 | 0.000 | 0.986 | 0.008 | 0.975 |
| 400 | 6 | 0.80 | 20 | 4 + 6 | 0.000 | 0.954 | 0.000 | 0.961 |
| 600 | 4 | 0.70 | 200 | 3 + 6 | 0.000 | 0.972 | 0.008 | 0.974 |

A class of 3 to 100 rows with a recall of 0.5, 0.9 or 1 and 2 % false alarms in 100 other rows: precision, recall and
F1 are covered in 0.957 or more of 1,000 samples, with 5 to 30 groups of correlation 0.3 to 0.9 in 0.958 or more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special, stats

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.comparison import compare
from graft.evidence.metrics import oriented_score
from graft.evidence.pooled import Pooled, jackknife
from graft.evidence.predictions import Scored


@dataclass(frozen=True)
class ClassScore:
    """How well one class or label is found.

    rows: rows that truly carry it. decided: rows on which it was decided; None in a record that did not keep it.
    precision, recall, f1: shares with their intervals; None where there is no row to count, no ends where no interval
    can be given. note: why not.
    """

    name: str
    rows: int
    decided: int | None
    precision: Interval | None
    recall: Interval | None
    f1: Interval | None
    note: str = ""


def per_class(
    scored: Scored,
    class_names: Sequence[str],
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of every class or label, each with its interval, in the order of the classes.

    groups: the group of each row (a customer, near-duplicates), shape (rows,), where rows of a group go together.

    >>> scored = Scored("binary", np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]]))
    >>> [(one.name, one.rows, one.decided) for one in per_class(scored, ("no", "yes"))]
    [('no', 2, 1), ('yes', 2, 3)]
    >>> all_right = Scored("binary", np.repeat([0, 1], 20), np.repeat([[0.9, 0.1], [0.1, 0.9]], 20, axis=0))
    >>> f1 = per_class(all_right, ("no", "yes"))[1].f1
    >>> f1.mean, round(f1.low, 3), f1.high
    (1.0, 0.908, 1.0)

    Clopper & Pearson (1934); Korn & Graubard (1998), Confidence intervals for proportions with small expected number
    of positive counts estimated from survey data.
    """
    if scored.task == "regression" or len(class_names) != scored.classes:
        raise InputError(
            f"{len(class_names)} names for {scored.classes} classes of a {scored.task} task",
            needed="one name per class or label",
        )
    _check_level(level)
    places = _places(groups, scored.rows)
    multilabel = scored.task == "multilabel"
    found = []
    for k, name in enumerate(class_names):
        true = scored.targets[:, k] == 1 if multilabel else scored.targets == k
        said = scored.decided[:, k] == 1 if multilabel else scored.decided == k
        hit = true & said
        precision = exact_share(hit, said, places, level)
        recall = exact_share(hit, true, places, level)
        overlap = exact_share(hit, true | said, places, level)
        f1 = None if overlap is None else _doubled(overlap)
        note = _note(str(name), true, said, places)
        found.append(ClassScore(str(name), int(true.sum()), int(said.sum()), precision, recall, f1, note))
    return tuple(found)


def _doubled(overlap: Interval) -> Interval:
    """F1 from the share of hits among the rows that are of the class or were decided to be."""
    mean = 2 * overlap.mean / (1 + overlap.mean)
    ends = overlap.ends
    return Interval(mean) if ends is None else Interval(mean, *(2 * end / (1 + end) for end in ends))


def _note(name: str, true: np.ndarray, said: np.ndarray, places: np.ndarray | None) -> str:
    """Why a figure of the class or its interval is missing; empty when none is."""
    rows, decided = int(true.sum()), int(said.sum())
    if not rows and not decided:
        return f"no rows of class {name}, and none was decided to be: no scores"
    parts = []
    if not rows:
        parts.append(f"no rows of class {name}: no recall")
    if not decided:
        parts.append(f"class {name} was never decided: no precision")
    if places is not None:
        if rows > 1 and len(np.unique(places[true])) < 2:
            parts.append(f"{_count(rows, 'row')} of class {name}, all of one group: no interval of recall")
        if decided > 1 and len(np.unique(places[said])) < 2:
            parts.append(f"class {name} was decided in one group alone: no interval of precision")
    return "; ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def exact_share(hit: np.ndarray, among: np.ndarray, places: np.ndarray | None, level: float) -> Interval | None:
    """The share of hits among some rows (both masks of shape (rows,)), exact, by groups where there are any.

    places: the group of each row as a number, shape (rows,), where rows of a group go together. None without rows.
    """
    rows = int(among.sum())
    if rows == 0:
        return None
    hits = int((hit & among).sum())
    effective = float(rows)
    if places is not None and rows > 1:
        _, inside = np.unique(places[among], return_inverse=True)
        sizes = np.bincount(inside).astype(np.float64)
        if len(sizes) < 2:
            return Interval(hits / rows)
        effective = rows / _design_effect(np.bincount(inside, weights=hit[among]), sizes, level)
    share, tail = hits / rows, (1 - level) / 2
    right, wrong = share * effective, (1 - share) * effective
    low = float(special.betaincinv(right, wrong + 1, tail)) if hits else 0.0
    high = float(special.betaincinv(right + 1, wrong, 1 - tail)) if hits < rows else 1.0
    return Interval(share, low, high)


def _design_effect(hits: np.ndarray, sizes: np.ndarray, level: float) -> float:
    """How many rows in groups are worth one row of its own: hits and rows of each group, each of shape (groups,).

    The variance between groups over that of single rows, with a group all right and one all wrong of mean size added,
    at least 1; times what the t of few groups costs.
    """
    mean = sizes.mean()
    more_hits, more = np.append(hits, [mean, 0.0]), np.append(sizes, [mean, mean])
    rows, share = more.sum(), more_hits.sum() / more.sum()
    between = float(((more_hits - share * more) ** 2).sum()) / rows**2
    effect = max(1.0, between / float(share * (1 - share) / rows))
    tail = (1 + level) / 2
    worth = float(special.stdtrit(_freedom(sizes), tail) / special.stdtrit(max(1.0, float(sizes.sum()) - 1), tail))
    return float(effect * max(1.0, worth) ** 2)


def _freedom(sizes: np.ndarray) -> float:
    """Degrees of freedom of groups of these sizes: one less than the number of equal groups that weigh as much."""
    return max(1.0, float(sizes.sum() ** 2 / (sizes**2).sum()) - 1)


@dataclass(frozen=True)
class SliceScore:
    """The candidate against the control on the rows of one slice.

    candidate, control: higher is better, so a loss has its sign turned. difference: candidate minus control; without
    ends where no interval can be given. p_harm: one-sided p-value of harm, adjusted for all slices looked at; None in a
    record that did not keep it. hidden_harm: the slice is harmed while the average is not. note: why there is no
    interval.
    """

    column: str
    value: str
    rows: int
    candidate: float
    control: float
    difference: Interval
    p_harm: float | None
    hidden_harm: bool
    note: str = ""


def slice_differences(
    candidate: Scored,
    control: Scored,
    slices: Mapping[str, np.ndarray],
    name: str,
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    minimum_rows: int = 30,
) -> tuple[SliceScore, ...]:
    """The paired difference in every slice, the most harmed first.

    slices: column name to the value of each row, shape (rows,). name: the metric. groups: the group of each row,
    shape (rows,), where rows of a group go together. Slices with fewer than ``minimum_rows`` rows, or on which the
    metric is undefined, are left out.

    >>> targets, column = np.array([0, 1] * 100), np.array(["old"] * 120 + ["new"] * 80)
    >>> right, wrong = np.array([[0.9, 0.1], [0.1, 0.9]])[targets], np.array([[0.1, 0.9], [0.9, 0.1]])[targets]
    >>> control = Scored("binary", targets, np.where(np.arange(200)[:, None] < 100, wrong, right))
    >>> candidate = Scored("binary", targets, np.where(np.arange(200)[:, None] < 150, right, wrong))
    >>> found = slice_differences(candidate, control, {"age": column}, "accuracy")
    >>> [(one.value, one.rows, round(one.difference.mean, 3), one.hidden_harm) for one in found]
    [('new', 80, -0.625, True), ('old', 120, 0.833, False)]

    Benjamini & Hochberg (1995); Bonett & Price (2012), Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data.
    """
    if candidate.task != control.task or not np.array_equal(candidate.targets, control.targets):
        raise InputError(
            f"{candidate.rows} candidate rows against {control.rows} control rows that do not pair up",
            needed="the same rows, in the same order, with the same targets",
            fix="score both on the same rows",
        )
    _check_level(level)
    places = _places(groups, candidate.rows)
    average = _compared(candidate, control, name, places, level)[1]
    found: list[SliceScore] = []
    harms: list[float] = []
    for column, values in slices.items():
        if len(values) != candidate.rows:
            raise InputError(f"{len(values)} values of {column!r} for {candidate.rows} rows", needed="one per row")
        for value in np.unique(values):
            rows = np.flatnonzero(values == value)
            if len(rows) < minimum_rows:
                continue
            part, other = candidate.take(rows), control.take(rows)
            scores = oriented_score(part, name), oriented_score(other, name)
            if np.isnan(scores).any():
                continue
            inside = None if places is None else places[rows]
            difference, p_harm, note = _compared(part, other, name, inside, level)
            found.append(SliceScore(column, str(value), len(rows), *scores, difference, p_harm, False, note))
            harms.append(p_harm)
    if not found:
        return ()
    adjusted = stats.false_discovery_control(np.array(harms), method="bh")
    flagged = [
        replace(one, p_harm=float(p), hidden_harm=bool(p <= 1 - level < average))
        for one, p in zip(found, adjusted, strict=True)
    ]
    return tuple(sorted(flagged, key=lambda one: (one.difference.mean, one.column, one.value)))


def _compared(
    candidate: Scored, control: Scored, name: str, groups: np.ndarray | None, level: float
) -> tuple[Interval, float, str]:
    """The oriented difference with its interval, the one-sided p-value of harm, and why there is no interval."""
    clusters = np.arange(candidate.rows) if groups is None else groups
    pair = {"candidate": candidate, "control": control}
    found = jackknife({said: [(1.0, Pooled(one, clusters))] for said, one in pair.items()}, name)
    gap = compare(found, *pair, drift=0.0)
    why = found.withheld if gap.error else "no row differs from another"
    if found.blocks < 2:
        why = f"{_count(candidate.rows, 'row')}, all of one group"
    if why:
        return Interval(gap.estimate), 1.0, f"{why}: no interval"
    harm = compare(found, "control", "candidate", drift=0.0, apart=True)
    return gap.interval(level), harm.doubt(0.0), ""


def _places(groups: np.ndarray | None, rows: int) -> np.ndarray | None:
    """Groups as 0, 1, ..., shape (rows,); None without groups."""
    if groups is None:
        return None
    if len(groups) != rows:
        raise InputError(f"{len(groups)} groups for {rows} rows", needed="the group of every row")
    return np.unique(groups, return_inverse=True)[1]


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"a level of {level}", needed="a share between 0 and 1", fix="use 0.95")
