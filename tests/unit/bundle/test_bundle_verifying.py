"""Damage to a bundle is found and named before anything of it is used."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from graft.bundle.loading import load_bundle
from graft.bundle.manifest import write_manifest
from graft.bundle.parts import write_bundle
from graft.core.errors import BundleError
from unit.bundle.building import parts_for

EVERY_FILE = {
    "README.md",
    "assets.json",
    "bom.cdx.json",
    "bom.spdx.json",
    "contract.json",
    "decision.json",
    "evidence.json",
    "lineage.json",
    "manifest.json",
    "model/model.json",
    "model/model.safetensors",
    "model/source/README.md",
    "model/source/config.json",
    "model/source/graft_beside.json",
    "model/source/model.safetensors",
    "model/source/tokenizer.json",
    "obligations.json",
    "reference.json",
    "reference.safetensors",
    "rows.jsonl",
    "sample.json",
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "bundle"
    write_bundle(folder, parts_for("frozen", "binary"))
    return folder


@pytest.fixture
def folder(sound, tmp_path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "bundle"))


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_these(sound):
    assert names(sound) == EVERY_FILE


def test_a_copied_bundle_loads(folder):
    assert load_bundle(str(folder)).info().labels == ("no", "yes")


@pytest.mark.parametrize("name", sorted(EVERY_FILE))
@pytest.mark.parametrize("where", ["first", "middle"])
def test_one_flipped_bit_is_named(folder, name, where):
    path = folder / name
    raw = bytearray(path.read_bytes())
    raw[{"first": 0, "middle": len(raw) // 2}[where]] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        load_bundle(folder)


@pytest.mark.parametrize("name", sorted(EVERY_FILE))
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        load_bundle(folder)


def test_an_extra_file_is_named(folder):
    (folder / "model" / "source" / "modeling.py").write_text("print('hello')")
    with pytest.raises(BundleError, match=r"model/source/modeling\.py is extra"):
        load_bundle(folder)


def test_all_damage_is_told_at_once(folder):
    (folder / "lineage.json").write_text("{}")
    (folder / "bom.cdx.json").unlink()
    with pytest.raises(BundleError, match=r"bom\.cdx\.json is missing, lineage\.json has changed"):
        load_bundle(folder)


@pytest.mark.parametrize("target", ["rows.jsonl", "model"])
def test_a_link_is_refused(folder, tmp_path, target):
    (folder / target).rename(tmp_path / "elsewhere")
    (folder / target).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match=f"{target}.* is a link"):
        load_bundle(folder)


@pytest.mark.parametrize("name", ["../outside.json", "/etc/passwd", "a/../../b", "./rows.jsonl", "a\\b"])
def test_a_name_that_leaves_the_folder_is_refused(folder, name):
    stated = json.loads((folder / "manifest.json").read_text())
    stated["files"][name] = {"sha256": "0" * 64, "size": 1}
    reseal(folder, stated)
    with pytest.raises(BundleError, match="no plain name"):
        load_bundle(folder)


def reseal(folder: Path, stated: dict[str, object]) -> None:
    from graft.core.digests import key

    stated["seal"] = key({name: value for name, value in stated.items() if name != "seal"})
    (folder / "manifest.json").write_text(json.dumps(stated, indent=2, ensure_ascii=False) + "\n")


def test_a_bundle_of_another_version_says_so(folder):
    stated = json.loads((folder / "manifest.json").read_text())
    reseal(folder, {**stated, "schema": "graft/bundle/9"})
    with pytest.raises(BundleError, match="the schema 'graft/bundle/9'"):
        load_bundle(folder)


def test_a_rewritten_manifest_is_noticed(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"created_by": "graft', '"created_by": "draft'))
    with pytest.raises(BundleError, match=r"manifest\.json"):
        load_bundle(folder)


def test_predictions_that_do_not_come_out_again_are_noticed(folder):
    arrays = load_file(folder / "model" / "model.safetensors")
    arrays["bias"] = arrays["bias"] + np.array([3.0, 0], np.float32)
    save_file(arrays, folder / "model" / "model.safetensors")
    write_manifest(folder)
    with pytest.raises(BundleError, match="does not reproduce its stored predictions"):
        load_bundle(folder)
    assert load_bundle(folder, verify=False).info().kind == "vectors"


def test_a_smaller_change_than_the_tolerance_is_fine(folder):
    stored = json.loads((folder / "sample.json").read_text())
    stored["scores"] = (np.array(stored["scores"]) + 5e-6).tolist()
    (folder / "sample.json").write_text(json.dumps(stored))
    write_manifest(folder)
    load_bundle(folder)


@pytest.mark.parametrize("name", ["contract.json", "decision.json", "reference.json", "sample.json", "lineage.json"])
def test_a_well_listed_file_with_nonsense_is_refused_in_words(folder, name):
    (folder / name).write_text('{"unknown": [1]}')
    write_manifest(folder)
    with pytest.raises(BundleError, match="does not hold what its manifest promises"):
        load_bundle(folder)


@pytest.mark.parametrize("given", ["nowhere", "empty", "file"])
def test_what_is_no_bundle_is_refused(tmp_path, given):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match=r"no bundle|there is no folder|is a file"):
        load_bundle(tmp_path / given)


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_flipped_bytes_are_all_found(folder, count):
    """Every file in turn, so that small files and large ones, text and numbers, beginnings and ends are all hit."""
    rng = np.random.default_rng(11)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    unnoticed = []
    for turn in range(count):
        path = files[turn % len(files)]
        sound = path.read_bytes()
        damaged, place = bytearray(sound), int(rng.integers(len(sound)))
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        try:
            load_bundle(folder)
            unnoticed.append((path.name, place))
        except BundleError:
            pass
        path.write_bytes(sound)
    assert unnoticed == []
    load_bundle(folder)
