"""From features to vectors, against scikit-learn's ridge and one way of solving against another."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge as Oracle

from graft.entities import content_map
from graft.entities.content_map import CONSTANT, ContentRidge

RNG = np.random.default_rng(0)


def _rows(rows, width):
    return sparse.csr_array(sparse.random(rows, width, 0.2, random_state=0, format="csr"))


@pytest.mark.parametrize(("rows", "width"), [(80, 12), (30, 90)])
def test_the_map_is_a_weighted_ridge_with_a_free_constant(rows, width):
    features, wanted = _rows(rows, width), RNG.normal(size=(rows, 4)) + 3
    precisions = RNG.uniform(0.1, 5, rows)
    precisions[::7] = 0
    found = ContentRidge(features, 2.0).predicted(wanted, precisions)
    known = precisions > 0
    oracle = Oracle(alpha=2.0, solver="cholesky")
    weights = precisions[known] / precisions[known].mean()
    oracle.fit(features[known].toarray(), wanted[known], sample_weight=weights)
    # The constant has a penalty of 2 / 10,000 here, none there.
    np.testing.assert_allclose(found, oracle.predict(features.toarray()), atol=2e-3)


def test_rows_features_and_gradients_solve_the_same(monkeypatch):
    for rows, width in ((60, 25), (25, 60)):
        features, wanted = _rows(rows, width), RNG.normal(size=(rows, 3))
        precisions = RNG.uniform(0.5, 2, rows)
        exact = ContentRidge(features, 0.5).predicted(wanted, precisions)
        monkeypatch.setattr(content_map, "_DIRECT", 0)
        learnt = ContentRidge(features, 0.5)
        learnt.predicted(RNG.normal(size=(rows, 3)), precisions)
        np.testing.assert_allclose(learnt.predicted(wanted, precisions), exact, atol=1e-6)
        monkeypatch.undo()


def test_shares_sum_to_the_prediction_and_nothing_known_is_the_mean():
    features = sparse.csr_array(np.vstack([_rows(40, 8).toarray(), np.zeros((1, 8))]))
    wanted = RNG.normal(size=(41, 3)) + 5
    learnt = ContentRidge(features, 1.0)
    found = learnt.predicted(wanted, np.append(np.ones(40), 0.0))
    assert learnt.map is not None
    np.testing.assert_allclose(learnt.map(features), found, atol=1e-12)
    for row in (0, 40):
        places, shares = learnt.map.shares(features[[row]])
        np.testing.assert_allclose(shares.sum(axis=0), found[row], atol=1e-12)
        assert places[-1] == -1
    np.testing.assert_allclose(found[40], CONSTANT * learnt.map.weights[-1], atol=1e-12)
    only = ContentRidge(sparse.csr_array((41, 0)), 1.0).predicted(wanted, np.append(np.ones(40), 0.0))
    np.testing.assert_allclose(only, np.broadcast_to(wanted[:40].mean(axis=0), (41, 3)), rtol=1e-4)


def test_no_row_that_is_known_leaves_zero():
    assert not ContentRidge(_rows(5, 3), 1.0).predicted(np.ones((5, 2)), np.zeros(5)).any()
