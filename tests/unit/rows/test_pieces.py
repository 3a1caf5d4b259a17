"""Rows a piece at a time, against the one reader that has all of them."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset as arrow_sets
import pyarrow.parquet as pq
import pytest

from graft.core.errors import InputError
from graft.rows import parts
from graft.rows.pieces import pieces
from graft.rows.table import read_frame

ROWS = 3_000


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Files of a few kilobytes are large ones here."""
    monkeypatch.setattr(parts, "LARGE", 1 << 10)
    monkeypatch.setattr(parts, "_BLOCK", 1 << 13)
    monkeypatch.setattr(parts, "_START", 1 << 12)


def frame() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "key": [f"k{row}" for row in range(ROWS)],
            "text": [f"line one, {row}\nline two" if row % 7 == 0 else f"plain {row}" for row in range(ROWS)],
            "size": [f"{row}.0" if row > ROWS // 2 else str(row) for row in range(ROWS)],
            "code": [f"{row:04}" for row in range(ROWS)],
            "none": [None if row % 5 else "x" for row in range(ROWS)],
            "share": rng.random(ROWS),
        }
    )


def written(path: Path) -> Path:
    whole = frame()
    if path.suffix == ".csv":
        whole.write_csv(path)
    elif path.suffix == ".jsonl":
        whole.write_ndjson(path)
    else:
        whole.write_parquet(path, row_group_size=10)
    return path


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet"])
def test_a_large_file_says_what_the_one_reader_says(name, tmp_path):
    path = written(tmp_path / name)
    several = list(pieces(path, rows=500))
    whole = read_frame(path)
    assert len(several) >= 6
    assert max(map(len, several)) <= 500
    for column in whole.frame.columns:
        told = [cell for one in several for cell in one.as_names(column)]
        assert told == whole.as_names(column).to_list(), column
    assert {one.folder for one in several} == {tmp_path}
    assert {one.name for one in several} == {name}


def test_other_columns_of_a_parquet_file_stay_unread(tmp_path):
    path = written(tmp_path / "rows.parquet")
    assert next(pieces(path, columns=["text", "key"])).frame.columns == ["text", "key"]
    # One that is missing: all are read, so that whoever misses it can say which there are.
    assert next(pieces(path, columns=["text", "house"])).frame.columns == frame().columns


def test_a_folder_of_files_of_rows_is_one_table(tmp_path):
    for place in range(3):
        frame().slice(place * 1000, 1000).write_parquet(tmp_path / f"part-{place}.parquet")
    (tmp_path / "_SUCCESS").touch()
    told = [cell for one in pieces(tmp_path) for cell in one.frame["key"]]
    assert told == frame()["key"].to_list()


def test_whatever_gives_rows_in_python():
    whole = frame()
    arrow = whole.to_arrow()
    given = {
        "frame": whole,
        "lazy": whole.lazy().filter(pl.col("share") >= 0),
        "frames": (whole.slice(start, 700) for start in range(0, ROWS, 700)),
        "dicts": iter([whole.head(1500).to_dicts(), whole.tail(1500).to_dicts()]),
        "reader": pa.RecordBatchReader.from_batches(arrow.schema, arrow.to_batches(max_chunksize=900)),
        "set": arrow_sets.dataset(arrow),
        "arrow": arrow,
    }
    for name, rows in given.items():
        several = list(pieces(rows, rows=400))
        assert max(map(len, several)) <= 400, name
        assert [cell for one in several for cell in one.frame["key"]] == whole["key"].to_list(), name


def test_nothing_and_what_is_no_table():
    assert [len(one) for one in pieces(frame().clear())] == [0]
    assert [len(one) for one in pieces(frame().lazy().filter(pl.col("share") < 0))] == [0]
    with pytest.raises(InputError, match="no table at all"):
        list(pieces(iter([])))
    with pytest.raises(InputError, match="item 0 of an iterator is a single row"):
        list(pieces(iter([{"text": "a"}, {"text": "b"}])))


def spoilt(path: Path, line: str) -> Path:
    """A file of plain rows whose 1,501st row is another line."""
    lines = frame().with_columns(text=pl.lit("plain")).write_csv().split("\n")
    path.write_bytes("\n".join([*lines[:1501], line, *lines[1502:]]).encode("latin-1"))
    return path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("k,text,1,2", r"record 1,501 has 4 cells and the header 6"),
        ("key,text,size,code,none,share", r"row 1,501 is the header again"),
        ('k,"never closed,1,2,,0.5', r"a double quote is opened and not closed"),
        ("k,caf\xe9,1,2,,0.5", r"record 1,501 is not UTF-8"),
    ],
)
def test_a_broken_line_in_the_middle_is_told_by_its_number(line, said, tmp_path):
    with pytest.raises(InputError, match=said):
        list(pieces(spoilt(tmp_path / "rows.csv", line)))


def test_a_parquet_file_that_was_cut_off_is_refused(tmp_path):
    path = written(tmp_path / "rows.parquet")
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        list(pieces(path))
    damaged = written(tmp_path / "damaged.parquet")
    raw = bytearray(damaged.read_bytes())
    raw[len(raw) // 3] ^= 255
    damaged.write_bytes(raw)
    assert pq.ParquetFile(damaged).metadata.num_rows == ROWS
    with pytest.raises(InputError):
        list(pieces(damaged))
