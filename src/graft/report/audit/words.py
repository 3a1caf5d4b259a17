"""What audits found, in words."""

from graft.core.intervals import Interval
from graft.facts.audit import (
    SEVERITIES,
    AssociationAudit,
    Audit,
    AuditFinding,
    ErasureFact,
    ExposureAudit,
    GapChangeFact,
    GapFact,
    GroupAudit,
    LeakageAudit,
    LeakFact,
    SwapAudit,
)
from graft.report.audit.exposure_words import exposure_headline, exposure_lead
from graft.report.audit.swap_words import swap_headline, swap_reservations
from graft.report.shared.badge import Badge
from graft.report.shared.formats import NOTHING, number, plural

_VALUES = 8


def association_lines(found: AssociationAudit) -> list[str]:
    """The audit in lines: the worst first, then what was looked for and not found, then what could not be asked."""
    order = {"found": 0, "not found": 1, "not applicable": 2}
    both = sorted(
        zip(found.tests, found.findings, strict=False),
        key=lambda pair: (-SEVERITIES.index(pair[1].severity), order[pair[1].outcome]),
    )
    lines = [f"Associations in {found.of}: {_sum(found)}"]
    for fact, finding in both:
        together = " for all tests together" if len(found.tests) > 1 else ""
        p_value = "" if fact.p_adjusted is None else f"; p = {_p(fact.p_adjusted)}{together}"
        state = finding.severity if finding.severity != "none" else finding.outcome.replace("not found", "not shown")
        lines.append(f"  [{state}] {fact.name}: {finding.said}{p_value}")
        missing = [word for one in fact.lists for word in one.missing]
        if missing and finding.outcome != "not applicable":
            lines.append(f"      not known, and left out: {', '.join(missing[:8])}{' …' if len(missing) > 8 else ''}")
    for one in found.findings[len(found.tests) :]:
        lines.append(f"  [{state_words(one)}] {one.code} {one.said}")
    todos = list(dict.fromkeys(one.todo for one in found.findings if one.todo))
    return [*lines, *(f"To do: {one}." for one in todos)]


def _sum(found: AssociationAudit) -> str:
    people = [one for fact, one in zip(found.tests, found.findings, strict=False) if fact.people]
    hit = sum(one.outcome == "found" for one in people)
    asked = sum(one.outcome != "not applicable" for one in people)
    if not asked:
        return "no test about people could be made" if people else "no test was about people"
    return f"{hit} of {asked} tests about people found one"


def _p(value: float) -> str:
    return f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def group_lines(found: GroupAudit) -> list[str]:
    """The audit in lines: what was judged, the worst first, what was not found, what could not be asked, what to do."""
    judged = plural(found.rows, "row") + ("" if found.labelled else " without labels: what is decided, and no errors")
    if found.learnt:
        judged += f"; {found.learnt:,} of them learnt, judged by what the study said before it had learnt them"
    if found.left_out:
        judged += f"; {found.left_out:,} left out that it has learnt, and of which nothing like that is kept"
    lines = [f"Groups in {found.of}: {group_headline(found)}", f"  judged on {judged}"]
    for one in ordered(found.findings):
        state = one.severity if one.severity != "none" else one.outcome.replace("not found", "not shown")
        lines.append(f"  [{state}] {one.code} {one.said}")
    for attribute in found.attributes:
        few = sorted({group.name for gap in found.gaps if gap.attribute == attribute.name
                      for group in gap.groups if not group.judged})  # fmt: skip
        if attribute.unknown:
            lines.append(f"  {attribute.name}: not known of {attribute.unknown:,} rows")
        if few:
            told = ", ".join(few[:6]) + (f" and {len(few) - 6:,} more" if len(few) > 6 else "")
            lines.append(f"  {attribute.name}: too few rows in some figures for {told}")
    lines += [f"  {note}" for note in found.notes]
    todos = list(dict.fromkeys(one.todo for one in ordered(found.findings) if one.todo))
    return [*lines, *(f"To do: {one}." for one in todos)]


def ordered(findings: tuple[AuditFinding, ...]) -> list[AuditFinding]:
    """The worst first; then what was found and is no fault, what was not found, what could not be asked."""
    order = {"found": 0, "not found": 1, "not applicable": 2}
    return sorted(findings, key=lambda one: (-SEVERITIES.index(one.severity), order[one.outcome]))


