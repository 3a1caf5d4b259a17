"""What exchanged identities showed, as findings: a code, an outcome, a severity, and what to do.

Decisions: found is what chance does not explain; severe is what is surely more than the bar. What is sure and too
little to matter is found with the severity *none*. Scores alone are never *high*: no decision follows from them yet.
"""

import numpy as np

from graft.audit.identity_terms import IdentityTerms
from graft.core.intervals import Interval
from graft.core.tasks import Task
from graft.evidence.subgroup_ranking import LEAST_OF_A_CLASS
from graft.facts.audit import AuditFinding, RankingFact, Severity, SwapFact
from graft.inputs.schema import Contract

DECISIONS, SCORES, RANKING = "A501", "A502", "A503"
LEAST_TEXTS = 10
_SHOWN = 3


def _instead(fact: SwapFact) -> str:
    where = f"{fact.second} in place of {fact.first or 'the others'}"
    return f"{fact.group}: {where}"


def _few(fact: SwapFact) -> str:
    told = f"{fact.texts} texts, and {LEAST_TEXTS} of two templates are needed"
    return told + (f"; {fact.not_swapped} could not be exchanged" if fact.not_swapped else "")


def decisions_finding(fact: SwapFact, bar: float, alpha: float) -> AuditFinding:
    """Whether decisions change. bar: the share that matters. alpha: of all tests."""
    where = _instead(fact)
    if fact.p_decisions_adjusted is None or fact.changed is None:
        why = (
            _few(fact) if fact.texts < LEAST_TEXTS or fact.clusters < 2 else "a value is predicted, nothing is decided"
        )
        return AuditFinding(
            code=DECISIONS, outcome="not applicable", severity="none", about=fact.second, said=f"{where}: {why}"
        )
    said = f"{where}: {_share(fact.changed)} of decisions change"
    ways = ((fact.gained, f"become {fact.output!r}"), (fact.lost, f"are {fact.output!r} no longer"))
    if told := [f"{one.mean:.1%} {way}" for one, way in ways if one is not None and one.mean > 0]:
        said += f": {', '.join(told)}"
    said += f"; {_texts(fact)}"
    if fact.p_decisions_adjusted > alpha:
        high = fact.changed.high
        few = high is not None and high <= bar
        return AuditFinding(
            code=DECISIONS,
            outcome="not found",
            severity="none",
            about=fact.second,
            said=said + ("" if few else ": not settled"),
        )
    severity = _severity(fact.changed, bar, ("high", "medium", "low"))
    if severity != "none" and fact.examples:
        said += f", such as rows {', '.join(map(str, fact.examples[:_SHOWN]))}"
    todo = (
        "read the texts whose decision changes (their rows are counted from 0), and teach the model each text with the"
        " words exchanged as well, so that it cannot decide by them"
    )
    return AuditFinding(
        code=DECISIONS,
        outcome="found",
        severity=severity,
        about=fact.second,
        said=said,
        todo=todo if severity != "none" else "",
    )


def scores_finding(fact: SwapFact, bar: float, alpha: float) -> AuditFinding:
    """Whether scores move. bar: what matters, in their unit."""
    where = _instead(fact)
    if fact.p_shift_adjusted is None or fact.shift is None:
        why = _few(fact) if fact.texts < LEAST_TEXTS or fact.clusters < 2 else "most texts are about both"
        return AuditFinding(
            code=SCORES, outcome="not applicable", severity="none", about=fact.second, said=f"{where}: {why}"
        )
    what = f"the probability of {fact.output!r}" if fact.output else "the value"
    shift = fact.shift
    ends = "" if shift.ends is None else f" ({_amount(shift.ends[0])} to {_amount(shift.ends[1])})"
    beside = "" if fact.deviations is None else f", {fact.deviations:+.2f} deviations"
    said = f"{where}: {what} moves by {_amount(shift.mean)}{ends}{beside}; {_texts(fact)}"
    if fact.p_shift_adjusted > alpha:
        few = shift.ends is not None and max(map(abs, shift.ends)) <= bar
        return AuditFinding(
            code=SCORES,
            outcome="not found",
            severity="none",
            about=fact.second,
            said=said + ("" if few else ": not settled"),
        )
    size = shift if shift.mean >= 0 else shift.reversed
    severity = _severity(size, bar, ("medium", "low", "low"))
    todo = "see whether what follows from these scores (a threshold, a rank) treats them otherwise"
    return AuditFinding(
        code=SCORES,
        outcome="found",
        severity=severity,
        about=fact.second,
        said=said,
        todo=todo if severity != "none" else "",
    )


