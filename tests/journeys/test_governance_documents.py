"""What a bundle carries for others, what a ledger exports, and a ledger that was written anew."""

import json
import shutil

import pytest
from huggingface_hub import ModelCard

import graft
from graft.facts.study import read_study
from graft.governance.descent_file import read_bundle
from graft.governance.records import Relation
from graft.governance.registry import Registry
from journeys.small_study import options, rows
from journeys.test_governance import COLUMNS, graft_says, licensed


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """A study with its ledger, made once."""
    folder = tmp_path_factory.mktemp("studied")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAFT_LEDGER", str(folder / "ledger.sqlite"))
        rows(120).write_csv(folder / "tickets.csv")
        reference = licensed(folder / "tiny", "apache-2.0")
        graft.study(folder / "tickets.csv", **COLUMNS, out=folder / "out", **options(reference))
    return folder


@pytest.fixture
def here(studied, tmp_path, monkeypatch):
    """A copy of the ledger that a test may change; the bundle stays where it was made."""
    shutil.copy(studied / "ledger.sqlite", tmp_path / "ledger.sqlite")
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))
    return tmp_path


def test_a_study_is_recorded_with_all_it_was_made_from(studied, here):
    out, record = studied / "out", read_study(studied / "out")
    bundle, parents = read_bundle(out / "bundle")
    with Registry(here / "ledger.sqlite") as registry:
        assert registry.find(bundle.digest) == bundle.model_copy(update={"added": registry.find(bundle.digest).added})
        assert [one.verdict for one in registry.studies()] == [record.verdict.outcome]
        assert registry.studies()[0].bundle == bundle.digest
        kinds = {one.kind.value: one for one in registry.assets()}
        assert registry.ledger.verify().sound
    assert kinds.keys() == {"data", "source", "bundle"}
    assert kinds["source"].licences[0].stated == "apache-2.0"
    shipped = record.verdict.shipped
    wanted = {Relation.TRAINED_ON_DATA}
    if shipped.source:
        wanted |= {Relation.STORED_VECTORS, Relation.ADAPTER if shipped.strategy == "frozen" else Relation.FINE_TUNED}
    assert {edge.relation for edge in bundle.edges} == wanted
    assert {one.identity for one in parents} == {edge.parent for edge in bundle.edges}
    facts = json.loads((out / "study.json").read_text())["terms"]
    assert [one["use"] for one in facts["uses"]] == ["internal", "commercial", "redistribute", "hosted"]
    assert {one["name"] for one in facts["made_from"]} >= {"tickets.csv"}
    assert "May we use it?" in (out / "report.html").read_text()
    code, told = graft_says("assets", "check", str(out / "bundle"), "--use", "redistribute")
    assert (code, told.splitlines()[0]) in [(3, "BLOCKED: redistribute"), (4, "UNSETTLED: redistribute")]
    assert "tickets.csv" in told
    assert graft_says("assets", "verify")[0] == 0
    honest = (studied / "tickets.csv").read_bytes()
    try:
        (studied / "tickets.csv").write_text("changed\n")
        code, told = graft_says("assets", "verify")
    finally:
        (studied / "tickets.csv").write_bytes(honest)
    assert code == 3
    assert "tickets.csv" in told


def test_a_decision_made_later_shows_in_what_is_exported(studied, here):
    bundle = str(studied / "out" / "bundle")
    assert graft_says("assets", "export", bundle, "--format", "card", "--out", str(here / "before.md"))[0] == 0
    assert ModelCard((here / "before.md").read_text()).data.license_name == "unsettled"
    graft_says("assets", "decide", bundle, "--licence", "Apache-2.0", "--because", "ours to give", "--by", "Ada")
    card = ModelCard(graft_says("assets", "export", bundle, "--format", "card")[1])
    assert card.data.license == "apache-2.0"
    assert card.data.eval_results[0].metric_args["confidence_interval"]["level"] == 0.95
    bom = json.loads(graft_says("assets", "export", bundle, "--format", "cyclonedx")[1])
    assert bom["metadata"]["component"]["licenses"] == [{"expression": "Apache-2.0"}]
    spdx = json.loads(graft_says("assets", "export", bundle, "--format", "spdx")[1])
    assert any(one["type"] == "ai_AIPackage" for one in spdx["@graph"])


def test_the_documents_in_the_bundle_say_the_same(studied):
    folder = studied / "out" / "bundle"
    record = json.loads((studied / "out" / "study.json").read_text())
    bom = json.loads((folder / "bom.cdx.json").read_text())
    metrics = bom["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    held = next(one for one in metrics if one["type"] == record["metric"])
    assert float(held["value"]) == pytest.approx(record["holdout"]["score"]["mean"])
    assert float(held["confidenceInterval"]["lowerBound"]) == pytest.approx(record["holdout"]["score"]["low"])
    names = {one["name"] for one in record["terms"]["made_from"]}
    assert names
    assert all(name in (folder / "README.md").read_text() for name in names)
    stated = json.loads((folder / "obligations.json").read_text())["uses"]
    assert {use: said["outcome"] for use, said in stated.items()} == {
        one["use"]: one["outcome"] for one in record["terms"]["uses"]
    }


def test_a_ledger_goes_out_and_comes_in_as_json_lines(here, monkeypatch):
    code, told = graft_says("assets", "ledger", "export", str(here / "copy.jsonl"))
    assert code == 0, told
    monkeypatch.setenv("GRAFT_LEDGER", str(here / "other.sqlite"))
    assert graft_says("assets", "ledger", "import", str(here / "copy.jsonl"))[0] == 0
    with Registry(here / "ledger.sqlite") as one, Registry(here / "other.sqlite") as other:
        assert one.ledger.head() == other.ledger.head()
        assert one.assets() == other.assets()


def test_a_ledger_that_was_written_anew_is_noticed(studied, here, monkeypatch):
    bundle = str(studied / "out" / "bundle")
    assert graft_says("assets", "verify", bundle)[1].startswith("ledger: sound, and it holds what was noted")
    with Registry(here / "ledger.sqlite") as registry:
        assets, studies = registry.assets(), registry.studies()
    forged = here / "forged.sqlite"
    monkeypatch.setenv("GRAFT_LEDGER", str(forged))
    with Registry(forged) as registry:
        for asset in assets:
            registry.add_asset(asset)
        for study in studies:
            registry.start_study(study.key)
            registry.finish_study(study.key, verdict="helps", bundle=study.bundle)
        assert registry.ledger.verify().sound, "by itself it looks as good as the true one"
    code, told = graft_says("assets", "verify", bundle)
    assert code == 3
    assert "written anew" in told


def test_a_ledger_without_the_study_does_not_know_its_bundle(studied, here, monkeypatch):
    monkeypatch.setenv("GRAFT_LEDGER", str(here / "empty.sqlite"))
    with Registry(here / "empty.sqlite") as registry:
        assert registry.ledger.head().count == 0
    code, told = graft_says("assets", "verify", str(studied / "out" / "bundle"))
    assert (code, "this ledger does not know it" in told) == (0, True)


def test_the_picture_is_written(studied, here):
    graft_says("assets", "lineage", str(studied / "out" / "bundle"), "--picture", str(here / "lineage.svg"))
    assert "tickets.csv" in (here / "lineage.svg").read_text()
