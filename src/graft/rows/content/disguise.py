"""Texts written so that a person reads one thing and a machine another, and what such a text says.

Decisions: three ways of hiding are told apart. *Letters*: a word has letters of several alphabets that look alike
(Latin, Cyrillic, Greek, ...); words of Japanese or Chinese beside Latin ones are no disguise. *Hidden*: characters that
nobody sees (zero-width, direction, control, tags), unless the script or an emoji needs them there. *Forms*: letters in
a form that Unicode folds away (full-width, mathematical, circled) or under marks that no composed letter has. Honest
texts have some of each (``μm``, a ligature from a PDF, a soft hyphen), so only their share, beside that of a reference,
means anything. What a text says is found by undoing all three.

Unicode Technical Standard 39, Unicode security mechanisms, for mixed scripts and confusables.
"""

import re
import unicodedata
from functools import lru_cache

LETTERS, HIDDEN, FORMS = "letters", "hidden", "forms"
_LOOKED_AT = 4_000  # characters of a text
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_WORD = re.compile(r"[^\W\d_]+")
_MARKS = re.compile(r"[\u0300-\u036f]")
_ALIKE = frozenset({"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC"})
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_BREAKS = frozenset("\t\n\v\f\r\x85")
_JOINERS, _TURNS, _FLAG = frozenset("\u200c\u200d"), frozenset("\u200e\u200f\u061c"), "\U0001f3f4"
_SIGNS = frozenset("ªº™℠µ№\u2113℃℉Ω")
_LATIN = str.maketrans(
    "аеорсухіјѕԁһӏвкмнтԛԝ" + "αορνυικετηχ", "aeopcyxijsdhlbkmhtqw" + "aopvuiketnx"
)  # fmt: skip


@lru_cache(maxsize=4096)
def alphabet_of(letter: str) -> str:
    """The writing system of a letter, by the name that Unicode gives it: ``LATIN``, ``CYRILLIC``.

    >>> alphabet_of("a"), alphabet_of("\u0436")
    ('LATIN', 'CYRILLIC')
    """
    return "LATIN" if letter.isascii() else unicodedata.name(letter, "UNKNOWN").split(" ")[0]


def disguise_of(text: str) -> str:
    """``letters``, ``hidden`` or ``forms``, the first that is found in the beginning of a text; "" for a plain one.

    >>> [disguise_of(text) for text in ("refund", "r\\u0435fund", "re\\u200bfund", "\\uff52\\uff45fund", "caf\\u00e9")]
    ['', 'letters', 'hidden', 'forms', '']
    """
    text = text[:_LOOKED_AT]
    if text.isascii():
        return HIDDEN if _CONTROL.search(text) else ""
    shown = "".join(character for character in text if not _unseen(character))
    for word in _WORD.findall(unicodedata.normalize("NFC", shown)):
        if not word.isascii() and len({alphabet_of(letter) for letter in word} & _ALIKE) > 1:
            return LETTERS
    if len(shown) < len(text) and _hides(text):
        return HIDDEN
    return FORMS if _unusual(shown) else ""


def revealed(text: str) -> str:
    """What a text says once disguise, case, punctuation and spaces are taken off, in lookalike letters of one alphabet.

    >>> revealed("R\\u0435-fu\\u200bnd,  \\uff4dy C\\u0301at!")
    're fund my cat'
    """
    shown = "".join(character for character in text[:_LOOKED_AT] if not _unseen(character))
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", shown).casefold())
    return " ".join(re.sub(r"[\W_]+", " ", _MARKS.sub("", folded).translate(_LATIN)).split()) or " ".join(shown.split())


def _unseen(character: str) -> bool:
    if character.isprintable():
        return character in _FILLERS
    # From \x80 to \x9f lie quotes and dashes of Windows that were read as Latin-1: broken, and no disguise.
    told = unicodedata.category(character)
    return told == "Cf" or (told == "Cc" and character < "\x80" and character not in _BREAKS)


def _hides(text: str) -> bool:
    """Whether anything unseen is where no script and no emoji needs it."""
    backwards = any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)
    for place, character in enumerate(text):
        if not _unseen(character):
            continue
        before = text[place - 1] if place else ""
        if character in _JOINERS:
            needed = bool(before) and not (before.isalnum() and alphabet_of(before) in _ALIKE | {"DIGIT"})
        elif character in _TURNS:
            needed = backwards
        elif "\U000e0020" <= character <= "\U000e007f":
            needed = _FLAG in text
        else:
            needed = character == "\ufeff" and not place
        if not needed:
            return True
    return False


def _unusual(text: str) -> bool:
    composed = unicodedata.normalize("NFC", text)
    if _MARKS.search(composed):
        return True
    if unicodedata.is_normalized("NFKC", composed):
        return False
    for character in composed:
        if character.isascii() or character in _SIGNS:
            continue
        folded = unicodedata.normalize("NFKC", character)
        if folded != character and folded.isalpha():
            return True
    return False
