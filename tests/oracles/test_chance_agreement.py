"""The chance level of neighbour agreement: against all pairs one by one, and against shuffled labels."""

import itertools

import numpy as np
import pytest

from graft.core.errors import InputError
from graft.evidence.transferability import chance_agreement, neighbour_agreement


def targets_of(kind: str, rows: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "classes":
        return rng.choice(5, size=rows, p=[0.6, 0.2, 0.1, 0.05, 0.05])
    share = {"labels": 0.3, "rare labels": 0.05, "common labels": 0.9}[kind]
    return (rng.random((rows, 8)) < share).astype(np.uint8)


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Of one pair: the same class, or the Jaccard overlap of the sets."""
    if one.ndim == 0:
        return float(one == other)
    mine, theirs = set(np.flatnonzero(one).tolist()), set(np.flatnonzero(other).tolist())
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else 1.0


KINDS = ["classes", "labels", "rare labels", "common labels"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [2, 7, 60])
def test_it_is_the_mean_over_all_pairs(kind: str, rows: int) -> None:
    targets = targets_of(kind, rows, np.random.default_rng(rows))
    pairs = [agreement(one, other) for one, other in itertools.combinations(targets, 2)]
    assert chance_agreement(targets) == pytest.approx(np.mean(pairs))
    assert chance_agreement(targets, block=3) == pytest.approx(np.mean(pairs))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [12, 200])
def test_shuffled_labels_agree_by_chance(kind: str, rows: int) -> None:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((rows, 6))
    targets = targets_of(kind, rows, rng)
    draws = np.array([neighbour_agreement(features, rng.permutation(targets)) for _ in range(400)])
    error = draws.std(ddof=1) / np.sqrt(len(draws))
    assert abs(draws.mean() - chance_agreement(targets)) < 3.5 * error


def test_the_same_class_everywhere_and_nowhere() -> None:
    assert chance_agreement(np.zeros(9, dtype=int)) == 1.0
    assert chance_agreement(np.arange(9)) == 0.0
    assert chance_agreement(np.zeros((9, 3), dtype=int)) == 1.0
    assert chance_agreement(np.eye(9, dtype=int)) == 0.0


@pytest.mark.parametrize("targets", [np.zeros(1, dtype=int), np.zeros((1, 3), dtype=int), np.zeros((2, 2, 2))])
def test_what_has_no_pairs_is_refused(targets: np.ndarray) -> None:
    with pytest.raises(InputError, match="targets of shape"):
        chance_agreement(targets)
