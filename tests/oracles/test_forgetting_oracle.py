"""What is left of a representation, against independent implementations and by construction."""

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.neighbors import NearestNeighbors

from graft.core.errors import InputError
from graft.evidence.forgetting import neighbour_overlap, pair_correlation, read_back


def test_neighbours_kept_against_sklearn() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(size=(150, 12))
    after = before + rng.normal(size=before.shape)
    sets = []
    for vectors in (before, after):
        near = NearestNeighbors(n_neighbors=10, metric="cosine").fit(vectors).kneighbors(return_distance=False)
        sets.append([set(row) for row in near])
    oracle = np.mean([len(one & other) / 10 for one, other in zip(*sets, strict=True)])
    assert neighbour_overlap(before, after, k=10, block=64) == pytest.approx(oracle)


def test_unrelated_spaces_share_neighbours_by_chance_alone() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 400, 20))
    assert neighbour_overlap(one, other, k=10) == pytest.approx(10 / 399, abs=0.015)
    assert read_back(one, other, rng=rng) < 0.05


def test_reading_back_against_sklearn() -> None:
    rng = np.random.default_rng(2)
    before = rng.normal(size=(200, 6))
    after = before @ rng.normal(size=(6, 6)) + 0.5 * rng.normal(size=(200, 6))
    fold = np.random.default_rng(3).permutation(200) % 5
    told = np.zeros_like(before)
    middle = np.zeros_like(before)
    for number in range(5):
        rest = fold != number
        centred = after[rest] - after[rest].mean(axis=0)
        strength = 1e-3 * np.trace(centred.T @ centred) / 6
        told[~rest] = Ridge(strength).fit(after[rest], before[rest]).predict(after[~rest])
        middle[~rest] = before[rest].mean(axis=0)
    oracle = 1 - ((before - told) ** 2).sum() / ((before - middle) ** 2).sum()
    assert read_back(before, after, rng=np.random.default_rng(3)) == pytest.approx(oracle)
    assert oracle == pytest.approx(r2_score(before, told, multioutput="variance_weighted"), abs=0.02)


def test_a_lost_half_is_half_read_back() -> None:
    vectors = np.random.default_rng(4).normal(size=(2000, 10))
    assert read_back(vectors, vectors[:, :5], rng=np.random.default_rng(0)) == pytest.approx(0.5, abs=0.03)
    few = vectors[:20]
    assert read_back(few, few, rng=np.random.default_rng(0)) < 1  # which is why it is compared with itself


def test_pairs_are_ranked_as_spearman_does() -> None:
    rng = np.random.default_rng(5)
    one, other = rng.normal(size=(2, 40, 7))
    scores = rng.integers(6, size=40).astype(float)
    cosine = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    oracle = np.corrcoef(rankdata(cosine), rankdata(scores))[0, 1]
    assert pair_correlation(one, other, scores) == pytest.approx(oracle)
    assert pair_correlation(one, other, np.ones(40)) == 0.0
    assert pair_correlation(np.zeros((4, 3)), np.ones((4, 3)), np.arange(4.0)) == 0.0


def test_other_rows_are_refused() -> None:
    with pytest.raises(InputError, match="same rows"):
        neighbour_overlap(np.ones((4, 2)), np.ones((5, 2)))
