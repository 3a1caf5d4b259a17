"""One value, one meaning: every kind of value, brought in every way, at every entrance."""

import datetime
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from graft.inputs import Roles, build_dataset, infer_contract
from graft.rows import read_frame
from graft.rows.content import TEXT
from graft.rows.named import days_of, ids_of, read_columns, texts_of, weights_of, words_of
from graft.tables.embedding import _sorted_out

ROWS = 12
DAY = np.datetime64("2023-11-14T22:13:20", "us")
UTC = datetime.UTC


def repeated(*values):
    return [values[row % len(values)] for row in range(ROWS)]


# how the same thing is written, to what it means everywhere
IDS = {
    "whole": list(range(1, ROWS + 1)),
    "floats": [float(row) for row in range(1, ROWS + 1)],
    "text": [str(row) for row in range(1, ROWS + 1)],
    "text with a point": [f"{row}.0" for row in range(1, ROWS + 1)],
    "text with spaces": [f" {row} " for row in range(1, ROWS + 1)],
    "mixed": [row if row % 2 else float(row) for row in range(1, ROWS + 1)],
}
TIMES = {
    "seconds": repeated(1_700_000_000),
    "milliseconds": repeated(1_700_000_000_000),
    "microseconds": repeated(1_700_000_000_000_000),
    "seconds as floats": repeated(1_700_000_000.0),
    "seconds as text with a point": repeated("1700000000.0"),
    "text": repeated("2023-11-14T22:13:20"),
    "text with a zone": repeated("2023-11-14T23:13:20+01:00"),
    "datetime": repeated(datetime.datetime(2023, 11, 14, 22, 13, 20)),
    "datetime with a zone": repeated(datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
}
CATEGORIES = {
    "words": (repeated("red", "blue"), ("red", "blue")),
    "words with spaces": (repeated(" red", "blue "), ("red", "blue")),
    "whole": (repeated(1, 20), ("1", "20")),
    "floats": (repeated(1.0, 2.5), ("1", "2.5")),
    "truth": (repeated(True, False), ("true", "false")),
    "truth as words": (repeated("True", "FALSE"), ("true", "false")),
    "truth among words": (repeated("TRUE", "true", "perhaps"), ("true", "true", "perhaps")),
    "written numbers": (repeated("1.10", "1.1", "007"), ("1.10", "1.1", "007")),
    "large powers": (repeated("1E+05", "100000"), ("1E+05", "100000")),
    "missing words": (repeated("NA", "none", "null"), ("NA", "none", "null")),
}
NUMBERS = {
    "whole": (repeated(1, 20), (1.0, 20.0)),
    "floats": (repeated(0.1, 2.5), (0.1, 2.5)),
    "small floats": (repeated(np.float32(0.5), np.float32(2.0)), (0.5, 2.0)),
    "text": (repeated("1.10", " 2 "), (1.1, 2.0)),
    "powers": (repeated("1E+05", "1e-3"), (100_000.0, 0.001)),
}
TEXTS = {
    "both": (repeated("hello"), repeated("you"), "hello\nyou"),
    "first empty": (repeated(""), repeated("hello"), "hello"),
    "first missing": (repeated(None), repeated("hello"), "hello"),
    "second blank": (repeated("hello"), repeated("  "), "hello"),
    "spaces inside": (repeated(" hello "), repeated("you"), " hello \nyou"),
}


def _csv(columns, folder):
    pl.DataFrame(
        {name: [None if v is None else _cell(v) for v in values] for name, values in columns.items()}
    ).write_csv(folder / "rows.csv", quote_style="necessary")
    return folder / "rows.csv"


def _cell(value):
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def _jsonl(columns, folder):
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(row, default=_cell) for row in rows))
    return folder / "rows.jsonl"


def _parquet(columns, folder):
    pl.DataFrame(columns, strict=False).write_parquet(folder / "rows.parquet")
    return folder / "rows.parquet"


CARRIERS = {
    "mapping": lambda columns, folder: columns,
    "records": lambda columns, folder: [
        dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)
    ],
    "polars": lambda columns, folder: pl.DataFrame(columns, strict=False),
    "lazy": lambda columns, folder: pl.LazyFrame(columns, strict=False),
    "pandas": lambda columns, folder: pd.DataFrame(columns),
    "arrow": lambda columns, folder: pa.table(pl.DataFrame(columns, strict=False).to_arrow()),
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}


@pytest.fixture(params=CARRIERS)
def carried(request, tmp_path):
    return lambda columns: CARRIERS[request.param](columns, tmp_path)


def study(rows, **roles):
    """The rows as a study sees them."""
    table = read_frame(rows)
    contract = infer_contract(table, Roles(**{"content": ("words",), "label": ("label",), **roles}))
    data, problems = build_dataset(table, contract, labelled=True)
    assert not [one for one in problems if one.fatal]
    return data


