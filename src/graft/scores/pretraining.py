"""Teaching a small network a label from random weights, whatever kind of content it reads: a source is made so.

Decisions: one procedure for all kinds, and it is the loop that everything else is trained by: what differs is the form
of the network, one record each. The budget is passes over the rows, and rows that only say when to stop end it: the
state with the lowest loss on them is kept, and eight measurements without a better one are enough. The head learns on
vectors as they are, not on those of unit length that strategies see, and stays in the weights with its labels. Small
pictures are shown in four positions, and each class in each position is told apart from the others: a network that
only has to tell five classes apart learns little that others need. Measured with ten rows of each of five other
classes, a frozen source so made scores .96 on written digits where one without scores .74.

Lee, Hwang & Shin (2020), Self-supervised Label Augmentation via Input Transformations, for the positions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from graft.core.errors import InputError
from graft.core.files import whole_file, write_json
from graft.core.progress import SILENT, Progress
from graft.core.seeds import derive
from graft.core.tasks import Task
from graft.evidence.training_curve import TrainingLog
from graft.representations.image_directory import drawn_image_source, state_reading
from graft.representations.image_reading import ImageReading, squares
from graft.representations.row_columns import cell_table, fit_row_columns
from graft.representations.row_source import DRAWN as ROW_RESNET
from graft.representations.row_source import RowShape, drawn_row_source
from graft.representations.source import Source
from graft.representations.source_head import state_head
from graft.representations.sources import read_directory
from graft.representations.spectrogram_source import SpectrogramShape, drawn_spectrogram_source
from graft.representations.torch_process import torch_stream
from graft.representations.towers.cifar_resnet import WIDTH
from graft.representations.towers.tower import LEARNT
from graft.rows.content import AUDIO, IMAGE, ROW
from graft.scores.bodies import trainable
from graft.scores.freezing import parameter_groups
from graft.scores.image_bodies import TURNS, TurnedFeed
from graft.scores.network import Network, use_byte_dropout
from graft.scores.output import output_of
from graft.scores.training import Examples, Lesson, Schedule, logits_of, train
from graft.scores.workbench import Workbench

PATIENCE, LEAST_STEPS, SIDES = 8, 300, (16, 128)
_BLOCKS, _LOOKED = 2, 2_000
_GRID = 2


@dataclass(frozen=True)
class Teaching:
    """How a network is taught. passes: over the rows, at most; steps: at most, 0 for as many as the passes take. side:
    of the pictures it reads, in pixels. seed: of everything random."""

    passes: int = 60
    steps: int = 0
    side: int = 32
    seed: int = 0


@dataclass(frozen=True)
class Form:
    """A network that can be pretrained.

    name: as it is asked for. kind: of content it reads. meaning: in words. rate: of its weights; the head learns at
    twice that. batch: rows of a step at most. drawn: its source with drawn weights, for rows to learn from and so many
    outputs, its configuration written into a folder. head: the name of the head's tensors in its weights. turned:
    whether rows are shown in four positions, which are told apart.
    """

    name: str
    kind: str
    meaning: str
    rate: float
    batch: int
    drawn: Callable[[Workbench, np.ndarray, int, Teaching, Path], Source]
    head: str = "head"
    turned: bool = False


@dataclass(frozen=True, eq=False)
class Taught:
    """A network in its best state. log: with losses of the rows that say when to stop. batch: rows of a step."""

    form: Form
    network: Network
    examples: Examples
    source: Source
    log: TrainingLog
    batch: int

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores of rows of the workbench, float32 (rows, outputs)."""
        return logits_of(self.network, self.examples, rows)

    @property
    def parameters(self) -> int:
        """Numbers of the body."""
        return sum(value.numel() for value in self.network.body.parameters())


