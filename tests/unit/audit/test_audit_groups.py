"""Audits of groups: what is found for whom, what cannot be judged, learnt rows, what reuse changes, and the page."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import graft
from graft.bundle.loading import load_bundle
from graft.bundle.parts import write_bundle
from graft.cli.app import app
from graft.core.errors import BundleError, ContractError, InputError
from graft.core.files import write_json
from graft.facts.audit import GroupAudit
from graft.report.audit import render_audit_page
from unit.bundle.building import FILLER, TOPICS, parts_for

NAMES = list(TOPICS)


def rows(
    count: int, seed: int = 0, *, wrong: tuple[float, float] = (0.0, 0.0), task: str = "multiclass"
) -> pl.DataFrame:
    """New texts; of the group ``b`` another share of labels is wrong than of ``a``."""
    rng = np.random.default_rng(seed)
    told: dict[str, list[object]] = {name: [] for name in ("key", "text", "size", "channel", task, "group", "region")}
    for row in range(count):
        topic = NAMES[rng.integers(2 if task == "binary" else 3)]
        words = [*rng.choice(TOPICS[topic], 2, replace=False), *rng.choice(FILLER, 3, replace=False)]
        group = rng.integers(2)
        other = NAMES[(NAMES.index(topic) + 1) % (2 if task == "binary" else 3)]
        said = other if rng.random() < wrong[group] else topic
        text = " ".join(rng.permutation(words)) + f" x{seed:03}{row:04}"
        beside = ("mail" if rng.random() < 0.5 else "phone", said, "ab"[group])
        values = (f"{seed}-{row}", text, float(rng.integers(72)), *beside, "north" if rng.random() < 0.5 else "south")
        for name, value in zip(told, values, strict=True):
            told[name].append(value)
    return pl.DataFrame(told)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("audited") / "bundle"
    write_bundle(folder, parts_for("frozen", "multiclass"))
    return folder


def codes(found: GroupAudit, attribute: str) -> dict[str, tuple[str, str]]:
    return {one.code: (one.outcome, one.severity) for one in found.findings if one.said.startswith(attribute)}


def test_a_group_with_more_errors_is_found_with_its_size_and_something_to_do(bundle):
    found = graft.audit_groups(bundle, rows(400, wrong=(0.0, 0.3)), sensitive=["group", "region"])
    assert codes(found, "group:")["A302"] == ("found", "high")
    assert codes(found, "region,")["A302"][0] == "not found"
    said = next(one for one in found.findings if one.code == "A302" and one.said.startswith("group:"))
    assert "decided rightly: " in said.said
    assert said.todo
    accuracy = next(one for one in found.gaps if one.figure == "accuracy" and one.attribute == "group")
    assert (accuracy.highest, accuracy.lowest) == ("a", "b")
    assert accuracy.gap.low <= 0.3 <= accuracy.gap.high
    assert found.severity == "high"
    crossed = next(one for one in found.attributes if one.name == "group \u00d7 region")
    assert sum(crossed.rows) == 400
    shrunk = [
        one.shrunk
        for one in next(g for g in found.gaps if g.attribute == crossed.name and g.figure == "accuracy").groups
    ]
    assert all(one is not None and 0 <= one.low <= one.mean <= one.high <= 1 for one in shrunk)


def test_nothing_is_found_where_nothing_differs(bundle):
    found = graft.audit_groups(bundle, rows(400, 1), sensitive="group")
    assert {one.outcome for one in found.findings if one.code != "A601"} == {"not found"}
    assert found.severity == "none"


def test_whether_decisions_follow_the_vectors_is_asked_where_a_gap_was_found(bundle):
    quiet = graft.audit_groups(bundle, rows(200, 11), sensitive="group", keep=False)
    assert quiet.uses == ()
    told = rows(300, 12)
    # The group is what the text is about, so the vectors tell it and the head decides by it.
    named = told.with_columns(topic=pl.col("multiclass"), other=pl.col("region"))
    found = graft.audit_groups(bundle, named, sensitive=["topic", "other"], keep=False)
    (use,) = found.uses
    assert (use.attribute, use.rows) == ("topic", 300)
    assert use.changed.mean > 0.2 > use.by_chance
    said = next(one for one in found.findings if one.code == "A602")
    assert (said.outcome, said.severity) == ("found", "low")
    assert "decisions follow what the vectors tell of it" in said.said
    assert abs(use.without) < abs(use.gap)


def test_without_labels_only_what_is_decided_is_compared(bundle):
    found = graft.audit_groups(bundle, rows(200).drop("multiclass"), sensitive="group")
    assert {one.figure for one in found.gaps} <= {"selection rate", "abstention rate"}
    assert found.labelled == 0
    assert any("without labels" in line for line in _lines(found))


def test_rows_of_no_known_group_are_told_and_bounded(bundle):
    given = rows(300, 2).with_columns(
        pl.when(pl.int_range(300) % 3 == 0).then(pl.lit("?")).otherwise(pl.col("group")).alias("group")
    )
    found = graft.audit_groups(bundle, given, sensitive="group")
    (attribute,) = found.attributes
    assert (attribute.unknown, attribute.groups) == (100, tuple(sorted(attribute.groups, key=lambda one: -dict(
        zip(attribute.groups, attribute.rows, strict=True))[one])))  # fmt: skip
    partly = next(one for one in found.findings if one.code == "A306")
    assert partly.said.startswith("group is not known of 33% of the rows")
    told = next(one for one in found.gaps if one.figure == "accuracy")
    assert told.if_known.low <= told.gap.mean <= told.if_known.high


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (["a"] * 60, "the column has only 'a'"),
        (["?"] * 60, "the column has no value"),
        (["a"] * 57 + ["b"] * 3, "1 group has 10 rows or more that count"),
        ([f"p{row}" for row in range(60)], "no group has 10 rows or more that count"),
    ],
)
def test_what_cannot_be_compared_says_why_and_is_no_finding(bundle, column, why):
    found = graft.audit_groups(bundle, rows(60).with_columns(group=pl.Series(column)), sensitive="group")
    assert {one.outcome for one in found.findings} == {"not applicable"}
    assert any(why in one.said for one in found.findings)


def test_columns_that_cannot_be_used_are_refused(bundle, tmp_path):
    given = rows(40)
    with pytest.raises(ContractError, match="group"):
        graft.audit_groups(bundle, given, sensitive="grup")
    with pytest.raises(InputError, match="what the model predicts"):
        graft.audit_groups(bundle, given, sensitive="multiclass")
    with pytest.raises(InputError, match="one column twice"):
        graft.audit_groups(bundle, given, sensitive=["group", "group"])
    with pytest.raises(InputError, match="no sensitive column"):
        graft.audit_groups(bundle, given, sensitive=[])
    with pytest.raises(InputError, match="favourable"):
        graft.audit_groups(bundle, given, sensitive="group", favourable="billing")
    with pytest.raises(BundleError):
        graft.audit_groups(tmp_path, given, sensitive="group")


def test_a_column_that_the_model_reads_is_told(bundle):
    found = graft.audit_groups(bundle, rows(200, 3), sensitive="channel")
    told = next(one for one in found.findings if one.code == "A305")
    assert (told.outcome, told.severity) == ("found", "low")


def test_numbers_are_quarters(bundle):
    found = graft.audit_groups(bundle, rows(200, 4), sensitive="size")
    assert len(found.attributes[0].groups) == 4
    assert all(" to " in one for one in found.attributes[0].groups)


def test_learnt_rows_without_what_the_study_said_are_left_out(bundle, tmp_path):
    given = rows(80, 5)
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "bundle").symlink_to(bundle)
    model = load_bundle(bundle)
    from graft.inputs.dataset import build_dataset
    from graft.rows.table import read_frame

    data, _ = build_dataset(read_frame(given), model.contract, labelled=False)
    write_json(folder / "learnt.json", sorted(one.hex() for one in data.digests[:30]))
    object.__setattr__(model, "folder", folder / "bundle")
    found = graft.audit_groups(model, given, sensitive="group")
    assert (found.rows, found.learnt, found.left_out) == (50, 0, 30)
    write_json(folder / "learnt.json", sorted(one.hex() for one in data.digests))
    with pytest.raises(InputError, match="no row that the model has not learnt"):
        graft.audit_groups(model, given, sensitive="group")


@pytest.mark.parametrize("task", ["binary", "multilabel", "regression"])
def test_every_task_has_its_figures(task, tmp_path):
    write_bundle(tmp_path / "bundle", parts_for("classical", task))
    given = rows(120, 6, task="binary").drop("binary")
    rng = np.random.default_rng(0)
    labels = {
        "binary": pl.Series(rng.choice(load_bundle(tmp_path / "bundle").contract.labels or ["x"], 120)),
        "multilabel": pl.Series(rng.choice(["billing", "billing;outage", "outage"], 120)),
        "regression": pl.Series(rng.normal(size=120)),
    }
    contract = load_bundle(tmp_path / "bundle").contract
    found = graft.audit_groups(
        tmp_path / "bundle", given.with_columns(labels[task].alias(contract.roles.label[0])), sensitive="group"
    )
    figures = {one.figure for one in found.gaps}
    wanted = {
        "binary": {
            "selection rate",
            "true positive rate",
            "false positive rate",
            "precision",
            "calibration",
            "accuracy",
        },
        "multilabel": {"selection rate", "true positive rate", "exact match"},
        "regression": {"mean prediction", "mean error", "mean absolute error"},
    }
    assert figures >= wanted[task]
    assert found.favourable == (contract.labels[1] if task == "binary" else "")


def test_another_bundle_is_compared_on_the_same_rows(bundle, tmp_path):
    write_bundle(tmp_path / "other", parts_for("classical", "multiclass"))
    found = graft.audit_groups(bundle, rows(120, 7), sensitive="group", against=tmp_path / "other")
    (told,) = [one for one in found.transfer if one.changes]
    assert told.rows == 120
    assert {one.figure for one in told.changes} >= {"selection rate", "accuracy"}
    assert "precision" not in {one.figure for one in told.changes}
    write_bundle(tmp_path / "third", parts_for("classical", "regression"))
    with pytest.raises(InputError, match="the same labels"):
        graft.audit_groups(bundle, rows(120, 7), sensitive="group", against=tmp_path / "third")


def test_the_command_writes_a_record_or_a_page_and_can_be_a_gate(bundle, tmp_path):
    rows(300, 8, wrong=(0.0, 0.3)).write_csv(tmp_path / "rows.csv")
    runner = CliRunner()
    asked = ["audit", str(bundle), "--rows", str(tmp_path / "rows.csv"), "--sensitive", "group,region"]
    done = runner.invoke(app, [*asked, "--out", str(tmp_path / "a.json"), "--fail-on", "high"])
    assert done.exit_code == 3, done.output
    assert "[high] A302 group: " in done.output
    record = GroupAudit.from_json((tmp_path / "a.json").read_text(), "a.json")
    assert json.loads(record.to_json())["schema"] == "graft/group-audit/1"
    done = runner.invoke(app, [*asked, "--out", str(tmp_path / "a.html")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "a.html").read_text()
    assert "<script" not in page
    assert "What is different, and for whom" in page
    kept = (tmp_path / "rows.csv").read_bytes()
    assert runner.invoke(app, [*asked, "--out", str(tmp_path / "rows.csv")]).exit_code != 0
    assert (tmp_path / "rows.csv").read_bytes() == kept


def test_every_way_to_audit_has_its_command_and_a_bundle_needs_none():
    shown = CliRunner().invoke(app, ["audit", "--help"]).output
    for name in ("groups", "associations", "leakage", "recommender", "search", "swaps"):
        assert f" {name} " in shown
    wrong = CliRunner().invoke(app, ["audit", "asociations"])
    assert wrong.exit_code == 2
    assert "associations" in wrong.output


def test_what_came_with_the_data_is_escaped(bundle):
    given = rows(60, 9).with_columns(
        pl.when(pl.col("group") == "a").then(pl.lit("<script>alert(1)</script>")).otherwise(pl.lit("b")).alias("<b>g")
    )
    page = render_audit_page(graft.audit_groups(bundle, given, sensitive="<b>g"))
    assert "<script" not in page
    assert "<b>g" not in page
    assert "&lt;script&gt;" in page


def _lines(found: GroupAudit) -> list[str]:
    from graft.report.audit.words import group_lines

    return group_lines(found)
