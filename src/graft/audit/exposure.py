"""Who gets the attention of lists: what audits of recommenders and of searches have in common.

Decisions: every kind of test is a family whose p-values are corrected together, and the families share the level
between them, so that an audit of what treats all alike finds anything with a chance of at most ``1 - level``. A gap
matters from four fifths on (ratios of 0.8 and 1.25). That a group gets less than its share of the catalogue is no fault
by itself where its merit is known and explains it: then the finding against merit is the one that counts. A group that
gets more is told, and is the other side of one that gets less.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse

from graft.audit.item_groups import UNKNOWN, ItemGroups
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.seeds import generator
from graft.evidence.exposure import DRAWS, LEAST_ITEMS, MOST_GROUPS, Due, ShareGap, judge_shares
from graft.facts.audit import AuditFinding, GroupShare, Severity, ShareTest

POPULATION, MERIT, CONCENTRATED, QUALITY, SHOWN, SAME_GROUP = "A401", "A402", "A403", "A404", "A405", "A406"
LITTLE, HALF, LEAST_LISTS = 0.8, 0.5, 10
ONE_BY_ONE = (
    "the interval of a ratio is for one group alone, and a finding is paid for with all groups and tests together: a"
    " group whose interval lies beside 1 need not be one"
)
_KEPT = 1_000
_TO_DO = {
    "items": (
        "what was taken of it is shown less than it was taken: try its new and rarely taken items (--explore), limit"
        " places per group (--most-per), or fit with other settings, and audit again"
    ),
    "rows": "look which of its rows are never found, and whether what is embedded says enough of them",
}


@dataclass(frozen=True)
class TestedTogether:
    """How p-values are paid for. families: how many kinds of tests the audit makes. alpha: the level of all."""

    families: int
    alpha: float

    def of(self, p_value: float) -> float:
        """A p-value that is corrected within its family, corrected for the audit."""
        return min(1.0, p_value * self.families)


def require_settings(k: int, level: float, sample: int) -> None:
    """Raise InputError for a number of places, a level or a number of lists that cannot be."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"k is {k!r}", needed="a whole number of places, 1 or more", fix="use 20")
    if not 0.5 < level < 1:
        raise InputError(f"level={level}", needed="a share between 0.5 and 1", fix="use 0.95")
    if isinstance(sample, bool) or not isinstance(sample, int | np.integer) or sample < LEAST_LISTS:
        raise InputError(f"{sample!r} lists", needed=f"{LEAST_LISTS} or more", fix="use 2000")


def judged_groups(groups: ItemGroups) -> tuple[np.ndarray, list[str]]:
    """Which groups are tested, bool (groups,), and why the others are not, "" for those."""
    sizes = groups.members.copy()
    why = ["" if size >= LEAST_ITEMS else f"{size} of them, and {LEAST_ITEMS} are needed" for size in sizes.tolist()]
    if UNKNOWN in groups.names[-1:]:
        sizes[-1] = 0
        why[-1] = f"no {groups.attribute} is known"
    judged = sizes >= LEAST_ITEMS
    if judged.sum() > MOST_GROUPS:
        largest = np.argsort(-np.where(judged, sizes, 0), kind="stable")[:MOST_GROUPS]
        for group in np.setdiff1d(np.flatnonzero(judged), largest).tolist():
            why[group] = f"not among the {MOST_GROUPS} largest groups"
        judged = np.isin(np.arange(len(sizes)), largest)
    return judged, why


def share_test(
    given: sparse.csr_array,
    groups: ItemGroups,
    due: Due,
    *,
    against: Literal["population", "merit"],
    due_is: str,
    level: float,
    family: TestedTogether,
    seed: int,
    draws: int = DRAWS,
) -> ShareTest:
    """What groups get of ``given``, shape (lists, items), against what is due."""
    judged, why = judged_groups(groups)
    rng = generator(seed, "exposure", against)
    found = judge_shares(given, groups.parts, due, judged=judged, rng=rng, level=level, draws=draws)
    facts = [_fact(one, groups.names[one.group], why[one.group], family) for one in found]
    facts.sort(key=lambda one: (one.name == UNKNOWN, -one.items))
    return ShareTest(
        against=against,
        due_is=due_is,
        lists=given.shape[0],
        groups=tuple(facts[:_KEPT]),
        left_out=max(0, len(facts) - _KEPT),
    )


