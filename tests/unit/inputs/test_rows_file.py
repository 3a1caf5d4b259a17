"""Rows come back from their file as they were, bit for bit, and other rows are refused."""

from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest

from graft.core.errors import InputError
from graft.inputs.contract import infer_contract
from graft.inputs.dataset import build_dataset
from graft.inputs.roles import Roles
from graft.inputs.rows_file import read_rows, write_rows
from graft.rows.table import read_frame

FRAME = pl.DataFrame(
    {
        "text": ["one", "zwei\nLinien", "日本語 🙂", "four", 'five, "six"', "seven\t"] * 4,
        "kind": ["a", "b", "a", "b", "a", "b"] * 4,
        "hours": [float(n) / 3 for n in range(24)],
        "first": [0, 1, 1, 0, 1, 0] * 4,
        "second": [1, 1, 0, 0, 1, 0] * 4,
        "weight": [1.5, None, float(np.float32(0.1)), -0.0, 1e-30, 7.0] * 4,
        "place": ["x", None, "", "y", "x", "ü"] * 4,
        "name": [f"row {n}" for n in range(24)],
        "who": ["p", "q", "r", "s", "t", "u"] * 4,
        "day": [f"2024-01-{n + 1:02}T10:00:00.000001" for n in range(24)],
    }
)
BESIDE = {"numeric": ("weight",), "categorical": ("place",), "id": "name", "group": "who"}


def rows_of(*label: str, **more):
    table = read_frame(FRAME)
    contract = infer_contract(table, Roles(content=("text",), label=label, **more), task="auto", folds=2)
    return build_dataset(table, contract, labelled=True)[0]


@pytest.mark.parametrize(
    ("label", "more"),
    [
        (("kind",), {}),
        (("kind",), BESIDE),
        (("hours",), {"time": "day", "numeric": ("weight",)}),
        (("first", "second"), BESIDE),
    ],
    ids=["classes", "classes and all beside", "regression in time", "several labels"],
)
def test_rows_come_back_as_they_were(tmp_path, label, more):
    rows = rows_of(*label, **more)
    write_rows(tmp_path / "rows.arrow", rows)
    found = read_rows(tmp_path / "rows.arrow", rows.fingerprint)
    for field in fields(rows):
        before, after = getattr(rows, field.name), getattr(found, field.name)
        if isinstance(before, np.ndarray):
            assert (before.dtype, before.shape) == (after.dtype, after.shape), field.name
            if before.dtype != object:
                assert before.tobytes() == np.ascontiguousarray(after).tobytes(), field.name
            assert before.tolist() == after.tolist() or np.isnan(before).any(), field.name
        else:
            assert before == after, field.name
    assert found.fingerprint == rows.fingerprint


def test_other_rows_are_refused(tmp_path):
    rows = rows_of("kind")
    other = replace(rows, contents=(*rows.contents[:-1], "changed"))
    write_rows(tmp_path / "rows.arrow", other)
    with pytest.raises(InputError, match="holds other rows than were asked for"):
        read_rows(tmp_path / "rows.arrow", rows.fingerprint)


@pytest.mark.parametrize("content", [b"", b"ARROW1\x00\x00", b"\x80\x04N."], ids=["empty", "begun", "a pickle"])
def test_what_is_no_file_of_rows_is_refused_in_words(tmp_path, content):
    (tmp_path / "rows.arrow").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "rows.arrow", "")


def test_a_missing_file_is_refused_in_words(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "rows.arrow", "")
