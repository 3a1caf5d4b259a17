"""What a shop says it was made from, in its folder and in the ledger, and what is asked before it is made."""

import json

import polars as pl
import pytest

import graft
import shop_rows
import tiny
from graft.bundle.shop_documents import export_shop_document
from graft.bundle.shop_lineage import read_lineage
from graft.core.digests import file_sha256
from graft.core.errors import BundleError, GateNotMet, InputError
from graft.governance.assets import changed_files, look_up, may_we, replaced
from graft.governance.descent_file import read_descent
from graft.governance.records import Decision, Use
from graft.governance.registry import Registry
from official_schema import fault


def recommender(user_category=("country",), **chosen):
    return graft.Recommender(item_text="title", user_category=user_category, dimension=4, tries=1, **chosen)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))
    return shop_rows.write_files(tmp_path / "rows")


@pytest.fixture
def shop(tmp_path, files):
    return recommender().fit(*files).save(tmp_path / "shop")


def test_a_shop_names_its_rows_by_the_digests_of_their_files(shop, files):
    origin = read_lineage(shop).origin
    (step,) = origin.steps
    assert [(one.what, one.name) for one in step.rows] == [
        ("events", "events.csv"), ("items", "items.csv"), ("users", "users.csv"),
    ]  # fmt: skip
    descent = read_descent(shop)
    found = {file.sha256 for asset in descent.assets for file in asset.files}
    assert found == {file_sha256(path) for path in files}
    assert {edge.relation.value for edge in descent.edges} == {"trained-on-data", "stored-vectors"}
    assert origin.lines() == [f"{step.at[:10]}  fitted on events of events.csv, items of items.csv, users of users.csv"]
    assert json.loads((shop / "lineage.json").read_text())["schema"] == "graft/shop-lineage/1"


def test_the_source_of_the_text_is_named_with_weights_licence_and_edges(tmp_path, files):
    folder = tiny.write_encoder(tmp_path / "encoder", seed=1)
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n# Tiny\n")
    reference = f"path:{folder}"
    made = recommender(source=reference).fit(*files)
    origin, descent = made.lineage.origin, read_descent(made.save(tmp_path / "shop"))
    (told,) = origin.sources
    assert (told.reads, told.source, told.licence) == ("text", reference, "cc-by-nc-4.0")
    assert told.digest == made.shop.item_features.text.source.weights.digest
    assert told.words().endswith("; cc-by-nc-4.0 as it states")
    source = next(one for one in descent.assets if one.kind == "source")
    assert {edge.relation.value for edge in descent.edges if edge.parent == source.identity} == {
        "adapter", "stored-vectors",
    }  # fmt: skip
    with Registry() as registry:
        for one in descent.assets:
            if one.kind == "data":
                registry.decide(Decision(asset=one.identity, licence="own", because="mine", by="me"))
        assert may_we(registry, str(tmp_path / "shop"), [Use.INTERNAL]).outcome == "allowed"
        said = may_we(registry, str(tmp_path / "shop"), [Use.COMMERCIAL])
    assert said.outcome == "blocked"
    assert {reason.path[-1] for reason in said.reasons} == {source.identity}


def test_the_terms_of_the_rows_reach_the_shop_and_decisions_settle_them(shop):
    with Registry() as registry:
        said = may_we(registry, str(shop), [Use.COMMERCIAL])
        assert said.outcome == "blocked"
        assert any("events.csv" in one.text for one in said.reasons)
        for name in ("events.csv", "items.csv", "users.csv"):
            registry.decide(Decision(asset=name, licence="own", because="ours", by="me"))
        assert may_we(registry, str(shop), [Use.COMMERCIAL]).outcome == "allowed"


def test_a_blocked_use_stops_the_fit_before_anything_is_learnt(files, monkeypatch):
    def learnt(*given, **named):
        raise AssertionError

    monkeypatch.setattr("graft.recommend.recommender.make_shop", learnt)
    monkeypatch.setattr("graft.recommend.recommender.Recommender._described", learnt)
    with pytest.raises(GateNotMet, match="may not be used as asked") as caught:
        recommender(()).fit(*files[:2], use="commercial")
    assert "events.csv, items.csv may not" in str(caught.value)
    assert "graft assets decide events.csv --licence own" in str(caught.value)
    with Registry() as registry:
        assert {one.name for one in registry.assets()} == {"events.csv", "items.csv"}
    with pytest.raises(InputError, match="the use 'fun'"):
        recommender().fit(*files, use="fun")


