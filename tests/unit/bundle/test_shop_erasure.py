"""Users leave a shop for good: nothing is left in any file, the receipt says what was done, a kill loses nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

import graft
import shop_rows
from graft.bundle.shop import load_shop, write_shop
from graft.bundle.shop_erasure import ShopPlace, erase_users, erased_from, holds_users, shop_places
from graft.core.digests import file_sha256
from graft.core.errors import BundleError, InputError, OutputError
from graft.tables.erasure.places import Wanted
from graft.tables.erasure.receipt import read_receipts, returned

GONE = "user-007"


def recommender():
    return graft.Recommender(item_text="title", user_category="country", dimension=4, tries=1)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitted")
    recommender().fit(*shop_rows.write_files(folder / "rows")).save(folder / "shop")
    return folder


@pytest.fixture
def shop(tmp_path, fitted):
    shutil.copytree(fitted / "shop", tmp_path / "shop")
    return tmp_path / "shop"


def later(*rows):
    return pl.DataFrame([(user, item, "2026-02-01") for user, item in rows], ["user", "item", "time"], orient="row")


def traces(folder: Path, name: str) -> list[str]:
    """Files below a folder, the hidden ones too, that have the name in them."""
    raw = name.encode()
    return [str(path) for path in folder.rglob("*") if path.is_file() and raw in path.read_bytes()]


def learnt(folder: Path) -> dict[str, bytes]:
    """All arrays and names of a shop, and its facts but for how many events were read."""
    arrays = {name: array.tobytes() for name, array in load_file(folder / "shop.safetensors").items()}
    facts = json.loads((folder / "shop.json").read_text())
    return arrays | {
        "facts": json.dumps({name: facts[name] for name in facts if name not in ("events", "aside")}).encode()
    }


def test_nothing_is_left_in_any_file_and_the_receipt_names_nobody(tmp_path, shop):
    before = {path.name: file_sha256(path) for path in shop.iterdir()}
    assert traces(tmp_path, GONE)
    receipt = erase_users(shop, [GONE, "nobody"], by="the person", reason="Art. 17")
    assert traces(tmp_path, GONE) == []
    assert (receipt.complete, receipt.found, len(receipt.ids)) == (True, 1, 2)
    assert receipt.concerns(GONE)
    assert read_receipts(shop) == [receipt]
    (place,) = receipt.places
    assert place.name == "recommender shop"
    assert place.rows > 0
    removed = {mark.path: mark.sha256 for mark in place.removed}
    assert removed["shop.safetensors"] == before["shop.safetensors"]
    assert all(file_sha256(shop / mark.path) == mark.sha256 for mark in place.written)
    assert not any("receipts" in mark.path for mark in (*place.removed, *place.written))
    assert returned(shop, receipt) == ()
    said = "\n".join(receipt.lines())
    assert "1 of them were there at the fit" in said
    assert "graft recommend fit" in said
    assert load_shop(shop).recommend([GONE], 1).frame["user_state"].to_list() == ["cold"]


def test_old_bytes_that_come_back_are_found(fitted, shop):
    receipt = erase_users(shop, GONE, by="me")
    shutil.copy(fitted / "shop" / "shop.safetensors", shop / "backup.bin")
    assert [mark.path for mark in returned(shop, receipt)] == ["backup.bin"]


def test_who_came_after_the_fit_was_never_there_bit_for_bit(tmp_path, shop):
    never = tmp_path / "never"
    shutil.copytree(shop, never)
    others = [("user-003", "tea-7"), ("late", "wine-1")]
    graft.Recommender.load(never).add_events(later(*others)).save(never)
    seen = later(*others, ("guest", "tea-7"), ("guest", "wine-1"), ("guest", "only-the-guest"))
    graft.Recommender.load(shop).add_events(seen).save(shop)
    assert traces(shop, "only-the-guest")
    receipt = erase_users(shop, "guest", by="me")
    assert learnt(shop) == learnt(never)
    assert "nothing that was fitted knows them" in "\n".join(receipt.lines())
    assert traces(shop, "only-the-guest") == []


NAMES = st.sampled_from(["guest", "late", "user-003", "user-011"])
GOODS = st.sampled_from(["tea-7", "wine-1", "coffee-4", "new-1", "new-2"])
STEPS = st.lists(
    st.one_of(
        st.lists(st.tuples(NAMES, GOODS), min_size=1, max_size=4),
        st.sampled_from(["new-1", "tea-98", "tea-7"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_erased_is_never_seen_whatever_came_between(fitted, steps):
    """Events and items in any order; the guest is erased, or was never there: the same vectors, by name."""
    one = never = load_shop(fitted / "shop", verify=False)
    reads = graft.Recommender.load(fitted / "shop", verify=False)
    for step in steps:
        if isinstance(step, str):
            rows = {"item": [step], "title": ["tea number 98"]}
            one, never = one.with_items(rows), never.with_items(rows)
            continue
        others = [pair for pair in step if pair[0] != "guest"]
        one = one.with_events(reads._events(later(*step), one.events))
        never = never.with_events(reads._events(later(*others), never.events)) if others else never
    one = one.without_people(["guest"])
    assert set(one.items.names) == set(never.items.names)
    assert set(one.people.names) == set(never.people.names)
    for side, names, others in (
        ("item_vectors", one.items.places, never.items.places),
        ("user_vectors", one.people.places, never.people.places),
    ):
        here, there = getattr(one.model, side), getattr(never.model, side)
        for name, place in names.items():
            assert abs(here[place] - there[others[name]]).max() < 1e-9, (side, name)
    assert (one.model.alike.sum(), one.model.alike.nnz) == pytest.approx(
        (never.model.alike.sum(), never.model.alike.nnz)
    )


def test_a_fit_onto_the_shop_leaves_the_erased_out_as_if_they_had_not_been_in_the_files(tmp_path, fitted, shop):
    files = [fitted / "rows" / name for name in ("events.csv", "items.csv", "users.csv")]
    erase_users(shop, [GONE, "user-010"], by="me")
    again = recommender().fit(*files, erased=erased_from(shop))
    again.save(shop)
    assert again.left_out == (GONE, "user-010")
    assert traces(shop, GONE) == []
    without = [
        frame.filter(~pl.col("user").is_in([GONE, "user-010"])) for frame in (shop_rows.events(), shop_rows.users())
    ]
    recommender().fit(without[0], shop_rows.items(), without[1]).save(tmp_path / "without")
    assert learnt(shop) == learnt(tmp_path / "without")
    assert [one.complete for one in read_receipts(shop)] == [True]
    assert erased_from(tmp_path / "without") is None


def test_receipts_survive_every_writer(shop):
    receipt = erase_users(shop, GONE, by="me")
    graft.Recommender.load(shop).add_events(later(("x", "tea-1"))).save(shop)
    write_shop(shop, load_shop(shop))
    assert read_receipts(shop) == [receipt]


def test_everybody_may_leave_and_others_come(tmp_path, fitted, shop):
    everybody = [f"user-{one:03}" for one in range(45)]
    assert erase_users(shop, everybody, by="me").found == 45
    left = load_shop(shop)
    assert left.people.names == ()
    assert np.isfinite(left.model.item_vectors).all()
    assert left.recommend(["somebody"], 3).frame.height == 3
    with pytest.raises(InputError, match="everybody in these events was erased"):
        recommender().fit(*(fitted / "rows" / f"{name}.csv" for name in ("events", "items", "users")),
                          erased=erased_from(shop))  # fmt: skip
    made = graft.Recommender.load(shop).add_events(later(("user-001", "tea-1")))
    assert made.shop.people.names == ("user-001",)
    made.save(shop)


def test_names_of_any_script_leave_too(tmp_path):
    names = ["a,b", "ünï 🍵", '"q"', "../up", "x" * 5_000]
    rows = pl.DataFrame({"user": names, "item": ["x", "y", "x", "y", "z"]})
    place = graft.Recommender(dimension=2, tries=1).fit(rows).save(tmp_path / "shop")
    known = load_shop(place).people.names
    assert erase_users(place, known[1:], by="me").found == len(known) - 1
    assert load_shop(place).people.names == known[:1]


def test_whoever_is_nowhere_changes_nothing_but_has_a_receipt(shop):
    before = file_sha256(shop / "shop.safetensors")
    receipt = erase_users(shop, "ghost", by="me")
    assert (receipt.complete, receipt.found, receipt.places[0].removed) == (True, 0, ())
    assert file_sha256(shop / "shop.safetensors") == before


def test_what_killed_writers_left_beside_it_goes_too(tmp_path, fitted, shop):
    for name in (".shop.previous", ".shop.abc.partial", ".other.abc.partial"):
        shutil.copytree(fitted / "shop", tmp_path / name)
    (tmp_path / ".shop.abc.partial" / "manifest.json").unlink()
    assert [one.name for one in shop_places(shop)][-1] == "recommender shop"
    receipt = erase_users(shop, GONE, by="me")
    assert not (tmp_path / ".shop.previous").exists()
    assert not (tmp_path / ".shop.abc.partial").exists()
    assert (tmp_path / ".other.abc.partial").exists()
    assert [one.name for one in receipt.places] == [
        "left by a killed writer: .shop.previous", "left by a killed writer: .shop.abc.partial", "recommender shop",
    ]  # fmt: skip


def test_an_old_folder_that_could_not_be_removed_is_not_passed_over(tmp_path, shop, monkeypatch):
    """The writer forgives a replaced folder that stays; an erasure does not."""
    real = shutil.rmtree
    monkeypatch.setattr("shutil.rmtree", lambda path, ignore_errors=False: None if ignore_errors else real(path))
    assert erase_users(shop, GONE, by="me").complete
    assert traces(tmp_path, GONE) == []

    def barred(path, ignore_errors=False):
        if not ignore_errors:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", barred)
    with pytest.raises(OutputError, match="cannot remove"):
        erase_users(shop, "user-008", by="me")
    assert [one.complete for one in read_receipts(shop)] == [True, False]
    monkeypatch.undo()
    assert erase_users(shop, "user-008", by="me").complete
    assert traces(tmp_path, "user-008") == []


def test_a_shop_that_stepped_aside_is_put_back_first(tmp_path, shop):
    shop.rename(tmp_path / ".shop.previous")
    receipt = erase_users(shop, GONE, by="me")
    assert receipt.complete
    assert traces(tmp_path, GONE) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from graft.bundle import folders, shop_erasure
from graft.tables.erasure import erasing

def die(*given, **named):
    os.kill(os.getpid(), signal.SIGKILL)

def after(real):
    def both(*given, **named):
        real(*given, **named)
        die()
    return both

point = sys.argv[2]
rename, calls = Path.rename, []
def between(self, target):
    found = rename(self, target)
    calls.append(target)
    if len(calls) == int(point):
        die()
    return found

if point == "begun":
    shop_erasure.ShopPlace.erase = die
elif point == "written":
    folders._swap = die
elif point in ("1", "2"):
    Path.rename = between
elif point == "erased":
    shop_erasure.ShopPlace.erase = after(shop_erasure.ShopPlace.erase)
elif point == "done":
    erasing._require_gone = die
shop_erasure.erase_users(Path(sys.argv[1]), "user-007", by="me")
"""


