"""A source adapted without labels: it learns, is whole or absent, and says what it is made of and what it lost."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from PIL import Image

import graft
import tiny
from graft.core.display import Terminal
from graft.core.errors import InputError, OutputError
from graft.facts.adaptation import AdaptationRecord
from graft.governance.registry import Registry
from graft.report.adaptation import print_adaptation
from graft.representations.backbone import load_encoder
from graft.representations.sources import resolve_source
from graft.rows.content import TEXT
from graft.studies.adapted_rows import read_pairs

TEMPLATES = ("ba {} fa", "{} ga {} la", "ka {} ma na", "pa ra {} sa ta")


def texts(count: int = 300) -> list[str]:
    """Texts with an order in them: each word is followed by its partner."""
    rng = np.random.default_rng(0)
    words = rng.integers(0, len(tiny.WORDS) // 2, size=(count, 4)) * 2
    return [" ".join(f"{tiny.WORDS[one]} {tiny.WORDS[one + 1]}" for one in row) for row in words]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("adapted")
    tiny.write_encoder(place / "source", words=("[MASK]", *tiny.WORDS), seed=3)
    pl.DataFrame({"text": texts()}).write_csv(place / "rows.csv")
    return place


def adapt(folder, out, **more):
    options = {"source": f"path:{folder / 'source'}", "steps": 60, "progress": False} | more
    return graft.adapt_source(folder / "rows.csv", text="text", out=out, **options)


@pytest.fixture(autouse=True)
def ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))


@pytest.mark.parametrize("method", ["tsdae", pytest.param("mlm", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_it_learns_is_a_source_and_repeats_itself(folder, tmp_path, method, capsys):
    (tmp_path / "pairs.csv").write_text(
        "one,other,near\n" + "".join(f"ba fa,{text},{place}\n" for place, text in enumerate(texts(12)))
    )
    made = adapt(folder, tmp_path / "new", method=method, pairs=tmp_path / "pairs.csv")
    record = made.record
    assert record.curve[0].held > min(one.held for one in record.curve)
    assert (record.learnt + record.held, record.method, record.name) == (300, method, "new")
    assert record.steps - record.alone >= record.best_step > 0
    found = resolve_source(made.reference)
    assert found.weights.digest == record.digest != record.source_digest
    names = {one.name for one in record.forgetting}
    assert names == {"neighbours kept", "original read back", "correlation with your pairs"}
    assert all(0 < one.after <= 1 for one in record.forgetting if one.name == "neighbours kept")
    again = adapt(folder, tmp_path / "again", method=method, pairs=tmp_path / "pairs.csv").record
    assert again.model_copy(update={"name": "new"}) == record
    assert AdaptationRecord.from_json((tmp_path / "new" / "graft_adaptation.json").read_bytes(), "here") == record
    other = adapt(folder, tmp_path / "other", method=method, seed=1).record
    assert other.digest != record.digest
    print_adaptation(record, made.reference, made.seconds, Terminal())
    assert "Whether it helps is what a study says" in capsys.readouterr().out


def test_what_does_not_occur_stays_as_it_was(folder, tmp_path):
    """Embeddings of words that no row holds do not move; those of words that do occur, do."""
    pl.DataFrame({"text": [text for text in texts() if "zor" not in text]}).write_csv(tmp_path / "rows.csv")
    made = graft.adapt_source(
        tmp_path / "rows.csv", text="text", out=tmp_path / "new", source=f"path:{folder / 'source'}", steps=40,
        progress=False,
    )  # fmt: skip
    before, after = (
        load_encoder(resolve_source(one)).get_input_embeddings().weight
        for one in (f"path:{folder / 'source'}", made.reference)
    )
    number = json.loads((folder / "source" / "tokenizer.json").read_text())["model"]["vocab"]
    assert (before[number["zor"]] == after[number["zor"]]).all()
    assert (before[number["ba"]] != after[number["ba"]]).any()


def test_it_is_made_from_the_source_and_the_rows(folder, tmp_path):
    made = adapt(folder, tmp_path / "new")
    with Registry() as registry:
        asset = registry.find("new")
        edges = {edge.relation.value: edge.parent for edge in asset.edges}
        parents = {one.identity: one.name for one in registry.assets()}
    assert {relation: parents[parent] for relation, parent in edges.items()} == {
        "fine-tuned": "source",
        "trained-on-data": "rows.csv",
    }
    assert [one.stated for one in asset.licences] == ["apache-2.0"]
    card = (tmp_path / "new" / "README.md").read_text()
    assert "## What it forgot" in card
    assert made.record.data_digest[:16] in card


def test_repeated_rows_stay_on_one_side(tmp_path):
    from graft.studies.adapting import _sides

    groups = np.repeat(np.arange(60), np.random.default_rng(0).integers(1, 6, 60))
    learnt, held = _sides(groups, 0)
    assert not set(groups[learnt]) & set(groups[held])
    assert len(learnt) + len(held) == len(groups)
    assert 0 < len(held) <= max(10, len(groups) // 10)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"method": "bert"}, InputError, "tsdae, mlm"),
        ({"steps": 2}, InputError, "10 to"),
        ({"minutes": 0}, InputError, "minutes"),
        ({"source": "random:minilm"}, InputError, "random weights"),
        ({"text": "txt"}, InputError, "did you mean 'text'"),
        ({"pairs": "rows.csv"}, InputError, "three"),
        ({"out": "source"}, OutputError, "not empty"),
    ],
)
def test_what_cannot_work_is_refused_and_leaves_nothing(folder, tmp_path, change, error, says):
    options = {"text": "text", "out": tmp_path / "new", "source": f"path:{folder / 'source'}", "progress": False}
    for name in ("pairs", "out"):
        if name in change:
            change = change | {name: folder / change[name]}
    with pytest.raises(error, match=says):
        graft.adapt_source(folder / "rows.csv", **options | change)
    assert sorted(one.name for one in tmp_path.iterdir()) in ([], ["ledger.sqlite"])


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["ba fa,zo,3"] * 5, "5 usable pairs"),
        ([f"{place},ba fa,zo" for place in range(20)], "0 usable pairs"),  # the number stands first
        (["ba fa,zo,3"] * 20, "every pair in .* has the score 3"),
        (["ba fa,zo,nan"] * 20, "0 usable pairs"),
    ],
)
def test_pairs_that_say_nothing_are_refused(folder, tmp_path, lines, says):
    (tmp_path / "pairs.csv").write_text("\n".join(["one,other,near", *lines]) + "\n")
    with pytest.raises(InputError, match=says):
        adapt(folder, tmp_path / "new", pairs=tmp_path / "pairs.csv")
    assert not (tmp_path / "new").exists()


def test_pairs_that_cannot_be_used_are_counted(tmp_path):
    lines = [f"ba fa,zo,{place}" for place in range(12)] + ["ba fa,zo,", ",zo,3", "ba,zo,much"]
    (tmp_path / "pairs.csv").write_text("\n".join(["one,other,near", *lines]) + "\n")
    pairs = read_pairs(tmp_path / "pairs.csv", TEXT)
    assert (len(pairs.scores), pairs.set_aside) == (12, 3)


def test_sources_of_other_kinds_are_refused_with_what_helps(tmp_path):
    (tmp_path / "rows" / "cats").mkdir(parents=True)
    (tmp_path / "rows" / "dogs").mkdir()
    for name in ("cats/one.png", "dogs/two.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / "rows" / name)
    given = [{"data": tmp_path / "rows"}, {"data": "rows.csv", "image": "file"}, {"data": "rows.csv", "audio": "file"}]
    for one in given:
        with pytest.raises(InputError, match="are not adapted without labels") as raised:
            graft.adapt_source(**one, out=tmp_path / "new", progress=False)
        assert "graft sources pretrain" in raised.value.fix


def test_few_rows_and_no_mask_are_refused(folder, tmp_path):
    tiny.write_encoder(tmp_path / "plain", seed=3)
    pl.DataFrame({"text": texts(8) * 5}).write_csv(tmp_path / "few.csv")
    with pytest.raises(InputError, match="8 different texts"):
        graft.adapt_source(tmp_path / "few.csv", text="text", out=tmp_path / "new", source=f"path:{folder / 'source'}")
    with pytest.raises(InputError, match="no mask token"):
        graft.adapt_source(
            folder / "rows.csv", text="text", out=tmp_path / "new", source=f"path:{tmp_path / 'plain'}", method="mlm",
            progress=False,
        )  # fmt: skip
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("architecture", [one for one in tiny.ARCHITECTURES if one != "bert"])
@pytest.mark.slow
def test_every_architecture_can_be_adapted(tmp_path, architecture):
    names = tiny.special_of(architecture)
    tiny.write_encoder(
        tmp_path / "source", architecture, words=("[MASK]" if "[CLS]" in names else "<mask>", *tiny.WORDS)
    )
    for method in ("tsdae", "mlm"):
        made = graft.adapt_source(
            {"text": texts()}, text="text", out=tmp_path / method, source=f"path:{tmp_path / 'source'}", steps=60,
            method=method, progress=False,
        )  # fmt: skip
        assert made.record.best_step > 0


@pytest.mark.slow
def test_killed_before_it_is_published_it_leaves_no_source_and_runs_again(folder, tmp_path):
    out = tmp_path / "new"
    code = (
        "import os, signal, graft, graft.studies.adapting as adapting\n"
        "adapting.publish = lambda *places: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"graft.adapt_source({str(folder / 'rows.csv')!r}, text='text', source={'path:' + str(folder / 'source')!r},"
        f" out={str(out)!r}, steps=60, progress=False)"
    )
    ended = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not out.exists()
    adapt(folder, out)
    assert resolve_source(f"path:{out}").weights.hidden > 0
