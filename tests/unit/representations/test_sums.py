"""The files of a source that Graft made are held against the digests beside them."""

import numpy as np
import pytest

import tiny
from flips import flipped
from graft.core.errors import SourceError, WeightsMismatch
from graft.governance.named_assets import read_source
from graft.representations.sources import resolve_source
from graft.representations.weights.sums import SUMS, require_sums, write_sums


@pytest.fixture
def folder(tmp_path):
    made = tiny.write_encoder(tmp_path / "source")
    (made / "README.md").write_text("# A card\n")
    write_sums(made)
    return made


def refused(folder):
    with pytest.raises((WeightsMismatch, SourceError)) as raised:
        resolve_source(f"path:{folder}")
    with pytest.raises((WeightsMismatch, SourceError)):
        read_source(f"path:{folder}")
    return raised.value


def test_a_flipped_bit_in_any_file_is_noticed(folder):
    resolve_source(f"path:{folder}")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    assert SUMS in [path.name for path in files]
    assert "README.md" in (folder / SUMS).read_text()
    rng = np.random.default_rng(0)
    for path in files:
        for bit in rng.integers(8 * path.stat().st_size, size=4 if path.name != SUMS else 60).tolist():
            with flipped(path, bit):
                assert "again" in refused(folder).fix, (path.name, bit)
    resolve_source(f"path:{folder}")


def test_a_file_that_is_gone_is_missed_and_one_that_came_later_is_not(folder):
    (folder / "LICENSE").write_text("MIT License")
    resolve_source(f"path:{folder}")
    (folder / "README.md").write_text("# My own words\n")
    assert "take its line out of graft_files.sha256" in refused(folder).fix
    lines = (folder / SUMS).read_text().splitlines(keepends=True)
    (folder / SUMS).write_text("".join(line for line in lines if "README" not in line))
    resolve_source(f"path:{folder}")
    (folder / "config.json").rename(folder / "kept.json")
    assert "config.json is gone" in str(refused(folder))


@pytest.mark.parametrize(
    "stated",
    [
        f"{'0' * 64}  ../outside\n",
        f"{'0' * 64}  /etc/passwd\n",
        f"{'0' * 64}  a/../../outside\n",
        f"{'0' * 63}  config.json\n",
        f"{'0' * 64} config.json\n",
        f"{'0' * 64}  config.json\n" * 2,
        "",
        "\n",
        b"\xff\xfe",
        f"{'0' * 64}  config.json\n" * 10_000,
    ],
)
def test_a_statement_that_is_none_is_refused(folder, stated):
    (folder.parent / "outside").write_text("x")
    (folder / SUMS).write_bytes(stated if isinstance(stated, bytes) else stated.encode())
    with pytest.raises(SourceError, match="is damaged"):
        require_sums(folder, "path:it")


def test_no_file_outside_is_read_for_it(folder):
    (folder / "linked").symlink_to(folder.parent)
    (folder.parent / "secret").write_text("x")
    (folder / SUMS).write_text(f"{'0' * 64}  linked/secret\n")
    with pytest.raises(WeightsMismatch, match="is gone"):
        require_sums(folder, "path:it")
