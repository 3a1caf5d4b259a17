import json

import pytest

from graft.core.errors import TableError
from graft.tables.erasure.receipt import (
    FOLDER,
    ErasedId,
    FileMark,
    PlaceRecord,
    Receipt,
    begun_before,
    mark_found,
    read_receipt,
    read_receipts,
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
    assert path.parent == tmp_path / FOLDER
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
    assert said[-1] == "limits"


@pytest.mark.parametrize(
    "damage",
    [
        lambda said: said[: len(said) // 2],
        lambda said: "[]",
        lambda said: json.dumps({**json.loads(said), "schema": 9}),
        lambda said: json.dumps({**json.loads(said), "more": 1}),
        lambda said: json.dumps({name: value for name, value in json.loads(said).items() if name != "ids"}),
    ],
    ids=["half", "list", "newer", "more", "less"],
)
def test_a_damaged_receipt_is_said(tmp_path, damage):
    path = write_receipt(tmp_path, receipt("a"))
    path.write_text(damage(path.read_text()))
    with pytest.raises(TableError, match="receipt"):
        read_receipt(path)
