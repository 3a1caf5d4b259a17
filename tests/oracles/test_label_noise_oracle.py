"""How many suspects are to be believed: labels redrawn by hand, and planted noise behind real models."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from graft.evidence.label_noise import Suspicion, suspects, suspicion
from graft.evidence.predictions import Scored


def studied(
    rng: np.random.Generator, rows: int, classes: int, apart: float, wrong: float
) -> tuple[Suspicion, int, int]:
    """Out-of-fold logistic regression on Gaussian classes with flipped labels: what is said, listed and truly wrong."""
    centres = np.random.default_rng(5).normal(size=(classes, 20)) * apart
    true = rng.integers(classes, size=rows)
    features = centres[true] + rng.normal(size=(rows, 20))
    given = np.where(rng.random(rows) < wrong, (true + rng.integers(1, classes, size=rows)) % classes, true)
    scores = np.zeros((rows, classes))
    folds = StratifiedKFold(5, shuffle=True, random_state=int(rng.integers(1 << 30)))
    for train, test in folds.split(features, given):
        scores[test] = LogisticRegression(max_iter=300).fit(features[train], given[train]).predict_proba(features[test])
    scored = Scored("binary" if classes == 2 else "multiclass", given, scores)
    listed = [one.row for one in suspects(scored)]
    return suspicion(scored, rng=rng, draws=60), len(listed), int((given != true)[listed].sum())


class TestCleanLabels:
    @pytest.mark.parametrize("classes", [2, pytest.param(10, marks=pytest.mark.slow)])
    def test_expected_is_right_for_calibrated_probabilities(self, classes: int) -> None:
        """Labels drawn from the probabilities themselves: as many are listed as expected, and none is said wrong."""
        rng, gaps, likely, shown = np.random.default_rng(0), [], [], []
        for _ in range(40):
            scores = rng.dirichlet(np.full(classes, 0.4), size=400)
            labels = (scores.cumsum(axis=1) < rng.random(400)[:, None]).sum(axis=1)
            found = suspicion(Scored("multiclass", np.minimum(labels, classes - 1), scores), rng=rng, draws=60)
            gaps.append(found.listed - found.expected_if_clean)
            likely.append(found.likely_wrong.mean / found.listed)
            shown.append(found.shown)
        assert abs(np.mean(gaps)) < 3 * np.std(gaps) / np.sqrt(40)
        assert np.mean(likely) < 0.1
        assert np.mean(shown) <= 0.05

    @pytest.mark.slow
    def test_an_overconfident_model_is_brought_back_to_its_temperature(self) -> None:
        """The same labels, probabilities sharpened threefold: the list of the sharpened scores is what is expected."""
        rng, gaps, listed = np.random.default_rng(1), [], []
        for _ in range(40):
            scores = rng.dirichlet(np.full(4, 0.5), size=400)
            labels = np.minimum((scores.cumsum(axis=1) < rng.random(400)[:, None]).sum(axis=1), 3)
            sharp = np.maximum(scores, 1e-9) ** 3
            found = suspicion(Scored("multiclass", labels, sharp / sharp.sum(axis=1, keepdims=True)), rng=rng, draws=60)
            gaps.append(found.listed - found.expected_if_clean)
            listed.append(found.listed)
        assert abs(np.mean(gaps)) < max(0.05 * np.mean(listed), 3 * np.std(gaps) / np.sqrt(40))

    @pytest.mark.parametrize(("rows", "classes", "apart"), [(400, 2, 0.35), (600, 10, 0.6)])
    @pytest.mark.slow
    def test_behind_a_real_model(self, rows: int, classes: int, apart: float) -> None:
        rng = np.random.default_rng(2)
        found = [studied(rng, rows, classes, apart, 0.0)[0] for _ in range(10)]
        listed, expected = (np.array([getattr(one, name) for one in found]) for name in ("listed", "expected_if_clean"))
        assert listed.mean() > 15  # dozens of clean labels are disputed
        assert abs(np.mean(listed - expected)) < 0.12 * listed.mean()
        assert np.mean([one.likely_wrong.mean for one in found]) < 0.15 * listed.mean()
        assert np.mean([one.shown for one in found]) <= 0.1


class TestPlantedNoise:
    @pytest.mark.slow
    @pytest.mark.parametrize(("rows", "classes", "apart"), [(400, 2, 0.8), (600, 10, 0.8)])
    @pytest.mark.parametrize("wrong", [0.02, 0.05, 0.1])
    def test_the_count_follows_the_wrong_labels(self, rows: int, classes: int, apart: float, wrong: float) -> None:
        rng, found = np.random.default_rng(3), []
        for _ in range(8):
            told, listed, truly = studied(rng, rows, classes, apart, wrong)
            covered = told.likely_wrong.low <= truly <= told.likely_wrong.high
            found.append((told.likely_wrong.mean, listed - told.expected_if_clean, truly, covered))
        likely, beyond, truly, covered = np.mean(found, axis=0)
        assert likely == pytest.approx(truly, rel=0.2, abs=2)
        assert beyond == pytest.approx(truly, rel=0.25, abs=4)
        assert covered >= 0.75  # of 8: 0.95 less Monte-Carlo error
