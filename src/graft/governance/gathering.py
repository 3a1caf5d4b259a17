"""Reasons and obligations gathered along a walk, each with its path; what many assets cause alike is counted."""

from dataclasses import dataclass, field

from graft.governance.licences.bars import Asked, Barred
from graft.governance.records import Obligation, Outcome, Reason
from graft.governance.walking import Place, Walk

NEAREST = 20
_What = Barred | Asked


@dataclass
class _Causes:
    """What causes one thing: the nearest as (place, name), all of them by (identity, name)."""

    nearest: list[tuple[Place, str]] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)

    @property
    def more(self) -> int:
        return len(self.seen) - len(self.nearest)


@dataclass
class Gathered:
    """Causes in the order they were met, nearest first; at most ``NEAREST`` are kept of those that cause the same."""

    walk: Walk
    causes: dict[_What, _Causes] = field(default_factory=dict)

    def add(self, place: Place, name: str, what: _What) -> None:
        """Note that the asset at a place, called name, causes something. The same again from it is not new."""
        causes = self.causes.get(what)
        if causes is None:
            causes = self.causes[what] = _Causes()
        if (place[0], name) not in causes.seen:
            causes.seen.add((place[0], name))
            if len(causes.nearest) < NEAREST:
                causes.nearest.append((place, name))

    def reasons(self) -> tuple[Reason, ...]:
        """Why uses are blocked or unsettled: blocked first, else nearest first."""
        found = [
            Reason(
                outcome=what.outcome,
                use=what.use,
                text=text,
                licence=what.licence,
                clause=what.clause,
                path=self.walk.path(place),
                unblock=what.unblock,
            )
            for what, place, text in self._told()
            if isinstance(what, Barred)
        ]
        return tuple(sorted(found, key=lambda reason: (reason.outcome is not Outcome.BLOCKED, len(reason.path))))

    def obligations(self) -> tuple[Obligation, ...]:
        """What is asked, nearest first."""
        found = [
            Obligation(
                code=what.code.value, text=text, licence=what.licence, clause=what.clause, path=self.walk.path(place)
            )
            for what, place, text in self._told()
            if isinstance(what, Asked)
        ]
        return tuple(sorted(found, key=lambda obligation: len(obligation.path)))

    def _told(self) -> list[tuple[_What, Place, str]]:
        """Every cause that is listed, in words."""
        told = []
        for what, causes in self.causes.items():
            for number, (place, name) in enumerate(causes.nearest, start=1):
                last = causes.more and number == len(causes.nearest)
                rest = f" The same holds for {causes.more} more behind it." if last else ""
                told.append((what, place, f"{name}: {what.text}{rest}"))
        return told
