"""Rows alone in a table: what is kept of them, and how they are found again."""

import json

import numpy as np
import polars as pl
import pytest
from safetensors.torch import save_file
from typer.testing import CliRunner

import graft
from graft.cli.app import app
from graft.core.errors import InputError, SourceError, TableError
from graft.representations.encoding.encoder import Encoder
from graft.representations.row_columns import cell_table, fit_row_columns
from graft.representations.row_source import drawn_row_source
from graft.representations.sources import resolve_source
from graft.representations.towers.row_resnet import load_row_resnet
from graft.rows.content.row import cells_of

RNG = np.random.default_rng(0)
FRUIT = pl.DataFrame(
    {
        "id": [f"fruit {row}" for row in range(40)],
        "size": RNG.normal(10, 3, 40),
        "code": RNG.integers(1, 4, 40),
        "colour": RNG.choice(["red", "green", "blue"], 40),
        "note": ["so so"] * 40,
    }
)


def drawn_source(folder, numeric, names, seed):
    """A source that reads some columns as numbers and others as names."""
    cells = cell_table(
        cells_of([FRUIT[one].cast(pl.Float64) for one in numeric] + [FRUIT[one].cast(pl.String) for one in names]),
        numeric,
        names,
    )
    drawn = drawn_row_source(fit_row_columns(cells, numeric, names), folder, seed=seed)
    save_file(load_row_resnet(drawn).state_dict(), folder / "model.safetensors")
    return f"path:{folder}"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return drawn_source(tmp_path_factory.mktemp("source"), ["size"], ["code", "colour"], 1)


@pytest.fixture(scope="module")
def narrower(tmp_path_factory):
    return drawn_source(tmp_path_factory.mktemp("narrower"), ["size"], ["colour"], 2)


@pytest.fixture(autouse=True)
def ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))


def run(*words: object):
    return CliRunner().invoke(app, list(map(str, words)))


def test_rows_are_kept_found_and_only_changed_ones_are_encoded(tmp_path, source):
    FRUIT.write_csv(tmp_path / "fruit.csv")
    asked = ("--id", "id", "--numeric", "*", "--categorical", "*", "--source", source, "--table", tmp_path / "table")
    found = run("embed", tmp_path / "fruit.csv", *asked)
    assert found.exit_code == 0, found.output
    assert "40 new" in found.output
    changed = FRUIT.with_columns(size=pl.when(pl.col("id") == "fruit 3").then(99.0).otherwise("size"), note=pl.lit("x"))
    changed.write_csv(tmp_path / "fruit.csv")
    found = run("embed", tmp_path / "fruit.csv", *asked)
    assert "1 encoded" in found.output
    row = FRUIT.row(7, named=True)
    typed = f"size={row['size']}, code={row['code']}, colour={row['colour']}"
    found = run("search", tmp_path / "table", typed, "-k", 2)
    assert found.exit_code == 0, found.output
    first = found.output.splitlines()[0]
    assert "0.000  fruit 7" in first
    assert f"code={row['code']}, colour={row['colour']}" in first
    shown = json.loads(run("search", tmp_path / "table", json.dumps(row), "-k", 1, "--json").output)
    assert shown["colour"] == row["colour"]
    for typed, says in (("colur=red", "did you mean 'colour'"), ("red", "names no columns"), ("size=big", "a number")):
        found = run("search", tmp_path / "table", typed)
        assert isinstance(found.exception, InputError)
        assert says in str(found.exception), typed


def test_a_mapping_is_a_question_too_and_reads_as_the_source_does(tmp_path, source):
    table, done = graft.embed_table(
        FRUIT, table=tmp_path / "table", id="id", numeric="size", categorical=["code", "colour"], source=source
    )
    assert done.inserted == 40
    row = FRUIT.row(5, named=True)
    found = table.search({"size": row["size"], "code": row["code"], "colour": row["colour"], "note": "ignored"}, k=1)
    assert found["id"].to_list() == ["fruit 5"]
    assert found["distance"][0] == pytest.approx(0, abs=1e-6)
    with pytest.raises(InputError, match="reads no column"):
        table.search({"weight": 3}, k=1)


def test_bare_vectors_are_those_of_the_source(tmp_path, source):
    FRUIT.sample(fraction=1, shuffle=True, seed=2).select("colour", "size", "id", "code").write_csv(tmp_path / "a.csv")
    found = run(
        "embed",
        tmp_path / "a.csv",
        "--numeric",
        "*",
        "--categorical",
        "*",
        "--source",
        source,
        "--out",
        tmp_path / "v.npy",
    )
    assert found.exit_code == 0, found.output
    vectors = np.load(tmp_path / "v.npy")
    again = pl.read_csv(tmp_path / "a.csv").with_columns(code=pl.col("code").cast(pl.String))
    wanted, _ = Encoder(resolve_source(source)).vectors(again.select("size", "code", "colour").to_dicts())
    assert np.array_equal(vectors, wanted)
    whole = pl.read_csv(tmp_path / "a.csv")  # the code is a number here, and a name to the source
    for given in (whole, whole.to_pandas(), whole.to_dicts()):
        assert np.array_equal(graft.embed(given, source), wanted)
    assert np.array_equal(graft.Embedder(source).fit_transform(whole), wanted)
    with pytest.raises(InputError, match="reads no column"):
        graft.embed([{"weight": 1.0}], source)


