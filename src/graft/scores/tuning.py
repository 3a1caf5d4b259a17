"""Changing the backbone, as a strategy says: which part, from where, by which steps.

Decisions:
- Tuning starts from a solved head (linear probe, then fine-tune; Kumar et al. 2022), but from one with a stronger
  penalty
  than the best: a head that already fits its rows to the last leaves the backbone no gradient to learn from.
- A held-in part decides how long to train, and whether tuning beats the solved head at all. Where labels are few that
  part is too dear to give away, so training is then repeated on all rows for the steps found; the budget covers both.
- The word embeddings outside a fold's vocabulary have no gradient and are left out of the optimiser.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graft.core.errors import InputError
from graft.core.seeds import derive
from graft.core.tasks import CLASSES, Task
from graft.evidence.training_curve import Remark, TrainingLog, dynamics
from graft.representations.source import Source
from graft.representations.torch_process import torch_stream
from graft.scores.balance import balance_of
from graft.scores.bodies import trainable
from graft.scores.feed import ActivationFeed, Feed
from graft.scores.freezing import FreezeRecord, frozen_digest, parameter_groups, verify_frozen
from graft.scores.linear import LinearHead, solve_head
from graft.scores.losses import Loss
from graft.scores.network import Network, Vocabulary, use_byte_dropout
from graft.scores.strategies import Rates, Strategy
from graft.scores.training import (
    Examples,
    Lesson,
    Schedule,
    Stepper,
    judged_loss,
    judged_losses,
    logits_of,
    train,
)
from graft.scores.workbench import Workbench, with_middle

START_PENALTY = 0.1
KEPT_SOLVED = "tuning did not improve the held-in loss over the solved head, which was kept"
REFIT_BELOW = 2000
HELD_SHARE, HELD_SHARE_OF_MANY = 5, 8


@dataclass(frozen=True)
class Job:
    """One training problem.

    rows: positions in the workbench to learn from. targets: as a head sees them, for all rows of the workbench.
    extra: encoded extra columns of all rows. weights: of the classes, in training. steps: optimiser steps of a
    configuration. refit: train the best once more on all rows. head_weights, untilt: how heads are solved that stay;
    the training weights when None. loss: the usual one of the task when None. shared_seed: of what all candidates
    share: the rows held in, and how solved heads choose their penalty.
    """

    bench: Workbench
    source: Source
    strategy: Strategy
    rows: np.ndarray
    targets: np.ndarray
    extra: np.ndarray
    weights: np.ndarray
    steps: int
    batch: int
    seed: int
    shared_seed: int
    refit: bool = True
    head_weights: np.ndarray | None = None
    loss: Loss | None = None
    untilt: bool = False
    on_step: Callable[[int], None] = lambda step: None

    @property
    def boundary(self) -> int:
        """Layers below the freeze boundary. Raises InputError when the strategy asks for more than there are."""
        if self.strategy.layers > self.source.weights.layers:
            raise InputError(
                f"{self.strategy}, and {self.source.weights.reference} has {self.source.weights.layers} layers",
                needed=f"{self.strategy.name}:K with K from 1 to {self.source.weights.layers}",
                fix=f"for example {self.strategy.name}:{max(1, self.source.weights.layers // 2)}, or full",
            )
        return self.source.weights.layers - self.strategy.layers


@dataclass(frozen=True)
class Tuned:
    """A tuned network, ready to predict, and what happened.

    network, head: one of them is None; the head is there when tuning did not improve on it, on vectors of ``view``.
    vocabulary: of the network's embeddings.
    """

    network: Network | None
    head: LinearHead | None
    examples: Examples
    vocabulary: Vocabulary | None
    log: TrainingLog
    freeze: FreezeRecord
    configuration: str
    notes: tuple[str, ...]
    remarks: tuple[Remark, ...] = ()
    view: Source | None = None


def tune(job: Job, *, configurations: int) -> Tuned:
    """Try the first ``configurations`` rates on a held-in part, then train the best on what the rows allow."""
    job.strategy.require_task(job.bench.task)
    inner, held = _held_in(job)
    refit = job.refit and len(job.rows) < REFIT_BELOW and len(held) > 0
    rates = job.strategy.rates[:configurations]
    tried = [(_run(job, inner, held, _schedule(job, job.steps, rate)), rate) for rate in rates]
    best, rate = min(tried, key=lambda pair: _best_loss(pair[0].log))
    if best.log.best_step > 0 and not _beats_solved(best, job, inner, held):
        best = replace(best, log=replace(best.log, best_step=0))
    best = replace(best, remarks=dynamics(best.log, _chance(job, inner, held)))
    notes = [f"{rate}: {best.log.diverged}"] if best.log.diverged else []
    if best.log.best_step == 0 and job.strategy.pretrained:
        view, solved = solve_views(job, job.rows)
        notes.append(KEPT_SOLVED)
        return replace(best, network=None, head=solved, view=view, configuration=str(rate), notes=tuple(notes))
    if refit and best.log.best_step > 0:
        steps = max(1, round(best.log.best_step * len(job.rows) / len(inner)))
        again = replace(_schedule(job, steps, rate), mixed=best.log.mixed)
        final = _run(job, job.rows, np.zeros(0, np.int64), again)
        log = replace(best.log, steps=best.log.steps + final.log.steps)
        if final.log.diverged:
            notes.append(f"{rate}, all rows: {final.log.diverged}; what was learnt without the held-in rows was kept")
            best = replace(best, log=log)
        else:
            best = replace(final, log=log, remarks=best.remarks)
    return replace(best, head=None, configuration=str(rate), notes=tuple(notes))


@dataclass(frozen=True)
class Gain:
    """How much lower a loss a row became, and its standard error over the rows."""

    mean: float
    error: float


def gain_over_solved(job: Job, judged: np.ndarray) -> Gain:
    """How much lower the loss of the rows ``judged`` is after the steps of the job than with the solved head.

    Each side at its own best temperature; the first rate, nothing held in.
    """
    job.strategy.require_task(job.bench.task)
    rate = job.strategy.rates[0]
    tuned = _run(job, job.rows, np.zeros(0, np.int64), _schedule(job, job.steps, rate))
    assert tuned.network is not None
    before, after = (
        judged_losses(logits, job.targets[judged], job.bench.task, job.weights, job.loss)
        for logits in (_solved_logits(job, job.rows, judged), logits_of(tuned.network, tuned.examples, judged))
    )
    less = (before - after).astype(np.float64)
    return Gain(float(less.mean()), float(less.std(ddof=1) / math.sqrt(len(less))) if len(less) > 1 else math.inf)


def _schedule(job: Job, steps: int, rates: Rates) -> Schedule:
    faster = trainable(job.source).steps(job.source).rate if job.strategy.pretrained else 1.0
    return Schedule(
        steps=max(1, steps),
        batch=job.batch,
        rate=rates.rate * faster,
        head_rate=rates.head_rate,
        strength=rates.strength,
        decay=Schedule.decay if job.strategy.decays else 1.0,
        weight_decay=job.strategy.weight_decay,
    )


def one_step(job: Job) -> Callable[[], None]:
    """A training step to be timed: each call runs one over all rows of the job, and changes nothing."""
    network, examples = _network(job, job.seed)
    schedule = Schedule(steps=1, batch=job.batch, rate=0.0, head_rate=0.0, weight_decay=0.0)
    stepper = Stepper(_lesson(job, network, examples, job.rows, np.zeros(0, np.int64), schedule, job.seed))

    def step() -> None:
        with torch_stream():
            stepper.step(job.rows)

    return step


def reader(job: Job, rows: np.ndarray) -> Callable[[], None]:
    """A forward pass to be timed: each call reads ``rows`` as the network of the job does."""
    network, examples = _network(job, job.seed)

    def read() -> None:
        logits_of(network, examples, rows)

    return read


def _network(job: Job, seed: int) -> tuple[Network, Examples]:
    body, _, feed = _body(job, job.rows, seed)
    network = _headed(job, body)
    use_byte_dropout(network, seed)
    return network, Examples(feed, job.extra, job.targets)


def _headed(job: Job, body: Any) -> Network:
    pooled = trainable(job.source).pooled
    return Network(body, job.source, job.weights.shape[0], job.extra.shape[1], pooled=pooled)


def predict_logits(tuned: Tuned, job: Job, rows: np.ndarray) -> np.ndarray:
    """Logits of rows of the workbench."""
    if tuned.network is not None:
        return logits_of(tuned.network, tuned.examples, rows)
    assert tuned.head is not None
    assert tuned.view is not None
    return tuned.head.logits(_head_inputs(job, tuned.view, rows))


def assemble(tuned: Tuned, job: Job) -> Any:
    """The whole tuned backbone with all its embeddings, its frozen part proven unchanged."""
    assert tuned.network is not None
    body = tuned.network.body
    if job.strategy.merge is not None:
        body = job.strategy.merge(body)
    whole = job.bench.body(job.source)
    kind = trainable(job.source)
    kind.restored(body, whole, tuned.vocabulary)
    if not job.strategy.layers:
        return body
    names = kind.names(whole, job.source, job.source.weights.layers)
    below = [parameter for name, parameter in whole.named_parameters() if not name.startswith(names[job.boundary :])]
    for parameter in below:
        parameter.requires_grad_(False)
    before, _ = frozen_digest([whole])
    trained = body.state_dict()
    upper = kind.names(body, job.source, job.strategy.layers)
    state = whole.state_dict()
    for old, new in zip(upper, names[job.boundary :], strict=True):
        state.update({new + name.removeprefix(old): value for name, value in trained.items() if name.startswith(old)})
    whole.load_state_dict(state)
    verify_frozen(before, frozen_digest([whole])[0], f"{job.source.weights.reference} ({job.strategy})")
    return whole


def _run(job: Job, rows: np.ndarray, held: np.ndarray, schedule: Schedule) -> Tuned:
    with torch_stream():
        # The caller's random numbers stay as they were.
        return _trained(job, rows, held, schedule)


def _trained(job: Job, rows: np.ndarray, held: np.ndarray, schedule: Schedule) -> Tuned:
    seed = derive(job.seed, str(job.strategy), len(rows))
    body, vocabulary, feed = _body(job, rows, seed)
    network = _headed(job, body)
    use_byte_dropout(network, seed)
    head = None
    if not job.strategy.pretrained:
        network.draw_head(seed)
    else:
        head = _solved(job, _head_inputs(job, job.source, rows), rows, START_PENALTY, stays=False)
        network.set_head(head)
    before, frozen = frozen_digest([network.body])
    examples = Examples(feed, job.extra, job.targets)
    lesson = _lesson(job, network, examples, rows, held, schedule, seed)
    log = (job.strategy.lesson or train)(lesson)
    after, _ = frozen_digest([network.body])
    verify_frozen(before, after, f"{job.source.weights.reference} ({job.strategy})")
    of_body, of_head = (
        sum(value.numel() for value in part.parameters() if value.requires_grad)
        for part in (network.body, network.head)
    )
    trained = of_body + of_head
    if job.strategy.layers:
        frozen = job.source.weights.parameters - of_body
    elif vocabulary is not None:
        frozen += (job.source.weights.vocabulary - len(vocabulary.used)) * job.source.weights.hidden
    return Tuned(network, head, examples, vocabulary, log, FreezeRecord(frozen, trained, before), "", ())


def _lesson(
    job: Job, network: Network, examples: Examples, rows: np.ndarray, held: np.ndarray, schedule: Schedule, seed: int
) -> Lesson:
    """What the job's strategy teaches a network on ``rows``."""
    strategy, body = job.strategy, network.body
    return Lesson(
        network,
        parameter_groups(
            body,
            network.head,
            trainable(job.source).names(body, job.source, strategy.layers or job.source.weights.layers),
            rate=schedule.rate,
            head_rate=schedule.head_rate,
            decay=schedule.decay,
            weight_decay=schedule.weight_decay,
            head_decay=strategy.head_decay,
        ),
        examples,
        train_rows=rows,
        held_rows=held,
        task=job.bench.task,
        weights=job.weights,
        schedule=schedule,
        seed=seed,
        loss=job.loss,
        penalty=None if strategy.penalty is None else strategy.penalty(body, schedule.strength),
        chance=math.inf if strategy.pretrained else _chance(job, rows, held),
        solve=lambda inputs, some: _solved(job, inputs, some, START_PENALTY, stays=False),
        on_step=job.on_step,
    )


