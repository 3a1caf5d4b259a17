"""A hundred processes killed at random moments: the same command again gives what it gives undisturbed.

Nothing that was said to be done is lost, and nothing that a kill leaves stands in anybody's way.
"""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import graft
import tiny
from graft.tables.columns import vector_column
from graft.tables.indexing import bring_up_to_date, index_of
from graft.tables.pointer import read_pointer
from graft.tables.table import EmbeddingTable
from journeys.small_study import TUNING, arguments, facts, rows, source
from preloaded import PIECE, Ended, Preloaded
from table_rows import DIMENSION, SPACE

pytestmark = pytest.mark.slow
ROWS = 5 * PIECE
KILLS = {"embed": 20, "upsert": 30, "compact": 30, "migrate": 16, "study": 12}
QUERIES = np.random.default_rng(3).standard_normal((4, DIMENSION)).astype(np.float32)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    for seed, name in ((1, "old"), (2, "new")):
        tiny.write_encoder(folder / name, seed=seed)
    rng = np.random.default_rng(0)
    messages = [" ".join(words) for words in rng.choice(tiny.WORDS, (ROWS, 6))]
    pl.DataFrame({"key": [f"r{number:04}" for number in range(ROWS)], "message": messages}).write_csv(
        folder / "rows.csv"
    )
    return folder


@pytest.fixture(scope="module")
def preloaded(place) -> Iterator[Preloaded]:
    with Preloaded(place / "said.txt") as made:
        yield made


class Trial:
    """A command in a folder of its own."""

    def __init__(self, preloaded: Preloaded, folder: Path) -> None:
        self.preloaded, self.folder = preloaded, folder
        folder.mkdir()

    def run(self, *command: str | Path, killed_after: float | None = None) -> Ended:
        environment = {
            "GRAFT_CACHE": str(self.folder / "cache"),
            "GRAFT_LEDGER": str(self.folder / "ledger.sqlite"),
        }
        return self.preloaded.run(command, environment=environment, killed_after=killed_after)

    def finish(self, *command: str | Path) -> Ended:
        done = self.run(*command)
        assert done.code == 0, done.said
        return done


def kill_everywhere(
    preloaded: Preloaded,
    place: Path,
    what: str,
    *,
    prepare: Callable[[Path], None],
    command: Callable[[Path], tuple[str | Path, ...]],
    after: Callable[[Path], None],
    found: Callable[[Path], object],
) -> None:
    """Kill the command at moments over its whole run, each time from a new start, and compare what it leaves.

    prepare: what lies in the folder before. after: must hold of what a kill left. found: what is compared.
    """
    whole = Trial(preloaded, place / f"{what}-whole")
    prepare(whole.folder)
    seconds = [whole.finish(*command(whole.folder)).seconds]
    expected = found(whole.folder)
    rng = np.random.default_rng(len(what))
    still_running = 0
    for number, share in enumerate(rng.permutation((np.arange(KILLS[what]) + rng.random(KILLS[what])) / KILLS[what])):
        trial = Trial(preloaded, place / f"{what}-{number}")
        prepare(trial.folder)
        ended = trial.run(*command(trial.folder), killed_after=float(share * min(seconds)))
        assert ended.code in (0, -signal.SIGKILL), ended.said
        still_running += ended.code == -signal.SIGKILL
        after(trial.folder)
        again = trial.finish(*command(trial.folder))
        if ended.code == 0:
            seconds.append(ended.seconds)
        assert found(trial.folder) == expected, (number, share, again.said)
        shutil.rmtree(trial.folder)
    # How many depends on how busy the machine is.
    assert still_running


def contents(table: EmbeddingTable) -> dict[str, bytes]:
    ids, vectors = table.vectors()
    assert len(set(ids)) == len(ids)
    return {name: row.tobytes() for name, row in zip(ids, vectors, strict=True)}


def nothing_left(table: Path) -> None:
    """After a compaction and a vacuum only the files of the newest version are there: no kill left one for good."""
    opened = EmbeddingTable.open(table)
    opened.compact()
    opened.vacuum(0)
    files = {path.name for path in opened.store.root.iterdir() if path.is_file() and path.suffix != ".lock"}
    assert files == {file.path.name for file in opened.snapshot().files}
    assert not list(table.rglob("*.partial"))


def test_embed(preloaded, place):
    def command(folder: Path) -> tuple[str | Path, ...]:
        named = ("--id", "key", "--text", "message", "--source", f"path:{place / 'old'}")
        return ("graft", "embed", place / "rows.csv", *named, "--table", folder / "t")

    def after(folder: Path) -> None:
        if (folder / "t" / "table.json").exists():
            found = contents(EmbeddingTable.open(folder / "t"))
            assert found.items() <= whole.items()

    def found(folder: Path) -> object:
        table = contents(EmbeddingTable.open(folder / "t"))
        nothing_left(folder / "t")
        assert contents(EmbeddingTable.open(folder / "t")) == table
        return table

    first = Trial(preloaded, place / "embed-first")
    first.finish(*command(first.folder))
    whole = contents(EmbeddingTable.open(first.folder / "t"))
    assert len(whole) == ROWS
    kill_everywhere(preloaded, place, "embed", prepare=lambda folder: None, command=command, after=after, found=found)


