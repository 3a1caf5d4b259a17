"""The estimators hold to scikit-learn's protocol."""

import copy
import gc
import inspect
import pickle
import tempfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks as checks

import graft
from graft.core.errors import InputError, SourceError
from graft.representations.embedder import Embedder
from graft.scores.estimators import TransferClassifier, TransferRegressor
from unit.bundle.building import rows_for
from unit.scores.nets import encoder_of

TEXTS = list(rows_for("multiclass").contents)
NAMES = np.array(rows_for("multiclass").contract.labels)[rows_for("multiclass").targets]
VALUES = rows_for("regression").targets
STRATEGIES = ("majority", "classical", "frozen", "partial:1", "lora", "full", "scratch", "contrastive")


def some(*quick: str) -> list:
    """All of them; those that are not named are for the full suite."""
    return [one if one in quick else pytest.param(one, marks=pytest.mark.slow) for one in STRATEGIES]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))


def classifier(**given) -> TransferClassifier:
    return TransferClassifier(
        **{"source": f"path:{encoder_of('bert').weights.directory}", "cache": False, "steps": 4, **given}
    )


def regressor(**given) -> TransferRegressor:
    return TransferRegressor(
        **{"source": f"path:{encoder_of('bert').weights.directory}", "cache": False, "steps": 4, **given}
    )


@pytest.mark.parametrize("strategy", some("majority", "classical", "frozen", "full"))
def test_predict_is_the_most_probable_class(strategy):
    """setfit #310: predict and predict_proba agree."""
    model = classifier(strategy=strategy).fit(TEXTS, NAMES)
    p = model.predict_proba(TEXTS)
    assert p.shape == (72, 3)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-9)
    np.testing.assert_array_equal(model.predict(TEXTS), model.classes_[p.argmax(1)])
    assert model.score(TEXTS, NAMES) == (model.predict(TEXTS) == NAMES).mean()


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (NAMES, ["billing", "delivery", "login"]),
        (np.where(NAMES == "login", 10, 9), [9, 10]),
        (NAMES == "login", [False, True]),
        (pd.Series(NAMES, dtype="category"), ["billing", "delivery", "login"]),
        (list(NAMES), ["billing", "delivery", "login"]),
    ],
    ids=["strings", "numbers", "flags", "category", "list"],
)
def test_classes_are_sorted_and_predictions_are_of_their_kind(labels, classes):
    model = classifier().fit(TEXTS, labels)
    assert model.classes_.tolist() == classes
    predicted = model.predict(TEXTS)
    assert set(predicted.tolist()) <= set(classes)
    assert (predicted == np.asarray(labels)).mean() > 0.9


@pytest.mark.parametrize(
    "form",
    [
        tuple,
        np.array,
        pd.Series,
        pl.Series,
        lambda texts: pd.DataFrame({"body": texts}),
        lambda texts: pl.DataFrame({"body": texts}),
        lambda texts: np.array(texts)[:, None],
        lambda texts: pd.Series(texts, index=range(500, 572), dtype="string"),
    ],
    ids=["tuple", "array", "series", "polars", "frame", "polars frame", "column", "string dtype"],
)
def test_texts_may_come_in_any_form(form):
    model = classifier(strategy="classical").fit(form(TEXTS), NAMES)
    expected = classifier(strategy="classical").fit(TEXTS, NAMES).predict_proba(TEXTS)
    np.testing.assert_array_equal(model.predict_proba(form(TEXTS)), expected)


