"""Calibration errors, losses and coverage in simulated studies, where the true ones are known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from graft.evidence.calibration_error import CalibrationError, calibration_error, claims
from graft.evidence.calibration_quality import brier, coverage, log_loss, reliability_bins
from graft.evidence.predictions import Scored

Map = Callable[[np.ndarray], np.ndarray]


def study(positive: np.ndarray, true: Map, luck: np.ndarray) -> Scored:
    """Rows whose probabilities are claimed to be ``positive`` and are ``true`` of them."""
    return Scored("binary", (luck < true(positive)).astype(int), np.column_stack([1 - positive, positive]))


def shared_luck(groups: np.ndarray, alike: float, rng: np.random.Generator) -> np.ndarray:
    """Uniform numbers; a share of the rows of a group take the group's, so that outcomes correlate by ``alike``."""
    own, common = rng.random(len(groups)), rng.random(groups.max() + 1)[groups]
    return np.where(rng.random(len(groups)) < np.sqrt(alike), common, own)


def softened(positive: np.ndarray) -> np.ndarray:
    return special.expit(special.logit(positive) / 2)


def lower(positive: np.ndarray) -> np.ndarray:
    return np.clip(positive - 0.1, 0, 1)


def off_at_the_top(positive: np.ndarray) -> np.ndarray:
    return np.where(positive > 0.8, positive - 0.3, positive)


