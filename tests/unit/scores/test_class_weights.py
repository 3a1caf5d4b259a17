import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from graft.core.errors import InputError
from graft.inputs import Task
from graft.scores.linear import class_weights

SKEWED = np.repeat([0, 1, 2], [70, 20, 10])


def test_balanced_is_what_scikit_learn_says():
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=SKEWED)
    np.testing.assert_allclose(class_weights(SKEWED, Task.MULTICLASS, 3, mode="balanced"), theirs, rtol=1e-6)


def test_auto_is_the_square_root_once_classes_differ_by_more_than_three():
    theirs = np.sqrt(compute_class_weight("balanced", classes=np.arange(3), y=SKEWED))
    ours = class_weights(SKEWED, Task.MULTICLASS, 3)
    np.testing.assert_allclose(ours / ours[0], theirs / theirs[0], rtol=1e-6)
    exactly = np.repeat([0, 1], [30, 10])
    assert class_weights(exactly, Task.BINARY, 2).tolist() == [1, 1]
    assert class_weights(np.append(exactly, 0), Task.BINARY, 2)[1] > 1.4


@pytest.mark.parametrize("mode", ["auto", "balanced", "none"])
@pytest.mark.parametrize("classes", [3, 5])
def test_the_mean_weight_of_a_row_is_one_even_with_absent_classes(mode, classes):
    weights = class_weights(SKEWED, Task.MULTICLASS, classes, mode=mode)
    assert weights.dtype == np.float32
    assert weights.shape == (classes,)
    assert weights[SKEWED].mean() == pytest.approx(1, rel=1e-6)
    assert np.isfinite(weights).all()


def test_an_absent_class_does_not_switch_auto_on():
    assert class_weights(np.repeat([0, 1], 10), Task.MULTICLASS, 3).tolist() == [1, 1, 1]


def test_multilabel_weights_are_of_the_positives():
    targets = np.zeros((100, 4), np.uint8)
    targets[:50, 0], targets[:10, 1], targets[:90, 2] = 1, 1, 1
    balanced = class_weights(targets, Task.MULTILABEL, 4, mode="balanced")
    # A half: even; a tenth: nine negatives for each positive; nine tenths: never less than one; none: capped.
    np.testing.assert_allclose(balanced, [1, 9, 1, 20], rtol=1e-5)
    np.testing.assert_allclose(class_weights(targets, Task.MULTILABEL, 4), [1, 3, 1, 10], rtol=1e-5)
    assert class_weights(targets, Task.MULTILABEL, 4, mode="none").tolist() == [1, 1, 1, 1]


def test_regression_knows_no_classes():
    assert class_weights(np.array([0.5, 7.0]), Task.REGRESSION, 1, mode="balanced").tolist() == [1]


def test_a_misspelt_mode_is_not_silently_another():
    with pytest.raises(InputError, match=r"'blanced'[\s\S]*auto, balanced, none"):
        class_weights(SKEWED, Task.MULTICLASS, 3, mode="blanced")
