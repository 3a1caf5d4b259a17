"""Weights and configurations of networks of our own that are none: refused in words, before anything is kept."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from graft.core.errors import SourceError
from graft.representations.encoding.encoder import Encoder
from graft.representations.row_columns import cell_table, fit_row_columns
from graft.representations.row_source import drawn_row_source
from graft.representations.sources import resolve_source
from graft.representations.spectrogram_source import SpectrogramShape, drawn_spectrogram_source
from graft.representations.towers.cifar_resnet import CifarResNet
from graft.representations.towers.row_resnet import load_row_resnet
from graft.representations.towers.spectrogram_cnn import load_spectrogram_cnn
from graft.rows.content import ROW, kind_named

KINDS = ("image", "audio", "row")


@pytest.fixture(params=KINDS)
def folder(request, tmp_path):
    if request.param == "image":
        settings = {
            "size": {"height": 16, "width": 16},
            "image_mean": [0.5] * 3,
            "image_std": [0.5] * 3,
        }
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
        config = {"model_type": "cifar-resnet", "blocks": 1, "classes": 3}
        (tmp_path / "config.json").write_text(json.dumps(config))
        network = CifarResNet(1, 3)
    elif request.param == "audio":
        network = load_spectrogram_cnn(drawn_spectrogram_source(SpectrogramShape((8,), 8), tmp_path, seed=0))
    else:
        cells = cell_table(ROW.made_up(()), ["size"], ["colour"])
        network = load_row_resnet(drawn_row_source(fit_row_columns(cells, ["size"], ["colour"]), tmp_path, seed=0))
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    return tmp_path


def changed(folder, change, name=""):
    tensors = load_file(folder / "model.safetensors")
    chosen = name or next(one for one in tensors if tensors[one].is_floating_point())
    tensors[chosen] = change(tensors[chosen])
    save_file(tensors, folder / "model.safetensors")


def vectors(folder):
    source = resolve_source(f"path:{folder}")
    return Encoder(source).vectors(kind_named(source.reading.kind).made_up(("one", "two")))[0]


def test_weights_of_half_precision_are_read_and_whole_numbers_are_none(folder):
    whole = vectors(folder)
    changed(folder, lambda one: one.double())
    np.testing.assert_allclose(vectors(folder), whole, atol=1e-5)
    changed(folder, lambda one: one.to(torch.int8))
    with pytest.raises(SourceError, match="is of type I8"):
        vectors(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_before_they_compute(folder, value):
    changed(folder, lambda one: one * value)
    with pytest.raises(SourceError, match="holds weights that are no numbers"):
        vectors(folder)


def test_vectors_that_are_no_numbers_are_refused_whatever_made_them_so(folder):
    changed(folder, lambda one: one * 0 + 1e38)
    with pytest.raises(SourceError, match="gives vectors that are no numbers, of "):
        vectors(folder)


@pytest.mark.parametrize("folder", ["image"], indirect=True)
@pytest.mark.parametrize("classes", [-1, 0, 10**12, "x", [], {}, 1.5, True, 4])
def test_other_classes_than_the_head_has_are_refused(folder, classes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "classes": classes}))
    with pytest.raises(SourceError, match="does not describe a cifar-resnet model"):
        resolve_source(f"path:{folder}")


@pytest.mark.parametrize("folder", ["image"], indirect=True)
def test_a_variance_below_nothing_is_found_by_the_vectors(folder):
    changed(folder, lambda one: one * 0 - 1, "bn1.running_var")
    with pytest.raises(SourceError, match="gives vectors that are no numbers, of "):
        vectors(folder)
