"""Learning curves and crossings: scipy's fit, the t of few folds, known crossings, simulated false claims."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import optimize, stats

from graft.evidence.learning_curve import Crossing, crossing, fit_curve

LABELS = np.array([40, 80, 160, 320, 640, 1280])
Law = Callable[[np.ndarray], np.ndarray]


def law(a: float, b: float, c: float) -> Law:
    return lambda labels: a - b * np.asarray(labels, np.float64) ** -c


def fitted(first: np.ndarray, second: np.ndarray, sizes: np.ndarray, seed: int = 0, **more: float) -> Crossing:
    curves = [fit_curve(sizes, one, rng=np.random.default_rng(seed), draws=300, **more) for one in (first, second)]
    return crossing(curves[0], curves[1])


def measured(
    rng: np.random.Generator, sizes: np.ndarray, laws: tuple[Law, Law], folds: int, noise: float = 0.03
) -> list[np.ndarray]:
    """Scores (sizes, folds) of two candidates: the same test rows for both and at all sizes, training luck on top."""
    rows, found = rng.normal(size=(1, folds)), []
    for one in laws:
        own = np.sqrt(0.6) * rows + np.sqrt(0.4) * rng.normal(size=(1, folds))
        own = np.sqrt(0.8) * own + np.sqrt(0.2) * rng.normal(size=(len(sizes), folds))
        luck = 0.01 * rng.normal(size=(len(sizes), folds)) + 0.007 * rng.normal(size=(len(sizes), 1))
        found.append(one(sizes)[:, None] + noise * own + luck)
    return found


class TestFit:
    def test_against_scipy_curve_fit(self) -> None:
        rng = np.random.default_rng(0)
        scores = 0.86 - 1.4 * LABELS**-0.45 + rng.normal(0, 0.004, 6)
        curve = fit_curve(LABELS, scores, rng=rng)
        found, _ = optimize.curve_fit(lambda n, a, b, c: a - b * n**-c, LABELS, scores, p0=[0.9, 1, 0.5])
        assert (curve.a, curve.b, curve.c) == pytest.approx(tuple(found), rel=1e-3)

    def test_the_band_is_the_t_interval_of_the_folds(self) -> None:
        """Folds that move the whole curve: the band at a measured size is scipy's t interval of three numbers."""
        moves, sizes = np.array([-0.02, 0.005, 0.03]), np.array([100, 200, 400])
        table = law(0.7, 1.5, 0.5)(sizes)[:, None] + moves
        curve = fit_curve(sizes, table, rng=np.random.default_rng(0), draws=20_000)
        low, high = curve.band(sizes[-1:], level=0.8)
        oracle = stats.t.interval(0.8, 2, table[-1].mean(), moves.std(ddof=1) / np.sqrt(3))
        assert (low[0], high[0]) == pytest.approx(oracle, abs=2e-3)
        shared = fit_curve(sizes, table, rng=np.random.default_rng(0), draws=20_000, test_fraction=0.2)
        wide = stats.t.interval(0.8, 2, table[-1].mean(), moves.std(ddof=1) * np.sqrt(1 / 3 + 0.25))  # Nadeau & Bengio
        assert np.concatenate(shared.band(sizes[-1:], level=0.8)) == pytest.approx(wide, abs=2e-3)

    @pytest.mark.parametrize("folds", [3, 5, 10])
    @pytest.mark.slow
    def test_band_covers(self, folds: int) -> None:
        rng, truth, covered = np.random.default_rng(1), 0.85 - 1.5 * LABELS**-0.5, []
        for _ in range(120):
            noise = rng.normal(0, 0.01, (1, folds)) + rng.normal(0, 0.01, (6, folds))
            curve = fit_curve(LABELS, truth[:, None] + noise, rng=rng, draws=200)
            low, high = curve.band(LABELS[-1:], level=0.9)
            covered.append(low[0] <= truth[-1] <= high[0])
        assert 0.82 <= np.mean(covered) <= 1.0


