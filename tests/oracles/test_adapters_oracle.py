"""Maps between spaces against answers known by construction, and against other ways to solve the same problem."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.linear_model import Ridge

import tiny
from graft.core.vectors import unit_rows
from graft.representations.encoding.encoder import Encoder
from graft.representations.sources import read_directory, resolve_source
from graft.representations.spaces import given_space
from graft.tables.adapters import PENALTIES, affine_maps, fit_rotation
from graft.tables.migration.chosen import choose_adapter

BANKING = Path(__file__).parents[3] / "shared" / "data" / "banking77" / "test.csv"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def points(rng: np.random.Generator, rows: int, dimension: int) -> np.ndarray:
    return unit_rows(rng.normal(size=(rows, dimension)) + rng.normal(size=dimension))


@pytest.mark.parametrize("centre", [False, True])
def test_a_planted_rotation_is_found(rng, centre):
    wanted = points(rng, 200, 16)
    planted = ortho_group.rvs(16, random_state=rng)
    found = fit_rotation(unit_rows(wanted @ planted.T), wanted, centre=centre)
    np.testing.assert_allclose(found.matrix, planted, atol=1e-5)
    np.testing.assert_allclose(found(unit_rows(wanted @ planted.T)), wanted, atol=1e-5)


@pytest.mark.parametrize(("given", "wanted"), [(12, 20), (20, 12)], ids=["wider", "narrower"])
def test_a_rotation_between_dimensions_is_the_thin_polar_factor(rng, given, wanted):
    """Maximising the trace over matrices with orthonormal rows, or columns, has this closed form."""
    left, right = points(rng, 100, given), points(rng, 100, wanted)
    u, _, vt = np.linalg.svd(left.T @ right, full_matrices=False)
    np.testing.assert_allclose(fit_rotation(left, right, centre=False).matrix, u @ vt, atol=1e-5)


def test_no_orthogonal_matrix_comes_closer(rng):
    given, wanted = points(rng, 80, 8), points(rng, 80, 8)
    best = np.linalg.norm(given @ fit_rotation(given, wanted, centre=False).matrix - wanted)
    others = [np.linalg.norm(given @ ortho_group.rvs(8, random_state=rng) - wanted) for _ in range(200)]
    assert best < min(others)


def test_ridge_maps_of_full_rank_are_those_of_sklearn(rng):
    given, wanted = points(rng, 150, 10), points(rng, 150, 14)
    spread = np.linalg.svd(given - given.mean(0), compute_uv=False) ** 2
    full = [each for each in affine_maps(given, wanted) if "rank 10," in each.name]
    assert len(full) == len(PENALTIES)
    for found, penalty in zip(full, PENALTIES, strict=True):
        oracle = Ridge(alpha=penalty * spread.mean()).fit(given, wanted)
        np.testing.assert_allclose(found.matrix, oracle.coef_.T, atol=2e-4 / penalty**0.5 * 1e-2)
        np.testing.assert_allclose(found(given), unit_rows(oracle.predict(given)), atol=1e-4)


def test_a_low_rank_map_is_the_best_of_its_rank(rng):
    """Minimises the penalised loss among matrices of its rank: no random change within that rank lowers it."""
    given, wanted = points(rng, 120, 8), points(rng, 120, 8) @ np.diag([3, 2, 1, 1, 0.1, 0.1, 0.1, 0.1])
    x, y = given - given.mean(0), wanted - wanted.mean(0)
    added = 0.1 * np.mean(np.linalg.svd(x, compute_uv=False) ** 2)

    def loss(matrix: np.ndarray) -> float:
        return float(np.sum((y - x @ matrix) ** 2) + added * np.sum(matrix**2))

    (found,) = [each for each in affine_maps(given, wanted) if each.name == "ridge map of rank 4, penalty 0.1"]
    assert np.linalg.matrix_rank(found.matrix, tol=1e-5) == 4
    left, sizes, right = np.linalg.svd(found.matrix, full_matrices=False)
    left, right = left[:, :4] * sizes[:4], right[:4]
    best = loss(left @ right)
    for _ in range(300):
        changed = loss((left + 0.01 * rng.normal(size=left.shape)) @ (right + 0.01 * rng.normal(size=right.shape)))
        assert changed > best


def test_a_planted_low_rank_map_is_recovered(rng):
    given = points(rng, 400, 16)
    planted = rng.normal(size=(16, 4)) @ rng.normal(size=(4, 12))
    wanted = unit_rows(given @ planted + rng.normal(size=12))
    errors = {each.name: float(np.abs(each(given) - wanted).mean()) for each in affine_maps(given, wanted)}
    assert min(errors.values()) < 0.1


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.skipif(not BANKING.is_file(), reason="no data beside the project")
def test_recall_on_real_texts_tells_a_turned_model_from_an_unrelated_one(rng, tmp_path):
    with BANKING.open() as stream:
        texts = [row["text"] for row in csv.DictReader(stream)]
    texts = [texts[place] for place in rng.permutation(len(texts))[:1500]]
    old = Encoder(resolve_source("minilm"))
    words = sorted({word for text in texts for word in text.lower().split()})
    other = Encoder(read_directory(tiny.write_encoder(tmp_path, words=words), reference="path:random"))
    vectors = old.vectors(texts)[0]
    turned = vectors @ ortho_group.rvs(384, random_state=rng).astype(np.float32)
    same = choose_adapter(turned, vectors, spaces=(given_space("turned", 384), old.space), rng=rng)
    assert same.usable
    assert same.recall.low > 0.99
    unrelated = choose_adapter(other.vectors(texts)[0], vectors, spaces=(other.space, old.space), rng=rng)
    assert not unrelated.usable
    assert unrelated.recall.high < 0.2
