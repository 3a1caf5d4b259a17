"""What an audit of groups found, in sentences with a code, a severity and what to do.

Decisions: of the figures that belong to one finding the one is told whose gap is surely largest; *alike* is said only
where no gap as large as what matters is left possible; whatever could not be judged says why.
"""

from collections.abc import Sequence

from graft.audit.figures import COST, ERRORS, MEANING, SELECTION, Code
from graft.core.intervals import Interval
from graft.facts.audit import AttributeFact, AuditFinding, GapFact, HeadUseFact, OddsFact, Severity, TransferFact
from graft.rows.attributes import BETWEEN

INPUT, PARTLY, TRANSFER, USE, WORDS = "A305", "A306", "A601", "A602", "A102"
_TODO = {
    SELECTION: "say whether the difference is wanted, and what it follows from; where it follows from unequal labels,"
    " look at how these came about",
    ERRORS: "collect more rows of the group with more errors and look at those errors; compare with the control, and"
    " with decisions by costs",
    MEANING: "do not read a probability or a decision the same way for these groups; give the group more rows, or"
    " calibrate again on rows of all groups",
    COST: "look at which errors cost the group more, and set the cost table with whoever bears them",
}
_INPUT_TODO = "study again without the column and compare; where the law forbids deciding by it, leave it out"
_USE_TODO = (
    "the gap comes by way of the representation: compare with another source, or erase it from the vectors and study"
    " again (graft audit leakage shows what that costs)"
)
_PARTLY_TODO = "find out the group of more rows before anything is concluded from the gap, for or against"


def group_findings(
    attributes: Sequence[AttributeFact], facts: Sequence[GapFact], odds: Sequence[OddsFact],
    transfer: Sequence[TransferFact], uses: Sequence[HeadUseFact], *, labelled: bool, alpha: float,
) -> tuple[AuditFinding, ...]:  # fmt: skip
    """A finding for each attribute and code. labelled: whether what is true is known. alpha: what all p-values together
    may find in error."""
    found = []
    for attribute in attributes:
        mine = [one for one in facts if one.attribute == attribute.name]
        for code in dict.fromkeys(one.code for one in mine):
            found.append(_of_code(code, attribute, [one for one in mine if one.code == code], odds, labelled, alpha))
        if attribute.input and BETWEEN not in attribute.name:
            said = f"{attribute.name} is a column the model reads: it can decide by it"
            found.append(
                AuditFinding(
                    code=INPUT, outcome="found", severity="low", said=said, todo=_INPUT_TODO, about=attribute.name
                )
            )
        if partly := _partly_known(attribute, mine):
            found.append(partly)
    found += [_of_transfer(one, alpha) for one in transfer]
    found += [use_finding(one, facts, alpha) for one in uses]
    return tuple(found)


def _of_code(
    code: str, attribute: AttributeFact, facts: Sequence[GapFact], odds: Sequence[OddsFact], labelled: bool,
    alpha: float,
) -> AuditFinding:  # fmt: skip
    asked = [one for one in facts if one.gap is not None]
    if not asked:
        if len(attribute.groups) < 2:
            held = f"only {attribute.groups[0]!r}" if attribute.groups else "no value"
            why = f"the column has {held}"
        else:
            why = facts[0].why
        said = f"{attribute.name}, {_TITLES[code]}: {why}"
        return AuditFinding(code=code, outcome="not applicable", severity="none", said=said, about=attribute.name)
    hits = [one for one in asked if one.p_adjusted is not None and one.p_adjusted <= alpha]
    if not hits:
        widest = max(asked, key=lambda one: _reach(one) / max(one.matters, 1e-12))
        alike = all(_reach(one) <= one.matters for one in asked)
        likely = min(asked, key=lambda one: one.p_value if one.p_value is not None else 1.0)
        if likely.p_value is not None and likely.p_value <= alpha:
            widest, state = likely, "perhaps different: asked alone it would be shown, and more rows would settle it"
        else:
            state = "alike" if alike else "no difference shown, and a large one not ruled out"
        said = f"{attribute.name}, {_TITLES[code]}: {state} ({gap_words(widest)})"
        return AuditFinding(code=code, outcome="not found", severity="none", said=said, about=attribute.name)
    worst = max(hits, key=lambda one: (_least(one) / max(one.matters, 1e-12), -float(one.p_adjusted or 0)))
    severity = _severity(code, worst, labelled)
    more = len(hits) - 1
    said = f"{attribute.name}: {gap_words(worst)}"
    if more:
        said += f"; and {more} more" + (" figure differs" if more == 1 else " figures differ")
    equal = [one for one in odds if one.attribute == attribute.name and one.label == worst.label and one.difference]
    if code == ERRORS and equal and equal[0].difference is not None:
        told = equal[0].difference
        said += f". Equalized odds differ by {points(told.mean)} ({_ends(told)})"
    return AuditFinding(
        code=code, outcome="found", severity=severity, said=said, todo=_TODO[_known_code(code)], about=attribute.name
    )


