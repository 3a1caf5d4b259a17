"""Words that stand in other company than in the reference: as frequent as ever, perhaps, and used for something else.

Decisions: where a text lies are the sixteen directions in which the reference varies most: as good as all 384 numbers
of the default source, and better than counts of neighbouring words (see ``docs/log.md``). What is kept of the reference
are, for words of at least 25 rows, means of five rows that have the word, put together at random, and how many rows
have each other word beside it, of five rows or more; no text. Where rows belong together one row of each group is
taken. What a word stood beside and stands beside now is told by the words whose share among its rows changed most for
what that share can vary, rare words before words that are everywhere. A word all of whose rows are another word's moves
by .7 of the spread of its texts (Banking77, CLINC150), so a quarter matters. Of a check, contexts may spend a tenth of
the level.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy import sparse

from graft.bundle.watch_erasure import CONTEXTS
from graft.evidence.contexts import ContextShift, TermTexts, Texts, context_shifts
from graft.evidence.terms import LEAST_ROWS
from graft.facts.watch import ContextFact, ShiftFact
from graft.representations.weights.safetensors_file import check_safetensors
from graft.watch.batch import Batch
from graft.watch.terms import PART, KeptTerms, drawn_rows, incidence, split_terms

CONTEXT_SHARE, CONTEXT_MATTERS = 0.1, 0.25
CONTEXT_SHARES = (0.1, 0.2, 0.4, 0.8)
_DIRECTIONS, _LEAST, _MOST_TERMS, _WIDEST = 16, 25, 400, 0.5
_NAMED, _BESIDE, _EXAMPLES = 8, 3, 3


@dataclass(frozen=True, eq=False)
class KeptContexts:
    """Where the texts of words lie.

    basis: directions, (numbers of a row, 16). middle: of the reference. whole: of all its rows. words: places among the
    words of ``KeptTerms``, (terms,). texts: of each. beside: rows of each that have every word, csr (terms, words).
    having: rows of all that have every word, (words,).
    """

    basis: np.ndarray
    middle: np.ndarray
    whole: Texts
    words: np.ndarray
    texts: tuple[TermTexts, ...]
    beside: sparse.csr_array
    having: np.ndarray

    def places(self, batch: Batch) -> np.ndarray:
        """Where rows lie, float64 (n, 16)."""
        return np.asarray((batch.vectors.astype(np.float64) - self.middle) @ self.basis)


def count_contexts(
    batch: Batch, kept: KeptTerms, rng: np.random.Generator, *, grouped: bool, basis: np.ndarray | None = None
) -> KeptContexts | None:
    """Of a reference; None without vectors, or where no word has rows enough. basis: directions, where known."""
    vectors = batch.vectors
    if not vectors.shape[1] or not np.isfinite(vectors).all() or not np.ptp(vectors, axis=0).any():
        return None
    order = drawn_rows(batch, rng, grouped)
    which = incidence(split_terms(batch.terms[order]), kept.words)
    users = np.asarray(which.sum(axis=0)).ravel()
    words = np.flatnonzero((users >= _LEAST) & (users <= _WIDEST * len(order)))
    words = np.sort(words[np.argsort(-users[words], kind="stable")[:_MOST_TERMS]])
    if not len(words):
        return None
    some = vectors[order].astype(np.float64)
    middle = some.mean(axis=0)
    if basis is None:
        basis = directions(some - middle)
    places = (some - middle) @ basis
    columns = which[:, words].tocsc()
    texts = tuple(_texts(places[_column(columns, one)], rng) for one in range(len(words)))
    beside = sparse.csr_array((columns.T @ which).astype(np.int32))
    beside.data[beside.data < LEAST_ROWS] = 0
    beside.eliminate_zeros()
    return KeptContexts(basis, middle, Texts.of(places), words, texts, beside, users.astype(np.int32))


def directions(rows: np.ndarray) -> np.ndarray:
    """The sixteen directions in which rows around their mean vary most, (numbers, 16)."""
    return np.asarray(np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :_DIRECTIONS])


def moved_contexts(
    before: KeptContexts, kept: KeptTerms, current: Batch, rng: np.random.Generator, *, draws: int, level: float,
    grouped: bool,
) -> tuple[ShiftFact, tuple[ContextFact, ...]] | None:  # fmt: skip
    """The company of the words of a batch beside that of the reference; None where no word has rows enough.

    The p-value of the shift is already paid for among all words; ``adjusted`` also for being one part of a check.
    """
    order = drawn_rows(current, rng, grouped)
    if len(order) < 2 * PART:
        return None
    held = split_terms(current.terms[order])
    places = before.places(current.take(order))
    columns = incidence(held, tuple(kept.words[one] for one in before.words)).tocsc()
    rows_of = [_column(columns, one) for one in range(len(before.words))]
    pairs = [(texts, _texts(places[rows], rng)) for texts, rows in zip(before.texts, rows_of, strict=True)]
    found = context_shifts(pairs, (before.whole, Texts.of(places)), rows=PART, rng=rng, draws=draws)
    if not found:
        return None
    first, adjusted = found[0], min(1.0, found[0].adjusted / CONTEXT_SHARE)
    told = tuple(
        _told(one, before, kept, held, rows_of[one.place], places, current.ids[order])
        for one in found[:_NAMED]
        if one.adjusted <= level * CONTEXT_SHARE
    )
    fact = ShiftFact(
        detector="contexts", of="terms", means="words that stand in other company", segment="", p_value=first.adjusted,
        adjusted=adjusted, effect=first.distance, unit="spreads of the texts of one word", matters=CONTEXT_MATTERS,
        significant=adjusted <= level, large=adjusted <= level and (first.distance.low or 0.0) >= CONTEXT_MATTERS,
        rows=(before.whole.rows, len(order)),
    )  # fmt: skip
    return fact, told


def planted_power_of_contexts(
    before: KeptContexts, kept: KeptTerms, now: Batch, rng: np.random.Generator, *, draws: int, level: float,
    grouped: bool,
) -> dict[float, bool]:  # fmt: skip
    """By share: whether a word is named of whose rows so many are other rows of the batch than those that had it."""
    held, found = split_terms(now.terms), dict.fromkeys(CONTEXT_SHARES, False)
    names = [kept.words[one] for one in before.words]
    rows = {name: [row for row, terms in enumerate(held) if name in terms] for name in names}
    often = [name for name in names if len(rows[name]) >= 2 * PART]
    if not often:
        return found
    word = often[int(rng.integers(len(often)))]
    others = [row for row in range(len(held)) if word not in held[row]]
    for share in CONTEXT_SHARES:
        count = min(round(share * len(rows[word])), len(others))
        terms = now.terms.copy()
        for row in rng.permutation(rows[word])[:count].tolist():
            terms[row] = "\0".join(term for term in held[row] if term != word)
        for row in rng.permutation(others)[:count].tolist():
            terms[row] = "\0".join([*held[row], word])
        changed = now.with_terms(terms)
        told = moved_contexts(before, kept, changed, rng, draws=draws, level=level, grouped=grouped)
        found[share] = told is not None and any(one.term == word for one in told[1])
    return found


def _texts(places: np.ndarray, rng: np.random.Generator) -> TermTexts:
    order = rng.permutation(len(places))
    whole = len(places) // PART * PART
    parts = places[order[:whole]].reshape(-1, PART, places.shape[1]).mean(axis=1)
    return TermTexts(parts, Texts.of(places))


def _column(columns: sparse.csc_array, place: int) -> np.ndarray:
    return np.asarray(columns.indices[columns.indptr[place] : columns.indptr[place + 1]])


def _told(
    one: ContextShift, before: KeptContexts, kept: KeptTerms, held: list[list[str]], rows: np.ndarray,
    places: np.ndarray, ids: np.ndarray,
) -> ContextFact:  # fmt: skip
    word = kept.words[int(before.words[one.place])]
    texts = before.texts[one.place].texts
    here, now = Counter(term for row in rows.tolist() for term in held[row]), Counter(t for row in held for t in row)
    start, end = before.beside.indptr[one.place : one.place + 2]
    there = {
        kept.words[int(at)]: int(count)
        for at, count in zip(before.beside.indices[start:end], before.beside.data[start:end], strict=True)
    }
    general = dict(zip(kept.words, before.having.tolist(), strict=True))
    marks = {}
    for term in sorted({*there, *here} - {word}):
        shares = there.get(term, 0) / texts.rows, here[term] / len(rows)
        # What the term did in all other texts is no news of its company.
        drift = now[term] / len(held) - general.get(term, 0) / before.whole.rows
        middle = (there.get(term, 0) + here[term] + 1) / (texts.rows + len(rows) + 2)
        spread = np.sqrt(middle * (1 - middle) * (1 / texts.rows + 1 / len(rows)))
        # Words that are everywhere say little of anybody's company.
        usual = (now[term] + general.get(term, 0) + 1) / (len(held) + before.whole.rows + 2)
        marks[term] = (shares[1] - shares[0] - drift) / spread * float(-np.log(usual))
    ranked = sorted(marks, key=lambda term: -marks[term])
    along = (places[rows] - texts.mean) @ one.way
    return ContextFact(
        term=word, before=texts.rows, now=len(rows), distance=one.distance,
        adjusted=min(1.0, one.adjusted / CONTEXT_SHARE),
        gone=tuple(term for term in ranked[::-1][:_BESIDE] if marks[term] < 0 and there.get(term, 0)),
        come=tuple(term for term in ranked[:_BESIDE] if marks[term] > 0 and here[term] > 1),
        examples=tuple(ids[rows[np.argsort(-along, kind="stable")[:_EXAMPLES]]].tolist()),
    )  # fmt: skip


def write_contexts(folder: Path, kept: KeptContexts) -> None:
    """Into the folder of a baseline."""
    counts = [len(one.parts) for one in kept.texts]
    arrays = {
        "basis": kept.basis, "middle": kept.middle, "words": kept.words.astype(np.int64),
        "having": kept.having.astype(np.int32), "whole.rows": np.array([kept.whole.rows]),
        "whole.mean": kept.whole.mean, "whole.covariance": kept.whole.covariance,
        "parts": np.concatenate([one.parts for one in kept.texts]), "counts": np.array(counts, np.int64),
        "rows": np.array([one.texts.rows for one in kept.texts], np.int64),
        "means": np.stack([one.texts.mean for one in kept.texts]),
        "covariances": np.stack([one.texts.covariance for one in kept.texts]),
        "beside.data": kept.beside.data.astype(np.int32), "beside.indices": kept.beside.indices.astype(np.int64),
        "beside.indptr": kept.beside.indptr.astype(np.int64),
    }  # fmt: skip
    save_file({name: np.ascontiguousarray(held) for name, held in arrays.items()}, folder / CONTEXTS)


def read_contexts(folder: Path, terms: KeptTerms | None) -> KeptContexts | None:
    """Of a baseline; None where it has none. Raises ValueError for what does not fit together."""
    if terms is None or not (folder / CONTEXTS).is_file():
        return None
    check_safetensors(folder / CONTEXTS)
    held = load_file(folder / CONTEXTS)
    words, counts, width = held["words"], held["counts"], held["basis"].shape[1]
    fits = len(words) == len(counts) == len(held["rows"]) == len(held["means"]) == len(held["covariances"])
    if not fits or held["parts"].shape != (counts.sum(), width) or len(held["having"]) != len(terms.words):
        raise ValueError(f"contexts of {len(words)} words, and {len(counts)} counts of parts")
    ends = np.cumsum(counts)
    texts = tuple(
        TermTexts(held["parts"][end - count : end], Texts(int(rows), mean, covariance))
        for end, count, rows, mean, covariance in zip(
            ends, counts, held["rows"], held["means"], held["covariances"], strict=True
        )
    )
    beside = sparse.csr_array(
        (held["beside.data"], held["beside.indices"], held["beside.indptr"]), shape=(len(words), len(terms.words))
    )  # fmt: skip
    whole = Texts(int(held["whole.rows"][0]), held["whole.mean"], held["whole.covariance"])
    return KeptContexts(held["basis"], held["middle"], whole, words, texts, beside, held["having"])
