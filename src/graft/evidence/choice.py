"""Which candidate to keep, and which model is expected to score best.

Decisions: what is chosen is what is *expected* to score best, so leads are shrunk before they count: a lead of 0.02
with an error of 0.03 is mostly luck, and more so for the best of many. The prior says how far apart such candidates
usually are (``Prior``); it informs this choice, never the verdict. Candidates whose expected lead over a cheaper one is
at most half the margin are equals, and among equals the cheapest wins, then the better score, then the name. The cost
is counted in arithmetic, not in seconds, so that the same study always chooses the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graft.core.errors import InputError
from graft.evidence.comparison import DRIFT, Comparison, compare
from graft.evidence.pooled import Jackknife

SPREAD = 0.05
EQUALS = 0.5
_SHOWN = 5e-4


@dataclass(frozen=True)
class Entry:
    """A candidate that may be chosen. cost: in any one unit. kind: ``transfer`` or ``control``."""

    name: str
    cost: float
    kind: str = "transfer"


@dataclass(frozen=True)
class Prior:
    """How candidates of this kind usually score, before these rows are looked at.

    means: candidate to its usual score less that of a common reference, in the unit of the score; 0 when absent.
    spread: standard deviation of true differences around that.
    """

    means: Mapping[str, float] = field(default_factory=dict)
    spread: float = SPREAD

    def difference(self, first: str, second: str) -> float:
        """The usual lead of the first over the second."""
        return self.means.get(first, 0.0) - self.means.get(second, 0.0)


@dataclass(frozen=True)
class Choice:
    """What was chosen, by name.

    chosen: the transfer candidate that is expected to score best, cheapest of equals; where nothing transfers, the
    control that is, and ``control`` the best of the others. best: the one with the highest
    score. tied: other transfer candidates within the margin of the best, cheapest first. control: the control with the
    highest score. expected: what is expected to score best of all, controls included. lead: its expected lead over the
    other of chosen and control. reason: why ``chosen``; expectation: what may ship undecided; plain English. transfers,
    controls: everything that was compared.
    """

    chosen: str
    best: str
    tied: tuple[str, ...]
    control: str
    expected: str
    lead: float
    reason: str
    expectation: str
    transfers: tuple[str, ...]
    controls: tuple[str, ...]


def expected_lead(gap: Comparison, usual: float, spread: float) -> float:
    """The difference that is to be expected after having seen ``gap``: a precision-weighted mean with the prior.

    usual, spread: mean and standard deviation of the prior, in the unit of the score.

    >>> round(expected_lead(Comparison(0.02, 0.02, 0.05, 30, 100), usual=0.0, spread=0.05), 3)
    0.01

    Efron & Morris (1975), Data analysis using Stein's estimator.
    """
    if gap.error == 0.0:
        return gap.estimate
    own, known = gap.error**-2.0, spread**-2.0
    return float((gap.estimate * own + usual * known) / (own + known))


def choose(
    found: Jackknife, entries: Sequence[Entry], *, margin: float, prior: Prior | None = None, drift: float = DRIFT
) -> Choice:
    """The cheapest of those that are expected to score best, among transfers, and over all.

    found: holds every entry. margin: the smallest difference that matters. Raises InputError without a control, with
    nothing beside it, or with two of one name.
    """
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise InputError(f"candidates named {', '.join(names)}", needed="one name each")
    if unknown := [one.kind for one in entries if one.kind not in ("transfer", "control")]:
        raise InputError(f"the kind {unknown[0]!r}", needed="'transfer' or 'control'")
    transfers = [one for one in entries if one.kind == "transfer"]
    controls = [one for one in entries if one.kind == "control"]
    if not controls or len(entries) < 2:
        raise InputError(
            f"{len(transfers)} candidates that transfer and {len(controls)} controls",
            needed="a control, and something to hold against it: without them nothing shows what reuse is worth",
            fix="add a source to the study",
        )
    known = Prior() if prior is None else prior
    leads: dict[tuple[str, str], float] = {}

    def lead(first: str, second: str) -> float:
        if (first, second) not in leads:
            gap = compare(found, first, second, drift=drift)
            leads[first, second] = expected_lead(gap, known.difference(first, second), known.spread)
            leads[second, first] = -leads[first, second]
        return leads[first, second]

    def cheapest(among: Sequence[Entry]) -> str:
        leader = max(among, key=lambda one: (sum(lead(one.name, other.name) for other in among), one.name)).name
        equals = [one for one in among if lead(leader, one.name) <= EQUALS * margin]
        return min(equals, key=lambda one: (one.cost, -found.estimate(one.name), one.name)).name

    reused = transfers or controls
    best = max(reused, key=lambda one: (found.estimate(one.name), -one.cost, one.name)).name
    chosen = cheapest(reused)
    rivals = [one for one in controls if one.name != chosen]
    control = max(rivals, key=lambda one: (found.estimate(one.name), one.name)).name
    by_cost = sorted(reused, key=lambda one: (one.cost, one.name))
    tied = tuple(
        one.name
        for one in by_cost
        if one.name != chosen and found.estimate(best) - found.estimate(one.name) <= margin + 1e-12
    )
    expected = cheapest(entries)
    other = control if expected == chosen else chosen
    ahead = lead(expected, other)
    costs, among = {one.name: one.cost for one in entries}, "what transfers" if transfers else "the controls"
    reason = _why_chosen(found, chosen, best, costs, margin, among)
    seen, guess = compare(found, expected, other, drift=drift).estimate, known.difference(expected, other)
    elsewhere = f", on public sets with as many labels {guess:+.3f}; --no-prior leaves those out" if guess else ""
    known_leads = f"(on these rows {seen + 0.0:+.3f}{elsewhere})"
    expectation = (
        f"{expected} is expected to score best: {ahead:+.3f} against {other}, luck allowed for {known_leads}."
        if ahead >= _SHOWN
        else f"{expected} is expected to score about as well as {other} {known_leads}, and is the cheaper of the two."
    )
    return Choice(
        chosen,
        best,
        tied,
        control,
        expected,
        ahead,
        reason,
        expectation,
        tuple(one.name for one in transfers),
        tuple(one.name for one in controls),
    )


def _why_chosen(found: Jackknife, chosen: str, best: str, costs: dict[str, float], margin: float, among: str) -> str:
    if chosen == best:
        return f"Of {among}, {best} scored best."
    behind = found.estimate(best) - found.estimate(chosen)
    return (
        f"{chosen} scored {behind:.3f} less than {best}, which is within luck, "
        f"and costs {_share(costs[chosen], costs[best])} of it."
    )


def _share(cost: float, of: float) -> str:
    if of <= 0 or cost >= of:
        return "no more than all"
    share = cost / of
    return f"{share:.0%}" if share >= 0.01 else "less than 1%"
