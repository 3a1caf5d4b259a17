"""The recommender a person holds: frames in, lists out, a folder that keeps it."""

import copy
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import numpy as np
import polars as pl
import pytest

import graft
from graft.bundle import shop as bundle
from graft.bundle.shop import one_writer
from graft.core.errors import BundleError, InputError, OutputError
from graft.entities.exploration import Exploration
from graft.entities.shop import Rules, Shop
from graft.recommend.recommender import EventReading


def sold():
    rng = np.random.default_rng(0)
    kinds = ("tea", "coffee", "wine")
    goods = [f"{kind}-{number}" for kind in kinds for number in range(10)]
    rows = [
        {"user_id": user, "item_id": item, "weight": 1 + user % 2, "datetime": f"2026-01-{1 + user % 28:02}"}
        for user in range(45)
        for item in goods
        if rng.random() < (0.6 if item.startswith(kinds[user % 3]) else 0.04) and not item.endswith("-7")
    ]
    items = pl.DataFrame({"item_id": goods, "kind": [one.partition("-")[0] for one in goods],
                          "brand": [f"b{place % 3}" for place in range(30)]})  # fmt: skip
    users = pl.DataFrame({"user_id": range(45), "country": ["DE", "FR", "IT"] * 15})
    return pl.DataFrame(rows), items, users


@pytest.fixture(scope="module")
def made():
    events, items, users = sold()
    chosen = graft.Recommender(item_category="kind", user_category="country", keep="brand", dimension=6, tries=2)
    return chosen.fit(events, items=items, users=users)


def test_frames_need_no_renaming_and_lists_have_the_usual_columns(made):
    found = made.recommend(["0", "1"], k=3)
    assert found.columns == ["user", "item", "score", "rank", "state", "user_state", "basis"]
    assert found["rank"].to_list() == [1, 2, 3] * 2
    assert made.recommend([0], k=3)["item"].to_list() == found.filter(pl.col("user") == "0")["item"].to_list()


def test_a_newcomer_with_a_context_gets_what_suits_it(made):
    rows = {"user_id": ["x", "y"], "country": ["DE", "FR"]}
    found = made.recommend(["x", "y"], k=1, items=["tea-7", "coffee-7", "wine-7"], context=rows)
    assert found["item"].to_list() == ["tea-7", "coffee-7"]
    assert set(found["user_state"]) == {"warm"}
    assert set(found["basis"]) == {"content alone"}


def test_a_context_may_be_that_of_everybody_who_is_asked_for(made):
    rows = {"user_id": ["x", "y"], "country": ["FR", "FR"]}
    assert made.recommend(["x", "y", "x"], 3, context={"country": "FR"}).equals(
        made.recommend(["x", "y", "x"], 3, context=rows)
    )
    told = made.explain(0, "tea-1", context={"country": "FR"})
    assert told.score == made.explain(0, "tea-1", context={"user_id": [0], "country": ["FR"]}).score
    assert made.recommend("x", 1, context={"country": None})["user_state"].to_list() == ["cold"]


def test_a_score_that_no_list_holds_is_not_explained(made):
    one = copy.deepcopy(made).add_items({"item_id": ["tea-98"], "kind": [None], "brand": [None]})
    with pytest.raises(InputError, match="'tea-98' has no place"):
        one.explain("0", "tea-98")


def test_rules_are_part_of_the_call(made):
    found = made.recommend(["0"], k=4, rules=Rules(most_per=("brand", 1)))
    assert found.height == 3
    assert made.recommend(["0"], k=4, rules=Rules(available=("tea-7",)))["item"].to_list() == ["tea-7"]


