"""Which entities have other neighbours than before, and whether that is more than chance would do.

Decisions: neighbours are compared, not coordinates, so a rotated space is the same space. Two lists agree by the share
they have in common (Jaccard) and by rank-biased overlap, which looks at the top first and extrapolates what lies below
the last place; the latter is tested. Where coordinates are compared (``aligned``), one space is first turned onto the
other, by rows that moved little: the fifth that moved most has no say in the second turn.

Neighbours change a little whenever a space is learnt anew, some entities' more than others'. So the change of each
entity is set against what it does in ``replicates``: spaces that differ from the old one by chance alone (learnt again
with another seed, or from a bootstrap of the same rows). Two are enough to begin with: an entity's change is measured
in its own standard deviations there, which lean on those of all entities (as if four more replicates had shown the
common one), and is ranked among the same figure of every entity in every replicate, computed from the others. Where
there are twenty times as many replicates as entities, less one, an entity's own are enough, and only they are used:
with fewer, one entity that changed alone could never be told. Simulated without drift (100 pairs of spaces of 120
entities whose noise differs up to sixfold; 2, 5, 10, 19 and 24 replicates): 5.3, 4.9, 5.1, 4.8 and 4.8 % of p-values
are at most .05, and there is any discovery in 0, 0, 0, 0 and 3 % of pairs. Ranked together the least that one p-value
can be is 1 / (replicates x entities), so one entity alone is told from 20 replicates on, and several with fewer.

Webber, Moffat & Zobel (2010), A similarity measure for indefinite rankings, ACM TOIS 28, equation 32; Schönemann
(1966), A generalized solution of the orthogonal Procrustes problem; Smyth (2004), Linear models and empirical Bayes
methods for assessing differential expression in microarray experiments, for standard deviations that lean on others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from graft.core.blas import product
from graft.core.errors import InputError
from graft.core.vectors import unit_rows
from graft.evidence.discoveries import benjamini_hochberg

PERSISTENCE = 0.9
NEAREST = 10
_OWN = 20  # times as many replicates as entities, less one, from which on each is compared with its own alone
_LEAN = 4.0  # replicates' worth of the common standard deviation
_CELLS = 1 << 24


@dataclass(frozen=True, eq=False)
class Aligned:
    """One space turned onto another.

    vectors: turned, of length one, shape (rows, the larger dimension). moved: how far each row lies from the other
    space's, 0 (same direction) to 2 (opposite), shape (rows,). before: the same without turning.
    """

    vectors: np.ndarray
    moved: np.ndarray
    before: np.ndarray


@dataclass(frozen=True, eq=False)
class NeighbourChange:
    """How the neighbours of some entities have changed, each field but ``p_value`` of shape (entities,).

    entities: their rows. jaccard: share of neighbours in common, among those in either list. overlap: rank-biased
    overlap, 0 to 1. usual: the mean overlap with the replicates. p_values: of each entity alone. adjusted: by
    Benjamini-Hochberg; those at most 0.05 have changed, but for 5 % of them. p_value: of all together, one of
    1 / (replicates + 1), 2 / (replicates + 1), ...
    """

    entities: np.ndarray
    jaccard: np.ndarray
    overlap: np.ndarray
    usual: np.ndarray
    p_values: np.ndarray
    adjusted: np.ndarray
    p_value: float


def jaccard(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Share in common of what is in either list, shape (lists,); 1 for two empty lists.

    before, after: items, each once, shapes (lists, places); -1 after the last where there are fewer.

    >>> jaccard(np.array([[1, 2, 3], [1, 2, 3]]), np.array([[2, 3, 4], [7, 8, -1]])).tolist()
    [0.5, 0.0]
    """
    overlaps, sizes = _overlaps(before, after)
    common = overlaps[:, -1] if overlaps.shape[1] else np.zeros(len(overlaps))
    total = sizes.sum(axis=0) - common
    return np.where(total > 0, common / np.maximum(total, 1), 1.0)


