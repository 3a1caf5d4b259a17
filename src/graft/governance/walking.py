"""The way from an asset to everything it hangs on, nearest first.

Decisions: breadth first over pairs of asset and reach, so every pair is met by a shortest path and work grows with the
number of edges; an asset may be met in several ways (made from it *and* trained on its outputs), each of which counts,
only the weakest (behind a model) says nothing new about an asset that was met before.
"""

from collections import deque
from dataclasses import dataclass

from graft.governance.licences.reach import Reach, column, row
from graft.governance.lineage import Lineage
from graft.governance.records import Relation

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
