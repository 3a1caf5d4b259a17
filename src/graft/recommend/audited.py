"""The lists of a shop as an audit looks at them, and what users really wanted of the catalogue.

Decisions: whose lists are looked at is everybody of whom anything is known, or so many of them drawn. Merit is what
they took: later, where a file of later events is given, and the shop's own lists are judged; else the newest fifth of
what each took is held out, and a model of the shop's settings learns anew from the rest and is judged in its place,
since the shop itself has seen all. Where nothing can be held out the shop's own scores stand in, which say what the
shop believes and nothing about whether it is right.
"""

from dataclasses import replace

import numpy as np
from scipy import sparse

from graft.core.errors import InputError
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.entities.posterior import Observed
from graft.entities.preferences import People, Preferences, taken_together
from graft.entities.shop import COLD, Shop
from graft.entities.top_lists import top_lists
from graft.evidence.exposure import AuditedLists
from graft.recommend.fitting import FitChoice, Goods, learn
from graft.rows.interactions import Interactions

MERITS = ("held-out", "later", "model", "none")
_SHARE, _LEAST_PAIRS, _LEAST_USERS = 0.2, 5, 10
_PEOPLE_AT_ONCE, _CELLS = 128, 40_000_000


def audited_lists(
    shop: Shop,
    *,
    k: int,
    sample: int = 2_000,
    merit: str = "held-out",
    later: Interactions | None = None,
    seed: int = 0,
    threads: int = 1,
    progress: Progress = SILENT,
) -> AuditedLists:
    """The lists, and merit by one of ``MERITS``; ``later``, events that the shop has not learnt, goes with "later".

    sample: so many users at most. Raises InputError where nobody is known, and where later events are of nobody or of
    nothing that the shop knows.
    """
    known = np.flatnonzero(shop.person_states != COLD)
    if not len(known) or not len(shop.items.names):
        raise InputError(
            f"a shop of {len(shop.items.names):,} items and {len(known):,} users of whom anything is known",
            needed="both",
            fix="add events with graft recommend add-events",
        )
    notes = []
    strangers = len(shop.people.names) - len(known)
    if strangers:
        notes.append(f"nothing is known of {strangers:,} users: they all get the same list and are left out")
    candidates = shop.item_states != COLD
    if (cold := int((~candidates).sum())) > 0:
        notes.append(f"of {cold:,} items nothing at all is known: no list can hold them, and they count as not shown")
    if k >= int(candidates.sum()):
        notes.append(f"lists of {k:,} places show all {int(candidates.sum()):,} items: only the order can differ")
    people = known
    if later is not None:
        people = np.unique([shop.people.places[name] for name in later.users if name in shop.people.places])
        people = np.intersect1d(people.astype(np.int64), known)
    if len(people) > sample:
        people = np.sort(generator(seed, "audit", "users").choice(people, sample, replace=False))
    places = min(k, len(shop.items.names))
    lists = _lists(shop.model, people, candidates, places, progress) if len(people) else np.zeros((0, places), np.int64)
    taken = _liked(shop.model.pairs, people)
    judged, judged_lists, wanted, held_out, merit_is = np.arange(len(people)), lists, None, False, ""
    if merit == "later":
        assert later is not None
        wanted, held_out, merit_is = _later(shop, people, later), True, "what users took later"
    elif merit == "held-out":
        held = _held(shop, people, seed)
        if held is None:
            notes.append(
                f"fewer than {_LEAST_USERS} users took {_LEAST_PAIRS} items or more: nothing can be held out, and"
                " merit is what the shop's own scores say"
            )
            merit = "model"
        else:
            rest, judged, wanted = held
            model = _learnt(shop, rest, threads, progress)
            judged_lists = _lists(model, people[judged], candidates, places, progress)
            held_out = True
            when = "newest fifth" if shop.events.timed else "fifth, drawn,"
            merit_is = f"the {when} of what each user took, held out"
            notes.append(
                f"against merit, and for quality, the lists are those of a model with the shop's settings that learnt"
                f" from the rest ({len(judged):,} users)"
            )
    if merit == "model":
        judged = np.sort(generator(seed, "audit", "merit").permutation(len(people))[: _CELLS // len(candidates) + 1])
        judged_lists = lists[judged]
        wanted, merit_is = _believed(shop.model, people[judged], candidates), "what the shop's own scores say"
        notes.append("merit by the shop's own scores cannot tell whether the scores are fair, only what lists add")
    return AuditedLists(
        tuple(shop.people.names[place] for place in people.tolist()), lists, taken, judged, judged_lists, wanted,
        held_out, merit_is, len(known), candidates, tuple(notes),
    )  # fmt: skip


def _lists(
    model: Preferences, people: np.ndarray, candidates: np.ndarray, places: int, progress: Progress
) -> np.ndarray:
    """Lists as the shop makes them: nothing that somebody has already, nothing that has no place."""
    pieces = []
    with progress.stage("lists", len(people), "users") as stage:
        for start in range(0, len(people), _PEOPLE_AT_ONCE):
            some = people[start : start + _PEOPLE_AT_ONCE]
            pieces.append(top_lists(_scores(model, model.known(some), candidates), places)[0])
            stage.advance(len(some))
    return np.concatenate(pieces)


def _scores(model: Preferences, people: People, candidates: np.ndarray) -> np.ndarray:
    scores = model.scores(people)
    scores[:, ~candidates] = -np.inf
    scores[np.repeat(np.arange(len(people)), np.diff(people.history.indptr)), people.history.indices] = -np.inf
    return scores


def _liked(pairs: Observed, people: np.ndarray) -> sparse.csr_array:
    """What some people liked, 1 each, shape (people, items)."""
    mine = pairs.take(people)
    return _ones(mine.pairs, mine.liked)


def _ones(pairs: sparse.csr_array, kept: np.ndarray) -> sparse.csr_array:
    row = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))[kept]
    return sparse.csr_array((np.ones(len(row)), (row, pairs.indices[kept])), shape=pairs.shape)


