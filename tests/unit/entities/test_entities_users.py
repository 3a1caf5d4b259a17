"""Users: decay, rarity, shrinkage, segments, and what happens without a history."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from graft.core.errors import InputError, SpaceMismatch
from graft.core.vectors import unit_rows
from graft.entities.cooccurrence import ItemsFromCooccurrence
from graft.entities.embedded import Embedded
from graft.entities.shrinkage import MOST, fit_strength
from graft.entities.users import UsersFromHistories
from graft.representations.spaces import given_space

DAY = 86_400
PLAIN = {"half_life": None, "rarity": False}


def items_of(vectors: dict[str, list[float]], *, normalise: bool = False, unknown: tuple[str, ...] = ()) -> Embedded:
    ids = (*vectors, *unknown)
    width = len(next(iter(vectors.values())))
    rows = np.array([*vectors.values(), *[[0.0] * width] * len(unknown)], np.float32)
    basis = ("seen",) * len(vectors) + ("unknown",) * len(unknown)
    none = np.zeros(len(ids))
    return Embedded(
        ids,
        rows,
        basis,
        none.astype(np.float32),
        none.astype(np.int64),
        given_space("items", width, normalise=normalise),
    )


ITEMS = items_of({"a": [1, 0], "b": [0, 1], "c": [1, 1]})


def histories(*rows: tuple[str, str, float]) -> pl.DataFrame:
    """User, item, day."""
    return pl.DataFrame(
        [(user, item, int(day * DAY)) for user, item, day in rows], schema=["user", "item", "time"], orient="row"
    )


BASE = histories(("u", "a", 10), ("u", "b", 10), ("v", "a", 10), ("v", "c", 0), ("w", "b", 5))


def test_unknown_items_are_skipped_and_counted():
    fitted = UsersFromHistories(**PLAIN, strength=1.0).fit(BASE, items=ITEMS)
    placed = fitted.transform(histories(("u", "a", 1), ("u", "gone", 1), ("u", "gone", 2), ("v", "lost", 1)))
    assert placed.skipped.tolist() == [2, 1]
    assert placed.support.tolist() == [1, 0]
    assert placed.basis == ("seen", "prior")
    np.testing.assert_array_equal(placed.vectors[1], fitted.priors[0])


def test_items_that_are_unknown_themselves_tell_nothing():
    items = items_of({"a": [1, 0], "b": [0, 1]}, unknown=("z",))
    fitted = UsersFromHistories(**PLAIN, strength=1.0).fit(histories(("u", "a", 1), ("u", "z", 1)), items=items)
    assert fitted.items == ("a", "b")
    assert fitted.transform(histories(("u", "z", 1))).skipped.tolist() == [1]


def test_nobody_without_a_history_is_forgotten():
    fitted = UsersFromHistories(**PLAIN, strength=1.0).fit(BASE, items=ITEMS)
    placed = fitted.transform(BASE, users=["v", "stranger"])
    assert (placed.ids, placed.basis) == (("v", "stranger"), ("seen", "prior"))
    assert placed.support.tolist() == [2, 0]


def test_the_more_history_the_further_from_the_prior():
    fitted = UsersFromHistories(**PLAIN, strength=4.0).fit(BASE, items=ITEMS)
    apart = []
    for count in (1, 4, 16, 64):
        placed = fitted.transform(histories(*[("x", "a", 1)] * count))
        apart.append(np.linalg.norm(placed.vectors[0] - fitted.priors[0]))
    most = np.linalg.norm(ITEMS.vectors[0] - fitted.priors[0])
    np.testing.assert_allclose(apart, [most * count / (count + 4) for count in (1, 4, 16, 64)], rtol=1e-5)


def test_rare_items_tell_more():
    rows = histories(*[(f"u{n}", "a", 1) for n in range(20)], ("u0", "b", 1))
    fitted = UsersFromHistories(half_life=None, strength=1e-9).fit(rows, items=ITEMS)
    vector = fitted.transform(rows).vectors[0]
    assert vector[1] > 2 * vector[0]
    even = UsersFromHistories(**PLAIN, strength=1e-9).fit(rows, items=ITEMS).transform(rows).vectors[0]
    np.testing.assert_allclose(even, [0.5, 0.5], atol=1e-6)


def test_ages_count_from_the_newest_of_each_user_or_from_now():
    rows = histories(("u", "a", 0), ("u", "b", 10), ("v", "a", 90), ("v", "b", 100))
    own = UsersFromHistories(half_life=10, rarity=False, strength=1e-6).fit(rows, items=ITEMS).transform(rows)
    np.testing.assert_allclose(own.vectors, [[1 / 3, 2 / 3]] * 2, atol=1e-5)
    np.testing.assert_allclose(own.support, 1.5)
    now = (
        UsersFromHistories(half_life=10, ages="now", rarity=False, strength=1e-6).fit(rows, items=ITEMS).transform(rows)
    )
    np.testing.assert_allclose(now.support, [1.5 / 2**9, 1.5], rtol=1e-6)


@pytest.mark.parametrize(
    "now", [50 * DAY, "1970-02-20", datetime(1970, 2, 20, tzinfo=UTC)], ids=["seconds", "text", "datetime"]
)
def test_what_happened_later_is_left_out(now):
    rows = histories(("u", "a", 0), ("u", "b", 100), ("v", "c", 60))
    for settings in (
        UsersFromHistories(rarity=False, strength=1e-9),
        UsersFromHistories(rarity=False, strength=1e-9, ages="now"),
        UsersFromHistories(**PLAIN, strength=1e-9),
    ):
        placed = settings.fit(rows, items=ITEMS).transform(rows, now=now)
        assert placed.basis == ("seen", "prior")
        np.testing.assert_allclose(placed.vectors[0], [1, 0], atol=1e-6)
        early = settings.fit(rows, items=ITEMS, now=now)
        assert early.space != settings.fit(rows, items=ITEMS).space


def test_new_interactions_need_a_moment_when_ages_count_from_now():
    fitted = UsersFromHistories(ages="now", strength=1.0).fit(BASE, items=ITEMS)
    later = histories(("u", "a", 11))
    with pytest.raises(InputError, match="later than the newest of the fit"):
        fitted.transform(later)
    assert fitted.transform(later, now=11 * DAY).basis == ("seen",)
    assert UsersFromHistories(strength=1.0).fit(BASE, items=ITEMS).transform(later).basis == ("seen",)


def test_without_decay_no_time_is_read():
    fitted = UsersFromHistories(**PLAIN, strength=1.0).fit(BASE.drop("time"), items=ITEMS)
    assert len(fitted.transform(BASE.drop("time"))) == 3


def test_weights_are_interactions():
    rows = BASE.with_columns(often=pl.lit(2.0))
    twice = UsersFromHistories(**PLAIN, strength=1.0, weight="often").fit(rows, items=ITEMS).transform(rows)
    repeated = UsersFromHistories(**PLAIN, strength=1.0).fit(pl.concat([BASE, BASE]), items=ITEMS)
    np.testing.assert_array_equal(twice.vectors, repeated.transform(pl.concat([BASE, BASE])).vectors)


def test_segments_have_priors_of_their_own():
    rows = histories(*[(f"a{n}", "a", 1) for n in range(40)], *[(f"b{n}", "b", 1) for n in range(40)])
    users = pl.DataFrame(
        {"user": [f"{kind}{n}" for kind in "ab" for n in range(40)], "segment": ["A"] * 40 + ["B"] * 40}
    )
    fitted = UsersFromHistories(**PLAIN, strength=1.0, segment="segment").fit(rows, items=ITEMS, users=users)
    assert fitted.segments == ("", "A", "B")
    new = pl.DataFrame({"user": ["x", "y", "z", "o"], "segment": ["A", "B", "C", None]})
    placed = fitted.transform(rows.head(0), users=new)
    assert placed.basis == ("segment:A", "segment:B", "prior", "prior")
    # Forty users who count a half each, against ten of everybody's.
    np.testing.assert_allclose(placed.vectors[0], (20 * np.array([1, 0]) + 10 * np.array([0.5, 0.5])) / 30, rtol=1e-6)
    np.testing.assert_allclose(placed.vectors[2], [0.5, 0.5], rtol=1e-6)
    assert fitted.transform(rows, users=["a0"]).basis == ("seen",)


def test_segments_need_users():
    with pytest.raises(InputError, match="segment is named"):
        UsersFromHistories(**PLAIN, strength=1.0, segment="segment").fit(BASE, items=ITEMS)
    with pytest.raises(InputError, match="no column 'segment'"):
        UsersFromHistories(**PLAIN, strength=1.0, segment="segment").fit(BASE, items=ITEMS, users={"user": ["u"]})


def test_queries_are_in_the_space_of_the_items():
    rows = pl.DataFrame({"basket": ["1", "1", "2", "2", "2"], "item": list("ababc")})
    items = ItemsFromCooccurrence(dimension=2, least=1).fit(rows).everything()
    fitted = UsersFromHistories(strength=1.0).fit(BASE, items=items)
    placed = fitted.transform(BASE)
    queries = fitted.queries(placed)
    assert queries.space == items.space != placed.space
    np.testing.assert_allclose(queries.vectors, unit_rows(placed.vectors, tolerance=0), atol=1e-6)
    with pytest.raises(SpaceMismatch):
        fitted.queries(items)


def test_the_strength_of_simulated_users_is_recovered():
    """Means of variance 2 a dimension, observations of variance 6 around them: λ is 3."""
    rng = np.random.default_rng(0)
    sums, weights, squares, counts = [], [], [], []
    for _ in range(3000):
        count = rng.integers(1, 12)
        weight = rng.uniform(0.2, 3, count)
        seen = rng.normal(0, np.sqrt(2), 8) + rng.normal(size=(count, 8)) * np.sqrt(6 / weight)[:, None]
        sums.append(weight @ seen)
        weights.append(weight.sum())
        squares.append(weight @ np.square(seen).sum(axis=1))
        counts.append(count)
    found = fit_strength(np.array(sums), np.array(weights), np.array(squares), np.array(counts, float))
    assert found.value == pytest.approx(3, rel=0.05)
    assert found.within == pytest.approx(48, rel=0.05)
    assert found.between == pytest.approx(16, rel=0.05)
    assert found.groups == 3000


def test_users_that_do_not_differ_are_left_at_the_prior():
    sums, ones = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([2.0, 2.0])
    assert fit_strength(sums, ones, np.array([2.0, 2.0]), ones).value == MOST


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (BASE.head(0), "0 rows"),
        (BASE.head(1), "1 histories"),
        (histories(("u", "a", 1), ("v", "b", 1)), "0 of them with two"),
        (histories(("u", "nothing", 1)), "none of 1 interactions"),
        (BASE.with_columns(time=pl.lit(float("nan"))), "row 0 of the histories has no time"),
        (BASE.drop("item"), "no column 'item'"),
    ],
    ids=["empty", "one", "single", "strange", "nan", "column"],
)
def test_what_cannot_be_learnt_says_why(rows, words):
    with pytest.raises(InputError, match=words):
        UsersFromHistories().fit(rows, items=ITEMS)


@pytest.mark.parametrize(
    "wrong",
    [{"half_life": 0}, {"half_life": -3}, {"strength": 0}, {"segment_strength": float("inf")}, {"ages": "then"}],
    ids=lambda wrong: next(iter(wrong)) + str(next(iter(wrong.values()))),
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        UsersFromHistories(**wrong)


RATED = pl.DataFrame(
    {"user": ["u", "u", "u", "v", "w"], "item": ["a", "b", "c", "a", "b"], "stars": [5.0, 1.0, 3.0, 4.0, 5.0]}
)
STARS = {"opinion": "stars", "at_least": 4, "dislike_below": 2}


def test_a_dislike_is_half_an_observation_of_the_opposite():
    fitted = UsersFromHistories(**PLAIN, **STARS, strength=1.0).fit(RATED, items=ITEMS)
    placed = fitted.transform(RATED)
    # u likes a, dislikes b, and says nothing about c.
    expected = (np.array([1, 0]) - 0.5 * np.array([0, 1]) + fitted.priors[0]) / (1.5 + 1)
    np.testing.assert_allclose(placed.vectors[0], expected, rtol=1e-6)
    assert placed.support.tolist() == [1.5, 1, 1]
    # As if the row were not there, the user would lie nearer to b, and as a like nearer still.
    absent = fitted.transform(RATED.filter(pl.col("stars") > 2)).vectors[0]
    liked = fitted.transform(RATED.with_columns(stars=pl.lit(5.0)).filter(pl.col("item") != "c")).vectors[0]
    assert placed.vectors[0, 1] < absent[1] < liked[1]


def test_negative_numbers_are_dislikes_without_thresholds_and_nobody_owns_what_they_dislike():
    rows = pl.DataFrame({"user": ["u", "u", "v"], "item": ["a", "b", "a"], "kept": [2, -1, 0]})
    fitted = UsersFromHistories(**PLAIN, opinion="kept", strength=1.0).fit(rows, items=ITEMS)
    # v says nothing of a: one user is known, who likes a.
    np.testing.assert_allclose(fitted.spread, np.log(np.array([2, 1, 1]) / 2))
    assert fitted.transform(rows, users=["u", "v"]).basis == ("seen", "prior")


def test_taste_and_popularity_are_two_terms():
    fitted = UsersFromHistories(**PLAIN, strength=1.0, popularity=0.2).fit(BASE, items=ITEMS)
    placed = fitted.transform(BASE, users=["u", "nobody"])
    found = fitted.next_items(placed)
    assert (found.users, found.items) == (("u", "nobody"), ("a", "b", "c"))
    # a and b have two of three users, c has one.
    np.testing.assert_allclose(found.popularity, 0.2 * np.log(np.array([3, 3, 2]) / 4))
    np.testing.assert_allclose(found.taste[1], 0, atol=1e-7)
    apart = placed.vectors[0] - fitted.priors[0]
    np.testing.assert_allclose(found.taste[0], [apart[0], apart[1], (apart[0] + apart[1]) / np.sqrt(2)], atol=1e-6)
    np.testing.assert_allclose(found.scores, found.taste + found.popularity)
    with pytest.raises(SpaceMismatch):
        fitted.next_items(fitted.queries(placed))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"dislike": -1.0}, "dislike"), ({"popularity": float("nan")}, "popularity"), ({"at_least": 3.0}, "opinions")],
)
def test_settings_about_opinions_are_checked(wrong, words):
    with pytest.raises(InputError, match=words):
        UsersFromHistories(**wrong)