def _body(job: Job, rows: np.ndarray, seed: int) -> tuple[Any, Vocabulary | None, Feed]:
    body, kind = job.bench.body(job.source), trainable(job.source)
    if job.strategy.layers:
        boundary = job.boundary
        upper = kind.upper(body, job.source, boundary)
        layers = kind.names(upper, job.source, job.strategy.layers)
        for name, parameter in upper.named_parameters():
            # What lies beside the layers (a last norm, a bias all layers share) is not theirs to change.
            parameter.requires_grad_(name.startswith(layers))
        return upper, None, ActivationFeed(job.bench.boundary(job.source, boundary))
    feed, vocabulary = kind.fed(job.bench, job.source, body, rows, seed)
    if job.strategy.adapt is not None:
        body = job.strategy.adapt(body, seed)
    else:
        kind.freed(body)
    return body, vocabulary, feed


def solve_views(job: Job, rows: np.ndarray) -> tuple[Source, LinearHead]:
    """The solved head with the lowest held-in loss, on the source's vectors or with its middle layer beside them.

    One pass of the encoder gives both, so the choice costs a head. Also the source as that head sees it. Every
    candidate that asks about the same rows is given the same head.
    """
    weights = job.weights if job.head_weights is None else job.head_weights
    key = ("solved", job.source.weights.digest, rows.tobytes(), weights.tobytes(), job.untilt, job.shared_seed)
    return job.bench.remembered(key, lambda: _best_view(job, rows))


