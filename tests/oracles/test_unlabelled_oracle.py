"""Quality without labels against enumeration, the binomial distribution, sklearn and labels that came."""

import itertools
from functools import partial

import numpy as np
import pytest
from scipy import special, stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from graft.core.errors import InputError
from graft.decisions.calibration import fit_method
from graft.decisions.costs import CostTable, costs_from_mapping
from graft.decisions.policy import Policy
from graft.decisions.policy_costs import realised_cost
from graft.evidence import unlabelled
from graft.evidence.carried_over import places
from graft.evidence.metrics import evaluate
from graft.evidence.predictions import Scored
from graft.evidence.unlabelled import (
    Answers,
    Recalibration,
    expected_quality,
    expected_rows,
    recalibrate,
    row_cost,
    usual_range,
)

COSTS = np.array([[0.0, 1.0, 3.0, 0.5], [9.0, 0.0, 2.0, 0.5], [4.0, 1.0, 0.0, 0.5]])


def as_said(answers: Answers, *, alike: float = 0.0) -> Recalibration:
    """A calibrator that is known to be right: a reference too large to leave a doubt."""
    reference = answers.if_true(np.zeros(answers.scores.shape[: 1 + (answers.task == "multilabel")], dtype=int))
    return Sure(reference, lambda scores: scores, (lambda scores: scores,), np.arange(answers.rows), alike)


class Sure(Recalibration):
    @property
    def effective(self) -> float:
        return 1e12


def some(rng: np.random.Generator, rows: int, classes: int) -> Answers:
    scores = rng.dirichlet(np.ones(classes), size=rows)
    return Answers("binary" if classes == 2 else "multiclass", scores)


@pytest.mark.parametrize("of", ["accuracy", "log_loss", "brier", "macro_f1", "cost"])
def test_estimates_are_means_over_all_labels_there_could_be(of: str) -> None:
    rng = np.random.default_rng(3)
    answers = some(rng, 4, 3)
    answers = Answers("multiclass", answers.scores, np.array([0, -1, 2, 1]))
    asked = partial(row_cost, actions=COSTS) if of == "cost" else of
    mean = 0.0
    for truth in itertools.product(range(3), repeat=4):
        scored = answers.if_true(np.array(truth))
        if of == "macro_f1":
            names = sorted(set(truth) | {0, 1, 2})  # decided classes are counted
            value = f1_score(truth, answers.choices, average="macro", labels=names, zero_division=0)
        else:
            value = row_cost(scored, COSTS).mean() if of == "cost" else evaluate(scored, of)
        mean += value * answers.scores[np.arange(4), list(truth)].prod()
    found = expected_quality(answers, as_said(answers), asked, rng=rng, draws=4000)
    assert found.estimate.mean == pytest.approx(mean, abs=0.012 if of == "macro_f1" else 1e-12)


def test_the_interval_of_a_known_calibrator_is_binomial() -> None:
    answers = Answers("binary", np.tile([0.2, 0.8], (100, 1)))
    found = expected_quality(answers, as_said(answers), "accuracy", rng=np.random.default_rng(0), draws=8000)
    low, high = stats.binom.ppf([0.025, 0.975], 100, 0.8) / 100
    assert found.estimate.ends == pytest.approx((low, high), abs=0.0101)
    assert found.estimate.mean == pytest.approx(0.8)


def test_rows_of_a_group_share_their_luck_and_keep_their_probabilities() -> None:
    answers = Answers("multiclass", np.tile([0.1, 0.7, 0.2], (40, 1)))
    groups = np.repeat(np.arange(4), 10)
    sure = as_said(answers, alike=1.0)
    found = expected_quality(answers, sure, "accuracy", rng=np.random.default_rng(0), groups=groups, draws=8000)
    low, high = stats.binom.ppf([0.025, 0.975], 4, 0.7) / 4
    assert found.estimate.ends == pytest.approx((low, high))
    assert len(found.assumptions) == 2
    assert len(expected_quality(answers, sure, "accuracy", rng=np.random.default_rng(0), draws=9).assumptions) == 3


