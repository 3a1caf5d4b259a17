import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors

from flips import draw_flips, flipped
from graft.core import files
from graft.core.errors import OutputError
from graft.representations import cache as module
from graft.representations.cache import ActivationCache, Ragged


def digest(number: int) -> bytes:
    return number.to_bytes(16, "big")


def rows(*numbers: int, tokens: int = 2, width: int = 4) -> Ragged:
    """Row n holds n % 3 + 1 times ``tokens`` vectors of the value n."""
    lengths = [tokens * (number % 3 + 1) for number in numbers]
    values = np.concatenate(
        [np.full((length, width), number, np.float32) for number, length in zip(numbers, lengths, strict=True)]
    )
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]))


def fill(cache: ActivationCache, *numbers: int, space: str = "space", **shape: int) -> None:
    cache.put(space, [digest(number) for number in numbers], rows(*numbers, **shape))


def held(cache: ActivationCache, *numbers: int, space: str = "space") -> list[bool]:
    found = cache.find(space, [digest(number) for number in numbers])
    return (found.shard >= 0).tolist()


def shards(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


@pytest.fixture
def cache(tmp_path) -> ActivationCache:
    return ActivationCache(tmp_path)


def test_rows_come_back_in_the_order_asked_for_whatever_the_shard(cache):
    fill(cache, 1, 2, 3)
    fill(cache, 7, 5)
    found = cache.find("space", [digest(number) for number in (5, 3, 7, 1)])
    assert not len(found.missing)
    read = cache.read(found)
    expected = rows(5, 3, 7, 1)
    np.testing.assert_array_equal(read.values, expected.values)
    np.testing.assert_array_equal(read.offsets, expected.offsets)


def test_what_is_missing_is_said_by_position(cache):
    fill(cache, 1, 2)
    assert cache.find("space", [digest(number) for number in (9, 1, 8)]).missing.tolist() == [0, 2]
    assert cache.find("space", []).missing.tolist() == []
    assert cache.find("nowhere", [digest(1)]).missing.tolist() == [0]


def test_spaces_are_apart(cache):
    fill(cache, 1)
    assert held(cache, 1, space="other") == [False]
    fill(cache, 1, space="other")
    assert len(shards(cache.root)) == 2


def test_the_same_rows_are_stored_once_and_a_row_in_two_shards_is_found(cache):
    fill(cache, 1, 2)
    fill(cache, 1, 2)
    assert len(shards(cache.root)) == 1
    fill(cache, 2, 3)
    read = cache.read(cache.find("space", [digest(number) for number in (3, 2, 1)]))
    np.testing.assert_array_equal(read.values, rows(3, 2, 1).values)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_values_keep_their_type(cache, dtype):
    values = np.arange(6).reshape(2, 3).astype(dtype)
    cache.put("space", [digest(1)], Ragged(values, np.array([0, 2])))
    read = cache.read(cache.find("space", [digest(1)]))
    assert read.values.dtype == dtype
    np.testing.assert_array_equal(read.values, values)


def test_a_cache_without_room_keeps_nothing(tmp_path):
    cache = ActivationCache(tmp_path, limit=0)
    fill(cache, 1)
    assert list(tmp_path.iterdir()) == []
    assert held(cache, 1) == [False]


def test_the_shards_used_longest_ago_go_first(cache, tmp_path):
    for number in range(6):
        fill(cache, number, tokens=100)
        newest = max(shards(cache.root), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (1_000_000 + number, 1_000_000 + number))
    cache.read(cache.find("space", [digest(0)]))  # used just now
    room = cache.size() - 1
    ActivationCache(tmp_path, limit=room).shrink()
    assert held(cache, *range(6)) == [True, False, True, True, True, True]
    cache.limit = 3 * (room // 6)
    cache.shrink()
    assert cache.size() <= cache.limit
    assert held(cache, 0, 1, 2) == [True, False, False]


def test_writing_keeps_the_cache_below_its_limit(tmp_path):
    cache = ActivationCache(tmp_path, limit=40_000)
    for number in range(20):
        fill(cache, number, tokens=200)
        assert cache.size() <= 40_000
    assert 0 < len(shards(cache.root)) < 20
    fill(cache, 99, tokens=5000)  # larger than the whole cache
    assert cache.size() <= 40_000


def test_a_cache_within_its_limit_loses_nothing(cache):
    for number in range(5):
        fill(cache, number)
    cache.limit = cache.size()
    cache.shrink()
    assert held(cache, *range(5)) == [True] * 5


@pytest.mark.parametrize(
    "damage",
    [lambda whole: b"", lambda whole: whole[:5], lambda whole: whole[:-1], lambda whole: b"\xff" * 99],
    ids=range(4),
)
def test_a_damaged_shard_is_removed_and_the_others_are_kept(cache, damage):
    fill(cache, 1)
    (first,) = shards(cache.root)
    fill(cache, 2)
    first.write_bytes(damage(first.read_bytes()))
    assert held(cache, 1, 2) == [False, True]
    assert not first.exists()
    fill(cache, 1)
    assert held(cache, 1, 2) == [True, True]


def test_a_shard_without_rows_is_removed(cache):
    safetensors.numpy.save_file({"x": np.zeros(1)}, _made(cache.root / "space") / "x.safetensors")
    assert held(cache, 1) == [False]
    assert shards(cache.root) == []


def test_a_shard_that_vanished_is_said_not_raised(cache):
    fill(cache, 1)
    found = cache.find("space", [digest(1)])
    assert cache.clear() > 0
    assert cache.read(found) is None
    assert cache.size() == 0


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), OSError(5, "Input/output error"), OSError(30, "Read-only")]
)
def test_a_full_or_broken_disk_loses_the_cache_not_the_work(cache, monkeypatch, error):
    def refuse(descriptor: int) -> None:
        raise error

    monkeypatch.setattr(files.os, "fsync", refuse)
    fill(cache, 1)
    assert list(cache.root.rglob("*.*")) == []


