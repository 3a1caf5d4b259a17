"""The training loop.

Decisions: the budget is optimiser steps, the same for every candidate; the rate warms up and then falls to zero by the
end of the budget; after every pass, and at least three times in a budget, the held-in log-loss is measured and the best
state kept, the starting state (a solved head) included, so tuning never leaves a worse model than it began with; a loss
that leaves the numbers stops at once and falls back to the best state. Statistics of batch normalisation that were
drawn are taken anew from rows that are learnt from before anything is measured by them: while the rate is high the
running ones lag behind the weights, and a network that has learnt its rows looks as if it had not. A control that, a
third of its steps in, is no better than the class shares stops there: it costs as much as a candidate and has said what
it can say.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from graft.core.errors import Diverged
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.evidence.training_curve import CurvePoint, TrainingLog
from graft.representations.backbone import device, native_precision
from graft.scores.feed import Feed, reading_batches, training_batches
from graft.scores.freezing import moving_buffers
from graft.scores.linear import LinearHead
from graft.scores.losses import Loss, loss_named
from graft.scores.network import Network
from graft.scores.strategy import Penalty

_CLIP, _SETTLED = 1.0, 512
_STILL_FALLING = 0.01
_MEASUREMENTS, _MOST_MEASUREMENTS = 3, 20
_SAYS_SOMETHING = 0.01
_FACTORS = tuple(np.geomspace(0.05, 5.0, 61).tolist())


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    steps: optimiser steps. batch: rows. rate: of the highest layer. strength: of a penalty. patience: measurements
    without a better held-in loss. mixed: share of the way that weights are left at, where a strategy averages them.
    """

    steps: int
    batch: int = 16
    rate: float = 5e-5
    head_rate: float = 1e-3
    decay: float = 0.9
    weight_decay: float = 0.01
    warmup: float = 0.1
    patience: int = 3
    strength: float = 0.0
    mixed: float = 1.0