def simulate(
    rows: int, true: Map, *, studies: int, seed: int, groups: np.ndarray | None = None, alike: float = 0.0
) -> tuple[list[CalibrationError], list[float]]:
    """Errors of studies, and the true errors over the bins that each study used."""
    rng = np.random.default_rng(seed)
    many = rng.random(100_000)
    gap = true(many) - many
    bins = max(2, min(15, rows // 15))
    found, truth = [], []
    for _ in range(studies):
        luck = rng.random(rows) if groups is None else shared_luck(groups, alike, rng)
        scored = study(rng.random(rows), true, luck)
        found.append(calibration_error(scored, rng=rng, bins=bins, draws=200, groups=groups))
        place = np.searchsorted(claims(scored, bins=bins, by="mass").edges, many, side="right")
        truth.append(float(np.abs(np.bincount(place, weights=gap)).sum() / len(many)))
    return found, truth


class TestCalibrationError:
    @pytest.mark.parametrize("rows", [100, *(pytest.param(many, marks=pytest.mark.slow) for many in (50, 400))])
    def test_a_perfect_model_is_not_called_off(self, rows: int) -> None:
        found, _ = simulate(rows, lambda p: p, studies=200, seed=0)
        shown = np.mean([one.shown.mean for one in found])
        assert shown > 0.05  # what a page would have called "off"
        assert np.mean([one.expected_if_perfect for one in found]) == pytest.approx(shown, abs=0.005)
        assert np.mean([one.shown.low > 0 for one in found]) <= 0.05 + 0.03
        assert np.mean([one.p_value <= 0.05 for one in found]) <= 0.05 + 0.03
        assert np.mean([one.debiased for one in found]) < 0.6 * shown

    def test_expected_if_perfect_by_hand(self) -> None:
        """Bins of one probability each: the mean absolute deviation of two binomials, by enumeration."""
        from scipy import stats

        positive = np.array([0.2] * 10 + [0.7] * 10)
        expected = sum(np.abs(np.arange(11) - 10 * p) @ stats.binom(10, p).pmf(np.arange(11)) / 20 for p in (0.2, 0.7))
        scored = study(positive, lambda p: p, np.full(20, 0.5))
        error = calibration_error(scored, rng=np.random.default_rng(0), bins=2, draws=20_000)
        assert error.expected_if_perfect == pytest.approx(expected, abs=0.002)
        counts = np.abs(np.arange(11)[:, None] - 2) + np.abs(np.arange(11)[None, :] - 7)  # shown: 0 and 10 happened
        chance = np.outer(stats.binom(10, 0.2).pmf(np.arange(11)), stats.binom(10, 0.7).pmf(np.arange(11)))
        assert error.shown.mean == pytest.approx(5 / 20)
        assert error.p_value == pytest.approx(chance[counts >= 5].sum(), abs=0.02)

    @pytest.mark.parametrize(
        "true", [softened, *(pytest.param(one, marks=pytest.mark.slow) for one in (lower, off_at_the_top))]
    )
    @pytest.mark.parametrize("rows", [100, *(pytest.param(many, marks=pytest.mark.slow) for many in (50, 400))])
    def test_the_interval_covers(self, rows: int, true: Map) -> None:
        found, truth = simulate(rows, true, studies=150, seed=1)
        inside = [one.shown.low <= exact <= one.shown.high for one, exact in zip(found, truth, strict=True)]
        assert np.mean(inside) >= 0.93 - 0.04
        middle = np.mean([one.debiased for one in found])
        assert abs(middle - np.mean(truth)) < abs(np.mean([one.shown.mean for one in found]) - np.mean(truth)) + 0.02

    @pytest.mark.slow
    def test_a_model_that_is_off_is_found_out(self) -> None:
        found, _ = simulate(400, softened, studies=100, seed=2)
        assert np.mean([one.p_value <= 0.05 for one in found]) > 0.85

    @pytest.mark.slow
    @pytest.mark.parametrize(("groups", "size"), [(5, 40), (20, 20), (100, 5)])
    def test_groups(self, groups: int, size: int) -> None:
        """Outcomes that correlate by .3 within groups: the interval covers; five groups give no p-value."""
        place = np.repeat(np.arange(groups), size)
        for true in (lambda p: p, lower):
            found, truth = simulate(len(place), true, studies=120, seed=3, groups=place, alike=0.3)
            inside = [one.shown.low <= exact <= one.shown.high for one, exact in zip(found, truth, strict=True)]
            assert np.mean(inside) >= 0.93 - 0.04
            if true is not lower:
                if groups < 20:
                    assert all(one.p_value is None for one in found)
                else:
                    assert np.mean([one.p_value <= 0.05 for one in found]) <= 0.12
                shown = np.mean([one.shown.mean for one in found])
                assert np.mean([one.expected_if_perfect for one in found]) == pytest.approx(shown, rel=0.15)

    @pytest.mark.slow
    def test_labels_of_a_row_stay_together(self) -> None:
        """Three copies of one label are one row's word, not three."""
        rng = np.random.default_rng(4)
        alarms = []
        for _ in range(100):
            positive = rng.random((60, 1))
            targets = np.tile((rng.random((60, 1)) < positive).astype(int), 3)
            scored = Scored("multilabel", targets, np.tile(positive, 3))
            alarms.append(calibration_error(scored, rng=rng, bins=4, draws=200).p_value <= 0.05)
        assert np.mean(alarms) <= 0.12


class TestLosses:
    @pytest.mark.parametrize("rows", [50, 100, 400])
    def test_sure_models_are_covered(self, rows: int) -> None:
        """Probabilities around .98, right: most studies see hardly an error."""
        rng = np.random.default_rng(7)
        many = np.clip(rng.beta(30, 0.5, 400_000), 0.001, 0.999)
        entropy = -(many * np.log(many) + (1 - many) * np.log1p(-many)).mean()
        squares = (many * (1 - many)).mean()
        covered = []
        for _ in range(400):
            positive = np.clip(rng.beta(30, 0.5, rows), 0.001, 0.999)
            scored = study(positive, lambda p: p, rng.random(rows))
            losses, errors = log_loss(scored), brier(scored)
            covered.append((losses.low <= entropy <= losses.high, errors.low <= squares <= errors.high))
        assert np.all(np.mean(covered, axis=0) >= 0.93)

    def test_groups_widen(self) -> None:
        rng = np.random.default_rng(8)
        place = np.repeat(np.arange(20), 20)
        covered = []
        for _ in range(200):
            scored = study(np.full(400, 0.7), lambda p: p, shared_luck(place, 0.3, rng))
            found = brier(scored, groups=place)
            covered.append(found.low <= 0.7 * 0.3 <= found.high)
        assert np.mean(covered) >= 0.93 - 0.03


class TestCoverage:
    @pytest.mark.parametrize(("groups", "size", "least"), [(5, 40, 0.93), (20, 20, 0.93), (100, 5, 0.93)])
    def test_share_inside_by_groups(self, groups: int, size: int, least: float) -> None:
        """Residuals share a part of their group: 90 % intervals hold 90 %, and the interval of that share says so."""
        rng = np.random.default_rng(9)
        place, half = np.repeat(np.arange(groups), size), special.ndtri(0.95)
        covered, alone = [], []
        for _ in range(400):
            errors = np.sqrt(0.3) * rng.normal(size=groups)[place] + np.sqrt(0.7) * rng.normal(size=len(place))
            low, high = np.full(len(place), -half), np.full(len(place), half)
            for given, kept in ((place, covered), (None, alone)):
                found = coverage(errors, low, high, groups=given)
                kept.append(found.low <= 0.9 <= found.high)
        assert np.mean(covered) >= least - 0.025
        assert np.mean(covered) >= np.mean(alone)

    def test_bins_take_groups(self) -> None:
        scored = study(np.full(40, 0.5), lambda p: p, np.linspace(0, 1, 40))
        alone = reliability_bins(scored, bins=1)[0].accuracy
        together = reliability_bins(scored, bins=1, groups=np.repeat(np.arange(4), 10))[0].accuracy
        assert together.low < alone.low < alone.high < together.high
