"""Changing the backbone: partial, LoRA, full, by contrastive pairs, and from scratch.

Decisions:
- Tuning starts from a solved head (linear probe, then fine-tune; Kumar et al. 2022), but from one with a stronger
  penalty
  than the best: a head that already fits its rows to the last leaves the backbone no gradient to learn from.
- A held-in part decides how long to train, and whether tuning beats the solved head at all. Where labels are few that
  part is too dear to give away, so training is then repeated on all rows for the steps found; the budget covers both.
- The word embeddings outside a fold's vocabulary have no gradient and are left out of the optimiser.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from graft.core.errors import InputError
from graft.core.seeds import derive, generator
from graft.core.tasks import CLASSES, Task
from graft.evidence.training_curve import Remark, TrainingLog, dynamics
from graft.representations.backbone import quiet_transformers, upper_half
from graft.representations.sources import Source
from graft.representations.tokens import special_tokens
from graft.scores.contrastive import PairStepper, index_labels, pair_batches, require_labels
from graft.scores.feed import ActivationFeed, Feed, TokenFeed
from graft.scores.freezing import FreezeRecord, frozen_digest, parameter_groups, verify_frozen
from graft.scores.linear import LinearHead, solve_head
from graft.scores.network import (
    Network,
    Vocabulary,
    layer_names,
    restore_vocabulary,
    shrink_vocabulary,
    use_byte_dropout,
)
from graft.scores.strategies import Kind, Strategy
from graft.scores.training import (
    Examples,
    Schedule,
    Stepper,
    follow,
    held_loss,
    judged_loss,
    judged_losses,
    logits_of,
    train,
    vectors_of,
)
from graft.scores.workbench import Workbench, with_middle

START_PENALTY = 0.1
REFIT_BELOW = 2000
HELD_SHARE, HELD_SHARE_OF_MANY = 5, 8
LORA_RANK = 8
PAIRS_PENALTY, PAIRS_MEASURED = 0.1, 2


@dataclass(frozen=True)
class Rates:
    """Learning rates of one configuration."""

    rate: float
    head_rate: float

    def __str__(self) -> str:
        """As a person reads it."""
        return f"rate {self.rate:g}"


CONFIGURATIONS: dict[Kind, tuple[Rates, ...]] = {
    Kind.FULL: (Rates(1e-4, 1e-3), Rates(5e-5, 1e-3), Rates(2e-4, 1e-3), Rates(2e-5, 1e-3)),
    Kind.PARTIAL: (Rates(1e-4, 1e-3), Rates(2e-4, 1e-3), Rates(5e-5, 1e-3), Rates(4e-4, 1e-3)),
    Kind.LORA: (Rates(1e-3, 1e-3), Rates(5e-4, 1e-3), Rates(2e-3, 1e-3), Rates(2e-4, 1e-3)),
    Kind.CONTRASTIVE: (Rates(1e-4, 0.0), Rates(5e-5, 0.0), Rates(2e-4, 0.0), Rates(2e-5, 0.0)),
    Kind.SCRATCH: (Rates(5e-4, 2e-3), Rates(1e-3, 5e-3), Rates(2e-4, 1e-3), Rates(1e-4, 1e-3)),
}


@dataclass(frozen=True)
class Job:
    """One training problem.

    rows: positions in the workbench to learn from. targets: as a head sees them, for all rows of the workbench.
    extra: encoded extra columns of all rows. weights: of the classes, in training. steps: optimiser steps of a
    configuration. refit: train the best once more on all rows. head_weights, untilt: how heads are solved that stay;
    the training weights when None. shared_seed: of what all candidates share: the rows held in, and how solved heads
    choose their penalty.
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
    untilt: bool = False
    on_step: Callable[[int], None] = lambda step: None

    @property
    def boundary(self) -> int:
        """Layers below the freeze boundary. Raises InputError when the strategy asks for more than there are."""
        if self.strategy.layers > self.source.layers:
            raise InputError(
                f"{self.strategy}, and {self.source.reference} has {self.source.layers} layers",
                needed=f"{self.strategy.kind}:K with K from 1 to {self.source.layers}",
                fix=f"for example {self.strategy.kind}:{max(1, self.source.layers // 2)}, or full",
            )
        return self.source.layers - self.strategy.layers


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
    if job.strategy.kind is Kind.CONTRASTIVE:
        require_labels(job.bench.task)
    inner, held = _held_in(job)
    refit = job.refit and len(job.rows) < REFIT_BELOW and len(held) > 0
    rates = CONFIGURATIONS[job.strategy.kind][:configurations]
    schedule = Schedule(steps=max(1, job.steps), batch=job.batch)
    tried = [
        (_run(job, inner, held, replace(schedule, rate=rate.rate, head_rate=rate.head_rate)), rate) for rate in rates
    ]
    best, rate = min(tried, key=lambda pair: _best_loss(pair[0].log))
    if best.log.best_step > 0 and not _beats_solved(best, job, inner, held):
        best = replace(best, log=replace(best.log, best_step=0))
    best = replace(best, remarks=dynamics(best.log, _chance(job, inner, held)))
    notes = [f"{rate}: {best.log.diverged}"] if best.log.diverged else []
    if best.log.best_step == 0 and job.strategy.kind is not Kind.SCRATCH:
        view, solved = solve_views(job, job.rows)
        notes.append("tuning did not improve the held-in loss over the solved head, which was kept")
        return replace(best, network=None, head=solved, view=view, configuration=str(rate), notes=tuple(notes))
    if refit and best.log.best_step > 0:
        steps = max(1, round(best.log.best_step * len(job.rows) / len(inner)))
        again = replace(schedule, steps=steps, rate=rate.rate, head_rate=rate.head_rate)
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
    if job.strategy.kind is Kind.CONTRASTIVE:
        require_labels(job.bench.task)
    rate = CONFIGURATIONS[job.strategy.kind][0]
    schedule = Schedule(steps=max(1, job.steps), batch=job.batch, rate=rate.rate, head_rate=rate.head_rate)
    tuned = _run(job, job.rows, np.zeros(0, np.int64), schedule)
    assert tuned.network is not None
    before, after = (
        judged_losses(logits, job.targets[judged], job.bench.task, job.weights)
        for logits in (_solved_logits(job, job.rows, judged), logits_of(tuned.network, tuned.examples, judged))
    )
    less = (before - after).astype(np.float64)
    return Gain(float(less.mean()), float(less.std(ddof=1) / math.sqrt(len(less))) if len(less) > 1 else math.inf)


