"""One side of a factorisation given the other, against the normal equations solved directly."""

import numpy as np
import pytest
from scipy import sparse

from graft.entities.posterior import Observed, fixed, means, precision, spreads

RNG = np.random.default_rng(0)


def _observed(rows: int, columns: int, most: int, rng: np.random.Generator) -> Observed:
    """Rows with 0 to ``most`` pairs each, and one with all columns."""
    dense = np.zeros((rows, columns))
    for row in range(rows):
        met = rng.permutation(columns)[: columns if row == 0 else rng.integers(0, most + 1)]
        dense[row, met] = rng.uniform(0.2, 4.0, len(met))
    pairs = sparse.csr_array(dense)
    return Observed(pairs, rng.random(pairs.nnz) < 0.8)


def _directly(observed: Observed, vectors, offsets, unobserved, penalties, priors):
    found = priors.astype(np.float64).copy()
    for row in range(len(found)):
        mine = slice(observed.pairs.indptr[row], observed.pairs.indptr[row + 1])
        met, confidence = observed.pairs.indices[mine], observed.pairs.data[mine]
        if len(met):
            inside = (vectors[met].T * confidence) @ vectors[met] + unobserved * vectors.T @ vectors
            inside += penalties[row] * np.eye(vectors.shape[1])
            right = (confidence * (observed.liked[mine] - offsets[met])) @ vectors[met]
            right += penalties[row] * priors[row] - unobserved * (offsets @ vectors)
            found[row] = np.linalg.solve(inside, right)
    return found


@pytest.mark.parametrize("dimension", [1, 3, 16, 40])
@pytest.mark.parametrize("unobserved", [0.01, 1.0])
def test_rows_solve_their_normal_equations_with_few_pairs_and_with_many(dimension, unobserved):
    observed = _observed(200, 90, 60, RNG)
    vectors, offsets = RNG.normal(size=(90, dimension)), RNG.normal(size=90) * 0.2
    penalties, priors = RNG.choice([0.3, 2.0], 200), RNG.normal(size=(200, dimension))
    side = fixed(vectors, offsets, unobserved=unobserved)
    wanted = _directly(observed, vectors, offsets, unobserved, penalties, priors)
    np.testing.assert_allclose(means(observed, side, penalties, priors), wanted, atol=1e-10)
    single = means(observed, fixed(vectors, offsets, unobserved=unobserved, dtype=np.float32), penalties, priors)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, wanted, atol=2e-3)


def test_what_was_not_observed_pulls_towards_the_prior_where_a_row_was_shown_to_few():
    observed = _observed(60, 40, 36, RNG)
    vectors, offsets, priors = RNG.normal(size=(40, 6)), RNG.normal(size=40) * 0.2, RNG.normal(size=(60, 6))
    exposures = observed.counts / (observed.counts + 4.0)
    found = means(observed, fixed(vectors, offsets, unobserved=0.3), np.full(60, 0.7), priors, exposed=exposures)
    for row in range(60):
        mine = slice(observed.pairs.indptr[row], observed.pairs.indptr[row + 1])
        met, confidence = observed.pairs.indices[mine], observed.pairs.data[mine]
        exposed = exposures[row]
        gram = 0.3 * vectors.T @ vectors
        inside = (vectors[met].T * confidence) @ vectors[met] + gram + 0.7 * np.eye(6)
        right = (confidence * (observed.liked[mine] - offsets[met])) @ vectors[met]
        right = right + (0.7 * np.eye(6) + (1 - exposed) * gram) @ priors[row] - exposed * 0.3 * (offsets @ vectors)
        np.testing.assert_allclose(found[row], np.linalg.solve(inside, right), atol=1e-10)


def test_threads_change_no_bit():
    observed = _observed(3000, 80, 50, RNG)
    vectors = RNG.normal(size=(80, 24))
    penalties = 0.1 * (observed.counts + 3.0)
    side = fixed(vectors, unobserved=0.1, dtype=np.float32)
    np.testing.assert_array_equal(
        means(observed, side, penalties), means(observed, side, penalties, threads=3), strict=True
    )


def test_a_row_without_pairs_is_its_prior_to_the_last_digit_of_a_rotation():
    observed = Observed(sparse.csr_array((2, 5)), np.zeros(0, bool))
    priors = RNG.normal(size=(2, 4))
    side = fixed(RNG.normal(size=(5, 4)), np.ones(5), unobserved=0.5)
    np.testing.assert_allclose(means(observed, side, np.ones(2), priors), priors, atol=1e-14)


