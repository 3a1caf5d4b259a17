"""The way from an asset to everything it hangs on, nearest first, and what is gathered along it.

Decisions: breadth first over pairs of asset and reach, so every pair is met by a shortest path and work grows with the
number of edges; an asset may be met in several ways (made from it *and* trained on its outputs), each of which counts,
only the weakest (behind a model) says nothing new about an asset that was met before. Reasons and obligations keep
their path; what many assets cause alike is counted.
"""

from collections import deque
from dataclasses import dataclass, field

from graft.governance.licences.effects import Asked, Barred
from graft.governance.licences.reach import Reach, column, row
from graft.governance.lineage import Lineage
from graft.governance.records import Obligation, Permission, Reason, Relation

Place = tuple[str, Reach]
_WHOLE = (Reach.SELF, Reach.DERIVED)


@dataclass(frozen=True)
class Walk:
    """Every asset met with its reach, nearest first.

    before: the place from which each was met first; None for the start. adapters: bases of adapters that are part of
    what was asked about, as (place of the adapter, identity of its base).
    """

    places: tuple[Place, ...]
    before: dict[Place, Place | None]
    adapters: tuple[tuple[Place, str], ...]

    def reaches(self) -> dict[str, tuple[Reach, ...]]:
        """The reaches of every asset, nearest first."""
        found: dict[str, tuple[Reach, ...]] = {}
        for identity, reach in self.places:
            found[identity] = (*found.get(identity, ()), reach)
        return found

    def path(self, place: Place) -> tuple[str, ...]:
        """Identities from the start to a place."""
        steps = []
        at: Place | None = place
        while at is not None:
            steps.append(at[0])
            at = self.before[at]
        return tuple(reversed(steps))


def walk_from(lineage: Lineage, identity: str) -> Walk:
    """The walk from an asset through its ancestors, those that are only named included."""
    start: Place = (identity, Reach.SELF)
    before: dict[Place, Place | None] = {start: None}
    adapters: list[tuple[Place, str]] = []
    steps = {identity: _steps(lineage, identity)}
    queue = deque([start])
    while queue:
        place = queue.popleft()
        one, reach = place
        following = row(reach)
        for kind, parent, adapter in steps[one]:
            if adapter and reach in _WHOLE:
                adapters.append((place, parent))
            after = following[kind]
            met = (parent, after)
            known = parent in steps
            if met in before or (known and after is Reach.BEHIND):
                continue
            before[met] = place
            queue.append(met)
            if not known:
                steps[parent] = _steps(lineage, parent)
    return Walk(tuple(before), before, tuple(adapters))


def _steps(lineage: Lineage, identity: str) -> list[tuple[int, str, bool]]:
    """The edges of an asset as (column, parent, whether it is an adapter of it)."""
    edges = lineage.parents(identity)
    return [(column(edge.relation, edge.parent), edge.parent, edge.relation is Relation.ADAPTER) for edge in edges]


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
        return tuple(sorted(found, key=lambda reason: (reason.outcome is not Permission.BLOCKED, len(reason.path))))

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
