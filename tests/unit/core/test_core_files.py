import errno
import json
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import psutil
import pytest

from graft.core.errors import OutputError
from graft.core.files import whole_file, write_bytes, write_json, write_text
from graft.core.memory import peak_memory


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_whole_with_its_folders(tmp_path):
    write_text(tmp_path / "a" / "b" / "x.txt", "grüße\n")
    assert (tmp_path / "a" / "b" / "x.txt").read_bytes() == "grüße\n".encode()
    write_json(tmp_path / "x.json", {"ä": [1, None]})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"ä": [1, None]}
    assert "ä" in (tmp_path / "x.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("death", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_a_kill_while_writing_leaves_the_previous_version_and_nothing_else(tmp_path, death):
    target = tmp_path / "x.bin"
    write_bytes(target, b"before")
    with pytest.raises(death), whole_file(target) as temporary:  # noqa: PT012 - the block is what is tested
        temporary.write_bytes(b"half")
        raise death
    assert target.read_bytes() == b"before"
    assert names(tmp_path) == ["x.bin"]


def test_the_target_is_untouched_until_the_block_ends(tmp_path):
    target = tmp_path / "x.bin"
    write_bytes(target, b"before")
    with whole_file(target) as temporary:
        temporary.write_bytes(b"after")
        assert target.read_bytes() == b"before"
        assert temporary.parent == target.parent
        assert temporary.name.startswith(".")
    assert target.read_bytes() == b"after"
    assert names(tmp_path) == ["x.bin"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_the_previous_version(tmp_path, monkeypatch, code):
    target = tmp_path / "x.bin"
    write_bytes(target, b"before")

    def full(descriptor: int) -> None:
        raise OSError(code, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=re.escape(f"the disk is full while writing {target}")):
        write_bytes(target, b"after")
    assert target.read_bytes() == b"before"
    assert names(tmp_path) == ["x.bin"]


def test_bytes_reach_the_disk_before_the_name_does(tmp_path, monkeypatch):
    steps = []
    sync, move = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("sync"), sync(descriptor)))
    monkeypatch.setattr(Path, "replace", lambda self, to: (steps.append("rename"), move(self, to))[1])
    write_bytes(tmp_path / "x", b"1")
    assert steps == ["sync", "rename"]


def test_a_file_in_the_way_of_a_folder_is_explained(tmp_path):
    (tmp_path / "x").write_text("file")
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path / "x" / "y.txt", "text")


def test_a_folder_in_the_way_of_a_file_is_explained(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*directory"):
        write_text(tmp_path / "x", "text")
    assert names(tmp_path) == ["x"]


def test_a_name_that_is_too_long_is_explained(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path / ("x" * 300), "text")


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), OutputError("no")])
def test_other_errors_come_through_as_they_are_and_are_not_their_own_cause(tmp_path, error):
    with pytest.raises(type(error)) as raised, whole_file(tmp_path / "x"):
        raise error
    assert raised.value is error
    assert raised.value.__cause__ is None
    assert traceback.format_exception(raised.value)


def test_files_have_the_rights_of_ordinary_files(tmp_path):
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "x", "text")
    finally:
        os.umask(old)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_peak_memory_sees_what_was_allocated_and_freed():
    """Other libraries give memory back in the background, so only the moment itself says what was in use."""
    process = psutil.Process()
    with peak_memory() as busy:
        block = np.ones(200 << 17)  # 200 MiB of float64
        then = process.memory_info().rss / (1 << 20)
        del block
    assert then - 1 <= busy.megabytes < then + 150
    assert process.memory_info().rss / (1 << 20) < then - 150


def test_peak_memory_is_filled_in_when_the_block_fails():
    with pytest.raises(RuntimeError), peak_memory() as peak:
        raise RuntimeError
    assert peak.megabytes > 5


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux lets a process reset its mark")
def test_an_earlier_peak_is_forgotten():
    code = (
        "import numpy as np\n"
        "from graft.core.memory import peak_memory\n"
        "with peak_memory() as first: np.ones(200 << 17)\n"
        "with peak_memory() as second: pass\n"
        "print(first.megabytes - second.megabytes)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(out.stdout) > 150
