"""Who is erased is in no byte that a watch keeps, and the watch goes on as it was."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from safetensors.numpy import load_file
from typer.testing import CliRunner

import graft
from graft.bundle import watch_erasure
from graft.bundle.parts import write_bundle
from graft.bundle.watch_erasure import WatchPlace, word_marks
from graft.cli.app import app
from graft.core.errors import InputError
from graft.representations.cache import ActivationCache
from graft.representations.spaces import given_space
from graft.rows.content import TEXT
from graft.tables.columns import vector_column
from graft.tables.erasure.receipt import read_receipts
from graft.tables.table import EmbeddingTable
from graft.watch.baseline import read_baseline
from graft.watch.history import History
from unit.bundle.building import parts_for
from unit.watch.test_watch import rows


def crowd() -> pl.DataFrame:
    """A batch of which half says the same."""
    half = pl.when(pl.int_range(pl.len()) < 30).then(pl.lit("charged payment twice")).otherwise("text")
    return rows(60, 4, topics=(30, 1, 1)).with_columns(half.alias("text"))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("erased") / "bundle"
    write_bundle(folder, parts_for("frozen", "multiclass"))
    watch = graft.Watch(folder)
    # Two rows say the same: the other one is somebody else's.
    reference = pl.concat([rows(150, 1), rows(150, 1)[7:8].with_columns(pl.lit("other").alias("key"))])
    watch.baseline(reference, runs=1, batch=50)
    watch.check(crowd())
    watch.check(rows(50, 5))
    return folder


@pytest.fixture
def watched(made, tmp_path) -> graft.Watch:
    """A copy that a test may change."""
    shutil.copytree(made, tmp_path / "bundle")
    shutil.copytree(graft.Watch(made).folder, tmp_path / "bundle.watch")
    return graft.Watch(tmp_path / "bundle")


def said(folder: Path) -> bytes:
    """All that a watch keeps, as it is and unpacked, but the receipts."""
    told = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "receipts" not in path.parts:
            told.append(path.read_bytes())
            if path.suffix == ".parquet":
                told.append(str(pl.read_parquet(path).to_dicts()).encode())
    return b"\n".join(told)


def named(watch: graft.Watch) -> list[str]:
    """Ids that a check names."""
    return [one for check in watch.story.checks for moved in check.moved for one in moved.examples]


def test_a_row_of_the_reference_leaves_every_file(watched, tmp_path):
    before = read_baseline(watched.folder / "baseline")
    gone = rows(150, 1)[7]
    digest = TEXT.digest(gone["text"][0])
    cache = ActivationCache(tmp_path / "cache")
    seen = before.rows.vectors[7].tobytes()
    assert seen in said(watched.folder)
    receipt = watched.erase("1-7", by="me", reason="Art. 17", cache=cache)
    assert receipt.complete
    assert receipt.concerns("1-7")
    assert receipt.found == 1
    told = said(watched.folder)
    assert b"1-7'" not in told
    after = read_baseline(watched.folder / "baseline")
    assert (after.facts.rows, after.facts.erased, len(after.rows)) == (150, 1, 150)
    assert after.rows.ids[-1] == "other"
    # What another's row says too is known by that one alone; without it by none.
    watched.erase("other", by="me", cache=cache)
    told = said(watched.folder)
    assert digest.hex().encode() not in told
    assert seen not in told
    after = read_baseline(watched.folder / "baseline")
    before = replace(before, rows=before.rows.take(np.arange(150)))
    assert after.rows.ids.tolist() == [one for one in before.rows.ids.tolist() if one != "1-7"]
    np.testing.assert_array_equal(after.rows.vectors, np.delete(before.rows.vectors, 7, axis=0))
    assert "2 rows were erased since" in "\n".join(after.facts.lines())
    assert any("stay" in note for note in receipt.notes)
    # Nobody else is erased by the same call again, and nothing is written for nothing.
    seal = (watched.folder / "baseline" / "manifest.json").read_bytes()
    assert watched.erase("1-7", by="me", cache=cache).found == 0
    assert (watched.folder / "baseline" / "manifest.json").read_bytes() == seal


def test_the_watch_goes_on_as_it_was(watched, tmp_path):
    state = History.of(watched.folder).state()
    first = watched.check(rows(50, 5))
    watched.erase(["1-7", "5-3"], by="me", cache=ActivationCache(tmp_path / "cache"))
    after = History.of(watched.folder).state()
    assert (after.number, after.wealth) == (state.number, state.wealth)
    assert watched.check(rows(50, 5)) == first
    assert watched.check(rows(50, 6)).number == 3


def test_rows_since_and_names_in_checks(watched, tmp_path):
    examples = named(watched)
    gone = examples[0]
    marks = load_file(watched.folder / "since.safetensors")
    assert word_marks([gone])[0] in marks["kept/marks"][:, 0]
    judged = np.array(History.of(watched.folder).state().judged)
    assert word_marks([gone])[0] in judged[:, 0]
    watched.erase(gone, by="me", cache=ActivationCache(tmp_path / "cache"))
    arrays = load_file(watched.folder / "since.safetensors")
    assert word_marks([gone])[0] not in arrays["kept/marks"][:, 0]
    left = History.of(watched.folder).state().judged
    assert len(left) == len(judged) - 1
    assert word_marks([gone])[0] not in left[:, 0]
    assert len(list(watched.folder.glob("judged-*.bin"))) == 1
    assert {len(held) for name, held in arrays.items() if name.startswith("kept/")} == {109}
    assert named(watched) == examples[1:]
    assert gone.encode() not in said(watched.folder).replace(f"{gone}0".encode(), b"")
    assert [one.number for one in watched.story.checks] == [1, 2]
    assert DeltaTable(watched.folder / "checks").version() == 0


def test_rows_by_what_they_say_wherever_they_stand(watched, tmp_path):
    text = rows(50, 5)["text"][9]
    watched.erase(rows=[{"key": "someone", "text": text, "size": 1.0, "channel": "mail"}], by="me",
                  cache=ActivationCache(tmp_path / "cache"))  # fmt: skip
    mark = word_marks([TEXT.digest(text).hex()])[0]
    assert mark not in load_file(watched.folder / "since.safetensors")["kept/marks"][:, 1]


def test_a_customer_leaves_with_all_rows(watched, tmp_path):
    watched.baseline(rows(150, 1), runs=1, batch=50, group="customer", segments="customer")
    watched.check(crowd())
    held = int((rows(150, 1)["customer"] == "c7").sum())
    assert b"c7'" in said(watched.folder)
    receipt = watched.erase(groups="c7", by="me", cache=ActivationCache(tmp_path / "cache"))
    assert receipt.found == 1
    told = said(watched.folder)
    assert b"c7'" not in told
    assert b"c7\0" not in told
    assert b"customer=c7" not in told
    facts = read_baseline(watched.folder / "baseline").facts
    assert (facts.rows, facts.groups, facts.erased) == (150 - held, 29, 1)
    assert named(watched) == []


def test_counts_of_words_go_with_five_rows(watched, tmp_path):
    words, company = (watched.folder / "baseline" / name for name in ("terms.json", "contexts.safetensors"))
    assert {"rare words", "contexts"} <= {one.detector for one in watched.check(rows(50, 7)).shifts}
    watched.erase([f"1-{row}" for row in range(4)], by="me", cache=ActivationCache(tmp_path / "cache"))
    assert words.is_file()
    assert company.is_file()
    receipt = watched.erase("1-4", by="me", cache=ActivationCache(tmp_path / "cache"))
    assert not words.is_file()
    assert not company.is_file()
    assert any("words are no longer compared" in note for place in receipt.places for note in place.notes)
    found = watched.check(rows(50, 8))
    assert found.terms == found.contexts == ()
    # How rare words are cannot be told without the words.
    assert not {"rare words", "terms", "contexts"} & {one.detector for one in found.shifts}


def test_examples_of_words_in_other_company_go():
    sought = watch_erasure._Sought(frozenset(["9-1"]), frozenset(), "row", "", None)
    told, known = sought.told(json.dumps({"contexts": [{"examples": ["9-1", "9-2"]}]}))
    assert known == {"9-1"}
    assert json.loads(told)["contexts"] == [{"examples": ["9-2"]}]


@pytest.mark.parametrize("step", ["write_deltalake", "whole_file", "whole_folder"])
def test_killed_anywhere_the_same_call_finishes(watched, tmp_path, monkeypatch, step):
    gone = named(watched)[0]
    cache = ActivationCache(tmp_path / "cache")

    def killed(*words, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(watch_erasure, step, killed)
        with pytest.raises(KeyboardInterrupt):
            watched.erase([gone, "1-7"], by="me", cache=cache)
    assert [one.complete for one in read_receipts(watched.folder)] == [False]
    assert watched.erase([gone, "1-7"], by="me", cache=cache).complete
    assert len(read_receipts(watched.folder)) == 1
    assert gone not in named(watched)
    assert read_baseline(watched.folder / "baseline").facts.rows == 150


def test_what_killed_writers_left_goes_too(watched, tmp_path):
    checks = watched.folder / "checks"
    # Killed between the two renames: the checks stand aside.
    checks.rename(watched.folder / ".checks.previous")
    left = watched.folder / ".baseline.abc.partial"
    left.mkdir()
    (left / "rows.parquet").write_text("anybody")
    (watched.folder / ".since.safetensors.x.partial").write_text("anybody")
    watched.erase("nobody", by="me", cache=ActivationCache(tmp_path / "cache"))
    assert len(watched.story.checks) == 2
    assert not [one for one in watched.folder.iterdir() if one.name.startswith(".")]


def test_state_of_before_rows_were_marked_leaves_whole(watched, tmp_path):
    path = watched.folder / "since.safetensors"
    arrays = load_file(path)
    del arrays["kept/marks"]
    watch_erasure.save_file(arrays, path)
    watched.erase("1-7", by="me", cache=ActivationCache(tmp_path / "cache"))
    assert len(load_file(path)["kept/certainty"]) == 0


def test_a_check_that_is_not_yet_in_the_table(watched, tmp_path):
    gone = named(watched)[0]
    row = next(
        one for one in DeltaTable(watched.folder / "checks").to_pyarrow_table().to_pylist() if gone in one["record"]
    )
    state = watched.folder / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "check": {**row, "number": 3, "batch": "other"}}))
    watched.erase(gone, by="me", cache=ActivationCache(tmp_path / "cache"))
    assert not WatchPlace(watched.folder).find(watch_erasure.Wanted(frozenset({gone}))).files
    watched.check(rows(40, 9))
    assert len(watched.story.checks) == 4


def test_refused_and_in_words(watched, monkeypatch, tmp_path):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    for words in ({}, {"ids": "1-7", "groups": "c1"}):
        with pytest.raises(InputError):
            watched.erase(**words, by="me")
    with pytest.raises(InputError, match="is not watched"):
        graft.Watch(tmp_path / "other").erase("1-7", by="me")
    run = CliRunner().invoke(app, ["watch", "erase", str(watched.model), "--id", "1-7"])
    assert "1 rows leave" in str(run.exception)
    run = CliRunner().invoke(app, ["watch", "erase", str(watched.model), "--id", "1-7", "--by", "me", "--yes"])
    assert run.exit_code == 0, run.output
    assert "ids: 1 asked for, 1 found" in run.output


def test_words_in_other_company_name_nobody(watched, tmp_path):
    """As a record that names rows where a word stands."""
    there = DeltaTable(watched.folder / "checks").to_pyarrow_table().to_pylist()
    told = json.loads(there[0]["record"])
    told["contexts"] = [{"examples": ["4-9", "4-10"]}]
    sought = WatchPlace(watched.folder)._sought(watch_erasure.Wanted(frozenset({"4-9"})))
    record, known = sought.told(json.dumps(told))
    assert (json.loads(record)["contexts"], known) == ([{"examples": ["4-10"]}], {"4-9"})


def test_a_table_reaches_the_watch_by_content(watched, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    gone = rows(150, 1)[7]
    # The row has another id in the table, and says the same.
    place = tmp_path / "vectors"
    digest = [TEXT.digest(gone["text"][0]).hex()]
    EmbeddingTable.create(place, given_space("ours", 8)).upsert(
        pa.table({"id": ["other"], "digest": digest, "vector": vector_column(np.ones((1, 8), np.float32))})
    )
    words = ["tables", "erase", str(place), "--id", "other", "--watch", str(watched.model), "--by", "me", "--yes"]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 0, run.output
    assert "watch bundle.watch: 2 stored rows removed" in run.output
    assert not {"1-7", "other"} & {*read_baseline(watched.folder / "baseline").rows.ids.tolist()}
    run = CliRunner().invoke(app, [*words[:-1], "--watch", str(tmp_path), "--yes"])
    assert "is not watched" in str(run.exception)