def group_headline(found: GroupAudit) -> str:
    """What an audit of groups found, in one sentence."""
    asked = [one.name for one in found.attributes if "\u00d7" not in one.name]
    gaps = [one for one in found.findings if one.code in ("A301", "A302", "A303", "A304")]
    severe = [one for one in gaps if one.severity in ("high", "medium")]
    if severe:
        return f"{len(severe)} large difference{'' if len(severe) == 1 else 's'} between groups of {_and(asked)}"
    if any(one.outcome == "found" for one in gaps):
        return f"differences between groups of {_and(asked)}, none surely large"
    if any(one.outcome == "not found" for one in gaps):
        return f"no difference shown between groups of {_and(asked)}"
    return f"nothing could be compared between groups of {_and(asked)}"


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def headline(record: Audit) -> str:
    """What an audit found, in one sentence."""
    if isinstance(record, GroupAudit):
        return group_headline(record)
    if isinstance(record, SwapAudit):
        return swap_headline(record)
    if isinstance(record, ExposureAudit):
        return exposure_headline(record)
    hits = sum(one.outcome == "found" and one.severity != "none" for one in record.findings)
    if hits:
        return f"{hits} of {len(record.findings)} questions found something"
    if any(one.outcome != "not applicable" for one in record.findings):
        return "nothing was found that matters"
    return "nothing could be asked"


def lead(record: Audit) -> str:
    """What was looked at, and how sure an answer is."""
    errors = f"{100 * (1 - record.level):.3g}"
    sure = f"Where everything is treated alike, at most {errors} of 100 such audits would find anything."
    if isinstance(record, ExposureAudit):
        return exposure_lead(record) + sure
    if not isinstance(record, GroupAudit):
        return sure
    rows = f"{plural(record.rows, 'row')} {'was' if record.rows == 1 else 'were'} judged"
    rows += ". " if record.labelled else " without labels: what is decided can be compared, errors cannot. "
    of = f"Figures are of {record.favourable}. " if record.favourable else ""
    return rows + of + sure


def reservations(record: Audit) -> list[str]:
    """What a reader has to mind."""
    if isinstance(record, SwapAudit):
        return swap_reservations(record)
    if isinstance(record, ExposureAudit):
        return list(record.notes)
    if not isinstance(record, GroupAudit):
        return []
    told = []
    if record.learnt:
        told.append(
            f"{record.learnt:,} of the rows the model has learnt: they are judged by what its study said"
            " while it had not learnt them"
        )
    if record.left_out:
        told.append(f"{record.left_out:,} rows that the model has learnt were left out: it would remember them")
    told += [
        f"{one.name} is not known of {one.unknown:,} rows, which are in no group"
        for one in record.attributes
        if one.unknown
    ]
    told += [f"{count:,} rows could not be read: {code}" for code, count in record.problems.items()]
    return [*told, *record.notes]


def todos(record: Audit) -> list[str]:
    """What to do, the most pressing first."""
    return list(dict.fromkeys(one.todo for one in ordered(record.findings) if one.todo))


def audit_badge(record: Audit) -> Badge:
    """The outcome at a glance."""
    if record.severity == "high":
        return Badge("Large differences", "harms", "\u25b2")
    if record.severity == "medium":
        return Badge("Differences that matter", "harms", "\u25b2")
    if record.severity == "low":
        return Badge("Differences", "open", "\u25c6")
    if all(one.outcome == "not applicable" for one in record.findings):
        return Badge("Nothing could be judged", "tied", "?")
    return Badge("No difference shown", "tied", "=")


def state_words(one: AuditFinding) -> str:
    """The answer of a finding in a word."""
    return one.severity if one.severity != "none" else one.outcome.replace("not found", "not shown")


def state_style(one: AuditFinding) -> str:
    """The class of its colour."""
    return one.severity


def amount(value: float | None, unit: str, *, gap: bool = False, signed: bool = False) -> str:
    """A figure of a group, or a gap of two.

    >>> amount(0.243, "share"), amount(0.151, "share", gap=True), amount(-0.02, "points"), amount(3.0, "EUR")
    ('24.3 %', '15.1 points', '-2.0 points', '3 EUR')
    """
    if value is None:
        return NOTHING
    # What is nothing in the digits that are shown has no sign.
    hundred = 100 * value if abs(value) >= 0.0005 else 0.0
    if unit == "share" and not gap and not signed:
        return f"{hundred:.1f} %"
    if unit in ("share", "points"):
        return f"{hundred:+.1f} points" if signed else f"{hundred:.1f} points"
    told = number(value)
    return f"{'+' if signed and value > 0 else ''}{told} {unit}".strip()


def span_words(span: Interval, unit: str) -> str:
    """Both ends of an interval.

    >>> span_words(Interval(0.2, 0.1, 0.31), "share")
    '10.0 to 31.0'
    """
    if span.ends is None:
        return "no interval"
    if unit in ("share", "points"):
        return f"{100 * span.ends[0]:.1f} to {100 * span.ends[1]:.1f}"
    return f"{number(span.ends[0])} to {number(span.ends[1])}"


def p_words(fact: GapFact) -> str:
    """A p-value in words."""
    if fact.p_adjusted is None:
        return "not tested"
    return f"p = {_p(fact.p_adjusted)} for all together" if fact.p_adjusted >= 0.001 else "p < 0.001 for all together"


def figure_title(fact: GapFact | GapChangeFact) -> str:
    """The name of a figure, with the class or label it is of."""
    return f"{fact.figure} of {fact.label}" if fact.label else fact.figure