def _fact(gap: ShareGap, name: str, why: str, family: TestedTogether) -> GroupShare:
    return GroupShare(
        name=name,
        items=round(gap.items, 6),
        share=gap.share,
        due=gap.due,
        ratio=gap.ratio,
        p_value=None if gap.p_value is None else family.of(gap.p_value),
        why=why,
    )


def share_findings(test: ShareTest, code: str, alpha: float, *, explained: bool, what: str) -> list[AuditFinding]:
    """One finding for each group that gets more or less than is due, one that says how the others do.

    explained: whether merit is looked at too, which may explain a gap to the population. what: "items" or "rows".
    """
    asked = [one for one in test.groups if one.p_value is not None]
    if len(asked) < 1:
        whys = "; ".join(f"{one.name}: {one.why}" for one in test.groups[:3])
        said = f"against the {test.against}: no group can be judged ({whys})"
        return [AuditFinding(code=code, outcome="not applicable", severity="none", said=said)]
    apart = [one for one in asked if one.p_value is not None and one.p_value <= alpha]
    apart.sort(key=lambda one: (_ratio(one) >= 1, -abs(np.log(max(_ratio(one), 1e-6)))))
    found = [_share_finding(one, test, code, explained, what) for one in apart]
    rest = [one for one in asked if one not in apart]
    if rest:
        alike = [one for one in rest if one.ratio is not None and _within(one.ratio)]
        of = f"the other {_groups(len(rest))}" if apart else "any group" if len(rest) > 1 else rest[0].name
        said = f"against the {test.against}: nothing shown for {of}"
        if len(alike) == len(rest):
            said += ": alike, within a fifth"
        else:
            said += f" ({len(alike)} surely alike, within a fifth; {len(rest) - len(alike)} not settled)"
        found.append(AuditFinding(code=code, outcome="not found", severity="none", said=said))
    return found


def _share_finding(one: GroupShare, test: ShareTest, code: str, explained: bool, what: str) -> AuditFinding:
    ratio = _ratio(one)
    ends = None if one.ratio is None else one.ratio.ends
    due = "its share of the " + ("catalogue" if what == "items" else "table")
    if test.against == "merit":
        due = "its merit" if what == "rows" else "its merit (what was taken of it)"
    said = (
        f"{one.name}: {ratio:.2f} times the attention that {due} would give"
        f"{'' if ends is None else f' ({ends[0]:.2f} to {ends[1]:.2f})'}: {one.share:.1%} of it, {one.due:.1%} due"
    )
    if LITTLE <= ratio <= 1 / LITTLE:
        return AuditFinding(code=code, outcome="found", severity="none", said=f"{said}; a small gap")
    if ratio > 1:
        return AuditFinding(code=code, outcome="found", severity="none" if explained else "low", said=said)
    surely = ends is not None and ends[1] < LITTLE
    severity: Severity = "medium" if surely else "low"
    if code == POPULATION:
        if explained:
            severity, todo = "low", "look at A402: whether merit explains it"
            return AuditFinding(code=code, outcome="found", severity=severity, said=said, todo=todo)
        todo = "ask whether these are found less for a good reason, and give a share of the places where they are not"
    else:
        severity = "high" if ends is not None and ends[1] < HALF else severity
        todo = _TO_DO[what]
    return AuditFinding(code=code, outcome="found", severity=severity, said=said, todo=todo)


def ordered(findings: Sequence[AuditFinding]) -> tuple[AuditFinding, ...]:
    """By code, those found first."""
    order = {"found": 0, "not found": 1, "not applicable": 2}
    return tuple(sorted(findings, key=lambda one: (one.code, order[one.outcome])))


def _ratio(one: GroupShare) -> float:
    return 0.0 if one.ratio is None else one.ratio.mean


def _within(ratio: Interval) -> bool:
    return ratio.ends is not None and ratio.ends[0] >= LITTLE and ratio.ends[1] <= 1 / LITTLE


def _groups(count: int) -> str:
    return "group" if count == 1 else f"{count:,} groups"
