"""What users did with items, as pairs: who, what, how much, whether it was a dislike, and when last.

Decisions: a pair is the sum of its events, so batches are added to one another and no order of them matters. An event
is named by user, item, time, weight and whether it is a dislike: the same once more is a mistake of the export and
counts once, in one batch or in two: digests of what was counted are kept with the user and the item they are about, and
go with them. Without times nobody can tell a repeat from a mistake, and each counts. A pair whose events contradict one
another is what the newest says, and at one moment a dislike; what was overruled is kept, so that this too is the same
in any order. Ratings are opinions: which of them are likes is for a person to say. What is left out is told.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np
from scipy import sparse

from graft.core.errors import InputError

_PIECE = 1 << 20


@dataclass(frozen=True)
class Aside:
    """Events that do not count. code: what is the matter with them. events: how many. why: in words."""

    code: str
    events: int
    why: str


@dataclass(frozen=True)
class Decay:
    """Events count less the older they are: weight · 2^((day - now) / half_life), both in days, now since 1970.

    An event later than ``now`` counts more, so that what comes later stands in the same relation to what was.
    """

    half_life: float
    now: float


@dataclass(frozen=True, eq=False)
class EventPairs:
    """EventPairs of users and items, sorted by user and item; every array has the shape (pairs,).

    user, item: int32, places among the names. weight: float64, above 0, the sum of the pair's events. disliked: bool.
    day: float64, days since 1970 of the newest event; 0 without times.
    """

    user: np.ndarray
    item: np.ndarray
    weight: np.ndarray
    disliked: np.ndarray
    day: np.ndarray

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: np.ndarray) -> "EventPairs":
        """The pairs at these places, or where a mask is true."""
        return EventPairs(self.user[rows], self.item[rows], self.weight[rows], self.disliked[rows], self.day[rows])

    def moved(self, users: np.ndarray, items: np.ndarray) -> "EventPairs":
        """The same pairs under other numbers, those of a user or item that has none (-1) left out."""
        user, item = users[self.user].astype(np.int32), items[self.item].astype(np.int32)
        kept = (user >= 0) & (item >= 0)
        return EventPairs(user[kept], item[kept], self.weight[kept], self.disliked[kept], self.day[kept])

    def with_these(self, other: "EventPairs") -> "EventPairs":
        """Both, one after the other; nothing is summed or sorted."""
        return EventPairs(
            np.concatenate([self.user, other.user]),
            np.concatenate([self.item, other.item]),
            np.concatenate([self.weight, other.weight]),
            np.concatenate([self.disliked, other.disliked]),
            np.concatenate([self.day, other.day]),
        )


@dataclass(frozen=True, eq=False)
class Delivered:
    """Events that were counted, as digests of all that they say, sorted by it.

    user, item: int32, places among the names. digest: uint64. All of shape (events,).
    """

    user: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    item: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    digest: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))

    def __len__(self) -> int:
        return len(self.digest)

    @classmethod
    def of(cls, events: "EventPairs", digests: np.ndarray) -> "Delivered":
        """Events with their digests, in any order."""
        order = np.argsort(digests, kind="stable")
        return cls(events.user[order], events.item[order], digests[order])

    def knows(self, digests: np.ndarray) -> np.ndarray:
        """Which of these digests are there, bool, the same shape."""
        at = np.minimum(np.searchsorted(self.digest, digests), max(len(self) - 1, 0))
        return self.digest[at] == digests if len(self) else np.zeros(len(digests), bool)

    def moved(self, users: np.ndarray, items: np.ndarray) -> "Delivered":
        """The same under other numbers, those of a user or item that has none (-1) left out."""
        user, item = users[self.user].astype(np.int32), items[self.item].astype(np.int32)
        kept = (user >= 0) & (item >= 0)
        return Delivered(user[kept], item[kept], self.digest[kept])

    def take(self, rows: np.ndarray) -> "Delivered":
        """Those at these places, in their order, or where a mask is true."""
        return Delivered(self.user[rows], self.item[rows], self.digest[rows])

    def with_these(self, other: "Delivered") -> "Delivered":
        """Both, sorted."""
        digest = np.concatenate([self.digest, other.digest])
        order = np.argsort(digest, kind="stable")
        user, item = np.concatenate([self.user, other.user]), np.concatenate([self.item, other.item])
        return Delivered(user[order], item[order], digest[order])


@dataclass(frozen=True, eq=False)
class Interactions:
    """EventPairs of users and items, and what was set aside.

    users, items: sorted, each once; some may have no pair. pairs: what counts. overruled: of pairs that were liked and
    disliked, the side that is older. timed: whether events have times. decay: how they age, None when they do not.
    events: rows that were counted. aside: those that were not. delivered: which were counted, where they have times.
    unread: columns of the table that mean nothing here.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    pairs: EventPairs
    overruled: EventPairs
    timed: bool
    decay: Decay | None
    events: int
    aside: tuple[Aside, ...] = ()
    delivered: Delivered = Delivered()
    unread: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def user(self) -> np.ndarray:
        """The place of each pair's user, int32, shape (pairs,)."""
        return self.pairs.user

    @property
    def item(self) -> np.ndarray:
        """The place of each pair's item, int32, shape (pairs,)."""
        return self.pairs.item

    @property
    def weight(self) -> np.ndarray:
        """The weight of each pair, float64 above 0, shape (pairs,)."""
        return self.pairs.weight

    @property
    def disliked(self) -> np.ndarray:
        """Whether each pair is a dislike, bool, shape (pairs,)."""
        return self.pairs.disliked

    @property
    def day(self) -> np.ndarray:
        """Days since 1970 of each pair's newest event, float64, shape (pairs,); 0 without times."""
        return self.pairs.day

    @cached_property
    def user_places(self) -> dict[str, int]:
        """The place of each user."""
        return {name: place for place, name in enumerate(self.users)}

    @cached_property
    def item_places(self) -> dict[str, int]:
        """The place of each item."""
        return {name: place for place, name in enumerate(self.items)}

    def matrix(self) -> sparse.csr_array:
        """ViewWeights, shape (users, items); its data are the pairs in their order, so ``disliked`` belongs to them."""
        ends = np.searchsorted(self.user, np.arange(len(self.users) + 1))
        shape = (len(self.users), len(self.items))
        return sparse.csr_array((self.weight, self.item, ends.astype(np.int32)), shape=shape)

    def over(self, *, users: Iterable[str] | None = None, items: Iterable[str] | None = None) -> "Interactions":
        """The pairs of these users and items alone, which are the new names, with pairs or not; None keeps all."""
        people = self.users if users is None else tuple(sorted(set(users)))
        things = self.items if items is None else tuple(sorted(set(items)))
        across, down = _places(self.users, people), _places(self.items, things)
        return replace(
            self, users=people, items=things, pairs=self.pairs.moved(across, down),
            overruled=self.overruled.moved(across, down), delivered=self.delivered.moved(across, down),
        )  # fmt: skip

    def of_users(self, users: Iterable[str]) -> "Interactions":
        """The pairs of these users; the items stay."""
        return self.over(users=users)

    def of_items(self, items: Iterable[str]) -> "Interactions":
        """The pairs with these items; the users stay."""
        return self.over(items=items)

    def without(self, *, users: Collection[str] = (), items: Collection[str] = ()) -> "Interactions":
        """As if these users and items had never been there."""
        gone, left = frozenset(users), frozenset(items)
        return self.over(
            users=[name for name in self.users if name not in gone],
            items=[name for name in self.items if name not in left],
        )

    def take(self, pairs: np.ndarray) -> "Interactions":
        """The pairs where ``pairs``, a mask of shape (pairs,), is true; users and items stay."""
        kept = self.pairs.take(pairs)
        wide = max(len(self.items), 1)
        keys = kept.user.astype(np.int64) * wide + kept.item
        others, told = (one.user.astype(np.int64) * wide + one.item for one in (self.overruled, self.delivered))
        overruled, delivered = self.overruled.take(np.isin(others, keys)), self.delivered.take(np.isin(told, keys))
        return replace(self, pairs=kept, overruled=overruled, delivered=delivered)

    def before(self, day: float) -> "Interactions":
        """The pairs of which every event is earlier than a day since 1970: nothing later tells on them.

        A pair with events on both sides is left out; read with ``until`` to keep the earlier ones.
        """
        self._require_times("before")
        return self.take(self.day < day)

    def since(self, day: float) -> "Interactions":
        """The pairs with an event on a day since 1970 or later."""
        self._require_times("since")
        return self.take(self.day >= day)

    def met(self) -> "Interactions":
        """Without the users and items that have no pair."""
        people, things = np.unique(self.user), np.unique(self.item)
        return self.over(users=[self.users[at] for at in people], items=[self.items[at] for at in things])

    def joined(self, other: "Interactions") -> "Interactions":
        """Both together, as if read at once; without times the same event in both counts twice.

        Raises InputError when one has times and the other has none, they age differently, or an event with a time is in
        both: read the later ones with ``known``.
        """
        if len(self) and len(other) and self.timed != other.timed:
            raise InputError(
                "some interactions have times and others have none",
                needed="times in all of them or in none",
                fix="add the column of times, or read all without it",
            )
        if len(self) and len(other) and self.decay != other.decay:
            raise InputError(
                f"some interactions age by {self.decay}, others by {other.decay}",
                needed="one half-life and one moment that ages are counted from",
                fix="read the later ones with the half_life and now of the earlier",
            )
        people, things = tuple(sorted({*self.users, *other.users})), tuple(sorted({*self.items, *other.items}))
        if twice := int(self.delivered.knows(other.delivered.digest).sum()):
            raise InputError(
                f"{twice:,} events are in both",
                needed="events that were not counted before",
                fix="read the later ones with known=, which leaves those out and says how many they are",
            )
        mine, theirs = (one.over(users=people, items=things) for one in (self, other))
        pairs, overruled = _merged(mine, theirs)
        delivered = mine.delivered.with_these(theirs.delivered)
        first = self if len(self) else other
        aside = together([*self.aside, *other.aside])
        return Interactions(
            people, things, pairs, overruled, first.timed, first.decay, self.events + other.events, aside, delivered
        )

    def _require_times(self, what: str) -> None:
        if not self.timed:
            raise InputError(
                f"{what} a day, of interactions without times",
                needed="a column of times",
                fix="name it: InteractionColumns(time=...)",
            )


