import numpy as np
import pyarrow as pa
import pytest

from graft.core.errors import OutputError, SpaceMismatch, TableError
from graft.representations.spaces import given_space
from graft.tables.columns import vector_column
from graft.tables.table import EmbeddingTable
from table_rows import DIMENSION, SPACE, contents, expected, numbered, rows, vector

LISTS = pa.list_(pa.float32())


@pytest.fixture
def table(tmp_path):
    return EmbeddingTable.create(tmp_path / "t", SPACE)


def test_unreadable_rows_are_listed_and_the_others_kept(table):
    good = vector("x").tolist()
    given = [
        ("a", good),
        ("nan", [float("nan"), *good[1:]]),
        ("inf", [*good[:-1], float("-inf")]),
        ("short", good[:-1]),
        ("", good),
        (None, good),
        ("twice", good),
        ("hole", [None, *good[1:]]),
        ("twice", good),
        ("bare", None),
        ("z", good),
    ]
    given = pa.table({"id": [name for name, _ in given], "vector": pa.array([one for _, one in given], LISTS)})
    done = table.upsert(given)
    assert [(problem.row, problem.id, problem.why) for problem in done.refused] == [
        (1, "nan", "its vector holds a number that is missing, NaN or infinite"),
        (2, "inf", "its vector holds a number that is missing, NaN or infinite"),
        (3, "short", "its vector has 7 numbers instead of 8"),
        (4, None, "it has no id"),
        (5, None, "it has no id"),
        (6, "twice", "its id is there more than once, in the rows 6, 8"),
        (7, "hole", "its vector holds a number that is missing, NaN or infinite"),
        (8, "twice", "its id is there more than once, in the rows 6, 8"),
        (9, "bare", "it is new and has no vector"),
    ]
    assert done.inserted == 2
    assert sorted(table.vectors()[0]) == ["a", "z"]
    assert str(done.refused[0]).startswith("row 1 (id 'nan'): its vector holds")
    assert str(done.refused[3]) == "row 4: it has no id"


def test_one_unreadable_row_in_the_middle_of_100_000(tmp_path):
    table = EmbeddingTable.create(tmp_path / "t", given_space("small", 2))
    vectors = np.ones((100_000, 2), np.float32)
    vectors[50_000, 1] = np.nan
    given = pa.table({"id": pa.array(np.arange(100_000)), "vector": vector_column(vectors)})
    with pytest.raises(TableError, match="1 rows cannot be kept: row 50000"):
        table.upsert(given, strict=True)
    assert table.version == 0
    done = table.upsert(given)
    assert (done.inserted, [problem.row for problem in done.refused]) == (99_999, [50_000])


def test_numbers_too_large_to_square_are_numbers(table):
    table.upsert(pa.table({"id": ["a"], "vector": vector_column(np.full((1, DIMENSION), 1e30))}))
    assert table.vectors()[1].max() == np.float32(1e30)
    given = pa.table({"id": ["b"], "vector": [[1e300] * DIMENSION]})
    assert table.upsert(given).refused[0].why == "its vector holds a number that is missing, NaN or infinite"


def test_vectors_of_a_unit_space_have_length_one(tmp_path):
    table = EmbeddingTable.create(tmp_path / "t", given_space("unit", 2, normalise=True))
    vectors = vector_column(np.array([[0, 0], [0.6, 0.8], [3, 4], [0.6, 0.803]]))
    done = table.upsert(pa.table({"id": ["zero", "unit", "long", "rounded"], "vector": vectors}))
    assert [(problem.id, problem.why) for problem in done.refused] == [
        ("zero", "its vector has length 0 in a space of vectors of length 1"),
        ("long", "its vector has length 5 in a space of vectors of length 1"),
    ]
    assert done.inserted == 2


def test_vectors_of_another_dimension_are_of_another_space(table):
    with pytest.raises(SpaceMismatch, match="vectors of 3 numbers"):
        table.upsert(pa.table({"id": ["a"], "vector": vector_column(np.ones((1, 3)))}))
    with pytest.raises(SpaceMismatch, match="vectors of 3 numbers"):
        table.upsert(pa.table({"id": ["a", "b"], "vector": pa.array([None, [1, 2, 3]], LISTS)}))
    assert table.version == 0


