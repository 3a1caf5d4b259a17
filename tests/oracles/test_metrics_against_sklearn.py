"""Every metric against scikit-learn, on plain and on resampled rows."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from graft.evidence.comparison import score_interval
from graft.evidence.metrics import METRICS, evaluate, metric
from graft.evidence.pooled import Pooled, jackknife
from graft.evidence.predictions import Scored
from graft.evidence.row_weights import row_weights

ROWS = 120


def scored(task: str, seed: int = 0) -> Scored:
    rng = np.random.default_rng(seed)
    if task == "regression":
        targets = rng.normal(size=ROWS).round(1)  # rounded: ties
        return Scored(task, targets, (targets + rng.normal(size=ROWS)).round(1))
    if task == "multilabel":
        targets = (rng.random((ROWS, 4)) < 0.3).astype(int)
        return Scored(task, targets, np.clip(0.25 + 0.4 * targets + rng.normal(0, 0.3, (ROWS, 4)), 0, 1).round(2))
    classes = 2 if task == "binary" else 5
    targets = rng.integers(classes - (task == "multiclass"), size=ROWS)  # the last class of five never occurs
    logits = rng.normal(size=(ROWS, classes)) + 1.2 * np.eye(classes)[targets]
    scores = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).round(2)  # rounded: ties
    return Scored(task, targets, scores / scores.sum(axis=1, keepdims=True))


def mean_over_classes(one: Scored, function) -> float:
    """The macro average over the classes that have both kinds of rows."""
    if one.task == "binary":
        return function(one.targets, one.scores[:, 1])
    columns = one.targets if one.task == "multilabel" else np.eye(one.classes)[one.targets]
    return np.mean(
        [function(columns[:, k], one.scores[:, k]) for k in range(one.classes) if 0 < columns[:, k].sum() < one.rows]
    )


ORACLES = {
    "accuracy": lambda one: sk.accuracy_score(one.targets, one.decided),
    "balanced_accuracy": lambda one: sk.recall_score(
        one.targets, one.decided, average="macro", labels=np.unique(one.targets), zero_division=0
    ),
    "macro_f1": lambda one: sk.f1_score(one.targets, one.decided, average="macro", zero_division=0),
    "micro_f1": lambda one: sk.f1_score(one.targets, one.decided, average="micro", zero_division=0),
    "log_loss": lambda one: (
        np.mean([sk.log_loss(one.targets[:, k], one.scores[:, k], labels=[0, 1]) for k in range(one.classes)])
        if one.task == "multilabel"
        else sk.log_loss(one.targets, one.scores, labels=np.arange(one.classes))
    ),
    "brier": lambda one: (
        np.mean([sk.brier_score_loss(one.targets[:, k], one.scores[:, k], labels=[0, 1]) for k in range(one.classes)])
        if one.task == "multilabel"
        else sk.brier_score_loss(one.targets, one.scores[:, 1], labels=[0, 1])
        if one.task == "binary"
        else sk.brier_score_loss(one.targets, one.scores, labels=np.arange(one.classes))
    ),
    "roc_auc": lambda one: mean_over_classes(one, sk.roc_auc_score),
    "average_precision": lambda one: mean_over_classes(one, sk.average_precision_score),
    "r2": lambda one: sk.r2_score(one.targets, one.scores),
    "rmse": lambda one: sk.root_mean_squared_error(one.targets, one.scores),
    "mae": lambda one: sk.mean_absolute_error(one.targets, one.scores),
    "spearman": lambda one: stats.spearmanr(one.targets, one.scores).statistic,
}
CASES = [(record.name, task) for record in METRICS for task in record.tasks]


def test_every_metric_has_an_oracle() -> None:
    assert {record.name for record in METRICS} == set(ORACLES)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_value(name: str, task: str) -> None:
    one = scored(task)
    assert evaluate(one, name) == pytest.approx(ORACLES[name](one), abs=1e-12)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_weights_are_repeated_rows(name: str, task: str) -> None:
    """A bootstrap draw scored by weights equals scikit-learn on the rows written out."""
    one = scored(task, seed=1)
    weights = row_weights(ROWS, 4, rng=np.random.default_rng(2))
    drawn = metric(name).per_draw(one, weights)
    for draw, counts in zip(drawn, weights, strict=True):
        rows = np.repeat(np.arange(ROWS), counts.astype(int))
        assert draw == pytest.approx(ORACLES[name](one.take(rows)), abs=1e-12)


def test_coverage_of_macro_f1_with_small_classes() -> None:
    """40 classes of 8 rows: the interval covers, where percentiles of resampled rows do not."""
    rng = np.random.default_rng(3)

    def world(rows: int) -> Scored:
        targets = rng.integers(40, size=rows)
        logits = rng.normal(size=(rows, 40)) + 2.3 * np.eye(40)[targets]
        return Scored("multiclass", targets, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))

    truth = evaluate(world(100_000), "macro_f1")
    covered, plain = [], []
    for _ in range(150):
        one = world(320)
        interval = score_interval(jackknife({"a": [(1.0, Pooled(one, np.arange(320)))]}, "macro_f1"), "a")
        covered.append(interval.low <= truth <= interval.high)
        low, high = np.quantile(metric("macro_f1").per_draw(one, row_weights(320, 300, rng=rng)), [0.025, 0.975])
        plain.append(low <= truth <= high)
    print(f"\n40 classes of 8 rows: covers {np.mean(covered):.3f}, percentiles {np.mean(plain):.3f}", end="")
    assert np.mean(covered) >= 0.93 - 3 * np.sqrt(0.05 * 0.95 / 150)
    assert np.mean(plain) < np.mean(covered) - 0.1