def rank_biased_overlap(before: np.ndarray, after: np.ndarray, *, persistence: float = PERSISTENCE) -> np.ndarray:
    """Extrapolated rank-biased overlap of ranked lists, shape (lists,), 0 to 1; 1 for two empty lists.

    before, after: items, the first first, each once, shapes (lists, places); -1 after the last where there are fewer.
    persistence: the chance to read on after each place, above 0 and below 1; 0.9 looks at ten places on average.

    >>> rank_biased_overlap(np.array([[1, 2, 3, 4]]), np.array([[2, 1, 3, 4]])).round(4).tolist()
    [0.9]
    """
    if not 0 < persistence < 1:
        raise InputError(f"a persistence of {persistence}", needed="a number above 0 and below 1", fix="use 0.9")
    overlaps, sizes = _overlaps(before, after)
    short, long = sizes.min(axis=0), sizes.max(axis=0)
    depth = np.arange(1, overlaps.shape[1] + 1)
    rows = np.arange(len(overlaps))
    at = np.column_stack([np.zeros(len(overlaps)), overlaps])
    last, middle = at[rows, long], at[rows, short]
    agreement = overlaps / depth
    beyond = (depth > short[:, None]) * (middle / np.maximum(short, 1))[:, None] * (1 - short[:, None] / depth)
    weights = (depth <= long[:, None]) * persistence**depth
    seen = (1 - persistence) / persistence * ((agreement + beyond) * weights).sum(axis=1)
    rest = ((last - middle) / np.maximum(long, 1) + middle / np.maximum(short, 1)) * persistence ** long.astype(float)
    return np.where(long == 0, 1.0, np.clip(seen + rest, 0.0, 1.0))


