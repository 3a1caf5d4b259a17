import dataclasses
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

import tiny
from graft.core.errors import InputError, SourceError
from graft.representations.embedder import Embedder, embed_texts
from graft.representations.encoding import encoder as encoders
from graft.representations.encoding import quantised
from graft.representations.encoding.encoder import Encoder
from graft.representations.encoding.fidelity import (
    LOWEST_MEAN,
    Fidelity,
    compare,
    record,
    recorded,
    require_faithful,
    sample_of,
)
from graft.representations.encoding.packed_linear import pack
from graft.representations.encoding.quantised import Int8Linear, quantise
from graft.representations.encoding.sentences import CHECKING, longer
from graft.representations.sources import resolve_source
from graft.rows.content import TEXT

OWN = longer(CHECKING)
LENGTHS = (1, 6, 7, 14, 30, 46, 60)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def unfit(tmp_path) -> str:
    """A source in which a silent channel has weights so large that eight bits leave nothing to the others."""
    shutil.copytree(tiny.encoder("bert", 4).weights.directory, tmp_path / "m")
    weights = load_file(tmp_path / "m" / "model.safetensors")
    for name, values in weights.items():
        if name.endswith("intermediate.dense.bias"):
            values[0] = -20
        if name.endswith("output.dense.weight") and "attention" not in name:
            values *= 200
            values[:, 0] = 1e5
    save_file(weights, tmp_path / "m" / "model.safetensors", metadata={"format": "pt"})
    return f"path:{tmp_path / 'm'}"


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_product_is_near_and_a_row_does_not_depend_on_the_others(dtype):
    drawn = torch.Generator().manual_seed(0)
    layer = nn.Linear(64, 48)
    given = torch.randn(40, 64, generator=drawn) * torch.logspace(-3, 3, 40)[:, None]
    given[7] = 0
    with torch.inference_mode():
        rough = Int8Linear(layer, dtype)
        together = rough(given.to(dtype))
        alone = torch.cat([rough(row[None].to(dtype)) for row in given])
        exact = layer(given)
    assert together.dtype is dtype
    assert torch.equal(together, alone)
    assert nn.functional.cosine_similarity(together.float(), exact).min() > 0.999
    assert torch.equal(together[7], layer.bias.to(dtype))


def test_both_integer_products_say_the_same(monkeypatch):
    layer, given = nn.Linear(64, 48), torch.randn(20, 64)
    with torch.inference_mode():
        first = Int8Linear(layer, torch.float32)(given)
        monkeypatch.setattr(quantised, "_onednn_is_right", lambda: False)
        torch.testing.assert_close(Int8Linear(layer, torch.float32)(given), first, rtol=1e-6, atol=1e-6)


def test_only_linear_layers_are_replaced():
    model = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 4, bias=False)))
    assert quantise(model, torch.float32) == 2
    assert [type(model[0]), type(model[1][0]), type(model[1][1])] == [Int8Linear, nn.LayerNorm, Int8Linear]


def test_packing_keeps_what_a_layer_says():
    model, given = nn.Sequential(nn.Linear(64, 48), nn.GELU()).to(torch.bfloat16), torch.randn(20, 64).bfloat16()
    with torch.inference_mode():
        before = model(given).float()
        pack(model, 20)
        torch.testing.assert_close(model(given).float(), before, rtol=2**-6, atol=1e-2)
    assert pack(nn.Sequential(nn.Linear(8, 8)), 20) == 0


@pytest.mark.parametrize(
    "architecture",
    [pytest.param(one, marks=() if one == "bert" else pytest.mark.slow) for one in tiny.ARCHITECTURES],
)
def test_vectors_are_near_float32_and_independent_of_the_batch(architecture):
    source, texts = tiny.encoder(architecture, 4), tiny.texts(*LENGTHS, seed=1)
    encoder = Encoder(source, precision="int8")
    together, report = encoder.vectors(texts)
    assert report.fidelity == encoder.fidelity
    assert encoder.fidelity.mean > LOWEST_MEAN
    assert cosines(together, Encoder(source, precision="float32").vectors(texts)[0]).mean() > LOWEST_MEAN
    others = tiny.texts(*range(1, 50, 5), seed=2)
    np.testing.assert_array_equal(encoder.vectors([*others, *texts[::-1]])[0][: len(others) - 1 : -1], together)
    np.testing.assert_array_equal(np.concatenate([encoder.vectors([text])[0] for text in texts]), together)


