"""Histories of interactions as weighted sums over items.

Decisions: an old interaction is a less precise observation of today's taste, not a smaller one, so decay and rarity are
weights of a mean and their sum is how much is known; a dislike is an observation of the opposite. Rows are sorted first
and summed user by user, so neither the order of rows nor who else is in the batch changes a bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from graft.core.several import several
from graft.entities.liked import signs_of
from graft.rows.named import days_of, ids_of, read_columns, require_once, weights_of, words_of


@dataclass(frozen=True, eq=False)
class Histories:
    """Interactions, sorted by user, item and time.

    users: sorted, each once. user: int64, the place of each row's user; item: int64, of its item, or -1 when unknown;
    day: float64, days since 1970 (0 without times); weight: float64 as given; sign: float64, 1, or -1 for a
    dislike; all of shape (rows,).
    """

    users: tuple[str, ...]
    user: np.ndarray
    item: np.ndarray
    day: np.ndarray
    weight: np.ndarray
    sign: np.ndarray

    def keep(self, rows: np.ndarray) -> "Histories":
        """The interactions where ``rows`` is true; every user stays."""
        return Histories(
            self.users, self.user[rows], self.item[rows], self.day[rows], self.weight[rows], self.sign[rows]
        )

    def of(self, wanted: str | Sequence[str]) -> "Histories":
        """The interactions of these users, numbered in this order; some may have none."""
        wanted = several(wanted)
        places = {name: place for place, name in enumerate(wanted)}
        moved = np.array([places.get(name, -1) for name in self.users], np.int64)[self.user]
        rows = np.flatnonzero(moved >= 0)
        return Histories(wanted, moved[rows], self.item[rows], self.day[rows], self.weight[rows], self.sign[rows])

    def decayed(self, half_life: float | None, now: float | None) -> np.ndarray:
        """The weight of each row, halved with every ``half_life`` days of age.

        now: the day ages are counted from; None counts them from each user's own newest known interaction.
        """
        if half_life is None:
            return self.weight
        newest = np.full(len(self.users), -np.inf)
        if now is None:
            known = self.item >= 0
            np.maximum.at(newest, self.user[known], self.day[known])
        since = newest[self.user] if now is None else now
        return np.asarray(self.weight * np.exp2(-np.maximum(since - self.day, 0) / half_life))

    def matrix(self, weights: np.ndarray, items: int) -> sparse.csr_array:
        """Weights by user and known item, shape (users, items); repeated interactions are summed."""
        known = (self.item >= 0) & (weights != 0)
        where = (self.user[known], self.item[known])
        return sparse.coo_array((weights[known], where), shape=(len(self.users), items)).tocsr()

    def unknown(self) -> np.ndarray:
        """How many interactions of each user are with unknown items, int64, shape (users,)."""
        return np.bincount(self.user[self.item < 0], minlength=len(self.users)).astype(np.int64)


def read_histories(
    rows: object,
    places: Mapping[str, int],
    *,
    user: str,
    item: str,
    time: str,
    weight: str,
    opinion: str = "",
    at_least: float | None = None,
    dislike_below: float | None = None,
) -> Histories:
    """Interactions from a table; ``time``, ``weight`` and ``opinion`` may be "" for none.

    opinion, at_least, dislike_below: as ``signs_of`` takes them; rows that say neither are left out.
    Raises InputError for a bad cell.
    """
    named = [name for name in (user, item, time, weight, opinion) if name]
    frame = read_columns(rows, list(dict.fromkeys(named)), what="histories")
    signs = signs_of(frame, opinion, at_least=at_least, dislike_below=dislike_below, what="histories")
    table = pl.DataFrame(
        {
            "user": ids_of(frame, user, what="histories"),
            "item": ids_of(frame, item, what="histories"),
            "day": days_of(frame, time, what="histories") if time else np.zeros(frame.height),
            "weight": weights_of(frame, weight, what="histories"),
            "sign": signs.astype(np.float64),
        }
    )
    table = table.filter(pl.col("sign") != 0).sort("user", "item", "day", "weight", "sign")
    users = table["user"].unique().sort().to_list()
    number = table["user"].rank("dense").to_numpy().astype(np.int64) - 1
    known = {name: places.get(name, -1) for name in table["item"].unique().to_list()}
    at = np.array([known[name] for name in table["item"].to_list()], np.int64)
    numbers = (table[name].to_numpy() for name in ("day", "weight", "sign"))
    return Histories(tuple(users), number, at, *numbers)


def rarity(seen: sparse.csr_array, users: int) -> np.ndarray:
    """The inverse document frequency of each item, float64, shape (items,).

    seen: users by items. idf(i) = 1 + log((1 + users) / (1 + users with i)), so an item that all have weighs 1.
    """
    owners = np.bincount(seen.indices, minlength=seen.shape[1])
    return np.asarray(1 + np.log((1 + users) / (1 + owners)))


def read_segments(users: object, user: str, segment: str) -> dict[str, str]:
    """The segment of every user of a table that has one."""
    frame = read_columns(users, [user, segment], what="users")
    ids = ids_of(frame, user, what="users")
    require_once(ids, what="users")
    named = words_of(frame, segment, what="users").to_list()
    return {name: word for name, word in zip(ids.to_list(), named, strict=True) if word is not None}
