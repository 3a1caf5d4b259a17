"""A table that somebody else made acts only inside its own folder, whatever its pointer, its log or its links say."""

import json
import os
import random
import shutil
import signal
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from graft.core.digests import sealed
from graft.core.errors import InputError, TableError
from graft.core.seeds import generator
from graft.representations.cache import ActivationCache
from graft.tables.delta.commits import history
from graft.tables.delta.snapshots import entry_text
from graft.tables.erasure.erasing import erase
from graft.tables.erasure.receipt import read_receipts
from graft.tables.indexing import bring_up_to_date, index_of, remove_index
from graft.tables.migration.swap import drop
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
        except InputError as error:
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


@contextmanager
def within(seconds: int):
    """What waits for a pipe or never ends fails, instead of holding up everybody."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def huge(path: Path) -> None:
    """Eight gigabytes that take no room; files that may be large have a tenth of one, since they are read through."""
    with path.open("wb") as stream:
        stream.truncate(100 << 20 if path.suffix == ".usearch" or path.name.startswith("part-") else 8 << 30)


def huge_and_like_parquet(path: Path) -> None:
    with path.open("wb") as stream:
        stream.write(b"PAR1")
        stream.truncate(100 << 20)
        stream.seek(0, os.SEEK_END)
        stream.write((0x7FFFFFFF).to_bytes(4, "little") + b"PAR1")


def nested(path: Path) -> None:
    path.write_bytes(b'{"add":' + b"[" * 2_000_000)


def pointer_of_git(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")


FILES = [
    "table.json",
    "g1/_delta_log/00000000000000000000.json",
    "g1/_delta_log/00000000000000000010.json",
    "g1/_delta_log/00000000000000000010.checkpoint.parquet",
    "g1/_delta_log/_last_checkpoint",
    "g1/*.parquet",
    "g1.index/index.json",
    "g1.index/*/rows.parquet",
    "g1.index/*/graph.usearch",
    "receipts/*.json",
    "g1/.writing.lock",
    ".erasing.lock",
]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory) -> Path:
    """A table with everything a table may hold: a checkpoint, an index, a receipt."""
    folder = tmp_path_factory.mktemp("furnished") / "t"
    made = EmbeddingTable.create(folder, SPACE)
    for edition in range(10):
        made.upsert(rows(numbered(30), edition))
    erase(folder, ["row-00029"], by="me", cache=ActivationCache(folder.parent / "cache"))
    bring_up_to_date(made, rng=generator(0, "index"))
    return folder


STRANGE = [pipe, huge, huge_and_like_parquet, nested, pointer_of_git, Path.mkdir, Path.touch]
# In every run each file is one strange thing, and each strange thing stands for some file; all pairs are slow.
EVERYDAY = {(name, STRANGE[number % len(STRANGE)].__name__) for number, name in enumerate(FILES)}


@pytest.mark.parametrize(
    ("name", "strange"),
    [
        pytest.param(name, one, marks=() if (name, one.__name__) in EVERYDAY else pytest.mark.slow)
        for name in FILES
        for one in STRANGE
    ],
)
def test_what_is_no_file_of_ours_is_told_and_not_waited_for(furnished, tmp_path, name, strange):
    table = tmp_path / "t"
    shutil.copytree(furnished, table)
    found = sorted(table.glob(name))
    assert found
    found[-1].unlink()
    strange(found[-1])
    with within(60):
        everything_is_tried(table)
        for attempt in (read_receipts, history):
            with suppress(TableError):
                attempt(table if attempt is read_receipts else table / "g1")


def test_half_a_character_in_a_name_is_told(furnished, tmp_path):
    table = tmp_path / "t"
    shutil.copytree(furnished, table)
    said = {key: value for key, value in json.loads((table / "table.json").read_text()).items() if key != "digest"}
    (table / "table.json").write_text(json.dumps(sealed({**said, "name": "\ud800"})))
    with pytest.raises(TableError, match="damaged"):
        EmbeddingTable.open(table)


def odd_values(rng: random.Random) -> object:
    return rng.choice(
        [
            None,
            True,
            0,
            -1,
            1 << 62,
            1.5,
            float("nan"),
            "",
            "x",
            "../x",
            "\ud800",
            [],
            [1],
            {},
            {"a": 1},
            "{}",
            "[" * 99,
        ]
    )


def bent(said: object, rng: random.Random) -> object:
    """JSON with one value, somewhere, that is another one, or gone."""
    places: list[tuple[dict[str, object] | list[object], object]] = []

    def walk(one: object) -> None:
        pairs = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for name, inner in list(pairs):
            places.append((one, name))
            if isinstance(inner, str) and inner[:1] in "{[" and rng.random() < 0.5:
                with suppress(ValueError, RecursionError):
                    one[name] = json.dumps(bent(json.loads(inner), rng))
            walk(inner)

    walk(said)
    if places:
        holder, name = rng.choice(places)
        if rng.random() < 0.3 and isinstance(holder, dict):
            del holder[name]
        else:
            holder[name] = odd_values(rng)
    return said


@pytest.mark.parametrize("count", [3, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["table.json", "g1/_delta_log/*.json", "g1.index/index.json", "receipts/*.json"])
def test_what_a_file_of_a_table_says_may_be_anything(furnished, tmp_path, name, count):
    """Sealed anew, as whoever wrote the table could: our words, or an answer."""
    rng = random.Random(len(name))
    said = Counter()
    for number in range(count):
        table = tmp_path / f"t{number}"
        shutil.copytree(furnished, table)
        file = rng.choice(sorted(table.glob(name)))
        lines = [json.loads(line) for line in file.read_text().split("\n") if line] if "_delta_log" in name else []
        if lines:
            lines[rng.randrange(len(lines))] = bent(rng.choice(lines), rng)
            with suppress(TypeError, UnicodeEncodeError):
                file.write_text(entry_text([one for one in lines if isinstance(one, dict)]))
        else:
            whole = {key: value for key, value in json.loads(file.read_text()).items() if key != "digest"}
            changed = bent(whole, rng)
            with suppress(UnicodeEncodeError):
                file.write_text(json.dumps(sealed(changed) if isinstance(changed, dict) else changed))
        with within(60):
            said[bool(everything_is_tried(table))] += 1
            for attempt in (lambda: read_receipts(table), lambda: history(table / "g1")):  # noqa: B023
                with suppress(TableError):
                    attempt()
        shutil.rmtree(table)
    assert said[True]
