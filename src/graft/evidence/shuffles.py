"""Which rows could just as well have been the current sample: the draws behind every permutation p-value.

Decisions: the draws are made once, as a table of cells by draws, and every test of the same two samples reads the same
table. So a statistic is one matrix product for all draws, and p-values of several tests can be corrected together
(``together``). A cell is what moves as a whole. What may be exchanged is decided here and nowhere else:

- Rows without groups are exchanged one by one.
- Rows of one group (a customer, a document, a day) are not exchangeable, groups are. A group that lies in one sample
  moves as a whole, and as many groups as before count to the current sample.
- A group that lies in both samples has a block in each. Its two blocks have the group in common, so they are no two
  independent blocks: moved freely they would make the draws vary by more than the data did (the group's own level
  cancels in the data), and drift would be missed. They are exchanged with each other only. That holds whatever rows of
  one group and one sample share (a session), which exchanging its rows one by one would not.
- Blocks are exchangeable only if their sizes are. A baseline of a year has more rows of a customer than a day: such
  blocks are cut, at random and without looking at a value, until the sizes of both samples are alike (the smaller of
  both at every rank; both blocks of one group to the smaller of the two). Uncut, at a correlation of 0.5 and without
  drift, 2,000 customers of one row against 5 of 20 alarmed in 99 % of checks, and 100 of 20 rows against 30 of one row
  in none, drift or not; cut, in 5 and 7 % (200 and 300 checks, mean shift).

More than ``most`` cells are more than a p-value needs: rows (or groups) are put into bundles of equal number within
each sample, at random, and bundles are exchanged. That is a subset of all exchanges, so the p-value stays valid, and
100,000 rows cost no more than 4,096. A bundle that did not fill stays where it is. Where one sample is so small that
bundles would leave it fewer than 200, rows of the larger sample are left out instead, at random, down to ten times
as many or more: beyond that they hardly help.

A change that is allowed (another share of weekdays, another mix of traffic) is declared by ``strata``: exchanges stay
within a stratum, tests of vectors take each row around the mean of its own, and a stratum that one sample lacks is left
out, which is told. What is asked then is whether anything changed *given* the stratum.

The observed statistic is one of the draws, so p = (k + 1) / (B + 1) and never 0.

Phipson & Smyth (2010), Permutation p-values should never be zero; Hemerik & Goeman (2018), Exact testing with random
permutations, for subsets of exchanges that form a group; Westfall & Young (1993), Resampling-based multiple testing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse, stats

from graft.core.errors import InputError

DRAWS = 999
MOST = 4096  # cells
STRATA = 500
_LEAST_BUNDLES = 200
_ALIKE = 0.1  # two-sided p of a rank test of block sizes, below which they are cut
_TWICE = 2.0  # ratio of mean block sizes, beyond which they are cut
_TIE = 1e-6  # of a statistic, in parts of itself: below that it is rounding


@dataclass(frozen=True, eq=False)
class Shuffles:
    """Draws of which cells count to the current sample.

    rows: of the reference and of the current sample, as given. kept: which rows are compared, positions among all rows
    with the reference first, rising, shape (kept,). cell: of each kept row, shape (kept,). drawn: whether a cell counts
    to the current sample, shape (cells, 1 + draws); column 0 is what was observed. unit: what a cell belongs to, shape
    (cells,); the two blocks of one group are one unit, and so are rows of a bundle. shared: groups in both samples.
    blocks: whether whole groups move. least_p: no smaller p-value is possible. notes: what a reader should know.
    """

    rows: tuple[int, int]
    kept: np.ndarray
    cell: np.ndarray
    drawn: np.ndarray
    unit: np.ndarray
    stratum: np.ndarray
    least_p: float
    blocks: bool = False
    shared: int = 0
    notes: tuple[str, ...] = ()

    @property
    def cells(self) -> int:
        """How many there are."""
        return len(self.drawn)

    @property
    def draws(self) -> int:
        """How many, without the observed one."""
        return int(self.drawn.shape[1]) - 1

    @cached_property
    def current(self) -> np.ndarray:
        """Whether each kept row is of the current sample, shape (kept,)."""
        return np.asarray(self.kept >= self.rows[0])

    @cached_property
    def sizes(self) -> np.ndarray:
        """Rows of each cell, shape (cells,)."""
        return np.bincount(self.cell, minlength=self.cells)

    @cached_property
    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the reference and of the current sample in every draw, each of shape (1 + draws,)."""
        current = np.asarray(self.sizes @ self.drawn, dtype=np.float64)
        return len(self.kept) - current, current

    @cached_property
    def scale(self) -> np.ndarray:
        """What the sum of the current sample around the means of the strata is multiplied by to give the difference of
        the two samples, in every draw, shape (1 + draws,): 1 / n + 1 / m without strata."""
        return np.asarray(1 / (self.by_stratum[0] * self.by_stratum[1] / self.by_stratum.sum(axis=0)).sum(axis=0))

    @cached_property
    def by_stratum(self) -> np.ndarray:
        """``counts`` of each stratum, shape (2, strata, 1 + draws)."""
        strata = int(self.stratum.max()) + 1
        sizes = np.zeros((strata, self.cells))
        sizes[self.cell_stratum, np.arange(self.cells)] = self.sizes
        current = sizes @ self.drawn
        return np.array([sizes.sum(axis=1)[:, None] - current, current])

    @cached_property
    def cell_stratum(self) -> np.ndarray:
        """The stratum of each cell, shape (cells,)."""
        found = np.zeros(self.cells, dtype=np.int64)
        found[self.cell] = self.stratum
        return found

    def means(self, sums: np.ndarray) -> np.ndarray:
        """Means of the strata, shape (strata, columns), from sums over cells, shape (cells, columns)."""
        found = np.zeros((int(self.stratum.max()) + 1, sums.shape[1]))
        np.add.at(found, self.cell_stratum, sums)
        return np.asarray(found / np.bincount(self.stratum)[:, None])

    @cached_property
    def weights(self) -> np.ndarray:
        """``drawn`` as float32, what products want, shape (cells, 1 + draws)."""
        return self.drawn.astype(np.float32)

    @cached_property
    def membership(self) -> sparse.csr_array:
        """Which rows a cell holds, shape (cells, kept): summing rows over cells is a product with it."""
        rows = len(self.kept)
        order = np.argsort(self.cell, kind="stable")
        starts = np.concatenate([[0], np.cumsum(self.sizes)])
        return sparse.csr_array((np.ones(rows, np.float32), order, starts), shape=(self.cells, rows))

    def some(self, most: int, rng: np.random.Generator) -> "Shuffles":
        """The same draws of about so many rows: of every cell an equal share, at random, and one at least."""
        if len(self.kept) <= most:
            return self
        wanted = np.maximum(1, (self.sizes * (most / len(self.kept))).astype(int))
        taken = _first_of_each(self.cell, wanted, rng)
        note = f"{len(taken)} of {len(self.kept)} rows were compared, taken at random"
        return replace(
            self,
            kept=self.kept[taken],
            cell=self.cell[taken],
            stratum=self.stratum[taken],
            notes=(*self.notes, note),
        )


