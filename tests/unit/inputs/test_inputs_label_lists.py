"""Lists of labels in every form in which they are written, each cell read by itself."""

import json

import numpy as np
import pandas as pd
import pytest

from graft.core.errors import ContractError
from graft.inputs import Contract, Roles, Task, build_dataset, infer_contract
from graft.rows import read_frame
from graft.rows.lists import in_brackets

ROLES = Roles(content=("text",), label=("y",))
ROWS = 24
LONG = "a label of more than forty characters, and a comma"
LISTS = [["a", LONG] if row % 3 == 0 else ["a"] if row % 3 == 1 else ["it's"] for row in range(ROWS)]


def table(cells):
    return read_frame({"text": [f"message number {row}" for row in range(len(cells))], "y": list(cells)})


def as_python_wraps(cell):
    """As NumPy prints long words: one a line, without a comma."""
    return "[" + "\n ".join(map(repr, cell)) + "]"


@pytest.mark.parametrize(
    "form",
    [
        list,
        np.array,
        tuple,
        set,
        repr,
        json.dumps,
        as_python_wraps,
        lambda cell: str(np.array(cell)),
        lambda cell: repr(set(cell)),
        lambda cell: repr(tuple(cell)),
        lambda cell: [word.encode() for word in cell],
    ],
)
def test_a_list_means_the_same_in_every_form(form):
    contract = infer_contract(table([form(cell) for cell in LISTS]), ROLES)
    assert contract.task is Task.MULTILABEL
    assert dict(zip(contract.labels, contract.label_counts, strict=True)) == {"a": 16, LONG: 8, "it's": 8}


def test_a_list_that_was_cut_short_is_refused():
    cut = str(np.array([f"c{place}" for place in range(2000)]))
    assert "..." in cut
    for task in ("auto", "multilabel"):
        with pytest.raises(ContractError, match="cut short when it was written, in row 0"):
            infer_contract(table([cut, "['a']"] * 12), ROLES, task=task)


@pytest.mark.parametrize(
    ("cell", "items"),
    [
        ("['a' 'b, c']", ("a", "b, c")),
        ("""['a' "it's"]""", ("a", "it's")),
        ("[1.10, 1.1]", ("1.10", "1.1")),
        ("[1 0 1]", ("1", "0", "1")),
        ("frozenset({'a'})", ("a",)),
        ("array(['a'], dtype=object)", ("a",)),
        ('["caf\\u00e9", null]', ("café", None)),
        ("[]", ()),
        ("set()", ()),
        ("{}", None),
        ("{'a': 1}", None),
        ("[spam]", None),
        ("(none)", None),
        ("[['a']]", None),
        ("['a'", None),
    ],
)
def test_what_is_a_list(cell, items):
    assert in_brackets(cell) == items


FLAGS = [[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("form", [list, np.array, json.dumps, repr, lambda cell: str(np.array(cell, float))])
def test_indicators_are_agreed_once(form):
    contract = infer_contract(table([form(cell) for cell in FLAGS * 6]), ROLES)
    assert (contract.labels, contract.label_counts, contract.positions) == (("0", "1", "2"), (12, 12, 12), 3)
    assert Contract.model_validate_json(contract.model_dump_json()) == contract
    data, problems = build_dataset(table([[0, 1, 0], [1, 0], [None, 1, 0], ["a"]]), contract, labelled=True)
    assert data.targets.tolist() == [[0, 1, 0]]
    assert [(one.row, one.code) for one in problems] == [
        (1, "unknown-label"),
        (2, "missing-label"),
        (3, "unknown-label"),
    ]


def test_labels_named_0_and_1_are_no_indicators_later():
    contract = infer_contract(table([["0"], ["1"], ["0", "1"], []] * 6), ROLES)
    assert (contract.labels, contract.positions) == (("0", "1"), 0)
    data, _ = build_dataset(table([["1", "0"], ["0", "1"]]), contract, labelled=True)
    assert data.targets.tolist() == [[1, 1], [1, 1]]


def test_a_frame_read_back_from_parquet_is_the_frame(tmp_path):
    frame = pd.DataFrame({"text": [f"message number {row}" for row in range(ROWS)], "y": LISTS})
    frame.to_parquet(tmp_path / "rows.parquet")
    contracts = [
        infer_contract(read_frame(one), ROLES)
        for one in (frame, pd.read_parquet(tmp_path / "rows.parquet"), tmp_path / "rows.parquet")
    ]
    assert contracts[0] == contracts[1] == contracts[2]


def test_a_flag_depends_on_its_own_cell(tmp_path):
    """Written 1.0 is 1, whether all cells of its column are numbers or one is not."""
    roles = Roles(content=("text",), label=("a", "b"))
    rows = {"text": [f"message number {row}" for row in range(ROWS)], "a": [1, 0] * 12, "b": [0, 0, 1] * 8}
    contract = infer_contract(read_frame(rows), roles)
    (tmp_path / "new.csv").write_text("text,a,b\nhi,1.0,0.0\nho,0.0,1.0\nhu,NA,0\nha,maybe,0\n")
    data, problems = build_dataset(read_frame(tmp_path / "new.csv"), contract, labelled=True)
    assert data.targets.tolist() == [[1, 0], [0, 1]]
    assert [(one.row, one.code) for one in problems] == [(2, "missing-label"), (3, "unknown-label")]
