from dataclasses import replace

import numpy as np
import pytest
import torch

from graft.core.errors import GraftError, InputError
from graft.evidence.training_curve import CurvePoint
from graft.inputs import Task
from graft.representations.tokens import special_tokens
from graft.scores import tuning
from graft.scores.bodies import trainable
from graft.scores.feed import TokenFeed
from graft.scores.fitting import Budget, Candidate, tuning_gain
from graft.scores.freezing import frozen_digest
from graft.scores.linear import PENALTIES, solve_head
from graft.scores.network import layer_names
from graft.scores.probe import Pace, estimate, seconds_per_step
from graft.scores.strategies import STRATEGIES, Rates, parse_strategy
from graft.scores.training import logits_of
from graft.scores.tuning import (
    START_PENALTY,
    _held_in,
    assemble,
    one_step,
    predict_logits,
    tune,
)
from tiny import ARCHITECTURES, in_float32
from unit.scores.nets import encoder_of, job_for, same, state_of

EVERY = np.arange(72)


@pytest.fixture
def exact(monkeypatch):
    in_float32(monkeypatch)


@pytest.fixture
def unjudged(monkeypatch):
    """Nothing is held in, so the network is kept whatever it learnt."""
    monkeypatch.setattr(tuning, "_held_in", lambda job: (job.rows, np.zeros(0, np.int64)))


def faster(monkeypatch, strategy: str, *rates: float) -> None:
    """Other rates for a strategy and all that are parsed by its name from now on."""
    name = parse_strategy(strategy).name
    given = tuple(Rates(rate, rate) for rate in rates)
    records = tuple(replace(one, rates=given) if one.name == name else one for one in STRATEGIES)
    monkeypatch.setattr("graft.scores.strategies.STRATEGIES", records)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("architecture", ["bert", "modernbert"])
@pytest.mark.parametrize("strategy", ["full", "lora", "partial:1"])
def test_tuning_starts_at_the_solved_head(monkeypatch, strategy, architecture):
    """Linear probe, then fine-tune: before the first step the network says what the solved head says."""
    found = []

    def stop(lesson):
        found.append(logits_of(lesson.network, lesson.examples, EVERY))
        raise InterruptedError

    monkeypatch.setattr(tuning, "train", stop)
    extra = np.random.default_rng(0).normal(size=(72, 2)).astype(np.float32)
    job = job_for(strategy=strategy, architecture=architecture, extra=extra)
    with pytest.raises(InterruptedError):
        tune(job, configurations=1)
    inner, _ = _held_in(job)
    vectors = np.concatenate([job.bench.vectors(job.source), extra], 1)
    head = solve_head(
        vectors[inner],
        job.targets[inner],
        task=Task.MULTICLASS,
        outputs=3,
        weights=job.weights,
        seed=0,
        penalties=(START_PENALTY,),
    )
    np.testing.assert_allclose(found[0], head.logits(vectors), atol=1e-4)


@pytest.mark.usefixtures("exact", "unjudged")
@pytest.mark.parametrize(
    ("strategy", "architecture"),
    [
        *(("partial:1", name) for name in ("bert", "mpnet", "modernbert")),
        *(("lora", name) for name in ("bert", "modernbert")),
        ("full", "roberta"),
        *(
            pytest.param(strategy, name, marks=pytest.mark.slow)
            for strategy in ("partial:1", "lora", "full")
            for name in ARCHITECTURES
        ),
    ],
)
def test_the_assembled_backbone_says_what_the_trained_one_said(monkeypatch, strategy, architecture):
    """Vocabulary put back, LoRA merged, the upper half back on the lower: nothing that was learnt is lost."""
    faster(monkeypatch, strategy, 2e-3)
    job = job_for(strategy=strategy, architecture=architecture, steps=9)
    tuned = tune(job, configurations=1)
    said = predict_logits(tuned, job, EVERY)
    original = state_of(job.bench.body(job.source))
    body = assemble(tuned, job).eval()
    feed = TokenFeed(job.bench.tokens(job.source), special_tokens(job.source).pad)
    network = type(tuned.network)(body, job.source, 3, 0, pooled=trainable(job.source).pooled)
    network.head.load_state_dict(tuned.network.head.state_dict())
    examples = replace(tuned.examples, feed=feed)
    np.testing.assert_allclose(logits_of(network, examples, EVERY), said, atol=2e-4)
    assembled = state_of(body)
    assert assembled.keys() == original.keys()
    assert not same(assembled, original)


