"""What another way of recommending would have earned, from a log of lists that were explored.

Decisions: a value is reward for each place of a list, because lists of different lengths are then comparable; it counts
what an item earns where it stands in the list, whatever else stands there. What a shop would show is computed from the
shop itself, for the users of the log; it must not have learnt from the log, since it would leave out just what was
taken, so a shop that knows rewarded pairs is refused. The model of rewards of the doubly robust estimate is a line
through the shop's own scores, learnt from the rewards of other users (folds), so that nobody's reward predicts itself.

Dudík, Erhan, Langford & Li (2014), Doubly Robust Policy Evaluation and Optimization; Chernozhukov et al. (2018) for
folds.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.entities.exploration import Exploration
from graft.entities.shop import Rules, Shop
from graft.evidence.off_policy import LoggedChoices, PolicyValue, judge_policy
from graft.facts.recommend import PolicyEstimate, PolicyJudgement
from graft.rows.events import id_column
from graft.rows.named import ids_of, names_of, numbers_of, read_columns, require_rows
from graft.rows.table import read_frame

WHAT = "log of lists"
MEANINGS = {
    "ips": "unbiased where propensities are right and the log shows all that is judged",
    "snips": "the same by its own weights, steadier",
    "dr": "with a model of rewards from the shop's scores",
    "bounds": "the least and the most it can be, whatever the log never shows",
}
_FOLDS, _USERS_AT_ONCE = 5, 128


@dataclass(frozen=True, eq=False)
class ShownPlaces:
    """A log as it was read, one row for each place of each list; arrays of shape (rows,).

    user, item: names. lists: the list of each row, from 0. propensity, reward: as logged. judged: the chance under the
    judged policy, where a column says it.
    """

    user: np.ndarray
    item: np.ndarray
    lists: np.ndarray
    propensity: np.ndarray
    reward: np.ndarray
    judged: np.ndarray | None

    @property
    def persons(self) -> np.ndarray:
        """The user of each row as a number."""
        return _numbered(self.user)

    @property
    def sizes(self) -> np.ndarray:
        """Places of the list of each row."""
        return np.asarray(np.bincount(self.lists)[self.lists])


def read_shown(log: Any, *, judged: str = "") -> ShownPlaces:
    """A log with the columns user, item, propensity and reward, and list where rows are places of lists.

    judged: a column of chances under a judged policy. Raises InputError for what cannot be read, row and column named.
    """
    names = names_of(log) or list(read_frame(log, empty=True).frame.columns)
    user, item = (id_column(what, names) for what in ("user", "item"))
    for what, found in (("user", user), ("item", item)):
        if not found:
            raise InputError(
                f"no column of the {WHAT} names the {what}; there are {', '.join(map(repr, names[:20]))}",
                needed=f"a column called {what} or {what}_id",
                fix="rename it",
            )
    needed = [user, item, "propensity", "reward", *([judged] if judged else [])]
    if "reward" not in names and "propensity" in names:
        raise InputError(
            f"the {WHAT} has no column 'reward'",
            needed="what came of every place: 1 where the item was taken and 0 where it was not, or a value",
            fix="join the events to the log, on user, item and time",
        )
    frame = read_columns(log, needed, what=WHAT, optional=["list"])
    require_rows(frame, what=WHAT)
    rows = frame.height
    who = ids_of(frame, user, what=WHAT).to_numpy()
    if "list" in frame.columns:
        number = ids_of(frame, "list", what=WHAT).to_numpy()
        lists = _numbered(number)
        _require_lists_of_one(lists, who, ids_of(frame, item, what=WHAT).to_numpy(), number)
    else:
        lists = np.arange(rows)
    return ShownPlaces(
        who,
        ids_of(frame, item, what=WHAT).to_numpy(),
        lists,
        numbers_of(frame, "propensity", what=WHAT),
        numbers_of(_counted(frame, "reward"), "reward", what=WHAT),
        numbers_of(frame, judged, what=WHAT) if judged else None,
    )


def judge_log(log: Any, *, judged: str, possible: tuple[float, float] | None = None) -> PolicyJudgement:
    """Judge the policy whose chances of showing each row stand in the column ``judged``.

    possible: the least and the most a reward can be; 0, or the least seen below, to 1, or the most seen above, when
    None. Raises InputError for a log that cannot be read, and for chances and rewards that cannot be.
    """
    shown = read_shown(log, judged=judged)
    assert shown.judged is not None
    ends = _possible(shown.reward, possible)
    made = LoggedChoices(shown.reward, shown.propensity, shown.judged, groups=shown.persons, possible=ends)
    return _told(judge_policy(made), shown, ends, f"the chances in the column {judged!r}", ())


def judge_shop(
    log: Any,
    shop: Shop,
    *,
    k: int | None = None,
    rules: Rules | None = None,
    explore: Exploration | None = None,
    possible: tuple[float, float] | None = None,
) -> PolicyJudgement:
    """Judge the lists that a shop would have shown to the users of the log, with the doubly robust estimate too.

    k: places of its lists; those of the longest list of the log when None. rules, explore: as for its lists. possible:
    as for ``judge_log``. Raises InputError for a shop that has learnt from the log.
    """
    shown, rules = read_shown(log), rules or Rules()
    ends = _possible(shown.reward, possible)
    _require_unlearnt(shown, shop, rules)
    users, row = np.unique(shown.user, return_inverse=True)
    places = int(shown.sizes.max()) if k is None else k
    item = np.array([shop.items.places.get(name, -1) for name in shown.item], np.int64)
    view = _View.of(shop, users, row, item, places, rules, explore)
    mass = view.size[row] / shown.sizes
    if not mass.any():
        raise InputError(
            f"the shop lists nothing for the {len(users):,} users of the log",
            needed="items that may be listed",
            fix="look at its rules, and at what the users have already",
        )
    predicted, expected = _modelled(view, shown.reward, row, ends)
    made = LoggedChoices(
        shown.reward, shown.propensity, view.judged, groups=shown.persons, mass=mass, predicted=predicted,
        expected=expected[row] / shown.sizes, possible=ends,
    )  # fmt: skip
    doubts = []
    if unknown := len({*shown.item[item < 0]}):
        doubts.append(f"the shop does not know {unknown:,} of the items of the log, and would never show them")
    if strange := sum(name not in shop.people.places for name in users.tolist()):
        doubts.append(f"the shop does not know {strange:,} of {len(users):,} users, and answers them as anybody")
    how = f"lists of {places} by the shop" + ("" if explore is None else f", {explore.share:.1%} of them explored")
    return _told(judge_policy(made), shown, ends, how, tuple(doubts))


@dataclass(frozen=True, eq=False)
class _View:
    """What a shop says of a log. chances: of every item for each user, (users, items). scores: of the same items, in
    the order of their data. size: places of each user's list. judged, score: of each row, shape (rows,)."""

    chances: sparse.csr_array
    scores: np.ndarray
    size: np.ndarray
    judged: np.ndarray
    score: np.ndarray

    @classmethod
    def of(
        cls, shop: Shop, users: np.ndarray, row: np.ndarray, item: np.ndarray, k: int, rules: Rules,
        explore: Exploration | None,
    ) -> "_View":  # fmt: skip
        """users: names. row, item: the user and the item of each row, -1 for items that the shop does not know."""
        names = users.tolist()
        chances = shop.chances(names, k, rules=rules, explore=explore)
        chances.sort_indices()
        scores, score, judged = np.zeros(chances.nnz), np.zeros(len(row)), np.zeros(len(row))
        order = np.argsort(row, kind="stable")
        for start in range(0, len(names), _USERS_AT_ONCE):
            stop = min(start + _USERS_AT_ONCE, len(names))
            dense = shop.scores(names[start:stop])
            here = slice(int(chances.indptr[start]), int(chances.indptr[stop]))
            counts = np.diff(chances.indptr[start : stop + 1])
            scores[here] = dense[np.repeat(np.arange(stop - start), counts), chances.indices[here]]
            some = order[slice(*np.searchsorted(row[order], [start, stop]))]
            some = some[item[some] >= 0]
            score[some] = dense[row[some] - start, item[some]]
            judged[some] = chances[row[some], item[some]]
        return cls(chances, scores, np.asarray(chances.sum(axis=1)).ravel(), np.minimum(judged, 1.0), score)


