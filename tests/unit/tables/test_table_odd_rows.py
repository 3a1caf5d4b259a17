"""Rows of odd sizes and columns with our own names: kept and found, or refused before anything is written."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from graft.core.errors import GraftError, TableError
from graft.core.seeds import generator
from graft.tables.columns import OURS, vector_column
from graft.tables.indexing import bring_up_to_date
from graft.tables.table import EmbeddingTable
from table_rows import DIMENSION, SPACE, numbered, rows, vector

DIRECTION = np.array([1, -1] * (DIMENSION // 2), np.float32)


@pytest.mark.parametrize("size", [3e38, 1e38, 2e19, 1e-20, 1e-30, 1e-42, 0.0])
@pytest.mark.parametrize("indexed", [False, True])
def test_one_vector_of_an_odd_size_disturbs_no_search(tmp_path, size, indexed):
    """Every vector that a table accepts can be searched, and is found by its direction whatever its length."""
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    odd = pa.table({"id": ["odd"], "vector": vector_column((size * DIRECTION.astype(np.float64))[None])})
    assert table.upsert([rows(numbered(40)), odd]).inserted == 41
    if indexed:
        bring_up_to_date(table, rng=generator(0, "index"))
    assert table.search(vector("row-00003"), k=1, space=SPACE)["id"].to_list() == ["row-00003"]
    if size:
        found = table.search(DIRECTION, k=1, space=SPACE)
        assert found["id"].to_list() == ["odd"]
        assert found["distance"][0] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_vector_that_cannot_be_searched_is_left_out(tmp_path, wrong):
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    odd = pa.table({"id": ["odd"], "vector": vector_column((wrong * DIRECTION)[None])})
    done = table.upsert(odd)
    assert (done.inserted, [one.id for one in done.refused]) == (0, ["odd"])


@pytest.mark.parametrize(
    "column",
    [
        {"updated_at": ["2024-05-15"]},
        {"updated_at": [datetime(2024, 5, 15, tzinfo=UTC)]},
        {"space": ["kitchen"]},
        {"digest": ["sha256:12"]},
        {"ID": ["a"]},
        {"Vector": ["a"]},
        {"Updated_At": ["a"]},
    ],
    ids=str,
)
def test_a_column_that_the_tables_own_would_replace_is_refused(tmp_path, column):
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    with pytest.raises(GraftError):
        table.upsert(rows(["a"], **column), strict=True)
    assert table.version == 0


def test_rows_as_a_table_gives_them_may_be_handed_back(tmp_path):
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    table.upsert(rows(numbered(5), price=[1.0] * 5))
    done = table.upsert(table.read())
    assert (done.unchanged, done.updated, done.inserted) == (5, 0, 0)


@pytest.mark.parametrize("name", ["vector", "space", "digest", "updated_at", "Space", "ID"])
def test_ids_cannot_be_in_a_column_of_the_tables_own(tmp_path, name):
    with pytest.raises(TableError, match=f"ids in a column called '{name}'"):
        EmbeddingTable.create(tmp_path / "t", SPACE, id_column=name)
    assert not (tmp_path / "t").exists()


def test_columns_called_as_those_of_an_answer_are_in_it_under_another_name(tmp_path):
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    mine = {name: [f"my {name}"] for name in ("query", "rank", "distance", "distance_in_table", "label", "score")}
    table.upsert(rows(["a"], **mine))
    found = table.search(vector("a"), k=1, space=SPACE).to_dicts()[0]
    assert (found["query"], found["rank"], found["id"]) == (0, 1, "a")
    assert {value for value in found.values() if isinstance(value, str)} == {"a", *(f"my {name}" for name in mine)}
    assert table.search(vector("a"), k=1, space=SPACE, where="distance = 'my distance'").height == 1
    assert table.search(vector("a"), k=1, space=SPACE, columns=["distance", "distance", "rank"]).height == 1
    assert table.search(vector("a"), k=1, space=SPACE, columns=list(OURS.names)).height == 1