_TITLES: dict[str, str] = {
    SELECTION: "what is decided",
    ERRORS: "errors",
    MEANING: "what a decision and its probability mean",
    COST: "what errors cost",
}


def _known_code(code: str) -> Code:
    return next(one for one in _TODO if one == code)


def _severity(code: str, worst: GapFact, labelled: bool) -> Severity:
    least = _least(worst)
    if least < worst.matters:
        return "low"
    if least >= 2 * worst.matters and not (code == SELECTION and labelled):
        return "high"
    return "medium"


def _least(fact: GapFact) -> float:
    return 0.0 if fact.gap is None or fact.gap.low is None else fact.gap.low


def _reach(fact: GapFact) -> float:
    return float("inf") if fact.gap is None or fact.gap.high is None else fact.gap.high


def _partly_known(attribute: AttributeFact, facts: Sequence[GapFact]) -> AuditFinding | None:
    """Rows of no known group that could change what is found."""
    told = [one for one in facts if one.if_known is not None and one.if_known.ends is not None and one.gap is not None]
    if not told or not attribute.unknown or BETWEEN in attribute.name:
        return None
    open_ones = [
        one
        for one in told
        if one.if_known and one.if_known.ends and one.if_known.ends[1] > one.gap.mean + one.matters  # type: ignore[union-attr]
    ]
    share = attribute.unknown / (attribute.unknown + sum(attribute.rows))
    if not open_ones:
        return None
    worst = max(open_ones, key=lambda one: one.if_known.ends[1] - one.gap.mean)  # type: ignore[union-attr, index]
    assert worst.if_known is not None
    assert worst.if_known.ends is not None
    low, high = worst.if_known.ends
    said = (
        f"{attribute.name} is not known of {share:.0%} of the rows: whoever they are, the gap of the"
        f" {_named(worst)} lies between {points(low)} and {points(high)};"
        f" {points(worst.if_known.mean)} where it is known"
    )
    return AuditFinding(
        code=PARTLY, outcome="found", severity="low", said=said, todo=_PARTLY_TODO, about=attribute.name
    )


def _of_transfer(fact: TransferFact, alpha: float) -> AuditFinding:
    if fact.why:
        said = f"{fact.model} against {fact.other}: {fact.why}"
        return AuditFinding(code=TRANSFER, outcome="not applicable", severity="none", said=said)
    hits = [one for one in fact.changes if one.p_adjusted is not None and one.p_adjusted <= alpha]
    if not hits:
        said = f"{fact.model} against {fact.other}, on {fact.rows:,} rows: no gap shown to be wider or narrower"
        return AuditFinding(code=TRANSFER, outcome="not found", severity="none", said=said)
    worst = max(hits, key=lambda one: _end(one.change.low, -1.0) / max(one.matters, 1e-12))
    wider = worst.change.mean > 0
    if not wider:
        worst = min(hits, key=lambda one: _end(one.change.high, 1.0) / max(one.matters, 1e-12))
    way = "wider" if wider else "narrower"
    said = (
        f"{fact.model} has a {way} gap of {worst.attribute} than {fact.other}: {_title(worst.figure, worst.label)},"
        f" {_amount(worst.gap, worst.unit)} against {_amount(worst.other, worst.unit)} between {worst.highest} and"
        f" {worst.lowest} ({_amount(worst.change.low, worst.unit, signed=True)} to"
        f" {_amount(worst.change.high, worst.unit, signed=True)})"
    )
    if not wider:
        return AuditFinding(code=TRANSFER, outcome="found", severity="none", said=said)
    least = worst.change.low or 0.0
    severity: Severity = "medium" if least >= worst.matters else "low"
    todo = "weigh what reuse gains against what it costs this group; try another source, or more rows of the group"
    return AuditFinding(code=TRANSFER, outcome="found", severity=severity, said=said, todo=todo)


