"""By which rows a watch has judged already: marks in a file that only grows, and where the watch stands in it.

Decisions: a mark is two numbers of 64 bits, of the id and of what the row says. After ten thousand checks of a hundred
labels a million of them are known, so a check writes its own and not all: the state says which file and how many marks
of it count, and what a killed writer wrote beyond is not counted and written over. Starting anew, and erasing somebody,
begin another file, which counts from the moment the state names it; files that it does not name are leftovers.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from graft.core.files import whole_file

_WIDTH = 16
_AT_ONCE = 1 << 18


def judged_rows(folder: Path, told: Any) -> np.ndarray:
    """The marks that a state names, uint64 (n, 2). told: of the state: the file and how many, None for none.

    Raises ValueError where the file is not there or shorter.
    """
    if not told or not int(told["rows"]):
        return np.zeros((0, 2), np.uint64)
    path, rows = _place(folder, told), int(told["rows"])
    if not path.is_file() or path.stat().st_size < rows * _WIDTH:
        raise ValueError(f"{path.name} has fewer than {rows:,} marks")
    return np.memmap(path, "<u8", "r", shape=(rows, 2))


def with_judged_rows(folder: Path, told: Any, marks: np.ndarray, *, anew: bool = False) -> dict[str, Any]:
    """What a state is to say once these are the marks; what it said before is ``told`` and holds until it is written.

    anew: into another file, whatever the marks are.
    """
    rows = int(told["rows"]) if told else 0
    if told and not anew and _continues(folder, told, marks):
        if len(marks) > rows:
            with _place(folder, told).open("r+b") as stream:
                stream.seek(rows * _WIDTH)
                stream.truncate()
                stream.write(np.ascontiguousarray(marks[rows:], "<u8").tobytes())
                stream.flush()
                os.fsync(stream.fileno())
        return {"file": str(told["file"]), "rows": len(marks)}
    name = f"judged-{_number(told) + 1}.bin"
    with whole_file(folder / name) as temporary:
        temporary.write_bytes(np.ascontiguousarray(marks, "<u8").tobytes())
    return {"file": name, "rows": len(marks)}


def other_judged_rows(folder: Path, told: Any) -> list[Path]:
    """Files of marks that the state does not name."""
    return [path for path in sorted(folder.glob("judged-*.bin")) if not told or path.name != str(told["file"])]


def are_judged(marks: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Which marks, uint64 (n, 2), are among the judged, (m, 2), however many those are; bool (n,).

    >>> are_judged(np.array([[1, 2], [3, 4]], np.uint64), np.array([[3, 4], [1, 5]], np.uint64)).tolist()
    [False, True]
    """
    found = np.zeros(len(marks), bool)
    if not len(marks) or not len(judged):
        return found
    asked = one_number(marks)
    names, place = np.unique(asked, return_inverse=True)
    there = np.zeros(len(names), bool)
    for start in range(0, len(judged), _AT_ONCE):
        some = one_number(np.asarray(judged[start : start + _AT_ONCE]))
        at = np.minimum(np.searchsorted(names, some), len(names) - 1)
        there[at[names[at] == some]] = True
    return np.asarray(there[place])


def one_number(marks: np.ndarray) -> np.ndarray:
    """Both numbers of each row as one, (n,)."""
    return np.asarray(marks[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ marks[:, 1])


def _continues(folder: Path, told: Any, marks: np.ndarray) -> bool:
    """Whether marks begin with those of before."""
    try:
        before = judged_rows(folder, told)
    except ValueError:
        # Of an earlier baseline, and erased.
        return False
    return _place(folder, told).is_file() and np.array_equal(before, marks[: len(before)])


def _place(folder: Path, told: Any) -> Path:
    name = str(told["file"])
    if name != Path(name).name or not name.startswith("judged-"):
        raise ValueError(f"{name!r} is no file of marks")
    return folder / name


def _number(told: Any) -> int:
    return int(str(told["file"]).removeprefix("judged-").removesuffix(".bin")) if told else 0
