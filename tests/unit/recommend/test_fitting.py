"""What is chosen on hidden goods, and how they are judged while they warm up."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from graft.entities.factorisation import Factorisation
from graft.entities.posterior import Observed
from graft.entities.shop import Known
from graft.recommend.fitting import FitChoice, Goods, Trial, fit_goods, learn, near_ones

CHOICE = FitChoice(Factorisation(dimension=6, rounds=5))


def goods(seed: int, *, users: int = 150, items: int = 120, kinds: int = 6, told: bool = True) -> Goods:
    """People who like one kind of goods, whose kind is told, or not."""
    rng = np.random.default_rng(seed)
    kind, liked = rng.integers(kinds, size=items), rng.integers(kinds, size=users)
    appeal = rng.uniform(0.2, 1.0, items)
    taken = rng.random((users, items)) < appeal * np.where(liked[:, None] == kind, 0.6, 0.04)
    pairs = sparse.csr_array(taken.astype(np.float64))
    features = sparse.csr_array(np.eye(kinds)[kind] * told)
    things = Known(tuple(f"i{one:03}" for one in range(items)), features, np.full((items, 1), told))
    people = Known(
        tuple(f"u{one:03}" for one in range(users)), sparse.csr_array((users, 0)), np.zeros((users, 0), bool)
    )
    return Goods(Observed(pairs, np.ones(pairs.nnz, bool)), things, people)


def test_a_list_on_the_curve_ranks_what_has_events_left():
    trial = Trial.of(goods(0), 0)
    model = learn(trial.goods, CHOICE).model
    total = np.bincount(trial.later.indices, minlength=len(trial.new))
    second, most = np.sort(total)[-2:]
    assert second < most
    # One item has more events than that: it is the whole list of whoever is left.
    assert trial.warmed(model, int(second)).values["ndcg"].tolist() == [1.0] * int(most - second)
    start = trial.warmed(model, 0)
    assert len(start.scored) == np.count_nonzero(np.diff(trial.later.indptr))
    assert start.values["ndcg"].mean() < 0.9


@pytest.mark.slow
def test_new_items_are_not_lifted_for_being_hidden_whole():
    """All of their events are hidden and a sixth of the others': a list of both must not take that for their appeal."""
    shifts = []
    for seed in range(6):
        trial = Trial.of(goods(seed), seed)
        model = learn(trial.goods, CHOICE).model
        shifts.append([replace(trial, share=share).blended(model).unmet.shift for share in (trial.share, 1.0)])
    fair, biased = np.array(shifts).T
    assert (fair <= biased).all(), shifts
    assert fair.mean() < 0.5 * biased.mean(), shifts


def test_as_many_neighbours_count_as_new_items_do_best_with():
    rng = np.random.default_rng(3)
    whole = goods(3, items=240, kinds=24)
    # What else is told makes all goods a little alike.
    noise = sparse.csr_array(rng.random((240, 40)) * 0.35)
    features = sparse.csr_array(sparse.hstack([whole.items.features, noise], format="csr"))
    trial = Trial.of(replace(whole, items=replace(whole.items, features=features)), 0)
    fitted = {count: learn(trial.goods, replace(CHOICE, neighbours=count)) for count in (10, 50, 200)}
    ndcg = {count: trial.warmed(one.model, 0).values["ndcg"].mean() for count, one in fitted.items()}
    worst = min(ndcg, key=lambda count: ndcg[count])
    found = trial.neighboured(fitted[worst])
    assert ndcg[found.choice.neighbours] > ndcg[worst]
    assert found.model.factors is fitted[worst].model.factors
    assert np.array_equal(
        found.model.alike.toarray(),
        near_ones(trial.goods, replace(CHOICE, neighbours=found.choice.neighbours)).toarray(),
    )


def test_goods_of_which_nothing_is_told_keep_their_neighbours():
    trial = Trial.of(goods(1, told=False), 0)
    fitted = learn(trial.goods, CHOICE)
    assert trial.neighboured(fitted) is fitted


def test_what_is_chosen_ships():
    fitted = fit_goods(goods(2), CHOICE, tries=2)
    assert np.diff(fitted.model.alike.indptr).max() <= fitted.choice.neighbours
    assert len(fitted.tries) == 2