def test_ids_mean_the_same_whatever_type_they_come_in(made):
    plain = made.recommend("7", k=3)
    for given in (7, 7.0, [7.0], np.array([7.0]), "7.0", " 7"):
        assert made.recommend(given, k=3).equals(plain)
    assert made.explain(7.0, "tea-1").score == made.explain("7", "tea-1").score
    with pytest.raises(InputError, match="missing"):
        made.recommend([None], k=3)
    events, _, _ = sold()
    again = graft.Recommender(dimension=2, tries=1).fit(events.select("user_id", item_id="user_id"))
    assert again.recommend(0, 44, rules=Rules(exclude=7.0))["item"].is_in(["7"]).any() is False
    assert again.recommend(0, 44, rules=Rules(available="17"))["item"].to_list() == ["17"]
    assert again.similar(3.0, 2).equals(again.similar("3", 2))
    assert "7" not in again.forget(7.0).shop.people.names


def test_a_list_longer_than_the_catalogue_is_the_catalogue(made):
    most, long = Rules(most_per=("brand", 30)), 10**11
    whole = made.recommend("0", 30)["item"].to_list()
    assert made.recommend("0", long)["item"].to_list() == whole
    assert made.recommend("0", long, rules=most)["item"].to_list() == whole
    explored = made.recommend("0", long, explore=Exploration(share=1e-12))
    assert explored["item"].to_list() == whole
    assert made.recommend_session(["tea-1"], long, rules=most).height == 29
    assert made.similar("tea-1", long).height == 29


def test_what_a_user_has_is_listed_where_the_call_or_the_rules_say_so(made):
    for found in (
        made.recommend("0", 30, filter_viewed=False),
        made.recommend("0", 30, rules=Rules(filter_viewed=False)),
    ):
        assert set(found["item"]) > set(made.recommend("0", 30)["item"])


@pytest.mark.parametrize("most", ["brand", ("brand",), ("brand", "2"), ("brand", 0), (2, "brand"), {"brand": 2}])
def test_a_rule_that_says_nothing_is_refused(most):
    with pytest.raises(InputError, match="brand"):
        Rules(most_per=most)


def test_what_was_saved_serves_the_same_and_grows_the_same(made, tmp_path):
    folder = made.save(tmp_path / "shop")
    again = graft.Recommender.load(folder)
    users = [str(user) for user in range(45)]
    assert again.recommend(users, 5).equals(made.recommend(users, 5))
    more = {"user_id": ["0", "new"], "item_id": ["wine-7", "tea-7"], "weight": [1, 1], "datetime": ["2026-02-01"] * 2}
    fresh = graft.Recommender.load(folder).add_events(more)
    assert fresh.place("wine-7").interactions == 1
    assert fresh.add_items({"item_id": ["tea-99"], "kind": ["tea"], "brand": ["b9"]}).place("tea-99").state == "warm"
    assert fresh.shop.columns["brand"][-1] == "b9"
    assert "0" not in fresh.forget("0").shop.people.names
    # Nothing of it is left in what is written then.
    kept = fresh.save(tmp_path / "after")
    again = graft.Recommender.load(kept)
    assert again.recommend(["0"], 2)["user_state"].to_list() == ["cold"] * 2
    assert "0" not in again.shop.events.users


