"""What another policy would have earned: by hand, from a shop, and what cannot be judged."""

import numpy as np
import polars as pl
import pytest

import graft
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.entities.exploration import Exploration
from graft.entities.shop import Rules
from graft.facts.recommend import PolicyEstimate, PolicyJudgement
from graft.recommend.judging import judge_log, judge_shop, read_shown

LOG = {
    "user_id": ["a", "a", "b", "b"], "item_id": ["x", "y", "x", "z"], "list": [0, 0, 1, 1],
    "propensity": [1.0, 0.5, 1.0, 0.25], "reward": [1, 0, 0, 1], "other": [1.0, 1.0, 0.5, 0.5],
}  # fmt: skip


def changed(**columns):
    return {**LOG, **columns}


def test_a_column_of_chances_is_judged_by_hand():
    """Weights 1, 2, .5, 2; rewards 1, 0, 0, 1."""
    found = judge_log(LOG, judged="other")
    value = {one.estimator: one.value.mean for one in found.estimates}
    assert found.logged.mean == 0.5
    assert value["ips"] == pytest.approx(3 / 4)
    assert value["snips"] == pytest.approx(3 / 5.5)
    assert "dr" not in value
    assert found.weight.mean == pytest.approx(5.5 / 4)
    assert found.gain.mean == pytest.approx(3 / 5.5 - 0.5)
    assert (found.places, found.lists, found.users) == (4, 2, 2)
    assert "cannot be told" in found.lines()[0]
    assert PolicyJudgement.from_json(found.to_json(), "judgement.json") == found


def sold():
    """Everybody likes one kind of goods, and has four of them; one more of each kind is new."""
    rng = np.random.default_rng(0)
    kinds = ("tea", "coffee", "wine")
    goods = [f"{kind}-{number}" for kind in kinds for number in range(8)]
    rows = [
        (f"u{user}", item)
        for user in range(60)
        for item in goods
        if rng.random() < (0.5 if item.startswith(kinds[user % 3]) else 0.05) and not item.endswith("-7")
    ]
    items = pl.DataFrame({"item": goods, "kind": [one.partition("-")[0] for one in goods]})
    return pl.DataFrame(rows, ["user", "item"], orient="row"), items


@pytest.fixture(scope="module")
def made():
    events, items = sold()
    return graft.Recommender(item_category="kind", dimension=6, tries=2).fit(events, items=items)


@pytest.fixture(scope="module")
def log(made):
    users = [f"u{one}" for one in range(60)]
    shown = made.recommend(users, 3, explore=Exploration(share=1 / 6, fewer_than=3))
    rng = np.random.default_rng(1)
    return shown.with_columns(pl.Series("reward", (rng.random(shown.height) < 0.4).astype(float)))


def test_a_shop_is_judged_by_what_it_would_have_shown(made, log):
    """Against the estimates put together by hand from its lists, and its doubly robust value from folds of users."""
    found = judge_shop(log, made.shop)
    value = {one.estimator: one.value.mean for one in found.estimates}
    plain = made.recommend(log["user"].unique(maintain_order=True).to_list(), 3)
    listed = set(zip(plain["user"], plain["item"], strict=True))
    there = np.array([pair in listed for pair in zip(log["user"], log["item"], strict=True)])
    weight = there / log["propensity"].to_numpy()
    reward = log["reward"].to_numpy()
    assert 0 < there.mean() < 1
    assert value["ips"] == pytest.approx(np.sum(weight * reward) / log.height)
    assert value["snips"] == pytest.approx(np.sum(weight * reward) / weight.sum())
    assert value["dr"] == pytest.approx(value["ips"], abs=0.05)
    # A list of two earns for each of two places.
    short = judge_shop(log, made.shop, k=2)
    first = plain.filter(plain["rank"] <= 2)
    pairs = set(zip(first["user"], first["item"], strict=True))
    ips = sum(one for one, pair in zip(weight * reward, zip(log["user"], log["item"], strict=True), strict=True)
              if pair in pairs) / first.height  # fmt: skip
    assert {one.estimator: one.value.mean for one in short.estimates}["ips"] == pytest.approx(ips)
    assert short.weight.mean == pytest.approx(1, abs=0.05)


def test_the_policy_of_the_log_earned_what_it_earned(made, log):
    found = judge_shop(log, made.shop, explore=Exploration(share=1 / 6, fewer_than=3))
    assert {one.estimator: one.value.mean for one in found.estimates}["snips"] == pytest.approx(found.logged.mean)
    assert found.doubts == ()
    assert found.judged == "lists of 3 by the shop, 16.7% of them explored"


