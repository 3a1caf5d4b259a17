"""Attributes of a shop's items and users, and of a table's rows, by the column that says them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from graft.audit.item_groups import SEPARATOR, ItemGroups, item_groups, nearest
from graft.core.errors import InputError
from graft.entities.shop import Shop
from graft.entities.tree import Tree
from graft.rows import values
from graft.rows.events import id_column
from graft.rows.named import ids_of, read_columns, read_whole, require_once
from graft.tables.table import EmbeddingTable

_INSIDE = ("id", "vector", "space", "digest", "updated_at")


def shop_groups(shop: Shop, attribute: str, items: Any = None) -> ItemGroups:
    """Groups of a shop's items, in its order: by a table of items, a column the shop kept, or one it was fitted with.

    Raises InputError for an attribute that is nowhere, naming the nearest.
    """
    known = shop.item_features.settings.id if shop.item_features is not None else ""
    if items is not None:
        return joined_groups(items, attribute, shop.items.names, what="items", known=known)
    if attribute in shop.columns:
        return item_groups(shop.columns[attribute], attribute=attribute, what="items")
    fitted = shop.item_features
    categories = () if fitted is None else fitted.settings.category
    if fitted is not None and attribute in categories:
        groups = item_groups(_categories(shop, attribute), attribute=attribute, what="items")
        if groups.unknown:
            rare = f"the fit kept no {attribute} of fewer than {fitted.settings.least} items: --items FILE tells them"
            groups = replace(groups, note=groups.note or rare)
        return groups
    there = [*shop.columns, *categories]
    raise InputError(
        f"the shop knows no {attribute!r} of its items",
        needed=f"a column it kept or was fitted with: {', '.join(map(repr, there[:20])) or 'there are none'}",
        fix=f"{nearest(attribute, there)}or give the table of items that has it: --items FILE (items=...)",
    )


def joined_groups(rows: Any, attribute: str, names: Sequence[str], *, what: str, known: str = "") -> ItemGroups:
    """Groups of ``names`` by a table with a column of ids and the attribute. known: what the column of ids was called.

    Raises InputError for a column that is not there, for an id twice, and where no id is among the names.
    """
    table = read_whole(rows, what=what)
    if attribute not in table.columns:
        raise InputError(
            f"the {what} have no column {attribute!r}; there are {', '.join(map(repr, table.columns[:20]))}",
            needed="the column to audit by",
            fix=f"{nearest(attribute, table.columns)}name one of them",
        )
    there = [name for name in table.columns if name != attribute]
    column = known if known in there else id_column(what[:-1], there)
    if not column:
        raise InputError(
            f"no column of the {what} is called {what[:-1]}_id or {what[:-1]}; there are"
            f" {', '.join(map(repr, there[:20]))}",
            needed=f"the column of ids of the {what}",
            fix="rename it",
        )
    frame = read_columns(table, [column, attribute], what=what)
    ids = ids_of(frame, column, what=what)
    require_once(ids, what=what)
    place = dict(zip(ids.to_list(), range(len(ids)), strict=True))
    at = [place.get(name) for name in names]
    if names and not any(one is not None for one in at):
        raise InputError(
            f"none of {len(ids):,} ids of the {what} is known; the first is {ids[0] if len(ids) else ''!r}, and one"
            f" that is known is {names[0]!r}",
            needed="ids as they are written elsewhere",
            fix=f"check the column {column!r}",
        )
    return item_groups(frame[attribute].gather(pl.Series(at, dtype=pl.UInt32)), attribute=attribute, what=what)


def _categories(shop: Shop, attribute: str) -> list[str | None]:
    """The categories of each item as its features hold them, without those that they lie in."""
    fitted = shop.item_features
    assert fitted is not None
    first = 0
    for name, words in fitted.vocabularies.items():
        if name == attribute:
            break
        first += len(words)
    words = fitted.vocabularies[attribute]
    tree = Tree({}, fitted.settings.separator)
    block = sparse.csr_array(shop.items.features[:, first : first + len(words)])
    found: list[str | None] = []
    for start, stop in zip(block.indptr[:-1].tolist(), block.indptr[1:].tolist(), strict=True):
        mine = [words[column] for column in block.indices[start:stop].tolist()]
        above = {node for one in mine for node in tree.ancestors(one)}
        found.append(SEPARATOR.join(one for one in mine if one not in above) or None)
    return found


def table_groups(table: EmbeddingTable, attribute: str, merit: str = "") -> tuple[ItemGroups, np.ndarray | None]:
    """Groups of a table's rows in their order, and their merit where a column says it, shape (rows,).

    Raises InputError for columns that are not there or say something else.
    """
    there = [name for name in table.schema.names if name not in _INSIDE]
    for name in (attribute, *([merit] if merit else [])):
        if name not in there:
            raise InputError(
                f"the table has no column {name!r}; there are {', '.join(map(repr, there[:20])) or 'none'}",
                needed="a column that was embedded with its rows",
                fix=f"{nearest(name, there)}embed the rows again with it",
            )
    if attribute == merit:
        raise InputError(f"{merit!r} is the attribute and the merit", needed="two columns", fix="name another")
    frame = pl.DataFrame(table.read([attribute, *([merit] if merit else [])]))
    if not frame.height:
        raise InputError("a table without rows", needed="two rows or more", fix="embed some")
    groups = item_groups(frame[attribute], attribute=attribute, what="rows")
    return groups, _merits(frame[merit]) if merit else None


def _merits(column: pl.Series) -> np.ndarray:
    found, bad = values.numbers(column)
    if bad.any() or (found < 0).any() or not (found > 0).any():
        what = "words" if bad.any() else "negative numbers" if (found < 0).any() else "no number above 0"
        raise InputError(
            f"the column {column.name!r} is to be merit, and holds {what}",
            needed="a number of 0 or more for each row: how much attention it deserves",
            fix="name another column, or leave merit out",
        )
    return np.asarray(np.nan_to_num(found, nan=0.0))