def event_digests(users: Sequence[str], items: Sequence[str], events: EventPairs) -> np.ndarray:
    """64 bits of all that each event says, its names and its own weight before it ages, uint64, shape (events,)."""
    found = np.empty(len(events), np.uint64)
    people, things = _name_digests(users), _name_digests(items)
    for start in range(0, len(events), _PIECE):
        some = slice(start, start + _PIECE)
        mixed = _mixed(people[events.user[some]])
        disliked = events.disliked[some].astype(np.uint64)
        for part in (things[events.item[some]], _bits(events.day[some]), _bits(events.weight[some]), disliked):
            mixed = _mixed(mixed ^ part)
        found[some] = mixed
    return found


def in_order(events: EventPairs) -> EventPairs:
    """Events sorted by everything they say, so that no sum over them hangs on the order they came in."""
    return events.take(np.lexsort((events.weight, events.day, events.disliked, _keys(events))))


def _merged(mine: Interactions, theirs: Interactions) -> tuple[EventPairs, EventPairs]:
    """The pairs of both, and those that were overruled; both have the same names.

    Only pairs that are in both are settled anew, so a small batch costs a pass over what is there and no sort of it.
    """
    more = theirs.pairs.with_these(theirs.overruled)
    both = np.unique(_keys(more))

    def apart(events: EventPairs) -> tuple[EventPairs, EventPairs]:
        at = np.minimum(np.searchsorted(both, _keys(events)), max(len(both) - 1, 0))
        touched = both[at] == _keys(events) if len(both) else np.zeros(len(events), bool)
        return events.take(~touched), events.take(touched)

    (pairs, first), (overruled, second) = apart(mine.pairs), apart(mine.overruled)
    anew = settled(in_order(first.with_these(second).with_these(more)))
    return _sorted_runs(pairs, anew[0]), _sorted_runs(overruled, anew[1])