def test_a_full_disk_said_by_safetensors_is_tolerated(cache, monkeypatch):
    def refuse(*given, **named):
        raise safetensors.SafetensorError("Error while serializing: I/O error: No space left on device")

    monkeypatch.setattr(module, "save_file", refuse)
    fill(cache, 1)
    assert held(cache, 1) == [False]


def test_a_cache_that_cannot_be_a_folder_is_tolerated(tmp_path):
    (tmp_path / "activations").write_text("a file is in the way")
    cache = ActivationCache(tmp_path)
    fill(cache, 1)
    assert held(cache, 1) == [False]


def test_a_really_full_disk_is_tolerated(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting needs privileges")
    try:
        cache = ActivationCache(tmp_path)
        fill(cache, 1)
        fill(cache, 2, tokens=50_000)
        assert held(cache, 1, 2) == [True, False]
        assert [path.name for path in (tmp_path / "activations" / "space").iterdir() if path.suffix == ".partial"] == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_what_a_killed_process_left_is_cleaned_but_not_what_a_living_one_writes(cache):
    fill(cache, 1)
    folder = cache.root / "space"
    old, new = folder / ".a.safetensors.x.partial", folder / ".b.safetensors.y.partial"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    fill(cache, 2)
    assert (old.exists(), new.exists()) == (False, True)
    assert held(cache, 1, 2) == [True, True]


def test_a_forgotten_row_is_gone_from_every_space_and_the_others_are_kept(cache):
    fill(cache, 1, 2, 3)
    fill(cache, 2, 7, space="other")
    fill(cache, 5)
    untouched = shards(cache.root)
    assert cache.holding([digest(2)]) == cache.forget([digest(2)])
    assert held(cache, 1, 2, 3, 5) == [True, False, True, True]
    assert held(cache, 2, 7, space="other") == [False, True]
    assert cache.holding([digest(2)]) == ()
    assert len(set(untouched) & set(shards(cache.root))) == 1
    np.testing.assert_array_equal(cache.read(cache.find("space", [digest(3)])).values, rows(3).values)
    mine = np.full(4, 2, np.float32).tobytes()
    assert not any(mine in path.read_bytes() or digest(2) in path.read_bytes() for path in shards(cache.root))


def test_forgetting_the_only_row_removes_the_shard_and_nothing_is_forgotten_twice(cache):
    fill(cache, 1)
    assert len(cache.forget([digest(1), digest(9)])) == 1
    assert shards(cache.root) == []
    assert cache.forget([digest(1)]) == cache.forget([]) == ()


def test_what_might_hold_a_forgotten_row_goes_too(cache):
    fill(cache, 1)
    (damaged,) = shards(cache.root)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    partial = damaged.parent / ".a.safetensors.x.partial"
    partial.write_bytes(b"half")
    assert cache.forget([digest(2)]) == (damaged,)
    assert not damaged.exists()
    assert not partial.exists()


def test_a_kept_rest_is_as_old_as_its_shard(cache):
    fill(cache, 1, 2)
    (shard,) = shards(cache.root)
    os.utime(shard, (1_000_000, 1_000_000))
    cache.forget([digest(1)])
    (rest,) = shards(cache.root)
    assert rest.stat().st_mtime == 1_000_000


def test_without_room_for_the_rest_the_row_is_forgotten_all_the_same(cache, monkeypatch):
    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    fill(cache, 1, 2)
    monkeypatch.setattr(files.os, "fsync", refuse)
    cache.forget([digest(1)])
    assert shards(cache.root) == []


def test_a_shard_that_cannot_be_removed_is_said(cache, monkeypatch):
    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".safetensors":
            raise PermissionError(13, "Permission denied")

    fill(cache, 1, 2)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        cache.forget([digest(1)])
    assert len(cache.holding([digest(1)])) == 1


WORKER = """
import sys
import numpy as np
from pathlib import Path
from graft.representations.cache import ActivationCache, Ragged
cache, me = ActivationCache(Path(sys.argv[1]), limit=int(sys.argv[3])), int(sys.argv[2])
rng = np.random.default_rng(me)
read = 0
for turn in range(120):
    numbers = rng.choice(40, 6, replace=False)
    digests = [int(number).to_bytes(16, "big") for number in numbers]
    found = cache.find("space", digests)
    known = cache.read(found)
    if known is not None:
        expected = [number for number, shard in zip(numbers, found.shard) if shard >= 0]
        assert (known.values[:, 0] == np.repeat(expected, 50)).all(), (turn, expected)
        read += len(known)
    missing = found.missing
    if len(missing):
        values = np.repeat(numbers[missing], 50)[:, None] * np.ones((1, 8), np.float32)
        new = Ragged(values.astype(np.float32), 50 * np.arange(len(missing) + 1))
        cache.put("space", [digests[row] for row in missing], new)
print("read" if read > 10 else "nothing")
"""


@pytest.mark.parametrize(
    "limit", [pytest.param(1 << 30, id="roomy", marks=pytest.mark.slow), pytest.param(40_000, id="evicting")]
)
def test_two_processes_share_a_cache(cache, tmp_path, limit):
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, tmp_path, str(me), str(limit)], stdout=-1, stderr=-1, text=True)
        for me in range(2)
    ]
    said = [worker.communicate(timeout=60) for worker in workers]
    assert [out for out, _ in said] == ["read\n"] * 2, said
    assert list(tmp_path.rglob("*.partial")) == []
    assert cache.size() <= limit


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def test_a_shard_is_opened_once_to_look_for_rows(cache, monkeypatch):
    for number in range(5):
        fill(cache, number)
    opened: list[Path] = []
    real = module.safe_open
    monkeypatch.setattr(module, "safe_open", lambda path, kind: opened.append(path) or real(path, kind))
    for _ in range(3):
        assert held(cache, 0, 4, 9) == [True, True, False]
    assert sorted(opened) == shards(cache.root)


