import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from graft.tables.neighbourhood.clusters import GRID, find_clusters
from unit.tables.clouds import CLEAN, apart, cloud, unit


@pytest.mark.parametrize("sizes", [(60, 40), (80, 50, 30, 20), (70,) * 6])
def test_groups_that_stand_apart_are_found(sizes: tuple[int, ...]) -> None:
    vectors = apart(sizes, np.random.default_rng(1))
    found = find_clusters(vectors, rng=np.random.default_rng(0))
    truth = np.repeat(np.arange(len(sizes)), sizes)
    assert adjusted_rand_score(truth, found.assignment) == 1
    assert len(found.centres) == len(sizes)
    assert found.distinct


@pytest.mark.parametrize("shape", [name for name in CLEAN if not name.startswith("groups")])
def test_one_cloud_is_not_called_groups(shape: str) -> None:
    found = find_clusters(CLEAN[shape](300, np.random.default_rng(3)), rng=np.random.default_rng(3))
    assert not found.distinct, (found.separation, found.unstructured, found.error)


def test_the_fewest_within_one_standard_error_are_chosen() -> None:
    vectors = apart((90, 70, 50, 40, 30), np.random.default_rng(2), noise=1.4)
    found = find_clusters(vectors, rng=np.random.default_rng(0))
    best = max(found.tried, key=lambda one: one.separation)
    enough = [one.clusters for one in found.tried if one.separation >= best.separation - best.error]
    assert len(found.centres) == enough[0]
    assert {one.clusters for one in found.tried} <= set(GRID)


def test_every_row_is_with_the_centre_it_points_to_most_and_the_largest_come_first() -> None:
    vectors = apart((50, 90, 30), np.random.default_rng(3), noise=1.0)
    found = find_clusters(vectors, rng=np.random.default_rng(0))
    assert np.allclose(np.linalg.norm(found.centres, axis=1), 1, atol=1e-5)
    assert np.array_equal(found.assignment, np.argmax(vectors @ found.centres.T, axis=1))
    assert np.allclose(found.similarity, (vectors @ found.centres.T).max(axis=1), atol=1e-6)
    sizes = np.bincount(found.assignment)
    assert (sizes > 0).all()
    assert list(sizes) == sorted(sizes, reverse=True)


def test_the_same_generator_gives_the_same_clusters() -> None:
    vectors = cloud(16)(400, np.random.default_rng(4))
    first, again = (find_clusters(vectors, rng=np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(first.assignment, again.assignment)
    assert first.tried == again.tried


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_few_rows_are_one_cluster(rows: int) -> None:
    found = find_clusters(unit(np.random.default_rng(0).normal(size=(rows, 5))), rng=np.random.default_rng(0))
    assert found.assignment.tolist() == [0] * rows
    assert not found.distinct


def test_equal_rows_are_one_cluster_and_two_kinds_of_equal_rows_are_two() -> None:
    one, other = np.eye(4, dtype=np.float32)[:2]
    assert len(find_clusters(np.tile(one, (60, 1)), rng=np.random.default_rng(0)).centres) == 1
    pair = np.concatenate([np.tile(one, (60, 1)), np.tile(other, (40, 1)), np.tile(-one, (30, 1))])
    assert np.bincount(find_clusters(pair, rng=np.random.default_rng(0)).assignment).tolist() in (
        [60, 40, 30],
        [70, 60],
    )


def test_rows_of_zeros_do_not_break_it() -> None:
    vectors = np.concatenate([apart((40, 30), np.random.default_rng(5)), np.zeros((20, 24), np.float32)])
    found = find_clusters(vectors, rng=np.random.default_rng(0))
    assert np.isfinite(found.similarity).all()
