"""Rows of a picture and a title from a table to a verdict, a bundle that explains itself, and what its terms are."""

import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import graft
from graft.bundle.predictions import EXPLANATIONS
from graft.cli.app import app
from graft.core.errors import ContractError, GateNotMet, InputError, SourceError
from graft.facts.study import read_study
from graft.governance.descent_file import read_descent
from joined_rows import columns, write_image_source, write_text_source

BESIDE = {"text": "title", "image": "photo", "label": "sells", "numeric": "price", "categorical": "brand"}
QUICK = {"effort": "quick", "folds": 2, "progress": False}


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    return write_text_source(folder / "text"), write_image_source(folder / "image")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))
    return tmp_path


@pytest.mark.slow
def test_pictures_and_titles_are_studied_together_predicted_and_explained(references, home):
    out = home / "study"
    rows = columns(96, lacking=11)
    rows["title"][3] = rows["photo"][3] = None
    result = graft.study(rows, **BESIDE, source=references[::-1], out=out, **QUICK)
    record = result.record
    text, image = references
    names = {(one.source, one.strategy): one for one in record.candidates}
    assert {name for name, _ in names} == {"", text, image, f"{text}+{image}"}
    together = names[f"{text}+{image}", "frozen"].score.mean
    alone = [names[one, "frozen"].score.mean for one in references]
    assert max(alone) < 0.7, "each alone tells half of it"
    assert together > max(alone) + 0.1
    assert names["", "classical"].score.mean > 0.8
    assert [one.reference for one in record.sources] == [text, image]
    assert record.rows == 95
    assert {one.code for one in record.data.set_aside} == {
        "read-without-text",
        "read-without-image",
        "missing-content",
    }
    left = [one for one in record.plan.candidates if not one.run]
    assert all("only heads are learnt" in one.reason for one in left)
    assert {one.source for one in record.plan.cues} == {text, image, f"{text}+{image}"}
    page = (out / "report.html").read_text()
    assert "Rows set aside or read in part" in page
    assert f"{text}+{image}" in page
    assert read_study(out).verdict == record.verdict

    bundle = graft.load(out / "bundle")
    fresh = columns(8, seed=5)
    fresh.pop("sells")
    fresh["title"][1], fresh["photo"][2], fresh["title"][3], fresh["photo"][3] = None, b"broken", "", None
    said = bundle.predict(pl.DataFrame(fresh), explain=True)
    frame = said.frame
    assert frame["prediction"].is_null().to_list() == [row == 3 for row in range(8)]
    assert dict(said.problems) == {"read-without-image": 1, "read-without-text": 1, "missing-content": 1}
    words = frame[EXPLANATIONS[0]]
    assert words[0].startswith("the text ")
    assert "; the image " in words[0]
    assert "the text" not in words[1]
    alone = [bundle.predict(pl.DataFrame(fresh)[row : row + 1]).frame for row in range(8)]
    for row in (0, 1, 2, 7):
        assert alone[row].drop("row").row(0) == frame.select(alone[row].drop("row").columns).row(row)
    with pytest.raises(ContractError, match="no column 'photo'"):
        bundle.predict(pl.DataFrame(fresh).drop("photo"))
    assert CliRunner().invoke(app, ["verify", str(out / "bundle")]).exit_code == 0


@pytest.mark.slow
def test_the_terms_of_every_source_are_asked_and_every_one_is_an_ancestor(references, home):
    (rows := columns(64)).pop("price")
    given = {"text": "title", "image": "photo", "label": "sells", "source": references, **QUICK}
    with pytest.raises(GateNotMet, match="may not be used as asked"):
        graft.study(rows, **given, use="commercial", out=home / "refused")
    frozen = graft.study(rows, **given, strategy="frozen", out=home / "study")
    descent = read_descent(home / "study" / "bundle")
    if frozen.record.verdict.shipped.source.count("+"):
        assert {one.name for one in descent.assets} >= set(references)
        bill = json.loads((home / "study" / "bundle" / "bom.cdx.json").read_text())
        assert {one["name"] for one in bill["components"]} >= set(references)
    with pytest.raises(SourceError, match="only heads are learnt, on the vectors of frozen sources"):
        graft.study(rows, **given, strategy="full", out=home / "tuned")


@pytest.mark.slow
@pytest.mark.parametrize("cautious", [False, True])
def test_a_bundle_without_rows_holds_no_title_and_no_picture(references, home, cautious):
    rows = columns(64, "text")
    rows["title"] = [f"{title} secret{row}x" for row, title in enumerate(rows["title"])]
    result = graft.study(
        rows, text="title", image="photo", label="sells", source=references, out=home / "study", keep_rows=False,
        cautious=cautious, **QUICK,
    )  # fmt: skip
    for file in (home / "study" / "bundle").rglob("*"):
        if file.is_file() and file.suffix != ".safetensors" and "source" not in file.parts:
            held = file.read_text()
            assert not any(title in held for title in rows["title"]), file
    said = graft.load(home / "study" / "bundle").predict({"title": ["ba da"], "photo": [rows["photo"][0]]})
    assert len(said) == 1
    assert result.bundle is not None


@pytest.mark.slow
def test_workers_find_the_same_and_the_same_command_continues(references, home):
    rows = columns(48)
    given = {"text": "title", "image": "photo", "label": "sells", "source": references, **QUICK}
    one = graft.study(rows, **given, out=home / "here").record
    two = graft.study(rows, **given, out=home / "there", workers=1).record
    assert [(c.source, c.score) for c in one.candidates] == [(c.source, c.score) for c in two.candidates]
    again = graft.study(rows, **given, out=home / "here").record
    assert again.candidates == one.candidates


def test_commands_that_read_one_kind_say_so(references, home):
    rows = pl.DataFrame({**columns(16), "photo": ["a.png"] * 16, "id": list(range(16))})
    rows.write_csv(home / "rows.csv")
    runner = CliRunner()
    for command in (
        ["embed", str(home / "rows.csv"), "--id", "id", "--table", str(home / "table")],
        ["sources", "rank", str(home / "rows.csv"), "--label", "sells", "--source", references[0]],
    ):
        found = runner.invoke(app, [*command, "--text", "title", "--image", "photo"])
        told = found.output + str(found.exception)
        assert found.exit_code != 0
        assert "columns of text (title) and image (photo)" in " ".join(told.split())
    with pytest.raises(InputError, match="given as text\\+image and as numeric"):
        graft.study(home / "rows.csv", text="title", image="price", numeric="price", label="sells")


def test_a_picture_says_nothing_where_none_can_be_read(references, home):
    rows = columns(24)
    rows["photo"] = [b"broken"] * 24
    with pytest.raises(ContractError, match="names no image that can be read"):
        graft.study(rows, text="title", image="photo", label="sells", source=references, out=home / "s", **QUICK)
    assert np.all([isinstance(title, str) for title in rows["title"]])
