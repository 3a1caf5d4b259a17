"""Image sources: what transformers and the embedded package say, through one body and one reading."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from sklearn import datasets

from graft.core.errors import InputError, SourceError, WeightsMismatch
from graft.representations import embedded
from graft.representations.encoding.encoder import Encoder
from graft.representations.image_reading import ImageReading, squares
from graft.representations.sources import randomised, require_reads, resolve_source
from graft.representations.towers.tower import fused, load_tower
from graft.rows.content import IMAGE, TEXT

RNG = np.random.default_rng(5)
PICTURES = [Image.fromarray(RNG.integers(0, 256, shape, np.uint8)) for shape in ((40, 60, 3), (60, 40, 3), (9, 90, 3))]
PROCESSOR = {
    "do_resize": True,
    "size": {"shortest_edge": 36},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 32, "width": 32},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
}
SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
MODELS = {
    "resnet": lambda t: t.ResNetModel(
        t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2], layer_type="basic")
    ),
    "mobilenet_v2": lambda t: t.MobileNetV2Model(t.MobileNetV2Config(depth_multiplier=0.25, image_size=32)),
    "vit": lambda t: t.ViTModel(t.ViTConfig(**SMALL, image_size=32, patch_size=8)),
    "convnext": lambda t: t.ConvNextModel(t.ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 2, 1])),
    "dinov2": lambda t: t.Dinov2Model(t.Dinov2Config(**SMALL, image_size=32, patch_size=8)),
    "clip_vision_model": lambda t: t.CLIPVisionModelWithProjection(
        t.CLIPVisionConfig(**SMALL, projection_dim=12, image_size=32, patch_size=8)
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def saved(request, tmp_path_factory):
    """A directory of each architecture, as its library writes it, and the vectors it gives."""
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    model = MODELS[request.param](transformers).eval()
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder, model


def test_a_body_gives_what_its_library_gives(saved):
    folder, model = saved
    source = resolve_source(f"path:{folder}")
    contents = [IMAGE.taken(picture) for picture in PICTURES]
    pixels = torch.from_numpy(source.reading.numbers(squares(contents, source.reading)))
    with torch.inference_mode():
        said = model(pixel_values=pixels)
    wanted = said.image_embeds if hasattr(said, "image_embeds") else said.pooler_output
    if source.weights.model_type == "vit":
        wanted = said.last_hidden_state[:, 0]
    wanted = torch.nn.functional.normalize(wanted.flatten(1), dim=-1).numpy()
    vectors, _ = Encoder(source).vectors(contents)
    assert vectors.shape == (3, source.dimension)
    assert np.allclose(vectors, wanted, atol=1e-5)
    tower, upper = load_tower(source), load_tower(source)
    assert len(tower.layers) == source.weights.layers
    with torch.inference_mode():
        whole = tower(pixels)
        for boundary in range(1, source.weights.layers):
            upper.start = boundary
            assert torch.allclose(upper(tower.below(pixels, boundary)), whole, atol=1e-5)
    drawn = randomised(source, seed=1)
    again, _ = Encoder(drawn).vectors(contents)
    assert not np.array_equal(again, vectors)


def test_normalisation_of_pretrained_weights_never_learns(saved):
    source = resolve_source(f"path:{saved[0]}")
    tower = load_tower(source).train()
    norms = [one for one in tower.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    assert not any(norm.training for norm in norms)
    drawn = load_tower(randomised(source, seed=1)).train()
    assert all(norm.training for norm in drawn.modules() if isinstance(norm, torch.nn.BatchNorm2d))
    pixels = torch.from_numpy(RNG.standard_normal((2, 3, 32, 32), np.float32))
    for norm in norms:
        norm.running_mean.normal_()
    with torch.inference_mode():
        assert torch.allclose(fused(load_tower(source))(pixels), load_tower(source)(pixels), atol=1e-4)


def test_the_middle_is_read_as_the_usual_processor_reads_it():
    reading = ImageReading(32, 36, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), "bicubic")
    shown = Image.fromarray(np.linspace(0, 255, 48 * 60 * 3).astype(np.uint8).reshape(48, 60, 3))
    mine = reading.numbers(squares([IMAGE.taken(shown)], reading))[0]
    processor = transformers.ViTImageProcessorPil if hasattr(transformers, "ViTImageProcessorPil") else None
    scaled = shown.resize((45, 36), Image.Resampling.BICUBIC).crop((6, 2, 38, 34))
    theirs = (np.asarray(scaled, np.float32) / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4]
    assert processor is None or np.isfinite(mine).all()
    assert np.abs(mine - theirs.transpose(2, 0, 1)).mean() < 0.15
    assert reading.told()["pixels"] == "32 x 32 pixels from the middle, the shorter side made 36 (bicubic)"
    strip = reading.array(IMAGE.taken(Image.new("RGB", (1, 9000), "white")))
    assert strip.shape == (32, 32, 3)
    assert strip.min() == 255


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({}, "does not say how pictures become its input"),
        ({**PROCESSOR, "crop_size": {"height": 32, "width": 16}}, "pictures of 32 x 16"),
        ({**PROCESSOR, "image_std": [0, 0, 0]}, "cannot be followed"),
        ({**PROCESSOR, "do_resize": False}, "are not resized"),
        ({**PROCESSOR, "crop_size": 100_000}, "make no reading"),
    ],
)
def test_what_does_not_say_how_it_reads_is_refused(tmp_path, change, what):
    MODELS["resnet"](transformers).save_pretrained(tmp_path)
    if change:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(change))
    with pytest.raises(SourceError, match=what):
        resolve_source(f"path:{tmp_path}")


def test_the_embedded_image_source_knows_a_daisy(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path))
    source = resolve_source("lite0")
    assert (source.weights.digest, source.dimension) == (embedded.named("lite0").sha256, 1280)
    place = Path(datasets.__file__).parent / "images"
    flower, china = (IMAGE.taken(str(place / name)) for name in ("flower.jpg", "china.jpg"))
    tower = load_tower(source)
    pixels = torch.from_numpy(source.reading.numbers(squares([flower, china], source.reading)))
    with torch.inference_mode():
        said = tower.model._fc(tower(pixels)).argmax(1).tolist()
    assert said == [985, 698]  # a daisy, and a palace, among the thousand classes of ImageNet
    assert (source.weights.directory / "LICENSE").is_file()
    weights = source.weights.directory / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(WeightsMismatch, match="the weights of 'lite0' have"):
        resolve_source("lite0")


def test_a_source_of_the_wrong_kind_is_refused_with_one_that_fits(saved):
    source = resolve_source(f"path:{saved[0]}")
    with pytest.raises(SourceError, match="reads images, and the rows are texts") as raised:
        require_reads(source, TEXT)
    assert raised.value.fix == "choose minilm, or a folder with such a model: path:DIR"
    with pytest.raises(SourceError, match="reads texts, and the rows are images") as raised:
        require_reads(resolve_source("minilm"), IMAGE)
    assert "lite0" in raised.value.fix
    with pytest.raises(InputError, match="there is no such file"):
        Encoder(source).vectors("a text that names no file")
