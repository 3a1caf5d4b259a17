"""Rows that cannot be read are passed over and listed, when that is asked for; the others all come through."""

import json

import polars as pl
import pytest

from graft.core.errors import InputError
from graft.rows.table import read_frame, read_rows

ROWS = 100_000


def csv_lines() -> list[str]:
    return ["id,text", *(f"{number},message number {number}" for number in range(ROWS))]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param("50000,one,two,three", "4 cells", marks=pytest.mark.slow),
        pytest.param("50000", "1 cells", marks=pytest.mark.slow),
        pytest.param('50000,"never closed', "quotes", marks=pytest.mark.slow),
        pytest.param('50000,"closed"too early', "quotes", marks=pytest.mark.slow),
        pytest.param("50000," + "x" * 1001, "1,001 characters", marks=pytest.mark.slow),
    ],
    ids=["too many cells", "too few", "open quote", "quote inside", "too long"],
)
def test_one_bad_row_in_a_hundred_thousand(tmp_path, line, why):
    lines = csv_lines()
    lines[50_001] = line
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    table = read_rows(tmp_path / "rows.csv", max_cell_chars=1000)
    assert len(table) == ROWS - 1
    assert set(range(ROWS)) - set(table.frame["id"].to_list()) == {50_000}
    (skipped,) = table.skipped
    assert skipped.line == 50_002
    assert why in skipped.why
    with pytest.raises(InputError):
        read_frame(tmp_path / "rows.csv", max_cell_chars=1000)


def test_several_kinds_at_once_are_listed_in_order(tmp_path):
    lines = csv_lines()[:101]
    lines[10], lines[20], lines[30] = '9,"open', "19,a,b", '29,"a"b'
    raw = (
        "\n".join(lines)
        .encode()
        .replace(b"message number 39", b"caf\xe9")
        .replace(b"message number 50", "naïve".encode())
    )
    (tmp_path / "rows.csv").write_bytes(raw)
    table = read_rows(tmp_path / "rows.csv")
    assert [one.line for one in table.skipped] == [11, 21, 31, 41]
    assert len(table) == 96


def test_lines_of_json(tmp_path):
    lines = [json.dumps({"id": number, "text": "hi"}) for number in range(1000)]
    lines[500], lines[600], lines[700] = "{broken", "[1, 2]", '{"id": 1, "id": 2}'
    more = b'{"id": 2000, "text": "caf\xe9"}\n' + '{"id": 2001, "text": "naïve"}'.encode()
    (tmp_path / "rows.jsonl").write_bytes("\n".join(lines).encode() + b"\n" + more)
    table = read_rows(tmp_path / "rows.jsonl")
    assert len(table) == 998
    assert [one.line for one in table.skipped] == [501, 601, 701, 1001]


def test_a_long_cell_in_parquet(tmp_path):
    pl.DataFrame({"text": ["a", "b" * 20, None]}).write_parquet(tmp_path / "rows.parquet")
    table = read_rows(tmp_path / "rows.parquet", max_cell_chars=10)
    assert table.frame["text"].to_list() == ["a", None]
    assert [one.line for one in table.skipped] == [2]


def test_a_whole_file_reads_the_same_both_ways(tmp_path):
    (tmp_path / "rows.csv").write_text("\n".join(csv_lines()[:50]) + '\n7,"two\nlines"\n')
    one, other = read_rows(tmp_path / "rows.csv"), read_frame(tmp_path / "rows.csv")
    assert one.frame.equals(other.frame)
    assert one.skipped == ()


def test_a_file_without_one_readable_row_is_refused(tmp_path):
    (tmp_path / "rows.csv").write_text("id,text\n1\n2\n")
    with pytest.raises(InputError, match="no rows"):
        read_rows(tmp_path / "rows.csv")
    (tmp_path / "rows.csv").write_text("id,text\n" + '1,"a"b\n' * 1200)
    with pytest.raises(InputError, match="more than 1,000 records"):
        read_rows(tmp_path / "rows.csv")
