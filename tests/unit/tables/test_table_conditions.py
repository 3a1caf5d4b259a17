"""What a condition may say, and what it may not."""

import datetime
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graft.core.errors import TableError
from graft.representations.spaces import given_space
from graft.tables.columns import vector_column
from graft.tables.conditions import read_condition
from graft.tables.table import EmbeddingTable

SPACE = given_space("made up", 2)

RIGHT = {
    "region = 'EU'": "a",
    "region = 'EU' OR price > 2": "ab",
    "region LIKE 'E%'": "a",
    "region NOT LIKE 'E%'": "b",
    "region ILIKE 'e%'": "a",
    "region IN ('EU', 'it''s')": "a",
    "region NOT IN ('EU')": "b",
    "price BETWEEN 1 AND 2": "a",
    "price IS NULL": "c",
    "price IS NOT DISTINCT FROM NULL": "c",
    "NOT open": "b",
    "\"my col\" = 'select (1)'": "a",
    "`my col` = 'y -- z'": "b",
    "\"my col\" LIKE '%;%'": "c",
    "day > '2025-06-01'": "a",
    "day = DATE '2026-01-01'": "a",
    "EXTRACT(year FROM day) = 2026": "a",
    "CAST(price AS int) = 1 OR price::int = 2": "ab",
    "length(region) + 1 = 3 AND lower(region) = 'us'": "b",
    "CASE WHEN price > 2 THEN true ELSE false END": "b",
    "place.town = 'Bern'": "a",
    "array_contains(tags, 'x')": "a",
    "coalesce(region, 'none') = 'none'": "c",
    "price * 2 = 3": "a",
    "max = 1": "a",
    "(price > 1) AND ((region = 'US'))": "b",
    "1 = 1": "abc",
    "id IN (" + ", ".join(f"'{name}'" for name in ["a", *map(str, range(3000))]) + ")": "a",
}

WRONG = {
    "price = max(price)": "'max' is no function of one row",
    "price > (SELECT avg(price) FROM self)": "'SELECT' asks for more",
    "id IN (SELECT id FROM self)": "'SELECT' asks for more",
    "EXISTS(SELECT 1)": "'EXISTS' asks for more",
    "region = (FROM read_csv('/etc/passwd'))": "cannot be read",
    "id IN read_csv('/etc/passwd')": "'read_csv' is no function",
    "sum(price) OVER () > 1": "'sum' is no function",
    "abs(price) OVER () > 1": "'OVER' asks for more",
    "row_number() = 1": "'row_number' is no function",
    "unnest(tags) = 'x'": "'unnest' is no function",
    "price > 1) OR (1 = 1": "brackets do not pair",
    "(price > 1": "brackets do not pair",
    "price > [1)": "brackets do not pair",
    "1 = 1; DROP TABLE self": "';' cannot stand in it",
    "price > 1 -- rest": "'--' cannot stand in it",
    "price /* > 1 */ > 2": "'/*' cannot stand in it",
    "price > 1, price < 2": "more than one expression",
    "* = 1": "'*' stands where a value belongs",
    "COUNT(*) > 1": "no function",
    "region = $$EU$$": "cannot stand in it",
    "region = \"EU\"": "text stands in single quotes",
    "Region = 'EU'": "no column 'Region'",
    "self.price = 1": "no column 'self'",
    "columns('price') = 1": "no function",
    "": "it is empty",
    " OR ".join(["price = 1"] * 5000): "IN (…)",
    "- " * 5000 + "price = 1": "joins more than",
    "region = 'EU": "cannot stand in it",
}  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """For reading alone."""
    made = EmbeddingTable.create(tmp_path_factory.mktemp("rows") / "t", SPACE)
    columns = {
        "region": ["EU", "US", None],
        "price": [1.5, 2.5, None],
        "open": [True, False, None],
        "my col": ["select (1)", "y -- z", "a; b"],
        "day": [datetime.date(2026, 1, 1), datetime.date(2025, 1, 1), None],
        "tags": [["x", "y"], [], None],
        "place": [{"town": "Bern"}, {"town": "Rome"}, None],
        "max": [1, 2, 3],
    }
    vectors = vector_column(np.eye(2, dtype=np.float32)[[0, 1, 0]])
    # One row a version, so that every row lies in a file of its own.
    for row in range(3):
        part = {name: values[row : row + 1] for name, values in columns.items()}
        made.upsert(pa.table({"id": ["abc"[row]], "vector": vectors.slice(row, 1), **part}))
    return made


@pytest.fixture(scope="module")
def compacted(table, tmp_path_factory):
    """The same rows in one file."""
    place = Path(shutil.copytree(table.path, tmp_path_factory.mktemp("compacted") / "t"))
    made = EmbeddingTable.open(place)
    made.compact()
    assert len(made.snapshot().files) == 1 < len(table.snapshot().files)
    return made


@pytest.mark.parametrize(("where", "ids"), RIGHT.items())
def test_an_expression_of_one_row_is_answered_the_same_however_rows_lie(table, compacted, where, ids):
    assert sorted(table.read(["id"], where=where)["id"].to_pylist()) == list(ids)
    found = table.search(np.ones(2, np.float32), k=3, where=where, space=SPACE)
    assert sorted(found["id"]) == list(ids)
    assert sorted(compacted.read(["id"], where=where)["id"].to_pylist()) == list(ids)


@pytest.mark.parametrize(("where", "said"), WRONG.items())
def test_what_is_no_expression_of_one_row_is_refused(table, where, said):
    for ask in (
        lambda: table.read(["id"], where=where),
        lambda: table.search(np.ones(2, np.float32), where=where, space=SPACE),
    ):
        with pytest.raises(TableError) as caught:
            ask()
        assert said in str(caught.value)


def test_a_condition_means_the_same_however_it_is_spaced_and_nothing_for_long_when_it_speaks_of_now():
    assert read_condition("a=1", "a").meaning == read_condition(" a  = 1 ", "a").meaning
    assert read_condition("a = 'x  y'", "a").meaning != read_condition("a = 'x y'", "a").meaning
    assert read_condition("now() > a", "a").meaning == ""
    assert read_condition("current_date > a", "a").meaning == ""


def test_a_column_named_like_a_word_of_sql_is_asked_in_quotes():
    assert read_condition('"select" = 1', ["select"]).columns == ("select",)
    with pytest.raises(TableError, match='write "select"'):
        read_condition("select = 1", ["select"])
