"""Items from co-occurrence, and users from their histories, at finding what somebody likes next.

``python -m bench company draws=3 peer=PYTHON`` (an interpreter that has implicit): films of MovieLens small, ratings of
four and more are likes, below three dislikes; a fifth of each person's likes is hidden and every film that is left is
ranked. Beside popularity, item neighbours and ALS (ours and implicit's). Whatever has settings gets three tries on a
fifth of what is left, by NDCG; intervals are over people, each draw of a person belonging to that person. ``taste``
is similarity alone.
"""

import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse

from bench.draws import Found
from graft.core.intervals import Interval
from graft.entities.content_map import ContentRidge
from graft.entities.cooccurrence import ItemsFromCooccurrence
from graft.entities.factorisation import Factorisation, factorise
from graft.entities.item_features import content_neighbours
from graft.entities.posterior import Observed
from graft.entities.top_lists import top_lists
from graft.entities.users import NextItems, UsersFromHistories
from graft.evidence.ranked_lists import ListQuality, judge_lists

FILMS = Path(__file__).resolve().parents[2] / "shared" / "data" / "movielens_small"
PLACES = 20
DIMENSIONS = (32, 64)


@dataclass(frozen=True, eq=False)
class Split:
    """Likes, dislikes and hidden likes, users by items."""

    likes: sparse.csr_array
    dislikes: sparse.csr_array
    hidden: sparse.csr_array

    @classmethod
    def of(cls, likes: sparse.csr_array, dislikes: sparse.csr_array, rng: np.random.Generator) -> "Split":
        held = rng.random(likes.nnz) < 0.2
        return cls(_only(likes, ~held), dislikes, _only(likes, held))

    @property
    def wanted(self) -> sparse.csr_array:
        """Hidden likes of films that somebody else likes."""
        met = np.asarray(self.likes.sum(axis=0)).ravel() > 0
        return _only(self.hidden, met[self.hidden.indices])

    def lists(self, score: np.ndarray) -> np.ndarray:
        """The best films that a person does not have, among those that somebody likes."""
        met = np.asarray(self.likes.sum(axis=0)).ravel() > 0
        scores = np.where(met, score, -np.inf)
        scores[_rows(self.likes), self.likes.indices] = -np.inf
        return top_lists(scores, PLACES)[0]


Lists = Callable[[], np.ndarray]
Way = Callable[[Split], Sequence[Lists]]


def company(draws: int = 3, peer: tuple[str, ...] | str = ()) -> Found:
    """NDCG and recall at 20 of every way, with intervals over people, and each less our ALS of its dimension."""
    python = peer if isinstance(peer, str) else (peer[0] if peer else "")
    likes, dislikes = _films()
    ways = _ways(python)
    lists: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    wanted = []
    for draw in range(draws):
        split = Split.of(likes, dislikes, np.random.default_rng(draw))
        inner = Split.of(split.likes, dislikes, np.random.default_rng(1000 + draw))
        wanted.append(split.wanted)
        for name, way in ways.items():
            tries = way(inner)
            scored = (
                [judge_lists(one(), inner.wanted).values["ndcg"].mean() for one in tries] if len(tries) > 1 else [0]
            )
            lists[name].append(way(split)[int(np.argmax(scored))]())
    people, all_wanted = np.tile(np.arange(likes.shape[0]), draws), sparse.csr_array(sparse.vstack(wanted))
    quality = {name: judge_lists(np.concatenate(own), all_wanted, persons=people) for name, own in lists.items()}
    return {
        "likes": likes.nnz, "people": likes.shape[0], "films": likes.shape[1], "draws": draws,
        **{name: _told(own, quality[_peer_of(name)]) for name, own in quality.items()},
    }  # fmt: skip


def _peer_of(name: str) -> str:
    return f"als {name.rpartition(' ')[2]}" if name[-2:].isdigit() else "als 64"


def _told(own: ListQuality, als: ListQuality) -> Found:
    told: Found = {}
    for name in ("ndcg", "recall"):
        told[name] = _shown(own.interval(name))
        if own is not als:
            told[f"{name} less als"] = _shown(own.less(als, name))
    return told


def _shown(found: Interval) -> str:
    return f"{found.mean:.4f} ({found.low:.4f} to {found.high:.4f})"


