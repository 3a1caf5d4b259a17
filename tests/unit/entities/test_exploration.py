"""Explored places: the budget to the place, chances that are right, rules that hold, and nothing where nobody asked."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from scipy import stats

from graft.core.errors import InputError
from graft.entities.exploration import (
    Doubtful,
    Exploration,
    Exposures,
    ListExplorer,
    Quota,
    chances_of_best,
)
from graft.entities.posterior import Spreads

WIDE = 0.6


def explorer(settings, *, known=6, new=4, before=None, means=(0.0, 0.2, 0.4, 0.6), deviations=(WIDE,) * 4):
    """``known`` items with the scores 1, .9, .8 …, then new ones with these means; people have no vectors."""
    doubtful = Doubtful(
        np.arange(known, known + new),
        tuple(f"n{at}" for at in range(new)),
        np.array(means[:new])[:, None],
        Spreads(np.square(np.array(deviations[:new]))[:, None], np.eye(1), np.zeros((0, 1)), np.zeros(0, np.int64)),
        1.0,
    )
    return ListExplorer(settings, doubtful, before)


def answered(made, people, k, *, known=6, means=(0.0, 0.2, 0.4, 0.6), quota=None):
    scores = np.tile(np.concatenate([1 - 0.1 * np.arange(known), means]).astype(np.float32), (people, 1))
    return made.answer(scores, np.zeros((people, 0)), k, quota)


@pytest.mark.parametrize("share", [0.03, 0.05, 0.1, 0.15, 0.2, 0.37, 1.0])
@pytest.mark.parametrize("k", [1, 5, 10])
def test_the_budget_is_kept_at_every_moment(share, k):
    settings = Exploration(share=share, draws=5)
    made = explorer(settings, new=12, means=(0.0,) * 12, deviations=(WIDE,) * 12)
    lists = answered(made, 200, k, means=(0.0,) * 12)
    spent = np.cumsum([one.explored.sum() for one in lists])
    budget = settings.places(k)
    assert spent[-1] > 0
    for number, so_far in enumerate(spent, 1):
        blocks, left = divmod(number, budget.block)
        least = budget.each * number + budget.more * blocks
        assert least <= so_far <= least + min(left, budget.more)
    # Nothing is overspent, and less than one place of twenty lists is left unspent.
    assert share * k - 1 / 20 < budget.each + budget.more / budget.block <= share * k + 1e-9


def test_in_several_calls_the_budget_and_the_lists_are_the_same_as_in_one():
    settings = Exploration(share=0.1, seed=3)
    whole = answered(explorer(settings), 40, 4)
    parts, before = [], Exposures()
    for _ in range(8):
        found = answered(explorer(settings, before=before), 5, 4)
        parts += found
        before = Exposures(before.lists + 5)
    assert [one.places.tolist() for one in parts] == [one.places.tolist() for one in whole]
    other = answered(explorer(Exploration(share=0.1, seed=4)), 40, 4)
    assert [one.places.tolist() for one in other] != [one.places.tolist() for one in whole]


def test_no_item_gets_more_than_its_cap():
    made = explorer(Exploration(share=0.5, most_per_item=7, draws=20), before=Exposures(0, {"n0": 5}))
    lists = answered(made, 100, 4)
    counts = Counter(int(at) for one in lists for at in one.places[one.explored])
    # 26 - 5 explored places are left for the four; 0 had five before.
    assert counts == {6: 2, 7: 7, 8: 7, 9: 7}
    assert all(len(one.places) == 4 for one in lists)


@pytest.mark.parametrize("quota", [None, Quota(np.array([-1] * 6 + [0, 0, 1, 1]), 1)])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
def test_chances_are_how_often_it_happens(share, quota):
    """Lists of 3 by many seeds: an item is in as many of them as its propensity says, and these sum to the places."""
    seen, told = np.zeros(10), np.zeros(10)
    seeds = 300
    for seed in range(seeds):
        one = answered(explorer(Exploration(share=share, draws=100, seed=seed)), 1, 3, quota=quota)[0]
        seen[one.places] += 1 / seeds
        told[one.possible] += one.chance / seeds
        assert one.chance.sum() == pytest.approx(3, abs=1e-6 if share * 3 <= 1 else 0.05)
    error = np.sqrt(np.maximum(seen * (1 - seen), 1e-4) / seeds)
    assert np.all(np.abs(seen - told) < 4 * error + 1e-9)


@pytest.mark.parametrize("share", [1 / 3, 2 / 3])
def test_the_mean_weight_of_what_is_shown_is_one(share):
    """With chances that are counted in few draws too: Σ 1 / propensity over what is shown is what could be shown."""
    total = np.zeros(10)
    lists = answered(explorer(Exploration(share=share, draws=30)), 1500, 3)
    for one in lists:
        np.add.at(total, one.places, 1 / one.of_shown()[0])
    always = [place for place in range(10) if total[place] > 0]
    for place in always:
        assert total[place] / 1500 == pytest.approx(1, abs=0.15)
    assert len(always) >= 5


def test_one_explored_place_has_an_exact_chance():
    """Against an integral by another rule, and against draws."""
    means, deviations = np.array([0.0, 0.5, -1.0, 0.45]), np.array([1.0, 0.3, 2.0, 0.011])
    found = chances_of_best(means, deviations)
    grid = np.linspace(-20, 20, 200_001)
    floor = np.maximum(deviations, 0.02)
    below = np.array([stats.norm.cdf(grid, mean, wide) for mean, wide in zip(means, floor, strict=True)])
    for at in range(4):
        others = np.prod(np.delete(below, at, axis=0), axis=0)
        exact = np.trapezoid(stats.norm.pdf(grid, means[at], floor[at]) * others, grid)
        assert found[at] == pytest.approx(exact, abs=1e-7)
    assert found.sum() == pytest.approx(1)
    two = chances_of_best(np.array([0.3, 1.1]), np.array([0.5, 1.2]))
    assert two[0] == pytest.approx(stats.norm.cdf((0.3 - 1.1) / np.hypot(0.5, 1.2)), abs=1e-9)


@pytest.mark.parametrize(
    ("means", "deviations", "expected"),
    [
        ([1.0], [0.0], [1.0]),
        ([1.0, 2.0], [0.0, 0.0], [0.0, 1.0]),
        ([2.0, 2.0], [0.0, 0.0], [1.0, 0.0]),
        ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1 / 3] * 3),
        ([0.0, 1e6], [1.0, 1.0], [0.0, 1.0]),
        ([-1e9, 5.0], [1e-9, 3.0], [0.0, 1.0]),
    ],
)
def test_chances_at_the_edges(means, deviations, expected):
    assert chances_of_best(np.array(means), np.array(deviations)) == pytest.approx(np.array(expected), abs=1e-9)


def test_explored_items_stand_last_and_obey_the_rules():
    quota = Quota(np.array([0, 0, 1, 1, 2, 2, 0, 1, 2, 2]), 1)
    for one in answered(explorer(Exploration(share=1.0, draws=20)), 20, 5, quota=quota):
        assert len(set(quota.values[one.places].tolist())) == len(one.places) == 3
        assert one.explored.tolist() == [True, True, True]
    for one in answered(explorer(Exploration(share=0.25, draws=20)), 20, 4):
        assert one.places[:3].tolist() == [0, 1, 2]
        assert one.explored.tolist() == [False, False, False, True]


def test_of_many_new_items_the_most_promising_are_drawn_from():
    """Two deviations above the means: .6 + 1.2, and 0 + 2 for one that is known less."""
    wide = (WIDE,) * 3 + (1.0,) + (WIDE,) * 2
    made = explorer(Exploration(share=1.0, among=2), new=6, means=(0.0, 0.2, 0.4, 0.0, 0.6, 0.5), deviations=wide)
    drawn = {int(one.places[0]) for one in answered(made, 60, 1, means=(0.0, 0.2, 0.4, 0.0, 0.6, 0.5))}
    assert drawn == {9, 10}


def test_without_anything_new_lists_stay_as_they_were():
    made = explorer(Exploration(share=1.0), new=0)
    for one in answered(made, 3, 4, means=()):
        assert one.places.tolist() == [0, 1, 2, 3]
        assert one.chance.tolist() == [1.0] * 4
        assert not one.explored.any()


def test_lists_that_cannot_be_filled_are_short():
    scores = np.full((1, 10), -np.inf, np.float32)
    scores[0, [2, 7]] = 1, 0
    one = explorer(Exploration(share=1.0, draws=5)).answer(scores, np.zeros((1, 0)), 5, None)[0]
    assert one.places.tolist() == [7, 2]
    assert one.explored.tolist() == [True, False]
    scores[:] = -np.inf
    assert explorer(Exploration(share=1.0)).answer(scores, np.zeros((1, 0)), 5, None)[0].places.tolist() == []


def test_exposures_are_counted_from_what_was_answered():
    shown = pl.DataFrame({"list": [4, 4, 5], "item": ["a", "b", "b"], "explored": [False, True, True]})
    found = Exposures(2, {"b": 1, "c": 3}).after(shown)
    assert found == Exposures(6, {"b": 3, "c": 3})
    assert found.after(shown[:0]) == found
    with pytest.raises(InputError, match="'list', 'explored'"):
        found.after(pl.DataFrame({"item": ["a"]}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"share": 0}, "a share of 0"),
        ({"share": 1.5}, "at most 1"),
        ({"share": float("nan")}, "a share of nan"),
        ({"share": "much"}, "a share of 'much'"),
        ({"fewer_than": 0}, "fewer_than"),
        ({"most_per_item": 0}, "most_per_item"),
        ({"draws": 0.5}, "draws"),
        ({"among": 0}, "among"),
        ({"share": True}, "a share of True"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        Exploration(**given)
