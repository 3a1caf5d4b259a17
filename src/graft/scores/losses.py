"""The losses a network is trained by, one record each.

Decisions:
- A loss is for what learns step by step. Heads that are solved, alone or as the start of tuning, keep the convex
  problem their solver can prove (cross-entropy, squared error); whoever asks for another loss is told so, candidate by
  candidate (``untouched``). What only weighs the rows, as costs do, they honour.
- Rows that nothing was learnt from are judged by log-loss at the best temperature whatever the loss was, because
  probabilities are calibrated before anything is decided; numbers are judged by the loss itself.
- Nothing here imports torch before it is used: the command line reads the records for its help.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graft.core.errors import InputError
from graft.core.tasks import LABELS, VALUES, Task
from graft.scores.strategy import Strategy

if TYPE_CHECKING:
    import torch

    from graft.decisions.costs import CostTable

GAMMA = 2.0  # of focal, as its authors found best
DELTA = 1.0  # of Huber, in standard deviations of the target


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One way to punish what a network says.

    name: how it is asked for. meaning: one line. tasks: what it can train. cells: logits (rows, outputs), targets,
    task and class weights (outputs,) to the loss of every row (rows,), or of every label of it (rows, labels); their
    mean is what is lowered. by_costs: class weights from the cost table, for which there has to be one; solved heads
    honour such weights. default_for: tasks that use it when nobody asks for another.
    """

    name: str
    meaning: str
    tasks: tuple[Task, ...]
    cells: "Callable[[torch.Tensor, torch.Tensor, Task, torch.Tensor], torch.Tensor]" = field(repr=False)
    by_costs: "Callable[[CostTable, Task], tuple[float, ...]] | None" = field(default=None, repr=False)
    default_for: tuple[Task, ...] = ()

    def mean(
        self, logits: "torch.Tensor", targets: "torch.Tensor", task: Task, weights: "torch.Tensor"
    ) -> "torch.Tensor":
        """The mean loss of a batch; arguments as of ``cells``."""
        return self.cells(logits, targets, task, weights).mean()

    def untouched(self, strategy: Strategy) -> str:
        """Why a strategy does not learn by this loss, in words; empty when it does, or when it is the usual one.

        >>> from graft.scores.strategies import FROZEN, FULL
        >>> loss_named("focal").untouched(FULL)
        ''
        >>> loss_named("focal").untouched(FROZEN)
        'the loss focal does not apply: its head is solved, by the usual loss'
        """
        if self.default_for or self.by_costs is not None or (strategy.trains_backbone and strategy.lesson is None):
            return ""
        if strategy.trains_backbone:
            return f"the loss {self.name} does not apply: it learns by a loss of its own, and its head is solved"
        if not strategy.reads_source and strategy.constant:
            return ""
        return f"the loss {self.name} does not apply: its head is solved, by the usual loss"


def cross_entropy(
    logits: "torch.Tensor", targets: "torch.Tensor", task: Task, weights: "torch.Tensor"
) -> "torch.Tensor":
    """Weighted surprise by the truth, in nats: of a class (rows,), or of every label (rows, labels)."""
    from torch.nn import functional

    if task is Task.MULTILABEL:
        return functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction="none")
    return functional.cross_entropy(logits, targets, reduction="none") * weights[targets]


def squared_error(
    logits: "torch.Tensor", targets: "torch.Tensor", task: Task, weights: "torch.Tensor"
) -> "torch.Tensor":
    """Half the squared error of a standardised number, (rows,)."""
    return 0.5 * (logits[:, 0] - targets).square()


def focal(logits: "torch.Tensor", targets: "torch.Tensor", task: Task, weights: "torch.Tensor") -> "torch.Tensor":
    """Cross-entropy times ``(1 - p)^2``, p being the probability of the truth: what is clear counts for little.

    Lin et al. (2017), Focal loss for dense object detection, arXiv 1708.02002, equation 5; over a softmax for classes.
    """
    import torch
    from torch.nn import functional

    if task is Task.MULTILABEL:
        plain = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        return plain * (1 - torch.exp(-plain)) ** GAMMA * (1 + (weights - 1) * targets)
    plain = functional.cross_entropy(logits, targets, reduction="none")
    return plain * (1 - torch.exp(-plain)) ** GAMMA * weights[targets]


