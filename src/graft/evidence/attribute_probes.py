"""How well an attribute can be told from vectors, by several probes at once, beyond what is allowed to tell it.

Decisions: as in ``leakage``, a probe is a ridge whose folds are solved once for all draws of the classes. Two kinds of
columns are probed: the vectors, as a linear model would use them, and random Fourier features of them (Rahimi & Recht
2007, a Gaussian kernel as wide as the median distance), for what only a curved one can use. The draws are the same for
all probes, so the best of them is judged by how well the best does by chance (Westfall & Young 1993).

The draws: without features that may be known, classes are exchanged within folds; with few joint values of these, among
rows alike in them; else they are drawn from the chances that the features give (see ``allowed_features``). Where rows
belong to a group (a person), groups take the place of rows: a group lies in one fold, its rows move together, and
what varies in the area is counted by groups. A probe's interval counts the rows it was asked (DeLong) and those it
learnt from (halves of them).

``erased`` asks what is left after concept erasure: the eraser of each fold is fitted on the very rows that the probe
learns from, as somebody would who erases and hands over. A linear probe then finds nothing at all, by construction; so
``unseen`` asks the harder question too, of rows erased by an eraser that never saw them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import special

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.allowed_features import AllowedFeatures
from graft.evidence.areas import Areas, area_interval, areas_drawn, areas_of
from graft.evidence.leakage import (
    LEAST_OF_A_CLASS,
    LEAST_ROWS,
    SolvedRidge,
    even_folds,
    ridge_predictions,
    standardised,
)
from graft.evidence.linear_erasure import fit_eraser

LINEAR, CURVED = "linear", "curved"
MOST_DRAWS = 999
_COLUMNS, _CHUNK = 2_000, 100
_WAVES, _PAIRS = 512, 500
_MOST_HALVES, _LEAST_HALVES, _HALF_ROWS = 20, 8, 16_000
# Areas of probes that learnt from halves vary by less than areas of new samples: measured, 1.18 to 1.30.
_FURTHER = 1.3
# Of scores: what lies closer together is rounding.
_DIGITS = 9


@dataclass(frozen=True, eq=False)
class AskedRows:
    """Rows whose class is asked, and what chance does.

    classes: whole numbers from 0, each occurs, shape (rows,). chance: of each class without the vector, shape (rows,
    classes). fold: shape (rows,). draws: classes as they might be if vectors told nothing (more), shape (draws, rows).
    strata: rows that are compared, shape (rows, classes); None for all. allowed: what may be known. unit: what moves as
    a whole, from 0, shape (rows,); None for each row.
    """

    classes: np.ndarray
    chance: np.ndarray
    fold: np.ndarray
    draws: np.ndarray
    strata: np.ndarray | None = None
    allowed: AllowedFeatures | None = None
    unit: np.ndarray | None = None

    @property
    def count(self) -> int:
        """How many classes there are."""
        return int(self.chance.shape[1])

    @property
    def units(self) -> int:
        """How many rows, or groups of them, there are."""
        return len(self.classes) if self.unit is None else int(self.unit.max()) + 1

    @cached_property
    def telling(self) -> list[int]:
        """The classes to be asked: one of two, whose areas are the same."""
        return [1] if self.count == 2 else list(range(self.count))

    @cached_property
    def comparable(self) -> list[int]:
        """Classes of which some stratum holds a row beside one that is not of it."""
        if self.strata is None:
            return list(range(self.count))
        found = areas_of(np.zeros((len(self.classes), self.count)), self.classes, self.strata).by_class
        return np.flatnonzero(np.isfinite(found)).tolist()

    def rest(self, values: np.ndarray) -> np.ndarray:
        """What may not be known of values."""
        return values if self.allowed is None else self.allowed.rest(values)


def asked_rows(
    classes: np.ndarray,
    *,
    rng: np.random.Generator,
    given: Sequence[np.ndarray] = (),
    groups: np.ndarray | None = None,
    folds: int = 5,
    draws: int | None = None,
    least_draws: int = 199,
) -> AskedRows:
    """Rows to be asked. classes: whole numbers from 0, each in 5 rows (or groups) or more, shape (rows,). given:
    columns that may be known, see ``AllowedFeatures.of``. groups: whole numbers, shape (rows,); a class and what is
    given are the same in all rows of a group. draws: when None as many as time allows,
    ``least_draws`` or more.

    Raises InputError for fewer than 20 rows, 2 classes or 5 rows (or groups) of one, and groups in which a class or
    what is given varies.
    """
    unit = None if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
    first = np.arange(len(classes)) if unit is None else np.unique(unit, return_index=True)[1]
    if unit is not None:
        for what, column in (("the class", classes), *(("what is given", one) for one in given)):
            if not np.array_equal(column[first][unit], column, equal_nan=column.dtype.kind == "f"):
                raise InputError(
                    f"{what} varies within a group", needed="the same in all rows of a group", fix="leave groups out"
                )
    mine = classes[first]
    sizes = np.bincount(mine)
    if len(mine) < LEAST_ROWS or len(sizes) < 2 or sizes.min() < LEAST_OF_A_CLASS:
        of = "rows" if groups is None else "groups"
        raise InputError(
            f"{len(mine)} {of} of {len(sizes)} classes, the rarest of {min(sizes, default=0)}",
            needed=f"{LEAST_ROWS} {of}, 2 classes, and {LEAST_OF_A_CLASS} {of} of each",
        )
    count = len(sizes)
    draws = draws or int(np.clip(_COLUMNS // (1 if count == 2 else count), min(least_draws, MOST_DRAWS), MOST_DRAWS))
    if not given:
        # Every class is spread evenly over folds, within which they are exchanged.
        fold = even_folds(mine, min(folds, int(sizes.min())), rng)
        every = fold if unit is None else fold[unit]
        chance = np.tile(sizes / len(mine), (len(classes), 1))
        drawn = _exchanged(mine, fold, draws, rng)
        found = AskedRows(classes, chance, every, drawn, unit=unit)
    else:
        allowed = AllowedFeatures.of(given, rng)
        # Folds that know nothing of the classes: drawn ones would not fit them as the observed do.
        alike = np.zeros(len(mine), np.int64) if allowed.cells is None else allowed.cells[first]
        fold = even_folds(alike, folds, rng)
        every = fold if unit is None else fold[unit]
        chance = allowed.chances(classes, every)
        if allowed.cells is None:
            cuts = np.cumsum(chance[first], axis=1)
            drawn = np.empty((draws, len(mine)), np.int16)
            for one in range(draws):
                drawn[one] = (rng.random((len(mine), 1)) > cuts[:, :-1]).sum(axis=1)
        else:
            drawn = _exchanged(mine, allowed.cells[first], draws, rng)
        found = AskedRows(classes, chance, every, drawn, allowed.strata(chance), allowed, unit)
    return found if unit is None else replace(found, draws=found.draws[:, unit])


def _exchanged(classes: np.ndarray, within: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Classes exchanged within parts, int16 of shape (draws, rows)."""
    order = np.argsort(within, kind="stable")
    found = np.empty((draws, len(classes)), np.int16)
    for one in range(draws):
        found[one, order] = classes[np.lexsort((rng.random(len(classes)), within))]
    return found


