"""State dicts of torchvision become sources: the same vectors, or a sentence on what is in the way."""

import json

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file

from graft.core.errors import SourceError
from graft.representations.encoding.encoder import Encoder
from graft.representations.image_reading import squares
from graft.representations.sources import resolve_source
from graft.representations.towers.tower import load_tower
from graft.representations.weights.converting import convert_weights
from graft.representations.weights.known_forms import described
from graft.representations.weights.safetensors_file import TensorEntry
from graft.representations.weights.statistics import placeholders
from graft.rows.content import IMAGE
from torchvision_networks import mobilenet_state, mobilenet_vectors, resnet_state, resnet_vectors

PICTURES = [np.random.default_rng(row).integers(0, 256, (40 + 9 * row, 70, 3), np.uint8) for row in range(3)]


def converted(state, folder):
    torch.save(state, folder / "weights.pth")
    return convert_weights(folder / "weights.pth", folder / "source")


@pytest.mark.parametrize(
    ("state", "vectors", "network"),
    [
        pytest.param(lambda: resnet_state(18), resnet_vectors, "torchvision's ResNet-18", marks=pytest.mark.slow),
        pytest.param(
            lambda: resnet_state(34, base=4), resnet_vectors, "torchvision's ResNet-34", marks=pytest.mark.slow
        ),
        pytest.param(
            lambda: resnet_state(50, base=4), resnet_vectors, "torchvision's ResNet-50", marks=pytest.mark.slow
        ),
        (lambda: mobilenet_state(0.5), mobilenet_vectors, "torchvision's MobileNetV2 of width 0.5"),
        pytest.param(
            lambda: mobilenet_state(1.4),
            mobilenet_vectors,
            "torchvision's MobileNetV2 of width 1.4",
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.slow
def test_a_state_dict_gives_the_vectors_torchvision_gives(tmp_path, state, vectors, network):
    state = state()
    made = converted(state, tmp_path)
    assert made.network == network
    assert (made.tensors, made.left_out) == (len(state), ())
    assert "pictures are read as torchvision's" in made.notes[0]
    source = resolve_source(f"path:{tmp_path / 'source'}")
    assert (source.reading.side, source.reading.shorter) == (224, 256)
    contents = [IMAGE.taken(picture) for picture in PICTURES]
    pixels = torch.from_numpy(source.reading.numbers(squares(contents, source.reading)))
    wanted = torch.nn.functional.normalize(vectors(state, pixels), dim=-1).numpy()
    found, _ = Encoder(source).vectors(contents)
    assert found.shape == (3, source.dimension) == wanted.shape
    assert np.abs(found - wanted).max() < 1e-5


@pytest.mark.slow
def test_the_head_stays_beside_the_body_and_transformers_reads_the_folder(tmp_path):
    state = resnet_state(18)
    converted({f"module.{name}": value for name, value in state.items()}, tmp_path)
    model = transformers.AutoModelForImageClassification.from_pretrained(tmp_path / "source").eval()
    pixels = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = resnet_vectors(state, pixels) @ state["fc.weight"].T + state["fc.bias"]
        assert torch.allclose(model(pixels).logits, wanted, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_read_as_they_are(tmp_path, dtype):
    state = {name: value.to(dtype) if value.ndim else value for name, value in resnet_state(18, base=4).items()}
    assert converted({"state_dict": state, "epoch": 3}, tmp_path).network == "torchvision's ResNet-18"
    tower = load_tower(resolve_source(f"path:{tmp_path / 'source'}"))
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    exact = {name: value.float() for name, value in state.items()}
    with torch.inference_mode():
        assert torch.allclose(tower(pixels), resnet_vectors(exact, pixels), atol=1e-4)


@pytest.mark.slow
def test_a_body_without_its_head_and_without_counters_is_whole(tmp_path):
    state = {
        name: value
        for name, value in mobilenet_state(0.35).items()
        if not name.startswith("classifier") and "num_batches" not in name
    }
    made = converted(state, tmp_path)
    assert made.network == "torchvision's MobileNetV2 of width 0.35"
    config = json.loads((tmp_path / "source" / "config.json").read_text())
    assert config["architectures"] == ["MobileNetV2Model"]
    vectors, _ = Encoder(resolve_source(f"path:{tmp_path / 'source'}")).vectors([PICTURES[0]])
    assert vectors.shape == (1, 1280)


def changed(state, **values):
    return {name: value for name, value in {**state, **values}.items() if value is not None}


def entries_of(state):
    kinds = {torch.float32: "F32", torch.int64: "I64", torch.int8: "I8"}
    return [TensorEntry(name, kinds[value.dtype], tuple(value.shape), 0, 0) for name, value in state.items()]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"layer2.1.bn2.running_var": None}, "no running statistics (layer2.1.bn2.running_var is missing)"),
        ({"layer3.0.conv2.weight": None}, "layer3.0.conv2.weight is missing"),
        ({"layer1.0.conv1.weight": torch.zeros(4, 2, 3, 3)}, "conv1.weight is 4 x 2 x 3 x 3, and 4 x 4 x 3 x 3 was"),
        ({"layer1.0.se.fc1.weight": torch.zeros(2, 2)}, "it also holds layer1.0.se.fc1.weight"),
        ({"conv1.weight": torch.zeros(4, 3, 7, 7, dtype=torch.int8)}, "conv1.weight holds numbers of the type I8"),
        ({"fc.bias": None}, "fc.bias is missing"),
    ],
)
@pytest.mark.slow
def test_what_only_looks_like_one_is_not_bent_to_fit(change, why):
    found = described(entries_of(changed(resnet_state(18, base=4), **change)))
    assert (found.network, found.files) == ("torchvision's ResNet-18", {})
    assert why in found.unlike


@pytest.mark.slow
def test_what_only_looks_like_one_is_told_and_gets_no_configuration(tmp_path):
    made = converted(changed(mobilenet_state(0.5), **{"features.3.conv.3.running_mean": None}), tmp_path)
    assert made.network == ""
    assert "no configuration was written: this looks like torchvision's MobileNetV2 of width 0.5" in made.notes[0]
    assert "no running statistics (features.3.conv.3.running_mean is missing)" in made.notes[0]
    assert not (tmp_path / "source" / "config.json").exists()
    with pytest.raises(SourceError):
        resolve_source(f"path:{tmp_path / 'source'}")


@pytest.mark.slow
def test_statistics_that_nobody_learnt_are_told(tmp_path):
    state = resnet_state(18, base=4)
    for name, value in state.items():
        if name.endswith(("running_mean", "running_var")):
            state[name] = torch.full_like(value, float(name.endswith("var")))
    file = tmp_path / "model.safetensors"
    save_file(state, file)
    assert "placeholders (mean 0 and variance 1" in placeholders(file)[0]
    state["layer1.0.bn1.running_mean"][0] = 0.25
    save_file(state, file)
    assert placeholders(file) == ()


@pytest.mark.slow
def test_the_published_shapes_are_known_by_their_sizes():
    for depth, base in ((18, 64), (34, 64), (50, 64)):
        found = described(entries_of(resnet_state(depth, base=base, classes=1000)))
        assert (found.network, found.unlike) == (f"torchvision's ResNet-{depth}", "")
        assert found.files["config.json"]["hidden_sizes"][-1] == (2048 if depth == 50 else 512)
