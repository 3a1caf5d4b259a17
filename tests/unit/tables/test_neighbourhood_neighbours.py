import numpy as np
import pytest

from graft.core.errors import InputError
from graft.tables.neighbourhood.neighbours import neighbours
from unit.tables.clouds import unit


def test_they_are_the_nearest_others() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(70, 9)))
    distances = 1 - vectors.astype(float) @ vectors.T.astype(float)
    np.fill_diagonal(distances, np.inf)
    found = neighbours(vectors, 4)
    assert np.array_equal(found.positions, np.argsort(distances, axis=1)[:, :4])
    assert np.allclose(found.distances, np.sort(distances, axis=1)[:, :4], atol=1e-6)


def test_a_row_among_its_copies_is_not_its_own_neighbour() -> None:
    vectors = np.concatenate([np.tile(unit(np.ones((1, 5))), (12, 1)), unit(np.eye(5))])
    found = neighbours(vectors, 3)
    assert not (found.positions == np.arange(len(vectors))[:, None]).any()
    assert np.allclose(found.distances[:12], 0, atol=1e-6)
    assert (found.distances >= 0).all()


def test_of_some_rows_only() -> None:
    vectors = unit(np.random.default_rng(1).normal(size=(30, 4)))
    every, some = neighbours(vectors, 5), neighbours(vectors, 5, rows=np.array([7, 3]))
    assert np.array_equal(some.positions, every.positions[[7, 3]])


@pytest.mark.parametrize(("rows", "k", "shape"), [(0, 3, (0, 0)), (1, 3, (1, 0)), (3, 10, (3, 2))])
def test_there_are_no_more_than_the_other_rows(rows: int, k: int, shape: tuple[int, int]) -> None:
    found = neighbours(np.eye(4, dtype=np.float32)[:rows], k)
    assert found.positions.shape == found.distances.shape == shape


def test_none_is_not_a_number_of_neighbours() -> None:
    with pytest.raises(InputError, match="k=0"):
        neighbours(np.eye(4, dtype=np.float32), 0)