Columns = Callable[[np.ndarray], np.ndarray]
"""What a probe reads of all rows, shape (rows, columns), where it learns from some (their positions)."""


def probe_columns(vectors: np.ndarray, asked: AskedRows, rng: np.random.Generator) -> dict[str, Columns]:
    """What the linear and the curved probe read of ``vectors``, shape (rows, dimension).

    Raises InputError for vectors that are not finite.
    """
    rows = asked.rest(standardised(vectors))
    waves = _waves(rows, rng)
    curved = asked.rest(waves(rows))
    return {LINEAR: lambda _: rows, CURVED: lambda _: curved}


def erased_columns(
    vectors: np.ndarray,
    targets: np.ndarray,
    asked: AskedRows,
    rng: np.random.Generator,
    *,
    fitted_on: np.ndarray | None = None,
) -> dict[str, Columns]:
    """The same after erasure of ``targets``, shape (rows, targets), by an eraser fitted on the rows learnt from.

    Where something may be known, what lies beyond it is erased: the eraser is fitted on what is left of the vectors
    without it, and targets are what is left of the classes (``unknown_part``). fitted_on: that part of the vectors,
    where ``asked`` does not know it.
    """
    rows = standardised(vectors)
    beyond = asked.rest(rows) if fitted_on is None else fitted_on
    read = beyond if fitted_on is None else asked.rest(rows)
    waves = _waves(read, rng)

    def linear(learnt: np.ndarray) -> np.ndarray:
        return fit_eraser(beyond[learnt], targets[learnt])(read)

    return {LINEAR: linear, CURVED: lambda learnt: asked.rest(waves(linear(learnt)))}


def unknown_part(asked: AskedRows) -> np.ndarray:
    """What is left of the classes without what may be known, shape (rows, classes)."""
    return np.asarray(np.eye(asked.count)[asked.classes] - asked.chance)