def test_rows_of_another_space_are_refused_at_equal_dimension(table):
    other = given_space("ours v2", DIMENSION)
    with pytest.raises(SpaceMismatch, match=f"rows of the embedding space {other.fingerprint}"):
        table.upsert(rows(["a"], space=[other.fingerprint]))
    assert table.upsert(rows(["a"], space=[SPACE.fingerprint])).inserted == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (pa.table({"name": ["a"]}), "rows with the columns name"),
        (pa.table({"id": [1.5]}), "ids of type double"),
        (pa.table({"id": ["a"], "vector": ["1 2 3"]}), "a column 'vector' of type string"),
        (pa.table({"id": ["a"], "Region": ["x"], "region": ["y"]}), "columns that cannot be told apart"),
        (pa.table({"id": ["a"], "ID": ["x"]}), "columns that cannot be told apart: 'ID'"),
        (pa.table({"id": ["a"], "at": pa.array([1], pa.time64("us"))}), "column 'at' holds time64"),
        (pa.table({"id": ["a"], "n": pa.array([2**63], pa.uint64())}), "column 'n' does not fit int64"),
    ],
    ids=["no id", "broken id", "no list", "case", "reserved", "type", "overflow"],
)
def test_columns_that_cannot_be_kept_are_named(table, given, said):
    with pytest.raises(TableError, match=said):
        table.upsert(given)
    assert table.version == 0


def test_a_column_of_another_type_is_refused(table):
    table.upsert(rows(["a"], age=pa.array([1], pa.int32()), city=["Bern"]))
    with pytest.raises(TableError, match="column 'age' holds string here and int32 in the table"):
        table.upsert(rows(["b"], age=["old"]))
    with pytest.raises(TableError, match="column 'age' holds int64 here"):
        table.upsert(rows(["b"], age=pa.array([1], pa.int64())))
    with pytest.raises(TableError, match="a column 'City' beside the table's 'city'"):
        table.upsert(rows(["b"], City=["Bern"]))
    assert table.upsert(rows(["b"], age=pa.array([1], pa.int16()))).inserted == 1
    assert contents(table) == expected(["a", "b"])


def test_digests_are_32_hexadecimal_digits(table):
    done = table.upsert(rows(["a", "b", "c"], digest=["0" * 32, "0" * 31, None]))
    assert [(problem.row, problem.why) for problem in done.refused] == [(1, "its digest is not 32 hexadecimal digits")]
    assert done.inserted == 2


@pytest.mark.parametrize("where", ["region = ", "nobody = 1", "region", "1=1; DROP TABLE x"])
@pytest.mark.parametrize("filled", [False, True])
def test_a_condition_that_cannot_be_read_is_refused(table, where, filled):
    if filled:
        table.upsert(rows(["a"], region=["EU"]))
    with pytest.raises(TableError, match="cannot be read"):
        table.read(where=where)


def test_unknown_columns_are_refused(table):
    with pytest.raises(TableError, match="no column 'nobody' in the table"):
        table.read(["id", "nobody"])


@pytest.mark.parametrize("inside", ["file", "table", "other"])
def test_a_table_is_made_where_nothing_is(tmp_path, inside):
    place = tmp_path / "t"
    if inside == "file":
        place.write_text("x")
    elif inside == "table":
        EmbeddingTable.create(place, SPACE)
    else:
        (place / "x").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match="exists and is not empty"):
        EmbeddingTable.create(place, SPACE)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_may_become_a_table(tmp_path):
    (tmp_path / "t").mkdir()
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    assert table.upsert(rows(numbered(3))).inserted == 3


def test_a_missing_data_file_is_named(table):
    table.upsert(rows(["a"]))
    (file,) = table.snapshot().files
    file.path.unlink()
    for look in (table.vectors, table.read, lambda: table.upsert(rows(["a"], 1))):
        with pytest.raises(TableError, match=f"a data file of the table is gone or damaged: {file.path}"):
            look()


def test_a_damaged_data_file_is_named(table):
    table.upsert(rows(numbered(50)))
    (file,) = table.snapshot().files
    file.path.write_bytes(file.path.read_bytes()[:-100])
    with pytest.raises(TableError, match="gone or damaged"):
        table.vectors()


def test_whole_numbers_that_a_gap_made_floats_of_are_the_same_ids(table):
    assert table.upsert(rows(["1", "2"])).inserted == 2
    given = rows(["1", "2", "3"])
    place = given.schema.get_field_index("id")
    found = table.upsert(given.set_column(place, "id", pa.array([1.0, 2.0, None])))
    assert (found.inserted, found.unchanged) == (0, 2)
    assert [one.why for one in found.refused] == ["it has no id"]