def leakage_lines(found: LeakageAudit) -> list[str]:
    """The audit in lines: what is told of whom first, then what was not shown, then what erasing would do."""
    hit = [one for one in found.findings if one.code == "A201" and one.outcome == "found"]
    asked = [one for one in found.attributes if not one.why_not]
    beyond = f" beyond {', '.join(found.given)}" if found.given else ""
    told = f"vectors tell {len(hit)} of {len(asked)} attributes{beyond}" if asked else "no attribute could be asked"
    lines = [f"Leakage in {found.of} ({found.rows:,} rows of {found.dimension} numbers): {told}"]
    for finding in ordered(found.findings):
        state = finding.severity if finding.severity != "none" else finding.outcome.replace("not found", "not shown")
        lines.append(f"  [{state}] {finding.code} {finding.said}")
    for fact in asked:
        lines += _leak_lines(fact, found)
    if found.erasure is not None:
        lines += _erasure_lines(found.erasure, beyond)
    if found.unmatched:
        lines.append(f"  {found.unmatched:,} rows of the file are not in the table")
    todos = list(dict.fromkeys(one.todo for one in found.findings if one.todo))
    return [*lines, *(f"To do: {one}." for one in todos)]


def _leak_lines(fact: LeakFact, found: LeakageAudit) -> list[str]:
    probes = ", ".join(f"{one.probe} {_hundred(one.area)}" for one in fact.probes)
    p_value = "" if fact.p_adjusted is None else f"; p = {_p(fact.p_adjusted)} for all that was asked"
    drawn = " (a sample)" if fact.drawn else ""
    lines = [f"      {fact.name}, {fact.rows:,} rows{drawn}: probes {probes}{p_value}"]
    if fact.in_all and fact.by_given is not None:
        whole = max(fact.in_all, key=lambda one: one.mean)
        given = ", ".join(found.given)
        lines.append(f"      without regard to {given}: {_hundred(whole)}; by {given} alone: {_hundred(fact.by_given)}")
    shown = fact.values[:_VALUES]
    values = ", ".join(f"{one.name} ({one.rows:,})" for one in shown) + (" …" if len(fact.values) > _VALUES else "")
    lines.append(f"      {'quarters' if fact.quarters else 'values'}: {values}")
    if fact.missing:
        lines.append(f"      {fact.missing:,} rows without a value are left out")
    if fact.rare:
        more = " …" if len(fact.rare) > _VALUES else ""
        lines.append(f"      left out, of too few rows: {', '.join(fact.rare[:_VALUES])}{more} ({len(fact.rare)})")
    return lines


def _erasure_lines(erasure: ErasureFact, beyond: str) -> list[str]:
    names = ", ".join(erasure.attributes) + beyond
    if erasure.why_not:
        return [f"  Erasing {names} was not measured: {erasure.why_not}"]
    done = f"Erased {names} into {erasure.into}:" if erasure.into else f"Erasing {names} would take"
    lines = [
        f"  {done} {erasure.directions} of {erasure.dimension} directions; a vector moves by"
        f" {100 * erasure.moved:.0f} % of its distance from the mean, and {100 * erasure.neighbours:.0f} % of nearest"
        f" rows stay"
    ]
    if erasure.directions >= erasure.dimension:
        lines.append("      nothing is left of the vectors: there are as many values as numbers in them, or more")
    for left in erasure.left:
        after = ", ".join(f"{one.probe} {_hundred(one.area)}" for one in left.probes)
        lines.append(f"      {left.name} is then told: {after}")
        lines.append(
            f"      in rows that the eraser did not see, a linear probe learns: {_hundred(left.unseen)};"
            f" of the nearest rows {100 * left.same_after:.0f} % have the same value ({100 * left.same_before:.0f} %"
            f" before, {100 * left.same_by_chance:.0f} % by chance)"
        )
    if erasure.task is not None:
        task = erasure.task
        lines.append(
            f"      {task.column} is told {_hundred(task.after)} after, {_hundred(task.before)} before"
            f" (a change of {100 * task.change.mean:+.1f}{_change_ends(task.change)})"
        )
    return lines


def _hundred(area: Interval) -> str:
    ends = "" if area.ends is None else f" ({100 * area.ends[0]:.0f} to {100 * area.ends[1]:.0f})"
    return f"{100 * area.mean:.0f}{ends}"


def _change_ends(change: Interval) -> str:
    return "" if change.ends is None else f", {100 * change.ends[0]:+.1f} to {100 * change.ends[1]:+.1f}"


def full_stop(text: str) -> str:
    """The text with a full stop, and otherwise as it is: it may begin with the name of a column.

    >>> full_stop("sex: alike")
    'sex: alike.'
    """
    tidy = text.strip()
    return tidy if tidy.endswith((".", "!", "?", "\u2026")) else f"{tidy}."
