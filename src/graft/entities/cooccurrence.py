"""Items (or anything else) from what they occur together with, in baskets or in sessions.

Two items are near when they keep the same company, and far when who likes the one dislikes the other. Kept out of the
vectors: how popular an item is, which the PMI divides away.

Decisions: the vector of an item is its row of PMI times a map that the fit learnt, so later counts move it by the same
formula, exactly and in any order, in the same directions and the same space: it is the least-squares solution with the
vectors of the contexts fixed, and at the fit itself that is the decomposition. What is kept for it are counts of pairs
and digests of the names of baskets, never who had what.

Levy, Goldberg & Dagan (2015), Improving Distributional Similarity with Lessons Learned from Word Embeddings; Brand
(2006), Fast low-rank modifications of the thin singular value decomposition, for folding in.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from graft.core.errors import BundleError, InputError
from graft.core.seeds import generator
from graft.core.vectors import unit_rows
from graft.entities.baskets import Together, count_baskets, count_sessions, new_baskets
from graft.entities.embedded import SEEN, UNKNOWN, Embedded
from graft.entities.factors import shifted_ppmi, truncated_svd
from graft.entities.fitted import FittedEmbedder, LearntState, learnt_space, require_positive
from graft.entities.liked import require_opinion, signs_of
from graft.representations.spaces import Space
from graft.rows.named import days_of, entity_ids, ids_of, read_columns, require_rows

DISTANCES = ("linear", "harmonic", "flat")
_ROUNDING = 1e-8


@dataclass(frozen=True)
class ItemsFromCooccurrence:
    """Settings: items from baskets, or from sessions when ``window`` is given.

    dimension: of the vectors, at most the number of items. basket, item, time: names of columns; ``time`` orders a
    session (a date, an ISO 8601 text or a number) and is read only with a window. window: how many steps apart two
    items of a session may be; 0 takes the whole basket as a set. distance: how a pair within the window counts
    (``linear``, ``harmonic``, ``flat``). smoothing: the power of the context distribution. negatives: the shift k of
    the PMI. power: of the singular values. least: items in fewer baskets are left out, because one chance meeting
    makes any PMI large. largest: baskets of more items are left out (robots and wholesale), and counted. normalise:
    vectors of unit length. seed: of the start vector. opinion: a column of ratings or signed numbers, "" when every row
    is a like. at_least: opinions from here on are likes; dislike_below: lower ones are dislikes; what lies between says
    nothing; without both, negative ones are dislikes and 0 says nothing. repel: what being liked where another is
    disliked counts against being liked together. updates: keep the counts, so that baskets can be added later.
    """

    dimension: int = 64
    basket: str = "basket"
    item: str = "item"
    time: str = "time"
    window: int = 0
    distance: str = "linear"
    smoothing: float = 0.75
    negatives: float = 1.0
    power: float = 0.5
    least: int = 2
    largest: int = 1000
    normalise: bool = True
    seed: int = 0
    opinion: str = ""
    at_least: float | None = None
    dislike_below: float | None = None
    repel: float = 0.25
    updates: bool = True

    def __post_init__(self) -> None:
        require_opinion(self.opinion, self.at_least, self.dislike_below)
        require_positive("repel", self.repel + 1, least=1 - 1e-9)
        for name in ("dimension", "least", "largest"):
            require_positive(name, getattr(self, name), whole=True, least=1)
        for name in ("window", "seed"):
            require_positive(name, getattr(self, name), whole=True)
        for name in ("smoothing", "negatives"):
            require_positive(name, getattr(self, name))
        require_positive("power", self.power + 1)
        if self.distance not in DISTANCES:
            raise InputError(f"distance is {self.distance!r}", needed=", ".join(DISTANCES), fix="choose one of them")

    def fit(self, baskets: object) -> "FittedCooccurrence":
        """Learn from one row per basket and item: the columns ``basket``, ``item`` and, with a window, ``time``.

        Raises InputError for no rows, a missing id or time, fewer than two items, or more dimensions than items.
        """
        counted = self.count(baskets)
        common = counted.common(self.least)
        information = self.information(common)
        if not information.count_nonzero():
            raise InputError(
                "no two items occur together more often than by chance",
                needed="baskets that differ from one another",
                fix="give more baskets, or lower negatives",
            )
        left, values = truncated_svd(information, self.dimension, rng=generator(self.seed, "cooccurrence"))
        inverse = np.divide(1.0, values, where=values > 0, out=np.zeros_like(values))
        # The left vectors U are M V / s, and V is Mᵀ U / s: the map that takes a row of M to its place.
        directions = (information.T @ left) * np.square(inverse)
        return FittedCooccurrence.placed(self, counted, common.names, directions, values)

    def count(self, baskets: object) -> Together:
        """The counts that ``fit`` learns from, of all items, also rare ones."""
        return self.counted(self.read(baskets))

    def read(self, baskets: object) -> pl.DataFrame:
        """The rows as they are counted: group, thing, sign, and with a window order; those without an opinion left out.

        Raises InputError for no rows, a missing id, time or opinion.
        """
        columns = [
            self.basket,
            self.item,
            *([self.time] if self.window else []),
            *([self.opinion] if self.opinion else []),
        ]
        frame = read_columns(baskets, list(dict.fromkeys(columns)), what="baskets")
        require_rows(frame, what="baskets")
        signs = signs_of(frame, self.opinion, at_least=self.at_least, dislike_below=self.dislike_below, what="baskets")
        group = ids_of(frame, self.basket, what="baskets").alias("group")
        thing = ids_of(frame, self.item, what="baskets").alias("thing")
        rows = pl.DataFrame([group, thing, pl.Series("sign", signs)])
        if self.window:
            rows = rows.with_columns(pl.Series("order", days_of(frame, self.time, what="baskets")))
        return rows.filter(pl.col("sign") != 0)

    def counted(self, rows: pl.DataFrame) -> Together:
        """The counts of rows as ``read`` gives them."""
        if not self.window:
            return count_baskets(rows, largest=self.largest)
        return count_sessions(rows, window=self.window, distance=self.distance, largest=self.largest)

    def information(self, common: Together) -> sparse.csr_array:
        """What each item's company says, shape (items, items): its PMI, less ``repel`` times that of being apart."""
        found = shifted_ppmi(common.pairs, smoothing=self.smoothing, negatives=self.negatives)
        if self.repel and common.apart.nnz:
            apart = shifted_ppmi(common.apart, smoothing=self.smoothing, negatives=self.negatives)
            found = sparse.csr_array(found - self.repel * apart)
        return found

    def shaping(self) -> Mapping[str, Any]:
        """The settings that change vectors."""
        columns = ("basket", "item", "time", "opinion", "updates")
        return {name: value for name, value in asdict(self).items() if name not in columns}


