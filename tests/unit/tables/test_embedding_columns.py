"""The user's columns in a table: typed once, kept whole, never taken by a name of ours."""

from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from graft.core.errors import TableError
from graft.representations.reading import TextReading
from graft.representations.spaces import given_space
from graft.rows.table import read_frame, read_rows
from graft.tables.columns import vector_column
from graft.tables.embedding import embed_into
from graft.tables.migration.contents import require_contents
from graft.tables.table import EmbeddingTable

SPACE = given_space("made up", 4)


class Made:
    """Stands in for a source, so that nothing is computed."""

    space, precision = SPACE, "native"
    source = SimpleNamespace(
        weights=SimpleNamespace(reference="minilm"),
        reading=TextReading((), 8, lowercase=False),
        plain_similarity=True,
    )

    def reading_as(self, role):
        assert role == "document"
        return self

    def stream(self, texts, rows, progress=None):
        for some in texts:
            vectors = np.ones((len(list(some)), 4), np.float32) / 2
            yield vectors, SimpleNamespace(computed=len(vectors), cut=0)


def load(place, rows, id_column="id", **options):
    return embed_into(place, rows, Made(), id_column=id_column, content=("text",), **options)


def csv(folder, *cells, ids="abcdef"):
    path = folder / "rows.csv"
    path.write_text("id,text,score\n" + "".join(f"{i},words {i},{c}\n" for i, c in zip(ids, cells, strict=False)))
    return read_rows(path)


@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [
        (["10", "20"], [""], [None]),
        (["10", "20"], ["NA"], [None]),
        (["10", "20"], ["n/a", "30"], [None, 30]),
        (["10", "20"], ["30.0"], [30]),
        (["10.5"], ["10", "20"], [10.0, 20.0]),
        (["10.5"], ["NA"], [None]),
        (["", ""], ["10", "20"], [10, 20]),
        (["", ""], ["x"], ["x"]),
        (["x7"], ["7", "08"], ["7", "08"]),
        (["x7"], ["7.50"], ["7.50"]),
        (["x7"], ["True"], ["True"]),
    ],
)
def test_a_column_has_one_type_whatever_a_file_holds(tmp_path, first, then, kept):
    load(tmp_path / "t", csv(tmp_path, *first))
    table, done = load(tmp_path / "t", csv(tmp_path, *then, ids="uvwxyz"))
    assert (done.inserted, done.left_out) == (len(then), ())
    rows = table.read(["id", "score"]).to_pylist()
    assert [row["score"] for row in rows if row["id"] in "uvwxyz"] == kept


@pytest.mark.parametrize("odd", ["10.5", "words", "1e30"])
def test_a_cell_of_another_type_leaves_out_its_row_alone(tmp_path, odd):
    load(tmp_path / "t", csv(tmp_path, "10", "20"))
    _, done = load(tmp_path / "t", csv(tmp_path, "30", odd, "40", ids="uvw"))
    assert done.inserted == 2
    assert [one.place for one in done.left_out] == ["row 1 (id 'v')"]
    assert "the table keeps int64 there" in done.left_out[0].why
    with pytest.raises(TableError, match="'score'"):
        load(tmp_path / "t", csv(tmp_path, odd, ids="z"), strict=True)


def test_a_blank_that_was_given_takes_a_value_away(tmp_path):
    load(tmp_path / "t", csv(tmp_path, "10", "20"))
    table, done = load(tmp_path / "t", csv(tmp_path, "", ids="a"))
    assert done.updated == 1
    assert table.read(["id", "score"], where="score IS NULL")["id"].to_pylist() == ["a"]


@pytest.mark.parametrize("name", ["id", "vector", "space", "digest", "updated_at", "Space"])
def test_a_column_called_as_one_of_the_tables_own_is_refused_by_name_before_anything_is_written(tmp_path, name):
    rows = read_frame({"ticket": ["a"], "text": ["one"], name: ["mine"]})
    with pytest.raises(TableError, match=f"the table's own: '{name}'"):
        load(tmp_path / "t", rows, id_column="ticket")
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("names", [["query"], ["rank"], ["distance"], ["distance", "rank", "query", "rank_in_table"]])
def test_a_table_with_columns_called_as_those_of_an_answer_can_be_searched(tmp_path, names):
    rows = read_frame({"id": ["a"], "text": ["one"], **{name: [f"my {name}"] for name in names}})
    table, _ = load(tmp_path / "t", rows)
    found = table.search(np.ones(4, np.float32), k=1, space=SPACE)
    assert found["distance"].to_list() == pytest.approx([0.0])
    assert {f"my {name}" for name in names} <= set(map(str, found.row(0)))


def test_decimals_are_kept_to_the_last_place(tmp_path):
    amount = Decimal("12345678901234.12345")
    table, _ = load(tmp_path / "t", read_frame(pl.DataFrame({"id": ["a"], "text": ["one"], "amount": [amount]})))
    assert pa.types.is_decimal(table.schema.field("amount").type)
    assert table.read(["amount"])["amount"].to_pylist() == [amount]


def test_an_id_column_beside_a_column_id_is_refused(tmp_path):
    table = EmbeddingTable.create(tmp_path / "t", given_space("ours", 2), id_column="ticket")
    rows = pa.table({"ticket": ["a"], "id": ["b"], "vector": vector_column(np.eye(2)[:1])})
    with pytest.raises(TableError, match="a column 'id' beside 'ticket'"):
        table.upsert(rows)


def test_rows_may_be_named_by_what_is_embedded_alone(tmp_path):
    rows = read_frame({"text": ["one", "two", None, "two"]})
    table, done = load(tmp_path / "t", rows, id_column="text")
    assert (done.inserted, len(done.left_out)) == (1, 3)
    assert table.read(["id"])["id"].to_pylist() == ["one"]
    table, done = load(tmp_path / "t", read_frame({"text": ["three"]}), id_column="text")
    assert done.inserted == 1


def test_one_id_is_one_id(tmp_path):
    table = EmbeddingTable.create(tmp_path / "t", given_space("ours", 2))
    table.upsert(pa.table({"id": ["2", "7", "27"], "vector": vector_column(np.eye(2)[[0, 1, 0]])}))
    assert table.delete("27") == 1
    assert sorted(table.read(["id"])["id"].to_pylist()) == ["2", "7"]


def test_what_names_the_rows_and_is_embedded_is_kept_as_well(tmp_path):
    """A table that forgot it could never move to another source; the files of a folder are named so."""
    rows = read_frame(pl.DataFrame({"text": ["one", "two", "two", None], "kind": ["a", "b", "c", "d"]}))
    table, done = load(tmp_path / "t", rows, id_column="text")
    assert (done.inserted, len(done.left_out)) == (1, 3)
    assert table.generation.id == "id"
    assert require_contents(table.schema, table.generation.content, table.space, SPACE) == ("text",)
    assert table.read(["id", "text", "kind"]).to_pylist() == [{"id": "one", "text": "one", "kind": "a"}]
    _, again = load(tmp_path / "t", rows, id_column="text")
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 1)
    beside = read_frame(pl.DataFrame({"id": ["1"], "text": ["one"]}))
    with pytest.raises(TableError, match="'id' beside 'text'"):
        load(tmp_path / "u", beside, id_column="text")
    with pytest.raises(TableError, match="names the rows and is what is embedded"):
        embed_into(tmp_path / "u", beside, Made(), id_column="id", content=("id",))
