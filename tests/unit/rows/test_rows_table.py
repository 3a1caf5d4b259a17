"""Files and frames: equal tables from every format, and a clear refusal for what cannot be read."""

import gzip
import json
from datetime import date

import pandas as pd
import polars as pl
import pytest

from graft.core.errors import ContractError, InputError
from graft.rows import read_frame
from graft.rows.columns import typed
from graft.rows.values import words

ROWS = {
    "id": ["a1", "a2", "a3"],
    "text": ["plain", 'she said "no", twice', "two\nlines; café"],
    "count": [1, None, 3],
    "ratio": [0.5, 2.0, None],
    "open": [True, False, True],
}
CSV = """id,text,count,ratio,open
a1,plain,1,0.5,true
a2,"she said ""no"", twice",,2.0,false
a3,"two
lines; café",3,,true
"""


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimited_files_with_every_delimiter_read_alike(tmp_path, delimiter):
    frame = pl.DataFrame(ROWS)
    path = tmp_path / "rows.csv"
    frame.write_csv(path, separator=delimiter)
    assert read_frame(path).frame.equals(frame)


def test_every_source_gives_the_same_frame(tmp_path):
    expected = pl.DataFrame(ROWS)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in expected.iter_rows(named=True))
    expected.write_parquet(tmp_path / "rows.parquet")
    pandas = pd.DataFrame({**ROWS, "count": pd.array([1, None, 3], dtype="Int64")})
    sources = [
        write(tmp_path, "rows.csv", CSV),
        write(tmp_path, "rows.tsv", CSV.replace(",", "\t").replace('""no""\t twice', '""no"", twice')),
        write(tmp_path, "rows.csv.gz", gzip.compress(CSV.encode())),
        write(tmp_path, "rows.jsonl", lines),
        write(tmp_path, "rows.ndjson.gz", gzip.compress(lines.encode())),
        tmp_path / "rows.parquet",
        str(tmp_path / "rows.parquet"),
        expected,
        expected.lazy(),
        pandas,
        ROWS,
        list(expected.iter_rows(named=True)),
    ]
    for source in sources:
        table = read_frame(source)
        assert table.frame.equals(expected), source
        assert table.notes == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "cp1252"])
def test_encodings(tmp_path, encoding):
    raw = b"\xff\xfe" + CSV.encode("utf-16-le") if encoding == "utf-16-le-bom" else CSV.encode(encoding)
    table = read_frame(write(tmp_path, "rows.csv", raw))
    assert table.frame["text"].to_list() == ROWS["text"]
    assert table.frame.columns[0] == "id"
    assert bool(table.notes) == (encoding == "cp1252")
    if table.notes:
        assert "Windows-1252" in table.notes[0]
        assert "line 5" in table.notes[0]


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (["1", "2", None], pl.Int64),
        (["1", "2.5", "NaN"], pl.Float64),
        (["1e-05", "2", "inf"], pl.Float64),
        (["true", "False", None], pl.Boolean),
        (["2024-01-31", None], pl.Date),
        (["2024-01-31T10:00", "2024-01-31 10:00:30.5"], pl.Datetime("us")),
        (["007", "008"], pl.String),
        (["+4915112345", "1"], pl.String),
        (["1,5", "2,5"], pl.String),
        (["12e45", "3e22"], pl.String),
        (["2024-02-31", "2024-02-01"], pl.String),
        (["9" * 30, "1"], pl.String),
        (["NA", "None"], pl.String),
        (["yes", "no"], pl.String),
        ([None, None], pl.String),
    ],
)
def test_types_are_inferred_conservatively(cells, dtype):
    column = pl.Series("c", cells, dtype=pl.String)
    result = typed(column)
    assert result.dtype == dtype
    if dtype == pl.String:
        assert result.to_list() == cells


def test_typed_columns_keep_what_was_written(tmp_path):
    table = read_frame(write(tmp_path, "a.csv", "text,label\n1.50,x\n2,y\n"))
    assert table.frame["text"].to_list() == [1.5, 2.0]
    assert table.as_written("text").to_list() == ["1.50", "2"]
    assert table.as_written("label").to_list() == ["x", "y"]


