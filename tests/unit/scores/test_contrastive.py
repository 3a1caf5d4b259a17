import tracemalloc
from itertools import islice

import numpy as np
import pytest
import torch

from graft.core.errors import InputError
from graft.inputs import Task
from graft.scores.contrastive import index_labels, likeness, pair_batches, pair_loss
from graft.scores.strategies import CONTRASTIVE


def batches_of(targets: np.ndarray, size: int, count: int, seed: int = 0) -> list[np.ndarray]:
    index = index_labels(targets, np.arange(len(targets)))
    return list(islice(pair_batches(index, size, np.random.default_rng(seed)), count))


def shares(targets: np.ndarray, rows: np.ndarray) -> tuple[int, int]:
    """Similar and dissimilar pairs of a batch, counted one by one."""
    pairs = [(a, b) for place, a in enumerate(rows) for b in rows[place + 1 :]]
    alike = sum(
        bool(np.any(np.atleast_1d(targets[a] * targets[b]))) if targets.ndim == 2 else targets[a] == targets[b]
        for a, b in pairs
    )
    return alike, len(pairs) - alike


@pytest.mark.parametrize("classes", [2, 3, 8, 77])
def test_every_batch_holds_both_kinds_of_pairs_and_each_row_once(classes):
    rng = np.random.default_rng(classes)
    targets = np.concatenate([np.repeat(np.arange(classes), 2), rng.integers(classes, size=100)])
    for rows in batches_of(targets, 16, 30):
        assert 2 <= len(rows) <= 16
        assert len(set(rows.tolist())) == len(rows)
        assert min(shares(targets, rows)) > 0


def test_rare_labels_are_seen_as_often_as_common_ones():
    """2 rows against 500: in every batch of two classes each has its share."""
    targets = np.array([0] * 500 + [1] * 2)
    for rows in batches_of(targets, 16, 20):
        assert (targets[rows] == 1).sum() == 2
        assert (targets[rows] == 0).sum() == 8


def test_all_rows_of_a_label_come_before_any_comes_again():
    targets = np.repeat([0, 1], 40)
    seen = np.concatenate(batches_of(targets, 16, 5))
    assert sorted(seen.tolist()) == list(range(80))


def test_memory_is_of_the_rows_not_of_the_pairs():
    """50,000 rows have 1.2e9 pairs; index and a thousand batches take less than 40 bytes a row."""
    targets = np.random.default_rng(0).integers(20, size=50_000)
    tracemalloc.start()
    batches = batches_of(targets, 16, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(batches) == 1000
    assert peak < 100 * len(targets)


def test_one_label_one_row_and_no_label_at_all_are_taken_as_they_come():
    (rows,) = batches_of(np.array([3, 3, 3]), 16, 1)
    assert rows.tolist() == [0, 1, 2]
    (rows,) = batches_of(np.array([0]), 16, 1)
    assert rows.tolist() == [0]
    (rows,) = batches_of(np.arange(5), 16, 1)
    assert rows.tolist() == [0, 1, 2, 3, 4]
    bare = np.zeros((6, 2), np.float32)
    bare[:2, 0] = 1
    for rows in batches_of(bare, 8, 5):
        assert {0, 1} <= set(rows.tolist())
        assert len(rows) == 4


def test_several_labels_a_row_pair_by_their_overlap():
    rng = np.random.default_rng(1)
    targets = (rng.random((60, 5)) < 0.3).astype(np.float32)
    for rows in batches_of(targets, 16, 20):
        assert min(shares(targets, rows)) > 0
    wanted = likeness(targets[:10])
    for a in range(10):
        for b in range(10):
            one, other = set(np.flatnonzero(targets[a])), set(np.flatnonzero(targets[b]))
            assert wanted[a, b] == pytest.approx(len(one & other) / len(one | other) if one | other else 0)


def test_the_loss_is_that_of_the_pairs_counted_one_by_one():
    rng = np.random.default_rng(2)
    vectors, targets = rng.normal(size=(7, 5)), np.array([0, 0, 1, 1, 1, 2, 3])
    missed: dict[bool, list[float]] = {True: [], False: []}
    for a in range(7):
        for b in range(a + 1, 7):
            cosine = vectors[a] @ vectors[b] / np.linalg.norm(vectors[a]) / np.linalg.norm(vectors[b])
            alike = bool(targets[a] == targets[b])
            missed[alike].append((cosine - alike) ** 2)
    expected = (np.mean(missed[True]) + np.mean(missed[False])) / 2
    found = pair_loss(torch.from_numpy(vectors), torch.from_numpy(likeness(targets)))
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_a_batch_without_one_kind_of_pair_still_has_a_loss():
    vectors = torch.eye(3, requires_grad=True)
    assert pair_loss(vectors, torch.ones(3, 3)).item() == 1
    assert pair_loss(vectors, torch.eye(3)).item() == 0
    pair_loss(vectors[:1], torch.ones(1, 1)).backward()
    assert vectors.grad is not None


def test_numbers_are_refused_in_words():
    CONTRASTIVE.require_task(Task.MULTILABEL)
    with pytest.raises(InputError, match=r"contrastive for regression targets[\s\S]*a number has no label"):
        CONTRASTIVE.require_task(Task.REGRESSION)
