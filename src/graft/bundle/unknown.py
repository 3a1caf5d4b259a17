"""How much of a text a vocabulary has never seen: the check of a classical model that keeps no rows.

Decisions: the share of a text's distinct n-grams that occur in no other training row, against the 99th percentile of
that share among the training rows themselves; an n-gram that only one training row has counts as unknown to it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from graft.scores.classical import NgramEncoder

_SHARE = 0.99


@dataclass(frozen=True)
class UnknownTerms:
    """The first vocabulary of a classical model. threshold: share of unknown n-grams beyond which a text is far."""

    encoder: NgramEncoder
    threshold: float

    def far(self, texts: Sequence[str]) -> list[str | None]:
        """For each text why it is far, in words, or None."""
        analyse, known = _analyser(self.encoder), frozenset(self.encoder.terms)
        shares = [_share(set(analyse(text)), known) for text in texts]
        return [
            f"far from the training rows: {share:.0%} of its n-grams are unknown" if share > self.threshold else None
            for share in shares
        ]


def unknown_terms(encoder: NgramEncoder, texts: Sequence[str]) -> UnknownTerms:
    """The check, with its threshold from the training texts."""
    analyse, vocabulary = _analyser(encoder), frozenset(encoder.terms)
    held = [set(analyse(text)) for text in texts]
    rows = Counter(term for terms in held for term in terms if term in vocabulary)
    shared = frozenset(term for term, count in rows.items() if count > 1)
    shares = [_share(terms, shared) for terms in held]
    return UnknownTerms(encoder, float(np.quantile(shares, _SHARE, method="higher")))


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