@pytest.mark.parametrize(
    "point", ["1", *(pytest.param(one, marks=pytest.mark.slow) for one in ("begun", "written", "2", "erased", "done"))]
)
@pytest.mark.slow
def test_killed_by_the_system_the_same_call_finishes(tmp_path, shop, point):
    """Before anything is removed, with a whole new folder beside it, between and after the renames, at the end."""
    before = file_sha256(shop / "shop.safetensors")
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(shop), point], env=dict(os.environ), capture_output=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    if point == "1":
        assert not shop.exists()
        assert load_shop(shop).people.names
    receipt = erase_users(shop, GONE, by="me")
    assert traces(tmp_path, GONE) == []
    assert [path.name for path in tmp_path.iterdir() if path.name != ".shop.lock"] == ["shop"]
    assert (receipt.complete, receipt.found) == (True, 1)
    assert read_receipts(shop) == [receipt]
    removed = {mark.sha256 for place in receipt.places for mark in place.removed}
    assert before in removed
    assert "were there at the fit" in "\n".join(receipt.lines()) or point in ("2", "erased", "done")


@pytest.mark.slow
def test_killed_at_random_moments_nothing_is_lost(tmp_path, fitted):
    command = [sys.executable, "-m", "graft", "recommend", "erase", "shop", "--user", GONE, "--yes"]
    found = []
    for share in range(8):
        place = tmp_path / str(share)
        shutil.copytree(fitted / "shop", place / "shop")
        process = subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list((place / "shop").glob("receipts/*.json")):
            time.sleep(0.002)
        time.sleep(0.02 * share)
        process.kill()
        found.append(process.wait())
        assert len(load_shop(place / "shop").people.names) in (44, 45)
        receipt = erase_users(place / "shop", GONE, by="me")
        assert traces(place, GONE) == []
        assert receipt.complete
        assert len([one for one in read_receipts(place / "shop") if not one.complete]) == 0
    assert -signal.SIGKILL in found


