"""What is known about items, or users, as features: words, categories with what they lie in, numbers, and vectors of
text and pictures.

Decisions: every column is a block of its own with rows of length one, so that a long text does not outvote a category;
a category counts with everything it lies in, so one that was never seen still says what it is a kind of; what a row
does not say is zero, never a guess, and how much of a row is known is told beside it. Words are TF-IDF, because on rich
content they find the very tag that a text vector blurs; a pretrained source adds its vectors when it is named.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl
from scipy import sparse

from graft.core.errors import InputError
from graft.core.several import several
from graft.entities.fitted import LearntState, require_positive
from graft.entities.top_lists import top_lists
from graft.entities.tree import Tree
from graft.rows import values
from graft.rows.lists import in_brackets
from graft.rows.named import ids_of, read_columns, require_once, texts_of

if TYPE_CHECKING:
    from graft.entities.pictures import FittedPictures
    from graft.entities.text import FittedText

_REACH = 3.0
_MOST_WORDS = 200_000
# Letters that are written without spaces: Thai, Lao, Burmese, Khmer, Japanese syllables, Chinese characters.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = rf"[{_UNSPACED}]+|[\w--[{_UNSPACED}]]{{2,}}"
_IN_UNSPACED = re.compile(f"[{_UNSPACED}]")
_CELLS, _ALIKE = 8_000_000, 1e-6


@dataclass(frozen=True)
class ItemFeatures:
    """Settings. id: the column of ids. text, category, number: columns of each kind. source: a pretrained source for
    the text beside its words; "" for none. separator: between the parts of a path such as ``Home > Kitchen``. several:
    between categories of one cell, as in ``Comedy|Drama``. least: words and categories of fewer rows are left out.
    image: a column of pictures, names of files or encoded bytes; at most one. image_source: the source that reads them.
    """

    id: str = "item"
    text: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    source: str = ""
    separator: str = ">"
    several: str = "|"
    least: int = 2
    image: tuple[str, ...] = ()
    image_source: str = "lite0"

    def __post_init__(self) -> None:
        require_positive("least", self.least, whole=True, least=1)
        if len(self.image) > 1:
            raise InputError(
                f"{len(self.image)} columns of pictures", needed="one", fix="name the one that shows the item"
            )
        columns = [self.id, *self.columns]
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise InputError(
                f"the column {twice[0]!r} is named twice", needed="each column for one use", fix="name it once"
            )
        if self.source and not self.text:
            raise InputError(
                f"the source {self.source!r} without text",
                needed="columns of text for it",
                fix="name them, or no source",
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that say something."""
        return (*self.text, *self.category, *self.number, *self.image)

    def fit(self, rows: object) -> "FittedFeatures":
        """Learn words, categories and scales from one row per item. Raises InputError for missing or repeated ids."""
        frame = self.read(rows)
        vocabularies, weights = {}, {}
        for name in (*self.text, *self.category):
            said = self.words(frame, name) if name in self.text else self.nodes(frame, name)
            names, rarity = _vocabulary(said, self.least if frame.height > 4 * self.least else 1)
            vocabularies[name], weights[name] = names, rarity
        scales = {name: _scale(values.numbers(frame[name])[0]) for name in self.number}
        text = None
        if self.source:
            from graft.entities.text import TextEntities

            text = TextEntities(self.text, self.source, self.id).fit(frame)
        pictures = None
        if self.image:
            from graft.entities.pictures import FittedPictures, folder_of

            pictures = FittedPictures.fit(frame[self.image[0]], self.image_source, folder=folder_of(rows))
        return FittedFeatures(self, vocabularies, weights, scales, text, pictures)

    def read(self, rows: object) -> pl.DataFrame:
        """The ids as text and the columns named."""
        frame = read_columns(rows, [self.id, *self.columns], what=f"rows of {self.id}s")
        ids = ids_of(frame, self.id, what=f"rows of {self.id}s")
        require_once(ids, what=f"rows of {self.id}s")
        return frame.with_columns(ids.alias(self.id))

    def words(self, frame: pl.DataFrame, name: str) -> list[list[str]]:
        """The words of each row, lower case, of two letters or more; where no spaces are written, pairs of letters.

        >>> ItemFeatures(text=("name",)).words(pl.DataFrame({"name": ["Green tea", "绿茶叶 x9", "茶"]}), "name")
        [['green', 'tea'], ['绿茶', '茶叶', 'x9'], ['茶']]
        """
        written = pl.Series(texts_of(frame, (name,), what=f"rows of {self.id}s"), dtype=pl.String)
        # The same letter has several codes: one of an accent apart, one of half its width.
        written = written.str.normalize("NFKC").str.to_lowercase()
        found: list[list[str]] = written.str.extract_all(_WORD).to_list()
        for row in written.str.contains(f"[{_UNSPACED}]").arg_true().to_list():
            found[row] = [part for word in found[row] for part in _pairs(word)]
        return found

    def nodes(self, frame: pl.DataFrame, name: str) -> list[list[str]]:
        """The categories of each row and all they lie in, each once."""
        tree, found = Tree({}, self.separator), []
        column = frame[name]
        if isinstance(column.dtype, pl.List | pl.Array):
            cells = [
                None if cell is None else [str(one) for one in cell if one is not None] for cell in column.to_list()
            ]
        else:
            cells = [None if word is None else self._parts(word) for word in values.written_names(column).to_list()]
        for cell in cells:
            named = [tree.name(part.strip()) for part in cell or () if part.strip()]
            found.append(list(dict.fromkeys(node for one in named for node in (one, *tree.ancestors(one)))))
        return found

    def _parts(self, word: str) -> list[str]:
        listed = in_brackets(word)
        if listed is not None:
            return [one for one in listed if one is not None]
        return word.split(self.several) if self.several else [word]


