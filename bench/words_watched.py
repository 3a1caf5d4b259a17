"""Words of a batch that stand in other company: ``python -m bench words-watched`` (``names=clinc150 pairs=5``).

Banking77 and CLINC150, 4,000 rows of reference and 500 of today, in the vectors of MiniLM. False alarms without drift
and where texts of one topic are four times as likely today (share of checks with a word named, and words named a
check, at 5 %). Then one word is made up: it stands for a word in the reference and, in a share of today's 50 rows with
it, for another one as frequent (a pseudo-word, as Schuetze 1992 made them), its texts embedded as they then are: how
often it is named at the tenth of the level that a check spends, from the row's vector, from vectors of the words beside
it (truncated SVD of their counts), and from counts of neighbouring words themselves.
"""

import re
from collections import Counter

import numpy as np
import polars as pl
from scipy import sparse

from bench.draws import Found
from bench.rows import DATA
from graft.evidence.contexts import TermTexts, Texts, context_shifts
from graft.representations.cache import ActivationCache
from graft.representations.encoding.encoder import Encoder
from graft.representations.sources import resolve_source
from graft.tables.neighbourhood.labels import words_of

SETS = {"banking77": "text", "clinc150": "text"}
REFERENCE, TODAY, DIRECTIONS, PART, LEAST, WITH_IT = 4_000, 500, 16, 5, 25, 50
SHARES = (0.25, 0.5, 1.0)


