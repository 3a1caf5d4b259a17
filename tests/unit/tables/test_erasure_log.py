import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from graft.core.errors import TableError
from graft.tables.erasure.log import scrub, versions_with


def log_text(root: Path) -> str:
    """The log as text; Parquet unpacked."""
    log = root / "_delta_log"
    parts = [path.read_text() for path in sorted(log.glob("*.json"))]
    return "".join([*parts, *(repr(pq.read_table(path).to_pylist()) for path in sorted(log.glob("*.parquet")))])


@pytest.fixture
def root(tmp_path) -> Path:
    """Three versions by another program: the file of the first is gone from the table, and one id is named."""
    for name in ("anna", "berta"):
        write_deltalake(tmp_path, pa.table({"id": [name], "text": [f"secret of {name}"]}), mode="append")
    DeltaTable(tmp_path).delete("id = 'anna'")
    DeltaTable(tmp_path).create_checkpoint()
    return tmp_path


def unlisted(root: Path) -> Path:
    listed = {path.rsplit("/", 1)[-1] for path in DeltaTable(root).file_uris()}
    (gone,) = [path for path in root.glob("*.parquet") if path.name not in listed]
    return gone


def test_files_that_are_there_keep_their_statistics(root):
    before = log_text(root)
    assert scrub(root, ["nobody"]) == ()
    assert log_text(root) == before


def test_what_is_remembered_of_removed_files_is_thinned(root):
    assert log_text(root).count("secret of anna") == 2
    unlisted(root).unlink()
    changed = scrub(root, ["nobody"])
    assert [path.name for path in changed] == [f"{0:020d}.json"]
    assert "secret of anna" not in log_text(root)
    assert log_text(root).count("secret of berta") >= 4
    assert '"numRecords\\":1' in (root / "_delta_log" / f"{0:020d}.json").read_text()
    assert scrub(root, ["nobody"]) == ()


def test_a_checkpoint_is_thinned_and_still_read(root):
    current = Path(DeltaTable(root).file_uris()[0].removeprefix("file://"))
    rows = DeltaTable(root).to_pyarrow_table()
    assert log_text(root).count("secret of berta") >= 4
    kept = current.rename(root.parent / "aside.parquet")
    changed = scrub(root, [])
    assert any(path.suffix == ".parquet" for path in changed)
    assert "secret of berta" not in log_text(root)
    kept.rename(current)
    assert DeltaTable(root).to_pyarrow_table() == rows
    hint = json.loads((root / "_delta_log" / "_last_checkpoint").read_text())
    assert hint["sizeInBytes"] == (root / "_delta_log" / f"{hint['version']:020d}.checkpoint.parquet").stat().st_size


def test_conditions_that_name_the_id_are_replaced_and_others_stay(root):
    DeltaTable(root).delete("id = 'annabel' or id = 'berta' or text = 'x''y'")
    assert scrub(root, ["anna"]) != ()
    said = [entry["operationParameters"].get("predicate") for entry in reversed(DeltaTable(root).history())]
    assert said[2] == "(erased)"
    assert "annabel" in said[3]
    scrub(root, ["x'y"])
    assert "x''y" not in log_text(root)


def test_an_entry_keeps_its_time(root):
    entry = root / "_delta_log" / f"{2:020d}.json"
    os.utime(entry, (1_000_000, 1_000_000))
    assert entry in scrub(root, ["anna"])
    assert entry.stat().st_mtime == 1_000_000


def test_versions_that_list_a_file_are_found(root):
    gone = unlisted(root)
    assert versions_with(root, [gone]) == (0, 1)
    assert versions_with(root, []) == versions_with(root, [root / "other.parquet"]) == ()
    (current,) = set(root.glob("*.parquet")) - {gone}
    assert versions_with(root, [current, gone]) == (0, 1, 2)
    (root / "_delta_log" / f"{0:020d}.json").unlink()
    (root / "_delta_log" / f"{1:020d}.json").unlink()
    assert versions_with(root, [gone]) == ()
    assert versions_with(root, [current]) == (2,)


@pytest.mark.parametrize("name", [f"{1:020d}.json", f"{2:020d}.checkpoint.parquet"])
def test_a_damaged_log_is_said(root, name):
    (root / "_delta_log" / name).write_bytes(b"{half")
    with pytest.raises(TableError, match="cannot be said what it remembers"):
        scrub(root, ["anna"])
