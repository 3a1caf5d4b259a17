import numpy as np
import pytest

from graft.core.errors import InputError
from graft.tables.neighbourhood.neighbours import neighbours
from graft.tables.neighbourhood.outliers import LEVEL, find_outliers
from unit.tables.clouds import CLEAN, apart, cloud, unit


def flagged_share(vectors: np.ndarray, level: float) -> float:
    found = find_outliers(neighbours(vectors, 5).distances, level=level)
    return len(found.flagged) / len(vectors)


@pytest.mark.parametrize("shape", CLEAN)
def test_on_clean_rows_about_the_stated_share_is_flagged(shape: str) -> None:
    rng = np.random.default_rng(7)
    shares = [flagged_share(CLEAN[shape](800, rng), LEVEL) for _ in range(6)]
    # 4,800 rows: chance alone moves the share by 0.15 points; the shape of the tail by a factor of about two
    assert np.mean(shares) <= 2.5 * LEVEL, shares


def test_over_all_clean_shapes_the_share_is_the_stated_one() -> None:
    rng = np.random.default_rng(8)
    shares = [flagged_share(make(800, rng), LEVEL) for make in CLEAN.values() for _ in range(2)]
    assert 0.4 * LEVEL <= np.mean(shares) <= 1.6 * LEVEL, shares


def test_a_stricter_level_flags_fewer() -> None:
    rng = np.random.default_rng(3)
    distances = neighbours(cloud(16)(1500, rng), 5).distances
    few, more = (find_outliers(distances, level=level) for level in (0.002, 0.05))
    assert len(few.flagged) < len(more.flagged)
    assert set(few.flagged.tolist()) < set(more.flagged.tolist())
    assert more.expected == 75


def test_planted_rows_come_first() -> None:
    rng = np.random.default_rng(1)
    clean = cloud(64, away=16.0)(600, rng)
    strange = unit(rng.normal(size=(20, 64)))
    found = find_outliers(neighbours(np.concatenate([clean, strange]), 5).distances)
    assert set(found.flagged[:20].tolist()) == set(range(600, 620))
    assert found.line is not None
    assert (found.remoteness[600:] > found.line).all()
    assert (np.diff(found.remoteness[found.flagged]) <= 0).all()


@pytest.mark.parametrize(("alike", "remote"), [(1, True), (3, True), (8, False)])
def test_a_few_rows_that_are_alike_are_a_group_not_outliers(alike: int, remote: bool) -> None:
    rng = np.random.default_rng(2)
    vectors = np.concatenate([apart((300, 200, 8), rng, noise=0.5)[:500], apart((1, 1, alike), rng, noise=0.2)[2:]])
    found = find_outliers(neighbours(vectors, 5).distances)
    assert found.line is not None
    assert set(range(500, 500 + alike)).issubset(found.flagged.tolist()) is remote
    assert set(range(500, 500 + alike)).isdisjoint(found.flagged.tolist()) is not remote


@pytest.mark.parametrize(("rows", "reason"), [(0, "fewer than"), (1, "fewer than"), (29, "fewer than")])
def test_few_rows_have_no_line(rows: int, reason: str) -> None:
    found = find_outliers(neighbours(sphere_rows(rows), 5).distances)
    assert found.line is None
    assert reason in found.absent
    assert len(found.flagged) == 0


def sphere_rows(rows: int) -> np.ndarray:
    return unit(np.random.default_rng(0).normal(size=(rows, 6)))


def test_equal_rows_have_no_line() -> None:
    found = find_outliers(neighbours(np.tile(sphere_rows(1), (60, 1)), 5).distances)
    assert found.line is None
    assert "equal" in found.absent


def test_many_equal_rows_do_not_make_the_others_outliers() -> None:
    rng = np.random.default_rng(5)
    vectors = np.concatenate([np.tile(sphere_rows(1), (300, 1)), cloud(6)(400, rng)])
    assert len(find_outliers(neighbours(vectors, 5).distances).flagged) <= 20


@pytest.mark.parametrize("level", [0.0, 0.1, -1.0])
def test_a_level_that_cannot_be_held_is_refused(level: float) -> None:
    with pytest.raises(InputError, match="level"):
        find_outliers(np.ones((50, 5)), level=level)
