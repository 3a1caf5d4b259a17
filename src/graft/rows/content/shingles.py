"""Texts as sets of character n-grams, and the pairs of them that are nearly equal.

Decisions: candidates come from MinHash with banding, whose bands are chosen for the threshold so that a pair exactly
at it is missed less than once in 200; every candidate is then verified on the full sets, so nothing is called near that
is not. Short texts use 3-grams, since one changed letter breaks five 5-grams; the regimes overlap, so no pair falls
between them. Very long texts are sampled for candidates only, always by the same hashes.

Broder (1997), On the resemblance and containment of documents; Leskovec et al., Mining of Massive Datasets, chapter 3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from graft.core.seeds import generator

SHORT = 20
_PERMUTATIONS = 120
_CHUNK = 1 << 20
_IN_MEMORY = 1 << 24
_CROWD = 20
_CROWD_REACH = 4
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Regime:
    """How texts of low <= characters < high become candidates: by n-grams of ``gram``, one hash in ``every`` used."""

    gram: int
    low: int
    high: float
    every: int


def regimes(threshold: float) -> tuple[Regime, ...]:
    """The regimes for a threshold; texts this similar differ in length by a factor of its inverse, plus a few."""
    return (
        Regime(3, 3, SHORT / threshold + 8, 1),
        Regime(5, SHORT, 4000 / threshold + 8, 1),
        Regime(5, 4000, np.inf, 16),
    )


@dataclass(frozen=True, eq=False)
class Hashes:
    """All n-grams of some texts, repeats included: owner int64 (grams,), the text of each; value uint64 (grams,)."""

    owner: np.ndarray
    value: np.ndarray


def hash_grams(texts: Sequence[str], gram: int) -> Hashes:
    """64-bit hashes of every n-gram of every text; a text shorter than the n-gram has none."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    if len(codes) < gram:
        return Hashes(np.empty(0, np.int64), np.empty(0, np.uint64))
    owner = np.repeat(np.arange(len(texts)), lengths)
    windows = len(codes) - gram + 1
    value = np.zeros(windows, dtype=np.uint64)
    for offset in range(gram):
        value = value * _MULTIPLIER + codes[offset : offset + windows]
        value ^= value >> np.uint64(29)
    whole = owner[:windows] == owner[gram - 1 :]
    return Hashes(owner[:windows][whole], mix(value[whole]))


