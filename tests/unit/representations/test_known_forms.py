"""Weights without a configuration that say themselves what they are."""

import numpy as np
import torch

from graft.representations.encoding.encoder import Encoder
from graft.representations.sources import resolve_source
from graft.representations.towers.cifar_resnet import CifarResNet
from graft.representations.weights.converting import convert_weights
from graft.representations.weights.known_forms import KNOWN_FORMS


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