def test_labels_are_expected_one_by_one() -> None:
    rng = np.random.default_rng(5)
    answers = Answers("multilabel", rng.random((2, 3)))
    actions = np.array([[0.0, 1.0, 2.0, 3.0], [5.0, 0.0, 0.0, 0.0], [6.0, 0.0, 0.5, 0.0], [7.0, 0.0, 0.0, 0.0]])
    told = rng.random((2, 3))
    for of in ("accuracy", "log_loss", "brier", partial(row_cost, actions=actions)):
        mean, square = np.zeros(2), np.zeros(2)
        for truth in itertools.product((0, 1), repeat=3):
            scored = answers.if_true(np.tile(truth, (2, 1)))
            chance = np.where(truth, told, 1 - told).prod(axis=1)
            one = of(scored) if callable(of) else np.array([evaluate(scored.take(np.array([i])), of) for i in (0, 1)])
            mean, square = mean + chance * one, square + chance * one**2
        found = expected_rows(answers, told, of)
        np.testing.assert_allclose(found.mean, mean)
        np.testing.assert_allclose(found.deviation, np.sqrt(square - mean**2))


def test_costs_are_those_of_the_policy() -> None:
    rng = np.random.default_rng(1)
    answers = some(rng, 50, 3)
    table = CostTable(
        unit="EUR",
        labels=("a", "b", "c"),
        cost=tuple(map(tuple, COSTS[:, :3].tolist())),
        abstain=tuple(COSTS[:, 3].tolist()),
    )
    decisions = Policy(task="multiclass", table=table).decide(answers.scores)
    assert decisions.abstained.any()
    assert not decisions.abstained.all()
    answers, truth = Answers("multiclass", answers.scores, decisions.decided), rng.integers(3, size=50)
    spent = row_cost(answers.if_true(truth), table.actions)
    np.testing.assert_allclose(spent, realised_cost(decisions, truth, table))
    expected = expected_rows(answers, answers.scores, partial(row_cost, actions=table.actions))
    np.testing.assert_allclose(expected.mean, decisions.expected_cost)
    labels = costs_from_mapping({"costs": {"x": {"none": 5}, "none": {"y": 2}}}, ("x", "y"), task="multilabel")
    given, truths = rng.random((30, 2)), rng.integers(2, size=(30, 2))
    said = Policy(task="multilabel", table=labels).decide(given)
    scored = Scored("multilabel", truths, given, said.decided)
    np.testing.assert_allclose(row_cost(scored, labels.matrix), realised_cost(said, truths, labels))


def test_the_usual_range_is_that_of_samples() -> None:
    rng = np.random.default_rng(0)
    reference = Scored("binary", rng.integers(2, size=2000), np.tile([0.3, 0.7], (2000, 1)))
    share = evaluate(reference, "accuracy")
    found = usual_range(reference, "accuracy", rows=100, rng=rng)
    low, high = stats.binom.ppf([0.025, 0.975], 100, share) / 100
    assert found.mean == share
    assert found.ends == pytest.approx((low, high), abs=0.02)
    grouped = usual_range(reference, "accuracy", rows=100, rng=rng, groups=reference.targets)
    assert grouped.ends == (0.0, 1.0)  # a sample of one group alone


