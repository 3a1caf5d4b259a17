import math

import numpy as np
import pytest
import torch

from graft.core.errors import Diverged
from graft.evidence.training_curve import CurvePoint
from graft.inputs import Task
from graft.scores.training import Lesson, _factor, _under_trained, held_loss, judged_loss, logits_of, train
from unit.scores.nets import groups_of, job_for, network_of, same, schedule, state_of

EVERY = np.arange(72)
HELD, LEARN = EVERY[::7], np.setdiff1d(EVERY, EVERY[::7])
NOTHING = np.zeros(0, np.int64)


def run(job=None, *, steps=40, held=HELD, rows=LEARN, rate=1e-3, head_rate=1e-2, seed=0, targets=None, **changes):
    """Train a network with a drawn head; it, its examples and the log."""
    job = job or job_for()
    network, examples = network_of(job, seed=seed)
    if targets is not None:
        examples = type(examples)(examples.feed, examples.extra, targets)
    lesson = Lesson(
        network,
        groups_of(network, job, rate=rate, head_rate=head_rate),
        examples,
        train_rows=rows,
        held_rows=held,
        task=job.bench.task,
        weights=job.weights,
        schedule=schedule(steps, rate=rate, **changes),
        seed=seed,
    )
    log = train(lesson)
    return network, examples, log


def test_loss_falls_where_classes_can_be_told_apart():
    network, examples, log = run(steps=80, rate=3e-3, head_rate=3e-2)
    held = [point.held for point in log.curve]
    assert held[0] == pytest.approx(math.log(3), abs=0.05)
    assert min(held) < 0.3
    assert log.curve[-1].train < log.curve[1].train / 2
    assert not log.diverged
    right = logits_of(network, examples, HELD).argmax(1) == examples.targets[HELD]
    assert right.mean() > 0.9
    assert not network.training


def test_every_pass_is_a_point_of_the_curve_and_every_step_is_told():
    told = []
    job = job_for()
    network, examples = network_of(job)
    given = {"train_rows": LEARN, "held_rows": HELD, "task": job.bench.task, "weights": job.weights, "seed": 0}
    log = train(Lesson(network, groups_of(network, job), examples, schedule=schedule(24), on_step=told.append, **given))
    # 61 rows are seven batches of eight a pass.
    assert [point.step for point in log.curve] == [0, 7, 14, 21, 24]
    assert math.isnan(log.curve[0].train)
    assert sum(told) == log.steps == 24


def test_a_budget_shorter_than_a_pass_is_still_measured_three_times():
    job = job_for()
    network, examples = network_of(job)
    given = {"train_rows": LEARN, "held_rows": HELD, "task": job.bench.task, "weights": job.weights, "seed": 0}
    log = train(Lesson(network, groups_of(network, job), examples, schedule=schedule(6), **given))
    assert [point.step for point in log.curve] == [0, 2, 4, 6]


def test_the_best_state_comes_back_when_the_held_loss_rises():
    """What is learnt says the opposite of the held-in rows: the starting state is the best there ever was."""
    job = job_for()
    opposite = job.targets.copy()
    opposite[LEARN] = (opposite[LEARN] + 1) % 3
    start, _ = network_of(job)
    before = state_of(start)
    network, examples, log = run(job, targets=opposite)
    assert log.best_step == 0
    assert log.curve[-1].held > log.curve[0].held
    assert same(state_of(network), before)
    assert held_loss(network, examples, HELD, job.bench.task, job.weights) == log.curve[0].held


def test_the_state_that_is_left_is_that_of_the_best_step():
    network, examples, log = run(steps=60, rate=8e-3, head_rate=5e-2)
    assert log.best_step > 0
    job = job_for()
    said = held_loss(network, examples, HELD, job.bench.task, job.weights)
    assert said == min(point.held for point in log.curve)
    assert {point.step: point.held for point in log.curve}[log.best_step] == said


def test_training_stops_early_and_patience_starts_afresh_every_time():
    """Stopping state does not leak from one training to the next (keras #13488)."""
    job = job_for()
    opposite = job.targets.copy()
    opposite[LEARN] = (opposite[LEARN] + 1) % 3
    for _ in range(2):
        log = run(job, targets=opposite, steps=200, patience=2)[2]
        assert log.steps == 20  # two measurements, each a twentieth of the budget after the last
        assert not log.under_trained
    assert run(job, steps=21, patience=2)[2].steps == 21


def test_an_absurd_rate_is_noticed_and_leaves_the_start():
    job = job_for()
    start, _ = network_of(job)
    before = state_of(start)
    network, _, log = run(job, rate=1e30, head_rate=1e30, warmup=0.0)
    assert "the loss became" in log.diverged
    assert "rate 1e+30" in log.diverged
    assert log.steps < 40
    assert log.best_step == 0
    assert same(state_of(network), before)


@pytest.mark.parametrize("rate", [1e6, 1e30])
@pytest.mark.parametrize("rows", [LEARN[:8], LEARN], ids=["one batch a pass", "many"])
def test_no_infinite_weights_are_left_even_with_nothing_to_judge_by(rate, rows):
    network, examples, log = run(rate=rate, head_rate=rate, held=NOTHING, rows=rows, warmup=0.0)
    assert all(torch.isfinite(value).all() for value in network.parameters())
    assert rate < 1e30 or log.diverged
    assert log.best_step == (0 if log.diverged else log.steps)
    assert np.isfinite(logits_of(network, examples, HELD)).all()