def _later(shop: Shop, people: np.ndarray, later: Interactions) -> sparse.csr_array:
    """What these people liked later that the shop knew and they did not have."""
    row = {int(place): at for at, place in enumerate(people.tolist())}
    user = np.array([row.get(shop.people.places.get(name, -1), -1) for name in later.users], np.int64)[later.user]
    item = np.array([shop.items.places.get(name, -1) for name in later.items], np.int64)[later.item]
    kept = (user >= 0) & (item >= 0) & ~later.disliked
    wanted = sparse.csr_array(
        (np.ones(int(kept.sum())), (user[kept], item[kept])), shape=(len(people), len(shop.items.names))
    )
    had = shop.model.pairs.take(people).pairs
    wanted = sparse.csr_array(wanted - wanted.multiply(had > 0))
    wanted.eliminate_zeros()
    if not wanted.nnz:
        raise InputError(
            f"none of {len(later):,} later events is of a user and an item that the shop knows, and new to that user",
            needed="what its users took after the shop was fitted",
            fix="give later events, with ids as the shop writes them",
        )
    return wanted


def _held(shop: Shop, people: np.ndarray, seed: int) -> tuple[Observed, np.ndarray, sparse.csr_array] | None:
    """What is learnt from, users (among these people) with something held out, and what is; None for too few."""
    pairs, events = shop.model.pairs, shop.events
    given = pairs.pairs
    row = np.repeat(np.arange(given.shape[0]), np.diff(given.indptr))
    order = generator(seed, "audit", "held out").random(len(row))
    if events.timed:
        user = np.array([shop.people.places[name] for name in events.users], np.int64)[events.user]
        item = np.array([shop.items.places[name] for name in events.items], np.int64)[events.item]
        # The pairs of the model are the events sorted by user and item; what happened at one moment stays as drawn.
        day = events.day[np.lexsort((item, user))]
        order = np.argsort(np.lexsort((order, day))).astype(np.float64)
    liked = np.bincount(row[pairs.liked], minlength=given.shape[0])
    held = np.zeros(len(row), bool)
    mine = np.flatnonzero(pairs.liked & np.isin(row, people) & (liked[row] >= _LEAST_PAIRS))
    mine = mine[np.lexsort((-order[mine], row[mine]))]
    starts = np.flatnonzero(np.append(True, np.diff(row[mine]) > 0)) if len(mine) else np.zeros(0, np.int64)
    rank = np.arange(len(mine)) - np.repeat(starts, np.diff(np.append(starts, len(mine))))
    held[mine[rank < np.maximum(1, np.floor(_SHARE * liked[row[mine]]))]] = True
    judged = np.flatnonzero(np.isin(people, np.unique(row[held])))
    if len(judged) < _LEAST_USERS:
        return None
    rest = Observed(_kept(given, ~held), pairs.liked[~held])
    return rest, judged, sparse.csr_array(_ones(given, held)[people[judged]])


def _kept(given: sparse.csr_array, kept: np.ndarray) -> sparse.csr_array:
    row = np.repeat(np.arange(given.shape[0]), np.diff(given.indptr))[kept]
    ends = np.searchsorted(row, np.arange(given.shape[0] + 1)).astype(np.int32)
    return sparse.csr_array((given.data[kept], given.indices[kept], ends), shape=given.shape)


def _learnt(shop: Shop, rest: Observed, threads: int, progress: Progress) -> Preferences:
    """A model with the settings of the shop and what its views count, of what was not held out."""
    choice = FitChoice(shop.settings, neighbours=shop.neighbours)
    model = learn(Goods(rest, shop.items, shop.people), choice, threads=threads, progress=progress).model
    blend = shop.model.blend
    company = taken_together(rest, penalty=choice.company) if blend.met.company else None
    return replace(model, blend=blend, company=company)


def _believed(model: Preferences, people: np.ndarray, candidates: np.ndarray) -> sparse.csr_array:
    """Scores above those of an average item, as merit, shape (people, items)."""
    pieces = []
    for start in range(0, len(people), _PEOPLE_AT_ONCE):
        scores = _scores(model, model.known(people[start : start + _PEOPLE_AT_ONCE]), candidates)
        there = np.isfinite(scores)
        mean = np.where(there, scores, 0).sum(axis=1, keepdims=True) / np.maximum(there.sum(axis=1, keepdims=True), 1)
        pieces.append(sparse.csr_array(np.where(there, np.maximum(scores - mean, 0), 0).astype(np.float64)))
    return sparse.csr_array(sparse.vstack(pieces, format="csr"))


def require_merit(merit: str, later: object | None) -> str:
    """The way merit is found. Raises InputError for another, and for later events that do not go with it."""
    if merit not in MERITS:
        raise InputError(f"merit by {merit!r}", needed=f"one of {', '.join(MERITS)}", fix="held-out is the usual one")
    if later is not None and merit == "held-out":
        return "later"
    if (merit == "later") != (later is not None):
        raise InputError(
            f"merit is {merit!r} and {'no ' if later is None else ''}later events are given",
            needed="both or neither",
            fix="give a file of what users took later (--later), or leave merit out",
        )
    return merit
