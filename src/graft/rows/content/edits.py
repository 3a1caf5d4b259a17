"""Short texts that differ by one slip of the keyboard, which the similarity of n-grams cannot see.

Decisions: one changed letter breaks five of a text's 5-grams, so at a Jaccard similarity of 0.8 it is found from 49
characters on only. Below that, texts of 15 characters or more are linked when one letter is changed, missing or too
many, two neighbouring letters have changed places, or a space is missing or too many. The search is exact: each text
is hashed whole and without each of its letters, two texts one slip apart share such a hash (Mor & Fraenkel 1982), and
each pair that shares one is verified. It is linear in the characters, in passes of bounded memory: a million texts of
41 characters took 27 s and 0.7 GB, the 22,434 of CLINC150 0.6 s.

Not a slip: a changed digit or symbol, or anything in a word that holds a digit (``transfer 100``, ``room b12``); one
letter at the end for another (``plan a``), which names something; an ideograph, which is a word. Two changes are not
linked below the reach of n-grams: ``on`` and ``off``, ``can`` and ``can't`` are two letters apart.

Share of texts that are found with one random letter changed, missing, too many, or changed with its neighbour (texts
of Banking77, CLINC150, HWU64 and SMS spam, 1,000 for each number); in brackets, by n-grams alone:

    characters   changed        missing        too many       swapped
    10 to 14     0.227 (0.198)  0.247 (0.212)  0.393 (0.093)  0.045 (0.001)
    15 to 19     1.000 (0.145)  0.998 (0.299)  0.998 (0.274)  0.999 (0.006)
    20 to 29     0.998 (0.167)  1.000 (0.197)  1.000 (0.180)  1.000 (0.103)
    30 to 39     1.000 (0.193)  0.998 (0.227)  0.999 (0.232)  1.000 (0.176)
    40 to 47     1.000 (0.228)  0.999 (0.502)  1.000 (0.579)  0.999 (0.196)
    48 to 59     1.000 (0.897)  0.999 (0.999)  0.999 (0.999)  1.000 (0.284)
    60 to 79     0.997 (1.000)  0.998 (1.000)  0.999 (1.000)  0.998 (0.991)
    80 to 199    1.000 (1.000)  1.000 (1.000)  1.000 (1.000)  1.000 (1.000)

False links, among the different texts of the training and test rows together; of the pairs that were read
one by one, nearly all, about one in forty means something else (``eight am`` and ``eight pm``, ``cats`` and ``rats``):

                 texts    one slip apart   with different labels   for comparison, by n-grams
    Banking77    13,025   84               5                       20 of 329
    CLINC150     22,434   271              2                       12 of 712
    HWU64         9,955   120              0                        6 of 204
    SMS spam      5,134   34               0                        0 of 120
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from graft.rows.content.shingles import chunks, mix

LOW = 15
_CODE = re.compile(r"\S*\d\S*")
_NOT = "t"  # what folding leaves of can't
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 2**64)
_CHUNK = 1 << 20
_PASS = 1 << 24
_SPACE = ord(" ")
_CODES = 0x110000
_CROWD = 20
_CROWD_REACH = 4


def reach(threshold: float, gram: int = 5) -> float:
    """The length from which n-grams find one slip by themselves, at a Jaccard similarity of ``threshold``.

    A slip breaks at most gram + 1 n-grams; what lies just above the threshold is missed now and then, so this looks a
    quarter of the way further.

    >>> reach(0.8)
    78.0
    """
    sure = threshold + (1 - threshold) / 4
    return float(np.ceil(round((gram + 1) * (1 + sure) / (1 - sure), 6))) + gram - 1 if sure < 1 else 0.0


def one_slip_pairs(texts: Sequence[str], sizes: np.ndarray, *, high: float) -> np.ndarray:
    """Pairs of texts that are one slip apart, int64 (pairs, 2), smaller index first.

    texts: in loose form and all different. sizes: int (texts,), characters of each with its punctuation; a pair counts
    when the longer of the two has 15. high: the most characters of a text that is looked at.

    >>> texts = ["where is my card", "where is my crad", "what is my card", "transfer 100 to me", "transfer 200 to me"]
    >>> one_slip_pairs(texts, np.array([len(text) for text in texts]), high=80).tolist()
    [[0, 1]]
    """
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    members = np.flatnonzero((sizes >= LOW - 2) & (lengths > 1) & (lengths <= high))
    chosen = [texts[place] for place in members.tolist()]
    passes = int(lengths[members].sum()) // _PASS + 1
    shared = [np.empty((0, 2), np.int64), *(_sharing(*_variants(chosen, turn, passes)) for turn in range(passes))]
    pairs = np.sort(members[np.concatenate(shared)], axis=1)
    flat = np.unique(pairs[sizes[pairs].max(axis=1, initial=0) >= LOW] @ np.array([len(texts), 1]))
    pairs = np.stack([flat // max(1, len(texts)), flat % max(1, len(texts))], axis=1)
    near = [is_slip(texts[one], texts[other]) for one, other in pairs.tolist()]
    kept: np.ndarray = pairs[np.array(near, dtype=bool)]
    return kept


def name_apart(one: str, other: str) -> bool:
    """Whether two similar texts name different things: by a word that holds a digit, or by one letter at the end.

    >>> name_apart("room 101", "room 102"), name_apart("plan a", "plan b"), name_apart("plan", "plas")
    (True, True, False)
    """
    last, others = one.rpartition(" ")[2], other.rpartition(" ")[2]
    return (len(last) == len(others) == 1 and last != others) or _CODE.findall(one) != _CODE.findall(other)


def is_slip(one: str, other: str) -> bool:
    """Whether two different texts are one slip of the keyboard apart.

    >>> is_slip("my card is lost", "my card is lots"), is_slip("plan a", "plan b"), is_slip("room b12", "room c12")
    (True, False, False)
    """
    shorter, longer = sorted((one, other), key=len)
    start = next((place for place, letter in enumerate(shorter) if letter != longer[place]), len(shorter))
    for kept, given in ((1, 1), (2, 2)) if len(shorter) == len(longer) else ((0, 1),):
        before, after = shorter[start : start + kept], longer[start : start + given]
        if shorter[start + kept :] == longer[start + given :] and (kept < 2 or before == after[::-1]):
            if before + after == " ":
                return not (longer[:start][-1:].isnumeric() and longer[start + 1 :][:1].isnumeric())
            return all(map(_may_slip, before + after)) and not name_apart(shorter, longer)
    lacking = len(longer) == len(shorter) + 2 and _lacks_a_letter(shorter.split(" "), longer.split(" "))
    return lacking and not name_apart(shorter, longer)


def _lacks_a_letter(fewer: list[str], words: list[str]) -> bool:
    """Whether one word of one letter is missing that does not say no."""
    at = next((place for place, word in enumerate(fewer) if word != words[place]), len(fewer))
    letter = words[at]
    return len(letter) == 1 and letter != _NOT and _may_slip(letter) and fewer == words[:at] + words[at + 1 :]


def _may_slip(character: str) -> bool:
    """A letter, its mark, or a space; not a digit, a symbol or an ideograph."""
    if character == " ":
        return True
    return unicodedata.category(character)[0] in "LM" and not unicodedata.name(character, "").startswith("CJK ")


def _variants(texts: Sequence[str], turn: int, passes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each text whole and without each of its letters, spaces and one-letter words; the share this turn looks at.

    Returns owner int32, the place left out int32 (-1: none), and a hash uint64, each (variants,).
    """
    found = [(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.uint64))]
    for start, stop in chunks(np.array([len(text) for text in texts], dtype=np.int64), _CHUNK):
        owner, place, value = _hashed(texts[start:stop])
        mine = value % np.uint64(passes) == turn
        found.append(((owner[mine] + start).astype(np.int32), place[mine].astype(np.int32), value[mine]))
    owners, places, values = zip(*found, strict=True)
    return np.concatenate(owners), np.concatenate(places), np.concatenate(values)


