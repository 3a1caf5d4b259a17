"""Fitting a shop: what to learn, how strongly, and what each view counts, seen on held-out goods and held-out events.

Decisions: whatever is chosen is chosen on validation rows inside what is given: a sixth of the items is hidden whole
(they are new), and a sixth of the other events (they are known). A setting is judged by both: by lists of known items,
and by lists of new ones along the warm-up curve. The search is bounded: one setting after another is changed, from the
best so far. What ships is learnt once more from all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.entities.content_map import ContentMap, ContentRidge
from graft.entities.factorisation import Factorisation, factorise
from graft.entities.item_features import DescribedRows, FittedFeatures, content_neighbours
from graft.entities.posterior import Observed
from graft.entities.preferences import (
    Blend,
    People,
    Preferences,
    ViewWeights,
    signed,
    taken_together,
)
from graft.entities.shop import Known, Shop, observed
from graft.entities.top_lists import top_lists
from graft.evidence.ranked_lists import ListQuality, judge_lists
from graft.rows.interactions import Interactions

PLACES = 20
CURVE = (0, 1, 2, 5, 10, 20)
_HIDDEN, _USERS = 1 / 6, 1_500
_LEAST_EVENTS = 60
_NEIGHBOURS = (10, 50, 200)
_FEW_USERS, _CLEARLY, _SURELY = 10, 0.5, 2.0


@dataclass(frozen=True)
class FitChoice:
    """What is chosen. factorisation: its settings. content: penalty of the content map. neighbours: how many alike
    items count. company: penalty of what is taken together."""

    factorisation: Factorisation
    content: float = 10.0
    neighbours: int = 20
    company: float = 200.0


Chosen = TypeVar("Chosen", ViewWeights, FitChoice)


@dataclass(frozen=True)
class Try:
    """One setting and how it did: NDCG of known and of new items at 20 places."""

    choice: FitChoice
    known: float
    new: float

    @property
    def score(self) -> float:
        """Both together: the geometric mean, so that neither is given up for the other."""
        return float(np.sqrt(max(self.known, 1e-6) * max(self.new, 1e-6)))


@dataclass(frozen=True, eq=False)
class Goods:
    """Everything there is to learn from. pairs: users by items. items, people: their features in the same order."""

    pairs: Observed
    items: Known
    people: Known


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model with its maps. tries: what was tried, in order."""

    model: Preferences
    content: ContentMap
    context: ContentMap
    choice: FitChoice
    misfit: float
    tries: tuple[Try, ...] = ()


def learn(
    goods: Goods,
    choice: FitChoice,
    *,
    alike: sparse.csr_array | None = None,
    threads: int = 1,
    progress: Progress = SILENT,
) -> Fitted:
    """Learn a model with these settings; its views count as they usually do, and none is what is taken together.

    alike: the content neighbours, where they are known.
    """
    content, context = (
        ContentRidge(goods.items.features, choice.content),
        ContentRidge(goods.people.features, choice.content),
    )
    factors = factorise(
        goods.pairs, choice.factorisation, content=content, context=context, threads=threads, progress=progress
    )
    assert content.map is not None
    assert context.map is not None
    met = _met(goods.pairs)
    if alike is None:
        alike = near_ones(goods, choice)
    model = Preferences(factors, goods.pairs, factors.users.priors, factors.items.priors, alike)
    model = replace(model, blend=Blend(ViewWeights(0.75, 0.1), ViewWeights(0.75, 0.5)))
    whole = np.concatenate([factors.items.anchors, factors.items.offsets[:, None]], axis=1)
    apart = whole[met] - factors.items.priors[met]
    misfit = float(np.square(apart).mean()) if met.any() else 1.0
    return Fitted(model, content.map, context.map, choice, misfit)


def near_ones(goods: Goods, choice: FitChoice) -> sparse.csr_array:
    """The content neighbours of every item among those that somebody met."""
    return content_neighbours(goods.items.features, goods.items.features, choice.neighbours, known=_met(goods.pairs))


def _met(pairs: Observed) -> np.ndarray:
    return np.bincount(pairs.pairs.indices, minlength=pairs.pairs.shape[1]) > 0


