"""The classical control against scikit-learn, solved directly on the sparse rows."""

import json

import numpy as np
import pytest
from scipy import sparse
from scipy.special import log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from graft.inputs import Task
from graft.scores.classical.ngrams import RECIPES, NgramEncoder, count_terms, encode_ngrams, fit_ngrams, solve_sparse
from graft.scores.linear import class_weights
from unit.bundle.building import rows_for

TEXTS = rows_for("multiclass").contents
MORE = ("Réfund the INVOICE, please!", "a parcel; a code", "", "zzz 42 unknown", "e-mail me@x.org")


def penalty_of(matrix: sparse.csr_matrix, weight: np.ndarray, residual_slope: np.ndarray) -> float:
    """The penalty a stationary point belongs to: the slope of the mean loss is -penalty * weight."""
    slope = matrix.T @ residual_slope / matrix.shape[0]
    return float(-(slope.T * weight).sum() / np.square(weight).sum())


@pytest.fixture(scope="module")
def matrix():
    return encode_ngrams(fit_ngrams(TEXTS, RECIPES[0]), TEXTS, np.zeros((len(TEXTS), 0), np.float32))


def test_the_span_holds_scikit_learns_optimum(matrix):
    """Solved in as many dimensions as there are rows, read back in terms: the same model as on all terms."""
    y = rows_for("multiclass").targets
    weights = class_weights(y, Task.MULTICLASS, 3)
    head = solve_sparse(matrix, y, task=Task.MULTICLASS, outputs=3, weights=weights, seed=0)
    assert matrix.shape[1] > matrix.shape[0]
    weight, bias = head.weight.astype(np.float64), head.bias.astype(np.float64)
    logits = matrix @ weight.T + bias
    slope = np.exp(log_softmax(logits, axis=1)) - np.eye(3)[y]
    penalty = penalty_of(matrix, weight, slope)
    model = LogisticRegression(C=1 / (len(y) * penalty), tol=1e-10, max_iter=20_000).fit(matrix.toarray(), y)

    def objective(w, b):
        log_p = log_softmax(matrix @ w.T + b, axis=1)
        return -log_p[np.arange(len(y)), y].mean() + penalty / 2 * np.square(w).sum()

    assert objective(weight, bias) == pytest.approx(objective(model.coef_, model.intercept_), abs=1e-5)
    assert np.linalg.norm(weight - model.coef_) < 0.03 * np.linalg.norm(model.coef_)


def test_the_span_of_regression_is_scikit_learns_ridge(matrix):
    values = rows_for("regression").targets
    y = ((values - values.mean()) / values.std()).astype(np.float32)
    head = solve_sparse(matrix, y, task=Task.REGRESSION, outputs=1, weights=np.ones(1, np.float32), seed=0)
    weight = head.weight.astype(np.float64)
    predicted = matrix @ weight.T + head.bias
    penalty = penalty_of(matrix, weight, predicted - y[:, None])
    theirs = Ridge(alpha=len(y) * penalty).fit(matrix.toarray().astype(np.float64), y)
    np.testing.assert_allclose(weight[0], theirs.coef_, atol=1e-2 * np.abs(theirs.coef_).max())
    np.testing.assert_allclose(predicted[:, 0], theirs.predict(matrix.toarray()), atol=1e-2)


@pytest.mark.parametrize("outputs", [2, 3])
@pytest.mark.slow
def test_many_rows_are_solved_term_by_term_and_as_well(outputs):
    """Past the size where the span is used, another solver reaches a model that separates as well."""
    rng = np.random.default_rng(0)
    y = rng.integers(outputs, size=2600)
    rows = sparse.csr_matrix((rng.random((2600, 30)) < 0.05 + 0.4 * (np.arange(30) % outputs == y[:, None])) * 1.0)
    task = Task.BINARY if outputs == 2 else Task.MULTICLASS
    weights = np.ones(outputs, np.float32)
    many = solve_sparse(rows, y, task=task, outputs=outputs, weights=weights, seed=0)
    few = solve_sparse(rows[:2400], y[:2400], task=task, outputs=outputs, weights=weights, seed=0)
    for head in (many, few):
        logits = rows @ head.weight.T + head.bias
        assert (logits.argmax(1) == y).mean() > 0.95
    assert many.held_loss == pytest.approx(few.held_loss, abs=0.05)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_an_encoder_says_what_the_fitted_vectorizer_said(recipe):
    for encoder in fit_ngrams(TEXTS, recipe):
        word = encoder.analyzer == "word"
        theirs = TfidfVectorizer(
            analyzer=encoder.analyzer,
            ngram_range=encoder.ngrams,
            sublinear_tf=True,
            strip_accents="unicode",
            token_pattern=r"(?u)\b\w+\b" if word else None,
            min_df=1 if word else 2,
            max_features=50_000,
        ).fit(TEXTS)
        assert list(encoder.terms) == theirs.get_feature_names_out().tolist()
        for texts in (TEXTS, MORE):
            np.testing.assert_allclose(encoder.encode(texts).toarray(), theirs.transform(texts).toarray(), atol=1e-6)