def test_the_usual_range_of_other_metrics_is_that_of_samples_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Macro-F1 of the same samples by scikit-learn; also where few of them are counted at once."""
    reference = some(np.random.default_rng(0), 60, 3).if_true(np.random.default_rng(1).integers(3, size=60))
    rng = np.random.default_rng(2)
    taken = [rng.integers(60, size=25) for _ in range(unlabelled.USUAL_DRAWS)]
    told = [f1_score(reference.targets[one], reference.decided[one], average="macro", zero_division=0) for one in taken]
    for at_once in (unlabelled._COUNTS, 130):
        monkeypatch.setattr(unlabelled, "_COUNTS", at_once)
        found = usual_range(reference, "macro_f1", rows=25, rng=np.random.default_rng(2))
        assert found.ends == pytest.approx(np.quantile(told, [0.025, 0.975]))


def test_calibrators_that_could_have_been_vary_as_the_mean_of_the_reference_does() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 10)
    luck = rng.random(30)[groups] < 0.7
    scores = np.tile([0.3, 0.7], (300, 1))
    reference = Scored("binary", luck.astype(int), scores)

    def share(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray):  # type: ignore[no-untyped-def]
        told = float(weights @ targets / weights.sum())
        return lambda other: np.tile([1 - told, told], (len(other), 1))

    found = recalibrate(reference, share, rng=rng, groups=groups, draws=2000)
    deviation = np.std([one(scores[:1])[0, 1] for one in found.drawn])
    assert deviation == pytest.approx(luck[::10].std(ddof=1) / np.sqrt(30), rel=0.05)
    assert found.alike == 1.0
    assert found.effective == pytest.approx(30)


def test_a_reference_without_an_error_leaves_a_doubt() -> None:
    reference = Scored("binary", np.ones(300, dtype=int), np.tile([0.0, 1.0], (300, 1)))
    sure = recalibrate(reference, lambda *rows: lambda scores: scores, rng=np.random.default_rng(0))
    many = Answers("binary", np.tile([0.0, 1.0], (10_000, 1)))
    found = expected_quality(many, sure, "accuracy", rng=np.random.default_rng(0))
    assert found.estimate.mean == pytest.approx(1.0, abs=1e-6)
    assert found.estimate.high == pytest.approx(1.0, abs=1e-6)
    assert found.estimate.low == pytest.approx(1 - 3.7 / 300, abs=0.003)  # of two sides: .025 ** (1 / 300)


@pytest.mark.parametrize("rows", [1, 2, 16])
@pytest.mark.parametrize("classes", [2, 150])
def test_few_rows(rows: int, classes: int) -> None:
    rng = np.random.default_rng(rows)
    answers = some(rng, rows, classes)
    past = some(rng, 16, classes)
    reference = past.if_true(rng.integers(classes, size=16))

    def platt(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray):  # type: ignore[no-untyped-def]
        return fit_method("temperature", scores, targets, task=answers.task, weights=weights).apply

    found = recalibrate(reference, platt, rng=rng, draws=3)
    for of in ("accuracy", "macro_f1", "log_loss"):
        told = expected_quality(answers, found, of, rng=rng, draws=50)
        assert told.rows == rows
        assert told.estimate.low <= told.estimate.mean <= told.estimate.high
    if (rows, classes) == (1, 2):  # no area under a curve of one row
        told = expected_quality(answers, found, "roc_auc", rng=rng, draws=50)
        assert told.estimate.low is None
        assert np.isnan(told.estimate.mean)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((0, 2)), "at least one row"),
        (np.array([0.5]), r"scores of shape \(1,\)"),
        (np.array([[np.nan, 0.5]]), "not finite"),
        (np.array([[0.9, 0.3]]), "sum of one"),
        (np.array([[-0.1, 1.1]]), "probabilities from 0 to 1"),
    ],
)
def test_answers_that_cannot_be_are_told(scores: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Answers("binary", scores)


def test_what_does_not_fit_is_told() -> None:
    answers = Answers("binary", np.array([[0.9, 0.1], [0.4, 0.6]]))
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="fit_loss"):
        Answers("regression", np.array([1.0]))
    with pytest.raises(InputError, match="a mean over rows"):
        expected_rows(answers, answers.scores, "macro_f1")
    with pytest.raises(InputError, match="no probabilities"):
        expected_rows(answers, answers.scores + np.nan, "accuracy")
    with pytest.raises(InputError, match="all 0"):
        expected_rows(answers, answers.scores * 0, "accuracy")
    with pytest.raises(InputError, match="as the scores"):
        expected_rows(answers, answers.scores[:1], "accuracy")
    with pytest.raises(InputError, match="3 columns"):
        expected_quality(Answers("multiclass", np.full((2, 3), 1 / 3)), as_said(answers), "accuracy", rng=rng)
    with pytest.raises(InputError, match="in 1 group"):
        recalibrate(answers.if_true(np.zeros(2)), lambda *rows: lambda s: s, rng=rng, groups=np.zeros(2))
    with pytest.raises(InputError, match="the last column abstaining"):
        row_cost(Scored("binary", np.zeros(1), np.array([[0.5, 0.5]]), np.array([-1])), np.zeros((2, 2)))


def shifted(seed: int, classes: int, reference: int, rows: int):  # type: ignore[no-untyped-def]
    """A model that is too sure, its reference, and rows that moved: covariate shift. True probabilities last."""
    rng = np.random.default_rng([seed, classes])
    slopes = 0.8 * rng.normal(size=(5, classes))

    def drawn(many: int, centre: np.ndarray):  # type: ignore[no-untyped-def]
        inputs = rng.normal(size=(many, 5)) + centre
        chance = special.softmax(inputs @ slopes, axis=1)
        return inputs, (rng.random((many, 1)) >= chance.cumsum(axis=1)[:, :-1]).sum(axis=1), chance

    learnt, labels, _ = drawn(400, np.zeros(5))
    model = LogisticRegression(C=1e4).fit(learnt, labels)
    task = "binary" if classes == 2 else "multiclass"
    past, known, _ = drawn(reference, np.zeros(5))
    way = rng.normal(size=5)
    now, later, chance = drawn(rows, 0.7 * way / np.linalg.norm(way))

    def too_sure(inputs: np.ndarray) -> np.ndarray:
        return special.softmax(1.7 * np.log(model.predict_proba(inputs)), axis=1)

    return task, Scored(task, known, too_sure(past)), Answers(task, too_sure(now)), later, chance, rng


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 4])
def test_intervals_cover_what_the_labels_show_when_inputs_move(classes: int) -> None:
    """Wanted: .93 or more of studies, with intervals at most 1.3 times those of one who knows the probabilities."""
    studies, covered, widths = 150, {}, {}
    for seed in range(studies):
        task, reference, answers, later, chance, rng = shifted(seed, classes, 1500, 300)

        def platt(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray, task: str = task):  # type: ignore[no-untyped-def]
            return fit_method("platt", scores, targets, task=task, weights=weights).apply

        found = recalibrate(reference, platt, rng=rng, draws=40)
        known = as_said(answers)
        known = Sure(known.reference, lambda s, p=chance: p, (lambda s, p=chance: p,), known.place, 0.0)
        for of in ("accuracy", "macro_f1", "log_loss", "brier"):
            told = expected_quality(answers, found, of, rng=rng, draws=400).estimate
            oracle = expected_quality(answers, known, of, rng=rng, draws=400).estimate
            true = evaluate(answers.if_true(later), of)
            covered.setdefault(of, []).append(told.low <= true <= told.high)
            widths.setdefault(of, []).append((told.high - told.low) / (oracle.high - oracle.low))
    for of in covered:
        print(f"{classes} classes, {of}: covered {np.mean(covered[of]):.3f}, width {np.mean(widths[of]):.2f} oracles")
        assert np.mean(covered[of]) >= 0.93 - 2 * 0.02
        assert np.mean(widths[of]) <= 1.3


def misfit(seed: int, reference: int, rows: int, moved: float):  # type: ignore[no-untyped-def]
    """A model whose surest rows are wrong one time in fifteen, which no temperature says; inputs may move."""
    rng = np.random.default_rng([seed, reference])

    def drawn(many: int, centre: float):  # type: ignore[no-untyped-def]
        inputs = rng.normal(centre, 1, size=many)
        sure = special.expit(4 * inputs)
        chance = 0.9 * special.expit(3 * inputs) + 0.05
        return np.column_stack([1 - sure, sure]), (rng.random(many) < chance).astype(int), inputs[:, None]

    scores, known, past = drawn(reference, 0.0)
    told, later, now = drawn(rows, moved)
    return Scored("binary", known, scores), Answers("binary", told), later, past, now, rng


def temperature(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray):  # type: ignore[no-untyped-def]
    return fit_method("temperature", scores, targets, task="binary", weights=weights).apply


@pytest.mark.parametrize("rows", [2000, 20_000])
def test_what_a_calibrator_leaves_on_the_reference_is_added(rows: int) -> None:
    """The estimate of the reference's own rows is what their labels show, though the calibrator alone says less."""
    reference, _, _, _, _, rng = misfit(0, rows, 10, 0.0)
    here = Answers("binary", reference.scores)
    shown = evaluate(reference, "accuracy")
    plain = recalibrate(reference, temperature, rng=rng, draws=2, anchored=False)
    anchored = recalibrate(reference, temperature, rng=rng, draws=2)
    off = [
        expected_rows(here, one.fitted(reference.scores), "accuracy").mean.mean() - shown for one in (plain, anchored)
    ]
    assert abs(off[0]) > 0.01
    assert abs(off[1]) < 0.002
    shares = anchored.fitted(reference.scores).mean(axis=0)
    np.testing.assert_allclose(shares, np.bincount(reference.targets) / rows, atol=0.005)


