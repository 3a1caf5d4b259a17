"""Tables of events to interactions: which column says what, and what each event means.

Decisions: columns are found by exact lists of the names that data sets and libraries give them, whatever the case and
the marks between words, and never by what they hold; two candidates are a question, not a guess. Only codes and numbers
are kept of what was read, about 25 bytes an event, so ten million events need no more memory than their names.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.core.several import Names, several
from graft.rows import values
from graft.rows.interactions import (
    Aside,
    Decay,
    Delivered,
    EventPairs,
    Interactions,
    event_digests,
    in_order,
    repeated,
    settled,
    together,
)
from graft.rows.named import as_days, day_of, nameable, numbers_of, require_times, timelike, weights_of
from graft.rows.parts import Part, parts

WHAT = "interactions"
Moment = datetime | date | str | float

# As they are without case, marks between words, and the type that RecBole writes behind a colon.
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "user": (
        *("user", "userid", "uid", "customer", "customerid", "visitor", "visitorid", "client", "clientid"),
        *("member", "memberid", "reader", "readerid", "reviewerid"),
    ),
    "item": (
        *("item", "itemid", "iid", "movie", "movieid", "product", "productid", "article", "articleid", "track"),
        *("trackid", "song", "songid", "book", "bookid", "isbn", "asin", "sku", "video", "videoid", "newsid", "gameid"),
    ),
    "weight": ("weight", "weights", "confidence", "count", "counts", "playcount", "plays", "clicks", "quantity"),
    "time": (
        *("datetime", "timestamp", "time", "date", "ts", "eventtime", "eventtimestamp", "createdat"),
        *("unixtime", "unixtimestamp", "unixreviewtime"),
    ),
    "rating": ("rating", "ratings", "stars", "overall"),
}
_TYPE = re.compile(r":(token|float|token_seq|float_seq)$")
_FOR_A_DAY = 1.0
# Of 1970, and the day after which most events are when those are doubted: 1990.
_FIRST_WEEKS, _LATER = 60, 7305
_MOST_DOUBLINGS = 1000


@dataclass(frozen=True)
class InteractionColumns:
    """Which column says what. A name is that column; None is the one of a known name; "" reads none.

    user, item: ids. weight: how much an event counts; without one each counts 1. time: when. rating: an opinion, which
    is no weight.

    >>> InteractionColumns().found(["userId", "movieId", "rating", "timestamp", "note"])
    InteractionColumns(user='userId', item='movieId', weight='', time='timestamp', rating='rating')
    """

    user: str | None = None
    item: str | None = None
    weight: str | None = None
    time: str | None = None
    rating: str | None = None

    def found(self, names: Sequence[str]) -> "InteractionColumns":
        """The columns of a table that has these names, "" for what is not there.

        Raises InputError without a user or an item, for a named column that is not there, and for two candidates.
        """
        told = {part: _found(part, getattr(self, part), names) for part in _ALIASES}
        for part in ("user", "item"):
            if not told[part]:
                raise InputError(
                    f"no column of the {WHAT} names the {part}; there are {', '.join(map(repr, names[:20])) or 'none'}",
                    needed=f"a column called {part}_id, {part}, or as the usual data sets call it",
                    fix=f"name yours: --columns {part}=NAME, or InteractionColumns({part}=NAME)",
                )
        return InteractionColumns(**told)

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are read."""
        chosen = (self.user, self.item, self.weight, self.time, self.rating)
        return tuple(dict.fromkeys(name for name in chosen if name))


def _found(part: str, given: str | None, names: Sequence[str]) -> str:
    if given is not None:
        if given and given not in names:
            raise InputError(
                f"the {WHAT} have no column {given!r}; there are {', '.join(map(repr, names[:20]))}",
                needed=f"the column named as the {part}",
                fix="check the spelling",
            )
        return given
    fitting = [name for name in names if _plain(name) in _ALIASES[part]]
    if len(fitting) > 1:
        also = "" if part in ("user", "item") else f', or {part}="" to read none'
        raise InputError(
            f"{' and '.join(map(repr, fitting))} may both be the {part} of the {WHAT}",
            needed="one column of them",
            fix=f"say which: --columns {part}={fitting[0]}, or InteractionColumns({part}={fitting[0]!r}){also}",
        )
    return fitting[0] if fitting else ""