def fit_goods(
    goods: Goods, start: FitChoice, *, tries: int = 7, seed: int = 0, threads: int = 1, progress: Progress = SILENT
) -> Fitted:
    """Choose settings and what each view counts, and learn from all. Too few events to hide some keep the start."""
    if len(goods.pairs.liked) < _LEAST_EVENTS:
        return learn(goods, start, threads=threads, progress=progress)
    trial = Trial.of(goods, seed)
    alike = near_ones(trial.goods, start)
    done: list[Try] = []
    fitted: list[Fitted] = []
    with progress.stage("choose settings", tries, "settings") as stage:
        for _ in range(tries):
            choice = _proposed(start, done)
            if choice is None:
                break
            made = learn(trial.goods, choice, alike=alike, threads=threads)
            done.append(trial.judged(made.model, choice))
            if done[-1] is max(done, key=lambda one: one.score):
                fitted = [made]
            stage.advance()
    made = trial.neighboured(fitted[0])
    best = made.choice
    company = taken_together(trial.goods.pairs, penalty=best.company) if best.company else None
    blend = trial.blended(replace(made.model, company=company))
    whole = learn(goods, best, threads=threads, progress=progress)
    if blend.met.company:
        company = taken_together(goods.pairs, penalty=best.company)
    model = replace(whole.model, blend=blend, company=company if blend.met.company else None)
    return replace(whole, model=model, tries=tuple(done))


_STEPS: tuple[tuple[str, float], ...] = (
    ("penalty", 3.0),
    # On rich content a tenth wins new items .02 to .05 NDCG, on thin content it costs known ones as much.
    ("content", 0.1),
    ("unobserved", 3.0),
    ("penalty", 1 / 3),
    ("unobserved", 1 / 3),
    ("content", 10.0),
    ("penalty", 1.7),
    ("unobserved", 1.7),
)


def _proposed(start: FitChoice, done: Sequence[Try]) -> FitChoice | None:
    """The start, then the best so far with one setting changed that was not tried; None when all were."""
    if not done:
        return start
    best, tried = max(done, key=lambda one: one.score).choice, {one.choice for one in done}
    for name, factor in _STEPS:
        held = best.content if name == "content" else getattr(best.factorisation, name)
        value = float(f"{held * factor:.3g}")
        changed = {
            "content": lambda value: replace(best, content=value),
            "penalty": lambda value: replace(best, factorisation=replace(best.factorisation, penalty=value)),
            "unobserved": lambda value: replace(best, factorisation=replace(best.factorisation, unobserved=value)),
        }
        one = changed[name](value)
        if one not in tried:
            return one
    return None


