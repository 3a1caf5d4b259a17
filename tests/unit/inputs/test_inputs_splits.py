"""Splits: who stays together, who is spread, and what is refused."""

import numpy as np
import pytest

from graft.core.errors import InputError
from graft.inputs import Task, make_splits
from graft.inputs.balance import allot, spread


def days(numbers):
    return np.datetime64("2024-01-01", "us") + np.asarray(numbers) * np.timedelta64(1, "D")


def test_single_rows_are_stratified_to_within_one_row():
    targets = np.repeat(np.arange(7), [3, 8, 21, 40, 77, 100, 251])
    made = make_splits(targets, task=Task.MULTICLASS, units=np.arange(500), holdout=0.0, folds=5)
    ours = np.array([np.bincount(targets[f.test], minlength=7) for f in made.folds])
    assert np.ptp(ours, axis=0).max() <= 1
    assert np.ptp(ours.sum(axis=1)) <= 2
    assert made.notes == ()


def test_holdout_is_stratified_and_leaves_two_of_each_class():
    targets = np.repeat(np.arange(4), [2, 3, 95, 100])
    made = make_splits(targets, task=Task.MULTICLASS, units=np.arange(200))
    held = np.bincount(targets[made.holdout], minlength=4)
    assert held[0] == 0
    assert held[1] <= 1
    assert held[2:].tolist() == [19, 20]
    assert all(np.bincount(targets[f.train], minlength=4).min() >= 1 for f in made.folds)
    assert any("the holdout has no row of class 0" in note for note in made.notes)


def test_a_holdout_that_classes_leave_small_says_so():
    """150 classes of two rows, both of which are needed to learn and to judge; large groups are another reason."""
    made = make_splits(np.repeat(np.arange(150), 2), task=Task.MULTICLASS, units=np.arange(300))
    assert made.notes[0] == (
        "the holdout is 0% of the rows instead of 20%, because classes have too few rows for that share"
    )
    groups = np.repeat(np.arange(3), 40)
    made = make_splits(
        np.tile([0, 1], 60), task=Task.BINARY, units=np.arange(120), kind="group", groups=groups, folds=2
    )
    assert any(note.endswith("because groups stay whole") for note in made.notes)


def test_notes_use_class_names():
    targets = np.repeat([0, 1, 2], [2, 49, 49])
    made = make_splits(targets, task=Task.MULTICLASS, units=np.arange(100), label_names=("rare", "b", "c"))
    assert "the holdout has no row of class 'rare'" in made.notes


def test_multilabel_is_stratified():
    rng = np.random.default_rng(0)
    flags = (rng.random((600, 6)) < [0.02, 0.05, 0.1, 0.3, 0.5, 0.6]).astype(np.uint8)
    made = make_splits(flags, task=Task.MULTILABEL, units=np.arange(600))
    for fold in made.folds:
        assert np.abs(flags[fold.test].sum(axis=0) - 0.16 * flags.sum(axis=0)).max() <= 3
    assert np.abs(flags[made.holdout].sum(axis=0) - 0.2 * flags.sum(axis=0)).max() <= 3


def test_regression_is_stratified_by_quantile():
    targets = np.sort(np.random.default_rng(0).lognormal(size=500))
    made = make_splits(targets, task=Task.REGRESSION, units=np.arange(500))
    top = targets >= np.quantile(targets, 0.9)
    assert {int(top[fold.test].sum()) for fold in made.folds} <= {7, 8, 9}
    whole = make_splits(np.arange(500), task=Task.REGRESSION, units=np.arange(500))
    assert len(whole.folds) == 5


def test_repeats_differ_and_folds_are_the_same_again():
    targets = np.arange(100) % 2
    made = make_splits(targets, task=Task.BINARY, units=np.arange(100), repeats=3)
    assert [(f.repeat, f.index) for f in made.folds] == [(r, i) for r in range(3) for i in range(5)]
    assert made.folds[0].test.tolist() != made.folds[5].test.tolist()
    more = make_splits(targets, task=Task.BINARY, units=np.arange(100), repeats=4)
    assert [f.test.tolist() for f in more.folds[:15]] == [f.test.tolist() for f in made.folds]
    other = make_splits(targets, task=Task.BINARY, units=np.arange(100), seed=1)
    assert other.holdout.tolist() != made.holdout.tolist()


def test_groups_stay_whole_and_join_where_a_text_repeats():
    groups = np.repeat(np.arange(30), 10)
    units = np.arange(300)
    units[5] = units[15]
    made = make_splits(np.arange(300) % 2, task=Task.BINARY, units=units, kind="group", groups=groups)
    sides = [made.holdout, *(f.test for f in made.folds)]
    for side in sides:
        outside = np.setdiff1d(np.arange(300), side)
        assert not set(groups[side]) & set(groups[outside])
    assert any({0, 1} <= set(groups[side].tolist()) for side in sides)
    assert all(len(f.train) + len(f.test) == len(made.development) for f in made.folds)


