"""Several writers at once, writers that are killed, a disk that is full: nothing is lost, nothing is half there."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from graft.core.errors import OutputError, TableError
from graft.tables.delta import commits, leaving, store
from graft.tables.table import EmbeddingTable
from table_rows import SPACE, contents, expected, numbered, rows

HERE = Path(__file__).resolve().parents[2]
START = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from graft.tables.delta import leaving, store
from graft.tables.table import EmbeddingTable
from table_rows import numbered, rows
leaving._MOVED_BYTES = int(sys.argv[2])
table = EmbeddingTable.open(sys.argv[1])
"""
WRITER = (
    START
    + """
from contextlib import nullcontext
if sys.argv[5] == "optimistic":
    store.DeltaStore._writing = lambda self: nullcontext()
mine, shared = int(sys.argv[3]), numbered(20)
print("ready", flush=True)
sys.stdin.readline()
for commit in range(int(sys.argv[4])):
    table.upsert(rows([f"w{mine}-{commit}"]))
    table.upsert(rows([shared[2 * (commit % 10) + mine]], 1 + commit))
"""
)
ENDLESS = (
    START
    + """
print("ready", flush=True)
names = numbered(400)
for round in range(1, 10_000):
    table.upsert(rows(names[round % 7 :: 7], round))
    print(table.version, flush=True)
    table.delete(names[round % 11 :: 11])
    if round % 5 == 0:
        table.compact()
"""
)


def python(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def table(tmp_path):
    return EmbeddingTable.create(tmp_path / "t", SPACE)


def two_writers(table, commits_each, way, moved_bytes=0):
    table.upsert(rows(numbered(20)))
    writers = [python(WRITER, table.path, moved_bytes, number, commits_each, way) for number in range(2)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.close()
    for writer in writers:
        writer.stdout.close()
    assert [writer.wait() for writer in writers] == [0, 0]
    wanted = expected(numbered(20)) | expected(f"w{one}-{commit}" for one in range(2) for commit in range(commits_each))
    for commit in range(commits_each):
        wanted |= expected([numbered(20)[2 * (commit % 10) + one] for one in range(2)], 1 + commit)
    assert contents(table) == wanted
    assert sum(one.inserted or 0 for one in table.history()) == 20 + 2 * commits_each
    assert DeltaTable(table.store.root).version() == table.version


@pytest.mark.slow
def test_two_processes_at_once_lose_nothing(table):
    two_writers(table, 3, "optimistic")


@pytest.mark.slow
@pytest.mark.parametrize("moved_bytes", [0, 16 << 20])
@pytest.mark.parametrize("way", ["waiting", "optimistic"])
def test_two_processes_with_tens_of_versions_each_lose_nothing(table, way, moved_bytes):
    two_writers(table, 30, way, moved_bytes)


@pytest.mark.parametrize("moved_bytes", [0, 16 << 20])
def test_another_program_that_is_first_is_taken_into_account(table, monkeypatch, moved_bytes):
    monkeypatch.setattr(leaving, "_MOVED_BYTES", moved_bytes)
    table.upsert(rows(numbered(10)))
    real, raced = commits.commit, []

    def slower(root, version, actions):
        if len(raced) < 2:
            raced.append(version)
            added = table.read().slice(0, 1).to_pydict() | {"id": [f"theirs-{version}"]}
            write_deltalake(root, pa.table(added, schema=table.schema), mode="append")
        real(root, version, actions)

    monkeypatch.setattr(commits, "commit", slower)
    done = table.upsert(rows([*numbered(3), "mine"], 1))
    assert raced == [2, 3]
    assert (done.inserted, done.updated, done.version) == (1, 3, 4)
    assert table.count() == 13
    assert contents(table).items() >= expected([*numbered(3), "mine"], 1).items()
    # What was written for the versions that others made is gone.
    assert {file.path for number in range(5) for file in table.snapshot(number).files} == set(
        table.store.root.glob("*.parquet")
    )


def test_endless_races_end_with_an_error(table, monkeypatch):
    def lost(root, version, actions):
        raise commits.Conflict("x")

    monkeypatch.setattr(commits, "commit", lost)
    monkeypatch.setattr(store, "_ATTEMPTS", 3)
    with pytest.raises(TableError, match=r"other programs changed .* 3 times"):
        table.upsert(rows(["a"]))
    assert list(table.store.root.glob("*.parquet")) == []


def killed_at(path, seconds, moved_bytes):
    """A writer that is killed after so many seconds of writing; the last version it announced."""
    with python(ENDLESS, path, moved_bytes) as writer:
        assert writer.stdout.readline() == "ready\n"
        time.sleep(seconds)
        writer.kill()
        said = writer.stdout.read().split()
    return int(said[-1]) if said else 1


def check_whole(path, announced):
    """Every version is there, whole, up to one that was announced at least, and can be continued."""
    table = EmbeddingTable.open(path)
    assert table.version >= announced
    for version in range(1, table.version + 1):
        ids, vectors = table.vectors(version=version)
        assert len(set(ids)) == len(ids) == len(vectors) == table.as_of(version).count()
    assert DeltaTable(table.store.root).version() == table.version
    found = contents(table)
    names = numbered(400)
    done = table.upsert(rows(names, 0))
    assert done.inserted == 400 - len(found)
    assert contents(table) == expected(names)


def test_a_killed_writer_leaves_the_version_before(table):
    table.upsert(rows(numbered(400)))
    check_whole(table.path, killed_at(table.path, 0.35, 0))


@pytest.mark.slow
def test_kills_at_thirty_random_moments(tmp_path):
    moments = random.Random(0)
    for number in range(30):
        table = EmbeddingTable.create(tmp_path / str(number), SPACE)
        table.upsert(rows(numbered(400)))
        check_whole(table.path, killed_at(table.path, moments.uniform(0, 0.6), [0, 16 << 20][number % 2]))


def test_what_killed_writers_left_is_swept(table):
    table.upsert(rows(["a"]))
    left = [
        table.store.root / ".part-x.parquet.abc.partial",
        table.store.root / "_delta_log" / ".00000000000000000002.json.x.partial",
    ]
    for path in left:
        path.write_bytes(b"half")
    assert contents(table) == expected(["a"])
    assert DeltaTable(table.store.root).to_pyarrow_table().num_rows == 1
    table.vacuum(1)
    assert all(path.exists() for path in left)
    for path in left:
        os.utime(path, (0, 0))
    table.vacuum(1)
    assert not any(path.exists() for path in left)


FULL = (
    START
    + """
from graft.core.errors import OutputError
try:
    table.upsert(rows(numbered(8_000), 1))
except OutputError as error:
    print(error)
print(table.version, table.count())
"""
)


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True).returncode != 0,
    reason="needs a small file system of its own",
)
def test_a_full_disk_keeps_the_previous_version(tmp_path):
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    table.upsert(rows(numbered(100)))
    script = """
        mount -t tmpfs -o size=400k small "$1" && cp -r "$2" "$1/t" && shift 2
        exec "$@"
    """
    (tmp_path / "disk").mkdir()
    code = [sys.executable, "-c", FULL, str(tmp_path / "disk" / "t"), "0"]
    command = ["unshare", "-rm", "sh", "-c", script, "sh", str(tmp_path / "disk"), str(table.path), *code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"the disk is full while writing {tmp_path / 'disk' / 't' / 'g1'}")
    assert lines[-1] == "1 100"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(table):
    table.store.root.chmod(0o500)
    with pytest.raises(OutputError, match="cannot write"):
        table.upsert(rows(["a"]))