@dataclass(frozen=True, eq=False)
class Trial:
    """Goods of which some items and some events are hidden.

    goods: with these left out. new: the items that are hidden, bool. wanted: hidden events with known items. later:
    hidden events with new items, users by items. users: whose lists are judged. share: of items, and of the events of
    the others, that is hidden.
    """

    goods: Goods
    new: np.ndarray
    wanted: sparse.csr_array
    later: sparse.csr_array
    users: np.ndarray
    seed: int
    share: float = _HIDDEN

    @classmethod
    def of(cls, goods: Goods, seed: int, *, share: float = _HIDDEN) -> "Trial":
        """Hide a share of the items that were met, and as much of the liked events of the others."""
        rng = generator(seed, "recommend", "validation")
        given = goods.pairs.pairs
        users, items = given.shape
        met = np.flatnonzero(np.bincount(given.indices, minlength=items))
        new = np.zeros(items, bool)
        new[rng.permutation(met)[: max(1, round(share * len(met)))]] = True
        row = np.repeat(np.arange(users), np.diff(given.indptr))
        is_new = new[given.indices]
        held = ~is_new & goods.pairs.liked & (rng.random(len(row)) < share)
        late = is_new & goods.pairs.liked
        rest = _only(goods.pairs, ~is_new & ~held)
        judged = np.unique(row[held | late])
        some = np.sort(rng.permutation(judged)[:_USERS])
        wanted, later = _where(given, held)[some], _where(given, late)[some]
        return cls(replace(goods, pairs=rest), new, wanted, later, some, seed, share)

    def judged(self, model: Preferences, choice: FitChoice) -> Try:
        """How lists of known and of new items do, the new at the start, the middle and the end of warming up."""
        known = self._ndcg(self.scores(model), ~self.new, self.wanted)
        curve = [self.warmed(model, count).values["ndcg"] for count in (CURVE[0], CURVE[2], CURVE[4])]
        points = [float(one.mean()) for one in curve if len(one)]
        return Try(choice, known, float(np.mean(points)) if points else 0.0)

    def scores(self, model: Preferences) -> np.ndarray:
        """Scores of the judged users, float32, shape (users, items); nothing they have met already is in a list."""
        return self._scores(model, model.known(self.users))

    def neighboured(self, fitted: Fitted) -> Fitted:
        """With as many content neighbours as lists of items that nobody met do best with; nothing is learnt anew."""
        alike = {fitted.choice.neighbours: fitted.model.alike}

        def scored(choice: FitChoice) -> np.ndarray:
            if choice.neighbours not in alike:
                alike[choice.neighbours] = near_ones(self.goods, choice)
            return self.warmed(replace(fitted.model, alike=alike[choice.neighbours]), 0).values["ndcg"]

        if not self.goods.items.features.nnz:
            return fitted
        best = _climbed(fitted.choice, {"neighbours": _NEIGHBOURS}, scored)
        return replace(fitted, model=replace(fitted.model, alike=alike[best.neighbours]), choice=best)

    def warmed(self, model: Preferences, count: int, *, moves: bool = True) -> ListQuality:
        """Lists of new items after ``count`` of their hidden interactions are known. moves: whether the items move by
        them, or stay where their content put them. Users stay as they were: it is the items that are judged.

        Ranked are the items that have further interactions to find. One that had fewer is no item of ``count``, and a
        list that names it is wrong whatever it knows: with these among them whoever ranks by counts wins.
        """
        rng = generator(self.seed, "recommend", "warm-up", str(count))
        later, row = self.later, np.repeat(np.arange(self.later.shape[0]), np.diff(self.later.indptr))
        order = rng.permutation(len(row))
        by_item = order[np.argsort(later.indices[order], kind="stable")]
        rank = np.empty(len(row), np.int64)
        rank[by_item] = np.arange(len(row)) - np.searchsorted(later.indices[by_item], later.indices[by_item])
        shown = rank < count
        people, warm = model.known(self.users), model
        if count and moves:
            users = self.users[row[shown]]
            more = sparse.csr_array((np.ones(len(users)), (users, later.indices[shown])), shape=model.pairs.pairs.shape)
            warm = replace(model, pairs=_with(model.pairs, more))
        scores = self._scores(warm, people)
        scores[row[shown], later.indices[shown]] = -np.inf
        left = sparse.csr_array((np.ones(int((~shown).sum())), (row[~shown], later.indices[~shown])), shape=later.shape)
        left_of = np.bincount(left.indices, minlength=len(self.new))
        return self._lists(scores, self.new & (left_of > 0), left)

    def blended(self, model: Preferences) -> Blend:
        """What each view counts, for known items and for new ones, and the shift between them."""
        people = model.known(self.users)
        views = model.views(people)
        seen = signed(model.pairs.take(self.users))

        def scored(weights: ViewWeights) -> np.ndarray:
            scores = replace(model, blend=Blend(weights, weights)).scores(people, views)
            rows = np.repeat(np.arange(len(people)), np.diff(seen.indptr))
            scores[rows, seen.indices] = -np.inf
            return scores

        grids = {"popularity": (1.0, 0.75, 0.5, 0.25), "content": (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)}
        company = {"company": (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)} if model.company is not None else {}
        known = _climbed(
            ViewWeights(0.75, 0.1, 1.0 if company else 0.0), {**company, **grids},
            lambda weights: self._each(scored(weights), ~self.new, self.wanted),
        )  # fmt: skip
        new = _climbed(ViewWeights(0.75, 0.5), grids, lambda weights: self._each(scored(weights), self.new, self.later))
        first, second = scored(known), scored(new)
        # All of a new item's events are hidden and a share of the others': a common list of both would be judged by
        # many times as many of the former, and each be called wanted for being new.
        rng = generator(self.seed, "recommend", "common list")
        both = sparse.csr_array(self.wanted + _where(self.later, rng.random(self.later.nnz) < self.share))
        spread = float(views.taste.std())

        def joint(weights: ViewWeights) -> np.ndarray:
            ranked = np.where(self.new, second + np.float32(weights.shift), first)
            return self._each(ranked, np.ones_like(self.new), both)

        shifts = {"shift": [spread * step for step in (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)]}
        new = _climbed(new, shifts, joint, clearly=_SURELY)
        return Blend(known, new)

    def _scores(self, model: Preferences, people: People) -> np.ndarray:
        scores = model.scores(people)
        seen = people.history
        rows = np.repeat(np.arange(len(people)), np.diff(seen.indptr))
        scores[rows, seen.indices] = -np.inf
        return scores

    def _ndcg(self, scores: np.ndarray, among: np.ndarray, relevant: sparse.csr_array) -> float:
        found = self._each(scores, among, relevant)
        return float(found.mean()) if len(found) else float("nan")

    def _each(self, scores: np.ndarray, among: np.ndarray, relevant: sparse.csr_array) -> np.ndarray:
        """NDCG of each user with something relevant, of lists among some items."""
        return self._lists(scores, among, relevant).values["ndcg"]

    def _lists(self, scores: np.ndarray, among: np.ndarray, relevant: sparse.csr_array) -> ListQuality:
        ranked = np.where(among, scores, -np.inf)
        ties = generator(self.seed, "recommend", "ties")
        places, _ = top_lists(ranked, min(PLACES, scores.shape[1]), rng=ties)
        kept = among[relevant.indices]
        rows = np.repeat(np.arange(relevant.shape[0]), np.diff(relevant.indptr))[kept]
        wanted = sparse.csr_array((np.ones(len(rows)), (rows, relevant.indices[kept])), shape=relevant.shape)
        return judge_lists(places, wanted)


