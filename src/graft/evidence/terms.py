"""Terms that emerge or vanish between two samples of texts, with what looking at all of them costs paid for.

Decisions: a term counts once a row. For every draw of ``Shuffles`` the share of rows with each term is one sparse
product; a term is as far off as its difference of shares is in standard deviations, and is held against the furthest
term of every draw (the largest statistic of a family, Westfall & Young), so the chance that any term is named without
drift is the level however many there are and whatever they have in common. Rows may come in parts, of which only counts
are known; parts are then what is exchanged.

The interval of a difference is Newcombe's, which holds where one share is 0; where whole groups move, rows count for
what they are worth by how the shares of groups vary. Only terms that stand out are named, so their intervals are wider
by as much as were chosen among (Benjamini & Yekutieli).

Westfall & Young (1993), Resampling-based multiple testing; Newcombe (1998), Interval estimation for the difference
between independent proportions, method 10; Benjamini & Yekutieli (2005), False discovery rate-adjusted confidence
intervals for selected parameters.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats

from graft.core.blas import product
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.shuffles import Shuffles

LEAST_ROWS = 5
_TERMS = 1_024  # at once


@dataclass(frozen=True)
class TermShift:
    """A term. place: its column. before, now: rows that have it. difference: of their shares, now less before.
    adjusted: p-value among all terms."""

    place: int
    before: int
    now: int
    difference: Interval
    adjusted: float


def term_shifts(
    reference: sparse.csr_array,
    current: sparse.csr_array,
    shuffles: Shuffles,
    *,
    rows: int = 1,
    least: int = LEAST_ROWS,
    level: float = 0.05,
) -> tuple[TermShift, ...]:
    """Every term that enough rows have, the surest first.

    reference, current: rows of each part that have each term, shapes (parts, terms); a part is a row as a rule.
    shuffles: draws for so many parts. rows: of a part. least: rows of both together that have a term; fewer are not
    looked at. level: of naming any term without drift. Raises InputError for other shapes.

    >>> from graft.evidence.shuffles import shuffles
    >>> one, other = np.tile([[1, 0], [1, 1]], (50, 1)), np.tile([[1, 1], [0, 1]], (20, 1))
    >>> made = shuffles(100, 40, rng=np.random.default_rng(0))
    >>> for seen in term_shifts(sparse.csr_array(one), sparse.csr_array(other), made):
    ...     print(seen.place, seen.before, seen.now, round(seen.difference.mean, 2), seen.adjusted)
    0 100 20 -0.5 0.001
    1 50 40 0.5 0.001
    """
    terms = reference.shape[1]
    if (reference.shape, current.shape) != ((shuffles.rows[0], terms), (shuffles.rows[1], terms)) or rows < 1:
        raise InputError(
            f"counts of shapes {reference.shape} and {current.shape} for draws of {shuffles.rows} parts",
            needed="one row of counts per part, the same terms on both sides, and draws made for these parts",
        )
    pooled = sparse.vstack([reference, current], format="csr")[shuffles.kept].astype(np.float32)
    total = np.asarray(pooled.sum(axis=0)).ravel()
    seen = np.flatnonzero((total >= least) & (total < rows * len(shuffles.kept)))
    if not len(seen):
        return ()
    counts = shuffles.membership @ pooled[:, seen]
    before, now = (rows * side for side in shuffles.counts)
    share = total[seen] / (rows * len(shuffles.kept))
    furthest = np.zeros(shuffles.draws + 1)
    own, had = np.zeros(len(seen)), np.zeros(len(seen))
    for start in range(0, len(seen), _TERMS):
        part = slice(start, start + _TERMS)
        with_it = product(counts[:, part].T.tocsr(), shuffles.weights).astype(np.float64)
        gaps = with_it / now - (total[seen][part, None] - with_it) / before
        spread = np.sqrt((share * (1 - share))[part, None] * (1 / before + 1 / now))
        far = np.abs(gaps) / spread
        furthest = np.maximum(furthest, far.max(axis=0))
        own[part], had[part] = far[:, 0], with_it[:, 0]
    beaten = len(furthest) - 1 - np.searchsorted(np.sort(furthest[1:]), own * (1 - 1e-6))
    adjusted = (1 + beaten) / len(furthest)
    chosen = adjusted <= level
    narrow = level * max(1, int(chosen.sum())) / len(seen)
    worth = _worth(counts, shuffles, rows, had, total[seen]) if shuffles.blocks else np.ones((2, len(seen)))
    found = []
    for at in np.lexsort((-own, adjusted)).tolist():
        told = (total[seen][at] - had[at], before[0] * worth[0, at]), (had[at], now[0] * worth[1, at])
        shares = (told[0][0] / before[0], told[1][0] / now[0])
        ends = difference_of_shares(
            shares, (told[0][1], told[1][1]), level=1 - (narrow if chosen[at] else level)
        )  # fmt: skip
        found.append(
            TermShift(
                int(seen[at]), round(told[0][0]), round(had[at]), Interval(shares[1] - shares[0], *ends),
                float(adjusted[at]),
            )
        )  # fmt: skip
    return tuple(found)


def difference_of_shares(
    shares: tuple[float, float], rows: tuple[float, float], *, level: float = 0.95
) -> tuple[float, float]:
    """Ends of the interval of the second share less the first, each of so many independent rows.

    Newcombe's own example, 56 of 70 and 48 of 80:

    >>> [round(end, 4) for end in difference_of_shares((48 / 80, 56 / 70), (80, 70))]
    [0.0524, 0.3339]
    """
    z = float(stats.norm.ppf(0.5 + level / 2))
    low, high = zip(*(_wilson(share, count, z) for share, count in zip(shares, rows, strict=True)), strict=True)
    gap = shares[1] - shares[0]
    down = float(np.hypot(shares[1] - low[1], high[0] - shares[0]))
    up = float(np.hypot(high[1] - shares[1], shares[0] - low[0]))
    return max(-1.0, gap - down), min(1.0, gap + up)


def _wilson(share: float, rows: float, z: float) -> tuple[float, float]:
    middle = share + z * z / (2 * rows)
    half = z * float(np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)))
    return (middle - half) / (1 + z * z / rows), (middle + half) / (1 + z * z / rows)


def _worth(counts: sparse.csr_array, draws: Shuffles, rows: int, had: np.ndarray, total: np.ndarray) -> np.ndarray:
    """What a row is worth in independent ones where cells are whole groups, (2, terms), at most 1."""
    found = np.ones((2, len(total)))
    dense = counts.toarray().astype(np.float64)
    sizes = draws.sizes[:, None] * rows
    for side, with_it in enumerate((total - had, had)):
        inside = draws.drawn[:, 0] == bool(side)
        count = sizes[inside].sum()
        share = with_it / count
        spread = np.square(dense[inside] - share * sizes[inside]).sum(axis=0)
        usual = share * (1 - share) * count
        varies = spread > usual
        found[side, varies] = usual[varies] / spread[varies]
    return found
