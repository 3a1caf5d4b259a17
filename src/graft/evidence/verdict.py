"""The verdict: does reuse help here?

Decisions, each measured by simulation (tests/oracles/test_verdict_rates.py, ``python -m bench verdicts``):

* It rests on the paired outcomes of all rows that were judged by models which had not seen them, out of fold and in the
  holdout, by cluster (``pooled``, ``comparison``), with the choice among candidates and controls paid for jointly
  (``selection``).
* Three claims divide all differences among them: above the margin, within it, below minus the margin. So whatever the
  truth is, at most two claims are false, and on opposite sides. ``level`` is kept for both together: with a margin of
  many standard errors each may use the whole doubt (1 - level), with a margin of zero half of it. See ``one_sided``.
* ``helps`` is said of the chosen candidate when it beats every control by more than the margin. ``harms`` is said when
  one control beats every candidate that transfers by more than the margin, and never of a candidate that was still
  improving when its budget ended. ``no practical difference`` is a positive finding: the chosen candidate is shown to
  be neither better nor worse than the best control by more than the margin. What is left over is inconclusive.
* The holdout's rows are part of the evidence. It is also shown alone, and a holdout that by itself rules the claim out
  (its interval ends before the margin on the other side) makes the verdict inconclusive: folds and holdout then speak
  of different things, a shift in time perhaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scipy import optimize, special

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.comparison import DRIFT, Comparison, compare
from graft.evidence.pooled import Jackknife
from graft.evidence.selection import paid_doubt, plausible


class Outcome(StrEnum):
    """The four answers, and that nothing was asked: no candidate transfers anything."""

    HELPS = "helps"
    TIED = "no practical difference"
    HARMS = "harms"
    INCONCLUSIVE = "inconclusive"
    NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Verdict:
    """An answer with its reason.

    doubt: p-value of the claim after paying for selection, 0 to 1; None when nothing is claimed. difference: candidate
    minus the best control over all rows, in the unit of the score, higher is better. control: the best control.
    reason: one or two sentences in plain English.
    """

    outcome: Outcome
    doubt: float | None
    difference: Interval
    control: str
    reason: str


@dataclass(frozen=True)
class Doubts:
    """p-values of the three claims. allowed: the largest that may be claimed; beyond it the choice is not paid for."""

    helps: float
    harms: float
    tied: float
    allowed: float


def one_sided(margin: float, error: float, level: float) -> float:
    """The doubt each of the two opposite claims may use, so that both together stay at 1 - level.

    margin, error: in the unit of the score. From (1 - level) / 2 without a margin to 1 - level with a wide one.

    >>> round(one_sided(0.0, 0.01, 0.95), 4), round(one_sided(0.01, 0.0172, 0.95), 4), one_sided(1.0, 0.01, 0.95)
    (0.025, 0.0477, 0.05)
    """
    doubt = round(1 - level, 12)
    if error <= 0 or 2 * margin / error > 8:
        return doubt
    return float(
        optimize.brentq(
            lambda each: each + special.ndtr(special.ndtri(each) - 2 * margin / error) - doubt, doubt / 2, doubt
        )
    )


def doubts(
    found: Jackknife,
    chosen: str,
    *,
    transfers: Sequence[str],
    controls: Sequence[str],
    margin: float,
    level: float = 0.95,
    drift: float = DRIFT,
) -> Doubts:
    """How much speaks against each of the three claims.

    chosen: one of ``transfers``. margin: 0 or more, in the unit of the score.
    """
    if chosen not in transfers or not controls:
        raise InputError(f"{chosen} of {len(transfers)} candidates, {len(controls)} controls", needed="one of each")
    if not margin >= 0 or not 0.5 < level < 1:
        raise InputError(f"a margin of {margin} at level {level}", needed="a margin from 0, a level between 0.5 and 1")
    rivals = tuple(dict.fromkeys([chosen, *plausible(found, transfers, drift=drift)]))
    strong = plausible(found, controls, drift=drift)
    best = max(controls, key=lambda name: (found.estimate(name), name))

    allowed = one_sided(margin, compare(found, chosen, best, drift=drift).error, level)

    def over(ahead: Sequence[str], behind: str, first: str, bound: float) -> float:
        pairs = [(name, behind) for name in ahead]
        return paid_doubt(found, (first, behind), pairs, bound, drift=drift, enough=allowed)

    helps = max(over(rivals, control, chosen, margin) for control in controls)
    harms = max(over(strong, name, best, margin) for name in transfers)
    not_worse = max(over(rivals, control, chosen, -margin) for control in controls)
    pairs = [(control, name) for control in strong for name in rivals]
    not_better = paid_doubt(found, (best, chosen), pairs, -margin, drift=drift, enough=allowed)
    return Doubts(helps, harms, max(not_worse, not_better), allowed)


def decide_verdict(
    found: Jackknife,
    chosen: str,
    *,
    transfers: Sequence[str],
    controls: Sequence[str],
    margin: float,
    level: float = 0.95,
    drift: float = DRIFT,
    holdout: Interval | None = None,
    under_trained: bool = False,
) -> Verdict:
    """The verdict on the chosen transfer candidate against all controls.

    found: ``jackknife`` of all candidates over the same rows. transfers, controls: everything that was compared.
    margin: the smallest difference that matters, in the unit of the score. drift: see ``comparison``. holdout: chosen
    minus best control on the locked holdout alone. under_trained: still improving when its budget ended.

    >>> import numpy as np
    >>> from graft.evidence.pooled import Pooled, jackknife
    >>> from graft.evidence.predictions import Scored
    >>> truth, rows = np.zeros(200, int), np.arange(200)
    >>> def said(right):
    ...     return [(1.0, Pooled(Scored("binary", truth, np.eye(2)[np.where(rows < right, 0, 1)]), rows))]
    >>> found = jackknife({"minilm frozen": said(180), "classical": said(150)}, "accuracy")
    >>> decide_verdict(found, "minilm frozen", transfers=["minilm frozen"], controls=["classical"], margin=0.01).outcome
    <Outcome.HELPS: 'helps'>
    """
    if not transfers:
        return _not_asked(found, chosen, controls, level, drift)
    said = doubts(found, chosen, transfers=transfers, controls=controls, margin=margin, level=level, drift=drift)
    best = max(controls, key=lambda name: (found.estimate(name), name))
    gap = compare(found, chosen, best, drift=drift)
    difference = gap.interval(level)
    span = f"difference {_span(difference)}"

    def verdict(outcome: Outcome, doubt: float | None, reason: str) -> Verdict:
        return Verdict(outcome, doubt, difference, best, reason + (_still(outcome) if under_trained else ""))

    sides = ((Outcome.HELPS, said.helps, 1), (Outcome.HARMS, said.harms, -1), (Outcome.TIED, said.tied, 0))
    for outcome, doubt, side in sides:
        if doubt > said.allowed:
            continue
        claim = _claim(outcome, margin, span)
        if holdout is not None and _contradicts(holdout, side, margin):
            return verdict(
                Outcome.INCONCLUSIVE, None, f"{claim}, but the holdout alone rules that out: {_span(holdout)}."
            )
        if outcome is Outcome.HARMS and under_trained:
            return verdict(Outcome.INCONCLUSIVE, None, f"It scored below the control ({span}).")
        alone = "" if holdout is None else f"; the holdout alone says {_span(holdout)}"
        return verdict(outcome, doubt, f"{claim}{alone}.{_chosen(transfers, controls, outcome)}")
    return verdict(Outcome.INCONCLUSIVE, None, _open(gap, said, margin, span))


def _not_asked(found: Jackknife, chosen: str, controls: Sequence[str], level: float, drift: float) -> Verdict:
    """No claim: of what transfers nothing, how the chosen one stands against the best of the others."""
    best = max((name for name in controls if name != chosen), key=lambda name: (found.estimate(name), name))
    difference = compare(found, chosen, best, drift=drift).interval(level)
    reason = f"No pretrained source was tried, so nothing is said of reuse ({chosen} less {best}: {_span(difference)})."
    return Verdict(Outcome.NOT_ASKED, None, difference, best, reason)


def _claim(outcome: Outcome, margin: float, span: str) -> str:
    if outcome is Outcome.TIED:
        return f"All rows together say that any difference is smaller than the margin of {margin:.3g} ({span})"
    return f"All rows together say that it {outcome.value} ({span})"


def _contradicts(holdout: Interval, side: int, margin: float) -> bool:
    """Whether the holdout by itself excludes the claim."""
    if holdout.ends is None:
        return False
    low, high = holdout.ends
    if side > 0:
        return high < margin
    return low > -margin if side < 0 else low > margin or high < -margin


def _span(interval: Interval) -> str:
    if interval.ends is None:
        return f"{interval.mean:+.3f}, no interval"
    low, high = interval.ends
    return f"{interval.mean:+.3f}, from {low:+.3f} to {high:+.3f}"


def _chosen(transfers: Sequence[str], controls: Sequence[str], outcome: Outcome) -> str:
    among, what = (controls, "control") if outcome is Outcome.HARMS else (transfers, "candidate")
    return f" That the {what} was chosen among {len(among)} is paid for." if len(among) > 1 else ""


def _still(outcome: Outcome) -> str:
    meaning = {
        Outcome.HELPS: "the gain may be larger",
        Outcome.TIED: "more training might still show one",
        Outcome.INCONCLUSIVE: "train longer before reading anything against it",
    }
    return f" It is under-trained, still improving when its budget ended: {meaning.get(outcome, '')}."


def _open(gap: Comparison, said: Doubts, margin: float, span: str) -> str:
    """Why nothing can be said yet, and what can."""
    if gap.withheld:
        return f"Too few rows to say anything: {gap.withheld} ({span})."
    if gap.doubt(-margin) <= said.allowed:
        ruled = f"Harm beyond the margin of {margin:.3g} is ruled out, a gain is not shown"
    elif gap.reversed.doubt(-margin) <= said.allowed:
        ruled = f"A gain beyond the margin of {margin:.3g} is ruled out, harm is not shown"
    else:
        ruled = "The rows leave both a gain and harm open"
    return f"{ruled} ({span})."
