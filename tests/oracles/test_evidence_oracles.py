"""Label noise, slices, calibration error and transferability against independent answers."""

import numpy as np
import pytest
from scipy import optimize, stats

from graft.evidence.calibration_error import calibration_error
from graft.evidence.calibration_quality import reliability_bins
from graft.evidence.label_noise import suspects
from graft.evidence.predictions import Scored
from graft.evidence.slices import slice_differences
from graft.evidence.transferability import logme, neighbour_agreement


def two_class(positive: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - positive, positive])


class TestLabelNoise:
    def test_by_hand(self) -> None:
        """Northcutt et al., definition of the confident joint, on five rows.

        Thresholds: class 0 (0.9 + 0.8 + 0.1) / 3 = 0.6; class 1 (0.6 + 0.7) / 2 = 0.65. Row 2 (given 0) has 0.9 >= 0.65
        in class 1: a suspect. Row 3 (given 1) has 0.6 in class 1, under its threshold, and 0.4 < 0.6 in class 0: none.
        """
        positive = np.array([0.1, 0.2, 0.9, 0.6, 0.7])
        found = suspects(Scored("binary", np.array([0, 0, 0, 1, 1]), two_class(positive)))
        assert [(one.row, one.given, one.suggested) for one in found] == [(2, 0, 1)]
        assert found[0].margin == pytest.approx(-0.8)

    def test_planted_noise_is_recovered(self) -> None:
        rng = np.random.default_rng(0)
        true = rng.integers(4, size=800)
        logits = rng.normal(size=(800, 4)) + 4 * np.eye(4)[true]
        given = true.copy()
        planted = rng.choice(800, 60, replace=False)
        given[planted] = (given[planted] + rng.integers(1, 4, 60)) % 4
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        found = [one.row for one in suspects(Scored("multiclass", given, scores), limit=60)]
        hits = len(set(found) & set(planted))
        assert hits >= 0.85 * len(found)
        assert hits >= 0.8 * len(planted)


class TestSlices:
    @pytest.mark.slow
    def test_false_discoveries_are_held(self) -> None:
        """Two equal candidates, 20 slices of 50 rows: a false flag in at most about 5 % of audits."""
        rng = np.random.default_rng(0)
        column = np.repeat(np.arange(20), 50).astype(str)
        flagged = []
        for _ in range(60):
            targets = rng.integers(2, size=1000)
            first, second = (two_class(np.clip(0.7 * targets + rng.random(1000) * 0.6 - 0.15, 0, 1)) for _ in range(2))
            one, other = Scored("binary", targets, first), Scored("binary", targets, second)
            found = slice_differences(one, other, {"k": column}, "accuracy")
            flagged.append(any(slice_.hidden_harm for slice_ in found))
        assert np.mean(flagged) <= 0.12

    def test_planted_harm_is_found(self) -> None:
        rng = np.random.default_rng(1)
        targets, column = rng.integers(2, size=1000), np.repeat(["a", "b", "c", "d"], 250)
        right, coin = rng.random(1000) < 0.8, rng.random(1000)
        better = np.where(column == "d", coin < 0.6, coin < 0.95)
        say = [two_class(np.where(hit == (targets == 1), 0.9, 0.1)) for hit in (better, right)]
        candidate, control = (Scored("binary", targets, one) for one in say)
        found = slice_differences(candidate, control, {"k": column}, "accuracy")
        assert [(one.value, one.hidden_harm) for one in found if one.hidden_harm] == [("d", True)]


