"""Pictures of items as features, beside what is written about them."""

import json

import numpy as np
import polars as pl
import pytest
import torch
import transformers
from PIL import Image

import graft
from graft.core.errors import InputError, SourceError, WeightsMismatch
from graft.entities.fitted import LearntState
from graft.entities.item_features import FittedFeatures, ItemFeatures, content_neighbours
from graft.entities.pictures import FittedPictures

PROCESSOR = {"size": {"height": 32, "width": 32}, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resnet")
    torch.manual_seed(0)
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    transformers.ResNetModel(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return f"path:{folder}"


@pytest.fixture(scope="module")
def goods(tmp_path_factory):
    """Twelve items with stripes across or down, one whose picture is missing, and one whose file is no picture."""
    folder = tmp_path_factory.mktemp("goods")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :40]
    for row in range(12):
        waves = np.sin((x if row % 2 else y) * rng.uniform(0.6, 0.8) + rng.uniform(0, 6))
        noisy = (127 + 90 * waves + rng.normal(0, 8, (40, 40))).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{row:02}.png")
    (folder / "bad.png").write_bytes(b"<html>not found</html>")
    names = [f"{row:02}.png" for row in range(12)]
    frame = pl.DataFrame({"item": [f"i{row}" for row in range(14)], "photo": [*names, None, "bad.png"]})
    frame.write_csv(folder / "items.csv")
    return folder


def test_items_that_look_alike_are_alike(goods, source):
    fitted = ItemFeatures(image=("photo",), image_source=source).fit(goods / "items.csv")
    found = fitted.transform(goods / "items.csv")
    assert found.known[:, 0].tolist() == [True] * 12 + [False] * 2
    lengths = np.sqrt(found.features.power(2).sum(axis=1))
    np.testing.assert_allclose(lengths, [1] * 12 + [0] * 2, atol=1e-5)
    # Centred on what was learnt from: the mean of unnormalised differences is nought.
    raw = fitted.pictures.raw(graft_pictures(goods))
    np.testing.assert_allclose(fitted.pictures.centre, raw.mean(axis=0), atol=1e-6)
    near = content_neighbours(found.features, found.features, 3, known=found.usable).toarray()
    alike = [place % 2 == row % 2 for row in range(12) for place in np.flatnonzero(near[row])]
    assert len(alike) > 30
    assert np.mean(alike) > 0.9
    assert set(fitted.names) == {"picture"}


def graft_pictures(goods):
    from graft.rows.content.image import IMAGE

    return IMAGE.read([pl.Series("photo", [f"{row:02}.png" for row in range(12)])], goods)


def test_pictures_in_memory_are_the_same(goods, source):
    chosen = ItemFeatures(image=("photo",), image_source=source)
    frame = pl.read_csv(goods / "items.csv").with_columns(
        photo=pl.Series(
            [
                None if name is None else (goods / name).read_bytes()
                for name in pl.read_csv(goods / "items.csv")["photo"]
            ]
        )
    )
    one, other = (chosen.fit(rows).transform(rows) for rows in (goods / "items.csv", frame))
    np.testing.assert_allclose(one.features.toarray(), other.features.toarray(), atol=1e-6)


def test_what_was_learnt_can_be_kept_and_a_source_that_changed_is_refused(goods, source):
    fitted = ItemFeatures(image=("photo",), image_source=source).fit(goods / "items.csv")
    state = fitted.state()
    again = FittedFeatures.restore(LearntState.unpack(json.loads(json.dumps(state.settings)), state.tensors()))
    rows = goods / "items.csv"
    assert (again.transform(rows).features != fitted.transform(rows).features).nnz == 0
    with pytest.raises(WeightsMismatch, match="now has the weights"):
        FittedPictures.restore({"source": source, "weights": "0" * 64}, fitted.pictures.centre)


def test_what_cannot_be_read_says_why(goods, source, tmp_path):
    (tmp_path / "items.csv").write_text("item,photo\na,gone.png\nb,\n")
    with pytest.raises(InputError, match="none of 2 pictures in 'photo' can be read"):
        ItemFeatures(image=("photo",), image_source=source).fit(tmp_path / "items.csv")
    with pytest.raises(SourceError, match="minilm reads texts"):
        ItemFeatures(image=("photo",), image_source="minilm").fit(goods / "items.csv")
    with pytest.raises(InputError, match="2 columns of pictures"):
        ItemFeatures(image=("photo", "other"))


def test_a_new_item_is_placed_by_its_picture(goods, source, tmp_path):
    rng = np.random.default_rng(1)
    rows = [
        (f"u{user}", f"i{item}")
        for user in range(30)
        for item in range(12)
        if item % 2 == user % 2 and rng.random() < 0.7
    ]
    events = pl.DataFrame(rows, ["user", "item"], orient="row").filter(~pl.col("item").is_in(["i0", "i1"]))
    made = graft.Recommender(item_image="photo", image_source=source, dimension=4, tries=1).fit(
        events, items=goods / "items.csv"
    )
    kept = graft.Recommender.load(made.save(tmp_path / "shop"))
    for user, wanted in (("u0", "i0"), ("u1", "i1")):
        assert kept.recommend(user, 1, items=["i0", "i1"])["item"].to_list() == [wanted]
    assert kept.place("i0").state == "warm"
    assert kept.place("i12").state == "cold"
    assert all(int(one.item[1:]) % 2 == 0 for one in kept.place("i0").neighbours[:3])
    kept.add_items({"item": ["new"], "photo": [(goods / "02.png").read_bytes()]})
    assert kept.place("new").neighbours[0].item == "i2"
