"""Scores of sources against independent implementations, and their intervals against other rows."""

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.covariance import LedoitWolf
from sklearn.metrics import mutual_info_score, r2_score
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor

from graft.core.errors import InputError
from graft.evidence.halves import half_sample_interval, halves
from graft.evidence.hindsight import rank_agreement
from graft.evidence.transferability import h_score, leep, logme, nce, neighbour_agreement, neighbour_fit


def rows(seed: int, size: int = 120, classes: int = 4, dimension: int = 10, strength: float = 0.7):
    rng = np.random.default_rng(seed)
    targets = np.arange(size) % classes
    centres = np.random.default_rng(99).normal(size=(classes, dimension))
    return rng.normal(size=(size, dimension)) + strength * centres[targets], targets


def published_h_score(features: np.ndarray, labels: np.ndarray) -> float:
    """``regularized_h_score`` of the Transfer Learning Library, which follows Ibrahim et al. (2021), section 4."""
    centred = features - features.mean(axis=0, keepdims=True)
    found = LedoitWolf(assume_centered=False).fit(centred)
    means = np.zeros_like(centred)
    for label in np.unique(labels):
        means[labels == label] = centred[labels == label].mean(axis=0)
    between = np.cov(means, rowvar=False, bias=True)
    return float(np.trace(np.linalg.pinv(found.covariance_, rcond=1e-15) @ ((1 - found.shrinkage_) * between)))


@pytest.mark.parametrize(("size", "dimension"), [(120, 10), (40, 90), (16, 384)])
def test_h_score_against_the_published_one(size: int, dimension: int) -> None:
    features, targets = rows(0, size=size, dimension=dimension)
    assert h_score(features, targets, "multiclass") == pytest.approx(published_h_score(features, targets), rel=1e-6)
    labels = np.column_stack([targets == 0, targets > 1, np.zeros(size)]).astype(int)
    each = [published_h_score(features, labels[:, place]) for place in (0, 1)]
    assert h_score(features, labels, "multilabel") == pytest.approx(np.mean(each), rel=1e-6)


def published_logme(features: np.ndarray, labels: np.ndarray) -> float:
    """The evidence as the authors' code finds it (You et al. 2021, ``_fit_fixed_point``), class by class."""
    rows, dimension = features.shape
    _, singular, right = np.linalg.svd(features, full_matrices=True)
    squared = np.zeros(dimension)
    squared[: len(singular)] = singular**2
    found = []
    for label in np.unique(labels):
        column = (labels == label).astype(float)
        along, ratio = right @ (features.T @ column), 1.0
        alpha = beta = 1.0
        for _ in range(100):
            used = (squared / (squared + ratio)).sum()
            weights = right.T @ (along * beta / (alpha + beta * squared))
            length = (weights**2).sum()
            alpha = used / length
            residual = ((column - features @ weights) ** 2).sum()
            beta = (rows - used) / residual
            ratio = alpha / beta
        evidence = dimension / 2 * np.log(alpha) + rows / 2 * np.log(beta) - np.log(alpha + beta * squared).sum() / 2
        evidence -= beta / 2 * residual + alpha / 2 * length + rows / 2 * np.log(2 * np.pi)
        found.append(evidence / rows)
    return float(np.mean(found))


@pytest.mark.parametrize(("size", "dimension"), [(120, 10), (300, 90), (90, 60)])
def test_logme_against_the_published_fixed_point(size: int, dimension: int) -> None:
    features, targets = rows(8, size=size, dimension=dimension)
    assert logme(features, targets, "multiclass") == pytest.approx(published_logme(features, targets), rel=1e-3)


def published_leep(answers: np.ndarray, labels: np.ndarray) -> float:
    """Nguyen et al. (2020), equations 1 to 3, row by row."""
    joint = np.zeros((labels.max() + 1, answers.shape[1]))
    for row, label in zip(answers, labels, strict=True):
        joint[label] += row / len(labels)
    given = joint / joint.sum(axis=0)
    return float(np.mean([np.log((given[label] * row).sum()) for row, label in zip(answers, labels, strict=True)]))


def test_leep_and_nce_against_their_formulae() -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(5, size=300)
    logits = rng.normal(size=(300, 7)) + 2 * np.eye(7)[targets]
    answers = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert leep(answers, targets, "multiclass") == pytest.approx(published_leep(answers, targets))
    entropy = -sum(share * np.log(share) for share in np.bincount(targets) / 300)
    told = mutual_info_score(answers.argmax(axis=1), targets)
    assert nce(answers, targets, "multiclass") == pytest.approx(told - entropy)
    # LEEP is at least NCE plus the mean log probability of the chosen class (Nguyen et al., property 2).
    assert leep(answers, targets, "multiclass") >= nce(answers, targets, "multiclass") + np.log(answers.max(1)).mean()
    labels = np.column_stack([targets == 0, targets > 2]).astype(int)
    each = [published_leep(answers, labels[:, place]) for place in (0, 1)]
    assert leep(answers, labels, "multilabel") == pytest.approx(np.mean(each))


