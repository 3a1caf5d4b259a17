import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from graft.core.errors import MissingExtra
from graft.tables.neighbourhood.projection import project_pca, project_umap, umap_installed
from unit.tables.clouds import apart, cloud, unit


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_principal_components_are_those_of_the_decomposition() -> None:
    vectors = cloud(12)(200, rng())
    found = project_pca(vectors, rng=rng())
    left, spread, directions = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    signs = np.sign(directions[[0, 1], np.abs(directions[:2]).argmax(1)])
    places = left[:, :2] * spread[:2] * signs
    assert np.allclose(found.places, (places - places.min(0)) / np.ptp(places, axis=0).max(), atol=1e-3)
    assert found.explained == pytest.approx((spread[:2] ** 2).sum() / (spread**2).sum(), abs=1e-4)


def test_the_order_of_the_rows_does_not_turn_the_map() -> None:
    vectors = cloud(12)(200, rng())
    there, back = project_pca(vectors, rng=rng()), project_pca(vectors[::-1], rng=rng())
    assert np.allclose(there.places, back.places[::-1], atol=1e-3)


def test_a_flat_table_is_kept_whole_and_a_round_one_is_not() -> None:
    flat = np.concatenate([0.2 * rng().normal(size=(300, 2)), np.ones((300, 1)), np.zeros((300, 9))], axis=1)
    faithful, lost = project_pca(unit(flat), rng=rng()), project_pca(unit(rng().normal(size=(300, 64))), rng=rng())
    assert faithful.explained is not None
    assert faithful.explained > 0.97
    assert faithful.kept is not None
    assert faithful.kept > 0.8
    assert faithful.trust is not None
    assert faithful.trust > 0.99
    assert lost.kept is not None
    assert lost.kept < 0.2
    assert lost.trust is not None
    assert lost.trust < 0.8


@pytest.mark.parametrize("rows", [1, 2, 3, 15])
def test_few_rows_have_a_map_that_is_not_judged(rows: int) -> None:
    found = project_pca(unit(rng().normal(size=(rows, 6))), rng=rng())
    assert found.places.shape == (rows, 2)
    assert np.isfinite(found.places).all()
    assert (found.trust, found.kept) == (None, None)


def test_equal_rows_share_a_place() -> None:
    found = project_pca(np.tile(unit(np.ones((1, 6))), (40, 1)), rng=rng())
    assert not found.places.any()
    assert found.explained == 0


def test_one_dimension_is_a_line() -> None:
    found = project_pca(np.sign(rng().normal(size=(40, 1))).astype(np.float32), rng=rng())
    assert not found.places[:, 1].any()


@pytest.mark.slow
def test_asking_whether_umap_is_there_does_not_load_it() -> None:
    code = (
        "import sys; from graft.tables.neighbourhood.projection import umap_installed; umap_installed(); "
        "print('numba' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "False"


@pytest.mark.skipif(umap_installed(), reason="UMAP is installed")
def test_without_umap_the_way_to_install_it_is_told() -> None:
    with pytest.raises(MissingExtra, match=r"graft-ml\[umap\]"):
        project_umap(cloud(6)(50, rng()), rng=rng())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning")  # said by umap, of a part not used here
@pytest.mark.skipif(importlib.util.find_spec("umap") is None, reason="UMAP is not installed")
def test_umap_keeps_groups_apart_and_repeats_itself() -> None:
    vectors = apart((60, 50, 40, 30), rng(), noise=1.2)
    found, again = (project_umap(vectors, rng=rng()) for _ in range(2))
    assert found is not None
    assert again is not None
    assert np.array_equal(found.places, again.places)
    flat = project_pca(vectors, rng=rng())
    assert found.kept is not None
    assert flat.kept is not None
    assert found.kept > flat.kept
    assert project_umap(vectors[:19], rng=rng()) is None
