"""The correlated Bayesian t-test, the corrected interval and Dunnett's correction against published numbers."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from graft.evidence import compare_folds, fold_interval, paid_probability, wilson


@pytest.mark.parametrize(
    ("candidate", "control", "rho", "variance"),
    [
        # the worked cases of baycomp's tests/test_single.py: 3 folds once, 2 folds twice
        ([5, 7, 3], [4, 2, 6], 1 / 3, (4**2 + 4**2) / 2 * (1 / 3 + 1 / 2)),
        ([5, 7, 3, 5], [4, 2, 6, 4], 1 / 2, (4**2 + 4**2) / 3 * (1 / 4 + 1)),
    ],
)
def test_scale_of_the_posterior(candidate: list, control: list, rho: float, variance: float) -> None:
    result = compare_folds(np.array(candidate), np.array(control), margin=0.0, test_fraction=rho)
    assert result.mean == pytest.approx(1.0)
    assert result.scale**2 == pytest.approx(variance)


def test_probabilities_by_integrating_the_density() -> None:
    """Gamma functions and quadrature, sharing no line with the implementation."""
    first = np.array([0.81, 0.84, 0.80, 0.86, 0.83, 0.82, 0.85, 0.79, 0.84, 0.83])
    second = np.array([0.80, 0.82, 0.81, 0.82, 0.82, 0.80, 0.85, 0.78, 0.81, 0.83])
    gap, margin, rho, n = first - second, 0.01, 0.2, 10
    mean = sum(gap) / n
    variance = sum((g - mean) ** 2 for g in gap) / (n - 1)
    scale = ((1 / n + rho / (1 - rho)) * variance) ** 0.5
    norm = special.gamma(n / 2) / (special.gamma((n - 1) / 2) * np.sqrt((n - 1) * np.pi) * scale)

    def density(x: float) -> float:
        return norm * (1 + ((x - mean) / scale) ** 2 / (n - 1)) ** (-n / 2)

    result = compare_folds(first, second, margin=margin, test_fraction=rho)
    assert result.tied == pytest.approx(integrate.quad(density, -margin, margin)[0], abs=1e-9)
    assert result.better == pytest.approx(integrate.quad(density, margin, 2)[0], abs=1e-8)
    assert result.worse == pytest.approx(integrate.quad(density, -2, -margin)[0], abs=1e-8)
    assert integrate.quad(density, result.low, result.high)[0] == pytest.approx(0.95, abs=1e-8)


def test_fold_interval_covers_under_the_assumed_correlation() -> None:
    """Equicorrelated folds with rho = 1/5: 95 % intervals cover 95 %; the naive ones about 66 %."""
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=(4000, 1)), rng.normal(size=(4000, 15))
    folds = 0.7 + np.sqrt(0.2) * shared + np.sqrt(0.8) * own
    covered = [(i := fold_interval(row, test_fraction=0.2)).low <= 0.7 <= i.high for row in folds]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.012)
    naive = stats.t.ppf(0.975, 14) * folds.std(axis=1, ddof=1) / np.sqrt(15)
    assert np.mean(np.abs(folds.mean(axis=1) - 0.7) <= naive) < 0.75


@pytest.mark.parametrize(
    ("folds", "among", "critical"),
    # Dunnett (1955), table 1a, one-sided 95 %: degrees of freedom 5, 10 and 20
    [
        (6, 1, 2.02),
        (6, 2, 2.44),
        (6, 4, 2.85),
        (6, 8, 3.24),
        (11, 2, 2.15),
        (11, 4, 2.47),
        (21, 3, 2.19),
        (21, 6, 2.46),
    ],
)
def test_dunnett_table(folds: int, among: int, critical: float) -> None:
    assert paid_probability(critical, folds=folds, among=among) == pytest.approx(0.95, abs=0.0012)


def test_dunnett_against_the_multivariate_t() -> None:
    correlated = 0.5 * np.eye(4) + 0.5
    for distance in (0.0, 1.0, 3.0):
        oracle = stats.multivariate_t(shape=correlated, df=4, seed=0).cdf(np.full(4, distance), maxpts=200_000)
        assert paid_probability(distance, folds=5, among=4) == pytest.approx(oracle, abs=2e-4)


def test_wilson_of_the_textbook() -> None:
    """Newcombe (1998), table I, 81 of 263 and 0 of 20."""
    share = wilson(81, 263)
    assert (share.low, share.high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    assert wilson(0, 20).high == pytest.approx(0.1611, abs=5e-5)
