"""Layers that thaw from the top, and weights that go back part of the way."""

import numpy as np
import pytest
import torch

from graft.scores.averaging import SHARES, learn_averaged
from graft.scores.training import Lesson
from graft.scores.unfreezing import ThawingStepper, learn_gradually
from unit.scores.nets import groups_of, job_for, network_of, same, schedule, state_of

EVERY = np.arange(72)
HELD, LEARN = EVERY[::7], np.setdiff1d(EVERY, EVERY[::7])


def lesson_of(*, steps=24, held=HELD, rate=1e-3, **changes):
    job = job_for()
    network, examples = network_of(job)
    return Lesson(
        network,
        groups_of(network, job, rate=rate),
        examples,
        train_rows=LEARN,
        held_rows=held,
        task=job.bench.task,
        weights=job.weights,
        schedule=schedule(steps, rate=rate, **changes),
        seed=0,
    )


def moved(before, network):
    """Which parts differ: the head, a layer by its number, the embeddings."""
    after = state_of(network)
    names = [name for name in before if not torch.equal(before[name], after[name])]
    return {
        "head" if name.startswith("head") else name.split(".layer.")[1][0] if ".layer." in name else "embeddings"
        for name in names
    }


def test_layers_thaw_from_the_top():
    lesson = lesson_of(steps=24)
    stepper = ThawingStepper(lesson)
    seen = []
    for _ in range(13):
        before = state_of(lesson.network)
        lesson.network.train()
        stepper.step(LEARN[:8])
        seen.append(moved(before, lesson.network))
    assert seen[0] == seen[3] == {"head", "1"}
    assert seen[4] == seen[7] == {"head", "1", "0"}
    assert seen[8] == seen[12] == {"head", "1", "0", "embeddings"}


def test_what_thawed_is_as_it_was_afterwards_and_the_best_state_is_kept():
    lesson = lesson_of(steps=40, rate=3e-3)
    start = lesson.held_loss()
    log = learn_gradually(lesson)
    assert all(value.requires_grad for value in lesson.network.parameters())
    assert lesson.held_loss() == pytest.approx(min(point.held for point in log.curve), abs=1e-3)
    assert lesson.held_loss() < start
    again = lesson_of(steps=40, rate=3e-3)
    learn_gradually(again)
    assert same(state_of(again.network), state_of(lesson.network))


def test_the_share_is_that_of_the_lowest_held_in_loss_and_the_weights_lie_on_the_line():
    lesson = lesson_of(steps=40, rate=3e-3)
    start = state_of(lesson.network)
    log = learn_averaged(lesson)
    mid = state_of(lesson.network)
    whole = lesson_of(steps=40, rate=3e-3, held=EVERY[:0], mixed=1.0)
    learn_averaged(whole)
    end = state_of(whole.network)
    assert log.mixed in SHARES
    for name in start:
        expected = torch.lerp(start[name].float(), end[name].float(), log.mixed)
        torch.testing.assert_close(mid[name].float(), expected, rtol=1e-5, atol=1e-6)
    losses = []
    for share in SHARES:
        for name, value in lesson.network.named_parameters():
            with torch.no_grad():
                value.copy_(torch.lerp(start[name], end[name], share))
        losses.append(lesson.held_loss())
    assert SHARES[int(np.argmin(losses))] == log.mixed
    assert log.curve[-1].held == pytest.approx(min(losses))


def test_weights_that_went_wrong_go_all_the_way_back(monkeypatch):
    """Whatever the steps did, the start is among what is chosen from."""
    lesson = lesson_of(steps=12)
    start = state_of(lesson.network)

    def worse_the_further(self):
        now = {name: value.detach() for name, value in self.network.named_parameters()}
        return sum(float((value - start[name]).square().sum()) for name, value in now.items())

    monkeypatch.setattr(Lesson, "held_loss", worse_the_further)
    log = learn_averaged(lesson)
    assert (log.mixed, log.best_step) == (0.0, 0)
    assert same(state_of(lesson.network), start)


def test_rows_that_are_all_learnt_from_go_as_far_as_the_held_in_ones_said():
    lesson = lesson_of(steps=12, held=EVERY[:0], mixed=0.3)
    assert learn_averaged(lesson).mixed == 0.3
