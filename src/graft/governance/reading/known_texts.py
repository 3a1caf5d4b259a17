"""Licence texts that are recognised word for word.

Decisions: a text counts as a licence only when every word of its operative part is there, in order; a copy with one
word changed is not that licence. The table holds no licence texts, only the opening words, the length and the digest
of each piece (see ``words``). Between pieces stand names (``Neither the name of NAME nor``): a few words that
could be a name. What surrounds a licence in its usual copies (titles, preambles, how to apply it) is listed as
companions. Names are SPDX identifiers, or ScanCode's ``LicenseRef-scancode-…`` where SPDX has none.
"""

from functools import cache
from importlib.resources import files
from itertools import pairwise

import yaml

from graft.governance.reading.words import Words, could_be_name, wording_digest, words_of
from graft.governance.records import Record

OPENING = 5
LONGEST_NAME = 12
_MOST_COPIES = 200  # of one text in one file; a file made of openings alone must not be slow to read


class KnownPiece(Record):
    """A run of words. opening: its first words. count: how many it has. digest: of them all."""

    opening: str
    count: int
    digest: str


class KnownText(Record):
    """The pieces of a licence's operative part, in order. licence: empty for a companion, which grants nothing."""

    licence: str = ""
    pieces: tuple[KnownPiece, ...]


class Passage(Record):
    """A known text found: which licence, and the runs of words that are its own (first, one past the last)."""

    licence: str
    runs: tuple[tuple[int, int], ...]


def piece_of(text: str) -> KnownPiece:
    """The entry of a run of words: how the table was made, and how to add to it.

    >>> piece_of("Permission is hereby granted, free of charge, to any person").opening
    'permission is hereby granted free'
    """
    words = words_of(text).words
    return KnownPiece(opening=" ".join(words[:OPENING]), count=len(words), digest=wording_digest(words))


@cache
def known_texts() -> tuple[KnownText, ...]:
    """The table."""
    raw = yaml.safe_load((files(__package__) / "known_texts.yaml").read_text(encoding="utf-8"))
    return tuple(
        KnownText(licence=name, pieces=tuple(KnownPiece(opening=o, count=c, digest=d) for o, c, d in pieces))
        for name, texts in raw.items()
        for pieces in texts
    )


def find_passages(text: Words) -> tuple[Passage, ...]:
    """Every known text in a text, companions included, in the order of the table."""
    places: dict[str, list[int]] = {piece.opening: [] for known in known_texts() for piece in known.pieces}
    for start in range(len(text) - OPENING + 1):
        found = places.get(" ".join(text.words[start : start + OPENING]))
        if found is not None and len(found) < _MOST_COPIES:
            found.append(start)
    passages = []
    for known in known_texts():
        for start in places[known.pieces[0].opening]:
            runs = _follow(text, known, start, places)
            if runs:
                passages.append(Passage(licence=known.licence, runs=runs))
    return tuple(passages)


def _follow(text: Words, known: KnownText, start: int, places: dict[str, list[int]]) -> tuple[tuple[int, int], ...]:
    """The runs of a known text whose first piece begins at ``start``; empty when a word differs."""
    runs: list[tuple[int, int]] = []
    for piece in known.pieces:
        starts = [start] if not runs else [at for at in places[piece.opening] if 0 <= at - runs[-1][1] <= LONGEST_NAME]
        fitting = [at for at in starts if wording_digest(text.words[at : at + piece.count]) == piece.digest]
        if not fitting:
            return ()
        runs.append((fitting[0], fitting[0] + piece.count))
    names = (text.between(end, begin) for (_, end), (begin, _) in pairwise(runs))
    return tuple(runs) if all(could_be_name(name, longest=LONGEST_NAME) for name in names) else ()
