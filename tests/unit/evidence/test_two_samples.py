"""Two samples nobody expects: one row, none, all alike, broken, lopsided, wide, in groups."""

import warnings

import numpy as np
import pytest

from graft.core.errors import InputError
from graft.evidence.discoveries import benjamini_hochberg, e_benjamini_hochberg
from graft.evidence.score_shift import average_shift, label_shift, number_shift, stability_index
from graft.evidence.shuffles import shuffles, together
from graft.evidence.two_samples import VECTOR_TESTS, Shift, TwoSamples, mmd


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


every_test = pytest.mark.parametrize("test", VECTOR_TESTS, ids=lambda test: test.name)


def sane(seen: Shift) -> None:
    assert 0 < seen.p_value <= 1
    assert seen.least_p <= seen.p_value + 1e-12
    assert np.isfinite(seen.values).all()
    assert np.isfinite(seen.effect.mean)
    if seen.effect.ends is not None:
        assert seen.effect.low <= seen.effect.mean <= seen.effect.high


@every_test
@pytest.mark.parametrize("rows", [(1, 1), (1, 40), (40, 1), (2, 2), (16, 3), (3, 5000)])
@pytest.mark.parametrize("columns", [1, 30])
def test_few_rows_give_an_answer(test, rows, columns, rng):
    seen = test(
        TwoSamples(*(rng.normal(size=(one, columns)) for one in rows), shuffles(*rows, rng=rng, draws=49)), rng=rng
    )
    sane(seen)
    assert (seen.effect.ends is None) == (seen.least_p > 0.05) or seen.test == "classifier"


@every_test
@pytest.mark.parametrize("value", [0.0, 1.0, 1e30, -0.1])
def test_rows_that_are_all_alike_are_no_drift(test, value, rng):
    rows = np.full((30, 5), value), np.full((20, 5), value)
    seen = test(TwoSamples(*rows, shuffles(30, 20, rng=rng, draws=99)), rng=rng)
    sane(seen)
    assert seen.p_value > 0.05
    assert seen.effect.mean == (0.5 if seen.test == "classifier" else 0)


@every_test
def test_copies_of_a_few_rows_are_no_drift(test, rng):
    few = rng.normal(size=(3, 4))
    hits = 0
    for _ in range(40):
        rows = few[rng.integers(3, size=60)], few[rng.integers(3, size=40)]
        hits += test(TwoSamples(*rows, shuffles(60, 40, rng=rng, draws=49)), rng=rng).p_value <= 0.05
    assert hits <= 8


@every_test
def test_samples_that_lie_apart_are_told(test, rng):
    one, other = rng.normal(size=(60, 6)), rng.normal(size=(50, 6)) * [9, 1, 1, 1, 1, 1] + 4
    seen = test(TwoSamples(one, other, shuffles(60, 50, rng=rng, draws=99)), rng=rng)
    assert seen.p_value == 0.01
    assert seen.spread > 3
    sane(seen)


@every_test
def test_the_order_of_rows_and_single_precision_change_nothing(test, rng):
    one, other = rng.normal(size=(60, 6)), rng.normal(0.1, size=(50, 6))
    said = [
        test(TwoSamples(*rows, shuffles(60, 50, rng=np.random.default_rng(1), draws=99)), rng=np.random.default_rng(1))
        for rows in ((one, other), (one.astype(np.float32), other.astype(np.float32)))
    ]
    assert said[0].statistic == pytest.approx(said[1].statistic, rel=1e-4)
    assert said[0].p_value == said[1].p_value


@every_test
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_what_is_no_number_is_refused(test, value, rng):
    one, other = rng.normal(size=(30, 4)), rng.normal(size=(20, 4))
    other[7, 2] = value
    with pytest.raises(InputError, match="row 7 of the current one"):
        test(TwoSamples(one, other, shuffles(30, 20, rng=rng)), rng=rng)


@every_test
def test_whole_groups_of_both_samples(test, rng):
    groups = np.array(list("aabbccddee"), object), np.array(list("eeffgghhij"), object)
    seen = test(TwoSamples(*rng.normal(size=(2, 10, 3)), shuffles(10, 10, rng=rng, groups=groups, draws=99)), rng=rng)
    sane(seen)
    assert seen.least_p <= 0.01


@every_test
def test_one_group_alone_can_show_nothing(test, rng):
    groups = np.zeros(10, int), np.zeros(10, int)
    seen = test(TwoSamples(*rng.normal(size=(2, 10, 3)), shuffles(10, 10, rng=rng, groups=groups, draws=99)), rng=rng)
    sane(seen)
    assert seen.least_p == 0.5
    assert seen.effect.ends is None or seen.test == "classifier"


