"""The recommender that ``import graft`` hands out."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import polars as pl

from graft.bundle.folders import settled
from graft.bundle.shop import load_shop
from graft.bundle.shop_documents import keep_shop
from graft.bundle.shop_lineage import ADD_EVENTS, ADD_ITEMS, ERASE, ShopLineage, fitted_from, read_lineage
from graft.bundle.shop_vectors import ShopExport, export_vectors
from graft.core.display import as_progress
from graft.core.errors import InputError
from graft.core.files import write_json, write_text
from graft.core.progress import Progress
from graft.core.several import Names, several
from graft.entities.exploration import Exploration, Exposures
from graft.entities.factorisation import Factorisation
from graft.entities.item_features import DescribedRows, FittedFeatures, ItemFeatures
from graft.entities.reasons import Reasons
from graft.entities.shop import COLD, Made, Placement, Rules, Shop
from graft.facts.recommend import LeakProbe
from graft.recommend.fitting import FitChoice, Try, make_shop
from graft.recommend.forbidden import PROXY_LIMIT, left_out
from graft.recommend.terms import EVENTS, ITEMS, USERS, Given, recorded_rows, require_terms
from graft.rows import values
from graft.rows.events import InteractionColumns, id_column, read_interactions
from graft.rows.interactions import Interactions
from graft.rows.named import ids_given, ids_of, read_columns, timelike
from graft.rows.table import read_frame

_SHOWN_REASONS = 3
_VALUES = (str, int, float, np.generic, date)


@dataclass(frozen=True)
class EventReading:
    """How events are read: columns, and what ratings mean; see ``read_interactions``."""

    columns: InteractionColumns | None = None
    at_least: float | None = None
    dislike_below: float | None = None
    half_life: float | None = None


class Recommender:
    """Recommendations that also place what has no history.

    recommender = Recommender(item_text=("title",), item_category=("genre",)).fit(events, items=items)
    recommender.recommend(["u1"], k=10)

    item_text, item_category, item_number, user_category, user_number: columns of the tables of items and users. source:
    a pretrained source for the items' text beside its words, "" for none. item_image: a column of pictures of the
    items; image_source: what reads them. item_id, user_id: the columns of ids. keep: further columns of items, for
    rules such as ``most_per``. forbid: columns of either table that must not be used, nor
    those that stand for them: ``proxy_limit`` is the area under the curve from which on a column does (1: none does).
    made, made_by: columns of items that say when their content was made and by which users. reading: how events are
    read. dimension: of the vectors. tries: settings that are tried at most; 1 takes the usual ones. seed: of everything
    random.

    Threads may share one: what they add is added one after the other, and lists are those of before or of after.
    """

    def __init__(
        self,
        *,
        item_text: Names = (),
        item_category: Names = (),
        item_number: Names = (),
        item_image: str = "",
        image_source: str = "lite0",
        item_id: str = "",
        user_category: Names = (),
        user_number: Names = (),
        user_id: str = "",
        source: str = "",
        keep: Names = (),
        forbid: Names = (),
        proxy_limit: float = PROXY_LIMIT,
        made: str = "",
        made_by: str = "",
        reading: EventReading = EventReading(),
        dimension: int = 64,
        tries: int = 7,
        seed: int = 0,
    ) -> None:
        if not isinstance(tries, int) or tries < 1:
            raise InputError(f"tries is {tries!r}", needed="a whole number of at least 1", fix="tries=1 tries nothing")
        text, category, number = several(item_text), several(item_category), several(item_number)
        image = (item_image,) if item_image else ()
        self._items = ItemFeatures(
            id=item_id, text=text, category=category, number=number, source=source, image=image,
            image_source=image_source,
        )  # fmt: skip
        self._users = ItemFeatures(id=user_id, category=several(user_category), number=several(user_number))
        self._made = Made(made, made_by)
        self._keep = tuple(dict.fromkeys((*several(keep), *(name for name in (made, made_by) if name))))
        self._forbidden, self._proxy_limit = several(forbid), proxy_limit
        if both := sorted({*self._items.columns, *self._users.columns, *self._keep} & set(self._forbidden)):
            raise InputError(
                f"the column {both[0]!r} is named and forbidden", needed="one of the two", fix="leave it out of one"
            )
        self._reading, self._tries, self._seed = reading, tries, seed
        self._start = FitChoice(Factorisation(dimension=dimension, seed=seed))
        self._shop: Shop | None = None
        self._folder: Path | None = None
        self.lineage: ShopLineage | None = None
        self.left_out: tuple[str, ...] = ()
        self.unlisted: Mapping[str, tuple[str, ...]] = {}
        self.added: Interactions | None = None
        self.tries: tuple[Try, ...] = ()
        self.proxies: tuple[LeakProbe, ...] = ()
        self._one_at_a_time = Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the lock, so that it can be copied and sent to another process."""
        return {name: value for name, value in self.__dict__.items() if name != "_one_at_a_time"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state, _one_at_a_time=Lock())

    @property
    def shop(self) -> Shop:
        """What serves. Raises InputError before the fit."""
        if self._shop is None:
            raise InputError("the recommender is not fitted", needed="fit(interactions, items=...)", fix="fit it first")
        return self._shop

    def fit(
        self, interactions: object, items: object | None = None, users: object | None = None,
        *, use: Names = (), erased: Callable[[str], bool] | None = None, progress: Progress | bool = False,
    ) -> "Recommender":  # fmt: skip
        """Learn from one row per event, and from tables of items and users; itself.

        What is read is recorded in the ledger first. use: what the recommender is for; a source or rows whose terms
        block it are refused before anything is learnt. erased: says of a user whether they were erased: such users are
        left out, with their events (see ``graft.bundle.shop_erasure.erased_from``).
        Raises InputError for rows that cannot be read, and for columns that are not there; GateNotMet for a use that is
        blocked.
        """
        events, self.left_out = self._events(interactions, None), ()
        self._require_forbidden(items, users)
        given = {EVENTS: (interactions, events), ITEMS: (items, items), USERS: (users, users)}
        terms = require_terms(given, self._sources, use=use, tell=as_progress(progress).say)
        if erased is not None:
            self.left_out = tuple(name for name in events.users if erased(name))
            events = events.without(users=self.left_out).met() if self.left_out else events
            if self.left_out and not len(events):
                raise InputError(
                    "everybody in these events was erased",
                    needed="events of somebody else",
                    fix="give others; --with-erased (erased=None) learns from them, if they came back",
                )
            users = None if users is None else self._without(users, erased)
        things = self._described(items, self._items, "item")
        people = self._described(users, self._users, "user")
        self._require_made(items)
        # Whom events name and the table does not: where these are many, ids are written in two ways.
        self.unlisted = {
            what: tuple(sorted({*names}.difference(table[1].ids)))
            for what, names, table in (("items", events.items, things), ("users", events.users, people))
            if table is not None
        }
        threads = max(1, int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
        shop, fitted = make_shop(
            events, items=things, people=people, start=self._start, tries=self._tries, seed=self._seed,
            threads=threads, progress=as_progress(progress),
        )  # fmt: skip
        shop = replace(shop, columns=self._kept(items, shop), forbidden=self._forbidden, made=self._made)
        self._shop, self.tries, self.lineage = shop, fitted.tries, fitted_from(terms.rows, terms.sources)
        return self

    def read_as(self, reading: EventReading) -> "Recommender":
        """Read events so from now on; itself."""
        self._reading = reading
        return self

    def read(self, interactions: object) -> Interactions:
        """Events as this recommender reads them, ages counted from the moment of the fit, without those it counted."""
        return self._events(interactions, None if self._shop is None else self._shop.events)

    def _events(
        self, interactions: object, known: Interactions | None, gone: Callable[[str], bool] | None = None
    ) -> Interactions:
        if isinstance(interactions, Interactions):
            left = [name for name in interactions.users if gone(name)] if gone else []
            return interactions.without(users=left).met() if left else interactions
        one, decay = self._reading, None if known is None else known.decay
        return read_interactions(
            interactions, columns=one.columns, at_least=one.at_least, dislike_below=one.dislike_below,
            half_life=one.half_life, now=None if decay is None else decay.now * 86_400.0, known=known,
            gone=gone,
        )  # fmt: skip

    def recommend(
        self,
        users: Names,
        k: int = 10,
        *,
        filter_viewed: bool = True,
        items: Names | None = None,
        context: object | None = None,
        rules: Rules | None = None,
        on_unknown: str = "answer",
        explore: Exploration | None = None,
        before: Exposures | None = None,
    ) -> pl.DataFrame:
        """Lists: user, item, score, rank (from 1), state (of the item), user_state, basis.

        States: ``hot`` has interactions, ``warm`` has features only, ``cold`` has nothing. items: only these. context:
        a table of the users' features, for this call, or what holds for all of them: {"country": "DE"}. rules:
        availability, exclusions, most of one kind. explore: a share of the places is given to new items, drawn from
        what is known of them; the lists then have the columns list (its number), explored, propensity (how likely the
        item was to be in this list) and propensity_error. The budget goes on from the lists that were answered
        ``before``: ``before = before.after(lists)``.
        Raises InputError for an unknown user with ``on_unknown="raise"``.
        """
        given = rules or Rules()
        given = replace(given, filter_viewed=given.filter_viewed and filter_viewed)
        names = ids_given(users, what="users")
        shop = self.shop
        found = shop.recommend(
            names, _count(k), items=_names(items), rules=given, contexts=_contexts(shop, context, names),
            on_unknown=on_unknown, explore=explore, before=before,
        )  # fmt: skip
        return found.frame

    def recommend_session(
        self, taken: Names, k: int = 10, *, context: Mapping[str, object] | None = None,
        items: Names | None = None, rules: Rules | None = None, explore: Exploration | None = None,
        before: Exposures | None = None,
    ) -> pl.DataFrame:  # fmt: skip
        """A list for somebody who took these items just now and is not kept, or for nobody but a context."""
        found = self.shop.recommend_session(
            ids_given(taken, what="items"), _count(k), context=context, items=_names(items), rules=rules or Rules(),
            explore=explore, before=before,
        )  # fmt: skip
        return found.frame

    def similar(self, item: str, k: int = 10, *, within: float | None = None) -> pl.DataFrame:
        """Items that people take to alike: item, alike, state, relation (``substitute``, ``complement``, ``both`` or
        ``unclear``), and how many times as often as by chance both are taken: together, low, high.

        within: in one visit, of days; None for ever. Raises InputError for an item without a place.
        """
        return self.shop.similar(_id(item, "items"), _count(k), within=within)

    def together(self, item: str, k: int = 10, *, within: float | None = None) -> pl.DataFrame:
        """What belongs to an item: taken together with it beyond chance, with intervals; see ``Shop.together``."""
        return self.shop.together(_id(item, "items"), _count(k), within=within)

    def without_place(self, items: Names) -> tuple[str, ...]:
        """Those of these items that no list can hold: unknown ones, and those of which nothing is known."""
        shop = self.shop
        return tuple(
            name
            for name in dict.fromkeys(ids_given(items, what="items"))
            if name not in shop.items.places or shop.item_states[shop.items.places[name]] == COLD
        )

    def place(self, item: str) -> Placement:
        """Where an item stands, and what that rests on."""
        return self.shop.place(_id(item, "items"))

    def explain(self, user: str, item: str, *, context: object | None = None) -> Reasons:
        """Why the score of an item is what it is: shares of what the user took, of context and of popularity.

        context: as for the list that the score stands in.
        """
        return _reasons(self.shop, user, item, context)

    def explained(self, user: str, item: str, *, context: object | None = None) -> str:
        """The same as a sentence."""
        shop = self.shop
        told = _reasons(shop, user, item, context)
        order = sorted(range(len(told.taken)), key=lambda at: -told.shares[at])[:_SHOWN_REASONS]
        names = [f"{shop.items.names[int(told.taken[at])]} ({told.shares[at]:+.3f})" for at in order]
        parts = [f"because of {', '.join(names)}"] if names else ["no history"]
        others = float(told.shares.sum() - sum(told.shares[at] for at in order))
        parts += [f"other history {others:+.3f}"] if len(told.taken) > len(order) else []
        parts += [f"context {told.context:+.3f}", f"popularity {told.popularity:+.3f}", f"rest {told.rest:+.3f}"]
        return f"{item} for {user}: {told.score:.3f} = " + ", ".join(parts)

    def add_items(self, items: object) -> "Recommender":
        """Place new items by their content, and describe known ones anew; itself. Nothing else moves."""
        with self._one_at_a_time:
            shop = self.shop.with_items(items)
            self._shop = replace(shop, columns={**shop.columns, **self._kept(items, shop)})
            self._step(ADD_ITEMS, {ITEMS: (items, items)})
        return self

    def add_events(
        self, interactions: object, *, erased: Callable[[str], bool] | None = None
    ) -> "Recommender":  # fmt: skip
        """Further events: whom and what they concern is solved exactly anew; itself. ``added`` is what was counted.

        Events with times that were counted before do not count again; without times nobody can tell, and they do.
        erased: as for ``fit``; who came back since, and is known, counts again.
        """
        with self._one_at_a_time:
            people = self.shop.people.places
            gone = None if erased is None else lambda name: name not in people and erased(name)
            self.added = events = self._events(interactions, self.shop.events, gone)
            self._shop = self.shop.with_events(events)
            self._step(ADD_EVENTS, {EVENTS: (interactions, events)})
        return self

    def forget(self, users: Names) -> "Recommender":
        """Forget users: their pairs, names and places are gone; itself.

        Vectors of items that were fitted with them stay until the next fit. A folder it was saved to still holds them:
        ``graft.bundle.shop_erasure.erase_users`` erases them there, with a receipt.
        """
        names = ids_given(users, what="users")
        with self._one_at_a_time:
            gone = sum(name in self.shop.people.places for name in names)
            self._shop = self.shop.without_people(names)
            self._step(ERASE, {}, f"{gone:,} users")
        return self

    def save(self, folder: str | Path) -> Path:
        """Write everything that serves into a folder, which ``Recommender.load`` reads, and record it in the ledger."""
        self._folder = keep_shop(folder, self.shop, self.lineage)
        return self._folder

    def export(self, table: str | Path, *, of: str = "items") -> ShopExport:
        """Write the vectors of ``items`` or ``users`` into an embedding table, to be searched, compared and erased.

        Their space is that of this fit: later calls update the table, after a new fit another one is needed. Raises
        SpaceMismatch for a table of another space.
        """
        return export_vectors(self.shop, table, of=of, lineage=self.lineage, folder=self._folder)

    @classmethod
    def load(cls, folder: str | Path, *, verify: bool = True) -> "Recommender":
        """A saved recommender. Raises BundleError where it is not as it was written."""
        shop = load_shop(folder, verify=verify)
        half_life = None if shop.events.decay is None else shop.events.decay.half_life
        made = cls(dimension=shop.settings.dimension, reading=EventReading(half_life=half_life))
        made._shop, made.lineage, made._folder = shop, read_lineage(settled(Path(folder))), Path(folder)
        return made

    @property
    def _sources(self) -> dict[str, str]:
        """What reads the items, by what it reads."""
        chosen = self._items
        read = {"text": chosen.source, "image": chosen.image_source if chosen.image else ""}
        return {what: reference for what, reference in read.items() if reference}

    def _step(self, did: str, given: Mapping[str, Given], said: str = "") -> None:
        """Note what was done, where it is known what was done before."""
        if self.lineage is not None:
            rows = {what: recorded_rows(what, one) for what, one in given.items()}
            self.lineage = self.lineage.stepped(did, rows, said)

    def _without(self, users: Any, erased: Callable[[str], bool]) -> pl.DataFrame:
        """A table of users without those who were erased."""
        frame = read_frame(users, empty=True).frame
        ids = ids_of(frame, self._users.id or _id_column(users, "user"), what="users").to_list()
        return frame.filter(pl.Series([not erased(name) for name in ids], dtype=pl.Boolean))

    def _require_forbidden(self, *tables: Any) -> None:
        self.proxies = ()
        there = {name for rows in tables if rows is not None for name in read_frame(rows, empty=True).frame.columns}
        if missing := [name for name in self._forbidden if name not in there]:
            raise InputError(
                f"the forbidden column {missing[0]!r} is in no table",
                needed="its values, to find columns that stand for it; they are not kept",
                fix="give the table that has it, or correct its name",
            )

    def _require_made(self, items: object | None) -> None:
        """Raise InputError where the columns that say when and by whom content was made are not there, or say no time.

        Told before the fit; an evaluation would otherwise take all content for made too late.
        """
        named = [name for name in (self._made.when, self._made.by) if name]
        if not named:
            return
        if items is None:
            raise InputError(
                f"{named[0]!r} is to say when or by whom content was made, and no table of items is given",
                needed="the table: --items FILE, or items=...",
                fix="give it, or leave the column out",
            )
        frame = read_columns(items, named, what="items")
        if not self._made.when:
            return
        told = timelike(frame, self._made.when, what="items").drop_nulls()
        if told.len() and np.isnat(values.times(told)[0]).all():
            raise InputError(
                f"no cell of {self._made.when!r} is a time; the first is {str(told[0])[:60]!r}",
                needed="when the content of each item was made",
                fix="dates, ISO 8601, or numbers since 1970; or name another column",
            )

    def _described(self, rows: Any, chosen: ItemFeatures, what: str) -> tuple[FittedFeatures, DescribedRows] | None:
        """Features of a table of items or users; ``chosen`` names the column of ids, or leaves it to be found."""
        if rows is None:
            if chosen.columns:
                raise InputError(
                    f"columns of {what}s are named and no table of {what}s is given",
                    needed=f"the table: --{what}s FILE, or {what}s=...",
                    fix="give it, or leave the columns out",
                )
            return None
        if not chosen.columns:
            raise InputError(
                f"a table of {what}s is given and no column of it is named",
                needed=f"which columns describe them, for example --{what}-category, or {what}_category=...",
                fix="name some, or leave the table out",
            )
        chosen = chosen if chosen.id else replace(chosen, id=_id_column(rows, what))
        names = set(read_frame(rows, empty=True).frame.columns) if self._forbidden else set()
        if forbidden := tuple(name for name in self._forbidden if name in names):
            chosen, found = left_out(rows, chosen, forbidden, limit=self._proxy_limit, seed=self._seed)
            self.proxies = (*self.proxies, *found)
        fitted = chosen.fit(rows)
        return fitted, fitted.transform(rows)

    def _kept(self, items: object | None, shop: Shop) -> dict[str, tuple[str | None, ...]]:
        names = self._keep or tuple(shop.columns)
        if items is None or not names or shop.item_features is None:
            return {}
        chosen = shop.item_features.settings
        frame = read_columns(items, [chosen.id, *names], what="items")
        ids = ids_of(frame, chosen.id, what="items").to_list()
        kept = {}
        for name in names:
            told = dict(zip(ids, values.written_names(frame[name]).to_list(), strict=True))
            before = dict(zip(shop.items.names, shop.columns.get(name, ()), strict=False))
            kept[name] = tuple(told.get(item, before.get(item)) for item in shop.items.names)
        return kept


def _id_column(rows: Any, what: str) -> str:
    """The column of ids of a table of items or users, found by its name as in events."""
    names = list(read_frame(rows, empty=True).frame.columns)
    found = id_column(what, names)
    if not found:
        raise InputError(
            f"no column of the {what}s is called {what}_id or {what}; there are {', '.join(map(repr, names[:20]))}",
            needed=f"the column of ids of the {what}s",
            fix=f"name it: --{what}-id NAME, or {what}_id=NAME",
        )
    return found


def _reasons(shop: Shop, user: object, item: object, context: object | None) -> Reasons:
    name = _id(user, "users")
    return shop.reasons(name, _id(item, "items"), contexts=_contexts(shop, context, (name,)))


def _contexts(shop: Shop, given: object | None, users: Sequence[str]) -> object | None:
    """A table of the users' features; a mapping of single values is that of all these users."""
    if not isinstance(given, Mapping) or not all(one is None or isinstance(one, _VALUES) for one in given.values()):
        return given
    name = "user" if shop.person_features is None else shop.person_features.settings.id
    named = list(dict.fromkeys(users))
    return {name: named, **{column: [value] * len(named) for column, value in given.items() if column != name}}


def _names(given: Names | None) -> tuple[str, ...] | None:
    return None if given is None else ids_given(given, what="items")


def _id(given: object, what: str) -> str:
    named = ids_given(given, what=what)
    if len(named) != 1:
        raise InputError(f"{len(named):,} {what} are given", needed="one of them", fix="ask one after the other")
    return named[0]


def _count(k: int) -> int:
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise InputError(f"k is {k!r}", needed="a whole number of at least 1", fix="choose another k")
    return int(k)


def write_lists(frame: pl.DataFrame, out: Path) -> None:
    """Lists as CSV, or as JSON by the ending of the file; whole or not at all."""
    if out.suffix.lower() == ".json":
        write_json(out, json.loads(frame.write_json()))
    else:
        write_text(out, frame.write_csv())
