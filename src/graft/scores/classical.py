"""The control without a neural network: TF-IDF of words and character n-grams, and a solved head.

Decisions: it is tuned with the same number of configurations as every candidate, because a control that is held back
proves nothing; it is stored as a vocabulary and arrays, never as a pickle.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.scores.linear import plain_loss, solve_head

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_TERMS, _WEIGHTS = 50_000, 2_000_000
_ROWS_FOR_SPAN = 2500


@dataclass(frozen=True)
class Recipe:
    """How texts are turned into counts. words, letters: n-gram ranges; (0, 0) for none."""

    name: str
    words: tuple[int, int]
    letters: tuple[int, int]


RECIPES = (
    Recipe("words 1-2 and letters 2-5", (1, 2), (2, 5)),
    Recipe("words 1-2", (1, 2), (0, 0)),
    Recipe("letters 2-5", (0, 0), (2, 5)),
    Recipe("words 1", (1, 1), (0, 0)),
)


@dataclass(frozen=True)
class NgramEncoder:
    """One fitted TF-IDF vocabulary.

    terms: in the order of the columns. idf: float32, shape (terms,).
    """

    analyzer: str
    ngrams: tuple[int, int]
    terms: tuple[str, ...]
    idf: np.ndarray

    def encode(self, texts: tuple[str, ...]) -> sparse.csr_matrix:
        """Sparse TF-IDF rows of unit length, shape (rows, terms)."""
        if not texts:
            return sparse.csr_matrix(np.zeros((0, len(self.terms)), np.float32))
        vectorizer = _vectorizer(
            self.analyzer, self.ngrams, None, {term: place for place, term in enumerate(self.terms)}
        )
        vectorizer.idf_ = self.idf.astype(np.float64)
        return sparse.csr_matrix(vectorizer.transform(texts))


def _vectorizer(
    analyzer: str, ngrams: tuple[int, int], terms: int | None, vocabulary: dict[str, int] | None = None
) -> TfidfVectorizer:
    limits = {} if vocabulary is not None else {"min_df": 1 if analyzer == "word" else 2, "max_features": terms}
    return TfidfVectorizer(
        analyzer=analyzer,
        ngram_range=ngrams,
        sublinear_tf=True,
        strip_accents="unicode",
        token_pattern=r"(?u)\b\w+\b" if analyzer == "word" else None,
        vocabulary=vocabulary,
        dtype=np.float32,
        **limits,
    )


def fit_ngrams(texts: tuple[str, ...], recipe: Recipe, *, outputs: int = 1) -> tuple[NgramEncoder, ...]:
    """Vocabularies of the training texts; a text set without any term gives none.

    outputs: columns of the scores to come; many rows with many classes get fewer terms, the most frequent ones.
    """
    terms_kept = _TERMS if len(texts) <= _ROWS_FOR_SPAN else int(np.clip(_WEIGHTS // outputs, 5_000, _TERMS))
    found = []
    for analyzer, ngrams in (("word", recipe.words), ("char_wb", recipe.letters)):
        if ngrams == (0, 0):
            continue
        vectorizer = _vectorizer(analyzer, ngrams, terms_kept)
        try:
            vectorizer.fit(texts)
        except ValueError:
            # scikit-learn's way to say that no term was left.
            continue
        terms = vectorizer.get_feature_names_out()
        found.append(NgramEncoder(analyzer, ngrams, tuple(map(str, terms)), vectorizer.idf_.astype(np.float32)))
    return tuple(found)


def encode_ngrams(encoders: tuple[NgramEncoder, ...], texts: tuple[str, ...], extra: np.ndarray) -> sparse.csr_matrix:
    """TF-IDF and the extra columns side by side, shape (rows, terms + width)."""
    blocks = [encoder.encode(texts) for encoder in encoders]
    return sparse.csr_matrix(sparse.hstack([*blocks, sparse.csr_matrix(extra)], format="csr", dtype=np.float32))


@dataclass(frozen=True)
class SparseHead:
    """Scores are ``rows @ weight.T + bias``; the penalty is the one with the lowest held-in loss."""

    weight: np.ndarray
    bias: np.ndarray
    held_loss: float


def solve_sparse(
    rows: sparse.csr_matrix,
    targets: np.ndarray,
    *,
    task: Task,
    outputs: int,
    weights: np.ndarray,
    seed: int,
    untilt: bool = False,
) -> SparseHead:
    """The head of the control; see ``solve_head``.

    With fewer rows than terms the best weights lie in the span of the rows (the representer theorem), so the problem is
    solved exactly in as many dimensions as there are rows, by the solver every candidate's head uses.
    """
    with threadpool_limits(1, user_api="blas"):
        # Sparse problems gain nothing from threads, and two pools of them in one process cost thirty times as much.
        if rows.shape[0] > _ROWS_FOR_SPAN:
            return _solve_path(rows, targets, task, outputs, weights, generator(seed, "classical"))
        values, basis = np.linalg.eigh((rows @ rows.T).toarray().astype(np.float64))
    kept = values > values[-1] * 1e-6
    if not kept.any():
        # No row holds anything: there is a bias to learn and no weight.
        nothing = np.zeros((len(targets), 1), np.float32)
        head = solve_head(nothing, targets, task=task, outputs=outputs, weights=weights, seed=seed, untilt=untilt)
        return SparseHead(np.zeros((outputs, rows.shape[1]), np.float32), head.bias, head.held_loss)
    root = np.sqrt(values[kept])
    span = basis[:, kept]
    head = solve_head(
        (span * root).astype(np.float32),
        targets,
        task=task,
        outputs=outputs,
        weights=weights,
        seed=seed,
        untilt=untilt,
    )
    weight = np.asarray((rows.T @ (span / root @ head.weight.T.astype(np.float64))).T, np.float32)
    return SparseHead(weight, head.bias, head.held_loss)


def _solve_path(
    rows: sparse.csr_matrix,
    targets: np.ndarray,
    task: Task,
    outputs: int,
    weights: np.ndarray,
    rng: np.random.Generator,
) -> SparseHead:
    order = rng.permutation(len(targets))
    if targets.ndim == 1 and task is not Task.REGRESSION:
        order = order[np.argsort(targets[order], kind="stable")]
    held = np.zeros(len(targets), bool)
    held[order[::5]] = True
    losses = []
    for strength in STRENGTHS:
        weight, bias = _solve(rows[~held], targets[~held], task, outputs, weights, strength)
        losses.append(plain_loss(rows[held] @ weight.T + bias, targets[held], task))
        if len(losses) > 1 and losses[-1] > losses[-2]:
            break
    best = int(np.argmin(losses))
    weight, bias = _solve(rows, targets, task, outputs, weights, STRENGTHS[best])
    return SparseHead(weight.astype(np.float32), bias.astype(np.float32), float(losses[best]))


def _solve(
    rows: sparse.csr_matrix, targets: np.ndarray, task: Task, outputs: int, weights: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    weight, bias = np.zeros((outputs, rows.shape[1])), np.full(outputs, -20.0)
    if task is Task.REGRESSION:
        model = Ridge(alpha=10 / strength, solver="lsqr").fit(rows, targets)
        return np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    if task is Task.MULTILABEL:
        for label in range(outputs):
            column = targets[:, label].astype(int)
            if column.min() == column.max():
                bias[label] = 6.0 if column[0] else -6.0
                continue
            model = LogisticRegression(C=strength, max_iter=300, class_weight={0: 1.0, 1: float(weights[label])})
            model.fit(rows, column)
            weight[label], bias[label] = model.coef_[0], model.intercept_[0]
        return weight, bias
    present = np.unique(targets)
    if len(present) == 1:
        bias[present[0]] = 0.0
        return weight, bias
    model = LogisticRegression(C=strength, max_iter=300, class_weight={int(c): float(weights[c]) for c in present})
    model.fit(rows, targets)
    if len(present) == 2:
        # scikit-learn keeps one row for two classes; two opposite halves are the same model.
        weight[present] = np.stack([-model.coef_[0], model.coef_[0]]) / 2
        bias[present] = np.array([-model.intercept_[0], model.intercept_[0]]) / 2
    else:
        weight[present], bias[present] = model.coef_, model.intercept_
    return weight, bias