def test_upsert(preloaded, place):
    """Every edition that was noted as done is there after the kill."""
    editions = 6
    rng = np.random.default_rng(5)
    pieces = []
    for edition in range(editions):
        names = rng.choice(ROWS, 2 * PIECE, replace=False)
        columns = {"id": [f"r{name:04}" for name in names], "edition": [edition] * len(names)}
        vectors = vector_column(rng.standard_normal((len(names), DIMENSION)).astype(np.float32))
        pieces.append(pa.table({**columns, "vector": vectors}))
    given = pa.concat_tables(pieces)
    pq.write_table(given, place / "editions.parquet")
    last = {row["id"]: row["edition"] for row in given.select(["id", "edition"]).to_pylist()}

    def found(folder: Path) -> object:
        table = EmbeddingTable.open(folder / "t")
        answers = table.search(QUERIES, k=5, space=SPACE, columns="edition").rows()
        kept = contents(table)
        nothing_left(folder / "t")
        assert contents(EmbeddingTable.open(folder / "t")) == kept
        return kept, dict(table.read(["id", "edition"]).select(["id", "edition"]).to_pandas().to_numpy()), answers

    def after(folder: Path) -> None:
        noted = folder / "done.txt"
        done = len(noted.read_text().split()) if noted.exists() else 0
        rows = EmbeddingTable.open(folder / "t").read(["id", "edition"] if done else ["id"]).to_pylist()
        there = {row["id"]: row.get("edition", -1) for row in rows}
        for name, edition in last.items():
            if edition < done:
                assert there[name] >= edition
        noted.unlink(missing_ok=True)

    kill_everywhere(
        preloaded,
        place,
        "upsert",
        prepare=lambda folder: EmbeddingTable.create(folder / "t", SPACE) and None,
        command=lambda folder: ("upserts", folder / "t", place / "editions.parquet", folder / "done.txt"),
        after=after,
        found=found,
    )


def test_compact(preloaded, place):
    """Small files, changed rows and an index: compaction and vacuum killed leave every row as it was."""
    made = EmbeddingTable.create(place / "many" / "t", SPACE)
    rng = np.random.default_rng(7)
    for piece in range(9):
        names = range(PIECE * piece, PIECE * (piece + 1))
        vectors = vector_column(rng.standard_normal((PIECE, DIMENSION)).astype(np.float32))
        made.upsert(pa.table({"id": [f"r{name:04}" for name in names], "vector": vectors}))
    made.delete([f"r{name:04}" for name in range(20)])
    bring_up_to_date(made, rng=np.random.default_rng(0))
    before = contents(made)
    answers = made.search(QUERIES, k=5, space=SPACE)["id"].to_list()

    def found(folder: Path) -> object:
        table = EmbeddingTable.open(folder / "t")
        assert index_of(table) is not None
        nothing_left(folder / "t")
        return contents(table), len(table.snapshot().files)

    def after(folder: Path) -> None:
        table = EmbeddingTable.open(folder / "t")
        assert contents(table) == before
        # Not the last bit of distances: an index of the version before is not asked.
        assert table.search(QUERIES, k=5, space=SPACE)["id"].to_list() == answers

    kill_everywhere(
        preloaded,
        place,
        "compact",
        prepare=lambda folder: shutil.copytree(place / "many" / "t", folder / "t") and None,
        command=lambda folder: ("compaction", folder / "t"),
        after=after,
        found=found,
    )


def test_migrate(preloaded, place):
    first = Trial(preloaded, place / "migrate-first")
    named = ("--id", "key", "--text", "message", "--source", f"path:{place / 'old'}")
    first.finish("graft", "embed", place / "rows.csv", *named, "--table", first.folder / "t")
    before = contents(EmbeddingTable.open(first.folder / "t"))

    def found(folder: Path) -> object:
        pointer = read_pointer(folder / "t")
        states = [(one.name, one.state) for one in pointer.generations]
        nothing_left(folder / "t")
        return (
            states,
            contents(EmbeddingTable.open(folder / "t")),
            sorted(path.name for path in (folder / "t").iterdir()),
        )

    def after(folder: Path) -> None:
        table = EmbeddingTable.open(folder / "t")
        assert table.count() == ROWS
        if table.generation.name == "g1":
            assert contents(table) == before

    def command(folder: Path) -> tuple[str | Path, ...]:
        return ("graft", "tables", "migrate", folder / "t", "--to", f"path:{place / 'new'}", "--yes")

    def prepare(folder: Path) -> None:
        shutil.copytree(first.folder / "t", folder / "t")

    kill_everywhere(preloaded, place, "migrate", prepare=prepare, command=command, after=after, found=found)


def test_study(preloaded, place):
    data = place / "tickets.csv"
    rows(100).write_csv(data)
    reference = source(place / "studied")

    def command(folder: Path) -> tuple[str | Path, ...]:
        return ("graft", "study", *arguments(data, reference, folder / "out", *TUNING)[4:])

    def after(folder: Path) -> None:
        # A result is whole or not there.
        for path in (folder / "out").rglob("study.json"):
            json.loads(path.read_text())
        # What a killed writer left stands for an hour, since another may be writing now: it is made that old.
        for path in folder.rglob("*.partial"):
            os.utime(path, (1, 1))

    def found(folder: Path) -> object:
        said = facts(folder / "out")
        # The cache is swept when it is next measured against its limit.
        assert not [path for path in folder.rglob("*.partial") if folder / "cache" not in path.parents]
        predicted = graft.load(folder / "out" / "bundle").predict(rows(20).drop("category"))
        return json.dumps(said, sort_keys=True), predicted.frame.to_dicts()

    kill_everywhere(preloaded, place, "study", prepare=lambda folder: None, command=command, after=after, found=found)
