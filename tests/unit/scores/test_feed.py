import numpy as np
import pytest
import torch

from graft.core.seeds import generator
from graft.representations.cache import Ragged
from graft.representations.tokens import padded_width
from graft.scores.feed import ActivationFeed, TokenFeed, reading_batches, training_batches
from unit.scores.nets import tokens_of

LENGTHS = np.random.default_rng(0).integers(3, 200, size=331)
ROWS = np.random.default_rng(1).permutation(331)[:300]


def batches(size: int, seed: int = 0, rows: np.ndarray = ROWS) -> list[np.ndarray]:
    return list(training_batches(LENGTHS, rows, size, generator(seed, "batches")))


@pytest.mark.parametrize("size", [1, 16, 32, 299, 300])
def test_a_pass_has_full_batches_and_each_row_at_most_once(size):
    found = batches(size)
    assert {len(batch) for batch in found} == {size}
    assert len(found) == 300 // size
    every = np.concatenate(found)
    assert len(set(every.tolist())) == len(every)
    assert set(every.tolist()) <= set(ROWS.tolist())


def test_fewer_rows_than_a_batch_are_one_batch():
    found = batches(16, rows=ROWS[:5])
    assert len(found) == 1
    assert sorted(found[0]) == sorted(ROWS[:5])


def test_the_rest_of_a_pass_waits_for_the_next_not_for_ever():
    rng = generator(0, "batches")
    passes = [set(np.concatenate(list(training_batches(LENGTHS, ROWS, 16, rng))).tolist()) for _ in range(6)]
    assert {len(one) for one in passes} == {288}
    assert set().union(*passes) == set(ROWS.tolist())


def test_rows_of_a_batch_are_about_equally_long_and_the_order_is_random():
    found = batches(16)
    within = np.mean([np.ptp(LENGTHS[batch]) for batch in found])
    at_random = np.mean([np.ptp(LENGTHS[ROWS[start : start + 16]]) for start in range(0, 288, 16)])
    assert within < at_random / 3
    means = [LENGTHS[batch].mean() for batch in found]
    assert means != sorted(means)
    assert means != sorted(means, reverse=True)


def test_batches_are_of_their_seed():
    one, again, other = batches(16), batches(16), batches(16, seed=1)
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 300])
def test_reading_covers_every_row_once_in_full_batches(count):
    found = list(reading_batches(LENGTHS, ROWS[:count]))
    assert {len(batch) for batch, _ in found} == {16}
    read = np.concatenate([batch[:counted] for batch, counted in found])
    assert sorted(read) == sorted(ROWS[:count])
    assert (np.diff(LENGTHS[read]) <= 0).all()
    assert set(found[-1][0].tolist()) == set(found[-1][0][: found[-1][1]].tolist())


def test_nothing_to_read_is_no_batch():
    assert list(reading_batches(LENGTHS, ROWS[:0])) == []


def test_tokens_are_padded_to_one_of_a_few_widths():
    rows = [[5, 6, 7], [8] * 9, [9]]
    feed = TokenFeed(tokens_of(rows), pad=1)
    batch = feed.batch(np.array([2, 1]))
    assert batch["input_ids"].shape == (2, padded_width(9)) == (2, 16)
    assert batch["input_ids"][0].tolist() == [9] + [1] * 15
    assert batch["attention_mask"].sum(1).tolist() == [1, 9]
    assert batch["input_ids"][1, :9].tolist() == rows[1]
    assert feed.batch(np.array([0]))["input_ids"].shape == (1, 8)
    assert feed.lengths.tolist() == [3, 9, 1]


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float32])
def test_activations_are_padded_with_zeros_in_the_order_asked(stored):
    values = torch.arange(24, dtype=torch.float32).view(6, 4).to(stored)
    raw = values.view(torch.uint16).numpy() if stored is torch.bfloat16 else values.numpy()
    feed = ActivationFeed(Ragged(raw, np.array([0, 2, 5, 6])))
    assert feed.lengths.tolist() == [2, 3, 1]
    batch = feed.batch(np.array([1, 2, 1]))
    embedded = batch["inputs_embeds"]
    assert embedded.dtype == torch.float32
    assert embedded.shape == (3, 8, 4)
    assert batch["attention_mask"].tolist() == [[1] * 3 + [0] * 5, [1] + [0] * 7, [1] * 3 + [0] * 5]
    assert torch.equal(embedded[0, :3], values[2:5].float())
    assert torch.equal(embedded[1, 0], values[5].float())
    assert not embedded[~batch["attention_mask"].bool()].any()
