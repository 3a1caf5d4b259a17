"""Several views of the same history in one score, and its shares."""

import numpy as np
import pytest
from scipy import sparse

from graft.entities.factorisation import Factorisation, factorise
from graft.entities.posterior import Observed
from graft.entities.preferences import Blend, Preferences, ViewWeights, signed, taken_together
from graft.entities.reasons import described, reasons

USERS, ITEMS = 40, 30


class ByContent:
    """Least squares on features, a fixed map once it was learnt."""

    def __init__(self, features):
        self.features, self.weights = features, None

    def predicted(self, vectors, precisions):
        known = self.features * precisions[:, None]
        inside = known.T @ self.features + 0.1 * np.eye(self.features.shape[1])
        self.weights = np.linalg.solve(inside, known.T @ vectors)
        return self.features @ self.weights


def _made(seed=0, *, company=True):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(ITEMS, 5))
    dense = (rng.random((USERS, ITEMS)) < 0.25) * rng.integers(1, 4, (USERS, ITEMS))
    dense[:, 26:] = 0
    dense[7] = 0
    pairs = sparse.csr_array(dense.astype(float))
    observed = Observed(pairs, rng.random(pairs.nnz) < 0.9)
    content, context = ByContent(features), ByContent(rng.normal(size=(USERS, 2)))
    factors = factorise(observed, Factorisation(dimension=6, rounds=4), content=content, context=context)
    alike = sparse.csr_array(np.where(rng.random((ITEMS, ITEMS)) < 0.2, rng.random((ITEMS, ITEMS)), 0))
    model = Preferences(
        factors, observed, factors.users.priors, factors.items.priors, alike,
        taken_together(observed, penalty=3.0) if company else None,
        Blend(ViewWeights(0.8, 0.3, 0.5, 0.0), ViewWeights(0.6, 0.7, 0.0, 0.05)),
    )  # fmt: skip
    return model, features, content


def test_a_score_is_the_weighted_sum_of_its_views():
    model, _, _ = _made()
    people = model.known(np.array([0, 3, 7]))
    found = model.scores(people)
    taste = people.vectors @ model.item_vectors[:, :-1].T
    content = people.history.toarray() @ model.alike.toarray().T
    company = np.zeros((3, ITEMS))
    company[:, model.company.items] = people.history.toarray()[:, model.company.items] @ model.company.weights
    spread = taste.std(axis=1, keepdims=True)

    def scaled(view):
        size = view.std(axis=1, keepdims=True)
        return view * np.divide(spread, size, out=np.zeros_like(size), where=size > 1e-12)

    counts = np.count_nonzero(model.pairs.pairs.toarray(), axis=0)
    assert (counts > 0).sum() == 26
    # An item nobody met counts as new, one that five met half, and one that many met hardly.
    new = 5 / (5 + counts)
    weights = [
        new * getattr(model.blend.unmet, name) + (1 - new) * getattr(model.blend.met, name)
        for name in ("popularity", "content", "company", "shift")
    ]
    wanted = taste + weights[0] * model.item_vectors[:, -1] + weights[1] * scaled(content)
    wanted = wanted + weights[2] * scaled(company) + weights[3]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_batches_equal_single_people():
    model, _, _ = _made()
    whole = model.scores(model.known(np.arange(USERS)))
    for user in range(USERS):
        np.testing.assert_allclose(model.scores(model.known(np.array([user])))[0], whole[user], atol=1e-5)


@pytest.mark.parametrize("company", [True, False])
def test_reasons_sum_to_the_score(company):
    model, _, _ = _made(company=company)
    for user in (0, 5, 7, 21):
        person = model.pairs.take(np.array([user]))
        scores = model.scores(model.known(np.array([user])))[0]
        for item in (0, 11, 27, 29):
            told = reasons(model, person, model.user_priors[user], item)
            assert told.score == pytest.approx(float(scores[item]), abs=2e-5)
            assert told.score == pytest.approx(
                told.shares.sum() + told.context + told.popularity + told.rest, abs=1e-12
            )


def test_the_description_of_an_unmet_item_sums_to_the_score_too():
    model, features, content = _made()
    people = model.known(np.array([4]))
    shares, other = described(model, people, 28, features[28], content.weights)
    assert shares.sum() + other == pytest.approx(float(model.scores(people)[0, 28]), abs=1e-6)
    # What is not of content: likeness to what was taken, and the shift.
    views = model.views(people)
    alike = views.content.toarray()[0, 28] * views.content_scale[0] * model.blend.unmet.content
    assert other == pytest.approx(float(alike) + model.blend.unmet.shift, abs=1e-5)


def test_newcomers_are_scored_as_if_they_were_known():
    model, _, _ = _made()
    taken = model.pairs.take(np.array([9, 2]))
    people = model.newcomers(taken, model.user_priors[[9, 2]])
    np.testing.assert_allclose(model.scores(people), model.scores(model.known(np.array([9, 2]))), atol=1e-6)


def test_somebody_without_history_gets_their_prior_and_no_view_of_history():
    model, _, _ = _made()
    people = model.known(np.array([7]))
    np.testing.assert_allclose(people.vectors[0], model.user_priors[7], atol=1e-12)
    views = model.views(people)
    assert views.content.nnz == 0
    assert not views.company.any()


def test_what_is_taken_together_solves_its_least_squares():
    model, _, _ = _made()
    dense = np.maximum(signed(model.pairs).toarray(), 0) > 0
    found = taken_together(model.pairs, penalty=3.0)
    assert found.items.tolist() == np.flatnonzero(dense.any(axis=0)).tolist()
    weights, dense = found.weights.astype(float), dense[:, found.items]
    assert not np.diag(weights).any()
    for item in (0, 9):
        others = np.delete(np.arange(len(found.items)), item)
        inside = dense[:, others].T.astype(float) @ dense[:, others] + 3.0 * np.eye(len(others))
        wanted = np.linalg.solve(inside, dense[:, others].T.astype(float) @ dense[:, item])
        np.testing.assert_allclose(weights[others, item], wanted, atol=1e-5)


def test_a_model_grows_without_moving_what_is_there():
    model, _, _ = _made()
    before = model.scores(model.known(np.array([0, 1])))
    near = sparse.csr_array(np.array([[0.5] + [0.0] * (ITEMS - 1)]))
    grown = model.grown(users=np.zeros((2, 6)), items=np.full((1, 7), 0.1), alike=near)
    assert (grown.users, grown.items) == (USERS + 2, ITEMS + 1)
    np.testing.assert_allclose(grown.item_vectors[:ITEMS], model.item_vectors, atol=1e-12)
    np.testing.assert_allclose(grown.user_vectors[:USERS], model.user_vectors, atol=1e-12)
    after = grown.scores(grown.known(np.array([0, 1])))
    # Views are scaled by their spread over the catalogue, which one item more moves a little.
    assert np.abs(after[:, :ITEMS] - before).max() < 0.1 * np.abs(before).max()
    assert not grown.met[-1]


def test_only_the_items_most_people_met_have_company():
    model, _, _ = _made()
    few = taken_together(model.pairs, penalty=3.0, most=5)
    counts = (signed(model.pairs).toarray() > 0).sum(axis=0)
    assert counts[few.items].min() >= np.sort(counts)[-5]
    assert few.weights.shape == (5, 5)
