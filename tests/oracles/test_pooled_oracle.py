"""The jackknife over rows against exact formulas, a slow one by scikit-learn, and what the score really varies by."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from graft.core.errors import InputError
from graft.evidence.comparison import compare, score_interval
from graft.evidence.metrics import METRICS
from graft.evidence.pooled import Jackknife, Lessons, Pooled, effective_rows, jackknife
from graft.evidence.predictions import Scored


def answers(right: np.ndarray) -> Scored:
    return Scored("binary", np.zeros(len(right), int), np.eye(2)[np.where(right, 0, 1)])


def spread(scored: Scored, name: str, clusters: np.ndarray, weights: np.ndarray | None = None) -> float:
    return float(np.square(jackknife({"a": [(1.0, Pooled(scored, clusters, weights))]}, name).moves("a")).sum())


def drawn(rng: np.random.Generator, task: str, rows: int) -> Scored:
    if task == "regression":
        return Scored(task, 1000 + rng.normal(size=rows), 1000 + rng.normal(size=rows))
    if task == "multilabel":
        return Scored(task, rng.integers(2, size=(rows, 3)), rng.random((rows, 3)))
    classes = 2 if task == "binary" else 5
    return Scored(task, rng.integers(classes, size=rows) % classes, rng.dirichlet(np.full(classes, 0.7), rows))


@pytest.mark.parametrize("rows", [2, 7, 40, 300])
def test_of_a_mean_it_is_the_textbook_variance(rows: int) -> None:
    """s^2 / n, to the last digit."""
    rng = np.random.default_rng(rows)
    right = rng.random(rows) < 0.8
    right[:2] = [True, False]
    assert spread(answers(right), "accuracy", np.arange(rows)) == pytest.approx(right.var(ddof=1) / rows, rel=1e-9)
    values = Scored("regression", rng.normal(size=rows), rng.normal(size=rows))
    exact = np.abs(values.targets - values.scores).var(ddof=1) / rows
    assert spread(values, "mae", np.arange(rows)) == pytest.approx(exact, rel=1e-9)


def test_of_a_mean_over_equal_clusters_it_is_that_of_the_cluster_means() -> None:
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(25), 8)
    right = rng.random(200) < rng.beta(4, 1, 25)[clusters]
    means = right.reshape(25, 8).mean(axis=1)
    assert spread(answers(right), "accuracy", clusters) == pytest.approx(means.var(ddof=1) / 25, rel=1e-9)


def test_of_repeats_it_is_that_of_the_means_of_each_row() -> None:
    rng = np.random.default_rng(1)
    right = rng.random((3, 60)) < 0.7
    found = spread(answers(right.ravel()), "accuracy", np.tile(np.arange(60), 3), np.full(180, 1 / 3))
    assert found == pytest.approx(right.mean(axis=0).var(ddof=1) / 60, rel=1e-9)


def test_macro_f1_by_taking_half_of_each_row_out_with_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    targets = rng.choice(4, size=50, p=[0.6, 0.2, 0.15, 0.05])
    said = np.where(rng.random(50) < 0.7, targets, rng.integers(4, size=50))
    without = []
    for row in range(50):
        weights = np.ones(50)
        weights[row] = 0.5
        without.append(f1_score(targets, said, average="macro", sample_weight=weights))
    moves = (np.array(without) - np.mean(without)) * 2 * 49.5 / np.sqrt(50 * 49)
    assert spread(Scored("multiclass", targets, np.eye(4)[said]), "macro_f1", np.arange(50)) == pytest.approx(
        float(moves @ moves)
    )


@pytest.mark.parametrize("record", METRICS, ids=lambda one: one.name)
def test_sums_and_weights_agree(record) -> None:
    """Blocks of rows, of uneven weight, with a class that dies with its block."""
    for seed, task in enumerate(record.tasks * 3):
        rng = np.random.default_rng(seed)
        scored = drawn(rng, task, 40)
        block, weights = rng.integers(8, size=40), rng.choice([1.0, 1 / 3], size=40)
        by_sums = record.summed(scored)
        if by_sums is None:
            assert record.name in ("roc_auc", "average_precision", "spearman")
            continue
        for share in (0.5, 1.0):
            taken = np.where(block == np.arange(8)[:, None], 1 - share, 1.0) * weights
            expected = record.per_draw(scored, taken)
            np.testing.assert_allclose(by_sums.without(block, weights, 8, share=share), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("macro_f1", 100),
        ("r2", 60),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in (("roc_auc", 60), ("balanced_accuracy", 100))),
    ],
)
def test_on_average_it_is_what_the_score_varies_by(name: str, rows: int) -> None:
    """Two classes, about 10 : 1 where classes count alike."""
    rng, scores, variances = np.random.default_rng(3), [], []
    for _ in range(400):
        if name == "r2":
            targets = rng.normal(size=rows)
            scored = Scored("regression", targets, targets + rng.normal(size=rows) * 0.8)
        else:
            targets = (rng.random(rows) < (0.5 if name == "roc_auc" else 0.1)).astype(int)
            sure = 1 / (1 + np.exp(-rng.normal(3 * targets - 1.5, 1.5)))
            scored = Scored("binary", targets, np.column_stack([1 - sure, sure]))
        found = jackknife({"a": [(1.0, Pooled(scored, np.arange(rows)))]}, name)
        scores.append(found.estimate("a"))
        variances.append(np.square(found.moves("a")).sum())
    assert np.mean(variances) / np.var(scores) == pytest.approx(1, abs=0.2)


def test_beyond_500_clusters_blocks_say_the_same() -> None:
    rng = np.random.default_rng(4)
    right = rng.random(4000) < 0.8
    found = jackknife({"a": [(1.0, Pooled(answers(right), np.arange(4000)))]}, "accuracy")
    assert found.blocks == 500
    assert np.square(found.moves("a")).sum() == pytest.approx(right.var(ddof=1) / 4000, rel=0.15)


def test_a_sum_of_terms_is_left_out_together() -> None:
    """Score plus half of (score - score of the first half of the rows): influence values by hand."""
    rng = np.random.default_rng(5)
    right, rows = rng.random(80) < 0.8, np.arange(80)
    whole, less = Pooled(answers(right), rows), Pooled(answers(right[:40]), rows[:40])
    found = jackknife({"a": [(1.5, whole), (-0.5, less)]}, "accuracy")
    assert found.estimate("a") == pytest.approx(1.5 * right.mean() - 0.5 * right[:40].mean())
    influence = 1.5 * (right - right.mean()) / 80
    influence[:40] -= 0.5 * (right[:40] - right[:40].mean()) / 40
    assert np.square(found.moves("a")).sum() == pytest.approx(float(influence @ influence), rel=0.05)


def test_effective_rows_are_those_of_the_rarest_class() -> None:
    targets = np.repeat([0, 1, 2], [80, 15, 5])
    scored = Scored("multiclass", targets, np.eye(4)[targets])
    assert effective_rows(scored, "macro_f1") == pytest.approx(16 / (1 / 80 + 1 / 15 + 1 / 5 + 2))
    assert effective_rows(scored, "accuracy") == 100
    assert effective_rows(scored, "accuracy", np.full(100, 0.5)) == 50
    assert np.isinf(effective_rows(scored, "log_loss"))


@pytest.mark.parametrize(("rare", "kept"), [(0, False), (1, False), (2, True), (5, True)])
def test_too_few_rows_of_a_class_withhold_the_interval(rare: int, kept: bool) -> None:
    targets = np.repeat([0, 1], [60 - rare, rare])
    scored = Scored("binary", targets, np.eye(2)[np.where(np.arange(60) % 7 == 0, 1 - targets, targets)])
    found = jackknife({"a": [(1.0, Pooled(scored, np.arange(60)))]}, "macro_f1")
    interval = score_interval(found, "a")
    assert (found.withheld == "") is kept
    assert (interval.ends is not None) is kept
    assert kept or f"the rarest class has {rare} row" in found.withheld
    assert jackknife({"a": [(1.0, Pooled(scored, np.arange(60)))]}, "accuracy").withheld == ""


@pytest.mark.parametrize("classes", [2, 5, 20, 50])
def test_nothing_is_withheld_from_a_hundred_balanced_rows_on(classes: int) -> None:
    targets = np.random.default_rng(classes).permutation(100) % classes
    scored = Scored("multiclass", targets, np.eye(classes)[targets])
    assert jackknife({"a": [(1.0, Pooled(scored, np.arange(100)))]}, "macro_f1").withheld == ""


@pytest.mark.parametrize(("rows", "withheld"), [(1, "a typical class has 1 row, and two are needed"), (2, "")])
def test_one_row_of_each_of_many_classes_says_nothing_of_how_far_scores_vary(rows: int, withheld: str) -> None:
    """Half of a class's only row taken out leaves its F1 as it is: equal candidates were called apart in every second
    study of 150 classes, since the error was a third of what it is."""
    rng, classes, found, error = np.random.default_rng(0), 60, [], []
    targets = np.repeat(np.arange(classes), rows)
    for _ in range(60):
        said = (
            np.where(rng.random(len(targets)) < 0.7, targets, rng.integers(classes, size=len(targets))) for _ in "ab"
        )
        pair = {
            name: [(1.0, Pooled(Scored("multiclass", targets, np.eye(classes)[one]), np.arange(len(targets))))]
            for name, one in zip("ab", said, strict=True)
        }
        taken = jackknife(pair, "macro_f1")
        assert taken.withheld == withheld
        found.append(taken.estimate("a") - taken.estimate("b"))
        error.append(np.square(taken.moves("a") - taken.moves("b")).sum())
    true = float(np.std(found)) / float(np.sqrt(np.mean(error)))
    assert (true > 2) if withheld else (0.75 < true < 1.35)


def test_one_cluster_has_a_score_and_no_interval() -> None:
    """A holdout of a single group must not end a study at its last step."""
    scored = answers(np.array([True, False, True, True]))
    found = jackknife({"a": [(1.0, Pooled(scored, np.zeros(4, int)))]}, "accuracy")
    assert found.estimate("a") == pytest.approx(0.75)
    assert found.withheld == "all rows belong to one group"
    assert score_interval(found, "a").ends is None


def test_what_cannot_be_pooled_is_refused() -> None:
    scored = answers(np.array([True, False, True]))
    with pytest.raises(InputError, match="no candidate"):
        jackknife({}, "accuracy")
    with pytest.raises(InputError, match="undefined"):
        jackknife({"a": [(1.0, Pooled(scored, np.arange(3)))]}, "roc_auc")
    with pytest.raises(InputError, match="2 clusters for 3 rows"):
        Pooled(scored, np.arange(2))


def learners(rng: np.random.Generator, rows: int, width: int, gap: float) -> tuple[Jackknife, dict[str, float]]:
    """Two ridge classifiers on features of their own, judged out of fold three times; and what their models are worth.

    A class lies ``gap`` from the middle in the first feature and nowhere else, so the accuracy of a weight vector is
    known.
    """
    folds, repeats, truth = 5, 3, np.tile([-1.0, 1.0], rows // 2)
    splits = [rng.permutation(rows) % folds for _ in range(repeats)]
    terms, lessons, worth = {}, {}, {}

    def pooled(said: np.ndarray, weights: np.ndarray | None = None) -> Pooled:
        place = np.tile(np.arange(rows), said.size // rows)
        scored = Scored("binary", (truth[place] > 0).astype(int), np.eye(2)[(said.ravel() > 0).astype(int)])
        return Pooled(scored, place, weights)

    def weights(seen: np.ndarray, learnt: np.ndarray) -> np.ndarray:
        inner = seen[learnt] @ seen[learnt].T + width * np.eye(len(learnt))
        return np.asarray(seen[learnt].T @ np.linalg.solve(inner, truth[learnt]))

    for name in ("a", "b"):
        seen = rng.standard_normal((rows, width))
        seen[:, 0] += gap * truth
        whole, halves, shares = np.zeros((repeats, rows)), np.zeros((repeats, 2, rows)), []
        for repeat, split in enumerate(splits):
            for fold in range(folds):
                learnt, test = rng.permutation(np.flatnonzero(split != fold)), np.flatnonzero(split == fold)
                model = weights(seen, learnt)
                whole[repeat, test] = seen[test] @ model
                shares.append(stats.norm.cdf(gap * model[0] / np.linalg.norm(model)))
                for side in (0, 1):
                    halves[repeat, side, test] = seen[test] @ weights(seen, learnt[side::2])
        terms[name] = [(1.0, pooled(whole, np.full(whole.size, 1 / repeats)))]
        pairs = tuple((pooled(one), pooled(other)) for one, other in halves)
        lessons[name] = Lessons(tuple(map(pooled, whole)), pairs)
        worth[name] = float(np.mean(shares))
    return jackknife(terms, "accuracy", lessons=lessons), worth


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "width", "gap", "about"), [(40, 300, 0.8, 1.75), (60, 4, 0.8, 1.15), (120, 20, 0.8, 1.35)]
)
def test_what_rows_teach_one_another_is_in_the_variance(rows: int, width: int, gap: float, about: float) -> None:
    """Differences of studies vary around what their models are worth by what rows show and what is added to it."""
    off, shown, added = [], [], []
    for seed in range(200):
        found, worth = learners(np.random.default_rng(seed), rows, width, gap)
        off.append(found.estimate("a") - found.estimate("b") - worth["a"] + worth["b"])
        shown.append(np.square(found.moves("a") - found.moves("b")).sum())
        added.append(found.taught("a", "b"))
    varied, said = np.mean(np.square(off)) / np.mean(shown), 1 + np.mean(added) / np.mean(shown)
    # The standard error of a ratio of 200 studies is a tenth of it.
    assert said == pytest.approx(about, abs=0.1)
    assert varied == pytest.approx(said, rel=0.25)


def test_models_that_learn_nothing_are_taught_nothing() -> None:
    rng = np.random.default_rng(0)
    right = rng.random((2, 80)) < 0.7
    one, other = (
        Pooled(Scored("binary", np.zeros(80, int), np.eye(2)[1 - row.astype(int)]), np.arange(80)) for row in right
    )
    lessons = {name: Lessons((it, it, it), ((it, it),)) for name, it in (("a", one), ("b", other))}
    found = jackknife({"a": [(1.0, one)], "b": [(1.0, other)]}, "accuracy", lessons=lessons)
    assert (found.taught("a"), found.taught("a", "b")) == (0.0, 0.0)
    plain = jackknife({"a": [(1.0, one)], "b": [(1.0, other)]}, "accuracy")
    assert compare(found, "a", "b") == compare(plain, "a", "b")


def test_what_is_not_known_of_one_adds_nothing_and_two_fixed_models_have_no_lessons() -> None:
    found, _ = learners(np.random.default_rng(0), 40, 300, 0.8)
    assert found.taught("a", "b") > 0
    assert compare(found, "a", "b", drift=0.0).error < compare(found, "a", "b", drift=0.2).error
    half = replace(found, lessons={"a": found.lessons["a"]})
    assert half.taught("a", "b") == 0.0
    assert half.taught("a") == found.taught("a")


def test_a_share_of_the_rows_taught_one_another() -> None:
    """Rows of a locked holdout teach nobody: of what half the rows add to themselves, all see a quarter."""
    found, _ = learners(np.random.default_rng(1), 40, 300, 0.8)
    lessons = {name: replace(one, share=0.5) for name, one in found.lessons.items()}
    assert replace(found, lessons=lessons).taught("a", "b") == pytest.approx(found.taught("a", "b") / 4)
