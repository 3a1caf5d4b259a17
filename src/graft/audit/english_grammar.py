"""English grammar around a word that is exchanged: he and she, noun or adjective, a or an, possessives.

Decisions: rules of our own that look at the words beside a word, no parser. *Her* is *his* before a noun and *him*
elsewhere; which it is, is told only where the next word tells it (*her own*, *her to*). After verbs that take a person
and a thing (*gave her money*) or a person and a verb (*let her go*) nothing tells them apart: then the answer is None,
and the text is listed rather than guessed at.
"""

import re
from pathlib import Path

from graft.core.yaml_file import read_yaml

_WORD = re.compile(r"[^\W_]+(?:[-'\u2019][^\W_]+)*")
_GAP = re.compile(r"\s+")
_NEAR = 200  # characters that are looked at before a word, so that long texts take no longer than their length
_ARTICLE = re.compile(r"(?<![\w'\u2019.-])(an?)(\s+[\"\u201c\u2018(]*)$", re.IGNORECASE)
_AN = re.compile(r"(?:[aefio]|h(?:our|onest|onou?r|eir)|u(?!ni|s[aeiu]|k[r]|gand|topi|rani|rug|rin))", re.IGNORECASE)
_NOT_AN = re.compile(r"(?:eu|ewe|one(?![a-z])|once|ouija)", re.IGNORECASE)

_LISTS = {
    name: frozenset(found)
    for name, found in read_yaml(
        Path(__file__).with_name("english_words.yaml"), what="words of English", fix="install Graft again"
    ).items()
}
PEOPLE = _LISTS["people"]
_YEARS = _LISTS["years"]
_PRONOUNS = {
    "he": ("he", "subject"), "him": ("he", "object"), "himself": ("he", "self"), "his": ("he", "his"),
    "she": ("she", "subject"), "her": ("she", "her"), "herself": ("she", "self"), "hers": ("she", "own"),
}  # fmt: skip
_OTHER = {
    "he": {"subject": "she", "object": "her", "self": "herself", "owned": "her", "own": "hers"},
    "she": {"subject": "he", "object": "him", "self": "himself", "owned": "his", "own": "his"},
}
_PREPOSITIONS = _LISTS["prepositions"]
_JOINING = _LISTS["joining"]
_DETERMINERS = _LISTS["determiners"]
_VERBS = _LISTS["verbs"]
_ADVERBS = _LISTS["adverbs"]
_AFTER_OBJECT = (_PREPOSITIONS | _JOINING | _DETERMINERS | _ADVERBS | _VERBS) - {"like", "second"}
_MAY_BE_EITHER = _LISTS["may_be_either"]
_TWO_FOLLOW = _LISTS["two_follow"]
_COPULAS = _LISTS["copulas"]
_BEFORE_NOUN = _LISTS["before_noun"]


def next_word(text: str, end: int) -> str:
    """The word after a place, lower case, past blanks and an opening quotation mark; "" where something else comes."""
    gap = _GAP.match(text, end)
    if gap is None:
        return ""
    place = gap.end() + (text[gap.end() : gap.end() + 1] in "\"\u201c\u2018'" and gap.end() < len(text))
    found = _WORD.match(text, place)
    return found.group().casefold() if found else ""


def words_before(text: str, start: int, count: int) -> list[str]:
    """Up to so many words before a place, lower case, the nearest first; none from beyond a comma or a full stop."""
    clause = re.split(r"[^\w\s'\u2019\"\u201c\u201d\u2018-]", text[max(0, start - 40 * count) : start])[-1]
    return [word.casefold() for word in _WORD.findall(clause)][::-1][:count]


def before_people(text: str, start: int, end: int) -> bool:
    """Whether a word for people follows, and the word is no count of years (*30 year old man*)."""
    if text[start - 1 : start] == "-" and start:
        return False
    before = words_before(text, start, 1)
    return next_word(text, end).removesuffix("'s").removesuffix("\u2019s") in PEOPLE and not (
        before and before[0] in _YEARS
    )


def pronoun_of(word: str) -> str:
    """``he`` or ``she``, whose form a word is; "" for none."""
    found = _PRONOUNS.get(word.casefold())
    return found[0] if found else ""


def other_pronoun(text: str, start: int, end: int) -> str | None:
    """What stands in the place of a form of he or she, lower case; None where the words around it do not tell.

    >>> other_pronoun("I saw her today", 6, 9), other_pronoun("her own car", 0, 3), other_pronoun("gave her food", 5, 8)
    ('him', 'his', None)
    """
    person, form = _PRONOUNS[text[start:end].casefold()]
    if form == "his":
        form = _his(text, start, end)
    elif form == "her":
        form = _her(text, start, end)
    return _OTHER[person].get(form)


def _his(text: str, start: int, end: int) -> str:
    """``owned`` before what is his, ``own`` where it stands alone, "" where that is not told."""
    after = next_word(text, end)
    if not after:
        rest = text[end:].lstrip()
        return "own" if not rest or rest[0] in '.!?;:)"\u201d' else ""
    if after in _MAY_BE_EITHER & {"and", "or", "but", "so", "in", "on", "not"}:
        return ""
    if after in _AFTER_OBJECT - {"every", "each", "always", "never", "already", "even", "alone", "often", "once"}:
        return "own"
    return "owned"


