"""Users and items to vectors by what users did, with priors from content and context."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from graft.core.errors import InputError
from graft.entities.factorisation import Factorisation, factorise
from graft.entities.posterior import Observed


class Nothing:
    """Nothing is known otherwise: priors are zero."""

    def predicted(self, vectors, precisions):
        return np.zeros_like(vectors)


class Kinds:
    """The mean of the rows of one kind, so strict that it has no penalty."""

    def __init__(self, kinds):
        self.kinds = np.array(kinds)

    def predicted(self, vectors, precisions):
        found = np.zeros_like(vectors)
        for kind in np.unique(self.kinds):
            mine = self.kinds == kind
            if precisions[mine].sum():
                found[mine] = np.average(vectors[mine], axis=0, weights=precisions[mine])
        return found


def _observed(dense) -> Observed:
    pairs = sparse.csr_array(np.asarray(dense, float))
    return Observed(pairs, np.ones(pairs.nnz, bool))


def _loss(observed, factors, priors_of_users, priors_of_items):
    """The loss the module states, pair by pair."""
    chosen, dense = factors.settings, observed.pairs.toarray()
    users, items = dense.shape
    scores = factors.users.anchors @ factors.items.anchors.T + factors.items.offsets
    loss = chosen.unobserved * np.square(scores).sum()
    seen = dense > 0
    loss += (chosen.confidences(dense[seen]) * np.square(1 - scores[seen])).sum()
    loss += (chosen.penalties(seen.sum(1), items) * np.square(factors.users.anchors - priors_of_users).sum(1)).sum()
    whole = np.c_[factors.items.anchors, factors.items.offsets]
    return loss + (chosen.penalties(seen.sum(0), users) * np.square(whole - priors_of_items).sum(1)).sum()


def test_a_checkerboard_is_completed():
    dense = np.indices((24, 24)).sum(0) % 2
    held = dense.copy()
    for user in range(24):
        held[user, (user + 1 + 2 * (user % 12)) % 24] = 0
    factors = factorise(_observed(held), Factorisation(dimension=4, rounds=15), content=Nothing(), context=Nothing())
    scores = factors.users.anchors @ factors.items.anchors.T + factors.items.offsets
    scores[held > 0] = -np.inf
    best = scores.argmax(1)
    assert [int(item) for item in best] == [(user + 1 + 2 * (user % 12)) % 24 for user in range(24)]


def test_three_users_and_three_items_by_hand():
    """One dimension. With y = (1, 1, 0) and b = 0 fixed, ω = 1/2, λ = 1 and φ = 0: YᵀY = 2, so a user of both items
    has x = 2 / (2 + 1 + 1) = 1/2, of the first alone x = 1 / (1 + 1 + 1) = 1/3, and of the third x = 0. Then items are
    solved against [x, 1]: item 1 was met by users 1 and 2."""
    observed = _observed([[1, 1, 0], [1, 0, 0], [0, 0, 1]])
    chosen = Factorisation(dimension=1, rounds=1, unobserved=0.5, penalty=1.0, frequency=0.0)
    from graft.entities.posterior import fixed, means

    users = means(
        observed, fixed(np.array([[1.0], [1.0], [0.0]]), unobserved=0.5), chosen.penalties(observed.counts, 3)
    )
    np.testing.assert_allclose(users.ravel(), [1 / 2, 1 / 3, 0], atol=1e-12)
    side = fixed(np.c_[users, np.ones(3)], unobserved=0.5)
    items = means(observed.turned(), side, np.ones(3))
    # Item 1: A = [1/4 + 1/9 + (1/4 + 1/9)/2 + 1, 5/6 + 5/12; ., 2 + 3/2 + 1], right = [5/6, 2].
    inside = np.array([[13 / 36 * 1.5 + 1, 1.25], [1.25, 4.5]])
    np.testing.assert_allclose(items[0], np.linalg.solve(inside, [5 / 6, 2]), atol=1e-12)


def test_every_round_lowers_the_stated_loss():
    rng = np.random.default_rng(1)
    observed = _observed((rng.random((40, 30)) < 0.2) * rng.integers(1, 5, (40, 30)))
    weighed = Observed(
        sparse.csr_array(
            (Factorisation().confidences(observed.pairs.data), observed.pairs.indices, observed.pairs.indptr),
            shape=observed.pairs.shape,
        ),
        observed.liked,
    )
    losses = []
    for rounds in (1, 2, 4, 8, 16):
        chosen = Factorisation(dimension=5, rounds=rounds)
        factors = factorise(weighed, chosen, content=Nothing(), context=Nothing())
        losses.append(_loss(observed, factors, 0, 0))
    assert all(later < earlier for earlier, later in pairwise(losses))
    assert factors.moves[-1] < factors.moves[1]


def test_an_item_nobody_met_stands_where_its_kind_does():
    rng = np.random.default_rng(2)
    kinds = np.arange(30) % 2
    dense = (rng.random((60, 30)) < np.where(kinds == np.arange(60)[:, None] % 2, 0.5, 0.02)).astype(float)
    dense[:, 28:] = 0
    factors = factorise(_observed(dense), Factorisation(dimension=4, rounds=8), content=Kinds(kinds), context=Nothing())
    scores = factors.users.anchors @ factors.items.anchors.T + factors.items.offsets
    assert (scores[::2, 28] > scores[::2, 29]).all()
    assert (scores[1::2, 29] > scores[1::2, 28]).all()


def test_serving_solves_repeat_the_fit():
    rng = np.random.default_rng(3)
    observed = _observed(rng.random((50, 40)) < 0.2)
    factors = factorise(observed, Factorisation(dimension=6, rounds=4), content=Nothing(), context=Nothing())
    np.testing.assert_allclose(factors.user_means(observed, factors.users.priors), factors.users.anchors, atol=1e-9)
    chosen = np.array([3, 17])
    one_by_one = factors.user_means(observed.take(chosen), factors.users.priors[chosen])
    np.testing.assert_allclose(one_by_one, factors.users.anchors[chosen], atol=1e-9)
    items = factors.item_means(observed.turned(), factors.items.priors)
    assert items.shape == (40, 7)


def test_dislikes_push_away():
    dense = np.zeros((30, 6))
    dense[:15, :3], dense[15:, 3:] = 1, 1
    dense[1, 2] = 0
    pairs = sparse.csr_array(dense)
    liked = ~((pairs.nonzero()[0] == 0) & (pairs.nonzero()[1] == 2))
    factors = factorise(
        Observed(pairs, liked), Factorisation(dimension=3, rounds=6), content=Nothing(), context=Nothing()
    )
    scores = factors.users.anchors @ factors.items.anchors.T + factors.items.offsets
    assert scores[0, 2] < scores[1, 2] < scores[2, 2]


@pytest.mark.parametrize(
    "wrong", [{"dimension": 0}, {"rounds": 1.5}, {"unobserved": 0}, {"penalty": -1}, {"confidence": "square"}]
)
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(InputError):
        Factorisation(**wrong)


def test_a_pair_of_weight_one_counts_one_however_weights_are_read():
    for confidence in ("log", "linear", "once"):
        assert Factorisation(confidence=confidence).confidences(np.array([1.0])).tolist() == [1.0]
    assert Factorisation(confidence="log").confidences(np.array([3.0])).tolist() == [2.0]