def _severity(size: Interval, bar: float, names: tuple[Severity, Severity, Severity]) -> Severity:
    """surely, probably or perhaps above the bar; none where it is surely below."""
    if size.low is not None and size.low > bar:
        return names[0]
    if size.mean > bar:
        return names[1]
    return "none" if size.high is not None and size.high <= bar else names[2]


def ranking_finding(fact: RankingFact, margin: float, alpha: float) -> AuditFinding:
    """Whether somebody is ranked worse. margin: the gap of areas that matters."""
    texts = f"texts about {fact.identity}"
    what = {
        "subgroup": f"{texts} are ranked among themselves",
        "bpsn": f"{texts} without {fact.output!r} are told from others with it",
        "bnsp": f"{texts} with {fact.output!r} are told from others without it",
    }[fact.kind]
    name = {"subgroup": "subgroup", "bpsn": "BPSN", "bnsp": "BNSP"}[fact.kind]
    ends = fact.area.ends
    reach = f", {ends[0]:.2f} to {ends[1]:.2f}" if ends else ""
    said = (
        f"{fact.group}: {what} with a {name} AUC of {fact.area.mean:.2f}{reach}, {fact.gap.mean:+.2f} against texts"
        f" that do not mention them; {fact.positives} and {fact.negatives} texts"
    )
    if fact.p_adjusted > alpha or fact.gap.mean >= 0:
        return AuditFinding(code=RANKING, outcome="not found", severity="none", about=fact.identity, said=said)
    severity = _severity(fact.gap.reversed, margin, ("high", "medium", "low"))
    todo = {
        "subgroup": f"give the model more labelled rows about {fact.identity}",
        "bpsn": f"give it rows about {fact.identity} that are not {fact.output!r}: it takes their name for a sign",
        "bnsp": f"give it rows about {fact.identity} that are {fact.output!r}: it takes their name for the opposite",
    }[fact.kind]
    return AuditFinding(
        code=RANKING,
        outcome="found",
        severity=severity,
        about=fact.identity,
        said=said,
        todo=todo if severity != "none" else "",
    )


def unasked_findings(
    terms: IdentityTerms,
    swaps: list[SwapFact],
    rankings: list[RankingFact],
    targets: np.ndarray | None,
    contract: Contract,
) -> list[AuditFinding]:
    """What could not be asked at all, and why. targets: None for rows without labels."""
    asked = {one.group for one in swaps}
    found = [
        AuditFinding(
            code=DECISIONS,
            outcome="not applicable",
            severity="none",
            said=f"{one.name}: no text holds one of its terms",
        )
        for one in terms.groups
        if one.name not in asked
    ]
    why = ""
    if contract.task is Task.REGRESSION:
        why = "a value is predicted, and values are not ranked against classes"
    elif targets is None:
        why = f"the rows have no labels ({', '.join(contract.roles.label)})"
    elif not rankings:
        why = f"no identity is mentioned by {LEAST_OF_A_CLASS} texts with a class and as many without"
    if why:
        found.append(
            AuditFinding(code=RANKING, outcome="not applicable", severity="none", said=f"rankings of texts: {why}")
        )
    return found


def _texts(fact: SwapFact) -> str:
    told = f"{fact.texts:,} texts"
    if fact.clusters < fact.texts:
        told += f" of {fact.clusters:,} templates"
    return told


def _share(value: Interval) -> str:
    return f"{value.mean:.1%}" + ("" if value.ends is None else f" ({value.ends[0]:.1%} to {value.ends[1]:.1%})")


def _amount(value: float) -> str:
    return f"{value:+.3f}" if abs(value) < 10 else f"{value:+.4g}"
