"""How good a shop is, on what it did not see: held-out items, held-out users, and what came later.

Decisions: every split learns anew from what is left, settings and weights included, so nothing that is held out has a
say; all candidates are ranked, never a sample of them, and which they are is stated; what costs nothing (random,
popularity, likeness of content, items taken together, a plain factorisation) is ranked over the same users. Intervals
are over users.

Krichene & Rendle (2020), On Sampled Metrics for Item Recommendation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from scipy import sparse

from graft.core.errors import InputError
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.version import __version__
from graft.entities.fitted import require_positive
from graft.entities.item_features import content_neighbours
from graft.entities.posterior import Observed
from graft.entities.preferences import Blend, People, ViewWeights, signed
from graft.entities.shop import COLD, HOT, WARM, Known, Shop
from graft.entities.top_lists import top_lists
from graft.evidence.leakage import follows
from graft.evidence.ranked_lists import ListQuality, judge_lists, judge_reach
from graft.facts.recommend import (
    CatalogueReach,
    ContentLeakage,
    CountedViews,
    EvaluatedPart,
    EvaluatedShop,
    EvaluatedSplit,
    ListScore,
    NotCounted,
    RecommendEvaluation,
    WarmUpGate,
    WarmUpPoint,
)
from graft.recommend.examples import placed_items
from graft.recommend.fitting import CURVE, PLACES, FitChoice, Fitted, Goods, Trial, fit_goods, learn
from graft.recommend.forbidden import probe_vectors
from graft.rows.values import times

SHARE, MARGIN, LEVEL = 0.2, 0.01, 0.95
_OTHER_ITEMS, _TELLING, _DAY = 1_000_003, 0.8, 86_400_000_000
_TOGETHER = "taken together"
_LEAST_USERS, _COMPANIONS = 10, 50
# Scores that are held at once.
_CELLS = 8_000_000

MEANINGS = {
    "items": "a fifth of the items is new: none of their events is known",
    "users": "a fifth of the users is new: half of what they did is known when they are answered",
    "time": "the last fifth of the events is wanted, the earlier ones are known",
}


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A split. known: what is learnt from. people: whose lists are judged, by place. shown: what of theirs is known
    when they are answered, None for what is learnt from. wanted: users of ``people`` by items."""

    name: str
    known: Observed
    people: np.ndarray
    shown: Observed | None
    wanted: sparse.csr_array
    border: float = float("nan")


def evaluate(
    shop: Shop,
    *,
    users: object | None = None,
    items: object | None = None,
    margin: float = MARGIN,
    tries: int = 4,
    seed: int = 0,
    threads: int = 1,
    name: str = "",
    digest: str = "",
    progress: Progress = SILENT,
) -> RecommendEvaluation:
    """Evaluate by every split that the events allow.

    users, items: tables with the columns that were forbidden at the fit, to probe whether vectors tell them. margin: of
    NDCG that does not matter while items warm up. name, digest: of the folder the shop was loaded from, for the record.
    Raises InputError where the events allow no split.
    """
    if not 0 <= margin < 1:
        raise InputError(f"a margin of {margin}", needed="a difference in NDCG, 0 or more and below 1", fix="use 0.01")
    require_positive("tries", tries, whole=True, least=1)
    if (users is not None or items is not None) and not shop.forbidden:
        raise InputError(
            "a table is given to probe, and no column was forbidden at the fit",
            needed="a shop that was fitted with --forbid (forbid=...)",
            fix="leave the table out, or fit again and name what is forbidden",
        )
    # First, because a table that cannot be read is told before the work.
    leakage = probe_vectors(shop, users=users, items=items, seed=seed)
    pairs = shop.model.pairs
    splits: list[EvaluatedSplit] = []
    skipped: list[str] = []
    curve: tuple[WarmUpPoint, ...] = ()
    concerns: list[ContentLeakage] = []
    start = FitChoice(shop.settings, neighbours=shop.neighbours)
    with progress.stage("evaluate", len(MEANINGS), "splits") as stage:
        for way, hold in (("items", _items), ("users", _users), ("time", _time)):
            held = hold(shop, pairs, seed)
            if isinstance(held, str):
                skipped.append(f"{way}: {held}")
            else:
                unmade, told = _unmade(shop, held)
                concerns += told
                goods = Goods(held.known, _without(shop.items, unmade), shop.people)
                fitted = fit_goods(goods, start, tries=tries, seed=seed, threads=threads)
                splits.append(_judged(shop, held, goods, fitted, seed))
            stage.advance()
        if len(pairs.liked) and not isinstance(_items(shop, pairs, seed), str):
            curve = _curve(Goods(pairs, shop.items, shop.people), start, seed, threads)
    if not splits:
        raise InputError(
            f"nothing can be held out: {'; '.join(skipped)}",
            needed=f"{_LEAST_USERS} users or more with several events",
            fix="give more events",
        )
    return RecommendEvaluation(
        places=PLACES, seed=seed, splits=tuple(splits), curve=curve, skipped=tuple(skipped), tries=tries,
        graft=__version__, shop=_described(shop, name, digest), gate=_gate(curve, margin) if curve else None,
        leakage=leakage,
        content_leakage=(*concerns, *_telling_numbers(shop)),
    )  # fmt: skip


