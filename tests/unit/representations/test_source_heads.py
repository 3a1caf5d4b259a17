"""The heads that sources of pictures came with, against what their libraries say."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from sklearn import datasets

from graft.core.errors import SourceError
from graft.representations.image_reading import squares
from graft.representations.source_head import SourceHead, answers_of, head_of
from graft.representations.sources import randomised, resolve_source
from graft.representations.towers.cifar_resnet import CifarResNet
from graft.representations.weights.converting import convert_weights
from graft.rows.content import IMAGE

PROCESSOR = {
    "size": {"height": 32, "width": 32},
    "resample": 2,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
}
NAMES = {0: "cat", 1: "dog", 2: "tin", 3: "can"}
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
MODELS = {
    "resnet": lambda t: t.ResNetForImageClassification(
        t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", id2label=NAMES)
    ),
    "mobilenet_v2": lambda t: t.MobileNetV2ForImageClassification(
        t.MobileNetV2Config(depth_multiplier=0.25, image_size=32, id2label=NAMES)
    ),
    "convnext": lambda t: t.ConvNextForImageClassification(
        t.ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], id2label=NAMES)
    ),
    "vit": lambda t: t.ViTForImageClassification(t.ViTConfig(**SMALL, image_size=32, patch_size=8, id2label=NAMES)),
}


def pictures(count: int = 5) -> list[object]:
    rng = np.random.default_rng(0)
    return [IMAGE.taken(Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8))) for _ in range(count)]


@pytest.mark.parametrize("name", MODELS)
def test_a_head_says_what_its_library_says(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    model = MODELS[name](transformers).eval()
    model.save_pretrained(tmp_path / "source")
    (tmp_path / "source" / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    source = resolve_source(f"path:{tmp_path / 'source'}")
    head = head_of(source)
    assert head == SourceHead(source, ("cat", "dog", "tin", "can"))
    pixels = torch.from_numpy(source.reading.numbers(squares(pictures(), source.reading)))
    with torch.inference_mode():
        wanted = model(pixel_values=pixels).logits.double().softmax(-1).numpy()
    said = answers_of(head, pictures())
    assert said == pytest.approx(wanted, abs=1e-5)
    assert answers_of(head, pictures()) == pytest.approx(said, abs=0)  # from the cache
    assert head_of(randomised(source, seed=1)) is None


def test_a_body_without_a_head_has_none(tmp_path):
    transformers.ResNetModel(
        transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    ).save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    assert head_of(resolve_source(f"path:{tmp_path}")) is None


def test_classes_that_nobody_named_are_numbered(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    model = CifarResNet(1).eval()
    torch.save(model.state_dict(), tmp_path / "resnet.th")
    convert_weights(tmp_path / "resnet.th", tmp_path / "source")
    head = head_of(resolve_source(f"path:{tmp_path / 'source'}"))
    assert head.unnamed
    assert head.labels == tuple(f"LABEL_{place}" for place in range(10))
    assert answers_of(head, pictures()).sum(axis=1) == pytest.approx(1)


def test_weights_that_lost_their_head_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    transformers.ResNetModel(
        transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    ).save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    source = resolve_source(f"path:{tmp_path}")
    with pytest.raises(SourceError, match=r"hold no classifier\.1\.weight"):
        answers_of(SourceHead(source, ("cat", "dog")), pictures())


def test_the_embedded_source_knows_a_daisy_and_a_palace():
    head = head_of(resolve_source("lite0"))
    place = Path(datasets.__file__).parent / "images"
    said = answers_of(head, [IMAGE.taken(str(place / name)) for name in ("flower.jpg", "china.jpg")])
    assert said.argmax(1).tolist() == [985, 698]
    assert said.max(1).min() > 0.3
