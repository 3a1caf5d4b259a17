import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from graft.core.errors import InputError, SpaceMismatch, TableError
from graft.representations.spaces import Space
from graft.tables.adapters import adapter_path
from graft.tables.columns import vector_column
from graft.tables.migration.next_generation import build
from graft.tables.migration.swap import drop, roll_back, swap_to
from graft.tables.table import EmbeddingTable
from unit.tables.moving import encode, rows, space, state, table


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def right(table: EmbeddingTable, which: str) -> bool:
    """Whether each vector is the one its text has in the table's space."""
    ids, vectors = table.vectors()
    texts = dict(zip(*(column.to_pylist() for column in table.read(["id", "message"]).columns), strict=True))
    expected = encode(which)([texts[one] for one in ids])
    return bool(np.allclose(vectors, expected, atol=1e-5))


def watched(calls: list, which: str = "new"):
    def function(texts):
        calls.append(list(texts))
        return encode(which)(texts)

    return function


def test_a_generation_is_built_beside_and_answers_after_the_swap(tmp_path, rng):
    old = table(tmp_path / "tickets")
    before, path = state(old), old.path
    built = build(path, space("new"), encode("new"), source="path:new")
    assert (built.generation, built.written, built.removed, built.refused) == ("g2", 100, 0, ())
    assert EmbeddingTable.open(path).generation.name == "g1"
    assert [one.state for one in EmbeddingTable.open(path).pointer.generations] == ["live", "building"]
    swapped = swap_to(path, "g2", encode("new"), rng=rng)
    assert (swapped.before, swapped.after, swapped.verified.rows) == ("g1", "g2", 100)
    now = EmbeddingTable.open(path)
    assert (now.space.fingerprint, now.generation.source) == (space("new").fingerprint, "path:new")
    assert state(now) == before
    assert right(now, "new")


def test_the_hottest_are_embedded_first_and_each_text_once(tmp_path):
    old = table(tmp_path / "tickets", 60)
    same = rows(0, 1).column("message")[0].as_py()
    copies = (
        rows(200, 3)
        .set_column(3, "message", [[same] * 3])
        .set_column(2, "digest", rows(0, 1)["digest"].take([0, 0, 0]))
    )
    old.upsert(copies)
    calls: list[list[str]] = []
    built = build(old.path, space("new"), watched(calls), hot="views", chunk=8)
    views = {
        row["message"]: row["views"] for row in old.read(["message", "views"]).to_pylist() if row["message"] != same
    }
    order = [views[text] for texts in calls for text in texts if text != same]
    assert order == sorted(order, reverse=True)
    assert sum(map(len, calls)) == built.encoded == 60
    assert (built.written, len(calls)) == (63, 8)


def test_counts_by_id_and_the_rows_changed_last_say_what_is_hot(tmp_path):
    old = table(tmp_path / "tickets", 10)
    old.upsert(rows(3, 1, changed="again"))
    texts = {row["id"]: row["message"] for row in old.read(["id", "message"]).to_pylist()}
    calls: list[list[str]] = []
    build(old.path, space("new"), watched(calls), hot={"ticket-7": 3.0, "ticket-2": 9.0}, chunk=1)
    assert [call[0] for call in calls[:2]] == [texts["ticket-2"], texts["ticket-7"]]
    drop(old.path, "g2")
    calls.clear()
    build(old.path, space("new"), watched(calls), chunk=1)
    assert calls[0] == [texts["ticket-3"]]


def test_what_changes_meanwhile_is_caught_up(tmp_path, rng):
    old = table(tmp_path / "tickets")

    def busy(texts):
        if old.count() == 100:
            old.upsert(rows(100, 5))
            old.upsert(rows(10, 4, changed="again"))
            old.delete(["ticket-50", "ticket-51"])
            old.upsert(pa.table({"id": ["ticket-20"], "views": [1000]}))
        return encode("new")(texts)

    build(old.path, space("new"), busy, chunk=16)
    new = EmbeddingTable.open(old.path, generation="g2")
    assert state(new) == state(old)
    assert right(new, "new")
    old.upsert(rows(105, 2))
    old.delete(["ticket-0"])
    swap_to(old.path, "g2", encode("new"), rng=rng)
    assert state(EmbeddingTable.open(old.path)) == state(old)
    assert right(EmbeddingTable.open(old.path), "new")


WORKER = """
import sys
from pathlib import Path
from unit.tables.moving import encode, space
from graft.tables.migration.next_generation import build
def slow(texts):
    print("chunk", flush=True)
    sys.stdin.readline()
    return encode("new")(texts)
build(Path(sys.argv[1]), space("new"), slow, chunk=10)
"""


