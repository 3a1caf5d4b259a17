"""Rows held against their contract: problems are named, good rows are kept."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from graft.core.digests import content_digest
from graft.core.errors import ContractError
from graft.inputs import Roles, Task, build_dataset, infer_contract
from graft.rows import read_frame

COLUMNS = {
    "key": [f"k{i}" for i in range(12)],
    "subject": ["hello", "bye", None] * 4,
    "body": [f"text number {i}" for i in range(12)],
    "age": [1.5, None, 3.0] * 4,
    "city": ["Rome", "Oslo", "Bern"] * 4,
    "label": ["x", "y", "y", "z"] * 3,
    "who": ["ann", "bob"] * 6,
    "when": [f"2024-01-{day:02d}" for day in range(1, 13)],
}
ROLES = Roles(("subject", "body"), ("label",), ("age",), ("city",), id="key", group="who", time="when")


def contract_of(columns=COLUMNS, roles=ROLES, **options):
    return infer_contract(read_frame(columns), roles, **options)


def changed(row, **cells):
    columns = {name: list(values) for name, values in COLUMNS.items()}
    for name, value in cells.items():
        columns[name][row] = value
    return columns


def test_a_whole_table_becomes_arrays():
    data, problems = build_dataset(read_frame(COLUMNS), contract_of(), labelled=True)
    assert problems == ()
    assert len(data) == 12
    assert data.ids[:2] == ("k0", "k1")
    assert data.contents[0] == "hello\ntext number 0"
    assert data.contents[2] == "text number 2"
    assert data.rows.dtype == np.int64
    assert data.numeric.dtype == np.float32
    assert data.numeric.shape == (12, 1)
    np.testing.assert_array_equal(data.numeric[:3, 0], np.float32([1.5, np.nan, 3]))
    assert data.categorical.shape == (12, 1)
    assert data.categorical[1, 0] == "Oslo"
    assert data.targets.dtype == np.int64
    assert data.targets.tolist() == [0, 1, 1, 2] * 3
    assert data.groups.tolist() == ["ann", "bob"] * 6
    assert data.times[0] == np.datetime64("2024-01-01")
    assert data.times.dtype == np.dtype("datetime64[us]")
    assert data.digests[0] == content_digest("hello\ntext number 0")


@pytest.mark.parametrize(
    ("cells", "code", "column", "labelled_only"),
    [
        ({"subject": None, "body": None}, "missing-text", "subject, body", False),
        ({"subject": " ", "body": "\n"}, "empty-text", "subject, body", False),
        ({"age": "old"}, "bad-number", "age", False),
        ({"age": float("inf")}, "bad-number", "age", False),
        ({"age": 1e300}, "bad-number", "age", False),
        ({"label": None}, "missing-label", "label", True),
        ({"label": "w"}, "unknown-label", "label", True),
        ({"who": " "}, "missing-group", "who", True),
        ({"when": None}, "missing-time", "when", True),
        ({"when": "soon"}, "bad-time", "when", True),
    ],
)
def test_fatal_problems_leave_out_their_row_only(cells, code, column, labelled_only):
    table = read_frame(changed(4, **cells))
    data, problems = build_dataset(table, contract_of(), labelled=True)
    assert [(p.row, p.column, p.code, p.fatal) for p in problems] == [(4, column, code, True)]
    assert problems[0].message
    assert data.rows.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11]
    assert data.ids[4] == "k5"
    data, problems = build_dataset(table, contract_of(), labelled=False)
    assert len(data) == (12 if labelled_only else 11)
    assert bool(problems) != labelled_only


@pytest.mark.parametrize(
    ("cells", "code", "seen"),
    [
        ({"city": "Paris"}, "unknown-category", lambda data: data.categorical[4, 0] == "Paris"),
        ({"body": "long " * 30_000}, "too-long", lambda data: len(data.contents[4]) > 150_000),
        ({"key": None}, "missing-id", lambda data: data.ids[4] == "row 4"),
        ({"key": "k1"}, "repeated-id", lambda data: data.ids[4] == "k1"),
    ],
)
def test_other_problems_are_reported_and_kept(cells, code, seen):
    data, problems = build_dataset(read_frame(changed(4, **cells)), contract_of(), labelled=True)
    assert [(p.row, p.code, p.fatal) for p in problems] == [(4, code, False)]
    assert len(data) == 12
    assert seen(data)


def test_a_missing_category_or_number_is_no_problem():
    data, problems = build_dataset(read_frame(changed(4, city=None, age=None)), contract_of(), labelled=True)
    assert problems == ()
    assert data.categorical[4, 0] == ""
    assert np.isnan(data.numeric[4, 0])


@pytest.mark.parametrize("gone", ["subject", "body", "age", "city"])
@pytest.mark.parametrize("labelled", [True, False])
def test_a_missing_input_column_is_an_error(gone, labelled):
    columns = {name: values for name, values in COLUMNS.items() if name != gone}
    with pytest.raises(ContractError, match=f"no column '{gone}'") as caught:
        build_dataset(read_frame(columns), contract_of(), labelled=labelled)
    assert caught.value.fix


@pytest.mark.parametrize("gone", ["label", "who", "when", "key"])
def test_other_columns_need_not_exist_for_prediction(gone):
    columns = {name: values for name, values in COLUMNS.items() if name != gone}
    data, problems = build_dataset(read_frame(columns), contract_of(), labelled=False)
    assert problems == ()
    assert len(data) == 12
    assert data.targets is None
    assert (data.groups is None) == (gone == "who")
    assert (data.times is None) == (gone == "when")
    assert data.ids[3] == ("3" if gone == "key" else "k3")
    if gone != "key":
        with pytest.raises(ContractError, match=f"no column '{gone}'"):
            build_dataset(read_frame(columns), contract_of(), labelled=True)


def test_no_usable_row_is_an_error_only_when_labels_are_needed():
    table = read_frame({name: values[:1] for name, values in COLUMNS.items()} | {"label": ["other"]})
    with pytest.raises(ContractError, match=r"no row of the table is usable.*'other' is no known class"):
        build_dataset(table, contract_of(), labelled=True)
    assert len(build_dataset(table, contract_of(), labelled=False)[0]) == 1
    blank = read_frame({**{name: values[:1] for name, values in COLUMNS.items()}, "subject": [None], "body": [None]})
    data, problems = build_dataset(blank, contract_of(), labelled=False)
    assert len(data) == 0
    assert data.numeric.shape == (0, 1)
    assert [p.code for p in problems] == ["missing-text"]


def test_every_format_gives_the_same_fingerprint(tmp_path):
    frame = pl.DataFrame(COLUMNS)
    frame.write_csv(tmp_path / "a.csv")
    frame.write_csv(tmp_path / "a.tsv", separator="\t")
    frame.write_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in frame.iter_rows(named=True)))
    sources = [*(tmp_path / f"a.{kind}" for kind in ("csv", "tsv", "parquet", "jsonl")), frame, pd.DataFrame(COLUMNS)]
    contract = contract_of()
    digests = {build_dataset(read_frame(source), contract, labelled=True)[0].fingerprint for source in sources}
    assert len(digests) == 1
    assert {infer_contract(read_frame(source), ROLES) for source in sources} == {contract}


@pytest.mark.parametrize(
    "cells",
    [
        {"body": "other"},
        {"age": 9.0},
        {"age": None},
        {"city": "Bern"},
        {"label": "z"},
        {"who": "bob"},
        {"when": "2025-01-01"},
        {"key": "k99"},
    ],
)
def test_fingerprint_sees_every_cell(cells):
    contract = contract_of()
    whole = build_dataset(read_frame(COLUMNS), contract, labelled=True)[0]
    other = build_dataset(read_frame(changed(0, **cells)), contract, labelled=True)[0]
    assert other.fingerprint != whole.fingerprint


def test_fingerprint_sees_order_and_absence():
    contract = contract_of()
    whole = build_dataset(read_frame(COLUMNS), contract, labelled=True)[0]
    assert whole.take(range(12)).fingerprint == whole.fingerprint
    assert whole.take([1, 0, *range(2, 12)]).fingerprint != whole.fingerprint
    assert whole.take(range(11)).fingerprint != whole.fingerprint
    assert build_dataset(read_frame(COLUMNS), contract, labelled=False)[0].fingerprint != whole.fingerprint


def test_a_numeric_looking_text_is_read_as_written(tmp_path):
    contract = contract_of(
        {"text": [f"t {i}" for i in range(12)], "label": ["a", "b"] * 6}, Roles(("text",), ("label",))
    )
    (tmp_path / "new.csv").write_text("text\n1.50\n007\n")
    (tmp_path / "one.csv").write_text("text\n1.50\n")
    assert build_dataset(read_frame(tmp_path / "new.csv"), contract, labelled=False)[0].contents == ("1.50", "007")
    assert build_dataset(read_frame(tmp_path / "one.csv"), contract, labelled=False)[0].contents == ("1.50",)
    assert build_dataset(read_frame({"text": [42]}), contract, labelled=False)[0].contents == ("42",)


@pytest.mark.parametrize("spelling", [["0", "1"], [0, 1], [0.0, 1.0], ["0.0", " 1 "], ["0.0", "1.00"]])
def test_classes_are_found_however_they_are_written(spelling):
    roles = Roles(("text",), ("label",))
    contract = contract_of({"text": [f"t {i}" for i in range(12)], "label": [0, 1] * 6}, roles)
    data, problems = build_dataset(read_frame({"text": ["a", "b"], "label": spelling}), contract, labelled=True)
    assert problems == ()
    assert data.targets.tolist() == [0, 1]


def test_regression_targets():
    roles = Roles(("text",), ("y",))
    contract = contract_of({"text": [f"t {i}" for i in range(30)], "y": [i / 2 for i in range(30)]}, roles)
    assert contract.task is Task.REGRESSION
    table = read_frame({"text": ["a", "b", "c", "d"], "y": ["1.5", "", "NA", "high"]})
    data, problems = build_dataset(table, contract, labelled=True)
    assert data.targets.dtype == np.float64
    assert data.targets.tolist() == [1.5]
    assert [p.code for p in problems] == ["missing-label", "missing-label", "bad-number"]


def test_multilabel_targets_in_every_form():
    roles = Roles(("text",), ("tags",))
    texts = [f"t {i}" for i in range(12)]
    contract = contract_of({"text": texts, "tags": ["a;b", "b", "c;a"] * 4}, roles, task="multilabel")
    rows = {"text": ["1", "2", "3", "4"]}
    written = build_dataset(read_frame({**rows, "tags": ["b ; a", '["c"]', "[]", "d;a"]}), contract, labelled=True)
    listed = build_dataset(read_frame({**rows, "tags": [["a", "b"], ["c"], [], ["a", "d"]]}), contract, labelled=True)
    for data, problems in (written, listed):
        assert data.targets.dtype == np.uint8
        assert data.targets.tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
        assert [(p.row, p.code) for p in problems] == [(3, "unknown-label")]
    flags = {"text": texts, "b": [1, 0, 1] * 4, "a": [True, True, False] * 4}
    roles = Roles(("text",), ("b", "a"))
    data, problems = build_dataset(read_frame(flags), contract_of(flags, roles), labelled=True)
    assert data.contract.labels == ("a", "b")
    assert data.targets[:3].tolist() == [[1, 1], [1, 0], [0, 1]]
    flags["b"][3], flags["a"][5] = None, "maybe"
    _, problems = build_dataset(read_frame(flags), data.contract, labelled=True)
    assert [(p.row, p.code) for p in problems] == [(3, "missing-label"), (5, "unknown-label")]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([2019, 2021], ["2019-01-01", "2021-01-01"]),
        ([964982703, 964982704], ["2000-07-30T18:45:03", "2000-07-30T18:45:04"]),
        ([964982703000, 964982704000], ["2000-07-30T18:45:03", "2000-07-30T18:45:04"]),
        (["2024-05-01T10:00:00+02:00", "2024-05-01T10:00:00Z"], ["2024-05-01T08:00:00", "2024-05-01T10:00:00"]),
    ],
)
def test_times_in_every_form(cells, expected):
    roles = Roles(("text",), ("label",), time="when")
    columns = {"text": [f"t {i}" for i in range(12)], "label": ["a", "b"] * 6, "when": cells * 6}
    data, problems = build_dataset(read_frame(columns), contract_of(columns, roles), labelled=True)
    assert problems == ()
    assert data.times[:2].tolist() == [np.datetime64(e, "us").item() for e in expected]