def one_step(job: Job) -> Callable[[], None]:
    """A training step to be timed: each call runs one over all rows of the job, and changes nothing."""
    network, examples = _network(job, job.seed)
    names = layer_names(network.body, job.source, _depth(job))
    groups = parameter_groups(network.body, network.head, names, rate=0.0, head_rate=0.0, decay=1.0, weight_decay=0.0)
    stepper = Stepper(network, groups, examples, job.bench.task, job.weights)

    def step() -> None:
        stepper.step(job.rows)

    return step


def reader(job: Job, rows: np.ndarray) -> Callable[[], None]:
    """A forward pass to be timed: each call reads ``rows`` as the network of the job does."""
    network, examples = _network(job, job.seed)

    def read() -> None:
        logits_of(network, examples, rows)

    return read


def _network(job: Job, seed: int) -> tuple[Network, Examples]:
    body, _, feed = _body(job, seed)
    network = Network(body, job.source, job.weights.shape[0], job.extra.shape[1])
    use_byte_dropout(network, seed)
    return network, Examples(feed, job.extra, job.targets)


def _depth(job: Job) -> int:
    """The layers that may change."""
    return job.strategy.layers or job.source.layers


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
    if job.strategy.kind is Kind.LORA:
        body = body.merge_and_unload()
    whole = job.bench.body(job.source)
    if tuned.vocabulary is not None:
        restore_vocabulary(body, tuned.vocabulary, whole.get_input_embeddings().weight)
    if not job.strategy.layers:
        return body
    names = layer_names(whole, job.source, job.source.layers)
    below = [parameter for name, parameter in whole.named_parameters() if not name.startswith(names[job.boundary :])]
    for parameter in below:
        parameter.requires_grad_(False)
    before, _ = frozen_digest([whole])
    trained = body.state_dict()
    upper = layer_names(body, job.source, job.strategy.layers)
    state = whole.state_dict()
    for old, new in zip(upper, names[job.boundary :], strict=True):
        state.update({new + name.removeprefix(old): value for name, value in trained.items() if name.startswith(old)})
    whole.load_state_dict(state)
    verify_frozen(before, frozen_digest([whole])[0], f"{job.source.reference} ({job.strategy})")
    return whole


