"""A table as other programs read it, without Graft: which are right, which refuse, which are wrong."""

import json

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import DeltaProtocolError

from graft.tables.delta import leaving
from graft.tables.delta.commits import checkpoint
from graft.tables.table import EmbeddingTable
from table_rows import SPACE, contents, expected, numbered, rows


def duckdb_over(stream):
    return duckdb.sql("SELECT * FROM stream").to_arrow_table()


RIGHT_ALWAYS = {
    "polars scan_delta": lambda place: pl.scan_delta(place).collect().to_arrow(),
    "polars read_delta": lambda place: pl.read_delta(place).to_arrow(),
    "polars filter": lambda place: pl.scan_delta(place).filter(pl.col("id") != "nobody").collect().to_arrow(),
    "pyarrow stream": lambda place: pa.table(DeltaTable(place).scan()),
    "duckdb over the stream": lambda place: duckdb_over(pa.RecordBatchReader.from_stream(DeltaTable(place).scan())),
    "duckdb over polars": lambda place: duckdb_over(pl.read_delta(place)),
    "datafusion": lambda place: pa.table(
        QueryBuilder().register("t", DeltaTable(place)).execute("SELECT * FROM t").read_all()
    ),
}
PLAIN_TABLES_ONLY = {
    "to_pyarrow_table": lambda place: DeltaTable(place).to_pyarrow_table(),
    "to_pyarrow_dataset": lambda place: DeltaTable(place).to_pyarrow_dataset().to_table(),
    "duckdb over the dataset": lambda place: duckdb_over(DeltaTable(place).to_pyarrow_dataset()),
    "polars through pyarrow": lambda place: pl.scan_delta(place, use_pyarrow=True).collect().to_arrow(),
}


def changed_table(path):
    """200 rows; every seventh updated, with a new column; every eleventh deleted."""
    names = numbered(200)
    table = EmbeddingTable.create(path, SPACE)
    table.upsert(rows(names, region=["EU", "US"] * 100))
    table.upsert(rows(names[::7], 1, score=[0.5] * len(names[::7])))
    table.delete(names[::11])
    left = set(names) - set(names[::11])
    return table, {name: one for name, one in (expected(names) | expected(names[::7], 1)).items() if name in left}


def read_by(reader, table):
    found = reader(str(table.store.root))
    vectors = pl.from_arrow(found.select(["id", "vector"]))
    return {name: pl.Series(one, dtype=pl.Float32).to_numpy().tobytes() for name, one in vectors.iter_rows()}


@pytest.fixture
def hidden(tmp_path, monkeypatch):
    monkeypatch.setattr(leaving, "_MOVED_BYTES", 0)
    table, wanted = changed_table(tmp_path / "t")
    assert any(file.descriptor for file in table.snapshot().files)
    return table, wanted


@pytest.mark.parametrize("name", RIGHT_ALWAYS | PLAIN_TABLES_ONLY)
def test_a_small_table_is_read_right_by_all(tmp_path, name):
    table, wanted = changed_table(tmp_path / "t")
    assert contents(table) == wanted
    assert read_by((RIGHT_ALWAYS | PLAIN_TABLES_ONLY)[name], table) == wanted


@pytest.mark.parametrize("name", RIGHT_ALWAYS)
def test_deletion_vectors_are_honoured(hidden, name):
    table, wanted = hidden
    assert contents(table) == wanted
    assert read_by(RIGHT_ALWAYS[name], table) == wanted


@pytest.mark.parametrize("name", PLAIN_TABLES_ONLY)
def test_readers_that_know_no_deletion_vectors_refuse_and_read_the_compacted_table(hidden, name):
    table, wanted = hidden
    with pytest.raises(DeltaProtocolError, match="deletionVectors"):
        read_by(PLAIN_TABLES_ONLY[name], table)
    table.compact()
    assert contents(table) == wanted
    assert read_by(PLAIN_TABLES_ONLY[name], table) == wanted


def test_counting_without_reading_is_right_again_after_compacting(hidden):
    table, wanted = hidden
    assert DeltaTable(table.store.root).count() > len(wanted) == table.count()
    table.compact()
    assert DeltaTable(table.store.root).count() == len(wanted)


def test_parquet_files_without_their_log_show_what_is_no_longer_there(hidden):
    table, wanted = hidden
    assert pyarrow.dataset.dataset(list(table.store.root.glob("*.parquet"))).count_rows() > len(wanted)


@pytest.mark.parametrize("name", RIGHT_ALWAYS)
def test_a_checkpoint_keeps_the_deletion_vectors(hidden, name):
    table, wanted = hidden
    checkpoint(table.store.root, table.version, always=True)
    for entry in (table.store.root / "_delta_log").glob("*.json"):
        entry.unlink()
    assert contents(table) == wanted
    assert read_by(RIGHT_ALWAYS[name], table) == wanted
    # And what comes next continues from it.
    table.delete(sorted(wanted)[:5])
    table.upsert(rows(["later"]))
    wanted = {one: wanted[one] for one in sorted(wanted)[5:]} | expected(["later"])
    assert contents(table) == wanted
    assert read_by(RIGHT_ALWAYS[name], table) == wanted


def test_types_are_those_of_delta(tmp_path):
    table, _ = changed_table(tmp_path / "t")
    schema = json.loads(DeltaTable(table.store.root).schema().to_json())
    assert {field["name"]: field["type"] for field in schema["fields"]} == {
        "id": "string",
        "vector": {"type": "array", "elementType": "float", "containsNull": False},
        "space": "string",
        "digest": "string",
        "updated_at": "timestamp",
        "region": "string",
        "score": "double",
    }


def test_rows_another_program_appends_are_rows_of_the_table(hidden):
    table, wanted = hidden
    place = str(table.store.root)
    added = table.read().slice(0, 2).to_pydict()
    added["id"] = ["theirs", sorted(wanted)[5]]
    write_deltalake(place, pa.table(added, schema=table.schema), mode="append")
    assert table.count() == len(wanted) + 2
    # They wrote an id that is there already; the next upsert of it leaves one.
    table.upsert(rows([sorted(wanted)[5]], 3))
    assert table.count() == len(wanted) + 1
    assert contents(table)[sorted(wanted)[5]] == expected([sorted(wanted)[5]], 3)[sorted(wanted)[5]]
    assert table.delete(["theirs"]) == 1
