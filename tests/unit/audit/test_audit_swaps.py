"""Audits by exchanged words: what is found, for every kind of bundle and task, what is refused, and how it is told."""

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import polars as pl
import pytest
from bench.audit_swaps import MadeUpBundle, audited, world
from typer.testing import CliRunner

import graft
from graft.audit.identity_terms import read_terms, usual_terms
from graft.audit.swaps import audit_swaps
from graft.bundle.parts import write_bundle
from graft.cli.app import app
from graft.core.errors import InputError
from graft.core.files import write_json
from graft.facts.audit import SwapAudit, SwapFact
from graft.inputs import Roles, build_dataset, infer_contract
from graft.report.audit.swap_words import swap_lines
from graft.rows import read_frame
from unit.bundle.building import parts_for, table

TERMS = "language: en\ngroups:\n  topics: {plurals: no, sets: [[invoice, password, parcel], [refund, account, late]]}\n"


@cache
def folder_of(kind: str, task: str) -> Path:
    place = Path(mkdtemp(prefix="graft-swaps-")) / "bundle"
    write_bundle(place, parts_for(kind, task))
    return place


@cache
def bundle_of(kind: str, task: str):  # type: ignore[no-untyped-def]
    return graft.load(folder_of(kind, task))


@pytest.fixture
def terms(tmp_path):
    path = tmp_path / "terms.yaml"
    path.write_text(TERMS)
    return path


def of_pair(record: SwapAudit, first: str, second: str) -> SwapFact:
    return next(one for one in record.swaps if (one.first, one.second) == (first, second))


