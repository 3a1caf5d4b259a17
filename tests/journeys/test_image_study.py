"""Pictures from a folder to a verdict, a bundle that explains itself and a table that is searched with a file."""

import json

import numpy as np
import polars as pl
import pytest
import torch
import transformers
from PIL import Image

import graft
from graft.bundle.predictions import EXPLANATIONS
from graft.core.errors import InputError, SourceError
from graft.rows import read_frame
from graft.tables.table import EmbeddingTable

PROCESSOR = {"size": {"height": 32, "width": 32}, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder with a folder for each class: stripes across and down, and one file that is no picture."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :40]
    for row in range(60):
        name = ("across", "down")[row % 2]
        (folder / name).mkdir(exist_ok=True)
        waves = np.sin((x if row % 2 else y) * rng.uniform(0.5, 0.9) + rng.uniform(0, 6))
        noisy = (127 + 90 * waves + rng.normal(0, 12, (40, 40))).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / name / f"{row:02}.png")
    (folder / "down" / "98.jpg").write_bytes(b"<html>not found</html>")
    (folder / "LICENSE").write_text("words")
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resnet")
    torch.manual_seed(0)
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    transformers.ResNetModel(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return f"path:{folder}"


def test_a_folder_of_classes_is_read_as_rows(photos):
    table = read_frame(photos)
    assert table.frame.columns == ["image", "label"]
    assert (len(table), table.folder) == (61, photos)
    assert table.frame["image"][0] == "across/00.png"
    assert table.notes == ("passed over: 1 other file: 1 without an ending",)


@pytest.mark.slow
def test_pictures_are_studied_predicted_and_explained(photos, source, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    out = tmp_path / "study"
    result = graft.study(photos, source=source, strategy="frozen", effort="quick", folds=2, out=out, progress=False)
    assert result.record.rows == 60
    aside = result.record.data.set_aside[0]
    assert (aside.code, aside.id) == ("not-an-image", "down/98.jpg")
    page = (out / "report.html").read_text()
    assert "images of 1,600 pixels each" in page
    if result.record.errors:
        assert "data:image/jpeg;base64," in page
    bundle = graft.load(out / "bundle")
    rows = pl.DataFrame({"image": [str(photos / "down" / "01.png"), "nowhere.png"]})
    said = bundle.predict(rows, explain=True).frame
    assert said["prediction"].null_count() == 1
    assert "there is no such file" in said["problem"][1]
    words, nearest = (said[name][0] for name in EXPLANATIONS)
    assert words is not None
    assert ".png (40 x 40)" in nearest


@pytest.mark.slow
def test_a_model_that_keeps_no_rows_names_no_picture(photos, source, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    how = {"source": source, "strategy": "frozen", "effort": "quick", "folds": 2, "progress": False}
    graft.study(photos, keep_rows=False, out=tmp_path / "study", **how)
    files = [path for path in (tmp_path / "study" / "bundle").rglob("*") if path.is_file()]
    named = {path.name for path in files if b".png" in path.read_bytes() or b"98.jpg" in path.read_bytes()}
    assert not named
    assert graft.load(tmp_path / "study" / "bundle").predict(photos).frame["prediction"].null_count() == 1


def test_a_table_of_pictures_is_searched_with_a_file(photos, source, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    names = sorted(path.relative_to(photos).as_posix() for path in photos.glob("*/*.png"))[:12]
    (photos / "rows.csv").write_text("id,photo\n" + "".join(f"{name[-6:-4]},{name}\n" for name in names))
    table, done = graft.embed_table(photos / "rows.csv", table=tmp_path / "t", id="id", image="photo", source=source)
    assert (done.inserted, done.left_out) == (12, ())
    assert table.read(["photo"])["photo"].to_pylist()[0].startswith(str(photos))
    found = EmbeddingTable.open(tmp_path / "t").search(str(photos / names[3]), k=1)
    assert found["id"].to_list() == [names[3][-6:-4]]
    with pytest.raises(SourceError, match="reads images, and the rows are texts"):
        graft.embed_table(photos / "rows.csv", table=tmp_path / "u", id="id", text="photo", source=source)
    with pytest.raises(InputError, match=r"columns of text .* and image"):
        graft.embed_table(photos / "rows.csv", table=tmp_path / "u", id="id", text="photo", image="photo")
