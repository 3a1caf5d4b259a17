"""Tuned weights averaged with those they began at.

Decisions: the share is chosen by the loss of held-in rows, never by rows that are scored; the weights that are averaged
are those of the last step, because the average is what keeps them from going too far, in place of stopping early; the
share is kept for the repeat on all rows, which holds none in. Ties go to the smaller share: what is nearer to the
source has forgotten less.

Wortsman et al. (2022), Robust fine-tuning of zero-shot models (WiSE-FT), CVPR; the start here is the solved head.
"""

import math
from dataclasses import replace

import numpy as np
import torch

from graft.evidence.training_curve import CurvePoint, TrainingLog
from graft.scores.training import Lesson, train

SHARES = tuple(np.linspace(0.0, 1.0, 11).round(1).tolist())


def learn_averaged(lesson: Lesson) -> TrainingLog:
    """Train the network of a lesson and leave it between where it began and where it came to."""
    values = [value for value in lesson.network.parameters() if value.requires_grad]
    start = [value.detach().clone() for value in values]
    began = lesson.held_loss()
    log = train(replace(lesson, held_rows=np.zeros(0, np.int64)))
    start = [value.to(now.device) for value, now in zip(start, values, strict=True)]
    end = [value.detach().clone() for value in values]

    def go(share: float) -> None:
        with torch.no_grad():
            for value, one, other in zip(values, start, end, strict=True):
                value.copy_(torch.lerp(one, other, share))

    if not len(lesson.held_rows):
        go(lesson.schedule.mixed)
        lesson.settle()
        return replace(log, mixed=lesson.schedule.mixed)
    losses = []
    for share in SHARES:
        go(share)
        losses.append(lesson.held_loss())
    best = min(range(len(SHARES)), key=lambda place: (not math.isfinite(losses[place]), losses[place]))
    go(SHARES[best])
    lesson.settle()
    trained = log.curve[-1].train
    curve = (CurvePoint(0, math.nan, began), CurvePoint(log.steps, trained, losses[best]))
    return replace(log, curve=curve, mixed=SHARES[best], best_step=log.steps if SHARES[best] else 0)
