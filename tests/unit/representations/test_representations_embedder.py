import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import graft
import tiny
from graft.core.errors import InputError, SourceError
from graft.representations.embedder import Embedder, as_contents
from graft.rows.content import TEXT


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def reference() -> str:
    return f"path:{tiny.encoder('bert').weights.directory}"


@pytest.mark.parametrize(
    "given",
    [
        ["a", "b"],
        ("a", "b"),
        np.array(["a", "b"]),
        np.array(["a", "b"], dtype=object),
        np.array([["a"], ["b"]]),
        pd.Series(["a", "b"], index=[5, 3]),
        pd.DataFrame({"t": ["a", "b"]}),
        pl.Series(["a", "b"]),
        pl.DataFrame({"t": ["a", "b"]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_texts_are_read_from_what_people_have(given):
    texts = as_contents(given, TEXT)
    assert texts == ["a", "b"]
    assert all(isinstance(text, str) for text in texts)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("one text", r"^str\n.*a sequence of texts\n.*write \[text\]"),
        (5, "^int"),
        (None, "^NoneType"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "a frame with 2 columns"),
        (pl.DataFrame({"a": ["x"], "b": ["y"]}), "a frame with 2 columns"),
        (np.array([["a", "b"]]), r"texts of shape \(1, 2\)"),
        ({"a": "b"}, r"texts of shape \(\)"),
        (["a", None], "row 1 is NoneType, not text"),
        (["a", 5], "row 1 is int, not text"),
        (["a", float("nan")], "row 1 is float, not text"),
        ([b"a"], "row 0 is bytes, not text"),
        ([["a"], ["b", "c"]], "row 0 is list, not text"),
        (pd.Series(["a", None]), "row 1 is"),
    ],
    ids=str,
)
def test_anything_else_is_refused_with_what_to_do(given, said):
    with pytest.raises(InputError, match=said) as raised:
        as_contents(given, TEXT)
    assert raised.value.fix


def test_no_texts_are_no_texts():
    assert as_contents([], TEXT) == []


def test_an_embedder_works_as_scikit_learn_expects(reference):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    texts = [" ".join(rng.choice(tiny.WORDS[label * 90 : label * 90 + 20], 6)) for label in labels]
    pipeline = make_pipeline(Embedder(reference), LogisticRegression())
    assert cross_val_score(pipeline, texts, labels, cv=3).mean() > 0.9
    pipeline.set_params(embedder__cache=False).fit(texts, labels)
    assert pipeline[:-1].transform(texts[:3]).shape == (3, 32)
    assert pipeline[:-1].get_feature_names_out()[[0, 31]].tolist() == ["bert_0", "bert_31"]


def test_a_clone_has_the_parameters_and_nothing_learnt(reference):
    fitted = Embedder(reference, cache=False).fit(["ba"])
    copied = clone(fitted)
    own = {"source": reference, "cache": False, "precision": "native", "role": "classification", "prompt": None}
    assert copied.get_params() == own
    assert not hasattr(copied, "source_")
    np.testing.assert_array_equal(copied.fit_transform(["ba be"]), fitted.transform(["ba be"]))


def test_it_must_be_fitted_first(reference):
    with pytest.raises(NotFittedError):
        Embedder(reference).transform(["ba"])
    with pytest.raises(NotFittedError):
        Embedder(reference).get_feature_names_out()


def test_a_wrong_source_or_wrong_texts_fail_when_fitted():
    with pytest.raises(SourceError):
        Embedder("nothing").fit(["ba"])
    with pytest.raises(InputError):
        Embedder().fit("one text")


def test_the_cache_is_used_only_when_asked(reference, own_cache):
    Embedder(reference, cache=False).fit_transform(["ba"])
    assert list(own_cache.rglob("*.safetensors")) == []
    Embedder(reference).fit_transform(["ba"])
    assert len(list(own_cache.rglob("*.safetensors"))) == 1


def test_embed_gives_vectors_of_minilm_that_mean_something():
    texts = ["my parcel is late", "the delivery has not arrived", "I forgot my password"]
    vectors = graft.embed(texts)
    assert (vectors.shape, vectors.dtype) == ((3, 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > likeness[0, 2] + 0.2
    np.testing.assert_array_equal(graft.embed(texts[::-1])[::-1], vectors)


def test_embed_takes_any_reference(reference):
    assert graft.embed(["ba", "be"], reference).shape == (2, 32)
    assert graft.embed(["ba"], reference, progress=True).shape == (1, 32)
    assert graft.embed(["ba"], reference, progress=False).shape == (1, 32)
    assert graft.embed([], reference).shape == (0, 32)
