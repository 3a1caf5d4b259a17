"""Files of rows that are made to take all memory or time, or that are not what their name says."""

import gzip
import json
import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from graft.core.errors import InputError
from graft.inputs.contract import infer_contract
from graft.inputs.roles import Roles
from graft.inputs.schema import Contract
from graft.rows import table
from graft.rows.table import read_frame, read_rows

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.jsonl", "x.parquet"])
def test_a_pointer_of_git_lfs_is_told(tmp_path, name):
    with pytest.raises(InputError, match="is a Git LFS pointer"):
        read_frame(write(tmp_path / name, LFS))


@pytest.mark.parametrize("name", ["x.csv", "x.tsv.gz", "x.jsonl", "x.parquet"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="is a pipe"):
        read_frame(tmp_path / name)


def test_a_bomb_is_not_unpacked(tmp_path):
    with gzip.open(tmp_path / "x.csv.gz", "wb", compresslevel=1) as stream:
        stream.write(b"text,label\n")
        for _ in range(100):
            stream.write(b"a,b\n" * (1 << 18))
    with pytest.raises(InputError, match="unpacks to more than"):
        read_frame(tmp_path / "x.csv.gz")


def test_a_key_for_every_row_is_no_table(tmp_path):
    lines = "\n".join(json.dumps({f"k{number}": 1}) for number in range(20_000))
    with pytest.raises(InputError, match="20,000 columns for 20,000 rows"):
        read_frame(write(tmp_path / "x.jsonl", lines))


def test_names_that_repeat_are_found_at_once(tmp_path):
    names = [f"k{number}" for number in range(50_000)]
    pairs = ",".join(f'"{name}": 1' for name in [*names, names[-1]])
    with pytest.raises(InputError, match="the key 'k49999' appears twice"):
        read_frame(write(tmp_path / "x.jsonl", f"{{{pairs}}}"))
    with pytest.raises(InputError, match="names 'k7' more than once"):
        read_frame(write(tmp_path / "x.csv", f"{','.join([*names, 'k7'])}\n{'1,' * 50_000}1\n"))


def test_a_line_longer_than_rows_are_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("graft.rows.records._LINE_CHARS", 100)
    with pytest.raises(InputError, match="line 2 has 111 characters"):
        read_frame(write(tmp_path / "x.jsonl", '{"text": "a"}\n{"text": "' + "b" * 99 + '"}\n'))


def test_quotes_never_closed_are_passed_over_in_bounded_time(tmp_path):
    broken = 'a,"b\n' + "c,d\n" * 200
    text = "text,label\n" + broken * 20
    found = read_rows(write(tmp_path / "x.csv", text), max_cell_chars=20)
    assert len(found) == 200 * 20
    assert len(found.skipped) == 20


def test_a_small_parquet_file_that_claims_much_is_refused(tmp_path, monkeypatch):
    pl.DataFrame({"text": ["a"] * 2000, "label": ["b"] * 2000}).write_parquet(tmp_path / "x.parquet")
    assert read_frame(tmp_path / "x.parquet").frame.shape == (2000, 2)
    monkeypatch.setattr(table, "MAX_CELLS", 3999)
    with pytest.raises(InputError, match="says it holds 4,000 cells"):
        read_frame(tmp_path / "x.parquet")


def test_the_name_of_a_parquet_file_is_its_name_alone(tmp_path):
    folder = tmp_path / "label=evil"
    folder.mkdir()
    pl.DataFrame({"text": ["a"]}).write_parquet(folder / "[ab]*.parquet")
    pl.DataFrame({"text": ["other"]}).write_parquet(folder / "a.parquet")
    assert read_frame(folder / "[ab]*.parquet").frame.to_dict(as_series=False) == {"text": ["a"]}


TABLE = "id,text,label,n,m\n" + "1,hello,a,2,3\n" * 20
GERMAN = "id;text;label;n;m\n" + "1;hallo, du;a;2,5;3\n" * 20


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (f"Sales report 2024\n{TABLE}", 2),
        (f"Sales report 2024,,,,\n{TABLE}", 2),
        (f'"Sales, by region"\n\n{TABLE}', 3),
        (f"Bericht 2024\n{GERMAN}", 2),
        (f"Bericht 2024;;;;\n{GERMAN}", 2),
    ],
)
def test_a_title_above_the_names_is_told(tmp_path, content, line):
    with pytest.raises(InputError, match=f"alone in its first line, and line {line} has 5 cells: 'id', 'text'"):
        read_frame(write(tmp_path / "x.csv", content))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("# exported 2024\n# by me\ntext,label\n" + "hello,a\n" * 20, 3),
        ("# exported 2024\ntext,label\n" + "hello,a\n" * 20, 2),
        ("# exported,\n# by me,\ntext,label\n" + "hello,a\n" * 20, 3),
        ("Report\nof May\n\ntext,label\n" + "hello,a\n" * 20, 4),
    ],
)
def test_remarks_above_two_columns_are_told(tmp_path, content, line):
    with pytest.raises(InputError, match=f"alone in .*, and line {line} has 2 cells: 'text', 'label'"):
        read_frame(write(tmp_path / "x.csv", content))


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (TABLE, ["id", "text", "label", "n", "m"]),
        ("text\n" + "a; b; c\n" * 20, ["text"]),
        ("text\nhello\n", ["text"]),
        (",text,label\n0,a,b\n1,c,d\n", ["column_1", "text", "label"]),
        (",text\n0,a\n", ["column_1", "text"]),
        ("text,\na,1\n", ["text", "column_2"]),
        ("text,\nb,\na,1\nc,2\n", ["text", "column_2"]),
        ("#,text\n1,a\n2,b\n", ["#", "text"]),
    ],
)
def test_names_without_a_title_are_left_alone(tmp_path, content, columns):
    assert read_frame(write(tmp_path / "x.csv", content)).frame.columns == columns


