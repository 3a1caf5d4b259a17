"""Files that were cut, emptied, overwritten or edited: one message, exit code 2, and never a traceback."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from graft.bundle.parts import write_bundle
from graft.cli import main
from graft.core.errors import GraftError
from graft.decisions.costs import load_costs
from graft.studies.claim import claim
from unit.bundle.building import inputs, parts_for, study_record


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """What a study leaves behind, and rows to predict."""
    folder = tmp_path_factory.mktemp("sound") / "study"
    folder.mkdir()
    (folder / "study.json").write_text(study_record(("a", "b")).to_json())
    write_bundle(folder / "bundle", parts_for("majority", "multiclass"))
    pl.DataFrame(inputs()).write_parquet(folder / "rows.parquet")
    pl.DataFrame(inputs()).write_csv(folder / "rows.csv")
    (folder / "rows.jsonl").write_text(pl.DataFrame(inputs()).write_ndjson())
    return folder


@pytest.fixture
def folder(sound, tmp_path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "study"))


def damaged(raw: bytes) -> Iterator[bytes]:
    """Empty, cut, of another kind, and JSON with the wrong thing in its first fields."""
    yield from (b"", raw[: len(raw) // 2], b"\xff\x00\x80binary", bytes(100), b"3", b"[]", b"null", b"[" * 100_000)
    yield b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    try:
        document = json.loads(raw)
    except ValueError:
        return
    for name in list(document)[:12]:
        yield json.dumps({**document, name: [1, {}]}).encode()


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> str:
    monkeypatch.setattr(sys, "argv", ["graft", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    text = capsys.readouterr()
    assert ended.value.code == 2, text
    assert text.err.startswith("graft: ")
    assert text.err.count("graft: ") == 1
    assert "Traceback" not in text.err
    assert "  needed: " in text.err
    return text.err


COMMANDS = {
    "study.json": ("report", "."),
    "bundle/manifest.json": ("verify", "bundle"),
    "bundle/contract.json": ("predict", "bundle", "rows.csv"),
    "bundle/evidence.json": ("verify", "bundle"),
    "rows.parquet": ("predict", "bundle", "rows.parquet"),
}


@pytest.mark.parametrize(("name", "command"), COMMANDS.items(), ids=COMMANDS)
def test_damage_is_told_with_the_name_of_the_file(folder, capsys, monkeypatch, name, command):
    monkeypatch.chdir(folder)
    raw = (folder / name).read_bytes()
    for content in damaged(raw):
        (folder / name).write_bytes(content)
        assert Path(name).name in said(capsys, monkeypatch, *command)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_file_of_rows_that_is_none_is_told(folder, capsys, monkeypatch, name):
    monkeypatch.chdir(folder)
    for content in (b"", bytes(100), b"[" * 100_000, b"PK\x03\x04", b"version https://git-lfs.github.com/spec/v1\n"):
        (folder / name).write_bytes(content)
        assert name in said(capsys, monkeypatch, "predict", "bundle", name)


def test_a_key_of_a_study_that_is_none_is_told(folder):
    for content in (
        *list(damaged(b'{"key": "ab"}'))[:9],
        b'{"key": 3}',
        b'{"other": "ab"}',
        b'{"key": "ab", "seal": [1]}',
    ):
        (folder / "study.key").write_bytes(content)
        with pytest.raises(GraftError, match=r"study\.key") as raised:
            claim(folder, "ab")
        assert raised.value.exit_code == 2


@pytest.mark.parametrize("suffix", ["yaml", "csv"])
def test_a_cost_table_that_is_none_is_told(tmp_path, suffix):
    path = tmp_path / f"costs.{suffix}"
    wrong = (
        b"\xff\x00",
        bytes(9),
        b"[" * 1500,
        b"a: &x [*x]",
        b"costs: [1]",
        b"version https://git-lfs.github.com/spec/v1\n",
    )
    for content in wrong:
        path.write_bytes(content)
        with pytest.raises(GraftError, match="costs") as raised:
            load_costs(path, ("ham", "spam"))
        assert raised.value.exit_code == 2
    with path.open("wb") as stream:
        stream.truncate(100 << 20)
    with pytest.raises(GraftError, match="has 104,857,600 bytes"):
        load_costs(path, ("ham", "spam"))


def test_keys_of_a_cost_table_mean_what_is_written(tmp_path):
    path = tmp_path / "costs.yaml"
    labels = ("true", "yes", "007", "1.10", "1.1", "null", "2024-01-05", "0x1F", "1_000")
    path.write_text("costs:\n" + "".join(f"  {label}: {{{labels[0]}: {n}}}\n" for n, label in enumerate(labels) if n))
    assert load_costs(path, labels).matrix[1:, 0].tolist() == list(range(1, len(labels)))
    path.write_text("costs:\n  yes: {true: 1}\n  yes: {true: 2}\n")
    with pytest.raises(GraftError, match="the key 'yes' twice"):
        load_costs(path, labels)
