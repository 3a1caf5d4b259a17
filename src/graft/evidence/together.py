"""What is taken together more often than chance would have it.

Decisions: chance is not independence of items alone. Who takes much takes everything more often, so by chance a basket
with d further items holds item j with 1 - exp(-d w_j): both margins are kept, and popular items and busy people bring
no pair up. Of all baskets with item j some hold the first thing too; how many would by chance follows from these, and
given how many hold j at all their number is binomial, so nothing is estimated that is not paid for. The lift is against
baskets without the first thing. Many items are asked at once: those that are told are chosen at a false discovery rate,
and their intervals hold for chosen ones.

Tastes are shared too, so alike items are taken together beyond this chance: together is one fact and alike another.

Przyborowski & Wilenski (1940) for the ratio of two rates, Clopper & Pearson (1934) for its interval; Benjamini &
Hochberg (1995), Benjamini & Yekutieli (2005) for intervals of what was chosen; McAuley, Pandey & Leskovec (2015),
Inferring Networks of Substitutable and Complementary Products.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats

from graft.core.errors import InputError

LEAST_TAKEN = 3
_ROUNDS, _CELLS = 60, 4_000_000


@dataclass(frozen=True, eq=False)
class TakenWith:
    """What baskets with something also hold. All arrays have the shape (items,), for every item of the catalogue.

    both: baskets that hold the item too. expected: how many would if they were like the others, nan where the item is
    not asked. lift: one divided by the other. low, high: its interval. p_value: of so many or more by chance. chosen:
    whether it is beyond chance at the false discovery rate. baskets: with the something. asked: how many items were.
    """

    both: np.ndarray
    expected: np.ndarray
    lift: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray
    chosen: np.ndarray
    baskets: int
    asked: int


def taken_with(
    baskets: sparse.csr_array, items: np.ndarray, *, level: float = 0.95, false_discovery: float = 0.05
) -> TakenWith:
    """What is taken together with any of some items.

    baskets: a stored value where a basket (a person, or a visit) holds an item, shape (baskets, items). items: places
    of those the others are held against; they are never told themselves. Items that fewer than 3 baskets hold are not
    asked. Raises InputError for a place that is not there.

    >>> held = np.zeros((100, 3), int)
    >>> held[:40, 0] = held[:30, 1] = held[::2, 2] = 1
    >>> found = taken_with(sparse.csr_array(held), np.array([0]))
    >>> found.both.tolist(), found.chosen.tolist()
    ([0, 30, 20], [False, True, False])
    """
    count = baskets.shape[1]
    if len(items) == 0 or items.min() < 0 or items.max() >= count:
        raise InputError(
            f"items {items.tolist()[:5]} of a catalogue of {count}", needed=f"places from 0 to {count - 1}"
        )
    held = sparse.csr_array((np.ones(baskets.nnz), baskets.indices, baskets.indptr), shape=baskets.shape)
    mine = np.zeros(count)
    mine[items] = 1
    inside = np.asarray(held @ mine)
    further = (np.diff(held.indptr) - inside).astype(np.int64)
    taken = np.bincount(held.indices, minlength=count)
    both = np.bincount(held[np.flatnonzero(inside)].indices, minlength=count)
    both[items] = 0
    asked = np.flatnonzero((taken >= LEAST_TAKEN) & (mine == 0))
    # Of all baskets with an item, the share that would hold the first thing too.
    share = np.full(count, np.nan)
    share[asked] = _shares(further, inside > 0, taken[asked])
    low, high, p_value = np.zeros(count), np.full(count, np.inf), np.ones(count)
    p_value[asked] = stats.binom.sf(both[asked] - 1, taken[asked], share[asked])
    chosen = np.zeros(count, bool)
    order = asked[np.argsort(p_value[asked], kind="stable")]
    below = np.flatnonzero(p_value[order] <= false_discovery * np.arange(1, len(order) + 1) / max(len(order), 1))
    chosen[order[: below[-1] + 1 if len(below) else 0]] = True
    # An interval of a chosen item holds for what was chosen, so the fewer there are, the wider it is.
    told = min(1 - level, false_discovery * chosen.sum() / max(len(asked), 1))
    tail = np.where(chosen[asked], told, 1 - level) / 2
    few, many = both[asked], (taken - both)[asked]
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = (1 - share[asked]) / share[asked]
        least = np.where(few > 0, stats.beta.ppf(tail, few, many + 1), 0.0)
        most = np.where(many > 0, stats.beta.ppf(1 - tail, few + 1, many), 1.0)
        low[asked] = np.where(few > 0, odds * least / (1 - least), 0.0)
        high[asked] = np.where(many > 0, odds * most / (1 - most), np.inf)
        expected = (taken - both) * share / (1 - share)
        lift = both / expected
    return TakenWith(both, expected, lift, low, high, p_value, chosen, int((inside > 0).sum()), len(asked))


def _shares(further: np.ndarray, anchored: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Of the baskets with each item, the share that is anchored by chance.

    further: items beside the first thing, of each basket. anchored: whether it holds the first thing. taken: how often
    each item is.
    """
    size, place = np.unique(further, return_inverse=True)
    often = np.bincount(place, minlength=len(size))
    inside = np.bincount(place, weights=anchored, minlength=len(size))
    counts, at = np.unique(taken, return_inverse=True)
    found = np.empty(len(counts))
    step = max(1, _CELLS // max(len(size), 1))
    for start in range(0, len(counts), step):
        some = np.minimum(counts[start : start + step].astype(np.float64), often[size > 0].sum() - 0.5)
        chance = -np.expm1(-np.outer(size, _weights(size.astype(np.float64), often, some)))
        found[start : start + step] = (inside @ chance) / (often @ chance)
    return np.asarray(found[at])


def _weights(size: np.ndarray, often: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """w with Σ often (1 - exp(-size w)) = wanted, by Newton's steps, which rise to it from below."""
    weight = wanted / (often @ size)
    for _ in range(_ROUNDS):
        kept = np.exp(-np.outer(size, weight))
        step = (wanted - often @ (1 - kept)) / np.maximum((often * size) @ kept, 1e-300)
        weight = weight + step
        if np.all(np.abs(step) <= 1e-9 * weight):
            break
    return np.asarray(weight)
