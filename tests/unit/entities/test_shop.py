"""Who likes what, by name: what is served, what is added, and what is forgotten."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from graft.core.errors import InputError
from graft.entities.exploration import COLUMNS, Exploration, Exposures
from graft.entities.factorisation import Factorisation
from graft.entities.item_features import ItemFeatures
from graft.entities.shop import Rules
from graft.recommend.fitting import FitChoice, make_shop
from graft.rows.interactions import EventPairs, Interactions, settled

KINDS = ("tea", "coffee", "wine")
START = FitChoice(Factorisation(dimension=6, rounds=5), content=0.3)


def events(rows) -> Interactions:
    """From (user, item) or (user, item, weight, day, disliked)."""
    rows = [(*row, *(1.0, 0.0, False)[len(row) - 2 :]) for row in rows]
    users, items = sorted({row[0] for row in rows}), sorted({row[1] for row in rows})
    pairs, overruled = settled(
        EventPairs(
            np.array([users.index(row[0]) for row in rows], np.int32),
            np.array([items.index(row[1]) for row in rows], np.int32),
            np.array([row[2] for row in rows], float),
            np.array([row[4] for row in rows], bool),
            np.array([row[3] for row in rows], float),
        )
    )
    return Interactions(tuple(users), tuple(items), pairs, overruled, False, None, len(rows))


def _sold():
    """Everybody likes one kind of goods; goods of one kind are described alike."""
    rng = np.random.default_rng(0)
    goods = [f"{kind}-{number}" for kind in KINDS for number in range(10)]
    rows = [
        (f"u{user}", item)
        for user in range(60)
        for item in goods
        if rng.random() < (0.6 if item.startswith(KINDS[user % 3]) else 0.04) and not item.endswith("-7")
    ]
    described = {
        "item": goods,
        "title": [f"{one.partition('-')[0]} number {one.partition('-')[2]}" for one in goods],
        "brand": [f"b{place % 4}" for place in range(len(goods))],
    }
    return rows, described


@pytest.fixture(scope="module")
def rows():
    return _sold()


@pytest.fixture(scope="module")
def shop(rows):
    sold, described = rows
    features = ItemFeatures(text=("title",), least=1).fit(described)
    return make_shop(events(sold), items=(features, features.transform(described)), start=START, tries=2)[0]


def test_new_goods_are_recommended_to_those_who_like_their_kind(shop):
    assert dict(zip(shop.items.names, shop.item_states.tolist(), strict=True))["tea-7"] == "warm"
    found = shop.recommend(["u0", "u1", "u2"], 1, items=["tea-7", "coffee-7", "wine-7"]).frame
    assert found["item"].to_list() == ["tea-7", "coffee-7", "wine-7"]
    assert set(found["state"]) == {"warm"}
    assert set(found["user_state"]) == {"hot"}
    assert set(found["basis"]) == {"content"}


def test_lists_leave_out_what_somebody_has_and_ranks_start_at_one(shop, rows):
    found = shop.recommend(["u0"], 5).frame
    had = {item for user, item in rows[0] if user == "u0"}
    assert not had & set(found["item"])
    assert found["rank"].to_list() == [1, 2, 3, 4, 5]
    assert found["score"].to_list() == sorted(found["score"], reverse=True)
    everything = shop.recommend(["u0"], 30, rules=Rules(filter_viewed=False)).frame
    assert had <= set(everything["item"])


def test_many_at_once_get_what_each_gets_alone(shop):
    users = [f"u{user}" for user in range(30)] + ["nobody"]
    whole = shop.recommend(users, 4).frame
    for user in users:
        alone = shop.recommend([user], 4).frame
        there = whole.filter(whole["user"] == user)
        assert alone["item"].to_list() == there["item"].to_list()
        np.testing.assert_allclose(alone["score"], there["score"], atol=1e-5)


def test_the_unknown_are_answered_and_said_to_be_so(shop):
    found = shop.recommend(["nobody"], 3).frame
    assert set(found["user_state"]) == {"cold"}
    only_new = shop.recommend(["nobody"], 3, items=["tea-7"]).frame
    assert only_new["basis"].to_list() == ["content alone"]
    with pytest.raises(InputError, match="1 unknown users"):
        shop.recommend(["nobody"], 3, on_unknown="raise")


def test_rules_hold_before_the_list_is_cut(shop):
    goods = ["tea-0", "tea-1", "coffee-0", "wine-3"]
    found = shop.recommend(["nobody"], 10, rules=Rules(available=tuple(goods), exclude=("tea-1",))).frame
    assert set(found["item"]) <= {"tea-0", "coffee-0", "wine-3"}
    with pytest.raises(InputError, match="no column 'brand'"):
        shop.recommend(["u0"], 3, rules=Rules(most_per=("brand", 1)))
    branded = replace(shop, columns={"brand": tuple(name.partition("-")[0] for name in shop.items.names)})
    found = branded.recommend(["u0"], 6, rules=Rules(most_per=("brand", 2))).frame
    assert max(found["item"].str.split("-").list.first().value_counts()["count"]) == 2
    assert found.height == 6


def test_an_item_of_which_nothing_is_known_has_no_place(shop):
    grown = shop.with_items({"item": ["mystery", "tea-99"], "title": ["", "tea"], "brand": [None, None]})
    told = grown.place("mystery")
    assert (told.state, told.placed, told.why) == ("cold", False, "no usable content")
    assert grown.place("tea-99").placed
    ranked = grown.recommend(["u0"], 30, items=["mystery", "tea-99"])
    assert ranked.frame["item"].to_list() == ["tea-99"]
    assert ranked.left_out == ("mystery",)
    with pytest.raises(InputError, match="no place"):
        grown.similar("mystery")


def test_a_new_item_is_placed_without_moving_anything_else(shop):
    grown = shop.with_items({"item": ["tea-99"], "title": ["tea number 3"], "brand": ["b1"]})
    told = grown.place("tea-99")
    assert (told.state, told.prior, told.interactions) == ("warm", 1.0, 0)
    assert {one.item.partition("-")[0] for one in told.neighbours[:1]} == {"tea"}
    np.testing.assert_allclose(grown.model.item_vectors[:-1], shop.model.item_vectors, atol=1e-12)
    best = grown.recommend(["u0"], 1, items=["tea-99", "coffee-7", "wine-7"]).frame
    assert best["item"].to_list() == ["tea-99"]


def test_interactions_shrink_the_radius_and_the_weight_of_content(shop):
    told = [shop.place("tea-7")]
    grown = shop
    for user in ("u1", "u4", "u7"):
        grown = grown.with_events(events([(user, "tea-7")]))
        told.append(grown.place("tea-7"))
    assert [one.interactions for one in told] == [0, 1, 2, 3]
    assert all(later.prior < earlier.prior for earlier, later in pairwise(told))
    assert all(later.radius < earlier.radius for earlier, later in pairwise(told))


MORE = [
    ("u0", "wine-7"),
    ("u0", "wine-6", 2.0),
    ("new", "tea-7"),
    ("new", "tea-1"),
    ("u5", "odd"),
    ("u9", "tea-0", 1.0, 0.0, True),
]


def test_events_in_any_order_and_any_batches_end_in_the_same_place(shop):
    at_once = shop.with_events(events(MORE))
    rng = np.random.default_rng(1)
    for _ in range(4):
        grown = shop
        for place in rng.permutation(len(MORE)):
            grown = grown.with_events(events([MORE[place]]))
        for name in at_once.items.names:
            one, two = at_once.items.places[name], grown.items.places[name]
            np.testing.assert_allclose(grown.model.item_vectors[two], at_once.model.item_vectors[one], atol=1e-9)
        for name in at_once.people.names:
            one, two = at_once.people.places[name], grown.people.places[name]
            np.testing.assert_allclose(grown.model.user_vectors[two], at_once.model.user_vectors[one], atol=1e-9)


def test_what_is_added_equals_a_refit_with_the_other_side_fixed(shop):
    """The normal equations of a user and of an item with everything they ever did, the anchors as they are."""
    grown = shop.with_events(events(MORE))
    model, settings = grown.model, shop.settings
    dense = model.pairs.pairs.toarray()
    liked = np.zeros(dense.shape, bool)
    liked[model.pairs.pairs.nonzero()] = model.pairs.liked
    fitted_items, fitted_users = len(model.factors.items.anchors), len(model.factors.users.anchors)
    anchors = np.concatenate([model.factors.items.anchors, model.item_priors[fitted_items:, :-1]])
    offsets = np.concatenate([model.factors.items.offsets, model.item_priors[fitted_items:, -1]])
    for user in ("u0", "u9", "new", "u5"):
        at = grown.people.places[user]
        met = np.flatnonzero(dense[at])
        penalty = settings.penalties(np.array([len(met)]), fitted_items)[0]
        known, shift = anchors[:fitted_items], offsets[:fitted_items]
        inside = (anchors[met].T * dense[at, met]) @ anchors[met] + settings.unobserved * known.T @ known
        right = (dense[at, met] * (liked[at, met] - offsets[met])) @ anchors[met]
        right = right + settings.penalties(np.zeros(1), fitted_items)[0] * model.user_priors[at]
        wanted = np.linalg.solve(inside + penalty * np.eye(6), right - settings.unobserved * shift @ known)
        np.testing.assert_allclose(model.user_vectors[at], wanted, atol=1e-6)
    people = np.concatenate([model.factors.users.anchors, model.user_priors[fitted_users:]])
    people = np.c_[people, np.ones(len(people))]
    for item in ("tea-7", "wine-7", "odd", "wine-6"):
        at = grown.items.places[item]
        met = np.flatnonzero(dense[:, at])
        penalty = settings.penalties(np.array([len(met)]), fitted_users)[0]
        known = people[:fitted_users]
        inside = (people[met].T * dense[met, at]) @ people[met] + settings.unobserved * known.T @ known
        late = at >= fitted_items or not model.factors.met[at]
        exposed = len(met) / (len(met) + settings.patience) if late else 1.0
        trust = penalty * np.eye(7) + (1 - exposed) * settings.unobserved * known.T @ known
        right = (dense[met, at] * liked[met, at]) @ people[met]
        faded = settings.penalties(np.zeros(1), fitted_users)[0] / penalty
        right = right + faded * trust @ model.item_priors[at]
        wanted = np.linalg.solve(inside + penalty * np.eye(7), right)
        np.testing.assert_allclose(model.item_vectors[at], wanted, atol=1e-6)


def test_who_is_forgotten_was_never_there(shop):
    added = shop.with_events(events([("guest", "tea-7"), ("guest", "wine-1"), ("u3", "coffee-7")]))
    forgotten = added.without_people(["guest"])
    never = shop.with_events(events([("u3", "coffee-7")]))
    assert "guest" not in forgotten.people.places
    assert "guest" not in forgotten.events.users
    np.testing.assert_allclose(forgotten.model.item_vectors, never.model.item_vectors, atol=1e-12)
    np.testing.assert_allclose(forgotten.model.user_vectors, never.model.user_vectors, atol=1e-12)


def test_who_was_fitted_leaves_no_row_behind(shop):
    forgotten = shop.without_people(["u0", "u17"])
    assert len(forgotten.model.factors.users.anchors) == len(shop.model.factors.users.anchors) - 2
    assert forgotten.model.pairs.pairs.shape[0] == len(forgotten.people.names) == 58
    kept = forgotten.recommend(["u1"], 3).frame
    assert kept["user_state"].to_list() == ["hot"] * 3


def test_a_session_is_answered_by_the_formula_of_users(shop):
    liked = [item for item in shop.items.names if item.startswith("wine") and not item.endswith("7")][:3]
    found = shop.recommend_session(liked, 2, items=["tea-7", "coffee-7", "wine-7"])
    assert found.frame["item"][0] == "wine-7"
    assert found.frame["user_state"].to_list() == ["hot"] * 2
    grown = shop.with_events(events([("visitor", item) for item in liked]))
    known = grown.recommend(["visitor"], 5).frame
    session = shop.recommend_session(liked, 5).frame
    assert known["item"].to_list() == session["item"].to_list()
    empty = shop.recommend_session(["never-seen"], 2)
    assert empty.left_out == ("never-seen",)
    assert empty.frame["user_state"].to_list() == ["cold"] * 2


def test_reasons_name_what_somebody_took_and_sum_to_the_score(shop):
    listed = shop.recommend(["u0"], 3).frame
    for item, score in zip(listed["item"], listed["score"], strict=True):
        told = shop.reasons("u0", item)
        assert told.score == pytest.approx(score, abs=1e-5)
        assert told.shares.sum() + told.context + told.popularity + told.rest == pytest.approx(told.score)
    said, rest = shop.description("u0", "tea-7")
    score = shop.recommend(["u0"], 1, items=["tea-7"]).frame["score"][0]
    assert sum(share for _, share in said) + rest == pytest.approx(score, abs=1e-5)
    assert "title: tea" in dict(said)


def test_similar_goods_are_of_one_kind(shop):
    found = shop.similar("tea-1", 3)
    assert {item.partition("-")[0] for item in found["item"]} == {"tea"}
    assert "tea-1" not in found["item"].to_list()


def test_exploration_adds_columns_and_changes_nothing_else(shop):
    users = [f"u{user}" for user in range(20)] + ["nobody"]
    plain = shop.recommend(users, 4).frame
    found = shop.recommend(users, 4, explore=Exploration(share=0.25, fewer_than=3)).frame
    assert found.columns == [*plain.columns, *COLUMNS]
    new = {"tea-7", "coffee-7", "wine-7"}
    # Nothing is known of somebody unknown but what people take: what nobody took does not lead that list.
    assert not new & set(plain.filter(plain["user"] == "nobody")["item"])
    assert found.filter("explored")["user"].to_list() == users
    assert set(found.filter("explored")["item"]) <= new
    assert sorted(set(found["list"])) == list(range(len(users)))
    assert found.filter(found["rank"] < 4)["item"].to_list() == plain.filter(plain["rank"] < 4)["item"].to_list()
    assert found.equals(shop.recommend(users, 4, explore=Exploration(share=0.25, fewer_than=3)).frame)
    half = shop.recommend(users[:8], 4, explore=Exploration(share=0.25, fewer_than=3))
    rest = shop.recommend(
        users[8:], 4, explore=Exploration(share=0.25, fewer_than=3), before=Exposures().after(half.frame)
    )
    # The same places are explored; what was shown in vain meanwhile has changed what is known of the items.
    assert found["list"].to_list() == [*half.frame["list"], *rest.frame["list"]]
    assert found["explored"].to_list() == [*half.frame["explored"], *rest.frame["explored"]]
    assert found["item"].to_list()[:32] == half.frame["item"].to_list()
    assert shop.recommend(users, 4).frame.equals(plain)
    assert shop.recommend([], 4, explore=Exploration()).frame.columns == found.columns
    session = shop.recommend_session(["tea-1"], 4, explore=Exploration(share=0.25, fewer_than=3)).frame
    assert session["explored"].to_list() == [False, False, False, True]
    assert set(session["user"]) == {"session 0"}


def test_rules_hold_for_explored_places_too(shop):
    explore = Exploration(share=1.0, draws=20, fewer_than=3)
    rules = Rules(exclude=("wine-7",))
    found = shop.recommend(["u0", "u1"], 3, rules=rules, explore=explore).frame
    assert "wine-7" not in set(found["item"])
    met = shop.with_events(events([("u0", "tea-7"), ("u0", "coffee-7")]))
    assert met.recommend(["u0"], 9, explore=explore).frame.filter("explored")["item"].to_list() == ["wine-7"]
    only = shop.recommend(["u0"], 3, items=["tea-0", "coffee-7"], explore=explore, rules=Rules(filter_viewed=False))
    assert set(only.frame["item"]) == {"tea-0", "coffee-7"}
    branded = replace(shop, columns={"brand": tuple(name.partition("-")[0] for name in shop.items.names)})
    found = branded.recommend(["u0"], 4, rules=Rules(most_per=("brand", 1)), explore=explore).frame
    assert sorted(found["item"]) == ["coffee-7", "tea-7", "wine-7"]


def test_scores_of_new_items_are_drawn_from_their_posterior(shop):
    """Against the dense formulas: after one event, and after nine explored places of which one was taken."""
    grown = shop.with_events(events([("u1", "tea-7")]))
    model, settings = grown.model, shop.settings
    people = np.c_[model.factors.users.anchors, np.ones(60)]
    one, z = people[grown.people.places["u1"]], np.r_[model.user_vectors[0], 1.0]
    penalty = settings.penalties(np.array([0, 1]), 60)
    exposed = 1 / (1 + settings.patience)
    for in_vain in (0, 8):
        before = Exposures(9, {"tea-7": in_vain + 1, "wine-7": in_vain})
        doubtful = grown._doubtful(3, before)
        assert doubtful.names == ("coffee-7", "tea-7", "wine-7")
        means, deviations = doubtful.scores(model.user_vectors[:1])
        for name, inside, pairs in (("tea-7", penalty[1], 1), ("wine-7", penalty[0], 0)):
            at, here = grown.items.places[name], doubtful.names.index(name)
            known = inside * np.eye(7) + pairs * (
                np.outer(one, one) + exposed * settings.unobserved * people.T @ people
            )
            no = in_vain / 60 * people.T @ people
            found = np.linalg.solve(known + no, known @ model.item_vectors[at])
            assert means[0, here] == pytest.approx(z @ found, abs=1e-9)
            wide = np.sqrt(grown.misfit * penalty[0] * z @ np.linalg.solve(known + no, z))
            assert deviations[0, here] == pytest.approx(wide, rel=1e-9)
    cold = grown.place("wine-7")
    alone = shop._doubtful(3, Exposures()).scores(model.user_vectors[:1])[1][0]
    assert alone == pytest.approx(np.full(3, cold.radius * np.linalg.norm(z)), rel=1e-9)


def test_chances_of_a_policy_are_those_of_its_lists(shop):
    users = ["u0", "u7", "nobody"]
    rules = Rules(filter_viewed=False)
    plain = shop.chances(users, 4, rules=rules).toarray()
    listed = shop.recommend(users, 4, rules=rules).frame
    for row, user in enumerate(users):
        mine = listed.filter(listed["user"] == user)["item"]
        assert {shop.items.names[at] for at in np.flatnonzero(plain[row])} == set(mine)
        assert set(plain[row][plain[row] > 0]) == {1.0}
    explored = shop.chances(users, 4, explore=Exploration(share=0.1)).toarray()
    found = shop.recommend(users, 4, explore=Exploration(share=0.1)).frame
    for user, item, chance in zip(found["user"], found["item"], found["propensity"], strict=True):
        assert explored[users.index(user), shop.items.places[item]] == pytest.approx(chance)
    assert explored.sum(axis=1) == pytest.approx(np.full(3, 4))
    np.testing.assert_allclose(shop.scores(["u0"])[0, shop.items.places["tea-1"]], shop.reasons("u0", "tea-1").score,
                               atol=1e-5)  # fmt: skip
