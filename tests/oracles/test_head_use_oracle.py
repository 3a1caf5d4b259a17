"""Whether a head follows what vectors tell, in worlds where that is known."""

import numpy as np
import pytest

from graft.core.errors import InputError
from graft.evidence.head_use import attribute_use, direction_use
from graft.evidence.linear_erasure import Whitened, fit_eraser


def world(seed: int, *, tells: float, follows: float, rows: int = 200, width: int = 12):
    rng = np.random.default_rng(seed)
    groups = rng.integers(2, size=rows)
    vectors = rng.normal(size=(rows, width))
    vectors[:, 0] += tells * groups
    weights = rng.normal(size=width)
    weights[0] = follows
    return vectors, groups, lambda given: (given @ weights > 0).astype(int)


def test_a_head_that_follows_the_groups_is_told_from_one_that_does_not():
    vectors, groups, decide = world(0, tells=2.0, follows=4.0)
    used, without = attribute_use(vectors, groups, decide, rng=np.random.default_rng(0))
    assert used.p_value == pytest.approx(1 / 200)
    assert used.changed.mean == pytest.approx((decide(vectors) != without).mean())
    assert used.changed.low > used.by_chance
    gap = [abs(said[groups == 1].mean() - said[groups == 0].mean()) for said in (decide(vectors), without)]
    assert gap[1] < 0.35 * gap[0]
    vectors, groups, decide = world(0, tells=2.0, follows=0.0)
    unused, _ = attribute_use(vectors, groups, decide, rng=np.random.default_rng(0))
    assert unused.p_value > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("follows", [0.0, 1.0])
def test_vectors_that_tell_nothing_are_used_in_one_of_twenty_audits(follows):
    found = []
    for seed in range(200):
        vectors, groups, decide = world(seed, tells=0.0, follows=follows)
        use, _ = attribute_use(vectors, groups, decide, rng=np.random.default_rng(seed), draws=99)
        found.append(use.p_value <= 0.05)
    assert np.mean(found) <= 0.05 + 0.035


def test_a_direction_between_words_is_used_or_not():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, 10))
    first, second = rng.normal(0, 0.3, (8, 10)), rng.normal(0, 0.3, (8, 10))
    first[:, 0] += 1.0
    second[:, 0] -= 1.0
    along, across = np.eye(10)[0], np.eye(10)[5]
    for weights, used in ((along + 0.3 * across, True), (across, False)):
        found = direction_use(
            vectors, first, second, lambda given, w=weights: (given @ w > 0).astype(int), rng=np.random.default_rng(2)
        )
        assert (found.p_value <= 0.05) == used, found


def test_numbers_that_hardly_move_are_the_same():
    vectors, groups, _ = world(3, tells=2.0, follows=0.0)
    use, _ = attribute_use(
        vectors, groups, lambda given: given[:, 0] * 1e-3, rng=np.random.default_rng(0), alike=0.1, draws=19
    )
    assert use.changed.mean == 0.0


def test_one_group_is_refused():
    with pytest.raises(InputError, match="fewer than two groups"):
        attribute_use(np.zeros((10, 2)), np.zeros(10, int), lambda given: given[:, 0], rng=np.random.default_rng(0))


def test_whitening_once_gives_the_same_eraser():
    vectors, groups, _ = world(4, tells=1.0, follows=0.0)
    told = np.eye(2)[groups]
    assert np.allclose(fit_eraser(vectors, told)(vectors), Whitened.of(vectors).eraser(told)(vectors))
