"""Teaching a network of rows a label from random weights, until rows that only say when to stop get no better.

Decisions: AdamW on large batches, warm-up, then a rate that falls along a cosine; the state with the lowest loss on
those rows is kept. Several passes without a better one end it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from graft.core.progress import SILENT, Progress
from graft.core.seeds import derive, generator
from graft.core.tasks import Task
from graft.evidence.training_curve import CurvePoint
from graft.representations.backbone import device
from graft.representations.row_columns import RowColumns
from graft.representations.row_source import RowInput, RowShape, row_input
from graft.representations.torch_process import torch_stream
from graft.representations.towers.row_resnet import RowResnet, drawn_row_resnet
from graft.rows.content import Cells
from graft.scores.losses import loss_named

RATE, BATCH = 1e-3, 256
_DECAY, _WARM, _PATIENCE, _MEASURED_EVERY = 0.02, 0.05, 8, 1
_FEWEST_STEPS = 300


@dataclass(frozen=True, eq=False)
class TaughtRows:
    """A network with its head, in its best state. curve: with losses of the rows that say when to stop."""

    body: RowResnet
    head: nn.Linear
    columns: RowColumns
    curve: tuple[CurvePoint, ...]
    steps: int
    best_step: int
    batch: int

    def logits(self, rows: Sequence[Cells]) -> np.ndarray:
        """Raw scores, float32 (rows, outputs)."""
        return _said(self.body, self.head, row_input(self.columns, rows))


def teach_rows(
    rows: Sequence[Cells],
    targets: np.ndarray,
    *,
    columns: RowColumns,
    shape: RowShape,
    task: Task,
    outputs: int,
    learnt: np.ndarray,
    stopping: np.ndarray,
    passes: int,
    seed: int,
    progress: Progress = SILENT,
) -> TaughtRows:
    """Teach a network of random weights.

    targets: as a head sees them. learnt, stopping: positions to learn from, and those that say when to stop. passes: at
    most so many over the rows.
    """
    given, batch = row_input(columns, rows), max(8, min(BATCH, len(learnt) // 8))
    with torch_stream():
        torch.manual_seed(derive(seed, "dropout") % (1 << 31))
        body = drawn_row_resnet(columns, shape, derive(seed, "body") % (1 << 31)).to(device())
        head = nn.Linear(shape.width, outputs).to(device())
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        return _followed(body, head, columns, given, targets, task, learnt, stopping, passes, batch, seed, progress)


def _followed(
    body: RowResnet,
    head: nn.Linear,
    columns: RowColumns,
    given: RowInput,
    targets: np.ndarray,
    task: Task,
    learnt: np.ndarray,
    stopping: np.ndarray,
    passes: int,
    batch: int,
    seed: int,
    progress: Progress,
) -> TaughtRows:
    a_pass = max(1, len(learnt) // batch)
    total = max(_FEWEST_STEPS, passes * a_pass)
    rng, loss = generator(seed, "batches"), loss_named("auto", task)
    even, where = torch.ones(head.out_features, device=device()), device()
    parameters = [*body.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=RATE, weight_decay=_DECAY, fused=True)
    truth = torch.from_numpy(targets)

    def held() -> float:
        said = torch.from_numpy(_said(body, head, _some(given, stopping)))
        return float(loss.mean(said, truth[stopping], task, torch.ones(head.out_features)))

    curve, best, kept = [CurvePoint(0, math.nan, held())], math.inf, _copied(body, head)
    step = best_step = stale = 0
    with progress.stage("pretraining", total, "steps") as stage:
        while step < total and stale < _PATIENCE:
            body.train()
            losses = []
            order = rng.permutation(learnt)
            for start in range(0, len(order) - batch + 1, batch):
                places = order[start : start + batch]
                for group in optimiser.param_groups:
                    group["lr"] = RATE * _factor(step / total)
                numbers, codes = (torch.from_numpy(part[places]).to(where) for part in (given.numbers, given.codes))
                value = loss.mean(head(body(numbers, codes)), truth[places].to(where), task, even)
                optimiser.zero_grad()
                value.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(parameters, 1.0)
                optimiser.step()
                losses.append(float(value.detach()))
                step += 1
            stage.advance(a_pass)
            now = held()
            curve.append(CurvePoint(step, float(np.mean(losses)), now))
            stale = 0 if now < best else stale + 1
            if now < best:
                best, best_step, kept = now, step, _copied(body, head)
    for module, state in zip((body, head), kept, strict=True):
        module.load_state_dict(state)
    return TaughtRows(body.eval(), head, columns, tuple(curve), step, best_step, batch)


def _factor(gone: float) -> float:
    if gone < _WARM:
        return (gone + 1e-3) / _WARM
    return 0.5 * (1 + math.cos(math.pi * min(1.0, gone)))


def _copied(body: nn.Module, head: nn.Module) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    first, second = ({name: value.detach().clone() for name, value in one.state_dict().items()} for one in (body, head))
    return first, second


def _some(given: RowInput, rows: np.ndarray) -> RowInput:
    return RowInput(given.numbers[rows], given.codes[rows])


def _said(body: RowResnet, head: nn.Linear, given: RowInput) -> np.ndarray:
    body.eval()
    where = device()
    with torch.inference_mode():
        parts = [
            head(
                body(
                    torch.from_numpy(given.numbers[at : at + 4096]).to(where),
                    torch.from_numpy(given.codes[at : at + 4096]).to(where),
                )
            )
            for at in range(0, len(given.numbers), 4096)
        ]
    return np.concatenate([part.float().cpu().numpy() for part in parts])
