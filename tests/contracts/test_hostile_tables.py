"""A table that somebody else made acts only inside its own folder, whatever its pointer, its log or its links say."""

import json
import os
import shutil
from pathlib import Path

import pytest

from graft.core.errors import TableError
from graft.core.seeds import generator
from graft.representations.cache import ActivationCache
from graft.tables.delta.snapshots import entry_text
from graft.tables.erasure.erasing import erase
from graft.tables.indexing import bring_up_to_date, index_of, remove_index
from graft.tables.migration.swapping import drop
from graft.tables.table import EmbeddingTable
from table_rows import SPACE, numbered, rows


@pytest.fixture
def outside(tmp_path) -> Path:
    """What is not the table's: a file, a Parquet file of rows, a folder."""
    place = tmp_path / "outside"
    (place / "folder").mkdir(parents=True)
    (place / "precious.txt").write_text("keep me")
    (place / "folder" / "inner.parquet").write_bytes(b"keep me too")
    other = EmbeddingTable.create(tmp_path / "other", SPACE)
    other.upsert(rows(numbered(30)))
    shutil.copy(next(other.store.root.glob("*.parquet")), place / "rows.parquet")
    os.utime(place / "rows.parquet", (1, 1))
    return place


@pytest.fixture
def table(tmp_path) -> EmbeddingTable:
    made = EmbeddingTable.create(tmp_path / "t", SPACE)
    made.upsert(rows(numbered(30)))
    made.upsert(rows(numbered(5), 1))
    return made


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def everything_is_tried(path: Path) -> list[str]:
    """Open, read, change and destroy; what was refused."""
    said = []
    for attempt in (
        lambda: EmbeddingTable.open(path).read(),
        lambda: EmbeddingTable.open(path).vectors(),
        lambda: EmbeddingTable.open(path).delete("row-00001"),
        lambda: EmbeddingTable.open(path).compact(),
        lambda: EmbeddingTable.open(path).vacuum(0),
        lambda: index_of(EmbeddingTable.open(path)),
        lambda: bring_up_to_date(EmbeddingTable.open(path), rng=generator(0, "index"), anew=True),
        lambda: remove_index(EmbeddingTable.open(path)),
        lambda: erase(path, ["row-00002"], by="me", cache=ActivationCache(path.parent / "cache")),
        lambda: drop(path, "g2"),
        lambda: drop(path, "../outside/folder"),
    ):
        try:
            attempt()
        except TableError as error:
            said.append(error.given)
    return said


def add(table: EmbeddingTable, actions: list[dict[str, object]]) -> None:
    log = table.store.root / "_delta_log"
    number = len(list(log.glob("*.json")))
    (log / f"{number:020d}.json").write_text(entry_text([{"commitInfo": {"operation": "WRITE"}}, *actions]))


def listed(name: str) -> dict[str, object]:
    return {
        "path": name,
        "partitionValues": {},
        "size": 1,
        "modificationTime": 1,
        "dataChange": True,
        "stats": json.dumps({"numRecords": 30}),
    }


NAMES = [
    "../../outside/rows.parquet",
    "%2e%2e/%2E%2E/outside/rows.parquet",
    "sub/../../../outside/rows.parquet",
    "..%2f..%2foutside%2frows.parquet",
    "{outside}/rows.parquet",
    "file://{outside}/rows.parquet",
    "file:{outside}/rows.parquet",
    "s3://bucket/rows.parquet",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["add", "remove"])
def test_a_log_that_names_files_elsewhere(table, outside, name, kind):
    before = state(outside)
    name = name.format(outside=outside)
    listing = listed(name)
    if kind == "remove":
        listing = {"path": name, "deletionTimestamp": 1, "dataChange": True}
    add(table, [{kind: listing}])
    said = everything_is_tried(table.path)
    assert state(outside) == before
    if kind == "add":
        assert said


@pytest.mark.parametrize(
    "name",
    ["../outside/folder", "..", ".", "", "g1/../../outside", "/etc", "a\0b", "g1.index", "-", 7, None, "x" * 200],
)
def test_a_pointer_that_names_a_generation_elsewhere(table, outside, name):
    before = state(outside)
    place = table.path / "table.json"
    said = json.loads(place.read_text())
    del said["digest"]
    said["generations"].append({**said["generations"][0], "name": name, "state": "kept"})
    place.write_text(json.dumps(said))
    with pytest.raises(TableError, match="damaged"):
        EmbeddingTable.open(table.path)
    with pytest.raises(TableError):
        drop(table.path, name)
    everything_is_tried(table.path)
    assert state(outside) == before


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("g1.index", "folder"),
        ("g2", "folder"),
        ("receipts", "folder"),
        (".erasing.lock", "precious.txt"),
        (".lock", "precious.txt"),
        (".migrating.lock", "precious.txt"),
        ("g1/.writing.lock", "precious.txt"),
        ("g1/part-linked.parquet", "rows.parquet"),
        ("g1/sub", "folder"),
        ("g1/_delta_log/.tmp", "folder"),
        ("table.json", "precious.txt"),
        ("g1.adapter.safetensors", "precious.txt"),
    ],
)
def test_a_link_out_of_the_folder(table, outside, link, target):
    before = state(outside)
    (table.path / link).unlink(missing_ok=True)
    (table.path / link).symlink_to(outside / target)
    said = everything_is_tried(table.path)
    assert state(outside) == before
    assert any("is a link" in one for one in said), said


@pytest.mark.parametrize("whole", ["g1", "g1/_delta_log"])
def test_a_table_whose_parts_are_links(table, outside, whole):
    moved = outside / "moved"
    (table.path / whole).rename(moved)
    (table.path / whole).symlink_to(moved)
    before = state(outside)
    assert len(everything_is_tried(table.path)) >= 10
    assert state(outside) == before


@pytest.mark.parametrize("folder", ["../../outside/folder", "/etc", "v1-ab/../../../outside/folder"])
def test_an_index_that_names_a_folder_elsewhere(table, outside, folder):
    bring_up_to_date(table, rng=generator(0, "index"))
    before = state(outside)
    place = table.path / "g1.index" / "index.json"
    said = json.loads(place.read_text())
    del said["digest"]
    place.write_text(json.dumps({**said, "folder": folder}))
    with pytest.raises(TableError, match="folder"):
        index_of(table)
    everything_is_tried(table.path)
    assert state(outside) == before


def test_a_table_reached_through_a_link_works(table, tmp_path):
    (tmp_path / "alias").symlink_to(table.path)
    through = EmbeddingTable.open(tmp_path / "alias")
    assert through.upsert(rows(["new"])).inserted == 1
    through.compact()
    through.vacuum(0)
    assert EmbeddingTable.open(table.path).count() == 31


def test_files_in_folders_of_the_table_are_read(table):
    inner = table.store.root / "region=EU 1"
    inner.mkdir()
    file = table.snapshot().files[0].path
    moved = inner / file.name
    file.rename(moved)
    entry = next(
        path for path in sorted((table.store.root / "_delta_log").glob("*.json")) if file.name in path.read_text()
    )
    entry.write_text(
        "\n".join(
            json.dumps(json.loads(line)).replace(file.name, f"region%3DEU%201/{file.name}")
            for line in entry.read_text().split("\n")
            if line and "commitInfo" not in line
        )
    )
    assert EmbeddingTable.open(table.path).read(["id"]).num_rows == 30
