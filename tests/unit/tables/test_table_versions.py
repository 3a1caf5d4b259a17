import json
from datetime import UTC, datetime, timedelta

import pytest
from deltalake import DeltaTable

from graft.core.errors import TableError
from graft.tables.delta import leaving
from graft.tables.delta.snapshots import entry_text
from graft.tables.table import EmbeddingTable
from table_rows import SPACE, contents, expected, numbered, rows

NAMES = numbered(60)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Version 1: sixty rows. Version 2: twenty of them changed. Version 3: ten deleted. Rows are hidden, not moved."""
    monkeypatch.setattr(leaving, "_MOVED_BYTES", 0)
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    table.upsert(rows(NAMES))
    table.upsert(rows(NAMES[:20], 1))
    table.delete(NAMES[50:])
    return table


def wanted(version):
    now = expected(NAMES) | (expected(NAMES[:20], 1) if version > 1 else {})
    return {name: one for name, one in now.items() if version < 3 or name in NAMES[:50]} if version else {}


def entry(table, version):
    return table.store.root / "_delta_log" / f"{version:020d}.json"


def actions(table, version):
    return [json.loads(line) for line in entry(table, version).read_text().splitlines()]


def test_every_version_can_be_read(table):
    for version in range(4):
        assert contents(table, version=version) == wanted(version)
        then = table.as_of(version)
        assert (then.version, then.count()) == (version, len(wanted(version)))
        assert contents(then) == wanted(version)
        assert sorted(then.read(["id"])["id"].to_pylist()) == sorted(wanted(version))
        assert sorted(table.read(["id"], version=version)["id"].to_pylist()) == sorted(wanted(version))
    assert then.changed(["x"], ["0" * 32]).tolist() == [True]


def test_the_history_says_what_was_done(table):
    found = table.history()
    assert [(one.number, one.operation, one.inserted, one.updated, one.deleted) for one in found] == [
        (3, "DELETE", 0, 0, 10),
        (2, "MERGE", 0, 20, 0),
        (1, "MERGE", 60, 0, 0),
        (0, "CREATE TABLE", None, None, None),
    ]
    assert all(timedelta(0) <= datetime.now(UTC) - one.time < timedelta(minutes=5) for one in found)
    assert [one["operation"] for one in DeltaTable(table.store.root).history()] == [one.operation for one in found]


def test_an_old_version_is_not_written_to(table):
    then = table.as_of(2)
    for change in (lambda: then.upsert(rows(["a"])), lambda: then.delete(["a"]), then.compact, then.vacuum):
        with pytest.raises(TableError, match="open as it was at version 2"):
            change()


def test_the_table_as_it_was_at_a_time(table):
    # The clock of the log: versions an hour apart.
    for version in range(4):
        lines = actions(table, version)
        for action in lines:
            if "commitInfo" in action:
                del action["commitInfo"]["graftDigest"]
                action["commitInfo"]["timestamp"] = 1_700_000_000_000 + version * 3_600_000
        entry(table, version).write_text(entry_text(lines))
    start = datetime.fromtimestamp(1_700_000_000, UTC)
    assert table.as_of(start + timedelta(hours=1)).version == 1
    assert table.as_of(start + timedelta(hours=2, minutes=59)).version == 2
    assert table.as_of((start + timedelta(days=1)).replace(tzinfo=None)).version == 3
    with pytest.raises(TableError, match="is not kept as it was at 2023-11-14T"):
        table.as_of(start - timedelta(seconds=1))


@pytest.mark.parametrize("version", [-1, 4])
def test_a_version_there_is_not(table, version):
    with pytest.raises(TableError, match=f"has no version {version}"):
        table.as_of(version)


def test_compacting_leaves_the_rows_and_a_plain_table(table):
    files = table.snapshot().files
    assert any(file.descriptor for file in files)
    assert DeltaTable(table.store.root).protocol().reader_features == ["deletionVectors"]
    assert table.compact() == 4
    assert contents(table) == wanted(3)
    (file,) = table.snapshot().files
    assert (file.rows, file.descriptor) == (50, None)
    protocol = DeltaTable(table.store.root).protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)
    assert table.compact() == 4
    assert contents(table, version=2) == wanted(2)
    assert not any(
        part["dataChange"] for one in actions(table, 4) for part in (one.get("add"), one.get("remove")) if part
    )


def test_vacuum_removes_what_no_version_needs(table):
    old = {file.path for file in table.snapshot().files}
    assert table.vacuum() == []
    table.compact()
    assert table.vacuum(1) == []
    assert old <= set(table.store.root.glob("*.parquet"))
    (table.store.root / "part-left-behind.parquet").write_bytes(b"x")
    removed = table.vacuum(0)
    assert {path.name for path in old} | {"part-left-behind.parquet"} == {name.rsplit("/", 1)[-1] for name in removed}
    assert contents(table) == wanted(3)
    with pytest.raises(TableError, match="gone or damaged"):
        table.vectors(version=2)


def test_vacuum_keeps_files_that_are_listed_anew_with_a_deletion_vector(table):
    table.vacuum(0)
    assert contents(table) == wanted(3)


def test_a_deleted_vector_is_gone_from_the_disk_after_compacting_and_vacuuming(table):
    gone = wanted(1)[NAMES[55]]
    holders = [path for path in table.path.rglob("*") if path.is_file() and gone in path.read_bytes()]
    assert len(holders) == 1
    table.compact()
    table.vacuum(0)
    left = [path.read_bytes() for path in table.path.rglob("*") if path.is_file()]
    assert not any(gone in data or NAMES[55].encode() in data for data in left)
    assert any(wanted(3)[NAMES[5]] in data for data in left)


def test_the_log_remembers_no_ids(table):
    assert all(NAMES[0][:6] not in entry(table, version).read_text() for version in range(4))


def test_checkpoints_come_by_themselves_and_keep_everything(table):
    for edition in range(2, 22):
        table.upsert(rows(NAMES[edition : edition + 3], edition))
    checkpoints = sorted((table.store.root / "_delta_log").glob("*.checkpoint.parquet"))
    assert len(checkpoints) >= 2
    before = contents(table)
    last = int(checkpoints[-1].name[:20])
    for version in range(last):
        entry(table, version).unlink()
    assert contents(table) == before
    assert contents(EmbeddingTable.open(table.path)) == before
    with pytest.raises(TableError, match=f"version {last - 1} of .* cannot be put together"):
        table.vectors(version=last - 1)


@pytest.mark.parametrize("damage", ["", '{"add": {"path"', "[1]\n", "\0" * 100], ids=["empty", "torn", "list", "zeros"])
def test_a_damaged_last_entry_is_named(table, damage):
    entry(table, 3).write_text(damage)
    with pytest.raises(TableError, match=f"version 3 of the table cannot be read: its log entry {entry(table, 3)}"):
        EmbeddingTable.open(table.path)
    assert contents(table.as_of(2)) == wanted(2)
    # What the message advises.
    entry(table, 3).unlink()
    assert contents(EmbeddingTable.open(table.path)) == wanted(2)


def test_a_gap_in_the_log_is_an_error(table):
    for checkpoint in (table.store.root / "_delta_log").glob("*.checkpoint.parquet"):
        checkpoint.unlink()
    assert contents(table) == wanted(3)
    entry(table, 1).unlink()
    with pytest.raises(TableError, match="log entries before it are missing"):
        table.vectors()


def test_a_half_written_folder_is_no_table(table):
    (table.path / "table.json").rename(table.path / "x")
    with pytest.raises(TableError, match="not a whole embedding table"):
        EmbeddingTable.open(table.path)
    (table.path / "x").rename(table.path / "table.json")
    (table.store.root / "_delta_log").rename(table.path / "elsewhere")
    with pytest.raises(TableError, match="is no Delta table: its log is empty or missing"):
        EmbeddingTable.open(table.path)


def test_a_table_another_program_gave_new_rules_is_read_but_not_written(table):
    DeltaTable(table.store.root).alter.set_table_properties({"delta.enableChangeDataFeed": "true"})
    with pytest.raises(TableError, match="another program changed this table: it now uses changeDataFeed"):
        table.upsert(rows(["a"]))
    assert contents(table) == wanted(3)


def test_times_without_a_zone_ask_for_their_feature_and_keep_it(table):
    table.upsert(rows(["a"], local=[datetime(2026, 1, 2, 3, 4)]))
    assert sorted(DeltaTable(table.store.root).protocol().reader_features) == ["deletionVectors", "timestampNtz"]
    table.compact()
    assert DeltaTable(table.store.root).protocol().reader_features == ["timestampNtz"]
    found = DeltaTable(table.store.root).to_pyarrow_table()
    assert dict(zip(found["id"].to_pylist(), found["local"].to_pylist(), strict=True))["a"] == datetime(
        2026, 1, 2, 3, 4
    )
    assert table.read(["id"], where="local > '2026-01-01'")["id"].to_pylist() == ["a"]


@pytest.mark.parametrize("hours", [-1, -0.5, float("nan"), float("inf")])
def test_vacuum_refuses_hours_that_are_none(table, hours):
    table.upsert(rows(["a"]))
    with pytest.raises(TableError, match="a number of hours"):
        table.vacuum(hours)


def test_part_of_an_hour_counts_as_one(table):
    for city in ("Bern", "Rome", "Oslo"):
        table.upsert(rows(["a"], city=[city]))
    table.compact()
    assert table.vacuum(0.9) == []
    assert table.vacuum(0) != []


@pytest.mark.parametrize("place", ["s3://bucket/table", "gs://b/t", "https://example.org/t", "s3:/bucket/table"])
def test_a_table_elsewhere_is_refused_in_words(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    for attempt in (lambda: EmbeddingTable.create(place, SPACE), lambda: EmbeddingTable.open(place)):
        with pytest.raises(TableError, match="object stores do not work yet"):
            attempt()
    assert not list(tmp_path.glob("*:*"))
