"""Labels on a budget from the command line's side, and neighbours of key entities."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from graft.bundle.loading import load_bundle
from graft.bundle.parts import write_bundle
from graft.cli.app import app
from graft.core.errors import InputError
from graft.representations.spaces import given_space
from graft.tables.columns import vector_column
from graft.tables.table import EmbeddingTable
from graft.watch import neighbours
from graft.watch.check import _late_labels
from graft.watch.neighbours import check_table
from graft.watch.sample import draw_sample, estimate_sample, write_sample
from unit.bundle.building import parts_for
from unit.watch.test_watch import rows


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sampled") / "bundle"
    write_bundle(folder, parts_for("classical", "multiclass"))
    return load_bundle(folder)


def test_few_labels_say_how_good_it_is(bundle):
    batch = rows(300, 1, wrong=0.4)
    truth = batch["multiclass"]
    sample = draw_sample(bundle, batch.drop("multiclass"), 80)
    asked = sample.frame()
    assert asked.columns[:2] == ["row", "chance"]
    assert asked["multiclass"].null_count() == 80
    assert asked.height == len(set(asked["row"].to_list())) == 80
    labelled = asked.with_columns(truth[(asked["row"] - 1).to_list()].alias("multiclass"))
    found = estimate_sample(bundle, sample, labelled)
    decided = bundle.predict(batch).frame
    right = float((decided["prediction"] == truth).fill_null(value=False).mean())
    accuracy = found.qualities[0]
    assert accuracy.estimate.low <= right <= accuracy.estimate.high
    assert accuracy.expected > accuracy.estimate.high
    assert not accuracy.running
    # Not all labels have come: a wider interval, and no row may be passed over.
    part = labelled.with_columns(pl.when(pl.int_range(pl.len()) < 40).then("multiclass").alias("multiclass"))
    early = estimate_sample(bundle, sample, part)
    assert (early.labelled, early.qualities[0].running) == (40, True)
    assert (
        early.qualities[0].estimate.high - early.qualities[0].estimate.low
        > accuracy.estimate.high - accuracy.estimate.low
    )


def test_other_labels_are_refused(bundle):
    batch = rows(50, 2).drop("multiclass")
    sample = draw_sample(bundle, batch, 10)
    asked = sample.frame()
    with pytest.raises(InputError, match="the first row drawn has no label"):
        estimate_sample(bundle, sample, asked)
    other = next(row for row in range(1, 51) if row not in asked["row"].to_list())
    with pytest.raises(InputError, match=f"a label for row {other}, which was not drawn"):
        estimate_sample(bundle, sample, asked.with_columns(pl.lit(other).alias("row")))
    with pytest.raises(InputError, match="no column 'row'"):
        estimate_sample(bundle, sample, asked.drop("row"))
    with pytest.raises(InputError, match="0 rows to label"):
        draw_sample(bundle, batch, 0)
    with pytest.raises(InputError, match="a column 'chance', which the sample needs"):
        draw_sample(bundle, batch.with_columns(pl.lit(1).alias("chance")), 5).frame()
    assert draw_sample(bundle, batch, 500).frame().height == 50


def test_labels_of_no_row_and_two_of_one_row_are_refused(bundle, tmp_path):
    batch = rows(50, 2)
    sample = draw_sample(bundle, batch, 10)
    asked = sample.frame()
    names = sorted(batch["multiclass"].unique().to_list())
    other = asked[:1].with_columns(multiclass=pl.lit(next(one for one in names if one != asked["multiclass"][0])))
    with pytest.raises(InputError, match=f"row {asked['row'][0]} stands in the labels twice, with two labels"):
        estimate_sample(bundle, sample, pl.concat([asked, other]))
    assert estimate_sample(bundle, sample, pl.concat([asked, asked[:1]])).labelled == 10
    for row in (pl.col("row") + 0.5, pl.lit(None, pl.Int64)):
        with pytest.raises(InputError, match="10 labels without the number of their row in 'row'"):
            estimate_sample(bundle, sample, asked.with_columns(row=row))
    lists = draw_sample(bundle, batch.with_columns(tags=pl.lit([1, 2])), 5)
    with pytest.raises(InputError, match=r"column 'tags' holds List\(Int64\), and to_label.csv is CSV"):
        write_sample(lists, tmp_path / "to_label.csv")
    write_sample(lists, tmp_path / "to_label.parquet")
    assert pl.read_parquet(tmp_path / "to_label.parquet").height == 5


def test_labels_that_the_model_does_not_know_are_named(bundle):
    sample = draw_sample(bundle, rows(50, 5).drop("multiclass"), 10)
    asked = sample.frame().with_columns(pl.lit("Billing").alias("multiclass"))
    with pytest.raises(InputError, match="10 labels that the model does not know, the first is 'Billing' for row"):
        estimate_sample(bundle, sample, asked)
    # A column in which nothing is filled in yet has no type.
    empty = asked.to_pandas().assign(multiclass=None)
    with pytest.raises(InputError, match="the first row drawn has no label"):
        estimate_sample(bundle, sample, empty)


def test_several_labels_a_row(tmp_path):
    write_bundle(tmp_path / "bundle", parts_for("classical", "multilabel"))
    several = load_bundle(tmp_path / "bundle")
    batch = rows(120, 6)
    truth = several.predict(batch).frame["prediction"]
    # Of a third of the rows what is said is not so.
    turned = pl.Series([one if place % 3 else "login" for place, one in enumerate(truth.to_list())])
    right = float((turned == truth).mean())
    sample = draw_sample(several, batch, 120)
    asked = sample.frame().with_columns(turned[sample.batch.rows_given[sample.drawn.rows].tolist()].alias("multilabel"))
    found = estimate_sample(several, sample, asked)
    accuracy, cost = found.qualities
    assert found.labelled == 120
    assert accuracy.estimate.mean == pytest.approx(right, abs=1e-9)
    assert (accuracy.quality, cost.quality) == ("accuracy", "cost")
    with pytest.raises(InputError, match="labels for a model of several labels a row"):
        _late_labels(several, asked)
    with pytest.raises(InputError, match="'cheese'"):
        estimate_sample(several, sample, asked.with_columns(pl.lit("cheese").alias("multilabel")))


def test_values_are_sampled_evenly(tmp_path):
    write_bundle(tmp_path / "bundle", parts_for("classical", "regression"))
    bundle = load_bundle(tmp_path / "bundle")
    batch = rows(100, 3)
    sample = draw_sample(bundle, batch, 30)
    assert sample.frame()["chance"].to_list()[0] == pytest.approx(0.01)
    labelled = sample.frame().with_columns((pl.col("text").str.len_chars() / 7.0).alias("regression"))
    found = estimate_sample(bundle, sample, labelled)
    assert found.qualities[0].quality == "absolute error"
    assert found.qualities[0].estimate.low < found.qualities[0].estimate.mean


def test_in_words(bundle, tmp_path):
    batch = rows(60, 4)
    batch.write_csv(tmp_path / "today.csv")

    def run(*words: object):
        return CliRunner().invoke(
            app, ["watch", "sample", str(bundle.folder), "--rows", str(tmp_path / "today.csv"), *map(str, words)]
        )

    said = run("--n", 20, "--out", tmp_path / "label.csv")
    assert said.exit_code == 0, said.output
    assert said.output.startswith("20 rows to label written to")
    # The label column was there already, so the table is filled in.
    said = run("--n", 20, "--labels", tmp_path / "label.csv")
    assert said.output.startswith("20 of 20 rows labelled, of a batch of 60"), said.output
    assert "accuracy" in said.output


def table(place, vectors: np.ndarray, ids: list[str]) -> EmbeddingTable:
    made = EmbeddingTable.create(place, given_space("ours v1", vectors.shape[1]))
    made.upsert(pa.table({"id": ids, "vector": vector_column(vectors.astype(np.float32))}))
    return made


def test_entities_with_other_neighbours_are_named(tmp_path):
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(12, 16))
    vectors = np.repeat(middles, 15, axis=0) + 0.3 * rng.normal(size=(180, 16))
    ids = [f"e{place}" for place in range(180)]
    items = table(tmp_path / "items", vectors, ids)
    first = items.version
    turned = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    other = table(tmp_path / "turned", vectors @ turned, ids)
    calm = check_table(other, items)
    assert calm.changed == ()
    assert calm.overlap == pytest.approx(1, abs=1e-3)
    assert calm.moved < 0.01 < calm.before
    # Three entities go elsewhere, and one row is new.
    moved = vectors[:3] - middles[0] + middles[7]
    items.upsert(
        pa.table(
            {"id": [*ids[:3], "new"], "vector": vector_column(np.concatenate([moved, vectors[:1]]).astype(np.float32))}
        )
    )
    found = check_table(items, first, entities=["e0", "e1", "e2", "e50", "e99", "nobody"])
    assert {one.entity for one in found.changed} == {"e0", "e1", "e2"}
    assert (found.missing, found.appeared, found.vanished) == (("nobody",), 1, 0)
    assert any(name.startswith("e1") for name in found.changed[0].come)
    # One key entity alone is told too.
    (alone,) = check_table(items, first, entities=["e1"]).changed
    assert alone.entity == "e1"
    assert check_table(items, first, entities=["e50"]).changed == ()
    with pytest.raises(InputError, match="no entities"):
        check_table(items, first, entities=[])
    said = CliRunner().invoke(app, ["watch", "table", str(tmp_path / "items"), "--against", str(first)])
    assert said.exit_code == 3, said.output
    assert "by chance" in said.output
    replicates = [
        table(tmp_path / f"again{seed}", vectors + 0.05 * rng.normal(size=vectors.shape), ids) for seed in range(2)
    ]
    told = check_table(items, first, replicates=replicates).null
    assert told == "measured on 2 replicates, too few to tell one entity that changed alone"
    with pytest.raises(InputError, match="none of 1 entities is in both"):
        check_table(items, first, entities=["nobody"])
    with pytest.raises(InputError, match="2 rows in both"):
        check_table(items, table(tmp_path / "few", vectors[:2], ids[:2]))


def test_of_a_large_table_entities_are_drawn_and_replicates_made_one_by_one(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    vectors, ids = rng.normal(size=(400, 8)).astype(np.float32), [f"e{row}" for row in range(400)]
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    moved = (vectors + 0.02 * rng.normal(size=vectors.shape)) @ turn
    moved[:40] = rng.normal(size=(40, 8))
    before, now = table(tmp_path / "before", vectors, ids), table(tmp_path / "now", moved.astype(np.float32), ids)
    whole = check_table(now, before)
    monkeypatch.setattr(neighbours, "PAIRS", 400 * 250)
    monkeypatch.setattr(neighbours, "LEAST_DRAWN", 20)
    monkeypatch.setattr(neighbours, "TURNED", 150)
    some = check_table(now, before)
    assert (whole.entities, whole.drawn, some.entities, some.drawn) == (400, False, 250, True)
    assert "250 entities, drawn by chance, among 400 rows" in "\n".join(some.lines())
    assert some == check_table(now, before)
    # Of 40 rows that went elsewhere about 25 are drawn, and they are told as among all.
    gone, told = {f"e{row}" for row in range(40)}, {one.entity for one in some.changed}
    assert len(told & gone) >= 15
    assert len(told & gone & {one.entity for one in whole.changed}) >= 15
    assert some.moved == pytest.approx(whole.moved, rel=0.2)
    assert not check_table(now, before, entities=ids[:300]).drawn
