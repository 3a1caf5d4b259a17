import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from typer.testing import CliRunner

from graft.cli.app import app
from graft.core.digests import content_digest, file_sha256
from graft.core.errors import GateNotMet, InputError, OutputError, TableError
from graft.representations.cache import ActivationCache
from graft.representations.encoding.encoder import Encoder
from graft.tables.columns import vector_column
from graft.tables.delta import leaving
from graft.tables.erasure import erasing, generations
from graft.tables.erasure.erasing import erase
from graft.tables.erasure.indexes import build_again
from graft.tables.erasure.places import Held, Wanted
from graft.tables.erasure.receipt import read_receipts
from graft.tables.index import IndexFile
from graft.tables.migration.next_generation import build
from graft.tables.table import EmbeddingTable
from unit.tables.moving import encode, encoder, rows, space, state, table
from unit.tables.traces import patterns, traces

ID, TEXT, SECOND = "person-4711-anna", "ba be bi bo bu secretly", "da de di do du secretly"


def anna(text: str = TEXT) -> pa.Table:
    return pa.table(
        {
            "id": [ID],
            "vector": vector_column(encode("old")([text])),
            "digest": [content_digest(text).hex()],
            "message": [text],
            "views": pa.array([50], pa.int64()),
        }
    )


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    """A table with history, a second generation, an index, entries of other programs and a filled cache."""
    folder = tmp_path_factory.mktemp("filled")
    made = table(folder / "tickets", 40)
    made.upsert(anna(SECOND))
    made.upsert(rows(40, 3))
    made.upsert(anna())
    path = made.path
    # Another program names the id in conditions, writes statistics, and sums the log up.
    again = made.read(where=f"id = '{ID}'").drop(["vector"]).append_column("vector", _plain(made))
    other = DeltaTable(path / "g1")
    other.delete(f"id = '{ID}' and views = 50")
    write_deltalake(other, again, mode="append")
    other = DeltaTable(path / "g1")
    other.update(predicate=f"id = '{ID}'", updates={"views": "51"})
    other.create_checkpoint()
    made.upsert(rows(43, 2))
    build(path, space("new"), encode("new"))
    cache = ActivationCache(folder / "cache")
    for which in ("old", "new"):
        through = Encoder(encoder(which).source, cache=cache, precision=encoder(which).precision)
        through.vectors([TEXT, SECOND, *made.read(["message"])["message"].to_pylist()])
        through.boundary([TEXT], 1)
    vectors = [encode(which)([text])[0] for which in ("old", "new") for text in (TEXT, SECOND)]
    build_again(path, "g1", rng=np.random.default_rng(0))
    return folder, patterns(ID, TEXT, *vectors) | {"second text": SECOND.encode()}


@pytest.fixture
def everything(filled, tmp_path) -> tuple[Path, ActivationCache, dict[str, bytes]]:
    """A copy of it."""
    folder, wanted = filled
    shutil.copytree(folder, tmp_path / "all")
    return tmp_path / "all" / "tickets", ActivationCache(tmp_path / "all" / "cache"), wanted


def _plain(made: EmbeddingTable) -> pa.Array:
    ids, vectors = made.vectors()
    return pa.array(vectors[ids == ID].tolist(), pa.list_(pa.float32()))


def test_nothing_is_left_anywhere(everything):
    path, cache, wanted = everything
    before = traces(wanted, path, cache.root)
    stored = {"float32 0", "float32 1", "float32 2", "bfloat16 0, length one"}
    assert {"id", "text", "second text"} | stored <= set(before)
    log = [name for name in before["id"] if name.endswith((".json", ".checkpoint.parquet"))]
    assert len(log) >= 4  # statistics, two conditions, and the checkpoint
    others = {which: state(EmbeddingTable.open(path, generation=which)) for which in ("g1", "g2")}
    receipt = erase(path, [ID], by="the person", reason="Art. 17", cache=cache)
    assert traces(wanted, path, cache.root) == {}
    assert (receipt.complete, receipt.found) == (True, 1)
    for which, rest in others.items():
        left = EmbeddingTable.open(path, generation=which)
        assert rest.keys() - {ID} == state(left).keys()
        assert all(rest[one] == row for one, row in state(left).items())
        ids, vectors = left.vectors()
        texts = {one: row[1] for one, row in state(left).items()}
        np.testing.assert_allclose(
            vectors, encode({"g1": "old", "g2": "new"}[which])([texts[one] for one in ids]), atol=1e-5
        )


