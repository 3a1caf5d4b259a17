"""What audits found, in words."""

from graft.facts.audit import SEVERITIES, AssociationAudit


def association_lines(found: AssociationAudit) -> list[str]:
    """The audit in lines: the worst first, then what was looked for and not found, then what could not be asked."""
    order = {"found": 0, "not found": 1, "not applicable": 2}
    both = sorted(
        zip(found.tests, found.findings, strict=True),
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
    todos = list(dict.fromkeys(one.todo for one in found.findings if one.todo))
    return [*lines, *(f"To do: {one}." for one in todos)]


def _sum(found: AssociationAudit) -> str:
    people = [one for fact, one in zip(found.tests, found.findings, strict=True) if fact.people]
    hit = sum(one.outcome == "found" for one in people)
    asked = sum(one.outcome != "not applicable" for one in people)
    if not asked:
        return "no test about people could be made" if people else "no test was about people"
    return f"{hit} of {asked} tests about people found one"


def _p(value: float) -> str:
    return f"{value:.2g}" if value < 0.1 else f"{value:.2f}"
