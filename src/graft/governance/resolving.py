"""Parents that were known by name, once somebody added what the name means.

Decisions: the records stay as they were read; the lineage alone leads on to the asset, so adding a parent later is
enough. A name that several assets answer to stays a name, and so does one that would make an asset its own ancestor,
which cards that name themselves would.
"""

from collections.abc import Iterable, Mapping

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
        for reference in {own, own.partition("@")[0], _ALSO.get(own, ""), f"name:{asset.name}", f"hf:{asset.name}"}:
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