def _modelled(
    view: _View, reward: np.ndarray, row: np.ndarray, possible: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """q of each row, and Σ π q over the list of each user, by a line through the scores of other users."""
    users = len(view.size)
    fold = generator(0, "policy", "folds").permutation(users) % min(_FOLDS, users)
    lines = np.zeros((fold.max() + 1, 2))
    for one in range(len(lines)):
        others = fold[row] != one if len(lines) > 1 else np.zeros(len(row), bool)
        # Without anybody else to learn from, nothing is predicted.
        lines[one] = _line(view.score[others], reward[others]) if others.any() else (0.0, 0.0)
    predicted = np.clip(lines[fold[row], 0] + lines[fold[row], 1] * view.score, *possible)
    owner = np.repeat(np.arange(users), np.diff(view.chances.indptr))
    listed = np.clip(lines[fold[owner], 0] + lines[fold[owner], 1] * view.scores, *possible)
    return predicted, np.bincount(owner, weights=view.chances.data * listed, minlength=users)


def _counted(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """The same with true as 1 and false as 0 in a column that says nothing else."""
    column = frame[name]
    if column.dtype == pl.String:
        column = column.str.to_lowercase()
        if not column.drop_nulls().is_in(["true", "false"]).all():
            return frame
        column = column == "true"
    return frame.with_columns(column.cast(pl.Int8).alias(name)) if column.dtype == pl.Boolean else frame


def _numbered(names: np.ndarray) -> np.ndarray:
    """Names as numbers from 0, in any order."""
    codes = pl.Series(names, dtype=pl.String).cast(pl.Categorical).to_physical().to_numpy()
    return np.asarray(np.unique(codes, return_inverse=True)[1])


def _line(score: np.ndarray, reward: np.ndarray) -> tuple[float, float]:
    apart = score - score.mean()
    spread = float(apart @ apart)
    slope = float(apart @ reward) / spread if spread > 1e-12 * len(score) else 0.0
    return float(reward.mean() - slope * score.mean()), slope


def _possible(reward: np.ndarray, given: tuple[float, float] | None) -> tuple[float, float]:
    return (min(0.0, float(reward.min())), max(1.0, float(reward.max()))) if given is None else given


def _require_lists_of_one(lists: np.ndarray, user: np.ndarray, item: np.ndarray, number: np.ndarray) -> None:
    frame = pl.DataFrame({"list": lists, "user": user, "item": item})
    told = frame.group_by("list").agg(pl.col("user").n_unique().alias("users"), pl.col("item").is_duplicated().any())
    for wrong, what in ((told["users"] > 1, "several users"), (told["item"], "an item twice")):
        if wrong.any():
            first = int(told.filter(wrong)["list"].min())  # type: ignore[arg-type]
            raise InputError(
                f"the list {str(number[np.argmax(lists == first)])!r} has {what} ({int(wrong.sum()):,} lists have)",
                needed="a number of its own for each list that was answered",
                fix="number the lists of one log, not of several that began at 0",
            )


def _require_unlearnt(shown: ShownPlaces, shop: Shop, rules: Rules) -> None:
    """Raise InputError where the shop knows pairs that earned something in the log, and leaves out what is known."""
    earned = np.flatnonzero(shown.reward > 0)
    if not rules.filter_viewed or not len(earned):
        return
    user = np.array([shop.people.places.get(name, -1) for name in shown.user[earned]], np.int64)
    item = np.array([shop.items.places.get(name, -1) for name in shown.item[earned]], np.int64)
    both = (user >= 0) & (item >= 0)
    known = int((shop.model.pairs.pairs[user[both], item[both]] > 0).sum()) if both.any() else 0
    if known:
        raise InputError(
            f"the shop has learnt {known:,} of the {len(earned):,} pairs that earned something in the log, and would"
            " leave them out of its lists",
            needed="a shop of before the log",
            fix="fit it from earlier events; where people take things again, judge it with viewed items (--viewed)",
        )


def _told(
    found: PolicyValue, shown: ShownPlaces, possible: tuple[float, float], judged: str, doubts: tuple[str, ...]
) -> PolicyJudgement:
    values = {"ips": found.ips, "snips": found.snips, "dr": found.dr, "bounds": found.bounds}
    return PolicyJudgement(
        judged=judged,
        places=found.rows,
        lists=int(shown.lists.max()) + 1,
        users=found.groups,
        logged=found.naive,
        estimates=tuple(
            PolicyEstimate(estimator=name, means=MEANINGS[name], value=value)
            for name, value in values.items()
            if value is not None
        ),
        gain=found.gain,
        weight=found.weight,
        reached=found.reached,
        effective=found.effective,
        largest=found.largest,
        clip=found.clip,
        possible=possible,
        doubts=(*found.doubts, *doubts),
    )