@pytest.mark.slow
class TestCrossing:
    def test_of_two_known_curves(self) -> None:
        noise = np.random.default_rng(1).normal(0, 0.001, (2, 6, 5))
        tuned, frozen = law(0.95, 2.2, 0.35)(LABELS), law(0.80, 0.8, 0.6)(LABELS)
        exact = optimize.brentq(lambda n: 0.15 - 2.2 * n**-0.35 + 0.8 * n**-0.6, 100, 10_000)
        found = fitted(tuned[:, None] + noise[0], frozen[:, None] + noise[1], LABELS)
        assert found.labels == pytest.approx(exact, rel=0.05)
        assert found.low <= exact <= found.high
        assert found.high < 1.3 * found.low

    def test_beyond_ten_times_is_not_claimed(self) -> None:
        small, noise = LABELS[:4], np.random.default_rng(1).normal(0, 1e-4, (3, 4, 5))
        frozen = law(0.80, 0.5, 0.9)(small)[:, None] + noise[0]
        late = fitted(law(0.90, 1.6, 0.33)(small)[:, None] + noise[1], frozen, small)  # crosses at 4,300 of 320
        never = fitted(law(0.70, 1.6, 0.33)(small)[:, None] + noise[2], frozen, small)
        for found in (late, never):
            assert found.labels is None
            assert found.statement == "does not overtake within 10 times the 320 labels at hand"

    @pytest.mark.parametrize("folds", [3, pytest.param(5, marks=pytest.mark.slow)])
    @pytest.mark.parametrize(
        "laws",
        [
            (law(0.85, 1.5, 0.5), law(0.85, 1.5, 0.5)),
            (law(0.82, 1.5, 0.5), law(0.85, 1.5, 0.5)),
            (law(0.85, 1.5, 0.5), law(0.82, 1.5, 0.5)),
            (law(0.85, 3.0, 0.5), law(0.85, 1.0, 0.5)),
            (law(0.86, 6.0, 0.7), law(0.87, 1.0, 0.7)),
            (law(0.84, 4.0, 0.6), law(0.85, 0.0, 1.0)),
        ],
        ids=["equal", "behind", "ahead", "approaches", "approaches steeply", "approaches a flat one"],
    )
    def test_false_claims_are_rare(self, laws: tuple[Law, Law], folds: int) -> None:
        rng, sizes, claimed = np.random.default_rng(7), np.array([100, 200, 400]), []
        for seed in range(30):
            found = fitted(*measured(rng, sizes, laws, folds), sizes, seed, test_fraction=0.2)
            claimed.append(found.labels is not None and found.statement.startswith("overtakes"))
        assert stats.binomtest(sum(claimed), 30, 0.05, alternative="greater").pvalue > 0.05

    @pytest.mark.parametrize("sizes", [pytest.param((100, 200, 400), marks=pytest.mark.slow), (50, 100, 200, 400, 800)])
    def test_a_true_crossing_is_found_and_covered(self, sizes: tuple[int, ...]) -> None:
        laws, rng, at = (law(0.95, 6.5, 0.55), law(0.80, 3.37, 0.55)), np.random.default_rng(7), []
        exact = optimize.brentq(lambda n: laws[0](n) - laws[1](n), 10, 10_000)
        missed = 0
        for seed in range(40):
            grid = np.array(sizes)
            found = fitted(*measured(rng, grid, laws, 5, 0.02), grid, seed, test_fraction=0.2)
            if found.labels is not None:
                at.append(found.labels)
                missed += not (found.low or 0) <= exact <= (found.high or np.inf)
        assert len(at) >= 10
        assert np.median(at) == pytest.approx(exact, rel=0.25)
        assert missed <= 4  # of 40 studies

    def test_nothing_is_shown_by_folds_that_do_not_vary(self) -> None:
        """Zero variance is not certainty."""
        sizes = np.array([100, 200, 400])
        tables = [np.repeat(one(sizes)[:, None], 3, axis=1) for one in (law(0.9, 6, 0.5), law(0.8, 3, 0.5))]
        assert fitted(*tables, sizes).statement == "whether and where it overtakes is not shown by these labels"