def _climbed(
    start: Chosen,
    grids: Mapping[str, Sequence[float]],
    score: Callable[[Chosen], np.ndarray],
    *,
    clearly: float = _CLEARLY,
) -> Chosen:
    """One value after another at its best, twice around.

    score: of every judged user. A value moves only when users gain by more than so many standard errors of what they
    gain, half a one by default, so that a handful of users cannot turn a view off.
    """
    best, values = start, score(start)
    if len(values) < _FEW_USERS:
        return start
    for _ in range(2):
        before = best
        for name, grid in grids.items():
            for step in grid:
                changed: dict[str, Any] = {name: step}
                one = replace(best, **changed)
                if one == best:
                    continue
                gained = (found := score(one)) - values
                if gained.mean() > clearly * gained.std() / np.sqrt(len(gained)):
                    best, values = one, found
        if best == before:
            break
    return best


def _only(pairs: Observed, kept: np.ndarray) -> Observed:
    given = pairs.pairs
    row = np.repeat(np.arange(given.shape[0]), np.diff(given.indptr))[kept]
    ends = np.searchsorted(row, np.arange(given.shape[0] + 1))
    return Observed(
        sparse.csr_array((given.data[kept], given.indices[kept], ends.astype(np.int32)), shape=given.shape),
        pairs.liked[kept],
    )


def _where(given: sparse.csr_array, kept: np.ndarray) -> sparse.csr_array:
    row = np.repeat(np.arange(given.shape[0]), np.diff(given.indptr))[kept]
    ends = np.searchsorted(row, np.arange(given.shape[0] + 1))
    return sparse.csr_array((np.ones(len(row)), given.indices[kept], ends.astype(np.int32)), shape=given.shape)


def _with(pairs: Observed, more: sparse.csr_array) -> Observed:
    """With further liked pairs that were not there."""
    whole = sparse.csr_array(signed(pairs) + more)
    whole.sort_indices()
    return Observed(
        sparse.csr_array((np.abs(whole.data), whole.indices, whole.indptr), shape=whole.shape), whole.data > 0
    )


def known_rows(names: Sequence[str], described: DescribedRows | None) -> Known:
    """Rows by name in this order, with the features of those that a table describes."""
    if described is None:
        return Known(tuple(names), sparse.csr_array((len(names), 0)), np.zeros((len(names), 0), bool))
    places = {name: place for place, name in enumerate(described.ids)}
    at = np.array([places.get(name, len(places)) for name in names], np.int64)
    empty = sparse.csr_array((1, described.features.shape[1]))
    features = sparse.vstack([described.features, empty], format="csr")[at]
    said = np.concatenate([described.known, np.zeros((1, described.known.shape[1]), bool)])[at]
    return Known(tuple(names), sparse.csr_array(features), said)


def make_shop(
    events: Interactions,
    *,
    items: tuple[FittedFeatures, DescribedRows] | None = None,
    people: tuple[FittedFeatures, DescribedRows] | None = None,
    start: FitChoice,
    tries: int = 7,
    seed: int = 0,
    threads: int = 1,
    progress: Progress = SILENT,
) -> tuple[Shop, Fitted]:
    """A shop of these events, and of everything the tables of items and users describe."""
    names = sorted({*events.items, *(items[1].ids if items else ())})
    users = sorted({*events.users, *(people[1].ids if people else ())})
    things, persons = known_rows(names, items[1] if items else None), known_rows(users, people[1] if people else None)
    pairs = observed(events, persons.places, things.places, start.factorisation)
    fitted = fit_goods(Goods(pairs, things, persons), start, tries=tries, seed=seed, threads=threads, progress=progress)
    shop = Shop(
        fitted.model,
        events,
        persons,
        things,
        people[0] if people else None,
        items[0] if items else None,
        fitted.content,
        fitted.context,
        fitted.choice.neighbours,
        fitted.misfit,
    )
    return shop, fitted