@pytest.mark.parametrize("strategy", ["frozen", "full"])
def test_a_clone_is_unfitted_and_learns_the_same(strategy):
    model = classifier(strategy=strategy, seed=3).fit(TEXTS, NAMES)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "model_")
    np.testing.assert_array_equal(copy.fit(TEXTS, NAMES).predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_it_works_in_a_pipeline_and_in_cross_validation():
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = Pipeline([("lower", lower), ("model", classifier())])
    assert cross_val_score(pipeline, TEXTS, NAMES, cv=3).mean() > 0.9
    assert cross_val_score(regressor(strategy="classical"), TEXTS, VALUES, cv=3, error_score="raise").shape == (3,)
    pipeline.set_params(model__strategy="majority").fit(TEXTS, NAMES)
    assert len(set(pipeline.predict(TEXTS))) == 1


@pytest.mark.parametrize("strategy", ["majority", "classical", "frozen", "partial:1"])
def test_a_regressor_gives_values_in_the_unit_of_its_targets(strategy):
    model = regressor(strategy=strategy).fit(TEXTS, 1000 + 50 * VALUES)
    predicted = model.predict(TEXTS)
    assert predicted.shape == (72,)
    assert predicted.mean() == pytest.approx((1000 + 50 * VALUES).mean(), rel=0.02)
    assert strategy == "majority" or model.score(TEXTS, 1000 + 50 * VALUES) > 0.1


def test_no_rows_are_no_predictions():
    for strategy in ("majority", "classical", "frozen"):
        model = classifier(strategy=strategy).fit(TEXTS, NAMES)
        assert model.predict([]).shape == (0,)
        assert model.predict_proba([]).shape == (0, 3)


def test_constant_targets_are_predicted_as_they_are():
    model = regressor(strategy="frozen").fit(TEXTS, [7.0] * 72)
    np.testing.assert_allclose(model.predict(TEXTS[:3]), 7)


@pytest.mark.parametrize(
    ("texts", "labels", "said"),
    [
        ([], [], "no texts"),
        (["a"] * 4, ["x"] * 4, "only the class 'x'"),
        (["a"] * 4, ["x", "y"], r"4 texts and labels of shape \(2,\)"),
        (["a"] * 4, [["x"], ["y"]] * 2, r"labels of shape \(4, 1\)"),
        (["a"] * 4, [1.0, 0.0, np.nan, 1.0], "labels that are missing"),
        (["a"] * 4, ["x", None, "y", "x"], "labels that are missing"),
        (["a", None], ["x", "y"], "row 1 is NoneType, not text"),
        ("a text", ["x"], r"write \[text\] for a single one"),
        (pd.DataFrame({"a": ["t"], "b": ["t"]}), ["x"], "a frame with 2 columns"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(texts, labels, said):
    with pytest.raises(InputError, match=said):
        classifier(strategy="majority").fit(texts, labels)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"strategy": "ful"}, "'ful' is not a strategy"),
        ({"strategy": "partial:3"}, "has 2 layers"),
        ({"weights": "blanced"}, "class weights 'blanced'"),
        ({"steps": 0}, "at least one of each"),
        ({"configurations": 0}, "at least one of each"),
    ],
)
def test_parameters_that_cannot_work_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        classifier(**given).fit(TEXTS, NAMES)


def test_a_regressor_refuses_what_is_no_number():
    with pytest.raises(InputError, match="not finite"):
        regressor().fit(TEXTS, np.where(np.arange(72) == 5, np.inf, VALUES))
    with pytest.raises(InputError, match="no texts"):
        regressor().fit([], [])


def test_predicting_before_fitting_says_so():
    with pytest.raises(ValueError, match="not fitted yet"):
        classifier().predict(TEXTS)


@pytest.mark.parametrize("strategy", ["majority", "classical", "frozen"])
def test_a_solved_estimator_can_be_pickled(strategy):
    model = classifier(strategy=strategy).fit(TEXTS, NAMES)
    before = model.predict_proba(TEXTS)
    raw = pickle.dumps(model)
    np.testing.assert_array_equal(pickle.loads(raw).predict_proba(TEXTS), before)
    # The backbone is read from its source again, so it is not written into every pickle.
    assert strategy != "frozen" or len(raw) < encoder_of("bert").weights.parameters