def test_groups_chained_by_boilerplate_stay_as_given_and_repeats_leave_training():
    groups = np.repeat(np.arange(40), 10)
    units = np.where(np.arange(400) % 10 == 0, 0, np.arange(400))
    made = make_splits(np.arange(400) % 2, task=Task.BINARY, units=units, kind="group", groups=groups)
    assert "link 40 groups into one of 400 rows" in made.notes[0]
    assert len(made.holdout) == 80
    assert not np.isin(units[made.development], units[made.holdout]).any()
    for fold in made.folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert not set(units[fold.train]) & set(units[fold.test])


def test_one_class_per_group_is_allowed_and_noted():
    groups = np.repeat(np.arange(12), 5)
    targets = np.where(groups == 11, 1, 0)
    made = make_splits(targets, task=Task.BINARY, units=np.arange(60), kind="group", groups=groups)
    assert any("no row of class 1" in note for note in made.notes)


def test_time_goes_forward():
    times = days([0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 9, 10, 11])
    order = np.random.default_rng(0).permutation(15)
    shuffled = times[order]
    made = make_splits(
        np.arange(15) % 2, task=Task.BINARY, units=np.arange(15), kind="time", times=shuffled, folds=3, repeats=2
    )
    assert sorted(shuffled[made.holdout].tolist()) == times[-3:].tolist()
    assert shuffled[made.development].max() < shuffled[made.holdout].min()
    assert [f.repeat for f in made.folds] == [0, 0, 0]
    assert any("not repeated" in note for note in made.notes)
    for before, fold in zip([None, *made.folds], made.folds, strict=False):
        assert shuffled[fold.train].max() < shuffled[fold.test].min()
        if before is not None:
            assert set(before.train) < set(fold.train)
            assert shuffled[before.test].max() < shuffled[fold.test].min()


def test_time_leaves_out_what_is_repeated_later():
    units = np.arange(20)
    units[[0, 19]] = 0
    units[[1, 8]] = 1
    made = make_splits(np.arange(20) % 2, task=Task.BINARY, units=units, kind="time", times=days(range(20)), folds=3)
    assert 0 not in made.development
    assert 19 in made.holdout
    fold = next(f for f in made.folds if 8 in f.test)
    assert 1 not in fold.train
    assert any("1 rows are repeated later, in the holdout" in note for note in made.notes)
    later = [f for f in made.folds if f.index > fold.index]
    assert all({1, 8} <= set(f.train.tolist()) for f in later)


def test_an_earlier_holdout_is_taken_as_it_is():
    held = np.zeros(100, dtype=bool)
    held[[3, 50, 77]] = True
    units = np.arange(100)
    units[4] = units[3]
    made = make_splits(np.arange(100) % 2, task=Task.BINARY, units=units, held=held)
    assert made.holdout.tolist() == [3, 50, 77]
    assert 4 not in made.development
    assert len(made.development) == 96
    assert any("1 rows repeat" in note for note in made.notes)
    groups = np.arange(100) // 2
    made = make_splits(
        np.arange(100) % 3, task=Task.MULTICLASS, units=np.arange(100), kind="group", groups=groups, held=held
    )
    assert not {2, 51, 76} & set(made.development.tolist())
    made = make_splits(
        np.arange(100) % 2,
        task=Task.BINARY,
        units=np.arange(100),
        kind="time",
        times=days(range(100)),
        held=held & (np.arange(100) > 60),
    )
    assert made.holdout.tolist() == [77]
    assert made.development.tolist() == list(range(77))


def test_a_class_whose_blocks_are_large_is_on_every_training_side():
    units = np.array([0] * 30 + [1] * 2 + list(range(2, 40)))
    targets = np.array([1] * 32 + [0] * 38)
    for seed in range(20):
        made = make_splits(targets, task=Task.BINARY, units=units, seed=seed, holdout=0.2)
        assert all((targets[f.train] == 1).any() for f in made.folds)


def test_repair_fills_sides_and_spreads_classes():
    side = np.array([0, 0, 0, 0, 1])
    counts = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]])
    spread(side, counts, np.ones(5), sides=3)
    assert set(side.tolist()) == {0, 1, 2}
    assert len(set(side[:2].tolist())) == 2


def test_allot_follows_uneven_shares():
    rng = np.random.default_rng(0)
    counts = np.eye(3, dtype=np.int64)[rng.integers(3, size=300)]
    sides = allot(counts, np.ones(300), shares=(0.1, 0.3, 0.6), rng=rng)
    assert np.bincount(sides).tolist() == pytest.approx([30, 90, 180], abs=2)


def refused(given, fix, **options):
    settings = {"targets": np.arange(20) % 2, "task": Task.BINARY, "units": np.arange(20)} | options
    with pytest.raises(InputError) as caught:
        make_splits(settings.pop("targets"), **settings)
    assert given in caught.value.given
    assert fix in caught.value.fix
    assert caught.value.needed


