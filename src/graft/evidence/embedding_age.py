"""Quality against the age of an embedding, and whether it is the age or the rows that changed.

Decisions: one regression on both the age (from when the vector was made to when it was used) and how far the rows have
moved, because each alone takes the blame for the other. Rows are compared within a period of their events only, with
the time within it held, and among rows alike: so neither a bad month nor a product that is old and hard at once is
taken for age. Where age goes along with what is held, which is usual when nothing was refreshed, no statistics can part
them, and that is said instead of a slope: only rows of the same period and kind with vectors of different ages tell
(refresh a random part of the table). Rows of a customer or document are taken out together, and the interval is
Student's over the groups, by the jackknife, which is on the wide side when they are few; each mean that a period or a
kind takes costs a row.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import group_places

APART = 0.1  # share of the variation of ages that has to be left when the shift is taken out
FEW = 8  # groups below which nothing is told apart
PERIODS, OF_A_PERIOD = 12, 50  # periods at most, and rows of each at least


@dataclass(frozen=True)
class AgeEffect:
    """How quality changes with the age of vectors.

    by_age: change per unit of age among rows alike of one period, with the shift held. by_shift: change per unit of
    shift within a period, with the age held; None without one, or where all rows have the same. age_alone: change per
    unit of age when nothing else is asked about. apart: the share of the variation of ages that what is held does not
    explain, 0 to 1. rows, groups: that were judged. periods, kinds: within which rows were compared, 1 for no such.
    """

    by_age: Interval
    by_shift: Interval | None
    age_alone: Interval
    apart: float
    rows: int
    groups: int
    periods: int = 1
    kinds: int = 1

    @property
    def separable(self) -> bool:
        """Whether ages varied enough apart from what is held."""
        return self.apart >= APART

    @property
    def reading(self) -> str:
        """``age``, ``shift``, ``both``, ``neither``, ``either`` (something, but not told apart) or ``too few``."""
        if (self.by_age if self.separable else self.age_alone).ends is None:
            return "too few"
        if not self.separable:
            return "either" if _clear(self.age_alone) else "neither"
        old, moved = _clear(self.by_age), self.by_shift is not None and _clear(self.by_shift)
        return "both" if old and moved else "age" if old else "shift" if moved else "neither"


def quality_by_age(
    quality: np.ndarray,
    age: np.ndarray,
    *,
    shift: np.ndarray | None = None,
    event: np.ndarray | None = None,
    kind: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    level: float = 0.95,
) -> AgeEffect:
    """How quality changes with the age of the vectors that rows were decided by.

    quality: of each row, such as 1 for right, a cost, or what came less what was expected of the row (which takes out
    how hard rows are), shape (rows,). age: of the row's vector when it was used, in any unit, shape (rows,). shift: how
    far the row, or its batch, lies from the reference, shape (rows,). event: when each row was decided, in any unit,
    shape (rows,); rows are compared within up to twelve periods of it. kind: by which rows are alike, such as the
    neighbourhood they lie in, shape (rows,). groups: of each row, shape (rows,).

    >>> rng = np.random.default_rng(0)
    >>> age, shift = rng.uniform(0, 10, 2000), rng.normal(size=2000)
    >>> right = (rng.random(2000) < 0.9 - 0.03 * age).astype(float)
    >>> found = quality_by_age(right, age, shift=shift)
    >>> round(found.by_age.mean, 2), found.separable, found.reading
    (-0.03, True, 'age')
    >>> quality_by_age(right, age, shift=2 * age + 1).reading
    'either'
    >>> quality_by_age(right, age, event=100 + age).reading  # every vector was made on one day
    'either'

    Bell & McCaffrey (2002) for clusters taken out; Belsley, Kuh & Welsch (1980) for what cannot be told apart; Frisch &
    Waugh (1933) for comparing within periods.
    """
    values, old = np.asarray(quality, dtype=np.float64), np.asarray(age, dtype=np.float64)
    held = [np.asarray(part, dtype=np.float64) for part in (shift, event) if part is not None]
    parts = [values, old, *held]
    if values.ndim != 1 or len(values) == 0 or any(part.shape != values.shape for part in parts):
        shapes = ", ".join(str(part.shape) for part in parts)
        raise InputError(f"quality, ages, shifts and events of shapes {shapes}", needed="one number of each per row")
    if not all(np.all(np.isfinite(part)) for part in parts):
        raise InputError(
            "quality, ages, shifts or events that are not finite",
            needed="a number of each per row",
            fix="leave such rows out",
        )
    place = group_places(len(values), groups)
    period = np.zeros(len(values), np.int64) if event is None else _periods(held[-1])
    kinds = group_places(len(values), np.zeros(len(values)) if kind is None else kind)
    both = np.unique(period * (int(kinds.max()) + 1) + kinds, return_inverse=True)[1]
    alone = _slopes(values, [old], place, np.zeros_like(both), level)[0]
    by_age = _slopes(values, [old, *held], place, both, level)[0]
    by_shift = None
    if shift is not None and np.ptp(held[0]) > 0:
        by_shift = _slopes(values, [held[0], old, *held[1:]], place, period, level)[0]
    counts = int(place.max()) + 1, int(period.max()) + 1, int(kinds.max()) + 1
    return AgeEffect(by_age, by_shift, alone, _left(old, held, both), len(values), *counts)


def _periods(event: np.ndarray) -> np.ndarray:
    """The period of each row: as many of about the same number of rows as there are rows for."""
    count = int(np.clip(len(event) // OF_A_PERIOD, 1, PERIODS))
    cuts = np.unique(np.quantile(event, np.arange(1, count) / count)) if count > 1 else np.zeros(0)
    return np.unique(np.searchsorted(cuts, event, side="right"), return_inverse=True)[1].astype(np.int64)


def _within(column: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Less the mean of its stratum; 0 where nothing but rounding is left."""
    rest = column - column.mean()
    size = float(np.abs(rest).max())
    rest = rest - (np.bincount(strata, weights=rest) / np.bincount(strata))[strata]
    return rest if float(np.abs(rest).max()) > 1e-9 * size else np.zeros_like(rest)


