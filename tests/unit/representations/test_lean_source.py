import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import tiny
from graft.core.errors import SourceError
from graft.representations.encoding import lean_bert, lean_source
from graft.representations.encoding.bodies import LeanBody, PlainBody, load_body
from graft.representations.encoding.encoder import Encoder
from graft.representations.encoding.lean_bert import LeanBert
from graft.representations.sources import randomised, read_directory, resolve_source

TEXTS = tiny.texts(3, 9, 14, 30, seed=1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def never(monkeypatch):
    """transformers must not be asked."""
    return lambda: monkeypatch.setattr(lean_source, "load_encoder", lambda source: pytest.fail("it was loaded"))


def vectors(source, precision="float32") -> np.ndarray:
    return Encoder(source, precision=precision).vectors(TEXTS)[0]


def proofs(own_cache) -> list[str]:
    return sorted(path.name for path in (own_cache / "lean").glob("*"))


@pytest.mark.parametrize("architecture", ["bert", "roberta"])
def test_once_proven_the_file_is_enough(architecture, own_cache, never):
    source = tiny.encoder(architecture, 4)
    first = vectors(source)
    assert len(proofs(own_cache)) == 1
    never()
    np.testing.assert_array_equal(vectors(source), first)
    assert isinstance(load_body(source, 2, torch.float32), LeanBody)
    assert len(proofs(own_cache)) == 1


@pytest.mark.slow
def test_a_query_then_imports_no_transformers(tmp_path):
    source = f"path:{tiny.write_encoder(tmp_path / 'm')}"

    def imported(text: str) -> str:
        script = f"import sys, graft; graft.embed(['{text}'], source='{source}'); print('transformers' in sys.modules)"
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()

    # Two texts, so that it is not the activation cache that answers the second.
    assert (imported("ba be"), imported("bi bo")) == ("True", "False")


def test_other_weights_have_to_be_proven_themselves(tmp_path, own_cache):
    for seed in (0, 1):
        tiny.write_encoder(tmp_path / f"m{seed}", seed=seed)
        vectors(resolve_source(f"path:{tmp_path / f'm{seed}'}"))
    assert len(proofs(own_cache)) == 2


def test_what_differs_from_transformers_is_no_proof(own_cache, monkeypatch):
    monkeypatch.setitem(lean_bert._FIRST_POSITION, "bert", 1)
    assert isinstance(load_body(tiny.encoder("bert", 4), None, torch.float32), PlainBody)
    assert proofs(own_cache) == []


@pytest.mark.parametrize("architecture", [name for name in tiny.ARCHITECTURES if name not in ("bert", "roberta")])
def test_other_architectures_are_loaded_once_and_by_transformers(architecture, own_cache, monkeypatch):
    loaded: list[str] = []
    real = lean_source.load_encoder
    monkeypatch.setattr(
        lean_source, "load_encoder", lambda source: loaded.append(source.weights.reference) or real(source)
    )
    assert isinstance(load_body(tiny.encoder(architecture, 4), None, torch.float32), PlainBody)
    assert len(loaded) == 1
    assert proofs(own_cache) == []


def test_drawn_weights_go_through_transformers(own_cache):
    source = randomised(tiny.encoder("bert", 4), seed=3)
    assert isinstance(load_body(source, None, torch.float32), LeanBody)
    assert proofs(own_cache) == []
    assert not np.allclose(vectors(source), vectors(tiny.encoder("bert", 4)))


def test_a_file_saved_with_the_prefix_of_its_family_is_read(tmp_path, own_cache, never):
    shutil.copytree(tiny.encoder("bert", 4).weights.directory, tmp_path / "m")
    weights = load_file(tmp_path / "m" / "model.safetensors")
    save_file(
        {f"bert.{name}": values for name, values in weights.items()},
        tmp_path / "m" / "model.safetensors",
        metadata={"format": "pt"},
    )
    source = read_directory(tmp_path / "m", reference="path:prefixed")
    first = vectors(source)
    np.testing.assert_array_equal(first, vectors(tiny.encoder("bert", 4)))
    never()
    np.testing.assert_array_equal(vectors(source), first)


def test_half_precision_weights_are_widened(tmp_path, own_cache, never):
    shutil.copytree(tiny.encoder("bert", 4).weights.directory, tmp_path / "m")
    weights = load_file(tmp_path / "m" / "model.safetensors")
    save_file(
        {name: values.astype(np.float16) if values.dtype == np.float32 else values for name, values in weights.items()},
        tmp_path / "m" / "model.safetensors",
        metadata={"format": "pt"},
    )
    source = read_directory(tmp_path / "m", reference="path:half")
    first = vectors(source)
    never()
    np.testing.assert_array_equal(vectors(source), first)


def test_a_missing_tensor_is_told_as_ever(tmp_path, own_cache):
    shutil.copytree(tiny.encoder("bert", 4).weights.directory, tmp_path / "m")
    weights = load_file(tmp_path / "m" / "model.safetensors")
    weights.pop("encoder.layer.1.output.dense.bias")
    save_file(weights, tmp_path / "m" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SourceError, match="missing"):
        load_body(read_directory(tmp_path / "m", reference="path:m"), None, torch.float32)
    assert proofs(own_cache) == []


def test_a_cache_that_cannot_be_written_costs_the_proof_alone(own_cache, monkeypatch):
    own_cache.parent.mkdir(exist_ok=True)
    own_cache.write_text("a file where a folder should be")
    assert load_body(tiny.encoder("bert", 4), None, torch.float32) is not None


def test_loading_leaves_the_random_stream_alone(own_cache):
    source = tiny.encoder("bert", 4)
    for _ in range(2):
        torch.manual_seed(0)
        load_body(source, None, torch.float32)
        drawn = torch.rand(1)
        torch.manual_seed(0)
        assert torch.equal(drawn, torch.rand(1))


def test_the_lean_forward_keeps_its_own_copy(tmp_path):
    source = tiny.encoder("bert", 4)
    weights, shape = lean_source._read(source)
    made = LeanBert(weights, shape)
    before = made.layer[0].up.weight.clone()
    for values in weights.values():
        values.zero_()
    assert torch.equal(made.layer[0].up.weight, before)


@pytest.mark.slow
def test_a_fork_of_a_process_that_has_encoded_encodes(tmp_path):
    """With two threads a child would wait for threads that it does not have."""
    script = (
        "import os, sys, graft\n"
        "graft.embed(['one text', 'and another'])\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if graft.embed(['a third']).any() else 5)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    threads = {**os.environ, "OMP_NUM_THREADS": "2", "GRAFT_CACHE": str(tmp_path / "cache")}
    assert subprocess.run([sys.executable, "-c", script], env=threads, timeout=120, check=False).returncode == 0
