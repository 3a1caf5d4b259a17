"""A source of rows: pretrained on one table, moved to another with columns in common."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import graft
from graft import api
from graft.bundle.loading import load_bundle
from graft.core.errors import ContractError, InputError, OutputError, SourceError
from graft.facts.pretraining import FILE, PretrainingRecord
from graft.governance.named_assets import read_source
from graft.representations.encoding.encoder import Encoder
from graft.representations.row_source import require_shared
from graft.representations.sources import randomised, resolve_source
from graft.rows.content import Cells
from graft.scores.models import VectorModel


def table(rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    size, weight, colour = rng.normal(10, 3, rows), rng.normal(0, 1, rows), rng.choice(["red", "green", "blue"], rows)
    ripe = (size - 10) / 3 * np.where(colour == "red", 1, -1) + 0.3 * weight > 0
    return pl.DataFrame(
        {
            "size": [None if row % 17 == 0 else float(one) for row, one in enumerate(size)],
            "weight": weight,
            "colour": colour,
            "ripe": np.where(ripe, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("source") / "fruit"
    return api.pretrain_source(
        table(600, 0), numeric="*", categorical="*", label="ripe", out=out, passes=12, progress=False
    )


def test_a_source_says_what_it_learnt_and_what_it_is_made_from(made):
    record = PretrainingRecord.from_json((made.folder / FILE).read_text(), FILE)
    assert record == made.record
    scores = {one.name: one.score.mean for one in record.scores}
    assert list(scores) == ["the source", "majority", "classical"]
    assert scores["the source"] > 0.8 > scores["majority"]
    assert record.held == 100
    assert record.columns == ("size", "weight", "colour")
    asset = read_source(made.reference, made.folder)
    assert [edge.relation.value for edge in asset.edges] == ["trained-on-data"]
    card = (made.folder / "README.md").read_text()
    assert "the source | 0." in card
    assert record.data_digest[:16] in card


@pytest.mark.slow
def test_the_same_rows_and_seed_give_the_same_weights(made, tmp_path):
    again = api.pretrain_source(
        table(600, 0), numeric="*", categorical="*", label="ripe", out=tmp_path / "fruit", passes=12, progress=False
    )
    assert again.record.digest == made.record.digest
    with pytest.raises(OutputError):
        api.pretrain_source(table(60, 0), numeric="*", label="ripe", out=tmp_path / "fruit", progress=False)
    with pytest.raises(InputError, match="no column is named"):
        api.pretrain_source(table(60, 0), label="ripe", out=tmp_path / "none", progress=False)
    assert not (tmp_path / "none").exists()


def test_a_row_reads_the_same_in_any_company_and_order_of_columns(made):
    source = resolve_source(made.reference)
    encoder = Encoder(source)
    rows = [Cells(("size", "weight", "colour"), (float(one), None, "red")) for one in range(300)]
    vectors, _ = encoder.vectors(rows)
    alone, _ = encoder.vectors([{"colour": "red", "size": 7, "unknown": "x"}])
    assert np.array_equal(alone[0], vectors[7])
    lower, _ = encoder.boundary(rows[:3], 1)
    assert lower.values.shape == (3, 128)
    assert not np.allclose(Encoder(randomised(source, seed=1)).vectors(rows[:1])[0], vectors[:1])


def spoilt(folder: Path, place: Path, change) -> str:
    shutil.copytree(folder, place)
    config = json.loads((place / "config.json").read_text())
    change(config)
    (place / "config.json").write_text(json.dumps(config))
    return f"path:{place}"


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.update(width=10**9),
        lambda config: config.update(blocks=2),
        lambda config: config["columns"]["numeric"].append("more"),
        lambda config: config["columns"].update(scales=[0.0, 1.0]),
        lambda config: config["columns"].update(categories=[["red", "red", "green"]]),
        lambda config: config.pop("columns"),
    ],
)
def test_a_damaged_source_is_refused(made, tmp_path, change):
    with pytest.raises(SourceError):
        resolve_source(spoilt(made.folder, tmp_path / "copy", change))


def test_a_source_without_a_column_in_common_is_refused(made, tmp_path):
    source = resolve_source(made.reference)
    require_shared(source, ("weight", "other"), ())
    for numeric, categorical in ((("other",), ("size",)), ((), ("weight",))):
        with pytest.raises(SourceError, match="a column in common"):
            require_shared(source, numeric, categorical)
    strange = table(60, 1).rename({"size": "a", "weight": "b", "colour": "c"})
    with pytest.raises(SourceError, match="none of them"):
        graft.study(
            strange,
            numeric="*",
            categorical="*",
            label="ripe",
            source=made.reference,
            out=tmp_path / "s",
            progress=False,
        )
    texts = pl.DataFrame({"text": [f"a text {row}" for row in range(40)], "y": ["a", "b"] * 20})
    with pytest.raises(SourceError, match="reads rows"):
        graft.study(texts, text="text", label="y", source=made.reference, out=tmp_path / "t", progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["frozen", "partial:1", "full", "l2sp"])
def test_every_strategy_moves_it_to_a_table_with_columns_in_common(made, tmp_path, strategy):
    new = table(120, 2).drop("weight").with_columns(pl.Series("shop", ["north", "south"] * 60))
    found = graft.study(
        new,
        numeric="*",
        categorical="*",
        label="ripe",
        source=made.reference,
        strategy=strategy,
        effort="quick",
        folds=2,
        out=tmp_path / "study",
        progress=False,
    )
    names = {(one.source, one.strategy) for one in found.record.candidates}
    assert names == {("", "majority"), ("", "classical"), ("row-resnet", "scratch"), (made.reference, strategy)}
    told = " ".join(found.record.data.notes)
    assert "reads 2 of the 3 columns" in told
    assert "'shop' it does not know" in told
    assert "'weight' of its own the table lacks" in told
    reused = next(one for one in found.record.candidates if one.source == made.reference)
    assert reused.score.mean > 0.7
    bundle = load_bundle(tmp_path / "study" / "bundle")
    said = bundle.predict(new).frame["probability"]
    turned = new.select(reversed(new.columns)).with_columns(more=pl.lit("x"))
    assert (bundle.predict(turned).frame["probability"] == said).all()
    strange = bundle.predict(new.with_columns(colour=pl.lit("violet"), shop=pl.lit("east"))).frame
    assert strange["prediction"].null_count() == 0
    assert "did not occur" in strange["problem"][0]
    with pytest.raises(ContractError, match="has no column 'shop'"):
        bundle.predict(new.drop("shop"))
    told = bundle.predict(new[:3], explain=True).frame
    assert told["prediction"].null_count() == 0
    if isinstance(bundle.model, VectorModel):
        assert {edge for edge in ("colour=", "size=") if edge in told["words"][0]}
