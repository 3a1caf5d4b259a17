"""Parents and ancestors, as documents list them.

Decision: a parent that no asset is known for is still listed, under the name it was stated by: what is missing in a
ledger must not be missing in a document.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graft.governance.emit.facts import ModelFacts
from graft.governance.reading.parents import is_repository, parent_reference
from graft.governance.records import Asset, AssetKind, Edge, Relation

DESCENT = (Relation.FINE_TUNED, Relation.ADAPTER, Relation.MERGED, Relation.QUANTISED, Relation.DISTILLED)
_KNOWN = {"minilm": "sentence-transformers/all-MiniLM-L6-v2"}
_HUB = re.compile(r"hf:(?P<name>[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?")
_DATA = (AssetKind.DATA, AssetKind.TABLE)


@dataclass(frozen=True)
class Ancestor:
    """A parent or ancestor. asset: what is known of it; None when it is known by its identity alone."""

    identity: str
    asset: Asset | None

    @property
    def is_data(self) -> bool:
        """Whether it is rows or vectors, and not a model."""
        kind = self.asset.kind if self.asset else self.identity.partition(":")[0]
        return kind in _DATA

    @property
    def reference(self) -> str:
        """How it is found, as far as that is known."""
        return self.asset.reference if self.asset else parent_reference(self.identity)

    @property
    def name(self) -> str:
        """What to call it."""
        named = self.asset.name if self.asset else hub_name(self.reference) or self.reference.removeprefix("name:")
        return named or self.identity

    @property
    def version(self) -> str:
        """Its version or revision; empty when none is known."""
        return (self.asset.version or self.asset.revision) if self.asset else hub_revision(self.reference)


def ancestors(facts: ModelFacts) -> dict[str, Ancestor]:
    """Every ancestor by its identity: the known ones as they are given, then those known by identity alone."""
    found = {asset.identity: Ancestor(asset.identity, asset) for asset in facts.lineage}
    edges = (*facts.edges, *(edge for asset in facts.lineage for edge in asset.edges))
    for identity in (*(edge.parent for edge in edges), *facts.tested_on):
        found.setdefault(identity, Ancestor(identity, None))
    return found


def parents(edges: Iterable[Edge], known: Mapping[str, Ancestor]) -> tuple[tuple[Edge, Ancestor], ...]:
    """Each edge with the ancestor it leads to, the same edge once."""
    return tuple((edge, known[edge.parent]) for edge in dict.fromkeys(edges))


def hub_name(reference: str) -> str:
    """The repository of the Hub a reference leads to; empty when it leads elsewhere.

    >>> hub_name("hf:BAAI/bge-small-en@5c38ec7"), hub_name("minilm"), hub_name("path:./mine")
    ('BAAI/bge-small-en', 'sentence-transformers/all-MiniLM-L6-v2', '')
    """
    match = _HUB.fullmatch(reference)
    return match["name"] if match else _KNOWN.get(reference, "")


def hub_parent(ancestor: Ancestor) -> str:
    """The repository of the Hub an ancestor is; empty for one that lies elsewhere, or may: what is known by name alone,
    and is named like a folder or without an owner, is no proof that the Hub has it.

    >>> hub_parent(Ancestor("source:ref:hf:org/name", None)), hub_parent(Ancestor("source:ref:hf:out/epoch-3", None))
    ('org/name', '')
    """
    name = hub_name(ancestor.reference)
    return name if ancestor.asset is not None or is_repository(name) else ""


def hub_revision(reference: str) -> str:
    """The revision a reference of the Hub is pinned to; empty when it is not."""
    match = _HUB.fullmatch(reference)
    return (match["revision"] or "") if match else ""


def hub_address(ancestor: Ancestor) -> str:
    """The address of an ancestor on the Hub; empty when it is not there."""
    name = hub_name(ancestor.reference)
    if not name:
        return ""
    folder = "datasets/" if ancestor.is_data else ""
    revision = hub_revision(ancestor.reference)
    return f"https://huggingface.co/{folder}{name}" + (f"/tree/{revision}" if revision else "")
