"""What an upsert and a delete do to rows; every test runs with rows moved and with rows hidden by deletion vectors."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from graft.core.errors import TableError
from graft.tables.delta import leaving
from graft.tables.table import EmbeddingTable
from table_rows import DIMENSION, SPACE, contents, expected, numbered, rows, vector


@pytest.fixture(params=["moved", "hidden"], autouse=True)
def way(request, monkeypatch):
    if request.param == "hidden":
        monkeypatch.setattr(leaving, "_MOVED_BYTES", 0)
        monkeypatch.setattr(leaving, "_MOVED_SHARE", 0)
    return request.param


@pytest.fixture
def table(tmp_path):
    return EmbeddingTable.create(tmp_path / "vectors" / "tickets", SPACE)


def test_a_new_table_is_empty(table):
    ids, vectors = table.vectors()
    assert ids.shape == (0,)
    assert vectors.shape == (0, DIMENSION)
    assert vectors.dtype == np.float32
    assert table.read().column_names == ["id", "vector", "space", "digest", "updated_at"]
    assert (table.count(), table.version, table.name) == (0, 0, "tickets")
    assert table.read(where="id = 'a'").num_rows == 0


def test_rows_are_inserted_updated_and_left_alone(table, way):
    names = numbered(100)
    done = table.upsert(rows(names))
    assert (done.inserted, done.updated, done.unchanged, done.refused, done.version) == (100, 0, 0, (), 1)
    again = table.upsert(rows(names))
    assert (again.inserted, again.updated, again.unchanged, again.version) == (0, 0, 100, 1)
    changed = rows([*names[10:20], "new"], edition=1)
    mixed = pa.concat_tables([changed, rows(names[50:60])])
    done = table.upsert(mixed)
    assert (done.inserted, done.updated, done.unchanged, done.version) == (1, 10, 10, 2)
    assert contents(table) == expected(names) | expected([*names[10:20], "new"], 1)
    assert table.count() == 101
    assert any(file.descriptor for file in table.snapshot().files) == (way == "hidden")


def test_only_changed_rows_are_written(table, way):
    table.upsert(rows(numbered(1000)))
    before = {file.path for file in table.snapshot().files}
    table.upsert(pa.concat_tables([rows(numbered(990)), rows(numbered(10, 990), edition=1)]))
    new = [file for file in table.snapshot().files if file.path not in before]
    assert [file.rows for file in new] == [10 if way == "hidden" else 1000]


def test_an_update_of_an_update_finds_the_newest_row_only(table):
    names = numbered(50)
    table.upsert(rows(names))
    for edition in range(1, 8):
        assert table.upsert(rows(names[edition::3], edition)).updated == len(names[edition::3])
    wanted = expected(names)
    for edition in range(1, 8):
        wanted |= expected(names[edition::3], edition)
    assert contents(table) == wanted


def test_rows_are_deleted_and_come_back(table):
    names = numbered(40)
    table.upsert(rows(names))
    assert table.delete([names[3], names[3], "nobody", names[30]]) == 2
    assert table.delete(["nobody"]) == 0
    assert table.version == 2
    assert contents(table) == expected([name for name in names if name not in (names[3], names[30])])
    assert table.upsert(rows([names[3]])).inserted == 1
    assert table.delete(names) == 39
    assert table.count() == 0
    assert table.snapshot().files == ()


def test_rows_stand_in_one_order_everywhere(table):
    table.upsert(rows(numbered(30), region=["EU", "US"] * 15))
    table.upsert(rows(numbered(10, 5), 1, region=["AS"] * 10))
    ids, vectors = table.vectors()
    read = table.read(["id", "vector", "region"])
    assert read["id"].to_pylist() == ids.tolist()
    assert np.array_equal(np.array(read["vector"].to_pylist(), np.float32), vectors)
    asian = table.read(["id"], where="region = 'AS'")["id"].to_pylist()
    assert asian == [name for name, region in zip(ids, read["region"].to_pylist(), strict=True) if region == "AS"]


def test_a_column_of_the_users_changes_without_a_vector(table):
    names = numbered(20)
    table.upsert(rows(names, region=["EU"] * 20))
    first = table.read(["id", "digest"])
    done = table.upsert(pa.table({"id": names[:3], "region": ["EU", "US", None]}))
    assert (done.inserted, done.updated, done.unchanged) == (0, 2, 1)
    assert contents(table) == expected(names)
    read = {row["id"]: row for row in table.read(["id", "region", "digest"]).to_pylist()}
    assert [read[name]["region"] for name in names[:4]] == ["EU", "US", None, "EU"]
    assert {name: row["digest"] for name, row in read.items()} == {
        row["id"]: row["digest"] for row in first.to_pylist()
    }


def test_columns_not_given_keep_their_values(table):
    names = numbered(6)
    table.upsert(rows(names, region=["EU"] * 6, age=[1, 2, 3, None, 5, 6]))
    table.upsert(rows([*names[2:4], "new"], 1))
    read = {row["id"]: (row["region"], row["age"]) for row in table.read(["id", "region", "age"]).to_pylist()}
    assert [read[name] for name in (names[2], names[3], "new")] == [("EU", 3), ("EU", None), (None, None)]
    assert contents(table) == expected(names) | expected([*names[2:4], "new"], 1)


def test_vectors_given_for_some_rows_only(table):
    names = numbered(6)
    table.upsert(rows(names, age=[0] * 6))
    given = [vector(names[0], 1).tolist(), None, None, vector("new").tolist(), None]
    lists = pa.array(given, pa.list_(pa.float32()))
    done = table.upsert(pa.table({"id": [*names[:3], "new", "bare"], "vector": lists, "age": [0, 1, 0, 4, 5]}))
    assert (done.inserted, done.updated, done.unchanged) == (1, 2, 1)
    assert [(problem.row, problem.id, problem.why) for problem in done.refused] == [
        (4, "bare", "it is new and has no vector")
    ]
    assert contents(table) == expected(names) | expected(["new"]) | expected(names[:1], 1)
    ages = {row["id"]: row["age"] for row in table.read(["id", "age"]).to_pylist()}
    assert [ages[name] for name in (names[0], names[1], "new")] == [0, 1, 4]


def test_content_that_changed_needs_its_vector(table):
    digest = "0" * 32
    table.upsert(rows(["a", "b"], digest=[digest, digest]))
    done = table.upsert(pa.table({"id": ["a", "b"], "digest": ["1" * 32, digest]}))
    assert [(problem.row, problem.why) for problem in done.refused] == [
        (0, "its content changed, but its vector is not given")
    ]
    assert (done.updated, done.unchanged, table.version) == (0, 1, 1)
    with pytest.raises(TableError, match="row 0 \\(id 'a'\\): its content changed"):
        table.upsert(pa.table({"id": ["a"], "digest": ["1" * 32]}), strict=True)


def test_the_digest_of_what_was_embedded_decides(table):
    table.upsert(rows(["a"], digest=["0" * 32]))
    assert table.upsert(rows(["a"], 1, digest=["0" * 32])).unchanged == 1
    assert contents(table) == expected(["a"])
    assert table.upsert(rows(["a"], 1, digest=["1" * 32])).updated == 1
    assert contents(table) == expected(["a"], 1)


def test_which_rows_would_have_to_be_embedded_anew(table):
    table.upsert(rows(["a", "b", "c"], digest=["0" * 32, "1" * 32, "2" * 32]))
    asked = ["c", "x", "a", "b", "a"]
    assert table.changed(asked, ["2" * 32, "2" * 32, "1" * 32, "1" * 32, "0" * 32]).tolist() == [
        False, True, True, False, False,
    ]  # fmt: skip
    assert table.changed([], []).tolist() == []


def test_a_new_column_is_null_in_older_rows(table):
    table.upsert(rows(["a", "b"]))
    done = table.upsert(rows(["b", "c"], 1, opened=pa.array([5, 6], pa.int16())))
    assert (done.inserted, done.updated) == (1, 1)
    assert sorted(map(tuple, (row.values() for row in table.read(["id", "opened"]).to_pylist()))) == [
        ("a", None), ("b", 5), ("c", 6),
    ]  # fmt: skip
    assert table.schema.field("opened").type == pa.int16()
    table.upsert(pa.table({"id": ["a"], "later": ["x"]}))
    assert {row["id"]: row["later"] for row in table.read(["id", "later"]).to_pylist()} == {
        "a": "x", "b": None, "c": None,
    }  # fmt: skip


def test_a_column_without_values_waits_for_its_type(table):
    table.upsert(rows(["a"], note=pa.nulls(1)))
    assert "note" not in table.schema.names
    table.upsert(rows(["a"], note=["x"]))
    assert table.read(["note"])["note"].to_pylist() == ["x"]
    assert table.upsert(rows(["a"], note=pa.nulls(1))).unchanged == 1


def test_polars_rows_and_every_kind_of_column_survive(table):
    frame = pl.DataFrame(
        {
            "id": [7, 8],
            "vector": pl.Series([vector("7"), vector("8")], dtype=pl.Array(pl.Float64, DIMENSION)),
            "city": pl.Series(["Bern", None], dtype=pl.Categorical),
            "when": [datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), None],
            "local": [datetime(2026, 1, 2, 3, 4), None],
            "day": pl.Series([datetime(2026, 1, 2), None]).cast(pl.Date),
            "ok": [True, None],
            "price": [0.1, float("nan")],
            "tags": [["a", "b"], None],
            "place": [{"x": 1, "y": "z"}, None],
            "Customer name": ["Ä", "ö"],
            "small": pl.Series([255, 0], dtype=pl.UInt8),
        }
    )
    assert table.upsert(frame).inserted == 2
    assert table.upsert(frame).unchanged == 2
    read = pl.DataFrame(table.read()).sort("id")
    assert read["id"].to_list() == ["7", "8"]
    for name in frame.columns[2:]:
        assert read[name].to_list() == frame[name].to_list() or name == "price"
    assert read["price"][0] == 0.1
    assert np.isnan(read["price"][1])
    assert contents(table) == expected(["7", "8"])
    frame = frame.with_columns(place=pl.Series([{"x": 2, "y": "z"}, None]))
    assert table.upsert(frame).updated == 1


def test_what_was_read_can_be_given_back(table):
    table.upsert(rows(numbered(9), age=list(range(9))))
    done = table.upsert(table.read())
    assert (done.unchanged, done.version) == (9, 1)


def test_batches_come_one_after_the_other(table, monkeypatch):
    monkeypatch.setattr("graft.tables.table._CHUNK_BYTES", 4 * DIMENSION * 25)
    batches = (rows(numbered(10, start)).to_batches()[0] for start in range(0, 95, 10))
    done = table.upsert(batches)
    assert (done.inserted, done.version) == (100, 4)
    assert contents(table) == expected(numbered(100))
    broken = iter([rows(["a"] * 2), rows(numbered(30, 90), 1)])
    done = table.upsert(broken)
    assert [(problem.row, problem.id) for problem in done.refused] == [(0, "a"), (1, "a")]
    assert (done.inserted, done.updated) == (20, 10)
    assert table.upsert([]).version == done.version


def test_the_users_column_of_ids_may_have_another_name(tmp_path):
    table = EmbeddingTable.create(tmp_path / "t", SPACE, id_column="ticket", content=("message",), source="minilm")
    table.upsert(rows(["a", "b"]).rename_columns(["ticket", "vector"]))
    assert contents(EmbeddingTable.open(tmp_path / "t")) == expected(["a", "b"])
    assert "ticket" not in table.schema.names
    assert table.upsert(rows(["a"], 1)).updated == 1


def test_a_large_change_is_written_in_several_files(table, monkeypatch):
    monkeypatch.setattr("graft.tables.delta.data_files._FILE_ROWS", 64)
    monkeypatch.setattr("graft.tables.upserting._PIECE", 32)
    names = numbered(200)
    table.upsert(rows(names))
    assert [file.rows for file in table.snapshot().files] == [64, 64, 64, 8]
    assert table.vectors()[0].tolist() == names
    table.upsert(rows(names[::7], 1))
    assert contents(table) == expected(names) | expected(names[::7], 1)


def test_many_small_upserts_do_not_leave_many_small_files(table, monkeypatch):
    for number in range(40):
        table.upsert(rows(numbered(2, 2 * number)))
    assert len(table.snapshot().files) < 24
    assert contents(table) == expected(numbered(80))
