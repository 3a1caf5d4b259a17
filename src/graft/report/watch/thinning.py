"""Many checks as few columns of a drawing.

Decision: neighbouring checks share a column, equally many in each; nothing that asks for attention may vanish, so a
column tells the worst outcome and the highest evidence of its checks, and the newest quality.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from graft.facts.watch import QualityFact, WatchCheck
from graft.report.watch.standing import worst

MOST = 90


@dataclass(frozen=True)
class TimelineColumn:
    """Checks that are drawn as one. place: of their middle among all checks, from 0."""

    checks: tuple[WatchCheck, ...]
    place: float

    @property
    def outcome(self) -> str:
        """The worst."""
        return worst(self.checks)

    @property
    def evidence(self) -> float:
        """The highest."""
        return max(one.evidence for one in self.checks)

    @property
    def name(self) -> str:
        """Numbers and times of its checks."""
        first, last = self.checks[0], self.checks[-1]
        if first is last:
            return f"check {first.number:,} ({first.when})"
        return f"checks {first.number:,} to {last.number:,} ({first.when} to {last.when})"

    def quality(self, name: str, *, measured: bool) -> QualityFact | None:
        """The newest of a name that was estimated, or measured."""
        for check in reversed(self.checks):
            for one in check.quality:
                if one.quality == name and (one.measured if measured else one.estimated) is not None:
                    return one
        return None

    def usual(self, name: str) -> QualityFact | None:
        """The newest of a name, however it is known."""
        found = (one for check in reversed(self.checks) for one in check.quality if one.quality == name)
        return next(found, None)


def timeline_columns(checks: Sequence[WatchCheck], *, most: int = MOST) -> tuple[TimelineColumn, ...]:
    """At most so many columns, oldest first."""
    count = min(len(checks), most)
    ends = [len(checks) * place // count for place in range(count + 1)] if count else []
    return tuple(TimelineColumn(tuple(checks[low:high]), (low + high - 1) / 2) for low, high in pairwise(ends))
