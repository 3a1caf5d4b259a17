"""Users from what they did: a decayed, rarity-weighted mean of item vectors, shrunk to what is usual.

Decisions: shrinkage is by evidence, one formula from no history to a long one; its strength is fitted from how much
users differ, unless given. What somebody may choose next has two terms: taste, which is what sets them apart from
everybody, and popularity, which is the same for all; in one term the popular would look like everybody's taste. A
dislike is an observation of the opposite direction. Vectors lie in the directions of the items', so ``queries`` may
search items with them; ``transform`` gives them a space of their own, because two fits weigh the same history
differently. Time only runs forward: what happened after ``now`` is left out.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.core.vectors import unit_rows
from graft.entities.embedded import PRIOR, SEEN, SEGMENT, Embedded
from graft.entities.fitted import FittedEmbedder, LearntState, learnt_space, require_positive
from graft.entities.histories import Histories, rarity, read_histories, read_segments
from graft.entities.liked import require_opinion
from graft.entities.shrinkage import Strength, fit_strength, usual
from graft.representations.spaces import Space, read_space
from graft.rows.named import day_of, entity_ids

AGES = ("newest", "now")


@dataclass(frozen=True)
class UsersFromHistories:
    """Settings: users from interactions.

    half_life: days after which an interaction weighs half; None for no decay, and then no time is read. ages: counted
    from each user's own ``newest`` interaction, so that who was away keeps their taste, or from ``now``, so that they
    return to the prior (MovieLens users rate for a while and leave: there the first ranks far better). rarity: weigh
    items by how few have them. strength: λ, how many fresh interactions the prior is worth; None fits it. user, item,
    time, weight, segment: names of columns; ``weight`` "" counts each row once, ``segment`` "" has one prior for all.
    segment_strength: how many users the mean of everybody is worth in the mean of a segment. opinion: a column of
    ratings or signed numbers, "" when every row is a like. at_least: opinions from here on are likes; dislike_below:
    lower ones are dislikes; what lies between says nothing; without both, negative ones are dislikes. dislike: what a
    dislike counts beside a like. popularity: what the logarithm of an item's share of users counts beside taste in
    ``next_items``.
    """

    half_life: float | None = 90.0
    ages: str = "newest"
    rarity: bool = True
    strength: float | None = None
    user: str = "user"
    item: str = "item"
    time: str = "time"
    weight: str = ""
    segment: str = ""
    segment_strength: float = 10.0
    opinion: str = ""
    at_least: float | None = None
    dislike_below: float | None = None
    dislike: float = 0.5
    popularity: float = 0.1

    def __post_init__(self) -> None:
        require_opinion(self.opinion, self.at_least, self.dislike_below)
        for name in ("dislike", "popularity"):
            require_positive(name, getattr(self, name) + 1, least=1 - 1e-9)
        for name in ("half_life", "strength"):
            if getattr(self, name) is not None:
                require_positive(name, getattr(self, name))
        require_positive("segment_strength", self.segment_strength)
        if self.ages not in AGES:
            raise InputError(f"ages is {self.ages!r}", needed=" or ".join(AGES), fix="choose one of them")

    def fit(
        self,
        histories: object,
        *,
        items: Embedded,
        users: object | None = None,
        now: datetime | date | str | float | None = None,
    ) -> "FittedUsers":
        """Learn priors, rarity and strength from one row per interaction.

        items: vectors of items, as another embedder gives them; unknown ones are left out. users: a table of users and
        segments, when ``segment`` is named. now: later interactions are left out; the newest when None.
        Raises InputError for no rows, a missing id or time, histories without a known item, or too few to fit λ.
        """
        known = items.take(items.known)
        known = known.take(np.argsort(np.array(known.ids, object), kind="stable"))
        timed = self.half_life is not None or now is not None
        past = self.read(histories, {name: place for place, name in enumerate(known.ids)}, timed=timed)
        if not len(past.user):
            raise InputError("the histories have 0 rows", needed="at least one", fix="check the export or the filter")
        until = float(past.day.max()) if now is None else day_of(now)
        past = past.keep(past.day <= until)
        seen = past.matrix((past.sign > 0).astype(np.float64), len(known))
        if not seen.nnz:
            raise InputError(
                f"none of {len(past.user):,} interactions is a like of an item that has a vector",
                needed="histories of the items that are given",
                fix="check that both name items alike, and that now is not too early",
            )
        active = int((np.diff(seen.indptr) > 0).sum())
        owners = np.bincount(seen.indices, minlength=len(known))
        weigh = rarity(seen, active) if self.rarity else np.ones(len(known))
        met = past.item[past.item >= 0]
        # In units of interactions: the average one weighs 1 when fresh.
        weigh = weigh / weigh[met].mean()
        sums, weights, squares, counts = self.moments(past, weigh, known.vectors, until)
        strength = (
            fit_strength(sums, weights, squares, counts)
            if self.strength is None
            else Strength(float(self.strength), float("nan"), float("nan"), active)
        )
        segments = self._segments(users, past.users)
        names, priors = usual(sums, weights, segments, strength.value, few=self.segment_strength)
        return FittedUsers(
            self, known.ids, known.vectors, weigh, known.space, until, strength, names, priors.astype(np.float32),
            np.log((1 + owners) / (1 + active)),
        )  # fmt: skip

    def read(self, histories: object, places: Mapping[str, int], *, timed: bool) -> Histories:
        """The interactions of a table, with the items that have a place."""
        time = self.time if timed else ""
        return read_histories(
            histories, places, user=self.user, item=self.item, time=time, weight=self.weight, opinion=self.opinion,
            at_least=self.at_least, dislike_below=self.dislike_below,
        )  # fmt: skip

    def moments(
        self, past: Histories, weigh: np.ndarray, vectors: np.ndarray, now: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Σ w·x, Σ w, Σ w·‖x‖² and the number of known items of each user; see ``FittedUsers.transform``."""
        decayed = past.decayed(self.half_life, now if self.ages == "now" else None)
        weights = decayed * np.where(past.item >= 0, weigh[past.item], 0.0) * np.where(past.sign < 0, self.dislike, 1.0)
        matrix = past.matrix(weights, len(vectors))
        total, counts = np.asarray(matrix.sum(axis=1)).ravel(), np.diff(matrix.indptr).astype(np.float64)
        wide = vectors.astype(np.float64)
        signed = past.matrix(weights * past.sign, len(vectors)) if (past.sign < 0).any() else matrix
        return signed @ wide, total, matrix @ np.square(wide).sum(axis=1), counts

    def _segments(self, users: object | None, wanted: tuple[str, ...]) -> list[str | None]:
        if not self.segment:
            return [None] * len(wanted)
        if users is None:
            raise InputError(
                "no users are given, and segment is named", needed="a table of users and segments", fix="users=..."
            )
        listed = read_segments(users, self.user, self.segment)
        return [listed.get(name) for name in wanted]

    def shaping(self) -> Mapping[str, Any]:
        """The settings that change vectors."""
        columns = ("user", "item", "time", "weight", "segment", "opinion", "popularity")
        return {name: value for name, value in asdict(self).items() if name not in columns}


