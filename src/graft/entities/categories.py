"""Categories from what they are bought with and where they hang in a tree.

Decisions: categories are learnt from co-occurrence as items are, then each borrows from the branch above it, the rarer
the more; a category that never occurred takes the vector of its nearest known ancestor and says so. Without a tree
nothing is borrowed but the mean of all.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from graft.core.vectors import unit_rows
from graft.entities.cooccurrence import ItemsFromCooccurrence
from graft.entities.embedded import CHILDREN, PARENT, SEEN, UNKNOWN, Embedded
from graft.entities.fitted import FittedEmbedder, LearntState, learnt_space, require_positive
from graft.entities.tree import Tree, borrow
from graft.representations.spaces import Space
from graft.rows.named import entity_ids, ids_of, read_columns, require_once, words_of


@dataclass(frozen=True)
class Categories:
    """Settings: categories from baskets and a tree.

    dimension: at most the number of categories that occur. basket, category, time: columns of the baskets. child,
    parent: columns of the table of the tree. separator: between the parts of a path; "" when names are no paths.
    strength: λ, how many baskets the parent's word is worth. The rest is as in ``ItemsFromCooccurrence``.
    """

    dimension: int = 16
    basket: str = "basket"
    category: str = "category"
    time: str = "time"
    child: str = "child"
    parent: str = "parent"
    separator: str = ">"
    strength: float = 5.0
    window: int = 0
    distance: str = "linear"
    smoothing: float = 0.75
    negatives: float = 1.0
    power: float = 0.5
    largest: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        require_positive("strength", self.strength)
        self.cooccurrence()

    def cooccurrence(self) -> ItemsFromCooccurrence:
        """The settings by which the categories' own vectors are learnt: even one basket counts, for it is shrunk."""
        return ItemsFromCooccurrence(
            dimension=self.dimension,
            basket=self.basket,
            item=self.category,
            time=self.time,
            window=self.window,
            distance=self.distance,
            smoothing=self.smoothing,
            negatives=self.negatives,
            power=self.power,
            least=1,
            largest=self.largest,
            seed=self.seed,
            updates=False,
        )

    def fit(self, baskets: object, *, tree: object | None = None) -> "FittedCategories":
        """Learn from one row per basket and category, and from the tree.

        tree: a table with the columns ``child`` and ``parent``; not needed when categories are paths.
        Raises InputError for a tree with a cycle or a child with two parents, and as ``ItemsFromCooccurrence`` does.
        """
        whole = Tree({}, self.separator)
        if tree is not None:
            edges = read_columns(tree, [self.child, self.parent], what="tree")
            parents = words_of(edges, self.parent, what="tree")
            whole = whole.grown(ids_of(edges, self.child, what="tree"), parents)
        names = [self.basket, self.category, *([self.time] if self.window else [])]
        frame = read_columns(baskets, names, what="baskets")
        written = ids_of(frame, self.category, what="baskets")
        alike = {given: whole.name(given) for given in written.unique().to_list()}
        renamed = written.replace_strict(alike, return_dtype=pl.String) if alike else written
        own = self.cooccurrence().fit(frame.with_columns(renamed.alias(self.category)))
        branches = borrow(whole, list(own.ids), own.vectors, own.baskets.astype(np.float64), strength=self.strength)
        vectors = unit_rows(branches.vectors, tolerance=0)
        return FittedCategories(self, whole, branches.names, vectors, branches.own, branches.below)

    def shaping(self) -> Mapping[str, Any]:
        """The settings that change vectors."""
        columns = ("basket", "category", "time", "child", "parent")
        return {name: value for name, value in asdict(self).items() if name not in columns}


@dataclass(frozen=True, eq=False)
class FittedCategories(FittedEmbedder):
    """Categories by their company and their branch.

    names: of the nodes with evidence, sorted. vectors: float32, unit length, shape (nodes, dimension). own: baskets
    each occurred in; below: the same with all its descendants; both float64, shape (nodes,).
    """

    kind: ClassVar[str] = "categories"
    settings: Categories
    tree: Tree
    names: tuple[str, ...]
    vectors: np.ndarray
    own: np.ndarray
    below: np.ndarray

    @cached_property
    def space(self) -> Space:
        """The space of the vectors."""
        chosen = self.settings
        return learnt_space(self.kind, self.state(), chosen.dimension, shaping=chosen.shaping(), normalise=True)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def transform(self, entities: object) -> Embedded:
        """Vectors of categories: a sequence of names or paths, or a table with the column ``category``.

        A table may have a column ``parent``, which says where new categories hang. Support: baskets of the category
        and its descendants; 0 when the vector is the parent's.
        """
        ids, tree = self._read(entities)
        vectors = np.zeros((len(ids), self.settings.dimension), np.float32)
        support, basis = np.zeros(len(ids), np.float32), []
        for row, given in enumerate(ids):
            name = tree.name(given)
            known = next((node for node in (name, *tree.ancestors(name)) if node in self._places), None)
            if known is None:
                basis.append(UNKNOWN)
                continue
            place = self._places[known]
            vectors[row] = self.vectors[place]
            if known == name:
                support[row] = self.below[place]
                basis.append(SEEN if self.own[place] else CHILDREN)
            else:
                basis.append(f"{PARENT}:{known}")
        return Embedded(tuple(ids), vectors, tuple(basis), support, np.zeros(len(ids), np.int64), self.space)

    def _read(self, entities: object) -> tuple[list[str], Tree]:
        if isinstance(entities, list | tuple | np.ndarray | pl.Series):
            return entity_ids(entities, self.settings.category, what="categories").to_list(), self.tree
        chosen = self.settings
        frame = read_columns(entities, [chosen.category], what="categories", optional=[chosen.parent])
        ids = ids_of(frame, chosen.category, what="categories")
        require_once(ids, what="categories")
        if chosen.parent not in frame.columns:
            return ids.to_list(), self.tree
        return ids.to_list(), self.tree.grown(ids, words_of(frame, chosen.parent, what="categories"))

    def everything(self) -> Embedded:
        """Every node with evidence, sorted by name."""
        return self.transform(list(self.names))

    def state(self) -> LearntState:
        """The vectors, their names and counts, and the edges of the tree."""
        edges = sorted(self.tree.parents.items())
        names = {"nodes": self.names, "child": tuple(c for c, _ in edges), "parent": tuple(p for _, p in edges)}
        arrays = {"vectors": self.vectors, "own": self.own, "below": self.below}
        return LearntState({"embedder": asdict(self.settings)}, arrays, names)

    @classmethod
    def restore(cls, state: LearntState) -> Self:
        """The embedder with this state."""
        settings, names, arrays = Categories(**state.settings["embedder"]), state.names, state.arrays
        tree = Tree({}, settings.separator).grown(
            pl.Series(names["child"], dtype=pl.String), pl.Series(names["parent"], dtype=pl.String)
        )
        if arrays["vectors"].shape != (len(names["nodes"]), settings.dimension):
            raise ValueError("names and vectors do not match")
        return cls(settings, tree, names["nodes"], arrays["vectors"], arrays["own"], arrays["below"])