def test_tabs_with_lone_quotes_are_plain_characters(tmp_path):
    table = read_frame(write(tmp_path, "a.tsv", 'text\tlabel\n"so he\tx\n5" pipe\ty\n'))
    assert table.frame["text"].to_list() == ['"so he', '5" pipe']
    assert "quotes" in table.notes[0]


def test_header_spaces_and_gaps_are_noted(tmp_path):
    table = read_frame(write(tmp_path, "a.csv", ", text ,label\n0,hi,x\n\n1,ho,y\n"))
    assert table.frame.columns == ["column_1", "text", "label"]
    assert len(table) == 2
    assert len(table.notes) == 2


def test_old_mac_line_ends_and_one_column(tmp_path):
    assert read_frame(write(tmp_path, "a.csv", "text,label\rhi,x\rho,y\r")).frame.height == 2
    assert read_frame(write(tmp_path, "b.csv", "text\nhello\nworld\n")).frame["text"].to_list() == ["hello", "world"]


UTF8_LINE, CP_LINE = "café,x\n".encode(), "naïve,y\n".encode("cp1252")
BAD_FILES = [
    ("a.csv", b"", "is empty", "check the export"),
    ("a.csv", b"\xef\xbb\xbf", "is empty", "check the export"),
    ("a.csv", b"text,label\n", "a header and no rows", "check the export"),
    ("a.csv", b"text,label,text\na,b,c\n", "'text' more than once", "rename or drop"),
    ("a.csv", b"text,label\na,b\nc\nd,e,f\ng,h\n", "line 3 has 1, line 4 has 3", "double quotes"),
    ("a.csv", b'text,label\n"a\nb",x\nc\n', "line 4 has 1", "double quotes"),
    ("a.csv", b'text,label\na,b\n"open,c\nd,e\n', "line 3", "lone double quote"),
    ("a.csv", b'text,label\n"a" b,c\n', "line 2", "lone double quote"),
    ("a.csv", b"text,label\na\x00b,c\n", "NUL byte at offset 12, line 2", "remove the NUL"),
    ("a.csv", "text,label\na,b\n".encode("utf-16-le"), "NUL byte", "UTF-16"),
    ("a.csv", b"\xff\xfe" + "text,label\na\0,b\n".encode("utf-16-le"), "NUL character in line 2", "remove the NUL"),
    ("a.csv", b"\xff\xfet\x00e", "UTF-16", "cut-off"),
    ("a.csv", b"text,label\n" + UTF8_LINE + CP_LINE, "byte 0xef at offset 21, line 3", "around line 3 as UTF-8"),
    ("a.csv", b"text,label\nab\x81c,x\n", "neither UTF-8 nor Windows-1252: byte 0x81 at offset 13", "iconv"),
    ("a.csv", b"a,b\n" + "日本語テキスト,".encode("shift-jis") * 9 + b"x\n", "neither UTF-8", "iconv"),
    ("a.jsonl", b'{"text": "a"}\n{"text": \n', "line 2 is not one JSON object", "repair that line"),
    ("a.jsonl", b'\n["a"]\n', "line 2 is a JSON list", "object with the column names"),
    ("a.jsonl", b'{"a": 1, "a": 2}\n', "'a' appears twice", "repair"),
    ("a.jsonl", b"", "no rows", "check the export"),
    ("a.parquet", b"not parquet", "cannot be read as Parquet", "write it again"),
    ("a.csv.gz", b"text,label\n", "not a whole gzip file", "download it again"),
    ("a.csv.gz", gzip.compress(b"text,label\na,b\n" * 99, mtime=0)[:-20], "not a whole gzip file", "download it again"),
    ("a.xlsx", b"PK", "has the extension .xlsx", "export it"),
    ("a", b"text", "has the extension (none)", "export it"),
    ("a.parquet.gz", b"text", "has the extension .parquet.gz", "export it"),
    ("a.JPG", b"text", "has the extension .JPG", "name the folder it lies in"),
    ("a.wav", b"text", "has the extension .wav", "name the folder it lies in"),
    ("a.zip", b"text", "has the extension .zip", "unpack it"),
    ("a.tar.gz", b"text", "has the extension .tar.gz", "unpack it"),
]


@pytest.mark.parametrize(("name", "content", "given", "fix"), BAD_FILES)
def test_unreadable_files_are_refused(tmp_path, name, content, given, fix):
    with pytest.raises(InputError) as caught:
        read_frame(write(tmp_path, name, content))
    assert given in caught.value.given
    assert fix in caught.value.fix
    assert caught.value.needed