def test_what_the_log_never_shows_is_no_basis_for_an_answer(made):
    """Every list is explored, so the last place of the plain ones is never shown: only the bounds may speak."""
    users = [f"u{one}" for one in range(60)]
    shown = made.recommend(users, 3, explore=Exploration(share=1 / 3, fewer_than=3))
    nothing = judge_shop(shown.with_columns(pl.Series("reward", [0.0] * shown.height)), made.shop)
    assert not nothing.sound
    assert "never shown by the log" in nothing.doubts[0]
    assert nothing.lines()[0].startswith("it cannot be told")
    new = pl.Series("reward", shown["explored"].cast(pl.Float64))
    assert judge_shop(shown.with_columns(new), made.shop).answer.startswith("it cannot be told")
    bounds = PolicyEstimate(estimator="bounds", means="", value=Interval(0.9, 0.8, 1.0))
    assert nothing.model_copy(update={"estimates": (bounds,)}).answer.endswith("earns more than what was shown")
    logged = Interval(0.95, 0.91, 1.0)
    less = PolicyEstimate(estimator="bounds", means="", value=Interval(0.1, 0.0, 0.2))
    assert nothing.model_copy(update={"estimates": (less,), "logged": logged}).answer.endswith(
        "less than what was shown"
    )


def test_strangers_are_told(made, log):
    more = pl.concat([log.select("user", "item", "list", "propensity", "reward"), pl.DataFrame(
        {"user": ["new"], "item": ["ghost"], "list": [60], "propensity": [0.5], "reward": [1.0]}
    )])  # fmt: skip
    said = " ".join(judge_shop(more, made.shop).doubts)
    assert "does not know 1 of the items" in said
    assert "does not know 1 of 61 users" in said


def test_a_shop_that_learnt_from_the_log_is_refused(made, log):
    taken = log.filter(log["reward"] > 0).select("user", "item")
    learnt = made.shop.with_events(made.read(taken))
    with pytest.raises(InputError, match=f"has learnt {taken.height} of the {taken.height} pairs"):
        judge_shop(log, learnt)
    assert judge_shop(log, learnt, rules=Rules(filter_viewed=False)).places == log.height


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (changed(propensity=[1.0, 0.0, 1.0, 0.25]), "1 of 4 rows have the propensity 0"),
        (changed(propensity=[1.0, 2.0, 1.0, 0.25]), "that cannot be"),
        (changed(propensity=[1.0, None, 1.0, 0.25]), "row 1 of the log of lists has no number"),
        (changed(reward=[1, 0, 0, "often"]), "row 3 of the log of lists has no number"),
        (changed(other=[0.0] * 4), "would have shown none of the 4 things"),
        (changed(list=[0, 0, 0, 0]), "the list '0' has several users"),
        (changed(item_id=["x", "x", "x", "z"]), "the list '0' has an item twice"),
        ({name: column for name, column in LOG.items() if name != "reward"}, "no column 'reward'"),
        ({name: column for name, column in LOG.items() if name != "other"}, "no column 'other'"),
        ({name: column for name, column in LOG.items() if name != "item_id"}, "names the item"),
        ({name: column[:0] for name, column in LOG.items()}, "0 rows"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_words(given, said):
    with pytest.raises(InputError, match=said):
        judge_log(pl.DataFrame(given, strict=False), judged="other")


def test_rewards_are_what_they_may_be():
    with pytest.raises(InputError, match="rewards are possible"):
        judge_log(changed(reward=[5, 0, 0, 1]), judged="other", possible=(0.0, 1.0))
    assert judge_log(changed(reward=[5, -2, 0, 1]), judged="other").possible == (-2.0, 5.0)


@pytest.mark.parametrize("reward", [[True, False, False, True], ["true", "False", "false", "TRUE"]])
def test_a_reward_may_be_yes_or_no(reward):
    assert judge_log(pl.DataFrame(changed(reward=reward)), judged="other") == judge_log(LOG, judged="other")


def test_without_lists_every_row_is_its_own():
    rows = {name: column for name, column in LOG.items() if name != "list"}
    shown = read_shown(rows, judged="other")
    assert shown.lists.tolist() == [0, 1, 2, 3]
    assert shown.sizes.tolist() == [1, 1, 1, 1]
    one = judge_log({name: column[:1] for name, column in rows.items()}, judged="other")
    assert (one.users, one.logged.low) == (1, None)
