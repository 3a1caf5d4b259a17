"""Names in a tree, and vectors that borrow from the branch above.

Decisions: a path such as ``Home > Kitchen > Knives`` names its own parent, and a table of children and parents names it
otherwise; the two may be mixed, and the table wins. A tree with a cycle, or a child with two parents, is refused: there
is no nearest ancestor in it. Every node has one vector, its own and its descendants' together.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from graft.core.errors import InputError


@dataclass(frozen=True)
class Tree:
    """Who is whose parent. parents: from a table; names outside it have the parent their path says.

    >>> list(Tree({}).ancestors("Home>Kitchen > Knives"))
    ['Home > Kitchen', 'Home']
    """

    parents: Mapping[str, str]
    separator: str = ">"

    def name(self, given: str) -> str:
        """A name with the spaces around its separators made alike."""
        if not self.separator or self.separator not in given:
            return given
        return self._join([part.strip() for part in given.split(self.separator) if part.strip()]) or given

    def parent(self, name: str) -> str | None:
        """The parent of a name as ``name()`` writes it; None for a root."""
        if name in self.parents:
            return self.parents[name]
        if not self.separator or self.separator not in name:
            return None
        parts = [part.strip() for part in name.split(self.separator)]
        return self._join(parts[:-1]) or None

    def ancestors(self, given: str) -> Iterator[str]:
        """The ancestors of a name, nearest first."""
        above = self.parent(self.name(given))
        while above is not None:
            yield above
            above = self.parent(above)

    def grown(self, children: pl.Series, parents: pl.Series) -> "Tree":
        """This tree with more edges; a null parent says that the child is a root, and adds nothing.

        Raises InputError for a child with two parents, or a cycle.
        """
        edges = dict(self.parents)
        for child, parent in zip(children.to_list(), parents.to_list(), strict=True):
            if parent is None:
                continue
            child, parent = self.name(child), self.name(parent)
            if edges.setdefault(child, parent) != parent:
                raise InputError(
                    f"{child!r} has two parents: {edges[child]!r} and {parent!r}",
                    needed="one parent at most",
                    fix="keep the one whose vector it should fall back to",
                )
        tree = replace(self, parents=edges)
        tree._refuse_cycles()
        return tree

    def _refuse_cycles(self) -> None:
        sound: set[str] = set()
        for child in self.parents:
            walked: dict[str, None] = {}
            at: str | None = child
            while at is not None and at not in sound:
                if at in walked:
                    names = list(walked)
                    circle = " -> ".join([*names[names.index(at) :], at])
                    raise InputError(
                        f"the tree has a cycle: {circle[:300]}", needed="a tree", fix="remove one of these edges"
                    )
                walked[at] = None
                at = self.parent(at)
            sound.update(walked)

    def _join(self, parts: list[str]) -> str:
        return f" {self.separator} ".join(parts)


@dataclass(frozen=True, eq=False)
class Branches:
    """Vectors of nodes. names: sorted, shape (nodes,). vectors: float64, shape (nodes, dimension).

    own: how much evidence each node has itself. below: the same with all of its descendants; both float64, (nodes,).
    """

    names: tuple[str, ...]
    vectors: np.ndarray
    own: np.ndarray
    below: np.ndarray


def borrow(tree: Tree, names: list[str], vectors: np.ndarray, counts: np.ndarray, *, strength: float) -> Branches:
    """The vector of every name and of every ancestor, the rarer the nearer to its parent.

    names: as ``Tree.name`` writes them, each once. vectors: mean of each name's own evidence, shape (names, dimension).
    counts: how much of it there is, positive. strength: λ, what the parent's word is worth in the same unit. With n and
    x̄ the count and mean over a node and all its descendants, its vector is

        v = (n · x̄ + λ · v(parent)) / (n + λ)

    and the mean of everything is the parent of the roots.

    Gelman & Hill (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models, equation 12.1.
    """
    sums: dict[str, np.ndarray] = {}
    below: dict[str, float] = {}
    own = dict(zip(names, counts.tolist(), strict=True))
    for place in np.argsort(np.array(names, object), kind="stable").tolist():
        share = counts[place] * vectors[place].astype(np.float64)
        for node in (names[place], *tree.ancestors(names[place])):
            sums[node] = sums[node] + share if node in sums else share
            below[node] = below.get(node, 0.0) + float(counts[place])
    everything = (counts[:, None] * vectors).sum(axis=0) / counts.sum()
    found: dict[str, np.ndarray] = {}
    for node in sorted(sums):
        chain = [node, *tree.ancestors(node)]
        above = everything
        for at in reversed(chain):
            if at not in found:
                found[at] = (sums[at] + strength * above) / (below[at] + strength)
            above = found[at]
    nodes = sorted(found)
    return Branches(
        tuple(nodes),
        np.array([found[node] for node in nodes]),
        np.array([own.get(node, 0.0) for node in nodes]),
        np.array([below[node] for node in nodes]),
    )