@dataclass(frozen=True, eq=False)
class DescribedRows:
    """Rows as features. ids: as text. features: float64, shape (rows, features), each column's block of length one
    where it says something. known: bool, shape (rows, columns), whether each column said anything that is known."""

    ids: tuple[str, ...]
    features: sparse.csr_array
    known: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """Whether anything at all is known about each row, bool, shape (rows,)."""
        return np.asarray(self.known.any(axis=1))


@dataclass(frozen=True, eq=False)
class FittedFeatures:
    """Words, categories and scales. vocabularies: names by column, sorted. weights: their rarity. scales: the median
    and the spread of each column of numbers. text, pictures: sources of vectors, or None."""

    settings: ItemFeatures
    vocabularies: dict[str, tuple[str, ...]]
    weights: dict[str, np.ndarray]
    scales: dict[str, tuple[float, float]]
    text: "FittedText | None" = None
    pictures: "FittedPictures | None" = None

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each feature, as a person reads it: ``genre: Comedy``."""
        found = [f"{name}: {word}" for name in self.vocabularies for word in self.vocabularies[name]]
        found += list(self.settings.number)
        if self.text is not None:
            found += ["text"] * self.text.source.dimension
        if self.pictures is not None:
            found += ["picture"] * len(self.pictures.centre)
        return tuple(found)

    def transform(self, rows: object) -> DescribedRows:
        """Features of a table with the columns of the settings; cells may be empty, words may be unknown."""
        chosen = self.settings
        frame = chosen.read(rows)
        blocks, known = [], []
        for name, words in self.vocabularies.items():
            said = chosen.words(frame, name) if name in chosen.text else chosen.nodes(frame, name)
            block = _counts(said, words, self.weights[name], once=name in chosen.category)
            blocks.append(block)
            known.append(np.diff(block.indptr) > 0)
        for name, (middle, spread) in self.scales.items():
            found = values.numbers(frame[name])[0]
            there = np.isfinite(found)
            scaled = np.clip((np.where(there, found, middle) - middle) / spread, -_REACH, _REACH) / _REACH
            blocks.append(sparse.csr_array(scaled[:, None]))
            known.append(there)
        if self.text is not None:
            vectors = self.text.encode(texts_of(frame, chosen.text, what=f"rows of {chosen.id}s"))
            blocks.append(sparse.csr_array(vectors.astype(np.float64)))
        if self.pictures is not None:
            from graft.entities.pictures import folder_of

            shown, there = self.pictures.encode(frame[chosen.image[0]], folder=folder_of(rows))
            blocks.append(sparse.csr_array(shown))
            known.append(there)
        ids = tuple(frame[chosen.id].to_list())
        features = sparse.hstack(blocks, format="csr") if blocks else sparse.csr_array((len(ids), 0))
        seen = np.stack(known, axis=1) if known else np.zeros((len(ids), 0), bool)
        return DescribedRows(ids, sparse.csr_array(features), seen)

    def state(self) -> LearntState:
        """Everything needed to make this again."""
        arrays = {f"weights/{name}": weights for name, weights in self.weights.items()}
        names = {f"words/{name}": words for name, words in self.vocabularies.items()}
        facts: dict[str, Any] = {
            "features": asdict(self.settings),
            "scales": {k: list(v) for k, v in self.scales.items()},
        }
        facts["columns"] = list(self.vocabularies)
        if self.text is not None:
            facts["text"] = dict(self.text.state().settings)
        if self.pictures is not None:
            facts["pictures"] = self.pictures.facts()
            arrays["centre"] = self.pictures.centre
        return LearntState(facts, arrays, names)

    @classmethod
    def restore(cls, state: LearntState) -> Self:
        """The features with this state. Raises WeightsMismatch when the source is another one now."""
        given = dict(state.settings["features"])
        for name in ("text", "category", "number", "image"):
            given[name] = several(given.get(name, ()))
        columns = state.settings["columns"]
        text = None
        if "text" in state.settings:
            from graft.entities.text import FittedText

            text = FittedText.restore(LearntState(state.settings["text"], {}, {}))
        pictures = None
        if "pictures" in state.settings:
            from graft.entities.pictures import FittedPictures

            pictures = FittedPictures.restore(state.settings["pictures"], state.arrays["centre"])
        return cls(
            ItemFeatures(**given),
            {name: state.names[f"words/{name}"] for name in columns},
            {name: state.arrays[f"weights/{name}"] for name in columns},
            {name: (float(pair[0]), float(pair[1])) for name, pair in state.settings["scales"].items()},
            text,
            pictures,
        )


def content_neighbours(
    features: sparse.csr_array, among: sparse.csr_array, count: int, *, known: np.ndarray | None = None
) -> sparse.csr_array:
    """The ``count`` most alike of other rows by the cosine of their features, shape (rows, others), zero elsewhere.

    known: which of the others may be chosen, bool. A row is never its own neighbour where both are the same matrix.
    Block by block, so that memory stays bounded.
    """
    same = features is among
    unit, others = _unit(features), _unit(among)
    allowed = np.ones(others.shape[0], bool) if known is None else known
    turned = sparse.csr_array((sparse.diags_array(allowed.astype(np.float64)) @ others).T.tocsr()).astype(np.float32)
    step, parts = max(1, _CELLS // max(1, others.shape[0])), []
    for start in range(0, unit.shape[0], step):
        near = (unit[start : start + step].astype(np.float32) @ turned).toarray()
        near[near <= _ALIKE] = -np.inf
        if same:
            near[np.arange(len(near)), np.arange(start, start + len(near))] = -np.inf
        places, values_ = top_lists(near, min(count, others.shape[0]))
        there = places >= 0
        ends = np.append(0, np.cumsum(there.sum(axis=1)))
        parts.append(sparse.csr_array((values_[there], places[there], ends), shape=near.shape))
    found = sparse.vstack(parts, format="csr") if parts else sparse.csr_array((0, others.shape[0]))
    return sparse.csr_array(found.astype(np.float64))


def _unit(features: sparse.csr_array) -> sparse.csr_array:
    lengths = np.sqrt(np.asarray(features.power(2).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(lengths, 1e-12)) @ features)


def _pairs(word: str) -> list[str]:
    """A run of letters without spaces as overlapping pairs of them, which words there mostly are; other words whole."""
    if len(word) < 2 or not _IN_UNSPACED.match(word):
        return [word]
    return [word[at : at + 2] for at in range(len(word) - 1)]


def _vocabulary(said: Sequence[Sequence[str]], least: int) -> tuple[tuple[str, ...], np.ndarray]:
    """The words of at least so many rows, sorted, and their rarity: 1 + log((1 + rows) / (1 + rows with it))."""
    column = pl.Series([list(dict.fromkeys(words)) for words in said], dtype=pl.List(pl.String)).explode().drop_nulls()
    counts = column.value_counts().rename({column.name or "": "word"})
    counts = counts.filter(pl.col("count") >= least)
    if counts.height > _MOST_WORDS:
        counts = counts.sort(["count", "word"], descending=[True, False]).head(_MOST_WORDS)
    counts = counts.sort("word")
    rarity = 1 + np.log((1 + len(said)) / (1 + counts["count"].to_numpy()))
    return tuple(counts["word"].to_list()), rarity


def _counts(
    said: Sequence[Sequence[str]], words: tuple[str, ...], rarity: np.ndarray, *, once: bool
) -> sparse.csr_array:
    places = {word: place for place, word in enumerate(words)}
    found = [(row, places[word]) for row, some in enumerate(said) for word in some if word in places]
    rows, columns = np.array(found, np.int64).T if found else np.zeros((2, 0), np.int64)
    counts = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(said), len(words)))
    counts.sum_duplicates()
    counts.data = rarity[counts.indices] * (1.0 if once else 1 + np.log(counts.data))
    return _unit(counts)


def _scale(found: np.ndarray) -> tuple[float, float]:
    """The median, and a spread that one wild value does not move."""
    there = found[np.isfinite(found)]
    if not len(there):
        return 0.0, 1.0
    low, middle, high = np.quantile(there, [0.1, 0.5, 0.9])
    spread = float(high - low) / 2.56
    return float(middle), spread if np.isfinite(spread) and spread > 0 else max(
        float(np.abs(there - middle).max()), 1.0
    )
