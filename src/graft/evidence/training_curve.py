"""What a training curve says, in codes and plain sentences.

Decisions: a remark is read off the curve that is kept with every trial, so a stored trial can be read again; a remark
describes and never decides, because what is kept was decided by the held-in loss already. The limits are wide enough
that the noise of some twenty held-in rows does not reach them on the curves they were set by (the tests hold some).
"""

import math
from dataclasses import dataclass

_MOVED = 0.01
_RISE, _GAP = 1.1, 2.0
_SPIKE, _CALM, _FAR = 1.5, 1.2, 0.1


@dataclass(frozen=True)
class CurvePoint:
    """Losses after a number of steps.

    train: the mean since the point before (NaN at the start). held: the judged loss of the held-in rows.
    """

    step: int
    train: float
    held: float


@dataclass(frozen=True)
class TrainingLog:
    """What happened.

    best_step: the step whose state was kept. under_trained: still improving when the budget ended. diverged: a plain
    message when the loss left the numbers, else empty. alike: whether ``train`` and ``held`` of the curve are the same
    loss (the loss of pairs is not the log-loss of a head). mixed: how far from the start the weights were left, of
    where they came to.
    """

    curve: tuple[CurvePoint, ...]
    steps: int
    best_step: int
    under_trained: bool
    diverged: str
    alike: bool = True
    mixed: float = 1.0


@dataclass(frozen=True)
class Remark:
    """One remark. code: stable, for machines. text: a plain sentence. trials: in how many it was seen."""

    code: str
    text: str
    trials: int = 1


def dynamics(log: TrainingLog, chance_loss: float) -> tuple[Remark, ...]:
    """Remarks on how a training went: ``diverged``, ``never-left-start``, ``spike``, ``overfits``, ``under-trained``.

    chance_loss: the held-in loss of the class shares (or of the mean); infinite or NaN when it is not known.

    >>> curve = (CurvePoint(0, math.nan, 1.39), CurvePoint(20, 1.40, 1.39), CurvePoint(40, 1.39, 1.385))
    >>> [remark.code for remark in dynamics(TrainingLog(curve, 40, 40, False, ""), 1.386)]
    ['never-left-start']
    """
    held = [point for point in log.curve if math.isfinite(point.held)]
    found = [
        _diverged(log),
        _stayed(held, chance_loss),
        _spike(log.curve),
        _overfits(held) if log.alike else None,
        _under_trained(log, held),
    ]
    return tuple(remark for remark in found if remark is not None)


def _diverged(log: TrainingLog) -> Remark | None:
    return Remark("diverged", f"Training diverged: {log.diverged}.") if log.diverged else None


def _stayed(held: list[CurvePoint], chance: float) -> Remark | None:
    if len(held) < 2:
        return None
    start, best = held[0].held, min(point.held for point in held)
    if math.isfinite(chance) and best > chance * (1 - _MOVED):
        return Remark(
            "never-left-start",
            f"After {held[-1].step} steps it says no more than the class shares do "
            f"(held-in loss {best:.3g}, the shares' {chance:.3g}).",
        )
    if best > start - _MOVED * abs(start):
        return Remark(
            "never-left-start",
            f"In {held[-1].step} steps the held-in loss never fell below where it began ({start:.3g}).",
        )
    return None


def _spike(curve: tuple[CurvePoint, ...]) -> Remark | None:
    """A training loss far above the one before it that comes down again; one that stays up is something else."""
    trained = [point for point in curve if math.isfinite(point.train)]
    for before, peak, after in zip(trained, trained[1:], trained[2:], strict=False):
        far = peak.train - before.train > _FAR * trained[0].train
        if far and peak.train > _SPIKE * before.train and after.train < _CALM * before.train:
            return Remark(
                "spike",
                f"The training loss jumped from {before.train:.3g} to {peak.train:.3g} by step {peak.step} and came "
                "back: the learning rate is near its limit.",
            )
    return None


def _overfits(held: list[CurvePoint]) -> Remark | None:
    if len(held) < 2:
        return None
    best, last = min(held, key=lambda point: point.held), held[-1]
    if last.held > _RISE * best.held and last.held > _GAP * last.train:
        return Remark(
            "overfits",
            f"After step {best.step} the held-in loss rose from {best.held:.3g} to {last.held:.3g} while the training "
            f"loss fell to {last.train:.3g}; the state at step {best.step} was kept.",
        )
    return None


def _under_trained(log: TrainingLog, held: list[CurvePoint]) -> Remark | None:
    if not log.under_trained:
        return None
    return Remark(
        "under-trained",
        f"The held-in loss was still falling when the steps ended ({held[-1].held:.3g} at step {held[-1].step}): "
        "more steps may score better.",
    )
