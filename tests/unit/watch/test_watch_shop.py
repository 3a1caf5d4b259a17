"""A recommender's shop is watched: calm days are quiet, and drift, floods and feedback turned round are told apart."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import graft
from graft.bundle.shop import load_shop
from graft.bundle.shop_erasure import erase_users
from graft.bundle.watch_erasure import user_number
from graft.cli.app import app
from graft.core.errors import BundleError, InputError
from graft.recommend.recommender import EventReading
from graft.rows.events import read_events
from graft.watch.baseline import watch_folder
from graft.watch.batch import Batch
from graft.watch.history import History
from graft.watch.shop import (
    FeedbackReading,
    ShopActs,
    as_often,
    check_shop,
    make_shop_baseline,
    read_shop_baseline,
    write_shop_baseline,
)
from graft.watch.shop_batch import in_the_mix

KINDS, EVEN, WINE = ("tea", "coffee", "wine"), (1 / 3, 1 / 3, 1 / 3), (0.05, 0.05, 0.9)
READING = FeedbackReading(at_least=4, dislike_below=3)


def day(seed: int, date: str, *, users: int = 40, tastes=EVEN, flip: bool = False, first: int = 0) -> pl.DataFrame:
    """What some of 120 people did on a day: each has a kind of goods, and rates well what is of it."""
    rng, rows = np.random.default_rng(seed), []
    for user in (first + rng.choice(120, users, replace=False)).tolist():
        own = int(np.random.default_rng(10_000 + user).choice(3))
        kind = own if tastes == EVEN else int(rng.choice(3, p=tastes))
        for _ in range(1 + rng.poisson(4)):
            taken = kind if rng.random() < 0.8 else int(rng.integers(3))
            liked = (rng.random() < (0.95 if taken == own else 0.2)) != flip
            number = min(9, int(rng.geometric(0.25)) - 1)
            when = f"2026-{date} {8 + int(rng.integers(14)):02}:{rng.integers(60):02}:{rng.integers(60):02}"
            rows.append((f"user-{user:03}", f"{KINDS[taken]}-{number}", when, 5 if liked else 1))
    return pl.DataFrame(rows, ["user", "item", "time", "rating"], orient="row")


def days(seed: int, month: int, count: int) -> pl.DataFrame:
    return pl.concat([day(seed + one, f"{month:02}-{one + 1:02}") for one in range(count)])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("watched") / "shop"
    goods = [f"{kind}-{number}" for kind in KINDS for number in range(10)]
    items = pl.DataFrame({"item": goods, "kind": [one.split("-")[0] for one in goods]})
    users = pl.DataFrame({"user": [f"user-{one:03}" for one in range(120)], "country": ["DE", "FR", "IT"] * 40})
    recommender = graft.Recommender(
        item_category="kind", user_category="country", dimension=4, tries=1,
        reading=EventReading(at_least=4, dislike_below=3),
    )  # fmt: skip
    recommender.fit(days(0, 1, 20), items=items, users=users).save(folder)
    baseline = make_shop_baseline(folder, days(100, 2, 15), reading=READING, segments="country", runs=3)
    write_shop_baseline(folder, baseline)
    return folder


@pytest.fixture
def shop(made, tmp_path) -> Path:
    """A copy that a test may change."""
    shutil.copytree(made, tmp_path / "shop")
    shutil.copytree(watch_folder(made), watch_folder(tmp_path / "shop"))
    return tmp_path / "shop"


def moved(found) -> set[str]:
    return {one.detector for one in found.significant if not one.segment}


def test_a_baseline_says_what_it_is_worth_and_keeps_no_users(shop):
    baseline = read_shop_baseline(shop)
    facts = baseline.facts
    assert (facts.task, facts.group, facts.groups) == ("recommendation", "user", 120)
    assert facts.check_alarms.low <= 0.05
    assert not baseline.own
    assert {one.name for one in facts.detectors} >= {
        "preferences",
        "foretold",
        "feedback",
        "heavy visits",
        "gone quiet",
    }
    assert 150 < facts.batch < 250
    quiet = next(one for one in facts.detectors if one.name == "gone quiet")
    assert [one.found.mean for one in quiet.power] == sorted(one.found.mean for one in quiet.power)
    assert quiet.power[-1].found.mean > 0.5
    assert "the most taken items of that share are taken no more" in "\n".join(facts.lines())
    kept = [path for path in watch_folder(shop).rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"user-0" in path.read_bytes()]


def test_a_calm_day_is_quiet_and_counted_once(shop):
    first = check_shop(shop, day(500, "03-01"))
    assert (first.outcome, first.number, [one.action for one in first.advice]) == ("quiet", 1, ["nothing"])
    assert check_shop(shop, day(500, "03-01").reverse()) == first
    (quality,) = first.quality
    assert not quality.unusual
    assert quality.measured.mean > 0.8
    assert check_shop(shop, day(501, "03-02")).number == 2
    assert len(History(watch_folder(shop)).checks()) == 2
    assert sum(one.share for one in first.budget if one.over == "this check") == pytest.approx(0.05)
    assert sum("parts of it" in one.what for one in first.budget) == 1


def test_events_that_the_shop_learnt_are_not_new_and_need_no_new_baseline(shop):
    today = day(500, "03-01")
    grown = graft.Recommender.load(shop).read_as(EventReading(at_least=4, dislike_below=3)).add_events(today)
    grown.save(shop)
    found = check_shop(shop, today)
    assert (found.usable, found.learnt) == (0, today.height)
    # Nothing was compared, so nothing is as usual: who checks after the shop learnt is told.
    assert found.outcome == "look"
    assert "what the model learnt from" in found.advice[0].why
    assert check_shop(shop, day(501, "03-02")).outcome == "quiet"


def test_another_taste_is_seen_and_asks_for_a_refresh(shop):
    found = check_shop(shop, day(502, "03-03", tastes=(0.9, 0.05, 0.05)))
    assert moved(found) >= {"preferences", "foretold"}
    assert found.outcome == "act"
    assert "refresh" in [one.action for one in found.advice]
    assert found.quality[0].unusual
    assert any(one.segment.startswith("country=") for one in found.shifts)


def test_feedback_that_is_turned_round_is_no_change_of_taste(shop):
    found = check_shop(shop, day(503, "03-04", flip=True))
    assert "feedback" in moved(found)
    assert "foretold" not in moved(found)
    assert "preferences" not in moved(found)
    assert [one.action for one in found.advice] == ["repair inputs"]
    assert found.outcome == "act"


def test_one_user_who_floods_is_seen_and_named_until_they_are_erased(shop):
    times = [f"2026-03-05 {8 + one // 60:02}:{one % 60:02}:00" for one in range(150)]
    bot = pl.DataFrame({"user": "bot", "item": "wine-3", "time": times, "rating": 5})
    calm = day(504, "03-05")
    found = check_shop(shop, pl.concat([calm, bot.cast(dict(calm.schema))]))
    assert moved(found) == {"heavy visits"}
    assert found.moved[0].examples == ("bot",)
    assert found.moved[0].share > 0.4
    assert found.advice[0].action == "repair inputs"
    assert "bot" not in (watch_folder(shop) / "state.json").read_text()
    before = History.of(watch_folder(shop)).state()
    receipt = erase_users(shop, ["bot", "user-007"], by="me")
    rows = {one.name: one.rows for one in receipt.places}
    own = (days(100, 2, 15)["user"] == "user-007").sum()
    assert rows["watch shop.watch"] >= own
    baseline, state = read_shop_baseline(shop), History.of(watch_folder(shop)).state()
    assert (baseline.facts.groups, baseline.facts.erased) == (119, 1)
    numbers = {user_number(name, baseline.salt) for name in ("bot", "user-007")}
    kept = state.since(baseline.baseline.rows.take(np.zeros(0, np.int64)), baseline.baseline.rows)
    assert not numbers & {*kept.groups.tolist(), *baseline.baseline.rows.groups.tolist()}
    assert state.wealth == before.wealth
    (after,) = History.of(watch_folder(shop)).checks()
    assert after.moved[0].examples == ()
    assert after.shifts == found.shifts
    for path in watch_folder(shop).rglob("*"):
        told = path.read_bytes() if path.is_file() else b""
        assert not [one for one in (*numbers, '"bot"') if one.encode() in told]


def test_many_who_push_one_item_are_seen(shop):
    calm = day(505, "03-06")
    fakes = pl.DataFrame(
        {"user": [f"fake-{one}" for one in range(40)], "item": "wine-9", "time": "2026-03-06 10:00:00"}
    )
    found = check_shop(shop, pl.concat([calm, fakes.with_columns(rating=pl.lit(5)).cast(dict(calm.schema))]))
    assert {"one item", "newcomers"} <= moved(found)
    assert any(one.what == "events of one item" and one.examples == ("wine-9",) for one in found.moved)
    assert found.outcome == "act"


def test_new_people_and_goods(shop):
    found = check_shop(shop, day(506, "03-07", first=200).with_columns(pl.col("item") + "-new"))
    assert "newcomers" in moved(found)
    assert "refresh" in [one.action for one in found.advice]
    assert any("unknown to the shop" in note and "100% of the events are of new users" in note for note in found.notes)


def test_days_are_compared_with_as_many_days():
    before = ShopActs(
        np.array(["a"] * 6 + ["b"] * 4), np.array(["x"] * 10), np.array([1, 1, 2, 2, 3, 3, 1, 1, 2, 2], "M8[D]")
    )
    now = ShopActs(np.array(["a", "a"]), np.array(["x", "x"]), np.array([9, 9], "M8[D]"))
    kept = as_often(before, now, np.random.default_rng(0))
    assert before.visits[1].tolist() == [2, 2, 2, 2, 2]
    assert [before.user[kept].tolist().count(one) for one in "ab"] == [2, 2]
    assert len(np.unique(before.visit[kept])) == 2


def test_visits_are_taken_in_the_mix_of_the_batch(made):
    """Twelve weeks of one visit a day, of two events each; the batch is a weekend."""

    def visits(days: int, first: str) -> Batch:
        when = np.repeat(np.datetime64(first, "D") + np.arange(days), 2)
        weekday = np.array(["work", "work", "work", "work", "work", "rest", "rest"])
        part = weekday[(when.astype(np.int64) + 3) % 7]
        users = np.array([f"u{day % 5}" for day in when.astype(np.int64)])
        rows = read_shop_baseline(made).baseline.rows.take(np.arange(len(when)))
        return replace(rows, groups=users, times=when.astype("M8[us]"), segments={"part": part})

    rng = np.random.default_rng(0)
    year, weekend = visits(84, "2026-01-05"), visits(3, "2026-04-03")
    before, now = in_the_mix(year, weekend, ["part"], rng)
    # One workday and two of rest: as many workdays as half of the days of rest, with all of their events.
    assert dict(zip(*np.unique(before.segments["part"], return_counts=True), strict=True)) == {"rest": 48, "work": 24}
    assert set(np.unique(before.times, return_counts=True)[1].tolist()) == {2}
    assert len(now) == 6
    before, now = in_the_mix(year.take(year.segments["part"] == "work"), weekend, ["part"], rng)
    assert (set(now.segments["part"]), len(now), len(before)) == ({"work"}, 2, 120)
    assert in_the_mix(year, weekend.take(np.zeros(0, np.int64)), ["part"], rng)[0] is year
    alone = weekend.take(weekend.segments["part"] == "rest")
    assert [len(one) for one in in_the_mix(year.take(year.segments["part"] == "work"), alone, ["part"], rng)] == [0, 0]


@pytest.mark.slow
def test_the_same_seed_says_the_same_whatever_stands_for_users(made, tmp_path):
    told = []
    for copy in ("one", "other"):
        shutil.copytree(made, tmp_path / copy)
        watch = graft.Watch(tmp_path / copy)
        facts = watch.baseline(days(100, 2, 15), reading=READING, segments="country", runs=2)
        told.append((facts.detectors, watch.check(day(900, "03-07", tastes=WINE)).shifts))
    assert told[0] == told[1]


@pytest.mark.slow
def test_weekends_may_be_allowed(made, tmp_path):
    """On Saturdays and Sundays people take wine."""

    def month(seed: int) -> pl.DataFrame:
        weekend = [one for one in range(1, 29) if (np.datetime64(f"2026-02-{one:02}").astype(int) + 3) % 7 > 4]
        every = [day(seed + one, f"02-{one:02}", tastes=WINE if one in weekend else EVEN) for one in range(1, 29)]
        return pl.concat(every)

    shutil.copytree(made, tmp_path / "shop")
    watch = graft.Watch(tmp_path / "shop")
    saturday = day(900, "03-07", tastes=WINE)
    told = {}
    for allowed in ("", "weekday"):
        facts = watch.baseline(month(800), reading=READING, allowed=[allowed] if allowed else (), runs=2)
        assert facts.allowed == ((allowed,) if allowed else ())
        told[allowed] = watch.check(saturday)
    assert "preferences" in moved(told[""])
    assert not moved(told["weekday"])
    # A Tuesday like that is none of what was allowed.
    assert "preferences" in moved(watch.check(day(901, "03-10", tastes=WINE)))


def test_odd_events(shop):
    calm = day(507, "03-08")
    one = check_shop(shop, calm.head(1))
    assert one.usable == 1
    assert "few users: only very large shifts can be seen" in one.notes
    nothing = check_shop(shop, calm.clear())
    assert (nothing.rows, nothing.outcome) == (0, "look")
    assert nothing.advice[0].why == "no events came: see whether they should have"
    same = pl.concat([calm.head(1)] * 50)
    assert check_shop(shop, same).problems == {"repeated": 49}
    late = calm.with_columns(time=pl.lit("2999-01-01 10:00:00"))
    found = check_shop(shop, late)
    assert found.advice[0].action == "repair inputs"
    assert found.outcome == "act"
    with pytest.raises(InputError, match="have no times, unlike"):
        check_shop(shop, calm.drop("time"))
    with pytest.raises(InputError, match="have ratings"):
        check_shop(shop, calm, reading=FeedbackReading())


def test_events_are_not_called_rows_with_labels(shop):
    events = day(509, "03-11")
    calm = check_shop(shop, events.with_columns(rating=pl.Series([3.5, *[5.0] * (events.height - 1)])))
    assert "1 row could not be used: rated neither well nor badly enough to say anything" in "\n".join(calm.lines())
    assert f"measured on {calm.quality[0].labelled:,} events" in "\n".join(calm.lines())


def test_refused(shop, tmp_path):
    with pytest.raises(InputError, match="usable events of"):
        make_shop_baseline(shop, day(1, "02-01", users=4), reading=READING)
    with pytest.raises(InputError, match="no column 'channel'"):
        make_shop_baseline(shop, days(1, 2, 3), reading=READING, segments="channel")
    with pytest.raises(InputError, match="own events have no column 'channel'"):
        make_shop_baseline(shop, segments=["channel"])
    other = tmp_path / "other"
    graft.Recommender(dimension=2, tries=1).fit(days(0, 1, 5).drop("rating")).save(other)
    with pytest.raises(InputError, match="has no baseline"):
        check_shop(other, day(1, "03-01"))
    shutil.copytree(watch_folder(shop), watch_folder(other))
    with pytest.raises(InputError, match="is of another fit"):
        check_shop(other, day(1, "03-01"))
    path = watch_folder(shop) / "baseline" / "places.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(BundleError, match=r"places\.safetensors"):
        check_shop(shop, day(1, "03-01"))


def test_a_shop_may_be_its_own_reference(shop):
    baseline = make_shop_baseline(shop, runs=2)
    assert baseline.own
    assert "foretold" not in {one.name for one in baseline.facts.detectors}
    assert "give newer events" in baseline.facts.notes[0]
    assert len(load_shop(shop).events) > baseline.facts.rows
    write_shop_baseline(shop, baseline)
    found = check_shop(shop, day(508, "03-09"), reading=READING)
    assert found.quality == ()


def test_events_one_by_one():
    told = read_events(
        {"user": ["b", "a", "a", "a"], "item": [1, 2, 2, 2], "time": [2.0e9 / 2, 1e9, 1e9, 1.1e9], "way": list("wxxy")},
        more="way",
    )
    assert len(told) == 3
    assert told.more["way"].tolist() == ["x", "y", "w"]
    assert [one.code for one in told.aside] == ["repeated"]
    assert len(set(told.digests.tolist())) == 3


def test_in_words(shop, tmp_path):
    days(100, 2, 10).write_parquet(tmp_path / "reference.parquet")
    day(509, "03-10", tastes=(0.9, 0.05, 0.05)).write_csv(tmp_path / "today.csv")

    def run(*words: object):
        return CliRunner().invoke(app, ["watch", *map(str, words)])

    said = run("baseline", shop, "--events", tmp_path / "reference.parquet", "--at-least", 4, "--dislike-below", 3,
               "--runs", 2, "--segment", "country")  # fmt: skip
    assert said.exit_code == 0, said.output
    assert "heavy visits" in said.output
    said = run("check", shop, "--events", tmp_path / "today.csv", "--out", tmp_path / "today.json")
    assert said.exit_code == 3, said.output
    assert "refresh" in said.output
    assert json.loads((tmp_path / "today.json").read_text())["schema"] == "graft/watch-check/1"
    for words, told in (
        (("check", shop, "--rows", tmp_path / "today.csv"), "which is a shop"),
        (("check", shop), "no --events"),
        (("check", shop, "--events", tmp_path / "today.csv", "--zone", "Europe/Berlin"), "--zone for"),
        (("check", tmp_path, "--events", tmp_path / "today.csv"), "no --rows"),
    ):
        said = run(*words)
        assert said.exit_code not in (0, 3)
        assert told in " ".join((said.output + str(said.exception)).split())
