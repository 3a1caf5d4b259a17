"""Items from what is written about them: their text, and the category they are filed under.

Decisions: the vector of a category is the mean of its items' text, borrowing from the branch above it when it is small,
so text and category share one set of directions and an item with a poor description is still placed near its kind.
Without a category column nothing is learnt and the space is the source's own, which text queries are in too.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from graft.core.errors import InputError
from graft.core.vectors import unit_rows
from graft.entities.embedded import CONTENT, PARENT, UNKNOWN, Embedded
from graft.entities.fitted import FittedEmbedder, LearntState, learnt_space, require_positive
from graft.entities.text import FittedText, TextEntities
from graft.entities.tree import Tree, borrow
from graft.representations.spaces import Space
from graft.rows.named import ids_of, read_columns, require_once, require_rows, texts_of, words_of


@dataclass(frozen=True)
class ItemsFromContent:
    """Settings: items from text and category.

    text: columns of text. category: a column of names or paths; "" for none. source: a reference. id: the column of
    ids. share: how much of a vector the category makes up when there is text, from 0 to 1. strength: λ, how many items
    the parent's word is worth. separator: between the parts of a path.
    """

    text: tuple[str, ...] = ("text",)
    category: str = ""
    source: str = "minilm"
    id: str = "id"
    share: float = 0.3
    strength: float = 5.0
    separator: str = ">"

    def __post_init__(self) -> None:
        self.texts()
        require_positive("strength", self.strength)
        if not 0 <= self.share <= 1:
            raise InputError(f"share is {self.share!r}", needed="a number from 0 to 1", fix="choose another share")

    def texts(self) -> TextEntities:
        """The settings of the text part."""
        return TextEntities(self.text, self.source, self.id)

    def fit(self, items: object) -> "FittedContent":
        """Learn the vectors of categories from one row per item: its id, its text and its category.

        Raises InputError for no rows, an id twice, or items without any text.
        """
        text = self.texts().fit(items)
        names = [self.id, *self.text, *([self.category] if self.category else [])]
        frame = read_columns(items, names, what="items")
        require_rows(frame, what="items")
        ids = ids_of(frame, self.id, what="items")
        require_once(ids, what="items")
        if not self.category:
            return FittedContent(self, text, (), np.zeros((0, text.source.dimension), np.float32), np.zeros(0))
        # Sorted by id, so that the encoder is given the same batches whatever order the rows came in.
        frame = frame.with_columns(ids).sort(self.id)
        tree = Tree({}, self.separator)
        filed = [None if word is None else tree.name(word) for word in words_of(frame, self.category, what="items")]
        written = texts_of(frame, self.text, what="items")
        use = [place for place, word in enumerate(filed) if word is not None and written[place]]
        if not use:
            raise InputError(
                "no item has both a text and a category", needed="some that have", fix="check the columns named"
            )
        vectors = text.encode([written[place] for place in use]).astype(np.float64)
        kinds, place = np.unique(np.array([filed[row] for row in use], object), return_inverse=True)
        counts = np.bincount(place).astype(np.float64)
        sums = np.zeros((len(kinds), vectors.shape[1]))
        np.add.at(sums, place, vectors)
        branches = borrow(tree, kinds.tolist(), sums / counts[:, None], counts, strength=self.strength)
        return FittedContent(self, text, branches.names, branches.vectors.astype(np.float32), branches.below)


@dataclass(frozen=True, eq=False)
class FittedContent(FittedEmbedder):
    """Items by their text and category.

    categories: names of the nodes with items, sorted. vectors: theirs, float32, shape (nodes, dimension). items:
    float64, shape (nodes,), how many items each and its descendants have.
    """

    kind: ClassVar[str] = "items-from-content"
    settings: ItemsFromContent
    text: FittedText
    categories: tuple[str, ...]
    vectors: np.ndarray
    items: np.ndarray

    @cached_property
    def space(self) -> Space:
        """The source's own space without categories; else one that changes with the items learnt from."""
        chosen, source = self.settings, self.text.space
        if not chosen.category:
            return source
        shaping: Mapping[str, Any] = {
            "source": source.fingerprint,
            "share": chosen.share,
            "strength": chosen.strength,
            "separator": chosen.separator,
        }
        dimension = self.text.source.dimension
        return learnt_space(self.kind, self.state(), dimension, shaping=shaping, normalise=True)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.categories)}

    def transform(self, entities: object) -> Embedded:
        """Vectors of a table with ids, text and, where there is one, the category; neither needs to be filled in.

        Basis: ``content`` where there is text or a known category, ``parent:...`` where there is no text and only an
        ancestor of the category is known. Support: 1 for text and 1 for the category itself. Skipped: 1 for a category
        of which nothing is known.
        """
        chosen = self.settings
        optional = [chosen.category] if chosen.category else []
        frame = read_columns(entities, [chosen.id, *chosen.text], what="items", optional=optional)
        ids = ids_of(frame, chosen.id, what="items")
        require_once(ids, what="items")
        texts = texts_of(frame, chosen.text, what="items")
        vectors, support = self.text.encode(texts), np.array([bool(text) for text in texts], np.float32)
        basis, skipped = [CONTENT if text else UNKNOWN for text in texts], np.zeros(len(texts), np.int64)
        if chosen.category and chosen.category in frame.columns:
            vectors = vectors.astype(np.float64)
            for row, word in enumerate(words_of(frame, chosen.category, what="items")):
                if word is None:
                    continue
                node, exact = self._nearest(word)
                if node is None:
                    skipped[row] = 1
                    continue
                share = chosen.share if texts[row] else 1.0
                vectors[row] = (1 - share) * vectors[row] + share * self.vectors[self._places[node]]
                support[row] += exact
                if not texts[row]:
                    basis[row] = CONTENT if exact else f"{PARENT}:{node}"
        if chosen.category:
            vectors = unit_rows(vectors, tolerance=0)
        return Embedded(tuple(ids), vectors, tuple(basis), support, skipped, self.space)

    def _nearest(self, word: str) -> tuple[str | None, bool]:
        """The nearest node with items at or above a category, and whether it is the category itself."""
        tree = Tree({}, self.settings.separator)
        name = tree.name(word)
        node = next((node for node in (name, *tree.ancestors(name)) if node in self._places), None)
        return node, node == name

    def state(self) -> LearntState:
        """The vectors of the categories, and which weights the text goes through."""
        facts = {"embedder": {**asdict(self.settings), "text": list(self.settings.text)}}
        facts["text"] = dict(self.text.state().settings)
        return LearntState(facts, {"vectors": self.vectors, "items": self.items}, {"categories": self.categories})

    @classmethod
    def restore(cls, state: LearntState) -> Self:
        """The embedder with this state. Raises WeightsMismatch when its source is another one now."""
        given = dict(state.settings["embedder"])
        settings = ItemsFromContent(**{**given, "text": tuple(given["text"])})
        text = FittedText.restore(LearntState(state.settings["text"], {}, {}))
        vectors = state.arrays["vectors"]
        if vectors.shape != (len(state.names["categories"]), text.source.dimension):
            raise ValueError("categories and vectors do not match")
        return cls(settings, text, state.names["categories"], vectors, state.arrays["items"])