def test_an_interrupted_build_goes_on_where_it_was(tmp_path):
    old = table(tmp_path / "tickets")
    calls: list[list[str]] = []

    def interrupted(texts):
        calls.append(texts)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return encode("new")(texts)

    with pytest.raises(KeyboardInterrupt):
        build(old.path, space("new"), interrupted, chunk=10)
    assert EmbeddingTable.open(old.path).space.fingerprint == space("old").fingerprint
    assert EmbeddingTable.open(old.path, generation="g2").count() == 30
    calls.clear()
    assert build(old.path, space("new"), watched(calls), chunk=10).written == sum(map(len, calls)) == 70
    assert state(EmbeddingTable.open(old.path, generation="g2")) == state(old)


@pytest.mark.slow
def test_a_killed_build_goes_on_where_it_was(tmp_path):
    old = table(tmp_path / "tickets")
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, old.path], stdin=-1, stdout=-1, text=True, env=_environment()
    )
    for _ in range(4):
        assert worker.stdout.readline() == "chunk\n"
        worker.stdin.write("go\n")
        worker.stdin.flush()
    assert worker.stdout.readline() == "chunk\n"
    worker.kill()
    worker.communicate()
    kept = EmbeddingTable.open(old.path, generation="g2").count()
    assert kept == 40
    calls: list[list[str]] = []
    built = build(old.path, space("new"), watched(calls), chunk=10)
    assert built.written == sum(map(len, calls)) == 60
    assert state(EmbeddingTable.open(old.path, generation="g2")) == state(old)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_queries_never_fail_nor_meet_another_space(tmp_path, rng):
    path = table(tmp_path / "tickets", 80).path
    encoders = {space(which).fingerprint: which for which in ("old", "new")}
    text = rows(5, 1)["message"][0].as_py()
    queries = {which: encode(which)([text])[0] for which in encoders.values()}
    answered: list[str] = []
    stop, failed = threading.Event(), []

    def ask():
        try:
            while not stop.is_set():
                now = EmbeddingTable.open(path)
                which = encoders[now.space.fingerprint]
                ids, vectors = now.vectors()
                farness = np.linalg.norm(vectors - queries[which], axis=1)
                assert ids[farness.argmin()] == "ticket-5"
                assert farness.min() < 1e-5
                answered.append(which)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        build(path, space("new"), encode("new"), chunk=20)
        _until_asked(answered, failed)
        swap_to(path, "g2", encode("new"), rng=rng)
        for which in ("old", "new", "old"):
            _until_asked(answered, failed)
            roll_back(path, encode(which), rng=rng)
        _until_asked(answered, failed)
    finally:
        stop.set()
        thread.join()
    assert failed == []
    turns = [which for place, which in enumerate(answered) if place == 0 or answered[place - 1] != which]
    assert turns == ["old", "new", "old", "new", "old"]


def _until_asked(answered: list, failed: list) -> None:
    before = len(answered)
    while len(answered) < before + 2 and not failed:
        time.sleep(0.001)


def test_rolling_back_brings_what_was_written_since(tmp_path, rng):
    path = table(tmp_path / "tickets").path
    build(path, space("new"), encode("new"))
    swap_to(path, "g2", encode("new"), rng=rng)
    now = EmbeddingTable.open(path)
    now.upsert(rows(100, 3, which="new"))
    now.delete(["ticket-1"])
    now.upsert(pa.table({"id": ["ticket-2"], "views": [77]}))
    with pytest.raises(TableError, match="3 texts came or changed since the swap"):
        roll_back(path, rng=rng)
    assert EmbeddingTable.open(path).generation.name == "g2"
    roll_back(path, encode("old"), rng=rng)
    back = EmbeddingTable.open(path)
    assert back.generation.name == "g1"
    assert state(back) == state(now)
    assert right(back, "old")


def test_rolling_back_needs_no_encoder_when_no_text_changed(tmp_path, rng):
    path = table(tmp_path / "tickets").path
    build(path, space("new"), encode("new"))
    swap_to(path, "g2", encode("new"), rng=rng)
    EmbeddingTable.open(path).delete(["ticket-1"])
    roll_back(path, rng=rng)
    assert EmbeddingTable.open(path).generation.name == "g1"
    assert EmbeddingTable.open(path).count() == 99


def test_dropping_ends_the_way_back(tmp_path, rng):
    path = table(tmp_path / "tickets").path
    build(path, space("new"), encode("new"))
    with pytest.raises(TableError, match="is the one that answers"):
        drop(path, "g1")
    swap_to(path, "g2", encode("new"), rng=rng)
    assert drop(path, "g1") > 100 * 32 * 4
    assert not (path / "g1").exists()
    with pytest.raises(TableError, match="no earlier generation"):
        roll_back(path, encode("old"), rng=rng)
    with pytest.raises(TableError, match="no generation 'g1'"):
        drop(path, "g1")
    assert build(path, space("old"), encode("old")).generation == "g3"


