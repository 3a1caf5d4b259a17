import dataclasses
import json

import numpy as np
import pytest

from graft.scores.columns import ColumnEncoder, fit_columns
from graft.scores.models import ClassicalModel, load_model, save_model
from graft.scores.output import Output
from unit.bundle.building import fitted, rows_for


def rows_with(numeric: object, categorical: object):
    numbers, words = np.array(numeric, np.float32), np.array(categorical, object)
    return dataclasses.replace(rows_for("binary").take(np.arange(len(numbers))), numeric=numbers, categorical=words)


def test_numbers_are_standardised_with_the_training_rows():
    train = rows_with([[1.0], [3.0], [5.0]], [[], [], []])
    encoder = fit_columns(train)
    encoded = encoder.encode(train)
    np.testing.assert_allclose(encoded[:, 0], [-np.sqrt(1.5), 0, np.sqrt(1.5)], rtol=1e-6)
    assert encoded.dtype == np.float32
    later = encoder.encode(rows_with([[7.0]], [[]]))
    np.testing.assert_allclose(later[:, 0], 2 * np.sqrt(1.5), rtol=1e-6)


def test_a_missing_number_is_the_mean_and_says_so():
    train = rows_with([[1.0], [np.nan], [3.0]], [[], [], []])
    encoder = fit_columns(train)
    assert encoder.means == (2.0,)
    assert encoder.scales == (1.0,)
    assert encoder.encode(train).tolist() == [[-1, 0], [0, 1], [1, 0]]


def test_a_column_that_is_missing_everywhere_is_no_information():
    encoder = fit_columns(rows_with([[np.nan], [np.nan]], [[], []]))
    assert encoder.encode(rows_with([[np.nan], [2.0]], [[], []])).tolist() == [[0, 1], [2, 0]]


@pytest.mark.parametrize("rows", [3, 7, 71, 72])
@pytest.mark.parametrize("level", [0.1, 1e6 / 3, -7e-4])
def test_a_constant_column_is_not_blown_up_by_rounding(rows, level):
    encoder = fit_columns(rows_with([[level]] * rows, [[]] * rows))
    other = encoder.encode(rows_with([[level * 1.01]], [[]]))
    assert abs(other[0, 0]) <= max(1, abs(level))


def test_categories_are_flags_and_an_unknown_one_is_all_zeros():
    train = rows_with([[], [], []], [["b", "x"], ["a", ""], ["b", "x"]])
    encoder = fit_columns(train)
    assert encoder.categories == (("a", "b"), ("", "x"))
    assert encoder.encode(train).tolist() == [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]
    assert encoder.encode(rows_with([[]], [["never seen", "x"]])).tolist() == [[0, 0, 0, 1]]
    assert encoder.width == 4


def test_numbers_and_categories_stand_side_by_side():
    train = rows_with([[1.0, 5.0], [3.0, 5.0]], [["b"], ["a"]])
    encoded = fit_columns(train).encode(train)
    # Two standardised, two flags of missing, two categories.
    assert encoded.tolist() == [[-1, 0, 0, 0, 0, 1], [1, 0, 0, 0, 1, 0]]
    assert fit_columns(train).width == encoded.shape[1]


def test_no_columns_are_a_matrix_of_no_width():
    rows = rows_with([[], []], [[], []])
    assert fit_columns(rows).encode(rows).shape == (2, 0)
    assert fit_columns(rows) == ColumnEncoder()


def test_an_encoder_read_from_json_is_the_same(tmp_path):
    train = rows_with([[1 / 3], [np.nan], [2.5e7]], [["ö"], [""], ["a\nb"]])
    encoder = fit_columns(train)
    model = ClassicalModel(
        fitted("classical", "binary").output,
        (),
        encoder,
        np.ones((2, encoder.width), np.float32),
        np.zeros(2, np.float32),
    )
    save_model(model, tmp_path)
    assert json.loads((tmp_path / "model.json").read_text())["kind"] == "classical"
    again = load_model(tmp_path)
    assert again.columns == encoder
    assert isinstance(again.output, Output)
    np.testing.assert_array_equal(again.columns.encode(train), encoder.encode(train))