def test_precision_is_the_curvature_of_the_loss():
    vectors, penalty, unobserved = RNG.normal(size=(30, 5)), 0.7, 0.2
    met, confidence = np.array([3, 7, 21]), np.array([1.0, 2.0, 0.5])
    wanted = (vectors[met].T * confidence) @ vectors[met] + unobserved * vectors.T @ vectors + penalty * np.eye(5)
    side = fixed(vectors, unobserved=unobserved)
    np.testing.assert_allclose(precision(side, met, confidence, penalty), wanted, atol=1e-12)
    np.testing.assert_allclose(precision(side, met[:0], confidence[:0], penalty), penalty * np.eye(5))


def test_columns_that_came_later_count_where_they_were_met_and_not_among_the_unobserved():
    vectors, offsets = RNG.normal(size=(12, 4)), RNG.normal(size=12)
    later, shift = RNG.normal(size=(3, 4)), np.zeros(3)
    side = fixed(vectors, offsets, unobserved=0.3)
    grown = side.reaching(later @ side.directions, shift)
    pairs = sparse.csr_array(np.array([[0.0] * 11 + [1.0, 2.0, 0.0, 0.0]]))
    found = means(Observed(pairs, np.ones(2, bool)), grown, np.array([0.5]), np.zeros((1, 4)))
    inside = 0.3 * vectors.T @ vectors + 0.5 * np.eye(4) + np.outer(vectors[11], vectors[11])
    inside += 2 * np.outer(later[0], later[0])
    right = (1 - offsets[11]) * vectors[11] + 2 * later[0] - 0.3 * (offsets @ vectors)
    np.testing.assert_allclose(found[0], np.linalg.solve(inside, right), atol=1e-12)


def test_pairs_can_be_read_by_column_and_by_rows_of_choice():
    observed = _observed(20, 15, 6, RNG)
    dense, liked = observed.pairs.toarray(), np.zeros((20, 15), bool)
    liked[observed.pairs.nonzero()] = observed.liked
    turned = observed.turned()
    np.testing.assert_array_equal(turned.pairs.toarray(), dense.T)
    assert (turned.liked == liked.T[turned.pairs.nonzero()]).all()
    chosen = observed.take(np.array([4, 0, 4]))
    np.testing.assert_array_equal(chosen.pairs.toarray(), dense[[4, 0, 4]])
    assert (chosen.liked == liked[[4, 0, 4]][chosen.pairs.nonzero()]).all()


@pytest.mark.parametrize("dimension", [1, 5, 30])
def test_kept_precisions_solve_and_vary_as_dense_ones_do(dimension):
    observed = _observed(40, 25, 12, RNG)
    vectors, penalties, exposed = RNG.normal(size=(25, dimension)), RNG.uniform(0.2, 3, 40), RNG.uniform(0, 1.5, 40)
    found = spreads(observed, fixed(vectors, unobserved=0.4), penalties, exposed)
    along, right = RNG.normal(size=(3, dimension)), RNG.normal(size=(40, dimension))
    variances, solved = found.along(along), found.solved(right)
    for row, dense in enumerate(observed.pairs.toarray()):
        inside = (vectors.T * dense) @ vectors + exposed[row] * 0.4 * vectors.T @ vectors
        inverse = np.linalg.inv(inside + penalties[row] * np.eye(dimension))
        np.testing.assert_allclose(variances[:, row], np.einsum("zd,de,ze->z", along, inverse, along), atol=1e-9)
        np.testing.assert_allclose(solved[row], inverse @ right[row], atol=1e-9)
    some = np.array([3, 0, 17])
    others = spreads(observed.take(some), fixed(vectors, unobserved=0.4), np.full(3, 9.0), np.zeros(3))
    mixed = found.with_rows(some, others)
    rest = np.setdiff1d(np.arange(40), some)
    np.testing.assert_allclose(mixed.along(along)[:, some], others.along(along), atol=1e-12)
    np.testing.assert_allclose(mixed.along(along)[:, rest], variances[:, rest], atol=1e-12)
    np.testing.assert_allclose(mixed.solved(right)[some], others.solved(right[some]), atol=1e-12)
