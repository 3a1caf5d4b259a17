"""What a strategy is: which parameters may change, and everything anybody asks about that.

Decisions: one frozen record holds the words, the rates, the costs and the hooks, so that planning, training, judging,
reporting and lineage ask the record and none of them knows a strategy by its name; nothing here imports torch, because
the command line and the report read the records too: hooks import what they need when they run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

from graft.core.errors import InputError
from graft.core.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    import torch

    from graft.evidence.training_curve import TrainingLog


class Trains(StrEnum):
    """What learns: shares of classes alone, a model without a network, a head on fixed vectors, or a network."""

    SHARES = "shares"
    TERMS = "terms"
    HEAD = "head"
    NETWORK = "network"


@dataclass(frozen=True)
class Rates:
    """Learning rates of one configuration: of the highest layer, of the head, and how strong a penalty is."""

    rate: float
    head_rate: float
    strength: float = 0.0

    def __str__(self) -> str:
        """As a person reads it."""
        return f"rate {self.rate:g}" + (f", penalty {self.strength:g}" if self.strength else "")


class Penalty(Protocol):
    """What holds a body back while it is trained."""

    def value(self) -> "torch.Tensor":
        """The penalty now, a number in the unit of the loss."""
        ...

    def pull(self, groups: list[dict[str, Any]]) -> None:
        """Follow the penalty after a step of the optimiser, group by group at its rate (``params``, ``lr``)."""
        ...


@dataclass(frozen=True)
class _KindWords:
    """pieces: what can be left out of a kind of content. no_network: what is read of it without a network."""

    kind: str
    pieces: str
    no_network: str


_KIND_WORDS = (
    _KindWords("text", "words", "word counts and a linear model"),
    _KindWords("image", "patches of a picture", "edges, colours and textures, and a linear model"),
    _KindWords("audio", "stretches of a recording", "how strong which pitches are, and a linear model"),
    _KindWords("row", "columns", "boosted trees or a linear model"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Strategy:
    """A strategy; two are the same when name and layers are.

    name: as it is asked for. layers: how many upper layers may change, of one that is asked for by number; 0 means
    that the name says it all. numbered: whether a number of layers follows the name: ``never``, ``may`` or ``must``.
    trains: what learns. control: it transfers nothing.

    Words. meaning: one line on what it does. done: what was done to the source, for documents. explained: how a
    prediction can be explained. why: the plan's reason to run it. ``{part}`` in them is what may change ("all weights",
    "the last 2 layers"), ``{pieces}`` what can be left out of such rows, ``{no_network}`` what is read of them without
    a network.

    When it is chosen by itself. efforts: at each effort, the numbers of layers that are tried (0 where it has none);
    empty when a person has to ask. cautious: not where labels are few. tasks: what it can learn, and ``untaught`` why
    nothing else. suits: asked with targets and task, why these rows do not suit it, or "".

    Training of a network. rates: one a configuration. pretrained: it starts from the source's weights and a solved
    head; otherwise from random ones. decays: deeper layers learn more slowly. weight_decay, head_decay: of AdamW, on
    the body's matrices and the head's. adapt: gives the body what it needs, from a seed; merge: takes it away again.
    penalty: made of the body and a strength before the first step. lesson: follows a ``training.Lesson`` instead of the
    usual loop.

    Cost. own_pace: its step is measured, not derived from that of a whole network. used: of its budget, what a
    configuration uses before it stops, and what the repeat on all rows uses. measures_all: its head is solved anew on
    all rows whenever it is measured. constant: with few labels it often says the same of every row.

    lineage: what a model made so is to its source, as governance names it; empty when nothing of the source is in it.
    """

    name: str
    trains: Trains
    meaning: str
    done: str
    why: str
    layers: int = 0
    numbered: Literal["never", "may", "must"] = "never"
    control: bool = False
    explained: str = "what is left out ({pieces}), and the nearest training rows"
    efforts: tuple[tuple[str, tuple[int, ...]], ...] = ()
    cautious: bool = False
    tasks: tuple[Task, ...] = tuple(Task)
    untaught: str = ""
    suits: "Callable[[np.ndarray, Task], str] | None" = None
    rates: tuple[Rates, ...] = ()
    pretrained: bool = True
    decays: bool = True
    weight_decay: float = 0.01
    head_decay: float = 0.0
    adapt: Callable[[Any, int], Any] | None = None
    merge: Callable[[Any], Any] | None = None
    penalty: Callable[[Any, float], Penalty] | None = None
    lesson: "Callable[[Any], TrainingLog] | None" = None
    own_pace: bool = False
    used: tuple[float, float] = (0.9, 0.9)
    measures_all: bool = False
    constant: bool = False
    lineage: Literal["", "adapter", "fine-tuned"] = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Strategy) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        """The strategy as a person writes it."""
        return f"{self.name}:{self.layers}" if self.layers else self.name

    @property
    def trains_backbone(self) -> bool:
        """Whether a backbone's weights change."""
        return self.trains is Trains.NETWORK

    @property
    def tunes(self) -> bool:
        """Whether pretrained weights change."""
        return self.trains_backbone and not self.control

    @property
    def reads_source(self) -> bool:
        """Whether it needs a source."""
        return self.trains in (Trains.HEAD, Trains.NETWORK)

    @property
    def notations(self) -> tuple[str, ...]:
        """How it can be written: ``partial:K``, or ``contrastive`` and ``contrastive:K``."""
        return ((self.name,) if self.numbered != "must" else ()) + (
            (f"{self.name}:K",) if self.numbered != "never" else ()
        )

    def of(self, layers: int) -> "Strategy":
        """The same with so many upper layers; 0 for all that the name says."""
        return replace(self, layers=layers)

    def tried_at(self, effort: str) -> tuple["Strategy", ...]:
        """What is tried of it, without being asked for, at an effort."""
        return tuple(self.of(layers) for name, tried in self.efforts if name == effort for layers in tried)

    def words(self, text: str, kinds: Sequence[str] = ()) -> str:
        """One of its texts with what may change filled in, and what there is of these kinds of content."""
        last = "the last layer" if self.layers == 1 else f"the last {self.layers} layers"
        read = [one for one in _KIND_WORDS if one.kind in kinds]
        return text.format(
            part=last if self.layers else "all weights",
            pieces=", ".join(one.pieces for one in read),
            no_network="; ".join(one.no_network for one in read),
        )

    def passes(self, layers: float, trained: float) -> float:
        """What a step costs, in parameter passes a row.

        layers: parameters of all layers of the source. trained: those that change. Forward and back through what is
        trained is three passes; what is added to layers that stay takes the gradient through them as well; below upper
        layers nothing runs, because it is read from the cache.
        """
        if not self.trains_backbone:
            return 0.0
        if self.layers:
            return 3 * trained
        return 2 * layers + 3 * trained if self.adapt is not None else 3 * layers

    def require_task(self, task: Task) -> None:
        """Raise InputError for a task it cannot learn."""
        if task not in self.tasks:
            raise InputError(
                f"the strategy {self.name} for {task} targets",
                needed=f"{', '.join(self.tasks)}: {self.untaught}",
                fix="use another strategy for these targets",
            )
