"""Who gets the attention of lists, in words."""

from collections.abc import Sequence

from graft.core.intervals import Interval
from graft.facts.audit import SEVERITIES, AuditFinding, ExposureAudit, GroupShare, RecommenderAudit, SearchAudit

_MOST_GROUPS, _MOST_FINDINGS, _WIDEST, _MOST_ROWS = 20, 12, 32, 100


def exposure_headline(found: ExposureAudit) -> str:
    """Who gets less or more of the attention, in one sentence."""
    return f"by {found.attribute}, {_sum_of_shares(found)}"


def exposure_lead(found: ExposureAudit) -> str:
    """What was looked at."""
    what = "users" if isinstance(found, RecommenderAudit) else "queries"
    of = f"{found.lists:,} {what}" + ("" if found.lists == found.of_lists else f" drawn of {found.of_lists:,}")
    return f"Lists of {found.places} for {of}, over {found.items:,} things that could be shown; {found.discount}. "


def share_rows(found: ExposureAudit) -> list[tuple[GroupShare, GroupShare | None]]:
    """The largest groups, each with what it gets against merit where that is known."""
    merits = {one.name: one for one in found.merit.groups} if found.merit else {}
    return [(one, merits.get(one.name)) for one in found.population.groups[:_MOST_ROWS]]


def ratio_words(one: GroupShare | None) -> str:
    """Times what is due, with its interval; why not, where a group was not judged."""
    if one is None:
        return ""
    return f"{_ratio(one)} ({one.why})" if one.why else _ratio(one)


def recommender_lines(found: RecommenderAudit) -> list[str]:
    """The audit of a recommender in lines: who gets less, a table of groups, findings, what to do, what to know."""
    of = f"{found.lists:,} users" + ("" if found.lists == found.of_lists else f" drawn of {found.of_lists:,}")
    head = f"Lists of {found.of} by {found.attribute}: {_sum_of_shares(found)}"
    scope = f"  lists of {found.places} for {of}, {found.items:,} items; {found.discount}"
    return [head, scope, *_table(found), *_findings(found), *_notes(found)]


def search_lines(found: SearchAudit) -> list[str]:
    """The audit of a search in lines."""
    head = f"Results of {found.of} by {found.attribute}: {_sum_of_shares(found)}"
    scope = f"  the {found.places} nearest of {found.items:,} rows, asked by {found.queries}; {found.discount}"
    return [head, scope, *_table(found), *_findings(found), *_notes(found)]


def _sum_of_shares(found: ExposureAudit) -> str:
    """Who gets less, in a sentence: against merit where it is known, else against the population."""
    test = found.merit or found.population
    alpha = 1 - found.level
    apart = [one for one in test.groups if one.p_value is not None and one.p_value <= alpha and one.ratio is not None]
    less = [one for one in apart if one.ratio is not None and one.ratio.mean < 1]
    more = [one for one in apart if one.ratio is not None and one.ratio.mean > 1]
    due = f"merit ({test.due_is})" if test.against == "merit" else test.due_is
    if not any(one.p_value is not None for one in test.groups):
        return "no group is large enough to be judged"
    if not apart:
        return f"no group is shown to get more or less attention than {due} would give"
    parts = []
    if less:
        parts.append(f"{_some(less)} {_verb(less)} less")
    if more:
        parts.append(f"{_some(more)} {_verb(more)} more")
    return f"{', '.join(parts)} attention than {due} would give"


def _some(groups: Sequence[GroupShare]) -> str:
    worst = sorted(groups, key=lambda one: abs(one.ratio.mean - 1) if one.ratio else 0.0, reverse=True)
    names = [_cut(one.name) for one in worst[:3]]
    rest = len(worst) - len(names)
    return (
        ", ".join(names[:-1])
        + (" and " if len(names) > 1 and not rest else ", " if len(names) > 1 else "")
        + (names[-1] + (f" and {rest} more" if rest else ""))
    )


def _verb(groups: Sequence[GroupShare]) -> str:
    return "gets" if len(groups) == 1 else "get"


def _table(found: ExposureAudit) -> list[str]:
    """The largest groups: what they are, what they get, and how that stands to what is due."""
    shown = found.population.groups[:_MOST_GROUPS]
    merits = {one.name: one for one in found.merit.groups} if found.merit else {}
    width = max(len(_cut(one.name)) for one in shown)
    what = "items" if isinstance(found, RecommenderAudit) else "rows"
    lines = [
        f"  {'':<{width}}  {what:>8}  {'of all':>6}  {'shown':>6}  {'to their share':<22}"
        + (f"  {'merit':>6}  to merit" if merits else "")
    ]
    for one in shown:
        line = f"  {_cut(one.name):<{width}}  {one.items:>8,.0f}  {one.due:>6.1%}  {one.share:>6.1%}"
        line += f"  {_ratio(one):<22}"
        if merits:
            by = merits.get(one.name)
            line += "" if by is None else f"  {by.due:>6.1%}  {_ratio(by)}"
        lines.append(line.rstrip())
    more = len(found.population.groups) - len(shown) + found.population.left_out
    if more:
        lines.append(f"  … and {more:,} smaller groups (the 1,000 largest in --out)")
    return lines


def _ratio(one: GroupShare) -> str:
    if one.ratio is None:
        return "nothing is due"
    if one.p_value is None:
        return f"x {one.ratio.mean:.2f} not judged"
    return f"x {one.ratio.mean:.2f}{_between(one.ratio)}"


def _between(value: Interval) -> str:
    if value.ends is None:
        return ""
    low, high = (f"{end:.0f}" if end >= 10 else f"{end:.2f}" for end in value.ends)
    return f" ({low} to {high})"


def _findings(found: ExposureAudit) -> list[str]:
    """Findings, of each code no more than a screen holds, and what to do about them."""
    lines = []
    counts: dict[str, int] = {}
    for one in sorted(found.findings, key=lambda one: (-SEVERITIES.index(one.severity), one.code, _ORDER[one.outcome])):
        counts[one.code] = counts.get(one.code, 0) + 1
        if counts[one.code] <= _MOST_FINDINGS:
            lines.append(f"  [{_state(one)}] {one.code} {one.said}")
    lines += [
        f"  … {count - _MOST_FINDINGS} more findings {code}" for code, count in counts.items() if count > _MOST_FINDINGS
    ]
    todos: dict[str, list[str]] = {}
    for one in found.findings:
        if one.todo:
            todos.setdefault(one.todo, []).append(one.code)
    return [*lines, *(f"To do ({', '.join(dict.fromkeys(codes))}): {todo}." for todo, codes in todos.items())]


_ORDER = {"found": 0, "not found": 1, "not applicable": 2}


def _state(one: AuditFinding) -> str:
    return one.severity if one.severity != "none" else one.outcome.replace("not found", "not shown")


def _notes(found: ExposureAudit) -> list[str]:
    if not found.notes:
        return []
    return ["To know:", *(f"  {one}." for one in found.notes)]


def _cut(name: str) -> str:
    return name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…"
