"""How often things occur together, in baskets or in sessions.

Decisions: a basket is a set, so buying two of a thing counts once, and a thing is never counted with itself; in a
basket of n things each pair counts 1/(n-1), so that every thing in it counts once in all and one huge basket does not
outvote a hundred small ones (measured on MovieLens: neighbours share more genres so); a session is a sequence, and only
what lies within a window counts, the nearer the more. Rows are sorted first, so their order changes no bit of the sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from graft.core.errors import InputError


@dataclass(frozen=True, eq=False)
class Together:
    """Counts of pairs.

    names: of the things, sorted. pairs: float64, symmetric, zero diagonal, shape (things, things). baskets: int64, in
    how many baskets or sessions each thing occurs, shape (things,). left_out: baskets with more than ``largest``
    things. rare: things in fewer than ``least`` baskets.
    """

    names: tuple[str, ...]
    pairs: sparse.csr_array
    baskets: np.ndarray
    left_out: int
    rare: int


def count_baskets(rows: pl.DataFrame, *, largest: int, least: int) -> Together:
    """Pairs within baskets. rows: text columns ``group`` and ``thing``."""
    distinct, names, left_out, rare = _distinct(rows, largest=largest, least=least)
    group = distinct["group"].rank("dense").to_numpy().astype(np.int64) - 1
    thing = _codes(distinct["thing"], names)
    inside = sparse.csr_array((np.ones(len(thing)), (group, thing)), shape=(int(group.max()) + 1, len(names)))
    inside.sort_indices()
    sizes = np.diff(inside.indptr)
    share = sparse.diags_array(1.0 / np.maximum(sizes - 1, 1))
    pairs = (inside.T @ share @ inside).tocsr()
    return Together(tuple(names), _without_self(pairs), np.bincount(thing, minlength=len(names)), left_out, rare)


def count_sessions(rows: pl.DataFrame, *, window: int, distance: str, largest: int, least: int) -> Together:
    """Pairs at most ``window`` steps apart in a session. rows: columns ``group``, ``thing``, ``order`` (a number).

    distance: what a pair d steps apart counts: ``linear`` (window - d + 1) / window, as word2vec; ``harmonic`` 1 / d,
    as GloVe; ``flat`` 1. Things of one moment are put in the order of their names, so that the order of rows does not
    matter.
    """
    distinct, names, left_out, rare = _distinct(rows, largest=largest, least=least)
    kept = distinct.select("group", "thing")
    steps = rows.join(kept, on=["group", "thing"], how="semi").sort("group", "order", "thing")
    group = steps["group"].rank("dense").to_numpy().astype(np.int64)
    thing = _codes(steps["thing"], names)
    pairs = sparse.csr_array((len(names), len(names)))
    for apart in range(1, window + 1):
        near = np.flatnonzero(group[:-apart] == group[apart:])
        if not len(near):
            break
        weight = {"linear": (window - apart + 1) / window, "harmonic": 1 / apart, "flat": 1.0}[distance]
        found = (np.full(len(near), weight), (thing[near], thing[near + apart]))
        pairs = pairs + sparse.coo_array(found, shape=pairs.shape).tocsr()
    baskets = np.bincount(_codes(distinct["thing"], names), minlength=len(names))
    return Together(tuple(names), _without_self((pairs + pairs.T).tocsr()), baskets, left_out, rare)


def _distinct(rows: pl.DataFrame, *, largest: int, least: int) -> tuple[pl.DataFrame, list[str], int, int]:
    """Each thing once in each basket, sorted; the names of the things; baskets too large; things too rare."""
    distinct = rows.select("group", "thing").unique().sort("group", "thing")
    sizes = distinct.group_by("group").len()
    too_large = sizes.filter(pl.col("len") > largest)
    distinct = distinct.join(too_large, on="group", how="anti", maintain_order="left")
    counts = distinct.group_by("thing").len()
    common = counts.filter(pl.col("len") >= least)
    rare = counts.height - common.height
    distinct = distinct.join(common, on="thing", how="semi", maintain_order="left")
    if common.height < 2:
        raise InputError(
            f"{common.height} of {rows['thing'].n_unique():,} things occur in at least {least} of"
            f" {sizes.height - too_large.height:,} baskets",
            needed="two or more of them",
            fix=f"give more rows, or lower least={least}"
            + (f" ({too_large.height:,} baskets have more than {largest:,} things)" if too_large.height else ""),
        )
    return distinct, common["thing"].sort().to_list(), too_large.height, rare


def _codes(things: pl.Series, names: Sequence[str]) -> np.ndarray:
    """The place of each thing among the sorted names."""
    codes: np.ndarray = things.cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
    return codes


def _without_self(pairs: sparse.csr_array) -> sparse.csr_array:
    pairs.setdiag(0)
    pairs.eliminate_zeros()
    pairs.sort_indices()
    if not pairs.nnz:
        raise InputError(
            "no two things ever occur together",
            needed="baskets or sessions of two things or more",
            fix="check which column names the basket: one row of it per thing",
        )
    return pairs