def nearest(vectors: np.ndarray, entities: np.ndarray, *, k: int = NEAREST) -> np.ndarray:
    """The k rows of the highest cosine with each entity, without itself, the nearest first; (entities, k).

    vectors: shape (rows, dimension). entities: rows, shape (entities,). Fewer than k where there are fewer rows; equal
    cosines in the order of rows.
    """
    units = _units(vectors)
    rows = _places(entities, len(units))
    if k < 1 or len(units) < 2:
        raise InputError(f"{k} neighbours among {len(units)} rows", needed="one neighbour or more, and two rows")
    k = min(k, len(units) - 1)
    found = np.empty((len(rows), k), dtype=np.int64)
    step = max(1, _CELLS // len(units))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        cosines = product(units[some], units.T)
        cosines[np.arange(len(some)), some] = -np.inf
        near = np.sort(np.argpartition(-cosines, k - 1, axis=1)[:, :k], axis=1)
        order = np.argsort(-np.take_along_axis(cosines, near, axis=1), axis=1, kind="stable")
        found[start : start + step] = np.take_along_axis(near, order, axis=1)
    return found


def aligned(vectors: np.ndarray, onto: np.ndarray) -> Aligned:
    """Rows of one space turned (or mirrored) onto the same rows of another.

    vectors, onto: shapes (rows, dimension), of one or two dimensions; the smaller one is filled up with zeros.

    >>> rng = np.random.default_rng(0)
    >>> space = rng.normal(size=(50, 4))
    >>> turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    >>> found = aligned(space @ turn, space)
    >>> bool(found.moved.max() < 1e-5), bool(found.before.mean() > 0.5)
    (True, True)
    """
    one, other = _units(vectors), _units(onto)
    if len(one) != len(other):
        raise InputError(f"{len(one)} rows against {len(other)}", needed="the same rows in both spaces")
    size = max(one.shape[1], other.shape[1])
    one, other = (np.pad(part, ((0, 0), (0, size - part.shape[1]))).astype(np.float64) for part in (one, other))
    turned = one @ linalg.orthogonal_procrustes(one, other)[0]
    steady = np.argsort(-np.einsum("rd,rd->r", turned, other), kind="stable")[: max(1, -(-4 * len(one) // 5))]
    turned = one @ linalg.orthogonal_procrustes(one[steady], other[steady])[0]
    moved, before = (np.clip(1 - np.einsum("rd,rd->r", part, other), 0.0, 2.0) for part in (turned, one))
    return Aligned(turned, moved, before)


def neighbour_change(
    before: np.ndarray,
    after: np.ndarray,
    replicates: Sequence[np.ndarray],
    *,
    entities: np.ndarray | None = None,
    k: int = NEAREST,
    persistence: float = PERSISTENCE,
) -> NeighbourChange:
    """How the neighbours of entities changed from one space to another, against chance.

    before, after: shapes (rows, dimension), the same rows; dimensions may differ. replicates: two spaces of these rows
    or more that differ from ``before`` by chance alone, asked for one after the other. entities: the rows that are
    asked about, all when None.
    """
    rows = _places(np.arange(len(before)) if entities is None else entities, len(before))
    if len(replicates) < 2:
        raise _other_rows(len(replicates), [], len(before), len(after))
    old = nearest(before, rows, k=k)
    drawn = []
    # One after the other: of large spaces no two replicates need to be there at once.
    for one in replicates:
        if {len(one), len(after)} != {len(before)}:
            raise _other_rows(len(replicates), [len(one)], len(before), len(after))
        drawn.append(rank_biased_overlap(old, nearest(one, rows, k=k), persistence=persistence))
    new = nearest(after, rows, k=k)
    overlap = rank_biased_overlap(old, new, persistence=persistence)
    null = np.array(drawn)
    ps = _entity_p_values(1 - overlap, 1 - null)
    together = (1 + (null.mean(axis=1) <= overlap.mean() + 1e-9).sum()) / (1 + len(null))
    return NeighbourChange(
        rows, jaccard(old, new), overlap, null.mean(axis=0), ps, benjamini_hochberg(ps), float(together)
    )


def _other_rows(count: int, of: list[int], before: int, after: int) -> InputError:
    rows = f" of {of[0]} rows" if of else ""
    return InputError(
        f"{count} replicates{rows}, for spaces of {before} and {after} rows",
        needed="two replicates or more, and the same rows in all spaces",
        fix="learn the old space again with other seeds, or from a bootstrap of its rows",
    )


def _entity_p_values(seen: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Of changes, shapes (entities,) and (replicates, entities)."""
    count, entities = null.shape
    if count + 1 >= _OWN * entities:
        return np.asarray((1 + (null >= seen - 1e-9).sum(axis=0)) / (1 + count))
    common = float(null.var(axis=0, ddof=1).mean())
    # Every replicate takes the place of the new space in turn, judged by the others.
    others = [np.delete(null, one, axis=0) for one in range(count)]
    each = [_in_deviations(null[one], others[one], common) for one in range(count)]
    ranked = np.sort(np.concatenate(each))
    above = len(ranked) - np.searchsorted(ranked, _in_deviations(seen, null, common) - 1e-9, "left")
    return np.asarray((1 + above) / (1 + len(ranked)))


def _in_deviations(seen: np.ndarray, null: np.ndarray, common: float) -> np.ndarray:
    """A change above its mean in replicates, in standard deviations that lean on a common variance."""
    middle, freedom = null.mean(axis=0), len(null) - 1
    variance = (np.square(null - middle).sum(axis=0) + _LEAN * common) / (freedom + _LEAN)
    return np.asarray((seen - middle) / np.sqrt((variance + 1e-12) * (1 + 1 / len(null))))


def _overlaps(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Items in common down to every depth, (lists, places), and how long the lists are, (2, lists)."""
    one, other = np.asarray(before), np.asarray(after)
    if one.ndim != 2 or other.ndim != 2 or len(one) != len(other):
        raise InputError(f"lists of shapes {one.shape} and {other.shape}", needed="as many ranked lists on both sides")
    places = max(one.shape[1], other.shape[1])
    one, other = (np.pad(part, ((0, 0), (0, places - part.shape[1])), constant_values=-1) for part in (one, other))
    sizes = np.array([(part >= 0).sum(axis=1) for part in (one, other)])
    for part, size in zip((one, other), sizes, strict=True):
        ranked = np.sort(part, axis=1)
        twice = ((np.diff(ranked, axis=1) == 0) & (ranked[:, 1:] >= 0)).any()
        if twice or ((part >= 0) != (np.arange(places) < size[:, None])).any():
            raise InputError("ranked lists that repeat an item or have gaps", needed="each item once, -1 at the end")
    found = np.zeros((len(one), places))
    step = max(1, _CELLS // max(1, places**2))
    for start in range(0, len(one), step):
        here = slice(start, start + step)
        same = (one[here, :, None] == other[here, None, :]) & (one[here, :, None] >= 0)
        deeper = np.maximum(np.arange(places)[:, None], np.arange(places))  # the depth at which a pair is seen
        row, first, second = np.nonzero(same)
        np.add.at(found[here], (row, deeper[first, second]), 1.0)
    return np.cumsum(found, axis=1), sizes


def _units(vectors: np.ndarray) -> np.ndarray:
    given = np.asarray(vectors)
    if given.ndim != 2 or given.shape[1] == 0:
        raise InputError(f"a space of shape {given.shape}", needed="rows and at least one column")
    if not np.isfinite(given).all():
        raise InputError(
            f"{int((~np.isfinite(given).all(axis=1)).sum())} rows of a space hold NaN or infinity",
            needed="finite numbers",
            fix="embed those rows again, or leave them out of all spaces",
        )
    return unit_rows(given, tolerance=0.0)


def _places(entities: np.ndarray, rows: int) -> np.ndarray:
    places = np.asarray(entities)
    if places.ndim != 1 or (len(places) and (places.min() < 0 or places.max() >= rows)):
        raise InputError(f"entities of shape {places.shape}", needed=f"rows from 0 to {rows - 1}")
    return places.astype(np.int64)
