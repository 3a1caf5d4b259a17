"""What a shop was made from and what was done to it since, as it stands in its folder.

Decisions: a shop lives on, so its identity in the ledger is that of its fit at its place, while the digests of its
files are said anew with each step; a new fit is another shop. Each step names the rows it read by digest. A shop holds
what people did and how items are described, so to its rows it is learnt from them and keeps them both. Steps never name
a user: that somebody was erased is in the receipt, which only its holder can read.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graft.core import foreign
from graft.core.digests import key
from graft.core.errors import BundleError
from graft.core.files import write_text
from graft.core.version import __version__
from graft.governance.descent_file import NAME as ASSETS
from graft.governance.descent_file import Descent, read_descent
from graft.governance.gates import ancestors_of
from graft.governance.licences.statements import stated_licences
from graft.governance.lineage import lineage_of
from graft.governance.records import Asset, Edge, Relation
from graft.governance.registry import Registry

LINEAGE = "lineage.json"
FIT, ADD_ITEMS, ADD_EVENTS, ERASE = "fit", "add-items", "add-events", "erase"
_DID = {FIT: "fitted on", ADD_ITEMS: "items added:", ADD_EVENTS: "events added:", ERASE: "erased:"}


class _Stated(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShopRows(_Stated):
    """Rows that were read. what: ``events``, ``items`` or ``users``. digest: of their file, or of what was read."""

    what: str
    name: str
    digest: str


class ShopStep(_Stated):
    """Something that was done. did: ``fit``, ``add-items``, ``add-events`` or ``erase``. at: UTC. said: in words."""

    did: str
    at: str
    rows: tuple[ShopRows, ...] = ()
    said: str = ""
    graft: str = __version__

    def words(self) -> str:
        """What was done, in words."""
        rows = ", ".join(f"{one.what} of {one.name}" for one in self.rows)
        return f"{_DID.get(self.did, self.did)} {rows or self.said}"


class ShopSource(_Stated):
    """A pretrained source that reads the items. reads: ``text`` or ``image``. digest: of its weights. licence: as it
    states it."""

    reads: str
    source: str
    digest: str
    revision: str = ""
    licence: str = ""

    def words(self) -> str:
        """The source, in words."""
        revision = f", revision {self.revision}" if self.revision else ""
        licence = self.licence or "no licence"
        return f"{self.reads} through {self.source} (weights {self.digest[:12]}{revision}); {licence} as it states"


class ShopOrigin(_Stated):
    """The descent of a shop, as plain facts. steps: in order, the fit first."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    schema_: Literal["graft/shop-lineage/1"] = Field(default="graft/shop-lineage/1", alias="schema")
    sources: tuple[ShopSource, ...] = ()
    steps: tuple[ShopStep, ...]

    def lines(self) -> list[str]:
        """The descent as plain lines, what was done last last."""
        steps = (f"{one.at[:10]}  {one.words()}" for one in self.steps)
        return [*(one.words() for one in self.sources), *steps]


@dataclass(frozen=True)
class ShopLineage:
    """Where a shop comes from. edges: to its source and rows. assets: these and all they descend from."""

    origin: ShopOrigin
    edges: tuple[Edge, ...]
    assets: tuple[Asset, ...]

    def stepped(self, did: str, rows: Mapping[str, Asset] = MappingProxyType({}), said: str = "") -> "ShopLineage":
        """With one thing more done to it."""
        told = tuple(ShopRows(what=what, name=one.name, digest=one.digest) for what, one in rows.items())
        # To the microsecond: two fits within a second are two assets.
        step = ShopStep(did=did, at=datetime.now(UTC).isoformat(timespec="microseconds"), rows=told, said=said)
        known = {one.identity: one for one in self.assets} | {one.identity: one for one in rows.values()}
        edges = tuple(dict.fromkeys((*self.edges, *_of_rows(rows.values()))))
        origin = self.origin.model_copy(update={"steps": (*self.origin.steps, step)})
        return replace(self, origin=origin, edges=edges, assets=tuple(known[one] for one in sorted(known)))

    def descent(self, place: Path, registry: Registry | None) -> Descent:
        """What the shop at ``place`` says it was made from. registry: the ledger whose head is noted, if any."""
        first = key(self.origin.steps[0].model_dump(mode="json"))
        assets = self.assets
        if registry is not None:
            # What people decided or read since is known by the ledger; the rest the shop brings along.
            known = {one.identity: one for one in self.assets} | {one.identity: one for one in registry.assets()}
            assets = ancestors_of(lineage_of(known.values()), (edge.parent for edge in self.edges))
        return Descent(
            name=place.absolute().name,
            edges=self.edges,
            assets=assets,
            living=hashlib.sha256(f"{place.absolute()}\n{first}".encode("utf-8", "surrogatepass")).hexdigest(),
            ledger=None if registry is None else registry.ledger.head(),
            ledger_first="" if registry is None else registry.ledger.first(),
        )


@dataclass(frozen=True)
class ReadThrough:
    """A source that items are read through. reads: ``text`` or ``image``. asset: it. weights: the digest of its
    weights."""

    reads: str
    asset: Asset
    weights: str


def fitted_from(rows: Mapping[str, Asset], sources: Iterable[ReadThrough] = ()) -> ShopLineage:
    """The lineage of a shop that was just fitted. rows: events, items, users. sources: what reads the items."""
    edges, told, assets = list(_of_rows(rows.values())), [], []
    for one in sources:
        # A map is learnt on its vectors, which are kept for every item.
        edges.append(Edge(relation=Relation.ADAPTER, parent=one.asset.identity))
        edges.append(Edge(relation=Relation.STORED_VECTORS, parent=one.asset.identity))
        assets.append(one.asset)
        told.append(
            ShopSource(
                reads=one.reads,
                source=one.asset.reference or one.asset.name,
                digest=one.weights,
                revision=one.asset.revision,
                licence=stated_licences(one.asset),
            )
        )
    edges = list(dict.fromkeys(edges))
    return ShopLineage(ShopOrigin(sources=tuple(told), steps=()), tuple(edges), tuple(assets)).stepped(FIT, rows)


def _of_rows(rows: Iterable[Asset]) -> Iterable[Edge]:
    for one in rows:
        yield Edge(relation=Relation.TRAINED_ON_DATA, parent=one.identity)
        yield Edge(relation=Relation.STORED_VECTORS, parent=one.identity)


def write_lineage(folder: Path, lineage: ShopLineage, descent: Descent) -> None:
    """Write both files into the folder of a shop."""
    write_text(folder / LINEAGE, lineage.origin.model_dump_json(indent=2) + "\n")
    write_text(folder / ASSETS, descent.model_dump_json(indent=2) + "\n")


def read_lineage(folder: Path) -> ShopLineage | None:
    """The lineage in the folder of a shop; None in one that was written without.

    Raises BundleError for a damaged one.
    """
    if not (folder / LINEAGE).is_file() or not (folder / ASSETS).is_file():
        return None
    try:
        origin = ShopOrigin.model_validate_json(foreign.read_bytes(folder / LINEAGE, limit=foreign.DOCUMENT_LIMIT))
    except ValidationError as error:
        raise BundleError(
            f"{folder / LINEAGE} is damaged", needed="the file as written", fix="copy the shop again"
        ) from error
    descent = read_descent(folder)
    return ShopLineage(origin, descent.edges, descent.assets)