def test_where_the_reference_tells_that_rows_differ_by_place_that_is_carried_over() -> None:
    rng = np.random.default_rng(4)
    before, now = rng.normal(size=(4000, 3)), rng.normal((1.0, 0.0, 0.0), 1.0, size=(4000, 3))
    scores = np.tile([0.2, 0.8], (4000, 1))
    known, later = ((rng.random(4000) < 0.8 + 0.1 * np.clip(one[:, 0], -2, 1.9)).astype(int) for one in (before, now))
    calibration = recalibrate(Scored("binary", known, scores), temperature, rng=rng, draws=20)
    lies = places(before, now, rng=rng)
    answers = Answers("binary", scores)
    without = expected_quality(answers, calibration, "accuracy", rng=rng, draws=200).estimate
    told = expected_quality(answers, calibration, "accuracy", rng=rng, lies=lies, draws=200).estimate
    assert without.high < later.mean()
    assert told.low <= later.mean() <= told.high
    assert places(before[:, :0], now[:, :0], rng=rng) is None
    assert places(np.zeros((500, 2)), np.zeros((5, 2)), rng=rng) is None


@pytest.mark.slow
@pytest.mark.parametrize(("reference", "rows", "moved"), [(400, 50, 0.0), (1000, 1000, 0.0), (1000, 1000, 0.5)])
def test_intervals_cover_where_the_calibrator_does_not_fit(reference: int, rows: int, moved: float) -> None:
    covered: dict[str, list[bool]] = {"accuracy": [], "macro_f1": [], "brier": []}
    for seed in range(100):
        known, answers, later, past, now, rng = misfit(seed, reference, rows, moved)
        calibration = recalibrate(known, temperature, rng=rng, draws=40)
        lies = places(past, now, rng=rng)
        for of, hits in covered.items():
            told = expected_quality(answers, calibration, of, rng=rng, lies=lies, draws=400).estimate
            hits.append(told.low <= evaluate(answers.if_true(later), of) <= told.high)
    shares = {of: float(np.mean(hits)) for of, hits in covered.items()}
    print(reference, rows, moved, shares)
    assert min(shares.values()) >= 0.93 - 3.5 * 0.025
