"""Readable names for clusters: the words that set a cluster apart, or the user's own values that are over-represented.

Decisions: words are scored by class-based TF-IDF (c-TF-IDF; Grootendorst, "BERTopic", 2022, arXiv:2203.05794), a
word counting once per row, so that one long row cannot name a cluster. No list of stop words is kept, because a
list has a language: a word is left out when most clusters have it at least half as often as all rows do, and with
it every pair of words it is part of. Scripts written without spaces are read by pairs of characters. A word that
only repeats another one of the same label (``refund``, ``refunds``) is passed over.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer

from graft.facts.table import Trait

_CHARACTERS_READ = 2000  # of each text; what a row is about stands at its beginning
_MOST_TERMS = 30_000
_WIDE = 0.5
_SMALLEST_SHARE = 0.04  # of the rows of a cluster that must have a term for it to name the cluster
_MOST_VALUES = 100


class _Apart(dict[int, str]):
    """Translation that sets words apart: separators become spaces, characters of unspaced scripts stand alone."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = character
        if unicodedata.category(character)[0] in "PZCS":
            kept = character if character in "'\u2019" else " "
        elif _unspaced(code):
            kept = f" {character} "
        self[code] = kept
        return kept


def _unspaced(code: int) -> bool:
    """Whether a character belongs to a script written without spaces: Han, kana, Thai, Lao, Burmese or Khmer."""
    return (
        0x2E80 <= code <= 0x30FF
        or 0x3400 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x3FFFF
        or (0x0E00 <= code <= 0x0EFF or 0x1000 <= code <= 0x109F or 0x1780 <= code <= 0x17FF)
    )


