"""A folder that is whole or absent, and what a kill leaves of one."""

import errno
import os
import subprocess
import sys
import time

import pytest

from graft.core.errors import OutputError
from graft.representations.new_folder import publish, require_free, workplace

OLD = time.time() - 3600


def aged(place):
    os.utime(place, (OLD, OLD))
    return place


def test_what_a_killed_process_left_is_taken_away_and_what_one_holds_is_not(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from graft.representations.new_folder import workplace\n"
        "with workplace(Path(sys.argv[1])) as place:\n"
        "    (place / 'config.json').write_text('{}')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    place = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, tmp_path / "out"], env=place, check=False)
    (left,) = tmp_path.glob(".graft-convert.*")
    with workplace(tmp_path / "young"):
        assert left.exists(), "it may have been made a moment ago, by a process that does not hold it yet"
    aged(left)
    with workplace(tmp_path / "first") as first:
        assert not left.exists()
        aged(first)
        with workplace(tmp_path / "second"):
            assert first.exists(), "a process is at work there"
        publish(first, tmp_path / "first")
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


def test_what_is_called_so_and_lies_elsewhere_is_left_alone(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / ".graft-convert.x.partial").symlink_to(outside)
    with workplace(inside / "out"):
        pass
    assert (outside / "kept").exists()


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path, monkeypatch):
    require_free(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    if os.geteuid() == 0:  # nothing is forbidden to root
        monkeypatch.setattr("tempfile.mkdtemp", _forbidden)
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=r"cannot write .*Permission denied"):
        require_free(tmp_path / "new")


def _forbidden(**asked):
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OutputError, match="cannot write"), workplace(tmp_path / "nowhere" / "out"):
        pass
