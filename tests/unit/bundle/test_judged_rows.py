"""Marks of judged rows: a file that grows, and a state that says how much of it counts."""

import numpy as np
import pytest

from graft.bundle.judged_rows import are_judged, judged_rows, other_judged_rows, with_judged_rows


def marks(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 63, size=(count, 2)).astype(np.uint64)


def test_what_is_new_is_written_after_what_was_there(tmp_path):
    first, more = marks(50), marks(20, 1)
    told = with_judged_rows(tmp_path, None, first)
    whole = np.concatenate([judged_rows(tmp_path, told), more])
    path = tmp_path / told["file"]
    inode = path.stat().st_ino
    later = with_judged_rows(tmp_path, told, whole)
    assert (later, path.stat().st_ino) == ({"file": told["file"], "rows": 70}, inode)
    assert np.array_equal(judged_rows(tmp_path, later), whole)
    # A writer that was killed before the state was written: what the state says holds, and the next one writes over it.
    assert np.array_equal(judged_rows(tmp_path, told), first)
    other = with_judged_rows(tmp_path, told, np.concatenate([first, more[:5]]))
    assert np.array_equal(judged_rows(tmp_path, other), whole[:55])
    assert path.stat().st_size == 55 * 16


def test_a_new_start_is_another_file_and_the_old_one_counts_until_the_state_says_so(tmp_path):
    told = with_judged_rows(tmp_path, None, marks(50))
    anew = with_judged_rows(tmp_path, told, marks(60, 2))
    assert anew["file"] != told["file"]
    assert np.array_equal(judged_rows(tmp_path, told), marks(50))
    assert [one.name for one in other_judged_rows(tmp_path, anew)] == [told["file"]]
    assert len(judged_rows(tmp_path, with_judged_rows(tmp_path, anew, marks(0)))) == 0
    assert with_judged_rows(tmp_path, anew, marks(60, 2), anew=True)["file"] != anew["file"]


def test_what_is_missing_or_named_from_outside_is_refused(tmp_path):
    told = with_judged_rows(tmp_path, None, marks(3))
    with pytest.raises(ValueError, match="fewer than 4 marks"):
        judged_rows(tmp_path, told | {"rows": 4})
    with pytest.raises(ValueError, match="no file of marks"):
        judged_rows(tmp_path, {"file": "../judged-1.bin", "rows": 1})
    assert len(judged_rows(tmp_path, None)) == 0
    (tmp_path / told["file"]).unlink()
    # Erased with an earlier baseline: begun anew.
    assert with_judged_rows(tmp_path, told, marks(2))["rows"] == 2


def test_rows_are_found_among_many(tmp_path):
    there = marks(600_000, 3)
    asked = np.concatenate([there[::50_000], marks(100, 4), there[:1][:, ::-1]])
    assert are_judged(asked, there).tolist() == [True] * 12 + [False] * 101
    assert not are_judged(marks(0), there).size