BAD_SOURCES = [
    (42, "rows given as int", "convert"),
    ([], "no rows", "check the export"),
    ({}, "no rows", "check the export"),
    (pl.DataFrame({"text": []}), "no rows", "check the export"),
    ({"a": [1], "b": [1, 2]}, "'a' has 1, 'b' has 2", "align"),
    ({"a": "text"}, "column 'a' given as str", "one value per row"),
    ([{"a": 1}, 3], "item 1 is a int", "write rows as"),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' more than once", "rename"),
]


@pytest.mark.parametrize(("source", "given", "fix"), BAD_SOURCES)
def test_unusable_sources_are_refused(source, given, fix):
    with pytest.raises(InputError) as caught:
        read_frame(source)
    assert given in caught.value.given
    assert fix in caught.value.fix


def test_places_that_are_no_file(tmp_path):
    with pytest.raises(InputError, match="is a directory") as caught:
        read_frame(tmp_path)
    assert "inside" in caught.value.fix
    with pytest.raises(InputError, match=r"nothing\.csv does not exist") as caught:
        read_frame(tmp_path / "nothing.csv")
    assert "check the path" in caught.value.fix


def test_a_huge_cell_is_named(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\nshort,a\n" + "x" * 10_000_000 + ",b\n")
    with pytest.raises(InputError, match=r"row 1 \(line 3\), column 'text' holds a cell of 10,000,000") as caught:
        read_frame(path)
    assert "max_cell_chars" in caught.value.fix
    with pytest.raises(InputError, match="row 0, column 'text'"):
        read_frame({"text": ["abcdef"]}, max_cell_chars=5)
    assert len(read_frame(path, max_cell_chars=20_000_000)) == 2


def test_values_of_mixed_kind_are_noted_and_kept():
    table = read_frame({"a": [1, "x", None], "b": ["ok", "\ud800!", None], "c": [{"k": 1}, None, None]})
    assert table.frame["a"].to_list() == ["1", "x", None]
    assert table.frame["b"].to_list() == ["ok", "\ufffd!", None]
    assert table.frame["c"].to_list() == ['{"k": 1}', None, None]
    assert any("int, str" in note for note in table.notes)
    assert any("surrogate" in note for note in table.notes)


def test_categories_decimals_and_dates_become_plain():
    frame = pl.DataFrame(
        {
            "c": pl.Series(["x", "y"], dtype=pl.Categorical),
            "d": pl.Series([1, 2], dtype=pl.Decimal(10, 2)),
            "n": [None, None],
            "t": [date(2024, 1, 1), None],
        }
    )
    read = read_frame(frame).frame
    assert [read[name].dtype for name in "cdnt"] == [pl.String, pl.Float64, pl.String, pl.Date]
    assert read_frame({"t": [date(2024, 1, 1), None]}).frame["t"].dtype == pl.Date


def test_pandas_missing_values_are_missing():
    frame = pd.DataFrame({"text": ["a", None], "when": pd.to_datetime(["2024-01-01", None]), "o": [pd.NA, "x"]})
    read = read_frame(frame).frame
    assert [read[name].null_count() for name in ("text", "when", "o")] == [1, 1, 1]
    columns = {"id": pd.Series([1, None], dtype="Int64"), "word": pd.Series(["a", None], dtype="string"),
               "o": [pd.NA, "x"], "t": ["x", pd.NaT]}  # fmt: skip
    read = read_frame(columns).frame
    assert [read[name].null_count() for name in columns] == [1] * 4
    assert read["id"].dtype == pl.Int64


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("when", [2**31 - 1], dtype=pl.Int32).cast(pl.Date),
        pl.Series("when", [9 * 10**18]).cast(pl.Datetime("us")),
        pl.Series("when", [-9 * 10**18]).cast(pl.Datetime("ms")),
    ],
)
def test_dates_beyond_any_calendar_are_refused_where_polars_would_panic(column):
    with pytest.raises(ContractError, match="250,000 years"):
        words(column)
    assert words(pl.Series("when", [None, 0]).cast(pl.Date)).to_list() == [None, "1970-01-01"]
