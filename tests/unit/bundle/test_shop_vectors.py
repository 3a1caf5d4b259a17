"""Vectors of a shop in an embedding table: searched like ``similar``, updated, refused after a new fit, erased."""

import shutil

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import graft
import shop_rows
from graft.bundle.shop import load_shop
from graft.bundle.shop_erasure import erase_users, erased_from
from graft.bundle.shop_vectors import shop_space, shop_vectors
from graft.cli.app import app
from graft.core.errors import InputError, SpaceMismatch
from graft.governance.assets import may_we
from graft.governance.records import Use
from graft.governance.registry import Registry
from graft.tables.erasure.receipt import read_receipts
from graft.tables.table import EmbeddingTable


def recommender(**chosen):
    return graft.Recommender(item_text="title", user_category="country", dimension=4, tries=1, **chosen)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitted")
    shop_rows.write_files(folder / "rows")
    return folder


@pytest.fixture
def shop(tmp_path, fitted, monkeypatch):
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))
    files = [fitted / "rows" / name for name in ("events.csv", "items.csv", "users.csv")]
    return recommender().fit(*files).save(tmp_path / "shop")


def later(*rows):
    return pl.DataFrame([(user, item, "2026-02-01") for user, item in rows], ["user", "item", "time"], orient="row")


def test_items_are_searched_as_similar_lists_them(tmp_path, shop):
    made = graft.Recommender.load(shop)
    done = made.export(tmp_path / "items")
    assert (done.rows, done.inserted, done.without_place) == (30, 30, 0)
    table = EmbeddingTable.open(tmp_path / "items")
    ids, vectors = table.vectors()
    place = list(ids).index("tea-1")
    found = table.search(vectors[place : place + 1], k=6, space=table.space)["id"].to_list()
    assert found[0] == "tea-1"
    assert found[1:] == made.similar("tea-1", 5)["item"].to_list()
    rows = {row["id"]: row for row in table.read(["id", "state", "popularity", "basis", "support"]).to_pylist()}
    assert (rows["tea-7"]["state"], rows["tea-7"]["basis"], rows["tea-7"]["support"]) == ("warm", "content", 0)
    assert (rows["tea-1"]["state"], rows["tea-1"]["basis"]) == ("hot", "seen")
    at = made.shop.items.places["tea-1"]
    assert rows["tea-1"]["popularity"] == pytest.approx(made.shop.model.item_vectors[at, -1])


def test_scores_of_the_factorisation_are_products_of_both_tables(tmp_path, shop):
    made = graft.Recommender.load(shop)
    people, _ = shop_vectors(made.shop, "users")
    items, columns = shop_vectors(made.shop)
    product = people.vectors @ items.vectors.T + columns["popularity"].to_numpy()
    views = made.shop.model.views(made.shop.model.known(np.arange(len(people))))
    np.testing.assert_allclose(product, views.taste + views.popularity, atol=1e-5)
    assert shop_space(made.shop, "users").fingerprint != shop_space(made.shop).fingerprint


def test_the_table_follows_what_is_added_and_what_is_gone(tmp_path, shop):
    made = graft.Recommender.load(shop)
    made.export(tmp_path / "users", of="users")
    made.export(tmp_path / "items")
    again = made.export(tmp_path / "items")
    assert (again.inserted, again.updated, again.deleted) == (0, 0, 0)
    made.add_items({"item": ["mystery", "tea-99"], "title": ["", "tea number 9"]})
    made.add_events(later(("guest", "tea-7")))
    done = made.export(tmp_path / "items")
    assert (done.rows, done.inserted, done.without_place) == (31, 1, 1)
    assert done.updated >= 1
    assert made.export(tmp_path / "users", of="users").rows == 46
    made.forget("user-003")
    assert (made.export(tmp_path / "users", of="users").deleted, made.shop.people.places.get("user-003")) == (1, None)


def test_another_fit_or_side_is_another_space(tmp_path, shop, fitted):
    made = graft.Recommender.load(shop)
    made.export(tmp_path / "items")
    with pytest.raises(SpaceMismatch, match="of another space than the users"):
        made.export(tmp_path / "items", of="users")
    with pytest.raises(SpaceMismatch, match="a new fit"):
        recommender(seed=1).fit(shop_rows.events(), shop_rows.items(), shop_rows.users()).export(tmp_path / "items")
    with pytest.raises(InputError, match="items or users"):
        made.export(tmp_path / "other", of="baskets")


def test_terms_of_the_rows_reach_the_table(tmp_path, shop):
    graft.Recommender.load(shop).export(tmp_path / "items")
    with Registry() as registry:
        table = next(one for one in registry.assets() if one.kind == "table")
        said = may_we(registry, table.identity, [Use.COMMERCIAL])
    assert said.outcome == "blocked"
    assert any("events.csv" in one.text for one in said.reasons)


def run(*words):
    found = CliRunner().invoke(app, list(map(str, words)))
    assert found.exit_code == 0, (found.output, found.exception)
    return found.output


def test_erasing_reaches_or_names_the_other_place(tmp_path, shop):
    said = run("recommend", "export", shop, "--table", tmp_path / "users", "--of", "users")
    assert said == f"{tmp_path / 'users'}: 45 rows, 45 new, 0 changed, 0 gone\n"
    receipt = erase_users(shop, "user-001", by="me")
    assert any(str(tmp_path / "users") in note for note in receipt.notes)
    said = run("tables", "erase", tmp_path / "users", "--id", "user-002", "--yes")
    assert f"not reached: {shop} has users with these ids" in said
    assert "user-002" in load_shop(shop).people.places
    shutil.copytree(shop, tmp_path / ".shop.x.partial")
    said = run("tables", "erase", tmp_path / "users", "--id", "user-002", "--id", "user-005", "--shop", shop, "--yes")
    assert "recommender shop: " in said
    assert "left by a killed writer" in said
    assert f"not reached: {shop}" not in said
    assert not {"user-002", "user-005"} & set(load_shop(shop).people.names)
    assert not (tmp_path / ".shop.x.partial").exists()
    assert len(read_receipts(shop)) == 2
    assert erased_from(shop)("user-005")
    raw = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "ledger" not in path.name)
    assert b"user-005" not in raw
    assert "files are as they were recorded" in run("assets", "verify", shop)
