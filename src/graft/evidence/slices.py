"""Per class and per slice, because an average gain can hide harm.

Decisions for a class: precision and recall are shares of rows; F1 is 2J / (1 + J), where J is the share of hits among
the rows that are of the class or were decided to be, so all three get the exact interval of a share (Clopper &
Pearson), F1 through that monotone map: 20 of 20 right shows 0.83 to 1, 3 of 3 shows 0.29 to 1. With groups the rows
are cut down to the effective number (Korn & Graubard), the design effect being estimated with one group all right and
one all wrong added, so that groups without an error do not look certain; one group alone gives no interval, and
``note`` says so.

Decisions for a slice: rows of a slice are resampled, whole groups where there are any, but what is taken from the
draws is their standard error (and bias): the ends and the p-value come from t with groups - 1 degrees of freedom. To
the rows are added two units on which the candidates differ, one each way (Bonett & Price 2012, for any metric of
decisions), so that a slice on which all rows agree is not certain; a pseudo-group differs on as many of its rows as
groups that differ do. The metrics of scores (log-loss, errors) have no such rows: without any spread they get no
interval. Harm in a slice is called hidden when the average shows none (its own p-value is above 1 - level) while the
slice's survives Benjamini-Hochberg over all slices looked at. Slices below the minimum number of rows are left out:
every look is paid for by the others.

Simulated (tests/oracles/test_slices_oracle.py; equal candidates, 600 studies of accuracy and 200 of macro-F1 a line,
slices by two columns), the share of studies with any hidden harm, and coverage of the slices' intervals:

| rows | classes | accuracy | groups | slices | hidden harm, accuracy | covered | hidden harm, macro-F1 | covered |
|---|---|---|---|---|---|---|---|---|
| 60 | 2 | 0.90 | none | 2 + 2 | 0.007 | 0.990 | 0.010 | 0.993 |
| 200 | 10 | 0.80 | none | 3 + 4 | 0.012 | 0.964 | 0.010 | 0.955 |
| 1,000 | 2 | 0.98 | none | 4 + 8 | 0.000 | 0.988 | 0.000 | 0.988 |
| 1,000 | 20 | 0.85 | none | 8 + 20 | 0.007 | 0.968 | 0.010 | 0.935 |
| 200 | 2 | 0.80 | 10 | 3 + 4 | 0.000 | 0.999 | 0.000 | 1.000 |
| 400 | 6 | 0.80 | 20 | 4 + 6 | 0.000 | 0.992 | 0.005 | 0.987 |
| 600 | 4 | 0.70 | 200 | 3 + 6 | 0.018 | 0.962 | 0.025 | 0.955 |

A class of 3 to 100 rows with a recall of 0.5, 0.9 or 1 and 2 % false alarms in 100 other rows: precision, recall and
F1 are covered in 0.957 or more of 1,000 samples, with 5 to 30 groups of correlation 0.3 to 0.9 in 0.958 or more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special, stats

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.metrics import evaluate, metric, oriented_score
from graft.evidence.predictions import Scored
from graft.evidence.row_weights import chunks, row_weights

NAN = float("nan")
_FLIPPED = 50  # rows that are copied, with decisions turned round, as pseudo-rows


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
        precision = _share(hit, said, places, level)
        recall = _share(hit, true, places, level)
        overlap = _share(hit, true | said, places, level)
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


def _share(hit: np.ndarray, among: np.ndarray, places: np.ndarray | None, level: float) -> Interval | None:
    """The share of hits among some rows (both masks of shape (rows,)), exact, by groups where there are any.

    None without rows.
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
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    draws: int = 1000,
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
    >>> found = slice_differences(candidate, control, {"age": column}, "accuracy", rng=np.random.default_rng(0))
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
    average = _compared(candidate, control, name, places, rng=rng, draws=draws, level=level)[1]
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
            difference, p_harm, note = _compared(part, other, name, inside, rng=rng, draws=draws, level=level)
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
    candidate: Scored,
    control: Scored,
    name: str,
    places: np.ndarray | None,
    *,
    rng: np.random.Generator,
    draws: int,
    level: float,
) -> tuple[Interval, float, str]:
    """The oriented difference with its interval, the one-sided p-value of harm, and why there is no interval."""
    record = metric(name, candidate.task)
    gap = record.oriented(evaluate(candidate, name)) - record.oriented(evaluate(control, name))
    inside = np.arange(candidate.rows) if places is None else np.unique(places, return_inverse=True)[1]
    sizes = np.bincount(inside).astype(np.float64)
    if len(sizes) < 2:
        return Interval(gap), 1.0, f"{_count(candidate.rows, 'row')}, all of one group: no interval"
    padded = _padded(candidate, control, inside, sizes, rng) if record.steps else (candidate, control, 0.0)
    one, other, weight = padded
    centre, spread = _centre_and_spread(one, other, name, inside, weight, rng=rng, draws=draws)
    if not spread > 1e-12:
        return Interval(gap), 1.0, "no row differs from another: no interval"
    freedom = _freedom(sizes)
    reach = float(special.stdtrit(freedom, (1 + level) / 2)) * spread
    low, high = record.bounds
    widest = high - low  # of a difference of two scores
    interval = Interval(gap, max(-widest, min(gap, centre - reach)), min(widest, max(gap, centre + reach)))
    return interval, float(special.stdtr(freedom, centre / spread)), ""