@pytest.mark.parametrize(
    ("given", "fix", "options"),
    [
        ("kind='random'", "choose", {"kind": "random"}),
        ("folds=1", "use 5", {"folds": 1}),
        ("repeats=0", "use 1", {"repeats": 0}),
        ("holdout=1.0", "use 0.2", {"holdout": 1.0}),
        ("holdout=-0.1", "use 0.2", {"holdout": -0.1}),
        ("kind='group' without groups", "group column", {"kind": "group"}),
        ("kind='time' without times", "time column", {"kind": "time"}),
        ("rows without a time", "leave out", {"kind": "time", "times": np.array(["NaT"] * 20, "datetime64[us]")}),
        ("19 units for 20 rows", "same rows", {"units": np.arange(19)}),
        ("5 groups for 20 rows", "same rows", {"groups": np.arange(5)}),
        ("5 distinct rows for 5 folds and a holdout", "fewer folds", {"units": np.arange(20) % 5}),
        ("3 groups for 5 folds", "other groups", {"kind": "group", "groups": np.arange(20) % 3}),
        ("4 distinct times for 5 folds", "finer time", {"kind": "time", "times": days(np.arange(20) // 4)}),
        ("1 distinct times for a holdout", "finer time", {"kind": "time", "times": days(np.zeros(20, int))}),
        ("none of the rows", "draw a new one", {"held": np.zeros(20, bool)}),
        ("all of the rows", "draw a new one", {"held": np.ones(20, bool)}),
        ("2 distinct rows for 5 folds outside", "fewer folds", {"held": np.arange(20) > 1}),
        (
            "every earlier row is repeated",
            "fewer folds",
            {
                "kind": "time",
                "times": days(range(20)),
                "units": np.arange(20) % 2,
                "holdout": 0.0,
                "folds": 2,
            },
        ),
    ],
)
def test_what_cannot_work_is_refused(given, fix, options):
    refused(given, fix, **options)


def test_a_class_that_greed_leaves_on_one_side_is_spread():
    counts = [[0, 0, 1], [0, 0, 1], [0, 0, 0], [1, 0, 6], [1, 344, 0], [1, 0, 0], [1, 1, 0], [8, 0, 1]]
    sizes = [1, 1, 3, 8, 345, 2, 1, 8]
    flags = np.zeros((sum(sizes), 3), dtype=np.uint8)
    for block, start in enumerate(np.cumsum([0, *sizes[:-1]]).tolist()):
        for place, count in enumerate(counts[block]):
            offset = sum(counts[block][:place]) if sum(counts[block]) <= sizes[block] else 0
            flags[start + offset : start + offset + count, place] = 1
    units = np.repeat(np.arange(8), sizes)
    for seed in range(5):
        made = make_splits(flags, task=Task.MULTILABEL, units=units, folds=2, holdout=0.0, seed=seed)
        assert all(flags[fold.train].any(axis=0).all() for fold in made.folds)


def test_large_blocks_are_placed_first():
    sizes = np.array([*[1.0] * 20, 20.0])
    for seed in range(10):
        sides = allot(sizes[:, None].astype(np.int64), sizes, shares=(0.5, 0.5), rng=np.random.default_rng(seed))
        assert np.bincount(sides, sizes).tolist() == [20, 20]


def test_rows_at_the_moment_an_earlier_holdout_begins_are_left_out():
    times = days([0, 1, 2, 3, 4, 5, 5, 6, 7])
    held = np.arange(9) == 6
    made = make_splits(
        np.arange(9) % 2, task=Task.BINARY, units=np.arange(9), kind="time", times=times, held=held, folds=2
    )
    assert made.development.tolist() == [0, 1, 2, 3, 4]
    assert any("3 rows are not earlier" in note for note in made.notes)


def test_a_holdout_grows_with_the_labels():
    targets = np.arange(200) % 2
    held = np.zeros(200, bool)
    held[:20] = True  # a fifth of the hundred rows there were
    made = make_splits(targets, task=Task.BINARY, units=np.arange(200), held=held, grow=True, holdout=0.2)
    assert set(range(20)) <= set(made.holdout.tolist())
    assert len(made.holdout) == 40
    assert not np.intersect1d(made.holdout, made.development).size
    assert any("grown by 20" in note for note in made.notes)
    fixed = make_splits(targets, task=Task.BINARY, units=np.arange(200), held=held, holdout=0.2)
    assert len(fixed.holdout) == 20


def test_forward_in_time_the_holdout_is_drawn_anew():
    times = np.arange(100).astype("datetime64[D]")
    held = np.zeros(100, bool)
    held[40:50] = True  # the latest when there were fifty rows
    made = make_splits(
        np.arange(100) % 2, task=Task.BINARY, units=np.arange(100), kind="time", times=times, held=held, grow=True
    )
    assert made.holdout.min() == 80
    assert 45 in made.development
