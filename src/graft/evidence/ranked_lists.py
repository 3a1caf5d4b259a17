"""How good lists of recommended items are, one list a user, and what they do to a catalogue.

Decisions: a user is one row, however many items are relevant to it, so a mean over users gets the interval of a mean of
rows (``core/means``), which has no tiny interval for few users and none of length nought where all agree; differences
of two recommenders are taken user by user. Users without a relevant item say nothing and are left out, counted; a user
who got an empty list although something was relevant scores 0. Recall comes in both forms that are in use: ``recall``
is hits over relevant items (the default of irspack and RecTools), ``capped_recall`` over the most that k places can
hold (irspack's ``recall_with_cutoff``), which a user with more relevant items than places can still fill. NDCG is
binary, its ideal list as long as the list asked for: a list that was cut short is not ideal.

What all lists do together (how much of the catalogue they reach, how unequally) is no mean over users. Its standard
error comes from half-samples of users (``halves``), since a bootstrap that repeats users reaches fewer items.
Simulated, 95 % asked, popularity falling as 1 / rank: 30 lists .93 (coverage) and .92 (Gini), 100 lists .998 and .94;
10 lists .79 and .86, so fewer than 30 get none.

Järvelin & Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques; Castells, Hurley & Vargas (2015),
Novelty and diversity in recommender systems; Abdollahpouri et al. (2019), The unfairness of popularity bias.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy import sparse

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import mean_interval
from graft.evidence.halves import half_sample_interval, halves

EMPTY = -1  # a place of a list that holds no item
LEAST = 30  # lists, below which coverage and inequality get no interval


@dataclass(frozen=True, eq=False)
class ListHits:
    """Where the lists hit. hit: shape (users, k). relevant: how many items are relevant, shape (users,)."""

    hit: np.ndarray
    relevant: np.ndarray

    @cached_property
    def found(self) -> np.ndarray:
        """Relevant items in each list, shape (users,)."""
        return np.asarray(self.hit.sum(axis=1))

    @cached_property
    def discount(self) -> np.ndarray:
        """What a hit at each place is worth: 1 / log2(place + 1), shape (k,)."""
        return discounts(self.hit.shape[1])

    @property
    def reachable(self) -> np.ndarray:
        """The most hits that the places can hold, shape (users,)."""
        return np.asarray(np.minimum(self.relevant, self.hit.shape[1]))


@dataclass(frozen=True)
class ListMetric:
    """A quality of one list, 0 to 1, higher is better. of: per user, shape (users,)."""

    name: str
    means: str
    of: Callable[[ListHits], np.ndarray]


def discounts(places: int) -> np.ndarray:
    """Worth of each place of a list, first one first: 1 / log2(place + 1), shape (places,).

    >>> discounts(3).round(3).tolist()
    [1.0, 0.631, 0.5]
    """
    return np.asarray(1 / np.log2(np.arange(2, places + 2)))


def _ndcg(hits: ListHits) -> np.ndarray:
    ideal = np.concatenate([[0.0], np.cumsum(hits.discount)])[hits.reachable]
    return np.asarray((hits.hit @ hits.discount) / ideal)


def _reciprocal_rank(hits: ListHits) -> np.ndarray:
    return np.where(hits.found > 0, 1 / (hits.hit.argmax(axis=1) + 1.0), 0.0)


def _average_precision(hits: ListHits) -> np.ndarray:
    precision = np.cumsum(hits.hit, axis=1) / np.arange(1, hits.hit.shape[1] + 1)
    return np.asarray((precision * hits.hit).sum(axis=1) / hits.reachable)


LIST_METRICS = (
    ListMetric("recall", "share of the relevant items that are in the list", lambda hits: hits.found / hits.relevant),
    ListMetric(
        "capped_recall", "hits over the most that the list could hold", lambda hits: hits.found / hits.reachable
    ),
    ListMetric("ndcg", "hits, worth less the lower they stand, over the best order", _ndcg),
    ListMetric("hit_rate", "whether any relevant item is in the list", lambda hits: (hits.found > 0).astype(float)),
    ListMetric("reciprocal_rank", "one over the place of the first hit", _reciprocal_rank),
    ListMetric(
        "average_precision", "mean precision at the hits, over the most hits there could be", _average_precision
    ),
)


@dataclass(frozen=True, eq=False)
class ListQuality:
    """The quality of every user's list.

    values: of each metric, per user with a relevant item, shape (scored,). scored: positions of these users among those
    given, shape (scored,). left_out: how many users had no relevant item. k: places of a list. persons: who each scored
    row belongs to, shape (scored,), where one person has several rows; None when each row is a user of its own.
    """

    values: dict[str, np.ndarray]
    scored: np.ndarray
    left_out: int
    k: int
    persons: np.ndarray | None = None

    def interval(self, metric: str, *, level: float = 0.95) -> Interval:
        """The mean over users, each counting alike, with its interval; without ends for one user."""
        return _mean(self._of(metric), (0.0, 1.0), self.persons, level)

    def less(self, other: "ListQuality", metric: str, *, level: float = 0.95) -> Interval:
        """This recommender minus another one, over the same users, with its interval.

        Raises InputError when they were not judged on the same users with lists of the same length.
        """
        if self.k != other.k or not np.array_equal(self.scored, other.scored):
            raise InputError(
                f"{len(self.scored)} users with lists of {self.k} against {len(other.scored)} with lists of {other.k}",
                needed="the same users, the same relevant items and the same number of places",
                fix="judge both recommenders on one set of users",
            )
        return _mean(self._of(metric) - other._of(metric), (-1.0, 1.0), self.persons, level)

    def _of(self, metric: str) -> np.ndarray:
        if metric not in self.values:
            raise InputError(f"the list metric {metric!r}", needed=f"one of {', '.join(self.values)}")
        return self.values[metric]


def judge_lists(lists: np.ndarray, relevant: sparse.csr_array, *, persons: np.ndarray | None = None) -> ListQuality:
    """The quality of each user's list, by every metric of ``LIST_METRICS``.

    lists: item codes, the best first, shape (users, k); -1 after the last where there are fewer. relevant: shape
    (users, items); a stored positive value means relevant. Candidates and relevant items must be of the same kind: for
    cold items, only cold ones. persons: who each row belongs to, shape (users,), where one person has several rows
    (several splits).
    Raises InputError for lists that repeat an item, have gaps or know items that the catalogue does not.

    >>> relevant = sparse.csr_array([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    >>> found = judge_lists(np.array([[1, 3], [2, 0], [0, 1]]), relevant)
    >>> found.values["recall"].tolist(), found.values["reciprocal_rank"].tolist(), found.left_out
    ([0.5, 1.0], [1.0, 0.5], 1)

    Metrics as in Järvelin & Kekäläinen (2002), and as irspack and RecTools compute them.
    """
    codes = _checked(lists, relevant.shape[1])
    if relevant.shape[0] != len(codes):
        raise InputError(
            f"{len(codes)} lists and relevant items of {relevant.shape[0]} users", needed="one list a user"
        )
    if persons is not None and np.shape(persons) != (len(codes),):
        raise InputError(f"persons of shape {np.shape(persons)} for {len(codes)} lists", needed="the person of each")
    matrix = _positive(relevant, "relevant items")
    counts = np.diff(matrix.indptr)
    scored = np.flatnonzero(counts)
    hits = ListHits(_inside(codes, matrix)[scored], counts[scored])
    values = {metric.name: np.asarray(metric.of(hits), dtype=np.float64) for metric in LIST_METRICS}
    whose = None if persons is None else np.asarray(persons)[scored]
    return ListQuality(values, scored, len(codes) - len(scored), codes.shape[1], whose)


@dataclass(frozen=True)
class ListReach:
    """What all lists together do to a catalogue.

    coverage: share of the catalogue that is in any list. gini: how unequally places go to items, 0 (all alike) to 1
    (one takes all). novelty: mean self-information of what is recommended, in bits. popularity: mean popularity of
    what is recommended, as the share of the catalogue that is less popular, 0 to 1. popularity_shift: that, less the
    same of what the user consumed; None when it is not known. head: share of the places that go to the most popular
    items. head_consumed: the share of all consumption that is theirs. listed: users with a list; without: users with
    an empty one. compared: users whose consumption is known.
    """

    coverage: Interval
    gini: Interval
    novelty: Interval
    popularity: Interval
    popularity_shift: Interval | None
    head: Interval
    head_consumed: float
    listed: int
    without: int
    compared: int


def judge_reach(
    lists: np.ndarray,
    popularity: np.ndarray,
    *,
    users: int,
    rng: np.random.Generator,
    consumed: sparse.csr_array | None = None,
    head: float = 0.2,
    draws: int = 100,
    level: float = 0.95,
) -> ListReach:
    """Coverage, inequality, novelty and popularity bias of lists, with intervals over users.

    lists: as for ``judge_lists``. popularity: how many users consumed each item, shape (items,); the catalogue is what
    it names. users: how many users that was counted over; an item that nobody consumed counts as if one had. consumed:
    what each listed user consumed, shape (users of the lists, items). head: the most popular items, as a share of the
    catalogue; items tied at its border belong to it in part. draws: half-samples of users. Coverage and inequality are
    those of as many lists as are given: more lists reach more.

    >>> lists, popularity = np.array([[0, 1], [0, 2]]), np.array([8, 4, 2, 0])
    >>> found = judge_reach(lists, popularity, users=8, rng=np.random.default_rng(0))
    >>> found.coverage.mean, found.novelty.mean, found.popularity.mean
    (0.75, 0.75, 0.6875)

    Vargas & Castells (2011), Rank and relevance in novelty and diversity metrics; Abdollahpouri et al. (2019).
    """
    counts = np.asarray(popularity, dtype=np.float64)
    if counts.ndim != 1 or len(counts) == 0 or not np.all(np.isfinite(counts)) or counts.min() < 0:
        raise InputError(f"popularity of shape {counts.shape}", needed="how many users consumed each item, 0 or more")
    if users < counts.max() or users < 1:
        raise InputError(
            f"{users} users, and an item that {counts.max():.0f} of them consumed",
            needed="how many users there were, and how many of them consumed each item",
            fix="count an item once a user",
        )
    if not 0 < head < 1:
        raise InputError(f"a head of {head}", needed="a share of the catalogue between 0 and 1", fix="use 0.2")
    codes = _checked(lists, len(counts))
    listed = codes[codes[:, 0] != EMPTY]
    if len(listed) == 0:
        raise InputError("lists that are all empty", needed="at least one recommended item")
    rank, top = _popularity_rank(counts), _head(counts, head)
    surprise = -np.log2(np.maximum(counts, 1) / users)
    shift, compared = None, 0
    if consumed is not None:
        shift, compared = _popularity_shift(codes, consumed, rank, level)
    coverage, gini = _together(listed, len(counts), rng=rng, draws=draws, level=level)
    total = counts.sum()
    return ListReach(
        coverage,
        gini,
        _mean(_list_mean(listed, surprise), (0.0, float(np.log2(users))), None, level),
        _mean(_list_mean(listed, rank), (0.0, 1.0), None, level),
        shift,
        _mean(_list_mean(listed, top), (0.0, 1.0), None, level),
        float(counts @ top / total) if total > 0 else float("nan"),
        len(listed),
        len(codes) - len(listed),
        compared,
    )


@dataclass(frozen=True)
class GroupExposure:
    """What one group of items (a provider, a kind) gets of the lists.

    exposure: its share of the attention of a list, mean over users. catalogue: its share of the items. items: how many
    it has.
    """

    group: int
    exposure: Interval
    catalogue: float
    items: int


def judge_exposure(
    lists: np.ndarray, groups: np.ndarray, *, by_place: bool = True, level: float = 0.95
) -> tuple[GroupExposure, ...]:
    """The share of attention each group of items gets, in the order of the groups.

    lists: as for ``judge_lists``. groups: the group of each item, 0 or more, shape (items,). by_place: a place is worth
    1 / log2(place + 1), as for NDCG; False counts all places alike. Empty lists are left out.

    >>> found = judge_exposure(np.array([[0, 2], [1, 0]]), np.array([0, 0, 1]), by_place=False)
    >>> [(one.group, one.exposure.mean, round(one.catalogue, 2)) for one in found]
    [(0, 0.75, 0.67), (1, 0.25, 0.33)]

    Singh & Joachims (2018), Fairness of exposure in rankings, KDD.
    """
    of_item = np.asarray(groups)
    if of_item.ndim != 1 or not np.issubdtype(of_item.dtype, np.integer) or (len(of_item) and of_item.min() < 0):
        raise InputError(f"groups of shape {of_item.shape}", needed="a whole number from 0 for each item")
    codes = _checked(lists, len(of_item))
    codes = codes[codes[:, 0] != EMPTY]
    if len(codes) == 0:
        raise InputError("lists that are all empty", needed="at least one recommended item")
    there = codes != EMPTY
    worth = np.where(there, discounts(codes.shape[1]) if by_place else 1.0, 0.0)
    worth = worth / worth.sum(axis=1, keepdims=True)
    row, place = np.nonzero(there)
    sizes = np.bincount(of_item)
    shares = sparse.csc_array((worth[row, place], (row, of_item[codes[row, place]])), shape=(len(codes), len(sizes)))
    shares.sum_duplicates()
    found = []
    for group in np.flatnonzero(sizes):
        got = np.clip(shares[:, [group]].toarray().ravel(), 0.0, 1.0)
        share = float(sizes[group] / len(of_item))
        found.append(GroupExposure(int(group), _mean(got, (0.0, 1.0), None, level), share, int(sizes[group])))
    return tuple(found)


def _checked(lists: np.ndarray, items: int) -> np.ndarray:
    """The lists as item codes, shape (users, k), or InputError."""
    codes = np.asarray(lists)
    if codes.ndim != 2 or 0 in codes.shape or not np.issubdtype(codes.dtype, np.integer):
        raise InputError(
            f"lists of shape {codes.shape} and type {codes.dtype}",
            needed="item codes, shape (users, k), one user or more",
        )
    if codes.min() < EMPTY or codes.max() >= items:
        wrong = codes.max() if codes.max() >= items else codes.min()
        raise InputError(f"item {wrong} in a list", needed=f"codes from 0 to {items - 1}, or -1 where there is none")
    there = codes != EMPTY
    gaps = np.flatnonzero((~there[:, :-1] & there[:, 1:]).any(axis=1))
    if len(gaps):
        raise InputError(f"a gap in the list of user {gaps[0]}", needed="items first, then -1")
    ordered = np.sort(codes, axis=1)
    twice = np.flatnonzero(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != EMPTY)).any(axis=1))
    if len(twice):
        raise InputError(f"an item twice in the list of user {twice[0]}", needed="each item once in a list")
    return codes.astype(np.int64)


def _positive(matrix: sparse.csr_array, what: str) -> sparse.csr_array:
    """The matrix with its stored zeros gone and its columns sorted; negative or missing values are refused."""
    kept: sparse.csr_array = sparse.csr_array(matrix, copy=True)
    kept.sum_duplicates()
    if len(kept.data) and not (np.all(np.isfinite(kept.data)) and kept.data.min() >= 0):
        raise InputError(f"{what} with negative or missing values", needed="a positive value where there is one")
    kept.eliminate_zeros()
    return kept


def _inside(codes: np.ndarray, matrix: sparse.csr_array) -> np.ndarray:
    """Whether each listed item is stored in its user's row, shape (users, k)."""
    if matrix.nnz == 0:
        return np.zeros(codes.shape, dtype=bool)
    items = matrix.shape[1]
    stored = np.repeat(np.arange(len(codes)), np.diff(matrix.indptr)) * items + matrix.indices  # sorted, as a whole
    wanted = np.arange(len(codes))[:, None] * items + codes
    place = np.minimum(np.searchsorted(stored, wanted), len(stored) - 1)
    return np.asarray((stored[place] == wanted) & (codes != EMPTY))


def _mean(values: np.ndarray, possible: tuple[float, float], persons: np.ndarray | None, level: float) -> Interval:
    if len(values) == 0:
        raise InputError("no user with a relevant item", needed="at least one", fix="look at how the split was made")
    if len(values if persons is None else np.unique(persons)) < 2:
        return Interval(float(values.mean()))
    return mean_interval(values, possible=possible, groups=persons, level=level)


def _list_mean(codes: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The mean value of the items of each list, shape (users,)."""
    there = codes != EMPTY
    return np.asarray(np.where(there, value[codes], 0.0).sum(axis=1) / there.sum(axis=1))


def _popularity_rank(counts: np.ndarray) -> np.ndarray:
    """Share of the catalogue that is less popular, half of those alike (an item itself among them), shape (items,)."""
    _, place, alike = np.unique(counts, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(alike) - alike / 2)[place] / len(counts))


def _head(counts: np.ndarray, share: float) -> np.ndarray:
    """How far each item belongs to the most popular ones, 0 to 1, shape (items,)."""
    size = max(1.0, share * len(counts))
    border = np.sort(counts)[::-1][int(np.ceil(size)) - 1]
    above, at = counts > border, counts == border
    return np.where(above, 1.0, np.where(at, (size - above.sum()) / at.sum(), 0.0))


def _popularity_shift(
    codes: np.ndarray, consumed: sparse.csr_array, rank: np.ndarray, level: float
) -> tuple[Interval | None, int]:
    """Popularity of what is recommended less that of what was consumed, over users who have both."""
    if consumed.shape != (len(codes), len(rank)):
        raise InputError(
            f"consumption of shape {consumed.shape} for {len(codes)} lists over {len(rank)} items",
            needed="a row for each list and a column for each item",
        )
    matrix = _positive(consumed, "consumption")
    counts = np.diff(matrix.indptr)
    both = np.flatnonzero((counts > 0) & (codes[:, 0] != EMPTY))
    if len(both) == 0:
        return None, 0
    used = sparse.csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape) @ rank
    return _mean(_list_mean(codes[both], rank) - used[both] / counts[both], (-1.0, 1.0), None, level), len(both)


def _together(
    codes: np.ndarray, items: int, *, rng: np.random.Generator, draws: int, level: float
) -> tuple[Interval, Interval]:
    """Coverage and inequality of all lists."""

    def of(some: np.ndarray) -> tuple[float, float]:
        got = np.bincount(some[some != EMPTY], minlength=items)
        return float((got > 0).mean()), gini(got)

    coverage, unequal = of(codes)
    if len(codes) < LEAST:
        return Interval(coverage), Interval(unequal)
    users = np.arange(len(codes))
    drawn = np.array([of(codes[half]) for half in halves(users, np.zeros_like(users), draws=draws, rng=rng)])
    ends = partial(half_sample_interval, level=level, low=0.0, high=1.0, freedom=len(codes) - 1)
    return ends(coverage, drawn[:, 0]), ends(unequal, drawn[:, 1])


def gini(amounts: np.ndarray) -> float:
    """How unequally amounts of 0 or more are shared out: 0 when all are alike, (n - 1) / n when one has all.

    amounts: shape (items,). nan when there is nothing to share.

    >>> gini(np.array([1, 1, 1, 1])), gini(np.array([0, 0, 0, 4]))
    (0.0, 0.75)

    Gini (1912); the form is that of Fleder & Hosanagar (2009).
    """
    ordered = np.sort(np.asarray(amounts, dtype=np.float64))
    total, count = float(ordered.sum()), len(ordered)
    if count == 0 or total <= 0:
        return float("nan")
    return float((2 * np.arange(1, count + 1) - count - 1) @ ordered / (count * total))
