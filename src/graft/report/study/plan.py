"""What will run and why, in words, before anything is trained."""

from graft.facts.study import PlanFacts
from graft.report.shared.formats import clean, duration, plural
from graft.report.study.words import choice_name, cue_words


def plan_lines(plan: PlanFacts) -> list[str]:
    """The plan as lines of text: what runs, what was left out, what to mind, and how long it will take.

    >>> print(*plan_lines(PlanFacts(effort="quick", candidates=(), cues=(), seconds=75, budget="")), sep="\\n")
    Plan (effort: quick): 0 candidates, about 1 min 15 s.
    """
    run = [one for one in plan.candidates if one.run]
    left = [one for one in plan.candidates if not one.run]
    wide = max((len(choice_name(one)) for one in run), default=0)
    lines = [f"Plan (effort: {plan.effort}): {plural(len(run), 'candidate')}, about {duration(plan.seconds)}."]
    if plan.budget:
        lines.append(f"Each gets the same budget: {plan.budget.rstrip('.')}.")
    lines += [f"  {choice_name(one):{min(wide, 40)}}  ~{duration(one.seconds):<12} {one.reason}" for one in run]
    if left:
        lines.append("Left out:")
        lines += [f"  {choice_name(one)}: {one.reason}" for one in left]
    warned = [cue for cue in plan.cues if cue.warning]
    if warned:
        lines.append("Mind:")
        lines += [f"  {cue.source}: {cue.name} {cue_words(cue)} ({cue.meaning})" for cue in warned]
    return [clean(line).replace("\n", " ") for line in lines]
