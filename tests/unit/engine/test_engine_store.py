import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graft.core.errors import OutputError
from graft.engine.store import ResultStore

ASKED = {"trial": 1, "seed": 0}
ARRAYS = {"scores": np.arange(6, dtype=np.float32).reshape(2, 3), "rows": np.array([4, 1])}
FACTS = {"seconds": 1.5, "name": "ä", "none": None, "nested": {"list": [1, 2]}}


@pytest.fixture
def store(tmp_path) -> ResultStore:
    return ResultStore(tmp_path / "results")


def counted(calls: list[int], arrays=ARRAYS, facts=FACTS):
    def compute():
        calls.append(1)
        return arrays, facts

    return compute


def same(found, arrays=ARRAYS, facts=FACTS) -> bool:
    return found[1] == facts and all(
        array.dtype == found[0][name].dtype
        and np.array_equal(array, found[0][name])
        and array.shape == found[0][name].shape
        for name, array in arrays.items()
    )


def test_a_result_is_computed_once_even_by_another_store(store):
    calls: list[int] = []
    assert same(store.run(ASKED, counted(calls)))
    again = ResultStore(store.folder).run({"seed": 0, "trial": 1}, counted(calls))
    assert same(again)
    assert set(again[0]) == set(ARRAYS)
    assert calls == [1]


def test_another_question_is_another_result(store):
    store.put(ASKED, ARRAYS, FACTS)
    assert store.get({**ASKED, "seed": 1}) is None
    assert store.path(ASKED) != store.path({**ASKED, "seed": 1})


@pytest.mark.parametrize(
    "array",
    [
        np.float64(3.5),
        np.zeros((0, 4)),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(9)[::2],
        np.array([True]),
    ],
    ids=["scalar", "empty", "columns", "strided", "bool"],
)
def test_arrays_come_back_with_their_shape_and_type(store, array):
    store.put(ASKED, {"x": array}, {})
    found = store.get(ASKED)
    assert same(found, {"x": np.asarray(array)}, {})


def test_no_arrays_and_not_a_number_are_results_too(store):
    store.put(ASKED, {}, {"loss": float("nan")})
    arrays, facts = store.get(ASKED)
    assert arrays == {}
    assert np.isnan(facts["loss"])


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:7],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: b"\xff" * 64,
        lambda whole: whole.replace(b"facts", b"fucts"),
        lambda whole: whole.replace(b'\\"seconds\\"', b'"seconds"  '),
    ],
    ids=["empty", "prefix", "half", "one byte short", "noise", "no facts", "facts not JSON"],
)
def test_a_damaged_result_is_removed_and_computed_again(store, damage):
    store.put(ASKED, ARRAYS, FACTS)
    path = store.path(ASKED)
    damaged = damage(path.read_bytes())
    assert damaged != path.read_bytes()
    path.write_bytes(damaged)
    assert store.get(ASKED) is None
    assert not path.exists()
    calls: list[int] = []
    assert same(store.run(ASKED, counted(calls)))
    assert same(store.run(ASKED, counted(calls)))
    assert calls == [1]


def test_damage_is_told_once(tmp_path):
    told: list[str] = []
    store = ResultStore(tmp_path, owner="a study", tell=told.append)
    store.put(ASKED, ARRAYS, FACTS)
    assert same(store.get(ASKED))
    assert told == []
    path = store.path(ASKED)
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert store.get(ASKED) is None
    assert store.get(ASKED) is None
    assert told == [f"the stored result {path} is damaged, or was made for something else: it is computed again"]


def test_every_single_bit_counts(tmp_path):
    """All bits of a small result: what is read is what was stored, or nothing."""
    store = ResultStore(tmp_path, owner="a study")
    arrays, facts = {"scores": np.array([0.25, 0.75], np.float32)}, {"steps": 3}
    store.put(ASKED, arrays, facts)
    path = store.path(ASKED)
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        found = store.get(ASKED)
        assert found is None or same(found, arrays, facts), bit


def test_a_sound_result_in_the_wrong_place_is_not_taken(tmp_path):
    """Of another question of the same study, and of the same question of another study."""
    mine, other = (ResultStore(tmp_path / name, owner=name) for name in ("mine", "other"))
    for store in (mine, other):
        store.put(ASKED, ARRAYS, FACTS)
        store.put({**ASKED, "seed": 1}, ARRAYS, FACTS)
    mine.path(ASKED).write_bytes(other.path(ASKED).read_bytes())
    assert mine.get(ASKED) is None
    mine.path(ASKED).write_bytes(mine.path({**ASKED, "seed": 1}).read_bytes())
    assert mine.get(ASKED) is None
    assert same(mine.get({**ASKED, "seed": 1}))
    assert same(other.get(ASKED))


def test_a_failed_computation_stores_nothing(store):
    def compute():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.run(ASKED, compute)
    assert store.get(ASKED) is None
    assert not store.folder.exists()


def test_a_full_disk_is_an_error_in_words_and_leaves_nothing(store, monkeypatch):
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="the disk is full"):
        store.put(ASKED, ARRAYS, FACTS)
    assert list(store.folder.iterdir()) == []


WORKER = """
import sys, numpy as np
from pathlib import Path
from graft.engine.store import ResultStore
store = ResultStore(Path(sys.argv[1]))
for turn in range(150):
    asked = {"trial": turn % 5}
    def compute():
        return {"x": np.full(2000, turn % 5)}, {"turn": turn % 5}
    arrays, facts = store.run(asked, compute)
    assert facts == {"turn": turn % 5} and (arrays["x"] == turn % 5).all() and len(arrays["x"]) == 2000
    if turn % 3 == int(sys.argv[2]):
        store.put(asked, *compute())
print("sound")
"""


def test_two_processes_share_a_store(store):
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(store.folder), str(number)], stdout=-1, stderr=-1, text=True
        )
        for number in range(2)
    ]
    said = [worker.communicate(timeout=60) for worker in workers]
    assert [out for out, _ in said] == ["sound\n"] * 2, said
    assert len(list(store.folder.iterdir())) == 5


def test_facts_are_readable_without_graft(store):
    store.put(ASKED, ARRAYS, FACTS)
    raw = store.path(ASKED).read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert json.loads(header["__metadata__"]["facts"]) == FACTS
