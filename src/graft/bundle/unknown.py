"""How much of a text a vocabulary has never seen: the check of a classical model that keeps no rows.

Decisions: the share of a text's distinct n-grams that occur in no other unit of training rows (near copies and rows of
one group are one unit), with the threshold that flags a stated share of familiar rows; an n-gram that only one unit has
counts as unknown to it.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from graft.decisions.outlying import far_below
from graft.scores.classical import NgramEncoder


@dataclass(frozen=True)
class UnknownTerms:
    """The first vocabulary of a classical model.

    threshold: share of unknown n-grams beyond which a text is far; None when that cannot be told.
    """

    encoder: NgramEncoder
    threshold: float | None

    def far(self, texts: Sequence[str]) -> list[str | None]:
        """For each text why it is far, in words, or None."""
        if self.threshold is None:
            return [None] * len(texts)
        analyse, known = _analyser(self.encoder), frozenset(self.encoder.terms)
        shares = [_share(set(analyse(text)), known) for text in texts]
        return [
            f"far from the training rows: {share:.0%} of its n-grams are unknown" if share > self.threshold else None
            for share in shares
        ]


def unknown_terms(encoder: NgramEncoder, texts: Sequence[str], units: np.ndarray, *, rate: float) -> UnknownTerms:
    """The check, with its threshold from the training texts. units: which texts belong together, (texts,)."""
    analyse, vocabulary = _analyser(encoder), frozenset(encoder.terms)
    held = [set(analyse(text)) for text in texts]
    users: defaultdict[str, set[int]] = defaultdict(set)
    for terms, one in zip(held, units.tolist(), strict=True):
        for term in terms & vocabulary:
            users[term].add(one)
    shared = frozenset(term for term, found in users.items() if len(found) > 1)
    below = far_below(-np.array([_share(terms, shared) for terms in held]), units, rate=rate)
    return UnknownTerms(encoder, None if below is None else -below)


def _share(terms: set[str], known: frozenset[str]) -> float:
    return len(terms - known) / len(terms) if terms else 1.0


def _analyser(encoder: NgramEncoder) -> Callable[[str], list[str]]:
    # The same settings as the vocabulary was made with: scores/classical.py.
    counter = CountVectorizer(
        analyzer=encoder.analyzer,
        ngram_range=encoder.ngrams,
        strip_accents="unicode",
        token_pattern=r"(?u)\b\w+\b" if encoder.analyzer == "word" else None,
    )
    analyser: Callable[[str], list[str]] = counter.build_analyzer()
    return analyser
