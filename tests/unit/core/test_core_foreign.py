"""Files that somebody else made: plain, bounded, and told in words when they are not."""

import gzip
import os
import socket
from pathlib import Path

import pytest

from graft.core import foreign
from graft.core.errors import InputError
from graft.core.memory import peak_memory

LIMIT = 1000


def pipe(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def large(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(8 << 30)


def git_lfs(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n")


REFUSED = {
    "a pipe": (pipe, "is a pipe, a socket or a device"),
    "a socket": (unix_socket, "is a pipe, a socket or a device|cannot be read"),
    "a device without end": (device, "is a pipe, a socket or a device"),
    "eight gigabytes": (large, "has 8,589,934,592 bytes"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "nothing": (lambda path: None, "cannot be read"),
    "a Git LFS pointer": (git_lfs, "is a Git LFS pointer"),
}


@pytest.mark.parametrize(("build", "said"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("read", [foreign.read_bytes, foreign.read_text, foreign.read_json, foreign.read_gzip])
def test_what_is_no_plain_bounded_file_is_refused_before_it_is_read(tmp_path, monkeypatch, build, said, read):
    monkeypatch.chdir(tmp_path)
    build(Path("x"))
    with pytest.raises(InputError, match=said) as raised:
        read(Path("x"), limit=LIMIT)
    assert raised.value.fix


def test_the_limit_itself_is_allowed(tmp_path):
    (tmp_path / "x").write_bytes(b"a" * LIMIT)
    assert foreign.read_bytes(tmp_path / "x", limit=LIMIT) == b"a" * LIMIT
    with pytest.raises(InputError, match="has 1,000 bytes"):
        foreign.read_bytes(tmp_path / "x", limit=LIMIT - 1)


def test_a_file_that_says_it_is_empty_is_bounded_too():
    with pytest.raises(InputError, match="has more than 10 bytes"):
        foreign.read_bytes(Path("/proc/self/status"), limit=10)


def test_a_small_file_never_unpacks_to_gigabytes(tmp_path):
    with gzip.open(tmp_path / "x.gz", "wb", compresslevel=1) as stream:
        for _ in range(100):
            stream.write(bytes(1 << 20))
    with peak_memory() as peak, pytest.raises(InputError, match="unpacks to more than"):
        foreign.read_gzip(tmp_path / "x.gz", limit=4 << 30)
    with peak_memory() as usual:
        pass
    assert peak.megabytes < usual.megabytes + 200


@pytest.mark.parametrize("cut", [1, 5, 15, -1])
def test_a_cut_gzip_file_is_told(tmp_path, cut):
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"text" * 100)[:cut])
    with pytest.raises(InputError, match="is not a whole gzip file"):
        foreign.read_gzip(tmp_path / "x.gz", limit=LIMIT)


def test_gzip_files_one_after_the_other_are_one(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"a") + gzip.compress(b"b"))
    assert foreign.read_gzip(tmp_path / "x.gz", limit=LIMIT) == b"ab"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b'{"a": ', "is not JSON"),
        (b"\xff\xfe\x00", "byte 0xff at offset 0 is not UTF-8"),
        (b"[" * 200_000, "is nested without end"),
        (b"9" * 5000, "is not JSON"),
    ],
)
def test_damaged_json_is_told_with_its_name(tmp_path, content, said):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=f"x.json {said}|x.json is damaged: {said}"):
        foreign.read_json(tmp_path / "x.json")
