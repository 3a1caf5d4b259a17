"""The contract: what is inferred, written down and refused."""

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from graft.core.errors import ContractError, InputError
from graft.inputs import Contract, Roles, Task, infer_contract
from graft.inputs.remarks import remarks
from graft.rows import read_frame

WORDS = ["first", "second", "third", "fourth", "fifth", "sixth"]


def table(**columns):
    size = max((len(c) for c in columns.values()), default=12)
    return read_frame({"text": [f"{WORDS[i % 6]} message {i}" for i in range(size)]} | columns)


def infer(label, task="auto", **roles):
    columns = {"label": label} if not isinstance(label, dict) else label
    names = tuple(columns)
    return infer_contract(table(**columns), Roles(content=("text",), label=names, **roles), task=task)


@pytest.mark.parametrize(
    ("label", "task", "labels"),
    [
        (["yes", "no"] * 6, Task.BINARY, ("no", "yes")),
        ([0, 1] * 6, Task.BINARY, ("0", "1")),
        ([True, False] * 6, Task.BINARY, ("false", "true")),
        ([1.0, 2.0, 3.5] * 4, Task.MULTICLASS, ("1", "2", "3.5")),
        ([" a", "a ", "b"] * 4, Task.BINARY, ("a", "b")),
        ([*range(21), *range(21)], Task.REGRESSION, ()),
        ([1.5, 2.25, 3.0, -4.5, 0.1, 9.0, None, 7.75, 1.5, 6.0, 8.0, 5.5], Task.REGRESSION, ()),
        ([1.5, 2.5] * 8, Task.BINARY, ("1.5", "2.5")),
        ([*range(20), *range(20)], Task.MULTICLASS, tuple(sorted(map(str, range(20))))),
        ([["x"], ["x", "y"], []] * 4, Task.MULTILABEL, ("x", "y")),
        ({"spam": [0, 1, 1] * 4, "urgent": ["true", "false", "true"] * 4}, Task.MULTILABEL, ("spam", "urgent")),
    ],
)
def test_task_is_inferred(label, task, labels):
    contract = infer(label)
    assert contract.task is task
    assert contract.labels == labels


def test_label_counts_follow_the_labels():
    assert infer(["b", "a", "b"] * 4).label_counts == (4, 8)
    assert infer(["x|y", "x", "[]"] * 4, task="multilabel").label_counts == (8, 4)


@pytest.mark.parametrize(
    "cells", [["a|b", "a", "b"], ["a; b", "a", "b;"], ["a,b", "a", "b"], ['["a", "b"]', '["a"]', "b"]]
)
def test_multilabel_text_is_split(cells):
    contract = infer([*cells, "a"] * 3, task="multilabel")
    assert contract.labels == ("a", "b")
    assert contract.label_counts == (9, 6)


def test_facts_of_columns():
    rows = {
        "text": ["a", "bb", "ccc", None] * 3,
        "age": ["1", "2.5", "", "4"] * 3,
        "city": ["Rome", "Oslo", "Rome", None] * 3,
        "key": [f"k{i}" for i in range(12)],
        "when": ["2024-01-01", "2024-01-02", None, "2024-01-02"] * 3,
        "label": ["x", "y", "y", "x"] * 3,
    }
    roles = Roles(("text",), ("label",), numeric=("age",), categorical=("city",), id="key", time="when", group="city")
    contract = infer_contract(read_frame(rows), roles, folds=2)
    text, age, city = (
        contract.column(*pair) for pair in (("text", "text"), ("age", "numeric"), ("city", "categorical"))
    )
    assert (text.missing, text.distinct, text.length.min, text.length.median, text.length.max) == (3, 3, 1, 2.0, 3)
    assert text.length.p95 == pytest.approx(3)
    assert (age.kind, age.missing, age.number.min, age.number.max, age.number.mean) == ("number", 3, 1, 4, 2.5)
    assert age.number.std == pytest.approx(np.std([1, 2.5, 4] * 3, ddof=1))
    assert [(c.value, c.rows) for c in city.categories] == [("Rome", 6), ("Oslo", 3)]
    assert contract.column("when", "time").missing == 3
    assert contract.column("when", "time").distinct == 2
    assert contract.column("key", "id").distinct == 12
    assert contract.rows == 12
    assert contract.label_counts == (3, 3)


def test_categories_are_capped():
    rows = {"text": [f"t {i}" for i in range(1200)], "c": [f"c{i}" for i in range(1200)], "label": ["a", "b"] * 600}
    contract = infer_contract(read_frame(rows), Roles(("text",), ("label",), categorical=("c",)))
    facts = contract.column("c", "categorical")
    assert len(facts.categories) == 1000
    assert facts.distinct == 1200


