"""A bundle appears whole, replaces an older one at the end, and says what it is."""

import dataclasses
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from graft.bundle import folders
from graft.bundle import parts as bundle_parts
from graft.bundle.evidence import without_contents
from graft.bundle.loading import load_bundle
from graft.bundle.manifest import write_manifest
from graft.bundle.parts import write_bundle
from graft.bundle.reference import ROWS_AT_MOST
from graft.core.errors import BundleError, GraftError, OutputError
from graft.facts.study import StudyRecord
from graft.governance.answers import answer
from graft.governance.lineage import lineage_of
from graft.governance.records import Asset, Use
from graft.inputs import Roles, build_dataset, infer_contract
from graft.representations.cache import ActivationCache
from graft.representations.sources import randomised
from graft.rows import read_frame
from unit.bundle.building import descent, inputs, parts_for, rows_for
from unit.report.records import undecided


@pytest.fixture
def parts():
    return parts_for("majority", "binary")


def test_nothing_is_left_beside_a_bundle(parts, tmp_path):
    for _ in range(2):
        write_bundle(tmp_path / "bundle", parts)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_failure_leaves_the_older_bundle_as_it_was(parts, tmp_path, monkeypatch):
    write_bundle(tmp_path / "bundle", parts)
    before = (tmp_path / "bundle" / "manifest.json").read_bytes()

    def broken(folder):
        raise RuntimeError("pulled the plug")

    monkeypatch.setattr(bundle_parts, "write_manifest", broken)
    with pytest.raises(RuntimeError):
        write_bundle(tmp_path / "bundle", parts)
    with pytest.raises(RuntimeError):
        write_bundle(tmp_path / "another", parts)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert (tmp_path / "bundle" / "manifest.json").read_bytes() == before


