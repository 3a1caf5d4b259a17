"""Counting company in baskets and sessions, and items placed by it."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.core.errors import InputError
from graft.entities.baskets import Together, count_baskets, count_sessions
from graft.entities.cooccurrence import ItemsFromCooccurrence
from graft.entities.embedders import load_embedder


def rows_of(*baskets: str) -> pl.DataFrame:
    """One letter an item; their order is their time."""
    cells = [(str(n), letter, place) for n, basket in enumerate(baskets) for place, letter in enumerate(basket)]
    return pl.DataFrame(cells, schema={"group": pl.String, "thing": pl.String, "order": pl.Float64}, orient="row")


def baskets_of(*baskets: str) -> pl.DataFrame:
    return rows_of(*baskets).rename({"group": "basket", "thing": "item", "order": "time"})


def pairs(found) -> dict[str, float]:
    dense = found.pairs.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    names = found.names
    return {
        names[a] + names[b]: dense[a, b] for a in range(len(names)) for b in range(a + 1, len(names)) if dense[a, b]
    }


def test_a_basket_counts_every_thing_once():
    found = count_baskets(rows_of("ab", "abc", "cc", "d"), largest=10)
    assert found.names == ("a", "b", "c", "d")
    assert pairs(found) == {"ab": 1.5, "ac": 0.5, "bc": 0.5}
    assert found.baskets.tolist() == [2, 2, 2, 1]


def test_rare_things_are_counted_and_left_out_later():
    """So that counts are sums, and what is rare today may be common tomorrow."""
    found = count_baskets(rows_of("abx", "aby"), largest=10)
    assert found.names == ("a", "b", "x", "y")
    common = found.common(2)
    assert common.names == ("a", "b")
    assert pairs(common) == {"ab": 1.0}


def test_large_baskets_are_left_out_and_counted():
    found = count_baskets(rows_of("ab", "ab", "abcdef"), largest=5)
    assert (found.left_out, pairs(found)) == (1, {"ab": 2.0})


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        ("flat", {"ab": 1, "bc": 1, "cd": 1, "ac": 1, "bd": 1}),
        ("linear", {"ab": 1, "bc": 1, "cd": 1, "ac": 0.5, "bd": 0.5}),
        ("harmonic", {"ab": 1, "bc": 1, "cd": 1, "ac": 0.5, "bd": 0.5}),
    ],
)
def test_a_session_counts_what_is_near(distance, expected):
    found = count_sessions(rows_of("abcd"), window=2, distance=distance, largest=10)
    assert pairs(found) == expected


def test_linear_and_harmonic_differ_further_out():
    linear, harmonic = (
        pairs(count_sessions(rows_of("abcd"), window=3, distance=name, largest=10)) for name in ("linear", "harmonic")
    )
    assert (linear["ac"], linear["ad"]) == pytest.approx((2 / 3, 1 / 3))
    assert (harmonic["ac"], harmonic["ad"]) == pytest.approx((1 / 2, 1 / 3))


def test_a_thing_looked_at_again_is_no_company_of_itself():
    found = count_sessions(rows_of("aba"), window=2, distance="flat", largest=10)
    assert pairs(found) == {"ab": 2}
    assert found.baskets.tolist() == [1, 1]


def test_sessions_do_not_touch():
    found = count_sessions(rows_of("ab", "cd"), window=5, distance="flat", largest=10)
    assert pairs(found) == {"ab": 1, "cd": 1}


def test_things_of_one_moment_do_not_hang_on_the_order_of_rows():
    rows = rows_of("abcabd").with_columns(order=pl.lit(0.0))
    first, second = (count_sessions(each, window=2, distance="linear", largest=10) for each in (rows, rows.reverse()))
    np.testing.assert_array_equal(first.pairs.toarray(), second.pairs.toarray())


@given(st.lists(st.text("abcdef", min_size=1, max_size=6), min_size=1, max_size=12))
def test_counts_are_those_of_a_plain_loop(baskets):
    expected: dict[str, float] = {}
    for basket in baskets:
        inside = sorted(set(basket))
        for first in inside:
            for second in inside:
                if first < second:
                    expected[first + second] = expected.get(first + second, 0) + 1 / (len(inside) - 1)
    found = pairs(count_baskets(rows_of(*baskets), largest=10))
    assert found.keys() == expected.keys()
    assert all(found[name] == pytest.approx(expected[name]) for name in expected)


def test_things_with_the_same_company_are_near():
    """Tea and coffee never meet, and meet the same things: so do nails and screws."""
    data = baskets_of(*["tm", "ts", "cm", "cs", "tms", "cms"] * 5, *["nh", "nw", "xh", "xw", "nhw", "xhw"] * 5)
    found = ItemsFromCooccurrence(dimension=4).fit(data)
    placed = found.everything()
    near = placed.vectors @ placed.vectors.T
    place = {name: row for row, name in enumerate(placed.ids)}
    assert near[place["t"], place["c"]] > 0.9
    assert near[place["n"], place["x"]] > 0.9
    assert abs(near[place["t"], place["n"]]) < 0.1


def test_items_that_were_too_rare_are_unknown():
    found = ItemsFromCooccurrence(dimension=2, least=2).fit(baskets_of("abr", "ab", "ac", "bc"))
    placed = found.transform(["a", "r", "never"])
    assert placed.basis == ("seen", "unknown", "unknown")
    assert placed.support.tolist() == [3, 0, 0]
    assert [(count.basis, count.rows) for count in placed.counts()] == [("unknown", 2), ("seen", 1)]


def test_a_direction_that_rounding_made_places_nobody():
    """Two blocks that do not touch: one dimension is of one of them."""
    strong, weak = ["ab", "ac", "bc", "abc"] * 9, ["xy"] * 4
    found = ItemsFromCooccurrence(dimension=1).fit(baskets_of(*strong, *weak))
    assert found.unplaced == 5 - len(found.ids) > 0
    assert np.abs(found.vectors).min() > 0.99


def test_the_window_reads_times():
    data = baskets_of("abcdef" * 2, "bcdefa", "cdabef")
    shuffled = data.sample(fraction=1, shuffle=True, seed=0)
    settings = ItemsFromCooccurrence(dimension=3, window=2)
    assert settings.fit(shuffled).space == settings.fit(data).space
    dated = data.with_columns(time=pl.from_epoch(pl.col("time").cast(pl.Int64), "s"))
    assert settings.fit(dated).space == settings.fit(data).space
    assert settings.fit(data.with_columns(time=-pl.col("time") * 0)).space != settings.fit(data).space


@pytest.mark.parametrize(
    ("settings", "baskets", "words"),
    [
        ({}, ["a", "b", "c"], "no two things|0 of 3"),
        ({"least": 1}, ["a", "b", "c"], "no two things"),
        ({"least": 1}, ["aaa"], "1 of 1 things"),
        ({"least": 5}, ["ab", "ab"], "0 of 2 things occur in at least 5"),
        ({"least": 1}, ["ab", "bc"], "64 dimensions for 3"),
        ({"least": 1, "largest": 1}, ["ab", "bc"], "2 baskets have more than largest"),
        ({"least": 1, "dimension": 2, "negatives": 100.0}, ["ab", "bc", "ac"], "by chance"),
    ],
    ids=["rare", "alone", "one-item", "least", "dimension", "largest", "shift"],
)
def test_what_cannot_be_learnt_says_why(settings, baskets, words):
    with pytest.raises(InputError, match=words):
        ItemsFromCooccurrence(**settings).fit(baskets_of(*baskets))


def test_a_time_that_is_missing_is_named():
    data = baskets_of("abc", "abc").with_columns(time=pl.Series([0.0, float("nan"), 2.0, 3.0, 4.0, 5.0]))
    with pytest.raises(InputError, match="row 1 of the baskets has no time"):
        ItemsFromCooccurrence(dimension=2, window=1).fit(data)
    ItemsFromCooccurrence(dimension=2).fit(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dimension": 0},
        {"dimension": 2.5},
        {"dimension": True},
        {"window": -1},
        {"smoothing": 0.0},
        {"negatives": float("nan")},
        {"power": -1.0},
        {"distance": "near"},
        {"largest": 0},
    ],
    ids=lambda wrong: "-".join(wrong) + str(next(iter(wrong.values()))),
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        ItemsFromCooccurrence(**wrong)


@pytest.mark.slow
def test_a_hundred_thousand_baskets():
    rng = np.random.default_rng(0)
    sizes = rng.integers(2, 15, 100_000)
    items = (rng.zipf(1.3, sizes.sum() * 2) % 10_000)[: sizes.sum()]
    data = pl.DataFrame({"basket": np.repeat(np.arange(len(sizes)), sizes), "item": items})
    found = ItemsFromCooccurrence().fit(data)
    assert found.vectors.shape == (len(found.ids), 64)
    assert len(found.ids) > 5000


def rated_of(*baskets: str) -> pl.DataFrame:
    """One letter an item, capital letters are dislikes."""
    cells = [
        (str(n), letter.lower(), 1.0 if letter.islower() else -1.0) for n, word in enumerate(baskets) for letter in word
    ]
    return pl.DataFrame(cells, schema={"basket": pl.String, "item": pl.String, "stars": pl.Float64}, orient="row")


def test_dislikes_are_counted_apart():
    rows = rows_of("abc", "abd").with_columns(sign=pl.Series([1, 1, -1, 1, -1, -1], dtype=pl.Int8))
    found = count_baskets(rows, largest=10)
    assert pairs(found) == {"ab": 0.5}
    assert pairs(Together(found.names, found.apart, found.pairs, found.baskets, found.counted)) == {
        "ab": 0.5, "ac": 0.5, "bc": 0.5, "ad": 0.5,
    }  # fmt: skip
    assert found.baskets.tolist() == [2, 1, 0, 0]
    near = count_sessions(rows.with_columns(order=pl.lit(0.0)), window=1, distance="flat", largest=10)
    assert pairs(near) == {"ab": 1}
    assert near.apart.toarray()[1].tolist() == [1, 0, 1, 0]


def test_what_is_liked_and_disliked_in_one_basket_is_disliked_there():
    rows = pl.DataFrame({"basket": ["1"] * 3, "item": ["a", "a", "b"], "stars": [5, 1, 5]})
    found = ItemsFromCooccurrence(opinion="stars", at_least=4, dislike_below=2).count(rows)
    assert found.pairs.nnz == 0
    assert found.apart.toarray().tolist() == [[0, 1], [1, 0]]


def test_a_dislike_pushes_away_what_would_only_be_far():
    """Two camps that like some of their own and dislike some of the other's, and things that both like."""
    rng = np.random.default_rng(0)
    words = []
    for number in range(120):
        own, others = ("abcdef", "uvwxyz") if number % 2 else ("uvwxyz", "abcdef")
        drawn = [rng.choice(list(letters), 3, replace=False) for letters in (own, others.upper(), "mnopq")]
        words.append("".join(np.concatenate(drawn)))
    data = rated_of(*words)
    chosen = ItemsFromCooccurrence(dimension=4, opinion="stars")
    cosine = {}
    for name, settings, rows in (
        ("dislikes", chosen, data),
        ("likes", replace(chosen, opinion=""), data.filter(pl.col("stars") > 0)),
        ("alike", replace(chosen, opinion=""), data),
    ):
        placed = settings.fit(rows).everything()
        row = dict(zip(placed.ids, placed.vectors, strict=True))
        cosine[name] = (np.mean([row[a] @ row[b] for a in "abc" for b in "def"]),
                        np.mean([row[a] @ row[x] for a in "abcdef" for x in "uvwxyz"]))  # fmt: skip
    assert cosine["dislikes"][0] > 0.5
    assert cosine["dislikes"][1] < cosine["likes"][1] - 0.1
    assert cosine["likes"][1] < cosine["alike"][1] - 0.1


