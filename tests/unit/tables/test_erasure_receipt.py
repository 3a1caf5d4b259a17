import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from graft.core.errors import TableError
from graft.tables.erasure.receipt import (
    RECEIPTS,
    SCHEMA,
    ErasedId,
    FileMark,
    PlaceRecord,
    Receipt,
    begun_before,
    mark_found,
    read_receipt,
    read_receipts,
    returned,
    write_receipt,
)


def receipt(*ids: str, begun: str = "2026-03-01T10:00:00.000000+00:00", complete: bool = True) -> Receipt:
    marks = FileMark("part-1.parquet", "a" * 64), FileMark("part-2.parquet", "b" * 64)
    place = PlaceRecord("rows", 3, "c" * 64, "d" * 64, marks[:1], marks[1:], ("versions lost: 1, 2",))
    names = tuple(map(ErasedId.of, ids))
    return Receipt("tickets", "the person", "Art. 17", begun, "later", complete, names, (place,), ("limits",), "1.0")


def test_a_receipt_is_read_as_it_was_written(tmp_path):
    made = receipt("4711", "4712")
    path = write_receipt(tmp_path, made)
    assert read_receipt(path) == made
    assert path.parent == tmp_path / RECEIPTS
    assert b"4711" not in path.read_bytes().replace(b"\n", b"")


def test_a_receipt_is_replaced_while_it_is_under_way_and_kept_beside_others(tmp_path):
    first = receipt("a", complete=False)
    write_receipt(tmp_path, first)
    write_receipt(tmp_path, Receipt(**{**vars(first), "complete": True}))
    write_receipt(tmp_path, receipt("b"))
    write_receipt(tmp_path, receipt("c", begun="2026-02-01T10:00:00.000000+00:00"))
    stored = read_receipts(tmp_path)
    assert [one.complete for one in stored] == [True] * 3
    assert stored[0].concerns("c")


def test_an_id_is_recognised_by_its_holder_alone():
    one, again = ErasedId.of("4711"), ErasedId.of("4711")
    assert one.means("4711")
    assert not one.means("4712")
    assert one.sha256 != again.sha256
    assert not ErasedId(again.salt, one.sha256).means("4711")
    assert ErasedId.of("é\ud800").means("é\ud800")


def test_found_ids_are_marked_and_stay_marked():
    names = tuple(map(ErasedId.of, "abc"))
    marked = mark_found(mark_found(names, ["b"]), ["c", "z"])
    assert [name.found for name in marked] == [False, True, True]


def test_only_the_same_ids_continue_a_begun_receipt():
    begun, done = receipt("a", "b", complete=False), receipt("c")
    assert begun_before([done, begun], ["b", "a"]) is begun
    for ids in (["a"], ["a", "b", "c"], ["a", "x"], ["c"]):
        assert begun_before([done, begun], ids) is None


def test_a_receipt_reads_as_plain_lines():
    said = receipt("a").lines()
    assert said[0] == "erasure from tickets: complete"
    assert f"  removed part-1.parquet ({'a' * 64})" in said
    assert f"  written part-2.parquet ({'b' * 64})" in said
    assert f"  before {'c' * 64}" in said
    assert said[-2:] == ["limits", f"sha256 of this receipt: {receipt_of(said)}"]


def receipt_of(lines: list[str]) -> str:
    return lines[-1].rpartition(" ")[2]


def test_a_receipt_states_the_digest_of_all_it_says(tmp_path):
    made = receipt("4711")
    said = json.loads(write_receipt(tmp_path, made).read_text())
    stated = said.pop("sha256")
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert stated == hashlib.sha256(text.encode()).hexdigest() == made.sha256 == receipt_of(made.lines())
    assert replace(made, by="somebody else").sha256 != made.sha256


def test_every_change_of_a_receipt_shows(tmp_path):
    path = write_receipt(tmp_path, receipt("4711"))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    unseen = 0
    for place, bit in zip(rng.choice(len(whole), 200, replace=False), rng.integers(0, 8, 200), strict=True):
        changed = bytearray(whole)
        changed[place] ^= 1 << bit
        path.write_bytes(bytes(changed))
        try:
            # What is read is what was written: a space for a line end says nothing.
            assert read_receipt(path) == read_receipt(write_receipt(tmp_path / "other", read_receipt(path)))
            assert json.loads(bytes(changed)) == json.loads(whole)
            unseen += 1
        except TableError:
            pass
    assert unseen < 20


def test_receipts_of_the_first_schema_are_read(tmp_path):
    made = receipt("4711", complete=False)
    said = json.loads(write_receipt(tmp_path, made).read_text())
    del said["sha256"]
    for place in said["places"]:
        del place["versions"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps({**said, "schema": 1}))
    read = read_receipt(path)
    assert read == replace(made, schema=1)
    assert read_receipt(write_receipt(tmp_path, replace(read, complete=True))).schema == SCHEMA


def test_removed_files_that_come_back_are_found(tmp_path):
    (tmp_path / "kept.parquet").write_bytes(b"kept")
    removed = FileMark("part-1.parquet", hashlib.sha256(b"gone").hexdigest())
    nothing = FileMark("empty", hashlib.sha256().hexdigest())
    made = replace(receipt("a"), places=(PlaceRecord("rows", 1, "", "", (removed, nothing)),))
    (tmp_path / "empty").touch()
    assert returned(tmp_path, made) == ()
    (tmp_path / "g1").mkdir()
    (tmp_path / "g1" / "from-a-backup.parquet").write_bytes(b"gone")
    assert returned(tmp_path, made) == (FileMark("g1/from-a-backup.parquet", removed.sha256),)


@pytest.mark.parametrize(
    "damage",
    [
        lambda said: said[: len(said) // 2],
        lambda said: "[]",
        lambda said: json.dumps({**json.loads(said), "schema": 9}),
        lambda said: json.dumps({**json.loads(said), "more": 1}),
        lambda said: json.dumps({**json.loads(said), "by": "somebody else"}),
        lambda said: json.dumps({**json.loads(said), "schema": "2"}),
        lambda said: json.dumps({name: value for name, value in json.loads(said).items() if name != "sha256"}),
        lambda said: json.dumps({name: value for name, value in json.loads(said).items() if name != "ids"}),
    ],
    ids=["half", "list", "newer", "more", "by", "schema", "digest", "less"],
)
def test_a_damaged_receipt_is_said(tmp_path, damage):
    path = write_receipt(tmp_path, receipt("a"))
    path.write_text(damage(path.read_text()))
    with pytest.raises(TableError, match="receipt"):
        read_receipt(path)
