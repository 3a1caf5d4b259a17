"""How often the verdict is wrong, and how often it speaks: simulated, printed (-s) and held to 5 %.

Two worlds. "folds": normal fold scores that correlate exactly as the test assumes (the hardest case it promises to
stand), with a holdout independent of them. "learners": ridge classifiers on real train/test splits, each on its own
block of equally good features, so that folds, repetitions and holdout correlate as they really do.
"""

from collections.abc import Callable

import numpy as np
import pytest

from graft.evidence import Interval, Outcome, compare_folds, decide_verdict


def verdicts(folds: np.ndarray, held: np.ndarray, spread: np.ndarray, m: int, margin: float) -> np.ndarray:
    """Outcome per study. folds (studies, models, folds); held (studies, models); spread: error of a difference."""
    out = []
    for scores, holdout, error in zip(folds, held, spread, strict=True):
        mean = scores.mean(axis=1)
        best, control = mean[:m].argmax(), m + mean[m:].argmax()
        gap = holdout[best] - holdout[control]
        result = compare_folds(scores[best], scores[control], margin=margin, test_fraction=0.2)
        interval = Interval(gap, gap - 1.96 * error, gap + 1.96 * error)
        verdict = decide_verdict(result, interval, margin=margin, selection=m, controls=len(mean) - m)
        out.append(verdict.outcome.value)
    return np.array(out)


def normal_world(rng: np.random.Generator, studies: int, models: int, repeats: int, gain: float = 0.0) -> tuple:
    """Fold scores with deviation 0.02 and correlation 0.2 within a model; the first model gains."""
    shared, own = rng.normal(size=(studies, models, 1)), rng.normal(size=(studies, models, 5 * repeats))
    folds = 0.8 + 0.02 * (np.sqrt(0.2) * shared + np.sqrt(0.8) * own)
    held = 0.8 + 0.02 * rng.normal(size=(studies, models))
    folds[:, 0] += gain
    held[:, 0] += gain
    return folds, held, np.full(studies, 0.02 * np.sqrt(2))


def learner_world(rng: np.random.Generator, studies: int, models: int, repeats: int, rows: int = 120) -> tuple:
    """Accuracy of ridge classifiers, each on 6 features of its own, over 5 x repeats folds and a holdout of a fifth."""
    y = rng.choice([-1.0, 1.0], size=(studies, rows))
    x = 0.2 * y[:, None, :, None] + rng.normal(size=(studies, models, rows, 6))
    seen = rows - rows // 5

    outer, signed = x[..., :, None] * x[..., None, :], x * y[:, None, :, None]  # sums over rows make a ridge

    def right(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        picked = np.isin(np.arange(rows), train).astype(float)
        gram = np.tensordot(outer, picked, axes=(2, 0)) + np.eye(6)
        weights = np.linalg.solve(gram, np.tensordot(signed, picked, axes=(2, 0))[..., None])
        return (signed[:, :, test] @ weights)[..., 0] > 0

    folds = []
    for _ in range(repeats):
        order = rng.permutation(seen)
        folds += [right(np.setdiff1d(order, order[k::5]), order[k::5]).mean(axis=2) for k in range(5)]
    hits = right(np.arange(seen), np.arange(seen, rows))
    return np.stack(folds, axis=2), hits.mean(axis=2), np.full(studies, np.sqrt(0.44 / (rows - seen)))


def wrong(outcomes: np.ndarray) -> float:
    return float(np.mean((outcomes == Outcome.HELPS) | (outcomes == Outcome.HARMS)))


CASES = [(1, 1), (4, 1), (8, 1), (1, 3), (4, 3), (8, 3)]  # candidates, controls; all of them equal


@pytest.mark.parametrize(
    ("world", "studies", "repeats"),
    [(normal_world, 1000, 1), (normal_world, 1000, 3), (learner_world, 300, 1), (learner_world, 300, 3)],
)
def test_false_alarms_when_nothing_differs(world: Callable[..., tuple], studies: int, repeats: int) -> None:
    """Margin 0 leaves no room to hide in: every verdict of help or harm is false."""
    folds, held, spread = world(np.random.default_rng(repeats), studies, 11, repeats)
    for m, controls in CASES:
        models = [*range(m), *range(8, 8 + controls)]
        rate = wrong(verdicts(folds[:, models], held[:, models], spread, m, 0.0))
        print(f"\n{world.__name__}, 5x{repeats}, best of {m} against best of {controls}: {rate:.3f}", end="")
        exact = m == controls == 1 and world is normal_world  # the true rate is 5 %: leave room for the simulation
        assert rate <= 0.05 + (3 * np.sqrt(0.05 * 0.95 / studies) if exact else 0)


def test_without_paying_for_selection_it_would_fail() -> None:
    """The correction is needed: the plain posterior of the best of eight is wrong far more often."""
    folds, _, _ = normal_world(np.random.default_rng(0), 800, 9, 3)
    alarms = []
    for scores in folds:
        best = scores[:8].mean(axis=1).argmax()
        alarms.append(compare_folds(scores[best], scores[8], margin=0.0, test_fraction=0.2).better >= 0.95)
    assert np.mean(alarms) > 0.15


@pytest.mark.parametrize(
    ("m", "repeats", "gain", "least"), [(1, 1, 0.06, 0.55), (1, 3, 0.06, 0.65), (4, 3, 0.06, 0.35), (4, 1, 0.08, 0.45)]
)
def test_power(m: int, repeats: int, gain: float, least: float) -> None:
    """Fold deviation 0.02 a model, margin 0.01: a gain of three or four deviations is found this often."""
    outcomes = verdicts(*normal_world(np.random.default_rng(5), 400, m + 1, repeats, gain), m, 0.01)
    print(f"\n5x{repeats}, best of {m}, true gain {gain}: helps {np.mean(outcomes == Outcome.HELPS):.2f}")
    assert np.mean(outcomes == Outcome.HELPS) >= least
    assert np.mean(outcomes == Outcome.HARMS) == 0
