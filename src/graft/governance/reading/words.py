"""The words of a text, for comparison: what is left when layout, case and punctuation are taken away.

Decisions: list marks (single characters and roman numerals) are dropped, because copies of one licence number their
clauses differently; ``licence`` and ``https`` are read as ``license`` and ``http``; each word keeps its place in the
text, so that what a recognised passage does not cover can be shown to a person. Beside a known text only what could be
a name (of a person, a firm, a project) is harmless: a list of harmful words is never complete, above all in languages
and scripts other than English. Words that forbid or narrow are known in a few languages all the same, for texts that
are not compared word for word.
"""

import hashlib
import html
import re
import unicodedata
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
# Beginnings of words that narrow, in German, French, Spanish, Italian, Portuguese, Dutch, Polish, the Nordic languages,
# Turkish, Russian and Ukrainian; and pieces of words in Chinese, Japanese and Korean.
_FOREIGN = re.compile(
    r"\b(?:kommerzi|gewerblich|untersag|verboten|verbied|nur\b|nicht|kein|forschungszweck|ausschlie|unentgeltlich|"
    r"interdit|commercia|comercia|prohib|proibid|uniquement|seulement|solament|únicament|unicament|solo\b|sólo\b|vietat|"
    r"apenas|somente|alleen|commerciee|tylko|komercyj|niekomerc|zabron|endast|kommersi|forbud|förbj|yaln\u0131z|ticari|"
    r"yasak|некоммерч|коммерч|запрещ|только|исключительно|лише|заборон|"
    r"(?:für|pour la|para|per la|voor) (?:forschung|recherche|investigaci|pesquisa|ricerca|onderzoek))|"
    r"[商禁僅仅]|非营利|非營利|不得|限于|限於|専用|のみ|除く|비상업|상업|금지|한정"
)
_NARROWING = re.compile(
    r"\b(?:alone|excluded|excluding|hobby|hobbyists?|money|owes?|percent|personal|private|students)\b"
)
# No name holds one of these: what does is a sentence.
_SPOKEN = re.compile(
    r"\b(?:are|ask|be|been|contact|does|email|if|is|ist|it|just|me|ours?|please|sera|sont|they|used|usage|usar|uso|"
    r"utilisation|gebruik|nutzung|nutzen|verwend\w*|was|we|were|with|you|your|für|pour|para|per)\b"
)
_ENGLISH = re.compile(
    r"\b(?:and|by|changes|dataset|from|in|into|license|licensed|made|of|on|removed|rows|source|the|to|under|version)\b"
)
_OTHER = re.compile(
    r"\b(?:au|avec|aux|com|con|da|das|de|dei|del|della|dem|den|der|des|di|die|do|dos|du|een|ein|eine|el|est|et|het|il|"
    r"ist|la|las|le|les|los|mit|och|og|para|per|por|pour|um|una|und|une|van|von|voor|zu|zur)\b"
)
# Each begins where a word does, so that a line without a space is not slow to read.
_END = re.compile(r"(?<![^\W\d_])(?P<word>[^\W\d_]{5,})[.;:!?]\s+\w|[!?]")
_ASIDE = re.compile(
    r"<[^<>\s]{0,120}>|(?<!\S)\S{1,80}@\S{1,80}|https?://\S{1,200}|www\.\S{1,200}|"
    r"(?<![\w/-])[\w/-]+\.(?:md|txt|rst)\b"
)
_SHORTENED = frozenset(["gmbh", "incorporated", "limited", "company", "technologies"])
_LONGEST_HAN = 8
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

    def between(self, first: int, last: int) -> str:
        """The text from word ``first`` up to word ``last``, which is not part of it; nothing when they are one."""
        return self.text[self.spans[first][0] : self.spans[last][0]] if first < last else ""


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


def legible(text: str) -> str:
    """A text as a reader sees it: HTML entities written out, letters in their plain form, marks nobody sees left out.

    >>> legible("N\\u200bon&shy;commercial \\ufb01les &amp; \\uff2d\\uff29\\uff34")
    'Noncommercial files & MIT'
    """
    plain = unicodedata.normalize("NFKC", html.unescape(text))
    return "".join(one for one in plain if unicodedata.category(one) != "Cf")


def could_be_name(text: str, *, longest: int) -> bool:
    """Whether a text of at most ``longest`` words could be the name of somebody or something, and sets no condition.

    Addresses are no words of it. Letters are Latin, or a few capitalised words of another script, or a short Chinese,
    Japanese or Korean name; a word that mixes scripts is none.

    >>> could_be_name("Google Inc. and others", longest=12), could_be_name("Hobbyists alone.", longest=12)
    (True, False)
    >>> could_be_name("李明", longest=12), could_be_name("仅限非商业用途", longest=12)
    (True, False)
    """
    text = _ASIDE.sub(" ", text)
    found = words_of(text)
    if len(found) > longest or sets_condition(found.words) or _SPOKEN.search(" ".join(found.words)):
        return False
    if any(end["word"] is None or end["word"].casefold() not in _SHORTENED for end in _END.finditer(text)):
        return False
    return all(_could_stand_in_name(match[0]) for match in _WORD.finditer(text))


def is_plain_note(text: str) -> bool:
    """Whether a text is English and sets no condition: who made something, and what was changed in it.

    >>> is_plain_note("Changes: duplicates removed from the rows"), is_plain_note("Die Daten sind nicht frei")
    (True, False)
    """
    found = words_of(_ASIDE.sub(" ", text))
    return is_english(text) and not sets_condition(found.words) and not _SPOKEN.search(" ".join(found.words))


def is_english(text: str) -> bool:
    """Whether a text has English words and hardly any of its neighbours, and other scripts in names alone.

    >>> is_english("This is under the MIT license"), is_english("MIT 许可证下的软件和模型")
    (True, False)
    """
    text = _ASIDE.sub(" ", text)
    words = " ".join(words_of(text).words)
    return len(_ENGLISH.findall(words)) > len(_OTHER.findall(words)) and all(
        _could_stand_in_name(match[0]) for match in _WORD.finditer(text)
    )


def _could_stand_in_name(word: str) -> bool:
    scripts = {unicodedata.name(one, "?").split()[0].split("-")[0] for one in word if one.isalpha()}
    if scripts <= {"LATIN"}:
        return True
    if scripts <= {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}:
        return len(word) <= _LONGEST_HAN
    return len(scripts) == 1 and word[0].isupper()


def wording_digest(words: Sequence[str]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of words joined by spaces."""
    return hashlib.sha256(" ".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def limits(words: Sequence[str]) -> bool:
    """Whether words could take back or narrow what a licence named beside them grants.

    >>> limits(words_of("MIT, for research only").words), limits(words_of("under the MIT license").words)
    (True, False)
    """
    text = " ".join(words)
    return any(found.search(text) for found in (_LIMITS, _NARROWING, _FOREIGN)) or denies(words)


def limits_abroad(words: Sequence[str]) -> bool:
    """Whether words could forbid or narrow something in a language other than English.

    >>> limits_abroad(words_of("nur für alle").words), limits_abroad(words_of("MIT 许可证").words)
    (True, False)
    """
    return _FOREIGN.search(" ".join(words)) is not None


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
    text = " ".join(words)
    return any(found.search(text) for found in (_CONDITIONS, _NARROWING, _FOREIGN))
