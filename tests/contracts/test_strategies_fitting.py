"""What a trial promises, whatever the strategy and whatever is predicted."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from graft.core.errors import InputError
from graft.scores.fitting import Budget, Candidate, Fit, fit
from graft.scores.models import VectorModel, load_model, save_model
from graft.scores.strategies import Rates, parse_strategy
from graft.scores.workbench import Workbench
from tiny import in_float32
from unit.bundle.building import TASKS, rows_for
from unit.scores.nets import encoder_of

TUNED = ("scratch", "partial:1", "lora", "full", "l2sp", "gradual", "wiseft", "contrastive", "contrastive:1")
STRATEGIES = ("majority", "classical", "frozen", *TUNED)
# The full suite tries every pair; the quick one tries what tunes on one task, and the first of them on numbers too.
QUICK = {"partial:1": ("multiclass", "regression"), "l2sp": (), "contrastive:1": ()}
EVERY = [
    pytest.param(
        (strategy, task),
        id=f"{strategy}-{task}",
        marks=[pytest.mark.slow] if strategy in TUNED and task not in QUICK.get(strategy, ("multiclass",)) else [],
    )
    for strategy in STRATEGIES
    for task in TASKS
    if not (strategy.startswith("contrastive") and task == "regression")
]
LEARN, EVALUATE = np.arange(60), np.arange(60, 72)[::-1]
OUTPUTS = {"binary": 2, "multiclass": 3, "multilabel": 4, "regression": 1}


def candidate_of(strategy: str, rates: tuple[Rates, ...] = ()) -> Candidate:
    parsed = parse_strategy(strategy)
    if rates:
        parsed = replace(parsed, rates=rates)
    return Candidate(parsed, encoder_of("bert") if parsed.reads_source else None)


def fitted(
    strategy: str, task: str, keep, *, rows=None, learn=LEARN, evaluate=EVALUATE, seed=0, steps=8, refit=False, rates=()
) -> Fit:
    bench = Workbench(rows_for(task) if rows is None else rows)
    budget = Budget(steps=steps, batch=8, refit=refit)
    return fit(bench, candidate_of(strategy, rates), learn, evaluate, budget=budget, seed=seed, keep=keep)


@pytest.fixture(scope="module", params=EVERY)
def trial(request, tmp_path_factory):
    """Strategy, task, and a fit whose model was kept; rates are such that something is learnt in a few steps."""
    strategy, task = request.param
    with pytest.MonkeyPatch.context() as patch:
        # Kept whatever it brought, so that there is a tuned model to hold to its word.
        patch.setattr("graft.scores.tuning._beats_solved", lambda *given: True)
        if task == "regression":
            # The vectors of a random backbone lie close together, so values would hang on how they are rounded.
            in_float32(patch)
        kept, refit = tmp_path_factory.mktemp("kept"), task == "multiclass"
        return strategy, task, fitted(strategy, task, kept, refit=refit, rates=(Rates(1e-3, 1e-3),))


def test_scores_have_the_shape_of_the_task_and_are_numbers(trial):
    _, task, found = trial
    assert found.scores.shape == ((12,) if task == "regression" else (12, OUTPUTS[task]))
    assert found.scores.dtype == np.float64
    assert np.isfinite(found.scores).all()


def test_probabilities_are_probabilities(trial):
    _, task, found = trial
    if task == "regression":
        return
    assert found.scores.min() >= 0
    assert found.scores.max() <= 1
    if task != "multilabel":
        np.testing.assert_allclose(found.scores.sum(1), 1, atol=1e-12)


def test_the_kept_model_says_what_the_trial_said(trial):
    """The trial runs in bfloat16 where the processor has it, the model always in float32."""
    _, task, found = trial
    rows = rows_for(task)
    again = found.model.scores(rows.take(EVALUATE))
    scale, within = (rows.targets[LEARN].std(), 1e-3) if task == "regression" else (1, 2e-2)
    np.testing.assert_allclose(again / scale, found.scores / scale, atol=within)


def test_a_saved_and_loaded_model_says_the_same(trial, tmp_path):
    """The head is there after loading (peft #577), and no class of a wrong size comes up (transformers #14218)."""
    _, task, found = trial
    save_model(found.model, tmp_path / "model")
    rows = rows_for(task).take(EVALUATE)
    again = load_model(tmp_path / "model")
    np.testing.assert_allclose(again.scores(rows), found.model.scores(rows), rtol=0, atol=1e-6)
    assert not list(tmp_path.rglob("*.pkl")) + list(tmp_path.rglob("*.joblib")) + list(tmp_path.rglob("*.bin"))
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {".json", ".safetensors", ".md"}


def test_one_row_is_scored_as_among_others(trial):
    _, task, found = trial
    rows = rows_for(task)
    every = found.model.scores(rows.take(EVALUATE))
    np.testing.assert_allclose(found.model.scores(rows.take([EVALUATE[3]]))[0], every[3], atol=1e-5)
    assert len(found.model.scores(rows.take([]))) == 0


def test_pairs_of_numbers_are_refused_in_words(tmp_path):
    with pytest.raises(InputError, match=r"contrastive for regression targets[\s\S]*a number has no label"):
        fitted("contrastive", "regression", tmp_path)


def test_what_was_frozen_is_on_record(trial):
    strategy, task, found = trial
    size, width = encoder_of("bert").weights.parameters, 32 + 2 + 2
    # Frozen heads may see a second layer beside the last.
    width += 32 * len(found.model.source.beside) if strategy == "frozen" else 0
    head = OUTPUTS[task] * (width + 1)
    trained = found.freeze.trained
    assert trained == found.trainable
    if strategy in ("majority", "classical"):
        assert found.freeze.frozen == 0
        return
    assert found.freeze.digest
    wanted = {"frozen": head, "partial:1": 8544 + head, "contrastive:1": 8544 + head}
    if strategy in wanted:
        assert trained == wanted[strategy]
        assert found.freeze.frozen == size - trained + head
    elif strategy == "lora":
        assert head < trained < 8544 + head
    else:
        # The rows of the vocabulary that no text uses stay out of training.
        assert size - 32 * 8 < trained - head <= size


def test_tuned_candidates_say_how_it_went(trial):
    strategy, _, found = trial
    if strategy not in TUNED:
        assert found.steps == 0
        assert found.curve == ()
        return
    assert found.curve[0].step == 0
    assert (found.kept is None) == (strategy == "scratch")
    assert found.kept is None or 0 < found.kept <= 1
    # Held-in rows first, then all of them.
    assert 0 < found.steps <= 8 * 2 + 4
    assert isinstance(found.model, VectorModel)


@pytest.mark.parametrize(
    "strategy",
    [
        pytest.param(one, marks=[pytest.mark.slow] if one in TUNED and one != "partial:1" else [])
        for one in STRATEGIES[:-1]
    ],
)
def test_the_same_seed_gives_the_same_bits(strategy, tmp_path):
    """Whatever torch and NumPy were seeded with, and however often fit was called before (autogluon #3003)."""
    found = []
    for turn, seed in enumerate((1, 1, 2)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(turn)
            np.random.seed(turn)
            found.append(fitted(strategy, "multiclass", tmp_path / str(turn), seed=seed).scores)
    np.testing.assert_array_equal(found[0], found[1])
    if strategy in ("scratch",):
        assert not np.array_equal(found[0], found[2])


@pytest.mark.parametrize("strategy", ["classical", "frozen", "partial:1", pytest.param("full", marks=pytest.mark.slow)])
def test_columns_beside_the_text_are_used(strategy, tmp_path):
    """The label is in the number and the category alone; the texts say nothing."""
    import dataclasses

    rng = np.random.default_rng(0)
    rows = rows_for("binary")
    targets = rng.integers(2, size=72)
    number = (targets * 4 + rng.normal(size=72)).astype(np.float32)[:, None]
    number[::9] = np.nan
    category = np.where(targets == 1, "mail", "phone").astype(object)[:, None]
    changed = dataclasses.replace(
        rows,
        targets=targets,
        numeric=number,
        categorical=category,
        contents=tuple(rng.permutation(rows.contents).tolist()),
    )
    found = fitted(strategy, "binary", tmp_path, rows=changed)
    assert (found.scores.argmax(1) == targets[EVALUATE]).all()
    swapped = dataclasses.replace(changed, numeric=4 - number, categorical=category[::-1])
    flipped = found.model.scores(swapped.take(EVALUATE))
    assert np.abs(flipped - found.scores).max() > 0.2


@pytest.mark.parametrize("strategy", ["classical", "frozen", pytest.param("full", marks=pytest.mark.slow)])
def test_balanced_weights_find_more_of_a_rare_class(strategy, tmp_path):
    """Class weights are an option, not a subclass (transformers #7024)."""
    rng = np.random.default_rng(0)
    rows = rows_for("binary")
    learn = np.flatnonzero((rows.targets == 0) | (rng.random(72) < 0.25))
    said = {}
    for mode in ("none", "balanced"):
        bench = Workbench(rows)
        budget = Budget(steps=8, batch=8, refit=False)
        found = fit(bench, candidate_of(strategy), learn, np.arange(72), budget=budget, seed=0, weights=mode)
        said[mode] = found.scores[rows.targets == 1, 1].mean()
    assert said["balanced"] > said["none"]


@pytest.mark.parametrize("strategy", STRATEGIES[:-1])
def test_a_fold_of_one_class_is_learnt_without_a_fault(strategy, tmp_path):
    rows = rows_for("multiclass")
    learn = np.flatnonzero(rows.targets == 1)
    found = fitted(strategy, "multiclass", tmp_path, learn=learn, steps=4)
    assert np.isfinite(found.scores).all()
    assert found.scores.shape == (12, 3)
    if strategy not in TUNED:
        assert (found.scores.argmax(1) == 1).all()


@pytest.mark.parametrize("strategy", ["frozen", "partial:1"])
def test_a_frozen_backbone_runs_once_however_many_folds_read_it(strategy):
    """pytorch #5515: what is frozen is not computed again."""
    bench = Workbench(rows_for("multiclass"))
    for fold in range(3):
        held = np.arange(72) % 3 == fold
        budget = Budget(steps=1, batch=8, refit=False)
        fit(bench, candidate_of(strategy), np.flatnonzero(~held), np.flatnonzero(held), budget=budget, seed=0)
    assert bench.computed == (72 if strategy == "frozen" else 2 * 72)
