"""Which candidate to keep, and which one to ship.

Decisions: two candidates are practically tied when P(the better-scoring one leads by more than the margin) is at most
one half. The posterior is symmetric, so that says exactly that the mean difference lies within the margin (and is how
it is computed, which also serves one fold). A looser rule ("not 95 % sure that it is worse") would let a cheap and
clearly worse candidate in whenever folds are few; a stricter one would ignore the cost whenever folds are few. Here
the expected loss is at most the margin the user declared not to matter, and less than it looks, because the best of
several is flattered. Among the tied, the fewest seconds win, then the better score, then the name.
What ships is the chosen transfer candidate when it is more probable than not to lead the best control by more than
the margin; otherwise the best control. Whether that lead is *established* is the verdict's business, not this one's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.evidence.comparison import Comparison, compare_folds

ROUNDING = 1e-12  # 0.91 - 0.90 is a lead of 0.01, not of more


@dataclass(frozen=True, eq=False)
class CandidateScore:
    """A candidate's results over the folds.

    fold_scores: higher is better, shape (folds,), the same folds in the same order for every candidate.
    cost: what fitting and predicting cost, in any one unit (compute, seconds, money). kind: "transfer" or "control".
    """

    name: str
    fold_scores: np.ndarray
    cost: float
    kind: str = "transfer"
    under_trained: bool = False

    @property
    def mean(self) -> float:
        """Mean over the folds."""
        return float(np.mean(self.fold_scores))


@dataclass(frozen=True)
class Choice:
    """What was chosen, by name.

    chosen: the cheapest transfer candidate practically tied with the best one. best: the transfer candidate with
    the highest mean. tied: the other transfer candidates practically tied with the best, cheapest first.
    control: the control with the highest mean; None when none ran. ship: chosen, or the control that it does not
    beat. reason: plain English. transfers, controls: how many were compared, the verdict's selection.
    """

    chosen: str
    best: str
    tied: tuple[str, ...]
    control: str | None
    ship: str
    reason: str
    transfers: int
    controls: int


def choose(candidates: Sequence[CandidateScore], *, margin: float, test_fraction: float, level: float = 0.95) -> Choice:
    """The cheapest of the practically tied, and the best honest model to ship.

    margin, test_fraction, level: as in compare_folds. Raises InputError without a transfer candidate, with two of
    one name, or with folds that do not pair up.

    >>> tuned = CandidateScore("full", np.array([0.90, 0.91, 0.89]), 600.0)
    >>> frozen = CandidateScore("frozen", np.array([0.90, 0.90, 0.89]), 10.0)
    >>> control = CandidateScore("classical", np.array([0.80, 0.82, 0.81]), 1.0, kind="control")
    >>> choice = choose([tuned, frozen, control], margin=0.01, test_fraction=1 / 3)
    >>> choice.best, choice.chosen, choice.ship
    ('full', 'frozen', 'frozen')
    """
    names = [candidate.name for candidate in candidates]
    if len(set(names)) < len(names):
        raise InputError(f"candidates named {', '.join(names)}", needed="one name each")
    if unknown := [one.kind for one in candidates if one.kind not in ("transfer", "control")]:
        raise InputError(f"the kind {unknown[0]!r}", needed="'transfer' or 'control'")
    transfers = sorted((one for one in candidates if one.kind == "transfer"), key=_by_score)
    controls = sorted((one for one in candidates if one.kind == "control"), key=_by_score)
    if not transfers:
        raise InputError("no transfer candidate to choose", needed="at least one", fix="add a source to the study")

    def against(first: CandidateScore, second: CandidateScore) -> Comparison:
        return compare_folds(
            first.fold_scores, second.fold_scores, margin=margin, test_fraction=test_fraction, level=level
        )

    def leads(first: CandidateScore, second: CandidateScore) -> bool:
        return against(first, second).mean > margin + ROUNDING

    best, control = transfers[0], controls[0] if controls else None
    tied = [one for one in transfers if not leads(best, one)]
    if control is not None and leads(best, control):  # cheaper must not cost the lead over the control
        tied = [one for one in tied if leads(one, control)]
    tied.sort(key=lambda one: (one.cost, -one.mean, one.name))
    chosen = tied[0]
    reason = _why_chosen(chosen, best, len(tied), margin)
    ship = chosen
    if control is not None:
        gap = against(chosen, control)
        ship = chosen if leads(chosen, control) else control
        verb = "leads" if ship is chosen else "does not lead"
        reason += (
            f" It {verb} the best control, {control.name}, by more than the margin ({gap.mean:+.3f}): ship {ship.name}."
        )
    others = tuple(one.name for one in tied if one is not best)
    control_name = None if control is None else control.name
    return Choice(chosen.name, best.name, others, control_name, ship.name, reason, len(transfers), len(controls))


def _by_score(one: CandidateScore) -> tuple[float, float, str]:
    return (-one.mean, one.cost, one.name)


def _why_chosen(chosen: CandidateScore, best: CandidateScore, tied: int, margin: float) -> str:
    if chosen is best:
        return f"{best.name} scored best" + (f" and is the cheapest of {tied} practically tied." if tied > 1 else ".")
    return (
        f"{chosen.name} is within the margin of {margin:.3g} of the best, {best.name}, "
        f"and costs {_share(chosen.cost, best.cost)} of it."
    )


def _share(cost: float, of: float) -> str:
    if of <= 0 or cost >= of:
        return "no more than all"
    share = cost / of
    return f"{share:.0%}" if share >= 0.01 else "less than 1%"