def _run(job: Job, rows: np.ndarray, held: np.ndarray, schedule: Schedule) -> Tuned:
    with torch.random.fork_rng(devices=[]):
        # The caller's random numbers stay as they were.
        return _trained(job, rows, held, schedule)


def _trained(job: Job, rows: np.ndarray, held: np.ndarray, schedule: Schedule) -> Tuned:
    seed = derive(job.seed, str(job.strategy), len(rows))
    body, vocabulary, feed = _body(job, seed)
    network = Network(body, job.source, job.weights.shape[0], job.extra.shape[1])
    use_byte_dropout(network, seed)
    head = None
    if job.strategy.kind is Kind.SCRATCH:
        network.draw_head(seed)
    else:
        head = _solved(job, _head_inputs(job, job.source, rows), rows, START_PENALTY, stays=False)
        network.set_head(head)
    before, frozen = frozen_digest([network.body])
    schedule = replace(schedule, decay=1.0) if job.strategy.kind in (Kind.LORA, Kind.SCRATCH) else schedule
    groups = parameter_groups(
        network.body,
        network.head,
        layer_names(network.body, job.source, _depth(job)),
        rate=schedule.rate,
        head_rate=schedule.head_rate,
        decay=schedule.decay,
        weight_decay=schedule.weight_decay,
    )
    examples = Examples(feed, job.extra, job.targets)
    if job.strategy.kind is Kind.CONTRASTIVE:
        log = _by_pairs(job, network, groups, examples, rows, held, schedule, seed)
    else:
        log = train(
            network,
            groups,
            examples,
            train_rows=rows,
            held_rows=held,
            task=job.bench.task,
            weights=job.weights,
            schedule=schedule,
            seed=seed,
            chance=_chance(job, rows, held) if job.strategy.kind is Kind.SCRATCH else math.inf,
            on_step=job.on_step,
        )
    after, _ = frozen_digest([network.body])
    verify_frozen(before, after, f"{job.source.reference} ({job.strategy})")
    of_body, of_head = (
        sum(value.numel() for value in part.parameters() if value.requires_grad)
        for part in (network.body, network.head)
    )
    trained = of_body + of_head
    if job.strategy.layers:
        frozen = job.source.parameters - of_body
    elif vocabulary is not None:
        frozen += (job.source.vocabulary - len(vocabulary.used)) * job.source.dimension
    return Tuned(network, head, examples, vocabulary, log, FreezeRecord(frozen, trained, before), "", ())


