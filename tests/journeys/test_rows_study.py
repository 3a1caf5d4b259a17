"""Rows of a table alone, from the file to predictions: no text, no source."""

import numpy as np
import polars as pl
import pytest

import graft
from graft.bundle.loading import load_bundle
from graft.core.errors import BundleError, ContractError, InputError
from graft.report.study import write_page
from graft.scores.models import RowModel

ROWS = 90


def table() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    size, weight = rng.normal(10, 3, ROWS), rng.normal(0, 1, ROWS)
    colour = rng.choice(["red", "green", "blue"], ROWS)
    kind = np.where(colour == "red", "apple", np.where(size > 10, "melon", "plum"))
    return pl.DataFrame(
        {
            "id": [f"f{row}" for row in range(ROWS)],
            "size": [None if row % 11 == 0 else float(one) for row, one in enumerate(size)],
            "weight": weight,
            "colour": [None if row % 13 == 0 else str(one) for row, one in enumerate(colour)],
            "kind": kind,
        }
    )


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    out = tmp_path_factory.mktemp("rows") / "study"
    return graft.study(
        table(), numeric="*", categorical="*", label="kind", id="id", effort="quick", folds=2, out=out, progress=False
    )


@pytest.mark.slow
def test_a_study_of_rows_compares_what_reuses_nothing(studied):
    record = studied.record
    assert studied.verdict == "not asked"
    assert "Nothing pretrained was tried. The best model is classical" in record.verdict.sentence
    assert {one.strategy for one in record.candidates} >= {"majority", "classical"}
    assert "name a source" in record.next_steps[0]
    assert record.data.contract.roles.numeric == ("size", "weight")
    assert record.data.contract.roles.categorical == ("colour",)
    page = (studied.folder / "report.html").read_text()
    assert "Nothing was reused" in page
    assert "Best of the others" in page
    assert "Reused against control" not in page
    assert "labels at hand settle it" not in page  # nothing was asked, so nothing is settled
    assert "patches of a picture" not in page
    write_page(record, studied.folder / "again.html")
    card = (studied.folder / "bundle" / "README.md").read_text()
    assert "colour" in card


def test_the_bundle_predicts_and_tells_which_columns_carry_a_score(studied):
    bundle = studied.bundle
    assert isinstance(bundle.model, RowModel)
    asked = pl.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "colour": ["red", "violet", None, None],
            "size": ["14", "n/a", "x", None],
            "weight": [0.1, 1e30, 0.0, None],
        }
    )
    told = bundle.predict(asked, explain=True).frame
    assert told["prediction"][0] == "apple"
    assert "colour=red +0." in told["words"][0]
    assert "did not occur" in told["problem"][1]
    assert "'x' is no finite number" in told["problem"][2]
    assert "every cell of the row is empty" in told["problem"][3]
    assert told["prediction"][2:].to_list() == [None, None]
    alone = bundle.predict(asked[:1]).frame
    assert alone["probability"][0] == told["probability"][0]
    assert "f" in told["nearest"][0]
    assert "colour=" in told["nearest"][0]


def test_a_bundle_of_rows_that_was_changed_is_refused(studied, tmp_path):
    import json
    import shutil

    from graft.bundle.manifest import write_manifest

    place = tmp_path / "bundle"
    shutil.copytree(studied.folder / "bundle", place)
    model = json.loads((place / "model" / "model.json").read_text())
    model["columns"]["categorical"] = ["size"]
    (place / "model" / "model.json").write_text(json.dumps(model))
    write_manifest(place)
    with pytest.raises(BundleError):
        load_bundle(place)


def test_what_cannot_be_studied_is_told_before_anything_is_trained(tmp_path):
    with pytest.raises(InputError, match="no column is named to learn from"):
        graft.study(table(), label="kind", out=tmp_path / "a", progress=False)
    with pytest.raises(ContractError, match="numeric column 'colour' holds"):
        graft.study(table(), label="kind", numeric="colour", out=tmp_path / "a", progress=False)
    with pytest.raises(InputError, match="'size' is given as numeric and as categorical"):
        graft.study(table(), label="kind", numeric="size", categorical="size", progress=False)