def _her(text: str, start: int, end: int) -> str:
    """``owned`` before what is hers, ``object`` where it is she, "" where that is not told."""
    after = next_word(text, end)
    if after == "own":
        return "owned"
    if not after:
        rest = text[end:].lstrip()
        return "" if rest and rest[0] in "([{<'\u2018`*_-\u2013\u2014/" else "object"
    if after in _AFTER_OBJECT:
        return "" if after in ("second", "every", "each", "once", "always", "never", "often", "even") else "object"
    if after in _MAY_BE_EITHER:
        return "object" if after in ("and", "or", "but") and _goes_on(text, end) else ""
    before = words_before(text, start, 1)
    return "" if before and before[0] in _TWO_FOLLOW else "owned"


def _goes_on(text: str, end: int) -> bool:
    """Whether after *and*, *or* or *but* a sentence goes on, and no second owner (*her and his house*)."""
    conjunction = _WORD.search(text, end)
    assert conjunction is not None
    following = next_word(text, conjunction.end())
    return following in {"i", "he", "she", "it", "they", "we", "you", "then", "the", "that", "not", "when"} | _VERBS


def noun_or_adjective(text: str, start: int, end: int) -> str | None:
    """``noun``, ``adjective`` or None, of a word that may be both (*a Christian*, *a Christian man*).

    >>> noun_or_adjective("a Christian man", 2, 11), noun_or_adjective("he is a Christian.", 8, 17)
    ('adjective', 'noun')
    """
    after, before = next_word(text, end), words_before(text, start, 4)
    if text[end : end + 1] == "-" or (text[start - 1 : start] == "-" and start):
        return "adjective"
    if text[end : end + 2] in ("'s", "\u2019s"):
        return "noun"
    if after in PEOPLE:
        return "adjective"
    alone = not after or after in _AFTER_OBJECT or after in ("and", "or", "but", "in", "on", "so", "not")
    if not alone:
        verb = after in _VERBS or (after.endswith("ed") and len(after) > 4)
        return None if verb else "adjective"
    if before and before[0] in _COPULAS:
        return "adjective"
    # The article of this noun, and of no other: no verb stands between.
    for word in before[:3]:
        if word in _BEFORE_NOUN or word in _VERBS:
            return "noun" if word in _BEFORE_NOUN else None
    return None


def with_article(before: str, word: str) -> str:
    """A text that a word follows, with the article at its end made to fit.

    >>> with_article("I met a ", "atheist"), with_article("An ", "Muslim"), with_article("in a ", "European")
    ('I met an ', 'A ', 'in a ')
    """
    found = _ARTICLE.search(before)
    if found is None:
        return before
    first, gap = found.groups()
    vowel = bool(_AN.match(word)) and not _NOT_AN.match(word)
    article = first[0] + (("N" if word.isupper() and first[0].isupper() else "n") if vowel else "")
    return before[: found.start()] + article + gap


def possessive(text: str, end: int, old: str, new: str) -> tuple[str, int]:
    """The ending after a new word, and where the text goes on: *women's* becomes *Muslims'*.

    >>> possessive("the women's", 9, "women", "Muslims"), possessive("Muslims' rights", 7, "Muslims", "women")
    (("'", 11), ("'s", 8))
    """
    mark = text[end : end + 1]
    if mark not in ("'", "\u2019") or not mark:
        return "", end
    if text[end + 1 : end + 2] in ("s", "S") and not text[end + 2 : end + 3].isalnum():
        # Only of a plural that had no s, since a plural is exchanged for a plural.
        many = old.casefold().endswith(("men", "people", "children")) and new[-1:] in ("s", "S")
        return (mark if many else text[end : end + 2]), end + 2
    before = text[max(0, end - _NEAR) : end]
    quoted = before.count(mark) % 2 == 1 and re.search(rf"(?:^|[\s(]){mark}", before)
    if old[-1:] in ("s", "S") and new[-1:] not in ("s", "S") and not quoted and text[end + 1 : end + 2].isspace():
        return mark + ("S" if old.isupper() else "s"), end + 1
    return "", end


def in_case_of(new: str, found: str, listed: str, *, starts: bool) -> str:
    """A listed word in the case in which another was found. listed: as that stands in its list; starts: whether it
    begins a sentence.

    >>> [in_case_of("gay", "Jewish", "Jewish", starts=False), in_case_of("Jewish", "gay", "gay", starts=False)]
    ['gay', 'Jewish']
    >>> [in_case_of("she", "HE", "he", starts=False), in_case_of("Muslim", "jew", "Jew", starts=False)]
    ['SHE', 'muslim']
    """
    letters = [char for char in found if char.isalpha()]
    shouted = sum(char.isupper() for char in letters)
    if letters and shouted == len(letters) > 1 and listed.upper() != listed:
        return new.upper()
    capital = bool(letters) and letters[0].isupper()
    proper = listed[:1].isupper()
    if capital and (not proper or starts):
        return new[:1].upper() + new[1:]
    if proper and not capital and letters and letters[0].islower():
        return new.lower()
    return new
