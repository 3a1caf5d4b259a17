"""Weights without a configuration that say themselves what they are."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from graft.core.errors import SourceError
from graft.representations.encoding.encoder import Encoder
from graft.representations.image_directory import state_reading
from graft.representations.image_reading import ImageReading
from graft.representations.sources import resolve_source
from graft.representations.spaces import pooled_space
from graft.representations.towers.cifar_resnet import CifarResNet
from graft.representations.weights.converting import convert_weights
from graft.representations.weights.known_forms import KNOWN_FORMS


@pytest.mark.slow
def test_a_published_residual_network_becomes_a_source(tmp_path):
    torch.manual_seed(0)
    model = CifarResNet(2).eval()
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    torch.save({"state_dict": state, "best_prec1": 91.7}, tmp_path / "resnet.th")
    convert_weights(tmp_path / "resnet.th", tmp_path / "source")
    source = resolve_source(f"path:{tmp_path / 'source'}")
    assert (source.weights.layers, source.dimension, source.reading.side) == (6, 64, 32)
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    vectors, _ = Encoder(source).vectors([picture])
    scale = np.array([0.229, 0.224, 0.225], np.float32)
    pixels = (picture / np.float32(255) - np.array([0.485, 0.456, 0.406], np.float32)) / scale
    hidden = model.stem(torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy()))
    for stage in (model.layer1, model.layer2, model.layer3):
        hidden = stage(hidden)
    wanted = torch.nn.functional.normalize(model.top(hidden), dim=-1).detach().numpy()
    assert np.allclose(vectors, wanted, atol=1e-5)


def test_other_weights_get_no_configuration():
    """Names of the network alone, or its shapes alone, are not enough."""
    other = {"conv1.weight": (16, 3, 3, 3), "linear.weight": (10, 64)}
    shapes = {name.removeprefix("module."): tuple(value.shape) for name, value in CifarResNet(2).state_dict().items()}
    assert [form.name for form in KNOWN_FORMS if form.describe(shapes)] == [KNOWN_FORMS[0].name]
    for weights in (other, {**shapes, **other, "layer1.0.downsample.0.weight": (16, 16)}, {}):
        assert [form for form in KNOWN_FORMS if form.describe(weights)] == []


def _written(place, fields, **stated):
    torch.manual_seed(1)
    model = CifarResNet(1, 3, grid=fields).eval()
    place.mkdir()
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, place / "model.safetensors")
    (place / "config.json").write_text(
        json.dumps({"model_type": "cifar-resnet", "blocks": 1, "classes": 3, "statistics": "learnt", **stated})
    )
    state_reading(place, ImageReading(16, 0, (0.5,) * 3, (0.25,) * 3))
    return model, f"path:{place}"


def test_fields_of_the_last_maps_stand_side_by_side_and_a_directory_without_them_reads_as_ever(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    pixels = torch.from_numpy(((picture / np.float32(255) - 0.5) / 0.25).astype(np.float32).transpose(2, 0, 1)[None])
    spaces = set()
    for grid, stated in ((1, {}), (2, {"grid": 2})):
        model, reference = _written(tmp_path / str(grid), grid, **stated)
        source = resolve_source(reference)
        hidden = model.stem(pixels)
        for stage in (model.layer1, model.layer2, model.layer3):
            hidden = stage(hidden)
        size = hidden.shape[2] // grid
        fields = hidden.unfold(2, size, size).unfold(3, size, size).mean((4, 5)).flatten(1)
        wanted = torch.nn.functional.normalize(fields, dim=-1).detach().numpy()
        vectors, _ = Encoder(source).vectors([picture])
        assert source.dimension == vectors.shape[1] == 64 * grid**2
        np.testing.assert_allclose(vectors, wanted, atol=1e-5)
        spaces.add(pooled_space(source, "float32").fingerprint)
    assert len(spaces) == 2


@pytest.mark.parametrize("grid", [0, -2, 3, 1.5, "two", True, None, [2], 1 << 40])
def test_fields_that_the_weights_do_not_fit_are_refused(tmp_path, grid):
    with pytest.raises(SourceError, match=r"does not describe a cifar-resnet model.*grid"):
        resolve_source(_written(tmp_path / "one", 2, grid=grid)[1])


def test_fewer_fields_than_the_weights_have_are_refused_when_they_are_loaded(tmp_path):
    source = resolve_source(_written(tmp_path / "one", 2, grid=1)[1])
    with pytest.raises(SourceError, match="do not fit its architecture"):
        Encoder(source).vectors([np.zeros((16, 16, 3), np.uint8)])