def rows_with(**columns):
    given = {"words": [f"message {row}" for row in range(ROWS)], "label": repeated("a", "b"), **columns}
    return {name: list(values) for name, values in given.items()}


@pytest.mark.parametrize("kind", IDS)
def test_an_id_is_the_same_id(carried, kind):
    rows = carried(rows_with(key=IDS[kind]))
    wanted = [str(row) for row in range(1, ROWS + 1)]
    assert list(study(rows, id="key").ids) == wanted
    assert ids_of(read_columns(rows, ["key"], what="rows"), "key", what="rows").to_list() == wanted
    assert _sorted_out(read_frame(rows), "key", ("words",), TEXT)[0].ids == wanted


def test_a_written_number_that_is_not_whole_is_a_name(tmp_path):
    rows = _csv(rows_with(key=[f"{row}.10" for row in range(ROWS)]), tmp_path)
    wanted = [f"{row}.10" for row in range(ROWS)]
    assert list(study(rows, id="key").ids) == wanted
    assert _sorted_out(read_frame(rows), "key", ("words",), TEXT)[0].ids == wanted


@pytest.mark.parametrize("kind", TIMES)
def test_a_time_is_the_same_moment(carried, kind):
    rows = carried(rows_with(when=TIMES[kind]))
    assert set(study(rows, time="when").times) == {DAY}
    days = days_of(read_columns(rows, ["when"], what="rows"), "when", what="rows")
    np.testing.assert_allclose(days, DAY.astype(np.int64) / 86_400_000_000, rtol=0, atol=1e-9)


def test_a_time_that_may_be_two_is_none_anywhere(carried):
    from graft.core.errors import InputError

    rows = carried(rows_with(when=repeated("01/02/2024")))
    with pytest.raises(InputError):
        study(rows, time="when")
    with pytest.raises(InputError, match="has no time"):
        days_of(read_columns(rows, ["when"], what="rows"), "when", what="rows")


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_of_two_columns_is_the_same_text(carried, kind):
    first, second, wanted = TEXTS[kind]
    rows = carried(rows_with(one=first, two=second, key=list(range(ROWS))))
    assert set(study(rows, content=("one", "two")).contents) == {wanted}
    read = read_columns(rows, ["one", "two"], what="rows")
    assert set(texts_of(read, ["one", "two"], what="rows")) == {wanted}
    table = read_frame(rows)
    assert set(_sorted_out(table, "key", ("one", "two"), TEXT)[0].contents) == {wanted}


@pytest.mark.parametrize("kind", CATEGORIES)
def test_a_category_is_the_same_category(tmp_path, kind):
    cells, wanted = CATEGORIES[kind]
    wanted = [wanted[row % len(wanted)] for row in range(ROWS)]
    for carrier, carry in CARRIERS.items():
        if kind == "floats" and carrier == "csv":
            continue  # 1.0 in a file is written so, and named so: see below
        rows = carry(rows_with(kind=cells), tmp_path)
        contract = infer_contract(
            read_frame(rows), Roles(content=("words",), label=("label",), categorical=("kind",), group="kind")
        )
        data, _ = build_dataset(read_frame(rows), contract, labelled=True)
        assert data.categorical[:, 0].tolist() == wanted, carrier
        assert len(set(zip(np.asarray(data.groups).tolist(), wanted, strict=True))) == len(set(wanted)), carrier
        assert words_of(read_columns(rows, ["kind"], what="items"), "kind", what="items").to_list() == wanted, carrier
        if len(set(wanted)) == 2:
            named = infer_contract(read_frame(rows), Roles(content=("words",), label=("kind",))).labels
            assert sorted(named) == sorted(set(wanted)), carrier


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_number_is_the_same_number(carried, kind):
    cells, wanted = NUMBERS[kind]
    wanted = [wanted[row % len(wanted)] for row in range(ROWS)]
    rows = carried(rows_with(amount=cells))
    assert study(rows, numeric=("amount",)).numeric[:, 0].tolist() == np.float32(wanted).tolist()
    weights = weights_of(read_columns(rows, ["amount"], what="histories"), "amount", what="histories")
    assert weights.tolist() == pytest.approx(wanted, rel=1e-7)


def test_what_is_written_in_a_file_is_a_name_everywhere(tmp_path):
    """As typed numbers 1.10 and 1.1 would be one id, one category and one text."""
    rows = _csv(rows_with(key=[f"{row}.10" for row in range(ROWS)], kind=repeated("1.10", "1.1", "2.0")), tmp_path)
    read = read_columns(rows, ["key", "kind"], what="items")
    assert ids_of(read, "key", what="items").to_list() == [f"{row}.10" for row in range(ROWS)]
    assert words_of(read, "kind", what="items").to_list() == repeated("1.10", "1.1", "2.0")
    assert texts_of(read, ["kind"], what="items") == repeated("1.10", "1.1", "2.0")
    assert study(rows, categorical=("kind",)).categorical[:, 0].tolist() == repeated("1.10", "1.1", "2.0")
