"""Whatever table is at hand becomes the ids, texts, times and weights it means, or an error that names the row."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from graft.core.errors import InputError
from graft.rows.named import (
    days_of,
    entity_ids,
    ids_given,
    ids_of,
    read_columns,
    require_once,
    texts_of,
    weights_of,
    words_of,
)

DAY = 86_400


def frame(**columns) -> pl.DataFrame:
    return pl.DataFrame(columns, strict=False)


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([1, 2, 30]),
        pl.Series([1.0, 2.0, 30.0]),
        pl.Series(["1", " 2", "30 "]),
        pl.Series(["1", "2", "30"], dtype=pl.Categorical),
        pd.Series([1, "2", 30.0], dtype=object),
        pd.Series([1, 2, 30], dtype="Int64"),
        pd.Series(["1", "2", "30"], dtype="string"),
        np.array([1, 2, 30]),
        np.array(["1", "2", "30"], dtype=object),
        [1, 2, 30],
        (1, "2", 30),
        pa.table({"id": [1, 2, 30]}),
        pd.DataFrame({"id": [1, 2, 30], "other": [object()] * 3}),
    ],
    ids=lambda values: f"{type(values).__module__.split('.')[0]}-{getattr(values, 'dtype', '')}",
)
def test_the_same_ids_have_the_same_names(values):
    table = values if isinstance(values, pa.Table | pd.DataFrame) else {"id": values}
    assert ids_of(read_columns(table, ["id"], what="rows"), "id", what="rows").to_list() == ["1", "2", "30"]


def test_only_the_columns_named_are_read():
    table = {"id": ["a"], "other": [object()], "more": [1, 2, 3]}
    assert read_columns(table, ["id"], what="rows", optional=["absent"]).columns == ["id"]
    assert read_columns(pl.LazyFrame({"id": ["a"], "x": [1]}), ["id"], what="rows", optional=["x"]).width == 2


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"id": [1, 2], "x": [1]}, "cannot be read"),
        ({"id": "abc", "x": [1]}, "'id' given as str"),
        ({"id": [[1], [2]], "x": [1, 2]}, "List"),
        ({"x": [1]}, "there are 'x'"),
        (pl.LazyFrame({"x": [1]}), "there are 'x'"),
        (["a", "b"], "item 0 is a str"),
        (None, "given as NoneType"),
    ],
    ids=["lengths", "scalar", "nested", "absent", "lazy", "list", "nothing"],
)
def test_what_is_no_table_says_what_it_is(table, words):
    with pytest.raises(InputError, match=words):
        ids_of(read_columns(table, ["id", "x"], what="rows"), "id", what="rows")


@pytest.mark.parametrize("missing", [None, "", "  ", float("nan")], ids=["none", "empty", "blank", "nan"])
def test_a_missing_id_is_named_with_its_row(missing):
    table = read_columns({"id": ["a", missing, "c", missing]}, ["id"], what="rows")
    with pytest.raises(InputError, match=r"row 1 of the rows has no 'id' \(2 rows"):
        ids_of(table, "id", what="rows")
    assert words_of(table, "id", what="rows").to_list() == ["a", None, "c", None]


def test_whole_numbers_with_a_gap_keep_their_names():
    table = read_columns(pd.DataFrame({"id": [1, None, 3]}), ["id"], what="rows")
    assert words_of(table, "id", what="rows").to_list() == ["1", None, "3"]


def test_columns_of_text_are_joined_by_line_ends():
    table = frame(title=["Knife", None, " ", "Pan"], more=["sharp", "blunt", None, ""], size=[1, 2, None, None])
    assert texts_of(table, ["title", "more"], what="rows") == ["Knife\nsharp", "blunt", "", "Pan"]
    assert texts_of(table, ["title", "size"], what="rows")[0] == "Knife\n1"


@pytest.mark.parametrize(
    "times",
    [
        pl.Series([DAY, 2 * DAY]),
        pl.Series([float(DAY), 2.0 * DAY]),
        pl.Series(["1970-01-02", "1970-01-03"]),
        pl.Series(["1970-01-02T00:00:00Z", "1970-01-03T01:00:00+01:00"]),
        pl.Series([date(1970, 1, 2), date(1970, 1, 3)]),
        pl.Series([datetime(1970, 1, 2), datetime(1970, 1, 3)], dtype=pl.Datetime("ns")),
        pl.Series([datetime(1970, 1, 2, tzinfo=UTC), datetime(1970, 1, 3, tzinfo=UTC)]).dt.convert_time_zone(
            "Europe/Zurich"
        ),
    ],
    ids=["seconds", "floats", "dates-in-text", "zones-in-text", "dates", "nanoseconds", "zones"],
)
def test_times_are_days(times):
    np.testing.assert_array_equal(days_of(pl.DataFrame({"time": times}), "time", what="rows"), [1.0, 2.0])


@pytest.mark.parametrize(
    "times",
    [[DAY, None], [1.0, float("nan")], [1.0, float("inf")], ["1970-01-02", "soon"], [date(1970, 1, 2), None]],
    ids=["null", "nan", "infinite", "word", "date"],
)
def test_a_missing_time_is_named_with_its_row(times):
    with pytest.raises(InputError, match="row 1 of the rows has no time"):
        days_of(frame(time=times), "time", what="rows")


def test_pandas_without_a_time_is_noticed():
    table = read_columns(pd.DataFrame({"time": pd.to_datetime(["2024-01-01", None])}), ["time"], what="rows")
    with pytest.raises(InputError, match="row 1"):
        days_of(table, "time", what="rows")


def test_truth_is_no_time():
    with pytest.raises(InputError, match="holds Boolean"):
        days_of(frame(time=[True]), "time", what="rows")


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf"), None], ids=str)
def test_weights_are_finite_and_not_negative(weight):
    with pytest.raises(InputError, match="row 1"):
        weights_of(frame(weight=[1.0, weight]), "weight", what="rows")


def test_without_a_weight_every_row_counts_once():
    assert weights_of(frame(id=[1, 2]), "", what="rows").tolist() == [1, 1]
    with pytest.raises(InputError, match=r"weighs 'much'"):
        weights_of(frame(weight=["much"]), "weight", what="rows")


def test_an_id_twice_is_named():
    with pytest.raises(InputError, match=r"id 'b' stands in 3 rows of the rows \(2 ids"):
        require_once(pl.Series("id", ["a", "b", "b", "c", "c", "b"]), what="rows")


@pytest.mark.parametrize(
    "entities",
    [["a", "b"], ("a", "b"), np.array(["a", "b"]), pl.Series(["a", "b"]), pd.Series(["a", "b"]), {"item": ["a", "b"]}],
    ids=["list", "tuple", "numpy", "polars", "pandas", "table"],
)
def test_entities_are_ids_or_a_table_of_them(entities):
    assert entity_ids(entities, "item", what="items").to_list() == ["a", "b"]


@pytest.mark.parametrize(
    "given",
    [7, 7.0, "7", " 7", "7.0", np.int64(7), np.array(7.0), [7], (7.0,), {7}, range(7, 8), np.array([7.0]),
     pd.Series([7.0]), pd.Series([7], dtype="Int64"), pl.Series([7]), (one for one in [7])],
)  # fmt: skip
def test_ids_that_somebody_gives_have_the_names_that_tables_read(given):
    assert ids_given(given, what="users") == ("7",)


def test_ids_of_several_types_are_named_one_by_one():
    assert ids_given([7, "a b", 1.5, True], what="users") == ("7", "a b", "1.5", "true")
    assert ids_given([], what="users") == ()


@pytest.mark.parametrize("given", [None, "", [7, None], [float("nan")], pd.Series([7, None], dtype="Int64")])
def test_a_missing_id_is_nobody(given):
    with pytest.raises(InputError, match="missing"):
        ids_given(given, what="users")


@pytest.mark.parametrize("given", [pd.DataFrame({"user": [7]}), pl.DataFrame({"user": [7]}), {"user": [7]}, [[7]]])
def test_a_table_is_no_list_of_ids(given):
    with pytest.raises(InputError, match=r"table|List"):
        ids_given(given, what="users")
