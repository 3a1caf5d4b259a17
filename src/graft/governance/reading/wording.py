"""The words of a text, for comparison: what is left when layout, case and punctuation are taken away.

Decisions: list marks (single characters and roman numerals) are dropped, because copies of one licence number their
clauses differently; ``licence`` and ``https`` are read as ``license`` and ``http``; each word keeps its place in the
text, so that what a recognised passage does not cover can be shown to a person.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+")
_MARK = re.compile(r".|ii|iii|iv|vi|vii|viii|ix|xi|xii")
_LIMITS = re.compile(
    r"\b(?:academic|alternatively|but|cannot|commercial|either|except|exceptions?|must|non|noncommercial|nonprofit|not|"
    r"only|prohibited|provided|research|unless)\b"
)
_DENIALS = re.compile(
    r"\b(?:anymore|aren|cease[ds]?|contrary|couldn|custom|didn|different|discontinued|doesn|don|earlier|except|expired|"
    r"former|formerly|instead|isn|longer|neither|never|no|nor|not|obsolete|other than|originally|previously|prior|"
    r"proprietary|rather|refused?|rejects?|replace[ds]?|revoked?|separate|separately|superseded|terminated|unless|"
    r"unlike|until|wasn|weren|withdrawn|withdraws?|without|won)\b"
)
_CONDITIONS = re.compile(
    r"\b(?:academic|agree|agreement|allowed|but|cannot|commercial|conditions?|educational|except|fees?|forbidden|licensed?|"
    r"licenses|military|pay|payments?|revenue|royalt(?:y|ies)|sale|sell|selling|sold|limited|may|must|non|noncommercial|nonprofit|not|only|permission|permitted|prohibited|provided|purposes?|"
    r"requires?|required|research|restricted|restrictions?|shall|solely|subject|terms|unless|use|warranty|without)\b"
)
_SAME = {"licence": "license", "licences": "licenses", "licenced": "licensed", "https": "http"}


@dataclass(frozen=True)
class Words:
    """The words of a text in order, and where each begins and ends in it (characters)."""

    text: str
    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        """Number of words."""
        return len(self.words)


def words_of(text: str) -> Words:
    """The comparable words of a text.

    >>> words_of("1. The LICENCE (see https://x.org) applies.").words
    ('the', 'license', 'see', 'http', 'org', 'applies')
    """
    found = []
    spans = []
    for match in _WORD.finditer(text):
        word = match[0].casefold()
        if not _MARK.fullmatch(word):
            found.append(_SAME.get(word, word))
            spans.append(match.span())
    return Words(text, tuple(found), tuple(spans))


def wording_digest(words: Sequence[str]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of words joined by spaces."""
    return hashlib.sha256(" ".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def limits(words: Sequence[str]) -> bool:
    """Whether words could take back or narrow what a licence named beside them grants.

    >>> limits(words_of("MIT, for research only").words), limits(words_of("under the MIT license").words)
    (True, False)
    """
    return _LIMITS.search(" ".join(words)) is not None or denies(words)


def denies(words: Sequence[str]) -> bool:
    """Whether words could say that what they name does not hold, or holds no more.

    >>> denies(words_of("no longer under the MIT license").words), denies(words_of("under the MIT license").words)
    (True, False)
    """
    return _DENIALS.search(" ".join(words)) is not None


def sets_condition(words: Sequence[str]) -> bool:
    """Whether words could say what one may do.

    >>> sets_condition(words_of("the copyright holders").words), sets_condition(words_of("no commercial use").words)
    (False, True)
    """
    return _CONDITIONS.search(" ".join(words)) is not None
