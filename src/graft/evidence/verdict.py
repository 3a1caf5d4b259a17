"""The verdict: does reuse help here?

Decisions, each measured by simulation in tests/oracles/test_verdict_rates.py:

* ``helps`` needs two things: the posterior that the gain exceeds the margin, *after paying for having chosen the
  best of several* (see selection.py), reaches the level; and the locked holdout, looked at once, agrees.
* The holdout contradicts a gain when its difference is not on the side of the claim, or when its interval excludes
  a difference as large as the margin. The side alone is a coin toss if there is nothing, so agreement halves the
  two false alarms (helps, harms) to one: together they stay at 1 - level even at margin zero. Without a holdout the
  same guarantee is bought by asking for half the doubt: (1 + level) / 2 from the folds.
* ``harms`` is the mirror image, paying for the choice among controls, and is never said of a candidate that was
  still improving when its budget ended.
* ``no practical difference`` is a positive finding: the posterior within the margin reaches the level and the
  holdout's interval reaches into the margin. It is never what is left over; what is left over is inconclusive.
"""

from dataclasses import dataclass
from enum import StrEnum

from graft.core.errors import InputError
from graft.evidence.comparison import Comparison
from graft.evidence.intervals import Interval
from graft.evidence.selection import paid_probability


class Outcome(StrEnum):
    """The four answers."""

    HELPS = "helps"
    TIED = "no practical difference"
    HARMS = "harms"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Verdict:
    """An answer with its reason.

    probability: how sure the folds are of the outcome (of the most probable one, when inconclusive), after paying
    for selection, 0 to 1. difference: candidate minus control over the folds, in the unit of the score, higher is
    better. reason: one or two sentences in plain English.
    """

    outcome: Outcome
    probability: float
    difference: Interval
    reason: str


def decide_verdict(
    folds: Comparison,
    holdout: Interval | None = None,
    *,
    margin: float,
    level: float = 0.95,
    under_trained: bool = False,
    selection: int = 1,
    controls: int = 1,
) -> Verdict:
    """The verdict on the chosen transfer candidate against the best control.

    folds: compare_folds of the two. holdout: paired_bootstrap_metric of the two on the locked holdout, if any.
    margin: the smallest difference that matters, the one given to compare_folds. under_trained: the candidate was
    still improving when its budget ended. selection, controls: how many transfer candidates the candidate, and how
    many controls the control, was chosen among.

    Measured at level 0.95 when nothing differs and the margin is 0 (tests/oracles/test_verdict_rates.py): "helps" or
    "harms" is said in 5 % of studies for one candidate, 3 % for the best of 4 or 8, under 1 % against the best of 3
    controls, for 5 x 1 and 5 x 3 folds; with a margin of half a fold deviation in under 2 %. The price is power: with a
    fold deviation of 0.02 a model and a margin of 0.01, a true gain of 0.05 is found in 61 % (5 x 1) and 81 % (5 x 3)
    of studies of one candidate, in 36 % and 66 % as the best of four. Repeat the folds, and enter few candidates.

    >>> sure = Comparison(mean=0.06, low=0.03, high=0.09, worse=0.0, tied=0.003, better=0.997, scale=0.012, folds=15)
    >>> decide_verdict(sure, Interval(0.05, 0.01, 0.09), margin=0.01).outcome.value
    'helps'
    >>> print(decide_verdict(sure, Interval(-0.01, -0.03, 0.01), margin=0.01).reason)  # one line
    The folds say that it helps (difference +0.060, from +0.030 to +0.090),
    but the holdout does not agree: -0.010, from -0.030 to +0.010.
    """
    if not 0.5 < level < 1:
        raise InputError(f"a level of {level}", needed="a share between 0.5 and 1", fix="use 0.95")
    difference = Interval(folds.mean, folds.low, folds.high)
    helps = paid_probability(folds.distance(margin), folds=folds.folds, among=selection)
    harms = paid_probability(_mirrored(folds).distance(margin), folds=folds.folds, among=controls)
    needed = level if holdout is not None else (1 + level) / 2
    span = f"difference {_span(difference)}"

    def verdict(outcome: Outcome, probability: float, reason: str) -> Verdict:
        return Verdict(outcome, probability, difference, reason + (_still(outcome) if under_trained else ""))

    for outcome, probability, sign in ((Outcome.HELPS, helps, 1), (Outcome.HARMS, harms, -1)):
        if probability < needed:
            continue
        says = f"The folds say that it {outcome.value} ({span})"
        if holdout is not None and _contradicts(holdout, sign, margin):
            reason = f"{says}, but the holdout does not agree: {_span(holdout)}."
            return verdict(Outcome.INCONCLUSIVE, probability, reason)
        if outcome is Outcome.HARMS and under_trained:
            return verdict(Outcome.INCONCLUSIVE, probability, f"It scored below the control ({span}).")
        agrees = "" if holdout is None else f", and the holdout agrees: {_span(holdout)}"
        return verdict(outcome, probability, f"{says}{agrees}.{_chosen(selection, controls, outcome)}")
    if folds.tied >= level:
        says = f"Any difference is smaller than the margin of {margin:.3g} ({span})"
        if holdout is not None and (holdout.low > margin or holdout.high < -margin):
            return verdict(
                Outcome.INCONCLUSIVE, folds.tied, f"{says}, but the holdout does not agree: {_span(holdout)}."
            )
        return verdict(Outcome.TIED, folds.tied, f"{says}.")
    return verdict(
        Outcome.INCONCLUSIVE, max(helps, folds.tied, harms), _open(folds, margin, level, needed, helps, harms)
    )


def _mirrored(folds: Comparison) -> Comparison:
    """The same comparison seen from the control."""
    return Comparison(
        -folds.mean, -folds.high, -folds.low, folds.better, folds.tied, folds.worse, folds.scale, folds.folds
    )


def _contradicts(holdout: Interval, sign: int, margin: float) -> bool:
    """Whether the holdout is on the other side of the claim, or excludes a difference as large as the margin."""
    furthest = holdout.high if sign > 0 else -holdout.low
    return sign * holdout.mean <= 0 or furthest < margin


def _span(interval: Interval) -> str:
    return f"{interval.mean:+.3f}, from {interval.low:+.3f} to {interval.high:+.3f}"


def _chosen(selection: int, controls: int, outcome: Outcome) -> str:
    among, what = (selection, "candidate") if outcome is Outcome.HELPS else (controls, "control")
    return f" That the {what} was chosen among {among} is paid for." if among > 1 else ""


def _still(outcome: Outcome) -> str:
    meaning = {
        Outcome.HELPS: "the gain may be larger",
        Outcome.TIED: "more training might still show one",
        Outcome.INCONCLUSIVE: "train longer before reading anything against it",
    }
    return f" It is under-trained, still improving when its budget ended: {meaning.get(outcome, '')}."


def _open(folds: Comparison, margin: float, level: float, needed: float, helps: float, harms: float) -> str:
    """Why nothing can be said yet, and what can."""
    if folds.folds == 1:
        return "One fold cannot say how much the difference would vary: use at least two folds."
    span = f"difference {_span(Interval(folds.mean, folds.low, folds.high))}"
    if folds.better + folds.tied >= level:
        ruled = f"Harm beyond the margin of {margin:.3g} is ruled out, a gain is not shown"
    elif folds.worse + folds.tied >= level:
        ruled = f"A gain beyond the margin of {margin:.3g} is ruled out, harm is not shown"
    else:
        ruled = "The folds vary too much to tell"
    return f"{ruled} ({span}); helps {helps:.0%}, harms {harms:.0%}, where {needed:.1%} is needed."
