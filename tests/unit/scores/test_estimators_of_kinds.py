"""Estimators of rows of a table, pictures and recordings: named columns, or contents alone."""

import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
import transformers
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from graft import api
from graft.core.errors import ContractError, InputError, SourceError
from graft.scores.estimators import TransferClassifier, TransferRegressor


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRAFT_LEDGER", str(tmp_path / "ledger.sqlite"))


def fruit(rows: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size, colour = rng.normal(10, 3, rows), rng.choice(["red", "green"], rows)
    return pd.DataFrame({"number": np.arange(rows), "size": size, "colour": colour, "weight": rng.normal(size=rows)})


def ripe(rows: pd.DataFrame) -> np.ndarray:
    return np.where((rows["size"] > 10) == (rows["colour"] == "red"), "yes", "no")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A source of rows that knows the size and the colour, and a column these tables lack."""
    rows = fruit(400, seed=9).assign(age=1.0)
    rows["age"] = np.arange(400) % 7
    rows["label"] = ripe(rows)
    return api.pretrain_source(
        pl.from_pandas(rows), numeric=["size", "age"], categorical="colour", label="label", passes=10, progress=False,
        out=tmp_path_factory.mktemp("rows") / "source",
    ).reference  # fmt: skip


EVERY = {"numeric": "*", "categorical": "*"}


@pytest.mark.parametrize("strategy", ["classical", "frozen"])
def test_rows_alone_are_learnt_from(strategy, source):
    rows, names = fruit(), ripe(fruit())
    model = TransferClassifier(source, strategy, **EVERY).fit(rows, names)
    assert model.contract_.roles.inputs == ("size", "weight", "colour")  # the running number names its row
    assert model.score(rows, names) > 0.85
    other = fruit(60, seed=1)
    said = model.predict_proba(other)
    moved = pl.from_pandas(other).select("colour", "weight", "size").with_columns(more=pl.lit("x"))
    np.testing.assert_array_equal(model.predict_proba(moved), said)  # another order, and a column more
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(other), said)
    np.testing.assert_array_equal(clone(model).fit(rows, names).predict_proba(other), said)
    new = other.assign(colour="violet", weight=np.nan)  # a category nobody knows, and no number
    assert np.isfinite(model.predict_proba(new)).all()
    with pytest.raises(ContractError, match="has no column 'weight'"):
        model.predict(other.drop(columns="weight"))
    with pytest.raises(InputError, match="row 1, column 'size': 'big' is no finite number"):
        model.predict(pd.DataFrame({"size": ["1", "big"], "weight": [0.1, 0.2], "colour": ["red", "red"]}))
    assert model.predict(other.head(0)).shape == (0,)


def test_rows_alone_in_the_tools_of_scikit_learn(source):
    rows, names = fruit(), ripe(fruit())
    assert cross_val_score(TransferClassifier(source, **EVERY), rows, names, cv=3).mean() > 0.8
    values = rows["size"].to_numpy() * 2 + 1
    model = TransferRegressor(source, numeric=["weight"], categorical="*").fit(rows, values)
    assert model.contract_.roles.inputs == ("weight", "colour")
    copy = TransferRegressor(strategy="classical", numeric="*").fit(rows, values)
    assert "size" not in copy.contract_.roles.inputs  # it is what is predicted, in another unit


def test_rows_that_do_not_fit_are_refused(source):
    rows, names = fruit(), ripe(fruit())
    with pytest.raises(SourceError, match="reads texts, and the rows are rows"):
        TransferClassifier(**EVERY).fit(rows, names)
    with pytest.raises(SourceError, match="the table has none of them"):
        TransferClassifier(source, numeric="weight").fit(rows, names)
    with pytest.raises(InputError, match="without names of their columns"):
        TransferClassifier(source).fit(rows, names)
    with pytest.raises(InputError, match="have no names"):
        TransferClassifier(source, **EVERY).fit(rows.to_numpy(), names)


def pictures() -> tuple[list[Image.Image], list[str]]:
    rng = np.random.default_rng(0)
    names = [("bright", "dark")[place % 2] for place in range(32)]
    pixels = [rng.integers(0, 60, (24, 24, 3)) + (150 if name == "bright" else 20) for name in names]
    return [Image.fromarray(one.astype(np.uint8)) for one in pixels], names


@pytest.fixture(scope="module")
def image_source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resnet")
    torch.manual_seed(0)
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    transformers.ResNetModel(config).save_pretrained(folder)
    said = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.25] * 3, "resample": 2}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    return f"path:{folder}"


@pytest.mark.parametrize("strategy", ["classical", "frozen"])
def test_pictures_alone_or_in_a_column(strategy, image_source, tmp_path):
    given, names = pictures()
    alone = TransferClassifier(image_source, strategy).fit(given, names)
    assert alone.score(given, names) == 1
    files = []
    for place, one in enumerate(given):
        files.append(str(tmp_path / f"{place}.png"))
        one.save(files[-1])
    frame = pl.DataFrame({"file": files, "side": [24.0] * 31 + [None]})
    named = TransferClassifier(image_source, strategy, image="file", numeric="side").fit(frame, names)
    assert named.predict(frame).tolist() == names
    (tmp_path / "0.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"row 0, column 'file': "):
        named.predict(frame)
    if strategy == "frozen":
        with pytest.raises(InputError, match="row 0 is int"):
            alone.predict([1, 2])


def test_recordings_alone(tmp_path):
    rng = np.random.default_rng(0)
    time = np.arange(16_000) / 16_000
    names = [("high", "low")[place % 2] for place in range(24)]
    sounds = [
        (
            16_000,
            (0.3 * np.sin(2 * np.pi * ((900 if name == "high" else 200) + rng.uniform(0, 50)) * time)).astype("f4"),
        )
        for name in names
    ]
    for model in (TransferClassifier("speech"), TransferClassifier(strategy="classical")):
        assert model.fit(sounds, names).score(sounds, names) == 1
