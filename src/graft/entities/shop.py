"""Who likes what, by name: a fitted model of preferences with its people, its goods and what happened between them.

This is what serves. It knows every pair that was ever observed, so whatever is added later is solved exactly as it
would have been at once; what was fitted (anchors, content maps, weights of the views) stays until the next fit.

States, as the field names them: ``hot`` has interactions, ``warm`` has features only, ``cold`` has nothing.

Decisions: an item of which nothing is known is never put into a list, because any place for it would be invented; rules
of the business are applied before the list is cut, not after; a person is answered in whatever state, and the answer
says in which.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl
from scipy import sparse

from graft.core.errors import InputError
from graft.core.several import Names
from graft.entities.content_map import ContentMap
from graft.entities.exploration import COLUMNS, Doubtful, Exploration, Exposures, ListExplorer, OneList, Quota
from graft.entities.factorisation import Factorisation
from graft.entities.item_features import DescribedRows, FittedFeatures, content_neighbours
from graft.entities.posterior import Observed, Spreads, precision, spreads
from graft.entities.preferences import People, Preferences
from graft.entities.reasons import Reasons, described, reasons
from graft.entities.top_lists import top_lists
from graft.evidence.together import LEAST_TAKEN, TakenWith, taken_with
from graft.rows.interactions import Interactions
from graft.rows.named import ids_given

HOT, WARM, COLD = "hot", "warm", "cold"
BASIS = {
    (HOT, HOT): "behaviour",
    (HOT, WARM): "content",
    (WARM, HOT): "context",
    (COLD, HOT): "popularity",
    (WARM, WARM): "content alone",
    (COLD, WARM): "content alone",
}
_PEOPLE_AT_ONCE = 128
_COMPARED, _LONGEST = 20_000, 100  # names, and characters of one, that are looked through for what was meant
# The cosine of features from which on two items are alike in content, and how many stand in for a new one
# until so many baskets tell.
_ALIKE, _STAND_INS, _TELLING = 0.3, 5, 20


@dataclass(frozen=True)
class Rules:
    """What may be recommended. available: only these items; None for all. exclude: never these. Both as events name
    them: 7, 7.0 and "7" are one. most_per: at most so many of one value of a column of the items, as ("brand", 2).
    filter_viewed: leave out what a user already has."""

    available: Names | None = None
    exclude: Names = ()
    most_per: tuple[str, int] | None = None
    filter_viewed: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "exclude", ids_given(self.exclude, what="items"))
        if self.available is not None:
            object.__setattr__(self, "available", ids_given(self.available, what="items"))
        if self.most_per is None:
            return
        if not (isinstance(self.most_per, tuple | list) and [*map(type, self.most_per)] == [str, int]):
            raise InputError(
                f"most_per is {self.most_per!r}", needed="a kept column and a number", fix='for example ("brand", 2)'
            )
        if self.most_per[1] < 1:
            raise InputError(
                f"at most {self.most_per[1]} of one {self.most_per[0]}", needed="1 or more", fix="or leave the rule out"
            )


@dataclass(frozen=True, eq=False)
class Known:
    """Rows by name. names: in the order of the model. described: their features, in the same order."""

    names: tuple[str, ...]
    features: sparse.csr_array
    said: np.ndarray

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each name."""
        return {name: place for place, name in enumerate(self.names)}

    @property
    def usable(self) -> np.ndarray:
        """Whether anything is known about each but its name, bool, shape (rows,)."""
        return np.asarray(self.said.any(axis=1)) if self.said.shape[1] else np.zeros(len(self.names), bool)

    def with_these(self, other: DescribedRows) -> "Known":
        """And these, after them."""
        features = sparse.vstack([self.features, other.features], format="csr")
        return Known((*self.names, *other.ids), sparse.csr_array(features), np.concatenate([self.said, other.known]))


@dataclass(frozen=True)
class Made:
    """Columns of the items that say when their content was made, and by whom (user ids, several with commas); empty
    where nothing says it."""

    when: str = ""
    by: str = ""


@dataclass(frozen=True)
class Neighbour:
    """Another item, and how alike it is: the cosine of their features."""

    item: str
    alike: float


@dataclass(frozen=True)
class Placement:
    """The certificate of where an item was put.

    state: hot, warm or cold. placed: False when nothing usable is known: it then has no place. coverage: share of the
    columns that said something known. neighbours: the most alike of the items somebody met. prior: weight of content
    against behaviour, the mean over directions of what is not learnt from pairs, 1 when nobody met it. radius: how far
    off the place may be, one standard deviation of a direction in the unit of the vectors: what content leaves
    unexplained, less what pairs tell. interactions: how many met it. why: in words.
    """

    item: str
    state: str
    placed: bool
    coverage: float
    neighbours: tuple[Neighbour, ...]
    prior: float
    radius: float
    interactions: int
    why: str