def _keys(events: EventPairs) -> np.ndarray:
    """A number for each pair of user and item, int64, in the order of pairs."""
    return np.asarray(events.user.astype(np.int64) << 32 | events.item)


def _sorted_runs(one: EventPairs, other: EventPairs) -> EventPairs:
    """Two lists of pairs that are sorted and share none, as one."""
    whole = one.with_these(other)
    return whole.take(np.argsort(_keys(whole), kind="stable")) if len(other) else one


def settled(events: EventPairs) -> tuple[EventPairs, EventPairs]:
    """Events that are ``in_order`` to pairs, each once, and those that were overruled."""
    if not len(events):
        return events, events
    pair = np.flatnonzero(_changes(events.user, events.item))
    side = np.flatnonzero(_changes(events.user, events.item, events.disliked))
    last = np.append(side[1:], len(events)) - 1
    weight = np.add.reduceat(events.weight, side)
    sides = replace(events.take(last), weight=weight)
    # A pair has one side or two, the likes before the dislikes.
    start = np.searchsorted(side, pair)
    two = np.diff(np.append(start, len(side))) == 2
    first, second = start, start + two
    winner = np.where(sides.day[second] >= sides.day[first], second, first)
    return sides.take(winner), sides.take((first + second - winner)[two])


def _changes(*columns: np.ndarray) -> np.ndarray:
    """Where a row differs from the one before it, the first always, bool."""
    changed = np.zeros(len(columns[0]), bool)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


def repeated(events: EventPairs) -> np.ndarray:
    """Which of events that are ``in_order`` are the one before them once more, bool, shape (events,)."""
    return ~_changes(events.user, events.item, events.disliked, events.day, events.weight)


def together(asides: Iterable[Aside]) -> tuple[Aside, ...]:
    """The counts of each code summed, in the order of their codes."""
    found: dict[str, Aside] = {}
    for one in asides:
        known = found.get(one.code)
        found[one.code] = one if known is None else replace(known, events=known.events + one.events)
    return tuple(found[code] for code in sorted(found))


def _name_digests(names: Sequence[str]) -> np.ndarray:
    """64 bits of each name, uint64, shape (names,)."""
    raw = b"".join(blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(raw, "<u8").astype(np.uint64)


def _bits(numbers: np.ndarray) -> np.ndarray:
    """The bits of floats; 0 and -0 are one number."""
    return np.ascontiguousarray(numbers + 0.0, np.float64).view(np.uint64)


def _mixed(bits: np.ndarray) -> np.ndarray:
    """Bits of which every one hangs on every bit given: splitmix64.

    Steele, Lea & Flood (2014), Fast splittable pseudorandom number generators.
    """
    mixed: np.ndarray = bits + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _places(names: tuple[str, ...], among: tuple[str, ...]) -> np.ndarray:
    """The place of each name among others, -1 where it is not."""
    if names is among:
        return np.arange(len(names))
    places = {name: place for place, name in enumerate(among)}
    return np.array([places.get(name, -1) for name in names], np.int64)