def _described(shop: Shop, name: str, digest: str) -> EvaluatedShop:
    states, settings, blend = shop.item_states, shop.settings, shop.model.blend
    columns = [() if one is None else one.settings.columns for one in (shop.item_features, shop.person_features)]
    return EvaluatedShop(
        name=name,
        digest=digest,
        users=len(shop.people.names),
        items=len(shop.items.names),
        hot=int((states == HOT).sum()),
        warm=int((states == WARM).sum()),
        cold=int((states == COLD).sum()),
        pairs=len(shop.events),
        events=shop.events.events,
        timed=shop.events.timed,
        aside=tuple(NotCounted(events=one.events, why=one.why) for one in shop.events.aside if one.events),
        item_columns=columns[0],
        user_columns=columns[1],
        source=shop.item_features.settings.source if shop.item_features is not None else "",
        dimension=settings.dimension,
        penalty=settings.penalty,
        unobserved=settings.unobserved,
        neighbours=shop.neighbours,
        known=_counted(blend.met),
        new=_counted(blend.unmet),
        half=blend.half,
    )


def _counted(weights: ViewWeights) -> CountedViews:
    return CountedViews(
        popularity=weights.popularity, content=weights.content, company=weights.company, shift=weights.shift
    )


def _items(shop: Shop, pairs: Observed, seed: int) -> HeldOut | str:
    """A fifth of the items that were met is hidden, and a fifth of the other events of known items is wanted too."""
    rng = generator(seed, "evaluation", "items")
    given, row = pairs.pairs, _rows(pairs.pairs)
    met = np.unique(given.indices)
    hidden = np.zeros(given.shape[1], bool)
    hidden[rng.permutation(met)[: max(1, round(SHARE * len(met)))]] = True
    is_new = hidden[given.indices]
    held = is_new | (rng.random(len(row)) < SHARE)
    return _held("items", pairs, ~held, held & pairs.liked)


def _users(shop: Shop, pairs: Observed, seed: int) -> HeldOut | str:
    """A fifth of the users is hidden; half of what each did is shown."""
    rng = generator(seed, "evaluation", "users")
    given, row = pairs.pairs, _rows(pairs.pairs)
    several = np.flatnonzero(pairs.counts >= 2)
    hidden = np.zeros(given.shape[0], bool)
    hidden[rng.permutation(several)[: max(1, round(SHARE * len(several)))]] = True
    theirs = hidden[row]
    shown = theirs & (rng.random(len(row)) < 0.5)
    return _held("users", pairs, ~theirs, theirs & ~shown & pairs.liked, shown)


def _time(shop: Shop, pairs: Observed, seed: int) -> HeldOut | str:
    """The last fifth of the events, by the newest of each pair."""
    if not shop.events.timed:
        return "the events have no times"
    days = sparse.csr_array(pairs.pairs)
    places_u = np.array([shop.people.places[name] for name in shop.events.users], np.int64)[shop.events.user]
    places_i = np.array([shop.items.places[name] for name in shop.events.items], np.int64)[shop.events.item]
    # The pairs of the model are the events sorted by user and item.
    order = np.lexsort((places_i, places_u))
    day = shop.events.day[order]
    assert len(day) == len(days.data)
    border = np.quantile(day, 1 - SHARE)
    later = day > border
    if not later.any() or later.all():
        return "all events are of one time"
    held = _held("time", pairs, ~later, later & pairs.liked)
    return held if isinstance(held, str) else replace(held, border=float(border))