def _first_of_each(part: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positions of so many rows of each part, at random, rising. part: of each row. wanted: of each part."""
    order = np.lexsort((rng.random(len(part)), part))
    sizes = np.bincount(part, minlength=len(wanted))
    place = np.arange(len(part)) - (np.cumsum(sizes) - sizes)[part[order]]
    return np.sort(order[place < wanted[part[order]]])


def shuffles(
    reference: int,
    current: int,
    *,
    rng: np.random.Generator,
    groups: tuple[np.ndarray, np.ndarray] | None = None,
    strata: tuple[np.ndarray, np.ndarray] | None = None,
    draws: int = DRAWS,
    most: int = MOST,
) -> Shuffles:
    """Draws for two samples of so many rows.

    groups: the group of every row of the reference and of the current sample, shapes (reference,) and (current,), where
    rows of a group are not exchangeable. strata: likewise, what may differ between the samples; a group lies in one
    stratum. draws: a p-value is a multiple of 1 / (draws + 1). most: cells at most, at least 8 (a few more where there
    are many strata, of which there may be 500). Raises InputError for a sample without rows, groups or strata that do
    not fit or are missing, and strata none of which lies in both samples.

    >>> made = shuffles(3, 2, rng=np.random.default_rng(0), draws=9)
    >>> made.drawn[:, 0].tolist(), made.counts[1].tolist(), round(made.least_p, 3)
    ([False, False, False, True, True], [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0], 0.1)
    """
    for name, rows in (("reference", reference), ("current sample", current)):
        if rows < 1:
            raise InputError(f"a {name} of {rows} rows", needed="at least one row in each sample")
    if draws < 1 or most < 8:
        raise InputError(f"{draws} draws of at most {most} cells", needed="at least one draw and 8 cells")
    rows = reference + current
    side = np.arange(rows) >= reference
    group = np.arange(rows) if groups is None else _coded(groups, (reference, current), "group")
    stratum = np.zeros(rows, int) if strata is None else _coded(strata, (reference, current), "stratum")
    if strata is not None and groups is not None:
        _check_nested(group, stratum)
    there = [np.bincount(stratum[side == one], minlength=stratum.max() + 1) > 0 for one in (False, True)]
    shared = np.flatnonzero(there[0] & there[1])
    if len(there[0]) > STRATA:
        raise InputError(
            f"{len(there[0])} strata", needed=f"at most {STRATA}", fix="declare a coarser one, such as the weekday"
        )
    notes: list[str] = []
    if len(shared) < len(there[0]):
        if not len(shared):
            raise InputError(
                f"{len(there[0])} strata, none of which lies in both samples",
                needed="a stratum that both samples have rows of",
                fix="declare a coarser one, or none",
            )
        lacking = int((~np.isin(stratum, shared)).sum())
        notes.append(f"{lacking} rows of {len(there[0]) - len(shared)} strata that one sample lacks were left out")
    pieces = []
    for one in shared:
        kept = np.flatnonzero(stratum == one)
        if groups is not None:
            code = np.unique(group[kept], return_inverse=True)[1]
            kept = kept[_evened(code, side[kept], rng)]
        pieces.append((kept, _units(group[kept], side[kept], draws, max(8, most * len(kept) // rows), rng)))
    return _joined((reference, current), pieces, stratum, draws, groups is not None, notes)


@dataclass(frozen=True, eq=False)
class _Piece:
    """The draws of one stratum. cell: of each row, -1 for those left out, shape (rows,). ways: logarithm of how many
    different draws there are. groups, used: of each sample, before and after thinning."""

    cell: np.ndarray
    drawn: np.ndarray
    unit: np.ndarray
    ways: float
    shared: int
    groups: tuple[int, int]
    used: tuple[int, int]


def _joined(
    rows: tuple[int, int],
    pieces: list[tuple[np.ndarray, _Piece]],
    stratum: np.ndarray,
    draws: int,
    blocks: bool,
    notes: list[str],
) -> Shuffles:
    kept, cell, unit, here = [], [], [], []
    cells = units = 0
    for place, (positions, piece) in enumerate(pieces):
        chosen = piece.cell >= 0
        kept.append(positions[chosen])
        cell.append(piece.cell[chosen] + cells)
        unit.append(piece.unit + units)
        here.append(np.full(int(chosen.sum()), place))
        cells, units = cells + len(piece.drawn), units + int(piece.unit.max()) + 1
    positions = np.concatenate(kept)
    order = np.argsort(positions, kind="stable")
    parts = [piece for _, piece in pieces]
    cut = int(np.isin(stratum, stratum[positions]).sum()) - sum(len(one) for one, _ in pieces)
    if cut:
        notes.append(f"{cut} rows of larger groups were left out, since groups differ in size")
    for one, name in enumerate(("reference", "current sample")):
        whole, used = sum(part.groups[one] for part in parts), sum(part.used[one] for part in parts)
        if used < whole:
            notes.append(f"{used} of {whole} {'groups' if blocks else 'rows'} of the {name} were compared, at random")
    ways = sum(part.ways for part in parts)
    return Shuffles(
        rows,
        positions[order],
        np.concatenate(cell)[order],
        np.vstack([part.drawn for part in parts]),
        np.concatenate(unit),
        np.concatenate(here)[order],
        max(1 / (draws + 1), math.exp(-min(ways, 700.0))),
        blocks,
        sum(part.shared for part in parts) * blocks,
        tuple(notes),
    )


def _coded(groups: tuple[np.ndarray, np.ndarray], rows: tuple[int, int], word: str) -> np.ndarray:
    """The group (or stratum) of every row, from 0, the reference first."""
    values: list[object] = []
    for name, given, count in zip(("reference", "current sample"), groups, rows, strict=True):
        if np.shape(given) != (count,):
            raise InputError(
                f"values of shape {np.shape(given)} for {count} rows of the {name}", needed=f"one {word} per row"
            )
        values += np.asarray(given).tolist()
    missing = sum(one is None or one != one for one in values)
    if missing:
        raise InputError(
            f"{missing} of {len(values)} rows have no {word}",
            needed=f"the {word} of every row",
            fix=f"give such rows a {word} of their own, or leave them out",
        )
    code: dict[object, int] = {}
    return np.array([code.setdefault(one, len(code)) for one in values])


def _check_nested(group: np.ndarray, stratum: np.ndarray) -> None:
    pairs = len(np.unique(group.astype(np.int64) * (int(stratum.max()) + 1) + stratum))
    split = pairs - int(group.max()) - 1
    if split:
        raise InputError(
            f"groups that lie in several strata ({split} more pairs than groups)",
            needed="strata that each group lies in one of",
            fix="take groups that do (a day lies in one weekday), or declare no strata",
        )


def _evened(group: np.ndarray, side: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positions of the rows that are kept, so that blocks of both samples have alike sizes."""
    sizes = np.array([np.bincount(group[side == one], minlength=group.max() + 1) for one in (False, True)])
    both = (sizes > 0).all(axis=0)
    wanted = sizes.copy()
    if both.any() and not _alike(sizes[0, both], sizes[1, both]):
        wanted[:, both] = sizes[:, both].min(axis=0)
    alone = [np.flatnonzero((sizes[one] > 0) & ~both) for one in (0, 1)]
    if len(alone[0]) and len(alone[1]) and not _alike(sizes[0, alone[0]], sizes[1, alone[1]]):
        ranked = [places[np.argsort(sizes[one, places], kind="stable")] for one, places in enumerate(alone)]
        rank = [(np.arange(len(places)) + 0.5) / len(places) for places in ranked]
        for one in (0, 1):
            other = sizes[1 - one, ranked[1 - one]]
            limit = other[np.minimum((rank[one] * len(other)).astype(int), len(other) - 1)]
            wanted[one, ranked[one]] = np.minimum(sizes[one, ranked[one]], limit)
    if (wanted == sizes).all():
        return np.arange(len(group))
    return _first_of_each(group + side * sizes.shape[1], wanted.ravel(), rng)


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether block sizes, each of shape (blocks,), could be of one kind."""
    if first.min() == first.max() == second.min() == second.max():
        return True
    ratio = float(first.mean() / second.mean())
    if not 1 / _TWICE <= ratio <= _TWICE:
        return False
    return float(stats.mannwhitneyu(first, second, method="asymptotic").pvalue) >= _ALIKE


def _units(group: np.ndarray, side: np.ndarray, draws: int, most: int, rng: np.random.Generator) -> _Piece:
    """The draws of rows of one stratum, given the group and the sample of each, shapes (rows,)."""
    group = np.unique(group, return_inverse=True)[1]
    there = np.array([np.bincount(group[side == one], minlength=group.max() + 1) > 0 for one in (False, True)])
    both = np.flatnonzero(there.all(axis=0))
    alone = [np.flatnonzero(there[one] & ~there[1 - one]) for one in (0, 1)]
    units = (len(alone[0]) + len(both), len(alone[1]) + len(both))
    bundle = max(1, min(-(-sum(units) // most), min(units) // _LEAST_BUNDLES))
    spare = -(-sum(units) // bundle) - most
    if spare > 0:
        large = int(units[1] > units[0])
        left = max(bundle, len(alone[large]) - (spare + 1) * bundle)
        if left < len(alone[large]):
            alone[large] = np.sort(rng.choice(alone[large], left, replace=False))
    # Cells: bundles of groups of the reference alone, of the current sample alone, then both blocks of shared ones.
    cell = np.full((2, len(there[0])), -1)
    unit: list[np.ndarray] = []
    moves: list[np.ndarray] = []
    cells = count = 0
    for one in (0, 1):
        places = rng.permutation(alone[one]) if bundle > 1 else alone[one]
        cell[one, places] = cells + np.arange(len(places)) // bundle
        made = -(-len(places) // bundle)
        moves.append(np.arange(made) < len(places) // bundle)
        unit.append(count + np.arange(made))
        cells, count = cells + made, count + made
    places = rng.permutation(both) if bundle > 1 else both
    pairs = -(-len(places) // bundle)
    cell[0, places] = cells + np.arange(len(places)) // bundle
    cell[1, places] = cells + pairs + np.arange(len(places)) // bundle
    unit += [count + np.arange(pairs)] * 2
    drawn = np.zeros((cells + 2 * pairs, draws + 1), dtype=bool)
    drawn[len(moves[0]) : cells] = True
    moving = np.flatnonzero(np.concatenate(moves))
    drawn[moving, 1:] = rng.permuted(np.tile(drawn[moving, 0], (draws, 1)), axis=1).T
    swapped = rng.random((pairs, draws)) < 0.5
    drawn[cells + pairs :, 0] = True
    drawn[cells : cells + pairs, 1:] = swapped
    drawn[cells + pairs :, 1:] = ~swapped
    ways = _log_choices(len(moving), int(moves[1].sum())) + pairs * math.log(2)
    used = (len(alone[0]) + len(both), len(alone[1]) + len(both))
    of_rows = cell[side.astype(int), group]
    return _Piece(of_rows, drawn, np.concatenate(unit), ways, len(both), units, used)


def _log_choices(count: int, chosen: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(chosen + 1) - math.lgamma(count - chosen + 1)


def p_value(values: np.ndarray) -> float:
    """(k + 1) / (B + 1), where k of B draws are at least as large as what was observed.

    values: of the statistic, shape (1 + draws,), the observed one first; larger is further apart. What differs by less
    than a millionth of the observed one is rounding, and counts as equal.

    >>> p_value(np.array([3.0, 1.0, 2.0, 3.0, 4.0]))
    0.6
    """
    return float((1 + _beaten(values)) / len(values))


def _beaten(values: np.ndarray) -> int:
    observed = values[0]
    return int((values[1:] >= observed - _TIE * abs(observed)).sum())


def together(several_values: Sequence[np.ndarray]) -> tuple[float, ...]:
    """p-values of several tests of the same draws, corrected for being several.

    several_values: of each test, shape (1 + draws,), from one ``Shuffles``. The chance that any of them falls below a
    level without drift is at most that level, whatever they have in common; tests that agree cost almost nothing.

    >>> one = np.array([5.0, 1.0, 2.0, 3.0, 4.0])
    >>> together([one, one, -one])
    (0.4, 0.4, 1.0)

    Westfall & Young (1993): the smallest p-value of every draw.
    """
    if len({len(values) for values in several_values}) != 1:
        raise InputError(
            f"tests of {sorted({len(values) for values in several_values})} draws", needed="the same draws for all"
        )
    draws = len(several_values[0])
    ps = np.array([(draws - stats.rankdata(values, method="min") + 1) / draws for values in several_values])
    least = ps.min(axis=0)
    return tuple(float((1 + (least[1:] <= own[0] + 1e-12).sum()) / draws) for own in ps)