def _slopes(
    values: np.ndarray, columns: list[np.ndarray], place: np.ndarray, strata: np.ndarray, level: float
) -> list[Interval]:
    """Slopes with intervals by taking each group out; without ends where they are not determined.

    Of the first column, and of those others that are not the same for all rows of a stratum.
    """
    centred = [_within(column, strata) for column in columns]
    scales = [float(np.abs(column).max()) for column in centred]
    groups, taken = int(place.max()) + 1, int(strata.max())
    if scales[0] == 0:
        return [Interval(float("nan"))]
    kept = [(column, scale) for column, scale in zip(centred, scales, strict=True) if scale > 0]
    scales = [scale for _, scale in kept]
    table = np.column_stack([np.ones(len(values)), *(column / scale for column, scale in kept)])
    outcome = _within(values, strata) if taken else values
    size = table.shape[1]
    squares, sums = np.zeros((groups, size, size)), np.zeros((groups, size))
    for one in range(size):
        sums[:, one] = np.bincount(place, weights=table[:, one] * outcome, minlength=groups)
        for other in range(size):
            squares[:, one, other] = np.bincount(place, weights=table[:, one] * table[:, other], minlength=groups)
    total, right = squares.sum(axis=0), sums.sum(axis=0)
    slopes = np.linalg.lstsq(total, right, rcond=1e-10)[0][1:] / scales
    rest = total - squares
    sizes = np.prod(np.maximum(np.diagonal(rest, axis1=1, axis2=2), 1e-300), axis=1)
    enough = groups >= FEW and len(values) - taken > size
    if not (enough and bool((np.linalg.det(rest) > 1e-10 * sizes).all())):
        return [Interval(float(slope)) for slope in slopes]
    without = np.linalg.solve(rest, (right - sums)[:, :, None])[:, 1:, 0] / scales
    # The means of strata are taken as they are when a group is out, so they are paid for here.
    paid = len(values) / (len(values) - taken)
    error = np.sqrt(paid * (groups - 1) / groups * ((without - slopes) ** 2).sum(axis=0))
    freedom = max(1, min(groups, len(values) - taken) - size)
    reach = float(special.stdtrit(freedom, (1 + level) / 2)) * error
    return [Interval(float(s), float(s - r), float(s + r)) for s, r in zip(slopes, reach, strict=True)]


def _left(age: np.ndarray, held: list[np.ndarray], strata: np.ndarray) -> float:
    """The share of the variation of ages that is left when all that is held is taken out."""
    whole = age - age.mean()
    if not np.ptp(age):
        return 0.0
    rest = _within(age, strata)
    others = [part / np.abs(part).max() for one in held if np.abs(part := _within(one, strata)).max() > 0]
    if others:
        table = np.column_stack(others)
        rest = rest - table @ np.linalg.lstsq(table, rest, rcond=1e-10)[0]
    return float(np.clip(rest @ rest / (whole @ whole), 0.0, 1.0))


def _clear(slope: Interval) -> bool:
    """Whether a slope is known not to be 0."""
    return slope.ends is not None and not slope.ends[0] <= 0 <= slope.ends[1]