@dataclass(frozen=True, eq=False)
class Ranked:
    """Lists of items. frame: user, item, score, rank (from 1), state (of the item), user_state, basis (what the score
    rests on). left_out: items that were asked for and have no place, or are unknown."""

    frame: pl.DataFrame
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Shop:
    """See the module.

    model: of preferences. events: every pair there is. people, items: by the places of the model. person_features,
    item_features: how rows become features, None where there are none. content, context: maps from features to vectors.
    columns: further columns of items by name, for rules, each a value per item. neighbours: how many alike items count.
    misfit: variance of the vectors about what content says, mean over dimensions. forbidden: columns that must not be
    told. made: where items say when and by whom they were described. by_events: items that came with events after the
    fit and that no table has named: they go with those who brought them.
    """

    model: Preferences
    events: Interactions
    people: Known
    items: Known
    person_features: FittedFeatures | None
    item_features: FittedFeatures | None
    content: ContentMap
    context: ContentMap
    neighbours: int
    misfit: float
    columns: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    made: Made = Made()
    by_events: frozenset[str] = frozenset()

    @property
    def settings(self) -> Factorisation:
        """Of the factorisation."""
        return self.model.factors.settings

    @cached_property
    def item_states(self) -> np.ndarray:
        """The state of each item, shape (items,)."""
        return np.where(self.model.met, HOT, np.where(self.items.usable, WARM, COLD))

    @cached_property
    def person_states(self) -> np.ndarray:
        """The state of each user, shape (users,)."""
        return np.where(self.model.pairs.counts > 0, HOT, np.where(self.people.usable, WARM, COLD))

    # Lists

    def recommend(
        self,
        users: Sequence[str],
        k: int = 10,
        *,
        items: Sequence[str] | None = None,
        rules: Rules = Rules(),
        contexts: object | None = None,
        on_unknown: str = "answer",
        explore: Exploration | None = None,
        before: Exposures | None = None,
    ) -> Ranked:
        """Lists for users by name; unknown ones are new people, with ``contexts`` (a table) where it names them.

        explore: give new items a share of the places, after the lists that were answered ``before``; the frame then
        has the columns list (its number), explored, propensity and propensity_error too.
        Raises InputError for an unknown user with ``on_unknown="raise"``.
        """
        if on_unknown not in ("answer", "raise"):
            raise InputError(f"on_unknown is {on_unknown!r}", needed="answer or raise", fix="choose one of them")
        unknown = [name for name in users if name not in self.people.places]
        if unknown and on_unknown == "raise":
            raise InputError(
                f"{len(unknown):,} unknown users, the first is {unknown[0]!r}",
                needed="users with interactions, or of the table of users",
                fix='on_unknown="answer" answers them by what is known about everybody',
            )
        given = self._contexts(contexts, users)
        wanted, left_out = self._candidates(items, rules)
        explorer = None if explore is None else self._explorer(explore, before)
        frames = [self._empty(explorer)]
        for start in range(0, len(users), _PEOPLE_AT_ONCE):
            some = list(users[start : start + _PEOPLE_AT_ONCE])
            people, states, seen = self._people(some, given)
            shown = seen if rules.filter_viewed else None
            frames.append(self._lists(some, people, states, shown, k, wanted, rules, explorer))
        return Ranked(pl.concat(frames), left_out)

    def chances(
        self, users: Sequence[str], k: int = 10, *, rules: Rules = Rules(), explore: Exploration | None = None
    ) -> sparse.csr_array:
        """How likely each item is to be in the list of each user, shape (users, items): 0 or 1 without exploration."""
        wanted, _ = self._candidates(None, rules)
        explorer = None if explore is None else self._explorer(explore, None)
        rows = []
        for start in range(0, len(users), _PEOPLE_AT_ONCE):
            people, _, seen = self._people(list(users[start : start + _PEOPLE_AT_ONCE]), {})
            scores = self._allowed(people, seen if rules.filter_viewed else None, wanted)
            if explorer is None:
                places = self._best(scores, k, rules)[0]
                there = places >= 0
                values, columns = np.ones(int(there.sum())), places[there]
                ends = np.append(0, np.cumsum(there.sum(axis=1)))
            else:
                lists = explorer.answer(scores, people.vectors, k, self._quota(rules))
                values = np.concatenate([one.chance for one in lists])
                columns = np.concatenate([one.possible for one in lists])
                ends = np.append(0, np.cumsum([len(one.possible) for one in lists]))
            rows.append(sparse.csr_array((values, columns, ends), shape=(len(people), self.model.items)))
        return sparse.csr_array(sparse.vstack(rows, format="csr"))

    def scores(self, users: Sequence[str]) -> np.ndarray:
        """Scores of all items for users by name, known or not, float32, shape (users, items)."""
        return self.model.scores(self._people(list(users), {})[0])

    def recommend_session(
        self,
        taken: Sequence[str],
        k: int = 10,
        *,
        context: Mapping[str, object] | None = None,
        items: Sequence[str] | None = None,
        rules: Rules = Rules(),
        name: str = "session",
        explore: Exploration | None = None,
        before: Exposures | None = None,
    ) -> Ranked:
        """A list for somebody who took these items and is not kept; without any, for somebody in this context.

        explore, before: as for ``recommend``; the name then ends in the number of the list, because sessions of one log
        are not one person.
        """
        name = name if explore is None else f"{name} {(before or Exposures()).lists}"
        places = [self.items.places[item] for item in taken if item in self.items.places]
        row = None if context is None else self._contexts(pl.DataFrame([{**context, self._id_of_people: name}]), [name])
        prior, state = self._prior(name, row)
        history = self._session(places)
        people = self.model.newcomers(history, prior[None])
        wanted, left_out = self._candidates(items, rules)
        unknown = tuple(item for item in taken if item not in self.items.places)
        seen = history.pairs if rules.filter_viewed else None
        explorer = None if explore is None else self._explorer(explore, before)
        frame = self._lists([name], people, [HOT if places else state], seen, k, wanted, rules, explorer)
        return Ranked(frame, (*left_out, *unknown))

    def similar(self, item: str, k: int = 10, *, within: float | None = None) -> pl.DataFrame:
        """The items most alike by how people take to them: item, alike (cosine of the vectors), state, relation, and
        how many times as often as by chance they are taken together: together, low, high.

        relation: ``complement`` is taken together beyond chance, ``substitute`` is alike in content and not taken
        together, ``both`` is both, ``unclear`` neither. within: as for ``together``. Raises InputError for an unknown
        item, and for one that has no place.
        """
        place = self._placed(item)
        vectors = self.model.item_vectors[:, :-1]
        lengths = np.linalg.norm(vectors, axis=1)
        cosines = vectors @ vectors[place] / np.maximum(lengths * lengths[place], 1e-12)
        cosines[place] = -np.inf
        cosines[self.item_states == COLD] = -np.inf
        places, alike = top_lists(cosines[None], min(k, len(cosines)))
        kept = places[0] >= 0
        found = places[0][kept]
        taken = taken_with(self._baskets(within), np.array([place]))
        features = self.items.features
        unit = np.sqrt(np.asarray(features[found].power(2).sum(axis=1)).ravel() * features[[place]].power(2).sum())
        content = (features[found] @ features[[place]].T).toarray().ravel() / np.maximum(unit, 1e-12)
        relation = np.array([["unclear", "substitute"], ["complement", "both"]])[
            taken.chosen[found].astype(int), (content >= _ALIKE).astype(int)
        ]
        return pl.DataFrame(
            {
                "item": [self.items.names[at] for at in found.tolist()],
                "alike": alike[0][kept],
                "state": self.item_states[found].tolist(),
                "relation": relation.tolist(),
                **_lifts(taken, found),
            },
            schema_overrides={"item": pl.String, "state": pl.String, "relation": pl.String},
        )

    def together(self, item: str, k: int = 10, *, within: float | None = None) -> pl.DataFrame:
        """What belongs to an item: what is taken together with it beyond chance, the surest first.

        Columns: item, both (people who took both), expected (how many would by chance), together (one divided by the
        other), low, high, through. An item that too few took is answered by those who took what its content is most
        like; ``through`` names these. within: both were taken in one visit, whose events lie no more than so many days
        apart; None for ever. Raises InputError for an unknown item, one without a place, and events without times.
        """
        place = self._placed(item)
        baskets = self._baskets(within)
        anchors, through = np.array([place]), ""
        if np.count_nonzero(baskets.indices == place) < LEAST_TAKEN:
            stand_ins = self._stand_ins(place, baskets)
            anchors = np.append(place, stand_ins)
            through = ", ".join(self.items.names[at] for at in stand_ins.tolist())
        taken = taken_with(baskets, anchors)
        found = np.flatnonzero(taken.chosen)
        found = found[np.argsort(-taken.low[found], kind="stable")][:k]
        return pl.DataFrame(
            {
                "item": [self.items.names[at] for at in found.tolist()],
                "both": taken.both[found],
                "expected": taken.expected[found],
                **_lifts(taken, found),
                "through": [through] * len(found),
            },
            schema_overrides={"item": pl.String, "both": pl.Int64, "through": pl.String},
        )

    def _stand_ins(self, place: int, baskets: sparse.csr_array) -> np.ndarray:
        """Items that an item's content is most like, no more than it takes to have enough baskets to tell from."""
        near = self.model.alike[[place]]
        order = near.indices[np.argsort(-near.data, kind="stable")[:_STAND_INS]].astype(np.int64)
        held = sparse.csr_array(baskets[:, order])
        for count in range(1, len(order)):
            if np.count_nonzero(np.diff(held[:, :count].indptr)) >= _TELLING:
                return order[:count]
        return order

    def _placed(self, item: str) -> int:
        place = self._item(item)
        if self.item_states[place] == COLD:
            raise InputError(
                f"{item!r} has no place: nobody met it and nothing usable is known about it",
                needed="interactions or features",
                fix="add its text or category with add-items",
            )
        return place

    def _baskets(self, within: float | None) -> sparse.csr_array:
        """What was liked together, visits (or people) by items: of each pair its newest event counts."""
        events = self.events
        if within is not None and not events.timed:
            raise InputError("visits are asked for, and the events have no times", needed="a column of times")
        if within is not None and not 0 < within < np.inf:
            raise InputError(f"visits of {within} days", needed="more than 0 days", fix="use 1")
        liked = np.flatnonzero(~events.disliked)
        order = liked[np.lexsort((events.day[liked], events.user[liked]))]
        user, day = events.user[order], events.day[order]
        starts = np.append(True, (np.diff(user) > 0) | ((np.diff(day) > within) if within is not None else False))
        visit = np.cumsum(starts[: len(order)]) - 1
        item = np.array([self.items.places[name] for name in events.items], np.int64)[events.item[order]]
        count = int(visit[-1]) + 1 if len(visit) else 0
        return sparse.csr_array((np.ones(len(order)), (visit, item)), shape=(count, len(self.items.names)))

    # Placement and reasons

    def place(self, item: str) -> Placement:
        """Where an item stands and what that rests on. Raises InputError for an unknown one."""
        at = self._item(item)
        taken = self.model.pairs.turned().take(np.array([at]))
        count, state = int(taken.counts[0]), str(self.item_states[at])
        near = self.model.alike[[at]]
        order = np.argsort(-near.data, kind="stable")[:5]
        neighbours = tuple(
            Neighbour(self.items.names[int(near.indices[one])], round(float(near.data[one]), 4)) for one in order
        )
        coverage = float(self.items.said[at].mean()) if self.items.said.shape[1] else 0.0
        prior = 1.0
        if count:
            side = self.model.against_users
            penalty = float(self.settings.penalties(taken.counts, side.catalogue)[0])
            met, confidence = taken.pairs.indices, taken.pairs.data
            inside = precision(side, met, confidence, penalty)
            seen = side.turned[met] @ side.directions.T
            # What observed pairs have part in the precision, direction by direction: the rest is the prior's.
            shared = np.linalg.solve(inside, (seen.T * confidence) @ seen)
            prior = 1 - float(np.trace(shared)) / len(inside)
        radius = float(np.sqrt(self.misfit * prior))
        why = {
            HOT: f"{count:,} met it; {'content' if coverage else 'what is usual'} weighs {prior:.0%}",
            WARM: "nobody met it: it is where its content says",
            COLD: "no usable content",
        }[state]
        return Placement(item, state, state != COLD, coverage, neighbours, prior, radius, count, why)

    def reasons(self, user: str, item: str, *, contexts: object | None = None) -> Reasons:
        """Why the score of an item is what it is for a known user; ``contexts`` as for the list it stands in.

        Raises InputError for an unknown user or item, and for one that has no place.
        """
        if user not in self.people.places:
            raise InputError(
                f"the user {user!r} is unknown", needed="a user with interactions or of the table of users"
            )
        at, given = self.people.places[user], self._contexts(contexts, [user])
        prior = given[user][0] if user in given else self.model.user_priors[at]
        return reasons(self.model, self.model.pairs.take(np.array([at])), prior, self._placed(item))

    def description(self, user: str, item: str) -> tuple[list[tuple[str, float]], float]:
        """The same score of an item nobody met by what its content says: (feature, share), largest first; the rest."""
        if self.item_features is None:
            raise InputError(
                "the items have no features",
                needed="a shop that was fitted with a table of items",
                fix="fit again with --items (items=...) and the columns that describe them",
            )
        place = self._item(item)
        row = self.items.features[[place]].toarray()[0]
        people = self.model.known(np.array([self.people.places[user]]))
        shares, rest = described(self.model, people, place, row, self.content.weights[:-1])
        names = self.item_features.names
        found = [(names[at], float(shares[at])) for at in np.argsort(-np.abs(shares)) if shares[at]]
        return found, rest

    # Growing

    def with_items(self, rows: object) -> "Shop":
        """With the items of a table: new ones placed by their content, known ones described anew."""
        if self.item_features is None:
            raise InputError(
                "the items have no features",
                needed="a shop that was fitted with a table of items",
                fix="fit again with --items (items=...) and the columns that describe them",
            )
        given = self.item_features.transform(rows)
        new = np.array([name not in self.items.places for name in given.ids], bool)
        shop = self._redescribed(given, ~new) if (~new).any() else self
        shop = replace(shop, by_events=shop.by_events.difference(given.ids))
        added = DescribedRows(
            tuple(name for name, is_new in zip(given.ids, new, strict=True) if is_new),
            sparse.csr_array(given.features[np.flatnonzero(new)]),
            given.known[new],
        )
        return shop._grown(people=(), items=added) if new.any() else shop

    def with_events(self, more: Interactions) -> "Shop":
        """With further pairs: users and items that are new become known by them."""
        people = tuple(name for name in more.users if name not in self.people.places)
        names = tuple(name for name in more.items if name not in self.items.places)
        nothing = DescribedRows(
            names,
            sparse.csr_array((len(names), self.items.features.shape[1])),
            np.zeros((len(names), self.items.said.shape[1]), bool),
        )
        grown = self._grown(people=people, items=nothing) if people or names else self
        events = self.events.joined(more)
        return replace(
            grown,
            events=events,
            by_events=grown.by_events.union(names),
            model=replace(grown.model, pairs=observed(events, grown.people.places, grown.items.places, self.settings)),
        )

    def without_people(self, users: Sequence[str]) -> "Shop":
        """As if these users had done nothing since the fit: their pairs, their names and their places are gone, and so
        are items that nobody else met and no table names, unless they were fitted.

        Vectors of items that were fitted with them remain until the next fit; see ``graft.recommend``. How many events
        were read, and how many of them were set aside, goes on to count theirs.
        """
        gone = {name for name in users if name in self.people.places}
        kept = np.array([name not in gone for name in self.people.names], bool)
        events = self.events.without(users=gone)
        unmet = np.bincount(events.item, minlength=len(events.items)) == 0
        left = [name for name, alone in zip(events.items, unmet.tolist(), strict=True) if alone]
        events = events.without(items=left) if left else events
        fitted = len(self.model.factors.users.anchors)
        side = self.model.factors.users
        factors = replace(
            self.model.factors,
            users=replace(
                side,
                anchors=side.anchors[kept[:fitted]],
                offsets=side.offsets[kept[:fitted]],
                priors=side.priors[kept[:fitted]],
            ),
        )
        people = Known(
            tuple(name for name in self.people.names if name not in gone),
            sparse.csr_array(self.people.features[np.flatnonzero(kept)]),
            self.people.said[kept],
        )
        model = replace(
            self.model,
            factors=factors,
            user_priors=self.model.user_priors[kept],
            pairs=observed(events, people.places, self.items.places, self.settings),
        )
        shop = replace(self, model=model, events=events, people=people)
        return shop._without_items(self.by_events.intersection(left))

    # Inside

    def _without_items(self, names: frozenset[str]) -> "Shop":
        """Without some items that came after the fit and that nobody met."""
        if not names:
            return self
        kept = np.array([name not in names for name in self.items.names], bool)
        places = np.flatnonzero(kept)
        items = Known(
            tuple(name for name in self.items.names if name not in names),
            sparse.csr_array(self.items.features[places]),
            self.items.said[kept],
        )
        model = replace(
            self.model,
            pairs=observed(self.events, self.people.places, items.places, self.settings),
            item_priors=self.model.item_priors[kept],
            alike=sparse.csr_array(self.model.alike[places][:, places]),
        )
        columns = {name: tuple(held[place] for place in places.tolist()) for name, held in self.columns.items()}
        return replace(self, model=model, items=items, columns=columns, by_events=self.by_events - names)

    def _grown(self, *, people: tuple[str, ...], items: DescribedRows) -> "Shop":
        known = self.items.with_these(items)
        fitted = len(self.model.factors.items.anchors)
        # Met at the fit, not by now: so that it is the same whether events come before the items or after them.
        near = content_neighbours(
            items.features, sparse.csr_array(self.items.features[:fitted]), self.neighbours,
            known=self.model.factors.met,
        )  # fmt: skip
        nobody = DescribedRows(
            people,
            sparse.csr_array((len(people), self.people.features.shape[1])),
            np.zeros((len(people), self.people.said.shape[1]), bool),
        )
        model = self.model.grown(users=self.context(nobody.features), items=self.content(items.features), alike=near)
        columns = {name: (*held, *[None] * len(items.ids)) for name, held in self.columns.items()}
        return replace(self, model=model, people=self.people.with_these(nobody), items=known, columns=columns)

    def _redescribed(self, given: DescribedRows, known: np.ndarray) -> "Shop":
        rows = np.flatnonzero(known)
        places = np.array([self.items.places[given.ids[row]] for row in rows], np.int64)
        said = self.items.said.copy()
        said[places] = given.known[rows]
        priors = self.model.item_priors.copy()
        priors[places] = self.content(sparse.csr_array(given.features[rows]))
        fitted = len(self.model.factors.items.anchors)
        whole = _with_rows(self.items.features, places, sparse.csr_array(given.features[rows]))
        near = content_neighbours(
            sparse.csr_array(whole[places]), sparse.csr_array(whole[:fitted]), self.neighbours + 1,
            known=self.model.factors.met,
        )  # fmt: skip
        own = np.repeat(places, np.diff(near.indptr)) == near.indices
        alone = np.add.reduceat(np.append(own, False), near.indptr[:-1]) * (np.diff(near.indptr) > 0) == 0
        # One more was asked for because an item is its own neighbour; where it is not, the last is one too many.
        own[near.indptr[1:][alone & (np.diff(near.indptr) > self.neighbours)] - 1] = True
        near = sparse.csr_array((np.where(own, 0.0, near.data), near.indices, near.indptr), shape=near.shape)
        near.eliminate_zeros()
        wide = sparse.csr_array((near.data, near.indices, near.indptr), shape=(len(places), self.model.items))
        model = replace(self.model, item_priors=priors, alike=_with_rows(self.model.alike, places, wide))
        return replace(self, model=model, items=Known(self.items.names, whole, said))

    @property
    def _id_of_people(self) -> str:
        return "user" if self.person_features is None else self.person_features.settings.id

    def _item(self, name: str) -> int:
        if name not in self.items.places:
            near = _nearest(name, self.items.names)
            raise InputError(
                f"the item {name!r} is unknown",
                needed="an item of the catalogue",
                fix=f"did you mean {near!r}?" if near else "add it with add-items",
            )
        return self.items.places[name]

    def _contexts(self, rows: object | None, users: Sequence[str]) -> dict[str, tuple[np.ndarray, bool]]:
        """Prior means of the people a table describes, and whether it says anything known of them."""
        if rows is None:
            return {}
        if self.person_features is None:
            raise InputError(
                "contexts are given, and the shop knows no features of people",
                needed="a shop that was fitted with a table of users",
                fix="fit with users=, or leave the context out",
            )
        given = self.person_features.transform(rows)
        priors = self.context(given.features)
        return {
            name: (priors[row], bool(given.usable[row])) for row, name in enumerate(given.ids) if name in set(users)
        }

    def _prior(self, name: str, given: Mapping[str, tuple[np.ndarray, bool]] | None) -> tuple[np.ndarray, str]:
        if given and name in given:
            return given[name][0], WARM if given[name][1] else COLD
        nothing = sparse.csr_array((1, self.people.features.shape[1]))
        return self.context(nothing)[0], COLD

    def _people(
        self, names: list[str], given: Mapping[str, tuple[np.ndarray, bool]]
    ) -> tuple[People, list[str], sparse.csr_array]:
        """These people, the state of each, and what each has."""
        places = np.array([self.people.places.get(name, -1) for name in names], np.int64)
        known = np.flatnonzero((places >= 0) & np.array([name not in given for name in names], bool))
        vectors = np.zeros((len(names), self.settings.dimension))
        states = [COLD] * len(names)
        rows = self.model.known(places[known])
        vectors[known] = rows.vectors
        for row, place in zip(known.tolist(), places[known].tolist(), strict=True):
            states[row] = str(self.person_states[place])
        history = _with_rows(sparse.csr_array((len(names), self.model.items)), known, rows.history)
        for row in sorted(set(range(len(names))) - set(known.tolist())):
            prior, states[row] = self._prior(names[row], given)
            vectors[row] = prior
            if places[row] >= 0:
                taken = self.model.pairs.take(places[row : row + 1])
                one = self.model.newcomers(taken, prior[None])
                vectors[row], history = one.vectors[0], _with_rows(history, np.array([row]), one.history)
                states[row] = HOT if taken.counts[0] else states[row]
        return People(vectors, history), states, history

    def _session(self, places: Sequence[int]) -> Observed:
        columns = np.unique(np.array(places, np.int64))
        pairs = sparse.csr_array(
            (self.settings.confidences(np.ones(len(columns))), columns, np.array([0, len(columns)])),
            shape=(1, self.model.items),
        )
        return Observed(pairs, np.ones(len(columns), bool))

    def _candidates(self, items: Sequence[str] | None, rules: Rules) -> tuple[np.ndarray, tuple[str, ...]]:
        """Which items may be listed, bool (items,), and those asked for that cannot be."""
        wanted = self.item_states != COLD
        left_out: list[str] = []
        for allowed in (items, rules.available):
            if allowed is not None:
                left_out += [name for name in allowed if name not in self.items.places]
                places = [self.items.places[name] for name in allowed if name in self.items.places]
                left_out += [self.items.names[place] for place in places if self.item_states[place] == COLD]
                these = np.zeros(len(wanted), bool)
                these[places] = True
                wanted = wanted & these
        for name in rules.exclude:
            if name in self.items.places:
                wanted[self.items.places[name]] = False
        if rules.most_per is not None and rules.most_per[0] not in self.columns:
            raise InputError(
                f"the items have no column {rules.most_per[0]!r} for a rule",
                needed=f"one of {', '.join(map(repr, self.columns)) or 'the columns kept at the fit: there are none'}",
                fix="name it at the fit with keep=",
            )
        return wanted, tuple(dict.fromkeys(left_out))

    def _explorer(self, settings: Exploration, before: Exposures | None) -> ListExplorer:
        return ListExplorer(settings, self._doubtful(settings.fewer_than, before or Exposures()), before)

    @cached_property
    def _doubts(self) -> dict[int, Doubtful]:
        """Of items that fewer people met, by how many, before anything was explored."""
        return {}

    def _doubtful(self, fewer_than: int, before: Exposures) -> Doubtful:
        """Items that have a place and that fewer people met, and what the factorisation knows of their scores.

        The noise of a pair is what makes an item without pairs as uncertain as content leaves it: ``misfit``. Places
        that exploration gave an item and that nobody took it from count as that many average users who said no.
        """
        if fewer_than not in self._doubts:
            met = np.bincount(self.model.pairs.pairs.indices, minlength=self.model.items)
            new = np.flatnonzero((met < fewer_than) & (self.item_states != COLD))
            means, apart = self._known_of(new, np.zeros(len(new)))
            noise = self.misfit * float(self.settings.penalties(np.zeros(1), self.model.against_users.catalogue)[0])
            names = tuple(self.items.names[at] for at in new.tolist())
            self._doubts[fewer_than] = Doubtful(new, names, means, apart, noise)
        known = self._doubts[fewer_than]
        if not before.explored:
            return known
        shown = np.array([before.explored.get(name, 0) for name in known.names], np.int64)
        in_vain = np.maximum(shown - np.bincount(known.spreads.row, minlength=len(shown)), 0)
        rows = np.flatnonzero(in_vain)
        means, apart = self._known_of(known.places[rows], in_vain[rows])
        changed = known.means.copy()
        changed[rows] = means
        return replace(known, means=changed, spreads=known.spreads.with_rows(rows, apart))

    def _known_of(self, items: np.ndarray, in_vain: np.ndarray) -> tuple[np.ndarray, Spreads]:
        """What is known of [y, b] of some items, shape (items, dimension + 1), after so many average users said no."""
        model, side = self.model, self.model.against_users
        pairs = model.pairs.turned()
        taken, counts = pairs.take(items), pairs.counts[items]
        penalties = self.settings.penalties(counts, side.catalogue)
        exposed = np.where(counts > 0, model.factors.exposed(pairs.counts)[items], 0.0)
        no = in_vain / (side.unobserved * max(side.catalogue, 1))
        apart, means = spreads(taken, side, penalties, exposed + no), model.item_vectors[items]
        if not no.any():
            return means, apart
        seen, row = side.turned[taken.pairs.indices] @ side.directions.T, np.repeat(np.arange(len(items)), counts)
        base = exposed[:, None] * side.values + penalties[:, None]
        right = (means @ side.directions * base) @ side.directions.T
        np.add.at(right, row, (taken.pairs.data * np.einsum("pd,pd->p", seen, means[row]))[:, None] * seen)
        return apart.solved(right), apart

    def _allowed(self, people: People, seen: sparse.csr_array | None, wanted: np.ndarray) -> np.ndarray:
        """Scores, -inf for what may not be listed."""
        scores = self.model.scores(people)
        scores[:, ~wanted] = -np.inf
        if seen is not None:
            rows = np.repeat(np.arange(len(people)), np.diff(seen.indptr))
            scores[rows, seen.indices] = -np.inf
        return scores

    def _best(self, scores: np.ndarray, k: int, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
        if rules.most_per is None:
            return top_lists(scores, min(k, scores.shape[1]))
        return self._spread_out(scores, k, *rules.most_per)

    def _quota(self, rules: Rules) -> Quota | None:
        if rules.most_per is None:
            return None
        held = self.columns[rules.most_per[0]]
        codes = {value: code for code, value in enumerate(dict.fromkeys(one for one in held if one is not None))}
        return Quota(np.array([-1 if value is None else codes[value] for value in held], np.int64), rules.most_per[1])

    def _lists(
        self, names: Sequence[str], people: People, states: Sequence[str], seen: sparse.csr_array | None, k: int,
        wanted: np.ndarray, rules: Rules, explorer: ListExplorer | None = None,
    ) -> pl.DataFrame:  # fmt: skip
        scores = self._allowed(people, seen, wanted)
        if explorer is None:
            places, values = self._best(scores, k, rules)
        else:
            first = explorer.lists
            answered = explorer.answer(scores, people.vectors, k, self._quota(rules))
            places = np.full((len(names), max((len(one.places) for one in answered), default=0)), -1, np.int64)
            for row, one in enumerate(answered):
                places[row, : len(one.places)] = one.places
            values = np.take_along_axis(scores, np.maximum(places, 0), axis=1)
        kept = places >= 0
        user = np.repeat(np.arange(len(names)), kept.sum(axis=1))
        item = places[kept]
        item_states = self.item_states[item].tolist()
        user_states = [states[row] for row in user.tolist()]
        frame = pl.DataFrame(
            {
                "user": pl.Series([names[row] for row in user.tolist()], dtype=pl.String),
                "item": pl.Series([self.items.names[at] for at in item.tolist()], dtype=pl.String),
                "score": values[kept].astype(np.float64),
                "rank": (np.arange(places.shape[1])[None] + np.zeros((len(names), 1), np.int64))[kept] + 1,
                "state": pl.Series(item_states, dtype=pl.String),
                "user_state": pl.Series(user_states, dtype=pl.String),
                "basis": pl.Series(
                    [BASIS[pair] for pair in zip(user_states, item_states, strict=True)], dtype=pl.String
                ),
            }
        )
        return frame if explorer is None else pl.concat([frame, _told(answered, first)], how="horizontal")

    def _spread_out(self, scores: np.ndarray, k: int, column: str, most: int) -> tuple[np.ndarray, np.ndarray]:
        """The best lists with at most so many of one value; items without a value are not counted."""
        held, k = self.columns[column], min(k, scores.shape[1])
        places, values = np.full((len(scores), k), -1, np.int64), np.full((len(scores), k), -np.inf, scores.dtype)
        for row, mine in enumerate(scores):
            counts: dict[str, int] = {}
            at = 0
            for place in np.argsort(-mine, kind="stable"):
                if at == k or not np.isfinite(mine[place]):
                    break
                value = held[place]
                if value is not None and counts.get(value, 0) >= most:
                    continue
                if value is not None:
                    counts[value] = counts.get(value, 0) + 1
                places[row, at], values[row, at] = place, mine[place]
                at += 1
        return places, values

    @staticmethod
    def _empty(explorer: ListExplorer | None) -> pl.DataFrame:
        return pl.DataFrame(
            schema={
                "user": pl.String, "item": pl.String, "score": pl.Float64, "rank": pl.Int64, "state": pl.String,
                "user_state": pl.String, "basis": pl.String, **({} if explorer is None else COLUMNS),
            }
        )  # fmt: skip


def _told(lists: Sequence[OneList], first: int) -> pl.DataFrame:
    """What exploration says of each place of the lists, of which the first has this number."""
    sizes = [len(one.places) for one in lists]
    told = [one.of_shown() for one in lists]
    return pl.DataFrame(
        {
            "list": np.repeat(np.arange(first, first + len(lists)), sizes),
            "explored": np.concatenate([one.explored for one in lists]),
            "propensity": np.concatenate([chance for chance, _ in told]),
            "propensity_error": np.concatenate([error for _, error in told]),
        },
        schema=COLUMNS,
    )


def observed(
    events: Interactions, people: Mapping[str, int], items: Mapping[str, int], settings: Factorisation
) -> Observed:
    """The pairs as the model sees them: confidences by the places of users and items, sorted."""
    user = np.array([people[name] for name in events.users], np.int64)[events.user]
    item = np.array([items[name] for name in events.items], np.int64)[events.item]
    order = np.lexsort((item, user))
    ends = np.searchsorted(user[order], np.arange(len(people) + 1))
    pairs = sparse.csr_array(
        (settings.confidences(events.weight)[order], item[order].astype(np.int32), ends.astype(np.int32)),
        shape=(len(people), len(items)),
    )
    return Observed(pairs, ~events.disliked[order])


def _lifts(taken: TakenWith, items: np.ndarray) -> dict[str, np.ndarray]:
    return {"together": taken.lift[items], "low": taken.low[items], "high": taken.high[items]}


def _with_rows(matrix: sparse.csr_array, places: np.ndarray, rows: sparse.csr_array) -> sparse.csr_array:
    """A matrix with these rows in the place of its own."""
    order = np.arange(matrix.shape[0])
    order[places] = matrix.shape[0] + np.arange(len(places))
    whole = sparse.vstack([matrix, rows], format="csr")
    return sparse.csr_array(whole[order])


def _nearest(name: str, names: Sequence[str]) -> str:
    """The name that was probably meant: but for case and spaces, else alike in writing; "" where none is."""
    if len(name) > _LONGEST:
        return ""
    plain = name.strip().casefold()
    same = next((one for one in names if len(one) <= _LONGEST and one.strip().casefold() == plain), "")
    if same or len(names) > _COMPARED:
        return same
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.8)), "")


def _undescribed() -> InputError:
    return InputError(
        "the items have no features",
        needed="a shop that was fitted with a table of items",
        fix="fit again with --items (items=...) and the columns that describe them",
    )
