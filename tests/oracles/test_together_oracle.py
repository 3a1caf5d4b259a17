"""What is taken together: chance by its own margins, known numbers, and what is planted."""

import numpy as np
import pytest
from scipy import sparse, stats

from graft.core.errors import InputError
from graft.evidence.together import taken_with


def drawn(baskets: int, items: int, seed: int, *, pull: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Baskets by chance alone: busy people and popular items. Item 1 is taken ``pull`` times as often with item 0."""
    rng = np.random.default_rng(seed)
    busy, popular = rng.lognormal(1.5, 1.0, baskets), rng.lognormal(0, 1.0, items)
    popular[:2] = np.median(popular)
    chance = -np.expm1(-np.outer(busy, popular / popular.sum()))
    held = rng.random((baskets, items)) < chance
    again = held[:, 0] & (rng.random(baskets) < np.minimum(pull * chance[:, 1], 1))
    held[:, 1] = np.where(held[:, 0], again, held[:, 1])
    return held, chance


def test_numbers_by_hand():
    """All baskets are of two items: a quarter holds item 0, and the other is item 1 in 20 of 25 and 30 of 75 cases."""
    held = np.zeros((100, 6), int)
    held[:25, 0], held[25:, 5] = 1, 1
    held[:20, 1], held[20:25, 2] = 1, 1
    held[25:55, 1], held[55:, 2] = 1, 1
    found = taken_with(sparse.csr_array(held), np.array([0]))
    # Beside item 0 there is one further item, and two where it is not: 1 - exp(-w) against 1 - exp(-2 w).
    once = 1 - (keeps := np.roots([75, 25, -50]).max())
    share = 25 * once / (25 * once + 75 * (1 - keeps**2))
    assert found.both.tolist() == [0, 20, 5, 0, 0, 0]
    assert (found.baskets, found.asked) == (25, 3)
    assert found.expected[1] == pytest.approx(30 * share / (1 - share))
    assert found.p_value[1] == pytest.approx(stats.binom.sf(19, 50, share))
    assert np.isnan(found.expected[[0, 3, 4]]).all()


def test_interval_is_clopper_and_pearsons():
    held, _ = drawn(400, 30, 0, pull=1.0)
    found = taken_with(sparse.csr_array(held.astype(int)), np.array([0]))
    one = int(np.flatnonzero(~found.chosen & (found.both > 0))[0])
    taken = int(held[:, one].sum())
    wanted = stats.binomtest(int(found.both[one]), taken).proportion_ci(0.95)
    odds = (taken - found.both[one]) / found.expected[one]
    ends = [odds * share / (1 - share) for share in (wanted.low, wanted.high)]
    assert (found.low[one], found.high[one]) == pytest.approx(tuple(ends))
    assert found.lift[one] == pytest.approx(found.both[one] / found.expected[one])


def test_chance_keeps_both_margins():
    held, chance = drawn(3000, 60, 1)
    found = taken_with(sparse.csr_array(held.astype(int)), np.array([0]))
    anchored = held[:, 0]
    truth = chance[anchored].sum(axis=0)
    asked = np.flatnonzero(~np.isnan(found.expected))
    # A basket that holds much by luck looks busy, so a little is missing.
    assert 0.8 < np.exp(np.log(found.expected[asked] / truth[asked]).mean()) < 1.05
    # Independence of items, which many tools take for chance, sees pairs everywhere.
    naive = held[:, asked].mean(axis=0) * anchored.sum()
    assert (naive < 0.85 * truth[asked]).mean() > 0.5


@pytest.mark.slow
def test_false_discoveries_and_what_is_planted():
    wrong, right, covered, told = [], [], [], 0
    for seed in range(300):
        held, _ = drawn(600, 80, seed, pull=6.0)
        found = taken_with(sparse.csr_array(held.astype(int)), np.array([0]))
        chosen = np.flatnonzero(found.chosen)
        wrong.append((chosen != 1).sum() / max(len(chosen), 1))
        right.append(found.chosen[1])
        if found.chosen[1]:
            told += 1
            covered.append(found.low[1] <= 6.0 <= found.high[1])
    assert np.mean(wrong) <= 0.05
    assert np.mean(right) > 0.5
    assert np.mean(covered) > 0.9
    nothing = [taken_with(sparse.csr_array(drawn(600, 80, seed)[0].astype(int)), np.array([0])) for seed in range(300)]
    alarms = sum(one.chosen.any() for one in nothing)
    assert stats.binomtest(alarms, 300, 0.05, alternative="greater").pvalue > 0.001


def test_borders():
    empty = sparse.csr_array((3, 4))
    found = taken_with(empty, np.array([0]))
    assert (found.baskets, found.asked, found.chosen.any()) == (0, 0, False)
    with pytest.raises(InputError, match="places from 0 to 3"):
        taken_with(empty, np.array([4]))
    with pytest.raises(InputError, match="places from 0 to 3"):
        taken_with(empty, np.array([], dtype=int))
    everything = sparse.csr_array(np.ones((20, 3), int))
    found = taken_with(everything, np.array([0, 2]))
    assert not found.chosen.any()
    # Every basket holds it, with item 0 or without: nothing can be said against the others, as there are none.
    assert np.isnan(found.lift[1])
    assert found.high[1] == np.inf
