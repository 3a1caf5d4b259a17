"""Asking an open table again and again: what comes along, what is remembered, what is noticed."""

import shutil
import time
from datetime import timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import tiny
from graft.api import embed_table
from graft.core.errors import TableError
from graft.representations.spaces import given_space
from graft.tables import querying, table
from graft.tables.columns import vector_column
from graft.tables.delta import snapshots
from graft.tables.table import EmbeddingTable

SPACE = given_space("ours", 4)


def rows(*names: str, region: str = "EU") -> pa.Table:
    vectors = np.random.default_rng(len(names)).standard_normal((len(names), 4), dtype=np.float32)
    return pa.table(
        {"id": list(names), "vector": vector_column(vectors), "region": [region] * len(names), "note": list(names)}
    )


@pytest.fixture
def opened(tmp_path) -> EmbeddingTable:
    made = EmbeddingTable.create(tmp_path / "t", SPACE)
    made.upsert(rows(*"abcdef"))
    made.upsert(rows(*"ghi", region="US"))
    return EmbeddingTable.open(tmp_path / "t")


def ask(one: EmbeddingTable, k: int = 20, **more: object) -> pl.DataFrame:
    return one.search(np.ones((2, 4), np.float32), k=k, space=SPACE, **more)


def test_columns_come_along_for_the_rows_found(opened):
    found = ask(opened, k=3)
    assert found.columns == ["query", "rank", "id", "distance", "region", "note"]
    assert found["note"].to_list() == found["id"].to_list()
    assert found["region"].to_list() == ["US" if one in "ghi" else "EU" for one in found["id"]]
    assert ask(opened, columns=["note"]).columns[-1] == "note"
    assert ask(opened, columns=[]).columns == ["query", "rank", "id", "distance"]
    with pytest.raises(TableError, match="no column 'x'"):
        ask(opened, columns=["x"])


def test_nothing_found_has_the_columns_all_the_same(opened):
    assert ask(opened, where="region = 'nowhere'").height == 0
    assert ask(opened, where="region = 'nowhere'").columns == ask(opened).columns


def test_conditions_and_columns_are_read_once_a_version(opened, monkeypatch):
    read: list[object] = []
    for name in ("read_columns", "read_mask"):
        real = getattr(table, name)
        monkeypatch.setattr(
            table, name, lambda *given, real=real, **more: read.append(given[1]) or real(*given, **more)
        )
    for _ in range(3):
        assert sorted(set(ask(opened, where="region = 'US'")["id"])) == ["g", "h", "i"]
    assert read == ["region = 'US'", ("region", "note")]
    EmbeddingTable.open(opened.path).upsert(rows("x", region="US"))
    EmbeddingTable.open(opened.path).delete(["g"])
    found = ask(opened, where="region = 'US'")
    assert sorted(set(found["id"])) == ["h", "i", "x"]
    assert found["note"].to_list() == found["id"].to_list()


def test_only_the_last_conditions_are_kept(opened, monkeypatch):
    monkeypatch.setattr(querying, "_MASKS", 2)
    for name in "abcab":
        assert set(ask(opened, where=f"note = '{name}'")["id"]) == {name}
    assert len(opened._asking.held.masks) == 2


@pytest.mark.slow
def test_a_condition_on_the_current_time_is_asked_anew(opened):
    now = pl.DataFrame({"x": [1]}).sql("SELECT NOW() AS now FROM self")["now"][0]
    where = f"region = 'US' AND NOW() > '{now + timedelta(seconds=2)}'::timestamp"
    assert ask(opened, where=where).height == 0
    time.sleep(2.1)
    assert sorted(set(ask(opened, where=where)["id"])) == ["g", "h", "i"]


def test_a_mask_is_in_the_order_of_the_rows(opened):
    opened.delete(["b"])
    opened.upsert(rows("a", region="US"))
    ids, _ = opened.vectors()
    held = {row["id"]: row["region"] == "US" for row in opened.read(["id", "region"]).to_pylist()}
    assert opened.matching("region = 'US'").tolist() == [held[one] for one in ids]
    with pytest.raises(TableError, match="cannot be read"):
        opened.matching("region =")


def test_questions_leave_nothing_in_the_activation_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    source = tiny.write_encoder(tmp_path / "m")
    data = pl.DataFrame({"id": ["a", "b"], "text": ["ba be", "bi bo"]})
    embed_table(data, table=tmp_path / "t", id="id", text="text", source=f"path:{source}")
    before = sorted((tmp_path / "cache").rglob("*.safetensors"))
    assert EmbeddingTable.open(tmp_path / "t").search("bu ba", k=1).height == 1
    assert sorted((tmp_path / "cache").rglob("*.safetensors")) == before


def test_the_log_is_read_again_only_when_it_changed(opened, monkeypatch):
    read: list[int] = []
    real = snapshots.read_entry
    monkeypatch.setattr(snapshots, "read_entry", lambda root, version: read.append(version) or real(root, version))
    first = opened.snapshot()
    assert opened.snapshot() is first
    read.clear()
    opened.upsert(rows("z"))
    now = opened.snapshot().version
    assert now in read
    (opened.store.root / snapshots.LOG / f"{now:020d}.json").write_text("{")
    with pytest.raises(TableError, match="damaged"):
        opened.snapshot()


def test_another_table_in_the_same_place_is_another_table(tmp_path):
    for names in ("ab", "cd"):
        made = EmbeddingTable.create(tmp_path / "t", SPACE)
        made.upsert(rows(*names))
        assert made.read(["id"])["id"].to_pylist() == list(names)
        shutil.rmtree(tmp_path / "t")
