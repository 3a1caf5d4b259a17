"""Adapting a source: its body learns from contents without labels until the loss of contents kept apart stops falling.

Decisions: what stands beside the body (a decoder, a head) begins at random, so it learns alone first, for a fifth of
the steps, while the body stays; then both learn, the body slowly. The contents that are kept apart are hidden the same
way each time, so their loss changes with the model alone. The rate is constant after its warm-up, as in the papers, so
what was learnt after some steps does not depend on how many were planned; a limit in minutes stops at whatever step is
reached, and says which. Only embeddings of tokens that occur take part, since no others could change.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from graft.core.errors import Diverged, InputError
from graft.core.progress import SILENT, Progress
from graft.core.seeds import derive, generator
from graft.evidence.training_curve import CurvePoint
from graft.representations.backbone import device, load_encoder, native_precision
from graft.representations.source import Source
from graft.representations.tokens import TokenRows, mask_token, special_ids, special_tokens
from graft.representations.torch_process import torch_stream
from graft.scores.adaptation.method import AdaptationMethod, Material, Objective
from graft.scores.feed import training_batches
from graft.scores.network import restore_vocabulary, shrink_vocabulary, use_byte_dropout

_ALONE = 5
_MEASURED = 20
_CLIP = 1.0


@dataclass(frozen=True)
class Course:
    """How long and how fast. steps: at most, those of the head alone included. minutes: at most. rate: of the body.
    patience: measurements without a lower loss of what is kept apart."""

    steps: int = 1000
    minutes: float = 20.0
    batch: int = 16
    rate: float = 3e-5
    head_rate: float = 1e-3
    patience: int = 3


@dataclass(frozen=True, eq=False)
class AdaptedBody:
    """A body in its best state, whole. curve: mean losses a token; its first point is after the head learnt alone.
    alone: steps of the head alone, before the curve. stopped: why it ended."""

    body: Any
    curve: tuple[CurvePoint, ...]
    alone: int
    steps: int
    best_step: int
    seconds: float
    stopped: str


def adapt_body(
    source: Source,
    tokens: TokenRows,
    method: AdaptationMethod,
    *,
    learnt: np.ndarray,
    held: np.ndarray,
    course: Course,
    seed: int,
    progress: Progress = SILENT,
) -> AdaptedBody:
    """The body of a source after it learnt from the rows ``learnt``, judged by the rows ``held``.

    Raises InputError for rows that are too few, Diverged when the loss leaves the numbers at once.
    """
    if len(learnt) < 2 or not len(held):
        raise InputError(
            f"{len(learnt)} rows to learn from and {len(held)} kept apart",
            needed="some twenty different rows; a thousand are a good beginning",
            fix="give more rows; they need no labels",
        )
    with torch_stream():
        torch.manual_seed(derive(seed, "adapt"))
        return _Adapting(source, tokens, method, course, seed).follow(learnt, held, progress)


class _Adapting:
    """A body, what stands beside it, and the steps of both."""

    def __init__(self, source: Source, tokens: TokenRows, method: AdaptationMethod, course: Course, seed: int) -> None:
        self.source, self.course, self.seed = source, course, seed
        self.tokens = tokens
        special, mask = special_tokens(source), mask_token(source)
        self.body = load_encoder(source)
        self._whole = self.body.get_input_embeddings().weight.detach().clone()
        ids = tokens.ids if mask is None else np.append(tokens.ids, mask)
        self._vocabulary = shrink_vocabulary(self.body, ids, special.pad)
        use_byte_dropout(self.body, derive(seed, "dropout"))
        material = Material(source, tokens, self._vocabulary, special.pad, mask, special_ids(source))
        self.objective: Objective = method.make(self.body, material, seed)
        self.body.to(device())
        self.objective.head.to(device())
        self._noise = generator(seed, "noise")

    def follow(self, learnt: np.ndarray, held: np.ndarray, progress: Progress) -> AdaptedBody:
        """All steps; the body is left in its best state."""
        course, began = self.course, time.monotonic()
        alone = max(1, course.steps // _ALONE)
        left = course.steps - alone
        batches, notes = self._batches(learnt), ["the head alone"]

        def over() -> bool:
            return time.monotonic() - began > 60 * course.minutes

        with progress.stage("adapting", course.steps, "steps") as stage:

            def told() -> bool:
                stage.advance(1, notes[-1])
                return over()

            self._steps(batches, alone, self._pace(body=False), told)
            curve = [CurvePoint(0, math.nan, self._held(held))]
            if not math.isfinite(curve[0].held):
                raise Diverged(
                    "the loss left the numbers", needed="a finite loss", fix="check the source: graft source"
                )
            best, best_step, stale, step, stopped = self._state(), 0, 0, 0, ""
            pace, stretch = self._pace(body=True), max(1, left // _MEASURED)
            while step < left and not stopped:
                notes.append(f"held-out loss {curve[-1].held:.3f}")
                losses = self._steps(batches, min(stretch, left - step), pace, told)
                step += len(losses)
                found = self._held(held) if math.isfinite(losses[-1]) else math.nan
                better = found < min(one.held for one in curve)
                curve.append(CurvePoint(step, float(np.mean(losses)), found))
                if better:
                    best, best_step, stale = self._state(), step, 0
                else:
                    stale += 1
                if not math.isfinite(found):
                    stopped = f"the loss left the numbers at step {step}"
                elif stale >= course.patience:
                    stopped = "the loss of what is kept apart stopped falling"
                elif over():
                    stopped = f"{course.minutes:g} minutes were over"
        self._restore(best)
        self.body.to("cpu")
        if self._vocabulary is not None:
            restore_vocabulary(self.body, self._vocabulary, self._whole)
        seconds = time.monotonic() - began
        why = stopped or "all steps were taken"
        return AdaptedBody(self.body.eval(), tuple(curve), alone, alone + step, best_step, seconds, why)

    def _batches(self, learnt: np.ndarray) -> Iterator[np.ndarray]:
        rng = generator(self.seed, "batches")
        while True:
            yield from training_batches(self.tokens.lengths, learnt, self.course.batch, rng)

    def _steps(self, batches: Iterator[np.ndarray], count: int, pace: "_Pace", told: Callable[[], bool]) -> list[float]:
        """Take so many steps; the mean loss a token of each. told: called after each, says whether to stop."""
        self.body.train(pace.body)
        self.objective.head.train()
        losses: list[float] = []
        for _ in range(count):
            with self._precision():
                total, tokens = self.objective.loss(self.body, next(batches), self._noise)
            loss = total / max(1, tokens)
            pace.step(loss)
            losses.append(float(loss.detach()))
            if told() or not math.isfinite(losses[-1]):
                break
        return losses

    def _pace(self, *, body: bool) -> "_Pace":
        """The optimiser of the head alone, or of both."""
        for value in self.body.parameters():
            value.requires_grad_(body)
        course, head = self.course, list(self.objective.head.parameters())
        if not body:
            return _Pace([{"params": head, "lr": course.head_rate}], warm=1, body=False)
        # The head has found its place: it goes on more slowly.
        groups = [
            {"params": head, "lr": course.head_rate / 3},
            {"params": list(self.body.parameters()), "lr": course.rate},
        ]
        return _Pace(groups, warm=max(1, course.steps // 10), body=True)

    def _held(self, held: np.ndarray) -> float:
        """The mean loss a token of rows kept apart, hidden the same way each time."""
        rng = generator(self.seed, "held")
        self.body.eval()
        self.objective.head.eval()
        total, count = 0.0, 0
        order = held[np.argsort(self.tokens.lengths[held], kind="stable")]
        with torch.inference_mode(), self._precision():
            for start in range(0, len(order), self.course.batch):
                loss, tokens = self.objective.loss(self.body, order[start : start + self.course.batch], rng)
                total, count = total + float(loss), count + tokens
        return total / max(1, count)

    def _precision(self) -> torch.autocast:
        return torch.autocast(device().type, dtype=torch.bfloat16, enabled=native_precision() is torch.bfloat16)

    def _state(self) -> list[torch.Tensor]:
        return [value.detach().clone() for value in self.body.parameters()]

    def _restore(self, state: list[torch.Tensor]) -> None:
        with torch.no_grad():
            for value, best in zip(self.body.parameters(), state, strict=True):
                value.copy_(best)


class _Pace:
    """An optimiser whose rates rise over its first steps and then stay. body: whether the body learns too."""

    def __init__(self, groups: list[dict[str, Any]], *, warm: int, body: bool) -> None:
        self.body = body
        self._optimiser = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
        self._trained = [value for group in groups for value in group["params"]]
        self._full = [float(group["lr"]) for group in groups]
        self._warm, self._taken = warm, 0

    def step(self, loss: torch.Tensor) -> None:
        """Learn from a loss."""
        self._taken += 1
        for group, rate in zip(self._optimiser.param_groups, self._full, strict=True):
            group["lr"] = rate * min(1.0, self._taken / self._warm)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._trained, _CLIP, foreach=True)
        self._optimiser.step()
        self._optimiser.zero_grad()