def test_an_encoder_survives_json_and_arrays():
    encoder = fit_ngrams((*TEXTS, 'naïve café ünïcode 東京 🙂 quote" back\\slash'), RECIPES[0])[1]
    terms = tuple(json.loads(json.dumps(encoder.terms)))
    again = NgramEncoder(encoder.analyzer, tuple(json.loads(json.dumps(encoder.ngrams))), terms, encoder.idf.copy())
    np.testing.assert_array_equal(again.encode(MORE).toarray(), encoder.encode(MORE).toarray())


def test_no_texts_are_no_rows():
    encoder = fit_ngrams(TEXTS, RECIPES[1])[0]
    assert encoder.encode(()).shape == (0, len(encoder.terms))


def test_texts_without_a_term_leave_the_extra_columns():
    encoders = fit_ngrams(("", "  ", ""), RECIPES[0])
    assert encoders == ()
    extra = np.array([[1.0], [0.0], [2.0]], np.float32)
    np.testing.assert_array_equal(encode_ngrams(encoders, ("", " ", ""), extra).toarray(), extra)


def test_fewer_terms_for_many_rows_with_many_classes():
    rng = np.random.default_rng(0)
    texts = tuple(f"w{number} common" for number in rng.permutation(7000))
    assert len(fit_ngrams(texts, RECIPES[3], outputs=400)[0].terms) == 5000
    assert "common" in fit_ngrams(texts, RECIPES[3], outputs=400)[0].terms


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION, Task.MULTILABEL])
def test_rows_that_hold_nothing_get_a_bias_and_no_weight(task):
    y = np.arange(20) % 4 == 0
    targets = {Task.BINARY: y.astype(int), Task.REGRESSION: y.astype(np.float32)}.get(
        task, y[:, None].astype(np.float32)
    )
    outputs = 2 if task is Task.BINARY else 1
    empty = sparse.csr_matrix((20, 7), dtype=np.float32)
    head = solve_sparse(empty, targets, task=task, outputs=outputs, weights=np.ones(outputs, np.float32), seed=0)
    assert not head.weight.any()
    assert head.weight.shape == (outputs, 7)
    said = {Task.BINARY: 1 / (1 + np.exp(-np.ptp(head.bias))), Task.REGRESSION: 1 - head.bias[0]}
    assert said.get(task, 1 / (1 + np.exp(head.bias[0]))) == pytest.approx(0.75, abs=2e-3)


@pytest.mark.parametrize("most", [10_000, 40])
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_terms_counted_once_are_scikit_learns(recipe, most):
    """A trial's share of n-grams counted once: the vocabulary, the weights and the rows of TfidfVectorizer, exactly."""
    texts = (*TEXTS, *MORE)
    learn, judge = np.arange(0, len(texts), 2), np.arange(1, len(texts), 2)
    for counted in count_terms(texts, recipe):
        encoder, places = counted.fit(learn, most=most)
        theirs = TfidfVectorizer(
            analyzer=encoder.analyzer,
            ngram_range=encoder.ngrams,
            sublinear_tf=True,
            strip_accents="unicode",
            token_pattern=r"(?u)\b\w+\b" if encoder.analyzer == "word" else None,
            min_df=1 if encoder.analyzer == "word" else 2,
            max_features=most,
            dtype=np.float32,
        ).fit([texts[row] for row in learn])
        assert encoder.terms == tuple(theirs.get_feature_names_out())
        np.testing.assert_array_equal(encoder.idf, theirs.idf_)
        for rows in (learn, judge):
            ours = counted.encode(encoder, places, rows)
            given = tuple(texts[row] for row in rows)
            np.testing.assert_array_equal(ours.toarray(), encoder.encode(given).toarray())
            np.testing.assert_allclose(ours.toarray(), theirs.transform(given).toarray(), atol=1e-6)
