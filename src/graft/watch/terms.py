"""The terms of a reference, kept as counts, and the terms of a batch that emerged or vanished.

Decisions: what is kept of the reference is how many of each five rows have a term, for terms of at least five rows and
of five rows put together at random; no text, no term of a few people, no row. Where rows belong together one row of
each group is taken, at random, on both sides. A term of the batch that the reference does not keep may have been in
four of its rows, and is taken to have been, so what was left out for privacy never looks like news; terms of fewer than
five rows of the batch are not named either. Of a check, terms may spend a tenth of the level.

How much of a row was rarely seen is the share of its words that fewer than five rows of one half of the reference have,
and is compared with that of the other half: a row knows its own words, and five rows with a word know it together or
not at all, so leaving out each row by itself does not do.
"""

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy import sparse

from graft.bundle.watch_erasure import PARTS, WORDS
from graft.core import foreign
from graft.core.files import write_json
from graft.evidence.shuffles import shuffles
from graft.evidence.terms import LEAST_ROWS, term_shifts
from graft.facts.watch import ShiftFact, TermFact
from graft.representations.weights.safetensors_file import check_safetensors
from graft.watch.batch import Batch

SHARE, MATTERS, LEAST_DRAWS = 0.1, 0.05, 999
PART, MOST_ROWS, MOST_TERMS = 5, 5_000, 5_000
NEW_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
_NAMED = 20
_NEW = "\x01"  # no text has it as a word
TRIED_DRAWS = 399


@dataclass(frozen=True, eq=False)
class KeptTerms:
    """How many rows of each part have each term. words: (terms,). parts: uint8 (parts, terms); of five rows each."""

    words: tuple[str, ...]
    parts: np.ndarray


def count_terms(batch: Batch, rng: np.random.Generator, *, grouped: bool) -> KeptTerms | None:
    """Of a reference; None without texts, or where fewer than twenty rows (of apart groups) have any."""
    held = _rows(batch, rng, grouped)
    if len(held) < 4 * PART:
        return None
    users = Counter(term for terms in held for term in terms)
    words = tuple(term for term, count in users.most_common(MOST_TERMS) if count >= LEAST_ROWS)
    return KeptTerms(words, _counted(held, words)) if words else None


def rare_words(kept: KeptTerms, batch: Batch) -> np.ndarray:
    """Share of the words of new rows that fewer than five rows of a half of the reference have, (n,); 0 without
    words."""
    known = _known(kept)
    return np.array([_share_outside(row, known) for row in split_terms(batch.terms)])


def rare_words_of_reference(kept: KeptTerms, batch: Batch, rng: np.random.Generator, *, grouped: bool) -> np.ndarray:
    """The same of each row of the other half, (n,); nan of the half that is asked. kept: its counts. rng: as they were
    drawn with."""
    found = rare_words(kept, batch)
    asked = drawn_rows(batch, rng, grouped)[: PART * _half(kept)]
    if grouped and batch.groups is not None:
        found[np.isin(batch.groups, batch.groups[asked])] = np.nan
    else:
        found[asked] = np.nan
    return found


def _half(kept: KeptTerms) -> int:
    return len(kept.parts) // 2


def _known(kept: KeptTerms) -> frozenset[str]:
    often = kept.parts[: _half(kept)].sum(axis=0, dtype=np.int64) >= LEAST_ROWS
    return frozenset(word for word, enough in zip(kept.words, often.tolist(), strict=True) if enough)


def planted_power_of_terms(
    kept: KeptTerms, now: Batch, rng: np.random.Generator, *, level: float, grouped: bool
) -> dict[float, bool]:
    """By share: whether a new word is named that so many rows (groups) of a batch without drift are given."""
    found = {}
    for share in NEW_SHARES:
        told = moved_terms(
            kept, _with_word(now, share, rng, grouped), rng, draws=TRIED_DRAWS, level=level, grouped=grouped
        )
        found[share] = told is not None and any(one.term == _NEW for one in told[1])
    return found


def _with_word(batch: Batch, share: float, rng: np.random.Generator, grouped: bool) -> Batch:
    of = np.arange(len(batch))
    if grouped and batch.groups is not None:
        of = np.unique(batch.groups, return_inverse=True)[1]
    count = int(of.max()) + 1
    chosen = np.isin(of, rng.permutation(count)[: round(share * count)])
    terms = batch.terms.copy()
    terms[chosen] = [f"{one}\0{_NEW}" if one else _NEW for one in terms[chosen].tolist()]
    return batch.with_terms(terms)