class TestCalibrationError:
    def test_by_hand(self) -> None:
        """Two bins: 4 rows at 0.2 of which 2 are positive (gap 0.3), 6 at 0.9 of which 6 (gap 0.1): 0.12 + 0.06."""
        positive = np.array([0.2] * 4 + [0.9] * 6)
        scored = Scored("binary", np.array([1, 1, 0, 0] + [1] * 6), two_class(positive))
        assert calibration_error(scored, rng=np.random.default_rng(0), bins=2, by="width").shown.mean == pytest.approx(
            0.18
        )
        assert [(one.rows, one.accuracy.mean) for one in reliability_bins(scored, bins=2, by="width")] == [
            (4, 0.5),
            (6, 1),
        ]

    def test_against_scipy_binned_means(self) -> None:
        rng = np.random.default_rng(0)
        positive = rng.random(500)
        targets = (rng.random(500) < positive**2).astype(int)
        edges = np.linspace(0, 1, 16)
        said = stats.binned_statistic(positive, positive, "sum", bins=edges).statistic
        seen = stats.binned_statistic(positive, targets, "sum", bins=edges).statistic
        oracle = np.abs(np.nan_to_num(said) - np.nan_to_num(seen)).sum() / 500
        scored = Scored("binary", targets, two_class(positive))
        assert calibration_error(scored, rng=rng, by="width").shown.mean == pytest.approx(oracle)


class TestTransferability:
    @staticmethod
    def slow_evidence(features: np.ndarray, column: np.ndarray) -> float:
        """Log evidence per row, maximised by scipy over both precisions: a Gaussian density, nothing shared."""
        rows = len(features)

        def negative(log_precisions: np.ndarray) -> float:
            alpha, beta = np.exp(log_precisions)
            covariance = np.eye(rows) / beta + features @ features.T / alpha
            return -stats.multivariate_normal(np.zeros(rows), covariance).logpdf(column) / rows

        starts = ([0.0, 0.0], [2.0, 1.0], [4.0, 2.0])
        return -min(optimize.minimize(negative, start, method="Nelder-Mead").fun for start in starts)

    @pytest.mark.slow
    def test_logme_against_maximised_evidence(self) -> None:
        rng = np.random.default_rng(0)
        features = rng.normal(size=(60, 5))
        values = features @ rng.normal(size=5) + rng.normal(0, 0.8, 60)
        assert logme(features, values, "regression") == pytest.approx(self.slow_evidence(features, values), abs=1e-4)
        classes = (values > 0).astype(int) + (values > 1)
        oracle = np.mean([self.slow_evidence(features, (classes == k).astype(float)) for k in range(3)])
        assert logme(features, classes, "multiclass") == pytest.approx(oracle, abs=1e-4)

    def test_wide_features(self) -> None:
        rng = np.random.default_rng(1)
        features = rng.normal(size=(30, 60))
        values = features[:, :3].sum(axis=1) + rng.normal(0, 0.5, 30)
        assert logme(features, values, "regression") == pytest.approx(self.slow_evidence(features, values), abs=1e-3)

    def test_order_of_planted_features(self) -> None:
        rng = np.random.default_rng(2)
        targets = rng.integers(3, size=300)
        planted = [strength * np.eye(3)[targets] @ np.ones((3, 8)).cumsum(axis=0) for strength in (0.0, 0.4, 1.5)]
        noise = rng.normal(size=(300, 8))
        told = [logme(noise + signal, targets, "multiclass") for signal in planted]
        agreed = [neighbour_agreement(noise + signal, targets) for signal in planted]
        assert told == sorted(told)
        assert told[2] > told[0] + 0.05
        assert agreed == sorted(agreed)
        assert agreed[0] == pytest.approx(1 / 3, abs=0.06)

    def test_neighbours_against_sklearn(self) -> None:
        from sklearn.neighbors import NearestNeighbors

        rng = np.random.default_rng(3)
        features, targets = rng.normal(size=(200, 6)), rng.integers(4, size=200)
        near = NearestNeighbors(n_neighbors=6, metric="cosine").fit(features).kneighbors(return_distance=False)[:, :5]
        oracle = (targets[near] == targets[:, None]).mean()
        assert neighbour_agreement(features, targets, k=5, block=64) == pytest.approx(oracle)