def test_damage_in_a_parquet_file_is_told_even_where_its_reader_panics(tmp_path):
    pl.DataFrame({"text": ["hello"] * 50, "label": [["a"], ["b", "c"]] * 25}).write_parquet(tmp_path / "x.parquet")
    raw = (tmp_path / "x.parquet").read_bytes()
    for place in range(0, len(raw), 5):
        damaged = bytearray(raw)
        damaged[place] ^= 0xFF
        target = write(tmp_path / "y.parquet", bytes(damaged))
        try:
            read_frame(target)
        except InputError as error:
            assert "y.parquet" in error.given  # noqa: PT017 - a flip may also leave a table that can be read
    shutil.rmtree(tmp_path)


def test_half_a_character_is_told_wherever_it_stands(tmp_path):
    found = read_frame(write(tmp_path / "x.jsonl", '{"text": "a", "tags": ["b\\ud800", null, "c"]}'))
    assert found.frame["tags"].to_list() == [["b\ufffd", None, "c"]]
    assert found.notes == ("column 'tags' has half a character (a lone surrogate) in row 0: replaced by U+FFFD",)
    with pytest.raises(InputError, match=r"the column 'te\\ud800xt' has half a character"):
        read_frame(write(tmp_path / "x.jsonl", '{"te\\ud800xt": "a"}'))


def test_numbers_near_the_largest_there_is_make_a_contract(tmp_path):
    rows = {"text": [f"row {n}" for n in range(12)], "label": ["a", "b"] * 6, "size": [1e308, -1e308, 3.0] * 4}
    contract = infer_contract(read_frame(rows), Roles(content=("text",), label=("label",), numeric=("size",)))
    facts = contract.column("size", "numeric").number
    assert facts.max == 1e308
    assert facts.std == pytest.approx(np.std(np.array(rows["size"]) / 1e308, ddof=1) * 1e308)
    assert Contract.model_validate_json(contract.model_dump_json()) == contract