@pytest.mark.parametrize("strategy", ["partial:1", pytest.param("full", marks=pytest.mark.slow)])
def test_a_tuned_estimator_is_copied_with_its_weights(strategy, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = classifier(strategy=strategy).fit(TEXTS, NAMES)
    before = model.predict_proba(TEXTS)
    raw = pickle.dumps(model)
    joblib.dump(model, tmp_path / "model.joblib")
    again = copy.deepcopy(model)
    del model
    gc.collect()
    # Each copy stands on files of its own: those it was made from are gone.
    for one in (again, pickle.loads(raw), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(one.predict_proba(TEXTS), before)
    del again, one
    gc.collect()
    assert not list(tmp_path.glob("graft-*"))


def test_a_pickle_writes_inside_its_own_folder_alone(tmp_path):
    model = classifier(strategy="full").fit(TEXTS, NAMES)
    state = model.__getstate__()
    state["model_"] = {**state["model_"], "../../escaped": b"x"}
    with pytest.raises(InputError, match="escaped"):
        classifier().__setstate__(state)


@pytest.mark.slow
def test_tuned_weights_live_as_long_as_the_model_and_no_longer(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("graft.scores.tuning._held_in", lambda job: (job.rows, np.zeros(0, np.int64)))
    model = classifier(strategy="full").fit(TEXTS, NAMES)
    folders = [path for path in Path(tmp_path).iterdir() if path.name.startswith("graft-")]
    assert len(folders) == 1
    assert (folders[0] / "source" / "model.safetensors").is_file()
    kept = model.model_
    del model
    gc.collect()
    assert kept.scores(rows_for("multiclass").take([0])).shape == (1, 3)
    del kept
    gc.collect()
    assert not folders[0].exists()
    with pytest.raises(InputError):
        classifier(strategy="partial:9").fit(TEXTS, NAMES)
    assert not list(tmp_path.glob("graft-*"))


def test_the_cache_spares_the_backbone_and_changes_nothing():
    cached = classifier(cache=True).fit(TEXTS, NAMES)
    again = classifier(cache=True).fit(TEXTS, NAMES)
    plain = classifier(cache=False).fit(TEXTS, NAMES)
    np.testing.assert_array_equal(cached.predict_proba(TEXTS), again.predict_proba(TEXTS))
    np.testing.assert_array_equal(cached.predict_proba(TEXTS), plain.predict_proba(TEXTS))


FLAGS = np.stack([NAMES == "login", NAMES == "billing", np.arange(72) % 2 == 0], 1).astype(int)
LISTS = [[name for name, on in zip(("login", "billing", "even"), row, strict=True) if on] for row in FLAGS]


@pytest.mark.parametrize("strategy", some("majority", "classical", "frozen", "lora")[:-1])
def test_several_labels_as_zeros_and_ones(strategy):
    model = classifier(strategy=strategy).fit(TEXTS, FLAGS)
    p = model.predict_proba(TEXTS)
    assert p.shape == FLAGS.shape
    np.testing.assert_array_equal(model.predict(TEXTS), p >= 0.5)
    assert model.score(TEXTS, FLAGS) == (model.predict(TEXTS) == FLAGS).all(axis=1).mean()


def test_several_labels_in_every_form():
    given = classifier(strategy="classical").fit(TEXTS, FLAGS).predict_proba(TEXTS)
    for form in (
        FLAGS.astype(bool),
        FLAGS.tolist(),
        sparse.csr_matrix(FLAGS),
        pd.DataFrame(FLAGS, columns=["x", "y", "z"]),
        pl.DataFrame(FLAGS, schema=["x", "y", "z"]),
    ):
        model = classifier(strategy="classical").fit(TEXTS, form)
        np.testing.assert_array_equal(model.predict_proba(TEXTS), given)
    named = classifier(strategy="classical").fit(TEXTS, pl.DataFrame(FLAGS, schema=["x", "y", "z"]))
    assert named.classes_.tolist() == ["x", "y", "z"]
    for lists in (LISTS, list(map(set, LISTS)), pd.Series(LISTS)):
        model = classifier(strategy="classical").fit(TEXTS, lists)
        assert model.classes_.tolist() == ["billing", "even", "login"]
        # columns in another order are summed in another order by some processors
        np.testing.assert_allclose(model.predict_proba(TEXTS), given[:, [1, 2, 0]], rtol=2e-6)
        assert set(map(type, model.predict(TEXTS))) == {tuple}
        exact = [set(said) == set(true) for said, true in zip(model.predict(TEXTS), LISTS, strict=True)]
        assert model.score(TEXTS, LISTS) == np.mean(exact)
        # A label nobody learnt is one that nobody predicts: those rows are wrong, the others are what they were.
        right = [tuple(row) for row in model.predict(TEXTS)]
        assert model.score(TEXTS, right) == 1
        assert model.score(TEXTS, [(*right[0], "never seen"), *right[1:]]) == pytest.approx(1 - 1 / len(TEXTS))
    assert cross_val_score(classifier(strategy="classical"), TEXTS, FLAGS, cv=3, error_score="raise").shape == (3,)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.full((72, 2), 2), "not all 0 or 1"),
        ([["a"], ["a", "a"]] * 36, "lists of 1 labels"),
        ([["a", None], ["b", "c"]] * 36, "of several types|missing"),
        (FLAGS[:-1], "72 texts and labels of shape"),
    ],
)
def test_several_labels_that_cannot_be_learnt(labels, said):
    with pytest.raises(InputError, match=said):
        classifier(strategy="majority").fit(TEXTS, labels)


