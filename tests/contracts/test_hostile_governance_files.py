"""Every file governance reads may come from somebody else: it is refused in words, soon, and in little memory."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from graft.core.errors import GraftError, InputError
from graft.governance.descent_file import read_descent
from graft.governance.heads import note_head, read_heads
from graft.governance.ledger import Head, Ledger
from graft.governance.ledger.transfer import import_events
from graft.governance.reading import licence_statements, read_data, read_model
from graft.governance.signing import key_bytes, read_statement


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    """Eight gigabytes that take no room on the disk."""
    with path.open("wb") as stream:
        stream.truncate(8 << 30)


def nested(path: Path) -> None:
    path.write_text("[" * 200_000)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "a pipe": pipe,
    "a device": endless,
    "eight gigabytes": huge,
    "a folder": Path.mkdir,
    "nothing": Path.touch,
    "nested without end": nested,
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00\x81" * 50),
    "a pointer to a large file": lambda path: path.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    ),
    "a list where a table belongs": lambda path: path.write_text("[1, 2]"),
    "a number": lambda path: path.write_text("1e999"),
    "half a file": lambda path: path.write_text('{"count": 1, "dsseEnvelope": {"payload": "e30='),
}


def descent(path: Path) -> object:
    (path.parent / "manifest.json").write_text("{}")
    path.rename(path.parent / "assets.json")
    return read_descent(path.parent)


def imported(path: Path) -> object:
    return import_events(Ledger(path.parent / "ledger.sqlite"), path)


def opened(path: Path) -> object:
    with Ledger(path) as ledger:
        list(ledger.events())
        return ledger.head()


READERS: dict[str, Callable[[Path], object]] = {
    "heads": read_heads,
    "a signature": read_statement,
    "the descent of a bundle": descent,
    "an export": imported,
}


@pytest.fixture(autouse=True)
def little_memory() -> object:
    """Whoever reads the whole of a large file meets a limit instead of taking the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + (2 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
@pytest.mark.parametrize("made", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_in_words(tmp_path, reader, made):
    place = tmp_path / "place"
    place.mkdir()
    made(place / "given")
    with pytest.raises(GraftError) as raised:
        reader(place / "given")
    assert raised.value.exit_code == 2
    assert raised.value.fix


@pytest.mark.parametrize("made", [pipe, endless, huge, Path.mkdir], ids=["pipe", "device", "huge", "folder"])
def test_a_key_is_a_small_plain_file(tmp_path, made):
    made(tmp_path / "key.pem")
    with pytest.raises(GraftError, match="the key"):
        key_bytes(tmp_path / "key.pem")


@pytest.mark.parametrize("name", ["a pipe", "a device", "a folder", "no text", "half a file"])
def test_what_is_no_ledger_is_refused(tmp_path, name):
    HOSTILE[name](tmp_path / "ledger.sqlite")
    with pytest.raises(GraftError):
        opened(tmp_path / "ledger.sqlite")


@pytest.mark.parametrize("file", ["README.md", "LICENSE", "config.json", "adapter_config.json"])
@pytest.mark.parametrize("made", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_file_of_a_model_is_read_without_end_or_taken_for_a_licence(tmp_path, file, made):
    """A folder whose files can be read has facts; what could not be read never states a licence."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights.bin").write_bytes(b"x")
    if made is huge:
        (model / file).write_bytes(b" " * (33 << 20))
    else:
        made(model / file)
    found = None
    with suppress(InputError):
        found = read_model(model)
    assert found is None or not {one.stated.casefold() for one in found.licences} & {"mit", "apache-2.0"}


@pytest.mark.parametrize("made", [pipe, endless], ids=["pipe", "device"])
def test_rows_are_plain_files(tmp_path, made):
    made(tmp_path / "rows.csv")
    with pytest.raises(GraftError):
        read_data(tmp_path / "rows.csv")


BOMBS = {
    "many openings": "Permission is hereby granted, free of charge. " * 11_000,
    "one long line": "a" * (500 << 10),
    "marks alone": "*_`" * (150 << 10),
    "brackets": "[" * (200 << 10),
    "copyright lines": "Copyright (c) 2020 A B\n" * 20_000,
    "names of licences": "Apache License, Version 2.0 " * 15_000,
    "entities": "&amp;" * 90_000,
    "badges": "![License](https://img.shields.io/badge/license-MIT-blue) " * 8_000,
    "non-commercial": "non-commercial and " * 25_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_no_text_of_half_a_megabyte_is_slow_to_read(tmp_path, text):
    """In a process of its own, which has twenty seconds."""
    (tmp_path / "LICENSE").write_text(text)
    (tmp_path / "README.md").write_text(f"---\nlicense: mit\n---\n## License\n{text}\n")
    code = "import sys, pathlib; from graft.governance.reading import read_model; read_model(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, timeout=20)


def test_a_yaml_bomb_in_a_card_costs_nothing_and_states_nothing(tmp_path):
    lines = ["a0: &a0 [mit, mit]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]
    (tmp_path / "README.md").write_text("---\n" + "\n".join(lines) + "\nlicense: *a11\n---\n")
    assert read_model(tmp_path).licences == ()


def test_a_line_of_an_export_is_bounded_and_heads_are_read_back(tmp_path):
    (tmp_path / "export").write_text(json.dumps({"count": 0, "format": "graft-ledger-1", "hash": "0" * 64}))
    with pytest.raises(GraftError, match="line 1"):
        imported(tmp_path / "export")
    note_head(Head(count=1, hash="ab" * 32), tmp_path / "heads")
    assert read_heads(tmp_path / "heads")[0].head.count == 1
    assert licence_statements("\0" * 1000, "LICENSE") == ()
