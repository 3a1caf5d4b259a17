"""Layers that thaw one after another, from the top.

Decisions: a solved head begins beside the top layer, since it has nothing to learn alone; over the first half of the
steps one layer after the other follows, the embeddings last, and in the second half all learn. What has not thawed has
no gradient, so its steps cost less too.

Howard & Ruder (2018), Universal language model fine-tuning for text classification, ACL.
"""

import numpy as np

from graft.evidence.training_curve import TrainingLog
from graft.scores.training import Lesson, Stepper, train

THAWING = 0.5


class ThawingStepper(Stepper):
    """Steps in which only what has thawed learns."""

    def __init__(self, lesson: Lesson) -> None:
        super().__init__(lesson)
        self._groups = [(int(str(group["above"])), group["params"]) for group in lesson.groups]
        self._deepest = max(above for above, _ in self._groups)
        self._thawing = max(1, round(THAWING * lesson.schedule.steps))
        self._taken = 0

    def step(self, rows: np.ndarray, factor: float = 1.0) -> float:
        """Learn from one batch at ``factor`` of the rates; its loss before the step."""
        self.thaw(min(self._deepest, self._taken * (self._deepest + 1) // self._thawing))
        self._taken += 1
        return super().step(rows, factor)

    def thaw(self, depth: int) -> None:
        """Let what lies at most ``depth`` layers below the top learn, and nothing deeper."""
        for above, parameters in self._groups:
            assert isinstance(parameters, list)
            for value in parameters:
                value.requires_grad_(above <= depth)

    def thaw_all(self) -> None:
        """As it was before."""
        self.thaw(self._deepest)


def learn_gradually(lesson: Lesson) -> TrainingLog:
    """Train the network of a lesson while its layers thaw, and leave it in its best state."""
    stepper = ThawingStepper(lesson)
    try:
        return train(lesson, stepper)
    finally:
        stepper.thaw_all()
