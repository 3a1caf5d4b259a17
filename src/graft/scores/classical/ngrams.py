"""The control without a neural network: TF-IDF of words and character n-grams, and a solved head.

Decisions: it is tuned with the same number of configurations as every candidate, because a control that is held back
proves nothing; it is stored as a vocabulary and arrays, never as a pickle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from graft.core.blas import one_blas_thread
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.scores.linear import plain_loss, solve_head

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_TERMS, _WEIGHTS = 50_000, 2_000_000
_ROWS_FOR_SPAN = 2500
_LONGEST_NGRAM = 16


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
        vocabulary = {term: place for place, term in enumerate(self.terms)}
        vectorizer = TfidfVectorizer(vocabulary=vocabulary, sublinear_tf=True, **_options(self.analyzer, self.ngrams))
        vectorizer.idf_ = self.idf.astype(np.float64)
        return sparse.csr_matrix(vectorizer.transform(texts))

    def analyser(self, ngrams: tuple[int, int] | None = None) -> Callable[[str], list[str]]:
        """What takes a text apart as this vocabulary did. ngrams: another range, such as words alone."""
        made: Callable[[str], list[str]] = CountVectorizer(
            **_options(self.analyzer, ngrams or self.ngrams)
        ).build_analyzer()
        return made


def ngrams_of(facts: dict[str, Any], idf: np.ndarray) -> NgramEncoder:
    """A vocabulary from its facts. Raises ValueError for what is none; long n-grams would take all time."""
    shortest, longest = facts["ngrams"]
    terms = tuple(facts["terms"])
    whole = type(shortest) is int and type(longest) is int and 1 <= shortest <= longest <= _LONGEST_NGRAM
    if not whole or not all(isinstance(term, str) for term in terms) or idf.shape != (len(terms),):
        raise ValueError("a vocabulary that does not fit together")
    return NgramEncoder(facts["analyzer"], (shortest, longest), terms, idf)


def _options(analyzer: str, ngrams: tuple[int, int]) -> dict[str, Any]:
    """How scikit-learn's vectorizers cut texts."""
    return {
        "analyzer": analyzer,
        "ngram_range": ngrams,
        "strip_accents": "unicode",
        "token_pattern": r"(?u)\b\w+\b" if analyzer == "word" else None,
        "dtype": np.float32,
    }


@dataclass(frozen=True, eq=False)
class TermCounts:
    """How often each n-gram occurs in each of some texts, counted once for all trials that learn from part of them.

    terms: sorted. counts: float32, shape (texts, terms).
    """

    analyzer: str
    ngrams: tuple[int, int]
    terms: np.ndarray
    counts: sparse.csr_matrix

    def fit(self, rows: np.ndarray, *, most: int) -> tuple[NgramEncoder, np.ndarray] | None:
        """The vocabulary of some of the texts, with its places among all terms; None without any term.

        rows: positions. most: so many terms at most, the most frequent ones. The same as ``TfidfVectorizer.fit``.
        """
        some = self.counts[rows]
        places = np.flatnonzero(np.bincount(some.indices, minlength=len(self.terms)) >= self._least)
        if len(places) > most:
            often = np.asarray(some[:, places].sum(axis=0)).ravel()
            places = np.sort(places[(-often).argsort()[:most]])
        if not len(places):
            return None
        idf = TfidfTransformer().fit(some[:, places]).idf_.astype(np.float32)
        return NgramEncoder(self.analyzer, self.ngrams, tuple(map(str, self.terms[places])), idf), places

    def encode(self, encoder: NgramEncoder, places: np.ndarray, rows: np.ndarray) -> sparse.csr_matrix:
        """The same as ``encoder.encode`` of these texts. places: of its terms. rows: positions."""
        transformer = TfidfTransformer(sublinear_tf=True)
        transformer.idf_ = encoder.idf.astype(np.float64)
        return sparse.csr_matrix(transformer.transform(self.counts[rows][:, places], copy=False))

    @property
    def _least(self) -> int:
        """Texts a term must be in."""
        return 1 if self.analyzer == "word" else 2


def count_terms(texts: Sequence[str], recipe: Recipe) -> tuple[TermCounts, ...]:
    """All n-grams of a recipe in some texts; kinds of which there is none are left out."""
    found = []
    for analyzer, ngrams in (("word", recipe.words), ("char_wb", recipe.letters)):
        if ngrams == (0, 0):
            continue
        vectorizer = CountVectorizer(**_options(analyzer, ngrams))
        try:
            counts = sparse.csr_matrix(vectorizer.fit_transform(texts))
        except ValueError:
            # scikit-learn's way to say that there is no term.
            continue
        counts.sort_indices()  # terms are summed in the order in which an encoder sums them
        found.append(TermCounts(analyzer, ngrams, vectorizer.get_feature_names_out(), counts))
    return tuple(found)


def terms_kept(texts: int, outputs: int) -> int:
    """How many terms a vocabulary may have; many rows with many classes get fewer, the most frequent ones."""
    return _TERMS if texts <= _ROWS_FOR_SPAN else int(np.clip(_WEIGHTS // outputs, 5_000, _TERMS))


def fit_ngrams(texts: tuple[str, ...], recipe: Recipe, *, outputs: int = 1) -> tuple[NgramEncoder, ...]:
    """Vocabularies of the training texts; a text set without any term gives none. outputs: columns of the scores."""
    most, rows = terms_kept(len(texts), outputs), np.arange(len(texts))
    fitted = [one.fit(rows, most=most) for one in count_terms(texts, recipe)]
    return tuple(one[0] for one in fitted if one is not None)


def encode_ngrams(encoders: tuple[NgramEncoder, ...], texts: tuple[str, ...], extra: np.ndarray) -> sparse.csr_matrix:
    """TF-IDF and the extra columns side by side, shape (rows, terms + width)."""
    return beside([encoder.encode(texts) for encoder in encoders], extra)


def beside(blocks: Sequence[sparse.csr_matrix], extra: np.ndarray) -> sparse.csr_matrix:
    """Blocks of columns and the extra ones side by side, float32."""
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
    with one_blas_thread():
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
