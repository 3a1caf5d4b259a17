"""Advice on more labels, followed: rows are added as advised, and the study is decided again."""

from dataclasses import dataclass

import numpy as np
import pytest

from graft.core.seeds import generator
from graft.evidence.comparison import compare
from graft.evidence.more_labels import more_labels
from graft.evidence.pooled import Jackknife, Pooled, jackknife
from graft.evidence.predictions import Scored
from graft.evidence.verdict import Outcome, decide_verdict

MARGIN = 0.01


def outcomes(rng: np.random.Generator, truth: float, rows: int) -> np.ndarray:
    """Right or wrong of candidate and control, shape (2, rows): they disagree on a fifth of the rows."""
    differ = max(0.2, abs(truth) + 0.02)
    kind = rng.choice(3, size=rows, p=[(differ + truth) / 2, (differ - truth) / 2, 1 - differ])
    both = rng.random(rows) < 0.75
    return np.stack([np.where(kind == 2, both, kind == 0), np.where(kind == 2, both, kind == 1)])


def judged(right: np.ndarray) -> tuple[Jackknife, bool]:
    """The rows so far, and whether they settle the study."""
    rows = np.arange(right.shape[1])
    found = jackknife(
        {
            name: [(1.0, Pooled(Scored("binary", 0 * rows, np.eye(2)[np.where(one, 0, 1)]), rows))]
            for name, one in zip("tc", right, strict=True)
        },
        "accuracy",
    )
    verdict = decide_verdict(found, "t", transfers=["t"], controls=["c"], margin=MARGIN)
    return found, verdict.outcome is not Outcome.INCONCLUSIVE


@dataclass
class Followed:
    undecided: int = 0
    advised: int = 0
    settled: int = 0
    at_low: int = 0


def followed(first: int, spread: float, studies: int) -> Followed:
    rng, counts = generator(1, "more labels", first), Followed()
    for _ in range(studies):
        truth = float(rng.normal(0, spread))
        right = outcomes(rng, truth, first)
        found, done = judged(right)
        if done:
            continue
        counts.undecided += 1
        advice = more_labels(compare(found, "t", "c"), first, margin=MARGIN)
        if advice.rows is None:
            continue
        assert advice.low is not None
        assert advice.low <= advice.rows
        counts.advised += 1
        more = np.concatenate([right, outcomes(rng, truth, advice.rows)], axis=1)
        counts.settled += judged(more)[1]
        counts.at_low += judged(more[:, : first + advice.low])[1]
    print(f"\n{first} rows, spread {spread}: {counts}", end="")
    return counts


@pytest.mark.slow
def test_following_the_advice_settles_the_study() -> None:
    """True differences from the prior: at least 60 % settled, and about half at the lower end."""
    counts = followed(300, 0.05, 200)
    assert counts.advised >= 15
    assert counts.settled >= 0.6 * counts.advised
    assert 0.25 <= counts.at_low / counts.advised <= 0.8


@pytest.mark.slow
def test_following_the_advice_settles_larger_studies() -> None:
    counts = followed(1000, 0.05, 300)
    assert counts.advised >= 30
    assert counts.settled >= 0.6 * counts.advised


@pytest.mark.slow
def test_nothing_is_advised_when_nothing_differs() -> None:
    counts = followed(300, 0.0, 200)
    assert counts.advised <= 0.1 * counts.undecided
