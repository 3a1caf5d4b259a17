"""When two texts are the same: a loose form for keeping repeats together, a strict one for what they claim.

Decisions: a split must not see a text on both sides, so there the loose form errs towards "the same": case,
compatibility forms, punctuation and spaces are folded; symbols and emoji count, since they can carry the label. A
contradiction is an accusation, so there the strict form errs towards "different": ``-5`` and ``5``, ``C#`` and ``C``,
``1.10`` and ``1 10``, ``?`` and ``!`` are different claims. It folds what a keyboard, an editor or a font decides:
case, compatibility forms, spaces, the shape of quotes and dashes, a hyphen between two words of letters (Banking77's
one real contradiction is ``top-up`` and ``top up``) and one full stop at the end, which closes a sentence and claims
nothing; an ellipsis stays. Characters nobody sees (zero-width, soft hyphen, writing direction) do not split words: both
forms drop them first. Texts that are equal in strict form are equal in loose form.
"""

import re
import unicodedata

_UNSEEN = dict.fromkeys(
    [0x00AD, 0x034F, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
)
_SHAPES = {
    **dict.fromkeys([*range(0x2018, 0x201C), 0x2032], "'"),
    **dict.fromkeys([*range(0x201C, 0x2020), 0x2033, 0x00AB, 0x00BB], '"'),
    **dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-"),
}
_HYPHEN = re.compile(r"(?<=[^\W\d_]{2})-(?=[^\W\d_]{2})")
_STOPS = (".", "。")


class _Fold(dict[int, str]):
    """Translation of punctuation, separators and control characters to a space; other characters stay."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = " " if unicodedata.category(character)[0] in "PZC" else character
        self[code] = kept
        return kept


_FOLD = _Fold()


def normalise(text: str) -> str:
    """The form under which two texts are repeats of one another.

    >>> normalise("  \\uff28ello,   WO\\u200bRLD!! ")
    'hello world'
    """
    folded = _folded(text)
    return " ".join(folded.translate(_FOLD).split()) or " ".join(folded.split())


def strict_form(text: str) -> str:
    """The form under which two texts make the same claim.

    >>> strict_form("It\\u2019s  DONE."), strict_form("C#"), strict_form("Done?")
    ("it's done", 'c#', 'done?')
    """
    plain = " ".join(_HYPHEN.sub(" ", _folded(text)).split())
    return plain[:-1] if plain.endswith(_STOPS) and plain[-2:-1].isalnum() else plain


def _folded(text: str) -> str:
    seen = text.translate(_UNSEEN)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold()).translate(_SHAPES)
