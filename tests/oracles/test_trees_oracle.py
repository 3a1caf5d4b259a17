"""Boosted trees as arrays give scikit-learn's own numbers, bit for bit; arrays from elsewhere are checked."""

import numpy as np
import pytest

from graft.core.tasks import Task
from graft.representations.row_columns import cell_table, fit_row_columns
from graft.rows.content import Cells
from graft.scores.row_control import TreesOnRows, fit_control
from graft.scores.trees import TREE_RECIPES, boosted, forest_from, forest_of, side_by_side, telling_columns

ROWS = 700


def table(seed: int) -> np.ndarray:
    """Two columns of codes, four of numbers; a tenth is missing."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((ROWS, 6)) * (1, 1, 1, 1e-9, 1e30, 1)
    found[:, 0], found[:, 1] = rng.permutation(ROWS) % 200, rng.permutation(ROWS) % 3
    found[rng.random(found.shape) < 0.1] = np.nan
    # Codes are places among categories that all occur.
    found[:200, 0], found[:3, 1] = np.arange(200), range(3)
    return found


def targets(rows: np.ndarray, task: Task) -> np.ndarray:
    value = np.nan_to_num(rows[:, 2]) + np.nan_to_num(rows[:, 3]) * 1e9 + (rows[:, 0] % 3 == 1)
    if task is Task.REGRESSION:
        return value
    return np.digitize(value, [0.0] if task is Task.BINARY else [-1.0, 0.0, 1.0])


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_arrays_say_what_scikit_learn_says(task):
    rows, asked = table(0), table(1)
    asked[:5, 0] = np.nan
    fitted = boosted(rows, targets(rows, task), task=task, recipe=TREE_RECIPES[1], categorical=2, seed=0, rounds=25)
    forest = forest_from(fitted, 6)
    expected = fitted._raw_predict(asked)
    assert np.array_equal(forest.raw(asked), expected)
    kept = forest_of(forest.arrays(), columns=6, outputs=expected.shape[1])
    assert np.array_equal(kept.raw(asked), expected)
    assert np.array_equal(kept.raw(asked[7:8]), expected[7:8])
    scorer = TreesOnRows(kept, np.arange(max(2, expected.shape[1])), np.zeros(4))
    if task is Task.REGRESSION:
        assert np.array_equal(expected[:, 0], fitted.predict(asked))
    elif task is Task.BINARY:
        assert np.array_equal(scorer.logits(asked, task)[:, 1], fitted.decision_function(asked))


def test_forests_of_labels_stand_side_by_side():
    rows, asked = table(0), table(2)
    fits = [
        boosted(rows, part, task=Task.MULTILABEL, recipe=TREE_RECIPES[0], categorical=2, seed=0, rounds=5)
        for part in (targets(rows, Task.BINARY), (rows[:, 1] == 1).astype(int))
    ]
    both = side_by_side([forest_from(one, 6) for one in fits])
    assert np.array_equal(both.raw(asked), np.concatenate([one._raw_predict(asked) for one in fits], axis=1))


@pytest.mark.parametrize(
    ("name", "spoilt"),
    [
        ("trees.left", lambda one: one * 0),
        ("trees.right", lambda one: one + 10_000),
        ("trees.feature", lambda one: one + 6),
        ("trees.feature", lambda one: one - 7),
        ("trees.category", lambda one: one + 10_000),
        ("trees.roots", lambda one: one - 10_000),
        ("trees.roots", lambda one: one.ravel()),
        ("trees.bits", lambda one: one[:, :4]),
        ("trees.value", lambda one: one[:-1]),
        ("trees.baseline", lambda one: np.concatenate([one, one])),
        ("trees.value", lambda one: one * np.nan),
        ("trees.baseline", lambda one: one + np.inf),
    ],
)
def test_trees_that_lead_outside_are_refused(name, spoilt):
    rows = table(0)
    fitted = boosted(
        rows, targets(rows, Task.BINARY), task=Task.BINARY, recipe=TREE_RECIPES[0], categorical=2, seed=0, rounds=3
    )
    arrays = forest_from(fitted, 6).arrays()
    assert forest_of(arrays, columns=6, outputs=1).columns == 6
    with pytest.raises(ValueError, match="trees"):
        forest_of(arrays | {name: spoilt(arrays[name])}, columns=6, outputs=1)


def test_trees_that_ask_a_number_for_its_code_still_answer():
    rows = table(0)
    fitted = boosted(
        rows, targets(rows, Task.BINARY), task=Task.BINARY, recipe=TREE_RECIPES[0], categorical=2, seed=0, rounds=3
    )
    arrays = forest_from(fitted, 6).arrays()
    asked = forest_of(arrays | {"trees.category": arrays["trees.category"] * 0}, columns=6, outputs=1)
    wild = np.full((4, 6), 1e300)
    wild[1], wild[2], wild[3] = -1e300, 255.0, 256.0
    assert np.isfinite(asked.raw(wild)).all()


def rows_of(numbers: np.ndarray, words: list[str | None]) -> tuple[Cells, ...]:
    return tuple(
        Cells(("n", "m", "w"), (*(None if np.isnan(cell) else float(cell) for cell in row), word))
        for row, word in zip(numbers, words, strict=True)
    )


def control(rows, y, *, task=Task.MULTICLASS, outputs=2, configurations=1):
    cells = cell_table(rows, ("n", "m"), ("w",))
    columns = fit_row_columns(cells, ("n", "m"), ("w",))
    even = np.ones(outputs, np.float32)
    parted = columns.parted(cells)
    found = fit_control(
        columns,
        parted,
        y,
        task=task,
        outputs=outputs,
        weights=even,
        head_weights=even,
        untilt=True,
        configurations=configurations,
        seed=0,
    )
    return found, columns, parted


@pytest.mark.slow
def test_the_better_of_trees_and_a_linear_model_is_kept():
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((400, 2))
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    words = [("a", "b", None)[row % 3] for row in range(400)]
    rows, step = rows_of(numbers, words), np.nan_to_num(numbers[:, 0]) * np.nan_to_num(numbers[:, 1]) > 0
    whole = rng.standard_normal((400, 2))
    assert control(rows_of(whole, words), (whole.sum(1) > 0).astype(np.int64))[0].name == "a linear model"
    found, _, parted = control(rows, step.astype(np.int64), configurations=2)
    assert "rounds of trees" in found.name
    said = found.scorer.logits(parted, Task.BINARY).argmax(1)
    assert (said == step).mean() > 0.9
    # A class no row has, and a class of one row.
    lonely = step.astype(np.int64) * 2
    lonely[0] = 3
    found, _, parted = control(rows, lonely, outputs=5)
    assert isinstance(found.scorer, TreesOnRows)
    logits = found.scorer.logits(parted, Task.MULTICLASS)
    assert np.isfinite(logits).all()
    assert set(logits.argmax(1)) <= {0, 2, 3}


def test_columns_that_are_empty_in_the_training_rows_change_nothing():
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((120, 2))
    numbers[:, 1] = np.nan
    y = (np.abs(numbers[:, 0]) > 0.7).astype(np.int64)
    found, columns, _ = control(rows_of(numbers, [None] * 120), y)
    assert isinstance(found.scorer, TreesOnRows)
    asked = rows_of(np.array([[0.0, 5.0], [2.0, 1e30]]), ["new", None])
    assert found.scorer.logits(columns.read(asked), Task.BINARY).argmax(1).tolist() == [0, 1]
    reordered = [Cells(("w", "n"), (None, 2.0))]
    assert np.array_equal(columns.read(reordered), [[np.nan, 2.0, np.nan]], equal_nan=True)


def test_the_spread_of_numbers_of_every_size_is_found():
    drawn = np.random.default_rng(3).normal(size=50)
    sizes = np.array([1.0, 1e-300, 1e-200, 1e30])
    numbers = [[float(one) for one in row] for row in drawn[:, None] * sizes]
    names = ("a", "b", "c", "d")
    found = fit_row_columns(cell_table([Cells(names, tuple(row)) for row in numbers], names, ()), names, ())
    np.testing.assert_allclose(np.array(found.scales) / sizes, np.full(4, drawn.std()), rtol=1e-9)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_columns_that_tell_something_are_found_among_thousands(task):
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((300, 4000))
    wide[:, :50] = rng.integers(0, 9, (300, 50))
    value = 3 * (wide[:, 7] == 1) + (wide[:, 20] > 4) + wide[:, 999] + np.abs(wide[:, 3000])
    wide[rng.random(wide.shape) < 0.1] = np.nan
    wide[:, 60] = np.nan
    # A column that says nothing but where it is missing.
    wide[value > np.quantile(value, 0.8), 2000] = np.nan
    target = value if task is Task.REGRESSION else np.digitize(value, np.quantile(value, [0.5]))
    if task is Task.MULTICLASS:
        target = np.digitize(value, np.quantile(value, [0.25, 0.5, 0.75])) * 3
    found = telling_columns(wide, target, categorical=50, most=40)
    assert len(found) == 40
    assert (np.diff(found) > 0).all()
    assert {7, 20, 999, 2000, 3000} <= set(found.tolist())
    assert telling_columns(wide[:, :40], target, categorical=40, most=40).tolist() == list(range(40))


def test_what_columns_tell_is_the_usual_statistic():
    """Pearson's chi-squared of parts and classes, which scikit-learn's selection cannot make of numbers."""
    from scipy.stats import chi2_contingency

    from graft.scores.trees import _explained, _parts_of

    rng = np.random.default_rng(1)
    rows, classes = rng.standard_normal((200, 6)), rng.integers(0, 3, 200)
    rows[:, 0] += classes
    parts = _parts_of(rows, np.zeros(6, bool))
    assert [np.bincount(column).tolist() for column in parts.T] == [[40] * 5] * 6
    for column, told in zip(parts.T, _explained(parts, classes), strict=True):
        counted = np.zeros((5, 3))
        np.add.at(counted, (column, classes), 1)
        statistic, _, free, _ = chi2_contingency(counted, correction=False)
        assert told == pytest.approx((statistic - free * 200 / 199) / 2, rel=1e-9)


def test_trees_of_a_wide_table_look_at_some_columns_and_name_the_right_ones(monkeypatch):
    monkeypatch.setattr("graft.scores.row_control.columns_allowed", lambda outputs: 40)
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((150, 250))
    names = tuple(f"c{place}" for place in range(250))
    rows = [Cells(names, tuple(map(float, row))) for row in wide]
    y = (np.abs(wide[:, 240]) > 0.67).astype(np.int64)
    columns = fit_row_columns(cell_table(rows, names, ()), names, ())
    even = np.ones(2, np.float32)
    found = fit_control(
        columns, wide, y, task=Task.BINARY, outputs=2, weights=even, head_weights=even, untilt=True,
        configurations=1, seed=0,
    )  # fmt: skip
    assert "of the 40 columns of 250 that tell most" in found.name
    assert 240 in found.scorer.forest.feature[~found.scorer.forest.leaf]
    asked = np.zeros((2, 250))
    asked[1, 240] = 2.0
    assert found.scorer.logits(asked, Task.BINARY).argmax(1).tolist() == [0, 1]
