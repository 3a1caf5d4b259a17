"""Items and texts through a source, categories that steady them, and content that stands for behaviour."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import tiny
from graft.core.errors import InputError, WeightsMismatch
from graft.entities.both import ItemsFromBoth, fit_bridge
from graft.entities.content import ItemsFromContent
from graft.entities.cooccurrence import ItemsFromCooccurrence
from graft.entities.embedders import load_embedder
from graft.entities.text import TextEntities
from graft.representations.encoding.encoder import Encoder

WORDS = tiny.texts(3, 3, 3, 3)


@pytest.fixture(scope="module")
def source() -> str:
    return f"path:{tiny.encoder().weights.directory}"


def rows(**columns) -> pl.DataFrame:
    return pl.DataFrame({"id": [f"i{n}" for n in range(len(next(iter(columns.values()))))], **columns})


def test_text_is_in_the_space_of_the_source(source):
    fitted = TextEntities(text=("title", "more"), source=source).fit(rows(title=WORDS, more=WORDS[::-1]))
    placed = fitted.transform(rows(title=[WORDS[0], None, ""], more=[WORDS[1], WORDS[2], " "]))
    encoder = Encoder(tiny.encoder())
    assert fitted.space == encoder.space
    expected = encoder.vectors([f"{WORDS[0]}\n{WORDS[1]}", WORDS[2]])[0]
    np.testing.assert_allclose(placed.vectors[:2], expected, atol=1e-4)
    assert placed.basis == ("content", "content", "unknown")
    assert not placed.vectors[2].any()
    assert placed.support.tolist() == [1, 1, 0]


def test_text_columns_are_named_as_a_tuple():
    for wrong in ((), "title", ["title"]):
        with pytest.raises(InputError, match="a tuple of column names"):
            TextEntities(text=wrong)
        with pytest.raises(InputError, match="a tuple of column names"):
            ItemsFromContent(text=wrong)


def test_entities_without_any_text_are_refused(source):
    with pytest.raises(InputError, match="none of the 2 entities has any text"):
        TextEntities(source=source).fit(rows(text=[None, " "]))


def test_another_source_in_the_same_place_is_refused(tmp_path):
    folder = tmp_path / "source"
    shutil.copytree(tiny.encoder().weights.directory, folder)
    saved = TextEntities(source=f"path:{folder}").fit(rows(text=WORDS)).save(tmp_path / "saved")
    load_embedder(saved)
    tiny.write_encoder(folder, seed=7)
    with pytest.raises(WeightsMismatch, match="now has the weights"):
        load_embedder(saved)


def test_content_without_categories_is_the_text(source):
    data = rows(text=WORDS)
    fitted = ItemsFromContent(source=source).fit(data)
    text = TextEntities(source=source).fit(data)
    assert fitted.space == text.space
    np.testing.assert_array_equal(fitted.transform(data).vectors, text.transform(data).vectors)


def test_a_category_steadies_the_text_and_stands_in_for_it(source):
    data = rows(text=WORDS, category=["A>x", "A > x", "A > y", "B"])
    fitted = ItemsFromContent(category="category", source=source, strength=1e-9, share=0.25).fit(data)
    assert fitted.categories == ("A", "A > x", "A > y", "B")
    assert fitted.items.tolist() == [3, 2, 1, 1]
    text = Encoder(tiny.encoder()).vectors(WORDS)[0].astype(np.float64)
    np.testing.assert_allclose(fitted.vectors[1], text[:2].mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(fitted.vectors[0], text[:3].mean(axis=0), atol=1e-4)
    placed = fitted.transform(
        rows(text=[WORDS[3], "", "", None, WORDS[3], ""], category=["A > y", "A > x", "A > new", "A", "Z", "Z"])
    )
    assert placed.basis == ("content", "content", "parent:A", "content", "content", "unknown")
    assert placed.support.tolist() == [2, 1, 0, 1, 1, 0]
    assert placed.skipped.tolist() == [0, 0, 0, 0, 1, 1]
    mixed = 0.75 * text[3] + 0.25 * fitted.vectors[2]
    np.testing.assert_allclose(placed.vectors[0], mixed / np.linalg.norm(mixed), atol=1e-4)
    np.testing.assert_array_equal(placed.vectors[2], placed.vectors[3])


def test_categories_without_text_and_a_share_beyond_one_are_refused(source):
    with pytest.raises(InputError, match="both a text and a category"):
        ItemsFromContent(category="category", source=source).fit(rows(text=WORDS, category=[None] * 4))
    with pytest.raises(InputError, match="share"):
        ItemsFromContent(share=1.5)


def test_a_bridge_leaves_each_row_out():
    rng = np.random.default_rng(0)
    given, noise = rng.normal(size=(40, 5)), rng.normal(size=(40, 3)) * 0.3
    wanted = given @ rng.normal(size=(5, 3)) + noise + 2
    bridge = fit_bridge(given, wanted)
    scale = np.linalg.eigvalsh((given - given.mean(0)).T @ (given - given.mean(0))).mean()
    errors, alone = 0.0, 0.0
    for row in range(40):
        rest = np.delete(np.arange(40), row)
        # The penalty is of the whole, so that only the row is missing.
        x, y = given[rest] - given[rest].mean(0), wanted[rest] - wanted[rest].mean(0)
        weight = np.linalg.solve(x.T @ x + bridge.penalty * scale * np.eye(5), x.T @ y)
        errors += np.square(wanted[row] - wanted[rest].mean(0) - (given[row] - given[rest].mean(0)) @ weight).sum()
        alone += np.square(wanted[row] - wanted[rest].mean(0)).sum()
    assert bridge.explained == pytest.approx(1 - errors / alone, abs=1e-9)
    assert bridge.explained > 0.8
    np.testing.assert_allclose(bridge(given).mean(axis=0), wanted.mean(axis=0), atol=1e-9)


def test_content_that_says_nothing_explains_nothing():
    rng = np.random.default_rng(1)
    bridge = fit_bridge(rng.normal(size=(60, 4)), rng.normal(size=(60, 3)))
    assert bridge.explained < 0.1
    assert bridge.penalty > 1


def test_new_items_stand_among_the_old_ones(source):
    rng = np.random.default_rng(0)
    data = rows(text=[tiny.WORDS[n % 4] + f" {word}" for n, word in enumerate(tiny.WORDS[10:50])])
    cells = [
        (f"b{basket}", f"i{item}")
        for basket in range(200)
        for item in rng.choice(np.arange(basket % 4, 36, 4), 3, replace=False)
    ]
    baskets = pl.DataFrame(cells, schema=["basket", "item"], orient="row")
    settings = ItemsFromBoth(ItemsFromCooccurrence(dimension=4), ItemsFromContent(source=source))
    fitted = settings.fit(baskets, items=data)
    placed = fitted.transform(data)
    assert placed.basis == ("seen",) * 36 + ("content",) * 4
    assert (placed.support[:36] > 0).all()
    assert not placed.support[36:].any()
    near = placed.vectors[36:] @ placed.vectors[:36].T
    kind = np.arange(36) % 4
    for row in range(4):
        assert near[row][kind == row].mean() > near[row][kind != row].mean() + 0.3
    assert fitted.bridge.explained > 0.2
    alone = replace(settings, strength=1e-9).fit(baskets, items=data).transform(data)
    behaviour = settings.cooccurrence.fit(baskets).look_up(list(placed.ids[:36]))
    np.testing.assert_allclose(alone.vectors[:36], behaviour.vectors, atol=1e-5)
    # A new item that is bought then leaves the place of its content for that of its baskets, in the same space.
    more = pl.DataFrame({"basket": [f"n{n}" for n in range(40)] * 2, "item": ["i36"] * 40 + ["i1", "i5"] * 20})
    grown = fitted.add_baskets(more)
    assert grown.space == fitted.space
    moved = grown.transform(data)
    assert (moved.basis[36], moved.support[36]) == ("seen", 40)
    before, after = (each.vectors[36] @ each.vectors[1] for each in (placed, moved))
    assert after > before
    np.testing.assert_allclose(moved.vectors[37:], placed.vectors[37:])


def test_items_and_baskets_that_do_not_meet_are_refused(source):
    baskets = pl.DataFrame({"basket": [1, 1, 2, 2], "item": ["x", "y", "x", "y"]})
    settings = ItemsFromBoth(ItemsFromCooccurrence(dimension=1), ItemsFromContent(source=source))
    with pytest.raises(InputError, match="0 items have both"):
        settings.fit(baskets, items=rows(text=WORDS))


def test_nothing_heavy_is_loaded_before_it_is_needed():
    code = (
        "import sys, json; from graft import entities; entities.suggest('product', ['text']);"
        "light = sorted({'torch', 'numpy', 'polars', 'scipy'} & set(sys.modules));"
        "entities.ItemsFromContent; entities.load_embedder; entities.UsersFromHistories;"
        "print(json.dumps([light, 'torch' in sys.modules]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout) == [[], False]