def _end(end: float | None, otherwise: float) -> float:
    return otherwise if end is None else end


def use_finding(fact: HeadUseFact, facts: Sequence[GapFact], alpha: float, *, code: str = USE) -> AuditFinding:
    """Whether a head follows what its vectors tell, in words. facts: gaps that were found, for their units."""
    if fact.why or fact.changed is None or fact.by_chance is None:
        said = f"{fact.attribute}, whether decisions follow what the vectors tell of it: {fact.why}"
        return AuditFinding(code=code, outcome="not applicable", severity="none", said=said, about=fact.attribute)
    much = f"{_amount(fact.changed.mean, 'share')} of decisions change"
    dealt = "groups are dealt at random" if code == USE else "words are exchanged at random"
    chance = f"{_amount(fact.by_chance, 'share')} where {dealt}"
    left = ""
    if fact.gap is not None and fact.without is not None:
        unit = next((one.unit for one in facts if one.attribute == fact.attribute and one.code == SELECTION), "share")
        of = f"of {fact.label} " if fact.label else ""
        before, after = (
            points(abs(one)) if unit == "share" else _amount(abs(one), unit) for one in (fact.gap, fact.without)
        )
        left = f"; the gap {of}goes from {before} to {after}"
    if fact.p_value is not None and fact.p_value <= alpha and fact.changed.mean > fact.by_chance:
        said = f"{fact.attribute}: decisions follow what the vectors tell of it. Without it {much} ({chance}){left}"
        return AuditFinding(code=code, outcome="found", severity="low", said=said, todo=_USE_TODO, about=fact.attribute)
    said = f"{fact.attribute}: decisions do not follow what the vectors tell of it. Without it {much} ({chance}){left}"
    return AuditFinding(code=code, outcome="not found", severity="none", said=said, about=fact.attribute)


def gap_words(fact: GapFact) -> str:
    """A gap as a sentence says it."""
    assert fact.gap is not None
    low = next(one for one in fact.groups if one.name == fact.lowest)
    high = next(one for one in fact.groups if one.name == fact.highest)
    return (
        f"{fact.words}: {_amount(high.mean.mean, fact.unit)} for {high.name}, {_amount(low.mean.mean, fact.unit)} for"
        f" {low.name}; {_apart(fact)}{_so_indeed(fact)}"
    )


def _so_indeed(fact: GapFact) -> str:
    if fact.so_indeed is None:
        return ""
    high, low = (_amount(one, "share") for one in fact.so_indeed)
    return f", where {high} and {low} are so indeed"


def _apart(fact: GapFact) -> str:
    assert fact.gap is not None
    if fact.unit in ("share", "points"):
        return f"{points(fact.gap.mean)} apart ({_ends(fact.gap)})"
    return f"{fact.gap.mean:.3g} {fact.unit} apart ({fact.gap.low:.3g} to {fact.gap.high:.3g})"


def _named(fact: GapFact) -> str:
    return _title(fact.figure, fact.label)


def _title(figure: str, label: str) -> str:
    return f"{figure} of {label}" if label else figure


def _amount(value: float | None, unit: str, *, signed: bool = False) -> str:
    number = 0.0 if value is None else value
    if unit == "share" and not signed:
        return f"{number:.1%}".replace("%", " %")
    if unit in ("share", "points"):
        return f"{100 * number:+.1f} points"
    return f"{number:+.3g} {unit}" if signed else f"{number:.3g} {unit}"


def points(value: float) -> str:
    """A difference of shares.

    >>> points(0.151), points(0.01)
    ('15.1 points', '1 point')
    """
    told = f"{100 * value:.1f}".removesuffix(".0")
    return f"{told} point{'' if told == '1' else 's'}"


def _ends(told: Interval) -> str:
    low, high = told.ends or (0.0, 1.0)
    return f"{100 * low:.1f} to {100 * high:.1f}"