def _waves(rows: np.ndarray, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Random Fourier features of a Gaussian kernel as wide as the median distance of rows."""
    some = rows[rng.permutation(len(rows))[:_PAIRS]]
    squares = (some**2).sum(axis=1)
    distances = (squares[:, None] + squares - 2 * some @ some.T)[np.triu_indices(len(some), 1)]
    width = np.sqrt(max(float(np.median(distances)), 1e-12))
    turns = rng.normal(size=(rows.shape[1], _WAVES)) / width
    shift = rng.uniform(0, 2 * np.pi, _WAVES)
    return lambda given: _centred(np.cos(given @ turns + shift))


def _centred(columns: np.ndarray) -> np.ndarray:
    return np.asarray(columns - columns.mean(axis=0))


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """What a probe found. area: mean over classes; its interval is for these vectors and further rows like these.
    by_class: nan where nothing can be compared. chance, chance_high: the mean of the draws, and what only ``1 - level``
    of them exceed. p_value: paid for all probes that were asked together. part: of each row in the area."""

    area: Interval
    by_class: np.ndarray
    chance: float
    chance_high: float
    p_value: float
    spread: float
    areas: Areas


def probed(
    columns: dict[str, Columns], asked: AskedRows, *, rng: np.random.Generator, level: float = 0.95
) -> dict[str, ProbeResult]:
    """What probes find, by their names. columns: what each reads."""
    found, drawn, halves = {}, [], _halves(asked, rng)
    for name, read in columns.items():
        solved = _solved(read, asked)
        found[name] = areas_of(_scores(solved, asked, asked.classes), asked.classes, asked.strata)
        drawn.append(_drawn_areas(solved, asked))
    seen = np.array([one.mean for one in found.values()])
    chance = np.array(drawn)
    every = np.concatenate([seen[:, None], chance], axis=1)
    spread = np.maximum(every.std(axis=1, keepdims=True), 1e-9)
    away = (every - every.mean(axis=1, keepdims=True)) / spread
    best = away[:, 1:].max(axis=0)
    results = {}
    for place, (name, areas) in enumerate(found.items()):
        p_value = float((1 + (best >= away[place, 0] - 1e-9).sum()) / (1 + len(best)))
        moved = _areas_of_halves(columns[name], asked, halves)
        wide = float(np.hypot(spread_of(areas.part, asked), _FURTHER * np.std(moved, ddof=1)))
        results[name] = ProbeResult(
            area_interval(areas.mean, wide, asked.units, level), areas.by_class, float(chance[place].mean()),
            float(np.quantile(chance[place], level)), p_value, wide, areas,
        )  # fmt: skip
    return results


def spread_of(part: np.ndarray, asked: AskedRows) -> float:
    """The standard error of an area from the part of each row in it; rows of a group count together."""
    if asked.unit is None:
        return float(part.std() / np.sqrt(len(part)))
    sums = np.bincount(asked.unit, weights=part)
    return float(sums.std() * np.sqrt(len(sums)) / len(part))


def known_area(asked: AskedRows, *, level: float = 0.95) -> Interval:
    """How well what may be known tells the classes by itself, by rows of other folds."""
    chance = asked.chance
    if asked.allowed is not None and asked.allowed.cells is not None:
        known = np.eye(asked.count)[asked.classes]
        # Shares of a cell hold the row itself: it is told by the others.
        chance = np.empty_like(known)
        for one in range(int(asked.fold.max()) + 1):
            held = asked.fold == one
            chance[held] = asked.allowed.cell_means(known, ~held)[asked.allowed.cells[held]]
    areas = areas_of(chance, asked.classes)
    return area_interval(areas.mean, spread_of(areas.part, asked), asked.units, level)


def change(before: ProbeResult, after: ProbeResult, asked: AskedRows, *, level: float = 0.95) -> Interval:
    """By how much an area changed, with the same rows asked before and after."""
    moved = after.area.mean - before.area.mean
    reach = float(special.ndtri((1 + level) / 2)) * max(
        spread_of(after.areas.part - before.areas.part, asked), 0.5 / asked.units
    )
    return Interval(moved, moved - reach, moved + reach)


def unseen_area(
    vectors: np.ndarray, targets: np.ndarray, asked: AskedRows, *, rng: np.random.Generator, level: float = 0.95
) -> Interval:
    """What a linear probe learns from rows that were erased by an eraser which never saw them, on further such rows: of
    each half of the rows, by the eraser of the other half."""
    half = rng.permutation(asked.units) % 2
    side = half if asked.unit is None else half[asked.unit]
    rows = asked.rest(standardised(vectors))
    erased = np.empty_like(rows)
    for one in (0, 1):
        erased[side == one] = fit_eraser(rows[side != one], targets[side != one])(rows[side == one])
    wanted = unknown_part(asked)[:, asked.telling]
    scores = np.zeros((len(rows), len(asked.telling)))
    for one in (0, 1):
        for held in range(int(asked.fold.max()) + 1):
            mine = np.flatnonzero((side == one) & (asked.fold == held))
            learnt = np.flatnonzero((side == one) & (asked.fold != held))
            if len(mine) and len(learnt) > 1:
                scores[mine] = ridge_predictions(erased, mine, learnt, wanted)
    strata = side[:, None] if asked.strata is None else asked.strata * 2 + side[:, None]
    areas = areas_of(_both(scores, asked), asked.classes, np.broadcast_to(strata, (len(rows), asked.count)))
    return area_interval(areas.mean, spread_of(areas.part, asked), asked.units, level)


def _solved(read: Columns, asked: AskedRows) -> list[SolvedRidge]:
    solved = []
    for one in range(int(asked.fold.max()) + 1):
        learnt = np.flatnonzero(asked.fold != one)
        solved.append(SolvedRidge.between(read(learnt), np.flatnonzero(asked.fold == one), learnt))
    return solved


def _scores(solved: list[SolvedRidge], asked: AskedRows, classes: np.ndarray) -> np.ndarray:
    wanted = (np.eye(asked.count)[classes] - asked.chance)[:, asked.telling]
    found = np.empty((len(classes), wanted.shape[1]))
    for one in solved:
        found[one.held] = one.predict(wanted)
    return _both(found.round(_DIGITS), asked)


def _both(scores: np.ndarray, asked: AskedRows) -> np.ndarray:
    """Scores of every class, from those that were asked."""
    return np.concatenate([-scores, scores], axis=1) if asked.count == 2 else scores


def _drawn_areas(solved: list[SolvedRidge], asked: AskedRows) -> np.ndarray:
    """The area in every draw, shape (draws,)."""
    told = [one for one in asked.telling if one in asked.comparable]
    areas = np.zeros((len(told), len(asked.draws)))
    narrow = [replace(one, left=one.left.astype(np.float32), right=one.right.astype(np.float32)) for one in solved]
    for start in range(0, len(asked.draws), _CHUNK):
        few = slice(start, start + _CHUNK)
        for place, one in enumerate(told):
            mine = np.asarray(np.int16(one) == asked.draws[few].T)
            wanted = (mine - asked.chance[:, [one]]).astype(np.float32)
            scores = np.empty(mine.shape, np.float32)
            for each in narrow:
                scores[each.held] = each.predict(wanted)
            strata = None if asked.strata is None else asked.strata[:, one]
            areas[place, few] = areas_drawn(scores.astype(np.float64).round(_DIGITS - 3), mine, strata)
    return np.asarray(areas.mean(axis=0)) if told else np.full(len(asked.draws), 0.5)


def _halves(asked: AskedRows, rng: np.random.Generator) -> list[np.ndarray]:
    """Halves of the rows (of groups), as chosen or not, each of shape (rows,)."""
    count = int(np.clip(_HALF_ROWS // asked.units, _LEAST_HALVES, _MOST_HALVES))
    halves = [rng.permuted(np.arange(asked.units) % 2).astype(bool) for _ in range(count)]
    return halves if asked.unit is None else [one[asked.unit] for one in halves]


def _areas_of_halves(read: Columns, asked: AskedRows, halves: list[np.ndarray]) -> np.ndarray:
    """The area of all rows by probes that learnt from half of them, shape (halves,), which vary about as much as all do
    from one sample to the next."""
    told = [one for one in asked.telling if one in asked.comparable]
    wanted = unknown_part(asked)[:, told]
    scores = np.zeros((len(asked.classes), len(told), len(halves)))
    for place, half in enumerate(halves):
        for one in range(int(asked.fold.max()) + 1):
            held, learnt = np.flatnonzero(asked.fold == one), np.flatnonzero((asked.fold != one) & half)
            scores[held, :, place] = ridge_predictions(read(learnt), held, learnt, wanted)
    areas = np.zeros((len(told), len(halves)))
    for place, one in enumerate(told):
        mine = np.repeat((asked.classes == one)[:, None], len(halves), axis=1)
        strata = None if asked.strata is None else asked.strata[:, one]
        areas[place] = areas_drawn(scores[:, place].round(_DIGITS), mine, strata)
    return np.asarray(areas.mean(axis=0))
