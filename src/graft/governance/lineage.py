"""How assets descend from one another: a graph without circles, by identity.

Decisions: an asset names its parents, so edges point from child to parent; the order in which assets or edges are
given changes nothing; a circle is refused with its members named, because nothing descends from itself; a parent that
is not among the assets is kept as a name and can be asked for (``unknown``). Records stay as they were read: the
lineage alone leads on from a name to the asset that was read from there later, so adding a parent from where it is
published is enough. What somebody calls an asset is no proof of what it is: a folder that was given the parent's name
settles nothing. A name that several
assets answer to stays a name, and so does one that would make an asset its own ancestor, which cards that name
themselves would.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

from graft.core.errors import InputError
from graft.governance.reading.parents import parent_reference
from graft.governance.records import Asset, AssetKind, Edge

_ALSO = {"minilm": "hf:sentence-transformers/all-MiniLM-L6-v2"}

Edges = dict[str, tuple[Edge, ...]]


def resolved(assets: Mapping[str, Asset], edges: Edges) -> Edges:
    """The edges of every asset, leading to an asset where its parent's name has one meaning. Both by identity."""
    open_edges = [
        (child, edge)
        for child in sorted(edges)
        for edge in edges[child]
        if edge.parent not in assets and parent_reference(edge.parent)
    ]
    if not open_edges:
        return edges
    meant, found = _meanings(assets.values()), dict(edges)
    for child, edge in open_edges:
        identities = meant.get(parent_reference(edge.parent), set())
        if len(identities) == 1 and not _descends(parent := next(iter(identities)), child, found):
            known = edge.model_copy(update={"parent": parent})
            found[child] = tuple(dict.fromkeys(known if one == edge else one for one in found[child]))
    return found


def _meanings(assets: Iterable[Asset]) -> dict[str, set[str]]:
    """Which sources answer to each reference."""
    meant: dict[str, set[str]] = {}
    for asset in assets:
        if asset.kind is not AssetKind.SOURCE:
            continue
        own = asset.reference
        for reference in {own, own.partition("@")[0], _ALSO.get(own, "")}:
            if reference:
                meant.setdefault(reference, set()).add(asset.identity)
    return meant


def _descends(identity: str, ancestor: str, edges: Edges) -> bool:
    """Whether an asset is ``ancestor`` or descends from it."""
    waiting, seen = [identity], set[str]()
    while waiting:
        one = waiting.pop()
        if one == ancestor:
            return True
        if one not in seen:
            seen.add(one)
            waiting += [edge.parent for edge in edges.get(one, ())]
    return False


@dataclass(frozen=True)
class Lineage:
    """Assets by identity. Make one with ``lineage_of``, which refuses circles."""

    assets: Mapping[str, Asset]
    edges: Mapping[str, tuple[Edge, ...]]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Identities of parents that are not among the assets, sorted."""
        named = {edge.parent for edges in self.edges.values() for edge in edges}
        return tuple(sorted(named - self.assets.keys()))

    def parents(self, identity: str) -> tuple[Edge, ...]:
        """The edges of an asset in a fixed order, each once; none for an unknown parent."""
        return self.edges.get(identity, ())

    def label(self, identity: str) -> str:
        """The name of an asset for a sentence; the name it is known by, or its identity, when nothing else is known."""
        asset = self.assets.get(identity)
        if asset is None:
            return parent_reference(identity).removeprefix("name:") or identity
        return f"{asset.name} {asset.version}".strip()


def lineage_of(assets: Iterable[Asset]) -> Lineage:
    """The lineage of assets.

    Raises InputError for a circle, naming its members, and for two different assets of one identity.
    """
    found: dict[str, Asset] = {}
    for asset in assets:
        identity = asset.identity
        if found.setdefault(identity, asset) != asset:
            raise InputError(
                f"two different records have the identity {identity}: {found[identity].name!r} and {asset.name!r}",
                needed="one record for each kind and digest",
                fix="keep the later one",
            )
    stated = {identity: _ordered(asset.edges) for identity, asset in found.items()}
    edges = {identity: _ordered(one) for identity, one in resolved(found, stated).items()}
    lineage = Lineage(MappingProxyType(found), MappingProxyType(edges))
    _refuse_circles(lineage)
    return lineage


def _ordered(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Edges in a fixed order, those that say the same once: the order in which they were written means nothing."""
    found = {(edge.relation, edge.parent): edge for edge in edges}
    return tuple(found[key] for key in sorted(found))


def _refuse_circles(lineage: Lineage) -> None:
    children = {identity: [edge.parent for edge in lineage.parents(identity)] for identity in sorted(lineage.assets)}
    try:
        TopologicalSorter(children).prepare()
    except CycleError as error:
        # graphlib walks from parent to child; read backwards it says who was made from whom
        members = " was made from ".join(lineage.label(identity) for identity in reversed(error.args[1]))
        raise InputError(
            f"the lineage runs in a circle: {members}",
            needed="assets that descend from others, never from themselves",
            fix="remove the edge that is wrong",
        ) from None
