"""Items (or anything else) from what they occur together with, in baskets or in sessions.

Two items are near when they keep the same company. Kept out of the vectors: how popular an item is, which the PMI
divides away.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.core.seeds import generator
from graft.core.vectors import unit_rows
from graft.entities.baskets import Together, count_baskets, count_sessions
from graft.entities.embedded import SEEN, UNKNOWN, Embedded
from graft.entities.factors import shifted_ppmi, truncated_svd
from graft.entities.fitted import FittedEmbedder, LearntState, learnt_space, require_positive
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
    vectors of unit length. seed: of the start vector.
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

    def __post_init__(self) -> None:
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
        together = self.count(baskets)
        with_others = np.diff(together.pairs.indptr) > 0
        information = shifted_ppmi(together.pairs, smoothing=self.smoothing, negatives=self.negatives)
        if not information.nnz:
            raise InputError(
                "no two items occur together more often than by chance",
                needed="baskets that differ from one another",
                fix="give more baskets, or lower negatives",
            )
        left, values = truncated_svd(information, self.dimension, rng=generator(self.seed, "cooccurrence"))
        weighted = left * np.power(values, self.power, where=values > 0, out=np.zeros_like(values))
        vectors = unit_rows(weighted, tolerance=0) if self.normalise else weighted.astype(np.float32)
        # An item without a part in these directions would be placed by rounding: it is as unknown as one never seen.
        placed = np.flatnonzero(with_others & (np.linalg.norm(left, axis=1) > _ROUNDING))
        ids = tuple(together.names[place] for place in placed.tolist())
        return FittedCooccurrence(
            self, ids, vectors[placed], together.baskets[placed], together.left_out, len(with_others) - len(placed)
        )

    def count(self, baskets: object) -> Together:
        """The counts of pairs that ``fit`` learns from."""
        names = [self.basket, self.item, *([self.time] if self.window else [])]
        frame = read_columns(baskets, names, what="baskets")
        require_rows(frame, what="baskets")
        group = ids_of(frame, self.basket, what="baskets").alias("group")
        rows = pl.DataFrame([group, ids_of(frame, self.item, what="baskets").alias("thing")])
        if not self.window:
            return count_baskets(rows, largest=self.largest, least=self.least)
        rows = rows.with_columns(pl.Series("order", days_of(frame, self.time, what="baskets")))
        return count_sessions(rows, window=self.window, distance=self.distance, largest=self.largest, least=self.least)

    def shaping(self) -> Mapping[str, Any]:
        """The settings that change vectors."""
        return {name: value for name, value in asdict(self).items() if name not in ("basket", "item", "time")}


@dataclass(frozen=True, eq=False)
class FittedCooccurrence(FittedEmbedder):
    """Items by their company.

    ids: sorted. vectors: float32, shape (items, dimension). baskets: int64, shape (items,), how many each was in.
    left_out: baskets that were too large. unplaced: items that met nobody
    more often than by chance, or that so few dimensions do not reach.
    """

    kind: ClassVar[str] = "items-from-cooccurrence"
    settings: ItemsFromCooccurrence
    ids: tuple[str, ...]
    vectors: np.ndarray
    baskets: np.ndarray
    left_out: int = 0
    unplaced: int = 0

    @cached_property
    def space(self) -> Space:
        """The space of the vectors."""
        chosen = self.settings
        return learnt_space(
            self.kind, self.state(), chosen.dimension, shaping=chosen.shaping(), normalise=chosen.normalise
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.ids)}

    def transform(self, entities: object) -> Embedded:
        """Vectors of items: a sequence of ids, or a table with the column of items. Support: baskets in the fit."""
        return self.look_up(entity_ids(entities, self.settings.item, what="items").to_list())

    def look_up(self, ids: list[str]) -> Embedded:
        """Vectors of these ids, which may repeat; items that were not placed by the fit are unknown."""
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
        """The vectors, their ids and counts."""
        facts = {"embedder": asdict(self.settings), "left_out": self.left_out, "unplaced": self.unplaced}
        return LearntState(facts, {"vectors": self.vectors, "baskets": self.baskets}, {"ids": self.ids})

    @classmethod
    def restore(cls, state: LearntState) -> Self:
        """The embedder with this state."""
        facts, arrays = state.settings, state.arrays
        settings = ItemsFromCooccurrence(**facts["embedder"])
        if arrays["vectors"].shape != (len(state.names["ids"]), settings.dimension):
            raise ValueError("ids and vectors do not match")
        return cls(
            settings, state.names["ids"], arrays["vectors"], arrays["baskets"], facts["left_out"], facts["unplaced"]
        )