def _best_view(job: Job, rows: np.ndarray) -> tuple[Source, LinearHead]:
    best: tuple[Source, LinearHead] | None = None
    for view in dict.fromkeys((job.source, with_middle(job.source))):
        inputs = _head_inputs(job, view, rows)
        balance = balance_of(view, inputs) if view.parts else None
        head = _solved(job, inputs if balance is None else balance.of(inputs), rows, None, stays=True)
        head = head if balance is None else balance.folded(head)
        if best is None or head.held_loss < best[1].held_loss:
            best = view, head
    assert best is not None
    return best


def _solved_logits(job: Job, rows: np.ndarray, judged: np.ndarray) -> np.ndarray:
    view, head = solve_views(job, rows)
    return head.logits(_head_inputs(job, view, judged))


def _head_inputs(job: Job, view: Source, rows: np.ndarray) -> np.ndarray:
    return np.concatenate([job.bench.vectors(view)[rows], job.extra[rows]], 1)


def _solved(job: Job, inputs: np.ndarray, rows: np.ndarray, penalty: float | None, *, stays: bool) -> LinearHead:
    """A head on ``inputs``.

    stays: on the vectors of the source, so solved as for ``frozen``; otherwise with the weights that training uses.
    """
    return solve_head(
        inputs,
        job.targets[rows],
        task=job.bench.task,
        outputs=job.weights.shape[0],
        weights=job.head_weights if stays and job.head_weights is not None else job.weights,
        seed=job.shared_seed if stays else job.seed,
        penalties=None if penalty is None else (penalty,),
        untilt=stays and job.untilt,
    )