@every_test
def test_numbers_of_any_size_are_scaled(test, rng):
    one, other = rng.normal(size=(60, 4)), rng.normal(0.1, size=(50, 4))
    said = [
        test(
            TwoSamples(scale * one, scale * other, shuffles(60, 50, rng=np.random.default_rng(1), draws=49)),
            rng=np.random.default_rng(1),
        ).p_value
        for scale in (1.0, 1e-30, 1e30)
    ]
    assert len(set(said)) == 1


def test_a_constant_column_counts_for_nothing(rng):
    one, other = rng.normal(size=(40, 3)), rng.normal(size=(40, 3))
    constant = np.full((40, 1), 7.7)
    seen = [
        VECTOR_TESTS[1](TwoSamples(*rows, shuffles(40, 40, rng=np.random.default_rng(2))), rng=rng).statistic
        for rows in ((one, other), (np.hstack([one, constant]), np.hstack([other, constant])))
    ]
    assert seen[0] == pytest.approx(seen[1], rel=1e-6)


def test_nothing_warns(rng):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for test in VECTOR_TESTS:
            test(TwoSamples(np.zeros((5, 2)), np.ones((4, 2)), shuffles(5, 4, rng=rng)), rng=rng)


def test_samples_without_rows_are_refused(rng):
    for rows in ((0, 5), (5, 0)):
        with pytest.raises(InputError, match="of 0 rows"):
            shuffles(*rows, rng=rng)


def test_shapes_that_do_not_fit_are_refused(rng):
    made = shuffles(5, 4, rng=rng)
    with pytest.raises(InputError, match="same number of columns"):
        TwoSamples(np.zeros((5, 2)), np.zeros((4, 3)), made)
    with pytest.raises(InputError, match="not numbers"):
        TwoSamples(np.array([["a"]] * 5), np.array([["a"]] * 4), made)
    with pytest.raises(InputError, match="draws of 5 and 4"):
        TwoSamples(np.zeros((6, 2)), np.zeros((4, 2)), made)
    with pytest.raises(InputError, match="one value per row"):
        number_shift(np.zeros(3), np.zeros(4), made)
    with pytest.raises(InputError, match="one group per row"):
        shuffles(5, 4, rng=rng, groups=(np.zeros(5), np.zeros(3)))
    with pytest.raises(InputError, match="2 of 9 rows have no group"):
        shuffles(
            5,
            4,
            rng=rng,
            groups=(np.array(["a", None, "b", "b", "c"], object), np.array(["a", "b", "c", None], object)),
        )
    with pytest.raises(InputError, match="the same draws"):
        together([np.zeros(3), np.zeros(4)])


def test_scores_and_labels_nobody_expects(rng):
    made = shuffles(5, 4, rng=rng)
    with pytest.raises(InputError, match="1 of 9 numbers are NaN"):
        number_shift(np.zeros(5), np.array([0, 1, np.nan, 2]), made)
    with pytest.raises(InputError, match="1 of 9 labels are missing"):
        label_shift(np.array(list("aabbc"), object), np.array(["a", None, "b", "b"], object), made)
    alike = number_shift(np.ones(5), np.ones(4), made)
    assert (alike.statistic, alike.p_value, alike.effect.mean) == (0.0, 1.0, 0.0)
    alike = label_shift(np.array(["a"] * 5), np.array(["a"] * 4), made)
    assert (alike.statistic, alike.p_value) == (0.0, 1.0)
    alike = average_shift(np.full(5, 1e300), np.full(4, 1e300), made)
    assert (alike.p_value, alike.effect.mean) == (1.0, 0.0)
    unasked = average_shift(np.zeros(5), np.full(4, np.nan), made)
    assert (unasked.p_value, unasked.effect.mean) == (1.0, 0.0)
    with pytest.raises(InputError, match="1 of 9 numbers are infinite"):
        average_shift(np.zeros(5), np.array([0, 1, np.inf, 2]), made)
    found = stability_index(np.ones(5), np.ones(4), made)
    assert (found.value, found.usual, found.bins) == (0.0, 0.0, 1)
    alone = number_shift(np.zeros(1), np.ones(1), shuffles(1, 1, rng=rng))
    assert (alone.p_value, alone.effect.ends) == (1.0, None)


def test_150_labels_and_a_new_one(rng):
    one, other = rng.integers(150, size=600), np.full(50, 150)
    seen = label_shift(one, other, shuffles(600, 50, rng=rng, draws=99))
    assert seen.p_value == 0.01
    assert seen.effect.low > 0.2