def huber(logits: "torch.Tensor", targets: "torch.Tensor", task: Task, weights: "torch.Tensor") -> "torch.Tensor":
    """Half the squared error up to one standard deviation of the target, and linear beyond it, (rows,).

    Huber (1964), Robust estimation of a location parameter.
    """
    from torch.nn import functional

    return functional.huber_loss(logits[:, 0], targets, reduction="none", delta=DELTA)


def weights_of_costs(table: "CostTable", task: Task) -> tuple[float, ...]:
    """How much a class counts: the sum of what its errors cost, the mean over classes being one.

    Of labels, how much a miss counts against a false alarm. A class whose errors cost nothing is not learnt, so at
    least one has to cost something. Raises InputError where none does, or where false alarms of a label are free.

    >>> from graft.decisions.costs import CostTable
    >>> table = CostTable(unit="EUR", labels=("ham", "phishing"), cost=((0, 1), (9, 0)))
    >>> weights_of_costs(table, Task.BINARY)
    (0.2, 1.8)

    Breiman et al. (1984), Classification and regression trees, section 4.4; Elkan (2001) for two classes.
    """
    costs = table.matrix
    if task is Task.MULTILABEL:
        missed, alarmed = costs[1:, 0], costs[0, 1:]
        if not alarmed.all() or not missed.all():
            raise InputError(
                "a cost table with labels whose errors cost nothing",
                needed="a cost of missing a label and of its false alarm",
                fix="complete the cost table, or use another loss",
            )
        return tuple(float(one) for one in missed / alarmed)
    sums = costs.sum(axis=1) - costs.diagonal()
    if not sums.all():
        raise InputError(
            f"errors of {table.labels[int(sums.argmin())]!r} cost nothing",
            needed="a cost for some error of every class",
            fix="complete the cost table, or use another loss",
        )
    return tuple(float(one) for one in sums / sums.mean())


LOSSES = (
    Loss(
        name="cross-entropy",
        meaning="surprise by the truth, in nats",
        tasks=LABELS,
        cells=cross_entropy,
        default_for=LABELS,
    ),
    Loss(name="focal", meaning="cross-entropy that lets clear rows count for little", tasks=LABELS, cells=focal),
    Loss(
        name="cost-weighted",
        meaning="cross-entropy in which a class counts as much as its errors cost",
        tasks=LABELS,
        cells=cross_entropy,
        by_costs=weights_of_costs,
    ),
    Loss(
        name="squared-error",
        meaning="half the squared error",
        tasks=VALUES,
        cells=squared_error,
        default_for=VALUES,
    ),
    Loss(name="huber", meaning="squared error that lets far rows count for less", tasks=VALUES, cells=huber),
)


def loss_named(name: str, task: Task | None = None) -> Loss:
    """The record of a loss; ``auto`` is the task's own. InputError when there is none, or none for the task.

    >>> loss_named("auto", Task.REGRESSION).name
    'squared-error'
    """
    found = next((one for one in LOSSES if one.name == name or (name == "auto" and task in one.default_for)), None)
    fitting = ", ".join(one.name for one in LOSSES if task is None or task in one.tasks)
    if found is None:
        close = difflib.get_close_matches(name, [one.name for one in LOSSES], n=1)
        fix = f"did you mean {close[0]!r}?" if close else "leave it out to use the usual one of the task"
        raise InputError(f"the loss {name!r}", needed=f"auto, or one of {fitting}", fix=fix)
    if task is not None and task not in found.tasks:
        raise InputError(
            f"the loss {name!r} for {task} targets", needed=f"auto, or one of {fitting}", fix="choose one of these"
        )
    return found
