"""What audits found of a sealed bundle: beside it, in its documents, in the ledger; and what damage does."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import graft
import shop_rows
from graft.bundle.audits import NAME, add_audit, audits_of, read_addendum
from graft.bundle.loading import load_bundle
from graft.bundle.manifest import write_manifest
from graft.bundle.parts import write_bundle
from graft.cli.app import app
from graft.core.errors import BundleError, OutputError
from graft.core.intervals import Interval
from graft.facts.audit import AuditFinding, GapFact, GroupAudit, GroupFact
from graft.governance.registry import Registry
from official_schema import fault
from unit.bundle.building import parts_for


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("addendum") / "bundle"
    write_bundle(folder, parts_for("classical", "binary"))
    return folder


@pytest.fixture
def bundle(written, tmp_path) -> Path:
    import shutil

    shutil.copytree(written, tmp_path / "bundle")
    return tmp_path / "bundle"


def record(severity: str = "high", said: str = "sex: 30 % for b, 10 % for a") -> GroupAudit:
    groups = (
        GroupFact(name="a", rows=100, mean=Interval(0.1, 0.05, 0.18), judged=True),
        GroupFact(name="b", rows=100, mean=Interval(0.3, 0.21, 0.4), judged=True),
        GroupFact(name="c", rows=3, mean=Interval(0.3), judged=False),
    )
    gap = GapFact(
        attribute="sex", code="A302", figure="false positive rate", label="yes", words="taken falsely", unit="share",
        matters=0.05, groups=groups, gap=Interval(0.2, 0.09, 0.3), highest="b", lowest="a", p_value=0.001,
        p_adjusted=0.01,
    )  # fmt: skip
    findings = (
        AuditFinding(code="A302", outcome="found", severity=severity, said=said, todo="look at them", about="sex"),
        AuditFinding(code="A303", outcome="not found", severity="none", said="sex, meaning: alike", about="sex"),
        AuditFinding(code="A601", outcome="not applicable", severity="none", said="nothing to compare"),
    )
    return GroupAudit(
        of="bundle", digest="", level=0.95, seed=0, findings=findings, task="binary", labels=("no", "yes"),
        favourable="yes", rows=203, labelled=203, learnt=0, left_out=0, attributes=(), gaps=(gap,), odds=(),
    )  # fmt: skip


def kept(bundle: Path, given: GroupAudit, about: str = "sex") -> None:
    with Registry(bundle.parent / "ledger.sqlite") as registry:
        add_audit(bundle, given, about=about, registry=registry)


def test_findings_lie_beside_the_bundle_which_stays_as_it_was(bundle):
    before = (bundle / "manifest.json").read_bytes()
    kept(bundle, record())
    load_bundle(bundle)
    assert (bundle / "manifest.json").read_bytes() == before
    (entry,) = read_addendum(bundle).entries
    assert (entry.about, entry.findings[0].code) == ("sex", "A302")
    kept(bundle, record("low"), about="race")
    kept(bundle, record("none", "sex: alike"))
    told = read_addendum(bundle).entries
    assert [(one.about, one.findings[0].severity) for one in told] == [("race", "low"), ("sex", "none")]
    assert len(list(audits_of(bundle).glob("audit-*.json"))) == 2


def test_the_ledger_keeps_every_answer(bundle):
    kept(bundle, record())
    kept(bundle, record("low"))
    kept(bundle, record("low"))
    with Registry(bundle.parent / "ledger.sqlite") as registry:
        (asset,) = [one for one in registry.assets() if one.kind == "bundle"]
        told = registry.audits(asset.identity)
    assert [(one.severity, one.found, one.about) for one in told] == [
        ("high", ("A302",), "sex"),
        ("low", ("A302",), "sex"),
    ]
    assert told[0].at


def test_documents_take_in_what_was_found(bundle, monkeypatch):
    monkeypatch.setenv("GRAFT_LEDGER", str(bundle.parent / "ledger.sqlite"))
    runner = CliRunner()
    plain = runner.invoke(app, ["assets", "export", str(bundle), "--format", "card"])
    assert plain.exit_code == 0, plain.output
    assert "Group sex" not in plain.stdout
    kept(bundle, record(said="sex: 30 % for <b>, 10 % for a"))
    card = runner.invoke(app, ["assets", "export", str(bundle), "--format", "card"]).stdout
    assert "Group sex: harms: sex: 30 % for \\<b\\>, 10 % for a (high, A302, audited" in card
    assert "what is done: look at them" in card
    assert "not shown: A303" in card
    assert "not applicable: A601" in card
    bill = runner.invoke(app, ["assets", "export", str(bundle), "--format", "cyclonedx"]).stdout
    assert fault(bill) is None
    whole = json.loads(bill)
    model = next(one for one in (whole["metadata"]["component"], *whole["components"]) if "modelCard" in one)
    (at_risk,) = model["modelCard"]["considerations"]["fairnessAssessments"]
    assert at_risk["groupAtRisk"] == "sex"
    slices = [one.get("slice") for one in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]]
    assert "sex = a" in slices
    assert "sex = c" not in slices
    assert runner.invoke(app, ["assets", "export", str(bundle), "--format", "spdx"]).exit_code == 0


def test_an_addendum_of_another_bundle_counts_for_nothing(bundle, tmp_path):
    kept(bundle, record())
    write_bundle(tmp_path / "other", parts_for("classical", "multiclass"))
    audits_of(bundle).rename(audits_of(tmp_path / "other"))
    assert read_addendum(tmp_path / "other") is None


@pytest.mark.parametrize("name", [NAME, "audit-1.json", "manifest.json"])
def test_damage_is_noticed(bundle, name):
    kept(bundle, record())
    path = audits_of(bundle) / name
    path.write_bytes(path.read_bytes().replace(b"high", b"none").replace(b"graft ", b"grift "))
    with pytest.raises(BundleError):
        read_addendum(bundle)


def test_a_record_elsewhere_is_never_read_though_the_addendum_is_sealed(bundle):
    kept(bundle, record())
    told = read_addendum(bundle)
    elsewhere = told.model_copy(update={"entries": (told.entries[0].model_copy(update={"file": "../../secret.json"}),)})
    (audits_of(bundle) / NAME).write_text(elsewhere.to_json())
    (audits_of(bundle) / "manifest.json").unlink()
    write_manifest(audits_of(bundle))
    with pytest.raises(BundleError, match="no record of an audit"):
        read_addendum(bundle)


def test_what_could_not_be_kept_is_told_before_anything_is_judged(bundle):
    kept(bundle, record())
    (audits_of(bundle) / NAME).write_text("{}")
    with pytest.raises(BundleError, match="is damaged"):
        graft.audit_groups(bundle, {"text": ["a"]}, sensitive="nowhere")


def test_a_signature_covers_it(bundle, tmp_path):
    pytest.importorskip("model_signing")
    import subprocess

    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
    subprocess.run(
        ["openssl", "ec", "-in", key, "-pubout", "-out", tmp_path / "key.pub"], check=True, stderr=subprocess.DEVNULL
    )
    kept(bundle, record())
    runner = CliRunner()
    assert runner.invoke(app, ["assets", "sign", str(audits_of(bundle)), "--key", str(key)]).exit_code == 0
    asked = ["assets", "verify-signature", str(audits_of(bundle)), "--key", str(tmp_path / "key.pub")]
    assert runner.invoke(app, asked).exit_code == 0
    kept(bundle, record("low"))
    assert runner.invoke(app, asked).exit_code != 0


def test_a_place_that_cannot_be_written_is_told_before_anything_is_judged(bundle, tmp_path):
    audits_of(bundle).write_text("in the way")
    with pytest.raises(OutputError):
        graft.audit_groups(bundle, {"text": ["a"]}, sensitive="text")


def test_an_audit_of_a_shop_is_kept_beside_it_and_in_its_card(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))
    shop, goods = str(tmp_path / "shop"), shop_rows.items()
    shop_rows.events().write_csv(tmp_path / "events.csv")
    goods.with_columns(kind=pl.col("item").str.split("-").list.first()).write_csv(tmp_path / "items.csv")
    runner = CliRunner()
    fit = ["recommend", "fit", str(tmp_path / "events.csv"), "--items", str(tmp_path / "items.csv"), "--out", shop]
    fitted = runner.invoke(app, [*fit, "--item-category", "kind", "--dimension", "4", "--tries", "1"])
    assert fitted.exit_code == 0, fitted.output
    asked = ["audit", "recommender", shop, "--attribute", "kind", "--merit", "none"]
    done = runner.invoke(app, asked)
    assert done.exit_code == 0, done.output
    (entry,) = read_addendum(tmp_path / "shop").entries
    assert entry.about == "kind"
    card = runner.invoke(app, ["assets", "export", shop, "--format", "card"])
    assert card.exit_code == 0, card.output
    assert "Audited" in card.stdout or "Group kind" in card.stdout
    assert runner.invoke(app, [*asked, "--no-keep"]).exit_code == 0
    assert len(read_addendum(tmp_path / "shop").entries) == 1