def rows_with_columns() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "label": ["the same words"] * 72,
            "amount": 10.0 * (NAMES == "login"),
            "kind": np.where(NAMES == "billing", "a", "b"),
        }
    )


@pytest.mark.parametrize("strategy", ["classical", "frozen", pytest.param("partial:1", marks=pytest.mark.slow)])
def test_columns_beside_the_text_are_learnt_from(strategy):
    frame, columns = rows_with_columns(), {"text": "label", "numeric": "amount", "categorical": ["kind"]}
    model = classifier(strategy=strategy, **columns).fit(frame, NAMES)
    assert model.score(frame, NAMES) == 1
    np.testing.assert_array_equal(model.predict_proba(pl.from_pandas(frame)), model.predict_proba(frame))
    np.testing.assert_array_equal(clone(model).fit(frame, NAMES).predict_proba(frame), model.predict_proba(frame))
    assert model.predict(frame.head(0)).shape == (0,)
    assert classifier(strategy=strategy, text="label").fit(frame, NAMES).score(frame, NAMES) < 0.5
    assert cross_val_score(classifier(strategy="classical", **columns), frame, NAMES, cv=3).mean() == 1


def test_columns_that_cannot_be_read_are_named():
    frame = rows_with_columns()
    with pytest.raises(InputError, match=r"no column 'amout'[\s\S]*'amount'"):
        classifier(text="label", numeric="amout").fit(frame, NAMES)
    with pytest.raises(SourceError, match="reads texts, and the rows are rows"):
        classifier(numeric="amount").fit(frame, NAMES)
    with pytest.raises(InputError, match="have no names"):
        classifier(text="label").fit(frame.to_numpy(), NAMES)
    model = classifier(strategy="classical", text="label", numeric="amount").fit(frame, NAMES)
    with pytest.raises(InputError, match="row 1, column 'amount': 'many' is no finite number"):
        model.predict(pd.DataFrame({"label": ["a", "b"], "amount": ["1", "many"]}))


def test_a_loss_is_for_what_learns_by_it():
    focal, usual = (classifier(strategy="scratch", loss=name).fit(TEXTS, NAMES).curve_ for name in ("focal", "auto"))
    # Focal loss counts a row less, the surer the model is of it.
    assert focal[1].train < 0.8 * usual[1].train
    for loss, strategy, said in (
        ("focal", "frozen", "its head is solved"),
        ("focall", "full", "did you mean 'focal'"),
        ("huber", "full", "for multiclass targets"),
        ("cost-weighted", "full", "without a cost table"),
    ):
        with pytest.raises(InputError, match=said):
            classifier(strategy=strategy, loss=loss).fit(TEXTS, NAMES)


@pytest.mark.parametrize("made", [TransferClassifier, TransferRegressor, Embedder], ids=lambda one: one.__name__)
@pytest.mark.parametrize(
    "check",
    [
        checks.check_estimator_repr,
        checks.check_no_attributes_set_in_init,
        checks.check_get_params_invariance,
        checks.check_set_params,
        checks.check_parameters_default_constructible,
        checks.check_estimator_cloneable,
    ],
    ids=lambda one: one.__name__,
)
def test_scikit_learns_own_checks_of_parameters(made, check):
    check(made.__name__, made())


def test_parameters_have_the_names_of_the_command():
    own = {"steps", "configurations", "cache"}
    assert set(TransferClassifier().get_params()) - own <= set(inspect.signature(graft.study).parameters)


@pytest.mark.slow
def test_they_work_in_several_processes():
    grid = {"strategy": ["frozen", "partial:1"]}
    search = GridSearchCV(classifier(), grid, cv=2, n_jobs=2, error_score="raise").fit(TEXTS, NAMES)
    alone = GridSearchCV(classifier(), grid, cv=2, error_score="raise").fit(TEXTS, NAMES)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert cross_val_score(classifier(strategy="full"), TEXTS, FLAGS, cv=2, n_jobs=2, error_score="raise").shape == (2,)