def test_json_round_trip_and_unknown_keys():
    contract = infer({"spam": [0, 1, 1] * 4, "urgent": [1, 0, 1] * 4})
    text = contract.model_dump_json()
    assert '"schema":"graft/contract/1"' in text
    assert Contract.model_validate_json(text) == contract
    with pytest.raises(ValidationError, match="surprise"):
        Contract.model_validate_json(text[:-1] + ',"surprise":1}')
    with pytest.raises(ValidationError, match="surprise"):
        Contract.model_validate_json(text.replace('"text":["text"]', '"text":["text"],"surprise":1'))
    with pytest.raises(ValidationError, match="frozen"):
        contract.rows = 3


def test_rows_without_label_or_text_are_set_aside():
    rows = {"text": ["a b", None, "c", "d"] * 4, "label": ["x", "rare", "y", None] * 4}
    contract = infer_contract(read_frame(rows), Roles(("text",), ("label",)), folds=2)
    assert contract.labels == ("x", "y")
    assert contract.label_counts == (4, 4)
    assert contract.rows == 16
    assert contract.column("label", "label").missing == 4


@pytest.mark.parametrize(
    ("label", "task", "given", "fix"),
    [
        ([None, None] * 6, "auto", "every row lacks a label in 'label'", "check the column"),
        (["", " "] * 6, "auto", "every row lacks a label", "check the column"),
        (["a"] * 12, "auto", "every labelled row of 'label' has the class 'a'", "another class"),
        (["a", "b"] * 6 + ["c"], "auto", "'c' (row 12)", "merge"),
        (["a", "b"] * 6 + ["c", "d"], "auto", "2 of 4 classes", "merge"),
        (["a", "b"] * 4, "auto", "8 usable rows", "fewer folds"),
        (["a", "b", "c"] * 4, "binary", "has 3 classes", "multiclass"),
        ([1.5, float("inf")] + [float(i) for i in range(30)], "auto", "'inf' in row 1", "correct or empty"),
        (["1", "2", "three"] * 4, "regression", "'three' in row 2", "task='multiclass'"),
        ([2.0] * 12, "regression", "every row has the value 2", "add rows"),
        ([["a"], ["b"]] * 6, "multiclass", "holds lists", "multilabel"),
        ([["a"]] * 12, "auto", "every labelled row has the label 'a'", "drop 'a'"),
        ([["a"], ["b"]] * 6 + [["c"]], "auto", "'c' (row 12)", "merge"),
        ([[]] * 12, "auto", "names no label", "label column"),
        ({"x": [0, 1] * 6, "y": [0, 2] * 6}, "auto", "'y' holds '2' in row 1", "recode"),
        ({"x": [0, 1] * 6, "y": [0, 0] * 6}, "auto", "'y' (no usable row)", "drop it"),
        ({"x": [0, 1] * 6, "y": [1, 0] * 6}, "binary", "2 label columns for binary", "multilabel"),
    ],
)
def test_labels_that_cannot_work_are_refused(label, task, given, fix):
    with pytest.raises(ContractError if "label columns" not in given else InputError) as caught:
        infer(label, task=task)
    assert given in caught.value.given
    assert fix in caught.value.fix
    assert caught.value.needed


def texts_of(kind):
    return {
        "numbers": [*range(12)],
        "number words": ["1,5", "2.5"] * 6,
        "images": ["cats/a.jpg", "https://x.org/b.PNG?s=1"] * 6,
        "audio": ["a.wav", "b.mp3"] * 6,
        "nothing": [None, " "] * 6,
        "flags": [True, False] * 6,
    }[kind]


@pytest.mark.parametrize(
    ("kind", "given", "fix"),
    [
        ("numbers", "holds Int64", "numeric or categorical"),
        ("number words", "numbers written as text", "numeric or categorical"),
        ("images", "names of image files, such as 'cats/a.jpg'", "image='words'"),
        ("audio", "names of audio files", "audio='words'"),
        ("nothing", "every row lacks text in 'words'", "check the column"),
        ("flags", "holds Boolean", "column of text"),
    ],
)
def test_text_that_is_no_text_is_refused(kind, given, fix):
    rows = read_frame({"words": texts_of(kind), "label": ["a", "b"] * 6})
    with pytest.raises(ContractError) as caught:
        infer_contract(rows, Roles(("words",), ("label",)))
    assert given in caught.value.given
    assert fix in caught.value.fix


