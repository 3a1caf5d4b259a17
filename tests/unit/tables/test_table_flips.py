"""Whatever bit of a table is damaged, nothing wrong is read from it: it is told, or what is read is the same."""

import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from flips import draw_flips, flipped
from graft.core.errors import GraftError, TableError
from graft.core.seeds import generator
from graft.tables.delta import data_files, leaving
from graft.tables.indexing import bring_up_to_date, index_of
from graft.tables.table import EmbeddingTable
from table_rows import DIMENSION, SPACE, numbered, rows

QUERIES = np.random.default_rng(0).standard_normal((5, DIMENSION)).astype(np.float32)


@pytest.fixture
def table(tmp_path, monkeypatch) -> EmbeddingTable:
    """A table with a checkpoint, a deletion vector, columns of several types and an index."""
    monkeypatch.setattr(leaving, "_MOVED_BYTES", 0)
    made = EmbeddingTable.create(tmp_path / "t", SPACE)
    names = numbered(120)
    made.upsert(rows(names, place=["Rome", "Oslo", "Lima"] * 40, price=[0.5 * row for row in range(120)]))
    for edition in range(1, 10):
        made.upsert(rows(names[:3], edition, price=[float(edition)] * 3))
    made.delete(names[10:20])
    made.upsert(rows(["new"], tags=[["a", "b"]]))
    bring_up_to_date(made, rng=generator(0, "index"))
    return made


def answers(path: Path) -> list[object]:
    """What a table says: rows in every column, a search, an older version."""
    table = EmbeddingTable.open(path)
    found = table.search(QUERIES, k=4, space=SPACE, columns=["price"])
    return [
        table.version,
        table.read(),
        table.read(["id", "price"], version=8),
        found.to_dicts(),
        table.generation,
    ]


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("pattern", ["g1/*.parquet", "g1/_delta_log/*", "table.json"])
@pytest.mark.slow
def test_no_flipped_bit_changes_an_answer(table, pattern, count):
    expected = answers(table.path)
    files = [path for path in table.path.glob(pattern) if path.is_file()]
    outcome: Counter[str] = Counter()
    for path, bit in draw_flips(files, count):
        with flipped(path, bit):
            try:
                assert answers(table.path) == expected, (path, bit)
                outcome["same"] += 1
            except GraftError:
                outcome["told"] += 1
    assert answers(table.path) == expected
    assert outcome["told"] > 0, outcome


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_damaged_index_is_not_asked(table, count):
    expected = index_of(table).record
    outcome: Counter[str] = Counter()
    for path, bit in draw_flips((table.path / "g1.index").rglob("*.*"), count):
        with flipped(path, bit):
            try:
                assert index_of(table).record == expected, (path, bit)
                outcome["same"] += 1
            except GraftError:
                outcome["told"] += 1
    assert outcome["told"] > 0.9 * count, outcome


def remembered(file: Path) -> set[str]:
    facts = file.stat()
    mark = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_ctime_ns)
    return {name for found, _, name in data_files._VERIFIED if found == mark}


def test_what_was_verified_once_is_verified_again_when_its_file_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "_YOUNG", 0)
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    table.upsert(rows(numbered(120)))
    table.vectors()
    (file,) = [one.path for one in table.snapshot().files]
    assert remembered(file) >= {"id", "vector"}
    facts, raw = file.stat(), bytearray(file.read_bytes())
    place = raw.find(table.vectors()[1][60].tobytes())
    raw[place] ^= 1
    time.sleep(0.05)  # longer than the tick of the clock that files are marked by
    file.write_bytes(bytes(raw))
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(TableError, match="damaged"):
        table.vectors()


def test_files_just_written_are_not_believed_to_stay(tmp_path):
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    table.upsert(rows(numbered(20)))
    table.vectors()
    assert not remembered(table.snapshot().files[0].path)
