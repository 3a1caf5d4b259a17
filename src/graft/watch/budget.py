"""How the alarms that a watch may raise without drift are shared out, and what this check spent of them.

Decision: the level is the chance of a false alarm of one check, whatever it looks at: its parts are shares of it and
add up to it. Whether quality is worse than usual is another question than whether rows moved, and has the level once
more for all qualities together. What is asked over all checks together has a level of its own, once for all of them and
not once a check.
"""

from collections.abc import Mapping, Sequence

from graft.facts.watch import EVERYTHING, BudgetPart, ShiftFact

ONCE, EACH, LOOKS = "once, over all checks", "this check", "over {} checks"
BESIDE = "this check, beside what moved"


def alarm_budget(
    shifts: Sequence[ShiftFact], *, level: float, horizon: int, rest: float, apart: Mapping[str, float], qualities: int
) -> tuple[BudgetPart, ...]:
    """What a check spent. shifts: of it. rest: share of the level of detectors that are corrected together. apart: the
    share of each of the others. qualities: that may be worse than usual, and that labels may contradict. Parts of what
    moved add up to at most the level."""
    here = [one for one in shifts if one.segment != EVERYTHING]
    alone = {one.detector for one in here if not one.segment}
    parts = sorted({one.segment for one in here if one.segment})
    together = len(alone - set(apart))
    half = 0.5 if parts else 1.0
    found = []
    if together:
        what = f"{together} detectors on the whole batch, corrected for one another"
        found.append(BudgetPart(what=what, share=level * rest * half, over=EACH))
    if parts:
        what = f"{len(parts)} parts of it, by Benjamini-Hochberg"
        found.append(BudgetPart(what=what, share=level * rest * half, over=EACH))
    found += [BudgetPart(what=name, share=level * apart[name], over=EACH) for name in apart if name in alone]
    found.append(BudgetPart(what="the evidence of all checks together", share=level, over=ONCE))
    found.append(BudgetPart(what=EVERYTHING, share=level, over=LOOKS.format(f"{horizon:,}")))
    if qualities:
        what = "a quality worse than usual" if qualities == 1 else f"{qualities} qualities worse than usual, together"
        found.append(BudgetPart(what=what, share=level, over=BESIDE))
        each = ", each" if qualities > 1 else ""
        found.append(BudgetPart(what=f"labels against {qualities} estimates{each}", share=level, over=ONCE))
    return tuple(found)