def id_column(what: str, names: Sequence[str]) -> str:
    """The column of ids of a table of users or items, by the names that events give them; "" where there is none.

    Raises InputError for two candidates.

    >>> id_column("item", ["movieId", "title"])
    'movieId'
    """
    return _found(what, None, names)


def _is_number(value: object) -> bool:
    """Whether this is a finite number, and no text of one."""
    return isinstance(value, int | float | np.number) and bool(np.isfinite(value))


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-.]", "", _TYPE.sub("", name.strip()).lower())


@dataclass(frozen=True)
class Opinions:
    """Which ratings are likes. at_least: these and better ones. dislike_below: worse ones are dislikes.

    What lies between is neither, and set aside, as is all below ``at_least`` where that is given alone; where
    ``dislike_below`` is, the rest are likes.
    """

    at_least: float | None = None
    dislike_below: float | None = None

    def __post_init__(self) -> None:
        for name in ("at_least", "dislike_below"):
            value = getattr(self, name)
            if value is not None and not _is_number(value):
                raise InputError(f"{name} is {value!r}", needed="a rating", fix=f"choose another {name}")
        if self.at_least is not None and self.dislike_below is not None and self.dislike_below > self.at_least:
            raise InputError(
                f"dislike_below={self.dislike_below:g} is above at_least={self.at_least:g}",
                needed="likes that are rated above dislikes",
                fix="exchange them",
            )

    @property
    def given(self) -> bool:
        """Whether anything is said about ratings."""
        return self.at_least is not None or self.dislike_below is not None

    def require(self, columns: InteractionColumns) -> None:
        """Raise InputError when there are ratings and nothing is said about them, or the other way round."""
        if columns.rating and not self.given:
            raise InputError(
                f"the {WHAT} have ratings ({columns.rating!r}), and which of them are likes is not said",
                needed="the rating from which on somebody likes an item",
                fix="--at-least 4 (at_least=4), and --dislike-below 2.5 if low ones are dislikes; or every rating as an"
                ' interaction: --columns rating= or InteractionColumns(rating="")',
            )
        if self.given and not columns.rating:
            raise InputError(
                f"at_least or dislike_below is given, and the {WHAT} have no ratings",
                needed="a column of ratings",
                fix="name it: --columns rating=NAME, or InteractionColumns(rating=NAME)",
            )

    def read(self, ratings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which ratings are dislikes, and which are neither; both bool."""
        disliked = ratings < (-np.inf if self.dislike_below is None else self.dislike_below)
        liked = ~disliked if self.at_least is None else ratings >= self.at_least
        return disliked, ~(disliked | liked)


def read_interactions(
    rows: object,
    *,
    columns: InteractionColumns | None = None,
    at_least: float | None = None,
    dislike_below: float | None = None,
    half_life: float | None = None,
    now: Moment | None = None,
    until: Moment | None = None,
    known: Interactions | None = None,
    gone: Callable[[str], bool] | None = None,
) -> Interactions:
    """Interactions from one row per event.

    rows: a table as Graft reads them, a file, a folder of files, or a list of files; Parquet and large text files are
    read in pieces. columns: found by their names when None. at_least: ratings from which on an event is a like;
    dislike_below: ratings below are dislikes; each such event weighs 1, or its weight. half_life: days after which an
    event weighs half, None for no decay; now: the day ages are counted from, the newest event's when None. until:
    events later than this moment are left out, as if they had not happened yet; when None, what is later than the
    clock by over a day is a mistake, and set aside. known: what was counted before; events with times that are in it
    are set aside, and when there are no others the answer has no pairs. gone: says of a user whether their events are
    left out, because they were erased.
    Raises InputError for a missing id, a cell that is no time or no number, a negative weight, a rating of which nobody
    said what it means, or when nothing is left.

    >>> table = {"user_id": ["a", "b", "a"], "item_id": [7, "7", 7.0], "weight": [1, 2, 3]}
    >>> bought = read_interactions(table)
    >>> bought.users, bought.items, bought.weight.tolist()
    (('a', 'b'), ('7',), [4.0, 2.0])
    """
    opinions = Opinions(at_least, dislike_below)
    if half_life is not None and not (_is_number(half_life) and half_life > 0):
        raise InputError(f"half_life is {half_life!r}", needed="days, above 0", fix="choose another half_life")
    wanted = columns or InteractionColumns()
    seen, timed, there, read = _EventsRead(), None, dict[str, None](), set[str]()
    for part in parts(rows, what=WHAT):
        chosen = wanted.found(part.columns)
        there, read = there | dict.fromkeys(part.columns), read | {*chosen.named}
        opinions.require(chosen)
        timed = _agreed(timed, chosen, half_life is not None or until is not None, part)
        for frame in part.read(chosen.named):
            seen.add(frame, chosen, opinions)
    if not seen.rows:
        raise InputError(f"the {WHAT} have 0 rows", needed="at least one", fix="check the export or the filter")
    found = _interactions(seen, timed=bool(timed), half_life=half_life, now=now, until=until, known=known, gone=gone)
    return replace(found, unread=tuple(name for name in there if name not in read))


@dataclass(frozen=True, eq=False)
class EventRows:
    """Events one by one, in an order that does not hang on that of the file.

    users, items: the names, sorted. events: users and items by their places, the same event twice counted once where
    there are times. more: further columns by name, as words, shape (events,) each. timed: whether there are times.
    digests: of all that each event says, uint64, shape (events,). rows: that were read. aside: those that do not count.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    events: EventPairs
    more: Mapping[str, np.ndarray]
    timed: bool
    digests: np.ndarray
    rows: int
    aside: tuple[Aside, ...]

    def __len__(self) -> int:
        return len(self.events)


def read_events(
    rows: object,
    *,
    columns: InteractionColumns | None = None,
    at_least: float | None = None,
    dislike_below: float | None = None,
    more: Names = (),
) -> EventRows:
    """Events one by one, as ``read_interactions`` reads them, before any is added to another; there may be none.

    more: further columns to read, as words. Raises InputError as ``read_interactions`` does.

    >>> told = read_events({"user_id": ["b", "a"], "item_id": [7, 7]})
    >>> told.users, told.events.user.tolist(), told.timed
    (('a', 'b'), [0, 1], False)
    """
    opinions, wanted = Opinions(at_least, dislike_below), columns or InteractionColumns()
    further = several(more)
    seen, timed = _EventsRead(more={name: [] for name in further}), None
    for part in parts(rows, what=WHAT):
        chosen = wanted.found(part.columns)
        if lacking := [name for name in further if name not in part.columns]:
            raise InputError(
                f"{part.name} have no column {lacking[0]!r}; there are {', '.join(map(repr, part.columns[:20]))}",
                needed="the column named",
                fix="check the spelling",
            )
        opinions.require(chosen)
        timed = _agreed(timed, chosen, False, part)
        for frame in part.read(tuple(dict.fromkeys((*chosen.named, *further)))):
            seen.add(frame, chosen, opinions)
    users, user_places = seen.users.sorted()
    items, item_places = seen.items.sorted()
    if not sum(map(len, seen.user)):
        nothing = EventPairs(*(np.zeros(0, kind) for kind in (np.int32, np.int32, float, bool, float)))
        words = {name: np.zeros(0, "<U1") for name in further}
        told = tuple(one for one in together(seen.aside) if one.events)
        return EventRows((), (), nothing, words, bool(timed), np.zeros(0, np.uint64), seen.rows, told)
    words = {name: _whole(held) for name, held in seen.more.items()}
    events = seen.events(user_places, item_places, timed=bool(timed))
    kept = np.lexsort((events.weight, events.day, events.disliked, events.item, events.user))
    aside = list(seen.aside)
    if timed:
        late = events.day[kept] > _clock() + _FOR_A_DAY
        aside.append(Aside("late", int(late.sum()), "are later than now: is their time in another unit or zone?"))
        kept = kept[~late]
        again = repeated(events.take(kept))
        aside.append(Aside("repeated", int(again.sum()), "are an event that is there already, with the same time"))
        kept = kept[~again]
    events = events.take(kept)
    digests = event_digests(users, items, events)
    told = tuple(one for one in together(aside) if one.events)
    words = {name: held[kept] for name, held in words.items()}
    return EventRows(users, items, events, words, bool(timed), digests, seen.rows, told)


def _agreed(timed: bool | None, columns: InteractionColumns, needed: bool, part: Part) -> bool:
    """Whether there are times, in this part as in those before it."""
    there = bool(columns.time)
    if needed and not there:
        raise InputError(
            f"half_life or until is given, and {part.name} have no times",
            needed="a column of times",
            fix="name it: --columns time=NAME, or InteractionColumns(time=NAME)",
        )
    if timed is not None and timed != there:
        raise InputError(
            f"{part.name} {'have' if there else 'have no'} times, unlike the rows before",
            needed="times in every file or in none",
            fix='read none with --columns time= or InteractionColumns(time="")',
        )
    return there


class _Codes:
    """Ids as codes in the order in which they were first met."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def codes(self, column: pl.Series) -> np.ndarray:
        """int32, -1 where there is no id. A value's name is made once, however often it occurs."""
        distinct = column.unique()
        named = values.ids(distinct).to_list()
        known = self._codes
        numbers = [-1 if name is None else known.setdefault(name, len(known)) for name in named]
        if len(distinct) == 1:
            return np.full(len(column), numbers[0], np.int32)
        coded = column.replace_strict(distinct, pl.Series(numbers, dtype=pl.Int32), return_dtype=pl.Int32)
        return coded.to_numpy()

    def sorted(self) -> tuple[tuple[str, ...], np.ndarray]:
        """The names sorted, and the place of each code among them."""
        names = sorted(self._codes)
        places = np.empty(len(names), np.int32)
        places[[self._codes[name] for name in names]] = np.arange(len(names))
        return tuple(names), places


@dataclass
class _EventsRead:
    """Events so far: codes and numbers, a list of pieces each. rows: how many were read, those left out too."""

    users: _Codes = field(default_factory=_Codes)
    items: _Codes = field(default_factory=_Codes)
    user: list[np.ndarray] = field(default_factory=list)
    item: list[np.ndarray] = field(default_factory=list)
    weight: list[np.ndarray] = field(default_factory=list)
    disliked: list[np.ndarray] = field(default_factory=list)
    when: list[np.ndarray] = field(default_factory=list)
    counted: list[np.ndarray] = field(default_factory=list)
    rows: int = 0
    aside: list[Aside] = field(default_factory=list)
    more: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def add(self, frame: pl.DataFrame, columns: InteractionColumns, opinions: Opinions) -> None:
        """The events of some rows."""
        assert columns.user
        assert columns.item
        weight = weights_of(frame, columns.weight or "", what=WHAT, first=self.rows)
        disliked, neither = np.zeros(frame.height, bool), np.zeros(frame.height, bool)
        if columns.rating:
            ratings = numbers_of(frame, columns.rating, what=WHAT, first=self.rows)
            disliked, neither = opinions.read(ratings)
        kept = ~neither & (weight > 0)
        self.aside.append(Aside("between", int(neither.sum()), "rated neither well nor badly enough to say anything"))
        self.aside.append(Aside("weightless", int((~neither & (weight == 0)).sum()), "weigh nothing"))
        self.user.append(self._ids(self.users, frame, columns.user)[kept])
        self.item.append(self._ids(self.items, frame, columns.item)[kept])
        self.weight.append(weight[kept])
        self.disliked.append(disliked[kept])
        for name, held in self.more.items():
            words = values.written_names(frame[name]).fill_null("").to_list()
            held.append((np.array(words, dtype=str) if words else np.zeros(0, "<U1"))[kept])
        if columns.time:
            told, counted, _ = values.uncounted_times(timelike(frame, columns.time, what=WHAT))
            require_times(frame[columns.time], ~(np.isnat(told) & np.isnan(counted)), what=WHAT, first=self.rows)
            number = ~np.isnan(counted)
            self.when.append(np.where(number, counted, as_days(told))[kept])
            self.counted.append(number[kept])
        self.rows += frame.height

    def _ids(self, names: _Codes, frame: pl.DataFrame, column: str) -> np.ndarray:
        codes = names.codes(nameable(frame, column, WHAT))
        bad = np.flatnonzero(codes < 0)
        if len(bad):
            raise InputError(
                f"row {bad[0] + self.rows} of the {WHAT} has no {column!r} ({len(bad):,} of the rows around it are so)",
                needed="an id in every row",
                fix="drop those rows, or fill them in",
            )
        return codes

    def days(self) -> np.ndarray:
        """Days since 1970 of every event. What numbers count, seconds or nanoseconds, is seen from all of them."""
        when, numbers = _whole(self.when), _whole(self.counted)
        if numbers.any():
            counted = np.where(numbers, when, np.nan)
            found, bad = values.counted_times(counted)
            days = as_days(found)
            # Seconds among milliseconds look like these days, and so does a missing time that was written as 0.
            if np.nanmedian(days) > _LATER:
                bad |= (days >= 0) & (days < _FIRST_WEEKS)
            if bad.any():
                raise InputError(
                    f"{int(bad.sum()):,} of the {WHAT} have a time that is none beside the others, such as"
                    f" {counted[np.flatnonzero(bad)[0]]:.0f}",
                    needed="times of one unit: seconds, milliseconds, microseconds or nanoseconds since 1970",
                    fix="write them in one unit, or as dates; leave out events whose time is missing",
                )
            when[numbers] = days[numbers]
        return when

    def events(self, user_places: np.ndarray, item_places: np.ndarray, *, timed: bool) -> EventPairs:
        """Every event, once: the pieces are let go of."""
        day = self.days() if timed else np.zeros(sum(map(len, self.weight)))
        user, item = user_places[_whole(self.user)], item_places[_whole(self.item)]
        return EventPairs(user, item, _whole(self.weight), _whole(self.disliked), day)


def _interactions(
    seen: _EventsRead,
    *,
    timed: bool,
    half_life: float | None,
    now: Moment | None,
    until: Moment | None,
    known: Interactions | None,
    gone: Callable[[str], bool] | None,
) -> Interactions:
    users, user_places = seen.users.sorted()
    items, item_places = seen.items.sorted()
    events = seen.events(user_places, item_places, timed=timed)
    aside, delivered, before = list(seen.aside), Delivered(), 0
    if gone is not None:
        theirs = np.array([gone(name) for name in users], bool)[events.user]
        before = int(theirs.sum())
        aside.append(Aside("erased", before, "are of users who were erased before"))
        events = events.take(~theirs) if before else events
    if timed:
        late = events.day > (_clock() + _FOR_A_DAY if until is None else day_of(until))
        why = "are later than now: is their time in another unit or zone?" if until is None else "are later than asked"
        aside.append(Aside("late", int(late.sum()), why))
        events = in_order(events.take(~late) if late.any() else events)
        again = repeated(events)
        aside.append(Aside("repeated", int(again.sum()), "are an event that is there already, with the same time"))
        events = events.take(~again) if again.any() else events
        digests = event_digests(users, items, events)
        if known is not None:
            there = known.delivered.knows(digests)
            before += int(there.sum())
            aside.append(Aside("delivered", int(there.sum()), "were delivered before, and do not count again"))
            events, digests = (events.take(~there), digests[~there]) if there.any() else (events, digests)
        delivered = Delivered.of(events, digests)
    else:
        events = in_order(events)
    decay = None
    if half_life is not None and len(events):
        decay = Decay(half_life, float(events.day.max()) if now is None else day_of(now))
        events, faded = _decayed(events, decay)
        aside.append(Aside("faded", faded, "are so old that nothing is left of their weight"))
    told = tuple(one for one in together(aside) if one.events)
    if not len(events) and not before:
        left = ", and ".join(f"{one.events:,} {one.why}" for one in told)
        raise InputError(
            f"of {seen.rows:,} {WHAT} none counts: {left}", needed="some that count", fix="check the export"
        )
    pairs, overruled = settled(events)
    # Whom only events name that were set aside was not there.
    return Interactions(users, items, pairs, overruled, timed, decay, len(events), told, delivered).met()


def _whole(pieces: list[np.ndarray]) -> np.ndarray:
    """The pieces as one array; they are let go of."""
    whole = np.concatenate(pieces)
    pieces.clear()
    return whole


def _clock() -> float:
    """Days since 1970 now."""
    return datetime.now(UTC).timestamp() / 86_400


def _decayed(events: EventPairs, decay: Decay) -> tuple[EventPairs, int]:
    """Events with the weight that is left of them, and how many have none left."""
    doublings = (events.day - decay.now) / decay.half_life
    if doublings.max() > _MOST_DOUBLINGS:
        raise InputError(
            f"an event is {(events.day - decay.now).max():,.0f} days later than the moment that ages are counted from",
            needed=f"less than {_MOST_DOUBLINGS:,} half-lives of {decay.half_life:g} days",
            fix="choose a longer half_life, or a later now and read everything anew",
        )
    weight = events.weight * np.exp2(doublings)
    # Below these a number loses its digits, and a sum of them what it is summed in.
    left = weight > np.finfo(float).tiny
    return replace(events, weight=weight).take(left), int((~left).sum())