@pytest.mark.usefixtures("exact", "unjudged")
@pytest.mark.parametrize("architecture", ["bert", "mpnet", "modernbert"])
def test_partial_changes_its_layers_and_the_head_and_nothing_else(monkeypatch, architecture):
    """What lies beside the layers (a last norm, a bias shared by all) and below them stays, to the bit."""
    faster(monkeypatch, "partial:1", 2e-3)
    job = job_for(strategy="partial:1", architecture=architecture, steps=9)
    original = job.bench.body(job.source)
    upper = layer_names(original, job.source, 2)[1]
    tuned = tune(job, configurations=1)
    assembled = assemble(tuned, job).state_dict()
    for name, value in original.state_dict().items():
        assert torch.equal(assembled[name], value) is (not name.startswith(upper)), name
    size = sum(value.numel() for name, value in original.named_parameters() if name.startswith(upper))
    head = 32 * 3 + 3
    assert tuned.freeze.trained == size + head
    assert tuned.freeze.frozen == job.source.weights.parameters - size


@pytest.mark.usefixtures("exact", "unjudged")
def test_merged_lora_changes_only_linear_layers(monkeypatch):
    faster(monkeypatch, "lora", 5e-3)
    job = job_for(strategy="lora", steps=9)
    original = job.bench.body(job.source).state_dict()
    assembled = assemble(tune(job, configurations=1), job).state_dict()
    changed = {name for name, value in original.items() if not torch.equal(assembled[name], value)}
    assert changed
    assert all((".layer." in name and name.endswith("dense.weight")) or ".self." in name for name in changed)
    assert not any(name.endswith("bias") for name in changed)


def test_a_frozen_part_that_drifts_while_training_is_found(monkeypatch):
    whole = tuning.train

    def drifting(lesson):
        with torch.no_grad():
            next(value for value in lesson.network.parameters() if not value.requires_grad).add_(1e-6)
        return whole(lesson)

    monkeypatch.setattr(tuning, "train", drifting)
    with pytest.raises(GraftError, match=r"the frozen part of path:bert \(lora\)"):
        tune(job_for(strategy="lora", steps=2), configurations=1)


@pytest.mark.parametrize("strategy", ["full", "lora", "partial:1"])
def test_an_absurd_rate_falls_back_to_the_solved_head(monkeypatch, strategy):
    faster(monkeypatch, strategy, 1e30)
    job = job_for(strategy=strategy, steps=12)
    tuned = tune(job, configurations=1)
    assert tuned.network is None
    assert "rate 1e+30: the loss became" in tuned.notes[0]
    solved = tuned.head.logits(job.bench.vectors(tuned.view))
    np.testing.assert_array_equal(predict_logits(tuned, job, EVERY), solved)
    assert (solved.argmax(1) == job.targets).mean() > 0.9
    assert tuned.head.penalty in PENALTIES


def test_the_rate_with_the_lowest_held_loss_is_taken(monkeypatch):
    faster(monkeypatch, "full", 1e30, 1e-3)
    steps = []
    job = job_for(strategy="full", steps=12, on_step=steps.append)
    tuned = tune(job, configurations=2)
    assert tuned.configuration == "rate 0.001"
    assert "diverged" not in " ".join(tuned.notes)
    assert tune(replace(job, on_step=lambda step: None), configurations=1).configuration == "rate 1e+30"
    assert sum(steps) > 12


def test_a_refit_that_diverges_keeps_what_was_learnt_before_it(monkeypatch):
    whole = tuning.train

    def failing(lesson):
        log = whole(lesson)
        return log if len(lesson.held_rows) else replace(log, diverged="the loss became nan at step 1")

    monkeypatch.setattr(tuning, "train", failing)
    faster(monkeypatch, "scratch", 1e-3)
    job = job_for(strategy="scratch", steps=14)
    tuned = tune(job, configurations=1)
    assert "all rows: the loss became nan" in tuned.notes[0]
    monkeypatch.setattr(tuning, "HELD_SHARE_OF_MANY", tuning.HELD_SHARE)  # the same rows held in
    kept = tune(replace(job, refit=False), configurations=1)
    np.testing.assert_array_equal(predict_logits(tuned, job, EVERY), predict_logits(kept, job, EVERY))


def test_few_labels_are_all_used_in_the_end(monkeypatch):
    """The refit trains on the held-in rows too, for as many passes as were best."""
    seen = []
    whole = tuning.train

    def watching(lesson):
        log = whole(lesson)
        seen.append((len(lesson.train_rows), len(lesson.held_rows), lesson.schedule.steps, log.best_step))
        return log

    monkeypatch.setattr(tuning, "train", watching)
    faster(monkeypatch, "scratch", 3e-3)
    tune(job_for(strategy="scratch", steps=28), configurations=1)
    (inner, held, steps, best), (rows, none, again, last) = seen
    assert (inner + held, steps) == (72, 28)
    assert (rows, none, last) == (72, 0, again)
    assert again == max(1, round(best * 72 / inner))


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
@pytest.mark.parametrize(("refit", "held_rows"), [(True, 14), (False, 9)])
def test_the_held_in_part_is_a_fifth_of_every_class_or_an_eighth_where_it_is_lost(task, refit, held_rows):
    job = job_for(task, refit=refit)
    inner, held = _held_in(job)
    assert sorted([*inner, *held]) == EVERY.tolist()
    assert len(held) == held_rows
    if task == "multiclass":
        assert np.ptp(np.bincount(job.targets[held])) <= 1
    np.testing.assert_array_equal(_held_in(job)[1], held)