def test_rows_that_others_wrote_or_removed_meanwhile_are_noticed(cache, tmp_path):
    fill(cache, 1)
    assert held(cache, 1, 2) == [True, False]
    other = ActivationCache(tmp_path)
    fill(other, 2)
    other.forget([digest(1)])
    assert held(cache, 1, 2) == [False, True]


def test_a_shard_damaged_after_it_was_looked_at_is_computed_again(cache):
    fill(cache, 1)
    assert held(cache, 1) == [True]
    (path,) = shards(cache.root)
    path.write_bytes(b"\xff" * path.stat().st_size)
    assert cache.read(cache.find("space", [digest(1)])) is None
    assert held(cache, 1) == [False]


def test_digests_that_end_or_begin_with_zeros_are_told_apart(cache):
    names = [bytes(16), b"\0" * 15 + b"a", b"a" + b"\0" * 15, b"a\0a" + b"\0" * 13]
    cache.put("space", names[1:], rows(1, 2, 3))
    found = cache.find("space", names)
    assert found.missing.tolist() == [0]
    np.testing.assert_array_equal(cache.read(found).values, rows(1, 2, 3).values)


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_no_flipped_bit_of_a_shard_changes_what_is_read(tmp_path, count):
    numbers, told = list(range(12)), []
    fill(ActivationCache(tmp_path), *numbers)
    expected = rows(*numbers)
    asked = [digest(number) for number in numbers]
    for path, bit in draw_flips(shards(tmp_path), count):
        with flipped(path, bit):
            cache, said = ActivationCache(tmp_path), []
            found = cache.find("space", asked, tell=said.append)
            read = None if len(found.missing) else cache.read(found, tell=said.append)
            if read is None:
                assert len(said) == 1, bit
                assert "damaged" in said[0]
                told.append(bit)
            else:
                np.testing.assert_array_equal(read.values, expected.values)
                np.testing.assert_array_equal(read.offsets, expected.offsets)
    assert len(told) > 0.9 * count


def test_damage_is_not_sealed_anew_when_another_row_is_forgotten(cache):
    fill(cache, 1, 2)
    (shard,) = shards(cache.root)
    whole = bytearray(shard.read_bytes())
    whole[-1] ^= 1
    shard.write_bytes(whole)
    assert cache.forget([digest(1)]) == (shard,)
    assert shards(cache.root) == []


def test_damage_where_nothing_can_be_removed_is_told_once_and_passed_over(cache, monkeypatch):
    fill(cache, 1)
    fill(cache, 2)
    (shard,) = cache.holding([digest(1)])
    shard.write_bytes(shard.read_bytes()[:-1] + b"\xff")

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    told: list[str] = []
    assert cache.read(cache.find("space", [digest(1)], tell=told.append), tell=told.append) is None
    for _ in range(2):
        assert cache.find("space", [digest(1), digest(2)], tell=told.append).missing.tolist() == [0]
    assert len(told) == 1
