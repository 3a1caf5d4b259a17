"""What is to be had, as a table or a column says it."""

import polars as pl
import pytest

import graft
from graft.core.errors import InputError
from graft.entities.shop import Rules
from graft.recommend.availability import available_items, read_available


@pytest.fixture(scope="module")
def made():
    events = {"user": ["a", "a", "b", "b", "c"], "item": ["x", "y", "x", "z", "z"]}
    items = {"item": ["x", "y", "z", "w"], "kind": ["k", "k", "l", "l"], "stock": ["3", "0", "yes", None]}
    return graft.Recommender(item_category="kind", keep="stock", dimension=3, tries=1).fit(events, items=items)


def test_a_table_lists_what_is_there(made, tmp_path):
    pl.DataFrame({"item_id": ["z", "w", "unheard of"]}).write_csv(tmp_path / "there.csv")
    found = read_available(made.shop, tmp_path / "there.csv", "")
    assert found == ("z", "w")
    assert set(made.recommend("a", 4, rules=Rules(found))["item"]) == {"z", "w"}
    assert read_available(made.shop, None, "") is None


def test_a_column_says_so(made):
    assert available_items(made.shop, column="stock") == ("x", "z")
    table = {"item": ["x", "y", "z", "w"], "left": [2.0, 0.0, None, 1.0], "sold": [True, False, False, True]}
    assert available_items(made.shop, table, column="left") == ("x", "w")
    assert available_items(made.shop, table, column="sold") == ("x", "w")
    assert available_items(made.shop, {"item": ["x", "y"], "left": [0, 0]}, column="left") == ()


@pytest.mark.parametrize(
    ("rows", "column", "words"),
    [
        (None, "colour", "no column 'colour'"),
        ({"item": ["x"], "left": ["perhaps"]}, "left", "whether 'x' is available: 'perhaps'"),
        ({"thing": ["x"]}, "", "no column of the available items is called item_id or item; there are 'thing'"),
        ({"item": ["q"]}, "", "none of 1 available items is known, the first is 'q'"),
        ({"item": ["x"]}, "left", "no column 'left'"),
        ({"item": [None]}, "", "no id|has no"),
    ],
)
def test_what_says_nothing_is_refused(made, rows, column, words):
    with pytest.raises(InputError, match=words):
        available_items(made.shop, rows, column=column)
