"""Digests of files: what counts, what is refused, and that anybody can recompute them."""

import hashlib
import os
from pathlib import Path

import pytest

from graft.core.errors import InputError
from graft.governance.reading import asset_digest, digest_files


def write(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_the_digest_is_that_of_the_lines_of_sha256sum(tmp_path):
    folder = write(tmp_path / "m", b_txt=b"two", a_txt=b"one", sub__c_txt=b"three")
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in (("a.txt", b"one"), ("b.txt", b"two"), ("sub/c.txt", b"three"))
    ]
    found = digest_files(folder)
    assert [(file.path, file.size) for file in found] == [("a.txt", 3), ("b.txt", 3), ("sub/c.txt", 5)]
    assert asset_digest(found) == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert asset_digest(found[::-1]) == asset_digest(found)


def test_one_changed_byte_or_name_changes_the_digest(tmp_path):
    one = asset_digest(digest_files(write(tmp_path / "1", a_txt=b"one")))
    assert asset_digest(digest_files(write(tmp_path / "2", a_txt=b"onf"))) != one
    assert asset_digest(digest_files(write(tmp_path / "3", b_txt=b"one"))) != one
    assert asset_digest(digest_files(write(tmp_path / "4", a_txt=b"one"))) == one


def test_a_single_file_is_called_by_its_name(tmp_path):
    (found,) = digest_files(write(tmp_path, rows_csv=b"text\nhi\n") / "rows.csv")
    assert (found.path, found.size) == ("rows.csv", 8)


def test_what_tools_leave_behind_does_not_count(tmp_path):
    folder = write(tmp_path / "m", a_txt=b"one")
    before = digest_files(folder)
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref")
    (folder / ".cache" / "huggingface").mkdir(parents=True)
    (folder / ".cache" / "huggingface" / "lock").write_text("")
    (folder / "sub").mkdir()
    (folder / "sub" / "__pycache__").mkdir()
    (folder / "sub" / "__pycache__" / "m.pyc").write_text("")
    assert digest_files(folder) == before


def test_a_link_inside_counts_as_what_it_points_to(tmp_path):
    folder = write(tmp_path / "m", weights__a_txt=b"one")
    (folder / "b.txt").symlink_to("weights/a.txt")
    (folder / "same").symlink_to("weights")
    found = {file.path: file.sha256 for file in digest_files(folder)}
    assert set(found) == {"b.txt", "same/a.txt", "weights/a.txt"}
    assert len(set(found.values())) == 1


def test_a_link_that_leaves_the_folder_is_refused(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    folder = write(tmp_path / "m", a_txt=b"one")
    (folder / "b.txt").symlink_to("../secret.txt")
    with pytest.raises(InputError, match=r"b\.txt is a link to .*secret\.txt, outside the folder"):
        digest_files(folder)


def test_a_folder_linked_from_elsewhere_is_refused(tmp_path):
    write(tmp_path / "other", a_txt=b"one")
    folder = write(tmp_path / "m", a_txt=b"one")
    (folder / "sub").symlink_to(tmp_path / "other")
    with pytest.raises(InputError, match="outside the folder"):
        digest_files(folder)


def test_a_snapshot_of_the_hubs_cache_may_point_into_its_own_blobs_only(tmp_path):
    repository = tmp_path / "models--org--name"
    write(repository / "blobs", abc=b"weights")
    snapshot = repository / "snapshots" / "5c38ec7"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to("../../blobs/abc")
    assert [(file.path, file.size) for file in digest_files(snapshot)] == [("model.safetensors", 7)]
    write(tmp_path, elsewhere=b"other")
    (snapshot / "config.json").symlink_to("../../../elsewhere")
    with pytest.raises(InputError, match="outside the folder"):
        digest_files(snapshot)


def test_links_that_lead_nowhere_or_in_circles_are_refused(tmp_path):
    folder = write(tmp_path / "m", a_txt=b"one")
    (folder / "b.txt").symlink_to("missing.txt")
    with pytest.raises(InputError, match="leads nowhere"):
        digest_files(folder)
    (folder / "b.txt").unlink()
    (folder / "b.txt").symlink_to("b.txt")
    with pytest.raises(InputError, match="leads nowhere"):
        digest_files(folder)
    (folder / "b.txt").unlink()
    (folder / "loop").symlink_to(".")
    with pytest.raises(InputError, match="a folder it lies in"):
        digest_files(folder)


def test_a_pipe_is_refused_and_never_opened(tmp_path):
    folder = write(tmp_path / "m", a_txt=b"one")
    os.mkfifo(folder / "pipe")
    with pytest.raises(InputError, match="pipe is no plain file"):
        digest_files(folder)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that exists and cannot be read")
def test_a_file_that_cannot_be_read_is_an_error_that_names_it():
    with pytest.raises(InputError, match="/proc/self/mem cannot be read"):
        digest_files(Path("/proc/self/mem"))


@pytest.mark.parametrize("name", ["a\nb.txt", "tab\t.txt", os.fsdecode(b"\xff.txt")])
def test_a_name_that_cannot_stand_in_a_line_is_refused(tmp_path, name):
    (tmp_path / name).write_text("one")
    with pytest.raises(InputError, match="file name"):
        digest_files(tmp_path)


def test_what_is_missing_or_empty_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        digest_files(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no file"):
        digest_files(tmp_path)


def test_names_of_any_script_count(tmp_path):
    (tmp_path / "モデル Größe.bin").write_bytes(b"x")
    assert digest_files(tmp_path)[0].path == "モデル Größe.bin"


def test_folders_without_end_are_refused(tmp_path):
    folder = tmp_path
    for _ in range(70):
        folder = folder / "d"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("one")
    with pytest.raises(InputError, match="folders deep"):
        digest_files(tmp_path)