def test_other_programs_read_what_is_left(everything):
    path, cache, _ = everything
    erase(path, [ID], by="me", cache=cache)
    opened = DeltaTable(path / "g1")
    assert opened.to_pyarrow_table().num_rows == 45
    assert len(opened.history()) == opened.version() + 1
    for version in range(opened.version() + 1):
        DeltaTable(path / "g1", version=version)
    assert EmbeddingTable.open(path).upsert(rows(100, 2)).inserted == 2
    assert DeltaTable(path / "g1").to_pyarrow_table().num_rows == 47


def test_versions_that_held_it_are_lost_and_the_others_kept(tmp_path):
    made = table(tmp_path / "tickets", 20)
    before = made.version
    made.upsert(anna())
    held = made.version
    made.delete([ID])
    after = made.version
    receipt = erase(made.path, [ID], by="me")
    assert EmbeddingTable.open(made.path).as_of(before).count() == 20
    assert EmbeddingTable.open(made.path).as_of(after).read(["id"]).num_rows == 20
    with pytest.raises(TableError, match="gone or damaged"):
        made.as_of(held).read()
    (place,) = [one for one in receipt.places if one.name == "rows and history of g1"]
    assert place.versions == (held,)
    assert place.remarks() == (f"versions that held it can no longer be read: {held}",)
    assert place.rows == 1


def test_hidden_rows_are_erased_too(tmp_path, monkeypatch):
    """A deletion vector hides a row and leaves its bytes in the file."""
    monkeypatch.setattr(leaving, "_MOVED_BYTES", 0)  # as if the file were large
    made = table(tmp_path / "tickets", 1)
    made.upsert(pa.concat_tables([rows(1, 39), anna()]))
    made.delete([ID])
    assert any(file.descriptor for file in made.snapshot().files)
    wanted = patterns(ID, TEXT, encode("old")([TEXT])[0])
    assert "float32 0" in traces(wanted, made.path)
    erase(made.path, [ID], by="me")
    assert traces(wanted, made.path) == {}
    assert EmbeddingTable.open(made.path).count() == 40


def test_several_at_once_and_those_that_are_not_there(tmp_path):
    made = table(tmp_path / "tickets", 20)
    receipt = erase(made.path, ["ticket-3", "nobody", "ticket-5", "ticket-3"], by="me")
    assert (receipt.complete, receipt.found, len(receipt.ids)) == (True, 2, 3)
    assert state(EmbeddingTable.open(made.path)).keys() == {f"ticket-{n}" for n in range(20)} - {"ticket-3", "ticket-5"}
    found = {one: name.found for one in ("ticket-3", "ticket-5", "nobody") for name in receipt.ids if name.means(one)}
    assert found == {"ticket-3": True, "ticket-5": True, "nobody": False}


def test_an_id_that_is_nowhere_is_said_and_changes_nothing(tmp_path):
    made = table(tmp_path / "tickets", 20)
    version = made.version
    receipt = erase(made.path, "nobody", by="me")
    assert (receipt.complete, receipt.found) == (True, 0)
    assert made.version == version
    assert all(place.before == place.after and not place.removed for place in receipt.places)
    assert "ids: 1 asked for, 0 found" in receipt.lines()


def test_the_whole_table_can_be_erased(tmp_path):
    made = table(tmp_path / "tickets", 5)
    erase(made.path, [f"ticket-{n}" for n in range(5)], by="me")
    assert EmbeddingTable.open(made.path).count() == 0
    assert list((made.path / "g1").glob("*.parquet")) == []


def test_another_row_of_the_same_text_keeps_it(tmp_path):
    made = table(tmp_path / "tickets", 10)
    made.upsert(anna())
    made.upsert(anna().set_column(0, "id", [["bob"]]))
    cache = ActivationCache(tmp_path / "cache")
    Encoder(encoder("old").source, cache=cache, precision=encoder("old").precision).vectors([TEXT])
    receipt = erase(made.path, [ID], by="me", cache=cache)
    assert receipt.notes[0] == "1 other rows have the same content as an erased one and keep it under their own ids"
    assert cache.size() == 0
    assert traces({"id": ID.encode()}, made.path, cache.root) == {}
    assert state(EmbeddingTable.open(made.path))["bob"][1] == TEXT