def test_a_shop_is_a_place_of_tables(tmp_path, shop):
    place = ShopPlace(shop)
    found = place.find(Wanted(frozenset({GONE, "tea-1"})))
    assert found.ids == {GONE}
    assert {path.name for path in found.files} <= {"shop.safetensors", "sample.json"}
    assert place.find(Wanted(frozenset(), frozenset({b"0" * 16}))).files == ()
    assert place.find(Wanted(frozenset({"ghost"}))).files == ()
    assert holds_users(shop, ["ghost", GONE])
    assert not holds_users(tmp_path / "nowhere", [GONE])
    (shop / "shop.safetensors").write_bytes(b"damaged")
    assert len(place.find(Wanted(frozenset({"ghost"}))).files) > 5


def test_what_cannot_be_asked_for_is_said(tmp_path, shop):
    with pytest.raises(InputError, match="no ids to erase"):
        erase_users(shop, (), by="me")
    with pytest.raises(InputError, match="nobody is named"):
        erase_users(shop, GONE, by="")
    with pytest.raises(BundleError, match="no folder"):
        erase_users(tmp_path / "nowhere", GONE, by="me")
    assert not (shop / "receipts").exists()
    (shop / "shop.json").write_text("{}")
    with pytest.raises(BundleError):
        erase_users(shop, GONE, by="me")