def test_a_kill_between_the_two_renames_loses_nothing(parts, tmp_path, monkeypatch):
    write_bundle(tmp_path / "bundle", parts)
    real = Path.rename

    def killed(self, target):
        if self.suffix == ".partial":
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(tmp_path / "bundle", parts)
    monkeypatch.undo()
    assert not (tmp_path / "bundle").exists()
    assert load_bundle(tmp_path / "bundle").info().kind == "majority"
    write_bundle(tmp_path / "bundle", parts)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_what_killed_writers_left_is_removed_when_it_is_old(parts, tmp_path):
    old, fresh = tmp_path / ".bundle.abc.partial", tmp_path / ".bundle.def.partial"
    for left in (old, fresh):
        left.mkdir()
    past = time.time() - 2 * folders.STALE_SECONDS
    os.utime(old, (past, past))
    write_bundle(tmp_path / "bundle", parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == [fresh.name, "bundle"]


def test_a_folder_that_is_no_bundle_is_never_replaced(parts, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    (tmp_path / "link").symlink_to(tmp_path / "thesis")
    for name in ("thesis", "thesis/chapter.txt", "link"):
        with pytest.raises(OutputError, match="is no bundle"):
            write_bundle(tmp_path / name, parts)
    with pytest.raises(OutputError, match="cannot write"):
        write_bundle(tmp_path / "thesis" / "chapter.txt" / "bundle", parts)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


def test_an_empty_folder_is_taken(parts, tmp_path):
    write_bundle(tmp_path, parts)
    assert load_bundle(tmp_path).info().kind == "majority"


@pytest.mark.parametrize("changed", ["targets", "calibrator", "labels"])
def test_parts_that_do_not_fit_are_refused(parts, tmp_path, changed):
    other = parts_for("majority", "multiclass")
    wrong = {
        "targets": {"training": dataclasses.replace(parts.training, targets=None)},
        "calibrator": {"calibrator": None},
        "labels": {"policy": other.policy, "calibrator": other.calibrator},
    }
    with pytest.raises(BundleError):
        write_bundle(tmp_path / "bundle", dataclasses.replace(parts, **wrong[changed]))
    assert not list(tmp_path.iterdir())


def test_random_weights_stay_the_same_random_weights(tmp_path):
    parts = parts_for("frozen", "binary")
    drawn = dataclasses.replace(parts.model, source=randomised(parts.model.source, seed=3))
    write_bundle(tmp_path / "bundle", dataclasses.replace(parts, model=drawn))
    loaded = load_bundle(tmp_path / "bundle").model
    np.testing.assert_allclose(loaded.scores(parts.sample), drawn.scores(parts.sample), atol=1e-6)
    assert np.abs(loaded.scores(parts.sample) - parts.model.scores(parts.sample)).max() > 1e-4


def test_vectors_that_are_known_are_not_computed_again(tmp_path, monkeypatch):
    cache, parts = ActivationCache(tmp_path / "cache"), parts_for("frozen", "binary")
    write_bundle(tmp_path / "one", parts, cache=cache)
    monkeypatch.setattr(ActivationCache, "put", lambda *given: pytest.fail("a row was computed again"))
    write_bundle(tmp_path / "two", parts, cache=cache)
    first, second = ((tmp_path / name / "reference.safetensors").read_bytes() for name in ("one", "two"))
    assert first == second


def test_many_training_rows_are_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr("graft.bundle.reference.ROWS_AT_MOST", 10)
    write_bundle(tmp_path / "bundle", parts_for("frozen", "multiclass"))
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.info().kept_rows == 10 < ROWS_AT_MOST
    assert len((tmp_path / "bundle" / "rows.jsonl").read_text().splitlines()) == 10


def test_the_model_card_has_the_metric_and_no_licence_promise(tmp_path):
    parts = parts_for("frozen", "binary")
    hub = descent("frozen", parts.training, reference="hf:org/encoder@abc123")
    uses = lineage_of((asked := Asset(kind="bundle", name="b", digest="b", edges=hub.edges), *hub.assets))
    answers = tuple(answer(uses, asked.identity, uses=[use], decisions=()) for use in Use)
    write_bundle(tmp_path / "bundle", dataclasses.replace(parts, descent=hub, answers=answers))
    _, front, body = (tmp_path / "bundle" / "README.md").read_text().split("---\n", 2)
    facts = yaml.safe_load(front)
    assert (facts["base_model"], facts["base_model_relation"]) == ("org/encoder", "adapter")
    assert (facts["license"], facts["library_name"]) == ("other", "graft")
    assert facts["pipeline_tag"] == "text-classification"
    (metric,) = facts["model-index"][0]["results"][0]["metrics"]
    assert (metric["type"], metric["value"]) == ("macro_f1", 0.875)
    assert metric["args"]["confidence_interval"] == {"low": 0.8, "high": 0.9, "level": 0.95}
    assert "The source helps." in body
    assert "states the licence Apache-2.0" in body
    stated = json.loads((tmp_path / "bundle" / "obligations.json").read_text())["uses"]
    assert stated["commercial"]["outcome"] == "unsettled"
    assert any(one["licence"] == "Apache-2.0" for one in stated["redistribute"]["obligations"])


def test_a_model_that_nobody_studied_is_saved_too(parts, tmp_path):
    write_bundle(tmp_path / "bundle", dataclasses.replace(parts, record=None))
    bundle = load_bundle(tmp_path / "bundle")
    assert (bundle.record, bundle.info().verdict, bundle.info().score) == (None, "", None)


def with_evidence(parts, folder, text):
    """A bundle whose evidence was written by another version."""
    write_bundle(folder, parts)
    (folder / "evidence.json").write_text(text)
    write_manifest(folder)
    return load_bundle(folder)


def test_a_bundle_of_the_first_schema_is_loaded(parts, tmp_path):
    old = (Path(__file__).parents[1] / "facts" / "study-1.json").read_text()
    bundle = with_evidence(parts, tmp_path / "bundle", old)
    assert bundle.info().verdict == "It is not settled whether pretraining helps."
    blanked = json.loads(old)
    blanked["verdict"]["outcome"] = ""  # a training text was "inconclusive", and no rows were to be kept
    assert with_evidence(parts, tmp_path / "blank", json.dumps(blanked)).record is None


@pytest.mark.parametrize("text", ['{"schema": "graft/study/99"}', "[1, 2]", "{"])
def test_evidence_that_cannot_be_read_is_refused(parts, tmp_path, text):
    with pytest.raises(GraftError, match=r"evidence\.json"):
        with_evidence(parts, tmp_path / "bundle", text)


def test_info_tells_what_is_in_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    write_bundle(tmp_path / "bundle", parts_for("frozen", "multiclass"))
    info = load_bundle(tmp_path / "bundle").info()
    assert (info.task, info.kind, info.source, info.strategy) == ("multiclass", "vectors", "path:tiny", "frozen")
    assert info.inputs == ("text", "size", "channel")
    assert (info.verdict, info.metric, info.score) == ("The source helps.", "macro_f1", 0.875)
    assert info.created == "2023-11-14T22:13:20+00:00"
    assert info.files == len([path for path in (tmp_path / "bundle").rglob("*") if path.is_file()])


def test_the_bill_of_materials_is_the_same_twice(tmp_path):
    parts = parts_for("frozen", "binary")
    for name in ("one", "two"):
        write_bundle(tmp_path / name, parts)
    for document in ("bom.cdx.json", "bom.spdx.json", "README.md"):
        one, two = ((tmp_path / name / document).read_text() for name in ("one", "two"))
        assert one == two
    bom = json.loads((tmp_path / "one" / "bom.cdx.json").read_text())
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    assert {"tickets.csv", "tiny", "torch", "transformers"} <= {part["name"] for part in bom["components"]}
    pedigree = bom["metadata"]["component"]["pedigree"]
    assert "adapter" in json.dumps(pedigree)
    held = bom["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]
    assert (held["value"], held["confidenceInterval"]) == ("0.875", {"lowerBound": "0.8", "upperBound": "0.9"})


def test_blanking_takes_the_texts_of_rows_and_leaves_the_words_of_the_record():
    record = undecided()
    secrets = ["I was charged twice, please fix it.", " transfer ", "inconclusive", "tickets.csv"]
    blank = without_contents(record, secrets)
    assert {one.text for one in (*blank.errors, *blank.data.suspects, *blank.data.contradictions)} == {""}
    assert blank.data.name == ""
    assert blank.verdict == record.verdict
    assert blank.candidates == record.candidates
    assert StudyRecord.from_json(blank.to_json(), "blank") == blank
    for secret in secrets[:1]:
        assert secret not in blank.to_json()


def test_a_class_of_few_rows_has_no_centroid(tmp_path):
    parts = parts_for("frozen", "multiclass")
    few = np.concatenate([np.flatnonzero(parts.training.targets == 0), np.flatnonzero(parts.training.targets == 1)[:4]])
    write_bundle(tmp_path / "bundle", dataclasses.replace(parts, training=parts.training.take(few)), keep_rows=False)
    assert json.loads((tmp_path / "bundle" / "reference.json").read_text())["names"] == ["class billing"]


def test_a_model_of_columns_alone_has_no_reference(tmp_path):
    given = read_frame({"text": ["?", "!"] * 12, "label": ["a", "b"] * 12})
    rows = build_dataset(given, infer_contract(given, Roles(content=("text",), label=("label",))), labelled=True)[0]
    classical = parts_for("classical", "binary").model
    bare = dataclasses.replace(classical, encoders=(), columns=type(classical.columns)(), weight=np.zeros((2, 0)))
    parts = parts_for("majority", "binary")
    labels = rows.contract.labels
    calibrator = parts.calibrator
    table = parts.policy.table.model_copy(update={"labels": labels})
    policy = parts.policy.model_copy(update={"table": table})
    whole = dataclasses.replace(
        parts, model=bare, contract=rows.contract, training=rows, sample=rows, policy=policy, calibrator=calibrator
    )
    for keep in (True, False):
        write_bundle(tmp_path / str(keep), whole, keep_rows=keep)
        assert load_bundle(tmp_path / str(keep)).predict({"text": ["?"]}, explain=True).frame["nearest"][0] is None


def test_the_sample_of_a_bundle_without_rows_is_made_up(tmp_path):
    write_bundle(tmp_path / "bundle", parts_for("classical", "binary"), keep_rows=False)
    stored = json.loads((tmp_path / "bundle" / "sample.json").read_text())
    assert {"no", "yes"} <= set(stored["texts"])
    assert not set(stored["texts"]) & set(rows_for("binary").contents)
    assert not set(stored["ids"]) & set(inputs()["key"])
