"""Rows that are handed over in memory, with cells of any kind: our errors or an answer, and nothing else.

Lists of mappings, mappings of lists, pandas, Polars and Arrow; what a library refuses to hold is not ours to read.
"""

import datetime
import decimal
import fractions
import random
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft.core.errors import GraftError
from graft.inputs import Roles, build_dataset, infer_contract
from graft.rows.table import read_frame

FEW, MANY = 40, 2_500  # many of each of four forms: ten thousand for the reader of rows in memory
DAY = datetime.datetime(2024, 2, 29, 12, 30)
CELLS = (
    *("", " ", "a", "A ", "nan", "1.10", "1e400", "0x1", "\0", "\ud800", "\u202e", "['a', 'b']", "2024-13-45"),
    *(None, True, False, 0, 1, -1, 7, 2**63, 2**70, -(2**63), 1.5, -0.0, float("nan"), float("inf"), 1e308),
    *(np.int8(3), np.uint64(2**64 - 1), np.float16(0.5), np.bool_(True), np.str_("b"), np.bytes_(b"c"), 1 + 2j),
    *(decimal.Decimal("1.10"), decimal.Decimal("NaN"), fractions.Fraction(1, 3), uuid.UUID(int=5), Path("p")),
    *(b"bytes", b"\xff", bytearray(b"x"), DAY, DAY.date(), DAY.time(), DAY.replace(tzinfo=datetime.UTC)),
    *(datetime.timedelta(days=1), datetime.date(1, 1, 1), np.datetime64("2024-01-01"), np.datetime64("NaT")),
    *(pd.NA, pd.NaT, pd.Timestamp(DAY), pd.Timedelta("1D"), pd.Interval(0, 1), pd.Period("2024-01")),
    *([], ["a"], ["a", None], [1, 0], [[1], [2]], (1, 2), {"a"}, {"k": 1}, {}, np.array([1, 0]), np.array([])),
    *(object, object(), len, Ellipsis, ValueError("x"), pl.Series(["a"]), pd.Series([1])),
)  # fmt: skip
TEXTS = tuple(f"message number {place} of some words" for place in range(12))
PLAIN = ("a", "b", 1, 2, 1.5, None, True)


def arrow(cells: list[object]) -> pa.Array:
    """As Arrow has it, or as categories of texts. NumPy's cells become Python's: Arrow dies of its times among them."""
    cells = [cell.item() if isinstance(cell, np.generic) else cell for cell in cells]
    try:
        return pa.array(cells, from_pandas=True)
    except Exception:
        return pa.array([None if cell is None else repr(cell) for cell in cells], pa.large_string()).dictionary_encode()


FORMS = {
    "a list of mappings": lambda columns: [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ],
    "a mapping of lists": lambda columns: columns,
    "pandas": lambda columns: pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()}),
    "pandas, its own types": lambda columns: pd.DataFrame(columns).convert_dtypes(),
    "pandas, categories": lambda columns: pd.DataFrame(columns).astype({"label": "category"}),
    "polars": lambda columns: pl.DataFrame(columns, strict=False),
    "polars, objects": lambda columns: pl.DataFrame(
        [pl.Series(name, cells, dtype=pl.Object) for name, cells in columns.items()]
    ),
    "arrow": lambda columns: pa.table({name: arrow(cells) for name, cells in columns.items()}),
}  # fmt: skip


def drawn(seed: int) -> dict[str, list[object]]:
    """A column of texts, one to predict and one beside it; few kinds of cell or many in each."""
    rng = random.Random(seed)
    count = rng.choice((0, 1, 2, 12, 12, 12, 12))

    def column(usual: tuple[object, ...]) -> list[object]:
        pool = [*rng.choices(usual, k=3), *rng.choices(CELLS, k=rng.choice((0, 1, 1, 2, 6)))]
        return [rng.choice(pool) for _ in range(count)]

    return {"text": column(TEXTS), "label": column(PLAIN), "beside": column(PLAIN)}


def hold(form: str, seed: int) -> None:
    rng = random.Random(seed)
    try:
        rows = FORMS[form](drawn(seed))
    except (Exception, pl.exceptions.PanicException):
        return  # the other library does not hold it
    beside = rng.choice(
        ({}, {"numeric": ("beside",)}, {"categorical": ("beside",)}, {"time": "beside"}, {"id": "beside"})
    )
    task = rng.choice(("auto", "auto", "multiclass", "multilabel", "regression"))
    try:
        table = read_frame(rows)
        asked = Roles(content=("text",), label=("label",), **beside)
        build_dataset(table, infer_contract(table, asked, task=task, folds=2), labelled=True)
    except GraftError as error:
        assert error.exit_code == 2  # noqa: PT017 - or there is an answer


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=FEW, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.integers(0, 1 << 40))
def test_rows_in_memory_are_read_or_refused_in_words(form, seed):
    hold(form, seed)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["a list of mappings", "pandas", "polars", "arrow"])
@settings(max_examples=MANY, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.integers(0, 1 << 40))
def test_ten_thousand_rows_in_memory_are_read_or_refused_in_words(form, seed):
    hold(form, seed)