def test_opinions_between_say_nothing_and_without_a_column_thresholds_are_refused():
    rows = pl.DataFrame({"basket": ["1"] * 4, "item": list("abcd"), "stars": [5, 4, 3, 0]})
    assert ItemsFromCooccurrence(opinion="stars", at_least=4).count(rows).names == ("a", "b")
    assert ItemsFromCooccurrence(opinion="stars").count(rows).names == ("a", "b", "c")
    with pytest.raises(InputError, match="no column of opinions"):
        ItemsFromCooccurrence(at_least=4)
    with pytest.raises(InputError, match="exchange them"):
        ItemsFromCooccurrence(opinion="stars", at_least=2, dislike_below=4)
    with pytest.raises(InputError, match="row 1 of the baskets has no number"):
        ItemsFromCooccurrence(opinion="stars").count(rows.with_columns(stars=pl.Series([1, None, 1, 1])))


def blocks(seed: int, baskets: int, extra: str = "") -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    kinds = ["abcdef", "ghijkl", "mnopqr"]
    words = ["".join(rng.choice(list(kinds[n % 3] + extra), 4, replace=False)) for n in range(baskets)]
    return baskets_of(*words).with_columns(basket=pl.concat_str(pl.lit(f"{seed}-"), "basket"))


BLOCKS = ItemsFromCooccurrence(dimension=5)


