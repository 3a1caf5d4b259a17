"""Signals that were declared out of bounds: what would bring them back, and whether the vectors tell them all the same.

Decisions: leaving a column out is not enough, because another may stand for it (a postcode for an origin), and what
people take may too; so every column that is used is probed before the fit and left out where it nearly names the
signal, and vectors are probed after it. The values of a forbidden column are read when they are probed and are never
kept. Numbers are told apart by quarters.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.entities.item_features import ItemFeatures
from graft.entities.shop import HOT, Shop
from graft.evidence.leakage import Leakage, probe_leakage
from graft.facts.recommend import LeakProbe
from graft.rows.attributes import attribute_of
from graft.rows.named import ids_of, read_columns

PROXY_LIMIT = 0.8

_KINDS = ("text", "category", "number", "image")


def left_out(
    rows: object, chosen: ItemFeatures, forbidden: Sequence[str], *, limit: float = PROXY_LIMIT, seed: int = 0
) -> tuple[ItemFeatures, tuple[LeakProbe, ...]]:
    """The settings without columns that stand for a forbidden one, and what the probe of each column found.

    A column is left out where even the low end of its area reaches ``limit``; 1 leaves none out. Raises InputError
    where no table has a forbidden column, or nothing but proxies is left.
    """
    if not 0.5 < limit <= 1:
        raise InputError(f"a limit of {limit} for proxies", needed="an area above .5 and at most 1", fix="use 0.8")
    probes: list[tuple[str, LeakProbe]] = []
    for name in forbidden:
        ids, classes = _classes(rows, chosen.id, name)
        for column in chosen.columns:
            kind = next(kind for kind in _KINDS if column in getattr(chosen, kind))
            alone = replace(chosen, text=(), category=(), number=(), image=(), source="")
            only: Any = {kind: (column,)}
            described = replace(alone, **only).fit(rows).transform(rows)
            there = described.usable
            at = dict(zip(ids, classes.tolist(), strict=True))
            mine = np.array([at.get(one, -1) for one in described.ids], np.int64)
            # That a cell is empty may tell it too.
            features = sparse.csr_array(sparse.hstack([described.features, sparse.csr_array(there[:, None] * 1.0)]))
            rng = generator(seed, "forbidden", name, column)
            probes.append((column, _told(name, f"the column {column!r}", features, mine, rng)))
    gone = {column for column, one in probes if one.area is not None and one.leaks and (one.area.low or 0) >= limit}
    text, category, number, image = (
        tuple(name for name in getattr(chosen, kind) if name not in gone) for kind in _KINDS
    )
    if gone and not (text or category or number or image):
        raise InputError(
            f"every column that is used stands for {', '.join(map(repr, forbidden))}: {', '.join(sorted(gone))}",
            needed="columns that say something else",
            fix="name other columns, or raise the limit of proxies",
        )
    source = chosen.source if text else ""
    told = tuple(one.model_copy(update={"left_out": column in gone}) for column, one in probes)
    return replace(chosen, text=text, category=category, number=number, image=image, source=source), told


def probe_vectors(
    shop: Shop, *, users: object | None = None, items: object | None = None, seed: int = 0
) -> tuple[LeakProbe, ...]:
    """Whether the vectors of users, and of items, tell a forbidden column of these tables. Those of no table, and of
    no column that is forbidden, are told as not probed."""
    probes = []
    for name in shop.forbidden:
        found = False
        for what, rows, features in (("user", users, shop.person_features), ("item", items, shop.item_features)):
            column = what if features is None else features.settings.id
            if rows is None or not _has(rows, name):
                continue
            found = True
            ids, classes = _classes(rows, column, name)
            known, states = (shop.people, shop.person_states) if what == "user" else (shop.items, shop.item_states)
            vectors = shop.model.user_vectors if what == "user" else shop.model.item_vectors[:, :-1]
            at = dict(zip(ids, classes.tolist(), strict=True))
            mine = np.array([at.get(one, -1) for one in known.names], np.int64)
            mine[states != HOT] = -1
            rng = generator(seed, "forbidden", name, what)
            probes.append(_told(name, f"{what} vectors", vectors, mine, rng))
        if not found:
            probes.append(
                LeakProbe(signal=name, of="vectors", why=f"not probed: give a table that has the column {name!r} again")
            )
    return tuple(probes)


def _told(
    name: str, of: str, vectors: np.ndarray | sparse.csr_array, classes: np.ndarray, rng: np.random.Generator
) -> LeakProbe:
    try:
        found: Leakage = probe_leakage(vectors, classes, rng=rng)
    except InputError as error:
        return LeakProbe(signal=name, of=of, why=f"not probed: {error.given}")
    return LeakProbe(
        signal=name, of=of, area=found.area, chance=found.chance, chance_high=found.chance_high,
        p_value=found.p_value, rows=found.rows, classes=found.classes,
    )  # fmt: skip


def _has(rows: object, name: str) -> bool:
    if isinstance(rows, str | Path) and not Path(rows).exists():
        read_columns(rows, [name], what="rows to probe")  # which says what is wrong with it
    try:
        read_columns(rows, [name], what="rows")
    except InputError:
        return False
    return True


def _classes(rows: object, id_column: str, name: str) -> tuple[list[str], np.ndarray]:
    """Ids and the class of each: a category as a number, a quarter of the numbers, -1 where it is empty."""
    frame = read_columns(rows, [id_column, name], what=f"rows of {id_column}s")
    ids = ids_of(frame, id_column, what=f"rows of {id_column}s").to_list()
    return ids, attribute_of(frame[name]).groups