@dataclass(frozen=True, eq=False)
class NextItems:
    """What users may choose next. users, items: names. taste: what sets each user apart, float64, shape (users, items).
    popularity: what is the same for all, shape (items,)."""

    users: tuple[str, ...]
    items: tuple[str, ...]
    taste: np.ndarray
    popularity: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """Both terms together, shape (users, items)."""
        return np.asarray(self.taste + self.popularity)


@dataclass(frozen=True, eq=False)
class FittedUsers(FittedEmbedder):
    """Users by their history.

    items: ids, sorted. vectors: theirs, float32, shape (items, dimension). weigh: float64, shape (items,), the
    rarity of each, 1 for the average interaction. item_space: the space of the items. now: the day of the fit, in days
    since 1970. strength: λ. segments: names, the first of them "" for everybody; priors: float32, shape (segments,
    dimension). spread: float64, shape (items,), log((1 + users who like it) / (1 + users)).
    """

    kind: ClassVar[str] = "users-from-histories"
    settings: UsersFromHistories
    items: tuple[str, ...]
    vectors: np.ndarray
    weigh: np.ndarray
    item_space: Space
    now: float
    strength: Strength
    segments: tuple[str, ...]
    priors: np.ndarray
    spread: np.ndarray

    @cached_property
    def space(self) -> Space:
        """The space of users. To search items, see ``queries``."""
        shaping = self.settings.shaping()
        return learnt_space(self.kind, self.state(), self.vectors.shape[1], shaping=shaping, normalise=False)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.items)}

    def transform(
        self, entities: object, *, users: object | None = None, now: datetime | date | str | float | None = None
    ) -> Embedded:
        """Vectors of users from their interactions. With Σ over a user's known items,

            w = weight · idf(item) · 2^(-age / half_life), for a dislike times ``dislike``
            u = (Σ ±w·x + λ · prior) / (Σ w + λ), - for a dislike

        entities: one row per interaction. users: whom to place, also those without a history: a sequence of ids, or a
        table that may have the segment column; everybody with an interaction when None, sorted. now: the moment the
        vectors are for; later interactions are left out. When None nothing is, and ages that are counted from ``now``
        are counted from the newest interaction of the fit.
        Support: Σ w, the effective number of fresh interactions. Skipped: interactions with unknown items.
        Basis: ``seen``, or without a known interaction ``segment:...`` or ``prior``.
        Raises InputError when ages are counted from ``now``, interactions are later than the fit and it is not said.

        Efron & Morris (1975), Data analysis using Stein's estimator and its generalizations.
        """
        past, moment = self._until(entities, now)
        wanted, segments = self._wanted(past.users if users is None else users)
        past = past.of(wanted)
        mine, support, _, _ = self.settings.moments(past, self.weigh, self.vectors, moment)
        prior = np.array([self._prior(segments.get(name)) for name in wanted], np.int64)
        shrunk = (mine + self.strength.value * self.priors[prior]) / (support + self.strength.value)[:, None]
        basis = tuple(
            SEEN if known else f"{SEGMENT}:{self.segments[place]}" if place else PRIOR
            for known, place in zip((support > 0).tolist(), prior.tolist(), strict=True)
        )
        return Embedded(
            tuple(wanted), shrunk.astype(np.float32), basis, support.astype(np.float32), past.unknown(), self.space
        )

    def queries(self, placed: Embedded) -> Embedded:
        """Users as queries for items: the same directions, in the space of the items. Raises SpaceMismatch."""
        self.space.require_same(placed.space)
        vectors = unit_rows(placed.vectors, tolerance=0) if self.item_space.normalise else placed.vectors
        return replace(placed, vectors=vectors, space=self.item_space)

    def next_items(self, placed: Embedded) -> "NextItems":
        """What these users may choose next, by taste and by popularity: with x an item and m what is usual,

            taste = (u - m)·x,    popularity = ``popularity`` · log((1 + users who like it) / (1 + users))

        Somebody without a history and without a segment has no taste of their own: popularity decides. What they have
        already is for the caller to leave out. Raises SpaceMismatch for vectors that are not of these users.
        """
        self.space.require_same(placed.space)
        apart = placed.vectors.astype(np.float64) - self.priors[0]
        taste = apart @ unit_rows(self.vectors, tolerance=0).T.astype(np.float64)
        return NextItems(placed.ids, self.items, taste, self.settings.popularity * self.spread)

    def _until(self, rows: object, now: datetime | date | str | float | None) -> tuple[Histories, float]:
        """The interactions up to ``now``, and the day that is."""
        chosen = self.settings
        past = chosen.read(rows, self._places, timed=chosen.half_life is not None or now is not None)
        moment = self.now if now is None else day_of(now)
        late = past.day > moment
        if now is None and (chosen.half_life is None or chosen.ages == "newest"):
            return past, moment
        if now is None and late.any():
            raise InputError(
                f"{int(late.sum()):,} interactions are later than the newest of the fit",
                needed="the moment the vectors are for, because a history ages",
                fix="say now=..., or fit again",
            )
        return past.keep(~late), moment

    def _wanted(self, users: object) -> tuple[list[str], Mapping[str, str]]:
        chosen = self.settings
        ids = entity_ids(users, chosen.user, what="users").to_list()
        plain = not chosen.segment or isinstance(users, list | tuple | np.ndarray | pl.Series)
        return ids, {} if plain else read_segments(users, chosen.user, chosen.segment)

    def _prior(self, segment: str | None) -> int:
        """The place of a segment's prior; that of everybody when there is none."""
        return self.segments.index(segment) if segment in self.segments else 0

    def state(self) -> LearntState:
        """Item vectors, their weights, the priors, and the strength."""
        facts = {
            "embedder": asdict(self.settings),
            "item_space": self.item_space.stated(),
            "groups": self.strength.groups,
        }
        fitted = np.array([self.now, self.strength.value, self.strength.within, self.strength.between])
        arrays = {
            "vectors": self.vectors, "weigh": self.weigh, "priors": self.priors, "fitted": fitted,
            "spread": self.spread,
        }  # fmt: skip
        return LearntState(facts, arrays, {"items": self.items, "segments": self.segments})

    @classmethod
    def restore(cls, state: LearntState) -> Self:
        """The embedder with this state."""
        facts, arrays, names = state.settings, state.arrays, state.names
        now, value, within, between = arrays["fitted"].tolist()
        if len(arrays["vectors"]) != len(names["items"]) or len(arrays["priors"]) != len(names["segments"]):
            raise ValueError("names and vectors do not match")
        return cls(
            UsersFromHistories(**facts["embedder"]),
            names["items"],
            arrays["vectors"],
            arrays["weigh"],
            read_space(facts["item_space"]),
            now,
            Strength(value, within, between, facts["groups"]),
            names["segments"],
            arrays["priors"],
            arrays["spread"],
        )
