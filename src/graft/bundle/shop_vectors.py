"""The vectors of a shop as an embedding table, so that they are searched, compared and erased like any others.

Decisions: a table holds one side, items or users, in a space of its own that is known by what was fitted: further items
and events move vectors inside it, a new fit makes another one. Items of which nothing is known have no place and no
row. Popularity is no direction of the space, so it is a column. What left the shop leaves the newest version of the
table; older versions keep it until it is erased there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from graft.bundle.shop_lineage import ShopLineage
from graft.core.digests import array_digest, key
from graft.core.errors import InputError, SpaceMismatch
from graft.entities.embedded import CONTENT, PRIOR, SEEN, Embedded
from graft.entities.shop import COLD, HOT, Shop
from graft.governance.descent_file import read_descent
from graft.governance.records import Asset, AssetKind, Edge, Relation
from graft.governance.registry import Registry
from graft.representations.spaces import Space, fitted_space
from graft.tables.columns import OURS
from graft.tables.pointer import POINTER
from graft.tables.recording import record_living
from graft.tables.table import EmbeddingTable

ITEMS, USERS = "items", "users"
_OWN = ("basis", "support", "state", "popularity")


@dataclass(frozen=True)
class ShopExport:
    """What an export did. rows: in the table now. without_place: items that have none, and so no row."""

    table: Path
    rows: int
    inserted: int
    updated: int
    deleted: int
    without_place: int


def shop_space(shop: Shop, of: str = ITEMS) -> Space:
    """The space of a shop's vectors of ``items`` or ``users``."""
    # What never changes until the next fit, whoever is added or forgotten.
    learnt = array_digest([shop.model.factors.items.anchors, shop.content.weights, shop.context.weights])
    return fitted_space(f"recommender-{of}", learnt, shop.settings.dimension, settings=key({"of": of}))


def shop_vectors(shop: Shop, of: str = ITEMS) -> tuple[Embedded, pl.DataFrame]:
    """Vectors of all items, or users, that have a place, and further columns in the same order.

    Support is the number of interactions. Columns: ``state``; of items also ``popularity`` (an offset of the score) and
    what was kept at the fit.
    """
    if of not in (ITEMS, USERS):
        raise InputError(f"vectors of {of!r}", needed=f"{ITEMS} or {USERS}", fix="choose one of them")
    counts = shop.model.counts if of == ITEMS else shop.model.pairs.counts
    side, states = (shop.items, shop.item_states) if of == ITEMS else (shop.people, shop.person_states)
    whole = shop.model.item_vectors if of == ITEMS else shop.model.user_vectors
    basis = np.where(states == HOT, SEEN, np.where(states == COLD, PRIOR, CONTENT)).tolist()
    columns: dict[str, object] = {"state": states.tolist()}
    if of == ITEMS:
        columns["popularity"] = whole[:, -1]
        taken = {*OURS.names, *_OWN}
        columns |= {name: list(held) for name, held in shop.columns.items() if name not in taken}
    vectors = (whole[:, :-1] if of == ITEMS else whole).astype(np.float32)
    found = Embedded(
        side.names, vectors, tuple(basis), np.asarray(counts, np.float32), np.zeros(len(counts), np.int64),
        shop_space(shop, of),
    )  # fmt: skip
    placed = states != COLD if of == ITEMS else np.ones(len(states), bool)
    frame = pl.DataFrame(columns, schema_overrides={name: pl.String for name in columns if name != "popularity"})
    return found.take(placed), frame.filter(pl.Series(placed, dtype=pl.Boolean))


def export_vectors(
    shop: Shop, table: Path | str, *, of: str = ITEMS, lineage: ShopLineage | None = None, folder: Path | None = None
) -> ShopExport:
    """Write the vectors into a table, a new one or one of this very space, and record it in the ledger.

    folder: of the shop, which the table then descends from. Raises SpaceMismatch for a table of another fit or side.
    """
    place = Path(table)
    embedded, columns = shop_vectors(shop, of)
    if (place / POINTER).is_file():
        made = EmbeddingTable.open(place)
        if made.space.fingerprint != embedded.space.fingerprint:
            raise SpaceMismatch(
                f"the table {made.name!r} holds vectors of another space than the {of} of this fit",
                needed="a table of this fit: a new fit learns another space",
                fix="choose a new --table, and remove the old one when nobody uses it",
            )
    else:
        made = EmbeddingTable.create(place, embedded.space)
    rows = embedded.frame().drop("skipped").hstack(columns)
    said = made.upsert(rows.to_arrow(), strict=True)
    gone = sorted(set(made.read(["id"])["id"].to_pylist()) - set(embedded.ids))
    deleted = made.delete(gone) if gone else 0
    with Registry() as registry:
        record_living(registry, made, _edges(lineage, folder))
        for one in () if lineage is None else lineage.assets:
            registry.add_asset(one)
    names = shop.items.names if of == ITEMS else shop.people.names
    return ShopExport(place, made.count(), said.inserted, said.updated, deleted, len(names) - len(embedded))


def exported_tables(folder: Path, registry: Registry) -> Mapping[str, Asset]:
    """The tables that vectors of the shop in ``folder`` were written into, by where they were recorded."""
    living = _identity(folder)
    return {
        one.reference.removeprefix("path:"): one
        for one in registry.assets()
        if living and one.kind is AssetKind.TABLE and any(edge.parent == living for edge in one.edges)
    }


def _edges(lineage: ShopLineage | None, folder: Path | None) -> tuple[Edge, ...]:
    if lineage is None:
        return ()
    # The vectors are of the very rows the shop learnt from, and not merely outputs of a model.
    kept = tuple(edge for edge in lineage.edges if edge.relation is Relation.STORED_VECTORS)
    living = "" if folder is None else _identity(folder)
    return (Edge(relation=Relation.STORED_VECTORS, parent=living), *kept) if living else kept


def _identity(folder: Path) -> str:
    if not (folder / "assets.json").is_file():
        return ""
    return f"{AssetKind.BUNDLE}:{read_descent(folder).living}"