def _centre_and_spread(
    candidate: Scored,
    control: Scored,
    name: str,
    inside: np.ndarray,
    weight: float,
    *,
    rng: np.random.Generator,
    draws: int,
) -> tuple[float, float]:
    """The oriented difference less its bias, and its standard error, over whole groups.

    inside: group 0, 1, ... of each real row, shape (rows,). weight: how many rows a pseudo-group stands for; the
    pseudo-rows follow the real ones, half of them for either side; 0 without them.
    """
    record = metric(name, candidate.task)
    rows, groups = len(inside), int(inside.max()) + 1
    pseudo = candidate.rows - rows
    plain = np.concatenate([np.ones(rows), np.full(pseudo, 2 * weight / max(1, pseudo))])[None, :]
    estimate = record.oriented(float((record.per_draw(candidate, plain) - record.per_draw(control, plain))[0]))
    drawn = []
    for size in chunks(candidate.rows, draws):
        counts = row_weights(groups + (2 if pseudo else 0), size, rng=rng)
        weights = np.zeros((candidate.rows, size))  # a row's weights lie together: what sparse sums need
        weights[:rows] = counts.T[inside]
        for side in range(2 if pseudo else 0):
            place = rows + side * (pseudo // 2) + rng.integers(pseudo // 2, size=size)
            weights[place, np.arange(size)] = weight * counts[:, groups + side]
        drawn.append(record.per_draw(candidate, weights.T) - record.per_draw(control, weights.T))
    moved = np.concatenate(drawn)
    moved = moved[~np.isnan(moved)] * record.oriented(1.0)
    if len(moved) < 2:
        return NAN, NAN
    units = groups + (2 if pseudo else 0)
    return 2 * estimate - float(moved.mean()), float(moved.std(ddof=1)) * float(np.sqrt(units / (units - 1)))


def _padded(
    candidate: Scored, control: Scored, inside: np.ndarray, sizes: np.ndarray, rng: np.random.Generator
) -> tuple[Scored, Scored, float]:
    """Both with pseudo-rows after the real ones, half of them for either side, and the rows a pseudo-group stands for.

    A pseudo-row is a real row on which one of the two is right and the other wrong. The share of a pseudo-group that
    differs is that of the groups that differ at all, one group that differs wholly counted among them.
    """
    differs = candidate.decided != control.decided
    differs = differs.any(axis=1) if differs.ndim == 2 else differs
    touched = np.bincount(inside, weights=differs) > 0
    mean = float(sizes.mean())
    share = (float(differs.sum()) + mean) / (float(sizes[touched].sum()) + mean)
    copied = rng.integers(candidate.rows, size=_FLIPPED)
    right, wrong = _right_and_wrong(candidate, copied, rng)
    targets = np.concatenate([candidate.targets, candidate.targets[copied], candidate.targets[copied]])
    return (
        Scored(candidate.task, targets, np.concatenate([candidate.scores, right, wrong])),
        Scored(control.task, targets, np.concatenate([control.scores, wrong, right])),
        share * mean,
    )


def _right_and_wrong(scored: Scored, rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scores that decide these rows rightly, and wrongly (in one class or label), each of shape (rows, classes)."""
    targets = scored.targets[rows]
    if scored.task == "multilabel":
        right = targets.astype(np.float64)
        wrong, turned = right.copy(), rng.integers(scored.classes, size=len(rows))
        places = np.arange(len(rows))
        wrong[places, turned] = 1 - wrong[places, turned]
        return right, wrong
    there = np.unique(np.concatenate([scored.targets, scored.decided]))
    there = there if len(there) > 1 else np.array([int(there[0]), (int(there[0]) + 1) % scored.classes])
    place = np.searchsorted(there, targets)
    other = there[(place + rng.integers(1, len(there), size=len(rows))) % len(there)]
    identity = np.eye(scored.classes)
    return identity[targets], identity[other]


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