def test_values_that_are_no_p_or_e_values():
    for wrong in ([0.5, 1.5], [0.5, np.nan]):
        with pytest.raises(InputError, match="p-value"):
            benjamini_hochberg(np.array(wrong))
    with pytest.raises(InputError, match="e-value"):
        e_benjamini_hochberg(np.array([-1.0]))


def test_maps_of_files_are_read_block_by_block(tmp_path, rng):
    rows = rng.normal(size=(6000, 4)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    made = shuffles(6000, 6000, rng=rng, draws=19)
    said = [mmd(TwoSamples(rows, kind, made), rng=np.random.default_rng(0)).statistic for kind in (rows, mapped)]
    assert said[0] == said[1]


def test_customers_who_were_all_there_before(rng):
    groups = np.repeat(np.arange(9), 3), np.array([1, 2, 4])
    made = shuffles(27, 3, rng=rng, groups=groups, draws=99)
    assert made.shared == 3
    assert made.counts[1].max() <= 9
    assert made.least_p == pytest.approx(1 / 8)


def weekdays(
    rng: np.random.Generator, shares: tuple[float, float], shift: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """400 rows of two weekdays that lie far apart, in other shares in the current sample."""
    days = (rng.random((2, 400)) < np.array(shares)[:, None]).astype(int)
    rows = rng.normal(size=(2, 400, 3)) + 4 * days[:, :, None]
    rows[1] += shift
    return rows, days


@pytest.mark.slow
@every_test
def test_another_mix_of_weekdays_is_allowed_where_it_is_declared(test, rng):
    hits = plain = 0
    for _ in range(20):
        rows, days = weekdays(rng, (0.5, 0.2))
        strata = days[0], days[1]
        hits += test(TwoSamples(*rows, shuffles(400, 400, rng=rng, strata=strata, draws=39)), rng=rng).p_value <= 0.05
        plain += test(TwoSamples(*rows, shuffles(400, 400, rng=rng, draws=39)), rng=rng).p_value <= 0.05
    assert hits <= 4
    assert plain >= 15


@every_test
def test_what_moved_within_weekdays_is_seen(test, rng):
    rows, days = weekdays(rng, (0.5, 0.2), shift=0.6)
    if test.name == "covariance":
        rows[1] *= 1.3
    seen = test(TwoSamples(*rows, shuffles(400, 400, rng=rng, strata=(days[0], days[1]), draws=99)), rng=rng)
    assert seen.p_value <= 0.02
    if test.name == "mean":
        assert seen.effect.low <= 0.6 <= seen.effect.high


def test_strata_that_one_sample_lacks_are_left_out_and_told(rng):
    one, other = np.array(["mon"] * 30 + ["sun"] * 10), np.array(["mon"] * 20 + ["sat"] * 5)
    made = shuffles(40, 25, rng=rng, strata=(one, other), draws=19)
    assert len(made.kept) == 50
    assert "15 rows of 2 strata" in made.notes[0]
    with pytest.raises(InputError, match="none of which lies in both"):
        shuffles(10, 5, rng=rng, strata=(one[-10:], other[-5:]))
    with pytest.raises(InputError, match="600 strata"):
        shuffles(600, 600, rng=rng, strata=(np.arange(600), np.arange(600)))


def test_groups_within_strata(rng):
    days = np.arange(60).repeat(5), np.arange(60, 74).repeat(5)
    strata = days[0] % 7, days[1] % 7
    made = shuffles(300, 70, rng=rng, groups=days, strata=strata, draws=99)
    for one in range(7):
        here = np.array(made.stratum == one)
        counts = made.drawn[made.cell[here]].sum(axis=0)
        assert (counts == counts[0]).all()
        assert (made.drawn[made.cell[here], 0] == made.current[here]).all()
    with pytest.raises(InputError, match="several strata"):
        shuffles(300, 70, rng=rng, groups=days, strata=(np.arange(300) % 7, np.arange(70) % 7))


def test_few_rows_of_a_sample_are_never_all_left_out(rng):
    groups = np.arange(6000) // 2, np.array([9000] * 3)
    made = shuffles(6000, 3, rng=rng, groups=groups, draws=19)
    fewer = made.some(50, rng)
    assert fewer.cells == made.cells
    assert fewer.counts[1].min() >= 1
    for test in VECTOR_TESTS:
        sane(test(TwoSamples(rng.normal(size=(6000, 2)), rng.normal(size=(3, 2)), made), rng=rng))
