"""How often things occur together, in baskets or in sessions, and how often one is liked where another is disliked.

Decisions: a basket is a set, so buying two of a thing counts once, and a thing is never counted with itself; in a
basket of n things each pair counts 1/(n-1), so that every thing in it counts once in all and one huge basket does not
outvote a hundred small ones (measured on MovieLens: neighbours share more genres so); a session is a sequence, and only
what lies within a window counts, the nearer the more. Counts are sums over baskets and nothing else, rare things
included, so that counting more baskets later equals counting all at once; a basket that was counted is known by a
digest of its name, and is not counted again. Rows are sorted first, so their order changes no bit of the sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
import polars as pl
from scipy import sparse

from graft.core.errors import InputError


@dataclass(frozen=True, eq=False)
class Together:
    """Counts of pairs.

    names: of the things, sorted. pairs: of things that are liked in one basket, float64, symmetric, zero diagonal,
    shape (things, things). apart: the same of a thing that is liked and one that is disliked in it. baskets: int64, in
    how many baskets or sessions each thing is liked, shape (things,). counted: uint64, digests of the names of the
    baskets, sorted. left_out: baskets with more than ``largest`` things. repeated: baskets that were counted before.
    """

    names: tuple[str, ...]
    pairs: sparse.csr_array
    apart: sparse.csr_array
    baskets: np.ndarray
    counted: np.ndarray
    left_out: int = 0
    repeated: int = 0

    def common(self, least: int) -> "Together":
        """Of the things in ``least`` baskets or more, which must be two that occur together.

        Raises InputError when they are not.
        """
        kept = np.flatnonzero(self.baskets >= least)
        if len(kept) < 2:
            too_large = f" ({self.left_out:,} baskets have more than largest allows)" if self.left_out else ""
            raise InputError(
                f"{len(kept)} of {len(self.names):,} things occur in at least {least} of {len(self.counted):,} baskets",
                needed="two or more of them",
                fix=f"give more rows, or lower least={least}{too_large}",
            )
        pairs, apart = (sparse.csr_array(counts[kept][:, kept]) for counts in (self.pairs, self.apart))
        if not pairs.nnz:
            raise InputError(
                "no two things ever occur together",
                needed="baskets or sessions of two things or more",
                fix="check which column names the basket: one row of it per thing",
            )
        names = tuple(self.names[place] for place in kept.tolist())
        return replace(self, names=names, pairs=pairs, apart=apart, baskets=self.baskets[kept])

    def joined(self, other: "Together") -> "Together":
        """Both together, as if counted at once. The baskets of ``other`` must be others; see ``new_baskets``."""
        names = tuple(sorted({*self.names, *other.names}))
        places = {name: place for place, name in enumerate(names)}
        baskets = np.zeros(len(names), np.int64)
        sums = [sparse.csr_array((len(names), len(names))) for _ in range(2)]
        for one in (self, other):
            at = np.array([places[name] for name in one.names], np.int64)
            baskets[at] += one.baskets
            sums = [
                total + _moved(counts, at, len(names))
                for total, counts in zip(sums, (one.pairs, one.apart), strict=True)
            ]
        pairs, apart = (_sorted(total) for total in sums)
        counted = np.union1d(self.counted, other.counted)
        return Together(
            names, pairs, apart, baskets, counted, self.left_out + other.left_out, self.repeated + other.repeated
        )


def new_baskets(rows: pl.DataFrame, counted: np.ndarray) -> tuple[pl.DataFrame, int]:
    """The rows of baskets that were not counted before, and how many were."""
    names = rows["group"].unique()
    known = names.filter(pl.Series(np.isin(basket_digests(names.to_list()), counted)))
    return rows.filter(~pl.col("group").is_in(known.implode())), len(known)


def basket_digests(names: Sequence[str]) -> np.ndarray:
    """64 bits of each name, uint64, shape (names,)."""
    raw = b"".join(blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(raw, "<u8").astype(np.uint64)


def count_baskets(rows: pl.DataFrame, *, largest: int) -> Together:
    """Pairs within baskets. rows: text columns ``group`` and ``thing``, and where there are dislikes ``sign``."""
    distinct, names, counted, left_out = _distinct(rows, largest=largest)
    group = distinct["group"].rank("dense").to_numpy().astype(np.int64) - 1
    thing, liked = _codes(distinct["thing"], names), distinct["sign"].to_numpy() > 0
    shape = (int(group.max()) + 1 if len(group) else 0, len(names))
    likes, dislikes = (
        sparse.csr_array((np.ones(int(side.sum())), (group[side], thing[side])), shape=shape)
        for side in (liked, ~liked)
    )
    sizes = np.bincount(group, minlength=shape[0])
    share = sparse.diags_array(1.0 / np.maximum(sizes - 1, 1))
    met = sparse.csr_array(likes.T @ share @ dislikes)
    baskets = np.bincount(thing[liked], minlength=len(names))
    apart = _without_self(sparse.csr_array(met + met.T))
    return Together(
        tuple(names), _without_self((likes.T @ share @ likes).tocsr()), apart, baskets, counted, left_out
    )  # fmt: skip


def count_sessions(rows: pl.DataFrame, *, window: int, distance: str, largest: int) -> Together:
    """Pairs at most ``window`` steps apart in a session. rows: as for ``count_baskets``, and ``order`` (a number).

    distance: what a pair d steps apart counts: ``linear`` (window - d + 1) / window, as word2vec; ``harmonic`` 1 / d,
    as GloVe; ``flat`` 1. Things of one moment are put in the order of their names, so that the order of rows does not
    matter.
    """
    distinct, names, counted, left_out = _distinct(rows, largest=largest)
    steps = rows.drop("sign", strict=False).join(distinct, on=["group", "thing"]).sort("group", "order", "thing")
    group = steps["group"].rank("dense").to_numpy().astype(np.int64)
    thing, liked = _codes(steps["thing"], names), steps["sign"].to_numpy() > 0
    sums = [sparse.csr_array((len(names), len(names))) for _ in range(2)]
    for gap in range(1, window + 1):
        near = np.flatnonzero(group[:-gap] == group[gap:])
        if not len(near):
            break
        weight = {"linear": (window - gap + 1) / window, "harmonic": 1 / gap, "flat": 1.0}[distance]
        first, second = liked[near], liked[near + gap]
        for at, some in enumerate((near[first & second], near[first != second])):
            found = (np.full(len(some), weight), (thing[some], thing[some + gap]))
            sums[at] = sums[at] + sparse.coo_array(found, shape=sums[at].shape).tocsr()
    pairs, apart = (_without_self((total + total.T).tocsr()) for total in sums)
    of_likes = distinct.filter(pl.col("sign") > 0)["thing"]
    baskets = np.bincount(_codes(of_likes, names), minlength=len(names))
    return Together(tuple(names), pairs, apart, baskets, counted, left_out)


def _distinct(rows: pl.DataFrame, *, largest: int) -> tuple[pl.DataFrame, list[str], np.ndarray, int]:
    """Each thing once in each basket, sorted (what is liked and disliked in one basket is disliked there); the names of
    the things; digests of the baskets; how many are too large."""
    if "sign" not in rows.columns:
        rows = rows.with_columns(sign=pl.lit(1, pl.Int8))
    distinct = rows.group_by("group", "thing").agg(pl.col("sign").min()).sort("group", "thing")
    sizes = distinct.group_by("group").len()
    too_large = sizes.filter(pl.col("len") > largest)
    distinct = distinct.join(too_large, on="group", how="anti", maintain_order="left")
    counted = np.sort(basket_digests(sizes["group"].to_list()))
    return distinct, distinct["thing"].unique().sort().to_list(), counted, too_large.height


def _codes(things: pl.Series, names: Sequence[str]) -> np.ndarray:
    """The place of each thing among the sorted names."""
    codes: np.ndarray = things.cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
    return codes


def _moved(counts: sparse.csr_array, at: np.ndarray, size: int) -> sparse.csr_array:
    """Counts under other numbers."""
    whole = counts.tocoo()
    row, column = whole.coords
    return sparse.csr_array((whole.data, (at[row], at[column])), shape=(size, size))


def _without_self(pairs: sparse.csr_array) -> sparse.csr_array:
    pairs.setdiag(0)
    return _sorted(pairs)


def _sorted(pairs: sparse.csr_array) -> sparse.csr_array:
    pairs = sparse.csr_array(pairs)
    pairs.eliminate_zeros()
    pairs.sort_indices()
    return pairs