def _by_pairs(
    job: Job,
    network: Network,
    groups: list[dict[str, object]],
    examples: Examples,
    rows: np.ndarray,
    held: np.ndarray,
    schedule: Schedule,
    seed: int,
) -> TrainingLog:
    """Train the body on pairs and solve the head on what its vectors have become."""

    def solve_again() -> None:
        inputs = np.concatenate([vectors_of(network, examples.feed, rows), job.extra[rows]], 1)
        network.set_head(_solved(job, inputs, rows, PAIRS_PENALTY, stays=False))

    def measure() -> float:
        solve_again()
        return held_loss(network, examples, held, job.bench.task, job.weights)

    # Pairs say nothing about the head: no step moves it, and its state is not one to be kept.
    network.head.requires_grad_(False)
    log = follow(
        PairStepper(network, groups, examples, job.bench.task, job.weights),
        pair_batches(index_labels(job.targets, rows), schedule.batch, generator(seed, "pairs")),
        measure if len(held) else None,
        schedule=replace(schedule, patience=schedule.steps),
        stretch=max(1, -(-schedule.steps // PAIRS_MEASURED)),
        seed=seed,
        on_step=job.on_step,
    )
    solve_again()
    network.head.requires_grad_(True)
    return replace(log, alike=False)


def _body(job: Job, seed: int) -> tuple[Any, Vocabulary | None, Feed]:
    kind = job.strategy.kind
    body = job.bench.body(job.source)
    if job.strategy.layers:
        boundary = job.boundary
        upper = upper_half(body, job.source, boundary)
        layers = layer_names(upper, job.source, job.strategy.layers)
        for name, parameter in upper.named_parameters():
            # What lies beside the layers (a last norm, a bias all layers share) is not theirs to change.
            parameter.requires_grad_(name.startswith(layers))
        return upper, None, ActivationFeed(job.bench.boundary(job.source, boundary))
    tokens, pad = job.bench.tokens(job.source), special_tokens(job.source).pad
    vocabulary = shrink_vocabulary(body, tokens.ids, pad)
    if kind is Kind.LORA:
        body = _with_lora(body, seed)
    return body, vocabulary, TokenFeed(tokens, pad, vocabulary)


def _with_lora(body: Any, seed: int) -> Any:
    from peft import LoraConfig, get_peft_model
    from peft.tuners.tuners_utils import BaseTunerLayer

    config = LoraConfig(
        r=LORA_RANK,
        lora_alpha=2 * LORA_RANK,
        lora_dropout=0.0,
        use_rslora=True,
        target_modules="all-linear",
        bias="none",
    )
    with quiet_transformers(), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # peft 0.20 asks for an attribute that transformers 5 has renamed.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
        torch.manual_seed(seed)
        adapted = get_peft_model(body, config)
    for layer in adapted.modules():
        if isinstance(layer, BaseTunerLayer):
            # autocast chooses the precision; peft's own conversion beside it moves every input twice.
            layer.cast_input_dtype_enabled = False
    return adapted


def solve_views(job: Job, rows: np.ndarray) -> tuple[Source, LinearHead]:
    """The solved head with the lowest held-in loss, on the source's vectors or with its middle layer beside them.

    One pass of the encoder gives both, so the choice costs a head. Also the source as that head sees it. Every
    candidate that asks about the same rows is given the same head.
    """
    weights = job.weights if job.head_weights is None else job.head_weights
    key = ("solved", job.source.digest, rows.tobytes(), weights.tobytes(), job.untilt, job.shared_seed)
    return job.bench.remembered(key, lambda: _best_view(job, rows))


def _best_view(job: Job, rows: np.ndarray) -> tuple[Source, LinearHead]:
    best: tuple[Source, LinearHead] | None = None
    for view in dict.fromkeys((job.source, with_middle(job.source))):
        head = _solved(job, _head_inputs(job, view, rows), rows, None, stays=True)
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
    if job.strategy.kind is Kind.SCRATCH or not len(held):
        return True
    assert tuned.network is not None
    tuned_logits = logits_of(tuned.network, tuned.examples, held)
    solved_logits = _solved_logits(job, inner, held)
    return _judged(tuned_logits, job, held) < _judged(solved_logits, job, held)


def _judged(logits: np.ndarray, job: Job, rows: np.ndarray) -> float:
    return judged_loss(logits, job.targets[rows], job.bench.task, job.weights)


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