_APART = _Apart()


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, in order; one character each in scripts written without spaces.

    >>> words_of("Don't re-send: 2 cards!"), words_of("\\u9280\\u884c OK")
    (["don't", 're', 'send', '2', 'cards'], ['銀', '行', 'ok'])
    """
    folded = unicodedata.normalize("NFKC", text[:_CHARACTERS_READ]).lower()
    return [word for part in folded.translate(_APART).split() if (word := part.strip("'\u2019"))]


def terms_of(text: str) -> Iterator[str]:
    """The words and the pairs of neighbouring words of a text; of unspaced scripts the pairs alone."""
    words = words_of(text)
    for word in words:
        if not (len(word) == 1 and _unspaced(ord(word))):
            yield word
    for first, second in pairwise(words):
        alone = [len(word) == 1 and _unspaced(ord(word)) for word in (first, second)]
        if all(alone):
            yield first + second
        elif not any(alone):
            yield f"{first} {second}"


def cluster_words(
    texts: Sequence[str], assignment: np.ndarray, clusters: int, *, count: int = 4
) -> tuple[tuple[str, ...], ...]:
    """The ``count`` telling words or pairs of words of each cluster, the most telling first; fewer where none are left.

    assignment: int (rows,), the cluster of each text, 0 to ``clusters`` - 1.
    """
    counter = CountVectorizer(analyzer=lambda text: list(terms_of(text)), binary=True, max_features=_MOST_TERMS)
    try:
        found = counter.fit_transform(texts)
    except ValueError:  # no text has a word
        return ((),) * clusters
    terms: list[str] = counter.get_feature_names_out().tolist()
    rows = len(texts)
    member = csr_array((np.ones(rows), (assignment, np.arange(rows))), shape=(clusters, rows))
    having = (member @ csr_array(found, dtype=np.float64)).toarray()  # rows of a cluster that have a term
    sizes = np.bincount(assignment, minlength=clusters).astype(float)
    scores = _class_tf_idf(having)
    scores[:, _left_out(terms, having, sizes)] = 0.0
    scores[having < np.maximum(2.0, _SMALLEST_SHARE * sizes)[:, None]] = 0.0
    scores[having / np.maximum(sizes, 1.0)[:, None] < 1.5 * having.sum(0) / rows] = 0.0
    return tuple(_pick(terms, row, share, count) for row, share in zip(scores, having, strict=True))


def _class_tf_idf(having: np.ndarray) -> np.ndarray:
    """c-TF-IDF: a term's share of a cluster's terms, times log(1 + average terms of a cluster / the term's total)."""
    totals = having.sum(0)
    each = np.maximum(having.sum(1, keepdims=True), 1.0)
    scores: np.ndarray = having / each * np.log1p(each.mean() / np.maximum(totals, 1.0))
    return scores


def _left_out(terms: Sequence[str], having: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Which terms are in most clusters about as frequent as overall, or hold a word that is."""
    filled = sizes > 0
    rate = having[filled] / sizes[filled][:, None]
    overall = having.sum(0) / sizes.sum()
    wide = (rate >= 0.5 * overall).mean(0) > _WIDE
    common = {term for term, is_wide in zip(terms, wide, strict=True) if is_wide}
    return np.array([bool(common.intersection((term, *term.split(" ")))) for term in terms])


def _pick(terms: Sequence[str], scores: np.ndarray, having: np.ndarray, count: int) -> tuple[str, ...]:
    """The best terms that say something the better ones do not; a pair stands for its words where it is as frequent."""
    order = np.argsort(-scores, kind="stable")[: 12 * count]
    ranked = [place for place in order.tolist() if scores[place] > 0]
    place_of = {terms[place]: place for place in ranked}
    chosen: list[str] = []
    for place in ranked:
        term = terms[place]
        pairs = [pair for pair in place_of if " " in pair and term in pair.split(" ")]
        as_frequent = [pair for pair in pairs if having[place_of[pair]] >= 0.6 * having[place]]
        best = max(as_frequent, key=lambda pair: having[place_of[pair]]) if as_frequent else term
        if not any(_alike(best, other) for other in chosen):
            chosen.append(best)
        if len(chosen) == count:
            break
    return tuple(chosen)


def _alike(term: str, other: str) -> bool:
    """Whether two terms share a word, or a word of one is a longer form of a word of the other."""
    return any(_same_stem(a, b) for a in term.split(" ") for b in other.split(" "))


def _same_stem(a: str, b: str) -> bool:
    shorter, longer = sorted((a, b), key=len)
    shared = next((i for i, (x, y) in enumerate(zip(shorter, longer, strict=False)) if x != y), len(shorter))
    return a == b or (shared >= 4 and shared >= len(longer) - 3)


def cluster_traits(
    columns: Mapping[str, Sequence[object]], assignment: np.ndarray, clusters: int, *, count: int = 3
) -> tuple[tuple[Trait, ...], ...]:
    """The values over-represented in each cluster, the most telling first; columns of too many values are passed over.

    A value is told when it is at least twice as frequent inside as overall and a fifth of the cluster has it, ranked by
    inside · log(inside / overall), its share of the difference between cluster and table.
    """
    sizes = np.maximum(np.bincount(assignment, minlength=clusters), 1)
    found: list[list[tuple[float, Trait]]] = [[] for _ in range(clusters)]
    for column, values in columns.items():
        coded = categories(values)
        if coded is None:
            continue
        names, codes = coded
        counts = np.zeros((clusters, len(names) + 1), np.int64)
        np.add.at(counts, (assignment, codes), 1)
        inside = counts[:, :-1] / sizes[:, None]
        overall = counts[:, :-1].sum(0) / len(assignment)
        for cluster, value in zip(*np.nonzero((inside >= 0.2) & (inside >= 2 * overall)), strict=True):
            share, usual = float(inside[cluster, value]), float(overall[value])
            found[cluster].append((share * float(np.log(share / usual)), Trait(column, names[value], share, usual)))
    return tuple(
        tuple(trait for _, trait in sorted(one, key=lambda pair: (-pair[0], pair[1].column, pair[1].value))[:count])
        for one in found
    )


def categories(values: Sequence[object]) -> tuple[tuple[str, ...], np.ndarray] | None:
    """The values of a column, the most frequent first, and the place of each row's among them; -1 where it is missing.

    None when the column is not one of categories: one value only, more than 100, or values that are numbers with
    fractions, lists and the like.

    >>> categories(["b", None, "b", "a"])
    (('b', 'a'), array([ 0, -1,  0,  1]))
    """
    if any(not isinstance(value, str | bool | int | np.str_ | np.bool_ | np.integer | None) for value in values):
        return None
    counts: dict[str, int] = {}
    for value in values:
        if value is not None and str(value).strip():
            counts[str(value)] = counts.get(str(value), 0) + 1
    if not 2 <= len(counts) <= min(_MOST_VALUES, max(2, len(values) // 2)):
        return None
    names = sorted(counts, key=lambda name: (-counts[name], name))
    place = {name: index for index, name in enumerate(names)}
    return tuple(names), np.array([-1 if value is None else place.get(str(value), -1) for value in values])
