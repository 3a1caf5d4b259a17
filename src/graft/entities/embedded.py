"""What an embedder answers: vectors, and what each of them rests on.

Decisions: an entity that cannot be placed is no error and gets no invented place; its vector is zero, which is equally
near to everything, and its basis says ``unknown``. Every row states its basis and how much evidence there was, so that
a caller can leave out what is too thin instead of finding out later.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl

from graft.core.digests import content_digest
from graft.representations.spaces import Space

SEEN = "seen"
CONTENT = "content"
CHILDREN = "children"
PRIOR = "prior"
PARENT = "parent"
SEGMENT = "segment"
UNKNOWN = "unknown"

MEANING = {
    SEEN: "learnt from its own interactions",
    CONTENT: "made from its text or its category",
    CHILDREN: "the mean of what lies below it in the tree",
    PARENT: "taken from its nearest known ancestor, named behind the colon",
    SEGMENT: "no history: the mean of its segment, named behind the colon",
    PRIOR: "no history: the mean of everybody",
    UNKNOWN: "nothing is known that would place it; its vector is zero",
}


@dataclass(frozen=True)
class BasisCount:
    """How many rows rest on one basis."""

    basis: str
    rows: int
    meaning: str


@dataclass(frozen=True, eq=False)
class Embedded:
    """Entities in a space.

    ids: as given, each once. vectors: float32, shape (rows, dimension). basis: for each row a word of ``MEANING``,
    followed by ``:`` and a name where one is needed (``parent:Home > Kitchen``). support: float32, shape (rows,), how
    much evidence about the entity itself is behind it, in the unit its embedder states (baskets, interactions).
    skipped: int64, shape (rows,), pieces of evidence that could not be used, such as unknown items in a history.
    """

    ids: tuple[str, ...]
    vectors: np.ndarray
    basis: tuple[str, ...]
    support: np.ndarray
    skipped: np.ndarray
    space: Space

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def known(self) -> np.ndarray:
        """Whether each row has a place at all, boolean, shape (rows,)."""
        return np.array([basis != UNKNOWN for basis in self.basis], bool)

    def take(self, rows: np.ndarray) -> "Embedded":
        """The rows at these positions, or where a boolean mask of all rows is true."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        places = rows.tolist()
        ids, basis = tuple(self.ids[place] for place in places), tuple(self.basis[place] for place in places)
        return Embedded(ids, self.vectors[rows], basis, self.support[rows], self.skipped[rows], self.space)

    def counts(self) -> tuple[BasisCount, ...]:
        """How many rows rest on what, the most frequent first."""
        words = Counter(basis.partition(":")[0] for basis in self.basis)
        ranked = sorted(words.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(BasisCount(word, rows, MEANING[word]) for word, rows in ranked)

    def frame(self) -> pl.DataFrame:
        """One row per entity, as an embedding table takes them: id, vector, digest, space, basis, support, skipped."""
        wide = np.ascontiguousarray(self.vectors, np.float32)
        vectors = pl.Series("vector", wide, pl.Array(pl.Float32, wide.shape[1])).cast(pl.List(pl.Float32))
        return pl.DataFrame(
            {
                "id": pl.Series(self.ids, dtype=pl.String),
                "vector": vectors,
                "digest": pl.Series([content_digest(row.tobytes()).hex() for row in wide], dtype=pl.String),
                "space": pl.Series([self.space.fingerprint] * len(self), dtype=pl.String),
                "basis": pl.Series(self.basis, dtype=pl.String),
                "support": self.support,
                "skipped": self.skipped,
            }
        )
