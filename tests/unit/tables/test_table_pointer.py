import json
import subprocess
import sys
from dataclasses import replace

import pytest

from graft.core.errors import TableError
from graft.representations.spaces import given_space
from graft.tables.columns import OURS
from graft.tables.delta.store import DeltaStore
from graft.tables.pointer import (
    add_generation,
    change_pointer,
    new_generation,
    read_pointer,
    remove_generation,
    swap,
)
from graft.tables.table import EmbeddingTable
from table_rows import DIMENSION, SPACE, contents, expected, rows

OTHER = given_space("ours v2", DIMENSION)


def generation(name, state="building"):
    return new_generation(
        name, OTHER, source="other", precision="native", content=("message",), id_column="id", state=state
    )


@pytest.fixture
def path(tmp_path):
    EmbeddingTable.create(tmp_path / "t", SPACE, source="minilm", content=("title", "body"), precision="int8")
    return tmp_path / "t"


def test_the_pointer_says_how_the_table_was_made(path):
    said = json.loads((path / "table.json").read_text())
    (one,) = said["generations"]
    assert (said["schema"], said["name"], said["current"]) == (2, "t", "g1")
    assert {name: one[name] for name in ("name", "source", "precision", "content", "id", "state")} == {
        "name": "g1", "source": "minilm", "precision": "int8", "content": ["title", "body"], "id": "id",
        "state": "live",
    }  # fmt: skip
    table = EmbeddingTable.open(path)
    assert (table.space, table.generation) == (SPACE, read_pointer(path).live)
    assert table.generation.content == ("title", "body")


def test_a_generation_is_built_beside_and_swapped_in_and_back(path):
    old = EmbeddingTable.open(path)
    old.upsert(rows(["a", "b"]))
    add_generation(path, generation("g2"))
    DeltaStore.create(path / "g2", OURS)
    new = EmbeddingTable.open(path, generation="g2")
    new.upsert(rows(["a"], 1))
    assert EmbeddingTable.open(path).generation.name == "g1"
    swap(path, "g2")
    table = EmbeddingTable.open(path)
    assert (table.generation.name, table.space) == ("g2", OTHER)
    assert contents(table) == expected(["a"], 1)
    assert [one.state for one in table.pointer.generations] == ["kept", "live"]
    assert swap(path, "g1").current == "g1"
    assert contents(EmbeddingTable.open(path)) == expected(["a", "b"])
    assert [one.state for one in read_pointer(path).generations] == ["live", "kept"]


def test_what_cannot_be_swapped(path):
    with pytest.raises(TableError, match="no generation 'g9'"):
        swap(path, "g9")
    with pytest.raises(TableError, match="has a generation 'g1' already"):
        add_generation(path, generation("g1"))
    with pytest.raises(TableError, match="is the one that answers"):
        remove_generation(path, "g1")
    add_generation(path, generation("g2"))
    with pytest.raises(TableError, match="is no Delta table"):
        EmbeddingTable.open(path, generation="g2")
    assert [one.name for one in remove_generation(path, "g2").generations] == ["g1"]
    assert swap(path, "g1") == read_pointer(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace('"g1"', '"g7"', 1),
        lambda text: text.replace('"weights"', '"wights"'),
        lambda text: text.replace('"live"', '"alive"'),
        lambda text: text.replace('"source"', '"sauce"'),
        lambda text: json.dumps({**json.loads(text), "generations": None}),
    ],
    ids=["torn", "empty", "list", "current", "space", "state", "key", "null"],
)
def test_a_damaged_pointer_is_named(path, damage):
    place = path / "table.json"
    place.write_text(damage(place.read_text()))
    with pytest.raises(TableError, match=f"{place} is damaged"):
        EmbeddingTable.open(path)


def test_a_newer_table_asks_for_a_newer_graft(path):
    place = path / "table.json"
    place.write_text(place.read_text().replace('"schema": 2', '"schema": 3'))
    with pytest.raises(TableError, match="is of schema 3, written by a newer Graft"):
        EmbeddingTable.open(path)


def test_there_is_no_table(tmp_path):
    for place in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(TableError, match="there is no embedding table at"):
            EmbeddingTable.open(place)


def test_changes_from_two_processes_are_made_one_after_the_other(path):
    code = """
import sys
from dataclasses import replace
from pathlib import Path
from graft.tables.pointer import change_pointer
for _ in range(50):
    change_pointer(Path(sys.argv[1]), lambda pointer: replace(pointer, name=pointer.name + "x"))
"""
    workers = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert read_pointer(path).name == "t" + 100 * "x"


def test_a_change_that_fails_changes_nothing(path):
    before = (path / "table.json").read_bytes()

    def change(pointer):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        change_pointer(path, change)
    assert (path / "table.json").read_bytes() == before
    assert change_pointer(path, lambda pointer: replace(pointer, name="other")).name == "other"