@dataclass(frozen=True, eq=False)
class FittedCooccurrence(FittedEmbedder):
    """Items by their company.

    ids: sorted. vectors: float32, shape (items, dimension). baskets: int64, shape (items,), how many each was in.
    contexts: names of the items of the fit, which the map is about. directions: that map, float64, shape (contexts,
    dimension). values: singular values, shape (dimension,). left_out: baskets that were too large. unplaced: items that
    met nobody more often than by chance, or that so few dimensions do not reach. counted: what updates need, None
    without. repeated: baskets given again, which did not count again.
    """

    kind: ClassVar[str] = "items-from-cooccurrence"
    settings: ItemsFromCooccurrence
    ids: tuple[str, ...]
    vectors: np.ndarray
    baskets: np.ndarray
    contexts: tuple[str, ...]
    directions: np.ndarray
    values: np.ndarray
    left_out: int = 0
    unplaced: int = 0
    counted: Together | None = None
    repeated: int = 0

    @classmethod
    def placed(
        cls,
        settings: ItemsFromCooccurrence,
        counted: Together,
        contexts: tuple[str, ...],
        directions: np.ndarray,
        values: np.ndarray,
    ) -> Self:
        """Every item with ``least`` baskets where these counts put it in the directions of a fit."""
        common = counted.common(settings.least)
        places = {name: place for place, name in enumerate(common.names)}
        information = settings.information(common)
        left = information[:, [places[name] for name in contexts]] @ directions
        weighted = left * np.power(values, settings.power, where=values > 0, out=np.zeros_like(values))
        vectors = unit_rows(weighted, tolerance=0) if settings.normalise else weighted.astype(np.float32)
        # An item without a part in these directions would be placed by rounding: it is as unknown as one never seen.
        known = np.flatnonzero(np.linalg.norm(left, axis=1) > _ROUNDING)
        ids = tuple(common.names[place] for place in known.tolist())
        return cls(
            settings, ids, vectors[known], common.baskets[known], contexts, directions, values, counted.left_out,
            len(common.names) - len(known), counted if settings.updates else None, counted.repeated,
        )  # fmt: skip

    def add_baskets(self, baskets: object) -> Self:
        """With the rows of further baskets, as ``fit`` takes them: counts as if all had been counted at once.

        Every item is solved anew against the contexts of the fit: old ones stay comparable, new ones stand among them,
        and the space is the same. The order and the division of baskets do not matter. A basket whose name was counted
        before is not counted again (``repeated`` says how many), so give whole baskets.
        Raises InputError as ``fit`` does, and for one fitted with ``updates=False``.
        """
        if self.counted is None:
            raise InputError(
                "this embedder keeps no counts", needed="one fitted with updates=True", fix="fit again with all baskets"
            )
        rows, repeated = new_baskets(self.settings.read(baskets), self.counted.counted)
        whole = self.counted if not rows.height else self.counted.joined(self.settings.counted(rows))
        whole = replace(whole, repeated=self.repeated + repeated)
        return self.placed(self.settings, whole, self.contexts, self.directions, self.values)

    @cached_property
    def space(self) -> Space:
        """The space of the vectors: that of the fit, which adding baskets does not change."""
        chosen = self.settings
        learnt = LearntState({}, {"directions": self.directions, "values": self.values}, {"contexts": self.contexts})
        return learnt_space(self.kind, learnt, chosen.dimension, shaping=chosen.shaping(), normalise=chosen.normalise)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.ids)}

    def transform(self, entities: object) -> Embedded:
        """Vectors of items: a sequence of ids, or a table with the column of items. Support: baskets so far."""
        return self.look_up(entity_ids(entities, self.settings.item, what="items").to_list())

    def look_up(self, ids: list[str]) -> Embedded:
        """Vectors of these ids, which may repeat; items that were not placed are unknown."""
        at = np.fromiter((self._places.get(name, -1) for name in ids), np.int64, len(ids))
        vectors = np.zeros((len(ids), self.settings.dimension), np.float32)
        support = np.zeros(len(ids), np.float32)
        vectors[at >= 0], support[at >= 0] = self.vectors[at[at >= 0]], self.baskets[at[at >= 0]]
        basis = tuple(SEEN if place >= 0 else UNKNOWN for place in at.tolist())
        return Embedded(tuple(ids), vectors, basis, support, np.zeros(len(ids), np.int64), self.space)

    def everything(self) -> Embedded:
        """Every item that was placed, sorted by id."""
        return self.look_up(list(self.ids))

    def state(self) -> LearntState:
        """The vectors, their ids and counts, and what updates need."""
        facts = {"embedder": asdict(self.settings), "left_out": self.left_out, "unplaced": self.unplaced}
        arrays = {
            "vectors": self.vectors, "baskets": self.baskets, "directions": self.directions, "values": self.values,
        }  # fmt: skip
        names = {"ids": self.ids, "contexts": self.contexts}
        if self.counted is not None:
            arrays |= {"counted": self.counted.counted, "counts": self.counted.baskets}
            arrays |= _half("pairs", self.counted.pairs) | _half("apart", self.counted.apart)
            names |= {"counts": self.counted.names}
        return LearntState(facts | {"repeated": self.repeated}, arrays, names)

    @classmethod
    def restore(cls, state: LearntState) -> Self:
        """The embedder with this state."""
        facts, arrays, names = state.settings, state.arrays, state.names
        if "directions" not in arrays:
            raise BundleError(
                "the items from co-occurrence were saved by an earlier version",
                needed="one that can take further baskets",
                fix="fit again",
            )
        settings = ItemsFromCooccurrence(**facts["embedder"])
        shapes = (len(names["ids"]), settings.dimension), (len(names["contexts"]), settings.dimension)
        if (arrays["vectors"].shape, arrays["directions"].shape) != shapes:
            raise ValueError("ids and vectors do not match")
        counted = None
        if "counts" in names:
            pairs, apart = (_whole(name, arrays, len(names["counts"])) for name in ("pairs", "apart"))
            counted = Together(
                names["counts"], pairs, apart, arrays["counts"], arrays["counted"], facts["left_out"], facts["repeated"]
            )
        return cls(
            settings, names["ids"], arrays["vectors"], arrays["baskets"], names["contexts"], arrays["directions"],
            arrays["values"], facts["left_out"], facts["unplaced"], counted, facts["repeated"],
        )  # fmt: skip


def _half(name: str, counts: sparse.csr_array) -> dict[str, np.ndarray]:
    """Symmetric counts as what lies above the diagonal."""
    half = sparse.triu(counts, k=1).tocoo()
    row, column = half.coords
    return {
        f"{name}/row": row.astype(np.int32), f"{name}/column": column.astype(np.int32), f"{name}/count": half.data,
    }  # fmt: skip


def _whole(name: str, arrays: Mapping[str, np.ndarray], size: int) -> sparse.csr_array:
    """The symmetric counts of which ``_half`` is given."""
    row, column, count = (arrays[f"{name}/{part}"] for part in ("row", "column", "count"))
    half = sparse.csr_array((count, (row, column)), shape=(size, size))
    whole = sparse.csr_array(half + half.T)
    whole.sort_indices()
    return whole