def moved_terms(
    before: KeptTerms, current: Batch, rng: np.random.Generator, *, draws: int, level: float, grouped: bool
) -> tuple[ShiftFact, tuple[TermFact, ...]] | None:
    """The terms of a batch against those of the reference; None where it has too few rows.

    The p-value of the shift is already paid for among all terms; ``adjusted`` also for being one part of a check.
    """
    held = _rows(current, rng, grouped)
    if len(held) < 2 * PART:
        return None
    users = Counter(term for terms in held for term in terms)
    known = frozenset(before.words)
    fresh = [term for term, count in users.items() if count >= LEAST_ROWS and term not in known]
    words = (*before.words, *sorted(fresh))
    reference = np.zeros((len(before.parts), len(words)), np.uint8)
    reference[:, : len(before.words)] = before.parts
    for place in range(len(before.words), len(words)):
        reference[rng.integers(len(reference), size=LEAST_ROWS - 1), place] += 1
    now = _counted(held, words)
    made = shuffles(len(reference), len(now), rng=rng, draws=draws)
    found = term_shifts(sparse.csr_array(reference), sparse.csr_array(now), made, rows=PART, level=level * SHARE)
    if not found:
        return None
    told = tuple(
        TermFact(
            term=words[one.place], emerged=one.difference.mean > 0, difference=one.difference,
            before=one.before if words[one.place] in known else 0, now=one.now, adjusted=min(1.0, one.adjusted / SHARE),
        )
        for one in found
        if one.adjusted <= level * SHARE
    )  # fmt: skip
    first = found[0]
    effect = first.difference if first.difference.mean > 0 else first.difference.reversed
    adjusted = min(1.0, first.adjusted / SHARE)
    fact = ShiftFact(
        detector="terms", of="terms", means="words that emerge or vanish", segment="", p_value=first.adjusted,
        adjusted=adjusted, effect=effect, unit="share of rows with one word more or less", matters=MATTERS,
        significant=adjusted <= level, large=adjusted <= level and (effect.low or 0.0) >= MATTERS,
        rows=(PART * len(reference), PART * len(now)),
    )  # fmt: skip
    return fact, told[:_NAMED]


def write_terms(folder: Path, counts: KeptTerms) -> None:
    """Into the folder of a baseline."""
    write_json(folder / WORDS, list(counts.words))
    save_file({"parts": counts.parts}, folder / PARTS)


def read_terms(folder: Path) -> KeptTerms | None:
    """Of a baseline; None where it has none. Raises ValueError for what does not fit together."""
    if not (folder / WORDS).is_file():
        return None
    words = foreign.read_json(folder / WORDS)
    check_safetensors(folder / PARTS)
    parts = load_file(folder / PARTS)["parts"]
    if not isinstance(words, list) or parts.ndim != 2 or parts.shape[1] != len(words):
        raise ValueError(f"{len(words)} terms and counts of shape {parts.shape}")
    return KeptTerms(tuple(map(str, words)), parts)


def _rows(batch: Batch, rng: np.random.Generator, grouped: bool) -> list[list[str]]:
    """The terms of rows in random order, one row of a group; of at most five thousand, in whole parts."""
    held = batch.terms[drawn_rows(batch, rng, grouped)]
    return split_terms(held) if any(held.tolist()) else []


def drawn_rows(batch: Batch, rng: np.random.Generator, grouped: bool) -> np.ndarray:
    """Places of rows in random order, one row of a group where rows belong together; at most five thousand, in whole
    parts."""
    order = rng.permutation(len(batch))
    if grouped and batch.groups is not None:
        order = order[np.sort(np.unique(batch.groups[order], return_index=True)[1])]
    order = order[:MOST_ROWS]
    return np.asarray(order[: len(order) // PART * PART])


def split_terms(terms: np.ndarray) -> list[list[str]]:
    """The words of rows as a batch holds them, each once."""
    return [one.split("\0") if one else [] for one in terms.tolist()]


def _share_outside(terms: list[str], known: AbstractSet[str]) -> float:
    return sum(term not in known for term in terms) / len(terms) if terms else 0.0


def incidence(held: list[list[str]], words: tuple[str, ...]) -> sparse.csr_array:
    """Which rows have which words, float32 (rows, words)."""
    place = {word: at for at, word in enumerate(words)}
    found = [[place[term] for term in terms if term in place] for terms in held]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in found])]).astype(np.int64)
    columns = np.array([at for one in found for at in one], np.int64)
    return sparse.csr_array((np.ones(len(columns), np.float32), columns, starts), shape=(len(held), len(words)))


def _counted(held: list[list[str]], words: tuple[str, ...]) -> np.ndarray:
    counted = incidence(held[: len(held) // PART * PART], words)
    parts = sparse.csr_array(
        (np.ones(counted.shape[0], np.float32), np.arange(counted.shape[0]),
         np.arange(0, counted.shape[0] + 1, PART)),
        shape=(counted.shape[0] // PART, counted.shape[0]),
    )  # fmt: skip
    return np.asarray((parts @ counted).toarray(), np.uint8)
