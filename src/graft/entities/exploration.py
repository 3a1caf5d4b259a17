"""Lists in which a few places try what is new, and how likely each item was to be in them.

An item that few people met has a score with a doubt: its vector is known as a normal distribution. Of each list a share
of places, the budget, goes to the new items whose scores are highest in a draw from these distributions (Thompson
sampling): what may be very good is tried, what is known to be poor is not. The rest of the list stays as it was.

Decisions: the budget is kept by counting, never on average: ``share`` times the places of a list is a whole number of
places in every list, and one more in exactly so many lists of each block, drawn for the block; what blocks of at most
twenty lists cannot divide is left unspent. Which lists these are and what is drawn depends on the seed and on how many
lists were answered before, so the log of what was shown is the whole state: nothing else needs to be kept, and it
belongs to the caller. A cap for each item counts the places that exploration gave it. Explored items stand last, so the
best of the list keep their places and the loss is at most what the last places earn; rules hold for them as for all
others, and an item that the list shows anyway is not explored in it. Doubt about a person is left out: it moves all new
items alike, and what is tried would not be what is unknown about the items. Scores of new items are then independent,
and with one explored place the chance of each is an integral over one number, found by the trapezoidal rule, which for
such smooth and vanishing functions errs by less than 1e-8. With several places in a list chances are counted in
repeated draws; the draw that is shown is one of them, so no chance is 0, and the mean of 1 / chance over what is shown
is right for every number of draws, but for items that are hardly ever drawn.

Thompson (1933); Chapelle & Li (2011), An Empirical Evaluation of Thompson Sampling; Trefethen & Weideman (2014), The
Exponentially Convergent Trapezoidal Rule.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np
import polars as pl
from scipy import special

from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.entities.fitted import require_positive
from graft.entities.posterior import Spreads
from graft.entities.top_lists import top_lists

COLUMNS = {"list": pl.Int64, "explored": pl.Boolean, "propensity": pl.Float64, "propensity_error": pl.Float64}
_REACH, _STEP, _NARROW = 8.0, 0.75, 0.01
_POINTS_AT_ONCE, _DRAWN_AT_ONCE = 64, 500_000
_BLOCK = 20  # lists
_HOPE = 2.0  # deviations


@dataclass(frozen=True)
class Exploration:
    """Settings. share: of the places of all lists that exploration may fill, above 0 to 1.

    fewer_than: items that fewer people met are new. among: so many of them, the most promising for each person (two
    deviations above what is expected), are drawn from: among thousands that are alike, any draw is mere chance.
    most_per_item: after so many explored places an item gets no more; None for no end. draws: repeated draws where
    chances are counted. seed: of everything that is drawn.
    """

    share: float = 0.05
    fewer_than: int = 10
    among: int = 100
    most_per_item: int | None = None
    draws: int = 1_000
    seed: int = 0

    def __post_init__(self) -> None:
        number = isinstance(self.share, int | float | np.number) and not isinstance(self.share, bool)
        if not (number and 0 < self.share <= 1):
            raise InputError(
                f"a share of {self.share!r} of the places",
                needed="a number above 0 and at most 1",
                fix="0.05 explores one place of twenty",
            )
        for name in ("fewer_than", "among", "draws"):
            require_positive(name, getattr(self, name), whole=True, least=1)
        require_positive("seed", self.seed, whole=True)
        if self.most_per_item is not None:
            require_positive("most_per_item", self.most_per_item, whole=True, least=1)

    def places(self, k: int) -> "ListBudget":
        """What may be spent on lists of k places.

        >>> Exploration(share=0.05).places(10), Exploration(share=0.175).places(10), Exploration(share=0.002).places(10)
        (ListBudget(each=0, more=1, block=2), ListBudget(each=1, more=3, block=4), ListBudget(each=0, more=1, block=50))
        """
        wanted = round(self.share * k, 9)
        rest = round(wanted - int(wanted), 9)
        blocks = [(int(round(rest * block, 6)), block) for block in range(1, _BLOCK + 1)]
        more, block = max(blocks, key=lambda one: (one[0] / one[1], -one[1]))
        if rest > 0 and not more:
            more, block = 1, ceil(round(1 / rest, 6))
        return ListBudget(int(wanted), more, block)

    def count(self, number: int, k: int) -> int:
        """Explored places of the list of this number, from 0, of k places."""
        budget = self.places(k)
        if not budget.more:
            return budget.each
        block, place = divmod(number, budget.block)
        chosen = generator(self.seed, "explored lists", budget.block, block).permutation(budget.block)[: budget.more]
        return budget.each + bool((chosen == place).any())


@dataclass(frozen=True)
class ListBudget:
    """Explored places: ``each`` of every list, and one more in ``more`` lists of every ``block``."""

    each: int
    more: int
    block: int

    @property
    def odds(self) -> dict[int, float]:
        """How likely a list has so many explored places."""
        if not self.more:
            return {self.each: 1.0}
        return {self.each: 1 - self.more / self.block, self.each + 1: self.more / self.block}


@dataclass(frozen=True)
class Exposures:
    """What was answered before. lists: how many lists. explored: explored places that each item had."""

    lists: int = 0
    explored: Mapping[str, int] = field(default_factory=dict)

    def after(self, shown: pl.DataFrame) -> "Exposures":
        """And these lists, as ``recommend`` answered them. Raises InputError for lists without exploration."""
        if missing := [name for name in ("list", "item", "explored") if name not in shown.columns]:
            raise InputError(
                f"the lists have no column {', '.join(map(repr, missing))}",
                needed="lists that were answered with exploration",
                fix="count those that recommend(..., explore=...) gave",
            )
        if not shown.height:
            return self
        counts = Counter(self.explored)
        counts.update(shown.filter(pl.col("explored"))["item"].to_list())
        last = int(shown["list"].max())  # type: ignore[arg-type]
        return Exposures(max(self.lists, last + 1), dict(counts))


@dataclass(frozen=True, eq=False)
class Doubtful:
    """New items. places: of the items, sorted. names: theirs. means, spreads: what is known of [y, b], shape (new,
    dimension + 1), and how far off it may be. noise: the variance of one pair."""

    places: np.ndarray
    names: tuple[str, ...]
    means: np.ndarray
    spreads: Spreads
    noise: float

    def scores(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and deviations of x·y + b for people with these vectors, shape (people, new) each."""
        whole = np.concatenate([vectors, np.ones((len(vectors), 1))], axis=1)
        return whole @ self.means.T, np.sqrt(self.noise * self.spreads.along(whole))


