"""What exchanged identities showed, in words."""

from collections import Counter

from graft.facts.audit import SEVERITIES, AuditFinding, SwapAudit

_OF_A_GROUP = 3


def swap_lines(found: SwapAudit) -> list[str]:
    """The audit in lines: what was found that matters, the worst first, then what was not, and what could not be."""
    lines = [f"Words exchanged in texts for {found.of}: {swap_headline(found)}"]
    several: dict[str, list[tuple[AuditFinding, float]]] = {}
    for group, finding, size in _sized(found):
        several.setdefault(group, []).append((finding, size))
    for some in several.values():
        some.sort(key=lambda pair: (SEVERITIES.index(pair[0].severity), pair[1]), reverse=True)
    by_worst = sorted(several.items(), key=lambda pair: (-SEVERITIES.index(pair[1][0][0].severity), -pair[1][0][1]))
    bad: list[AuditFinding] = []
    for group, worst in by_worst:
        bad += [one for one, _ in worst]
        lines += [f"  [{one.severity}] {one.said}" for one, _ in worst[:_OF_A_GROUP]]
        if len(worst) > _OF_A_GROUP:
            lines.append(f"      and {len(worst) - _OF_A_GROUP} more about {group}, in the record (--out)")
    lines += _quiet(found)
    lines += [f"  {one}" for one in swap_reservations(found)]
    todos = {one.code: one.todo for one in reversed(bad) if one.todo}
    return [*lines, *(f"To do: {todos[code]}." for code in sorted(todos))]


def swap_reservations(found: SwapAudit) -> list[str]:
    """What a reader has to mind: how much was looked at, what matters, and what was left out."""
    told = [_amounts(found)]
    if found.neutral is not None:
        changed = "" if found.neutral.changed is None else f"change {found.neutral.changed.mean:.1%} of decisions and "
        told.append(
            f"for comparison: words that mean nobody (weekdays, colours, perhaps/maybe) {changed}move scores by"
            f" {found.neutral.moved:.3f} on average, in {found.neutral.texts:,} texts"
        )
    if found.learnt == found.rows and found.rows:
        told.append("the model has learnt all of these rows: it remembers them as they are, and not with other words")
    elif found.learnt:
        told.append(
            f"{found.learnt:,} rows that the model has learnt were left out: it would remember them as they are"
        )
    if found.beyond:
        told.append(f"{found.beyond:,} texts are too long: the model does not read as far as the words exchanged")
    if found.not_swapped:
        first = found.not_swapped[0]
        told.append(
            f"could not be exchanged in some texts, and left out there: {len(found.not_swapped)} words, most often"
            f" {first.word!r} (in {first.texts:,} texts: {first.reason})"
        )
    if found.left:
        left = ", ".join(f"{word} ({texts:,})" for word, texts in found.left[:6])
        told.append(f"may mean something else, and left as they are: {left}")
    return told


def _sized(found: SwapAudit) -> list[tuple[str, AuditFinding, float]]:
    """What matters: its group, and how much it is. Scores are told where decisions do not tell the same already."""
    told = []
    for place, fact in enumerate(found.swaps):
        decisions, scores = found.findings[2 * place : 2 * place + 2]
        if decisions.severity != "none" and fact.changed is not None:
            told.append((fact.group, decisions, fact.changed.mean))
        elif scores.severity != "none" and fact.shift is not None:
            told.append((fact.group, scores, abs(fact.shift.mean)))
    for ranking, finding in zip(found.rankings, found.findings[2 * len(found.swaps) :], strict=False):
        if finding.severity != "none":
            told.append((ranking.group, finding, -ranking.gap.mean))
    return told


def swap_headline(found: SwapAudit) -> str:
    """What an audit by exchanged words found, in one sentence."""
    if not found.mentioning:
        english = " (the words are English; give your own with --terms)" if found.terms == "the terms of Graft" else ""
        return f"none of {found.rows:,} texts mentions anybody of {found.terms}{english}"
    changed = [one for one in _of(found, "A501") if one.severity != "none"]
    moved = [one for one in _of(found, "A502") if one.severity != "none"]
    ranked = [one for one in _of(found, "A503") if one.severity != "none"]
    asked = [one for one in found.findings if one.outcome != "not applicable"]
    if not asked:
        return f"{found.mentioning:,} of {found.rows:,} texts mention somebody, too few of any two to compare"
    if not (changed or moved or ranked):
        return "nothing that matters was found"
    told = []
    if changed or any(one.outcome != "not applicable" for one in _of(found, "A501")):
        told.append(f"decisions change in {len(changed)} of {_asked(found, 'A501')} comparisons")
    told.append(f"scores move in {len(moved)} of {_asked(found, 'A502')}")
    if _asked(found, "A503"):
        told.append(f"rankings suffer in {len(ranked)} of {_asked(found, 'A503')}")
    return ", ".join(told)


def _of(found: SwapAudit, code: str) -> list[AuditFinding]:
    return [one for one in found.findings if one.code == code]


def _asked(found: SwapAudit, code: str) -> int:
    return sum(one.outcome != "not applicable" for one in _of(found, code))


def _quiet(found: SwapAudit) -> list[str]:
    """What is no fault, and what could not be asked, by how often."""
    little = sum(one.outcome == "found" and one.severity == "none" for one in found.findings)
    said: Counter[str] = Counter()
    for one in found.findings:
        if one.outcome == "not found":
            said["not settled" if one.said.endswith(": not settled") else "no difference that matters shown"] += 1
    lines = [f"  [not found] {what}: {count} comparisons" for what, count in sorted(said.items())]
    if little:
        lines.insert(0, f"  [none] sure, and too little to matter: {little} comparisons")
    few = sum(fact.p_decisions is None and fact.p_shift is None for fact in found.swaps)
    if few:
        lines.append(f"  [not applicable] too few texts: {few} comparisons of two identities")
    asked = {fact.group for fact in found.swaps}
    other = [
        one.said
        for one in found.findings
        if one.outcome == "not applicable" and not any(one.said.startswith(f"{group}: ") for group in asked)
    ]
    none = [said.partition(": ")[0] for said in other if said.endswith("holds one of its terms")]
    if none:
        lines.append(f"  [not applicable] not mentioned in any text: {', '.join(none)}")
    return [*lines, *(f"  [not applicable] {said}" for said in other if not said.endswith("holds one of its terms"))]


def _amounts(found: SwapAudit) -> str:
    drawn = "" if found.drawn == found.mentioning else f", {found.drawn:,} drawn of them"
    unit = "deviations" if found.task == "regression" else "of decisions or of a probability"
    share = f"{found.margin:g} {unit}" if found.task == "regression" else f"{found.margin:.0%} {unit}"
    more = ""
    if found.task != "regression" and found.bars[0] > found.margin:
        more = f" (here {found.bars[0]:.1%} of decisions: so many change with words that mean nobody)"
    return (
        f"{found.mentioning:,} of {found.rows:,} texts mention somebody{drawn}; {found.scored:,} texts were scored."
        f" What matters: {share}{more}"
    )