def _held(
    name: str, pairs: Observed, known: np.ndarray, wanted: np.ndarray, shown: np.ndarray | None = None
) -> HeldOut | str:
    row = _rows(pairs.pairs)
    people = np.unique(row[wanted])
    if shown is None:
        # Who has nothing left to know them by is no user of this split.
        people = people[np.isin(people, row[known])]
    if len(people) < _LEAST_USERS:
        return f"{len(people)} users have something held out, and {_LEAST_USERS} are needed"
    return HeldOut(
        name,
        _part(pairs, known),
        people,
        None if shown is None else _part(pairs, shown).take(people),
        sparse.csr_array(_part(pairs, wanted).pairs[people]),
    )


def _judged(shop: Shop, held: HeldOut, goods: Goods, fitted: Fitted, seed: int) -> EvaluatedSplit:
    model = fitted.model
    taken = held.known.take(held.people) if held.shown is None else held.shown
    people = model.newcomers(taken, model.user_priors[held.people])
    plain = learn(replace(goods, items=_bare(goods.items), people=_bare(goods.people)), fitted.choice).model
    unshown = plain.newcomers(taken, plain.user_priors[held.people])
    blind, drawn = replace(model, blend=Blend()), generator(seed, "evaluation", "random")
    popular, near = _likes(held.known).astype(np.float64), _companions(held.known)
    ways: dict[str, Callable[[slice], np.ndarray]] = {
        "model": lambda some: model.scores(_some(people, some)),
        "random": lambda some: drawn.random((some.stop - some.start, model.items)),
        "popularity": lambda some: np.broadcast_to(popular, (some.stop - some.start, model.items)),
        "content neighbours": lambda some: (people.history[some] @ model.alike.T).toarray(),
        "item neighbours": lambda some: (people.history[some] @ near.T).toarray(),
        "factorisation": lambda some: plain.scores(_some(unshown, some)),
    }
    alone: dict[str, Callable[[slice], np.ndarray]] = {
        "factorisation with content": lambda some: blind.scores(_some(people, some))
    }
    if model.company is not None:
        alone[_TOGETHER] = lambda some: model.together(_some(people, some))
    met = model.met
    parts = {"known": met, "new": ~met & goods.items.usable, "all": met | goods.items.usable}
    lists: dict[str, dict[str, np.ndarray]] = {name: {} for name in parts}
    for way, score in (ways | alone).items():
        for name, found in _listed_by(score, people, parts, seed).items():
            lists[name][way] = found
    told = []
    for name, among in parts.items():
        wanted = _among(held.wanted, among)
        if np.count_nonzero(np.diff(wanted.indptr)) >= _LEAST_USERS:
            quality = {way: judge_lists(found, wanted) for way, found in lists[name].items()}
            scored = {way: _score(way, one, quality["model"]) for way, one in quality.items()}
            told.append(
                EvaluatedPart(
                    name=name,
                    candidates=int(among.sum()),
                    scores=tuple(scored[way] for way in ways),
                    components=tuple(scored[way] for way in alone if name != "new" or way != _TOGETHER),
                )
            )
    return EvaluatedSplit(
        name=held.name,
        meaning=MEANINGS[held.name],
        events=len(held.known.liked),
        held=held.wanted.nnz,
        parts=tuple(told),
        reach=_reach(lists["all"]["model"], held, seed),
        cold=int((~parts["all"]).sum()),
        cold_held=_among(held.wanted, ~parts["all"]).nnz,
        placed=placed_items(shop, new=parts["new"], wanted=held.wanted, lists=lists["new"]["model"], alike=model.alike),
    )


