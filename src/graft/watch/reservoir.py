"""A sample of a batch that is too large to be kept, and what is counted of all its rows.

Decisions: who is kept is decided by chance alone, never by what a row says: each row gets a random number, each group
one that a keyed hash of its name gives, and those with the smallest are kept, so the sample is uniform at every moment
and exchanging its rows (or groups) with those of a reference stays a valid test. The key is made of the first rows of
the batch: the same batch gives the same sample, and another day another one. Groups are kept whole, as many as fit by
rows, in the order of their numbers up to the first that does not; of a group that is a tenth of the sample or more as
many rows as that are kept, since tests cut groups to alike sizes anyhow. How large a piece was read at once changes
nothing. Rows with a label are kept by themselves too, since few of many rows have one; rows that the model learnt are
counted and not kept.

Vitter (1985), Random sampling with a reservoir; Broder (1997) for samples by the smallest hashes.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from graft.core.seeds import generator

MOST, OF_ONE_GROUP = 20_000, 10
KINDS, OTHERS = 10_000, "(others)"


@dataclass
class Tally:
    """How many rows have each value, for up to ten thousand values; later ones are counted together."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, values: np.ndarray) -> None:
        """values: of some rows, (n,) str."""
        names, counts = np.unique(values, return_counts=True)
        for name, count in zip(names.tolist(), counts.tolist(), strict=True):
            told = name if name in self.counts or len(self.counts) < KINDS else OTHERS
            self.counts[told] += count


@dataclass
class Lengths:
    """What is said exactly of numbers that are not kept: how many there are, their sum, the least and the most."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, values: np.ndarray) -> None:
        """values: (n,), nan where there is none."""
        there = values[np.isfinite(values)]
        if len(there):
            self.count, self.total = self.count + len(there), self.total + float(there.sum())
            self.least, self.most = min(self.least, float(there.min())), max(self.most, float(there.max()))


@dataclass(frozen=True, eq=False)
class Kept:
    """Which rows are kept, as places, rising.

    below: the smallest rank of a group (or row) that was left out; nobody from there on is ever kept. cut: ranks of
    kept groups of which some rows were left out.
    """

    places: np.ndarray
    below: float
    cut: np.ndarray


def kept(group_rank: np.ndarray | None, row_rank: np.ndarray, most: int) -> Kept:
    """The rows with the smallest ranks, whole groups where there are any.

    group_rank: the number of each row's group, (n,), None where every row is by itself. row_rank: of each row, (n,).

    >>> kept(None, np.array([0.3, 0.1, 0.7, 0.2]), 2).places.tolist()
    [1, 3]
    >>> kept(np.array([0.5, 0.1, 0.5, 0.9]), np.array([0.3, 0.1, 0.7, 0.2]), 30).places.tolist()
    [0, 1, 2, 3]
    """
    if group_rank is None:
        if len(row_rank) <= most:
            return Kept(np.arange(len(row_rank)), np.inf, np.zeros(0))
        order = np.argpartition(row_rank, most)
        return Kept(np.sort(order[:most]), float(row_rank[order[most]]), np.zeros(0))
    order = np.lexsort((row_rank, group_rank))
    starts = np.flatnonzero(np.append(True, np.diff(group_rank[order]) != 0)) if len(order) else np.zeros(0, np.int64)
    sizes = np.diff(np.append(starts, len(order)))
    largest = max(1, most // OF_ONE_GROUP)
    within = np.arange(len(order)) - np.repeat(starts, sizes)
    bounded = np.minimum(sizes, largest)
    count = int(np.searchsorted(np.cumsum(bounded), most, side="right"))
    inside = (within < largest) & (np.repeat(np.arange(len(sizes)), sizes) < count)
    below = float(group_rank[order][starts[count]]) if count < len(starts) else np.inf
    return Kept(np.sort(order[inside]), below, group_rank[order][starts[:count][sizes[:count] > largest]])


def group_ranks(groups: np.ndarray, key: bytes) -> np.ndarray:
    """A number from 0 to 1 for each row's group, by a keyed hash, (n,); the same group has the same.

    >>> ranks = group_ranks(np.array(["a", "b", "a"]), b"key")
    >>> bool(ranks[0] == ranks[2] != ranks[1])
    True
    """
    names, place = np.unique(groups, return_inverse=True)
    told = (name.encode("utf-8", "surrogatepass") for name in names.tolist())
    raw = b"".join(hashlib.blake2b(name, digest_size=8, key=key).digest() for name in told)
    return np.asarray((np.frombuffer(raw, "<u8") >> np.uint64(11)).astype(np.float64) / 2**53)[place]


def row_ranks(key: bytes, purpose: str) -> np.random.Generator:
    """The numbers of rows, drawn one after the other."""
    return generator(0, "watch", "reservoir", key.hex(), purpose)