def test_neighbours_of_numbers_against_sklearn() -> None:
    features, _ = rows(2)
    values = features[:, 0] * 3 + 40
    told = cross_val_predict(KNeighborsRegressor(5, metric="cosine"), features, values, cv=LeaveOneOut())
    assert neighbour_fit(features, values) == pytest.approx(r2_score(values, told))


def test_rank_agreement_against_scipy() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        places, scores = rng.integers(1, 5, size=6), rng.integers(5, size=6) / 10
        found = rank_agreement(places, scores).tau
        expected = kendalltau(-places, scores).statistic
        assert (np.isnan(expected) and found is None) or found == pytest.approx(expected)


@pytest.mark.parametrize(
    "score",
    [
        lambda features, targets: logme(features, targets, "multiclass"),
        lambda features, targets: h_score(features, targets, "multiclass"),
        lambda features, targets: neighbour_agreement(features, targets),
    ],
    ids=["logme", "h-score", "neighbours"],
)
def test_intervals_have_the_width_of_what_other_rows_give(score) -> None:
    """The standard error from halves of one set of rows, against the spread over sixty other sets.

    That of the H-score may be too wide: a half is shrunk more than the whole.
    """
    truly = np.std([score(*rows(seed)) for seed in range(60)], ddof=1)
    told = []
    for seed in range(8):
        features, targets = rows(seed)
        parts = halves(np.arange(120), targets, draws=40, rng=np.random.default_rng(seed))
        told.append(np.std([score(features[part], targets[part]) for part in parts], ddof=1))
    assert 0.7 * truly < np.sqrt(np.mean(np.square(told))) < 1.8 * truly


def test_halves_keep_clusters_whole_and_classes_alive() -> None:
    rng = np.random.default_rng(4)
    clusters = rng.integers(60, size=200)
    strata = (clusters % 7).astype(int)
    strata[clusters == 5] = 9  # a class of one cluster
    seen = np.zeros(200)
    for part in halves(clusters, strata, draws=200, rng=rng):
        inside = np.isin(clusters, clusters[part])
        assert inside.sum() == len(part)
        assert set(strata[part]) == set(strata)
        seen[part] += 1
    assert (seen[clusters == 5] == 200).all()
    assert seen[clusters != 5].mean() / 200 == pytest.approx(0.5, abs=0.05)


def test_an_interval_stays_where_its_score_can_be() -> None:
    found = half_sample_interval(0.99, np.array([0.7, 0.9, 1.0]), high=1.0)
    assert found.high == 1.0
    assert found.low is not None
    assert found.low < 0.8


class TestWhatIsHardlyThere:
    def test_constant_vectors_say_nothing(self) -> None:
        targets = np.repeat([0, 1, 2], 10)  # in the order of the labels, as files often are
        constant = np.ones((30, 5))
        assert h_score(constant, targets, "multiclass") == 0.0
        assert neighbour_agreement(constant, targets) == pytest.approx(9 / 29)
        assert np.isfinite(logme(constant, targets, "multiclass"))
        assert neighbour_fit(constant, targets.astype(float)) < 0.01
        assert neighbour_fit(constant, np.ones(30)) == 0.0

    def test_sixteen_rows_of_many_dimensions(self) -> None:
        """Without shrinkage any features of more dimensions than rows would score the maximum, 1."""
        rng = np.random.default_rng(5)
        targets = np.arange(16) % 2
        noise, signal = rng.normal(size=(2, 16, 384))
        signal = signal + 3 * targets[:, None]
        assert h_score(noise, targets, "binary") < 0.8
        assert h_score(signal, targets, "binary") > h_score(noise, targets, "binary") + 0.1
        assert logme(signal, targets, "binary") > logme(noise, targets, "binary")

    def test_a_hundred_and_fifty_classes(self) -> None:
        features, targets = rows(6, size=450, classes=150, dimension=64, strength=2.0)
        assert 20 < h_score(features, targets, "multiclass") < 64
        assert neighbour_agreement(features, targets) > 0.2
        assert np.isfinite(logme(features, targets, "multiclass"))
        answers = np.random.default_rng(0).dirichlet(np.ones(9), size=450)
        assert -np.log(150) < leep(answers, targets, "multiclass") <= 0

    def test_repeated_rows_are_no_neighbours_of_one_another(self) -> None:
        rng = np.random.default_rng(7)
        vectors = np.repeat(rng.normal(size=(40, 8)), 3, axis=0)
        targets = np.repeat(rng.integers(2, size=40), 3)
        groups = np.repeat(np.arange(40), 3)
        assert neighbour_agreement(vectors, targets, k=2) == 1.0
        assert neighbour_agreement(vectors, targets, k=2, groups=groups) == pytest.approx(0.5, abs=0.2)
        assert neighbour_agreement(vectors[:3], targets[:3], groups=groups[:3]) == 0.0  # nobody has a neighbour

    def test_numbers_have_no_classes(self) -> None:
        for score in (h_score, leep, nce):
            with pytest.raises(InputError, match="numbers"):
                score(np.ones((4, 2)), np.arange(4.0), "regression")
