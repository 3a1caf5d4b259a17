"""Single columns of two samples: which of them moved, by what they hold, by what is missing, by what is new.

Decisions: of a column of numbers it is asked whether its values moved (Kolmogorov-Smirnov) and whether another share is
missing (chi-square); of one of categories the same (chi-square of all values), and whether values came that the
reference does not have, which chi-square over many values would hardly see. Everything is read off one table of values
by draws of the check's own permutations, so whole groups move as they do elsewhere, and all questions of all columns
are paid for together by the largest statistic of every draw (Westfall & Young). For that they need one scale: a
statistic is taken as how rare it is under a gamma distribution of the mean and variance that the draws have. The least
of many permutation p-values would not do: of three hundred tests with a thousand draws one in three draws has the
smallest p-value that there is.

Numbers are counted by the values of the reference, at most as many as a baseline keeps; what lies beyond its largest is
a value of its own. Of categories more than VALUES the rarest of both samples together are counted as one, and new
values among all.

Effects are shares of rows: the largest difference of the shares below a value, the share that would have to change its
category, and differences of the shares that are missing or new; debiased, with the band of ``score_shift``.

Kolmogorov (1933); Smirnov (1939); Pearson (1900); Westfall & Young (1993), Resampling-based multiple testing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse, special

from graft.core.blas import product
from graft.core.intervals import Interval
from graft.evidence.shuffles import Shuffles, p_value
from graft.evidence.two_samples import Shift

VALUES = 1_000
MATTERS = {"values": 0.1, "missing": 0.05, "new": 0.02}
_BLOCK, _RAREST, _WITHIN = 2_000, 600.0, 0.97
What = Literal["values", "missing", "new"]
UNIT = "share of rows, in the column that moved most beside what matters"


@dataclass(frozen=True, eq=False)
class ColumnShift:
    """One question about one column.

    column: its name. what: ``values``, ``missing`` or ``new``. rare: how rare the statistic is as observed and in every
    draw, in nats, shape (1 + draws,). effect: in shares of rows. adjusted: p-value, paid for all questions of all
    columns.
    """

    column: str
    what: What
    rare: np.ndarray
    effect: Interval
    adjusted: float

    @property
    def much(self) -> float:
        """The effect in units of what matters, by its low end."""
        low = self.effect.low if self.effect.low is not None else self.effect.mean
        return low / MATTERS[self.what]


def column_shifts(
    reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray], shuffles: Shuffles
) -> tuple[ColumnShift, ...]:
    """Every question about every column that both samples have, the surest first.

    reference, current: columns by name, shapes (rows,): numbers, nan where missing, or words, "" where missing.

    >>> from graft.evidence.shuffles import shuffles
    >>> draws = shuffles(200, 100, rng=np.random.default_rng(0))
    >>> before = {"age": np.arange(200.0), "land": np.tile(["de", "fr"], 100)}
    >>> now = {"age": np.arange(100.0) * 2, "land": np.tile(["de", "xk"], 50)}
    >>> found = column_shifts(before, now, draws)
    >>> [(one.column, one.what, round(one.effect.mean, 1)) for one in found if one.adjusted <= 0.05]
    [('land', 'new', 0.5), ('land', 'values', 0.5)]
    """
    asked: list[tuple[str, What, np.ndarray, np.ndarray]] = []
    for name in reference:
        if name not in current:
            continue
        numbers = reference[name].dtype.kind == "f"
        if numbers != (current[name].dtype.kind == "f"):
            continue
        told = _numbers if numbers else _words
        for what, statistic, distances in told(reference[name], current[name], shuffles):
            asked.append((name, what, _rarity(statistic), distances))
    if not asked:
        return ()
    most = np.max([rare for _, _, rare, _ in asked], axis=0)
    draws = len(most)
    found = [
        ColumnShift(
            name, what, rare, _effect(distances, shuffles),
            float((1 + (most[1:] >= rare[0] - 1e-9 * max(1.0, rare[0])).sum()) / draws),
        )
        for name, what, rare, distances in asked
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.adjusted, -one.much, -float(one.rare[0]))))


def columns_shift(reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray], shuffles: Shuffles) -> Shift:
    """Whether any column moved, as one test: the statistic is the rarest of all, the effect that of the column whose
    low end is largest beside what matters, among those that are beyond chance (of the surest where none is)."""
    found = column_shifts(reference, current, shuffles)
    rows = int(shuffles.counts[0][0]), int(shuffles.counts[1][0])
    if not found:
        nothing = np.zeros(shuffles.draws + 1)
        return Shift("columns", 0.0, 1.0, Interval(0.0), UNIT, rows, shuffles.least_p, nothing, shuffles.notes)
    most = np.max([one.rare for one in found], axis=0)
    sure = [one for one in found if one.adjusted <= 0.05] or [found[0]]
    top = max(sure, key=lambda one: one.much)
    return Shift(
        "columns", float(most[0]), p_value(most), top.effect, UNIT, rows, shuffles.least_p, most, shuffles.notes
    )


def _numbers(reference: np.ndarray, current: np.ndarray, draws: Shuffles) -> list[tuple[What, np.ndarray, np.ndarray]]:
    pooled = np.concatenate([reference, current]).astype(np.float64)[draws.kept]
    there = ~np.isnan(pooled)
    known = pooled[: np.searchsorted(draws.kept, len(reference))]
    edges = np.unique(known[~np.isnan(known)])
    places = np.where(there, np.searchsorted(edges, np.where(there, pooled, 0.0)), len(edges) + 1)
    before, after = _counts(places, len(edges) + 2, draws)
    found: list[tuple[What, np.ndarray, np.ndarray]] = []
    if len(edges):
        below = [np.cumsum(seen[:-1], axis=0) for seen in (before, after)]
        counts = [one[-1] for one in below]
        shares = [one / np.maximum(count, 1) for one, count in zip(below, counts, strict=True)]
        distances = np.abs(shares[1] - shares[0]).max(axis=0)
        both = counts[0] * counts[1] / np.maximum(counts[0] + counts[1], 1)
        distances = np.where(both > 0, distances, 0.0)
        found.append(("values", both * distances**2, distances))
    return [*found, *_missing(before[-1], after[-1], draws)]


def _words(reference: np.ndarray, current: np.ndarray, draws: Shuffles) -> list[tuple[What, np.ndarray, np.ndarray]]:
    pooled = np.concatenate([reference, current])[draws.kept]
    names, places = np.unique(pooled, return_inverse=True)
    gone = int(np.searchsorted(names, "")) if "" in names else -1
    sizes = np.bincount(places)
    code = np.arange(len(names))
    if len(names) > VALUES:
        # By the counts of both samples together, so that the same values are one in every draw.
        often = np.argsort(-sizes, kind="stable")
        code[often] = np.minimum(np.arange(len(names)), VALUES)
        gone = int(code[gone]) if gone >= 0 and code[gone] < VALUES else -1
    before, after = _counts(code[places], int(code.max()) + 1, draws)
    rows = len(draws.kept)
    present = np.arange(len(before)) != gone
    statistic, distances = _categories(before[present], after[present])
    found: list[tuple[What, np.ndarray, np.ndarray]] = [("values", statistic, distances)]
    if gone >= 0:
        found += _missing(before[gone], after[gone], draws)
    fresh = np.zeros(before.shape[1])
    for start in range(0, len(names), _BLOCK):
        mine = (places >= start) & (places < start + _BLOCK)
        some = names[start : start + _BLOCK]
        ones = sparse.csr_array(
            (np.ones(int(mine.sum()), np.float32), (places[mine] - start, draws.cell[mine])),
            shape=(len(some), draws.cells),
        )  # fmt: skip
        seen = product(ones, draws.weights)
        alone = (seen >= sizes[start : start + _BLOCK][:, None] - 0.5) & (some != "")[:, None]
        fresh += np.where(alone, seen, 0.0).sum(axis=0)
    # Beyond what is new in any draw: of a column of names most values always are.
    beyond = np.maximum(0.0, fresh / draws.counts[1] - float((fresh / draws.counts[1]).mean()))
    # In nats: that all rows of a value fall into the current sample has the chance (n / N) ** rows.
    return [*found, ("new", fresh * np.log(rows / draws.counts[1]), beyond)]


def _categories(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chi-square of counts (values, 1 + draws) of rows that have a value, and the share that would have to change
    theirs."""
    total = before + after
    counts = [np.maximum(seen.sum(axis=0), 1.0) for seen in (before, after)]
    statistic = np.zeros(before.shape[1])
    for seen, count in zip((before, after), counts, strict=True):
        expected = total * (count / (counts[0] + counts[1]))
        statistic += (np.square(seen - expected) / np.maximum(expected, 1e-12)).sum(axis=0)
    return statistic, np.abs(after / counts[1] - before / counts[0]).sum(axis=0) / 2


