"""A CSV that people open runs nothing, keeps its numbers, and can be had back exactly."""

import csv
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.bundle.predictions import Predictions
from graft.rows import read_frame
from graft.rows.spreadsheet import guarded, guarded_frame, unguarded

FORMULAS = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    "'=1",
    "--1",
)
PLAIN = ("", "text", "-5", "+49151", "-1.5e-3", "-0,5", "a=b", " =1", "'tis", "'", "5-3", "é")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_an_apostrophe(text):
    assert guarded(pl.Series([text])).to_list() == [f"'{text}"]


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_and_numbers_stay(text):
    assert guarded(pl.Series([text])).to_list() == [text]


@given(st.lists(st.text(alphabet="'=+-@\t\r\n15.,e a\uff1d", max_size=6) | st.none(), max_size=20))
def test_what_was_written_can_be_had_back(texts):
    column = pl.Series("x", texts, dtype=pl.String)
    safe = guarded(column)
    assert unguarded(safe).to_list() == texts
    for text in safe.drop_nulls().to_list():
        if text and text[0] in "=+-@\t\r\n\uff1d":
            float(text.replace(",", "."))


def test_numbers_and_names_of_columns(tmp_path):
    frame = pl.DataFrame({"=id": ["@a", "-7"], "prediction": ["+b", None], "probability": [-0.5, 0.5], "n": [-1, 1]})
    safe, changed = guarded_frame(frame)
    assert changed == 3
    assert safe.to_dict(as_series=False) == {
        "'=id": ["'@a", "-7"],
        "prediction": ["'+b", None],
        "probability": [-0.5, 0.5],
        "n": [-1, 1],
    }
    predictions = Predictions(frame, {})
    assert predictions.write_csv(tmp_path / "safe.csv") == 3
    with Path(tmp_path / "safe.csv").open(newline="") as stream:
        cells = [cell for record in csv.reader(stream) for cell in record]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t", "\r")]
    back = read_frame(tmp_path / "safe.csv").frame
    assert unguarded(pl.Series(back.columns)).to_list() == frame.columns
    assert unguarded(back["'=id"]).to_list() == frame["=id"].to_list()
    assert predictions.write_csv(tmp_path / "exact.csv", exact=True) == 0
    assert pl.read_csv(tmp_path / "exact.csv").equals(frame)
    assert replace(predictions, frame=frame.head(0)).write_csv(tmp_path / "none.csv") == 1