def _listed_by(
    score: Callable[[slice], np.ndarray], people: People, parts: Mapping[str, np.ndarray], seed: int
) -> dict[str, np.ndarray]:
    """The lists of each part of the items, (people, places) each; so many people at once that memory stays bounded."""
    items = people.history.shape[1]
    ties = {name: generator(seed, "evaluation", "ties") for name in parts}
    pieces: dict[str, list[np.ndarray]] = {name: [] for name in parts}
    step = max(1, _CELLS // max(items, 1))
    for start in range(0, len(people), step):
        some = slice(start, min(start + step, len(people)))
        scores, seen = np.array(score(some)), people.history[some]
        scores[_rows(seen), seen.indices] = -np.inf
        for name, among in parts.items():
            ranked = np.where(among, scores, -np.inf)
            pieces[name].append(top_lists(ranked, min(PLACES, items), rng=ties[name])[0])
    return {name: np.concatenate(found) for name, found in pieces.items()}


def _some(people: People, some: slice) -> People:
    return People(people.vectors[some], people.history[some])


def _score(way: str, quality: ListQuality, model: ListQuality) -> ListScore:
    return ListScore(
        recommender=way,
        users=len(quality.scored),
        ndcg=quality.interval("ndcg"),
        recall=quality.interval("recall"),
        less=None if quality is model else model.less(quality, "ndcg"),
    )


def _reach(lists: np.ndarray, held: HeldOut, seed: int) -> CatalogueReach | None:
    if not (lists >= 0).any():
        return None
    # Those who are held out, and those of whom a table alone knows, had no part in these counts.
    active = int((held.known.counts > 0).sum())
    found = judge_reach(lists, _counts(held.known), users=active, rng=generator(seed, "evaluation", "reach"))
    return CatalogueReach(
        coverage=found.coverage, gini=found.gini, novelty=found.novelty, popularity=found.popularity, head=found.head,
        head_consumed=found.head_consumed,
    )  # fmt: skip


def _curve(goods: Goods, start: FitChoice, seed: int, threads: int) -> tuple[WarmUpPoint, ...]:
    """The quality of hidden items as their interactions become known, beside content and behaviour alone."""
    # Other items than those that the settings of the shop were chosen on.
    trial = Trial.of(goods, seed + _OTHER_ITEMS)
    model = fit_goods(trial.goods, start, tries=1, seed=seed, threads=threads).model
    nothing = replace(trial.goods, items=_bare(goods.items))
    bare = fit_goods(nothing, start, tries=1, seed=seed, threads=threads).model
    level = 1 - (1 - LEVEL) / (2 * len(CURVE) - 1)
    points = []
    for count in CURVE:
        mine = trial.warmed(model, count)
        if len(mine.scored) < _LEAST_USERS:
            continue
        content, behaviour = trial.warmed(model, count, moves=False), trial.warmed(bare, count)
        points.append(
            WarmUpPoint(
                interactions=count,
                users=len(mine.scored),
                model=mine.interval("ndcg"),
                content=content.interval("ndcg"),
                behaviour=behaviour.interval("ndcg"),
                # Without interactions the two are one.
                over_content=mine.less(content, "ndcg", level=level) if count else None,
                over_behaviour=mine.less(behaviour, "ndcg", level=level),
            )
        )
    return tuple(points)


def _gate(curve: Sequence[WarmUpPoint], margin: float) -> WarmUpGate:
    """Whether new items' lists are ever worse than by one of the two alone. Each difference is judged at a level that
    all of them hold together (Bonferroni)."""
    given = [
        (one, point.interactions, what)
        for point in curve
        for one, what in ((point.over_content, "content"), (point.over_behaviour, "behaviour"))
        if one is not None
    ]
    worst, after, what = min(given, key=lambda each: each[0].mean)
    said = f"the least difference is {worst.mean:+.3f}, to {what} alone after {after} interaction{'s' * (after != 1)}"
    outcome: Literal["holds", "broken", "undecided"] = "undecided"
    if any(one.high is not None and one.high < -margin for one, _, _ in given):
        outcome = "broken"
    elif all(one.low is not None and one.low >= -margin for one, _, _ in given):
        outcome = "holds"
    return WarmUpGate(outcome=outcome, margin=margin, level=LEVEL, worst=said)


def _unmade(shop: Shop, held: HeldOut) -> tuple[np.ndarray, list[ContentLeakage]]:
    """Items whose content was made after the split, or by the people who are held out: bool, shape (items,)."""
    count = len(shop.items.names)
    unmade = np.zeros(count, bool)
    told = []
    if shop.made.when and held.name == "time":
        when = times(pl.Series(shop.columns[shop.made.when], dtype=pl.String))[0]
        days = np.where(np.isnat(when), np.nan, when.astype(np.int64) / _DAY)
        late = ~(days <= held.border) & shop.items.usable
        unknown = int((np.isnan(days) & shop.items.usable).sum())
        unmade |= late
        why = f"the content of {int(late.sum()):,} of {count:,} items was made after the split"
        why += f" (of {unknown:,} nobody knows when)" if unknown else ""
        told.append(ContentLeakage(split="time", items=int(late.sum()), of=count, why=why, blanked=True))
    if shop.made.by and held.name == "users":
        theirs = {shop.people.names[place] for place in held.people.tolist()}
        makers = shop.columns[shop.made.by]
        mine = np.array([bool(theirs & set(_listed(cell))) for cell in makers], bool) & shop.items.usable
        unmade |= mine
        why = f"the content of {int(mine.sum()):,} of {count:,} items was made by people who are held out"
        told.append(ContentLeakage(split="users", items=int(mine.sum()), of=count, why=why, blanked=True))
    if not shop.made.when and held.name == "time" and shop.items.usable.any():
        why = "nothing says when the content was made: what was written after the split is taken as known before it"
        told.append(ContentLeakage(split="time", items=0, of=count, why=why, blanked=False))
    return unmade, told


def _listed(cell: str | None) -> list[str]:
    return [] if cell is None else [one.strip() for one in cell.split(",") if one.strip()]


def _telling_numbers(shop: Shop) -> list[ContentLeakage]:
    """Columns of numbers that follow how often items are taken so closely that they may be made from it."""
    if shop.item_features is None:
        return []
    told, counts = [], _counts(shop.model.pairs)
    names = shop.item_features.names
    # Said by column: texts and categories first, numbers last.
    order = [*shop.item_features.vocabularies, *shop.item_features.settings.number]
    for name in shop.item_features.settings.number:
        said = shop.items.said[:, order.index(name)]
        values = shop.items.features[:, [names.index(name)]].toarray().ravel()
        found = follows(values[said], counts[said])
        if found is not None and max(found.low or 0.0, -(found.high or 0.0)) >= _TELLING:
            why = (
                f"the numbers of {name!r} follow how often items were taken (rank correlation {found.mean:.2f}):"
                " if they are made from these events, what is held out is known by them"
            )
            told.append(ContentLeakage(split="items", items=int(said.sum()), of=len(said), why=why, blanked=False))
    return told


def _without(items: Known, unmade: np.ndarray) -> Known:
    """The same items, with nothing known about some."""
    if not unmade.any():
        return items
    kept = sparse.diags_array((~unmade).astype(np.float64))
    return replace(items, features=sparse.csr_array(kept @ items.features), said=items.said & ~unmade[:, None])


def _companions(known: Observed) -> sparse.csr_array:
    """Items taken by the same people, by the cosine of who took them: the usual item neighbours, items by items."""
    liked = sparse.csr_array(signed(known).maximum(0))
    takers = sparse.csr_array(liked.T.tocsr())
    return content_neighbours(takers, takers, _COMPANIONS)


def _bare(known: Known) -> Known:
    """The same names, with nothing known about them."""
    count = len(known.names)
    return replace(known, features=sparse.csr_array((count, 0)), said=np.zeros((count, 0), bool))


def _counts(pairs: Observed) -> np.ndarray:
    return np.bincount(pairs.pairs.indices, minlength=pairs.pairs.shape[1])


def _likes(pairs: Observed) -> np.ndarray:
    given = pairs.pairs
    return np.bincount(given.indices[pairs.liked], minlength=given.shape[1])


def _rows(matrix: sparse.csr_array) -> np.ndarray:
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _among(wanted: sparse.csr_array, items: np.ndarray) -> sparse.csr_array:
    kept = items[wanted.indices]
    return sparse.csr_array((np.ones(int(kept.sum())), (_rows(wanted)[kept], wanted.indices[kept])), shape=wanted.shape)


def _part(pairs: Observed, kept: np.ndarray) -> Observed:
    given, row = pairs.pairs, _rows(pairs.pairs)[kept]
    ends = np.searchsorted(row, np.arange(given.shape[0] + 1)).astype(np.int32)
    return Observed(
        sparse.csr_array((given.data[kept], given.indices[kept], ends), shape=given.shape), pairs.liked[kept]
    )