def test_a_start_that_is_no_number_is_an_error():
    job = job_for()
    network, examples = network_of(job)
    with torch.no_grad():
        network.head.bias.fill_(math.nan)
    given = {"train_rows": LEARN, "held_rows": HELD, "task": job.bench.task, "weights": job.weights, "seed": 0}
    with pytest.raises(Diverged, match="training diverged: the loss became nan at step 1"):
        train(Lesson(network, groups_of(network, job), examples, schedule=schedule(9), **given))


def test_without_held_rows_the_last_state_is_kept():
    network, _, log = run(held=NOTHING, steps=21)
    assert log.best_step == log.steps == 21
    assert not log.under_trained
    start, _ = network_of(job_for())
    assert not same(state_of(network), state_of(start))


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    """Whatever the global generators were before: the shuffle and the masks are the trial's own."""
    states = []
    for seed, elsewhere in ((3, 1), (3, 2), (4, 1)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(elsewhere)
            np.random.seed(elsewhere)
            states.append(state_of(run(steps=10, seed=seed, held=NOTHING)[0]))
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


def points(*held: float) -> list[CurvePoint]:
    return [CurvePoint(7 * number, 0.0, loss) for number, loss in enumerate(held)]


def test_still_improving_at_the_end_is_under_trained():
    """Under-training must not be read as 'fine-tuning fails' (google-research/bert #710)."""
    assert _under_trained(points(1.0, 0.9, 0.8), 14, schedule(14))
    assert not _under_trained(points(1.0, 0.8, 0.797), 14, schedule(14))
    assert not _under_trained(points(1.0, 0.7, 0.8), 14, schedule(14))
    assert not _under_trained(points(1.0, 0.9, 0.8), 14, schedule(40))


def test_a_budget_too_small_is_flagged_and_one_that_suffices_is_not():
    assert run(steps=14, rate=3e-3, head_rate=3e-2)[2].under_trained
    assert not run(steps=140, rate=3e-3, head_rate=3e-2)[2].under_trained


def test_the_rate_warms_up_and_falls_to_nothing():
    given = schedule(200)
    factors = np.array([_factor(step, given) for step in range(200)])
    assert factors[0] == pytest.approx(1 / 20)
    assert factors.max() == 1
    assert factors.argmax() in (19, 20)
    assert (np.diff(factors[:20]) > 0).all()
    assert (np.diff(factors[20:]) < 0).all()
    assert factors[-1] == pytest.approx(1 / 180)
    assert _factor(200, given) == 0
    assert _factor(0, schedule(1)) == 1


@pytest.mark.parametrize("task", ["binary", "multilabel", "regression"])
def test_every_task_has_a_loss_that_falls(task):
    log = run(job_for(task), steps=28)[2]
    assert log.curve[-1].held < log.curve[0].held


def test_logits_come_in_the_order_asked_and_do_not_depend_on_their_company():
    job = job_for()
    network, examples = network_of(job)
    rows = np.random.default_rng(0).permutation(EVERY)
    every = logits_of(network, examples, EVERY)
    np.testing.assert_allclose(logits_of(network, examples, rows), every[rows], atol=1e-2)
    assert logits_of(network, examples, NOTHING).shape == (0, 3)
    np.testing.assert_allclose(logits_of(network, examples, EVERY[:1]), every[:1], atol=1e-2)


def test_class_weights_move_the_model_without_a_subclass():
    """transformers #7024: weights are an argument, and a heavier class is said more often."""
    scores = []
    for weights in ([1, 1, 50], [50, 1, 1]):
        job = job_for(weights=np.array(weights, np.float32))
        network, examples, _ = run(job, steps=7, held=NOTHING, rate=1e-4)
        scores.append(logits_of(network, examples, EVERY))
    counts = [(one.argmax(1) == 0).sum() for one in scores]
    assert counts[1] > counts[0]


def test_a_row_asked_for_twice_is_answered_twice():
    job = job_for()
    network, examples = network_of(job)
    rows = np.array([5, 3, 5, 5])
    found = logits_of(network, examples, rows)
    assert np.array_equal(found[0], found[2])
    assert np.array_equal(found[0], found[3])
    assert np.abs(found).min() > 0


def test_the_judged_loss_is_that_of_the_best_temperature_with_one_unknown_row():
    rng = np.random.default_rng(0)
    logits, targets, weights = rng.normal(size=(30, 4)) * 3, rng.integers(4, size=30), rng.uniform(0.5, 2, 4)

    def at(factor: float) -> float:
        p = np.exp(logits * factor)
        p /= p.sum(1, keepdims=True)
        own = -np.log(p[np.arange(30), targets])
        guess = -np.log(p).mean(1)
        return float(np.mean((own * 30 / 31 + guess / 31) * weights[targets]))

    expected = min(at(factor) for factor in np.geomspace(0.05, 5, 2000))
    found = judged_loss(logits.astype(np.float32), targets, Task.MULTICLASS, weights.astype(np.float32))
    assert found == pytest.approx(expected, abs=2e-3)


def test_two_models_that_are_both_right_are_told_apart():
    """Without the unknown row both have a loss of zero at a high temperature, whatever their margins."""
    targets, weights = np.repeat([0, 1], 6), np.ones(2, np.float32)
    sign = np.where(targets == 1, 1.0, -1.0)
    even, narrow = np.stack([-sign, sign], 1), np.stack([-sign, sign], 1)
    narrow[0] *= 0.02
    judged = [judged_loss(one.astype(np.float32), targets, Task.BINARY, weights) for one in (even, narrow)]
    assert judged[0] < judged[1] - 0.02
