"""Embedding tables from the command line and from Python, end to end, with a real (tiny) encoder."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import graft
import tiny
from graft.cli import consent
from graft.core.errors import InputError, SpaceMismatch, TableError
from graft.governance.registry import Registry
from graft.representations.spaces import given_space
from graft.tables.erasure.receipt import read_receipts
from graft.tables.indexing import bring_up_to_date, index_of
from journeys.test_governance import graft_says

WHERE = "region = 'EU'"


def texts(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(tiny.WORDS, 6)) for _ in range(count)]


def frame(count: int = 60) -> pl.DataFrame:
    numbers = range(count)
    return pl.DataFrame(
        {
            "key": [f"T-{number:03}" for number in numbers],
            "message": texts(count),
            "region": ["EU" if number % 3 else "US" for number in numbers],
            "opened": [number * 10 for number in numbers],
        }
    )


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for name, seed in (("one", 1), ("two", 2)):
        tiny.write_encoder(tmp_path / name, seed=seed)
    frame().write_csv("tickets.csv")
    return tmp_path


EMBED = ("--id", "key", "--text", "message", "--source", "path:one", "--table", "vectors/tickets")


def embed(*more: str, data: str = "tickets.csv") -> tuple[int, str]:
    return graft_says("embed", data, *EMBED, *more)


def test_a_file_becomes_a_table_that_is_searched(here):
    code, told = embed()
    assert (code, "60 new" in told, "60 encoded" in told) == (0, True, True)
    found = frame()["message"][7]
    code, told = graft_says("search", "vectors/tickets", found, "-k", "3")
    assert code == 0
    assert told.splitlines()[0].split()[:3] == ["1", "0.000", "T-007"]
    told = graft_says("search", "vectors/tickets", found, "--where", WHERE, "--json")[1]
    rows = [json.loads(line) for line in told.splitlines()]
    assert {row["region"] for row in rows} == {"EU"}
    assert len(rows) == 10
    assert [row["distance"] for row in rows] == sorted(row["distance"] for row in rows)
    shown = graft_says("tables", "show", "vectors/tickets")[1]
    assert "60" in shown
    assert "no index is needed" in shown
    assert "60 inserted" in graft_says("tables", "history", "vectors/tickets")[1]


def test_only_what_changed_is_encoded_and_written(here):
    embed()
    assert "60 as they were; 0 encoded" in embed()[1]
    changed = frame().with_columns(
        pl.when(pl.col("key") == "T-003").then(pl.lit("bada buda")).otherwise("message").alias("message"),
        pl.when(pl.col("key") == "T-004").then(pl.lit("APAC")).otherwise("region").alias("region"),
    )
    changed.write_csv("later.csv")
    told = embed(data="later.csv")[1]
    assert "0 new, 2 changed, 58 as they were; 1 encoded" in told
    table = graft.EmbeddingTable.open("vectors/tickets")
    assert table.read(["region"], where="id = 'T-004'")["region"].to_pylist() == ["APAC"]
    before = table.as_of(1).read(["vector"], where="id = 'T-004'")
    assert before.equals(table.read(["vector"], where="id = 'T-004'"))
    assert table.search("bada buda", k=1)["id"].to_list() == ["T-003"]


def test_rows_that_cannot_be_kept_are_listed_and_the_others_kept(here):
    lines = Path("tickets.csv").read_text().splitlines()
    lines[10], lines[20], lines[30], lines[40] = "broken,row", ",no id,EU,1", "T-029,,EU,1", lines[41]
    Path("broken.csv").write_text("\n".join(lines) + "\n")
    code, told = embed(data="broken.csv")
    assert code == 0
    assert "55 new" in told
    assert "warning: 5 rows were left out" in told
    assert "line 11: it has 2 cells" in told
    assert "it has no 'key'" in told
    assert "'T-029'): it has no text" in told
    assert told.count("2 rows have this id") == 2


def test_strict_stops_before_anything_is_written(here):
    lines = Path("tickets.csv").read_text().splitlines()
    lines[20] = ",no id,EU,1"
    Path("broken.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(TableError, match="row 19"):
        embed("--strict", data="broken.csv")
    assert not Path("vectors").exists()


def test_a_table_takes_vectors_of_one_space_alone(here):
    embed()
    with pytest.raises(SpaceMismatch, match="tables migrate"):
        graft_says("embed", "tickets.csv", *EMBED[:5], "path:two", *EMBED[6:])
    table = graft.EmbeddingTable.open("vectors/tickets")
    query = np.ones(table.space.dimension, np.float32)
    with pytest.raises(SpaceMismatch, match="without their space"):
        table.search(query)
    with pytest.raises(SpaceMismatch):
        table.search(query, space=given_space("something else", table.space.dimension))
    assert table.search(query, space=table.space, k=3).height == 3
    with pytest.raises(InputError):
        table.search("")


def test_other_columns_than_before_are_refused(here):
    embed()
    with pytest.raises(TableError, match="embeds message"):
        graft_says("embed", "tickets.csv", "--id", "key", "--text", "region", *EMBED[4:])
    with pytest.raises(InputError, match="has no column 'subject'"):
        graft_says("embed", "tickets.csv", "--id", "key", "--text", "subject", *EMBED[4:])


def test_a_source_that_changed_under_its_name_is_noticed(here):
    embed()
    tiny.write_encoder(here / "other", seed=9)
    (here / "one" / "model.safetensors").write_bytes((here / "other" / "model.safetensors").read_bytes())
    with pytest.raises(SpaceMismatch, match="is not what it was"):
        graft.EmbeddingTable.open("vectors/tickets").search("bada")


def test_an_index_is_kept_up_to_date_and_a_stale_one_is_not_asked(here):
    embed()
    told = graft_says("tables", "index", "vectors/tickets")[1]
    assert "recall@10" in told
    table = graft.EmbeddingTable.open("vectors/tickets")
    table.delete(["T-007"])
    assert "stale" in graft_says("tables", "show", "vectors/tickets")[1]
    assert "T-007" not in table.search(frame()["message"][7], k=60)["id"].to_list()
    done = bring_up_to_date(table, rng=np.random.default_rng(0))
    assert (done.changed, done.removed, index_of(table).stale) == (0, 1, False)
    frame(70).write_csv("more.csv")
    embed(data="more.csv")
    assert not index_of(table).stale
    assert index_of(table).record.rows == 70
    for verb in (["compact"], ["vacuum", "--yes"]):
        assert graft_says("tables", *verb, "vectors/tickets")[0] == 0
        assert not index_of(table).stale
    (here / "vectors" / "tickets" / "g1.index" / "index.json").write_text("{}")
    assert table.search("bada", k=2).height == 2, "a damaged index is not asked"
    assert "unusable" in graft_says("tables", "show", "vectors/tickets")[1]
    assert "built anew" in graft_says("tables", "index", "vectors/tickets")[1]


def test_a_table_moves_to_another_source_and_back(here):
    embed()
    opened = graft.EmbeddingTable.open("vectors/tickets")
    held = graft.EmbeddingTable.open("vectors/tickets")
    first = opened.search("bada buda", k=3)
    move = ("tables", "migrate", "vectors/tickets", "--to", "path:two")
    told = graft_says(*move)[1]
    assert "nothing has been changed yet" in told
    assert "--yes" in told
    told = graft_says(*move, "--yes")[1]
    assert "answers from g2" in told
    second = opened.search("bada buda", k=3)
    assert second["distance"].to_list() != first["distance"].to_list()
    direct = graft.embed(["bada buda"], f"path:{here / 'two'}")
    now = graft.EmbeddingTable.open("vectors/tickets")
    assert opened.search(direct, k=3, space=now.space)["id"].to_list() == second["id"].to_list()
    with pytest.raises(TableError, match="has moved"):
        held.delete(["T-001"])
    gone = first["id"][2]
    graft.EmbeddingTable.open("vectors/tickets").delete([gone])
    assert "already: nothing has to be migrated" in graft_says(*move, "--yes")[1]
    assert "answers from g1 again" in graft_says("tables", "rollback", "vectors/tickets")[1]
    assert gone not in opened.search("bada buda", k=60)["id"].to_list(), "what changed meanwhile is caught up"
    nearest = opened.search("bada buda", k=1)["distance"].to_list()
    assert nearest == pytest.approx(first["distance"].to_list()[:1], abs=1e-5)
    assert "removed" in graft_says("tables", "drop", "vectors/tickets", "g2", "--yes")[1]
    with pytest.raises(TableError):
        graft_says("tables", "rollback", "vectors/tickets")


def test_an_erased_row_is_nowhere(here):
    embed()
    graft_says("tables", "index", "vectors/tickets")
    table = graft.EmbeddingTable.open("vectors/tickets")
    vector = table.read(["vector"], where="id = 'T-011'")["vector"].combine_chunks().flatten().to_numpy()
    text = frame()["message"][11]
    held = traces(here, vector.astype("<f4").tobytes(), text.encode())
    assert held
    asked = ("tables", "erase", "vectors/tickets", "--id", "T-011", "--because", "asked", "--by", "Ada")
    told = graft_says(*asked, "--yes")[1]
    assert "receipt: " in told
    assert "erasure from tickets: complete" in told
    assert traces(here, vector.astype("<f4").tobytes(), text.encode(), b"T-011") == []
    (receipt,) = read_receipts(here / "vectors" / "tickets")
    assert receipt.concerns("T-011")
    assert not receipt.concerns("T-012")
    assert table.search(text, k=60)["id"].to_list().count("T-011") == 0
    assert graft_says("tables", "erase", "vectors/tickets", "--id", "nobody", "--yes")[0] == 0


def traces(folder: Path, *wanted: bytes) -> list[str]:
    """Files under the table and the cache that hold any of these bytes."""
    places = (folder / "vectors", folder / "cache")
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return [path.name for path in files if any(one in path.read_bytes() for one in wanted)]


def test_a_table_is_governed(here):
    embed()
    with Registry(here / "ledger.sqlite") as registry:
        table = registry.find("tickets")
        kinds = {edge.parent.partition(":")[0] for edge in table.edges}
    assert (table.kind.value, kinds) == ("table", {"source", "data"})
    assert "tickets.csv" in graft_says("assets", "lineage", "tickets")[1]
    assert graft_says("assets", "check", "tickets", "--use", "commercial")[0] in (3, 4)
    assert graft_says("assets", "verify")[0] == 0


def test_the_page_of_a_table(here):
    embed()
    told = graft_says("tables", "map", "vectors/tickets", "--out", "page.html", "--no-umap")[1]
    assert "60 rows" in told
    page = (here / "page.html").read_text()
    assert "T-007" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_bare_vectors_are_still_written(here):
    assert graft_says("embed", "tickets.csv", "--text", "message", "--source", "path:one", "--out", "v.npy")[0] == 0
    np.testing.assert_array_equal(np.load("v.npy"), graft.embed(frame()["message"].to_list(), f"path:{here / 'one'}"))
    with pytest.raises(InputError, match="neither --table nor --out"):
        graft_says("embed", "tickets.csv", "--text", "message")
    with pytest.raises(InputError, match="no --id"):
        graft_says("embed", "tickets.csv", "--text", "message", "--table", "t", "--source", "path:one")


def test_python_embeds_a_frame(here):
    table, done = graft.embed_table(frame(), table="t", id="key", text=["message", "region"], source="path:one")
    assert (table.count(), done.inserted, done.left_out) == (60, 60, ())
    again, done = graft.embed_table(frame(), table="t", id="key", text=["message", "region"], source="path:one")
    assert (done.encoded, done.unchanged, again.version) == (0, 60, table.version)


def test_a_suggestion_says_how_to_call_it():
    told = graft_says("entities", "suggest", "--entity", "product", "--has", "text,baskets")[1]
    assert "ItemsFromCooccurrence" in told
    with pytest.raises(InputError):
        graft_says("entities", "suggest", "--entity", "spaceship", "--has", "text")


@pytest.mark.parametrize(
    "command",
    [
        ["delete", "vectors/tickets", "--id", "T-001"],
        ["vacuum", "vectors/tickets", "--hours", "0"],
        ["erase", "vectors/tickets", "--id", "T-001"],
        ["drop", "vectors/tickets", "g1"],
    ],
    ids=lambda command: command[0],
)
def test_what_destroys_asks_first(here, command):
    embed()
    before = {str(path): path.read_bytes() for path in sorted(here.rglob("*")) if path.is_file()}
    with pytest.raises(InputError, match="give --yes, or run it in a terminal"):
        graft_says("tables", *command)
    assert {str(path): path.read_bytes() for path in sorted(here.rglob("*")) if path.is_file()} == before
    with pytest.raises(TableError) if command[0] == "drop" else nullcontext():
        graft_says("tables", *command, "--yes")
    if command[0] == "delete":
        assert graft.EmbeddingTable.open("vectors/tickets").count() == 59


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_at_a_terminal_is_asked(monkeypatch, answer):
    asked = []

    def confirm(said, **given):
        asked.append(said)
        if not answer:
            raise consent.typer.Abort

    monkeypatch.setattr(consent.sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(consent.typer, "confirm", confirm)
    with nullcontext() if answer else pytest.raises(consent.typer.Abort):
        consent.require_yes("the rows '1' leave t", False)
    assert asked == ["the rows '1' leave t. Go on?"]
    consent.require_yes("the rows '1' leave t", True)
    assert len(asked) == 1
