"""Bundles whose manifest is in order and whose content is not: refused in words, or as good as before.

Whoever has a bundle can write anything into it and seal it again, so digests say nothing here.
"""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from graft.bundle.loading import load_bundle
from graft.bundle.manifest import write_manifest
from graft.bundle.parts import write_bundle
from graft.core.errors import BundleError, GraftError
from tiny import edit_json
from unit.bundle.building import inputs, parts_for

WRONG: tuple[Any, ...] = (None, -1, 10**30, float("nan"), "x", [], {"a": 1}, ["a", "b"])
DAMAGED = (b"", b"\xff\x00binary", b"[]", b"3", b'{"a"')
STATED = ("contract.json", "decision.json", "lineage.json", "model/model.json", "reference.json", "sample.json")
ARRAYS = ("model/model.safetensors", "reference.safetensors")


@pytest.fixture(scope="module", params=["classical multiclass", "frozen binary", "majority regression"])
def sound(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "bundle"
    write_bundle(folder, parts_for(*request.param.split()))
    return folder


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something can be put in a document: every name, and the first entries of every list."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for name, one in inner:
        yield from places(one, (*path, name))


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    whole = copy.deepcopy(document)
    at = whole
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return whole


def changed(array: np.ndarray) -> dict[str, np.ndarray]:
    """The same array with another shape, type or content."""
    found = {"empty": array.reshape(-1)[:0], "flat": array.reshape(-1), "int": array.astype(np.int64)}
    if array.ndim:
        found |= {"short": array[:-1], "wide": np.concatenate([array, array], -1)}
    if array.dtype.kind == "f":
        found |= {"nan": np.full_like(array, np.nan), "infinite": np.full_like(array, np.inf)}
    if array.dtype.kind in "iu" and array.dtype.itemsize > 2:
        found["far out"] = np.full_like(array, 10**6)
    return {name: np.ascontiguousarray(one) for name, one in found.items()}


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """A file of the bundle, and something that may stand in it instead."""
    for name in STATED:
        document = json.loads((folder / name).read_bytes())
        for path in places(document):
            for value in WRONG:
                yield name, json.dumps(put(document, path, value)).encode()
    for name in [*STATED, "rows.jsonl"]:
        for raw in DAMAGED if (folder / name).exists() else ():
            yield name, raw
    for name in ARRAYS if (folder / ARRAYS[1]).exists() else ARRAYS[:1]:
        arrays = load_file(folder / name)
        for key, array in arrays.items():
            for other in changed(array).values():
                save_file({**arrays, key: other}, folder.parent / "made")
                yield name, (folder.parent / "made").read_bytes()


def hold(folder: Path, every: int) -> int:
    """Put every so many-th content in its place; each is refused in words, or predicts all rows with numbers."""
    rows, refused = inputs(), 0
    for number, (name, raw) in enumerate(list(contents(folder))):
        if number % every:
            continue
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(raw)
        write_manifest(folder)
        try:
            found = load_bundle(folder).predict(rows).frame
            assert len(found) == len(rows["key"])
        except GraftError as error:
            assert (error.exit_code, bool(error.needed)) == (2, True)  # noqa: PT017 - a content may also be as good
            refused += 1
        (folder / name).write_bytes(before)
    return refused


def test_what_does_not_fit_is_refused_in_words(sound):
    assert hold(sound, 37) > 10


@pytest.mark.slow
def test_whatever_does_not_fit_is_refused_in_words(sound):
    assert hold(sound, 1) > 500


@pytest.fixture(scope="module")
def frozen(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "bundle"
    write_bundle(folder, parts_for("frozen", "multiclass"))
    return folder


@pytest.fixture
def folder(frozen, tmp_path) -> Path:
    return Path(shutil.copytree(frozen, tmp_path / "bundle"))


def arrays(name: str, **changes: Any) -> Any:
    def build(folder: Path) -> None:
        held = load_file(folder / name)
        save_file(
            {key: np.ascontiguousarray(changes.get(key, lambda a: a)(a)) for key, a in held.items()}, folder / name
        )

    return build


def stated(name: str, *path: Any, value: Any) -> Any:
    def build(folder: Path) -> None:
        (folder / name).write_text(json.dumps(put(json.loads((folder / name).read_text()), path, value)))

    return build


def no_sample(folder: Path) -> None:
    edit_json(folder / "sample.json", ids=[], texts=[], numeric=[], categorical=[], scores=[])


MODEL, REFERENCE = "model/model.safetensors", "reference.safetensors"
UNFIT = {
    "a head with fewer rows than classes": (arrays(MODEL, weight=lambda a: a[:-1], bias=lambda a: a[:-1]), "in shape"),
    "a head for longer vectors": (arrays(MODEL, weight=lambda a: np.c_[a, a]), "mismatch|size"),
    "weights that are no numbers": (arrays(MODEL, weight=lambda a: a * np.nan), "weight .* no number"),
    "no weights": (lambda folder: save_file({}, folder / MODEL), "weight"),
    "a kind nobody knows": (stated("model/model.json", "kind", value="evil"), "evil"),
    "another task": (stated("model/model.json", "output", "task", value="multilabel"), "reproduce|for multilabel"),
    "fewer numeric columns": (stated("model/model.json", "columns", "means", value=[]), "do not fit together"),
    "more numeric columns in the contract": (
        stated("contract.json", "roles", "numeric", value=["size", "key"]),
        "do.* not|cannot",
    ),
    "no content": (stated("contract.json", "roles", "text", value=[]), "text"),
    "a class more": (stated("contract.json", "labels", value=["a", "b", "c", "d"]), "over the 4 labels"),
    "no rows to repeat": (no_sample, "holds no rows to repeat"),
    "a threshold that is a word": (stated("reference.json", "threshold", value="near"), "its threshold is near"),
    "kept rows of another number": (arrays(REFERENCE, usual=lambda a: a[:-1]), "72 vectors"),
    "kept vectors of another length": (arrays(REFERENCE, vectors=lambda a: a[:, :-1]), "do not fit one another"),
    "kept vectors that are no numbers": (arrays(REFERENCE, vectors=lambda a: a * np.nan), "no number"),
    "one kept row less": (
        lambda folder: (folder / "rows.jsonl").write_text((folder / "rows.jsonl").read_text().split("\n", 1)[1]),
        "72 vectors, and 71",
    ),
}


@pytest.mark.parametrize(("build", "said"), UNFIT.values(), ids=UNFIT)
def test_metadata_that_does_not_fit_is_refused(folder, build, said):
    assert load_bundle(folder).predict(inputs([0])).frame.height == 1
    build(folder)
    write_manifest(folder)
    with pytest.raises(GraftError, match=said) as raised:
        load_bundle(folder)
    assert raised.value.exit_code == 2
    assert raised.value.fix


def test_kept_vectors_never_point_outside_memory(tmp_path):
    write_bundle(tmp_path / "bundle", parts_for("classical", "binary"))
    arrays(REFERENCE, indices=lambda a: a + 10**6)(tmp_path / "bundle")
    write_manifest(tmp_path / "bundle")
    with pytest.raises(BundleError, match="indices"):
        load_bundle(tmp_path / "bundle")


def test_a_manifest_of_eight_gigabytes_is_not_read(folder):
    with (folder / "manifest.json").open("wb") as stream:
        stream.truncate(8 << 30)
    with pytest.raises(BundleError, match="has 8,589,934,592 bytes"):
        load_bundle(folder)