def same(one, other) -> None:
    assert one.ids == other.ids
    assert one.baskets.tolist() == other.baskets.tolist()
    np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-6)
    assert one.space == other.space


def test_baskets_that_are_added_count_as_if_all_had_been_counted_at_once():
    first, second, third = blocks(1, 60), blocks(2, 30, "z"), blocks(3, 20, "zy")
    fitted = BLOCKS.fit(first)
    grown = fitted.add_baskets(second).add_baskets(third)
    whole = BLOCKS.count(pl.concat([first, second, third]))
    assert grown.counted is not None
    assert grown.counted.names == whole.names
    np.testing.assert_allclose(grown.counted.pairs.toarray(), whole.pairs.toarray(), rtol=1e-12)
    assert grown.counted.baskets.tolist() == whole.baskets.tolist()
    same(grown, fitted.add_baskets(third).add_baskets(second))
    same(grown, fitted.add_baskets(pl.concat([third, second])))
    assert "z" in grown.ids
    assert grown.space == fitted.space
    assert "z" not in fitted.ids


def test_new_vectors_are_the_least_squares_solution_with_the_contexts_fixed():
    first, second = blocks(1, 60), blocks(2, 40, "z")
    settings = replace(BLOCKS, normalise=False)
    fitted = settings.fit(first)
    grown = fitted.add_baskets(second)
    before = settings.count(first).common(2)
    _, values, right = np.linalg.svd(settings.information(before).toarray())
    contexts = right[:5].T * np.sqrt(values[:5])
    after = settings.count(pl.concat([first, second])).common(2)
    rows = settings.information(after).toarray()[:, [after.names.index(name) for name in before.names]]
    expected = np.linalg.lstsq(contexts, rows.T)[0].T
    # Up to the sign of each dimension.
    np.testing.assert_allclose(grown.vectors @ grown.vectors.T, expected @ expected.T, atol=1e-5)
    alike = fitted.vectors @ fitted.look_up(list(before.names)).vectors.T
    same_ones = np.linalg.lstsq(contexts, settings.information(before).toarray().T)[0].T
    np.testing.assert_allclose(alike, same_ones @ same_ones.T, atol=1e-5)


def test_a_basket_that_is_delivered_again_counts_once():
    first, second = blocks(1, 60), blocks(2, 30)
    grown = BLOCKS.fit(first).add_baskets(second)
    again = grown.add_baskets(pl.concat([second, first]))
    same(grown, again)
    assert (grown.repeated, again.repeated) == (0, 90)


def test_what_was_added_is_saved_with_the_rest(tmp_path):
    grown = BLOCKS.fit(blocks(1, 60)).add_baskets(blocks(2, 30, "z"))
    opened = load_embedder(grown.save(tmp_path / "items"))
    same(opened.add_baskets(blocks(3, 30)), grown.add_baskets(blocks(3, 30)))
    assert opened.add_baskets(blocks(2, 30)).repeated == 30
    plain = replace(BLOCKS, updates=False).fit(blocks(1, 60))
    with pytest.raises(InputError, match="keeps no counts"):
        load_embedder(plain.save(tmp_path / "plain")).add_baskets(blocks(2, 30))