def texts_of(places: np.ndarray, rng: np.random.Generator) -> TermTexts:
    order = rng.permutation(len(places))[: len(places) // PART * PART]
    return TermTexts(places[order].reshape(-1, PART, places.shape[1]).mean(axis=1), Texts.of(places))


class Rows:
    """One set: its texts, their words and vectors, and pairs of words that are as frequent as one another."""

    def __init__(self, name: str, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        given = pl.read_csv(DATA.with_name(name) / "train.csv")[SETS[name]].to_list()
        self.texts = [given[row] for row in rng.permutation(len(given))[: REFERENCE + 2_000]]
        self.words = [frozenset(words_of(text)) for text in self.texts]
        # Vectors are kept, so a run that was stopped goes on.
        self.encoder = Encoder(resolve_source("minilm"), cache=ActivationCache())
        vectors = self.encoder.vectors(self.texts)[0]
        self.middle = vectors.mean(axis=0)
        self.basis = np.linalg.svd(vectors - self.middle, full_matrices=False)[2][:DIRECTIONS].T
        self.places = self.placed(vectors)
        users = Counter(word for words in self.words for word in words)
        self.rows = {
            word: np.array([row for row, words in enumerate(self.words) if word in words])
            for word, count in users.items()
            if count >= LEAST
        }
        often = [word for word, rows in self.rows.items() if 150 <= len(rows) <= 600 and len(word) > 3]
        self.pairs: list[tuple[str, str]] = []
        used: set[str] = set()
        for one in rng.permutation(often).tolist():
            for other in often:
                apart = abs(np.log(len(self.rows[one]) / len(self.rows[other]))) < 0.4
                if one < other and not {one, other} & used and apart:
                    self.pairs.append((one, other))
                    used |= {one, other}
                    break

    def placed(self, vectors: np.ndarray) -> np.ndarray:
        return np.asarray((vectors - self.middle) @ self.basis, np.float64)

    def halves(self, rng: np.random.Generator, weight: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        order = rng.permutation(len(self.texts))
        rest = order[REFERENCE:]
        chance = None if weight is None else weight[rest] / weight[rest].sum()
        return order[:REFERENCE], rng.choice(rest, TODAY, replace=False, p=chance)

    def compared(
        self, before: np.ndarray, now: np.ndarray, rng: np.random.Generator, draws: int,
        more: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> list[tuple[str, float]]:  # fmt: skip
        side = np.zeros(len(self.texts))
        side[before], side[now] = 1, 2
        names, pairs = [], []
        for word, rows in self.rows.items():
            old, new = rows[side[rows] == 1], rows[side[rows] == 2]
            if len(old) >= LEAST and len(new) >= 2 * PART:
                names.append(word)
                pairs.append((texts_of(self.places[old], rng), texts_of(self.places[new], rng)))
        if more is not None:
            names.append("")
            pairs.append((texts_of(more[0], rng), texts_of(more[1], rng)))
        whole = Texts.of(self.places[before]), Texts.of(self.places[now])
        found = context_shifts(pairs, whole, rows=PART, rng=rng, draws=draws)
        return [(names[one.place], one.adjusted) for one in found]

    def made_up(self, pair: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
        """Rows of one word and of the other, each without the other one's."""
        one, other = (set(self.rows[word].tolist()) for word in pair)
        return np.array(sorted(one - other)), np.array(sorted(other - one))


def words_watched(names: tuple[str, ...] | str = tuple(SETS), draws: int = 300, pairs: int = 14) -> Found:
    """names: of sets. draws: splits of each. pairs: of words, at most."""
    found: Found = {}
    for name in (names,) if isinstance(names, str) else names:
        rows = Rows(name)
        apart = np.where(rows.places[:, 0] > np.quantile(rows.places[:, 0], 0.7), 4.0, 1.0)
        for case, weight in (("no drift", None), ("one topic four times as likely", apart)):
            seen = []
            for seed in range(draws):
                rng = np.random.default_rng(seed)
                told = rows.compared(*rows.halves(rng, weight), rng, 199)
                seen.append([p <= 0.05 for _, p in told])
            found[f"{name}, {case}"] = {
                "checks that name a word": round(float(np.mean([any(one) for one in seen])), 3),
                "words named a check": round(float(np.mean([sum(one) for one in seen])), 3),
                "words compared": round(float(np.mean([len(one) for one in seen])), 1),
            }  # type: ignore[assignment]
        found[f"{name}, a word in other company"] = power(rows, pairs)  # type: ignore[assignment]
    return found


def power(rows: Rows, pairs: int) -> dict[str, dict[str, float]]:
    counts, words = beside(rows)
    ways: dict[str, list[list[bool]]] = {way: [[] for _ in SHARES] for way in ("rows", "words beside", "counts")}
    for pair in rows.pairs[:pairs]:
        own, other = rows.made_up(pair)
        every = np.concatenate([own, other])
        pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, pair))})\b", re.IGNORECASE)
        places = rows.placed(rows.encoder.vectors([pattern.sub("flux", rows.texts[row]) for row in every])[0])
        plain = counts[every].toarray()
        plain[:, [place for place, word in enumerate(words) if word in pair]] = 0
        semantic = plain @ rotation(counts)
        for seed in range(4):
            rng = np.random.default_rng(seed)
            before, now = rows.halves(rng)
            first, second = rng.permutation(len(own)), len(own) + rng.permutation(len(other))
            for place, share in enumerate(SHARES):
                moved = round(share * WITH_IT)
                here = np.concatenate([first[: WITH_IT - moved], second[:moved]])
                rest = first[WITH_IT:]
                told = rows.compared(before, now, rng, 999, (places[rest], places[here]))
                ways["rows"][place].append(dict(told)[""] <= 0.005)
                # Alone, at what is left of the level for one of about a hundred words.
                ways["words beside"][place].append(alone(semantic[rest], semantic[here], rng) <= 0.001)
                ways["counts"][place].append(alone(plain[rest], plain[here], rng, largest=True) <= 0.001)
    return {
        way: {
            f"{share:.0%} of its rows": round(float(np.mean(hits)), 2) for share, hits in zip(SHARES, told, strict=True)
        }
        for way, told in ways.items()
    }


def beside(rows: Rows) -> tuple[sparse.csr_array, list[str]]:
    words = [word for word, held in rows.rows.items() if len(held) >= PART]
    pairs = [(row, place) for place, word in enumerate(words) for row in rows.rows[word].tolist()]
    at = np.array(pairs).T
    shape = (len(rows.texts), len(words))
    return sparse.csr_array((np.ones(at.shape[1], np.float32), (at[0], at[1])), shape=shape), words


def rotation(counts: sparse.csr_array) -> np.ndarray:
    from sklearn.utils.extmath import randomized_svd

    weight = np.log(counts.shape[0] / np.asarray(counts.sum(axis=0)).ravel())
    found = randomized_svd(sparse.csr_matrix(counts.multiply(weight)), 2 * DIRECTIONS, random_state=0)[2]
    return np.asarray(weight[:, None] * found.T)


def alone(before: np.ndarray, now: np.ndarray, rng: np.random.Generator, *, largest: bool = False) -> float:
    pooled = np.concatenate([before, now]).astype(np.float64)
    drawn = np.zeros((len(pooled), 1000))
    drawn[len(before) :, 0] = 1
    for draw in range(1, 1000):
        drawn[rng.permutation(len(pooled))[: len(now)], draw] = 1
    sums = pooled.T @ drawn
    apart = np.square(sums / len(now) - (pooled.sum(axis=0)[:, None] - sums) / len(before))
    values = (apart / (apart.mean(axis=1)[:, None] + 1e-9)).max(axis=0) if largest else apart.sum(axis=0)
    return float((1 + (values[1:] >= values[0]).sum()) / len(values))
