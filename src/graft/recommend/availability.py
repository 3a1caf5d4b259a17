"""Which items are to be had: those of a list, or those of which a column says so.

Decision: what a column says must be plainly yes or no, or a number, of which those above 0 are yes (pieces in stock);
any other word is refused, because a list that leaves out what is there, or shows what is not, is found out by the
customers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from graft.core.errors import InputError
from graft.entities.shop import Shop
from graft.rows.events import id_column
from graft.rows.named import ids_of, read_columns, read_whole

YES, NO = (
    ("true", "yes", "y", "t", "available", "in stock"),
    ("false", "no", "n", "f", "unavailable", "out of stock", ""),
)


def available_items(shop: Shop, rows: Any = None, *, column: str = "") -> tuple[str, ...]:
    """The ids of the items of the shop that are to be had, in the order they are given.

    rows: a table of items, or the name of a file of one. column: of it, which says whether each is to be had; without
    one, all that are listed are. Without rows, a column that was kept when the shop was fitted.
    Raises InputError for a column that is not there or says neither yes nor no, and when the shop knows none of them.
    """
    if rows is None:
        if column not in shop.columns:
            raise InputError(
                f"the items have no column {column!r}",
                needed=f"one of {', '.join(map(repr, shop.columns)) or 'the columns kept at the fit: there are none'}",
                fix="name it at the fit with --keep, or give a file of what is available",
            )
        ids, said = list(shop.items.names), list(shop.columns[column])
    else:
        table = read_whole(rows, what="available items")
        known = None if shop.item_features is None else shop.item_features.settings.id
        name = known if known in table.columns else id_column("item", table.columns)
        if not name:
            raise InputError(
                f"no column of the available items is called item_id or item; there are {_shown(table.columns)}",
                needed=f"the column of ids{f', {known!r} at the fit' if known else ''}",
                fix="rename it",
            )
        frame = read_columns(table, [name, *([column] if column else [])], what="available items")
        ids = ids_of(frame, name, what="available items").to_list()
        said = frame[column].cast(pl.String).to_list() if column else ["yes"] * len(ids)
    there = tuple(one for one, word in zip(ids, said, strict=True) if _is_yes(word, one, column))
    known_ones = tuple(one for one in there if one in shop.items.places)
    if there and not known_ones:
        raise InputError(
            f"none of {len(there):,} available items is known, the first is {there[0]!r}",
            needed="ids as the events and the table of items write them",
            fix="check the column of ids, or add the items with add-items",
        )
    return known_ones


def read_available(shop: Shop, file: Path | None, column: str) -> tuple[str, ...] | None:
    """The same of a file and a column as a command names them; None when it names neither, and all are."""
    return None if file is None and not column else available_items(shop, file, column=column)


def _is_yes(word: str | None, item: str, column: str) -> bool:
    plain = "" if word is None else word.strip().lower()
    if plain in YES or plain in NO:
        return plain in YES
    try:
        return float(plain) > 0
    except ValueError:
        raise InputError(
            f"whether {item!r} is available: {word!r} in {column!r}",
            needed="yes or no, true or false, or a number",
            fix="write it so, or list the available items alone",
        ) from None


def _shown(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:20]))