def _beats_solved(tuned: Tuned, job: Job, inner: np.ndarray, held: np.ndarray) -> bool:
    """Whether tuning beats the solved head on the held-in rows, each at its own best temperature."""
    if not job.strategy.pretrained or not len(held):
        return True
    assert tuned.network is not None
    tuned_logits = logits_of(tuned.network, tuned.examples, held)
    solved_logits = _solved_logits(job, inner, held)
    return _judged(tuned_logits, job, held) < _judged(solved_logits, job, held)


def _judged(logits: np.ndarray, job: Job, rows: np.ndarray) -> float:
    return judged_loss(logits, job.targets[rows], job.bench.task, job.weights, job.loss)


def _chance(job: Job, rows: np.ndarray, held: np.ndarray) -> float:
    """The loss of the held-in rows when every row is told the same: the class shares of the others, or their mean."""
    if not len(held):
        return math.nan
    targets, weights = job.targets[rows], job.weights.astype(np.float64)
    if job.bench.task is Task.REGRESSION:
        level = np.atleast_1d(targets.mean())
    elif job.bench.task is Task.MULTILABEL:
        # One more row of each kind keeps the logarithm finite.
        level = np.log(weights * (targets.sum(0) + 1)) - np.log((1 - targets).sum(0) + 1)
    else:
        level = np.log(weights * (np.bincount(targets, minlength=len(weights)) + 1))
    return _judged(np.repeat(level[None].astype(np.float32), len(held), 0), job, held)


def _held_in(job: Job) -> tuple[np.ndarray, np.ndarray]:
    share = HELD_SHARE if job.refit and len(job.rows) < REFIT_BELOW else HELD_SHARE_OF_MANY
    rng = np.random.default_rng(derive(job.shared_seed, "held in"))
    order = rng.permutation(job.rows)
    if job.bench.task in CLASSES:
        order = order[np.argsort(job.targets[order], kind="stable")]
    held = order[share // 2 :: share]
    return np.setdiff1d(job.rows, held), np.sort(held)


def _best_loss(log: TrainingLog) -> float:
    return min(point.held for point in log.curve)
