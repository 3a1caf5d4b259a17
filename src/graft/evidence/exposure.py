"""Who gets the attention of lists: groups of items against what is due to them, and how surely.

Decisions: a list's attention is one, shared out over its places by a discount, so every list counts alike. What is due
to an item is either the same for all (*population*: the group's share of the catalogue) or what its merit earns, each
user again counting one. An item of several values counts in equal parts for each, so that shares add up to one.

Items are the unit as much as lists are. Any ten items get more or less than their share, because a few items get most
of the attention whoever made them; asked over lists alone, every group of a catalogue would be found to be treated
differently, given lists enough. So what is asked is whether items that are dealt out to the groups at random differ as
much: the labels are permuted over the items. What lists add to that, because people who like a group are shown much of
it and are drawn as well, is drawn too. Against merit the statistic is the logarithm of the ratio in its standard errors
by the group's own items, since groups of much merit vary by other amounts than groups put together at random. All
groups are paid for together, by the smallest p-value of each draw (a small group varies more, and more upwards, so that
differences themselves do not compare). Below ten items a group is told and not judged.

The interval of a ratio is for other items and other lists of the same kind. It is the wider of two: the factor between
the group and items dealt out at random, which knows from all items that a few get most; and, in logarithms, from how
much each of the group's own items and the lists move it. Simulated coverage and false findings: ``python -m bench
audit-exposure``.

Singh & Joachims (2018), Fairness of Exposure in Rankings; Biega, Gummadi & Weikum (2018), Equity of Attention; Westfall
& Young (1993); Chung & Romano (2013) for permuted statistics in
their standard errors; Owen (2007), The pigeonhole bootstrap, for items and users.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse, special, stats

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.means import mean_interval
from graft.evidence.ranked_lists import EMPTY, gini

LEAST_ITEMS, MOST_GROUPS = 10, 200
DRAWS, LEAST_DRAWS = 9_999, 999
_CELLS, _AT_ONCE, _SHUFFLED, _FEW, _RARE = 300_000_000, 4_000_000, 20, 3, 3.0


@dataclass(frozen=True)
class Discount:
    """What a place is worth. of: from places, 1 the first, shape (places,), to worth, the first worth 1."""

    name: str
    means: str
    of: Callable[[np.ndarray], np.ndarray]


DISCOUNTS = (
    Discount("log", "a place is worth 1 / log2(place + 1), as for NDCG", lambda place: 1 / np.log2(place + 1)),
    Discount("reciprocal", "a place is worth 1 / place", lambda place: 1 / place),
    Discount("geometric", "each place is worth 0.8 of the one above it", lambda place: 0.8 ** (place - 1)),
    Discount("even", "all places are worth the same", lambda place: np.ones(len(place))),
)


def discount_named(name: str) -> Discount:
    """The discount of this name. Raises InputError for another."""
    for one in DISCOUNTS:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in DISCOUNTS)
    raise InputError(f"the discount {name!r}", needed=f"one of {names}", fix="log is the usual one")


def attention(lists: np.ndarray, items: int, *, discount: str = "log") -> sparse.csr_array:
    """What each item gets of each list, shape (lists that are not empty, items); each row adds up to 1.

    lists: codes, the best first, shape (lists, places), -1 after the last. items: how many there are. discount: by
    name; geometric is that of rank-biased precision (Moffat & Zobel 2008).

    >>> attention(np.array([[0, 2], [1, -1]]), 3, discount="reciprocal").toarray().round(2).tolist()
    [[0.67, 0.0, 0.33], [0.0, 1.0, 0.0]]
    """
    worth = discount_named(discount).of(np.arange(1, lists.shape[1] + 1))
    lists = lists[(lists != EMPTY).any(axis=1)]
    row, place = np.nonzero(lists != EMPTY)
    got = worth[place]
    total = np.bincount(row, weights=got, minlength=len(lists))
    made = sparse.csr_array((got / total[row], (row, lists[row, place])), shape=(len(lists), items))
    made.sum_duplicates()
    return made


@dataclass(frozen=True, eq=False)
class AuditedLists:
    """Lists that an audit looks at.

    users: whose, by name. lists: codes, the best first, shape (users, places), -1 after the last. taken: what each took
    before, shape (users, items). judged: places among ``users`` of those whose merit is known, shape (judged,).
    judged_lists: theirs, shape (judged, places), which may be of a model that did not see what was held out. merit:
    shape (judged, items), 0 or more; None where it was not asked. held_out: whether it is what users really took, so
    that lists can be judged by it. merit_is: in words. of_users: how many could have been looked at. candidates: items
    that may be listed, bool, shape (items,). notes: for a reader.
    """

    users: tuple[str, ...]
    lists: np.ndarray
    taken: sparse.csr_array
    judged: np.ndarray
    judged_lists: np.ndarray
    merit: sparse.csr_array | None
    held_out: bool
    merit_is: str
    of_users: int
    candidates: np.ndarray
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Due:
    """What is due to each item. items: mean over lists, shape (items,), adds up to 1. lists: the same list by list,
    shape (lists, items), rows that add up to 1; None where it is the same for all."""

    items: np.ndarray
    lists: sparse.csr_array | None = None

    @classmethod
    def of_population(cls, items: int) -> "Due":
        """The same for every item of the catalogue."""
        return cls(np.full(items, 1 / items))

    @classmethod
    def of_merit(cls, merit: sparse.csr_array) -> "Due":
        """By merit, shape (lists, items), 0 or more; every list counts alike. Raises InputError for one without any."""
        total = np.asarray(merit.sum(axis=1)).ravel()
        if not len(total) or not (total > 0).all():
            raise InputError(
                "a list without merit", needed="an item of merit for each list", fix="leave such lists out"
            )
        each: sparse.csr_array = sparse.csr_array(sparse.diags_array(1 / total) @ merit)
        return cls(np.asarray(each.sum(axis=0)).ravel() / len(total), each)


@dataclass(frozen=True)
class ShareGap:
    """What one group gets against what is due to it. share, due: of 1. ratio: one over the other; its interval has no
    ends for few items, and no ratio is given where nothing is due. p_value: corrected for all groups; None where it was
    not judged."""

    group: int
    items: float
    share: float
    due: float
    ratio: Interval | None
    p_value: float | None


def judge_shares(
    given: sparse.csr_array,
    parts: sparse.csr_array,
    due: Due,
    *,
    judged: np.ndarray,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = DRAWS,
) -> tuple[ShareGap, ...]:
    """Compare what groups of items get with what is due to them, in the order of the groups.

    given: as ``attention`` gives it, shape (lists, items). parts: how much of each item is of each group, shape (items,
    groups), rows that add up to 1. judged: the groups that are tested, bool, shape (groups,). draws: fewer are made of
    very many items.
    """
    count = parts.shape[1]
    got = np.asarray(given.sum(axis=0)).ravel() / given.shape[0]
    sizes, share = np.asarray(parts.sum(axis=0)).ravel(), got @ parts
    owed = due.items @ parts
    among = np.flatnonzero(judged)
    some = sparse.csr_array(parts.tocsc()[:, among])
    gaps = given if due.lists is None else sparse.csr_array(given - due.lists)
    clustered = _clustering(gaps, some, rng)
    dealt = _dealt_out(got, due.items, some, clustered, rng, draws)
    p_values = dict(zip(among.tolist(), _chances(got, due.items, some, clustered, dealt).tolist(), strict=True))
    ends = dict(zip(among.tolist(), _ends(got, due.items, some, clustered, dealt, level), strict=True))
    found = []
    for group in range(count):
        ratio = None
        if owed[group] > 0:
            mean = float(share[group] / owed[group])
            low, high = ends.get(group, (None, None))
            ratio = Interval(mean, None if low is None else min(low, mean), None if high is None else max(high, mean))
        found.append(
            ShareGap(group, float(sizes[group]), float(share[group]), float(owed[group]), ratio, p_values.get(group))
        )
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Dealt:
    """What groups get when items are dealt out to them at random, shape (groups, draws) each. test: what is tested.
    ratio: share over due."""

    test: np.ndarray
    ratio: np.ndarray


def _dealt_out(
    got: np.ndarray, owed: np.ndarray, parts: sparse.csr_array, clustered: np.ndarray, rng: np.random.Generator,
    draws: int,
) -> _Dealt:  # fmt: skip
    items, groups = parts.shape
    draws = int(np.clip(_CELLS // max(items, 1), LEAST_DRAWS, max(draws, LEAST_DRAWS)))
    test, ratio = np.empty((groups, draws)), np.empty((groups, draws))
    sums = _GroupSums(parts, got, owed)
    step = max(1, _AT_ONCE // max(items, 1))
    orders = np.broadcast_to(np.arange(items, dtype=np.int32), (step, items))
    for start in range(0, draws if groups else 0, step):
        order = rng.permuted(orders[: min(step, draws - start)], axis=1)
        noise = rng.standard_normal((groups, len(order)))
        drawn = slice(start, start + len(order))
        test[:, drawn], ratio[:, drawn] = sums.of(order, clustered, noise)
    return _Dealt(test, ratio)


@dataclass(frozen=True, eq=False)
class _GroupSums:
    """What groups get, and the statistic that is tested, for any order of the items.

    Where the same is due to all it is the share. Where merits differ it is the logarithm of share over merit, in its
    standard errors by the group's own items: groups of much merit, or of little, vary by other amounts than groups put
    together at random. Half an item's attention more on both sides keeps it finite.
    """

    parts: sparse.csr_array
    got: np.ndarray
    owed: np.ndarray

    def of(self, order: np.ndarray, clustered: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """order: items as they are dealt out, shape (draws, items). clustered: by ``_clustering``, shape (groups,).
        noise: of lists, in standard deviations, (groups, draws). Both of shape (groups, draws)."""
        turned = sparse.csr_array(self.parts.T)
        error = np.sqrt(clustered)[:, None]
        share = turned @ self.got[order].T
        same = np.ptp(self.owed) == 0
        merit = turned @ self.owed[order].T
        least = max(float((self.got @ self.parts).min(initial=0.0)), 1e-12)
        ratio = np.where(merit > 0, share / np.maximum(merit, 1e-300), np.inf)
        ratio = ratio * np.exp(noise * error / np.maximum(self.got @ self.parts, least)[:, None])
        if same:
            return share + noise * error, ratio
        squared = turned.power(2)
        more, less = _half(self.got), _half(self.owed)
        share, merit = share + more, merit + less
        first = squared @ np.square(self.got)[order].T + more**2
        last = squared @ np.square(self.owed)[order].T + less**2
        both = squared @ (self.got * self.owed)[order].T
        own = first / share**2 + last / merit**2 - 2 * both / (share * merit)
        listed = error / share
        moved = np.log(share / merit) + noise * listed
        return moved / np.sqrt(np.maximum(own, 0) + listed**2 + 1e-12), ratio


def _half(values: np.ndarray) -> float:
    """Half of what an item gets that gets anything, the median."""
    return 0.5 * float(np.median(values[values > 0])) if (values > 0).any() else 1e-12


def _chances(
    got: np.ndarray, owed: np.ndarray, parts: sparse.csr_array, clustered: np.ndarray, dealt: _Dealt
) -> np.ndarray:
    """p-values of the groups, corrected together, (groups,)."""
    as_they_are = np.arange(parts.shape[0])[None]
    own, _ = _GroupSums(parts, got, owed).of(as_they_are, clustered, np.zeros((parts.shape[1], 1)))
    return largest_of_each(own[:, 0], dealt.test)


def largest_of_each(seen: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """p-values of several differences that are corrected together, shape (tests,).

    seen: shape (tests,). drawn: what chance makes of them, shape (tests, draws). A test's own p-value is two-sided, by
    the rank among its draws, of which what was seen is one; then the least of all tests in each draw counts. What no
    draw reaches is told apart by how far it is beyond the farthest of them.

    >>> rng = np.random.default_rng(0)
    >>> drawn = rng.normal(size=(3, 999)) * [[1.0], [10.0], [0.1]]
    >>> (largest_of_each(np.array([0.5, 5.0, 0.6]), drawn) < 0.05).tolist()
    [False, False, True]

    Westfall & Young (1993), Resampling-Based Multiple Testing; Phipson & Smyth (2010).
    """
    if len(seen) == 0:
        return np.zeros(0)
    both = np.column_stack([seen, drawn])
    count = both.shape[1]
    scores = np.empty(both.shape)
    for at, exact in enumerate(both):
        # Sums of the same numbers in another order differ by rounding, and are as large.
        values = np.round(exact / max(float(np.abs(exact).max()), 1e-300), 10)
        up, down = stats.rankdata(-values, method="max"), stats.rankdata(values, method="max")
        scores[at] = -np.minimum(1.0, 2 * np.minimum(up, down) / count)
        middle = float(np.median(values))
        for side in (1, -1):
            order = np.argsort(-side * values, kind="stable")[:2]
            far, next_one = side * (values[order] - middle)
            if next_one > 0 and far > next_one:
                scores[at, order[0]] += 1 / count * (1 - next_one / far)
    return np.asarray((scores.max(axis=0) >= scores[:, :1] - 1e-12).mean(axis=1))


def _clustering(gaps: sparse.csr_array, parts: sparse.csr_array, rng: np.random.Generator) -> np.ndarray:
    """How much more the shares of groups vary from list to list than those of items put together at random, variance of
    their means, (groups,). gaps: given less due, shape (lists, items)."""
    lists, groups = gaps.shape[0], parts.shape[1]
    if lists < 2 or groups == 0:
        return np.zeros(groups)
    own = (gaps @ parts).toarray().var(axis=0, ddof=1)
    at_random = np.zeros(groups)
    for _ in range(_SHUFFLED):
        order = rng.permutation(parts.shape[0])
        at_random += (gaps @ parts[order]).toarray().var(axis=0, ddof=1) / _SHUFFLED
    return np.asarray(np.maximum(own - at_random, 0) / lists)


def _ends(
    got: np.ndarray, owed: np.ndarray, parts: sparse.csr_array, clustered: np.ndarray, dealt: _Dealt, level: float
) -> list[tuple[float | None, float | None]]:
    """Both ends of the ratio of each group: the wider of two. One takes the group for items like all others, times a
    factor (what random groups get), the other goes by its own items alone."""
    items, groups = parts.shape
    columns = parts.tocsc()
    apart = got - owed
    square = float(apart @ apart)
    found: list[tuple[float | None, float | None]] = []
    for group in range(groups):
        inside = columns.indices[columns.indptr[group] : columns.indptr[group + 1]]
        weight = columns.data[columns.indptr[group] : columns.indptr[group + 1]]
        share, merit = float(weight @ got[inside]), float(weight @ owed[inside])
        if len(inside) < LEAST_ITEMS or merit <= 0:
            found.append((None, None))
            continue
        ceiling, reach = 1 / merit, np.inf
        if share > 0:
            moves = weight * (got[inside] / share - owed[inside] / merit)
            outside = square - float(apart[inside] @ apart[inside])
            whole = float(np.square(moves - apart[inside]).sum()) + max(outside, 0.0)
            varied = whole * len(inside) / (len(inside) - 2) + float(clustered[group]) / share**2
            # Where few items move it most, their variance is known as badly as that of so few.
            few = 2 * float(moves @ moves) ** 2 / max(float(np.square(moves) @ np.square(moves)), 1e-300)
            freedom = min(len(inside) - 1, items - len(inside) - 1, few)
            reach = float(special.stdtrit(max(freedom, 1), (1 + level) / 2)) * float(np.sqrt(varied))
        least = np.quantile(dealt.ratio[group], (1 - level) / 2, method="lower")
        most = np.quantile(dealt.ratio[group], (1 + level) / 2, method="higher")
        ratio = share / merit
        low = min(ratio * np.exp(-reach), ratio / most)
        high = max(ratio * np.exp(reach), ratio / least) if share > 0 and least > 0 else ceiling
        if np.count_nonzero(got[inside]) < _FEW:
            # Hardly any of its items was shown: one more may well be among the most shown of all.
            high = min(high, (share + _RARE * float(got.max())) / merit)
        found.append((float(low), float(min(high, ceiling))))
    return found


@dataclass(frozen=True)
class Concentration:
    """How unequally providers share the attention. providers: of one item or more. gini: of theirs. largest: share of
    the tenth that gets most. random: Gini of lists drawn at random, mean. dealt: Gini if the same items belonged to
    providers at random, mean. p_random, p_dealt: how often as unequal by either, one-sided."""

    providers: int
    gini: float
    largest: float
    random: float
    dealt: float
    p_random: float
    p_dealt: float


def judge_concentration(
    given: sparse.csr_array,
    parts: sparse.csr_array,
    lists: np.ndarray,
    *,
    rng: np.random.Generator,
    discount: str = "log",
    draws: int = 999,
) -> Concentration:
    """Whether few providers get most, more than by random lists and more than single items explain.

    given: as ``attention`` gives it. parts: as for ``judge_shares``. lists: the same lists as codes, for their lengths.

    Gini (1912); Fleder & Hosanagar (2009), Blockbuster Culture's Next Rise or Fall.
    """
    items, providers = parts.shape
    got = np.asarray(given.sum(axis=0)).ravel() / given.shape[0]
    turned = sparse.csr_array(parts.T)
    seen = turned @ got
    own = gini(seen)
    dealt = np.array([gini(turned @ rng.permutation(got)) for _ in range(draws)])
    lengths = (lists != EMPTY).sum(axis=1)
    lengths = lengths[lengths > 0]
    worth = discount_named(discount).of(np.arange(1, lists.shape[1] + 1))
    there = np.arange(lists.shape[1]) < lengths[:, None]
    shares = np.where(there, worth, 0.0)
    shares /= shares.sum(axis=1, keepdims=True) * len(lengths)
    drawn = np.empty(draws)
    for one in range(draws):
        codes = _random_lists(len(lengths), lists.shape[1], items, rng)
        drawn[one] = gini(turned @ np.bincount(codes.ravel(), weights=shares.ravel(), minlength=items))
    top = max(1, round(0.1 * providers))
    return Concentration(
        providers, own, float(np.sort(seen)[::-1][:top].sum()), float(drawn.mean()), float(dealt.mean()),
        _chance(drawn, own), _chance(dealt, own),
    )  # fmt: skip


def _chance(drawn: np.ndarray, seen: float) -> float:
    """How often draws are as large, what was seen being one of them."""
    return float(((drawn >= seen - 1e-12).sum() + 1) / (len(drawn) + 1))


def _random_lists(rows: int, places: int, items: int, rng: np.random.Generator) -> np.ndarray:
    """Different items for each row, shape (rows, places)."""
    if places * 4 >= items:
        return np.argsort(rng.random((rows, items)), axis=1)[:, :places]
    codes = rng.integers(items, size=(rows, places))
    while True:
        ordered = np.sort(codes, axis=1)
        again = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
        if not len(again):
            return codes
        codes[again] = rng.integers(items, size=(len(again), places))


@dataclass(frozen=True)
class OwnGroup:
    """How much of their own group some queries are shown. own: mean share of a result, over queries. by_chance: when
    labels are dealt out at random. p_value: corrected for all groups; None where it was not judged."""

    group: int
    queries: int
    own: Interval
    by_chance: float | None
    p_value: float | None


def judge_own_group(
    given: sparse.csr_array,
    parts: sparse.csr_array,
    asked: sparse.csr_array,
    *,
    rows: np.ndarray | None,
    judged: np.ndarray,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 1_999,
) -> tuple[OwnGroup, ...]:
    """Whether queries of a group are shown more of it than if groups had nothing to do with what is near.

    given: shape (queries, items). parts: groups of the items, shape (items, groups). asked: groups of the queries, of
    the same groups, shape (queries, groups), 0 where not known. rows: which item each query is, shape (queries,): then
    labels of items are dealt out anew, to queries and results at once; None where queries are no items, and their
    labels are dealt out. judged: groups that are tested, bool, shape (groups,).

    McPherson, Smith-Lovin & Cook (2001), Birds of a Feather; Mantel (1967) for labels dealt out over what is near.
    """
    weights = np.asarray(asked.sum(axis=0)).ravel()
    among = np.flatnonzero(judged & (weights > 0))
    some = sparse.csr_array(parts.tocsc()[:, among])
    shown = (given @ some).toarray()
    of = sparse.csr_array(asked.tocsc()[:, among])

    def means(shown: np.ndarray, of: sparse.csr_array) -> np.ndarray:
        total = np.asarray(of.sum(axis=0)).ravel()
        return np.asarray(of.multiply(shown).sum(axis=0)).ravel() / np.maximum(total, 1e-12)

    drawn = np.empty((len(among), draws))
    for one in range(draws):
        if rows is None:
            drawn[:, one] = means(shown, sparse.csr_array(of[rng.permutation(of.shape[0])]))
        else:
            dealt = sparse.csr_array(some[rng.permutation(some.shape[0])])
            drawn[:, one] = means((given @ dealt).toarray(), sparse.csr_array(dealt[rows]))
    chances = largest_of_each(means(shown, of), drawn)
    found = []
    for at, group in enumerate(among.tolist()):
        weight = of[:, [at]].toarray().ravel()
        mine = weight > 0
        # Where a query is of the group in part, its share counts as a part of a query.
        scaled = shown[mine, at] * weight[mine] / weight[mine].mean()
        own = mean_interval(scaled, possible=(0.0, max(1.0, float(scaled.max(initial=0.0)))), level=level)
        found.append(OwnGroup(group, int(mine.sum()), own, float(drawn[at].mean()), float(chances[at])))
    return tuple(found)