def test_the_receipt_names_files_and_digests_but_nobody(everything):
    path, cache, wanted = everything
    was = {one.name: file_sha256(one) for one in (path / "g1").glob("*.parquet")}
    clock = iter(datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=n) for n in range(9))
    receipt = erase(path, [ID], by="the person", reason="Art. 17", cache=cache, now=lambda: next(clock))
    (stored,) = (path / "receipts").glob("*.json")
    assert read_receipts(path) == [receipt]
    assert traces(wanted | {"digest": content_digest(TEXT).hex().encode()}, path / "receipts") == {}
    said = json.loads(stored.read_text())
    assert (said["by"], said["reason"], said["begun"]) == ("the person", "Art. 17", "2026-03-01T00:00:00.000000+00:00")
    names = [place.name for place in receipt.places]
    rows_of = [f"{kind} of {one}" for kind in ("index", "rows and history") for one in ("g1", "g2")]
    assert names == ["activation cache", *rows_of]
    (one,) = [place for place in receipt.places if place.name == "rows and history of g1"]
    removed = {
        mark.path: mark.sha256 for mark in one.removed if mark.path.endswith(".parquet") and "/" not in mark.path
    }
    assert removed
    assert removed.items() <= was.items()
    assert all(not (path / "g1" / name).exists() for name in removed)
    assert all(file_sha256(path / "g1" / mark.path) == mark.sha256 for mark in one.written)
    assert one.before != one.after
    assert receipt.concerns(ID)
    assert not receipt.concerns("ticket-1")
    assert sum("removed" in line for line in receipt.lines()) >= len(removed)


STEPS = ["scrub", "remove_files"]