def test_text_that_mentions_files_is_text():
    texts = ["see figure.png for it", "photo.jpg", "nothing to see"] * 4
    rows = read_frame({"words": texts, "label": ["a", "b"] * 6})
    assert infer_contract(rows, Roles(("words",), ("label",))).task is Task.BINARY


@pytest.mark.parametrize(
    ("roles", "given", "fix"),
    [
        ({"content": ("txt",)}, "no column 'txt'", "'text'"),
        ({"label": ("Label",)}, "no column 'Label'", "'label'"),
        ({"content": ("zzzzz",)}, "no column 'zzzzz'", "check the spelling"),
        ({"content": ()}, "no text column", "text=('message',)"),
        ({"label": ()}, "no label column", "label=('category',)"),
        ({"numeric": ("word",)}, "'word' holds 12 cells that are no number", "categorical"),
        ({"numeric": ("empty",)}, "'empty' holds no number at all", "drop it"),
        ({"time": "word"}, "12 cells that are no time: 'soon' in row 0", "rewrite"),
        ({"categorical": ("lists",)}, "holds List", "flatten"),
    ],
)
def test_columns_that_cannot_work_are_refused(roles, given, fix):
    rows = table(label=["a", "b"] * 6, word=["soon", "late"] * 6, empty=[None] * 12, lists=[["a"]] * 12)
    with pytest.raises(InputError) as caught:
        infer_contract(rows, Roles(**({"content": ("text",), "label": ("label",)} | roles)))
    assert given in caught.value.given
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("roles", "given", "fix"),
    [
        ({"label": ("text",)}, "'text' is given as text and as label", "take 'text' out"),
        ({"numeric": ("text",)}, "given as text and as numeric", "take"),
        ({"numeric": ("n",), "categorical": ("n",)}, "given as numeric and as categorical", "take"),
        ({"label": ("y", "y")}, "given as label and as label", "take"),
        ({"group": "y"}, "given as label and as group", "take"),
        ({"content": "text"}, "text='text' is one string", "text=('text',)"),
    ],
)
def test_roles_that_exclude_each_other(roles, given, fix):
    with pytest.raises(InputError) as caught:
        Roles(**({"content": ("text",), "label": ("y",)} | roles))
    assert given in caught.value.given
    assert fix in caught.value.fix


def test_unknown_task():
    with pytest.raises(InputError, match="task='ranking'") as caught:
        infer(["a", "b"] * 6, task="ranking")
    assert "multilabel" in caught.value.needed


def test_folds_set_how_many_rows_are_enough():
    rows = table(label=["a", "b"] * 4)
    assert infer_contract(rows, Roles(("text",), ("label",)), folds=4).rows == 8
    with pytest.raises(ContractError, match="8 usable rows"):
        infer_contract(rows, Roles(("text",), ("label",)), folds=5)


def test_polars_list_column_and_zoned_times():
    frame = pl.DataFrame({"text": [f"t {i}" for i in range(12)], "label": [["a"], ["b", "a"]] * 6}).with_columns(
        when=pl.datetime(2024, 1, 1, time_zone="Europe/Rome")
    )
    with pytest.raises(ContractError, match="every labelled row has the label 'a'"):
        infer_contract(read_frame(frame), Roles(("text",), ("label",), time="when"))


def test_a_label_column_without_two_alike_may_be_the_text():
    rows = read_frame({"text": [f"message number {row}" for row in range(12)], "label": ["a", "b"] * 6})
    with pytest.raises(ContractError, match="12 of 12 classes of 'text'") as caught:
        infer_contract(rows, Roles(content=("label",), label=("text",)))
    assert "check that it is the label column, and that 'label' is not" in caught.value.fix


@pytest.mark.parametrize(
    ("written", "how"),
    [
        ("{}%", "a percent sign"),
        ("{},500.5", "marks between thousands"),
        ("\u20ac {}", "a currency"),
        ("{},5", "comma"),
    ],
)
def test_labels_that_are_numbers_as_a_sheet_shows_them_are_told(written, how):
    cells = [written.format(number) for number in range(1, 25)]
    roles = Roles(("text",), ("label",))
    with pytest.raises(ContractError) as caught:
        infer_contract(read_frame({"text": [f"words {row}" for row in range(24)], "label": cells}), roles)
    assert how in caught.value.fix
    assert "write plain ones" in caught.value.fix
    table = read_frame({"text": [f"words {row}" for row in range(48)], "label": cells * 2})
    (note,) = remarks(table, infer_contract(table, roles))
    assert how in note
