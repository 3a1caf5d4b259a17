"""Bodies of pictures in training: what may change changes, what is frozen stays, and what is saved says the same."""

import json

import numpy as np
import polars as pl
import pytest
import torch
import transformers
from PIL import Image

from graft.inputs import Roles, build_dataset, infer_contract
from graft.representations.sources import resolve_source
from graft.rows import read_frame
from graft.scores.fitting import Budget, Candidate, fit
from graft.scores.models import load_model, save_model
from graft.scores.strategies import parse_strategy
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