def test_what_is_added_and_forgotten_joins_the_lineage_of_one_asset(tmp_path, shop):
    before = read_descent(shop).living
    (tmp_path / "today.csv").write_text("user,item,time\nguest,tea-7,2026-02-01\n")
    (tmp_path / "new.csv").write_text("item,title\ntea-99,tea number 99\n")
    made = graft.Recommender.load(shop)
    made.add_items(tmp_path / "new.csv").add_events(tmp_path / "today.csv").forget("guest").save(shop)
    origin, descent = read_lineage(shop).origin, read_descent(shop)
    assert [one.did for one in origin.steps] == ["fit", "add-items", "add-events", "erase"]
    assert origin.steps[-1].words() == "erased: 1 users"
    assert "guest" not in (shop / "lineage.json").read_text()
    assert {one.name for one in descent.assets} == {"events.csv", "items.csv", "users.csv", "new.csv", "today.csv"}
    assert descent.living == before
    with Registry() as registry:
        (known,) = [one for one in registry.assets() if one.kind == "bundle"]
        assert known.identity == f"bundle:{before}"
        assert look_up(registry, str(shop))[0].identity == known.identity
        assert changed_files(known).same
        (shop / "README.md").write_text("something else")
        assert changed_files(known).changed == ("README.md",)


def test_a_new_fit_is_another_asset_and_the_old_one_is_not_called_changed(shop, files):
    with Registry() as registry:
        (old,) = [one for one in registry.assets() if one.kind == "bundle"]
    recommender(seed=1).fit(*files).save(shop)
    with Registry() as registry:
        new = look_up(registry, str(shop))[0]
        assert new.identity != old.identity
        assert (replaced(old), replaced(new)) == (True, False)
        assert changed_files(old) is None
        assert changed_files(new).same


def test_documents_are_of_the_shop_and_follow_later_decisions(shop):
    card = (shop / "README.md").read_text()
    assert "It ranks 30 items for 45 users" in card
    assert "trained on events.csv" in card
    assert "evidence.json" not in card
    assert "events.csv states no licence" in card
    assert fault((shop / "bom.cdx.json").read_text()) is None
    bill = json.loads((shop / "bom.cdx.json").read_text())
    assert {"events.csv", "items.csv", "users.csv"} <= {one["name"] for one in bill["components"]} | {
        one["name"] for one in bill["metadata"]["component"].get("components", [])
    }
    asked = json.loads((shop / "obligations.json").read_text())["uses"]
    assert asked["commercial"]["outcome"] == "blocked"
    with Registry() as registry:
        asset = look_up(registry, str(shop))[0]
        registry.decide(Decision(asset=asset.identity, licence="MIT", because="ours", by="me"))
        exported = export_shop_document(shop, "card", registry)
        assert "The licence is MIT." in exported
        assert json.loads(export_shop_document(shop, "spdx", registry))["@graph"]
        with pytest.raises(InputError, match="the document 'poem'"):
            export_shop_document(shop, "poem", registry)


def test_rows_in_memory_are_known_by_what_they_hold(tmp_path, files):
    frames = shop_rows.events(), shop_rows.items()
    one, two = (recommender(()).fit(*frames).lineage.origin.steps[0].rows for _ in range(2))
    assert [row.digest for row in one] == [row.digest for row in two]
    assert one[0].name == "events given in Python"
    other = recommender(()).fit(frames[0].head(200), frames[1]).lineage.origin.steps[0].rows
    assert [row.digest == was.digest for row, was in zip(other, one, strict=True)] == [False, True]


def test_a_shop_of_before_goes_on_without_lineage(tmp_path, shop):
    made = graft.Recommender.load(shop)
    made.lineage = None
    old = made.save(tmp_path / "old")
    assert read_lineage(old) is None
    later = pl.DataFrame({"user": ["x"], "item": ["tea-1"], "time": ["2026-03-01"]})
    graft.Recommender.load(old).add_events(later).save(old)
    with Registry() as registry:
        with pytest.raises(BundleError, match="does not say what it was made from"):
            export_shop_document(old, "card", registry)
        with pytest.raises(BundleError, match="graft recommend fit"):
            may_we(registry, str(old), [Use.INTERNAL])