@pytest.mark.parametrize("kind", ["classical", "frozen"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_every_task_and_model_is_audited_as_it_predicts(kind, task, terms):
    bundle = bundle_of(kind, task)
    record = graft.audit_swaps(bundle, table(), terms=terms, keep=False)
    fact = of_pair(record, "invoice", "password")
    # By hand: exchange in each text, ask the bundle, and compare.
    sets = (("invoice", "password"), ("refund", "account"))
    rows = table()
    other = {"\0": ""} | {one: two for pair in sets for one, two in (pair, pair[::-1])}
    swapped = [" ".join(other.get(word, word) for word in text.split(" ")) for text in rows["text"]]
    changed = [row for row, (one, two) in enumerate(zip(rows["text"], swapped, strict=True)) if one != two]
    assert fact.texts == len(changed)
    before, after = (bundle.predict({**rows, "text": texts}).frame for texts in (rows["text"], swapped))
    if task == "regression":
        assert fact.changed is None
        assert record.findings[2 * record.swaps.index(fact)].outcome == "not applicable"
        side = [1 if {"invoice", "refund"} & set(rows["text"][row].split()) else -1 for row in changed]
        moved = (after["prediction"] - before["prediction"]).to_numpy()[changed] * side
        assert fact.shift.mean == pytest.approx(moved.mean(), abs=1e-6)
        assert fact.deviations is not None
    else:
        answers = [frame["prediction"].to_list() for frame in (before, after)]
        hand = np.mean([answers[0][row] != answers[1][row] for row in changed])
        assert fact.changed.mean == pytest.approx(hand)
        one = before[fact.output].to_numpy()[changed], after[fact.output].to_numpy()[changed]
        side = [1 if {"invoice", "refund"} & set(rows["text"][row].split()) else -1 for row in changed]
        assert fact.shift.mean == pytest.approx(float(((one[1] - one[0]) * side).mean()), abs=1e-6)
    assert SwapAudit.from_json(record.to_json(), "here") == record
    assert len(record.findings) >= 2 * len(record.swaps) + len(record.rankings)


def test_rows_without_any_term_are_told_and_nothing_is_scored():
    record = graft.audit_swaps(bundle_of("classical", "binary"), table(), keep=False)
    assert (record.scored, record.mentioning, record.swaps, record.rankings) == (0, 0, (), ())
    assert {one.outcome for one in record.findings} == {"not applicable"}
    lines = swap_lines(record)
    assert "none of 72 texts mentions anybody" in lines[0]
    assert "the words are English" in lines[0]


@pytest.mark.parametrize("count", [1, 9])
def test_one_row_and_few_rows_say_that_they_are_too_few(count, terms):
    rows = {name: values[:count] for name, values in table().items()} | {"text": ["my invoice is late"] * count}
    record = graft.audit_swaps(bundle_of("classical", "binary"), rows, terms=terms, keep=False)
    assert all(one.outcome == "not applicable" for one in record.findings)
    assert "too few of any two to compare" in swap_lines(record)[0]


def test_labels_that_are_missing_leave_out_rankings_alone(terms):
    rows = {name: values for name, values in table().items() if name != "binary"}
    record = graft.audit_swaps(bundle_of("classical", "binary"), rows, terms=terms, keep=False)
    assert record.rankings == ()
    assert any("the rows have no labels (binary)" in one.said for one in record.findings)
    assert of_pair(record, "invoice", "password").changed is not None
    partly = {**table(), "binary": [None if row % 2 else value for row, value in enumerate(table()["binary"])]}
    strange = {**table(), "binary": ["neither"] * 72}
    assert graft.audit_swaps(bundle_of("classical", "binary"), partly, terms=terms, keep=False).swaps
    assert graft.audit_swaps(bundle_of("classical", "binary"), strange, terms=terms, keep=False).rankings == ()


def test_words_beyond_what_a_source_reads_cannot_matter_and_are_counted(terms):
    rows = table()
    filler = " ".join(["please"] * 30)
    long = {**rows, "text": [f"{filler} n{row} invoice" for row in range(72)]}
    record = graft.audit_swaps(bundle_of("frozen", "binary"), long, terms=terms, keep=False)
    assert record.beyond == 72
    fact = of_pair(record, "invoice", "password")
    assert (fact.changed.mean, fact.shift.mean) == (0, 0)
    assert any("too long" in line for line in swap_lines(record))
    assert graft.audit_swaps(bundle_of("frozen", "binary"), rows, terms=terms, keep=False).beyond == 0


def test_blank_and_missing_texts_are_left_out(terms):
    rows = {**table(), "text": ["", " ", None, *table()["text"][3:]]}
    record = graft.audit_swaps(bundle_of("classical", "binary"), rows, terms=terms, keep=False)
    assert record.rows == 69


def test_a_bundle_without_texts_and_columns_that_are_none_are_refused(terms):
    bundle = bundle_of("classical", "binary")
    with pytest.raises(InputError, match="'size' is no text column"):
        graft.audit_swaps(bundle, table(), terms=terms, text="size", keep=False)
    with pytest.raises(InputError, match="favourable='maybe'"):
        graft.audit_swaps(bundle, table(), terms=terms, favourable="maybe", keep=False)
    with pytest.raises(InputError, match="margin=2"):
        graft.audit_swaps(bundle, table(), terms=terms, margin=2, keep=False)
    with pytest.raises(InputError, match="level=95"):
        graft.audit_swaps(bundle, table(), terms=terms, level=95, keep=False)
    with pytest.raises(InputError, match="no column 'text'"):
        graft.audit_swaps(bundle, {"message": ["an invoice"]}, terms=terms, keep=False)
    numbers = read_frame({"size": [1.0, 2.0, 3.0] * 9, "label": ["a", "b", "a"] * 9})
    contract = infer_contract(numbers, Roles(content=(), numeric=("size",), label=("label",), kind="row"))
    with pytest.raises(InputError, match="the bundle reads no texts: its columns are size"):
        audit_swaps(MadeUpBundle(contract), numbers, usual_terms())  # type: ignore[arg-type]


def test_learnt_texts_are_left_out_unless_all_are(terms, tmp_path):
    shutil.copytree(folder_of("classical", "multiclass"), tmp_path / "bundle")
    bundle, given = graft.load(tmp_path / "bundle"), table()
    data, _ = build_dataset(read_frame(given), bundle.contract, labelled=False)
    write_json(tmp_path / "learnt.json", sorted(one.hex() for one in data.digests[:40]))
    some = graft.audit_swaps(bundle, given, terms=terms, keep=False)
    whole = graft.audit_swaps(bundle_of("classical", "multiclass"), given, terms=terms, keep=False)
    assert (some.rows, some.learnt, whole.learnt) == (len(data), 40, 0)
    assert some.mentioning < whole.mentioning
    assert any("40 rows that the model has learnt were left out" in line for line in swap_lines(some))
    write_json(tmp_path / "learnt.json", sorted(one.hex() for one in data.digests))
    remembered = graft.audit_swaps(bundle, given, terms=terms, keep=False)
    assert remembered.mentioning == whole.mentioning
    assert any("has learnt all of these rows" in line for line in swap_lines(remembered))


def test_favourable_turns_what_is_said(terms):
    bundle = bundle_of("classical", "binary")
    yes, no = (graft.audit_swaps(bundle, table(), terms=terms, favourable=one, keep=False) for one in ("yes", "no"))
    one, other = (of_pair(record, "invoice", "password") for record in (yes, no))
    assert one.shift.mean == pytest.approx(-other.shift.mean)
    assert (one.output, other.output) == ("yes", "no")


def test_several_text_columns_are_exchanged_together_or_one_by_one():
    rows, _ = world(0, 60)
    frame = rows.frame.with_columns(pl.lit("about a woman in case 1").alias("title"))
    given = read_frame(frame)
    contract = infer_contract(given, Roles(content=("title", "text"), label=("label",)))
    both = audit_swaps(MadeUpBundle(contract), given, usual_terms())  # type: ignore[arg-type]
    one = audit_swaps(MadeUpBundle(contract), given, usual_terms(), text=["title"])  # type: ignore[arg-type]
    assert both.columns == ("title", "text")
    assert {fact.group for fact in one.swaps} == {"gender"}
    assert of_pair(one, "men", "women").texts == 60
    assert of_pair(both, "men", "women").both > 0


def test_groups_of_a_contract_and_templates_are_clusters():
    rows, _ = world(0, 200, 4)
    frame = rows.frame.with_columns(pl.Series("who", [row // 10 for row in range(200)]))
    given = read_frame(frame)
    plain = infer_contract(given, Roles(content=("text",), label=("label",)))
    grouped = infer_contract(given, Roles(content=("text",), label=("label",), group="who"))
    alone, together = (audit_swaps(MadeUpBundle(one), given, usual_terms()) for one in (plain, grouped))  # type: ignore[arg-type]
    one, other = (of_pair(record, "men", "women") for record in (alone, together))
    assert one.texts == other.texts
    assert one.clusters > other.clusters
    assert one.clusters < one.texts


def test_a_model_that_is_against_somebody_is_found_and_told():
    record = audited(1, rows=800, bias=2.5, noise=0.2)
    finding = next(one for one in record.findings if one.said.startswith("gender: women in place of men"))
    assert (finding.code, finding.outcome, finding.severity) == ("A501", "found", "high")
    assert "become 'yes'" in finding.said
    assert record.severity == "high"
    bpsn = [one for one in record.findings if "BPSN" in one.said and "women without 'yes'" in one.said]
    assert bpsn[0].severity in ("high", "medium")
    lines = swap_lines(record)
    assert any(line.startswith("  [high] gender: women in place of men: ") for line in lines[1:6])
    assert any("for comparison: words that mean nobody" in line for line in lines)
    assert sum(line.startswith("To do: ") for line in lines) <= 3
    # Only pairs of texts: the record does not hold what texts say.
    assert "we saw" not in record.to_json()


def test_the_same_seed_gives_the_same_record_and_rows_may_come_in_any_order():
    assert audited(3, rows=150).to_json() == audited(3, rows=150).to_json()


def test_very_many_texts_are_drawn_from(monkeypatch):
    monkeypatch.setattr("graft.audit.swap_plan.MOST_SCORED", 300)
    record = audited(0, rows=400)
    assert record.drawn < record.mentioning
    assert any("drawn of them" in line for line in swap_lines(record))


def test_a_set_of_one_identity_against_the_others_is_asked_once(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text("language: en\ngroups: {who: [[men, women, Jews]]}\n")
    terms = read_terms(path)
    assert replace(terms, of="x").groups[0].identities == ("men", "women", "Jews")
    rows, _ = world(0, 400)
    few = read_frame(rows.frame.filter(~pl.col("text").str.contains("women|Jews")))
    contract = infer_contract(few, Roles(content=("text",), label=("label",)))
    record = audit_swaps(MadeUpBundle(contract), few, terms)  # type: ignore[arg-type]
    assert {one.first for one in record.swaps} == {"men", ""}
    assert [one.second for one in record.swaps if one.first == ""] == ["men"]


def test_the_command_tells_it_writes_it_and_fails_on_what_was_asked(terms, tmp_path):
    rows = tmp_path / "rows.csv"
    pl.DataFrame(table()).write_csv(rows)
    command = ["audit", "swaps", str(folder_of("classical", "multiclass")), "--rows", str(rows), "--terms", str(terms)]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "swaps.json")])
    assert done.exit_code == 0, done.output
    assert "Words exchanged in texts for" in done.output
    record = SwapAudit.from_json((tmp_path / "swaps.json").read_text(), "it")
    assert (folder_of("classical", "multiclass").parent / "bundle.audits" / "addendum.json").is_file()
    page = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "swaps.html")])
    assert page.exit_code == 0, page.output
    assert "opics: " in (tmp_path / "swaps.html").read_text()
    failing = CliRunner().invoke(app, [*command, "--fail-on", "low"])
    assert failing.exit_code == (3 if record.severity != "none" else 0)
    assert json.loads((tmp_path / "swaps.json").read_text())["schema"] == "graft/swap-audit/1"
    nothing = CliRunner().invoke(app, ["audit", "swaps", str(tmp_path), "--rows", str(rows)])
    assert nothing.exit_code != 0