def test_old_events_bring_nobody_back_until_they_came_back_themselves(shop):
    erase_users(shop, GONE, by="me")
    erased, old = erased_from(shop), shop_rows.events()
    made = graft.Recommender.load(shop)
    made.add_events(pl.concat([old, later(("newcomer", "tea-1"))]), erased=erased)
    assert GONE not in made.shop.people.places
    assert "newcomer" in made.shop.people.places
    theirs = old.filter(pl.col("user") == GONE)
    assert {one.code: one.events for one in made.added.aside} == {
        "delivered": old.height - theirs.height,
        "erased": theirs.height,
    }
    assert made.added.events == 1
    untimed = graft.Recommender(dimension=2, tries=1).fit(old.drop("time")).forget(GONE)
    untimed.add_events(old.drop("time"), erased=erased)
    assert untimed.added.events == old.height - theirs.height
    assert GONE not in untimed.shop.people.places
    assert GONE in made.add_events(later((GONE, "tea-1"))).shop.people.places
    made.add_events(later((GONE, "tea-2")), erased=erased)
    assert made.added.events == 1


def test_a_user_whose_id_is_a_number_is_erased_whatever_type_it_comes_in(tmp_path):
    rows = {"user_id": [1, 1, 2, 3], "item_id": [7, 8, 7, 8]}
    folder = graft.Recommender(dimension=2, tries=1).fit(rows).save(tmp_path / "shop")
    for user, left in ((1.0, ("2", "3")), ("2.0", ("3",))):
        assert erase_users(folder, user, by="me").found == 1
        assert load_shop(folder).people.names == left