def test_what_cannot_be_embedded_is_told(tmp_path, source):
    bad = FRUIT.with_columns(size=pl.col("size").cast(pl.String)).with_columns(
        size=pl.when(pl.col("id") == "fruit 3").then(pl.lit("12,5 cm")).otherwise("size")
    )
    bad.write_csv(tmp_path / "bad.csv")
    asked = ["--numeric", "*", "--categorical", "*", "--source", source]
    found = run("embed", tmp_path / "bad.csv", *asked, "--id", "id", "--table", tmp_path / "table")
    assert found.exit_code == 0
    assert "row 3 (id 'fruit 3'): column 'size': '12,5 cm' is no finite number" in found.output
    found = run("embed", tmp_path / "bad.csv", *asked, "--out", tmp_path / "v.npy")
    assert isinstance(found.exception, InputError)
    assert str(found.exception).startswith("row 3: column 'size'")
    worse = bad.with_columns(size=pl.when(pl.col("id") == "fruit 5").then(pl.lit("large")).otherwise("size"))
    worse.write_csv(tmp_path / "worse.csv")
    found = run("embed", tmp_path / "worse.csv", *asked, "--out", tmp_path / "v.npy")
    told = str(found.exception)
    assert told.startswith(f"2 of {len(bad)} rows cannot be embedded: row 3: column 'size'"), "all at once"
    assert "; row 5: column 'size'" in told
    with pytest.raises(SourceError, match="the table has none of them"):
        graft.embed_table(
            FRUIT.rename({"size": "s", "code": "c", "colour": "f"}), table=tmp_path / "t", id="id", numeric="*",
            categorical="*", source=source,
        )  # fmt: skip
    for more, says in (
        ({"numeric": "*"}, "without a source"),
        ({"numeric": "*", "text": "note", "source": source}, "columns of text and of numbers"),
        ({}, "no column is named"),
        ({"numeric": "sise", "source": source}, "did you mean 'size'"),
    ):
        with pytest.raises(InputError, match=says):
            graft.embed_table(FRUIT, table=tmp_path / "t", id="id", **more)
    with pytest.raises(InputError, match="has a column 'cells'"):
        graft.embed_table(
            FRUIT.rename({"note": "cells"}), table=tmp_path / "t", id="id", numeric="*", source=source
        )  # fmt: skip


def test_rows_move_to_a_source_that_reads_no_more_than_was_kept_and_back(tmp_path, source, narrower):
    """A column that only the new source knows was not kept: vectors without it would not be what embedding makes."""
    asked = {"id": "id", "numeric": "*", "categorical": "*"}
    graft.embed_table(FRUIT, table=tmp_path / "table", source=source, **asked)
    graft.embed_table(FRUIT, table=tmp_path / "other", source=narrower, **asked)
    found = run("tables", "migrate", tmp_path / "table", "--to", narrower, "--yes")
    assert found.exit_code == 0, found.output
    assert "40 different rows in cells" in found.output
    assert "40 rows encoded, 40 rows written" in found.output
    ids, moved = graft.EmbeddingTable.open(tmp_path / "table").vectors()
    others, anew = graft.EmbeddingTable.open(tmp_path / "other").vectors()
    np.testing.assert_allclose(moved[np.argsort(ids)], anew[np.argsort(others)], atol=1e-6)
    found = run("tables", "migrate", tmp_path / "other", "--to", source, "--yes")
    assert isinstance(found.exception, TableError)
    assert "reads 'code' too" in str(found.exception)
    assert "only 'colour', 'size' were embedded" in str(found.exception)
    assert run("tables", "rollback", tmp_path / "table").exit_code == 0
    run("tables", "rollback", tmp_path / "table")
    # Embedded again by the narrower source, the rows say less than the first one read.
    graft.embed_table(FRUIT, table=tmp_path / "table", source=narrower, **asked)
    found = run("tables", "rollback", tmp_path / "table")
    assert isinstance(found.exception, TableError)
    assert "'code'" in str(found.exception)


def test_rows_do_not_move_to_a_source_that_reads_none_of_their_columns(tmp_path, source):
    graft.embed_table(FRUIT, table=tmp_path / "table", id="id", numeric="size", source=source)
    alone = drawn_source(tmp_path, ["size"], [], 3)
    (tmp_path / "config.json").write_text((tmp_path / "config.json").read_text().replace('"size"', '"weight"'))
    found = run("tables", "migrate", tmp_path / "table", "--to", alone, "--yes")
    assert isinstance(found.exception, SourceError)
    assert "the table has none of them" in str(found.exception)