@pytest.mark.parametrize("step", STEPS)
def test_killed_anywhere_the_same_call_finishes(everything, monkeypatch, step):
    path, cache, wanted = everything

    def die(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(generations, step, die)
        with pytest.raises(KeyboardInterrupt):
            erase(path, [ID], by="me", cache=cache)
    assert [receipt.complete for receipt in read_receipts(path)] == [False]
    assert "NOT COMPLETE" in read_receipts(path)[0].lines()[0]
    receipt = erase(path, [ID], by="me", cache=cache)
    assert (receipt.complete, receipt.found) == (True, 1)
    assert traces(wanted, path, cache.root) == {}
    assert read_receipts(path) == [receipt]
    assert [place.rows > 0 for place in receipt.places if place.name != "index of g2"] == [True] * 4


@pytest.mark.parametrize("number", [0, 3, *(pytest.param(one, marks=pytest.mark.slow) for one in (1, 2, 4))])
def test_killed_between_places_nothing_is_left_and_no_line_lost(everything, tmp_path, monkeypatch, number):
    path, cache, wanted = everything
    copy = tmp_path / "copy"
    shutil.copytree(path, copy)
    whole = erase(copy, [ID], by="me", cache=ActivationCache(tmp_path / "none"))
    real, calls = erasing._done, []

    def die(place, *given):
        calls.append(place)
        if len(calls) == number + 1:
            raise KeyboardInterrupt
        return real(place, *given)

    with monkeypatch.context() as patched:
        patched.setattr(erasing, "_done", die)
        with pytest.raises(KeyboardInterrupt):
            erase(path, [ID], by="me", cache=cache)
    receipt = erase(path, [ID], by="me", cache=cache)
    assert traces(wanted, path, cache.root) == {}
    for cut, one in zip(receipt.places[1:], whole.places[1:], strict=True):
        assert (cut.name, cut.rows, cut.before) == (one.name, one.rows, one.before)
        gone = {mark for mark in one.removed if mark.path.startswith("part-")}
        assert gone <= set(cut.removed)


def test_what_killed_writers_left_goes_too(tmp_path):
    made = table(tmp_path / "tickets", 10)
    made.upsert(anna())
    source = next(file.path for file in made.snapshot().files if file.rows == 1)
    folder = made.path / "g1"
    shutil.copy(source, folder / "part-never-committed.parquet")
    shutil.copy(source, folder / ".part-1.parquet.x.partial")
    shutil.copy(source, folder / "part-1.parquet#1")
    (folder / "part-half.parquet").write_bytes(source.read_bytes()[:-9])
    erase(made.path, [ID], by="me")
    assert traces(patterns(ID, TEXT, encode("old")([TEXT])[0]), made.path) == {}
    assert EmbeddingTable.open(made.path).count() == 10


class Notebook:
    """A place of somebody else's: one line for each id."""

    def __init__(self, root: Path, *, forgets: bool = True) -> None:
        self.name, self.root, self.forgets = "notebook", root, forgets

    def find(self, wanted: Wanted) -> Held:
        lines = (self.root / "lines.txt").read_text().split()
        found = frozenset(lines) & wanted.ids
        return Held(len(found), found, files=(self.root / "lines.txt",) if found else ())

    def erase(self, wanted: Wanted) -> tuple[str, ...]:
        kept = [line for line in (self.root / "lines.txt").read_text().split() if line not in wanted.ids]
        if self.forgets:
            (self.root / "lines.txt").write_text("\n".join(kept))
        return ("statistics are counted again tonight",)


def test_other_places_join(tmp_path):
    made = table(tmp_path / "tickets", 10)
    book = tmp_path / "book"
    book.mkdir()
    (book / "lines.txt").write_text("ticket-3\nelsewhere")
    receipt = erase(made.path, ["ticket-3", "elsewhere"], by="me", places=[Notebook(book)])
    assert (book / "lines.txt").read_text() == ""
    first = receipt.places[0]
    assert (first.name, first.rows, first.notes) == ("notebook", 2, ("statistics are counted again tonight",))
    assert [mark.path for mark in first.removed] == [mark.path for mark in first.written] == ["lines.txt"]
    assert receipt.found == 2


def test_a_place_that_keeps_it_leaves_the_receipt_begun(tmp_path):
    made = table(tmp_path / "tickets", 10)
    book = tmp_path / "book"
    book.mkdir()
    (book / "lines.txt").write_text("ticket-3")
    with pytest.raises(TableError, match="found again in: notebook"):
        erase(made.path, ["ticket-3"], by="me", places=[Notebook(book, forgets=False)])
    assert [receipt.complete for receipt in read_receipts(made.path)] == [False]


def test_an_index_is_removed_and_rebuilt_only_when_its_rows_were_erased(everything):
    path, cache, wanted = everything
    rebuilt: list[str] = []

    def rebuild(generation: str) -> None:
        rebuilt.append(generation)
        build_again(path, generation, rng=np.random.default_rng(0))

    erase(path, ["nobody"], by="me", cache=cache, rebuild=rebuild)
    assert rebuilt == []
    receipt = erase(path, [ID], by="me", cache=cache, rebuild=rebuild)
    assert rebuilt == ["g1"]
    (index,) = [place for place in receipt.places if place.name == "index of g1"]
    assert (index.rows, len(index.removed)) == (1, 3)
    assert traces(wanted, path) == {}
    now = EmbeddingTable.open(path)
    found = IndexFile.open(path / "g1.index", space=now.space, generation="g1", version=now.version)
    assert (len(found.ids), found.stale) == (45, False)


def test_an_index_that_keeps_a_forgotten_row_goes_too(tmp_path):
    """The row left the table, its files and the index's list long ago; only the graph still has its vector."""
    made = table(tmp_path / "tickets", 40)
    made.upsert(anna())
    build_again(made.path, "g1", rng=np.random.default_rng(0))
    made.delete([ID])
    made.compact()
    made.vacuum(0)
    old = IndexFile.open(made.path / "g1.index", space=made.space, generation="g1", version=made.version)
    old.update(
        [],
        np.empty((0, 32), np.float32),
        [ID],
        version=made.version,
        everything=made.vectors,
        space=made.space,
        rng=np.random.default_rng(0),
    )
    wanted = patterns(ID, TEXT, encode("old")([TEXT])[0])
    assert set(traces(wanted, made.path)) == {"bfloat16 0, length one"}
    receipt = erase(made.path, [ID], by="me")
    assert traces(wanted, made.path) == {}
    assert "removed whole; build it again with graft tables index" in receipt.places[1].notes


def test_erasing_while_a_migration_copies_brings_nothing_back(tmp_path):
    made = table(tmp_path / "tickets", 30)
    made.upsert(anna())
    cache = ActivationCache(tmp_path / "cache")
    through = Encoder(encoder("new").source, cache=cache, precision=encoder("new").precision)
    calls = []

    class Between:
        """A migration's progress: between two chunks, the person asks."""

        def stage(self, name, total, unit):
            return self

        def __enter__(self):
            return self

        def __exit__(self, *given):
            return None

        def advance(self, amount=1, note=""):
            if not calls:
                calls.append(erase(made.path, [ID], by="the person", cache=cache))

        def say(self, text):
            return None

    heat = {f"ticket-{n}": 1.0 for n in range(30)}
    build(made.path, space("new"), lambda texts: through.vectors(texts)[0], hot=heat, chunk=10, progress=Between())
    assert calls[0].found == 1
    wanted = patterns(ID, TEXT, *(encode(which)([TEXT])[0] for which in ("old", "new")))
    assert traces(wanted, made.path, cache.root) == {}
    assert state(EmbeddingTable.open(made.path, generation="g2")) == state(EmbeddingTable.open(made.path))


@pytest.mark.parametrize(
    ("ids", "by", "said"),
    [
        ([], "me", "no ids to erase"),
        ([""], "me", "no ids to erase"),
        ([4711], "me", "as text"),
        (["a"], "", "nobody is named"),
    ],
    ids=["none", "empty", "number", "nobody"],
)
def test_what_cannot_be_asked_for_is_said(tmp_path, ids, by, said):
    made = table(tmp_path / "tickets", 3)
    with pytest.raises(InputError, match=said):
        erase(made.path, ids, by=by)
    assert not (made.path / "receipts").exists()


def test_no_table_no_erasure(tmp_path):
    with pytest.raises(TableError, match="no embedding table"):
        erase(tmp_path / "nothing", ["a"], by="me")


def test_a_damaged_log_is_not_called_clean(tmp_path):
    made = table(tmp_path / "tickets", 3)
    (made.path / "g1" / "_delta_log" / f"{1:020d}.json").write_text("{half")
    with pytest.raises(TableError, match=r"damaged|cannot be read"):
        erase(made.path, ["ticket-1"], by="me")


def test_a_file_that_cannot_be_removed_is_said_and_finished_later(tmp_path, monkeypatch):
    made = table(tmp_path / "tickets", 10)

    unlink = Path.unlink

    def refuse(path, missing_ok=False):
        if path.name.startswith("part-"):
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        with pytest.raises(OutputError, match="cannot remove"):
            erase(made.path, ["ticket-3"], by="me")
    assert erase(made.path, ["ticket-3"], by="me").complete
    assert traces({"id": b"ticket-3"}, made.path) == {}


def test_the_command_checks_receipts(tmp_path):
    made = table(tmp_path / "tickets", 10)
    nothing = CliRunner().invoke(app, ["tables", "receipt", str(made.path)])
    assert (type(nothing.exception), nothing.exception.exit_code) == (InputError, 2)
    (kept,) = list((made.path / "g1").glob("*.parquet"))
    copy = kept.read_bytes()
    receipt = erase(made.path, ["ticket-3"], by="me", cache=ActivationCache(tmp_path / "cache"))
    command = ["tables", "receipt", str(made.path), "--id", "ticket-3", "--expect", receipt.sha256]
    done = CliRunner().invoke(app, command)
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "nothing that was removed is back")
    assert f"  sha256 {receipt.sha256}" in done.output
    for wrong in (["--id", "ticket-4"], ["--expect", "0" * 64]):
        refused = CliRunner().invoke(app, [*command, *wrong])
        assert isinstance(refused.exception, GateNotMet)
    (made.path / "restored.parquet").write_bytes(copy)
    refused = CliRunner().invoke(app, command)
    assert "1 files that were removed are in" in str(refused.exception)
    assert "BACK: restored.parquet" in refused.output
    (file,) = (made.path / "receipts").glob("*.json")
    file.write_text(file.read_text().replace('"by": "me"', '"by": "you"'))
    for place in (made.path, file):
        damaged = CliRunner().invoke(app, ["tables", "receipt", str(place)])
        assert isinstance(damaged.exception, TableError)
        assert "changed after it was written" in str(damaged.exception)
