"""Rows that nearly repeat another row: sketches of texts, which keep no text, and who is near whom.

Decisions: a sketch is 256 bits, each the side of a fixed random plane on which the trigrams of what the text says lie
(disguise taken off first), so two sketches differ in a share of bits that is the angle between the texts. Up to 40 bits
apart is near: of texts with a cosine of .95 nearly all are found, of .9 seven in ten, of .6 one pair in two million.
Whether a row is near another is asked among the rows of the reference and of the batch together: the answer then does
not depend on the side a row came from, so exchanging rows stays an exact test, and a row that repeats one of the
reference counts as much as one of many that repeat one another.

Charikar (2002), Similarity estimation techniques from rounding algorithms.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from graft.rows.content.disguise import revealed
from graft.rows.content.shingles import hash_grams

BITS, NEAR = 256, 40
_TEXTS, _ROWS = 2_000, 1_024  # at once


def sketches(texts: Sequence[str]) -> np.ndarray:
    """Of each text, uint8 (n, 32)."""
    made = [_sketched(texts[start : start + _TEXTS]) for start in range(0, len(texts), _TEXTS)]
    return np.concatenate(made) if made else np.zeros((0, BITS // 8), np.uint8)


def near_copies(*several_sketches: np.ndarray) -> list[np.ndarray]:
    """For each array of sketches, (n, 32), whether each row nearly repeats another of any of them, bool (n,).

    >>> one = sketches(["where is my parcel, it is late", "please reset the password of my account"])
    >>> other = sketches(["wh\\u0435re is my parcel it is late!", "the invoice was charged twice"])
    >>> [found.tolist() for found in near_copies(one, other)]
    [[True, False], [True, False]]
    """
    signs = np.unpackbits(np.concatenate(several_sketches), axis=1).astype(np.float32) * 2 - 1
    found = np.zeros(len(signs), bool)
    for start in range(0, len(signs), _ROWS):
        alike = signs[start : start + _ROWS] @ signs[start:].T >= BITS - 2 * NEAR
        alike[np.arange(len(alike)), np.arange(len(alike))] = False
        found[start : start + len(alike)] |= alike.any(axis=1)
        found[start:] |= alike.any(axis=0)
    return np.split(found, np.cumsum([len(one) for one in several_sketches])[:-1])


def _sketched(texts: Sequence[str]) -> np.ndarray:
    grams = hash_grams([f"  {revealed(text)} " for text in texts], 3)
    values, places = np.unique(grams.value, return_inverse=True)
    which = sparse.csr_array(
        (np.ones(len(places), np.float32), (grams.owner, places)), shape=(len(texts), len(values))
    )  # fmt: skip
    which.sum_duplicates()
    which.data[:] = 1
    sides = np.asarray(which @ _sides(values))
    return np.packbits(sides > 0, axis=1)


def _sides(values: np.ndarray) -> np.ndarray:
    """On which side of each plane a trigram lies, float32 (n, 256): the bits of its hash, hashed four times more."""
    words = []
    for place in range(BITS // 64):
        mixed = values + np.uint64((place + 1) * 0x9E3779B97F4A7C15 % 2**64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        words.append(mixed ^ (mixed >> np.uint64(31)))
    bits = np.unpackbits(np.stack(words, axis=1).astype("<u8").view(np.uint8), axis=1)
    return bits.astype(np.float32) * 2 - 1