def test_a_shop_that_was_changed_is_refused(made, tmp_path):
    folder = made.save(tmp_path / "shop")
    for name in ("shop.safetensors", "shop.json", "sample.json"):
        copy = tmp_path / f"copy-{name}"
        shutil.copytree(folder, copy)
        raw = bytearray((copy / name).read_bytes())
        raw[len(raw) // 2] ^= 1
        (copy / name).write_bytes(raw)
        with pytest.raises(BundleError, match="has changed"):
            graft.Recommender.load(copy)
    with pytest.raises(BundleError, match="no shop"):
        graft.Recommender.load(tmp_path)


def test_two_who_add_at_once_both_add(made, tmp_path):
    folder = made.save(tmp_path / "shop")

    def add(number):
        with one_writer(folder):
            more = {"user_id": [f"late-{number}"], "item_id": ["tea-7"], "weight": [1], "datetime": ["2026-02-01"]}
            graft.Recommender.load(folder).add_events(more).save(folder)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    names = graft.Recommender.load(folder).shop.people.names
    assert {f"late-{number}" for number in range(4)} <= set(names)
    assert sorted(one.name for one in tmp_path.iterdir()) == [".shop.lock", "shop"]


def test_what_threads_add_to_one_recommender_is_all_there(made, monkeypatch):
    one = copy.deepcopy(made)
    more = [
        {"user_id": [f"late-{who}"], "item_id": ["tea-7"], "weight": [1], "datetime": ["2026-02-01"]} for who in "ab"
    ]
    joined = Shop.with_events

    def interrupted(shop, events):
        monkeypatch.setattr(Shop, "with_events", joined)
        other = Thread(target=one.add_events, args=(more[1],))
        others.append(other)
        other.start()
        other.join(0.2)  # without a lock it is done here, and what it added is lost below
        return joined(shop, events)

    others = []
    monkeypatch.setattr(Shop, "with_events", interrupted)
    one.add_events(more[0])
    others[0].join()
    assert {"late-a", "late-b"} <= set(one.shop.people.names)


def test_a_recommender_can_be_copied_and_sent(made):
    again = pickle.loads(pickle.dumps(made))
    assert again.recommend("0", 3).equals(made.recommend("0", 3))
    assert "0" not in again.forget("0").shop.people.names
    assert "0" in made.shop.people.names


def test_a_link_to_a_shop_is_named_as_one(made, tmp_path):
    made.save(tmp_path / "shop")
    (tmp_path / "link").symlink_to(tmp_path / "shop")
    assert graft.Recommender.load(tmp_path / "link").recommend("0", 1).equals(made.recommend("0", 1))
    with pytest.raises(OutputError, match=r"is a link[\s\S]*name .*shop"):
        made.save(tmp_path / "link")


def test_a_shop_that_is_replaced_while_it_is_read_is_read_anew(made, tmp_path, monkeypatch):
    folder = made.save(tmp_path / "shop")
    checked = bundle.check_files

    def replaced(place, manifest, **how):
        monkeypatch.setattr(bundle, "check_files", checked)
        fresh = graft.Recommender.load(folder).forget("0")
        fresh.save(folder)
        checked(place, manifest, **how)

    monkeypatch.setattr(bundle, "check_files", replaced)
    assert "0" not in graft.Recommender.load(folder).shop.people.names


def test_a_bundle_of_another_kind_is_never_replaced(made, tmp_path):
    for name in ("manifest.json", "contract.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(OutputError, match="is a bundle, and no shop"):
        made.save(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["contract.json", "manifest.json"]


def test_nothing_is_written_into_a_shop(made, tmp_path):
    folder = made.save(tmp_path / "shop")
    for write in (lambda: made.save(folder / "inner"), lambda: made.export(folder / "vectors" / "items")):
        with pytest.raises(OutputError, match="lies in"):
            write()
    assert graft.Recommender.load(folder).recommend("0", 1).equals(made.recommend("0", 1))


def test_what_is_sixty_half_lives_old_counts_next_to_nothing_and_breaks_nothing():
    rng = np.random.default_rng(0)
    events = [
        {"user": user, "item": item, "time": f"2025-{1 + (7 * item) % 12:02}-{1 + user % 28:02}"}
        for user in range(40)
        for item in rng.permutation(30)[:12].tolist()
    ]
    made = graft.Recommender(dimension=8, tries=1, reading=EventReading(half_life=5)).fit(events)
    assert np.ptp(made.shop.events.day) > 60 * 5
    assert len(made.shop.events) == 480
    found = made.recommend(range(40), 10)
    assert found.height == 400
    assert found["score"].is_finite().all()
    told = made.explain(0, found["item"][0])
    assert told.score == pytest.approx(found["score"][0], abs=1e-5)


def test_explanations_name_history_and_sum_to_the_score(made):
    item = made.recommend(["0"], 1)["item"][0]
    said = made.explained("0", item)
    assert said.startswith(f"{item} for 0: ")
    assert "because of " in said
    told = made.explain("0", item)
    assert told.score == pytest.approx(made.recommend(["0"], 1)["score"][0], abs=1e-5)


def test_a_score_in_a_context_is_explained_in_it(made):
    rows = {"user_id": [0], "country": ["IT"]}
    listed = made.recommend(0, 1, context=rows).row(0, named=True)
    told = made.explain(0, listed["item"], context=rows)
    assert told.score == pytest.approx(listed["score"], abs=1e-5)
    assert told.score != pytest.approx(made.explain(0, listed["item"]).score, abs=1e-4)


@pytest.mark.parametrize(
    ("rows", "items", "options", "said"),
    [
        ({"user": [], "item": []}, None, {}, "0 rows"),
        ({"user": ["a"], "thing": ["b"]}, None, {}, "names the item"),
        ({"user": ["a"], "item": ["b"], "weight": [-1]}, None, {}, "-1"),
        ({"user": ["a"], "item": ["b"], "rating": [4]}, None, {}, "ratings"),
        ({"user": ["a"], "item": ["b"]}, {"item": ["b"], "title": ["x"]}, {}, "no column of it is named"),
        ({"user": ["a"], "item": ["b"]}, None, {"item_text": "title"}, "no table of items"),
        ({"user": ["a"], "item": ["b"]}, {"title": ["x"]}, {"item_text": "title"}, "item_id"),
    ],
)
def test_what_cannot_work_is_refused_in_words(rows, items, options, said):
    with pytest.raises(InputError, match=said):
        graft.Recommender(**options, dimension=4).fit(rows, items=items)


@pytest.mark.parametrize(
    "rows",
    [
        {"user": ["a"], "item": ["b"]},
        {"user": ["a"] * 3, "item": ["b", "c", "d"]},
        {"user": ["a", "b", "c"], "item": ["x"] * 3},
        {"user": [1, 2, 1, 1], "item": [7, 7.0, "7", 8]},
    ],
)
def test_tiny_shops_are_answered(rows):
    made = graft.Recommender(dimension=8).fit(pl.DataFrame(rows, strict=False))
    for user in ("a", "1", "nobody"):
        found = made.recommend([user], k=5, filter_viewed=False)
        assert np.isfinite(found["score"].to_numpy()).all()
        assert found.height == found["item"].n_unique() == len(made.shop.items.names)


def test_ratings_are_read_as_said():
    rows = {"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"], "rating": [5.0, 1.0, 4.0]}
    from graft.recommend.recommender import EventReading

    made = graft.Recommender(dimension=4, reading=EventReading(at_least=4, dislike_below=2)).fit(rows)
    found = made.recommend(["a"], 2, filter_viewed=False)
    scores = dict(zip(found["item"], found["score"], strict=True))
    assert scores["y"] < scores["x"]
    assert made.shop.items.names == ("x", "y")


def test_events_that_are_delivered_again_change_nothing_also_after_saving(made, tmp_path):
    folder = made.save(tmp_path / "shop")
    more = {"user_id": ["0", "new"], "item_id": ["wine-7", "tea-7"], "weight": [1, 1], "datetime": ["2026-02-01"] * 2}
    once = graft.Recommender.load(folder).add_events(more)
    kept = graft.Recommender.load(once.save(tmp_path / "once"))
    before = kept.recommend(["0", "new"], 5)
    assert kept.add_events(more).recommend(["0", "new"], 5).equals(before)
    assert kept.shop.events.events == once.shop.events.events
    # Who was forgotten is not known by what they did: it would count as new.
    kept.forget("new")
    assert len(kept.read(more)) == 1
    assert len(kept.shop.events.delivered) == len(once.shop.events.delivered) - 1


def test_a_second_fit_is_a_fit_from_nothing(made):
    events, items, _ = sold()
    fresh = graft.Recommender(item_category="kind", dimension=4, tries=1).fit(events, items=items)
    pairs = fresh.shop.events.events
    assert fresh.fit(events, items=items).shop.events.events == pairs