@dataclass(frozen=True)
class Examples:
    """Rows with their targets, for a network.

    targets: class numbers int64, 0/1 float32 matrix, or standardised float32 values. extra: float32 (rows, width).
    """

    feed: Feed
    extra: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a network is to learn, and how.

    groups: of parameters, for AdamW. train_rows, held_rows: rows learnt from, and those that say when to stop (none:
    the last state stays). weights: of the classes. loss: the usual one of the task when None. penalty: what holds the
    body back. chance: stop a third of the steps in, unless the held-in loss has come below this. solve: inputs of rows
    (rows, width) and their numbers to a head, for what solves its head anew.
    """

    network: Network
    groups: list[dict[str, object]]
    examples: Examples
    train_rows: np.ndarray
    held_rows: np.ndarray
    task: Task
    weights: np.ndarray
    schedule: Schedule
    seed: int
    loss: Loss | None = None
    penalty: Penalty | None = None
    chance: float = math.inf
    solve: Callable[[np.ndarray, np.ndarray], LinearHead] | None = None
    on_step: Callable[[int], None] = lambda step: None

    def held_loss(self) -> float:
        """The judged loss of the held-in rows now."""
        self.settle()
        return held_loss(self.network, self.examples, self.held_rows, self.task, self.weights, self.loss)

    def settle(self) -> None:
        """Take the statistics of batches that move anew, from rows that are learnt from; nothing where none move."""
        if not moving_buffers(self.network.body):
            return
        norms = [one for one in self.network.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
        momenta = [one.momentum for one in norms]
        for one in norms:
            one.reset_running_stats()
            one.momentum = None  # the mean of all batches
        some = self.train_rows[:: -(-len(self.train_rows) // _SETTLED)]
        network, where, size = self.network.train(), device(), self.schedule.batch
        with torch.no_grad():
            for start in range(0, max(1, len(some) - size + 1), size):
                inputs = self.examples.feed.batch(some[start : start + size])
                network.vectors({name: value.to(where) for name, value in inputs.items()})
        for one, momentum in zip(norms, momenta, strict=True):
            one.momentum = momentum
        network.eval()


def train(lesson: Lesson, stepper: "Stepper | None" = None) -> TrainingLog:
    """Train the network of a lesson in place and leave it in its best state, in eval mode.

    stepper: what takes the steps, made of the lesson; the usual one when None.
    """
    schedule = lesson.schedule
    log = follow(
        stepper or Stepper(lesson),
        _passes(lesson.examples.feed.lengths, lesson.train_rows, schedule.batch, generator(lesson.seed, "batches")),
        lesson.held_loss if len(lesson.held_rows) else None,
        schedule=schedule,
        stretch=_stretch(len(lesson.train_rows) // schedule.batch, schedule.steps),
        seed=lesson.seed,
        chance=lesson.chance,
        on_step=lesson.on_step,
    )
    if not len(lesson.held_rows):
        lesson.settle()
    return log


def follow(
    stepper: "Stepper",
    batches: Iterator[np.ndarray],
    measure: Callable[[], float] | None,
    *,
    schedule: Schedule,
    stretch: int,
    seed: int,
    chance: float = math.inf,
    on_step: Callable[[int], None] = lambda step: None,
) -> TrainingLog:
    """Take the steps of a schedule, measure after every ``stretch`` of them, and keep the best state.

    batches: rows of each step. measure: the held-in loss now, lower is better; None when nothing is held in. Raises
    Diverged when not even the start had a finite loss.
    """
    network = stepper.network
    best = _Best(network)
    curve = [CurvePoint(0, math.nan, math.inf if measure is None else measure())]
    best.offer(0, curve[0].held)
    step, stale, diverged = 0, 0, ""
    torch.manual_seed(seed)
    while step < schedule.steps and stale < schedule.patience and not diverged:
        network.train()
        losses: list[float] = []
        for rows in islice(batches, min(stretch, schedule.steps - step)):
            losses.append(stepper.step(rows, _factor(step, schedule)))
            step += 1
            on_step(1)
            if not math.isfinite(losses[-1]):
                diverged = f"the loss became {losses[-1]} at step {step} (rate {schedule.rate:g})"
                break
        held = math.inf if diverged or measure is None else measure()
        curve.append(CurvePoint(step, float(np.mean(losses)), held))
        if measure is not None:
            stale = 0 if best.offer(step, held) else stale + 1
            if _hopeless(curve, schedule, chance):
                break
    if measure is None and not diverged:
        # Nothing to judge by: the last state counts as the best, as long as it is made of numbers.
        if all(bool(torch.isfinite(value).all()) for value in stepper.trainable):
            best.offer(step, 0.0)
        else:
            diverged = f"the weights became infinite at step {step} (rate {schedule.rate:g})"
    best.restore()
    network.eval()
    if diverged and measure is not None and best.step == 0 and not math.isfinite(curve[0].held):
        raise Diverged(f"training diverged: {diverged}", needed="a finite loss", fix="lower the learning rate")
    return TrainingLog(tuple(curve), step, best.step, _under_trained(curve, step, schedule), diverged)


def _stretch(a_pass: int, steps: int) -> int:
    """Steps from one measurement to the next: a pass over the rows, within a twentieth and a third of the budget.

    A pass over forty rows is two steps; whoever loses patience after three of those has seen six of two hundred.

    >>> _stretch(2, 40), _stretch(2, 200), _stretch(25, 60), _stretch(100, 200)
    (2, 10, 20, 66)
    """
    return max(1, min(max(a_pass, steps // _MOST_MEASUREMENTS), steps // _MEASUREMENTS))


def _hopeless(curve: list[CurvePoint], schedule: Schedule, chance: float) -> bool:
    """Whether a third of the steps have gone and the held-in loss says no more than the class shares do."""
    if not math.isfinite(chance) or 3 * curve[-1].step < schedule.steps:
        return False
    return min(point.held for point in curve) > chance * (1 - _SAYS_SOMETHING)


def _passes(lengths: np.ndarray, rows: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    while True:
        yield from training_batches(lengths, rows, size, rng)


def _under_trained(curve: list[CurvePoint], step: int, schedule: Schedule) -> bool:
    if step < schedule.steps or len(curve) < 3:
        return False
    before, last = min(point.held for point in curve[:-1]), curve[-1].held
    return last < before * (1 - _STILL_FALLING)


def _factor(step: int, schedule: Schedule) -> float:
    warm = max(1, round(schedule.warmup * schedule.steps))
    if step < warm:
        return (step + 1) / warm
    return max(0.0, (schedule.steps - step) / max(1, schedule.steps - warm))


class Stepper:
    """One optimiser and its steps on the loss of a lesson, and on its penalty."""

    def __init__(self, lesson: Lesson) -> None:
        self.where = device()
        self.network, self.examples, self._task = lesson.network.to(self.where), lesson.examples, lesson.task
        self.trainable = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self._optimiser = torch.optim.AdamW(lesson.groups, fused=True)
        self._base = [float(group["lr"]) for group in self._optimiser.param_groups]
        self._weights = torch.from_numpy(lesson.weights).to(self.where)
        self._loss, self._penalty = lesson.loss or loss_named("auto", lesson.task), lesson.penalty

    def step(self, rows: np.ndarray, factor: float = 1.0) -> float:
        """Learn from one batch at ``factor`` of the rates; its loss before the step."""
        for group, rate in zip(self._optimiser.param_groups, self._base, strict=True):
            group["lr"] = rate * factor
        loss = self.loss(rows)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.trainable, _CLIP, foreach=True)
        self._optimiser.step()
        if self._penalty is not None:
            self._penalty.pull(self._optimiser.param_groups)
        self._optimiser.zero_grad()
        return float(loss.detach())

    def loss(self, rows: np.ndarray) -> torch.Tensor:
        """The mean loss of a batch."""
        inputs = {name: value.to(self.where) for name, value in self.examples.feed.lesson(rows).items()}
        extra = torch.from_numpy(self.examples.extra[rows]).to(self.where)
        targets = torch.from_numpy(self.examples.targets[rows]).to(self.where)
        with self.precision():
            logits = self.network(inputs, extra)
        return self._loss.mean(logits.float(), targets, self._task, self._weights)

    def precision(self) -> torch.autocast:
        """The context a forward pass runs in: bfloat16 where the processor has it."""
        return torch.autocast(self.where.type, dtype=torch.bfloat16, enabled=native_precision() is torch.bfloat16)


def logits_of(network: Network, examples: Examples, rows: np.ndarray) -> np.ndarray:
    """Logits of rows in eval mode, float32, shape (rows, outputs), in the order of ``rows``."""

    def logits(inputs: dict[str, torch.Tensor], batch: np.ndarray) -> torch.Tensor:
        made: torch.Tensor = network(inputs, torch.from_numpy(examples.extra[batch]).to(device()))
        return made

    return _read(network, examples.feed, rows, network.head.out_features, logits)


def vectors_of(network: Network, feed: Feed, rows: np.ndarray) -> np.ndarray:
    """Pooled vectors of rows in eval mode, float32, shape (rows, dimension), in the order of ``rows``."""
    return _read(network, feed, rows, network.dimension, lambda inputs, batch: network.vectors(inputs))


def _read(
    network: Network,
    feed: Feed,
    rows: np.ndarray,
    width: int,
    forward: Callable[[dict[str, torch.Tensor], np.ndarray], torch.Tensor],
) -> np.ndarray:
    where = device()
    network.eval()
    found = np.zeros((len(rows), width), np.float32)
    with torch.inference_mode():
        for places, count in reading_batches(feed.lengths[rows], np.arange(len(rows))):
            batch = rows[places]
            inputs = {name: value.to(where) for name, value in feed.batch(batch).items()}
            with torch.autocast(where.type, dtype=torch.bfloat16, enabled=native_precision() is torch.bfloat16):
                made = forward(inputs, batch)
            found[places[:count]] = made[:count].float().cpu().numpy()
    return found


def held_loss(
    network: Network,
    examples: Examples,
    rows: np.ndarray,
    task: Task,
    weights: np.ndarray,
    loss: Loss | None = None,
) -> float:
    """The judged loss of held-in rows."""
    if not len(rows):
        return math.inf
    return judged_loss(logits_of(network, examples, rows), examples.targets[rows], task, weights, loss)


def judged_loss(
    logits: np.ndarray, targets: np.ndarray, task: Task, weights: np.ndarray, loss: Loss | None = None
) -> float:
    """The mean of ``judged_losses``.

    >>> sure, unsure = np.array([[9.0, 0], [0, 9]], np.float32), np.array([[9.0, 0], [1, 2]], np.float32)
    >>> truth, even = np.array([0, 1]), np.ones(2, np.float32)
    >>> [round(judged_loss(logits, truth, Task.BINARY, even), 2) for logits in (sure, sure / 9, unsure)]
    [0.45, 0.45, 0.54]
    """
    return float(judged_losses(logits, targets, task, weights, loss).mean())


def judged_losses(
    logits: np.ndarray, targets: np.ndarray, task: Task, weights: np.ndarray, loss: Loss | None = None
) -> np.ndarray:
    """The loss of each row that nothing was learnt from, at the temperature that suits all best; shape (rows,).

    Probabilities are calibrated later in any case, so confidence alone must decide nothing here. One row more whose
    truth is anybody's guess is counted in, shared out over the rows: otherwise two models that order a dozen rows
    rightly both come to a loss of zero, and nothing is left to tell them apart. logits: (rows, outputs). targets,
    weights: as a loss takes them. loss: of numbers, which are judged by it; the usual one when None.
    """
    values, truth, weight = torch.from_numpy(logits), torch.from_numpy(targets), torch.from_numpy(weights)
    if task is Task.REGRESSION:
        return (loss or loss_named("auto", task)).cells(values, truth, task, weight).numpy()
    unknown = 1 / (len(targets) + 1)
    if task is Task.MULTILABEL:
        truth = truth * (1 - unknown) + unknown / 2
        each = [
            functional.binary_cross_entropy_with_logits(values * factor, truth, pos_weight=weight, reduction="none")
            for factor in _FACTORS
        ]
        return min((one.mean(1) for one in each), key=lambda one: float(one.mean())).numpy()
    share = weight[truth]
    losses = []
    for factor in _FACTORS:
        surprise = -torch.log_softmax(values * factor, 1)
        own = surprise[torch.arange(len(truth)), truth]
        losses.append((own * (1 - unknown) + surprise.mean(1) * unknown) * share)
    return min(losses, key=lambda one: float(one.mean())).numpy()


class _Best:
    """The best state so far: copies of what may change, and nothing else."""

    def __init__(self, network: Network) -> None:
        names = moving_buffers(network.body)
        moving = [value for name, value in network.body.named_buffers() if name in names]
        # Listed once: a stepper may take a gradient away from some of them for a while.
        self._changing = [*(value for value in network.parameters() if value.requires_grad), *moving]
        self._loss = math.inf
        self._state: list[torch.Tensor] = []
        self.step = 0

    def offer(self, step: int, loss: float) -> bool:
        if self._state and not loss < self._loss:
            return False
        self._loss, self.step = loss, step
        self._state = [parameter.detach().clone() for parameter in self._changing]
        return True

    def restore(self) -> None:
        with torch.no_grad():
            for parameter, value in zip(self._changing, self._state, strict=True):
                parameter.copy_(value)