def form_named(name: str, kind: str) -> Form:
    """The form of a name, the usual one of the kind for an empty one. Raises InputError for one that does not fit."""
    fitting = [one for one in FORMS if one.kind == kind]
    for one in fitting:
        if name in ("", one.name):
            return one
    known = next((one for one in FORMS if one.name == name), None)
    given = f"the architecture {name}, which reads {known.kind}, and the rows are {kind}" if known else f"{name!r}"
    if not fitting:
        raise InputError(
            f"pretraining on rows of {kind}",
            needed="pictures, recordings, or columns of numbers and categories",
            fix="a source of texts is adapted instead: graft sources adapt",
        )
    raise InputError(given, needed=", ".join(one.name for one in fitting), fix="leave --arch out for the usual one")


def teach(
    bench: Workbench,
    form: Form,
    learnt: np.ndarray,
    stopping: np.ndarray,
    *,
    teaching: Teaching,
    place: Path,
    progress: Progress = SILENT,
) -> Taught:
    """Teach a network of random weights the targets of rows.

    learnt, stopping: positions to learn from, and those that say when to stop. place: where its configuration is
    written. Raises InputError when the loss of the latter never fell.
    """
    source = form.drawn(bench, learnt, bench.outputs, teaching, place)
    batch = int(np.clip(len(learnt) // 8, 8, form.batch))
    a_pass = max(1, len(learnt) // batch)
    steps = teaching.steps or max(LEAST_STEPS, teaching.passes * a_pass)
    schedule = Schedule(
        steps=steps, batch=batch, rate=form.rate, head_rate=2 * form.rate, decay=1.0, weight_decay=0.02, warmup=0.05,
        patience=PATIENCE,
    )  # fmt: skip
    with progress.stage("pretraining", steps, "steps") as stage, torch_stream():
        network, examples = _network(bench, replace(source, normalise=False), learnt, teaching.seed)
        turned = form.turned and bench.task in (Task.MULTICLASS, Task.BINARY)
        shown = _turned(network, examples, bench.outputs) if turned else examples
        sides = (learnt, stopping)
        if turned:
            sides = (_with_turns(learnt, len(examples.targets)), _with_turns(stopping, len(examples.targets)))
        log = train(_lesson(bench, network, shown, sides, schedule, teaching.seed, stage.advance))
        if turned:
            network.head = _upright(network.head, bench.outputs)
    if not log.best_step:
        raise InputError(
            f"nothing was learnt: the loss of the {len(stopping):,} rows that say when to stop never fell below "
            f"where it began ({log.curve[0].held:.3f})" + (f"; {log.diverged}" if log.diverged else ""),
            needed="labels that what the rows say tells something about",
            fix="check the labels, give more rows, or more --passes",
        )
    return Taught(form, network, examples, source, log, batch)


def write_taught(taught: Taught, place: Path, labels: tuple[str, ...], reference: str) -> Source:
    """Write the weights beside the configuration, and read both back. labels: of the head; none where it has none."""
    body = trainable(taught.source).state(taught.network.body)
    state = {name: value.detach().cpu().contiguous() for name, value in body.items()}
    for name, value in taught.network.head.named_parameters():
        state[f"{taught.form.head}.{name}"] = value.detach().cpu().contiguous()
    with whole_file(place / "model.safetensors") as temporary:
        save_file(state, temporary, metadata={"format": "pt"})
    state_head(place, labels)
    return read_directory(place, reference=reference)


def _network(bench: Workbench, source: Source, learnt: np.ndarray, seed: int) -> tuple[Network, Examples]:
    kind = trainable(source)
    body = kind.load(source)
    feed, _ = kind.fed(bench, source, body, learnt, derive(seed, "changed"))
    network = Network(body, source, bench.outputs, 0, pooled=kind.pooled)
    nn.init.zeros_(network.head.weight)
    nn.init.zeros_(network.head.bias)
    use_byte_dropout(network, derive(seed, "dropout"))
    targets = output_of(bench.task, bench.targets[learnt]).standardise(bench.targets)
    return network, Examples(feed, np.zeros((len(targets), 0), np.float32), targets)


def _turned(network: Network, examples: Examples, outputs: int) -> Examples:
    """Each picture turned by each quarter is a class of its own: class c turned t times is c + outputs · t."""
    network.head = _linear(network.head.in_features, outputs * TURNS)
    turns = np.repeat(np.arange(TURNS), len(examples.targets))
    targets = np.tile(examples.targets, TURNS) + outputs * turns
    return Examples(TurnedFeed(examples.feed), np.zeros((len(targets), 0), np.float32), targets)


def _with_turns(rows: np.ndarray, count: int) -> np.ndarray:
    """The rows of ``TurnedFeed`` that show these pictures in every way."""
    return np.concatenate([rows + count * turn for turn in range(TURNS)])


def _upright(head: nn.Linear, outputs: int) -> nn.Linear:
    """The part of a head that tells pictures as they are."""
    kept = _linear(head.in_features, outputs)
    with torch.no_grad():
        kept.weight.copy_(head.weight[:outputs])
        kept.bias.copy_(head.bias[:outputs])
    return kept


def _linear(width: int, outputs: int) -> nn.Linear:
    head = nn.Linear(width, outputs)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head


def _lesson(
    bench: Workbench,
    network: Network,
    examples: Examples,
    sides: tuple[np.ndarray, np.ndarray],
    schedule: Schedule,
    seed: int,
    on_step: Callable[[int], None],
) -> Lesson:
    groups = parameter_groups(
        network.body,
        network.head,
        ("",),
        rate=schedule.rate,
        head_rate=schedule.head_rate,
        decay=schedule.decay,
        weight_decay=schedule.weight_decay,
    )
    return Lesson(
        network,
        groups,
        examples,
        train_rows=sides[0],
        held_rows=sides[1],
        task=bench.task,
        weights=np.ones(network.head.out_features, np.float32),
        schedule=schedule,
        seed=derive(seed, "steps") % (1 << 31),
        on_step=on_step,
    )


def _drawn_pictures(bench: Workbench, learnt: np.ndarray, outputs: int, teaching: Teaching, place: Path) -> Source:
    write_json(
        place / "config.json",
        {"model_type": "cifar-resnet", "blocks": _BLOCKS, "classes": outputs, "statistics": LEARNT, "grid": _GRID},
    )
    plain = ImageReading(teaching.side, 0, (0.0,) * 3, (1.0,) * 3)
    some = learnt[:: -(-len(learnt) // _LOOKED)]
    seen = squares([bench.contents[row] for row in some.tolist()], plain).reshape(-1, 3) / 255
    mean, spread = (tuple(round(float(one), 4) for one in part) for part in (seen.mean(0), seen.std(0)))
    state_reading(place, replace(plain, mean=mean, std=tuple(max(one, 0.01) for one in spread)))
    shapes, seed = {"linear.weight": (outputs, WIDTH * _GRID**2)}, derive(teaching.seed, "body") % (1 << 31)
    return drawn_image_source(place, "resnet-small", shapes=shapes, seed=seed)


def _drawn_sounds(bench: Workbench, learnt: np.ndarray, outputs: int, teaching: Teaching, place: Path) -> Source:
    shape = SpectrogramShape(outputs=outputs)
    return drawn_spectrogram_source(shape, place, seed=derive(teaching.seed, "body") % (1 << 31))


def _drawn_rows(bench: Workbench, learnt: np.ndarray, outputs: int, teaching: Teaching, place: Path) -> Source:
    roles = bench.rows.contract.roles
    cells = cell_table([bench.contents[row] for row in learnt.tolist()], roles.numeric, roles.categorical)
    columns = fit_row_columns(cells, roles.numeric, roles.categorical)
    return drawn_row_source(columns, place, RowShape(outputs=outputs), seed=derive(teaching.seed, "body") % (1 << 31))


FORMS: tuple[Form, ...] = (
    Form(
        "resnet-small",
        IMAGE.name,
        "14 layers over small pictures",
        2e-3,
        64,
        _drawn_pictures,
        head="linear",
        turned=True,
    ),
    Form("spectrogram-small", AUDIO.name, "8 layers over log-mel frames at 16 kHz", 1e-3, 32, _drawn_sounds),
    Form(ROW_RESNET, ROW.name, "3 residual blocks over numbers and categories", 1e-3, 256, _drawn_rows),
)