@dataclass(frozen=True, eq=False)
class OneList:
    """One list. places: of its items, the best first. explored: whether each was drawn. possible: places of all items
    that could have been in it, sorted. chance, error: of each of them, and the standard error of that."""

    places: np.ndarray
    explored: np.ndarray
    possible: np.ndarray
    chance: np.ndarray
    error: np.ndarray

    def of_shown(self) -> tuple[np.ndarray, np.ndarray]:
        """Chances and errors of the items of the list, in its order."""
        at = np.searchsorted(self.possible, self.places)
        return self.chance[at], self.error[at]


@dataclass(frozen=True, eq=False)
class Quota:
    """At most so many items of one value. values: a code per item, -1 for none, shape (items,)."""

    values: np.ndarray
    most: int


class ListExplorer:
    """Lists with explored places, one after another, with the budget kept."""

    def __init__(self, settings: Exploration, new: Doubtful, before: Exposures | None = None) -> None:
        before = before or Exposures()
        self._settings, self._new, self._lists = settings, new, before.lists
        self._left = np.full(len(new.places), np.iinfo(np.int64).max)
        if settings.most_per_item is not None:
            self._left[:] = [settings.most_per_item - before.explored.get(name, 0) for name in new.names]

    @property
    def lists(self) -> int:
        """How many lists were answered so far, those before included."""
        return self._lists

    def answer(self, scores: np.ndarray, vectors: np.ndarray, k: int, quota: Quota | None) -> list[OneList]:
        """The lists of some people. scores: shape (people, items), -inf for what may not be listed. vectors: theirs."""
        means, deviations = self._new.scores(vectors)
        best = top_lists(scores, min(k, scores.shape[1]))[0] if quota is None else None
        found = []
        for row, mine in enumerate(scores):
            if best is None:
                order = np.argsort(-mine, kind="stable")
                order = order[np.isfinite(mine[order])]
            else:
                order = best[row][best[row] >= 0]
            open_ = np.isfinite(mine[self._new.places]) & (self._left > 0)
            draw = _Drawn(self._new.places[open_], means[row, open_], deviations[row, open_])
            found.append(self._one(order, draw, k, quota, scores.shape[1]))
        return found

    def _one(self, order: np.ndarray, draw: "_Drawn", k: int, quota: Quota | None, items: int) -> OneList:
        settings, number = self._settings, self._lists
        rng = generator(settings.seed, "explored items", number)
        chance, variance = np.zeros(items), np.zeros(items)
        best = order.tolist()
        by_count = {}
        for count, odd in settings.places(k).odds.items():
            made = by_count[count] = self._with(count, best, draw, k, quota, rng)
            chance[made.possible] += odd * made.chance
            variance[made.possible] += np.square(odd * made.error)
        shown = by_count[settings.count(number, k)]
        self._lists += 1
        self._left[np.searchsorted(self._new.places, shown.places[shown.explored])] -= 1
        possible = np.flatnonzero(chance)
        return OneList(
            shown.places, shown.explored, possible, np.minimum(chance[possible], 1.0), np.sqrt(variance[possible])
        )

    def _with(
        self, count: int, best: Sequence[int], draw: "_Drawn", k: int, quota: Quota | None, rng: np.random.Generator
    ) -> OneList:
        """A list with so many explored places."""
        base = _Filled(quota)
        base.fill(best, k - count)
        kept = len(base.places)
        some = draw.where(base.takes_of(draw.places)).promising(self._settings.among) if count else draw
        if not count or not len(some.places):
            base.fill(best, k)
            return _made(base.places, (kept, kept), np.array(base.places, np.int64), np.ones(len(base.places)))
        if count == 1:
            shares = chances_of_best(some.means, some.deviations)
            picked = int(np.argmax(some.scores(rng)))
            # What is shown had a chance, however small a number can be.
            shares[picked] = max(shares[picked], 1e-12)
            return _made(
                [*base.places, int(some.places[picked])],
                (kept, kept + 1),
                np.concatenate([np.array(base.places, np.int64), some.places]),
                np.concatenate([np.ones(kept), shares]),
            )
        if quota is None and len(some.places) > count:
            return self._plainly_counted(count, base.places, some, rng)
        return self._counted(count, base, best, some, k, rng)

    def _plainly_counted(self, count: int, base: Sequence[int], some: "_Drawn", rng: np.random.Generator) -> OneList:
        """Without a quota, and with enough to choose from, every list has the best of its draw."""
        total = self._settings.draws + 1
        hits, left, first = np.zeros(len(some.places), np.int64), total, np.zeros(0, np.int64)
        while left > 0:
            drawn = some.several(min(left, max(1, _DRAWN_AT_ONCE // len(some.places))), rng)
            chosen = np.argpartition(drawn, -count, axis=1)[:, -count:]
            if left == total:
                first = chosen[0][np.argsort(-drawn[0, chosen[0]], kind="stable")]
            hits += np.bincount(chosen.ravel(), minlength=len(hits))
            left -= len(drawn)
        return _made(
            [*base, *some.places[first].tolist()],
            (len(base), len(base) + count),
            np.concatenate([np.array(base, np.int64), some.places]),
            np.concatenate([np.ones(len(base)), hits / total]),
            total,
        )

    def _counted(
        self, count: int, base: "_Filled", best: Sequence[int], some: "_Drawn", k: int, rng: np.random.Generator
    ) -> OneList:
        """Every draw is put together to a list under the quota."""
        kept, total = len(base.places), self._settings.draws + 1
        hits: Counter[int] = Counter()
        made: list[tuple[list[int], int]] = []
        for drawn in some.several(total, rng):
            one = base.copy()
            one.fill(some.places[np.argsort(-drawn, kind="stable")].tolist(), kept + count)
            end = len(one.places)
            one.fill(best, k)
            hits.update(one.places)
            if not made:
                made.append((one.places, end))
        possible = np.array(list(hits), np.int64)
        return _made(made[0][0], (kept, made[0][1]), possible, np.array(list(hits.values())) / total, total)


def _made(
    places: Sequence[int], explored: tuple[int, int], possible: np.ndarray, chance: np.ndarray, draws: int = 0
) -> OneList:
    """A list whose explored places are from one to before another; chances of ``draws`` draws, exact when 0."""
    at = np.arange(len(places))
    error = np.sqrt(chance * (1 - chance) / draws) if draws else np.zeros(len(chance))
    return OneList(
        np.array(places, np.int64), (at >= explored[0]) & (at < explored[1]), possible, np.asarray(chance), error
    )


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Items that may be explored: means and deviations of their scores, independent and normal; shape (items,)."""

    places: np.ndarray
    means: np.ndarray
    deviations: np.ndarray

    def where(self, these: np.ndarray) -> "_Drawn":
        """Some of them; very certain ones as uncertain as a hundredth of the widest, so that integrals stay short."""
        wide = self.deviations[these]
        return _Drawn(self.places[these], self.means[these], np.maximum(wide, _NARROW * wide.max(initial=0.0)))

    def promising(self, most: int) -> "_Drawn":
        """The ``most`` that may be best, in their order."""
        if len(self.places) <= most:
            return self
        hope = self.means + _HOPE * self.deviations
        these = np.sort(top_lists(hope[None], most)[0][0])
        return _Drawn(self.places[these], self.means[these], self.deviations[these])

    def scores(self, rng: np.random.Generator) -> np.ndarray:
        """A draw of all scores."""
        return np.asarray(self.means + self.deviations * rng.standard_normal(len(self.means)))

    def several(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        """So many draws, float32, shape (draws, items)."""
        drawn = rng.standard_normal((draws, len(self.means)), np.float32)
        drawn *= self.deviations.astype(np.float32)
        drawn += self.means.astype(np.float32)
        return drawn


class _Filled:
    """A list that fills up, item by item, under a quota."""

    def __init__(self, quota: Quota | None) -> None:
        self.quota = quota
        self._counts: Counter[int] = Counter()
        self._there: set[int] = set()
        self.places: list[int] = []

    def copy(self) -> "_Filled":
        """The same list, to be filled in another way."""
        made = _Filled(self.quota)
        made._counts, made._there, made.places = self._counts.copy(), self._there.copy(), self.places.copy()
        return made

    def takes(self, place: int) -> bool:
        """Whether the item may join."""
        if place in self._there:
            return False
        if self.quota is None:
            return True
        value = int(self.quota.values[place])
        return value < 0 or self._counts[value] < self.quota.most

    def takes_of(self, places: np.ndarray) -> np.ndarray:
        """The same of many, bool, shape of ``places``."""
        free = ~np.isin(places, np.array(self.places, np.int64))
        if self.quota is None:
            return free
        full = [value for value, count in self._counts.items() if count >= self.quota.most]
        return np.asarray(free & ~np.isin(self.quota.values[places], np.array(full, np.int64)))

    def fill(self, order: Sequence[int], length: int) -> None:
        """Take the items in this order until there are so many."""
        for place in order:
            if len(self.places) >= length:
                return
            if self.takes(place):
                self.places.append(place)
                self._there.add(place)
                if self.quota is not None and self.quota.values[place] >= 0:
                    self._counts[int(self.quota.values[place])] += 1


def chances_of_best(means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """How likely each of several independent normal numbers is the largest, shape (numbers,); they sum to 1.

    means, deviations: shape (numbers,), deviations 0 or more. The first of the largest means has it all where nothing
    is uncertain.

    >>> chances_of_best(np.array([0.0, 1.0]), np.array([0.6, 0.8])).round(4)
    array([0.1587, 0.8413])

    The integral over t of the density of one at t and the chance that all others lie below, by the trapezoidal rule.
    """
    found = np.zeros(len(means))
    widest = float(deviations.max(initial=0.0))
    if widest <= 0:
        found[int(np.argmax(means))] = 1.0
        return found
    wide = np.maximum(deviations, _NARROW * widest)
    low, high = float((means - _REACH * wide).max()), float((means + _REACH * wide).max())
    some = np.flatnonzero(means + _REACH * wide >= low)
    middle, wide = means[some], wide[some]
    step = _STEP * float(wide.min())
    last = ceil((high - low) / step) + 1
    for start in range(0, last, _POINTS_AT_ONCE):
        points = low + step * np.arange(start, min(start + _POINTS_AT_ONCE, last))
        apart = (points[:, None] - middle) / wide
        below = special.log_ndtr(apart)
        others = below.sum(axis=1, keepdims=True) - below
        found[some] += (np.exp(others - np.square(apart) / 2) / wide).sum(axis=0)
    return np.asarray(found / found.sum())