def test_a_generation_that_was_tampered_with_does_not_answer(tmp_path, rng):
    path = table(tmp_path / "tickets").path
    build(path, space("new"), encode("new"))
    new = EmbeddingTable.open(path, generation="g2")
    ids, vectors = new.vectors()
    digests = new.read(["digest"])["digest"]
    wrong = vectors[::-1].copy()
    new.delete(ids)
    new.upsert(pa.table({"id": pa.array(ids, pa.string()), "vector": vector_column(wrong), "digest": digests}))
    with pytest.raises(TableError, match="made again, a vector has cosine"):
        swap_to(path, "g2", encode("new"), rng=rng)
    assert EmbeddingTable.open(path).generation.name == "g1"


def test_rows_that_cannot_be_embedded_are_listed_and_stop_the_swap(tmp_path, rng):
    path = table(tmp_path / "tickets").path
    bad = rows(7, 1)["message"][0].as_py()

    def sometimes(texts):
        vectors = np.array(encode("new")(texts))
        vectors[[text == bad for text in texts]] = np.nan
        return vectors

    built = build(path, space("new"), sometimes)
    assert [problem.id for problem in built.refused] == ["ticket-7"]
    with pytest.raises(TableError, match="1 rows are missing"):
        swap_to(path, "g2", sometimes, rng=rng)
    assert EmbeddingTable.open(path).generation.name == "g1"


def test_a_wrong_encoder_is_refused(tmp_path):
    path = table(tmp_path / "tickets").path
    with pytest.raises(TableError, match="the encoder gave vectors of shape"):
        build(path, space("new"), lambda texts: np.ones((len(texts), 5)))
    with pytest.raises(TableError, match="the encoder gave vectors of shape"):
        build(path, space("new"), lambda texts: np.ones((3, 32)))


def test_what_cannot_be_migrated_is_said(tmp_path):
    old = table(tmp_path / "tickets", 20)
    with pytest.raises(TableError, match="has a generation of this space already: g1"):
        build(old.path, space("old"), encode("old"))
    with pytest.raises(TableError, match="does not keep the texts"):
        build(old.path, space("new"), encode("new"), content=["body"])
    with pytest.raises(TableError, match="does not keep the texts"):
        build(old.path, space("new"), encode("new"), content=["views"])
    with pytest.raises(TableError, match="no order by 'heat'"):
        build(old.path, space("new"), encode("new"), hot="heat")
    with pytest.raises(TableError, match="no order by 'vector'"):
        build(old.path, space("new"), encode("new"), hot="vector")
    with pytest.raises(InputError, match="chunks of 0"):
        build(old.path, space("new"), encode("new"), chunk=0)
    with pytest.raises(TableError, match="no embedding table"):
        build(tmp_path / "nothing", space("new"), encode("new"))
    assert not (tmp_path / "nothing").exists()
    assert len(EmbeddingTable.open(old.path).pointer.generations) == 1
    build(old.path, space("new"), encode("new"))
    with pytest.raises(TableError, match="being migrated to another space"):
        build(old.path, _third(), encode("new"))


def _third() -> Space:
    return replace(space("new"), weights="others")


def test_one_process_migrates_at_a_time(tmp_path, rng):
    path = table(tmp_path / "tickets", 20).path
    seen = []

    def meanwhile(texts):
        with pytest.raises(TableError, match="another process is migrating"):
            swap_to(path, "g2", encode("new"), rng=rng)
        seen.append(1)
        return encode("new")(texts)

    build(path, space("new"), meanwhile)
    assert seen


def test_what_a_kill_left_of_an_unknown_generation_is_swept(tmp_path):
    path = table(tmp_path / "tickets", 20).path
    (path / "g2" / "_delta_log").mkdir(parents=True)
    (path / "g2" / "part.parquet").write_bytes(b"half")
    adapter_path(path, "g9").write_bytes(b"half")
    (path / "receipts").mkdir()
    built = build(path, space("new"), encode("new"))
    assert built.generation == "g2"
    assert not (path / "g2" / "part.parquet").exists()
    assert not adapter_path(path, "g9").exists()
    assert (path / "receipts").is_dir()
    assert json.loads((path / "table.json").read_text())["current"] == "g1"


def test_a_query_of_the_other_space_raises_all_the_while(tmp_path):
    old = table(tmp_path / "tickets", 20)
    build(old.path, space("new"), encode("new"))
    with pytest.raises(SpaceMismatch):
        old.space.require_same(EmbeddingTable.open(old.path, generation="g2").space)
