"""Single columns against scipy's two-sample tests, counts by hand, and samples in which nothing moved."""

import numpy as np
import pytest
from scipy import stats

from graft.evidence.column_shift import _numbers, _words, column_shifts, columns_shift
from graft.evidence.shuffles import shuffles


def told(found):  # type: ignore[no-untyped-def]
    return {what: (statistic, distances) for what, statistic, distances in found}


def test_numbers_are_compared_as_by_kolmogorov_and_smirnov_without_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    before, now = rng.normal(size=300).round(1), rng.normal(0.4, size=120).round(1)
    before[:30], now[:24] = np.nan, np.nan
    draws = shuffles(300, 120, rng=rng, draws=99)
    found = told(_numbers(before, now, draws))
    known = stats.ks_2samp(before[30:], now[24:])
    assert found["values"][1][0] == pytest.approx(known.statistic)
    assert found["missing"][1][0] == pytest.approx(24 / 120 - 30 / 300)


def test_categories_are_compared_by_chi_square_and_what_is_new_is_counted() -> None:
    rng = np.random.default_rng(1)
    before, now = rng.choice(["", "a", "b", "c"], 300), rng.choice(["", "a", "b", "c", "x", "y"], 120)
    draws = shuffles(300, 120, rng=rng, draws=99)
    found = told(_words(before, now, draws))
    table = [[(held == name).sum() for name in "abcxy"] for held in (before, now)]
    assert found["values"][0][0] == pytest.approx(stats.chi2_contingency(table, correction=False).statistic)
    assert found["missing"][1][0] == pytest.approx(abs((now == "").mean() - (before == "").mean()))
    fresh = np.isin(now, ["x", "y"])
    assert found["new"][0][0] == pytest.approx(fresh.sum() * np.log(420 / 120))
    assert fresh.mean() - 0.01 <= found["new"][1][0] <= fresh.mean()


def test_of_many_rare_values_some_are_always_new() -> None:
    rng = np.random.default_rng(2)
    names = np.array([f"name {one}" for one in range(3000)])
    before, now = names[rng.integers(3000, size=1500)], names[rng.integers(3000, size=400)]
    draws = shuffles(1500, 400, rng=rng, draws=199)
    assert min(one.adjusted for one in column_shifts({"who": before}, {"who": now}, draws)) > 0.05


def test_a_change_is_seen_among_many_columns_with_few_draws() -> None:
    rng = np.random.default_rng(3)
    before, now = ({f"c{one}": rng.normal(size=rows) for one in range(150)} for rows in (1000, 300))
    before["land"], now["land"] = rng.choice(["a", "b"], 1000), rng.choice(["a", "b"], 300)
    now["land"][:12] = "xk"
    now["c7"][:60] = np.nan
    found = column_shifts(before, now, shuffles(1000, 300, rng=rng, draws=199))
    named = {(one.column, one.what) for one in found if one.adjusted <= 0.05}
    assert {("land", "new"), ("c7", "missing")} <= named
    assert {name for name, _ in named} <= {"land", "c7"}


def test_what_only_one_sample_has_or_holds_otherwise_is_not_asked() -> None:
    draws = shuffles(4, 3, rng=np.random.default_rng(0), draws=19)
    before = {"a": np.arange(4.0), "b": np.array(["x"] * 4), "c": np.full(4, np.nan), "d": np.array([""] * 4)}
    now = {"a": np.array(["x"] * 3), "e": np.arange(3.0), "c": np.full(3, np.nan), "d": np.array([""] * 3)}
    assert all(one.adjusted == 1.0 for one in column_shifts(before, now, draws))
    assert columns_shift({}, {}, draws).p_value == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("group", [1, 10])
def test_without_drift_columns_are_told_as_often_as_the_level_says(group: int) -> None:
    """300 studies of 12 columns, numbers and categories, missing cells and rare values; whole groups exchanged."""
    hits, studies = 0, 300
    for seed in range(studies):
        rng = np.random.default_rng([seed, group])

        def drawn(rows: int, rng: np.random.Generator = rng) -> dict[str, np.ndarray]:
            unit = rows // group
            found: dict[str, np.ndarray] = {}
            for one in range(6):
                held = np.repeat(rng.standard_t(3, unit), group)
                held[np.repeat(rng.random(unit) < 0.05, group)] = np.nan
                found[f"number {one}"] = held
                names = np.array(["", *(f"v{name}" for name in range(4**one))])
                found[f"words {one}"] = np.repeat(rng.choice(names, unit), group)
            return found

        groups = (np.repeat(np.arange(60), group), 1000 + np.repeat(np.arange(30), group)) if group > 1 else None
        rows = (600, 300) if group > 1 else (400, 100)
        draws = shuffles(*rows, rng=rng, groups=groups, draws=99)
        hits += columns_shift(drawn(rows[0]), drawn(rows[1]), draws).p_value <= 0.05
    print(f"groups of {group}: {hits} of {studies}")
    assert hits <= stats.binom.ppf(0.999, studies, 0.05)
