"""Rows that say the same thing, found before they can land on both sides of a split.

Decisions: two texts are the same when they agree after Unicode compatibility folding, case folding and folding of
punctuation and spaces; symbols and emoji count, since they can carry the label. Near-duplicates are linked
transitively, because a chain across a split leaks as well; but a group of more than a tenth of the rows says that the
rows share a template, not a meaning, so it is linked again at stricter thresholds. Only equal texts can contradict:
"has arrived" and "has not arrived" are near-duplicates that rightly differ.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graft.core.errors import InputError
from graft.inputs.shingles import near_pairs

_LARGEST_SHARE = 0.1
_LARGEST_ROWS = 10
_EXCERPT = 80


@dataclass(frozen=True)
class Contradiction:
    """Rows with the same text and different targets.

    rows: indices into the data set. labels: what each of rows is labelled, same order. text: the beginning of the text.
    """

    rows: tuple[int, ...]
    labels: tuple[str, ...]
    text: str


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Groups of rows that repeat one another.

    groups: int64 (rows,), one id per group, 0.. in order of first appearance. exact: rows that repeat the normalised
    text of an earlier row. near: other rows whose group holds a different text. contradictions: same text, different
    target. relinked: rows of groups that were linked again at a stricter threshold because they had grown too large.
    """

    groups: np.ndarray
    exact: int
    near: int
    contradictions: tuple[Contradiction, ...]
    relinked: int = 0

    @property
    def share(self) -> float:
        """Share of rows that are in a near-duplicate relation."""
        return self.near / len(self.groups) if len(self.groups) else 0.0

    @property
    def repeated(self) -> float:
        """Share of rows that repeat an earlier row exactly or nearly: all but the first of each group."""
        size = len(self.groups)
        return (size - len(np.unique(self.groups))) / size if size else 0.0


class _Fold(dict[int, str]):
    """Translation of punctuation, separators and control characters to a space; other characters stay."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = " " if unicodedata.category(character)[0] in "PZC" else character
        self[code] = kept
        return kept


_FOLD = _Fold()


def normalise(text: str) -> str:
    """The form under which two texts count as the same.

    >>> normalise("  \\uff28ello,   WORLD!! ")
    'hello world'
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.translate(_FOLD).split()) or " ".join(folded.split())


def find_duplicates(
    texts: Sequence[str],
    targets: np.ndarray | None = None,
    *,
    label_names: Sequence[str] = (),
    threshold: float = 0.8,
    seed: int = 0,
) -> Duplicates:
    """Groups of equal and nearly equal texts, and the contradictions among equal ones.

    targets: class index (rows,), numbers (rows,) or flags (rows, labels); numbers contradict when they differ by more
    than their standard deviation. label_names: names of the classes. threshold: Jaccard similarity of character 5-grams
    (3-grams for texts under 20 characters) from which texts are near-duplicates, in (0, 1].

    >>> find_duplicates(["Hello there!", "hello there", "Something else"]).groups.tolist()
    [0, 0, 1]
    """
    if not 0 < threshold <= 1:
        raise InputError(f"threshold={threshold}", needed="a similarity in (0, 1]", fix="use the default of 0.8")
    if targets is not None and len(targets) != len(texts):
        raise InputError(
            f"{len(texts)} texts and {len(targets)} targets",
            needed="one target per text",
            fix="pass those of the same rows",
        )
    normal = [normalise(text) for text in texts]
    index: dict[str, int] = {}
    distinct = np.array([index.setdefault(text, len(index)) for text in normal], dtype=np.int64)
    pairs, similarity = near_pairs(list(index), threshold=threshold, seed=seed)
    weights = np.bincount(distinct, minlength=len(index))
    components, relinked = _link(pairs, similarity, weights, threshold)
    groups = _by_appearance(components[distinct])
    exact = len(texts) - len(index)
    texts_in_group = np.bincount(components, minlength=len(index))
    near = int((texts_in_group[components] > 1).sum())
    contradictions = () if targets is None else _contradictions(texts, distinct, targets, label_names)
    return Duplicates(groups, exact, near, contradictions, relinked)


def _link(pairs: np.ndarray, similarity: np.ndarray, weights: np.ndarray, threshold: float) -> tuple[np.ndarray, int]:
    """Component of each distinct text (texts,), and how many rows were linked again more strictly."""
    limit = max(_LARGEST_ROWS, int(_LARGEST_SHARE * weights.sum()))
    components = _components(pairs, len(weights))
    relinked = np.zeros(len(weights), dtype=bool)
    for stricter in (1 - (1 - threshold) / 2, 1 - (1 - threshold) / 4, 2.0):
        texts_in = np.bincount(components, minlength=len(weights))
        large = (np.bincount(components, weights, minlength=len(weights)) > limit) & (texts_in > 1)
        if not large.any():
            break
        relinked |= large[components]
        kept = ~large[components[pairs[:, 0]]] | (similarity >= stricter)
        pairs, similarity = pairs[kept], similarity[kept]
        components = _components(pairs, len(weights))
    return components, int(weights[relinked].sum())


def _components(pairs: np.ndarray, size: int) -> np.ndarray:
    if not size:
        return np.empty(0, np.int64)
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    found: np.ndarray = connected_components(graph, directed=False)[1].astype(np.int64)
    return found


def _by_appearance(groups: np.ndarray) -> np.ndarray:
    """The same partition with ids in order of first appearance."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    ranked: np.ndarray = rank[inverse]
    return ranked


def _contradictions(
    texts: Sequence[str], distinct: np.ndarray, targets: np.ndarray, names: Sequence[str]
) -> tuple[Contradiction, ...]:
    numeric = targets.dtype.kind == "f"
    tolerance = float(np.std(targets)) if numeric else 0.0
    order = np.argsort(distinct, kind="stable")
    found: list[Contradiction] = []
    for rows in np.split(order, np.flatnonzero(np.diff(distinct[order])) + 1):
        if len(rows) < 2:
            continue
        same = targets[rows]
        differs = np.ptp(same) > tolerance if numeric else (same != same[0]).any()
        if differs:
            labels = tuple(_label(target, names) for target in same)
            text = texts[int(rows[0])]
            excerpt = text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
            found.append(Contradiction(tuple(rows.tolist()), labels, excerpt))
    return tuple(sorted(found, key=lambda contradiction: contradiction.rows))


def _label(target: np.ndarray | np.generic, names: Sequence[str]) -> str:
    if isinstance(target, np.ndarray):
        return "|".join(_named(place, names) for place in np.flatnonzero(target).tolist())
    return _named(int(target), names) if target.dtype.kind in "iub" else f"{float(target):g}"


def _named(place: int, names: Sequence[str]) -> str:
    return names[place] if place < len(names) else str(place)
