"""L2-SP against the formulas of Li, Grandvalet & Davoine (2018), and AdamW where it says nothing new."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from graft.scores.freezing import parameter_groups
from graft.scores.strategies import L2SP, Rates
from graft.scores.strategies.l2sp import FromStart
from graft.scores.tuning import tune
from unit.scores.nets import job_for, state_of


def drawn() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))


def moved(body: nn.Module, by: float = 0.1) -> list[torch.Tensor]:
    """Every weight moved; what each was moved by."""
    shifts = []
    with torch.no_grad():
        for value in body.parameters():
            shifts.append(by * torch.randn_like(value))
            value.add_(shifts[-1])
    return shifts


def test_the_value_is_half_alpha_times_the_squared_distance() -> None:
    body = drawn()
    penalty = FromStart(body, 3.0)
    assert float(penalty.value().detach()) == 0
    shifts = moved(body)
    assert float(penalty.value().detach()) == pytest.approx(
        1.5 * sum(float(one.square().sum()) for one in shifts), rel=1e-5
    )


def test_the_gradient_is_alpha_times_the_distance() -> None:
    body = drawn()
    penalty = FromStart(body, 3.0)
    shifts = moved(body)
    penalty.value().backward()
    for value, shift in zip(body.parameters(), shifts, strict=True):
        torch.testing.assert_close(value.grad, 3.0 * shift)


@pytest.mark.parametrize(("alpha", "rate"), [(3.0, 1e-4), (100.0, 1e-6)])
def test_a_weak_pull_is_a_gradient_step(alpha: float, rate: float) -> None:
    body = drawn()
    penalty = FromStart(body, alpha)
    shifts = moved(body, 1.0)
    before = [value.detach().double().clone() for value in body.parameters()]
    penalty.pull([{"params": list(body.parameters()), "lr": rate}])
    for value, start, shift in zip(body.parameters(), before, shifts, strict=True):
        expected = start - rate * alpha * shift.double()
        torch.testing.assert_close(value.detach().double(), expected, rtol=1e-6, atol=1e-6)


def test_the_pull_solves_the_step_it_stands_for() -> None:
    """The proximal step: what it gives minimises the penalty plus the squared distance from where it began."""
    body = drawn()
    starts = [value.detach().clone() for value in body.parameters()]
    penalty, alpha, rate = FromStart(body, 50.0), 50.0, 0.01
    moved(body, 1.0)
    before = [value.detach().clone() for value in body.parameters()]
    penalty.pull([{"params": list(body.parameters()), "lr": rate}])
    for value, was, start in zip(body.parameters(), before, starts, strict=True):
        torch.testing.assert_close(
            value.detach() - was + rate * alpha * (value.detach() - start), torch.zeros_like(was), rtol=0, atol=1e-6
        )


@pytest.mark.usefixtures("_kept")
def test_at_an_infinite_strength_nothing_but_the_head_moves() -> None:
    job = job_for(strategy="l2sp", steps=9)
    job = replace(job, strategy=replace(L2SP, rates=(Rates(1e-2, 1e-2, float("inf")),)))
    start = state_of(job.bench.body(job.source))
    tuned = tune(job, configurations=1)
    left = state_of(tuned.network.body)
    assert left.keys() == start.keys()
    used = tuned.vocabulary.used
    for name, value in left.items():
        whole = start[name][used] if "word_embeddings" in name else start[name]
        assert torch.equal(value, whole), name
    assert tuned.log.steps == 9


@pytest.mark.slow
@pytest.mark.usefixtures("_kept")
def test_the_stronger_the_pull_the_nearer_the_weights_stay() -> None:
    distances = []
    for alpha in (1.0, 100.0, 1e4):
        job = replace(job_for(steps=20), strategy=replace(L2SP, rates=(Rates(1e-3, 1e-3, alpha),)))
        start = state_of(job.bench.body(job.source))
        changed = state_of(tune(job, configurations=1).network.body)
        names = [name for name in changed if "word_embeddings" not in name]
        distances.append(sum(float((changed[name] - start[name]).float().square().sum()) for name in names))
    assert distances[0] > 1.5 * distances[1] > 3 * distances[2] > 0


def test_the_head_has_plain_weight_decay_and_the_body_none() -> None:
    """AdamW with these groups does to the head what torch's AdamW does with the same decay."""
    assert (L2SP.weight_decay, L2SP.head_decay) == (0.0, 0.01)
    body, head = drawn(), nn.Linear(3, 2)
    groups = parameter_groups(
        body, head, (), rate=0.1, head_rate=0.1, decay=1.0, weight_decay=L2SP.weight_decay, head_decay=L2SP.head_decay
    )
    before = {name: value.detach().clone() for name, value in [*body.named_parameters(), *head.named_parameters("h")]}
    for value in (*body.parameters(), *head.parameters()):
        value.grad = torch.zeros_like(value)
    torch.optim.AdamW(groups).step()
    for name, value in [*body.named_parameters(), *head.named_parameters("h")]:
        shrunk = 1 - 0.1 * 0.01 if name == "h.weight" else 1.0
        torch.testing.assert_close(value.detach(), before[name] * shrunk)


@pytest.fixture
def _kept(monkeypatch) -> None:
    """Nothing is held in, so the network is kept whatever it learnt, and starts from float32."""
    monkeypatch.setattr("graft.scores.tuning._held_in", lambda job: (job.rows, np.zeros(0, np.int64)))
