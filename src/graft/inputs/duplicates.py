"""Rows that say the same thing, found before they can land on both sides of a split.

Decisions: rows repeat one another when the loose forms of their contents are equal or nearly so, as their kind says
(``rows/content``). Near-duplicates are linked transitively, because a chain across a split leaks as well; but a group
of more than a tenth of the rows says that the rows share a template, not a meaning, so it is linked again at stricter
thresholds. Only contents whose strict forms are equal can contradict: "has arrived" and "has not arrived" are
near-duplicates that rightly differ, and so do "C#" and "C", "-5" and "5", "really?" and "really!". Where equal contents
are to be expected by chance (rows of few columns with few values) none repeats another.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graft.core.errors import InputError
from graft.rows.content import TEXT, Content, ContentKind, picture_of

_LARGEST_SHARE = 0.1
_LARGEST_ROWS = 10
_EXCERPT = 80


@dataclass(frozen=True)
class Contradiction:
    """Rows with the same content, in strict form, and different targets.

    rows: indices into the data set. labels: what each of rows is labelled, same order. text: how the content is shown.
    picture: how it looks, as a data URI; "" where its line says all of it.
    """

    rows: tuple[int, ...]
    labels: tuple[str, ...]
    text: str
    picture: str = ""


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Groups of rows that repeat one another.

    groups: int64 (rows,), one id per group, 0.. in order of first appearance. exact: rows that repeat an earlier row's
    content in loose form. near: other rows whose group holds a different one. contradictions: same content in strict
    form, different target. relinked: rows of groups that were linked again at a stricter threshold because they had
    grown too large.
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


def find_duplicates(
    contents: Sequence[Content],
    targets: np.ndarray | None = None,
    *,
    kind: ContentKind = TEXT,
    label_names: Sequence[str] = (),
    threshold: float = 0.8,
    seed: int = 0,
) -> Duplicates:
    """Groups of equal and nearly equal contents of one kind, and the contradictions among equal ones.

    targets: class index (rows,), numbers (rows,) or flags (rows, labels); numbers contradict when they differ by more
    than their standard deviation. label_names: names of the classes. threshold: similarity from which contents
    are near-duplicates, in (0, 1]. Of texts it is the Jaccard similarity of character 5-grams (3-grams for texts under
    20 characters); below 1, texts of 15 characters or more that are one slip apart are near-duplicates too.

    >>> find_duplicates(["Hello there!", "hello there", "Something else"]).groups.tolist()
    [0, 0, 1]
    """
    if not 0 < threshold <= 1:
        raise InputError(f"threshold={threshold}", needed="a similarity in (0, 1]", fix="use the default of 0.8")
    if targets is not None and len(targets) != len(contents):
        raise InputError(
            f"{len(contents)} {kind.plural} and {len(targets)} targets",
            needed=f"one target per {kind.name}",
            fix="pass those of the same rows",
        )
    strict, loose = [kind.strict(content) for content in contents], [kind.loose(content) for content in contents]
    if kind.by_chance(loose):
        # Equal rows are then neither copies nor a reason to doubt a label.
        return Duplicates(np.arange(len(contents), dtype=np.int64), 0, 0, ())
    index: dict[Hashable, int] = {}
    distinct = np.array([index.setdefault(one, len(index)) for one in loose], dtype=np.int64)
    claims: list[set[Hashable]] = [set() for _ in index]
    for place, claim in zip(distinct.tolist(), strict, strict=True):
        claims[place].add(claim)
    pairs, similarity = kind.near(list(index), claims, threshold, seed)
    weights = np.bincount(distinct, minlength=len(index))
    components, relinked = _link(pairs, similarity, weights, threshold)
    groups = _by_appearance(components[distinct])
    exact = len(contents) - len(index)
    forms_in_group = np.bincount(components, minlength=len(index))
    near = int((forms_in_group[components] > 1).sum())
    contradictions = () if targets is None else _contradictions(contents, kind, strict, targets, label_names)
    return Duplicates(groups, exact, near, contradictions, relinked)


def _link(pairs: np.ndarray, similarity: np.ndarray, weights: np.ndarray, threshold: float) -> tuple[np.ndarray, int]:
    """Component of each distinct form, (forms,), and how many rows were linked again more strictly."""
    limit = max(_LARGEST_ROWS, int(_LARGEST_SHARE * weights.sum()))
    components = _components(pairs, len(weights))
    relinked = np.zeros(len(weights), dtype=bool)
    for stricter in (1 - (1 - threshold) / 2, 1 - (1 - threshold) / 4, 2.0):
        forms_in = np.bincount(components, minlength=len(weights))
        large = (np.bincount(components, weights, minlength=len(weights)) > limit) & (forms_in > 1)
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
    contents: Sequence[Content],
    kind: ContentKind,
    strict: Sequence[Hashable],
    targets: np.ndarray,
    names: Sequence[str],
) -> tuple[Contradiction, ...]:
    index: dict[Hashable, int] = {}
    claims = np.array([index.setdefault(claim, len(index)) for claim in strict], dtype=np.int64)
    numeric = targets.dtype.kind == "f"
    tolerance = float(np.std(targets)) if numeric else 0.0
    order = np.argsort(claims, kind="stable")
    found: list[Contradiction] = []
    for rows in np.split(order, np.flatnonzero(np.diff(claims[order])) + 1):
        if len(rows) < 2:
            continue
        same = targets[rows]
        differs = np.ptp(same) > tolerance if numeric else (same != same[0]).any()
        if differs:
            labels = tuple(_label(target, names) for target in same)
            first = contents[int(rows[0])]
            found.append(
                Contradiction(tuple(rows.tolist()), labels, kind.shown(first, _EXCERPT), picture_of(kind, first))
            )
    return tuple(sorted(found, key=lambda contradiction: contradiction.rows))


def _label(target: np.ndarray | np.generic, names: Sequence[str]) -> str:
    if isinstance(target, np.ndarray):
        return "|".join(_named(place, names) for place in np.flatnonzero(target).tolist())
    return _named(int(target), names) if target.dtype.kind in "iub" else f"{float(target):g}"


def _named(place: int, names: Sequence[str]) -> str:
    return names[place] if place < len(names) else str(place)