def _hashed(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Owner, place left out and hash of all variants of some texts; of a run of equal letters only the first is.

    The hash of a text is the sum over its places of a random number of the letter times the place's power of an odd
    base, modulo 2**64: powers have inverses there, so a letter is taken out and the rest moved up in two products.
    """
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    stops = np.cumsum(lengths)
    starts = stops - lengths
    power = np.cumprod(np.r_[np.uint64(1), np.full(len(codes), _BASE, np.uint64)])
    inverse = np.cumprod(np.r_[np.uint64(1), np.full(len(codes), _INVERSE, np.uint64)])
    summed = np.r_[np.uint64(0), np.cumsum(mix(codes.astype(np.uint64) + np.uint64(1)) * power[:-1])]
    whole = (summed[stops] - summed[starts]) * inverse[starts]
    owner = np.repeat(np.arange(len(texts)), lengths)
    slips = np.zeros(_CODES, dtype=bool)
    slips[[code for code in np.flatnonzero(np.bincount(codes, minlength=1)).tolist() if _may_slip(chr(code))]] = True
    first_of_run = np.r_[True, (codes[1:] != codes[:-1]) | (owner[1:] != owner[:-1])]
    place = np.flatnonzero(slips[codes] & first_of_run)
    alone = np.flatnonzero((codes[1:] == _SPACE) & (owner[1:] == owner[:-1]) & slips[codes[:-1]])
    alone = alone[(alone == starts[owner[alone]]) | (codes[alone - 1] == _SPACE)]
    owners, places, values = [np.arange(len(texts))], [np.full(len(texts), -1)], [whole]
    for left_out, width in ((place, 1), (alone, 2)):
        of = owner[left_out]
        before, after = summed[left_out] - summed[starts[of]], summed[stops[of]] - summed[left_out + width]
        owners.append(of)
        places.append(left_out - starts[of])
        values.append((before + after * inverse[width]) * inverse[starts[of]])
    return np.concatenate(owners), np.concatenate(places), np.concatenate(values)


def _sharing(owner: np.ndarray, place: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Pairs of owners that share a hash, int64 (pairs, 2).

    Where more than 20 share one, each is paired with the text that is the variant itself, if there is one, and with the
    few that come next by the place left out: those that differ in one place still form one chain.
    """
    order = np.argsort(value)
    follows = np.zeros(len(order) + 1, dtype=bool)
    follows[1:-1] = value[order][1:] == value[order][:-1]
    order = order[follows[:-1] | follows[1:]]
    order = order[np.lexsort((owner[order], place[order], value[order]))]
    starts = np.flatnonzero(np.diff(value[order], prepend=~value[order][:1]))
    sizes = np.diff(starts, append=len(order))
    first, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    here = np.arange(len(order))
    found = [np.stack([owner[order[first]], owner[order]], axis=1)[here > first]]
    for step in range(1, min(int(sizes.max(initial=1)), _CROWD)):
        near = here[(here + step < first + size) & ((size <= _CROWD) | (step <= _CROWD_REACH))]
        found.append(np.stack([owner[order[near]], owner[order[near + step]]], axis=1))
    return np.concatenate(found).astype(np.int64)
