"""Files and frames as people have them: spreadsheets of other countries, no header, every type of pandas."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from graft.core.errors import InputError
from graft.rows import read_frame
from graft.rows.table import read_rows
from graft.rows.values import numbers, times, words, written_names

DAY = np.datetime64("2024-05-15T00:00:00", "us")


def write(folder, name, content, encoding="utf-8"):
    path = folder / name
    path.write_bytes(content.encode(encoding))
    return path


@pytest.mark.parametrize("pair", ["É»", "É”", "Ü°", "Í€"])
def test_windows_1252_with_pairs_that_are_utf8_by_chance(tmp_path, pair):
    lines = [f"le café numéro {row} est fermé,déçu" for row in range(6)]
    path = write(tmp_path, "fr.csv", "\n".join(["text,label", *lines, f"« FERM{pair} dit-il,ravi"]), "cp1252")
    table = read_frame(path)
    assert table.frame["text"][-1] == f"« FERM{pair} dit-il"
    assert "read as Windows-1252" in table.notes[0]
    assert read_rows(path).frame.equals(table.frame)


def test_many_pairs_by_chance_and_few_other_bytes_are_windows_1252(tmp_path):
    path = write(tmp_path, "de.csv", "text,label\n" + "ca. 20 Ü° und É»,ja\n" * 9 + "nur £5,nein\n", "cp1252")
    assert read_frame(path).frame["text"][0] == "ca. 20 Ü° und É»"


def test_lone_greek_letters_of_utf8_are_not_windows_1252(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes("text,label\n5 \u03bcm,a\n7 \u03a9,b\n".encode() + "na\xefve,b\n".encode("cp1252"))
    with pytest.raises(InputError, match="--encoding cp1252"):
        read_frame(path)


def test_cyrillic_utf8_with_one_western_line_is_mixed(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes("text,label\nждл вждл,ж\n".encode() + "naïve café,b\n".encode("cp1252"))
    with pytest.raises(InputError, match="mixes encodings"):
        read_frame(path)


def test_an_encoding_that_is_named_is_used(tmp_path):
    path = write(tmp_path, "rows.csv", "text,label\nzażółć gęślą,x\n", "iso-8859-2")
    assert read_frame(path, encoding="iso-8859-2").frame["text"].to_list() == ["zażółć gęślą"]
    assert read_rows(path, encoding="latin2").frame["text"].to_list() == ["zażółć gęślą"]
    with pytest.raises(InputError, match="is not utf-8: byte 0xbf at offset 13, line 2"):
        read_frame(path, encoding="utf-8")
    for wrong in ("klingon", "rot13", "base64"):
        with pytest.raises(InputError, match="encoding="):
            read_frame(path, encoding=wrong)


def test_a_named_utf8_drops_the_mark(tmp_path):
    path = write(tmp_path, "rows.csv", "text,label\na,b\n", "utf-8-sig")
    assert read_frame(path, encoding="utf-8").frame.columns == ["text", "label"]


@pytest.mark.parametrize("said", ["sep=;", '"sep=;"', "SEP=;"])
def test_a_spreadsheet_says_its_delimiter(tmp_path, said):
    table = read_frame(write(tmp_path, "rows.csv", f"{said}\r\ntext;price\r\na, b, c;1,5\r\nd;2,5\r\n"))
    assert table.frame.columns == ["text", "price"]
    assert table.frame["text"].to_list() == ["a, b, c", "d"]
    with pytest.raises(InputError, match="line 4 has 1"):
        read_frame(write(tmp_path, "rows.csv", f"{said}\ntext;price\na;1\nd\n"))


@pytest.mark.parametrize(
    ("content", "doubted"),
    [
        ("ham,hello there\nspam,win now\nham,see you\nham,late\n", True),
        ("5.000,A man is here\n3.2,A dog\n1.5,A cat\n0.5,A bird\n", True),
        ("2024-01-01,hello\n2024-01-02,bye\n2024-01-03,so\n2024-01-04,no\n", True),
        ("label,text\nham,hello\nspam,win\nham,late\n", False),
        ("text,2020,2021\na,1,2\nb,3,4\nc,5,6\n", False),
        ("text,0,1\na,1,0\nb,0,1\nc,1,1\n", False),
        ("text,spam\na,\nb,spam\nc,spam\nd,spam\n", False),
        ("How satisfied are you with it?,label\nvery,a\nnot,b\nso,a\n", False),
    ],
)
def test_a_first_line_that_looks_like_data_is_told(tmp_path, content, doubted):
    table = read_frame(write(tmp_path, "rows.csv", content))
    assert bool(table.doubt) == doubted
    assert any("first line" in note for note in table.notes) == doubted


def test_a_header_alone_is_an_empty_answer_only_where_that_is_one(tmp_path):
    path = write(tmp_path, "rows.csv", "text,label\n")
    table = read_frame(path, empty=True)
    assert (table.frame.columns, len(table)) == (["text", "label"], 0)
    with pytest.raises(InputError, match="a header and no rows"):
        read_frame(path)


def test_nothing_is_told_in_good_english():
    with pytest.raises(InputError, match="the list of rows holds no rows"):
        read_frame([])


PANDAS = {
    "intervals": (pd.cut(np.arange(4), 2), ["(-0.003, 1.5]", "(1.5, 3.0]"]),
    "periods": (pd.PeriodIndex(["2024-01", "2024-01", "2024-02", "2024-02"], freq="M"), ["2024-01", "2024-02"]),
    "sparse": (pd.arrays.SparseArray([0, 0, 1, 1]), ["0", "1"]),
    "mixed categories": (pd.Categorical([1, 1, "x", "x"]), ["1", "x"]),
    "float32": (np.array([0.1, 0.1, 2, 2], np.float32), ["0.1", "2"]),
    "float16": (np.array([0.1, 0.1, 2, 2], np.float16), ["0.1", "2"]),
    "nullable": (pd.array([1, 1, 2, 2], dtype="Int8"), ["1", "2"]),
    "bytes": ([b"a", b"a", "é".encode(), "é".encode()], ["a", "é"]),
    "decimals": ([decimal.Decimal("1.10")] * 2 + [decimal.Decimal("2.00")] * 2, ["1.10", "2.00"]),
    "large": ([2**70, 2**70, 1, 1], ["1", str(2**70)]),
    "zoned": (pd.to_datetime(["2024-01-01 10:00+02:00"] * 2 + ["2024-01-02 10:00+02:00"] * 2, utc=True), None),
}


@pytest.mark.parametrize("kind", PANDAS)
def test_every_type_of_pandas_is_words(kind):
    cells, expected = PANDAS[kind]
    found = read_frame(pd.DataFrame({"label": cells})).as_names("label").to_list()
    assert found[0] == found[1] != found[2] == found[3]
    if expected is not None:
        assert sorted({found[0], found[2]}) == expected


@pytest.mark.parametrize("name", ["intervals", "periods"])
def test_types_of_pandas_in_parquet_are_the_same_words(tmp_path, name):
    cells, expected = PANDAS[name]
    frame = pd.DataFrame({"label": cells if name == "periods" else pd.Series(np.asarray(cells.astype(object)))})
    frame["label"] = frame["label"].astype(frame["label"].dtype)
    if name == "intervals":
        frame["label"] = pd.arrays.IntervalArray(frame["label"])
    frame.to_parquet(tmp_path / "rows.parquet")
    found = read_frame(tmp_path / "rows.parquet").as_names("label").to_list()
    assert sorted(set(found)) == expected


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (np.array([1j, 2j]), "complex numbers"),
        (pd.to_timedelta([1, 2], unit="h"), "durations"),
        ([datetime.timedelta(1), None], "durations"),
    ],
)
def test_what_is_no_word_is_left_aside_and_told(cells, what):
    table = read_frame(pd.DataFrame({"text": ["a", "b"], "odd": cells}))
    assert table.frame.columns == ["text"]
    assert what in table.unread["odd"].given
    assert table.unread["odd"].fix


@pytest.mark.parametrize("source", [pd.Series(["a"]), pl.Series(["a"]), np.array(["a"])])
def test_a_series_is_no_frame(source):
    with pytest.raises(InputError, match="rows given as"):
        read_frame(source)


def test_a_long_array_in_a_cell_is_whole():
    names = [f"c{place}" for place in range(2000)]
    table = read_frame(pd.DataFrame({"labels": [np.array(names)]}))
    assert table.frame["labels"][0].to_list() == names


TIMES = {
    "compact": 20240515,
    "compact with seconds": 20240515000000,
    "compact with minutes": 202405150000,
    "seconds": 1715731200,
    "milliseconds": 1715731200000,
    "microseconds": 1715731200000000,
    "nanoseconds": 1715731200000000000,
}


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("as_text", [False, True])
def test_numbers_that_are_times(kind, as_text):
    column = pl.Series("t", [str(TIMES[kind])] * 3 if as_text else [TIMES[kind]] * 3)
    found, bad = times(column)
    assert not bad.any()
    assert set(found) == {DAY}


def test_two_units_in_one_column_are_told_apart():
    found, bad = times(pl.Series([1715731200, 1715731200, 1715731200000]))
    assert bad.tolist() == [False, False, True]
    assert found[0] == DAY
    assert times(pl.Series([0, 5, 1000, 4000]))[1].tolist() == [False] * 4


def test_names_and_numbers_of_a_cell_are_its_own():
    cells = ["True", "1.10 ", "NA", "007", "2024-01-01"]
    together = written_names(pl.Series(cells)).to_list()
    assert together == [written_names(pl.Series([cell]))[0] for cell in cells]
    assert numbers(pl.Series(["true", "FALSE", "x"]))[0][:2].tolist() == [1.0, 0.0]
    assert words(pl.Series([datetime.datetime(2024, 1, 1, 10)])).to_list() == ["2024-01-01 10:00:00"]


def test_a_spreadsheet_called_csv_is_called_a_spreadsheet(tmp_path):
    (tmp_path / "rows.csv").write_bytes(b"PK\x03\x04" + b"\0" * 50)
    with pytest.raises(InputError, match="is a zip archive or a spreadsheet") as caught:
        read_frame(tmp_path / "rows.csv")
    assert "export it as CSV" in caught.value.fix


def test_an_arrow_column_nobody_can_read_is_in_nobodys_way():
    spans = pa.array([pa.MonthDayNano([1, 2, 3])] * 2)
    table = read_frame(pa.table({"text": ["a", "b"], "span": spans}))
    assert table.frame.columns == ["text"]
    assert "'span' holds values of the Arrow type month_day_nano_interval" in table.unread["span"].given
    with pytest.raises(InputError, match="rows given as Int64Array") as caught:
        read_frame(pa.array([1]))
    assert "one column needs a name" in caught.value.fix
