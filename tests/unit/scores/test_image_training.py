"""Bodies of pictures in training: what may change changes, what is frozen stays, and what is saved says the same."""

import json
import types

import numpy as np
import polars as pl
import pytest
import torch
import transformers
from PIL import Image

from graft.inputs import Roles, build_dataset, infer_contract
from graft.representations.image_reading import ImageReading
from graft.representations.sources import resolve_source
from graft.representations.towers.cifar_resnet import CifarResNet
from graft.rows import read_frame
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.image_bodies import PixelFeed, TurnedFeed
from graft.scores.models import load_model, save_model
from graft.scores.pretraining import _turned, _upright, _with_turns
from graft.scores.strategies import parse_strategy
from graft.scores.training import Examples
from graft.scores.workbench import Workbench
from tiny import in_float32

PROCESSOR = {"size": {"height": 32, "width": 32}, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def pictures(count=48):
    """Two classes that differ by the direction of their stripes, which no pixel alone tells."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :40]
    made = []
    for row in range(count):
        waves = np.sin((x if row % 2 else y) * rng.uniform(0.5, 0.9) + rng.uniform(0, 6))
        made.append(Image.fromarray((127 + 90 * waves + rng.normal(0, 12, (40, 40))).clip(0, 255).astype(np.uint8)))
    return made


@pytest.fixture(scope="module")
def bench():
    frame = {"photo": pictures(), "label": ["down", "across"] * 24}
    table = read_frame(frame)
    contract = infer_contract(table, Roles(content=("photo",), label=("label",), kind="image"))
    rows, problems = build_dataset(table, contract, labelled=True)
    assert not problems
    return Workbench(rows)


@pytest.fixture(scope="module", params=["resnet", "vit"])
def source(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    t = transformers
    model = (
        t.ResNetModel(t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"))
        if request.param == "resnet"
        else t.ViTModel(
            t.ViTConfig(
                hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                image_size=32, patch_size=8,
            )
        )
    )  # fmt: skip
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return resolve_source(f"path:{folder}")


ROWS, REST = np.arange(32), np.arange(32, 48)


STRATEGIES = ("frozen", "partial:1", "full", "lora", "contrastive", "l2sp", "scratch", "classical")
# Every run tries each strategy on one body, and those that part a body on the other; all pairs are slow.
EVERYDAY = {("resnet", strategy) for strategy in STRATEGIES} | {("vit", "partial:1"), ("vit", "lora")}


@pytest.mark.parametrize(
    ("source", "strategy"),
    [
        pytest.param(body, strategy, marks=() if (body, strategy) in EVERYDAY else pytest.mark.slow)
        for body in ("resnet", "vit")
        for strategy in STRATEGIES
    ],
    indirect=["source"],
)
@pytest.mark.slow
def test_every_strategy_learns_from_pictures_and_what_is_saved_repeats_its_scores(
    bench, source, strategy, tmp_path, monkeypatch
):
    in_float32(monkeypatch)
    candidate = Candidate(parse_strategy(strategy), None if strategy == "classical" else source)
    made = fit(bench, candidate, ROWS, REST, budget=Budget(steps=6, batch=8), seed=1, keep=tmp_path)
    assert made.scores.shape == (16, 2)
    assert np.allclose(made.scores.sum(1), 1)
    save_model(made.model, tmp_path / "model")
    again = load_model(tmp_path / "model").scores(bench.rows.take(REST))
    assert np.allclose(again, made.scores, atol=2e-3)
    if strategy == "classical":
        assert made.configuration.startswith("edges, colours and textures")
        assert (made.scores.argmax(1) == bench.targets[REST]).all()


def test_pictures_are_changed_only_when_something_learns_from_them(bench, source):
    from graft.scores.bodies import trainable

    feed, _ = trainable(source).fed(bench, source, None, ROWS, 3)
    rows = np.arange(6)
    read, again, taught = feed.batch(rows)["pixels"], feed.batch(rows)["pixels"], feed.lesson(rows)["pixels"]
    assert torch.equal(read, again)
    assert taught.shape == read.shape
    assert not torch.equal(taught, read)


def test_a_column_of_pictures_beside_numbers():
    frame = pl.DataFrame({"label": ["down", "across"] * 24, "size": range(48)})
    table = read_frame({**{name: frame[name].to_list() for name in frame.columns}, "photo": pictures()})
    roles = Roles(content=("photo",), label=("label",), numeric=("size",), kind="image")
    rows, _ = build_dataset(table, infer_contract(table, roles), labelled=True)
    made = fit(Workbench(rows), Candidate(parse_strategy("classical")), ROWS, REST, budget=Budget(), seed=0)
    assert made.model.weight.shape[1] > made.model.columns.width > 0


def test_pictures_are_shown_in_four_positions():
    rng = np.random.default_rng(0)
    kept = rng.integers(0, 255, (5, 8, 8, 3), dtype=np.uint8)
    reading = ImageReading(8, 0, (0.0,) * 3, (1.0,) * 3)
    feed = TurnedFeed(PixelFeed([None] * 5, reading, 0, kept, mirrored=False))
    assert len(feed.lengths) == 20
    shown = feed.batch(np.array([0, 5, 12, 19]))["pixels"].numpy()
    for place, (picture, turns) in enumerate([(0, 0), (0, 1), (2, 2), (4, 3)]):
        upright = reading.numbers(kept[picture][None])[0]
        np.testing.assert_array_equal(shown[place], np.rot90(upright, turns, (1, 2)))
    assert feed.lesson(np.array([3, 8]))["pixels"].shape == (2, 3, 8, 8)


def test_a_grid_keeps_where_something_was_seen():
    torch.manual_seed(0)
    plain, fields = CifarResNet(1, 3), CifarResNet(1, 3, grid=2)
    assert (plain.linear.in_features, fields.linear.in_features) == (64, 256)
    maps = torch.randn(2, 64, 8, 8)
    torch.testing.assert_close(plain.top(maps), maps.mean((2, 3)))
    corners = [maps[:, :, down : down + 4, across : across + 4].mean((2, 3)) for down in (0, 4) for across in (0, 4)]
    torch.testing.assert_close(fields.top(maps), torch.stack(corners, 2).flatten(1))


def test_a_class_in_each_position_is_a_class_of_its_own_and_the_head_keeps_the_upright_ones():
    rng, kept = np.random.default_rng(0), np.random.default_rng(1).integers(0, 255, (5, 8, 8, 3), dtype=np.uint8)
    feed = PixelFeed([None] * 5, ImageReading(8, 0, (0.0,) * 3, (1.0,) * 3), 0, kept, mirrored=False)
    network = types.SimpleNamespace(head=torch.nn.Linear(6, 3))
    shown = _turned(network, Examples(feed, np.zeros((5, 0), np.float32), np.array([2, 0, 1, 1, 2])), 3)
    assert (network.head.in_features, network.head.out_features) == (6, 12)
    rows = _with_turns(np.array([0, 3]), 5)
    assert shown.targets[rows].tolist() == [2, 1, 5, 4, 8, 7, 11, 10]
    np.testing.assert_array_equal(shown.feed.batch(rows[:2])["pixels"], feed.batch(np.array([0, 3]))["pixels"])
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(rng.normal(size=(12, 6))))
        network.head.bias.copy_(torch.arange(12.0))
    vectors = torch.from_numpy(rng.normal(size=(4, 6)).astype(np.float32))
    torch.testing.assert_close(_upright(network.head, 3)(vectors), network.head(vectors)[:, :3])