def test_eight_bits_are_a_space_of_their_own():
    source = tiny.encoder("bert", 4)
    rough, native, whole = (Encoder(source, precision=name).space for name in ("int8", "native", "float32"))
    assert rough.precision == "int8"
    assert native.fingerprint == whole.fingerprint != rough.fingerprint


def test_what_was_measured_is_kept_and_not_measured_again(monkeypatch):
    source, texts = tiny.encoder("bert", 4), tiny.texts(3, 9)
    first = Encoder(source, precision="int8")
    first.vectors(texts)
    assert recorded(first.space) == first.fidelity
    monkeypatch.setattr(encoders, "sample_of", None)
    again = Encoder(source, precision="int8")
    np.testing.assert_array_equal(again.vectors(texts)[0], first.vectors(texts)[0])
    assert again.fidelity == first.fidelity


def test_a_source_that_eight_bits_do_not_suit_is_refused_unless_forced(unfit):
    source = resolve_source(unfit)
    for _ in range(2):  # measured, then remembered
        with pytest.raises(SourceError, match=r"in int8 has a mean cosine of -?0\.\d+ to float32 over \d+ texts"):
            Encoder(source, precision="int8").vectors(["ba be"])
    forced = Encoder(source, precision="int8", force=True)
    assert forced.vectors(["ba be"])[0].shape == (1, 32)
    assert forced.fidelity.mean < LOWEST_MEAN
    with pytest.raises(SourceError):
        embed_texts(["ba be"], unfit, precision="int8")
    assert embed_texts(["ba be"], unfit, precision="int8", force=True).shape == (1, 32)


def test_a_damaged_or_missing_record_is_no_record(own_cache):
    space = Encoder(tiny.encoder("bert", 4), precision="int8").space
    assert recorded(space) is None
    record(space, Fidelity(1.0, 0.9, 5))
    assert recorded(space) == Fidelity(1.0, 0.9, 5)
    assert recorded(dataclasses.replace(space, layer=1)) is None
    (file,) = own_cache.rglob("*.json")
    file.write_text("{")
    assert recorded(space) is None


@pytest.mark.parametrize("mean", [0.9899, -1.0, float("nan")])
def test_the_bar_is_the_mean(mean):
    require_faithful(Fidelity(LOWEST_MEAN, 0.2, 9), "s", TEXT)
    with pytest.raises(SourceError):
        require_faithful(Fidelity(mean, 1.0, 9), "s", TEXT)


def test_cosines_are_of_rows():
    found = compare(np.array([[1.0, 0], [0, 2], [0, 0]]), np.array([[3.0, 0], [0, -1], [1, 1]]))
    assert found == Fidelity(0.0, -1.0, 3)


def test_the_sample_spreads_over_lengths():
    texts = ["x" * length for length in range(1, 1001)]
    found = [text for text in sample_of([*texts, *texts], TEXT, OWN) if set(text) == {"x"}]
    assert (len(found), found[0], found[-1]) == (128, "x", "x" * 1000)
    assert len(sample_of([], TEXT, OWN)) == len(sample_of(["x"], TEXT, OWN)) - 1 > 16


def test_an_unknown_precision_is_refused_with_what_there_is():
    for make in (lambda: Encoder(tiny.encoder("bert"), precision="int4"), lambda: embed_texts(["a"], precision="half",
                 source=f"path:{tiny.encoder('bert').weights.directory}")):  # fmt: skip
        with pytest.raises(InputError, match=r"precision='\w+'"):
            make()


def test_an_embedder_takes_a_precision():
    reference, texts = f"path:{tiny.encoder('bert').weights.directory}", tiny.texts(3, 9)
    rough, whole = (Embedder(reference, precision=name).fit_transform(texts) for name in ("int8", "float32"))
    assert not np.array_equal(rough, whole)
    assert cosines(rough, whole).min() > 0.98


def test_rows_of_int8_and_native_are_not_mixed_in_the_cache(tmp_path):
    source, texts = tiny.encoder("bert", 4), tiny.texts(3, 9)
    cache = encoders.ActivationCache(tmp_path / "rows")
    computed = [Encoder(source, cache=cache, precision=name).vectors(texts)[1].computed for name in ("native", "int8")]
    assert computed == [2, 2]
