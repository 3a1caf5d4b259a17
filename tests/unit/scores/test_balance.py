"""What stands side by side is made to weigh alike, and a head on that is a head on what it was."""

import numpy as np
import pytest

from graft.core.tasks import Task
from graft.scores.balance import Block, fit_balance
from graft.scores.linear import LinearHead, solve_head

BLOCKS = (Block(0, 6, 10), Block(6, 10, 11))


def rows(count: int = 80, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = np.zeros((count, 13), np.float32)
    made[:, :6] = rng.normal(size=(count, 6)) + 1
    made[:, 6:10] = 0.02 * rng.normal(size=(count, 4)) + 5
    made[: count // 4, 6:10], made[: count // 4, 11] = 0, 1
    made[:, 12] = rng.normal(size=count)
    return made


def test_each_part_varies_by_one_in_all_over_the_rows_that_have_it():
    made = fit_balance(BLOCKS, rows()).of(rows())
    for block, there in zip(BLOCKS, (np.arange(80), np.arange(20, 80)), strict=True):
        part = made[there, block.start : block.end].astype(np.float64)
        assert np.abs(part.mean(0)).max() < 1e-5
        assert np.square(part).sum(1).mean() == pytest.approx(1, abs=1e-4)
    assert not made[:20, 6:10].any(), "a row that lacks a part lies in the middle of the others"
    np.testing.assert_array_equal(made[:, 10:], rows()[:, 10:])


def test_inside_a_part_the_geometry_stays():
    before, after = rows()[20:], fit_balance(BLOCKS, rows()).of(rows())[20:]
    for block in BLOCKS:
        one, other = (np.linalg.norm(np.diff(x[:, block.start : block.end], axis=0), axis=1) for x in (before, after))
        assert other / one == pytest.approx(np.full(len(one), (other / one)[0]), rel=1e-4)


def test_a_head_on_balanced_columns_is_folded_into_one_on_the_columns_as_they_are():
    inputs, rng = rows(), np.random.default_rng(1)
    balance = fit_balance(BLOCKS, inputs)
    head = LinearHead(rng.normal(size=(3, 13)).astype(np.float32), rng.normal(size=3).astype(np.float32), 1.0, 0)
    fresh = rows(50, seed=9)
    np.testing.assert_allclose(balance.folded(head).logits(fresh), head.logits(balance.of(fresh)), atol=2e-3)


def test_a_part_that_says_the_same_of_every_row_gets_no_voice_and_breaks_nothing():
    inputs = rows()
    inputs[:, 6:10], inputs[:, 11] = (3.0, 4.0, 0.0, 1e-9), 0
    balance = fit_balance(BLOCKS, inputs)
    assert balance.scales[1] == np.inf
    made = balance.of(inputs)
    assert np.isfinite(made).all()
    assert not made[:, 6:10].any()
    targets = (inputs[:, 0] > 1).astype(np.int64)
    head = balance.folded(
        solve_head(made, targets, task=Task.BINARY, outputs=2, weights=np.ones(2, np.float32), seed=0)
    )
    assert np.isfinite(head.logits(inputs)).all()
    assert (head.logits(inputs).argmax(1) == targets).mean() > 0.9


def test_a_part_that_no_training_row_has_says_nothing():
    inputs = rows()
    inputs[:, 6:10], inputs[:, 11] = 0, 1
    balance = fit_balance(BLOCKS, inputs)
    there = rows()
    assert not balance.of(there)[:, 6:10].any()
