"""What is known about items as features, and which items are alike."""

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from graft.core.errors import InputError
from graft.entities.item_features import FittedFeatures, ItemFeatures, content_neighbours

GOODS = pl.DataFrame(
    {
        "item": [1, 2, 3, 4],
        "title": ["Espresso cups", "Espresso machine", None, "Garden chair"],
        "path": ["Home > Kitchen", "Home > Kitchen > Machines", "Home > Garden", ""],
        "tags": ["small|white", "loud", None, "white"],
        "price": [12.0, None, 1e300, 80.0],
    }
)
CHOSEN = ItemFeatures(text=("title",), category=("path", "tags"), number=("price",), least=1)


def test_features_say_words_categories_with_what_they_lie_in_and_numbers():
    fitted = CHOSEN.fit(GOODS)
    found = fitted.transform(GOODS)
    names = fitted.names
    dense = dict(zip(names, found.features.toarray().T, strict=True))
    assert set(names) == {
        "title: chair", "title: cups", "title: espresso", "title: garden", "title: machine", "path: Home",
        "path: Home > Garden", "path: Home > Kitchen", "path: Home > Kitchen > Machines", "tags: loud", "tags: small",
        "tags: white", "price",
    }  # fmt: skip
    assert (dense["path: Home > Kitchen"] > 0).tolist() == [True, True, False, False]
    # The rarer word counts more, and a block has length one.
    assert dense["title: cups"][0] > dense["title: espresso"][0]
    assert dense["title: cups"][0] ** 2 + dense["title: espresso"][0] ** 2 == pytest.approx(1)
    assert np.abs(dense["price"]).max() <= 1
    assert found.known.tolist() == [[True] * 4, [True, True, True, False], [False, True, False, True],
                                    [True, False, True, True]]  # fmt: skip


def test_what_is_new_falls_back_to_what_it_lies_in_and_unknown_words_say_nothing():
    fitted = CHOSEN.fit(GOODS)
    rows = {"item": ["9", "10"], "title": ["Saucer", ""], "path": ["Home > Kitchen > Saucers", "Toys"],
            "tags": [None, "blue"], "price": [None, None]}  # fmt: skip
    found = fitted.transform(rows)
    assert found.known.tolist() == [[False, True, False, False], [False] * 4]
    assert found.usable.tolist() == [True, False]
    said = {fitted.names[place] for place in found.features[[0]].indices}
    assert said == {"path: Home", "path: Home > Kitchen"}


def test_lists_are_categories_too():
    fitted = ItemFeatures(category=("tags",), least=1).fit({"item": ["a", "b"], "tags": [["x", "y"], ["x"]]})
    written = ItemFeatures(category=("tags",), least=1).fit({"item": ["a", "b"], "tags": ["['x', 'y']", "['x']"]})
    assert fitted.names == written.names == ("tags: x", "tags: y")


def test_what_was_learnt_can_be_kept():
    fitted = CHOSEN.fit(GOODS)
    again = FittedFeatures.restore(fitted.state())
    np.testing.assert_array_equal(again.transform(GOODS).features.toarray(), fitted.transform(GOODS).features.toarray())


@pytest.mark.parametrize(
    ("rows", "settings", "said"),
    [
        ({"item": ["a", "a"], "title": ["x", "y"]}, {"text": ("title",)}, "stands in 2 rows"),
        ({"item": ["a"], "name": ["x"]}, {"text": ("title",)}, "no column 'title'"),
        ({"item": [None], "title": ["x"]}, {"text": ("title",)}, "has no 'item'"),
    ],
)
def test_rows_that_cannot_be_read_are_refused(rows, settings, said):
    with pytest.raises(InputError, match=said):
        ItemFeatures(**settings).fit(rows)


def test_settings_that_contradict_themselves_are_refused():
    with pytest.raises(InputError, match="named twice"):
        ItemFeatures(text=("a",), category=("a",))
    with pytest.raises(InputError, match="without text"):
        ItemFeatures(category=("a",), source="minilm")


def test_neighbours_are_those_of_the_whole_table_of_cosines():
    rng = np.random.default_rng(0)
    features = sparse.csr_array(sparse.random(60, 20, 0.2, random_state=1, format="csr"))
    known = rng.random(60) < 0.7
    found = content_neighbours(features, features, 5, known=known).toarray()
    dense = features.toarray()
    unit = dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-12)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, 0)
    cosines[:, ~known] = 0
    for row in range(60):
        best = np.sort(cosines[row][cosines[row] > 1e-6])[::-1][:5]
        np.testing.assert_allclose(np.sort(found[row][found[row] > 0])[::-1], best, atol=1e-6)
        assert (found[row] > 0).sum() == len(best)
    other = content_neighbours(features[:7], features, 3)
    assert other.shape == (7, 60)
    assert (other.toarray()[np.arange(7), np.arange(7)][np.diff(features[:7].indptr) > 0] > 0.999).all()


def test_what_is_written_without_spaces_is_alike_by_its_letters():
    names = ["高山绿茶", "龙井绿茶", "巴西咖啡豆", "咖啡滤纸", "ชาเขียว", "ชาเขียวมัทฉะ"]
    rows = {"item": list("abcdef"), "name": names}
    told = ItemFeatures(text=("name",)).fit(rows).transform(rows)
    alike = (told.features @ told.features.T).toarray()
    np.fill_diagonal(alike, -1)
    assert alike.argmax(axis=1).tolist() == [1, 0, 3, 2, 5, 4]
    assert told.usable.all()


def test_a_letter_is_one_whatever_its_codes():
    rows = pl.DataFrame({"name": ["café ﬁn", "cafe\u0301 fin", "テレビ", "\uff83\uff9a\uff8b\uff9e"]})
    words = ItemFeatures(text=("name",)).words(rows, "name")
    assert words[0] == words[1] == ["café", "fin"]
    assert words[2] == words[3]
