"""Where a watch stands: what its last check says, and since when.

Decision: only checks against the baseline of today count; what was said beside an earlier one is drawn, not continued.
"""

from dataclasses import dataclass

from graft.facts.watch import WatchCheck, WatchStory

ORDER = ("quiet", "look", "act")


@dataclass(frozen=True)
class WatchStanding:
    """last: the newest check. since: the first of the checks in a row that say the same; streak: how many they are.
    uneasy: the first of the checks in a row that are not quiet, where that is an earlier one."""

    last: WatchCheck
    since: WatchCheck
    streak: int
    uneasy: WatchCheck | None = None


def watch_standing(story: WatchStory) -> WatchStanding | None:
    """Where it stands; None before the first check."""
    checks = story.current
    if not checks:
        return None
    last, streak, uneasy = checks[-1], 0, None
    for one in reversed(checks):
        if one.outcome != last.outcome:
            break
        streak += 1
    if last.outcome != "quiet":
        for one in reversed(checks[: len(checks) - streak]):
            if one.outcome == "quiet":
                break
            uneasy = one
    return WatchStanding(last, checks[-streak], streak, uneasy)


def worst(checks: tuple[WatchCheck, ...]) -> str:
    """The worst outcome of several checks, one at least."""
    return max((one.outcome for one in checks), key=ORDER.index)