def _ways(python: str) -> dict[str, Way]:
    ways: dict[str, Way] = {
        "popularity": lambda split: [lambda: split.lists(np.tile(split.likes.sum(axis=0), (split.likes.shape[0], 1)))],
        "item neighbours": lambda split: [lambda k=k: split.lists(_neighbours(split, k)) for k in (20, 50, 100)],
    }
    for size in DIMENSIONS:
        ways |= {
            f"als {size}": lambda split, size=size: [
                lambda p=penalty: split.lists(_als(split, size, p)) for penalty in (0.003, 0.01, 0.03)
            ],
            f"taste {size}": lambda split, size=size: [lambda: split.lists(_next(split, size, False).taste)],
            f"taste and popularity {size}": lambda split, size=size: _weighed(split, size, False),
            f"with dislikes {size}": lambda split, size=size: _weighed(split, size, True),
        }
        if python:
            ways[f"implicit {size}"] = lambda split, size=size: [
                lambda a=alpha: _implicit(split, size, a, python) for alpha in (1.0, 10.0, 40.0)
            ]
    return ways


def _neighbours(split: Split, k: int) -> np.ndarray:
    takers = sparse.csr_array(split.likes.T.tocsr())
    return np.asarray((split.likes @ content_neighbours(takers, takers, k).T).toarray())


def _als(split: Split, size: int, penalty: float) -> np.ndarray:
    none = (ContentRidge(sparse.csr_array((count, 0)), 10.0) for count in split.likes.shape[::-1])
    content, context = none
    made = factorise(
        Observed(split.likes, np.ones(split.likes.nnz, bool)), Factorisation(dimension=size, penalty=penalty),
        content=content, context=context,
    )  # fmt: skip
    return np.asarray(made.users.anchors @ made.items.anchors.T + made.items.offsets)


def _weighed(split: Split, size: int, dislikes: bool) -> Sequence[Lists]:
    found = _next(split, size, dislikes)
    default = UsersFromHistories().popularity
    return [
        lambda times=times: split.lists(found.taste + times * found.popularity / default) for times in (0.05, 0.1, 0.2)
    ]


def _next(split: Split, size: int, dislikes: bool) -> NextItems:
    rows = _table(split, dislikes)
    opinion = {"opinion": "opinion"} if dislikes else {}
    items = ItemsFromCooccurrence(dimension=size, basket="user", updates=False, **opinion).fit(rows)
    users = UsersFromHistories(half_life=None, **opinion).fit(rows, items=items.everything())
    people = [str(user) for user in range(split.likes.shape[0])]
    found = users.next_items(users.transform(rows, users=people))
    # What was not placed is last; among itself by nothing.
    taste = np.full(split.likes.shape, -1e3)
    popularity = np.zeros(split.likes.shape[1])
    at = np.array([int(name) for name in found.items])
    taste[:, at], popularity[at] = found.taste, found.popularity
    return NextItems(found.users, found.items, taste, popularity)


def _table(split: Split, dislikes: bool) -> pl.DataFrame:
    parts = [(split.likes, 1), *([(split.dislikes, -1)] if dislikes else [])]
    return pl.concat(
        pl.DataFrame({"user": _rows(one), "item": one.indices.astype(np.int64), "opinion": np.full(one.nnz, sign)})
        for one, sign in parts
    )


def _implicit(split: Split, size: int, alpha: float, python: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        pairs, out = Path(folder) / "pairs.npz", Path(folder) / "lists.npy"
        sparse.save_npz(pairs, sparse.csr_matrix(split.likes))
        script = Path(__file__).with_name("implicit_peer.py")
        words = [python, script, pairs, out, *map(str, (size, 0.1, alpha, PLACES))]
        subprocess.run(words, check=True, capture_output=True)
        return np.asarray(np.load(out))


def _films() -> tuple[sparse.csr_array, sparse.csr_array]:
    table = pl.read_csv(FILMS / "ratings.csv")
    rating = table["rating"].to_numpy()
    places: Mapping[str, np.ndarray] = {
        name: np.unique(table[name].to_numpy(), return_inverse=True)[1] for name in ("userId", "movieId")
    }
    shape = tuple(int(at.max()) + 1 for at in places.values())
    likes, dislikes = (
        sparse.csr_array((np.ones(int(side.sum())), tuple(at[side] for at in places.values())), shape=shape)
        for side in (rating >= 4, rating < 3)
    )
    return likes, dislikes


def _only(given: sparse.csr_array, kept: np.ndarray) -> sparse.csr_array:
    return sparse.csr_array((given.data[kept], (_rows(given)[kept], given.indices[kept])), shape=given.shape)


def _rows(given: sparse.csr_array) -> np.ndarray:
    return np.repeat(np.arange(given.shape[0]), np.diff(given.indptr))