def _missing(before: np.ndarray, after: np.ndarray, draws: Shuffles) -> list[tuple[What, np.ndarray, np.ndarray]]:
    total, rows = before[0] + after[0], len(draws.kept)
    if not 0 < total < rows:
        return []
    first, second = draws.counts
    distances = np.abs(after / second - before / first)
    return [("missing", distances**2 * first * second, distances)]


def _counts(places: np.ndarray, values: int, draws: Shuffles) -> tuple[np.ndarray, np.ndarray]:
    """How often each value is in the reference and in the current sample, each of shape (values, 1 + draws)."""
    ones = np.ones(len(places), np.float32)
    table = sparse.csr_array((ones, (places, draws.cell)), shape=(values, draws.cells))
    after = product(table, draws.weights).astype(np.float64)
    return np.asarray(table.sum(axis=1), dtype=np.float64)[:, None] - after, after


def _rarity(statistic: np.ndarray) -> np.ndarray:
    """How rare each value is among all, in nats, on a scale that all statistics share."""
    # What is far out, as what was observed may be, does not set its own scale.
    within = np.minimum(statistic, np.quantile(statistic, _WITHIN))
    mean, spread = float(within.mean()), float(within.var())
    if spread <= 1e-18 * mean**2:
        # Nearly all draws are the same; only of new values is that no accident, and these are counted in nats.
        return np.asarray(np.maximum(0.0, statistic - mean))
    tail = special.gammaincc(mean**2 / spread, statistic * mean / spread)
    # Where the tail is too small for a number, what is further out is rarer still.
    far = np.maximum(0.0, statistic * mean / spread - _RAREST)
    return np.asarray(-np.log(np.maximum(tail, np.exp(-_RAREST))) + far)


def _effect(distances: np.ndarray, draws: Shuffles) -> Interval:
    seen, noise = float(distances[0]), float(np.quantile(distances[1:], 0.95))
    middle = float(np.sqrt(max(0.0, seen**2 - float(np.square(distances[1:]).mean()))))
    if draws.least_p > 0.05:
        return Interval(middle)
    return Interval(middle, max(0.0, seen - noise), min(1.0, seen + noise))
