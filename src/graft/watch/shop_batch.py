"""Events of a shop as rows that a watch compares, and nothing else of them.

Decisions: an event is a row of a ``Batch``, so what compares, remembers and draws for bundles does it for shops too.
Its fields hold: names the item; vectors where the item lies among what people take to (unit length, by the shop of the
baseline, so that learning further events is no drift); certainty the share of the catalogue that the shop puts below
the item for this user; decided how well the shop knows item and user; scores the logarithm of how many took the item
before the baseline; length the logarithm of the events of that user on that day; alphabet the item's category; cut
whether the user had taken it on the same day; far whether it is a dislike; groups a number for the user. Users' names
are not kept, but numbers that stand for them are, since whole users are exchanged. Events that the shop has learnt are
not new: for them the shop need not foretell anything.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from graft.bundle.watch_erasure import user_number
from graft.core.errors import InputError
from graft.core.seeds import first_seen
from graft.entities.item_features import FittedFeatures
from graft.entities.shop import COLD, Shop
from graft.rows.events import EventRows, InteractionColumns, read_events
from graft.watch.batch import Batch
from graft.watch.comparison import bounded

MOST_EVENTS = 20_000
KNOWN_ITEM, NEW_ITEM, COLD_ITEM = "known item", "unknown item", "item without place"
_PEOPLE_AT_ONCE = 128
WEEKDAY = "weekday"
_DAYS = np.array(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"])


@dataclass(frozen=True)
class FeedbackReading:
    """How events are read: columns by their use, and what ratings mean, as for ``graft recommend fit``."""

    columns: dict[str, str] | None = None
    at_least: float | None = None
    dislike_below: float | None = None

    def read(self, rows: Any, more: Sequence[str] = ()) -> EventRows:
        """Events one by one, with further columns."""
        columns = None if self.columns is None else InteractionColumns(**self.columns)
        return read_events(
            rows, columns=columns, at_least=self.at_least, dislike_below=self.dislike_below, more=tuple(more)
        )


@dataclass(frozen=True, eq=False)
class ShopActs:
    """Who took what, and when, of all events of a batch: user and item are words, day is datetime64[D]; (events,)."""

    user: np.ndarray
    item: np.ndarray
    day: np.ndarray

    @classmethod
    def of(cls, rows: Batch) -> "ShopActs":
        """Of rows that were kept."""
        assert rows.groups is not None
        day = np.zeros(len(rows), "M8[D]") if rows.times is None else rows.times.astype("M8[D]")
        return cls(rows.groups, rows.names, day)

    @cached_property
    def visit(self) -> np.ndarray:
        """The number of each event's visit, a user on a day, from 0; (events,)."""
        both = np.stack([first_seen(self.user), self.day.astype(np.int64)])
        return np.asarray(np.unique(both, axis=1, return_inverse=True)[1]).ravel() if len(self.user) else both[0]

    @property
    def visits(self) -> tuple[np.ndarray, np.ndarray]:
        """The user of each visit, and its events; (visits,) each."""
        _, first, sizes = np.unique(self.visit, return_index=True, return_counts=True)
        return self.user[first], sizes

    def takers(self) -> tuple[dict[str, int], int]:
        """In how many visits each item was taken, and how many visits there are."""
        if not len(self.user):
            return {}, 0
        items, item = np.unique(self.item, return_inverse=True)
        count = int(self.visit.max()) + 1
        pairs = np.unique(item.astype(np.int64) * count + self.visit)
        counts = np.bincount(pairs // count, minlength=len(items))
        return dict(zip(items.tolist(), counts.tolist(), strict=True)), count


@dataclass(frozen=True, eq=False)
class ShopBatch:
    """rows: what is compared, whole users at random where there are more than twenty thousand events. acts: of all
    events that are new. key: the same for the same events. given, learnt, aside: events read, known, and set aside."""

    rows: Batch
    acts: ShopActs
    key: str
    given: int
    learnt: int
    aside: dict[str, int]
    timed: bool


@dataclass(frozen=True, eq=False)
class ItemPlaces:
    """Where items lie, as the baseline saw them. names: in order. vectors: float32 (items, dimension), unit length.
    popular: the logarithm of how many took each, (items,)."""

    names: tuple[str, ...]
    vectors: np.ndarray
    popular: np.ndarray

    @classmethod
    def of(cls, shop: Shop) -> "ItemPlaces":
        """All items that have a place."""
        placed = np.flatnonzero(shop.item_states != COLD)
        vectors = _unit(shop.model.item_vectors[placed, :-1])
        return cls(tuple(shop.items.names[at] for at in placed.tolist()), vectors, np.log1p(shop.model.counts[placed]))

    def with_new(self, shop: Shop) -> "ItemPlaces":
        """And items that came later, where the shop puts them."""
        known, later = set(self.names), ItemPlaces.of(shop)
        new = [at for at, name in enumerate(later.names) if name not in known]
        names = (*self.names, *(later.names[at] for at in new))
        vectors = np.concatenate([self.vectors, later.vectors[new]])
        return ItemPlaces(names, vectors, np.concatenate([self.popular, np.zeros(len(new))]))


def own_events(shop: Shop) -> EventRows:
    """The newest quarter of what the shop knows, each pair as its newest event. Raises InputError without times."""
    known = shop.events
    if not known.timed or not len(known):
        raise InputError(
            "the events that the shop learnt have no times" if len(known) else "the shop has no events",
            needed="newest events for a reference",
            fix="give them: --events reference.parquet",
        )
    pairs = known.pairs.take(known.day >= np.quantile(known.day, 0.75))
    digests = pairs.user.astype(np.uint64) << np.uint64(32) | pairs.item.astype(np.uint64)
    return EventRows(known.users, known.items, pairs, {}, True, digests, len(pairs), ())


def read_shop_batch(
    shop: Shop,
    events: EventRows,
    *,
    salt: bytes,
    places: ItemPlaces,
    segments: Sequence[str] = (),
    keep_learnt: bool = False,
    rng: np.random.Generator,
) -> ShopBatch:
    """Events as the shop sees them. salt: of the numbers that stand for users. segments: columns of the events, else
    categories of the users. keep_learnt: events that the shop learnt are compared too."""
    given = events.events
    known = np.zeros(len(given), bool)
    if events.timed and shop.events.timed:
        known = np.asarray(shop.events.delivered.knows(events.digests), bool)
    kept = np.arange(len(given)) if keep_learnt else np.flatnonzero(~known)
    users = np.array([user_number(name, salt) for name in events.users], dtype=str)
    items = np.array(events.items, dtype=str)
    user, item = given.user[kept], given.item[kept]
    times = (given.day[kept] * 86_400e6).astype("M8[us]") if events.timed else None
    acts = ShopActs(
        users[user] if len(user) else np.zeros(0, "<U1"), items[item] if len(item) else np.zeros(0, "<U1"),
        np.zeros(len(kept), "M8[D]") if times is None else times.astype("M8[D]"),
    )  # fmt: skip
    had = _again(events, kept)
    size = _visit_sizes(user, acts.day)
    place = {name: at for at, name in enumerate(places.names)}
    at = np.array([place.get(name, -1) for name in events.items], np.int64)
    vectors = np.zeros((len(kept), shop.settings.dimension), np.float32)
    if len(kept):
        lies = np.where(at[item] >= 0, at[item], 0)
        vectors = np.where((at[item] >= 0)[:, None], places.vectors[lies], 0).astype(np.float32)
    states, category = _of_items(shop, events.items)
    popular = np.append(places.popular, 0.0)[at]
    stranger = np.array([name not in shop.people.places for name in events.users], bool)
    words = states[item] if len(kept) else np.zeros(0, "<U1")
    decided = np.where(stranger[user], np.char.add(words, ", new user"), words) if len(kept) else words
    count = len(kept)
    rows = Batch(
        ids=np.full(count, "", "<U1"), names=acts.item, vectors=vectors,
        scores=popular[item][:, None] if count else np.zeros((0, 1)), certainty=np.zeros(count),
        decided=np.asarray(decided, dtype=str), length=np.log2(size),
        unknown=np.full(count, np.nan), pieces=np.full(count, np.nan), rare=np.full(count, np.nan),
        alphabet=category[item] if count else words,
        disguise=np.full(count, "", "<U1"), sketch=np.zeros((count, 0), np.uint8), terms=np.full(count, "", object),
        cut=had, far=given.disliked[kept], learnt=known[kept], groups=acts.user, times=times, truth=None,
        segments={name: _segment(shop, events, name)[kept] for name in segments}, rows_given=np.arange(count),
        rows=events.rows, problems={one.code: one.events for one in events.aside},
    )  # fmt: skip
    rows = bounded(rows, rng, MOST_EVENTS)
    some = rows.rows_given
    return ShopBatch(
        _ranked(shop, rows, [events.users[one] for one in user[some].tolist()]), acts, _key(events), events.rows,
        int(known.sum()), dict(rows.problems), events.timed,
    )  # fmt: skip


def _ranked(shop: Shop, rows: Batch, users: Sequence[str]) -> Batch:
    """With the share of the catalogue that the shop puts below what was taken; 0 for what it cannot list."""
    found = np.zeros(len(rows))
    placed = shop.item_states != COLD
    of_item = np.array([shop.items.places.get(name, -1) for name in rows.names.tolist()], np.int64)
    names, mine = np.unique(np.array(users, dtype=object), return_inverse=True) if users else ((), np.zeros(0, int))
    order = np.argsort(mine, kind="stable")
    ends = np.searchsorted(mine[order], np.arange(len(names) + 1))
    for start in range(0, len(names), _PEOPLE_AT_ONCE):
        scores = shop.scores([str(one) for one in names[start : start + _PEOPLE_AT_ONCE]])
        for row, mark in enumerate(scores):
            here = order[ends[start + row] : ends[start + row + 1]]
            here = here[of_item[here] >= 0]
            here = here[placed[of_item[here]]]
            ranked = np.sort(mark[placed])
            taken = mark[of_item[here]]
            below = np.searchsorted(ranked, taken, side="left") + np.searchsorted(ranked, taken, side="right") - 1
            found[here] = below / (2 * max(len(ranked) - 1, 1))
    return replace(rows, certainty=np.clip(found, 0, 1))


def _again(events: EventRows, kept: np.ndarray) -> np.ndarray:
    """Whether each event is of a pair that came before on the same day; what was taken on other days is not asked,
    because the shop learns these while its baseline stays."""
    if not len(kept):
        return np.zeros(0, bool)
    given = events.events
    day = np.floor(given.day[kept]).astype(np.int64)
    own = np.stack([given.user[kept].astype(np.int64), given.item[kept].astype(np.int64), day])
    again = np.ones(len(kept), bool)
    again[np.unique(own, axis=1, return_index=True)[1]] = False
    return again


def _visit_sizes(user: np.ndarray, day: np.ndarray) -> np.ndarray:
    if not len(user):
        return np.zeros(0)
    both = np.stack([user.astype(np.int64), day.astype(np.int64)])
    _, place, counts = np.unique(both, axis=1, return_inverse=True, return_counts=True)
    return np.asarray(counts[place.ravel()], np.float64)


def _of_items(shop: Shop, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """How well the shop knows each item, and its category."""
    if not names:
        return np.zeros(0, "<U1"), np.zeros(0, "<U1")
    at = np.array([shop.items.places.get(name, -1) for name in names], np.int64)
    words: np.ndarray = np.array(
        [KNOWN_ITEM if one == "hot" else one for one in shop.item_states.tolist()] + [NEW_ITEM]
    )
    words = np.where(words == "warm", "item known by content", np.where(words == COLD, COLD_ITEM, words))
    column = next(iter(shop.item_features.settings.category), "") if shop.item_features is not None else ""
    kinds = np.full(len(shop.items.names), "", "<U1")
    if column and shop.item_features is not None:
        kinds = _categories(shop.item_features, shop.items.features, column)
    return words[at], np.append(kinds, "")[at]


def _categories(features: FittedFeatures, rows: sparse.csr_array, column: str) -> np.ndarray:
    """The category of each row that tells most, "" for none."""
    head = f"{column}: "
    places = np.array([at for at, name in enumerate(features.names) if name.startswith(head)], np.int64)
    words = np.array([features.names[at].removeprefix(head) for at in places.tolist()] + [""])
    block = sparse.csr_array(rows[:, places])
    found = np.full(rows.shape[0], len(places), np.int64)
    for row in np.flatnonzero(np.diff(block.indptr)).tolist():
        inside = slice(block.indptr[row], block.indptr[row + 1])
        found[row] = block.indices[inside][np.argmax(block.data[inside])]
    return np.asarray(words[found])


def events_segments(shop: Shop, segments: Sequence[str]) -> tuple[str, ...]:
    """Those that are neither a category of the shop's users nor the weekday: columns that events have to have."""
    features = shop.person_features
    known = () if features is None else features.settings.category
    return tuple(name for name in segments if name not in known and name != WEEKDAY)


def in_the_mix(
    reference: Batch, current: Batch, columns: Sequence[str], rng: np.random.Generator
) -> tuple[Batch, Batch]:
    """Both without parts that only one of them has, of columns whose mix may change; of the reference whole visits at
    random, in the mix of the batch by visits, as many as its scarcest part allows.

    A visit is of the part of its first event, so such columns should say one thing of a whole visit.
    """
    if not columns or not len(reference) or not len(current):
        return reference, current
    told = [["\0".join(cells) for cells in zip(*(one.segments[name].tolist() for name in columns), strict=True)]
            for one in (reference, current)]  # fmt: skip
    before, now = (np.array(one, dtype=str) for one in told)
    visit = ShopActs.of(reference).visit
    part = before[np.unique(visit, return_index=True)[1]]
    kept = np.isin(now, part)
    mine = now[np.unique(ShopActs.of(current).visit, return_index=True)[1]]
    names, mix = np.unique(mine[np.isin(mine, part)], return_counts=True)
    if not len(names):
        return reference.take(np.zeros(0, np.int64)), current.take(np.zeros(0, np.int64))
    there = np.array([(part == name).sum() for name in names])
    scale = float((there / mix).min())
    chosen = [
        rng.permutation(np.flatnonzero(part == name))[: max(1, int(np.floor(scale * count + 1e-9)))]
        for name, count in zip(names, mix, strict=True)
    ]
    return reference.take(np.isin(visit, np.concatenate(chosen))), current.take(kept)


def _segment(shop: Shop, events: EventRows, name: str) -> np.ndarray:
    if name in events.more:
        return events.more[name]
    if name == WEEKDAY:
        if not events.timed:
            raise InputError(
                "the events have no times, so no weekday is known", needed="events with times", fix="leave it out"
            )
        # The first of January 1970 was a Thursday.
        return np.asarray(_DAYS[(np.floor(events.events.day).astype(np.int64) + 3) % 7])
    features = shop.person_features
    assert features is not None
    of_people = _categories(features, shop.people.features, name)
    told = [of_people[shop.people.places[one]] if one in shop.people.places else "(new users)" for one in events.users]
    return np.array(told, dtype=str)[events.events.user] if told else np.zeros(0, "<U1")


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def _key(events: EventRows) -> str:
    made = hashlib.sha256(np.sort(events.digests).tobytes())
    made.update(str(events.rows).encode())
    return made.hexdigest()[:32]