def test_the_callers_random_numbers_are_left_alone():
    torch.manual_seed(0)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    tune(job_for(strategy="lora", steps=3), configurations=1)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)


def test_a_timed_step_changes_nothing():
    job = job_for(rows=np.arange(8))
    source = job.bench.body(job.source)
    before = frozen_digest([source.requires_grad_(False)])[0]
    one_step(job)()
    pace = seconds_per_step(job.bench, job.source, EVERY, STRATEGIES, batch=4)
    assert min(*pace.steps.values(), pace.read, pace.head, pace.classical) > 0
    assert pace.rows == 72
    assert set(pace.steps) == {"full", "lora"}
    assert frozen_digest([job.bench.body(job.source).requires_grad_(False)])[0] == before


@pytest.mark.parametrize(
    ("run", "timed"),
    [(("frozen", "classical"), set()), (("frozen", "scratch"), {"full"}), (("partial:1", "lora"), {"full", "lora"})],
)
def test_what_no_strategy_needs_is_not_timed(run, timed):
    job = job_for(rows=np.arange(8))
    pace = seconds_per_step(job.bench, job.source, EVERY, [parse_strategy(one) for one in run], batch=4)
    assert set(pace.steps) == timed
    assert (pace.read > 0) == bool(timed)
    assert pace.head > 0


def test_estimates_are_arithmetic_on_what_was_measured():
    source, budget = encoder_of("bert"), Budget(steps=100)
    pace = Pace(steps={"full": 0.1, "lora": 0.08}, read=0.001, head=0.3, classical=0.5, rows=250)
    given = {"rows": 500, "outputs": 3, "step": pace}
    cost = {
        text: estimate(Candidate(parse_strategy(text), source), budget, **given)
        for text in ("majority", "classical", "frozen", "partial:1", "lora", "full", "scratch", "contrastive")
    }
    # Twice the rows that were measured: twice the seconds.
    assert cost["classical"] == pytest.approx(1.0)
    assert cost["frozen"] == pytest.approx(0.6)
    assert cost["majority"] < cost["frozen"] < cost["partial:1"] < cost["lora"] < cost["full"]
    assert 100 * 0.1 < cost["full"] < 2.5 * 100 * 0.1
    assert cost["scratch"] < cost["full"] < 1.5 * cost["contrastive"]
    once = estimate(Candidate.full(source), Budget(steps=100, refit=False), **given)
    assert once < cost["full"]
    many = estimate(Candidate.full(source), Budget(configurations=3, steps=100), **given)
    assert 2 < (many - once) / once < 4


@pytest.mark.parametrize("strategy", ["partial:1", "lora", "full", "contrastive"])
def test_a_gain_is_the_loss_that_tuning_takes_away(monkeypatch, strategy):
    """With a rate of zero nothing is tuned, so nothing but the head's penalty differs; a rate that breaks it costs."""
    bench = job_for().bench
    learn, judged = np.setdiff1d(EVERY, EVERY[::4]), EVERY[::4]
    monkeypatch.setattr(tuning, "START_PENALTY", 0.01)
    monkeypatch.setattr("graft.scores.linear.PENALTIES", (0.01,))
    found = {}
    for rate in (0.0, 0.3):
        faster(monkeypatch, strategy, rate)
        candidate = Candidate(parse_strategy(strategy), encoder_of("bert"))
        found[rate] = tuning_gain(bench, candidate, learn, judged, steps=6, seed=0)
    assert found[0.0].mean == pytest.approx(0, abs=0.02)
    assert found[0.3].mean < -0.2
    assert 0 < found[0.3].error < -found[0.3].mean


@pytest.mark.parametrize("strategy", ["frozen", "classical", "scratch"])
def test_what_tunes_nothing_has_no_gain(strategy):
    bench, source = job_for().bench, None if strategy == "classical" else encoder_of("bert")
    with pytest.raises(InputError, match=r"tunes nothing[\s\S]*partial:K, contrastive, contrastive:K, lora, full"):
        tuning_gain(bench, Candidate(parse_strategy(strategy), source), EVERY[:60], EVERY[60:], steps=2, seed=0)


def test_a_control_that_says_nothing_stops_a_third_in_and_is_remarked_on(monkeypatch):
    faster(monkeypatch, "scratch", 0.0)
    took = []
    tuned = tune(job_for(strategy="scratch", steps=30, on_step=took.append), configurations=1)
    # The first measurement after a third of the steps is at 14; what began nowhere is not repeated on all rows.
    assert sum(took) == 14
    assert [remark.code for remark in tuned.remarks] == ["never-left-start"]
    assert "class shares" in tuned.remarks[0].text


def test_every_curve_starts_before_the_first_step():
    log = tune(job_for(strategy="partial:1", steps=4), configurations=1).log
    assert isinstance(log.curve[0], CurvePoint)
    assert log.curve[0].step == 0