def mix(value: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64: every input bit reaches every output bit."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = value ^ (value >> np.uint64(31))
    return mixed


def near_pairs(texts: Sequence[str], *, threshold: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of texts of similar length whose n-gram sets have a Jaccard similarity of at least ``threshold``.

    texts: normalised and all different. Lengths are similar when the shorter has at least ``threshold`` times the
    characters of the longer, less 8: a text and ten copies of it in a row have the same set but are not near.
    Returns pairs int64 (pairs, 2), smaller index first, and similarity (pairs,).
    """
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    found = [np.empty((0, 2), np.int64)]
    for regime in regimes(threshold):
        members = np.flatnonzero((lengths >= regime.low) & (lengths < regime.high))
        if len(members) > 1:
            found.append(members[_candidates([texts[i] for i in members.tolist()], regime, threshold, seed)])
    pairs = _unique_pairs(np.concatenate(found), len(texts))
    shorter, longer = np.minimum(*lengths[pairs].T), np.maximum(*lengths[pairs].T)
    pairs, shorter = pairs[shorter >= threshold * longer - 8], shorter[shorter >= threshold * longer - 8]
    similarity = np.empty(len(pairs))
    for gram, chosen in ((3, shorter < SHORT), (5, shorter >= SHORT)):
        similarity[chosen] = jaccard(texts, pairs[chosen], gram)
    near = similarity >= threshold
    return pairs[near], similarity[near]


def _unique_pairs(pairs: np.ndarray, size: int) -> np.ndarray:
    low, high = pairs.min(axis=1, initial=size), pairs.max(axis=1, initial=0)
    flat = np.unique(low[low < high] * size + high[low < high])
    return np.stack([flat // size, flat % size], axis=1)


def rows_per_band(threshold: float) -> int:
    """The most rows per band at which a pair exactly at the threshold is still found with probability 0.995.

    >>> rows_per_band(0.8), rows_per_band(0.5)
    (6, 3)
    """
    sizes = [r for r in range(1, 9) if 1 - (1 - threshold**r) ** (_PERMUTATIONS // r) >= 0.995]
    return max(sizes, default=1)


def _candidates(texts: Sequence[str], regime: Regime, threshold: float, seed: int) -> np.ndarray:
    """Pairs of positions in texts that share a band, int64 (pairs, 2), possibly repeated."""
    rng = generator(seed, "minhash", regime.gram)
    factors = rng.integers(1, 2**63, size=_PERMUTATIONS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = rng.integers(0, 2**63, size=_PERMUTATIONS, dtype=np.uint64)
    signatures = np.full((_PERMUTATIONS, len(texts)), np.iinfo(np.uint32).max, dtype=np.uint32)
    for start, stop in chunks(np.array([len(text) for text in texts]), _CHUNK):
        hashes = hash_grams(texts[start:stop], regime.gram)
        kept = hashes.value % np.uint64(regime.every) == 0
        owner, value = hashes.owner[kept], hashes.value[kept]
        if not len(owner):
            continue
        first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
        for place in range(_PERMUTATIONS):
            drawn = ((value * factors[place] + offsets[place]) >> np.uint64(32)).astype(np.uint32)
            signatures[place, start + owner[first]] = np.minimum.reduceat(drawn, first)
    width = rows_per_band(threshold)
    order_key = np.argsort(np.argsort(np.array(texts, dtype=object)))
    found = [np.empty((0, 2), np.int64)]
    for band in range(_PERMUTATIONS // width):
        rows = signatures[band * width : (band + 1) * width]
        found.append(_bucket_pairs(rows, order_key))
    return np.concatenate(found)


def chunks(sizes: np.ndarray, limit: int) -> Iterator[tuple[int, int]]:
    """Ranges whose sizes add up to about ``limit`` each; at least one element per range."""
    passed = np.concatenate([[0], np.cumsum(sizes)])
    start = 0
    while start < len(sizes):
        stop = max(start + 1, int(np.searchsorted(passed, passed[start] + limit, side="right")) - 1)
        yield start, stop
        start = stop


def _bucket_pairs(rows: np.ndarray, order_key: np.ndarray) -> np.ndarray:
    """All pairs within each bucket; in a crowded bucket each text with its neighbours in dictionary order only."""
    key = np.zeros(rows.shape[1], dtype=np.uint64)
    for row in rows:
        key = mix(key * _MULTIPLIER + row.astype(np.uint64))
    order = np.lexsort((order_key, key))
    ordered = key[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[starts, len(ordered)])
    size_of = np.repeat(sizes, sizes)
    last = np.repeat(starts + sizes, sizes)
    position = np.arange(len(ordered))
    found: list[np.ndarray] = [np.empty((0, 2), np.int64)]
    for step in range(1, min(int(sizes.max()), _CROWD)):
        pairs = position[(position + step < last) & ((size_of <= _CROWD) | (step <= _CROWD_REACH))]
        if not len(pairs):
            break
        found.append(np.stack([order[pairs], order[pairs + step]], axis=1))
    return np.concatenate(found)


def jaccard(texts: Sequence[str], pairs: np.ndarray, gram: int) -> np.ndarray:
    """Jaccard similarity of the n-gram sets of each pair, shape (pairs,); pairs int64 (pairs, 2) of text positions.

    >>> jaccard(["abcd", "abce"], np.array([[0, 1]]), 3).round(3).tolist()
    [0.333]
    """
    similarity = np.zeros(len(pairs))
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    sizes = lengths[pairs].sum(axis=1)
    whole = lengths[np.unique(pairs)].sum() <= _IN_MEMORY
    for start, stop in [(0, len(pairs))] if whole else list(chunks(sizes, _IN_MEMORY)):
        members, places = np.unique(pairs[start:stop], return_inverse=True)
        sets = _gram_sets([texts[i] for i in members.tolist()], gram)
        count = np.diff(sets.indptr)
        left, right = places.reshape(-1, 2).T
        for first, last in chunks(sizes[start:stop], _CHUNK):
            one, other = left[first:last], right[first:last]
            shared: np.ndarray = np.asarray(sets[one].multiply(sets[other]).sum(axis=1)).ravel()
            similarity[start + first : start + last] = shared / np.maximum(count[one] + count[other] - shared, 1)
    return similarity


def _gram_sets(texts: Sequence[str], gram: int) -> sparse.csr_array:
    """Which n-grams each text has, (texts, distinct n-grams), ones."""
    hashes = hash_grams(texts, gram)
    distinct, column = np.unique(hashes.value, return_inverse=True)
    ones = np.ones(len(column), np.int32)
    sets = sparse.csr_array((ones, (hashes.owner, column)), shape=(len(texts), max(1, len(distinct))))
    sets.sum_duplicates()
    sets.data[:] = 1
    return sets
